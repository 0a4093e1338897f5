// The common controls: the four taus, guidance, steps, method; where they stand and what is suggested.
import { choiceOf, pushButton, slider } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { disable, methodLine, methodNamed, parameterSliders, whyIgnored } from "./methods.js";
import { labelled, toggleButton } from "./parts.js";
/** @import { Lab, NumberSetting } from "./types.js" */

/** What each tau does, in words; the symbols stand beside them. */
export const TAU_NAMES = /** @type {const} */ ({
  tau_c: "Keep where things are",
  tau_s: "Keep shapes",
  tau_u: "Keep shapes, unprompted",
  tau_v: "Stay near the picture",
});

/** @type {[keyof typeof TAU_NAMES, string, string][]} */
const TAUS = [
  [
    "tau_c",
    "c",
    "Word maps (cross-attention): for this share of the steps, each word that both prompts have looks where it looked " +
      "in the source.",
  ],
  [
    "tau_s",
    "s",
    "Self-attention: for this share of the steps, the parts of the picture look at each other as in the source.",
  ],
  [
    "tau_u",
    "u",
    "The same self-attention in the other half of each step, which knows no prompt: holds shapes more firmly.",
  ],
  [
    "tau_v",
    "v",
    "Value inputs: for this share of the steps, the words say what was learned from this picture, not what they say " +
      "in general.",
  ],
];

/**
 * The name of a tau as people say it, and its letter.
 * @param {string} text
 * @param {string} letter
 */
export function tauName(text, letter) {
  const symbol = element("i", { class: "styledit-symbol" }, "τ", element("sub", {}, letter));
  return element("span", {}, text, " ", symbol);
}

/**
 * A slider of one setting that shows where the suggested value is.
 * @param {Lab} lab
 * @param {NumberSetting} name
 * @param {string | Node} label
 * @param {{min: number, max: number, step: number, title: string}} options
 */
export function settingSlider(lab, name, label, options) {
  const value = lab.edits.current.settings[name];
  const made = slider(label, { ...options, value }, (next, moving) => {
    lab.edits.change({ [name]: next }, moving);
  });
  made.input.dataset.testid = name;
  const mark = element("span", {
    class: "styledit-suggested-mark",
    title: "suggested",
    "aria-hidden": "true",
  });
  const track = element("span", { class: "styledit-track" });
  made.input.replaceWith(track);
  track.append(made.input, mark);
  lab.edits.onChange(({ settings }) => {
    made.set(settings[name]);
    disable(made.root, made.input, whyIgnored(lab, name));
    const suggested = lab.model.get("target").suggested?.[name];
    mark.hidden = suggested === undefined;
    if (suggested === undefined) return;
    mark.style.setProperty("--at", String((suggested - options.min) / (options.max - options.min)));
  });
  return made.root;
}

/**
 * Back to what the kit suggests.
 * @param {Lab} lab
 */
function suggestedButton(lab) {
  const root = pushButton("Suggested", "suggested", () => lab.edits.set({ auto: true, parameters: {} }), {
    title: "The settings that the kit suggests for this change",
  });
  lab.edits.onChange(({ auto }) => root.setAttribute("aria-pressed", String(auto)));
  return root;
}

/**
 * Steps ask for another inversion, so only a release counts.
 * @param {Lab} lab
 */
function stepsSlider(lab) {
  const most = lab.world.most_steps;
  const options = {
    min: Math.min(5, most),
    max: most,
    step: 1,
    value: lab.source().steps ?? Math.min(15, most),
    title: "More steps: nearer, and slower. The picture is inverted again.",
  };
  const made = slider("Steps", options, (value, moving) => {
    if (!moving && value !== lab.source().steps) lab.askSource({ steps: value });
  });
  made.input.dataset.testid = "steps";
  lab.onSource((source) => {
    if (source.steps) made.set(source.steps);
  });
  return made;
}

/** @param {Lab} lab */
function methodChoice(lab) {
  const { methods } = lab.world;
  const select = choiceOf(
    "method",
    methods.map(({ name }) => [name, name]),
    (method) => lab.edits.set({ method }),
  );
  lab.edits.onChange(({ method }) => {
    if (method) select.value = method;
    select.title = methodNamed(methods, method).hint;
  });
  const root = labelled("Method", select);
  root.hidden = methods.length < 2;
  return root;
}

/**
 * @param {Lab} lab
 * @param {"guide_from_source" | "keep_details"} name
 * @param {string} label
 * @param {string} title
 */
function settingToggle(lab, name, label, title) {
  const toggle = toggleButton(label, name, (on) => lab.edits.change({ [name]: on }, false), { title });
  lab.edits.onChange(({ settings }) => {
    toggle.set(settings[name]);
    disable(toggle.root, toggle.root, whyIgnored(lab, name));
  });
  return toggle.root;
}

/**
 * @param {Lab} lab
 * @param {HTMLElement} progress stands beside what is seldom used
 */
export function commonControls(lab, progress) {
  const taus = TAUS.map(([name, letter, title]) =>
    settingSlider(lab, name, tauName(TAU_NAMES[name], letter), { min: 0, max: 1, step: 0.05, title }),
  );
  const guidance = settingSlider(lab, "guidance", "Guidance", {
    min: 0,
    max: 15,
    step: 0.25,
    title: "How strongly the prompt pulls. 1: not at all beyond the model itself.",
  });
  const steps = stepsSlider(lab);
  lab.stepsWanted = () => Number(steps.input.value);
  return element(
    "section",
    { class: "styledit-controls", "aria-label": "Settings" },
    element("div", { class: "styledit-sliders" }, ...taus, guidance, steps.root, ...parameterSliders(lab)),
    element(
      "div",
      { class: "styledit-row" },
      suggestedButton(lab),
      settingToggle(
        lab,
        "guide_from_source",
        "Guide from the source",
        "Guidance leads away from the source prompt, not from the empty one: only the difference is exaggerated.",
      ),
      settingToggle(
        lab,
        "keep_details",
        "Keep details",
        "Where the edit leaves the picture as it was, it gets back what the autoencoder loses of it.",
      ),
      methodChoice(lab),
      progress,
    ),
    methodLine(lab),
  );
}
