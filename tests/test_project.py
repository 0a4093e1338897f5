"""The project around the library: one place for the pins, commands that help, a README that stays true."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from packaging.requirements import Requirement

import styledit

ROOT = Path(__file__).resolve().parent.parent
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = CONFIGURATION["project"]
TOOLS = CONFIGURATION["tool"]
EXTRAS = PROJECT["optional-dependencies"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = (ROOT / "install.sh").read_text(encoding="utf-8")
LOCK = (ROOT / "lock.txt").read_text(encoding="utf-8").splitlines()
PINS = dict(pin.split("==") for pin in LOCK if not pin.startswith("#"))
PUBLISHED = "StyleDiffusion, paper preset"
INSTALLED = f".[{','.join(EXTRAS)}]"
CPU_INDEX = "--extra-index-url https://download.pytorch.org/whl/cpu"

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


# --- one place for the pins -------------------------------------------------------------------------


def test_every_dependency_is_pinned_exactly() -> None:
    assert all(re.fullmatch(r"\d+(\.\w+)*", version) for version in PINS.values()), PINS
    assert "torch" in PINS and "torchvision" not in PINS
    named = {Requirement(each).name for each in chain(PROJECT["dependencies"], *EXTRAS.values())}
    assert {name.replace("_", "-") for name in named} <= set(PINS)


def test_conda_and_make_install_the_same_pins() -> None:
    for name, index in (("environment.yml", []), ("environment-cpu.yml", [CPU_INDEX])):
        entries = listed(name)
        python = next(entry for entry in entries if entry.startswith("python="))
        installed = [*index, "--constraint lock.txt", f"-e {INSTALLED}"]
        assert entries == ["conda-forge", python, "pip", "pip:", *installed]
        assert python.removeprefix("python=") in pythons()
    assert f"want='{INSTALLED}'" in INSTALL
    assert CPU_INDEX.split()[1] in README


@pytest.mark.slow
@pytest.mark.parametrize("name", ["environment.yml", "environment-cpu.yml"])
def test_pip_takes_what_conda_lists(name: str, tmp_path: Path) -> None:
    """Against this environment, without a network: nothing is left to install but the project itself."""
    for file in ("pyproject.toml", "setup.py", "lock.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, tmp_path)
    for folder in ("data", "tests"):
        (tmp_path / folder).mkdir()
    entries = listed(name)
    requirements = entries[entries.index("pip:") + 1 :]
    (tmp_path / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    options = ["--dry-run", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "-r", "requirements.txt"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == f"Would install styledit-{PROJECT['version']}"


def listed(name: str) -> list[str]:
    """The entries of an environment file, channels and pip's included."""
    lines = [line.strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    return [line[2:] for line in lines if line.startswith("- ")]


def test_install_script_and_readme_name_the_pythons_of_pyproject() -> None:
    first, *_, last = pythons()
    assert "|".join(pythons()) + ")" in INSTALL
    assert f"Python {first} to {last}" in INSTALL and f"Python {first} to {last}" in README
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in pythons()


def test_this_environment_holds_the_pins() -> None:
    found = {name: importlib.metadata.version(name).partition("+")[0] for name in PINS}
    assert found == PINS


def pythons() -> list[str]:
    """The minor versions that `requires-python` admits."""
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    return [f"3.{minor}" for minor in range(int(low), int(high))]


# --- a README that stays true -----------------------------------------------------------------------


def test_commands_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z][a-z-]+)", "\n".join(code_in(README))))
    assert {"lab", "test", "tour", "model-report"} <= named <= targets
    listed = set(re.findall(r'^\t@echo "make ([a-z-]+)', MAKEFILE, re.MULTILINE))
    assert named - {"help", "distclean"} <= listed


def test_paths_of_the_readme_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("https://")]
    folders = re.findall(r"`([a-z]+/)`", README)
    examples = re.findall(r'"(data/[^"]+)"', README)
    missing = [path for path in {*links, *folders, *examples} - {"out/"} if not (ROOT / path).exists()]
    assert not missing


def test_example_of_the_readme_calls_the_library_as_it_is() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    calls = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Call)]
    calls = [call for call in calls if isinstance(call.func, ast.Attribute)]
    checked = set()
    for call in calls:
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        match getattr(call.func.value, "id", ""):
            case "styledit":
                inspect.signature(getattr(styledit, call.func.attr)).bind(*call.args, **keywords)
            case "editor":
                inspect.signature(getattr(styledit.Editor, call.func.attr)).bind(None, *call.args, **keywords)
                styledit.Settings.of(**{name: ast.literal_eval(value) for name, value in keywords.items()})
            case _:
                continue
        checked.add(call.func.attr)
    assert checked >= {"load", "read_image", "invert", "fit_values", "Editor", "edit"}


