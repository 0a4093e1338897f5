"""Attention maps with named axes: where words look, and where pixels look.

Nothing is averaged before it is asked for. `AttentionMaps.select` narrows a recording to some steps, layers
or heads; the other methods average over what is left and up-sample to the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F

from styledit import validation as check
from styledit.prompts import Word, find_word

# The axes of every tensor in AttentionMaps.layers; in self_layers the last axis is "pixel" again,
# the pixel looked at.
AXES = ("step", "head", "pixel", "token")
LONGEST_SIDE = 65536  # of a picture that was looked at, in pixels
LONGEST_MAP = 8192  # of a map to be made
Size = tuple[int, int] | torch.Size  # (h, w); the second is a slice of a tensor's shape


@dataclass(frozen=True, eq=False)  # tensors have no one answer to ==
class AttentionMaps:
    """Attention probabilities of a run, generated or inverted.

    `layers`: {cross-attention layer: A} with A of shape (step, head, pixel, token), as in `AXES`, steps
    counted from the noisiest; `map_sizes`: {layer: (h, w)} with h * w pixels, for every layer here; `words`:
    the prompt's words and their token positions (0 is the start token, the ones after the last word are end
    and padding); `size`: the picture's (H, W); `self_layers`: {self-attention layer: A} of shape
    (step, head, pixel, pixel), the first pixel looks at the second; `steps`: which steps of the run the step
    axis holds, None for all of them; `scales`: {layer: scale} as in `Layers`.

    Raises:
        TypeError: one of them is of another type.
        ValueError: a tensor whose axes do not fit `map_sizes` or `steps`.
    """

    layers: dict[str, torch.Tensor]
    map_sizes: dict[str, tuple[int, int]]
    words: tuple[Word, ...]
    size: tuple[int, int]
    self_layers: dict[str, torch.Tensor] = field(default_factory=dict)
    steps: tuple[int, ...] | None = None
    scales: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("layers", "self_layers", "map_sizes", "scales"):
            check.mapping(f"AttentionMaps.{name}", getattr(self, name))
        for name, maps in self._all().items():
            if not isinstance(maps, torch.Tensor) or not maps.is_floating_point() or maps.is_meta:
                raise TypeError(f"The maps of {name!r} must be a tensor ({', '.join(AXES)}).")
        self._set("words", check.several("AttentionMaps.words", self.words))
        for word in self.words:
            check.instance("Each of AttentionMaps.words", word, Word, "invert()")
        self._set("size", check.sides("AttentionMaps.size", self.size, LONGEST_SIDE))
        if self.steps is not None:
            self._set("steps", tuple(check.indices("AttentionMaps.steps", self.steps)))
        for scale in self.scales.values():
            check.whole("Each of AttentionMaps.scales", scale, least=1)
        self._check_shapes()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_shapes(self) -> None:
        """Raise ValueError where a tensor has other steps or pixels than this says."""
        count = len(self._steps())
        for layer, maps in self._all().items():
            if layer not in self.map_sizes:
                raise ValueError(
                    f"There is no size of the maps of {layer!r}; AttentionMaps.map_sizes has it."
                )
            size = check.sides(f"The size of the maps of {layer!r}", self.map_sizes[layer], LONGEST_SIDE)
            pixels = math.prod(size)
            if maps.ndim != len(AXES) or maps.shape[0] != count or maps.shape[2] != pixels:
                raise ValueError(
                    f"The maps of {layer!r} have shape {tuple(maps.shape)} and should have "
                    f"({', '.join(AXES)}), with {count} steps and {pixels} pixels."
                )

    def step(self, i: int) -> dict[str, torch.Tensor]:
        """{layer: (head, pixel, token)} at step i of the run.

        Raises:
            ValueError: that step was not recorded.
        """
        (row,) = self._rows(check.whole("i", i))
        return {layer: maps[row] for layer, maps in self.layers.items()}

    def select(
        self,
        *,
        steps: int | Iterable[int] | None = None,
        layers: str | int | Iterable[str | int] | None = None,
        heads: int | Iterable[int] | None = None,
    ) -> AttentionMaps:
        """A part of the recording, all axes kept. None takes everything.

        Args:
            steps: by the run's own numbering, 0 the noisiest.
            layers: by name, by the beginning of a name ("up", "up_blocks.1"),
                or by scale (4), one or several.
            heads: by index.

        Raises:
            ValueError: nothing of that kind was recorded; the message lists what was.
        """
        rows = self._rows(steps)
        names = self._names(layers)

        def narrow(recorded: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {
                layer: maps[_index(rows)][:, _index(self._heads(layer, maps, heads))]
                for layer, maps in recorded.items()
                if layer in names
            }

        chosen = tuple(self._steps()[i] for i in rows)
        return replace(self, layers=narrow(self.layers), self_layers=narrow(self.self_layers), steps=chosen)

    def word(
        self, word: str, *, steps: int | Iterable[int] | None = None, size: tuple[int, int] | None = None
    ) -> torch.Tensor:
        """Where a word looks: (H, W), averaged over steps, layers and heads, summed over its tokens.

        Args:
            word: one word of the prompt, or several in a row.
            steps: which steps of the run to average over; None takes all.
            size: (H, W) of the result; None takes the picture's.

        Raises:
            ValueError: the word is not in the prompt, a step was not recorded,
                or there is no cross-attention here.
        """
        return self.tokens(find_word(self.words, word), steps=steps, size=size)

    def tokens(
        self,
        positions: int | Iterable[int],
        *,
        steps: int | Iterable[int] | None = None,
        size: tuple[int, int] | None = None,
    ) -> torch.Tensor:
        """As `word`, by token positions, start, end and padding included (see `token_labels`); (H, W)."""
        rows = self._rows(steps)
        wanted = as_indices(positions)
        length = self._length()
        size = self.size if size is None else check.sides("size", size, LONGEST_MAP)
        if not wanted or not all(0 <= position < length for position in wanted):
            raise ValueError(
                f"Token positions run from 0 (start) to {length - 1}; give some of them, not {wanted}."
            )
        total = torch.zeros(size)
        for layer, maps in self.layers.items():
            flat = _mean(maps[i][..., wanted].float().sum(-1).mean(0) for i in rows)  # (pixel,)
            total += resize(flat.view(self.map_sizes[layer]).cpu(), size)
        return total / len(self.layers)

    def token_labels(self) -> tuple[str, ...]:
        """Text of every token position: words ("word 1/2": the first token of two), "<start>",
        "<end>" and "<padding>".

        Raises:
            ValueError: there is no cross-attention here.
        """
        labels = ["<start>"]
        for word in self.words:
            count = len(word.positions)
            labels += [word.text] if count == 1 else [f"{word.text} {k}/{count}" for k in range(1, count + 1)]
        labels.append("<end>")
        return (*labels, *["<padding>"] * (self._length() - len(labels)))

    def components(self, n: int = 3) -> torch.Tensor:
        """What self-attention groups together: (n, H, W), the strongest component first.

        The right singular vectors of the self-attention map, averaged over steps, layers and heads, less the
        mean of each row, as Prompt-to-Prompt draws them (2208.01626, its released code). Each has length 1
        before up-sampling; its sign is free and chosen so that the entry of largest magnitude is positive.

        Raises:
            ValueError: no self-attention here, layers on different grids,
                or n larger than the number of pixels.
        """
        self._need_self_attention()
        sizes = {self.map_sizes[layer] for layer in self.self_layers}
        if len(sizes) > 1:
            raise ValueError(
                "Self-attention on different grids has no common components; "
                f"narrow it with select(layers=...) to one of: {self._listing(self.self_layers)}."
            )
        (plane,) = sizes
        n = check.whole("n", n, least=1, most=math.prod(plane))
        mean = _mean(maps[i].float().mean(0) for maps in self.self_layers.values() for i in range(len(maps)))
        vectors = torch.linalg.svd((mean - mean.mean(-1, keepdim=True)).cpu(), full_matrices=False).Vh[
            :n
        ]  # (n, pixel)
        peaks = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
        return torch.stack([resize(vector.view(plane), self.size) for vector in vectors * peaks.sign()])

    def pixel(self, x: float, y: float) -> torch.Tensor:
        """Where one pixel of the picture looks: (H, W), averaged over steps,
        layers and heads; sums to about 1.

        Args:
            x, y: column and row in the picture, (0, 0) is the centre of the top left pixel,
                as in matplotlib's clicks.

        Raises:
            TypeError: a coordinate is no number.
            ValueError: no self-attention here, or the pixel lies outside the picture.
        """
        self._need_self_attention()
        height, width = self.size
        column = math.floor(check.number("x", x) + 0.5)
        row = math.floor(check.number("y", y) + 0.5)
        if not (0 <= column < width and 0 <= row < height):
            raise ValueError(
                f"The pixel ({x}, {y}) lies outside the picture, whose x ends at {width - 1} "
                f"and y at {height - 1}."
            )
        total = torch.zeros(self.size)
        for layer, maps in self.self_layers.items():
            h, w = self.map_sizes[layer]
            place = row * h // height * w + column * w // width
            flat = _mean(maps[i, :, place].float().mean(0) for i in range(len(maps)))  # (pixel,)
            # one cell's share is spread over the picture's pixels in it,
            # so that coarse and fine layers weigh the same
            total += resize(flat.view(h, w).cpu(), self.size) * (h * w / (height * width))
        return total / len(self.self_layers)

    def _all(self) -> dict[str, torch.Tensor]:
        return {**self.layers, **self.self_layers}

    def _steps(self) -> tuple[int, ...]:
        """The run's number of every row of the step axis."""
        recorded = self._all().values()
        return tuple(range(len(next(iter(recorded), ())))) if self.steps is None else self.steps

    def _rows(self, steps: int | Iterable[int] | None) -> list[int]:
        """Where some steps of the run stand in the step axis."""
        recorded = self._steps()
        wanted = list(recorded) if steps is None else as_indices(steps)
        if not wanted:
            raise ValueError("There is no step to average over; give at least one, or steps=None for all.")
        for i in wanted:
            if i not in recorded:
                there = _ranges(recorded)
                raise ValueError(
                    f"There are no maps of step {i}; recorded are {there}, 0 being the noisiest."
                )
        return [recorded.index(i) for i in wanted]

    def _names(self, layers: str | int | Iterable[str | int] | None) -> set[str]:
        """The layers that any of the choices matches."""
        names = set(self._all())
        if layers is None:
            return names
        chosen = set()
        for choice in check.several("layers", layers):
            if not isinstance(choice, str):
                choice = check.whole("A layer that is no name but a scale", choice)
            found = {name for name in names if self._matches(name, choice)}
            if not found:
                raise ValueError(f"{choice!r} matches no recorded layer; there are: {self._listing(names)}.")
            chosen |= found
        if not chosen:
            raise ValueError(f"There is no layer to select; there are: {self._listing(names)}.")
        return chosen

    def _matches(self, name: str, choice: str | int) -> bool:
        """Whether a layer's name begins like this, or its scale is this."""
        if isinstance(choice, str):
            return name.startswith(choice)
        return name in self.scales and self.scales[name] == choice

    def _heads(self, layer: str, maps: torch.Tensor, heads: int | Iterable[int] | None) -> list[int]:
        count = maps.shape[AXES.index("head")]
        wanted = list(range(count)) if heads is None else as_indices(heads)
        if not wanted or not all(0 <= head < count for head in wanted):
            raise ValueError(
                f"The layer {layer!r} has heads 0 to {count - 1}; give some of them, not {wanted}."
            )
        return wanted

    def _length(self) -> int:
        """N, the number of token positions."""
        if not self.layers:
            raise ValueError(
                "These maps hold no cross-attention; record it with Layers(), or do not select it away."
            )
        return next(iter(self.layers.values())).shape[-1]

    def _need_self_attention(self) -> None:
        if not self.self_layers:
            raise ValueError(
                "These maps hold no self-attention; record it with Layers(scales=..., kind='self')."
            )

    def _listing(self, names: Iterable[str]) -> str:
        """Layers in short, with grid and scale, in the order of the recording."""
        entries = []
        for name in sorted(names, key=list(self._all()).index):
            kind = "self" if name in self.self_layers else "cross"
            scale = f", scale {self.scales[name]}" if name in self.scales else ""
            height, width = self.map_sizes[name]
            entries.append(f"{name.split('.attentions')[0]} ({kind}, {height} × {width}{scale})")
        return ", ".join(dict.fromkeys(entries))


