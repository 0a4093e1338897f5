"""The EditLab's Python half, driven by the messages that its page sends."""

from __future__ import annotations

import gc
import io
import json
import os
import random
import threading
import time
import warnings
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from anywidget import AnyWidget
from PIL import Image, PngImagePlugin

import styledit
from conftest import make_pipeline
from styledit.editing.mask import PaintedMask
from styledit.lab import EditLab, attention_explorer, edit_lab, open_png
from styledit.lab.edit import png_recipe, serialising, session, step_pictures
from styledit.lab.edit.archive import Archive
from styledit.lab.edit.cache import FitCache
from styledit.lab.edit.display import Display
from styledit.lab.edit.guided import Guiding
from styledit.lab.edit.history import History
from styledit.lab.edit.maker import EditMaker
from styledit.lab.edit.methods import BASELINES, FOLLOW, VALUES
from styledit.lab.edit.queue import RequestQueue
from styledit.lab.edit.requests import EditRequest
from styledit.lab.edit.scores import Scores
from styledit.lab.edit.session import Source
from styledit.lab.edit.sheet import ContactSheets
from styledit.lab.edit.widget import PAGE_FIELDS, WORKER_FIELDS
from styledit.lab.frames import thumbnail
from styledit.lab.widget import check_fields
from styledit.pictures import decode_latents
from styledit.prompts import prompt_slots

PROMPT = "a red car in the snow"
TARGET = "a blue car in the snow"
DRAGS = int(os.environ.get("STYLEDIT_DRAGS", 20))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLEDIT_CACHE", str(tmp_path))
    yield
    deadline = time.monotonic() + 60
    while any(thread.name == "styledit-lab" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "a worker was left"
        time.sleep(0.01)


@pytest.fixture
def opened(ruled64, picture):
    labs = []

    def make(*given, pipe=ruled64, **options):
        given = given or (picture, PROMPT)
        options = {"steps": 5, "target": TARGET} | options
        labs.append(edit_lab(pipe, *given, **options))
        settle(labs[-1])
        say(labs[-1], "shown", serial=labs[-1].frame.get("serial", 0))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


def settle(lab, seconds: float = 120) -> None:
    """Wait until the lab has nothing left to do."""
    deadline = time.monotonic() + seconds
    while True:
        with lab.worker._changed:
            if lab not in lab.worker._runs:
                return
        assert time.monotonic() < deadline, lab.progress
        time.sleep(0.002)


def until(condition, seconds: float = 120) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def say(lab, message: str, data: bytes | None = None, *, wait: bool = True, **fields) -> None:
    """A message of the page."""
    lab._receive(lab, {"type": message} | fields, [] if data is None else [memoryview(data)])
    if wait:
        settle(lab)


def edit(
    lab,
    number: int = 1,
    moving: bool = False,
    prompt: str = TARGET,
    method: str = FOLLOW,
    base=None,
    parameters=None,
    **changes,
) -> None:
    """The page's request for the settings that stand there, or `base`, with some changes."""
    settings = dict(base or lab.target["settings"]) | changes
    about = {"prompt": prompt, "settings": settings, "method": method, "parameters": parameters or {}}
    say(lab, "edit", id=number, moving=moving, wait=not moving, **about)


def axis(name: str, *values: object, word: str = "") -> dict:
    """What the page says of a contact sheet's rows or columns."""
    return {"name": name, "values": [str(value) for value in values], "word": word}


def shown(lab) -> np.ndarray:
    """The exact picture on the page."""
    assert lab.frame["exact"], lab.problem
    return decoded(lab.frame["picture"])


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def fresh(lab, prompt: str = TARGET) -> np.ndarray:
    """What a new editor makes of the settings that the page shows."""
    from styledit.lab.edit.png_recipe import from_dict

    prepared = lab.prepared
    values = prepared.values if lab.target["method"] == VALUES else None
    editor = styledit.Editor(lab.pipe, prepared.inversion, values=values)
    return np.asarray(editor.edit(prompt, progress=False, **from_dict(lab.target["settings"])).image)


def test_it_opens_with_the_plain_call(opened, picture) -> None:
    lab = opened()
    inversion = styledit.invert(lab.pipe, picture, PROMPT, steps=5, progress=False)
    plain = styledit.edit(lab.pipe, inversion, TARGET, progress=False)
    assert lab.target["method"] == lab.frame["method"] == FOLLOW == lab.world["methods"][0]["name"]
    assert np.array_equal(shown(lab), np.asarray(plain.image))
    assert lab.target["auto"] and lab.target["suggested"] == lab.target["settings"]
    assert [word["text"] for word in lab.target["words"] if word["changed"]] == ["blue"]
    assert lab.target["removed"] == ["red"]
    assert np.array_equal(decoded(lab.source["picture"]), np.asarray(picture))
    assert np.array_equal(decoded(lab.source["reconstruction"]), np.asarray(plain.reconstruction))
    assert not lab.problem and lab.progress["stage"] == "" and len(lab.history) == 1
    assert [row["state"] for row in lab.frame["step_states"]] == ["replayed"] * 5 or lab.frame[
        "first_step"
    ] == 0


@pytest.mark.parametrize("method", [FOLLOW, VALUES])
def test_every_setting_reaches_the_editor(opened, method) -> None:
    lab = opened()
    all_changes = (
        {"tau_c": 0.2},
        {"tau_s": 0.0, "tau_u": 1.0},
        {"guidance": 4.0},
        {"tau_v": 1.0, "tau_v_changed": 0.0, "tau_c": 0.5},
        {"tau_v_words": {"blue": 0.4}, "tau_c_words": {"blue": 0.2}, "reweight": {"blue": 2.0}},
        {"blend": ["car"], "blend_threshold": 0.5},
        {"mask": {"width": 4, "height": 2, "rows": ["1100", "0000"]}},
        {"guide_from_source": True},
        {"keep_details": not lab.target["settings"]["keep_details"]},
    )
    for changes in all_changes:
        edit(lab, method=method, **changes)
        assert not lab.problem and lab.frame["method"] == method
        assert np.array_equal(shown(lab), fresh(lab)), changes
    assert decoded(lab.frame["mask"]).mean() > 0 and len(lab.history) == 1 + len(all_changes)
    edit(lab, method=method, mask=None, blend=[])
    assert lab.frame["mask"] is None and np.array_equal(shown(lab), fresh(lab))


def test_a_fine_mask_is_pasted_in_the_first_look_too(opened, pipe64, picture) -> None:
    """Outside the mask every frame has the picture's own pixels; a mask of files made earlier opens."""
    lab = opened(pipe=pipe64)
    edit(lab, 2, method=VALUES, tau_c=0.3)
    width, height = lab.world["mask_size"]
    assert (width, height) == picture.size
    cells = np.zeros((height, width), bool)
    cells[5:20, 9:22] = True
    mask = png_recipe.mask_as_dict(PaintedMask.of(cells))
    frames: list[dict] = []
    lab.observe(lambda change: frames.append(change.new), "frame")
    say(lab, "shown", serial=lab.frame["serial"])
    edit(lab, 3, method=VALUES, moving=True, mask=mask)
    settle(lab)
    assert [frame["exact"] for frame in frames] == [False, True]
    assert np.array_equal(shown(lab), fresh(lab))
    outside = np.asarray(picture)[~cells]
    assert np.array_equal(shown(lab)[~cells], outside)
    near = np.abs(decoded(frames[0]["picture"])[~cells].astype(int) - outside)
    assert np.median(near) <= 6  # a first look travels as WebP
    assert decoded(lab.frame["mask"]).shape[:2] == (height, width)
    say(lab, "shown", serial=lab.frame["serial"])
    edit(lab, 4, method=VALUES, mask=png_recipe.mask_as_dict(PaintedMask.of(~cells)), moving=True)
    settle(lab)
    assert np.array_equal(shown(lab)[cells], np.asarray(picture)[cells])
    there, exact = decoded(frames[-2]["picture"])[~cells].astype(int), shown(lab)[~cells]
    # How rough it is, the random network decides; as far off as the source it is not.
    assert not frames[-2]["exact"]
    assert np.median(np.abs(there - exact)) < np.median(np.abs(outside.astype(int) - exact)) / 2


def test_where_a_word_looks_is_asked_for(opened) -> None:
    """The source's map for a word that it has, the edit's for a new one."""
    lab = opened()
    size = tuple(lab.prepared.inversion.z_T.shape[-2:])
    editor = styledit.Editor(lab.pipe, lab.prepared.inversion)
    recorded, edited = (  # an edit to the same prompt is the source
        editor.edit(prompt, record=styledit.Layers(), progress=False) for prompt in (PROMPT, TARGET)
    )
    for number, word, maps in ((7, "car", recorded.maps), (8, "blue", edited.maps)):
        say(lab, "word_map", id=number, word=word)
        found = lab.word_map
        assert (found["id"], found["word"], found["height"], found["width"]) == (number, word, *size)
        values = np.frombuffer(found["values"], np.uint8).reshape(size).astype(float)
        wanted = maps.word(word, size=size).numpy()
        wanted = 255 * (wanted - wanted.min()) / (wanted.max() - wanted.min())
        assert np.abs(values - wanted).max() <= 1, word
    before = shown(lab)
    say(lab, "word_map", id=9, word="fox")
    assert "'fox' is not in the prompt" in lab.problem and np.array_equal(shown(lab), before)
    assert not lab.queue


def test_where_all_words_look_is_asked_for_once(opened) -> None:
    """As the library has it of the edit, of all words of the target and of those of the source that went;
    nothing is edited for it, and another edit takes it away.
    """
    lab = opened()
    prepared = lab.prepared
    size = tuple(prepared.inversion.z_T.shape[-2:])
    reconstructed = styledit.Editor(lab.pipe, prepared.inversion).edit(
        PROMPT, record=styledit.Layers(), progress=False
    )
    standing = (lab.frame["serial"], len(lab.history), lab.present)
    for number, method in ((7, FOLLOW), (8, VALUES), (9, BASELINES[0])):
        if method != FOLLOW:
            edit(lab, 2, method=method)
            assert lab.looks == {}
            standing = (lab.frame["serial"], len(lab.history), lab.present)
        say(lab, "looks", id=number)
        assert (lab.looks["id"], lab.looks["method"]) == (number, method), lab.problem
        assert (lab.looks["height"], lab.looks["width"]) == size
        assert list(lab.looks["edit"]) == TARGET.split() and list(lab.looks["source"]) == ["red"]
        edited = lab.recorded_edit()
        assert np.array_equal(np.asarray(edited.image), shown(lab))
        pairs = [(lab.looks["edit"][word], edited.maps, word) for word in TARGET.split()]
        for found, maps, word in (*pairs, (lab.looks["source"]["red"], reconstructed.maps, "red")):
            values = np.frombuffer(found, np.uint8).reshape(size).astype(float)
            wanted = maps.word(word, size=size).numpy()
            wanted = 255 * (wanted - wanted.min()) / (wanted.max() - wanted.min())
            assert np.abs(values - wanted).max() <= 1, (method, word)
        assert standing == (lab.frame["serial"], len(lab.history), lab.present)
    edit(lab, 10, method="SDEdit")
    say(lab, "looks", id=11)
    assert (
        lab.looks["method"] == FOLLOW and not lab.problem
    )  # which is not what stands there: the page says so
    with pytest.raises(ValueError, match="'SDEdit' has no attention maps"):
        attention_explorer(lab.pipe, lab)


def test_a_newer_edit_goes_before_where_words_look(opened) -> None:
    lab = opened()
    say(lab, "looks", id=2, wait=False)
    edit(lab, 3, prompt="a green car in the snow")
    settle(lab)
    assert lab.frame["id"] == 3 and "green" in lab.looks["edit"] and not lab.queue


def test_a_lab_is_explored(opened, pipe64) -> None:
    """The edit that it shows, with the maps that its code records."""
    lab = opened()
    explorer = attention_explorer(lab.pipe, lab)
    assert explorer.run_shown() == (PROMPT, 5)
    (run,) = explorer.about["runs"]
    assert (run["kind"], run["prompt"]) == ("edit", TARGET)
    lines = lab.code.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("inversion = "))
    scope = {"styledit": styledit, "pipe": lab.pipe, "picture": lab.prepared.picture}
    opening = [line.removeprefix("# ") for line in lines[-2:]]
    exec("\n".join([*lines[start:], opening[0], f"explorer = {opening[1]}"]), scope)
    assert np.array_equal(np.asarray(scope["recorded"].image), shown(lab))
    assert scope["explorer"].data == explorer.data
    scope["explorer"].close()
    explorer.close()
    lab.close()
    with pytest.raises(ValueError, match="This lab has no edit to explore"):
        attention_explorer(pipe64, lab)


