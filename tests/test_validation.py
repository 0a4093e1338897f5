"""Checks of arguments: what passes is converted, what does not gets one sentence."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import PNDMScheduler

from conftest import make_pipeline
from styledit import validation

NO_NUMBERS = [True, np.True_, "3", None, torch.tensor(3.0), np.array(3.0), 1j, [1]]
ENDLESS = [float("nan"), float("inf"), np.float32("-inf"), 10**400, 10**5000, Fraction(10**400)]


@pytest.mark.parametrize(
    "value", [3, 3.0, np.float32(3), np.float16(3), np.int64(3), np.uint8(3), Fraction(3)]
)
def test_numbers(value):
    converted = validation.number("guidance", value, least=3, most=3)
    assert converted == 3 and type(converted) is float


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number(value):
    with pytest.raises(TypeError, match=r"^guidance must be a number, not "):
        validation.number("guidance", value)


@pytest.mark.parametrize("value", ENDLESS, ids=range(len(ENDLESS)))
def test_numbers_that_are_not_finite(value):
    with pytest.raises(ValueError, match=r"^guidance must be finite, not ") as caught:
        validation.number("guidance", value)
    assert len(str(caught.value)) < 120


def test_numbers_that_single_precision_does_not_hold():
    with pytest.raises(ValueError, match=r"^guidance must be at most 3.4e\+38 in size, not -1e\+300.$"):
        validation.number("guidance", -1e300)


def test_sparse_tensors_and_those_without_numbers_are_refused():
    for given, message in (
        (torch.eye(3).to_sparse(), "z is sparse"),
        (torch.ones(3, device="meta"), "'meta'"),
    ):
        for call in (lambda: validation.floats("z", given), lambda: validation.tensor("z", given, "a", "b")):
            with pytest.raises(ValueError, match=message):
                call()


def test_ranges_are_named():
    with pytest.raises(ValueError, match=r"^strength must be a number from 0 to 1, not 1.5.$"):
        validation.fraction("strength", 1.5)
    with pytest.raises(ValueError, match=r"^rate must be a number of at least 0, not -1.$"):
        validation.number("rate", -1, least=0)
    with pytest.raises(ValueError, match=r"^k must be a whole number of at most 4, not 5.$"):
        validation.whole("k", 5, most=4)


@pytest.mark.parametrize("value", [7, np.int64(7), np.uint8(7)])
def test_whole_numbers(value):
    converted = validation.whole("steps", value, least=1, most=7)
    assert converted == 7 and type(converted) is int


@pytest.mark.parametrize("value", [*NO_NUMBERS, 2.5, 2.0, np.float32(2), Fraction(2)])
def test_what_is_no_whole_number(value):
    with pytest.raises(TypeError, match=r"^steps must be a whole number from 1 to 7, not "):
        validation.whole("steps", value, least=1, most=7)


def test_seeds():
    assert validation.seed(np.int64(3)) == 3 and validation.seed(2**63 - 1) == 2**63 - 1
    for value in (-1, 2**63):
        with pytest.raises(ValueError, match=r"^seed must be a whole number from 0 to 9223372036854775807"):
            validation.seed(value)
    for value in ("3", 3.0, True, None):
        with pytest.raises(TypeError, match=r"^seed must be a whole number"):
            validation.seed(value)


def test_flags_and_functions():
    assert validation.flag("progress", np.True_) is True and validation.flag("progress", False) is False
    for value in (1, None, "yes"):
        with pytest.raises(TypeError, match=r"^progress must be True or False, not "):
            validation.flag("progress", value)
    assert validation.function("callback", print) is print
    with pytest.raises(TypeError, match=r"^callback must be a function, not 3.$"):
        validation.function("callback", 3)


def test_texts():
    assert validation.text("The prompt", "a café 🚗") == "a café 🚗"
    with pytest.raises(TypeError, match=r"^The prompt must be a string, not b'car'.$"):
        validation.text("The prompt", b"car")
    with pytest.raises(
        ValueError, match=r"^The prompt has half a character \(\\ud83d\) at position 2; remove it.$"
    ):
        validation.text("The prompt", "a \ud83d car")
    assert validation.choice("fit", "crop", ("crop", "pad")) == "crop"
    with pytest.raises(ValueError, match=r"^fit must be one of 'crop', 'pad', not 'stretch'.$"):
        validation.choice("fit", "stretch", ("crop", "pad"))


def test_finite_tensors():
    tensor = torch.ones(3)
    assert validation.finite(tensor, "The picture") is tensor
    for bad in (float("nan"), float("inf")):
        with pytest.raises(
            ValueError, match=r"^The picture has NaN or infinite values; load .*dtype=torch.float32.$"
        ):
            validation.finite(torch.tensor([1, bad]), "The picture")


def test_pipelines(tokenizer):
    pipe = make_pipeline(tokenizer)
    assert validation.pipeline(pipe) is pipe
    for value in (None, "sd", pipe.unet, Path("x")):
        with pytest.raises(TypeError, match=r"^pipe must be a pipeline from styledit.load\(\), not "):
            validation.pipeline(value)
    pipe.scheduler = PNDMScheduler()
    with pytest.raises(
        ValueError, match=r"^Inversion needs a DDIM scheduler, and this pipeline has a PNDMScheduler; set"
    ):
        validation.pipeline(pipe)


def test_instances():
    assert validation.instance("path", Path("x"), Path, "pathlib") == Path("x")
    with pytest.raises(TypeError, match=r"^edit must be a Path from pathlib, not an int.$"):
        validation.instance("edit", 3, Path, "pathlib")


def test_devices():
    assert validation.device(None) is None and validation.device("cpu") == torch.device("cpu")
    for value in ("abacus", "cuda:99", "\ud800", ""):
        with pytest.raises(ValueError, match=r"^The device .* is not available here; use 'cpu', or None.$"):
            validation.device(value)
    with pytest.raises(ValueError, match=r"^The device 'meta' holds no numbers"):
        validation.device("meta")
    for value in (0, True, 1.5):
        with pytest.raises(TypeError, match=r"^device must be a name such as 'cuda'"):
            validation.device(value)
    assert validation.dtype("dtype", torch.float16) is torch.float16
    for value in ("float32", torch.int8, None):
        with pytest.raises(TypeError, match=r"^dtype must be a floating-point dtype of torch"):
            validation.dtype("dtype", value)


def test_paths(tmp_path):
    file = tmp_path / "file"
    assert validation.path_to_write("path", str(file)) == file
    with pytest.raises(FileNotFoundError, match=r"^There is no file '.*file'; check the path.$"):
        validation.path_to_read("path", file)
    file.touch()
    assert validation.path_to_read("path", file) == file and validation.path_to_write("path", file) == file
    for check in (validation.path_to_read, validation.path_to_write):
        with pytest.raises(ValueError, match=r"^path is the folder "):
            check("path", tmp_path)
        for value in (3, None, b"file", ["file"]):
            with pytest.raises(TypeError, match=r"^path must be "):
                check("path", value)
        for value in ("a\0b", "", "\ud800"):
            with pytest.raises(ValueError, match=r"^path cannot be the path "):
                check("path", value)
    for place in (tmp_path / "nowhere" / "file", file / "below"):
        with pytest.raises(ValueError, match=r"^There is no folder for .*; create it first.$"):
            validation.path_to_write("path", place)
    with pytest.raises(FileNotFoundError):
        validation.path_to_read("path", "x" * 5000)


def test_values_in_messages_are_short_and_printable():
    for value in (10**5000, "x" * 1000, "\ud800", torch.zeros(3), object()):
        assert len(validation.shown(value).encode()) <= 60
