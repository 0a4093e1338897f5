// The contact sheet: many variants at once; a click takes a tile's settings.
import { element, showBytes } from "../shared/elements.js";
import { DEFAULT_SETTINGS } from "./requests.js";
import { choiceOf, labelled, pushButton } from "./parts.js";
import { settingsInShort } from "./history.js";

export function sheetSection(lab) {
  const sheets = lab.world.sheets ?? [];
  const label = (name) => sheets.find((sheet) => sheet.name === name)?.label ?? name;
  const needsPrompts = () => /prompt/i.test(`${axes.value} ${label(axes.value)}`);
  const prompts = element("textarea", { rows: 3, "data-testid": "sheet-prompts", spellcheck: "false" });
  const promptField = labelled("One target prompt a line", prompts, { class: "styledit-field styledit-sheet-prompts" });
  const show = () => {
    promptField.hidden = !needsPrompts();
    if (needsPrompts() && !prompts.value) prompts.value = lab.edits.wish.prompt;
  };
  const axes = choiceOf("sheet-axes", sheets.map((sheet) => [sheet.name, sheet.label]), show);
  const draw = pushButton("Draw", "sheet-draw", () => {
    const lines = prompts.value.split("\n").map((line) => line.trim()).filter(Boolean);
    lab.note.ask({ type: "sheet", id: lab.edits.nextId(), axes: axes.value, prompts: needsPrompts() ? lines : [] });
  }, { class: "styledit-main" });
  const grid = element("div", { class: "styledit-sheet", "data-testid": "sheet" });
  const tiles = sheetGrid(lab, grid);
  lab.onTrait("sheet", (sheet) => {
    lab.note.answered();
    tiles.fill(sheet);
  });
  lab.edits.onChange(tiles.mark);
  show();
  return [
    element("p", { class: "styledit-hint" }, "One picture for each pair of settings around the present ones. Click one to take its settings."),
    element("div", { class: "styledit-row" }, labelled("Variants of", axes), draw), promptField, grid,
  ];
}

function sheetGrid(lab, grid) {
  let shape = "";
  let tiles = new Map();
  const build = (sheet) => {
    grid.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.dataset.address ?? ""));
    tiles = new Map();
    grid.style.setProperty("--columns", sheet.columns.length);
    const cells = [element("span", { class: "styledit-sheet-head" }), ...sheet.columns.map((text) => element("span", { class: "styledit-sheet-head" }, text))];
    sheet.rows.forEach((text, row) => {
      cells.push(element("span", { class: "styledit-sheet-side" }, text));
      sheet.columns.forEach((_, column) => {
        const tile = sheetTile(lab, row, column, `${text}, ${sheet.columns[column]}`);
        tiles.set(`${row}-${column}`, tile);
        cells.push(tile.root);
      });
    });
    grid.replaceChildren(...cells);
  };
  const mark = () => tiles.forEach((tile) => tile.mark());
  return {
    mark,
    fill(sheet) {
      if (!sheet.rows) { // another source
        build({ rows: [], columns: [] });
        shape = "";
        return;
      }
      const now = JSON.stringify([sheet.id, sheet.rows, sheet.columns]);
      if (now !== shape) build(sheet);
      shape = now;
      for (const given of sheet.tiles ?? []) tiles.get(`${given.row}-${given.column}`)?.fill(given);
      mark();
    },
  };
}

function sheetTile(lab, row, column, label) {
  const image = element("img", { alt: "" });
  const badge = element("span", { class: "styledit-badge" });
  let tile = null;
  let known = "";
  const root = pushButton("", `sheet-tile-${row}-${column}`, () => {
    if (!tile) return;
    const { prompt, method, settings } = tile;
    lab.edits.set(settings ? { settings: { ...DEFAULT_SETTINGS, ...settings }, prompt, method, auto: false } : { prompt, method, auto: true });
  }, { class: "styledit-tile", disabled: true, "aria-label": label });
  root.append(image, badge);
  return {
    root,
    fill(given) {
      tile = given;
      const now = [given.exact, given.picture?.byteLength, given.happened].join();
      if (now === known) return; // all tiles come with each one that is new
      known = now;
      root.disabled = !given.picture;
      root.title = `${given.prompt}\n${given.settings ? settingsInShort(given) : given.method}`;
      root.classList.toggle("styledit-preview", !given.exact);
      showBytes(image, given.picture);
      const seen = { true: ["✓", "the judge sees the change"], false: ["–", "the judge does not see the change"] }[given.happened];
      badge.textContent = seen?.[0] ?? "";
      badge.dataset.happened = String(given.happened);
      root.setAttribute("aria-label", [label, seen?.[1]].filter(Boolean).join(": "));
    },
    mark() {
      const { prompt, method, settings } = lab.edits.wish;
      const same = tile?.settings && JSON.stringify([tile.prompt, tile.method]) === JSON.stringify([prompt, method])
        && ["tau_c", "tau_s", "tau_u", "tau_v", "guidance"].every((name) => Math.abs((tile.settings[name] ?? 0) - (settings[name] ?? 0)) < 1e-9);
      root.setAttribute("aria-pressed", same ? "true" : "false");
    },
  };
}
