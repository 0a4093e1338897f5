"""The perceptual encoder: it guides edits of the embedded model, and is another network than the judge."""

from __future__ import annotations

import pytest
import torch

import styledit
from styledit.guiding.terms import guiding_network
from styledit.objectives.pixels import FeatureNetwork
from styledit.perception.features import ClipFeatures, EncoderFeatures
from styledit.perception.judge import load_judge
from styledit.perception.perceptual_encoder import NAMES, PerceptualEncoder, load_perceptual_encoder
from styledit.storage.data import EMBEDDED_FOLDER


@pytest.fixture(scope="module")
def encoder() -> PerceptualEncoder:
    return load_perceptual_encoder(EMBEDDED_FOLDER / "perceptual_encoder")


def test_its_features_are_differentiable_at_every_pixel(encoder):
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    seen = encoder.features(x)
    assert tuple(seen) == NAMES and isinstance(encoder, FeatureNetwork)
    assert [f.shape[-1] for f in seen.values()] == [64, 32, 16, 8, 4]
    (part,) = torch.autograd.grad(sum(f.square().mean() for f in seen.values()), x)
    assert (part.abs().sum(1) > 0).all() and not any(p.requires_grad for p in encoder.parameters())
    assert {*encoder.content_layers, *encoder.style_layers} <= {*NAMES}


def test_it_is_not_the_judge(encoder):
    judge = load_judge(EMBEDDED_FOLDER / "judge")
    first, other = encoder.stages[0][0].weight, judge.stages[0][0].weight
    assert first.shape != other.shape and encoder.labels == judge.labels
    assert set(encoder(torch.rand(2, 3, 64, 64))) == set(judge.labels)


def test_the_embedded_model_is_guided_by_it(embedded, pipe64):
    assert isinstance(guiding_network(embedded), PerceptualEncoder)
    assert isinstance(guiding_network(pipe64), EncoderFeatures)


def test_a_folder_without_one(tmp_path):
    with pytest.raises(ValueError, match="There is no perceptual encoder"):
        load_perceptual_encoder(tmp_path)


def test_clip_has_features_too():
    network = ClipFeatures(styledit.load_clip())
    seen = network.features(torch.rand(1, 3, 128, 128))
    assert isinstance(network, FeatureNetwork)
    assert {name: tuple(f.shape) for name, f in seen.items()} == {
        f"layer {k}": (1, 128, 8, 8) for k in range(3)
    }
    with pytest.raises(ValueError, match="layer 9"):
        ClipFeatures(styledit.load_clip(), style_layers=("layer 9",))
