// The numbers of the attention explorer: tables of bytes become maps. Nothing here touches the page.
import { bytesOf } from "../shared/elements.js";

// What `about` and `data` hold; see styledit/lab/packing.py.
export function explorerStore(about, data) {
  return {
    about,
    tables: explorerTables(about.tables, bytesOf(data)),
    parts: new Map(), // "row/head": tables that were asked for
    looks: null, // the last answer to where a pixel looks
    means: new Map(),
  };
}

function explorerTables(entries, bytes) {
  let count = 0;
  for (const entry of entries) count += entry.planes * entry.columns;
  const scales = new Float32Array(bytes.slice(0, 4 * count).buffer);
  const values = bytes.subarray(4 * count);
  const tables = new Map();
  for (const entry of entries) {
    const maps = entry.planes * entry.columns;
    tables.set(`${entry.run}/${entry.kind}/${entry.layer}/${entry.by}`, {
      ...entry,
      scales: scales.subarray(entry.scales, entry.scales + maps),
      values: values.subarray(entry.values, entry.values + maps * entry.h * entry.w),
    });
  }
  return tables;
}

// Take in one step or head that came from Python.
export function explorerAddPart(store, part) {
  store.parts.set(`${part.row}/${part.head}`, explorerTables(part.tables, bytesOf(part.data)));
  if (store.parts.size > 40) store.parts.delete(store.parts.keys().next().value);
  store.means.clear();
}

// The plane of a layer at a step (row) and head, -1 for the mean: {table, plane, note}; `note` says where it is
// not exactly what was asked for. Null where there is none.
export function explorerPlane(store, run, kind, layer, row, head) {
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

// The layers of a choice: "all", "grid:16x16" or "layer:3"; of these, the ones with this head.
export function explorerLayers(about, choice, head) {
  const [kind, rest] = choice.split(":");
  return about.layers.filter(
    (layer) =>
      (kind === "all" ||
        (kind === "grid" && layer.size.join("x") === rest) ||
        (kind === "layer" && String(layer.index) === rest)) &&
      head < layer.heads,
  );
}

const explorerTaps = new Map();
// For bilinear resampling of n cells to m: two cells and the second one's weight, for each of the m.
function explorerTapsOf(n, m) {
  const key = `${n}>${m}`;
  if (!explorerTaps.has(key)) {
    const first = new Int32Array(m);
    const second = new Int32Array(m);
    const weight = new Float32Array(m);
    for (let k = 0; k < m; k += 1) {
      const place = Math.max(0, ((k + 0.5) * n) / m - 0.5);
      first[k] = Math.min(n - 1, Math.floor(place));
      second[k] = Math.min(n - 1, first[k] + 1);
      weight[k] = place - first[k];
    }
    explorerTaps.set(key, { first, second, weight });
  }
  return explorerTaps.get(key);
}

// Add factor * a map of h × w cells, resampled, to one of H × W.
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

// Every column's map, the mean over the chosen layers on the finest one's grid:
// {h, w, maps: [Float32Array], notes}. Null where nothing was recorded.
export function explorerMean(store, run, layerChoice, row, head) {
  const key = `${run}/${layerChoice}/${row}/${head}`;
  const known = store.means.get(key);
  if (known) return known;
  const layers = explorerLayers(store.about, layerChoice, head).filter((layer) => layer.cross);
  if (!layers.length) return null;
  const [h, w] = explorerFinest(layers);
  const maps = store.about.runs[run].columns.map(() => new Float32Array(h * w));
  const notes = new Set();
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
  return layers.reduce(
    (best, layer) => (layer.size[0] * layer.size[1] > best[0] * best[1] ? layer.size : best),
    [0, 0],
  );
}

// Each word's share of what the words of the prompt get; start, end and padding have none.
export function explorerShare(mean, columns) {
  const total = new Float32Array(mean.h * mean.w);
  columns.forEach((column, c) => {
    if (column.kind === "word")
      mean.maps[c].forEach((value, k) => {
        total[k] += value;
      });
  });
  const maps = columns.map((column, c) =>
    column.kind === "word" ? mean.maps[c].map((value, k) => (total[k] > 0 ? value / total[k] : 0)) : null,
  );
  return { ...mean, maps };
}

// Target minus source, column by column; null for a word that the source does not have.
export function explorerDifference(target, source, partners) {
  const maps = partners.map((i, c) =>
    i === null || i === undefined ? null : target.maps[c].map((value, k) => value - source.maps[i][k]),
  );
  return { ...target, maps, notes: new Set([...target.notes, ...source.notes]) };
}

// Where the pixel at (x, y), fractions of the picture, looks: {h, w, map, notes, missing}, each cell's share of
// its self-attention. `missing`: chosen layers whose numbers are not here. Null where no layer has any.
export function explorerLooks(store, run, layerChoice, row, head, x, y) {
  const layers = explorerLayers(store.about, layerChoice, head).filter((layer) => layer.self);
  const notes = new Set();
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
    // one cell's share is spread over the finer cells in it, so that coarse and fine layers weigh the same
    const spread = (entry.h * entry.w) / (h * w) / rows.length;
    explorerAddMap(map, h, w, entry.map, entry.h, entry.w, entry.factor * spread);
  }
  return { h, w, map, notes, missing };
}

// The map of the cell under (x, y), one of a table's columns.
function explorerRow({ table, plane }, layer, x, y) {
  const column = explorerCell(layer.size[0], layer.size[1], x, y);
  const cells = table.h * table.w;
  const place = plane * table.columns + column;
  // pooled maps are means over the cells that they cover; a share is their sum
  const pooled = (layer.size[0] * layer.size[1]) / cells;
  return {
    map: table.values.subarray(place * cells, (place + 1) * cells),
    h: table.h,
    w: table.w,
    factor: (table.scales[place] / 255) * pooled,
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

// The cell of an h × w grid under (x, y), fractions of the picture.
export function explorerCell(h, w, x, y) {
  return Math.min(h - 1, Math.floor(y * h)) * w + Math.min(w - 1, Math.floor(x * w));
}
