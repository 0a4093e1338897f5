"""The folders that ship: ``data/model``, and ``data/model-joint`` with the second model."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, FlowMatchEulerDiscreteScheduler, StableDiffusionPipeline
from safetensors.torch import load_file, save_file

from recipe import folders, loop
from recipe.edition import COMMITTED, Edition
from recipe.stages.autoencoder import load_autoencoder
from recipe.stages.clip import build_clip
from recipe.stages.joint import TIMES, build_joint
from recipe.stages.judge import export_judge
from recipe.stages.perceptual_encoder import export_perceptual_encoder
from recipe.stages.unet import ALPHAS, build_unet
from recipe.tokenizer import build_text_encoder, build_tokenizer

# Whose curves the embedded model's card shows.
STAGES = ("code", "unet", "decoder", "judge", "perceptual_encoder", "clip")
# What the second model has in common with the embedded one, of which its folder holds no copy.
SHARED = ("text_encoder", "tokenizer", "vae")


def export(edition: Edition = COMMITTED) -> None:
    """Write ``data/model``: averaged weights in float16, vocabulary, scheduler, and the hash of every file.

    Autoencoder, CLIP, judge and perceptual encoder stay as they are there where they have no checkpoint.
    """
    model = folders.MODEL
    tokenizer = build_tokenizer(edition)
    vae = nameless(load_autoencoder())
    unet = build_unet(edition)
    text = build_text_encoder(tokenizer)
    if loop.has_checkpoint("decoder"):
        modules = {"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv}
        loop.load_weights("decoder", modules)
    loop.load_weights("unet", {"unet": unet})
    loop.load_weights("unet", {"text": text}, "live")
    scheduler = DDIMScheduler(
        **ALPHAS, prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False, steps_offset=1
    )
    pipe = StableDiffusionPipeline(
        vae=vae,
        unet=unet,
        text_encoder=text,
        tokenizer=tokenizer,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )
    pipe.to(torch.float16).save_pretrained(model, safe_serialization=True)
    with_published_names(model / "text_encoder" / "model.safetensors")
    if loop.has_checkpoint("clip"):
        clip = build_clip(tokenizer, text.float())
        loop.load_weights("clip", {"clip": clip})
        clip.half().save_pretrained(model / "clip", safe_serialization=True)
    if loop.has_checkpoint("judge"):
        export_judge(model / "judge", edition)
    if loop.has_checkpoint("perceptual_encoder"):
        export_perceptual_encoder(model / "perceptual_encoder", edition)
    for stage in STAGES:
        loop.commit_curve(stage)
    plot_curves(model / "curves.png", STAGES)
    (model / "words.json").write_text(json.dumps(edition.words, indent=0) + "\n", encoding="utf-8")
    (model / "slots.json").write_text(json.dumps(edition.slots, indent=1) + "\n", encoding="utf-8")
    (model / "hashes.json").write_text(json.dumps(hashes(model), indent=1) + "\n", encoding="utf-8")


def export_joint(edition: Edition = COMMITTED) -> None:
    """Write ``data/model-joint``: averaged weights in float16, scheduler, and the hash of every file.

    ``shared.json`` says in which folder the parts lie that it shares with the embedded model, and the hashes
    that they had.
    """
    model = folders.JOINT_MODEL
    network = build_joint(edition)
    loop.load_weights("joint", {"transformer": network})
    network.half().save_pretrained(model / "transformer", safe_serialization=True)
    FlowMatchEulerDiscreteScheduler(num_train_timesteps=TIMES).save_pretrained(model / "scheduler")
    loop.commit_curve("joint")
    plot_curves(model / "curves.png", ("joint",))
    parts = {name: value for name, value in hashes(folders.MODEL).items() if name.split("/")[0] in SHARED}
    shared = {"folder": "../" + folders.MODEL.name, "parts": parts}
    (model / "shared.json").write_text(json.dumps(shared, indent=1) + "\n", encoding="utf-8")
    (model / "hashes.json").write_text(json.dumps(hashes(model), indent=1) + "\n", encoding="utf-8")


def with_published_names(file: Path) -> None:
    """The weights of a text encoder under the names that checkpoints on the hub have, which every version of
    transformers reads; its newest ones write them without "text_model.".
    """
    weights = {
        f"text_model.{name.removeprefix('text_model.')}": value for name, value in load_file(file).items()
    }
    save_file(weights, file, metadata={"format": "pt"})


def nameless(vae: AutoencoderKL) -> AutoencoderKL:
    """The same network without the folder that it was read from: its configuration would tell it."""
    config = {name: value for name, value in vae.config.items() if not name.startswith("_")}
    copy = AutoencoderKL.from_config(config)
    copy.load_state_dict(vae.state_dict())
    return copy


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every weight, vocabulary and configuration file in the folder, by its path there."""
    files = [file for file in sorted(folder.rglob("*")) if file.suffix in (".safetensors", ".json", ".txt")]
    return {
        file.relative_to(folder).as_posix(): sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.name != "hashes.json"
    }


def plot_curves(file: Path, stages: tuple[str, ...]) -> None:
    """The loss of each stage over its steps, where its curve is committed."""
    import matplotlib.pyplot as plt

    curves = [file for file in sorted(folders.CURVES.glob("*.csv")) if file.stem in stages]
    figure, axes = plt.subplots(
        1, len(curves), figsize=(3 * len(curves), 2.4), layout="constrained", squeeze=False
    )
    for ax, curve in zip(axes[0], curves, strict=True):
        step, loss, _ = np.loadtxt(curve, delimiter=",", skiprows=1, unpack=True)
        ax.semilogy(step, loss, color="#0072B2")
        ax.set_title(f"{curve.stem}: loss by step")
    figure.savefig(file, dpi=70)
