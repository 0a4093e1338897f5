// Guided: what the picture should be like pulls at the value inputs; weights, a style picture, stop, filmstrip.
import { element, keepKeys, showBytes, slider } from "../shared/elements.js";
import { drawCut, pngOf } from "./crop.js";
import { choiceOf, labelled, pushButton } from "./parts.js";

const [PLOT_WIDTH, PLOT_HEIGHT] = [150, 28]; // of a term's curve, in its own units

export function guidedSection(lab) {
  const world = lab.world.guiding;
  const wish = { weights: { ...world.presets[0].weights }, iterations: world.iterations, start: world.starts[0] };
  const weights = weightControls(world, wish);
  const slot = styleSlot(lab, (there) => weights.fitStyle(there));
  const most = Math.min(200, world.most_iterations);
  const iterations = slider("Iterations", { min: 1, max: most, step: 1, value: wish.iterations, title: "Of Adam, in all, spread over the steps" }, (value) => { wish.iterations = value; });
  iterations.input.dataset.testid = "guided-iterations";
  const start = choiceOf("guided-start", world.starts.map((name) => [name, name]), (name) => { wish.start = name; });
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
    if (now === known) return; // the controls may be set for the next one already
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
    weights.root, slot.root,
    element("div", { class: "styledit-row styledit-guided-go" }, iterations.root, labelled("Start from", start), go, stop),
    status, curves, film.root,
  ];
}

// A slider for each term, and the presets. `fitStyle(there)`: a style picture came or went.
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
    },
  };
}

// The style picture: a lesson picture, a file, or none. `changed(there)`.
function styleSlot(lab, changed) {
  let parts = null; // null, or {kind, name}
  let bytes = null; // of a file that Python does not have yet
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
    "div", { class: "styledit-style-slot", role: "group", "aria-label": "Style picture" },
    element("label", { class: "styledit-drop" }, input, chosen, element("span", {}, "Style picture: choose a file, or drop one here")),
    element("div", { class: "styledit-thumbs" }, ...samples.map(([, button]) => button), none),
  );
  takeStyleDrops(lab, root, take);
  show(null, null);
  return { root, show, wanted: () => ({ parts, bytes }) };
}

// What is dropped here is no new source.
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
  if (iteration === undefined) return "";
  if (running) return `Iteration ${iteration} of at most ${iterations}, at step ${step + 1} of ${steps}.`;
  if (!stopped) return "It was replaced by something newer.";
  const cost = `${iteration} iterations, ${evaluations} network evaluations`;
  return stopped === "done" ? `Done: ${cost}${seconds < 0.05 ? ", kept from before" : `, ${seconds.toFixed(1)} s`}.` : `Stopped; the best so far is shown: ${cost}.`;
}

// One small curve for each term: its first and its last number say what the picture shows.
function termCurves(world, curves) {
  const labels = { loss: "Sum", ...Object.fromEntries(world.terms.map(({ name, label }) => [name, label])) };
  const terms = Object.entries(curves).filter(([, curve]) => curve.length);
  const shown = terms.length === 2 ? terms.filter(([name]) => name !== "loss") : terms; // one term is the sum
  return shown.map(([name, curve]) => {
    const line = curveLine(curve);
    const ends = `${curve[0].toPrecision(3)} → ${curve.at(-1).toPrecision(3)}`;
    line.setAttribute("aria-label", `${labels[name] ?? name}: ${ends}`);
    return element("div", { class: "styledit-curve" }, element("span", {}, labels[name] ?? name), line, element("span", { class: "styledit-hint" }, ends));
  });
}

function curveLine(curve) {
  const [low, high] = [Math.min(...curve), Math.max(...curve)];
  const x = (k) => (curve.length === 1 ? PLOT_WIDTH / 2 : (k / (curve.length - 1)) * (PLOT_WIDTH - 6) + 3);
  const y = (value) => PLOT_HEIGHT - 3 - ((value - low) / (high - low || 1)) * (PLOT_HEIGHT - 6);
  const make = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const plot = make("svg", { viewBox: `0 0 ${PLOT_WIDTH} ${PLOT_HEIGHT}`, role: "img" });
  plot.append(
    make("polyline", { points: curve.map((value, k) => `${x(k).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }),
    make("circle", { cx: x(curve.length - 1), cy: y(curve.at(-1)), r: 2.5 }),
  );
  return plot;
}

// The estimates on the way, and where the object's word looked.
function filmStrip() {
  const root = element("div", { class: "styledit-film", role: "group", "aria-label": "Filmstrip", "data-testid": "guided-film", tabindex: "0" });
  keepKeys(root);
  const forget = (figure) => figure.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.dataset.address ?? ""));
  return {
    root,
    fill(film) {
      // A strip only grows, unless it is another one.
      const same = film.length >= root.children.length && [...root.children].every((figure, k) => figure.dataset.key === filmKey(film[k]));
      if (!same) {
        [...root.children].forEach(forget);
        root.replaceChildren();
      }
      for (const frame of film.slice(root.children.length)) root.append(filmFigure(frame));
      if (same && film.length) root.scrollLeft = root.scrollWidth;
    },
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
