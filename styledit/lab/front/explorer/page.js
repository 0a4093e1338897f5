// A saved page: the explorer with what stands in the file, and no kernel behind it.
import explorer from "./explorer.js";

/** The text of one of the page's elements. */
const textOf = (id) => document.getElementById(id).textContent;

/** The bytes of a base64 text. */
function decoded(base64) {
  return Uint8Array.from(atob(base64.trim()), (letter) => letter.charCodeAt(0));
}

const about = JSON.parse(textOf("about"));
for (const run of about.runs) run.picture = decoded(run.picture);
const traits = { about, data: decoded(textOf("data")), chosen: {}, part: {}, looks: {}, problem: "" };
const model = { get: (name) => traits[name], on() {}, off() {}, send() {} };
explorer.render({ model, el: document.getElementById("explorer") });
