"""Checkpoints as people have them: what a folder or a file holds, and one file of Stable Diffusion 1 or 2 as
a pipeline.

The configs of both families and the vocabulary of CLIP come with the kit, in `configs/`, so that no network
is needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors import safe_open
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from styledit import validation
from styledit.storage.data import package_folder
from styledit.storage.loading import loading

CONFIGS = package_folder("styledit.storage", "configs")
PREDICTION_TYPES = ("epsilon", "v_prediction", "sample")
PICKLES = (".ckpt", ".pt", ".pth", ".bin")

_WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|pytorch_model|model)(?:\.(\w+))?(?:-\d+-of-\d+)?\.safetensors"
)
# What other pipelines are called, by their class in diffusers: the first that the class's name contains.
_OTHER_PIPELINES = {
    "XLInpaint": "an SDXL inpainting model",
    "XL": "an SDXL model",
    "StableDiffusion3": "a Stable Diffusion 3 model",
    "Inpaint": "an inpainting model",
    "UnCLIP": "an unCLIP model",
    "InstructPix2Pix": "an InstructPix2Pix model",
    "Upscale": "an upscaling model",
    "Depth2Img": "a depth-to-image model",
    "LatentConsistency": "a latent consistency model",
    "Cascade": "a Stable Cascade model",
    "Flux": "a Flux model",
}
# What other single files hold, by a part of a tensor's name: the first that is found.
_OTHER_FILES = {
    "conditioner.embedders.": "an SDXL model",
    ".joint_blocks.": "a Stable Diffusion 3 model",
    "double_blocks.": "a Flux model",
    "model.diffusion_model.label_emb.": "an unCLIP model",
    "control_model.": "a ControlNet",
    "lora_": "a LoRA, which is loaded into a pipeline with pipe.load_lora_weights()",
}
# What a UNet takes besides the latents, by the channels of its first layer in Stable Diffusion 1 and 2.
_MORE_CHANNELS = {
    9: "an inpainting model",
    8: "an InstructPix2Pix model",
    7: "an upscaling model",
    5: "a depth-to-image model",
}
_FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"
_TEXT_1 = "cond_stage_model.transformer."  # Stable Diffusion 1 has CLIP's text encoder, 2 has OpenCLIP's
_PARTS = {
    "model.diffusion_model.": "UNet",
    "first_stage_model.": "autoencoder",
    "cond_stage_model.": "text encoder",
}
_NEEDED = "use a text-to-image model of Stable Diffusion 1 or 2"


def other_model(channels: int) -> str:
    """What a UNet that takes this number of channels belongs to."""
    return _MORE_CHANNELS.get(channels, "an inpainting or similar model")


def check_index(model: str, index: Any) -> None:
    """Raise ValueError where a pipeline's `model_index.json` is that of another family, which is named.

    `index`: its content, {component: (library, class)} and `_class_name`.
    """
    if not isinstance(index, dict):
        raise ValueError(f"The model_index.json of {model!r} is no table of components; get that file again.")
    name = str(index.get("_class_name"))
    for part, kind in _OTHER_PIPELINES.items():
        if part in name:
            raise ValueError(f"{model!r} is {kind}; {_NEEDED}.")
    entries = [index.get(component) for component in ("unet", "vae", "text_encoder")]
    classes = [entry[-1] if isinstance(entry, (list, tuple)) and entry else None for entry in entries]
    if classes != ["UNet2DConditionModel", "AutoencoderKL", "CLIPTextModel"]:
        raise ValueError(f"{model!r} is a {name} with other networks than Stable Diffusion's; {_NEEDED}.")


def find_variant(folder: Path, network: str) -> str | None:
    """The variant, such as "fp16", that the weights of a network in a pipeline's folder are; None where there
    are plain ones.

    Raises:
        ValueError: there are only pickles.
    """
    files = sorted((folder / network).glob("*"))
    variants = {match.group(1) for file in files if (match := _WEIGHTS.fullmatch(file.name))}
    pickles = [file for file in files if file.suffix in PICKLES]
    if pickles and not variants:
        raise ValueError(
            f"{str(pickles[0])!r} is a pickle, which may run code of its author's; convert the folder once, "
            "where that "
            f"does no harm: StableDiffusionPipeline.from_pretrained({str(folder)!r}, use_safetensors=False)"
            '.save_pretrained("converted"), and load "converted".'
        )
    if None in variants:
        return None
    return "fp16" if "fp16" in variants else min(variants, default=None)


def refuse_pickle(file: Path) -> None:
    """Raise ValueError, naming the way to safetensors, for a checkpoint in one file that is no safetensors
    file.
    """
    if file.suffix != ".safetensors":
        raise ValueError(
            f"{str(file)!r} is no safetensors file but, by its name, a pickle, which may run code of its "
            "author's; convert it "
            "once, where that does no harm, with diffusers' "
            "scripts/convert_original_stable_diffusion_to_diffusers.py "
            f"--checkpoint_path {file.name} --dump_path converted --to_safetensors, and load the folder "
            "'converted'."
        )


def load_single_file(file: Path, prediction_type: str | None = None) -> StableDiffusionPipeline:
    """A checkpoint of Stable Diffusion 1 or 2 that is one safetensors file, in the layout of its first
    release, in the precision of the file. Weights that the file lacks are left on the device "meta".

    Args:
        prediction_type: what its UNet predicts, "epsilon" or "v_prediction"; None takes what the file says of
            itself, and "epsilon" for Stable Diffusion 1. Stable Diffusion 2 was published both ways, and its
            weights do not tell.

    Raises:
        ValueError: the file holds something else, which is named where it is known, or does not say what it
            predicts.
    """
    shapes, about = _header(file)
    _check_file(file, shapes)
    prediction_type = prediction_type or _declared_prediction(about)
    if _has(shapes, _TEXT_1):
        family, prediction_type = "sd1", prediction_type or "epsilon"
    elif prediction_type is not None:
        family = "sd2-v" if prediction_type == "v_prediction" else "sd2-base"
    else:
        raise ValueError(
            f"{str(file)!r} is a Stable Diffusion 2 model that does not say what it predicts; load it with "
            "prediction_type='v_prediction' (the 768-pixel models) or prediction_type='epsilon' (the "
            "512-pixel ones)."
        )
    configs = CONFIGS / family
    schedule = json.loads((configs / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    with loading(configs, "Stable Diffusion checkpoint", called=file):
        own = {"text_encoder": _text_encoder(file, configs)} if family == "sd1" else {}
        try:
            return StableDiffusionPipeline.from_single_file(
                str(file),
                config=str(configs),
                local_files_only=True,
                tokenizer=clip_tokenizer("<|endoftext|>" if family == "sd1" else "!"),
                scheduler=DDIMScheduler.from_config(schedule, prediction_type=prediction_type),
                safety_checker=None,
                feature_extractor=None,
                **own,
            )
        except NotImplementedError as error:  # weights that the file lacks cannot be moved
            raise ValueError("it lacks weights of its UNet or autoencoder; get the whole file.") from error


def _text_encoder(file: Path, configs: Path) -> CLIPTextModel:
    """The text encoder of Stable Diffusion 1 in a single file; early files name its parts without
    "text_model.".
    """
    config = CLIPTextConfig.from_pretrained(str(configs), subfolder="text_encoder", local_files_only=True)
    encoder = CLIPTextModel(config)
    with safe_open(file, "pt") as content:
        found = {
            name.removeprefix(_TEXT_1).removeprefix("text_model."): content.get_tensor(name)
            for name in _names(content)
            if name.startswith(_TEXT_1) and not name.endswith("position_ids")
        }
    network = getattr(encoder, "text_model", encoder)  # inside, before transformers took the wrapper away
    network.load_state_dict(found, assign=True)
    return encoder


def _header(file: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """{tensor: shape} and the metadata of a safetensors file."""
    try:
        with safe_open(file, "pt") as content:
            shapes = {name: tuple(content.get_slice(name).get_shape()) for name in _names(content)}
            return shapes, content.metadata() or {}
    except Exception as error:
        raise ValueError(f"{str(file)!r} is no safetensors file, or was cut short; get it again.") from error


def _names(content: Any) -> list[str]:
    """The names of a safetensors file's tensors."""
    return list(content.keys())


