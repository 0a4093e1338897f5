// The canvas that a mask is painted on: by hand, and by keys.
import { contextOf, element, keepKeys } from "../shared/elements.js";
import { ARROWS, clamped } from "../shared/geometry.js";
import { outline } from "./mask_cells.js";
import { drawable } from "./parts.js";
/** @import { Brush } from "./mask_cells.js" */
/** @import { DrawnCanvas } from "./types.js" */

const SHADE = 150; // of 255, over what is kept
const LINES = /** @type {[string, number][]} */ ([
  ["#000", 3],
  ["#fff", 1.5],
]); // seen on dark and on light

/**
 * The source picture, shaded where it is kept, the mask's outline and the brush.
 * @param {CanvasRenderingContext2D} context
 * @param {HTMLImageElement | undefined} source
 * @param {Brush} brush
 */
export function drawPainter(context, source, brush) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  if (source && drawable(source)) context.drawImage(source, 0, 0, width, height);
  const [w, h] = [width / brush.width, height / brush.height];
  if (brush.cells.includes(1)) {
    context.drawImage(shade(brush), 0, 0, width, height);
    strokes(context, (path) => {
      for (const [x0, y0, x1, y1] of outline(brush.cells, brush.width, brush.height)) {
        path.moveTo(x0 * w, y0 * h);
        path.lineTo(x1 * w, y1 * h);
      }
    });
  }
  if (!brush.focused) return;
  const [x, y] = brush.middle();
  strokes(context, (path) => path.ellipse(x * w, y * h, (brush.size / 2) * w, (brush.size / 2) * h, 0, 0, 7));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {(path: Path2D) => void} draw
 */
function strokes(context, draw) {
  const path = new Path2D();
  draw(path);
  for (const [colour, line] of LINES) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.stroke(path);
  }
}

/**
 * What is kept as a dark shade, a pixel a cell.
 * @param {Brush} brush
 */
function shade({ cells, width, height }) {
  const canvas = element("canvas", { width, height });
  const pixels = new ImageData(width, height);
  cells.forEach((cell, at) => {
    pixels.data[4 * at + 3] = cell ? 0 : SHADE;
  });
  contextOf(canvas).putImageData(pixels, 0, 0);
  return canvas;
}

/**
 * @param {DrawnCanvas} canvas
 * @param {Brush} brush
 * @param {(moving: boolean) => void} ask
 */
export function paintByHand({ root, redraw }, brush, ask) {
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
    brush.begin();
    brush.stamp();
    redraw();
    root.dataset.painting = "true";
    ask(true);
  });
  root.addEventListener("pointermove", (event) => {
    const { x, y } = cellOf(event);
    if (x === brush.x && y === brush.y && brush.focused) return;
    brush.focused = true;
    if (root.dataset.painting) brush.lineTo(x, y);
    else Object.assign(brush, { x, y });
    redraw();
    if (root.dataset.painting) ask(true);
  });
  root.addEventListener("pointerleave", () => {
    if (root.dataset.painting) return;
    brush.focused = document.activeElement === root;
    redraw();
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
 * @param {{ask: (moving: boolean) => void, rest: () => void, undo: () => void, say: (sentence: string) => void}} then
 */
export function paintByKeys({ root, redraw }, brush, { ask, rest, undo, say }) {
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
    const step = event.shiftKey ? 1 : Math.max(1, brush.size >> 1);
    if (arrow) {
      brush.x = clamped(brush.x + step * arrow[0], 0, brush.width - 1);
      brush.y = clamped(brush.y + step * arrow[1], 0, brush.height - 1);
    } else if (paints || event.key === "Backspace" || event.key === "Delete") {
      brush.begin();
      brush.stamp(paints && brush.paints);
      ask(true);
      rest();
    } else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) undo();
    else return;
    event.preventDefault();
    const painted = brush.cells[brush.y * brush.width + brush.x];
    say(`Column ${brush.x + 1}, row ${brush.y + 1}: ${painted ? "painted" : "kept"}`);
    redraw();
  });
}
