// Zoom and pan that all pictures share: three CSS variables on the views' root.
import { element, keepKeys } from "../shared/elements.js";
import { pushButton } from "./parts.js";

const MOST_ZOOM = 8;

// Returns {attach(pane), buttons, zoomed()}; `root` carries the variables.
export function sharedZoom(root) {
  const at = { zoom: 1, x: 0.5, y: 0.5 };
  const kept = (centre) => Math.max(0.5 / at.zoom, Math.min(1 - 0.5 / at.zoom, centre));
  const show = () => {
    at.x = kept(at.x);
    at.y = kept(at.y);
    root.style.setProperty("--zoom", at.zoom);
    root.style.setProperty("--move-x", `${(0.5 - at.x * at.zoom) * 100}%`);
    root.style.setProperty("--move-y", `${(0.5 - at.y * at.zoom) * 100}%`);
    root.dataset.zoom = at.zoom.toFixed(2);
    value.textContent = `${Math.round(at.zoom * 100)} %`;
  };
  const zoom = (factor, x = at.x, y = at.y) => {
    const before = at.zoom;
    at.zoom = Math.max(1, Math.min(MOST_ZOOM, at.zoom * factor));
    // The point under the pointer stays where it is.
    at.x = x + (at.x - x) * (before / at.zoom);
    at.y = y + (at.y - y) * (before / at.zoom);
    show();
  };
  const move = (dx, dy) => {
    at.x += dx / at.zoom;
    at.y += dy / at.zoom;
    show();
  };
  const fit = () => zoom(1 / at.zoom);
  const value = element("output", { class: "styledit-zoom-value", "data-testid": "zoom-value" });
  const buttons = element(
    "div", { class: "styledit-row styledit-zoom-buttons", role: "group", "aria-label": "Zoom of all pictures" },
    pushButton("−", "zoom-out", () => zoom(1 / 1.5), { "aria-label": "Zoom out" }), value,
    pushButton("+", "zoom-in", () => zoom(1.5), { "aria-label": "Zoom in" }),
    pushButton("Fit", "zoom-fit", fit),
  );
  show();
  const where = (pane, event) => {
    const box = pane.getBoundingClientRect();
    const x = at.x + ((event.clientX - box.left) / box.width - 0.5) / at.zoom;
    const y = at.y + ((event.clientY - box.top) / box.height - 0.5) / at.zoom;
    return [x, y];
  };
  return { buttons, attach: (pane) => attachZoom(pane, { at, zoom, move, fit, where }) };
}

function attachZoom(pane, { at, zoom, move, fit, where }) {
  keepKeys(pane);
  pane.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // the wheel alone scrolls the notebook
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.25 : 1 / 1.25, ...where(pane, event));
  }, { passive: false });
  pane.addEventListener("dblclick", (event) => (at.zoom > 1 ? fit() : zoom(3, ...where(pane, event))));
  pane.addEventListener("pointerdown", (event) => {
    if (at.zoom > 1 && event.target.tagName !== "INPUT") pane.setPointerCapture(event.pointerId);
  });
  pane.addEventListener("pointermove", (event) => {
    if (pane.hasPointerCapture(event.pointerId)) move(-event.movementX / pane.clientWidth, -event.movementY / pane.clientHeight);
  });
  pane.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    if (event.target !== pane) return;
    if (moves[event.key] && at.zoom > 1) move(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  });
}
