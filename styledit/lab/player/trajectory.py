"""What the player shows of a run: its T + 1 latents as pictures, and where the words look at each step."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline
from PIL import Image, ImageDraw, ImageFont

from styledit import validation as check
from styledit.attention import Layers
from styledit.denoising import wide
from styledit.inversion import Inversion
from styledit.lab.frames import side_by_side, sized
from styledit.lab.words import SMALL_WORDS
from styledit.maps import as_indices
from styledit.prompts import find_word, split_words
from styledit.recording import Recorder

MAP_BYTES = 8 * 2**20  # that the maps of one run may take on their way to the browser
COLUMNS = 8  # latents in a drawing, at most
TILE = 96  # pixels, the longer side of a picture in it
LABEL = 16  # pixels, the height of a line


@dataclass
class Trajectory:
    """A way through the T + 1 latents, as the browser gets it; the lists begin with the noisiest.

    `z`, `x0`: encoded pictures, and the latents that they show; `maps`: at each step the words' maps, uint8
    (word, h, w), each scaled to 255 by its own of `scales`; `drift`: the distance of each latent to the
    inversion's; `decoded`: how many pictures of each list, from the last one, the decoder has made.
    """

    z: list[bytes] = field(default_factory=list)
    x0: list[bytes] = field(default_factory=list)
    z_latents: list[torch.Tensor] = field(default_factory=list)
    x0_latents: list[torch.Tensor] = field(default_factory=list)
    maps: list[bytes] = field(default_factory=list)
    scales: list[list[float]] = field(default_factory=list)
    drift: list[float] = field(default_factory=list)
    decoded: int = 0
    seconds: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether the decoder has made all pictures."""
        return self.decoded == len(self.z)

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        latents = sum(tensor.nbytes for tensor in (*self.z_latents, *self.x0_latents))
        return latents + sum(len(part) for part in (*self.z, *self.x0, *self.maps))

    def as_dict(self) -> dict[str, Any]:
        """What the browser gets."""
        lists = {name: list(getattr(self, name)) for name in ("z", "x0", "maps", "scales", "drift")}
        return {**lists, "exact": self.exact, "seconds": self.seconds}


class WordMaps:
    """Where each word looks at one step, small enough to travel.

    `words`: those of the prompt, each once, and the phrases among the chosen; `size`: (h, w) of a map.

    Raises:
        ValueError: a chosen word that is not in the prompt.
    """

    def __init__(self, pipe: StableDiffusionPipeline, inversion: Inversion, chosen: Sequence[str]) -> None:
        self.recorder = Recorder(pipe, Layers(), inversion.prompt, inversion.z_T.shape[-2:], inversion.steps)
        self.words = tuple(dict.fromkeys([*(word.text for word in self.recorder.words), *chosen]))
        self.size = max(self.recorder.map_sizes.values(), key=math.prod)
        while len(self.words) * inversion.steps * math.prod(self.size) > MAP_BYTES:
            self.size = (-(-self.size[0] // 2), -(-self.size[1] // 2))
        positions = [as_indices(find_word(self.recorder.words, word)) for word in self.words]
        self._sums = torch.zeros(pipe.tokenizer.model_max_length, len(self.words))
        for column, of_word in enumerate(positions):
            self._sums[of_word, column] = 1

    def of(self, taken: dict[str, torch.Tensor]) -> torch.Tensor:
        """The mean over layers and heads, summed over a word's tokens, (word, h, w): `AttentionMaps.word`.

        Args:
            taken: {layer: (head, pixel, token)} of one step.
        """
        total = torch.zeros(len(self.words), *self.size)
        for layer, maps in taken.items():
            by_word = (maps.float().mean(0).cpu() @ self._sums).T  # (word, pixel)
            grid = by_word.unflatten(1, self.recorder.map_sizes[layer])[None]  # (1, word, h, w)
            total += F.interpolate(grid, size=self.size, mode="bilinear", align_corners=False)[0]
        return total / len(taken)


def pack(maps: torch.Tensor) -> tuple[bytes, list[float]]:
    """Maps (word, h, w) as uint8, each scaled to 255 at its peak, and the peaks."""
    peaks = maps.flatten(1).amax(1)  # (word,)
    scaled = 255 * maps / peaks.clamp(min=1e-30)[:, None, None]
    return scaled.round().to(torch.uint8).numpy().tobytes(), peaks.tolist()


def distance(z: torch.Tensor, to: torch.Tensor) -> float:
    """Root mean squared distance of two latents, as `drift` counts it."""
    return float(wide(z - to).pow(2).mean().sqrt())


def two_words(pipe: StableDiffusionPipeline, prompt: str, words: object) -> list[str]:
    """The two words whose maps are shown first: those given, or the prompt's last two that name something.

    Raises:
        TypeError: `words` is something else.
        ValueError: not two, or one that is not in the prompt.
    """
    known = split_words(pipe, prompt)
    if words is None:
        texts = list(dict.fromkeys(word.text for word in known if word.text[0].isalnum()))
        naming = [text for text in texts if text not in SMALL_WORDS] or texts or [known[0].text]
        return naming[-2:] if len(naming) > 1 else naming * 2
    chosen = [check.text("Each of words", word) for word in check.several("words", words)]
    if len(chosen) != 2:
        raise ValueError(f"words must be two words of the prompt, not {len(chosen)}.")
    for word in chosen:
        find_word(known, word)
    return [" ".join(word.lower().split()) for word in chosen]


def draw_trajectory(run: Trajectory, timesteps: Sequence[int], title: str) -> Image.Image:
    """Some latents of a run from the noisiest to the clean one, and below each what the network takes the
    clean picture to be.
    """
    last = len(run.z) - 1
    count = min(COLUMNS, len(run.z))
    chosen = [round(k * last / max(count - 1, 1)) for k in range(count)]
    columns = []
    for i in chosen:
        name = "clean" if i == len(timesteps) else f"t = {timesteps[i]}"
        columns.append(_column(name, [_open(run.z[i]), _open(run.x0[i])]))
    names = _labels(["z", "x0"], columns[0].height)
    row = side_by_side([names, *columns])
    page = Image.new("RGB", (row.width, row.height + LABEL + 6), "white")
    page.paste(row, (0, LABEL + 6))
    ImageDraw.Draw(page).text((4, 3), title, "black", font=ImageFont.load_default(13))
    return page


def _open(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    smaller = max(picture.size) > TILE
    return sized(picture, TILE, Image.Resampling.LANCZOS if smaller else Image.Resampling.NEAREST)


def _column(name: str, pictures: list[Image.Image]) -> Image.Image:
    """Pictures under each other, below their name."""
    width, height = pictures[0].size
    column = Image.new("RGB", (width, LABEL + len(pictures) * (height + 4)), "white")
    ImageDraw.Draw(column).text((width / 2, 2), name, "black", font=ImageFont.load_default(12), anchor="ma")
    for k, picture in enumerate(pictures):
        column.paste(picture, (0, LABEL + k * (height + 4)))
    return column


def _labels(names: list[str], height: int) -> Image.Image:
    """What each row of a drawing is."""
    column = Image.new("RGB", (22, height), "white")
    row = (height - LABEL) / len(names)
    for k, name in enumerate(names):
        place = (4, LABEL + (k + 0.5) * row)
        ImageDraw.Draw(column).text(place, name, "black", font=ImageFont.load_default(13), anchor="lm")
    return column
