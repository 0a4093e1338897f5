"""Whatever is passed to a public function, the answer is right, or one sentence of our own.

Hypothesis draws a function, good arguments for it, and puts something else in the place of some. Each
argument has a kind that knows values which must be taken and tells what must be refused. Then the answer is
a sound result (finite, of the right type, the same for `np.int64(2)` as for 2), or a TypeError, ValueError or
FileNotFoundError from a `raise` of ours, in time. `STYLEDIT_PROPERTIES=2000` makes that many calls.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import dis
import inspect
import itertools
import json
import math
import numbers
import os
import shutil
import signal
import traceback
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

import styledit
from conftest import make_pipeline
from styledit import Layers, Preset, Record, Regularisation, Settings
from styledit.denoising import State
from styledit.editing.editor import Preview
from styledit.objectives import Objective, ObjectiveState, WeightedSum
from styledit.perception.clip import Clip, load_clip
from styledit.perception.features import EncoderFeatures
from styledit.perception.judge import Judge
from styledit.perception.vit import Vit, make_vit
from test_perception import save_clip

CALLS_IN_ALL = int(os.environ.get("STYLEDIT_PROPERTIES", "800"))
SECONDS = 6  # that a call may take
OURS = str(Path(styledit.__file__).parent)
STEPS = 2
PROMPT = "a red car in the snow"
LATENT = (1, 3, 16, 16)


# --- what there is to pass --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tokenizer, tmp_path_factory) -> SimpleNamespace:
    """What calls need: pipelines, results of earlier calls, networks, files in the current folder."""
    folder = tmp_path_factory.mktemp("properties")
    before = Path.cwd()
    os.chdir(folder)
    yield make_world(tokenizer, folder)
    os.chdir(before)


def make_world(tokenizer, folder: Path) -> SimpleNamespace:
    w = SimpleNamespace(folder=folder)
    w.pipe = make_pipeline(tokenizer)
    w.other_pipe = make_pipeline(tokenizer, "v_prediction", torch.float64)
    w.pndm_pipe = copy.copy(w.pipe)
    w.pndm_pipe.scheduler = PNDMScheduler.from_config(w.pipe.scheduler.config)
    w.pipe.save_pretrained(folder / "model")
    y, x = np.mgrid[0:32, 0:32] / 31
    w.array = (np.stack([x, y, np.hypot(x - 0.5, y - 0.5) < 0.3], -1) * 255).astype(np.uint8)
    w.picture = Image.fromarray(w.array)
    w.second = Image.fromarray(w.array[::-1].copy())
    w.mask = np.zeros((32, 32), bool)
    w.mask[:16, :16] = True
    quiet = {"progress": False}
    everything = Record((Layers(), Layers(kind="self")))
    w.inversion = styledit.invert(w.pipe, w.picture, PROMPT, STEPS, record=everything, **quiet)
    w.other_inversion = styledit.invert(w.pipe, w.second, PROMPT, STEPS, **quiet)
    w.foreign_inversion = styledit.invert(w.other_pipe, w.picture, PROMPT, STEPS, **quiet)
    w.maps = w.inversion.maps
    w.values = styledit.fit_values(w.pipe, w.inversion, preset=Preset(1, 0.02), **quiet)
    w.other_values = styledit.fit_values(w.pipe, w.other_inversion, preset=Preset(1, 0.02), **quiet)
    w.nulls = styledit.baselines.fit_nulls(w.pipe, w.inversion, iterations=1, **quiet)
    w.run = styledit.reconstruct(w.pipe, w.inversion, **quiet)
    w.edit = styledit.edit(w.pipe, w.inversion, "a blue cat in the snow", **quiet)
    clip = folder / "clip"
    clip.mkdir()
    w.clip = load_clip(save_clip(clip, tokenizer))
    w.vit = make_vit(w.clip.model, w.clip.prepare)
    torch.manual_seed(0)
    w.judge = Judge({"thing": ["cat", "fox"]}).eval().requires_grad_(False)
    w.networks = styledit.Networks(w.clip, w.vit, w.judge)
    w.one_step = {layer: maps[0] for layer, maps in w.maps.layers.items()}
    w.other_step = {layer: maps[1] for layer, maps in w.maps.layers.items()}
    looks = {"x0": lambda: w.inversion.z_0, "decode": lambda x0: styledit.decode_tensor(w.pipe, x0)}
    w.state = ObjectiveState(w.one_step, w.maps.map_sizes, w.maps.words, w.other_step, **looks)
    w.features = {"one": torch.rand(1, 4, 8, 8), "two": torch.rand(1, 6, 4, 4)}
    w.other_features = {name: 1 - seen for name, seen in w.features.items()}
    w.editor = styledit.Editor(w.pipe, w.inversion, values=w.values, history=2**20)
    w.leaf = torch.ones(3, requires_grad=True)
    _write_files(w)
    w.hostile = _hostile(w)
    return w


def _write_files(w: SimpleNamespace) -> None:
    """Good files and bad ones."""
    w.picture.save("picture.png")
    w.inversion.save("inversion.safetensors")
    w.values.save("values.safetensors")
    styledit.fit_values(
        w.pipe, w.inversion, preset=Preset(1, 0.02), checkpoint="checkpoint.safetensors", progress=False
    )
    styledit.fit_values(w.pipe, w.other_inversion, checkpoint="other_fit.safetensors", progress=False)
    Path("text.png").write_text("no picture at all")
    Path("empty").touch()
    Path("text.safetensors").write_text("neither tensors nor anything else")
    whole = Path("inversion.safetensors").read_bytes()
    Path("short.safetensors").write_bytes(whole[: len(whole) // 2])
    Path("short.png").write_bytes(Path("picture.png").read_bytes()[:60])
    save_file({"scale": torch.ones(3)}, "scale_only.safetensors")
    about = {"guidance": "7.5", "evaluations": "3", "fingerprint": "x"}
    ones = torch.ones(2, 12, 16)
    endless = torch.full((2, 12, 16), math.nan)
    losses = torch.zeros(2)
    save_file({"scale": ones, "shift": endless, "losses": losses}, "nan.safetensors", about)
    save_file({"scale": ones, "shift": ones[:1].clone(), "losses": losses}, "lengths.safetensors", about)
    save_file(
        {"scale": ones, "shift": ones.clone(), "losses": losses},
        "guidance.safetensors",
        about | {"guidance": "-"},
    )
    tensors = {
        "latents": torch.zeros(2, *LATENT),
        "levels": torch.ones(2),
        "image": torch.zeros(4, 4, 3).byte(),
    }
    tensors |= {"c": torch.zeros(1, 12, 16), "null": torch.zeros(1, 12, 16)}
    told = {"prompt": PROMPT, "timesteps": [1], "model": 3, "maps": {"map_sizes": 3}}
    save_file(tensors, "maps.safetensors", {"inversion": json.dumps(told)})
    save_file(tensors, "json.safetensors", {"inversion": "["})
    for name in ("folder", "out", "fits"):
        Path(name).mkdir()
    for name in ("checkpoint", "other_fit", "text", "inversion"):
        shutil.copy(f"{name}.safetensors", "fits")
    shutil.copy("picture.png", "fits")


class Odd:
    """An object that no function takes; it does not even print."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def _hostile(w: SimpleNamespace) -> list[object]:
    """Values that are wrong almost everywhere, and right somewhere."""
    meta = torch.zeros(LATENT, device="meta")
    return [
        None, True, False, np.True_, "", " ", "abc", "a red car", "cuda", "cuda:7", "nope:0", "cross", "up",
        "\ud800", "a \udcff", "a\0b", "x" * 5000, "7", "nan", b"bytes", 0, 1, 2, -1, -3, 7, 10**400, 10**30,
        2**63, 2**70, -(10**400), 0.0, 0.5, 1.0, 1.5, -0.5, 1e308, -1e308, 5e-324, math.nan, math.inf,
        -math.inf, np.int64(2), np.uint8(3), np.int64(-2), np.float32(0.5), np.float64("nan"),
        np.float32("inf"), Fraction(1, 3), Fraction(10**400), Decimal("0.5"), 1j, [], (), {}, set(), [None],
        [1, 2], (1, 2), (0, 5), ["a red car"], ["a red car", 3], {"car": 0.5}, {"car": math.nan},
        {"dog": 0.5}, {3: 0.5}, {"car": "x"}, object(), Odd(), int, len, lambda i: math.nan, lambda i: "x",
        lambda i: -1, range(2), iter([1]), (i for i in [0]), torch.tensor(0.5), torch.tensor(2),
        torch.tensor(math.nan), torch.zeros(0), torch.zeros(3), torch.zeros(LATENT),
        torch.zeros(1, 4, 16, 16), torch.zeros(1, 3, 0, 16), torch.zeros(2, 3, 16, 16),
        torch.zeros(LATENT, dtype=torch.int64), torch.zeros(LATENT, dtype=torch.float16),
        torch.zeros(LATENT, dtype=torch.float64), torch.full(LATENT, math.nan), meta,
        torch.zeros(LATENT, dtype=torch.complex64), torch.zeros(STEPS, 12, 16),
        torch.full((STEPS, 12, 16), math.inf), torch.zeros(STEPS, 12, 16, device="meta"),
        torch.zeros(1, 12, 16), torch.zeros(2, 5, 7), torch.zeros(3, 1, 3, 16, 16),
        torch.zeros(3, 1, 3, 16, 16, device="meta"), torch.full((3, 1, 3, 16, 16), math.nan),
        torch.zeros(32, 32, dtype=torch.bool), torch.float32, torch.int64, torch.device("cpu"),
        torch.device("meta"), np.zeros((0, 3)), np.zeros(5), np.zeros((8, 8)), np.full((8, 8, 3), np.nan),
        np.full((8, 8, 3), 300), np.zeros((8, 8, 3), complex), np.array(["a"]), np.array(None), w.array,
        np.array(3), np.ones((32, 32), bool), Image.new("RGB", (0, 5)), Image.new("RGB", (33, 31)),
        Image.new("RGBA", (32, 32)), Image.new("F", (32, 32), math.nan), w.picture, Path("nowhere"),
        Path("."), Path("picture.png"), "picture.png", "text.png", "short.png", "empty", "folder",
        "folder/x/y", "inversion.safetensors", "values.safetensors", "text.safetensors",
        "short.safetensors", "scale_only.safetensors", "nan.safetensors", "lengths.safetensors",
        "guidance.safetensors", "maps.safetensors", "json.safetensors", "other_fit.safetensors",
        "checkpoint.safetensors", "~", "/proc/x", "model", "owner/name/x", w.pipe, w.other_pipe,
        w.pndm_pipe, w.pipe.unet, w.pipe.vae, w.pipe.scheduler, w.pndm_pipe.scheduler, w.pipe.tokenizer,
        w.inversion, w.other_inversion, w.foreign_inversion, [w.inversion], [w.inversion, None],
        [w.inversion, w.foreign_inversion], w.values, w.other_values, [w.values], w.nulls, w.run, w.edit,
        w.maps, w.clip, w.vit, w.judge, w.networks, w.state, torch.nn.Identity(), torch.nn.Linear(2, 2),
        SimpleNamespace(latents=None), SimpleNamespace(latents="x"), Layers(), Layers(kind="self"),
        Layers(scales=4), Layers(scales=64), [Layers(), "x"], (Layers(), Layers(kind="self")), Record(),
        Record(steps=(5,)), Record(steps=()), Record(branch="uncond"), Record(limit=10), Settings(),
        Preset(1, 0.02), Preset(lambda i: -1, 0.02), Preset(1, lambda i: math.nan),
        Preset(lambda i: None, 0.1), Regularisation(), Regularisation(l2=1.0),
        Regularisation(l1=1.0, words="dog"), WeightedSum(()), w.one_step, {"layer": torch.zeros(2, 4)},
        {"layer": None}, {"layer": torch.full((2, 4, 12), math.nan)}, styledit.METRICS,
        itertools.repeat("car"), itertools.repeat(1), range(10**12), Regularisation, WeightedSum, Odd,
        Regularisation(sparsity=1.0, words="car"), styledit.Settings, styledit,
    ]  # fmt: skip


