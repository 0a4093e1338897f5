"""Attention maps: named axes, selection, averages, self-attention, and the errors that say what there is."""

from __future__ import annotations

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

import styledit
from styledit import lessons
from styledit.attention import Layers, select_layers
from styledit.control import attention_control
from styledit.maps import AXES, AttentionMaps, resize
from styledit.prompts import Word
from styledit.recording import Record

SIZE = (16, 24)  # (H, W) of the picture
WORDS = (Word("red", (1,)), Word("paintbrush", (2, 3)))
STEPS = (1, 4, 5)


def probabilities(*shape: int) -> torch.Tensor:
    return (2 * torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))).softmax(-1)


@pytest.fixture
def maps() -> AttentionMaps:
    """Three of a run's steps, cross-attention on two grids and self-attention on two."""
    return AttentionMaps(
        layers={
            "down_blocks.0.attn2": probabilities(3, 2, 24, 7),
            "up_blocks.1.attn2": probabilities(3, 4, 6, 7),
        },
        map_sizes={
            "down_blocks.0.attn2": (4, 6),
            "up_blocks.1.attn2": (2, 3),
            "up_blocks.0.attn1": (2, 3),
            "up_blocks.1.attn1": (4, 6),
        },
        words=WORDS,
        size=SIZE,
        self_layers={
            "up_blocks.0.attn1": probabilities(3, 4, 6, 6),
            "up_blocks.1.attn1": probabilities(3, 2, 24, 24),
        },
        steps=STEPS,
        scales={
            "down_blocks.0.attn2": 1,
            "up_blocks.1.attn2": 2,
            "up_blocks.0.attn1": 2,
            "up_blocks.1.attn1": 1,
        },
    )


@pytest.fixture
def ax():
    yield plt.figure().gca()
    plt.close("all")


def shapes(recorded: AttentionMaps) -> dict[str, tuple[int, ...]]:
    return {layer: tuple(probs.shape) for layer, probs in (recorded.layers | recorded.self_layers).items()}


def test_the_axes_are_those_of_the_tensors(maps):
    shape = dict(zip(AXES, maps.layers["up_blocks.1.attn2"].shape, strict=True))
    assert shape == {"step": 3, "head": 4, "pixel": 6, "token": 7}


def test_selecting_steps_goes_by_the_runs_numbering(maps):
    part = maps.select(steps=(5, 1))
    assert part.steps == (5, 1) and shapes(part)["up_blocks.1.attn1"] == (2, 2, 24, 24)
    for layer, probs in part.layers.items():
        assert torch.equal(probs, maps.layers[layer][[2, 0]])
    assert torch.equal(maps.select(steps=4).word("red"), maps.word("red", steps=[4]))
    assert torch.equal(part.select(steps=5).step(5)["up_blocks.1.attn2"], maps.layers["up_blocks.1.attn2"][2])
    whole = AttentionMaps({"layer": probabilities(3, 2, 6, 7)}, {"layer": (2, 3)}, WORDS, SIZE)
    assert torch.equal(whole.select(steps=range(1, 3)).step(2)["layer"], whole.layers["layer"][2])


@pytest.mark.parametrize(
    "layers,expected",
    [
        ("up", ["up_blocks.1.attn2", "up_blocks.0.attn1", "up_blocks.1.attn1"]),
        ("up_blocks.1", ["up_blocks.1.attn2", "up_blocks.1.attn1"]),
        ("down_blocks.0.attn2", ["down_blocks.0.attn2"]),
        (2, ["up_blocks.1.attn2", "up_blocks.0.attn1"]),
        ([1, "up_blocks.0"], ["down_blocks.0.attn2", "up_blocks.0.attn1", "up_blocks.1.attn1"]),
    ],
)
def test_selecting_layers(maps, layers, expected):
    part = maps.select(layers=layers)
    assert list(shapes(part)) == expected
    assert all(torch.equal(probs, maps.layers[layer]) for layer, probs in part.layers.items())


