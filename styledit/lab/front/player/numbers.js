// Numbers as the player writes them.

/**
 * A guidance: "3", "7.5".
 * @param {number} value
 */
export function guidanceText(value) {
  return String(Number(value.toFixed(2))).replace("-", "−");
}

/**
 * Two digits that count.
 * @param {number} value
 */
export function shortNumber(value) {
  return String(Number(value.toPrecision(2)));
}

/**
 * A power of ten: "0.01", "1", "100".
 * @param {number} power
 */
export function powerText(power) {
  return power < 0 ? (10 ** power).toFixed(-power) : String(10 ** power);
}

/**
 * Whole numbers from the lowest to the highest, both included.
 * @param {number} lowest
 * @param {number} highest
 */
export function wholeNumbers(lowest, highest) {
  return Array.from({ length: highest - lowest + 1 }, (_, k) => lowest + k);
}
