// Made from styledit/lab/front by "npm run build"; change it there.
// styledit/lab/front/shared/elements.js
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== void 0) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== void 0));
  return made;
}
function bytesOf(data) {
  if (!data) return null;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
}
function keepKeys(input) {
  input.dataset.lmSuppressShortcuts = "true";
  input.addEventListener("keydown", (event) => event.stopPropagation());
  return input;
}
var namesGiven = 0;
function uniqueId(beginning = "styledit") {
  namesGiven += 1;
  return `${beginning}-${namesGiven}-${Math.random().toString(36).slice(2, 8)}`;
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
    input.addEventListener(event, () => setTimeout(() => {
      if (moved) end();
    }));
  }
}
function slider(label, { min = 0, max = 1, step = 0.05, value = 0, title = "" }, changed) {
  const id = uniqueId();
  const input = keepKeys(element("input", { type: "range", id, min, max, step, title }));
  const digits = step < 1 ? 2 : 0;
  const output = element("output", { for: id });
  const show = () => {
    output.textContent = Number(input.value).toFixed(digits);
  };
  input.value = value;
  show();
  whileDragged(input, (next, moving) => {
    show();
    changed(next, moving);
  });
  const root = element(
    "div",
    { class: "styledit-slider" },
    element("label", { for: id, title }, label),
    input,
    output
  );
  return {
    root,
    input,
    set(next) {
      input.value = next;
      show();
    }
  };
}
function listen(model, handlers) {
  const entries = Object.entries(handlers).map(([trait, handler]) => [`change:${trait}`, handler]);
  for (const [event, handler] of entries) model.on(event, handler);
  return () => {
    for (const [event, handler] of entries) model.off(event, handler);
  };
}
function asker(model, note) {
  let waiting = null;
  const answered = () => {
    clearTimeout(waiting);
    waiting = null;
    note("");
  };
  const wait = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      note("The kernel is busy with a cell, or no longer there. The newest change follows when it answers; if it does not, run this cell again.");
    }, 2500);
  };
  return {
    answered,
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

// styledit/lab/front/explorer/colours.js
function explorerPalette(anchors) {
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
function explorerPaint(map, h, w, range, palette) {
  const canvas = element("canvas", { width: w, height: h });
  const context = canvas.getContext("2d");
  const image = context.createImageData(w, h);
  const factor = 255 / Math.max(range.high - range.low, 1e-12);
  for (let k = 0; k < map.length; k += 1) {
    const place = 3 * Math.max(0, Math.min(255, Math.round((map[k] - range.low) * factor)));
    image.data[4 * k] = palette[place];
    image.data[4 * k + 1] = palette[place + 1];
    image.data[4 * k + 2] = palette[place + 2];
    image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
function explorerRange(maps, contrast, signed) {
  const length = maps.reduce((sum, map) => sum + map.length, 0);
  if (!length) return { low: 0, high: 1 };
  const values = new Float32Array(length);
  let place = 0;
  for (const map of maps) {
    values.set(map, place);
    place += map.length;
  }
  if (signed) {
    for (let k = 0; k < length; k += 1) values[k] = Math.abs(values[k]);
  }
  values.sort();
  const at = (share) => values[Math.round(share * (length - 1))];
  const high = Math.max(at(1) * (1 - contrast) + at(0.95) * contrast, 1e-9);
  return { low: signed ? -high : Math.min(at(0.05) * contrast, 0.98 * high), high };
}
function explorerGrey(image, width, height) {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  for (let k = 0; k < pixels.data.length; k += 4) {
    const light = 0.299 * pixels.data[k] + 0.587 * pixels.data[k + 1] + 0.114 * pixels.data[k + 2];
    pixels.data.fill(20 + light * 0.85, k, k + 3);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
function explorerCompose(canvas, grey, small, share, smooth) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  context.globalAlpha = 1;
  if (grey) context.drawImage(grey, 0, 0, width, height);
  else context.clearRect(0, 0, width, height);
  if (!small) return;
  context.globalAlpha = 1 - share;
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small, 0, 0, width, height);
  context.imageSmoothingEnabled = true;
  context.globalAlpha = 1;
}
function explorerMark(canvas, cell, locked) {
  const context = canvas.getContext("2d");
  const x = cell.x * canvas.width;
  const y = cell.y * canvas.height;
  const width = cell.w * canvas.width;
  const height = cell.h * canvas.height;
  const unit = canvas.width / 512;
  context.lineWidth = (locked ? 6 : 4) * unit;
  context.strokeStyle = "#000";
  context.strokeRect(x, y, width, height);
  context.lineWidth = (locked ? 3 : 2) * unit;
  context.strokeStyle = locked ? "#56b4e9" : "#fff";
  context.strokeRect(x, y, width, height);
}
function explorerPercent(value) {
  const percent = 100 * value;
  const size = Math.abs(percent);
  const digits = size >= 10 || size === 0 ? 1 : size >= 0.1 ? 2 : 3;
  return percent.toFixed(digits).replace("-", "−");
}
function explorerBar() {
  const canvas = element("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const numbers = [0, 1, 2].map(() => element("span"));
  const unit = element("span", { class: "explorer-unit" });
  const root = element(
    "div",
    { class: "explorer-colour-bar", "data-testid": "colour-bar" },
    canvas,
    element("div", { class: "explorer-ticks" }, ...numbers),
    unit
  );
  return {
    root,
    set(range, palette, share, text, clipped) {
      const context = canvas.getContext("2d");
      const image = context.createImageData(256, 1);
      for (let k = 0; k < 256; k += 1) {
        for (let c = 0; c < 3; c += 1) image.data[4 * k + c] = palette[3 * k + c] * (1 - share) + 128 * share;
        image.data[4 * k + 3] = 255;
      }
      context.putImageData(image, 0, 0);
      const middle = (range.low + range.high) / 2;
      numbers[0].textContent = `${clipped.low ? "≤ " : ""}${explorerPercent(range.low)}`;
      numbers[1].textContent = explorerPercent(middle);
      numbers[2].textContent = `${clipped.high ? "≥ " : ""}${explorerPercent(range.high)}`;
      unit.textContent = text;
    }
  };
}

// styledit/lab/front/explorer/controls.js
var EXPLORER_VIEWS = {
  raw: "as it is",
  share: "share among words",
  difference: "target minus source"
};
function explorerChoice(label, name, options, value, changed) {
  const id = uniqueId();
  const option = ([key, text]) => Array.isArray(text) ? element("optgroup", { label: key }, ...text.map(option)) : element("option", { value: key }, text);
  const select = keepKeys(element("select", { id, "data-testid": name }, ...options.map(option)));
  select.value = value;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
  select.addEventListener("change", () => changed(select.value));
  return element("div", { class: "explorer-choice" }, element("label", { for: id }, label), select);
}
function explorerLayerOptions(about) {
  const layers = about.layers.filter((layer) => layer.cross);
  const sizes = [...new Map(layers.map((layer) => [layer.size.join("x"), layer.size])).entries()];
  sizes.sort((a, b) => b[1][0] * b[1][1] - a[1][0] * a[1][1]);
  const name = (size) => `${size[0]} × ${size[1]}`;
  const grids = sizes.map(([key, size]) => [`grid:${key}`, `all ${name(size)} maps`]);
  const single = layers.map((layer) => [`layer:${layer.index}`, `${layer.label} · ${name(layer.size)}`]);
  return [["all", "all layers (mean)"], ...grids.length > 1 ? [["By size", grids]] : [], ["One layer", single]];
}
function explorerStepSlider(ex) {
  const { steps } = ex.about;
  const say = (row) => {
    const text = row < 0 ? "all (mean)" : `${steps[row]}`;
    made.root.querySelector("output").textContent = text;
    made.input.setAttribute("aria-valuetext", row < 0 ? "all steps, their mean" : `step ${steps[row]}`);
  };
  const title = `Step ${steps[0]} is the noisiest; all the way to the left is the mean of all`;
  const options = { min: -1, max: steps.length - 1, step: 1, value: ex.state.row, title };
  const made = slider("step", options, (row) => {
    say(row);
    ex.change({ row });
  });
  made.input.dataset.testid = "step";
  made.root.classList.add("explorer-step");
  say(ex.state.row);
  return made.root;
}
function explorerCheck(label, name, checked, changed) {
  const input = keepKeys(element("input", { type: "checkbox", "data-testid": name }));
  input.checked = checked;
  input.addEventListener("change", () => changed(input.checked));
  return element("label", { class: "explorer-check" }, input, label);
}
function explorerRunChoice(ex) {
  const runs = ex.about.runs.map((run, k) => [String(k), `${run.kind}: ${run.prompt}`]);
  const root = explorerChoice("run", "run", runs, String(ex.state.run), (run) => ex.change({ run: Number(run) }));
  const select = root.querySelector("select");
  const follow = () => {
    const signed = ex.state.view === "difference";
    select.options[0].disabled = signed;
    if (signed) ex.state.run = Math.max(1, ex.state.run);
    select.value = String(ex.state.run);
  };
  follow();
  return { root, follow };
}
function explorerWhat(ex) {
  const { about, state } = ex;
  const run = about.runs.length > 1 ? explorerRunChoice(ex) : null;
  const views = Object.entries(EXPLORER_VIEWS).filter(([key]) => run || key !== "difference");
  const heads = Array.from({ length: about.heads }, (_, k) => [String(k), `head ${k}`]);
  const view = explorerChoice("view", "view", views, state.view, (chosen) => {
    ex.change({ view: chosen });
    run?.follow();
  });
  return element(
    "div",
    { class: "explorer-controls" },
    run?.root,
    view,
    explorerChoice("layer", "layer", explorerLayerOptions(about), state.layer, (layer) => ex.change({ layer })),
    about.heads > 1 ? explorerChoice("head", "head", [["-1", "all heads (mean)"], ...heads], String(state.head), (head) => ex.change({ head: Number(head) })) : null,
    about.steps.length > 1 ? explorerStepSlider(ex) : null
  );
}
function explorerHow(ex) {
  const { state } = ex;
  const scales = [["one", "one for all words"], ["each", "each word its own"], ["held", "held as it is now"]];
  const contrast = slider("contrast", { value: state.contrast, title: "Narrows the colour scale to where the values are" }, (value) => ex.change({ contrast: value }));
  contrast.input.dataset.testid = "contrast";
  const share = slider("picture", { max: 0.9, value: state.share, title: "How much of the grey picture is seen under the map" }, (value) => ex.change({ share: value }));
  share.input.dataset.testid = "picture";
  return element(
    "div",
    { class: "explorer-controls" },
    explorerChoice("colour scale", "scale", scales, state.scale, (scale) => ex.change({ scale })),
    contrast.root,
    share.root,
    explorerCheck("smooth", "smooth", state.smooth, (smooth) => ex.change({ smooth }))
  );
}
function explorerWords(ex) {
  const root = element("div", { class: "explorer-words", role: "group", "aria-label": "Words of the prompt, with start, end and padding" });
  let buttons = [];
  const make = (column, k, number) => {
    const canvas = element("canvas", { width: 96, height: Math.round(96 * ex.about.size[1] / ex.about.size[0]), "aria-hidden": "true" });
    const name = column.kind === "word" ? column.text : `<${column.text}>`;
    const button = keepKeys(element(
      "button",
      { type: "button", class: "explorer-word", "data-kind": column.kind, "data-testid": `word-${number}`, "aria-pressed": "false" },
      canvas,
      element("span", {}, name)
    ));
    button.addEventListener("pointerenter", () => ex.point({ word: k }));
    button.addEventListener("pointerleave", () => ex.point({ word: null }));
    button.addEventListener("focus", () => ex.point({ word: k }));
    button.addEventListener("blur", () => ex.point({ word: null }));
    button.addEventListener("click", () => ex.lockWord(k));
    return { button, canvas };
  };
  return {
    root,
    fill(columns) {
      let words = -1;
      buttons = columns.map((column, k) => {
        if (column.kind === "word") words += 1;
        return make(column, k, column.kind === "word" ? words : column.kind);
      });
      root.replaceChildren(...buttons.map(({ button }) => button));
    },
    draw(k, grey, small, title) {
      const { button, canvas } = buttons[k];
      explorerCompose(canvas, grey, small, ex.state.share, ex.state.smooth);
      button.toggleAttribute("data-empty", !small);
      button.title = title;
    },
    mark(shown, locked) {
      buttons.forEach(({ button }, k) => {
        button.setAttribute("aria-pressed", k === locked ? "true" : "false");
        button.toggleAttribute("data-shown", k === shown);
      });
    }
  };
}
function explorerBars(ex) {
  const root = element("div", { class: "explorer-bars", "data-testid": "bars" });
  let rows = [];
  return {
    root,
    fill(columns) {
      rows = columns.map((column, k) => {
        const bar = element("span", { class: "explorer-bar" });
        const number = element("span", { class: "explorer-number" });
        const name = element("span", { class: "explorer-name" }, column.kind === "word" ? column.text : `<${column.text}>`);
        const row = element("div", { class: "explorer-row", "data-kind": column.kind }, name, element("span", { class: "explorer-track" }, bar), number);
        row.addEventListener("pointerenter", () => ex.point({ word: k }));
        row.addEventListener("pointerleave", () => ex.point({ word: null }));
        row.addEventListener("click", () => ex.lockWord(k));
        return { row, bar, number };
      });
      root.replaceChildren(...rows.map(({ row }) => row));
    },
    set(values, most, signed, shown) {
      root.toggleAttribute("data-signed", signed);
      rows.forEach(({ row, bar, number }, k) => {
        const value = values[k];
        row.hidden = value === null;
        if (value === null) return;
        row.dataset.value = value;
        row.toggleAttribute("data-shown", k === shown);
        bar.style.transform = `scaleX(${Math.max(-1, Math.min(1, value / most))})`;
        number.textContent = `${signed && value > 0 ? "+" : ""}${explorerPercent(value)}`;
      });
    }
  };
}

// styledit/lab/front/explorer/data.js
function explorerStore(about, data) {
  return {
    about,
    tables: explorerTables(about.tables, bytesOf(data)),
    parts: /* @__PURE__ */ new Map(),
    // "row/head": tables that were asked for
    looks: null,
    // the last answer to where a pixel looks
    means: /* @__PURE__ */ new Map()
  };
}
function explorerTables(entries, bytes) {
  let count = 0;
  for (const entry of entries) count += entry.planes * entry.columns;
  const scales = new Float32Array(bytes.slice(0, 4 * count).buffer);
  const values = bytes.subarray(4 * count);
  const tables = /* @__PURE__ */ new Map();
  for (const entry of entries) {
    const maps = entry.planes * entry.columns;
    tables.set(`${entry.run}/${entry.kind}/${entry.layer}/${entry.by}`, {
      ...entry,
      scales: scales.subarray(entry.scales, entry.scales + maps),
      values: values.subarray(entry.values, entry.values + maps * entry.h * entry.w)
    });
  }
  return tables;
}
function explorerAddPart(store, part) {
  store.parts.set(`${part.row}/${part.head}`, explorerTables(part.tables, bytesOf(part.data)));
  if (store.parts.size > 40) store.parts.delete(store.parts.keys().next().value);
  store.means.clear();
}
function explorerPlane(store, run, kind, layer, row, head) {
  const at = (by) => store.tables.get(`${run}/${kind}/${layer.index}/${by}`);
  const wantsRow = row >= 0 && store.about.steps.length > 1;
  const wantsHead = head >= 0 && layer.heads > 1;
  const found = (table, plane, note = "") => {
    const coarse = table.h * table.w < layer.size[0] * layer.size[1];
    return { table, plane, note: note || (coarse ? "coarser than recorded" : "") };
  };
  const mean = at("mean");
  if (!mean) return null;
  const part = store.parts.get(`${row}/${head}`)?.get(`${run}/${kind}/${layer.index}/mean`);
  if (part) return found(part, 0);
  if (!wantsRow && !wantsHead) return found(mean, 0);
  const both = wantsRow && wantsHead && at("both");
  if (both) return found(both, row * layer.heads + head);
  const step = wantsRow && at("step");
  if (step) {
    const bins = store.about.bins[kind];
    const bin = bins.findIndex((rows) => rows.includes(row));
    const notes = [];
    if (bins[bin].length > 1) notes.push(`steps ${explorerSpan(store.about, bins[bin])} together`);
    if (wantsHead) notes.push("all heads together");
    return found(step, bin, notes.join(", "));
  }
  const heads = wantsHead && at("head");
  if (heads) return found(heads, head, wantsRow ? "all steps together" : "");
  return found(mean, 0, wantsRow ? "all steps together" : "all heads together");
}
function explorerSpan(about, rows) {
  return `${about.steps[rows[0]]} to ${about.steps[rows[rows.length - 1]]}`;
}
function explorerLayers(about, choice, head) {
  const [kind, rest] = choice.split(":");
  return about.layers.filter(
    (layer) => (kind === "all" || kind === "grid" && layer.size.join("x") === rest || kind === "layer" && String(layer.index) === rest) && head < layer.heads
  );
}
var explorerTaps = /* @__PURE__ */ new Map();
function explorerTapsOf(n, m) {
  const key = `${n}>${m}`;
  if (!explorerTaps.has(key)) {
    const first = new Int32Array(m);
    const second = new Int32Array(m);
    const weight = new Float32Array(m);
    for (let k = 0; k < m; k += 1) {
      const place = Math.max(0, (k + 0.5) * n / m - 0.5);
      first[k] = Math.min(n - 1, Math.floor(place));
      second[k] = Math.min(n - 1, first[k] + 1);
      weight[k] = place - first[k];
    }
    explorerTaps.set(key, { first, second, weight });
  }
  return explorerTaps.get(key);
}
function explorerAddMap(total, H, W, map, h, w, factor) {
  if (h === H && w === W) {
    for (let k = 0; k < total.length; k += 1) total[k] += factor * map[k];
    return;
  }
  const rows = explorerTapsOf(h, H);
  const columns = explorerTapsOf(w, W);
  let place = 0;
  for (let y = 0; y < H; y += 1) {
    const above = rows.first[y] * w;
    const below = rows.second[y] * w;
    const v = rows.weight[y];
    for (let x = 0; x < W; x += 1) {
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
function explorerMean(store, run, layerChoice, row, head) {
  const key = `${run}/${layerChoice}/${row}/${head}`;
  const known = store.means.get(key);
  if (known) return known;
  const layers = explorerLayers(store.about, layerChoice, head).filter((layer) => layer.cross);
  if (!layers.length) return null;
  const [h, w] = explorerFinest(layers);
  const maps = store.about.runs[run].columns.map(() => new Float32Array(h * w));
  const notes = /* @__PURE__ */ new Set();
  for (const layer of layers) {
    const { table, plane, note } = explorerPlane(store, run, "cross", layer, row, head);
    if (note) notes.add(note);
    const cells = table.h * table.w;
    for (let c = 0; c < table.columns; c += 1) {
      const place = plane * table.columns + c;
      const map = table.values.subarray(place * cells, (place + 1) * cells);
      explorerAddMap(maps[c], h, w, map, table.h, table.w, table.scales[place] / 255 / layers.length);
    }
  }
  const mean = { h, w, maps, notes };
  if (store.means.size > 60) store.means.delete(store.means.keys().next().value);
  store.means.set(key, mean);
  return mean;
}
function explorerFinest(layers) {
  return layers.reduce((best, layer) => layer.size[0] * layer.size[1] > best[0] * best[1] ? layer.size : best, [0, 0]);
}
function explorerShare(mean, columns) {
  const total = new Float32Array(mean.h * mean.w);
  columns.forEach((column, c) => {
    if (column.kind === "word") mean.maps[c].forEach((value, k) => {
      total[k] += value;
    });
  });
  const maps = columns.map((column, c) => column.kind === "word" ? mean.maps[c].map((value, k) => total[k] > 0 ? value / total[k] : 0) : null);
  return { ...mean, maps };
}
function explorerDifference(target, source, partners) {
  const maps = partners.map((i, c) => i === null || i === void 0 ? null : target.maps[c].map((value, k) => value - source.maps[i][k]));
  return { ...target, maps, notes: /* @__PURE__ */ new Set([...target.notes, ...source.notes]) };
}
function explorerLooks(store, run, layerChoice, row, head, x, y) {
  const layers = explorerLayers(store.about, layerChoice, head).filter((layer) => layer.self);
  const notes = /* @__PURE__ */ new Set();
  const rows = [];
  let missing = 0;
  for (const layer of layers) {
    const answer = explorerAnswer(store, run, layer, row, head, x, y);
    const found = answer ? null : explorerPlane(store, run, "self", layer, row, head);
    if (answer) {
      rows.push({ map: answer, h: layer.size[0], w: layer.size[1], factor: 1 });
    } else if (found) {
      if (found.note) notes.add(found.note);
      rows.push(explorerRow(found, layer, x, y));
    } else {
      missing += 1;
    }
  }
  if (!rows.length) return layers.length ? { missing, notes, map: null } : null;
  const h = Math.max(...rows.map((entry) => entry.h));
  const w = Math.max(...rows.map((entry) => entry.w));
  const map = new Float32Array(h * w);
  for (const entry of rows) {
    const spread = entry.h * entry.w / (h * w) / rows.length;
    explorerAddMap(map, h, w, entry.map, entry.h, entry.w, entry.factor * spread);
  }
  return { h, w, map, notes, missing };
}
function explorerRow({ table, plane }, layer, x, y) {
  const column = explorerCell(layer.size[0], layer.size[1], x, y);
  const cells = table.h * table.w;
  const place = plane * table.columns + column;
  const pooled = layer.size[0] * layer.size[1] / cells;
  return {
    map: table.values.subarray(place * cells, (place + 1) * cells),
    h: table.h,
    w: table.w,
    factor: table.scales[place] / 255 * pooled
  };
}
function explorerAnswer(store, run, layer, row, head, x, y) {
  const answer = store.looks;
  if (!answer || answer.row !== row || answer.head !== head || answer.x !== x || answer.y !== y) return null;
  const entry = answer.rows.find((one) => one.run === run && one.layer === layer.index);
  if (!entry) return null;
  const bytes = bytesOf(entry.data);
  return new Float32Array(bytes.slice().buffer);
}
function explorerCell(h, w, x, y) {
  return Math.min(h - 1, Math.floor(y * h)) * w + Math.min(w - 1, Math.floor(x * w));
}

// styledit/lab/front/explorer/draw.js
function explorerView(ex) {
  const { about, state, store } = ex;
  const signed = state.view === "difference" && about.runs.length > 1;
  const run = signed ? Math.max(1, state.run) : state.run;
  const mean = (k) => explorerMean(store, k, state.layer, state.row, state.head);
  const target = mean(run);
  const { columns, partners } = about.runs[run];
  if (!target) return { h: 1, w: 1, maps: columns.map(() => null), notes: /* @__PURE__ */ new Set(), columns, run, signed, others: [] };
  const own = { columns, run, signed, others: [] };
  if (signed) return { ...explorerDifference(target, mean(0), partners), ...own };
  const shown = state.view === "share" ? explorerShare(target, columns) : target;
  about.runs.forEach((other, k) => {
    if (k === run) return;
    const view = state.view === "share" ? explorerShare(mean(k), other.columns) : mean(k);
    own.others.push(...view.maps.filter((_, c) => other.columns[c].kind === "word"));
  });
  return { ...shown, ...own };
}
function explorerScales(ex, view) {
  const { state } = ex;
  const isWord = (c) => view.columns[c].kind === "word" && view.maps[c];
  const words = view.maps.filter((_, c) => isWord(c));
  const common = explorerRange([...words, ...view.others], state.contrast, view.signed);
  if (state.scale !== "held" || !ex.held || ex.held.signed !== view.signed) ex.held = { ...common, signed: view.signed };
  return view.maps.map((map, c) => {
    if (!map) return null;
    const alone = state.scale === "each" || !isWord(c);
    return alone ? { ...explorerRange([map], state.contrast, view.signed), alone } : { ...state.scale === "held" ? ex.held : common, alone };
  });
}
function explorerBest(view) {
  let best = 0;
  let most = -1;
  view.maps.forEach((map, c) => {
    if (!map || view.columns[c].kind !== "word") return;
    let sum = 0;
    let peak = 0;
    for (const value of map) {
      sum += Math.abs(value);
      peak = Math.max(peak, Math.abs(value));
    }
    const ratio = sum ? peak * map.length / sum : 0;
    if (ratio > most) [best, most] = [c, ratio];
  });
  return best;
}
function explorerWhere(ex, notes) {
  const { about, state } = ex;
  const layer = explorerLayers(about, state.layer, state.head);
  const where = state.layer === "all" ? "all layers" : state.layer.startsWith("grid:") ? `all ${state.layer.slice(5).replace("x", " × ")} maps` : layer[0]?.label ?? "this layer";
  const head = state.head < 0 ? "all heads" : `head ${state.head}`;
  const step = state.row < 0 ? "all steps" : `step ${about.steps[state.row]}`;
  return `${where}, ${head}, ${step}${notes.size ? ` (here: ${[...notes].join("; ")})` : ""}`;
}
function explorerRecolour(ex) {
  const view = explorerView(ex);
  if (ex.view?.run !== view.run) {
    ex.words.fill(view.columns);
    ex.bars.fill(view.columns);
    if (ex.state.word >= view.columns.length) ex.state.word = null;
  }
  ex.view = view;
  ex.scales = explorerScales(ex, view);
  ex.best = explorerBest(view);
  const palette = view.signed ? ex.palettes.diverging : ex.palettes.sequential;
  ex.coloured = view.maps.map((map, c) => map ? explorerPaint(map, view.h, view.w, ex.scales[c], palette) : null);
  ex.extent = view.maps.map((map) => {
    if (!map) return null;
    let [low, high] = [Infinity, -Infinity];
    for (const value of map) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return { low, high };
  });
  ex.most = Math.max(1e-9, ...ex.extent.filter(Boolean).map(({ low, high }) => Math.max(high, -low)));
  view.columns.forEach((column, c) => {
    const missing = view.signed ? `"${column.text}" is not in the first prompt: nothing to compare with` : "only words have a share";
    const source = explorerSource(ex, view, c);
    const title = !view.maps[c] ? missing : source && source !== column.text ? `${column.text} minus ${source}` : column.text;
    ex.words.draw(c, ex.grey[view.run], ex.coloured[c], title);
  });
}
function explorerSource(ex, view, c) {
  if (!view.signed || !view.maps[c]) return "";
  return ex.about.runs[0].columns[ex.about.runs[view.run].partners[c]].text;
}
function explorerDrawMap(ex) {
  const { view, state } = ex;
  const c = ex.hover.word ?? state.word ?? ex.best;
  const cell = ex.hover.pixel ?? state.pixel;
  ex.words.mark(c, state.word);
  explorerCompose(ex.canvas, ex.grey[view.run], ex.coloured[c], state.share, state.smooth);
  if (cell) explorerMark(ex.canvas, explorerBox(view, cell), !ex.hover.pixel);
  const column = view.columns[c];
  const name = column.kind === "word" ? `“${column.text}”` : `<${column.text}>`;
  if (!view.maps[c]) {
    ex.caption.textContent = view.signed ? `${name} is not in the first prompt: there is nothing to compare it with.` : `${name} is no word: it has no share among them.`;
    return;
  }
  const scale = ex.scales[c];
  const extent = ex.extent[c];
  const unit = { raw: "% of what a pixel reads", share: "% of what it reads of the words", difference: "more or less, in % of what a pixel reads" }[view.signed ? "difference" : state.view === "share" ? "share" : "raw"];
  const source = explorerSource(ex, view, c);
  ex.caption.replaceChildren(
    element("b", {}, source && source !== column.text ? `${name} minus “${source}”` : name),
    ` ${explorerPercent(extent.low)} to ${explorerPercent(extent.high)} % · ${explorerWhere(ex, view.notes)}`
  );
  const palette = view.signed ? ex.palettes.diverging : ex.palettes.sequential;
  const clipped = { low: extent.low < scale.low - 1e-6, high: extent.high > scale.high + 1e-6 };
  ex.bar.set(scale, palette, state.share, `${unit}${scale.alone && view.columns.length > 1 ? " (scale of this one alone)" : ""}`, clipped);
}
function explorerBox(grid, point) {
  const k = explorerCell(grid.h, grid.w, point.x, point.y);
  return { x: k % grid.w / grid.w, y: Math.floor(k / grid.w) / grid.h, w: 1 / grid.w, h: 1 / grid.h };
}
function explorerDrawBars(ex) {
  const { view, state } = ex;
  const cell = ex.hover.pixel ?? state.pixel;
  const shown = ex.hover.word ?? state.word ?? ex.best;
  const values = view.maps.map((map) => {
    if (!map) return null;
    if (cell) return map[explorerCell(view.h, view.w, cell.x, cell.y)];
    return map.reduce((sum, value) => sum + value, 0) / map.length;
  });
  const reads = view.signed ? "reads more or less of" : state.view === "share" ? "reads of the words" : "reads";
  ex.barsTitle.textContent = cell ? `What this pixel ${reads}, %` : `What the picture ${reads} on average, %`;
  ex.bars.set(values, ex.most, view.signed, shown);
}
function explorerDrawLooks(ex) {
  const { about, state, store, view } = ex;
  if (!about.layers.some((layer) => layer.self)) return;
  const cell = ex.hover.pixel ?? state.pixel;
  if (!cell) {
    explorerCompose(ex.looksCanvas, ex.grey[view.run], null, 0, true);
    ex.looksNote.textContent = "Point at the picture: the pixels that it looks at light up here.";
    return;
  }
  const of = (run) => explorerLooks(store, run, state.layer, state.row, state.head, cell.x, cell.y);
  const looks = of(view.run);
  const source = view.signed && looks?.map ? of(0) : null;
  if (!looks?.map) {
    explorerCompose(ex.looksCanvas, ex.grey[view.run], null, 0, true);
    const why = looks && about.live ? "Click the pixel: these maps come from Python." : "Self-attention was not recorded here; choose other layers.";
    ex.looksNote.textContent = looks && !about.live ? "These maps are too large for this file." : why;
    return;
  }
  const map = source?.map ? looks.map.map((value, k) => value - source.map[k]) : looks.map;
  const range = explorerRange([map], state.contrast * 0.5, Boolean(source?.map));
  const palette = source?.map ? ex.palettes.diverging : ex.palettes.sequential;
  explorerCompose(ex.looksCanvas, ex.grey[view.run], explorerPaint(map, looks.h, looks.w, range, palette), state.share, state.smooth);
  explorerMark(ex.looksCanvas, explorerBox(looks, cell), !ex.hover.pixel);
  const missing = looks.missing ? ["the finer layers come when you click the pixel"] : [];
  const notes = [...looks.notes, ...about.live ? missing : []];
  const ends = source?.map ? `−${explorerPercent(range.high)} to +${explorerPercent(range.high)}` : `${explorerPercent(range.low)} to ${explorerPercent(range.high)}`;
  ex.looksNote.textContent = `${ends} % a cell${source?.map ? ", target minus source" : ""}${notes.length ? ` (here: ${notes.join("; ")})` : ""}`;
}

// styledit/lab/front/explorer/explorer.js
var EXPLORER_START = {
  run: 0,
  view: "raw",
  layer: "all",
  head: -1,
  row: -1,
  scale: "one",
  contrast: 0.3,
  share: 0.35,
  smooth: true,
  word: null,
  pixel: null
};
function explorerAskForPart(ex) {
  const { state, about, store, view } = ex;
  const key = `${state.row}/${state.head}`;
  if (!about.live || !view.notes.size || store.parts.has(key) || ex.asked === key) return;
  ex.asked = key;
  ex.requests += 1;
  ex.asker.ask({ type: "part", id: ex.requests, row: state.row, head: state.head });
}
function explorerAskForLooks(ex) {
  const { state, about, store } = ex;
  const cell = state.pixel;
  if (!cell || !about.live) return;
  const looks = explorerLooks(store, ex.view.run, state.layer, state.row, state.head, cell.x, cell.y);
  const key = [state.layer, state.row, state.head, cell.x, cell.y].join("/");
  if (!looks || looks.map && !looks.missing && !looks.notes.size || ex.askedLooks === key) return;
  ex.askedLooks = key;
  const layers = explorerLayers(about, state.layer, state.head).filter((layer) => layer.self).map((layer) => layer.index);
  ex.requests += 1;
  ex.asker.ask({ type: "looks", id: ex.requests, row: state.row, head: state.head, layers, x: cell.x, y: cell.y });
}
function explorerUnder(canvas, [x, y]) {
  const box = canvas.getBoundingClientRect();
  const inside = (place) => Math.max(0, Math.min(0.999999, place));
  return { x: inside((x - box.left) / box.width), y: inside((y - box.top) / box.height) };
}
function explorerPointing(ex) {
  const { canvas } = ex;
  canvas.addEventListener("pointermove", (event) => ex.point({ pixel: null, mouse: [event.clientX, event.clientY] }));
  canvas.addEventListener("pointerleave", () => ex.point({ pixel: null, mouse: null }));
  canvas.addEventListener("click", (event) => ex.lockPixel(explorerUnder(canvas, [event.clientX, event.clientY])));
  canvas.addEventListener("blur", () => ex.point({ pixel: null }));
  keepKeys(canvas);
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const grid = ex.view;
    const from = ex.hover.pixel ?? ex.state.pixel ?? { x: 0.5, y: 0.5 };
    if (moves[event.key]) {
      const [dx, dy] = moves[event.key];
      const box = explorerBox(grid, from);
      const next = (place, size, step) => Math.max(size / 2, Math.min(1 - size / 2, place + size / 2 + step * size));
      ex.point({ pixel: { x: next(box.x, box.w, dx), y: next(box.y, box.h, dy) } });
      ex.sayPixel();
    } else if (event.key === "Enter" || event.key === " ") {
      ex.lockPixel(from);
    } else if (event.key === "Escape") {
      ex.state.pixel = null;
      ex.point({ pixel: null });
    } else {
      return;
    }
    event.preventDefault();
  });
}
function explorerFigures(ex) {
  const { about } = ex;
  const [width, height] = about.size;
  const factor = 512 / Math.max(width, height);
  const sides = { width: Math.round(width * factor), height: Math.round(height * factor) };
  const make = (name, label, attributes = {}) => element("canvas", { ...sides, "data-testid": name, "aria-label": label, ...attributes });
  ex.canvas = make("map-canvas", "The word's map over the picture. Arrow keys move a pixel over it, Enter keeps it, Escape lets it go.", { tabindex: 0, role: "application" });
  ex.looksCanvas = make("looks-canvas", "Where the pixel looks", { role: "img" });
  ex.caption = element("p", { class: "explorer-caption" });
  ex.looksNote = element("p", { class: "explorer-caption", "data-testid": "looks-note" });
  ex.barsTitle = element("h4");
  const recorded = about.layers.some((layer) => layer.self);
  if (!recorded) {
    ex.looksCanvas.hidden = true;
    ex.looksNote.replaceChildren("Self-attention was not recorded. It shows which pixels a pixel looks at");
    if (about.advice) ex.looksNote.append("; record it with ", element("code", {}, about.advice));
    ex.looksNote.append(".");
  }
  return element(
    "div",
    { class: "explorer-stage" },
    element("figure", {}, ex.canvas, ex.caption, ex.bar.root),
    element("figure", { class: "explorer-reads" }, ex.barsTitle, ex.bars.root),
    element("figure", { class: recorded ? "explorer-looks" : "explorer-looks explorer-none" }, element("h4", {}, "Where this pixel looks"), ex.looksCanvas, ex.looksNote)
  );
}
function explorerActions(ex) {
  let frame = 0;
  let later = 0;
  ex.draw = () => {
    frame = 0;
    if (ex.hover.mouse) ex.point({ pixel: explorerUnder(ex.canvas, ex.hover.mouse), mouse: null }, false);
    if (ex.stale) {
      explorerRecolour(ex);
      explorerAskForPart(ex);
      explorerAskForLooks(ex);
    }
    ex.stale = false;
    explorerDrawMap(ex);
    explorerDrawBars(ex);
    explorerDrawLooks(ex);
  };
  ex.schedule = (stale = false) => {
    ex.stale ||= stale;
    frame ||= requestAnimationFrame(ex.draw);
  };
  const remember = () => {
    if (!ex.about.live) return;
    clearTimeout(later);
    later = setTimeout(() => {
      try {
        ex.model.send({ type: "chosen", chosen: ex.state });
      } catch {
      }
    }, 600);
  };
  ex.point = (what, drawn = true) => {
    Object.assign(ex.hover, what);
    if (drawn) ex.schedule();
  };
  ex.change = (what) => {
    Object.assign(ex.state, what);
    ex.asked = "";
    ex.askedLooks = "";
    ex.schedule(true);
    remember();
  };
  ex.lockWord = (k) => {
    ex.state.word = ex.state.word === k ? null : k;
    ex.schedule();
    remember();
  };
  ex.lockPixel = (point) => {
    const cell = explorerCell(ex.view.h, ex.view.w, point.x, point.y);
    const old = ex.state.pixel;
    const again = old && explorerCell(ex.view.h, ex.view.w, old.x, old.y) === cell;
    ex.state.pixel = again ? null : point;
    Object.assign(ex.hover, { pixel: null, mouse: null });
    ex.schedule();
    ex.sayPixel();
    explorerAskForLooks(ex);
    remember();
  };
  ex.sayPixel = () => {
    const cell = ex.hover.pixel ?? ex.state.pixel;
    if (!cell) return;
    const k = explorerCell(ex.view.h, ex.view.w, cell.x, cell.y);
    const most = ex.view.columns.map((column, c) => [column.text, ex.view.maps[c]?.[k] ?? 0]).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 3).map(([text, value]) => `${text} ${explorerPercent(value)} %`);
    ex.live.textContent = `row ${Math.floor(k / ex.view.w)}, column ${k % ex.view.w}: ${most.join(", ")}`;
  };
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(later);
  };
}
function explorerPictures(ex) {
  ex.grey = ex.about.runs.map(() => null);
  ex.about.runs.forEach(async (run, k) => {
    try {
      const image = await createImageBitmap(new Blob([bytesOf(run.picture)], { type: "image/webp" }));
      ex.grey[k] = explorerGrey(image, image.width, image.height);
      ex.schedule(true);
    } catch {
    }
  });
}
function explorerListen(ex, problem) {
  return listen(ex.model, {
    "part": () => {
      explorerAddPart(ex.store, ex.model.get("part"));
      ex.asker.answered();
      ex.schedule(true);
    },
    "looks": () => {
      ex.store.looks = ex.model.get("looks");
      ex.asker.answered();
      ex.schedule();
    },
    "problem": () => {
      problem.textContent = ex.model.get("problem") ?? "";
    }
  });
}
function explorerRestored(about, chosen) {
  const state = { ...EXPLORER_START, ...chosen };
  if (!(state.run < about.runs.length)) state.run = 0;
  if (!(state.row < about.steps.length)) state.row = -1;
  if (!(state.head < about.heads)) state.head = -1;
  if (!explorerLayers(about, state.layer, -1).length) state.layer = "all";
  return state;
}
function render({ model, el }) {
  const about = model.get("about");
  const ex = {
    model,
    about,
    store: explorerStore(about, model.get("data")),
    state: explorerRestored(about, model.get("chosen")),
    hover: { word: null, pixel: null, mouse: null },
    palettes: {
      sequential: explorerPalette(about.palettes.sequential),
      diverging: explorerPalette(about.palettes.diverging)
    },
    stale: true,
    requests: 0,
    asked: "",
    askedLooks: "",
    held: null
  };
  const problem = element("p", { class: "styledit-problem", role: "alert" });
  problem.textContent = model.get("problem") ?? "";
  ex.asker = asker(model, (note) => {
    problem.textContent = note;
  });
  ex.live = element("div", { class: "explorer-unseen", "aria-live": "polite" });
  const stop = explorerActions(ex);
  ex.words = explorerWords(ex);
  ex.bars = explorerBars(ex);
  ex.bar = explorerBar();
  const stage = explorerFigures(ex);
  explorerPointing(ex);
  explorerPictures(ex);
  if (model.get("part")?.tables) explorerAddPart(ex.store, model.get("part"));
  if (model.get("looks")?.rows) ex.store.looks = model.get("looks");
  const root = element("div", { class: "styledit styledit-explorer" }, explorerWhat(ex), ex.words.root, stage, explorerHow(ex), problem, ex.live);
  el.replaceChildren(root);
  const forget = explorerListen(ex, problem);
  const seen = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) ex.schedule(true);
  });
  seen.observe(root);
  ex.draw();
  return () => {
    forget();
    stop();
    seen.disconnect();
    ex.asker.close();
  };
}
var explorer_default = { render };
export {
  explorer_default as default
};
