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
function contextOf(canvas, reads2 = false) {
  return (
    /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d", { willReadFrequently: reads2 })
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

// styledit/lab/front/shared/kernel.js
var PATIENCE = 2500;
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
async function showBytes(image, data) {
  const bytes = bytesOf(data);
  if (!bytes?.length) return;
  const before = image.dataset.address;
  image.dataset.address = image.src = addressOf(bytes);
  try {
    await image.decode();
  } catch {
  }
  if (before) URL.revokeObjectURL(before);
}
function freePictures(root) {
  for (const image of root.querySelectorAll("img")) URL.revokeObjectURL(image.dataset.address ?? "");
}

// styledit/lab/front/shared/geometry.js
var ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1]
};
function clamped(value, least, most) {
  return Math.max(least, Math.min(most, value));
}
function neighbourOf(boxes, at, [across, down]) {
  if (across) return clamped(at + across, 0, boxes.length - 1);
  const from = boxes[at];
  const beyond = boxes.map((box, place) => ({
    place,
    rows: down * (box.top - from.top),
    columns: Math.abs(box.left - from.left)
  }));
  const rows = Math.min(...beyond.map(({ rows: far }) => far > 1 ? far : Infinity));
  const row = beyond.filter(({ rows: far }) => far > 1 && far < rows + 2);
  return row.sort((a, b) => a.columns - b.columns)[0]?.place ?? at;
}

// styledit/lab/front/shared/roving.js
var CONTROLS = "button, select";
function rovingFocus(root, selector = CONTROLS) {
  let last = null;
  const itemOf = (target) => (
    /** @type {HTMLElement | null} */
    /** @type {Element} */
    target.closest(selector)
  );
  const items = () => (
    /** @type {HTMLElement[]} */
    [...root.querySelectorAll(selector)].filter(
      (item) => controlsOf(item).length
    )
  );
  const show = () => {
    const all = items();
    const stop = all.find((item) => item === last) ?? all.find(isPressed) ?? all[0];
    for (const item of all) {
      for (const control of controlsOf(item)) control.tabIndex = item === stop ? 0 : -1;
    }
  };
  const focused = (event) => {
    last = itemOf(event.target);
    show();
  };
  const keyed = (event) => {
    const all = items();
    const at = all.findIndex((item) => item === itemOf(event.target));
    const to = at < 0 || event.ctrlKey || event.altKey || event.metaKey ? null : placeFor(event.key, all, at);
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    controlsOf(all[to])[0].focus();
  };
  const watch = new MutationObserver((changes) => {
    const pressed = changes.find(({ attributeName, target }) => {
      return attributeName === "aria-pressed" && /** @type {HTMLElement} */
      target.ariaPressed === "true";
    });
    if (pressed) last = itemOf(pressed.target);
    show();
  });
  watch.observe(root, {
    childList: true,
    subtree: true,
    attributeFilter: ["aria-pressed", "disabled", "hidden"]
  });
  root.addEventListener("focusin", focused);
  root.addEventListener("keydown", keyed, true);
  show();
  return () => watch.disconnect();
}
function controlsOf(item) {
  const all = item.matches(CONTROLS) ? [item] : [...item.querySelectorAll(CONTROLS)];
  return (
    /** @type {HTMLElement[]} */
    all.filter(
      (control) => !control.matches(":disabled, [hidden], [hidden] *")
    )
  );
}
function isPressed(item) {
  return controlsOf(item).some((control) => control.ariaPressed === "true");
}
function placeFor(key, all, at) {
  if (key === "Home") return 0;
  if (key === "End") return all.length - 1;
  const arrow = ARROWS[key];
  if (!arrow || arrow[1] && all[at] instanceof HTMLSelectElement) return null;
  return neighbourOf(
    all.map((control) => control.getBoundingClientRect()),
    at,
    arrow
  );
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

// styledit/lab/front/edit/methods.js
function methodNamed(methods, name) {
  const found = methods.find((method) => method.name === name);
  return found ?? { name, hint: "", follows: false, ignored: {}, parameters: [] };
}
function whyIgnored(lab, setting) {
  return methodNamed(lab.world.methods, lab.edits.current.method).ignored[setting] ?? "";
}
function disable(root, control, why) {
  if (root.classList.contains("styledit-ignored") === Boolean(why) && !why) return;
  control.disabled = Boolean(why);
  root.classList.toggle("styledit-ignored", Boolean(why));
  if (why) control.setAttribute("aria-description", why);
  else control.removeAttribute("aria-description");
  for (
    const part of
    /** @type {NodeListOf<HTMLElement>} */
    root.querySelectorAll("[title]")
  )
    titled(part, why);
  titled(root, why);
}
function titled(part, why) {
  part.dataset.title ??= part.title;
  part.title = why || part.dataset.title;
}
function onlyWhereRead(lab, setting, ...children) {
  const line = element("p", { class: "styledit-hint", role: "note" });
  const part = element("div", { class: "styledit-part" }, ...children);
  lab.edits.onChange(() => {
    line.textContent = whyIgnored(lab, setting);
    line.hidden = !line.textContent;
    part.inert = !line.hidden;
    part.classList.toggle("styledit-ignored", part.inert);
  });
  return [line, part];
}
function methodLine(lab) {
  const root = element("p", {
    class: "styledit-hint",
    role: "status",
    "aria-live": "polite",
    "data-testid": "method-hint"
  });
  lab.edits.onChange(({ method }) => {
    const said = methodSentence(methodNamed(lab.world.methods, method));
    if (root.textContent !== said) root.textContent = said;
  });
  return root;
}
function methodSentence({ hint, ignored }) {
  return [hint, ...new Set(Object.values(ignored))].filter(Boolean).join(" ");
}
function parameterSliders(lab) {
  return lab.world.methods.flatMap(
    (method) => method.parameters.map(({ name, label, hint, least, most, step, default: value }) => {
      const options = { min: least, max: most, step, value, title: hint };
      const made = slider(label, options, (next, moving) => {
        lab.edits.changeParameters({ [name]: next }, moving);
      });
      made.input.dataset.testid = name;
      lab.edits.onChange((current) => {
        made.root.hidden = current.method !== method.name;
        made.set(current.parameters[name] ?? value);
      });
      made.root.hidden = true;
      return made.root;
    })
  );
}

// styledit/lab/front/edit/parts.js
function toggleButton(text, testid, changed, attributes = {}) {
  const press = () => {
    set(!on());
    changed(on());
  };
  const root = pushButton(text, testid, press, { "aria-pressed": "false", ...attributes });
  const on = () => root.getAttribute("aria-pressed") === "true";
  const set = (value) => root.setAttribute("aria-pressed", String(value));
  return { root, set };
}
function foldedPart(title, testid, ...children) {
  const summary = keepKeys(element("summary", { "data-testid": testid }, title));
  return element(
    "details",
    { class: "styledit-fold" },
    summary,
    element("div", { class: "styledit-fold-body" }, ...children)
  );
}
function labelled(text, control, attributes = {}) {
  control.id ||= uniqueId();
  keepKeys(control);
  const label = element("label", { for: control.id }, text);
  return element("div", { class: "styledit-field", ...attributes }, label, control);
}
function fileInput(testid, accept, label, take) {
  const input = keepKeys(
    element("input", { type: "file", accept, "data-testid": testid, "aria-label": label })
  );
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) take(file);
    input.value = "";
  });
  return input;
}
function copyButton(testid, text) {
  const root = pushButton("Copy", testid, async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      root.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(text);
      root.textContent = "Selected: press Ctrl+C";
    }
  });
  return root;
}
function drawnCanvas(width, height, attributes, draw) {
  const root = element("canvas", { width, height, ...attributes });
  const redraw = () => draw(contextOf(root, true), root);
  const watch = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) redraw();
  });
  watch.observe(root);
  return { root, redraw, close: () => watch.disconnect() };
}
function drawable(picture) {
  return picture instanceof HTMLCanvasElement ? picture.width > 0 : picture.complete && picture.naturalWidth > 0;
}
function drawDifference(context, a, b, gain) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  if (!a || !b || !drawable(a) || !drawable(b)) return null;
  context.drawImage(b, 0, 0, width, height);
  const second = context.getImageData(0, 0, width, height).data;
  context.drawImage(a, 0, 0, width, height);
  const first = context.getImageData(0, 0, width, height);
  const mean = intoDifference(first.data, second, gain);
  context.putImageData(first, 0, 0);
  return mean;
}
function intoDifference(values, others, gain) {
  let sum = 0;
  for (let at = 0; at < values.length; at += 4) {
    let distance = 0;
    for (let channel = at; channel < at + 3; channel += 1)
      distance += Math.abs(values[channel] - others[channel]);
    sum += distance;
    values[at] = values[at + 1] = values[at + 2] = distance / 3 * gain;
    values[at + 3] = 255;
  }
  return sum / (3 * values.length / 4);
}
function delayedCall(action, pause) {
  let timer;
  const stop = () => {
    clearTimeout(timer);
    timer = void 0;
  };
  return {
    start() {
      stop();
      timer = setTimeout(() => {
        timer = void 0;
        action();
      }, pause);
    },
    stop,
    waits: () => timer !== void 0
  };
}
function afterPaint() {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 300);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      resolve(void 0);
    });
  });
}
function pauseOf(milliseconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
function countOf(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

// styledit/lab/front/edit/controls.js
var TAU_NAMES = (
  /** @type {const} */
  {
    tau_c: "Keep where things are",
    tau_s: "Keep shapes",
    tau_u: "Keep shapes, unprompted",
    tau_v: "Stay near the picture"
  }
);
var TAUS = [
  [
    "tau_c",
    "c",
    "Word maps (cross-attention): for this share of the steps, each word that both prompts have looks where it looked in the source."
  ],
  [
    "tau_s",
    "s",
    "Self-attention: for this share of the steps, the parts of the picture look at each other as in the source."
  ],
  [
    "tau_u",
    "u",
    "The same self-attention in the other half of each step, which knows no prompt: holds shapes more firmly."
  ],
  [
    "tau_v",
    "v",
    "Value inputs: for this share of the steps, the words say what was learned from this picture, not what they say in general."
  ]
];
function tauName(text, letter) {
  const symbol = element("i", { class: "styledit-symbol" }, "τ", element("sub", {}, letter));
  return element("span", {}, text, " ", symbol);
}
function settingSlider(lab, name, label, options) {
  const value = lab.edits.current.settings[name];
  const made = slider(label, { ...options, value }, (next, moving) => {
    lab.edits.change({ [name]: next }, moving);
  });
  made.input.dataset.testid = name;
  const mark = element("span", {
    class: "styledit-suggested-mark",
    title: "suggested",
    "aria-hidden": "true"
  });
  const track = element("span", { class: "styledit-track" });
  made.input.replaceWith(track);
  track.append(made.input, mark);
  lab.edits.onChange(({ settings }) => {
    made.set(settings[name]);
    disable(made.root, made.input, whyIgnored(lab, name));
    const suggested = lab.model.get("target").suggested?.[name];
    mark.hidden = suggested === void 0;
    if (suggested === void 0) return;
    mark.style.setProperty("--at", String((suggested - options.min) / (options.max - options.min)));
  });
  return made.root;
}
function suggestedButton(lab) {
  const root = pushButton("Suggested", "suggested", () => lab.edits.set({ auto: true, parameters: {} }), {
    title: "The settings that the kit suggests for this change"
  });
  lab.edits.onChange(({ auto }) => root.setAttribute("aria-pressed", String(auto)));
  return root;
}
function stepsSlider(lab) {
  const most = lab.world.most_steps;
  const options = {
    min: Math.min(5, most),
    max: most,
    step: 1,
    value: lab.source().steps ?? Math.min(15, most),
    title: "More steps: nearer, and slower. The picture is inverted again."
  };
  const made = slider("Steps", options, (value, moving) => {
    if (!moving && value !== lab.source().steps) lab.askSource({ steps: value });
  });
  made.input.dataset.testid = "steps";
  lab.onSource((source) => {
    if (source.steps) made.set(source.steps);
  });
  return made;
}
function methodChoice(lab) {
  const { methods } = lab.world;
  const select = choiceOf(
    "method",
    methods.map(({ name }) => [name, name]),
    (method) => lab.edits.set({ method })
  );
  lab.edits.onChange(({ method }) => {
    if (method) select.value = method;
    select.title = methodNamed(methods, method).hint;
  });
  const root = labelled("Method", select);
  root.hidden = methods.length < 2;
  return root;
}
function settingToggle(lab, name, label, title) {
  const toggle = toggleButton(label, name, (on) => lab.edits.change({ [name]: on }, false), { title });
  lab.edits.onChange(({ settings }) => {
    toggle.set(settings[name]);
    disable(toggle.root, toggle.root, whyIgnored(lab, name));
  });
  return toggle.root;
}
function commonControls(lab, progress) {
  const taus = TAUS.map(
    ([name, letter, title]) => settingSlider(lab, name, tauName(TAU_NAMES[name], letter), { min: 0, max: 1, step: 0.05, title })
  );
  const guidance = settingSlider(lab, "guidance", "Guidance", {
    min: 0,
    max: 15,
    step: 0.25,
    title: "How strongly the prompt pulls. 1: not at all beyond the model itself."
  });
  const steps = stepsSlider(lab);
  lab.stepsWanted = () => Number(steps.input.value);
  return element(
    "section",
    { class: "styledit-controls", "aria-label": "Settings" },
    element("div", { class: "styledit-sliders" }, ...taus, guidance, steps.root, ...parameterSliders(lab)),
    element(
      "div",
      { class: "styledit-row" },
      suggestedButton(lab),
      settingToggle(
        lab,
        "guide_from_source",
        "Guide from the source",
        "Guidance leads away from the source prompt, not from the empty one: only the difference is exaggerated."
      ),
      settingToggle(
        lab,
        "keep_details",
        "Keep details",
        "Where the edit leaves the picture as it was, it gets back what the autoencoder loses of it."
      ),
      methodChoice(lab),
      progress
    ),
    methodLine(lab)
  );
}

// styledit/lab/front/edit/curves.js
var [WIDTH, HEIGHT] = [150, 28];
var MARGIN = 3;
function termCurves(terms, curves) {
  const labels = new Map([
    ["loss", "Sum"],
    ...terms.map(({ name, label }) => (
      /** @type {const} */
      [name, label]
    ))
  ]);
  return shownCurves(curves).map(([name, curve]) => {
    const label = labels.get(name) ?? name;
    const ends = `${curve[0].toPrecision(3)} → ${curve[curve.length - 1].toPrecision(3)}`;
    return element(
      "div",
      { class: "styledit-curve" },
      element("span", {}, label),
      curveLine(curve, `${label}: ${ends}`),
      element("span", { class: "styledit-hint" }, ends)
    );
  });
}
function shownCurves(curves) {
  const filled = Object.entries(curves).filter(([, curve]) => curve.length);
  return filled.length === 2 ? filled.filter(([name]) => name !== "loss") : filled;
}
function curveLine(curve, label) {
  const points = curvePoints(curve);
  const [x, y] = points[points.length - 1];
  return svgElement(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    svgElement("polyline", {
      points: points.map((point) => point.map((at) => at.toFixed(1)).join(",")).join(" ")
    }),
    svgElement("circle", { cx: x, cy: y, r: 2.5 })
  );
}
function curvePoints(curve) {
  const [low, high] = [Math.min(...curve), Math.max(...curve)];
  const share = (k) => curve.length === 1 ? 0.5 : k / (curve.length - 1);
  return curve.map((value, k) => [
    MARGIN + share(k) * (WIDTH - 2 * MARGIN),
    HEIGHT - MARGIN - (value - low) / (high - low || 1) * (HEIGHT - 2 * MARGIN)
  ]);
}

// styledit/lab/front/edit/film.js
function filmStrip() {
  const root = keepKeys(
    element("div", {
      class: "styledit-film",
      role: "group",
      "aria-label": "Filmstrip",
      "data-testid": "guided-film",
      tabindex: "0"
    })
  );
  let known2 = [];
  return {
    root,
    /** @param {FilmFrame[]} film */
    fill(film) {
      const keys = film.map(keyOf);
      const grows = known2.every((key, k) => key === keys[k]);
      if (!grows) {
        freePictures(root);
        root.replaceChildren();
        known2 = [];
      }
      root.append(...film.slice(known2.length).map(figureOf));
      known2 = keys;
      if (grows && film.length) root.scrollLeft = root.scrollWidth;
    }
  };
}
function keyOf({ iteration, step, picture }) {
  return [iteration, step, picture.byteLength].join();
}
function figureOf({ iteration, step, picture, heat }) {
  const image = element("img", { alt: `The estimate at iteration ${iteration}` });
  showBytes(image, picture);
  const map = heat ? element("img", { alt: "Where the object's word looks: white is most", class: "styledit-film-heat" }) : null;
  if (map) showBytes(map, heat);
  return element("figure", {}, image, map, element("figcaption", {}, `${iteration} · step ${step + 1}`));
}

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

// styledit/lab/front/shared/resample.js
var known = /* @__PURE__ */ new Map();
function makeTaps(n, m) {
  const first = new Int32Array(m);
  const second = new Int32Array(m);
  const weight = new Float32Array(m);
  for (let k = 0; k < m; k += 1) {
    const place = Math.max(0, (k + 0.5) * n / m - 0.5);
    first[k] = Math.min(n - 1, Math.floor(place));
    second[k] = Math.min(n - 1, first[k] + 1);
    weight[k] = place - first[k];
  }
  return { first, second, weight };
}
function tapsOf(n, m) {
  const key = `${n}>${m}`;
  const taps = known.get(key) ?? makeTaps(n, m);
  known.set(key, taps);
  return taps;
}
function addMap(total, size, map, from, factor) {
  if (from.h === size.h && from.w === size.w) {
    for (let k = 0; k < total.length; k += 1) total[k] += factor * map[k];
    return;
  }
  const rows = tapsOf(from.h, size.h);
  const columns = tapsOf(from.w, size.w);
  let place = 0;
  for (let y = 0; y < size.h; y += 1) {
    const above = rows.first[y] * from.w;
    const below = rows.second[y] * from.w;
    const v = rows.weight[y];
    for (let x = 0; x < size.w; x += 1) {
      const left = columns.first[x];
      const right = columns.second[x];
      const u = columns.weight[x];
      const top = map[above + left] * (1 - u) + map[above + right] * u;
      const bottom = map[below + left] * (1 - u) + map[below + right] * u;
      total[place] += factor * (top * (1 - v) + bottom * v);
      place += 1;
    }
  }
}

// styledit/lab/front/edit/looks.js
var SIDE = 128;
var HOVER = 120;
var PALETTE = paletteOf(SEQUENTIAL);
var EXPLORE = "styledit.lab.attention_explorer(pipe, lab)";
function lookingWord(word, of, testid = `look-${of}-${word}`) {
  return pushButton(word, testid, () => void 0, {
    class: "styledit-look",
    title: `Where does “${word}” look?`,
    "data-look": of,
    "data-word": word,
    "aria-pressed": "false"
  });
}
function mapOf(looks, { word, of }) {
  const read = (text) => text.toLowerCase().replace(/[.,!?;:]+$/, "");
  const found = Object.entries(looks[of] ?? {}).find(([text]) => read(text) === read(word));
  return found && (bytesOf(found[1]) ?? void 0);
}
function lookCaption(word, known2, method, shown) {
  if (!known2) return `looking for “${word}” …`;
  const other = method && shown && method !== shown;
  return `where “${word}” looks${other ? `, with ${method}` : ""}`;
}
function veilOf(values) {
  const pixels = new Uint8ClampedArray(4 * values.length);
  for (let k = 0; k < values.length; k += 1) {
    const value = Math.round(values[k]);
    for (let c = 0; c < 3; c += 1) pixels[4 * k + c] = PALETTE[3 * value + c];
    pixels[4 * k + 3] = 150 + value * 40 / 255;
  }
  return pixels;
}
function lookOverlay(lab, of) {
  const [width, height] = lab.world.size;
  const factor = Math.min(1, SIDE / Math.max(width, height));
  const size = { h: Math.round(height * factor), w: Math.round(width * factor) };
  let map = null;
  const caption = element("p", {
    class: "styledit-look-caption",
    role: "status",
    "data-testid": `look-caption-${of}`,
    hidden: true
  });
  const attributes = { class: "styledit-veil", "data-testid": `look-overlay-${of}`, hidden: true };
  const canvas = drawnCanvas(size.w, size.h, { ...attributes, role: "img" }, (context) => {
    context.clearRect(0, 0, size.w, size.h);
    if (!map) return;
    const values = new Float32Array(size.w * size.h);
    addMap(values, size, map.bytes, { h: map.looks.height, w: map.looks.width }, 1);
    context.putImageData(new ImageData(veilOf(values), size.w, size.h), 0, 0);
  });
  lab.cleanups.push(canvas.close);
  return {
    canvas: canvas.root,
    caption,
    /**
     * @param {string} text "" where nothing is shown
     * @param {Looks | null} looks
     * @param {ArrayLike<number> | undefined} bytes
     */
    show(text, looks, bytes) {
      caption.textContent = caption.title = text;
      caption.hidden = !text;
      caption.parentElement?.classList.toggle("styledit-looked-at", Boolean(text));
      map = looks && bytes ? { looks, bytes } : null;
      canvas.root.hidden = !text || !map;
      canvas.root.setAttribute("aria-label", text);
      canvas.redraw();
    }
  };
}
function wordLooks(lab) {
  const overlays = { edit: lookOverlay(lab, "edit"), source: lookOverlay(lab, "source") };
  let pinned = null;
  let pointed = null;
  let known2 = null;
  let rest;
  const show = () => {
    const looks = lab.model.get("looks");
    const current = looks.id === void 0 ? null : (
      /** @type {Looks} */
      looks
    );
    known2 = current ?? known2;
    const look = pointed ?? pinned;
    const bytes = look && known2 ? mapOf(known2, look) : void 0;
    const text = look ? lookCaption(look.word, current !== null, known2?.method, lab.model.get("frame").method) : "";
    const missing = look && current && !bytes;
    for (
      const of of
      /** @type {const} */
      ["edit", "source"]
    ) {
      if (look?.of === of && !missing) overlays[of].show(text, known2, bytes);
      else overlays[of].show("", null, void 0);
    }
    mark();
  };
  const mark = () => {
    for (const word of wordsOn(lab.root)) {
      const { look, word: text } = word.dataset;
      word.setAttribute("aria-pressed", String(pinned?.of === look && pinned?.word === text));
    }
  };
  const want = () => {
    if ((pointed ?? pinned) && lab.model.get("looks").id === void 0 && lab.model.get("frame").picture)
      lab.send({ type: "looks", id: lab.edits.nextId() });
    show();
  };
  const point = (look) => {
    clearTimeout(rest);
    if (!look && !pointed) return;
    pointed = look;
    want();
  };
  const drop = () => {
    pinned = null;
    point(null);
    show();
  };
  const handlers = {
    pointerover(event, look) {
      clearTimeout(rest);
      if (!look || /** @type {PointerEvent} */
      event.pointerType !== "mouse") return;
      rest = setTimeout(() => point(look), HOVER);
    },
    pointerout: (_, look) => look && point(null),
    focusin(event, look) {
      if (look && /** @type {Element} */
      event.target.matches(":focus-visible")) point(look);
    },
    focusout: (_, look) => look && point(null),
    click(_, look) {
      if (!look) return;
      if (pinned?.word === look.word && pinned.of === look.of) {
        drop();
        return;
      }
      pinned = look;
      lab.showSides();
      want();
    }
  };
  const listeners = Object.entries(handlers).map(([name, handler]) => ({
    name,
    listener: (event) => handler(event, lookOf(event.target))
  }));
  for (const { name, listener } of listeners) lab.root.addEventListener(name, listener);
  const escape = (event) => {
    if (event.key === "Escape" && (pointed ?? pinned)) drop();
  };
  lab.root.addEventListener("keydown", escape, true);
  lab.onTrait("looks", want);
  let lookedKey = lab.source().key;
  lab.onTrait("source", ({ key }) => {
    if (key !== lookedKey) drop();
    lookedKey = key;
    known2 = null;
  });
  lab.onTrait("target", () => queueMicrotask(mark));
  lab.edits.onChange(() => queueMicrotask(mark));
  lab.cleanups.push(() => clearTimeout(rest));
  return overlays;
}
function wordsOn(root) {
  return (
    /** @type {HTMLElement[]} */
    [...root.querySelectorAll("[data-look]")]
  );
}
function lookOf(target) {
  const word = (
    /** @type {HTMLElement | null} */
    /** @type {Element} */
    target.closest("[data-look]")
  );
  if (!word) return null;
  return { word: word.dataset.word ?? "", of: (
    /** @type {LookedAt} */
    word.dataset.look
  ) };
}
function lookLine(words) {
  const code = element("code", { "data-testid": "explore-code" }, EXPLORE);
  const how = element(
    "p",
    { class: "styledit-row styledit-hint", hidden: true },
    "Every step, layer and head of this edit, in a cell of its own (by your names of the pipeline and this lab):",
    code,
    copyButton("copy-explore", code)
  );
  const all = pushButton(
    "All attention maps",
    "explore",
    () => {
      how.hidden = !how.hidden;
      all.setAttribute("aria-expanded", String(!how.hidden));
    },
    { "aria-expanded": "false", title: "How to open the attention explorer on this edit" }
  );
  const hint = element("span", { class: "styledit-hint" }, "Click a word: where does it look?");
  return [element("div", { class: "styledit-look-line" }, hint, words, all), how];
}

// styledit/lab/front/edit/requests.js
var DEFAULT_SETTINGS = {
  guidance: 7.5,
  tau_v: 0.5,
  tau_v_changed: null,
  tau_v_padding: null,
  tau_c: 0.6,
  tau_s: 0.6,
  tau_u: 0,
  blend_threshold: 0.3,
  guide_from_source: false,
  keep_details: false,
  tau_c_words: {},
  tau_v_words: {},
  reweight: {},
  blend: [],
  mask: null
};
var PATIENCE2 = 2e3;
function requestFlow(send) {
  let open = null;
  let waiting = null;
  let timer;
  const close = () => {
    clearTimeout(timer);
    open = null;
  };
  const go = (request) => {
    waiting = null;
    clearTimeout(timer);
    open = send(request);
    timer = setTimeout(next, PATIENCE2);
  };
  function next() {
    close();
    if (waiting) go(waiting);
  }
  return {
    ask(request) {
      if (request.moving && open !== null) waiting = request;
      else go(request);
    },
    answered(id) {
      if (open !== null && id >= open) next();
    },
    look(request) {
      go({ ...request, moving: true });
      waiting = { ...request, moving: false };
    },
    waits: () => waiting !== null,
    forget() {
      waiting = null;
      close();
    }
  };
}
function editRequests(model, note, sourcePrompt2) {
  let lastId = 0;
  const nextId = () => {
    for (
      const name of
      /** @type {const} */
      ["source", "target", "frame", "sheet"]
    ) {
      lastId = Math.max(lastId, model.get(name).id ?? 0);
    }
    lastId = Math.max(lastId, ...model.get("sheets").map(({ id }) => id));
    lastId += 1;
    return lastId;
  };
  const current = { prompt: "", settings: { ...DEFAULT_SETTINGS }, method: "", parameters: {}, auto: true };
  const readers = [];
  const tell = () => readers.forEach((reader) => reader(current));
  let asked = 0;
  const flow = requestFlow((request2) => {
    asked = nextId();
    note.ask({ type: "edit", id: asked, ...request2 });
    return asked;
  });
  const request = () => ({
    prompt: current.prompt,
    settings: withKnownWords(current, sourcePrompt2() ?? ""),
    method: current.method,
    parameters: { ...current.parameters },
    auto: current.auto
  });
  const ask = (moving) => flow.ask({ moving, ...request() });
  const accept = (target) => {
    if (flow.waits() || (target.id ?? 0) < asked) return;
    const settings = { ...DEFAULT_SETTINGS, ...structuredClone(target.settings ?? {}) };
    const { prompt = current.prompt, method = current.method, auto = current.auto } = target;
    const parameters = { ...current.parameters, ...target.parameters };
    Object.assign(current, { prompt, settings, method, parameters, auto });
    tell();
  };
  return {
    current,
    flow,
    nextId,
    request,
    onChange: (reader) => readers.push(reader),
    // A setting was moved by hand.
    change(settings, moving) {
      Object.assign(current.settings, settings);
      current.auto = false;
      tell();
      ask(moving);
    },
    // A parameter of a method's own was moved by hand: the settings stay automatic where they are.
    changeParameters(parameters, moving) {
      Object.assign(current.parameters, parameters);
      tell();
      ask(moving);
    },
    // A setting jumps, and nothing was dragged: a first look before the exact edit.
    jump(settings) {
      Object.assign(current.settings, settings);
      current.auto = false;
      tell();
      flow.look(request());
    },
    // Another prompt, with a first look.
    setPrompt(prompt) {
      Object.assign(current, { prompt });
      tell();
      flow.look(request());
    },
    // Something else: method, auto, or all of a tile's.
    set(parts) {
      Object.assign(current, structuredClone(parts));
      tell();
      ask(false);
    },
    // What Python says is in use, unless a newer request is on its way: no slider jumps under a finger.
    accept,
    // Back to what Python has in use: what was asked for will not come.
    revert() {
      flow.forget();
      asked = 0;
      accept(model.get("target"));
    },
    close: () => flow.forget()
  };
}
function withKnownWords({ prompt, settings }, sourcePrompt2) {
  const spaced = (text) => ` ${promptWords(text.toLowerCase()).join(" ")} `;
  const isIn = (word, text) => spaced(text).includes(spaced(word));
  const known2 = structuredClone(settings);
  known2.blend = known2.blend.filter((word) => isIn(word, prompt) || isIn(word, sourcePrompt2));
  for (
    const name of
    /** @type {const} */
    ["tau_c_words", "tau_v_words", "reweight"]
  ) {
    known2[name] = Object.fromEntries(Object.entries(known2[name]).filter(([word]) => isIn(word, prompt)));
  }
  return known2;
}
function promptWords(prompt) {
  return prompt.split(/\s+/).filter(Boolean);
}

// styledit/lab/front/edit/sentences.js
var asRead = (prompt) => prompt.toLowerCase().replace(/[.,!?;:]/g, " ");
function slotIn(prompt, slot) {
  let found = null;
  const read = ` ${asRead(prompt)} `;
  for (const phrase of slot.words) {
    const start = phrase ? read.indexOf(` ${phrase} `) : -1;
    if (start < 0) continue;
    const better = !found || start < found.start || start === found.start && phrase.length > found.phrase.length;
    if (better) found = { start, end: start + phrase.length, phrase };
  }
  return found;
}
function withSlot(prompt, language, index, phrase) {
  const { slots } = language;
  if (!isSentence(prompt, language)) {
    return ofPhrases(slots.map((slot, at) => at === index ? phrase : slotIn(prompt, slot)?.phrase ?? ""));
  }
  const { start, end } = slotIn(prompt, slots[index]) ?? placeOf(prompt, slots, index);
  return withArticles(`${prompt.slice(0, start)} ${phrase} ${prompt.slice(end)}`);
}
function isSentence(prompt, language) {
  const things = language.slots.find((slot) => slot.label === "thing");
  const named = !things || slotIn(prompt, things) !== null;
  return named && /\ban? /.test(asRead(prompt)) && !unknownWords(prompt, language).length;
}
function placeOf(prompt, slots, index) {
  if (index === 0) return { start: 0, end: 0 };
  const starts = slots.slice(index + 1).map((slot) => slotIn(prompt, slot)?.start ?? prompt.length);
  const next = Math.min(prompt.length, ...starts);
  return { start: next, end: next };
}
function ofPhrases(phrases) {
  const words = [];
  let named = false;
  for (const phrase of phrases.filter(Boolean)) {
    const whole = /^(an?|in|on) /.test(phrase);
    if (!whole && !named) words.push("a");
    named = !whole;
    words.push(phrase);
  }
  return withArticles(words.join(" "));
}
function withArticles(text) {
  const spaced = text.trim().replace(/\s+/g, " ").replace(/ ([.,!?;:])/g, "$1");
  return spaced.replace(
    /\ban? (?=([a-z]))/g,
    (_, letter) => "aeiou".includes(letter) ? "an " : "a "
  );
}
function unknownWords(prompt, { words }) {
  const known2 = new Set(words);
  return known2.size ? promptWords(asRead(prompt)).filter((word) => !known2.has(word)) : [];
}
function inAnotherStyle(language, prompt) {
  const styles = language.slots[0];
  const found = styles && styles.words.length > 1 ? slotIn(prompt, styles) : null;
  if (!found) return prompt;
  return withSlot(
    prompt,
    language,
    0,
    styles.words[(styles.words.indexOf(found.phrase) + 1) % styles.words.length]
  );
}
function wordSteps(before, after) {
  const rows = before.length;
  const columns = after.length;
  const same = (i2, j2) => before[i2].toLowerCase() === after[j2].toLowerCase();
  const common = Array.from({ length: rows + 1 }, () => new Array(columns + 1).fill(0));
  for (let i2 = rows - 1; i2 >= 0; i2 -= 1) {
    for (let j2 = columns - 1; j2 >= 0; j2 -= 1) {
      common[i2][j2] = same(i2, j2) ? common[i2 + 1][j2 + 1] + 1 : Math.max(common[i2 + 1][j2], common[i2][j2 + 1]);
    }
  }
  const steps = [];
  let i = 0;
  let j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && same(i, j)) {
      steps.push(["same", after[j]]);
      i += 1;
      j += 1;
    } else if (i < rows && (j >= columns || common[i + 1][j] >= common[i][j + 1])) {
      steps.push(["gone", before[i]]);
      i += 1;
    } else {
      steps.push(["come", after[j]]);
      j += 1;
    }
  }
  return steps;
}

