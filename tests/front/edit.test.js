import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { cutRectangle, moveCut } from "../../styledit/lab/front/edit/crop.js";
import { curvePoints, shownCurves } from "../../styledit/lab/front/edit/curves.js";
import { guidedSentence } from "../../styledit/lab/front/edit/guided.js";
import { presentEntry, sameEdit, settingsInShort } from "../../styledit/lab/front/edit/history.js";
import { changeSentence } from "../../styledit/lab/front/edit/last_change.js";
import { blendSentence } from "../../styledit/lab/front/edit/mask.js";
import { Brush, pack, unpack } from "../../styledit/lab/front/edit/mask_cells.js";
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
import { isOf } from "../../styledit/lab/front/edit/sheet.js";
import { darkenOutside, editCaption } from "../../styledit/lab/front/edit/views.js";
import { Zoom } from "../../styledit/lab/front/edit/zoom.js";
import { assertClose, fixtures, modelOf } from "./fixtures.js";

const { language } = fixtures;
const EDIT = { prompt: "a fox", method: "styledit", settings: DEFAULT_SETTINGS };

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

/** Requests of a page whose source prompt is "a car". */
function editsOf(t, traits = {}) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const model = modelOf({ source: {}, target: {}, frame: {}, sheet: {}, ...traits });
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
  traits.source = { ...stood, ...parts, id: 5, state: "fitting" };
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
  assert.deepEqual([...unpack({ width: 2, height: 1, rows: ["10"] }, 4, 2)], [1, 1, 0, 0, 1, 1, 0, 0]);
  assert.deepEqual([...unpack(null, 2, 1)], [0, 0]);
});

test("the brush paints a square, no further than the picture, and leaves no gaps", () => {
  const brush = new Brush(6, 4);
  Object.assign(brush, { x: 0, y: 0, size: 3 });
  brush.stamp();
  assert.deepEqual(pack(brush.cells, 6, 4).rows, ["110000", "110000", "000000", "000000"]);
  brush.size = 1;
  brush.lineTo(5, 2);
  assert.deepEqual(pack(brush.cells, 6, 4).rows, ["110000", "111100", "000011", "000000"]);
  brush.paints = false;
  brush.stamp();
  assert.equal(brush.cells[2 * 6 + 5], 0);
});

// -- history, sheets, and what the lab says

test("an edit is another where the prompt, method, settings or guiding is", () => {
  assert.ok(sameEdit(EDIT, { ...EDIT, guided: null, name: "mine" }));
  assert.ok(!sameEdit(EDIT, { ...EDIT, guided: { iterations: 3 } }));
  assert.ok(!sameEdit(EDIT, { ...EDIT, settings: { ...DEFAULT_SETTINGS, tau_c: 1 } }));
});

test("a reloaded page stands at the newest entry that says what the target says", () => {
  const entries = [
    { ...EDIT, id: 1 },
    { ...EDIT, id: 2 },
    { ...EDIT, id: 3, prompt: "a dog" },
  ];
  assert.equal(presentEntry(entries, EDIT), 2);
  assert.equal(presentEntry(entries, {}), 3);
  assert.equal(presentEntry([], EDIT), null);
});

test("settings in short", () => {
  assert.equal(settingsInShort(EDIT), "τc 0.60 · τs 0.60 · τu 0.00 · τv 0.50 · guidance 7.5 · styledit");
});

test("a tile is marked where it is what the controls say", () => {
  const tile = { ...EDIT, settings: { ...DEFAULT_SETTINGS, tau_c: 0.3 + 0.3 } };
  assert.ok(isOf(tile, EDIT));
  assert.ok(!isOf({ ...tile, settings: null }, EDIT));
  assert.ok(!isOf({ ...tile, settings: { ...DEFAULT_SETTINGS, tau_v: 0.55 } }, EDIT));
});

test("the score is said against the suggested settings", () => {
  const said = (psnr, succeeded = true, suggested = 20) =>
    scoreSentence({ psnr, suggested_psnr: suggested, succeeded, verdict: "the fox is red." });
  assert.equal(said(21), "The fox is red. You beat the suggested settings by 1.0 dB.");
  assert.equal(said(19), "The fox is red. The suggested settings are 1.0 dB nearer.");
  assert.equal(said(20.01), "The fox is red. As near as the suggested settings. Can you come nearer?");
  assert.equal(said(30, false), "The fox is red. Only an edit in which the change is seen counts.");
  assert.equal(said(20, true, null), "The fox is red.");
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
