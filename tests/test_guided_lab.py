"""The EditLab's guided panel, its Python half: driven by the messages that its page sends."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
import torch
from PIL import Image

import styledit
from styledit.guiding.learner import Learner
from styledit.guiding.weights import TERMS
from styledit.lab import edit_lab, open_png
from styledit.lab.edit.guided import GUIDED, Guide, _bytes, guiding_dict
from styledit.lab.edit.png_recipe import from_dict
from styledit.lab.edit.samples import samples
from test_edit_lab import (  # noqa: F401 (fixtures)
    TARGET,
    decoded,
    edit,
    opened,
    own_cache,
    say,
    settle,
    shown,
)

NEAR = {"l2": 1.0, "style": 0.5}


def guide(lab, number: int = 1, *, style=None, data=None, wait: bool = True, **fields) -> None:
    """The page's request for a guided edit of the settings that stand there."""
    fields = {"weights": NEAR, "iterations": 8, "start": "edit", "seed": 0, "prompt": TARGET} | fields
    fields = {"settings": dict(lab.target["settings"]), "auto": False} | fields
    say(lab, "guide", data, id=number, style=style, wait=wait, **fields)


def of_library(lab, weights=None, **options) -> np.ndarray:
    """What the library makes of the same request."""
    given = {"iterations": 8, "progress": False} | options | from_dict(lab.target["settings"])
    prepared = lab.prepared
    weights = styledit.Weights(**(NEAR if weights is None else weights))
    guided = styledit.guide(
        lab.pipe, prepared.inversion, TARGET, values=prepared.values, weights=weights, **given
    )
    return np.asarray(guided.image)


