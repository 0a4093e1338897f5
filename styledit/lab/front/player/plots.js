// The plots under each other, noise and drift, with one cursor through both.
import { IndexAxis } from "./axis.js";
import { driftPlot } from "./drift.js";
import { timelineOf } from "./timeline.js";
/** @import { Curves, Cursor, World } from "./types.js" */

const NARROWEST = 200; // px, that anything is drawn in

/**
 * @param {World} world
 * @param {(index: number) => void} moved called where somebody points
 */
export function plotsOf(world, moved) {
  const axis = new IndexAxis(world.timesteps.length);
  const timeline = timelineOf(world, axis);
  const drift = driftPlot(axis);
  const plots = [timeline, drift];
  /** @type {Cursor} */
  let cursor = { index: axis.last, at: axis.last, value: null, denoising: false };
  plots.forEach(({ svg }) => listenTo(svg, axis, moved));
  const place = () => plots.forEach((plot) => plot.move(cursor));
  return {
    timeline: timeline.svg,
    drift: drift.svg,
    resize(/** @type {number} */ width) {
      if (Math.abs(width - axis.width) < 1 || width < NARROWEST) return;
      axis.width = width;
      for (const plot of plots) {
        const size = { width, height: plot.height, viewBox: `0 0 ${width} ${plot.height}` };
        for (const [name, value] of Object.entries(size)) plot.svg.setAttribute(name, String(value));
        plot.draw();
      }
      place();
    },
    show(/** @type {Curves} */ curves) {
      drift.show(curves);
      place();
    },
    move(/** @type {Cursor} */ next) {
      cursor = next;
      place();
    },
  };
}

/**
 * @param {SVGSVGElement} svg
 * @param {IndexAxis} axis
 * @param {(index: number) => void} moved
 */
function listenTo(svg, axis, moved) {
  const point = (/** @type {PointerEvent} */ event) =>
    moved(axis.indexAt(event.clientX - svg.getBoundingClientRect().left));
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    point(event);
  });
  svg.addEventListener("pointermove", (event) => {
    if (svg.hasPointerCapture(event.pointerId)) point(event);
  });
  svg.addEventListener("pointerup", point);
}
