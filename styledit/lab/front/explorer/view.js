// What the controls choose: maps, their colour scales, and the word that stands out.
import { rangeOf } from "./colours.js";
import { mapCanvas } from "./canvases.js";
import { chosenLayers, difference, meanMaps, wordShares } from "./data.js";
/** @import { Range } from "../shared/types.js" */
/** @import { Coloured, Explorer, Maps, Scale, View } from "./types.js" */

/**
 * The maps as the controls stand.
 * @param {Pick<Explorer, "about" | "chosen" | "store">} explorer
 * @returns {View}
 */
export function viewOf({ about, chosen, store }) {
  const signed = chosen.view === "difference" && about.runs.length > 1;
  const run = signed ? Math.max(1, chosen.run) : chosen.run;
  const { columns, partners } = about.runs[run];
  const mean = (/** @type {number} */ k) => meanMaps(store, k, chosen.layer, chosen.row, chosen.head);
  const own = { columns, run, signed, others: [] };
  const target = mean(run);
  if (!target) return { h: 1, w: 1, maps: columns.map(() => null), notes: new Set(), ...own };
  if (signed) return { ...difference(target, mean(0) ?? target, partners), ...own };
  const shown = (/** @type {Maps} */ maps, /** @type {number} */ k) =>
    chosen.view === "share" ? wordShares(maps, about.runs[k].columns) : maps;
  // one scale for all runs too, so that they can be compared
  const others = about.runs.flatMap((other, k) => {
    const maps = k === run ? null : mean(k);
    return maps ? shown(maps, k).maps.filter((_, c) => other.columns[c].kind === "word") : [];
  });
  return { ...shown(target, run), ...own, others: others.filter((map) => map !== null) };
}

/**
 * The colour scale of every map: one for the words of all runs, and its own for start, end and padding.
 * @param {Explorer} explorer whose held scale is renewed
 * @param {View} view
 * @returns {(Scale | null)[]}
 */
function scalesOf(explorer, { maps, columns, others, signed }) {
  const { chosen } = explorer;
  const words = maps.filter((map, c) => map !== null && columns[c].kind === "word");
  const common = rangeOf([...words.filter((map) => map !== null), ...others], chosen.contrast, signed);
  if (chosen.scale !== "held" || explorer.held?.signed !== signed) explorer.held = { ...common, signed };
  const { held } = explorer;
  return maps.map((map, c) => {
    if (!map) return null;
    const alone = chosen.scale === "each" || columns[c].kind !== "word";
    return { ...(alone ? rangeOf([map], chosen.contrast, signed) : (held ?? common)), alone };
  });
}

/**
 * The word that stands out most: what is shown before anything is pointed at.
 * @param {Pick<View, "maps" | "columns">} view
 */
export function bestWord({ maps, columns }) {
  let best = 0;
  let most = -1;
  maps.forEach((map, c) => {
    if (!map || columns[c].kind !== "word") return;
    let sum = 0;
    let peak = 0;
    for (const value of map) {
      sum += Math.abs(value);
      peak = Math.max(peak, Math.abs(value));
    }
    const ratio = sum ? (peak * map.length) / sum : 0;
    if (ratio > most) [best, most] = [c, ratio];
  });
  return best;
}

/**
 * The lowest and the highest value.
 * @param {Float32Array} map
 * @returns {Range}
 */
function extentOf(map) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of map) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

/**
 * Colour every word's map as the controls stand.
 * @param {Explorer} explorer
 * @returns {Coloured}
 */
export function colour(explorer) {
  const view = viewOf(explorer);
  const scales = scalesOf(explorer, view);
  const palette = view.signed ? explorer.palettes.diverging : explorer.palettes.sequential;
  const extents = view.maps.map((map) => map && extentOf(map));
  return {
    ...view,
    palette,
    scales,
    extents,
    canvases: view.maps.map((map, c) => {
      const scale = scales[c];
      return map && scale && mapCanvas(map, view, scale, palette);
    }),
    most: Math.max(1e-9, ...extents.map((extent) => (extent ? Math.max(extent.high, -extent.low) : 0))),
    best: bestWord(view),
  };
}

/**
 * Which layers, heads and steps the maps are of.
 * @param {Pick<Explorer, "about" | "chosen">} explorer
 * @param {Set<string>} notes
 */
export function whereSentence({ about, chosen }, notes) {
  const head = chosen.head < 0 ? "all heads" : `head ${chosen.head}`;
  const step = chosen.row < 0 ? "all steps" : `step ${about.steps[chosen.row]}`;
  const here = notes.size ? ` (here: ${[...notes].join("; ")})` : "";
  return `${layersName({ about, chosen })}, ${head}, ${step}${here}`;
}

/** @param {Pick<Explorer, "about" | "chosen">} explorer */
function layersName({ about, chosen }) {
  if (chosen.layer === "all") return "all layers";
  const [kind, rest] = chosen.layer.split(":");
  if (kind === "grid") return `all ${rest.replace("x", " × ")} maps`;
  return chosenLayers(about, chosen.layer, chosen.head)[0]?.label ?? "this layer";
}
