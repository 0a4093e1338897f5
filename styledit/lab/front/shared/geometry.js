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
