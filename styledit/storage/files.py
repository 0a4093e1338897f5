"""Safetensors files: written whole or not at all, and read against a schema that says what they must hold."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from styledit import validation
from styledit.validation import with_article

_ATTEMPTS = 50  # to read a file that others replace meanwhile
Kind = Literal["float", "whole", "byte", "bool"]
_KINDS: dict[Kind, tuple[str, ...]] = {  # safetensors' names of the dtypes of a kind
    "float": ("F64", "F32", "F16", "BF16"),
    "whole": ("I64", "I32", "I16", "I8", "U8"),
    "byte": ("U8",),
    "bool": ("BOOL",),
}
_KIND_NAMES: dict[Kind, str] = {
    "float": "floating-point numbers",
    "whole": "whole numbers",
    "byte": "bytes",
    "bool": "true and false",
}


@dataclass(frozen=True)
class Field:
    """What one tensor of a file must be.

    `shape`: a number is a length, a word names one, which must be the same wherever the word stands ("T",
    "N", or "T + 1": a word and what is added to it); None allows any number of dimensions. `least`, `most`:
    the range of its values. `label`: how messages call it; "" takes its name. `finite`: whether NaN and
    infinite values are refused.
    """

    shape: tuple[int | str, ...] | None = None
    kind: Kind = "float"
    least: float | None = None
    most: float | None = None
    label: str = ""
    finite: bool = True
    required: bool = True


@dataclass(frozen=True)
class Schema:
    """What a file must hold.

    `what`: the thing in messages, such as "value inputs"; `source`: what writes it, such as
    "ValueInputs.save()"; `cure`: what to do where it is damaged, such as "fit again". `tensors`: a name, or a
    beginning and "*" for any number of them ("maps/*"), to its field. `about`: each entry of the metadata to
    a function that turns its text into a value, and raises ValueError where it cannot; those in `optional`
    may be left out. `lengths`: lengths that the metadata decide, from its values.
    """

    what: str
    source: str
    cure: str
    tensors: Mapping[str, Field]
    about: Mapping[str, Callable[[str], Any]]
    optional: Collection[str] = ()
    lengths: Callable[[dict[str, Any]], Mapping[str, int]] = lambda about: {}


def write_tensors(
    path: str | os.PathLike, tensors: Mapping[str, torch.Tensor], about: Mapping[str, str]
) -> None:
    """A safetensors file that is whole or not there: it is written beside its place, under a name of its own,
    and then moved.

    Where anything fails, or the process is killed, what was at `path` stays as it was. The file's mode
    follows the umask.

    Raises:
        TypeError: `path` is neither a string nor a path.
        ValueError: there is no folder for it, or it cannot be written, as where the disk is full.
    """
    place = validation.path_to_write("path", path)
    with _unfinished(place) as (draft, mode):
        try:
            save_file(_separate(tensors), draft, metadata=dict(about))
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
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors and the metadata of a file that holds what `schema` says, and nothing else of it.

    Args:
        device: where the tensors go; None keeps them on the CPU.

    Returns:
        {name: tensor}, and {entry of the metadata: value}. Where optional ones are not in the file, they are
        not here.

    Raises:
        TypeError: `path` is neither a string nor a path.
        FileNotFoundError: there is no such file.
        ValueError: it is no safetensors file, holds something else or something damaged, or the device is not
            available.
    """
    target = validation.device(device)
    place = validation.path_to_read("path", path)
    fields, tensors, about = _read(place, schema)
    for name, tensor in tensors.items():
        _check_values(place, schema, name, fields[name], tensor)
    return {name: tensor.to(target) for name, tensor in tensors.items()}, about


def group(tensors: Mapping[str, torch.Tensor], beginning: str) -> dict[str, torch.Tensor]:
    """The tensors whose names have this beginning, such as "maps/", named by what follows it."""
    return {
        name.removeprefix(beginning): tensor for name, tensor in tensors.items() if name.startswith(beginning)
    }


def _read(place: Path, schema: Schema) -> tuple[dict[str, Field], dict[str, torch.Tensor], dict[str, Any]]:
    """The fields that are in the file, their tensors, whose values are not checked yet, and the metadata."""
    for _ in range(_ATTEMPTS):
        before = _identity(place)
        # safetensors opens a file once for its header and once for its tensors: another may come in between.
        try:
            with _opened(place) as file:
                about = _read_about(place, schema, file.metadata() or {})
                fields = _fields(place, schema, list(file.keys()))
                shapes = {name: _shape_of(place, schema, name, fields[name], file) for name in fields}
                _check_shapes(place, schema, fields, shapes, about)
                tensors = {name: file.get_tensor(name) for name in fields}
        except Exception:
            if _identity(place) == before:
                raise
            continue
        if _identity(place) == before:
            return fields, tensors, about
    raise ValueError(f"{str(place)!r} is being written again and again; read it when that is over.")


