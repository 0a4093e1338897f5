// The words of the prompt: buttons with their small maps, and bars of what is read of them.
import { pushButton } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { clamped } from "../shared/geometry.js";
import { compose } from "./canvases.js";
import { percent } from "./colours.js";
import { nameOf } from "./draw.js";
/** @import { Actions, Bars, Column, Explorer, WordButtons } from "./types.js" */

const WIDTH = 96; // of a small map

/**
 * The words as buttons, each with its small map.
 * @param {Explorer} explorer
 * @param {Actions} actions
 * @returns {WordButtons}
 */
export function wordButtons({ about, chosen }, actions) {
  const root = element("div", {
    class: "explorer-words",
    role: "group",
    "aria-label": "Words of the prompt, with start, end and padding",
  });
  const height = Math.round((WIDTH * about.size[1]) / about.size[0]);
  /** @type {{button: HTMLButtonElement, canvas: HTMLCanvasElement}[]} */
  let buttons = [];
  const make = (/** @type {Column} */ column, /** @type {number} */ k, /** @type {string} */ testid) => {
    const canvas = element("canvas", { width: WIDTH, height, "aria-hidden": "true" });
    const point = () => actions.point({ word: k });
    const leave = () => actions.point({ word: null });
    const button = pushButton("", testid, () => actions.lockWord(k), {
      class: "explorer-word",
      "data-kind": column.kind,
      "aria-pressed": "false",
      onpointerenter: point,
      onpointerleave: leave,
      onfocus: point,
      onblur: leave,
    });
    button.append(canvas, element("span", {}, nameOf(column)));
    return { button, canvas };
  };
  return {
    root,
    fill(columns) {
      let words = 0;
      buttons = columns.map((column, k) => {
        const number = column.kind === "word" ? words : column.kind;
        if (column.kind === "word") words += 1;
        return make(column, k, `word-${number}`);
      });
      root.replaceChildren(...buttons.map(({ button }) => button));
    },
    draw(k, grey, small, title) {
      const { button, canvas } = buttons[k];
      compose(canvas, grey, small, chosen.share, chosen.smooth);
      button.toggleAttribute("data-empty", !small);
      button.title = title;
    },
    mark(shown, locked) {
      buttons.forEach(({ button }, k) => {
        button.setAttribute("aria-pressed", String(k === locked));
        button.toggleAttribute("data-shown", k === shown);
      });
    },
  };
}

/**
 * A bar for each word.
 * @param {Actions} actions
 * @returns {Bars}
 */
export function wordBars(actions) {
  const root = element("div", { class: "explorer-bars", "data-testid": "bars" });
  /** @type {{row: HTMLElement, bar: HTMLElement, number: HTMLElement}[]} */
  let rows = [];
  const make = (/** @type {Column} */ column, /** @type {number} */ k) => {
    const bar = element("span", { class: "explorer-bar" });
    const number = element("span", { class: "explorer-number" });
    const row = element(
      "div",
      {
        class: "explorer-row",
        "data-kind": column.kind,
        onpointerenter: () => actions.point({ word: k }),
        onpointerleave: () => actions.point({ word: null }),
        onclick: () => actions.lockWord(k),
      },
      element("span", { class: "explorer-name" }, nameOf(column)),
      element("span", { class: "explorer-track" }, bar),
      number,
    );
    return { row, bar, number };
  };
  return {
    root,
    title: element("h4"),
    fill(columns) {
      rows = columns.map(make);
      root.replaceChildren(...rows.map(({ row }) => row));
    },
    set(values, most, signed, shown) {
      root.toggleAttribute("data-signed", signed);
      rows.forEach(({ row, bar, number }, k) => {
        const value = values[k];
        row.hidden = value === null;
        if (value === null) return;
        row.dataset.value = String(value);
        row.toggleAttribute("data-shown", k === shown);
        bar.style.transform = `scaleX(${clamped(value / most, -1, 1)})`;
        number.textContent = `${signed && value > 0 ? "+" : ""}${percent(value)}`;
      });
    },
  };
}
