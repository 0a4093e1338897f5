"""What an edit keeps, against whether it succeeds: by method a point, and the front of those that no other is
ahead of in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from measure.methods import METHODS
from measure.table import Table
from styledit.lessons.plots import COLOURS, STYLE
from styledit.metrics import METRICS

KEPT = ("background_psnr", "background_lpips", "structure_distance")
MARKERS = "osD^vP*X<>"
Point = tuple[float, float]  # a metric's mean and the success rate in per cent, over the same cases


def points_of(table: Table, column: str) -> dict[str, Point]:
    """A metric of KEPT and the success rate of each method, on the cases that have the metric."""
    found = {}
    for method in table.methods:
        kept = table.numbers(method, column)
        if kept:
            success = table.mean(method, "success", on=set(kept))
            found[method] = (float(np.mean(list(kept.values()))), success)
    return found


def front(points: Mapping[str, Point], better: str) -> list[str]:
    """The methods that no other beats in one number without being behind in the other, by success.

    `better` is "higher" or "lower": of the first number; a higher success rate is better.
    """
    sign = 1 if better == "higher" else -1
    gains = {method: (sign * kept, success) for method, (kept, success) in points.items()}

    def is_beaten(mine: Point) -> bool:
        return any(other != mine and other[0] >= mine[0] and other[1] >= mine[1] for other in gains.values())

    return sorted((m for m, gain in gains.items() if not is_beaten(gain)), key=lambda m: gains[m][::-1])


def print_front(table: Table) -> None:
    """By method its success rate and what it keeps; a star where it is on the front of that column."""
    points = {column: points_of(table, column) for column in KEPT}
    fronts = {column: front(points[column], METRICS[column].better) for column in KEPT}
    print("\nWhat is kept against success; a star on the front of the column.")
    print(f"{'':30} {'success':>9} " + " ".join(f"{METRICS[column].header:>26}" for column in KEPT))
    for method in table.methods:
        cells = [
            f"{points[column][method][0]:.4g}{'*' if method in fronts[column] else ' '}"
            if method in points[column]
            else "- "
            for column in KEPT
        ]
        success = table.mean(method, "success")
        print(f"{method:30} {success:7.1f} % " + " ".join(f"{cell:>26}" for cell in cells))


def draw_front(table: Table, file: Path) -> None:
    """The same as three pictures side by side, with a line through each front."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(KEPT), figsize=(16, 5.2), sharey=True)
        for ax, column in zip(axes, KEPT, strict=True):
            _draw_column(ax, points_of(table, column), column)
        axes[0].set_ylabel("success rate (%)")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        figure.savefig(file, dpi=110)
        plt.close(figure)


def _draw_column(ax: Axes, points: Mapping[str, Point], column: str) -> None:
    metric = METRICS[column]
    names = [*METHODS, *(method for method in points if method not in METHODS)]
    for method, (kept, success) in points.items():
        k = names.index(method)  # a method looks the same whichever are shown beside it
        marker, colour = MARKERS[k % len(MARKERS)], COLOURS[k % len(COLOURS)]
        ax.plot(kept, success, marker, color=colour, markersize=11, label=method)
    line = [points[method] for method in front(points, metric.better)]
    ax.plot(*zip(*line, strict=True), color="#999999", linewidth=1.2, zorder=0)
    ax.margins(0.12)
    ax.set_xlabel(metric.header)
    if metric.better == "lower":
        ax.invert_xaxis()  # to the right is better everywhere
    ax.set_title(f"Kept: {metric.label}")
