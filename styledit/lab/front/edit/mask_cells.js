// A painted mask's cells: 1 where the edit may change the picture.
import { addMap } from "../shared/resample.js";
/** @import { Grid } from "../shared/types.js" */
/** @import { Mask } from "./types.js" */

const MOST_STROKES = 40; // that can be undone

/**
 * The mask as the protocol has it: how many cells, row by row, are kept, painted, and so on in turn. Null where
 * nothing is painted.
 * @param {Uint8Array} cells (height * width)
 * @param {number} width
 * @param {number} height
 * @returns {Mask | null}
 */
export function pack(cells, width, height) {
  if (!cells.includes(1)) return null;
  const runs = [0];
  let now = 0;
  for (const cell of cells) {
    if (cell !== now) {
      runs.push(0);
      now = cell;
    }
    runs[runs.length - 1] += 1;
  }
  return { width, height, runs };
}

/**
 * A mask's cells at another size, the nearest ones; all 0 where there is no mask.
 * @param {Mask | null} mask
 * @param {number} width
 * @param {number} height
 */
export function unpack(mask, width, height) {
  const cells = new Uint8Array(width * height);
  if (!mask) return cells;
  const own = new Uint8Array(mask.width * mask.height);
  let place = 0;
  mask.runs.forEach((length, k) => {
    own.fill(k % 2, place, place + length);
    place += length;
  });
  if (mask.width === width && mask.height === height) return own;
  for (let y = 0; y < height; y += 1) {
    const row = Math.floor((y * mask.height) / height) * mask.width;
    for (let x = 0; x < width; x += 1) cells[y * width + x] = own[row + Math.floor((x * mask.width) / width)];
  }
  return cells;
}

/**
 * The cells where a word looks: its map reaches a share of the way from its lowest to its highest value.
 * @param {Grid & {values: ArrayLike<number>}} map
 * @param {number} threshold the share
 * @param {number} width of the mask
 * @param {number} height
 */
export function cellsOfWord(map, threshold, width, height) {
  const values = new Float32Array(width * height);
  addMap(values, { h: height, w: width }, map.values, map, 1);
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const least = low + threshold * (high - low);
  return Uint8Array.from(values, (value) => (value >= least ? 1 : 0));
}

/**
 * The edges between painted and kept cells, each a line from [x, y] to [x, y] in cells.
 * @param {Uint8Array} cells
 * @param {number} width
 * @param {number} height
 */
export function outline(cells, width, height) {
  /** @type {[number, number, number, number][]} */
  const edges = [];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * width + x;
      if (x + 1 < width && cells[at] !== cells[at + 1]) edges.push([x + 1, y, x + 1, y + 1]);
      if (y + 1 < height && cells[at] !== cells[at + width]) edges.push([x, y + 1, x + 1, y + 1]);
    }
  }
  return edges;
}

/** A round brush that stands on a cell. */
export class Brush {
  /**
   * @param {number} width cells
   * @param {number} height
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    /** @type {Uint8Array} */
    this.cells = new Uint8Array(width * height);
    this.x = width >> 1;
    this.y = height >> 1;
    this.size = Math.max(1, Math.round(width / 8)); // its diameter
    this.paints = true; // else it erases
    this.focused = false;
    /** @type {Uint8Array[]} what was there before each stroke */
    this.before = [];
  }

  /** The middle of what it paints, in cells: a brush of an even size stands between two. */
  middle() {
    const half = this.size % 2 ? 0.5 : 0;
    return [this.x + half, this.y + half];
  }

  /** A stroke begins: what is there now can be had again. */
  begin() {
    this.before.push(this.cells.slice());
    if (this.before.length > MOST_STROKES) this.before.shift();
  }

  /** Take the last stroke back; whether there was one. */
  undo() {
    const before = this.before.pop();
    if (before) this.cells = before;
    return before !== undefined;
  }

  /** Paint or erase where it stands. */
  stamp(paints = this.paints) {
    const [middleX, middleY] = this.middle();
    const radius = this.size / 2;
    const from = (/** @type {number} */ middle) => Math.max(0, Math.floor(middle - radius));
    for (let y = from(middleY); y < Math.min(this.height, middleY + radius); y += 1) {
      for (let x = from(middleX); x < Math.min(this.width, middleX + radius); x += 1) {
        const inside = Math.hypot(x + 0.5 - middleX, y + 0.5 - middleY) <= radius;
        if (inside) this.cells[y * this.width + x] = paints ? 1 : 0;
      }
    }
  }

  /**
   * Paint or erase on the way to another cell: a fast hand leaves no gaps.
   * @param {number} x
   * @param {number} y
   */
  lineTo(x, y) {
    const [fromX, fromY] = [this.x, this.y];
    const steps = Math.max(Math.abs(x - fromX), Math.abs(y - fromY), 1);
    for (let k = 1; k <= steps; k += 1) {
      this.x = Math.round(fromX + ((x - fromX) * k) / steps);
      this.y = Math.round(fromY + ((y - fromY) * k) / steps);
      this.stamp();
    }
  }
}
