"""Loading: folders, damaged files, and what a loaded pipeline is like."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from diffusers import DDIMScheduler, PNDMScheduler
from diffusers.utils import logging

import styledit
from conftest import make_pipeline
from styledit import pipeline


@pytest.fixture
def folder(tokenizer, tmp_path):
    """A saved model with hashes, as the embedded one."""
    pipe = make_pipeline(tokenizer)
    pipe.scheduler = PNDMScheduler.from_config(pipe.scheduler.config)
    pipe.save_pretrained(tmp_path / "model")
    root = tmp_path / "model"
    files = [file for file in root.rglob("*") if file.is_file()]
    hashes = {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    (root / "hashes.json").write_text(json.dumps(hashes))
    return root


def test_a_folder(folder):
    pipe = styledit.load(folder)
    assert type(pipe.scheduler) is DDIMScheduler and not pipe.scheduler.config.clip_sample
    for network in (pipe.unet, pipe.vae, pipe.text_encoder):
        assert not network.training and not any(weight.requires_grad for weight in network.parameters())
    assert styledit.picture_size(pipe) == (32, 32)
    assert styledit.load(str(folder), dtype=torch.float64).unet.dtype == torch.float64


def test_the_embedded_model_is_checked(folder, monkeypatch):
    monkeypatch.setattr(pipeline, "EMBEDDED_FOLDER", folder)
    styledit.load()
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match="damaged: .*unet.*git checkout"):
        styledit.load()
    weights.unlink()
    with pytest.raises(ValueError, match="incomplete: .*unet.*is missing.*git checkout"):
        styledit.load()
    (folder / "hashes.json").write_text("[")
    with pytest.raises(ValueError, match="damaged: .*hashes.json"):
        styledit.load()
    (folder / "hashes.json").unlink()
    with pytest.raises(ValueError, match="embedded model is missing.*git checkout"):
        styledit.load()


@pytest.mark.parametrize("name", ["./nowhere", "nowhere", "/a/b/c"])
def test_no_such_folder(name):
    with pytest.raises(ValueError, match="There is no folder"):
        styledit.load(name)


def test_a_folder_that_is_no_pipeline(tmp_path):
    with pytest.raises(ValueError, match="could not be loaded as a Stable Diffusion pipeline"):
        styledit.load(tmp_path)


@pytest.mark.parametrize(
    "settings,error,message",
    [
        ({"model": 3}, TypeError, "a folder, a hub id or None, not int"),
        ({"device": "abacus"}, ValueError, "The device 'abacus' is not available"),
        ({"device": "cuda:99"}, ValueError, "The device 'cuda:99' is not available"),
        ({"dtype": "float32"}, TypeError, "must be a floating-point dtype"),
        ({"dtype": torch.int8}, TypeError, "must be a floating-point dtype"),
    ],
)
def test_arguments_that_cannot_be_used(settings, error, message):
    with pytest.raises(error, match=message):
        styledit.load(**settings)


def test_progress_bars_stay_as_the_user_had_them(tmp_path):
    try:
        for bars in (True, False):
            (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
            with pytest.raises(ValueError):
                styledit.load(tmp_path)
            assert logging.is_progress_bar_enabled() is bars
    finally:
        logging.enable_progress_bar()
