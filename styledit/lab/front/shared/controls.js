// Buttons, choices, check boxes and sliders.
import { element, keepKeys, uniqueId } from "./elements.js";
/** @import { Slider, SliderOptions } from "./types.js" */

/**
 * A button; `testid` is the hook of the tests.
 * @param {string} text
 * @param {string} testid
 * @param {() => void} pressed
 * @param {Record<string, unknown>} attributes
 */
export function pushButton(text, testid, pressed, attributes = {}) {
  return keepKeys(
    element("button", { type: "button", "data-testid": testid, onclick: pressed, ...attributes }, text),
  );
}

/**
 * A select of [value, text] pairs.
 * @param {string} testid
 * @param {[string, string][]} pairs
 * @param {(value: string) => void} changed
 * @param {Record<string, unknown>} attributes
 */
export function choiceOf(testid, pairs, changed, attributes = {}) {
  const root = keepKeys(element("select", { "data-testid": testid, ...attributes }));
  fillChoice(root, pairs);
  root.addEventListener("change", () => changed(root.value));
  return root;
}

/**
 * Other pairs; what was chosen stays chosen where it is still there.
 * @param {HTMLSelectElement} select
 * @param {[string, string][]} pairs
 */
export function fillChoice(select, pairs) {
  const chosen = select.value;
  select.replaceChildren(...pairs.map(([value, text]) => element("option", { value }, text)));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
}

/**
 * A check box, without a label.
 * @param {string} testid
 * @param {boolean} checked
 * @param {(checked: boolean) => void} changed
 */
export function checkBox(testid, checked, changed) {
  const input = keepKeys(element("input", { type: "checkbox", checked, "data-testid": testid }));
  input.addEventListener("change", () => changed(input.checked));
  return input;
}

/**
 * Call `changed(value, moving)` while a range input is dragged, and once when it is let go: also where it is back at
 * its start, of which the browser sends no "change".
 * @param {HTMLInputElement} input
 * @param {(value: number, moving: boolean) => void} changed
 */
export function whileDragged(input, changed) {
  let moved = false;
  const end = () => {
    moved = false;
    changed(Number(input.value), false);
  };
  input.addEventListener("input", () => {
    moved = true;
    changed(Number(input.value), true);
  });
  input.addEventListener("change", end);
  for (const event of ["pointerup", "pointercancel", "blur"]) {
    input.addEventListener(event, () =>
      setTimeout(() => {
        if (moved) end();
      }),
    );
  }
}

/**
 * A labelled slider with its value beside it. `changed(value, moving)` is called while it moves and when it is let go.
 * @param {string | Node} label
 * @param {SliderOptions} options
 * @param {(value: number, moving: boolean) => void} changed
 * @returns {Slider}
 */
export function slider(label, { min = 0, max = 1, step = 0.05, value = 0, title = "" }, changed) {
  const id = uniqueId();
  const input = keepKeys(element("input", { type: "range", id, min, max, step, title }));
  const digits = step < 1 ? 2 : 0;
  const output = element("output", { for: id, "aria-hidden": "true" }); // the slider itself says its value
  const show = () => {
    output.textContent = Number(input.value).toFixed(digits);
  };
  input.value = String(value);
  show();
  whileDragged(input, (next, moving) => {
    show();
    changed(next, moving);
  });
  return {
    root: element(
      "div",
      { class: "styledit-slider" },
      element("label", { for: id, title }, label),
      input,
      output,
    ),
    input,
    output,
    set(next) {
      input.value = String(next);
      show();
    },
  };
}
