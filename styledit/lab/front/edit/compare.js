// Any two pictures: whole beside each other, or over each other with a line between them, in turn, or as their
// difference; how far apart they are, and which settings differ.
import { keepKeys, element } from "../shared/elements.js";
import { choiceOf, pushButton } from "../shared/controls.js";
import { showBytes } from "../shared/pictures.js";
import { differencesOf } from "./differences.js";
import { entryTitle } from "./history.js";
import { drawable, drawDifference, drawnCanvas, toggleButton } from "./parts.js";
/** @import { Described, Row } from "./differences.js" */
/** @import { Compared, HistoryEntry, Lab, Picture, Side } from "./types.js" */
/** @typedef {"side" | "split" | "flicker" | "difference"} ViewMode */
/** @typedef {"left" | "right"} Place */

/** @type {Record<string, string>} */
const NAMES = { source: "Source", reconstruction: "Reconstruction", edit: "Edit", truth: "The true edit" };
const PLACES = /** @type {const} */ (["left", "right"]);

/**
 * @param {Lab} lab
 * @param {Record<string, Picture>} pictures by the names above
 * @param {(pane: HTMLElement) => void} attachZoom
 * @param {{pause: number, gain: () => number, choose: (mode: ViewMode) => void,
 *   arranged: (active: boolean, name: string) => void}} options ms a picture, in turn; what a difference is multiplied
 *   by; opens a view; takes whether two pictures are compared, and what the view of whole pictures is called
 */
export function comparison(lab, pictures, attachZoom, { pause, gain, choose, arranged }) {
  const [width, height] = lab.world.size;
  /** @type {ViewMode} */
  let mode = "side";
  let active = false; // whether two pictures are compared; source and edit beside each other are not
  const chosen = chosenPictures(lab, pictures, () => changed());
  const facts = comparisonFacts(lab);
  const draw = (/** @type {CanvasRenderingContext2D} */ context, /** @type {Place} */ place) => {
    context.clearRect(0, 0, width, height);
    const picture = chosen.picture(place);
    if (picture && drawable(picture)) context.drawImage(picture, 0, 0, width, height);
  };
  const left = drawnCanvas(width, height, { "data-testid": "compare-left" }, (context) =>
    draw(context, "left"),
  );
  const right = drawnCanvas(width, height, { "data-testid": "compare-right" }, (context) => {
    if (mode !== "difference") draw(context, "right");
    else facts.mean(drawDifference(context, chosen.picture("left"), chosen.picture("right"), gain()));
  });
  const pair = wholePictures(lab, attachZoom, draw, (context) => {
    const mean = drawDifference(context, chosen.picture("left"), chosen.picture("right"), gain());
    if (mode === "side") facts.mean(mean);
  });
  const layers = [left, right, ...pair.canvases];
  const redraw = () => layers.forEach((layer) => layer.redraw());
  // Whether a comparison begins.
  const arrange = () => {
    const was = active;
    active = mode !== "side" || hasEntry(chosen.sides);
    root.hidden = !active;
    pair.root.hidden = mode !== "side";
    layered.hidden = mode === "side";
    pair.name(chosen.sides, chosen.name);
    arranged(active, sideName(chosen.sides));
    if (was && !active) lab.send({ type: "compare", id: lab.edits.nextId(), left: null, right: null });
    return active && !was;
  };
  const ask = () => {
    if (!active || !chosen.ready()) return;
    lab.note.ask({ type: "compare", id: lab.edits.nextId(), ...chosen.sides });
  };
  const changed = () => {
    arrange();
    if (!active) return;
    facts.wait();
    redraw();
    turns.show();
    ask();
  };
  const line = splitLine();
  const pane = element(
    "div",
    {
      class: "styledit-pane styledit-compare-pane",
      tabindex: "0",
      role: "group",
      "aria-label": "Comparison; plus and minus zoom, arrows move",
    },
    element("div", { class: "styledit-zoomed" }, right.root),
    element(
      "div",
      { class: "styledit-zoomed-clip" },
      element("div", { class: "styledit-zoomed" }, left.root),
    ),
    element("div", { class: "styledit-split-line", "aria-hidden": "true" }),
  );
  attachZoom(pane);
  const showLine = () => root.style.setProperty("--split", `${line.value}%`);
  line.addEventListener("input", showLine);
  const turns = takeTurns(chosen.name, pause, () => root);
  const layered = element("figure", { class: "styledit-figure" }, pane, line, turns.name);
  const root = element(
    "div",
    { class: "styledit-compare", hidden: true, "data-testid": "compare" },
    element(
      "div",
      { class: "styledit-row styledit-compare-choice" },
      chosen.selects.left,
      element("span", {}, "and"),
      chosen.selects.right,
      turns.running.root,
      turns.other,
    ),
    element("div", { class: "styledit-compare-body" }, pair.root, layered, facts.root),
  );
  dragSplit(pane, line, showLine, root);
  showLine();
  turns.show();
  const hold = (/** @type {Side} */ one, /** @type {Side} */ other) => {
    chosen.set({ left: one, right: other });
    if (active) changed();
    else choose("split");
  };
  lab.showSides = () => {
    chosen.set({ left: "source", right: "edit" });
    choose("side");
  };
  lab.compareWith = (entry) => {
    hold(entry, "edit");
    root.scrollIntoView({ block: "nearest" });
    chosen.selects.left.focus({ preventScroll: true });
  };
  let reloaded = true;
  lab.onTrait("compared", async (told) => {
    lab.note.answered();
    const first = reloaded;
    reloaded = false;
    if (told.left === undefined) return;
    const compared = /** @type {Compared} */ (told);
    if (first) hold(compared.left, compared.right);
    if (!(await chosen.take(compared))) return;
    redraw();
    facts.show(compared);
  });
  lab.onFrame(({ exact }) => {
    if (exact) ask();
    else if (Object.values(chosen.sides).includes("edit")) facts.wait();
  });
  return {
    root,
    redraw,
    open(/** @type {ViewMode} */ next) {
      const before = mode;
      mode = next;
      root.dataset.mode = mode;
      line.hidden = mode !== "split";
      turns.open(mode === "flicker");
      facts.mean(null);
      const begins = arrange();
      if (begins) changed();
      else if (mode !== before) redraw();
    },
    close() {
      turns.stop();
      chosen.close();
      for (const layer of layers) layer.close();
    },
  };
}

