// A saved page: the explorer with what stands in the file, and no kernel behind it.
const explorerFile = (() => {
  const text = (id) => document.getElementById(id).textContent;
  const bytes = (base64) => {
    const letters = atob(base64.trim());
    const found = new Uint8Array(letters.length);
    for (let k = 0; k < letters.length; k += 1) found[k] = letters.charCodeAt(k);
    return found;
  };
  const about = JSON.parse(text("about"));
  for (const run of about.runs) run.picture = bytes(run.picture);
  const held = { about, data: bytes(text("data")), chosen: {}, part: {}, looks: {}, problem: "" };
  return { get: (name) => held[name], on() {}, off() {}, send() {} };
})();
render({ model: explorerFile, el: document.getElementById("explorer") });
