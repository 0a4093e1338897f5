"""Details of the source picture in an edit: the formula, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import styledit
from styledit.editing.details import TOLERANCE, restore_details

SIDE = 128


def picture(pixels: np.ndarray | float) -> Image.Image:
    """An RGB picture from values in [0, 1]."""
    filled = np.broadcast_to(np.asarray(pixels, float), (SIDE, SIDE, 3))
    return Image.fromarray(np.rint(filled * 255).astype(np.uint8))


def test_what_an_edit_leaves_alone_is_the_source_itself():
    rng = np.random.default_rng(0)
    source = picture(rng.random((SIDE, SIDE, 3)))
    reconstruction = picture(rng.random((SIDE, SIDE, 3)))
    restored = restore_details(reconstruction, reconstruction, source)
    assert np.array_equal(np.asarray(restored), np.asarray(source))


@pytest.mark.parametrize("change", [0.05, TOLERANCE, 0.4])
def test_a_change_everywhere_has_the_formulas_share(change):
    source, reconstruction, edited = picture(0.5), picture(0.4), picture(0.4 + change)
    restored = np.asarray(restore_details(edited, reconstruction, source)) / 255
    share = np.exp(-((change / TOLERANCE) ** 2))
    assert np.allclose(restored, 0.4 + change + share * 0.1, atol=1.6 / 255)


def test_a_change_at_one_place_leaves_the_rest_the_sources_own():
    rng = np.random.default_rng(1)
    source = np.asarray(picture(0.4 + 0.2 * rng.random((SIDE, SIDE, 3))))
    reconstruction = picture(0.5)
    edited = np.asarray(reconstruction).copy()
    edited[32:64, 32:64] = (255, 0, 0)
    restored = np.asarray(restore_details(Image.fromarray(edited), reconstruction, Image.fromarray(source)))
    assert np.array_equal(restored[:24], source[:24]) and np.array_equal(restored[80:], source[80:])
    assert np.array_equal(restored[40:56, 40:56], edited[40:56, 40:56])


def test_an_edit_keeps_them_where_it_is_asked_to(pipe, inversion):
    target = inversion.prompt.replace("red", "blue")
    assert target != inversion.prompt
    editor = styledit.Editor(pipe, inversion, follow_inversion=True, automatic=False)
    plain = editor.edit(target, progress=False)
    detailed = editor.edit(target, keep_details=True, progress=False)
    assert detailed.first_step == inversion.steps  # nothing is denoised again
    expected = restore_details(plain.image, plain.reconstruction, inversion.image)
    assert np.array_equal(np.asarray(detailed.image), np.asarray(expected))
    assert not np.array_equal(np.asarray(detailed.image), np.asarray(plain.image))
    with pytest.raises(TypeError, match="keep_details must be True or False"):
        editor.edit(target, keep_details="yes", progress=False)