/**
 * Whether a line of the history is one of two.
 * @param {Record<Place, Side>} sides
 */
function hasEntry(sides) {
  return PLACES.some((place) => typeof sides[place] === "number");
}

/**
 * What the view of whole pictures shows.
 * @param {Record<Place, Side>} sides that are chosen
 */
export function sideName(sides) {
  return hasEntry(sides) ? "Side by side" : "Source and edit";
}

/**
 * A picture's name where there is little room: an entry by its number.
 * @param {Side} side
 */
function shortName(side) {
  return typeof side === "number" ? `#${side}` : NAMES[side];
}

/**
 * Both pictures and their difference, beside each other.
 * @param {Lab} lab
 * @param {(pane: HTMLElement) => void} attachZoom
 * @param {(context: CanvasRenderingContext2D, place: Place) => void} draw
 * @param {(context: CanvasRenderingContext2D) => void} drawApart their difference
 */
function wholePictures(lab, attachZoom, draw, drawApart) {
  const [width, height] = lab.world.size;
  const figureOf = (
    /** @type {string} */ name,
    /** @type {(context: CanvasRenderingContext2D) => void} */ drawn,
  ) => {
    const canvas = drawnCanvas(width, height, { "data-testid": `pair-${name}`, role: "img" }, drawn);
    const pane = element(
      "div",
      { class: "styledit-pane" },
      element("div", { class: "styledit-zoomed" }, canvas.root),
    );
    attachZoom(pane);
    const caption = element("figcaption", {}, "Difference");
    return { canvas, caption, root: element("figure", { class: "styledit-figure" }, pane, caption) };
  };
  const sides = PLACES.map((place) => ({ place, ...figureOf(place, (context) => draw(context, place)) }));
  const apart = figureOf("difference", drawApart);
  apart.canvas.root.setAttribute("aria-label", "Difference of the two pictures");
  const figures = [...sides, apart];
  return {
    root: element("div", { class: "styledit-pair" }, ...figures.map(({ root }) => root)),
    canvases: figures.map(({ canvas }) => canvas),
    name(/** @type {Record<Place, Side>} */ now, /** @type {(place: Place) => string} */ nameOf) {
      for (const { place, canvas, caption } of sides) {
        caption.textContent = shortName(now[place]);
        caption.title = nameOf(place);
        canvas.root.setAttribute("aria-label", nameOf(place));
      }
    },
  };
}

/**
 * Which two pictures are compared, and the choices that say so.
 * @param {Lab} lab
 * @param {Record<string, Picture>} pictures
 * @param {() => void} changed by a choice
 */
