"""The metrics: every formula, what masks leave out, and that they order edits of the benchmark as eyes do."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch import nn
from torch.nn.functional import normalize
from transformers import ViTModel

from conftest import POSITIONS
from styledit import metrics
from styledit.metrics import (
    METRICS,
    clip_similarity,
    edit_metrics,
    mse,
    perceptual_distance,
    psnr,
    ssim,
    structure_distance,
)
from styledit.perception.judge import Judge
from styledit.storage.data import EMBEDDED_FOLDER
from test_perception import save_clip, save_vit

BENCHMARK = EMBEDDED_FOLDER.parent / "benchmark"
CASES = [json.loads(line) for line in (BENCHMARK / "metadata.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def networks():
    return metrics.load_networks()


@pytest.fixture(scope="module")
def source():
    return Image.open(BENCHMARK / "00_source.png").convert("RGB")


@pytest.fixture(scope="module")
def edited():
    return Image.open(BENCHMARK / "00_truth.png").convert("RGB")


@pytest.fixture(scope="module")
def mask(source):
    """The left upper quarter."""
    inside = np.zeros((source.height, source.width), bool)
    inside[: source.height // 2, : source.width // 2] = True
    return inside


def floats(picture):
    return np.asarray(picture, float) / 255


def pixels(picture):
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255


def paint(picture, where, colour):
    array = np.array(picture)
    array[where] = colour
    return Image.fromarray(array)


# --- pixels -----------------------------------------------------------------------------------------


def test_mse_and_psnr(source, edited, mask):
    squares = (floats(source) - floats(edited)) ** 2
    assert mse(source, edited) == pytest.approx(squares.mean())
    assert psnr(source, edited) == pytest.approx(-10 * np.log10(squares.mean()))
    assert mse(source, edited, mask) == pytest.approx(squares[~mask].mean())
    assert psnr(source, edited, mask) == pytest.approx(-10 * np.log10(squares[~mask].mean()))


def test_ssim(source, edited, mask):
    """Wang et al. (2004), equation 13: means and (co)variances under a Gaussian of 11 × 11, sigma 1.5."""
    window = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(window, window)[:, :, None] / window.sum() ** 2  # (11, 11, 1)

    def expected(x, y):
        mean_x, mean_y = ((window * v).sum((0, 1)) for v in (x, y))
        var_x, var_y = ((window * (v - m) ** 2).sum((0, 1)) for v, m in ((x, mean_x), (y, mean_y)))
        both = (window * (x - mean_x) * (y - mean_y)).sum((0, 1))
        c1, c2 = 0.01**2, 0.03**2
        values = (
            (2 * mean_x * mean_y + c1)
            * (2 * both + c2)
            / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
        )
        return values.mean()

    whole = [picture.crop((60, 40, 71, 51)) for picture in (source, edited)]  # room for one window
    assert ssim(*whole) == pytest.approx(expected(*map(floats, whole)))
    # A background of two pixels: around them everything is black.
    places, inside = [(40, 60), (30, 40)], np.ones_like(mask)
    for place in places:
        inside[place] = False
    blacked = [floats(paint(picture, inside, 0)) for picture in (source, edited)]
    values = [
        expected(*(p[row - 5 : row + 6, column - 5 : column + 6] for p in blacked)) for row, column in places
    ]
    assert values[0] != pytest.approx(values[1])
    assert ssim(source, edited, inside) == pytest.approx(np.mean(values))


# --- networks ---------------------------------------------------------------------------------------


def test_perceptual_distance(networks, source, edited, mask):
    """LPIPS, equation 1, with w = 1, stages averaged."""
    judge = networks.perceptual

    @torch.no_grad()
    def maps(first, second):
        units = [[normalize(stage, dim=1) for stage in judge.features(pixels(p))] for p in (first, second)]
        return [((u - v) ** 2).sum(1)[0] for u, v in zip(*units, strict=True)]  # (h, w) each

    expected = np.mean([float(map.mean()) for map in maps(source, edited)])
    assert perceptual_distance(source, edited, judge) == pytest.approx(expected, rel=1e-5)
    # The positions of stage k stand for 2^k × 2^k pixels each and count by how many of these are background.
    inside = np.zeros_like(mask)
    inside[:37, 20:101] = True
    outside = []
    for k, map in enumerate(maps(*(paint(picture, inside, 0) for picture in (source, edited)))):
        height, width = map.shape
        share = (~inside).reshape(height, 2**k, width, 2**k).mean((1, 3))
        outside.append(np.average(map.numpy(), weights=share))
    assert perceptual_distance(source, edited, judge, inside) == pytest.approx(np.mean(outside), rel=1e-5)


def test_structure_distance(networks, source, edited):
    """The keys are those that attention uses: W_K of the last layer's normalised input, patches only."""
    tower, similarities = networks.vit.model, []
    for picture in (source, edited):
        with torch.no_grad():
            hidden = tower(pixel_values=pixels(picture) * 2 - 1, output_hidden_states=True).hidden_states[-2]
            layer = tower.encoder.layers[-1]
            keys = layer.self_attn.k_proj(layer.layer_norm1(hidden))[0, 1:]  # (P, d)
        similarities.append(torch.stack([torch.cosine_similarity(key[None], keys) for key in keys]))
    patches = (source.width // tower.config.patch_size) ** 2
    assert similarities[0].shape == (patches, patches)
    expected = float(((similarities[0] - similarities[1]) ** 2).mean())
    assert structure_distance(source, edited, networks.vit) == pytest.approx(expected, rel=1e-4)
    assert not networks.vit.keys._forward_hooks


def test_clip_similarity(networks, source, mask):
    prompt, clip = CASES[0]["source_prompt"], networks.clip
    room = clip.tokenizer.model_max_length
    padded = clip.tokenizer(prompt, padding="max_length", max_length=room, return_tensors="pt")
    for picture, region in ((source, None), (paint(source, ~mask, 0), mask)):
        with torch.no_grad():
            out = clip.model(input_ids=padded.input_ids, pixel_values=pixels(picture) * 2 - 1)
        expected = 100 * float((out.image_embeds * out.text_embeds).sum())
        assert clip_similarity(source, prompt, clip, region) == pytest.approx(expected, abs=1e-3)


# --- what any metric should do ----------------------------------------------------------------------


def test_a_picture_and_itself(networks, source, mask):
    for region in (None, mask):
        assert mse(source, source, region) == 0 and psnr(source, source, region) == float("inf")
        assert ssim(source, source, region) == pytest.approx(1)
        assert perceptual_distance(source, source, networks.perceptual, region) == 0
    assert structure_distance(source, source, networks.vit) == 0


def test_what_is_inside_the_mask_does_not_count(networks, source, mask):
    changed = paint(source, mask, (255, 0, 0))
    assert psnr(source, changed) < 20
    assert mse(source, changed, mask) == 0 and psnr(source, changed, mask) == float("inf")
    assert ssim(source, changed, mask) == pytest.approx(1)
    assert perceptual_distance(source, changed, networks.perceptual, mask) == 0
    prompt, around = CASES[0]["source_prompt"], paint(source, ~mask, 9)
    wanted = clip_similarity(source, prompt, networks.clip, mask)
    assert clip_similarity(around, prompt, networks.clip, mask) == wanted


def test_masks_of_every_kind(source, edited, mask):
    wanted = mse(source, edited, mask)
    grey = Image.fromarray(np.where(mask, 255, 0).astype(np.uint8))
    for same in (torch.from_numpy(mask), grey, grey.convert("1")):
        assert mse(source, edited, same) == wanted


@pytest.mark.parametrize("change", ["blur", "noise", "black"])
def test_a_bigger_change_is_a_bigger_distance(networks, source, change):
    noise = np.random.default_rng(0).normal(size=(source.height, source.width, 3))
    noisy = [
        (255 * (floats(source) + sigma * noise).clip(0, 1)).astype(np.uint8) for sigma in (0.02, 0.1, 0.4)
    ]
    pictures = {
        "blur": [source.filter(ImageFilter.GaussianBlur(radius)) for radius in (0.5, 1.5, 4)],
        "noise": [Image.fromarray(array) for array in noisy],
        "black": [paint(source, np.s_[16 : 16 + side, 16 : 16 + side], 0) for side in (8, 32, 96)],
    }[change]
    for distance in (
        lambda picture: mse(source, picture),
        lambda picture: -psnr(source, picture),
        lambda picture: -ssim(source, picture),
        lambda picture: perceptual_distance(source, picture, networks.perceptual),
        lambda picture: structure_distance(source, picture, networks.vit),
    ):
        small, middle, large = map(distance, pictures)
        assert small < middle < large


def test_the_true_edit_is_nearer_to_the_target_prompt(networks):
    """On average over edits of every kind; in the edited region too, where the edit is one of the object."""
    whole, region = [], []
    for case in CASES[::2]:
        before, after = (Image.open(BENCHMARK / case[name]) for name in ("file_name", "truth"))
        masks = [
            np.array(Image.open(BENCHMARK / case[name]).convert("L")) > 127
            for name in ("mask", "target_mask")
        ]
        similarity = partial(clip_similarity, prompt=case["target_prompt"], clip=networks.clip)
        whole.append(similarity(after) - similarity(before))
        if case["kind"] in ("object", "colour"):
            region.append(
                similarity(after, mask=masks[0] | masks[1]) - similarity(before, mask=masks[0] | masks[1])
            )
    assert {case["kind"] for case in CASES[::2]} == {case["kind"] for case in CASES}
    assert np.mean(whole) > 10 and np.mean(region) > 5


# --- the row ----------------------------------------------------------------------------------------


def test_a_row(networks, source, edited, mask):
    prompt, truth = CASES[0]["target_prompt"], paint(edited, np.s_[:20], 0)
    row = edit_metrics(source, edited, prompt, networks, mask, truth)
    assert list(row) == list(METRICS) and all(type(value) is float for value in row.values())
    assert row == {
        "structure_distance": structure_distance(source, edited, networks.vit),
        "background_psnr": psnr(source, edited, mask),
        "background_lpips": perceptual_distance(source, edited, networks.perceptual, mask),
        "background_mse": mse(source, edited, mask),
        "background_ssim": ssim(source, edited, mask),
        "clip_similarity": clip_similarity(edited, prompt, networks.clip),
        "clip_similarity_edited": clip_similarity(edited, prompt, networks.clip, mask),
        "truth_psnr": psnr(truth, edited),
        "truth_lpips": perceptual_distance(truth, edited, networks.perceptual),
    }
    bare = edit_metrics(source, edited, prompt, networks)
    assert bare == {name: row[name] for name in ("structure_distance", "clip_similarity")}
    assert METRICS["background_psnr"].header == "background PSNR (dB) ↑"
    assert METRICS["structure_distance"].header == "structure distance ↓"


# --- other networks ---------------------------------------------------------------------------------


def test_networks_from_folders(tokenizer, tmp_path, picture):
    """Sizes, patches, normalisation and the names of layers are those of the networks given."""
    networks = metrics.load_networks(
        clip=save_clip(tmp_path / "clip", tokenizer), vit=save_vit(tmp_path / "vit")
    )
    tower, other = networks.vit.model, picture.rotate(90)
    assert isinstance(tower, ViTModel) and isinstance(networks.perceptual, Judge)
    similarities = []
    for shown in (picture, other):
        ready = networks.vit.prepare(pixels(shown))
        assert ready.shape == (1, 3, 24, 24)
        with torch.no_grad():
            hidden = tower(pixel_values=ready, output_hidden_states=True).hidden_states[-2]
            keys = tower.layers[-1].attention.k_proj(tower.layers[-1].layernorm_before(hidden))[
                0, 1:
            ]  # (9, d)
        similarities.append(normalize(keys, dim=1) @ normalize(keys, dim=1).T)
    expected = float(((similarities[0] - similarities[1]) ** 2).mean())
    assert (
        structure_distance(picture, other, networks.vit) == pytest.approx(expected, rel=1e-4)
        and expected > 1e-4
    )
    ids = tokenizer("a red car", return_tensors="pt").input_ids
    with torch.no_grad():
        out = networks.clip.model(input_ids=ids, pixel_values=networks.clip.prepare(pixels(picture)))
    cosine = float((out.image_embeds * out.text_embeds).sum())
    assert clip_similarity(picture, "a red car", networks.clip) == pytest.approx(100 * cosine, abs=1e-3)
    with pytest.raises(ValueError, match=f"CLIP takes {POSITIONS - 2}"):
        clip_similarity(picture, "a red car on the snow in the beach a fox", networks.clip)
    row = edit_metrics(picture, other, "a red car", networks, truth=picture)
    assert row["structure_distance"] == structure_distance(picture, other, networks.vit)


def test_the_image_side_of_a_clip_is_the_vision_transformer_unless_another_is_given(tokenizer, tmp_path):
    networks = metrics.load_networks(clip=save_clip(tmp_path, tokenizer))
    assert (
        networks.vit.model is networks.clip.model.vision_model
        and networks.vit.prepare == networks.clip.prepare
    )


def test_a_network_without_a_key_for_each_patch(networks, source):
    tower = networks.vit.model
    mistaken = replace(networks.vit, keys=tower.embeddings.patch_embedding)  # (1, d, 8, 8)
    with pytest.raises(ValueError, match="A CLIPVisionModel does not make one key for each patch"):
        structure_distance(source, source, mistaken)
    assert not tower.embeddings.patch_embedding._forward_hooks


class Difference(nn.Module):
    """The interface of `lpips.LPIPS(spatial=True)`: a map (1, 1, H, W) of the distance of pictures in [-1,
    1].
    """

    def __init__(self, net, spatial, verbose):
        super().__init__()
        if net != "alex":
            raise KeyError(net)
        assert spatial and not verbose
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, first, second):
        return self.weight * (first - second).abs().mean(1, keepdim=True)


