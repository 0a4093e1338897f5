"""The plain call: settings that follow from what changed between the prompts, by numbers of the model's."""

from __future__ import annotations

import copy
import dataclasses
import json
import shutil

import numpy as np
import pytest

import styledit
from recipe.folders import DATA
from styledit.editing.suggestion import ADDITION, FEATURES, REMOVAL, Change, EditingTable, Regime, features
from styledit.prompts import Word
from styledit.storage.data import EMBEDDED_FOLDER

SOURCE = "a plain sticker of a red car on the beach"
TARGETS = {
    "everything": "a watercolor painting of a red car on the beach",
    "surroundings": "a plain sticker of a red car in the snow",
    "property": "a plain sticker of a blue car on the beach",
    "thing": "a plain sticker of a turtle on the beach",
    "removal": "a plain sticker of a car on the beach",
}
STORED = json.loads((EMBEDDED_FOLDER / "editing.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def car(embedded):
    return styledit.invert(embedded, DATA / "images" / "01_car.png", SOURCE, 6, progress=False)


@pytest.fixture(scope="module")
def editor(embedded, car):
    return styledit.Editor(embedded, car, rule=None)


def test_the_numbers_are_those_of_the_committed_weights():
    hashes = json.loads((EMBEDDED_FOLDER / "hashes.json").read_text(encoding="utf-8"))
    assert STORED["unet"] == hashes["unet/diffusion_pytorch_model.safetensors"]


@pytest.mark.parametrize("regime", TARGETS)
def test_where_the_changed_words_look_decides(editor, regime):
    suggested = editor.suggest(TARGETS[regime])
    for name, value in STORED["regimes"][regime]["settings"].items():
        assert getattr(suggested, name) == value
    assert bool(suggested.blend) == (STORED["regimes"][regime]["blend"] is not None)


def test_an_added_word_is_a_regime_of_its_own(embedded):
    plain = styledit.invert(
        embedded, DATA / "images" / "01_car.png", "a plain sticker of a car on the beach", 3, progress=False
    )
    suggested = styledit.Editor(embedded, plain, rule=None).suggest(SOURCE)
    stored = STORED["regimes"][ADDITION]
    assert all(getattr(suggested, name) == value for name, value in stored["settings"].items())
    assert suggested.blend == ("red", "car")  # no other regime of the table has these and this blend


@pytest.mark.parametrize("prompt", ["a red car", "a red car on the beach"])
def test_a_style_that_is_said_or_changed_leaves_nothing_as_it_was(embedded, prompt):
    """Also where the prompt of a photograph says no style, so that its words only come: a blend would keep a
    hard square of the old picture.
    """
    plain = styledit.invert(embedded, DATA / "images" / "01_car.png", prompt, 3, progress=False)
    editor = styledit.Editor(embedded, plain)
    assert editor.suggest(f"an oil painting of {prompt}").blend == ()
    assert editor.suggest(f"{prompt} and a balloon").blend == ("balloon",)


@pytest.mark.parametrize(
    ("source", "target", "whole"),
    [
        ("a cat", "an oil painting of a cat", True),
        ("a pencil sketch of a cat", "an oil painting of a cat", True),
        ("an oil painting of a cat", "a cat", True),
        ("an oil painting of a cat", "an oil painting of a dog", False),
        ("a pencil sketch of a cat", "an oil painting of a dog", False),
        ("a cat", "a cat and a dog", False),
        ("a cat", "a cat of a dog", False),
        ("a cat", "a cat", False),
    ],
)
def test_what_is_said_of_the_picture_stands_before_its_of(embedded, source, target, whole):
    assert Change.between(embedded, source, target).is_of_the_picture is whole


def test_removed_words_are_a_regime_where_a_table_has_it():
    def regime(name: str, bias: float) -> Regime:
        return Regime(name, {}, None, np.zeros(0), bias)

    words = tuple(Word(text, (k,)) for k, text in enumerate(("a", "red", "car")))
    gone = Change(words, (words[0], words[2]), removed=(1,), added=())
    swapped = Change(words, words, removed=(1,), added=(1,))
    regimes = (regime("thing", 0.0), regime(ADDITION, 9.0), regime(REMOVAL, 9.0))
    table = EditingTable((1,), np.zeros(0), np.ones(0), regimes)
    older = dataclasses.replace(table, regimes=regimes[:2])
    assert [table.regime(change, None).name for change in (gone, swapped)] == [REMOVAL, "thing"]
    assert older.regime(gone, None).name == "thing"


@pytest.mark.parametrize(
    ("source", "target", "regime"),
    [
        ("an umbrella", "a blue umbrella", ADDITION),  # the article changes along
        ("a blue umbrella", "an umbrella", REMOVAL),
        ("a cat", "a fox and a cat", ADDITION),
        ("a fox and a cat", "a cat", REMOVAL),
        ("a cat", "a fox", "thing"),
        ("a cat on a dog", "a cat in a dog", "thing"),
    ],
)
def test_words_that_name_nothing_do_not_hide_what_comes_or_goes(embedded, source, target, regime):
    regimes = tuple(Regime(name, {}, None, np.zeros(0), 0.0) for name in ("thing", ADDITION, REMOVAL))
    table = EditingTable((1,), np.zeros(0), np.ones(0), regimes)
    assert table.regime(Change.between(embedded, source, target), None).name == regime


def test_what_changed_between_two_prompts(embedded):
    change = Change.between(embedded, SOURCE, "a pencil sketch of a red fox on the beach")
    assert [change.source[i].text for i in change.removed] == ["plain", "sticker", "car"]
    assert [change.target[j].text for j in change.added] == ["pencil", "sketch", "fox"]
    assert change.words() == ("sticker", "car", "sketch", "fox")
    assert change.words(with_next=True) == change.words()  # "of" and "on" name nothing


@pytest.mark.parametrize(
    ("source", "target", "alone", "with_next"),
    [
        ("a fox", "an owl", ("fox", "owl"), None),  # the article changes along
        ("a fox and a cat", "a cat", ("fox",), None),  # the first of two goes
        ("a cat", "a fox and a cat", ("fox",), None),  # and comes
        ("an owl in the sea", "an owl and a red balloon in the sea", ("balloon",), None),
        ("a car on the beach", "a car in the snow", ("beach", "snow"), None),
        ("a red car", "a blue car", ("red", "blue"), ("red", "car", "blue")),
        ("a car", "a red car", ("red",), ("red", "car")),
        ("a red car", "an umbrella", ("car", "umbrella"), None),
        ("an owl", "a red owl", ("red",), ("red", "owl")),
        ("a red owl", "an owl", ("red",), ("red", "owl")),
        ("a cat on a dog", "a cat in a dog", ("on", "in"), None),  # nothing that names: still an answer
        ("a cat", "a cat", (), None),
    ],
)
def test_a_blend_is_on_words_that_name_something(embedded, source, target, alone, with_next):
    change = Change.between(embedded, source, target)
    assert change.words() == alone
    assert change.words(with_next=True) == (alone if with_next is None else with_next)


def test_features_are_shares_and_likenesses(embedded, car):
    """Shares of the words that go, written out at one scale."""
    change = Change.between(embedded, SOURCE, TARGETS["property"])
    found = features(car.maps, change, (2,))
    maps = car.maps.select(layers=2)
    read = np.stack([maps.tokens(w.positions, size=(8, 8)).numpy().ravel() for w in change.source])
    share = read / read.sum(0)
    red, the_car = 5, 6
    written_out = [share[red].mean(), share[red].max(), share[the_car].mean(), share[the_car].max()]
    assert np.allclose(found[:4], written_out) and len(found) == len(FEATURES)
    assert np.isclose(found[4], np.corrcoef(read[red], read[the_car])[0, 1])


def test_a_setting_by_hand_wins(editor):
    suggested = editor.suggest(TARGETS["property"])
    by_hand = editor.suggest(TARGETS["property"], tau_c=0.123, blend="car")
    assert by_hand == dataclasses.replace(suggested, tau_c=0.123, blend=("car",))
    edit = editor.edit(TARGETS["property"], progress=False, tau_c=0.123)
    assert edit.settings == dataclasses.replace(suggested, tau_c=0.123, guidance=edit.settings.guidance)


def test_tau_v_by_hand_is_for_all_words(editor):
    by_hand = editor.suggest(TARGETS["property"], tau_v=0.0)
    assert (by_hand.tau_v, by_hand.tau_v_changed, by_hand.tau_v_padding) == (0.0, None, None)
    assert editor.suggest(TARGETS["property"], tau_v=0.0, tau_v_padding=1.0).tau_v_padding == 1.0


def test_several_targets_get_settings_of_their_own(editor):
    several = editor.edit(list(TARGETS.values()), progress=False)
    for target, edit in zip(TARGETS.values(), several, strict=True):
        alone = editor.edit(target, progress=False)
        assert edit.target_prompt == target and edit.settings == alone.settings
        assert styledit.psnr(edit.image, alone.image) > 40


def test_nothing_changed_takes_everything(editor):
    same = editor.suggest(SOURCE)
    assert (same.tau_v, same.tau_c, same.tau_s, same.tau_u) == (1.0, 1.0, 1.0, 1.0)


def test_without_maps_there_is_still_an_answer(embedded, car):
    bare = styledit.Editor(embedded, dataclasses.replace(car, maps=None))
    assert bare.suggest(TARGETS["property"]).guidance is not None


def test_without_value_inputs_an_edit_follows_by_the_models_rule(embedded, car):
    following = STORED["following"]
    own = styledit.Editor(embedded, car)
    assert own.rule == styledit.UpdateRule(**following["rule"])
    values = styledit.fit_values(embedded, car, preset=styledit.Preset(0, 0.0), progress=False)
    for options in (
        {"rule": None}, {"automatic": False}, {"values": values}, {"follow_inversion": True},
        {"null_embeddings": car.c},
    ):  # fmt: skip
        assert styledit.Editor(embedded, car, **options).rule is None
    for regime, target in TARGETS.items():
        stored = STORED["regimes"][regime]["settings"] | following["settings"][regime]
        suggested = own.suggest(target)
        assert all(getattr(suggested, name) == value for name, value in stored.items())
    with pytest.raises(ValueError, match="rule, where it is a word, must be one of 'suggested'"):
        styledit.Editor(embedded, car, rule="free")


def test_an_unchanged_prompt_gives_the_picture_itself(embedded, car):
    edit = styledit.edit(embedded, car, SOURCE, progress=False)
    away = np.asarray(edit.image, int) - np.asarray(car.image, int)
    assert abs(away).max() <= 1  # level of 255: the latents are the source's to rounding


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "the model's own rule"),
        ({"rule": styledit.editing.UpdateRule()}, "the rule that was given"),
        ({"rule": None}, "it drifts"),
        ({"follow_inversion": True}, "the inversion's own"),
    ],
)
def test_an_editor_says_what_keeps_the_source(embedded, car, options, said):
    said_of = styledit.Editor(embedded, car, **options).explain(TARGETS["thing"])
    assert said in said_of and "'red car' to 'turtle' changes a thing, as the maps" in said_of
    assert "tau_v" not in said_of