// styledit/lab/front/edit/prompt.js
var TYPING = 350;
var EMPTY = "Write what the picture should become; the last edit stays until then.";
var TAGS = (
  /** @type {const} */
  { same: "span", gone: "del", come: "ins" }
);
function slotChoices(world, testid, get, set) {
  const optional = (slot) => world.samples.some((sample) => !slotIn(sample.prompt, slot));
  const choices = world.slots.map((slot, index) => ({
    slot,
    none: optional(slot),
    select: choiceOf(`${testid}-${slot.label}`, [], (phrase) => set(withSlot(get(), world, index, phrase)), {
      "aria-label": slot.label,
      title: slot.label
    })
  }));
  const show = () => {
    for (const { slot, none, select } of choices) {
      const phrase = slotIn(get(), slot)?.phrase ?? "";
      const empty = none || !phrase ? [["", `no ${slot.label}`]] : [];
      fillChoice(select, [...empty, ...slot.words.filter(Boolean).map(twice)]);
      select.value = phrase;
    }
  };
  const root = element("div", { class: "styledit-slots" }, ...choices.map(({ select }) => select));
  root.hidden = !choices.length;
  return { root, show };
}
function twice(word) {
  return [word, word];
}
function targetPrompt(lab) {
  const input = element("input", {
    type: "text",
    "data-testid": "target-prompt",
    spellcheck: "false",
    autocomplete: "off"
  });
  const difference = element("p", {
    class: "styledit-difference-line",
    "data-testid": "prompt-difference"
  });
  const typed = delayedCall(() => send(), TYPING);
  const slots = slotChoices(
    lab.world,
    "target-slot",
    () => input.value,
    (prompt) => {
      input.value = prompt;
      send();
    }
  );
  const send = () => {
    typed.stop();
    const prompt = input.value.trim();
    if (prompt && prompt !== lab.edits.current.prompt) lab.edits.setPrompt(prompt);
  };
  let written = "";
  const showDifference = () => {
    slots.show();
    const source = lab.source().prompt ?? "";
    const now = JSON.stringify([source, input.value]);
    if (now === written) return;
    written = now;
    difference.replaceChildren(...markedDifference(source, input.value));
  };
  input.addEventListener("input", () => {
    if (!input.value.trim()) lab.forgetProblem();
    showDifference();
    typed.start();
  });
  input.addEventListener("change", send);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") send();
  });
  lab.edits.onChange(({ prompt }) => {
    if (!typed.waits() && input.value.trim() !== prompt) input.value = prompt;
    showDifference();
  });
  lab.onSource(showDifference);
  lab.focusTarget = () => input.focus();
  lab.cleanups.push(typed.stop);
  return element(
    "section",
    { class: "styledit-target" },
    labelled("It should become", input, { class: "styledit-field styledit-wide" }),
    slots.root,
    ...lookLine(difference)
  );
}
function markedDifference(source, target) {
  const before = promptWords(source);
  const after = promptWords(target);
  if (!after.length) return [element("span", { class: "styledit-hint" }, EMPTY)];
  const words = wordSteps(before, after).flatMap(([kind, word]) => [
    element(TAGS[kind], {}, lookingWord(word, kind === "gone" ? "source" : "edit")),
    " "
  ]);
  if (before.join(" ") !== after.join(" ")) return words;
  return [...words, element("span", { class: "styledit-hint" }, "Change a word: the picture follows.")];
}

