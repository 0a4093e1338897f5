// The style picture of a guided edit: a lesson picture, a file, or none.
import { pushButton } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { showBytes } from "../shared/pictures.js";
import { drawCut, pictureOf, pngOf } from "./crop.js";
import { fileInput } from "./parts.js";
/** @import { Bytes } from "../shared/types.js" */
/** @import { Lab, StylePicture } from "./types.js" */

/**
 * @param {Lab} lab
 * @param {(there: boolean) => void} changed by hand
 */
export function stylePicture(lab, changed) {
  /** @type {StylePicture | null} */
  let style = null;
  /** @type {Uint8Array<ArrayBuffer> | null} */
  let bytes = null; // of a file that Python does not have yet
  const [width, height] = lab.world.size;
  const chosen = element("img", {
    alt: "The style picture",
    "data-testid": "guided-style-image",
    hidden: true,
  });
  const none = pushButton("Remove", "guided-style-none", () => put(null, null));
  const samples = lab.world.samples.map((entry) => {
    const image = element("img", { alt: "" });
    showBytes(image, entry.thumb);
    const button = pushButton(
      "",
      `guided-style-${entry.name}`,
      () => put({ kind: "sample", name: entry.name }, entry.thumb),
      { class: "styledit-thumb", "aria-label": `The look of: ${entry.prompt}`, title: entry.prompt },
    );
    button.append(image);
    return { name: entry.name, button };
  });
  const show = (/** @type {StylePicture | null} */ next, /** @type {Bytes | null | undefined} */ picture) => {
    style = next ? { kind: next.kind, name: next.name } : null;
    bytes = null;
    chosen.hidden = none.hidden = !style;
    if (style) showBytes(chosen, picture);
    const sample = style?.kind === "sample" ? style.name : null;
    for (const { name, button } of samples) button.setAttribute("aria-pressed", String(name === sample));
  };
  const put = (/** @type {StylePicture | null} */ next, /** @type {Bytes | null} */ picture) => {
    show(next, picture);
    changed(Boolean(next));
  };
  const take = async (/** @type {File} */ file) => {
    const picture = await pictureOf(lab, file);
    if (!picture) return;
    const canvas = element("canvas", { width, height });
    drawCut(canvas, { picture, zoom: 1, x: 0.5, y: 0.5 });
    picture.close();
    const read = await pngOf(canvas);
    put({ kind: "upload", name: file.name }, read);
    bytes = read;
  };
  const input = fileInput("guided-style-file", "image/*", "A style picture of your own", take);
  const hint = element("span", {}, "Style picture: choose a file, or drop one here");
  const root = element(
    "div",
    { class: "styledit-style-slot", role: "group", "aria-label": "Style picture" },
    element("label", { class: "styledit-drop" }, input, chosen, hint),
    element("div", { class: "styledit-thumbs" }, ...samples.map(({ button }) => button), none),
  );
  takeDrops(lab, root, take);
  show(null, null);
  return { root, show, wanted: () => ({ style, bytes }) };
}

/**
 * What is dropped here is no new source.
 * @param {Lab} lab
 * @param {HTMLElement} root
 * @param {(file: File) => void} take
 */
function takeDrops(lab, root, take) {
  for (const event of /** @type {const} */ (["dragenter", "dragover", "drop"])) {
    root.addEventListener(event, (dropped) => {
      dropped.preventDefault();
      dropped.stopPropagation();
      lab.root.classList.remove("styledit-dropping");
      const file = dropped.dataTransfer?.files[0];
      if (event === "drop" && file) take(file);
    });
  }
}
