// The scales of the maps' colours, and their numbers.
import { coloured } from "../shared/colours.js";
import { contextOf, element } from "../shared/elements.js";
/** @import { Range } from "../shared/types.js" */
/** @import { ColourBar } from "./types.js" */

const STEPS = 256; // of the colour bar
const GREY = 128; // of the bar's background, the picture under a map

/**
 * The ends of the colour scale for some maps. Contrast 0 takes [0, highest], 1 leaves a twentieth at either end to the
 * end's colour.
 * @param {Float32Array[]} maps
 * @param {number} contrast
 * @param {boolean} signed differences are scaled evenly around zero
 * @returns {Range}
 */
export function rangeOf(maps, contrast, signed) {
  const length = maps.reduce((sum, map) => sum + map.length, 0);
  if (!length) return { low: 0, high: 1 };
  const values = new Float32Array(length);
  let place = 0;
  for (const map of maps) {
    values.set(map, place);
    place += map.length;
  }
  if (signed) values.forEach((value, k) => (values[k] = Math.abs(value)));
  values.sort();
  const at = (/** @type {number} */ share) => values[Math.round(share * (length - 1))];
  const high = Math.max(at(1) * (1 - contrast) + at(0.95) * contrast, 1e-9);
  return { low: signed ? -high : Math.min(at(0.05) * contrast, 0.98 * high), high };
}

/**
 * A share in percent with as many digits as it takes to see it.
 * @param {number} value
 */
export function percent(value) {
  const size = Math.abs(100 * value);
  const digits = size >= 10 || size === 0 ? 1 : size >= 0.1 ? 2 : 3;
  return (100 * value).toFixed(digits).replace("-", "−");
}

/**
 * A colour bar with three numbers.
 * @returns {ColourBar}
 */
export function colourBar() {
  const canvas = element("canvas", { width: STEPS, height: 1, "aria-hidden": "true" });
  const numbers = [0, 1, 2].map(() => element("span"));
  const unit = element("span", { class: "explorer-unit" });
  const root = element(
    "div",
    { class: "explorer-colour-bar", "data-testid": "colour-bar" },
    canvas,
    element("div", { class: "explorer-ticks" }, ...numbers),
    unit,
  );
  const values = Array.from({ length: STEPS }, (_, k) => k);
  return {
    root,
    set({ low, high }, palette, share, text, clipped) {
      const faded = palette.map((value) => value * (1 - share) + GREY * share);
      const pixels = coloured(values, { low: 0, high: STEPS - 1 }, faded);
      contextOf(canvas).putImageData(new ImageData(pixels, STEPS, 1), 0, 0);
      numbers[0].textContent = `${clipped.low ? "≤ " : ""}${percent(low)}`;
      numbers[1].textContent = percent((low + high) / 2);
      numbers[2].textContent = `${clipped.high ? "≥ " : ""}${percent(high)}`;
      unit.textContent = text;
    },
  };
}