def test_a_drag_shows_a_first_look_and_then_the_edit(opened) -> None:
    lab = opened()
    frames = []
    lab.observe(lambda change: frames.append(change.new), "frame")
    edit(lab, 2, moving=True, tau_c=0.0)
    settle(lab)
    assert [frame["exact"] for frame in frames] == [False, True] and {f["id"] for f in frames} == {2}
    assert [frame["serial"] for frame in frames] == sorted(frame["serial"] for frame in frames)
    assert len(lab.history) == 1  # still held
    edit(lab, 3, tau_c=0.0)  # let go: nothing is computed again
    assert frames[-1]["id"] == 3 and frames[-1]["exact"] and len(lab.history) == 2
    assert np.array_equal(shown(lab), fresh(lab))


def test_unconfirmed_frames_are_at_most_two(opened) -> None:
    lab = opened()
    frames = []
    lab.observe(lambda change: frames.append(change.new), "frame")
    for k in range(6):
        edit(lab, 2 + k, moving=True, tau_c=k / 10)
        settle(lab)
    assert sum(not frame["exact"] for frame in frames) <= 2
    say(lab, "shown", serial=frames[-1]["serial"])
    frames.clear()
    edit(lab, 20, moving=True, tau_c=0.9)
    settle(lab)
    assert [frame["exact"] for frame in frames] == [False, True]


def test_back_at_what_is_shown_the_settings_are_its_own(opened) -> None:
    lab = opened()
    edit(lab, 2, tau_c=0.1)
    lab.observe(lambda change: asked.append(change.new["settings"]["tau_c"]), "target")
    asked: list[float] = []
    edit(lab, 3, moving=True, tau_c=0.9)
    while 0.9 not in asked:  # its first look is there
        time.sleep(0.001)
    base = dict(lab.target["settings"]) | {"tau_c": 0.1}
    edit(lab, 4, moving=True, base=base)
    edit(lab, 5, base=base)
    assert lab.target["settings"]["tau_c"] == 0.1 and np.array_equal(shown(lab), fresh(lab))


def drag(lab, draw: random.Random, number: int, method: str) -> int:
    """One random drag: 1 to 10 events at 30 Hz, the last one let go."""
    name = draw.choice(["tau_c", "tau_s", "tau_u", *["tau_v"] * (method == VALUES), "guidance"])
    for _ in range(draw.randint(1, 10)):
        value = draw.choice([1.0, 2.0, 4.0]) if name == "guidance" else round(draw.random(), 2)
        number += 1
        edit(lab, number, moving=True, method=method, **{name: value})
        time.sleep(1 / 30)
    if draw.random() < 0.5:  # the other half lets go while the last one is being computed
        settle(lab)
    number += 1
    edit(lab, number, method=method, **{name: value})
    return number


@pytest.mark.slow
@pytest.mark.parametrize("method", [FOLLOW, VALUES])
def test_random_drags_end_in_what_a_new_editor_makes(opened, method) -> None:
    lab = opened()
    draw = random.Random(0)
    number = 1
    for _ in range(DRAGS):
        number = drag(lab, draw, number, method)
        assert lab.frame["id"] == number and not lab.problem
        assert np.array_equal(shown(lab), fresh(lab)), lab.target["settings"]


def test_bad_requests_are_sentences_and_the_picture_stays(opened) -> None:
    lab = opened()
    before = shown(lab)
    good = dict(lab.target["settings"])
    for fields, said in (
        ({"prompt": ""}, "empty"),
        ({"prompt": "a 猫 in the snow"}, "cannot spell"),
        ({"tau_c": 2.0}, "tau_c"),
        ({"tau_c_words": {"fox": 0.5}}, "'fox' is not in the prompt"),
        ({"mask": {"rows": ["01", "0"]}}, "mask"),
        ({"blend": ["fox"]}, "fox"),
        ({"method": "magic"}, "no method 'magic'"),
        ({"guidance": float("nan")}, "guidance"),
    ):
        edit(lab, 5, base=good, **fields)
        assert said in lab.problem, fields
        assert np.array_equal(shown(lab), before) and lab.progress["stage"] == ""
    edit(lab, 6, base=good)
    assert not lab.problem
    say(lab, "upload")  # no such message
    for fields, data, said in (
        ({"kind": "upload", "prompt": PROMPT, "steps": 5}, b"no picture", "could not be read"),
        ({"kind": "sample", "name": "nobody", "prompt": PROMPT, "steps": 5}, None, "no picture 'nobody'"),
        ({"kind": "seed", "seed": -1, "prompt": PROMPT, "steps": 5}, None, "seed"),
        ({"kind": "seed", "seed": 1, "prompt": PROMPT, "steps": 0}, None, "steps"),
        ({"kind": "seed", "seed": 1, "prompt": "", "steps": 5}, None, "empty"),
    ):
        say(lab, "source", data, id=7, **fields)
        assert said in lab.problem, fields
        assert np.array_equal(shown(lab), before)
    say(lab, "open", b"junk", id=8)
    assert "carries no edit" in lab.problem
    say(lab, "recall", id=99)
    assert "no longer there" in lab.problem
    for rows, columns, said in (
        (None, None, "Choose what"),
        (axis("nothing", 1), None, "cannot vary 'nothing'"),
        (axis("tau_c", 0, 1), axis("tau_c", 0, 1), "vary the same"),
        (axis("tau_c"), None, "Give values for Keep where things are τc, such as 0, 0.25, 0.5."),
        (axis("tau_c", "0,5"), None, "'0,5' is no number"),
        (axis("tau_c", 0, 25), None, "must lie between 0 and 1, not 25"),
        (axis("guidance", "nan"), None, "must be finite"),
        (axis("method", "magic"), None, "choose from following the source, value inputs, DDIM"),
        (axis("guide_from_source", "perhaps"), None, "choose from yes"),
        (axis("tau_c", 0, 0.2, 0.4, 0.6, 0.8, 1), axis("tau_s", *range(7)), "must lie between"),
        (
            axis("guidance", *range(7)),
            axis("tau_s", 0, 0.2, 0.4, 0.6, 0.8, 1),
            "7 × 6 = 42 tiles are too many",
        ),
        (axis("strength", 0.2), None, "following the source does not use strength"),
        (axis("tau_s", 0, 1), axis("method", "SDEdit"), "SDEdit does not use tau_s"),
        (axis("reweight", 2, word="panda"), None, "'panda' is not in the prompt"),
        (axis("reweight", 2), None, "Choose the word"),
        (axis("iterations", 1.5), axis("method", "null-text"), "whole numbers"),
        (axis("prompt", ""), None, "one prompt a line"),
    ):
        say(lab, "sheet", id=9, rows=rows, columns=columns)
        assert said in lab.problem and lab.sheet == {}, (said, lab.problem)
    for message in ({"type": "show_sheet", "id": 3}, {"type": "export", "id": 9, "sheet": 3, "kind": "png"}):
        say(lab, message.pop("type"), **message)
        assert "no longer there" in lab.problem
    edit(lab, 9, method="SDEdit", parameters={"strength": 7})
    assert "strength must lie between 0.1 and 1, not 7" in lab.problem
    edit(lab, 10, tau_c=0.3)
    assert not lab.problem and np.array_equal(shown(lab), fresh(lab))


