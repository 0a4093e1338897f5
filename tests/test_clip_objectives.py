"""CLIP as an objective: cosine and direction by hand, by finite differences, and as the metric has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import styledit
from styledit.objectives import ClipDirection, ClipSimilarity, ObjectiveState, clip_direction, clip_similarity

D = torch.float64


def row(*values: float) -> torch.Tensor:
    return torch.tensor([values], dtype=D)


@pytest.fixture(scope="module")
def clip():
    return styledit.load_clip()


def test_similarity_by_hand():
    assert math.isclose(float(clip_similarity(row(3, 4), row(0, 2))), 1 - 0.8)
    assert math.isclose(float(clip_similarity(row(1, 0), row(-5, 0))), 2)


def test_direction_by_hand():
    """Unit embeddings move from (1, 0) to (0, 1); the prompt moves the same way, back, or not at all."""
    here, there = row(2, 0), row(0, 3)
    assert abs(float(clip_direction(there, here, row(0, 7), row(5, 0)))) < 1e-12
    assert math.isclose(float(clip_direction(there, here, row(5, 0), row(0, 7))), 2)
    assert float(clip_direction(here, here, row(0, 7), row(5, 0))) == 1
    assert float(clip_direction(there, here, row(1, 1), row(2, 2))) == 1


def test_gradients_by_finite_differences():
    generator = torch.Generator().manual_seed(0)
    a, b, c, d = (torch.randn(1, 6, dtype=D, generator=generator) for _ in range(4))
    a.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: clip_similarity(x, b), a)
    assert torch.autograd.gradcheck(lambda x: clip_direction(x, b, c, d), a)


def test_where_nothing_has_moved_the_gradient_is_finite():
    a = row(1, 2, 3).requires_grad_()
    (part,) = torch.autograd.grad(clip_direction(a, a.detach(), row(1, 0, 0), row(0, 1, 0)), a)
    assert torch.isfinite(part).all()


def test_the_objective_is_the_metric(clip):
    picture = (np.random.default_rng(0).random((64, 64, 3)) * 255).astype(np.uint8)
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    now = ObjectiveState({}, {}, (), x0=lambda: pixels, decode=lambda x0: x0)
    prompt = "a sticker of a red car on the beach"
    from PIL import Image

    metric = styledit.clip_similarity(Image.fromarray(picture), prompt, clip)
    assert math.isclose(float(ClipSimilarity(clip, prompt)(now)), 1 - metric / 100, abs_tol=1e-5)
    same = ClipDirection(clip, prompt, prompt, 1 - pixels)
    assert float(same(now)) == pytest.approx(1)
    assert same.for_prompt([]) is same and same.reads == {"pixels"}


def test_bad_input_is_one_sentence(clip):
    with pytest.raises(ValueError, match="of one CLIP"):
        clip_similarity(row(1, 2), row(1, 2, 3))
    with pytest.raises(TypeError, match="load_clip"):
        ClipSimilarity("clip", "a car")
    with pytest.raises(ValueError, match="is empty"):
        ClipSimilarity(clip, " ")
    with pytest.raises(ValueError, match="shorten it"):
        ClipSimilarity(clip, "a car " * 40)
