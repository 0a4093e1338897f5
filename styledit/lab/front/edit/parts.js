// Small parts that every section of the EditLab is made of.
import { element, keepKeys, uniqueId } from "../shared/elements.js";

// What a text says on a button; `testid` is the hook of the tests.
export function pushButton(text, testid, pressed, attributes = {}) {
  return keepKeys(element("button", { type: "button", "data-testid": testid, onclick: pressed, ...attributes }, text));
}

// A button that is on or off. Returns {root, set, on}.
export function toggleButton(text, testid, changed, attributes = {}) {
  const root = pushButton(text, testid, () => {
    set(!on());
    changed(on());
  }, { "aria-pressed": "false", ...attributes });
  const on = () => root.getAttribute("aria-pressed") === "true";
  const set = (value) => root.setAttribute("aria-pressed", value ? "true" : "false");
  return { root, set, on };
}

// A part that is folded away until it is wanted.
export function foldedPart(title, testid, ...children) {
  const summary = keepKeys(element("summary", { "data-testid": testid }, title));
  return element("details", { class: "styledit-fold" }, summary, element("div", { class: "styledit-fold-body" }, ...children));
}

// A labelled input, select or textarea; `control` gets the id that the label names.
export function labelled(text, control, attributes = {}) {
  control.id ||= uniqueId();
  keepKeys(control);
  return element("div", { class: "styledit-field", ...attributes }, element("label", { for: control.id }, text), control);
}

// A select of [value, text] pairs.
export function choiceOf(testid, pairs, changed, attributes = {}) {
  const root = keepKeys(element("select", { "data-testid": testid, ...attributes }));
  fillChoice(root, pairs);
  root.addEventListener("change", () => changed(root.value));
  return root;
}

export function fillChoice(select, pairs) {
  const chosen = select.value;
  select.replaceChildren(...pairs.map(([value, text]) => element("option", { value }, text)));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
}

// A canvas that is drawn again when it comes back into view: JupyterLab loses what scrolled away.
// `draw(context, canvas)`. Returns {root, redraw, close}.
export function drawnCanvas(width, height, attributes, draw) {
  const root = element("canvas", { width, height, ...attributes });
  const redraw = () => draw(root.getContext("2d", { willReadFrequently: true }), root);
  const watch = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) redraw();
  });
  watch.observe(root);
  return { root, redraw, close: () => watch.disconnect() };
}

// Whether an <img> or a <canvas> has something to draw.
export function drawable(picture) {
  return picture instanceof HTMLCanvasElement ? picture.width > 0 : picture.complete && picture.naturalWidth > 0;
}

// |a - b| of two pictures, the mean of its channels times `gain`, in grey on a canvas. Returns the mean difference of a channel, 0 to 255, or null.
export function drawDifference(context, canvas, a, b, gain) {
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  if (!drawable(a) || !drawable(b)) return null;
  context.drawImage(b, 0, 0, width, height);
  const second = context.getImageData(0, 0, width, height).data;
  context.drawImage(a, 0, 0, width, height);
  const first = context.getImageData(0, 0, width, height);
  const values = first.data;
  let sum = 0;
  for (let at = 0; at < values.length; at += 4) {
    let distance = 0;
    for (let channel = at; channel < at + 3; channel += 1) distance += Math.abs(values[channel] - second[channel]);
    sum += distance;
    values[at] = values[at + 1] = values[at + 2] = (distance / 3) * gain; // clamped by the array
    values[at + 3] = 255;
  }
  context.putImageData(first, 0, 0);
  return sum / (width * height * 3);
}

// Call `action` once, `pause` milliseconds after the last `start`.
export function delayedCall(action, pause) {
  let timer = null;
  const stop = () => {
    clearTimeout(timer);
    timer = null;
  };
  return {
    start() {
      stop();
      timer = setTimeout(() => {
        timer = null;
        action();
      }, pause);
    },
    stop,
    waits: () => timer !== null,
  };
}

// The next moment at which what was set is on the screen. A hidden page paints nothing, so a timer stands by.
export function afterPaint() {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 300);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

export function pauseOf(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

// "3 steps", "1 step".
export function countOf(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
