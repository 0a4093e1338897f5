// Made from styledit/lab/front by "npm run build"; change it there.
// styledit/lab/front/shared/elements.js
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function")
      made.addEventListener(
        name.slice(2),
        /** @type {EventListener} */
        value
      );
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== void 0) made.setAttribute(name, String(value));
  }
  made.append(...present(children));
  return made;
}
function svgElement(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...present(children));
  return made;
}
function present(children) {
  return children.filter((child) => child !== null && child !== void 0);
}
function contextOf(canvas, reads = false) {
  return (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d", { willReadFrequently: reads })
  );
}
function keepKeys(control) {
  control.dataset.lmSuppressShortcuts = "true";
  control.addEventListener("keydown", (event) => event.stopPropagation());
  return control;
}
var idsGiven = 0;
function uniqueId() {
  idsGiven += 1;
  return `styledit-${idsGiven}-${Math.random().toString(36).slice(2, 8)}`;
}

// styledit/lab/front/shared/controls.js
function pushButton(text, testid, pressed, attributes = {}) {
  return keepKeys(
    element("button", { type: "button", "data-testid": testid, onclick: pressed, ...attributes }, text)
  );
}
function choiceOf(testid, pairs, changed, attributes = {}) {
  const root = keepKeys(element("select", { "data-testid": testid, ...attributes }));
  fillChoice(root, pairs);
  root.addEventListener("change", () => changed(root.value));
  return root;
}
function fillChoice(select, pairs) {
  const chosen = select.value;
  select.replaceChildren(...pairs.map(([value, text]) => element("option", { value }, text)));
  if (pairs.some(([value]) => value === chosen)) select.value = chosen;
}
function checkBox(testid, checked, changed) {
  const input = keepKeys(element("input", { type: "checkbox", checked, "data-testid": testid }));
  input.addEventListener("change", () => changed(input.checked));
  return input;
}
function whileDragged(input, changed) {
  let moved = false;
  const end = () => {
    moved = false;
    changed(Number(input.value), false);
  };
  input.addEventListener("input", () => {
    moved = true;
    changed(Number(input.value), true);
  });
  input.addEventListener("change", end);
  for (const event of ["pointerup", "pointercancel", "blur"]) {
    input.addEventListener(
      event,
      () => setTimeout(() => {
        if (moved) end();
      })
    );
  }
}
function slider(label, { min = 0, max = 1, step = 0.05, value = 0, title = "" }, changed) {
  const id = uniqueId();
  const input = keepKeys(element("input", { type: "range", id, min, max, step, title }));
  const digits = step < 1 ? 2 : 0;
  const output = element("output", { for: id, "aria-hidden": "true" });
  const show = () => {
    output.textContent = Number(input.value).toFixed(digits);
  };
  input.value = String(value);
  show();
  whileDragged(input, (next, moving) => {
    show();
    changed(next, moving);
  });
  return {
    root: element(
      "div",
      { class: "styledit-slider" },
      element("label", { for: id, title }, label),
      input,
      output
    ),
    input,
    output,
    set(next) {
      input.value = String(next);
      show();
    }
  };
}

// styledit/lab/front/shared/kernel.js
var PATIENCE = 2500;
var REST = 500;
var LINKED = 80;
function listen(model, handlers) {
  const entries = (
    /** @type {[string, () => void][]} */
    Object.entries(handlers)
  );
  for (const [trait, handler] of entries) model.on(`change:${trait}`, handler);
  return () => {
    for (const [trait, handler] of entries) model.off(`change:${trait}`, handler);
  };
}
function asker(model, note) {
  let waiting;
  const wait = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      note(
        "The kernel is busy with a cell, or no longer there. The newest change follows when it answers; if it does not, run this cell again."
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
        model.send(message, void 0, buffers);
        wait();
      } catch {
        note("The kernel does not answer; run this cell again.");
      }
    },
    close: () => clearTimeout(waiting)
  };
}
function reporter(model, tell) {
  let later;
  const fire = () => {
    later = void 0;
    try {
      tell();
    } catch {
    }
  };
  return {
    renew() {
      const { linked } = model.get("led");
      if (linked && later !== void 0) return;
      clearTimeout(later);
      later = setTimeout(fire, linked ? LINKED : REST);
    },
    waits: () => later !== void 0,
    stop() {
      clearTimeout(later);
      later = void 0;
    }
  };
}

