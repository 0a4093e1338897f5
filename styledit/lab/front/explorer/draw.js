// What the attention explorer shows in each frame.
import { element } from "../shared/elements.js";
import { compose, mapCanvas, markCell } from "./canvases.js";
import { percent, rangeOf } from "./colours.js";
import { boxOf, cellOf, looksOf } from "./data.js";
import { colour, scaleSentence, whereSentence } from "./view.js";
/** @import { Coloured, Column, Explorer, Stage } from "./types.js" */

const UNITS = {
  raw: "% of what a pixel reads",
  share: "% of what it reads of the words",
  difference: "more or less, in % of what a pixel reads",
};
const READS = { raw: "reads", share: "reads of the words", difference: "reads more or less of" };

/**
 * How a column is called: a word as it stands, the others in angle brackets.
 * @param {Column} column
 */
export function nameOf(column) {
  return column.kind === "word" ? column.text : `<${column.text}>`;
}

/**
 * Colour the maps again, and show them on the words' buttons.
 * @param {Explorer} explorer
 * @param {Stage} stage
 * @param {boolean} first whether nothing is shown yet
 */
export function recolour(explorer, stage, first) {
  const { chosen } = explorer;
  const before = explorer.coloured.run;
  if (!first) explorer.coloured = colour(explorer);
  const view = explorer.coloured;
  if (first || view.run !== before) {
    stage.words.fill(view.columns);
    stage.bars.fill(view.columns);
    if (chosen.word !== null && chosen.word >= view.columns.length) chosen.word = null;
  }
  stage.scale.textContent = scaleSentence(explorer, view);
  view.columns.forEach((column, c) => {
    stage.words.draw(c, explorer.grey[view.run], view.canvases[c], titleOf(explorer, column, c));
  });
}

/**
 * @param {Explorer} explorer
 * @param {Column} column
 * @param {number} c
 */
function titleOf(explorer, column, c) {
  const { maps, signed } = explorer.coloured;
  if (!maps[c] && signed) return `"${column.text}" is not in the first prompt: nothing to compare with`;
  if (!maps[c]) return "only words have a share";
  const source = comparedWith(explorer, c);
  return source && source !== column.text ? `${column.text} minus ${source}` : column.text;
}

/**
 * The word that a map was compared with, "" where none was.
 * @param {Explorer} explorer
 * @param {number} c
 */
function comparedWith({ about, coloured: view }, c) {
  const partner = view.signed && view.maps[c] ? about.runs[view.run].partners[c] : null;
  return partner === null ? "" : about.runs[0].columns[partner].text;
}

/**
 * How the numbers are meant.
 * @param {Coloured} view
 * @param {Explorer["chosen"]} chosen
 */
function kindOf(view, chosen) {
  if (view.signed) return "difference";
  return chosen.view === "share" ? "share" : "raw";
}

/**
 * The word whose map is shown: pointed at, locked, or the first one.
 * @param {Explorer} explorer
 */
function shownWord({ hover, chosen, coloured: view }) {
  return hover.word ?? chosen.word ?? view.first;
}

/**
 * The map, its caption and its colour bar.
 * @param {Explorer} explorer
 * @param {Stage} stage
 */
export function drawMap(explorer, stage) {
  const { chosen, hover, coloured: view } = explorer;
  const c = shownWord(explorer);
  const pixel = hover.pixel ?? chosen.pixel;
  stage.words.mark(c, chosen.word);
  compose(stage.canvas, explorer.grey[view.run], view.canvases[c], chosen.share, chosen.smooth);
  if (pixel) markCell(stage.canvas, boxOf(view, pixel), !hover.pixel);
  const column = view.columns[c];
  const name = column.kind === "word" ? `“${column.text}”` : nameOf(column);
  const [scale, extent] = [view.scales[c], view.extents[c]];
  if (!scale || !extent) {
    stage.caption.textContent = view.signed
      ? `${name} is not in the first prompt: there is nothing to compare it with.`
      : `${name} is no word: it has no share among them.`;
    return;
  }
  const source = comparedWith(explorer, c);
  stage.caption.replaceChildren(
    element("b", {}, source && source !== column.text ? `${name} minus “${source}”` : name),
    ` ${percent(extent.low)} to ${percent(extent.high)} % · ${whereSentence(explorer, view.notes)}`,
  );
  const whose = scale.alone ? "its own scale" : "one scale for all words";
  const unit = `${UNITS[kindOf(view, chosen)]} · ${whose}`;
  stage.colourBar.set(scale, view.palette, chosen.share, unit, {
    low: extent.low < scale.low - 1e-6,
    high: extent.high > scale.high + 1e-6,
  });
}

/**
 * What the pixel reads: the words' bars; those of the whole picture where no pixel is pointed at.
 * @param {Explorer} explorer
 * @param {Stage} stage
 */
export function drawBars(explorer, { bars }) {
  const { chosen, hover, coloured: view } = explorer;
  const pixel = hover.pixel ?? chosen.pixel;
  const values = view.maps.map((map) => {
    if (!map) return null;
    return pixel ? map[cellOf(view, pixel)] : map.reduce((sum, value) => sum + value, 0) / map.length;
  });
  const reads = READS[kindOf(view, chosen)];
  bars.title.textContent = pixel ? `What this pixel ${reads}, %` : `What the picture ${reads} on average, %`;
  bars.set(values, view.most, view.signed, shownWord(explorer));
}

/**
 * Where the pixel looks: self-attention, where it was recorded.
 * @param {Explorer} explorer
 * @param {Stage} stage
 */
export function drawLooks(explorer, { looks: { canvas, note } }) {
  const { about, chosen, hover, store, palettes, coloured: view } = explorer;
  if (!about.layers.some((layer) => layer.self)) return;
  const pixel = hover.pixel ?? chosen.pixel;
  const grey = explorer.grey[view.run];
  const of = (/** @type {number} */ run) =>
    pixel && looksOf(store, run, chosen.layer, chosen.row, chosen.head, pixel);
  const looks = of(view.run);
  if (!pixel || !looks?.map) {
    compose(canvas, grey, null, 0, true);
    note.textContent = pixel
      ? noLooksSentence(looks !== null, about.live)
      : "Point at the picture: the pixels that it looks at light up here.";
    return;
  }
  const source = view.signed ? of(0)?.map : null;
  const map = source ? looks.map.map((value, k) => value - source[k]) : looks.map;
  const range = rangeOf([map], chosen.contrast * 0.5, Boolean(source));
  const small = mapCanvas(map, looks, range, source ? palettes.diverging : palettes.sequential);
  compose(canvas, grey, small, chosen.share, chosen.smooth);
  markCell(canvas, boxOf(looks, pixel), !hover.pixel);
  const missing = looks.missing && about.live ? ["the finer layers come when you click the pixel"] : [];
  const notes = [...looks.notes, ...missing];
  const ends = source
    ? `−${percent(range.high)} to +${percent(range.high)} % a cell, target minus source`
    : `${percent(range.low)} to ${percent(range.high)} % a cell`;
  note.textContent = notes.length ? `${ends} (here: ${notes.join("; ")})` : ends;
}

/**
 * @param {boolean} recorded in the chosen layers
 * @param {boolean} live
 */
function noLooksSentence(recorded, live) {
  if (!recorded) return "Self-attention was not recorded here; choose other layers.";
  return live ? "Click the pixel: these maps come from Python." : "These maps are too large for this file.";
}
