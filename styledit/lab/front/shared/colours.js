// Numbers as colours, as styledit/lab/palettes.py has them.
import { contextOf } from "./elements.js";
/** @import { Anchors, Palette, Range } from "./types.js" */

/** From the lowest value to the highest; told apart by colour-blind readers ("inferno"). @type {Anchors} */
export const SEQUENTIAL = [
  [0, 0, 4],
  [33, 12, 74],
  [87, 16, 110],
  [138, 34, 106],
  [188, 55, 84],
  [228, 90, 49],
  [249, 142, 9],
  [249, 203, 53],
  [252, 255, 164],
];

/**
 * 256 colours, of which those between the anchors are mixed.
 * @param {Anchors} anchors from the lowest value to the highest
 * @returns {Palette}
 */
export function paletteOf(anchors) {
  const colours = new Uint8ClampedArray(256 * 3);
  for (let k = 0; k < 256; k += 1) {
    const place = (k / 255) * (anchors.length - 1);
    const first = Math.min(anchors.length - 2, Math.floor(place));
    const part = place - first;
    for (let c = 0; c < 3; c += 1) {
      colours[3 * k + c] = anchors[first][c] * (1 - part) + anchors[first + 1][c] * part;
    }
  }
  return colours;
}

/**
 * The pixels (RGBA) of some values; what lies outside the range takes the end's colour.
 * @param {ArrayLike<number>} values
 * @param {Range} range
 * @param {Palette} palette
 */
export function coloured(values, range, palette) {
  const pixels = new Uint8ClampedArray(4 * values.length);
  const factor = 255 / Math.max(range.high - range.low, 1e-12);
  for (let k = 0; k < values.length; k += 1) {
    const place = 3 * Math.max(0, Math.min(255, Math.round((values[k] - range.low) * factor)));
    pixels[4 * k] = palette[place];
    pixels[4 * k + 1] = palette[place + 1];
    pixels[4 * k + 2] = palette[place + 2];
    pixels[4 * k + 3] = 255;
  }
  return pixels;
}

/**
 * Values as the pixels of a canvas, one each.
 * @param {HTMLCanvasElement} canvas
 * @param {ArrayLike<number>} values as many as the canvas has pixels
 * @param {Range} range
 * @param {Palette} palette
 */
export function paint(canvas, values, range, palette) {
  const image = new ImageData(coloured(values, range, palette), canvas.width, canvas.height);
  contextOf(canvas).putImageData(image, 0, 0);
}
