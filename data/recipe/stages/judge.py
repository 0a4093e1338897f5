"""The judge: names the four factors of a picture; it takes no part in training the generator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from recipe import loop
from recipe.artwork import AUTHOR_OF, SEEN_ARTISTS
from recipe.edition import COMMITTED, Edition
from recipe.samples import judged, labels
from styledit.perception.judge import Judge

STEPS = 10_000
BATCH = 32


def train_judge(steps: int, edition: Edition = COMMITTED, without: str | None = None) -> None:
    """Cross-entropy on all four factors of augmented scenes.

    ``without`` leaves an author out, whose true pictures then show how the judge takes an unknown hand.
    """
    device = loop.device()
    known = labels(edition)
    artists = _artists(without)
    judge = Judge(known).to(device, memory_format=torch.channels_last)

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        truths, pictures = judged(rng, BATCH, edition, artists)
        with loop.autocast():
            logits = judge(pictures.to(device).contiguous(memory_format=torch.channels_last))
        losses = []
        for factor, names in known.items():
            classes = torch.tensor([names.index(truth[factor]) for truth in truths], device=device)
            losses.append(F.cross_entropy(logits[factor].float(), classes, label_smoothing=0.05))
        return sum(losses)

    loop.train(_name(without), {"judge": judge}, loss, steps=steps, lr=2e-3, ema=0.99, weight_decay=0.05)


def trained_judge(edition: Edition = COMMITTED, without: str | None = None) -> Judge:
    """The judge of a checkpoint: averaged weights, with batch statistics measured for them on fresh pictures
    of the artists that it was trained on.
    """
    judge = Judge(labels(edition))
    loop.load_weights(_name(without), {"judge": judge})
    rng = np.random.default_rng(7)
    artists = _artists(without)
    loop.measure_statistics(judge, (judged(rng, 32, edition, artists)[1] for _ in range(24)))
    return judge.eval()


def export_judge(folder: Path, edition: Edition = COMMITTED) -> None:
    """Write the judge of the checkpoint in float16."""
    judge = trained_judge(edition)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.half().contiguous() for k, v in judge.state_dict().items() if v.is_floating_point()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(
        json.dumps({"labels": judge.labels}, indent=1) + "\n", encoding="utf-8"
    )


def _artists(without: str | None) -> tuple[str, ...]:
    return tuple(artist for artist in SEEN_ARTISTS if AUTHOR_OF[artist] != without)


def _name(without: str | None) -> str:
    return "judge" if without is None else f"judge-without-{without}"
