// The parts of the attention explorer: its controls, the words with their small maps, and the bars.
import { element, keepKeys, slider, uniqueId } from "../shared/elements.js";
import { explorerCompose, explorerPercent } from "./colours.js";

export const EXPLORER_VIEWS = {
  raw: "as it is",
  share: "share among words",
  difference: "target minus source",
};

// A labelled choice; `options` are [value, text], or [group, [[value, text], ...]].
function explorerChoice(label, name, options, value, changed) {
  const id = uniqueId();
  const option = ([key, text]) =>
    Array.isArray(text)
      ? element("optgroup", { label: key }, ...text.map(option))
      : element("option", { value: key }, text);
  const select = keepKeys(element("select", { id, "data-testid": name }, ...options.map(option)));
  select.value = value;
  if (select.selectedIndex < 0) select.selectedIndex = 0;
  select.addEventListener("change", () => changed(select.value));
  return element("div", { class: "explorer-choice" }, element("label", { for: id }, label), select);
}

function explorerLayerOptions(about) {
  const layers = about.layers.filter((layer) => layer.cross);
  const sizes = [...new Map(layers.map((layer) => [layer.size.join("x"), layer.size])).entries()];
  sizes.sort((a, b) => b[1][0] * b[1][1] - a[1][0] * a[1][1]);
  const name = (size) => `${size[0]} × ${size[1]}`;
  const grids = sizes.map(([key, size]) => [`grid:${key}`, `all ${name(size)} maps`]);
  const single = layers.map((layer) => [`layer:${layer.index}`, `${layer.label} · ${name(layer.size)}`]);
  return [
    ["all", "all layers (mean)"],
    ...(grids.length > 1 ? [["By size", grids]] : []),
    ["One layer", single],
  ];
}

function explorerStepSlider(ex) {
  const { steps } = ex.about;
  const say = (row) => {
    const text = row < 0 ? "all (mean)" : `${steps[row]}`;
    made.root.querySelector("output").textContent = text;
    made.input.setAttribute("aria-valuetext", row < 0 ? "all steps, their mean" : `step ${steps[row]}`);
  };
  const title = `Step ${steps[0]} is the noisiest; all the way to the left is the mean of all`;
  const options = { min: -1, max: steps.length - 1, step: 1, value: ex.state.row, title };
  const made = slider("step", options, (row) => {
    say(row);
    ex.change({ row });
  });
  made.input.dataset.testid = "step";
  made.root.classList.add("explorer-step");
  say(ex.state.row);
  return made.root;
}

function explorerCheck(label, name, checked, changed) {
  const input = keepKeys(element("input", { type: "checkbox", "data-testid": name }));
  input.checked = checked;
  input.addEventListener("change", () => changed(input.checked));
  return element("label", { class: "explorer-check" }, input, label);
}

// Which run is shown; a difference is one of the later ones minus the first.
function explorerRunChoice(ex) {
  const runs = ex.about.runs.map((run, k) => [String(k), `${run.kind}: ${run.prompt}`]);
  const root = explorerChoice("run", "run", runs, String(ex.state.run), (run) =>
    ex.change({ run: Number(run) }),
  );
  const select = root.querySelector("select");
  const follow = () => {
    const signed = ex.state.view === "difference";
    select.options[0].disabled = signed;
    if (signed) ex.state.run = Math.max(1, ex.state.run);
    select.value = String(ex.state.run);
  };
  follow();
  return { root, follow };
}

// What is shown: run, view, layer, head, step.
export function explorerWhat(ex) {
  const { about, state } = ex;
  const run = about.runs.length > 1 ? explorerRunChoice(ex) : null;
  const views = Object.entries(EXPLORER_VIEWS).filter(([key]) => run || key !== "difference");
  const heads = Array.from({ length: about.heads }, (_, k) => [String(k), `head ${k}`]);
  const view = explorerChoice("view", "view", views, state.view, (chosen) => {
    ex.change({ view: chosen });
    run?.follow();
  });
  return element(
    "div",
    { class: "explorer-controls" },
    run?.root,
    view,
    explorerChoice("layer", "layer", explorerLayerOptions(about), state.layer, (layer) =>
      ex.change({ layer }),
    ),
    about.heads > 1
      ? explorerChoice("head", "head", [["-1", "all heads (mean)"], ...heads], String(state.head), (head) =>
          ex.change({ head: Number(head) }),
        )
      : null,
    about.steps.length > 1 ? explorerStepSlider(ex) : null,
  );
}

