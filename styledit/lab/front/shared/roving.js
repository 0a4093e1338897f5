// One stop of the Tab key for a group of controls; the arrow keys go on from there.
import { ARROWS, neighbourOf } from "./geometry.js";

const CONTROLS = "button, select";

/**
 * The keyboard enters the group at the item that was used last, else at one that is pressed, else at the first; arrows, Home
 * and End move. Items may come and go. A <select> keeps its own up and down.
 * @param {HTMLElement} root
 * @param {string} selector of the items: controls, or what holds the controls of one
 * @returns {() => void} ends it
 */
export function rovingFocus(root, selector = CONTROLS) {
  /** @type {HTMLElement | null} */
  let last = null;
  const itemOf = (/** @type {EventTarget | null} */ target) =>
    /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest(selector));
  const items = () =>
    /** @type {HTMLElement[]} */ ([...root.querySelectorAll(selector)]).filter(
      (item) => controlsOf(item).length,
    );
  const show = () => {
    const all = items();
    const stop = all.find((item) => item === last) ?? all.find(isPressed) ?? all[0];
    for (const item of all) {
      for (const control of controlsOf(item)) control.tabIndex = item === stop ? 0 : -1;
    }
  };
  const focused = (/** @type {FocusEvent} */ event) => {
    last = itemOf(event.target);
    show();
  };
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    const all = items();
    const at = all.findIndex((item) => item === itemOf(event.target));
    const to = at < 0 || event.ctrlKey || event.altKey || event.metaKey ? null : placeFor(event.key, all, at);
    if (to === null) return;
    event.preventDefault();
    event.stopPropagation();
    controlsOf(all[to])[0].focus();
  };
  const watch = new MutationObserver((changes) => {
    const pressed = changes.find(({ attributeName, target }) => {
      return attributeName === "aria-pressed" && /** @type {HTMLElement} */ (target).ariaPressed === "true";
    });
    if (pressed) last = itemOf(pressed.target);
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
 * The controls of an item that can be used.
 * @param {HTMLElement} item
 */
function controlsOf(item) {
  const all = item.matches(CONTROLS) ? [item] : [...item.querySelectorAll(CONTROLS)];
  return /** @type {HTMLElement[]} */ (all).filter(
    (control) => !control.matches(":disabled, [hidden], [hidden] *"),
  );
}

/** @param {HTMLElement} item */
function isPressed(item) {
  return controlsOf(item).some((control) => control.ariaPressed === "true");
}

/**
 * Where a key leads to from an item; null where it is none of the group's keys.
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
