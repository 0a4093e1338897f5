// What two edits do not share: names and values as the page says them.
import { TAU_NAMES } from "./controls.js";
/** @import { Asked, ByWord, Guide, Guiding, KnownSource, Mask, Settings } from "./types.js" */
/** @typedef {Asked & {source: Partial<KnownSource>}} Described */
/** @typedef {[name: string, left: string, right: string]} Row */

const NUMBERS = /** @type {const} */ ([
  ["guidance", "Guidance"],
  ["tau_c", `${TAU_NAMES.tau_c} τc`],
  ["tau_s", `${TAU_NAMES.tau_s} τs`],
  ["tau_u", `${TAU_NAMES.tau_u} τu`],
  ["tau_v", `${TAU_NAMES.tau_v} τv`],
  ["tau_v_changed", `${TAU_NAMES.tau_v} τv, of new words`],
  ["tau_v_padding", `${TAU_NAMES.tau_v} τv, of end and padding`],
  ["blend_threshold", "Threshold of the blend"],
]);
const BY_WORD = /** @type {const} */ ([
  ["tau_c_words", `${TAU_NAMES.tau_c} τc`],
  ["tau_v_words", `${TAU_NAMES.tau_v} τv`],
  ["reweight", "Strength ×"],
]);
const OTHERS = [
  "guide_from_source",
  "keep_details",
  "blend",
  "mask",
  ...[...NUMBERS, ...BY_WORD].map(([name]) => name),
];
const KINDS = { sample: "", challenge: "challenge ", seed: "seed ", upload: "" };

/**
 * A row for each thing in which two edits differ: their pictures, prompts, methods, settings, guiding.
 * @param {Described} a
 * @param {Described} b
 * @param {Pick<Guiding, "terms">} guiding
 * @returns {Row[]}
 */
export function differencesOf(a, b, guiding) {
  /** @type {Row[]} */
  const rows = [
    [
      "Picture",
      pictureName(a.source),
      otherwise(pictureName(a.source), pictureName(b.source), sameSource(a, b)),
    ],
    ["The picture shows", a.source.prompt ?? "", b.source.prompt ?? ""],
    ["Steps", String(a.source.steps), String(b.source.steps)],
    ["It should become", a.prompt, b.prompt],
    ["Method", a.method, b.method],
    ["Guided", guideName(a.guided, guiding), guideName(b.guided, guiding)],
    ...settingRows(a.settings, b.settings),
    ...parameterRows(a.parameters, b.parameters),
  ];
  return rows.filter(([, left, right]) => left !== right);
}

/**
 * @param {Settings} a
 * @param {Settings} b
 * @returns {Row[]}
 */
function settingRows(a, b) {
  const rest = /** @type {(keyof Settings)[]} */ (
    [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => !OTHERS.includes(name))
  );
  return [
    ...NUMBERS.map(([name, title]) => /** @type {Row} */ ([title, numberName(a[name]), numberName(b[name])])),
    ...BY_WORD.flatMap(([name, title]) => wordRows(title, a[name], b[name])),
    ["Guide from the source", a.guide_from_source ? "on" : "off", b.guide_from_source ? "on" : "off"],
    ["Keep details", a.keep_details ? "on" : "off", b.keep_details ? "on" : "off"],
    ["Blend on", a.blend.join(", ") || "nothing", b.blend.join(", ") || "nothing"],
    [
      "Painted mask",
      maskName(a.mask),
      otherwise(maskName(a.mask), maskName(b.mask), sameMask(a.mask, b.mask)),
    ],
    ...rest.map((name) => /** @type {Row} */ ([name, plainName(a[name]), plainName(b[name])])),
  ];
}

/**
 * @param {string} title
 * @param {ByWord} a
 * @param {ByWord} b
 * @returns {Row[]}
 */
function wordRows(title, a, b) {
  const words = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return words.map((word) => [`${title} of “${word}”`, numberName(a[word]), numberName(b[word])]);
}

/**
 * What only some methods take.
 * @param {Asked["parameters"]} a
 * @param {Asked["parameters"]} b
 * @returns {Row[]}
 */
function parameterRows(a, b) {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.map((name) => [name, numberName(a[name]), numberName(b[name])]);
}

/** @param {number | null | undefined} value */
function numberName(value) {
  return typeof value === "number" ? String(Number(value.toFixed(2))) : "not set";
}

/** @param {unknown} value */
function plainName(value) {
  return typeof value === "number" ? numberName(value) : (JSON.stringify(value) ?? "not set");
}

/** @param {Partial<KnownSource>} source */
function pictureName({ kind = "upload", name = "", seed = 0 }) {
  return KINDS[kind] + (kind === "seed" ? seed : name);
}

/**
 * @param {Described} a
 * @param {Described} b
 */
function sameSource({ source: a }, { source: b }) {
  return a.key === b.key || a.prompt !== b.prompt || a.steps !== b.steps;
}

/** @param {Mask | null} mask */
function maskName(mask) {
  return mask ? "painted" : "none";
}

/**
 * @param {Mask | null} a
 * @param {Mask | null} b
 */
function sameMask(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * The name of a second thing, that must not read like the first one's where it is another.
 * @param {string} first
 * @param {string} second
 * @param {boolean} same
 */
function otherwise(first, second, same) {
  return first === second && !same ? `another ${second}` : second;
}

/**
 * @param {Guide | null} guide
 * @param {Pick<Guiding, "terms">} guiding
 */
function guideName(guide, { terms }) {
  if (!guide) return "no";
  const { weights, iterations, start, seed, style } = guide;
  const known = terms.filter(({ name }) => weights[name]);
  return [
    ...known.map(({ name, label }) => `${label} ${numberName(weights[name])}`),
    `${iterations} iterations`,
    `from ${start}`,
    `seed ${seed}`,
    style ? `style picture ${style.name}` : "",
  ]
    .filter(Boolean)
    .join(", ");
}
