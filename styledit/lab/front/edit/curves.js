// One small curve for each term of a guided edit.
import { element, svgElement } from "../shared/elements.js";

const [WIDTH, HEIGHT] = [150, 28]; // of a curve, in its own units
const MARGIN = 3;

/**
 * The curves; the first and the last number of each say what the picture shows.
 * @param {{name: string, label: string}[]} terms
 * @param {Record<string, number[]>} curves by term, and of their sum, "loss"
 */
export function termCurves(terms, curves) {
  const labels = new Map([
    ["loss", "Sum"],
    ...terms.map(({ name, label }) => /** @type {const} */ ([name, label])),
  ]);
  return shownCurves(curves).map(([name, curve]) => {
    const label = labels.get(name) ?? name;
    const ends = `${curve[0].toPrecision(3)} → ${curve[curve.length - 1].toPrecision(3)}`;
    return element(
      "div",
      { class: "styledit-curve" },
      element("span", {}, label),
      curveLine(curve, `${label}: ${ends}`),
      element("span", { class: "styledit-hint" }, ends),
    );
  });
}

/**
 * The curves that have something to say: one term alone is the sum.
 * @param {Record<string, number[]>} curves
 */
export function shownCurves(curves) {
  const filled = Object.entries(curves).filter(([, curve]) => curve.length);
  return filled.length === 2 ? filled.filter(([name]) => name !== "loss") : filled;
}

/**
 * @param {number[]} curve
 * @param {string} label
 */
function curveLine(curve, label) {
  const points = curvePoints(curve);
  const [x, y] = points[points.length - 1];
  return svgElement(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    svgElement("polyline", {
      points: points.map((point) => point.map((at) => at.toFixed(1)).join(",")).join(" "),
    }),
    svgElement("circle", { cx: x, cy: y, r: 2.5 }),
  );
}

/**
 * Where a curve's values lie: the lowest at the bottom, the highest at the top, one alone in the middle.
 * @param {number[]} curve
 * @returns {[number, number][]}
 */
export function curvePoints(curve) {
  const [low, high] = [Math.min(...curve), Math.max(...curve)];
  const share = (/** @type {number} */ k) => (curve.length === 1 ? 0.5 : k / (curve.length - 1));
  return curve.map((value, k) => [
    MARGIN + share(k) * (WIDTH - 2 * MARGIN),
    HEIGHT - MARGIN - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * MARGIN),
  ]);
}
