"""Figures of the lessons: pictures side by side, where words look, and drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from styledit.inversion import HasLatents, Inversion, drift
from styledit.maps import AttentionMaps

# Okabe and Ito's colours, told apart by colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", ":", "-.")


def show_images(
    images: Mapping[str, Image.Image], *, columns: int | None = None, size: float = 2.2
) -> Figure:
    """Pictures in a grid under their titles; `size` is the width of one in inches.

    Raises:
        ValueError: there are no pictures.
    """
    if not images:
        raise ValueError("There are no pictures to show; give {title: picture}.")
    columns = min(columns or 5, len(images))
    rows = -(-len(images) // columns)
    inches = (size * columns, 1.15 * size * rows)
    figure, axes = plt.subplots(rows, columns, figsize=inches, squeeze=False, layout="constrained")
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (title, image) in zip(axes.flat, images.items(), strict=False):
        ax.imshow(image)
        ax.set_title(title, fontsize=9)
    return figure


def show_words(
    maps: AttentionMaps, image: Image.Image, words: Sequence[str] | None = None, *, size: float = 1.6
) -> Figure:
    """A strip with the picture and the map of each word over it; all words of the prompt unless given."""
    words = list(words or dict.fromkeys(word.text for word in maps.words))
    figure, axes = plt.subplots(
        1, len(words) + 1, figsize=(size * (len(words) + 1), 1.2 * size), layout="constrained"
    )
    axes[0].imshow(image)
    axes[0].set_title("picture")
    axes[0].set_axis_off()
    for ax, word in zip(axes[1:], words, strict=True):
        plot_map(maps, word, ax, image)
    return figure


def plot_map(
    maps: AttentionMaps, shown: str | torch.Tensor, ax: Axes | None = None, image: Image.Image | None = None
) -> Axes:
    """Draw a word's map, or any map (H, W), into `ax`, over `image` where one is given.

    Raises:
        ValueError: the word is not in the prompt, or a tensor that is not (H, W).
    """
    heat = maps.word(shown) if isinstance(shown, str) else torch.as_tensor(shown).detach().float().cpu()
    if heat.ndim != 2:
        raise ValueError(
            f"A map to draw must have shape (H, W), not {tuple(heat.shape)}; draw one at a time."
        )
    ax = ax or plt.gca()
    if image is not None:
        ax.imshow(image)
    width, height = image.size if image is not None else heat.shape[::-1]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)  # a coarser map still covers the whole picture
    ax.imshow(heat.numpy(), cmap="viridis", alpha=1 if image is None else 0.6, extent=extent)
    if isinstance(shown, str):
        ax.set_title(shown)
    ax.set_axis_off()
    return ax


def plot_drift(
    inversion: Inversion, runs: Mapping[str, torch.Tensor | HasLatents], ax: Axes | None = None
) -> Axes:
    """Each run's distance to the inversion's latents, step by step.

    Args:
        runs: {name: what `drift` compares}; beyond the seventh the colours come again, dashed.
    """
    ax = ax or plt.subplots(figsize=(6, 3), layout="constrained")[1]
    for k, (name, run) in enumerate(runs.items()):
        colour = COLOURS[k % len(COLOURS)]
        dashes = LINES[k // len(COLOURS) % len(LINES)]
        ax.plot(drift(inversion, run).cpu().numpy(), color=colour, linestyle=dashes, label=name)
    ax.set_xlabel("step (0 is the noisiest)")
    ax.set_ylabel("distance to the inversion")
    ax.set_title("How far denoising strays from the picture's own trajectory")
    ax.legend(frameon=False)
    return ax