// styledit/lab/front/shared/geometry.js
function clamped(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

// styledit/lab/front/player/clock.js
var TRIP = 4500;
var [QUICKEST, SLOWEST] = [60, 320];
var PAUSE = 900;
var Clock = class {
  speed = 1;
  /** there and back again */
  both = true;
  /** @type {Timer} */
  #timer;
  /**
   * @param {Position} position where it stands
   * @param {(index: number) => void} go
   * @param {() => void} stopped
   */
  constructor(position, go, stopped) {
    this.position = position;
    this.go = go;
    this.stopped = stopped;
  }
  get playing() {
    return this.#timer !== void 0;
  }
  start() {
    const { position } = this;
    if (position.index === this.#end) {
      if (this.both) position.denoising = !position.denoising;
      else position.index = position.last - this.#end;
    }
    this.#in(0);
    this.go(position.index);
  }
  stop() {
    clearTimeout(this.#timer);
    this.#timer = void 0;
    this.stopped();
  }
  get #end() {
    return this.position.denoising ? this.position.last : 0;
  }
  get #step() {
    return clamped(TRIP / this.position.last, QUICKEST, SLOWEST);
  }
  /** @param {number} milliseconds */
  #in(milliseconds) {
    this.#timer = setTimeout(() => this.#tick(), milliseconds / this.speed);
  }
  #tick() {
    const { position } = this;
    if (position.index !== this.#end) {
      this.go(position.index + (position.denoising ? 1 : -1));
      this.#in(position.index === this.#end ? PAUSE : this.#step);
    } else if (this.both) {
      position.denoising = !position.denoising;
      this.go(position.index);
      this.#in(this.#step);
    } else {
      this.stop();
    }
  }
};

// styledit/lab/front/shared/colours.js
var SEQUENTIAL = [
  [0, 0, 4],
  [33, 12, 74],
  [87, 16, 110],
  [138, 34, 106],
  [188, 55, 84],
  [228, 90, 49],
  [249, 142, 9],
  [249, 203, 53],
  [252, 255, 164]
];
function paletteOf(anchors) {
  const colours = new Uint8ClampedArray(256 * 3);
  for (let k = 0; k < 256; k += 1) {
    const place = k / 255 * (anchors.length - 1);
    const first = Math.min(anchors.length - 2, Math.floor(place));
    const part = place - first;
    for (let c = 0; c < 3; c += 1) {
      colours[3 * k + c] = anchors[first][c] * (1 - part) + anchors[first + 1][c] * part;
    }
  }
  return colours;
}
function coloured(values, range, palette) {
  const pixels = new Uint8ClampedArray(4 * values.length);
  const factor = 255 / Math.max(range.high - range.low, 1e-12);
  for (let k = 0; k < values.length; k += 1) {
    const place = 3 * Math.max(0, Math.min(255, Math.round((values[k] - range.low) * factor)));
    pixels[4 * k] = palette[place];
    pixels[4 * k + 1] = palette[place + 1];
    pixels[4 * k + 2] = palette[place + 2];
    pixels[4 * k + 3] = 255;
  }
  return pixels;
}
function paint(canvas, values, range, palette) {
  const image = new ImageData(coloured(values, range, palette), canvas.width, canvas.height);
  contextOf(canvas).putImageData(image, 0, 0);
}

// styledit/lab/front/shared/pictures.js
function bytesOf(data) {
  if (!data) return null;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(
    /** @type {ArrayBuffer} */
    data.buffer,
    data.byteOffset,
    data.byteLength
  );
}
function addressOf(bytes) {
  const type = bytes[0] === 137 ? "image/png" : "image/webp";
  return URL.createObjectURL(new Blob([bytes], { type }));
}

// styledit/lab/front/player/numbers.js
function guidanceText(value) {
  return String(Number(value.toFixed(2))).replace("-", "−");
}
function shortNumber(value) {
  return String(Number(value.toPrecision(2)));
}
function powerText(power) {
  return power < 0 ? (10 ** power).toFixed(-power) : String(10 ** power);
}
function wholeNumbers(lowest, highest) {
  return Array.from({ length: highest - lowest + 1 }, (_, k) => lowest + k);
}

