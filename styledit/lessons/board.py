"""Who came nearest to a challenge's true edit: the pictures that a class handed in, each made again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from styledit.editing import Editor
from styledit.lab import open_png
from styledit.lab.edit.samples import Challenge, score
from styledit.metrics import psnr

SAME = 40.0  # dB, a picture that its recipe makes again


@dataclass(frozen=True)
class Handed:
    """A picture that was handed in: `psnr` [dB] to the truth, None where the judge does not see the change;
    `verdict`, what it sees; `made_again`: whether its recipe makes the picture.
    """

    psnr: float | None
    verdict: str
    made_again: bool


def board(folder: str | Path, challenge: Challenge, editor: Editor) -> dict[str, Handed]:
    """The PNG files of a folder as the lab saves them, by name, the best first.

    Args:
        editor: of the challenge's picture; it makes each edit again by its recipe.

    Raises:
        ValueError: a file that has no recipe.
    """
    handed = {}
    for file in sorted(Path(folder).glob("*.png")):
        kept = open_png(str(file))
        reached = score(challenge, kept.image)
        made = editor.edit(kept.target, progress=False, **kept.settings)
        handed[file.stem] = Handed(
            reached.psnr if reached.succeeded else None, reached.verdict, psnr(made.image, kept.image) > SAME
        )
    return dict(sorted(handed.items(), key=lambda entry: -(entry[1].psnr or 0)))
