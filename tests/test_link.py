"""Widgets that follow each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from diffusers import StableDiffusionPipeline
from PIL import Image

import styledit
from browser import NotebookPage
from styledit import Layers
from styledit.lab import (
    AttentionExplorer,
    EditLab,
    InversionPlayer,
    Link,
    attention_explorer,
    edit_lab,
    inversion_player,
    link,
)
from styledit.lab.place import Place

PROMPT = "a red car in the snow"
STEPS = 5


def until(true: Callable[[], object]) -> None:
    last = time.monotonic() + 60
    while not true():
        assert time.monotonic() < last, "waited in vain"
        time.sleep(0.005)


@dataclass
class Three:
    lab: EditLab
    explorer: AttentionExplorer
    player: InversionPlayer

    def rest(self) -> None:
        """Until nobody has anything left to do."""
        worker = self.lab.worker
        until(lambda: not worker._runs and not worker._calls)


@pytest.fixture(scope="module")
def inversion(pipe64: StableDiffusionPipeline, picture: Image.Image) -> styledit.Inversion:
    record = styledit.Record(Layers(), steps=(0, 2, 4))
    return styledit.invert(pipe64, picture, PROMPT, STEPS, record=record, progress=False)


@pytest.fixture(scope="module")
def opened(
    pipe64: StableDiffusionPipeline, inversion: styledit.Inversion, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Three]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLEDIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        lab = edit_lab(pipe64, inversion, target="a blue car in the snow")
        made = Three(lab, attention_explorer(pipe64, inversion), inversion_player(pipe64, inversion))
        made.rest()
        yield made
        for widget in (made.lab, made.explorer, made.player):
            widget.close()


@pytest.fixture
def three(opened: Three) -> Three:
    """Three widgets, which stand at the picture and at no word."""
    scrub(opened.player, STEPS)
    opened.explorer.received({"type": "chosen", "chosen": {}}, [])
    opened.lab.received({"type": "place", "step": None, "word": None}, [])
    opened.rest()
    return opened


@pytest.fixture
def tie() -> Iterator[Callable[..., Link]]:
    """`link`, until the test ends."""
    made: list[Link] = []

    def together(*widgets: Any) -> Link:
        made.append(link(*widgets))
        return made[-1]

    yield together
    for one in made:
        one.close()


def scrub(player: InversionPlayer, index: int, words: list[str] | None = None) -> None:
    """What the player's page sends."""
    words = words or player.view["words"]
    player.received({"type": "view", "index": index, "direction": "inversion", "words": words}, [])


def choose(explorer: AttentionExplorer, **parts: Any) -> None:
    """What the explorer's page sends."""
    explorer.received({"type": "chosen", "chosen": {**explorer.chosen, **parts}}, [])


def test_a_step_that_is_scrubbed_and_a_word_that_is_chosen_are_those_of_all(
    three: Three, tie: Callable[..., Link]
) -> None:
    player, explorer, lab = three.player, three.explorer, three.lab
    tie(player, explorer, lab)
    scrub(player, 2)
    until(lambda: lab.place["step"] == 2 and explorer.chosen.get("row") == 1)
    assert explorer.about["steps"] == [0, 2, 4]
    scrub(player, 3)  # a step that the explorer has not recorded
    until(lambda: lab.place["step"] == 3)
    three.rest()
    assert explorer.chosen["row"] == 1
    choose(explorer, word=3)
    until(lambda: "car" in player.view["words"] and lab.place["word"] == "car")
    three.rest()
    assert player.view["index"] == 3 == lab.place["step"]  # a word alone leads no step
    choose(explorer, row=2)
    until(lambda: player.view["index"] == 4 and lab.place["step"] == 4)
    lab.received({"type": "place", "step": 0, "word": "red"}, [])
    until(lambda: player.view["index"] == 0 and explorer.chosen["row"] == 0)
    assert "red" in player.view["words"] and explorer.chosen["word"] == 2
    scrub(player, STEPS)  # the picture is no step: nobody moves
    three.rest()
    assert lab.place["step"] == 0 and explorer.chosen["row"] == 0
    assert not lab.problem and not explorer.problem and not player.problem


def test_nothing_goes_round_however_fast_a_hand_is(three: Three, tie: Callable[..., Link]) -> None:
    """The page that leads is never led, and all end where it does."""
    player, explorer, lab = three.player, three.explorer, three.lab
    tie(player, explorer, lab)
    three.rest()
    led, seen = player.led["id"], []
    player.observe(lambda change: seen.append(change.new["index"]), "view")
    for k in range(60):
        scrub(player, (3 * k) % STEPS)
        if k % 7 == 0:
            time.sleep(0.003)
    scrub(player, 4)
    until(lambda: lab.place["step"] == 4 and explorer.chosen["row"] == 2)
    three.rest()
    assert player.led["id"] == led and seen[-1] == 4
    before = explorer.led["id"]
    time.sleep(0.1)
    three.rest()
    assert explorer.led["id"] == before


def test_the_others_begin_where_the_first_one_stands(three: Three, tie: Callable[..., Link]) -> None:
    choose(three.explorer, row=1, word=3)
    three.rest()
    tie(three.explorer, three.player)
    until(lambda: three.player.view["index"] == 2 and "car" in three.player.view["words"])
    assert three.player.led["linked"] and not three.lab.led["linked"]


