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
  const output = element("output", { for: id });
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
  if (!drawable(a) || !drawable(b)) return null;
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
var TAUS = [
  [
    "tau_c",
    "Word maps",
    "c",
    "Share of the steps that use the source's cross-attention maps: higher keeps where things are."
  ],
  [
    "tau_s",
    "Self-attention",
    "s",
    "Share of the steps that use the source's self-attention maps: higher keeps shapes and layout."
  ],
  ["tau_u", "Unconditional", "u", "The same self-attention maps in the branch without a prompt."],
  [
    "tau_v",
    "Value inputs",
    "v",
    "Share of the steps that read the learned value inputs: higher stays nearer to the picture."
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
    const suggested = lab.model.get("target").suggested?.[name];
    mark.hidden = suggested === void 0;
    if (suggested === void 0) return;
    mark.style.setProperty("--at", String((suggested - options.min) / (options.max - options.min)));
  });
  return made.root;
}
function suggestedButton(lab) {
  const root = pushButton("Suggested", "suggested", () => lab.edits.set({ auto: true }), {
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
    methods.map((name) => [name, name]),
    (method) => lab.edits.set({ method })
  );
  lab.edits.onChange(({ method }) => {
    if (method) select.value = method;
  });
  const root = labelled("Method", select);
  root.hidden = methods.length < 2;
  return root;
}
function guideToggle(lab) {
  const toggle = toggleButton(
    "Guide from the source",
    "guide_from_source",
    (on) => lab.edits.change({ guide_from_source: on }, false),
    {
      title: "Guidance leads away from the source prompt, not from the empty one: only the difference is exaggerated."
    }
  );
  lab.edits.onChange(({ settings }) => toggle.set(settings.guide_from_source));
  return toggle.root;
}
function commonControls(lab) {
  const taus = TAUS.map(
    ([name, text, letter, title]) => settingSlider(lab, name, tauName(text, letter), { min: 0, max: 1, step: 0.05, title })
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
    element("div", { class: "styledit-sliders" }, ...taus, guidance, steps.root),
    element("div", { class: "styledit-row" }, suggestedButton(lab), guideToggle(lab), methodChoice(lab))
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
  let known = [];
  return {
    root,
    /** @param {FilmFrame[]} film */
    fill(film) {
      const keys = film.map(keyOf);
      const grows = known.every((key, k) => key === keys[k]);
      if (!grows) {
        freePictures(root);
        root.replaceChildren();
        known = [];
      }
      root.append(...film.slice(known.length).map(figureOf));
      known = keys;
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
    lastId += 1;
    return lastId;
  };
  const current = { prompt: "", settings: { ...DEFAULT_SETTINGS }, method: "", auto: true };
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
    auto: current.auto
  });
  const ask = (moving) => flow.ask({ moving, ...request() });
  const accept = (target) => {
    if (flow.waits() || (target.id ?? 0) < asked) return;
    const settings = { ...DEFAULT_SETTINGS, ...structuredClone(target.settings ?? {}) };
    const { prompt = current.prompt, method = current.method, auto = current.auto } = target;
    Object.assign(current, { prompt, settings, method, auto });
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
    // Something else: prompt, method, auto, or all of a tile's.
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
  const known = structuredClone(settings);
  known.blend = known.blend.filter((word) => isIn(word, prompt) || isIn(word, sourcePrompt2));
  for (
    const name of
    /** @type {const} */
    ["tau_c_words", "tau_v_words", "reweight"]
  ) {
    known[name] = Object.fromEntries(Object.entries(known[name]).filter(([word]) => isIn(word, prompt)));
  }
  return known;
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
  const known = new Set(words);
  return known.size ? promptWords(asRead(prompt)).filter((word) => !known.has(word)) : [];
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
    if (prompt && prompt !== lab.edits.current.prompt) lab.edits.set({ prompt });
  };
  const showDifference = () => {
    difference.replaceChildren(...markedDifference(lab.source().prompt ?? "", input.value));
    slots.show();
  };
  input.addEventListener("input", () => {
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
    difference
  );
}
function markedDifference(source, target) {
  const before = promptWords(source);
  const after = promptWords(target);
  if (before.join(" ") === after.join(" ")) {
    return [element("span", { class: "styledit-hint" }, "Change a word: the picture follows.")];
  }
  return wordSteps(before, after).flatMap(([kind, word]) => [element(TAGS[kind], {}, word), " "]);
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
  let known = "";
  const follow = (asked, picture) => {
    const now = JSON.stringify(asked);
    if (now === known) return;
    known = now;
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
      "The value inputs of the changed words (of all, where none is changed) are optimised for what the decoded picture should be. Choose what pulls, and how strongly; every other setting is the one above. With a style picture and an unchanged prompt, CLIP first says that picture's look in the prompt."
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
      const reads = request.weights.style > 0 || request.weights.adversarial > 0;
      if (there && !reads) take("reference");
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

// styledit/lab/front/edit/history.js
function historySection(lab) {
  const strip = element("div", { class: "styledit-history", role: "group", "aria-label": "History" });
  let entries = [];
  let shown = null;
  const place = () => entries.findIndex((entry) => entry.id === shown);
  const recall = (id) => {
    shown = id;
    lab.edits.flow.forget();
    lab.forgetSettled();
    lab.note.ask({ type: "recall", id, request: lab.edits.nextId() });
    show();
  };
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
    for (const button of buttonsOf(strip)) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.entry) === shown));
    }
    undo.disabled = at < 1;
    redo.disabled = at < 0 || at >= entries.length - 1;
    name.disabled = at < 0;
    if (document.activeElement !== name) name.value = at < 0 ? "" : entries[at].name;
  };
  lab.onTrait("history", (next) => {
    const grew = (next.at(-1)?.id ?? -1) > (entries.at(-1)?.id ?? -1);
    const first = !entries.length;
    entries = next;
    if (first) shown = presentEntry(entries, lab.model.get("target"));
    else if (place() < 0 || grew && !sameEdit(entries[entries.length - 1], entries[place()])) {
      shown = entries.at(-1)?.id ?? null;
    }
    fillStrip(strip, entries, recall);
    show();
    if (grew) strip.scrollLeft = strip.scrollWidth;
  });
  return element(
    "section",
    { class: "styledit-past", "aria-label": "History and files" },
    strip,
    element("div", { class: "styledit-row" }, undo, redo, name, saveButton(lab), openButton(lab))
  );
}
function presentEntry(entries, target) {
  return (entries.findLast((entry) => sameEdit(entry, target)) ?? entries.at(-1))?.id ?? null;
}
function sameEdit(...edits) {
  const [a, b] = edits.map(
    ({ prompt, method, settings, guided = null }) => JSON.stringify([prompt, method, settings, guided])
  );
  return a === b;
}
function buttonsOf(strip) {
  return (
    /** @type {HTMLButtonElement[]} */
    [...strip.children]
  );
}
function fillStrip(strip, entries, recall) {
  const there = new Map(buttonsOf(strip).map((button) => [Number(button.dataset.entry), button]));
  strip.replaceChildren(
    ...entries.map((entry) => {
      const button = there.get(entry.id) ?? historyButton(entry, recall);
      button.setAttribute("aria-label", `${entry.name || entry.prompt}; show it again`);
      button.title = `${entry.prompt}
${settingsInShort(entry)}`;
      if (button.lastChild) button.lastChild.textContent = entry.name;
      showThumb(button, entry.thumb);
      there.delete(entry.id);
      return button;
    })
  );
  there.forEach(freePictures);
}
function historyButton(entry, recall) {
  const attributes = { class: "styledit-thumb", "data-entry": entry.id };
  const button = pushButton("", `history-${entry.id}`, () => recall(entry.id), attributes);
  button.append(element("img", { alt: "" }), element("span", {}));
  return button;
}
var thumbs = /* @__PURE__ */ new WeakMap();
function showThumb(button, thumb) {
  const bytes = String(bytesOf(thumb));
  const image = button.querySelector("img");
  if (!image || thumbs.get(button) === bytes) return;
  thumbs.set(button, bytes);
  showBytes(image, thumb);
}
function settingsInShort({ settings, method, guided = null }) {
  const { tau_c: c, tau_s: s, tau_u: u, tau_v: v } = settings;
  const taus = Object.entries({ c, s, u, v }).map(([letter, value]) => `τ${letter} ${value.toFixed(2)}`);
  return [...taus, `guidance ${settings.guidance}`, method, guided ? "guided" : ""].filter(Boolean).join(" · ");
}
function saveButton(lab) {
  let wanted = false;
  lab.onTrait("saved", (saved) => {
    lab.note.answered();
    if (wanted) download(saved);
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
function openButton(lab) {
  const input = fileInput("open", "image/png", "Open a saved PNG", async (file) => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    lab.edits.flow.forget();
    lab.forgetSettled();
    lab.note.ask({ type: "open", id: lab.edits.nextId() }, [bytes]);
  });
  const title = "Open a PNG that was saved here: its picture, prompt and settings";
  return element("label", { class: "styledit-button", title }, input, "Open PNG");
}
function download({ name, data }) {
  const bytes = bytesOf(data);
  if (!bytes) return;
  const address = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  const link = element("a", { href: address, download: name || "edit.png" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1e4);
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
  const copy = pushButton("Copy", "copy-code", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(text);
      copy.textContent = "Selected: press Ctrl+C";
    }
  });
  lab.onTrait("code", (code) => {
    text.textContent = code;
    copy.textContent = "Copy";
  });
  return foldedPart("As code", "fold-code", text, element("div", { class: "styledit-row" }, copy));
}

// styledit/lab/front/edit/last_change.js
var STATES = { kept: "kept from before", replayed: "replayed from the source", computed: "computed" };
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
    steps.map(({ state }, t) => stepCell(state, `step ${t + 1}: ${STATES[state]}`))
  );
  const known = SWITCHES.filter(([name]) => steps.some(({ switches: switches2 }) => switches2[name] !== void 0));
  const switches = known.flatMap(([name, text, letter]) => {
    const states = steps.map((step) => step.switches[name] ? "on" : "off");
    return stripRow(
      [text, element("sub", {}, letter)],
      `${name}: on at ${countOf(states.filter((state) => state === "on").length, "step")}`,
      states.map((state, t) => stepCell(state, `step ${t + 1}: ${name} ${state}`))
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
function stepCell(state, title) {
  return element("span", { class: `styledit-step styledit-step-${state}`, title });
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
    ([state, text]) => element("span", { class: "styledit-legend-entry" }, stepCell(state, ""), text)
  );
  return element("div", { class: "styledit-row styledit-hint" }, ...entries);
}

// styledit/lab/front/edit/mask_cells.js
function pack(cells, width, height) {
  if (!cells.some(Boolean)) return null;
  const rows = Array.from({ length: height }, (_, y) => cells.subarray(y * width, (y + 1) * width).join(""));
  return { width, height, rows };
}
function unpack(mask, width, height) {
  const cells = new Uint8Array(width * height);
  if (!mask) return cells;
  for (let y = 0; y < height; y += 1) {
    const row = mask.rows[Math.floor(y * mask.height / height)];
    for (let x = 0; x < width; x += 1)
      cells[y * width + x] = Number(row[Math.floor(x * mask.width / width)]);
  }
  return cells;
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
    this.size = Math.max(1, Math.round(width / 6));
    this.paints = true;
    this.focused = false;
  }
  /** The cell at its upper left: [x, y]. */
  corner() {
    const half = (this.size - 1) / 2;
    return [Math.ceil(this.x - half), Math.ceil(this.y - half)];
  }
  /** Paint or erase where it stands. */
  stamp(paints = this.paints) {
    const [left, top] = this.corner();
    for (let y = Math.max(0, top); y < Math.min(this.height, top + this.size); y += 1) {
      const row = y * this.width;
      this.cells.fill(paints ? 1 : 0, row + Math.max(0, left), row + Math.min(this.width, left + this.size));
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

// styledit/lab/front/edit/mask.js
var REST = 350;
var SMALL = /* @__PURE__ */ new Set(["a", "an", "the", "of", "in", "on", "with", "and"]);
function maskSection(lab) {
  return [
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
      "Or paint: what is painted may change, the rest stays. A painted mask takes the blend words' place."
    ),
    maskPainter(lab)
  ];
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
  const quoted = blend.map((word) => `“${word}”`);
  const words = [quoted.slice(0, -1).join(", "), quoted.at(-1)].filter(Boolean).join(" or ");
  return `Only where the model sees ${words} may the picture change${auto ? ": a suggested blend" : ""}.`;
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
    const target = lab.model.get("target").words ?? [];
    const all = [...lab.source().words ?? [], ...target.map((word) => word.text)];
    const words = [.../* @__PURE__ */ new Set([...all.filter((word) => !SMALL.has(word)), ...used()])];
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
function maskPainter(lab) {
  const [width, height] = lab.world.mask_size;
  const brush = new Brush(width, height);
  const ask = (moving) => lab.edits.change({ mask: pack(brush.cells, width, height) }, moving);
  const rest = delayedCall(() => ask(false), REST);
  const place = element("span", {
    class: "styledit-hint",
    role: "status",
    "aria-live": "polite",
    "data-testid": "brush-place"
  });
  const canvas = drawnCanvas(
    ...lab.world.size,
    {
      class: "styledit-painter",
      tabindex: "0",
      "data-testid": "mask-canvas",
      role: "application",
      "aria-label": "Mask painter. Arrow keys move the brush, space paints, backspace erases."
    },
    (context) => drawPainter(context, lab.images.source, brush)
  );
  const all = (value) => {
    brush.cells = brush.cells.map(value);
    canvas.redraw();
    ask(false);
  };
  const paint = toggleButton("Paint", "mask-paint", () => mode(true));
  const erase = toggleButton("Erase", "mask-erase", () => mode(false));
  const mode = (paints) => {
    brush.paints = paints;
    paint.set(paints);
    erase.set(!paints);
  };
  mode(true);
  const most = Math.max(2, width >> 1);
  const size = slider("Brush", { min: 1, max: most, step: 1, value: brush.size }, (value) => {
    brush.size = value;
    canvas.redraw();
  });
  size.input.dataset.testid = "brush-size";
  paintByHand(canvas, brush, ask);
  paintByKeys(canvas, brush, { ask, rest: rest.start, say: (sentence) => place.textContent = sentence });
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
      element(
        "div",
        { class: "styledit-row" },
        element("div", { class: "styledit-tabs" }, paint.root, erase.root)
      ),
      size.root,
      element(
        "div",
        { class: "styledit-row" },
        pushButton("Everything", "mask-fill", () => all(() => 1)),
        pushButton("Invert", "mask-invert", () => all((cell) => 1 - cell)),
        pushButton("No mask", "mask-clear", () => all(() => 0))
      ),
      place
    )
  );
}
function drawPainter(context, source, brush) {
  const { width, height } = context.canvas;
  const [w, h] = [width / brush.width, height / brush.height];
  context.clearRect(0, 0, width, height);
  if (source && drawable(source)) context.drawImage(source, 0, 0, width, height);
  if (brush.cells.some(Boolean)) {
    context.fillStyle = "rgba(0, 0, 0, 0.65)";
    brush.cells.forEach((cell, at) => {
      if (!cell) context.fillRect(at % brush.width * w, Math.floor(at / brush.width) * h, w, h);
    });
  }
  if (!brush.focused) return;
  const [left, top] = brush.corner();
  for (
    const [colour, line] of
    /** @type {[string, number][]} */
    [
      ["#000", 2],
      ["#fff", 1]
    ]
  ) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(left * w + 0.5, top * h + 0.5, brush.size * w - 1, brush.size * h - 1);
  }
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
    brush.stamp();
    redraw();
    root.dataset.painting = "true";
    ask(true);
  });
  root.addEventListener("pointermove", (event) => {
    if (!root.dataset.painting) return;
    const { x, y } = cellOf(event);
    if (x === brush.x && y === brush.y) return;
    brush.lineTo(x, y);
    redraw();
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
function paintByKeys({ root, redraw }, brush, { ask, rest, say }) {
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
    if (arrow) {
      brush.x = clamped(brush.x + arrow[0], 0, brush.width - 1);
      brush.y = clamped(brush.y + arrow[1], 0, brush.height - 1);
    } else if (paints || event.key === "Backspace" || event.key === "Delete") {
      brush.stamp(paints && brush.paints);
      ask(true);
      rest();
    } else return;
    event.preventDefault();
    const painted = brush.cells[brush.y * brush.width + brush.x];
    say(`Column ${brush.x + 1}, row ${brush.y + 1}: ${painted ? "painted" : "kept"}`);
    redraw();
  });
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
  return [seen, suggested === null ? "" : comparison(psnr - suggested, succeeded)].filter(Boolean).join(" ");
}
function comparison(ahead, succeeded) {
  if (!succeeded) return "Only an edit in which the change is seen counts.";
  if (ahead > 0.05) return `You beat the suggested settings by ${ahead.toFixed(1)} dB.`;
  if (ahead > -0.05) return "As near as the suggested settings. Can you come nearer?";
  return `The suggested settings are ${(-ahead).toFixed(1)} dB nearer.`;
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

// styledit/lab/front/edit/sheet.js
var COMPARED = (
  /** @type {const} */
  ["tau_c", "tau_s", "tau_u", "tau_v", "guidance"]
);
var SUCCEEDED = {
  true: { sign: "✓", words: "the judge sees the change" },
  false: { sign: "–", words: "the judge does not see the change" },
  null: { sign: "", words: "" }
};
function sheetSection(lab) {
  const { sheets } = lab.world;
  const needsPrompts = () => axes.value === "target prompts";
  const prompts = element("textarea", { rows: 3, "data-testid": "sheet-prompts", spellcheck: "false" });
  const promptField = labelled("One target prompt a line", prompts, {
    class: "styledit-field styledit-sheet-prompts"
  });
  const show = () => {
    promptField.hidden = !needsPrompts();
    if (needsPrompts() && !prompts.value) prompts.value = lab.edits.current.prompt;
  };
  const axes = choiceOf(
    "sheet-axes",
    sheets.map((sheet) => [sheet.name, sheet.label]),
    show
  );
  const ask = () => {
    const lines = prompts.value.split("\n").map((line) => line.trim());
    lab.note.ask({
      type: "sheet",
      id: lab.edits.nextId(),
      axes: axes.value,
      prompts: needsPrompts() ? lines.filter(Boolean) : []
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
      "One picture for each pair of settings around the present ones. Click one to take its settings."
    ),
    element("div", { class: "styledit-row" }, labelled("Variants of", axes), draw),
    promptField,
    grid.root
  ];
}
function sheetGrid(lab) {
  const root = element("div", { class: "styledit-sheet", "data-testid": "sheet" });
  let shape = "";
  let tiles = /* @__PURE__ */ new Map();
  const head = (text) => element("span", { class: "styledit-sheet-head" }, text);
  const build = (rows, columns) => {
    freePictures(root);
    tiles = /* @__PURE__ */ new Map();
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
    fill({ id, rows = [], columns = [], tiles: given = [] }) {
      const now = JSON.stringify([id, rows, columns]);
      if (now !== shape) build(rows, columns);
      shape = now;
      for (const tile of given) tiles.get(`${tile.row}-${tile.column}`)?.fill(tile);
      mark();
    }
  };
}
function sheetTile(lab, row, column, label) {
  const image = element("img", { alt: "" });
  const badge = element("span", { class: "styledit-badge" });
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
    "aria-label": label
  });
  root.append(image, badge);
  return {
    root,
    fill(given) {
      tile = given;
      const { settings, prompt, method, picture, exact, succeeded } = given;
      const now = [exact, picture?.byteLength, succeeded].join();
      if (now === known) return;
      known = now;
      root.disabled = !picture;
      root.title = `${prompt}
${settings ? settingsInShort({ settings, method }) : method}`;
      root.classList.toggle("styledit-preview", !exact);
      showBytes(image, picture);
      const seen = SUCCEEDED[
        /** @type {"true" | "false" | "null"} */
        String(succeeded)
      ];
      badge.textContent = seen.sign;
      badge.dataset.succeeded = String(succeeded);
      root.setAttribute("aria-label", [label, seen.words].filter(Boolean).join(": "));
    },
    mark: () => root.setAttribute("aria-pressed", String(tile !== null && isOf(tile, lab.edits.current)))
  };
}
function isOf({ prompt, method, settings }, current) {
  if (!settings || prompt !== current.prompt || method !== current.method) return false;
  return COMPARED.every((name) => Math.abs(settings[name] - current.settings[name]) < 1e-9);
}

