"""The project around the library: one place for the pins, commands that help, a README that stays true."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import styledit

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PINS = dict(pin.split("==") for pin in [*PROJECT["dependencies"], *sum(EXTRAS.values(), [])])
INSTALLED = f".[{','.join(EXTRAS)}]"

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


# --- one place for the pins -------------------------------------------------------------------------


def test_every_dependency_is_pinned_exactly() -> None:
    assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in PINS.values()), PINS
    assert "torch" in PINS and "torchvision" not in PINS


def test_conda_and_make_install_the_same_pins() -> None:
    lines = [line.strip() for line in (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()]
    entries = [line[2:] for line in lines if line.startswith("- ")]
    python = next(entry for entry in entries if entry.startswith("python="))
    assert entries == ["conda-forge", python, "pip", "pip:", f"-e {INSTALLED}"]
    assert f"want='{INSTALLED}'" in MAKEFILE
    assert python.removeprefix("python=") in pythons()


def test_makefile_and_readme_name_the_pythons_of_pyproject() -> None:
    first, *_, last = pythons()
    assert "|".join(pythons()) + ")" in MAKEFILE
    assert f"Python {first} to {last}" in MAKEFILE and f"Python {first} to {last}" in README
    assert "%d.%d" % sys.version_info[:2] in pythons()


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
    calls = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
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
    found = [str(path.relative_to(ROOT)) for path in text_files() if pattern.search(path.read_text(encoding="utf-8", errors="replace"))]
    assert not found


def text_files() -> list[Path]:
    """The project's own text: everything but the environment, outputs and caches."""
    suffixes = {".py", ".md", ".ipynb", ".toml", ".yml", ".cfg", ".json", ".jsonl", ".csv", ""}
    folders = [ROOT / name for name in ("styledit", "tests", "notebooks", "data", ".ci")]
    paths = [path for folder in folders for path in folder.rglob("*")] + list(ROOT.glob("*"))
    return [path for path in paths if path.is_file() and path.suffix in suffixes and not {"cache", "__pycache__"} & set(path.parts)]


def test_ci_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")


# --- commands that help -----------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what `make` reads, without an environment."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make there, free of this run's own make and pip settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "PIP_", "PYTHON", "SETUP", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=project, env=kept | environment, capture_output=True, text=True, timeout=300
    )


def fake_python(path: Path, version: str = "3.12", fails: tuple[str, ...] = ()) -> Path:
    """A script that poses as Python: tells `version`, logs its arguments, fails where they hold one of `fails`."""
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
        project, "lab", f"PYTHON={sys.executable}", PIP_INDEX_URL=index, PIP_CONFIG_FILE=os.devnull, NO_PROXY="127.0.0.1"
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
    assert (project / ".venv" / "bin" / "python").exists() and not (project / ".venv" / ".unfinished").exists()


@needs_make
def test_complete_environment_is_used_without_pip(project: Path) -> None:
    log = fake_python(project / ".venv" / "bin" / "python").parent / "log"
    first = make(project, "lab")
    assert first.returncode == 0, first.stderr
    assert "pip" in log.read_text(encoding="utf-8")
    log.unlink()
    assert make(project, "lab").returncode == 0
    calls = log.read_text(encoding="utf-8")
    assert "pip" not in calls and "-m jupyterlab" in calls and "notebooks/00_first_edit.ipynb" in calls


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