# --- what an argument is ----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Kind:
    """What an argument may be: values that must be taken, and a test that says False of what must be refused.

    `costs` is the largest number of the kind that a test can pay.
    """

    good: Callable[[SimpleNamespace], list[object]]
    may: Callable[[SimpleNamespace, object], bool]
    costs: float = math.inf


def is_number(value: object, least: float = -math.inf, most: float = math.inf) -> bool:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        return False
    try:
        converted = float(value)
    except OverflowError:
        return False
    return math.isfinite(converted) and least <= converted <= most


def is_whole(value: object, least: float = -math.inf, most: float = math.inf) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and least <= value <= most


def is_tensor(value: object, *shape: int | None, finite: bool = True) -> bool:
    """A finite floating-point tensor; None is any length, no shape any shape."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point() or value.is_meta:
        return False
    fits = not shape or (
        value.ndim == len(shape) and all(w in (None, s) for w, s in zip(shape, value.shape, strict=True))
    )
    return fits and value.numel() > 0 and (not finite or bool(torch.isfinite(value).all()))


def is_text(value: object) -> bool:
    return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)


def is_place(value: object, *names: str) -> bool:
    return isinstance(value, (str, os.PathLike)) and os.path.basename(value) in names


def is_picture(value: object) -> bool:
    if isinstance(value, (str, os.PathLike)):
        return os.path.basename(value) == "picture.png"
    if isinstance(value, Image.Image):
        return 0 not in value.size and value.mode != "F"
    return (
        isinstance(value, np.ndarray)
        and value.dtype in (bool, np.uint8, float)
        and value.ndim in (2, 3)
        and np.all(value >= 0)
    )


def several(value: object, test: Callable[[object], bool]) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(map(test, value))


def all_of(value: object, test: Callable[[object], bool]) -> bool:
    """Whether a value, or every entry of one that can be gone through, passes a test; an iterator may."""
    if isinstance(value, (list, tuple, set, dict)):
        return all(map(test, value))
    return (hasattr(value, "__next__") and not isinstance(value, itertools.repeat)) or test(value)


def len_is(value: object, length: int) -> bool:
    return hasattr(type(value), "__len__") and len(value) == length


def is_empty(value: object) -> bool:
    return isinstance(value, (torch.Tensor, np.ndarray)) and value.ndim > 0 and value.shape[0] == 0


def optional(kind: Kind) -> Kind:
    return Kind(lambda w: [None, *kind.good(w)], lambda w, v: v is None or kind.may(w, v), kind.costs)


def fixed(*good: object, may: Callable[[object], bool] = lambda v: True, costs: float = math.inf) -> Kind:
    return Kind(lambda w: list(good), lambda w, v: may(v), costs)


def number(*good: object, least: float = -math.inf, most: float = math.inf) -> Kind:
    return fixed(*good, may=lambda v: is_number(v, least, most))


def whole(*good: object, least: float = -math.inf, most: float = math.inf, costs: float = math.inf) -> Kind:
    return fixed(*good, may=lambda v: is_whole(v, least, most), costs=costs)


def instance(name: str, kind: type) -> Kind:
    return Kind(lambda w: [getattr(w, name)], lambda w, v: isinstance(v, kind))


def tensor(good: Callable[[SimpleNamespace], object], *shape: int | None) -> Kind:
    return Kind(lambda w: [good(w)], lambda w, v: is_tensor(v, *shape))


def raw(good: Callable[[SimpleNamespace], object], *shape: int | None) -> Kind:
    """A tensor of a formula, which may hold anything."""
    return Kind(lambda w: [good(w)], lambda w, v: is_tensor(v, *shape, finite=False))


def one_of(*words: str) -> Kind:
    return fixed(*words, may=lambda v: isinstance(v, str) and v in words)


PIPE = Kind(lambda w: [w.pipe], lambda w, v: isinstance(v, StableDiffusionPipeline))
WALKING_PIPE = Kind(lambda w: [w.pipe], lambda w, v: v is w.pipe or v is w.other_pipe)
OWN_PIPE = Kind(lambda w: [w.pipe], lambda w, v: v is w.pipe)
UNET = Kind(lambda w: [w.pipe.unet], lambda w, v: isinstance(v, UNet2DConditionModel))
SCHEDULER = Kind(lambda w: [w.pipe.scheduler], lambda w, v: v is w.pipe.scheduler)
DEVICE = fixed(
    None,
    "cpu",
    torch.device("cpu"),
    may=lambda v: v is None or (isinstance(v, (str, torch.device)) and str(v) == "cpu"),
)
DTYPE = fixed(torch.float32, torch.float64, may=lambda v: isinstance(v, torch.dtype) and v.is_floating_point)
FLAG = fixed(False, np.False_, may=lambda v: isinstance(v, (bool, np.bool_)))
TEXT = fixed(PROMPT, "a blue cat in the snow", "the fox", "a plain sticker of a cat", may=is_text)
WORD = fixed("car", "red car", "snow", may=is_text)
PICTURE = Kind(
    lambda w: [w.picture, w.array, "picture.png", Path("picture.png"), w.second], lambda w, v: is_picture(v)
)
SAME_SIZE = Kind(lambda w: [w.picture, w.second], lambda w, v: is_picture(v))
MASK = optional(
    Kind(
        lambda w: [w.mask, torch.from_numpy(w.mask)],
        lambda w, v: isinstance(v, (np.ndarray, torch.Tensor, Image.Image)),
    )
)
PAINTED = optional(
    Kind(
        lambda w: [w.mask, torch.from_numpy(w.mask), Image.fromarray(w.mask), w.mask.tolist()],
        lambda w, v: isinstance(v, (np.ndarray, torch.Tensor, Image.Image, list, tuple)),
    )
)
LATENTS = tensor(lambda w: w.inversion.z_T, None, 3, None, None)
INVERSION = Kind(lambda w: [w.inversion], lambda w, v: v is w.inversion or v is w.other_inversion)
ANY_INVERSION = Kind(lambda w: [w.inversion], lambda w, v: isinstance(v, styledit.Inversion))
INVERSIONS = Kind(
    lambda w: [w.inversion, [w.inversion], (w.inversion, w.other_inversion)],
    lambda w, v: INVERSION.may(w, v) or several(v, lambda one: INVERSION.may(w, one)),
)
VALUES = Kind(lambda w: [None, w.values], lambda w, v: v is None or v is w.values)
GUIDANCE = number(2.0, 1, 7.5, 0, np.float32(2), np.int64(3), Fraction(5, 2))
MAYBE_GUIDANCE = optional(GUIDANCE)
SEED = whole(0, 7, np.int64(3), 2**63 - 1, least=0, most=2**63 - 1)
RUN_STEPS = whole(STEPS, 1, np.int64(2), np.uint8(3), least=1, most=1000, costs=6)
FRACTION = number(0.5, 0, 1, np.float32(0.25), Fraction(1, 3), least=0, most=1)
MAYBE_FRACTION = optional(FRACTION)
SOME_WORDS = lambda v: v is None or all_of(v, is_text) or is_empty(v)  # noqa: E731
IS_LAYERS = lambda v: isinstance(v, Layers)  # noqa: E731
RECORD = fixed(
    None, Layers(), Layers(scales=2), Record((Layers(), Layers(kind="self")), steps=[np.int64(0)]),
    may=lambda v: v is None or isinstance(v, (Layers, Record)),
)  # fmt: skip
LAYERS = fixed(
    Layers(),
    Layers(scales=(1, 2)),
    (Layers(), Layers(kind="self")),
    may=lambda v: (
        v is None or IS_LAYERS(v) or isinstance(v, (list, tuple, set, dict, range)) or hasattr(v, "__next__")
    ),
)
CALLBACK = fixed(None, lambda state: None, may=lambda v: v is None or callable(v))
TARGET = fixed(
    "a blue cat in the snow",
    ["a fox"],
    ["a cat", "a blue car"],
    may=lambda v: is_text(v) or several(v, is_text),
)
ONE_TARGET = fixed("a blue cat in the snow", "a fox", may=is_text)
CHANGED = fixed("a blue cat in the snow", may=lambda v: TARGET.may(None, v))
BY_WORD = fixed(
    {},
    {"cat": 0.5},
    {"snow": Fraction(1, 2)},
    None,
    may=lambda v: v is None or (isinstance(v, dict) and all(is_number(f) for f in v.values())),
)
BLEND = fixed((), "cat", ("car", "cat"), ["snow"], may=SOME_WORDS)
OBJECTIVE = fixed(
    Regularisation(), Regularisation(l2=1.0), WeightedSum(((1.0, Regularisation(sparsity=1.0)),)),
        WeightedSum(()),
    may=lambda v: isinstance(v, (Regularisation, WeightedSum)),
)  # fmt: skip
PRESET = Kind(
    lambda w: [
        Preset(1, 0.02),
        Preset(0, 0),
        Preset(1, 0.01, math.inf, regularisation=Regularisation(l2=1.0)),
        Preset(1, 0.1, warm=True),
        Preset(2, 0.1, parameterisation="mapping"),
    ],
    lambda w, v: isinstance(v, Preset) or (isinstance(v, str) and v in ("default", "fine", "paper")),
)
OF_STEP = fixed(1, np.int64(2), lambda i: 1, 0, may=lambda v: callable(v) or is_whole(v, 0, 10**4), costs=20)
RATE = fixed(0.02, lambda i: 0.1, Fraction(1, 3), may=lambda v: callable(v) or is_number(v, 0, 1e6))
TOLERANCE = fixed(
    0.0, 1e-5, math.inf, may=lambda v: callable(v) or (isinstance(v, float) and v == math.inf) or is_number(v)
)
OF_FUNCTIONS = (OF_STEP, RATE, TOLERANCE)
WEIGHT = number(0.0, 1, Fraction(1, 2), np.float32(2), least=0)
WORDS = fixed((), "car", ("car", "red"), ["snow"], may=SOME_WORDS)
STEP_TENSORS = tensor(lambda w: w.values.scale, None, None, None)
EMBEDDING = raw(lambda w: w.inversion.c, None, 12, 16)
MAPS = Kind(
    lambda w: [w.one_step, w.other_step],
    lambda w, v: (
        isinstance(v, dict)
        and len(v) > 0
        and all(is_tensor(maps, None, None, None, finite=False) for maps in v.values())
    ),
)
POSITIONS_OF = fixed(
    [1, 2],
    (0,),
    range(3),
    [np.int64(2)],
    may=lambda v: not isinstance(v, (str, bytes, float, bool, type(None))),
)
LEVEL = fixed(
    torch.tensor(0.5),
    torch.tensor(0.7, dtype=torch.float64),
    0.5,
    Fraction(1, 3),
    may=lambda v: is_number(v.item() if is_tensor(v) and v.numel() == 1 else v, 0, 1),
)
PREDICTION = one_of("epsilon", "v_prediction", "sample")
INDICES = fixed(
    0,
    [0, 1],
    np.int64(1),
    range(2),
    may=lambda v: not isinstance(v, (str, bytes, float, Fraction, type(None))),
)
MAYBE_INDICES = optional(INDICES)
MAP_SIZE = optional(
    fixed(
        (16, 16),
        [4, np.int64(5)],
        may=lambda v: several(v, lambda side: is_whole(side, 1, 8192)) and len(v) == 2,
    )
)
NEW_FILE = fixed(
    "new.safetensors", Path("other.safetensors"), may=lambda v: isinstance(v, (str, os.PathLike))
)


LATENT_SIZE = fixed(
    (16, 16), [np.int64(4), 5], may=lambda v: several(v, lambda s: is_whole(s, 1)) and len(v) == 2
)
SEEN = Kind(
    lambda w: [w.features, w.other_features],
    lambda w, v: (
        isinstance(v, dict)
        and len(v) > 0
        and all(is_tensor(seen, None, None, None, None, finite=False) for seen in v.values())
    ),
)
SEEN_AT_ONCE = raw(lambda w: w.features["one"])
A_PICTURE = raw(lambda w: torch.zeros(1, 3, 8, 8))
EMBEDDED = raw(lambda w: torch.ones(1, 5), 1, None)
GUIDES = fixed(
    "default",
    "brief",
    styledit.Weights(l2=1.0, style=1),
    may=lambda v: isinstance(v, styledit.Weights) or (isinstance(v, str) and v in styledit.guiding.GUIDES),
)
PROMPT_WORDS = Kind(
    lambda w: [w.maps.words, list(w.maps.words), ()],
    lambda w, v: isinstance(v, (list, tuple)) and tuple(v) in (w.maps.words, ()),
)


def files(*good: str) -> Kind:
    return fixed(
        *good, Path(good[0]), may=lambda v: isinstance(v, (str, os.PathLike)) and os.path.basename(v) in good
    )


def needs(kind: type) -> Callable[[Any, dict], bool]:
    return lambda result, given: isinstance(result, kind)


# --- the calls --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Call:
    """A public function, its arguments, and whether a result is right."""

    name: str
    function: Callable[[SimpleNamespace], Callable[..., Any]]
    arguments: dict[str, Kind]
    right: Callable[[Any, dict], bool]
    endless: bool = False  # whether infinity is a right number here
    formula: bool = False  # a formula on tensors: NaN in, NaN out


def the(name: str) -> Callable[[SimpleNamespace], Callable[..., Any]]:
    """A function of the package by its dotted name."""

    def find(w: SimpleNamespace) -> Callable[..., Any]:
        found: Any = styledit
        for part in name.split("."):
            found = getattr(found, part)
        return found

    return find


def call(
    name: str,
    right: Callable[[Any, dict], bool] | type,
    function: Any = None,
    endless: bool = False,
    formula: bool = False,
    **arguments: Kind,
) -> Call:
    is_right = needs(right) if isinstance(right, type) else right
    return Call(name, function or the(name), arguments, is_right, endless, formula)


def in_order(shape: tuple[int, ...]) -> Callable[[Any, dict], bool]:
    return lambda result, given: isinstance(result, torch.Tensor) and tuple(result.shape) == shape


def like_output(result: Any, given: dict) -> bool:
    """A formula of every element, whatever the shape."""
    return isinstance(result, torch.Tensor) and result.shape == given["output"].shape


def fitted(result: Any, given: dict) -> bool:
    """As many fits as inversions, each with every step, a loss a step."""
    alone = isinstance(given["inversion"], styledit.Inversion)
    fits = [result] if alone else result
    return len(fits) == (1 if alone else len(given["inversion"])) and all(
        len(fit.losses) == STEPS for fit in fits
    )


def edited(result: Any, given: dict) -> bool:
    """An edit for each target, with every latent of a run."""
    target = given["target_prompt"]
    edits = [result] if isinstance(target, str) else result
    every = int(given.get("every", 1))
    latents = len(range(0, STEPS, every)) + 1
    return len(edits) == (1 if isinstance(target, str) else len(target)) and all(
        isinstance(edit, styledit.Edit) and len(edit.latents) == len(edit.source_latents) == latents
        for edit in edits
    )


def ran(result: Any, given: dict) -> bool:
    return (
        isinstance(result, styledit.Denoised) and result.image.size == (32, 32) and result.latents.ndim == 5
    )


def drain(run: Any) -> Any:
    """A run's result; its states must be states."""
    while True:
        try:
            assert isinstance(next(run), State)
        except StopIteration as end:
            return end.value


