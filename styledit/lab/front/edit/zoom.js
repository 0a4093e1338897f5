// Zoom and pan that all pictures share: three CSS variables on the views' root.
import { pushButton } from "../shared/controls.js";
import { element, keepKeys } from "../shared/elements.js";
import { ARROWS, clamped } from "../shared/geometry.js";

const MOST = 8;
const STEP = 0.1; // of a pane, an arrow key

/** What is looked at: a part of the picture, (x, y) its centre in fractions. */
export class Zoom {
  factor = 1;
  x = 0.5;
  y = 0.5;

  /**
   * Zoom further in or out; the point (x, y) stays where it is.
   * @param {number} by
   * @param {number} x
   * @param {number} y
   */
  by(by, x = this.x, y = this.y) {
    const before = this.factor;
    this.factor = clamped(before * by, 1, MOST);
    this.x = this.#inside(x + (this.x - x) * (before / this.factor));
    this.y = this.#inside(y + (this.y - y) * (before / this.factor));
  }

  /**
   * Move by fractions of what is seen.
   * @param {number} dx
   * @param {number} dy
   */
  move(dx, dy) {
    this.x = this.#inside(this.x + dx / this.factor);
    this.y = this.#inside(this.y + dy / this.factor);
  }

  /** Whether there is something beyond what is seen. */
  get on() {
    return this.factor > 1;
  }

  /** @param {number} centre */
  #inside(centre) {
    return clamped(centre, 0.5 / this.factor, 1 - 0.5 / this.factor);
  }
}

/** @param {HTMLElement} root carries the variables */
export function sharedZoom(root) {
  const at = new Zoom();
  const value = element("output", { class: "styledit-zoom-value", "data-testid": "zoom-value" });
  const show = () => {
    root.style.setProperty("--zoom", String(at.factor));
    root.style.setProperty("--move-x", `${(0.5 - at.x * at.factor) * 100}%`);
    root.style.setProperty("--move-y", `${(0.5 - at.y * at.factor) * 100}%`);
    root.dataset.zoom = at.factor.toFixed(2);
    value.textContent = `${Math.round(at.factor * 100)} %`;
  };
  const zoom = (/** @type {number} */ by, /** @type {[number, number] | []} */ point = []) => {
    at.by(by, ...point);
    show();
  };
  const fit = () => zoom(1 / at.factor);
  const buttons = element(
    "div",
    { class: "styledit-row styledit-zoom-buttons", role: "group", "aria-label": "Zoom of all pictures" },
    pushButton("−", "zoom-out", () => zoom(1 / 1.5), { "aria-label": "Zoom out" }),
    value,
    pushButton("+", "zoom-in", () => zoom(1.5), { "aria-label": "Zoom in" }),
    pushButton("Fit", "zoom-fit", fit),
  );
  const move = (/** @type {number} */ dx, /** @type {number} */ dy) => {
    at.move(dx, dy);
    show();
  };
  show();
  return {
    buttons,
    attach: (/** @type {HTMLElement} */ pane) => {
      keepKeys(pane);
      zoomByPointer(pane, at, { zoom, move, fit });
      zoomByKeys(pane, at, { zoom, move, fit });
    },
  };
}

/**
 * @typedef {object} Actions
 * @property {(by: number, point?: [number, number]) => void} zoom
 * @property {(dx: number, dy: number) => void} move
 * @property {() => void} fit
 */

/**
 * @param {HTMLElement} pane
 * @param {Zoom} at
 * @param {Actions} actions
 */
function zoomByPointer(pane, at, { zoom, move, fit }) {
  /** @returns {[number, number]} */
  const pointOf = (/** @type {MouseEvent} */ event) => {
    const box = pane.getBoundingClientRect();
    return [
      at.x + ((event.clientX - box.left) / box.width - 0.5) / at.factor,
      at.y + ((event.clientY - box.top) / box.height - 0.5) / at.factor,
    ];
  };
  pane.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return; // the wheel alone scrolls the notebook
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.25 : 1 / 1.25, pointOf(event));
    },
    { passive: false },
  );
  pane.addEventListener("dblclick", (event) => (at.on ? fit() : zoom(3, pointOf(event))));
  pane.addEventListener("pointerdown", (event) => {
    if (at.on) pane.setPointerCapture(event.pointerId);
  });
  pane.addEventListener("pointermove", (event) => {
    if (!pane.hasPointerCapture(event.pointerId)) return;
    move(-event.movementX / pane.clientWidth, -event.movementY / pane.clientHeight);
  });
}

/**
 * @param {HTMLElement} pane
 * @param {Zoom} at
 * @param {Actions} actions
 */
function zoomByKeys(pane, at, { zoom, move, fit }) {
  pane.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (event.target !== pane) return;
    if (arrow && at.on) move(STEP * arrow[0], STEP * arrow[1]);
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  });
}
