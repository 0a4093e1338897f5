// Where an edit may change the picture: blend words, or a painted mask.
import { pushButton, slider } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { namesSomething } from "../shared/words.js";
import { settingSlider } from "./controls.js";
import { onlyWhereRead } from "./methods.js";
import { Brush, pack, unpack } from "./mask_cells.js";
import { drawPainter, paintByHand, paintByKeys } from "./mask_painter.js";
import { delayedCall, drawnCanvas, toggleButton } from "./parts.js";
import { wordLasso } from "./word_lasso.js";
/** @import { Lab, Settings } from "./types.js" */

const REST = 350; // ms after the last key before the exact edit is asked for
const SHARP = 512; // pixels of the painter's longer side

/** @param {Lab} lab */
export function maskSection(lab) {
  return onlyWhereRead(
    lab,
    "blend",
    element("p", { class: "styledit-hint" }, "Blend words: outside their maps the picture stays as it was."),
    blendWords(lab),
    settingSlider(lab, "blend_threshold", "Threshold", {
      min: 0,
      max: 1,
      step: 0.05,
      title: "Share of a word map's peak from which a cell belongs to the mask",
    }),
    element(
      "p",
      { class: "styledit-hint" },
      "Or paint: what is painted may change; outside, the picture's own pixels stay. A painted mask takes the blend words' place.",
    ),
    maskPainter(lab),
  );
}

/**
 * Near the pictures: that a blend or a mask keeps a part of them, and the way to drop it.
 * @param {Lab} lab
 */
export function blendNote(lab) {
  const text = element("span", { role: "status", "data-testid": "blend-note" });
  const drop = pushButton("Let all of it change", "blend-drop", () =>
    lab.edits.change({ blend: [], mask: null }, false),
  );
  const root = element("div", { class: "styledit-row styledit-aside", hidden: true }, text, drop);
  lab.edits.onChange(({ settings, auto }) => {
    text.textContent = blendSentence(settings, auto);
    root.hidden = !text.textContent;
  });
  return root;
}

/**
 * What keeps a part of the picture; "" where nothing does.
 * @param {Pick<Settings, "blend" | "mask">} settings
 * @param {boolean} auto whether the settings are the suggested ones
 */
export function blendSentence({ blend, mask }, auto) {
  if (mask) return "Only what is painted may change.";
  if (!blend.length) return "";
  const words = quotedWords(blend, "or");
  return `Only where the model sees ${words} may the picture change${auto ? ": a suggested blend" : ""}.`;
}

/**
 * “a”, “b” or “c”.
 * @param {string[]} words one at least
 * @param {"or" | "and"} last between the last two
 */
export function quotedWords(words, last) {
  const quoted = words.map((word) => `“${word}”`);
  return [quoted.slice(0, -1).join(", "), quoted.at(-1)].filter(Boolean).join(` ${last} `);
}

/**
 * Words of both prompts as toggles.
 * @param {Lab} lab
 */
function blendWords(lab) {
  const root = element("div", { class: "styledit-row", role: "group", "aria-label": "Blend words" });
  /** @type {Map<string, ReturnType<typeof toggleButton>>} */
  let toggles = new Map();
  const used = () => lab.edits.current.settings.blend;
  const show = () => toggles.forEach((toggle, word) => toggle.set(used().includes(word)));
  const toggleOf = (/** @type {string} */ word) =>
    toggleButton(word, `blend-${word}`, (on) => {
      const others = used().filter((other) => other !== word);
      lab.edits.change({ blend: on ? [...others, word] : others }, false);
    });
  const fill = () => {
    const words = [...new Set([...wordsOf(lab), ...used()])];
    if (words.join() === [...toggles.keys()].join()) return;
    toggles = new Map(words.map((word) => [word, toggleOf(word)]));
    root.replaceChildren(...[...toggles.values()].map((toggle) => toggle.root));
    show();
  };
  lab.onSource(fill);
  lab.onTrait("target", fill);
  lab.edits.onChange(({ settings }) => {
    fill();
    show();
    root.classList.toggle("styledit-replaced", Boolean(settings.mask));
  });
  return root;
}

/**
 * The words of both prompts that name something.
 * @param {Lab} lab
 */
