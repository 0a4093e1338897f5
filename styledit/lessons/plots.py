"""Curves of the lessons: one style, one colour for one method, letters that are read from the last row."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes

from styledit import validation as check
from styledit.inversion import HasLatents, Inversion, drift

# Okabe and Ito's colours, told apart by colour-blind readers.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", ":", "-.")
STYLE = {
    "font.size": 13,
    "axes.titlesize": 15,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "lines.linewidth": 2.2,
    "legend.frameon": False,
    "figure.figsize": (8.5, 3.6),
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",  # letters stay letters: small files, and a reader can search them
    "svg.hashsalt": "styledit",  # the same figure is the same file
}


def setup() -> None:
    """A lesson's figures from here on: curves as SVG with large letters, the same file for the same data."""
    plt.rcParams.update(STYLE)
    if "ipykernel" in sys.modules:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None})


def plot_lines(
    lines: Mapping[str, Sequence[float] | torch.Tensor],
    *,
    x: Sequence[float] | torch.Tensor | None = None,
    title: str = "",
    xlabel: str = "index i (0 is the noisiest)",
    ylabel: str = "",
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Curves by name; beyond the seventh the colours come again, dashed.

    Args:
        lines: {name: values}.
        x: where the values stand; None counts from 0.
        log: whether the vertical axis counts in powers of ten.

    Raises:
        TypeError: `lines` is no {name: values}, or values are no numbers.
        ValueError: values that are no row, or not as many as `x`.
    """
    curves = {
        name: _row(f"The line {name!r}", values) for name, values in check.mapping("lines", lines).items()
    }
    given = None if x is None else _row("x", x)
    ax = ax or plt.subplots()[1]
    for k, (name, heights) in enumerate(curves.items()):
        places = np.arange(len(heights)) if given is None else given
        if len(places) != len(heights):
            raise ValueError(f"The line {name!r} has {len(heights)} values and x {len(places)}.")
        dashes = LINES[k // len(COLOURS) % len(LINES)]
        ax.plot(places, heights, color=COLOURS[k % len(COLOURS)], linestyle=dashes, label=name)
    if log:
        ax.set_yscale("log", nonpositive="mask")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if title:
        ax.set_title(title)
    if len(lines) > 3:  # beside the curves, not on them
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    else:
        ax.legend()
    return ax


def plot_intervals(
    intervals: Mapping[str, tuple[float, float, float]],
    *,
    at: float | None = None,
    title: str = "",
    xlabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Means with their intervals, a line a name from the top.

    Args:
        intervals: {name: (mean, low, high)}; low and high may be NaN, where there are too few cases.
        at: a number to compare with, a vertical line; what surely lies on one side of it is drawn full.

    Raises:
        TypeError: `intervals` is no {name: three numbers}.
        ValueError: there is none, or one of other than three numbers.
    """
    rows = {
        name: _row(f"The interval {name!r}", numbers)
        for name, numbers in check.mapping("intervals", intervals).items()
    }
    if not rows or any(len(row) != 3 for row in rows.values()):
        raise ValueError("Give at least one interval, each as (mean, low, high).")
    ax = ax or plt.subplots(figsize=(8.5, 0.6 + 0.42 * len(rows)))[1]
    if at is not None:
        ax.axvline(at, color="#8a8a8a", linewidth=1.2)
    for k, (mean, low, high) in enumerate(rows.values()):
        is_sure = at is None or low > at or high < at
        ax.plot([low, high], [k, k], color=COLOURS[0], linewidth=3, alpha=1 if is_sure else 0.45)
        ax.plot(mean, k, "o", color=COLOURS[0], markersize=9, markerfacecolor=None if is_sure else "white")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlabel(xlabel)
    ax.set_title(title)
    return ax


def _row(name: str, values: object) -> np.ndarray:
    """Numbers (n,), or one sentence."""
    try:
        row = torch.as_tensor(values).detach().float().cpu().numpy()
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name} must be a list of numbers, not {check.shown(values)}.") from None
    if row.ndim != 1:
        raise ValueError(f"{name} must be one row of numbers, not of shape {row.shape}.")
    return row


def plot_drift(
    inversion: Inversion,
    runs: Mapping[str, torch.Tensor | HasLatents],
    ax: Axes | None = None,
    *,
    log: bool = True,
) -> Axes:
    """Each run's distance to the inversion's latents, step by step; see `plot_lines`.

    Args:
        runs: {name: what `drift` compares}.
        log: whether the distance counts in powers of ten; where a run has not strayed it has no point then.
    """
    return plot_lines(
        {name: drift(inversion, run) for name, run in runs.items()},
        title="How far denoising strays from the picture's own trajectory",
        ylabel="distance to the inversion",
        log=log,
        ax=ax,
    )