// styledit/lab/front/edit/crop.js
var STEP = 0.02;
function cropPanel(lab, used) {
  const [width, height] = lab.world.size;
  let cut = null;
  const preview = keepKeys(
    element("canvas", {
      width,
      height,
      tabindex: "0",
      role: "img",
      "data-testid": "crop-preview",
      "aria-label": "The part that is used. Arrow keys move it, plus and minus scale it."
    })
  );
  const draw = () => {
    if (cut) drawCut(preview, cut);
  };
  const scale = slider("Scale", { min: 1, max: 6, step: 0.05, value: 1 }, (value) => {
    if (cut) cut.zoom = value;
    draw();
  });
  scale.input.dataset.testid = "crop-scale";
  const prompt = element("input", { type: "text", "data-testid": "upload-prompt", spellcheck: "false" });
  const slots = slotChoices(
    lab.world,
    "upload-slot",
    () => prompt.value,
    (text) => {
      prompt.value = text;
      show();
    }
  );
  const wrong = element("p", { class: "styledit-problem", role: "alert", "data-testid": "upload-problem" });
  const show = () => {
    slots.show();
    const unknown = unknownWords(prompt.value, lab.world);
    wrong.textContent = unknown.length ? `The model does not know “${unknown.join("”, “")}”: choose the nearest words below.` : "";
  };
  prompt.addEventListener("input", show);
  const use = async () => {
    show();
    if (!prompt.value.trim())
      wrong.textContent = "Say what the picture shows: choose the nearest words below.";
    if (wrong.textContent || !cut) return;
    const { name } = cut;
    const bytes = await pngOf(preview);
    if (root.hidden) return;
    close();
    used(bytes, name, prompt.value.trim());
  };
  const close = () => {
    root.hidden = true;
    lab.root.classList.remove("styledit-cropping");
    cut?.picture.close();
    cut = null;
  };
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter") use();
  });
  const root = element(
    "div",
    { class: "styledit-crop", hidden: true, "data-testid": "crop" },
    element("div", { class: "styledit-crop-frame" }, preview),
    element(
      "div",
      { class: "styledit-crop-side" },
      element(
        "p",
        { class: "styledit-hint" },
        "Drag the picture to choose the part. Then say what it shows."
      ),
      scale.root,
      labelled("It shows", prompt),
      wrong,
      slots.root,
      element(
        "div",
        { class: "styledit-row" },
        pushButton("Use this picture", "upload-use", use, { class: "styledit-main" }),
        pushButton("Cancel", "upload-cancel", close)
      )
    )
  );
  moveByHand(preview, () => cut, draw, scale);
  return {
    root,
    async open(file) {
      const picture = await pictureOf(lab, file);
      if (!picture) return;
      cut?.picture.close();
      cut = { picture, name: file.name, zoom: 1, x: 0.5, y: 0.5 };
      scale.set(1);
      prompt.value = "";
      show();
      draw();
      root.hidden = false;
      lab.root.classList.add("styledit-cropping");
      prompt.focus();
    },
    close
  };
}
async function pictureOf(lab, file) {
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    lab.say("");
    return picture;
  } catch {
    lab.say(`${file.name} is not a picture that the browser can read; take a PNG, JPEG or WebP file.`);
    return null;
  }
}
function cutRectangle({ picture, zoom, x, y }, width, height) {
  const fit = Math.min(picture.width / width, picture.height / height) / zoom;
  const [w, h] = [width * fit, height * fit];
  const left = clamped(x * picture.width - w / 2, 0, picture.width - w);
  const top = clamped(y * picture.height - h / 2, 0, picture.height - h);
  return [left, top, w, h];
}
function drawCut(canvas, cut) {
  const { width, height } = canvas;
  let [left, top, across, down] = cutRectangle(cut, width, height);
  let picture = cut.picture;
  while (across > 2 * width) {
    const half = new OffscreenCanvas(Math.ceil(across / 2), Math.ceil(down / 2));
    const smaller = contextOf(half);
    smaller.imageSmoothingQuality = "high";
    smaller.drawImage(picture, left, top, across, down, 0, 0, half.width, half.height);
    [picture, left, top, across, down] = [half, 0, 0, half.width, half.height];
  }
  const context = contextOf(canvas);
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, left, top, across, down, 0, 0, width, height);
}
function moveCut(cut, width, height, dx, dy) {
  const [, , w, h] = cutRectangle(cut, width, height);
  const [across, down] = [w / cut.picture.width, h / cut.picture.height];
  cut.x = clamped(cut.x + dx * across, across / 2, 1 - across / 2);
  cut.y = clamped(cut.y + dy * down, down / 2, 1 - down / 2);
}
function moveByHand(preview, cutNow, draw, scale) {
  const move = (dx, dy) => {
    const cut = cutNow();
    if (!cut) return;
    moveCut(cut, preview.width, preview.height, dx, dy);
    draw();
  };
  const zoom = (factor) => {
    const cut = cutNow();
    if (!cut) return;
    scale.set(cut.zoom * factor);
    cut.zoom = Number(scale.input.value);
    move(0, 0);
  };
  preview.addEventListener("pointerdown", (event) => preview.setPointerCapture(event.pointerId));
  preview.addEventListener("pointermove", (event) => {
    if (!preview.hasPointerCapture(event.pointerId)) return;
    move(-event.movementX / preview.clientWidth, -event.movementY / preview.clientHeight);
  });
  preview.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
    },
    { passive: false }
  );
  preview.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (arrow) move(STEP * arrow[0], STEP * arrow[1]);
    else if (event.key === "+" || event.key === "=") zoom(1.1);
    else if (event.key === "-") zoom(1 / 1.1);
    else return;
    event.preventDefault();
  });
}
async function pngOf(canvas) {
  const blob = await new Promise((resolve) => {
    canvas.toBlob(resolve, "image/png");
  });
  if (!blob) throw new Error("The browser gives no PNG of this picture.");
  return new Uint8Array(await blob.arrayBuffer());
}

// styledit/lab/front/edit/style_picture.js
function stylePicture(lab, changed) {
  let style = null;
  let bytes = null;
  const [width, height] = lab.world.size;
  const chosen = element("img", {
    alt: "The style picture",
    "data-testid": "guided-style-image",
    hidden: true
  });
  const none = pushButton("Remove", "guided-style-none", () => put(null, null));
  const samples = lab.world.samples.map((entry) => {
    const image = element("img", { alt: "" });
    showBytes(image, entry.thumb);
    const button = pushButton(
      "",
      `guided-style-${entry.name}`,
      () => put({ kind: "sample", name: entry.name }, entry.thumb),
      { class: "styledit-thumb", "aria-label": `The look of: ${entry.prompt}`, title: entry.prompt }
    );
    button.append(image);
    return { name: entry.name, button };
  });
  const show = (next, picture) => {
    style = next ? { kind: next.kind, name: next.name } : null;
    bytes = null;
    chosen.hidden = none.hidden = !style;
    if (style) showBytes(chosen, picture);
    const sample = style?.kind === "sample" ? style.name : null;
    for (const { name, button } of samples) button.setAttribute("aria-pressed", String(name === sample));
  };
  const put = (next, picture) => {
    show(next, picture);
    changed(Boolean(next));
  };
  const take = async (file) => {
    const picture = await pictureOf(lab, file);
    if (!picture) return;
    const canvas = element("canvas", { width, height });
    drawCut(canvas, { picture, zoom: 1, x: 0.5, y: 0.5 });
    picture.close();
    const read = await pngOf(canvas);
    put({ kind: "upload", name: file.name }, read);
    bytes = read;
  };
  const input = fileInput("guided-style-file", "image/*", "A style picture of your own", take);
  const hint = element("span", {}, "Style picture: choose a file, or drop one here");
  const root = element(
    "div",
    { class: "styledit-style-slot", role: "group", "aria-label": "Style picture" },
    element("label", { class: "styledit-drop" }, input, chosen, hint),
    element("div", { class: "styledit-thumbs" }, ...samples.map(({ button }) => button), none)
  );
  takeDrops(lab, root, take);
  show(null, null);
  return { root, show, wanted: () => ({ style, bytes }) };
}
function takeDrops(lab, root, take) {
  for (
    const event of
    /** @type {const} */
    ["dragenter", "dragover", "drop"]
  ) {
    root.addEventListener(event, (dropped) => {
      dropped.preventDefault();
      dropped.stopPropagation();
      lab.root.classList.remove("styledit-dropping");
      const file = dropped.dataTransfer?.files[0];
      if (event === "drop" && file) take(file);
    });
  }
}

// styledit/lab/front/edit/guided.js
function guidedSection(lab) {
  const { guiding } = lab.world;
  const request = {
    weights: { ...guiding.presets[0].weights },
    iterations: guiding.iterations,
    start: guiding.starts[0]
  };
  const weights = weightControls(guiding, request);
  const slot = stylePicture(lab, (there) => weights.fitStyle(there));
  const iterations = slider(
    "Iterations",
    {
      min: 1,
      max: Math.min(200, guiding.most_iterations),
      step: 1,
      value: request.iterations,
      title: "Of Adam, in all, spread over the steps"
    },
    (value) => {
      request.iterations = value;
    }
  );
  iterations.input.dataset.testid = "guided-iterations";
  const start = choiceOf(
    "guided-start",
    guiding.starts.map((name) => [name, name]),
    (name) => {
      request.start = name;
    }
  );
  const guide = () => {
    lab.edits.flow.forget();
    const { prompt, settings, auto } = lab.edits.request();
    const { style, bytes } = slot.wanted();
    const message = {
      type: "guide",
      id: lab.edits.nextId(),
      prompt,
      settings,
      auto,
      seed: 0,
      ...request,
      style
    };
    lab.note.ask(message, bytes ? [bytes] : []);
  };
  const go = pushButton("Guide", "guided-go", guide, { class: "styledit-main" });
  const stop = pushButton("Stop, keep the best", "guided-stop", () => lab.send({ type: "stop" }));
  const status = element("p", { role: "status", "data-testid": "guided-status" });
  const curves = element("div", { class: "styledit-curves", "data-testid": "guided-curves" });
  const film = filmStrip();
  let known2 = "";
  const follow = (asked, picture) => {
    const now = JSON.stringify(asked);
    if (now === known2) return;
    known2 = now;
    Object.assign(request, {
      weights: { ...asked.weights },
      iterations: asked.iterations,
      start: asked.start
    });
    weights.show();
    iterations.set(asked.iterations);
    start.value = asked.start;
    slot.show(asked.style, picture);
  };
  lab.onTrait("guided", (run) => {
    if (run.asked) follow(run.asked, run.style);
    stop.disabled = !run.running;
    status.textContent = isWhole(run) ? guidedSentence(run) : "";
    curves.replaceChildren(...termCurves(guiding.terms, run.curves ?? {}));
    film.fill(run.film ?? []);
  });
  return [
    element(
      "p",
      { class: "styledit-hint" },
      "The value inputs of the changed words (of all, where none is changed) are optimised for what the decoded picture should be; where the source has none yet, they are fitted first. Choose what pulls, and how strongly; every other setting is the one above. With a style picture and an unchanged prompt, CLIP first says that picture's look in the prompt."
    ),
    weights.root,
    slot.root,
    element(
      "div",
      { class: "styledit-row styledit-guided-go" },
      iterations.root,
      labelled("Start from", start),
      go,
      stop
    ),
    status,
    curves,
    film.root
  ];
}
function isWhole(run) {
  return run.iteration !== void 0;
}
function weightControls({ terms, presets }, request) {
  const sliders = terms.map(({ name, label, hint }) => {
    const options = { min: 0, max: 1, step: 0.05, value: request.weights[name], title: hint };
    const made = slider(label, options, (value) => {
      request.weights[name] = value;
      show();
    });
    made.input.dataset.testid = `guided-${name}`;
    return { name, made };
  });
  const take = (name) => {
    const preset2 = presets.find((one) => one.name === name);
    if (preset2) request.weights = { ...preset2.weights };
    show();
  };
  const choices = [
    ...presets.map(({ name, label }) => (
      /** @type {[string, string]} */
      [name, label]
    )),
    ["", "as set below"]
  ];
  const preset = choiceOf("guided-preset", choices, take);
  const show = () => {
    for (const { name, made } of sliders) {
      made.set(request.weights[name]);
      made.root.classList.toggle("styledit-unset", !request.weights[name]);
    }
    preset.value = presets.find(({ weights }) => sameWeights(weights, request.weights))?.name ?? "";
  };
  show();
  return {
    root: element(
      "div",
      { class: "styledit-guided-weights" },
      labelled("What pulls", preset),
      element("div", { class: "styledit-sliders" }, ...sliders.map(({ made }) => made.root))
    ),
    show,
    // A style picture came or went.
    fitStyle(there) {
      const reads2 = request.weights.style > 0 || request.weights.adversarial > 0;
      if (there && !reads2) take("reference");
      else if (!there && preset.value === "reference") take("default");
    }
  };
}
function sameWeights(a, b) {
  return Object.entries(a).every(([name, weight]) => Math.abs(weight - b[name]) < 1e-9);
}
function guidedSentence({
  running,
  iteration,
  iterations,
  step,
  steps,
  stopped,
  evaluations,
  seconds
}) {
  if (running) return `Iteration ${iteration} of at most ${iterations}, at step ${step + 1} of ${steps}.`;
  if (!stopped) return "It was replaced by something newer.";
  const cost = `${iteration} iterations, ${evaluations} network evaluations`;
  if (stopped === "stopped") return `Stopped; the best so far is shown: ${cost}.`;
  return `Done: ${cost}, ${seconds < 0.05 ? "kept from before" : `${seconds.toFixed(1)} s`}.`;
}

// styledit/lab/front/edit/happening.js
var BLEND_START = 0.2;
var DOES = {
  tau_c: "its words look where the source's looked",
  tau_s: "it has the source's shapes",
  tau_u: "it has them in the half without a prompt, too",
  blend: "outside the mask it is the source",
  tau_v: "its words say what was learned from the picture"
};
var ALONG = "it takes the source's own step, and adds what the prompts differ in";
var LANES = [
  ["tau_c", TAU_NAMES.tau_c, "c"],
  ["tau_s", TAU_NAMES.tau_s, "s"],
  ["tau_u", TAU_NAMES.tau_u, "u"],
  ["blend", "Blend or mask", ""],
  ["tau_v", TAU_NAMES.tau_v, "v"]
];
var isOn = (step, tau, steps) => step < Number((tau * steps).toFixed(6));
function switchesLit(settings, steps) {
  const { tau_c, tau_s, tau_u, tau_v, tau_c_words, tau_v_words, tau_v_changed, tau_v_padding } = settings;
  const lit = (taus) => Array.from({ length: steps }, (_, step) => {
    const on = taus.filter((tau) => isOn(step, tau, steps)).length;
    return on === taus.length ? "on" : on ? "part" : "off";
  });
  const groups = [tau_v_changed, tau_v_padding].filter((tau) => tau !== null);
  const start = settings.mask ? 0 : Math.min(Number((BLEND_START * steps).toFixed(6)), steps - 1);
  const blends = Boolean(settings.mask) || settings.blend.length > 0;
  return {
    tau_c: lit([tau_c, ...Object.values(tau_c_words)]),
    tau_s: lit([tau_s]),
    tau_u: lit([tau_u]),
    tau_v: lit([tau_v, ...groups, ...Object.values(tau_v_words)]),
    blend: Array.from({ length: steps }, (_, step) => blends && step >= start ? "on" : "off")
  };
}
function switchesOf(settings, steps, { ignored }) {
  const lit = switchesLit(settings, steps);
  for (const [name] of LANES) if (ignored[name]) lit[name].fill("off");
  return lit;
}
function stepSentence(lit, step, { name: method, ignored, follows }) {
  const steps = lit.tau_c.length;
  const where = `Step ${step + 1} of ${steps}`;
  if (LANES.every(([name]) => ignored[name])) return `${where}. “${method}” takes nothing over at a step.`;
  const parts = LANES.filter(([name]) => lit[name][step] !== "off").map(
    ([name]) => `${DOES[name]}${lit[name][step] === "part" ? " (some words)" : ""}`
  );
  if (follows) parts.unshift(ALONG);
  if (!parts.length) return `${where}: the edit's run goes its own way.`;
  return `${where}, in the edit's run: ${parts.join("; ")}.`;
}
function happeningSection(lab) {
  const sentence = element("p", { "data-testid": "step-sentence", class: "styledit-flow-sentence" });
  const source = runRow("source");
  const edit = runRow("edit");
  const lanes = LANES.map(([name, text, letter]) => laneRow(name, text, letter));
  const id = uniqueId();
  const at = keepKeys(
    element("input", { type: "range", id, min: 0, max: 0, step: 1, value: 0, "data-testid": "step-shown" })
  );
  const large = {
    source: largePicture("Source at this step", "step-source"),
    edit: largePicture("Edit at this step", "step-edit")
  };
  const grid = element(
    "div",
    { class: "styledit-flow", "data-testid": "flow" },
    ...source.parts,
    ...lanes.flatMap((lane) => lane.parts),
    ...edit.parts,
    element("label", { for: id, class: "styledit-strip-label" }, "Step"),
    at
  );
  let steps = 0;
  const show = () => {
    const step = Number(at.value);
    const { settings, method: name } = lab.edits.current;
    const method = methodNamed(lab.world.methods, name);
    const lit = switchesOf(settings, steps, method);
    for (const lane of lanes) lane.show(lit[lane.name], step);
    source.show(step);
    edit.show(step);
    large.source.show(source.picture(step));
    large.edit.show(edit.picture(step));
    sentence.textContent = steps ? stepSentence(lit, step, method) : "";
    at.setAttribute("aria-valuetext", sentence.textContent);
  };
  const build = (number) => {
    if (number === steps) return;
    steps = number;
    grid.style.setProperty("--steps", String(steps));
    at.max = String(Math.max(0, steps - 1));
    at.value = String(Math.floor(steps / 2));
    for (const row of [source, edit, ...lanes]) row.build(steps);
  };
  at.addEventListener("input", show);
  grid.addEventListener("pointerover", (event) => {
    const cell = (
      /** @type {HTMLElement} */
      event.target.closest("[data-step]")
    );
    if (!(cell instanceof HTMLElement)) return;
    at.value = cell.dataset.step ?? "0";
    show();
  });
  lab.edits.onChange(show);
  lab.onSource(({ steps: number = 0 }) => {
    build(number);
    show();
  });
  showPictures(lab, grid, { source, edit }, show);
  const root = element(
    "div",
    { class: "styledit-happening" },
    element(
      "p",
      { class: "styledit-hint" },
      "Both runs begin at the same noise and take the noise away step by step, left to right. What is lit goes from the source's run to the edit's at that step. Point at a step, or move the slider below."
    ),
    grid,
    element("div", { class: "styledit-flow-large" }, large.source.root, large.edit.root, sentence)
  );
  askWhileOpen(lab, root);
  return [root];
}
function showPictures(lab, grid, runs, show) {
  const old = () => {
    const of = lab.model.get("steps_shown").id;
    grid.classList.toggle("styledit-flow-old", of !== void 0 && of !== lab.model.get("frame").id);
  };
  lab.onTrait("steps_shown", async ({ source = [], edit = [] }) => {
    await Promise.all([runs.source.fill(source), runs.edit.fill(edit)]);
    old();
    show();
  });
  lab.onTrait("frame", old);
}
function askWhileOpen(lab, root) {
  const watch = new IntersectionObserver(([{ isIntersecting }]) => {
    const open = isIntersecting || (root.closest("details")?.open ?? false);
    if (open !== (root.dataset.open === "true")) lab.send({ type: "steps", open });
    root.dataset.open = String(open);
  });
  root.dataset.open = String(lab.model.get("steps_shown").id !== void 0);
  watch.observe(root);
  lab.cleanups.push(() => watch.disconnect());
}
function runRow(name) {
  const row = element("span", { class: "styledit-flow-row styledit-flow-run", "data-run": name });
  let images = [];
  return {
    parts: [element("b", { class: "styledit-strip-label" }, name === "source" ? "Source" : "Edit"), row],
    build(steps) {
      freePictures(row);
      images = Array.from({ length: steps }, () => element("img", { alt: "" }));
      row.replaceChildren(
        ...images.map(
          (image, step) => element("span", { class: "styledit-flow-cell", "data-step": step }, image)
        )
      );
    },
    async fill(pictures) {
      await Promise.all(
        images.map((image, step) => {
          if (!pictures[step]) image.removeAttribute("src");
          return showBytes(image, pictures[step]);
        })
      );
    },
    picture: (step) => images[step]?.src ?? "",
    show: (step) => markStep(row, step)
  };
}
function laneRow(name, text, letter) {
  const row = element("span", { class: "styledit-flow-row", role: "img", "data-lane": name });
  return {
    name,
    parts: [element("span", { class: "styledit-strip-label" }, letter ? tauName(text, letter) : text), row],
    build(steps) {
      row.replaceChildren(
        ...Array.from(
          { length: steps },
          (_, step) => element("span", { class: "styledit-flow-cell", "data-step": step })
        )
      );
    },
    show(lit, step) {
      lit.forEach((state, k) => {
        const cell = (
          /** @type {HTMLElement} */
          row.children[k]
        );
        if (cell.dataset.lit !== state) cell.dataset.lit = state;
      });
      row.ariaLabel = `${text}: acts at ${countOf(lit.filter((state) => state !== "off").length, "step")} of ${lit.length}`;
      markStep(row, step);
    }
  };
}
function markStep(row, step) {
  const place = clamped(step, 0, Math.max(0, row.children.length - 1));
  [...row.children].forEach((cell, k) => cell.classList.toggle("styledit-flow-at", k === place));
}
function largePicture(title, testid) {
  const image = element("img", { alt: title, "data-testid": testid });
  const parts = [element("div", { class: "styledit-pane" }, image), element("figcaption", {}, title)];
  return {
    root: element("figure", { class: "styledit-figure" }, ...parts),
    show(address) {
      if (!address) image.removeAttribute("src");
      else if (image.src !== address) image.src = address;
    }
  };
}

