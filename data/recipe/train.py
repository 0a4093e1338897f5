"""Train the embedded model, stage by stage.

    python -m recipe.train all            every stage of data/model in order
    python -m recipe.train STAGE          one of: code autoencoder unet decoder judge
                                          perceptual_encoder clip export
    python -m recipe.train joint          the second model, and then export-joint

All of data/model takes 3.7 PFLOP (`python -m recipe.cost`): some ten hours at the 0.1 TFLOP/s of two
processor cores, half an hour on a GPU that sustains 2. Each stage goes on where it was after a kill.
Steps default to what the committed weights had. To train the committed diffusion model further without its
checkpoint: autoencoder, then unet --from-model --steps MORE. The second model needs the latents of the
autoencoder stage and the text tower in data/model, and no other checkpoint.
Checkpoints and latents lie in data/recipe/cache, or in the folder that STYLEDIT_CACHE names.
"""

from __future__ import annotations

import argparse

import cv2
import torch

from recipe.artwork import AUTHORS
from recipe.stages import autoencoder, clip, code, decoder, joint, judge, perceptual_encoder, unet
from recipe.stages.export import export, export_joint

STAGES = ("code", "autoencoder", "unet", "decoder", "judge", "perceptual_encoder", "clip", "export")
JOINT_STAGES = ("joint", "export-joint")  # of the second model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=[*STAGES, *JOINT_STAGES, "all"])
    parser.add_argument("--steps", type=int, help="in all, counting those before a resume")
    parser.add_argument(
        "--from-model", action="store_true", help="unet: start from the weights in data/model"
    )
    parser.add_argument("--without", choices=AUTHORS, help="judge: leave this author out")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.without and options.stage != "judge":
        parser.error("--without is for the judge alone")
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    for stage in STAGES if options.stage == "all" else [options.stage]:
        print(f"== {stage}", flush=True)
        torch.manual_seed(0)  # the first weights
        run(stage, options.steps, options.from_model, options.without)


def run(stage: str, steps: int | None, from_model: bool, without: str | None = None) -> None:
    """One stage, to so many steps in all; None takes the number of the committed weights."""
    match stage:
        case "code":
            code.train_code(steps or code.STEPS)
        case "autoencoder":
            autoencoder.encode_scenes()
        case "unet":
            unet.train_unet(steps or unet.STEPS, from_model=from_model)
        case "decoder":
            decoder.train_decoder(steps or decoder.STEPS)
        case "judge":
            judge.train_judge(steps or judge.STEPS, without=without)
        case "perceptual_encoder":
            perceptual_encoder.train_perceptual_encoder(steps or perceptual_encoder.STEPS)
        case "clip":
            clip.train_clip(steps or clip.STEPS)
        case "export":
            export()
        case "joint":
            joint.train_joint(steps or joint.STEPS)
        case "export-joint":
            export_joint()


if __name__ == "__main__":
    main()
