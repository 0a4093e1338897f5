"""The kit as others install it: what the wheel holds, the ranges of versions, the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import styledit
from styledit.commands import lab as lab_command
from styledit.commands import main
from styledit.lab.edit.cache import folder as fits_folder
from styledit.lessons.progress import progress_file
from styledit.storage import versions
from styledit.storage.data import cache_folder

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
MOST_MEGABYTES = 70
NEEDED = (
    "py.typed",
    "data/model/hashes.json",
    "data/images/metadata.jsonl",
    "data/benchmark/metadata.jsonl",
    "data/results/comparison.json",
    "lab/static/edit.js",
    "notebooks/symbols.md",
)


def locked(name: str) -> dict[str, str]:
    """{package: version} of a lock file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


# --- versions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", ["lock.txt", "lock-oldest.txt"])
def test_locks_are_exact_and_within_the_ranges(lock):
    pins = locked(lock)
    assert all(re.fullmatch(r"[\w.]+", version) for version in pins.values())
    for requirement in map(Requirement, PROJECT["dependencies"] + PROJECT["optional-dependencies"]["lab"]):
        name = requirement.name.replace("_", "-").lower()
        assert requirement.specifier.contains(pins[name]), requirement


def test_the_oldest_tested_versions_are_the_lower_ends():
    pins = locked("lock-oldest.txt")
    for requirement in map(Requirement, PROJECT["dependencies"]):
        lowest = [each.version for each in requirement.specifier if each.operator == ">="]
        if requirement.name != "torch":  # of which no other build can be tested
            assert pins[requirement.name.replace("_", "-")].startswith(lowest[0]), requirement


@pytest.mark.parametrize(
    "there, sentence",
    [
        ({}, r"needs diffusers.*, which is not installed: pip install 'diffusers"),
        ({"diffusers": "0.20.0"}, r"diffusers 0\.20\.0 is installed: pip install 'diffusers<.*0\.35"),
        ({"diffusers": "9.0"}, r"diffusers 9\.0 is installed"),
    ],
)
def test_a_package_outside_its_range_is_a_sentence(monkeypatch, there, sentence):
    real = metadata.version

    def version(name: str) -> str:
        if name == "diffusers":
            if name not in there:
                raise metadata.PackageNotFoundError(name)
            return there[name]
        return real(name)

    monkeypatch.setattr(versions.metadata, "requires", lambda _: list(PROJECT["dependencies"]))
    versions.check_installed()
    monkeypatch.setattr(versions.metadata, "version", version)
    with pytest.raises(ImportError, match=sentence):
        versions.check_installed()


def test_another_version_that_is_installed_is_told(monkeypatch):
    monkeypatch.setattr(versions.metadata, "version", lambda _: "0.0.1")
    with pytest.warns(UserWarning, match=r"styledit 0\.2\.0 runs, but styledit 0\.0\.1 is installed"):
        versions.check_version("0.2.0")


