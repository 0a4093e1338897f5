// Made from styledit/lab/front by "npm run build"; change it there.
// styledit/lab/front/shared/elements.js
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== void 0) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== void 0));
  return made;
}
function bytesOf(data) {
  if (!data) return null;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
}
async function showBytes(image, data) {
  const bytes = bytesOf(data);
  if (!bytes || !bytes.length) return;
  const type = bytes[0] === 137 ? "image/png" : "image/webp";
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  const before = image.dataset.address;
  image.dataset.address = address;
  image.src = address;
  try {
    await image.decode();
  } catch {
  }
  if (before) URL.revokeObjectURL(before);
}
function keepKeys(input) {
  input.dataset.lmSuppressShortcuts = "true";
  input.addEventListener("keydown", (event) => event.stopPropagation());
  return input;
}
var namesGiven = 0;
function uniqueId(beginning = "styledit") {
  namesGiven += 1;
  return `${beginning}-${namesGiven}-${Math.random().toString(36).slice(2, 8)}`;
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
    input.addEventListener(event, () => setTimeout(() => {
      if (moved) end();
    }));
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
  input.value = value;
  show();
  whileDragged(input, (next, moving) => {
    show();
    changed(next, moving);
  });
  const root = element(
    "div",
    { class: "styledit-slider" },
    element("label", { for: id, title }, label),
    input,
    output
  );
  return {
    root,
    input,
    set(next) {
      input.value = next;
      show();
    }
  };
}
function asker(model, note) {
  let waiting = null;
  const answered = () => {
    clearTimeout(waiting);
    waiting = null;
    note("");
  };
  const wait = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      note("The kernel is busy with a cell, or no longer there. The newest change follows when it answers; if it does not, run this cell again.");
    }, 2500);
  };
  return {
    answered,
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

// styledit/lab/front/edit/parts.js
function pushButton(text, testid, pressed, attributes = {}) {
  return keepKeys(element("button", { type: "button", "data-testid": testid, onclick: pressed, ...attributes }, text));
}
function toggleButton(text, testid, changed, attributes = {}) {
  const root = pushButton(text, testid, () => {
    set(!on());
    changed(on());
  }, { "aria-pressed": "false", ...attributes });
  const on = () => root.getAttribute("aria-pressed") === "true";
  const set = (value) => root.setAttribute("aria-pressed", value ? "true" : "false");
  return { root, set, on };
}
function foldedPart(title, testid, ...children) {
  const summary = keepKeys(element("summary", { "data-testid": testid }, title));
  return element("details", { class: "styledit-fold" }, summary, element("div", { class: "styledit-fold-body" }, ...children));
}
function labelled(text, control, attributes = {}) {
  control.id ||= uniqueId();
  keepKeys(control);
  return element("div", { class: "styledit-field", ...attributes }, element("label", { for: control.id }, text), control);
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
function drawnCanvas(width, height, attributes, draw) {
  const root = element("canvas", { width, height, ...attributes });
  const redraw = () => draw(root.getContext("2d", { willReadFrequently: true }), root);
  const watch = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) redraw();
  });
  watch.observe(root);
  return { root, redraw, close: () => watch.disconnect() };
}
function drawable(picture) {
  return picture instanceof HTMLCanvasElement ? picture.width > 0 : picture.complete && picture.naturalWidth > 0;
}
function drawDifference(context, canvas, a, b, gain) {
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  if (!drawable(a) || !drawable(b)) return null;
  context.drawImage(b, 0, 0, width, height);
  const second = context.getImageData(0, 0, width, height).data;
  context.drawImage(a, 0, 0, width, height);
  const first = context.getImageData(0, 0, width, height);
  const values = first.data;
  let sum = 0;
  for (let at = 0; at < values.length; at += 4) {
    let distance = 0;
    for (let channel = at; channel < at + 3; channel += 1) distance += Math.abs(values[channel] - second[channel]);
    sum += distance;
    values[at] = values[at + 1] = values[at + 2] = distance / 3 * gain;
    values[at + 3] = 255;
  }
  context.putImageData(first, 0, 0);
  return sum / (width * height * 3);
}
function delayedCall(action, pause) {
  let timer = null;
  const stop = () => {
    clearTimeout(timer);
    timer = null;
  };
  return {
    start() {
      stop();
      timer = setTimeout(() => {
        timer = null;
        action();
      }, pause);
    },
    stop,
    waits: () => timer !== null
  };
}
function afterPaint() {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 300);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
function pauseOf(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
function countOf(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

// styledit/lab/front/edit/controls.js
var TAUS = [
  ["tau_c", "Word maps", "c", "Share of the steps that use the source's cross-attention maps: higher keeps where things are."],
  ["tau_s", "Self-attention", "s", "Share of the steps that use the source's self-attention maps: higher keeps shapes and layout."],
  ["tau_u", "Unconditional", "u", "The same self-attention maps in the branch without a prompt."],
  ["tau_v", "Value inputs", "v", "Share of the steps that read the learned value inputs: higher stays nearer to the picture."]
];
function tauName(text, letter) {
  return element("span", {}, text, " ", element("i", { class: "styledit-symbol" }, "τ", element("sub", {}, letter)));
}
function settingSlider(lab, name, label, options) {
  const made = slider(label, { ...options, value: lab.edits.wish.settings[name] ?? options.min }, (value, moving) => {
    lab.edits.change({ [name]: value }, moving);
  });
  made.input.dataset.testid = name;
  const mark = element("span", { class: "styledit-suggested-mark", title: "suggested", "aria-hidden": "true" });
  const track = element("span", { class: "styledit-track" });
  made.input.replaceWith(track);
  track.append(made.input, mark);
  const show = (wish) => {
    if (wish.settings[name] !== null && wish.settings[name] !== void 0) made.set(wish.settings[name]);
    const suggested = lab.model.get("target")?.suggested?.[name];
    mark.hidden = suggested === null || suggested === void 0;
    mark.style.setProperty("--at", (suggested - options.min) / (options.max - options.min));
  };
  lab.edits.onChange(show);
  return made.root;
}
function suggestedButton(lab) {
  const root = pushButton("Suggested", "suggested", () => lab.edits.set({ auto: true }), {
    title: "The settings that the kit suggests for this change"
  });
  lab.edits.onChange((wish) => root.setAttribute("aria-pressed", wish.auto ? "true" : "false"));
  return root;
}
function stepsSlider(lab) {
  const most = lab.world.most_steps ?? 50;
  const options = { min: Math.min(5, most), max: most, step: 1, value: lab.source().steps ?? Math.min(15, most), title: "More steps: nearer, and slower. The picture is inverted again." };
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
  const methods = lab.world.methods ?? [];
  const select = choiceOf("method", methods.map((name) => [name, name]), (method) => lab.edits.set({ method }));
  lab.edits.onChange((wish) => {
    if (wish.method) select.value = wish.method;
  });
  const root = labelled("Method", select);
  root.hidden = methods.length < 2;
  return root;
}
function guideToggle(lab) {
  const toggle = toggleButton("Guide from the source", "guide_from_source", (on) => {
    lab.edits.change({ guide_from_source: on }, false);
  }, { title: "Guidance leads away from the source prompt, not from the empty one: only the difference is exaggerated." });
  lab.edits.onChange((wish) => toggle.set(Boolean(wish.settings.guide_from_source)));
  return toggle.root;
}
function commonControls(lab) {
  const taus = TAUS.map(([name, text, letter, title]) => settingSlider(lab, name, tauName(text, letter), { min: 0, max: 1, step: 0.05, title }));
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
  tau_words: {},
  tau_v_words: {},
  reweight: {},
  blend: [],
  mask: null
};
var PATIENCE = 2e3;
function requestFlow(send) {
  let open = null;
  let waiting = null;
  let timer = null;
  const close = () => {
    clearTimeout(timer);
    timer = null;
    open = null;
  };
  const go = (request) => {
    waiting = null;
    clearTimeout(timer);
    open = send(request);
    timer = setTimeout(next, PATIENCE);
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
function editWish(model, note, sourcePrompt2) {
  const traits = ["source", "target", "frame", "sheet"];
  let lastId = 0;
  const seen = () => {
    for (const name of traits) lastId = Math.max(lastId, model.get(name)?.id ?? 0);
  };
  const nextId = () => {
    seen();
    lastId += 1;
    return lastId;
  };
  const wish = { prompt: "", settings: { ...DEFAULT_SETTINGS }, method: "", auto: true };
  const readers = [];
  const tell = () => readers.forEach((reader) => reader(wish));
  let asked = 0;
  const flow = requestFlow((request2) => {
    asked = nextId();
    note.ask({ type: "edit", id: asked, ...request2 });
    return asked;
  });
  const request = () => ({ prompt: wish.prompt, settings: knownWords(wish, sourcePrompt2()), method: wish.method, auto: wish.auto });
  const ask = (moving) => flow.ask({ moving, ...request() });
  return {
    wish,
    flow,
    nextId,
    request,
    tell,
    onChange: (reader) => readers.push(reader),
    // A setting was moved by hand.
    change(settings, moving) {
      Object.assign(wish.settings, settings);
      wish.auto = false;
      tell();
      ask(moving);
    },
    // Something else of the wish: prompt, method, auto, or all of a tile's.
    set(parts, moving = false) {
      Object.assign(wish, structuredClone(parts));
      tell();
      ask(moving);
    },
    // What Python says is in use, unless a newer wish is on its way: no slider jumps under a finger.
    accept(target) {
      if (flow.waits() || target.id < asked) return;
      const auto = target.auto ?? wish.auto;
      const settings = { ...DEFAULT_SETTINGS, ...structuredClone(target.settings ?? {}) };
      Object.assign(wish, { prompt: target.prompt ?? wish.prompt, settings, method: target.method ?? wish.method, auto });
      tell();
    },
    // Back to what Python has in use: what was asked for will not come.
    revert() {
      flow.forget();
      asked = 0;
      this.accept(model.get("target") ?? {});
    },
    close: () => flow.forget()
  };
}
function knownWords(wish, sourcePrompt2) {
  const settings = structuredClone(wish.settings);
  const spaced = (text) => ` ${promptWords((text ?? "").toLowerCase()).join(" ")} `;
  const isIn = (word, text) => spaced(text).includes(spaced(word));
  settings.blend = (settings.blend ?? []).filter((word) => isIn(word, wish.prompt) || isIn(word, sourcePrompt2));
  for (const name of ["tau_words", "tau_v_words", "reweight"]) {
    const kept = Object.entries(settings[name] ?? {}).filter(([word]) => isIn(word, wish.prompt));
    settings[name] = Object.fromEntries(kept);
  }
  return settings;
}
function promptWords(prompt) {
  return (prompt ?? "").split(/\s+/).filter(Boolean);
}

// styledit/lab/front/edit/prompt.js
var TYPING = 350;
var asRead = (prompt) => prompt.toLowerCase().replace(/[.,!?;:]/g, " ");
function slotIn(prompt, slot) {
  let found = null;
  const read = ` ${asRead(prompt)} `;
  for (const phrase of slot.words) {
    const start = phrase ? read.indexOf(` ${phrase} `) : -1;
    if (start < 0 || found && (start > found.start || start === found.start && phrase.length <= found.phrase.length)) continue;
    found = { start, end: start + phrase.length, phrase };
  }
  return found;
}
function withSlot(prompt, world, index, phrase) {
  const { slots } = world;
  const things = slots.find((slot) => slot.label === "thing");
  const sentence = /\ban? /.test(asRead(prompt)) && (!things || slotIn(prompt, things)) && !unknownWords(prompt, world).length;
  if (!sentence) return ofSlots(slots.map((slot, at) => at === index ? phrase : slotIn(prompt, slot)?.phrase));
  const next = Math.min(prompt.length, ...slots.slice(index + 1).map((slot) => slotIn(prompt, slot)?.start ?? prompt.length));
  const { start, end } = slotIn(prompt, slots[index]) ?? (index ? { start: next, end: next } : { start: 0, end: 0 });
  return withArticles(`${prompt.slice(0, start)} ${phrase} ${prompt.slice(end)}`);
}
function ofSlots(phrases) {
  const words = [];
  let named = false;
  phrases.filter(Boolean).forEach((part) => {
    const whole = /^(an?|in|on) /.test(part);
    if (!whole && !named) words.push("a");
    named = !whole;
    words.push(part);
  });
  return withArticles(words.join(" "));
}
function withArticles(text) {
  const spaced = text.trim().replace(/\s+/g, " ").replace(/ ([.,!?;:])/g, "$1");
  return spaced.replace(/\b(an?) (?=([a-z]))/g, (_, article, letter) => "aeiou".includes(letter) ? "an " : "a ");
}
function unknownWords(prompt, world) {
  const known = new Set(world.words ?? []);
  return known.size ? promptWords(asRead(prompt)).filter((word) => !known.has(word)) : [];
}
function slotChoices(world, testid, get, set) {
  const slots = world.slots ?? [];
  const optional = (slot) => (world.samples ?? []).some((sample) => !slotIn(sample.prompt, slot));
  const shown = slots.map((slot, index) => ({ slot, index, none: optional(slot) }));
  const selects = shown.map(({ slot, index }) => choiceOf(
    `${testid}-${slot.label}`,
    [],
    (phrase) => set(withSlot(get(), world, index, phrase)),
    { "aria-label": slot.label, title: slot.label }
  ));
  const show = () => shown.forEach(({ slot, none }, at) => {
    const phrase = slotIn(get(), slot)?.phrase ?? "";
    const empty = none || !phrase ? [["", `no ${slot.label}`]] : [];
    fillChoice(selects[at], [...empty, ...slot.words.filter(Boolean).map((word) => [word, word])]);
    selects[at].value = phrase;
  });
  const root = element("div", { class: "styledit-slots" }, ...selects);
  root.hidden = !selects.length;
  return { root, show };
}
function targetPrompt(lab) {
  const input = element("input", { type: "text", "data-testid": "target-prompt", spellcheck: "false", autocomplete: "off" });
  const difference = element("p", { class: "styledit-difference-line", "data-testid": "prompt-difference" });
  const typed = delayedCall(() => send(), TYPING);
  const slots = slotChoices(lab.world, "target-slot", () => input.value, (prompt) => {
    input.value = prompt;
    send();
  });
  const send = () => {
    typed.stop();
    if (input.value.trim() && input.value !== lab.edits.wish.prompt) lab.edits.set({ prompt: input.value.trim() });
  };
  const showDifference = () => {
    difference.replaceChildren(...markedDifference(lab.source().prompt, input.value));
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
  lab.edits.onChange((wish) => {
    if (!typed.waits() && input.value.trim() !== wish.prompt) input.value = wish.prompt;
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
  const nodes = [];
  for (const [kind, word] of wordSteps(before, after)) {
    const tag = { same: "span", gone: "del", come: "ins" }[kind];
    nodes.push(element(tag, {}, word), " ");
  }
  return nodes;
}
function wordSteps(before, after) {
  const rows = before.length;
  const columns = after.length;
  const common = Array.from({ length: rows + 1 }, () => new Array(columns + 1).fill(0));
  for (let i2 = rows - 1; i2 >= 0; i2 -= 1) {
    for (let j2 = columns - 1; j2 >= 0; j2 -= 1) {
      const same = before[i2].toLowerCase() === after[j2].toLowerCase();
      common[i2][j2] = same ? common[i2 + 1][j2 + 1] + 1 : Math.max(common[i2 + 1][j2], common[i2][j2 + 1]);
    }
  }
  const steps = [];
  let i = 0;
  let j = 0;
  while (i < rows || j < columns) {
    if (i < rows && j < columns && before[i].toLowerCase() === after[j].toLowerCase()) {
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

// styledit/lab/front/edit/crop.js
var STEP = 0.02;
function cropPanel(lab, used) {
  const [width, height] = lab.world.size;
  const cut = { picture: null, name: "", zoom: 1, x: 0.5, y: 0.5 };
  const preview = keepKeys(element("canvas", {
    width,
    height,
    tabindex: "0",
    role: "img",
    "data-testid": "crop-preview",
    "aria-label": "The part that is used. Arrow keys move it, plus and minus scale it."
  }));
  const draw = () => drawCut(preview, cut);
  const scale = slider("Scale", { min: 1, max: 6, step: 0.05, value: 1 }, (value) => {
    cut.zoom = value;
    draw();
  });
  scale.input.dataset.testid = "crop-scale";
  const prompt = element("input", { type: "text", "data-testid": "upload-prompt", spellcheck: "false" });
  const slots = slotChoices(lab.world, "upload-slot", () => prompt.value, (text) => {
    prompt.value = text;
    show();
  });
  const wrong = element("p", { class: "styledit-problem", role: "alert", "data-testid": "upload-problem" });
  const show = () => {
    slots.show();
    const unknown = unknownWords(prompt.value, lab.world);
    wrong.textContent = unknown.length ? `The model does not know “${unknown.join("”, “")}”: choose the nearest words below.` : "";
  };
  prompt.addEventListener("input", show);
  const use = async () => {
    show();
    if (!prompt.value.trim()) wrong.textContent = "Say what the picture shows: choose the nearest words below.";
    if (wrong.textContent) return;
    const bytes = await pngOf(preview);
    close();
    used(bytes, cut.name, prompt.value.trim());
  };
  const close = () => {
    root.hidden = true;
    lab.root.classList.remove("styledit-cropping");
    cut.picture?.close();
    cut.picture = null;
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
      element("p", { class: "styledit-hint" }, "Drag the picture to choose the part. Then say what it shows."),
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
  moveByHand(preview, cut, draw, scale);
  return {
    root,
    async open(file) {
      try {
        const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
        cut.picture?.close();
        Object.assign(cut, { picture, name: file.name ?? "picture", zoom: 1, x: 0.5, y: 0.5 });
      } catch {
        lab.say(`${file.name ?? "This file"} is not a picture that the browser can read; take a PNG, JPEG or WebP file.`);
        return;
      }
      lab.say("");
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
function cutRectangle({ picture, zoom, x, y }, width, height) {
  const fit = Math.min(picture.width / width, picture.height / height) / zoom;
  const [w, h] = [width * fit, height * fit];
  const inside = (centre, size, whole) => Math.max(0, Math.min(whole - size, centre * whole - size / 2));
  return [inside(x, w, picture.width), inside(y, h, picture.height), w, h];
}
function drawCut(canvas, cut) {
  if (!cut.picture) return;
  const { width, height } = canvas;
  const [x, y, w, h] = cutRectangle(cut, width, height);
  const context = canvas.getContext("2d");
  let [picture, left, top, across, down] = [cut.picture, x, y, w, h];
  while (across > 2 * width) {
    const half = new OffscreenCanvas(Math.ceil(across / 2), Math.ceil(down / 2));
    const smaller = half.getContext("2d");
    smaller.imageSmoothingQuality = "high";
    smaller.drawImage(picture, left, top, across, down, 0, 0, half.width, half.height);
    [picture, left, top, across, down] = [half, 0, 0, half.width, half.height];
  }
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, left, top, across, down, 0, 0, width, height);
}
function moveByHand(preview, cut, draw, scale) {
  const move = (dx, dy) => {
    if (!cut.picture) return;
    const [, , w, h] = cutRectangle(cut, preview.width, preview.height);
    const kept = (centre, part) => Math.max(part / 2, Math.min(1 - part / 2, centre));
    cut.x = kept(cut.x + dx * w / cut.picture.width, w / cut.picture.width);
    cut.y = kept(cut.y + dy * h / cut.picture.height, h / cut.picture.height);
    draw();
  };
  const zoom = (factor) => {
    scale.set(cut.zoom * factor);
    cut.zoom = Number(scale.input.value);
    move(0, 0);
  };
  preview.addEventListener("pointerdown", (event) => preview.setPointerCapture(event.pointerId));
  preview.addEventListener("pointermove", (event) => {
    if (!preview.hasPointerCapture(event.pointerId)) return;
    move(-event.movementX / preview.clientWidth, -event.movementY / preview.clientHeight);
  });
  preview.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
  }, { passive: false });
  preview.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (moves[event.key]) move(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") zoom(1.1);
    else if (event.key === "-") zoom(1 / 1.1);
    else return;
    event.preventDefault();
  });
}
async function pngOf(canvas) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return new Uint8Array(await blob.arrayBuffer());
}

// styledit/lab/front/edit/guided.js
var [PLOT_WIDTH, PLOT_HEIGHT] = [150, 28];
function guidedSection(lab) {
  const world = lab.world.guiding;
  const wish = { weights: { ...world.presets[0].weights }, iterations: world.iterations, start: world.starts[0] };
  const weights = weightControls(world, wish);
  const slot = styleSlot(lab, (there) => weights.fitStyle(there));
  const most = Math.min(200, world.most_iterations);
  const iterations = slider("Iterations", { min: 1, max: most, step: 1, value: wish.iterations, title: "Of Adam, in all, spread over the steps" }, (value) => {
    wish.iterations = value;
  });
  iterations.input.dataset.testid = "guided-iterations";
  const start = choiceOf("guided-start", world.starts.map((name) => [name, name]), (name) => {
    wish.start = name;
  });
  const go = pushButton("Guide", "guided-go", () => {
    lab.edits.flow.forget();
    const { prompt, settings, auto } = lab.edits.request();
    const { parts, bytes } = slot.wanted();
    lab.note.ask({ type: "guide", id: lab.edits.nextId(), prompt, settings, auto, seed: 0, ...wish, style: parts }, bytes ? [bytes] : []);
  }, { class: "styledit-main" });
  const stop = pushButton("Stop, keep the best", "guided-stop", () => lab.send({ type: "stop" }));
  const status = element("p", { role: "status", "data-testid": "guided-status" });
  const curves = element("div", { class: "styledit-curves", "data-testid": "guided-curves" });
  const film = filmStrip();
  let known = "";
  const follow = (asked, style) => {
    const now = JSON.stringify({ ...asked, taken: null });
    if (now === known) return;
    known = now;
    Object.assign(wish, { weights: { ...asked.weights }, iterations: asked.iterations, start: asked.start });
    weights.show();
    iterations.set(asked.iterations);
    start.value = asked.start;
    slot.show(asked.style, style);
  };
  lab.onTrait("guided", (guided) => {
    if (guided.asked) follow(guided.asked, guided.style);
    stop.disabled = !guided.running;
    status.textContent = guidedSentence(guided);
    curves.replaceChildren(...termCurves(world, guided.curves ?? {}));
    film.fill(guided.film ?? []);
  });
  return [
    element("p", { class: "styledit-hint" }, "The value inputs of the changed words (of all, where none is changed) are optimised for what the decoded picture should be. Choose what pulls, and how strongly; every other setting is the one above. With a style picture and an unchanged prompt, CLIP first says that picture's look in the prompt."),
    weights.root,
    slot.root,
    element("div", { class: "styledit-row styledit-guided-go" }, iterations.root, labelled("Start from", start), go, stop),
    status,
    curves,
    film.root
  ];
}
function weightControls(world, wish) {
  const sliders = world.terms.map(({ name, label, hint }) => {
    const made = slider(label, { min: 0, max: 1, step: 0.05, value: wish.weights[name], title: hint }, (value) => {
      wish.weights[name] = value;
      show();
    });
    made.input.dataset.testid = `guided-${name}`;
    return [name, made];
  });
  const same = (preset) => world.terms.every(({ name }) => Math.abs(preset.weights[name] - wish.weights[name]) < 1e-9);
  const take = (name) => {
    const preset = world.presets.find((one) => one.name === name);
    if (preset) wish.weights = { ...preset.weights };
    show();
  };
  const presets = choiceOf("guided-preset", [...world.presets.map(({ name, label }) => [name, label]), ["", "as set below"]], take);
  const show = () => {
    for (const [name, made] of sliders) {
      made.set(wish.weights[name]);
      made.root.classList.toggle("styledit-unset", !wish.weights[name]);
    }
    presets.value = world.presets.find(same)?.name ?? "";
  };
  show();
  return {
    root: element("div", { class: "styledit-guided-weights" }, labelled("What pulls", presets), element("div", { class: "styledit-sliders" }, ...sliders.map(([, made]) => made.root))),
    show,
    fitStyle(there) {
      const reads = wish.weights.style > 0 || wish.weights.adversarial > 0;
      if (there && !reads) take("reference");
      else if (!there && presets.value === "reference") take("default");
    }
  };
}
function styleSlot(lab, changed) {
  let parts = null;
  let bytes = null;
  const [width, height] = lab.world.size;
  const chosen = element("img", { alt: "The style picture", "data-testid": "guided-style-image", hidden: true });
  const none = pushButton("Remove", "guided-style-none", () => put(null, null));
  const samples = (lab.world.samples ?? []).map((entry) => {
    const image = element("img", { alt: "" });
    lab.picture(image, entry.thumb);
    const button = pushButton("", `guided-style-${entry.name}`, () => put({ kind: "sample", name: entry.name }, entry.thumb), { class: "styledit-thumb", "aria-label": `The look of: ${entry.prompt}`, title: entry.prompt });
    button.append(image);
    return [entry.name, button];
  });
  const show = (next, picture) => {
    parts = next ? { kind: next.kind, name: next.name } : null;
    bytes = null;
    chosen.hidden = none.hidden = !parts;
    if (parts) showBytes(chosen, picture);
    for (const [name, button] of samples) button.setAttribute("aria-pressed", parts?.kind === "sample" && parts.name === name ? "true" : "false");
  };
  function put(next, picture) {
    show(next, picture);
    changed(Boolean(next));
  }
  const take = async (file) => {
    try {
      const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
      const canvas = element("canvas", { width, height });
      drawCut(canvas, { picture, zoom: 1, x: 0.5, y: 0.5 });
      picture.close();
      const read = await pngOf(canvas);
      put({ kind: "upload", name: file.name ?? "picture" }, read);
      bytes = read;
      lab.say("");
    } catch {
      lab.say(`${file.name ?? "This file"} is not a picture that the browser can read; take a PNG, JPEG or WebP file.`);
    }
  };
  const input = keepKeys(element("input", { type: "file", accept: "image/*", "data-testid": "guided-style-file", "aria-label": "A style picture of your own" }));
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0]);
    input.value = "";
  });
  const root = element(
    "div",
    { class: "styledit-style-slot", role: "group", "aria-label": "Style picture" },
    element("label", { class: "styledit-drop" }, input, chosen, element("span", {}, "Style picture: choose a file, or drop one here")),
    element("div", { class: "styledit-thumbs" }, ...samples.map(([, button]) => button), none)
  );
  takeStyleDrops(lab, root, take);
  show(null, null);
  return { root, show, wanted: () => ({ parts, bytes }) };
}
function takeStyleDrops(lab, root, take) {
  for (const event of ["dragenter", "dragover", "drop"]) {
    root.addEventListener(event, (dropped) => {
      dropped.preventDefault();
      dropped.stopPropagation();
      lab.root.classList.remove("styledit-dropping");
      if (event === "drop" && dropped.dataTransfer.files.length) take(dropped.dataTransfer.files[0]);
    });
  }
}
function guidedSentence({ running, iteration, iterations, step, steps, stopped, evaluations, seconds }) {
  if (iteration === void 0) return "";
  if (running) return `Iteration ${iteration} of at most ${iterations}, at step ${step + 1} of ${steps}.`;
  if (!stopped) return "It was replaced by something newer.";
  const cost = `${iteration} iterations, ${evaluations} network evaluations`;
  return stopped === "done" ? `Done: ${cost}${seconds < 0.05 ? ", kept from before" : `, ${seconds.toFixed(1)} s`}.` : `Stopped; the best so far is shown: ${cost}.`;
}
function termCurves(world, curves) {
  const labels = { loss: "Sum", ...Object.fromEntries(world.terms.map(({ name, label }) => [name, label])) };
  const terms = Object.entries(curves).filter(([, curve]) => curve.length);
  const shown = terms.length === 2 ? terms.filter(([name]) => name !== "loss") : terms;
  return shown.map(([name, curve]) => {
    const line = curveLine(curve);
    const ends = `${curve[0].toPrecision(3)} → ${curve.at(-1).toPrecision(3)}`;
    line.setAttribute("aria-label", `${labels[name] ?? name}: ${ends}`);
    return element("div", { class: "styledit-curve" }, element("span", {}, labels[name] ?? name), line, element("span", { class: "styledit-hint" }, ends));
  });
}
function curveLine(curve) {
  const [low, high] = [Math.min(...curve), Math.max(...curve)];
  const x = (k) => curve.length === 1 ? PLOT_WIDTH / 2 : k / (curve.length - 1) * (PLOT_WIDTH - 6) + 3;
  const y = (value) => PLOT_HEIGHT - 3 - (value - low) / (high - low || 1) * (PLOT_HEIGHT - 6);
  const make = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const plot = make("svg", { viewBox: `0 0 ${PLOT_WIDTH} ${PLOT_HEIGHT}`, role: "img" });
  plot.append(
    make("polyline", { points: curve.map((value, k) => `${x(k).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }),
    make("circle", { cx: x(curve.length - 1), cy: y(curve.at(-1)), r: 2.5 })
  );
  return plot;
}
function filmStrip() {
  const root = element("div", { class: "styledit-film", role: "group", "aria-label": "Filmstrip", "data-testid": "guided-film", tabindex: "0" });
  keepKeys(root);
  const forget = (figure) => figure.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.dataset.address ?? ""));
  return {
    root,
    fill(film) {
      const same = film.length >= root.children.length && [...root.children].every((figure, k) => figure.dataset.key === filmKey(film[k]));
      if (!same) {
        [...root.children].forEach(forget);
        root.replaceChildren();
      }
      for (const frame of film.slice(root.children.length)) root.append(filmFigure(frame));
      if (same && film.length) root.scrollLeft = root.scrollWidth;
    }
  };
}
function filmKey({ iteration, step, picture }) {
  return [iteration, step, picture.byteLength].join();
}
function filmFigure(frame) {
  const picture = element("img", { alt: `The estimate at iteration ${frame.iteration}` });
  showBytes(picture, frame.picture);
  const heat = frame.heat ? element("img", { alt: "Where the object's word looks: white is most", class: "styledit-film-heat" }) : null;
  if (heat) showBytes(heat, frame.heat);
  return element("figure", { "data-key": filmKey(frame) }, picture, heat, element("figcaption", {}, `${frame.iteration} · step ${frame.step + 1}`));
}

// styledit/lab/front/edit/history.js
function historySection(lab) {
  const strip = element("div", { class: "styledit-history", role: "group", "aria-label": "History" });
  let entries = [];
  let shown = null;
  const recall = (id) => {
    shown = id;
    lab.edits.flow.forget();
    lab.forgetSettled();
    lab.note.ask({ type: "recall", id, request: lab.edits.nextId() });
    show();
  };
  const place = () => entries.findIndex((entry) => entry.id === shown);
  const undo = pushButton("Undo", "undo", () => recall(entries[place() - 1].id));
  const redo = pushButton("Redo", "redo", () => recall(entries[place() + 1].id));
  const name = element("input", { type: "text", "data-testid": "history-name", placeholder: "Name this edit", "aria-label": "Name of this edit", maxlength: 40 });
  keepKeys(name);
  const rename = () => {
    if (place() >= 0 && name.value.trim() !== (entries[place()].name ?? "")) lab.send({ type: "rename", id: shown, name: name.value.trim() });
  };
  name.addEventListener("change", rename);
  const show = () => {
    const at = place();
    for (const button of strip.children) button.setAttribute("aria-pressed", Number(button.dataset.entry) === shown ? "true" : "false");
    undo.disabled = at < 1;
    redo.disabled = at < 0 || at >= entries.length - 1;
    name.disabled = at < 0;
    if (document.activeElement !== name) name.value = at < 0 ? "" : entries[at].name ?? "";
  };
  lab.onTrait("history", (history) => {
    const next = Array.isArray(history) ? history : [];
    const grew = (next.at(-1)?.id ?? -1) > (entries.at(-1)?.id ?? -1);
    const first = !entries.length;
    entries = next;
    if (first) shown = presentEntry(lab, entries);
    else if (place() < 0 || grew && !sameEdit(entries.at(-1), entries[place()])) shown = entries.at(-1)?.id ?? null;
    fillStrip(lab, strip, entries, recall);
    show();
    if (grew) strip.scrollLeft = strip.scrollWidth;
  });
  return element(
    "section",
    { class: "styledit-past", "aria-label": "History and files" },
    strip,
    element("div", { class: "styledit-row" }, undo, redo, name, ...fileButtons(lab))
  );
}
function presentEntry(lab, entries) {
  const target = lab.model.get("target") ?? {};
  return (entries.findLast((entry) => sameEdit(entry, target)) ?? entries.at(-1))?.id ?? null;
}
function sameEdit(...edits) {
  const [a, b] = edits.map((edit) => JSON.stringify([edit.prompt, edit.method, edit.settings, edit.guided ?? null]));
  return a === b;
}
function fillStrip(lab, strip, entries, recall) {
  const there = new Map([...strip.children].map((button) => [Number(button.dataset.entry), button]));
  strip.replaceChildren(...entries.map((entry) => {
    const button = there.get(entry.id) ?? historyButton(lab, entry, recall);
    const text = entry.name || entry.prompt;
    button.setAttribute("aria-label", `${text}; show it again`);
    button.title = `${entry.prompt}
${settingsInShort(entry)}`;
    button.lastChild.textContent = entry.name ?? "";
    there.delete(entry.id);
    return button;
  }));
  for (const gone of there.values()) URL.revokeObjectURL(gone.firstChild.dataset.address ?? "");
}
function historyButton(lab, entry, recall) {
  const image = element("img", { alt: "" });
  lab.picture(image, entry.thumb);
  const button = pushButton("", `history-${entry.id}`, () => recall(entry.id), { class: "styledit-thumb", "data-entry": entry.id });
  button.append(image, element("span", {}));
  return button;
}
function settingsInShort({ settings = {}, method = "", guided = null }) {
  const taus = ["c", "s", "u", "v"].map((letter) => `τ${letter} ${Number(settings[`tau_${letter}`] ?? 0).toFixed(2)}`);
  return [...taus, `guidance ${settings.guidance}`, method, guided ? "guided" : ""].filter(Boolean).join(" · ");
}
function fileButtons(lab) {
  let wanted = false;
  const save = pushButton("Save PNG", "save", () => {
    wanted = true;
    lab.note.ask({ type: "save" });
  }, { title: "A picture file that carries prompt, settings and mask" });
  lab.onTrait("saved", (saved) => {
    lab.note.answered();
    if (wanted && saved.data) download(saved);
    wanted = false;
  });
  const file = keepKeys(element("input", { type: "file", accept: "image/png", "data-testid": "open", "aria-label": "Open a saved PNG" }));
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    const bytes = new Uint8Array(await file.files[0].arrayBuffer());
    file.value = "";
    lab.edits.flow.forget();
    lab.forgetSettled();
    lab.note.ask({ type: "open", id: lab.edits.nextId() }, [bytes]);
  });
  return [save, element("label", { class: "styledit-button", title: "Open a PNG that was saved here: its picture, prompt and settings" }, file, "Open PNG")];
}
function download({ name, data }) {
  const address = URL.createObjectURL(new Blob([bytesOf(data)], { type: "image/png" }));
  const link = element("a", { href: address, download: name || "edit.png" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1e4);
}
function codeFold(lab) {
  const text = element("pre", { class: "styledit-code", tabindex: "0", "data-testid": "code", "aria-label": "Python calls that reproduce this picture" });
  keepKeys(text);
  const copy = pushButton("Copy", "copy-code", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text);
      copy.textContent = "Selected: press Ctrl+C";
    }
  });
  lab.onTrait("code", (code) => {
    text.textContent = typeof code === "string" ? code : "";
    copy.textContent = "Copy";
  });
  return foldedPart("As code", "fold-code", text, element("div", { class: "styledit-row" }, copy));
}

// styledit/lab/front/edit/mask.js
var REST = 350;
function maskSection(lab) {
  const painter = maskPainter(lab);
  return [
    element("p", { class: "styledit-hint" }, "Blend words: outside their maps the picture stays as it was."),
    blendWords(lab),
    settingSlider(lab, "blend_threshold", "Threshold", { min: 0, max: 1, step: 0.05, title: "Share of a word map's peak from which a cell belongs to the mask" }),
    element("p", { class: "styledit-hint" }, "Or paint: what is painted may change, the rest stays. A painted mask takes the blend words' place."),
    painter
  ];
}
var SMALL = /* @__PURE__ */ new Set(["a", "an", "the", "of", "in", "on", "with", "and"]);
function blendWords(lab) {
  const root = element("div", { class: "styledit-row", role: "group", "aria-label": "Blend words" });
  let toggles = /* @__PURE__ */ new Map();
  const show = () => toggles.forEach((toggle, word) => toggle.set((lab.edits.wish.settings.blend ?? []).includes(word)));
  const fill = () => {
    const all = [...lab.source().words ?? [], ...(lab.model.get("target")?.words ?? []).map((word) => word.text)];
    const used = lab.edits.wish.settings.blend ?? [];
    const words = /* @__PURE__ */ new Set([...all.filter((word) => !SMALL.has(word)), ...used]);
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
function packedMask(cells, width, height) {
  if (!cells.some(Boolean)) return null;
  const rows = Array.from({ length: height }, (_, y) => cells.slice(y * width, (y + 1) * width).join(""));
  return { width, height, rows };
}
function unpackedMask(mask, width, height) {
  const cells = new Uint8Array(width * height);
  if (!mask) return cells;
  for (let y = 0; y < height; y += 1) {
    const row = mask.rows[Math.floor(y * mask.height / height)];
    for (let x = 0; x < width; x += 1) cells[y * width + x] = row[Math.floor(x * mask.width / width)] === "1" ? 1 : 0;
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
    class: "styledit-painter",
    tabindex: "0",
    "data-testid": "mask-canvas",
    role: "application",
    "aria-label": "Mask painter. Arrow keys move the brush, space paints, backspace erases."
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
  lab.onTrait("source", () => setTimeout(canvas.redraw, 100));
  lab.cleanups.push(canvas.close, rest.stop);
  return element(
    "div",
    { class: "styledit-paint" },
    canvas.root,
    element(
      "div",
      { class: "styledit-paint-side" },
      element("div", { class: "styledit-row" }, element("div", { class: "styledit-tabs" }, paint.root, erase.root)),
      brush.root,
      element("div", { class: "styledit-row" }, pushButton("Everything", "mask-fill", () => all(() => 1)), pushButton("Invert", "mask-invert", () => all((cell) => 1 - cell)), pushButton("No mask", "mask-clear", () => all(() => 0))),
      place
    )
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
      if (!cell) context.fillRect(at % state.width * w, Math.floor(at / state.width) * h, w, h);
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
  const lineTo = ([x, y]) => {
    const [fromX, fromY] = root.dataset.painting ? [state.x, state.y] : [x, y];
    const steps = Math.max(Math.abs(x - fromX), Math.abs(y - fromY), 1);
    for (let k = 1; k <= steps; k += 1) {
      state.x = Math.round(fromX + (x - fromX) * k / steps);
      state.y = Math.round(fromY + (y - fromY) * k / steps);
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
    } else if (value !== void 0) {
      stamp(value);
      ask(true);
      rest.start();
    } else return;
    event.preventDefault();
    place.textContent = `Column ${state.x + 1}, row ${state.y + 1}: ${state.cells[state.y * state.width + state.x] ? "painted" : "kept"}`;
    redraw();
  });
}

// styledit/lab/front/edit/sheet.js
function sheetSection(lab) {
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
    element("div", { class: "styledit-row" }, labelled("Variants of", axes), draw),
    promptField,
    grid
  ];
}
function sheetGrid(lab, grid) {
  let shape = "";
  let tiles = /* @__PURE__ */ new Map();
  const build = (sheet) => {
    grid.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.dataset.address ?? ""));
    tiles = /* @__PURE__ */ new Map();
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
      if (!sheet.rows) {
        build({ rows: [], columns: [] });
        shape = "";
        return;
      }
      const now = JSON.stringify([sheet.id, sheet.rows, sheet.columns]);
      if (now !== shape) build(sheet);
      shape = now;
      for (const given of sheet.tiles ?? []) tiles.get(`${given.row}-${given.column}`)?.fill(given);
      mark();
    }
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
      if (now === known) return;
      known = now;
      root.disabled = !given.picture;
      root.title = `${given.prompt}
${given.settings ? settingsInShort(given) : given.method}`;
      root.classList.toggle("styledit-preview", !given.exact);
      showBytes(image, given.picture);
      const seen = { true: ["✓", "the judge sees the change"], false: ["–", "the judge does not see the change"] }[given.happened];
      badge.textContent = seen?.[0] ?? "";
      badge.dataset.happened = String(given.happened);
      root.setAttribute("aria-label", [label, seen?.[1]].filter(Boolean).join(": "));
    },
    mark() {
      const { prompt, method, settings } = lab.edits.wish;
      const same = tile?.settings && JSON.stringify([tile.prompt, tile.method]) === JSON.stringify([prompt, method]) && ["tau_c", "tau_s", "tau_u", "tau_v", "guidance"].every((name) => Math.abs((tile.settings[name] ?? 0) - (settings[name] ?? 0)) < 1e-9);
      root.setAttribute("aria-pressed", same ? "true" : "false");
    }
  };
}

// styledit/lab/front/edit/source.js
var WAYS = [["sample", "Lesson pictures"], ["upload", "Your own"], ["seed", "From a seed"], ["challenge", "Challenge"]];
function sourceSection(lab) {
  const crop = cropPanel(lab, (bytes, name, prompt) => {
    lab.askSource({ kind: "upload", name, prompt }, bytes, prompt);
    lab.focusTarget();
  });
  lab.cleanups.push(crop.close);
  const panels = {
    sample: thumbStrip(lab, "sample", lab.world.samples ?? [], (entry) => anotherStyle(lab.world, entry.prompt)),
    upload: uploadPanel(lab, crop),
    seed: seedPanel(lab),
    challenge: thumbStrip(lab, "challenge", lab.world.challenges ?? [], (entry) => entry.target)
  };
  const there = WAYS.filter(([way]) => !panels[way].dataset.empty);
  const tabs = there.map(([way, text]) => [way, toggleButton(text, `from-${way}`, () => open(way))]);
  const open = (way) => {
    for (const [name, tab] of tabs) tab.set(name === way);
    for (const [name, panel] of Object.entries(panels)) panel.hidden = name !== way;
  };
  open(panels[lab.source().kind] && !panels[lab.source().kind].dataset.empty ? lab.source().kind : there[0][0]);
  const section = element(
    "section",
    { class: "styledit-source", "aria-label": "Picture" },
    element("div", { class: "styledit-tabs" }, ...tabs.map(([, tab]) => tab.root)),
    ...Object.values(panels),
    crop.root,
    sourcePrompt(lab)
  );
  takeDrops(lab, section, (file) => {
    open("upload");
    crop.open(file);
  });
  return section;
}
function anotherStyle(world, prompt) {
  const words = world.slots?.[0]?.words ?? [];
  const found = words.length > 1 && slotIn(prompt, world.slots[0]);
  return found ? withSlot(prompt, world, 0, words[(words.indexOf(found.phrase) + 1) % words.length]) : prompt;
}
function thumbStrip(lab, kind, entries, target) {
  const strip = element("div", { class: `styledit-thumbs styledit-thumbs-${kind}` });
  const said = element("p", { class: "styledit-hint", hidden: kind !== "challenge" });
  const root = element("div", {}, strip, said);
  if (!entries.length) root.dataset.empty = "true";
  const buttons = entries.map((entry) => {
    const image = element("img", { alt: "" });
    lab.picture(image, entry.thumb);
    const button = pushButton("", `${kind}-${entry.name}`, () => {
      lab.askSource({ kind, name: entry.name, prompt: entry.prompt }, null, target(entry));
    }, { class: "styledit-thumb", "aria-label": entry.label ?? entry.prompt, title: entry.label ?? entry.prompt });
    button.append(image);
    strip.append(button);
    return [entry, button];
  });
  lab.onSource((source) => {
    const chosen = (entry) => source.kind === kind && source.name === entry.name;
    for (const [entry, button] of buttons) button.setAttribute("aria-pressed", chosen(entry) ? "true" : "false");
    const label = entries.find(chosen)?.label;
    said.textContent = label ? `Challenge ${label}. Can you come nearer to the true edit than the suggested settings?` : "Choose one: its true edit is known, and yours is measured against it.";
  });
  return root;
}
function uploadPanel(lab, crop) {
  const input = keepKeys(element("input", { type: "file", accept: "image/*", "data-testid": "upload", "aria-label": "A picture of your own" }));
  input.addEventListener("change", () => {
    if (input.files.length) crop.open(input.files[0]);
    input.value = "";
  });
  return element(
    "div",
    { class: "styledit-upload" },
    element("label", { class: "styledit-drop" }, input, element("span", {}, "Choose a file, or drop a picture here"))
  );
}
function seedPanel(lab) {
  const seed = element("input", { type: "number", min: "0", step: "1", value: String(lab.source().seed ?? 0), "data-testid": "seed" });
  const draw = () => {
    const prompt = lab.sourcePrompt();
    lab.askSource({ kind: "seed", name: "", seed: Math.max(0, Math.round(Number(seed.value) || 0)), prompt }, null, prompt);
  };
  seed.addEventListener("keydown", (event) => {
    if (event.key === "Enter") draw();
  });
  lab.onSource((source) => {
    if (Number.isInteger(source.seed) && document.activeElement !== seed) seed.value = source.seed;
  });
  const other = () => {
    seed.value = Math.floor(Math.random() * 1e4);
    draw();
  };
  return element(
    "div",
    { class: "styledit-row" },
    labelled("Seed", seed),
    pushButton("Draw", "seed-draw", draw, { class: "styledit-main" }),
    pushButton("Another", "seed-other", other),
    element("span", { class: "styledit-hint" }, "The model draws the sentence below; that is the picture to edit.")
  );
}
function sourcePrompt(lab) {
  const input = element("input", { type: "text", "data-testid": "source-prompt", spellcheck: "false", autocomplete: "off" });
  const again = pushButton("Invert again", "source-apply", () => apply(), { class: "styledit-main", hidden: true });
  const show = () => {
    again.hidden = !input.value.trim() || input.value.trim() === lab.source().prompt;
    slots.show();
  };
  const slots = slotChoices(lab.world, "source-slot", () => input.value, (prompt) => {
    input.value = prompt;
    show();
  });
  slots.root.hidden = true;
  const apply = () => {
    const prompt = input.value.trim();
    if (!prompt || prompt === lab.source().prompt) return;
    lab.askSource({ prompt }, null, null);
  };
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") apply();
  });
  const note = element("p", { class: "styledit-note", "data-testid": "source-note" });
  let known = null;
  lab.onSource((source, failed) => {
    if (source.prompt !== known && !failed) input.value = source.prompt ?? "";
    known = source.prompt;
    note.textContent = source.note ?? "";
    show();
  });
  lab.sourcePrompt = () => input.value.trim();
  const root = element("div", { class: "styledit-shows" }, labelled("The picture shows", input, { class: "styledit-field styledit-wide" }), again, slots.root, note);
  root.addEventListener("focusin", () => {
    slots.root.hidden = !lab.world.slots?.length;
  });
  root.addEventListener("focusout", (event) => {
    if (!root.contains(event.relatedTarget)) slots.root.hidden = true;
  });
  return root;
}
function takeDrops(lab, section, take) {
  const hasFile = (event) => [...event.dataTransfer?.types ?? []].includes("Files");
  const over = (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    event.stopPropagation();
    lab.root.classList.toggle("styledit-dropping", event.type !== "dragleave");
  };
  lab.root.addEventListener("dragenter", over);
  lab.root.addEventListener("dragover", over);
  lab.root.addEventListener("dragleave", over);
  lab.root.addEventListener("drop", (event) => {
    lab.root.classList.remove("styledit-dropping");
    if (!hasFile(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
  });
}

// styledit/lab/front/edit/score.js
var [LEAST, MOST] = [8, 40];
function truthSection(lab) {
  const rows = {
    now: scoreRow("Yours", "score-psnr"),
    suggested: scoreRow("Suggested", "score-suggested"),
    best: scoreRow("Best so far", "score-best")
  };
  const verdict = element("p", { "data-testid": "score-verdict", role: "status", "aria-live": "polite" });
  const take = pushButton("Show the best", "score-take", () => {
    const { best } = lab.model.get("frame").score ?? {};
    if (best) lab.edits.set(best.wish);
  });
  const root = element(
    "section",
    { class: "styledit-truth", hidden: true, "aria-label": "Score", "data-testid": "score" },
    element("div", { class: "styledit-bars" }, ...Object.values(rows).map((row) => row.root)),
    verdict,
    element("div", { class: "styledit-row" }, take)
  );
  lab.onFrame((frame) => {
    const { score } = frame;
    if (frame.exact || !score) root.hidden = !score;
    if (!score) return;
    rows.now.show(score.psnr);
    rows.suggested.show(score.suggested_psnr);
    rows.best.show(score.best?.psnr);
    take.hidden = !score.best;
    verdict.textContent = scoreSentence(score);
    root.dataset.happened = String(score.happened);
  });
  return root;
}
function scoreSentence({ psnr, suggested_psnr: suggested, verdict, happened }) {
  const text = verdict ? `${verdict[0].toUpperCase()}${verdict.slice(1).replace(/\.$/, "")}. ` : "";
  if (suggested === null || suggested === void 0) return text.trim();
  const ahead = psnr - suggested;
  if (!happened) return `${text}Only an edit in which the change is seen counts.`;
  if (ahead > 0.05) return `${text}You beat the suggested settings by ${ahead.toFixed(1)} dB.`;
  if (ahead > -0.05) return `${text}As near as the suggested settings. Can you come nearer?`;
  return `${text}The suggested settings are ${(-ahead).toFixed(1)} dB nearer.`;
}
function scoreRow(title, testid) {
  const bar = element("span", { class: "styledit-bar" });
  const value = element("span", { class: "styledit-bar-value", "data-testid": testid });
  const root = element("div", { class: "styledit-bar-row" }, element("span", {}, title), element("span", { class: "styledit-bar-track" }, bar), value);
  return {
    root,
    show(psnr) {
      root.hidden = psnr === null || psnr === void 0;
      if (root.hidden) return;
      bar.style.width = `${Math.max(2, Math.min(100, 100 * (psnr - LEAST) / (MOST - LEAST)))}%`;
      value.textContent = `${psnr.toFixed(1)} dB`;
    }
  };
}

// styledit/lab/front/edit/zoom.js
var MOST_ZOOM = 8;
function sharedZoom(root) {
  const at = { zoom: 1, x: 0.5, y: 0.5 };
  const kept = (centre) => Math.max(0.5 / at.zoom, Math.min(1 - 0.5 / at.zoom, centre));
  const show = () => {
    at.x = kept(at.x);
    at.y = kept(at.y);
    root.style.setProperty("--zoom", at.zoom);
    root.style.setProperty("--move-x", `${(0.5 - at.x * at.zoom) * 100}%`);
    root.style.setProperty("--move-y", `${(0.5 - at.y * at.zoom) * 100}%`);
    root.dataset.zoom = at.zoom.toFixed(2);
    value.textContent = `${Math.round(at.zoom * 100)} %`;
  };
  const zoom = (factor, x = at.x, y = at.y) => {
    const before = at.zoom;
    at.zoom = Math.max(1, Math.min(MOST_ZOOM, at.zoom * factor));
    at.x = x + (at.x - x) * (before / at.zoom);
    at.y = y + (at.y - y) * (before / at.zoom);
    show();
  };
  const move = (dx, dy) => {
    at.x += dx / at.zoom;
    at.y += dy / at.zoom;
    show();
  };
  const fit = () => zoom(1 / at.zoom);
  const value = element("output", { class: "styledit-zoom-value", "data-testid": "zoom-value" });
  const buttons = element(
    "div",
    { class: "styledit-row styledit-zoom-buttons", role: "group", "aria-label": "Zoom of all pictures" },
    pushButton("−", "zoom-out", () => zoom(1 / 1.5), { "aria-label": "Zoom out" }),
    value,
    pushButton("+", "zoom-in", () => zoom(1.5), { "aria-label": "Zoom in" }),
    pushButton("Fit", "zoom-fit", fit)
  );
  show();
  const where = (pane, event) => {
    const box = pane.getBoundingClientRect();
    const x = at.x + ((event.clientX - box.left) / box.width - 0.5) / at.zoom;
    const y = at.y + ((event.clientY - box.top) / box.height - 0.5) / at.zoom;
    return [x, y];
  };
  return { buttons, attach: (pane) => attachZoom(pane, { at, zoom, move, fit, where }) };
}
function attachZoom(pane, { at, zoom, move, fit, where }) {
  keepKeys(pane);
  pane.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.25 : 1 / 1.25, ...where(pane, event));
  }, { passive: false });
  pane.addEventListener("dblclick", (event) => at.zoom > 1 ? fit() : zoom(3, ...where(pane, event)));
  pane.addEventListener("pointerdown", (event) => {
    if (at.zoom > 1 && event.target.tagName !== "INPUT") pane.setPointerCapture(event.pointerId);
  });
  pane.addEventListener("pointermove", (event) => {
    if (pane.hasPointerCapture(event.pointerId)) move(-event.movementX / pane.clientWidth, -event.movementY / pane.clientHeight);
  });
  pane.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
    if (event.target !== pane) return;
    if (moves[event.key] && at.zoom > 1) move(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  });
}

// styledit/lab/front/edit/compare.js
var NAMES = { source: "Source", reconstruction: "Reconstruction", edit: "Edit", difference: "Difference", truth: "The true edit" };
function comparison(lab, pictures, zoom, pause) {
  const [width, height] = lab.world.size;
  const choices = { a: "source", b: "edit" };
  const layers = ["a", "b"].map((side) => drawnCanvas(width, height, { class: `styledit-layer-${side}`, "data-testid": `compare-${side}` }, (context, canvas) => {
    context.clearRect(0, 0, width, height);
    if (drawable(pictures[choices[side]])) context.drawImage(pictures[choices[side]], 0, 0, canvas.width, canvas.height);
  }));
  const redraw = () => layers.forEach((layer) => layer.redraw());
  const line = keepKeys(element("input", { type: "range", min: 0, max: 100, step: 1, value: 50, "data-testid": "split", "aria-label": "Split between the two pictures", class: "styledit-split-slider" }));
  const pane = element(
    "div",
    { class: "styledit-pane styledit-compare-pane", tabindex: "0", role: "group", "aria-label": "Comparison; plus and minus zoom, arrows move" },
    element("div", { class: "styledit-zoomed" }, layers[1].root),
    element("div", { class: "styledit-zoomed-clip" }, element("div", { class: "styledit-zoomed" }, layers[0].root)),
    element("div", { class: "styledit-split-line", "aria-hidden": "true" })
  );
  zoom.attach(pane);
  const showLine = () => root.style.setProperty("--split", `${line.value}%`);
  line.addEventListener("input", showLine);
  const select = (side) => {
    const made = choiceOf(`compare-${side}-choice`, Object.entries(NAMES), (name) => {
      choices[side] = name;
      redraw();
      showTurn();
    }, { "aria-label": side === "a" ? "Left picture" : "Right picture" });
    made.value = choices[side];
    return made;
  };
  const turn = element("p", { class: "styledit-turn", "data-testid": "flicker-turn" });
  let timer = null;
  let first = true;
  const showTurn = () => {
    root.classList.toggle("styledit-shows-b", !first);
    turn.textContent = NAMES[first ? choices.a : choices.b];
  };
  const next = () => {
    first = !first;
    showTurn();
  };
  const run = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(next, pause) : null;
  };
  const running = toggleButton("Running", "flicker-run", run, { title: "Stop on one picture, or go on" });
  const other = keepKeys(element("button", { type: "button", "data-testid": "flicker-next", onclick: () => {
    running.set(false);
    run(false);
    next();
  } }, "The other one"));
  const root = element(
    "div",
    { class: "styledit-compare", hidden: true },
    element("div", { class: "styledit-row styledit-compare-choice" }, select("a"), element("span", {}, "and"), select("b"), running.root, other),
    element("figure", { class: "styledit-figure" }, pane, line, turn)
  );
  dragSplit(pane, line, showLine, root);
  showLine();
  showTurn();
  const open = (mode) => {
    root.hidden = mode === "side";
    root.dataset.mode = mode;
    const flicker = mode === "flicker";
    running.root.hidden = other.hidden = turn.hidden = !flicker;
    line.hidden = flicker;
    running.set(flicker);
    run(flicker);
    redraw();
  };
  return { root, open, redraw, close: () => {
    run(false);
    layers.forEach((layer) => layer.close());
  } };
}
function dragSplit(pane, line, showLine, root) {
  let dragging = false;
  const at = (event) => {
    const box = pane.getBoundingClientRect();
    return (event.clientX - box.left) / box.width * 100;
  };
  const follow = (event) => {
    line.value = at(event);
    showLine();
  };
  pane.addEventListener("pointerdown", (event) => {
    if (root.dataset.mode !== "split") return;
    const zoomed = Number(getComputedStyle(pane).getPropertyValue("--zoom")) > 1;
    if (zoomed && Math.abs(at(event) - line.value) > 4) return;
    dragging = true;
    event.stopImmediatePropagation();
    pane.setPointerCapture(event.pointerId);
    follow(event);
  }, true);
  pane.addEventListener("pointermove", (event) => {
    if (!dragging) return;
    event.stopImmediatePropagation();
    follow(event);
  }, true);
  const end = () => {
    dragging = false;
  };
  pane.addEventListener("pointerup", end);
  pane.addEventListener("pointercancel", end);
}

// styledit/lab/front/edit/views.js
var DECODING = 1e3;
var FLICKER = 700;
function pictureViews(lab) {
  const [width, height] = lab.world.size;
  const root = element("section", { class: "styledit-views", "aria-label": "Pictures" });
  const zoom = sharedZoom(root);
  const images = {};
  const panes = {};
  const pane = (name, title, ...content) => {
    const view = element("div", { class: "styledit-pane", tabindex: "0", role: "group", "aria-label": `${title}; plus and minus zoom, arrows move` }, element("div", { class: "styledit-zoomed" }, ...content));
    zoom.attach(view);
    panes[name] = element("figure", { class: `styledit-figure styledit-figure-${name}` }, view, element("figcaption", {}, title));
    return panes[name];
  };
  const image = (name, alt) => {
    images[name] = element("img", { alt, "data-testid": `${name}-image`, draggable: "false", width, height });
    return images[name];
  };
  let gain = 3;
  const difference = drawnCanvas(width, height, { "data-testid": "difference-canvas", role: "img", "aria-label": "Difference of edit and source" }, (context, canvas) => {
    const mean = drawDifference(context, canvas, images.edit, images.source, gain);
    changed.textContent = mean === null ? "" : ` · mean ${mean.toFixed(1)} of 255`;
  });
  const changed = element("span", { class: "styledit-hint" });
  const mask = maskOverlay(lab, width, height);
  const side = element(
    "div",
    { class: "styledit-side" },
    pane("source", "Source", image("source", "The source picture")),
    pane("reconstruction", "Reconstruction", image("reconstruction", "The source as the model gives it back")),
    pane("edit", "Edit", image("edit", "The edited picture"), mask.canvas.root),
    pane("difference", "Difference", difference.root),
    pane("truth", "The true edit", image("truth", "The true edit"))
  );
  panes.difference.lastChild.append(changed);
  panes.truth.hidden = true;
  const compare = comparison(lab, { ...images, difference: difference.root }, zoom, FLICKER);
  const modes = [["side", "Side by side"], ["split", "Split"], ["flicker", "Flicker"]];
  const toggles = modes.map(([name, text]) => [name, toggleButton(text, `view-${name}`, () => open(name))]);
  const open = (mode) => {
    toggles.forEach(([name, toggle]) => toggle.set(name === mode));
    side.hidden = mode !== "side";
    compare.open(mode);
  };
  const gainSlider = slider("Gain", { min: 1, max: 10, step: 0.5, value: gain, title: "Makes small differences visible" }, (value) => {
    gain = value;
    drawn();
  });
  gainSlider.input.dataset.testid = "difference-gain";
  root.append(
    element(
      "div",
      { class: "styledit-toolbar" },
      element("div", { class: "styledit-tabs", role: "group", "aria-label": "View" }, ...toggles.map(([, toggle]) => toggle.root)),
      zoom.buttons,
      mask.toggle.root,
      gainSlider.root
    ),
    side,
    compare.root
  );
  open("side");
  const drawn = () => {
    difference.redraw();
    compare.redraw();
  };
  showSource(lab, images, panes, drawn);
  showFrames(lab, images, panes.edit.lastChild, drawn);
  showTruth(lab, images, panes, drawn);
  lab.onFrame(mask.show);
  lab.images = images;
  root.classList.toggle("styledit-fine", width > 256);
  lab.cleanups.push(difference.close, mask.canvas.close, compare.close);
  return root;
}
function showSource(lab, images, panes, drawn) {
  const caption = panes.reconstruction.lastChild;
  lab.onTrait("source", async (source) => {
    caption.textContent = source.picture && !source.reconstruction ? "Reconstruction comes with the edit" : "Reconstruction";
    if (!source.reconstruction) images.reconstruction.removeAttribute("src");
    await Promise.all([showBytes(images.source, source.picture), showBytes(images.reconstruction, source.reconstruction)]);
    drawn();
  });
}
function showFrames(lab, images, caption, drawn) {
  let newest = -1;
  let settled = -1;
  lab.forgetSettled = () => {
    settled = -1;
  };
  lab.onTrait("frame", async (frame) => {
    images.edit.style.opacity = frame.picture ? "" : "0.3";
    if (!frame.picture) return;
    lab.edits.flow.answered(frame.id);
    if (frame.serial <= newest || frame.id < settled) return;
    newest = frame.serial;
    if (frame.exact) settled = frame.id;
    await Promise.race([showBytes(images.edit, frame.picture), pauseOf(DECODING)]);
    await afterPaint();
    if (newest !== frame.serial) return;
    lab.root.dataset.shown = JSON.stringify({ id: frame.id, serial: frame.serial, exact: Boolean(frame.exact) });
    lab.root.dataset.painted = performance.now();
    lab.send({ type: "shown", serial: frame.serial });
    caption.textContent = frame.exact ? "Edit" : lab.model.get("guided")?.running ? "Edit · on the way" : "Edit · first look";
    drawn();
    lab.tellFrame(frame);
  });
}
function showTruth(lab, images, panes, drawn) {
  lab.onFrame(async (frame) => {
    const truth = frame.score?.truth;
    if (frame.exact || !truth) panes.truth.hidden = !truth;
    if (!truth) return;
    await showBytes(images.truth, truth);
    drawn();
  });
}
function maskOverlay(lab, width, height) {
  let cells = null;
  const image = element("img", { alt: "" });
  const canvas = drawnCanvas(width, height, { class: "styledit-mask", "data-testid": "mask-overlay", role: "img", "aria-label": "The mask: what is dark stays as it is", hidden: true }, (context) => {
    context.clearRect(0, 0, width, height);
    if (!cells || !drawable(image)) return;
    context.imageSmoothingEnabled = false;
    context.drawImage(image, 0, 0, width, height);
    const picture = context.getImageData(0, 0, width, height);
    for (let at = 0; at < picture.data.length; at += 4) {
      const outside = picture.data[at] < 128;
      picture.data[at] = picture.data[at + 1] = picture.data[at + 2] = 0;
      picture.data[at + 3] = outside ? 165 : 0;
    }
    context.putImageData(picture, 0, 0);
  });
  const toggle = toggleButton("Mask", "mask-toggle", (on) => {
    canvas.root.hidden = !on;
    canvas.redraw();
  }, { title: "Darken what the mask keeps as it is" });
  const show = async (frame) => {
    cells = frame.mask;
    toggle.root.disabled = !cells;
    if (cells) await showBytes(image, cells);
    canvas.redraw();
  };
  lab.cleanups.push(() => URL.revokeObjectURL(image.dataset.address ?? ""));
  return { canvas, toggle, show, image };
}

// styledit/lab/front/edit/last_change.js
var STATES = { kept: "kept from before", replayed: "replayed from the source", computed: "computed" };
var SWITCHES = [["tau_v", "τ", "v"], ["tau_c", "τ", "c"], ["tau_s", "τ", "s"], ["tau_u", "τ", "u"], ["blend", "mask", ""]];
function whatSection(lab) {
  const [width, height] = lab.world.size;
  const before = element("img", { alt: "The picture before the last change", "data-testid": "before-image", width, height });
  const after = element("img", { alt: "The picture after the last change", "data-testid": "after-image", width, height });
  const sentence = element("p", { "data-testid": "what-sentence", role: "status" });
  let changed = null;
  const difference = drawnCanvas(width, height, { "data-testid": "what-canvas", role: "img", "aria-label": "Pixels that the last change moved" }, (context, canvas) => {
    changed = drawDifference(context, canvas, after, before, 4);
  });
  const figure = (picture, text) => element("figure", { class: "styledit-figure" }, element("div", { class: "styledit-pane" }, element("div", { class: "styledit-still" }, picture)), element("figcaption", {}, text));
  const pictures = element("div", { class: "styledit-what-pictures", hidden: true }, figure(before, "Before"), figure(after, "Now"), figure(difference.root, "Difference × 4"));
  const strip = element("div", { class: "styledit-strip", "data-testid": "step-strip" });
  const show = async (frame) => {
    strip.replaceChildren(...stripRows(frame.strip ?? []));
    strip.style.setProperty("--steps", Math.max(1, frame.strip?.length ?? 1));
    if (!frame.exact) return;
    pictures.hidden = !frame.before;
    if (frame.before) await Promise.all([showBytes(before, frame.before), showBytes(after, frame.picture)]);
    difference.redraw();
    sentence.textContent = whatSentence(frame, frame.before ? changed : null);
  };
  lab.onFrame(show);
  lab.cleanups.push(difference.close);
  return [sentence, pictures, strip, legend()];
}
function whatSentence(frame, changed) {
  const states = (frame.strip ?? []).map((step) => step.state);
  const numbers = Object.entries(STATES).map(([state, text]) => [states.filter((one) => one === state).length, text]).filter(([number]) => number);
  const steps = numbers.map(([number, text]) => `${number} ${text}`).join(", ");
  const time = frame.seconds ? ` in ${frame.seconds.toFixed(2)} s` : "";
  const pixels = changed === null ? "" : changed < 5e-3 ? " No pixel changed." : ` A pixel changed by ${changed.toFixed(1)} of 255 on average.`;
  return steps ? `Of ${countOf(states.length, "step")}: ${steps}${time}.${pixels}` : "";
}
function stripRows(steps) {
  if (!steps.length) return [];
  const cell = (kind, title) => element("span", { class: `styledit-step styledit-step-${kind}`, title });
  const row = (label, text, cells) => [element("span", { class: "styledit-strip-label" }, ...label), element("span", { class: "styledit-strip-row", role: "img", "aria-label": text }, ...cells)];
  const work = row(["steps"], "Work at each step", steps.map((step, t) => cell(step.state, `step ${t + 1}: ${STATES[step.state] ?? step.state}`)));
  const switches = SWITCHES.filter(([name]) => steps.some((step) => step.switches?.[name] !== void 0)).flatMap(([name, text, letter]) => {
    const on = steps.filter((step) => step.switches[name]).length;
    return row([text, element("sub", {}, letter)], `${name}: on at ${countOf(on, "step")}`, steps.map((step, t) => cell(step.switches[name] ? "on" : "off", `step ${t + 1}: ${name} ${step.switches[name] ? "on" : "off"}`)));
  });
  return [...work, ...switches, element("span", {}), element("span", { class: "styledit-strip-ends styledit-hint" }, element("span", {}, "noise"), element("span", {}, "picture"))];
}
function legend() {
  const entry = (kind, text) => element("span", { class: "styledit-legend-entry" }, element("span", { class: `styledit-step styledit-step-${kind}` }), text);
  return element("div", { class: "styledit-row styledit-hint" }, ...Object.entries(STATES).map(([state, text]) => entry(state, text)), entry("on", "switch on"), entry("off", "off"));
}

// styledit/lab/front/edit/words.js
var COLUMNS = [
  ["tau_words", "tau_c", (settings) => settings.tau_c, { min: 0, max: 1, step: 0.05 }],
  ["tau_v_words", "tau_v", (settings) => settings.tau_v, { min: 0, max: 1, step: 0.05 }],
  ["reweight", "factor", () => 1, { min: -2, max: 6, step: 0.1 }]
];
var GROUPS = [["tau_v_changed", "new words"], ["tau_v_padding", "end and padding"]];
function cellSlider(testid, label, range, read, otherwise, changed) {
  const input = keepKeys(element("input", { type: "range", ...range, "data-testid": testid, "aria-label": label }));
  const output = element("output", {});
  const root = element("span", { class: "styledit-cell" }, input, output);
  const show = () => {
    const own = read();
    root.classList.toggle("styledit-unset", own === null);
    input.value = own ?? otherwise();
    output.textContent = Number(input.value).toFixed(2);
  };
  whileDragged(input, (value, moving) => changed(value, moving));
  return { root, show };
}
function wordRow(lab, word, changed) {
  const settings = () => lab.edits.wish.settings;
  const cells = COLUMNS.map(([name, short, otherwise, range]) => cellSlider(
    `word-${short}-${word}`,
    `${short} of ${word}`,
    range,
    () => settings()[name]?.[word] ?? null,
    () => otherwise(settings()),
    (value, moving) => lab.edits.change({ [name]: { ...settings()[name], [word]: value } }, moving)
  ));
  const reset = pushButton("Reset", `word-reset-${word}`, () => {
    const without = Object.fromEntries(COLUMNS.map(([name]) => {
      const { [word]: _, ...others } = settings()[name] ?? {};
      return [name, others];
    }));
    lab.edits.change(without, false);
  }, { "aria-label": `Reset ${word}` });
  const root = element("tr", {}, element("th", { scope: "row" }, changed ? element("ins", {}, word) : word), ...cells.map((cell) => element("td", {}, cell.root)), element("td", {}, reset));
  const show = () => {
    cells.forEach((cell) => cell.show());
    reset.disabled = !COLUMNS.some(([name]) => settings()[name]?.[word] !== void 0);
  };
  return { root, show };
}
function groupRow(lab, name, title) {
  const settings = () => lab.edits.wish.settings;
  const cell = cellSlider(name, `tau_v of ${title}`, { min: 0, max: 1, step: 0.05 }, () => settings()[name] ?? null, () => settings().tau_v, (value, moving) => lab.edits.change({ [name]: value }, moving));
  const reset = pushButton("Reset", `${name}-reset`, () => lab.edits.change({ [name]: null }, false), { "aria-label": `Reset ${title}` });
  const root = element("tr", { class: "styledit-group" }, element("th", { scope: "row" }, title), element("td", {}), element("td", {}, cell.root), element("td", {}), element("td", {}, reset));
  const show = () => {
    cell.show();
    reset.disabled = (settings()[name] ?? null) === null;
  };
  return { root, show };
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
  const heads = [element("th", { scope: "col" }, "Word"), ...[["Word maps", "c"], ["Value inputs", "v"]].map(([text, letter]) => element("th", { scope: "col" }, tauName(text, letter))), element("th", { scope: "col" }, "Factor"), element("th", {})];
  return element("table", { class: "styledit-words" }, element("thead", {}, element("tr", {}, ...heads)), body);
}

// styledit/lab/front/edit/lab.js
var STAGES = { drawing: "Drawing the source", looking: "Looking at the picture", inverting: "Inverting the picture", fitting: "Fitting the value inputs", editing: "Editing", guiding: "Guiding the value inputs", sheet: "Drawing the contact sheet" };
function labOf(model, root) {
  const cleanups = [];
  const frameReaders = [];
  const local = element("p", { class: "styledit-problem", role: "status", "aria-live": "polite", "data-testid": "note" });
  const say = (text) => {
    local.textContent = text;
  };
  const note = asker(model, say);
  const pending = pendingSource(model, root, () => edits.revert());
  const edits = editWish(model, note, () => pending.source().prompt);
  cleanups.push(note.close, edits.close);
  const lab = {
    model,
    root,
    cleanups,
    say,
    local,
    note,
    edits,
    pending,
    world: { size: [128, 128], ...model.get("world") },
    source: pending.source,
    onSource(reader) {
      pending.readers.push(reader);
      lab.onTrait("source", () => reader(pending.source(), false));
    },
    send(message, buffers) {
      try {
        model.send(message, void 0, buffers);
      } catch {
        say("The kernel does not answer; run this cell again.");
      }
    },
    // Follow a trait, beginning with what it is now: that is all that a reloaded page has.
    onTrait(name, handler) {
      const follow = () => handler(model.get(name) ?? {});
      model.on(`change:${name}`, follow);
      cleanups.push(() => model.off(`change:${name}`, follow));
      queueMicrotask(follow);
    },
    onFrame: (reader) => frameReaders.push(reader),
    tellFrame: (frame) => frameReaders.forEach((reader) => reader(frame)),
    picture: (image, data) => showBytes(image, data)
  };
  lab.askSource = (parts, bytes, target) => askSource(lab, parts, bytes, target);
  return lab;
}
function askSource(lab, parts, bytes = null, target = null) {
  const { kind, name, seed, prompt, steps } = lab.source();
  const now = { kind, name, seed, prompt, steps: lab.stepsWanted?.() ?? steps };
  const wanted = { ...now, ...parts };
  const picture = bytes ?? (wanted.kind === "upload" ? bytesOf(lab.source().picture) : null);
  const id = lab.edits.nextId();
  lab.edits.flow.forget();
  lab.pending.begin(id, wanted);
  lab.note.ask({ type: "source", id, ...wanted }, picture ? [picture] : []);
  lab.edits.set(target === null ? {} : { prompt: target, auto: true });
}
function pendingSource(model, root, revert) {
  let wanted = null;
  const readers = [];
  const tell = (failed) => {
    root.classList.toggle("styledit-stale", wanted !== null);
    readers.forEach((reader) => reader(source(), failed));
  };
  const source = () => ({ ...model.get("source"), ...wanted?.parts });
  return {
    source,
    readers,
    begin(id, parts) {
      wanted = { id, parts, started: false };
      tell(false);
    },
    arrived() {
      if (wanted === null || (model.get("source")?.id ?? 0) < wanted.id) return;
      wanted = null;
      tell(false);
    },
    progressed(stage) {
      if (wanted === null) return;
      if (stage) wanted.started = true;
      else if (wanted.started) this.failed();
    },
    // Returns whether there was one.
    failed() {
      if (wanted === null) return false;
      const other = ["kind", "name", "seed"].some((key) => wanted.parts[key] !== model.get("source")?.[key]);
      wanted = null;
      tell(!other);
      if (other) revert();
      return true;
    }
  };
}
function progressLine(lab) {
  const bar = element("progress", { "data-testid": "progress", max: 1, value: 0, "aria-label": "Progress" });
  const text = element("span", { role: "status", "aria-live": "polite", "data-testid": "progress-text" });
  const stop = pushButton("Stop", "stop", () => {
    lab.send({ type: "stop" });
    lab.pending.failed();
  });
  const root = element("div", { class: "styledit-progress" }, bar, text, stop);
  let stage = null;
  lab.onTrait("progress", (progress) => {
    lab.note.answered();
    lab.pending.progressed(progress.stage);
    const works = Boolean(progress.stage);
    root.classList.toggle("styledit-idle", !works);
    stop.disabled = !works;
    bar.max = Math.max(1, progress.total ?? 1);
    bar.value = works ? progress.done ?? 0 : 0;
    if (progress.stage !== stage) text.textContent = works ? STAGES[progress.stage] ?? progress.stage : "";
    stage = progress.stage;
    bar.title = works ? `${progress.done} of ${countOf(progress.total, "step")}` : "";
  });
  return root;
}
function problemLine(lab) {
  const root = element("p", { class: "styledit-problem", role: "alert", "aria-live": "polite", "data-testid": "problem" });
  lab.model.on("change:problem", lab.note.answered);
  lab.cleanups.push(() => lab.model.off("change:problem", lab.note.answered));
  let stays = false;
  const show = () => {
    const problem = lab.model.get("problem") || "";
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
function render({ model, el }) {
  const root = element("div", { class: "styledit styledit-edit-lab" });
  const lab = labOf(model, root);
  const input = () => {
    root.dataset.input = performance.now();
  };
  for (const event of ["input", "change", "click"]) root.addEventListener(event, input, true);
  const [width, height] = lab.world.size;
  root.style.setProperty("--aspect", `${width} / ${height}`);
  root.append(element("div", { class: "styledit-lab-body" }, ...labParts(lab)));
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
    root.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.dataset.address ?? ""));
    root.remove();
  };
}
function labParts(lab) {
  return [
    sourceSection(lab),
    targetPrompt(lab),
    problemLine(lab),
    lab.local,
    pictureViews(lab),
    truthSection(lab),
    progressLine(lab),
    commonControls(lab),
    historySection(lab),
    element(
      "div",
      { class: "styledit-folds" },
      foldedPart("By word", "fold-words", wordTable(lab)),
      foldedPart("Blend and mask", "fold-mask", ...maskSection(lab)),
      foldedPart("Guided", "fold-guided", ...guidedSection(lab)),
      foldedPart("Contact sheet", "fold-sheet", ...sheetSection(lab)),
      foldedPart("What did this do", "fold-what", ...whatSection(lab)),
      codeFold(lab)
    )
  ];
}
var lab_default = { render };
export {
  lab_default as default
};
