// What did not travel with the explorer is asked for, once.
import { chosenLayers, looksOf } from "./data.js";
/** @import { Asker } from "../shared/types.js" */
/** @import { Explorer } from "./types.js" */

/**
 * @param {Explorer} explorer
 * @param {Asker} kernel
 */
export function requestsOf(explorer, kernel) {
  const { about, chosen, store } = explorer;
  let id = 0;
  let askedPart = "";
  let askedLooks = "";
  const ask = (/** @type {object} */ message) => {
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
    },
  };
}