def wait_for(lab, condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (lab.guided, lab.problem)
        time.sleep(0.001)


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_a_guided_edit_is_the_librarys(opened) -> None:  # noqa: F811
    lab = opened()
    plain = shown(lab)
    frames = []
    lab.observe(lambda change: frames.append(change.new), "frame")
    guide(lab, 4)
    assert not lab.problem and np.array_equal(shown(lab), of_library(lab))
    assert not np.array_equal(shown(lab), plain)
    assert [frame["exact"] for frame in frames[:-1]] == [False] * (len(frames) - 1) and len(frames) > 1
    assert frames[-1]["exact"] and {frame["id"] for frame in frames} == {4}
    told = lab.guided
    assert told["stopped"] == "done" and not told["running"] and told["iteration"] <= 8
    assert len(told["film"]) == len(told["curves"]["l2"]) == told["iteration"]  # every = 1 here
    assert decoded(told["film"][0]["picture"]).shape == (32, 32, 3) and told["film"][0]["heat"]
    assert set(told["curves"]) == {"loss", "l2", "style"} and told["evaluations"] > 8
    assert lab.progress["stage"] == ""
    assert lab.target["method"] == "value inputs" and lab.target["guided"]["weights"]["l2"] == 1.0
    assert [entry["guided"] is not None for entry in lab.history] == [False, True]


def test_a_stop_keeps_the_best_and_can_be_made_again(opened) -> None:  # noqa: F811
    lab = opened()
    plain = shown(lab)
    guide(lab, 2, iterations=500, wait=False)
    wait_for(lab, lambda: lab.guided.get("iteration", 0) >= 12)
    say(lab, "stop")
    assert lab.frame["exact"] and not lab.problem and lab.guided["stopped"] == "stopped"
    stopped = shown(lab)
    assert 12 <= lab.guided["iteration"] < 500 and not np.array_equal(stopped, plain)
    values = lab.shown.request.guide.values
    by_hand = styledit.guide(
        lab.pipe, lab.prepared.inversion, TARGET, values=lab.prepared.values, start=values, iterations=0,
        weights=styledit.Weights(**NEAR), progress=False, **from_dict(lab.target["settings"]),
    )  # fmt: skip
    assert np.array_equal(np.asarray(by_hand.image), stopped)
    say(lab, "save")
    kept = open_png(lab.saved["data"])
    assert kept.guide == lab.shown.request.guide and kept.method == GUIDED
    assert torch.equal(kept.guide.values, values) and kept.guide.key == lab.shown.request.guide.key
    edit(lab, 5, tau_c=0.0)
    assert not np.array_equal(shown(lab), stopped)
    lab.guiding._kept.clear()  # so that it is computed anew
    say(lab, "open", lab.saved["data"], id=6)
    assert np.array_equal(shown(lab), stopped) and lab.guided["stopped"] == "stopped"
    assert lab.guided["asked"]["iterations"] == 500 and not lab.problem


def test_a_stop_ends_within_one_network_call(opened, monkeypatch) -> None:  # noqa: F811
    """At most one state more after a stop; then each step that is left, one call at a time."""
    lab = opened()
    after = []
    stopping = lab.guiding.running

    def counted(*given):
        run = stopping(*given)
        while True:
            try:
                state = next(run)
            except StopIteration as end:
                return end.value
            if asked:
                after.append(state)
            yield state

    asked: list[bool] = []
    monkeypatch.setattr(lab.guiding, "running", counted)
    guide(lab, 2, iterations=1000, wait=False)
    wait_for(lab, lambda: lab.guided.get("iteration", 0) >= 3)
    asked.append(True)
    say(lab, "stop")
    assert len(after) <= 2 * 5 + 3  # five steps in both branches, and what was under way
    assert lab.guided["stopped"] == "stopped"


def test_newest_wins_and_small_things_do_not_disturb(opened) -> None:  # noqa: F811
    lab = opened()
    guide(lab, 2, iterations=600, wait=False)
    wait_for(lab, lambda: lab.guided.get("iteration", 0) >= 2)
    say(lab, "rename", id=1, name="first", wait=False)
    say(lab, "save", wait=False)
    wait_for(lab, lambda: bool(lab.saved) and lab.history[0]["name"] == "first")
    assert lab.guided["running"]
    edit(lab, 3, tau_c=0.1)
    assert not lab.guided["running"] and lab.guided["stopped"] == ""
    assert lab.frame["exact"] and lab.frame["id"] == 3 and lab.target["guided"] is None
    assert lab.shown.request.guide is None and lab.target["settings"]["tau_c"] == 0.1
    guide(lab, 4, iterations=600, wait=False)
    wait_for(lab, lambda: lab.guided["id"] == 4 and lab.guided["iteration"] >= 2)
    told: list[dict] = []
    lab.observe(lambda change: told.append(change.new), "guided")
    lab.close()
    assert told[-1]["iteration"] < 600 and not told[-1]["running"]


def test_the_history_shows_it_again_without_computing(opened, monkeypatch) -> None:  # noqa: F811
    lab = opened()
    guide(lab, 2)
    guided = shown(lab)
    edit(lab, 3, tau_c=0.0)
    number = lab.history[1]["id"]

    def computed(*_, **__):
        raise AssertionError("it was computed again")

    with monkeypatch.context() as patched:
        patched.setattr("styledit.lab.edit.guided.GuidedEdit", computed)
        say(lab, "recall", id=number, request=7)
    assert not lab.problem and np.array_equal(shown(lab), guided) and len(lab.history) == 3
    assert lab.guided["film"] and lab.guided["asked"]["weights"]["l2"] == 1.0
    say(lab, "source", id=8, kind="upload", name="", prompt="a red car", steps=4)
    assert lab.guided == {}
    lab.guiding._kept.clear()
    say(lab, "recall", id=number, request=9)
    assert np.array_equal(shown(lab), guided)


def test_guided_edits_by_two_fits_are_two(opened, pipe64, inversion64) -> None:  # noqa: F811
    values = styledit.fit_values(pipe64, inversion64, guidance=5.0, progress=False)
    lab = opened(styledit.edit(pipe64, inversion64, TARGET, values=values, progress=False))
    guide(lab, 2)
    first = shown(lab)
    settings = dict(lab.target["settings"])
    about = {"kind": "upload", "name": "again", "prompt": inversion64.prompt, "steps": inversion64.steps}
    say(lab, "source", id=3, **about)  # the same picture, fitted by the lab
    assert lab.prepared.inversion.fingerprint == inversion64.fingerprint
    guide(lab, 4, settings=settings)
    assert lab.target["settings"] == settings and not np.array_equal(shown(lab), first)
    assert np.array_equal(shown(lab), of_library(lab))


def test_the_newest_are_remembered_as_far_as_their_bytes_fit(opened, monkeypatch) -> None:  # noqa: F811
    lab = opened()
    guide(lab, 2, iterations=1)
    ((kept, _),) = lab.guiding._kept.values()
    latents = [kept.edit.latents, kept.edit.source_latents, kept.edit.x0]
    one = _bytes(kept)
    assert one > sum(tensor.nbytes for tensor in latents) and kept.edit.inversion is None
    monkeypatch.setattr("styledit.lab.edit.guided.LARGEST", int(3.5 * one))
    for k in range(3, 8):
        guide(lab, k, iterations=1, seed=k)
    seeds = [guide.seed for _, guide in lab.guiding._kept.values()]
    assert seeds == [5, 6, 7] and len(lab.history) == 7
    say(lab, "recall", id=lab.history[-1]["id"], request=9)
    assert lab.shown.edit.inversion is lab.prepared.inversion


def test_a_style_picture(opened, picture) -> None:  # noqa: F811
    lab = opened()
    style = Image.fromarray(255 - np.asarray(picture))
    weights = {"style": 1.0}
    guide(lab, 2, weights=weights, style={"kind": "upload", "name": "mine"}, data=png(style))
    with_style = shown(lab)
    assert np.array_equal(with_style, of_library(lab, weights, style_image=style))
    assert lab.guided["style"] and lab.guided["asked"]["style"] == {"kind": "upload", "name": "mine"}
    guide(lab, 3, weights=weights)
    assert not np.array_equal(shown(lab), with_style) and lab.guided["style"] is None
    # A reloaded page has the style's name only.
    guide(lab, 4, weights=weights, style={"kind": "upload", "name": "mine"})
    assert np.array_equal(shown(lab), with_style)
    say(lab, "save")
    kept = open_png(lab.saved["data"])
    assert kept.guide is not None and kept.guide.style is not None
    assert np.array_equal(np.asarray(kept.guide.style.picture), np.asarray(style))
    assert Guide.from_dict(kept.guide.as_dict(), kept.guide.style.picture) == kept.guide
    half = Guide.from_dict(kept.guide.as_dict(), style, torch.ones(2, 3, 4, dtype=torch.bfloat16))
    assert half.values.dtype == torch.bfloat16 and half.key != kept.guide.key
    with pytest.raises(ValueError, match="values must have shape"):
        Guide.from_dict(kept.guide.as_dict(), style, torch.ones(2, 3))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"weights": {}}, "nothing to minimise"),
        ({"weights": {"l2": -1}}, "at least 0"),
        ({"weights": {"clip": float("nan")}}, "finite"),
        ({"iterations": 0}, "iterations"),
        ({"iterations": 100_000}, "1000"),
        ({"start": "middle"}, "start"),
        ({"prompt": ""}, "prompt"),
        ({"style": {"kind": "sample", "name": "nothing"}}, "no picture"),
        ({"style": {"kind": "upload", "name": "gone"}}, "no longer there"),
        ({"style": {"kind": "upload", "name": "text"}, "data": b"no picture"}, "could not be read"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(opened, fields, sentence) -> None:  # noqa: F811
    lab = opened()
    before = shown(lab)
    guide(lab, 2, **fields)
    assert sentence in lab.problem and "unexpected" not in lab.problem
    assert np.array_equal(shown(lab), before) and lab.progress["stage"] == ""
    guide(lab, 3)
    assert not lab.problem and lab.guided["stopped"] == "done"


def test_a_style_picture_that_nothing_reads(opened, picture) -> None:  # noqa: F811
    lab = opened()
    before = shown(lab)
    guide(lab, 2, weights={"l2": 1.0}, style={"kind": "upload", "name": "mine"}, data=png(picture))
    assert "Nothing reads the style picture" in lab.problem and not lab.guided["running"]
    assert np.array_equal(shown(lab), before)


def test_nan_shows_the_best_before_and_says_so(opened, monkeypatch) -> None:  # noqa: F811
    lab = opened()
    step = Learner.step
    steps = []

    def broken(self, gradients):
        steps.append(1)
        step(self, [g * float("nan") for g in gradients] if len(steps) == 5 else gradients)

    monkeypatch.setattr(Learner, "step", broken)
    guide(lab, 2, iterations=40)
    assert "NaN or infinite" in lab.problem and lab.guided["stopped"] == "stopped"
    assert np.isfinite(shown(lab)).all() and lab.frame["id"] == 2


@pytest.mark.slow
def test_copied_code_makes_the_guided_picture_again(embedded, tmp_path, monkeypatch) -> None:
    lab = edit_lab(embedded, steps=8)
    settle(lab)
    prompt = lab.target["prompt"]
    monkeypatch.chdir(tmp_path)
    plain = shown(lab)

    def agrees(what: str) -> None:
        assert not lab.problem and not np.array_equal(shown(lab), plain)
        scope: dict = {}
        exec(lab.code, scope)
        assert np.array_equal(np.asarray(scope["edit"].image), shown(lab)), (what, lab.code)

    guide(lab, 2, prompt=prompt, weights={"clip": 1.0}, iterations=8)
    agrees("to its end")
    guide(lab, 3, prompt=prompt, weights={"clip": 1.0}, iterations=400, start="random", seed=3, wait=False)
    wait_for(lab, lambda: lab.guided.get("iteration", 0) >= 5 and lab.guided["id"] == 3)
    say(lab, "stop")
    assert lab.shown.request.guide.values is not None
    say(lab, "save")
    (tmp_path / lab.saved["name"]).write_bytes(lab.saved["data"])
    agrees("stopped")
    look = {"kind": "sample", "name": lab.world["samples"][3]["name"]}
    guide(lab, 4, prompt=lab.source["prompt"], weights={"style": 1.0}, style=look, iterations=8, auto=True)
    agrees("a lesson picture's look")
    data = png(Image.new("RGB", (128, 128), "gold"))
    guide(lab, 5, prompt=prompt, weights={"style": 1.0}, style={"kind": "upload", "name": "x"}, data=data)
    say(lab, "save")
    (tmp_path / lab.saved["name"]).write_bytes(lab.saved["data"])
    agrees("an own picture's look")
    lab.close()


def test_a_sheet_and_a_reload_after_a_guided_edit(opened) -> None:  # noqa: F811
    lab = opened()
    guide(lab, 2)
    say(lab, "sheet", id=3, rows={"name": "tau_c", "values": ["0", "1"]}, columns=None)
    assert not lab.problem and all(tile["exact"] for tile in lab.sheet["tiles"])
    assert {tile["method"] for tile in lab.sheet["tiles"]} == {"value inputs"}
    again = decoded(lab.frame["picture"])  # what a reloaded page is given
    assert np.array_equal(again, shown(lab)) and lab.guided["film"]


@pytest.mark.slow
def test_a_style_picture_is_said_in_an_unchanged_prompt(embedded, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STYLEDIT_CACHE", str(tmp_path))
    lab = edit_lab(embedded, steps=4)
    settle(lab)
    prompt = lab.source["prompt"]
    look = next(s for s in lab.world["samples"] if s["prompt"].startswith("a watercolor"))
    first_name = lab.world["samples"][0]["name"]
    assert prompt == lab.world["samples"][0]["prompt"]
    style = {"kind": "sample", "name": look["name"]}
    guide(lab, 2, prompt=prompt, weights={"style": 1.0}, style=style, auto=True)
    named = "a watercolor painting of" + prompt.split(" of")[1]
    assert not lab.problem and lab.target["prompt"] == named != prompt  # the page shows what was asked
    assert lab.history[-1]["prompt"] == named and lab.shown.edit.target_prompt == named
    assert lab.target["settings"] == lab.target["suggested"] and repr(named) in lab.code
    first = shown(lab)
    guide(lab, 3, prompt=named, weights={"style": 1.0}, style=style, auto=True)
    assert np.array_equal(shown(lab), first) and len(lab.history) == 2
    guide(lab, 4, prompt=prompt, weights={"l2": 1.0}, auto=True)  # without a style picture nothing is said
    assert lab.target["prompt"] == prompt
    # The same look as the source's: nothing to say, and the settings are the library's.
    guide(
        lab, 5, prompt=prompt, weights={"style": 1.0}, style={"kind": "sample", "name": first_name}, auto=True
    )
    own = styledit.guide(
        lab.pipe, lab.prepared.inversion, prompt, values=lab.prepared.values, iterations=8, progress=False,
        style_image=samples()[0].picture, weights=styledit.Weights(style=1.0),
    )  # fmt: skip
    assert lab.target["prompt"] == prompt and lab.target["settings"]["tau_s"] == own.edit.settings.tau_s < 1
    assert np.array_equal(shown(lab), np.asarray(own.image))
    lab.close()


def test_a_stop_while_the_look_is_named(opened, monkeypatch) -> None:  # noqa: F811
    lab = opened()
    named = lab.guiding.prompt_of

    def slow(*asked):
        say(lab, "stop", wait=False)  # it comes while CLIP is looking
        return named(*asked)

    monkeypatch.setattr(lab.guiding, "prompt_of", slow)
    guide(lab, 2, iterations=400)
    assert lab.guided["stopped"] == "stopped" and lab.guided["iteration"] < 5


def test_the_picture_in_the_slot_is_that_of_the_edit_shown(opened, picture) -> None:  # noqa: F811
    lab = opened()
    one, other = (Image.fromarray(np.asarray(picture) // k) for k in (1, 3))
    weights = {"style": 1.0}
    for k, (name, look) in enumerate((("one", one), ("other", other))):
        guide(
            lab, 2 + k, weights=weights, style={"kind": "upload", "name": name}, data=png(look), iterations=2
        )
    say(lab, "recall", id=lab.history[-2]["id"], request=4)
    guide(lab, 5, weights=weights, style={"kind": "upload", "name": "one"}, iterations=3)
    kept = lab.shown.request.guide.style
    assert kept.name == "one" and np.array_equal(np.asarray(kept.picture), np.asarray(one))
    say(lab, "save")
    again = opened()
    say(again, "open", lab.saved["data"], id=1)
    settle(again)
    guide(again, 6, weights=weights, style={"kind": "upload", "name": "one"}, iterations=2)
    assert not again.problem
    assert np.array_equal(np.asarray(again.shown.request.guide.style.picture), np.asarray(one))


def test_what_the_panel_offers() -> None:
    told = guiding_dict()
    assert {term["name"] for term in told["terms"]} == set(TERMS)
    assert all(any(preset["weights"].values()) for preset in told["presets"])
    brief = next(preset for preset in told["presets"] if preset["name"] == "brief")["weights"]
    assert (brief["l2"], brief["perceptual"], brief["style"], brief["clip"]) == (0.1, 0.5, 0.2, 0.2)
    assert Guide.of({"weights": brief, "iterations": 3, "start": "edit"}, None).seed == 0
