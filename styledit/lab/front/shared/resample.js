// Maps at another size, bilinear, as torch.nn.functional.interpolate has it (align_corners=False).
/** @import { Grid } from "./types.js" */

/** @type {Map<string, ReturnType<typeof makeTaps>>} */
const known = new Map();

/**
 * Two cells and the second one's weight, for each of the m that n become.
 * @param {number} n
 * @param {number} m
 */
function makeTaps(n, m) {
  const first = new Int32Array(m);
  const second = new Int32Array(m);
  const weight = new Float32Array(m);
  for (let k = 0; k < m; k += 1) {
    const place = Math.max(0, ((k + 0.5) * n) / m - 0.5);
    first[k] = Math.min(n - 1, Math.floor(place));
    second[k] = Math.min(n - 1, first[k] + 1);
    weight[k] = place - first[k];
  }
  return { first, second, weight };
}

/**
 * @param {number} n
 * @param {number} m
 */
function tapsOf(n, m) {
  const key = `${n}>${m}`;
  const taps = known.get(key) ?? makeTaps(n, m);
  known.set(key, taps);
  return taps;
}

/**
 * Add factor * a map to a total of another size.
 * @param {Float32Array} total changed in place
 * @param {Grid} size of the total
 * @param {ArrayLike<number>} map
 * @param {Grid} from of the map
 * @param {number} factor
 */
export function addMap(total, size, map, from, factor) {
  if (from.h === size.h && from.w === size.w) {
    for (let k = 0; k < total.length; k += 1) total[k] += factor * map[k];
    return;
  }
  const rows = tapsOf(from.h, size.h);
  const columns = tapsOf(from.w, size.w);
  let place = 0;
  for (let y = 0; y < size.h; y += 1) {
    const above = rows.first[y] * from.w;
    const below = rows.second[y] * from.w;
    const v = rows.weight[y];
    for (let x = 0; x < size.w; x += 1) {
      const left = columns.first[x];
      const right = columns.second[x];
      const u = columns.weight[x];
      const top = map[above + left] * (1 - u) + map[above + right] * u;
      const bottom = map[below + left] * (1 - u) + map[below + right] * u;
      total[place] += factor * (top * (1 - v) + bottom * v);
      place += 1;
    }
  }
}