def test_selecting_heads(maps):
    part = maps.select(heads=[1, 0])
    assert torch.equal(part.layers["up_blocks.1.attn2"], maps.layers["up_blocks.1.attn2"][:, [1, 0]])
    heads = torch.stack([maps.select(layers="up", heads=k).layers["up_blocks.1.attn2"] for k in range(2)])
    assert torch.equal(heads[:, :, 0].mean(0), part.layers["up_blocks.1.attn2"].mean(1))
    one = maps.select(layers="down", heads=1, steps=4)
    expected = maps.layers["down_blocks.0.attn2"][1, 1, :, 1].view(4, 6)
    assert torch.allclose(one.word("red"), resize(expected, SIZE), atol=1e-6)


def test_a_selection_of_consecutive_entries_takes_no_memory(maps):
    part = maps.select(steps=[4, 5], heads=0)
    for layer, probs in part.layers.items():
        assert probs.untyped_storage().data_ptr() == maps.layers[layer].untyped_storage().data_ptr()


def test_tokens_are_averaged_over_steps_heads_and_layers(maps):
    planes = []
    for layer, probs in maps.layers.items():
        h, w = maps.map_sizes[layer]
        heads = range(probs.shape[1])
        plane = sum(probs[i, k, :, 2] + probs[i, k, :, 3] for i in (0, 2) for k in heads) / (2 * len(heads))
        planes.append(torch.nn.functional.interpolate(plane.view(1, 1, h, w), SIZE, mode="bilinear")[0, 0])
    expected = (planes[0] + planes[1]) / 2
    for got in (maps.word("paintbrush", steps=[1, 5]), maps.select(steps=[1, 5]).tokens([2, 3])):
        assert got.shape == SIZE and torch.allclose(got, expected, atol=1e-6)
    assert maps.tokens(0, size=(5, 5)).shape == (5, 5)


def test_every_position_has_a_label_and_a_map(maps):
    words = ("red", "paintbrush 1/2", "paintbrush 2/2")
    assert maps.token_labels() == ("<start>", *words, "<end>", "<padding>", "<padding>")
    total = sum(maps.tokens(position) for position in range(len(maps.token_labels())))
    assert torch.allclose(total, torch.ones(SIZE), atol=1e-5)


def test_labels_follow_the_tokenizer(pipe, inversion):
    ids = pipe.tokenizer(
        inversion.prompt, padding="max_length", max_length=pipe.tokenizer.model_max_length
    ).input_ids
    pieces = [piece.removesuffix("</w>") for piece in pipe.tokenizer.convert_ids_to_tokens(ids)]
    labels = inversion.maps.token_labels()
    assert len(labels) == len(pieces) and list(labels[1:7]) == pieces[1:7] == inversion.prompt.split()
    assert labels[0] == "<start>" and labels[7] == "<end>" and set(labels[8:]) == {"<padding>"}


def test_components_are_singular_vectors_of_the_mean_map(maps):
    part = dataclasses.replace(maps.select(layers=1), size=(4, 6))  # the grid itself: nothing is resampled
    got = part.components(3).flatten(1)
    mean = part.self_layers["up_blocks.1.attn1"].mean((0, 1)).double().numpy()  # (pixel, pixel)
    mean = mean - mean.mean(1, keepdims=True)
    strengths, vectors = np.linalg.eigh(mean.T @ mean)  # right singular vectors by another way, weakest first
    for k in range(3):
        vector = torch.from_numpy(vectors[:, -1 - k].copy()).float()
        assert abs(float(got[k] @ vector)) > 1 - 1e-5
        assert np.isclose(np.linalg.norm(mean @ got[k].double().numpy()) ** 2, strengths[-1 - k], rtol=1e-4)
        assert got[k].abs().max() == got[k].max()
    assert torch.allclose(got.sum(1), torch.zeros(3), atol=1e-5)


