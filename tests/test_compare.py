"""The comparison of the editing methods: its cases, its table, its verdicts, and an own method in it."""

from __future__ import annotations

import csv
import json
import pickle
import sys
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

import styledit
from measure import cases as measured
from measure import compare, methods, search
from measure.bench import Bench, edited, this_bench
from measure.cases import KINDS, Case, held_out_cases, training_cases
from measure.methods import BY_KIND, BY_TABLE, METHODS, OURS, PAPER, FittedMethod, MethodError, settings_of
from measure.table import HEADER, Table, draw_gallery
from measure.unnamed import PICTURES, unnamed_cases
from recipe.world import HELD_OUT_ARTIST, TRAIN_ARTISTS, Scene, Thing, draw
from styledit.metrics import METRICS

pytestmark = pytest.mark.slow

OWN = "measure.example:plain_ddim"


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return held_out_cases()


@pytest.fixture(scope="module")
def bench() -> Bench:
    return this_bench()


# --- cases ------------------------------------------------------------------------------------------


def test_the_edited_region_is_the_drawn_one(cases):
    lines = (measured.FOLDER / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    for case, record in zip(cases, map(json.loads, lines), strict=True):
        source, target = (scene_of(record[side]) for side in ("source", "target"))
        which = next((k for k, thing in enumerate(source.things) if thing not in target.things), 0)
        masks = [draw(scene)[1][which] for scene in (source, target) if which < len(scene.things)]
        objects = np.logical_or.reduce(masks)
        match case.kind:
            case "style":
                assert case.mask is None
            case "place":
                assert np.array_equal(case.mask, ~masks[0]) and np.array_equal(*masks)
            case _:
                assert np.array_equal(case.mask, objects)
                far = ~binary_dilation(objects, iterations=4)  # beyond rims, outlines and glow
                outside = np.asarray(case.source, float)[far] - np.asarray(case.truth, float)[far]
                assert np.abs(outside).mean() < 6  # filters of a style reach over the edge


def scene_of(record: dict) -> Scene:
    """The scene that a line of the benchmark describes."""
    other = record.get("other")
    return Scene(**{**record, "other": None if other is None else Thing(**other)})


def test_a_thing_that_nobody_named_stays_in_the_true_edit():
    cases = unnamed_cases()
    assert len(cases) == PICTURES
    for case in cases:
        assert " and " not in case.source_prompt + case.target_prompt
        assert case.source_prompt != case.target_prompt and list(case.changed) == ["object"]
        assert styledit.psnr(case.source, case.truth, case.mask) > 20 > styledit.psnr(case.source, case.truth)


def test_tuning_never_sees_a_held_out_drawing_or_case(cases):
    tuned = training_cases(2, search.SEED)
    assert {case.kind for case in tuned} == set(KINDS)
    held_out = {case.source.tobytes() for case in cases}
    assert not held_out & {case.source.tobytes() for case in tuned}
    assert HELD_OUT_ARTIST not in TRAIN_ARTISTS


def test_settings_are_there_for_every_method_and_kind():
    settings = json.loads(methods.SETTINGS.read_text(encoding="utf-8"))
    assert list(settings) == [m for m in METHODS if m not in BY_TABLE]  # which choose their own
    assert all(list(of) == list(KINDS) for of in settings.values())
    assert settings_of(OWN, "place") == settings[BY_KIND]["place"]


# --- measurements -----------------------------------------------------------------------------------


def test_the_ground_truth_succeeds_and_the_source_does_not(bench, cases):
    truth = np.mean([bench.success(case.truth, case) for case in cases])
    source = np.mean([bench.success(case.source, case) for case in cases])
    assert truth > 80 and source < 20


@pytest.mark.parametrize("kind", ["object", "style"])
def test_a_row_of_the_table(bench, cases, kind):
    case = next(case for case in cases if case.kind == kind)
    settings = settings_of("negative-prompt", kind)
    fit = METHODS["negative-prompt"].fit
    (fitted,) = fit(bench.pipe, bench.invert([case]), settings["guidance"])
    row = bench.row(edited(fitted, case, settings), case)
    background = {name for name in METRICS if "background" in name or "edited" in name}
    assert set(row) == {"success", *METRICS} - (background if kind == "style" else set())
    assert all(np.isfinite(value) for value in row.values())
    assert fitted.evaluations == 0
    assert bench.row(case.truth, case)["truth_psnr"] == np.inf


def test_blend_names_the_two_objects_of_the_case(cases):
    asked = {}

    def edit(target: str, settings: dict):
        asked[target] = settings
        return styledit.metrics  # anything with no picture

    case = cases[0]
    for blend, expected in ((True, (case.object, case.target_object)), (False, None)):
        with pytest.raises(AttributeError):
            edited(FittedMethod(edit), case, {"guidance": 2.0, "blend": blend})
        assert asked[case.target_prompt].get("blend") == expected
        assert asked[case.target_prompt]["guidance"] == 2.0


# --- the table --------------------------------------------------------------------------------------


def rows_of(psnr: dict[str, list[float]]) -> list[dict]:
    return [
        {"case": i, "kind": "place", "method": method, "truth_psnr": value, "success": 100.0}
        for method, values in psnr.items()
        for i, value in enumerate(values)
        if value is not None
    ]


def test_ours_misses_its_bar_where_another_is_ahead_on_the_cases_of_both():
    behind = Table(rows_of({"SDEdit": [20.0, 20.0], OURS: [20.0, 19.0]}))
    assert len(behind.missed()) == 1 and "SDEdit 20.00 on 2 cases" in behind.missed()[0]
    tied = Table(rows_of({"SDEdit": [20.0, 20.0], OURS: [20.0, 19.9]}))
    assert not tied.missed()
    few = Table(rows_of({PAPER: [20.0, None], OURS: [20.0, 10.0]}))
    assert not few.missed() and few.cases(PAPER) == {0}


def test_an_own_method_is_reported_and_held_to_no_bar(capsys, tmp_path):
    table = Table(rows_of({OURS: [20.0, 19.0], OWN: [30.0, 30.0]}))
    assert not table.missed()
    assert f"{OWN} against {OURS}, on 2 cases: PSNR to ground truth +10.50 dB" in table.against_ours(OWN)
    table.print()
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(OWN))
    assert "30" in line and line.endswith("-")  # what its fit cost is not known
    table.write(tmp_path / "table.csv")
    stored = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert [row["method"] for row in stored] == [OURS, OURS, OWN, OWN]
    assert list(stored[0]) == ["case", "kind", "method", *HEADER]


