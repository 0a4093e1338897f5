// The explorer's page: words, map, bars, and where a pixel looks.
import { element } from "../shared/elements.js";
import { colourBar } from "./colours.js";
import { wordBars, wordButtons } from "./words.js";
/** @import { About, Actions, Explorer, Stage } from "./types.js" */

const LONGER = 512; // pixels of a map's longer side

/**
 * @param {Explorer} explorer
 * @param {Actions} actions
 * @returns {Stage}
 */
export function stageOf(explorer, actions) {
  const { about } = explorer;
  const words = wordButtons(explorer, actions);
  const bars = wordBars(actions);
  const bar = colourBar();
  const canvas = largeCanvas(about, {
    "data-testid": "map-canvas",
    "aria-label":
      "The word's map over the picture. Arrow keys move a pixel over it, Enter keeps it, Escape lets it go.",
    tabindex: 0,
    role: "application",
  });
  const caption = element("p", { class: "explorer-caption" });
  const looks = looksFigure(about);
  const root = element(
    "div",
    { class: "explorer-stage" },
    element("figure", {}, canvas, caption, bar.root),
    element("figure", { class: "explorer-reads" }, bars.title, bars.root),
    looks.root,
  );
  const scale = element("p", { class: "explorer-scale", "data-testid": "scale-note" });
  const live = element("div", { class: "explorer-unseen", "aria-live": "polite" });
  return { root, words, scale, canvas, caption, colourBar: bar, bars, looks, live };
}

/**
 * @param {About} about
 * @param {Record<string, unknown>} attributes
 */
function largeCanvas({ size: [width, height] }, attributes) {
  const factor = LONGER / Math.max(width, height);
  const sides = { width: Math.round(width * factor), height: Math.round(height * factor) };
  return element("canvas", { ...sides, ...attributes });
}

/** @param {About} about */
function looksFigure(about) {
  const canvas = largeCanvas(about, {
    "data-testid": "looks-canvas",
    "aria-label": "Where the pixel looks",
    role: "img",
  });
  const note = element("p", { class: "explorer-caption", "data-testid": "looks-note" });
  const recorded = about.layers.some((layer) => layer.self);
  if (!recorded) {
    canvas.hidden = true;
    note.append("Self-attention was not recorded. It shows which pixels a pixel looks at");
    if (about.advice) note.append("; record it with ", element("code", {}, about.advice));
    note.append(".");
  }
  const root = element(
    "figure",
    { class: recorded ? "explorer-looks" : "explorer-looks explorer-none" },
    element("h4", {}, "Where this pixel looks"),
    canvas,
    note,
  );
  return { root, canvas, note };
}
