import assert from "node:assert/strict";
import { test } from "node:test";
import { IndexAxis } from "../../styledit/lab/front/player/axis.js";
import { Clock } from "../../styledit/lab/front/player/clock.js";
import { LogScale, spread } from "../../styledit/lab/front/player/drift.js";
import { peakOf } from "../../styledit/lab/front/player/figures.js";
import { PlayerState } from "../../styledit/lab/front/player/frames.js";
import {
  guidanceText,
  powerText,
  shortNumber,
  wholeNumbers,
} from "../../styledit/lab/front/player/numbers.js";
import { statusSentence } from "../../styledit/lab/front/player/player.js";
import { assertClose, modelOf } from "./fixtures.js";

test("numbers are written short", () => {
  assert.deepEqual([3, 7.5, 1.999, -2].map(guidanceText), ["3", "7.5", "2", "−2"]);
  assert.deepEqual([0, 0.01234, 1.26, 150].map(shortNumber), ["0", "0.012", "1.3", "150"]);
  assert.deepEqual(wholeNumbers(-2, 2).map(powerText), ["0.01", "0.1", "1", "10", "100"]);
});

test("an index and its place in the plot are each other's", () => {
  const axis = new IndexAxis(8);
  axis.width = 572;
  assert.deepEqual([axis.x(0), axis.x(8)], [56, 456]);
  for (const index of wholeNumbers(0, 8)) assert.equal(axis.indexAt(axis.x(index) + 20), index);
  assert.deepEqual([axis.indexAt(0), axis.indexAt(572)], [0, 8]);
  assert.equal(axis.every, 1);
  axis.width = 272;
  assert.equal(axis.every, 3);
  assert.equal(
    axis.path([
      [0, 1],
      [8, 2],
    ]),
    "M56.0 1.0L156.0 2.0",
  );
});

test("drift is drawn between powers of ten, at least from 0.01 to 1", () => {
  const least = new LogScale([]);
  assert.deepEqual([least.lowest, least.highest], [-2, 0]);
  assertClose([least.y(1), least.y(0.01), least.y(0.1), least.y(0)], [24, 120, 72, 120]);
  const wide = new LogScale([0.0004, 35]);
  assert.deepEqual([wide.lowest, wide.highest], [-4, 2]);
  assert.equal(new LogScale([1e-12]).lowest, -5);
});

test("names do not cover each other, nor leave the plot", () => {
  assert.deepEqual(spread([10, 12, 60]), [10, 24, 60]);
  assert.deepEqual(spread([110, 120, 121]), [98, 112, 126]);
  assert.deepEqual(spread([]), []);
});

/** A clock, and the indices that it went to. */
function clockOf(t, position) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const gone = [];
  const clock = new Clock(
    { last: 3, ...position },
    (index) => {
      clock.position.index = index;
      gone.push(index);
    },
    () => gone.push("stopped"),
  );
  return { clock, gone };
}

test("the clock goes there and back, with a pause at the end", (t) => {
  const { clock, gone } = clockOf(t, { index: 3, denoising: false });
  clock.start();
  assert.ok(clock.playing);
  for (let k = 0; k < 4; k += 1) t.mock.timers.tick(320);
  assert.deepEqual(gone, [3, 2, 1, 0]);
  t.mock.timers.tick(580); // 900 at the end
  assert.ok(clock.position.denoising);
  t.mock.timers.tick(320);
  assert.deepEqual(gone.slice(-2), [0, 1]);
  clock.stop();
  t.mock.timers.tick(5000);
  assert.equal(gone.at(-1), "stopped");
  assert.ok(!clock.playing);
});

test("one way only stops at the end, and begins again at the start", (t) => {
  const { clock, gone } = clockOf(t, { index: 3, denoising: true });
  clock.both = false;
  clock.speed = 2;
  clock.start();
  for (let k = 0; k < 20; k += 1) t.mock.timers.tick(160);
  assert.deepEqual(gone, [0, 1, 2, 3, "stopped"]);
});

const WORLD = { timesteps: [900, 500, 100], levels: [0, 0.36, 0.84, 1], words: ["a", "fox"] };
const bytes = (...values) => Uint8Array.from(values);

/** Where somebody stands on a page of four indices. */
function stateOf(view = {}) {
  return new PlayerState(
    modelOf({
      world: WORLD,
      view: { index: 3, direction: "inversion", words: ["a", "fox"], ...view },
      run: {},
    }),
  );
}

/** The step of a run on its way. */
function stepOf(id, index) {
  const [z, drift] = index
    ? [
        [bytes(1), bytes(2)],
        [0.1, 0.2],
      ]
    : [
        [bytes(0), bytes(1)],
        [0, 0.1],
      ];
  return {
    id,
    index,
    guidance: 3,
    values: false,
    z,
    drift,
    x0: bytes(3),
    maps: bytes(1, 2),
    scales: [0.5, 0.25],
  };
}

test("a run on its way is shown as far as it has come", () => {
  const state = stateOf({ direction: "denoising", index: 2 });
  assert.deepEqual(state.shown(), { frames: null, at: 2 });
  assert.ok(!state.takeFresh(stepOf(7, 1))); // opened in the middle
  assert.ok(state.takeFresh(stepOf(7, 0)));
  assert.equal(state.shown().at, 0);
  assert.ok(state.takeFresh(stepOf(7, 1)));
  assert.ok(!state.takeFresh(stepOf(6, 2))); // an older one
  assert.equal(state.shown().at, 1);
  assert.deepEqual([state.fresh.z.length, state.fresh.drift, state.drift()], [3, [0, 0.1, 0.2], 0.1]);
  state.takeRun({ id: 7, guidance: 3, values: false, z: [bytes(0)], drift: [0, 1, 2, 3] });
  assert.equal(state.fresh, null);
  assert.deepEqual([state.shown().at, state.drift()], [2, 2]);
});

test("a newer run on its way stays when an older one is whole", () => {
  const state = stateOf({ direction: "denoising" });
  state.takeFresh(stepOf(8, 0));
  state.takeRun({ id: 7, guidance: 3, values: false, z: [bytes(0)] });
  assert.equal(state.fresh.id, 8);
});

test("a sentence says where somebody stands", () => {
  const state = stateOf({ index: 1 });
  assert.equal(statusSentence(state), "index 1 of 3 · timestep 500 · noise level 0.80");
  Object.assign(state, { index: 3, denoising: true });
  state.takeRun({ id: 1, guidance: 3, values: true, drift: [0, 0, 0, 0.0321] });
  assert.equal(statusSentence(state), "index 3 of 3 · the picture · noise level 0.00 · drift 0.032");
});

test("the colour scale ends at the largest value of the chosen words in all runs", () => {
  const runs = [
    null,
    {
      scales: [
        [9, 0.2],
        [9, 0.3],
      ],
    },
    { scales: [[9, 0.1]] },
  ];
  assert.equal(peakOf(runs, [1]), 0.3);
  assert.equal(peakOf([null, null], [0, 1]), 0);
});