def test_without_what_notebooks_need_an_edit_works_and_the_lab_says_what_it_needs():
    code = """
import sys
from importlib.machinery import PathFinder
class WithoutNotebooks(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.split(".")[0] in ("matplotlib", "ipywidgets", "anywidget", "IPython", "jupyterlab")
        return None if hidden else super().find_spec(name, path, target)
sys.meta_path = [WithoutNotebooks if finder is PathFinder else finder for finder in sys.meta_path]
import styledit
pipe = styledit.load()
picture = styledit.generate(pipe, "a plain sticker of a fox", seed=0, steps=2, progress=False).image
inversion = styledit.invert(pipe, picture, "a plain sticker of a fox", 2, progress=False)
styledit.edit(pipe, inversion, "a plain sticker of a cat", progress=False)
for name in ("lab", "lessons"):
    try:
        __import__(f"styledit.{name}")
    except ImportError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | OFFLINE
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"The (\w+) needs? .*anywidget.*pip install 'styledit\[lab\]'", done.stdout) == [
        "lab",
        "lessons",
    ]


# --- the command --------------------------------------------------------------------------------------


def test_lessons_are_copied_and_a_readers_changes_stay(tmp_path, capsys, monkeypatch):
    kit = tmp_path / "kit"
    kit.mkdir()
    for name in ("00_a.ipynb", "01_b.ipynb", "symbols.md"):
        (kit / name).write_text(f"first {name}")
    (kit / "other.html").write_text("not a lesson")
    monkeypatch.setattr(lab_command, "LESSONS_FOLDER", kit)
    mine = tmp_path / "mine"
    assert main(["lab", str(mine), "--copy-only"]) == 0
    assert sorted(file.name for file in mine.glob("[!.]*")) == ["00_a.ipynb", "01_b.ipynb", "symbols.md"]
    (mine / "01_b.ipynb").write_text("my own work")
    for name in ("00_a.ipynb", "01_b.ipynb"):
        (kit / name).write_text(f"second {name}")
    assert main(["lab", str(mine), "--copy-only"]) == 0
    assert (mine / "00_a.ipynb").read_text() == "second 00_a.ipynb"
    assert (mine / "01_b.ipynb").read_text() == "my own work"
    assert "Kept as you changed them: 01_b.ipynb" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    mine = str(tmp_path / "file" / "mine")
    for command in (["lab", mine, "--copy-only"], ["tour", mine]):
        assert main(command) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"styledit {command[0]}: ") and "name another folder" in said


def test_a_user_without_a_home_has_a_temporary_cache(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    for name in ("STYLEDIT_CACHE", "XDG_CACHE_HOME", "STYLEDIT_PROGRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert fits_folder() == Path(tempfile.gettempdir()) / "styledit" / "fits"
    assert progress_file().parent == cache_folder() == Path(tempfile.gettempdir()) / "styledit"


def test_python_m_styledit_is_the_command():
    done = subprocess.run([sys.executable, "-m", "styledit", "--help"], capture_output=True, text=True)
    assert "lab | tour | check" in done.stdout


@pytest.mark.slow
def test_the_check_finds_this_machine_right(tmp_path, capsys):
    assert main(["check", "--device", "cpu", "--out", str(tmp_path / "check.png")]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    verdicts = [row[-1].strip(" |") for row in rows]
    assert verdicts.count("ok") == 6 and "MISSED" not in verdicts


def test_a_part_of_the_check_that_fails_is_a_row_and_an_interrupt_leaves_the_rest(
    monkeypatch, capsys, tmp_path
):
    from styledit.commands import check

    def fails(*_):
        raise RuntimeError("no kernel image is available\nand more")

    monkeypatch.setattr(check, "_embedded", fails)
    assert main(["check", "--device", "cpu"]) == 1
    assert "| the embedded model on the CPU | RuntimeError: no kernel image is available |  | MISSED |" in (
        capsys.readouterr().out
    )

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "_embedded", interrupted)
    assert main(["check", "--device", "cpu"]) == 130
    said = capsys.readouterr().out
    assert "| styledit | " in said and "Interrupted; the rows above" in said


# --- wheel and sdist ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    clone = folder / "clone"
    # What is committed, or would be: nothing that another build left behind.
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    for name in (os.fsdecode(name) for name in listed if name):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(ROOT / name, clone / name) if _same_disk(folder) else (clone / name).write_bytes(
                (ROOT / name).read_bytes()
            )
    return _built(clone, folder / "built")


def _same_disk(folder: Path) -> bool:
    return folder.stat().st_dev == ROOT.stat().st_dev


def _built(source: Path, target: Path) -> Path:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            target,
            ".",
        ],
        cwd=source,
        check=True,
    )
    return next(target.glob("*.whl"))


def contents(wheel: Path) -> dict[str, int]:
    """{name: checksum} of a wheel's files, but for the list of them."""
    with zipfile.ZipFile(wheel) as content:
        return {
            each.filename: each.CRC for each in content.infolist() if not each.filename.endswith("RECORD")
        }


@pytest.mark.slow
def test_the_wheel_holds_the_kit_and_nothing_else(wheel):
    names = set(contents(wheel))
    assert {name.split("/")[0] for name in names} == {
        "styledit",
        f"styledit-{styledit.__version__}.dist-info",
    }
    assert wheel.stat().st_size < MOST_MEGABYTES * 2**20
    for needed in NEEDED:
        assert f"styledit/{needed}" in names
    with zipfile.ZipFile(wheel) as content:
        lessons = [name for name in names if name.endswith(".ipynb")]
        cells = [cell for name in lessons for cell in json.loads(content.read(name))["cells"]]
    assert len(lessons) == len(list((ROOT / "notebooks").glob("*.ipynb")))
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    assert any(cell["cell_type"] == "code" and cell["source"] for cell in cells)


@pytest.mark.slow
def test_an_sdist_builds_the_same_wheel(wheel, tmp_path):
    clone = wheel.parents[1] / "clone"
    code = f"from setuptools import build_meta; print(build_meta.build_sdist({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=clone, check=True, capture_output=True)
    archive = next(tmp_path.glob("*.tar.gz"))
    with tarfile.open(archive) as content:
        content.extractall(tmp_path, filter="data")
    again = _built(tmp_path / archive.name.removesuffix(".tar.gz"), tmp_path / "built")
    assert contents(again) == contents(wheel)


