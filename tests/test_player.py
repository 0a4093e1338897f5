"""The InversionPlayer: its numbers are the library's, and it answers in a real notebook."""

from __future__ import annotations

import base64
import gc
import io
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

import styledit
from browser import Jupyter, NotebookPage, opener
from styledit.inversion import inverting
from styledit.lab.frames import encode
from styledit.lab.player.widget import InversionPlayer, inversion_player
from styledit.lab.worker import Worker

PROMPT = "a red car in the snow"


def until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something."""
    last = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < last, "waited in vain"
        time.sleep(0.005)


def settled(player: InversionPlayer) -> bool:
    """Whether there is nothing left to do."""
    return bool(
        player.run and player.run["exact"] and player.inverted["exact"] and not player.progress["stage"]
    )


def ask(player: InversionPlayer, number: int, guidance: float, values: bool = False) -> None:
    """What the slider sends."""
    player.received({"type": "guidance", "id": number, "guidance": guidance, "values": values}, [])


def pixels(data: bytes) -> np.ndarray:
    """An encoded picture as an array."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def decoded(pipe: StableDiffusionPipeline, latent: torch.Tensor) -> bytes:
    """A latent's picture as it travels."""
    return encode(styledit.decode_latents(pipe, latent)[0], moving=True)


@pytest.fixture
def values(pipe: StableDiffusionPipeline, inversion: styledit.Inversion) -> styledit.ValueInputs:
    """Value inputs that change something."""
    torch.manual_seed(0)
    shape = (inversion.steps, *inversion.c.shape[1:])
    scale, shift = 1 + 0.1 * torch.randn(shape), 0.1 * torch.randn(shape)
    return styledit.ValueInputs(scale, shift, 2.5, (0.0,) * inversion.steps, 0, inversion.fingerprint)


@pytest.fixture
def player(
    pipe: StableDiffusionPipeline, inversion: styledit.Inversion, values: styledit.ValueInputs
) -> Iterator[InversionPlayer]:
    """A player that has shown its first run."""
    made = inversion_player(pipe, inversion, values)
    until(lambda: settled(made))
    yield made
    made.close()


class Calls:
    """Counts a network's calls."""

    def __init__(self, pipe: StableDiffusionPipeline) -> None:
        self.count = 0
        self._hook = pipe.unet.register_forward_pre_hook(self._called)

    def _called(self, *_: Any) -> None:
        self.count += 1

    def close(self) -> None:
        """Count no longer."""
        self._hook.remove()


@pytest.fixture
def calls(pipe: StableDiffusionPipeline) -> Iterator[Calls]:
    """The calls of the pipeline's network."""
    counter = Calls(pipe)
    yield counter
    counter.close()


# The numbers.


@pytest.mark.parametrize(("guidance", "on"), [(1.0, False), (4.0, False), (4.0, True)])
def test_the_run_is_the_librarys(
    pipe: StableDiffusionPipeline,
    inversion: styledit.Inversion,
    values: styledit.ValueInputs,
    player: InversionPlayer,
    guidance: float,
    on: bool,
) -> None:
    ask(player, 1, guidance, on)
    until(lambda: player.run["id"] == 1 and settled(player))
    given = values if on else None
    record = styledit.Layers()
    expected = styledit.reconstruct(
        pipe, inversion, values=given, guidance=guidance, record=record, progress=False
    )
    run = player.run
    assert len(run["z"]) == len(run["x0"]) == inversion.steps + 1
    assert np.array_equal(pixels(run["x0"][-1]), expected.image)
    assert run["drift"] == pytest.approx(styledit.drift(inversion, expected).tolist(), rel=1e-5, abs=1e-7)
    assert run["z"][:-1] == [decoded(pipe, z) for z in expected.latents[:-1]]
    check_maps(player, run, expected.maps)


