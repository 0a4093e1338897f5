// What was shown before: a strip to go back and forth in, names, files, and the calls that say it in Python.
import { bytesOf, element, keepKeys } from "../shared/elements.js";
import { foldedPart, pushButton } from "./parts.js";

export function historySection(lab) {
  const strip = element("div", { class: "styledit-history", role: "group", "aria-label": "History" });
  let entries = [];
  let shown = null; // the id of the entry on the screen
  const recall = (id) => {
    shown = id;
    lab.edits.flow.forget();
    lab.forgetSettled();
    lab.note.ask({ type: "recall", id, request: lab.edits.nextId() });
    show();
  };
  const place = () => entries.findIndex((entry) => entry.id === shown);
  const undo = pushButton("Undo", "undo", () => recall(entries[place() - 1].id));
  const redo = pushButton("Redo", "redo", () => recall(entries[place() + 1].id));
  const name = element("input", { type: "text", "data-testid": "history-name", placeholder: "Name this edit", "aria-label": "Name of this edit", maxlength: 40 });
  keepKeys(name);
  const rename = () => {
    if (place() >= 0 && name.value.trim() !== (entries[place()].name ?? "")) lab.send({ type: "rename", id: shown, name: name.value.trim() });
  };
  name.addEventListener("change", rename);
  const show = () => {
    const at = place();
    for (const button of strip.children) button.setAttribute("aria-pressed", Number(button.dataset.entry) === shown ? "true" : "false");
    undo.disabled = at < 1;
    redo.disabled = at < 0 || at >= entries.length - 1;
    name.disabled = at < 0;
    if (document.activeElement !== name) name.value = at < 0 ? "" : entries[at].name ?? "";
  };
  lab.onTrait("history", (history) => {
    const next = Array.isArray(history) ? history : [];
    const grew = (next.at(-1)?.id ?? -1) > (entries.at(-1)?.id ?? -1);
    const first = !entries.length;
    entries = next;
    if (first) shown = presentEntry(lab, entries);
    // What is recalled may come as a line of its own; undo still goes on from where it was.
    else if (place() < 0 || (grew && !sameEdit(entries.at(-1), entries[place()]))) shown = entries.at(-1)?.id ?? null;
    fillStrip(lab, strip, entries, recall);
    show();
    if (grew) strip.scrollLeft = strip.scrollWidth;
  });
  return element(
    "section", { class: "styledit-past", "aria-label": "History and files" },
    strip, element("div", { class: "styledit-row" }, undo, redo, name, ...fileButtons(lab)),
  );
}

// After a reload: the newest entry that says what the target says.
function presentEntry(lab, entries) {
  const target = lab.model.get("target") ?? {};
  return (entries.findLast((entry) => sameEdit(entry, target)) ?? entries.at(-1))?.id ?? null;
}

function sameEdit(...edits) {
  const [a, b] = edits.map((edit) => JSON.stringify([edit.prompt, edit.method, edit.settings, edit.guided ?? null]));
  return a === b;
}

function fillStrip(lab, strip, entries, recall) {
  const there = new Map([...strip.children].map((button) => [Number(button.dataset.entry), button]));
  strip.replaceChildren(...entries.map((entry) => {
    const button = there.get(entry.id) ?? historyButton(lab, entry, recall);
    const text = entry.name || entry.prompt;
    button.setAttribute("aria-label", `${text}; show it again`);
    button.title = `${entry.prompt}\n${settingsInShort(entry)}`;
    button.lastChild.textContent = entry.name ?? "";
    there.delete(entry.id);
    return button;
  }));
  for (const gone of there.values()) URL.revokeObjectURL(gone.firstChild.dataset.address ?? "");
}

function historyButton(lab, entry, recall) {
  const image = element("img", { alt: "" });
  lab.picture(image, entry.thumb);
  const button = pushButton("", `history-${entry.id}`, () => recall(entry.id), { class: "styledit-thumb", "data-entry": entry.id });
  button.append(image, element("span", {}));
  return button;
}

// "τc 0.40 · τs 0.60 · …", for a tooltip.
export function settingsInShort({ settings = {}, method = "", guided = null }) {
  const taus = ["c", "s", "u", "v"].map((letter) => `τ${letter} ${Number(settings[`tau_${letter}`] ?? 0).toFixed(2)}`);
  return [...taus, `guidance ${settings.guidance}`, method, guided ? "guided" : ""].filter(Boolean).join(" · ");
}

function fileButtons(lab) {
  let wanted = false; // a reloaded page has the last file as a trait, and must not download it again
  const save = pushButton("Save PNG", "save", () => {
    wanted = true;
    lab.note.ask({ type: "save" });
  }, { title: "A picture file that carries prompt, settings and mask" });
  lab.onTrait("saved", (saved) => {
    lab.note.answered();
    if (wanted && saved.data) download(saved);
    wanted = false;
  });
  const file = keepKeys(element("input", { type: "file", accept: "image/png", "data-testid": "open", "aria-label": "Open a saved PNG" }));
  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    const bytes = new Uint8Array(await file.files[0].arrayBuffer());
    file.value = "";
    lab.edits.flow.forget();
    lab.forgetSettled();
    lab.note.ask({ type: "open", id: lab.edits.nextId() }, [bytes]);
  });
  return [save, element("label", { class: "styledit-button", title: "Open a PNG that was saved here: its picture, prompt and settings" }, file, "Open PNG")];
}

function download({ name, data }) {
  const address = URL.createObjectURL(new Blob([bytesOf(data)], { type: "image/png" }));
  const link = element("a", { href: address, download: name || "edit.png" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

export function codeFold(lab) {
  const text = element("pre", { class: "styledit-code", tabindex: "0", "data-testid": "code", "aria-label": "Python calls that reproduce this picture" });
  keepKeys(text);
  const copy = pushButton("Copy", "copy-code", async () => {
    try {
      await navigator.clipboard.writeText(text.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(text); // no clipboard without https: one key is left to press
      copy.textContent = "Selected: press Ctrl+C";
    }
  });
  lab.onTrait("code", (code) => {
    text.textContent = typeof code === "string" ? code : "";
    copy.textContent = "Copy";
  });
  return foldedPart("As code", "fold-code", text, element("div", { class: "styledit-row" }, copy));
}
