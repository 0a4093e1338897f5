"""The picture world: deterministic, known in every factor, fast, and its held-out drawings are held out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from measure.cases import training_cases
from recipe import artwork
from recipe.artwork import SEEN_ARTISTS
from recipe.edition import COLOURED, COLOURLESS, COMMITTED, ICONS, PLAIN, STYLES
from recipe.folders import DATA, DRAWINGS
from recipe.make_data import CHANGES, FOR_PAIRS, PER_KIND, SEED, edit_cases, lesson_scenes
from recipe.samples import NOTHING, judged, labels
from recipe.styles import FILTERS
from recipe.tokenizer import POSITIONS
from recipe.world import (
    HELD_OUT_ARTIST,
    TRAIN_ARTISTS,
    Scene,
    Thing,
    allowed,
    draw,
    render,
    sample_scene,
)
from styledit.perception.judge import half

PAIR = Scene("cat", "meadow", "sticker", "noto", 5, other=Thing("balloon", "red"))


def records(folder):
    lines = (DATA / folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_a_scene_is_drawn_the_same_every_time():
    scene = Scene("car", "beach", "watercolor", "noto", 7, "red")
    first, mask = render(scene)
    artwork.coloured_drawing.cache_clear()
    again, mask_again = render(scene)
    assert first.shape == (128, 128, 3) and first.dtype == np.uint8 and mask.dtype == bool
    assert np.array_equal(first, again) and np.array_equal(mask, mask_again)
    assert not np.array_equal(first, render(replace(scene, seed=8))[0])


def test_changing_the_place_leaves_the_object_where_it_was():
    scene = Scene("fox", "white", "pixel", "noto", 3)
    (before, mask), (after, mask_after) = render(scene), render(replace(scene, place="gray"))
    assert np.array_equal(mask, mask_after)
    whole = np.array(
        [[mask[4 * r : 4 * r + 4, 4 * c : 4 * c + 4].all() for c in range(32)] for r in range(32)]
    )
    assert whole.sum() > 50
    same = (before == after).all(-1)[::4, ::4]
    assert same[whole].mean() > 0.9 and not same[~whole].all()


def test_captions_name_the_factors():
    scene = Scene("umbrella", "forest", "sticker", "noto", 0, "red")
    assert scene.caption == "a plain sticker of a red umbrella in the forest"
    assert replace(scene, says_colour=False).caption == "a plain sticker of an umbrella in the forest"
    assert replace(scene, style="sketch").caption == "a pencil sketch of an umbrella in the forest"


@pytest.mark.parametrize(
    "wrong", [dict(object="zebra"), dict(place="moon"), dict(colour=None), dict(colour="pink")]
)
def test_impossible_scenes_are_refused(wrong):
    with pytest.raises(ValueError):
        Scene(
            **{
                **dict(object="car", place="beach", style="sketch", artist="noto", seed=0, colour="red"),
                **wrong,
            }
        )


@pytest.mark.parametrize("edition", [COMMITTED, replace(COMMITTED, pairs=0.0)], ids=["both", "alone"])
def test_sampling_covers_every_factor_and_only_the_training_artists(edition):
    rng = np.random.default_rng(0)
    scenes = [sample_scene(rng, edition=edition) for _ in range(3000)]
    assert {s.object for s in scenes} == set(edition.objects) and {s.place for s in scenes} == set(
        edition.places
    )
    assert {s.style for s in scenes} == set(edition.styles) and {s.artist for s in scenes} == set(
        TRAIN_ARTISTS
    )
    assert all((s.colour is not None) == (s.object in COLOURED) for s in scenes)
    assert {s.size for s in scenes} == {None, *(edition.sizes if edition.pairs else ())}
    assert np.mean([s.other is not None for s in scenes]) == pytest.approx(edition.pairs, abs=0.03)
    for s in scenes:
        assert len(s.caption.split()) <= POSITIONS - 2 and set(s.caption.split()) <= set(edition.words)
        assert allowed(s.place, s.style)


def test_no_held_out_drawing_is_trained_on():
    drawings = {
        artist: json.loads((DRAWINGS / f"{artist}.json").read_text(encoding="utf-8"))["svg"]
        for artist in (*SEEN_ARTISTS, HELD_OUT_ARTIST)
    }
    trained = {hashlib.sha256(svg.encode()).hexdigest() for a in SEEN_ARTISTS for svg in drawings[a].values()}
    held_out = {hashlib.sha256(svg.encode()).hexdigest() for svg in drawings[HELD_OUT_ARTIST].values()}
    assert HELD_OUT_ARTIST not in SEEN_ARTISTS and not trained & held_out
    for name in ICONS:  # nor is one the same picture, written differently
        pictures = {a: artwork.drawing(a, name).astype(int) for a in drawings}
        for artist in SEEN_ARTISTS:
            assert np.abs(pictures[artist] - pictures[HELD_OUT_ARTIST]).mean() > 3, (artist, name)


def test_the_lesson_and_benchmark_files_are_what_the_generator_draws():
    lessons, cases = records("images"), records("benchmark")
    assert len(lessons) == 16 and len(cases) == 84
    for record, scene in zip(lessons, lesson_scenes(), strict=True):
        assert record["text"] == scene.caption and scene.artist == HELD_OUT_ARTIST
        assert_close(DATA / "images" / record["file_name"], render(scene)[0])
    drawn = edit_cases((HELD_OUT_ARTIST,), PER_KIND, SEED)
    for record, (kind, source, target) in zip(cases, drawn, strict=True):
        prompts = (record["source_prompt"], record["target_prompt"])
        assert record["kind"] == kind
        assert prompts == (source.caption, target.caption)
        assert source.artist == target.artist == HELD_OUT_ARTIST and source.seed == target.seed
        assert_close(DATA / "benchmark" / record["file_name"], render(source)[0])
        assert_close(DATA / "benchmark" / record["truth"], render(target)[0])
    kinds = Counter(record["kind"] for record in cases)
    assert kinds == dict.fromkeys(CHANGES, 12)


def assert_close(file, drawn):
    """Equal up to what another processor's rounding may do."""
    stored = np.asarray(Image.open(file)).astype(int)
    assert np.abs(stored - drawn).mean() < 0.5, file


