// Made from styledit/lab/front by "npm run build"; change it there.
// styledit/lab/front/shared/elements.js
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function")
      made.addEventListener(
        name.slice(2),
        /** @type {EventListener} */
        value
      );
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== void 0) made.setAttribute(name, String(value));
  }
  made.append(...present(children));
  return made;
}
function present(children) {
  return children.filter((child) => child !== null && child !== void 0);
}
function contextOf(canvas, reads = false) {
  return (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d", { willReadFrequently: reads })
  );
}
function keepKeys(control) {
  control.dataset.lmSuppressShortcuts = "true";
  control.addEventListener("keydown", (event) => event.stopPropagation());
  return control;
}
var idsGiven = 0;
function uniqueId() {
  idsGiven += 1;
  return `styledit-${idsGiven}-${Math.random().toString(36).slice(2, 8)}`;
}

// styledit/lab/front/shared/colours.js
function paletteOf(anchors) {
  const colours = new Uint8ClampedArray(256 * 3);
  for (let k = 0; k < 256; k += 1) {
    const place = k / 255 * (anchors.length - 1);
    const first = Math.min(anchors.length - 2, Math.floor(place));
    const part = place - first;
    for (let c = 0; c < 3; c += 1) {
      colours[3 * k + c] = anchors[first][c] * (1 - part) + anchors[first + 1][c] * part;
    }
  }
  return colours;
}
function coloured(values, range, palette) {
  const pixels = new Uint8ClampedArray(4 * values.length);
  const factor = 255 / Math.max(range.high - range.low, 1e-12);
  for (let k = 0; k < values.length; k += 1) {
    const place = 3 * Math.max(0, Math.min(255, Math.round((values[k] - range.low) * factor)));
    pixels[4 * k] = palette[place];
    pixels[4 * k + 1] = palette[place + 1];
    pixels[4 * k + 2] = palette[place + 2];
    pixels[4 * k + 3] = 255;
  }
  return pixels;
}
function paint(canvas, values, range, palette) {
  const image = new ImageData(coloured(values, range, palette), canvas.width, canvas.height);
  contextOf(canvas).putImageData(image, 0, 0);
}

// styledit/lab/front/shared/kernel.js
var PATIENCE = 2500;
var REST = 500;
var LINKED = 80;
function listen(model, handlers) {
  const entries = (
    /** @type {[string, () => void][]} */
    Object.entries(handlers)
  );
  for (const [trait, handler] of entries) model.on(`change:${trait}`, handler);
  return () => {
    for (const [trait, handler] of entries) model.off(`change:${trait}`, handler);
  };
}
function asker(model, note) {
  let waiting;
  const wait = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      note(
        "The kernel is busy with a cell, or no longer there. The newest change follows when it answers; if it does not, run this cell again."
      );
    }, PATIENCE);
  };
  return {
    answered() {
      clearTimeout(waiting);
      note("");
    },
    ask(message, buffers = []) {
      try {
        model.send(message, void 0, buffers);
        wait();
      } catch {
        note("The kernel does not answer; run this cell again.");
      }
    },
    close: () => clearTimeout(waiting)
  };
}
function reporter(model, tell) {
  let later;
  const fire = () => {
    later = void 0;
    try {
      tell();
    } catch {
    }
  };
  return {
    renew() {
      const { linked } = model.get("led");
      if (linked && later !== void 0) return;
      clearTimeout(later);
      later = setTimeout(fire, linked ? LINKED : REST);
    },
    waits: () => later !== void 0,
    stop() {
      clearTimeout(later);
      later = void 0;
    }
  };
}

// styledit/lab/front/shared/pictures.js
function bytesOf(data) {
  if (!data) return null;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(
    /** @type {ArrayBuffer} */
    data.buffer,
    data.byteOffset,
    data.byteLength
  );
}

