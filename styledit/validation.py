"""Checks of arguments: each returns the value as the library uses it, or raises one sentence with the cure.

`name` is the argument's name as the caller wrote it. A wrong type is a TypeError, a wrong value a ValueError,
a file that is missing a FileNotFoundError. This module imports nothing of the package, so that every other
module can use it.
"""

from __future__ import annotations

import math
import numbers
import operator
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

Value = TypeVar("Value")
Function = TypeVar("Function", bound=Callable[..., Any])

HIGHEST_SEED = 2**63 - 1
LARGEST = torch.finfo(torch.float32).max  # tensors of single precision meet every number
_MOST = 1_000_000  # entries of what is given as several
_SHOWN = 60  # characters of a value that a message repeats
_SHOWN_PATH = 400  # and of a path


def number(name: str, value: object, *, least: float | None = None, most: float | None = None) -> float:
    """A finite number: int, float, Fraction or a numpy scalar, between `least` and `most` inclusive.

    Raises:
        TypeError: `value` is something else (a bool, a string, a tensor, None).
        ValueError: it is NaN, infinite, too large for float32, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, not {shown(value)}.")
    try:
        converted = float(value)
    except OverflowError:
        converted = math.inf
    if not math.isfinite(converted):
        raise ValueError(f"{name} must be finite, not {shown(value)}.")
    if abs(converted) > LARGEST:
        raise ValueError(f"{name} must be at most {LARGEST:.3g} in size, not {shown(value)}.")
    _check_range(name, "a number", value, converted, least, most)
    return converted


def fraction(name: str, value: object) -> float:
    """A number from 0 to 1. Raises as `number`."""
    return number(name, value, least=0, most=1)


def whole(name: str, value: object, *, least: int | None = None, most: int | None = None) -> int:
    """A whole number: int or a numpy integer, between `least` and `most` inclusive.

    Raises:
        TypeError: `value` is something else (a bool, a float, a tensor).
        ValueError: it is out of range.
    """
    kind = f"a whole number{_range(least, most)}"
    if isinstance(value, (bool, np.ndarray, torch.Tensor)):
        raise TypeError(f"{name} must be {kind}, not {shown(value)}.")
    try:
        converted = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be {kind}, not {shown(value)}.") from None
    _check_range(name, "a whole number", value, converted, least, most)
    return converted


def seed(value: object) -> int:
    """The seed of a random generator, from 0 to 2^63 - 1. Raises as `whole`."""
    return whole("seed", value, least=0, most=HIGHEST_SEED)


def flag(name: str, value: object) -> bool:
    """True or False, of Python or numpy.

    Raises:
        TypeError: `value` is something else.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, not {shown(value)}.")
    return bool(value)


def text(name: str, value: object) -> str:
    """A string of whole characters.

    Raises:
        TypeError: `value` is no string.
        ValueError: it has a lone surrogate, half of a character, which no tokenizer and no file takes.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {shown(value)}.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = value[error.start].encode("unicode_escape").decode()
        raise ValueError(
            f"{name} has half a character ({half}) at position {error.start}; remove it."
        ) from None
    return value


def choice(name: str, value: object, options: Collection[str]) -> str:
    """One of some words.

    Raises:
        TypeError: `value` is no string.
        ValueError: it is another word; the message lists those that can be used.
    """
    word = text(name, value)
    if word not in options:
        known = ", ".join(repr(option) for option in options)
        raise ValueError(f"{name} must be one of {known}, not {shown(word)}.")
    return word


def function(name: str, value: Function) -> Function:
    """Something that can be called.

    Raises:
        TypeError: `value` cannot.
    """
    if not callable(value):
        raise TypeError(f"{name} must be a function, not {shown(value)}.")
    return value


def instance(name: str, value: object, kind: type[Value], source: str) -> Value:
    """A value of a class of the package; `source` says where one comes from, such as "invert()".

    Raises:
        TypeError: `value` is something else.
    """
    if not isinstance(value, kind):
        raise TypeError(
            f"{name} must be {with_article(kind.__name__)} from {source}, not {with_article(_type(value))}."
        )
    return value


def several(name: str, value: object) -> tuple[Any, ...]:
    """One entry or several as a tuple; a string, and what cannot be gone through, is one entry.

    Raises:
        ValueError: there is no end to it.
    """
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return (value,) if value.ndim == 0 or not _listable(value) else tuple(value.tolist())
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return (value,)
    entries = tuple(islice(value, _MOST + 1))
    if len(entries) > _MOST:
        raise ValueError(f"{name} must have at most {_MOST} entries, and more were given.")
    return entries


def indices(name: str, value: object) -> list[int]:
    """One whole number or several, as a list. Raises as `whole`."""
    return [whole(f"Each of {name}", entry) for entry in several(name, value)]


def sides(name: str, value: object, most: int) -> tuple[int, int]:
    """Two whole numbers from 1 to `most`, such as (H, W).

    Raises:
        TypeError: `value` is something else.
        ValueError: one of them is out of range.
    """
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"{name} must be two whole numbers, not {shown(value)}.")
    first, second = (whole(f"A side of {name}", side, least=1, most=most) for side in value)
    return first, second


def mapping(name: str, value: object) -> Mapping[str, Any]:
    """A dict, or what is like one, with strings as keys.

    Raises:
        TypeError: `value` is something else.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"{name} must be a dict with strings as keys, not {shown(value)}.")
    return value


