// The plot of how far runs drift from the inversion, logarithmic.
import { svgElement } from "../shared/elements.js";
import { guidanceText, powerText, shortNumber, wholeNumbers } from "./numbers.js";
import { cursorLine, svgText } from "./svg.js";
/** @import { IndexAxis } from "./axis.js" */
/** @import { Curve, Curves, Cursor, Plot, RunName } from "./types.js" */

const TOP = 24;
const BOTTOM = 120;
const HEIGHT = 128;
const LINE = 14; // px between two names

/** A logarithmic scale from one power of ten to another, at least from 0.01 to 1. */
export class LogScale {
  /** @param {number[]} values above 0 */
  constructor(values) {
    this.lowest = Math.max(-5, Math.floor(Math.log10(Math.min(0.01, ...values))));
    this.highest = Math.max(0, Math.ceil(Math.log10(Math.max(1, ...values))));
  }

  /**
   * @param {number} value
   * @returns {number} px
   */
  y(value) {
    const power = Math.log10(Math.max(value, 10 ** this.lowest));
    return BOTTOM - ((power - this.lowest) / (this.highest - this.lowest)) * (BOTTOM - TOP);
  }
}

/**
 * Places in order, each at least a line below the one before, moved up where the last would leave the plot.
 * @param {number[]} places px, sorted
 */
export function spread(places) {
  /** @type {number[]} */
  const apart = [];
  for (const place of places) apart.push(Math.max(place, (apart.at(-1) ?? -Infinity) + LINE));
  const over = Math.max(0, (apart.at(-1) ?? 0) - HEIGHT + 2);
  return apart.map((place) => place - over);
}

/**
 * @param {IndexAxis} axis
 * @returns {Plot & {show(shown: Curves): void}}
 */
export function driftPlot(axis) {
  const svg = svgElement("svg", { role: "img", "data-testid": "drift" });
  const line = cursorLine(TOP - 4, BOTTOM);
  const dot = svgElement("circle", { r: 5, class: "styledit-player-dot" });
  /** @type {Curves} */
  let shown = { curves: [], front: null };
  let scale = new LogScale([]);
  const draw = () => {
    const { front } = shown;
    const others = shown.curves.filter((run) => !front || !sameRun(run, front));
    const all = front ? [...others, front] : others;
    scale = new LogScale(all.flatMap((run) => run.drift).filter((value) => value > 0));
    svg.replaceChildren(
      svgText(axis.x(0), 14, "drift from the inversion (rms, log)", { class: "styledit-player-end" }),
      ...gridLines(axis, scale),
      ...all.map((run) => curveLine(axis, scale, run, run === front)),
      ...curveNames(axis, scale, all, front),
      ...(front ? tipName(axis, scale, front) : []),
      line.root,
      dot,
    );
  };
  return {
    svg,
    height: HEIGHT,
    draw,
    show(next) {
      shown = next;
      if (axis.width) draw();
    },
    move(/** @type {Cursor} */ { at, value }) {
      line.move(axis.x(at));
      dot.style.display = value ? "" : "none";
      if (value) {
        dot.setAttribute("cx", String(axis.x(at)));
        dot.setAttribute("cy", String(scale.y(value)));
      }
      const now = value === null ? "" : `; ${shortNumber(value)} at index ${at}`;
      svg.setAttribute("aria-label", `Drift of the denoising run from the inversion, logarithmic${now}`);
    },
  };
}

/**
 * @param {RunName} a
 * @param {RunName} b
 */
function sameRun(a, b) {
  return a.guidance === b.guidance && a.values === b.values;
}

/**
 * How a curve and its name look.
 * @param {string} part "curve" or "name"
 * @param {RunName} run
 * @param {boolean} front
 */
function classOf(part, { values }, front) {
  const names = [part, values ? "values" : "plain", front ? "now" : "earlier"];
  return names.map((name) => `styledit-player-${name}`).join(" ");
}

/** @param {RunName} run */
function nameOf({ guidance, values }) {
  return `w = ${guidanceText(guidance)}${values ? ", values" : ""}`;
}

/**
 * @param {IndexAxis} axis
 * @param {LogScale} scale
 */
function gridLines(axis, scale) {
  return wholeNumbers(scale.lowest, scale.highest).flatMap((power) => {
    const y = scale.y(10 ** power);
    const sides = { x1: axis.x(0), x2: axis.x(axis.last) };
    return [
      svgElement("line", { ...sides, y1: y, y2: y, class: "styledit-player-grid" }),
      svgText(axis.left, y + 4, powerText(power), { "text-anchor": "end" }),
    ];
  });
}

/**
 * @param {IndexAxis} axis
 * @param {LogScale} scale
 * @param {Curve} run
 * @param {boolean} front
 */
function curveLine(axis, scale, run, front) {
  const points = run.drift.flatMap((value, k) =>
    value > 0 ? [/** @type {[number, number]} */ ([k, scale.y(value)])] : [],
  );
  return svgElement("path", { d: axis.path(points), class: classOf("curve", run, front) });
}

/**
 * The names of whole curves, where they end.
 * @param {IndexAxis} axis
 * @param {LogScale} scale
 * @param {Curve[]} runs
 * @param {Curve | null} front
 */
function curveNames(axis, scale, runs, front) {
  const { last } = axis;
  const whole = runs.filter((run) => run.drift.length === last + 1);
  const ends = whole.map((run) => ({ run, y: scale.y(run.drift[last]) + 4 })).sort((a, b) => a.y - b.y);
  const places = spread(ends.map(({ y }) => y));
  return ends.map(({ run }, k) =>
    svgText(axis.x(last) + 10, places[k], nameOf(run), { class: classOf("name", run, run === front) }),
  );
}

/**
 * A run on its way is named where it has come to.
 * @param {IndexAxis} axis
 * @param {LogScale} scale
 * @param {Curve} run
 */
function tipName(axis, scale, run) {
  const end = run.drift.length - 1;
  if (end < 1 || end === axis.last) return [];
  const [x, y] = [axis.x(end) + 8, scale.y(run.drift[end]) - 6];
  return [svgText(x, y, nameOf(run), { class: classOf("name", run, true) })];
}
