// The numbers of the attention explorer: tables of bytes (styledit/lab/explorer/packing.py) become maps. Nothing here
// touches the page.
import { bytesOf } from "../shared/pictures.js";
import { addMap } from "../shared/resample.js";
/** @import { Bytes, Grid } from "../shared/types.js" */
/** @import { About, By, Column, Kind, Layer, Maps, Part, Point, Store, Table, TableEntry } from "./types.js" */
/** @typedef {{table: Table, plane: number, note: string}} Plane `note` says where it is not exactly what was asked for */

const MOST_PARTS = 40;
const MOST_MEANS = 60;

/**
 * What `about` and `data` hold.
 * @param {About} about
 * @param {Bytes} data
 * @returns {Store}
 */
export function openStore(about, data) {
  return {
    about,
    tables: tablesOf(about.tables, data),
    parts: new Map(),
    looks: null,
    means: new Map(),
  };
}

/**
 * @param {TableEntry[]} entries
 * @param {Bytes} data
 * @returns {Map<string, Table>}
 */
function tablesOf(entries, data) {
  const bytes = bytesOf(data) ?? new Uint8Array();
  const count = entries.reduce((sum, entry) => sum + entry.planes * entry.columns, 0);
  const scales = new Float32Array(bytes.slice(0, 4 * count).buffer);
  const values = bytes.subarray(4 * count);
  return new Map(
    entries.map((entry) => {
      const maps = entry.planes * entry.columns;
      const table = {
        ...entry,
        scales: scales.subarray(entry.scales, entry.scales + maps),
        values: values.subarray(entry.values, entry.values + maps * entry.h * entry.w),
      };
      return [tableKey(entry.run, entry.kind, entry.layer, entry.by), table];
    }),
  );
}

/**
 * @param {number} run
 * @param {Kind} kind
 * @param {number} layer
 * @param {By} by
 */
function tableKey(run, kind, layer, by) {
  return [run, kind, layer, by].join("/");
}

/**
 * Take in one step or head that came from Python.
 * @param {Store} store
 * @param {Part} part
 */
export function addPart(store, part) {
  store.parts.set(`${part.row}/${part.head}`, tablesOf(part.tables, part.data));
  forgetOldest(store.parts, MOST_PARTS);
  store.means.clear();
}

/**
 * @param {Map<string, unknown>} entries
 * @param {number} most
 */
function forgetOldest(entries, most) {
  for (const key of entries.keys()) {
    if (entries.size <= most) return;
    entries.delete(key);
  }
}

/**
 * The plane of a layer at a step (row) and head, -1 for the mean. Null where there is none.
 * @param {Store} store
 * @param {number} run
 * @param {Kind} kind
 * @param {Layer} layer
 * @param {number} row
 * @param {number} head
 * @returns {Plane | null}
 */
export function findPlane(store, run, kind, layer, row, head) {
  const at = (/** @type {By} */ by) => store.tables.get(tableKey(run, kind, layer.index, by));
  const wantsRow = row >= 0 && store.about.steps.length > 1;
  const wantsHead = head >= 0 && layer.heads > 1;
  const found = (/** @type {Table} */ table, /** @type {number} */ plane, note = "") => {
    const coarse = table.h * table.w < layer.size[0] * layer.size[1];
    return { table, plane, note: note || (coarse ? "coarser than recorded" : "") };
  };
  const mean = at("mean");
  if (!mean) return null;
  const part = store.parts.get(`${row}/${head}`)?.get(tableKey(run, kind, layer.index, "mean"));
  if (part) return found(part, 0);
  if (!wantsRow && !wantsHead) return found(mean, 0);
  const both = wantsRow && wantsHead && at("both");
  if (both) return found(both, row * layer.heads + head);
  const step = wantsRow && at("step");
  if (step) return found(step, row, wantsHead ? "all heads together" : "");
  const heads = wantsHead && at("head");
  if (heads) return found(heads, head, wantsRow ? "all steps together" : "");
  return found(mean, 0, wantsRow ? "all steps together" : "all heads together");
}

/**
 * The layers of a choice, "all", "grid:16x16" or "layer:3"; of these, the ones with this head.
 * @param {About} about
 * @param {string} choice
 * @param {number} head -1 for all
 */
export function chosenLayers(about, choice, head) {
  const [kind, rest] = choice.split(":");
  const isChosen = (/** @type {Layer} */ layer) =>
    kind === "all" ||
    (kind === "grid" && layer.size.join("x") === rest) ||
    (kind === "layer" && String(layer.index) === rest);
  return about.layers.filter((layer) => isChosen(layer) && head < layer.heads);
}

/**
 * The map of one column of a plane, and what its bytes are to be multiplied with.
 * @param {Plane} plane
 * @param {number} column
 */
function columnOf({ table, plane }, column) {
  const cells = table.h * table.w;
  const place = plane * table.columns + column;
  return {
    map: table.values.subarray(place * cells, (place + 1) * cells),
    factor: table.scales[place] / 255,
  };
}

/**
 * Every column's map, the mean over the chosen layers on the finest one's grid. Null where nothing was recorded.
 * @param {Store} store
 * @param {number} run
 * @param {string} choice of layers
 * @param {number} row
 * @param {number} head
 * @returns {Maps | null}
 */
