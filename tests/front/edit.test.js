import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { distanceSentence, sideName } from "../../styledit/lab/front/edit/compare.js";
import { cutRectangle, moveCut } from "../../styledit/lab/front/edit/crop.js";
import { curvePoints, shownCurves } from "../../styledit/lab/front/edit/curves.js";
import { differencesOf } from "../../styledit/lab/front/edit/differences.js";
import { stepSentence, switchesLit, switchesOf } from "../../styledit/lab/front/edit/happening.js";
import { guidedSentence } from "../../styledit/lab/front/edit/guided.js";
import { entryTitle, settingsInShort } from "../../styledit/lab/front/edit/history.js";
import { changeSentence } from "../../styledit/lab/front/edit/last_change.js";
import { lookCaption, mapOf, veilOf } from "../../styledit/lab/front/edit/looks.js";
import { blendSentence } from "../../styledit/lab/front/edit/mask.js";
import { Brush, cellsOfWord, outline, pack, unpack } from "../../styledit/lab/front/edit/mask_cells.js";
import { delayedCall, intoDifference } from "../../styledit/lab/front/edit/parts.js";
import { pendingSource } from "../../styledit/lab/front/edit/pending.js";
import {
  DEFAULT_SETTINGS,
  editRequests,
  requestFlow,
  withKnownWords,
} from "../../styledit/lab/front/edit/requests.js";
import { scoreSentence } from "../../styledit/lab/front/edit/score.js";
import {
  inAnotherStyle,
  slotIn,
  unknownWords,
  withSlot,
  wordSteps,
} from "../../styledit/lab/front/edit/sentences.js";
import { methodSentence } from "../../styledit/lab/front/edit/methods.js";
import {
  firstValues,
  firstWord,
  kindNamed,
  presentValue,
  sheetSize,
  splitValues,
} from "../../styledit/lab/front/edit/sheet_axes.js";
import { isOf, tileInShort } from "../../styledit/lab/front/edit/sheet_grid.js";
import { neighbour } from "../../styledit/lab/front/edit/sheet_view.js";
import { doneSentence } from "../../styledit/lab/front/edit/status.js";
import { coversAllSentence, darkenOutside, editCaption } from "../../styledit/lab/front/edit/views.js";
import { Zoom } from "../../styledit/lab/front/edit/zoom.js";
import { assertClose, fixtures, modelOf } from "./fixtures.js";

const { language } = fixtures;
const { axes, methods, most_tiles } = fixtures.sheets;
const EDIT = { prompt: "a fox", method: "value inputs", settings: DEFAULT_SETTINGS, parameters: {} };

// -- sentences

for (const [prompt, target] of Object.entries(language.targets)) {
  test(`the next style of "${prompt}" is the one that Python begins with`, () => {
    assert.equal(inAnotherStyle(language, prompt).toLowerCase(), target.toLowerCase());
  });
}

const slot = (label) => language.slots.findIndex((one) => one.label === label);
const CHANGED = [
  ["a pencil sketch of a red fox in the snow", "colour", "blue", "a pencil sketch of a blue fox in the snow"],
  ["a red fox in the snow", "colour", "", "a fox in the snow"],
  ["a fox in the snow", "size", "small", "a small fox in the snow"],
  ["a red fox", "thing", "owl", "a red owl"],
  ["a fox", "thing", "owl", "an owl"],
  ["a fox, in the snow", "colour", "orange", "an orange fox, in the snow"],
  ["a fox in the snow", "style", "a pencil sketch of", "a pencil sketch of a fox in the snow"],
  ["zebra of doom", "thing", "fox", "a fox"],
  ["red fox in the snow", "colour", "blue", "a blue fox in the snow"],
];
for (const [prompt, label, phrase, wanted] of CHANGED) {
  test(`"${prompt}" with ${label} "${phrase}"`, () => {
    assert.equal(withSlot(prompt, language, slot(label), phrase), wanted);
  });
}

test("the first phrase of a slot counts, of those the longest", () => {
  const found = slotIn("A dark red fox", { label: "colour", words: ["", "dark", "dark red", "fox"] });
  assert.deepEqual(found, { start: 2, end: 10, phrase: "dark red" });
  assert.equal(slotIn("a foxglove", { label: "thing", words: ["fox"] }), null);
});

test("unknown words are said of the embedded model only", () => {
  assert.deepEqual(unknownWords("A fox, zebra!", language), ["zebra"]);
  assert.deepEqual(unknownWords("a zebra", { words: [] }), []);
});

test("two prompts differ by the fewest words", () => {
  const steps = wordSteps("a red fox in snow".split(" "), "A fox on the snow".split(" "));
  assert.deepEqual(steps, [
    ["same", "A"],
    ["gone", "red"],
    ["same", "fox"],
    ["gone", "in"],
    ["come", "on"],
    ["come", "the"],
    ["same", "snow"],
  ]);
});

// -- requests

test("the settings are Python's, and begin where its own do", () => {
  const { guidance, ...rest } = fixtures.settings;
  assert.deepEqual({ ...DEFAULT_SETTINGS, guidance }, { guidance, ...rest });
});

