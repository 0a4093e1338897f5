// Words that name nothing.

const SMALL = new Set("a an the this that of in on at and or with by to from for its is".split(" "));

/**
 * Whether a word names something: the maps of the others say little of a place.
 * @param {string} word
 */
export function namesSomething(word) {
  return /\p{L}/u.test(word) && !SMALL.has(word);
}