def check_maps(player: InversionPlayer, run: dict[str, Any], maps: styledit.AttentionMaps | None) -> None:
    """The maps that travelled are `AttentionMaps.word`, rounded to a 255th of each one's peak."""
    assert maps is not None
    width, height = player.world["mapSize"]
    assert len(run["maps"]) == len(run["scales"]) == len(player.world["timesteps"])
    for i, (data, scales) in enumerate(zip(run["maps"], run["scales"], strict=True)):
        cells = np.frombuffer(data, np.uint8).reshape(-1, height, width)
        for k, word in enumerate(player.world["words"]):
            expected = maps.word(word, steps=i, size=(height, width)).numpy()
            assert np.abs(cells[k] * scales[k] / 255 - expected).max() <= scales[k] / 255


def test_the_inversions_own_run(
    pipe: StableDiffusionPipeline, inversion: styledit.Inversion, player: InversionPlayer
) -> None:
    states = [
        state
        for state in inverting(pipe, inversion.image, inversion.prompt, inversion.steps)
        if state.finished
    ]
    shown = player.inverted
    # the call of a state was given latent step + 1
    assert shown["x0"][:0:-1] == [decoded(pipe, state.x0) for state in states]
    assert shown["z"] == [decoded(pipe, z) for z in inversion.latents]
    assert shown["drift"] == [0.0] * (inversion.steps + 1)
    check_maps(player, shown, inversion.maps)


def test_what_it_starts_with(
    pipe: StableDiffusionPipeline,
    inversion: styledit.Inversion,
    values: styledit.ValueInputs,
    player: InversionPlayer,
) -> None:
    world = player.world
    assert world["timesteps"] == list(inversion.timesteps)
    assert world["levels"] == pytest.approx(inversion.levels.tolist())
    assert (player.run["guidance"], player.run["values"]) == (values.guidance, True)
    assert player.view == {"index": inversion.steps, "direction": "inversion", "words": ["car", "snow"]}
    plain = inversion_player(pipe, inversion, guidance=20.0, words=("Red  car", "a"))
    assert plain.world["guidance"] == plain.world["most"] == 20
    assert plain.view["words"] == ["red car", "a"] and not plain.world["hasValues"]
    assert set(plain.view["words"]) <= set(plain.world["words"])
    plain.close()


def test_an_inversion_without_maps(pipe: StableDiffusionPipeline, picture: Image.Image) -> None:
    inversion = styledit.invert(pipe, picture, PROMPT, 3, record=None, progress=False)
    player = inversion_player(pipe, inversion)
    until(lambda: settled(player))
    assert len(player.inverted["maps"]) == len(player.run["maps"]) == 3
    player.close()


# How it works.


def test_one_call_between_yields(
    pipe: StableDiffusionPipeline,
    inversion: styledit.Inversion,
    calls: Calls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Worker, "wake", lambda worker, client: None)
    player = inversion_player(pipe, inversion, guidance=3.0)
    seen = 0
    for _ in player.work():
        assert calls.count - seen <= 1
        seen = calls.count
    assert settled(player)
    assert seen == 2 * inversion.steps + 1
    player.close()


def test_the_newest_request_wins(
    pipe: StableDiffusionPipeline,
    inversion: styledit.Inversion,
    calls: Calls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Worker, "wake", lambda worker, client: None)
    player = inversion_player(pipe, inversion, guidance=3.0)
    for _ in player.work():
        pass
    ask(player, 1, 5.0)
    work = player.work()
    next(work)
    before = calls.count
    ask(player, 2, 6.0)
    ask(player, 3, 7.0)
    for _ in work:
        assert player.run["guidance"] in (3.0, 7.0), "an old request was shown"
    assert player.run["id"] == 3 and player.fresh["id"] == 3
    assert calls.count - before <= inversion.steps + 1
    player.close()


def test_runs_are_kept(player: InversionPlayer, calls: Calls) -> None:
    ask(player, 1, 6.0)
    until(lambda: player.run["id"] == 1 and settled(player))
    before = calls.count
    for number, (guidance, values) in enumerate([(2.5, True), (6.0, False)], start=2):
        ask(player, number, guidance, values)
        until(lambda number=number: player.run["id"] == number and settled(player))
    assert calls.count == before
    assert [(curve["guidance"], curve["values"]) for curve in player.curves] == [(2.5, True), (6.0, False)]


