// The explorer as a page of its own: Python makes it, the browser downloads it.
import { pushButton } from "../shared/controls.js";
import { download } from "../shared/download.js";
import { element } from "../shared/elements.js";
/** @import { Asker } from "../shared/types.js" */
/** @import { Explorer, SavedPage } from "./types.js" */

/**
 * What is said beside the button; "" where there is nothing to say.
 * @param {Partial<SavedPage>} saved
 * @param {number} wanted the id that was asked for, 0 where none was
 */
export function savingSentence({ id, done = 0, total = 1, name }, wanted) {
  if (!wanted) return "";
  if (id !== wanted) return "The page is being made.";
  return name ? `Saved as ${name}.` : `The page is being made: ${Math.round((100 * done) / total)} %.`;
}

/**
 * The button, and what became of it.
 * @param {Explorer} explorer
 * @param {Asker} kernel
 */
export function pageSaver({ model, chosen }, kernel) {
  let wanted = 0; // a reloaded page may find an earlier one, and must not download it
  const note = element("span", { role: "status", "data-testid": "saving" });
  const button = pushButton(
    "Save as a page",
    "save-page",
    () => {
      wanted = Number(model.get("saved").id ?? wanted) + 1;
      note.textContent = savingSentence({}, wanted);
      kernel.ask({ type: "save", id: wanted, chosen });
    },
    { title: "One HTML file with these maps: it opens in any browser, without Jupyter or a network" },
  );
  return {
    root: element("div", { class: "explorer-choice" }, button, note),
    /** Python's trait `saved` changed. */
    follow() {
      const saved = model.get("saved");
      if (!wanted || saved.id !== wanted) return;
      kernel.answered();
      note.textContent = savingSentence(saved, wanted);
      if (!saved.name) return;
      download(saved.name, saved.data, "text/html");
      model.send({ type: "taken", id: wanted });
    },
    /** What was asked for does not come. */
    giveUp() {
      note.textContent = "";
    },
  };
}
