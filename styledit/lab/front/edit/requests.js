// When a request goes to Python, and what is to be shown: the only state of the page that no trait holds.
/** @import { Asker, Model } from "../shared/types.js" */
/** @import { Edits, EditRequest, Flow, Settings, Traits } from "./types.js" */

/** @type {Settings} */
export const DEFAULT_SETTINGS = {
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
  mask: null,
};
const PATIENCE = 2000; // ms that an unanswered request of a drag holds back the next one

/**
 * At most one unanswered request while something is dragged; the newest waits until the frame of the last came. A
 * release goes at once. What jumps, such as a word, is looked at first, as if it was dragged, and then asked for.
 * @param {(request: EditRequest & {moving: boolean}) => number} send gives the request its id and returns it
 * @returns {Flow}
 */
export function requestFlow(send) {
  /** @type {number | null} */
  let open = null; // the id of the unanswered request
  /** @type {(EditRequest & {moving: boolean}) | null} */
  let waiting = null;
  /** @type {Timer} */
  let timer;
  const close = () => {
    clearTimeout(timer);
    open = null;
  };
  const go = (/** @type {EditRequest & {moving: boolean}} */ request) => {
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
    look(request) {
      go({ ...request, moving: true });
      waiting = { ...request, moving: false };
    },
    waits: () => waiting !== null,
    forget() {
      waiting = null;
      close();
    },
  };
}

/**
 * What the controls say: prompt, settings, method, auto; and the ids of the requests.
 * @param {Pick<Model<Traits>, "get">} model
 * @param {Asker} note
 * @param {() => string | undefined} sourcePrompt
 * @returns {Edits}
 */
export function editRequests(model, note, sourcePrompt) {
  let lastId = 0;
  const nextId = () => {
    for (const name of /** @type {const} */ (["source", "target", "frame", "sheet"])) {
      lastId = Math.max(lastId, model.get(name).id ?? 0);
    }
    lastId = Math.max(lastId, ...model.get("sheets").map(({ id }) => id));
    lastId += 1;
    return lastId;
  };
  /** @type {EditRequest} */
  const current = { prompt: "", settings: { ...DEFAULT_SETTINGS }, method: "", parameters: {}, auto: true };
  /** @type {((current: EditRequest) => void)[]} */
  const readers = [];
  const tell = () => readers.forEach((reader) => reader(current));
  let asked = 0; // the newest edit's id
  const flow = requestFlow((request) => {
    asked = nextId();
    note.ask({ type: "edit", id: asked, ...request });
    return asked;
  });
  const request = () => ({
    prompt: current.prompt,
    settings: withKnownWords(current, sourcePrompt() ?? ""),
    method: current.method,
    parameters: { ...current.parameters },
    auto: current.auto,
  });
  const ask = (/** @type {boolean} */ moving) => flow.ask({ moving, ...request() });
  /** @type {Edits["accept"]} */
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
    close: () => flow.forget(),
  };
}

/**
 * The settings without those of words that are in no prompt any more.
 * @param {EditRequest} request
 * @param {string} sourcePrompt
 */
export function withKnownWords({ prompt, settings }, sourcePrompt) {
  // Whole words: "car" is not in "carpet".
  const spaced = (/** @type {string} */ text) => ` ${promptWords(text.toLowerCase()).join(" ")} `;
  const isIn = (/** @type {string} */ word, /** @type {string} */ text) =>
    spaced(text).includes(spaced(word));
  const known = structuredClone(settings);
  known.blend = known.blend.filter((word) => isIn(word, prompt) || isIn(word, sourcePrompt));
  for (const name of /** @type {const} */ (["tau_c_words", "tau_v_words", "reweight"])) {
    known[name] = Object.fromEntries(Object.entries(known[name]).filter(([word]) => isIn(word, prompt)));
  }
  return known;
}

/** @param {string} prompt */
export function promptWords(prompt) {
  return prompt.split(/\s+/).filter(Boolean);
}
