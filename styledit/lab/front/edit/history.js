// What was shown before: a strip to go back and forth in, names, files, and the calls that say it in Python.
import { pushButton } from "../shared/controls.js";
import { element, keepKeys } from "../shared/elements.js";
import { download } from "../shared/download.js";
import { bytesOf, freePictures, showBytes } from "../shared/pictures.js";
import { rovingFocus } from "../shared/roving.js";
import { methodNamed } from "./methods.js";
import { copyButton, fileInput, foldedPart } from "./parts.js";
/** @import { Asked, HistoryEntry, Lab, Method, NumberSetting } from "./types.js" */

/** @param {Lab} lab */
export function historySection(lab) {
  /** @type {HistoryEntry[]} */
  let entries = [];
  /** @type {number | null} */
  let shown = null; // the id of the entry on the screen, or of the one that was asked for
  let asked = 0; // the request that recalls it
  const place = () => entries.findIndex((entry) => entry.id === shown);
  const recall = (/** @type {number} */ id) => {
    shown = id;
    asked = lab.edits.nextId();
    lab.edits.flow.forget();
    lab.forgetSettled();
    lab.note.ask({ type: "recall", id, request: asked });
    show();
  };
  const strip = historyStrip(lab.world.methods, recall, (id) => lab.compareWith(id));
  lab.cleanups.push(rovingFocus(strip.root, ".styledit-entry"));
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
    strip.mark(shown);
    undo.disabled = at < 1;
    redo.disabled = at < 0 || at >= entries.length - 1;
    name.disabled = at < 0;
    if (document.activeElement !== name) name.value = at < 0 ? "" : entries[at].name;
  };
  // Which entry stands is Python's to say, unless one that was asked for since is on its way.
  const follow = () => {
    const { entry = null, request = 0 } = lab.model.get("present");
    if (request >= asked) shown = entry;
    show();
  };
  lab.onTrait("history", (next) => {
    entries = next;
    strip.fill(entries);
    follow();
  });
  lab.onTrait("present", follow);
  lab.onTrait("problem", (problem) => {
    if (!problem) return;
    asked = 0; // what was asked for does not come
    follow();
  });
  return element(
    "section",
    { class: "styledit-past", "aria-label": "History and files" },
    strip.root,
    element(
      "div",
      { class: "styledit-row" },
      undo,
      redo,
      name,
      saveButton(lab),
      openButton(lab, strip.expect),
    ),
  );
}

/**
 * The entries in a row.
 * @param {Method[]} methods
 * @param {(id: number) => void} recall
 * @param {(id: number) => void} compare
 */
function historyStrip(methods, recall, compare) {
  const root = element("div", { class: "styledit-history", role: "group", "aria-label": "History" });
  /** @type {Map<number, ReturnType<typeof stripItem>>} */
  let items = new Map();
  /** @type {number | null} */
  let marked = null;
  let arriving = false;
  return {
    root,
    fill(/** @type {HistoryEntry[]} */ entries) {
      const before = items;
      items = new Map(
        entries.map((entry) => [
          entry.id,
          before.get(entry.id) ?? stripItem(entry, methods, recall, compare),
        ]),
      );
      for (const entry of entries) items.get(entry.id)?.show(entry);
      for (const [id, item] of before) {
        if (items.has(id)) continue;
        freePictures(item.root);
        item.root.remove();
      }
      // Those that stay are not moved: the keyboard stands at one of them.
      for (const { root: item } of items.values()) if (item.parentNode !== root) root.append(item);
    },
    mark(/** @type {number | null} */ id) {
      items.forEach((item, own) => item.mark(own === id));
      const item = id === null ? undefined : items.get(id);
      if (item && id !== marked) {
        bringIntoRow(root, item.root);
        if (arriving) item.root.scrollIntoView({ block: "nearest", inline: "nearest" });
        arriving = false;
      }
      marked = id;
    },
    /** The next entry that is marked is brought onto the screen, too. */
    expect() {
      arriving = true;
    },
  };
}

/**
 * Bring an element of a row that scrolls into sight; the page itself stays where it is.
 * @param {HTMLElement} row
 * @param {HTMLElement} item
 */
