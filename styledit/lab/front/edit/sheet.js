// The contact sheet: many variants at once; a click takes a tile's settings.
import { choiceOf, pushButton } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { freePictures, showBytes } from "../shared/pictures.js";
import { settingsInShort } from "./history.js";
import { labelled } from "./parts.js";
import { DEFAULT_SETTINGS } from "./requests.js";
/** @import { EditRequest, Lab, Sheet, Tile } from "./types.js" */

const COMPARED = /** @type {const} */ (["tau_c", "tau_s", "tau_u", "tau_v", "guidance"]);
const SUCCEEDED = {
  true: { sign: "✓", words: "the judge sees the change" },
  false: { sign: "–", words: "the judge does not see the change" },
  null: { sign: "", words: "" },
};

/** @param {Lab} lab */
export function sheetSection(lab) {
  const { sheets } = lab.world;
  const needsPrompts = () => axes.value === "target prompts";
  const prompts = element("textarea", { rows: 3, "data-testid": "sheet-prompts", spellcheck: "false" });
  const promptField = labelled("One target prompt a line", prompts, {
    class: "styledit-field styledit-sheet-prompts",
  });
  const show = () => {
    promptField.hidden = !needsPrompts();
    if (needsPrompts() && !prompts.value) prompts.value = lab.edits.current.prompt;
  };
  const axes = choiceOf(
    "sheet-axes",
    sheets.map((sheet) => [sheet.name, sheet.label]),
    show,
  );
  const ask = () => {
    const lines = prompts.value.split("\n").map((line) => line.trim());
    lab.note.ask({
      type: "sheet",
      id: lab.edits.nextId(),
      axes: axes.value,
      prompts: needsPrompts() ? lines.filter(Boolean) : [],
    });
  };
  const draw = pushButton("Draw", "sheet-draw", ask, { class: "styledit-main" });
  const grid = sheetGrid(lab);
  lab.onTrait("sheet", (sheet) => {
    lab.note.answered();
    grid.fill(sheet);
  });
  lab.edits.onChange(grid.mark);
  show();
  return [
    element(
      "p",
      { class: "styledit-hint" },
      "One picture for each pair of settings around the present ones. Click one to take its settings.",
    ),
    element("div", { class: "styledit-row" }, labelled("Variants of", axes), draw),
    promptField,
    grid.root,
  ];
}

/** @param {Lab} lab */
function sheetGrid(lab) {
  const root = element("div", { class: "styledit-sheet", "data-testid": "sheet" });
  let shape = "";
  /** @type {Map<string, ReturnType<typeof sheetTile>>} */
  let tiles = new Map();
  const head = (/** @type {string} */ text) => element("span", { class: "styledit-sheet-head" }, text);
  const build = (/** @type {string[]} */ rows, /** @type {string[]} */ columns) => {
    freePictures(root);
    tiles = new Map();
    root.style.setProperty("--columns", String(columns.length));
    root.replaceChildren(head(""), ...columns.map(head));
    rows.forEach((text, row) => {
      root.append(element("span", { class: "styledit-sheet-side" }, text));
      columns.forEach((name, column) => {
        const tile = sheetTile(lab, row, column, `${text}, ${name}`);
        tiles.set(`${row}-${column}`, tile);
        root.append(tile.root);
      });
    });
  };
  const mark = () => tiles.forEach((tile) => tile.mark());
  return {
    root,
    mark,
    // An empty sheet is that of another source.
    fill(/** @type {Partial<Sheet>} */ { id, rows = [], columns = [], tiles: given = [] }) {
      const now = JSON.stringify([id, rows, columns]);
      if (now !== shape) build(rows, columns);
      shape = now;
      for (const tile of given) tiles.get(`${tile.row}-${tile.column}`)?.fill(tile);
      mark();
    },
  };
}

/**
 * @param {Lab} lab
 * @param {number} row
 * @param {number} column
 * @param {string} label
 */
function sheetTile(lab, row, column, label) {
  const image = element("img", { alt: "" });
  const badge = element("span", { class: "styledit-badge" });
  /** @type {Tile | null} */
  let tile = null;
  let known = "";
  const take = () => {
    if (!tile) return;
    const { prompt, method, settings } = tile;
    if (!settings) lab.edits.set({ prompt, method, auto: true });
    else lab.edits.set({ settings: { ...DEFAULT_SETTINGS, ...settings }, prompt, method, auto: false });
  };
  const root = pushButton("", `sheet-tile-${row}-${column}`, take, {
    class: "styledit-tile",
    disabled: true,
    "aria-label": label,
  });
  root.append(image, badge);
  return {
    root,
    fill(/** @type {Tile} */ given) {
      tile = given;
      const { settings, prompt, method, picture, exact, succeeded } = given;
      const now = [exact, picture?.byteLength, succeeded].join();
      if (now === known) return; // all tiles come with each one that is new
      known = now;
      root.disabled = !picture;
      root.title = `${prompt}\n${settings ? settingsInShort({ settings, method }) : method}`;
      root.classList.toggle("styledit-preview", !exact);
      showBytes(image, picture);
      const seen = SUCCEEDED[/** @type {"true" | "false" | "null"} */ (String(succeeded))];
      badge.textContent = seen.sign;
      badge.dataset.succeeded = String(succeeded);
      root.setAttribute("aria-label", [label, seen.words].filter(Boolean).join(": "));
    },
    mark: () => root.setAttribute("aria-pressed", String(tile !== null && isOf(tile, lab.edits.current))),
  };
}

/**
 * Whether a tile shows the edit that the controls say.
 * @param {Tile} tile
 * @param {EditRequest} current
 */
export function isOf({ prompt, method, settings }, current) {
  if (!settings || prompt !== current.prompt || method !== current.method) return false;
  return COMPARED.every((name) => Math.abs(settings[name] - current.settings[name]) < 1e-9);
}