def test_a_new_source_is_fitted_where_value_inputs_are_chosen_and_found_again(opened, picture) -> None:
    lab = opened()
    stages = []
    lab.observe(lambda change: stages.append(change.new["stage"]), "progress")
    say(lab, "source", id=2, kind="seed", seed=3, prompt=PROMPT, steps=4)
    assert lab.source["kind"] == "seed" and lab.source["id"] == 2 and "fitting" not in stages
    drawn = styledit.generate(lab.pipe, PROMPT, seed=3, progress=False).image
    assert np.array_equal(decoded(lab.source["picture"]), np.asarray(drawn))
    edit(lab, 3, method=VALUES)
    assert "fitting" in stages and not lab.prepared.found and np.array_equal(shown(lab), fresh(lab))
    fitted = shown(lab)
    stages.clear()
    say(lab, "source", id=4, kind="seed", seed=3, prompt=PROMPT, steps=4)
    edit(lab, 5, method=VALUES)
    assert "fitting" not in stages and lab.prepared.found and np.array_equal(shown(lab), fitted)
    data = bytes(open_bytes(picture.resize((48, 40))))
    say(lab, "source", data, id=6, kind="upload", name="mine.png", prompt=TARGET, steps=4)
    assert lab.source["kind"] == "upload" and not lab.problem


def open_bytes(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_stop_ends_what_is_computed_and_keeps_the_rest(opened) -> None:
    lab = opened()
    before = shown(lab)
    prompt = lab.source["prompt"]
    say(lab, "source", id=2, kind="seed", seed=9, prompt=PROMPT, steps=60, wait=False)
    time.sleep(0.2)
    say(lab, "stop")
    assert np.array_equal(shown(lab), before) and lab.source["prompt"] == prompt
    edit(lab, 3, tau_c=0.1)
    assert np.array_equal(shown(lab), fresh(lab))


def test_history_renames_and_recalls_across_sources(opened) -> None:
    lab = opened()
    first = shown(lab)
    edit(lab, 2, tau_c=0.0, tau_s=0.0)
    say(lab, "source", id=3, kind="seed", seed=3, prompt=PROMPT, steps=4)
    assert len(lab.history) == 3
    say(lab, "rename", id=1, name="the first")
    assert lab.history[0]["name"] == "the first"
    say(lab, "recall", id=1)
    assert lab.source["kind"] == "upload" and np.array_equal(shown(lab), first)
    assert len(lab.history) <= 4


def test_a_drag_is_one_entry(opened) -> None:
    lab = opened()
    for number, tau in ((2, 0.9), (3, 0.8), (4, 0.7)):
        edit(lab, number, moving=True, tau_c=tau)
        settle(lab)  # a slow hand: each is drawn exactly
        assert lab.frame["exact"] and lab.frame["id"] == number
    for number in range(5, 15):  # and a quick one
        edit(lab, number, moving=True, tau_c=number / 20)
    assert len(lab.history) == 1 and lab.present["entry"] == 1
    edit(lab, 15, tau_c=0.35)
    assert [entry["settings"]["tau_c"] for entry in lab.history[1:]] == [0.35]
    assert lab.present == {"entry": 2, "request": 15}
    edit(lab, 16, moving=True, tau_c=0.5)
    settle(lab)
    edit(lab, 17, tau_c=0.35)  # back where it was: nothing has changed
    assert len(lab.history) == 2 and lab.present == {"entry": 2, "request": 17}


def test_what_was_automatic_stays_automatic(opened) -> None:
    lab = opened()
    first, settings = shown(lab), lab.target["settings"]
    edit(lab, 2, tau_c=0.05, tau_s=0.1)
    assert [entry["auto"] for entry in lab.history] == [True, False]
    by_hand = shown(lab)
    say(lab, "recall", id=1, request=3)
    assert lab.target["auto"] and lab.target["settings"] == settings and np.array_equal(shown(lab), first)
    say(lab, "save")
    saved = lab.saved["data"]
    say(lab, "recall", id=2, request=4)
    assert not lab.target["auto"] and np.array_equal(shown(lab), by_hand) and len(lab.history) == 2
    say(lab, "open", saved, id=5)
    assert lab.target["auto"] and lab.target["settings"] == settings and np.array_equal(shown(lab), first)
    edit(lab, 6, base=settings)  # the same by hand is the same picture: it is automatic no more
    assert len(lab.history) == 3 and not lab.history[-1]["auto"] and not lab.target["auto"]


def test_a_new_word_after_an_undo_has_suggested_settings(opened) -> None:
    lab = opened()
    for number, prompt in ((2, PROMPT), (3, "a red fox in the snow")):
        say(lab, "edit", id=number, moving=False, prompt=prompt, settings={}, auto=True, method=FOLLOW)
    unchanged = lab.history[1]
    assert unchanged["settings"] != lab.history[2]["settings"] and unchanged["prompt"] == PROMPT
    say(lab, "recall", id=unchanged["id"], request=4)
    assert lab.target["settings"] == unchanged["settings"]
    asked = {name: lab.target[name] for name in ("settings", "auto", "method")}  # as the page has them
    say(lab, "edit", id=5, moving=False, prompt="a red dog in the snow", **asked)
    settings = dict(lab.target["settings"])
    say(
        lab, "edit", id=6, moving=False, prompt="a red dog in the snow", settings={}, auto=True, method=FOLLOW
    )
    assert settings == lab.target["settings"] != unchanged["settings"]


def test_two_seeds_of_one_prompt_are_two_entries(opened) -> None:
    lab = opened()
    settings = dict(lab.target["settings"])
    for number, seed in ((2, 3), (4, 5)):
        say(lab, "source", id=number, kind="seed", seed=seed, prompt=PROMPT, steps=3, wait=False)
        edit(lab, number + 1, base=settings)
    *_, one, other = lab.history
    assert all(one[name] == other[name] for name in ("prompt", "settings", "method"))
    assert (one["source"]["seed"], other["source"]["seed"]) == (3, 5)
    assert one["source"]["key"] != other["source"]["key"] == lab.source["key"]
    assert lab.present["entry"] == other["id"]
    say(lab, "recall", id=one["id"], request=6)
    assert lab.present == {"entry": one["id"], "request": 6} and lab.source["seed"] == 3
    count = len(lab.history)
    say(lab, "source", id=7, kind="seed", seed=3, prompt=PROMPT, steps=3, wait=False)  # the same once more
    edit(lab, 8, base=settings)
    assert len(lab.history) == count and lab.present["entry"] == one["id"]


def test_the_code_reads_the_file_that_save_writes(opened) -> None:
    lab = opened()
    names = []

    def save() -> str:
        say(lab, "save")
        assert f"open_png({lab.saved['name']!r})" in lab.code
        names.append(lab.saved["name"])
        return names[-1]

    assert save().startswith("a_blue_car_in_the_snow_")
    edit(lab, 2, tau_c=0.1)
    save()
    say(lab, "rename", id=2, name="night / best?")
    assert save().startswith("night_best_")
    data = lab.saved["data"]
    edit(lab, 3, tau_c=0.2)
    save()
    assert len(set(names)) == 4
    say(lab, "open", data, id=4)
    assert save()[-10:] == names[2][-10:]  # the same recipe has the same number


def test_two_pictures_are_compared(opened) -> None:
    lab = opened()
    first = shown(lab)
    edit(lab, 2, tau_c=0.0, tau_s=0.0)
    second = shown(lab)
    edit(lab, 3, guidance=4.0)
    pictures = {
        1: first,
        2: second,
        "edit": shown(lab),
        "source": decoded(lab.source["picture"]),
        "reconstruction": decoded(lab.source["reconstruction"]),
    }
    for left, right in ((1, 2), (2, "edit"), ("source", 1), ("reconstruction", "source")):
        say(lab, "compare", id=4, left=left, right=right)
        assert (lab.compared["left"], lab.compared["right"]) == (left, right)
        a, b = (Image.fromarray(pictures[side]) for side in (left, right))
        assert lab.compared["psnr"] == styledit.psnr(a, b)
        for side, sent in zip((left, right), lab.compared["pictures"], strict=True):
            assert np.array_equal(decoded(sent), pictures[side]) if isinstance(side, int) else sent is None
    say(lab, "compare", id=5, left=3, right="edit")
    assert lab.compared["psnr"] is None  # one and the same
    json.dumps(lab.compared["psnr"], allow_nan=False)
    kept = lab.compared
    for left, said in ((99, "no longer there"), ("truth", "not there"), ("nothing", "not there")):
        say(lab, "compare", id=6, left=left, right="edit")
        assert said in lab.problem and lab.compared == kept
    say(lab, "source", id=7, kind="seed", seed=3, prompt=PROMPT, steps=3)
    say(lab, "compare", id=8, left=1, right="edit")
    assert lab.compared["psnr"] == styledit.psnr(Image.fromarray(first), Image.fromarray(shown(lab)))
    say(lab, "compare", id=9, left=None, right=None)
    assert lab.compared == {}


def test_the_history_keeps_sixty_and_no_more_than_its_room(monkeypatch) -> None:
    source = Source("seed", "", PROMPT, 5)
    past = History()
    for k in range(65):
        past.stand(EditRequest(k, False, TARGET, {"tau_c": k}, FOLLOW), source, b"x" * 100, b"")
    assert [entry.id for entry in past.entries] == list(range(6, 66)) and past.present.id == 65
    past.rename(60, "best")
    assert past.entry(60).name == "best"
    with pytest.raises(ValueError, match="no longer there"):
        past.recall(5)
    monkeypatch.setattr("styledit.lab.edit.history.LARGEST", 1000)
    past.stand(EditRequest(65, False, TARGET, {"tau_c": 65}, FOLLOW), source, b"x" * 100, b"")
    assert len(past.entries) == 10
    past.stand(EditRequest(66, False, TARGET, {"tau_c": 66}, FOLLOW), source, b"x" * 2000, b"")
    assert [entry.id for entry in past.entries] == [67]


def test_a_saved_picture_opens_as_it_was(opened, tmp_path) -> None:
    lab = opened()
    edit(lab, 2, tau_c=0.3, reweight={"blue": 1.5}, mask={"width": 2, "height": 1, "rows": ["10"]})
    wanted, settings = shown(lab), lab.target["settings"]
    say(lab, "save")
    data = lab.saved["data"]
    kept = open_png(data)
    assert np.array_equal(np.asarray(kept.image), wanted) and kept.target == TARGET and kept.steps == 5
    (tmp_path / "edit.png").write_bytes(data)
    assert open_png(str(tmp_path / "edit.png")).settings == kept.settings
    edit(lab, 3, tau_c=1.0)
    say(lab, "open", data, id=4)
    assert not lab.problem and lab.target["settings"] == settings
    assert np.array_equal(shown(lab), wanted)


def test_a_file_that_does_not_say_whether_its_settings_were_suggested_opens(pipe64, picture) -> None:
    settings = png_recipe.as_dict(styledit.Settings())
    saved = png_recipe.SavedEdit(picture, picture, PROMPT, TARGET, 5, settings, FOLLOW, "a model", auto=True)
    data = png_recipe.save_png(pipe64, saved)
    assert open_png(data).auto
    image = Image.open(io.BytesIO(data))
    image.load()
    about = json.loads(image.info["styledit"])
    del about["auto"]
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("styledit", json.dumps(about), zip=True)
    chunks.add(b"stYp", open_bytes(picture))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=chunks)
    assert not open_png(buffer.getvalue()).auto


