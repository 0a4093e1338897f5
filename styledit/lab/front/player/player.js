// The inversion player: one index on one timeline, pictures and maps that are all here already, and a drift curve.
import { checkBox, choiceOf, pushButton, slider } from "../shared/controls.js";
import { element, keepKeys, uniqueId } from "../shared/elements.js";
import { asker, listen, reporter } from "../shared/kernel.js";
import { Clock } from "./clock.js";
import { picturesOf } from "./figures.js";
import { PlayerState } from "./frames.js";
import { guidanceText, shortNumber } from "./numbers.js";
import { plotsOf } from "./plots.js";
/** @import { Asker, Model, Rendered } from "../shared/types.js" */
/** @import { FreshStep, Run, Traits } from "./types.js" */

/** @type {Record<string, string>} */
const STAGES = {
  recording: "recording the maps",
  denoising: "denoising",
  decoding: "sharpening the pictures",
};

/** @param {Rendered<Traits>} view */
function render({ model, el }) {
  const state = new PlayerState(model);
  const problem = problemLine(model);
  const kernel = asker(model, problem.note);
  const memory = reporter(model, () => {
    const direction = state.denoising ? "denoising" : "inversion";
    model.send({ type: "view", index: state.index, direction, words: state.words });
  });
  const show = () => {
    const { frames, at } = state.shown();
    const value = state.drift();
    const sentence = statusSentence(state);
    pictures.draw();
    plots.move({ index: state.index, at, value, denoising: state.denoising });
    way.show(at, sentence);
    status.textContent = frames && !frames.exact ? `${sentence} · first look, without the decoder` : sentence;
  };
  const go = (/** @type {number} */ index) => {
    state.index = index;
    show();
    if (!clock.playing) memory.renew();
  };
  const goByHand = (/** @type {number} */ index) => {
    if (clock.playing) clock.stop();
    go(index);
  };
  const clock = new Clock(state, go, () => go(state.index));
  const pictures = picturesOf(state, () => {
    pictures.measure();
    go(state.index);
  });
  const way = wayControls(state, clock, go, goByHand);
  const status = element("div", { class: "styledit-player-status", "data-testid": "player-status" });
  const plots = plotsOf(state.world, (index) => {
    goByHand(index);
    way.step.focus({ preventScroll: true });
  });
  const guidance = guidanceControls(state, (wanted) => {
    state.newest += 1;
    if (!state.denoising || clock.playing) {
      state.denoising = true;
      clock.stop();
    }
    kernel.ask({ type: "guidance", id: state.newest, ...wanted });
  });
  const work = workLine(kernel);

  // Another widget chose a step or a word; what is on its way from here is newer.
  const follow = () => {
    if (memory.waits()) return;
    if (clock.playing) clock.stop();
    memory.stop();
    const { index, words } = model.get("view");
    state.index = index;
    state.words = [...words];
    pictures.follow();
    pictures.measure();
    show();
  };
  const drawCurves = () => plots.show({ curves: model.get("curves"), front: state.fresh ?? state.run });
  const takeInverted = () => {
    state.takeInverted(model.get("inverted"));
    pictures.measure();
    show();
  };
  const takeRun = () => {
    const run = /** @type {Run} */ (model.get("run"));
    if (!run.z) return;
    kernel.answered();
    state.takeRun(run);
    if (run.id >= state.newest || !state.fresh) {
      state.newest = Math.max(state.newest, run.id);
      guidance.follow(run, run.id === state.newest);
    }
    pictures.measure();
    drawCurves();
    show();
  };
  const takeFresh = () => {
    const step = /** @type {FreshStep} */ (model.get("fresh"));
    if (step.index === undefined) return;
    kernel.answered();
    if (!state.takeFresh(step)) return;
    drawCurves();
    show();
  };
  const takeProgress = () => {
    const progress = model.get("progress");
    kernel.answered();
    work.show(progress);
    if (progress.stage || !state.fresh) return;
    state.forgetFresh();
    drawCurves();
    show();
  };

  const plotsRoot = element(
    "div",
    { class: "styledit-player-plots" },
    plots.timeline,
    element("div", { class: "styledit-player-step" }, way.step),
    status,
    plots.drift,
  );
  const root = element(
    "div",
    {
      class: "styledit styledit-player",
      role: "group",
      "aria-label": `Inversion player: ${state.world.prompt}`,
    },
    element("div", { class: "styledit-player-prompt" }, `“${state.world.prompt}”`),
    element(
      "div",
      { class: "styledit-player-figures", style: `--columns: ${pictures.roots.length}` },
      ...pictures.roots,
    ),
    pictures.legend,
    way.root,
    plotsRoot,
    guidance.root,
    work.root,
    problem.root,
  );
  el.append(root);

  const sizes = new ResizeObserver(([entry]) => plots.resize(entry.contentRect.width));
  sizes.observe(plotsRoot);
  // JupyterLab may take a canvas's content away while it is out of sight.
  const sight = new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting) pictures.draw();
  });
  sight.observe(root);
  const silence = listen(model, {
    inverted: takeInverted,
    run: takeRun,
    fresh: takeFresh,
    curves: drawCurves,
    progress: takeProgress,
    led: follow,
    problem: problem.show,
  });
  takeInverted();
  takeRun();
  takeProgress();
  problem.show();
  show();
  return () => {
    silence();
    clock.stop();
    memory.stop();
    kernel.close();
    sizes.disconnect();
    sight.disconnect();
    state.free();
    pictures.close();
  };
}

/**
 * What went wrong in Python, or what the page itself has to say.
 * @param {Model<Traits>} model
 */
