// The attention explorer: hover a word and see its map, hover a pixel and see what it reads and where it looks.
//
// A handler only notes what is pointed at; `draw` shows it in the next animation frame, from maps that were
// coloured when a control changed. Neither asks Python.
import { paletteOf } from "../shared/colours.js";
import { element } from "../shared/elements.js";
import { asker, listen, reporter } from "../shared/kernel.js";
import { bytesOf } from "../shared/pictures.js";
import { greyCanvas } from "./canvases.js";
import { howControls, whatControls } from "./controls.js";
import { addPart, cellOf, chosenLayers, openStore } from "./data.js";
import { drawBars, drawLooks, drawMap, recolour } from "./draw.js";
import { listenToPointing, pointUnder } from "./pointing.js";
import { requestsOf } from "./requests.js";
import { pageSaver } from "./saving.js";
import { stageOf } from "./stage.js";
import { colour } from "./view.js";
/** @import { Model, Rendered } from "../shared/types.js" */
/** @import { About, Actions, Chosen, Explorer, Looks, Part, Stage, Traits } from "./types.js" */

/** @type {Chosen} */
const START = {
  run: 0,
  view: "raw",
  layer: "all",
  head: -1,
  row: -1,
  scale: "each",
  contrast: 0.3,
  share: 0.35,
  smooth: true,
  word: null,
  pixel: null,
};

/**
 * How the controls stood on an earlier page, as far as it fits what is shown now.
 * @param {About} about
 * @param {Partial<Chosen>} chosen
 * @returns {Chosen}
 */
export function restored(about, chosen) {
  const state = { ...START, ...chosen };
  if (!(state.run < about.runs.length)) state.run = 0;
  if (!(state.row < about.steps.length)) state.row = -1;
  if (!(state.head < about.heads)) state.head = -1;
  if (!chosenLayers(about, state.layer, -1).length) state.layer = "all";
  return state;
}

/**
 * @param {Model<Traits>} model
 * @returns {Explorer}
 */
function explorerOf(model) {
  const about = model.get("about");
  const { sequential, diverging } = about.palettes;
  const explorer = /** @type {Explorer} */ ({
    model,
    about,
    store: openStore(about, model.get("data")),
    chosen: restored(about, model.get("chosen")),
    hover: { word: null, pixel: null, mouse: null },
    palettes: { sequential: paletteOf(sequential), diverging: paletteOf(diverging) },
    grey: about.runs.map(() => null),
    held: null,
  });
  const [part, looks] = [model.get("part"), model.get("looks")];
  if (part.tables) addPart(explorer.store, /** @type {Part} */ (part));
  if (looks.rows) explorer.store.looks = /** @type {Looks} */ (looks);
  explorer.coloured = colour(explorer);
  return explorer;
}

/**
 * The next frame: `request` has it drawn, `now` draws at once, `stop` draws no more.
 * @param {() => void} draw
 */
function frameOf(draw) {
  let frame = 0;
  const now = () => {
    frame = 0;
    draw();
  };
  return {
    now,
    request() {
      frame ||= requestAnimationFrame(now);
    },
    stop: () => cancelAnimationFrame(frame),
  };
}

/** @param {Rendered<Traits>} view */
function render({ model, el }) {
  const explorer = explorerOf(model);
  const { chosen, hover, store } = explorer;
  const problem = element("p", { class: "styledit-problem", role: "alert" });
  const showProblem = () => {
    problem.textContent = model.get("problem");
  };
  const kernel = asker(model, (note) => {
    problem.textContent = note;
  });
  const requests = requestsOf(explorer, kernel);
  const memory = reporter(model, () => {
    if (explorer.about.live) model.send({ type: "chosen", chosen });
  });
  const saver = explorer.about.live ? pageSaver(explorer, kernel) : null;
  let stale = true;
  /** @type {Actions} */
  const actions = {
    request(again = false) {
      stale ||= again;
      frame.request();
    },
    point(what) {
      Object.assign(hover, what);
      frame.request();
    },
    change(what) {
      Object.assign(chosen, what);
      requests.forget();
      actions.request(true);
      memory.renew();
    },
    lockWord(k) {
      chosen.word = chosen.word === k ? null : k;
      frame.request();
      memory.renew();
    },
    lockPixel(point) {
      const { coloured } = explorer;
      const old = chosen.pixel;
      const again = point && old && cellOf(coloured, point) === cellOf(coloured, old);
      chosen.pixel = again ? null : point;
      Object.assign(hover, { pixel: null, mouse: null });
      frame.request();
      requests.looks();
      memory.renew();
    },
  };
  /** @type {Stage} */
  const stage = stageOf(explorer, actions);
  let first = true;
  const frame = frameOf(() => {
    if (hover.mouse) Object.assign(hover, { pixel: pointUnder(stage.canvas, hover.mouse), mouse: null });
    if (stale) {
      recolour(explorer, stage, first);
      requests.part();
      requests.looks();
    }
    stale = first = false;
    drawMap(explorer, stage);
    drawBars(explorer, stage);
    drawLooks(explorer, stage);
  });
  listenToPointing(explorer, stage, actions);
  showPictures(explorer, actions);
  const what = whatControls(explorer, actions);
  // Another widget chose a step or a word; what is on its way from here is newer.
  const follow = () => {
    if (memory.waits()) return;
    const { row, word } = restored(explorer.about, model.get("chosen"));
    Object.assign(chosen, { row, word });
    what.follow();
    requests.forget();
    actions.request(true);
  };
  const root = element(
    "div",
    { class: "styledit styledit-explorer" },
    what.root,
    stage.words.root,
    stage.scale,
    stage.root,
    howControls(explorer, actions),
    saver?.root,
    problem,
    stage.live,
  );
  el.replaceChildren(root);
  const forget = listen(model, {
    part() {
      addPart(store, /** @type {Part} */ (model.get("part")));
      kernel.answered();
      actions.request(true);
    },
    looks() {
      store.looks = /** @type {Looks} */ (model.get("looks"));
      kernel.answered();
      actions.request();
    },
    led: follow,
    saved() {
      saver?.follow();
    },
    problem() {
      showProblem();
      if (model.get("problem")) saver?.giveUp();
    },
  });
  // JupyterLab loses what a canvas holds while its cell is scrolled away
  const seen = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) actions.request(true);
  });
  seen.observe(root);
  showProblem();
  frame.now();
  return () => {
    forget();
    frame.stop();
    memory.stop();
    seen.disconnect();
    kernel.close();
  };
}

/**
 * The runs' pictures, in grey; drawn when they are decoded.
 * @param {Explorer} explorer
 * @param {Actions} actions
 */
function showPictures({ about, grey }, actions) {
  about.runs.forEach(async (run, k) => {
    const bytes = bytesOf(run.picture);
    if (!bytes) return;
    try {
      grey[k] = greyCanvas(await createImageBitmap(new Blob([bytes], { type: "image/webp" })));
      actions.request(true);
    } catch {
      // the maps are shown without the picture
    }
  });
}

export default { render };
