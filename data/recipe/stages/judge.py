"""The judge: names the four factors of a picture; it takes no part in training the generator."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from recipe import loop
from recipe.samples import LABELS, augmented, factors
from styledit.perception.judge import Judge

STEPS = 1_200
BATCH = 32


def train_judge(steps: int) -> None:
    """Cross-entropy on all four factors of augmented training scenes."""
    judge = Judge(LABELS).to(memory_format=torch.channels_last)

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        picked, pictures = augmented(rng, BATCH)
        with loop.autocast():
            logits = judge(pictures.contiguous(memory_format=torch.channels_last))
        truths = [factors(scene) for scene in picked]
        losses = []
        for factor, names in LABELS.items():
            classes = torch.tensor([names.index(truth[factor]) for truth in truths])
            losses.append(F.cross_entropy(logits[factor].float(), classes, label_smoothing=0.05))
        return sum(losses)

    loop.train("judge", {"judge": judge}, loss, steps=steps, lr=2e-3, ema=0.99, weight_decay=0.05)


def export_judge(folder: Path) -> None:
    """Write the averaged weights in float16, with batch statistics measured for them on fresh pictures."""
    judge = Judge(LABELS)
    loop.load_weights("judge", {"judge": judge})
    for module in judge.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over the batches below
    rng = np.random.default_rng(7)
    with torch.no_grad():
        for _ in range(24):
            judge(augmented(rng, 32)[1])
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.half().contiguous() for k, v in judge.state_dict().items() if v.is_floating_point()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"labels": LABELS}, indent=1) + "\n", encoding="utf-8")