function problemLine(model) {
  const root = element("div", { class: "styledit-problem", role: "alert", "data-testid": "problem" });
  let said = "";
  const show = () => {
    root.textContent = model.get("problem") || said;
  };
  return {
    root,
    show,
    note(/** @type {string} */ sentence) {
      said = sentence;
      show();
    },
  };
}

/**
 * "index 3 of 8 · timestep 625 · noise level 0.83 · drift 0.02"
 * @param {PlayerState} state
 */
export function statusSentence(state) {
  const { world, last } = state;
  const { at } = state.shown();
  const drift = state.drift();
  return [
    `index ${at} of ${last}`,
    at === last ? "the picture" : `timestep ${world.timesteps[at]}`,
    `noise level ${Math.sqrt(1 - world.levels[at]).toFixed(2)}`,
    ...(drift === null ? [] : [`drift ${shortNumber(drift)}`]),
  ].join(" · ");
}

/**
 * Play and pause, the direction, the speed, and the index.
 * @param {PlayerState} state
 * @param {Clock} clock
 * @param {(index: number) => void} go
 * @param {(index: number) => void} goByHand
 */
function wayControls(state, clock, go, goByHand) {
  const toggle = () => (clock.playing ? clock.stop() : clock.start());
  const play = pushButton("▶ Play", "play", toggle, { class: "styledit-player-play" });
  const turn = (/** @type {boolean} */ denoising) => {
    state.denoising = denoising;
    go(state.index);
  };
  const directions = [
    {
      denoising: false,
      button: pushButton("Inversion: picture → noise", "player-inversion", () => turn(false)),
    },
    {
      denoising: true,
      button: pushButton("Denoising: noise → picture", "player-denoising", () => turn(true)),
    },
  ];
  const both = checkBox("player-both", clock.both, (checked) => {
    clock.both = checked;
  });
  const speed = choiceOf(
    "player-speed",
    [
      ["0.4", "slow"],
      ["1", "normal"],
      ["2.5", "fast"],
    ],
    (value) => {
      clock.speed = Number(value);
    },
    { "aria-label": "speed" },
  );
  speed.value = "1";
  const step = keepKeys(
    element("input", {
      type: "range",
      id: uniqueId(),
      min: 0,
      max: state.last,
      step: 1,
      "data-testid": "player-step",
      "aria-label": "index on the way from noise (0) to the picture",
    }),
  );
  step.addEventListener("input", () => goByHand(Number(step.value)));
  step.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
  return {
    root: element(
      "div",
      { class: "styledit-player-controls" },
      play,
      element(
        "div",
        { class: "styledit-player-ways", role: "group", "aria-label": "direction" },
        ...directions.map(({ button }) => button),
      ),
      element("label", { class: "styledit-player-check" }, both, "there and back"),
      speed,
    ),
    step,
    show(/** @type {number} */ at, /** @type {string} */ sentence) {
      const spoken = sentence.replaceAll(" · ", ", ");
      step.value = String(at);
      step.setAttribute("aria-valuetext", `${state.denoising ? "denoising" : "inversion"}, ${spoken}`);
      play.textContent = clock.playing ? "❚❚ Pause" : "▶ Play";
      play.setAttribute("aria-label", clock.playing ? "pause" : "play");
      for (const { denoising, button } of directions) {
        button.setAttribute("aria-pressed", String(state.denoising === denoising));
      }
    },
  };
}

/**
 * Another run: the newest request only, so that the kernel is asked and nothing waits here.
 * @param {PlayerState} state
 * @param {(wanted: {guidance: number, values: boolean}) => void} ask
 */
function guidanceControls(state, ask) {
  const { world } = state;
  const options = {
    min: world.least,
    max: world.most,
    step: 0.1,
    value: world.guidance,
    title: "1 is no guidance",
  };
  const askAgain = () => ask({ guidance: Number(guidance.input.value), values: values?.checked ?? false });
  const asked = () => (state.fresh ?? state.run)?.guidance;
  const guidance = slider("Guidance w", options, (value, moving) => {
    if (moving || value !== asked()) askAgain();
  });
  guidance.input.dataset.testid = "player-guidance";
  const values = world.fittedAt === null ? null : checkBox("player-values", true, askAgain);
  const text = `value inputs, fitted at w = ${guidanceText(world.fittedAt ?? 1)}`;
  const label = values && element("label", { class: "styledit-player-check" }, values, text);
  return {
    root: element("div", { class: "styledit-player-guidance" }, guidance.root, label),
    /**
     * Stand where a run stands; a slider that is moved only where this is the newest.
     * @param {Run} run
     * @param {boolean} newest
     */
    follow(run, newest) {
      if (document.activeElement !== guidance.input || newest) guidance.set(run.guidance);
      if (values) values.checked = run.values;
    },
  };
}

/**
 * How far the work is, and the way to end it.
 * @param {Asker} kernel
 */
function workLine(kernel) {
  const bar = element("progress", { max: 1, value: 0, "aria-label": "progress" });
  const text = element("span", { "data-testid": "player-stage" });
  const stop = pushButton("Stop", "player-stop", () => kernel.ask({ type: "stop" }));
  const root = element("div", { class: "styledit-player-work", role: "status" }, bar, text, stop);
  return {
    root,
    show(/** @type {Traits["progress"]} */ { stage, done, total }) {
      root.style.visibility = stage ? "" : "hidden";
      bar.max = total || 1;
      bar.value = done;
      text.textContent = stage ? `${STAGES[stage] ?? stage}, ${done} of ${total}` : "";
    },
  };
}

export default { render };