def test_a_file_with_the_earlier_name_of_a_setting_opens(pipe64, picture) -> None:
    settings = png_recipe.as_dict(styledit.Settings(tau_c_words={"blue": 0.2}))
    settings["tau_words"] = settings.pop("tau_c_words")
    saved = png_recipe.SavedEdit(picture, picture, PROMPT, TARGET, 5, settings, FOLLOW, "a model")
    back = open_png(png_recipe.save_png(pipe64, saved))
    assert back.settings["tau_c_words"] == {"blue": 0.2} and "tau_words" not in back.settings


def test_saving_waits_for_the_edit_on_its_way(opened) -> None:
    lab = opened()
    edit(lab, 2, moving=True, tau_c=0.1)
    say(lab, "edit", id=3, moving=False, prompt=TARGET, method=FOLLOW, wait=False,
        settings=dict(lab.target["settings"]) | {"tau_c": 0.1})  # fmt: skip
    say(lab, "save")
    assert open_png(lab.saved["data"]).settings["tau_c"] == 0.1 == lab.target["settings"]["tau_c"]


def test_an_edit_and_an_inversion_open(opened, pipe64, inversion64) -> None:
    values = styledit.fit_values(pipe64, inversion64, progress=False)
    made = styledit.edit(pipe64, inversion64, TARGET, values=values, tau_c=0.2, progress=False)
    lab = opened(made, pipe=pipe64)
    assert np.array_equal(shown(lab), np.asarray(made.image)) and lab.target["settings"]["tau_c"] == 0.2
    assert lab.target["method"] == VALUES and lab.prepared.given
    edit(lab, 2)
    say(lab, "save")
    assert lab.frame["method"] == FOLLOW and not open_png(lab.saved["data"]).given  # it reads none of them
    lab = opened(inversion64)
    assert lab.source["steps"] == inversion64.steps and lab.frame["exact"]
    made = styledit.edit(lab.pipe, inversion64, TARGET, tau_c=0.2, progress=False)
    lab = opened(made)
    assert np.array_equal(shown(lab), np.asarray(made.image)) and np.array_equal(shown(lab), fresh(lab))
    assert lab.target["method"] == FOLLOW and "no control" not in lab.source["note"]
    assert "Editor(pipe, inversion)" in lab.code
    drawn = styledit.generate(pipe64, PROMPT, steps=4, progress=False)
    assert opened(drawn).source["prompt"] == PROMPT


def test_the_snapshot_holds_the_three_pictures_and_says_what_they_are(opened) -> None:
    lab = opened()
    first = lab.snapshot()
    rows = np.asarray(first.convert("L"))
    assert first.width > 3 * 144 and first.height > 144 + 3 * 15  # three tiles below their lines
    assert (rows[:54] < 128).sum() > 300  # something is written there
    edit(lab, 2, tau_s=0.123)
    assert np.any(np.asarray(lab.snapshot())[:72] != np.asarray(first)[:72])  # it tells the settings


@pytest.mark.slow
def test_copied_code_makes_the_picture_again(embedded, tmp_path, monkeypatch) -> None:
    lab = edit_lab(embedded)
    settle(lab)
    edit(lab, 2, prompt=lab.target["prompt"], tau_s=0.4, mask={"width": 2, "height": 1, "rows": ["10"]})
    monkeypatch.chdir(tmp_path)
    for source in (None, {"kind": "seed", "seed": 3}, {"kind": "challenge", "name": "02"}):
        if source is not None:
            prompt = (
                lab.display.scores.challenges["02"].prompt
                if source["kind"] == "challenge"
                else lab.source["prompt"]
            )
            say(lab, "source", id=3, prompt=prompt, steps=8, **source)
        scope: dict = {}
        exec(lab.code, scope)
        assert np.array_equal(np.asarray(scope["edit"].image), shown(lab)), source
    assert lab.frame["score"]["truth"] and lab.frame["score"]["psnr"] > 10
    say(lab, "save")
    say(lab, "open", lab.saved["data"], id=4)
    say(lab, "save")
    (tmp_path / lab.saved["name"]).write_bytes(lab.saved["data"])
    scope = {}
    exec(lab.code, scope)
    assert np.array_equal(np.asarray(scope["edit"].image), shown(lab))
    lab.close()


def test_methods_of_all_kinds(opened) -> None:
    def mine(pipe, inversion, target_prompt, settings):
        return styledit.edit(pipe, inversion, target_prompt, guidance=settings["guidance"], progress=False)

    def broken(pipe, inversion, target_prompt, settings):
        raise RuntimeError("no")

    def wrong(pipe, inversion, target_prompt, settings):
        return None

    lab = opened(methods={"mine": mine, "broken": broken, "wrong": wrong})
    own = shown(lab)
    for k, name in enumerate((VALUES, *BASELINES, "mine")):
        edit(lab, 2 + k, method=name)
        assert not lab.problem and lab.target["method"] == name, lab.problem
    wanted = mine(lab.pipe, lab.prepared.inversion, TARGET, lab.target["settings"])
    assert np.array_equal(shown(lab), np.asarray(wanted.image))
    edit(lab, 30, method="broken")
    assert "raised RuntimeError: no" in lab.problem
    edit(lab, 31, method="wrong")
    assert "must return a styledit.Edit" in lab.problem
    edit(lab, 32)
    assert np.array_equal(shown(lab), own)
    with pytest.raises(TypeError, match="four arguments"):
        opened(methods={"few": lambda pipe: None})


