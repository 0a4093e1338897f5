// Where a word looks: its attention, laid over the edit, or over the source for a word that only its prompt has.
import { pushButton } from "../shared/controls.js";
import { paletteOf, SEQUENTIAL } from "../shared/colours.js";
import { element } from "../shared/elements.js";
import { bytesOf } from "../shared/pictures.js";
import { addMap } from "../shared/resample.js";
import { copyButton, drawnCanvas } from "./parts.js";
/** @import { Lab, Looks, LookedAt } from "./types.js" */
/** @typedef {{word: string, of: LookedAt}} Look */

const SIDE = 128; // pixels of an overlay's longer side
const HOVER = 120; // ms that a pointer rests on a word before it counts
const PALETTE = paletteOf(SEQUENTIAL);
const EXPLORE = "styledit.lab.attention_explorer(pipe, lab)";

/**
 * A word that says where it looks when it is pointed at, focused or clicked.
 * @param {string} word
 * @param {LookedAt} of the picture that its map is laid over
 * @param {string} testid
 */
export function lookingWord(word, of, testid = `look-${of}-${word}`) {
  return pushButton(word, testid, () => undefined, {
    class: "styledit-look",
    title: `Where does “${word}” look?`,
    "data-look": of,
    "data-word": word,
    "aria-pressed": "false",
  });
}

/**
 * The bytes of a word's map; undefined where there is none. Prompts are read without capitals and punctuation.
 * @param {Partial<Looks>} looks
 * @param {Look} look
 */
export function mapOf(looks, { word, of }) {
  const read = (/** @type {string} */ text) => text.toLowerCase().replace(/[.,!?;:]+$/, "");
  const found = Object.entries(looks[of] ?? {}).find(([text]) => read(text) === read(word));
  return found && (bytesOf(found[1]) ?? undefined);
}

/**
 * What stands under the picture.
 * @param {string} word
 * @param {boolean} known whether the map is that of the picture
 * @param {string | undefined} method whose run was looked at
 * @param {string | undefined} shown the method of the picture
 */
export function lookCaption(word, known, method, shown) {
  if (!known) return `looking for “${word}” …`;
  const other = method && shown && method !== shown;
  return `where “${word}” looks${other ? `, with ${method}` : ""}`;
}

/**
 * A map as the pixels (RGBA) of a veil: dark where the word does not look, bright and dense where it does.
 * @param {ArrayLike<number>} values from 0 to 255
 */
export function veilOf(values) {
  const pixels = new Uint8ClampedArray(4 * values.length);
  for (let k = 0; k < values.length; k += 1) {
    const value = Math.round(values[k]);
    for (let c = 0; c < 3; c += 1) pixels[4 * k + c] = PALETTE[3 * value + c];
    pixels[4 * k + 3] = 150 + (value * 40) / 255;
  }
  return pixels;
}

/**
 * The overlay of one picture, and the caption that stands in for the picture's own.
 * @param {Lab} lab
 * @param {LookedAt} of
 */
function lookOverlay(lab, of) {
  const [width, height] = lab.world.size;
  const factor = Math.min(1, SIDE / Math.max(width, height));
  const size = { h: Math.round(height * factor), w: Math.round(width * factor) };
  /** @type {{looks: Looks, bytes: ArrayLike<number>} | null} */
  let map = null;
  const caption = element("p", {
    class: "styledit-look-caption",
    role: "status",
    "data-testid": `look-caption-${of}`,
    hidden: true,
  });
  const attributes = { class: "styledit-veil", "data-testid": `look-overlay-${of}`, hidden: true };
  const canvas = drawnCanvas(size.w, size.h, { ...attributes, role: "img" }, (context) => {
    context.clearRect(0, 0, size.w, size.h);
    if (!map) return;
    const values = new Float32Array(size.w * size.h);
    addMap(values, size, map.bytes, { h: map.looks.height, w: map.looks.width }, 1);
    context.putImageData(new ImageData(veilOf(values), size.w, size.h), 0, 0);
  });
  lab.cleanups.push(canvas.close);
  return {
    canvas: canvas.root,
    caption,
    /**
     * @param {string} text "" where nothing is shown
     * @param {Looks | null} looks
     * @param {ArrayLike<number> | undefined} bytes
     */
    show(text, looks, bytes) {
      caption.textContent = caption.title = text;
      caption.hidden = !text;
      caption.parentElement?.classList.toggle("styledit-looked-at", Boolean(text));
      map = looks && bytes ? { looks, bytes } : null;
      canvas.root.hidden = !text || !map;
      canvas.root.setAttribute("aria-label", text);
      canvas.redraw();
    },
  };
}