function wordsOf(lab) {
  const target = lab.model.get("target").words ?? [];
  const all = [...(lab.source().words ?? []), ...target.map((word) => word.text)];
  return [...new Set(all.filter(namesSomething))];
}

/** @param {Lab} lab */
function maskPainter(lab) {
  const [width, height] = lab.world.mask_size;
  const brush = new Brush(width, height);
  const ask = (/** @type {boolean} */ moving) => {
    undo.disabled = !brush.before.length;
    lab.edits.change({ mask: pack(brush.cells, width, height) }, moving);
  };
  const rest = delayedCall(() => ask(false), REST);
  const place = element("span", {
    class: "styledit-hint",
    role: "status",
    "aria-live": "polite",
    "data-testid": "brush-place",
  });
  const canvas = drawnCanvas(
    ...sharpSize(lab.world.size),
    {
      class: "styledit-painter",
      tabindex: "0",
      "data-testid": "mask-canvas",
      role: "application",
      "aria-label":
        "Mask painter. Arrow keys move the brush, with Shift by one cell, space paints, backspace erases, Ctrl+Z undoes.",
    },
    (context) => drawPainter(context, lab.images.source, brush),
  );
  const show = (/** @type {Uint8Array} */ cells) => {
    brush.cells = cells;
    undo.disabled = !brush.before.length;
    canvas.redraw();
    lab.edits.jump({ mask: pack(cells, width, height) });
  };
  const all = (/** @type {(cell: number) => number} */ value) => {
    brush.begin();
    show(brush.cells.map(value));
  };
  const takeBack = () => {
    if (brush.undo()) show(brush.cells);
  };
  const undo = pushButton("Undo stroke", "mask-undo", takeBack, { disabled: true });
  const size = slider(
    "Brush",
    {
      min: 1,
      max: Math.max(2, width >> 1),
      step: 1,
      value: brush.size,
      title: "Its width in cells of the mask",
    },
    (value) => {
      brush.size = value;
      canvas.redraw();
    },
  );
  size.input.dataset.testid = "brush-size";
  paintByHand(canvas, brush, ask);
  paintByKeys(canvas, brush, {
    ask,
    rest: rest.start,
    undo: takeBack,
    say: (sentence) => (place.textContent = sentence),
  });
  lab.edits.onChange(({ settings }) => {
    if (canvas.root.dataset.painting) return;
    brush.cells = unpack(settings.mask, width, height);
    canvas.redraw();
  });
  lab.onTrait("source", () => setTimeout(canvas.redraw, 100)); // its picture is decoded by then
  lab.cleanups.push(canvas.close, rest.stop);
  return element(
    "div",
    { class: "styledit-paint" },
    canvas.root,
    element(
      "div",
      { class: "styledit-paint-side" },
      element("div", { class: "styledit-row" }, brushModes(brush), undo),
      size.root,
      element(
        "div",
        { class: "styledit-row" },
        pushButton("Everything", "mask-fill", () => all(() => 1)),
        pushButton("Invert", "mask-invert", () => all((cell) => 1 - cell)),
        pushButton("No mask", "mask-clear", () => all(() => 0)),
      ),
      wordLasso(lab, () => wordsOf(lab), {
        begin: () => brush.begin(),
        show,
        drag(cells, moving) {
          brush.cells = cells;
          canvas.redraw();
          ask(moving);
        },
      }),
      place,
    ),
  );
}

/** @param {Brush} brush */
function brushModes(brush) {
  const paint = toggleButton("Paint", "mask-paint", () => mode(true));
  const erase = toggleButton("Erase", "mask-erase", () => mode(false));
  const mode = (/** @type {boolean} */ paints) => {
    brush.paints = paints;
    paint.set(paints);
    erase.set(!paints);
  };
  mode(true);
  return element("div", { class: "styledit-tabs" }, paint.root, erase.root);
}

/**
 * The canvas's sides: a whole number of its pixels to each of the picture's, so that lines are fine.
 * @param {[number, number]} size of the picture
 * @returns {[number, number]}
 */
function sharpSize([width, height]) {
  const factor = Math.max(1, Math.round(SHARP / Math.max(width, height)));
  return [factor * width, factor * height];
}
