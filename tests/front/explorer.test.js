import assert from "node:assert/strict";
import { test } from "node:test";
import { percent, rangeOf } from "../../styledit/lab/front/explorer/colours.js";
import { layerOptions } from "../../styledit/lab/front/explorer/controls.js";
import {
  addPart,
  boxOf,
  cellOf,
  chosenLayers,
  difference,
  findPlane,
  looksOf,
  meanMaps,
  openStore,
  wordShares,
} from "../../styledit/lab/front/explorer/data.js";
import { restored } from "../../styledit/lab/front/explorer/explorer.js";
import { neighbour, pixelSentence } from "../../styledit/lab/front/explorer/pointing.js";
import { requestsOf } from "../../styledit/lab/front/explorer/requests.js";
import { savingSentence } from "../../styledit/lab/front/explorer/saving.js";
import {
  firstWord,
  mostConcentrated,
  scaleSentence,
  scalesOf,
  sinksOf,
  viewOf,
  whereSentence,
} from "../../styledit/lab/front/explorer/view.js";
import { namesSomething } from "../../styledit/lab/front/shared/words.js";
import { assertClose, decoded, fixtures } from "./fixtures.js";

const { about, data, means, part, looks } = fixtures.explorer;
const PEAK = 1 / 510; // of a map's peak: how far a value of 255 steps may be off

/** The store of the recording; `by` keeps only tables of these kinds. */
function storeOf(...by) {
  const tables = about.tables.filter((entry) => !by.length || by.includes(entry.by));
  const store = openStore(about, decoded(data));
  const kept = new Set(tables.map(({ run, kind, layer, by: which }) => [run, kind, layer, which].join("/")));
  for (const key of store.tables.keys()) if (!kept.has(key)) store.tables.delete(key);
  return store;
}

for (const { run, choice, row, head, maps } of means) {
  test(`means are Python's: run ${run}, ${choice}, step ${row}, head ${head}`, () => {
    const found = meanMaps(storeOf(), run, choice, row, head);
    assert.deepEqual([...found.notes], []);
    assert.equal(found.maps.length, maps.length);
    maps.forEach((map, c) => assertClose(found.maps[c], map.flat(), 2e-6));
  });
}

test("a mean is computed once, and again after a part came", () => {
  const store = storeOf();
  const first = meanMaps(store, 0, "all", 1, 1);
  assert.equal(meanMaps(store, 0, "all", 1, 1), first);
  addPart(store, { ...part, data: decoded(part.data) });
  const again = meanMaps(store, 0, "all", 1, 1);
  assert.notEqual(again, first);
  first.maps.forEach((map, c) => assertClose(again.maps[c], map, PEAK * Math.max(...map)));
});

test("what did not travel is the nearest that did, and says so", () => {
  const [layer] = about.layers;
  const note = (store, row, head) => findPlane(store, 0, "cross", layer, row, head).note;
  assert.equal(note(storeOf(), 1, 1), "");
  assert.equal(note(storeOf("mean", "step"), 1, 1), "all heads together");
  assert.equal(note(storeOf("mean", "head"), 1, 1), "all steps together");
  assert.equal(note(storeOf("mean"), 1, -1), "all steps together");
  assert.equal(note(storeOf("mean"), -1, 1), "all heads together");
  assert.equal(findPlane(storeOf("step"), 0, "cross", layer, -1, -1), null);
});

test("layers are chosen by their size, their number, and whether they have the head", () => {
  const indices = (choice, head) => chosenLayers(about, choice, head).map(({ index }) => index);
  assert.deepEqual(indices("all", -1), [0, 1]);
  assert.deepEqual(indices("grid:4x4", -1), [0]);
  assert.deepEqual(indices("layer:1", 1), [1]);
  assert.deepEqual(indices("layer:1", 2), []);
  const values = layerOptions(about).map(([value]) => value);
  assert.deepEqual(values, ["all", "By size", "One layer"]);
});

test("what a pixel looks at is what Python says, asked for and packed", () => {
  const { row, head, x, y, layer, map } = looks;
  const store = storeOf();
  const packed = looksOf(store, 0, "all", row, head, { x, y });
  assertClose(packed.map, map, 2 * PEAK * Math.max(...map));
  store.looks = { row, head, x, y, rows: [{ run: 0, layer, data: new Float32Array(map) }] };
  assertClose(looksOf(store, 0, "all", row, head, { x, y }).map, map, 1e-7);
  assertClose([packed.map.reduce((sum, value) => sum + value, 0)], [1], 0.01);
});

test("where nothing of self-attention travelled it is missing, and null where none was recorded", () => {
  const pixel = { x: 0.5, y: 0.5 };
  const there = looksOf(storeOf("none"), 0, "all", -1, -1, pixel);
  assert.equal(there.map, null);
  assert.equal(there.missing, 1);
  assert.equal(looksOf(storeOf(), 0, "layer:1", -1, -1, pixel), null);
});

