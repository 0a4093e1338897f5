// What both plots draw with.
import { svgElement } from "../shared/elements.js";

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 * @param {Record<string, string | number>} attributes
 */
export function svgText(x, y, content, attributes = {}) {
  return svgElement("text", { x, y, ...attributes }, content);
}

/**
 * The line at the index that is shown.
 * @param {number} y1
 * @param {number} y2
 */
export function cursorLine(y1, y2) {
  const root = svgElement("line", { y1, y2, class: "styledit-player-cursor" });
  return {
    root,
    move(/** @type {number} */ x) {
      root.setAttribute("x1", String(x));
      root.setAttribute("x2", String(x));
    },
  };
}
