// What the attention explorer shows: maps in colour when a control changes, and what is pointed at in each frame.
import { element } from "../shared/elements.js";
import { explorerCompose, explorerMark, explorerPaint, explorerPercent, explorerRange } from "./colours.js";
import {
  explorerCell,
  explorerDifference,
  explorerLayers,
  explorerLooks,
  explorerMean,
  explorerShare,
} from "./data.js";

// The maps as the controls stand: {h, w, maps, notes}, maps null where a word has none, and what they are of.
function explorerView(ex) {
  const { about, state, store } = ex;
  const signed = state.view === "difference" && about.runs.length > 1;
  const run = signed ? Math.max(1, state.run) : state.run;
  const mean = (k) => explorerMean(store, k, state.layer, state.row, state.head);
  const target = mean(run);
  const { columns, partners } = about.runs[run];
  if (!target)
    return { h: 1, w: 1, maps: columns.map(() => null), notes: new Set(), columns, run, signed, others: [] };
  const own = { columns, run, signed, others: [] };
  if (signed) return { ...explorerDifference(target, mean(0), partners), ...own };
  const shown = state.view === "share" ? explorerShare(target, columns) : target;
  // one scale for all runs too, so that they can be compared
  about.runs.forEach((other, k) => {
    if (k === run) return;
    const view = state.view === "share" ? explorerShare(mean(k), other.columns) : mean(k);
    own.others.push(...view.maps.filter((_, c) => other.columns[c].kind === "word"));
  });
  return { ...shown, ...own };
}

// The colour scale of every map: one for the words of all runs, and its own for start, end and padding.
function explorerScales(ex, view) {
  const { state } = ex;
  const isWord = (c) => view.columns[c].kind === "word" && view.maps[c];
  const words = view.maps.filter((_, c) => isWord(c));
  const common = explorerRange([...words, ...view.others], state.contrast, view.signed);
  if (state.scale !== "held" || !ex.held || ex.held.signed !== view.signed)
    ex.held = { ...common, signed: view.signed };
  return view.maps.map((map, c) => {
    if (!map) return null;
    const alone = state.scale === "each" || !isWord(c);
    return alone
      ? { ...explorerRange([map], state.contrast, view.signed), alone }
      : { ...(state.scale === "held" ? ex.held : common), alone };
  });
}