test("the words' shares sum to one, and what is no word has none", () => {
  const { columns } = about.runs[0];
  const shares = wordShares(meanMaps(storeOf(), 0, "all", -1, -1), columns);
  const words = shares.maps.filter((map) => map !== null);
  assert.equal(words.length, columns.filter(({ kind }) => kind === "word").length);
  for (let k = 0; k < words[0].length; k += 1) {
    assertClose([words.reduce((sum, map) => sum + map[k], 0)], [1], 1e-5);
  }
});

test("a difference is target minus source, and null for a word that is new", () => {
  const store = storeOf();
  const [source, target] = [0, 1].map((run) => meanMaps(store, run, "all", -1, -1));
  const { maps } = difference(target, source, [0, null, 2, 3, 4, 5]);
  assert.equal(maps[1], null);
  assertClose([maps[2][5]], [target.maps[2][5] - source.maps[2][5]], 1e-7);
});

test("cells are counted row by row, and the border belongs to the last one", () => {
  const grid = { h: 2, w: 4 };
  assert.equal(cellOf(grid, { x: 0.3, y: 0.6 }), 5);
  assert.equal(cellOf(grid, { x: 1, y: 1 }), 7);
  assert.deepEqual(boxOf(grid, { x: 0.3, y: 0.6 }), { x: 0.25, y: 0.5, w: 0.25, h: 0.5 });
});

test("arrow keys go to the middle of the next cell, and not beyond the picture", () => {
  const grid = { h: 2, w: 4 };
  assert.deepEqual(neighbour(grid, { x: 0.3, y: 0.6 }, [1, 0]), { x: 0.625, y: 0.75 });
  assert.deepEqual(neighbour(grid, { x: 0.3, y: 0.6 }, [0, 1]), { x: 0.375, y: 0.75 });
});

test("contrast narrows the scale; differences are even around zero", () => {
  const map = Float32Array.from({ length: 101 }, (_, k) => k / 100);
  assertClose(Object.values(rangeOf([map], 0, false)), [0, 1]);
  assertClose(Object.values(rangeOf([map], 1, false)), [0.05, 0.95]);
  assertClose(Object.values(rangeOf([map.map((value) => -value)], 0, true)), [-1, 1]);
  assert.deepEqual(rangeOf([], 0.3, false), { low: 0, high: 1 });
});

test("a share is written with as many digits as it takes to see it", () => {
  assert.deepEqual([0, 0.5, 0.012, 0.0004, -0.02].map(percent), ["0.0", "50.0", "1.20", "0.040", "−2.00"]);
});

test("the words that take nearly everything are Python's", () => {
  const { means: taken, kinds, columns } = fixtures.explorer.sinks;
  const found = sinksOf(
    taken.map((mean) => [mean, mean]),
    kinds.map((kind) => ({ kind })),
  );
  assert.deepEqual([...found], columns);
  assert.deepEqual(columns, [1, 2]); // neither start nor padding, which are no words
  assert.deepEqual([...sinksOf([[0.9], [0.1]], [{ kind: "word" }, { kind: "word" }])], []);
});

/** A view of some words, each with its map. */
function viewOfWords(words, rest = {}) {
  const columns = [{ text: "start", kind: "start" }];
  for (const text of Object.keys(words)) columns.push({ text, kind: "word" });
  const maps = [[9, 9, 9, 9], ...Object.values(words)].map((map) => map && Float32Array.from(map));
  return { columns, maps, run: 0, signed: false, ...rest };
}

test("what is shown first is the word that names the picture, else the most concentrated one", () => {
  const view = viewOfWords({ the: [0, 0, 0, 1], fox: [1, 2, 1, 1], snow: [1, 3, 1, 1] });
  const runs = (named) => ({ runs: [{ named, partners: [0, 1, 2, 3], columns: view.columns }] });
  assert.equal(firstWord(view, runs(2)), 2);
  assert.equal(firstWord(view, runs(null)), 3); // "the" is more concentrated, and names nothing
  assert.equal(mostConcentrated(viewOfWords({ the: [0, 1, 0, 0], of: [0, 0, 0, 1] })), 1);
  assert.deepEqual(fixtures.explorer.small.filter(namesSomething), []);
  assert.equal(namesSomething("fox") && !namesSomething(","), true);
});

test("a difference begins with the word that was replaced", () => {
  const source = viewOfWords({ a: [1], red: [1], fox: [1] });
  const target = viewOfWords({ a: [1], blue: [0], fox: [1] }, { run: 1, signed: true });
  const partners = [0, 1, 2, 3];
  const runs = [source, target].map(({ columns }) => ({ columns, partners, named: 3 }));
  assert.equal(firstWord(target, { runs }), 2);
  target.maps[2] = null; // new: nothing to compare it with
  assert.equal(firstWord(target, { runs }), 3);
});

