"""The judge: its features, its names, and loading."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from styledit.perception.judge import WIDTHS, Judge, load_judge

LABELS = {"colour": ["red", "blue"], "object": ["car", "cat", "fox"]}


@pytest.fixture
def folder(tmp_path):
    """A judge with random weights, saved as the recipe does: without the batch counters."""
    torch.manual_seed(0)
    state = {
        k: v.half() for k, v in Judge(LABELS).state_dict().items() if not k.endswith("num_batches_tracked")
    }
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"labels": LABELS}))
    return tmp_path


def test_features_and_names(folder):
    judge = load_judge(folder)
    assert not judge.training and not any(weight.requires_grad for weight in judge.parameters())
    pictures = torch.rand(2, 3, 32, 48)
    shapes = [tuple(maps.shape) for maps in judge.features(pictures)]
    assert shapes == [(2, width, 32 >> k, 48 >> k) for k, width in enumerate(WIDTHS)]
    logits, names = judge(pictures), judge.name(pictures)
    assert [names[1][factor] for factor in LABELS] == [LABELS[f][int(logits[f][1].argmax())] for f in LABELS]


@pytest.mark.parametrize(
    "damage", ["no config", "bad config", "no weights", "bad weights", "half the weights"]
)
def test_what_is_no_judge(folder, damage):
    config, weights = folder / "config.json", folder / "model.safetensors"
    {
        "no config": config.unlink,
        "bad config": lambda: config.write_text("{}"),
        "no weights": weights.unlink,
        "bad weights": lambda: weights.write_bytes(b"something"),
        "half the weights": lambda: save_file({"stages.0.0.weight": torch.zeros(16, 3, 3, 3)}, weights),
    }[damage]()
    with pytest.raises(ValueError, match="There is no judge in"):
        load_judge(folder)
