"""The lessons' stored tables: whole, of the embedded model, and what would be computed again."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image

import styledit
from measure import (
    from_noise,
    lesson_pictures,
    map_terms,
    photographs,
    results,
    tuned_by_hand,
    value_inputs,
)
from measure.cases import drawn_edits
from measure.methods import PAPER, SHORT
from styledit.lab.edit import advice
from styledit.lab.edit.samples import challenges
from styledit.lessons import lesson_picture, stored, stored_result
from styledit.metrics import load_networks
from styledit.pipeline import model_fingerprint

# --- storing ----------------------------------------------------------------------------------------


def test_every_stored_result_is_of_the_embedded_model(embedded) -> None:
    there = {file.stem for file in stored.FOLDER.glob("*.json")}
    assert set(results.COMPUTED) <= there <= results.RESULTS.keys()
    assert all(stored_result(embedded, name) for name in there)


def test_results_of_another_model_are_refused(pipe, embedded, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stored, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"no stored result 'mine' \(there are: none yet\)"):
        stored_result(embedded, "mine")
    content = {"model": model_fingerprint(embedded), "result": [1, 2]}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    assert stored_result(embedded, "mine") == [1, 2]
    with pytest.raises(ValueError, match=r"another model .* run `make results`"):
        stored_result(pipe, "mine")


def test_a_result_is_stored_as_it_comes(embedded, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stored, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(results, "RESULTS", {"mine": lambda pipe: [{"picture": "fox", "psnr": 1.5}]})
    monkeypatch.setattr(results, "COMPUTED", ("mine",))
    results.main([])
    assert stored_result(embedded, "mine") == [{"picture": "fox", "psnr": 1.5}]
    with pytest.raises(SystemExit, match="no result 'yours'"):
        results.main(["yours"])


# --- lessons 00 to 02 -------------------------------------------------------------------------------


def test_rows_of_the_lesson_pictures_are_those_that_would_be_computed(embedded) -> None:
    names = lesson_pictures.names()
    assert len(names) == 16
    ways = {(row["picture"], row["steps"], row["guidance"]) for row in stored_result(embedded, "way_back")}
    assert ways == set(
        product(names[: lesson_pictures.FEW], lesson_pictures.STEPS, lesson_pictures.GUIDANCES)
    )
    assert [row["picture"] for row in stored_result(embedded, "words")] == names
    kinds = [row["kind"] for row in stored_result(embedded, "edits")]
    assert {kind: kinds.count(kind) for kind in kinds} == dict.fromkeys(
        lesson_pictures.EDITED, lesson_pictures.FEW
    )
    assert len(stored_result(embedded, "two_things")) == 24


def test_one_row_of_each_is_computed_again(embedded) -> None:
    name = "01_car.png"
    picture = lesson_picture(embedded, name)
    inversion = styledit.invert(
        embedded, picture.image, picture.prompt, steps=10, record=None, progress=False
    )
    again = lesson_pictures.way_back_row(embedded, name, inversion, 2.0)
    (kept,) = [
        row
        for row in stored_result(embedded, "way_back")
        if (row["picture"], row["steps"], row["guidance"]) == (name, 10, 2.0)
    ]
    assert again["psnr"] == pytest.approx(kept["psnr"], abs=0.1)
    assert again["noise_std"] == pytest.approx(kept["noise_std"], abs=0.01)
    again = lesson_pictures.words_row(embedded, name, picture)
    kept = next(row for row in stored_result(embedded, "words") if row["picture"] == name)
    assert again["thing"] == kept["thing"] == "car"
    for new, old in zip(again["tokens"], kept["tokens"], strict=True):
        assert new["token"] == old["token"] and new["on"] == pytest.approx(old["on"], abs=0.01)
        assert new["silenced_on"] == pytest.approx(old["silenced_on"], abs=0.01)


def test_shares_on_a_mask() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:2, :2] = True
    heat = torch.ones(4, 4)
    assert lesson_pictures.share_on(heat, mask) == 0.25
    assert lesson_pictures.on_grid(mask, (2, 2)).tolist() == [[True, False], [False, False]]
    white = Image.new("RGB", (4, 4), "white")
    black = Image.fromarray((~mask[..., None] * np.full(3, 255)).astype(np.uint8))
    assert lesson_pictures.changes(white, black, mask) == (1.0, 0.0)


# --- lesson 03 --------------------------------------------------------------------------------------


def test_the_stored_rows_are_those_that_would_be_computed(embedded) -> None:
    fits = stored_result(embedded, "value_fits")
    assert [row["fit"] for row in fits] == [*value_inputs.FITS, value_inputs.NULL_TEXT]
    assert all(len(row["drift"]) == 31 for row in fits)
    edits = stored_result(embedded, "value_edits")
    assert all(row["truth_psnr"].keys() == {"off", *value_inputs.WAYS} for row in edits)
    cases = challenges()[:: value_inputs.STRIDE]
    assert [(row["case"], row["kind"], row["target"]) for row in edits] == [
        (case.name, case.kind, case.target) for case in cases
    ]
    assert cases[-1].picture.size == cases[-1].truth.size == styledit.picture_size(embedded)


@pytest.mark.parametrize("name", ["the guess alone", value_inputs.NULL_TEXT])
def test_a_row_of_fits(name, pipe, inversion, monkeypatch) -> None:
    monkeypatch.setattr(value_inputs, "GUIDANCE", 3.0)
    row = value_inputs.fitted(pipe, inversion, name)
    assert row["fit"] == name and len(row["drift"]) == inversion.steps + 1 and row["drift"][0] == 0


def test_one_edit_in_several_ways(pipe, inversion) -> None:
    values = styledit.fit_values(pipe, inversion, preset=styledit.Preset(1, 0.01), progress=False)
    made = value_inputs.ways(pipe, inversion, values, inversion.prompt + " here")
    assert made["off"].values is None
    assert [edit.settings.tau_v for way, edit in made.items() if way != "off"] == [0.0, 0.5, 0.5, 1.0]
    assert made["by word"].settings.tau_v_changed == 0.0


# --- lesson 04 --------------------------------------------------------------------------------------


def test_the_stored_terms_are_of_the_cases_that_would_be_chosen(embedded) -> None:
    rows = stored_result(embedded, "map_terms")
    assert [(row["case"], row["thing"]) for row in rows] == [(i, c.object) for i, c in map_terms.chosen()]
    assert len(rows) >= 8
    for row in rows:
        assert [fit["weight"] for fit in row["fits"]] == list(map_terms.LAMBDAS)
        assert row["held"].keys() == map_terms.HELD.keys()
        rates = {name: tuple(each["rate"] for each in found) for name, found in row["shaped"].items()}
        assert rates == map_terms.SHAPED


def test_a_row_of_terms(embedded, monkeypatch) -> None:
    """Few rates and steps: a pull moves its number down, and switches hold the thing nearer than nothing."""
    monkeypatch.setattr(map_terms, "LAMBDAS", (0.0,))
    monkeypatch.setattr(map_terms, "SHAPED", {"sparsity": (0, 300)})
    held = map_terms.Held.of(embedded, results.held_out_cases()[25], steps=5)
    (fit,) = map_terms.fits(held)
    assert fit["maps"] > 0 and fit["psnr"] > 15
    edits = map_terms.edits(held)
    assert edits["switches"]["thing"] > edits["nothing"]["thing"]
    still, pulled = map_terms.shaped(held)["sparsity"]
    assert pulled["number"] < still["number"] and still["psnr"] is None and pulled["psnr"] < 40


# --- lesson 06 --------------------------------------------------------------------------------------


def test_the_stored_grids_are_of_every_challenge_of_another_place(embedded) -> None:
    rows = stored_result(embedded, "tuned_by_hand")
    assert [row["case"] for row in rows] == [c.name for c in challenges() if c.kind == tuned_by_hand.KIND]
    every = [(c, s) for c in tuned_by_hand.FRACTIONS for s in tuned_by_hand.FRACTIONS]
    assert all([(tile["tau_c"], tile["tau_s"]) for tile in row["grid"]] == every for row in rows)


def test_the_truth_has_the_best_scores() -> None:
    challenge, network = challenges()[24], load_networks().perceptual
    best = tuned_by_hand.scores(challenge, challenge.truth, network)
    assert best == {"psnr": float("inf"), "lpips": 0.0, "success": True}
    source = tuned_by_hand.scores(challenge, challenge.picture, network)
    assert source["psnr"] < 40 and source["lpips"] > 0.05 and not source["success"]


def test_the_stored_signs_are_of_what_would_be_asked(embedded) -> None:
    asked = [(group, name, prompt) for group, name, _, prompt in tuned_by_hand.asked()]
    rows = stored_result(embedded, "signs")
    assert [(row["group"], row["picture"], row["prompt"]) for row in rows] == asked
    assert all(sum(row["group"] == group for row in rows) >= 6 for group in {row["group"] for row in rows})


def test_a_wrong_caption_is_wrong_in_one_factor() -> None:
    right = "a plain sticker of a red car on the beach"
    wrong = {factor: tuned_by_hand.swapped(right, factor) for factor in tuned_by_hand.SWAPS}
    assert wrong == {
        "style": "a watercolor painting of a red car on the beach",
        "thing": "a plain sticker of a cat on the beach",
        "place": "a plain sticker of a red car in the forest",
    }
    assert "a rocket in" in tuned_by_hand.swapped("a watercolor painting of a cat in the snow", "thing")


# --- lesson 07 --------------------------------------------------------------------------------------


def test_the_stored_comparison_is_whole(embedded) -> None:
    ran: dict[str, set[int]] = {}
    for row in stored_result(embedded, "comparison"):
        ran.setdefault(row["method"], set()).add(row["case"])
        assert list(row) == ["case", "kind", "method", *results.COLUMNS]
    assert set(ran) == {*SHORT, results.OWN_TITLE, results.NOTHING}
    for method, cases in ran.items():
        assert len(cases) == (17 if method == PAPER else 84)


def test_the_stored_rows_of_why_edits_fail_are_those_that_would_be_computed(embedded) -> None:
    rows = stored_result(embedded, "from_noise")
    assert [row["case"] for row in rows] == sorted(job.case for job in from_noise.jobs_of(from_noise.STORED))
    for row in rows:
        found = from_noise.Found(**{name: value for name, value in row.items() if name != "failed"})
        assert found.failed == row["failed"] and len(found.noise) == from_noise.SEEDS
        assert found.kind == drawn_edits(row["case"] + 1, from_noise.SEED)[row["case"]][0]


def test_a_row_is_what_the_case_says() -> None:
    case = results._cases()[0]
    row = results.row_of("the truth", 0, case.truth)
    assert row["success"] == 100 and row["truth_psnr"] is None  # infinite: nothing differs
    assert (row["kind"], row["case"], row["evaluations"]) == (case.kind, 0, 0)
    assert results.row_of("nothing", 0, case.source)["background_psnr"] is None


@pytest.mark.slow
def test_the_comparison_takes_its_methods_from_make_compare(embedded, monkeypatch) -> None:
    """One kind, one case: the rows are those that are stored, to rounding between machines."""
    monkeypatch.setattr(results, "SHORT", ("negative-prompt",))
    monkeypatch.setattr(results, "WORKERS", 1)
    first = results.held_out_cases()[:1]
    monkeypatch.setattr(results, "held_out_cases", lambda: first)
    monkeypatch.setattr(results.compare, "KINDS", ("object",))
    rows = results.comparison(embedded)
    assert [row["method"] for row in rows] == [results.NOTHING, "negative-prompt", results.OWN_TITLE]
    known = {(row["method"], row["case"]): row for row in stored_result(embedded, "comparison")}
    for row in rows:
        before = known[row["method"], 0]
        assert list(row) == list(before)
        assert (row["success"], row["evaluations"]) == (before["success"], before["evaluations"])
        assert row["truth_psnr"] == pytest.approx(before["truth_psnr"], abs=0.3)


# --- lesson 09 --------------------------------------------------------------------------------------


def test_guided_rows_are_stored_without_pictures_and_times() -> None:
    row = {
        "variant": "b",
        "case": 2,
        "kind": "style",
        "truth_psnr": 1 / 3,
        "seconds": 9.0,
        "picture": object(),
    }
    first, second = results.guided_rows([row, row | {"variant": "a"}])
    assert first == {"variant": "a", "case": 2, "kind": "style", "truth_psnr": 0.3333}
    assert second["variant"] == "b"


# --- the lab's advice -------------------------------------------------------------------------------


def test_the_advice_names_exactly_the_kinds_that_the_stored_table_supports(embedded) -> None:
    kinds = stored_result(embedded, "photographs")["kinds"]
    assert list(advice.NAMES) == list(photographs.KINDS) and list(advice.GROUPS) == list(photographs.GROUPS)
    said = advice.advice(embedded).removeprefix("What mostly works: ").partition(".")[0].split("; ")
    for (group, phrase), part in zip(advice.GROUPS.items(), said, strict=True):
        held = {row["kind"] for row in kinds if row["group"] == group and row["holds"]}
        named = part.removeprefix(f"on {phrase} ").split(", ")
        assert sorted(named) == sorted(advice.NAMES[kind] for kind in held)


def test_the_advice_follows_the_table(pipe) -> None:
    rows = [
        {"group": "photograph", "kind": "style", "holds": False},
        {"group": "drawing", "kind": "style", "holds": True},
        {"group": "drawing", "kind": "place", "holds": True},
    ]
    assert advice.said_of(rows) == (
        "What mostly works: on photographs nothing that was measured; on drawings by others another style, "
        "another place."
    )
    assert "mostly" not in advice.advice(pipe)  # of another model nothing was measured


def test_the_stored_photographs_are_whole(embedded) -> None:
    stored = stored_result(embedded, "photographs")
    asked = [one for foreign in photographs.PICTURES for one in photographs.asked_of(foreign)]
    told = [(row["picture"], row["kind"], row["target"]) for row in stored["rows"]]
    assert told == [(one.picture.name, one.kind, one.target) for one in asked]
    assert stored["kinds"] == photographs.summaries(stored["rows"])
    assert model_fingerprint(embedded) == photographs.READ_OF
    for row, one in zip(stored["rows"], asked, strict=True):
        assert row["read"] == (row["picture"] in photographs.READ[one.name])