// styledit/lab/front/explorer/canvases.js
function mapCanvas(map, { h, w }, range, palette) {
  const canvas = element("canvas", { width: w, height: h });
  paint(canvas, map, range, palette);
  return canvas;
}
function greyCanvas(image) {
  const { width, height } = image;
  const canvas = element("canvas", { width, height });
  const context = contextOf(canvas, true);
  context.drawImage(image, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  const { data } = pixels;
  for (let k = 0; k < data.length; k += 4) {
    const light = 0.299 * data[k] + 0.587 * data[k + 1] + 0.114 * data[k + 2];
    data.fill(20 + light * 0.85, k, k + 3);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
function compose(canvas, grey, small, share, smooth) {
  const context = contextOf(canvas);
  const { width, height } = canvas;
  if (grey) context.drawImage(grey, 0, 0, width, height);
  else context.clearRect(0, 0, width, height);
  if (!small) return;
  context.save();
  context.globalAlpha = 1 - share;
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small, 0, 0, width, height);
  context.restore();
}
function markCell(canvas, cell, locked) {
  const context = contextOf(canvas);
  const { width, height } = canvas;
  const unit = width / 512;
  const frame = (colour2, line) => {
    context.lineWidth = line * unit;
    context.strokeStyle = colour2;
    context.strokeRect(cell.x * width, cell.y * height, cell.w * width, cell.h * height);
  };
  frame("#000", locked ? 6 : 4);
  frame(locked ? "#56b4e9" : "#fff", locked ? 3 : 2);
}

// styledit/lab/front/shared/controls.js
function pushButton(text, testid, pressed, attributes = {}) {
  return keepKeys(
    element("button", { type: "button", "data-testid": testid, onclick: pressed, ...attributes }, text)
  );
}
function checkBox(testid, checked, changed) {
  const input = keepKeys(element("input", { type: "checkbox", checked, "data-testid": testid }));
  input.addEventListener("change", () => changed(input.checked));
  return input;
}
function whileDragged(input, changed) {
  let moved = false;
  const end = () => {
    moved = false;
    changed(Number(input.value), false);
  };
  input.addEventListener("input", () => {
    moved = true;
    changed(Number(input.value), true);
  });
  input.addEventListener("change", end);
  for (const event of ["pointerup", "pointercancel", "blur"]) {
    input.addEventListener(
      event,
      () => setTimeout(() => {
        if (moved) end();
      })
    );
  }
}
function slider(label, { min = 0, max = 1, step = 0.05, value = 0, title = "" }, changed) {
  const id = uniqueId();
  const input = keepKeys(element("input", { type: "range", id, min, max, step, title }));
  const digits = step < 1 ? 2 : 0;
  const output = element("output", { for: id, "aria-hidden": "true" });
  const show = () => {
    output.textContent = Number(input.value).toFixed(digits);
  };
  input.value = String(value);
  show();
  whileDragged(input, (next, moving) => {
    show();
    changed(next, moving);
  });
  return {
    root: element(
      "div",
      { class: "styledit-slider" },
      element("label", { for: id, title }, label),
      input,
      output
    ),
    input,
    output,
    set(next) {
      input.value = String(next);
      show();
    }
  };
}

// styledit/lab/front/explorer/controls.js
var VIEWS = [
  ["raw", "as it is"],
  ["share", "share among words"],
  ["difference", "target minus source"]
];
var SCALES = [
  ["each", "each word its own"],
  ["one", "one scale for all words"],
  ["held", "held as it is now"]
];
function choice(label, testid, options, value, changed) {
  const id = uniqueId();
  const option = ([key, text]) => element("option", { value: key }, text);
  const entries = options.map(
    ([key, rest]) => typeof rest === "string" ? option([key, rest]) : element("optgroup", { label: key }, ...rest.map(option))
  );
  const select = keepKeys(element("select", { id, "data-testid": testid }, ...entries));
  select.value = value;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
  select.addEventListener("change", () => changed(select.value));
  const root = element("div", { class: "explorer-choice" }, element("label", { for: id }, label), select);
  return { root, select };
}
function layerOptions({ layers }) {
  const recorded = layers.filter((layer) => layer.cross);
  const name = (size) => `${size[0]} × ${size[1]}`;
  const sizes = [...new Map(recorded.map(({ size }) => [size.join("x"), size])).values()];
  sizes.sort((a, b) => b[0] * b[1] - a[0] * a[1]);
  const grids = sizes.map((size) => [`grid:${size.join("x")}`, `all ${name(size)} maps`]);
  const single = recorded.map(({ index, label, size }) => [`layer:${index}`, `${label} · ${name(size)}`]);
  const groups = grids.length > 1 ? [["By size", grids]] : [];
  return [["all", "all layers (mean)"], ...groups, ["One layer", single]];
}
function stepSlider({ about: { steps }, chosen }, actions) {
  const say = ({ input, output }, row) => {
    output.textContent = row < 0 ? "all (mean)" : `${steps[row]}`;
    input.setAttribute("aria-valuetext", row < 0 ? "all steps, their mean" : `step ${steps[row]}`);
  };
  const title = `Step ${steps[0]} is the noisiest; all the way to the left is the mean of all`;
  const options = { min: -1, max: steps.length - 1, step: 1, value: chosen.row, title };
  const made = slider("step", options, (row) => {
    say(made, row);
    actions.change({ row });
  });
  made.input.dataset.testid = "step";
  made.root.classList.add("explorer-step");
  const follow = () => {
    made.input.value = String(chosen.row);
    say(made, chosen.row);
  };
  follow();
  return { root: made.root, follow };
}
function runChoice({ about, chosen }, actions) {
  const runs = about.runs.map((run, k) => [String(k), `${run.kind}: ${run.prompt}`]);
  const { root, select } = choice(
    "run",
    "run",
    runs,
    String(chosen.run),
    (run) => actions.change({ run: Number(run) })
  );
  const follow = () => {
    const signed = chosen.view === "difference";
    select.options[0].disabled = signed;
    if (signed) chosen.run = Math.max(1, chosen.run);
    select.value = String(chosen.run);
  };
  follow();
  return { root, follow };
}
function headChoice({ about, chosen }, actions) {
  const heads = Array.from({ length: about.heads }, (_, k) => [String(k), `head ${k}`]);
  const options = (
    /** @type {Option[]} */
    [["-1", "all heads (mean)"], ...heads]
  );
  const change = (head) => actions.change({ head: Number(head) });
  return choice("head", "head", options, String(chosen.head), change).root;
}
function whatControls(explorer, actions) {
  const { about, chosen } = explorer;
  const run = about.runs.length > 1 ? runChoice(explorer, actions) : null;
  const views = VIEWS.filter(([key]) => run || key !== "difference");
  const view = choice("view", "view", views, chosen.view, (next) => {
    actions.change({ view: (
      /** @type {Chosen["view"]} */
      next
    ) });
    run?.follow();
  });
  const layer = choice(
    "layer",
    "layer",
    layerOptions(about),
    chosen.layer,
    (next) => actions.change({ layer: next })
  );
  const step = about.steps.length > 1 ? stepSlider(explorer, actions) : null;
  const root = element(
    "div",
    { class: "explorer-controls" },
    run?.root,
    view.root,
    layer.root,
    about.heads > 1 ? headChoice(explorer, actions) : null,
    step?.root
  );
  return { root, follow: () => step?.follow() };
}
function howControls({ chosen }, actions) {
  const scale = choice(
    "colour scale",
    "scale",
    SCALES,
    chosen.scale,
    (next) => actions.change({ scale: (
      /** @type {Chosen["scale"]} */
      next
    ) })
  );
  const contrast = slider(
    "contrast",
    { value: chosen.contrast, title: "Narrows the colour scale to where the values are" },
    (value) => actions.change({ contrast: value })
  );
  contrast.input.dataset.testid = "contrast";
  const share = slider(
    "picture",
    { max: 0.9, value: chosen.share, title: "How much of the grey picture is seen under the map" },
    (value) => actions.change({ share: value })
  );
  share.input.dataset.testid = "picture";
  const smooth = checkBox("smooth", chosen.smooth, (next) => actions.change({ smooth: next }));
  return element(
    "div",
    { class: "explorer-controls" },
    scale.root,
    contrast.root,
    share.root,
    element("label", { class: "explorer-check" }, smooth, "smooth")
  );
}

// styledit/lab/front/shared/resample.js
var known = /* @__PURE__ */ new Map();
function makeTaps(n, m) {
  const first = new Int32Array(m);
  const second = new Int32Array(m);
  const weight = new Float32Array(m);
  for (let k = 0; k < m; k += 1) {
    const place = Math.max(0, (k + 0.5) * n / m - 0.5);
    first[k] = Math.min(n - 1, Math.floor(place));
    second[k] = Math.min(n - 1, first[k] + 1);
    weight[k] = place - first[k];
  }
  return { first, second, weight };
}
function tapsOf(n, m) {
  const key = `${n}>${m}`;
  const taps = known.get(key) ?? makeTaps(n, m);
  known.set(key, taps);
  return taps;
}
function addMap(total, size, map, from, factor) {
  if (from.h === size.h && from.w === size.w) {
    for (let k = 0; k < total.length; k += 1) total[k] += factor * map[k];
    return;
  }
  const rows = tapsOf(from.h, size.h);
  const columns = tapsOf(from.w, size.w);
  let place = 0;
  for (let y = 0; y < size.h; y += 1) {
    const above = rows.first[y] * from.w;
    const below = rows.second[y] * from.w;
    const v = rows.weight[y];
    for (let x = 0; x < size.w; x += 1) {
      const left = columns.first[x];
      const right = columns.second[x];
      const u = columns.weight[x];
      const top = map[above + left] * (1 - u) + map[above + right] * u;
      const bottom = map[below + left] * (1 - u) + map[below + right] * u;
      total[place] += factor * (top * (1 - v) + bottom * v);
      place += 1;
    }
  }
}

// styledit/lab/front/explorer/data.js
var MOST_PARTS = 40;
var MOST_MEANS = 60;
function openStore(about, data) {
  return {
    about,
    tables: tablesOf(about.tables, data),
    parts: /* @__PURE__ */ new Map(),
    looks: null,
    means: /* @__PURE__ */ new Map()
  };
}
function tablesOf(entries, data) {
  const bytes = bytesOf(data) ?? new Uint8Array();
  const count = entries.reduce((sum, entry) => sum + entry.planes * entry.columns, 0);
  const scales = new Float32Array(bytes.slice(0, 4 * count).buffer);
  const values = bytes.subarray(4 * count);
  return new Map(
    entries.map((entry) => {
      const maps = entry.planes * entry.columns;
      const table = {
        ...entry,
        scales: scales.subarray(entry.scales, entry.scales + maps),
        values: values.subarray(entry.values, entry.values + maps * entry.h * entry.w)
      };
      return [tableKey(entry.run, entry.kind, entry.layer, entry.by), table];
    })
  );
}
function tableKey(run, kind, layer, by) {
  return [run, kind, layer, by].join("/");
}
function addPart(store, part) {
  store.parts.set(`${part.row}/${part.head}`, tablesOf(part.tables, part.data));
  forgetOldest(store.parts, MOST_PARTS);
  store.means.clear();
}
function forgetOldest(entries, most) {
  for (const key of entries.keys()) {
    if (entries.size <= most) return;
    entries.delete(key);
  }
}
function findPlane(store, run, kind, layer, row, head) {
  const at = (by) => store.tables.get(tableKey(run, kind, layer.index, by));
  const wantsRow = row >= 0 && store.about.steps.length > 1;
  const wantsHead = head >= 0 && layer.heads > 1;
  const found = (table, plane, note = "") => {
    const coarse = table.h * table.w < layer.size[0] * layer.size[1];
    return { table, plane, note: note || (coarse ? "coarser than recorded" : "") };
  };
  const mean = at("mean");
  if (!mean) return null;
  const part = store.parts.get(`${row}/${head}`)?.get(tableKey(run, kind, layer.index, "mean"));
  if (part) return found(part, 0);
  if (!wantsRow && !wantsHead) return found(mean, 0);
  const both = wantsRow && wantsHead && at("both");
  if (both) return found(both, row * layer.heads + head);
  const step = wantsRow && at("step");
  if (step) return found(step, row, wantsHead ? "all heads together" : "");
  const heads = wantsHead && at("head");
  if (heads) return found(heads, head, wantsRow ? "all steps together" : "");
  return found(mean, 0, wantsRow ? "all steps together" : "all heads together");
}
function chosenLayers(about, choice2, head) {
  const [kind, rest] = choice2.split(":");
  const isChosen = (layer) => kind === "all" || kind === "grid" && layer.size.join("x") === rest || kind === "layer" && String(layer.index) === rest;
  return about.layers.filter((layer) => isChosen(layer) && head < layer.heads);
}
function columnOf({ table, plane }, column) {
  const cells = table.h * table.w;
  const place = plane * table.columns + column;
  return {
    map: table.values.subarray(place * cells, (place + 1) * cells),
    factor: table.scales[place] / 255
  };
}
function meanMaps(store, run, choice2, row, head) {
  const key = [run, choice2, row, head].join("/");
  const known2 = store.means.get(key);
  if (known2) return known2;
  const layers = chosenLayers(store.about, choice2, head).filter((layer) => layer.cross);
  if (!layers.length) return null;
  const grid = finest(layers);
  const maps = store.about.runs[run].columns.map(() => new Float32Array(grid.h * grid.w));
  const notes = /* @__PURE__ */ new Set();
  for (const layer of layers) {
    const plane = findPlane(store, run, "cross", layer, row, head);
    if (!plane) continue;
    if (plane.note) notes.add(plane.note);
    maps.forEach((total, c) => {
      const { map, factor } = columnOf(plane, c);
      addMap(total, grid, map, plane.table, factor / layers.length);
    });
  }
  const mean = { ...grid, maps, notes };
  store.means.set(key, mean);
  forgetOldest(store.means, MOST_MEANS);
  return mean;
}
function finest(layers) {
  const [first, ...others] = layers.map((layer) => layer.size);
  const [h, w] = others.reduce((best, size) => size[0] * size[1] > best[0] * best[1] ? size : best, first);
  return { h, w };
}
function wordShares(mean, columns) {
  const total = new Float32Array(mean.h * mean.w);
  const words = mean.maps.map((map, c) => columns[c].kind === "word" ? map : null);
  for (const map of words) map?.forEach((value, k) => total[k] += value);
  const share = (value, k) => total[k] > 0 ? value / total[k] : 0;
  return { ...mean, maps: words.map((map) => map && map.map(share)) };
}
function difference(target, source, partners) {
  const maps = target.maps.map((map, c) => {
    const partner = partners[c];
    const other = partner === null ? null : source.maps[partner];
    return map && other && map.map((value, k) => value - other[k]);
  });
  return { ...target, maps, notes: /* @__PURE__ */ new Set([...target.notes, ...source.notes]) };
}
function looksOf(store, run, choice2, row, head, pixel) {
  const layers = chosenLayers(store.about, choice2, head).filter((layer) => layer.self);
  if (!layers.length) return null;
  const notes = /* @__PURE__ */ new Set();
  const rows = [];
  for (const layer of layers) {
    const answer = answeredLooks(store, run, layer, row, head, pixel);
    const plane = answer ? null : findPlane(store, run, "self", layer, row, head);
    if (answer) rows.push({ map: answer, h: layer.size[0], w: layer.size[1], factor: 1 });
    if (plane) rows.push(packedLooks(plane, layer, pixel));
    if (plane?.note) notes.add(plane.note);
  }
  const missing = layers.length - rows.length;
  if (!rows.length) return { h: 1, w: 1, map: null, notes, missing };
  const grid = { h: Math.max(...rows.map((entry) => entry.h)), w: Math.max(...rows.map((entry) => entry.w)) };
  const map = new Float32Array(grid.h * grid.w);
  for (const entry of rows) {
    const spread = entry.h * entry.w / (grid.h * grid.w) / rows.length;
    addMap(map, grid, entry.map, entry, entry.factor * spread);
  }
  return { ...grid, map, notes, missing };
}
function packedLooks(plane, layer, pixel) {
  const { h, w } = plane.table;
  const [height, width] = layer.size;
  const { map, factor } = columnOf(plane, cellOf({ h: height, w: width }, pixel));
  return { map, h, w, factor: factor * (height * width / (h * w)) };
}
function answeredLooks({ looks }, run, layer, row, head, { x, y }) {
  if (!looks || looks.row !== row || looks.head !== head || looks.x !== x || looks.y !== y) return null;
  const bytes = bytesOf(looks.rows.find((one) => one.run === run && one.layer === layer.index)?.data);
  return bytes && new Float32Array(bytes.slice().buffer);
}
function cellOf({ h, w }, { x, y }) {
  return Math.min(h - 1, Math.floor(y * h)) * w + Math.min(w - 1, Math.floor(x * w));
}
function boxOf(grid, point) {
  const k = cellOf(grid, point);
  return { x: k % grid.w / grid.w, y: Math.floor(k / grid.w) / grid.h, w: 1 / grid.w, h: 1 / grid.h };
}

// styledit/lab/front/explorer/colours.js
var STEPS = 256;
var GREY = 128;
function rangeOf(maps, contrast, signed) {
  const length = maps.reduce((sum, map) => sum + map.length, 0);
  if (!length) return { low: 0, high: 1 };
  const values = new Float32Array(length);
  let place = 0;
  for (const map of maps) {
    values.set(map, place);
    place += map.length;
  }
  if (signed) values.forEach((value, k) => values[k] = Math.abs(value));
  values.sort();
  const at = (share) => values[Math.round(share * (length - 1))];
  const high = Math.max(at(1) * (1 - contrast) + at(0.95) * contrast, 1e-9);
  return { low: signed ? -high : Math.min(at(0.05) * contrast, 0.98 * high), high };
}
function percent(value) {
  const size = Math.abs(100 * value);
  const digits = size >= 10 || size === 0 ? 1 : size >= 0.1 ? 2 : 3;
  return (100 * value).toFixed(digits).replace("-", "−");
}
function colourBar() {
  const canvas = element("canvas", { width: STEPS, height: 1, "aria-hidden": "true" });
  const numbers = [0, 1, 2].map(() => element("span"));
  const unit = element("span", { class: "explorer-unit" });
  const root = element(
    "div",
    { class: "explorer-colour-bar", "data-testid": "colour-bar" },
    canvas,
    element("div", { class: "explorer-ticks" }, ...numbers),
    unit
  );
  const values = Array.from({ length: STEPS }, (_, k) => k);
  return {
    root,
    set({ low, high }, palette, share, text, clipped) {
      const faded = palette.map((value) => value * (1 - share) + GREY * share);
      const pixels = coloured(values, { low: 0, high: STEPS - 1 }, faded);
      contextOf(canvas).putImageData(new ImageData(pixels, STEPS, 1), 0, 0);
      numbers[0].textContent = `${clipped.low ? "≤ " : ""}${percent(low)}`;
      numbers[1].textContent = percent((low + high) / 2);
      numbers[2].textContent = `${clipped.high ? "≥ " : ""}${percent(high)}`;
      unit.textContent = text;
    }
  };
}

// styledit/lab/front/shared/words.js
var SMALL = new Set("a an the this that of in on at and or with by to from for its is".split(" "));
function namesSomething(word) {
  return /\p{L}/u.test(word) && !SMALL.has(word);
}

// styledit/lab/front/explorer/view.js
var SINK = 3;
var TOP = 0.1;
function viewOf({ about, chosen, store }) {
  const signed = chosen.view === "difference" && about.runs.length > 1;
  const run = signed ? Math.max(1, chosen.run) : chosen.run;
  const { columns, partners } = about.runs[run];
  const mean = (k) => meanMaps(store, k, chosen.layer, chosen.row, chosen.head);
  const sinks = (k) => sinksOf(mean(k)?.maps ?? [], about.runs[k].columns);
  const own = { columns, run, signed, sinks: sinks(run), others: [] };
  const target = mean(run);
  if (!target) return { h: 1, w: 1, maps: columns.map(() => null), notes: /* @__PURE__ */ new Set(), ...own };
  if (signed) return { ...difference(target, mean(0) ?? target, partners), ...own };
  const shown = (maps, k) => chosen.view === "share" ? wordShares(maps, about.runs[k].columns) : maps;
  const others = about.runs.flatMap((other, k) => {
    const maps = k === run ? null : mean(k);
    return maps ? shown(maps, k).maps.filter((_, c) => isCompared(other.columns, sinks(k), c)) : [];
  });
  return { ...shown(target, run), ...own, others: others.filter((map) => map !== null) };
}
function sinksOf(maps, columns) {
  const means = maps.map((map, c) => map && columns[c].kind === "word" ? sumOf(map) / map.length : -1);
  const words = means.filter((mean) => mean >= 0).sort((a, b) => a - b);
  const middle = words.length / 2;
  const median = words.length ? (words[Math.ceil(middle) - 1] + words[Math.floor(middle)]) / 2 : 0;
  return new Set(means.flatMap((mean, c) => mean > SINK * median ? [c] : []));
}
function sumOf(map) {
  let sum = 0;
  for (let k = 0; k < map.length; k += 1) sum += map[k];
  return sum;
}
function isCompared(columns, sinks, c) {
  return columns[c].kind === "word" && !sinks.has(c);
}
function scalesOf(explorer, { maps, columns, others, signed, sinks }) {
  const { chosen } = explorer;
  const words = maps.filter((map, c) => map !== null && isCompared(columns, sinks, c));
  const common = rangeOf([...words.filter((map) => map !== null), ...others], chosen.contrast, signed);
  if (chosen.scale !== "held" || explorer.held?.signed !== signed) explorer.held = { ...common, signed };
  const { held } = explorer;
  return maps.map((map, c) => {
    if (!map) return null;
    const alone = chosen.scale === "each" || !isCompared(columns, sinks, c);
    return { ...alone ? rangeOf([map], chosen.contrast, signed) : held ?? common, alone };
  });
}
function scaleSentence({ chosen }, { columns, sinks }) {
  if (chosen.scale === "each")
    return "Each word has its own colour scale: its brightest place is where it is read most. How much it is read, the numbers say.";
  const common = chosen.scale === "one" ? "One colour scale for all words" : "The colour scale is held as it was";
  const taking = [...sinks].map((c) => `“${columns[c].text}”`).join(", ");
  const also = taking ? `, and so do the words that take nearly everything: ${taking}` : "";
  return `${common}: equal colours are equal numbers. Start, end and padding keep their own${also}.`;
}
function firstWord(view, { runs }) {
  const { maps, columns, run, signed } = view;
  const { named, partners } = runs[run];
  const isReplaced = (column, c) => {
    const partner = partners[c];
    return maps[c] && partner !== null && runs[0].columns[partner].text !== column.text;
  };
  const replaced = signed ? columns.findIndex(isReplaced) : -1;
  if (replaced >= 0) return replaced;
  return named !== null && maps[named] ? named : mostConcentrated(view);
}
function mostConcentrated({ maps, columns }) {
  const words = columns.flatMap(({ kind }, c) => kind === "word" && maps[c] ? [c] : []);
  const naming = words.filter((c) => namesSomething(columns[c].text));
  let [first, most] = [words[0] ?? 0, -1];
  for (const c of naming) {
    const share = concentration(maps[c] ?? []);
    if (share > most) [first, most] = [c, share];
  }
  return first;
}
function concentration(map) {
  const sizes = Float32Array.from(map, Math.abs).sort().reverse();
  const total = sumOf(sizes);
  return total ? sumOf(sizes.subarray(0, Math.ceil(TOP * sizes.length))) / total : 0;
}
function extentOf(map) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of map) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}
function colour(explorer) {
  const view = viewOf(explorer);
  const scales = scalesOf(explorer, view);
  const palette = view.signed ? explorer.palettes.diverging : explorer.palettes.sequential;
  const extents = view.maps.map((map) => map && extentOf(map));
  return {
    ...view,
    palette,
    scales,
    extents,
    canvases: view.maps.map((map, c) => {
      const scale = scales[c];
      return map && scale && mapCanvas(map, view, scale, palette);
    }),
    most: Math.max(1e-9, ...extents.map((extent) => extent ? Math.max(extent.high, -extent.low) : 0)),
    first: firstWord(view, explorer.about)
  };
}
function whereSentence({ about, chosen }, notes) {
  const head = chosen.head < 0 ? "all heads" : `head ${chosen.head}`;
  const step = chosen.row < 0 ? "all steps" : `step ${about.steps[chosen.row]}`;
  const here = notes.size ? ` (here: ${[...notes].join("; ")})` : "";
  return `${layersName({ about, chosen })}, ${head}, ${step}${here}`;
}
function layersName({ about, chosen }) {
  if (chosen.layer === "all") return "all layers";
  const [kind, rest] = chosen.layer.split(":");
  if (kind === "grid") return `all ${rest.replace("x", " × ")} maps`;
  return chosenLayers(about, chosen.layer, chosen.head)[0]?.label ?? "this layer";
}