def test_components_find_what_looks_at_itself():
    """Two halves of a picture, each looking at itself: the first component tells them apart."""
    side = torch.tensor([0, 0, 1, 1]).repeat(2)
    half = (side[:, None] == side).float() / 4
    maps = AttentionMaps({}, {"layer": (2, 4)}, (), (2, 4), self_layers={"layer": half.expand(2, 3, 8, 8)})
    (component,) = maps.components(1)
    left, right = component[:, :2], component[:, 2:]
    assert torch.allclose(left, -right) and torch.allclose(
        component.abs(), torch.full((2, 4), 8**-0.5), atol=1e-6
    )


def test_components_average_over_layers_of_one_grid(maps):
    pair = {"a": probabilities(3, 4, 6, 6), "b": probabilities(3, 2, 6, 6)}
    both = dataclasses.replace(maps, self_layers=pair, map_sizes=maps.map_sizes | dict.fromkeys(pair, (2, 3)))
    mean = sum(probs.mean((0, 1)) for probs in both.self_layers.values()) / 2
    single = dataclasses.replace(both, self_layers={"a": mean.expand(3, 1, 6, 6)})
    assert both.components(2).shape == (2, *SIZE)
    assert torch.allclose(both.components(2), single.components(2), atol=1e-4)


def test_a_pixel_looks_where_its_row_says(maps):
    """x = 9, y = 14 of 24 x 16 lies in column 2, row 3 of 6 x 4 and in column 1, row 1 of 3 x 2."""
    fine = maps.self_layers["up_blocks.1.attn1"][:, :, 3 * 6 + 2].mean((0, 1)).view(4, 6) * 24 / (16 * 24)
    coarse = maps.self_layers["up_blocks.0.attn1"][:, :, 1 * 3 + 1].mean((0, 1)).view(2, 3) * 6 / (16 * 24)
    expected = (resize(fine, SIZE) + resize(coarse, SIZE)) / 2
    got = maps.pixel(9, 14)
    assert got.shape == SIZE and torch.allclose(got, expected, atol=1e-7)
    assert torch.isclose(got.sum(), torch.tensor(1.0), atol=1e-5)
    assert torch.equal(maps.pixel(9.4, 13.6), got) and not torch.equal(maps.pixel(9, 10), got)
    assert torch.equal(maps.pixel(-0.4, 15.4), maps.pixel(0, 15))


def test_no_float_copy_of_everything(maps):
    """Half-precision maps give the averages of their values."""
    half = dataclasses.replace(
        maps,
        layers={layer: probs.half() for layer, probs in maps.layers.items()},
        self_layers={layer: probs.half() for layer, probs in maps.self_layers.items()},
    )
    assert (
        half.word("red").dtype
        == half.pixel(3, 3).dtype
        == half.select(layers=1).components().dtype
        == torch.float32
    )
    assert torch.allclose(half.word("red"), maps.word("red"), atol=1e-3)
    assert torch.allclose(half.pixel(3, 3), maps.pixel(3, 3), atol=1e-5)


def test_self_attention_of_an_inverted_picture(pipe64, picture):
    """Recorded through the same road as any run, on chosen steps; compared with the network itself."""
    choices = (Layers(scales=4), Layers("up", 4, kind="self"))
    inversion = styledit.invert(
        pipe64, picture, "a red car", 3, record=Record(choices, steps=(0, 2)), progress=False
    )
    maps = inversion.maps
    assert set(maps.self_layers) == set(select_layers(pipe64.unet, choices[1])) and maps.select(
        steps=2
    ).steps == (2,)
    for i in (0, 2):
        with attention_control(pipe64.unet, choices) as control, torch.no_grad():
            pipe64.unet(
                inversion.latents[i], inversion.timesteps[i], encoder_hidden_states=inversion.c
            ).sample
        for layer, probs in maps.select(steps=i).self_layers.items():
            assert torch.allclose(probs[0], control.maps[layer][0], atol=1e-12)
    assert maps.components(4).shape == (4, 32, 32) and maps.pixel(31, 0).shape == (32, 32)


def test_plot_a_word(maps, ax):
    lessons.plot_map(maps, "paintbrush", ax)
    assert ax.get_title() == "paintbrush" and np.allclose(ax.images[-1].get_array(), maps.word("paintbrush"))