def controlled(w: SimpleNamespace) -> Callable[..., Any]:
    def through(unet: Any, record: Any, values: Any) -> Any:
        with torch.no_grad(), styledit.attention_control(unet, record) as control:
            control.values = values
            unet(w.inversion.z_T.to(unet.dtype), 5, encoder_hidden_states=w.inversion.c.to(unet.dtype))
            return control.maps

    return through


def in_folder(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that writes files, with a folder of its own as the current one."""

    def run(**given: Any) -> Any:
        with contextlib.chdir(name):
            return function(**given)

    return run


SETTINGS = {
    "guidance": MAYBE_GUIDANCE,
    "tau_v": FRACTION,
    "tau_v_changed": MAYBE_FRACTION,
    "tau_v_padding": MAYBE_FRACTION,
    "tau_c": FRACTION,
    "tau_s": FRACTION,
    "tau_u": FRACTION,
    "guide_from_source": FLAG,
    "tau_c_words": BY_WORD,
    "tau_v_words": BY_WORD,
    "reweight": BY_WORD,
    "blend": BLEND,
    "blend_threshold": FRACTION,
    "mask": PAINTED,
    "regularisation": OBJECTIVE,
    "regularisation_rate": number(1.0, 0, Fraction(1, 2)),
}
SOME_SETTINGS = {
    name: SETTINGS[name] for name in ("guidance", "tau_c", "tau_c_words", "blend", "regularisation")
}
NAMED = {"guidance": MAYBE_GUIDANCE, "tau_c": FRACTION, "tau_c_words": BY_WORD}
FOLLOWED = {"progress": FLAG, "callback": CALLBACK}
COMPARED = {"a": SAME_SIZE, "b": SAME_SIZE}
RUN_OF = {"pipe": OWN_PIPE, "inversion": INVERSION, "target_prompt": CHANGED}

CALLS = [
    call(
        "load",
        StableDiffusionPipeline,
        model=fixed("model", Path("model"), may=lambda v: v is None or is_place(v, "model")),
        device=DEVICE,
        dtype=optional(DTYPE),
        prediction_type=optional(PREDICTION),
    ),
    call("picture_size", lambda r, given: r == (32, 32), pipe=PIPE),
    call(
        "read_image",
        Image.Image,
        pipe=PIPE,
        source=PICTURE,
        size=optional(
            fixed(
                8,
                (9, 7),
                [np.int64(5), 6],
                may=lambda v: is_whole(v, 1, 8192) or several(v, lambda s: is_whole(s, 1, 8192)),
                costs=512,
            )
        ),
        fit=one_of("crop", "pad"),
    ),
    call("encode_image", lambda r, given: r.ndim == 4 and r.shape[:2] == (1, 3), pipe=PIPE, image=PICTURE),
    call("decode_latents", list, pipe=PIPE, z=LATENTS),
    call("decode_tensor", torch.Tensor, pipe=PIPE, z=LATENTS),
    call("preview", list, pipe=PIPE, x0=LATENTS),
    call("encode_prompt", in_order((1, 12, 16)), pipe=PIPE, prompt=TEXT),
    call("encode_null", in_order((1, 12, 16)), pipe=PIPE),
    call("known_words", frozenset, pipe=PIPE),
    call("word_tokens", list, pipe=PIPE, prompt=fixed(PROMPT, may=is_text), word=WORD),
    call("align", object, pipe=PIPE, source=TEXT, target=TEXT),
    call(
        "timesteps",
        lambda r, given: len(r) == given["steps"],
        scheduler=SCHEDULER,
        steps=whole(2, 50, np.int64(61), 1000, least=1, most=1000),
    ),
    call(
        "noise_levels",
        lambda r, given: len(r) == given["steps"] + 1,
        scheduler=SCHEDULER,
        steps=whole(2, 50, np.int64(61), least=1, most=1000),
        dtype=DTYPE,
    ),
    call(
        "predict_x0_eps",
        tuple,
        formula=True,
        output=raw(lambda w: w.inversion.z_T),
        z=raw(lambda w: w.inversion.z_0),
        abar=LEVEL,
        prediction_type=PREDICTION,
    ),
    call(
        "ddim_step",
        like_output,
        formula=True,
        output=raw(lambda w: w.inversion.z_T),
        z=raw(lambda w: w.inversion.z_0),
        abar=LEVEL,
        abar_prev=LEVEL,
        prediction_type=PREDICTION,
    ),
    call(
        "ddim_inverse_step",
        like_output,
        formula=True,
        output=raw(lambda w: w.inversion.z_T),
        z=raw(lambda w: w.inversion.z_0),
        abar=LEVEL,
        abar_next=LEVEL,
        prediction_type=PREDICTION,
        abar_told=optional(LEVEL),
    ),
    call(
        "Layers",
        Layers,
        places=fixed("up", ("down", "mid"), may=lambda v: SOME_WORDS(v) and v is not None),
        scales=fixed(
            None,
            4,
            (1, np.int64(2)),
            may=lambda v: (
                v is None or isinstance(v, (torch.Tensor, np.ndarray, range)) or all_of(v, is_whole)
            ),
        ),
        kind=one_of("cross", "self"),
    ),
    call(
        "attention_control",
        dict,
        function=controlled,
        unet=UNET,
        record=LAYERS,
        values=Kind(lambda w: [None, w.inversion.null], lambda w, v: v is None or is_tensor(v, 1, 12, 16)),
    ),
    call(
        "AttentionMaps",
        styledit.AttentionMaps,
        layers=Kind(lambda w: [w.maps.layers], lambda w, v: isinstance(v, dict)),
        map_sizes=Kind(lambda w: [w.maps.map_sizes], lambda w, v: isinstance(v, dict)),
        words=Kind(
            lambda w: [w.maps.words, ()], lambda w, v: v is w.maps.words or all_of(v, lambda one: False)
        ),
        size=fixed((32, 32), may=lambda v: several(v, lambda s: is_whole(s, 1, 8192)) and len(v) == 2),
        self_layers=Kind(lambda w: [w.maps.self_layers, {}], lambda w, v: isinstance(v, dict)),
        steps=fixed(None, (0, 1), may=lambda v: v is None or not isinstance(v, (str, float, bool))),
        scales=Kind(lambda w: [w.maps.scales, {}], lambda w, v: isinstance(v, dict)),
        formula=True,
    ),
    call(
        "AttentionMaps.step",
        dict,
        function=lambda w: w.maps.step,
        i=whole(0, 1, np.int64(1), least=0, most=1),
    ),
    call(
        "AttentionMaps.select",
        styledit.AttentionMaps,
        function=lambda w: w.maps.select,
        steps=MAYBE_INDICES,
        layers=fixed(
            None, "up", 2, ("down", 4), np.int64(4), may=lambda v: not isinstance(v, (bool, bytes, np.bool_))
        ),
        heads=MAYBE_INDICES,
    ),
    call(
        "AttentionMaps.word",
        torch.Tensor,
        function=lambda w: w.maps.word,
        word=WORD,
        steps=MAYBE_INDICES,
        size=MAP_SIZE,
    ),
    call(
        "AttentionMaps.tokens",
        torch.Tensor,
        function=lambda w: w.maps.tokens,
        positions=INDICES,
        steps=MAYBE_INDICES,
        size=MAP_SIZE,
    ),
    call("AttentionMaps.token_labels", tuple, function=lambda w: w.maps.token_labels),
    call(
        "AttentionMaps.components",
        lambda r, given: len(r) == given["n"],
        function=lambda w: w.maps.select(layers=4).components,
        n=whole(3, 1, np.int64(2), least=1, most=16),
    ),
    call(
        "AttentionMaps.pixel",
        torch.Tensor,
        function=lambda w: w.maps.pixel,
        x=number(0, 3.5, 31, np.float32(2), Fraction(7, 2), least=-0.5, most=31.5),
        y=number(0, 31, least=-0.5, most=31.5),
    ),
    call(
        "Record",
        Record,
        layers=fixed(Layers(), (Layers(), Layers(kind="self")), may=lambda v: LAYERS.may(None, v)),
        steps=MAYBE_INDICES,
        branch=one_of("cond", "uncond"),
        limit=whole(10, 2**33, np.int64(9), least=0),
    ),
    call(
        "Record.bytes",
        int,
        function=lambda w: Record().bytes,
        pipe=PIPE,
        latent_size=fixed((16, 16), may=lambda v: several(v, lambda s: is_whole(s, 1)) and len(v) == 2),
        steps=whole(2, 50, np.int64(3), least=1),
    ),
    call(
        "Inversion",
        styledit.Inversion,
        image=Kind(lambda w: [w.picture], lambda w, v: isinstance(v, Image.Image)),
        prompt=fixed(PROMPT, may=is_text),
        timesteps=Kind(
            lambda w: [w.inversion.timesteps],
            lambda w, v: (
                len(v) == 2
                if isinstance(v, (tuple, list, range, dict, set))
                else hasattr(v, "__next__") or isinstance(v, (np.ndarray, torch.Tensor))
            ),
        ),
        levels=Kind(lambda w: [w.inversion.levels], lambda w, v: is_tensor(v, 3)),
        latents=tensor(lambda w: w.inversion.latents, 3, 1, None, None, None),
        c=tensor(lambda w: w.inversion.c, 1, None, None),
        null=tensor(lambda w: w.inversion.null, 1, None, None),
        maps=Kind(lambda w: [None, w.maps], lambda w, v: v is None or isinstance(v, styledit.AttentionMaps)),
        model=fixed("x", may=is_text),
    ),
    call("Inversion.save", type(None), function=lambda w: in_folder("out", w.inversion.save), path=NEW_FILE),
    call(
        "Inversion.load",
        styledit.Inversion,
        path=files("inversion.safetensors"),
        device=fixed("cpu", may=lambda v: DEVICE.may(None, v)),
    ),
    call(
        "invert",
        lambda r, given: r.steps == given["steps"],
        pipe=WALKING_PIPE,
        image=PICTURE,
        prompt=TEXT,
        steps=RUN_STEPS,
        record=RECORD,
        **FOLLOWED,
    ),
    call(
        "drift",
        lambda r, given: len(r) == STEPS + 1,
        inversion=ANY_INVERSION,
        run=Kind(
            lambda w: [w.run, w.edit, w.run.latents, w.inversion],
            lambda w, v: is_tensor(getattr(v, "latents", v), 3, *LATENT),
        ),
    ),
    call(
        "generate",
        ran,
        pipe=WALKING_PIPE,
        prompt=TEXT,
        z_T=optional(tensor(lambda w: w.inversion.z_T, 1, 3, None, None)),
        seed=SEED,
        steps=RUN_STEPS,
        guidance=MAYBE_GUIDANCE,
        record=RECORD,
        **FOLLOWED,
    ),
    call(
        "reconstruct",
        ran,
        pipe=OWN_PIPE,
        inversion=INVERSION,
        values=VALUES,
        guidance=MAYBE_GUIDANCE,
        record=RECORD,
        **FOLLOWED,
    ),
    call(
        "ValueInputs",
        styledit.ValueInputs,
        scale=STEP_TENSORS,
        shift=Kind(lambda w: [w.values.shift], STEP_TENSORS.may),
        guidance=GUIDANCE,
        losses=fixed(
            (0.0, 1.0),
            [np.float32(1), Fraction(1, 2)],
            may=lambda v: (
                isinstance(v, (torch.Tensor, np.ndarray)) or (len_is(v, STEPS) and all_of(v, is_number))
            ),
        ),
        evaluations=whole(0, np.int64(3), least=0),
        fingerprint=fixed("x", may=is_text),
    ),
    call(
        "ValueInputs.v",
        lambda r, given: r.shape == given["c"].shape,
        function=lambda w: w.values.v,
        i=whole(0, 1, np.int64(1), 5, least=0),
        c=EMBEDDING,
        formula=True,
    ),
    call(
        "ValueInputs.check",
        type(None),
        function=lambda w: w.values.check,
        inversion=Kind(lambda w: [w.inversion], lambda w, v: v is w.inversion),
    ),
    call("ValueInputs.save", type(None), function=lambda w: in_folder("out", w.values.save), path=NEW_FILE),
    call(
        "ValueInputs.load",
        styledit.ValueInputs,
        path=files("values.safetensors", "checkpoint.safetensors", "other_fit.safetensors"),
        device=fixed("cpu", may=lambda v: DEVICE.may(None, v)),
    ),
    call(
        "fit_values",
        fitted,
        pipe=OWN_PIPE,
        inversion=INVERSIONS,
        guidance=MAYBE_GUIDANCE,
        preset=PRESET,
        image_encoder=Kind(lambda w: [w.clip], lambda w, v: v is None or isinstance(v, Clip)),
        low_memory=FLAG,
        seed=SEED,
        **FOLLOWED,
    ),
    call(
        "fit_values(checkpoint)",
        styledit.ValueInputs,
        function=lambda w: in_folder("fits", styledit.fit_values),
        pipe=OWN_PIPE,
        inversion=Kind(lambda w: [w.inversion], lambda w, v: v is w.inversion),
        preset=Kind(lambda w: [Preset(1, 0.02)], PRESET.may),
        checkpoint=fixed(
            "checkpoint.safetensors",
            "fit.safetensors",
            None,
            may=lambda v: (
                v is None
                or (
                    isinstance(v, (str, os.PathLike))
                    and not is_place(
                        v, "text.safetensors", "inversion.safetensors", "other_fit.safetensors", "picture.png"
                    )
                )
            ),
        ),
        progress=FLAG,
    ),
    call(
        "Preset",
        endless=True,
        right=lambda r, given: len(r) == STEPS,
        function=lambda w: lambda **given: Preset(**given).schedule(STEPS),
        iterations=OF_STEP,
        learning_rate=RATE,
        tolerance=TOLERANCE,
        betas=fixed(
            (0.9, 0.999),
            [0, Fraction(1, 2)],
            may=lambda v: several(v, lambda b: is_number(b, 0, 1)) and len(v) == 2,
        ),
        regularisation=OBJECTIVE,
        parameterisation=fixed("free", may=lambda v: isinstance(v, str) and v in ("free", "mapping")),
        warm=FLAG,
    ),
    call(
        "Regularisation",
        Regularisation,
        l2=WEIGHT,
        l1=WEIGHT,
        sparsity=WEIGHT,
        localisation=WEIGHT,
        words=WORDS,
        layers=fixed(Layers(), Layers(scales=4), may=IS_LAYERS),
    ),
    call("Settings", Settings, **SETTINGS),
    call("Settings.of", Settings, **SETTINGS),
    call(
        "edit",
        edited,
        pipe=OWN_PIPE,
        inversion=INVERSION,
        target_prompt=fixed(
            "a blue cat in the snow", ["a cat in the snow"], may=lambda v: TARGET.may(None, v)
        ),
        values=VALUES,
        record=RECORD,
        **FOLLOWED,
        **SOME_SETTINGS,
    ),
    call(
        "Editor",
        styledit.Editor,
        pipe=OWN_PIPE,
        inversion=INVERSION,
        values=VALUES,
        guidance=MAYBE_GUIDANCE,
        automatic=FLAG,
        null_embeddings=optional(tensor(lambda w: w.nulls.embeddings, None, 12, 16)),
        follow_inversion=FLAG,
        limit=whole(0, 2**32, np.int64(9), least=0),
        history=whole(0, 2**20, least=0),
    ),
    call(
        "Editor.edit",
        edited,
        function=lambda w: w.editor.edit,
        target_prompt=TARGET,
        record=RECORD,
        tau_v=FRACTION,
        guidance=MAYBE_GUIDANCE,
        guide_from_source=FLAG,
        regularisation=OBJECTIVE,
        **FOLLOWED,
    ),
    call(
        "Editor.editing",
        edited,
        function=lambda w: lambda *a, **k: drain(w.editor.editing(*a, **k)),
        target_prompt=TARGET,
        every=whole(1, 2, np.int64(3), 10**30, least=1),
        tau_s=FRACTION,
    ),
    call(
        "Editor.previewing",
        Preview,
        function=lambda w: lambda *a, **k: drain(w.editor.previewing(*a, **k)),
        target_prompt=ONE_TARGET,
        calls=whole(1, 2, np.int64(3), 10**30, least=1),
        tau_c=FRACTION,
        mask=PAINTED,
    ),
    call(
        "Editor.warming_up",
        lambda result, given: result is None,
        function=lambda w: lambda *a, **k: drain(w.editor.warming_up(*a, **k)),
        calls=whole(1, 2, np.int64(3), 10**30, least=1),
    ),
    call("metrics.psnr", float, endless=True, function=lambda w: styledit.psnr, **COMPARED, mask=MASK),
    call("metrics.mse", float, function=lambda w: styledit.mse, **COMPARED, mask=MASK),
    call("metrics.ssim", float, function=lambda w: styledit.ssim, **COMPARED, mask=MASK),
    call("perceptual_distance", float, **COMPARED, network=instance("judge", torch.nn.Module), mask=MASK),
    call("structure_distance", float, **COMPARED, vit=instance("vit", Vit)),
    call("clip_similarity", float, image=SAME_SIZE, prompt=TEXT, clip=instance("clip", Clip), mask=MASK),
    call(
        "edit_metrics",
        dict,
        endless=True,
        source=SAME_SIZE,
        edited=SAME_SIZE,
        target_prompt=TEXT,
        networks=instance("networks", styledit.Networks),
        mask=MASK,
        truth=optional(SAME_SIZE),
    ),
    call(
        "load_networks",
        styledit.Networks,
        clip=fixed("clip", Path("clip"), may=lambda v: v is None or is_place(v, "clip")),
        vit=fixed(None, "clip", may=lambda v: v is None or is_place(v, "clip")),
        lpips=fixed(None, may=lambda v: v is None),
        device=DEVICE,
    ),
    call(
        "load_clip",
        Clip,
        model=fixed("clip", Path("clip"), may=lambda v: v is None or is_place(v, "clip")),
        device=DEVICE,
    ),
    call("baselines.ddim_p2p", edited, **RUN_OF, **NAMED, **FOLLOWED),
    call("baselines.direct_inversion", edited, **RUN_OF, **NAMED, **FOLLOWED),
    call("baselines.negative_prompt", edited, **RUN_OF, **NAMED, **FOLLOWED),
    call(
        "baselines.null_text",
        edited,
        **RUN_OF,
        guidance=MAYBE_GUIDANCE,
        nulls=Kind(lambda w: [w.nulls], lambda w, v: v is None or v is w.nulls),
        **FOLLOWED,
    ),
    call(
        "baselines.fit_nulls",
        fitted,
        pipe=OWN_PIPE,
        inversion=INVERSIONS,
        guidance=number(2.0, 7.5, Fraction(5, 2)),
        iterations=OF_STEP,
        learning_rate=RATE,
        tolerance=TOLERANCE,
        **FOLLOWED,
    ),
    call(
        "baselines.sdedit",
        edited,
        **RUN_OF,
        strength=number(0.6, 1, Fraction(1, 2), least=0, most=1),
        guidance=GUIDANCE,
        seed=SEED,
        **FOLLOWED,
    ),
    call("objectives.attention_l1", torch.Tensor, formula=True, maps=MAPS, targets=MAPS),
    call("objectives.attention_l2", torch.Tensor, formula=True, maps=MAPS, targets=MAPS),
    call("objectives.sparsity", torch.Tensor, formula=True, maps=MAPS, tokens=POSITIONS_OF),
    call(
        "objectives.localisation",
        torch.Tensor,
        formula=True,
        maps=MAPS,
        map_sizes=Kind(lambda w: [w.maps.map_sizes], lambda w, v: isinstance(v, dict)),
        tokens=POSITIONS_OF,
    ),
    call(
        "objectives.Regularisation()",
        torch.Tensor,
        function=lambda w: Regularisation(l1=1.0, localisation=2, words="car"),
        state=instance("state", ObjectiveState),
    ),
    call(
        "objectives.WeightedSum",
        WeightedSum,
        terms=fixed(
            ((1.0, Regularisation()),),
            [(np.int64(2), Regularisation(l1=1))],
            (),
            may=lambda v: all_of(v, lambda term: False) or is_empty(v) or isinstance(v, list),
        ),
    ),
    call(
        "objectives.gradient",
        list,
        formula=True,
        loss=Kind(
            lambda w: [(w.leaf * w.leaf).sum()],
            lambda w, v: is_tensor(v) and v.numel() == 1 and v.requires_grad,
        ),
        unknowns=Kind(lambda w: [[w.leaf], (w.leaf,)], lambda w, v: isinstance(v, (list, tuple))),
        dtype=fixed(torch.float16, may=lambda v: isinstance(v, torch.dtype) and v.is_floating_point),
    ),
    call("objectives.l2", torch.Tensor, formula=True, pixels=A_PICTURE, target=A_PICTURE),
    call("objectives.perceptual", torch.Tensor, formula=True, features=SEEN, targets=SEEN, relative=FLAG),
    call(
        "objectives.gram", torch.Tensor, formula=True, features=raw(lambda w: w.features["one"], *(None,) * 4)
    ),
    call("objectives.gram_style", torch.Tensor, formula=True, features=SEEN, targets=SEEN, relative=FLAG),
    call("objectives.clip_similarity", torch.Tensor, formula=True, picture=EMBEDDED, prompt=EMBEDDED),
    call(
        "objectives.clip_direction",
        torch.Tensor,
        formula=True,
        picture=EMBEDDED,
        source=EMBEDDED,
        prompt=EMBEDDED,
        source_prompt=EMBEDDED,
    ),
    call("objectives.hinge_critic", torch.Tensor, formula=True, real=SEEN_AT_ONCE, fake=SEEN_AT_ONCE),
    call("objectives.hinge_generator", torch.Tensor, formula=True, fake=SEEN_AT_ONCE),
    call(
        "objectives.ObjectiveState.features",
        dict,
        function=lambda w: w.state.features,
        network=Kind(lambda w: [EncoderFeatures(w.pipe.vae)], lambda w, v: hasattr(v, "features")),
    ),
    call(
        "objectives.ObjectiveState.embedding",
        torch.Tensor,
        function=lambda w: w.state.embedding,
        clip=instance("clip", Clip),
    ),
    call(
        "Weights",
        styledit.Weights,
        l2=WEIGHT,
        perceptual=WEIGHT,
        style=WEIGHT,
        clip=WEIGHT,
        direction=WEIGHT,
        adversarial=WEIGHT,
        attention=fixed(Regularisation(), may=lambda v: isinstance(v, Regularisation)),
    ),
    call("Weights.of", styledit.Weights, given=GUIDES),
    call("Weights.about", dict, function=lambda w: styledit.Weights(l2=1.0).about),
    call(
        "guide",
        lambda r, given: isinstance(r, styledit.Guided) and r.values.shape[0] == STEPS,
        function=lambda w: in_folder("fits", styledit.guide),
        pipe=OWN_PIPE,
        inversion=Kind(lambda w: [w.inversion], lambda w, v: v is w.inversion),
        target_prompt=fixed("a blue cat in the snow", may=is_text),
        checkpoint=fixed(None),
        weights=fixed(styledit.Weights(l2=1.0, style=1), may=lambda v: GUIDES.may(None, v)),
        schedule=one_of("step", "run"),
        iterations=whole(0, 1, np.int64(2), least=0, most=1000, costs=2),
        patience=whole(1, np.int64(3), least=1),
        rate=number(0.01, 0, Fraction(1, 50), least=0),
        tolerance=number(0, 0.001, least=0),
        clamp=FLAG,
        both_branches=FLAG,
        warm=FLAG,
        every=whole(0, np.int64(1), least=0),
        seed=SEED,
        **FOLLOWED,
    ),
    call(
        "classify_style",
        str,
        pipe=OWN_PIPE,
        prompt=ONE_TARGET,
        style_image=PICTURE,
        looks=fixed(
            "a plain sticker of", ("a plain sticker of", "a fox and"), may=lambda v: all_of(v, is_text)
        ),
        clip=instance("clip", Clip),
    ),
    call("Layers.takes", bool, function=lambda w: Layers().takes, layer=TEXT, scale=whole(1, np.int64(4))),
    call(
        "Record.bytes_per_step",
        int,
        function=lambda w: Record().bytes_per_step,
        pipe=PIPE,
        latent_size=LATENT_SIZE,
    ),
    call(
        "Record.chosen_steps",
        tuple,
        function=lambda w: Record(steps=0).chosen_steps,
        steps=whole(2, 50, np.int64(3), least=1),
    ),
    call(
        "Preset.schedule",
        list,
        function=lambda w: Preset(1, 0.1, 0.5).schedule,
        steps=whole(0, 2, np.int64(3), least=0, costs=1000),
    ),
    call(
        "Preset.fingerprint",
        str,
        function=lambda w: Preset(1, 0.1).fingerprint,
        steps=whole(0, 2, np.int64(3), least=0, costs=1000),
    ),
    call(
        "Regularisation.for_prompt",
        Regularisation,
        function=lambda w: Regularisation(l1=1.0, words="car").for_prompt,
        prompt_words=PROMPT_WORDS,
    ),
    call(
        "Regularisation.tokens",
        list,
        function=lambda w: Regularisation(l1=1.0).tokens,
        prompt_words=PROMPT_WORDS,
    ),
    call("objectives.ObjectiveState.layers", list, function=lambda w: w.state.layers, objective=OBJECTIVE),
    call(
        "objectives.WeightedSum()",
        torch.Tensor,
        function=lambda w: WeightedSum(((1.0, Regularisation(l1=1.0)),)),
        state=instance("state", ObjectiveState),
    ),
    call(
        "objectives.WeightedSum()",
        torch.Tensor,
        function=lambda w: WeightedSum(()),
        state=instance("state", ObjectiveState),
    ),
    call(
        "objectives.WeightedSum.for_prompt",
        WeightedSum,
        function=lambda w: WeightedSum(((1.0, Regularisation(l1=1.0)),)).for_prompt,
        words=PROMPT_WORDS,
    ),
    call(
        "Editor.suggest",
        Settings,
        function=lambda w: w.editor.suggest,
        target_prompt=ONE_TARGET,
        tau_c=FRACTION,
        blend=BLEND,
    ),
]

# Classes that hold results or networks, and what the calls above make and walk through.
COVERED_OTHERWISE = {
    "Denoised", "Edit", "Networks", "FittingStopped", "PRESETS", "METRICS", "objectives", "baselines",
    "metrics", "psnr", "mse", "ssim", "objectives.Objective", "objectives.ObjectiveState",
    "objectives.Regularisation", "baselines.NullEmbeddings", "Guided", "objectives.L2",
    "objectives.Perceptual", "objectives.GramStyle", "objectives.ClipSimilarity", "objectives.ClipDirection",
    "objectives.Adversarial",
}  # fmt: skip


def test_every_public_name_is_called() -> None:
    """A new public function has an entry in CALLS."""
    public = {*styledit.__all__}
    public |= {f"objectives.{name}" for name in styledit.objectives.__all__}
    public |= {f"baselines.{name}" for name in styledit.baselines.__all__}
    assert public - {entry.name for entry in CALLS} <= COVERED_OTHERWISE


def test_every_public_method_is_called() -> None:
    """So has a new method of a public class, the protocol of objectives aside."""
    called = {entry.name.removeprefix("objectives.").removesuffix("()") for entry in CALLS}
    for home in (styledit, styledit.objectives, styledit.baselines):
        for name in home.__all__:
            kind = getattr(home, name)
            if not inspect.isclass(kind) or kind is Objective:
                continue
            for method, value in vars(kind).items():
                if inspect.isfunction(value) or isinstance(value, (classmethod, staticmethod)):
                    assert method.startswith("_") or f"{name}.{method}" in called


def test_every_argument_is_given() -> None:
    """An entry names every argument of its function, but those that settings share."""
    for entry in CALLS:
        if "." in entry.name and entry.name.split(".")[0] not in ("baselines", "objectives"):
            continue
        try:
            parameters = inspect.signature(the(entry.name)(SimpleNamespace())).parameters
        except AttributeError:
            continue
        shared = {"fit_values": {"checkpoint"}, "Settings": {"layers"}}.get(entry.name, set())
        wanted = {
            name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD
        }
        assert wanted - shared - {"self"} <= {*entry.arguments}, entry.name


# --- the verdict ------------------------------------------------------------------------------------


class TooSlow(BaseException):
    """A call took longer than it may."""


def verdict(
    w: SimpleNamespace, entry: Call, given: dict[str, object], refused: bool, taken: bool
) -> str | None:
    """What is wrong with the answer to a call, or None.

    Args:
        refused: whether an argument is there that must be refused.
        taken: whether every argument is one that must be taken.
    """
    try:
        result = _in_time(lambda: entry.function(w)(**given))
    except TooSlow:
        return f"took more than {SECONDS} seconds"
    except Exception as error:
        return _fault_of(entry, error) or (f"refuses what is right: {error}" if taken else None)
    if refused:
        return f"takes what is wrong and gives {_short(result)}"
    if not entry.right(result, given):
        return f"gives {_short(result)}"
    simple = {name: plain(value) for name, value in given.items()}
    if any(simple[name] is not given[name] for name in given) and not same(
        result, entry.function(w)(**simple)
    ):
        return "gives something else for a Python number of the same value"
    return None if entry.formula else sound(result, entry.endless)


def _in_time(function: Callable[[], Any]) -> Any:
    def ring(number: int, frame: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return function()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _fault_of(entry: Call, error: Exception) -> str | None:
    """What is wrong with an error."""
    if isinstance(error, FloatingPointError) and entry.name == "objectives.gradient":
        return None  # which its docstring tells
    told = f"{type(error).__name__}: {str(error)[:200]}"
    if not isinstance(error, (ValueError, TypeError, FileNotFoundError)):
        return f"raises {told} {_where(error)}"
    last = _last(error.__traceback__)
    if last.tb_frame.f_code.co_filename in (__file__, "<string>") and "argument" in str(error):
        return None  # Python's own sentence for arguments that are missing
    if not last.tb_frame.f_code.co_filename.startswith(OURS) or not _raises(last):
        return f"raises from the depths {told} {_where(error)}"
    if len(str(error).split()) < 4:
        return f"raises no sentence: {told}"
    return None


def _last(trace: TracebackType) -> TracebackType:
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace


def _raises(trace: TracebackType) -> bool:
    """Whether a frame left by a `raise` of its own, rather than by what it called."""
    instruction = next(
        one for one in dis.get_instructions(trace.tb_frame.f_code) if one.offset == trace.tb_lasti
    )
    return instruction.opname == "RAISE_VARARGS"


def _where(error: Exception) -> str:
    return " <- ".join(
        f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)[::-1][:4]
    )


def _short(value: object) -> str:
    try:
        return repr(value)[:200]
    except Exception:
        return type(value).__name__


def sound(result: object, endless: bool = False) -> str | None:
    """What is wrong with a result: numbers that are not finite, anywhere in it."""
    if isinstance(result, torch.Tensor):
        return None if torch.isfinite(result.detach()).all() else "gives a tensor with NaN or infinite values"
    if isinstance(result, float):
        good = not math.isnan(result) if endless else math.isfinite(result)
        return None if good else f"gives {result}"
    if isinstance(result, dict):
        return next(filter(None, (sound(value, endless) for value in result.values())), None)
    if isinstance(result, (list, tuple)):
        return next(filter(None, (sound(value, endless) for value in result)), None)
    if isinstance(
        result,
        (styledit.Inversion, styledit.Denoised, styledit.Edit, styledit.ValueInputs, styledit.AttentionMaps),
    ):
        return sound([getattr(result, field.name) for field in dataclasses.fields(result)], endless)
    return None


def plain(value: object) -> object:
    """A number as Python's own int or float, anything else as it is."""
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (np.floating, Fraction)):
        return float(value)
    return value