def test_closing_in_the_middle_of_a_fit_leaves_nothing(pipe64, picture) -> None:
    lab = edit_lab(pipe64, picture, PROMPT, steps=40)
    settle(lab)
    edit(lab, 2, method=VALUES, moving=True)
    while lab.progress["stage"] != "fitting":
        time.sleep(0.001)
    thread, prepared = lab.worker.thread, weakref.ref(lab.prepared)
    assert thread is not None and thread.is_alive()
    lab.close()
    gc.collect()
    assert not thread.is_alive() and prepared() is None and lab.prepared is None
    lab.close()  # twice is once
    gone = weakref.ref(lab)
    del lab
    gc.collect()
    assert gone() is None


def test_arguments(pipe64, picture) -> None:
    with pytest.raises(ValueError, match="Say what the picture shows"):
        edit_lab(pipe64, picture)
    with pytest.raises(ValueError, match="empty"):
        edit_lab(pipe64, picture, "")
    with pytest.raises(TypeError, match="steps"):
        edit_lab(pipe64, picture, PROMPT, steps="many")
    with pytest.raises(TypeError):
        edit_lab("model", picture, PROMPT)
    bare = styledit.Edit(
        picture, picture, PROMPT, TARGET, torch.zeros(1), torch.zeros(1), None, styledit.Settings()
    )
    with pytest.raises(ValueError, match="does not know its inversion"):
        edit_lab(pipe64, bare)


@pytest.mark.parametrize("begin", ["a plain sticker of", "A plain sticker of"])
def test_the_first_target_is_the_same_thing_in_another_style(begin, embedded, pipe64) -> None:
    (first, second, *_) = prompt_slots(embedded)["style"]
    assert first == "a plain sticker of"
    assert serialising.first_target(embedded, f"{begin} a car") == f"{second} a car"
    assert serialising.first_target(pipe64, f"{begin} a car") == f"{begin} a car"


def test_the_cache_keeps_and_forgets(tmp_path, pipe64, ruled64, inversion64) -> None:
    cache = FitCache(tmp_path / "fits")
    values = styledit.fit_values(pipe64, inversion64, progress=False)
    about = (inversion64.image, inversion64.prompt, inversion64.steps)
    assert cache.find(pipe64, *about) is None
    cache.keep(pipe64, inversion64, values)
    inversion, found = cache.find(pipe64, *about)
    assert torch.equal(inversion.latents, inversion64.latents) and torch.equal(found.shift, values.shift)
    assert cache.find(pipe64, inversion64.image, inversion64.prompt, inversion64.steps + 1) is None
    # under another one's name
    cache.keep(pipe64, replace(inversion64, prompt=TARGET), values)
    first, second = sorted((tmp_path / "fits").glob("*.inversion.safetensors"), key=os.path.getmtime)
    first.write_bytes(second.read_bytes())
    assert cache.find(pipe64, *about) is None
    cache.keep(pipe64, inversion64, values)
    assert cache.find(pipe64, *about) is not None
    assert cache.find(ruled64, *about) is None  # the same network, whose fits are at another guidance
    for file in (tmp_path / "fits").glob("*.values.safetensors"):
        file.write_bytes(b"damaged")
    assert cache.find(pipe64, *about) is None
    (tmp_path / "file").write_text("")
    FitCache(tmp_path / "file").keep(pipe64, inversion64, values)  # a place that cannot be written to


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ({"type": "edit", "id": 2, "moving": False, "prompt": TARGET}, "'settings'"),
        ({"type": "edit"}, "'id', 'moving', 'prompt', 'settings'"),
        ({"type": "guide", "id": 2, "prompt": TARGET, "settings": {}}, "'weights', 'iterations', 'start'"),
        ({"type": "source", "id": 2, "kind": "seed", "prompt": PROMPT}, "'steps'"),
        ({"type": "shown"}, "'serial'"),
        ({"type": "sheet", "id": 2}, "'rows', 'columns'"),
        ({"type": "export", "id": 2}, "'sheet', 'kind'"),
        ({"type": "steps"}, "'open'"),
        ({"type": "recall"}, "'id'"),
        ({"type": "rename", "id": 1}, "'name'"),
        ({"type": "compare", "id": 1, "left": 1}, "'right'"),
        ({"type": "open"}, "'id'"),
    ],
    ids=lambda given: given["type"] if isinstance(given, dict) else "",
)
def test_a_message_without_a_field_is_one_sentence(message, missing) -> None:
    with pytest.raises(ValueError, match=f"^The page's message '{message['type']}' has no {missing}; reload"):
        check_fields(message, EditLab.messages)


def test_each_thread_writes_its_own_fields(opened, picture, monkeypatch) -> None:
    """As `PAGE_FIELDS` and `WORKER_FIELDS` say, by a page that uses everything; the queue under its lock."""
    written: dict[str, set[tuple[str, str]]] = {"page": set(), "styledit-lab": set()}
    of_widgets = set(vars(AnyWidget()))
    parts = (EditLab, RequestQueue, EditMaker, Display, Scores, Archive, History, Guiding)
    parts += (ContactSheets,)

    def record(owner: type, name: str) -> None:
        written.get(threading.current_thread().name, set()).add((owner.__name__, name))

    def watch(owner: type) -> None:
        original = owner.__setattr__

        def write(self, name, value):
            anew = name in vars(self) or name in getattr(self, "_trait_values", ())  # else it is being made
            if anew and name not in of_widgets and not hasattr(AnyWidget, name):
                record(owner, name)
                assert owner is not RequestQueue or self._lock.locked()
            original(self, name, value)

        monkeypatch.setattr(owner, "__setattr__", write)

    class Watched(dict):
        def __setitem__(self, place, value):
            record(*self.field)
            super().__setitem__(place, value)

    for owner in parts:
        watch(owner)
    lab = opened()
    for owner, name in (
        (lab.maker, "_editors"),
        (lab.maker, "_nulls"),
        (lab.guiding, "_kept"),
        (lab.display.scores, "_best"),
    ):
        watched = Watched(getattr(owner, name))
        watched.field = (type(owner), name)
        setattr(owner, name, watched)
    settings = dict(lab.target["settings"])
    guide = {
        "prompt": TARGET,
        "settings": settings,
        "weights": {"style": 1.0},
        "iterations": 2,
        "start": "edit",
    }
    style = {"kind": "upload", "name": "mine"}

    def use() -> None:
        edit(lab, 2, moving=True, tau_c=0.1)
        edit(lab, 3, tau_c=0.2)
        say(lab, "shown", serial=lab.frame["serial"])
        edit(lab, 4, method=BASELINES[0])
        say(lab, "guide", open_bytes(picture), id=5, style=style, **guide)
        edit(lab, 5, method="null-text", parameters={"iterations": 1})
        say(lab, "sheet", id=6, rows=axis("prompt", TARGET), columns=None)
        say(lab, "show_sheet", id=6)
        say(lab, "tile", sheet=6, row=0, column=0)
        say(lab, "export", id=6, sheet=6, kind="csv")
        say(lab, "steps", open=True)
        say(lab, "word_map", id=6, word="car")
        say(lab, "looks", id=6)
        say(lab, "place", step=1, word="car")
        lab.worker.call(lab, lab.was_led)
        say(lab, "rename", id=1, name="first")
        say(lab, "compare", id=7, left=1, right="edit")
        say(lab, "save")
        say(lab, "stop")
        say(lab, "recall", id=1, request=7)
        say(lab, "open", lab.saved["data"], id=8)
        say(lab, "source", id=9, kind="upload", prompt=PROMPT, steps=3)
        edit(lab, 10, method=VALUES)
        say(lab, "edit")

    page = threading.Thread(target=use, name="page")
    page.start()
    page.join()
    assert "has no 'id'" in lab.problem  # and nothing else of the page went wrong
    declared = {
        thread: {(owner, name) for owner, names in fields.items() for name in names}
        for thread, fields in (("page", PAGE_FIELDS), ("styledit-lab", WORKER_FIELDS))
    }
    assert written["page"] == declared["page"] - {
        ("RequestQueue", "_commands"),
        ("RequestQueue", "_protected"),
    }
    assert written["styledit-lab"] <= declared["styledit-lab"]
    unseen = {("Scores", "_best"), ("RequestQueue", "_commands"), ("RequestQueue", "_stops")}
    assert declared["styledit-lab"] - written["styledit-lab"] <= unseen


# --- the steps as pictures --------------------------------------------------------------------------