def test_plot_any_map_over_the_picture(maps, ax, picture):
    """A coarse map covers the whole picture."""
    heat = maps.tokens(0, size=(2, 3)).requires_grad_()
    lessons.plot_map(maps, heat, ax, picture)
    under, over = ax.images
    assert np.allclose(over.get_array(), heat.detach()) and ax.get_title() == ""
    assert tuple(over.get_extent()) == tuple(under.get_extent()) and 0 < over.get_alpha() < 1


@pytest.mark.parametrize(
    "call,message",
    [
        (
            lambda maps: maps.select(steps=2),
            "no maps of step 2; recorded are the steps 1, 4, 5, 0 being the noisiest",
        ),
        (lambda maps: maps.step(0), "no maps of step 0"),
        (lambda maps: maps.word("red", steps=[-1]), "no maps of step -1"),
        (lambda maps: maps.word("red", steps=[]), "no step to average over"),
        (
            lambda maps: maps.select(layers="mid"),
            r"'mid' matches no .*; there are: down_blocks.0.attn2 \(cross, 4 × 6",
        ),
        (lambda maps: maps.select(layers=8), r"8 matches no .*up_blocks.0.attn1 \(self, 2 × 3, scale 2\)"),
        (lambda maps: maps.select(layers=[]), "no layer to select"),
        (
            lambda maps: maps.select(heads=3),
            "'down_blocks.0.attn2' has heads 0 to 1; give some of them, not \\[3\\]",
        ),
        (lambda maps: maps.select(heads=[]), "give some of them"),
        (lambda maps: maps.tokens([7]), r"run from 0 \(start\) to 6; give some of them, not \[7\]"),
        (lambda maps: maps.tokens([]), "give some of them"),
        (lambda maps: maps.word("fox"), "'fox' is not in the prompt; its words are: red, paintbrush"),
        (lambda maps: maps.select(layers="up_blocks.0").word("red"), "hold no cross-attention; record it"),
        (
            lambda maps: maps.select(layers="down").components(),
            "hold no self-attention; record it with Layers",
        ),
        (lambda maps: maps.select(layers="down").pixel(0, 0), "hold no self-attention"),
        (
            lambda maps: maps.components(),
            r"different grids .*select\(.* one of: up_blocks.0.attn1 \(self, 2 × 3",
        ),
        (lambda maps: maps.select(layers=2).components(7), "from 1 to 6, not 7"),
        (lambda maps: maps.select(layers=2).components(0), "from 1 to 6"),
        (
            lambda maps: maps.pixel(24, 3),
            r"pixel \(24, 3\) lies outside the picture, whose x ends at 23 and y at 15",
        ),
        (lambda maps: maps.pixel(3, -1), "lies outside the picture"),
        (lambda maps: maps.pixel(float("nan"), 1), "x must be finite"),
        (
            lambda maps: lessons.plot_map(maps, torch.zeros(3, 4, 4)),
            r"must have shape \(H, W\), not \(3, 4, 4\)",
        ),
        (
            lambda maps: dataclasses.replace(maps, steps=(0, 1)),
            r"should have \(step, head, pixel, token\), with 2 steps and 24 pixels",
        ),
        (lambda maps: dataclasses.replace(maps, map_sizes={}), "no size of the maps of"),
    ],
)
def test_errors_that_teach(maps, call, message):
    with pytest.raises(ValueError, match=message):
        call(maps)


def test_indices_that_are_no_numbers(maps):
    for call in (
        lambda: maps.select(steps=1.5),
        lambda: maps.tokens("red"),
        lambda: maps.select(heads=["first"]),
        lambda: maps.select(layers=["up", None]),
    ):
        with pytest.raises(TypeError, match="must be a whole number, not"):
            call()


def test_a_number_of_components_that_is_not_whole(maps):
    with pytest.raises(TypeError, match="whole number from 1 to 6"):
        maps.select(layers=2).components(1.5)


def test_steps_of_a_whole_run_are_listed_in_short(inversion):
    with pytest.raises(ValueError, match="recorded are steps 0 to 5, 0 being the noisiest"):
        inversion.maps.step(6)
