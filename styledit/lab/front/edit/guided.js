// Guided: what the picture should be like pulls at the value inputs; weights, a style picture, stop, filmstrip.
import { choiceOf, pushButton, slider } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { termCurves } from "./curves.js";
import { filmStrip } from "./film.js";
import { labelled } from "./parts.js";
import { stylePicture } from "./style_picture.js";
/** @import { Bytes } from "../shared/types.js" */
/** @import { Guide, GuidedReport, Guiding, Lab, Weights } from "./types.js" */
/** @typedef {{weights: Weights, iterations: number, start: string}} GuidedRequest */

/** @param {Lab} lab */
export function guidedSection(lab) {
  const { guiding } = lab.world;
  /** @type {GuidedRequest} */
  const request = {
    weights: { ...guiding.presets[0].weights },
    iterations: guiding.iterations,
    start: guiding.starts[0],
  };
  const weights = weightControls(guiding, request);
  const slot = stylePicture(lab, (there) => weights.fitStyle(there));
  const iterations = slider(
    "Iterations",
    {
      min: 1,
      max: Math.min(200, guiding.most_iterations),
      step: 1,
      value: request.iterations,
      title: "Of Adam, in all, spread over the steps",
    },
    (value) => {
      request.iterations = value;
    },
  );
  iterations.input.dataset.testid = "guided-iterations";
  const start = choiceOf(
    "guided-start",
    guiding.starts.map((name) => [name, name]),
    (name) => {
      request.start = name;
    },
  );
  const guide = () => {
    lab.edits.flow.forget();
    const { prompt, settings, auto } = lab.edits.request();
    const { style, bytes } = slot.wanted();
    const message = {
      type: "guide",
      id: lab.edits.nextId(),
      prompt,
      settings,
      auto,
      seed: 0,
      ...request,
      style,
    };
    lab.note.ask(message, bytes ? [bytes] : []);
  };
  const go = pushButton("Guide", "guided-go", guide, { class: "styledit-main" });
  const stop = pushButton("Stop, keep the best", "guided-stop", () => lab.send({ type: "stop" }));
  const status = element("p", { role: "status", "data-testid": "guided-status" });
  const curves = element("div", { class: "styledit-curves", "data-testid": "guided-curves" });
  const film = filmStrip();
  let known = "";
  const follow = (/** @type {Guide} */ asked, /** @type {Bytes | null | undefined} */ picture) => {
    const now = JSON.stringify(asked);
    if (now === known) return; // the controls may be set for the next one already
    known = now;
    Object.assign(request, {
      weights: { ...asked.weights },
      iterations: asked.iterations,
      start: asked.start,
    });
    weights.show();
    iterations.set(asked.iterations);
    start.value = asked.start;
    slot.show(asked.style, picture);
  };
  lab.onTrait("guided", (run) => {
    if (run.asked) follow(run.asked, run.style);
    stop.disabled = !run.running;
    status.textContent = isWhole(run) ? guidedSentence(run) : "";
    curves.replaceChildren(...termCurves(guiding.terms, run.curves ?? {}));
    film.fill(run.film ?? []);
  });
  return [
    element(
      "p",
      { class: "styledit-hint" },
      "The value inputs of the changed words (of all, where none is changed) are optimised for what the decoded " +
        "picture should be; where the source has none yet, they are fitted first. Choose what pulls, and how strongly; " +
        "every other setting is the one above. With a style picture and an unchanged prompt, CLIP first says that " +
        "picture's look in the prompt.",
    ),
    weights.root,
    slot.root,
    element(
      "div",
      { class: "styledit-row styledit-guided-go" },
      iterations.root,
      labelled("Start from", start),
      go,
      stop,
    ),
    status,
    curves,
    film.root,
  ];
}

/**
 * Whether there is a guided run.
 * @param {Partial<GuidedReport>} run
 * @returns {run is GuidedReport}
 */
function isWhole(run) {
  return run.iteration !== undefined;
}

/**
 * A slider for each term, and the presets.
 * @param {Guiding} guiding
 * @param {GuidedRequest} request whose weights are set
 */
function weightControls({ terms, presets }, request) {
  const sliders = terms.map(({ name, label, hint }) => {
    const options = { min: 0, max: 1, step: 0.05, value: request.weights[name], title: hint };
    const made = slider(label, options, (value) => {
      request.weights[name] = value;
      show();
    });
    made.input.dataset.testid = `guided-${name}`;
    return { name, made };
  });
  const take = (/** @type {string} */ name) => {
    const preset = presets.find((one) => one.name === name);
    if (preset) request.weights = { ...preset.weights };
    show();
  };
  /** @type {[string, string][]} */
  const choices = [
    ...presets.map(({ name, label }) => /** @type {[string, string]} */ ([name, label])),
    ["", "as set below"],
  ];
  const preset = choiceOf("guided-preset", choices, take);
  const show = () => {
    for (const { name, made } of sliders) {
      made.set(request.weights[name]);
      made.root.classList.toggle("styledit-unset", !request.weights[name]);
    }
    preset.value = presets.find(({ weights }) => sameWeights(weights, request.weights))?.name ?? "";
  };
  show();
  return {
    root: element(
      "div",
      { class: "styledit-guided-weights" },
      labelled("What pulls", preset),
      element("div", { class: "styledit-sliders" }, ...sliders.map(({ made }) => made.root)),
    ),
    show,
    // A style picture came or went.
    fitStyle(/** @type {boolean} */ there) {
      const reads = request.weights.style > 0 || request.weights.adversarial > 0;
      if (there && !reads) take("reference");
      else if (!there && preset.value === "reference") take("default");
    },
  };
}

/**
 * @param {Weights} a
 * @param {Weights} b of the same terms
 */
function sameWeights(a, b) {
  return Object.entries(a).every(([name, weight]) => Math.abs(weight - b[name]) < 1e-9);
}

/** @param {GuidedReport} run */
export function guidedSentence({
  running,
  iteration,
  iterations,
  step,
  steps,
  stopped,
  evaluations,
  seconds,
}) {
  if (running) return `Iteration ${iteration} of at most ${iterations}, at step ${step + 1} of ${steps}.`;
  if (!stopped) return "It was replaced by something newer.";
  const cost = `${iteration} iterations, ${evaluations} network evaluations`;
  if (stopped === "stopped") return `Stopped; the best so far is shown: ${cost}.`;
  return `Done: ${cost}, ${seconds < 0.05 ? "kept from before" : `${seconds.toFixed(1)} s`}.`;
}
