"""Train the embedded model, stage by stage, from nothing.

    python data/recipe/train.py all            every stage in order
    python data/recipe/train.py STAGE          one of: autoencoder unet decoder judge clip export

Each stage goes on where it was after a kill. Steps default to what the committed weights had. To train the
committed diffusion model further without its checkpoint: autoencoder, then unet --from-model --steps MORE.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import lru_cache
from hashlib import sha256
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tqdm import tqdm
from transformers import CLIPConfig, CLIPModel, CLIPTextModel

sys.path.insert(0, str(Path(__file__).parents[2]))  # the package, installed or not

import autoencoder
from styledit.perception.judge import Judge
from text import build_text_encoder, build_tokenizer, text_config, tokenize, words
from training import CACHE, CURVES, HERE, MODEL, autocast, bf16_pays, has_checkpoint, last_step, load_weights, train
from world import COLOURS, OBJECTS, PLACES, STYLES, TRAIN_ARTISTS, Scene, render, sample_scene

PCA = HERE / "pca.safetensors"  # committed: the signs of components are arbitrary, and the weights know these
PICTURES = 60_000  # scenes whose latents the diffusion model is trained on
STEPS = {"unet": 15_400, "decoder": 2_500, "clip": 850, "judge": 1_200}
TEXT_STEPS = 2_500  # steps of the diffusion stage during which the text tower learns too
ALPHAS = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")


@lru_cache(maxsize=2)
def scenes(n: int, seed: int) -> list[Scene]:
    rng = np.random.default_rng(seed)
    return [sample_scene(rng, TRAIN_ARTISTS) for _ in range(n)]


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    """(B, H, W, 3) uint8 → (B, 3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


# --- autoencoder: encoder, cached latents, decoder ---------------------------------------------------


def load_autoencoder():
    vae = autoencoder.build()
    pca = _pca()
    autoencoder.write_pca(vae, pca["mean"], pca["components"], pca["deviations"])
    vae.register_to_config(scaling_factor=float(1 / pca["overall"][0]))
    return vae.requires_grad_(False)


def train_autoencoder(_: int) -> None:
    """Fit the patch PCA, then encode the training scenes once (float16, scaled to unit variance)."""
    CACHE.mkdir(exist_ok=True)
    if not PCA.exists():
        mean, components, deviations = autoencoder.patch_components(np.stack([render(s)[0] for s in scenes(2500, 1)]))
        overall = np.sqrt(deviations.mean())  # the latents' std: each is a component over sqrt(its deviation)
        tensors = {"mean": mean, "components": components, "deviations": deviations, "overall": overall[None]}
        tensors = {k: torch.from_numpy(np.ascontiguousarray(v)).float() for k, v in tensors.items()}
        save_file(tensors, PCA)
    if (CACHE / "latents.safetensors").exists():
        return
    with Pool(2) as pool:
        chunks = tqdm(pool.imap(_encode, np.array_split(np.arange(PICTURES), PICTURES // 100)), total=PICTURES // 100)
        latents = torch.cat([torch.from_numpy(chunk) for chunk in chunks])
    vae, few = load_autoencoder(), np.stack([render(s)[0] for s in scenes(PICTURES, 2)[:8]])
    by_encoder = vae.encode(to_tensor(few)).latent_dist.mean * vae.config.scaling_factor
    torch.testing.assert_close(by_encoder, latents[:8].float(), atol=5e-3, rtol=5e-3)
    save_file({"latents": latents}, CACHE / "latents.safetensors")


def _encode(indices: np.ndarray) -> np.ndarray:
    """The encoder's means as the matrix product that they are: 30 times faster than through its layers."""
    pca = _pca()
    todo = scenes(PICTURES, 2)
    x = autoencoder.patches(np.stack([render(todo[i])[0] for i in indices])) - pca["mean"]
    z = x @ (pca["components"] / np.sqrt(pca["deviations"])[:, None]).T / pca["overall"]
    return np.ascontiguousarray(z.transpose(0, 3, 1, 2)).astype(np.float16)


def train_decoder(steps: int) -> None:
    """Train the decoder on 64 × 64 crops: L1 and gradient difference to the picture."""
    vae = load_autoencoder()
    decoder = vae.decoder.requires_grad_(True).to(memory_format=torch.channels_last)
    latents, source = load_file(CACHE / "latents.safetensors")["latents"], scenes(PICTURES, 2)
    cells = 8  # a crop's side in latent cells

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        z, x = [], []
        for i in rng.integers(0, PICTURES, 16):
            row, column = rng.integers(0, latents.shape[-1] - cells + 1, 2)
            z.append(latents[i, :, row : row + cells, column : column + cells])
            x.append(render(source[i])[0][row * 8 : (row + cells) * 8, column * 8 : (column + cells) * 8])
        scaled = torch.stack(z).float() / vae.config.scaling_factor
        with autocast():
            y = vae.decode(scaled.contiguous(memory_format=torch.channels_last)).sample.float()
        error = y - to_tensor(np.stack(x))
        edges = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
        return error.abs().mean() + 0.5 * edges + error.square().mean()

    train("decoder", {"decoder": decoder, "post_quant_conv": vae.post_quant_conv.requires_grad_(True)}, loss, steps=steps, lr=2e-3, ema=0.998)


# --- diffusion ---------------------------------------------------------------------------------------


def build_unet():
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16, in_channels=autoencoder.CHANNELS, out_channels=autoencoder.CHANNELS, layers_per_block=1,
        block_out_channels=(48, 96, 192), norm_num_groups=16, attention_head_dim=4, cross_attention_dim=128,
        down_block_types=("CrossAttnDownBlock2D",) * 3, up_block_types=("CrossAttnUpBlock2D",) * 3,
        mid_block_type="UNetMidBlock2DCrossAttn",
    )  # fmt: skip


def train_unet(steps: int, from_model: bool = False) -> None:
    """v-prediction, one empty prompt in ten; weights as min-SNR (2303.09556, gamma 5) at low noise.

    At high noise the weight stays 1 rather than falling with the SNR: that is where objects take shape.

    The text tower is trained along for TEXT_STEPS and stays as it is then: the image tower is fitted to it.
    """
    from diffusers import DDIMScheduler
    from diffusers.models.attention_processor import AttnProcessor

    abar = DDIMScheduler(**ALPHAS).alphas_cumprod
    tokenizer = build_tokenizer()
    unet, text, start = build_unet(), build_text_encoder(tokenizer), 0
    if from_model:
        unet.load_state_dict(load_file(MODEL / "unet" / "diffusion_pytorch_model.safetensors"))
        text.load_state_dict(CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32).state_dict())
        start = last_step("unet")
    unet.set_attn_processor(AttnProcessor())  # plain matrix products: faster than the fused kernel in training
    layout = torch.contiguous_format if torch.get_num_threads() > 1 and not bf16_pays() else torch.channels_last  # the faster one
    unet.to(memory_format=layout)
    latents = load_file(CACHE / "latents.safetensors")["latents"]
    ids = tokenize(tokenizer, [s.caption for s in scenes(PICTURES, 2)])
    empty = tokenize(tokenizer, [""])
    batch = 32

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        pick = torch.from_numpy(rng.integers(0, PICTURES, batch))
        z_0 = latents[pick].float()
        tokens = torch.where(torch.from_numpy(rng.random((batch, 1)) < 0.1), empty, ids[pick])
        t = torch.from_numpy(((np.arange(batch) + rng.random(batch)) / batch * 1000).astype(np.int64))
        a = abar[t][:, None, None, None]
        eps = torch.randn_like(z_0)
        z_t = a.sqrt() * z_0 + (1 - a).sqrt() * eps
        v = a.sqrt() * eps - (1 - a).sqrt() * z_0
        with autocast():
            with torch.set_grad_enabled(step < TEXT_STEPS):
                c = text(tokens).last_hidden_state
            out = unet(z_t.contiguous(memory_format=layout), t, c).sample
        error = (out.float() - v).square().mean((1, 2, 3))
        snr = abar[t] / (1 - abar[t])
        return (error * (snr.clamp(max=5) + 1) / (snr + 1)).mean()

    train("unet", {"unet": unet, "text": text}, loss, steps=steps, lr=1e-3, start=start, ema=0.999)


# --- CLIP and judge ----------------------------------------------------------------------------------


def augmented(rng: np.random.Generator, n: int) -> tuple[list[Scene], torch.Tensor]:
    """Fresh training scenes and their pictures (n, 3, H, W) in [0, 1], drawn a little differently each time.

    Small turns and stretches, colour and contrast, blur, and for one in three the latents' own loss, so that
    a network learns what a thing is rather than how one artist's pixels lie.
    """
    picked = [sample_scene(rng) for _ in range(n)]
    pictures = np.stack([_distort(render(s)[0], rng) for s in picked])
    return picked, torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def _distort(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    side = picture.shape[0]
    linear = np.eye(2) + rng.normal(0, 0.07, (2, 2))
    shift = (np.eye(2) - linear) @ np.full(2, side / 2) + rng.uniform(-5, 5, 2)
    picture = cv2.warpAffine(picture, np.c_[linear, shift].astype(np.float32), (side, side), borderMode=cv2.BORDER_REFLECT_101)
    if rng.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.6))
    if rng.random() < 0.33:
        picture = _through_latents(picture)
    gain, bias = rng.uniform(0.85, 1.15, 3) * rng.uniform(0.85, 1.15), rng.uniform(-15, 15)
    return np.clip(picture * gain + bias + rng.normal(0, rng.uniform(0, 6), picture.shape), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _pca() -> dict[str, np.ndarray]:
    return {k: v.numpy() for k, v in load_file(PCA).items()}


def _through_latents(picture: np.ndarray) -> np.ndarray:
    mean, components = _pca()["mean"], _pca()["components"]
    x = (autoencoder.patches(picture[None]) - mean) @ components.T @ components + mean
    cells, size = x.shape[1], autoencoder.PATCH
    x = x.reshape(cells, cells, size, size, 3).transpose(0, 2, 1, 3, 4).reshape(picture.shape)
    return np.clip((x + 1) * 127.5, 0, 255).astype(np.uint8)


NO_COLOUR = "none"
LABELS = {"object": list(OBJECTS), "colour": [*COLOURS, NO_COLOUR], "place": list(PLACES), "style": list(STYLES)}


def factors(scene: Scene) -> dict[str, str]:
    """The judge's labels of a scene; a pencil shows no colour."""
    colour = NO_COLOUR if scene.style == "sketch" or scene.colour is None else scene.colour
    return {"object": scene.object, "colour": colour, "place": scene.place, "style": scene.style}


def train_judge(steps: int) -> None:
    """Cross-entropy on all four factors of augmented training scenes."""
    judge = Judge(LABELS).to(memory_format=torch.channels_last)

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        picked, pictures = augmented(rng, 32)
        with autocast():
            logits = judge(pictures.contiguous(memory_format=torch.channels_last))
        return sum(
            F.cross_entropy(logits[f].float(), torch.tensor([LABELS[f].index(factors(s)[f]) for s in picked]), label_smoothing=0.05)
            for f in LABELS
        )

    train("judge", {"judge": judge}, loss, steps=steps, lr=2e-3, ema=0.99, weight_decay=0.05)


def build_clip(tokenizer, tower: CLIPTextModel) -> CLIPModel:
    """CLIP around a trained text tower, which stays as it is. Pictures go in as (B, 3, H, W) in [-1, 1]."""
    text = text_config(tokenizer).to_dict()
    vision = dict(hidden_size=128, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4, image_size=128,
                  patch_size=16, projection_dim=128)  # fmt: skip
    clip = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=128, attn_implementation="eager"))
    clip.text_model.load_state_dict(tower.state_dict())
    clip.text_model.requires_grad_(False)
    return clip


