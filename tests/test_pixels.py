"""Terms that read the picture: by hand, by finite differences, and through the networks that look."""

from __future__ import annotations

import math

import pytest
import torch
from safetensors.torch import save_file

from styledit.objectives import L2, GramStyle, ObjectiveState, Perceptual, gram, gram_style, l2, perceptual
from styledit.perception.features import EncoderFeatures
from styledit.perception.vgg import LAYERS, TORCHVISION, Vgg16, load_vgg

D = torch.float64


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=D)


def state(pixels: torch.Tensor) -> ObjectiveState:
    """A state whose estimate is its picture."""
    return ObjectiveState({}, {}, (), x0=lambda: pixels, decode=lambda x0: x0)


def test_l2_by_hand():
    a = torch.tensor([[[[0.0, 1.0]]]], dtype=D).expand(1, 3, 1, 2)
    b = torch.tensor([[[[0.5, 0.0]]]], dtype=D).expand(1, 3, 1, 2)
    assert math.isclose(float(l2(a, b)), (0.25 + 1) / 2)


def test_perceptual_by_hand():
    own = {"x": torch.tensor([[[[3.0]]]], dtype=D), "y": torch.tensor([[[[1.0, 2.0]]]], dtype=D)}
    wanted = {"x": torch.tensor([[[[1.0]]]], dtype=D), "y": torch.tensor([[[[2.0, 0.0]]]], dtype=D)}
    assert math.isclose(float(perceptual(own, wanted)), (4 + (1 + 4) / 2) / 2)
    # Each layer over the target's mean square: 4 / 1 and 2.5 / 2.
    assert math.isclose(float(perceptual(own, wanted, relative=True)), (4 + 1.25) / 2)


def test_gram_by_hand():
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]], dtype=D)  # two channels, two pixels
    assert gram(features)[0].tolist() == [[5 / 4, 11 / 4], [11 / 4, 25 / 4]]
    other = {"x": torch.zeros(1, 2, 1, 2, dtype=D)}
    squares = (25 + 121 + 121 + 625) / 16
    assert math.isclose(float(gram_style({"x": features}, other)), squares)
    assert math.isclose(float(gram_style(other, {"x": features}, relative=True)), 1)


def test_a_gram_matrix_knows_no_place_and_no_size():
    features = drawn(1, 5, 4, 6)
    shuffled = features.flatten(2)[:, :, torch.randperm(24)].view_as(features)
    assert torch.allclose(gram(features), gram(shuffled), atol=1e-12)
    assert torch.allclose(gram(features), gram(features.repeat(1, 1, 2, 2)), atol=1e-12)


def test_gradients_by_finite_differences():
    x = drawn(1, 3, 4, 4).requires_grad_()
    y = drawn(1, 3, 4, 4, seed=1)
    for relative in (False, True):
        for term in (perceptual, gram_style):
            assert torch.autograd.gradcheck(lambda x, t=term, r=relative: t({"x": x}, {"x": y}, r), x)
    assert torch.autograd.gradcheck(lambda x: l2(x, y), x)


def test_bad_input_is_one_sentence():
    x = drawn(1, 3, 4, 4)
    with pytest.raises(ValueError, match="must be the same"):
        l2(x, x[:, :, :2])
    with pytest.raises(TypeError, match="floating-point tensor"):
        l2(x, "picture")
    with pytest.raises(ValueError, match="no features"):
        perceptual({}, {})
    with pytest.raises(ValueError, match="no target for the features of 'x'"):
        perceptual({"x": x}, {"y": x})
    with pytest.raises(ValueError, match="B, C, h, w"):
        gram(x[0])
    with pytest.raises(TypeError, match="look at pictures"):
        Perceptual(x, network="vgg")


