// The attention explorer: hover a word and see its map, hover a pixel and see what it reads and where it looks.
//
// A handler only notes what is pointed at; `draw` shows it in the next animation frame, from maps that were
// coloured when a control changed. Neither asks Python.
import { asker, bytesOf, element, keepKeys, listen } from "./common.js";
import { explorerBars, explorerHow, explorerWhat, explorerWords } from "./explorer_parts.js";
import {
  explorerBar, explorerCompose, explorerGrey, explorerMark, explorerPaint, explorerPalette, explorerPercent, explorerRange,
} from "./explorer_colours.js";
import {
  explorerAddPart, explorerCell, explorerDifference, explorerLayers, explorerLooks, explorerMean, explorerShare, explorerStore,
} from "./explorer_data.js";

const EXPLORER_START = {
  run: 0, view: "raw", layer: "all", head: -1, row: -1, scale: "one", contrast: 0.3, share: 0.35, smooth: true, word: null, pixel: null,
};

// The maps as the controls stand: {h, w, maps, notes}, maps null where a word has none, and what they are of.
function explorerView(ex) {
  const { about, state, store } = ex;
  const signed = state.view === "difference" && about.runs.length > 1;
  const run = signed ? Math.max(1, state.run) : state.run;
  const mean = (k) => explorerMean(store, k, state.layer, state.row, state.head);
  const target = mean(run);
  const { columns, partners } = about.runs[run];
  if (!target) return { h: 1, w: 1, maps: columns.map(() => null), notes: new Set(), columns, run, signed, others: [] };
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
  if (state.scale !== "held" || !ex.held || ex.held.signed !== view.signed) ex.held = { ...common, signed: view.signed };
  return view.maps.map((map, c) => {
    if (!map) return null;
    const alone = state.scale === "each" || !isWord(c);
    return alone ? { ...explorerRange([map], state.contrast, view.signed), alone } : { ...(state.scale === "held" ? ex.held : common), alone };
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
  const where = state.layer === "all" ? "all layers" : state.layer.startsWith("grid:")
    ? `all ${state.layer.slice(5).replace("x", " × ")} maps` : layer[0]?.label ?? "this layer";
  const head = state.head < 0 ? "all heads" : `head ${state.head}`;
  const step = state.row < 0 ? "all steps" : `step ${about.steps[state.row]}`;
  return `${where}, ${head}, ${step}${notes.size ? ` (here: ${[...notes].join("; ")})` : ""}`;
}

// Colour every word's map as the controls stand.
function explorerRecolour(ex) {
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
  ex.coloured = view.maps.map((map, c) => (map ? explorerPaint(map, view.h, view.w, ex.scales[c], palette) : null));
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
    const missing = view.signed ? `"${column.text}" is not in the first prompt: nothing to compare with` : "only words have a share";
    const source = explorerSource(ex, view, c);
    const title = !view.maps[c] ? missing : source && source !== column.text ? `${column.text} minus ${source}` : column.text;
    ex.words.draw(c, ex.grey[view.run], ex.coloured[c], title);
  });
  explorerAskForPart(ex);
  explorerAskForLooks(ex);
}

// The word that a map was compared with, "" where none was.
function explorerSource(ex, view, c) {
  if (!view.signed || !view.maps[c]) return "";
  return ex.about.runs[0].columns[ex.about.runs[view.run].partners[c]].text;
}

// The map, its caption and its colour bar.
function explorerDrawMap(ex) {
  const { view, state } = ex;
  const c = ex.hover.word ?? state.word ?? ex.best;
  const cell = ex.hover.pixel ?? state.pixel;
  ex.words.mark(c, state.word);
  explorerCompose(ex.canvas, ex.grey[view.run], ex.coloured[c], state.share, state.smooth);
  if (cell) explorerMark(ex.canvas, explorerBox(view, cell), !ex.hover.pixel);
  const column = view.columns[c];
  const name = column.kind === "word" ? `“${column.text}”` : `<${column.text}>`;
  if (!view.maps[c]) {
    ex.caption.textContent = view.signed ? `${name} is not in the first prompt: there is nothing to compare it with.` : `${name} is no word: it has no share among them.`;
    return;
  }
  const scale = ex.scales[c];
  const extent = ex.extent[c];
  const unit = { raw: "% of what a pixel reads", share: "% of what it reads of the words", difference: "more or less, in % of what a pixel reads" }[view.signed ? "difference" : state.view === "share" ? "share" : "raw"];
  const source = explorerSource(ex, view, c);
  ex.caption.replaceChildren(
    element("b", {}, source && source !== column.text ? `${name} minus “${source}”` : name),
    ` ${explorerPercent(extent.low)} to ${explorerPercent(extent.high)} % · ${explorerWhere(ex, view.notes)}`,
  );
  const palette = view.signed ? ex.palettes.diverging : ex.palettes.sequential;
  const clipped = { low: extent.low < scale.low - 1e-6, high: extent.high > scale.high + 1e-6 };
  ex.bar.set(scale, palette, state.share, `${unit}${scale.alone && view.columns.length > 1 ? " (scale of this one alone)" : ""}`, clipped);
}

