"""Text-guided editing of given pictures with latent diffusion models, by learned value inputs.

The names below are grouped by the stages of one picture's path. `styledit.lessons` has the
figures and exercises.
"""

from styledit.storage.versions import check_installed as _check_installed
from styledit.storage.versions import check_version as _check_version

_check_installed()  # before the packages themselves raise what nobody understands

from transformers.utils import logging as _logging  # noqa: E402

# transformers warns, on import, of image processors that nothing here uses.
_verbosity = _logging.get_verbosity()
_logging.set_verbosity_error()

from styledit import baselines, metrics, objectives  # noqa: E402
from styledit.attention import Layers  # noqa: E402
from styledit.control import attention_control  # noqa: E402
from styledit.ddim import ddim_inverse_step, ddim_step, noise_levels, predict_x0_eps, timesteps  # noqa: E402
from styledit.editing import Edit, Editor, Settings, UpdateRule, edit  # noqa: E402
from styledit.generation import Denoised, generate, reconstruct  # noqa: E402
from styledit.guiding import Guided, Weights, classify_style, guide  # noqa: E402
from styledit.inversion import Inversion, drift, invert, noised  # noqa: E402
from styledit.maps import AttentionMaps  # noqa: E402
from styledit.metrics import (  # noqa: E402
    METRICS,
    Networks,
    clip_similarity,
    edit_metrics,
    load_networks,
    mse,
    perceptual_distance,
    psnr,
    ssim,
    structure_distance,
)
from styledit.objectives import Regularisation  # noqa: E402
from styledit.perception.clip import load_clip  # noqa: E402
from styledit.pictures import decode_latents, decode_tensor, encode_image, read_image  # noqa: E402
from styledit.pipeline import load, picture_size  # noqa: E402
from styledit.previews import preview  # noqa: E402
from styledit.prompts import align, encode_null, encode_prompt, known_words, word_tokens  # noqa: E402
from styledit.recording import Record  # noqa: E402
from styledit.values import PRESETS, FittingStopped, Preset, ValueInputs, fit_values  # noqa: E402

_logging.set_verbosity(_verbosity)

__version__ = "0.2.0"
_check_version(__version__)

__all__ = [
    # a pipeline, pictures and prompts
    "load",
    "picture_size",
    "read_image",
    "encode_image",
    "decode_latents",
    "decode_tensor",
    "preview",
    "encode_prompt",
    "encode_null",
    "known_words",
    "word_tokens",
    "align",
    # DDIM
    "timesteps",
    "noise_levels",
    "predict_x0_eps",
    "ddim_step",
    "ddim_inverse_step",
    # attention
    "Layers",
    "attention_control",
    "AttentionMaps",
    "Record",
    # there and back
    "Inversion",
    "invert",
    "noised",
    "drift",
    "Denoised",
    "generate",
    "reconstruct",
    # value inputs
    "ValueInputs",
    "fit_values",
    "Preset",
    "PRESETS",
    "FittingStopped",
    # objectives and editing
    "objectives",
    "Regularisation",
    "Settings",
    "Edit",
    "Editor",
    "UpdateRule",
    "edit",
    "guide",
    "classify_style",
    "Guided",
    "Weights",
    # what they are compared with, and how
    "baselines",
    "metrics",
    "METRICS",
    "Networks",
    "load_networks",
    "load_clip",
    "edit_metrics",
    "psnr",
    "ssim",
    "mse",
    "perceptual_distance",
    "structure_distance",
    "clip_similarity",
]
