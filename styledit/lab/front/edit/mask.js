// Where an edit may change the picture: blend words, or a painted mask.
import { pushButton, slider } from "../shared/controls.js";
import { element, keepKeys } from "../shared/elements.js";
import { ARROWS, clamped } from "../shared/geometry.js";
import { settingSlider } from "./controls.js";
import { Brush, pack, unpack } from "./mask_cells.js";
import { delayedCall, drawable, drawnCanvas, toggleButton } from "./parts.js";
/** @import { DrawnCanvas, Lab, Settings } from "./types.js" */

const REST = 350; // ms after the last key before the exact edit is asked for
const SMALL = new Set(["a", "an", "the", "of", "in", "on", "with", "and"]); // their maps say little of a place

/** @param {Lab} lab */
export function maskSection(lab) {
  return [
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
      "Or paint: what is painted may change, the rest stays. A painted mask takes the blend words' place.",
    ),
    maskPainter(lab),
  ];
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
  const quoted = blend.map((word) => `“${word}”`);
  const words = [quoted.slice(0, -1).join(", "), quoted.at(-1)].filter(Boolean).join(" or ");
  return `Only where the model sees ${words} may the picture change${auto ? ": a suggested blend" : ""}.`;
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
    const target = lab.model.get("target").words ?? [];
    const all = [...(lab.source().words ?? []), ...target.map((word) => word.text)];
    const words = [...new Set([...all.filter((word) => !SMALL.has(word)), ...used()])];
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

/** @param {Lab} lab */
function maskPainter(lab) {
  const [width, height] = lab.world.mask_size;
  const brush = new Brush(width, height);
  const ask = (/** @type {boolean} */ moving) =>
    lab.edits.change({ mask: pack(brush.cells, width, height) }, moving);
  const rest = delayedCall(() => ask(false), REST);
  const place = element("span", {
    class: "styledit-hint",
    role: "status",
    "aria-live": "polite",
    "data-testid": "brush-place",
  });
  const canvas = drawnCanvas(
    ...lab.world.size,
    {
      class: "styledit-painter",
      tabindex: "0",
      "data-testid": "mask-canvas",
      role: "application",
      "aria-label": "Mask painter. Arrow keys move the brush, space paints, backspace erases.",
    },
    (context) => drawPainter(context, lab.images.source, brush),
  );
  const all = (/** @type {(cell: number) => number} */ value) => {
    brush.cells = brush.cells.map(value);
    canvas.redraw();
    ask(false);
  };
  const paint = toggleButton("Paint", "mask-paint", () => mode(true));
  const erase = toggleButton("Erase", "mask-erase", () => mode(false));
  const mode = (/** @type {boolean} */ paints) => {
    brush.paints = paints;
    paint.set(paints);
    erase.set(!paints);
  };
  mode(true);
  const most = Math.max(2, width >> 1);
  const size = slider("Brush", { min: 1, max: most, step: 1, value: brush.size }, (value) => {
    brush.size = value;
    canvas.redraw();
  });
  size.input.dataset.testid = "brush-size";
  paintByHand(canvas, brush, ask);
  paintByKeys(canvas, brush, { ask, rest: rest.start, say: (sentence) => (place.textContent = sentence) });
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
      element(
        "div",
        { class: "styledit-row" },
        element("div", { class: "styledit-tabs" }, paint.root, erase.root),
      ),
      size.root,
      element(
        "div",
        { class: "styledit-row" },
        pushButton("Everything", "mask-fill", () => all(() => 1)),
        pushButton("Invert", "mask-invert", () => all((cell) => 1 - cell)),
        pushButton("No mask", "mask-clear", () => all(() => 0)),
      ),
      place,
    ),
  );
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLImageElement | undefined} source
 * @param {Brush} brush
 */
function drawPainter(context, source, brush) {
  const { width, height } = context.canvas;
  const [w, h] = [width / brush.width, height / brush.height];
  context.clearRect(0, 0, width, height);
  if (source && drawable(source)) context.drawImage(source, 0, 0, width, height);
  if (brush.cells.some(Boolean)) {
    context.fillStyle = "rgba(0, 0, 0, 0.65)";
    brush.cells.forEach((cell, at) => {
      if (!cell) context.fillRect((at % brush.width) * w, Math.floor(at / brush.width) * h, w, h);
    });
  }
  if (!brush.focused) return;
  const [left, top] = brush.corner();
  for (const [colour, line] of /** @type {[string, number][]} */ ([
    ["#000", 2],
    ["#fff", 1],
  ])) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(left * w + 0.5, top * h + 0.5, brush.size * w - 1, brush.size * h - 1);
  }
}

/**
 * @param {DrawnCanvas} canvas
 * @param {Brush} brush
 * @param {(moving: boolean) => void} ask
 */
function paintByHand({ root, redraw }, brush, ask) {
  const cellOf = (/** @type {PointerEvent} */ event) => {
    const box = root.getBoundingClientRect();
    const inside = (/** @type {number} */ share, /** @type {number} */ cells) =>
      clamped(Math.floor(share * cells), 0, cells - 1);
    const x = inside((event.clientX - box.left) / box.width, brush.width);
    return { x, y: inside((event.clientY - box.top) / box.height, brush.height) };
  };
  root.addEventListener("pointerdown", (event) => {
    root.setPointerCapture(event.pointerId);
    Object.assign(brush, cellOf(event));
    brush.stamp();
    redraw();
    root.dataset.painting = "true";
    ask(true);
  });
  root.addEventListener("pointermove", (event) => {
    if (!root.dataset.painting) return;
    const { x, y } = cellOf(event);
    if (x === brush.x && y === brush.y) return;
    brush.lineTo(x, y);
    redraw();
    ask(true);
  });
  const end = () => {
    if (!root.dataset.painting) return;
    delete root.dataset.painting;
    ask(false);
  };
  root.addEventListener("pointerup", end);
  root.addEventListener("pointercancel", end);
}

/**
 * @param {DrawnCanvas} canvas
 * @param {Brush} brush
 * @param {{ask: (moving: boolean) => void, rest: () => void, say: (sentence: string) => void}} then
 */
function paintByKeys({ root, redraw }, brush, { ask, rest, say }) {
  keepKeys(root);
  const focus = (/** @type {boolean} */ focused) => {
    brush.focused = focused;
    redraw();
  };
  root.addEventListener("focus", () => focus(true));
  root.addEventListener("blur", () => focus(false));
  root.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    const paints = event.key === " ";
    if (arrow) {
      brush.x = clamped(brush.x + arrow[0], 0, brush.width - 1);
      brush.y = clamped(brush.y + arrow[1], 0, brush.height - 1);
    } else if (paints || event.key === "Backspace" || event.key === "Delete") {
      brush.stamp(paints && brush.paints);
      ask(true);
      rest();
    } else return;
    event.preventDefault();
    const painted = brush.cells[brush.y * brush.width + brush.x];
    say(`Column ${brush.x + 1}, row ${brush.y + 1}: ${painted ? "painted" : "kept"}`);
    redraw();
  });
}
