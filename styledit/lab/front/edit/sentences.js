// A model's prompts as sentences: the template of the embedded model, its words, and what two prompts do not share.
import { promptWords } from "./requests.js";
/** @import { Slot, World } from "./types.js" */
/** @typedef {Pick<World, "slots" | "words">} Language */

/**
 * A prompt as the model reads it, letter by letter.
 * @param {string} prompt
 */
const asRead = (prompt) => prompt.toLowerCase().replace(/[.,!?;:]/g, " ");

/**
 * Where a slot's phrase stands in a prompt, the first one that is there (of those, the longest); or null.
 * @param {string} prompt
 * @param {Slot} slot
 */
export function slotIn(prompt, slot) {
  /** @type {{start: number, end: number, phrase: string} | null} */
  let found = null;
  const read = ` ${asRead(prompt)} `;
  for (const phrase of slot.words) {
    const start = phrase ? read.indexOf(` ${phrase} `) : -1;
    if (start < 0) continue;
    const better =
      !found || start < found.start || (start === found.start && phrase.length > found.phrase.length);
    if (better) found = { start, end: start + phrase.length, phrase };
  }
  return found;
}

/**
 * A prompt with another phrase in one slot: in the place of the one that is there, or where the slot belongs. A prompt
 * that is no sentence of the model's (unknown words, no thing, no article) is first made of the slots' phrases.
 * @param {string} prompt
 * @param {Language} language
 * @param {number} index of the slot
 * @param {string} phrase "" for none
 */
export function withSlot(prompt, language, index, phrase) {
  const { slots } = language;
  if (!isSentence(prompt, language)) {
    return ofPhrases(slots.map((slot, at) => (at === index ? phrase : (slotIn(prompt, slot)?.phrase ?? ""))));
  }
  const { start, end } = slotIn(prompt, slots[index]) ?? placeOf(prompt, slots, index);
  return withArticles(`${prompt.slice(0, start)} ${phrase} ${prompt.slice(end)}`);
}

/**
 * @param {string} prompt
 * @param {Language} language
 */
function isSentence(prompt, language) {
  const things = language.slots.find((slot) => slot.label === "thing");
  const named = !things || slotIn(prompt, things) !== null;
  return named && /\ban? /.test(asRead(prompt)) && !unknownWords(prompt, language).length;
}

/**
 * Where the phrase of an empty slot belongs: before those of the slots after it.
 * @param {string} prompt
 * @param {Slot[]} slots
 * @param {number} index
 */
function placeOf(prompt, slots, index) {
  if (index === 0) return { start: 0, end: 0 };
  const starts = slots.slice(index + 1).map((slot) => slotIn(prompt, slot)?.start ?? prompt.length);
  const next = Math.min(prompt.length, ...starts);
  return { start: next, end: next };
}

/**
 * A sentence of one phrase a slot, of which any may be "".
 * @param {string[]} phrases
 */
function ofPhrases(phrases) {
  /** @type {string[]} */
  const words = [];
  let named = false; // a thing and what it is like share one article
  for (const phrase of phrases.filter(Boolean)) {
    const whole = /^(an?|in|on) /.test(phrase);
    if (!whole && !named) words.push("a");
    named = !whole;
    words.push(phrase);
  }
  return withArticles(words.join(" "));
}

/** @param {string} text */
function withArticles(text) {
  const spaced = text
    .trim()
    .replace(/\s+/g, " ")
    .replace(/ ([.,!?;:])/g, "$1");
  return spaced.replace(/\ban? (?=([a-z]))/g, (_, /** @type {string} */ letter) =>
    "aeiou".includes(letter) ? "an " : "a ",
  );
}

/**
 * The words of a prompt that the embedded model does not know; none are said of other models.
 * @param {string} prompt
 * @param {Pick<World, "words">} language
 */
export function unknownWords(prompt, { words }) {
  const known = new Set(words);
  return known.size ? promptWords(asRead(prompt)).filter((word) => !known.has(word)) : [];
}

/**
 * A first edit to look at: the same thing in the next style, or the same sentence where there are no slots.
 * @param {Language} language
 * @param {string} prompt
 */
export function inAnotherStyle(language, prompt) {
  const styles = language.slots[0];
  const found = styles && styles.words.length > 1 ? slotIn(prompt, styles) : null;
  if (!found) return prompt;
  return withSlot(
    prompt,
    language,
    0,
    styles.words[(styles.words.indexOf(found.phrase) + 1) % styles.words.length],
  );
}

/**
 * The shortest way from one list of words to another.
 * @param {string[]} before
 * @param {string[]} after
 * @returns {["same" | "gone" | "come", string][]}
 */
export function wordSteps(before, after) {
  const rows = before.length;
  const columns = after.length;
  const same = (/** @type {number} */ i, /** @type {number} */ j) =>
    before[i].toLowerCase() === after[j].toLowerCase();
  const common = Array.from({ length: rows + 1 }, () => new Array(columns + 1).fill(0));
  for (let i = rows - 1; i >= 0; i -= 1) {
    for (let j = columns - 1; j >= 0; j -= 1) {
      common[i][j] = same(i, j) ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
    }
  }
  /** @type {["same" | "gone" | "come", string][]} */
  const steps = [];
  let i = 0;
  let j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && same(i, j)) {
      steps.push(["same", after[j]]);
      i += 1;
      j += 1;
    } else if (i < rows && (j >= columns || common[i + 1][j] >= common[i][j + 1])) {
      steps.push(["gone", before[i]]);
      i += 1;
    } else {
      steps.push(["come", after[j]]);
      j += 1;
    }
  }
  return steps;
}
