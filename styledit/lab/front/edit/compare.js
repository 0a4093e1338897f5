// Any two pictures over each other: a slider between them, or in turn.
import { element, keepKeys } from "../shared/elements.js";
import { choiceOf, drawable, drawnCanvas, toggleButton } from "./parts.js";

const NAMES = { source: "Source", reconstruction: "Reconstruction", edit: "Edit", difference: "Difference", truth: "The true edit" };

// `pictures`: {name: <img> or <canvas>}. Returns {root, open(mode), redraw, close}.
export function comparison(lab, pictures, zoom, pause) {
  const [width, height] = lab.world.size;
  const choices = { a: "source", b: "edit" };
  const layers = ["a", "b"].map((side) => drawnCanvas(width, height, { class: `styledit-layer-${side}`, "data-testid": `compare-${side}` }, (context, canvas) => {
    context.clearRect(0, 0, width, height);
    if (drawable(pictures[choices[side]])) context.drawImage(pictures[choices[side]], 0, 0, canvas.width, canvas.height);
  }));
  const redraw = () => layers.forEach((layer) => layer.redraw());
  const line = keepKeys(element("input", { type: "range", min: 0, max: 100, step: 1, value: 50, "data-testid": "split", "aria-label": "Split between the two pictures", class: "styledit-split-slider" }));
  const pane = element(
    "div", { class: "styledit-pane styledit-compare-pane", tabindex: "0", role: "group", "aria-label": "Comparison; plus and minus zoom, arrows move" },
    element("div", { class: "styledit-zoomed" }, layers[1].root),
    element("div", { class: "styledit-zoomed-clip" }, element("div", { class: "styledit-zoomed" }, layers[0].root)),
    element("div", { class: "styledit-split-line", "aria-hidden": "true" }),
  );
  zoom.attach(pane);
  const showLine = () => root.style.setProperty("--split", `${line.value}%`);
  line.addEventListener("input", showLine);
  const select = (side) => {
    const made = choiceOf(`compare-${side}-choice`, Object.entries(NAMES), (name) => {
      choices[side] = name;
      redraw();
      showTurn();
    }, { "aria-label": side === "a" ? "Left picture" : "Right picture" });
    made.value = choices[side];
    return made;
  };
  const turn = element("p", { class: "styledit-turn", "data-testid": "flicker-turn" });
  let timer = null;
  let first = true;
  const showTurn = () => {
    root.classList.toggle("styledit-shows-b", !first);
    turn.textContent = NAMES[first ? choices.a : choices.b];
  };
  const next = () => {
    first = !first;
    showTurn();
  };
  const run = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(next, pause) : null;
  };
  const running = toggleButton("Running", "flicker-run", run, { title: "Stop on one picture, or go on" });
  const other = keepKeys(element("button", { type: "button", "data-testid": "flicker-next", onclick: () => {
    running.set(false);
    run(false);
    next();
  } }, "The other one"));
  const root = element(
    "div", { class: "styledit-compare", hidden: true },
    element("div", { class: "styledit-row styledit-compare-choice" }, select("a"), element("span", {}, "and"), select("b"), running.root, other),
    element("figure", { class: "styledit-figure" }, pane, line, turn),
  );
  dragSplit(pane, line, showLine, root);
  showLine();
  showTurn();
  const open = (mode) => {
    root.hidden = mode === "side";
    root.dataset.mode = mode;
    const flicker = mode === "flicker";
    running.root.hidden = other.hidden = turn.hidden = !flicker;
    line.hidden = flicker;
    running.set(flicker);
    run(flicker);
    redraw();
  };
  return { root, open, redraw, close: () => { run(false); layers.forEach((layer) => layer.close()); } };
}

// The line follows the pointer on the picture itself; with the picture zoomed, near the line only, else it pans.
function dragSplit(pane, line, showLine, root) {
  let dragging = false;
  const at = (event) => {
    const box = pane.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * 100;
  };
  const follow = (event) => {
    line.value = at(event);
    showLine();
  };
  pane.addEventListener("pointerdown", (event) => {
    if (root.dataset.mode !== "split") return;
    const zoomed = Number(getComputedStyle(pane).getPropertyValue("--zoom")) > 1;
    if (zoomed && Math.abs(at(event) - line.value) > 4) return;
    dragging = true;
    event.stopImmediatePropagation();
    pane.setPointerCapture(event.pointerId);
    follow(event);
  }, true);
  pane.addEventListener("pointermove", (event) => {
    if (!dragging) return;
    event.stopImmediatePropagation();
    follow(event);
  }, true);
  const end = () => { dragging = false; };
  pane.addEventListener("pointerup", end);
  pane.addEventListener("pointercancel", end);
}