def test_it_says_what_the_change_is_taken_for_and_which_settings_follow(embedded, car, pipe, inversion):
    editor = styledit.Editor(embedded, car)
    assert "'red' to 'blue' changes a property" in editor.explain(TARGETS["property"])
    assert "'red' taken out changes" in editor.explain(TARGETS["removal"])
    assert "the words alone" in editor.explain(TARGETS["removal"])
    assert "the prompts say the same" in editor.explain(SOURCE).lower()
    suggested = editor.suggest(TARGETS["everything"])
    assert f"tau_s {suggested.tau_s}" in editor.explain(TARGETS["everything"])
    assert "tau_s 0.35" in editor.explain(TARGETS["everything"], tau_s=0.35)
    assert "published" in styledit.Editor(embedded, car, automatic=False).explain(SOURCE)
    assert "no table of settings" in styledit.Editor(pipe, inversion).explain("a blue cat in the snow")


def test_models_without_numbers_get_the_published_settings(pipe, inversion):
    editor = styledit.Editor(pipe, inversion)
    assert editor.suggest("a blue cat in the snow") == styledit.Settings()
    assert (
        styledit.fit_values(pipe, inversion, preset=styledit.Preset(0, 0.0), progress=False).guidance == 7.5
    )


def test_fits_take_the_models_guidance(embedded, car):
    values = styledit.fit_values(embedded, car, preset=styledit.Preset(0, 0.0), progress=False)
    assert values.guidance == STORED["fit_guidance"]