function chosenPictures(lab, pictures, changed) {
  /** @type {Record<Place, Side>} */
  const sides = { left: "source", right: "edit" };
  /** @type {Record<Place, Side | null>} */
  const loaded = { left: null, right: null }; // of which entry the picture is
  const images = { left: element("img", { alt: "" }), right: element("img", { alt: "" }) };
  /** @type {HistoryEntry[]} */
  let entries = [];
  let truth = false;
  let listed = "";
  const select = (/** @type {Place} */ place) =>
    choiceOf(
      `compare-${place}-choice`,
      [],
      (value) => {
        sides[place] = value in NAMES ? /** @type {Side} */ (value) : Number(value);
        changed();
      },
      { "aria-label": place === "left" ? "Left picture" : "Right picture" },
    );
  const selects = { left: select("left"), right: select("right") };
  const fill = () => {
    const named = Object.entries(NAMES).filter(([name]) => truth || name !== "truth");
    const kept = entries.map((entry) => [String(entry.id), entryTitle(entry)]).reverse();
    const now = JSON.stringify([named, kept]);
    if (now === listed) return; // a list that is open must stay
    listed = now;
    const known = new Set([...named, ...kept].map(([value]) => value));
    const lost = PLACES.filter((place) => !known.has(String(sides[place])));
    for (const place of lost) sides[place] = "edit";
    for (const place of PLACES) {
      selects[place].replaceChildren(optionGroup("Pictures", named), optionGroup("History", kept));
      selects[place].value = String(sides[place]);
    }
    if (lost.length) changed();
  };
  lab.onTrait("history", (next) => {
    entries = next;
    fill();
  });
  lab.onFrame(({ exact, score }) => {
    if (exact || !score) truth = Boolean(score);
    fill();
  });
  const picture = (/** @type {Place} */ place) => {
    const side = sides[place];
    if (typeof side !== "number") return pictures[side];
    return loaded[place] === side ? images[place] : null;
  };
  return {
    sides,
    selects,
    picture,
    // Whether Python has all that it is to compare; what it keeps of the history it has.
    ready: () =>
      PLACES.every((place) => {
        const shown = picture(place);
        return typeof sides[place] === "number" || (shown !== null && drawable(shown));
      }),
    set(/** @type {Record<Place, Side>} */ next) {
      Object.assign(sides, next);
      for (const place of PLACES) selects[place].value = String(sides[place]);
    },
    name(/** @type {Place} */ place) {
      const side = sides[place];
      if (typeof side !== "number") return NAMES[side];
      const entry = entries.find(({ id }) => id === side);
      return entry ? entryTitle(entry) : `#${side}`;
    },
    // The entries' pictures, where they are still wanted.
    async take(/** @type {Compared} */ compared) {
      const wanted = () => PLACES.every((place) => compared[place] === sides[place]);
      if (!wanted()) return false;
      await Promise.all(PLACES.map((place, k) => showBytes(images[place], compared.pictures[k])));
      PLACES.forEach((place, k) => {
        if (compared.pictures[k]) loaded[place] = compared[place];
      });
      return wanted();
    },
    close() {
      for (const place of PLACES) URL.revokeObjectURL(images[place].dataset.address ?? "");
    },
  };
}

/**
 * @param {string} label
 * @param {string[][]} pairs
 */
function optionGroup(label, pairs) {
  const options = pairs.map(([value, text]) => element("option", { value }, text));
  return element("optgroup", { label, hidden: !pairs.length }, ...options);
}

/**
 * How far the two are apart, and what they were made with.
 * @param {Lab} lab
 */
function comparisonFacts(lab) {
  const distance = element("p", { role: "status", "aria-live": "polite", "data-testid": "compare-psnr" });
  const mean = element("p", { class: "styledit-hint", "data-testid": "compare-mean" });
  const settings = element("div", { "data-testid": "compare-settings" });
  const described = (/** @type {Side} */ side) => {
    const [target, frame] = [lab.model.get("target"), lab.model.get("frame")];
    // What made it may be another method than the one that was asked for, as its caption says.
    const method = target.guided ? target.method : (frame.method ?? "");
    if (side === "edit") return { ...target, method, source: lab.model.get("source") };
    return lab.model.get("history").find(({ id }) => id === side);
  };
  return {
    root: element("div", { class: "styledit-compare-facts" }, distance, mean, settings),
    wait() {
      distance.textContent = "PSNR …";
    },
    mean(/** @type {number | null} */ value) {
      mean.textContent = value === null ? "" : `A pixel differs by ${value.toFixed(1)} of 255 on average.`;
    },
    show(/** @type {Compared} */ { left, right, psnr }) {
      distance.textContent = distanceSentence(psnr);
      const [a, b] = [left, right].map(described);
      const both = a?.settings && b?.settings;
      settings.replaceChildren(
        both
          ? differenceTable(
              differencesOf(/** @type {Described} */ (a), /** @type {Described} */ (b), lab.world.guiding),
              [left, right].map(shortName),
            )
          : element("p", { class: "styledit-hint" }, "Choose two edits to see which settings differ."),
      );
    },
  };
}

