// Where an edit may change the picture: blend words, or a painted mask.
import { element, keepKeys, slider } from "../shared/elements.js";
import { delayedCall, drawable, drawnCanvas, pushButton, toggleButton } from "./parts.js";
import { settingSlider } from "./controls.js";

const REST = 350; // ms after the last key before the exact edit is asked for

export function maskSection(lab) {
  const painter = maskPainter(lab);
  return [
    element("p", { class: "styledit-hint" }, "Blend words: outside their maps the picture stays as it was."),
    blendWords(lab),
    settingSlider(lab, "blend_threshold", "Threshold", { min: 0, max: 1, step: 0.05, title: "Share of a word map's peak from which a cell belongs to the mask" }),
    element("p", { class: "styledit-hint" }, "Or paint: what is painted may change, the rest stays. A painted mask takes the blend words' place."),
    painter,
  ];
}

const SMALL = new Set(["a", "an", "the", "of", "in", "on", "with", "and"]); // their maps say little of a place

// Words of both prompts as toggles.
function blendWords(lab) {
  const root = element("div", { class: "styledit-row", role: "group", "aria-label": "Blend words" });
  let toggles = new Map();
  const show = () => toggles.forEach((toggle, word) => toggle.set((lab.edits.wish.settings.blend ?? []).includes(word)));
  const fill = () => {
    const all = [...(lab.source().words ?? []), ...(lab.model.get("target")?.words ?? []).map((word) => word.text)];
    const used = lab.edits.wish.settings.blend ?? [];
    const words = new Set([...all.filter((word) => !SMALL.has(word)), ...used]);
    if ([...words].join() === [...toggles.keys()].join()) return;
    toggles = new Map([...words].map((word) => [word, toggleButton(word, `blend-${word}`, (on) => {
      const others = (lab.edits.wish.settings.blend ?? []).filter((other) => other !== word);
      lab.edits.change({ blend: on ? [...others, word] : others }, false);
    })]));
    root.replaceChildren(...[...toggles.values()].map((toggle) => toggle.root));
    show();
  };
  lab.onSource(fill);
  lab.onTrait("target", fill);
  lab.edits.onChange(() => {
    fill();
    show();
    root.classList.toggle("styledit-replaced", Boolean(lab.edits.wish.settings.mask));
  });
  return root;
}

// The mask as the protocol has it; null where nothing is painted.
function packedMask(cells, width, height) {
  if (!cells.some(Boolean)) return null;
  const rows = Array.from({ length: height }, (_, y) => cells.slice(y * width, (y + 1) * width).join(""));
  return { width, height, rows };
}

// A mask's cells at another size, the nearest ones.
function unpackedMask(mask, width, height) {
  const cells = new Uint8Array(width * height);
  if (!mask) return cells;
  for (let y = 0; y < height; y += 1) {
    const row = mask.rows[Math.floor((y * mask.height) / height)];
    for (let x = 0; x < width; x += 1) cells[y * width + x] = row[Math.floor((x * mask.width) / width)] === "1" ? 1 : 0;
  }
  return cells;
}

function maskPainter(lab) {
  const [width, height] = lab.world.mask_size ?? [16, 16];
  const state = { cells: new Uint8Array(width * height), x: width >> 1, y: height >> 1, size: Math.max(1, Math.round(width / 6)), paints: true, focused: false, width, height };
  const ask = (moving) => lab.edits.change({ mask: packedMask([...state.cells], width, height) }, moving);
  const rest = delayedCall(() => ask(false), REST);
  const place = element("span", { class: "styledit-hint", role: "status", "aria-live": "polite", "data-testid": "brush-place" });
  const [across, down] = lab.world.size;
  const canvas = drawnCanvas(across, down, {
    class: "styledit-painter", tabindex: "0", "data-testid": "mask-canvas", role: "application",
    "aria-label": "Mask painter. Arrow keys move the brush, space paints, backspace erases.",
  }, (context) => drawPainter(context, lab, state));
  const stamp = (value) => {
    const half = (state.size - 1) / 2;
    for (let y = Math.ceil(state.y - half); y <= state.y + half; y += 1) {
      for (let x = Math.ceil(state.x - half); x <= state.x + half; x += 1) {
        if (x >= 0 && y >= 0 && x < width && y < height) state.cells[y * width + x] = value;
      }
    }
  };
  const all = (value) => {
    state.cells = state.cells.map(value);
    canvas.redraw();
    ask(false);
  };
  const paint = toggleButton("Paint", "mask-paint", () => mode(true));
  const erase = toggleButton("Erase", "mask-erase", () => mode(false));
  const mode = (paints) => {
    state.paints = paints;
    paint.set(paints);
    erase.set(!paints);
  };
  mode(true);
  const brush = slider("Brush", { min: 1, max: Math.max(2, width >> 1), step: 1, value: state.size }, (value) => {
    state.size = value;
    canvas.redraw();
  });
  brush.input.dataset.testid = "brush-size";
  paintByHand(canvas, state, stamp, ask);
  paintByKeys(canvas, state, stamp, { ask, rest, place });
  lab.edits.onChange((wish) => {
    if (canvas.root.dataset.painting) return;
    state.cells = unpackedMask(wish.settings.mask, width, height);
    canvas.redraw();
  });
  lab.onTrait("source", () => setTimeout(canvas.redraw, 100)); // its picture is decoded by then
  lab.cleanups.push(canvas.close, rest.stop);
  return element(
    "div", { class: "styledit-paint" }, canvas.root,
    element(
      "div", { class: "styledit-paint-side" },
      element("div", { class: "styledit-row" }, element("div", { class: "styledit-tabs" }, paint.root, erase.root)), brush.root,
      element("div", { class: "styledit-row" }, pushButton("Everything", "mask-fill", () => all(() => 1)), pushButton("Invert", "mask-invert", () => all((cell) => 1 - cell)), pushButton("No mask", "mask-clear", () => all(() => 0))),
      place,
    ),
  );
}