def test_stop(
    pipe: StableDiffusionPipeline, inversion: styledit.Inversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Worker, "wake", lambda worker, client: None)
    player = inversion_player(pipe, inversion, guidance=3.0)
    for _ in player.work():
        pass
    ask(player, 5, 9.0)
    work = player.work()
    next(work)
    player.received({"type": "stop"}, [])
    assert len(list(work)) <= 1
    assert (player.run["guidance"], player.run["id"], player.progress["stage"]) == (3.0, 5, "")
    assert list(player.work()) == []
    ask(player, 6, 9.0)
    for _ in player.work():
        pass
    assert player.run["guidance"] == 9.0
    player.close()


def test_a_stop_before_anything_is_shown(
    pipe: StableDiffusionPipeline, inversion: styledit.Inversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Worker, "wake", lambda worker, client: None)
    player = inversion_player(pipe, inversion)
    work = player.work()
    next(work)
    player.received({"type": "stop"}, [])
    assert list(work) == [] and not player.run and player.progress["stage"] == ""
    ask(player, 1, 2.0)
    for _ in player.work():
        pass
    assert settled(player) and player.run["guidance"] == 2.0
    player.close()


def test_an_error_is_a_sentence(player: InversionPlayer) -> None:
    shown = player.run
    ask(player, 1, 1e30)
    until(lambda: player.problem)
    assert "NaN or infinite" in player.problem and player.problem.endswith(".")
    assert player.run == shown and player.progress["stage"] == ""
    ask(player, 2, 3.0)
    until(lambda: player.run["id"] == 2 and settled(player))
    assert player.problem == ""
    for message in (
        {"type": "guidance", "id": 3, "guidance": "much", "values": True},
        {"type": "view", "index": 99, "direction": "denoising", "words": ["red", "snow"]},
        {"type": "view", "index": 1},
    ):
        player.problem = ""
        player._handle_custom_msg(message, [])
        until(lambda: player.problem)
    assert "has no 'direction', 'words'" in player.problem


def test_where_the_browser_stands_is_kept(player: InversionPlayer) -> None:
    view = {"index": 2, "direction": "denoising", "words": ["red", "snow"]}
    player.received({"type": "view", **view}, [])
    until(lambda: player.view == view)


def test_snapshot(player: InversionPlayer, inversion: styledit.Inversion) -> None:
    picture = player.snapshot()
    assert picture is not None and picture.width > 4 * picture.height / 2
    assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 100