// styledit/lab/front/explorer/draw.js
var UNITS = {
  raw: "% of what a pixel reads",
  share: "% of what it reads of the words",
  difference: "more or less, in % of what a pixel reads"
};
var READS = { raw: "reads", share: "reads of the words", difference: "reads more or less of" };
function nameOf(column) {
  return column.kind === "word" ? column.text : `<${column.text}>`;
}
function recolour(explorer, stage, first) {
  const { chosen } = explorer;
  const before = explorer.coloured.run;
  if (!first) explorer.coloured = colour(explorer);
  const view = explorer.coloured;
  if (first || view.run !== before) {
    stage.words.fill(view.columns);
    stage.bars.fill(view.columns);
    if (chosen.word !== null && chosen.word >= view.columns.length) chosen.word = null;
  }
  stage.scale.textContent = scaleSentence(explorer, view);
  view.columns.forEach((column, c) => {
    stage.words.draw(c, explorer.grey[view.run], view.canvases[c], titleOf(explorer, column, c));
  });
}
function titleOf(explorer, column, c) {
  const { maps, signed } = explorer.coloured;
  if (!maps[c] && signed) return `"${column.text}" is not in the first prompt: nothing to compare with`;
  if (!maps[c]) return "only words have a share";
  const source = comparedWith(explorer, c);
  return source && source !== column.text ? `${column.text} minus ${source}` : column.text;
}
function comparedWith({ about, coloured: view }, c) {
  const partner = view.signed && view.maps[c] ? about.runs[view.run].partners[c] : null;
  return partner === null ? "" : about.runs[0].columns[partner].text;
}
function kindOf(view, chosen) {
  if (view.signed) return "difference";
  return chosen.view === "share" ? "share" : "raw";
}
function shownWord({ hover, chosen, coloured: view }) {
  return hover.word ?? chosen.word ?? view.first;
}
function drawMap(explorer, stage) {
  const { chosen, hover, coloured: view } = explorer;
  const c = shownWord(explorer);
  const pixel = hover.pixel ?? chosen.pixel;
  stage.words.mark(c, chosen.word);
  compose(stage.canvas, explorer.grey[view.run], view.canvases[c], chosen.share, chosen.smooth);
  if (pixel) markCell(stage.canvas, boxOf(view, pixel), !hover.pixel);
  const column = view.columns[c];
  const name = column.kind === "word" ? `“${column.text}”` : nameOf(column);
  const [scale, extent] = [view.scales[c], view.extents[c]];
  if (!scale || !extent) {
    stage.caption.textContent = view.signed ? `${name} is not in the first prompt: there is nothing to compare it with.` : `${name} is no word: it has no share among them.`;
    return;
  }
  const source = comparedWith(explorer, c);
  stage.caption.replaceChildren(
    element("b", {}, source && source !== column.text ? `${name} minus “${source}”` : name),
    ` ${percent(extent.low)} to ${percent(extent.high)} % · ${whereSentence(explorer, view.notes)}`
  );
  const whose = scale.alone ? "its own scale" : "one scale for all words";
  const unit = `${UNITS[kindOf(view, chosen)]} · ${whose}`;
  stage.colourBar.set(scale, view.palette, chosen.share, unit, {
    low: extent.low < scale.low - 1e-6,
    high: extent.high > scale.high + 1e-6
  });
}
function drawBars(explorer, { bars }) {
  const { chosen, hover, coloured: view } = explorer;
  const pixel = hover.pixel ?? chosen.pixel;
  const values = view.maps.map((map) => {
    if (!map) return null;
    return pixel ? map[cellOf(view, pixel)] : map.reduce((sum, value) => sum + value, 0) / map.length;
  });
  const reads = READS[kindOf(view, chosen)];
  bars.title.textContent = pixel ? `What this pixel ${reads}, %` : `What the picture ${reads} on average, %`;
  bars.set(values, view.most, view.signed, shownWord(explorer));
}
function drawLooks(explorer, { looks: { canvas, note } }) {
  const { about, chosen, hover, store, palettes, coloured: view } = explorer;
  if (!about.layers.some((layer) => layer.self)) return;
  const pixel = hover.pixel ?? chosen.pixel;
  const grey = explorer.grey[view.run];
  const of = (run) => pixel && looksOf(store, run, chosen.layer, chosen.row, chosen.head, pixel);
  const looks = of(view.run);
  if (!pixel || !looks?.map) {
    compose(canvas, grey, null, 0, true);
    note.textContent = pixel ? noLooksSentence(looks !== null, about.live) : "Point at the picture: the pixels that it looks at light up here.";
    return;
  }
  const source = view.signed ? of(0)?.map : null;
  const map = source ? looks.map.map((value, k) => value - source[k]) : looks.map;
  const range = rangeOf([map], chosen.contrast * 0.5, Boolean(source));
  const small = mapCanvas(map, looks, range, source ? palettes.diverging : palettes.sequential);
  compose(canvas, grey, small, chosen.share, chosen.smooth);
  markCell(canvas, boxOf(looks, pixel), !hover.pixel);
  const missing = looks.missing && about.live ? ["the finer layers come when you click the pixel"] : [];
  const notes = [...looks.notes, ...missing];
  const ends = source ? `−${percent(range.high)} to +${percent(range.high)} % a cell, target minus source` : `${percent(range.low)} to ${percent(range.high)} % a cell`;
  note.textContent = notes.length ? `${ends} (here: ${notes.join("; ")})` : ends;
}
function noLooksSentence(recorded, live) {
  if (!recorded) return "Self-attention was not recorded here; choose other layers.";
  return live ? "Click the pixel: these maps come from Python." : "These maps are too large for this file.";
}

