// Files for the user to keep.
import { element } from "./elements.js";
import { bytesOf } from "./pictures.js";
/** @import { Bytes } from "./types.js" */

/**
 * Have the browser download some bytes; nothing happens where there are none.
 * @param {string} name
 * @param {Bytes | null | undefined} data
 * @param {string} type
 */
export function download(name, data, type) {
  const bytes = bytesOf(data);
  if (!bytes) return;
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
