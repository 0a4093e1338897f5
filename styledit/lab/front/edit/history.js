// What was shown before: a strip to go back and forth in, names, files, and the calls that say it in Python.
import { pushButton } from "../shared/controls.js";
import { element, keepKeys } from "../shared/elements.js";
import { bytesOf, freePictures, showBytes } from "../shared/pictures.js";
import { fileInput, foldedPart } from "./parts.js";
/** @import { Bytes } from "../shared/types.js" */
/** @import { Asked, HistoryEntry, Lab, Saved, Target } from "./types.js" */

/** @param {Lab} lab */
export function historySection(lab) {
  const strip = element("div", { class: "styledit-history", role: "group", "aria-label": "History" });
  /** @type {HistoryEntry[]} */
  let entries = [];
  /** @type {number | null} */
  let shown = null; // the id of the entry on the screen
  const place = () => entries.findIndex((entry) => entry.id === shown);
  const recall = (/** @type {number} */ id) => {
    shown = id;
    lab.edits.flow.forget();
    lab.forgetSettled();
    lab.note.ask({ type: "recall", id, request: lab.edits.nextId() });
    show();
  };
  const undo = pushButton("Undo", "undo", () => recall(entries[place() - 1].id));
  const redo = pushButton("Redo", "redo", () => recall(entries[place() + 1].id));
  const name = keepKeys(
    element("input", {
      type: "text",
      "data-testid": "history-name",
      placeholder: "Name this edit",
      "aria-label": "Name of this edit",
      maxlength: 40,
    }),
  );
  name.addEventListener("change", () => {
    const given = name.value.trim();
    if (place() >= 0 && given !== entries[place()].name) lab.send({ type: "rename", id: shown, name: given });
  });
  const show = () => {
    const at = place();
    for (const button of buttonsOf(strip)) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.entry) === shown));
    }
    undo.disabled = at < 1;
    redo.disabled = at < 0 || at >= entries.length - 1;
    name.disabled = at < 0;
    if (document.activeElement !== name) name.value = at < 0 ? "" : entries[at].name;
  };
  lab.onTrait("history", (next) => {
    const grew = (next.at(-1)?.id ?? -1) > (entries.at(-1)?.id ?? -1);
    const first = !entries.length;
    entries = next;
    if (first) shown = presentEntry(entries, lab.model.get("target"));
    // What is recalled may come as a line of its own; undo still goes on from where it was.
    else if (place() < 0 || (grew && !sameEdit(entries[entries.length - 1], entries[place()]))) {
      shown = entries.at(-1)?.id ?? null;
    }
    fillStrip(strip, entries, recall);
    show();
    if (grew) strip.scrollLeft = strip.scrollWidth;
  });
  return element(
    "section",
    { class: "styledit-past", "aria-label": "History and files" },
    strip,
    element("div", { class: "styledit-row" }, undo, redo, name, saveButton(lab), openButton(lab)),
  );
}

/**
 * After a reload: the id of the newest entry that says what the target says.
 * @param {HistoryEntry[]} entries the oldest first
 * @param {Partial<Target>} target
 */
export function presentEntry(entries, target) {
  return (entries.findLast((entry) => sameEdit(entry, target)) ?? entries.at(-1))?.id ?? null;
}

/**
 * Whether two say the same prompt, method and settings.
 * @param {...Partial<Asked>} edits
 */
export function sameEdit(...edits) {
  const [a, b] = edits.map(({ prompt, method, settings, guided = null }) =>
    JSON.stringify([prompt, method, settings, guided]),
  );
  return a === b;
}

/** @param {HTMLElement} strip */
function buttonsOf(strip) {
  return /** @type {HTMLButtonElement[]} */ ([...strip.children]);
}

/**
 * @param {HTMLElement} strip
 * @param {HistoryEntry[]} entries
 * @param {(id: number) => void} recall
 */
