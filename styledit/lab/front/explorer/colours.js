// Maps in colour: palettes, scales, and small canvases that are drawn large.
import { element } from "../shared/elements.js";

// 256 colours from a palette's few: [[r, g, b], ...] from the lowest value to the highest.
export function explorerPalette(anchors) {
  const colours = new Uint8ClampedArray(256 * 3);
  for (let k = 0; k < 256; k += 1) {
    const place = (k / 255) * (anchors.length - 1);
    const first = Math.min(anchors.length - 2, Math.floor(place));
    const part = place - first;
    for (let c = 0; c < 3; c += 1) {
      colours[3 * k + c] = anchors[first][c] * (1 - part) + anchors[first + 1][c] * part;
    }
  }
  return colours;
}

// A map of h × w values as a canvas of h × w pixels.
export function explorerPaint(map, h, w, range, palette) {
  const canvas = element("canvas", { width: w, height: h });
  const context = canvas.getContext("2d");
  const image = context.createImageData(w, h);
  const factor = 255 / Math.max(range.high - range.low, 1e-12);
  for (let k = 0; k < map.length; k += 1) {
    const place = 3 * Math.max(0, Math.min(255, Math.round((map[k] - range.low) * factor)));
    image.data[4 * k] = palette[place];
    image.data[4 * k + 1] = palette[place + 1];
    image.data[4 * k + 2] = palette[place + 2];
    image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// The ends of the colour scale for some maps. Contrast 0 takes [0, highest], 1 leaves a twentieth at either end
// to the end's colour. Differences are scaled evenly around zero.
export function explorerRange(maps, contrast, signed) {
  const length = maps.reduce((sum, map) => sum + map.length, 0);
  if (!length) return { low: 0, high: 1 };
  const values = new Float32Array(length);
  let place = 0;
  for (const map of maps) {
    values.set(map, place);
    place += map.length;
  }
  if (signed) {
    for (let k = 0; k < length; k += 1) values[k] = Math.abs(values[k]);
  }
  values.sort();
  const at = (share) => values[Math.round(share * (length - 1))];
  const high = Math.max(at(1) * (1 - contrast) + at(0.95) * contrast, 1e-9);
  return { low: signed ? -high : Math.min(at(0.05) * contrast, 0.98 * high), high };
}

// The picture in grey, its blacks and whites a little taken back, so that the map's colours stay readable.
export function explorerGrey(image, width, height) {
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height);
  for (let k = 0; k < pixels.data.length; k += 4) {
    const light = 0.299 * pixels.data[k] + 0.587 * pixels.data[k + 1] + 0.114 * pixels.data[k + 2];
    pixels.data.fill(20 + light * 0.85, k, k + 3);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

// Draw a small map canvas over a grey picture into a large canvas; `share` of what is seen is the picture.
export function explorerCompose(canvas, grey, small, share, smooth) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  context.globalAlpha = 1;
  if (grey) context.drawImage(grey, 0, 0, width, height);
  else context.clearRect(0, 0, width, height);
  if (!small) return;
  context.globalAlpha = 1 - share;
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small, 0, 0, width, height);
  context.imageSmoothingEnabled = true;
  context.globalAlpha = 1;
}

// A frame around one cell, seen on dark and on light.
export function explorerMark(canvas, cell, locked) {
  const context = canvas.getContext("2d");
  const x = cell.x * canvas.width;
  const y = cell.y * canvas.height;
  const width = cell.w * canvas.width;
  const height = cell.h * canvas.height;
  const unit = canvas.width / 512;
  context.lineWidth = (locked ? 6 : 4) * unit;
  context.strokeStyle = "#000";
  context.strokeRect(x, y, width, height);
  context.lineWidth = (locked ? 3 : 2) * unit;
  context.strokeStyle = locked ? "#56b4e9" : "#fff";
  context.strokeRect(x, y, width, height);
}

// A share in percent with as many digits as it takes to see it.
export function explorerPercent(value) {
  const percent = 100 * value;
  const size = Math.abs(percent);
  const digits = size >= 10 || size === 0 ? 1 : size >= 0.1 ? 2 : 3;
  return percent.toFixed(digits).replace("-", "−");
}

// A colour bar with three numbers. Returns {root, set(range, palette, share, unit, clipped)}.
export function explorerBar() {
  const canvas = element("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const numbers = [0, 1, 2].map(() => element("span"));
  const unit = element("span", { class: "explorer-unit" });
  const root = element(
    "div",
    { class: "explorer-colour-bar", "data-testid": "colour-bar" },
    canvas,
    element("div", { class: "explorer-ticks" }, ...numbers),
    unit,
  );
  return {
    root,
    set(range, palette, share, text, clipped) {
      const context = canvas.getContext("2d");
      const image = context.createImageData(256, 1);
      for (let k = 0; k < 256; k += 1) {
        for (let c = 0; c < 3; c += 1) image.data[4 * k + c] = palette[3 * k + c] * (1 - share) + 128 * share;
        image.data[4 * k + 3] = 255;
      }
      context.putImageData(image, 0, 0);
      const middle = (range.low + range.high) / 2;
      numbers[0].textContent = `${clipped.low ? "≤ " : ""}${explorerPercent(range.low)}`;
      numbers[1].textContent = explorerPercent(middle);
      numbers[2].textContent = `${clipped.high ? "≥ " : ""}${explorerPercent(range.high)}`;
      unit.textContent = text;
    },
  };
}
