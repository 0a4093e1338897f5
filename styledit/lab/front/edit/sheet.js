// The contact sheet: many variants at once, along any two things; a click takes a tile's settings.
import { choiceOf, fillChoice, pushButton } from "../shared/controls.js";
import { download } from "../shared/download.js";
import { element } from "../shared/elements.js";
import { labelled } from "./parts.js";
import { axisChoice, sheetSize } from "./sheet_axes.js";
import { sheetGrid } from "./sheet_grid.js";
import { sheetView } from "./sheet_view.js";
/** @import { Lab, Tile } from "./types.js" */

/** @param {Lab} lab */
export function sheetSection(lab) {
  const size = element("span", { class: "styledit-hint", role: "status", "data-testid": "sheet-size" });
  const show = () => {
    const { tiles, sentence } = sheetSize(
      [rows.value(), columns.value()],
      lab.world,
      lab.edits.current.method,
    );
    if (size.textContent !== sentence) size.textContent = sentence;
    draw.disabled = tiles === 0;
  };
  const ask = () =>
    lab.note.ask({ type: "sheet", id: lab.edits.nextId(), rows: rows.value(), columns: columns.value() });
  const draw = pushButton("Draw", "sheet-draw", ask, { class: "styledit-main" });
  const rows = axisChoice(lab, "Rows", "sheet-rows", "tau_c", () => show());
  const columns = axisChoice(lab, "Columns", "sheet-columns", "tau_s", () => show());
  const take = (/** @type {Tile} */ { prompt, method, settings, parameters, auto }) =>
    lab.edits.set({
      prompt,
      method,
      parameters: { ...lab.edits.current.parameters, ...parameters },
      settings: { ...settings, mask: lab.model.get("sheet").mask ?? null },
      auto,
    });
  const grid = sheetGrid(lab, "sheet-tile", take);
  const large = sheetView(lab, take);
  const { root: tools, show: showTools } = sheetTools(lab, large.open);
  lab.onTrait("sheet", (sheet) => {
    lab.note.answered();
    grid.fill(sheet);
    large.fill(sheet);
    showTools();
  });
  lab.edits.onChange(() => {
    grid.mark();
    show();
  });
  queueMicrotask(show);
  return [
    element(
      "p",
      { class: "styledit-hint" },
      "One picture for each pair of values, all else as it is now. Click one to take its settings.",
    ),
    rows.root,
    columns.root,
    element("div", { class: "styledit-row" }, draw, size),
    tools,
    grid.root,
    large.root,
  ];
}

/**
 * What can be done with a sheet that is there.
 * @param {Lab} lab
 * @param {() => void} open
 */
function sheetTools(lab, open) {
  let wanted = 0; // the export that this page asked for
  const save = (/** @type {string} */ kind) => {
    wanted = lab.edits.nextId();
    lab.note.ask({ type: "export", id: wanted, sheet: lab.model.get("sheet").id, kind });
  };
  lab.onTrait("exported", (file) => {
    lab.note.answered();
    if (wanted && file.id === wanted) {
      const { name = "contact_sheet.png" } = file;
      download(name, file.data, name.endsWith(".csv") ? "text/csv" : "image/png");
    }
  });
  const earlier = choiceOf("sheet-earlier", [], (id) => lab.note.ask({ type: "show_sheet", id: Number(id) }));
  const choice = labelled("Earlier sheets", earlier);
  const root = element(
    "div",
    { class: "styledit-row" },
    pushButton("Open large", "sheet-open", open),
    pushButton("Save as picture", "sheet-png", () => save("png"), {
      title: "A PNG of all tiles with labels",
    }),
    pushButton("Save as table", "sheet-csv", () => save("csv"), {
      title: "A CSV file: settings, distances to the source and the true edit, seconds",
    }),
    choice,
  );
  const show = () => {
    const { id } = lab.model.get("sheet");
    root.hidden = id === undefined;
    if (id !== undefined) earlier.value = String(id);
  };
  lab.onTrait("sheets", (sheets) => {
    fillChoice(
      earlier,
      sheets.map(({ id, title }) => [String(id), title]),
    );
    choice.hidden = sheets.length < 2;
    show();
  });
  return { root, show };
}
