"""How much a whole training is: the arithmetic of one step of each stage, counted, times its steps.

    python -m recipe.cost --edition second [--rate 2]

A step is a forward and a backward pass, 3 forwards. ``--rate``: what the device sustains, in TFLOP/s; small
networks reach a few per cent of what a GPU's sheet says.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import torch
from torch.utils.flop_counter import FlopCounterMode

from recipe.edition import COMMITTED, EDITIONS, Edition
from recipe.patch_pca import PATCH
from recipe.samples import labels
from recipe.stages import autoencoder, clip, code, decoder, eye, judge, unet
from recipe.tokenizer import build_text_encoder, build_tokenizer
from recipe.world import SIDE
from styledit.perception.eye import Eye
from styledit.perception.judge import Judge

FORWARDS = 3  # of a step: one, and a backward of twice its cost


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edition", choices=EDITIONS, default=COMMITTED.name)
    parser.add_argument("--rate", type=float, default=2.0, help="TFLOP/s that are sustained")
    options = parser.parse_args()
    total = 0.0
    for stage, steps, work in costs(EDITIONS[options.edition]):
        total += steps * work
        print(f"{stage:12} {steps:7,} steps of {work / 1e9:8.1f} GFLOP = {steps * work / 1e15:7.2f} PFLOP")
    hours = total / options.rate / 1e12 / 3600
    print(f"all {total / 1e15:.1f} PFLOP: {hours:.1f} hours at {options.rate:g} TFLOP/s")


@torch.no_grad()
def costs(edition: Edition) -> Iterator[tuple[str, int, float]]:
    """Each stage with its steps and the arithmetic of one, in FLOP; encoding the scenes is one "step"."""
    side, name = SIDE // PATCH, edition.name
    vae = autoencoder.build(edition.code)
    crops = torch.zeros(code.BATCH, 3, code.CELLS * PATCH, code.CELLS * PATCH)
    latents = torch.zeros(decoder.BATCH, edition.code.channels, side, side)
    whole = torch.zeros(10, 3, SIDE, SIDE)
    if edition.code.trained:
        both = flops(lambda: vae(crops))
        yield "code", code.STEPS[name], FORWARDS * both
    yield "autoencoder", 1, edition.pictures / len(whole) * flops(lambda: vae.encode(whole))
    tokenizer = build_tokenizer(edition)
    text = build_text_encoder(tokenizer)
    ids = torch.zeros(unet.BATCH[name], text.config.max_position_embeddings, dtype=torch.long)
    net = unet.build_unet(edition)
    z = torch.zeros(unet.BATCH[name], edition.code.channels, side, side)
    t = torch.zeros(unet.BATCH[name], dtype=torch.long)
    c = text(ids).last_hidden_state
    yield "unet", unet.STEPS[name], FORWARDS * (flops(lambda: net(z, t, c)) + flops(lambda: text(ids)))
    yield "decoder", decoder.STEPS[name], FORWARDS * flops(lambda: vae.decode(latents))
    known = labels(edition)
    seen = flops(lambda: Judge(known).eval()(whole)) / len(whole)
    yield "judge", judge.STEPS[name], FORWARDS * judge.BATCH * seen
    seen = flops(lambda: Eye(known).eval()(whole)) / len(whole)
    yield "eye", eye.STEPS[name], FORWARDS * eye.BATCH * seen
    tower = clip.build_clip(tokenizer, text)
    seen = flops(lambda: tower.get_image_features(whole)) / len(whole)
    yield "clip", clip.STEPS[name], FORWARDS * clip.BATCH * seen


def flops(run: Callable[[], object]) -> float:
    """The multiplications and additions of what a function does, in FLOP."""
    with FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())


if __name__ == "__main__":
    main()
