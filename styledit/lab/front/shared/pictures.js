// Encoded pictures (PNG or WebP) that come from Python as bytes.
/** @import { Bytes } from "./types.js" */

/**
 * The bytes of a trait, whichever view they come as; null where there are none.
 * @param {Bytes | null | undefined} data
 * @returns {Uint8Array<ArrayBuffer> | null}
 */
export function bytesOf(data) {
  if (!data) return null;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(/** @type {ArrayBuffer} */ (data.buffer), data.byteOffset, data.byteLength);
}

/**
 * An address for an <img>, to be given back with `URL.revokeObjectURL`.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
export function addressOf(bytes) {
  const type = bytes[0] === 0x89 ? "image/png" : "image/webp";
  return URL.createObjectURL(new Blob([bytes], { type }));
}

/**
 * Show picture bytes in an <img>; resolves when they are decoded. The address of the picture before is given back.
 * @param {HTMLImageElement} image
 * @param {Bytes | null | undefined} data nothing happens where there are none
 */
export async function showBytes(image, data) {
  const bytes = bytesOf(data);
  if (!bytes?.length) return;
  const before = image.dataset.address;
  image.dataset.address = image.src = addressOf(bytes);
  try {
    await image.decode();
  } catch {
    // a newer picture took its place
  }
  if (before) URL.revokeObjectURL(before);
}

/**
 * Give back the addresses of the pictures in an element that goes.
 * @param {ParentNode} root
 */
export function freePictures(root) {
  for (const image of root.querySelectorAll("img")) URL.revokeObjectURL(image.dataset.address ?? "");
}
