"""The painted mask, and the first look at an edit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

import styledit
from styledit.editing.mask import PaintedMask, softened
from styledit.lab.edit.png_recipe import mask_as_dict, mask_from_dict
from styledit.lab.edit.serialising import painting_size
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


def test_a_finer_mask_takes_every_cell_that_it_touches() -> None:
    mask = np.zeros((8, 8), bool)
    mask[:2, :4] = True
    mask[4, 4] = True  # a sixteenth of the last cell of 2 x 2
    assert PaintedMask.of(mask).cells((2, 2)).tolist() == [[True, False], [False, True]]
    same = np.array([[True, False], [False, True]])
    assert PaintedMask.of(same).cells((2, 2)).tolist() == same.tolist()


def test_a_coarser_mask_takes_the_cells_of_which_half_is_painted() -> None:
    assert PaintedMask.of(painted((2, 2))).cells((4, 4)).tolist() == [[True, True, False, False]] * 4
    dot = [[False, True, False]]  # as in no cell of four
    assert PaintedMask.of(dot).cells((2, 2)).tolist() == [[True, True]] * 2


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


def disc(side: int, radius: float) -> np.ndarray:
    """A round mask that crosses cells, and is off their middle."""
    y, x = np.mgrid[:side, :side] + 0.5
    return np.hypot(x - 0.4 * side, y - 0.55 * side) < radius


def test_outside_a_finer_mask_every_pixel_is_the_pictures_own(pipe64, inversion64) -> None:
    size = inversion64.image.size[0]
    mask = disc(size, 0.3 * size)
    edit = styledit.edit(pipe64, inversion64, TARGET, mask=mask, progress=False)
    picture, edited = (np.asarray(image) for image in (inversion64.image, edit.image))
    assert np.array_equal(edited[~mask], picture[~mask])
    assert not np.array_equal(
        np.asarray(edit.reconstruction)[~mask], picture[~mask]
    )  # else nothing is pasted
    cells = PaintedMask.of(mask).cells(inversion64.z_T.shape[-2:])
    assert torch.equal(edit.mask, cells)
    coarse = styledit.edit(pipe64, inversion64, TARGET, mask=cells, progress=False)
    assert torch.equal(coarse.latents, edit.latents)
    whole = styledit.decode_latents(pipe64, edit.latents[-1])[0]
    assert np.array_equal(np.asarray(coarse.image), np.asarray(whole))  # as large as the latents: nothing is
    middle = disc(size, 0.3 * size - 4)
    assert np.array_equal(edited[middle], np.asarray(whole)[middle])


def test_the_edge_is_soft_on_the_inside() -> None:
    inside = torch.zeros(1, 1, 5, 7)
    inside[..., :5] = 1
    rows = softened(inside, 2)[0, 0]
    assert torch.allclose(rows, torch.tensor([1.0, 1, 1, 2 / 3, 1 / 3, 0, 0]).expand(5, 7))
    assert torch.equal(softened(inside, 0), inside)
    edited, source = Image.new("RGB", (32, 32), "white"), Image.new("RGB", (32, 32), "black")
    mask = PaintedMask.of(painted((8, 8)))
    pasted = np.asarray(mask.paste(edited, source, (4, 4)))[..., 0]
    assert (pasted[:, 16:] == 0).all() and (pasted[:, :14] == 255).all()
    assert 0 < pasted[5, 15] < pasted[5, 14] < 255
    assert mask.paste(edited, source, (8, 8)) is edited


def test_masks_that_touch_the_same_cells_share_their_run(pipe64, inversion64) -> None:
    size = inversion64.image.size[0]
    first, second = disc(size, 0.3 * size), disc(size, 0.3 * size)
    second[np.argwhere(second)[0][0], :] &= False  # one row less, of the same cells
    latents = inversion64.z_T.shape[-2:]
    assert torch.equal(PaintedMask.of(first).cells(latents), PaintedMask.of(second).cells(latents))
    editor = styledit.Editor(pipe64, inversion64)
    editor.edit(TARGET, mask=first, progress=False)
    again = editor.edit(TARGET, mask=second, progress=False)
    assert again.first_step == inversion64.steps
    fresh = styledit.edit(pipe64, inversion64, TARGET, mask=second, progress=False)
    assert np.array_equal(np.asarray(again.image), np.asarray(fresh.image))


def test_a_mask_travels_as_runs_and_earlier_rows_are_read() -> None:
    for cells in (disc(64, 20), ~disc(64, 20), np.ones((3, 5), bool)):
        mask = PaintedMask.of(cells)
        kept = mask_as_dict(mask)
        assert mask_from_dict(json.loads(json.dumps(kept))) == mask
        assert len(json.dumps(kept)) < 600
    rows = {"width": 2, "height": 2, "rows": ["10", "00"]}
    assert mask_from_dict(rows) == PaintedMask.of([[True, False], [False, False]])
    assert mask_from_dict({"width": 2, "height": 1, "runs": [2]}) is None
    for damaged in ({"runs": [1]}, {"runs": [-1, 3]}, {"runs": "10"}, {"width": 10**9, "runs": []}, {}):
        with pytest.raises(ValueError, match="painted mask is damaged"):
            mask_from_dict({"width": 2, "height": 1} | damaged)


def test_the_page_paints_on_pixels_where_it_can() -> None:
    assert painting_size((128, 128), 8) == (128, 128)  # the embedded model: 16 x 16 latents
    assert painting_size((512, 512), 8) == (128, 128)
    assert painting_size((768, 512), 8) == (192, 128)  # nothing finer than the latents has at most 128
    assert painting_size((1024, 1024), 8) == (256, 256)
    assert painting_size((64, 64), 1) == (64, 64)
