"""How much a whole training is: the arithmetic of one step of each stage, counted, times its steps.

    python -m recipe.cost [--rate 2]

A step is a forward and a backward pass, 3 forwards; the perceptual encoder and the critic of the decoder's
stage are left out. ``--rate``: what the device sustains, in TFLOP/s; small networks reach a few per
cent of what a GPU's sheet says.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import torch
from torch.utils.flop_counter import FlopCounterMode

from recipe.edition import COMMITTED
from recipe.patch_pca import PATCH
from recipe.samples import labels
from recipe.stages import autoencoder, clip, code, decoder, joint, judge, perceptual_encoder, unet
from recipe.tokenizer import build_text_encoder, build_tokenizer
from recipe.world import SIDE
from styledit.perception.judge import Judge
from styledit.perception.perceptual_encoder import PerceptualEncoder

FORWARDS = 3  # of a step: one, and a backward of twice its cost


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=2.0, help="TFLOP/s that are sustained")
    options = parser.parse_args()
    total = 0.0
    for stage, steps, work in costs():
        total += steps * work
        print(f"{stage:12} {steps:7,} steps of {work / 1e9:8.1f} GFLOP = {steps * work / 1e15:7.2f} PFLOP")
    hours = total / options.rate / 1e12 / 3600
    print(f"all {total / 1e15:.1f} PFLOP: {hours:.1f} hours at {options.rate:g} TFLOP/s")


@torch.no_grad()
def costs() -> Iterator[tuple[str, int, float]]:
    """Each stage with its steps and the arithmetic of one, in FLOP; encoding the scenes is one "step"."""
    side, channels = SIDE // PATCH, COMMITTED.code.channels
    vae = autoencoder.build()
    crops = torch.zeros(code.BATCH, 3, code.CELLS * PATCH, code.CELLS * PATCH)
    latents = torch.zeros(decoder.BATCH, channels, side, side)
    whole = torch.zeros(10, 3, SIDE, SIDE)
    yield "code", code.STEPS, FORWARDS * flops(lambda: vae(crops))
    yield "autoencoder", 1, COMMITTED.pictures / len(whole) * flops(lambda: vae.encode(whole))
    tokenizer = build_tokenizer()
    text = build_text_encoder(tokenizer)
    ids = torch.zeros(unet.BATCH, text.config.max_position_embeddings, dtype=torch.long)
    net = unet.build_unet()
    z = torch.zeros(unet.BATCH, channels, side, side)
    t = torch.zeros(unet.BATCH, dtype=torch.long)
    c = text(ids).last_hidden_state
    yield "unet", unet.STEPS, FORWARDS * (flops(lambda: net(z, t, c)) + flops(lambda: text(ids)))
    yield "decoder", decoder.STEPS, FORWARDS * flops(lambda: vae.decode(latents))
    known = labels()
    seen = flops(lambda: Judge(known).eval()(whole)) / len(whole)
    yield "judge", judge.STEPS, FORWARDS * judge.BATCH * seen
    seen = flops(lambda: PerceptualEncoder(known).eval()(whole)) / len(whole)
    yield "perceptual_encoder", perceptual_encoder.STEPS, FORWARDS * perceptual_encoder.BATCH * seen
    tower = clip.build_clip(tokenizer, text)
    seen = flops(lambda: tower.get_image_features(whole)) / len(whole)
    read = flops(lambda: tower.get_text_features(ids)) / len(ids)
    yield "clip", clip.STEPS, FORWARDS * clip.BATCH * (seen + read)
    network = joint.build_joint()
    pooled = text(ids).pooler_output
    work = FORWARDS * flops(lambda: network(z, c, pooled, t)) + flops(lambda: text(ids))
    yield "joint", joint.STEPS, joint.BATCH / unet.BATCH * work


def flops(run: Callable[[], object]) -> float:
    """The multiplications and additions of what a function does, in FLOP."""
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


if __name__ == "__main__":
    main()
