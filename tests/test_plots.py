"""Figures show what they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

import styledit
from styledit import lessons


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_show_images(picture):
    figure = lessons.show_images({f"picture {i}": picture for i in range(7)}, columns=3)
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in shown] == [f"picture {i}" for i in range(7)]
    assert len(figure.axes) == 9 and figure.axes[3].get_gridspec().ncols == 3


def test_no_images():
    with pytest.raises(ValueError, match="no pictures to show"):
        lessons.show_images({})


def test_show_words(inversion, picture):
    figure = lessons.show_words(inversion.maps, picture)
    assert [ax.get_title() for ax in figure.axes] == ["picture", "a", "red", "car", "in", "the", "snow"]
    assert np.allclose(figure.axes[3].images[-1].get_array(), inversion.maps.word("car"))


def test_plot_drift(pipe, inversion):
    runs = {
        f"w = {w}": styledit.reconstruct(pipe, inversion, guidance=w, progress=False).latents
        for w in (1, 7.5)
    }
    ax = lessons.plot_drift(inversion, runs)
    for line, (name, latents) in zip(ax.lines, runs.items(), strict=True):
        assert line.get_label() == name
        assert np.allclose(line.get_ydata(), styledit.drift(inversion, latents))
