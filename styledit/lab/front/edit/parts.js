// Small parts that every section of the EditLab is made of.
import { pushButton } from "../shared/controls.js";
import { contextOf, element, keepKeys, uniqueId } from "../shared/elements.js";
/** @import { Child } from "../shared/types.js" */
/** @import { DrawnCanvas, Picture } from "./types.js" */

/**
 * A button that is on or off.
 * @param {string} text
 * @param {string} testid
 * @param {(on: boolean) => void} changed
 * @param {Record<string, unknown>} attributes
 */
export function toggleButton(text, testid, changed, attributes = {}) {
  const press = () => {
    set(!on());
    changed(on());
  };
  const root = pushButton(text, testid, press, { "aria-pressed": "false", ...attributes });
  const on = () => root.getAttribute("aria-pressed") === "true";
  const set = (/** @type {boolean} */ value) => root.setAttribute("aria-pressed", String(value));
  return { root, set };
}

/**
 * A part that is folded away until it is wanted.
 * @param {string} title
 * @param {string} testid
 * @param {...Child} children
 */
export function foldedPart(title, testid, ...children) {
  const summary = keepKeys(element("summary", { "data-testid": testid }, title));
  return element(
    "details",
    { class: "styledit-fold" },
    summary,
    element("div", { class: "styledit-fold-body" }, ...children),
  );
}

/**
 * An input, select or textarea with a label, which names the id that `control` gets.
 * @param {string} text
 * @param {HTMLElement} control
 * @param {Record<string, unknown>} attributes
 */
export function labelled(text, control, attributes = {}) {
  control.id ||= uniqueId();
  keepKeys(control);
  const label = element("label", { for: control.id }, text);
  return element("div", { class: "styledit-field", ...attributes }, label, control);
}

/**
 * An input for a file; `take` gets each that is chosen, the same one again, too.
 * @param {string} testid
 * @param {string} accept
 * @param {string} label
 * @param {(file: File) => void} take
 */
export function fileInput(testid, accept, label, take) {
  const input = keepKeys(
    element("input", { type: "file", accept, "data-testid": testid, "aria-label": label }),
  );
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) take(file);
    input.value = "";
  });
  return input;
}

/**
 * A button that copies what an element says.
 * @param {string} testid
 * @param {HTMLElement} text
 */
export function copyButton(testid, text) {
  const root = pushButton("Copy", testid, async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      root.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(text); // no clipboard without https: one key is left to press
      root.textContent = "Selected: press Ctrl+C";
    }
  });
  return root;
}

/**
 * A canvas that is drawn again when it comes back into view: JupyterLab loses what scrolled away.
 * @param {number} width
 * @param {number} height
 * @param {Record<string, unknown>} attributes
 * @param {(context: CanvasRenderingContext2D, canvas: HTMLCanvasElement) => void} draw
 * @returns {DrawnCanvas}
 */
export function drawnCanvas(width, height, attributes, draw) {
  const root = element("canvas", { width, height, ...attributes });
  const redraw = () => draw(contextOf(root, true), root);
  const watch = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) redraw();
  });
  watch.observe(root);
  return { root, redraw, close: () => watch.disconnect() };
}

/**
 * Whether an <img> or a <canvas> has something to draw.
 * @param {Picture} picture
 */
export function drawable(picture) {
  return picture instanceof HTMLCanvasElement
    ? picture.width > 0
    : picture.complete && picture.naturalWidth > 0;
}

/**
 * |a - b| of two pictures, the mean of its channels times `gain`, in grey on a canvas.
 * @param {CanvasRenderingContext2D} context
 * @param {Picture | null} a
 * @param {Picture | null} b
 * @param {number} gain
 * @returns {number | null} the mean difference of a channel, 0 to 255; null where a picture is not there
 */
export function drawDifference(context, a, b, gain) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  if (!a || !b || !drawable(a) || !drawable(b)) return null;
  context.drawImage(b, 0, 0, width, height);
  const second = context.getImageData(0, 0, width, height).data;
  context.drawImage(a, 0, 0, width, height);
  const first = context.getImageData(0, 0, width, height);
  const mean = intoDifference(first.data, second, gain);
  context.putImageData(first, 0, 0);
  return mean;
}

/**
 * Turn pixels (RGBA) into the grey of how far they are from others.
 * @param {Uint8ClampedArray} values changed in place
 * @param {Uint8ClampedArray} others
 * @param {number} gain
 * @returns {number} the mean difference of a channel, 0 to 255
 */
export function intoDifference(values, others, gain) {
  let sum = 0;
  for (let at = 0; at < values.length; at += 4) {
    let distance = 0;
    for (let channel = at; channel < at + 3; channel += 1)
      distance += Math.abs(values[channel] - others[channel]);
    sum += distance;
    values[at] = values[at + 1] = values[at + 2] = (distance / 3) * gain; // clamped by the array
    values[at + 3] = 255;
  }
  return sum / ((3 * values.length) / 4);
}

/**
 * Call `action` once, `pause` milliseconds after the last `start`.
 * @param {() => void} action
 * @param {number} pause
 */
export function delayedCall(action, pause) {
  /** @type {Timer} */
  let timer;
  const stop = () => {
    clearTimeout(timer);
    timer = undefined;
  };
  return {
    start() {
      stop();
      timer = setTimeout(() => {
        timer = undefined;
        action();
      }, pause);
    },
    stop,
    waits: () => timer !== undefined,
  };
}

/** The next moment at which what was set is on the screen. A hidden page paints nothing, so a timer stands by. */
export function afterPaint() {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 300);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}

/** @param {number} milliseconds */
export function pauseOf(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/**
 * "3 steps", "1 step".
 * @param {number} number
 * @param {string} noun
 */
export function countOf(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
