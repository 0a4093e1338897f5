"""The perceptual encoder: a second small network that names pictures, whose features guide edits; the judge
scores them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from recipe import loop
from recipe.edition import COMMITTED, Edition
from recipe.samples import judged, labels
from styledit.perception.perceptual_encoder import PerceptualEncoder

STEPS = 3_000
BATCH = 24
SEED = 29  # other pictures than the judge's


def train_perceptual_encoder(steps: int, edition: Edition = COMMITTED) -> None:
    """Cross-entropy on all four factors of augmented training scenes."""
    known = labels(edition)
    device = loop.device()
    encoder = PerceptualEncoder(known).to(device)

    def loss(rng: np.random.Generator, step: int) -> torch.Tensor:
        truths, pictures = judged(rng, BATCH, edition)
        with loop.autocast():
            logits = encoder(pictures.to(device))
        losses = []
        for factor, names in known.items():
            classes = torch.tensor([names.index(truth[factor]) for truth in truths], device=device)
            losses.append(F.cross_entropy(logits[factor].float(), classes, label_smoothing=0.05))
        return torch.stack(losses).sum()

    loop.train(
        "perceptual_encoder",
        {"perceptual_encoder": encoder},
        loss,
        steps=steps,
        lr=3e-3,
        ema=0.99,
        weight_decay=0.05,
        seed=SEED,
    )


def export_perceptual_encoder(folder: Path, edition: Edition = COMMITTED) -> None:
    """Write the averaged weights in float16, with batch statistics measured for them on fresh pictures."""
    known = labels(edition)
    encoder = PerceptualEncoder(known)
    loop.load_weights("perceptual_encoder", {"perceptual_encoder": encoder})
    rng = np.random.default_rng(SEED)
    loop.measure_statistics(encoder, (judged(rng, 32, edition)[1] for _ in range(24)))
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.half().contiguous() for k, v in encoder.state_dict().items() if v.is_floating_point()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"labels": known}, indent=1) + "\n", encoding="utf-8")
