// The step and the word that a linked player or explorer is at: marked wherever an element says that it is theirs, by
// `data-step` or `data-word`; an act on one of them leads the others.
/** @import { Lab } from "./types.js" */

/** @param {Lab} lab */
export function linkedPlace(lab) {
  const mark = () => {
    const { step, word } = lab.model.get("place");
    const { linked } = lab.model.get("led");
    for (const part of lab.root.querySelectorAll("[data-step], [data-word]")) {
      const { step: ownStep, word: ownWord } = /** @type {HTMLElement} */ (part).dataset;
      part.toggleAttribute("data-led", linked && isAt(ownStep, ownWord, step, word));
    }
  };
  const later = () => queueMicrotask(mark);
  lab.onTrait("place", mark);
  lab.onTrait("led", mark);
  lab.onTrait("target", later);
  lab.onFrame(later);
  const lead = (/** @type {Event} */ event) => {
    const part = /** @type {Element} */ (event.target).closest("[data-step], [data-word]");
    if (!part || !lab.model.get("led").linked) return;
    const { step, word } = /** @type {HTMLElement} */ (part).dataset;
    const before = lab.model.get("place");
    const place = { step: step === undefined ? before.step : Number(step), word: word ?? before.word };
    if (place.step !== before.step || place.word !== before.word) lab.send({ type: "place", ...place });
  };
  for (const event of ["click", "focusin"]) {
    lab.root.addEventListener(event, lead);
    lab.cleanups.push(() => lab.root.removeEventListener(event, lead));
  }
}

/**
 * Whether an element of a step, of a word or of both is at a place.
 * @param {string | undefined} ownStep
 * @param {string | undefined} ownWord
 * @param {number | null} step
 * @param {string | null} word
 */
export function isAt(ownStep, ownWord, step, word) {
  if (ownStep === undefined) return ownWord === word;
  return ownStep === String(step) && (ownWord === undefined || ownWord === word);
}
