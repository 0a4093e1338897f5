// Small canvases that are drawn large, over a picture in grey.
import { paint } from "../shared/colours.js";
import { contextOf, element } from "../shared/elements.js";
/** @import { Grid, Palette, Range } from "../shared/types.js" */

/**
 * A map as a canvas of as many pixels.
 * @param {Float32Array} map
 * @param {Grid} grid
 * @param {Range} range
 * @param {Palette} palette
 */
export function mapCanvas(map, { h, w }, range, palette) {
  const canvas = element("canvas", { width: w, height: h });
  paint(canvas, map, range, palette);
  return canvas;
}

/**
 * The picture in grey, its blacks and whites a little taken back, so that the map's colours stay readable.
 * @param {ImageBitmap} image
 */
export function greyCanvas(image) {
  const { width, height } = image;
  const canvas = element("canvas", { width, height });
  const context = contextOf(canvas, true);
  context.drawImage(image, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  const { data } = pixels;
  for (let k = 0; k < data.length; k += 4) {
    const light = 0.299 * data[k] + 0.587 * data[k + 1] + 0.114 * data[k + 2];
    data.fill(20 + light * 0.85, k, k + 3);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/**
 * Draw a small map canvas over a grey picture into a large canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLCanvasElement | null} grey
 * @param {HTMLCanvasElement | null} small
 * @param {number} share of what is seen that is the picture
 * @param {boolean} smooth
 */
export function compose(canvas, grey, small, share, smooth) {
  const context = contextOf(canvas);
  const { width, height } = canvas;
  if (grey) context.drawImage(grey, 0, 0, width, height);
  else context.clearRect(0, 0, width, height);
  if (!small) return;
  context.save();
  context.globalAlpha = 1 - share;
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small, 0, 0, width, height);
  context.restore();
}

/**
 * A frame around one cell, seen on dark and on light.
 * @param {HTMLCanvasElement} canvas
 * @param {{x: number, y: number, w: number, h: number}} cell in fractions of the picture
 * @param {boolean} locked
 */
export function markCell(canvas, cell, locked) {
  const context = contextOf(canvas);
  const { width, height } = canvas;
  const unit = width / 512;
  const frame = (/** @type {string} */ colour, /** @type {number} */ line) => {
    context.lineWidth = line * unit;
    context.strokeStyle = colour;
    context.strokeRect(cell.x * width, cell.y * height, cell.w * width, cell.h * height);
  };
  frame("#000", locked ? 6 : 4);
  frame(locked ? "#56b4e9" : "#fff", locked ? 3 : 2);
}