def _check_file(file: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """Raise ValueError where a single file holds no whole Stable Diffusion 1 or 2."""
    for part, kind in _OTHER_FILES.items():
        if any(part in name for name in shapes):
            raise ValueError(f"{str(file)!r} is {kind}; {_NEEDED}.")
    missing = [part for beginning, part in _PARTS.items() if not _has(shapes, beginning)]
    if "UNet" in missing or len(shapes.get(_FIRST_LAYER, ())) != 4:
        raise ValueError(
            f"{str(file)!r} holds no Stable Diffusion checkpoint; give a file with its UNet, autoencoder and "
            "text encoder, "
            "or a folder in the layout of StableDiffusionPipeline.save_pretrained."
        )
    channels = shapes[_FIRST_LAYER][1]
    if channels in _MORE_CHANNELS:
        raise ValueError(f"{str(file)!r} is {_MORE_CHANNELS[channels]}; {_NEEDED}.")
    if missing:
        raise ValueError(f"{str(file)!r} lacks its {' and its '.join(missing)}; get the whole checkpoint.")


def _has(names: Iterable[str], beginning: str) -> bool:
    """Whether a name begins so."""
    return any(name.startswith(beginning) for name in names)


def _declared_prediction(about: dict[str, str]) -> str | None:
    """What a file's metadata (SAI Model Spec) say that the network predicts."""
    names = {"epsilon": "epsilon", "eps": "epsilon", "v": "v_prediction", "v_prediction": "v_prediction"}
    return names.get(about.get("modelspec.prediction_type", "").lower())


def clip_tokenizer(pad_token: str) -> CLIPTokenizer:
    """CLIP's byte-level BPE (2103.00020, section 2.4), from its list of merges."""
    lines = (CONFIGS / "merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [tuple(line.split(" ")) for line in lines]
    letters = _byte_letters()
    entries = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(merge) for merge in merges)]
    entries += ["<|startoftext|>", "<|endoftext|>"]
    configs = json.loads((CONFIGS / "sd1" / "text_encoder" / "config.json").read_text(encoding="utf-8"))
    tokenizer = CLIPTokenizer(
        vocab={entry: i for i, entry in enumerate(entries)},
        merges=merges,
        model_max_length=configs["max_position_embeddings"],
    )
    tokenizer.add_special_tokens({"pad_token": pad_token})
    return tokenizer


def _byte_letters() -> list[str]:
    """The letter that stands for each byte in the vocabulary, in its order: printable bytes first, as
    themselves.
    """
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = range(256 - len(printable))
    return [chr(byte) for byte in printable] + [chr(256 + k) for k in others]


def check_prediction_type(value: object) -> str | None:
    """What the network predicts, or None. Raises as `validation.choice`."""
    return None if value is None else validation.choice("prediction_type", value, PREDICTION_TYPES)