def test_the_steps_are_drawn_while_they_are_looked_at_and_nothing_moves(opened) -> None:
    lab = opened()
    assert not lab.steps_shown
    say(lab, "steps", open=True)
    made = lab.steps_shown
    assert made["id"] == lab.frame["id"]
    assert len(made["source"]) == len(made["edit"]) == 5
    edit(lab, 2, moving=True, tau_c=0.1)
    settle(lab)
    assert lab.frame["id"] == 2 and lab.steps_shown == made
    edit(lab, 3, tau_c=0.1)
    assert lab.steps_shown["id"] == 3
    assert lab.steps_shown["edit"][0] == made["edit"][0], "the first step's estimate does not know of tau_c"
    say(lab, "steps", open=False)
    edit(lab, 4, tau_c=0.9)
    assert lab.frame["id"] == 4 and lab.steps_shown["id"] == 3


def test_the_steps_pictures_are_the_decoders_in_the_end(opened, pipe64, monkeypatch) -> None:
    monkeypatch.setattr(step_pictures, "SLOW", np.inf)
    lab = opened()
    edit(lab, 2, tau_s=0.2, blend=["car"])
    say(lab, "steps", open=True)
    source = step_pictures.clean_estimates(lab.shown.edit.source_latents, lab.prepared.inversion.levels)
    for name, x0 in (("source", source), ("edit", lab.shown.edit.x0)):
        for step in (0, 4):
            picture = decode_latents(pipe64, x0[step])[0]
            assert lab.steps_shown[name][step] == thumbnail(picture, step_pictures.SIDE), (name, step)


@pytest.mark.parametrize("steps", [1, 5])
def test_a_runs_latents_tell_what_each_step_took_the_picture_to_be(pipe64, picture, steps) -> None:
    inversion = styledit.invert(pipe64, picture, PROMPT, steps=steps, progress=False)
    made = styledit.edit(pipe64, inversion, TARGET, progress=False)
    assert made.x0 is not None and made.x0.shape == made.latents[1:].shape
    torch.testing.assert_close(
        step_pictures.clean_estimates(made.latents, inversion.levels), made.x0, rtol=1e-6, atol=1e-6
    )


# --- what a review broke ----------------------------------------------------------------------------


def test_a_picture_outside_the_world_is_said_beforehand(opened) -> None:
    lab = opened(steps=3)
    data = open_bytes(Image.effect_noise((64, 64), 200).convert("RGB"))
    notes = []
    lab.observe(lambda change: notes.append((change.new["note"], lab.shown is None)), "source")
    say(lab, "source", data, id=2, kind="upload", name="noise.png", prompt=PROMPT, steps=3)
    assert any("outside the model's world" in note and early for note, early in notes)
    assert lab.frame["exact"] and not lab.problem


def test_a_source_chosen_while_a_fit_is_kept_is_not_lost(opened, monkeypatch) -> None:
    lab = opened(steps=3)
    keep = lab.cache.keep

    def slow(*given):
        say(lab, "source", id=3, kind="seed", seed=4, prompt=PROMPT, steps=3, wait=False)
        monkeypatch.setattr(lab.cache, "keep", keep)
        keep(*given)

    monkeypatch.setattr(lab.cache, "keep", slow)
    say(lab, "source", id=2, kind="upload", prompt=PROMPT, steps=3)
    edit(lab, 2, method=VALUES)  # which is fitted, and kept
    assert lab.source["id"] == 3 and lab.source["seed"] == 4 and lab.frame["exact"]


def test_stops_are_heard_and_newer_requests_stay(opened) -> None:
    lab = opened()
    before = lab.frame["id"]
    edit(lab, 2, moving=True, tau_c=0.0, tau_s=0.0)
    say(lab, "stop")
    assert lab.frame["id"] == before or not lab.frame["exact"]
    edit(lab, 3, moving=True, tau_c=0.0, tau_s=0.0)
    say(lab, "stop", wait=False)
    edit(lab, 4, tau_c=0.3)
    assert lab.frame["id"] == 4 and np.array_equal(shown(lab), fresh(lab))
    stages = []
    lab.observe(lambda change: stages.append(change.new["stage"]), "progress")
    say(lab, "sheet", id=5, rows=axis("tau_c", 0, 0.5, 1), columns=axis("tau_s", 0, 0.5, 1), wait=False)
    while "sheet" not in stages:
        time.sleep(0.01)
    say(lab, "stop")
    assert not all(tile["exact"] for tile in lab.sheet["tiles"]) and lab.progress["stage"] == ""


def test_a_source_that_is_refused_takes_its_edit_with_it(opened) -> None:
    lab = opened()
    before = shown(lab)
    wrong = "a red fox in the snow"
    say(lab, "source", b"junk", id=2, kind="upload", prompt=wrong, steps=5, wait=False)
    edit(lab, 3, prompt="a blue fox in the snow")
    assert np.array_equal(shown(lab), before) or lab.frame["id"] == 3  # whichever came first
    assert lab.source["kind"] == "upload" and lab.source["prompt"] == PROMPT


def test_a_failed_edit_leaves_what_is_in_use(opened) -> None:
    lab = opened(methods={"broken": lambda *_: 1 / 0})
    settings = lab.target["settings"]
    edit(lab, 2, method="broken", tau_c=0.9)
    assert "ZeroDivisionError" in lab.problem
    assert lab.target["settings"] == settings and lab.target["method"] == FOLLOW


def test_another_source_ends_what_was_of_the_first(opened, inversion64) -> None:
    lab = opened(inversion64)
    say(lab, "sheet", id=1, rows=axis("prompt", TARGET), columns=None)
    assert lab.sheet["tiles"]
    say(lab, "source", id=2, kind="seed", seed=4, prompt=PROMPT, steps=3, wait=False)
    edit(lab, 3, prompt="")  # its first edit fails
    assert lab.source["seed"] == 4 and lab.sheet == {} and not lab.frame["picture"]
    say(lab, "sheet", id=4, rows=axis("tau_c", 0, 1), columns=None)
    assert "no edit yet" in lab.problem
    edit(lab, 5)
    assert lab.frame["exact"]


def test_methods_that_exit_or_give_rubbish_are_sentences(opened) -> None:
    def leaves(*_):
        raise SystemExit(1)

    def empty(pipe, inversion, target, settings):
        settings["reweight"]["blue"] = 5.0
        edit = styledit.edit(pipe, inversion, target, progress=False)
        return replace(edit, image=None)

    lab = opened(methods={"leaves": leaves, "empty": empty})
    edit(lab, 2, method="leaves")
    assert "SystemExit" in lab.problem
    edit(lab, 3, method="empty")
    assert "must have a picture" in lab.problem
    edit(lab, 4, tau_c=0.2)
    assert not lab.problem and lab.target["settings"]["reweight"] == {}
    assert np.array_equal(shown(lab), fresh(lab))


def test_a_slow_method_does_not_hold_up_closing(opened, monkeypatch) -> None:
    from styledit.lab import worker

    go_on, ended = threading.Event(), []
    lab = opened(methods={"slow": lambda *_: ended.append(go_on.wait(20))})
    monkeypatch.setattr(worker.Worker.leave, "__defaults__", (0.2,))
    say(
        lab,
        "edit",
        id=2,
        moving=False,
        prompt=TARGET,
        settings=lab.target["settings"],
        method="slow",
        wait=False,
    )
    time.sleep(0.1)
    lab.close()
    assert not ended
    go_on.set()


def test_a_sheet_is_drawn_by_the_method_in_use(opened) -> None:
    def white(pipe, inversion, target, settings):
        edit = styledit.edit(pipe, inversion, target, progress=False)
        return replace(edit, image=Image.new("RGB", edit.image.size, "white"))

    lab = opened(methods={"white": white})
    edit(lab, 2, method="white")
    say(lab, "sheet", id=3, rows=axis("guidance", 1, 2), columns=axis("tau_v", 0, 1))
    assert all(decoded(tile["picture"]).min() > 240 for tile in lab.sheet["tiles"])


def test_edits_that_the_lab_cannot_make_are_shown_as_they_are(opened, pipe64, inversion64) -> None:
    made = styledit.baselines.direct_inversion(pipe64, inversion64, TARGET, progress=False)
    lab = opened(made)
    assert np.array_equal(shown(lab), np.asarray(made.image))
    assert "no control" in lab.source["note"] and lab.code.startswith("# This edit was opened")
    say(lab, "save")
    assert "change something" in lab.problem
    edit(lab, 2, tau_c=0.3)
    assert np.array_equal(shown(lab), fresh(lab)) and "fit_values" not in lab.code


@pytest.mark.slow
def test_given_value_inputs_and_baselines_have_their_code(opened, pipe64, inversion64) -> None:
    values = styledit.fit_values(pipe64, inversion64, guidance=5.0, progress=False)
    lab = opened(styledit.edit(pipe64, inversion64, TARGET, values=values, progress=False), pipe=pipe64)
    assert "values = ...  # the value inputs that the lab was opened with" in lab.code
    say(lab, "save")
    data = lab.saved["data"]
    say(lab, "open", data, id=2)
    assert "are not in the file" in lab.source["note"] and lab.target["method"] == VALUES
    lab = opened()
    for k, name in enumerate((FOLLOW, VALUES, *BASELINES)):
        edit(lab, 2 + k, method=name)
        lines = lab.code.splitlines()
        start = next(k for k, line in enumerate(lines) if line.startswith("inversion = "))
        scope = {"styledit": styledit, "pipe": lab.pipe, "picture": lab.prepared.picture}
        exec("\n".join(lines[start:]), scope)
        assert np.array_equal(np.asarray(scope["edit"].image), shown(lab)), name