// styledit/lab/front/shared/geometry.js
var ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1]
};
function clamped(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

// styledit/lab/front/explorer/pointing.js
function pointUnder(canvas, [x, y]) {
  const box = canvas.getBoundingClientRect();
  const inside = (place) => clamped(place, 0, 0.999999);
  return { x: inside((x - box.left) / box.width), y: inside((y - box.top) / box.height) };
}
function neighbour(grid, from, [dx, dy]) {
  const box = boxOf(grid, from);
  const next = (place, size, step) => clamped(place + size / 2 + step * size, size / 2, 1 - size / 2);
  return { x: next(box.x, box.w, dx), y: next(box.y, box.h, dy) };
}
function listenToPointing(explorer, { canvas, live }, actions) {
  canvas.addEventListener(
    "pointermove",
    (event) => actions.point({ pixel: null, mouse: [event.clientX, event.clientY] })
  );
  canvas.addEventListener("pointerleave", () => actions.point({ pixel: null, mouse: null }));
  canvas.addEventListener("click", (event) => {
    actions.lockPixel(pointUnder(canvas, [event.clientX, event.clientY]));
    live.textContent = pixelSentence(explorer) ?? live.textContent;
  });
  canvas.addEventListener("blur", () => actions.point({ pixel: null }));
  keepKeys(canvas);
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    const from = explorer.hover.pixel ?? explorer.chosen.pixel ?? { x: 0.5, y: 0.5 };
    if (arrow) actions.point({ pixel: neighbour(explorer.coloured, from, arrow) });
    else if (event.key === "Enter" || event.key === " ") actions.lockPixel(from);
    else if (event.key === "Escape") actions.lockPixel(null);
    else return;
    event.preventDefault();
    live.textContent = pixelSentence(explorer) ?? live.textContent;
  });
}
function pixelSentence({ hover, chosen, coloured: view }) {
  const pixel = hover.pixel ?? chosen.pixel;
  if (!pixel) return null;
  const k = cellOf(view, pixel);
  const most = view.columns.map(({ text }, c) => ({ text, value: view.maps[c]?.[k] ?? 0 })).sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, 3).map(({ text, value }) => `${text} ${percent(value)} %`);
  return `row ${Math.floor(k / view.w)}, column ${k % view.w}: ${most.join(", ")}`;
}