# --- styles, sizes, two things --------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_a_style_changes_pixels_and_nothing_else(style):
    scene = replace(PAIR, style="sticker")
    styled = replace(scene, style=style)
    plain, masks = draw(scene)
    painted, same = draw(styled)
    assert painted.shape == plain.shape and painted.dtype == np.uint8
    assert np.array_equal(painted, draw(styled)[0])
    assert all(np.array_equal(a, b) for a, b in zip(masks, same, strict=True))
    assert STYLES[style] in styled.caption and styled.caption.endswith(
        scene.caption.split(" of ")[1].replace("red " if style in COLOURLESS else "\0", "")
    )
    if style in FILTERS:
        assert np.abs(painted.astype(int) - plain).mean() > 5


def test_no_two_styles_look_alike():
    pictures = {style: render(replace(PAIR, style=style))[0].astype(int) for style in STYLES}
    for a in STYLES:
        for b in STYLES:
            assert a == b or np.abs(pictures[a] - pictures[b]).mean() > 8, (a, b)


def test_styles_that_show_no_colour_do_not():
    for style in COLOURLESS:
        red, blue = (
            render(Scene("book", "meadow", style, "noto", 1, colour))[0].astype(int)
            for colour in ("red", "blue")
        )
        brightness = [picture.mean(-1, keepdims=True) for picture in (red, blue)]
        tints = [picture - grey for picture, grey in zip((red, blue), brightness, strict=True)]
        assert np.abs(tints[0].mean((0, 1)) - tints[1].mean((0, 1))).max() < 5


def test_two_things_stand_side_by_side_each_with_its_mask():
    for seed in range(40):
        picture, (cat, balloon) = draw(replace(PAIR, seed=seed))
        assert not (cat & balloon).any()
        assert min(cat.sum(), balloon.sum()) > 500
        middles = sorted(np.flatnonzero(mask.any(0)).mean() for mask in (cat, balloon))
        assert middles[0] < 64 < middles[1]
        assert np.array_equal(render(replace(PAIR, seed=seed))[1], cat)
        hue = picture[balloon].astype(int)
        assert (hue[:, 0] > hue[:, 2] + 40).mean() > 0.6


def test_taking_the_second_thing_away_leaves_the_first_where_it_was():
    before, (cat, balloon) = draw(PAIR)
    after, (alone,) = draw(replace(PAIR, other=None, room=True))
    assert (cat & ~alone).sum() == 0
    far = np.ones_like(cat)
    far[:, slice(*(np.flatnonzero(balloon.any(0))[[0, -1]] + (-4, 5)))] = False
    assert np.array_equal(before[far], after[far]) and not np.array_equal(before, after)


