"""The measurement of the library's speed: it runs, and says what misses its bar."""

from __future__ import annotations

import pytest

import styledit
from measure import speed


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Few steps, one round: what is measured means nothing, how it is measured is the same."""
    monkeypatch.setattr(speed, "STEPS", 3)
    monkeypatch.setattr(speed, "ROUNDS", 1)


def test_every_time_is_measured(capsys):
    missed = speed.times(styledit.load(), "a plain sticker of a fox in the meadow")
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.endswith("reported")]) == 2
    assert len([line for line in lines if line.endswith("MISSED")]) == len(missed)
    assert len([line for line in lines if line.endswith(("ok", "MISSED"))]) == 4
    assert [line.split()[0] for line in lines if "->" in line] == list(speed.MOVES)


def test_a_preset_that_costs_too_much_is_named(capsys, monkeypatch):
    pipe = styledit.load()
    captions = {speed.PICTURE: "a plain sticker of a fox in the meadow"}
    cheap = styledit.PRESETS | {"paper": styledit.PRESETS["fine"]}  # fine costs all of it, then
    monkeypatch.setattr(styledit, "PRESETS", cheap)
    monkeypatch.setattr(speed, "PRESET_BARS", {"default": (1.0, 100.0), "fine": (0.9, 0.0)})
    assert speed.presets(pipe, captions) == ["the preset fine"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("default:") and lines[-2].endswith("ok")
    assert lines[-1].startswith("fine:") and lines[-1].endswith("MISSED")