def test_results_of_the_readme_are_the_stored_ones() -> None:
    stored = json.loads((ROOT / "data" / "results" / "comparison.json").read_text(encoding="utf-8"))["result"]
    table = re.findall(r"^\| ([^|]+) \| (\d+) % \| ([\d.]+) dB \| (\d+) \|$", README, re.MULTILINE)
    assert len(table) == 8
    for method, *told in table:
        rows = [row for row in stored if row["method"] == method]
        columns = {"success": ".0f", "truth_psnr": ".1f", "evaluations": ".0f"}
        means = [f"{mean(row[column] for row in rows):{form}}" for column, form in columns.items()]
        assert len(rows) == 84 and told == means, method
    psnr = {m: np.array([row["truth_psnr"] for row in stored if row["method"] == m]) for m, *_ in table}
    plain = psnr["styledit, plain call"]
    assert max(psnr, key=lambda method: psnr[method].mean()) == "styledit, plain call"
    drawn = np.random.default_rng(0).integers(84, size=(4000, 84))
    low = {method: np.percentile((plain - other)[drawn].mean(1), 2.5) for method, other in psnr.items()}
    ahead = {method for method, least in low.items() if least > 0}
    assert {"styledit, value inputs", "styledit, settings by kind", "null-text"} <= ahead  # all that fit
    assert low["direct inversion"] < 0 < (plain - psnr["direct inversion"]).mean()
    removed = np.array([row["kind"] == "word removed" for row in stored if row["method"] == "SDEdit"])
    told = [f"{psnr[m][removed].mean():.1f}" for m in ("styledit, plain call", "direct inversion")]
    assert f"{told[0]} dB for direct inversion's {told[1]}" in README
    assert {row["evaluations"] for row in stored if row["method"] == PUBLISHED} == {2499.0}


def code_in(markdown: str) -> list[str]:
    """Code blocks and code spans."""
    blocks = re.findall(r"```.*?```", markdown, re.DOTALL)
    return blocks + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", markdown, flags=re.DOTALL))


# --- what the tree must not hold --------------------------------------------------------------------

FORBIDDEN = {
    "a pickle may run code: read safetensors": r"\btorch\.load\(",
    "a checkpoint's own code is not to be trusted": r"trust_remote_code\s*=\s*True",
    "a folder of one machine": r"(?<![\w.~])/(home|Users|root|work|mnt|opt|srv|tmp)/\w",
    "unfinished": r"\b(TO" r"DO|FIX" r"ME)\b",
}


@pytest.mark.parametrize("why", FORBIDDEN)
def test_tree_is_free_of(why: str) -> None:
    pattern = re.compile(FORBIDDEN[why])
    found = [str(path.relative_to(ROOT)) for path in text_files() if pattern.search(read(path))]
    assert not found


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def text_files() -> list[Path]:
    """The project's own text: everything but the environment, outputs and caches."""
    suffixes = {
        ".py",
        ".md",
        ".ipynb",
        ".toml",
        ".yml",
        ".yaml",
        ".sh",
        ".cfg",
        ".json",
        ".jsonl",
        ".csv",
        "",
    }
    folders = [ROOT / name for name in ("styledit", "tests", "notebooks", "data", ".ci")]
    paths = [path for folder in folders for path in folder.rglob("*")] + list(ROOT.glob("*"))
    caches = {"cache", "__pycache__", ".git"}
    return [
        path for path in paths if path.is_file() and path.suffix in suffixes and not caches & set(path.parts)
    ]


def test_ci_runs_everything() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test-all" in script.read_text(encoding="utf-8")


# --- format, lint and types -------------------------------------------------------------------------


def test_make_test_and_pre_commit_run_the_same_checks() -> None:
    asked = {"ruff format", "ruff check", "mypy"}
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert "repo: local" in hooks and "http" not in hooks
    for text in (MAKEFILE, hooks):
        assert asked == set(re.findall(r"python -m (ruff \w+|mypy)", text.replace("$(PY)", "python")))


def test_type_checkers_of_users_see_the_types() -> None:
    assert Path(styledit.__file__).with_name("py.typed").exists()
    assert "py.typed" in TOOLS["setuptools"]["package-data"]["styledit"]


def test_the_three_packages_are_installed() -> None:
    names = ("styledit", "recipe", "measure")
    assert TOOLS["ruff"]["lint"]["isort"]["known-first-party"] == list(names)
    folders = [Path(importlib.import_module(name).__file__).parent for name in names]
    assert [folder.relative_to(ROOT).as_posix() for folder in folders] == [
        "styledit",
        "data/recipe",
        "tests/measure",
    ]