def same(a: object, b: object) -> bool:
    """Whether two results are equal to the bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (styledit.Inversion, styledit.Denoised, styledit.Edit, styledit.ValueInputs)):
        return all(
            same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a) if f.name != "maps"
        )
    return True


# --- drawing calls ----------------------------------------------------------------------------------

ANYTHING = st.one_of(
    st.floats(),
    st.integers(),
    st.integers(-3, 9),
    st.text(max_size=12),
    st.text("a redcarfoxsn", max_size=30),
    st.binary(max_size=4),
    st.fractions(),
    st.lists(st.integers(-2, 5), max_size=3),
    st.tuples(st.integers(-2, 40), st.integers(-2, 40)),
    st.dictionaries(st.sampled_from(["car", "cat", "fox", ""]), st.floats(), max_size=2),
)


def draw(w: SimpleNamespace, data: st.DataObject) -> tuple[Call, dict[str, object], bool, bool]:
    """A call, its arguments, whether one must be refused, and whether all must be taken."""
    entry = data.draw(st.sampled_from(CALLS), label="call")
    names = list(entry.arguments)
    count = data.draw(st.sampled_from([0, 1, 1, 1, 1, 2, 2, 3]))
    changed = data.draw(st.permutations(names))[:count] if names else []
    given: dict[str, object] = {}
    refused = False
    for name, kind in entry.arguments.items():
        if name not in changed:
            good = kind.good(w)
            given[name] = good[data.draw(st.integers(0, len(good) - 1), label=name)]
            continue
        value = _draw_value(w, data, name)
        if left_out(kind, value):
            value = None
        given[name] = value
        refused |= not kind.may(w, value)
    return entry, given, refused, not changed


def _draw_value(w: SimpleNamespace, data: st.DataObject, name: str) -> object:
    source = data.draw(st.sampled_from(["hostile", "hostile", "other", "anything"]))
    if source == "hostile":
        return w.hostile[data.draw(st.integers(0, len(w.hostile) - 1), label=name)]
    if source == "anything":
        return data.draw(ANYTHING, label=name)
    entry = data.draw(st.sampled_from([entry for entry in CALLS if entry.arguments]))
    kind = data.draw(st.sampled_from(list(entry.arguments.values())))
    good = kind.good(w)
    return good[data.draw(st.integers(0, len(good) - 1), label=name)]


def left_out(kind: Kind, value: object) -> bool:
    """Whether a value is right and takes longer than a test may, or is a function with errors of its own."""
    if callable(value) and kind in OF_FUNCTIONS and not inspect.isfunction(value):
        return True
    if kind is CALLBACK and callable(value):
        return True
    sides = value if isinstance(value, (list, tuple)) else [value]
    return any(is_whole(side, least=kind.costs + 1) and side < 10**9 for side in sides)


@pytest.mark.filterwarnings("ignore")
def test_whatever_is_passed(world) -> None:
    """CALLS_IN_ALL calls, the same ones every time."""
    processors = dict(world.pipe.unet.attn_processors)

    @settings(
        max_examples=CALLS_IN_ALL,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def answers(data: st.DataObject) -> None:
        entry, given, refused, taken = draw(world, data)
        fault = verdict(world, entry, given, refused, taken)
        assert fault is None, f"{entry.name} {fault}"
        assert world.pipe.unet.attn_processors == processors

    answers()


@pytest.mark.parametrize("entry", [entry for entry in CALLS if entry.arguments], ids=lambda entry: entry.name)
def test_the_first_argument_is_missing(world, entry) -> None:
    """Python's own sentence names it."""
    given = {name: kind.good(world)[0] for name, kind in entry.arguments.items()}
    assert verdict(world, entry, given, refused=False, taken=True) is None
    first = next(iter(given))
    del given[first]
    try:
        entry.function(world)(**given)
    except TypeError as error:
        assert f"missing 1 required positional argument: '{first}'" in str(error)