/** A flow whose requests are numbered from 1. */
function flowOf() {
  const sent = [];
  return { sent, flow: requestFlow((request) => sent.push(request)) };
}

test("a drag has one unanswered request; the newest waits, and a release does not", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { sent, flow } = flowOf();
  for (const tau of [1, 2, 3]) flow.ask({ moving: true, tau });
  assert.deepEqual(
    sent.map(({ tau }) => tau),
    [1],
  );
  assert.ok(flow.waits());
  flow.answered(1);
  assert.deepEqual(
    sent.map(({ tau }) => tau),
    [1, 3],
  );
  flow.ask({ moving: true, tau: 4 });
  flow.ask({ moving: false, tau: 5 });
  assert.deepEqual(
    sent.map(({ tau }) => tau),
    [1, 3, 5],
  );
  assert.ok(!flow.waits());
});

test("an answer that does not come holds a drag back for two seconds, one that is old for as long", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { sent, flow } = flowOf();
  flow.ask({ moving: true });
  flow.ask({ moving: true });
  flow.answered(0);
  assert.equal(sent.length, 1);
  t.mock.timers.tick(2000);
  assert.equal(sent.length, 2);
  flow.ask({ moving: true });
  flow.forget();
  t.mock.timers.tick(5000);
  assert.equal(sent.length, 2);
});

test("what jumps is looked at first, then asked for exactly; a stop or a newer one takes its place", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { sent, flow } = flowOf();
  const asked = () => sent.splice(0).map(({ moving, tau }) => [moving, tau]);
  flow.look({ tau: 1 });
  assert.deepEqual(asked(), [[true, 1]]);
  assert.ok(flow.waits());
  flow.answered(1);
  assert.deepEqual(asked(), [[false, 1]]);
  flow.look({ tau: 2 }); // no answer comes: it is asked for all the same
  t.mock.timers.tick(2000);
  assert.deepEqual(asked(), [[true, 2], [false, 2]]); // prettier-ignore
  flow.look({ tau: 3 });
  flow.look({ tau: 4 });
  flow.answered(9);
  assert.deepEqual(asked(), [[true, 3], [true, 4], [false, 4]]); // prettier-ignore
  flow.look({ tau: 5 });
  flow.forget();
  t.mock.timers.tick(5000);
  assert.deepEqual(asked(), [[true, 5]]);
});

/** Requests of a page whose source prompt is "a car". */
function editsOf(t, traits = {}) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const model = modelOf({ source: {}, target: {}, frame: {}, sheet: {}, sheets: [], ...traits });
  const asked = [];
  const edits = editRequests(model, { ask: (message) => asked.push(message) }, () => "a car");
  return { edits, asked, model };
}

test("ids go on from what Python has seen", (t) => {
  const { edits } = editsOf(t, { source: { id: 4 }, frame: { id: 7 } });
  assert.deepEqual([edits.nextId(), edits.nextId()], [8, 9]);
});

test("a setting by hand ends the suggested ones, and tells everybody", (t) => {
  const { edits, asked } = editsOf(t);
  const reader = mock.fn();
  edits.onChange(reader);
  edits.change({ tau_c: 0.9 }, false);
  assert.equal(reader.mock.calls[0].arguments[0].settings.tau_c, 0.9);
  assert.deepEqual([asked[0].auto, asked[0].settings.tau_c, asked[0].moving], [false, 0.9, false]);
  assert.equal(DEFAULT_SETTINGS.tau_c, 0.6);
});

test("a word and a mask get a first look, a method none", (t) => {
  const { edits, asked } = editsOf(t);
  edits.setPrompt("a blue car");
  edits.flow.answered(1);
  edits.jump({ mask: { width: 1, height: 1, runs: [0, 1] } });
  edits.flow.answered(3);
  edits.set({ method: "another" });
  assert.deepEqual(
    asked.map(({ moving, auto }) => [moving, auto]),
    [[true, true], [false, true], [true, false], [false, false], [false, false]], // prettier-ignore
  );
});

test("no slider jumps back to what an older request has in use", (t) => {
  const { edits } = editsOf(t);
  edits.change({ tau_c: 0.9 }, true); // id 1
  edits.accept({ id: 0, settings: { tau_c: 0.1 } });
  assert.equal(edits.current.settings.tau_c, 0.9);
  edits.change({ tau_c: 0.8 }, true); // waits
  edits.accept({ id: 1, settings: { tau_c: 0.9 } });
  assert.equal(edits.current.settings.tau_c, 0.8);
  edits.flow.answered(1);
  edits.accept({ id: 2, settings: { tau_c: 0.7 }, auto: true, method: "styledit" });
  assert.deepEqual(
    [edits.current.settings.tau_c, edits.current.auto, edits.current.method],
    [0.7, true, "styledit"],
  );
});

test("where nothing will come, the controls go back to what is in use", (t) => {
  const { edits } = editsOf(t, { target: { id: 1, prompt: "a fox", settings: { tau_c: 0.2 } } });
  edits.set({ prompt: "a dog" });
  edits.revert();
  assert.deepEqual([edits.current.prompt, edits.current.settings.tau_c], ["a fox", 0.2]);
});