class TwoLayers:
    """A network of two layers that counts how often it looks."""

    content_layers = ("pixels",)
    style_layers = ("pixels", "squares")
    looks = 0

    def features(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        self.looks += 1
        return {"pixels": pixels, "squares": pixels.square()}


def test_the_objectives_are_the_functions():
    network = TwoLayers()
    x, y = drawn(1, 3, 8, 8), drawn(1, 3, 8, 8, seed=1)
    now = state(x)
    assert L2(y)(now) == l2(x, y)
    content, style = Perceptual(y, network), GramStyle(y, network)
    assert content(now) == perceptual({"pixels": x}, {"pixels": y}, relative=True)
    wanted = {"pixels": y, "squares": y.square()}
    assert style(now) == gram_style({"pixels": x, "squares": x.square()}, wanted, relative=True)
    assert network.looks == 3  # once at the picture as it is, once at each of the two targets
    assert content(state(y)) == 0 and style(state(y)) == 0
    assert content.reads == {"pixels"} and content.for_prompt([]) is content and content


def test_the_encoder_of_any_pipeline_looks(pipe64):
    network = EncoderFeatures(pipe64.vae)
    assert network.names == ("in", "down 1", "down 2")
    x = drawn(1, 3, 32, 32).requires_grad_()
    seen = network.features(x)
    assert {name: tuple(f.shape) for name, f in seen.items()} == {
        "in": (1, 8, 32, 32),
        "down 1": (1, 8, 16, 16),
    }
    again = EncoderFeatures(pipe64.vae, recompute=True).features(x)
    for name in seen:
        (one,) = torch.autograd.grad(seen[name].square().sum(), x, retain_graph=True)
        (other,) = torch.autograd.grad(again[name].square().sum(), x, retain_graph=True)
        assert torch.allclose(one, other, atol=1e-12)
    with pytest.raises(ValueError, match="down 9"):
        EncoderFeatures(pipe64.vae, content_layers=("down 9",))
    with pytest.raises(TypeError, match="pipe.vae"):
        EncoderFeatures(pipe64)


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory):
    """Random weights under torchvision's names."""
    torch.manual_seed(0)
    network = Vgg16()
    tensors = {}
    for name, k in zip(LAYERS, TORCHVISION, strict=True):
        layer = network.get_submodule(name)
        tensors |= {f"features.{k}.weight": layer.weight.data, f"features.{k}.bias": layer.bias.data}
    file = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    save_file(tensors | {"classifier.0.bias": torch.zeros(3)}, file)
    return file


def test_vgg_from_a_file(vgg_file, tmp_path):
    network = load_vgg(vgg_file)
    assert len(LAYERS) == 13 and LAYERS[:3] == ("conv1_1", "conv1_2", "conv2_1")
    x = torch.rand(1, 3, 32, 32)
    seen = network.features(x)
    assert {name: f.shape[1:] for name, f in seen.items()} == {
        "conv1_1": (64, 32, 32),
        "conv2_1": (128, 16, 16),
        "conv3_1": (256, 8, 8),
        "conv4_1": (512, 4, 4),
        "conv4_2": (512, 4, 4),
        "conv5_1": (512, 2, 2),
    }
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    assert torch.allclose(seen["conv1_1"], network.conv1_1((x - mean) / std).relu(), atol=1e-6)
    caffe = tmp_path / "gatys.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, caffe)
    blue = 255 * x.flip(1) - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    first = load_vgg(caffe, style_layers=("conv1_1",), content_layers=()).features(x)
    assert list(first) == ["conv1_1"]
    assert torch.allclose(first["conv1_1"], network.conv1_1(blue).relu(), rtol=1e-4, atol=1e-3)


def test_vgg_refuses_other_files(vgg_file, tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="holds no VGG-16"):
        load_vgg(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="could not be read"):
        load_vgg(tmp_path / "nothing.safetensors")
    with pytest.raises(TypeError, match="hub id"):
        load_vgg(16)
    with pytest.raises(ValueError, match="conv9_9"):
        load_vgg(vgg_file, content_layers=("conv9_9",))
