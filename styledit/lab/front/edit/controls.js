// The common controls: the four taus, guidance, steps, method; where they stand and what is suggested.
import { element, slider } from "../shared/elements.js";
import { choiceOf, labelled, pushButton, toggleButton } from "./parts.js";

const TAUS = [
  ["tau_c", "Word maps", "c", "Share of the steps that use the source's cross-attention maps: higher keeps where things are."],
  ["tau_s", "Self-attention", "s", "Share of the steps that use the source's self-attention maps: higher keeps shapes and layout."],
  ["tau_u", "Unconditional", "u", "The same self-attention maps in the branch without a prompt."],
  ["tau_v", "Value inputs", "v", "Share of the steps that read the learned value inputs: higher stays nearer to the picture."],
];

// The name of a tau as people say it, and its letter.
export function tauName(text, letter) {
  return element("span", {}, text, " ", element("i", { class: "styledit-symbol" }, "τ", element("sub", {}, letter)));
}

// A slider of one setting that shows where the suggested value is.
export function settingSlider(lab, name, label, options) {
  const made = slider(label, { ...options, value: lab.edits.wish.settings[name] ?? options.min }, (value, moving) => {
    lab.edits.change({ [name]: value }, moving);
  });
  made.input.dataset.testid = name;
  const mark = element("span", { class: "styledit-suggested-mark", title: "suggested", "aria-hidden": "true" });
  const track = element("span", { class: "styledit-track" });
  made.input.replaceWith(track);
  track.append(made.input, mark);
  const show = (wish) => {
    if (wish.settings[name] !== null && wish.settings[name] !== undefined) made.set(wish.settings[name]);
    const suggested = lab.model.get("target")?.suggested?.[name];
    mark.hidden = suggested === null || suggested === undefined;
    mark.style.setProperty("--at", (suggested - options.min) / (options.max - options.min));
  };
  lab.edits.onChange(show);
  return made.root;
}

// Back to what the kit suggests.
function suggestedButton(lab) {
  const root = pushButton("Suggested", "suggested", () => lab.edits.set({ auto: true }), {
    title: "The settings that the kit suggests for this change",
  });
  lab.edits.onChange((wish) => root.setAttribute("aria-pressed", wish.auto ? "true" : "false"));
  return root;
}

// Steps ask for another inversion, so only a release counts.
function stepsSlider(lab) {
  const most = lab.world.most_steps ?? 50;
  const options = { min: Math.min(5, most), max: most, step: 1, value: lab.source().steps ?? Math.min(15, most), title: "More steps: nearer, and slower. The picture is inverted again." };
  const made = slider("Steps", options, (value, moving) => {
    if (!moving && value !== lab.source().steps) lab.askSource({ steps: value });
  });
  made.input.dataset.testid = "steps";
  lab.onSource((source) => {
    if (source.steps) made.set(source.steps);
  });
  return made;
}

function methodChoice(lab) {
  const methods = lab.world.methods ?? [];
  const select = choiceOf("method", methods.map((name) => [name, name]), (method) => lab.edits.set({ method }));
  lab.edits.onChange((wish) => {
    if (wish.method) select.value = wish.method;
  });
  const root = labelled("Method", select);
  root.hidden = methods.length < 2;
  return root;
}

function guideToggle(lab) {
  const toggle = toggleButton("Guide from the source", "guide_from_source", (on) => {
    lab.edits.change({ guide_from_source: on }, false);
  }, { title: "Guidance leads away from the source prompt, not from the empty one: only the difference is exaggerated." });
  lab.edits.onChange((wish) => toggle.set(Boolean(wish.settings.guide_from_source)));
  return toggle.root;
}

export function commonControls(lab) {
  const taus = TAUS.map(([name, text, letter, title]) => settingSlider(lab, name, tauName(text, letter), { min: 0, max: 1, step: 0.05, title }));
  const guidance = settingSlider(lab, "guidance", "Guidance", {
    min: 0, max: 15, step: 0.25, title: "How strongly the prompt pulls. 1: not at all beyond the model itself.",
  });
  const steps = stepsSlider(lab);
  lab.stepsWanted = () => Number(steps.input.value);
  return element(
    "section", { class: "styledit-controls", "aria-label": "Settings" },
    element("div", { class: "styledit-sliders" }, ...taus, guidance, steps.root),
    element("div", { class: "styledit-row" }, suggestedButton(lab), guideToggle(lab), methodChoice(lab)),
  );
}