def test_closing(pipe: StableDiffusionPipeline, inversion: styledit.Inversion) -> None:
    player = inversion_player(pipe, inversion, guidance=3.0)
    until(lambda: player.progress["stage"])
    player.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "styledit-lab"]
    assert pipe.unet._forward_pre_hooks == {}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"inversion": "car"}, TypeError, "must be an Inversion from invert"),
        ({"values": "fine"}, TypeError, "values must be ValueInputs or None"),
        ({"guidance": "high"}, TypeError, "guidance must be a number"),
        ({"guidance": float("nan")}, ValueError, "guidance must be finite"),
        ({"words": ("cat", "snow")}, ValueError, "'cat' is not in the prompt"),
        ({"words": ("car",)}, ValueError, "words must be two words"),
        ({"words": (1, 2)}, TypeError, "Each of words must be"),
    ],
)
def test_bad_arguments(
    pipe: StableDiffusionPipeline,
    inversion: styledit.Inversion,
    change: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    given = {"inversion": inversion, **change}
    with pytest.raises(error, match=message):
        inversion_player(pipe, **given)


# In the browser, on the embedded model.

START = f"""
import time, styledit
from styledit.lab.frames import encode
from styledit.lab.player.widget import inversion_player
pipe = styledit.load()
inversion = styledit.invert(pipe, {str(styledit.__path__[0])!r} + "/../data/images/01_car.png",
                            "a plain sticker of a red car on the beach", 8, progress=False)
"""
SHOW = "player = inversion_player(pipe, inversion, guidance=2.0)\nplayer"
READY = "player.run and player.run['exact'] and player.inverted['exact'] and not player.progress['stage']"


@pytest.fixture(scope="module")
def notebook(chromium: Any, jupyter_lab: Jupyter) -> Iterator[NotebookPage]:
    """A notebook that can show a player, and has a cell that sleeps."""
    with opener(chromium, jupyter_lab) as open_notebook:
        page = open_notebook(START, SHOW, "time.sleep(120)", height=1200)
        page.run_cell(0)
        yield page


@pytest.fixture
def page(notebook: NotebookPage) -> NotebookPage:
    """The notebook with a new player that has shown its first run."""
    notebook.errors.clear()
    notebook.run_cell(1)
    notebook.by_id("play").wait_for()
    notebook.until(READY)
    notebook.scroll_to(1)
    notebook.page.wait_for_function(
        "document.querySelector('[data-testid=x0-image]').dataset.exact === 'true'"
    )
    return notebook


def at(page: NotebookPage, name: str = "x0-image") -> int:
    """The index that a picture shows."""
    return int(page.by_id(name).get_attribute("data-index"))


def picture_bytes(page: NotebookPage, name: str) -> bytes:
    """The bytes of a picture on the page."""
    text = page.page.evaluate(
        "async name => { const {src} = document.querySelector(`[data-testid=${name}]`);"
        " const blob = await (await fetch(src)).blob();"
        " return await new Promise(done => { const reader = new FileReader();"
        " reader.onload = () => done(reader.result); reader.readAsDataURL(blob); }); }",
        name,
    )
    return base64.b64decode(text.split(",")[1])


def test_scrubbing_by_keys_and_mouse(page: NotebookPage) -> None:
    step = page.by_id("player-step")
    cells = len(page.outputs())
    step.focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "d", "d"):
        page.page.keyboard.press(key)
    assert at(page) == at(page, "z-image") == 7
    page.page.keyboard.press("Home")
    assert at(page) == at(page, "word-a-map") == 0
    assert len(page.outputs()) == cells, "a key reached the notebook"
    box = page.by_id("drift").bounding_box()
    page.page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] - 118, box["y"] + 60, steps=5)
    page.page.mouse.up()
    assert at(page) == 8
    page.until("player.view['index'] == 8")
    encoded = page.python("[__import__('base64').b64encode(x).decode() for x in player.inverted['z']]")
    for index in (0, 3, 8):
        step.fill(str(index))
        assert picture_bytes(page, "z-image") == base64.b64decode(encoded[index])
    assert "index 8 of 8" in page.by_id("player-status").text_content()
    assert not page.errors


@pytest.mark.slow
def test_playing(page: NotebookPage) -> None:
    page.by_id("player-speed").select_option("2.5")
    page.by_id("player-step").focus()
    page.page.keyboard.press("Space")
    page.page.wait_for_function("document.querySelector('[data-testid=z-image]').dataset.index === '0'")
    assert page.by_id("player-inversion").get_attribute("aria-pressed") == "true"
    page.page.wait_for_function(
        "document.querySelector('[data-testid=player-denoising]').ariaPressed === 'true'"
        " && document.querySelector('[data-testid=z-image]').dataset.index === '5'"
    )
    page.page.keyboard.press("Space")
    before = at(page)
    page.page.wait_for_timeout(500)
    assert at(page) == before
    page.until(f"player.view == {{'index': {before}, 'direction': 'denoising', 'words': ['car', 'beach']}}")


@pytest.mark.slow
def test_guidance_while_a_cell_runs(page: NotebookPage) -> None:
    page.run_cell(2, wait=False)
    page.by_id("player-guidance").fill("5.5")
    page.until("player.run['guidance'] == 5.5 and " + READY)
    assert page.running()
    page.interrupt()
    page.wait(fails=True)
    page.page.wait_for_function("document.querySelector('[data-testid=player-stage]').textContent === ''")
    expected = page.python(
        "__import__('base64').b64encode(frames.encode(picture)).decode()",
        "from styledit.lab import frames\n"
        "picture = styledit.reconstruct(pipe, inversion, guidance=5.5, progress=False).image",
    )
    assert at(page) == 8
    shown = picture_bytes(page, "x0-image")
    assert np.array_equal(pixels(shown), pixels(base64.b64decode(expected)))
    assert page.by_id("drift").locator("text", has_text="w = 5.5").count() == 1
    assert not page.errors


