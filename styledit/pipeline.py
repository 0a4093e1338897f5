"""The diffusion pipeline: embedded, from a folder, a file or by hub id, ready for inversion and editing."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
import threading
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
import torch
from diffusers import AutoencoderKL, DDIMScheduler, ModelMixin, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel

from styledit import validation
from styledit.storage.checkpoints import (
    PICKLES,
    check_index,
    check_prediction_type,
    find_variant,
    load_single_file,
    other_model,
    refuse_pickle,
)
from styledit.storage.data import EMBEDDED_FOLDER, check_files
from styledit.storage.loading import loading, read_table, table_is_damaged

# Settings of a UNet that are None where latents, a timestep and a prompt are all it is given.
_MORE_INPUTS = (
    "addition_embed_type",
    "class_embed_type",
    "num_class_embeds",
    "encoder_hid_dim",
    "time_cond_proj_dim",
)
# What of a scheduler's config decides the levels and how the network's output is read.
_SCHEDULE = (
    "prediction_type", "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas",
    "rescale_betas_zero_snr", "set_alpha_to_one",
)  # fmt: skip
_SPACINGS = ("leading", "trailing", "linspace")
# What of a text encoder's config decides what it makes of its weights.
_TEXT = ("hidden_act", "num_attention_heads", "layer_norm_eps", "use_attention_mask")
_KIND = "Stable Diffusion pipeline"
_WHOLE = ("conv_in.weight", "conv_out.weight")
_NETWORKS: dict[str, Any] = {
    "unet": UNet2DConditionModel,
    "vae": AutoencoderKL,
    "text_encoder": CLIPTextModel,
}
_SAMPLED = 8  # values of each tensor that go into a fingerprint
_SMALL = 100e6  # weights of a UNet whose calls are too short to share among threads

_all_threads = torch.get_num_threads()  # PyTorch's default, where nobody has set another number yet
_chosen_threads = threading.local()  # `count` is what `_choose_threads` set last in a thread


def load(
    model: str | Path | None = None,
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    prediction_type: str | None = None,
) -> StableDiffusionPipeline:
    """Load a pipeline, ready for inversion and editing: frozen, in eval mode, with a DDIM scheduler.

    Args:
        model: None for the embedded model; a folder in the layout of
            `StableDiffusionPipeline.from_pretrained`; a checkpoint of Stable Diffusion 1 or 2 in one
            `.safetensors` file; or a hub id, the only case in which the network may be used. Weights are read
            from safetensors only.
        device: where the networks run; None keeps them on the CPU. There a small model such as the embedded
            one runs on one thread, which is nearly as fast as all of them and much faster beside other work;
            larger ones keep PyTorch's default. A number of threads that the user has set, by
            `torch.set_num_threads` or OMP_NUM_THREADS, stays.
        dtype: precision of the networks; None takes float16 on CUDA and float32 elsewhere.
        prediction_type: what the UNet predicts, "epsilon", "v_prediction" or "sample"; None takes what the
            model says.

    Raises:
        TypeError: `model` is no name of a folder, file or hub id, or `dtype` no floating-point torch dtype.
        FileNotFoundError: there is no such file.
        ValueError: the embedded model's files are missing or damaged, the model cannot be read as a pipeline
            or is not of the Stable Diffusion 1/2 family (the message says what it is), or the device is not
            there.
    """
    place = validation.device(device)
    if dtype is None:
        dtype = torch.float16 if place is not None and place.type == "cuda" else torch.float32
    validation.dtype("dtype", dtype)
    check_prediction_type(prediction_type)
    if model is None:
        check_files(EMBEDDED_FOLDER)
        model = EMBEDDED_FOLDER
    named_as_file = isinstance(model, (str, Path)) and Path(model).suffix in (".safetensors", *PICKLES)
    if named_as_file and not os.path.isdir(Path(model).expanduser()):
        file = validation.path_to_read("model", model)
        refuse_pickle(file)
        pipe = load_single_file(file, prediction_type)
    else:
        pipe = _load_folder(model, dtype)
    _check_whole(pipe, str(model))
    return prepare(pipe, place, dtype, prediction_type)


def picture_size(pipe: StableDiffusionPipeline) -> tuple[int, int]:
    """The (width, height) in pixels that the pipeline was trained at, from its configs.

    Raises:
        TypeError: `pipe` is no pipeline.
    """
    validation.pipeline(pipe, needs_ddim=False)
    side = pipe.unet.config.sample_size
    height, width = (side, side) if isinstance(side, int) else side
    return width * pipe.vae_scale_factor, height * pipe.vae_scale_factor


def editing_numbers(pipe: StableDiffusionPipeline) -> dict[str, Any] | None:
    """The model's own numbers for fits and edits, from `editing.json` in its folder; None where it has none.

    `fit_guidance`: the w that value inputs are best fitted at, once for all edits of a picture; the rest is
    what `styledit.editing.suggestion` reads.

    Raises:
        ValueError: the file is damaged.
    """
    return _read_editing(pipe.name_or_path)


@lru_cache(maxsize=8)
def _read_editing(folder: str | None) -> dict[str, Any] | None:
    """The table of a local model folder."""
    stored = read_table(folder, "editing.json")
    if stored is None:
        return None
    try:
        validation.number("fit_guidance", stored["fit_guidance"])
    except (ValueError, LookupError, TypeError) as error:
        raise table_is_damaged(folder, "editing.json", error) from error
    return stored


def model_fingerprint(pipe: StableDiffusionPipeline) -> str:
    """A short hash of all that decides what the pipeline makes of a picture and a prompt.

    It covers a few values of every weight and buffer of the three networks, their names, shapes and
    precision, the settings that change what networks make of their weights, and the noise schedule. The
    device, the memory format, threads and compilation do not change it. It costs some milliseconds, and one
    copy from a GPU for each network and precision.
    """
    config = pipe.scheduler.config
    digest = hashlib.sha256(str({name: config.get(name) for name in _SCHEDULE}).encode())
    digest.update(str({name: getattr(pipe.text_encoder.config, name, None) for name in _TEXT}).encode())
    for network in (pipe.unet, pipe.vae):
        settings = {
            name: value for name, value in network.config.items() if name[0] != "_" and name != "sample_size"
        }
        digest.update(str(sorted(settings.items(), key=lambda item: item[0])).encode())
    for network in (pipe.unet, pipe.vae, pipe.text_encoder):
        _add_weights(digest, network)
    return digest.hexdigest()[:16]


def _add_weights(digest: hashlib._Hash, network: torch.nn.Module) -> None:
    """Add a sample of every weight and buffer of a network to a hash; its first and last weights are added
    whole.
    """
    names: list[str] = []
    samples: dict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = defaultdict(list)
    for tensors in (network.named_parameters(), network.named_buffers()):
        for name, tensor in tensors:
            names.append(f"{name.removeprefix('_orig_mod.')} {tuple(tensor.shape)}")
            if tensor.numel() and not tensor.is_meta:
                whole = name in _WHOLE
                samples[tensor.device, tensor.dtype].append(
                    tensor.detach().reshape(-1) if whole else _sample(tensor)
                )
    digest.update("\n".join(names).encode())
    for (_, dtype), values in samples.items():
        digest.update(str(dtype).encode())
        digest.update(torch.cat(values).cpu().view(torch.uint8).numpy().tobytes())


def _sample(tensor: torch.Tensor) -> torch.Tensor:
    """At most `_SAMPLED` values along the longest dimension, through the middle of the others; a view."""
    tensor = tensor.detach()
    if tensor.ndim == 0:
        return tensor.reshape(1)
    shape = tensor.shape
    longest = shape.index(max(shape))
    step = math.ceil(shape[longest] / _SAMPLED)
    return tensor[
        tuple(slice(None, None, step) if d == longest else side // 2 for d, side in enumerate(shape))
    ]


def _choose_threads(count: int) -> None:
    """Let PyTorch compute on so many threads of the CPU, in this thread and in those that begin later, unless
    the user has chosen a number: by the environment, before the package was imported, or since it was last
    set here.
    """
    by_environment = "OMP_NUM_THREADS" in os.environ or "MKL_NUM_THREADS" in os.environ
    before_import = _all_threads not in _default_threads()
    last = getattr(_chosen_threads, "count", _all_threads)
    if not by_environment and not before_import and torch.get_num_threads() == last:
        torch.set_num_threads(count)
        _chosen_threads.count = count


def _default_threads() -> set[int | None]:
    """The numbers of threads that PyTorch may begin with here: one for each logical, available, physical or
    fast core.
    """
    counts = {os.cpu_count(), psutil.cpu_count(logical=False)}
    if hasattr(os, "sched_getaffinity"):
        counts.add(len(os.sched_getaffinity(0)))
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "hw.perflevel0.physicalcpu"]
        fast = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        counts.add(int(fast) if fast.isdecimal() else None)
    return counts


def _load_folder(model: str | Path, dtype: torch.dtype) -> StableDiffusionPipeline:
    """A pipeline from a folder, or from the hub.

    A safety checker, a feature extractor and an image encoder are not used here, and need not be there.
    """
    with loading(model, _KIND) as source:
        index = StableDiffusionPipeline.load_config(**source)
    check_index(str(model), index)
    local = Path(model).expanduser() if os.path.isdir(Path(model).expanduser()) else None
    networks = {
        name: _load_network(model, kind, name, None if local is None else find_variant(local, name), dtype)
        for name, kind in _NETWORKS.items()
    }
    with loading(model, _KIND):
        return StableDiffusionPipeline.from_pretrained(
            **source,
            **networks,
            safety_checker=None,
            feature_extractor=None,
            image_encoder=None,
            requires_safety_checker=False,
        )


def _load_network(
    model: str | Path, kind: Any, name: str, variant: str | None, dtype: torch.dtype
) -> torch.nn.Module:
    """One network of a pipeline; the libraries would give weights that are missing random values."""
    precision = (
        "torch_dtype" if issubclass(kind, ModelMixin) else "dtype"
    )  # diffusers' word, transformers' word
    with loading(model, _KIND) as source:
        network, report = kind.from_pretrained(
            **source,
            subfolder=name,
            variant=variant,
            use_safetensors=True,
            output_loading_info=True,
            **{precision: dtype},
        )
    for weight in sorted(report["missing_keys"]):
        raise _lacks(model, name, weight)
    return network


def _check_whole(pipe: StableDiffusionPipeline, model: str) -> None:
    """Refuse a network with weights that no file had: the libraries leave these without numbers."""
    for name in _NETWORKS:
        network = getattr(pipe, name)
        for weight, tensor in (*network.named_parameters(), *network.named_buffers()):
            if tensor.is_meta:
                raise _lacks(model, name, weight)


def _lacks(model: str | Path, network: str, weight: str) -> ValueError:
    """The error for weights that are missing."""
    return ValueError(
        f"{str(model)!r} lacks weights of its {network} ({weight} for one); get the whole model."
    )


def prepare(
    pipe: StableDiffusionPipeline,
    device: torch.device | None,
    dtype: torch.dtype,
    prediction_type: str | None = None,
) -> StableDiffusionPipeline:
    """DDIM scheduler, eval mode, no gradients for weights, no progress bars of its own."""
    _check_family(pipe)
    _check_settings(pipe)
    changes = {} if prediction_type is None else {"prediction_type": prediction_type}
    # Latents have no fixed range: clipping, the scheduler's default, would break the inverse.
    pipe.scheduler = DDIMScheduler.from_config(
        pipe.scheduler.config, clip_sample=False, thresholding=False, **changes
    )
    check_prediction_type(pipe.scheduler.config.prediction_type)
    validation.finite(
        pipe.scheduler.alphas_cumprod, "The noise schedule", "repair its betas in scheduler_config.json"
    )
    for name in _NETWORKS:
        network = getattr(pipe, name).eval().requires_grad_(False)
        torch.nn.Module.to(network, dtype)  # diffusers' own `to` warns
    pipe.set_progress_bar_config(disable=True)
    if device is not None:
        pipe.to(device)
    if pipe.device.type == "cpu":
        small = sum(weights.numel() for weights in pipe.unet.parameters()) < _SMALL
        _choose_threads(1 if small else _all_threads)
    return pipe


def _check_family(pipe: StableDiffusionPipeline) -> None:
    """Refuse a UNet that takes anything but latents of the autoencoder, a timestep and a prompt."""
    if not isinstance(pipe.text_encoder, CLIPTextModel):
        raise ValueError(
            f"The model's text encoder is {type(pipe.text_encoder).__name__}; a CLIPTextModel is needed."
        )
    unet, channels = pipe.unet.config, pipe.vae.config.latent_channels
    if any(getattr(unet, setting, None) is not None for setting in _MORE_INPUTS):
        raise ValueError(
            "This UNet needs more inputs than a prompt (SDXL or similar); use a Stable Diffusion 1 or 2 "
            "model."
        )
    if not unet.in_channels == unet.out_channels == channels:
        raise ValueError(
            f"This UNet takes {unet.in_channels} channels and returns {unet.out_channels}, and the "
            "autoencoder's "
            f"latents have {channels} ({other_model(unet.in_channels)}); use a text-to-image model."
        )
    width = pipe.text_encoder.config.hidden_size
    if unet.cross_attention_dim != width:
        raise ValueError(
            f"This UNet reads prompts of width {unet.cross_attention_dim} and the text encoder makes them of "
            "width "
            f"{width}; they belong to different models."
        )


def _check_settings(pipe: StableDiffusionPipeline) -> None:
    """Refuse configs that lack what decides the result, or hold what cannot be."""
    schedule = pipe.scheduler.config
    validation.choice("The scheduler's timestep_spacing", schedule.timestep_spacing, _SPACINGS)
    if len(pipe.scheduler.alphas_cumprod) != schedule.num_train_timesteps:
        raise ValueError(
            f"The model's noise schedule has {len(pipe.scheduler.alphas_cumprod)} levels for "
            f"{schedule.num_train_timesteps} timesteps; repair its scheduler_config.json."
        )
    left_out = schedule.get("_use_default_values", ())
    missing = [name for name in ("beta_schedule", "beta_start", "beta_end") if name in left_out]
    if missing and schedule.get("trained_betas") is None:
        raise ValueError(
            f"The model's scheduler_config.json lacks {', '.join(missing)}, without which its noise schedule "
            "is unknown; get "
            "that file again."
        )
    scale = validation.number("The autoencoder's scaling_factor", pipe.vae.config.scaling_factor)
    if scale == 0:
        raise ValueError(
            "The autoencoder's scaling_factor is 0, which leaves no latents; repair its config.json."
        )
    shift = getattr(pipe.vae.config, "shift_factor", None)
    if shift is not None:
        validation.number("The autoencoder's shift_factor", shift)
    tokenizer, text = pipe.tokenizer, pipe.text_encoder.config
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):  # what comes of missing files
        raise ValueError("The model's tokenizer has no vocabulary; get its vocab.json and merges.txt again.")
    if tokenizer.model_max_length > text.max_position_embeddings:
        raise ValueError(
            f"The model's tokenizer does not say that prompts end at {text.max_position_embeddings} tokens; "
            "get its "
            "tokenizer_config.json again."
        )
    if len(tokenizer) > text.vocab_size:
        raise ValueError(
            f"The model's tokenizer knows {len(tokenizer)} tokens and the text encoder {text.vocab_size}; "
            "they belong to "
            "different models."
        )
