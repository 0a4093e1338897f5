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
function listen(model, handlers) {
  const entries = Object.entries(handlers).map(([trait, handler]) => [`change:${trait}`, handler]);
  for (const [event, handler] of entries) model.on(event, handler);
  return () => {
    for (const [event, handler] of entries) model.off(event, handler);
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

// styledit/lab/front/player/player.js
var PLAYER_TRIP = 4500;
var PLAYER_PAUSE = 900;
var PLAYER_LEFT = 56;
var PLAYER_RIGHT = 116;
var PLAYER_COLOURS = [
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
var PLAYER_STAGES = {
  looking: "looking at the inversion",
  denoising: "denoising",
  decoding: "sharpening the pictures"
};
function playerColour(share) {
  const place = Math.max(0, Math.min(1, share)) * (PLAYER_COLOURS.length - 1);
  const first = Math.min(PLAYER_COLOURS.length - 2, Math.floor(place));
  const part = place - first;
  return PLAYER_COLOURS[first].map((low, k) => Math.round(low * (1 - part) + PLAYER_COLOURS[first + 1][k] * part));
}
function playerSvg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
function playerAddress(data) {
  const bytes = bytesOf(data);
  return URL.createObjectURL(new Blob([bytes], { type: bytes[0] === 137 ? "image/png" : "image/webp" }));
}
function playerFrames(run) {
  const frames = {
    id: run.id,
    guidance: run.guidance,
    values: run.values,
    exact: run.exact ?? false,
    z: (run.z ?? []).map(playerAddress),
    x0: (run.x0 ?? []).map(playerAddress),
    maps: (run.maps ?? []).map(bytesOf),
    scales: [...run.scales ?? []],
    drift: [...run.drift ?? []],
    free() {
      const addresses = [...frames.z, ...frames.x0];
      setTimeout(() => addresses.forEach((address) => URL.revokeObjectURL(address)), 2e3);
    }
  };
  return frames;
}
function playerNumber(value) {
  return Number(value.toFixed(2)).toString().replace("-", "−");
}
function playerPowers(lowest, highest) {
  const powers = [];
  for (let power = lowest; power <= highest; power += 1) powers.push(power);
  return powers;
}
function playerPower(power) {
  if (power === 0) return "1";
  return power > 0 ? String(10 ** power) : (10 ** power).toFixed(-power);
}
function playerFigure(testid, label, heading, withMap = false) {
  const image = element("img", { alt: label, draggable: "false", "data-testid": withMap ? null : testid });
  const canvas = withMap ? element("canvas", { role: "img", "aria-label": label, "data-testid": `${testid}-map` }) : null;
  const note = element("span", { class: "styledit-player-note" });
  const frame = element("div", { class: "styledit-player-frame" }, image, canvas, note);
  const caption = element("figcaption", {}, heading);
  const root = element("figure", { class: withMap ? "styledit-player-map" : "" }, frame, caption);
  return { root, image, canvas, note, show(address) {
    if (image.src !== address) image.src = address ?? "";
  } };
}
function playerPlots(world, moved) {
  const last = world.timesteps.length;
  const timeline = playerSvg("svg", { role: "img", "data-testid": "player-timeline" });
  const drift = playerSvg("svg", { role: "img", "data-testid": "drift" });
  let width = 0;
  let shown = { curves: [], now: null, fresh: null };
  let cursor = { index: last, at: last, value: null, denoising: false };
  const x = (index) => PLAYER_LEFT + index / last * (width - PLAYER_LEFT - PLAYER_RIGHT);
  const lines = [timeline, drift].map(() => playerSvg("line", { class: "styledit-player-cursor" }));
  const dot = playerSvg("circle", { r: 5, class: "styledit-player-dot" });
  const NOISE = { top: 22, height: 40, all: 86 };
  const DRIFT = { top: 24, height: 96, all: 128 };
  for (const svg of [timeline, drift]) {
    const point = (event) => {
      const box = svg.getBoundingClientRect();
      const share = (event.clientX - box.left - PLAYER_LEFT) / (box.width - PLAYER_LEFT - PLAYER_RIGHT);
      moved(Math.max(0, Math.min(last, Math.round(share * last))), event.type !== "pointerup");
    };
    svg.addEventListener("pointerdown", (event) => {
      svg.setPointerCapture(event.pointerId);
      point(event);
    });
    svg.addEventListener("pointermove", (event) => {
      if (svg.hasPointerCapture(event.pointerId)) point(event);
    });
    svg.addEventListener("pointerup", point);
  }
  const text = (place2, content, attributes = {}) => {
    const made = playerSvg("text", { x: place2[0], y: place2[1], ...attributes });
    made.textContent = content;
    return made;
  };
  const smooth = (values, y) => values.map((value, k) => `${k ? "L" : "M"}${x(k).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const drawTimeline = () => {
    const bottom = NOISE.top + NOISE.height;
    const y = (value) => bottom - value * NOISE.height;
    const noise = world.levels.map((level) => Math.sqrt(1 - level));
    const area = `${smooth(noise, y)}L${x(last)} ${bottom}L${x(0)} ${bottom}Z`;
    const every = Math.max(1, Math.ceil(34 / ((width - PLAYER_LEFT - PLAYER_RIGHT) / last)));
    const ticks = [];
    for (let k = 0; k < last; k += 1) {
      ticks.push(playerSvg("line", { x1: x(k), x2: x(k), y1: bottom, y2: bottom + 4, class: "styledit-player-axis" }));
      const room = last - k >= every || every === 1;
      if (k % every === 0 && room) ticks.push(text([x(k), bottom + 17], world.timesteps[k], { "text-anchor": "middle" }));
    }
    ticks.push(text([x(last), bottom + 17], "0", { "text-anchor": "middle" }));
    timeline.replaceChildren(
      text([x(0), 14], "noise", { class: "styledit-player-end" }),
      text([x(last), 14], "picture", { class: "styledit-player-end", "text-anchor": "end" }),
      ...playerArrow((x(0) + x(last)) / 2, cursor.denoising),
      playerSvg("path", { d: area, class: "styledit-player-noise" }),
      text([PLAYER_LEFT - 8, NOISE.top + 10], "1", { "text-anchor": "end" }),
      text([PLAYER_LEFT - 8, bottom], "0", { "text-anchor": "end" }),
      text([x(last) + 10, NOISE.top + NOISE.height / 2], "noise level"),
      text([x(last) + 16, bottom + 17], "timestep"),
      ...ticks,
      lines[0]
    );
    timeline.setAttribute("aria-label", `Timeline from noise at timestep ${world.timesteps[0]} to the picture, ${last} steps`);
  };
  const curveName = (run) => `w = ${playerNumber(run.guidance)}${run.values ? ", values" : ""}`;
  const drawDrift = () => {
    const runs = [...shown.curves, ...[shown.now, shown.fresh].filter(Boolean)];
    const values = runs.flatMap((run) => run.drift).filter((value) => value > 0);
    const lowest = Math.max(-5, Math.floor(Math.log10(Math.min(0.01, ...values))));
    const highest = Math.max(0, Math.ceil(Math.log10(Math.max(1, ...values))));
    const bottom = DRIFT.top + DRIFT.height;
    const y = (value) => {
      const share = (Math.log10(Math.max(value, 10 ** lowest)) - lowest) / (highest - lowest);
      return bottom - Math.max(0, share) * DRIFT.height;
    };
    drift.player = { y };
    const grid = playerPowers(lowest, highest).flatMap((power) => [
      playerSvg("line", { x1: x(0), x2: x(last), y1: y(10 ** power), y2: y(10 ** power), class: "styledit-player-grid" }),
      text([PLAYER_LEFT - 8, y(10 ** power) + 4], playerPower(power), { "text-anchor": "end" })
    ]);
    const curve = (run, kind) => {
      const points = run.drift.map((value, k) => [k, value]).filter(([, value]) => value > 0);
      const d = points.map(([k, value], n) => `${n ? "L" : "M"}${x(k).toFixed(1)} ${y(value).toFixed(1)}`).join("");
      const side = run.values ? "values" : "plain";
      return playerSvg("path", { d, class: `styledit-player-curve styledit-player-${side} styledit-player-${kind}` });
    };
    const front = shown.fresh ?? shown.now;
    const others = shown.curves.filter((run) => !front || run.guidance !== front.guidance || run.values !== front.values);
    const named = [...others, ...front ? [front] : []].filter((run) => run.drift.length === last + 1);
    const places = named.map((run) => ({ run, y: y(run.drift[last]) + 4 })).sort((a, b) => a.y - b.y);
    for (let k = 1; k < places.length; k += 1) places[k].y = Math.max(places[k].y, places[k - 1].y + 14);
    const over = places.length ? Math.max(0, places.at(-1).y - DRIFT.all + 2) : 0;
    const end = front && front.drift.length <= last ? front.drift.length - 1 : 0;
    const tip = !end ? [] : [text([x(end) + 8, y(front.drift[end]) - 6], curveName(front), {
      class: `styledit-player-name styledit-player-${front.values ? "values" : "plain"} styledit-player-now`
    })];
    drift.replaceChildren(
      text([x(0), 14], "drift from the inversion (rms, log)", { class: "styledit-player-end" }),
      ...grid,
      ...others.map((run) => curve(run, "earlier")),
      ...front ? [curve(front, "now")] : [],
      ...places.map(({ run, y: place2 }) => {
        const side = run.values ? "values" : "plain";
        const kind = run === front ? "now" : "earlier";
        return text([x(last) + 10, place2 - over], curveName(run), { class: `styledit-player-name styledit-player-${side} styledit-player-${kind}` });
      }),
      ...tip,
      lines[1],
      dot
    );
  };
  const place = () => {
    const tops = [[NOISE.top - 4, NOISE.all], [DRIFT.top - 4, DRIFT.top + DRIFT.height]];
    lines.forEach((line, k) => {
      line.setAttribute("x1", x(cursor.at));
      line.setAttribute("x2", x(cursor.at));
      line.setAttribute("y1", tops[k][0]);
      line.setAttribute("y2", k === 0 ? NOISE.top + NOISE.height : tops[k][1]);
    });
    const there = cursor.value > 0 && drift.player;
    dot.style.display = there ? "" : "none";
    if (there) {
      dot.setAttribute("cx", x(cursor.at));
      dot.setAttribute("cy", drift.player.y(cursor.value));
    }
    const value = cursor.value === null ? "" : `; ${playerShort(cursor.value)} at index ${cursor.at}`;
    drift.setAttribute("aria-label", `Drift of the denoising run from the inversion, logarithmic${value}`);
  };
  const draw = () => {
    if (width < 200) return;
    for (const [svg, { all }] of [[timeline, NOISE], [drift, DRIFT]]) {
      svg.setAttribute("width", width);
      svg.setAttribute("height", all);
      svg.setAttribute("viewBox", `0 0 ${width} ${all}`);
    }
    drawTimeline();
    drawDrift();
    place();
  };
  return {
    timeline,
    drift,
    resize(next) {
      if (Math.abs(next - width) < 1) return;
      width = next;
      draw();
    },
    curves(next) {
      shown = next;
      if (width) drawDrift();
      place();
    },
    move(next) {
      const turned = next.denoising !== cursor.denoising;
      cursor = next;
      if (turned && width) drawTimeline();
      place();
    }
  };
}
function playerArrow(middle, right) {
  const [from, to] = right ? [middle - 60, middle + 60] : [middle + 60, middle - 60];
  const back = right ? -7 : 7;
  return [
    playerSvg("line", { x1: from, x2: to, y1: 10, y2: 10, class: "styledit-player-arrow" }),
    playerSvg("path", { d: `M${to + back} 5L${to} 10L${to + back} 15`, class: "styledit-player-arrow" })
  ];
}
function playerShort(value) {
  return value === 0 ? "0" : Number(value.toPrecision(2)).toString();
}
function playerState(model) {
  const world = model.get("world");
  const view = model.get("view");
  return {
    world,
    last: world.timesteps.length,
    index: view.index ?? world.timesteps.length,
    denoising: view.direction === "denoising",
    words: [...view.words ?? []],
    inverted: null,
    run: null,
    fresh: null,
    // a run on its way
    number: Math.max(Date.now(), model.get("run").id ?? 0),
    // of the newest request
    // Which pictures are shown, and at which index: a run on its way is shown as far as it has come.
    shown() {
      if (!this.denoising) return { frames: this.inverted, at: this.index };
      if (this.fresh) return { frames: this.fresh, at: Math.min(this.index, this.fresh.x0.length - 1) };
      return { frames: this.run, at: this.index };
    }
  };
}
function playerPictures(state, changed) {
  const { world } = state;
  const picture = playerFigure("picture", `The picture: ${world.prompt}`, "picture");
  picture.show(playerAddress(world.picture));
  const z = playerFigure("z-image", "The latent z, as a picture", element("span", {}, "latent ", element("i", {}, "z")));
  const x0 = playerFigure("x0-image", "What the network takes the clean picture to be", element("span", {}, "estimate ", element("i", {}, "x̂₀")));
  const choices = ["word-a", "word-b"].map((testid, k) => {
    const options = world.words.map((word) => element("option", { value: word, selected: word === state.words[k] }, word));
    const select = keepKeys(element("select", { "data-testid": testid, "aria-label": `word of the ${k ? "second" : "first"} map` }, ...options));
    select.addEventListener("change", () => {
      state.words[k] = select.value;
      changed();
    });
    return select;
  });
  const maps = choices.map((select, k) => playerFigure(k ? "word-b" : "word-a", "Where the word looks", select, true));
  const [mapWidth, mapHeight] = world.mapSize;
  for (const { canvas } of maps) {
    canvas.width = mapWidth;
    canvas.height = mapHeight;
  }
  const bar = element("canvas", { width: 64, height: 1, "aria-hidden": "true" });
  const most = element("span");
  const legend = element(
    "div",
    { class: "styledit-player-legend", "data-testid": "player-scale" },
    "0",
    bar,
    most,
    element("span", { class: "styledit-player-unit" }, "of each pixel’s attention, both maps and all steps alike")
  );
  playerPaint(bar, Float32Array.from({ length: 64 }, (_, k) => k), 63);
  let scale = 1;
  const measure = () => {
    const columns = state.words.map((word) => world.words.indexOf(word));
    const peaks = [state.inverted, state.run, state.fresh].filter(Boolean).flatMap((run) => run.scales.flatMap((scales) => columns.map((column) => scales[column] ?? 0)));
    scale = Math.max(1e-6, ...peaks);
    most.textContent = `${playerShort(100 * scale)} %`;
    legend.style.visibility = peaks.length ? "" : "hidden";
  };
  const drawMap = ({ canvas, image, note }, word, frames, at) => {
    const column = world.words.indexOf(word);
    const data = frames?.maps[at];
    const context = canvas.getContext("2d");
    canvas.dataset.index = at;
    canvas.setAttribute("aria-label", `Where “${word}” looks at index ${at}`);
    image.style.visibility = frames?.x0[at] ? "" : "hidden";
    note.textContent = frames && at === state.last ? "the network is not asked here" : "";
    canvas.style.display = data ? "" : "none";
    if (!data) {
      context.clearRect(0, 0, canvas.width, canvas.height);
      return;
    }
    const cells = mapWidth * mapHeight;
    playerPaint(canvas, data.subarray(column * cells, (column + 1) * cells), 255 * scale / (frames.scales[at][column] || 1e-30));
  };
  return {
    roots: [picture.root, z.root, x0.root, ...maps.map((map) => map.root)],
    legend,
    measure,
    draw() {
      const { frames, at } = state.shown();
      for (const [figure, list] of [[z, frames?.z], [x0, frames?.x0]]) {
        figure.image.style.visibility = list?.[at] ? "" : "hidden";
        figure.image.dataset.index = at;
        figure.image.dataset.exact = frames?.exact ?? false;
        figure.show(list?.[at]);
      }
      maps.forEach((map, k) => {
        map.show(frames?.x0[at]);
        drawMap(map, state.words[k], frames, at);
      });
    },
    close: () => URL.revokeObjectURL(picture.image.src)
  };
}
function playerPaint(canvas, values, most) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  for (let k = 0; k < canvas.width * canvas.height; k += 1) image.data.set([...playerColour(values[k] / most), 255], 4 * k);
  context.putImageData(image, 0, 0);
}
function playerButton(text, testid, attributes, clicked) {
  return keepKeys(element("button", { type: "button", "data-testid": testid, ...attributes, onclick: clicked }, text));
}
function playerClock(state, go, stopped) {
  let timer = null;
  const clock = {
    speed: 1,
    both: true,
    playing: () => timer !== null,
    stop() {
      clearTimeout(timer);
      timer = null;
      stopped();
    },
    start() {
      const end = state.denoising ? state.last : 0;
      if (state.index === end) {
        if (clock.both) state.denoising = !state.denoising;
        else state.index = state.last - end;
      }
      timer = setTimeout(tick, 0);
      go(state.index);
    }
  };
  const pause = () => Math.max(60, Math.min(320, PLAYER_TRIP / state.last)) / clock.speed;
  const tick = () => {
    const end = state.denoising ? state.last : 0;
    if (state.index !== end) {
      go(state.index + (state.denoising ? 1 : -1));
      timer = setTimeout(tick, state.index === end ? PLAYER_PAUSE / clock.speed : pause());
    } else if (clock.both) {
      state.denoising = !state.denoising;
      go(state.index);
      timer = setTimeout(tick, pause());
    } else {
      clock.stop();
    }
  };
  return clock;
}
function render({ model, el }) {
  const state = playerState(model);
  const { world, last } = state;
  const problem = element("div", { class: "styledit-problem", role: "alert", "data-testid": "problem" });
  let note = "";
  const sayProblem = () => {
    problem.textContent = model.get("problem") || note;
  };
  const kernel = asker(model, (text) => {
    note = text;
    sayProblem();
  });
  let keeping = null;
  const keepView = () => {
    clearTimeout(keeping);
    keeping = setTimeout(() => {
      if (clock.playing()) return;
      try {
        model.send({ type: "view", index: state.index, direction: state.denoising ? "denoising" : "inversion", words: state.words });
      } catch {
      }
    }, 400);
  };
  const pictures = playerPictures(state, () => {
    pictures.measure();
    show();
    keepView();
  });
  const status = element("div", { class: "styledit-player-status", "data-testid": "player-status" });
  const stepId = uniqueId();
  const step = element("input", { type: "range", id: stepId, min: 0, max: last, step: 1, "data-testid": "player-step", "aria-label": "index on the way from noise (0) to the picture" });
  step.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
  keepKeys(step);
  const goByHand = (index) => {
    if (clock.playing()) clock.stop();
    go(index);
  };
  step.addEventListener("input", () => goByHand(Number(step.value)));
  const plots = playerPlots(world, (index) => {
    goByHand(index);
    step.focus({ preventScroll: true });
  });
  const toggle = () => clock.playing() ? clock.stop() : clock.start();
  const play = playerButton("▶ Play", "play", { class: "styledit-player-play" }, toggle);
  const turn = (denoising) => {
    state.denoising = denoising;
    show();
    keepView();
  };
  const ways = [
    playerButton("Inversion: picture → noise", "player-inversion", {}, () => turn(false)),
    playerButton("Denoising: noise → picture", "player-denoising", {}, () => turn(true))
  ];
  const both = keepKeys(element("input", { type: "checkbox", checked: true, "data-testid": "player-both" }));
  both.addEventListener("change", () => {
    clock.both = both.checked;
  });
  const speed = keepKeys(element(
    "select",
    { "data-testid": "player-speed", "aria-label": "speed" },
    ...[["0.4", "slow"], ["1", "normal"], ["2.5", "fast"]].map(([value, name]) => element("option", { value, selected: value === "1" }, name))
  ));
  speed.addEventListener("change", () => {
    clock.speed = Number(speed.value);
  });
  const wish = () => {
    state.number += 1;
    if (!state.denoising || clock.playing()) {
      clock.stop();
      state.denoising = true;
      show();
    }
    kernel.ask({ type: "guide", id: state.number, guidance: Number(guidance.input.value), values: values?.checked ?? false });
  };
  const guidance = slider("Guidance w", { min: world.least, max: world.most, step: 0.1, value: world.guidance, title: "1 is no guidance" }, (value, moving) => {
    if (moving || Number(value) !== asked()) wish();
  });
  const asked = () => state.fresh?.guidance ?? state.run?.guidance;
  guidance.input.dataset.testid = "player-guidance";
  const values = world.hasValues ? keepKeys(element("input", { type: "checkbox", checked: true, "data-testid": "player-values" })) : null;
  values?.addEventListener("change", wish);
  const progress = element("progress", { max: 1, value: 0, "aria-label": "progress" });
  const stage = element("span", { "data-testid": "player-stage" });
  const stop = playerButton("Stop", "player-stop", {}, () => kernel.ask({ type: "stop" }));
  const work = element("div", { class: "styledit-player-work", role: "status" }, progress, stage, stop);
  const clock = playerClock(state, (index) => go(index), () => {
    show();
    keepView();
  });
  function go(index) {
    state.index = index;
    show();
    keepView();
  }
  function show() {
    const { frames, at } = state.shown();
    pictures.draw();
    step.value = at;
    const drift = state.denoising ? frames?.drift[at] ?? null : null;
    plots.move({ index: state.index, at, value: drift, denoising: state.denoising });
    const level = Math.sqrt(1 - world.levels[at]);
    const told = at === last ? "the picture" : `timestep ${world.timesteps[at]}`;
    const parts = [`index ${at} of ${last}`, told, `noise level ${level.toFixed(2)}`];
    if (drift !== null) parts.push(`drift ${playerShort(drift)}`);
    if (frames && !frames.exact) parts.push("first look, without the decoder");
    status.textContent = parts.join(" · ");
    step.setAttribute("aria-valuetext", `${state.denoising ? "denoising" : "inversion"}, ${parts.slice(0, 4).join(", ")}`);
    play.textContent = clock.playing() ? "❚❚ Pause" : "▶ Play";
    play.setAttribute("aria-label", clock.playing() ? "pause" : "play");
    ways.forEach((way, k) => way.setAttribute("aria-pressed", String(state.denoising === (k === 1))));
  }
  const takeInverted = () => {
    state.inverted?.free();
    state.inverted = model.get("inverted").z ? playerFrames(model.get("inverted")) : null;
    pictures.measure();
    show();
  };
  const drawCurves = () => plots.curves({ curves: model.get("curves"), now: state.run, fresh: state.fresh });
  const forgetFresh = () => {
    state.fresh?.free();
    state.fresh = null;
  };
  const takeRun = () => {
    const run = model.get("run");
    if (!run.z) return;
    kernel.answered();
    if (!state.fresh || state.fresh.id <= run.id) forgetFresh();
    state.run?.free();
    state.run = playerFrames(run);
    if (run.id >= state.number || !state.fresh) {
      state.number = Math.max(state.number, run.id);
      if (document.activeElement !== guidance.input || run.id === state.number) guidance.set(run.guidance);
      if (values) values.checked = run.values;
    }
    pictures.measure();
    drawCurves();
    show();
  };
  const takeFresh = () => {
    const step2 = model.get("fresh");
    if (step2.index === void 0) return;
    kernel.answered();
    if (step2.index === 0) {
      forgetFresh();
      state.fresh = playerFrames({ id: step2.id, guidance: step2.guidance, values: step2.values, z: step2.z.slice(0, 1), drift: step2.drift.slice(0, 1) });
    } else if (state.fresh?.id !== step2.id || state.fresh.x0.length !== step2.index) {
      return;
    }
    state.fresh.z.push(playerAddress(step2.z.at(-1)));
    state.fresh.x0.push(playerAddress(step2.x0));
    state.fresh.maps.push(bytesOf(step2.maps));
    state.fresh.scales.push(step2.scales);
    state.fresh.drift.push(step2.drift.at(-1));
    drawCurves();
    show();
  };
  const takeProgress = () => {
    const { stage: name, done, total } = model.get("progress");
    kernel.answered();
    work.style.visibility = name ? "" : "hidden";
    progress.max = total || 1;
    progress.value = done;
    stage.textContent = name ? `${PLAYER_STAGES[name] ?? name}, ${done} of ${total}` : "";
    if (!name && state.fresh) {
      forgetFresh();
      drawCurves();
      show();
    }
  };
  const label = (control, text) => element("label", { class: "styledit-player-check" }, control, text);
  const root = element(
    "div",
    { class: "styledit styledit-player", role: "group", "aria-label": `Inversion player: ${world.prompt}` },
    element("div", { class: "styledit-player-prompt" }, `“${world.prompt}”`),
    element("div", { class: "styledit-player-figures", style: `--columns: ${pictures.roots.length}` }, ...pictures.roots),
    pictures.legend,
    element(
      "div",
      { class: "styledit-player-controls" },
      play,
      element("div", { class: "styledit-player-ways", role: "group", "aria-label": "direction" }, ...ways),
      label(both, "there and back"),
      speed
    ),
    element(
      "div",
      { class: "styledit-player-plots" },
      plots.timeline,
      element("div", { class: "styledit-player-step" }, step),
      status,
      plots.drift
    ),
    element(
      "div",
      { class: "styledit-player-guidance" },
      guidance.root,
      values ? label(values, `value inputs, fitted at w = ${playerNumber(world.fittedAt)}`) : null
    ),
    work,
    problem
  );
  el.append(root);
  const sizes = new ResizeObserver(([entry]) => plots.resize(entry.contentRect.width));
  sizes.observe(plots.timeline.parentElement);
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
    problem: sayProblem
  });
  takeInverted();
  takeRun();
  takeProgress();
  sayProblem();
  show();
  return () => {
    silence();
    clock.stop();
    clearTimeout(keeping);
    kernel.close();
    sizes.disconnect();
    sight.disconnect();
    for (const frames of [state.inverted, state.run, state.fresh]) frames?.free();
    pictures.close();
  };
}
var player_default = { render };
export {
  player_default as default
};
