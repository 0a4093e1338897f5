// One stop of the Tab key for a group of controls; the arrow keys go on from there.
import { ARROWS, neighbourOf } from "./geometry.js";

/**
 * The keyboard enters the group at the control that was used last, else at one that is pressed, else at the first; arrows, Home
 * and End move. Controls may come and go. A <select> keeps its own up and down.
 * @param {HTMLElement} root
 * @returns {() => void} ends it
 */
export function rovingFocus(root) {
  /** @type {HTMLElement | null} */
  let last = null;
  const controls = () =>
    /** @type {HTMLElement[]} */ ([...root.querySelectorAll("button, select")]).filter(
      (control) => !control.matches(":disabled, [hidden], [hidden] *"),
    );
  const show = () => {
    const all = controls();
    const stop =
      all.find((control) => control === last) ??
      all.find((control) => control.ariaPressed === "true") ??
      all[0];
    for (const control of all) control.tabIndex = control === stop ? 0 : -1;
  };
  const focused = (/** @type {FocusEvent} */ event) => {
    last = /** @type {HTMLElement} */ (event.target);
    show();
  };
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    const all = controls();
    const at = all.indexOf(/** @type {HTMLElement} */ (event.target));
    const to = at < 0 || event.ctrlKey || event.altKey || event.metaKey ? null : placeFor(event.key, all, at);
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    all[to].focus();
  };
  const watch = new MutationObserver((changes) => {
    const pressed = changes.find(({ attributeName, target }) => {
      return attributeName === "aria-pressed" && /** @type {HTMLElement} */ (target).ariaPressed === "true";
    });
    if (pressed) last = /** @type {HTMLElement} */ (pressed.target);
    show();
  });
  watch.observe(root, {
    childList: true,
    subtree: true,
    attributeFilter: ["aria-pressed", "disabled", "hidden"],
  });
  root.addEventListener("focusin", focused);
  root.addEventListener("keydown", keyed, true); // before a control keeps its keys to itself
  show();
  return () => watch.disconnect();
}

/**
 * Where a key leads to from a control; null where it is none of the group's keys.
 * @param {string} key
 * @param {HTMLElement[]} all
 * @param {number} at
 */
function placeFor(key, all, at) {
  if (key === "Home") return 0;
  if (key === "End") return all.length - 1;
  const arrow = ARROWS[key];
  if (!arrow || (arrow[1] && all[at] instanceof HTMLSelectElement)) return null;
  return neighbourOf(
    all.map((control) => control.getBoundingClientRect()),
    at,
    arrow,
  );
}
