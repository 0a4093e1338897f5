"""Figures of the lessons: pictures side by side, where words look, and drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from styledit.inversion import Inversion, drift
from styledit.maps import AttentionMaps

# Okabe and Ito's colours, told apart by colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def show_images(images: Mapping[str, Image.Image], *, columns: int | None = None, size: float = 2.2) -> Figure:
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
    for ax, (title, image) in zip(axes.flat, images.items()):
        ax.imshow(image)
        ax.set_title(title, fontsize=9)
    return figure


def show_words(
    maps: AttentionMaps, image: Image.Image, words: Sequence[str] | None = None, *, size: float = 1.6
) -> Figure:
    """A strip with the picture and the map of each word over it; all words of the prompt unless given."""
    words = list(words or dict.fromkeys(word.text for word in maps.words))
    figure, axes = plt.subplots(1, len(words) + 1, figsize=(size * (len(words) + 1), 1.2 * size), layout="constrained")
    axes[0].imshow(image)
    axes[0].set_title("picture")
    axes[0].set_axis_off()
    for ax, word in zip(axes[1:], words):
        maps.plot(word, ax, image)
    return figure


def plot_drift(runs: Mapping[str, torch.Tensor], inversion: Inversion, ax: Axes | None = None) -> Axes:
    """Each run's distance to the inversion's latents, step by step; `runs` is {name: latents (T + 1, 1, C, h, w)}."""
    ax = ax or plt.subplots(figsize=(6, 3), layout="constrained")[1]
    for colour, (name, latents) in zip(COLOURS, runs.items()):
        ax.plot(drift(latents, inversion).cpu().numpy(), color=colour, label=name)
    ax.set_xlabel("step (0 is the noisiest)")
    ax.set_ylabel("distance to the inversion")
    ax.set_title("How far denoising strays from the picture's own trajectory")
    ax.legend(frameon=False)
    return ax