// styledit/lab/front/shared/download.js
function download(name, data, type) {
  const bytes = bytesOf(data);
  if (!bytes) return;
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1e4);
}

// styledit/lab/front/edit/history.js
function historySection(lab) {
  let entries = [];
  let shown = null;
  let asked = 0;
  const place = () => entries.findIndex((entry) => entry.id === shown);
  const recall = (id) => {
    shown = id;
    asked = lab.edits.nextId();
    lab.edits.flow.forget();
    lab.forgetSettled();
    lab.note.ask({ type: "recall", id, request: asked });
    show();
  };
  const strip = historyStrip(lab.world.methods, recall, (id) => lab.compareWith(id));
  lab.cleanups.push(rovingFocus(strip.root, ".styledit-entry"));
  const undo = pushButton("Undo", "undo", () => recall(entries[place() - 1].id));
  const redo = pushButton("Redo", "redo", () => recall(entries[place() + 1].id));
  const name = keepKeys(
    element("input", {
      type: "text",
      "data-testid": "history-name",
      placeholder: "Name this edit",
      "aria-label": "Name of this edit",
      maxlength: 40
    })
  );
  name.addEventListener("change", () => {
    const given = name.value.trim();
    if (place() >= 0 && given !== entries[place()].name) lab.send({ type: "rename", id: shown, name: given });
  });
  const show = () => {
    const at = place();
    strip.mark(shown);
    undo.disabled = at < 1;
    redo.disabled = at < 0 || at >= entries.length - 1;
    name.disabled = at < 0;
    if (document.activeElement !== name) name.value = at < 0 ? "" : entries[at].name;
  };
  const follow = () => {
    const { entry = null, request = 0 } = lab.model.get("present");
    if (request >= asked) shown = entry;
    show();
  };
  lab.onTrait("history", (next) => {
    entries = next;
    strip.fill(entries);
    follow();
  });
  lab.onTrait("present", follow);
  lab.onTrait("problem", (problem) => {
    if (!problem) return;
    asked = 0;
    follow();
  });
  return element(
    "section",
    { class: "styledit-past", "aria-label": "History and files" },
    strip.root,
    element(
      "div",
      { class: "styledit-row" },
      undo,
      redo,
      name,
      saveButton(lab),
      openButton(lab, strip.expect)
    )
  );
}
function historyStrip(methods, recall, compare) {
  const root = element("div", { class: "styledit-history", role: "group", "aria-label": "History" });
  let items = /* @__PURE__ */ new Map();
  let marked = null;
  let arriving = false;
  return {
    root,
    fill(entries) {
      const before = items;
      items = new Map(
        entries.map((entry) => [
          entry.id,
          before.get(entry.id) ?? stripItem(entry, methods, recall, compare)
        ])
      );
      for (const entry of entries) items.get(entry.id)?.show(entry);
      for (const [id, item] of before) {
        if (items.has(id)) continue;
        freePictures(item.root);
        item.root.remove();
      }
      for (const { root: item } of items.values()) if (item.parentNode !== root) root.append(item);
    },
    mark(id) {
      items.forEach((item2, own) => item2.mark(own === id));
      const item = id === null ? void 0 : items.get(id);
      if (item && id !== marked) {
        bringIntoRow(root, item.root);
        if (arriving) item.root.scrollIntoView({ block: "nearest", inline: "nearest" });
        arriving = false;
      }
      marked = id;
    },
    /** The next entry that is marked is brought onto the screen, too. */
    expect() {
      arriving = true;
    }
  };
}
function bringIntoRow(row, item) {
  const [outer, inner] = [row.getBoundingClientRect(), item.getBoundingClientRect()];
  if (inner.left < outer.left) row.scrollLeft -= outer.left - inner.left;
  else if (inner.right > outer.right) row.scrollLeft += inner.right - outer.right;
}
function stripItem({ id }, methods, recall, compare) {
  const image = element("img", { alt: "" });
  let shown = "";
  const caption = element("span", {});
  const picture = pushButton("", `history-${id}`, () => recall(id), {
    class: "styledit-thumb",
    "data-entry": id
  });
  picture.append(image, caption);
  const hold = pushButton("Compare", `compare-${id}`, () => compare(id), { class: "styledit-compare-entry" });
  return {
    root: element("div", { class: "styledit-entry" }, picture, hold),
    show(entry) {
      const bytes = String(bytesOf(entry.thumb));
      if (bytes !== shown) showBytes(image, entry.thumb);
      shown = bytes;
      caption.textContent = entry.name || `#${id}`;
      picture.setAttribute("aria-label", `${entryTitle(entry)}; show it again`);
      picture.title = `${entry.prompt}
${settingsInShort(entry, methods)}`;
      hold.setAttribute("aria-label", `Compare ${entryTitle(entry)} with the present one`);
      hold.title = "Compare with the present one";
    },
    mark(present2) {
      picture.setAttribute("aria-pressed", String(present2));
      hold.style.visibility = present2 ? "hidden" : "";
    }
  };
}
function entryTitle({ id, name, prompt }) {
  return `#${id} ${name || prompt}`;
}
function settingsInShort({ settings, method, parameters = {}, guided = null, auto = false }, methods) {
  const { ignored } = methodNamed(methods, method);
  const taus = ["c", "s", "u", "v"].map((letter) => ({ letter, name: (
    /** @type {NumberSetting} */
    `tau_${letter}`
  ) })).filter(({ name }) => !ignored[name]).map(({ letter, name }) => `τ${letter} ${settings[name].toFixed(2)}`);
  const own = Object.entries(parameters).map(([name, value]) => `${name} ${value}`);
  const marks = [guided ? "guided" : "", auto ? "suggested" : ""];
  return [...taus, `guidance ${settings.guidance}`, ...own, method, ...marks].filter(Boolean).join(" · ");
}
function saveButton(lab) {
  let wanted = false;
  lab.onTrait("saved", (saved) => {
    lab.note.answered();
    if (wanted) download(saved.name ?? "edit.png", saved.data, "image/png");
    wanted = false;
  });
  const ask = () => {
    wanted = true;
    lab.note.ask({ type: "save" });
  };
  return pushButton("Save PNG", "save", ask, {
    title: "A picture file that carries prompt, settings and mask"
  });
}
function openButton(lab, asked) {
  const input = fileInput("open", "image/png", "Open a saved PNG", async (file) => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    lab.edits.flow.forget();
    lab.forgetSettled();
    asked();
    lab.note.ask({ type: "open", id: lab.edits.nextId() }, [bytes]);
  });
  const title = "Open a PNG that was saved here: its picture, prompt and settings";
  return element("label", { class: "styledit-button", title }, input, "Open PNG");
}
function codeFold(lab) {
  const text = keepKeys(
    element("pre", {
      class: "styledit-code",
      tabindex: "0",
      "data-testid": "code",
      "aria-label": "Python calls that reproduce this picture"
    })
  );
  const copy = copyButton("copy-code", text);
  lab.onTrait("code", (code) => {
    text.textContent = code;
    copy.textContent = "Copy";
  });
  return foldedPart("As code", "fold-code", text, element("div", { class: "styledit-row" }, copy));
}

// styledit/lab/front/edit/last_change.js
var STATES = {
  kept: "kept from before",
  skipped: "left out",
  replayed: "replayed from the source",
  computed: "computed"
};
var SWITCHES = [
  ["tau_v", "τ", "v"],
  ["tau_c", "τ", "c"],
  ["tau_s", "τ", "s"],
  ["tau_u", "τ", "u"],
  ["blend", "mask", ""]
];
var GAIN = 4;
function lastChangeSection(lab) {
  const [width, height] = lab.world.size;
  const image = (when) => element("img", {
    alt: `The picture ${when} the last change`,
    "data-testid": `${when}-image`,
    width,
    height
  });
  const [before, after] = [image("before"), image("after")];
  const sentence = element("p", { "data-testid": "what-sentence", role: "status" });
  let changed = null;
  const difference = drawnCanvas(
    width,
    height,
    { "data-testid": "what-canvas", role: "img", "aria-label": "Pixels that the last change moved" },
    (context) => {
      changed = drawDifference(context, after, before, GAIN);
    }
  );
  const pictures = element(
    "div",
    { class: "styledit-what-pictures", hidden: true },
    figureOf2(before, "Before"),
    figureOf2(after, "Now"),
    figureOf2(difference.root, `Difference × ${GAIN}`)
  );
  const strip = element("div", { class: "styledit-strip", "data-testid": "step-strip" });
  lab.onFrame(async (frame) => {
    strip.replaceChildren(...stripRows(frame.step_states));
    strip.style.setProperty("--steps", String(Math.max(1, frame.step_states.length)));
    if (!frame.exact) return;
    pictures.hidden = !frame.before;
    if (frame.before) await Promise.all([showBytes(before, frame.before), showBytes(after, frame.picture)]);
    difference.redraw();
    sentence.textContent = changeSentence(frame, frame.before ? changed : null);
  });
  lab.cleanups.push(difference.close);
  return [sentence, pictures, strip, legend()];
}
function figureOf2(picture, text) {
  const pane = element(
    "div",
    { class: "styledit-pane" },
    element("div", { class: "styledit-still" }, picture)
  );
  return element("figure", { class: "styledit-figure" }, pane, element("figcaption", {}, text));
}
function changeSentence({ step_states: states, seconds }, changed) {
  if (!states.length) return "";
  const numbers = Object.entries(STATES).map(([state, text]) => ({
    number: states.filter((step) => step.state === state).length,
    text
  }));
  const steps = numbers.filter(({ number }) => number).map(({ number, text }) => `${number} ${text}`);
  const time = seconds ? ` in ${seconds.toFixed(2)} s` : "";
  return `Of ${countOf(states.length, "step")}: ${steps.join(", ")}${time}.${pixelsSentence(changed)}`;
}
function pixelsSentence(changed) {
  if (changed === null) return "";
  if (changed < 5e-3) return " No pixel changed.";
  return ` A pixel changed by ${changed.toFixed(1)} of 255 on average.`;
}
function stripRows(steps) {
  if (!steps.length) return [];
  const work = stripRow(
    ["steps"],
    "Work at each step",
    steps.map(({ state }, t) => stepCell(state, `step ${t + 1}: ${STATES[state]}`, t))
  );
  const known2 = SWITCHES.filter(([name]) => steps.some(({ switches: switches2 }) => switches2[name] !== void 0));
  const switches = known2.flatMap(([name, text, letter]) => {
    const states = steps.map((step) => step.switches[name] ? "on" : "off");
    return stripRow(
      [text, element("sub", {}, letter)],
      `${name}: on at ${countOf(states.filter((state) => state === "on").length, "step")}`,
      states.map((state, t) => stepCell(state, `step ${t + 1}: ${name} ${state}`, t))
    );
  });
  const ends = element(
    "span",
    { class: "styledit-strip-ends styledit-hint" },
    element("span", {}, "noise"),
    element("span", {}, "picture")
  );
  return [...work, ...switches, element("span", {}), ends];
}
function stripRow(label, text, cells) {
  return [
    element("span", { class: "styledit-strip-label" }, ...label),
    element("span", { class: "styledit-strip-row", role: "img", "aria-label": text }, ...cells)
  ];
}
function stepCell(state, title, step) {
  return element("span", { class: `styledit-step styledit-step-${state}`, title, "data-step": step });
}
function legend() {
  const states = (
    /** @type {[StepState | "on" | "off", string][]} */
    [
      ...Object.entries(STATES),
      ["on", "switch on"],
      ["off", "off"]
    ]
  );
  const entries = states.map(
    ([state, text]) => element("span", { class: "styledit-legend-entry" }, stepCell(state, "", null), text)
  );
  return element("div", { class: "styledit-row styledit-hint" }, ...entries);
}

// styledit/lab/front/edit/linked.js
function linkedPlace(lab) {
  const mark = () => {
    const { step, word } = lab.model.get("place");
    const { linked } = lab.model.get("led");
    for (const part of lab.root.querySelectorAll("[data-step], [data-word]")) {
      const { step: ownStep, word: ownWord } = (
        /** @type {HTMLElement} */
        part.dataset
      );
      part.toggleAttribute("data-led", linked && isAt(ownStep, ownWord, step, word));
    }
  };
  const later = () => queueMicrotask(mark);
  lab.onTrait("place", mark);
  lab.onTrait("led", mark);
  lab.onTrait("target", later);
  lab.onFrame(later);
  const lead = (event) => {
    const part = (
      /** @type {Element} */
      event.target.closest("[data-step], [data-word]")
    );
    if (!part || !lab.model.get("led").linked) return;
    const { step, word } = (
      /** @type {HTMLElement} */
      part.dataset
    );
    const before = lab.model.get("place");
    const place = { step: step === void 0 ? before.step : Number(step), word: word ?? before.word };
    if (place.step !== before.step || place.word !== before.word) lab.send({ type: "place", ...place });
  };
  for (const event of ["click", "focusin"]) {
    lab.root.addEventListener(event, lead);
    lab.cleanups.push(() => lab.root.removeEventListener(event, lead));
  }
}
function isAt(ownStep, ownWord, step, word) {
  if (ownStep === void 0) return ownWord === word;
  return ownStep === String(step) && (ownWord === void 0 || ownWord === word);
}

// styledit/lab/front/shared/words.js
var SMALL = new Set("a an the this that of in on at and or with by to from for its is".split(" "));
function namesSomething(word) {
  return /\p{L}/u.test(word) && !SMALL.has(word);
}

// styledit/lab/front/edit/mask_cells.js
var MOST_STROKES = 40;
function pack(cells, width, height) {
  if (!cells.includes(1)) return null;
  const runs = [0];
  let now = 0;
  for (const cell of cells) {
    if (cell !== now) {
      runs.push(0);
      now = cell;
    }
    runs[runs.length - 1] += 1;
  }
  return { width, height, runs };
}
function unpack(mask, width, height) {
  const cells = new Uint8Array(width * height);
  if (!mask) return cells;
  const own = new Uint8Array(mask.width * mask.height);
  let place = 0;
  mask.runs.forEach((length, k) => {
    own.fill(k % 2, place, place + length);
    place += length;
  });
  if (mask.width === width && mask.height === height) return own;
  for (let y = 0; y < height; y += 1) {
    const row = Math.floor(y * mask.height / height) * mask.width;
    for (let x = 0; x < width; x += 1) cells[y * width + x] = own[row + Math.floor(x * mask.width / width)];
  }
  return cells;
}
function cellsOfWord(map, threshold, width, height) {
  const values = new Float32Array(width * height);
  addMap(values, { h: height, w: width }, map.values, map, 1);
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const least = low + threshold * (high - low);
  return Uint8Array.from(values, (value) => value >= least ? 1 : 0);
}
function outline(cells, width, height) {
  const edges = [];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * width + x;
      if (x + 1 < width && cells[at] !== cells[at + 1]) edges.push([x + 1, y, x + 1, y + 1]);
      if (y + 1 < height && cells[at] !== cells[at + width]) edges.push([x, y + 1, x + 1, y + 1]);
    }
  }
  return edges;
}
var Brush = class {
  /**
   * @param {number} width cells
   * @param {number} height
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.cells = new Uint8Array(width * height);
    this.x = width >> 1;
    this.y = height >> 1;
    this.size = Math.max(1, Math.round(width / 8));
    this.paints = true;
    this.focused = false;
    this.before = [];
  }
  /** The middle of what it paints, in cells: a brush of an even size stands between two. */
  middle() {
    const half = this.size % 2 ? 0.5 : 0;
    return [this.x + half, this.y + half];
  }
  /** A stroke begins: what is there now can be had again. */
  begin() {
    this.before.push(this.cells.slice());
    if (this.before.length > MOST_STROKES) this.before.shift();
  }
  /** Take the last stroke back; whether there was one. */
  undo() {
    const before = this.before.pop();
    if (before) this.cells = before;
    return before !== void 0;
  }
  /** Paint or erase where it stands. */
  stamp(paints = this.paints) {
    const [middleX, middleY] = this.middle();
    const radius = this.size / 2;
    const from = (middle) => Math.max(0, Math.floor(middle - radius));
    for (let y = from(middleY); y < Math.min(this.height, middleY + radius); y += 1) {
      for (let x = from(middleX); x < Math.min(this.width, middleX + radius); x += 1) {
        const inside = Math.hypot(x + 0.5 - middleX, y + 0.5 - middleY) <= radius;
        if (inside) this.cells[y * this.width + x] = paints ? 1 : 0;
      }
    }
  }
  /**
   * Paint or erase on the way to another cell: a fast hand leaves no gaps.
   * @param {number} x
   * @param {number} y
   */
  lineTo(x, y) {
    const [fromX, fromY] = [this.x, this.y];
    const steps = Math.max(Math.abs(x - fromX), Math.abs(y - fromY), 1);
    for (let k = 1; k <= steps; k += 1) {
      this.x = Math.round(fromX + (x - fromX) * k / steps);
      this.y = Math.round(fromY + (y - fromY) * k / steps);
      this.stamp();
    }
  }
};

// styledit/lab/front/edit/mask_painter.js
var SHADE = 150;
var LINES = (
  /** @type {[string, number][]} */
  [
    ["#000", 3],
    ["#fff", 1.5]
  ]
);
function drawPainter(context, source, brush) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  if (source && drawable(source)) context.drawImage(source, 0, 0, width, height);
  const [w, h] = [width / brush.width, height / brush.height];
  if (brush.cells.includes(1)) {
    context.drawImage(shade(brush), 0, 0, width, height);
    strokes(context, (path) => {
      for (const [x0, y0, x1, y1] of outline(brush.cells, brush.width, brush.height)) {
        path.moveTo(x0 * w, y0 * h);
        path.lineTo(x1 * w, y1 * h);
      }
    });
  }
  if (!brush.focused) return;
  const [x, y] = brush.middle();
  strokes(context, (path) => path.ellipse(x * w, y * h, brush.size / 2 * w, brush.size / 2 * h, 0, 0, 7));
}
function strokes(context, draw) {
  const path = new Path2D();
  draw(path);
  for (const [colour, line] of LINES) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.stroke(path);
  }
}
function shade({ cells, width, height }) {
  const canvas = element("canvas", { width, height });
  const pixels = new ImageData(width, height);
  cells.forEach((cell, at) => {
    pixels.data[4 * at + 3] = cell ? 0 : SHADE;
  });
  contextOf(canvas).putImageData(pixels, 0, 0);
  return canvas;
}
function paintByHand({ root, redraw }, brush, ask) {
  const cellOf = (event) => {
    const box = root.getBoundingClientRect();
    const inside = (share, cells) => clamped(Math.floor(share * cells), 0, cells - 1);
    const x = inside((event.clientX - box.left) / box.width, brush.width);
    return { x, y: inside((event.clientY - box.top) / box.height, brush.height) };
  };
  root.addEventListener("pointerdown", (event) => {
    root.setPointerCapture(event.pointerId);
    Object.assign(brush, cellOf(event));
    brush.begin();
    brush.stamp();
    redraw();
    root.dataset.painting = "true";
    ask(true);
  });
  root.addEventListener("pointermove", (event) => {
    const { x, y } = cellOf(event);
    if (x === brush.x && y === brush.y && brush.focused) return;
    brush.focused = true;
    if (root.dataset.painting) brush.lineTo(x, y);
    else Object.assign(brush, { x, y });
    redraw();
    if (root.dataset.painting) ask(true);
  });
  root.addEventListener("pointerleave", () => {
    if (root.dataset.painting) return;
    brush.focused = document.activeElement === root;
    redraw();
  });
  const end = () => {
    if (!root.dataset.painting) return;
    delete root.dataset.painting;
    ask(false);
  };
  root.addEventListener("pointerup", end);
  root.addEventListener("pointercancel", end);
}
function paintByKeys({ root, redraw }, brush, { ask, rest, undo, say }) {
  keepKeys(root);
  const focus = (focused) => {
    brush.focused = focused;
    redraw();
  };
  root.addEventListener("focus", () => focus(true));
  root.addEventListener("blur", () => focus(false));
  root.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    const paints = event.key === " ";
    const step = event.shiftKey ? 1 : Math.max(1, brush.size >> 1);
    if (arrow) {
      brush.x = clamped(brush.x + step * arrow[0], 0, brush.width - 1);
      brush.y = clamped(brush.y + step * arrow[1], 0, brush.height - 1);
    } else if (paints || event.key === "Backspace" || event.key === "Delete") {
      brush.begin();
      brush.stamp(paints && brush.paints);
      ask(true);
      rest();
    } else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) undo();
    else return;
    event.preventDefault();
    const painted = brush.cells[brush.y * brush.width + brush.x];
    say(`Column ${brush.x + 1}, row ${brush.y + 1}: ${painted ? "painted" : "kept"}`);
    redraw();
  });
}