test("settings of words that are in no prompt any more stay here", () => {
  const settings = { ...DEFAULT_SETTINGS, tau_c_words: { car: 1, fox: 1 }, blend: ["car", "fox", "carpet"] };
  const known = withKnownWords({ prompt: "a carpet with a Fox", settings }, "a car");
  assert.deepEqual(known.tau_c_words, { fox: 1 });
  assert.deepEqual(known.blend, ["car", "fox", "carpet"]);
  assert.deepEqual(settings.tau_c_words, { car: 1, fox: 1 });
});

// -- the source that is asked for

/** A pending source, of a lab that shows the sample "fox". */
function pendingOf() {
  const traits = { source: { id: 3, kind: "sample", name: "fox", seed: 0, prompt: "a fox" } };
  const root = { classList: { toggle: mock.fn() } };
  const revert = mock.fn();
  return { traits, root, revert, pending: pendingSource({ get: (name) => traits[name] }, root, revert) };
}

test("a source is shown from when it is asked for, until it came or failed", () => {
  const { traits, revert, pending } = pendingOf();
  const parts = { kind: "sample", name: "car", seed: 0, prompt: "a car", steps: 15 };
  pending.begin(4, parts);
  pending.arrived(); // the one before
  assert.equal(pending.source().prompt, "a car");
  traits.source = { ...traits.source, ...parts, id: 4 };
  pending.arrived();
  assert.equal(pending.failed(), false);
  pending.begin(5, { ...parts, name: "owl" });
  pending.progressed("");
  assert.equal(pending.source().name, "owl"); // not begun yet
  pending.progressed("inverting");
  pending.progressed("");
  assert.equal(pending.source().name, "car");
  assert.equal(revert.mock.callCount(), 1);
});

test("a source whose picture is there is on its way until it can be edited", () => {
  const { traits, root, revert, pending } = pendingOf();
  const stood = traits.source;
  const parts = { kind: "sample", name: "car", seed: 0, prompt: "a car", steps: 15 };
  const classes = () => Object.fromEntries(root.classList.toggle.mock.calls.map((call) => call.arguments));
  pending.begin(4, parts);
  assert.equal(classes()["styledit-coming"], false);
  traits.source = { ...stood, ...parts, id: 4, state: "inverting" };
  pending.arrived();
  assert.deepEqual(classes(), { "styledit-stale": true, "styledit-coming": true });
  pending.progressed("inverting");
  pending.progressed("fitting"); // of the one before
  assert.equal(pending.failed(), true); // a stop: another picture than the one that stood
  assert.equal(revert.mock.callCount(), 1);
  traits.source = stood;
  pending.arrived();
  assert.deepEqual(classes(), { "styledit-stale": false, "styledit-coming": false });
  pending.begin(5, parts);
  traits.source = { ...stood, ...parts, id: 5, state: "inverted" };
  pending.arrived();
  assert.equal(pending.failed(), false);
});

test("work on the source before does not end the one on its way", () => {
  const { pending } = pendingOf();
  pending.begin(4, { kind: "sample", name: "car", seed: 0, prompt: "a car", steps: 15 });
  pending.progressed("fitting");
  pending.progressed("");
  assert.equal(pending.source().name, "car");
});

test("the edit says what made it where that is not what was asked for", () => {
  const asked = { method: "value inputs", guided: null };
  assert.equal(editCaption({ exact: true, method: "value inputs" }, asked, false), "Edit");
  assert.match(
    editCaption({ exact: true, method: "direct inversion" }, asked, false),
    /^Edit · direct inversion$/,
  );
  assert.equal(editCaption({ exact: true, method: "guided" }, { ...asked, guided: {} }, false), "Edit");
  assert.match(editCaption({ exact: false, method: "" }, asked, true), /on the way/);
});

test("a blend or a mask is said where it acts", () => {
  assert.equal(blendSentence({ blend: [], mask: null }, true), "");
  assert.match(blendSentence({ blend: ["cat", "dog"], mask: null }, true), /“cat” or “dog” .* suggested/);
  assert.doesNotMatch(blendSentence({ blend: ["cat"], mask: null }, false), /suggested/);
  assert.match(blendSentence({ blend: ["cat"], mask: { rows: [] } }, true), /painted/);
});

test("a sentence for the same picture stays to be mended", () => {
  const { traits, revert, pending } = pendingOf();
  const failures = [];
  pending.readers.push((_, failed) => failures.push(failed));
  pending.begin(4, { ...traits.source, prompt: "a zebra" });
  assert.equal(pending.failed(), true);
  assert.deepEqual(failures, [false, true]);
  assert.equal(revert.mock.callCount(), 0);
});

// -- pictures

const photograph = { picture: { width: 400, height: 200 }, zoom: 1, x: 0.5, y: 0.5 };

test("the cut is the largest part of the model's shape, smaller with zoom, inside the picture", () => {
  assert.deepEqual(cutRectangle(photograph, 128, 128), [100, 0, 200, 200]);
  assert.deepEqual(cutRectangle({ ...photograph, zoom: 2 }, 128, 128), [150, 50, 100, 100]);
  assert.deepEqual(cutRectangle({ ...photograph, x: 0 }, 128, 128), [0, 0, 200, 200]);
  assert.deepEqual(cutRectangle({ ...photograph, x: 1, y: 1 }, 64, 128), [300, 0, 100, 200]);
});

