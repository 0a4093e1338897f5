// Truth mode: how near an edit comes to the true one, against the suggested settings and the best so far.
import { element } from "../shared/elements.js";
import { pushButton } from "./parts.js";

const [LEAST, MOST] = [8, 40]; // dB, the ends of the bars

export function truthSection(lab) {
  const rows = {
    now: scoreRow("Yours", "score-psnr"), suggested: scoreRow("Suggested", "score-suggested"), best: scoreRow("Best so far", "score-best"),
  };
  const verdict = element("p", { "data-testid": "score-verdict", role: "status", "aria-live": "polite" });
  const take = pushButton("Show the best", "score-take", () => {
    const { best } = lab.model.get("frame").score ?? {};
    if (best) lab.edits.set(best.wish);
  });
  const root = element(
    "section", { class: "styledit-truth", hidden: true, "aria-label": "Score", "data-testid": "score" },
    element("div", { class: "styledit-bars" }, ...Object.values(rows).map((row) => row.root)), verdict, element("div", { class: "styledit-row" }, take),
  );
  lab.onFrame((frame) => {
    const { score } = frame;
    if (frame.exact || !score) root.hidden = !score;
    if (!score) return;
    rows.now.show(score.psnr);
    rows.suggested.show(score.suggested_psnr);
    rows.best.show(score.best?.psnr);
    take.hidden = !score.best;
    verdict.textContent = scoreSentence(score);
    root.dataset.happened = String(score.happened);
  });
  return root;
}

function scoreSentence({ psnr, suggested_psnr: suggested, verdict, happened }) {
  const text = verdict ? `${verdict[0].toUpperCase()}${verdict.slice(1).replace(/\.$/, "")}. ` : "";
  if (suggested === null || suggested === undefined) return text.trim();
  const ahead = psnr - suggested;
  if (!happened) return `${text}Only an edit in which the change is seen counts.`;
  if (ahead > 0.05) return `${text}You beat the suggested settings by ${ahead.toFixed(1)} dB.`;
  if (ahead > -0.05) return `${text}As near as the suggested settings. Can you come nearer?`;
  return `${text}The suggested settings are ${(-ahead).toFixed(1)} dB nearer.`;
}

function scoreRow(title, testid) {
  const bar = element("span", { class: "styledit-bar" });
  const value = element("span", { class: "styledit-bar-value", "data-testid": testid });
  const root = element("div", { class: "styledit-bar-row" }, element("span", {}, title), element("span", { class: "styledit-bar-track" }, bar), value);
  return {
    root,
    show(psnr) {
      root.hidden = psnr === null || psnr === undefined;
      if (root.hidden) return;
      bar.style.width = `${Math.max(2, Math.min(100, (100 * (psnr - LEAST)) / (MOST - LEAST)))}%`;
      value.textContent = `${psnr.toFixed(1)} dB`;
    },
  };
}