// styledit/lab/front/edit/source.js
function sourceSection(lab) {
  const { world } = lab;
  const crop = cropPanel(lab, (bytes, name, prompt) => {
    lab.askSource({ kind: "upload", name, prompt }, bytes, prompt);
    lab.focusTarget();
  });
  lab.cleanups.push(crop.close);
  const ways = [
    {
      kind: "sample",
      title: "Lesson pictures",
      panel: samplePanel(lab),
      there: world.samples.length > 0
    },
    { kind: "upload", title: "Your own", panel: uploadPanel(crop.open), there: true },
    { kind: "seed", title: "From a seed", panel: seedPanel(lab), there: true },
    {
      kind: "challenge",
      title: "Challenge",
      panel: challengePanel(lab),
      there: world.challenges.length > 0
    }
  ];
  const tabs = ways.filter(({ there }) => there).map(({ kind, title }) => ({ kind, tab: toggleButton(title, `from-${kind}`, () => open(kind)) }));
  const open = (wanted) => {
    for (const { kind, tab } of tabs) tab.set(kind === wanted);
    for (const { kind, panel } of ways) panel.hidden = kind !== wanted;
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
function samplePanel(lab) {
  return element(
    "div",
    {},
    thumbStrip(lab, "sample", lab.world.samples, (entry) => inAnotherStyle(lab.world, entry.prompt))
  );
}
function challengePanel(lab) {
  const { challenges } = lab.world;
  const hint = element("p", { class: "styledit-hint" });
  lab.onSource(({ kind, name }) => {
    const chosen = kind === "challenge" ? challenges.find((entry) => entry.name === name) : void 0;
    hint.textContent = chosen ? `Challenge ${chosen.label}. Can you come nearer to the true edit than the suggested settings?` : "Choose one: its true edit is known, and yours is measured against it.";
  });
  return element(
    "div",
    {},
    thumbStrip(lab, "challenge", challenges, (entry) => entry.target),
    hint
  );
}
function thumbStrip(lab, kind, entries, target) {
  const buttons = entries.map((entry) => {
    const { name, prompt, thumb, label = prompt } = entry;
    const image = element("img", { alt: "" });
    showBytes(image, thumb);
    const ask = () => lab.askSource({ kind, name, prompt }, null, target(entry));
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
  let known;
  lab.onSource(({ prompt, note: said }, failed) => {
    if (prompt !== known && !failed) input.value = prompt ?? "";
    known = prompt;
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
  root.addEventListener("focusin", () => {
    slots.root.hidden = !lab.world.slots.length;
  });
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
var STAGES2 = {
  drawing: "Drawing the source",
  checking: "Checking the picture",
  inverting: "Inverting the picture",
  fitting: "Fitting the value inputs",
  editing: "Editing",
  guiding: "Guiding the value inputs",
  sheet: "Drawing the contact sheet"
};
function progressLine(lab) {
  const bar = element("progress", { "data-testid": "progress", max: 1, value: 0, "aria-label": "Progress" });
  const text = element("span", { role: "status", "aria-live": "polite", "data-testid": "progress-text" });
  const stop = pushButton("Stop", "stop", () => {
    lab.send({ type: "stop" });
    lab.pending.failed();
  });
  const root = element("div", { class: "styledit-progress" }, bar, text, stop);
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
function fitLine(lab) {
  const text = element("span", { role: "status", "aria-live": "polite", "data-testid": "fit-text" });
  const on = pushButton("Go on fitting", "fit", () => lab.send({ type: "fit" }));
  const root = element("div", { class: "styledit-row styledit-aside", hidden: true }, text, on);
  lab.onTrait("source", ({ state }) => {
    const rests = state === "stopped";
    root.hidden = !rests;
    text.textContent = rests ? "The value inputs are not fitted. Until they are, edits follow the inversion (direct inversion)." : "";
  });
  return root;
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
  const show = () => {
    const problem = lab.model.get("problem");
    if (problem) stays = lab.pending.failed();
    if (problem || !stays) root.textContent = problem;
  };
  const acted = () => {
    stays = false;
    show();
  };
  for (const event of ["input", "click", "keydown"]) lab.root.addEventListener(event, acted, true);
  lab.onTrait("problem", show);
  return root;
}

// styledit/lab/front/edit/compare.js
var NAMES = {
  source: "Source",
  reconstruction: "Reconstruction",
  edit: "Edit",
  difference: "Difference",
  truth: "The true edit"
};
function comparison2(lab, pictures, attachZoom, pause) {
  const [width, height] = lab.world.size;
  const sides = (
    /** @type {const} */
    ["a", "b"]
  );
  const choices = { a: "source", b: "edit" };
  const layers = sides.map((side) => {
    const attributes = { class: `styledit-layer-${side}`, "data-testid": `compare-${side}` };
    return drawnCanvas(width, height, attributes, (context) => {
      const picture = pictures[choices[side]];
      context.clearRect(0, 0, width, height);
      if (drawable(picture)) context.drawImage(picture, 0, 0, width, height);
    });
  });
  const redraw = () => layers.forEach((layer) => layer.redraw());
  const line = keepKeys(
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
  const pane = element(
    "div",
    {
      class: "styledit-pane styledit-compare-pane",
      tabindex: "0",
      role: "group",
      "aria-label": "Comparison; plus and minus zoom, arrows move"
    },
    element("div", { class: "styledit-zoomed" }, layers[1].root),
    element(
      "div",
      { class: "styledit-zoomed-clip" },
      element("div", { class: "styledit-zoomed" }, layers[0].root)
    ),
    element("div", { class: "styledit-split-line", "aria-hidden": "true" })
  );
  attachZoom(pane);
  const showLine = () => root.style.setProperty("--split", `${line.value}%`);
  line.addEventListener("input", showLine);
  const select = (side, label) => {
    const made = choiceOf(
      `compare-${side}-choice`,
      Object.entries(NAMES),
      (name) => {
        choices[side] = name;
        redraw();
        turns.show();
      },
      { "aria-label": label }
    );
    made.value = choices[side];
    return made;
  };
  const turns = takeTurns(choices, pause, () => root);
  const root = element(
    "div",
    { class: "styledit-compare", hidden: true },
    element(
      "div",
      { class: "styledit-row styledit-compare-choice" },
      select("a", "Left picture"),
      element("span", {}, "and"),
      select("b", "Right picture"),
      turns.running.root,
      turns.other
    ),
    element("figure", { class: "styledit-figure" }, pane, line, turns.name)
  );
  dragSplit(pane, line, showLine, root);
  showLine();
  turns.show();
  return {
    root,
    redraw,
    open(mode) {
      root.hidden = mode === "side";
      root.dataset.mode = mode;
      line.hidden = mode === "flicker";
      turns.open(mode === "flicker");
      redraw();
    },
    close() {
      turns.stop();
      layers.forEach((layer) => layer.close());
    }
  };
}
function takeTurns(choices, pause, rootOf) {
  const name = element("p", { class: "styledit-turn", "data-testid": "flicker-turn" });
  let timer;
  let first = true;
  const show = () => {
    rootOf().classList.toggle("styledit-shows-b", !first);
    name.textContent = NAMES[first ? choices.a : choices.b];
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
      running.set(flickers);
      run(flickers);
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
      changed.textContent = mean === null ? "" : ` · mean ${mean.toFixed(1)} of 255`;
    }
  );
  const mask = maskOverlay(lab, width, height);
  const figure = (name, title, ...content) => pictureFigure(name, title, zoom.attach, ...content);
  const figures = {
    source: figure("source", "Source", images.source),
    reconstruction: figure("reconstruction", "Reconstruction", images.reconstruction),
    edit: figure("edit", "Edit", images.edit, mask.canvas.root),
    difference: figure("difference", "Difference", difference.root),
    truth: figure("truth", "The true edit", images.truth)
  };
  figures.difference.caption.append(changed);
  figures.truth.root.hidden = true;
  const side = element("div", { class: "styledit-side" }, ...Object.values(figures).map((made) => made.root));
  const compare = comparison2(lab, { ...images, difference: difference.root }, zoom.attach, FLICKER);
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
  const modes = modeButtons((mode) => {
    side.hidden = mode !== "side";
    compare.open(mode);
  });
  root.append(
    element("div", { class: "styledit-toolbar" }, modes, zoom.buttons, mask.toggle.root, gainSlider.root),
    side,
    compare.root
  );
  showSource(lab, figures.reconstruction.caption, drawn);
  showFrames(lab, figures.edit.caption, drawn);
  showTruth(lab, figures.truth.root, drawn);
  lab.onFrame(mask.show);
  root.classList.toggle("styledit-fine", width > 256);
  lab.cleanups.push(difference.close, mask.canvas.close, compare.close);
  return root;
}
function pictureFigure(name, title, attachZoom, ...content) {
  const pane = element(
    "div",
    {
      class: "styledit-pane",
      tabindex: "0",
      role: "group",
      "aria-label": `${title}; plus and minus zoom, arrows move`
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
    ["side", "Side by side"],
    ["split", "Split"],
    ["flicker", "Flicker"]
  ];
  const choose = (mode) => {
    for (const { name, toggle } of toggles) toggle.set(name === mode);
    open(mode);
  };
  const toggles = modes.map(([name, text]) => ({
    name,
    toggle: toggleButton(text, `view-${name}`, () => choose(name))
  }));
  choose("side");
  return element(
    "div",
    { class: "styledit-tabs", role: "group", "aria-label": "View" },
    ...toggles.map(({ toggle }) => toggle.root)
  );
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
  const canvas = drawnCanvas(width, height, attributes, (context) => {
    context.clearRect(0, 0, width, height);
    if (!there || !drawable(image)) return;
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, width, height);
    const picture = context.getImageData(0, 0, width, height);
    darkenOutside(picture.data);
    context.putImageData(picture, 0, 0);
  });
  const toggle = toggleButton(
    "Mask",
    "mask-toggle",
    (on) => {
      canvas.root.hidden = !on;
      canvas.redraw();
    },
    { title: "Darken what the mask keeps as it is" }
  );
  const show = async ({ mask }) => {
    there = mask !== null;
    toggle.root.disabled = !there;
    await showBytes(image, mask);
    canvas.redraw();
  };
  lab.cleanups.push(() => URL.revokeObjectURL(image.dataset.address ?? ""));
  return { canvas, toggle, show };
}
function darkenOutside(pixels) {
  for (let at = 0; at < pixels.length; at += 4) {
    const outside = pixels[at] < 128;
    pixels[at] = pixels[at + 1] = pixels[at + 2] = 0;
    pixels[at + 3] = outside ? 165 : 0;
  }
}

// styledit/lab/front/edit/words.js
var COLUMNS = [
  {
    name: "tau_c_words",
    short: "tau_c",
    common: (settings) => settings.tau_c,
    bounds: { min: 0, max: 1, step: 0.05 }
  },
  {
    name: "tau_v_words",
    short: "tau_v",
    common: (settings) => settings.tau_v,
    bounds: { min: 0, max: 1, step: 0.05 }
  },
  { name: "reweight", short: "factor", common: () => 1, bounds: { min: -2, max: 6, step: 0.1 } }
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
  const output = element("output", {});
  const root = element("span", { class: "styledit-cell" }, input, output);
  whileDragged(input, changed);
  return {
    root,
    show() {
      root.classList.toggle("styledit-unset", own() === null);
      input.value = String(own() ?? common());
      output.textContent = Number(input.value).toFixed(2);
    }
  };
}
function wordRow(lab, word, changed) {
  const settings = () => lab.edits.current.settings;
  const cells = COLUMNS.map(
    ({ name, short, common, bounds }) => cellSlider(
      `word-${short}-${word}`,
      `${short} of ${word}`,
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
  return {
    root: element(
      "tr",
      {},
      element("th", { scope: "row" }, changed ? element("ins", {}, word) : word),
      ...cells.map((cell) => element("td", {}, cell.root)),
      element("td", {}, reset)
    ),
    show() {
      cells.forEach((cell) => cell.show());
      reset.disabled = COLUMNS.every(({ name }) => settings()[name][word] === void 0);
    }
  };
}
function groupRow(lab, name, title) {
  const settings = () => lab.edits.current.settings;
  const set = (value, moving) => lab.edits.change({ [name]: value }, moving);
  const cell = cellSlider(
    name,
    `tau_v of ${title}`,
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
      element("td", {}, cell.root),
      element("td", {}),
      element("td", {}, reset)
    ),
    show() {
      cell.show();
      reset.disabled = settings()[name] === null;
    }
  };
}
function wordTable(lab) {
  const body = element("tbody", {});
  const groups = GROUPS.map(([name, title]) => groupRow(lab, name, title));
  let rows = [];
  let known = "";
  lab.onTrait("target", (target) => {
    const words = /* @__PURE__ */ new Map();
    for (const { text, changed } of target.words ?? []) words.set(text, changed || Boolean(words.get(text)));
    const mark = JSON.stringify([...words]);
    if (mark === known) return;
    known = mark;
    rows = [...[...words].map(([word, changed]) => wordRow(lab, word, changed)), ...groups];
    body.replaceChildren(...rows.map((row) => row.root));
    rows.forEach((row) => row.show());
  });
  lab.edits.onChange(() => rows.forEach((row) => row.show()));
  const names = ["Word", tauName("Word maps", "c"), tauName("Value inputs", "v"), "Factor"];
  const heads = names.map((name) => element("th", { scope: "col" }, name));
  return element(
    "table",
    { class: "styledit-words" },
    element("thead", {}, element("tr", {}, ...heads, element("th", {}))),
    body
  );
}

// styledit/lab/front/edit/lab.js
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
  lab.onTrait("source", lab.pending.arrived);
  lab.onTrait("target", (target) => {
    lab.note.answered();
    if (target.prompt !== void 0) lab.edits.accept(target);
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
    targetPrompt(lab),
    problemLine(lab),
    local,
    pictureViews(lab),
    blendNote(lab),
    scoreSection(lab),
    progressLine(lab),
    fitLine(lab),
    commonControls(lab),
    historySection(lab),
    element(
      "div",
      { class: "styledit-folds" },
      foldedPart("By word", "fold-words", wordTable(lab)),
      foldedPart("Blend and mask", "fold-mask", ...maskSection(lab)),
      foldedPart("Guided", "fold-guided", ...guidedSection(lab)),
      foldedPart("Contact sheet", "fold-sheet", ...sheetSection(lab)),
      foldedPart("What did this do", "fold-what", ...lastChangeSection(lab)),
      codeFold(lab)
    )
  ];
}
var lab_default = { render };
export {
  lab_default as default
};
