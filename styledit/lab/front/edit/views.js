// The pictures: source, reconstruction, edit and difference side by side, and the frame that is on the screen.
import { element, showBytes, slider } from "../shared/elements.js";
import { afterPaint, pauseOf, drawDifference, drawable, drawnCanvas, toggleButton } from "./parts.js";
import { sharedZoom } from "./zoom.js";
import { comparison } from "./compare.js";

const DECODING = 1000; // ms at most: a page that is not looked at may not decode at all
const FLICKER = 700; // ms a picture; twice a second at most, for the sake of those who cannot bear more

export function pictureViews(lab) {
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
    "div", { class: "styledit-side" },
    pane("source", "Source", image("source", "The source picture")),
    pane("reconstruction", "Reconstruction", image("reconstruction", "The source as the model gives it back")),
    pane("edit", "Edit", image("edit", "The edited picture"), mask.canvas.root),
    pane("difference", "Difference", difference.root),
    pane("truth", "The true edit", image("truth", "The true edit")),
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
      "div", { class: "styledit-toolbar" },
      element("div", { class: "styledit-tabs", role: "group", "aria-label": "View" }, ...toggles.map(([, toggle]) => toggle.root)),
      zoom.buttons, mask.toggle.root, gainSlider.root,
    ),
    side, compare.root,
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

// The newest frame; those older than the newest exact one on the screen are late, and stay away.
function showFrames(lab, images, caption, drawn) {
  let newest = -1; // serial
  let settled = -1; // the newest exact one's request
  lab.forgetSettled = () => { settled = -1; };
  lab.onTrait("frame", async (frame) => {
    images.edit.style.opacity = frame.picture ? "" : "0.3"; // of another source, until there is one of this
    if (!frame.picture) return;
    lab.edits.flow.answered(frame.id);
    if (frame.serial <= newest || frame.id < settled) return;
    newest = frame.serial;
    if (frame.exact) settled = frame.id;
    await Promise.race([showBytes(images.edit, frame.picture), pauseOf(DECODING)]);
    await afterPaint();
    if (newest !== frame.serial) return; // a newer one took its place, and is confirmed
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

// What may change stays bright, the rest is darkened.
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
