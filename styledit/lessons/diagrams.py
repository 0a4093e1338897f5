"""Drawn explanations: the timeline of a run, the two runs of an edit, and attention with its shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image

from styledit import validation as check
from styledit.editing.blend import blend_start
from styledit.editing.settings import is_on
from styledit.lessons.plots import COLOURS

GREY = "#555555"
FAINT = "#dddddd"
ARROW = {"arrowstyle": "-|>", "linewidth": 1.8, "mutation_scale": 16, "shrinkA": 0, "shrinkB": 0}

# What an edit may take from the source's run: its colour, its name, and what it is.
SWITCHES = {
    "tau_v": (COLOURS[4], "value inputs", "what its words write"),
    "tau_c": (COLOURS[0], "cross-attention maps", "where its words look"),
    "tau_s": (COLOURS[2], "self-attention maps", "which places belong together"),
    "tau_u": (COLOURS[5], "self-attention maps, empty prompt", "the same in its call with the empty prompt"),
    "blend": (COLOURS[3], "latents outside a mask", "there the edit is the source"),
}


def plot_timeline(
    pictures: Mapping[int, Image.Image],
    levels: torch.Tensor,
    timesteps: Sequence[int],
    ax: Axes | None = None,
) -> Axes:
    """The one timeline of the lessons: latents by their index, their noise levels, the timesteps told.

    Args:
        pictures: {index of a latent: its picture}, some of 0 (the noisiest) to T.
        levels: abar of all latents, (T + 1,).
        timesteps: what the network is told at each of the T + 1 latents; the clean one's is 0.
    """
    last = len(levels) - 1
    ax = ax or plt.subplots(figsize=(10, 3.5))[1]
    rows = {"latent": 2.12, "index i": 0.74, "noise level abar[i]": 0.44, "timestep told t[i]": 0.14}
    for name, y in rows.items():
        ax.text(-0.12, y, name, ha="right", va="center", color=GREY, fontsize=12)
    for k, (i, picture) in enumerate(sorted(pictures.items())):
        name = {0: "z[0] = z_T", last: f"z[{last}] = z_0"}.get(i, f"z[{i}]")
        ax.imshow(picture, extent=(k, k + 0.9, 1.0, 1.9), interpolation="none")
        cells = (name, str(i), f"{levels[i]:.3f}", str(timesteps[i]))
        for text, y in zip(cells, rows.values(), strict=True):
            weight = "bold" if y > 2 else "normal"
            ax.text(k + 0.45, y, text, ha="center", va="center", fontsize=13, fontweight=weight)
    end = len(pictures) - 0.1
    directions = (("denoise", 0.0, end, -0.22, COLOURS[0]), ("invert", end, 0.0, -0.56, COLOURS[1]))
    for name, start, stop, y, colour in directions:
        ax.annotate("", (stop, y), (start, y), arrowprops=ARROW | {"color": colour}, annotation_clip=False)
        ax.text(-0.12, y, name, ha="right", va="center", color=colour, fontsize=14, fontweight="bold")
    ax.set_xlim(-1.7, len(pictures))
    ax.set_ylim(-0.75, 2.3)
    ax.set_axis_off()
    return ax


def plot_two_runs(
    pictures: Mapping[int, tuple[Image.Image, Image.Image]],
    steps: int,
    prompts: tuple[str, str],
    lit: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The two runs of an edit, the source's above and the edit's below, and what goes from one to the other.

    Both begin at the noise that inversion found and are denoised from left to right. Between them is a lane
    for each switch, coloured and with an arrow at every step at which it acts.

    Args:
        pictures: {index of a latent: (the source's picture, the edit's)}, some of 0 (the noisiest) to
            `steps`, evenly apart.
        steps: T of both runs.
        prompts: the source's and the edit's.
        lit: {switch: the fraction of the steps at which it acts}, of `SWITCHES`; what is not named is off.
            "blend" acts from a fifth of the steps on, where it is above 0. None draws every switch at work
            at all its steps.

    Raises:
        ValueError: no such switch, a fraction outside [0, 1], or fewer than two pictures.
    """
    taus = {name: 1.0 for name in SWITCHES} if lit is None else dict(lit)
    for name, tau in taus.items():
        check.choice("A switch of `lit`", name, tuple(SWITCHES))
        check.fraction(name, tau)
    if len(pictures) < 2:
        raise ValueError(
            "Two runs are drawn with the pictures of two latents or more; give {0: ..., T: ...}."
        )
    ax = ax or plt.subplots(figsize=(12, 5.4))[1]
    unit = (len(pictures) - 1) / steps  # a step's width: pictures stand one apart
    source_y, edit_y, lane = len(SWITCHES) * 0.4 + 0.55, -1.35, 0.4
    for i, pair in sorted(pictures.items()):
        for picture, y in zip(pair, (source_y, edit_y), strict=True):
            ax.imshow(picture, extent=(i * unit - 0.4, i * unit + 0.4, y, y + 0.8), interpolation="none")
    end = steps * unit
    for y, name, prompt in (
        (source_y, "the source's run", prompts[0]),
        (edit_y, "the edit's run", prompts[1]),
    ):
        ax.text(-0.6, y + 0.55, name, ha="right", va="center", fontsize=14, fontweight="bold")
        ax.text(-0.6, y + 0.25, "\n".join(wrap(prompt, 34)), ha="right", va="center", fontsize=11, color=GREY)
        ax.annotate("", (end, y - 0.12), (0, y - 0.12), arrowprops=ARROW | {"color": COLOURS[0]})
    _runs_ends(ax, source_y, edit_y, end, sorted(pictures))
    for k, (name, (colour, title, what)) in enumerate(SWITCHES.items()):
        y = 0.4 + (len(SWITCHES) - 1 - k) * lane - 0.4
        on = _steps_on(name, taus.get(name, 0.0), steps)
        shade = colour if on else FAINT
        ax.text(-0.6, y + 0.19, f"{name}: {title}", ha="right", va="center", fontsize=12, color="black")
        ax.text(end + 0.6, y + 0.19, what, va="center", fontsize=12, color=GREY if on else FAINT)
        ax.add_patch(Rectangle((0, y + 0.04), end, 0.3, facecolor="none", edgecolor=FAINT))
        if on:
            left, width = min(on) * unit, (max(on) + 1 - min(on)) * unit
            ax.add_patch(Rectangle((left, y + 0.04), width, 0.3, facecolor=shade, alpha=0.35, gid=name))
            middles = [(i + 0.5) * unit for i in on]
            ax.scatter(middles, [y + 0.19] * len(on), marker="v", s=26, color=shade, gid=name)
    ax.set_xlim(-4.1, end + 3.3)
    ax.set_ylim(edit_y - 0.75, source_y + 1.55)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def _runs_ends(ax: Axes, source_y: float, edit_y: float, end: float, indices: Sequence[int]) -> None:
    """Inversion above the source's run, the noise that both begin with, and the indices below."""
    top = source_y + 1.1
    ax.annotate("", (0, top), (end, top), arrowprops=ARROW | {"color": COLOURS[1]})
    ax.text(
        end / 2,
        top + 0.1,
        "inversion: from the picture to its noise",
        ha="center",
        fontsize=12,
        color=COLOURS[1],
    )
    ax.annotate("", (-0.5, edit_y + 0.75), (-0.5, source_y + 0.05), arrowprops=ARROW | {"color": "black"})
    ax.text(0, source_y + 0.86, "the noise z_T, where both begin", ha="center", fontsize=11)
    ax.text(end, source_y + 0.86, "the picture again", ha="center", fontsize=11)
    for i in indices:
        ax.text(i / max(indices) * end, edit_y - 0.36, f"i = {i}", ha="center", va="center", fontsize=11)
    ax.text(
        end / 2,
        edit_y - 0.66,
        "denoising, step by step",
        ha="center",
        va="center",
        fontsize=12,
        color=COLOURS[0],
    )


