"""Drawn explanations: the timeline of a run, and attention with its shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image

from styledit.lessons.plots import COLOURS

GREY = "#555555"
ARROW = {"arrowstyle": "-|>", "linewidth": 1.8, "mutation_scale": 16, "shrinkA": 0, "shrinkB": 0}


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
