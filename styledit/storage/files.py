"""Safetensors files: written whole or not at all, and read only as they were written.

Every file carries the sha256 of all that is in it, so that damage is found whatever it hits. What a file
means is for its reader to say: `read_result` turns what the reader refuses into one sentence about the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from styledit import validation

Kind = Literal["float", "byte"]
Tensors = dict[str, torch.Tensor]
Result = TypeVar("Result")

CHECKSUM = "sha256"  # the entry of the metadata
_KINDS = {torch.uint8: "byte"}
_ATTEMPTS = 50  # to read a file that others replace meanwhile
ABANDONED = 24 * 3600.0  # seconds after which nobody writes a draft any more


@dataclass(frozen=True)
class Schema:
    """What a file must hold.

    `what`: the thing in messages, such as "value inputs"; `source`: what writes it, such as
    "ValueInputs.save()"; `cure`: what to do where it is damaged, such as "fit again". `tensors`: a name, or a
    beginning and "*" for any number of them ("maps/*"), to what the tensor holds, floating-point numbers or
    bytes. `about`: the entries of the metadata.
    """

    what: str
    source: str
    cure: str
    tensors: Mapping[str, Kind]
    about: tuple[str, ...]

    def kind(self, name: str) -> Kind | None:
        """What a tensor of this name must hold; None for one that is not looked at."""
        for pattern, kind in self.tensors.items():
            if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])):
                return kind
        return None


def write_tensors(
    path: str | os.PathLike, tensors: Mapping[str, torch.Tensor], about: Mapping[str, str]
) -> None:
    """A safetensors file that is whole or not there: it is written beside its place, in a folder of its own,
    and then moved.

    Where anything fails, or the process is killed, what was at `path` stays as it was; what a killed process
    left is removed by the next that writes there. The file's mode follows the umask.

    Raises:
        TypeError: `path` is neither a string nor a path.
        ValueError: there is no folder for it, or it cannot be written, as where the disk is full.
    """
    place = validation.path_to_write("path", path)
    separate = _separate(tensors)
    try:
        with _draft_of(place) as (draft, mode):
            save_file(separate, draft, metadata={**about, CHECKSUM: _checksum(separate, about)})
            draft.chmod(mode)  # safetensors gives every file mode 0600
            draft.replace(place)
    except Exception as error:  # which one depends on how safetensors was built
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"{str(place)!r} could not be written ({reason[0]}); make room or choose another place. "
            "What was there is as it was."
        ) from error


def read_tensors(
    path: str | os.PathLike, schema: Schema, device: str | torch.device | None = None
) -> tuple[Tensors, dict[str, str]]:
    """The tensors and the metadata that a schema names of a file that is as it was written.

    Args:
        device: where the tensors go; None keeps them on the CPU.

    Raises:
        TypeError: `path` is neither a string nor a path.
        FileNotFoundError: there is no such file.
        ValueError: it is no safetensors file, holds something else, differs from what was written, or the
            device is not available.
    """
    target = validation.device(device)
    place = validation.path_to_read("path", path)
    for _ in range(_ATTEMPTS):
        before = _identity(place)
        # safetensors opens a file once for its header and once for its tensors: another may come in between.
        try:
            tensors, about = _read(place, schema)
        except Exception:
            if _identity(place) == before:
                raise
            continue
        if _identity(place) == before:
            return {name: tensor.to(target) for name, tensor in tensors.items()}, about
    raise ValueError(f"{str(place)!r} is being written again and again; read it when that is over.")


def read_result(
    path: str | os.PathLike,
    schema: Schema,
    make: Callable[[Tensors, dict[str, str]], Result],
    device: str | torch.device | None = None,
) -> Result:
    """What `make` builds of the tensors and the metadata of a file; it is the one to check what they say.

    Raises:
        TypeError, FileNotFoundError, ValueError: as `read_tensors`, and where `make` refuses what is there.
    """
    tensors, about = read_tensors(path, schema, device)
    try:
        return make(tensors, about)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} holds {schema.what} that cannot be ({validation.shown(str(error), 300)}); "
            f"{schema.cure}."
        ) from error


def group(tensors: Mapping[str, torch.Tensor], beginning: str) -> Tensors:
    """The tensors whose names have this beginning, such as "maps/", named by what follows it."""
    return {
        name.removeprefix(beginning): tensor for name, tensor in tensors.items() if name.startswith(beginning)
    }


def _read(place: Path, schema: Schema) -> tuple[Tensors, dict[str, str]]:
    """What a schema names of a file, once all of it is known to be as it was written."""
    with _opened(place) as file:
        written: dict[str, str] = file.metadata() or {}
        missing = [entry for entry in schema.about if entry not in written]
        names = list(file.keys())
        missing += [name for name in schema.tensors if "*" not in name and name not in names]
        if missing:
            raise ValueError(
                f"{str(place)!r} holds no {schema.what} (its {missing[0]} is missing); "
                f"give a file written by {schema.source}."
            )
        if CHECKSUM not in written:
            raise ValueError(
                f"{str(place)!r} has no checksum, by which damage is found: an earlier {schema.source} wrote "
                f"it, or something else; {schema.cure}."
            )
        tensors = {name: file.get_tensor(name) for name in names}
    if written.pop(CHECKSUM) != _checksum(tensors, written):
        raise ValueError(f"{str(place)!r} is damaged: it is not what was written; {schema.cure}.")
    chosen = {name: tensor for name, tensor in tensors.items() if schema.kind(name)}
    for name, tensor in chosen.items():
        if schema.kind(name) != ("float" if tensor.is_floating_point() else _KINDS.get(tensor.dtype)):
            raise ValueError(
                f"{str(place)!r} holds {schema.what} whose {name} is of {tensor.dtype}; {schema.cure}."
            )
    return chosen, {entry: written[entry] for entry in schema.about}


def _checksum(tensors: Mapping[str, torch.Tensor], about: Mapping[str, str]) -> str:
    """The sha256 of all that a file holds, whatever the order."""
    digest = hashlib.sha256(json.dumps(sorted(about.items())).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), *tensor.shape]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _identity(place: Path) -> tuple[int, ...]:
    """What changes where another file comes to this place."""
    found = place.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def _draft_of(place: Path) -> Iterator[tuple[Path, int]]:
    """A file to write, in a new folder beside `place`, and the mode that files get here. At the end the
    folder is gone; what a killed process has left is removed by a later write.
    """
    _sweep(place.parent)
    folder = place.with_name(f".styledit-{secrets.token_hex(8)}.draft")
    try:
        folder.mkdir(0o777)  # less the umask
        yield folder / "file", folder.stat().st_mode & 0o666
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove the drafts that nobody can be writing any more. Their age tells, not a process: machines and
    containers that do not see each other's processes share folders.
    """
    for draft in folder.glob(".styledit-*.draft"):
        with suppress(OSError):  # another has removed it
            if draft.stat().st_mtime < time.time() - ABANDONED:
                shutil.rmtree(draft, ignore_errors=True)


def _separate(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """The tensors on the CPU, each with memory of its own, as safetensors wants them."""
    separate: Tensors = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        storage = own.untyped_storage()
        if storage.nbytes() != own.nbytes or storage.data_ptr() in taken:
            own = own.clone()
        taken.add(own.untyped_storage().data_ptr())
        separate[name] = own
    return separate


@contextmanager
def _opened(place: Path) -> Iterator[Any]:
    """A safetensors file; what cannot be read becomes one sentence."""
    if not os.access(place, os.R_OK):
        raise ValueError(f"{str(place)!r} may not be read; change its permissions.")
    try:
        file = safe_open(place, "pt")
    except Exception as error:  # safetensors has an error of its own, and hands on those of the system
        raise ValueError(
            f"{str(place)!r} is no safetensors file, or was cut short; give another, or make it again."
        ) from error
    with file:
        yield file