def test_changing_one_of_two_leaves_the_other():
    before, (cat, balloon) = draw(PAIR)
    after, (same, _) = draw(replace(PAIR, other=Thing("balloon", "blue")))
    assert np.array_equal(cat, same)
    assert np.array_equal(before[cat], after[cat]) and not np.array_equal(before[balloon], after[balloon])


def test_a_size_changes_the_thing_about_its_middle():
    scene = Scene("fox", "meadow", "oil", "noto", 3)
    areas = [render(replace(scene, size=size))[1].sum() for size in ("small", None, "big")]
    assert 1.3 * areas[0] < areas[1] < areas[2] / 1.1
    assert replace(scene, size="small").caption == "an oil painting of a small fox in the meadow"


def test_captions_of_two_things():
    assert PAIR.caption == "a plain sticker of a cat and a red balloon in the meadow"
    unnamed = replace(PAIR, other=Thing("balloon", "red", said=False))
    assert unnamed.caption == "a plain sticker of a cat in the meadow"
    assert np.array_equal(render(unnamed)[0], render(PAIR)[0])
    with pytest.raises(ValueError, match="must differ"):
        replace(PAIR, other=Thing("cat"))
    with pytest.raises(ValueError, match="to itself"):
        replace(PAIR, size="big")


def test_edits_change_what_their_kind_says():
    cases = edit_cases((HELD_OUT_ARTIST,), 6, 1)
    assert Counter(kind for kind, *_ in cases) == dict.fromkeys(
        ("object", "colour", "place", "style", "added word", "word removed", "one of two"), 6
    )
    for kind, source, target in cases:
        assert source.seed == target.seed and source.artist == target.artist == HELD_OUT_ARTIST
        (before, masks), (after, others) = draw(source), draw(target)
        assert not np.array_equal(before, after), kind
        if kind == "word removed":
            assert source.caption.startswith(target.caption.rsplit(f" {target.object} ", 1)[0])
        if kind == "one of two":
            kept = [a == b for a, b in zip(source.things, target.things, strict=True)]
            assert sorted(kept) == [False, True]
        if kind in ("place", "style", "colour"):
            assert all(np.array_equal(a, b) for a, b in zip(masks, others, strict=True))


def test_an_edit_of_one_of_two_says_where_to_look_and_for_what():
    cases = training_cases(8, 3)
    drawn = edit_cases(artwork.TRAIN_ARTISTS, 8, 3)
    for case, (kind, source, target) in zip(cases, drawn, strict=True):
        if kind not in FOR_PAIRS:
            assert case.half is None
            continue
        other = {"left": "right", "right": "left"}[case.half]
        inside, outside = (half(case.mask.astype(int), side) for side in (case.half, other))
        assert inside.sum() > 5 * outside[..., 16:-16].sum()
        kept = [thing.object for thing in source.things if thing in target.things]
        assert len(kept) == 1 and case.object not in kept
        if kind == "word removed":
            assert case.changed == {"object": "nothing"} and case.object not in case.target_prompt.split()
        else:
            assert set(case.changed) <= {"object", "colour"} and case.changed
            assert case.changed.get("object", case.object) == case.target_object
        far = np.abs(np.asarray(case.source, float) - np.asarray(case.truth, float))[~case.mask]
        assert far.mean() < 12  # a style's filter reaches over the edge


def test_plain_backgrounds_are_asked_for_where_they_can_be_told():
    assert allowed("white", "sketch") and not allowed("pink", "sketch") and not allowed("white", "neon")
    assert all(allowed(place, "glass") for place in PLAIN)


def test_the_judge_sees_whole_pictures_and_halves():
    rng = np.random.default_rng(0)
    known = labels()
    widths = set()
    names = []
    for _ in range(12):
        truths, pictures = judged(rng, 8)
        widths.add(pictures.shape[-1])
        names += [truth["object"] for truth in truths]
        assert pictures.shape[:3] == (8, 3, 128) and pictures.min() >= 0 and pictures.max() <= 1
        assert all(truth[factor] in known[factor] for truth in truths for factor in known)
    assert widths == {128, 72} and NOTHING in names
    alone = replace(COMMITTED, pairs=0.0)
    assert labels(alone)["object"] == list(alone.objects)
