// What the chosen method reads: what it ignores is disabled and says why, and its own parameters have sliders.
import { slider } from "../shared/controls.js";
import { element } from "../shared/elements.js";
/** @import { Lab, Method } from "./types.js" */

/**
 * @param {Method[]} methods
 * @param {string} name
 * @returns {Method} of a name that is not there, a method that reads everything
 */
export function methodNamed(methods, name) {
  const found = methods.find((method) => method.name === name);
  return found ?? { name, hint: "", follows: false, ignored: {}, parameters: [] };
}

/**
 * Why the chosen method does not read a setting; "" where it does.
 * @param {Lab} lab
 * @param {string} setting
 */
export function whyIgnored(lab, setting) {
  return methodNamed(lab.world.methods, lab.edits.current.method).ignored[setting] ?? "";
}

/**
 * Disable a control where nothing reads it, and say why: to the mouse at its root, to a screen reader at itself.
 * @param {HTMLElement} root
 * @param {HTMLInputElement | HTMLButtonElement} control
 * @param {string} why "" where it is read
 */
export function disable(root, control, why) {
  if (root.classList.contains("styledit-ignored") === Boolean(why) && !why) return;
  control.disabled = Boolean(why);
  root.classList.toggle("styledit-ignored", Boolean(why));
  if (why) control.setAttribute("aria-description", why);
  else control.removeAttribute("aria-description");
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[title]")))
    titled(part, why);
  titled(root, why);
}

/**
 * Another title for a while; "" takes the first one back.
 * @param {HTMLElement} part
 * @param {string} why
 */
function titled(part, why) {
  part.dataset.title ??= part.title;
  part.title = why || part.dataset.title;
}

/**
 * A part of the page that can be used only where a setting is read; elsewhere a line says why not.
 * @param {Lab} lab
 * @param {string} setting
 * @param {...Node} children
 */
export function onlyWhereRead(lab, setting, ...children) {
  const line = element("p", { class: "styledit-hint", role: "note" });
  const part = element("div", { class: "styledit-part" }, ...children);
  lab.edits.onChange(() => {
    line.textContent = whyIgnored(lab, setting);
    line.hidden = !line.textContent;
    part.inert = !line.hidden;
    part.classList.toggle("styledit-ignored", part.inert);
  });
  return [line, part];
}

/**
 * What the method does, and why some of the settings are off.
 * @param {Lab} lab
 */
export function methodLine(lab) {
  const root = element("p", {
    class: "styledit-hint",
    role: "status",
    "aria-live": "polite",
    "data-testid": "method-hint",
  });
  lab.edits.onChange(({ method }) => {
    const said = methodSentence(methodNamed(lab.world.methods, method));
    if (root.textContent !== said) root.textContent = said;
  });
  return root;
}

/** @param {Pick<Method, "hint" | "ignored">} method */
export function methodSentence({ hint, ignored }) {
  return [hint, ...new Set(Object.values(ignored))].filter(Boolean).join(" ");
}

/**
 * A slider for each parameter of any method; those of the chosen one are there.
 * @param {Lab} lab
 */
export function parameterSliders(lab) {
  return lab.world.methods.flatMap((method) =>
    method.parameters.map(({ name, label, hint, least, most, step, default: value }) => {
      const options = { min: least, max: most, step, value, title: hint };
      const made = slider(label, options, (next, moving) => {
        lab.edits.changeParameters({ [name]: next }, moving);
      });
      made.input.dataset.testid = name;
      lab.edits.onChange((current) => {
        made.root.hidden = current.method !== method.name;
        made.set(current.parameters[name] ?? value);
      });
      made.root.hidden = true;
      return made.root;
    }),
  );
}
