// The pictures: source, reconstruction, edit and difference side by side, and the frame that is on the screen.
import { slider } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { showBytes } from "../shared/pictures.js";
import { comparison } from "./compare.js";
import { wordLooks } from "./looks.js";
import { quotedWords } from "./mask.js";
import { afterPaint, drawDifference, drawable, drawnCanvas, pauseOf, toggleButton } from "./parts.js";
import { sharedZoom } from "./zoom.js";
/** @import { Child } from "../shared/types.js" */
/** @import { ViewMode } from "./compare.js" */
/** @import { Frame, Lab, Settings, Target } from "./types.js" */

const DECODING = 1000; // ms at most: a page that is not looked at may not decode at all
const FLICKER = 700; // ms a picture; twice a second at most, for the sake of those who cannot bear more
const GAIN = 3; // of the difference, to begin with
const MASK_SHOWN = "Darken what the mask keeps as it is";
const NO_MASK =
  "There is no mask: all of the picture may change. “Change only part of the picture”, below, makes one.";

/**
 * What stands above the pictures, and the strip of the pictures, which sticks: two parts that must have one parent.
 * @param {Lab} lab
 */
export function pictureViews(lab) {
  const [width, height] = lab.world.size;
  const root = element("section", { class: "styledit-views", "aria-label": "Pictures" });
  const zoom = sharedZoom(root);
  const image = (/** @type {string} */ name, /** @type {string} */ alt) =>
    element("img", { alt, "data-testid": `${name}-image`, draggable: "false", width, height });
  const images = {
    source: image("source", "The source picture"),
    reconstruction: image("reconstruction", "The source as the model gives it back"),
    edit: image("edit", "The edited picture"),
    truth: image("truth", "The true edit"),
  };
  lab.images = images;
  let gain = GAIN;
  const changed = element("span", { class: "styledit-hint" });
  const difference = drawnCanvas(
    width,
    height,
    { "data-testid": "difference-canvas", role: "img", "aria-label": "Difference of edit and source" },
    (context) => {
      const mean = drawDifference(context, images.edit, images.source, gain);
      changed.textContent = mean === null ? "" : ` ${mean.toFixed(1)}`;
    },
  );
  const mask = maskOverlay(lab, width, height);
  const looks = wordLooks(lab);
  const figure = (
    /** @type {string} */ name,
    /** @type {string} */ title,
    /** @type {Child[]} */ ...content
  ) => pictureFigure(name, title, zoom.attach, ...content);
  const figures = {
    source: figure("source", "Source", images.source, looks.source.canvas),
    reconstruction: figure("reconstruction", "Reconstruction", images.reconstruction),
    edit: figure("edit", "Edit", images.edit, mask.canvas.root, looks.edit.canvas),
    difference: figure("difference", "Difference", difference.root),
    truth: figure("truth", "The true edit", images.truth),
  };
  figures.source.root.append(looks.source.caption);
  figures.edit.root.append(looks.edit.caption, mask.note);
  figures.difference.caption.append(changed);
  figures.difference.caption.title = "How far a pixel is from the source's on average, of 255";
  figures.truth.root.hidden = true;
  const side = element("div", { class: "styledit-side" }, ...Object.values(figures).map((made) => made.root));
  const compare = comparison(lab, images, zoom.attach, {
    pause: FLICKER,
    gain: () => gain,
    choose: (mode) => modes.choose(mode),
    arranged(active, name) {
      side.hidden = active;
      modes.nameSides(name);
    },
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
    },
  );
  gainSlider.input.dataset.testid = "difference-gain";
  const modes = modeButtons(compare.open);
  modes.choose("side");
  const tools = element(
    "div",
    { class: "styledit-tools", role: "toolbar", "aria-label": "View" },
    modes.root,
    zoom.buttons,
    mask.toggle.root,
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

/**
 * A picture that can be zoomed, and its name below.
 * @param {string} name
 * @param {string} title
 * @param {(pane: HTMLElement) => void} attachZoom
 * @param {...Child} content
 */
function pictureFigure(name, title, attachZoom, ...content) {
  const pane = element(
    "div",
    {
      class: "styledit-pane",
      tabindex: name === "edit" ? "0" : "-1", // they are zoomed together: one stop of the Tab key is enough
      role: "group",
      "aria-label": `${title}; plus and minus zoom all pictures, arrows move`,
    },
    element("div", { class: "styledit-zoomed" }, ...content),
  );
  attachZoom(pane);
  const caption = element("figcaption", {}, title);
  return {
    root: element("figure", { class: `styledit-figure styledit-figure-${name}` }, pane, caption),
    caption,
  };
}

/** @param {(mode: ViewMode) => void} open */
function modeButtons(open) {
  /** @type {[ViewMode, string][]} */
  const modes = [
    ["side", "Source and edit"],
    ["split", "Split"],
    ["flicker", "Flicker"],
    ["difference", "Difference"],
  ];
  const choose = (/** @type {ViewMode} */ mode) => {
    for (const { name, toggle } of toggles) toggle.set(name === mode);
    open(mode);
  };
  const toggles = modes.map(([name, text]) => ({
    name,
    toggle: toggleButton(text, `view-${name}`, () => choose(name)),
  }));
  const buttons = toggles.map(({ toggle }) => toggle.root);
  return {
    root: element("div", { class: "styledit-tabs", role: "group", "aria-label": "View" }, ...buttons),
    choose,
    nameSides(/** @type {string} */ name) {
      buttons[0].textContent = name;
    },
  };
}

/**
 * @param {Lab} lab
 * @param {HTMLElement} caption of the reconstruction
 * @param {() => void} drawn
 */
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

/**
 * The newest frame; those older than the newest exact one on the screen are late, and stay away.
 * @param {Lab} lab
 * @param {HTMLElement} caption of the edit
 * @param {() => void} drawn
 */
function showFrames(lab, caption, drawn) {
  const { root, images } = lab;
  let newest = -1; // serial
  let settled = -1; // the newest exact one's request
  lab.forgetSettled = () => {
    settled = -1;
  };
  lab.onTrait("frame", async (told) => {
    images.edit.style.opacity = told.picture ? "" : "0.3"; // of another source, until there is one of this
    if (!told.picture) return;
    const frame = /** @type {Frame} */ (told);
    lab.edits.flow.answered(frame.id);
    if (frame.serial <= newest || frame.id < settled) return;
    newest = frame.serial;
    if (frame.exact) settled = frame.id;
    await Promise.race([showBytes(images.edit, frame.picture), pauseOf(DECODING)]);
    await afterPaint();
    if (newest !== frame.serial) return; // a newer one took its place, and is confirmed
    const { id, serial, exact } = frame;
    Object.assign(root.dataset, { shown: JSON.stringify({ id, serial, exact }), painted: performance.now() });
    lab.send({ type: "shown", serial });
    caption.textContent = editCaption(frame, lab.model.get("target"), lab.model.get("guided").running);
    drawn();
    lab.tellFrame(frame);
  });
}

/**
 * What the edit is called: a first look says so, and what another method made than the one that was asked for names it.
 * @param {Pick<Frame, "exact" | "method">} frame
 * @param {Partial<Target>} asked
 * @param {boolean | undefined} guiding whether a guided edit is on its way
 */
export function editCaption({ exact, method }, asked, guiding) {
  if (!exact) return `Edit · ${guiding ? "on the way" : "first look"}`;
  const stands = asked.guided || asked.method === method;
  return stands ? "Edit" : `Edit · ${method}`;
}

/**
 * @param {Lab} lab
 * @param {HTMLElement} figure of the true edit
 * @param {() => void} drawn
 */
function showTruth(lab, figure, drawn) {
  lab.onFrame(async ({ exact, score }) => {
    if (exact || !score) figure.hidden = !score;
    if (!score) return;
    await showBytes(lab.images.truth, score.truth);
    drawn();
  });
}

/**
 * What may change stays bright, the rest is darkened.
 * @param {Lab} lab
 * @param {number} width
 * @param {number} height
 */
function maskOverlay(lab, width, height) {
  let there = false;
  const image = element("img", { alt: "" });
  const attributes = {
    class: "styledit-mask",
    "data-testid": "mask-overlay",
    role: "img",
    "aria-label": "The mask: what is dark stays as it is",
    hidden: true,
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
    { title: MASK_SHOWN },
  );
  const show = async (/** @type {Frame} */ { mask }) => {
    there = mask !== null;
    toggle.root.disabled = !there;
    toggle.root.title = there ? MASK_SHOWN : NO_MASK;
    await showBytes(image, mask);
    canvas.redraw();
  };
  lab.cleanups.push(() => URL.revokeObjectURL(image.dataset.address ?? ""));
  return { canvas, toggle, note, show };
}

/**
 * A mask's pixels (RGBA) as a shade: half black where it is dark, nothing where it is bright.
 * @param {Uint8ClampedArray} pixels changed in place
 * @returns {number} how many are dark
 */
export function darkenOutside(pixels) {
  let dark = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const outside = pixels[at] < 128;
    pixels[at] = pixels[at + 1] = pixels[at + 2] = 0;
    pixels[at + 3] = outside ? 165 : 0;
    dark += Number(outside);
  }
  return dark;
}

/**
 * Why nothing is dark where a mask is shown.
 * @param {Pick<Settings, "blend" | "mask"> | undefined} settings
 */
export function coversAllSentence(settings) {
  const { blend = [], mask = null } = settings ?? {};
  const what = mask || !blend.length ? "the mask" : quotedWords(blend, "and");
  const verb = !mask && blend.length > 1 ? "together cover" : "covers";
  return `Everything may change: ${what} ${verb} the whole picture`;
}