def test_a_link_ends_by_itself_with_the_last_but_one(
    three: Three, tie: Callable[..., Link], pipe64: StableDiffusionPipeline, inversion: styledit.Inversion
) -> None:
    lab = three.lab
    players = [inversion_player(pipe64, inversion) for _ in range(2)]
    together = tie(*players, lab)
    players[1].close()
    assert together.widgets == (players[0], lab)
    scrub(players[0], 1)
    until(lambda: lab.place["step"] == 1)
    players[0].close()
    assert together.widgets == ()
    until(lambda: not lab.led["linked"])
    lab.received({"type": "place", "step": 3, "word": None}, [])
    until(lambda: lab.place["step"] == 3)


def test_unlinked_each_is_for_itself(three: Three, tie: Callable[..., Link]) -> None:
    together = tie(three.player, three.explorer)
    three.rest()
    together.close()
    together.close()
    scrub(three.player, 0)
    until(lambda: three.player.view["index"] == 0)
    three.rest()
    assert three.explorer.chosen.get("row", -1) == -1 and not three.explorer.led["linked"]


def test_a_lab_with_another_source_waits(
    three: Three, tie: Callable[..., Link], pipe64: StableDiffusionPipeline, inversion: styledit.Inversion
) -> None:
    player, lab = three.player, edit_lab(pipe64, inversion)
    tie(player, lab)
    other = {"type": "source", "id": 9, "kind": "seed", "name": "", "seed": 1, "prompt": "a dog", "steps": 3}
    lab.received(other, [])
    until(lambda: lab.source.get("prompt") == "a dog" and lab.source["state"] != "inverting")
    scrub(player, 4)
    three.rest()
    assert player.view["index"] == 4 != lab.place["step"]
    lab.received({"type": "place", "step": 1, "word": "dog"}, [])
    three.rest()
    assert player.view["index"] == 4
    lab.close()


def test_what_cannot_be_linked_is_a_sentence(
    three: Three, pipe64: StableDiffusionPipeline, picture: Image.Image
) -> None:
    shorter = styledit.invert(pipe64, picture, PROMPT, 4, progress=False)
    another = styledit.invert(pipe64, picture, "a dog", STEPS, progress=False)
    players = [inversion_player(pipe64, inversion) for inversion in (shorter, another)]
    closed = inversion_player(pipe64, another)
    closed.close()
    player: Any = three.player
    for error, pattern, given in [
        (ValueError, "5 steps of 'a red car in the snow' and the player 4 steps", (three.lab, players[0])),
        (ValueError, "'a dog'; link widgets that were made of one", (three.explorer, players[1])),
        (ValueError, "two or more widgets", (player,)),
        (ValueError, "each once", (player, player)),
        (ValueError, "player is closed", (player, closed)),
        (TypeError, "not 3", (player, 3)),
    ]:
        with pytest.raises(error, match=pattern) as raised:
            link(*given)
        assert "\n" not in str(raised.value)
    for one in players:
        one.close()
    assert threading.active_count() < 20


def test_a_place_takes_what_changed() -> None:
    here = Place(3, "car")
    assert here.moved(Place(1, "red"), Place(2, "red")) == Place(2, "car")
    assert here.moved(Place(1, "red"), Place(None, "snow")) == Place(3, "snow")
    assert here.moved(Place(), Place()) == here


CELLS = (
    "import os, tempfile\n"
    "os.environ['STYLEDIT_CACHE'] = tempfile.mkdtemp()\n"
    "import styledit\n"
    "from styledit.lab import attention_explorer, edit_lab, inversion_player, link, picture\n"
    "pipe = styledit.load()\n"
    "prompt = 'a plain sticker of a red car on the beach'\n"
    "inversion = styledit.invert(pipe, picture(pipe, '01_car'), prompt, 6,\n"
    "                            record=styledit.Layers(), progress=False)",
    "player = inversion_player(pipe, inversion)\nplayer",
    "explorer = attention_explorer(pipe, inversion)\nexplorer",
    "lab = edit_lab(pipe, inversion)\nlab",
    "together = link(player, explorer, lab)",
)


@pytest.mark.slow
def test_three_widgets_on_a_page(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook(*CELLS)
    notebook.run()
    notebook.until("lab.frame.get('exact') and player.run.get('exact') and not lab.worker._runs", 240)
    page = notebook.page
    notebook.scroll_to(1)
    notebook.by_id("player-step").fill("2")
    notebook.until("explorer.chosen.get('row') == 2 and lab.place['step'] == 2")
    notebook.scroll_to(2)
    assert page.locator(".styledit-explorer [data-testid=step]").input_value() == "2"
    page.locator(".styledit-explorer [data-testid=word-9]").click()  # beach
    notebook.until("'beach' in player.view['words'] and lab.place['word'] == 'beach'")
    notebook.scroll_to(3)
    notebook.by_id("fold-what").click()
    marked = page.locator(".styledit-edit-lab [data-step][data-led]")
    assert {part.get_attribute("data-step") for part in marked.all()} == {"2"}
    page.locator(".styledit-edit-lab [data-step='4']:visible").first.click()
    notebook.until("player.view['index'] == 4 and explorer.chosen['row'] == 4")
    notebook.scroll_to(1)
    assert notebook.by_id("player-step").input_value() == "4"
    assert "beach" in [notebook.by_id(name).input_value() for name in ("word-a", "word-b")]
    assert not notebook.errors