// styledit/lab/front/player/figures.js
var PALETTE = paletteOf(SEQUENTIAL);
var BAR = 64;
function figure(label, attributes, heading, ...over) {
  const image = element("img", { alt: label, draggable: "false", ...attributes });
  const frame = element("div", { class: "styledit-player-frame" }, image, ...over);
  return {
    root: element("figure", {}, frame, element("figcaption", {}, heading)),
    image,
    show(address2) {
      if (image.src !== address2) image.src = address2 ?? "";
      image.style.visibility = address2 ? "" : "hidden";
    }
  };
}
function mapFigure(state, k, changed) {
  const { words, mapSize } = state.world;
  const testid = ["word-a", "word-b"][k];
  const [width, height] = mapSize;
  const select = choiceOf(
    testid,
    words.map((word) => [word, word]),
    (word) => {
      state.words[k] = word;
      changed();
    },
    { "aria-label": `word of the ${["first", "second"][k]} map` }
  );
  select.value = state.words[k];
  const canvas = element("canvas", { width, height, role: "img", "data-testid": `${testid}-map` });
  const note = element("span", { class: "styledit-player-note" });
  const { root, show } = figure("Where the word looks", {}, select, canvas, note);
  root.className = "styledit-player-map";
  return {
    root,
    /** The words were chosen elsewhere. */
    follow() {
      select.value = state.words[k];
    },
    /**
     * @param {Frames | null} frames
     * @param {number} at
     * @param {number} scale the value of the last colour
     */
    draw(frames, at, scale) {
      const word = state.words[k];
      const column = words.indexOf(word);
      const data = frames?.maps[at];
      show(frames?.x0[at]);
      canvas.dataset.index = String(at);
      canvas.setAttribute("aria-label", `Where “${word}” looks at index ${at}`);
      note.textContent = frames && at === state.last ? "the network is not asked here" : "";
      canvas.style.display = data ? "" : "none";
      if (!frames || !data) {
        contextOf(canvas).clearRect(0, 0, width, height);
        return;
      }
      const cells = width * height;
      const values = data.subarray(column * cells, (column + 1) * cells);
      const high = 255 * scale / (frames.scales[at][column] || 1e-30);
      paint(canvas, values, { low: 0, high }, PALETTE);
    }
  };
}
function legend() {
  const bar = element("canvas", { width: BAR, height: 1, "aria-hidden": "true" });
  const most = element("span");
  const unit = element(
    "span",
    { class: "styledit-player-unit" },
    "of each pixel’s attention, both maps and all steps alike"
  );
  const attributes = { class: "styledit-player-legend", "data-testid": "player-scale" };
  paint(
    bar,
    Array.from({ length: BAR }, (_, k) => k),
    { low: 0, high: BAR - 1 },
    PALETTE
  );
  return { root: element("div", attributes, "0", bar, most, unit), most };
}
function peakOf(runs, columns) {
  const peaks = runs.flatMap(
    (run) => run?.scales.flatMap((scales) => columns.map((column) => scales[column] ?? 0))
  );
  return Math.max(0, ...peaks.map((peak) => peak ?? 0));
}
function picturesOf(state, changed) {
  const { world } = state;
  const picture = figure(`The picture: ${world.prompt}`, { "data-testid": "picture" }, "picture");
  picture.show(addressOf(bytesOf(world.picture) ?? new Uint8Array()));
  const symbol = (name, letter) => element("span", {}, `${name} `, element("i", {}, letter));
  const z = figure("The latent z, as a picture", { "data-testid": "z-image" }, symbol("latent", "z"));
  const x0 = figure(
    "What the network takes the clean picture to be",
    { "data-testid": "x0-image" },
    symbol("estimate", "x̂₀")
  );
  const maps = [0, 1].map((k) => mapFigure(state, k, changed));
  const bar = legend();
  let scale = 1;
  return {
    roots: [picture, z, x0, ...maps].map(({ root }) => root),
    legend: bar.root,
    /** The colour scale again: other runs, or other words. */
    measure() {
      const columns = state.words.map((word) => world.words.indexOf(word));
      const peak = peakOf([state.inverted, state.run, state.fresh], columns);
      scale = Math.max(1e-6, peak);
      bar.most.textContent = `${shortNumber(100 * scale)} %`;
      bar.root.style.visibility = peak ? "" : "hidden";
    },
    follow: () => maps.forEach((map) => map.follow()),
    draw() {
      const { frames, at } = state.shown();
      for (const { image, show, addresses } of [
        { ...z, addresses: frames?.z },
        { ...x0, addresses: frames?.x0 }
      ]) {
        Object.assign(image.dataset, { index: at, exact: frames?.exact ?? false });
        show(addresses?.[at]);
      }
      for (const map of maps) map.draw(frames, at, scale);
    },
    close: () => URL.revokeObjectURL(picture.image.src)
  };
}

