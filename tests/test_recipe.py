"""The recipe: resuming is exact, the tokenizer always comes out the same, the encoder is the patch PCA."""

import csv
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data" / "recipe"))

import autoencoder  # noqa: E402
import text  # noqa: E402
import training  # noqa: E402
from world import render, sample_scene  # noqa: E402


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Checkpoints and curves go to a fresh folder."""
    for module, name in ((training, "CACHE"), (training, "CURVES"), (text, "CACHE")):
        monkeypatch.setattr(module, name, tmp_path / name.lower())
    return tmp_path


def fit(steps: int, stop_after: int | None = None, **options) -> torch.nn.Linear:
    """Train a linear map for `steps` steps; killed in the middle of step `stop_after` where given."""
    torch.manual_seed(0)
    net, done = torch.nn.Linear(5, 3), itertools.count()

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        if next(done) == stop_after:
            raise KeyboardInterrupt
        x = torch.from_numpy(rng.normal(size=(8, 5))).float()
        return (net(x) - x[:, :3] + 0.01 * torch.randn(8, 3)).square().mean()

    training.train("toy", {"net": net}, loss, steps=steps, lr=0.05, **{"save_every": 0, **options})
    return net


def test_a_killed_stage_ends_where_an_unbroken_one_does(elsewhere):
    unbroken = fit(40)
    (elsewhere / "cache" / "toy.safetensors").unlink()
    with pytest.raises(KeyboardInterrupt):
        fit(40, stop_after=17)
    resumed = fit(40)
    assert all(torch.equal(a, b) for a, b in zip(unbroken.parameters(), resumed.parameters()))
    fresh = torch.nn.Linear(5, 3)
    assert training.load_weights("toy", {"net": fresh}) == 40
    assert torch.equal(fresh.weight, resumed.weight)


def test_a_run_that_did_not_start_at_zero_survives_a_kill_too(elsewhere):
    unbroken = fit(340, start=200)
    (elsewhere / "cache" / "toy.safetensors").unlink()
    with pytest.raises(KeyboardInterrupt):
        fit(340, stop_after=20, start=200)
    with pytest.raises(KeyboardInterrupt):
        fit(340, stop_after=90, start=200, save_every=1e9)  # goes on from 220; logs step 270, saves nothing
    assert training.last_step("toy") == 270
    resumed = fit(340, start=training.last_step("toy"))
    assert all(torch.equal(a, b) for a, b in zip(unbroken.parameters(), resumed.parameters()))
    steps = [int(line.split(",")[0]) for line in (elsewhere / "curves" / "toy.csv").read_text().splitlines()[1:]]
    assert steps == sorted(set(steps)) and steps[-1] == 340


def test_the_curve_is_logged_and_falls(elsewhere):
    fit(200)
    rows = list(csv.DictReader((elsewhere / "curves" / "toy.csv").open()))
    assert [int(row["step"]) for row in rows] == [50, 100, 150, 200]
    assert float(rows[-1]["loss"]) < 0.2 * float(rows[0]["loss"])


def test_a_diverging_stage_says_so(elsewhere):
    net = torch.nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="the loss is nan at step 0"):
        training.train("toy", {"net": net}, lambda rng, step: net.weight.sum() * float("nan"), steps=3, lr=1.0)


def test_every_word_is_one_token_and_the_vocabulary_is_always_the_same(elsewhere):
    tokenizer = text.build_tokenizer()
    assert all(len(tokenizer(word).input_ids) == 3 for word in text.words())
    files = [(elsewhere / "cache" / "tokenizer" / name) for name in ("vocab.json", "merges.txt")]
    before = [file.read_text() for file in files]
    for file in files:
        file.unlink()
    text.build_tokenizer()
    assert before == [file.read_text() for file in files]


def test_the_encoder_is_the_patch_pca():
    rng = np.random.default_rng(0)
    pictures = np.stack([render(sample_scene(rng))[0] for _ in range(24)])
    mean, components, deviations = autoencoder.patch_components(pictures)
    vae = autoencoder.build()
    autoencoder.write_pca(vae, mean, components, deviations)
    x = torch.from_numpy(pictures[:4]).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        z = vae.encode(x).latent_dist.mean
    by_hand = (autoencoder.patches(pictures[:4]) - mean) @ (components / np.sqrt(deviations)[:, None]).T
    assert z.shape == (4, autoencoder.CHANNELS, 16, 16)
    np.testing.assert_allclose(z.permute(0, 2, 3, 1).numpy(), by_hand, atol=5e-3)