/** @param {number | null} psnr dB; null where the two are equal */
export function distanceSentence(psnr) {
  if (psnr === null) return "The two are the same, pixel for pixel.";
  return `PSNR ${psnr.toFixed(1)} dB (higher is nearer).`;
}

/**
 * @param {Row[]} rows
 * @param {string[]} heads
 */
function differenceTable(rows, heads) {
  if (!rows.length) return element("p", {}, "The same prompt and the same settings.");
  const cells = (/** @type {string[]} */ texts) => texts.map((text) => element("td", {}, text));
  return element(
    "table",
    { class: "styledit-differences" },
    element("caption", {}, "What differs"),
    element(
      "thead",
      {},
      element("tr", {}, element("th", {}), ...heads.map((text) => element("th", { scope: "col" }, text))),
    ),
    element(
      "tbody",
      {},
      ...rows.map(([name, ...texts]) =>
        element("tr", {}, element("th", { scope: "row" }, name), ...cells(texts)),
      ),
    ),
  );
}

function splitLine() {
  return keepKeys(
    element("input", {
      type: "range",
      min: 0,
      max: 100,
      step: 1,
      value: 50,
      "data-testid": "split",
      "aria-label": "Split between the two pictures",
      class: "styledit-split-slider",
    }),
  );
}

/**
 * The two pictures in turn, by a clock or by hand.
 * @param {(place: Place) => string} nameOf
 * @param {number} pause
 * @param {() => HTMLElement} rootOf what holds the pictures
 */
function takeTurns(nameOf, pause, rootOf) {
  const name = element("p", { class: "styledit-turn", "data-testid": "flicker-turn" });
  /** @type {Timer} */
  let timer;
  let first = true;
  const show = () => {
    rootOf().classList.toggle("styledit-shows-b", !first);
    name.textContent = nameOf(first ? "left" : "right");
  };
  const next = () => {
    first = !first;
    show();
  };
  const run = (/** @type {boolean} */ on) => {
    clearInterval(timer);
    timer = on ? setInterval(next, pause) : undefined;
  };
  const running = toggleButton("Running", "flicker-run", run, { title: "Stop on one picture, or go on" });
  const other = pushButton("The other one", "flicker-next", () => {
    running.set(false);
    run(false);
    next();
  });
  return {
    name,
    running,
    other,
    show,
    stop: () => run(false),
    open(/** @type {boolean} */ flickers) {
      running.root.hidden = other.hidden = name.hidden = !flickers;
      const runs = flickers && !matchMedia("(prefers-reduced-motion: reduce)").matches; // else only when it is asked to
      running.set(runs);
      run(runs);
    },
  };
}

/**
 * The line follows the pointer on the picture itself; with the picture zoomed, near the line only, else it pans.
 * @param {HTMLElement} pane
 * @param {HTMLInputElement} line
 * @param {() => void} showLine
 * @param {HTMLElement} root
 */
function dragSplit(pane, line, showLine, root) {
  let dragging = false;
  const at = (/** @type {PointerEvent} */ event) => {
    const box = pane.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * 100;
  };
  const follow = (/** @type {PointerEvent} */ event) => {
    line.value = String(at(event));
    showLine();
  };
  pane.addEventListener(
    "pointerdown",
    (event) => {
      if (root.dataset.mode !== "split") return;
      const zoomed = Number(getComputedStyle(pane).getPropertyValue("--zoom")) > 1;
      if (zoomed && Math.abs(at(event) - Number(line.value)) > 4) return;
      dragging = true;
      event.stopImmediatePropagation();
      pane.setPointerCapture(event.pointerId);
      follow(event);
    },
    true,
  );
  pane.addEventListener(
    "pointermove",
    (event) => {
      if (!dragging) return;
      event.stopImmediatePropagation();
      follow(event);
    },
    true,
  );
  const end = () => {
    dragging = false;
  };
  pane.addEventListener("pointerup", end);
  pane.addEventListener("pointercancel", end);
}