// styledit/lab/front/edit/word_lasso.js
var THRESHOLD = 0.5;
function wordLasso(lab, wordsOf2, mask) {
  const [width, height] = lab.world.mask_size;
  let asked = 0;
  let dragging = false;
  let dragged = THRESHOLD;
  const map = () => {
    const { word, width: w = 0, height: h = 0, values } = lab.model.get("word_map");
    const bytes = bytesOf(values);
    return bytes && word === select.value ? { h, w, values: bytes } : null;
  };
  const cells = () => {
    const there = map();
    return there && cellsOfWord(there, Number(threshold.input.value), width, height);
  };
  const select = choiceOf("lasso-word", [], (word) => {
    threshold.input.disabled = true;
    if (!word) return;
    asked = lab.edits.nextId();
    lab.note.ask({ type: "word_map", id: asked, word });
  });
  const threshold = slider(
    "Word threshold",
    {
      step: 0.01,
      value: THRESHOLD,
      title: "How much of the way from the word's darkest to its brightest place"
    },
    (value, moving) => {
      if (!dragging && value === dragged) return;
      if (!dragging) mask.begin();
      dragged = value;
      dragging = moving;
      const chosen = cells();
      if (chosen) mask.drag(chosen, moving);
    }
  );
  threshold.input.dataset.testid = "lasso-threshold";
  threshold.input.disabled = true;
  lab.onTrait("word_map", ({ id }) => {
    if (!asked || id !== asked) return;
    asked = 0;
    lab.note.answered();
    threshold.input.disabled = false;
    mask.begin();
    const chosen = cells();
    if (chosen) mask.show(chosen);
  });
  const fill = () => {
    const words = wordsOf2().map((word) => [word, word]);
    fillChoice(select, [["", "choose a word"], ...words]);
    threshold.input.disabled = !map();
  };
  lab.onSource(fill);
  lab.onTrait("target", fill);
  return element("div", {}, labelled("Mask where this word looks", select), threshold.root);
}

// styledit/lab/front/edit/mask.js
var REST = 350;
var SHARP = 512;
function maskSection(lab) {
  return onlyWhereRead(
    lab,
    "blend",
    element("p", { class: "styledit-hint" }, "Blend words: outside their maps the picture stays as it was."),
    blendWords(lab),
    settingSlider(lab, "blend_threshold", "Threshold", {
      min: 0,
      max: 1,
      step: 0.05,
      title: "Share of a word map's peak from which a cell belongs to the mask"
    }),
    element(
      "p",
      { class: "styledit-hint" },
      "Or paint: what is painted may change; outside, the picture's own pixels stay. A painted mask takes the blend words' place."
    ),
    maskPainter(lab)
  );
}
function blendNote(lab) {
  const text = element("span", { role: "status", "data-testid": "blend-note" });
  const drop = pushButton(
    "Let all of it change",
    "blend-drop",
    () => lab.edits.change({ blend: [], mask: null }, false)
  );
  const root = element("div", { class: "styledit-row styledit-aside", hidden: true }, text, drop);
  lab.edits.onChange(({ settings, auto }) => {
    text.textContent = blendSentence(settings, auto);
    root.hidden = !text.textContent;
  });
  return root;
}
function blendSentence({ blend, mask }, auto) {
  if (mask) return "Only what is painted may change.";
  if (!blend.length) return "";
  const words = quotedWords(blend, "or");
  return `Only where the model sees ${words} may the picture change${auto ? ": a suggested blend" : ""}.`;
}
function quotedWords(words, last) {
  const quoted = words.map((word) => `“${word}”`);
  return [quoted.slice(0, -1).join(", "), quoted.at(-1)].filter(Boolean).join(` ${last} `);
}
function blendWords(lab) {
  const root = element("div", { class: "styledit-row", role: "group", "aria-label": "Blend words" });
  let toggles = /* @__PURE__ */ new Map();
  const used = () => lab.edits.current.settings.blend;
  const show = () => toggles.forEach((toggle, word) => toggle.set(used().includes(word)));
  const toggleOf = (word) => toggleButton(word, `blend-${word}`, (on) => {
    const others = used().filter((other) => other !== word);
    lab.edits.change({ blend: on ? [...others, word] : others }, false);
  });
  const fill = () => {
    const words = [.../* @__PURE__ */ new Set([...wordsOf(lab), ...used()])];
    if (words.join() === [...toggles.keys()].join()) return;
    toggles = new Map(words.map((word) => [word, toggleOf(word)]));
    root.replaceChildren(...[...toggles.values()].map((toggle) => toggle.root));
    show();
  };
  lab.onSource(fill);
  lab.onTrait("target", fill);
  lab.edits.onChange(({ settings }) => {
    fill();
    show();
    root.classList.toggle("styledit-replaced", Boolean(settings.mask));
  });
  return root;
}
function wordsOf(lab) {
  const target = lab.model.get("target").words ?? [];
  const all = [...lab.source().words ?? [], ...target.map((word) => word.text)];
  return [...new Set(all.filter(namesSomething))];
}
function maskPainter(lab) {
  const [width, height] = lab.world.mask_size;
  const brush = new Brush(width, height);
  const ask = (moving) => {
    undo.disabled = !brush.before.length;
    lab.edits.change({ mask: pack(brush.cells, width, height) }, moving);
  };
  const rest = delayedCall(() => ask(false), REST);
  const place = element("span", {
    class: "styledit-hint",
    role: "status",
    "aria-live": "polite",
    "data-testid": "brush-place"
  });
  const canvas = drawnCanvas(
    ...sharpSize(lab.world.size),
    {
      class: "styledit-painter",
      tabindex: "0",
      "data-testid": "mask-canvas",
      role: "application",
      "aria-label": "Mask painter. Arrow keys move the brush, with Shift by one cell, space paints, backspace erases, Ctrl+Z undoes."
    },
    (context) => drawPainter(context, lab.images.source, brush)
  );
  const show = (cells) => {
    brush.cells = cells;
    undo.disabled = !brush.before.length;
    canvas.redraw();
    lab.edits.jump({ mask: pack(cells, width, height) });
  };
  const all = (value) => {
    brush.begin();
    show(brush.cells.map(value));
  };
  const takeBack = () => {
    if (brush.undo()) show(brush.cells);
  };
  const undo = pushButton("Undo stroke", "mask-undo", takeBack, { disabled: true });
  const size = slider(
    "Brush",
    {
      min: 1,
      max: Math.max(2, width >> 1),
      step: 1,
      value: brush.size,
      title: "Its width in cells of the mask"
    },
    (value) => {
      brush.size = value;
      canvas.redraw();
    }
  );
  size.input.dataset.testid = "brush-size";
  paintByHand(canvas, brush, ask);
  paintByKeys(canvas, brush, {
    ask,
    rest: rest.start,
    undo: takeBack,
    say: (sentence) => place.textContent = sentence
  });
  lab.edits.onChange(({ settings }) => {
    if (canvas.root.dataset.painting) return;
    brush.cells = unpack(settings.mask, width, height);
    canvas.redraw();
  });
  lab.onTrait("source", () => setTimeout(canvas.redraw, 100));
  lab.cleanups.push(canvas.close, rest.stop);
  return element(
    "div",
    { class: "styledit-paint" },
    canvas.root,
    element(
      "div",
      { class: "styledit-paint-side" },
      element("div", { class: "styledit-row" }, brushModes(brush), undo),
      size.root,
      element(
        "div",
        { class: "styledit-row" },
        pushButton("Everything", "mask-fill", () => all(() => 1)),
        pushButton("Invert", "mask-invert", () => all((cell) => 1 - cell)),
        pushButton("No mask", "mask-clear", () => all(() => 0))
      ),
      wordLasso(lab, () => wordsOf(lab), {
        begin: () => brush.begin(),
        show,
        drag(cells, moving) {
          brush.cells = cells;
          canvas.redraw();
          ask(moving);
        }
      }),
      place
    )
  );
}
function brushModes(brush) {
  const paint = toggleButton("Paint", "mask-paint", () => mode(true));
  const erase = toggleButton("Erase", "mask-erase", () => mode(false));
  const mode = (paints) => {
    brush.paints = paints;
    paint.set(paints);
    erase.set(!paints);
  };
  mode(true);
  return element("div", { class: "styledit-tabs" }, paint.root, erase.root);
}
function sharpSize([width, height]) {
  const factor = Math.max(1, Math.round(SHARP / Math.max(width, height)));
  return [factor * width, factor * height];
}

// styledit/lab/front/edit/pending.js
var STAGES = ["drawing", "inverting"];
function pendingSource(model, root, revert) {
  let wanted = null;
  const readers = [];
  const source = () => ({ ...model.get("source"), ...wanted?.parts });
  const comes = () => model.get("source").state === "inverting";
  const tell = (failed2) => {
    root.classList.toggle("styledit-stale", wanted !== null || comes());
    root.classList.toggle("styledit-coming", comes());
    readers.forEach((reader) => reader(source(), failed2));
  };
  const failed = () => {
    if (wanted === null) return false;
    const { kind, name, seed } = wanted.stood;
    const other = wanted.parts.kind !== kind || wanted.parts.name !== name || wanted.parts.seed !== seed;
    wanted = null;
    tell(!other);
    if (other) revert();
    return true;
  };
  return {
    source,
    readers,
    begin(id, parts) {
      const stood = wanted?.stood ?? model.get("source");
      wanted = { id, parts, started: false, stood };
      tell(false);
    },
    arrived() {
      if (wanted !== null && !comes() && (model.get("source").id ?? 0) >= wanted.id) wanted = null;
      tell(false);
    },
    progressed(stage) {
      if (wanted === null) return;
      if (STAGES.includes(stage)) wanted.started = true;
      else if (!stage && wanted.started) failed();
    },
    // Returns whether there was one.
    failed
  };
}
function askSource(lab, parts, bytes = null, target = null) {
  const { kind = "sample", name = "", seed = 0, prompt = "", steps = 0, picture } = lab.source();
  const wanted = { kind, name, seed, prompt, steps: lab.stepsWanted() ?? steps, ...parts };
  const file = bytes ?? (wanted.kind === "upload" ? bytesOf(picture) : null);
  const id = lab.edits.nextId();
  lab.edits.flow.forget();
  lab.pending.begin(id, wanted);
  lab.note.ask({ type: "source", id, ...wanted }, file ? [file] : []);
  lab.edits.set(target === null ? {} : { prompt: target, auto: true });
}

// styledit/lab/front/edit/score.js
var [LEAST, MOST] = [8, 40];
function scoreSection(lab) {
  const now = scoreRow("Yours", "score-psnr");
  const suggested = scoreRow("Suggested", "score-suggested");
  const best = scoreRow("Best so far", "score-best");
  const verdict = element("p", { "data-testid": "score-verdict", role: "status", "aria-live": "polite" });
  const take = pushButton("Show the best", "score-take", () => {
    const reached = lab.model.get("frame").score?.best;
    if (reached) lab.edits.set(reached.request);
  });
  const root = element(
    "section",
    { class: "styledit-truth", hidden: true, "aria-label": "Score", "data-testid": "score" },
    element("div", { class: "styledit-bars" }, now.root, suggested.root, best.root),
    verdict,
    element("div", { class: "styledit-row" }, take)
  );
  lab.onFrame(({ exact, score }) => {
    if (exact || !score) root.hidden = !score;
    if (!score) return;
    now.show(score.psnr);
    suggested.show(score.suggested_psnr);
    best.show(score.best?.psnr ?? null);
    take.hidden = !score.best;
    verdict.textContent = scoreSentence(score);
    root.dataset.succeeded = String(score.succeeded);
  });
  return root;
}
function scoreSentence({ psnr, suggested_psnr: suggested, verdict, succeeded }) {
  const seen = verdict && `${verdict[0].toUpperCase()}${verdict.slice(1).replace(/\.$/, "")}.`;
  return [seen, suggested === null ? "" : comparison(ahead(psnr, suggested), succeeded)].filter(Boolean).join(" ");
}
function ahead(psnr, other) {
  return Math.round(10 * Number(psnr.toFixed(1))) - Math.round(10 * Number(other.toFixed(1)));
}
function comparison(tenths, succeeded) {
  if (!succeeded) return "Only an edit in which the change is seen counts.";
  if (tenths > 0) return `You beat the suggested settings by ${(tenths / 10).toFixed(1)} dB.`;
  if (tenths === 0) return "As near as the suggested settings. Can you come nearer?";
  return `The suggested settings are ${(-tenths / 10).toFixed(1)} dB nearer.`;
}
function scoreRow(title, testid) {
  const bar = element("span", { class: "styledit-bar" });
  const value = element("span", { class: "styledit-bar-value", "data-testid": testid });
  const track = element("span", { class: "styledit-bar-track" }, bar);
  const root = element("div", { class: "styledit-bar-row" }, element("span", {}, title), track, value);
  return {
    root,
    show(psnr) {
      root.hidden = psnr === null;
      if (psnr === null) return;
      bar.style.width = `${clamped(100 * (psnr - LEAST) / (MOST - LEAST), 2, 100)}%`;
      value.textContent = `${psnr.toFixed(1)} dB`;
    }
  };
}

// styledit/lab/front/edit/sheet_axes.js
function presentValue({ name, kind, by_word }, current, methods, word = "") {
  if (kind === "prompt") return current.prompt;
  if (kind === "method") return current.method;
  if (kind === "words") return current.settings.blend.join(" + ") || "none";
  const settings = (
    /** @type {Record<string, any>} */
    /** @type {unknown} */
    current.settings
  );
  if (kind === "switch") return settings[name] ? "yes" : "no";
  if (by_word) {
    const common = name === "reweight" ? 1 : settings[name.replace("_words", "")];
    return settings[name][word] ?? common;
  }
  if (name in settings) return settings[name] ?? settings.tau_v;
  const parameter = methods.flatMap(({ parameters }) => parameters).find((one) => one.name === name);
  return current.parameters[name] ?? parameter?.default ?? 0;
}
function firstValues({ kind, values }, present2) {
  if (kind === "switch") return ["no", "yes"];
  if (kind === "method") return values.map(String);
  if (kind === "prompt") return [String(present2)];
  if (kind === "words") return [.../* @__PURE__ */ new Set(["none", String(present2)])];
  const own = Number(Number(present2).toFixed(4));
  return [.../* @__PURE__ */ new Set([...values.map(Number), own])].sort((a, b) => a - b).map(String);
}
function splitValues(text, kind) {
  const parts = text.split(kind === "prompt" ? /\n/ : /[,;\n]/).map((part) => part.trim());
  return [...new Set(parts.filter(Boolean))];
}
function sheetSize(axes, world, method) {
  const none = (sentence) => ({ tiles: 0, sentence });
  const there = axes.filter((axis) => axis !== null);
  const [first, second] = there;
  if (!first) return none("Choose what the rows or the columns are to vary.");
  if (second && first.name === second.name && first.word === second.word)
    return none("Rows and columns vary the same; choose something else for one of them.");
  const used = there.find(({ name }) => name === "method")?.values ?? [method];
  for (const { name, values, word } of there) {
    const { label, kind, by_word } = kindNamed(world, name);
    if (!values.length) return none(`Give values for ${label}.`);
    if (by_word && !word) return none("Choose a word.");
    if (kind === "method" || kind === "prompt") continue;
    if (used.every((one) => !reads(methodNamed(world.methods, one), name, world.methods)))
      return none(
        `${used.join(" and ")} ${used.length > 1 ? "do" : "does"} not use ${label}: all tiles would be alike.`
      );
  }
  const counts = there.map(({ values }) => values.length);
  const tiles = counts.reduce((product, count) => product * count, 1);
  const said = counts.length > 1 ? `${counts.join(" × ")} = ${tiles} tiles` : `${tiles} tiles`;
  if (tiles > world.most_tiles)
    return none(`${said} are too many; give values for at most ${world.most_tiles}.`);
  return { tiles, sentence: tiles === 1 ? "1 tile" : said };
}
function reads({ ignored, parameters }, name, methods) {
  const isIn = (list) => list.some((parameter) => parameter.name === name);
  return isIn(parameters) || !ignored[name] && !methods.some((method) => isIn(method.parameters));
}
function kindNamed({ axes }, name) {
  return axes.find((kind) => kind.name === name) ?? axes[0];
}
function axisChoice(lab, title, testid, first, changed) {
  const { axes, methods } = lab.world;
  let typed = false;
  const what = choiceOf(
    testid,
    [["", "nothing"], .../** @type {[string, string][]} */
    axes.map(({ name, label }) => [name, label])],
    () => renew()
  );
  what.value = first;
  const word = choiceOf(`${testid}-word`, [], () => renew(), {
    "aria-label": `Word of the ${title.toLowerCase()}`
  });
  const labels = { "aria-label": `Values of the ${title.toLowerCase()}`, spellcheck: "false" };
  const line = keepKeys(element("input", { type: "text", "data-testid": `${testid}-values`, ...labels }));
  const lines = keepKeys(element("textarea", { rows: 3, "data-testid": `${testid}-prompts`, ...labels }));
  const begins = firstValues(kindNamed(lab.world, "method"), "");
  const toggles = methods.map(({ name, hint: hint2 }) => {
    const attributes = { title: hint2, "aria-pressed": String(begins.includes(name)) };
    return toggleButton(name, `${testid}-method-${name}`, () => changed(), attributes);
  });
  const group = element(
    "div",
    { class: "styledit-row", role: "group", "aria-label": "Methods" },
    ...toggles.map(({ root }) => root)
  );
  const hint = element("span", { class: "styledit-hint", id: uniqueId() });
  for (const field of [line, lines]) {
    field.setAttribute("aria-describedby", hint.id);
    field.addEventListener("input", () => {
      typed = true;
      changed();
    });
  }
  const kindOf = () => what.value ? kindNamed(lab.world, what.value) : null;
  const refill = () => {
    const kind = kindOf();
    if (!kind || typed || kind.kind === "method") return;
    const field = kind.kind === "prompt" ? lines : line;
    const values = firstValues(kind, presentValue(kind, lab.edits.current, methods, word.value));
    field.value = values.join(kind.kind === "prompt" ? "\n" : ", ");
  };
  const show = () => {
    const kind = kindOf();
    word.hidden = !kind?.by_word;
    group.hidden = kind?.kind !== "method";
    lines.hidden = kind?.kind !== "prompt";
    line.hidden = !kind || !group.hidden || !lines.hidden;
    hint.textContent = kind ? valuesHint(kind) : "";
  };
  const renew = () => {
    typed = false;
    show();
    refill();
    changed();
  };
  lab.onTrait("target", ({ words = [] }) => {
    const chosen = word.value;
    fillChoice(
      word,
      [...new Set(words.map(({ text }) => text))].map((text) => [text, text])
    );
    if (word.value !== chosen || !chosen) word.value = firstWord(words);
    refill();
    changed();
  });
  lab.edits.onChange(refill);
  show();
  return {
    root: element(
      "div",
      { class: "styledit-axis", role: "group", "aria-label": title },
      labelled(title, what),
      word,
      line,
      lines,
      group,
      hint
    ),
    /** @returns {Axis | null} */
    value() {
      const kind = kindOf();
      if (!kind) return null;
      const chosen = methods.filter((_, k) => toggles[k].root.getAttribute("aria-pressed") === "true");
      const values = kind.kind === "method" ? chosen.map(({ name }) => name) : splitValues(kind.kind === "prompt" ? lines.value : line.value, kind.kind);
      return { name: kind.name, values, word: kind.by_word ? word.value : "" };
    }
  };
}
function firstWord(words) {
  const named = words.filter(({ text }) => namesSomething(text));
  return (named.find(({ changed }) => changed) ?? named[0] ?? words[0])?.text ?? "";
}
function valuesHint({ kind, least, most }) {
  if (kind === "method") return "";
  if (kind === "prompt") return "one target prompt a line";
  if (kind === "switch") return "yes, no";
  if (kind === "words") return "a comma between; a + for several at once";
  const range = least === null || most === null ? "" : `from ${least} to ${most}, `;
  return `${range}a comma between`;
}

