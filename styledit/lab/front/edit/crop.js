// An own picture: cut to the model's shape and scaled here, with a preview, before it travels.
import { element, keepKeys, slider } from "../shared/elements.js";
import { labelled, pushButton } from "./parts.js";
import { slotChoices, unknownWords } from "./prompt.js";

const STEP = 0.02; // of the preview's side, an arrow key

// Returns {root, open(file)}. `used(bytes, name, prompt)` takes the PNG of the cut.
export function cropPanel(lab, used) {
  const [width, height] = lab.world.size;
  const cut = { picture: null, name: "", zoom: 1, x: 0.5, y: 0.5 };
  const preview = keepKeys(element("canvas", {
    width, height, tabindex: "0", role: "img", "data-testid": "crop-preview",
    "aria-label": "The part that is used. Arrow keys move it, plus and minus scale it.",
  }));
  const draw = () => drawCut(preview, cut);
  const scale = slider("Scale", { min: 1, max: 6, step: 0.05, value: 1 }, (value) => {
    cut.zoom = value;
    draw();
  });
  scale.input.dataset.testid = "crop-scale";
  const prompt = element("input", { type: "text", "data-testid": "upload-prompt", spellcheck: "false" });
  const slots = slotChoices(lab.world, "upload-slot", () => prompt.value, (text) => {
    prompt.value = text;
    show();
  });
  const wrong = element("p", { class: "styledit-problem", role: "alert", "data-testid": "upload-problem" });
  const show = () => {
    slots.show();
    const unknown = unknownWords(prompt.value, lab.world);
    wrong.textContent = unknown.length ? `The model does not know “${unknown.join("”, “")}”: choose the nearest words below.` : "";
  };
  prompt.addEventListener("input", show);
  const use = async () => {
    show();
    if (!prompt.value.trim()) wrong.textContent = "Say what the picture shows: choose the nearest words below.";
    if (wrong.textContent) return; // the picture and the sentence stay
    const bytes = await pngOf(preview);
    close();
    used(bytes, cut.name, prompt.value.trim());
  };
  const close = () => {
    root.hidden = true;
    lab.root.classList.remove("styledit-cropping");
    cut.picture?.close();
    cut.picture = null;
  };
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter") use();
  });
  const root = element(
    "div", { class: "styledit-crop", hidden: true, "data-testid": "crop" },
    element("div", { class: "styledit-crop-frame" }, preview),
    element(
      "div", { class: "styledit-crop-side" },
      element("p", { class: "styledit-hint" }, "Drag the picture to choose the part. Then say what it shows."),
      scale.root,
      labelled("It shows", prompt), wrong, slots.root,
      element(
        "div", { class: "styledit-row" },
        pushButton("Use this picture", "upload-use", use, { class: "styledit-main" }),
        pushButton("Cancel", "upload-cancel", close),
      ),
    ),
  );
  moveByHand(preview, cut, draw, scale);
  return {
    root,
    async open(file) {
      try {
        const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
        cut.picture?.close();
        Object.assign(cut, { picture, name: file.name ?? "picture", zoom: 1, x: 0.5, y: 0.5 });
      } catch {
        lab.say(`${file.name ?? "This file"} is not a picture that the browser can read; take a PNG, JPEG or WebP file.`);
        return;
      }
      lab.say("");
      scale.set(1);
      show();
      draw();
      root.hidden = false;
      lab.root.classList.add("styledit-cropping"); // one sentence to fill in at a time
      prompt.focus();
    },
    close,
  };
}

// The part of the picture that is cut out, in its own pixels.
function cutRectangle({ picture, zoom, x, y }, width, height) {
  const fit = Math.min(picture.width / width, picture.height / height) / zoom;
  const [w, h] = [width * fit, height * fit];
  const inside = (centre, size, whole) => Math.max(0, Math.min(whole - size, centre * whole - size / 2));
  return [inside(x, w, picture.width), inside(y, h, picture.height), w, h];
}

export function drawCut(canvas, cut) {
  if (!cut.picture) return;
  const { width, height } = canvas;
  const [x, y, w, h] = cutRectangle(cut, width, height);
  const context = canvas.getContext("2d");
  let [picture, left, top, across, down] = [cut.picture, x, y, w, h];
  // Halve until it is near, so that every pixel of the photograph counts; drawImage alone looks at few.
  while (across > 2 * width) {
    const half = new OffscreenCanvas(Math.ceil(across / 2), Math.ceil(down / 2));
    const smaller = half.getContext("2d");
    smaller.imageSmoothingQuality = "high";
    smaller.drawImage(picture, left, top, across, down, 0, 0, half.width, half.height);
    [picture, left, top, across, down] = [half, 0, 0, half.width, half.height];
  }
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // what is transparent becomes paper
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, left, top, across, down, 0, 0, width, height);
}

function moveByHand(preview, cut, draw, scale) {
  const move = (dx, dy) => {
    if (!cut.picture) return;
    const [, , w, h] = cutRectangle(cut, preview.width, preview.height);
    const kept = (centre, part) => Math.max(part / 2, Math.min(1 - part / 2, centre));
    cut.x = kept(cut.x + (dx * w) / cut.picture.width, w / cut.picture.width);
    cut.y = kept(cut.y + (dy * h) / cut.picture.height, h / cut.picture.height);
    draw();
  };
  const zoom = (factor) => {
    scale.set(cut.zoom * factor);
    cut.zoom = Number(scale.input.value);
    move(0, 0);
  };
  preview.addEventListener("pointerdown", (event) => preview.setPointerCapture(event.pointerId));
  preview.addEventListener("pointermove", (event) => {
    if (!preview.hasPointerCapture(event.pointerId)) return;
    move(-event.movementX / preview.clientWidth, -event.movementY / preview.clientHeight);
  });
  preview.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
  }, { passive: false });
  preview.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (moves[event.key]) move(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") zoom(1.1);
    else if (event.key === "-") zoom(1 / 1.1);
    else return;
    event.preventDefault();
  });
}

export async function pngOf(canvas) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return new Uint8Array(await blob.arrayBuffer());
}
