// Where the picture comes from: a lesson's, an own file, a seed, or a challenge; and what it shows.
import { element, keepKeys } from "../shared/elements.js";
import { labelled, pushButton, toggleButton } from "./parts.js";
import { cropPanel } from "./crop.js";
import { slotChoices, slotIn, withSlot } from "./prompt.js";

const WAYS = [["sample", "Lesson pictures"], ["upload", "Your own"], ["seed", "From a seed"], ["challenge", "Challenge"]];

export function sourceSection(lab) {
  const crop = cropPanel(lab, (bytes, name, prompt) => {
    lab.askSource({ kind: "upload", name, prompt }, bytes, prompt);
    lab.focusTarget();
  });
  lab.cleanups.push(crop.close);
  const panels = {
    sample: thumbStrip(lab, "sample", lab.world.samples ?? [], (entry) => anotherStyle(lab.world, entry.prompt)),
    upload: uploadPanel(lab, crop),
    seed: seedPanel(lab),
    challenge: thumbStrip(lab, "challenge", lab.world.challenges ?? [], (entry) => entry.target),
  };
  const there = WAYS.filter(([way]) => !panels[way].dataset.empty);
  const tabs = there.map(([way, text]) => [way, toggleButton(text, `from-${way}`, () => open(way))]);
  const open = (way) => {
    for (const [name, tab] of tabs) tab.set(name === way);
    for (const [name, panel] of Object.entries(panels)) panel.hidden = name !== way;
  };
  open(panels[lab.source().kind] && !panels[lab.source().kind].dataset.empty ? lab.source().kind : there[0][0]);
  const section = element(
    "section", { class: "styledit-source", "aria-label": "Picture" },
    element("div", { class: "styledit-tabs" }, ...tabs.map(([, tab]) => tab.root)),
    ...Object.values(panels), crop.root, sourcePrompt(lab),
  );
  takeDrops(lab, section, (file) => {
    open("upload");
    crop.open(file);
  });
  return section;
}

// A first edit to look at: the same thing in the next style, or the same sentence where there are no slots.
function anotherStyle(world, prompt) {
  const words = world.slots?.[0]?.words ?? [];
  const found = words.length > 1 && slotIn(prompt, world.slots[0]);
  return found ? withSlot(prompt, world, 0, words[(words.indexOf(found.phrase) + 1) % words.length]) : prompt;
}

// Small pictures to choose from. `target(entry)` is what the edit begins with.
function thumbStrip(lab, kind, entries, target) {
  const strip = element("div", { class: `styledit-thumbs styledit-thumbs-${kind}` });
  const said = element("p", { class: "styledit-hint", hidden: kind !== "challenge" });
  const root = element("div", {}, strip, said);
  if (!entries.length) root.dataset.empty = "true";
  const buttons = entries.map((entry) => {
    const image = element("img", { alt: "" });
    lab.picture(image, entry.thumb);
    const button = pushButton("", `${kind}-${entry.name}`, () => {
      lab.askSource({ kind, name: entry.name, prompt: entry.prompt }, null, target(entry));
    }, { class: "styledit-thumb", "aria-label": entry.label ?? entry.prompt, title: entry.label ?? entry.prompt });
    button.append(image);
    strip.append(button);
    return [entry, button];
  });
  lab.onSource((source) => {
    const chosen = (entry) => source.kind === kind && source.name === entry.name;
    for (const [entry, button] of buttons) button.setAttribute("aria-pressed", chosen(entry) ? "true" : "false");
    const label = entries.find(chosen)?.label;
    said.textContent = label ? `Challenge ${label}. Can you come nearer to the true edit than the suggested settings?` : "Choose one: its true edit is known, and yours is measured against it.";
  });
  return root;
}

function uploadPanel(lab, crop) {
  const input = keepKeys(element("input", { type: "file", accept: "image/*", "data-testid": "upload", "aria-label": "A picture of your own" }));
  input.addEventListener("change", () => {
    if (input.files.length) crop.open(input.files[0]);
    input.value = ""; // so that the same file can be taken again
  });
  return element(
    "div", { class: "styledit-upload" },
    element("label", { class: "styledit-drop" }, input, element("span", {}, "Choose a file, or drop a picture here")),
  );
}

function seedPanel(lab) {
  const seed = element("input", { type: "number", min: "0", step: "1", value: String(lab.source().seed ?? 0), "data-testid": "seed" });
  const draw = () => {
    const prompt = lab.sourcePrompt();
    lab.askSource({ kind: "seed", name: "", seed: Math.max(0, Math.round(Number(seed.value) || 0)), prompt }, null, prompt);
  };
  seed.addEventListener("keydown", (event) => {
    if (event.key === "Enter") draw();
  });
  lab.onSource((source) => {
    if (Number.isInteger(source.seed) && document.activeElement !== seed) seed.value = source.seed;
  });
  const other = () => {
    seed.value = Math.floor(Math.random() * 10000);
    draw();
  };
  return element(
    "div", { class: "styledit-row" },
    labelled("Seed", seed), pushButton("Draw", "seed-draw", draw, { class: "styledit-main" }), pushButton("Another", "seed-other", other),
    element("span", { class: "styledit-hint" }, "The model draws the sentence below; that is the picture to edit."),
  );
}

// What the picture shows. Another sentence asks for another inversion, so it waits for Enter or the button.
function sourcePrompt(lab) {
  const input = element("input", { type: "text", "data-testid": "source-prompt", spellcheck: "false", autocomplete: "off" });
  const again = pushButton("Invert again", "source-apply", () => apply(), { class: "styledit-main", hidden: true });
  const show = () => {
    again.hidden = !input.value.trim() || input.value.trim() === lab.source().prompt;
    slots.show();
  };
  const slots = slotChoices(lab.world, "source-slot", () => input.value, (prompt) => {
    input.value = prompt;
    show();
  });
  slots.root.hidden = true; // they come with the cursor: most edits leave this sentence alone
  const apply = () => {
    const prompt = input.value.trim();
    if (!prompt || prompt === lab.source().prompt) return;
    lab.askSource({ prompt }, null, null);
  };
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") apply();
  });
  const note = element("p", { class: "styledit-note", "data-testid": "source-note" });
  let known = null;
  lab.onSource((source, failed) => {
    if (source.prompt !== known && !failed) input.value = source.prompt ?? ""; // what failed can be mended
    known = source.prompt;
    note.textContent = source.note ?? "";
    show();
  });
  lab.sourcePrompt = () => input.value.trim();
  const root = element("div", { class: "styledit-shows" }, labelled("The picture shows", input, { class: "styledit-field styledit-wide" }), again, slots.root, note);
  root.addEventListener("focusin", () => { slots.root.hidden = !lab.world.slots?.length; });
  root.addEventListener("focusout", (event) => {
    if (!root.contains(event.relatedTarget)) slots.root.hidden = true;
  });
  return root;
}

// A picture that is dropped anywhere on the widget.
function takeDrops(lab, section, take) {
  const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const over = (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    event.stopPropagation();
    lab.root.classList.toggle("styledit-dropping", event.type !== "dragleave");
  };
  lab.root.addEventListener("dragenter", over);
  lab.root.addEventListener("dragover", over);
  lab.root.addEventListener("dragleave", over);
  lab.root.addEventListener("drop", (event) => {
    lab.root.classList.remove("styledit-dropping");
    if (!hasFile(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}