// styledit/lab/front/edit/sheet_grid.js
var SUCCEEDED = {
  true: { sign: "✓", words: "the judge sees the change" },
  false: { sign: "–", words: "the judge does not see the change" },
  null: { sign: "", words: "" }
};
function sheetGrid(lab, testid, pressed) {
  const root = element("div", { class: "styledit-sheet", role: "group", "data-testid": testid });
  let shape = "";
  let tiles = /* @__PURE__ */ new Map();
  let mask = null;
  const head = (text) => element("span", { class: "styledit-sheet-head" }, text);
  const build = (rows, columns) => {
    freePictures(root);
    tiles = /* @__PURE__ */ new Map();
    root.style.setProperty("--columns", String(columns.length));
    root.replaceChildren(...columns.length ? [head("")] : [], ...columns.map(head));
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
  const mark = () => {
    const masked = alike(mask, lab.edits.current.settings.mask);
    tiles.forEach((tile) => tile.mark(masked));
  };
  return {
    root,
    mark,
    focus({ row, column }) {
      tiles.get(`${row}-${column}`)?.root.focus();
    },
    // An empty sheet is that of a source without one.
    fill({
      id,
      title = "",
      rows = [],
      columns = [],
      mask: painted = null,
      tiles: given = []
    }) {
      mask = painted;
      const now = JSON.stringify([id, rows, columns]);
      if (now !== shape) build(rows, columns);
      shape = now;
      root.setAttribute("aria-label", `Grid of settings: ${title}`);
      for (const tile of given) tiles.get(`${tile.row}-${tile.column}`)?.fill(tile);
      mark();
    }
  };
}
function sheetTile(lab, testid, label, pressed) {
  const image = element("img", { alt: "" });
  const badge = element("span", { class: "styledit-badge" });
  let tile = null;
  let known2 = "";
  const root = pushButton("", testid, () => tile?.picture && pressed(tile), {
    class: "styledit-tile",
    "aria-disabled": "true",
    // so that the arrow keys reach it
    "aria-label": label
  });
  root.append(image, badge);
  return {
    root,
    fill(given) {
      tile = given;
      const now = [given.exact, given.picture?.byteLength, given.succeeded, given.psnr].join();
      if (now === known2) return;
      known2 = now;
      root.setAttribute("aria-disabled", String(!given.picture));
      root.title = `${given.prompt}
${tileInShort(given, lab.world.methods)}`;
      root.classList.toggle("styledit-preview", !given.exact);
      showBytes(image, given.picture);
      const seen = SUCCEEDED[
        /** @type {"true" | "false" | "null"} */
        String(given.succeeded)
      ];
      badge.textContent = seen.sign;
      badge.dataset.succeeded = String(given.succeeded);
      root.setAttribute("aria-label", [label, seen.words].filter(Boolean).join(": "));
    },
    mark(masked) {
      const same = tile !== null && masked && isOf(tile, lab.edits.current, lab.world.methods);
      root.setAttribute("aria-pressed", String(same));
    }
  };
}
function tileInShort(tile, methods) {
  const decibels = (psnr2, what) => psnr2 === null ? "" : `${psnr2.toFixed(1)} dB to ${what}`;
  const { exact, psnr, picture } = tile;
  const source = exact && picture && psnr === null ? "the source itself" : decibels(psnr, "the source");
  const seen = SUCCEEDED[
    /** @type {"true" | "false" | "null"} */
    String(tile.succeeded)
  ].words;
  const time = tile.seconds === null ? "" : `${tile.seconds.toFixed(2)} s`;
  const came = [source, decibels(tile.truth_psnr, "the true edit"), seen, time];
  return [settingsInShort(tile, methods), ...came].filter(Boolean).join(" · ");
}
function isOf(tile, current, methods) {
  if (tile.prompt !== current.prompt || tile.method !== current.method) return false;
  const { ignored, parameters } = methodNamed(methods, tile.method);
  const own = parameters.every(
    ({ name, default: usual }) => (tile.parameters[name] ?? usual) === (current.parameters[name] ?? usual)
  );
  const settings = Object.entries(tile.settings).filter(([name]) => name !== "mask" && !ignored[name]);
  const now = (
    /** @type {Record<string, unknown>} */
    /** @type {unknown} */
    current.settings
  );
  return own && settings.every(([name, value]) => alike(value, now[name]));
}
function alike(a, b) {
  if (typeof a === "number" && typeof b === "number") return Math.abs(a - b) < 1e-9;
  return JSON.stringify(a) === JSON.stringify(b);
}

// styledit/lab/front/edit/sheet_view.js
function sheetView(lab, take) {
  let sheet = {};
  let at = null;
  const tileAt = (place) => sheet.tiles?.find((tile) => tile.row === place?.row && tile.column === place.column) ?? null;
  const grid = sheetGrid(lab, "large", (tile) => look(tile));
  const image = element("img", { "data-testid": "large-image" });
  const text = element("p", { role: "status", "aria-live": "polite", "data-testid": "large-text" });
  const step = (dx, dy) => {
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
      all
    )
  );
  const title = element("strong", {});
  const close = pushButton("Close", "large-close", () => root.close());
  const root = keepKeys(
    element(
      "dialog",
      { class: "styledit-sheet-large", "data-testid": "sheet-large", "aria-label": "Grid of settings" },
      element("div", { class: "styledit-toolbar" }, title, close),
      grid.root,
      alone
    )
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
  const look = (place) => {
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
  const ask = (tile) => {
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
    true
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
    fill(next) {
      const known2 = tileAt(at);
      sheet = next;
      grid.fill(next);
      const tile = tileAt(at);
      if (at && !tile) at = null;
      show();
      if (tile?.exact && !known2?.exact) look(tile);
    }
  };
}
function neighbour({ rows = [], columns = [] }, at, dx, dy) {
  if (!at || !columns.length) return null;
  const next = (at.row + dy) * columns.length + at.column + dx;
  if (next < 0 || next >= rows.length * columns.length) return null;
  return { row: Math.floor(next / columns.length), column: next % columns.length };
}

// styledit/lab/front/edit/sheet.js
function sheetSection(lab) {
  const size = element("span", { class: "styledit-hint", role: "status", "data-testid": "sheet-size" });
  const show = () => {
    const { tiles, sentence } = sheetSize(
      [rows.value(), columns.value()],
      lab.world,
      lab.edits.current.method
    );
    if (size.textContent !== sentence) size.textContent = sentence;
    draw.disabled = tiles === 0;
  };
  const ask = () => lab.note.ask({ type: "sheet", id: lab.edits.nextId(), rows: rows.value(), columns: columns.value() });
  const draw = pushButton("Draw", "sheet-draw", ask, { class: "styledit-main" });
  const rows = axisChoice(lab, "Rows", "sheet-rows", "tau_c", () => show());
  const columns = axisChoice(lab, "Columns", "sheet-columns", "tau_s", () => show());
  const take = ({ prompt, method, settings, parameters, auto }) => lab.edits.set({
    prompt,
    method,
    parameters: { ...lab.edits.current.parameters, ...parameters },
    settings: { ...settings, mask: lab.model.get("sheet").mask ?? null },
    auto
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
      "One picture for each pair of values, all else as it is now. Click one to take its settings."
    ),
    rows.root,
    columns.root,
    element("div", { class: "styledit-row" }, draw, size),
    tools,
    grid.root,
    large.root
  ];
}
function sheetTools(lab, open) {
  let wanted = 0;
  const save = (kind) => {
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
      title: "A PNG of all tiles with labels"
    }),
    pushButton("Save as table", "sheet-csv", () => save("csv"), {
      title: "A CSV file: settings, distances to the source and the true edit, seconds"
    }),
    choice
  );
  const show = () => {
    const { id } = lab.model.get("sheet");
    root.hidden = id === void 0;
    if (id !== void 0) earlier.value = String(id);
  };
  lab.onTrait("sheets", (sheets) => {
    fillChoice(
      earlier,
      sheets.map(({ id, title }) => [String(id), title])
    );
    choice.hidden = sheets.length < 2;
    show();
  });
  return { root, show };
}

// styledit/lab/front/edit/source.js
function sourceSection(lab) {
  const { world } = lab;
  const crop = cropPanel(lab, (bytes, name, prompt) => {
    lab.askSource({ kind: "upload", name, prompt }, bytes, prompt);
    fold();
    lab.focusTarget();
  });
  lab.cleanups.push(crop.close);
  const ways = [
    {
      kind: "sample",
      title: "Lesson pictures",
      panel: samplePanel(lab, () => fold()),
      there: world.samples.length > 0
    },
    { kind: "upload", title: "Your own", panel: uploadPanel(crop.open), there: true },
    { kind: "seed", title: "From a seed", panel: seedPanel(lab), there: true },
    {
      kind: "challenge",
      title: "Challenge",
      panel: challengePanel(lab, () => fold()),
      there: world.challenges.length > 0
    }
  ];
  const tabs = ways.filter(({ there }) => there).map(({ kind, title, panel }) => {
    const tab = toggleButton(title, `from-${kind}`, (on) => open(on ? kind : null));
    return { kind, panel, tab };
  });
  const open = (wanted) => {
    for (const { kind, panel, tab } of tabs) {
      tab.set(kind === wanted);
      tab.root.ariaExpanded = String(kind === wanted);
      panel.hidden = kind !== wanted;
    }
  };
  const fold = () => {
    const left = tabs.find(({ panel }) => panel.contains(document.activeElement));
    open(null);
    left?.tab.root.focus();
  };
  const now = lab.source().kind;
  open((tabs.find(({ kind }) => kind === now) ?? tabs[0]).kind);
  takeDrops2(lab.root, (file) => {
    open("upload");
    crop.open(file);
  });
  return element(
    "section",
    { class: "styledit-source", "aria-label": "Picture" },
    element("div", { class: "styledit-tabs" }, ...tabs.map(({ tab }) => tab.root)),
    ...ways.map(({ panel }) => panel),
    crop.root,
    sourcePrompt(lab)
  );
}
function samplePanel(lab, fold) {
  const target = (entry) => inAnotherStyle(lab.world, entry.prompt);
  return element("div", {}, thumbStrip(lab, "sample", lab.world.samples, target, fold));
}
function challengePanel(lab, fold) {
  const { challenges } = lab.world;
  const hint = element("p", { class: "styledit-hint" });
  lab.onSource(({ kind, name }) => {
    const chosen = kind === "challenge" ? challenges.find((entry) => entry.name === name) : void 0;
    hint.textContent = chosen ? `Challenge ${chosen.label}. Can you come nearer to the true edit than the suggested settings?` : "Choose one: its true edit is known, and yours is measured against it.";
  });
  return element(
    "div",
    {},
    thumbStrip(lab, "challenge", challenges, (entry) => entry.target, fold),
    hint
  );
}
function thumbStrip(lab, kind, entries, target, fold) {
  const buttons = entries.map((entry) => {
    const { name, prompt, thumb, label = prompt } = entry;
    const image = element("img", { alt: "" });
    showBytes(image, thumb);
    const ask = () => {
      lab.askSource({ kind, name, prompt }, null, target(entry));
      fold();
    };
    const attributes = { class: "styledit-thumb", "aria-label": label, title: label };
    const button = pushButton("", `${kind}-${name}`, ask, attributes);
    button.append(image);
    return { name, button };
  });
  lab.onSource((source) => {
    for (const { name, button } of buttons) {
      button.setAttribute("aria-pressed", String(source.kind === kind && source.name === name));
    }
  });
  return element(
    "div",
    { class: `styledit-thumbs styledit-thumbs-${kind}` },
    ...buttons.map(({ button }) => button)
  );
}
function uploadPanel(open) {
  const input = fileInput("upload", "image/*", "A picture of your own", open);
  const text = element("span", {}, "Choose a file, or drop a picture here");
  return element(
    "div",
    { class: "styledit-upload" },
    element("label", { class: "styledit-drop" }, input, text)
  );
}
function seedPanel(lab) {
  const seed = element("input", {
    type: "number",
    min: "0",
    step: "1",
    value: lab.source().seed ?? 0,
    "data-testid": "seed"
  });
  const draw = () => {
    const prompt = lab.sourcePrompt();
    const number = Math.max(0, Math.round(Number(seed.value) || 0));
    lab.askSource({ kind: "seed", name: "", seed: number, prompt }, null, prompt);
  };
  seed.addEventListener("keydown", (event) => {
    if (event.key === "Enter") draw();
  });
  lab.onSource((source) => {
    if (Number.isInteger(source.seed) && document.activeElement !== seed) seed.value = String(source.seed);
  });
  const another = () => {
    seed.value = String(Math.floor(Math.random() * 1e4));
    draw();
  };
  return element(
    "div",
    { class: "styledit-row" },
    labelled("Seed", seed),
    pushButton("Draw", "seed-draw", draw, { class: "styledit-main" }),
    pushButton("Another", "seed-other", another),
    element(
      "span",
      { class: "styledit-hint" },
      "The model draws the sentence below; that is the picture to edit."
    )
  );
}
function sourcePrompt(lab) {
  const input = element("input", {
    type: "text",
    "data-testid": "source-prompt",
    spellcheck: "false",
    autocomplete: "off"
  });
  const changed = () => input.value.trim() !== "" && input.value.trim() !== lab.source().prompt;
  const apply = () => {
    if (changed()) lab.askSource({ prompt: input.value.trim() });
  };
  const again = pushButton("Invert again", "source-apply", apply, { class: "styledit-main", hidden: true });
  const show = () => {
    again.hidden = !changed();
    slots.show();
  };
  const slots = slotChoices(
    lab.world,
    "source-slot",
    () => input.value,
    (prompt) => {
      input.value = prompt;
      show();
    }
  );
  slots.root.hidden = true;
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") apply();
  });
  const note = element("p", { class: "styledit-note", "data-testid": "source-note" });
  let known2;
  lab.onSource(({ prompt, note: said }, failed) => {
    if (prompt !== known2 && !failed) input.value = prompt ?? "";
    known2 = prompt;
    note.textContent = said ?? "";
    show();
  });
  lab.sourcePrompt = () => input.value.trim();
  const root = element(
    "div",
    { class: "styledit-shows" },
    labelled("The picture shows", input, { class: "styledit-field styledit-wide" }),
    again,
    slots.root,
    note
  );
  const showSlots = () => {
    slots.root.hidden = !lab.world.slots.length;
  };
  root.addEventListener("pointerdown", showSlots);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" && event.key !== "Shift") showSlots();
  });
  input.addEventListener("input", showSlots);
  root.addEventListener("focusout", (event) => {
    if (!root.contains(
      /** @type {Node | null} */
      event.relatedTarget
    )) slots.root.hidden = true;
  });
  return root;
}
function takeDrops2(root, take) {
  for (
    const name of
    /** @type {const} */
    ["dragenter", "dragover", "dragleave", "drop"]
  ) {
    root.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.stopPropagation();
      root.classList.toggle("styledit-dropping", name === "dragenter" || name === "dragover");
      const file = event.dataTransfer.files[0];
      if (name === "drop" && file) take(file);
    });
  }
}

// styledit/lab/front/edit/status.js
var REST2 = 600;
var STAGES2 = {
  drawing: "Drawing the source",
  checking: "Checking the picture",
  inverting: "Inverting the picture",
  fitting: "Fitting the method to the picture",
  editing: "Editing",
  guiding: "Guiding the value inputs",
  sheet: "Drawing the grid of settings"
};
function progressLine(lab) {
  const bar = element("progress", { "data-testid": "progress", max: 1, value: 0, "aria-label": "Progress" });
  const text = element("span", { role: "status", "aria-live": "polite", "data-testid": "progress-text" });
  const stop = pushButton("Stop", "stop", () => {
    lab.edits.flow.forget();
    lab.send({ type: "stop" });
    lab.pending.failed();
  });
  const root = element("div", { class: "styledit-progress" }, bar, text, editDone(lab), stop);
  let shown = null;
  lab.onTrait("progress", ({ stage, done, total }) => {
    lab.note.answered();
    lab.pending.progressed(stage);
    const works = Boolean(stage);
    root.classList.toggle("styledit-idle", !works);
    stop.disabled = !works;
    bar.max = Math.max(1, total);
    bar.value = works ? done : 0;
    if (stage !== shown) text.textContent = works ? STAGES2[stage] ?? stage : "";
    shown = stage;
    bar.title = works ? `${done} of ${countOf(total, "step")}` : "";
  });
  return root;
}
function editDone(lab) {
  const root = element("span", {
    role: "status",
    "aria-live": "polite",
    class: "styledit-hint",
    "data-testid": "edit-done"
  });
  let sentence = "";
  const rest = delayedCall(() => {
    root.textContent = sentence;
  }, REST2);
  const wait = () => {
    rest.stop();
    root.textContent = "";
  };
  lab.onFrame((frame) => {
    sentence = doneSentence(frame);
    if (sentence) rest.start();
    else wait();
  });
  lab.root.addEventListener("input", wait, true);
  lab.cleanups.push(rest.stop);
  return root;
}
function doneSentence({ exact, seconds }) {
  if (!exact) return "";
  return seconds < 0.05 ? "Edit done." : `Edit done in ${seconds.toFixed(1)} s.`;
}
function problemLine(lab) {
  const root = element("p", {
    class: "styledit-problem",
    role: "alert",
    "aria-live": "polite",
    "data-testid": "problem"
  });
  lab.model.on("change:problem", lab.note.answered);
  lab.cleanups.push(() => lab.model.off("change:problem", lab.note.answered));
  let stays = false;
  let forgotten = false;
  const show = () => {
    const problem = forgotten ? "" : lab.model.get("problem");
    if (problem) stays = lab.pending.failed();
    if (problem || !stays) root.textContent = problem;
  };
  const acted = () => {
    stays = false;
    show();
  };
  for (const event of ["input", "click", "keydown"]) lab.root.addEventListener(event, acted, true);
  lab.forgetProblem = () => {
    forgotten = true;
    acted();
  };
  lab.onTrait("problem", () => {
    forgotten = false;
    show();
  });
  return root;
}

