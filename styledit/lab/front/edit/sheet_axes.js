// What the rows or the columns of a contact sheet vary, and the values that are typed for it.
import { choiceOf, fillChoice } from "../shared/controls.js";
import { element, keepKeys, uniqueId } from "../shared/elements.js";
import { namesSomething } from "../shared/words.js";
import { methodNamed } from "./methods.js";
import { labelled, toggleButton } from "./parts.js";
/** @import { Axis, AxisKind, EditRequest, Lab, Method, World } from "./types.js" */

/**
 * What the edit has of an axis now, as it is typed.
 * @param {AxisKind} kind
 * @param {EditRequest} current
 * @param {Method[]} methods
 * @param {string} word
 * @returns {number | string}
 */
export function presentValue({ name, kind, by_word }, current, methods, word = "") {
  if (kind === "prompt") return current.prompt;
  if (kind === "method") return current.method;
  if (kind === "words") return current.settings.blend.join(" + ") || "none";
  const settings = /** @type {Record<string, any>} */ (/** @type {unknown} */ (current.settings));
  if (kind === "switch") return settings[name] ? "yes" : "no";
  if (by_word) {
    const common = name === "reweight" ? 1 : settings[name.replace("_words", "")];
    return settings[name][word] ?? common;
  }
  if (name in settings) return settings[name] ?? settings.tau_v; // where a group has none, the common one holds
  const parameter = methods.flatMap(({ parameters }) => parameters).find((one) => one.name === name);
  return current.parameters[name] ?? parameter?.default ?? 0;
}

/**
 * The values that an axis begins with: those of its range, and the present one among them; of methods some.
 * @param {AxisKind} kind
 * @param {number | string} present
 * @returns {string[]}
 */
export function firstValues({ kind, values }, present) {
  if (kind === "switch") return ["no", "yes"];
  if (kind === "method") return values.map(String);
  if (kind === "prompt") return [String(present)];
  if (kind === "words") return [...new Set(["none", String(present)])];
  const own = Number(Number(present).toFixed(4));
  return [...new Set([...values.map(Number), own])].sort((a, b) => a - b).map(String);
}

/**
 * What was typed, value by value: prompts are one a line, all else has commas between.
 * @param {string} text
 * @param {AxisKind["kind"]} kind
 */
export function splitValues(text, kind) {
  const parts = text.split(kind === "prompt" ? /\n/ : /[,;\n]/).map((part) => part.trim());
  return [...new Set(parts.filter(Boolean))];
}

/**
 * How many tiles two axes make, or why they make no sheet.
 * @param {(Axis | null)[]} axes
 * @param {Pick<World, "axes" | "methods" | "most_tiles">} world
 * @param {string} method of the present edit
 * @returns {{tiles: number, sentence: string}} no tiles where there is no sheet
 */
export function sheetSize(axes, world, method) {
  const none = (/** @type {string} */ sentence) => ({ tiles: 0, sentence });
  const there = axes.filter((axis) => axis !== null);
  const [first, second] = there;
  if (!first) return none("Choose what the rows or the columns are to vary.");
  if (second && first.name === second.name && first.word === second.word)
    return none("Rows and columns vary the same; choose something else for one of them.");
  const used = there.find(({ name }) => name === "method")?.values ?? [method];
  for (const { name, values, word } of there) {
    const { label, kind, by_word } = kindNamed(world, name);
    if (!values.length) return none(`Give values for ${label}.`);
    if (by_word && !word) return none("Choose a word.");
    if (kind === "method" || kind === "prompt") continue;
    if (used.every((one) => !reads(methodNamed(world.methods, one), name, world.methods)))
      return none(
        `${used.join(" and ")} ${used.length > 1 ? "do" : "does"} not use ${label}: all tiles would be alike.`,
      );
  }
  const counts = there.map(({ values }) => values.length);
  const tiles = counts.reduce((product, count) => product * count, 1);
  const said = counts.length > 1 ? `${counts.join(" × ")} = ${tiles} tiles` : `${tiles} tiles`;
  if (tiles > world.most_tiles)
    return none(`${said} are too many; give values for at most ${world.most_tiles}.`);
  return { tiles, sentence: tiles === 1 ? "1 tile" : said };
}

/**
 * Whether a setting or parameter can change a method's picture.
 * @param {Method} method
 * @param {string} name
 * @param {Method[]} methods
 */
function reads({ ignored, parameters }, name, methods) {
  const isIn = (/** @type {Method["parameters"]} */ list) =>
    list.some((parameter) => parameter.name === name);
  return isIn(parameters) || (!ignored[name] && !methods.some((method) => isIn(method.parameters)));
}