@pytest.mark.slow
def test_dragging_guidance(page: NotebookPage) -> None:
    box = page.by_id("player-guidance").bounding_box()
    y = box["y"] + box["height"] / 2
    page.page.mouse.move(box["x"] + 0.2 * box["width"], y)
    page.page.mouse.down()
    for k in range(20):
        page.page.mouse.move(box["x"] + (0.2 + 0.03 * k) * box["width"], y)
        page.page.wait_for_timeout(30)
    page.page.mouse.up()
    last = float(page.by_id("player-guidance").input_value())
    page.until(f"abs(player.run['guidance'] - {last}) < 1e-6 and " + READY)
    page.page.wait_for_timeout(100)
    assert float(page.by_id("player-guidance").input_value()) == last
    assert not page.errors


@pytest.mark.slow
def test_words_and_reload(page: NotebookPage) -> None:
    page.by_id("word-a").select_option("red")
    page.by_id("player-denoising").click()
    page.by_id("player-step").fill("3")
    page.until("player.view == {'index': 3, 'direction': 'denoising', 'words': ['red', 'beach']}")
    before = page.page.evaluate("document.querySelector('[data-testid=word-a-map]').toDataURL()")
    saved = page.save()
    assert "image/png" in saved.cells[1].outputs[-1].data, "no picture for a notebook that is only read"
    page.reload()
    page.by_id("play").wait_for()
    page.page.wait_for_function("document.querySelector('[data-testid=x0-image]').dataset.index === '3'")
    assert page.by_id("word-a").input_value() == "red"
    assert page.page.evaluate("document.querySelector('[data-testid=word-a-map]').toDataURL()") == before
    assert picture_bytes(page, "x0-image")
    page.by_id("player-guidance").fill("3.5")
    page.until("player.run['guidance'] == 3.5")


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [480, 1400])
def test_it_can_be_read(page: NotebookPage, theme: str, width: int) -> None:
    page.theme(theme)
    page.page.evaluate(
        "width => { document.querySelector('.styledit-player').style.width = `${width}px`; }", width
    )
    page.page.wait_for_timeout(300)
    wide = page.page.evaluate(
        "(() => { const root = document.querySelector('.styledit-player');"
        " const edge = root.getBoundingClientRect().right + 1;"
        " return [...root.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > edge)"
        ".map(e => e.outerHTML.slice(0, 80)); })()"
    )
    assert wide == []
    unnamed = page.page.evaluate(
        "[...document.querySelector('.styledit-player').querySelectorAll('input, select, button')]"
        ".filter(e => !e.labels?.length && !e.ariaLabel && !e.textContent).map(e => e.outerHTML)"
    )
    assert unnamed == []


@pytest.mark.slow
def test_it_plays_on_without_a_kernel(page: NotebookPage) -> None:
    page.kill_kernel()
    for index in ("2", "6"):
        page.by_id("player-step").fill(index)
        assert at(page) == int(index)
        assert picture_bytes(page, "z-image")
    page.by_id("player-guidance").fill("7")
    page.page.wait_for_function(
        "document.querySelector('[data-testid=problem]').textContent.includes('run this cell again')",
        timeout=8000,
    )


def test_a_closed_player_that_a_notebook_remembers_holds_nothing(
    pipe: StableDiffusionPipeline, inversion: styledit.Inversion
) -> None:
    inversion = replace(inversion)
    player = inversion_player(pipe, inversion)
    until(lambda: settled(player))
    held = weakref.ref(inversion)
    player.close()
    del inversion
    gc.collect()
    assert held() is None and player.run == player.inverted == player.world == {}
    assert "pipe" not in vars(player) and player.curves == []