def floats(name: str, value: object, kind: str = "a floating-point tensor") -> torch.Tensor:
    """A floating-point tensor of any shape, with numbers in it.

    Raises:
        TypeError: `value` is something else.
        ValueError: it is sparse, or on the device 'meta'.
    """
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        raise TypeError(f"{name} must be {kind}, not {shown(value)}.")
    if value.is_meta:
        raise ValueError(f"{name} is on the device 'meta', which holds no numbers; make it on another.")
    if value.layout != torch.strided:
        raise ValueError(f"{name} is sparse; give its to_dense().")
    return value


def tensor(name: str, value: object, *shape: int | str) -> torch.Tensor:
    """A floating-point tensor of some shape, in which a word stands for any length of at least 1.

    Raises:
        TypeError: `value` is something else.
        ValueError: it has another shape, or no numbers.
    """
    wanted = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    found = floats(name, value, f"a floating-point tensor {wanted}")
    if found.ndim != len(shape) or not all(map(_fits, found.shape, shape)):
        raise ValueError(f"{name} must have shape {wanted}, not {tuple(found.shape)}.")
    return found


def finite(
    tensor: torch.Tensor, what: str, cure: str = "load the model with dtype=torch.float32"
) -> torch.Tensor:
    """A tensor without NaN and infinite values; `what` begins the message, such as "The network's output at
    step 3".

    Raises:
        ValueError: it has such values.
    """
    if _on_meta(tensor):
        raise ValueError(f"{what} is on the device 'meta', which holds no numbers; make it on another.")
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{what} has NaN or infinite values; {cure}.")
    return tensor


def pipeline(pipe: object, *, needs_ddim: bool = True) -> StableDiffusionPipeline:
    """A Stable Diffusion pipeline; with a DDIM scheduler where the way to noise is needed.

    Raises:
        TypeError: `pipe` is something else.
        ValueError: its scheduler was replaced by one of another kind.
    """
    if not isinstance(pipe, StableDiffusionPipeline):
        raise TypeError(f"pipe must be a pipeline from styledit.load(), not {with_article(_type(pipe))}.")
    if needs_ddim and not isinstance(pipe.scheduler, DDIMScheduler):
        raise ValueError(
            f"Inversion needs a DDIM scheduler, and this pipeline has {with_article(_type(pipe.scheduler))}; "
            "set pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, clip_sample=False)."
        )
    return pipe


def device(value: object) -> torch.device | None:
    """A device of this machine, or None.

    Raises:
        TypeError: `value` is neither a name, nor a torch.device, nor None.
        ValueError: torch does not know it, or this machine does not have it.
    """
    if value is None:
        return None
    if not isinstance(value, (str, torch.device)):
        raise TypeError(f"device must be a name such as 'cuda', a torch.device or None, not {shown(value)}.")
    try:
        found = torch.device(value)
        torch.empty(0, device=found)
    except Exception as error:  # which one depends on how torch was built
        raise ValueError(
            f"The device {shown(str(value))} is not available here; use 'cpu', or None."
        ) from error
    if found.type == "meta":
        raise ValueError("The device 'meta' holds no numbers; use 'cpu', or None.")
    return found


def dtype(name: str, value: object) -> torch.dtype:
    """A floating-point dtype of torch.

    Raises:
        TypeError: `value` is something else.
    """
    if not isinstance(value, torch.dtype) or not value.is_floating_point:
        raise TypeError(
            f"{name} must be a floating-point dtype of torch such as torch.float32, not {shown(value)}."
        )
    return value


