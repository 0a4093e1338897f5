// Prompts: a text field, the model's words as choices, and what the target changes.
import { choiceOf, fillChoice } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { lookingWord, lookLine } from "./looks.js";
import { delayedCall, labelled } from "./parts.js";
import { promptWords } from "./requests.js";
import { slotIn, withSlot, wordSteps } from "./sentences.js";
/** @import { Lab, Slot, World } from "./types.js" */

const TYPING = 350; // ms without a key before a typed prompt is asked for
const EMPTY = "Write what the picture should become; the last edit stays until then.";
const TAGS = /** @type {const} */ ({ same: "span", gone: "del", come: "ins" });

/**
 * The model's words as one select a slot. A slot that some sample's prompt does without may be empty.
 * @param {World} world
 * @param {string} testid
 * @param {() => string} get the prompt
 * @param {(prompt: string) => void} set takes the changed one
 */
export function slotChoices(world, testid, get, set) {
  const optional = (/** @type {Slot} */ slot) => world.samples.some((sample) => !slotIn(sample.prompt, slot));
  const choices = world.slots.map((slot, index) => ({
    slot,
    none: optional(slot),
    select: choiceOf(`${testid}-${slot.label}`, [], (phrase) => set(withSlot(get(), world, index, phrase)), {
      "aria-label": slot.label,
      title: slot.label,
    }),
  }));
  const show = () => {
    for (const { slot, none, select } of choices) {
      const phrase = slotIn(get(), slot)?.phrase ?? "";
      /** @type {[string, string][]} */
      const empty = none || !phrase ? [["", `no ${slot.label}`]] : [];
      fillChoice(select, [...empty, ...slot.words.filter(Boolean).map(twice)]);
      select.value = phrase;
    }
  };
  const root = element("div", { class: "styledit-slots" }, ...choices.map(({ select }) => select));
  root.hidden = !choices.length;
  return { root, show };
}

/**
 * @param {string} word
 * @returns {[string, string]}
 */
function twice(word) {
  return [word, word];
}

/**
 * The prompt that it shall become. Typed: after a pause, with Enter at once.
 * @param {Lab} lab
 */
export function targetPrompt(lab) {
  const input = element("input", {
    type: "text",
    "data-testid": "target-prompt",
    spellcheck: "false",
    autocomplete: "off",
  });
  const difference = element("p", {
    class: "styledit-difference-line",
    "data-testid": "prompt-difference",
  });
  const typed = delayedCall(() => send(), TYPING);
  const slots = slotChoices(
    lab.world,
    "target-slot",
    () => input.value,
    (prompt) => {
      input.value = prompt;
      send();
    },
  );
  const send = () => {
    typed.stop();
    const prompt = input.value.trim();
    if (prompt && prompt !== lab.edits.current.prompt) lab.edits.setPrompt(prompt);
  };
  let written = "";
  const showDifference = () => {
    slots.show();
    const source = lab.source().prompt ?? "";
    const now = JSON.stringify([source, input.value]);
    if (now === written) return; // a word that is pointed at, or focused, must stay
    written = now;
    difference.replaceChildren(...markedDifference(source, input.value));
  };
  input.addEventListener("input", () => {
    if (!input.value.trim()) lab.forgetProblem(); // it was said of words that are gone
    showDifference();
    typed.start();
  });
  input.addEventListener("change", send);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") send();
  });
  lab.edits.onChange(({ prompt }) => {
    if (!typed.waits() && input.value.trim() !== prompt) input.value = prompt;
    showDifference();
  });
  lab.onSource(showDifference);
  lab.focusTarget = () => input.focus();
  lab.cleanups.push(typed.stop);
  return element(
    "section",
    { class: "styledit-target" },
    labelled("It should become", input, { class: "styledit-field styledit-wide" }),
    slots.root,
    ...lookLine(difference),
  );
}

/**
 * Words of two prompts with what went struck and what came marked, as nodes.
 * @param {string} source
 * @param {string} target
 */
function markedDifference(source, target) {
  const before = promptWords(source);
  const after = promptWords(target);
  if (!after.length) return [element("span", { class: "styledit-hint" }, EMPTY)];
  const words = wordSteps(before, after).flatMap(([kind, word]) => [
    element(TAGS[kind], {}, lookingWord(word, kind === "gone" ? "source" : "edit")),
    " ",
  ]);
  if (before.join(" ") !== after.join(" ")) return words;
  return [...words, element("span", { class: "styledit-hint" }, "Change a word: the picture follows.")];
}
