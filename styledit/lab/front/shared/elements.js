// What every widget's front end shares: elements, pictures, sliders, and the way to Python and back.

// An element with attributes and children; an attribute that begins with "on" is a listener.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// The bytes of a trait, whichever view they come as.
export function bytesOf(data) {
  if (!data) return null;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0, data.byteLength);
}

// Show encoded picture bytes (PNG or WebP) in an <img>; resolves when it is decoded. The Blob's address of the
// picture before is given back.
export async function showBytes(image, data) {
  const bytes = bytesOf(data);
  if (!bytes || !bytes.length) return;
  const type = bytes[0] === 0x89 ? "image/png" : "image/webp";
  const address = URL.createObjectURL(new Blob([bytes], { type }));
  const before = image.dataset.address;
  image.dataset.address = address;
  image.src = address;
  try {
    await image.decode();
  } catch {
    // a newer picture took its place
  }
  if (before) URL.revokeObjectURL(before);
}

// No shortcut of the notebook may act on keys that are meant for a control: in JupyterLab "d d" deletes a cell.
export function keepKeys(input) {
  input.dataset.lmSuppressShortcuts = "true";
  input.addEventListener("keydown", (event) => event.stopPropagation());
  return input;
}

let namesGiven = 0;
// An id that no other element of the page has.
export function uniqueId(beginning = "styledit") {
  namesGiven += 1;
  return `${beginning}-${namesGiven}-${Math.random().toString(36).slice(2, 8)}`;
}

// Call `changed(value, moving)` while a range input is dragged, and once when it is let go: also where it is back at
// its start, of which the browser sends no "change".
export function whileDragged(input, changed) {
  let moved = false;
  const end = () => {
    moved = false;
    changed(Number(input.value), false);
  };
  input.addEventListener("input", () => {
    moved = true;
    changed(Number(input.value), true);
  });
  input.addEventListener("change", end);
  for (const event of ["pointerup", "pointercancel", "blur"]) {
    input.addEventListener(event, () => setTimeout(() => {
      if (moved) end();
    }));
  }
}

// A labelled slider with its value beside it. `changed(value, moving)` is called while it moves and when it is
// let go. Returns {root, input, set}.
export function slider(label, { min = 0, max = 1, step = 0.05, value = 0, title = "" }, changed) {
  const id = uniqueId();
  const input = keepKeys(element("input", { type: "range", id, min, max, step, title }));
  const digits = step < 1 ? 2 : 0;
  const output = element("output", { for: id });
  const show = () => {
    output.textContent = Number(input.value).toFixed(digits);
  };
  input.value = value;
  show();
  whileDragged(input, (next, moving) => {
    show();
    changed(next, moving);
  });
  const root = element(
    "div", { class: "styledit-slider" },
    element("label", { for: id, title }, label), input, output,
  );
  return {
    root,
    input,
    set(next) {
      input.value = next;
      show();
    },
  };
}

// Subscribe to traits, and give back a function that ends all subscriptions: `render` must return it.
export function listen(model, handlers) {
  const entries = Object.entries(handlers).map(([trait, handler]) => [`change:${trait}`, handler]);
  for (const [event, handler] of entries) model.on(event, handler);
  return () => {
    for (const [event, handler] of entries) model.off(event, handler);
  };
}

// Messages to Python that expect an answer in a trait: where none comes, a sentence says so. `answered()` is
// to be called by whoever sees one.
export function asker(model, note) {
  let waiting = null;
  const answered = () => {
    clearTimeout(waiting);
    waiting = null;
    note("");
  };
  const wait = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      note("The kernel is busy with a cell, or no longer there. The newest change follows when it answers; if it does not, run this cell again.");
    }, 2500);
  };
  return {
    answered,
    ask(message, buffers = []) {
      try {
        model.send(message, undefined, buffers);
        wait();
      } catch {
        note("The kernel does not answer; run this cell again.");
      }
    },
    close: () => clearTimeout(waiting),
  };
}
