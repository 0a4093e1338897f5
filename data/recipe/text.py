"""The text side: a small vocabulary in CLIP's tokenizer format, and a small CLIP text tower."""

from __future__ import annotations

import itertools
import json
import string
from pathlib import Path

import torch
from tokenizers import CharBPETokenizer
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training import CACHE
from world import COLOURED, COLOURS, OBJECTS, PLACES, STYLES

POSITIONS = 20
START, END = "<|startoftext|>", "<|endoftext|>"
# Words that captions may hold beside the world's own.
GLUE = ("an", "the", "and", "with", "picture", "photo")


def words() -> list[str]:
    """Every word that a prompt may use, sorted."""
    phrases = [*STYLES.values(), *PLACES.values(), *OBJECTS, *COLOURS, *COLOURED, *GLUE]
    return sorted(set(itertools.chain.from_iterable(phrase.split() for phrase in phrases)))


def build_tokenizer() -> CLIPTokenizer:
    """A byte-pair tokenizer that knows each word as one token, and every letter besides."""
    folder = CACHE / "tokenizer"
    if not (folder / "merges.txt").exists():
        _write_vocabulary(folder)
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), unk_token=END, bos_token=START, eos_token=END,
        pad_token=END, model_max_length=POSITIONS,
    )  # fmt: skip


def _write_vocabulary(folder: Path) -> None:
    """Byte-pair merges trained until every word is one token; all letters are in, also as word ends."""
    letters = [*(string.ascii_lowercase + string.digits + ",.-'")]
    bpe = CharBPETokenizer(suffix="</w>", lowercase=True)
    bpe.train_from_iterator(words() * 20, vocab_size=5000, min_frequency=10, initial_alphabet=letters, show_progress=False)
    trained = json.loads(bpe.to_str())["model"]
    tokens = [*letters, *(letter + "</w>" for letter in letters), *sorted(trained["vocab"], key=trained["vocab"].get)]
    tokens = [t for t in dict.fromkeys(tokens) if not t.startswith("<")] + [START, END]
    merges = [m if isinstance(m, str) else " ".join(m) for m in trained["merges"]]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """Token ids (n, POSITIONS), padded as Stable Diffusion pads."""
    return tokenizer(captions, padding="max_length", max_length=POSITIONS, return_tensors="pt").input_ids


def text_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=512, num_hidden_layers=3, num_attention_heads=4,
        max_position_embeddings=POSITIONS, projection_dim=128, hidden_act="quick_gelu", bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    config = text_config(tokenizer)
    config._attn_implementation = "eager"  # short sequences: plain products beat the fused kernel on a CPU
    return CLIPTextModel(config)