// styledit/lab/front/player/frames.js
var LATER = 2e3;
function address(data) {
  return addressOf(bytesOf(data) ?? new Uint8Array());
}
var Frames = class {
  /** @param {Partial<RunPictures>} run */
  constructor({ z = [], x0 = [], maps = [], scales = [], drift = [], exact = false }) {
    this.exact = exact;
    this.z = z.map(address);
    this.x0 = x0.map(address);
    this.maps = maps.map((data) => bytesOf(data) ?? new Uint8Array());
    this.scales = [...scales];
    this.drift = [...drift];
  }
  /** Give the addresses back. */
  free() {
    const addresses = [...this.z, ...this.x0];
    setTimeout(() => addresses.forEach((one) => URL.revokeObjectURL(one)), LATER);
  }
};
var RunFrames = class _RunFrames extends Frames {
  /** @param {Partial<RunPictures> & RunName & {id: number}} run */
  constructor(run) {
    super(run);
    this.id = run.id;
    this.guidance = run.guidance;
    this.values = run.values;
  }
  /**
   * A run that begins with this step.
   * @param {FreshStep} step
   */
  static beginningWith({ id, guidance, values, z, drift }) {
    return new _RunFrames({ id, guidance, values, z: z.slice(0, 1), drift: drift.slice(0, 1) });
  }
  /**
   * Whether a step is its next one.
   * @param {FreshStep} step
   */
  continuesWith({ id, index }) {
    return this.id === id && this.x0.length === index;
  }
  /** @param {FreshStep} step */
  add({ z, x0, maps, scales, drift }) {
    this.z.push(address(z[z.length - 1]));
    this.x0.push(address(x0));
    this.maps.push(bytesOf(maps) ?? new Uint8Array());
    this.scales.push(scales);
    this.drift.push(drift[drift.length - 1]);
  }
};
var PlayerState = class {
  /** @type {Frames | null} */
  inverted = null;
  /** @type {RunFrames | null} */
  run = null;
  /** @type {RunFrames | null} a run on its way */
  fresh = null;
  /** @param {Pick<Model<Traits>, "get">} model */
  constructor(model) {
    const view = model.get("view");
    this.world = model.get("world");
    this.last = this.world.timesteps.length;
    this.index = view.index;
    this.denoising = view.direction === "denoising";
    this.words = [...view.words];
    this.newest = Math.max(Date.now(), model.get("run").id ?? 0);
  }
  /**
   * Which pictures are shown, and at which index: a run on its way is shown as far as it has come.
   * @returns {{frames: Frames | null, at: number}}
   */
  shown() {
    if (!this.denoising) return { frames: this.inverted, at: this.index };
    if (this.fresh) return { frames: this.fresh, at: Math.min(this.index, this.fresh.x0.length - 1) };
    return { frames: this.run, at: this.index };
  }
  /** How far it is shown from the inversion; null where that is nothing to say. */
  drift() {
    const { frames, at } = this.shown();
    return this.denoising ? frames?.drift[at] ?? null : null;
  }
  /**
   * Other frames of the inversion.
   * @param {Partial<RunPictures>} run
   */
  takeInverted(run) {
    this.inverted?.free();
    this.inverted = run.z ? new Frames(run) : null;
  }
  /**
   * Another run; one on its way that is older goes.
   * @param {Run} run
   */
  takeRun(run) {
    if (this.fresh && this.fresh.id <= run.id) this.forgetFresh();
    this.run?.free();
    this.run = new RunFrames(run);
  }
  /**
   * The newest step of a run on its way.
   * @param {FreshStep} step
   * @returns {boolean} whether it is shown: a page that was opened in the middle waits for the whole
   */
  takeFresh(step) {
    if (step.index === 0) {
      this.forgetFresh();
      this.fresh = RunFrames.beginningWith(step);
    }
    if (!this.fresh?.continuesWith(step)) return false;
    this.fresh.add(step);
    return true;
  }
  forgetFresh() {
    this.fresh?.free();
    this.fresh = null;
  }
  free() {
    for (const frames of [this.inverted, this.run, this.fresh]) frames?.free();
  }
};

// styledit/lab/front/player/axis.js
var LEFT = 56;
var RIGHT = 116;
var IndexAxis = class {
  /** px, of the whole plot */
  width = 0;
  /** @param {number} last index */
  constructor(last) {
    this.last = last;
  }
  /** Where numbers end. */
  get left() {
    return LEFT - 8;
  }
  /**
   * @param {number} index
   * @returns {number} px
   */
  x(index) {
    return LEFT + index / this.last * (this.width - LEFT - RIGHT);
  }
  /**
   * The index nearest to a place.
   * @param {number} x px
   */
  indexAt(x) {
    const index = Math.round((x - LEFT) / (this.width - LEFT - RIGHT) * this.last);
    return clamped(index, 0, this.last);
  }
  /** Every how many indices there is room for a number. */
  get every() {
    return Math.max(1, Math.ceil(34 / ((this.width - LEFT - RIGHT) / this.last)));
  }
  /**
   * A line through points, as an SVG path.
   * @param {[number, number][]} points index and y (px)
   */
  path(points) {
    return points.map(([k, y], n) => `${n ? "L" : "M"}${this.x(k).toFixed(1)} ${y.toFixed(1)}`).join("");
  }
};

