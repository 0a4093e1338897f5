// Pointer and keys on the map.
import { keepKeys } from "../shared/elements.js";
import { ARROWS, clamped } from "../shared/geometry.js";
import { percent } from "./colours.js";
import { boxOf, cellOf } from "./data.js";
/** @import { Grid } from "../shared/types.js" */
/** @import { Actions, Explorer, Point, Stage } from "./types.js" */

/**
 * The point of the picture under the mouse, in fractions.
 * @param {HTMLCanvasElement} canvas
 * @param {[number, number]} mouse
 * @returns {Point}
 */
export function pointUnder(canvas, [x, y]) {
  const box = canvas.getBoundingClientRect();
  const inside = (/** @type {number} */ place) => clamped(place, 0, 0.999999);
  return { x: inside((x - box.left) / box.width), y: inside((y - box.top) / box.height) };
}

/**
 * The middle of a neighbouring cell; at the border the cell itself.
 * @param {Grid} grid
 * @param {Point} from
 * @param {readonly [number, number]} arrow
 * @returns {Point}
 */
export function neighbour(grid, from, [dx, dy]) {
  const box = boxOf(grid, from);
  const next = (/** @type {number} */ place, /** @type {number} */ size, /** @type {number} */ step) =>
    clamped(place + size / 2 + step * size, size / 2, 1 - size / 2);
  return { x: next(box.x, box.w, dx), y: next(box.y, box.h, dy) };
}

/**
 * @param {Explorer} explorer
 * @param {Stage} stage
 * @param {Actions} actions
 */
export function listenToPointing(explorer, { canvas, live }, actions) {
  // where the canvas lies is asked in the next frame: in the handler the page would have to be laid out first
  canvas.addEventListener("pointermove", (event) =>
    actions.point({ pixel: null, mouse: [event.clientX, event.clientY] }),
  );
  canvas.addEventListener("pointerleave", () => actions.point({ pixel: null, mouse: null }));
  canvas.addEventListener("click", (event) => {
    actions.lockPixel(pointUnder(canvas, [event.clientX, event.clientY]));
    live.textContent = pixelSentence(explorer) ?? live.textContent;
  });
  canvas.addEventListener("blur", () => actions.point({ pixel: null }));
  keepKeys(canvas);
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    const from = explorer.hover.pixel ?? explorer.chosen.pixel ?? { x: 0.5, y: 0.5 };
    if (arrow) actions.point({ pixel: neighbour(explorer.coloured, from, arrow) });
    else if (event.key === "Enter" || event.key === " ") actions.lockPixel(from);
    else if (event.key === "Escape") actions.lockPixel(null);
    else return;
    event.preventDefault();
    live.textContent = pixelSentence(explorer) ?? live.textContent;
  });
}

/**
 * What a pixel reads most, for a screen reader; null where none is pointed at.
 * @param {Pick<Explorer, "hover" | "chosen" | "coloured">} explorer
 */
export function pixelSentence({ hover, chosen, coloured: view }) {
  const pixel = hover.pixel ?? chosen.pixel;
  if (!pixel) return null;
  const k = cellOf(view, pixel);
  const most = view.columns
    .map(({ text }, c) => ({ text, value: view.maps[c]?.[k] ?? 0 }))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    .slice(0, 3)
    .map(({ text, value }) => `${text} ${percent(value)} %`);
  return `row ${Math.floor(k / view.w)}, column ${k % view.w}: ${most.join(", ")}`;
}
