// What did this do: the last change's pixels, and what was computed for it at each of the T steps.
import { element, showBytes } from "../shared/elements.js";
import { countOf, drawDifference, drawnCanvas } from "./parts.js";

const STATES = { kept: "kept from before", replayed: "replayed from the source", computed: "computed" };
const SWITCHES = [["tau_v", "τ", "v"], ["tau_c", "τ", "c"], ["tau_s", "τ", "s"], ["tau_u", "τ", "u"], ["blend", "mask", ""]];

export function whatSection(lab) {
  const [width, height] = lab.world.size;
  const before = element("img", { alt: "The picture before the last change", "data-testid": "before-image", width, height });
  const after = element("img", { alt: "The picture after the last change", "data-testid": "after-image", width, height });
  const sentence = element("p", { "data-testid": "what-sentence", role: "status" });
  let changed = null;
  const difference = drawnCanvas(width, height, { "data-testid": "what-canvas", role: "img", "aria-label": "Pixels that the last change moved" }, (context, canvas) => {
    changed = drawDifference(context, canvas, after, before, 4);
  });
  const figure = (picture, text) => element("figure", { class: "styledit-figure" }, element("div", { class: "styledit-pane" }, element("div", { class: "styledit-still" }, picture)), element("figcaption", {}, text));
  const pictures = element("div", { class: "styledit-what-pictures", hidden: true }, figure(before, "Before"), figure(after, "Now"), figure(difference.root, "Difference × 4"));
  const strip = element("div", { class: "styledit-strip", "data-testid": "step-strip" });
  const show = async (frame) => {
    strip.replaceChildren(...stripRows(frame.strip ?? []));
    strip.style.setProperty("--steps", Math.max(1, frame.strip?.length ?? 1));
    if (!frame.exact) return;
    pictures.hidden = !frame.before;
    if (frame.before) await Promise.all([showBytes(before, frame.before), showBytes(after, frame.picture)]);
    difference.redraw();
    sentence.textContent = whatSentence(frame, frame.before ? changed : null);
  };
  lab.onFrame(show);
  lab.cleanups.push(difference.close);
  return [sentence, pictures, strip, legend()];
}

function whatSentence(frame, changed) {
  const states = (frame.strip ?? []).map((step) => step.state);
  const numbers = Object.entries(STATES).map(([state, text]) => [states.filter((one) => one === state).length, text]).filter(([number]) => number);
  const steps = numbers.map(([number, text]) => `${number} ${text}`).join(", ");
  const time = frame.seconds ? ` in ${frame.seconds.toFixed(2)} s` : "";
  const pixels = changed === null ? "" : changed < 0.005 ? " No pixel changed." : ` A pixel changed by ${changed.toFixed(1)} of 255 on average.`;
  return steps ? `Of ${countOf(states.length, "step")}: ${steps}${time}.${pixels}` : "";
}

// The steps from noise (left) to picture (right): one row for the work, one for each switch.
function stripRows(steps) {
  if (!steps.length) return [];
  const cell = (kind, title) => element("span", { class: `styledit-step styledit-step-${kind}`, title });
  const row = (label, text, cells) => [element("span", { class: "styledit-strip-label" }, ...label), element("span", { class: "styledit-strip-row", role: "img", "aria-label": text }, ...cells)];
  const work = row(["steps"], "Work at each step", steps.map((step, t) => cell(step.state, `step ${t + 1}: ${STATES[step.state] ?? step.state}`)));
  const switches = SWITCHES.filter(([name]) => steps.some((step) => step.switches?.[name] !== undefined)).flatMap(([name, text, letter]) => {
    const on = steps.filter((step) => step.switches[name]).length;
    return row([text, element("sub", {}, letter)], `${name}: on at ${countOf(on, "step")}`, steps.map((step, t) => cell(step.switches[name] ? "on" : "off", `step ${t + 1}: ${name} ${step.switches[name] ? "on" : "off"}`)));
  });
  return [...work, ...switches, element("span", {}), element("span", { class: "styledit-strip-ends styledit-hint" }, element("span", {}, "noise"), element("span", {}, "picture"))];
}

function legend() {
  const entry = (kind, text) => element("span", { class: "styledit-legend-entry" }, element("span", { class: `styledit-step styledit-step-${kind}` }), text);
  return element("div", { class: "styledit-row styledit-hint" }, ...Object.entries(STATES).map(([state, text]) => entry(state, text)), entry("on", "switch on"), entry("off", "off"));
}
