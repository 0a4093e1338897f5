"""The comparison on drawn cases: new cases, true answers, intervals, costs, a file that is gone on from."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation
from scipy.stats import binom

import styledit
from measure import compare, drawn, from_noise, results
from measure.cases import KINDS, drawn_case, drawn_edits, held_out_cases
from measure.counting import counted
from measure.drawn import (
    KEY,
    ROUNDS,
    TRUTH,
    Job,
    Log,
    Request,
    jobs_of,
    keys,
    picture_file,
    picture_folder,
)
from measure.drawn_report import (
    PRINTED,
    comparable,
    draw_pictures,
    in_complete_rounds,
    missed,
    print_reach,
    report,
)
from measure.from_noise import Found
from measure.front import draw_front, front, points_of, print_front
from measure.intervals import difference, interval, print_differences
from measure.lesson_tables import blurred_answers, by_kind, by_method, causes, share
from measure.methods import BY_TABLE, METHODS, OURS, PAPER, method_named, settings_of
from measure.table import Table
from measure.truths import RIM, between, between_nearest, nearest, true_answers
from recipe.make_data import SEED as STORED_SEED
from recipe.make_data import edit_cases
from recipe.world import HELD_OUT_ARTIST, draw
from styledit.baselines import fit_nulls
from styledit.pipeline import model_fingerprint
from styledit.storage.data import EMBEDDED_FOLDER

OWN = "measure.example:plain_ddim"
QUICK = ("negative-prompt", "SDEdit")

# --- cases ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored_pictures() -> set[bytes]:
    cases = held_out_cases()
    return {picture.tobytes() for case in cases for picture in (case.source, case.truth)}


@pytest.mark.parametrize("seed", [28, STORED_SEED])
def test_no_drawn_case_is_a_stored_one(seed, stored_pictures):
    cases = [drawn_case(*edit) for edit in drawn_edits(2 * len(KINDS), seed)]
    assert [case.kind for case in cases] == [*KINDS, *KINDS]
    assert not stored_pictures & {case.source.tobytes() for case in cases}
    assert not stored_pictures & {case.truth.tobytes() for case in cases}


def test_a_stored_case_would_be_drawn_where_nothing_looked(stored_pictures):
    first, *_ = edit_cases((HELD_OUT_ARTIST,), 1, (STORED_SEED, 0, 0))
    assert drawn_case(*first).source.tobytes() in stored_pictures


def test_more_cases_go_on_from_fewer_and_all_differ():
    many = drawn_edits(420, 28)
    assert drawn_edits(10, 28) == many[:10] and drawn_edits(10, 29) != many[:10]
    assert len({(kind, source, target) for kind, source, target in many}) == 420
    assert all(scene.artist == HELD_OUT_ARTIST for _, *pair in many for scene in pair)
    assert [sum(kind == name for name, *_ in many) for kind in KINDS] == [60] * len(KINDS)


# --- true answers -----------------------------------------------------------------------------------


def test_true_answers_differ_only_where_the_prompts_leave_something_open():
    seen = set()
    for kind, source, target in drawn_edits(6 * len(KINDS), 28):
        answers = true_answers(kind, source, target, 3)
        own, masks = draw(target)
        assert np.array_equal(np.asarray(answers[0]), own)
        assert len({answer.tobytes() for answer in answers}) == len(answers)
        others = [np.asarray(answer) for answer in answers[1:]]
        before = {thing.object for thing in source.things}
        new = [k for k, thing in enumerate(target.things) if thing.object not in before]
        if others:
            seen.add(kind)
        match kind:
            case "colour" | "added word" | "word removed":
                assert not others
            case "place":
                for other in others:  # the thing stays as it is, but for what the style smears over its rim
                    kept = ~binary_dilation(~masks[0], iterations=RIM)
                    assert np.abs(other[kept].astype(int) - own[kept]).mean() < 12
            case "object" | "one of two" if new:
                region = binary_dilation(draw(source)[1][new[0]] | masks[new[0]], iterations=3 * RIM)
                for other in others:
                    outside = np.abs(other[~region].astype(int) - own[~region])
                    assert outside.mean() < (1e-9 if target.style == "sticker" else 6)  # as in test_compare
            case "one of two":
                assert not others
    assert {"object", "place", "style", "one of two"} == seen


def test_the_ceiling_is_the_psnr_between_answers():
    grey = [Image.new("RGB", (8, 8), (level,) * 3) for level in (100, 110, 130)]
    dB = {gap: 20 * math.log10(255 / gap) for gap in (10, 20, 30)}
    assert between(grey) == pytest.approx(np.mean(list(dB.values())))
    assert between_nearest(grey) == pytest.approx((dB[10] + dB[10] + dB[20]) / 3)
    assert nearest(Image.new("RGB", (8, 8), (120,) * 3), grey) == pytest.approx(dB[10])
    assert between(grey[:1]) is None and between_nearest(grey[:1]) is None


# --- intervals --------------------------------------------------------------------------------------


def test_the_interval_of_a_share_is_the_binomial_one():
    found = interval([100.0] * 30 + [0.0] * 70)
    low, high = binom.ppf([0.025, 0.975], 100, 0.3)
    assert (found.mean, found.cases) == (30, 100)
    assert found.low == pytest.approx(low, abs=1) and found.high == pytest.approx(high, abs=1)
    assert found.is_sure and interval([100.0] * 30 + [0.0] * 70) == found


def test_the_interval_of_a_mean_is_the_normal_one():
    sample = np.random.default_rng(0).normal(0.5, 2.0, 400)
    found = interval(sample)
    half = 1.96 * sample.std() / math.sqrt(len(sample))
    assert found.low == pytest.approx(sample.mean() - half, abs=0.02)
    assert found.high == pytest.approx(sample.mean() + half, abs=0.02)
    tied = interval([0.0] * 10)
    assert (tied.low, tied.high, tied.is_sure) == (0, 0, False)
    few = interval([1.0] * 9)
    assert few.said() == "+1.00" and few.cases == 9 and not few.is_sure
    assert interval([]) is None


def fabricated(psnr: dict[str, list[float | None]], **columns: float) -> list[dict]:
    """Rows of cases of all kinds in turn."""
    return [
        {"case": i, "kind": KINDS[i % len(KINDS)], "method": method, "truth_psnr": value, **columns}
        for method, values in psnr.items()
        for i, value in enumerate(values)
    ]


def test_differences_are_paired_by_case(capsys):
    rng = np.random.default_rng(1)
    ours = rng.normal(20, 8, 70)  # cases differ by far more than methods
    better = ours + rng.normal(0.3, 0.1, 70)
    table = Table(fabricated({OURS: [*ours], "SDEdit": [*better]}), PRINTED)
    found = difference(table, "SDEdit", OURS, "truth_psnr")
    assert found.mean == pytest.approx(np.mean(better - ours)) and 0.2 < found.low < found.high < 0.4
    assert difference(table, "SDEdit", OURS, "truth_psnr", "style").cases == 10
    assert difference(table, "SDEdit", OURS, "truth_lpips") is None
    half = Table(fabricated({OURS: [*ours], "SDEdit": [*better[:35]] + [None] * 35}), PRINTED)
    assert difference(half, "SDEdit", OURS, "truth_psnr").cases == 35
    print_differences(table, table.methods, OURS)
    said = capsys.readouterr().out
    assert (
        f"{found.said()}*" in said
        and "LPIPS" not in said
        and not any(line.startswith(OURS) for line in said.splitlines())
    )


def test_ours_misses_its_bar_only_where_another_is_surely_ahead():
    rng = np.random.default_rng(1)
    ours = rng.normal(20, 8, 70)
    ahead = fabricated({OURS: [*ours], "SDEdit": [*(ours + rng.normal(0.3, 0.1, 70))]}, success=100.0)
    assert len(missed(Table(ahead))) == 1 and "SDEdit is ahead" in missed(Table(ahead))[0]
    chance = fabricated({OURS: [*ours], "SDEdit": [*(ours + rng.normal(0.3, 8, 70))]}, success=100.0)
    assert not missed(Table(chance))
    assert not missed(Table(fabricated({OURS: [*ours], OWN: [*(ours + 5)]}, success=100.0)))


# --- the front --------------------------------------------------------------------------------------


def test_the_front_is_what_nothing_beats():
    points = {"a": (20.0, 90.0), "b": (25.0, 80.0), "c": (24.0, 79.0), "d": (25.0, 60.0), "e": (18.0, 90.0)}
    assert front(points, "higher") == ["b", "a"]
    assert front(points, "lower") == ["e"]
    assert front({"a": (1.0, 2.0), "b": (1.0, 2.0)}, "lower") == ["a", "b"]


def test_the_front_is_drawn_and_printed(tmp_path, capsys):
    rows = [
        {"case": i, "kind": kind, "method": method, "success": success, "structure_distance": 0.1}
        | ({} if kind == "style" else {"background_psnr": psnr, "background_lpips": 0.2})
        for method, psnr, success in ((OURS, 20.0, 50.0), ("SDEdit", 25.0, 80.0))
        for i, kind in enumerate(("place", "style"))
    ]
    table = Table(rows, PRINTED)
    assert points_of(table, "background_psnr") == {OURS: (20.0, 50.0), "SDEdit": (25.0, 80.0)}
    print_front(table)
    lines = capsys.readouterr().out.splitlines()
    stars = {line[:30].strip(): line.count("*") for line in lines[2:]}
    assert stars[OURS] == 0 and stars["SDEdit"] == 3
    draw_front(table, tmp_path / "front.png")
    assert Image.open(tmp_path / "front.png").width > 1000


# --- costs ------------------------------------------------------------------------------------------


def test_evaluations_are_counted_at_the_network(pipe, inversion):
    prompt = inversion.prompt
    for guidance, each in ((1.0, 1), (3.0, 2)):
        with counted(pipe.unet) as cost:
            styledit.generate(pipe, prompt, steps=3, guidance=guidance, progress=False)
        assert cost.evaluations == 3 * each and cost.seconds > 0
    with counted(pipe.unet) as cost:
        fits = styledit.fit_values(
            pipe, [inversion] * 2, preset=styledit.Preset(2, 0.01), guidance=3.0, progress=False
        )
    assert cost.evaluations == sum(fit.evaluations for fit in fits) > 0
    with counted(pipe.unet) as cost:
        nulls = fit_nulls(pipe, inversion, guidance=3.0, iterations=2, progress=False)
    assert cost.evaluations == nulls.evaluations > 0
    assert not pipe.unet._forward_hooks


def test_the_hook_goes_whatever_happens(pipe):
    with pytest.raises(KeyboardInterrupt), counted(pipe.unet):
        raise KeyboardInterrupt
    assert not pipe.unet._forward_hooks


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS[name].stride == 1])
def test_a_method_states_what_its_fit_costs(name, pipe, inversion):
    with counted(pipe.unet) as cost:
        (fitted,) = METHODS[name].fit(pipe, [inversion], settings_of(name, "object").get("guidance"))
    assert fitted.evaluations == cost.evaluations


# --- what is to be done -----------------------------------------------------------------------------


def test_the_work_is_ordered_by_rounds_kinds_and_methods():
    request = Request((*QUICK, PAPER), 2 * ROUNDS * len(KINDS))
    wanted = keys(request, "model")
    jobs = jobs_of(wanted, Path("out"))
    assert [(job.method, i) for job in jobs for i in job.cases] == [
        (key["method"], key["case"]) for key in wanted
    ]
    assert [job.method for job in jobs[:8]] == [TRUTH, *QUICK, PAPER] * 2
    assert all({KINDS[i % len(KINDS)] for i in job.cases} == {job.kind} for job in jobs)
    batch = [min(job.cases) // (ROUNDS * len(KINDS)) for job in jobs]
    assert batch == sorted(batch) and set(batch) == {0, 1}
    assert {len(job.cases) for job in jobs if job.method != PAPER} == {ROUNDS}
    assert sum(len(job.cases) for job in jobs if job.method == PAPER) == request.cases / 5
    few = keys(replace(request, cases=9), "model")
    assert few == [key for key in wanted if key["case"] < 9]


@pytest.fixture
def log(tmp_path) -> Log:
    return Log(tmp_path / "drawn.jsonl")


def test_only_what_is_missing_is_computed(log, monkeypatch):
    request = Request(QUICK, 14)
    wanted = keys(request, "model")
    log.add([key | {"truth_psnr": 20.0} for key in wanted[::2]])
    assert [row["case"] for row in log.of(wanted)] == [key["case"] for key in wanted[::2]]
    more = keys(replace(request, cases=21), "model")
    assert len(log.of(more)) == len(wanted[::2])
    for other in (replace(request, seed=1), replace(request, truths=2)):
        assert not log.of(keys(other, "model"))
    assert not log.of(keys(request, "another model"))
    before = settings_of
    monkeypatch.setattr(drawn, "settings_of", lambda *of: before(*of) | {"guidance": 9.0})
    assert {row["method"] for row in log.of(keys(request, "model"))} == {TRUTH}


def test_numbers_of_methods_that_choose_by_the_table_are_those_of_the_table():
    table = sha256((EMBEDDED_FOLDER / "editing.json").read_bytes()).hexdigest()[:16]
    asked = keys(Request((*BY_TABLE, "direct inversion"), len(KINDS)), "a model")
    by_method = {key["method"]: key["code"] for key in asked}
    assert by_method == {TRUTH: "", **dict.fromkeys(BY_TABLE, table), "direct inversion": ""}


def test_numbers_of_an_own_method_are_those_of_its_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_one", raising=False)
    hashes = []
    for text in ("3.0", "4.0"):
        source = f"def edit(pipe, inversion, target_prompt, settings):\n    return {text}\n"
        (tmp_path / "own_one.py").write_text(source, encoding="utf-8")
        hashes.append(method_named("own_one:edit").code)
    assert len(set(hashes)) == 2 and all(hashes)


def test_the_file_survives_a_cut_and_names_a_damaged_line(log):
    wanted = keys(Request(QUICK, 7), "model")
    log.add(wanted)
    whole = log.file.read_text(encoding="utf-8")
    log.file.write_text(whole[:-9], encoding="utf-8")  # a line that was being written
    again = Log(log.file)
    assert again.rows == wanted[:-1]
    again.add(wanted[-1:])
    assert log.file.read_text(encoding="utf-8") == whole
    again.forget(["SDEdit"])
    assert {row["method"] for row in Log(log.file).rows} == {TRUTH, "negative-prompt"}
    log.file.write_text("{}\n" + whole, encoding="utf-8")
    with pytest.raises(ValueError, match=r"Line 1 of .*drawn\.jsonl is no row of a comparison"):
        Log(log.file)


def test_nothing_is_begun_after_the_time(log, tmp_path):
    request = Request(("no such method",), 7)
    job = Job("no such method", "object", (0,), {}, tmp_path, deadline=time.time() - 1)
    assert drawn.measure(job) == (job, [])
    assert drawn.run(replace(request, methods=QUICK), log, tmp_path, minutes=0.0) == []
    assert not log.rows


# --- the report -------------------------------------------------------------------------------------


def test_only_rounds_that_all_methods_have_count():
    request = Request(("SDEdit", OURS, PAPER), 21)
    rows = fabricated({TRUTH: [1.0] * 21, "SDEdit": [1.0] * 21, OURS: [1.0] * 20, PAPER: [1.0] * 3})
    counting = in_complete_rounds([row for row in rows if row["case"] != 3 or row["method"] != OURS], request)
    assert {row["case"] for row in counting} == set(range(7, 14))
    whole = in_complete_rounds(rows, request)
    assert {row["case"] for row in whole if row["method"] == OURS} == set(range(14))
    assert {row["case"] for row in whole if row["method"] == PAPER} == {0, 1, 2}
    assert list(dict.fromkeys(row["method"] for row in whole)) == [TRUTH, "SDEdit", OURS, PAPER]
    cut = in_complete_rounds(rows, replace(request, cases=17))  # the last round is a short one
    assert {row["case"] for row in cut if row["method"] == OURS} == set(range(17))


def test_means_are_compared_in_rounds_of_all_methods_that_ran_on_half_of_the_cases() -> None:
    ran = {TRUTH: range(30), OURS: range(28), "null-text": range(5, 21), "SDEdit": range(10)}
    rows = [{"method": name, "case": i} for name, cases in ran.items() for i in cases]
    cases: dict[str, list[int]] = {}
    for row in comparable(rows):
        cases.setdefault(row["method"], []).append(row["case"])
    assert cases == {name: list(range(7, 21)) for name in (TRUTH, "null-text", OURS)}
    assert comparable([row for row in rows if row["method"] != TRUTH]) == []  # the judge's error is not known


def test_the_ceiling_and_the_judge_are_told_by_kind(capsys):
    rows = fabricated({OURS: [15.0, 16.0]}, nearest_psnr=17.0)
    truth = [
        {"case": 0, "kind": "object", "method": TRUTH, "success": 0.0, "answers": 8, "between": 18.0,
         "between_nearest": 21.0},
        {"case": 1, "kind": "colour", "method": TRUTH, "success": 100.0, "answers": 1, "between": None,
         "between_nearest": None},
    ]  # fmt: skip
    print_reach(Table(truth, {}), Table(rows, PRINTED))
    lines = {line[:14].strip(): line.split()[-9:] for line in capsys.readouterr().out.splitlines()[-3:]}
    assert lines["in all"] == ["50.0", "%", "1/2", "18.0", "±", "0.0", "dB", "21.0", "17.0"]
    assert " ".join(lines["object"]).startswith("0.0 % 1/1 18.0")
    assert " ".join(lines["colour"]).endswith("100.0 % 0/1 - -")


def test_pictures_are_shown_where_all_methods_have_one(tmp_path, capsys):
    request = Request((*QUICK, PAPER), 7)
    draw_pictures(request.methods, request, tmp_path, tmp_path / "drawn.png")
    assert not (tmp_path / "drawn.png").exists()
    folder = picture_folder(tmp_path, request.seed)
    folder.mkdir(parents=True)
    for name, i in ((QUICK[0], 0), (QUICK[1], 0), (QUICK[0], 1), (PAPER, 1)):
        Image.new("RGB", (128, 128)).save(picture_file(folder, name, i))
    draw_pictures(request.methods, request, tmp_path, tmp_path / "drawn.png")
    one = Image.open(tmp_path / "drawn.png").height
    Image.new("RGB", (128, 128)).save(picture_file(folder, QUICK[1], 1))
    draw_pictures(request.methods, request, tmp_path, tmp_path / "drawn.png")
    assert Image.open(tmp_path / "drawn.png").height > 1.5 * one
    assert capsys.readouterr().out.count("Pictures: ") == 2


def test_a_report_of_nothing_says_so(tmp_path, capsys):
    assert report([], Request(QUICK, 7), tmp_path) == []
    assert "0 of 21 rows are there (seed 28); 0 of 7 cases count" in capsys.readouterr().out


def test_the_stored_table_is_rounded_and_without_times(embedded, log, monkeypatch):
    wanted = keys(Request(("SDEdit",), 7), model_fingerprint(embedded))
    numbers = {"truth_psnr": 1 / 3, "background_psnr": None, "edit_seconds": 2.0, "evaluations": 0.0}
    log.add([key | numbers for key in wanted])
    rows = results.drawn(embedded, log.file)
    assert [row["method"] for row in rows] == [TRUTH] * 7 + ["SDEdit"] * 7
    assert rows[7] == {
        "case": 0,
        "kind": "object",
        "method": "SDEdit",
        "truth_psnr": 0.3333,
        "evaluations": 0,
    }
    with pytest.raises(SystemExit, match="run `make compare DRAWN=420` first"):
        results.drawn(embedded, log.file.with_name("none.jsonl"))


@pytest.mark.parametrize("option", [("--drawn", "0"), ("--drawn", "7", "--seed", "-1"), ("--drawn", "x")])
def test_numbers_that_cannot_be_are_refused(option, tmp_path, capsys):
    with pytest.raises(SystemExit) as error:
        compare.main([*option, "--out", str(tmp_path)])
    assert error.value.code == 2 and "--drawn" in capsys.readouterr().err


def test_what_is_to_be_forgotten_must_be_there(tmp_path):
    with pytest.raises(SystemExit, match="There is no method 'P2P' here"):
        compare.main(["--drawn", "7", "--only", "SDEdit", "--again", "P2P", "--out", str(tmp_path)])


# --- why edits fail ---------------------------------------------------------------------------------


def test_a_failed_edit_has_one_cause(capsys):
    one = Found(0, "object", "cat", 3.0, True, (False, False), False, False)
    found = [
        one,
        replace(one, z_T=True),
        replace(one, noise=(True, False)),
        replace(one, noise=(True, True), z_T=True),
        replace(one, thing="dog", noise=(True, True), edit=True),
    ]
    assert [each.failed for each in found] == ["model", "model", "latent", "maps", None]
    from_noise.report(found)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("object"))
    assert line.split() == "object 5 3.0 100 % 50 % 40 % 20 % 4: 2, 1, 1".split()


# --- the whole --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_case_from_noise(capsys):
    from_noise.main(["--cases", "1", "--seeds", "1", "--kinds", "object", "one of two", "--workers", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:3]] == ["object", "one of two"]


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_to_the_same_numbers(tmp_path, capsys):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    compare.main(asked(whole))
    first = capsys.readouterr()
    assert "7 of 7 cases count" in first.out and "100 %" in first.err and "left" in first.err
    process = subprocess.Popen([sys.executable, "-m", "measure.compare", *asked(cut)], env=environment())
    while len(lines_of(cut)) < 5:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = lines_of(cut)
    assert 5 <= len(before) < len(lines_of(whole))
    compare.main(asked(cut))
    assert lines_of(cut)[: len(before)] == before
    assert sorted(map(untimed, lines_of(cut))) == sorted(map(untimed, lines_of(whole)))
    second = capsys.readouterr().out
    known = (cut / "drawn.jsonl").read_bytes()
    compare.main(asked(cut))
    assert capsys.readouterr().out == second and (cut / "drawn.jsonl").read_bytes() == known
    for name in ("drawn.csv", "front.png", "drawn.png"):
        assert (cut / name).stat().st_size > 1000


def asked(out: Path) -> list[str]:
    return ["--drawn", "7", "--truths", "3", "--workers", "1", "--only", "SDEdit", "--out", str(out)]


def environment() -> dict[str, str]:
    folders = os.pathsep.join(str(folder) for folder in sys.path if folder)
    return os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONPATH": folders}


def lines_of(out: Path) -> list[str]:
    file = out / "drawn.jsonl"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def untimed(line: str) -> str:
    row = json.loads(line)
    assert set(KEY) <= set(row)
    return json.dumps({name: value for name, value in row.items() if not name.endswith("seconds")})


# --- lesson 07's tables -----------------------------------------------------------------------------


def test_the_best_of_a_column_is_bold_and_a_price_is_not() -> None:
    numbers = {
        "success": 50.0,
        "truth_psnr": 20.04,
        "truth_lpips": 0.2,
        "evaluations": 0,
        "edit_evaluations": 45,
    }
    rows = [{"method": OURS, "case": 0, "kind": "place", **numbers}]
    rows += [rows[0] | {"method": "SDEdit", "truth_psnr": 19.96, "truth_lpips": 0.1, "success": 100.0}]
    html = by_method(Table(rows), ["SDEdit", OURS])
    bold = re.findall(r"<b>([^<]*)</b>", html)
    assert bold == ["100", "20.0", "0.100", "20.0"]  # what is shown alike is bold in both
    assert html.index("SDEdit") < html.index(OURS)


def test_a_kind_is_told_with_the_judge_the_best_other_and_the_ceiling() -> None:
    rows, answers = [], []
    for i in range(12):
        kind = ("place", "colour")[i % 2]
        left_open = {"between": 18.0 + i % 4, "between_nearest": 20.0} if kind == "place" else {}
        answers.append(
            {"method": TRUTH, "case": i, "kind": kind, "success": 100.0, "answers": 8 if left_open else 1}
            | left_open
        )
        for name, dB in ((OURS, 21.0), ("SDEdit", 15.0), ("null-text", 19.0)):
            rows.append(
                {
                    "method": name,
                    "case": i,
                    "kind": kind,
                    "success": 50.0,
                    "truth_psnr": dB,
                    "nearest_psnr": dB + 1,
                }
            )
    colour, place = by_kind(Table(rows), Table(answers)).split("<tr>")[2:]
    for cell in ("100", "50", "21.0", "19.0 (null-text)", "6 of 6", "19.0 ± 1.0", "20.0", "22.0"):
        assert f">{cell}</td>" in place
    assert "0 of 6" in colour and "one answer" in colour


def test_causes_are_counted_by_kind() -> None:
    one = {
        "kind": "object",
        "truth": True,
        "noise": [True, False],
        "z_T": False,
        "edit": False,
        "failed": "latent",
    }
    html = causes([one, one | {"edit": True, "z_T": True, "failed": None}])
    for cell in ("100", "50", "0, 1, 0"):
        assert f">{cell}</td>" in html
    assert "object, 2 cases" in html


def test_a_share_has_an_interval_where_there_are_enough_cases() -> None:
    assert share([100.0, 0.0]) == "50"
    assert re.fullmatch(r"50 \(\d+ to \d+\)", share([100.0, 0.0] * 10))
    assert share([]) == "-"


def test_the_mean_of_answers_is_nearer_to_each_than_they_are() -> None:
    edits = [edit for edit in drawn_edits(14, drawn.SEED) if edit[0] in ("object", "colour")]
    found = blurred_answers(edits, lambda a, b: -styledit.psnr(a, b))
    assert len(found.mean_psnr) == 2  # a new colour leaves nothing open
    assert (found.mean_psnr > found.other_psnr).all()
    assert found.mean_distance == pytest.approx(-found.mean_psnr)
    assert str(found).startswith("PSNR: the mean ") and str(found).count("nearer in 2 of 2 cases") == 2
    assert list(found.pictures) == ["a true answer", "another", "the mean of the others"]
