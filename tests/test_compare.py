"""The benchmark of the editing methods: its cases, its verdicts, and one row of its table."""

import json

import numpy as np
import pytest

from measure import compare as benchmark
from recipe.world import HELD_OUT_ARTIST, Scene, render
from styledit.metrics import METRICS


@pytest.fixture(scope="module")
def cases() -> list[benchmark.Case]:
    return benchmark.held_out_cases()


@pytest.fixture(scope="module")
def bench() -> benchmark.Bench:
    return benchmark.Bench()


def test_the_edited_region_is_the_drawn_one(cases):
    lines = (benchmark.FOLDER / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    for case, record in zip(cases, map(json.loads, lines), strict=True):
        masks = [render(Scene(**record[side]))[1] for side in ("source", "target")]
        objects = masks[0] | masks[1]
        match case.kind:
            case "style":
                assert case.mask is None
            case "place":
                assert np.array_equal(case.mask, ~masks[0]) and np.array_equal(*masks)
            case _:
                assert np.array_equal(case.mask, objects)
                outside = np.asarray(case.source, float)[~objects] - np.asarray(case.truth, float)[~objects]
                assert np.abs(outside).mean() < 8  # filters of a style reach a little over the edge


def test_tuning_never_sees_a_held_out_drawing_or_case(cases):
    tuned = benchmark.training_cases(2, benchmark.SEED)
    assert {case.kind for case in tuned} == set(benchmark.KINDS)
    held_out = {case.source.tobytes() for case in cases}
    assert not held_out & {case.source.tobytes() for case in tuned}
    assert HELD_OUT_ARTIST not in benchmark.TRAIN_ARTISTS


def test_settings_are_there_for_every_method_and_kind():
    settings = json.loads(benchmark.SETTINGS.read_text(encoding="utf-8"))
    assert list(settings) == list(benchmark.METHODS)
    assert all(list(of) == list(benchmark.KINDS) for of in settings.values())


def test_the_truth_happened_and_the_source_did_not(bench, cases):
    truth = np.mean([bench.happened(case.truth, case) for case in cases])
    source = np.mean([bench.happened(case.source, case) for case in cases])
    assert truth > 80 and source < 20


@pytest.mark.parametrize("kind", ["object", "style"])
def test_a_row_of_the_table(bench, cases, kind):
    case = next(case for case in cases if case.kind == kind)
    (inversion,) = bench.invert([case])
    settings = json.loads(benchmark.SETTINGS.read_text(encoding="utf-8"))["negative-prompt"][kind]
    (editor,), (cost,) = bench.editors("negative-prompt", [inversion], settings["guidance"])
    row = bench.row(bench.edit("negative-prompt", editor, case, settings), case)
    background = {name for name in METRICS if "background" in name or "edited" in name}
    assert set(row) == {"happened", *METRICS} - (background if kind == "style" else set())
    assert all(np.isfinite(value) for value in row.values()) and cost == 0
    assert bench.row(case.truth, case)["truth_psnr"] == np.inf