// styledit/lab/front/player/svg.js
function svgText(x, y, content, attributes = {}) {
  return svgElement("text", { x, y, ...attributes }, content);
}
function cursorLine(y1, y2) {
  const root = svgElement("line", { y1, y2, class: "styledit-player-cursor" });
  return {
    root,
    move(x) {
      root.setAttribute("x1", String(x));
      root.setAttribute("x2", String(x));
    }
  };
}

// styledit/lab/front/player/drift.js
var TOP = 24;
var BOTTOM = 120;
var HEIGHT = 128;
var LINE = 14;
var LogScale = class {
  /** @param {number[]} values above 0 */
  constructor(values) {
    this.lowest = Math.max(-5, Math.floor(Math.log10(Math.min(0.01, ...values))));
    this.highest = Math.max(0, Math.ceil(Math.log10(Math.max(1, ...values))));
  }
  /**
   * @param {number} value
   * @returns {number} px
   */
  y(value) {
    const power = Math.log10(Math.max(value, 10 ** this.lowest));
    return BOTTOM - (power - this.lowest) / (this.highest - this.lowest) * (BOTTOM - TOP);
  }
};
function spread(places) {
  const apart = [];
  for (const place of places) apart.push(Math.max(place, (apart.at(-1) ?? -Infinity) + LINE));
  const over = Math.max(0, (apart.at(-1) ?? 0) - HEIGHT + 2);
  return apart.map((place) => place - over);
}
function driftPlot(axis) {
  const svg = svgElement("svg", { role: "img", "data-testid": "drift" });
  const line = cursorLine(TOP - 4, BOTTOM);
  const dot = svgElement("circle", { r: 5, class: "styledit-player-dot" });
  let shown = { curves: [], front: null };
  let scale = new LogScale([]);
  const draw = () => {
    const { front } = shown;
    const others = shown.curves.filter((run) => !front || !sameRun(run, front));
    const all = front ? [...others, front] : others;
    scale = new LogScale(all.flatMap((run) => run.drift).filter((value) => value > 0));
    svg.replaceChildren(
      svgText(axis.x(0), 14, "drift from the inversion (rms, log)", { class: "styledit-player-end" }),
      ...gridLines(axis, scale),
      ...all.map((run) => curveLine(axis, scale, run, run === front)),
      ...curveNames(axis, scale, all, front),
      ...front ? tipName(axis, scale, front) : [],
      line.root,
      dot
    );
  };
  return {
    svg,
    height: HEIGHT,
    draw,
    show(next) {
      shown = next;
      if (axis.width) draw();
    },
    move({ at, value }) {
      line.move(axis.x(at));
      dot.style.display = value ? "" : "none";
      if (value) {
        dot.setAttribute("cx", String(axis.x(at)));
        dot.setAttribute("cy", String(scale.y(value)));
      }
      const now = value === null ? "" : `; ${shortNumber(value)} at index ${at}`;
      svg.setAttribute("aria-label", `Drift of the denoising run from the inversion, logarithmic${now}`);
    }
  };
}
function sameRun(a, b) {
  return a.guidance === b.guidance && a.values === b.values;
}
function classOf(part, { values }, front) {
  const names = [part, values ? "values" : "plain", front ? "now" : "earlier"];
  return names.map((name) => `styledit-player-${name}`).join(" ");
}
function nameOf({ guidance, values }) {
  return `w = ${guidanceText(guidance)}${values ? ", values" : ""}`;
}
function gridLines(axis, scale) {
  return wholeNumbers(scale.lowest, scale.highest).flatMap((power) => {
    const y = scale.y(10 ** power);
    const sides = { x1: axis.x(0), x2: axis.x(axis.last) };
    return [
      svgElement("line", { ...sides, y1: y, y2: y, class: "styledit-player-grid" }),
      svgText(axis.left, y + 4, powerText(power), { "text-anchor": "end" })
    ];
  });
}
function curveLine(axis, scale, run, front) {
  const points = run.drift.flatMap(
    (value, k) => value > 0 ? [
      /** @type {[number, number]} */
      [k, scale.y(value)]
    ] : []
  );
  return svgElement("path", { d: axis.path(points), class: classOf("curve", run, front) });
}
function curveNames(axis, scale, runs, front) {
  const { last } = axis;
  const whole = runs.filter((run) => run.drift.length === last + 1);
  const ends = whole.map((run) => ({ run, y: scale.y(run.drift[last]) + 4 })).sort((a, b) => a.y - b.y);
  const places = spread(ends.map(({ y }) => y));
  return ends.map(
    ({ run }, k) => svgText(axis.x(last) + 10, places[k], nameOf(run), { class: classOf("name", run, run === front) })
  );
}
function tipName(axis, scale, run) {
  const end = run.drift.length - 1;
  if (end < 1 || end === axis.last) return [];
  const [x, y] = [axis.x(end) + 8, scale.y(run.drift[end]) - 6];
  return [svgText(x, y, nameOf(run), { class: classOf("name", run, true) })];
}