def test_no_module_changes_the_import_path() -> None:
    change = re.compile(r"sys\.path\." r"(insert|append)")
    found = [path for path in text_files() if path.suffix in (".py", ".ipynb") and change.search(read(path))]
    assert not found


# --- commands that help -----------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what `make` reads, without an environment; npm finds nothing wrong."""
    for name in ("Makefile", "pyproject.toml", "lock.txt", "install.sh"):
        shutil.copy(ROOT / name, tmp_path)
    fake_npm(tmp_path, "exit 0")
    (tmp_path / "node_modules").mkdir()
    return tmp_path


def fake_npm(project: Path, line: str) -> None:
    """A script that poses as npm in that project."""
    npm = project / "bin" / "npm"
    npm.parent.mkdir(exist_ok=True)
    npm.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    npm.chmod(0o755)


def make(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make there, free of this run's own make and pip settings."""
    foreign = ("MAKE", "PIP_", "PYTHON", "AGAIN", "MFLAGS")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    kept["PATH"] = f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["make", *arguments], cwd=project, env=kept | environment, capture_output=True, text=True, timeout=300
    )


def fake_python(path: Path, version: str = "3.12", fails: tuple[str, ...] = ()) -> Path:
    """A script that poses as Python: tells `version`, logs its arguments, fails on one of `fails` in them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"""#!/bin/sh
echo "$*" >> "{path.parent}/log"
case "$*" in
{"".join(f'    *"{words}"*) exit 1 ;;' for words in fails)}
    *sys.prefix*) echo "{path}" ;;
    *version_info*) echo "{version}" ;;
    "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
