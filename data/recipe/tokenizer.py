"""The text side: a small vocabulary in CLIP's tokenizer format, and a small CLIP text tower."""

from __future__ import annotations

import itertools
import json
import string
from collections import Counter

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from recipe import folders
from recipe.edition import COMMITTED, Edition

POSITIONS = 20
WIDTH = 128  # of the text tower, and of what it gives to cross-attention
START = "<|startoftext|>"
END = "<|endoftext|>"
RESERVED = ("and", "with", "photo")  # tokens kept for captions to come, where an edition has no such word


def build_tokenizer(edition: Edition = COMMITTED) -> CLIPTokenizer:
    """A byte-pair tokenizer that knows each word of the edition as one token, and every letter besides."""
    folder = folders.CACHE / "tokenizer"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _vocabulary(edition.words).items():
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != text:
            (folder / name).write_text(text, encoding="utf-8")  # there is none, or it is of other words
    return CLIPTokenizer(
        str(folder / "vocab.json"),
        str(folder / "merges.txt"),
        unk_token=END,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        model_max_length=POSITIONS,
    )


def _vocabulary(words: list[str]) -> dict[str, str]:
    """The tokenizer's files: all letters, also as word ends, and the merges that make each word one token.

    Byte-pair encoding as usual (the most frequent pair first), but with ties broken by the alphabet, so
    that the same words always give the same ids.
    """
    letters = [*(string.ascii_lowercase + string.digits + ",.-'")]
    spelled = [[*word[:-1], word[-1] + "</w>"] for word in sorted({*words, *RESERVED})]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for parts in spelled for pair in itertools.pairwise(parts)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = [_merge(parts, best) for parts in spelled]
    tokens = [*letters, *(letter + "</w>" for letter in letters), *map("".join, merges), START, END]
    ids = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    lines = ["#version: 0.2", *map(" ".join, merges)]
    return {"vocab.json": json.dumps(ids), "merges.txt": "\n".join(lines) + "\n"}


def _merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for part in parts:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> torch.Tensor:
    """Token ids (n, POSITIONS), padded as Stable Diffusion pads."""
    return tokenizer(captions, padding="max_length", max_length=POSITIONS, return_tensors="pt").input_ids


def text_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    """The text tower's shape."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=512,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=POSITIONS,
        projection_dim=WIDTH,
        hidden_act="quick_gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """The text tower with fresh weights."""
    config = text_config(tokenizer)
    config._attn_implementation = "eager"  # short sequences: plain products beat the fused kernel on a CPU
    return CLIPTextModel(config)


def committed_words() -> list[str]:
    """The words that the weights in ``data/model`` know."""
    return json.loads((folders.MODEL / "words.json").read_text(encoding="utf-8"))


def committed_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """The text tower in ``data/model`` for a tokenizer that may know other words: those have fresh rows."""
    trained = CLIPTextModel.from_pretrained(folders.MODEL / "text_encoder", dtype=torch.float32).state_dict()
    known = CLIPTokenizer.from_pretrained(folders.MODEL / "tokenizer").get_vocab()
    text = build_text_encoder(tokenizer)
    (table,) = (name for name in trained if name.endswith("token_embedding.weight"))
    rows = text.state_dict()[table].clone()
    for token, row in tokenizer.get_vocab().items():
        if token in known:
            rows[row] = trained[table][known[token]]
    text.load_state_dict(trained | {table: rows})
    return text
