// A saved page: the explorer with what stands in the file, and no kernel behind it.
import explorer from "./explorer.js";
/** @import { Model } from "../shared/types.js" */
/** @import { Traits } from "./types.js" */

/**
 * One of the page's elements.
 * @param {string} id
 */
function part(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`This page has no ${id}.`);
  return found;
}

/**
 * The bytes of a base64 text.
 * @param {string} text
 */
function decoded(text) {
  return Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
}

const about = JSON.parse(part("about").textContent);
for (const run of about.runs) run.picture = decoded(run.picture);
/** @type {Traits} */
const traits = {
  about,
  data: decoded(part("data").textContent),
  chosen: JSON.parse(part("chosen").textContent),
  part: {},
  looks: {},
  saved: {},
  led: { id: 0, linked: false },
  problem: "",
};
/** @type {Model<Traits>} */
const model = { get: (name) => traits[name], on() {}, off() {}, send() {} };
explorer.render({ model, el: part("explorer") });
