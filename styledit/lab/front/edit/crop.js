// An own picture: cut to the model's shape and scaled here, with a preview, before it travels.
import { pushButton, slider } from "../shared/controls.js";
import { contextOf, element, keepKeys } from "../shared/elements.js";
import { ARROWS, clamped } from "../shared/geometry.js";
import { labelled } from "./parts.js";
import { slotChoices } from "./prompt.js";
import { unknownWords } from "./sentences.js";
/** @import { Slider } from "../shared/types.js" */
/** @import { Lab } from "./types.js" */
/**
 * What is cut out: `zoom` 1 is the largest part of the model's shape, (x, y) its centre in fractions of the picture.
 * @typedef {{picture: {width: number, height: number}, zoom: number, x: number, y: number}} Geometry
 * @typedef {Geometry & {picture: ImageBitmap, name: string}} Cut
 */

const STEP = 0.02; // of the preview's side, an arrow key

/**
 * @param {Lab} lab
 * @param {(bytes: Uint8Array<ArrayBuffer>, name: string, prompt: string) => void} used takes the PNG of the cut
 */
export function cropPanel(lab, used) {
  const [width, height] = lab.world.size;
  /** @type {Cut | null} */
  let cut = null;
  const preview = keepKeys(
    element("canvas", {
      width,
      height,
      tabindex: "0",
      role: "img",
      "data-testid": "crop-preview",
      "aria-label": "The part that is used. Arrow keys move it, plus and minus scale it.",
    }),
  );
  const draw = () => {
    if (cut) drawCut(preview, cut);
  };
  const scale = slider("Scale", { min: 1, max: 6, step: 0.05, value: 1 }, (value) => {
    if (cut) cut.zoom = value;
    draw();
  });
  scale.input.dataset.testid = "crop-scale";
  const prompt = element("input", { type: "text", "data-testid": "upload-prompt", spellcheck: "false" });
  const slots = slotChoices(
    lab.world,
    "upload-slot",
    () => prompt.value,
    (text) => {
      prompt.value = text;
      show();
    },
  );
  const wrong = element("p", { class: "styledit-problem", role: "alert", "data-testid": "upload-problem" });
  const show = () => {
    slots.show();
    const unknown = unknownWords(prompt.value, lab.world);
    wrong.textContent = unknown.length
      ? `The model does not know “${unknown.join("”, “")}”: choose the nearest words below.`
      : "";
  };
  prompt.addEventListener("input", show);
  const use = async () => {
    show();
    if (!prompt.value.trim())
      wrong.textContent = "Say what the picture shows: choose the nearest words below.";
    if (wrong.textContent || !cut) return; // the picture and the sentence stay
    const { name } = cut;
    const bytes = await pngOf(preview);
    if (root.hidden) return; // cancelled meanwhile, or an earlier press was quicker
    close();
    used(bytes, name, prompt.value.trim());
  };
  const close = () => {
    root.hidden = true;
    lab.root.classList.remove("styledit-cropping");
    cut?.picture.close();
    cut = null;
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
      element(
        "p",
        { class: "styledit-hint" },
        "Drag the picture to choose the part. Then say what it shows.",
      ),
      scale.root,
      labelled("It shows", prompt),
      wrong,
      slots.root,
      element(
        "div",
        { class: "styledit-row" },
        pushButton("Use this picture", "upload-use", use, { class: "styledit-main" }),
        pushButton("Cancel", "upload-cancel", close),
      ),
    ),
  );
  moveByHand(preview, () => cut, draw, scale);
  return {
    root,
    async open(/** @type {File} */ file) {
      const picture = await pictureOf(lab, file);
      if (!picture) return;
      cut?.picture.close();
      cut = { picture, name: file.name, zoom: 1, x: 0.5, y: 0.5 };
      scale.set(1);
      prompt.value = ""; // the words of the picture before say nothing of this one
      show();
      draw();
      root.hidden = false;
      lab.root.classList.add("styledit-cropping"); // one sentence to fill in at a time
      prompt.focus();
    },
    close,
  };
}

/**
 * The picture of a file; null, and a sentence, where the browser cannot read it.
 * @param {Lab} lab
 * @param {File} file
 */