test("the cut moves by fractions of itself, as far as the picture goes", () => {
  const cut = { ...photograph };
  moveCut(cut, 128, 128, 0.1, 0.5);
  assertClose([cut.x, cut.y], [0.55, 0.5]);
  moveCut(cut, 128, 128, 9, 0);
  assertClose([cut.x], [0.75]);
});

test("zoom keeps the point under the pointer, and the picture in its pane", () => {
  const zoom = new Zoom();
  const seen = (x) => (x - zoom.x) * zoom.factor;
  zoom.by(2, 0.6, 0.5);
  assertClose([seen(0.6), zoom.factor], [0.1, 2]);
  zoom.move(5, 0);
  assert.equal(zoom.x, 0.75);
  zoom.by(100);
  assert.equal(zoom.factor, 8);
  zoom.by(1 / 100);
  assert.deepEqual([zoom.factor, zoom.x, zoom.y, zoom.on], [1, 0.5, 0.5, false]);
});

test("a difference is grey, enlarged, clamped, and its mean is not", () => {
  const a = Uint8ClampedArray.of(10, 20, 30, 0, 255, 255, 255, 0);
  const mean = intoDifference(a, Uint8ClampedArray.of(10, 23, 36, 0, 0, 0, 0, 0), 2);
  assert.deepEqual([...a], [6, 6, 6, 255, 255, 255, 255, 255]);
  assert.equal(mean, (9 + 765) / 6);
});

test("what a mask keeps is darkened", () => {
  const pixels = Uint8ClampedArray.of(0, 0, 0, 255, 255, 255, 255, 255);
  darkenOutside(pixels);
  assert.deepEqual([...pixels], [0, 0, 0, 165, 0, 0, 0, 0]);
});

// -- mask

test("a mask is packed as Python packs it", () => {
  const { width, height } = fixtures.mask;
  const cells = unpack(fixtures.mask, width, height);
  assert.deepEqual([...cells], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]);
  assert.deepEqual(pack(cells, width, height), fixtures.mask);
  assert.equal(pack(new Uint8Array(12), 4, 3), null);
});

test("a mask of another size takes the nearest cells", () => {
  assert.deepEqual([...unpack({ width: 2, height: 1, runs: [0, 1, 1] }, 4, 2)], [1, 1, 0, 0, 1, 1, 0, 0]);
  assert.deepEqual([...unpack(null, 2, 1)], [0, 0]);
});

/** The cells of a brush, a text for each row. */
function rowsOf({ cells, width }) {
  return cells.join("").match(new RegExp(`.{${width}}`, "g"));
}

test("the brush is round, paints no further than the picture, and leaves no gaps", () => {
  const brush = new Brush(6, 5);
  Object.assign(brush, { x: 3, y: 2, size: 5 });
  brush.stamp();
  assert.deepEqual(rowsOf(brush), ["001110", "011111", "011111", "011111", "001110"]);
  brush.cells.fill(0);
  Object.assign(brush, { x: 0, y: 0, size: 2 });
  brush.stamp(); // an even one stands between cells, here on the corner
  assert.deepEqual(rowsOf(brush).slice(0, 2), ["100000", "000000"]);
  brush.size = 1;
  brush.lineTo(5, 2);
  assert.deepEqual(rowsOf(brush).slice(0, 3), ["110000", "001100", "000011"]);
  brush.paints = false;
  brush.stamp();
  assert.equal(brush.cells[2 * 6 + 5], 0);
});

test("strokes are taken back one by one", () => {
  const brush = new Brush(4, 1);
  brush.size = 1;
  for (const x of [0, 3]) {
    brush.begin();
    brush.lineTo(x, 0);
  }
  const both = brush.cells.join("");
  assert.equal(brush.undo(), true);
  assert.notEqual(brush.cells.join(""), both);
  assert.equal(brush.undo(), true);
  assert.equal(brush.cells.join(""), "0000");
  assert.equal(brush.undo(), false);
});

test("where a word looks is what reaches the threshold, finer than its map", () => {
  const map = { h: 1, w: 2, values: [0, 255] };
  assert.deepEqual([...cellsOfWord(map, 0.5, 4, 1)], [0, 0, 1, 1]);
  assert.deepEqual([...cellsOfWord(map, 0.9, 4, 1)], [0, 0, 0, 1]);
  assert.deepEqual([...cellsOfWord(map, 0, 4, 1)], [1, 1, 1, 1]);
});

test("a mask's outline lies between painted and kept cells", () => {
  assert.deepEqual(outline(Uint8Array.of(1, 0, 0, 0), 2, 2), [
    [1, 0, 1, 1],
    [0, 1, 1, 1],
  ]);
  assert.deepEqual(outline(new Uint8Array(4).fill(1), 2, 2), []);
});

// -- history, sheets, and what the lab says

