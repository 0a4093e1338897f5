// A mask where a word looks: Python says where, the threshold is dragged here.
import { bytesOf } from "../shared/pictures.js";
import { choiceOf, fillChoice, slider } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { cellsOfWord } from "./mask_cells.js";
import { labelled } from "./parts.js";
/** @import { Lab } from "./types.js" */
/**
 * @typedef {object} LassoedMask
 * @property {() => void} begin what is there can be had again
 * @property {(cells: Uint8Array) => void} show
 * @property {(cells: Uint8Array, moving: boolean) => void} drag
 */

const THRESHOLD = 0.5; // to begin with

/**
 * @param {Lab} lab
 * @param {() => string[]} wordsOf that can be chosen
 * @param {LassoedMask} mask what becomes of the cells
 */
export function wordLasso(lab, wordsOf, mask) {
  const [width, height] = lab.world.mask_size;
  let asked = 0; // the id of the map that is waited for
  let dragging = false;
  let dragged = THRESHOLD; // where it was dragged to
  const map = () => {
    const { word, width: w = 0, height: h = 0, values } = lab.model.get("word_map");
    const bytes = bytesOf(values);
    return bytes && word === select.value ? { h, w, values: bytes } : null;
  };
  const cells = () => {
    const there = map();
    return there && cellsOfWord(there, Number(threshold.input.value), width, height);
  };
  const select = choiceOf("lasso-word", [], (word) => {
    threshold.input.disabled = true;
    if (!word) return;
    asked = lab.edits.nextId();
    lab.note.ask({ type: "word_map", id: asked, word });
  });
  const threshold = slider(
    "Word threshold",
    {
      step: 0.01,
      value: THRESHOLD,
      title: "How much of the way from the word's darkest to its brightest place",
    },
    (value, moving) => {
      if (!dragging && value === dragged) return; // the browser ends a drag twice
      if (!dragging) mask.begin();
      dragged = value;
      dragging = moving;
      const chosen = cells();
      if (chosen) mask.drag(chosen, moving);
    },
  );
  threshold.input.dataset.testid = "lasso-threshold";
  threshold.input.disabled = true;
  lab.onTrait("word_map", ({ id }) => {
    if (!asked || id !== asked) return;
    asked = 0;
    lab.note.answered();
    threshold.input.disabled = false;
    mask.begin();
    const chosen = cells();
    if (chosen) mask.show(chosen);
  });
  const fill = () => {
    /** @type {[string, string][]} */
    const words = wordsOf().map((word) => [word, word]);
    fillChoice(select, [["", "choose a word"], ...words]);
    threshold.input.disabled = !map();
  };
  lab.onSource(fill);
  lab.onTrait("target", fill);
  return element("div", {}, labelled("Mask where this word looks", select), threshold.root);
}
