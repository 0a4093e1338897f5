"""How pictures enter a vision network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import AutoImageProcessor, PreTrainedModel
from transformers.models.auto.image_processing_auto import get_image_processor_config
from transformers.utils import cached_file


@dataclass(frozen=True)
class Preprocessing:
    """How pictures enter a vision network.

    `resize`: the length of the shorter side, or the exact (height, width); `size`: the (height, width) of
    the centre that is cut out then; `mean`, `std`: of each channel of pictures in [0, 1].
    """

    resize: int | tuple[int, int]
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mode: str = "bicubic"

    def __call__(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1] as the network wants them, (B, 3, *size); with gradients."""
        height, width = pictures.shape[2:]
        resize = self.resize
        if isinstance(resize, int):
            shorter = min(height, width)
            resize = (resize * height // shorter, resize * width // shorter)
        x = functional.interpolate(pictures, resize, mode=self.mode, antialias=True).clamp(0, 1)
        top, left = ((have - want) // 2 for have, want in zip(x.shape[2:], self.size, strict=True))
        x = x[:, :, top : top + self.size[0], left : left + self.size[1]]  # (B, 3, *size)
        mean, std = (x.new_tensor(values)[:, None, None] for values in (self.mean, self.std))  # (3, 1, 1)
        return (x - mean) / std


def read_preprocessing(network: PreTrainedModel, source: dict[str, Any]) -> Preprocessing:
    """How pictures enter a network: as its preprocessor config says; without one, at its own size and in [-1,
    1].

    Args:
        source: arguments that name the model for `from_pretrained`.

    Raises:
        ValueError: the model has neither a preprocessor config nor a size of pictures.
    """
    if not _has_config(**source):
        side = getattr(getattr(network.config, "vision_config", network.config), "image_size", None)
        if side is None:
            raise ValueError("it has neither a preprocessor config nor an image_size.")
        size = (side, side) if isinstance(side, int) else tuple(side)
        return Preprocessing(size, size, (0.5,) * 3, (0.5,) * 3)
    processor = AutoImageProcessor.from_pretrained(**source, backend="pil", trust_remote_code=False)
    resize = processor.size.get("shortest_edge") or (processor.size["height"], processor.size["width"])
    size = processor.crop_size if getattr(processor, "do_center_crop", None) else processor.size
    mode = "bilinear" if processor.resample == Image.Resampling.BILINEAR else "bicubic"
    return Preprocessing(
        resize, (size["height"], size["width"]), tuple(processor.image_mean), tuple(processor.image_std), mode
    )


def _has_config(pretrained_model_name_or_path: str, local_files_only: bool) -> bool:
    """Whether a model says how pictures enter it."""
    if get_image_processor_config(pretrained_model_name_or_path, local_files_only=local_files_only):
        return True
    # transformers 5.0 overlooks that file there, and has read the one of a whole processor only.
    file = cached_file(
        pretrained_model_name_or_path,
        "preprocessor_config.json",
        local_files_only=local_files_only,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
    )
    return file is not None
