"""What `pyproject.toml` cannot say: the wheel carries the kit's data and lessons, a clone has its tools.

In a clone `data/` and `notebooks/` lie beside the package; in a wheel they lie inside it, the lessons without
their outputs (`styledit.storage.data` finds both). The recipe of the model and the measurements are installed
from a clone only.
"""

import json
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

DATA = ("README.md", "model", "images", "benchmark", "results")
LESSONS = ("*.ipynb", "symbols.md")
TOOLS = {"recipe": "data/recipe", "measure": "tests/measure"}


class BuildWithData(build_py):
    """The package with the data and the lessons inside."""

    def run(self):
        if not self.editable_mode:  # nothing of an earlier build may stay
            shutil.rmtree(Path(self.build_lib, "styledit"), ignore_errors=True)
        super().run()
        if not self.editable_mode:
            for source, target in kit_files():
                copied = Path(self.build_lib, "styledit", target)
                copied.parent.mkdir(parents=True, exist_ok=True)
                if source.suffix == ".ipynb":
                    copied.write_text(without_outputs(source), encoding="utf-8")
                else:
                    shutil.copyfile(source, copied)


class EditableWithTools(editable_wheel):
    """A clone's package, with the recipe and the measurements beside it."""

    def run(self):
        packages = self.distribution.packages
        self.distribution.package_dir = {**(self.distribution.package_dir or {}), **TOOLS}
        for name, folder in TOOLS.items():
            packages += [name, *(f"{name}.{found}" for found in find_packages(folder))]
        super().run()


def kit_files():
    """Pairs of a file and its place in the package."""
    for name in DATA:
        place = Path("data", name)
        yield from (
            (file, file)
            for file in ([place] if place.is_file() else sorted(place.rglob("*")))
            if file.is_file()
        )
    for pattern in LESSONS:
        yield from ((file, file) for file in sorted(Path("notebooks").glob(pattern)))


def without_outputs(lesson):
    """A notebook's text without what its cells have shown."""
    notebook = json.loads(lesson.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


setup(cmdclass={"build_py": BuildWithData, "editable_wheel": EditableWithTools})
