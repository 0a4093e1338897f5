"""An interactive figure without a kernel: a slider over pictures that were computed before.

It works in a saved notebook, on nbviewer and in an HTML export. Where scripts are not run (a notebook that is
not trusted, a code host) its first picture stands still.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from PIL import Image

from styledit import validation as check
from styledit.lessons.pictures import SMOOTH, WIDTH, data_uri, figure, pictures_by_title

Frame = Image.Image | Mapping[str, Image.Image]

# Everything that moves: `data` holds the pictures once, and which of them each frame shows.
SCRIPT = """
(() => {
  const root = document.getElementById(ID), data = DATA;
  if (!root || root.dataset.ready) return;
  root.dataset.ready = "yes";
  const range = root.querySelector("input[type=range]"), label = root.querySelector("output");
  const images = root.querySelectorAll("img[data-panel]"), play = root.querySelector("button");
  let choice = data.choice, timer = null;
  const show = () => {
    const frames = data.frames[choice], frame = frames[Math.min(+range.value, frames.length - 1)];
    range.max = frames.length - 1;
    frame.pictures.forEach((k, panel) => { images[panel].src = data.pictures[k]; });
    label.textContent = frame.label;
    range.setAttribute("aria-valuetext", frame.label);
  };
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "\\u25b6 play"; };
  range.addEventListener("input", () => { stop(); show(); });
  root.querySelectorAll("input[type=radio]").forEach(radio => {
    const pick = () => { choice = radio.value; radio.checked = true; show(); };
    radio.addEventListener("change", pick);
    radio.parentElement.addEventListener("pointerenter", pick);
  });
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "\\u23f8 pause";
    timer = setInterval(() => {
      range.value = (+range.value + 1) % (+range.max + 1);
      show();
      if (!root.isConnected) clearInterval(timer);
    }, 350);
  });
  root.querySelector("[data-controls]").style.display = "block";
  root.querySelector("[data-still]").style.display = "none";
  show();
})();
"""


@dataclass(frozen=True)
class Scrubber:
    """A slider over frames, and, where frames have two keys, buttons for the first; see `scrub`.

    `frames`: {choice: {label: {panel: picture}}}.
    """

    frames: Mapping[str, Mapping[str, Mapping[str, Image.Image]]]
    name: str
    choice: str
    start: int
    width: int
    under: Image.Image | None
    legend: str

    def __repr__(self) -> str:
        count = sum(len(labels) for labels in self.frames.values())
        return f"{count} pictures behind a slider ({self.name})"

    def _repr_html_(self) -> str:
        uris: dict[str, int] = {}
        data = {
            "choice": next(iter(self.frames)),
            "frames": {
                choice: [
                    {
                        "label": label,
                        "pictures": [uris.setdefault(self._uri(p), len(uris)) for p in panels.values()],
                    }
                    for label, panels in labels.items()
                ]
                for choice, labels in self.frames.items()
            },
        }
        data["pictures"] = list(uris)
        text = json.dumps(data, ensure_ascii=True, separators=(",", ":")).replace("</", "<\\/")
        identity = "scrub-" + hashlib.sha256(text.encode()).hexdigest()[:10]
        script = SCRIPT.replace("ID", json.dumps(identity), 1).replace("DATA", text, 1)
        return (
            f'<div id="{identity}" role="group" aria-label="{escape(self.name, quote=True)}" '
            f'style="margin:0.4em 0;font-size:16px">{self._buttons(identity)}<div>{self._panels()}</div>'
            f"{self.legend}{self._slider(identity)}"
            f'<div data-still="" style="font-size:13px">Run this cell to move the slider.</div></div>'
            f"<script>{script}</script>"
        )

    def _uri(self, picture: Image.Image) -> str:
        """A layer is tiny and has opacity: PNG; a picture is WebP."""
        return data_uri(picture, lossless=picture.mode == "RGBA")

    def _panels(self) -> str:
        """The figure as it stands before it is moved."""
        labels = next(iter(self.frames.values()))
        panels = list(labels.values())[self.start]
        share = 100 / len(panels) - 1.2
        parts = []
        for k, (title, picture) in enumerate(panels.items()):
            if self.under is None or picture.mode != "RGBA":
                html = figure(title, self._uri(picture), share, self.width)
                parts.append(html.replace("<img ", f'<img data-panel="{k}" ', 1))
                continue
            html = figure(title, data_uri(self.under), share, self.width)
            image = html[html.index("<img ") : html.index("</figure>")]
            top = (
                f'<img data-panel="{k}" src="{self._uri(picture)}" alt="map of {escape(title, quote=True)}" '
                f'style="position:absolute;left:0;top:0;width:100%;height:100%;{SMOOTH}">'
            )
            parts.append(html.replace(image, f'<div style="position:relative">{image}{top}</div>', 1))
        return "".join(parts)

    def _buttons(self, identity: str) -> str:
        if len(self.frames) == 1:
            return ""
        buttons = "".join(
            f'<label style="display:inline-block;padding:3px 9px;cursor:pointer"><input type="radio" '
            f'name="{identity}" value="{escape(choice, quote=True)}" data-lm-suppress-shortcuts="true"'
            f"{' checked' if k == 0 else ''}> {escape(choice)}</label>"
            for k, choice in enumerate(self.frames)
        )
        return f'<div role="radiogroup" aria-label="{escape(self.choice, quote=True)}">{buttons}</div>'

    def _slider(self, identity: str) -> str:
        """Hidden until the script shows it. Without `keys`, JupyterLab takes the arrow keys for itself."""
        count = len(next(iter(self.frames.values())))
        hidden = "" if count > 1 else ";visibility:hidden"
        keys = 'data-lm-suppress-shortcuts="true"'
        return (
            f'<div data-controls="" style="display:none"><label for="{identity}-range">{escape(self.name)} '
            f'</label><input id="{identity}-range" type="range" min="0" max="{count - 1}" step="1" '
            f'value="{self.start}" {keys} style="width:45%;vertical-align:middle{hidden}"> '
            f'<button type="button" {keys} style="font-size:15px{hidden}">▶ play</button> '
            f"<output></output></div>"
        )


def scrub(
    frames: Mapping[str, Frame] | Mapping[tuple[str, str], Frame],
    *,
    name: str = "step",
    choice: str = "",
    start: int = 0,
    width: int = WIDTH,
    under: Image.Image | None = None,
    legend: str = "",
) -> Scrubber:
    """A slider over pictures, with arrow keys, a play button and labels; put it last in a cell.

    Args:
        frames: {label: picture}, or {label: {panel title: picture}} for several side by side (a picture that
            stays is stored once). Keys (choice, label) put a row of buttons above: hovering or clicking
            chooses, and the slider keeps its place.
        name: what the slider moves, for its label.
        choice: what the buttons choose, for readers that are read to.
        start: the frame to begin with.
        width: of a picture in CSS pixels, where there is room.
        under: a picture that lies under every RGBA frame (see `map_layer`), so that a map can be stored at
            its own few pixels; such a frame is enlarged smoothly.
        legend: HTML between pictures and slider, such as `legend(...)`.

    Raises:
        TypeError: something that is no picture, or a key that is neither a label nor (choice, label).
        ValueError: there are no frames, they differ in how many panels they have, or `start` is none of them.
    """
    if not isinstance(frames, Mapping):
        raise TypeError(f"frames must be {{label: picture}}, not {check.shown(frames)}.")
    if not frames:
        raise ValueError("There are no frames to show; give {label: picture}.")
    by_choice: dict[str, dict[str, dict[str, Image.Image]]] = {}
    for key, frame in frames.items():
        first, label = _choice_and_label(key)
        panels = {"": frame} if isinstance(frame, Image.Image) else frame
        by_choice.setdefault(first, {})[label] = pictures_by_title(f"The frame {label!r}", panels)
    counts = {len(panels) for labels in by_choice.values() for panels in labels.values()}
    if len(counts) > 1:
        raise ValueError(f"Every frame needs as many pictures as the others, not {sorted(counts)}.")
    start = check.whole("start", start, least=0, most=len(next(iter(by_choice.values()))) - 1)
    return Scrubber(by_choice, name, choice, start, check.whole("width", width, least=1), under, legend)


def _choice_and_label(key: object) -> tuple[str, str]:
    """A frame's key in two parts, the first empty where there is no choice."""
    match key:
        case str(label):
            return "", label
        case (str(choice), str(label)):
            return choice, label
    raise TypeError(f"A frame's key must be a label or (choice, label), not {check.shown(key)}.")