/**
 * @param {Pick<World, "axes">} world
 * @param {string} name
 * @returns {AxisKind}
 */
export function kindNamed({ axes }, name) {
  return axes.find((kind) => kind.name === name) ?? axes[0];
}

/**
 * The choice of an axis: what varies, of which word, and the values.
 * @param {Lab} lab
 * @param {string} title
 * @param {string} testid
 * @param {string} first the axis that is chosen at first
 * @param {() => void} changed
 */
export function axisChoice(lab, title, testid, first, changed) {
  const { axes, methods } = lab.world;
  let typed = false; // values that were typed stay; others follow the present edit
  const what = choiceOf(
    testid,
    [["", "nothing"], .../** @type {[string, string][]} */ (axes.map(({ name, label }) => [name, label]))],
    () => renew(),
  );
  what.value = first;
  const word = choiceOf(`${testid}-word`, [], () => renew(), {
    "aria-label": `Word of the ${title.toLowerCase()}`,
  });
  const labels = { "aria-label": `Values of the ${title.toLowerCase()}`, spellcheck: "false" };
  const line = keepKeys(element("input", { type: "text", "data-testid": `${testid}-values`, ...labels }));
  const lines = keepKeys(element("textarea", { rows: 3, "data-testid": `${testid}-prompts`, ...labels }));
  const begins = firstValues(kindNamed(lab.world, "method"), "");
  const toggles = methods.map(({ name, hint }) => {
    const attributes = { title: hint, "aria-pressed": String(begins.includes(name)) };
    return toggleButton(name, `${testid}-method-${name}`, () => changed(), attributes);
  });
  const group = element(
    "div",
    { class: "styledit-row", role: "group", "aria-label": "Methods" },
    ...toggles.map(({ root }) => root),
  );
  const hint = element("span", { class: "styledit-hint", id: uniqueId() });
  for (const field of [line, lines]) {
    field.setAttribute("aria-describedby", hint.id);
    field.addEventListener("input", () => {
      typed = true;
      changed();
    });
  }
  const kindOf = () => (what.value ? kindNamed(lab.world, what.value) : null);
  const refill = () => {
    const kind = kindOf();
    if (!kind || typed || kind.kind === "method") return;
    const field = kind.kind === "prompt" ? lines : line;
    const values = firstValues(kind, presentValue(kind, lab.edits.current, methods, word.value));
    field.value = values.join(kind.kind === "prompt" ? "\n" : ", ");
  };
  const show = () => {
    const kind = kindOf();
    word.hidden = !kind?.by_word;
    group.hidden = kind?.kind !== "method";
    lines.hidden = kind?.kind !== "prompt";
    line.hidden = !kind || !group.hidden || !lines.hidden;
    hint.textContent = kind ? valuesHint(kind) : "";
  };
  const renew = () => {
    typed = false;
    show();
    refill();
    changed();
  };
  lab.onTrait("target", ({ words = [] }) => {
    const chosen = word.value;
    fillChoice(
      word,
      [...new Set(words.map(({ text }) => text))].map((text) => [text, text]),
    );
    if (word.value !== chosen || !chosen) word.value = firstWord(words);
    refill();
    changed();
  });
  lab.edits.onChange(refill);
  show();
  return {
    root: element(
      "div",
      { class: "styledit-axis", role: "group", "aria-label": title },
      labelled(title, what),
      word,
      line,
      lines,
      group,
      hint,
    ),
    /** @returns {Axis | null} */
    value() {
      const kind = kindOf();
      if (!kind) return null;
      const chosen = methods.filter((_, k) => toggles[k].root.getAttribute("aria-pressed") === "true");
      const values =
        kind.kind === "method"
          ? chosen.map(({ name }) => name)
          : splitValues(kind.kind === "prompt" ? lines.value : line.value, kind.kind);
      return { name: kind.name, values, word: kind.by_word ? word.value : "" };
    },
  };
}

/**
 * A word to begin with: one that is new and names something.
 * @param {{text: string, changed: boolean}[]} words
 */
export function firstWord(words) {
  const named = words.filter(({ text }) => namesSomething(text));
  return (named.find(({ changed }) => changed) ?? named[0] ?? words[0])?.text ?? "";
}

/** @param {AxisKind} kind */
function valuesHint({ kind, least, most }) {
  if (kind === "method") return "";
  if (kind === "prompt") return "one target prompt a line";
  if (kind === "switch") return "yes, no";
  if (kind === "words") return "a comma between; a + for several at once";
  const range = least === null || most === null ? "" : `from ${least} to ${most}, `;
  return `${range}a comma between`;
}
