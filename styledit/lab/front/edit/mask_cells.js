// A painted mask's cells: 1 where the edit may change the picture.
/** @import { Mask } from "./types.js" */

/**
 * The mask as the protocol has it; null where nothing is painted.
 * @param {Uint8Array} cells (height * width)
 * @param {number} width
 * @param {number} height
 * @returns {Mask | null}
 */
export function pack(cells, width, height) {
  if (!cells.some(Boolean)) return null;
  const rows = Array.from({ length: height }, (_, y) => cells.subarray(y * width, (y + 1) * width).join(""));
  return { width, height, rows };
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
  for (let y = 0; y < height; y += 1) {
    const row = mask.rows[Math.floor((y * mask.height) / height)];
    for (let x = 0; x < width; x += 1)
      cells[y * width + x] = Number(row[Math.floor((x * mask.width) / width)]);
  }
  return cells;
}

/** A square brush that stands on a cell. */
export class Brush {
  /**
   * @param {number} width cells
   * @param {number} height
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.cells = new Uint8Array(width * height);
    this.x = width >> 1;
    this.y = height >> 1;
    this.size = Math.max(1, Math.round(width / 6));
    this.paints = true; // else it erases
    this.focused = false;
  }

  /** The cell at its upper left: [x, y]. */
  corner() {
    const half = (this.size - 1) / 2;
    return [Math.ceil(this.x - half), Math.ceil(this.y - half)];
  }

  /** Paint or erase where it stands. */
  stamp(paints = this.paints) {
    const [left, top] = this.corner();
    for (let y = Math.max(0, top); y < Math.min(this.height, top + this.size); y += 1) {
      const row = y * this.width;
      this.cells.fill(paints ? 1 : 0, row + Math.max(0, left), row + Math.min(this.width, left + this.size));
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