def test_the_gallery_shows_the_cases_that_all_methods_ran_on(cases, tmp_path):
    black = Image.new("RGB", cases[0].source.size)
    pictures = {(method, i): black for method in (PAPER, OURS) for i in range(84)}
    pictures = {k: v for k, v in pictures.items() if k[0] == OURS or k[1] % 5 == 0}
    draw_gallery(cases, pictures, tmp_path / "all.png")
    draw_gallery(cases, {k: v for k, v in pictures.items() if k[1] < 12}, tmp_path / "one_kind.png")
    all_kinds, one_kind = (Image.open(tmp_path / f"{name}.png").height for name in ("all", "one_kind"))
    assert all_kinds > 3 * one_kind


def test_jobs_are_a_short_one_and_then_the_longest_first(cases):
    jobs = compare.jobs_of(list(METHODS), cases, 12)
    assert {(name, i) for name, mine in jobs for i in mine if name != PAPER} == {
        (name, i) for name in METHODS if name != PAPER for i in range(84)
    }
    assert sorted(i for name, mine in jobs for i in mine if name == PAPER) == list(range(0, 84, 5))
    first, *rest = map(compare._seconds, jobs)
    assert all(a >= b for a, b in pairwise(rest)) and first <= rest[-1]
    few = compare.jobs_of(list(METHODS), cases, 1)
    assert {i for name, mine in few for i in mine if name == PAPER} == {i for _, mine in few for i in mine}


# --- an own method ----------------------------------------------------------------------------------


