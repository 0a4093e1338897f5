// Settings by word: each word's own tau_c, tau_v and factor; where none is set, the common one holds.
import { pushButton, whileDragged } from "../shared/controls.js";
import { element, keepKeys } from "../shared/elements.js";
import { TAU_NAMES, tauName } from "./controls.js";
import { lookingWord } from "./looks.js";
import { disable, methodNamed } from "./methods.js";
/** @import { Lab, Settings } from "./types.js" */
/** @typedef {{min: number, max: number, step: number}} Bounds */
/** @typedef {"tau_c_words" | "tau_v_words" | "reweight"} WordSetting */

/**
 * A setting by word, its title, its name in the tests, what holds where it is not set.
 * @type {{name: WordSetting, title: string, short: string, common: (settings: Settings) => number, bounds: Bounds}[]}
 */
const COLUMNS = [
  {
    name: "tau_c_words",
    title: TAU_NAMES.tau_c,
    short: "tau_c",
    common: (settings) => settings.tau_c,
    bounds: { min: 0, max: 1, step: 0.05 },
  },
  {
    name: "tau_v_words",
    title: TAU_NAMES.tau_v,
    short: "tau_v",
    common: (settings) => settings.tau_v,
    bounds: { min: 0, max: 1, step: 0.05 },
  },
  {
    name: "reweight",
    title: "Strength ×",
    short: "factor",
    common: () => 1,
    bounds: { min: -2, max: 6, step: 0.1 },
  },
];
const GROUPS = /** @type {const} */ ([
  ["tau_v_changed", "new words"],
  ["tau_v_padding", "end and padding"],
]);

/**
 * A slider without a label of its own (its row and column name it).
 * @param {string} testid
 * @param {string} label
 * @param {Bounds} bounds
 * @param {() => number | null} own null where nothing is set
 * @param {() => number} common
 * @param {(value: number, moving: boolean) => void} changed
 */
function cellSlider(testid, label, bounds, own, common, changed) {
  const attributes = { type: "range", ...bounds, "data-testid": testid, "aria-label": label };
  const input = keepKeys(element("input", attributes));
  const output = element("output", { "aria-hidden": "true" });
  const root = element("span", { class: "styledit-cell" }, input, output);
  whileDragged(input, changed);
  return {
    root,
    show(/** @type {string} */ why) {
      disable(root, input, why);
      root.classList.toggle("styledit-unset", own() === null);
      input.value = String(own() ?? common());
      output.textContent = Number(input.value).toFixed(2);
      input.setAttribute("aria-valuetext", `${output.textContent}${own() === null ? ", not set" : ""}`);
    },
  };
}

/**
 * The row of a word.
 * @param {Lab} lab
 * @param {string} word
 * @param {boolean} changed whether the source prompt does not have it
 */
function wordRow(lab, word, changed) {
  const settings = () => lab.edits.current.settings;
  const cells = COLUMNS.map(({ name, title, short, common, bounds }) =>
    cellSlider(
      `word-${short}-${word}`,
      `${title} of ${word}`,
      bounds,
      () => settings()[name][word] ?? null,
      () => common(settings()),
      (value, moving) => lab.edits.change({ [name]: { ...settings()[name], [word]: value } }, moving),
    ),
  );
  const forget = () => {
    const others = COLUMNS.map(({ name }) => [
      name,
      Object.fromEntries(Object.entries(settings()[name]).filter(([other]) => other !== word)),
    ]);
    lab.edits.change(Object.fromEntries(others), false);
  };
  const reset = pushButton("Reset", `word-reset-${word}`, forget, { "aria-label": `Reset ${word}` });
  const named = lookingWord(word, "edit", `word-look-${word}`);
  return {
    root: element(
      "tr",
      { "data-word": word },
      element("th", { scope: "row" }, changed ? element("ins", {}, named) : named),
      ...cells.map((cell, k) => element("td", { "data-label": COLUMNS[k].title }, cell.root)),
      element("td", {}, reset),
    ),
    show(/** @type {Record<string, string>} */ ignored) {
      cells.forEach((cell, k) => cell.show(ignored[COLUMNS[k].name] ?? ""));
      reset.disabled = COLUMNS.every(({ name }) => ignored[name] || settings()[name][word] === undefined);
    },
  };
}

/**
 * The row of a group of tokens, which has a tau_v only.
 * @param {Lab} lab
 * @param {"tau_v_changed" | "tau_v_padding"} name
 * @param {string} title
 */
function groupRow(lab, name, title) {
  const settings = () => lab.edits.current.settings;
  const set = (/** @type {number | null} */ value, /** @type {boolean} */ moving) =>
    lab.edits.change({ [name]: value }, moving);
  const cell = cellSlider(
    name,
    `${TAU_NAMES.tau_v} of ${title}`,
    { min: 0, max: 1, step: 0.05 },
    () => settings()[name],
    () => settings().tau_v,
    set,
  );
  const attributes = { "aria-label": `Reset ${title}` };
  const reset = pushButton("Reset", `${name}-reset`, () => set(null, false), attributes);
  return {
    root: element(
      "tr",
      { class: "styledit-group" },
      element("th", { scope: "row" }, title),
      element("td", {}),
      element("td", { "data-label": COLUMNS[1].title }, cell.root),
      element("td", {}),
      element("td", {}, reset),
    ),
    show(/** @type {Record<string, string>} */ ignored) {
      cell.show(ignored[name] ?? "");
      reset.disabled = Boolean(ignored[name]) || settings()[name] === null;
    },
  };
}

/** @param {Lab} lab */
export function wordTable(lab) {
  const body = element("tbody", {});
  const groups = GROUPS.map(([name, title]) => groupRow(lab, name, title));
  /** @type {ReturnType<typeof wordRow>[]} */
  let rows = [];
  let known = "";
  const show = () => {
    const { ignored } = methodNamed(lab.world.methods, lab.edits.current.method);
    rows.forEach((row) => row.show(ignored));
  };
  lab.onTrait("target", (target) => {
    /** @type {Map<string, boolean>} */
    const words = new Map();
    for (const { text, changed } of target.words ?? []) words.set(text, changed || Boolean(words.get(text)));
    const mark = JSON.stringify([...words]);
    if (mark === known) return; // a slider under the pointer must stay
    known = mark;
    rows = [...[...words].map(([word, changed]) => wordRow(lab, word, changed)), ...groups];
    body.replaceChildren(...rows.map((row) => row.root));
    show();
  });
  lab.edits.onChange(show);
  const [maps, values, factor] = COLUMNS.map(({ title }) => title);
  const names = ["Word", tauName(maps, "c"), tauName(values, "v"), factor];
  const heads = names.map((name) => element("th", { scope: "col" }, name));
  return element(
    "table",
    { class: "styledit-words" },
    element("thead", {}, element("tr", {}, ...heads, element("th", {}))),
    body,
  );
}