function drawPainter(context, lab, state) {
  const { width, height } = context.canvas;
  const [w, h] = [width / state.width, height / state.height];
  context.clearRect(0, 0, width, height);
  if (lab.images?.source && drawable(lab.images.source)) context.drawImage(lab.images.source, 0, 0, width, height);
  if (state.cells.some(Boolean)) {
    context.fillStyle = "rgba(0, 0, 0, 0.65)";
    state.cells.forEach((cell, at) => {
      if (!cell) context.fillRect((at % state.width) * w, Math.floor(at / state.width) * h, w, h);
    });
  }
  if (!state.focused) return;
  const half = (state.size - 1) / 2;
  const [left, top] = [Math.ceil(state.x - half), Math.ceil(state.y - half)];
  const outline = [left * w + 0.5, top * h + 0.5, state.size * w - 1, state.size * h - 1];
  context.strokeStyle = "#000";
  context.lineWidth = 2;
  context.strokeRect(...outline);
  context.strokeStyle = "#fff";
  context.lineWidth = 1;
  context.strokeRect(...outline);
}

function paintByHand(canvas, state, stamp, ask) {
  const { root, redraw } = canvas;
  const at = (event) => {
    const box = root.getBoundingClientRect();
    const inside = (share, cells) => Math.max(0, Math.min(cells - 1, Math.floor(share * cells)));
    return [inside((event.clientX - box.left) / box.width, state.width), inside((event.clientY - box.top) / box.height, state.height)];
  };
  // Also the cells between two events: a fast hand leaves no gaps.
  const lineTo = ([x, y]) => {
    const [fromX, fromY] = root.dataset.painting ? [state.x, state.y] : [x, y];
    const steps = Math.max(Math.abs(x - fromX), Math.abs(y - fromY), 1);
    for (let k = 1; k <= steps; k += 1) {
      state.x = Math.round(fromX + ((x - fromX) * k) / steps);
      state.y = Math.round(fromY + ((y - fromY) * k) / steps);
      stamp(state.paints ? 1 : 0);
    }
    redraw();
  };
  root.addEventListener("pointerdown", (event) => {
    root.setPointerCapture(event.pointerId);
    lineTo(at(event));
    root.dataset.painting = "true";
    ask(true);
  });
  root.addEventListener("pointermove", (event) => {
    if (!root.dataset.painting) return;
    const [x, y] = at(event);
    if (x === state.x && y === state.y) return;
    lineTo([x, y]);
    ask(true);
  });
  const end = () => {
    if (!root.dataset.painting) return;
    delete root.dataset.painting;
    ask(false);
  };
  root.addEventListener("pointerup", end);
  root.addEventListener("pointercancel", end);
}

function paintByKeys(canvas, state, stamp, { ask, rest, place }) {
  const { root, redraw } = canvas;
  keepKeys(root);
  const focus = (focused) => {
    state.focused = focused;
    redraw();
  };
  root.addEventListener("focus", () => focus(true));
  root.addEventListener("blur", () => focus(false));
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  root.addEventListener("keydown", (event) => {
    const value = { " ": state.paints ? 1 : 0, Backspace: 0, Delete: 0 }[event.key];
    if (moves[event.key]) {
      state.x = Math.max(0, Math.min(state.width - 1, state.x + moves[event.key][0]));
      state.y = Math.max(0, Math.min(state.height - 1, state.y + moves[event.key][1]));
    } else if (value !== undefined) {
      stamp(value);
      ask(true);
      rest.start();
    } else return;
    event.preventDefault();
    place.textContent = `Column ${state.x + 1}, row ${state.y + 1}: ${state.cells[state.y * state.width + state.x] ? "painted" : "kept"}`;
    redraw();
  });
}