// styledit/lab/front/player/timeline.js
var TOP2 = 22;
var BOTTOM2 = 62;
var HEIGHT2 = 86;
function timelineOf(world, axis) {
  const { last } = axis;
  const noise = world.levels.map((level) => Math.sqrt(1 - level));
  const label = `Timeline from noise at timestep ${world.timesteps[0]} to the picture, ${last} steps`;
  const svg = svgElement("svg", { role: "img", "data-testid": "player-timeline", "aria-label": label });
  const line = cursorLine(TOP2 - 4, BOTTOM2);
  let denoising = false;
  const draw = () => {
    const path = axis.path(noise.map((value, k) => [k, BOTTOM2 - value * (BOTTOM2 - TOP2)]));
    const area = `${path}L${axis.x(last)} ${BOTTOM2}L${axis.x(0)} ${BOTTOM2}Z`;
    svg.replaceChildren(
      svgText(axis.x(0), 14, "noise", { class: "styledit-player-end" }),
      svgText(axis.x(last), 14, "picture", { class: "styledit-player-end", "text-anchor": "end" }),
      ...arrow((axis.x(0) + axis.x(last)) / 2, denoising),
      svgElement("path", { d: area, class: "styledit-player-noise" }),
      svgText(axis.left, TOP2 + 10, "1", { "text-anchor": "end" }),
      svgText(axis.left, BOTTOM2, "0", { "text-anchor": "end" }),
      svgText(axis.x(last) + 10, (TOP2 + BOTTOM2) / 2, "noise level"),
      svgText(axis.x(last) + 16, BOTTOM2 + 17, "timestep"),
      ...ticks(world.timesteps, axis),
      line.root
    );
  };
  return {
    svg,
    height: HEIGHT2,
    draw,
    move(cursor) {
      line.move(axis.x(cursor.at));
      if (cursor.denoising === denoising) return;
      denoising = cursor.denoising;
      if (axis.width) draw();
    }
  };
}
function ticks(timesteps, axis) {
  const { last, every } = axis;
  const number = (k, value) => svgText(axis.x(k), BOTTOM2 + 17, String(value), { "text-anchor": "middle" });
  const lines = timesteps.map((_, k) => {
    const x = axis.x(k);
    return svgElement("line", { x1: x, x2: x, y1: BOTTOM2, y2: BOTTOM2 + 4, class: "styledit-player-axis" });
  });
  const numbers = timesteps.flatMap(
    (timestep, k) => k % every === 0 && last - k >= every ? [number(k, timestep)] : []
  );
  return [...lines, ...numbers, number(last, 0)];
}
function arrow(middle, right) {
  const way = right ? 1 : -1;
  const [from, to, back] = [middle - 60 * way, middle + 60 * way, middle + 53 * way];
  return [
    svgElement("line", { x1: from, x2: to, y1: 10, y2: 10, class: "styledit-player-arrow" }),
    svgElement("path", { d: `M${back} 5L${to} 10L${back} 15`, class: "styledit-player-arrow" })
  ];
}

// styledit/lab/front/player/plots.js
var NARROWEST = 200;
function plotsOf(world, moved) {
  const axis = new IndexAxis(world.timesteps.length);
  const timeline = timelineOf(world, axis);
  const drift = driftPlot(axis);
  const plots = [timeline, drift];
  let cursor = { index: axis.last, at: axis.last, value: null, denoising: false };
  plots.forEach(({ svg }) => listenTo(svg, axis, moved));
  const place = () => plots.forEach((plot) => plot.move(cursor));
  return {
    timeline: timeline.svg,
    drift: drift.svg,
    resize(width) {
      if (Math.abs(width - axis.width) < 1 || width < NARROWEST) return;
      axis.width = width;
      for (const plot of plots) {
        const size = { width, height: plot.height, viewBox: `0 0 ${width} ${plot.height}` };
        for (const [name, value] of Object.entries(size)) plot.svg.setAttribute(name, String(value));
        plot.draw();
      }
      place();
    },
    show(curves) {
      drift.show(curves);
      place();
    },
    move(next) {
      cursor = next;
      place();
    }
  };
}
function listenTo(svg, axis, moved) {
  const point = (event) => moved(axis.indexAt(event.clientX - svg.getBoundingClientRect().left));
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    point(event);
  });
  svg.addEventListener("pointermove", (event) => {
    if (svg.hasPointerCapture(event.pointerId)) point(event);
  });
  svg.addEventListener("pointerup", point);
}