// styledit/lab/front/edit/differences.js
var NUMBERS = (
  /** @type {const} */
  [
    ["guidance", "Guidance"],
    ["tau_c", `${TAU_NAMES.tau_c} τc`],
    ["tau_s", `${TAU_NAMES.tau_s} τs`],
    ["tau_u", `${TAU_NAMES.tau_u} τu`],
    ["tau_v", `${TAU_NAMES.tau_v} τv`],
    ["tau_v_changed", `${TAU_NAMES.tau_v} τv, of new words`],
    ["tau_v_padding", `${TAU_NAMES.tau_v} τv, of end and padding`],
    ["blend_threshold", "Threshold of the blend"]
  ]
);
var BY_WORD = (
  /** @type {const} */
  [
    ["tau_c_words", `${TAU_NAMES.tau_c} τc`],
    ["tau_v_words", `${TAU_NAMES.tau_v} τv`],
    ["reweight", "Strength ×"]
  ]
);
var OTHERS = [
  "guide_from_source",
  "keep_details",
  "blend",
  "mask",
  ...[...NUMBERS, ...BY_WORD].map(([name]) => name)
];
var KINDS = { sample: "", challenge: "challenge ", seed: "seed ", upload: "" };
function differencesOf(a, b, guiding) {
  const rows = [
    [
      "Picture",
      pictureName(a.source),
      otherwise(pictureName(a.source), pictureName(b.source), sameSource(a, b))
    ],
    ["The picture shows", a.source.prompt ?? "", b.source.prompt ?? ""],
    ["Steps", String(a.source.steps), String(b.source.steps)],
    ["It should become", a.prompt, b.prompt],
    ["Method", a.method, b.method],
    ["Guided", guideName(a.guided, guiding), guideName(b.guided, guiding)],
    ...settingRows(a.settings, b.settings),
    ...parameterRows(a.parameters, b.parameters)
  ];
  return rows.filter(([, left, right]) => left !== right);
}
function settingRows(a, b) {
  const rest = (
    /** @type {(keyof Settings)[]} */
    [.../* @__PURE__ */ new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => !OTHERS.includes(name))
  );
  return [
    ...NUMBERS.map(([name, title]) => (
      /** @type {Row} */
      [title, numberName(a[name]), numberName(b[name])]
    )),
    ...BY_WORD.flatMap(([name, title]) => wordRows(title, a[name], b[name])),
    ["Guide from the source", a.guide_from_source ? "on" : "off", b.guide_from_source ? "on" : "off"],
    ["Keep details", a.keep_details ? "on" : "off", b.keep_details ? "on" : "off"],
    ["Blend on", a.blend.join(", ") || "nothing", b.blend.join(", ") || "nothing"],
    [
      "Painted mask",
      maskName(a.mask),
      otherwise(maskName(a.mask), maskName(b.mask), sameMask(a.mask, b.mask))
    ],
    ...rest.map((name) => (
      /** @type {Row} */
      [name, plainName(a[name]), plainName(b[name])]
    ))
  ];
}
function wordRows(title, a, b) {
  const words = [.../* @__PURE__ */ new Set([...Object.keys(a), ...Object.keys(b)])];
  return words.map((word) => [`${title} of “${word}”`, numberName(a[word]), numberName(b[word])]);
}
function parameterRows(a, b) {
  const names = [.../* @__PURE__ */ new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.map((name) => [name, numberName(a[name]), numberName(b[name])]);
}
function numberName(value) {
  return typeof value === "number" ? String(Number(value.toFixed(2))) : "not set";
}
function plainName(value) {
  return typeof value === "number" ? numberName(value) : JSON.stringify(value) ?? "not set";
}
function pictureName({ kind = "upload", name = "", seed = 0 }) {
  return KINDS[kind] + (kind === "seed" ? seed : name);
}
function sameSource({ source: a }, { source: b }) {
  return a.key === b.key || a.prompt !== b.prompt || a.steps !== b.steps;
}
function maskName(mask) {
  return mask ? "painted" : "none";
}
function sameMask(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}
function otherwise(first, second, same) {
  return first === second && !same ? `another ${second}` : second;
}
function guideName(guide, { terms }) {
  if (!guide) return "no";
  const { weights, iterations, start, seed, style } = guide;
  const known2 = terms.filter(({ name }) => weights[name]);
  return [
    ...known2.map(({ name, label }) => `${label} ${numberName(weights[name])}`),
    `${iterations} iterations`,
    `from ${start}`,
    `seed ${seed}`,
    style ? `style picture ${style.name}` : ""
  ].filter(Boolean).join(", ");
}

// styledit/lab/front/edit/compare.js
var NAMES = { source: "Source", reconstruction: "Reconstruction", edit: "Edit", truth: "The true edit" };
var PLACES = (
  /** @type {const} */
  ["left", "right"]
);
function comparison2(lab, pictures, attachZoom, { pause, gain, choose, arranged }) {
  const [width, height] = lab.world.size;
  let mode = "side";
  let active = false;
  const chosen = chosenPictures(lab, pictures, () => changed());
  const facts = comparisonFacts(lab);
  const draw = (context, place) => {
    context.clearRect(0, 0, width, height);
    const picture = chosen.picture(place);
    if (picture && drawable(picture)) context.drawImage(picture, 0, 0, width, height);
  };
  const left = drawnCanvas(
    width,
    height,
    { "data-testid": "compare-left" },
    (context) => draw(context, "left")
  );
  const right = drawnCanvas(width, height, { "data-testid": "compare-right" }, (context) => {
    if (mode !== "difference") draw(context, "right");
    else facts.mean(drawDifference(context, chosen.picture("left"), chosen.picture("right"), gain()));
  });
  const pair = wholePictures(lab, attachZoom, draw, (context) => {
    const mean = drawDifference(context, chosen.picture("left"), chosen.picture("right"), gain());
    if (mode === "side") facts.mean(mean);
  });
  const layers = [left, right, ...pair.canvases];
  const redraw = () => layers.forEach((layer) => layer.redraw());
  const arrange = () => {
    const was = active;
    active = mode !== "side" || hasEntry(chosen.sides);
    root.hidden = !active;
    pair.root.hidden = mode !== "side";
    layered.hidden = mode === "side";
    pair.name(chosen.sides, chosen.name);
    arranged(active, sideName(chosen.sides));
    if (was && !active) lab.send({ type: "compare", id: lab.edits.nextId(), left: null, right: null });
    return active && !was;
  };
  const ask = () => {
    if (!active || !chosen.ready()) return;
    lab.note.ask({ type: "compare", id: lab.edits.nextId(), ...chosen.sides });
  };
  const changed = () => {
    arrange();
    if (!active) return;
    facts.wait();
    redraw();
    turns.show();
    ask();
  };
  const line = splitLine();
  const pane = element(
    "div",
    {
      class: "styledit-pane styledit-compare-pane",
      tabindex: "0",
      role: "group",
      "aria-label": "Comparison; plus and minus zoom, arrows move"
    },
    element("div", { class: "styledit-zoomed" }, right.root),
    element(
      "div",
      { class: "styledit-zoomed-clip" },
      element("div", { class: "styledit-zoomed" }, left.root)
    ),
    element("div", { class: "styledit-split-line", "aria-hidden": "true" })
  );
  attachZoom(pane);
  const showLine = () => root.style.setProperty("--split", `${line.value}%`);
  line.addEventListener("input", showLine);
  const turns = takeTurns(chosen.name, pause, () => root);
  const layered = element("figure", { class: "styledit-figure" }, pane, line, turns.name);
  const root = element(
    "div",
    { class: "styledit-compare", hidden: true, "data-testid": "compare" },
    element(
      "div",
      { class: "styledit-row styledit-compare-choice" },
      chosen.selects.left,
      element("span", {}, "and"),
      chosen.selects.right,
      turns.running.root,
      turns.other
    ),
    element("div", { class: "styledit-compare-body" }, pair.root, layered, facts.root)
  );
  dragSplit(pane, line, showLine, root);
  showLine();
  turns.show();
  const hold = (one, other) => {
    chosen.set({ left: one, right: other });
    if (active) changed();
    else choose("split");
  };
  lab.showSides = () => {
    chosen.set({ left: "source", right: "edit" });
    choose("side");
  };
  lab.compareWith = (entry) => {
    hold(entry, "edit");
    root.scrollIntoView({ block: "nearest" });
    chosen.selects.left.focus({ preventScroll: true });
  };
  let reloaded = true;
  lab.onTrait("compared", async (told) => {
    lab.note.answered();
    const first = reloaded;
    reloaded = false;
    if (told.left === void 0) return;
    const compared = (
      /** @type {Compared} */
      told
    );
    if (first) hold(compared.left, compared.right);
    if (!await chosen.take(compared)) return;
    redraw();
    facts.show(compared);
  });
  lab.onFrame(({ exact }) => {
    if (exact) ask();
    else if (Object.values(chosen.sides).includes("edit")) facts.wait();
  });
  return {
    root,
    redraw,
    open(next) {
      const before = mode;
      mode = next;
      root.dataset.mode = mode;
      line.hidden = mode !== "split";
      turns.open(mode === "flicker");
      facts.mean(null);
      const begins = arrange();
      if (begins) changed();
      else if (mode !== before) redraw();
    },
    close() {
      turns.stop();
      chosen.close();
      for (const layer of layers) layer.close();
    }
  };
}
function hasEntry(sides) {
  return PLACES.some((place) => typeof sides[place] === "number");
}
function sideName(sides) {
  return hasEntry(sides) ? "Side by side" : "Source and edit";
}
function shortName(side) {
  return typeof side === "number" ? `#${side}` : NAMES[side];
}
function wholePictures(lab, attachZoom, draw, drawApart) {
  const [width, height] = lab.world.size;
  const figureOf3 = (name, drawn) => {
    const canvas = drawnCanvas(width, height, { "data-testid": `pair-${name}`, role: "img" }, drawn);
    const pane = element(
      "div",
      { class: "styledit-pane" },
      element("div", { class: "styledit-zoomed" }, canvas.root)
    );
    attachZoom(pane);
    const caption = element("figcaption", {}, "Difference");
    return { canvas, caption, root: element("figure", { class: "styledit-figure" }, pane, caption) };
  };
  const sides = PLACES.map((place) => ({ place, ...figureOf3(place, (context) => draw(context, place)) }));
  const apart = figureOf3("difference", drawApart);
  apart.canvas.root.setAttribute("aria-label", "Difference of the two pictures");
  const figures = [...sides, apart];
  return {
    root: element("div", { class: "styledit-pair" }, ...figures.map(({ root }) => root)),
    canvases: figures.map(({ canvas }) => canvas),
    name(now, nameOf) {
      for (const { place, canvas, caption } of sides) {
        caption.textContent = shortName(now[place]);
        caption.title = nameOf(place);
        canvas.root.setAttribute("aria-label", nameOf(place));
      }
    }
  };
}
function chosenPictures(lab, pictures, changed) {
  const sides = { left: "source", right: "edit" };
  const loaded = { left: null, right: null };
  const images = { left: element("img", { alt: "" }), right: element("img", { alt: "" }) };
  let entries = [];
  let truth = false;
  let listed = "";
  const select = (place) => choiceOf(
    `compare-${place}-choice`,
    [],
    (value) => {
      sides[place] = value in NAMES ? (
        /** @type {Side} */
        value
      ) : Number(value);
      changed();
    },
    { "aria-label": place === "left" ? "Left picture" : "Right picture" }
  );
  const selects = { left: select("left"), right: select("right") };
  const fill = () => {
    const named = Object.entries(NAMES).filter(([name]) => truth || name !== "truth");
    const kept = entries.map((entry) => [String(entry.id), entryTitle(entry)]).reverse();
    const now = JSON.stringify([named, kept]);
    if (now === listed) return;
    listed = now;
    const known2 = new Set([...named, ...kept].map(([value]) => value));
    const lost = PLACES.filter((place) => !known2.has(String(sides[place])));
    for (const place of lost) sides[place] = "edit";
    for (const place of PLACES) {
      selects[place].replaceChildren(optionGroup("Pictures", named), optionGroup("History", kept));
      selects[place].value = String(sides[place]);
    }
    if (lost.length) changed();
  };
  lab.onTrait("history", (next) => {
    entries = next;
    fill();
  });
  lab.onFrame(({ exact, score }) => {
    if (exact || !score) truth = Boolean(score);
    fill();
  });
  const picture = (place) => {
    const side = sides[place];
    if (typeof side !== "number") return pictures[side];
    return loaded[place] === side ? images[place] : null;
  };
  return {
    sides,
    selects,
    picture,
    // Whether Python has all that it is to compare; what it keeps of the history it has.
    ready: () => PLACES.every((place) => {
      const shown = picture(place);
      return typeof sides[place] === "number" || shown !== null && drawable(shown);
    }),
    set(next) {
      Object.assign(sides, next);
      for (const place of PLACES) selects[place].value = String(sides[place]);
    },
    name(place) {
      const side = sides[place];
      if (typeof side !== "number") return NAMES[side];
      const entry = entries.find(({ id }) => id === side);
      return entry ? entryTitle(entry) : `#${side}`;
    },
    // The entries' pictures, where they are still wanted.
    async take(compared) {
      const wanted = () => PLACES.every((place) => compared[place] === sides[place]);
      if (!wanted()) return false;
      await Promise.all(PLACES.map((place, k) => showBytes(images[place], compared.pictures[k])));
      PLACES.forEach((place, k) => {
        if (compared.pictures[k]) loaded[place] = compared[place];
      });
      return wanted();
    },
    close() {
      for (const place of PLACES) URL.revokeObjectURL(images[place].dataset.address ?? "");
    }
  };
}
function optionGroup(label, pairs) {
  const options = pairs.map(([value, text]) => element("option", { value }, text));
  return element("optgroup", { label, hidden: !pairs.length }, ...options);
}
function comparisonFacts(lab) {
  const distance = element("p", { role: "status", "aria-live": "polite", "data-testid": "compare-psnr" });
  const mean = element("p", { class: "styledit-hint", "data-testid": "compare-mean" });
  const settings = element("div", { "data-testid": "compare-settings" });
  const described = (side) => {
    const [target, frame] = [lab.model.get("target"), lab.model.get("frame")];
    const method = target.guided ? target.method : frame.method ?? "";
    if (side === "edit") return { ...target, method, source: lab.model.get("source") };
    return lab.model.get("history").find(({ id }) => id === side);
  };
  return {
    root: element("div", { class: "styledit-compare-facts" }, distance, mean, settings),
    wait() {
      distance.textContent = "PSNR …";
    },
    mean(value) {
      mean.textContent = value === null ? "" : `A pixel differs by ${value.toFixed(1)} of 255 on average.`;
    },
    show({ left, right, psnr }) {
      distance.textContent = distanceSentence(psnr);
      const [a, b] = [left, right].map(described);
      const both = a?.settings && b?.settings;
      settings.replaceChildren(
        both ? differenceTable(
          differencesOf(
            /** @type {Described} */
            a,
            /** @type {Described} */
            b,
            lab.world.guiding
          ),
          [left, right].map(shortName)
        ) : element("p", { class: "styledit-hint" }, "Choose two edits to see which settings differ.")
      );
    }
  };
}
function distanceSentence(psnr) {
  if (psnr === null) return "The two are the same, pixel for pixel.";
  return `PSNR ${psnr.toFixed(1)} dB (higher is nearer).`;
}
function differenceTable(rows, heads) {
  if (!rows.length) return element("p", {}, "The same prompt and the same settings.");
  const cells = (texts) => texts.map((text) => element("td", {}, text));
  return element(
    "table",
    { class: "styledit-differences" },
    element("caption", {}, "What differs"),
    element(
      "thead",
      {},
      element("tr", {}, element("th", {}), ...heads.map((text) => element("th", { scope: "col" }, text)))
    ),
    element(
      "tbody",
      {},
      ...rows.map(
        ([name, ...texts]) => element("tr", {}, element("th", { scope: "row" }, name), ...cells(texts))
      )
    )
  );
}
function splitLine() {
  return keepKeys(
    element("input", {
      type: "range",
      min: 0,
      max: 100,
      step: 1,
      value: 50,
      "data-testid": "split",
      "aria-label": "Split between the two pictures",
      class: "styledit-split-slider"
    })
  );
}
function takeTurns(nameOf, pause, rootOf) {
  const name = element("p", { class: "styledit-turn", "data-testid": "flicker-turn" });
  let timer;
  let first = true;
  const show = () => {
    rootOf().classList.toggle("styledit-shows-b", !first);
    name.textContent = nameOf(first ? "left" : "right");
  };
  const next = () => {
    first = !first;
    show();
  };
  const run = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(next, pause) : void 0;
  };
  const running = toggleButton("Running", "flicker-run", run, { title: "Stop on one picture, or go on" });
  const other = pushButton("The other one", "flicker-next", () => {
    running.set(false);
    run(false);
    next();
  });
  return {
    name,
    running,
    other,
    show,
    stop: () => run(false),
    open(flickers) {
      running.root.hidden = other.hidden = name.hidden = !flickers;
      const runs = flickers && !matchMedia("(prefers-reduced-motion: reduce)").matches;
      running.set(runs);
      run(runs);
    }
  };
}
function dragSplit(pane, line, showLine, root) {
  let dragging = false;
  const at = (event) => {
    const box = pane.getBoundingClientRect();
    return (event.clientX - box.left) / box.width * 100;
  };
  const follow = (event) => {
    line.value = String(at(event));
    showLine();
  };
  pane.addEventListener(
    "pointerdown",
    (event) => {
      if (root.dataset.mode !== "split") return;
      const zoomed = Number(getComputedStyle(pane).getPropertyValue("--zoom")) > 1;
      if (zoomed && Math.abs(at(event) - Number(line.value)) > 4) return;
      dragging = true;
      event.stopImmediatePropagation();
      pane.setPointerCapture(event.pointerId);
      follow(event);
    },
    true
  );
  pane.addEventListener(
    "pointermove",
    (event) => {
      if (!dragging) return;
      event.stopImmediatePropagation();
      follow(event);
    },
    true
  );
  const end = () => {
    dragging = false;
  };
  pane.addEventListener("pointerup", end);
  pane.addEventListener("pointercancel", end);
}

// styledit/lab/front/edit/zoom.js
var MOST2 = 8;
var STEP2 = 0.1;
var Zoom = class {
  factor = 1;
  x = 0.5;
  y = 0.5;
  /**
   * Zoom further in or out; the point (x, y) stays where it is.
   * @param {number} by
   * @param {number} x
   * @param {number} y
   */
  by(by, x = this.x, y = this.y) {
    const before = this.factor;
    this.factor = clamped(before * by, 1, MOST2);
    this.x = this.#inside(x + (this.x - x) * (before / this.factor));
    this.y = this.#inside(y + (this.y - y) * (before / this.factor));
  }
  /**
   * Move by fractions of what is seen.
   * @param {number} dx
   * @param {number} dy
   */
  move(dx, dy) {
    this.x = this.#inside(this.x + dx / this.factor);
    this.y = this.#inside(this.y + dy / this.factor);
  }
  /** Whether there is something beyond what is seen. */
  get on() {
    return this.factor > 1;
  }
  /** @param {number} centre */
  #inside(centre) {
    return clamped(centre, 0.5 / this.factor, 1 - 0.5 / this.factor);
  }
};
function sharedZoom(root) {
  const at = new Zoom();
  const value = element("output", { class: "styledit-zoom-value", "data-testid": "zoom-value" });
  const show = () => {
    root.style.setProperty("--zoom", String(at.factor));
    root.style.setProperty("--move-x", `${(0.5 - at.x * at.factor) * 100}%`);
    root.style.setProperty("--move-y", `${(0.5 - at.y * at.factor) * 100}%`);
    root.dataset.zoom = at.factor.toFixed(2);
    value.textContent = `${Math.round(at.factor * 100)} %`;
  };
  const zoom = (by, point = []) => {
    at.by(by, ...point);
    show();
  };
  const fit = () => zoom(1 / at.factor);
  const buttons = element(
    "div",
    { class: "styledit-row styledit-zoom-buttons", role: "group", "aria-label": "Zoom of all pictures" },
    pushButton("−", "zoom-out", () => zoom(1 / 1.5), { "aria-label": "Zoom out" }),
    value,
    pushButton("+", "zoom-in", () => zoom(1.5), { "aria-label": "Zoom in" }),
    pushButton("Fit", "zoom-fit", fit)
  );
  const move = (dx, dy) => {
    at.move(dx, dy);
    show();
  };
  show();
  return {
    buttons,
    attach: (pane) => {
      keepKeys(pane);
      zoomByPointer(pane, at, { zoom, move, fit });
      zoomByKeys(pane, at, { zoom, move, fit });
    }
  };
}
function zoomByPointer(pane, at, { zoom, move, fit }) {
  const pointOf = (event) => {
    const box = pane.getBoundingClientRect();
    return [
      at.x + ((event.clientX - box.left) / box.width - 0.5) / at.factor,
      at.y + ((event.clientY - box.top) / box.height - 0.5) / at.factor
    ];
  };
  pane.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.25 : 1 / 1.25, pointOf(event));
    },
    { passive: false }
  );
  pane.addEventListener("dblclick", (event) => at.on ? fit() : zoom(3, pointOf(event)));
  pane.addEventListener("pointerdown", (event) => {
    if (at.on) pane.setPointerCapture(event.pointerId);
  });
  pane.addEventListener("pointermove", (event) => {
    if (!pane.hasPointerCapture(event.pointerId)) return;
    move(-event.movementX / pane.clientWidth, -event.movementY / pane.clientHeight);
  });
}
function zoomByKeys(pane, at, { zoom, move, fit }) {
  pane.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (event.target !== pane) return;
    if (arrow && at.on) move(STEP2 * arrow[0], STEP2 * arrow[1]);
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  });
}