def test_an_own_method_gets_its_row(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(compare, "KINDS", ("object", "place"))
    only = [OWN, "SDEdit"]
    arguments = [
        "--method",
        OWN,
        "--only",
        *only,
        "--per-kind",
        "1",
        "--workers",
        "1",
        "--out",
        str(tmp_path),
    ]
    compare.main(arguments)
    shown = capsys.readouterr()
    stored = list(csv.DictReader((tmp_path / "compare.csv").open()))
    assert [row["method"] for row in stored] == ["SDEdit"] * 2 + [OWN] * 2
    assert {row["kind"] for row in stored if row["method"] == OWN} == {"object", "place"}
    assert all(np.isfinite(float(row["truth_psnr"])) for row in stored)
    assert "100 %" in shown.err and "left" in shown.err
    assert f"\n{OWN} " in shown.out and f"\n{OURS} " not in shown.out
    assert (tmp_path / "compare.png").exists()


BAD = """
import styledit

def raises(pipe, inversion, target_prompt, settings):
    raise KeyError("tau_x")

def picture(pipe, inversion, target_prompt, settings):
    return inversion.image

def three(pipe, inversion, target_prompt):
    pass

number = 3
"""


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("somewhere", "'somewhere' is no method: name a function as module:function"),
        ("no_such_module:edit", r"The module 'no_such_module' cannot be imported \(ModuleNotFoundError"),
        ("half_a_module:edit", r"The module 'half_a_module' cannot be imported \(SyntaxError"),
        ("bad:missing", "The module 'bad' has no function 'missing'"),
        ("bad:number", "The module 'bad' has no function 'number'"),
        ("bad:three", r"bad:three must take four arguments: \(pipe, inversion, target_prompt, settings\)"),
        ("bad:raises", r"bad:raises raised KeyError on '.*'; the lines above say where"),
        ("bad:picture", "bad:picture must return a styledit.Edit, not "),
    ],
)
def test_a_bad_method_gets_a_sentence(method, sentence, tmp_path, monkeypatch):
    (tmp_path / "bad.py").write_text(BAD, encoding="utf-8")
    (tmp_path / "half_a_module.py").write_text("def edit(", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "bad", raising=False)
    arguments = [
        "--method",
        method,
        "--only",
        method,
        "--per-kind",
        "1",
        "--workers",
        "1",
        "--out",
        str(tmp_path),
    ]
    with pytest.raises(SystemExit, match=sentence):
        compare.main(arguments)


def test_an_unknown_method_is_told_the_known_ones(tmp_path):
    with pytest.raises(SystemExit, match="There is no method 'P2P' here; choose from: DDIM"):
        compare.main(["--only", "P2P", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=f"There is no method '{PAPER}' here"):
        compare.main(["--tune", PAPER])


def test_the_sentence_survives_the_way_from_another_process():
    arrived = pickle.loads(pickle.dumps(MethodError("One sentence.")))
    assert isinstance(arrived, MethodError) and str(arrived) == "One sentence."


# --- settings ---------------------------------------------------------------------------------------


def trial(rate, n: int = 8) -> tuple[search.Trial, list]:
    """A trial of n cases whose score for settings is ``rate(settings)``, and what it has drawn."""
    drawn = []

    def measure(i: int, settings: dict) -> tuple[float, float]:
        drawn.append((i, settings))
        return rate(settings), 0.0

    made = search.Trial([None] * n, picture=None)
    made._measure = measure
    return made, drawn


def test_the_search_finds_the_best_of_what_it_tries(monkeypatch):
    made, drawn = trial(lambda settings: -abs(settings["strength"] - 0.7) - abs(settings["guidance"] - 2.0))

    def trial_of(method: str, kind: str) -> search.Trial:
        assert (method, kind) == ("SDEdit", "place")
        return made

    monkeypatch.setattr(search, "_trial", trial_of)
    best = search._best(("SDEdit", "place"))
    assert best == ("SDEdit", "place", {"strength": 0.7, "guidance": 2.0}, "0.00 dB, 0 %")
    assert {settings["strength"] for _, settings in drawn} == {0.3, 0.5, 0.7, 0.9}


def test_settings_that_trail_on_half_of_the_cases_stop_there():
    made, drawn = trial(lambda settings: settings["dB"])
    best = search.best_of(made, [{"dB": 10.0}, {"dB": 20.0}, {"dB": 19.0}])
    assert best == {"dB": 20.0}
    seen = {dB: sorted(i for i, settings in drawn if settings["dB"] == dB) for dB in (10.0, 19.0, 20.0)}
    assert seen == {10.0: [0, 2, 4, 6], 19.0: [*range(8)], 20.0: [*range(8)]}
    search.best_of(made, [{"dB": 20.0}, {"dB": 19.0}])
    assert len(drawn) == 20  # what was tried is remembered


def test_tuning_updates_the_file_and_keeps_its_order(tmp_path, monkeypatch):
    file = tmp_path / "settings.json"
    file.write_text(
        json.dumps({OWN: {"place": {}}, "SDEdit": {"place": {"strength": 0.1}}}), encoding="utf-8"
    )
    monkeypatch.setattr(search, "SETTINGS", file)
    monkeypatch.setattr(search, "_best", lambda job: (*job, {"guidance": 9.0}, "a line"))
    search.tune([BY_KIND], 1)
    stored = json.loads(file.read_text(encoding="utf-8"))
    assert list(stored) == ["SDEdit", PAPER, BY_KIND, OWN]
    assert stored[PAPER] == stored[BY_KIND] == {kind: {"guidance": 9.0} for kind in KINDS}
    assert stored["SDEdit"] == {"place": {"strength": 0.1}}
