// What the controls choose: maps, their colour scales, and the word that stands out.
import { namesSomething } from "../shared/words.js";
import { rangeOf } from "./colours.js";
import { mapCanvas } from "./canvases.js";
import { chosenLayers, difference, meanMaps, wordShares } from "./data.js";
/** @import { Range } from "../shared/types.js" */
/** @import { About, Coloured, Column, Explorer, Maps, Scale, View } from "./types.js" */

const SINK = 3; // times the words' median: who takes more rules every scale that it is a part of
const TOP = 0.1; // of the picture, where a word looks most

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
  const sinks = (/** @type {number} */ k) => sinksOf(mean(k)?.maps ?? [], about.runs[k].columns);
  const own = { columns, run, signed, sinks: sinks(run), others: [] };
  const target = mean(run);
  if (!target) return { h: 1, w: 1, maps: columns.map(() => null), notes: new Set(), ...own };
  if (signed) return { ...difference(target, mean(0) ?? target, partners), ...own };
  const shown = (/** @type {Maps} */ maps, /** @type {number} */ k) =>
    chosen.view === "share" ? wordShares(maps, about.runs[k].columns) : maps;
  // one scale for all runs too, so that they can be compared
  const others = about.runs.flatMap((other, k) => {
    const maps = k === run ? null : mean(k);
    return maps ? shown(maps, k).maps.filter((_, c) => isCompared(other.columns, sinks(k), c)) : [];
  });
  return { ...shown(target, run), ...own, others: others.filter((map) => map !== null) };
}

/**
 * The words that take nearly everything, whatever the pixel: the first ones of a prompt often do, as the start token
 * does.
 * @param {(ArrayLike<number> | null)[]} maps
 * @param {Pick<Column, "kind">[]} columns
 * @returns {Set<number>} their columns
 */
export function sinksOf(maps, columns) {
  const means = maps.map((map, c) => (map && columns[c].kind === "word" ? sumOf(map) / map.length : -1));
  const words = means.filter((mean) => mean >= 0).sort((a, b) => a - b);
  const middle = words.length / 2;
  const median = words.length ? (words[Math.ceil(middle) - 1] + words[Math.floor(middle)]) / 2 : 0;
  return new Set(means.flatMap((mean, c) => (mean > SINK * median ? [c] : [])));
}

/** @param {ArrayLike<number>} map */
function sumOf(map) {
  let sum = 0;
  for (let k = 0; k < map.length; k += 1) sum += map[k];
  return sum;
}

/**
 * Whether a column is on the scale that all words have in common.
 * @param {Pick<Column, "kind">[]} columns
 * @param {Set<number>} sinks
 * @param {number} c
 */
function isCompared(columns, sinks, c) {
  return columns[c].kind === "word" && !sinks.has(c);
}

/**
 * The colour scale of every map: its own, or one for the words of all runs, without what takes nearly everything.
 * @param {Pick<Explorer, "chosen" | "held">} explorer whose held scale is renewed
 * @param {Pick<View, "maps" | "columns" | "others" | "signed" | "sinks">} view
 * @returns {(Scale | null)[]}
 */
export function scalesOf(explorer, { maps, columns, others, signed, sinks }) {
  const { chosen } = explorer;
  const words = maps.filter((map, c) => map !== null && isCompared(columns, sinks, c));
  const common = rangeOf([...words.filter((map) => map !== null), ...others], chosen.contrast, signed);
  if (chosen.scale !== "held" || explorer.held?.signed !== signed) explorer.held = { ...common, signed };
  const { held } = explorer;
  return maps.map((map, c) => {
    if (!map) return null;
    const alone = chosen.scale === "each" || !isCompared(columns, sinks, c);
    return { ...(alone ? rangeOf([map], chosen.contrast, signed) : (held ?? common)), alone };
  });
}

/**
 * What the colours mean, and whose scale is not the common one.
 * @param {Pick<Explorer, "chosen">} explorer
 * @param {Pick<View, "columns" | "sinks">} view
 */
export function scaleSentence({ chosen }, { columns, sinks }) {
  if (chosen.scale === "each")
    return (
      "Each word has its own colour scale: its brightest place is where it is read most. " +
      "How much it is read, the numbers say."
    );
  const common =
    chosen.scale === "one" ? "One colour scale for all words" : "The colour scale is held as it was";
  const taking = [...sinks].map((c) => `“${columns[c].text}”`).join(", ");
  const also = taking ? `, and so do the words that take nearly everything: ${taking}` : "";
  return `${common}: equal colours are equal numbers. Start, end and padding keep their own${also}.`;
}

/**
 * The word that is shown before anything is pointed at: in a difference the first that was replaced, else the one
 * that names what the picture shows, where Python knows it, else the one whose map is most concentrated.
 * @param {Pick<View, "maps" | "columns" | "run" | "signed">} view
 * @param {Pick<About, "runs">} about
 */
export function firstWord(view, { runs }) {
  const { maps, columns, run, signed } = view;
  const { named, partners } = runs[run];
  const isReplaced = (/** @type {Column} */ column, /** @type {number} */ c) => {
    const partner = partners[c];
    return maps[c] && partner !== null && runs[0].columns[partner].text !== column.text;
  };
  const replaced = signed ? columns.findIndex(isReplaced) : -1;
  if (replaced >= 0) return replaced;
  return named !== null && maps[named] ? named : mostConcentrated(view);
}

/**
 * The word that looks at the smallest part of the picture, of those that name something.
 * @param {Pick<View, "maps" | "columns">} view
 */
export function mostConcentrated({ maps, columns }) {
  const words = columns.flatMap(({ kind }, c) => (kind === "word" && maps[c] ? [c] : []));
  const naming = words.filter((c) => namesSomething(columns[c].text));
  let [first, most] = [words[0] ?? 0, -1];
  for (const c of naming) {
    const share = concentration(maps[c] ?? []);
    if (share > most) [first, most] = [c, share];
  }
  return first;
}

/**
 * The share of a map that lies in the tenth of the picture where it is strongest.
 * @param {ArrayLike<number>} map
 */
function concentration(map) {
  const sizes = Float32Array.from(map, Math.abs).sort().reverse();
  const total = sumOf(sizes);
  return total ? sumOf(sizes.subarray(0, Math.ceil(TOP * sizes.length))) / total : 0;
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
    first: firstWord(view, explorer.about),
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
