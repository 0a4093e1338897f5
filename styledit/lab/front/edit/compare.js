// Any two pictures over each other: a slider between them, or in turn.
import { choiceOf, pushButton } from "../shared/controls.js";
import { element, keepKeys } from "../shared/elements.js";
import { drawable, drawnCanvas, toggleButton } from "./parts.js";
/** @import { Lab, Picture } from "./types.js" */
/** @typedef {"side" | "split" | "flicker"} ViewMode */

/** @type {Record<string, string>} */
const NAMES = {
  source: "Source",
  reconstruction: "Reconstruction",
  edit: "Edit",
  difference: "Difference",
  truth: "The true edit",
};

/**
 * @param {Lab} lab
 * @param {Record<string, Picture>} pictures by the names above
 * @param {(pane: HTMLElement) => void} attachZoom
 * @param {number} pause ms a picture, in turn
 */
export function comparison(lab, pictures, attachZoom, pause) {
  const [width, height] = lab.world.size;
  const sides = /** @type {const} */ (["a", "b"]);
  const choices = { a: "source", b: "edit" };
  const layers = sides.map((side) => {
    const attributes = { class: `styledit-layer-${side}`, "data-testid": `compare-${side}` };
    return drawnCanvas(width, height, attributes, (context) => {
      const picture = pictures[choices[side]];
      context.clearRect(0, 0, width, height);
      if (drawable(picture)) context.drawImage(picture, 0, 0, width, height);
    });
  });
  const redraw = () => layers.forEach((layer) => layer.redraw());
  const line = keepKeys(
    element("input", {
      type: "range",
      min: 0,
      max: 100,
      step: 1,
      value: 50,
      "data-testid": "split",
      "aria-label": "Split between the two pictures",
      class: "styledit-split-slider",
    }),
  );
  const pane = element(
    "div",
    {
      class: "styledit-pane styledit-compare-pane",
      tabindex: "0",
      role: "group",
      "aria-label": "Comparison; plus and minus zoom, arrows move",
    },
    element("div", { class: "styledit-zoomed" }, layers[1].root),
    element(
      "div",
      { class: "styledit-zoomed-clip" },
      element("div", { class: "styledit-zoomed" }, layers[0].root),
    ),
    element("div", { class: "styledit-split-line", "aria-hidden": "true" }),
  );
  attachZoom(pane);
  const showLine = () => root.style.setProperty("--split", `${line.value}%`);
  line.addEventListener("input", showLine);
  const select = (/** @type {"a" | "b"} */ side, /** @type {string} */ label) => {
    const made = choiceOf(
      `compare-${side}-choice`,
      Object.entries(NAMES),
      (name) => {
        choices[side] = name;
        redraw();
        turns.show();
      },
      { "aria-label": label },
    );
    made.value = choices[side];
    return made;
  };
  const turns = takeTurns(choices, pause, () => root);
  const root = element(
    "div",
    { class: "styledit-compare", hidden: true },
    element(
      "div",
      { class: "styledit-row styledit-compare-choice" },
      select("a", "Left picture"),
      element("span", {}, "and"),
      select("b", "Right picture"),
      turns.running.root,
      turns.other,
    ),
    element("figure", { class: "styledit-figure" }, pane, line, turns.name),
  );
  dragSplit(pane, line, showLine, root);
  showLine();
  turns.show();
  return {
    root,
    redraw,
    open(/** @type {ViewMode} */ mode) {
      root.hidden = mode === "side";
      root.dataset.mode = mode;
      line.hidden = mode === "flicker";
      turns.open(mode === "flicker");
      redraw();
    },
    close() {
      turns.stop();
      layers.forEach((layer) => layer.close());
    },
  };
}

/**
 * The two pictures in turn, by a clock or by hand.
 * @param {{a: string, b: string}} choices
 * @param {number} pause
 * @param {() => HTMLElement} rootOf what holds the pictures
 */
function takeTurns(choices, pause, rootOf) {
  const name = element("p", { class: "styledit-turn", "data-testid": "flicker-turn" });
  /** @type {Timer} */
  let timer;
  let first = true;
  const show = () => {
    rootOf().classList.toggle("styledit-shows-b", !first);
    name.textContent = NAMES[first ? choices.a : choices.b];
  };
  const next = () => {
    first = !first;
    show();
  };
  const run = (/** @type {boolean} */ on) => {
    clearInterval(timer);
    timer = on ? setInterval(next, pause) : undefined;
  };
  const running = toggleButton("Running", "flicker-run", run, { title: "Stop on one picture, or go on" });
  const other = pushButton("The other one", "flicker-next", () => {
    running.set(false);
    run(false);
    next();
  });
  return {
    name,
    running,
    other,
    show,
    stop: () => run(false),
    open(/** @type {boolean} */ flickers) {
      running.root.hidden = other.hidden = name.hidden = !flickers;
      const runs = flickers && !matchMedia("(prefers-reduced-motion: reduce)").matches; // else only when it is asked to
      running.set(runs);
      run(runs);
    },
  };
}

/**
 * The line follows the pointer on the picture itself; with the picture zoomed, near the line only, else it pans.
 * @param {HTMLElement} pane
 * @param {HTMLInputElement} line
 * @param {() => void} showLine
 * @param {HTMLElement} root
 */
function dragSplit(pane, line, showLine, root) {
  let dragging = false;
  const at = (/** @type {PointerEvent} */ event) => {
    const box = pane.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * 100;
  };
  const follow = (/** @type {PointerEvent} */ event) => {
    line.value = String(at(event));
    showLine();
  };
  pane.addEventListener(
    "pointerdown",
    (event) => {
      if (root.dataset.mode !== "split") return;
      const zoomed = Number(getComputedStyle(pane).getPropertyValue("--zoom")) > 1;
      if (zoomed && Math.abs(at(event) - Number(line.value)) > 4) return;
      dragging = true;
      event.stopImmediatePropagation();
      pane.setPointerCapture(event.pointerId);
      follow(event);
    },
    true,
  );
  pane.addEventListener(
    "pointermove",
    (event) => {
      if (!dragging) return;
      event.stopImmediatePropagation();
      follow(event);
    },
    true,
  );
  const end = () => {
    dragging = false;
  };
  pane.addEventListener("pointerup", end);
  pane.addEventListener("pointercancel", end);
}
