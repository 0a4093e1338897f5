// How far the work is, and what went wrong.
import { pushButton } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { countOf, delayedCall } from "./parts.js";
/** @import { Frame, Lab } from "./types.js" */

const REST = 600; // ms without a newer edit, after which the last one is announced

/** @type {Record<string, string>} */
const STAGES = {
  drawing: "Drawing the source",
  checking: "Checking the picture",
  inverting: "Inverting the picture",
  fitting: "Fitting the method to the picture",
  editing: "Editing",
  guiding: "Guiding the value inputs",
  sheet: "Drawing the grid of settings",
};

/**
 * How far the work is, and the way to end it.
 * @param {Lab} lab
 */
export function progressLine(lab) {
  const bar = element("progress", { "data-testid": "progress", max: 1, value: 0, "aria-label": "Progress" });
  const text = element("span", { role: "status", "aria-live": "polite", "data-testid": "progress-text" });
  const stop = pushButton("Stop", "stop", () => {
    lab.edits.flow.forget();
    lab.send({ type: "stop" });
    lab.pending.failed();
  });
  const root = element("div", { class: "styledit-progress" }, bar, text, editDone(lab), stop);
  /** @type {string | null} */
  let shown = null;
  lab.onTrait("progress", ({ stage, done, total }) => {
    lab.note.answered();
    lab.pending.progressed(stage);
    const works = Boolean(stage);
    root.classList.toggle("styledit-idle", !works);
    stop.disabled = !works;
    bar.max = Math.max(1, total);
    bar.value = works ? done : 0;
    // A screen reader hears of a stage once, and not of every step.
    if (stage !== shown) text.textContent = works ? (STAGES[stage] ?? stage) : "";
    shown = stage;
    bar.title = works ? `${done} of ${countOf(total, "step")}` : "";
  });
  return root;
}

/**
 * Says once that the edit is done, for who does not see the pictures: not while a slider moves.
 * @param {Lab} lab
 */
function editDone(lab) {
  const root = element("span", {
    role: "status",
    "aria-live": "polite",
    class: "styledit-hint",
    "data-testid": "edit-done",
  });
  let sentence = "";
  const rest = delayedCall(() => {
    root.textContent = sentence;
  }, REST);
  const wait = () => {
    rest.stop();
    root.textContent = "";
  };
  lab.onFrame((frame) => {
    sentence = doneSentence(frame);
    if (sentence) rest.start();
    else wait();
  });
  lab.root.addEventListener("input", wait, true);
  lab.cleanups.push(rest.stop);
  return root;
}

/** @param {Pick<Frame, "exact" | "seconds">} frame */
export function doneSentence({ exact, seconds }) {
  if (!exact) return "";
  return seconds < 0.05 ? "Edit done." : `Edit done in ${seconds.toFixed(1)} s.`;
}

/**
 * The sentence that Python has about what went wrong.
 * @param {Lab} lab
 */
export function problemLine(lab) {
  const root = element("p", {
    class: "styledit-problem",
    role: "alert",
    "aria-live": "polite",
    "data-testid": "problem",
  });
  lab.model.on("change:problem", lab.note.answered);
  lab.cleanups.push(() => lab.model.off("change:problem", lab.note.answered));
  // What is wrong with a source stays until someone does something: the edit that follows may be well.
  let stays = false;
  let forgotten = false;
  const show = () => {
    const problem = forgotten ? "" : lab.model.get("problem");
    if (problem) stays = lab.pending.failed();
    if (problem || !stays) root.textContent = problem;
  };
  const acted = () => {
    stays = false;
    show();
  };
  for (const event of ["input", "click", "keydown"]) lab.root.addEventListener(event, acted, true);
  lab.forgetProblem = () => {
    forgotten = true;
    acted();
  };
  lab.onTrait("problem", () => {
    forgotten = false;
    show();
  });
  return root;
}