const ENTRY = {
  ...EDIT,
  id: 3,
  name: "",
  guided: null,
  auto: false,
  source: { key: "x", kind: "seed", name: "", seed: 4, prompt: "a dog", steps: 15 },
};
const GUIDING = { terms: [{ name: "clip", label: "CLIP", hint: "" }] };
const withSettings = (settings) => ({ ...ENTRY, settings: { ...DEFAULT_SETTINGS, ...settings } });

test("an entry is called by its number, and its name or prompt", () => {
  assert.equal(entryTitle(ENTRY), "#3 a fox");
  assert.equal(entryTitle({ ...ENTRY, name: "best" }), "#3 best");
});

test("two edits of one prompt and settings differ by nothing, whether these were suggested or not", () => {
  assert.deepEqual(differencesOf(ENTRY, { ...ENTRY, id: 4, auto: true }, GUIDING), []);
});

test("what differs is said as the page says it, and nothing else", () => {
  const mask = { width: 2, height: 1, rows: ["10"] };
  const cases = [
    [withSettings({ tau_c: 0.3 + 0.3, tau_s: 0.2 }), ["Keep shapes τs", "0.6", "0.2"]],
    [withSettings({ guidance: 3 }), ["Guidance", "7.5", "3"]],
    [withSettings({ tau_v_changed: 0 }), ["Stay near the picture τv, of new words", "not set", "0"]],
    [withSettings({ reweight: { fox: 2 } }), ["Strength × of “fox”", "not set", "2"]],
    [withSettings({ blend: ["fox", "car"] }), ["Blend on", "nothing", "fox, car"]],
    [withSettings({ guide_from_source: true }), ["Guide from the source", "off", "on"]],
    [withSettings({ mask }), ["Painted mask", "none", "painted"]],
    [withSettings({ strength: 0.5 }), ["strength", "not set", "0.5"]],
    [{ ...ENTRY, prompt: "a cat" }, ["It should become", "a fox", "a cat"]],
    [{ ...ENTRY, method: "SDEdit" }, ["Method", "value inputs", "SDEdit"]],
    [
      {
        ...ENTRY,
        guided: { weights: { clip: 1, l2: 0 }, iterations: 8, start: "edit", seed: 0, style: null },
      },
      ["Guided", "no", "CLIP 1, 8 iterations, from edit, seed 0"],
    ],
    [{ ...ENTRY, source: { ...ENTRY.source, key: "y", seed: 5 } }, ["Picture", "seed 4", "seed 5"]],
    [{ ...ENTRY, source: { ...ENTRY.source, key: "y", steps: 20 } }, ["Steps", "15", "20"]],
  ];
  for (const [other, row] of cases) assert.deepEqual(differencesOf(ENTRY, other, GUIDING), [row]);
});

test("two masks and two pictures of one name are not the same", () => {
  const painted = (rows) => withSettings({ mask: { width: 2, height: 1, rows } });
  assert.deepEqual(differencesOf(painted(["10"]), painted(["01"]), GUIDING), [
    ["Painted mask", "painted", "another painted"],
  ]);
  const upload = (key) => ({ ...ENTRY, source: { ...ENTRY.source, key, kind: "upload", name: "me.png" } });
  assert.deepEqual(differencesOf(upload("x"), upload("y"), GUIDING), [
    ["Picture", "me.png", "another me.png"],
  ]);
});

test("every setting is compared", () => {
  const changed = { ...DEFAULT_SETTINGS, mask: { width: 1, height: 1, rows: ["1"] }, blend: ["fox"] };
  for (const [name, value] of Object.entries(changed)) {
    if (typeof value === "number" || value === null) changed[name] = 0.77;
    else if (typeof value === "boolean") changed[name] = !value;
    else if (name.endsWith("_words") || name === "reweight") changed[name] = { fox: 0.77 };
  }
  const rows = differencesOf(ENTRY, { ...ENTRY, settings: changed }, GUIDING);
  assert.equal(rows.length, Object.keys(DEFAULT_SETTINGS).length);
});

test("how far two pictures are apart", () => {
  assert.equal(distanceSentence(21.449), "PSNR 21.4 dB (higher is nearer).");
  assert.equal(distanceSentence(null), "The two are the same, pixel for pixel.");
});

test("settings in short are those that the method reads", () => {
  const short = (edit) => settingsInShort({ ...EDIT, ...edit }, methods);
  assert.equal(short({}), "τc 0.60 · τs 0.60 · τu 0.00 · τv 0.50 · guidance 7.5 · value inputs");
  assert.ok(short({ auto: true }).endsWith("value inputs · suggested"));
  assert.equal(short({ method: "null-text", parameters: { iterations: 10 } }).includes("τv"), false);
  const of = { method: "SDEdit", parameters: { strength: 0.6, seed: 0 } };
  assert.equal(short(of), "guidance 7.5 · strength 0.6 · seed 0 · SDEdit");
});

