// The attention explorer: hover a word and see its map, hover a pixel and see what it reads and where it looks.
//
// A handler only notes what is pointed at; `draw` shows it in the next animation frame, from maps that were
// coloured when a control changed. Neither asks Python.
import { asker, bytesOf, element, keepKeys, listen } from "../shared/elements.js";
import { explorerBars, explorerHow, explorerWhat, explorerWords } from "./controls.js";
import { explorerBar, explorerGrey, explorerPalette, explorerPercent } from "./colours.js";
import { explorerAddPart, explorerCell, explorerLayers, explorerLooks, explorerStore } from "./data.js";
import {
  explorerBox,
  explorerDrawBars,
  explorerDrawLooks,
  explorerDrawMap,
  explorerRecolour,
} from "./draw.js";

const EXPLORER_START = {
  run: 0,
  view: "raw",
  layer: "all",
  head: -1,
  row: -1,
  scale: "one",
  contrast: 0.3,
  share: 0.35,
  smooth: true,
  word: null,
  pixel: null,
};

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
  const layers = explorerLayers(about, state.layer, state.head)
    .filter((layer) => layer.self)
    .map((layer) => layer.index);
  ex.requests += 1;
  ex.asker.ask({
    type: "looks",
    id: ex.requests,
    row: state.row,
    head: state.head,
    layers,
    x: cell.x,
    y: cell.y,
  });
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
  canvas.addEventListener("pointermove", (event) =>
    ex.point({ pixel: null, mouse: [event.clientX, event.clientY] }),
  );
  canvas.addEventListener("pointerleave", () => ex.point({ pixel: null, mouse: null }));
  canvas.addEventListener("click", (event) =>
    ex.lockPixel(explorerUnder(canvas, [event.clientX, event.clientY])),
  );
  canvas.addEventListener("blur", () => ex.point({ pixel: null }));
  keepKeys(canvas);
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const grid = ex.view;
    const from = ex.hover.pixel ?? ex.state.pixel ?? { x: 0.5, y: 0.5 };
    if (moves[event.key]) {
      const [dx, dy] = moves[event.key];
      const box = explorerBox(grid, from);
      const next = (place, size, step) =>
        Math.max(size / 2, Math.min(1 - size / 2, place + size / 2 + step * size));
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
  const make = (name, label, attributes = {}) =>
    element("canvas", { ...sides, "data-testid": name, "aria-label": label, ...attributes });
  ex.canvas = make(
    "map-canvas",
    "The word's map over the picture. Arrow keys move a pixel over it, Enter keeps it, Escape lets it go.",
    { tabindex: 0, role: "application" },
  );
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
    "div",
    { class: "explorer-stage" },
    element("figure", {}, ex.canvas, ex.caption, ex.bar.root),
    element("figure", { class: "explorer-reads" }, ex.barsTitle, ex.bars.root),
    element(
      "figure",
      { class: recorded ? "explorer-looks" : "explorer-looks explorer-none" },
      element("h4", {}, "Where this pixel looks"),
      ex.looksCanvas,
      ex.looksNote,
    ),
  );
}

// What is pointed at, locked and chosen; each only notes it and has the next frame drawn.
function explorerActions(ex) {
  let frame = 0;
  let later = 0;
  ex.draw = () => {
    frame = 0;
    if (ex.hover.mouse) ex.point({ pixel: explorerUnder(ex.canvas, ex.hover.mouse), mouse: null }, false);
    if (ex.stale) {
      explorerRecolour(ex);
      explorerAskForPart(ex);
      explorerAskForLooks(ex);
    }
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
    part: () => {
      explorerAddPart(ex.store, ex.model.get("part"));
      ex.asker.answered();
      ex.schedule(true);
    },
    looks: () => {
      ex.store.looks = ex.model.get("looks");
      ex.asker.answered();
      ex.schedule();
    },
    problem: () => {
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
  ex.asker = asker(model, (note) => {
    problem.textContent = note;
  });
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
  const root = element(
    "div",
    { class: "styledit styledit-explorer" },
    explorerWhat(ex),
    ex.words.root,
    stage,
    explorerHow(ex),
    problem,
    ex.live,
  );
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
