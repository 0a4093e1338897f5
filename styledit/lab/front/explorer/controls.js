// The explorer's controls: what is shown, and how it is coloured.
import { checkBox, slider } from "../shared/controls.js";
import { element, keepKeys, uniqueId } from "../shared/elements.js";
/** @import { Slider } from "../shared/types.js" */
/** @import { About, Actions, Chosen, Explorer } from "./types.js" */
/** @typedef {[string, string]} Option a value and its text */

/** @type {[Chosen["view"], string][]} */
const VIEWS = [
  ["raw", "as it is"],
  ["share", "share among words"],
  ["difference", "target minus source"],
];
/** @type {[Chosen["scale"], string][]} */
const SCALES = [
  ["each", "each word its own"],
  ["one", "one scale for all words"],
  ["held", "held as it is now"],
];

/**
 * A labelled choice.
 * @param {string} label
 * @param {string} testid
 * @param {(Option | [string, Option[]])[]} options or groups of them
 * @param {string} value
 * @param {(value: string) => void} changed
 */
function choice(label, testid, options, value, changed) {
  const id = uniqueId();
  const option = (/** @type {Option} */ [key, text]) => element("option", { value: key }, text);
  const entries = options.map(([key, rest]) =>
    typeof rest === "string" ? option([key, rest]) : element("optgroup", { label: key }, ...rest.map(option)),
  );
  const select = keepKeys(element("select", { id, "data-testid": testid }, ...entries));
  select.value = value;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
  select.addEventListener("change", () => changed(select.value));
  const root = element("div", { class: "explorer-choice" }, element("label", { for: id }, label), select);
  return { root, select };
}

/**
 * @param {About} about
 * @returns {(Option | [string, Option[]])[]}
 */
export function layerOptions({ layers }) {
  const recorded = layers.filter((layer) => layer.cross);
  const name = (/** @type {[number, number]} */ size) => `${size[0]} × ${size[1]}`;
  const sizes = [...new Map(recorded.map(({ size }) => [size.join("x"), size])).values()];
  sizes.sort((a, b) => b[0] * b[1] - a[0] * a[1]);
  /** @type {Option[]} */
  const grids = sizes.map((size) => [`grid:${size.join("x")}`, `all ${name(size)} maps`]);
  /** @type {Option[]} */
  const single = recorded.map(({ index, label, size }) => [`layer:${index}`, `${label} · ${name(size)}`]);
  /** @type {[string, Option[]][]} */
  const groups = grids.length > 1 ? [["By size", grids]] : [];
  return [["all", "all layers (mean)"], ...groups, ["One layer", single]];
}

/**
 * @param {Explorer} explorer
 * @param {Actions} actions
 */
function stepSlider({ about: { steps }, chosen }, actions) {
  const say = (/** @type {Slider} */ { input, output }, /** @type {number} */ row) => {
    output.textContent = row < 0 ? "all (mean)" : `${steps[row]}`;
    input.setAttribute("aria-valuetext", row < 0 ? "all steps, their mean" : `step ${steps[row]}`);
  };
  const title = `Step ${steps[0]} is the noisiest; all the way to the left is the mean of all`;
  const options = { min: -1, max: steps.length - 1, step: 1, value: chosen.row, title };
  const made = slider("step", options, (row) => {
    say(made, row);
    actions.change({ row });
  });
  made.input.dataset.testid = "step";
  made.root.classList.add("explorer-step");
  const follow = () => {
    made.input.value = String(chosen.row);
    say(made, chosen.row);
  };
  follow();
  return { root: made.root, follow };
}

/**
 * Which run is shown; a difference is one of the later ones minus the first.
 * @param {Explorer} explorer
 * @param {Actions} actions
 */
function runChoice({ about, chosen }, actions) {
  /** @type {Option[]} */
  const runs = about.runs.map((run, k) => [String(k), `${run.kind}: ${run.prompt}`]);
  const { root, select } = choice("run", "run", runs, String(chosen.run), (run) =>
    actions.change({ run: Number(run) }),
  );
  const follow = () => {
    const signed = chosen.view === "difference";
    select.options[0].disabled = signed;
    if (signed) chosen.run = Math.max(1, chosen.run);
    select.value = String(chosen.run);
  };
  follow();
  return { root, follow };
}

/**
 * @param {Explorer} explorer
 * @param {Actions} actions
 */
function headChoice({ about, chosen }, actions) {
  /** @type {Option[]} */
  const heads = Array.from({ length: about.heads }, (_, k) => [String(k), `head ${k}`]);
  const options = /** @type {Option[]} */ ([["-1", "all heads (mean)"], ...heads]);
  const change = (/** @type {string} */ head) => actions.change({ head: Number(head) });
  return choice("head", "head", options, String(chosen.head), change).root;
}

/**
 * What is shown: run, view, layer, head, step. `follow`: the step was chosen elsewhere.
 * @param {Explorer} explorer
 * @param {Actions} actions
 */
export function whatControls(explorer, actions) {
  const { about, chosen } = explorer;
  const run = about.runs.length > 1 ? runChoice(explorer, actions) : null;
  const views = VIEWS.filter(([key]) => run || key !== "difference");
  const view = choice("view", "view", views, chosen.view, (next) => {
    actions.change({ view: /** @type {Chosen["view"]} */ (next) });
    run?.follow();
  });
  const layer = choice("layer", "layer", layerOptions(about), chosen.layer, (next) =>
    actions.change({ layer: next }),
  );
  const step = about.steps.length > 1 ? stepSlider(explorer, actions) : null;
  const root = element(
    "div",
    { class: "explorer-controls" },
    run?.root,
    view.root,
    layer.root,
    about.heads > 1 ? headChoice(explorer, actions) : null,
    step?.root,
  );
  return { root, follow: () => step?.follow() };
}

/**
 * How it is coloured: one scale or several, contrast, the picture under the map.
 * @param {Explorer} explorer
 * @param {Actions} actions
 */
export function howControls({ chosen }, actions) {
  const scale = choice("colour scale", "scale", SCALES, chosen.scale, (next) =>
    actions.change({ scale: /** @type {Chosen["scale"]} */ (next) }),
  );
  const contrast = slider(
    "contrast",
    { value: chosen.contrast, title: "Narrows the colour scale to where the values are" },
    (value) => actions.change({ contrast: value }),
  );
  contrast.input.dataset.testid = "contrast";
  const share = slider(
    "picture",
    { max: 0.9, value: chosen.share, title: "How much of the grey picture is seen under the map" },
    (value) => actions.change({ share: value }),
  );
  share.input.dataset.testid = "picture";
  const smooth = checkBox("smooth", chosen.smooth, (next) => actions.change({ smooth: next }));
  return element(
    "div",
    { class: "explorer-controls" },
    scale.root,
    contrast.root,
    share.root,
    element("label", { class: "explorer-check" }, smooth, "smooth"),
  );
}
