// The source that was asked for and is still being inverted: the controls show it, the pictures are still the last
// good ones.
import { bytesOf } from "../shared/pictures.js";
/** @import { Bytes, Model } from "../shared/types.js" */
/** @import { Lab, PendingSource, Source, SourceParts, Traits } from "./types.js" */

const STAGES = ["drawing", "inverting"]; // of a source on its way

/**
 * @param {Pick<Model<Traits>, "get">} model
 * @param {HTMLElement} root of the lab
 * @param {() => void} revert the controls, where another source will not come
 * @returns {PendingSource}
 */
export function pendingSource(model, root, revert) {
  /** @type {{id: number, parts: SourceParts, started: boolean, stood: Partial<Source>} | null} */
  let wanted = null; // and the source that stood when it was asked for
  /** @type {PendingSource["readers"]} */
  const readers = [];
  const source = () => ({ ...model.get("source"), ...wanted?.parts });
  const comes = () => model.get("source").state === "inverting"; // its picture is there, no edit of it
  const tell = (/** @type {boolean} */ failed) => {
    root.classList.toggle("styledit-stale", wanted !== null || comes());
    root.classList.toggle("styledit-coming", comes());
    readers.forEach((reader) => reader(source(), failed));
  };
  const failed = () => {
    if (wanted === null) return false;
    const { kind, name, seed } = wanted.stood;
    const other = wanted.parts.kind !== kind || wanted.parts.name !== name || wanted.parts.seed !== seed;
    wanted = null;
    tell(!other); // a sentence for the same picture stays to be mended
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
    failed,
  };
}

/**
 * Another picture, or the same one with another prompt or number of steps.
 * @param {Lab} lab
 * @param {Partial<SourceParts>} parts what changes
 * @param {Bytes | null} bytes the picture file of an upload that is new
 * @param {string | null} target the prompt that the edit begins with; null keeps the edit
 */
export function askSource(lab, parts, bytes = null, target = null) {
  const { kind = "sample", name = "", seed = 0, prompt = "", steps = 0, picture } = lab.source();
  const wanted = { kind, name, seed, prompt, steps: lab.stepsWanted() ?? steps, ...parts };
  const file = bytes ?? (wanted.kind === "upload" ? bytesOf(picture) : null);
  const id = lab.edits.nextId();
  lab.edits.flow.forget();
  lab.pending.begin(id, wanted);
  lab.note.ask({ type: "source", id, ...wanted }, file ? [file] : []);
  lab.edits.set(target === null ? {} : { prompt: target, auto: true });
}