// styledit/lab/front/explorer/requests.js
function requestsOf(explorer, kernel) {
  const { about, chosen, store } = explorer;
  let id = 0;
  let askedPart = "";
  let askedLooks = "";
  const ask = (message) => {
    id += 1;
    kernel.ask({ id, row: chosen.row, head: chosen.head, ...message });
  };
  return {
    /** One step or head of every layer's cross-attention. */
    part() {
      const key = `${chosen.row}/${chosen.head}`;
      if (!about.live || !explorer.coloured.notes.size || store.parts.has(key) || askedPart === key) return;
      askedPart = key;
      ask({ type: "part" });
    },
    /** Where the locked pixel looks. */
    looks() {
      const { layer, row, head, pixel } = chosen;
      if (!pixel || !about.live) return;
      const looks = looksOf(store, explorer.coloured.run, layer, row, head, pixel);
      const key = [layer, row, head, pixel.x, pixel.y].join("/");
      const whole = looks?.map && !looks.missing && !looks.notes.size;
      if (!looks || whole || askedLooks === key) return;
      askedLooks = key;
      const layers = chosenLayers(about, layer, head).filter((one) => one.self);
      ask({ type: "looks", layers: layers.map(({ index }) => index), ...pixel });
    },
    /** A control changed: everything may be asked for again. */
    forget() {
      askedPart = "";
      askedLooks = "";
    }
  };
}