// How it is coloured: one scale or several, contrast, the picture under the map.
export function explorerHow(ex) {
  const { state } = ex;
  const scales = [
    ["one", "one for all words"],
    ["each", "each word its own"],
    ["held", "held as it is now"],
  ];
  const contrast = slider(
    "contrast",
    { value: state.contrast, title: "Narrows the colour scale to where the values are" },
    (value) => ex.change({ contrast: value }),
  );
  contrast.input.dataset.testid = "contrast";
  const share = slider(
    "picture",
    { max: 0.9, value: state.share, title: "How much of the grey picture is seen under the map" },
    (value) => ex.change({ share: value }),
  );
  share.input.dataset.testid = "picture";
  return element(
    "div",
    { class: "explorer-controls" },
    explorerChoice("colour scale", "scale", scales, state.scale, (scale) => ex.change({ scale })),
    contrast.root,
    share.root,
    explorerCheck("smooth", "smooth", state.smooth, (smooth) => ex.change({ smooth })),
  );
}

// The words as buttons, each with its small map. Returns {root, fill(columns), draw(k, grey, small), mark()}.
export function explorerWords(ex) {
  const root = element("div", {
    class: "explorer-words",
    role: "group",
    "aria-label": "Words of the prompt, with start, end and padding",
  });
  let buttons = [];
  const make = (column, k, number) => {
    const canvas = element("canvas", {
      width: 96,
      height: Math.round((96 * ex.about.size[1]) / ex.about.size[0]),
      "aria-hidden": "true",
    });
    const name = column.kind === "word" ? column.text : `<${column.text}>`;
    const button = keepKeys(
      element(
        "button",
        {
          type: "button",
          class: "explorer-word",
          "data-kind": column.kind,
          "data-testid": `word-${number}`,
          "aria-pressed": "false",
        },
        canvas,
        element("span", {}, name),
      ),
    );
    button.addEventListener("pointerenter", () => ex.point({ word: k }));
    button.addEventListener("pointerleave", () => ex.point({ word: null }));
    button.addEventListener("focus", () => ex.point({ word: k }));
    button.addEventListener("blur", () => ex.point({ word: null }));
    button.addEventListener("click", () => ex.lockWord(k));
    return { button, canvas };
  };
  return {
    root,
    fill(columns) {
      let words = -1;
      buttons = columns.map((column, k) => {
        if (column.kind === "word") words += 1;
        return make(column, k, column.kind === "word" ? words : column.kind);
      });
      root.replaceChildren(...buttons.map(({ button }) => button));
    },
    draw(k, grey, small, title) {
      const { button, canvas } = buttons[k];
      explorerCompose(canvas, grey, small, ex.state.share, ex.state.smooth);
      button.toggleAttribute("data-empty", !small);
      button.title = title;
    },
    mark(shown, locked) {
      buttons.forEach(({ button }, k) => {
        button.setAttribute("aria-pressed", k === locked ? "true" : "false");
        button.toggleAttribute("data-shown", k === shown);
      });
    },
  };
}

// A bar for each word. Returns {root, fill(columns), set(values, most, signed, shown)}.
export function explorerBars(ex) {
  const root = element("div", { class: "explorer-bars", "data-testid": "bars" });
  let rows = [];
  return {
    root,
    fill(columns) {
      rows = columns.map((column, k) => {
        const bar = element("span", { class: "explorer-bar" });
        const number = element("span", { class: "explorer-number" });
        const name = element(
          "span",
          { class: "explorer-name" },
          column.kind === "word" ? column.text : `<${column.text}>`,
        );
        const row = element(
          "div",
          { class: "explorer-row", "data-kind": column.kind },
          name,
          element("span", { class: "explorer-track" }, bar),
          number,
        );
        row.addEventListener("pointerenter", () => ex.point({ word: k }));
        row.addEventListener("pointerleave", () => ex.point({ word: null }));
        row.addEventListener("click", () => ex.lockWord(k));
        return { row, bar, number };
      });
      root.replaceChildren(...rows.map(({ row }) => row));
    },
    set(values, most, signed, shown) {
      root.toggleAttribute("data-signed", signed);
      rows.forEach(({ row, bar, number }, k) => {
        const value = values[k];
        row.hidden = value === null;
        if (value === null) return;
        row.dataset.value = value;
        row.toggleAttribute("data-shown", k === shown);
        bar.style.transform = `scaleX(${Math.max(-1, Math.min(1, value / most))})`;
        number.textContent = `${signed && value > 0 ? "+" : ""}${explorerPercent(value)}`;
      });
    },
  };
}
