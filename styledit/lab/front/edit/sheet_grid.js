// A contact sheet as a grid of tiles.
import { pushButton } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { freePictures, showBytes } from "../shared/pictures.js";
import { settingsInShort } from "./history.js";
import { methodNamed } from "./methods.js";
/** @import { Asked, EditRequest, Lab, Mask, Method, TilePlace, Sheet, Tile } from "./types.js" */
/** @typedef {{root: HTMLButtonElement, fill(tile: Tile): void, mark(masked: boolean): void}} TileButton */

const SUCCEEDED = {
  true: { sign: "✓", words: "the judge sees the change" },
  false: { sign: "–", words: "the judge does not see the change" },
  null: { sign: "", words: "" },
};

/**
 * @param {Lab} lab
 * @param {string} testid of the grid and, with row and column, of its tiles
 * @param {(tile: Tile) => void} pressed
 */
export function sheetGrid(lab, testid, pressed) {
  const root = element("div", { class: "styledit-sheet", role: "group", "data-testid": testid });
  let shape = "";
  /** @type {Map<string, TileButton>} */
  let tiles = new Map();
  /** @type {Mask | null} */
  let mask = null;
  const head = (/** @type {string} */ text) => element("span", { class: "styledit-sheet-head" }, text);
  const build = (/** @type {string[]} */ rows, /** @type {string[]} */ columns) => {
    freePictures(root);
    tiles = new Map();
    root.style.setProperty("--columns", String(columns.length));
    root.replaceChildren(...(columns.length ? [head("")] : []), ...columns.map(head));
    rows.forEach((text, row) => {
      root.append(element("span", { class: "styledit-sheet-side" }, text));
      columns.forEach((name, column) => {
        const label = [text, name].filter(Boolean).join(", ");
        const tile = sheetTile(lab, `${testid}-${row}-${column}`, label, pressed);
        tiles.set(`${row}-${column}`, tile);
        root.append(tile.root);
      });
    });
  };
  // All tiles have the same mask, which is large: it is compared once.
  const mark = () => {
    const masked = alike(mask, lab.edits.current.settings.mask);
    tiles.forEach((tile) => tile.mark(masked));
  };
  return {
    root,
    mark,
    focus(/** @type {TilePlace} */ { row, column }) {
      tiles.get(`${row}-${column}`)?.root.focus();
    },
    // An empty sheet is that of a source without one.
    fill(
      /** @type {Partial<Sheet>} */ {
        id,
        title = "",
        rows = [],
        columns = [],
        mask: painted = null,
        tiles: given = [],
      },
    ) {
      mask = painted;
      const now = JSON.stringify([id, rows, columns]);
      if (now !== shape) build(rows, columns);
      shape = now;
      root.setAttribute("aria-label", `Grid of settings: ${title}`);
      for (const tile of given) tiles.get(`${tile.row}-${tile.column}`)?.fill(tile);
      mark();
    },
  };
}

/**
 * @param {Lab} lab
 * @param {string} testid
 * @param {string} label
 * @param {(tile: Tile) => void} pressed
 * @returns {TileButton}
 */
function sheetTile(lab, testid, label, pressed) {
  const image = element("img", { alt: "" });
  const badge = element("span", { class: "styledit-badge" });
  /** @type {Tile | null} */
  let tile = null;
  let known = "";
  const root = pushButton("", testid, () => tile?.picture && pressed(tile), {
    class: "styledit-tile",
    "aria-disabled": "true", // so that the arrow keys reach it
    "aria-label": label,
  });
  root.append(image, badge);
  return {
    root,
    fill(given) {
      tile = given;
      const now = [given.exact, given.picture?.byteLength, given.succeeded, given.psnr].join();
      if (now === known) return; // all tiles come with each one that is new
      known = now;
      root.setAttribute("aria-disabled", String(!given.picture));
      root.title = `${given.prompt}\n${tileInShort(given, lab.world.methods)}`;
      root.classList.toggle("styledit-preview", !given.exact);
      showBytes(image, given.picture);
      const seen = SUCCEEDED[/** @type {"true" | "false" | "null"} */ (String(given.succeeded))];
      badge.textContent = seen.sign;
      badge.dataset.succeeded = String(given.succeeded);
      root.setAttribute("aria-label", [label, seen.words].filter(Boolean).join(": "));
    },
    mark(masked) {
      const same = tile !== null && masked && isOf(tile, lab.edits.current, lab.world.methods);
      root.setAttribute("aria-pressed", String(same));
    },
  };
}

/**
 * A tile's settings and what came of them.
 * @param {Tile} tile
 * @param {Method[]} methods
 */
export function tileInShort(tile, methods) {
  const decibels = (/** @type {number | null} */ psnr, /** @type {string} */ what) =>
    psnr === null ? "" : `${psnr.toFixed(1)} dB to ${what}`;
  const { exact, psnr, picture } = tile;
  const source = exact && picture && psnr === null ? "the source itself" : decibels(psnr, "the source");
  const seen = SUCCEEDED[/** @type {"true" | "false" | "null"} */ (String(tile.succeeded))].words;
  const time = tile.seconds === null ? "" : `${tile.seconds.toFixed(2)} s`;
  const came = [source, decibels(tile.truth_psnr, "the true edit"), seen, time];
  return [settingsInShort(tile, methods), ...came].filter(Boolean).join(" · ");
}

/**
 * Whether a tile shows the edit that the controls say, whatever its method ignores; masks aside.
 * @param {Asked & {auto: boolean}} tile
 * @param {EditRequest} current
 * @param {Method[]} methods
 */
export function isOf(tile, current, methods) {
  if (tile.prompt !== current.prompt || tile.method !== current.method) return false;
  const { ignored, parameters } = methodNamed(methods, tile.method);
  const own = parameters.every(
    ({ name, default: usual }) => (tile.parameters[name] ?? usual) === (current.parameters[name] ?? usual),
  );
  const settings = Object.entries(tile.settings).filter(([name]) => name !== "mask" && !ignored[name]);
  const now = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (current.settings));
  return own && settings.every(([name, value]) => alike(value, now[name]));
}

/**
 * @param {unknown} a
 * @param {unknown} b
 */
function alike(a, b) {
  if (typeof a === "number" && typeof b === "number") return Math.abs(a - b) < 1e-9;
  return JSON.stringify(a) === JSON.stringify(b);
}
