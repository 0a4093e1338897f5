"""The measurement of the library's speed: it runs, and says what misses its bar."""

from __future__ import annotations

import pytest

import styledit
from measure import speed


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Few steps and pictures, one round: what is measured means nothing, how it is measured is the same."""
    monkeypatch.setattr(speed, "STEPS", 3)
    monkeypatch.setattr(speed, "ROUNDS", 1)


@pytest.mark.slow
def test_every_time_is_measured(embedded, capsys):
    missed = speed.times(embedded, "a plain sticker of a fox in the meadow")
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.endswith("reported")]) == 2
    assert len([line for line in lines if line.endswith("MISSED")]) == len(missed)
    assert len([line for line in lines if line.endswith(("ok", "MISSED"))]) == 8
    assert [line.split()[0] for line in lines if "->" in line] == list(speed.MOVES)


@pytest.mark.slow
def test_a_preset_that_costs_too_much_is_named(embedded, capsys, monkeypatch, tmp_path):
    pipe = embedded
    captions = {speed.PICTURE: "a plain sticker of a fox in the meadow"}
    monkeypatch.setattr(speed, "PAPERS", {"paper": styledit.PRESETS["fine"]})  # fine costs all of it, then
    monkeypatch.setattr(speed, "PUBLISHED", tmp_path / "published.json")
    monkeypatch.setattr(speed, "PRESET_BARS", {"default": (1.0, 100.0), "fine": (0.9, 0.0)})
    with pytest.raises(SystemExit, match="for other weights; make them again"):
        speed.presets(pipe, captions)
    assert speed.presets(pipe, captions, again=True) == ["the preset fine against paper"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("default, against paper:") and lines[-2].endswith("ok")
    assert lines[-1].startswith("fine, against paper:") and lines[-1].endswith("MISSED")
    row = {"evaluations": 1, "picture": 1, "decoded": 1}
    monkeypatch.setattr(speed, "reach", lambda pipe, inversions, preset: row)
    assert speed.presets(pipe, captions) and speed.stored_papers()["paper"]["evaluations"] > 1


def test_the_stored_results_are_of_the_committed_weights():
    assert speed.stored_papers().keys() == speed.PAPERS.keys()
