// When a request goes to Python, and what is to be shown: the only state of the page that no trait holds.

export const DEFAULT_SETTINGS = {
  guidance: 7.5, tau_v: 0.5, tau_v_changed: null, tau_v_padding: null, tau_c: 0.6, tau_s: 0.6, tau_u: 0,
  blend_threshold: 0.3, guide_from_source: false, tau_words: {}, tau_v_words: {}, reweight: {}, blend: [], mask: null,
};
const PATIENCE = 2000; // ms that an unanswered request of a drag holds back the next one

// At most one unanswered request while something is dragged; the newest waits until the frame of the last came.
// A release goes at once. `send(request)` gives the request its id and returns it.
export function requestFlow(send) {
  let open = null; // the id of the unanswered request
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
    },
  };
}

// What the controls say: prompt, settings, method, auto; and the ids of the requests.
export function editWish(model, note, sourcePrompt) {
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
  let asked = 0; // the newest edit's id
  const flow = requestFlow((request) => {
    asked = nextId();
    note.ask({ type: "edit", id: asked, ...request });
    return asked;
  });
  const request = () => ({ prompt: wish.prompt, settings: knownWords(wish, sourcePrompt()), method: wish.method, auto: wish.auto });
  const ask = (moving) => flow.ask({ moving, ...request() });
  return {
    wish, flow, nextId, request, tell,
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
    close: () => flow.forget(),
  };
}

// The settings without those of words that are in no prompt any more.
function knownWords(wish, sourcePrompt) {
  const settings = structuredClone(wish.settings);
  // Whole words: "car" is not in "carpet".
  const spaced = (text) => ` ${promptWords((text ?? "").toLowerCase()).join(" ")} `;
  const isIn = (word, text) => spaced(text).includes(spaced(word));
  settings.blend = (settings.blend ?? []).filter((word) => isIn(word, wish.prompt) || isIn(word, sourcePrompt));
  for (const name of ["tau_words", "tau_v_words", "reweight"]) {
    const kept = Object.entries(settings[name] ?? {}).filter(([word]) => isIn(word, wish.prompt));
    settings[name] = Object.fromEntries(kept);
  }
  return settings;
}

export function promptWords(prompt) {
  return (prompt ?? "").split(/\s+/).filter(Boolean);
}