// styledit/lab/front/shared/download.js
function download(name, data, type) {
  const bytes = bytesOf(data);
  if (!bytes) return;
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1e4);
}

// styledit/lab/front/explorer/saving.js
function savingSentence({ id, done = 0, total = 1, name }, wanted) {
  if (!wanted) return "";
  if (id !== wanted) return "The page is being made.";
  return name ? `Saved as ${name}.` : `The page is being made: ${Math.round(100 * done / total)} %.`;
}
function pageSaver({ model, chosen }, kernel) {
  let wanted = 0;
  const note = element("span", { role: "status", "data-testid": "saving" });
  const button = pushButton(
    "Save as a page",
    "save-page",
    () => {
      wanted = Number(model.get("saved").id ?? wanted) + 1;
      note.textContent = savingSentence({}, wanted);
      kernel.ask({ type: "save", id: wanted, chosen });
    },
    { title: "One HTML file with these maps: it opens in any browser, without Jupyter or a network" }
  );
  return {
    root: element("div", { class: "explorer-choice" }, button, note),
    /** Python's trait `saved` changed. */
    follow() {
      const saved = model.get("saved");
      if (!wanted || saved.id !== wanted) return;
      kernel.answered();
      note.textContent = savingSentence(saved, wanted);
      if (!saved.name) return;
      download(saved.name, saved.data, "text/html");
      model.send({ type: "taken", id: wanted });
    },
    /** What was asked for does not come. */
    giveUp() {
      note.textContent = "";
    }
  };
}

