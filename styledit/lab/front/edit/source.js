// Where the picture comes from: a lesson's, an own file, a seed, or a challenge; and what it shows.
import { pushButton } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { showBytes } from "../shared/pictures.js";
import { cropPanel } from "./crop.js";
import { fileInput, labelled, toggleButton } from "./parts.js";
import { slotChoices } from "./prompt.js";
import { inAnotherStyle } from "./sentences.js";
/** @import { Entry, Lab, SourceKind } from "./types.js" */

/** @param {Lab} lab */
export function sourceSection(lab) {
  const { world } = lab;
  const crop = cropPanel(lab, (bytes, name, prompt) => {
    lab.askSource({ kind: "upload", name, prompt }, bytes, prompt);
    fold();
    lab.focusTarget();
  });
  lab.cleanups.push(crop.close);
  /** @type {{kind: SourceKind, title: string, panel: HTMLElement, there: boolean}[]} */
  const ways = [
    {
      kind: "sample",
      title: "Lesson pictures",
      panel: samplePanel(lab, () => fold()),
      there: world.samples.length > 0,
    },
    { kind: "upload", title: "Your own", panel: uploadPanel(crop.open), there: true },
    { kind: "seed", title: "From a seed", panel: seedPanel(lab), there: true },
    {
      kind: "challenge",
      title: "Challenge",
      panel: challengePanel(lab, () => fold()),
      there: world.challenges.length > 0,
    },
  ];
  // The one that is open; pressed again, it is folded away.
  const tabs = ways
    .filter(({ there }) => there)
    .map(({ kind, title, panel }) => {
      const tab = toggleButton(title, `from-${kind}`, (on) => open(on ? kind : null));
      return { kind, panel, tab };
    });
  const open = (/** @type {SourceKind | null} */ wanted) => {
    for (const { kind, panel, tab } of tabs) {
      tab.set(kind === wanted);
      tab.root.ariaExpanded = String(kind === wanted);
      panel.hidden = kind !== wanted;
    }
  };
  // What was chosen is on the screen: its thumbnails make room, and the keyboard stays near.
  const fold = () => {
    const left = tabs.find(({ panel }) => panel.contains(document.activeElement));
    open(null);
    left?.tab.root.focus();
  };
  const now = lab.source().kind;
  open((tabs.find(({ kind }) => kind === now) ?? tabs[0]).kind);
  takeDrops(lab.root, (file) => {
    open("upload");
    crop.open(file);
  });
  return element(
    "section",
    { class: "styledit-source", "aria-label": "Picture" },
    element("div", { class: "styledit-tabs" }, ...tabs.map(({ tab }) => tab.root)),
    ...ways.map(({ panel }) => panel),
    crop.root,
    sourcePrompt(lab),
  );
}

/**
 * @param {Lab} lab
 * @param {() => void} fold once one is chosen
 */
function samplePanel(lab, fold) {
  const target = (/** @type {Entry} */ entry) => inAnotherStyle(lab.world, entry.prompt);
  return element("div", {}, thumbStrip(lab, "sample", lab.world.samples, target, fold));
}

/**
 * @param {Lab} lab
 * @param {() => void} fold once one is chosen
 */
function challengePanel(lab, fold) {
  const { challenges } = lab.world;
  const hint = element("p", { class: "styledit-hint" });
  lab.onSource(({ kind, name }) => {
    const chosen = kind === "challenge" ? challenges.find((entry) => entry.name === name) : undefined;
    hint.textContent = chosen
      ? `Challenge ${chosen.label}. Can you come nearer to the true edit than the suggested settings?`
      : "Choose one: its true edit is known, and yours is measured against it.";
  });
  return element(
    "div",
    {},
    thumbStrip(lab, "challenge", challenges, (entry) => entry.target, fold),
    hint,
  );
}

/**
 * Small pictures to choose from.
 * @template {Entry} Choice
 * @param {Lab} lab
 * @param {"sample" | "challenge"} kind
 * @param {Choice[]} entries
 * @param {(entry: Choice) => string} target the prompt that the edit begins with
 * @param {() => void} fold once one is chosen
 */