// styledit/lab/front/player/player.js
var STAGES = {
  recording: "recording the maps",
  denoising: "denoising",
  decoding: "sharpening the pictures"
};
function render({ model, el }) {
  const state = new PlayerState(model);
  const problem = problemLine(model);
  const kernel = asker(model, problem.note);
  const memory = reporter(model, () => {
    const direction = state.denoising ? "denoising" : "inversion";
    model.send({ type: "view", index: state.index, direction, words: state.words });
  });
  const show = () => {
    const { frames, at } = state.shown();
    const value = state.drift();
    const sentence = statusSentence(state);
    pictures.draw();
    plots.move({ index: state.index, at, value, denoising: state.denoising });
    way.show(at, sentence);
    status.textContent = frames && !frames.exact ? `${sentence} · first look, without the decoder` : sentence;
  };
  const go = (index) => {
    state.index = index;
    show();
    if (!clock.playing) memory.renew();
  };
  const goByHand = (index) => {
    if (clock.playing) clock.stop();
    go(index);
  };
  const clock = new Clock(state, go, () => go(state.index));
  const pictures = picturesOf(state, () => {
    pictures.measure();
    go(state.index);
  });
  const way = wayControls(state, clock, go, goByHand);
  const status = element("div", { class: "styledit-player-status", "data-testid": "player-status" });
  const plots = plotsOf(state.world, (index) => {
    goByHand(index);
    way.step.focus({ preventScroll: true });
  });
  const guidance = guidanceControls(state, (wanted) => {
    state.newest += 1;
    if (!state.denoising || clock.playing) {
      state.denoising = true;
      clock.stop();
    }
    kernel.ask({ type: "guidance", id: state.newest, ...wanted });
  });
  const work = workLine(kernel);
  const follow = () => {
    if (memory.waits()) return;
    if (clock.playing) clock.stop();
    memory.stop();
    const { index, words } = model.get("view");
    state.index = index;
    state.words = [...words];
    pictures.follow();
    pictures.measure();
    show();
  };
  const drawCurves = () => plots.show({ curves: model.get("curves"), front: state.fresh ?? state.run });
  const takeInverted = () => {
    state.takeInverted(model.get("inverted"));
    pictures.measure();
    show();
  };
  const takeRun = () => {
    const run = (
      /** @type {Run} */
      model.get("run")
    );
    if (!run.z) return;
    kernel.answered();
    state.takeRun(run);
    if (run.id >= state.newest || !state.fresh) {
      state.newest = Math.max(state.newest, run.id);
      guidance.follow(run, run.id === state.newest);
    }
    pictures.measure();
    drawCurves();
    show();
  };
  const takeFresh = () => {
    const step = (
      /** @type {FreshStep} */
      model.get("fresh")
    );
    if (step.index === void 0) return;
    kernel.answered();
    if (!state.takeFresh(step)) return;
    drawCurves();
    show();
  };
  const takeProgress = () => {
    const progress = model.get("progress");
    kernel.answered();
    work.show(progress);
    if (progress.stage || !state.fresh) return;
    state.forgetFresh();
    drawCurves();
    show();
  };
  const plotsRoot = element(
    "div",
    { class: "styledit-player-plots" },
    plots.timeline,
    element("div", { class: "styledit-player-step" }, way.step),
    status,
    plots.drift
  );
  const root = element(
    "div",
    {
      class: "styledit styledit-player",
      role: "group",
      "aria-label": `Inversion player: ${state.world.prompt}`
    },
    element("div", { class: "styledit-player-prompt" }, `“${state.world.prompt}”`),
    element(
      "div",
      { class: "styledit-player-figures", style: `--columns: ${pictures.roots.length}` },
      ...pictures.roots
    ),
    pictures.legend,
    way.root,
    plotsRoot,
    guidance.root,
    work.root,
    problem.root
  );
  el.append(root);
  const sizes = new ResizeObserver(([entry]) => plots.resize(entry.contentRect.width));
  sizes.observe(plotsRoot);
  const sight = new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting) pictures.draw();
  });
  sight.observe(root);
  const silence = listen(model, {
    inverted: takeInverted,
    run: takeRun,
    fresh: takeFresh,
    curves: drawCurves,
    progress: takeProgress,
    led: follow,
    problem: problem.show
  });
  takeInverted();
  takeRun();
  takeProgress();
  problem.show();
  show();
  return () => {
    silence();
    clock.stop();
    memory.stop();
    kernel.close();
    sizes.disconnect();
    sight.disconnect();
    state.free();
    pictures.close();
  };
}
function problemLine(model) {
  const root = element("div", { class: "styledit-problem", role: "alert", "data-testid": "problem" });
  let said = "";
  const show = () => {
    root.textContent = model.get("problem") || said;
  };
  return {
    root,
    show,
    note(sentence) {
      said = sentence;
      show();
    }
  };
}
function statusSentence(state) {
  const { world, last } = state;
  const { at } = state.shown();
  const drift = state.drift();
  return [
    `index ${at} of ${last}`,
    at === last ? "the picture" : `timestep ${world.timesteps[at]}`,
    `noise level ${Math.sqrt(1 - world.levels[at]).toFixed(2)}`,
    ...drift === null ? [] : [`drift ${shortNumber(drift)}`]
  ].join(" · ");
}
function wayControls(state, clock, go, goByHand) {
  const toggle = () => clock.playing ? clock.stop() : clock.start();
  const play = pushButton("▶ Play", "play", toggle, { class: "styledit-player-play" });
  const turn = (denoising) => {
    state.denoising = denoising;
    go(state.index);
  };
  const directions = [
    {
      denoising: false,
      button: pushButton("Inversion: picture → noise", "player-inversion", () => turn(false))
    },
    {
      denoising: true,
      button: pushButton("Denoising: noise → picture", "player-denoising", () => turn(true))
    }
  ];
  const both = checkBox("player-both", clock.both, (checked) => {
    clock.both = checked;
  });
  const speed = choiceOf(
    "player-speed",
    [
      ["0.4", "slow"],
      ["1", "normal"],
      ["2.5", "fast"]
    ],
    (value) => {
      clock.speed = Number(value);
    },
    { "aria-label": "speed" }
  );
  speed.value = "1";
  const step = keepKeys(
    element("input", {
      type: "range",
      id: uniqueId(),
      min: 0,
      max: state.last,
      step: 1,
      "data-testid": "player-step",
      "aria-label": "index on the way from noise (0) to the picture"
    })
  );
  step.addEventListener("input", () => goByHand(Number(step.value)));
  step.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
  return {
    root: element(
      "div",
      { class: "styledit-player-controls" },
      play,
      element(
        "div",
        { class: "styledit-player-ways", role: "group", "aria-label": "direction" },
        ...directions.map(({ button }) => button)
      ),
      element("label", { class: "styledit-player-check" }, both, "there and back"),
      speed
    ),
    step,
    show(at, sentence) {
      const spoken = sentence.replaceAll(" · ", ", ");
      step.value = String(at);
      step.setAttribute("aria-valuetext", `${state.denoising ? "denoising" : "inversion"}, ${spoken}`);
      play.textContent = clock.playing ? "❚❚ Pause" : "▶ Play";
      play.setAttribute("aria-label", clock.playing ? "pause" : "play");
      for (const { denoising, button } of directions) {
        button.setAttribute("aria-pressed", String(state.denoising === denoising));
      }
    }
  };
}
function guidanceControls(state, ask) {
  const { world } = state;
  const options = {
    min: world.least,
    max: world.most,
    step: 0.1,
    value: world.guidance,
    title: "1 is no guidance"
  };
  const askAgain = () => ask({ guidance: Number(guidance.input.value), values: values?.checked ?? false });
  const asked = () => (state.fresh ?? state.run)?.guidance;
  const guidance = slider("Guidance w", options, (value, moving) => {
    if (moving || value !== asked()) askAgain();
  });
  guidance.input.dataset.testid = "player-guidance";
  const values = world.fittedAt === null ? null : checkBox("player-values", true, askAgain);
  const text = `value inputs, fitted at w = ${guidanceText(world.fittedAt ?? 1)}`;
  const label = values && element("label", { class: "styledit-player-check" }, values, text);
  return {
    root: element("div", { class: "styledit-player-guidance" }, guidance.root, label),
    /**
     * Stand where a run stands; a slider that is moved only where this is the newest.
     * @param {Run} run
     * @param {boolean} newest
     */
    follow(run, newest) {
      if (document.activeElement !== guidance.input || newest) guidance.set(run.guidance);
      if (values) values.checked = run.values;
    }
  };
}
function workLine(kernel) {
  const bar = element("progress", { max: 1, value: 0, "aria-label": "progress" });
  const text = element("span", { "data-testid": "player-stage" });
  const stop = pushButton("Stop", "player-stop", () => kernel.ask({ type: "stop" }));
  const root = element("div", { class: "styledit-player-work", role: "status" }, bar, text, stop);
  return {
    root,
    show({ stage, done, total }) {
      root.style.visibility = stage ? "" : "hidden";
      bar.max = total || 1;
      bar.value = done;
      text.textContent = stage ? `${STAGES[stage] ?? stage}, ${done} of ${total}` : "";
    }
  };
}
var player_default = { render };
export {
  player_default as default,
  statusSentence
};