// The cell of a grid under a point, in fractions of the picture.
function explorerBox(grid, point) {
  const k = explorerCell(grid.h, grid.w, point.x, point.y);
  return { x: (k % grid.w) / grid.w, y: Math.floor(k / grid.w) / grid.h, w: 1 / grid.w, h: 1 / grid.h };
}

// What the pixel reads: the words' bars; those of the whole picture where no pixel is pointed at.
function explorerDrawBars(ex) {
  const { view, state } = ex;
  const cell = ex.hover.pixel ?? state.pixel;
  const shown = ex.hover.word ?? state.word ?? ex.best;
  const values = view.maps.map((map) => {
    if (!map) return null;
    if (cell) return map[explorerCell(view.h, view.w, cell.x, cell.y)];
    return map.reduce((sum, value) => sum + value, 0) / map.length;
  });
  const reads = view.signed ? "reads more or less of" : state.view === "share" ? "reads of the words" : "reads";
  ex.barsTitle.textContent = cell ? `What this pixel ${reads}, %` : `What the picture ${reads} on average, %`;
  ex.bars.set(values, ex.most, view.signed, shown);
}

// Where the pixel looks: self-attention, where it was recorded.
function explorerDrawLooks(ex) {
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
    const why = looks && about.live ? "Click the pixel: these maps come from Python." : "Self-attention was not recorded here; choose other layers.";
    ex.looksNote.textContent = looks && !about.live ? "These maps are too large for this file." : why;
    return;
  }
  const map = source?.map ? looks.map.map((value, k) => value - source.map[k]) : looks.map;
  const range = explorerRange([map], state.contrast * 0.5, Boolean(source?.map));
  const palette = source?.map ? ex.palettes.diverging : ex.palettes.sequential;
  explorerCompose(ex.looksCanvas, ex.grey[view.run], explorerPaint(map, looks.h, looks.w, range, palette), state.share, state.smooth);
  explorerMark(ex.looksCanvas, explorerBox(looks, cell), !ex.hover.pixel);
  const missing = looks.missing ? ["the finer layers come when you click the pixel"] : [];
  const notes = [...looks.notes, ...(about.live ? missing : [])];
  const ends = source?.map ? `−${explorerPercent(range.high)} to +${explorerPercent(range.high)}` : `${explorerPercent(range.low)} to ${explorerPercent(range.high)}`;
  ex.looksNote.textContent = `${ends} % a cell${source?.map ? ", target minus source" : ""}${notes.length ? ` (here: ${notes.join("; ")})` : ""}`;
}

// One step or head that did not travel is asked for, once.
function explorerAskForPart(ex) {
  const { state, about, store, view } = ex;
  const key = `${state.row}/${state.head}`;
  if (!about.live || !view.notes.size || store.parts.has(key) || ex.asked === key) return;
  ex.asked = key;
  ex.requests += 1;
  ex.asker.ask({ type: "part", id: ex.requests, row: state.row, head: state.head });
}

// Where a locked pixel looks, as far as that did not travel.
function explorerAskForLooks(ex) {
  const { state, about, store } = ex;
  const cell = state.pixel;
  if (!cell || !about.live) return;
  const looks = explorerLooks(store, ex.view.run, state.layer, state.row, state.head, cell.x, cell.y);
  const key = [state.layer, state.row, state.head, cell.x, cell.y].join("/");
  if (!looks || (looks.map && !looks.missing && !looks.notes.size) || ex.askedLooks === key) return;
  ex.askedLooks = key;
  const layers = explorerLayers(about, state.layer, state.head).filter((layer) => layer.self).map((layer) => layer.index);
  ex.requests += 1;
  ex.asker.ask({ type: "looks", id: ex.requests, row: state.row, head: state.head, layers, x: cell.x, y: cell.y });
}

