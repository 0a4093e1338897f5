"""CLIP: pictures and prompts in one space (Radford et al., 2103.00020)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from transformers import CLIPModel, CLIPTokenizer, CLIPVisionModel

from styledit import validation
from styledit.perception.loading import load_network
from styledit.perception.preprocessing import Preprocessing
from styledit.storage.data import EMBEDDED_FOLDER, check_files
from styledit.storage.loading import loading


@dataclass(frozen=True)
class Clip:
    """A CLIP (2103.00020) with all it takes to show it pictures and tell it prompts."""

    model: CLIPModel
    tokenizer: CLIPTokenizer
    prepare: Preprocessing

    @cached_property
    def image_tower(self) -> CLIPVisionModel:
        """The image side, as the model that knows its device and gives its hidden states."""
        tower = self.model.vision_model
        if isinstance(tower, CLIPVisionModel):
            return tower
        with torch.device("meta"):  # older versions of transformers keep only its network
            whole = CLIPVisionModel(self.model.config.vision_config)
        whole.vision_model = tower
        return whole

    def embed_pictures(self, pixels: torch.Tensor) -> torch.Tensor:
        """The image embeddings (B, d) of pictures (B, 3, H, W) in [0, 1]; gradients flow through."""
        return self.model.get_image_features(self.prepare(pixels)).pooler_output

    def embed_text(self, *prompts: str) -> torch.Tensor:
        """The text embeddings (B, d) of prompts. Raises as `tokens`."""
        ids = [self.tokens(prompt)[0] for prompt in prompts]
        # CLIP reads from left to right up to the first end token: more of them behind it change nothing.
        padded = torch.nn.utils.rnn.pad_sequence(
            ids, batch_first=True, padding_value=self.tokenizer.eos_token_id
        )
        return self.model.get_text_features(padded.to(self.model.device)).pooler_output

    def tokens(self, prompt: str) -> torch.Tensor:
        """The tokens (1, n) of a prompt that this CLIP can read whole.

        Raises:
            TypeError: the prompt is no string.
            ValueError: it is empty, too long, or cannot be spelled.
        """
        validation.text("The prompt", prompt)
        if not prompt.strip():
            raise ValueError("The prompt is empty; describe the picture in words.")
        ids = self.tokenizer(prompt).input_ids
        room = self.model.config.text_config.max_position_embeddings
        if len(ids) > room:
            raise ValueError(
                f"The prompt has {len(ids) - 2} tokens and CLIP takes {room - 2}; shorten it: {prompt!r}."
            )
        if self.tokenizer.unk_token_id in ids[1:-1]:
            raise ValueError(f"This CLIP's tokenizer cannot spell {prompt!r}; use other words.")
        return torch.tensor([ids])


def load_clip(model: str | Path | None = None, *, device: str | torch.device | None = None) -> Clip:
    """Load a CLIP with its tokenizer, frozen, float32: None for the embedded one, a folder, or a hub id.

    Raises:
        TypeError: `model` is no name of a folder or hub id.
        ValueError: it cannot be read as a CLIP from safetensors, or the device is not there.
    """
    if model is None:
        check_files(EMBEDDED_FOLDER)
        model = EMBEDDED_FOLDER / "clip"
        tokens: str | Path = EMBEDDED_FOLDER / "tokenizer"
    else:
        tokens = model
    network, prepare = load_network(model, "CLIP", device)
    if not isinstance(network, CLIPModel):
        kind = type(network).__name__
        raise ValueError(f"{str(model)!r} is a {kind}; give a CLIP such as 'openai/clip-vit-base-patch16'.")
    with loading(tokens, "tokenizer") as source:
        tokenizer = CLIPTokenizer.from_pretrained(**source)
        if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):  # what comes of missing files
            raise ValueError("it has no vocabulary.")
    return Clip(network, tokenizer, prepare)