// The word that stands out most: what is shown before anything is pointed at.
function explorerBest(view) {
  let best = 0;
  let most = -1;
  view.maps.forEach((map, c) => {
    if (!map || view.columns[c].kind !== "word") return;
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

function explorerWhere(ex, notes) {
  const { about, state } = ex;
  const layer = explorerLayers(about, state.layer, state.head);
  const where =
    state.layer === "all"
      ? "all layers"
      : state.layer.startsWith("grid:")
        ? `all ${state.layer.slice(5).replace("x", " × ")} maps`
        : (layer[0]?.label ?? "this layer");
  const head = state.head < 0 ? "all heads" : `head ${state.head}`;
  const step = state.row < 0 ? "all steps" : `step ${about.steps[state.row]}`;
  return `${where}, ${head}, ${step}${notes.size ? ` (here: ${[...notes].join("; ")})` : ""}`;
}

// Colour every word's map as the controls stand.
export function explorerRecolour(ex) {
  const view = explorerView(ex);
  if (ex.view?.run !== view.run) {
    ex.words.fill(view.columns);
    ex.bars.fill(view.columns);
    if (ex.state.word >= view.columns.length) ex.state.word = null;
  }
  ex.view = view;
  ex.scales = explorerScales(ex, view);
  ex.best = explorerBest(view);
  const palette = view.signed ? ex.palettes.diverging : ex.palettes.sequential;
  ex.coloured = view.maps.map((map, c) =>
    map ? explorerPaint(map, view.h, view.w, ex.scales[c], palette) : null,
  );
  ex.extent = view.maps.map((map) => {
    if (!map) return null;
    let [low, high] = [Infinity, -Infinity];
    for (const value of map) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return { low, high };
  });
  ex.most = Math.max(1e-9, ...ex.extent.filter(Boolean).map(({ low, high }) => Math.max(high, -low)));
  view.columns.forEach((column, c) => {
    const missing = view.signed
      ? `"${column.text}" is not in the first prompt: nothing to compare with`
      : "only words have a share";
    const source = explorerSource(ex, view, c);
    const title = !view.maps[c]
      ? missing
      : source && source !== column.text
        ? `${column.text} minus ${source}`
        : column.text;
    ex.words.draw(c, ex.grey[view.run], ex.coloured[c], title);
  });
}

// The word that a map was compared with, "" where none was.
function explorerSource(ex, view, c) {
  if (!view.signed || !view.maps[c]) return "";
  return ex.about.runs[0].columns[ex.about.runs[view.run].partners[c]].text;
}

// The map, its caption and its colour bar.
export function explorerDrawMap(ex) {
  const { view, state } = ex;
  const c = ex.hover.word ?? state.word ?? ex.best;
  const cell = ex.hover.pixel ?? state.pixel;
  ex.words.mark(c, state.word);
  explorerCompose(ex.canvas, ex.grey[view.run], ex.coloured[c], state.share, state.smooth);
  if (cell) explorerMark(ex.canvas, explorerBox(view, cell), !ex.hover.pixel);
  const column = view.columns[c];
  const name = column.kind === "word" ? `“${column.text}”` : `<${column.text}>`;
  if (!view.maps[c]) {
    ex.caption.textContent = view.signed
      ? `${name} is not in the first prompt: there is nothing to compare it with.`
      : `${name} is no word: it has no share among them.`;
    return;
  }
  const scale = ex.scales[c];
  const extent = ex.extent[c];
  const unit = {
    raw: "% of what a pixel reads",
    share: "% of what it reads of the words",
    difference: "more or less, in % of what a pixel reads",
  }[view.signed ? "difference" : state.view === "share" ? "share" : "raw"];
  const source = explorerSource(ex, view, c);
  ex.caption.replaceChildren(
    element("b", {}, source && source !== column.text ? `${name} minus “${source}”` : name),
    ` ${explorerPercent(extent.low)} to ${explorerPercent(extent.high)} % · ${explorerWhere(ex, view.notes)}`,
  );
  const palette = view.signed ? ex.palettes.diverging : ex.palettes.sequential;
  const clipped = { low: extent.low < scale.low - 1e-6, high: extent.high > scale.high + 1e-6 };
  ex.bar.set(
    scale,
    palette,
    state.share,
    `${unit}${scale.alone && view.columns.length > 1 ? " (scale of this one alone)" : ""}`,
    clipped,
  );
}

// The cell of a grid under a point, in fractions of the picture.
export function explorerBox(grid, point) {
  const k = explorerCell(grid.h, grid.w, point.x, point.y);
  return { x: (k % grid.w) / grid.w, y: Math.floor(k / grid.w) / grid.h, w: 1 / grid.w, h: 1 / grid.h };
}

// What the pixel reads: the words' bars; those of the whole picture where no pixel is pointed at.
export function explorerDrawBars(ex) {
  const { view, state } = ex;
  const cell = ex.hover.pixel ?? state.pixel;
  const shown = ex.hover.word ?? state.word ?? ex.best;
  const values = view.maps.map((map) => {
    if (!map) return null;
    if (cell) return map[explorerCell(view.h, view.w, cell.x, cell.y)];
    return map.reduce((sum, value) => sum + value, 0) / map.length;
  });
  const reads = view.signed
    ? "reads more or less of"
    : state.view === "share"
      ? "reads of the words"
      : "reads";
  ex.barsTitle.textContent = cell ? `What this pixel ${reads}, %` : `What the picture ${reads} on average, %`;
  ex.bars.set(values, ex.most, view.signed, shown);
}

// Where the pixel looks: self-attention, where it was recorded.
export function explorerDrawLooks(ex) {
  const { about, state, store, view } = ex;
  if (!about.layers.some((layer) => layer.self)) return;
  const cell = ex.hover.pixel ?? state.pixel;
  if (!cell) {
    explorerCompose(ex.looksCanvas, ex.grey[view.run], null, 0, true);
    ex.looksNote.textContent = "Point at the picture: the pixels that it looks at light up here.";
    return;
  }
  const of = (run) => explorerLooks(store, run, state.layer, state.row, state.head, cell.x, cell.y);
  const looks = of(view.run);
  const source = view.signed && looks?.map ? of(0) : null;
  if (!looks?.map) {
    explorerCompose(ex.looksCanvas, ex.grey[view.run], null, 0, true);
    const why =
      looks && about.live
        ? "Click the pixel: these maps come from Python."
        : "Self-attention was not recorded here; choose other layers.";
    ex.looksNote.textContent = looks && !about.live ? "These maps are too large for this file." : why;
    return;
  }
  const map = source?.map ? looks.map.map((value, k) => value - source.map[k]) : looks.map;
  const range = explorerRange([map], state.contrast * 0.5, Boolean(source?.map));
  const palette = source?.map ? ex.palettes.diverging : ex.palettes.sequential;
  explorerCompose(
    ex.looksCanvas,
    ex.grey[view.run],
    explorerPaint(map, looks.h, looks.w, range, palette),
    state.share,
    state.smooth,
  );
  explorerMark(ex.looksCanvas, explorerBox(looks, cell), !ex.hover.pixel);
  const missing = looks.missing ? ["the finer layers come when you click the pixel"] : [];
  const notes = [...looks.notes, ...(about.live ? missing : [])];
  const ends = source?.map
    ? `−${explorerPercent(range.high)} to +${explorerPercent(range.high)}`
    : `${explorerPercent(range.low)} to ${explorerPercent(range.high)}`;
  ex.looksNote.textContent = `${ends} % a cell${source?.map ? ", target minus source" : ""}${notes.length ? ` (here: ${notes.join("; ")})` : ""}`;
}