// The point of the picture under the mouse, in fractions.
function explorerUnder(canvas, [x, y]) {
  const box = canvas.getBoundingClientRect();
  const inside = (place) => Math.max(0, Math.min(0.999999, place));
  return { x: inside((x - box.left) / box.width), y: inside((y - box.top) / box.height) };
}

// Pointer and keys on the map.
function explorerPointing(ex) {
  const { canvas } = ex;
  // where the canvas lies is asked in the next frame: in the handler the page would have to be laid out first
  canvas.addEventListener("pointermove", (event) => ex.point({ pixel: null, mouse: [event.clientX, event.clientY] }));
  canvas.addEventListener("pointerleave", () => ex.point({ pixel: null, mouse: null }));
  canvas.addEventListener("click", (event) => ex.lockPixel(explorerUnder(canvas, [event.clientX, event.clientY])));
  canvas.addEventListener("blur", () => ex.point({ pixel: null }));
  keepKeys(canvas);
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const grid = ex.view;
    const from = ex.hover.pixel ?? ex.state.pixel ?? { x: 0.5, y: 0.5 };
    if (moves[event.key]) {
      const [dx, dy] = moves[event.key];
      const box = explorerBox(grid, from);
      const next = (place, size, step) => Math.max(size / 2, Math.min(1 - size / 2, place + size / 2 + step * size));
      ex.point({ pixel: { x: next(box.x, box.w, dx), y: next(box.y, box.h, dy) } });
      ex.sayPixel();
    } else if (event.key === "Enter" || event.key === " ") {
      ex.lockPixel(from);
    } else if (event.key === "Escape") {
      ex.state.pixel = null;
      ex.point({ pixel: null });
    } else {
      return;
    }
    event.preventDefault();
  });
}

function explorerFigures(ex) {
  const { about } = ex;
  const [width, height] = about.size;
  const factor = 512 / Math.max(width, height);
  const sides = { width: Math.round(width * factor), height: Math.round(height * factor) };
  const make = (name, label, attributes = {}) => element("canvas", { ...sides, "data-testid": name, "aria-label": label, ...attributes });
  ex.canvas = make("map-canvas", "The word's map over the picture. Arrow keys move a pixel over it, Enter keeps it, Escape lets it go.", { tabindex: 0, role: "application" });
  ex.looksCanvas = make("looks-canvas", "Where the pixel looks", { role: "img" });
  ex.caption = element("p", { class: "explorer-caption" });
  ex.looksNote = element("p", { class: "explorer-caption", "data-testid": "looks-note" });
  ex.barsTitle = element("h4");
  const recorded = about.layers.some((layer) => layer.self);
  if (!recorded) {
    ex.looksCanvas.hidden = true;
    ex.looksNote.replaceChildren("Self-attention was not recorded. It shows which pixels a pixel looks at");
    if (about.advice) ex.looksNote.append("; record it with ", element("code", {}, about.advice));
    ex.looksNote.append(".");
  }
  return element(
    "div", { class: "explorer-stage" },
    element("figure", {}, ex.canvas, ex.caption, ex.bar.root),
    element("figure", { class: "explorer-reads" }, ex.barsTitle, ex.bars.root),
    element("figure", { class: recorded ? "explorer-looks" : "explorer-looks explorer-none" }, element("h4", {}, "Where this pixel looks"), ex.looksCanvas, ex.looksNote),
  );
}