test("a tile is marked where it is what the controls say", () => {
  const tile = { ...EDIT, auto: false, settings: { ...DEFAULT_SETTINGS, tau_c: 0.3 + 0.3 } };
  const changed = { ...tile, settings: { ...DEFAULT_SETTINGS, tau_v: 0.55 } };
  assert.ok(isOf(tile, EDIT, methods));
  assert.ok(!isOf(changed, EDIT, methods));
  assert.ok(!isOf({ ...tile, settings: { ...DEFAULT_SETTINGS, reweight: { fox: 2 } } }, EDIT, methods));
  const now = { ...EDIT, method: "SDEdit", parameters: { iterations: 3, strength: 0.6 } };
  assert.ok(isOf({ ...changed, method: "SDEdit" }, now, methods)); // it ignores the tau
  assert.ok(!isOf({ ...tile, method: "SDEdit", parameters: { strength: 0.4 } }, now, methods));
});

test("what a method ignores is said once", () => {
  const said = methodSentence({ hint: "It edits.", ignored: { tau_v: "No values.", tau_u: "No values." } });
  assert.equal(said, "It edits. No values.");
});

test("a parameter of a method travels, and leaves the settings automatic", (t) => {
  const { edits, asked } = editsOf(t);
  edits.changeParameters({ strength: 0.4 }, false);
  assert.deepEqual([asked[0].auto, asked[0].parameters], [true, { strength: 0.4 }]);
  edits.accept({ id: 1, parameters: { iterations: 3 } });
  assert.deepEqual(edits.current.parameters, { strength: 0.4, iterations: 3 });
});

// -- the contact sheet's axes

const kind = (name) => kindNamed({ axes }, name);
const axis = (name, values, word = "") => ({ name, values, word });
const sizeOf = (rows, columns, method = "value inputs") =>
  sheetSize([rows, columns], { axes, methods, most_tiles }, method);

test("the first values of an axis include the present one", () => {
  const current = {
    ...EDIT,
    settings: { ...DEFAULT_SETTINGS, tau_c: 0.35, blend: ["car", "snow"], tau_v_words: { fox: 0.1 } },
    parameters: { strength: 0.45 },
  };
  const first = (name, word) =>
    firstValues(kind(name), presentValue(kind(name), current, methods, word)).join(", ");
  assert.equal(first("tau_c"), "0, 0.25, 0.35, 0.5, 0.75, 1");
  assert.equal(first("guidance"), "1, 2, 3, 5, 7.5");
  assert.equal(first("strength"), "0.2, 0.4, 0.45, 0.6, 0.8, 1");
  assert.equal(first("iterations"), "1, 5, 10, 20");
  assert.equal(first("tau_v_words", "fox"), "0, 0.1, 0.25, 0.5, 0.75, 1");
  assert.equal(first("tau_v_words", "snow"), "0, 0.25, 0.5, 0.75, 1"); // the common one
  assert.equal(first("reweight", "fox"), "-1, 0, 1, 2, 4");
  assert.equal(first("tau_v_changed"), "0, 0.25, 0.5, 0.75, 1");
  assert.equal(first("guide_from_source"), "no, yes");
  assert.equal(first("blend"), "none, car + snow");
  assert.equal(first("method"), "following the source, value inputs, direct inversion, DDIM + P2P");
  assert.equal(first("prompt"), "a fox");
});

test("the word to begin with is new and names something", () => {
  const words = (...texts) =>
    texts.map((text) => ({ text: text.replace("+", ""), changed: text[0] === "+" }));
  assert.equal(firstWord(words("+a", "red", "+car")), "car");
  assert.equal(firstWord(words("a", "red", "car")), "red");
  assert.equal(firstWord(words("a")), "a");
  assert.equal(firstWord([]), "");
});

test("values are split where they are typed", () => {
  assert.deepEqual(splitValues(" 0, 0.25,0.25 ; 1,", "number"), ["0", "0.25", "1"]);
  assert.deepEqual(splitValues("a fox, red\n\n an owl ", "prompt"), ["a fox, red", "an owl"]);
});

test("a sheet says its size, or why there is none", () => {
  const five = ["0", "0.25", "0.5", "0.75", "1"];
  assert.deepEqual(sizeOf(axis("tau_c", five), axis("tau_s", five)), {
    tiles: 25,
    sentence: "5 × 5 = 25 tiles",
  });
  assert.equal(sizeOf(null, axis("guidance", five)).tiles, 5);
  const refused = (...given) => {
    const { tiles, sentence } = sizeOf(...given);
    assert.equal(tiles, 0);
    return sentence;
  };
  assert.match(refused(null, null), /^Choose what/);
  assert.match(refused(axis("tau_c", five), axis("tau_c", five)), /vary the same/);
  assert.match(refused(axis("tau_c", five), axis("guidance", [...five, 2, 3, 4])), /40 tiles .* at most 36/);
  assert.match(refused(axis("tau_c", []), null), /^Give values/);
  assert.match(refused(axis("reweight", five), null), /word/);
  assert.match(refused(axis("tau_c", five), null, "SDEdit"), /SDEdit does not use/);
  assert.match(refused(axis("strength", five), null), /value inputs does not use Strength/);
  assert.equal(sizeOf(axis("strength", five), axis("method", ["value inputs", "SDEdit"])).tiles, 10);
  assert.equal(sizeOf(axis("reweight", five, "fox"), axis("reweight", five, "owl")).tiles, 25);
});

