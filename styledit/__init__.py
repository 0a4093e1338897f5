"""Text-guided editing of real pictures with latent diffusion models, by learned value inputs."""

from transformers.utils import logging as _logging

# transformers warns, on import, of image processors that nothing here uses.
_verbosity = _logging.get_verbosity()
_logging.set_verbosity_error()

from styledit import baselines, lessons, metrics, objectives
from styledit.attention import Layers, attention_control
from styledit.ddim import ddim_inverse_step, ddim_step, noise_levels, predict_x0_eps, timesteps
from styledit.editing.editor import Edit, Editor, edit
from styledit.values.fitting import fit_values
from styledit.pictures import decode_latents, decode_tensor, encode_image, read_image
from styledit.generation import Denoised, generate, reconstruct
from styledit.inversion import Inversion, drift, invert
from styledit.objectives.attention import Regularisation
from styledit.maps import AttentionMaps
from styledit.metrics import (
    METRICS, Networks, clip_similarity, edit_metrics, load_networks, mse, perceptual_distance, psnr, ssim, structure_distance
)  # fmt: skip
from styledit.pipeline import load, picture_size
from styledit.perception.networks import load_clip
from styledit.lessons.plots import plot_drift, show_images, show_words
from styledit.prompts import align, encode_null, encode_prompt, known_words, word_tokens
from styledit.recording import Record
from styledit.editing.settings import Settings
from styledit.values.inputs import PRESETS, FittingStopped, Preset, ValueInputs

_logging.set_verbosity(_verbosity)

__version__ = "0.1.0"

__all__ = [
    "AttentionMaps",
    "Denoised",
    "Edit",
    "Editor",
    "FittingStopped",
    "Inversion",
    "Layers",
    "METRICS",
    "Networks",
    "PRESETS",
    "Preset",
    "Record",
    "Regularisation",
    "Settings",
    "ValueInputs",
    "align",
    "attention_control",
    "baselines",
    "lessons",
    "clip_similarity",
    "ddim_inverse_step",
    "ddim_step",
    "decode_latents",
    "decode_tensor",
    "drift",
    "edit",
    "edit_metrics",
    "encode_image",
    "encode_null",
    "encode_prompt",
    "fit_values",
    "generate",
    "invert",
    "known_words",
    "load",
    "load_clip",
    "load_networks",
    "objectives",
    "metrics",
    "mse",
    "noise_levels",
    "perceptual_distance",
    "picture_size",
    "plot_drift",
    "predict_x0_eps",
    "psnr",
    "read_image",
    "reconstruct",
    "show_images",
    "show_words",
    "ssim",
    "structure_distance",
    "timesteps",
    "word_tokens",
]