def changed(*place, value):
    """The model's table with another value somewhere, as text."""
    table = copy.deepcopy(STORED)
    part = table
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    return json.dumps(table)


@pytest.mark.parametrize(
    "damage",
    [
        "{", "[]", '{"fit_guidance": "much"}', '{"fit_guidance": 3, "regimes": {}}',
        changed("fit_guidance", value=float("nan")), changed("mean", 0, value=float("nan")),
        changed("spread", 0, value=0), changed("spread", value=STORED["spread"][:-1]),
        changed("scales", value=[1, 2]), changed("regimes", "thing", "blend", value="everything"),
        changed("regimes", "thing", "bias", value=float("inf")), changed("regimes", value=[]),
        changed("regimes", "thing", "weights", value=[1.0]),
        changed("regimes", "thing", "settings", "tau_c", value=2),
        changed("following", "rule", value={"eta": 2}), changed("following", "rule", value={"speed": 2}),
        changed("following", "settings", value={"thing": {"tau_c": 2}}),
        changed("following", "settings", value={"things": {}}), changed("following", value=[]),
    ],
)  # fmt: skip
def test_damaged_numbers_are_a_sentence(tmp_path, damage):
    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED_FOLDER, folder)
    (folder / "editing.json").write_text(damage, encoding="utf-8")
    pipe = styledit.load(folder)
    inversion = styledit.invert(pipe, DATA / "images" / "01_car.png", SOURCE, 1, record=None, progress=False)
    with pytest.raises(ValueError, match="editing.json.* is damaged"):
        styledit.Editor(pipe, inversion).suggest(TARGETS["property"])