def train_clip(steps: int) -> None:
    """Contrastive training (CLIP) of the image tower and both projections against the frozen text tower."""
    tokenizer = build_tokenizer()
    text = build_text_encoder(tokenizer)
    if load_weights("unet", {"text": text}, "live") < TEXT_STEPS:
        raise SystemExit(f"The text tower still learns: train the unet stage to {TEXT_STEPS} steps first.")
    clip = build_clip(tokenizer, text)

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        picked, pictures = augmented(rng, 64)
        ids = tokenize(tokenizer, [s.caption for s in picked])
        with autocast():
            out = clip(input_ids=ids, pixel_values=pictures * 2 - 1)
        same = (ids[:, None] == ids[None]).all(-1).float()  # equal captions are right answers too
        target = same / same.sum(1, keepdim=True)
        return (F.cross_entropy(out.logits_per_text.float(), target) + F.cross_entropy(out.logits_per_image.float(), target)) / 2

    train("clip", {"clip": clip}, loss, steps=steps, lr=1e-3, ema=0.995)


# --- the folder that ships ---------------------------------------------------------------------------


def export(_: int) -> None:
    """Write ``data/model``: averaged weights in float16, vocabulary, scheduler, and the hash of every file.

    Decoder, CLIP and judge stay as they are there where they have no checkpoint.
    """
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline

    tokenizer = build_tokenizer()
    vae, unet, text = load_autoencoder(), build_unet(), build_text_encoder(tokenizer)
    if has_checkpoint("decoder"):
        load_weights("decoder", {"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv})
    else:
        vae.load_state_dict(AutoencoderKL.from_pretrained(MODEL / "vae").state_dict())
    load_weights("unet", {"unet": unet})
    load_weights("unet", {"text": text}, "live")
    scheduler = DDIMScheduler(**ALPHAS, prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    pipe = StableDiffusionPipeline(
        vae=vae, unet=unet, text_encoder=text, tokenizer=tokenizer, scheduler=scheduler, safety_checker=None,
        feature_extractor=None, image_encoder=None, requires_safety_checker=False,
    )  # fmt: skip
    pipe.to(torch.float16).save_pretrained(MODEL, safe_serialization=True)
    if has_checkpoint("clip"):
        clip = build_clip(tokenizer, text.float())
        load_weights("clip", {"clip": clip})
        clip.half().save_pretrained(MODEL / "clip", safe_serialization=True)
    if has_checkpoint("judge"):
        _export_judge(MODEL / "judge")
    _plot_curves(MODEL / "curves.png")
    (MODEL / "words.json").write_text(json.dumps(words(), indent=0) + "\n", encoding="utf-8")
    hashes = {f.relative_to(MODEL).as_posix(): sha256(f.read_bytes()).hexdigest() for f in sorted(MODEL.rglob("*"))
              if f.suffix in (".safetensors", ".json", ".txt") and f.name != "hashes.json"}  # fmt: skip
    (MODEL / "hashes.json").write_text(json.dumps(hashes, indent=1) + "\n", encoding="utf-8")


def _plot_curves(file: Path) -> None:
    """The loss of every stage over its steps."""
    import matplotlib.pyplot as plt

    curves = sorted(CURVES.glob("*.csv"))
    figure, axes = plt.subplots(1, len(curves), figsize=(3 * len(curves), 2.4), layout="constrained")
    for ax, curve in zip(axes, curves):
        step, loss, _ = np.loadtxt(curve, delimiter=",", skiprows=1, unpack=True)
        ax.semilogy(step, loss, color="#0072B2")
        ax.set_title(f"{curve.stem}: loss by step")
    figure.savefig(file, dpi=70)


def _export_judge(folder: Path) -> None:
    """The averaged weights with batch statistics measured for them on fresh pictures."""
    judge = Judge(LABELS)
    load_weights("judge", {"judge": judge})
    for module in judge.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over the batches below
    rng = np.random.default_rng(7)
    with torch.no_grad():
        for _ in range(24):
            judge(augmented(rng, 32)[1])
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.half().contiguous() for k, v in judge.state_dict().items() if v.is_floating_point()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"labels": LABELS}, indent=1) + "\n", encoding="utf-8")


STAGES = {"autoencoder": train_autoencoder, "unet": train_unet, "decoder": train_decoder, "judge": train_judge,
          "clip": train_clip, "export": export}  # fmt: skip

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=[*STAGES, "all"])
    parser.add_argument("--steps", type=int, help="in all, counting those before a resume")
    parser.add_argument("--from-model", action="store_true", help="unet: start from the weights in data/model")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    for stage in STAGES if args.stage == "all" else [args.stage]:
        print(f"== {stage}", flush=True)
        torch.manual_seed(0)  # the first weights
        options = {"from_model": True} if args.from_model and stage == "unet" else {}
        STAGES[stage](args.steps or STEPS.get(stage, 0), **options)
