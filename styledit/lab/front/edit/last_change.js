// The last change: its pixels before and now, and what was computed for it at each of the T steps.
import { element } from "../shared/elements.js";
import { showBytes } from "../shared/pictures.js";
import { countOf, drawDifference, drawnCanvas } from "./parts.js";
/** @import { Child } from "../shared/types.js" */
/** @import { Frame, Lab, Step, StepState } from "./types.js" */

/** @type {Record<StepState, string>} */
const STATES = {
  kept: "kept from before",
  skipped: "left out",
  replayed: "replayed from the source",
  computed: "computed",
};
const SWITCHES = [
  ["tau_v", "τ", "v"],
  ["tau_c", "τ", "c"],
  ["tau_s", "τ", "s"],
  ["tau_u", "τ", "u"],
  ["blend", "mask", ""],
];
const GAIN = 4; // of the difference

/** @param {Lab} lab */
export function lastChangeSection(lab) {
  const [width, height] = lab.world.size;
  const image = (/** @type {string} */ when) =>
    element("img", {
      alt: `The picture ${when} the last change`,
      "data-testid": `${when}-image`,
      width,
      height,
    });
  const [before, after] = [image("before"), image("after")];
  const sentence = element("p", { "data-testid": "what-sentence", role: "status" });
  /** @type {number | null} */
  let changed = null;
  const difference = drawnCanvas(
    width,
    height,
    { "data-testid": "what-canvas", role: "img", "aria-label": "Pixels that the last change moved" },
    (context) => {
      changed = drawDifference(context, after, before, GAIN);
    },
  );
  const pictures = element(
    "div",
    { class: "styledit-what-pictures", hidden: true },
    figureOf(before, "Before"),
    figureOf(after, "Now"),
    figureOf(difference.root, `Difference × ${GAIN}`),
  );
  const strip = element("div", { class: "styledit-strip", "data-testid": "step-strip" });
  lab.onFrame(async (frame) => {
    strip.replaceChildren(...stripRows(frame.step_states));
    strip.style.setProperty("--steps", String(Math.max(1, frame.step_states.length)));
    if (!frame.exact) return;
    pictures.hidden = !frame.before;
    if (frame.before) await Promise.all([showBytes(before, frame.before), showBytes(after, frame.picture)]);
    difference.redraw();
    sentence.textContent = changeSentence(frame, frame.before ? changed : null);
  });
  lab.cleanups.push(difference.close);
  return [sentence, pictures, strip, legend()];
}

/**
 * @param {HTMLElement} picture
 * @param {string} text
 */
function figureOf(picture, text) {
  const pane = element(
    "div",
    { class: "styledit-pane" },
    element("div", { class: "styledit-still" }, picture),
  );
  return element("figure", { class: "styledit-figure" }, pane, element("figcaption", {}, text));
}

/**
 * How many steps were computed, in what time, and how far the pixels moved.
 * @param {Pick<Frame, "step_states" | "seconds">} frame
 * @param {number | null} changed a pixel's mean change of 255; null where there was no picture before
 */
export function changeSentence({ step_states: states, seconds }, changed) {
  if (!states.length) return "";
  const numbers = Object.entries(STATES).map(([state, text]) => ({
    number: states.filter((step) => step.state === state).length,
    text,
  }));
  const steps = numbers.filter(({ number }) => number).map(({ number, text }) => `${number} ${text}`);
  const time = seconds ? ` in ${seconds.toFixed(2)} s` : "";
  return `Of ${countOf(states.length, "step")}: ${steps.join(", ")}${time}.${pixelsSentence(changed)}`;
}

/** @param {number | null} changed */
function pixelsSentence(changed) {
  if (changed === null) return "";
  if (changed < 0.005) return " No pixel changed.";
  return ` A pixel changed by ${changed.toFixed(1)} of 255 on average.`;
}

/**
 * The steps from noise (left) to picture (right): one row for the work, one for each switch.
 * @param {Step[]} steps
 */
function stripRows(steps) {
  if (!steps.length) return [];
  const work = stripRow(
    ["steps"],
    "Work at each step",
    steps.map(({ state }, t) => stepCell(state, `step ${t + 1}: ${STATES[state]}`, t)),
  );
  const known = SWITCHES.filter(([name]) => steps.some(({ switches }) => switches[name] !== undefined));
  const switches = known.flatMap(([name, text, letter]) => {
    const states = steps.map((step) => (step.switches[name] ? "on" : "off"));
    return stripRow(
      [text, element("sub", {}, letter)],
      `${name}: on at ${countOf(states.filter((state) => state === "on").length, "step")}`,
      states.map((state, t) => stepCell(state, `step ${t + 1}: ${name} ${state}`, t)),
    );
  });
  const ends = element(
    "span",
    { class: "styledit-strip-ends styledit-hint" },
    element("span", {}, "noise"),
    element("span", {}, "picture"),
  );
  return [...work, ...switches, element("span", {}), ends];
}

/**
 * @param {Child[]} label
 * @param {string} text for a screen reader
 * @param {HTMLElement[]} cells
 */
function stripRow(label, text, cells) {
  return [
    element("span", { class: "styledit-strip-label" }, ...label),
    element("span", { class: "styledit-strip-row", role: "img", "aria-label": text }, ...cells),
  ];
}

/**
 * @param {StepState | "on" | "off"} state
 * @param {string} title
 * @param {number | null} step null in the legend
 */
function stepCell(state, title, step) {
  return element("span", { class: `styledit-step styledit-step-${state}`, title, "data-step": step });
}

function legend() {
  const states = /** @type {[StepState | "on" | "off", string][]} */ ([
    ...Object.entries(STATES),
    ["on", "switch on"],
    ["off", "off"],
  ]);
  const entries = states.map(([state, text]) =>
    element("span", { class: "styledit-legend-entry" }, stepCell(state, "", null), text),
  );
  return element("div", { class: "styledit-row styledit-hint" }, ...entries);
}
