"""The second model's recipe: it learns, a kill costs nothing, it draws, and its folder can be read."""

from __future__ import annotations

import csv
import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel
from transformers import AutoTokenizer, CLIPTextModel

from recipe import folders, joint_sheet, loop, muon, train
from recipe.edition import COMMITTED
from recipe.stages import export, joint
from recipe.tokenizer import tokenize

pytestmark = pytest.mark.slow

FEW = replace(COMMITTED, pictures=8)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Checkpoints, curves and the exported model go to a fresh folder; the network is small."""
    for name in ("CACHE", "CURVES", "JOINT_MODEL"):
        monkeypatch.setattr(folders, name, tmp_path / name.lower())
    for name, value in (("LAYERS", 1), ("HEADS", 2), ("BATCH", 8), ("HELD_OUT", 2)):
        monkeypatch.setattr(joint, name, value)
    latents = np.ones((8, 20, 16, 16)) * np.random.default_rng(0).normal(size=(8, 20, 1, 1))
    folders.CACHE.mkdir()
    np.save(folders.CACHE / "latents.npy", latents.astype(np.float16))
    joint.held_out.cache_clear()
    yield tmp_path
    joint.held_out.cache_clear()


def fit(steps: int) -> None:
    """The stage on eight pictures."""
    torch.manual_seed(0)
    joint.train_joint(steps, FEW)


def weights(which: str) -> dict[str, torch.Tensor]:
    """The weights in the checkpoint."""
    network = joint.build_joint()
    loop.load_weights("joint", {"transformer": network}, which)
    return network.state_dict()


def test_a_stopped_training_ends_where_an_unbroken_one_does(elsewhere, monkeypatch, capsys):
    fit(6)
    assert "joint step 6: held-out artist" in capsys.readouterr().out
    unbroken = [weights(which) for which in ("live", "average")]
    (elsewhere / "cache" / "joint.safetensors").unlink()
    flow_loss = joint.flow_loss

    def stopped(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return flow_loss(*arguments)

    fit(3)
    monkeypatch.setattr(joint, "flow_loss", stopped)
    with pytest.raises(SystemExit, match="stopped and saved at step 4"):
        fit(6)
    monkeypatch.setattr(joint, "flow_loss", flow_loss)
    fit(6)
    for before, after in zip(unbroken, [weights(which) for which in ("live", "average")], strict=True):
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_loss_falls(elsewhere, monkeypatch):
    for name in ("RATE", "MUON_RATE"):
        monkeypatch.setattr(joint, name, 10 * getattr(joint, name))  # warm-up has come to a fifth
    fit(80)
    rows = list(csv.DictReader((elsewhere / "cache" / "joint.csv").open()))
    assert float(rows[-1]["loss"]) < 0.7 * float(rows[0]["loss"])


def test_a_network_without_training_leaves_the_data_and_the_noise_to_the_error():
    z_0, noise = torch.randn(2, 4, 20, 16, 16, generator=torch.Generator().manual_seed(0))
    told = (torch.randn(4, 20, 128), torch.randn(4, 128))
    error = joint.flow_loss(joint.build_joint(), z_0, told, torch.tensor([0.1, 0.4, 0.6, 0.9]), noise)
    torch.testing.assert_close(error, (noise - z_0).square().mean())


def test_the_error_is_that_of_the_velocity_at_logit_normal_times(monkeypatch):
    seen = {}

    def network(z_t, states, pooled, times, return_dict):
        seen.update(z_t=z_t, times=times)
        return (z_t,)

    z_0, noise = torch.randn(2, 3, 20, 16, 16, generator=torch.Generator().manual_seed(0))
    error = joint.flow_loss(network, z_0, (None, None), torch.tensor([0.5, 0.8413447, 0.1586553]), noise)
    t = torch.tensor([0.0, 1.0, -1.0]).sigmoid()  # the numbers are a normal distribution's at 0, 1 and -1
    torch.testing.assert_close(seen["times"], 1000 * t, rtol=1e-5, atol=0)
    z_t = torch.stack([(1 - s) * z + s * e for s, z, e in zip(t, z_0, noise, strict=True)])
    torch.testing.assert_close(seen["z_t"], z_t)
    torch.testing.assert_close(error, (z_t - (noise - z_0)).square().mean())


def test_muon_leaves_the_ends_of_the_transformer():
    names = {f"transformer.{k}" for k, p in joint.build_joint().named_parameters() if p.ndim >= 2}
    left = {name for name in names if not muon.takes(name, torch.zeros(2, 2))}
    assert left == {"transformer.pos_embed.proj.weight", "transformer.proj_out.weight"}


def test_rates_sink_without_an_end_and_fall_where_one_is_named():
    def rate(step: int, steps: int = 10**9) -> float:
        return loop.learning_rate(step, steps, 1.0, decay=0.2, settled=2_000)

    assert rate(149) == 0.5 and rate(1_000) == 1
    assert rate(7_999) == pytest.approx(0.5) and rate(31_999) == pytest.approx(0.25)
    assert rate(7_999, 10_000) == pytest.approx(0.5, rel=1e-3) and rate(9_999, 10_000) < 0.02


def test_euler_steps_follow_a_straight_line_to_its_end():
    end = torch.randn(2, 20, 16, 16, generator=torch.Generator().manual_seed(1))

    def network(z_t, states, pooled, times, return_dict):
        t = (times / 1000)[:, None, None, None]
        towards = torch.cat([torch.zeros_like(end), end])  # without words, with words
        return ((z_t - towards) / t,)

    told = (torch.zeros(2, 20, 128), torch.zeros(2, 128))
    for steps in (1, 4):
        z = joint_sheet.sample(network, torch.randn(2, 20, 16, 16), told, told, steps, guidance=1.0)
        torch.testing.assert_close(z, end, atol=1e-5, rtol=1e-5)
    z = joint_sheet.sample(network, torch.zeros(2, 20, 16, 16), told, told, 1, guidance=3.0)
    torch.testing.assert_close(z, 3 * end)


def test_a_sheet_has_a_row_for_each_caption_and_a_column_for_each_number_of_steps():
    captions = ["a plain sticker of a fox on the beach"] * 2
    sheet = joint_sheet.contact_sheet(joint.build_joint(), captions, [1, 2, 3], guidance=2.0, seed=0)
    assert sheet.shape == (2 * 128, 3 * 128, 3) and sheet.dtype == np.uint8 and sheet.std() > 1


def test_the_text_tower_reads_as_the_embedded_model_does():
    tokenizer = AutoTokenizer.from_pretrained(folders.MODEL / "tokenizer")
    text = CLIPTextModel.from_pretrained(folders.MODEL / "text_encoder", dtype=torch.float32).eval()
    tokens = tokenize(tokenizer, ["a neon sign of a cat in the city"])
    states, pooled = joint.read(text, tokens)
    assert states.shape == (1, 20, 128) and not states.requires_grad
    end = int((tokens[0] == tokenizer.eos_token_id).nonzero()[0])
    torch.testing.assert_close(pooled[0], states[0, end])


def test_an_exported_model_is_read_as_diffusers_reads_and_says_what_it_shares(elsewhere):
    fit(2)
    train.run("export-joint", None, from_model=False)
    folder = elsewhere / "joint_model"
    network = SD3Transformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32)
    for name, averaged in weights("average").items():
        torch.testing.assert_close(network.state_dict()[name], averaged.half().float())
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler")
    scheduler.set_timesteps(sigmas=[1.0, 0.5])
    assert scheduler.timesteps.tolist() == [1000, 500]
    shared = json.loads((folder / "shared.json").read_text(encoding="utf-8"))
    assert {name.split("/")[0] for name in shared["parts"]} == {"text_encoder", "tokenizer", "vae"}
    assert json.loads((folder / "hashes.json").read_text(encoding="utf-8")) == export.hashes(folder)
    assert (elsewhere / "curves" / "joint.csv").exists() and (folder / "curves.png").exists()


def test_without_latents_or_weights_the_stage_says_what_to_run(elsewhere):
    (elsewhere / "cache" / "latents.npy").unlink()
    with pytest.raises(SystemExit, match="run the autoencoder stage first"):
        train.run("joint", 1, from_model=False)
    with pytest.raises(SystemExit, match="Stage joint has no checkpoint"):
        train.run("export-joint", None, from_model=False)
    assert not (elsewhere / "joint_model").exists()
