// The filmstrip of a guided edit: the estimates on the way, and where the object's word looked.
import { element, keepKeys } from "../shared/elements.js";
import { freePictures, showBytes } from "../shared/pictures.js";
/** @import { FilmFrame } from "./types.js" */

export function filmStrip() {
  const root = keepKeys(
    element("div", {
      class: "styledit-film",
      role: "group",
      "aria-label": "Filmstrip",
      "data-testid": "guided-film",
      tabindex: "0",
    }),
  );
  /** @type {string[]} */
  let known = [];
  return {
    root,
    /** @param {FilmFrame[]} film */
    fill(film) {
      const keys = film.map(keyOf);
      const grows = known.every((key, k) => key === keys[k]); // else it is another one
      if (!grows) {
        freePictures(root);
        root.replaceChildren();
        known = [];
      }
      root.append(...film.slice(known.length).map(figureOf));
      known = keys;
      if (grows && film.length) root.scrollLeft = root.scrollWidth;
    },
  };
}

/** @param {FilmFrame} frame */
function keyOf({ iteration, step, picture }) {
  return [iteration, step, picture.byteLength].join();
}

/** @param {FilmFrame} frame */
function figureOf({ iteration, step, picture, heat }) {
  const image = element("img", { alt: `The estimate at iteration ${iteration}` });
  showBytes(image, picture);
  const map = heat
    ? element("img", { alt: "Where the object's word looks: white is most", class: "styledit-film-heat" })
    : null;
  if (map) showBytes(map, heat);
  return element("figure", {}, image, map, element("figcaption", {}, `${iteration} · step ${step + 1}`));
}