def _identity(place: Path) -> tuple[int, ...]:
    """What changes where another file comes to this place."""
    found = place.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def _unfinished(place: Path) -> Iterator[tuple[Path, int]]:
    """A new empty file beside `place`, which is removed where it is still there at the end, and its mode."""
    name = f".{place.name[:40]}.{secrets.token_hex(8)}.tmp"
    draft = place.with_name(name)
    try:
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)  # less the umask
        try:
            mode = os.fstat(handle).st_mode & 0o777
        finally:
            os.close(handle)
        yield draft, mode
    except OSError as error:
        raise ValueError(
            f"{str(place)!r} could not be written ({error.strerror}); choose another place."
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _separate(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors on the CPU, each with memory of its own, as safetensors wants them."""
    separate: dict[str, torch.Tensor] = {}
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


def _holds_none(place: Path, schema: Schema, reason: str = "") -> ValueError:
    """The error for a file of another kind."""
    why = f" ({reason})" if reason else ""
    return ValueError(f"{str(place)!r} holds no {schema.what}{why}; give a file written by {schema.source}.")


def _is_damaged(place: Path, schema: Schema, what: str) -> ValueError:
    """The error for a file of the right kind that holds what cannot be."""
    return ValueError(f"{str(place)!r} holds {schema.what} with {what}; it is damaged, {schema.cure}.")


def _read_about(place: Path, schema: Schema, written: Mapping[str, str]) -> dict[str, Any]:
    """The values of the metadata."""
    about: dict[str, Any] = {}
    if schema.about and not any(entry in written for entry in schema.about):
        raise _holds_none(place, schema)
    for entry, convert in schema.about.items():
        if entry not in written:
            if entry in schema.optional:
                continue
            raise _holds_none(place, schema, f"its {entry} is missing")
        try:
            about[entry] = convert(written[entry])
        except (
            ValueError,
            TypeError,
            KeyError,
            IndexError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            raise _is_damaged(place, schema, f"a bad {entry}, {validation.shown(written[entry])}") from error
    return about


def _fields(place: Path, schema: Schema, names: list[str]) -> dict[str, Field]:
    """{name: field} of the tensors that are in the file."""
    fields: dict[str, Field] = {}
    for pattern, field in schema.tensors.items():
        if pattern.endswith("*"):
            fields |= {name: field for name in names if name.startswith(pattern[:-1])}
        elif pattern in names:
            fields[pattern] = field
        elif field.required:
            raise _holds_none(place, schema, f"its {field.label or pattern} is missing")
    return fields


def _shape_of(place: Path, schema: Schema, name: str, field: Field, file: Any) -> tuple[int, ...]:
    """The shape of a tensor whose dtype is of the right kind; its values are not read."""
    entry = file.get_slice(name)
    if entry.get_dtype() not in _KINDS[field.kind]:
        label = with_article(field.label or name)
        found = f"{label} of type {entry.get_dtype()} where {_KIND_NAMES[field.kind]} belong"
        raise _is_damaged(place, schema, found)
    return tuple(entry.get_shape())


def _check_shapes(
    place: Path,
    schema: Schema,
    fields: Mapping[str, Field],
    shapes: Mapping[str, tuple[int, ...]],
    about: dict[str, Any],
) -> None:
    """Raise ValueError where a shape is another than the schema's, or two tensors disagree about a length."""
    try:
        lengths = dict(schema.lengths(about))
    except (KeyError, TypeError, ValueError) as error:
        raise _is_damaged(place, schema, "a bad head") from error
    decided: dict[str, str] = {}  # the length's word -> the tensor that decided it
    for name, field in fields.items():
        shape, label = shapes[name], field.label or name
        if field.shape is None:
            continue
        if len(shape) != len(field.shape):
            written = ", ".join(str(length) for length in field.shape)
            raise _is_damaged(
                place, schema, f"{with_article(label)} of shape {shape} in place of ({written})"
            )
        for length, wanted in zip(shape, field.shape, strict=True):
            word, more = _parse(wanted)
            if not word:
                expected = more
            else:
                expected = lengths.setdefault(word, length - more) + more
                decided.setdefault(word, name)
            if length == expected and expected >= more:
                continue
            other = decided.get(word, name)
            if other != name:
                against = with_article(fields[other].label or other)
                found = f"{with_article(label)} of shape {shape} and {against} of {shapes[other]}"
            else:
                found = f"{with_article(label)} of shape {shape}, where {length} should be {expected}"
            raise _is_damaged(place, schema, found)


def _parse(length: int | str) -> tuple[str, int]:
    """The word of a length and what is added to it, such as ("T", 1); a number has no word."""
    if isinstance(length, int):
        return "", length
    word, _, more = length.partition("+")
    return word.strip(), int(more or 0)


def _check_values(place: Path, schema: Schema, name: str, field: Field, tensor: torch.Tensor) -> None:
    """Raise ValueError for NaN, infinite values, and values out of range."""
    label = with_article(field.label or name)
    if field.finite and field.kind == "float" and not torch.isfinite(tensor).all():
        raise _is_damaged(place, schema, f"NaN or infinite values in {label}")
    if not tensor.numel():
        return
    if field.least is not None and tensor.min() < field.least:
        raise _is_damaged(
            place, schema, f"{label} that goes down to {tensor.min().item():.6g}, below {field.least}"
        )
    if field.most is not None and tensor.max() > field.most:
        raise _is_damaged(
            place, schema, f"{label} that goes up to {tensor.max().item():.6g}, above {field.most}"
        )