def _steps_on(name: str, tau: float, steps: int) -> list[int]:
    """The steps at which a switch acts."""
    if name == "blend":
        return [i for i in range(steps) if tau > 0 and i >= blend_start(steps)]
    return [i for i in range(steps) if is_on(i, tau, steps)]


def plot_attention_shapes(
    *, pixels: int, tokens: int, channels: int, width: int, heads: int, ax: Axes | None = None
) -> Axes:
    """Cross-attention drawn with its shapes: the picture asks from above, the prompt answers from below.

    Args:
        pixels, channels: of the picture's features at a layer (HW, channels).
        tokens, width: of the prompt's embedding (N, d).
        heads: how many there are; each has channels / heads numbers.
    """
    ax = ax or plt.subplots(figsize=(10.5, 4.6))[1]
    per_head = channels // heads
    picture, prompt, both = COLOURS[0], COLOURS[1], COLOURS[2]
    boxes = {
        "φ": (0.0, 2.5, 0.8, 1.7, picture, f"HW × channels\n{pixels} × {channels}"),
        "c": (0.0, 0.0, 1.2, 0.8, prompt, f"N × d\n{tokens} × {width}"),
        "Q": (3.0, 2.5, 0.5, 1.7, picture, f"HW × d_head\n{pixels} × {per_head}"),
        "K": (3.0, 1.0, 0.5, 0.6, prompt, ""),
        "V": (3.0, -0.4, 0.5, 0.6, prompt, f"both N × d_head\n{tokens} × {per_head}"),
        "A": (6.4, 2.5, 0.7, 1.7, both, f"HW × N\n{pixels} × {tokens}"),
        "out": (9.4, 2.5, 0.5, 1.7, picture, f"HW × d_head\n{pixels} × {per_head}"),
    }
    for name, (x, y, w, h, colour, shape) in boxes.items():
        ax.add_patch(Rectangle((x, y), w, h, facecolor=colour, alpha=0.25, edgecolor=colour, linewidth=2))
        ax.text(x + w / 2, y + h / 2, name, ha="center", va="center", fontsize=17, fontweight="bold")
        ax.text(x + w / 2, y - 0.1, shape, ha="center", va="top", fontsize=12, color=GREY)
    arrows = [
        ((0.85, 3.35), (2.95, 3.35), "Wq", (1.9, 3.5)),
        ((1.25, 0.55), (2.95, 1.3), "Wk", (2.0, 1.15)),
        ((1.25, 0.25), (2.95, -0.1), "Wv", (2.0, -0.25)),
        ((3.55, 3.35), (6.35, 3.35), "softmax(Q Kᵀ / √d_head)", (4.95, 3.5)),
        ((3.55, 1.3), (6.35, 2.9), "where to look", (5.4, 1.6)),
        ((7.15, 3.35), (9.35, 3.35), "A V", (8.25, 3.5)),
        ((3.55, -0.1), (9.35, 2.6), "what to write", (7.3, 0.9)),
    ]
    for start, stop, words, place in arrows:
        ax.annotate("", stop, start, arrowprops=ARROW | {"color": GREY})
        ax.text(*place, words, ha="center", fontsize=13)
    ax.text(
        0.0, 4.5, f"Cross-attention, one of {heads} heads: the picture asks, the prompt answers", fontsize=15
    )
    ax.set_xlim(-0.4, 10.4)
    ax.set_ylim(-1.2, 4.8)
    ax.set_axis_off()
    return ax