def path_to_write(name: str, path: object) -> Path:
    """The place of a file to write, in a folder that exists.

    Raises:
        TypeError: `path` is neither a string nor a path.
        ValueError: there is no such folder, it cannot be written to, or a folder has the file's name.
    """
    place = _path(name, path)
    if _is(place, "is_dir"):
        raise ValueError(f"{name} is the folder {shown(str(place), _SHOWN_PATH)}; add a file name.")
    if not place.name or not _is(place.parent, "is_dir"):
        raise ValueError(f"There is no folder for {shown(str(place), _SHOWN_PATH)}; create it first.")
    if not os.access(place.parent, os.W_OK):
        raise ValueError(
            f"The folder of {shown(str(place), _SHOWN_PATH)} cannot be written to; choose another."
        )
    return place


def path_to_read(name: str, path: object) -> Path:
    """The place of a file that is there.

    Raises:
        TypeError: `path` is neither a string nor a path.
        ValueError: it is a folder.
        FileNotFoundError: there is no such file.
    """
    place = _path(name, path)
    if _is(place, "is_dir"):
        raise ValueError(f"{name} is the folder {shown(str(place), _SHOWN_PATH)}; name a file in it.")
    if not _is(place, "is_file"):
        raise FileNotFoundError(f"There is no file {shown(str(place), _SHOWN_PATH)}; check the path.")
    return place


def shown(value: object, room: int = _SHOWN) -> str:
    """A value as messages repeat it: its `repr` in one line, cut after `room` characters."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return (
            f"{'a tensor' if isinstance(value, torch.Tensor) else 'an array'} of shape {tuple(value.shape)}"
        )
    try:
        words = " ".join(repr(value).split())
    except Exception:  # an int of more digits than Python prints, a broken __repr__
        words = with_article(_type(value))
    words = words.encode(errors="backslashreplace").decode()
    return words if len(words) <= room else words[: room - 3] + "..."


def _fits(length: int, wanted: int | str) -> bool:
    """Whether a length is the wanted one; a word stands for any of at least 1."""
    return length >= 1 if isinstance(wanted, str) else length == wanted


def _listable(value: torch.Tensor | np.ndarray) -> bool:
    """Whether an array has its numbers, and one after the other."""
    return isinstance(value, np.ndarray) or (value.layout == torch.strided and not value.is_meta)


def _on_meta(value: object) -> bool:
    """Whether a tensor has no numbers."""
    return isinstance(value, torch.Tensor) and value.is_meta


def _type(value: object) -> str:
    """The name of a value's type."""
    return type(value).__name__


def with_article(noun: str) -> str:
    """A noun with its article: "an Edit", "a UNet", "an umbrella"; "None" for the type of None."""
    if noun == "NoneType":
        return "None"
    vowel = noun[0] in "AEIOaeiou" or (noun[0] == "U" and noun[1:2].islower())  # a UNet, an UpdateRule
    return f"{'an' if vowel else 'a'} {noun}"


def _range(least: float | None, most: float | None) -> str:
    """What a message says of a range, such as " from 1 to 1000"."""
    if least is None and most is None:
        return ""
    if most is None:
        return f" of at least {least}"
    if least is None:
        return f" of at most {most}"
    return f" from {least} to {most}"


def _check_range(
    name: str, kind: str, value: object, converted: float, least: float | None, most: float | None
) -> None:
    """Raise ValueError where a number is out of range."""
    too_small = least is not None and converted < least
    too_large = most is not None and converted > most
    if too_small or too_large:
        raise ValueError(f"{name} must be {kind}{_range(least, most)}, not {shown(value)}.")


def _path(name: str, path: object) -> Path:
    """A path whose name the file system can hold."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name} must be the path of a file, not {shown(path)}.")
    written = os.fspath(path)
    if not isinstance(written, str):
        raise TypeError(f"{name} must be a path of characters, not {shown(written)}.")
    try:
        impossible = b"\0" in os.fsencode(written)
    except UnicodeEncodeError:
        impossible = True
    if impossible or not written:
        raise ValueError(f"{name} cannot be the path {shown(written)}; name a file.")
    return Path(written).expanduser() if written.startswith("~") else Path(written)


def _is(place: Path, test: str) -> bool:
    """`Path.is_dir` or `Path.is_file`, False where the name is longer than the file system takes."""
    try:
        return getattr(place, test)()
    except OSError:
        return False