def test_the_package_lpips(monkeypatch, source, edited, mask):
    monkeypatch.setitem(sys.modules, "lpips", SimpleNamespace(LPIPS=Difference))
    network = metrics.load_networks(lpips="alex").perceptual
    assert not network.training and not network.weight.requires_grad
    expected = 2 * np.abs(floats(source) - floats(edited)).mean(2)
    assert perceptual_distance(source, edited, network) == pytest.approx(expected.mean(), rel=1e-5)
    assert perceptual_distance(source, edited, network, mask) == pytest.approx(
        expected[~mask].mean(), rel=1e-5
    )
    with pytest.raises(ValueError, match="lpips must be one of 'alex', 'vgg', 'squeeze', not 'squeak'"):
        metrics.load_networks(lpips="squeak")
    with pytest.raises(ValueError, match="lpips could not load its network 'squeeze'"):
        metrics.load_networks(lpips="squeeze")
    monkeypatch.setitem(sys.modules, "lpips", None)  # as where it is not installed
    with pytest.raises(ValueError, match="lpips is not installed; run `pip install lpips`"):
        metrics.load_networks(lpips="alex")


# --- what cannot be used ----------------------------------------------------------------------------


def test_pictures_and_masks_that_cannot_be_used(networks, source, mask):
    half = source.resize((64, 64))
    for metric in (mse, psnr, ssim):
        with pytest.raises(ValueError, match="same size, these are 128×128 and 64×64"):
            metric(source, half)
    for metric, network in ((perceptual_distance, networks.perceptual), (structure_distance, networks.vit)):
        with pytest.raises(ValueError, match="same size"):
            metric(source, half, network)
    for bad, error, message in (
        (mask[:64], ValueError, r"shape \(64, 128\) and the picture \(H, W\) = \(128, 128\)"),
        (~np.ones_like(mask), ValueError, "The mask is empty"),
        (mask.astype(float), TypeError, "must be bool, .* not float64"),
        ("left", TypeError, "bool array or tensor .* not str"),
    ):
        with pytest.raises(error, match=message):
            mse(source, source, bad)
        with pytest.raises(error, match=message):
            clip_similarity(source, "a red car", networks.clip, bad)
    with pytest.raises(ValueError, match="no background to compare"):
        ssim(source, source, np.ones_like(mask))
    tiny = source.resize((10, 20))
    with pytest.raises(ValueError, match="windows of 11×11"):
        ssim(tiny, tiny)
    with pytest.raises(ValueError, match="at least 16×16"):
        perceptual_distance(tiny, tiny, networks.perceptual)


