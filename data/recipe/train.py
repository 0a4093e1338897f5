"""Train the embedded model, stage by stage, from nothing.

    python -m recipe.train all            every stage in order
    python -m recipe.train STAGE          one of: autoencoder unet decoder judge clip export

Each stage goes on where it was after a kill. Steps default to what the committed weights had. To train the
committed diffusion model further without its checkpoint: autoencoder, then unet --from-model --steps MORE.
Checkpoints and latents lie in data/recipe/cache, or in the folder that STYLEDIT_CACHE names.
"""

from __future__ import annotations

import argparse

import cv2
import torch

from recipe.stages import autoencoder, clip, decoder, judge, unet
from recipe.stages.export import export

STAGES = ("autoencoder", "unet", "decoder", "judge", "clip", "export")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=[*STAGES, "all"])
    parser.add_argument("--steps", type=int, help="in all, counting those before a resume")
    parser.add_argument(
        "--from-model", action="store_true", help="unet: start from the weights in data/model"
    )
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    for stage in STAGES if options.stage == "all" else [options.stage]:
        print(f"== {stage}", flush=True)
        torch.manual_seed(0)  # the first weights
        run(stage, options.steps, options.from_model)


def run(stage: str, steps: int | None, from_model: bool) -> None:
    """One stage, to so many steps in all; None takes the committed weights' number."""
    match stage:
        case "autoencoder":
            autoencoder.train_autoencoder()
        case "unet":
            unet.train_unet(steps or unet.STEPS, from_model)
        case "decoder":
            decoder.train_decoder(steps or decoder.STEPS)
        case "judge":
            judge.train_judge(steps or judge.STEPS)
        case "clip":
            clip.train_clip(steps or clip.STEPS)
        case "export":
            export()


if __name__ == "__main__":
    main()