function fillStrip(strip, entries, recall) {
  const there = new Map(buttonsOf(strip).map((button) => [Number(button.dataset.entry), button]));
  strip.replaceChildren(
    ...entries.map((entry) => {
      const button = there.get(entry.id) ?? historyButton(entry, recall);
      button.setAttribute("aria-label", `${entry.name || entry.prompt}; show it again`);
      button.title = `${entry.prompt}\n${settingsInShort(entry)}`;
      if (button.lastChild) button.lastChild.textContent = entry.name;
      showThumb(button, entry.thumb);
      there.delete(entry.id);
      return button;
    }),
  );
  there.forEach(freePictures);
}

/**
 * @param {HistoryEntry} entry
 * @param {(id: number) => void} recall
 */
function historyButton(entry, recall) {
  const attributes = { class: "styledit-thumb", "data-entry": entry.id };
  const button = pushButton("", `history-${entry.id}`, () => recall(entry.id), attributes);
  button.append(element("img", { alt: "" }), element("span", {}));
  return button;
}

/** @type {WeakMap<HTMLElement, string>} */
const thumbs = new WeakMap(); // the bytes that a button shows

/**
 * A picture of the history, which may be another one than before.
 * @param {HTMLButtonElement} button
 * @param {Bytes} thumb
 */
function showThumb(button, thumb) {
  const bytes = String(bytesOf(thumb));
  const image = button.querySelector("img");
  if (!image || thumbs.get(button) === bytes) return;
  thumbs.set(button, bytes);
  showBytes(image, thumb);
}

/**
 * "τc 0.40 · τs 0.60 · …", for a tooltip.
 * @param {Pick<Asked, "settings" | "method"> & Partial<Asked>} edit
 */
export function settingsInShort({ settings, method, guided = null }) {
  const { tau_c: c, tau_s: s, tau_u: u, tau_v: v } = settings;
  const taus = Object.entries({ c, s, u, v }).map(([letter, value]) => `τ${letter} ${value.toFixed(2)}`);
  return [...taus, `guidance ${settings.guidance}`, method, guided ? "guided" : ""]
    .filter(Boolean)
    .join(" · ");
}

/** @param {Lab} lab */
function saveButton(lab) {
  let wanted = false; // a reloaded page has the last file as a trait, and must not download it again
  lab.onTrait("saved", (saved) => {
    lab.note.answered();
    if (wanted) download(saved);
    wanted = false;
  });
  const ask = () => {
    wanted = true;
    lab.note.ask({ type: "save" });
  };
  return pushButton("Save PNG", "save", ask, {
    title: "A picture file that carries prompt, settings and mask",
  });
}

/** @param {Lab} lab */
function openButton(lab) {
  const input = fileInput("open", "image/png", "Open a saved PNG", async (file) => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    lab.edits.flow.forget();
    lab.forgetSettled();
    lab.note.ask({ type: "open", id: lab.edits.nextId() }, [bytes]);
  });
  const title = "Open a PNG that was saved here: its picture, prompt and settings";
  return element("label", { class: "styledit-button", title }, input, "Open PNG");
}

/** @param {Partial<Saved>} saved */
function download({ name, data }) {
  const bytes = bytesOf(data);
  if (!bytes) return;
  const address = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  const link = element("a", { href: address, download: name || "edit.png" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** @param {Lab} lab */
export function codeFold(lab) {
  const text = keepKeys(
    element("pre", {
      class: "styledit-code",
      tabindex: "0",
      "data-testid": "code",
      "aria-label": "Python calls that reproduce this picture",
    }),
  );
  const copy = pushButton("Copy", "copy-code", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(text); // no clipboard without https: one key is left to press
      copy.textContent = "Selected: press Ctrl+C";
    }
  });
  lab.onTrait("code", (code) => {
    text.textContent = code;
    copy.textContent = "Copy";
  });
  return foldedPart("As code", "fold-code", text, element("div", { class: "styledit-row" }, copy));
}