// styledit/lab/front/explorer/words.js
var WIDTH = 96;
function wordButtons({ about, chosen }, actions) {
  const root = element("div", {
    class: "explorer-words",
    role: "group",
    "aria-label": "Words of the prompt, with start, end and padding"
  });
  const height = Math.round(WIDTH * about.size[1] / about.size[0]);
  let buttons = [];
  const make = (column, k, testid) => {
    const canvas = element("canvas", { width: WIDTH, height, "aria-hidden": "true" });
    const point = () => actions.point({ word: k });
    const leave = () => actions.point({ word: null });
    const button = pushButton("", testid, () => actions.lockWord(k), {
      class: "explorer-word",
      "data-kind": column.kind,
      "aria-pressed": "false",
      onpointerenter: point,
      onpointerleave: leave,
      onfocus: point,
      onblur: leave
    });
    button.append(canvas, element("span", {}, nameOf(column)));
    return { button, canvas };
  };
  return {
    root,
    fill(columns) {
      let words = 0;
      buttons = columns.map((column, k) => {
        const number = column.kind === "word" ? words : column.kind;
        if (column.kind === "word") words += 1;
        return make(column, k, `word-${number}`);
      });
      root.replaceChildren(...buttons.map(({ button }) => button));
    },
    draw(k, grey, small, title) {
      const { button, canvas } = buttons[k];
      compose(canvas, grey, small, chosen.share, chosen.smooth);
      button.toggleAttribute("data-empty", !small);
      button.title = title;
    },
    mark(shown, locked) {
      buttons.forEach(({ button }, k) => {
        button.setAttribute("aria-pressed", String(k === locked));
        button.toggleAttribute("data-shown", k === shown);
      });
    }
  };
}
function wordBars(actions) {
  const root = element("div", { class: "explorer-bars", "data-testid": "bars" });
  let rows = [];
  const make = (column, k) => {
    const bar = element("span", { class: "explorer-bar" });
    const number = element("span", { class: "explorer-number" });
    const row = element(
      "div",
      {
        class: "explorer-row",
        "data-kind": column.kind,
        onpointerenter: () => actions.point({ word: k }),
        onpointerleave: () => actions.point({ word: null }),
        onclick: () => actions.lockWord(k)
      },
      element("span", { class: "explorer-name" }, nameOf(column)),
      element("span", { class: "explorer-track" }, bar),
      number
    );
    return { row, bar, number };
  };
  return {
    root,
    title: element("h4"),
    fill(columns) {
      rows = columns.map(make);
      root.replaceChildren(...rows.map(({ row }) => row));
    },
    set(values, most, signed, shown) {
      root.toggleAttribute("data-signed", signed);
      rows.forEach(({ row, bar, number }, k) => {
        const value = values[k];
        row.hidden = value === null;
        if (value === null) return;
        row.dataset.value = String(value);
        row.toggleAttribute("data-shown", k === shown);
        bar.style.transform = `scaleX(${clamped(value / most, -1, 1)})`;
        number.textContent = `${signed && value > 0 ? "+" : ""}${percent(value)}`;
      });
    }
  };
}

