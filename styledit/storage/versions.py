"""Whether what the kit needs is installed, in versions that it was tested with."""

from __future__ import annotations

import warnings
from importlib import metadata
from importlib.util import find_spec


def check_installed() -> None:
    """Compare the installed packages with the ranges that the kit declares; without a declaration, as in a
    folder that was never installed, there is nothing to compare.

    Raises:
        ImportError: a package is missing or outside its range: which, and what to do.
    """
    try:
        needed = metadata.requires("styledit") or []
    except metadata.PackageNotFoundError:
        return
    try:
        from packaging.requirements import Requirement
        from packaging.version import Version
    except ImportError:
        raise ImportError("styledit needs packaging, which is not installed: pip install packaging") from None
    for text in needed:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        try:
            there = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            raise ImportError(
                f"styledit needs {wanted}, which is not installed: pip install '{wanted}'"
            ) from None
        if there is None:
            raise ImportError(
                f"{requirement.name} is only half installed: pip install --force-reinstall '{wanted}'"
            )
        # A vendor's build of a version, such as 2.6.0a0+nv25, is that version.
        if not requirement.specifier.contains(Version(there).base_version):
            raise ImportError(
                f"styledit needs {wanted}, but {requirement.name} {there} is installed: "
                f"pip install '{wanted}', or use an environment of its own."
            )


def check_version(running: str) -> None:
    """Warn where another version of the kit was installed than the one that runs."""
    try:
        installed = metadata.version("styledit")
    except metadata.PackageNotFoundError:
        return
    if installed != running:
        warnings.warn(
            f"styledit {running} runs, but styledit {installed} is installed: remove one of the two, or "
            "install the one that runs again.",
            stacklevel=3,
        )


def need(part: str, *modules: str) -> None:
    """What a part of the kit needs beyond the library.

    Raises:
        ImportError: one of the modules is missing.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"{part} needs {', '.join(missing)}, which is not installed: pip install 'styledit[lab]'"
        )
