// The way to Python and back.
/** @import { Asker, Led, Model, Reporter } from "./types.js" */

const PATIENCE = 2500; // ms without an answer before a sentence says so
const REST = 500; // ms after the last change before where the page stands is kept in Python
const LINKED = 80; // ms between two reports to a widget that follows

/**
 * Subscribe to traits, and give back a function that ends all subscriptions: `render` must return it.
 * @template Traits
 * @param {Model<Traits>} model
 * @param {Partial<Record<keyof Traits & string, () => void>>} handlers
 */
export function listen(model, handlers) {
  const entries = /** @type {[string, () => void][]} */ (Object.entries(handlers));
  for (const [trait, handler] of entries) model.on(`change:${trait}`, handler);
  return () => {
    for (const [trait, handler] of entries) model.off(`change:${trait}`, handler);
  };
}

/**
 * Messages to Python that expect an answer in a trait: where none comes, a sentence says so. `answered()` is to be
 * called by whoever sees one.
 * @param {Pick<Model<never>, "send">} model
 * @param {(sentence: string) => void} note
 * @returns {Asker}
 */
export function asker(model, note) {
  /** @type {Timer} */
  let waiting;
  const wait = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      note(
        "The kernel is busy with a cell, or no longer there. The newest change follows when it answers; " +
          "if it does not, run this cell again.",
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
        model.send(message, undefined, buffers);
        wait();
      } catch {
        note("The kernel does not answer; run this cell again.");
      }
    },
    close: () => clearTimeout(waiting),
  };
}

/**
 * Where the page stands, told to Python: a little after the last change, and at once where other widgets follow.
 * @param {Pick<Model<{led: Led}>, "get">} model
 * @param {() => void} tell may raise where there is no kernel; the page works on
 * @returns {Reporter}
 */
export function reporter(model, tell) {
  /** @type {Timer | undefined} */
  let later;
  const fire = () => {
    later = undefined;
    try {
      tell();
    } catch {
      // no kernel any more
    }
  };
  return {
    renew() {
      const { linked } = model.get("led");
      if (linked && later !== undefined) return;
      clearTimeout(later);
      later = setTimeout(fire, linked ? LINKED : REST);
    },
    waits: () => later !== undefined,
    stop() {
      clearTimeout(later);
      later = undefined;
    },
  };
}
