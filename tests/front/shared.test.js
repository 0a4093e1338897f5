import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { SEQUENTIAL, coloured, paletteOf } from "../../styledit/lab/front/shared/colours.js";
import { ARROWS, neighbourOf } from "../../styledit/lab/front/shared/geometry.js";
import { asker, listen } from "../../styledit/lab/front/shared/kernel.js";
import { bytesOf } from "../../styledit/lab/front/shared/pictures.js";
import { fixtures, modelOf } from "./fixtures.js";

for (const name of ["sequential", "diverging"]) {
  test(`the ${name} colours are Python's`, () => {
    const { anchors, colours } = fixtures.colours[name];
    const found = coloured(fixtures.colours.values, { low: 0, high: 1 }, paletteOf(anchors));
    colours.forEach((colour, k) => {
      // 256 colours and not as many as there are values: half a step apart at most, of 3.3 a step in the steepest
      colour.forEach((value, c) => assert.ok(Math.abs(found[4 * k + c] - value) <= 2, `${k}, ${c}`));
      assert.equal(found[4 * k + 3], 255);
    });
  });
}

test("the page's own palette is Python's", () => {
  assert.deepEqual(SEQUENTIAL, fixtures.colours.sequential.anchors);
});

test("a palette begins and ends with its anchors", () => {
  const palette = paletteOf(SEQUENTIAL);
  assert.deepEqual([...palette.slice(0, 3)], SEQUENTIAL[0]);
  assert.deepEqual([...palette.slice(-3)], SEQUENTIAL.at(-1));
});

test("bytes are read from any view, and are only theirs", () => {
  const buffer = new Uint8Array([9, 1, 2, 9]).buffer;
  assert.deepEqual([...bytesOf(new DataView(buffer, 1, 2))], [1, 2]);
  assert.deepEqual([...bytesOf(new Uint8Array(buffer, 1, 2))], [1, 2]);
  assert.deepEqual([...bytesOf(buffer)], [9, 1, 2, 9]);
  assert.equal(bytesOf(null), null);
  assert.equal(bytesOf(undefined), null);
});

test("traits are followed until that is ended", () => {
  const model = modelOf({ count: 0 });
  let seen = 0;
  const end = listen(model, { count: () => (seen += 1) });
  model.set("count", 1);
  end();
  model.set("count", 2);
  assert.equal(seen, 1);
});

test("a sentence says that no answer comes, and goes with the answer", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const model = modelOf({});
  const note = mock.fn();
  const kernel = asker(model, note);
  kernel.ask({ type: "edit" }, [new Uint8Array(1)]);
  t.mock.timers.tick(2400);
  assert.equal(note.mock.callCount(), 0);
  t.mock.timers.tick(200);
  assert.match(note.mock.calls[0].arguments[0], /kernel is busy/);
  kernel.answered();
  assert.equal(note.mock.calls[1].arguments[0], "");
  kernel.ask({ type: "edit" });
  kernel.close();
  t.mock.timers.tick(5000);
  assert.equal(note.mock.callCount(), 2);
  assert.deepEqual(
    model.sent.map(({ type }) => type),
    ["edit", "edit"],
  );
});

test("a dead kernel is a sentence at once", () => {
  const note = mock.fn();
  const send = () => {
    throw new Error("no comm");
  };
  asker({ send }, note).ask({ type: "edit" });
  assert.match(note.mock.calls[0].arguments[0], /does not answer/);
});

test("arrow keys lead to the next box, and to the nearest of the next row", () => {
  // 0 1 2
  // 3 4
  const boxes = [
    [0, 0],
    [50, 0],
    [100, 0],
    [0, 50],
    [60, 50.5],
  ].map(([left, top]) => ({ left, top }));
  const to = (at, arrow) => neighbourOf(boxes, at, ARROWS[arrow]);
  assert.deepEqual(
    [to(0, "ArrowRight"), to(2, "ArrowRight"), to(0, "ArrowLeft"), to(4, "ArrowRight")],
    [1, 3, 0, 4],
  );
  assert.deepEqual([to(1, "ArrowDown"), to(2, "ArrowDown"), to(3, "ArrowDown")], [4, 4, 3]);
  assert.deepEqual([to(4, "ArrowUp"), to(3, "ArrowUp"), to(1, "ArrowUp")], [1, 0, 1]);
});
