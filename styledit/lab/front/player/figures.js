// The five pictures: the source, the latent, the estimate, and two words' maps.
import { SEQUENTIAL, paint, paletteOf } from "../shared/colours.js";
import { choiceOf } from "../shared/controls.js";
import { contextOf, element } from "../shared/elements.js";
import { addressOf, bytesOf } from "../shared/pictures.js";
import { shortNumber } from "./numbers.js";
/** @import { Child } from "../shared/types.js" */
/** @import { Frames, PlayerState } from "./frames.js" */

const PALETTE = paletteOf(SEQUENTIAL);
const BAR = 64; // colours in the legend

/**
 * A figure with a picture, and what is laid over it.
 * @param {string} label
 * @param {Record<string, string>} attributes of the picture
 * @param {string | HTMLElement} heading
 * @param {...Child} over
 */
function figure(label, attributes, heading, ...over) {
  const image = element("img", { alt: label, draggable: "false", ...attributes });
  const frame = element("div", { class: "styledit-player-frame" }, image, ...over);
  return {
    root: element("figure", {}, frame, element("figcaption", {}, heading)),
    image,
    show(/** @type {string | undefined} */ address) {
      if (image.src !== address) image.src = address ?? "";
      image.style.visibility = address ? "" : "hidden";
    },
  };
}

/**
 * A figure with a word's map over the estimate.
 * @param {PlayerState} state
 * @param {number} k 0 or 1, of `state.words`
 * @param {() => void} changed another word
 */
function mapFigure(state, k, changed) {
  const { words, mapSize } = state.world;
  const testid = ["word-a", "word-b"][k];
  const [width, height] = mapSize;
  const select = choiceOf(
    testid,
    words.map((word) => [word, word]),
    (word) => {
      state.words[k] = word;
      changed();
    },
    { "aria-label": `word of the ${["first", "second"][k]} map` },
  );
  select.value = state.words[k];
  const canvas = element("canvas", { width, height, role: "img", "data-testid": `${testid}-map` });
  const note = element("span", { class: "styledit-player-note" });
  const { root, show } = figure("Where the word looks", {}, select, canvas, note);
  root.className = "styledit-player-map";
  return {
    root,
    /** The words were chosen elsewhere. */
    follow() {
      select.value = state.words[k];
    },
    /**
     * @param {Frames | null} frames
     * @param {number} at
     * @param {number} scale the value of the last colour
     */
    draw(frames, at, scale) {
      const word = state.words[k];
      const column = words.indexOf(word);
      const data = frames?.maps[at];
      show(frames?.x0[at]);
      canvas.dataset.index = String(at);
      canvas.setAttribute("aria-label", `Where “${word}” looks at index ${at}`);
      note.textContent = frames && at === state.last ? "the network is not asked here" : "";
      canvas.style.display = data ? "" : "none";
      if (!frames || !data) {
        contextOf(canvas).clearRect(0, 0, width, height);
        return;
      }
      const cells = width * height;
      const values = data.subarray(column * cells, (column + 1) * cells);
      const high = (255 * scale) / (frames.scales[at][column] || 1e-30);
      paint(canvas, values, { low: 0, high }, PALETTE);
    },
  };
}

/** The colour bar of the maps, with its largest value. */
function legend() {
  const bar = element("canvas", { width: BAR, height: 1, "aria-hidden": "true" });
  const most = element("span");
  const unit = element(
    "span",
    { class: "styledit-player-unit" },
    "of each pixel’s attention, both maps and all steps alike",
  );
  const attributes = { class: "styledit-player-legend", "data-testid": "player-scale" };
  paint(
    bar,
    Array.from({ length: BAR }, (_, k) => k),
    { low: 0, high: BAR - 1 },
    PALETTE,
  );
  return { root: element("div", attributes, "0", bar, most, unit), most };
}

/**
 * The largest value of some words in all runs: the end of the colour scale; 0 where there are no maps.
 * @param {(Frames | null)[]} runs
 * @param {number[]} columns the words'
 */
export function peakOf(runs, columns) {
  const peaks = runs.flatMap((run) =>
    run?.scales.flatMap((scales) => columns.map((column) => scales[column] ?? 0)),
  );
  return Math.max(0, ...peaks.map((peak) => peak ?? 0));
}

/**
 * @param {PlayerState} state
 * @param {() => void} changed another word
 */
export function picturesOf(state, changed) {
  const { world } = state;
  const picture = figure(`The picture: ${world.prompt}`, { "data-testid": "picture" }, "picture");
  picture.show(addressOf(bytesOf(world.picture) ?? new Uint8Array()));
  const symbol = (/** @type {string} */ name, /** @type {string} */ letter) =>
    element("span", {}, `${name} `, element("i", {}, letter));
  const z = figure("The latent z, as a picture", { "data-testid": "z-image" }, symbol("latent", "z"));
  const x0 = figure(
    "What the network takes the clean picture to be",
    { "data-testid": "x0-image" },
    symbol("estimate", "x̂₀"),
  );
  const maps = [0, 1].map((k) => mapFigure(state, k, changed));
  const bar = legend();
  let scale = 1;
  return {
    roots: [picture, z, x0, ...maps].map(({ root }) => root),
    legend: bar.root,
    /** The colour scale again: other runs, or other words. */
    measure() {
      const columns = state.words.map((word) => world.words.indexOf(word));
      const peak = peakOf([state.inverted, state.run, state.fresh], columns);
      scale = Math.max(1e-6, peak);
      bar.most.textContent = `${shortNumber(100 * scale)} %`;
      bar.root.style.visibility = peak ? "" : "hidden";
    },
    follow: () => maps.forEach((map) => map.follow()),
    draw() {
      const { frames, at } = state.shown();
      for (const { image, show, addresses } of [
        { ...z, addresses: frames?.z },
        { ...x0, addresses: frames?.x0 },
      ]) {
        Object.assign(image.dataset, { index: at, exact: frames?.exact ?? false });
        show(addresses?.[at]);
      }
      for (const map of maps) map.draw(frames, at, scale);
    },
    close: () => URL.revokeObjectURL(picture.image.src),
  };
}