function bringIntoRow(row, item) {
  const [outer, inner] = [row.getBoundingClientRect(), item.getBoundingClientRect()];
  if (inner.left < outer.left) row.scrollLeft -= outer.left - inner.left;
  else if (inner.right > outer.right) row.scrollLeft += inner.right - outer.right;
}

/**
 * An entry: its picture, which shows it again, its number or name, and the way to hold it against the present one.
 * @param {HistoryEntry} entry
 * @param {Method[]} methods
 * @param {(id: number) => void} recall
 * @param {(id: number) => void} compare
 */
function stripItem({ id }, methods, recall, compare) {
  const image = element("img", { alt: "" });
  let shown = ""; // the bytes of its picture, which may be another one later
  const caption = element("span", {});
  const picture = pushButton("", `history-${id}`, () => recall(id), {
    class: "styledit-thumb",
    "data-entry": id,
  });
  picture.append(image, caption);
  const hold = pushButton("Compare", `compare-${id}`, () => compare(id), { class: "styledit-compare-entry" });
  return {
    root: element("div", { class: "styledit-entry" }, picture, hold),
    show(/** @type {HistoryEntry} */ entry) {
      const bytes = String(bytesOf(entry.thumb));
      if (bytes !== shown) showBytes(image, entry.thumb);
      shown = bytes;
      caption.textContent = entry.name || `#${id}`;
      picture.setAttribute("aria-label", `${entryTitle(entry)}; show it again`);
      picture.title = `${entry.prompt}\n${settingsInShort(entry, methods)}`;
      hold.setAttribute("aria-label", `Compare ${entryTitle(entry)} with the present one`);
      hold.title = "Compare with the present one";
    },
    mark(/** @type {boolean} */ present) {
      picture.setAttribute("aria-pressed", String(present));
      hold.style.visibility = present ? "hidden" : "";
    },
  };
}

/**
 * How an entry is called: by its number, and by its name where it has one.
 * @param {Pick<HistoryEntry, "id" | "name" | "prompt">} entry
 */
export function entryTitle({ id, name, prompt }) {
  return `#${id} ${name || prompt}`;
}

/**
 * "τc 0.40 · τs 0.60 · …", for a tooltip: what the method reads.
 * @param {Pick<Asked, "settings" | "method"> & Partial<Asked>} edit
 * @param {Method[]} methods
 */
export function settingsInShort({ settings, method, parameters = {}, guided = null, auto = false }, methods) {
  const { ignored } = methodNamed(methods, method);
  const taus = ["c", "s", "u", "v"]
    .map((letter) => ({ letter, name: /** @type {NumberSetting} */ (`tau_${letter}`) }))
    .filter(({ name }) => !ignored[name])
    .map(({ letter, name }) => `τ${letter} ${settings[name].toFixed(2)}`);
  const own = Object.entries(parameters).map(([name, value]) => `${name} ${value}`);
  const marks = [guided ? "guided" : "", auto ? "suggested" : ""];
  return [...taus, `guidance ${settings.guidance}`, ...own, method, ...marks].filter(Boolean).join(" · ");
}

/** @param {Lab} lab */
function saveButton(lab) {
  let wanted = false; // a reloaded page has the last file as a trait, and must not download it again
  lab.onTrait("saved", (saved) => {
    lab.note.answered();
    if (wanted) download(saved.name ?? "edit.png", saved.data, "image/png");
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

/**
 * @param {Lab} lab
 * @param {() => void} asked called when a file is opened
 */
function openButton(lab, asked) {
  const input = fileInput("open", "image/png", "Open a saved PNG", async (file) => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    lab.edits.flow.forget();
    lab.forgetSettled();
    asked();
    lab.note.ask({ type: "open", id: lab.edits.nextId() }, [bytes]);
  });
  const title = "Open a PNG that was saved here: its picture, prompt and settings";
  return element("label", { class: "styledit-button", title }, input, "Open PNG");
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
  const copy = copyButton("copy-code", text);
  lab.onTrait("code", (code) => {
    text.textContent = code;
    copy.textContent = "Copy";
  });
  return foldedPart("As code", "fold-code", text, element("div", { class: "styledit-row" }, copy));
}