// styledit/lab/front/explorer/stage.js
var LONGER = 512;
function stageOf(explorer, actions) {
  const { about } = explorer;
  const words = wordButtons(explorer, actions);
  const bars = wordBars(actions);
  const bar = colourBar();
  const canvas = largeCanvas(about, {
    "data-testid": "map-canvas",
    "aria-label": "The word's map over the picture. Arrow keys move a pixel over it, Enter keeps it, Escape lets it go.",
    tabindex: 0,
    role: "application"
  });
  const caption = element("p", { class: "explorer-caption" });
  const looks = looksFigure(about);
  const root = element(
    "div",
    { class: "explorer-stage" },
    element("figure", {}, canvas, caption, bar.root),
    element("figure", { class: "explorer-reads" }, bars.title, bars.root),
    looks.root
  );
  const scale = element("p", { class: "explorer-scale", "data-testid": "scale-note" });
  const live = element("div", { class: "explorer-unseen", "aria-live": "polite" });
  return { root, words, scale, canvas, caption, colourBar: bar, bars, looks, live };
}
function largeCanvas({ size: [width, height] }, attributes) {
  const factor = LONGER / Math.max(width, height);
  const sides = { width: Math.round(width * factor), height: Math.round(height * factor) };
  return element("canvas", { ...sides, ...attributes });
}
function looksFigure(about) {
  const canvas = largeCanvas(about, {
    "data-testid": "looks-canvas",
    "aria-label": "Where the pixel looks",
    role: "img"
  });
  const note = element("p", { class: "explorer-caption", "data-testid": "looks-note" });
  const recorded = about.layers.some((layer) => layer.self);
  if (!recorded) {
    canvas.hidden = true;
    note.append("Self-attention was not recorded. It shows which pixels a pixel looks at");
    if (about.advice) note.append("; record it with ", element("code", {}, about.advice));
    note.append(".");
  }
  const root = element(
    "figure",
    { class: recorded ? "explorer-looks" : "explorer-looks explorer-none" },
    element("h4", {}, "Where this pixel looks"),
    canvas,
    note
  );
  return { root, canvas, note };
}

// styledit/lab/front/explorer/explorer.js
var START = {
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
  pixel: null
};
function restored(about, chosen) {
  const state = { ...START, ...chosen };
  if (!(state.run < about.runs.length)) state.run = 0;
  if (!(state.row < about.steps.length)) state.row = -1;
  if (!(state.head < about.heads)) state.head = -1;
  if (!chosenLayers(about, state.layer, -1).length) state.layer = "all";
  return state;
}
function explorerOf(model) {
  const about = model.get("about");
  const { sequential, diverging } = about.palettes;
  const explorer = (
    /** @type {Explorer} */
    {
      model,
      about,
      store: openStore(about, model.get("data")),
      chosen: restored(about, model.get("chosen")),
      hover: { word: null, pixel: null, mouse: null },
      palettes: { sequential: paletteOf(sequential), diverging: paletteOf(diverging) },
      grey: about.runs.map(() => null),
      held: null
    }
  );
  const [part, looks] = [model.get("part"), model.get("looks")];
  if (part.tables) addPart(
    explorer.store,
    /** @type {Part} */
    part
  );
  if (looks.rows) explorer.store.looks = /** @type {Looks} */
  looks;
  explorer.coloured = colour(explorer);
  return explorer;
}
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
    stop: () => cancelAnimationFrame(frame)
  };
}
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
  const actions = {
    request(again = false) {
      stale ||= again;
      frame.request();
    },
    point(what2) {
      Object.assign(hover, what2);
      frame.request();
    },
    change(what2) {
      Object.assign(chosen, what2);
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
      const { coloured: coloured2 } = explorer;
      const old = chosen.pixel;
      const again = point && old && cellOf(coloured2, point) === cellOf(coloured2, old);
      chosen.pixel = again ? null : point;
      Object.assign(hover, { pixel: null, mouse: null });
      frame.request();
      requests.looks();
      memory.renew();
    }
  };
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
    stage.live
  );
  el.replaceChildren(root);
  const forget = listen(model, {
    part() {
      addPart(
        store,
        /** @type {Part} */
        model.get("part")
      );
      kernel.answered();
      actions.request(true);
    },
    looks() {
      store.looks = /** @type {Looks} */
      model.get("looks");
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
    }
  });
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
function showPictures({ about, grey }, actions) {
  about.runs.forEach(async (run, k) => {
    const bytes = bytesOf(run.picture);
    if (!bytes) return;
    try {
      grey[k] = greyCanvas(await createImageBitmap(new Blob([bytes], { type: "image/webp" })));
      actions.request(true);
    } catch {
    }
  });
}
var explorer_default = { render };
export {
  explorer_default as default,
  restored
};