def test_files_that_are_doctored(opened, monkeypatch) -> None:
    from PIL import EpsImagePlugin

    def never(*_args, **_more):
        raise AssertionError("another program was called")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", never)
    lab = opened()
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "EPS")
    eps = buffer.getvalue()
    say(lab, "open", eps, id=2)
    assert "carries no edit" in lab.problem
    say(lab, "source", eps, id=3, kind="upload", prompt=PROMPT, steps=5)
    assert "could not be read" in lab.problem
    say(lab, "save")
    good = Image.open(io.BytesIO(lab.saved["data"]))
    about = json.loads(good.info["styledit"])
    for change, picture in (({}, eps), ({"steps": 1000}, None), ({"settings": {"tau_c": "x"}}, None)):
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("styledit", json.dumps(about | change), zip=True)
        chunks.add(b"stYp", picture or open_bytes(good))
        buffer = io.BytesIO()
        good.save(buffer, "PNG", pnginfo=chunks)
        say(lab, "open", buffer.getvalue(), id=4)
        assert "carries no edit" in lab.problem, change


def test_large_pictures_and_other_models_survive_saving(pipe64) -> None:
    noisy = Image.effect_noise((1024, 1024), 200).convert("RGB")
    settings = png_recipe.as_dict(styledit.Settings())
    kept = png_recipe.SavedEdit(noisy, noisy, PROMPT, TARGET, 5, settings, "mine", "elsewhere")
    back = open_png(png_recipe.save_png(pipe64, kept))
    assert np.array_equal(np.asarray(back.picture), np.asarray(noisy)) and back.model == "elsewhere"
    told = png_recipe.differences(back, "here", known=False)
    assert "another model" in told and "'mine' is not there, so it follows the source" in told


def test_the_strip_says_which_steps_were_replayed(opened) -> None:
    lab = opened()
    edit(lab, 2, tau_c=0.2, tau_s=0.0, tau_u=0.0, tau_v=0.0, blend=[])
    states = [row["state"] for row in lab.frame["step_states"]]
    first = lab.frame["first_step"]
    assert states[:first] == ["kept"] * first
    assert states.count("replayed") == lab.shown.edit.replayed


# --- value inputs, which are fitted when they are chosen ----------------------------------------------


def watched(lab, *traits: str) -> list[tuple[str, dict]]:
    """What the page is told from now on, in order."""
    told: list[tuple[str, dict]] = []
    lab.observe(lambda change: told.append((change.name, change.new)), list(traits))
    return told


def stages(told: list[tuple[str, dict]]) -> list[str]:
    """What the page was told that is being done, in order."""
    named = [about["stage"] for name, about in told if name == "progress" and about["stage"]]
    return [stage for k, stage in enumerate(named) if k == 0 or named[k - 1] != stage]


def fit_until(lab, number: int, done: int = 3) -> None:
    """Ask for an edit by value inputs, and wait until that many steps of their fit are shown as done."""
    say(
        lab, "edit", id=number, moving=False, prompt=TARGET, settings={}, auto=True, method=VALUES, wait=False
    )
    until(lambda: lab.progress["stage"] == "fitting" and lab.progress["done"] >= done)


def plain_fit(lab) -> styledit.ValueInputs:
    """What the library's own call learns of the source."""
    return styledit.fit_values(lab.pipe, lab.prepared.inversion, progress=False)


def test_a_new_picture_shows_at_once_and_is_edited_without_a_fit(opened) -> None:
    lab = opened()
    told = watched(lab, "source", "frame", "target", "progress")
    say(lab, "source", id=2, kind="seed", seed=3, prompt=PROMPT, steps=6)
    sources = [source for name, source in told if name == "source"]
    states = [source["state"] for source in sources if source["reconstruction"] is None]
    assert states == ["inverting", "inverted"] and sources[0]["picture"] == sources[-1]["picture"]
    (exact,) = [frame for name, frame in told if name == "frame" and frame["exact"]]
    assert exact["method"] == FOLLOW and "fitting" not in stages(told)
    assert np.array_equal(shown(lab), fresh(lab, lab.target["prompt"])) and len(lab.history) == 2
    assert lab.frame["before"] is None and lab.prepared.values is None


def test_a_model_without_a_rule_is_edited_by_direct_inversion(opened, pipe64) -> None:
    lab = opened(pipe=pipe64)
    settings = png_recipe.from_dict(lab.target["settings"])
    plain = styledit.baselines.direct_inversion(
        pipe64, lab.prepared.inversion, TARGET, progress=False, **settings
    )
    assert lab.frame["method"] == FOLLOW and np.array_equal(shown(lab), np.asarray(plain.image))
    assert "follow_inversion=True" in lab.code and not lab.world["methods"][0]["follows"]
    edit(lab, 2, moving=True, tau_c=0.0)
    settle(lab)
    assert lab.frame["id"] == 2 and lab.frame["exact"]


def test_value_inputs_are_fitted_when_they_are_chosen(opened) -> None:
    """With progress; the controls are the method's at once, the picture stays until the edit is there."""
    lab = opened()
    before = lab.frame
    told = watched(lab, "progress", "target", "frame")
    say(lab, "edit", id=2, moving=False, prompt=TARGET, settings={}, auto=True, method=VALUES)
    assert stages(told) == ["fitting", "editing"]
    first = next(k for k, (name, _) in enumerate(told) if name == "target")
    assert told[first][1]["method"] == VALUES
    assert [name for name, _ in told[:first]] == []
    values = plain_fit(lab)
    assert torch.equal(lab.prepared.values.shift, values.shift)
    plain = styledit.edit(lab.pipe, lab.prepared.inversion, TARGET, values=values, progress=False)
    assert np.array_equal(shown(lab), np.asarray(plain.image)) and lab.frame["method"] == VALUES
    assert lab.target["settings"] == lab.target["suggested"] == png_recipe.as_dict(plain.settings)
    assert np.array_equal(decoded(lab.source["reconstruction"]), np.asarray(plain.reconstruction))
    assert lab.frame["before"] == before["picture"] and not np.array_equal(
        shown(lab), decoded(before["picture"])
    )
    told.clear()
    edit(lab, 3, method=VALUES, tau_s=0.1)
    edit(lab, 4)
    assert "fitting" not in stages(told) and np.array_equal(shown(lab), fresh(lab))


@pytest.mark.parametrize("method", [FOLLOW, VALUES])
def test_a_first_look_at_what_stands_is_what_stands(opened, method) -> None:
    """With the details that it keeps, and under a mask."""
    lab = opened()
    cells = np.zeros((16, 16), bool)
    cells[3:12, 4:11] = True
    for number, mask in (
        (2, None),
        (3, png_recipe.mask_as_dict(PaintedMask.of(np.kron(cells, np.ones((2, 2))) > 0))),
    ):
        edit(lab, number, method=method, tau_c=0.3, keep_details=True, mask=mask)
        maker, standing = lab.maker, lab.shown
        look = maker.preview(standing.request, standing.settings, standing)  # nothing moved
        while True:
            try:
                next(look)
            except StopIteration as end:
                apart = np.abs(np.asarray(end.value).astype(int) - shown(lab))
                break
        assert apart.max() <= 1, number
        frames = watched(lab, "frame")
        say(lab, "shown", serial=lab.frame["serial"])
        edit(lab, 10 + number, method=method, moving=True, tau_c=0.9, keep_details=True, mask=mask)
        settle(lab)
        assert [frame["exact"] for _, frame in frames] == [False, True]
        say(lab, "shown", serial=lab.frame["serial"])


def test_a_stopped_fit_leaves_the_edit_that_stands_and_goes_on_when_asked_again(opened) -> None:
    lab = opened()
    before, entries = shown(lab), len(lab.history)
    fit_until(lab, 2)
    say(lab, "stop")
    assert (
        np.array_equal(shown(lab), before) and lab.frame["method"] == FOLLOW and lab.prepared.values is None
    )
    assert len(lab.history) == entries and not lab.problem and lab.progress["stage"] == ""
    edit(lab, 3, moving=True, tau_c=0.1)
    edit(lab, 4, tau_c=0.1)
    assert np.array_equal(shown(lab), fresh(lab)) and lab.prepared.values is None
    told = watched(lab, "progress")
    edit(lab, 5, method=VALUES)
    assert (
        next(about["done"] for _, about in told if about["stage"] == "fitting") > 1
    )  # not from its beginning
    assert torch.equal(lab.prepared.values.shift, plain_fit(lab).shift)  # though it was interrupted
    assert np.array_equal(shown(lab), fresh(lab))