esac
""",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


@needs_make
@pytest.mark.parametrize("version", ["2.7", "3.9", "3.10", "3.15"])
def test_other_python_gets_a_sentence(project: Path, version: str) -> None:
    python = fake_python(project / "fake" / "python", version)
    run = make(project, "lab", f"PYTHON={python}")
    assert run.returncode != 0
    assert f"styledit needs Python 3.11 to 3.14, but '{python}' is Python {version}." in run.stderr
    assert "make lab PYTHON=" in run.stderr
    assert not (project / ".venv").exists()


@needs_make
def test_environment_of_another_python_gets_a_sentence(project: Path) -> None:
    fake_python(project / ".venv" / "bin" / "python", "3.10")
    run = make(project, "test")
    assert run.returncode != 0
    assert "'.venv/bin/python' is Python 3.10. Remove it with `make distclean`" in run.stderr


@needs_make
def test_missing_python_gets_a_sentence(project: Path) -> None:
    run = make(project, "lab", "PYTHON=no-such-python")
    assert run.returncode != 0
    assert "'no-such-python' does not run. Install Python 3.11 to 3.14" in run.stderr
    assert not (project / ".venv").exists()


@needs_make
def test_missing_venv_module_gets_a_sentence(project: Path) -> None:
    python = fake_python(project / "fake" / "python", fails=("import venv",))
    run = make(project, "lab", f"PYTHON={python}")
    assert run.returncode != 0
    assert "lacks the venv module" in run.stderr and "apt install python3.12-venv" in run.stderr
    assert not (project / ".venv").exists()


@needs_make
def test_unreachable_index_gets_a_sentence_and_leaves_nothing_behind(project: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    index = f"http://127.0.0.1:{port}/simple"
    run = make(
        project,
        "lab",
        f"PYTHON={sys.executable}",
        PIP_INDEX_URL=index,
        PIP_CONFIG_FILE=os.devnull,
        NO_PROXY="127.0.0.1",
    )
    assert run.returncode != 0
    assert "Creating .venv with Python" in run.stderr
    assert "pip cannot reach its package index." in run.stderr and "`make lab`" in run.stderr
    assert not (project / ".venv").exists()


@needs_make
def test_unreachable_index_leaves_a_working_environment_alone(project: Path) -> None:
    fake_python(project / ".venv" / "bin" / "python")
    assert make(project, "setup").returncode == 0
    (project / "pyproject.toml").write_text("# other pins\n", encoding="utf-8")
    fake_python(project / ".venv" / "bin" / "python", fails=("--no-index", "download"))
    run = make(project, "setup")
    assert run.returncode != 0 and "pip cannot reach its package index." in run.stderr
    assert (project / ".venv" / "bin" / "python").exists() and not (
        project / ".venv" / ".unfinished"
    ).exists()


@needs_make
def test_complete_environment_is_used_without_pip(project: Path) -> None:
    log = fake_python(project / ".venv" / "bin" / "python").parent / "log"
    first = make(project, "lab")
    assert first.returncode == 0, first.stderr
    assert "pip" in log.read_text(encoding="utf-8")
    log.unlink()
    assert make(project, "lab").returncode == 0
    calls = log.read_text(encoding="utf-8")
    assert "pip" not in calls and "-m styledit lab notebooks" in calls


@needs_make
def test_interrupted_installation_is_repaired(project: Path) -> None:
    half = project / ".venv" / "half_of_a_package"
    half.mkdir(parents=True)
    ended = subprocess.Popen(["true"])
    ended.wait()
    (project / ".venv" / ".unfinished").write_text(f"{ended.pid}\n", encoding="utf-8")
    run = make(project, "setup", f"PYTHON={fake_python(project / 'fake' / 'python')}")
    assert run.returncode == 0, run.stderr
    assert "interrupted" in run.stderr
    assert not half.exists() and not (project / ".venv" / ".unfinished").exists()
    assert (project / ".venv" / ".styledit").exists()


@needs_make
def test_second_make_waits_for_the_first(project: Path) -> None:
    (project / ".venv").mkdir()
    (project / ".venv" / ".unfinished").write_text(f"{os.getpid()}\n", encoding="utf-8")
    run = make(project, "lab")
    assert run.returncode != 0
    assert f"Another make (process {os.getpid()}) is installing" in run.stderr
    assert (project / ".venv").exists()


@needs_make
@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ((), "-m measure.compare"),
        (("METHOD=mine:edit",), "-m measure.compare --method mine:edit"),
        (("METHOD=mine:edit", "ONLY=mine:edit"), "-m measure.compare --method mine:edit --only mine:edit"),
        (("ONLY=DDIM + P2P",), "-m measure.compare --only DDIM + P2P"),
        (("DRAWN=420",), "-m measure.compare --drawn 420"),
    ],
)
def test_compare_takes_an_own_method(project: Path, given: tuple[str, ...], passed: str) -> None:
    log = fake_python(project / ".venv" / "bin" / "python").parent / "log"
    assert make(project, "compare", *given).returncode == 0
    assert log.read_text(encoding="utf-8").splitlines()[-1] == passed


@needs_make
@pytest.mark.parametrize("check", ["ruff format", "ruff check", "mypy", "npm"])
def test_each_check_can_fail_the_lint_and_the_tests(project: Path, check: str) -> None:
    log = fake_python(project / ".venv" / "bin" / "python", fails=(check,)).parent / "log"
    if check == "npm":
        fake_npm(project, "exit 1")
    run = make(project, "lint")
    assert run.returncode != 0
    assert "-m mypy" in log.read_text(encoding="utf-8")  # the last one of Python ran
    run = make(project, "test")
    assert run.returncode != 0 and "Failed: lint (see above)." in run.stdout
    fake_python(project / ".venv" / "bin" / "python")
    fake_npm(project, "exit 0")
    assert make(project, "test").returncode == 0


@needs_make
def test_without_npm_the_front_end_is_unchecked_but_not_in_ci(project: Path) -> None:
    tools = project / "tools"
    tools.mkdir()
    for name in ("sh", "make", "cat", "cksum", "dirname", "rm", "id"):
        (tools / name).symlink_to(shutil.which(name))
    fake_python(project / ".venv" / "bin" / "python")
    run = make(project, "lint", PATH=str(tools), CI="", STYLEDIT_NEED_NODE="")
    assert run.returncode == 0 and "the browser's half of the widgets is not checked" in run.stdout
    run = make(project, "lint", PATH=str(tools), CI="true")
    assert run.returncode != 0 and "install node 20 or later" in run.stdout


def calls_of(project: Path, target: str) -> str:
    """What a target runs by pytest and the other tools, one a line."""
    python = project / ".venv" / "bin" / "python"
    fake_python(python)
    assert make(project, target).returncode == 0
    return (python.parent / "log").read_text(encoding="utf-8")


@needs_make
def test_make_test_leaves_out_what_is_slow_and_make_test_all_nothing(project: Path) -> None:
    few = calls_of(project, "test")
    assert "-m not slow" in few
    named = re.findall(r"notebooks/\S+", few)
    assert len(named) == 3 and all((ROOT / name).exists() for name in named)
    (project / ".venv" / "bin" / "log").unlink()
    everything = calls_of(project, "test-all")
    assert "not slow" not in everything
    assert re.search(r"--nbval-lax .* notebooks\n", everything) and "--durations=30" in everything
