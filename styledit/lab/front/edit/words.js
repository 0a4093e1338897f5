// Settings by word: each word's own tau_c, tau_v and factor; where none is set, the common one holds.
import { element, keepKeys, whileDragged } from "../shared/elements.js";
import { pushButton } from "./parts.js";
import { tauName } from "./controls.js";

// setting, its name in the tests, what holds where it is not set, range
const COLUMNS = [
  ["tau_words", "tau_c", (settings) => settings.tau_c, { min: 0, max: 1, step: 0.05 }],
  ["tau_v_words", "tau_v", (settings) => settings.tau_v, { min: 0, max: 1, step: 0.05 }],
  ["reweight", "factor", () => 1, { min: -2, max: 6, step: 0.1 }],
];
const GROUPS = [["tau_v_changed", "new words"], ["tau_v_padding", "end and padding"]];

// A slider without a label of its own (its row and column name it). `read()` is null where nothing is set.
function cellSlider(testid, label, range, read, otherwise, changed) {
  const input = keepKeys(element("input", { type: "range", ...range, "data-testid": testid, "aria-label": label }));
  const output = element("output", {});
  const root = element("span", { class: "styledit-cell" }, input, output);
  const show = () => {
    const own = read();
    root.classList.toggle("styledit-unset", own === null);
    input.value = own ?? otherwise();
    output.textContent = Number(input.value).toFixed(2);
  };
  whileDragged(input, (value, moving) => changed(value, moving));
  return { root, show };
}

// The word's row. Returns {root, show}.
function wordRow(lab, word, changed) {
  const settings = () => lab.edits.wish.settings;
  const cells = COLUMNS.map(([name, short, otherwise, range]) => cellSlider(
    `word-${short}-${word}`, `${short} of ${word}`, range,
    () => settings()[name]?.[word] ?? null,
    () => otherwise(settings()),
    (value, moving) => lab.edits.change({ [name]: { ...settings()[name], [word]: value } }, moving),
  ));
  const reset = pushButton("Reset", `word-reset-${word}`, () => {
    const without = Object.fromEntries(COLUMNS.map(([name]) => {
      const { [word]: _, ...others } = settings()[name] ?? {};
      return [name, others];
    }));
    lab.edits.change(without, false);
  }, { "aria-label": `Reset ${word}` });
  const root = element("tr", {}, element("th", { scope: "row" }, changed ? element("ins", {}, word) : word), ...cells.map((cell) => element("td", {}, cell.root)), element("td", {}, reset));
  const show = () => {
    cells.forEach((cell) => cell.show());
    reset.disabled = !COLUMNS.some(([name]) => settings()[name]?.[word] !== undefined);
  };
  return { root, show };
}

function groupRow(lab, name, title) {
  const settings = () => lab.edits.wish.settings;
  const cell = cellSlider(name, `tau_v of ${title}`, { min: 0, max: 1, step: 0.05 }, () => settings()[name] ?? null, () => settings().tau_v, (value, moving) => lab.edits.change({ [name]: value }, moving));
  const reset = pushButton("Reset", `${name}-reset`, () => lab.edits.change({ [name]: null }, false), { "aria-label": `Reset ${title}` });
  const root = element("tr", { class: "styledit-group" }, element("th", { scope: "row" }, title), element("td", {}), element("td", {}, cell.root), element("td", {}), element("td", {}, reset));
  const show = () => {
    cell.show();
    reset.disabled = (settings()[name] ?? null) === null;
  };
  return { root, show };
}

export function wordTable(lab) {
  const body = element("tbody", {});
  const groups = GROUPS.map(([name, title]) => groupRow(lab, name, title));
  let rows = [];
  let known = "";
  lab.onTrait("target", (target) => {
    const words = new Map();
    for (const { text, changed } of target.words ?? []) words.set(text, changed || Boolean(words.get(text)));
    const mark = JSON.stringify([...words]);
    if (mark === known) return; // a slider under the pointer must stay
    known = mark;
    rows = [...[...words].map(([word, changed]) => wordRow(lab, word, changed)), ...groups];
    body.replaceChildren(...rows.map((row) => row.root));
    rows.forEach((row) => row.show());
  });
  lab.edits.onChange(() => rows.forEach((row) => row.show()));
  const heads = [element("th", { scope: "col" }, "Word"), ...[["Word maps", "c"], ["Value inputs", "v"]].map(([text, letter]) => element("th", { scope: "col" }, tauName(text, letter))), element("th", { scope: "col" }, "Factor"), element("th", {})];
  return element("table", { class: "styledit-words" }, element("thead", {}, element("tr", {}, ...heads)), body);
}