def test_newer_edits_go_before_the_fit_which_ends_as_if_alone(opened) -> None:
    lab = opened(steps=12)
    for k in range(3):
        fit_until(lab, 2 + 2 * k, 2 * (k + 1))
        edit(lab, 3 + 2 * k, tau_c=0.2 * k)
        assert lab.frame["id"] == 3 + 2 * k and np.array_equal(shown(lab), fresh(lab))
        assert lab.prepared.values is None, "the fit did not wait"
    for k in range(4):  # a slider that moves under a method whose fit is on its way
        edit(lab, 10 + k, method=VALUES, moving=True, tau_c=0.1 * k)
    edit(lab, 14, method=VALUES, tau_c=0.5)
    assert lab.frame["id"] == 14 and np.array_equal(shown(lab), fresh(lab))
    assert torch.equal(lab.prepared.values.scale, plain_fit(lab).scale)


def test_a_sheet_and_an_edit_that_need_one_fit_share_it(opened) -> None:
    lab = opened()
    begun = []
    lab.observe(lambda change: begun.append(change.new.get("id")), "sheet")
    say(lab, "sheet", id=2, rows=axis("method", FOLLOW, VALUES), columns=None, wait=False)
    until(lambda: 2 in begun and lab.maker._fit is not None)
    say(lab, "edit", id=3, moving=False, prompt=TARGET, settings={}, auto=True, method=VALUES)
    assert lab.frame["id"] == 3 and np.array_equal(shown(lab), fresh(lab))
    tile = lab.display.sheets.find(2).tile(1, 0)
    assert tile.exact and np.array_equal(decoded(tile.picture), shown(lab))
    assert torch.equal(lab.prepared.values.scale, plain_fit(lab).scale) and not lab.problem


def test_a_saved_edit_by_value_inputs_opens_as_one(opened) -> None:
    lab = opened()
    edit(lab, 2, method=VALUES, tau_c=0.3)
    wanted = shown(lab)
    assert "fit_values" in lab.code
    say(lab, "save")
    other = opened()
    say(other, "open", lab.saved["data"], id=3)
    assert other.target["method"] == VALUES and np.array_equal(shown(other), wanted)
    assert "differ" not in other.source["note"]


def test_a_guided_edit_waits_for_the_fit_that_it_begins_with(opened) -> None:
    lab = opened()
    guide = {"prompt": TARGET, "settings": lab.target["settings"], "weights": {"l2": 1.0}, "iterations": 2}
    standing = lab.frame["picture"]
    say(lab, "guide", id=7, start="edit", wait=False, **guide)
    until(lambda: lab.progress["stage"] == "fitting" and lab.progress["done"] >= 3)
    say(lab, "stop")  # which ends it: there is nothing yet that could be kept
    assert lab.guided == {} and lab.frame["picture"] == standing and not lab.queue
    say(lab, "guide", id=8, start="edit", **guide)
    assert lab.guided["id"] == 8 and lab.guided["stopped"] == "done" and not lab.problem
    assert torch.equal(lab.prepared.values.shift, plain_fit(lab).shift) and lab.frame["id"] == 8


def test_a_stopped_or_refused_source_gives_the_one_that_stands_back(opened, monkeypatch) -> None:
    lab = opened()
    before, source, history = shown(lab), lab.source, len(lab.history)
    say(lab, "source", id=2, kind="seed", seed=9, prompt=PROMPT, steps=60, wait=False)
    until(lambda: lab.source["state"] == "inverting")
    assert lab.source["id"] == 2 and not lab.frame["picture"]
    say(lab, "stop")
    assert lab.source == source and np.array_equal(shown(lab), before)

    def broken(*given):
        raise ValueError("no inversion")
        yield

    monkeypatch.setattr("styledit.lab.edit.widget.preparing", broken)
    say(lab, "source", id=4, kind="seed", seed=8, prompt=PROMPT, steps=4)
    assert lab.problem == "no inversion" and lab.source == source and np.array_equal(shown(lab), before)
    edit(lab, 6, tau_c=0.1)
    assert np.array_equal(shown(lab), fresh(lab)) and len(lab.history) == history + 1


def test_a_fit_that_fails_is_a_sentence_and_can_be_asked_for_again(opened, monkeypatch) -> None:
    lab = opened()
    good, before = session.ValueFit.run, shown(lab)

    def broken(self):
        yield from ()
        raise ValueError("no fit")

    monkeypatch.setattr(session.ValueFit, "run", broken)
    edit(lab, 2, method=VALUES)
    assert lab.problem == "no fit" and np.array_equal(shown(lab), before) and lab.target["method"] == FOLLOW
    say(lab, "guide", id=8, prompt=TARGET, settings=lab.target["settings"], weights={"l2": 1.0}, iterations=2,
        start="edit")  # fmt: skip
    assert lab.problem == "no fit" and lab.frame["id"] != 8 and not lab.queue
    say(lab, "sheet", id=9, rows=axis("method", FOLLOW, VALUES), columns=None)
    assert lab.problem == "no fit" and [tile["picture"] is None for tile in lab.sheet["tiles"]] == [
        False,
        True,
    ]
    monkeypatch.setattr(session.ValueFit, "run", good)
    edit(lab, 10, method=VALUES)
    assert not lab.problem and np.array_equal(shown(lab), fresh(lab))


# --- an hour of use ---------------------------------------------------------------------------------


def tensor_bytes() -> int:
    """Memory of all tensors that are alive."""
    gc.collect()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of modules that answer for all that they ever had
        tensors = [found for found in gc.get_objects() if issubclass(type(found), torch.Tensor)]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


@pytest.mark.slow
def test_as_many_edits_again_hold_no_more(opened) -> None:
    lab = opened(steps=3)
    number, held = 10, []
    for guidances in (np.linspace(2, 3, 28), np.linspace(4, 5, 28)):
        for guidance in guidances.tolist():
            for method in (FOLLOW, "negative-prompt"):
                number += 1
                edit(lab, number, method=method, guidance=guidance)
                assert lab.frame["id"] == number and not lab.problem
        held.append(tensor_bytes())
    latents = lab.prepared.inversion.z_T.nbytes
    assert held[1] <= held[0] + 10 * latents, held


def test_null_text_fits_are_kept_as_far_as_their_bytes_fit(opened, monkeypatch) -> None:
    lab = opened(steps=2)
    monkeypatch.setattr("styledit.lab.edit.methods.LARGEST", 0)
    for iterations in (1, 2, 3):
        edit(lab, 2 + iterations, method="null-text", parameters={"iterations": iterations})
    assert list(lab.maker._nulls) == [3] and not lab.problem


# --- a closed lab -----------------------------------------------------------------------------------


def test_a_closed_lab_that_a_notebook_remembers_holds_nothing(pipe64, picture, capsys) -> None:
    lab = edit_lab(pipe64, picture, PROMPT, steps=5, target=TARGET)
    settle(lab)
    held = [lab.maker, lab.prepared, lab.prepared.inversion, lab.prepared.editor, lab.shown.edit, lab.display]
    held += [lab.archive.past, lab.guiding, lab.queue, lab.cache]
    held = [weakref.ref(part) for part in held]
    lab.close()
    gc.collect()
    assert [part() for part in held] == [None] * len(held)
    assert "pipe" not in vars(lab) and lab.frame == lab.source == lab.world == {} and lab.history == []
    lab._ipython_display_()
    assert "closed" in capsys.readouterr().out
    with pytest.raises(AttributeError, match="This EditLab is closed; run its cell again"):
        lab.queue
    lab.close()


def test_a_closed_lab_lets_its_pipeline_go(tokenizer, picture) -> None:
    pipe = make_pipeline(tokenizer)
    network = weakref.ref(pipe.unet)
    lab = edit_lab(pipe, picture, PROMPT, steps=2, target=TARGET)
    settle(lab)
    lab.close()
    del pipe
    gc.collect()
    assert network() is None and lab.prepared is None


# --- after an undo, and while something else is on its way -------------------------------------------------


def test_a_tile_of_a_recalled_edit_keeps_its_own_settings(opened) -> None:
    """What was automatic is so no more where a tile varies it."""
    lab = opened()
    edit(lab, 2, tau_c=0.05)
    say(lab, "recall", id=1, request=3)
    assert lab.target["auto"]
    say(lab, "sheet", id=4, rows=axis("tau_c", 0, 1), columns=None)
    assert [(tile["auto"], tile["settings"]["tau_c"]) for tile in lab.sheet["tiles"]] == [
        (False, 0),
        (False, 1),
    ]


def test_an_undo_while_another_source_comes_stays_with_its_own(opened) -> None:
    lab = opened()
    key = lab.source["key"]
    prompt = lab.source["prompt"]
    other = {"kind": "seed", "name": "", "seed": 3, "prompt": PROMPT, "steps": 40}
    say(lab, "source", id=2, wait=False, **other)
    say(lab, "recall", id=1, request=3)
    assert lab.source["key"] == key and lab.source["prompt"] == prompt
    assert [entry["source"]["key"] for entry in lab.history] == [key]


def test_a_name_that_is_given_to_a_recalled_edit_stays(opened) -> None:
    lab = opened()
    edit(lab, 2, tau_c=0.05)
    say(lab, "recall", id=1, request=3)
    say(lab, "rename", id=1, name="mine")
    edit(lab, 4, tau_c=0.1)
    say(lab, "recall", id=1, request=5)
    assert lab.history[0]["name"] == "mine"