/**
 * The overlays of source and edit, which follow the words on the page: any element made by `lookingWord`.
 * @param {Lab} lab
 */
export function wordLooks(lab) {
  const overlays = { edit: lookOverlay(lab, "edit"), source: lookOverlay(lab, "source") };
  /** @type {Look | null} */
  let pinned = null;
  /** @type {Look | null} */
  let pointed = null;
  /** @type {Looks | null} */
  let known = null; // the last maps that came: those of the edit before stay until the new ones are there
  /** @type {Timer} */
  let rest;
  const show = () => {
    const looks = lab.model.get("looks");
    const current = looks.id === undefined ? null : /** @type {Looks} */ (looks);
    known = current ?? known;
    const look = pointed ?? pinned;
    const bytes = look && known ? mapOf(known, look) : undefined;
    const text = look
      ? lookCaption(look.word, current !== null, known?.method, lab.model.get("frame").method)
      : "";
    const missing = look && current && !bytes; // no word of the edit that stands
    for (const of of /** @type {const} */ (["edit", "source"])) {
      if (look?.of === of && !missing) overlays[of].show(text, known, bytes);
      else overlays[of].show("", null, undefined);
    }
    mark();
  };
  const mark = () => {
    for (const word of wordsOn(lab.root)) {
      const { look, word: text } = word.dataset;
      word.setAttribute("aria-pressed", String(pinned?.of === look && pinned?.word === text));
    }
  };
  const want = () => {
    if ((pointed ?? pinned) && lab.model.get("looks").id === undefined && lab.model.get("frame").picture)
      lab.send({ type: "looks", id: lab.edits.nextId() });
    show();
  };
  const point = (/** @type {Look | null} */ look) => {
    clearTimeout(rest);
    if (!look && !pointed) return;
    pointed = look;
    want();
  };
  const drop = () => {
    pinned = null;
    point(null);
    show();
  };
  /** @type {Record<string, (event: Event, look: Look | null) => void>} */
  const handlers = {
    pointerover(event, look) {
      clearTimeout(rest);
      if (!look || /** @type {PointerEvent} */ (event).pointerType !== "mouse") return;
      rest = setTimeout(() => point(look), HOVER);
    },
    pointerout: (_, look) => look && point(null),
    focusin(event, look) {
      if (look && /** @type {Element} */ (event.target).matches(":focus-visible")) point(look);
    },
    focusout: (_, look) => look && point(null),
    click(_, look) {
      if (!look) return;
      if (pinned?.word === look.word && pinned.of === look.of) {
        drop();
        return;
      }
      pinned = look;
      lab.showSides();
      want();
    },
  };
  const listeners = Object.entries(handlers).map(([name, handler]) => ({
    name,
    listener: (/** @type {Event} */ event) => handler(event, lookOf(event.target)),
  }));
  for (const { name, listener } of listeners) lab.root.addEventListener(name, listener);
  const escape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && (pointed ?? pinned)) drop();
  };
  lab.root.addEventListener("keydown", escape, true); // before a control keeps its keys to itself
  lab.onTrait("looks", want);
  let lookedKey = lab.source().key;
  lab.onTrait("source", ({ key }) => {
    if (key !== lookedKey) drop();
    lookedKey = key;
    known = null;
  });
  lab.onTrait("target", () => queueMicrotask(mark));
  lab.edits.onChange(() => queueMicrotask(mark));
  lab.cleanups.push(() => clearTimeout(rest));
  return overlays;
}

/** @param {HTMLElement} root */
function wordsOn(root) {
  return /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[data-look]")]);
}

/**
 * @param {EventTarget | null} target
 * @returns {Look | null}
 */
function lookOf(target) {
  const word = /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest("[data-look]"));
  if (!word) return null;
  return { word: word.dataset.word ?? "", of: /** @type {LookedAt} */ (word.dataset.look) };
}

/**
 * The words of both prompts, what they are for, and the way to all maps.
 * @param {HTMLElement} words
 */
export function lookLine(words) {
  const code = element("code", { "data-testid": "explore-code" }, EXPLORE);
  const how = element(
    "p",
    { class: "styledit-row styledit-hint", hidden: true },
    "Every step, layer and head of this edit, in a cell of its own (by your names of the pipeline and this lab):",
    code,
    copyButton("copy-explore", code),
  );
  const all = pushButton(
    "All attention maps",
    "explore",
    () => {
      how.hidden = !how.hidden;
      all.setAttribute("aria-expanded", String(!how.hidden));
    },
    { "aria-expanded": "false", title: "How to open the attention explorer on this edit" },
  );
  const hint = element("span", { class: "styledit-hint" }, "Click a word: where does it look?");
  return [element("div", { class: "styledit-look-line" }, hint, words, all), how];
}
