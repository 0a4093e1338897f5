// Challenges: how near an edit comes to the true one, against the suggested settings and the best so far.
import { pushButton } from "../shared/controls.js";
import { element } from "../shared/elements.js";
import { clamped } from "../shared/geometry.js";
/** @import { Lab, Score } from "./types.js" */

const [LEAST, MOST] = [8, 40]; // dB, the ends of the bars

/** @param {Lab} lab */
export function scoreSection(lab) {
  const now = scoreRow("Yours", "score-psnr");
  const suggested = scoreRow("Suggested", "score-suggested");
  const best = scoreRow("Best so far", "score-best");
  const verdict = element("p", { "data-testid": "score-verdict", role: "status", "aria-live": "polite" });
  const take = pushButton("Show the best", "score-take", () => {
    const reached = lab.model.get("frame").score?.best;
    if (reached) lab.edits.set(reached.request);
  });
  const root = element(
    "section",
    { class: "styledit-truth", hidden: true, "aria-label": "Score", "data-testid": "score" },
    element("div", { class: "styledit-bars" }, now.root, suggested.root, best.root),
    verdict,
    element("div", { class: "styledit-row" }, take),
  );
  lab.onFrame(({ exact, score }) => {
    if (exact || !score) root.hidden = !score;
    if (!score) return;
    now.show(score.psnr);
    suggested.show(score.suggested_psnr);
    best.show(score.best?.psnr ?? null);
    take.hidden = !score.best;
    verdict.textContent = scoreSentence(score);
    root.dataset.succeeded = String(score.succeeded);
  });
  return root;
}

/**
 * What the judge says, and how the edit compares with the suggested settings.
 * @param {Pick<Score, "psnr" | "suggested_psnr" | "verdict" | "succeeded">} score
 */
export function scoreSentence({ psnr, suggested_psnr: suggested, verdict, succeeded }) {
  const seen = verdict && `${verdict[0].toUpperCase()}${verdict.slice(1).replace(/\.$/, "")}.`;
  return [seen, suggested === null ? "" : comparison(ahead(psnr, suggested), succeeded)]
    .filter(Boolean)
    .join(" ");
}

/**
 * The difference of two numbers as they are printed, in tenths: 21.5 and 21.4 are 0.1 apart, whatever was rounded away.
 * @param {number} psnr dB
 * @param {number} other
 */
function ahead(psnr, other) {
  return Math.round(10 * Number(psnr.toFixed(1))) - Math.round(10 * Number(other.toFixed(1)));
}

/**
 * @param {number} tenths dB
 * @param {boolean} succeeded
 */
function comparison(tenths, succeeded) {
  if (!succeeded) return "Only an edit in which the change is seen counts.";
  if (tenths > 0) return `You beat the suggested settings by ${(tenths / 10).toFixed(1)} dB.`;
  if (tenths === 0) return "As near as the suggested settings. Can you come nearer?";
  return `The suggested settings are ${(-tenths / 10).toFixed(1)} dB nearer.`;
}

/**
 * @param {string} title
 * @param {string} testid
 */
function scoreRow(title, testid) {
  const bar = element("span", { class: "styledit-bar" });
  const value = element("span", { class: "styledit-bar-value", "data-testid": testid });
  const track = element("span", { class: "styledit-bar-track" }, bar);
  const root = element("div", { class: "styledit-bar-row" }, element("span", {}, title), track, value);
  return {
    root,
    show(/** @type {number | null} */ psnr) {
      root.hidden = psnr === null;
      if (psnr === null) return;
      bar.style.width = `${clamped((100 * (psnr - LEAST)) / (MOST - LEAST), 2, 100)}%`;
      value.textContent = `${psnr.toFixed(1)} dB`;
    },
  };
}