function thumbStrip(lab, kind, entries, target, fold) {
  const buttons = entries.map((entry) => {
    const { name, prompt, thumb, label = prompt } = entry;
    const image = element("img", { alt: "" });
    showBytes(image, thumb);
    const ask = () => {
      lab.askSource({ kind, name, prompt }, null, target(entry));
      fold();
    };
    const attributes = { class: "styledit-thumb", "aria-label": label, title: label };
    const button = pushButton("", `${kind}-${name}`, ask, attributes);
    button.append(image);
    return { name, button };
  });
  lab.onSource((source) => {
    for (const { name, button } of buttons) {
      button.setAttribute("aria-pressed", String(source.kind === kind && source.name === name));
    }
  });
  return element(
    "div",
    { class: `styledit-thumbs styledit-thumbs-${kind}` },
    ...buttons.map(({ button }) => button),
  );
}

/** @param {(file: File) => void} open */
function uploadPanel(open) {
  const input = fileInput("upload", "image/*", "A picture of your own", open);
  const text = element("span", {}, "Choose a file, or drop a picture here");
  return element(
    "div",
    { class: "styledit-upload" },
    element("label", { class: "styledit-drop" }, input, text),
  );
}

/** @param {Lab} lab */
function seedPanel(lab) {
  const seed = element("input", {
    type: "number",
    min: "0",
    step: "1",
    value: lab.source().seed ?? 0,
    "data-testid": "seed",
  });
  const draw = () => {
    const prompt = lab.sourcePrompt();
    const number = Math.max(0, Math.round(Number(seed.value) || 0));
    lab.askSource({ kind: "seed", name: "", seed: number, prompt }, null, prompt);
  };
  seed.addEventListener("keydown", (event) => {
    if (event.key === "Enter") draw();
  });
  lab.onSource((source) => {
    if (Number.isInteger(source.seed) && document.activeElement !== seed) seed.value = String(source.seed);
  });
  const another = () => {
    seed.value = String(Math.floor(Math.random() * 10000));
    draw();
  };
  return element(
    "div",
    { class: "styledit-row" },
    labelled("Seed", seed),
    pushButton("Draw", "seed-draw", draw, { class: "styledit-main" }),
    pushButton("Another", "seed-other", another),
    element(
      "span",
      { class: "styledit-hint" },
      "The model draws the sentence below; that is the picture to edit.",
    ),
  );
}

/**
 * What the picture shows. Another sentence asks for another inversion, so it waits for Enter or the button.
 * @param {Lab} lab
 */
function sourcePrompt(lab) {
  const input = element("input", {
    type: "text",
    "data-testid": "source-prompt",
    spellcheck: "false",
    autocomplete: "off",
  });
  const changed = () => input.value.trim() !== "" && input.value.trim() !== lab.source().prompt;
  const apply = () => {
    if (changed()) lab.askSource({ prompt: input.value.trim() });
  };
  const again = pushButton("Invert again", "source-apply", apply, { class: "styledit-main", hidden: true });
  const show = () => {
    again.hidden = !changed();
    slots.show();
  };
  const slots = slotChoices(
    lab.world,
    "source-slot",
    () => input.value,
    (prompt) => {
      input.value = prompt;
      show();
    },
  );
  slots.root.hidden = true; // they come with the pointer or the first key: most edits leave this sentence alone
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") apply();
  });
  const note = element("p", { class: "styledit-note", "data-testid": "source-note" });
  /** @type {string | undefined} */
  let known;
  lab.onSource(({ prompt, note: said }, failed) => {
    if (prompt !== known && !failed) input.value = prompt ?? ""; // what failed can be mended
    known = prompt;
    note.textContent = said ?? "";
    show();
  });
  lab.sourcePrompt = () => input.value.trim();
  const root = element(
    "div",
    { class: "styledit-shows" },
    labelled("The picture shows", input, { class: "styledit-field styledit-wide" }),
    again,
    slots.root,
    note,
  );
  const showSlots = () => {
    slots.root.hidden = !lab.world.slots.length;
  };
  root.addEventListener("pointerdown", showSlots);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" && event.key !== "Shift") showSlots(); // Tab only passes by
  });
  input.addEventListener("input", showSlots);
  root.addEventListener("focusout", (event) => {
    if (!root.contains(/** @type {Node | null} */ (event.relatedTarget))) slots.root.hidden = true;
  });
  return root;
}

/**
 * A picture that is dropped anywhere on the widget.
 * @param {HTMLElement} root
 * @param {(file: File) => void} take
 */
function takeDrops(root, take) {
  for (const name of /** @type {const} */ (["dragenter", "dragover", "dragleave", "drop"])) {
    root.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.stopPropagation();
      root.classList.toggle("styledit-dropping", name === "dragenter" || name === "dragover");
      const file = event.dataTransfer.files[0];
      if (name === "drop" && file) take(file);
    });
  }
}
