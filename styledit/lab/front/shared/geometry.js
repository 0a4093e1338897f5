// Places in a picture, and the keys that move them.

/** A step of each arrow key, across and down. @type {Record<string, readonly [number, number] | undefined>} */
export const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * A number inside its bounds.
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
export function clamped(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

/**
 * The box that an arrow key leads to: across, the next one in order; up and down, the nearest of the next row.
 * @param {{left: number, top: number}[]} boxes in the order of the page
 * @param {number} at the box that it leads from
 * @param {readonly [number, number]} arrow
 * @returns {number} `at` where there is none
 */
export function neighbourOf(boxes, at, [across, down]) {
  if (across) return clamped(at + across, 0, boxes.length - 1);
  const from = boxes[at];
  const beyond = boxes.map((box, place) => ({
    place,
    rows: down * (box.top - from.top),
    columns: Math.abs(box.left - from.left),
  }));
  const rows = Math.min(...beyond.map(({ rows: far }) => (far > 1 ? far : Infinity)));
  const row = beyond.filter(({ rows: far }) => far > 1 && far < rows + 2);
  return row.sort((a, b) => a.columns - b.columns)[0]?.place ?? at;
}
