// Elements of the page.
/** @import { Child } from "./types.js" */

/**
 * An element with attributes and children; an attribute that begins with "on" is a listener.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} attributes null, undefined and false are left out
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function")
      made.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, String(value));
  }
  made.append(...present(children));
  return made;
}

/**
 * The same for a part of an SVG.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svgElement(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...present(children));
  return made;
}

/** @param {Child[]} children */
function present(children) {
  return children.filter((child) => child !== null && child !== undefined);
}

/**
 * What a canvas is drawn with.
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @param {boolean} reads whether its pixels are read often
 * @returns {CanvasRenderingContext2D}
 */
export function contextOf(canvas, reads = false) {
  // every browser that shows a notebook has it
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: reads }));
}

/**
 * No shortcut of the notebook may act on keys that are meant for a control: in JupyterLab "d d" deletes a cell.
 * @template {HTMLElement} Control
 * @param {Control} control
 * @returns {Control}
 */
export function keepKeys(control) {
  control.dataset.lmSuppressShortcuts = "true";
  control.addEventListener("keydown", (event) => event.stopPropagation());
  return control;
}

let idsGiven = 0;
/** An id that no other element of the page has. */
export function uniqueId() {
  idsGiven += 1;
  return `styledit-${idsGiven}-${Math.random().toString(36).slice(2, 8)}`;
}