test("each word fills its own scale; the common one leaves out what takes nearly everything", () => {
  const words = { a: [0.19, 0.2], fox: [0.01, 0.08], in: [0.02, 0.03], snow: [0.01, 0.02] };
  const view = { ...viewOfWords(words), others: [], sinks: new Set([1]) };
  const highest = (scale) => {
    const explorer = { chosen: { scale, contrast: 0 }, held: null };
    return scalesOf(explorer, view).map(({ high, alone }) => [Number(high.toFixed(3)), alone]);
  };
  const own = [[9, true], [0.2, true]]; // prettier-ignore
  assert.deepEqual(highest("each"), [...own, [0.08, true], [0.03, true], [0.02, true]]);
  assert.deepEqual(highest("one"), [...own, [0.08, false], [0.08, false], [0.08, false]]);
});

test("the page says what the colours mean", () => {
  const view = { ...viewOfWords({ a: [1], fox: [1] }), sinks: new Set([1]) };
  assert.match(scaleSentence({ chosen: { scale: "each" } }, view), /own colour scale/);
  assert.match(scaleSentence({ chosen: { scale: "one" } }, view), /nearly everything: “a”\.$/);
  assert.match(
    scaleSentence({ chosen: { scale: "held" } }, { ...view, sinks: new Set() }),
    /keep their own\.$/,
  );
});

test("what is said while a page is made, and of one of an earlier page", () => {
  assert.equal(savingSentence({}, 0), "");
  assert.equal(savingSentence({ id: 1, name: "maps.html" }, 2), "The page is being made.");
  assert.equal(savingSentence({ id: 2, done: 1, total: 3 }, 2), "The page is being made: 33 %.");
  assert.equal(savingSentence({ id: 2, name: "maps.html" }, 2), "Saved as maps.html.");
});

const START = { run: 0, view: "raw", layer: "all", head: -1, row: -1 };

test("a view has the maps of the controls, and the other runs' words for its scale", () => {
  const store = storeOf();
  const words = about.runs[1].columns.filter(({ kind }) => kind === "word").length;
  const view = viewOf({ about, store, chosen: START });
  const sinks = sinksOf(meanMaps(store, 1, "all", -1, -1).maps, about.runs[1].columns);
  assert.equal(view.others.length, words - sinks.size);
  assert.equal(view.maps, meanMaps(store, 0, "all", -1, -1).maps);
  const signed = viewOf({ about, store, chosen: { ...START, view: "difference" } });
  assert.deepEqual([signed.run, signed.signed, signed.others.length], [1, true, 0]);
});

test("a sentence says which layers, heads and steps are shown", () => {
  const said = (parts, notes = []) =>
    whereSentence({ about, chosen: { ...START, ...parts } }, new Set(notes));
  assert.equal(said({}), "all layers, all heads, all steps");
  assert.equal(said({ layer: "grid:4x4", head: 1 }), "all 4 × 4 maps, head 1, all steps");
  assert.equal(
    said({ layer: "layer:1", row: 0 }, ["coarse"]),
    `middle, all heads, step ${about.steps[0]} (here: coarse)`,
  );
});

test("controls of an earlier page are taken as far as they fit", () => {
  const state = restored(about, { run: 5, row: 1, head: 7, layer: "grid:64x64", contrast: 0.9 });
  const { run, row, head, layer, contrast } = state;
  assert.deepEqual(
    { run, row, head, layer, contrast },
    { run: 0, row: 1, head: -1, layer: "all", contrast: 0.9 },
  );
});

test("what a pixel reads most is said", () => {
  const coloured = {
    h: 1,
    w: 2,
    columns: [{ text: "a" }, { text: "red" }, { text: "fox" }, { text: "end" }],
    maps: [[0, 0.1], [0, 0.2], [0, 0.5], null],
  };
  const pixel = { x: 0.9, y: 0.1 };
  const said = pixelSentence({ hover: { pixel }, chosen: { pixel: null }, coloured });
  assert.equal(said, "row 0, column 1: fox 50.0 %, red 20.0 %, a 10.0 %");
  assert.equal(pixelSentence({ hover: { pixel: null }, chosen: { pixel: null }, coloured }), null);
});

test("what did not travel is asked for once, until a control changes", () => {
  const asked = [];
  const explorer = {
    about: { ...about, live: true },
    chosen: { layer: "all", row: 1, head: 1, pixel: { x: 0.1, y: 0.2 } },
    store: storeOf("mean"),
    coloured: { notes: new Set(["all heads together"]), run: 0 },
  };
  const requests = requestsOf(explorer, { ask: (message) => asked.push(message) });
  for (let k = 0; k < 2; k += 1) {
    requests.part();
    requests.looks();
  }
  assert.deepEqual(asked, [
    { id: 1, type: "part", row: 1, head: 1 },
    { id: 2, type: "looks", row: 1, head: 1, layers: [0], x: 0.1, y: 0.2 },
  ]);
  requests.forget();
  requests.part();
  assert.equal(asked.length, 3);
  explorer.about.live = false;
  requests.forget();
  requests.part();
  requests.looks();
  assert.equal(asked.length, 3);
});