// What is pointed at, locked and chosen; each only notes it and has the next frame drawn.
function explorerActions(ex) {
  let frame = 0;
  let later = 0;
  ex.draw = () => {
    frame = 0;
    if (ex.hover.mouse) ex.point({ pixel: explorerUnder(ex.canvas, ex.hover.mouse), mouse: null }, false);
    if (ex.stale) explorerRecolour(ex);
    ex.stale = false;
    explorerDrawMap(ex);
    explorerDrawBars(ex);
    explorerDrawLooks(ex);
  };
  ex.schedule = (stale = false) => {
    ex.stale ||= stale;
    frame ||= requestAnimationFrame(ex.draw);
  };
  const remember = () => {
    if (!ex.about.live) return;
    clearTimeout(later);
    later = setTimeout(() => {
      try {
        ex.model.send({ type: "chosen", chosen: ex.state });
      } catch {
        // no kernel any more; the page works on
      }
    }, 600);
  };
  ex.point = (what, drawn = true) => {
    Object.assign(ex.hover, what);
    if (drawn) ex.schedule();
  };
  ex.change = (what) => {
    Object.assign(ex.state, what);
    ex.asked = "";
    ex.askedLooks = "";
    ex.schedule(true);
    remember();
  };
  ex.lockWord = (k) => {
    ex.state.word = ex.state.word === k ? null : k;
    ex.schedule();
    remember();
  };
  ex.lockPixel = (point) => {
    const cell = explorerCell(ex.view.h, ex.view.w, point.x, point.y);
    const old = ex.state.pixel;
    const again = old && explorerCell(ex.view.h, ex.view.w, old.x, old.y) === cell;
    ex.state.pixel = again ? null : point;
    Object.assign(ex.hover, { pixel: null, mouse: null });
    ex.schedule();
    ex.sayPixel();
    explorerAskForLooks(ex);
    remember();
  };
  ex.sayPixel = () => {
    const cell = ex.hover.pixel ?? ex.state.pixel;
    if (!cell) return;
    const k = explorerCell(ex.view.h, ex.view.w, cell.x, cell.y);
    const most = ex.view.columns
      .map((column, c) => [column.text, ex.view.maps[c]?.[k] ?? 0])
      .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))
      .slice(0, 3)
      .map(([text, value]) => `${text} ${explorerPercent(value)} %`);
    ex.live.textContent = `row ${Math.floor(k / ex.view.w)}, column ${k % ex.view.w}: ${most.join(", ")}`;
  };
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(later);
  };
}

// The runs' pictures, in grey; drawn when they are decoded.
function explorerPictures(ex) {
  ex.grey = ex.about.runs.map(() => null);
  ex.about.runs.forEach(async (run, k) => {
    try {
      const image = await createImageBitmap(new Blob([bytesOf(run.picture)], { type: "image/webp" }));
      ex.grey[k] = explorerGrey(image, image.width, image.height);
      ex.schedule(true);
    } catch {
      // the maps are shown without the picture
    }
  });
}

function explorerListen(ex, problem) {
  return listen(ex.model, {
    "part": () => {
      explorerAddPart(ex.store, ex.model.get("part"));
      ex.asker.answered();
      ex.schedule(true);
    },
    "looks": () => {
      ex.store.looks = ex.model.get("looks");
      ex.asker.answered();
      ex.schedule();
    },
    "problem": () => {
      problem.textContent = ex.model.get("problem") ?? "";
    },
  });
}

// A state of an earlier page, as far as it fits what is shown now.
function explorerRestored(about, chosen) {
  const state = { ...EXPLORER_START, ...chosen };
  if (!(state.run < about.runs.length)) state.run = 0;
  if (!(state.row < about.steps.length)) state.row = -1;
  if (!(state.head < about.heads)) state.head = -1;
  if (!explorerLayers(about, state.layer, -1).length) state.layer = "all";
  return state;
}

function render({ model, el }) {
  const about = model.get("about");
  const ex = {
    model,
    about,
    store: explorerStore(about, model.get("data")),
    state: explorerRestored(about, model.get("chosen")),
    hover: { word: null, pixel: null, mouse: null },
    palettes: {
      sequential: explorerPalette(about.palettes.sequential),
      diverging: explorerPalette(about.palettes.diverging),
    },
    stale: true,
    requests: 0,
    asked: "",
    askedLooks: "",
    held: null,
  };
  const problem = element("p", { class: "styledit-problem", role: "alert" });
  problem.textContent = model.get("problem") ?? "";
  ex.asker = asker(model, (note) => { problem.textContent = note; });
  ex.live = element("div", { class: "explorer-unseen", "aria-live": "polite" });
  const stop = explorerActions(ex);
  ex.words = explorerWords(ex);
  ex.bars = explorerBars(ex);
  ex.bar = explorerBar();
  const stage = explorerFigures(ex);
  explorerPointing(ex);
  explorerPictures(ex);
  if (model.get("part")?.tables) explorerAddPart(ex.store, model.get("part"));
  if (model.get("looks")?.rows) ex.store.looks = model.get("looks");
  const root = element("div", { class: "styledit styledit-explorer" }, explorerWhat(ex), ex.words.root, stage, explorerHow(ex), problem, ex.live);
  el.replaceChildren(root);
  const forget = explorerListen(ex, problem);
  // JupyterLab loses what a canvas holds while its cell is scrolled away
  const seen = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) ex.schedule(true);
  });
  seen.observe(root);
  ex.draw();
  return () => {
    forget();
    stop();
    seen.disconnect();
    ex.asker.close();
  };
}

export default { render };