test("arrow keys go from tile to tile in reading order", () => {
  const sheet = { rows: ["a", "b"], columns: ["1", "2", "3"] };
  const from = (row, column, dx, dy) => neighbour(sheet, { row, column }, dx, dy);
  assert.deepEqual(from(0, 2, 1, 0), { row: 1, column: 0 });
  assert.deepEqual(from(1, 1, 0, -1), { row: 0, column: 1 });
  assert.equal(from(0, 0, -1, 0), null);
  assert.equal(from(1, 0, 0, 1), null);
});

test("a tile in short says what came of it", () => {
  const tile = {
    ...EDIT,
    exact: true,
    picture: [1],
    psnr: 21.34,
    truth_psnr: 18,
    succeeded: true,
    seconds: 0.5,
  };
  const said = tileInShort(tile, methods);
  assert.ok(
    said.endsWith("21.3 dB to the source · 18.0 dB to the true edit · the judge sees the change · 0.50 s"),
  );
  assert.match(tileInShort({ ...tile, psnr: null, truth_psnr: null }, methods), /the source itself/);
});

test("the score is said against the suggested settings", () => {
  const said = (psnr, succeeded = true, suggested = 20) =>
    scoreSentence({ psnr, suggested_psnr: suggested, succeeded, verdict: "the fox is red." });
  assert.equal(said(21), "The fox is red. You beat the suggested settings by 1.0 dB.");
  assert.equal(said(19), "The fox is red. The suggested settings are 1.0 dB nearer.");
  assert.equal(said(20.01), "The fox is red. As near as the suggested settings. Can you come nearer?");
  assert.equal(said(30, false), "The fox is red. Only an edit in which the change is seen counts.");
  assert.equal(said(20, true, null), "The fox is red.");
  // as far apart as the numbers beside it, which are 21.5 and 21.4
  for (const [psnr, suggested] of [
    [21.549, 21.351],
    [21.46, 21.44],
  ]) {
    assert.match(said(psnr, true, suggested), /beat the suggested settings by 0\.1 dB/);
    assert.match(said(suggested, true, psnr), /suggested settings are 0\.1 dB nearer/);
  }
  assert.match(said(21.449, true, 21.351), /As near as/);
});

test("the last change is said in steps, seconds and pixels", () => {
  const states = ["kept", "computed", "computed"].map((state) => ({ state, switches: {} }));
  const steps = "Of 3 steps: 1 kept from before, 2 computed in 0.52 s.";
  assert.equal(changeSentence({ step_states: states, seconds: 0.52 }, null), steps);
  assert.equal(changeSentence({ step_states: states, seconds: 0.52 }, 0.001), `${steps} No pixel changed.`);
  assert.match(
    changeSentence({ step_states: states, seconds: 0 }, 3.14),
    /2 computed\. A pixel changed by 3\.1 of 255/,
  );
  assert.equal(changeSentence({ step_states: [], seconds: 0 }, null), "");
});

test("a guided edit is said on its way and at its end", () => {
  const run = { iteration: 4, iterations: 40, step: 2, steps: 15, evaluations: 9, seconds: 1.24 };
  assert.equal(guidedSentence({ ...run, running: true }), "Iteration 4 of at most 40, at step 3 of 15.");
  assert.equal(guidedSentence({ ...run, stopped: "" }), "It was replaced by something newer.");
  assert.equal(
    guidedSentence({ ...run, stopped: "done" }),
    "Done: 4 iterations, 9 network evaluations, 1.2 s.",
  );
  assert.match(guidedSentence({ ...run, stopped: "done", seconds: 0 }), /kept from before\.$/);
  assert.match(guidedSentence({ ...run, stopped: "stopped" }), /^Stopped; the best so far is shown/);
});

test("one term is the sum, and is shown once", () => {
  const names = (curves) => shownCurves(curves).map(([name]) => name);
  assert.deepEqual(names({ loss: [1], style: [1], keep: [] }), ["style"]);
  assert.deepEqual(names({ loss: [1], style: [1], keep: [1] }), ["loss", "style", "keep"]);
});

test("a curve fills its plot", () => {
  assert.deepEqual(curvePoints([1, 3, 2]), [
    [3, 25],
    [75, 3],
    [147, 14],
  ]);
  assert.deepEqual(curvePoints([5]), [[75, 25]]);
});

test("a delayed call is made once, after the last start", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const action = mock.fn();
  const call = delayedCall(action, 350);
  call.start();
  t.mock.timers.tick(300);
  call.start();
  t.mock.timers.tick(300);
  assert.ok(call.waits());
  t.mock.timers.tick(100);
  assert.equal(action.mock.callCount(), 1);
  assert.ok(!call.waits());
});

// -- what happens

for (const [k, { settings, steps, on }] of fixtures.switches.entries()) {
  test(`switches are lit where Python has them on, case ${k}`, () => {
    const lit = switchesLit(settings, steps);
    for (const [name, states] of Object.entries(on)) {
      const wanted = states.map((state) => (state ? "on" : "off"));
      assert.deepEqual(lit[name], wanted, name);
    }
  });
}

