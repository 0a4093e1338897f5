// Prompts: a text field, the model's words as choices, and what the target changes.
import { element } from "../shared/elements.js";
import { choiceOf, delayedCall, fillChoice, labelled } from "./parts.js";
import { promptWords } from "./requests.js";

const TYPING = 350; // ms without a key before a typed prompt is asked for

// A prompt as the model reads it, letter by letter.
const asRead = (prompt) => prompt.toLowerCase().replace(/[.,!?;:]/g, " ");

// Where a slot's phrase stands in a prompt: {start, end, phrase}, the first one that is there; or null.
export function slotIn(prompt, slot) {
  let found = null;
  const read = ` ${asRead(prompt)} `;
  for (const phrase of slot.words) {
    const start = phrase ? read.indexOf(` ${phrase} `) : -1;
    if (start < 0 || (found && (start > found.start || (start === found.start && phrase.length <= found.phrase.length)))) continue;
    found = { start, end: start + phrase.length, phrase };
  }
  return found;
}

// A prompt with another phrase in one slot: in the place of the one that is there, or where the slot belongs.
// A prompt that is no sentence of the model's (unknown words, no thing, no article) is first made of the slots' phrases.
export function withSlot(prompt, world, index, phrase) {
  const { slots } = world;
  const things = slots.find((slot) => slot.label === "thing");
  const sentence = /\ban? /.test(asRead(prompt)) && (!things || slotIn(prompt, things)) && !unknownWords(prompt, world).length;
  if (!sentence) return ofSlots(slots.map((slot, at) => (at === index ? phrase : slotIn(prompt, slot)?.phrase)));
  const next = Math.min(prompt.length, ...slots.slice(index + 1).map((slot) => slotIn(prompt, slot)?.start ?? prompt.length));
  const { start, end } = slotIn(prompt, slots[index]) ?? (index ? { start: next, end: next } : { start: 0, end: 0 });
  return withArticles(`${prompt.slice(0, start)} ${phrase} ${prompt.slice(end)}`);
}

// A sentence of one phrase a slot, of which any may be missing.
function ofSlots(phrases) {
  const words = [];
  let named = false; // a thing and what it is like share one article
  phrases.filter(Boolean).forEach((part) => {
    const whole = /^(an?|in|on) /.test(part);
    if (!whole && !named) words.push("a");
    named = !whole;
    words.push(part);
  });
  return withArticles(words.join(" "));
}

function withArticles(text) {
  const spaced = text.trim().replace(/\s+/g, " ").replace(/ ([.,!?;:])/g, "$1");
  return spaced.replace(/\b(an?) (?=([a-z]))/g, (_, article, letter) => ("aeiou".includes(letter) ? "an " : "a "));
}

// The words of a prompt that the embedded model does not know; none are said of other models.
export function unknownWords(prompt, world) {
  const known = new Set(world.words ?? []);
  return known.size ? promptWords(asRead(prompt)).filter((word) => !known.has(word)) : [];
}

// The model's words as one select a slot. `get()` is the prompt, `set(prompt)` takes the changed one. A slot
// that some sample's prompt does without may be empty.
export function slotChoices(world, testid, get, set) {
  const slots = world.slots ?? [];
  const optional = (slot) => (world.samples ?? []).some((sample) => !slotIn(sample.prompt, slot));
  const shown = slots.map((slot, index) => ({ slot, index, none: optional(slot) }));
  const selects = shown.map(({ slot, index }) => choiceOf(
    `${testid}-${slot.label}`,
    [],
    (phrase) => set(withSlot(get(), world, index, phrase)),
    { "aria-label": slot.label, title: slot.label },
  ));
  const show = () => shown.forEach(({ slot, none }, at) => {
    const phrase = slotIn(get(), slot)?.phrase ?? "";
    const empty = none || !phrase ? [["", `no ${slot.label}`]] : [];
    fillChoice(selects[at], [...empty, ...slot.words.filter(Boolean).map((word) => [word, word])]);
    selects[at].value = phrase;
  });
  const root = element("div", { class: "styledit-slots" }, ...selects);
  root.hidden = !selects.length;
  return { root, show };
}

// The prompt that it shall become. Typed: after a pause, with Enter at once.
export function targetPrompt(lab) {
  const input = element("input", { type: "text", "data-testid": "target-prompt", spellcheck: "false", autocomplete: "off" });
  const difference = element("p", { class: "styledit-difference-line", "data-testid": "prompt-difference" });
  const typed = delayedCall(() => send(), TYPING);
  const slots = slotChoices(lab.world, "target-slot", () => input.value, (prompt) => {
    input.value = prompt;
    send();
  });
  const send = () => {
    typed.stop();
    if (input.value.trim() && input.value !== lab.edits.wish.prompt) lab.edits.set({ prompt: input.value.trim() });
  };
  const showDifference = () => {
    difference.replaceChildren(...markedDifference(lab.source().prompt, input.value));
    slots.show();
  };
  input.addEventListener("input", () => {
    showDifference();
    typed.start();
  });
  input.addEventListener("change", send);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") send();
  });
  lab.edits.onChange((wish) => {
    if (!typed.waits() && input.value.trim() !== wish.prompt) input.value = wish.prompt;
    showDifference();
  });
  lab.onSource(showDifference);
  lab.focusTarget = () => input.focus();
  lab.cleanups.push(typed.stop);
  return element(
    "section", { class: "styledit-target" },
    labelled("It should become", input, { class: "styledit-field styledit-wide" }), slots.root, difference,
  );
}

// Words of two prompts with what went struck and what came marked, as nodes.
export function markedDifference(source, target) {
  const before = promptWords(source);
  const after = promptWords(target);
  if (before.join(" ") === after.join(" ")) {
    return [element("span", { class: "styledit-hint" }, "Change a word: the picture follows.")];
  }
  const nodes = [];
  for (const [kind, word] of wordSteps(before, after)) {
    const tag = { same: "span", gone: "del", come: "ins" }[kind];
    nodes.push(element(tag, {}, word), " ");
  }
  return nodes;
}

// The shortest way from one list of words to another: ["same" | "gone" | "come", word].
export function wordSteps(before, after) {
  const rows = before.length;
  const columns = after.length;
  const common = Array.from({ length: rows + 1 }, () => new Array(columns + 1).fill(0));
  for (let i = rows - 1; i >= 0; i -= 1) {
    for (let j = columns - 1; j >= 0; j -= 1) {
      const same = before[i].toLowerCase() === after[j].toLowerCase();
      common[i][j] = same ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  const steps = [];
  let i = 0;
  let j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && before[i].toLowerCase() === after[j].toLowerCase()) {
      steps.push(["same", after[j]]);
      i += 1;
      j += 1;
    } else if (i < rows && (j >= columns || common[i + 1][j] >= common[i][j + 1])) {
      steps.push(["gone", before[i]]);
      i += 1;
    } else {
      steps.push(["come", after[j]]);
      j += 1;
    }
  }
  return steps;
}
