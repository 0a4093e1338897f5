// Where the indices lie in the plots: 0 (noise) on the left, the picture on the right, room for numbers at both sides.
import { clamped } from "../shared/geometry.js";

const LEFT = 56; // px
const RIGHT = 116; // px, for the names of curves

export class IndexAxis {
  /** px, of the whole plot */
  width = 0;

  /** @param {number} last index */
  constructor(last) {
    this.last = last;
  }

  /** Where numbers end. */
  get left() {
    return LEFT - 8;
  }

  /**
   * @param {number} index
   * @returns {number} px
   */
  x(index) {
    return LEFT + (index / this.last) * (this.width - LEFT - RIGHT);
  }

  /**
   * The index nearest to a place.
   * @param {number} x px
   */
  indexAt(x) {
    const index = Math.round(((x - LEFT) / (this.width - LEFT - RIGHT)) * this.last);
    return clamped(index, 0, this.last);
  }

  /** Every how many indices there is room for a number. */
  get every() {
    return Math.max(1, Math.ceil(34 / ((this.width - LEFT - RIGHT) / this.last)));
  }

  /**
   * A line through points, as an SVG path.
   * @param {[number, number][]} points index and y (px)
   */
  path(points) {
    return points.map(([k, y], n) => `${n ? "L" : "M"}${this.x(k).toFixed(1)} ${y.toFixed(1)}`).join("");
  }
}