test("a switch that acts for some words is partly lit", () => {
  const settings = { ...DEFAULT_SETTINGS, tau_c: 0.5, tau_c_words: { fox: 1 }, tau_v: 1, tau_v_padding: 0 };
  const lit = switchesLit(settings, 4);
  assert.deepEqual(lit.tau_c, ["on", "on", "part", "part"]);
  assert.deepEqual(lit.tau_v, ["part", "part", "part", "part"]);
});

test("a method without value inputs reads none, and SDEdit takes nothing over", () => {
  const settings = { ...DEFAULT_SETTINGS, tau_s: 1, tau_v: 1 };
  const of = (name) => methods.find((method) => method.name === name);
  for (const name of ["following the source", "null-text"]) {
    const lit = switchesOf(settings, 3, of(name));
    assert.deepEqual(
      [lit.tau_s, lit.tau_v],
      [
        ["on", "on", "on"],
        ["off", "off", "off"],
      ],
    );
  }
  const none = switchesOf(settings, 3, of("SDEdit"));
  assert.ok(Object.values(none).every((states) => states.every((state) => state === "off")));
  assert.match(stepSentence(none, 0, of("SDEdit")), /“SDEdit” takes nothing over/);
});

test("a step says what it takes over", () => {
  const settings = { ...DEFAULT_SETTINGS, tau_c: 0.5, tau_s: 0, tau_v: 0 };
  const lit = switchesLit(settings, 4);
  const of = (name) => methods.find((method) => method.name === name);
  const values = of("value inputs");
  assert.match(stepSentence(lit, 1, values), /^Step 2 of 4, in the edit's run: its words look where/);
  assert.equal(stepSentence(lit, 2, values), "Step 3 of 4: the edit's run goes its own way.");
  const follows = of("following the source");
  assert.match(stepSentence(lit, 1, follows), /: it takes the source's own step, .*; its words look where/);
  assert.match(
    stepSentence(lit, 2, follows),
    /^Step 3 of 4, .*: it takes the source's own step, and adds [^;]*$/,
  );
});

test("the end of an edit is said of exact pictures only", () => {
  assert.equal(doneSentence({ exact: false, seconds: 1 }), "");
  assert.equal(doneSentence({ exact: true, seconds: 1.23 }), "Edit done in 1.2 s.");
  assert.equal(doneSentence({ exact: true, seconds: 0 }), "Edit done.");
});

// -- where words look

test("a word's map is found as the prompt is read, in the picture that it is asked of", () => {
  const looks = {
    edit: { cat: new Uint8Array([1, 2]), café: new Uint8Array([3]) },
    source: { fox: new Uint8Array([4]) },
  };
  assert.deepEqual([...mapOf(looks, { word: "Cat,", of: "edit" })], [1, 2]);
  assert.deepEqual([...mapOf(looks, { word: "CAFÉ", of: "edit" })], [3]);
  assert.deepEqual([...mapOf(looks, { word: "fox", of: "source" })], [4]);
  assert.equal(mapOf(looks, { word: "fox", of: "edit" }), undefined);
  assert.equal(mapOf({}, { word: "fox", of: "edit" }), undefined);
});

test("the caption says of which word, whether it is known, and of which other method", () => {
  assert.equal(lookCaption("cat", true, "P2Plus", "P2Plus"), "where “cat” looks");
  assert.equal(lookCaption("cat", true, "P2Plus", "SDEdit"), "where “cat” looks, with P2Plus");
  assert.equal(lookCaption("cat", false, undefined, "SDEdit"), "looking for “cat” …");
});

test("a veil is brighter and denser where a word looks", () => {
  const pixels = veilOf([0, 128, 255]);
  const light = (k) => pixels[4 * k] + pixels[4 * k + 1] + pixels[4 * k + 2];
  assert.ok(light(0) < light(1) && light(1) < light(2));
  assert.ok(pixels[3] < pixels[7] && pixels[7] < pixels[11] && pixels[11] < 255);
});

test("a mask that covers all says so, and by which words", () => {
  const whole = "the whole picture";
  assert.equal(
    coversAllSentence({ blend: ["picture"], mask: null }),
    `Everything may change: “picture” covers ${whole}`,
  );
  assert.equal(
    coversAllSentence({ blend: ["picture", "fox"], mask: null }),
    `Everything may change: “picture” and “fox” together cover ${whole}`,
  );
  assert.equal(
    coversAllSentence({ blend: ["picture"], mask: { width: 1, height: 1, runs: [0, 1] } }),
    `Everything may change: the mask covers ${whole}`,
  );
  const pixels = Uint8ClampedArray.from([255, 255, 255, 255, 0, 0, 0, 255]);
  assert.equal(darkenOutside(pixels.slice(0, 4)), 0);
  assert.equal(darkenOutside(pixels), 1);
});

test("whole pictures are the source and the edit, or two of which one is of the history", () => {
  assert.equal(sideName({ left: "source", right: "edit" }), "Source and edit");
  assert.equal(sideName({ left: "truth", right: "edit" }), "Source and edit");
  assert.equal(sideName({ left: 2, right: "edit" }), "Side by side");
  assert.equal(sideName({ left: "source", right: 3 }), "Side by side");
});