export function meanMaps(store, run, choice, row, head) {
  const key = [run, choice, row, head].join("/");
  const known = store.means.get(key);
  if (known) return known;
  const layers = chosenLayers(store.about, choice, head).filter((layer) => layer.cross);
  if (!layers.length) return null;
  const grid = finest(layers);
  const maps = store.about.runs[run].columns.map(() => new Float32Array(grid.h * grid.w));
  /** @type {Set<string>} */
  const notes = new Set();
  for (const layer of layers) {
    const plane = findPlane(store, run, "cross", layer, row, head);
    if (!plane) continue;
    if (plane.note) notes.add(plane.note);
    maps.forEach((total, c) => {
      const { map, factor } = columnOf(plane, c);
      addMap(total, grid, map, plane.table, factor / layers.length);
    });
  }
  const mean = { ...grid, maps, notes };
  store.means.set(key, mean);
  forgetOldest(store.means, MOST_MEANS);
  return mean;
}

/**
 * @param {Layer[]} layers
 * @returns {Grid}
 */
function finest(layers) {
  const [first, ...others] = layers.map((layer) => layer.size);
  const [h, w] = others.reduce((best, size) => (size[0] * size[1] > best[0] * best[1] ? size : best), first);
  return { h, w };
}

/**
 * Each word's share of what the words of the prompt get; start, end and padding have none.
 * @param {Maps} mean
 * @param {Column[]} columns
 * @returns {Maps}
 */
export function wordShares(mean, columns) {
  const total = new Float32Array(mean.h * mean.w);
  const words = mean.maps.map((map, c) => (columns[c].kind === "word" ? map : null));
  for (const map of words) map?.forEach((value, k) => (total[k] += value));
  const share = (/** @type {number} */ value, /** @type {number} */ k) =>
    total[k] > 0 ? value / total[k] : 0;
  return { ...mean, maps: words.map((map) => map && map.map(share)) };
}

/**
 * Target minus source, column by column; null for a word that the source does not have.
 * @param {Maps} target
 * @param {Maps} source
 * @param {(number | null)[]} partners
 * @returns {Maps}
 */
export function difference(target, source, partners) {
  const maps = target.maps.map((map, c) => {
    const partner = partners[c];
    const other = partner === null ? null : source.maps[partner];
    return map && other && map.map((value, k) => value - other[k]);
  });
  return { ...target, maps, notes: new Set([...target.notes, ...source.notes]) };
}

/**
 * Where a pixel looks, each cell's share of its self-attention. Null where self-attention was not recorded.
 * @param {Store} store
 * @param {number} run
 * @param {string} choice of layers
 * @param {number} row
 * @param {number} head
 * @param {Point} pixel in fractions of the picture
 * @returns {(Grid & {map: Float32Array | null, notes: Set<string>, missing: number}) | null} `map` is null where no
 *   chosen layer's numbers are here, `missing` says of how many they are not
 */
export function looksOf(store, run, choice, row, head, pixel) {
  const layers = chosenLayers(store.about, choice, head).filter((layer) => layer.self);
  if (!layers.length) return null;
  /** @type {Set<string>} */
  const notes = new Set();
  /** @type {(Grid & {map: ArrayLike<number>, factor: number})[]} */
  const rows = [];
  for (const layer of layers) {
    const answer = answeredLooks(store, run, layer, row, head, pixel);
    const plane = answer ? null : findPlane(store, run, "self", layer, row, head);
    if (answer) rows.push({ map: answer, h: layer.size[0], w: layer.size[1], factor: 1 });
    if (plane) rows.push(packedLooks(plane, layer, pixel));
    if (plane?.note) notes.add(plane.note);
  }
  const missing = layers.length - rows.length;
  if (!rows.length) return { h: 1, w: 1, map: null, notes, missing };
  const grid = { h: Math.max(...rows.map((entry) => entry.h)), w: Math.max(...rows.map((entry) => entry.w)) };
  const map = new Float32Array(grid.h * grid.w);
  for (const entry of rows) {
    // one cell's share is spread over the finer cells in it, so that coarse and fine layers weigh the same
    const spread = (entry.h * entry.w) / (grid.h * grid.w) / rows.length;
    addMap(map, grid, entry.map, entry, entry.factor * spread);
  }
  return { ...grid, map, notes, missing };
}

/**
 * The map of the cell under a pixel, one of a table's columns.
 * @param {Plane} plane
 * @param {Layer} layer
 * @param {Point} pixel
 */
function packedLooks(plane, layer, pixel) {
  const { h, w } = plane.table;
  const [height, width] = layer.size;
  const { map, factor } = columnOf(plane, cellOf({ h: height, w: width }, pixel));
  // pooled maps are means over the cells that they cover; a share is their sum
  return { map, h, w, factor: factor * ((height * width) / (h * w)) };
}

/**
 * What Python answered for this layer and pixel; null where it was not asked.
 * @param {Store} store
 * @param {number} run
 * @param {Layer} layer
 * @param {number} row
 * @param {number} head
 * @param {Point} pixel
 */
function answeredLooks({ looks }, run, layer, row, head, { x, y }) {
  if (!looks || looks.row !== row || looks.head !== head || looks.x !== x || looks.y !== y) return null;
  const bytes = bytesOf(looks.rows.find((one) => one.run === run && one.layer === layer.index)?.data);
  return bytes && new Float32Array(bytes.slice().buffer);
}

/**
 * The number of the cell under a point, row by row.
 * @param {Grid} grid
 * @param {Point} point in fractions of the picture
 */
export function cellOf({ h, w }, { x, y }) {
  return Math.min(h - 1, Math.floor(y * h)) * w + Math.min(w - 1, Math.floor(x * w));
}

/**
 * That cell in fractions of the picture.
 * @param {Grid} grid
 * @param {Point} point
 */
export function boxOf(grid, point) {
  const k = cellOf(grid, point);
  return { x: (k % grid.w) / grid.w, y: Math.floor(k / grid.w) / grid.h, w: 1 / grid.w, h: 1 / grid.h };
}