@pytest.mark.slow
def test_the_wheel_alone_makes_the_same_edit_and_runs_a_lesson(wheel, tmp_path):
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    here = [entry for entry in sys.path if entry.endswith("site-packages")]
    there = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    Path(there, "packages_of_the_tests.pth").write_text("\n".join(here) + "\n")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    code = """
import hashlib, pathlib, styledit
pipe = styledit.load()
picture = styledit.generate(pipe, "a plain sticker of a fox", seed=0, steps=2, progress=False).image
inversion = styledit.invert(pipe, picture, "a plain sticker of a fox", 2, progress=False)
edit = styledit.edit(pipe, inversion, "a plain sticker of a cat", progress=False)
print(pathlib.Path(styledit.__file__).parent, hashlib.sha256(edit.image.tobytes()).hexdigest())
"""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | OFFLINE

    def run(*arguments: str | Path) -> str:
        done = subprocess.run([python, *arguments], cwd=empty, capture_output=True, text=True, env=variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    folder, found = run("-c", code).split()
    assert Path(folder) == Path(there, "styledit")
    assert (
        found
        == subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=os.environ | OFFLINE,
            check=True,
        ).stdout.split()[1]
    )
    variables["PYTHONPATH"] = str(wheel)  # a wheel is a zip file, from which Python can import
    assert str(wheel) in run("-c", "import styledit; styledit.load(); print(styledit.__file__)")
    del variables["PYTHONPATH"]
    run("-m", "styledit", "lab", "lessons", "--copy-only")
    run(
        "-m",
        "nbconvert",
        "--execute",
        "--to",
        "notebook",
        "--output",
        "done",
        "lessons/00_first_edit.ipynb",
    )


# --- what is beside the package -----------------------------------------------------------------------


def test_the_image_of_a_hub_installs_what_is_locked_and_opens_the_lessons():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    steps = [line for line in lines if line and not line.startswith(("#", "ARG"))]
    assert steps[0].startswith("FROM python:3.") and f"{steps[0].split(':')[1].split('-')[0]}" in (
        "3.12",
        "3.13",
    )
    install = next(line for line in steps if "pip install" in line)
    assert (
        "--constraint lock.txt" in install
        and '--editable ".[lab,recipe]"' in install
        and "$TORCH_INDEX" in install
    )
    assert steps.index(next(line for line in steps if line.startswith("USER"))) > steps.index(install)
    command = json.loads(steps[-1].removeprefix("CMD "))
    assert command[:2] == ["styledit", "lab"]


def test_the_workflow_runs_the_script_of_ci_on_every_python():
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    assert "run: .ci/run" in text and "ubuntu-latest" in text and "macos-latest" in text
    named = re.findall(r'"(3\.\d+)"', text)
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    assert named == [f"3.{minor}" for minor in range(int(low), int(high))]


def test_the_citation_and_the_changes_name_this_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert PROJECT["version"] == styledit.__version__
    assert f"version: {styledit.__version__}" in citation and f"## {styledit.__version__}, " in changes


def test_names_of_files_are_names_on_every_system():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    names = [os.fsdecode(name) for name in listed.split(b"\0") if name]
    assert not [name for name in names if re.search(r'[<>:"|?*\\]', name) or name.endswith((" ", "."))]
    assert len({name.lower() for name in names}) == len(names)
    reserved = r"(?i)(^|/)(con|prn|aux|nul|com\d|lpt\d)(\.[^/]*)?(/|$)"
    assert not [name for name in names if re.search(reserved, name)]
    assert max(map(len, names)) < 150  # Windows takes 260 with the folder that the clone lies in


def test_options_of_jupyterlab_go_to_jupyterlab(monkeypatch, tmp_path):
    from styledit.commands import lab as command

    given = []
    monkeypatch.setattr(
        command, "open_lessons", lambda folder, rest, only_copy: given.append((folder, rest)) or 0
    )
    assert (
        main(["lab", "--port", "9999"]) == 0 and main(["lab", "mine", "--ip", "0.0.0.0", "--no-browser"]) == 0
    )
    assert given == [
        (Path("styledit-lessons"), ["--port", "9999"]),
        (Path("mine"), ["--ip", "0.0.0.0", "--no-browser"]),
    ]


@pytest.mark.parametrize("device", ["cuda:7", "nonsense"])
def test_a_check_on_a_device_that_is_not_there_is_a_sentence(device, capsys):
    assert main(["check", "--device", device]) == 1
    assert capsys.readouterr().err.startswith("styledit check: ")


def test_a_vendors_build_of_a_version_is_that_version(monkeypatch):
    monkeypatch.setattr(versions.metadata, "requires", lambda _: ["torch>=2.6"])
    monkeypatch.setattr(versions.metadata, "version", lambda _: "2.6.0a0+ecf3bae40a.nv25.01")
    versions.check_installed()
    monkeypatch.setattr(versions.metadata, "version", lambda _: None)
    with pytest.raises(ImportError, match="only half installed"):
        versions.check_installed()
