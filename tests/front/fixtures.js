// What Python computes (tests/front_fixtures.py), and small stand-ins for what the page gets from it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export const fixtures = JSON.parse(readFileSync(new URL("fixtures.json", import.meta.url), "utf8"));

/** The bytes of a base64 text. */
export function decoded(text) {
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Numbers that differ by no more than `most`. */
export function assertClose(found, wanted, most = 1e-6) {
  assert.equal(found.length, wanted.length);
  wanted.forEach((value, k) => {
    assert.ok(Math.abs(found[k] - value) <= most, `${k}: ${found[k]} instead of ${value}`);
  });
}

/** A model of anywidget: traits, and the messages that were sent. */
export function modelOf(traits) {
  const handlers = new Map();
  const model = {
    sent: [],
    get: (name) => traits[name],
    on: (event, handler) => handlers.set(event, [...(handlers.get(event) ?? []), handler]),
    off: (event, handler) =>
      handlers.set(
        event,
        handlers.get(event).filter((one) => one !== handler),
      ),
    send: (message, _, buffers) => model.sent.push({ ...message, ...(buffers?.length ? { buffers } : {}) }),
    /** Python sets a trait. */
    set(name, value) {
      traits[name] = value;
      for (const handler of handlers.get(`change:${name}`) ?? []) handler();
    },
  };
  return model;
}
