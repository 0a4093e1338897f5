// The EditLab: everything around one picture. PROTOCOL.md says what it and Python tell each other.
// Python joins the modules that are imported here into one.
import { asker, bytesOf, element, showBytes } from "../shared/elements.js";
import { commonControls } from "./controls.js";
import { editWish } from "./requests.js";
import { guidedSection } from "./guided.js";
import { codeFold, historySection } from "./history.js";
import { maskSection } from "./mask.js";
import { countOf, foldedPart, pushButton } from "./parts.js";
import { targetPrompt } from "./prompt.js";
import { sheetSection } from "./sheet.js";
import { sourceSection } from "./source.js";
import { truthSection } from "./score.js";
import { pictureViews } from "./views.js";
import { whatSection } from "./last_change.js";
import { wordTable } from "./words.js";

const STAGES = { drawing: "Drawing the source", looking: "Looking at the picture", inverting: "Inverting the picture", fitting: "Fitting the value inputs", editing: "Editing", guiding: "Guiding the value inputs", sheet: "Drawing the contact sheet" };

// What the parts of the lab share.
function labOf(model, root) {
  const cleanups = [];
  const frameReaders = [];
  const local = element("p", { class: "styledit-problem", role: "status", "aria-live": "polite", "data-testid": "note" });
  const say = (text) => { local.textContent = text; };
  const note = asker(model, say);
  const pending = pendingSource(model, root, () => edits.revert());
  const edits = editWish(model, note, () => pending.source().prompt);
  cleanups.push(note.close, edits.close);
  const lab = {
    model, root, cleanups, say, local, note, edits, pending,
    world: { size: [128, 128], ...model.get("world") },
    source: pending.source,
    onSource(reader) {
      pending.readers.push(reader);
      lab.onTrait("source", () => reader(pending.source(), false));
    },
    send(message, buffers) {
      try {
        model.send(message, undefined, buffers);
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
    picture: (image, data) => showBytes(image, data),
  };
  lab.askSource = (parts, bytes, target) => askSource(lab, parts, bytes, target);
  return lab;
}

// Another picture, or the same one with another prompt or number of steps. `target`: what the edit begins
// with; null keeps it.
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

// The source that was asked for and is still being inverted: the controls show it, the pictures are still the
// last good ones.
function pendingSource(model, root, revert) {
  let wanted = null;
  const readers = []; // reader(source, failed)
  const tell = (failed) => {
    root.classList.toggle("styledit-stale", wanted !== null);
    readers.forEach((reader) => reader(source(), failed));
  };
  const source = () => ({ ...model.get("source"), ...wanted?.parts });
  return {
    source, readers,
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
      tell(!other); // a sentence for the same picture stays to be mended
      if (other) revert();
      return true;
    },
  };
}

// How far the work is, and the way to end it.
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
    // A screen reader hears of a stage once, and not of every step.
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
  // What is wrong with a source stays until someone does something: the edit that follows may be well.
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
  const input = () => { root.dataset.input = performance.now(); };
  for (const event of ["input", "change", "click"]) root.addEventListener(event, input, true);
  const [width, height] = lab.world.size;
  root.style.setProperty("--aspect", `${width} / ${height}`);
  root.append(element("div", { class: "styledit-lab-body" }, ...labParts(lab)));
  lab.onTrait("source", lab.pending.arrived);
  lab.onTrait("target", (target) => {
    lab.note.answered();
    if (target.prompt !== undefined) lab.edits.accept(target);
  });
  lab.onTrait("frame", (frame) => { if (frame.picture) lab.note.answered(); });
  el.append(root);
  return () => {
    lab.cleanups.forEach((clean) => clean());
    root.querySelectorAll("img").forEach((image) => URL.revokeObjectURL(image.dataset.address ?? ""));
    root.remove();
  };
}

function labParts(lab) {
  return [
    sourceSection(lab), targetPrompt(lab), problemLine(lab), lab.local, pictureViews(lab), truthSection(lab), progressLine(lab),
    commonControls(lab), historySection(lab),
    element(
      "div", { class: "styledit-folds" },
      foldedPart("By word", "fold-words", wordTable(lab)),
      foldedPart("Blend and mask", "fold-mask", ...maskSection(lab)),
      foldedPart("Guided", "fold-guided", ...guidedSection(lab)),
      foldedPart("Contact sheet", "fold-sheet", ...sheetSection(lab)),
      foldedPart("What did this do", "fold-what", ...whatSection(lab)),
      codeFold(lab),
    ),
  ];
}

export default { render };
