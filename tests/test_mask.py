"""The painted mask, and the first look at an edit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import styledit
from styledit.editing.mask import PaintedMask
from styledit.previews import preview, preview_change

TARGET = "a dog on the sand"


def painted(size: tuple[int, int] = (32, 32)) -> np.ndarray:
    """The left half."""
    mask = np.zeros(size, bool)
    mask[:, : size[1] // 2] = True
    return mask


def finish(run):
    """A run's result, and its network calls."""
    calls = 0
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value, calls
        calls += 1


def test_masks_of_all_kinds_are_one() -> None:
    mask = painted()
    kinds = [
        mask,
        mask.astype(np.uint8),
        mask.astype(np.uint8) * 255,
        mask.astype(np.float32),
        torch.from_numpy(mask),
        Image.fromarray(mask.astype(np.uint8) * 255),
        mask.tolist(),
        PaintedMask.of(mask),
    ]
    assert {PaintedMask.of(kind) for kind in kinds} == {PaintedMask.of(mask)}
    assert np.array_equal(PaintedMask.of(mask).array, mask)


def test_a_cell_is_painted_where_half_of_it_is() -> None:
    mask = np.zeros((8, 8), bool)
    mask[:2, :4] = True  # half of the first cell of 4 × 4
    mask[4, 4] = True  # a sixteenth of the last
    assert PaintedMask.of(mask).cells((2, 2)).tolist() == [[True, False], [False, False]]
    dot = np.zeros((8, 8), bool)
    dot[5, 6] = True
    assert PaintedMask.of(dot).cells((2, 2)).tolist() == [[False, False], [False, True]]
    assert PaintedMask.of(painted((2, 2))).cells((4, 4)).tolist() == [[True, True, False, False]] * 4


@pytest.mark.parametrize(
    ("given", "error", "what"),
    [
        (np.zeros((4, 4), bool), ValueError, "empty"),
        (np.ones((4, 4, 3)), ValueError, "shape"),
        (np.full((4, 4), np.nan), ValueError, "floats"),
        (np.full((4, 4), 300), ValueError, "0 to 255"),
        (np.array([["a"]]), TypeError, "numbers"),
        ("mask.png", TypeError, "picture or an array"),
        (3, TypeError, "picture or an array"),
    ],
)
def test_what_is_no_mask_says_so(given, error, what) -> None:
    with pytest.raises(error, match=what):
        styledit.Settings(mask=given)


def test_outside_the_mask_the_source_stays(pipe64, inversion64) -> None:
    edit = styledit.edit(pipe64, inversion64, TARGET, mask=painted(), blend="dog", progress=False)
    inside = PaintedMask.of(painted()).cells(inversion64.z_T.shape[-2:])
    assert torch.equal(edit.mask, inside)
    for z, source in zip(edit.latents[1:], edit.source_latents[1:], strict=True):
        assert torch.equal(z[..., ~inside], source[..., ~inside])
    assert not torch.equal(edit.latents[-1][..., inside], edit.source_latents[-1][..., inside])
    everywhere = styledit.edit(pipe64, inversion64, TARGET, mask=np.ones((4, 4), bool), progress=False)
    plain = styledit.edit(pipe64, inversion64, TARGET, progress=False)
    assert torch.equal(everywhere.latents, plain.latents)


def test_a_mask_that_changes_starts_at_the_first_step(pipe64, inversion64) -> None:
    editor = styledit.Editor(pipe64, inversion64)
    first = editor.edit(TARGET, mask=painted(), progress=False)
    again = editor.edit(TARGET, mask=painted(), progress=False)
    other = editor.edit(TARGET, mask=~painted(), progress=False)
    assert (first.first_step, again.first_step, other.first_step) == (0, inversion64.steps, 0)
    fresh = styledit.edit(pipe64, inversion64, TARGET, mask=~painted(), progress=False)
    assert torch.equal(other.latents, fresh.latents)


def test_a_preview_starts_where_the_settings_differ(pipe64, inversion64) -> None:
    editor = styledit.Editor(pipe64, inversion64)
    steps = inversion64.steps
    exact = editor.edit(TARGET, tau_c=1.0, progress=False)
    same, calls = finish(editor.previewing(TARGET, tau_c=1.0))
    assert calls == 0 and torch.equal(same.z, exact.latents[-1]) and not same.change.any()
    late = (steps - 1) / steps
    preview, calls = finish(editor.previewing(TARGET, tau_c=late))  # differs at the last step only
    wanted = editor.edit(TARGET, tau_c=late, progress=False)
    assert calls == 1  # that step; the old settings' is known
    assert torch.allclose(preview.z, wanted.latents[-1], atol=1e-5)
    _, calls = finish(editor.previewing(TARGET, tau_c=0.0, calls=2))
    assert calls == 4
    assert torch.equal(editor.edit(TARGET, tau_c=1.0, progress=False).latents, exact.latents)


def test_a_preview_at_another_target_runs_coarsely(pipe64, inversion64) -> None:
    editor = styledit.Editor(pipe64, inversion64)
    exact = editor.edit(TARGET, progress=False)
    preview, calls = finish(editor.previewing("a cat in the snow", calls=2))
    assert preview.change is None and calls == 2 and preview.z.shape == exact.latents[-1].shape
    with pytest.raises(ValueError, match="calls"):
        finish(editor.previewing(TARGET, calls=0))


def test_a_previewed_change_leaves_the_rest_alone(pipe64, inversion64) -> None:
    z = inversion64.z_0
    picture = styledit.decode_latents(pipe64, z)[0]
    change = torch.zeros_like(z)
    assert np.array_equal(preview_change(pipe64, picture, change), picture)
    change[..., 0, 0] = 0.5
    moved = np.asarray(preview_change(pipe64, picture, change)).astype(int) - np.asarray(picture)
    factor = pipe64.vae_scale_factor
    assert moved[:factor, :factor].any() and not moved[factor:].any() and not moved[:, factor:].any()
    wanted = np.asarray(preview(pipe64, z + change)[0]).astype(int) - np.asarray(preview(pipe64, z)[0])
    unclipped = np.abs(wanted - moved)[:factor, :factor]
    assert np.median(unclipped) <= 2


def test_a_mask_of_the_uncropped_picture_is_refused(pipe64, inversion64) -> None:
    mask = np.zeros((100, 200), bool)
    mask[:, :100] = True
    with pytest.raises(ValueError, match="crop it like the picture"):
        styledit.edit(pipe64, inversion64, TARGET, mask=mask, progress=False)
    coarse = [[True, False]]  # halves, of whatever ratio
    halves = styledit.edit(pipe64, inversion64, TARGET, mask=coarse, progress=False)
    assert halves.mask[:, 0].all() and not halves.mask[:, -1].any()
    with pytest.raises(ValueError, match="too large"):
        styledit.Settings(mask=np.ones((4097, 4097), bool))
