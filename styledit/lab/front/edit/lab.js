// The EditLab: everything around one picture. PROTOCOL.md says what it and Python tell each other.
import { element } from "../shared/elements.js";
import { asker } from "../shared/kernel.js";
import { freePictures } from "../shared/pictures.js";
import { rovingFocus } from "../shared/roving.js";
import { commonControls } from "./controls.js";
import { guidedSection } from "./guided.js";
import { happeningSection } from "./happening.js";
import { codeFold, historySection } from "./history.js";
import { lastChangeSection } from "./last_change.js";
import { linkedPlace } from "./linked.js";
import { blendNote, maskSection } from "./mask.js";
import { foldedPart } from "./parts.js";
import { askSource, pendingSource } from "./pending.js";
import { targetPrompt } from "./prompt.js";
import { editRequests } from "./requests.js";
import { scoreSection } from "./score.js";
import { sheetSection } from "./sheet.js";
import { sourceSection } from "./source.js";
import { problemLine, progressLine } from "./status.js";
import { pictureViews } from "./views.js";
import { wordTable } from "./words.js";
/** @import { Model, Rendered } from "../shared/types.js" */
/** @import { Frame, Lab, Traits } from "./types.js" */

const GROUPS =
  ".styledit-tools, .styledit-tabs, .styledit-thumbs, .styledit-slots, .styledit-look-line, .styledit-sheet";

/**
 * What the parts of the lab share.
 * @param {Model<Traits>} model
 * @param {HTMLElement} root
 * @param {(sentence: string) => void} say
 * @returns {Lab}
 */
function labOf(model, root, say) {
  /** @type {((frame: Frame) => void)[]} */
  const frameReaders = [];
  const note = asker(model, say);
  const pending = pendingSource(model, root, () => edits.revert());
  const edits = editRequests(model, note, () => pending.source().prompt);
  /** @type {Lab} */
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
    stepsWanted: () => undefined,
    sourcePrompt: () => "",
    focusTarget() {},
    forgetSettled() {},
    compareWith() {},
    showSides() {},
    forgetProblem() {},
  };
  return lab;
}

/** @param {Rendered<Traits>} view */
function render({ model, el }) {
  const root = element("div", { class: "styledit styledit-edit-lab" });
  const local = element("p", {
    class: "styledit-problem",
    role: "status",
    "aria-live": "polite",
    "data-testid": "note",
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
    if (target.prompt !== undefined) lab.edits.accept(target);
  });
  lab.onTrait("problem", (problem) => {
    if (problem) lab.edits.flow.forget(); // after a first look that failed nothing more is asked for
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

/**
 * In the order of a session: a picture, what it shall become, sliders. What is below the strip of pictures passes below
 * it, so that the edit is seen whatever is used.
 * @param {Lab} lab
 * @param {HTMLElement} local where the page's own sentences stand
 */
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
      codeFold(lab),
    ),
  ];
}

/**
 * Groups of many buttons have one stop of the Tab key each.
 * @param {Lab} lab
 */
function groupsForKeys(lab) {
  const groups = /** @type {HTMLElement[]} */ ([...lab.root.querySelectorAll(GROUPS)]);
  const outermost = groups.filter((group) => !group.parentElement?.closest(GROUPS));
  lab.cleanups.push(...outermost.map((group) => rovingFocus(group)));
}

export default { render };
