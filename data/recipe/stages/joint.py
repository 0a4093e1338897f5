"""A second diffusion model of the same world: joint attention, trained by rectified flow.

It has the latents, the words and the text tower of the first one, so that a lesson can lay both side by
side. The network is Stable Diffusion 3's ``SD3Transformer2DModel`` (2403.03206) rather than Flux's: all of
its blocks are double ones with one processor, so that picture and words have queries and keys of their own
in every layer; and positions are added once, before the first layer, rather than turned into each query and
key, so that keys can be exchanged between two pictures as in the first model. Queries and keys are
normalised as in 3.5. A patch is one latent pixel: maps have 16 × 16 cells.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from diffusers import SD3Transformer2DModel
from transformers import CLIPTextModel

from recipe import loop
from recipe.artwork import HELD_OUT_ARTIST
from recipe.edition import COMMITTED, Edition
from recipe.patch_pca import PATCH
from recipe.samples import pictures_of, training_scenes
from recipe.stages.autoencoder import encode, load_autoencoder, load_latents
from recipe.tokenizer import WIDTH, build_tokenizer, committed_text_encoder, tokenize
from recipe.world import SIDE, sample_scene

STEPS = 30_000
BATCH = 64  # pictures a step
RATE = 1e-3  # AdamW's
MUON_RATE = 3e-3
SETTLED = 2_000  # step after which the rates fall with the inverse square root of the step, without an end
DECAY = 0.2  # share of the steps over which they fall to nearly nothing
HEADS = 6  # of 32 channels each
LAYERS = 6
TIMES = 1000  # the network is told a thousand times the time, as Stable Diffusion 3's is
HELD_OUT = 256  # scenes of the held-out artist that show how good the averaged weights are


def build_joint(edition: Edition = COMMITTED) -> SD3Transformer2DModel:
    """The transformer with fresh weights, for latents of the edition's code.

    Blocks begin as identities and the output as zero (adaLN-Zero, 2212.09748, section 3.2).
    """
    head_width = 32
    network = SD3Transformer2DModel(
        sample_size=SIDE // PATCH,
        patch_size=1,
        in_channels=edition.code.channels,
        out_channels=edition.code.channels,
        num_layers=LAYERS,
        num_attention_heads=HEADS,
        attention_head_dim=head_width,
        joint_attention_dim=WIDTH,
        caption_projection_dim=HEADS * head_width,
        pooled_projection_dim=WIDTH,
        pos_embed_max_size=SIDE // PATCH,
        qk_norm="rms_norm",
    )
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.Linear):
            if name.endswith(("norm1.linear", "norm1_context.linear", "norm_out.linear", "proj_out")):
                torch.nn.init.zeros_(module.weight)
            else:
                torch.nn.init.xavier_uniform_(module.weight)
            torch.nn.init.zeros_(module.bias)
    return network


def read(text: CLIPTextModel, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What the transformer is told: the tokens' states (n, POSITIONS, WIDTH), and that of the end (n, WIDTH).

    The text tower does not learn.
    """
    with torch.no_grad():
        out = text(tokens)
    return out.last_hidden_state, out.pooler_output


def flow_loss(
    network: SD3Transformer2DModel,
    z_0: torch.Tensor,
    told: tuple[torch.Tensor, torch.Tensor],
    spread: torch.Tensor,
    noise: torch.Tensor,
) -> torch.Tensor:
    """Rectified flow (2209.03003): the mean squared error of the velocity ε − z₀ at z_t = (1 − t) z₀ + t ε.

    ``spread``: (n,) numbers in (0, 1) that give logit-normal times (2403.03206, equation 19).
    """
    t = torch.special.ndtri(spread.double()).sigmoid().float()
    lever = t[:, None, None, None]
    z_t = (1 - lever) * z_0 + lever * noise
    states, pooled = told
    with loop.autocast():
        velocity = network(z_t, states, pooled, TIMES * t, return_dict=False)[0]
    return (velocity.float() - (noise - z_0)).square().mean()


def train_joint(steps: int, edition: Edition = COMMITTED) -> None:
    """One empty prompt in ten; the text tower in ``data/model`` is as it is.

    After warm-up and plateau the rates fall with the inverse square root of the step, whatever ``steps`` is,
    and over the last fifth of ``steps`` to nearly nothing: training can go on over many runs before it is
    told where to end.
    """
    device = loop.device()
    tokenizer = build_tokenizer(edition)
    text = committed_text_encoder(tokenizer).eval().requires_grad_(False).to(device)
    network = build_joint(edition).to(device)
    latents = load_latents()
    ids = tokenize(tokenizer, [scene.caption for scene in training_scenes(edition)])
    empty = tokenize(tokenizer, [""])

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        pick = rng.integers(0, len(latents), BATCH)
        z_0 = torch.from_numpy(latents[pick]).float().to(device)
        tokens = torch.where(torch.from_numpy(rng.random((BATCH, 1)) < 0.1), empty, ids[pick]).to(device)
        spread = (np.arange(BATCH) + rng.random(BATCH)) / BATCH  # one draw from each equal part of [0, 1)
        told = read(text, tokens)
        return flow_loss(network, z_0, told, torch.from_numpy(spread).to(device), torch.randn_like(z_0))

    def report(step: int) -> None:
        z_0, captions = held_out(edition)
        spread = (torch.arange(len(z_0)) + 0.5) / len(z_0)
        noise = torch.randn(z_0.shape, generator=torch.Generator().manual_seed(0))
        errors = []
        for part in torch.arange(len(z_0)).split(BATCH):
            told = read(text, tokenize(tokenizer, [captions[i] for i in part]).to(device))
            inputs = (x[part].to(device) for x in (spread, noise))
            with torch.no_grad():
                errors += [flow_loss(network, z_0[part].to(device), told, *inputs).item()] * len(part)
        print(f"joint step {step}: held-out artist {np.mean(errors):.4f}", flush=True)

    loop.train(
        "joint",
        {"transformer": network},
        loss,
        steps=steps,
        lr=RATE,
        muon=MUON_RATE,
        settled=SETTLED,
        decay=DECAY,
        ema=0.9995,
        report=report,
    )


@lru_cache(maxsize=1)
def held_out(edition: Edition) -> tuple[torch.Tensor, list[str]]:
    """Latents of scenes by the held-out artist, (HELD_OUT, channels, SIDE/8, SIDE/8), and their captions."""
    rng = np.random.default_rng(3)
    scenes = [sample_scene(rng, (HELD_OUT_ARTIST,), edition) for _ in range(HELD_OUT)]
    z = encode(load_autoencoder().to(loop.device()), pictures_of(scenes))
    return torch.from_numpy(z), [scene.caption for scene in scenes]
