// The plot of the noise level, with the timesteps below.
import { svgElement } from "../shared/elements.js";
import { cursorLine, svgText } from "./svg.js";
/** @import { IndexAxis } from "./axis.js" */
/** @import { Cursor, Plot, World } from "./types.js" */

const TOP = 22;
const BOTTOM = 62;
const HEIGHT = 86;

/**
 * @param {World} world
 * @param {IndexAxis} axis
 * @returns {Plot}
 */
export function timelineOf(world, axis) {
  const { last } = axis;
  const noise = world.levels.map((level) => Math.sqrt(1 - level));
  const label = `Timeline from noise at timestep ${world.timesteps[0]} to the picture, ${last} steps`;
  const svg = svgElement("svg", { role: "img", "data-testid": "player-timeline", "aria-label": label });
  const line = cursorLine(TOP - 4, BOTTOM);
  let denoising = false;
  const draw = () => {
    const path = axis.path(noise.map((value, k) => [k, BOTTOM - value * (BOTTOM - TOP)]));
    const area = `${path}L${axis.x(last)} ${BOTTOM}L${axis.x(0)} ${BOTTOM}Z`;
    svg.replaceChildren(
      svgText(axis.x(0), 14, "noise", { class: "styledit-player-end" }),
      svgText(axis.x(last), 14, "picture", { class: "styledit-player-end", "text-anchor": "end" }),
      ...arrow((axis.x(0) + axis.x(last)) / 2, denoising),
      svgElement("path", { d: area, class: "styledit-player-noise" }),
      svgText(axis.left, TOP + 10, "1", { "text-anchor": "end" }),
      svgText(axis.left, BOTTOM, "0", { "text-anchor": "end" }),
      svgText(axis.x(last) + 10, (TOP + BOTTOM) / 2, "noise level"),
      svgText(axis.x(last) + 16, BOTTOM + 17, "timestep"),
      ...ticks(world.timesteps, axis),
      line.root,
    );
  };
  return {
    svg,
    height: HEIGHT,
    draw,
    move(/** @type {Cursor} */ cursor) {
      line.move(axis.x(cursor.at));
      if (cursor.denoising === denoising) return;
      denoising = cursor.denoising;
      if (axis.width) draw();
    },
  };
}

/**
 * A line for each timestep, and numbers where there is room.
 * @param {number[]} timesteps
 * @param {IndexAxis} axis
 */
function ticks(timesteps, axis) {
  const { last, every } = axis;
  const number = (/** @type {number} */ k, /** @type {number} */ value) =>
    svgText(axis.x(k), BOTTOM + 17, String(value), { "text-anchor": "middle" });
  const lines = timesteps.map((_, k) => {
    const x = axis.x(k);
    return svgElement("line", { x1: x, x2: x, y1: BOTTOM, y2: BOTTOM + 4, class: "styledit-player-axis" });
  });
  const numbers = timesteps.flatMap((timestep, k) =>
    k % every === 0 && last - k >= every ? [number(k, timestep)] : [],
  );
  return [...lines, ...numbers, number(last, 0)];
}

/**
 * @param {number} middle px
 * @param {boolean} right
 */
function arrow(middle, right) {
  const way = right ? 1 : -1;
  const [from, to, back] = [middle - 60 * way, middle + 60 * way, middle + 53 * way];
  return [
    svgElement("line", { x1: from, x2: to, y1: 10, y2: 10, class: "styledit-player-arrow" }),
    svgElement("path", { d: `M${back} 5L${to} 10L${back} 15`, class: "styledit-player-arrow" }),
  ];
}
