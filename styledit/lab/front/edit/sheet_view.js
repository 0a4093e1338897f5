// A contact sheet opened large: its tiles fill the window; one of them alone at full size, arrow keys to the others.
import { pushButton } from "../shared/controls.js";
import { element, keepKeys } from "../shared/elements.js";
import { ARROWS } from "../shared/geometry.js";
import { showBytes } from "../shared/pictures.js";
import { sheetGrid, tileInShort } from "./sheet_grid.js";
/** @import { Lab, TilePlace, Sheet, Tile } from "./types.js" */

/**
 * @param {Lab} lab
 * @param {(tile: Tile) => void} take the settings of a tile
 */
export function sheetView(lab, take) {
  /** @type {Partial<Sheet>} */
  let sheet = {};
  /** @type {TilePlace | null} */
  let at = null; // the tile that is looked at alone
  const tileAt = (/** @type {TilePlace | null} */ place) =>
    sheet.tiles?.find((tile) => tile.row === place?.row && tile.column === place.column) ?? null;
  const grid = sheetGrid(lab, "large", (tile) => look(tile));
  const image = element("img", { "data-testid": "large-image" });
  const text = element("p", { role: "status", "aria-live": "polite", "data-testid": "large-text" });
  const step = (/** @type {number} */ dx, /** @type {number} */ dy) => {
    const next = neighbour(sheet, at, dx, dy);
    if (next) look(next);
  };
  const all = pushButton("All tiles", "large-all", () => look(null));
  const alone = element(
    "figure",
    { class: "styledit-sheet-alone" },
    image,
    text,
    element(
      "div",
      { class: "styledit-row" },
      pushButton("← Previous", "large-previous", () => step(-1, 0)),
      pushButton("Next →", "large-next", () => step(1, 0)),
      pushButton("Take these settings", "large-take", () => {
        const tile = tileAt(at);
        root.close();
        if (tile) take(tile);
      }),
      all,
    ),
  );
  const title = element("strong", {});
  const close = pushButton("Close", "large-close", () => root.close());
  const root = keepKeys(
    element(
      "dialog",
      { class: "styledit-sheet-large", "data-testid": "sheet-large", "aria-label": "Grid of settings" },
      element("div", { class: "styledit-toolbar" }, title, close),
      grid.root,
      alone,
    ),
  );
  const show = () => {
    const tile = tileAt(at);
    grid.root.hidden = tile !== null;
    alone.hidden = tile === null;
    if (!tile) return;
    const { rows = [], columns = [] } = sheet;
    const name = [rows[tile.row], columns[tile.column]].filter(Boolean).join(", ");
    text.textContent = `${name}: ${tile.prompt} · ${tileInShort(tile, lab.world.methods)}`;
    image.alt = name;
  };
  const look = (/** @type {TilePlace | null} */ place) => {
    const before = at;
    at = place && { row: place.row, column: place.column };
    show();
    const tile = tileAt(at);
    if (!tile) {
      if (before) grid.focus(before);
      return;
    }
    showBytes(image, tile.picture);
    if (!alone.contains(document.activeElement)) all.focus();
    ask(tile);
  };
  // The page has small pictures, somewhat compressed; this one is to be seen as it is.
  const ask = (/** @type {Tile} */ tile) => {
    if (tile.exact) lab.send({ type: "tile", sheet: sheet.id, row: tile.row, column: tile.column });
  };
  root.addEventListener(
    "keydown",
    (event) => {
      if (!at) return;
      const arrow = ARROWS[event.key];
      if (arrow) step(...arrow);
      else if (event.key === "Escape") look(null);
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    true,
  );
  root.addEventListener("close", () => {
    at = null;
    show();
  });
  lab.onTrait("tile", ({ sheet: number, row, column, picture }) => {
    if (number === sheet.id && at?.row === row && at?.column === column) showBytes(image, picture);
  });
  lab.edits.onChange(grid.mark);
  lab.cleanups.push(() => root.close());
  show();
  return {
    root,
    open() {
      title.textContent = sheet.title ?? "";
      root.showModal();
      grid.focus({ row: 0, column: 0 });
    },
    fill(/** @type {Partial<Sheet>} */ next) {
      const known = tileAt(at);
      sheet = next;
      grid.fill(next);
      const tile = tileAt(at);
      if (at && !tile) at = null;
      show();
      if (tile?.exact && !known?.exact) look(tile);
    },
  };
}

/**
 * The next tile in reading order, or the one above or below; null at an end.
 * @param {Partial<Sheet>} sheet
 * @param {TilePlace | null} at
 * @param {number} dx
 * @param {number} dy
 * @returns {TilePlace | null}
 */
export function neighbour({ rows = [], columns = [] }, at, dx, dy) {
  if (!at || !columns.length) return null;
  const next = (at.row + dy) * columns.length + at.column + dx;
  if (next < 0 || next >= rows.length * columns.length) return null;
  return { row: Math.floor(next / columns.length), column: next % columns.length };
}
