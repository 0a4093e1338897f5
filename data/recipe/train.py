"""Train the embedded model, stage by stage, from nothing.

    python -m recipe.train all            every stage in order
    python -m recipe.train STAGE          one of: code autoencoder unet decoder judge eye clip export
    python -m recipe.train STAGE --edition second
    python -m recipe.train STAGE --edition second --milestone

The second edition takes 2.8 PFLOP (`python -m recipe.cost`): some eight hours at the 0.1 TFLOP/s of two
processor cores, under half an hour on a GPU that sustains 2. Each stage goes on where it was after a kill.
Steps default to what the committed weights had. To train the committed diffusion model further without its
checkpoint: autoencoder, then unet --from-model --steps MORE.
A milestone is committed: a stage that has no checkpoint yet goes on from there.
Checkpoints and latents lie in data/recipe/cache, or in the folder that STYLEDIT_CACHE names.
"""

from __future__ import annotations

import argparse

import cv2
import torch

from recipe import loop
from recipe.artwork import AUTHORS
from recipe.edition import COMMITTED, EDITIONS, Edition
from recipe.stages import autoencoder, clip, code, decoder, eye, judge, unet
from recipe.stages.export import export

STAGES = ("code", "autoencoder", "unet", "decoder", "judge", "eye", "clip", "export")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=[*STAGES, "all"])
    parser.add_argument("--steps", type=int, help="in all, counting those before a resume")
    parser.add_argument(
        "--from-model", action="store_true", help="unet: start from the weights in data/model"
    )
    parser.add_argument("--edition", choices=EDITIONS, default=COMMITTED.name, help="of the picture world")
    parser.add_argument("--optimiser", choices=["adamw", "muon"], default="adamw", help="of the unet stage")
    parser.add_argument("--batch", type=int, help="unet: pictures a step")
    parser.add_argument(
        "--milestone", action="store_true", help="write the stage's weights to recipe/milestones; no training"
    )
    parser.add_argument("--without", choices=AUTHORS, help="judge: leave this author out")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.milestone:
        loop.commit_milestone(EDITIONS[options.edition].path(options.stage))
        return
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    for stage in STAGES if options.stage == "all" else [options.stage]:
        print(f"== {stage}", flush=True)
        torch.manual_seed(0)  # the first weights
        run(
            stage,
            options.steps,
            options.from_model,
            EDITIONS[options.edition],
            muon=options.optimiser == "muon",
            batch=options.batch,
            without=options.without,
        )


def run(
    stage: str,
    steps: int | None,
    from_model: bool,
    edition: Edition = COMMITTED,
    *,
    muon: bool = False,
    batch: int | None = None,
    without: str | None = None,
) -> None:
    """One stage of an edition, to so many steps in all; None takes the edition's number."""
    match stage:
        case "code":
            code.train_code(steps or code.STEPS.get(edition.name, 0), edition)
        case "autoencoder":
            autoencoder.train_autoencoder(edition)
        case "unet":
            steps = steps or unet.STEPS[edition.name]
            unet.train_unet(steps, edition, from_model=from_model, muon=muon, batch=batch)
        case "decoder":
            decoder.train_decoder(steps or decoder.STEPS[edition.name], edition)
        case "judge":
            judge.train_judge(steps or judge.STEPS[edition.name], edition, without)
        case "eye":
            eye.train_eye(steps or eye.STEPS[edition.name], edition)
        case "clip":
            clip.train_clip(steps or clip.STEPS[edition.name], edition)
        case "export":
            export(edition)


if __name__ == "__main__":
    main()
