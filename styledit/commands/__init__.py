"""What the command `styledit` does: `lab`, `tour` and `check`, each in a file of its own.

`python -m styledit` is the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; its exit code."""
    parser = argparse.ArgumentParser(
        prog="styledit", description="Text-based editing of pictures, in lessons and a library."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="lab | tour | check")
    lab = commands.add_parser("lab", help="copy the lessons into a folder and open them in JupyterLab")
    lab.add_argument(
        "folder", nargs="?", type=Path, default=Path("styledit-lessons"), help="where to (%(default)s)"
    )
    lab.add_argument("--copy-only", action="store_true", help="copy, and open nothing")
    tour = commands.add_parser("tour", help="make a first edit without a browser, and save its pictures")
    tour.add_argument("folder", nargs="?", type=Path, default=Path("out"), help="where to (%(default)s)")
    check = commands.add_parser(
        "check", help="try everything on this machine: one table, to paste into an issue"
    )
    check.add_argument(
        "--device", help="such as cuda, cuda:1, mps or cpu; by default the fastest that is there"
    )
    check.add_argument(
        "--model", help="a checkpoint to try as well: a folder, a .safetensors file or a hub id"
    )
    check.add_argument(
        "--out",
        type=Path,
        default=Path("styledit-check.png"),
        help="where the pictures of --model go (%(default)s)",
    )
    given, rest = _parsed(parser, list(sys.argv[1:] if arguments is None else arguments))
    try:
        return _run(given, rest)
    except (ImportError, OSError, ValueError, TypeError) as error:
        print(f"styledit {given.command}: {error}", file=sys.stderr)
        return 1


def _parsed(parser: argparse.ArgumentParser, arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The arguments of the command, and those of JupyterLab: all that follow the first unknown option."""
    if arguments[:1] != ["lab"]:
        return parser.parse_args(arguments), []
    own = ("--copy-only", "-h", "--help")
    others = [at for at, each in enumerate(arguments) if each.startswith("-") and each not in own]
    end = others[0] if others else len(arguments)
    return parser.parse_args(arguments[:end]), arguments[end:]


def _run(given: argparse.Namespace, rest: list[str]) -> int:
    if given.command == "lab":
        from styledit.commands.lab import open_lessons

        return open_lessons(given.folder, rest, only_copy=given.copy_only)
    if given.command == "tour":
        from styledit.commands.tour import tour

        tour(given.folder)
        return 0
    from styledit.commands.check import check

    return check(given.device, given.model, given.out)