// styledit/lab/front/edit/views.js
var DECODING = 1e3;
var FLICKER = 700;
var GAIN2 = 3;
var MASK_SHOWN = "Darken what the mask keeps as it is";
var NO_MASK = "There is no mask: all of the picture may change. “Change only part of the picture”, below, makes one.";
function pictureViews(lab) {
  const [width, height] = lab.world.size;
  const root = element("section", { class: "styledit-views", "aria-label": "Pictures" });
  const zoom = sharedZoom(root);
  const image = (name, alt) => element("img", { alt, "data-testid": `${name}-image`, draggable: "false", width, height });
  const images = {
    source: image("source", "The source picture"),
    reconstruction: image("reconstruction", "The source as the model gives it back"),
    edit: image("edit", "The edited picture"),
    truth: image("truth", "The true edit")
  };
  lab.images = images;
  let gain = GAIN2;
  const changed = element("span", { class: "styledit-hint" });
  const difference = drawnCanvas(
    width,
    height,
    { "data-testid": "difference-canvas", role: "img", "aria-label": "Difference of edit and source" },
    (context) => {
      const mean = drawDifference(context, images.edit, images.source, gain);
      changed.textContent = mean === null ? "" : ` ${mean.toFixed(1)}`;
    }
  );
  const mask = maskOverlay(lab, width, height);
  const looks = wordLooks(lab);
  const figure = (name, title, ...content) => pictureFigure(name, title, zoom.attach, ...content);
  const figures = {
    source: figure("source", "Source", images.source, looks.source.canvas),
    reconstruction: figure("reconstruction", "Reconstruction", images.reconstruction),
    edit: figure("edit", "Edit", images.edit, mask.canvas.root, looks.edit.canvas),
    difference: figure("difference", "Difference", difference.root),
    truth: figure("truth", "The true edit", images.truth)
  };
  figures.source.root.append(looks.source.caption);
  figures.edit.root.append(looks.edit.caption, mask.note);
  figures.difference.caption.append(changed);
  figures.difference.caption.title = "How far a pixel is from the source's on average, of 255";
  figures.truth.root.hidden = true;
  const side = element("div", { class: "styledit-side" }, ...Object.values(figures).map((made) => made.root));
  const compare = comparison2(lab, images, zoom.attach, {
    pause: FLICKER,
    gain: () => gain,
    choose: (mode) => modes.choose(mode),
    arranged(active, name) {
      side.hidden = active;
      modes.nameSides(name);
    }
  });
  const drawn = () => {
    difference.redraw();
    compare.redraw();
  };
  const gainSlider = slider(
    "Gain",
    { min: 1, max: 10, step: 0.5, value: gain, title: "Makes small differences visible" },
    (value) => {
      gain = value;
      drawn();
    }
  );
  gainSlider.input.dataset.testid = "difference-gain";
  const modes = modeButtons(compare.open);
  modes.choose("side");
  const tools = element(
    "div",
    { class: "styledit-tools", role: "toolbar", "aria-label": "View" },
    modes.root,
    zoom.buttons,
    mask.toggle.root
  );
  root.append(side, compare.root);
  const watch = new ResizeObserver(() => lab.root.style.setProperty("--strip", `${root.offsetHeight}px`));
  watch.observe(root);
  showSource(lab, figures.reconstruction.caption, drawn);
  showFrames(lab, figures.edit.caption, drawn);
  showTruth(lab, figures.truth.root, drawn);
  lab.onFrame(mask.show);
  root.classList.toggle("styledit-fine", width > 256);
  lab.cleanups.push(difference.close, mask.canvas.close, compare.close, () => watch.disconnect());
  return [element("div", { class: "styledit-toolbar" }, tools, gainSlider.root), root];
}
function pictureFigure(name, title, attachZoom, ...content) {
  const pane = element(
    "div",
    {
      class: "styledit-pane",
      tabindex: name === "edit" ? "0" : "-1",
      // they are zoomed together: one stop of the Tab key is enough
      role: "group",
      "aria-label": `${title}; plus and minus zoom all pictures, arrows move`
    },
    element("div", { class: "styledit-zoomed" }, ...content)
  );
  attachZoom(pane);
  const caption = element("figcaption", {}, title);
  return {
    root: element("figure", { class: `styledit-figure styledit-figure-${name}` }, pane, caption),
    caption
  };
}
function modeButtons(open) {
  const modes = [
    ["side", "Source and edit"],
    ["split", "Split"],
    ["flicker", "Flicker"],
    ["difference", "Difference"]
  ];
  const choose = (mode) => {
    for (const { name, toggle } of toggles) toggle.set(name === mode);
    open(mode);
  };
  const toggles = modes.map(([name, text]) => ({
    name,
    toggle: toggleButton(text, `view-${name}`, () => choose(name))
  }));
  const buttons = toggles.map(({ toggle }) => toggle.root);
  return {
    root: element("div", { class: "styledit-tabs", role: "group", "aria-label": "View" }, ...buttons),
    choose,
    nameSides(name) {
      buttons[0].textContent = name;
    }
  };
}
function showSource(lab, caption, drawn) {
  const { source: image, reconstruction: rebuilt } = lab.images;
  lab.onTrait("source", async ({ picture, reconstruction }) => {
    const comes = picture && !reconstruction;
    caption.textContent = comes ? "Reconstruction to come" : "Reconstruction";
    if (!reconstruction) rebuilt.removeAttribute("src");
    await Promise.all([showBytes(image, picture), showBytes(rebuilt, reconstruction)]);
    drawn();
  });
}
function showFrames(lab, caption, drawn) {
  const { root, images } = lab;
  let newest = -1;
  let settled = -1;
  lab.forgetSettled = () => {
    settled = -1;
  };
  lab.onTrait("frame", async (told) => {
    images.edit.style.opacity = told.picture ? "" : "0.3";
    if (!told.picture) return;
    const frame = (
      /** @type {Frame} */
      told
    );
    lab.edits.flow.answered(frame.id);
    if (frame.serial <= newest || frame.id < settled) return;
    newest = frame.serial;
    if (frame.exact) settled = frame.id;
    await Promise.race([showBytes(images.edit, frame.picture), pauseOf(DECODING)]);
    await afterPaint();
    if (newest !== frame.serial) return;
    const { id, serial, exact } = frame;
    Object.assign(root.dataset, { shown: JSON.stringify({ id, serial, exact }), painted: performance.now() });
    lab.send({ type: "shown", serial });
    caption.textContent = editCaption(frame, lab.model.get("target"), lab.model.get("guided").running);
    drawn();
    lab.tellFrame(frame);
  });
}
function editCaption({ exact, method }, asked, guiding) {
  if (!exact) return `Edit · ${guiding ? "on the way" : "first look"}`;
  const stands = asked.guided || asked.method === method;
  return stands ? "Edit" : `Edit · ${method}`;
}
function showTruth(lab, figure, drawn) {
  lab.onFrame(async ({ exact, score }) => {
    if (exact || !score) figure.hidden = !score;
    if (!score) return;
    await showBytes(lab.images.truth, score.truth);
    drawn();
  });
}
function maskOverlay(lab, width, height) {
  let there = false;
  const image = element("img", { alt: "" });
  const attributes = {
    class: "styledit-mask",
    "data-testid": "mask-overlay",
    role: "img",
    "aria-label": "The mask: what is dark stays as it is",
    hidden: true
  };
  const note = element("p", { class: "styledit-hint", role: "status", "data-testid": "mask-note" });
  const canvas = drawnCanvas(width, height, attributes, (context) => {
    context.clearRect(0, 0, width, height);
    note.textContent = "";
    if (!there || canvas.root.hidden || !drawable(image)) return;
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, width, height);
    const picture = context.getImageData(0, 0, width, height);
    const kept = darkenOutside(picture.data);
    context.putImageData(picture, 0, 0);
    if (!kept) note.textContent = coversAllSentence(lab.model.get("target").settings);
  });
  const toggle = toggleButton(
    "Mask",
    "mask-toggle",
    (on) => {
      canvas.root.hidden = !on;
      canvas.redraw();
    },
    { title: MASK_SHOWN }
  );
  const show = async ({ mask }) => {
    there = mask !== null;
    toggle.root.disabled = !there;
    toggle.root.title = there ? MASK_SHOWN : NO_MASK;
    await showBytes(image, mask);
    canvas.redraw();
  };
  lab.cleanups.push(() => URL.revokeObjectURL(image.dataset.address ?? ""));
  return { canvas, toggle, note, show };
}
function darkenOutside(pixels) {
  let dark = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const outside = pixels[at] < 128;
    pixels[at] = pixels[at + 1] = pixels[at + 2] = 0;
    pixels[at + 3] = outside ? 165 : 0;
    dark += Number(outside);
  }
  return dark;
}
function coversAllSentence(settings) {
  const { blend = [], mask = null } = settings ?? {};
  const what = mask || !blend.length ? "the mask" : quotedWords(blend, "and");
  const verb = !mask && blend.length > 1 ? "together cover" : "covers";
  return `Everything may change: ${what} ${verb} the whole picture`;
}

// styledit/lab/front/edit/words.js
var COLUMNS = [
  {
    name: "tau_c_words",
    title: TAU_NAMES.tau_c,
    short: "tau_c",
    common: (settings) => settings.tau_c,
    bounds: { min: 0, max: 1, step: 0.05 }
  },
  {
    name: "tau_v_words",
    title: TAU_NAMES.tau_v,
    short: "tau_v",
    common: (settings) => settings.tau_v,
    bounds: { min: 0, max: 1, step: 0.05 }
  },
  {
    name: "reweight",
    title: "Strength ×",
    short: "factor",
    common: () => 1,
    bounds: { min: -2, max: 6, step: 0.1 }
  }
];
var GROUPS = (
  /** @type {const} */
  [
    ["tau_v_changed", "new words"],
    ["tau_v_padding", "end and padding"]
  ]
);
function cellSlider(testid, label, bounds, own, common, changed) {
  const attributes = { type: "range", ...bounds, "data-testid": testid, "aria-label": label };
  const input = keepKeys(element("input", attributes));
  const output = element("output", { "aria-hidden": "true" });
  const root = element("span", { class: "styledit-cell" }, input, output);
  whileDragged(input, changed);
  return {
    root,
    show(why) {
      disable(root, input, why);
      root.classList.toggle("styledit-unset", own() === null);
      input.value = String(own() ?? common());
      output.textContent = Number(input.value).toFixed(2);
      input.setAttribute("aria-valuetext", `${output.textContent}${own() === null ? ", not set" : ""}`);
    }
  };
}
function wordRow(lab, word, changed) {
  const settings = () => lab.edits.current.settings;
  const cells = COLUMNS.map(
    ({ name, title, short, common, bounds }) => cellSlider(
      `word-${short}-${word}`,
      `${title} of ${word}`,
      bounds,
      () => settings()[name][word] ?? null,
      () => common(settings()),
      (value, moving) => lab.edits.change({ [name]: { ...settings()[name], [word]: value } }, moving)
    )
  );
  const forget = () => {
    const others = COLUMNS.map(({ name }) => [
      name,
      Object.fromEntries(Object.entries(settings()[name]).filter(([other]) => other !== word))
    ]);
    lab.edits.change(Object.fromEntries(others), false);
  };
  const reset = pushButton("Reset", `word-reset-${word}`, forget, { "aria-label": `Reset ${word}` });
  const named = lookingWord(word, "edit", `word-look-${word}`);
  return {
    root: element(
      "tr",
      { "data-word": word },
      element("th", { scope: "row" }, changed ? element("ins", {}, named) : named),
      ...cells.map((cell, k) => element("td", { "data-label": COLUMNS[k].title }, cell.root)),
      element("td", {}, reset)
    ),
    show(ignored) {
      cells.forEach((cell, k) => cell.show(ignored[COLUMNS[k].name] ?? ""));
      reset.disabled = COLUMNS.every(({ name }) => ignored[name] || settings()[name][word] === void 0);
    }
  };
}
function groupRow(lab, name, title) {
  const settings = () => lab.edits.current.settings;
  const set = (value, moving) => lab.edits.change({ [name]: value }, moving);
  const cell = cellSlider(
    name,
    `${TAU_NAMES.tau_v} of ${title}`,
    { min: 0, max: 1, step: 0.05 },
    () => settings()[name],
    () => settings().tau_v,
    set
  );
  const attributes = { "aria-label": `Reset ${title}` };
  const reset = pushButton("Reset", `${name}-reset`, () => set(null, false), attributes);
  return {
    root: element(
      "tr",
      { class: "styledit-group" },
      element("th", { scope: "row" }, title),
      element("td", {}),
      element("td", { "data-label": COLUMNS[1].title }, cell.root),
      element("td", {}),
      element("td", {}, reset)
    ),
    show(ignored) {
      cell.show(ignored[name] ?? "");
      reset.disabled = Boolean(ignored[name]) || settings()[name] === null;
    }
  };
}
function wordTable(lab) {
  const body = element("tbody", {});
  const groups = GROUPS.map(([name, title]) => groupRow(lab, name, title));
  let rows = [];
  let known2 = "";
  const show = () => {
    const { ignored } = methodNamed(lab.world.methods, lab.edits.current.method);
    rows.forEach((row) => row.show(ignored));
  };
  lab.onTrait("target", (target) => {
    const words = /* @__PURE__ */ new Map();
    for (const { text, changed } of target.words ?? []) words.set(text, changed || Boolean(words.get(text)));
    const mark = JSON.stringify([...words]);
    if (mark === known2) return;
    known2 = mark;
    rows = [...[...words].map(([word, changed]) => wordRow(lab, word, changed)), ...groups];
    body.replaceChildren(...rows.map((row) => row.root));
    show();
  });
  lab.edits.onChange(show);
  const [maps, values, factor] = COLUMNS.map(({ title }) => title);
  const names = ["Word", tauName(maps, "c"), tauName(values, "v"), factor];
  const heads = names.map((name) => element("th", { scope: "col" }, name));
  return element(
    "table",
    { class: "styledit-words" },
    element("thead", {}, element("tr", {}, ...heads, element("th", {}))),
    body
  );
}

// styledit/lab/front/edit/lab.js
var GROUPS2 = ".styledit-tools, .styledit-tabs, .styledit-thumbs, .styledit-slots, .styledit-look-line, .styledit-sheet";
function labOf(model, root, say) {
  const frameReaders = [];
  const note = asker(model, say);
  const pending = pendingSource(model, root, () => edits.revert());
  const edits = editRequests(model, note, () => pending.source().prompt);
  const lab = {
    model,
    root,
    say,
    note,
    edits,
    pending,
    cleanups: [note.close, edits.close],
    world: model.get("world"),
    images: {},
    source: pending.source,
    askSource: (parts, picture, target) => askSource(lab, parts, picture, target),
    onSource(reader) {
      pending.readers.push(reader);
      lab.onTrait("source", () => reader(pending.source(), false));
    },
    send(message) {
      try {
        model.send(message);
      } catch {
        say("The kernel does not answer; run this cell again.");
      }
    },
    // Follow a trait, beginning with what it is now: that is all that a reloaded page has.
    onTrait(name, handler) {
      const follow = () => handler(model.get(name));
      model.on(`change:${name}`, follow);
      lab.cleanups.push(() => model.off(`change:${name}`, follow));
      queueMicrotask(follow);
    },
    onFrame: (reader) => frameReaders.push(reader),
    tellFrame: (frame) => frameReaders.forEach((reader) => reader(frame)),
    stepsWanted: () => void 0,
    sourcePrompt: () => "",
    focusTarget() {
    },
    forgetSettled() {
    },
    compareWith() {
    },
    showSides() {
    },
    forgetProblem() {
    }
  };
  return lab;
}
function render({ model, el }) {
  const root = element("div", { class: "styledit styledit-edit-lab" });
  const local = element("p", {
    class: "styledit-problem",
    role: "status",
    "aria-live": "polite",
    "data-testid": "note"
  });
  const lab = labOf(model, root, (sentence) => {
    local.textContent = sentence;
  });
  const input = () => {
    root.dataset.input = String(performance.now());
  };
  for (const event of ["input", "change", "click"]) root.addEventListener(event, input, true);
  const [width, height] = lab.world.size;
  root.style.setProperty("--aspect", `${width} / ${height}`);
  root.append(element("div", { class: "styledit-lab-body" }, ...labParts(lab, local)));
  groupsForKeys(lab);
  linkedPlace(lab);
  lab.onTrait("source", lab.pending.arrived);
  lab.onTrait("target", (target) => {
    lab.note.answered();
    if (target.prompt !== void 0) lab.edits.accept(target);
  });
  lab.onTrait("problem", (problem) => {
    if (problem) lab.edits.flow.forget();
  });
  lab.onTrait("frame", (frame) => {
    if (frame.picture) lab.note.answered();
  });
  el.append(root);
  return () => {
    lab.cleanups.forEach((clean) => clean());
    freePictures(root);
    root.remove();
  };
}
function labParts(lab, local) {
  return [
    sourceSection(lab),
    ...pictureViews(lab),
    blendNote(lab),
    targetPrompt(lab),
    problemLine(lab),
    local,
    commonControls(lab, progressLine(lab)),
    foldedPart("What happens", "fold-happens", ...happeningSection(lab)),
    scoreSection(lab),
    historySection(lab),
    element(
      "div",
      { class: "styledit-folds" },
      foldedPart("By word", "fold-words", wordTable(lab)),
      foldedPart("Change only part of the picture", "fold-mask", ...maskSection(lab)),
      foldedPart("Guided", "fold-guided", ...guidedSection(lab)),
      foldedPart("Grid of settings", "fold-sheet", ...sheetSection(lab)),
      foldedPart("Last change: before and now", "fold-what", ...lastChangeSection(lab)),
      codeFold(lab)
    )
  ];
}
function groupsForKeys(lab) {
  const groups = (
    /** @type {HTMLElement[]} */
    [...lab.root.querySelectorAll(GROUPS2)]
  );
  const outermost = groups.filter((group) => !group.parentElement?.closest(GROUPS2));
  lab.cleanups.push(...outermost.map((group) => rovingFocus(group)));
}
var lab_default = { render };
export {
  lab_default as default
};