def test_prompts_that_cannot_be_used(networks, source):
    room = networks.clip.model.config.text_config.max_position_embeddings - 2
    clip_similarity(source, " ".join(["car"] * room), networks.clip)
    for bad, error, message in (
        (" ".join(["car"] * (room + 1)), ValueError, f"has {room + 1} tokens and CLIP takes {room}"),
        ("  ", ValueError, "prompt is empty"),
        ("a café", ValueError, "cannot spell 'a café'"),
        (3, TypeError, "The prompt must be a string, not 3"),
        ("a \ud83d car", ValueError, "has half a character"),
    ):
        with pytest.raises(error, match=message):
            clip_similarity(source, bad, networks.clip)


def test_networks_of_another_kind(networks, source):
    for call, message in (
        (
            lambda: edit_metrics(source, source, "a car", networks.clip),
            r"networks must be a Networks from load_networks\(\)",
        ),
        (lambda: edit_metrics(source, source, "a car", None), "networks must be .*, not None"),
        (
            lambda: structure_distance(source, source, networks.clip),
            r"vit must be a Vit from load_networks\(\), not a Clip",
        ),
        (
            lambda: clip_similarity(source, "a car", networks),
            r"clip must be a Clip from load_clip\(\), not a Networks",
        ),
        (
            lambda: perceptual_distance(source, source, networks),
            "network must be the judge .* or an lpips.LPIPS, not",
        ),
    ):
        with pytest.raises(TypeError, match=message):
            call()