def map_size(latent_size: Size, scale: int) -> tuple[int, int]:
    """(h, w) of the maps at a scale; every halving in the UNet rounds up."""
    height, width = latent_size
    return -(-height // scale), -(-width // scale)


def resize(plane: torch.Tensor, size: Size) -> torch.Tensor:
    """Bilinear resampling of (h, w) to `size`."""
    return F.interpolate(plane[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]


def _mean(tensors: Iterator[torch.Tensor]) -> torch.Tensor:
    """The mean of tensors that come one at a time, so that no more than one is held."""
    total, count = next(tensors), 1
    for tensor in tensors:
        total, count = total + tensor, count + 1
    return total / count


def as_indices(indices: int | Iterable[int]) -> list[int]:
    """One index or several as a list."""
    return check.indices("the indices", indices)


def _index(indices: list[int]) -> slice | list[int]:
    """A slice where the indices are consecutive: it makes a view, a list makes a copy."""
    first, last = indices[0], indices[-1] + 1
    return slice(first, last) if indices == list(range(first, last)) else indices


def _ranges(steps: tuple[int, ...]) -> str:
    """Steps in short: "steps 0 to 4", or each of them."""
    whole = len(steps) > 2 and list(steps) == list(range(steps[0], steps[-1] + 1))
    return f"steps {steps[0]} to {steps[-1]}" if whole else "the steps " + ", ".join(map(str, steps))
