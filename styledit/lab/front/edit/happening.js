// What happens: the source's run and the edit's above each other, and what goes from one to the other at each step.
import { element, keepKeys, uniqueId } from "../shared/elements.js";
import { clamped } from "../shared/geometry.js";
import { freePictures, showBytes } from "../shared/pictures.js";
import { TAU_NAMES, tauName } from "./controls.js";
import { methodNamed } from "./methods.js";
import { countOf } from "./parts.js";
/** @import { Child } from "../shared/types.js" */
/** @import { Lab, Method, Settings } from "./types.js" */
/** @typedef {"on" | "part" | "off"} Lit where a switch acts: for all words, for some, for none */
/** @typedef {"tau_c" | "tau_s" | "tau_u" | "tau_v" | "blend"} Switch */

const BLEND_START = 0.2; // of the steps, before blend words say where

/** What a lit switch says of a step. @type {Record<Switch, string>} */
const DOES = {
  tau_c: "its words look where the source's looked",
  tau_s: "it has the source's shapes",
  tau_u: "it has them in the half without a prompt, too",
  blend: "outside the mask it is the source",
  tau_v: "its words say what was learned from the picture",
};
const ALONG = "it takes the source's own step, and adds what the prompts differ in";
/** @type {[Switch, string, string][]} */
const LANES = [
  ["tau_c", TAU_NAMES.tau_c, "c"],
  ["tau_s", TAU_NAMES.tau_s, "s"],
  ["tau_u", TAU_NAMES.tau_u, "u"],
  ["blend", "Blend or mask", ""],
  ["tau_v", TAU_NAMES.tau_v, "v"],
];

/**
 * @param {number} step
 * @param {number} tau
 * @param {number} steps
 */
const isOn = (step, tau, steps) => step < Number((tau * steps).toFixed(6));

/**
 * Where each switch acts, step by step.
 * @param {Settings} settings
 * @param {number} steps
 * @returns {Record<Switch, Lit[]>}
 */
export function switchesLit(settings, steps) {
  const { tau_c, tau_s, tau_u, tau_v, tau_c_words, tau_v_words, tau_v_changed, tau_v_padding } = settings;
  const lit = (/** @type {number[]} */ taus) =>
    Array.from({ length: steps }, (_, step) => {
      const on = taus.filter((tau) => isOn(step, tau, steps)).length;
      return on === taus.length ? "on" : on ? "part" : "off";
    });
  const groups = [tau_v_changed, tau_v_padding].filter((tau) => tau !== null);
  const start = settings.mask ? 0 : Math.min(Number((BLEND_START * steps).toFixed(6)), steps - 1);
  const blends = Boolean(settings.mask) || settings.blend.length > 0;
  return {
    tau_c: lit([tau_c, ...Object.values(tau_c_words)]),
    tau_s: lit([tau_s]),
    tau_u: lit([tau_u]),
    tau_v: lit([tau_v, ...groups, ...Object.values(tau_v_words)]),
    blend: Array.from({ length: steps }, (_, step) => (blends && step >= start ? "on" : "off")),
  };
}

/**
 * The same for a method: a switch that it does not read is off.
 * @param {Settings} settings
 * @param {number} steps
 * @param {Method} method
 */
export function switchesOf(settings, steps, { ignored }) {
  const lit = switchesLit(settings, steps);
  for (const [name] of LANES) if (ignored[name]) lit[name].fill("off");
  return lit;
}

/**
 * What is going on at a step, in a sentence.
 * @param {Record<Switch, Lit[]>} lit
 * @param {number} step
 * @param {Method} method
 */
export function stepSentence(lit, step, { name: method, ignored, follows }) {
  const steps = lit.tau_c.length;
  const where = `Step ${step + 1} of ${steps}`;
  if (LANES.every(([name]) => ignored[name])) return `${where}. “${method}” takes nothing over at a step.`;
  const parts = LANES.filter(([name]) => lit[name][step] !== "off").map(
    ([name]) => `${DOES[name]}${lit[name][step] === "part" ? " (some words)" : ""}`,
  );
  if (follows) parts.unshift(ALONG);
  if (!parts.length) return `${where}: the edit's run goes its own way.`;
  return `${where}, in the edit's run: ${parts.join("; ")}.`;
}

/** @param {Lab} lab */
export function happeningSection(lab) {
  const sentence = element("p", { "data-testid": "step-sentence", class: "styledit-flow-sentence" });
  const source = runRow("source");
  const edit = runRow("edit");
  const lanes = LANES.map(([name, text, letter]) => laneRow(name, text, letter));
  const id = uniqueId();
  const at = keepKeys(
    element("input", { type: "range", id, min: 0, max: 0, step: 1, value: 0, "data-testid": "step-shown" }),
  );
  const large = {
    source: largePicture("Source at this step", "step-source"),
    edit: largePicture("Edit at this step", "step-edit"),
  };
  const grid = element(
    "div",
    { class: "styledit-flow", "data-testid": "flow" },
    ...source.parts,
    ...lanes.flatMap((lane) => lane.parts),
    ...edit.parts,
    element("label", { for: id, class: "styledit-strip-label" }, "Step"),
    at,
  );
  let steps = 0;
  const show = () => {
    const step = Number(at.value);
    const { settings, method: name } = lab.edits.current;
    const method = methodNamed(lab.world.methods, name);
    const lit = switchesOf(settings, steps, method);
    for (const lane of lanes) lane.show(lit[lane.name], step);
    source.show(step);
    edit.show(step);
    large.source.show(source.picture(step));
    large.edit.show(edit.picture(step));
    sentence.textContent = steps ? stepSentence(lit, step, method) : "";
    at.setAttribute("aria-valuetext", sentence.textContent);
  };
  const build = (/** @type {number} */ number) => {
    if (number === steps) return;
    steps = number;
    grid.style.setProperty("--steps", String(steps));
    at.max = String(Math.max(0, steps - 1));
    at.value = String(Math.floor(steps / 2));
    for (const row of [source, edit, ...lanes]) row.build(steps);
  };
  at.addEventListener("input", show);
  grid.addEventListener("pointerover", (event) => {
    const cell = /** @type {HTMLElement} */ (event.target).closest("[data-step]");
    if (!(cell instanceof HTMLElement)) return;
    at.value = cell.dataset.step ?? "0";
    show();
  });
  lab.edits.onChange(show);
  lab.onSource(({ steps: number = 0 }) => {
    build(number);
    show();
  });
  showPictures(lab, grid, { source, edit }, show);
  const root = element(
    "div",
    { class: "styledit-happening" },
    element(
      "p",
      { class: "styledit-hint" },
      "Both runs begin at the same noise and take the noise away step by step, left to right. What is lit goes from " +
        "the source's run to the edit's at that step. Point at a step, or move the slider below.",
    ),
    grid,
    element("div", { class: "styledit-flow-large" }, large.source.root, large.edit.root, sentence),
  );
  askWhileOpen(lab, root);
  return [root];
}