export async function pictureOf(lab, file) {
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    lab.say("");
    return picture;
  } catch {
    lab.say(`${file.name} is not a picture that the browser can read; take a PNG, JPEG or WebP file.`);
    return null;
  }
}

/**
 * The part of the picture that is cut out, in its own pixels: [left, top, width, height].
 * @param {Geometry} geometry
 * @param {number} width of what it is cut for
 * @param {number} height
 * @returns {[number, number, number, number]}
 */
export function cutRectangle({ picture, zoom, x, y }, width, height) {
  const fit = Math.min(picture.width / width, picture.height / height) / zoom;
  const [w, h] = [width * fit, height * fit];
  const left = clamped(x * picture.width - w / 2, 0, picture.width - w);
  const top = clamped(y * picture.height - h / 2, 0, picture.height - h);
  return [left, top, w, h];
}

/**
 * Draw the part that is cut out.
 * @param {HTMLCanvasElement} canvas
 * @param {Geometry & {picture: ImageBitmap}} cut
 */
export function drawCut(canvas, cut) {
  const { width, height } = canvas;
  let [left, top, across, down] = cutRectangle(cut, width, height);
  /** @type {ImageBitmap | OffscreenCanvas} */
  let picture = cut.picture;
  // Halve until it is near, so that every pixel of the photograph counts; drawImage alone looks at few.
  while (across > 2 * width) {
    const half = new OffscreenCanvas(Math.ceil(across / 2), Math.ceil(down / 2));
    const smaller = contextOf(half);
    smaller.imageSmoothingQuality = "high";
    smaller.drawImage(picture, left, top, across, down, 0, 0, half.width, half.height);
    [picture, left, top, across, down] = [half, 0, 0, half.width, half.height];
  }
  const context = contextOf(canvas);
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // what is transparent becomes paper
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, left, top, across, down, 0, 0, width, height);
}

/**
 * Move the part by fractions of itself; it stays inside the picture.
 * @param {Geometry} cut changed in place
 * @param {number} width of what it is cut for
 * @param {number} height
 * @param {number} dx
 * @param {number} dy
 */
export function moveCut(cut, width, height, dx, dy) {
  const [, , w, h] = cutRectangle(cut, width, height);
  const [across, down] = [w / cut.picture.width, h / cut.picture.height]; // of the picture
  cut.x = clamped(cut.x + dx * across, across / 2, 1 - across / 2);
  cut.y = clamped(cut.y + dy * down, down / 2, 1 - down / 2);
}

/**
 * @param {HTMLCanvasElement} preview
 * @param {() => Cut | null} cutNow
 * @param {() => void} draw
 * @param {Slider} scale
 */
function moveByHand(preview, cutNow, draw, scale) {
  const move = (/** @type {number} */ dx, /** @type {number} */ dy) => {
    const cut = cutNow();
    if (!cut) return;
    moveCut(cut, preview.width, preview.height, dx, dy);
    draw();
  };
  const zoom = (/** @type {number} */ factor) => {
    const cut = cutNow();
    if (!cut) return;
    scale.set(cut.zoom * factor);
    cut.zoom = Number(scale.input.value);
    move(0, 0);
  };
  preview.addEventListener("pointerdown", (event) => preview.setPointerCapture(event.pointerId));
  preview.addEventListener("pointermove", (event) => {
    if (!preview.hasPointerCapture(event.pointerId)) return;
    move(-event.movementX / preview.clientWidth, -event.movementY / preview.clientHeight);
  });
  preview.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
    },
    { passive: false },
  );
  preview.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (arrow) move(STEP * arrow[0], STEP * arrow[1]);
    else if (event.key === "+" || event.key === "=") zoom(1.1);
    else if (event.key === "-") zoom(1 / 1.1);
    else return;
    event.preventDefault();
  });
}

/** @param {HTMLCanvasElement} canvas */
export async function pngOf(canvas) {
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => {
    canvas.toBlob(resolve, "image/png");
  });
  if (!blob) throw new Error("The browser gives no PNG of this picture.");
  return new Uint8Array(await blob.arrayBuffer());
}