/**
 * The pictures of both runs; those of an earlier edit are faint until the new ones come.
 * @param {Lab} lab
 * @param {HTMLElement} grid
 * @param {Record<"source" | "edit", ReturnType<typeof runRow>>} runs
 * @param {() => void} show
 */
function showPictures(lab, grid, runs, show) {
  const old = () => {
    const of = lab.model.get("steps_shown").id;
    grid.classList.toggle("styledit-flow-old", of !== undefined && of !== lab.model.get("frame").id);
  };
  lab.onTrait("steps_shown", async ({ source = [], edit = [] }) => {
    await Promise.all([runs.source.fill(source), runs.edit.fill(edit)]);
    old();
    show();
  });
  lab.onTrait("frame", old);
}

/**
 * Python makes the pictures only while they are looked at.
 * @param {Lab} lab
 * @param {HTMLElement} root in a fold
 */
function askWhileOpen(lab, root) {
  const watch = new IntersectionObserver(([{ isIntersecting }]) => {
    const open = isIntersecting || (root.closest("details")?.open ?? false);
    if (open !== (root.dataset.open === "true")) lab.send({ type: "steps", open });
    root.dataset.open = String(open);
  });
  root.dataset.open = String(lab.model.get("steps_shown").id !== undefined); // by this page before it was reloaded
  watch.observe(root);
  lab.cleanups.push(() => watch.disconnect());
}

/**
 * A run: a cell a step, with a picture once there is one.
 * @param {"source" | "edit"} name
 */
function runRow(name) {
  const row = element("span", { class: "styledit-flow-row styledit-flow-run", "data-run": name });
  /** @type {HTMLImageElement[]} */
  let images = [];
  return {
    parts: [element("b", { class: "styledit-strip-label" }, name === "source" ? "Source" : "Edit"), row],
    build(/** @type {number} */ steps) {
      freePictures(row);
      images = Array.from({ length: steps }, () => element("img", { alt: "" }));
      row.replaceChildren(
        ...images.map((image, step) =>
          element("span", { class: "styledit-flow-cell", "data-step": step }, image),
        ),
      );
    },
    async fill(/** @type {import("../shared/types.js").Bytes[]} */ pictures) {
      await Promise.all(
        images.map((image, step) => {
          if (!pictures[step]) image.removeAttribute("src");
          return showBytes(image, pictures[step]);
        }),
      );
    },
    picture: (/** @type {number} */ step) => images[step]?.src ?? "",
    show: (/** @type {number} */ step) => markStep(row, step),
  };
}

/**
 * What is handed over, a cell a step.
 * @param {Switch} name
 * @param {string} text
 * @param {string} letter "" where it is no tau
 */
function laneRow(name, text, letter) {
  const row = element("span", { class: "styledit-flow-row", role: "img", "data-lane": name });
  return {
    name,
    parts: [element("span", { class: "styledit-strip-label" }, letter ? tauName(text, letter) : text), row],
    build(/** @type {number} */ steps) {
      row.replaceChildren(
        ...Array.from({ length: steps }, (_, step) =>
          element("span", { class: "styledit-flow-cell", "data-step": step }),
        ),
      );
    },
    show(/** @type {Lit[]} */ lit, /** @type {number} */ step) {
      lit.forEach((state, k) => {
        const cell = /** @type {HTMLElement} */ (row.children[k]);
        if (cell.dataset.lit !== state) cell.dataset.lit = state;
      });
      row.ariaLabel = `${text}: acts at ${countOf(lit.filter((state) => state !== "off").length, "step")} of ${lit.length}`;
      markStep(row, step);
    },
  };
}

/**
 * @param {HTMLElement} row
 * @param {number} step
 */
function markStep(row, step) {
  const place = clamped(step, 0, Math.max(0, row.children.length - 1));
  [...row.children].forEach((cell, k) => cell.classList.toggle("styledit-flow-at", k === place));
}

/**
 * @param {string} title
 * @param {string} testid
 */
function largePicture(title, testid) {
  const image = element("img", { alt: title, "data-testid": testid });
  /** @type {Child[]} */
  const parts = [element("div", { class: "styledit-pane" }, image), element("figcaption", {}, title)];
  return {
    root: element("figure", { class: "styledit-figure" }, ...parts),
    show(/** @type {string} */ address) {
      if (!address) image.removeAttribute("src");
      else if (image.src !== address) image.src = address;
    },
  };
}
