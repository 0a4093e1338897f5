"""Whatever is passed to a public function, the answer is right, or one sentence of our own.

Hypothesis draws a call and its arguments: right ones, one that must be refused, or anything in the place of
some. Then the answer is finite, and the same for `np.int64(2)` as for 2; or it is a TypeError, ValueError or
FileNotFoundError from a `raise` of ours. Nothing hangs, and the pipeline is afterwards as it was.

Every argument is written as a Python expression over the names of `world`, so that a call that fails can be
printed as a line for KEPT. `STYLEDIT_PROPERTIES=2000` makes that many fresh calls.
"""

from __future__ import annotations

import dataclasses
import dis
import itertools
import math
import os
import signal
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import PNDMScheduler, StableDiffusionPipeline
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

import styledit
from conftest import make_pipeline
from styledit import Layers, Preset, Record, Regularisation, Settings, Weights
from styledit.objectives import WeightedSum
from styledit.perception.clip import load_clip
from styledit.perception.judge import Judge
from styledit.perception.vit import make_vit
from test_perception import save_clip

FRESH_CALLS = int(os.environ.get("STYLEDIT_PROPERTIES", "0"))  # so many that were never made before
CPU_SECONDS = 20  # that a call may compute, whatever else the machine does
OURS = str(Path(styledit.__file__).parent)
PROMPT = "a red car in the snow"

World = dict[str, Any]
Case = tuple[str, dict[str, str], str]  # a call, its arguments as expressions, and what is expected of it


class Odd:
    """An object that no function takes; it does not even print."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


@pytest.fixture(scope="module")
def world(tokenizer, tmp_path_factory) -> Iterator[World]:
    """What expressions know beside NAMES; files lie in the current folder."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("properties"))
    yield make_world(tokenizer)
    os.chdir(before)


def make_world(tokenizer) -> World:
    pipe = make_pipeline(tokenizer)
    foreign_pipe = make_pipeline(tokenizer, "v_prediction", torch.float64)
    pndm_pipe = StableDiffusionPipeline(
        **pipe.components | {"scheduler": PNDMScheduler.from_config(pipe.scheduler.config)},
        requires_safety_checker=False,
    )
    pipe.save_pretrained("model")
    y, x = np.mgrid[0:32, 0:32] / 31
    array = (np.stack([x, y, np.hypot(x - 0.5, y - 0.5) < 0.3], -1) * 255).astype(np.uint8)
    picture = Image.fromarray(array)
    mask = x < 0.5
    everything = Record((Layers(), Layers(kind="self")))
    inversion = styledit.invert(pipe, picture, PROMPT, 2, record=everything, progress=False)
    other_inversion = styledit.invert(pipe, array[::-1].copy(), PROMPT, 2, progress=False)
    foreign_inversion = styledit.invert(foreign_pipe, picture, PROMPT, 2, progress=False)
    preset = Preset(1, 0.02)
    values = styledit.fit_values(pipe, inversion, preset=preset, progress=False)
    other_values = styledit.fit_values(pipe, other_inversion, preset=preset, progress=False)
    nulls = styledit.baselines.fit_nulls(pipe, inversion, iterations=1, progress=False)
    run = styledit.reconstruct(pipe, inversion, progress=False)
    maps = inversion.maps
    editor = styledit.Editor(pipe, inversion, values=values, history=2**20)
    Path("clip").mkdir()
    clip = load_clip(save_clip(Path("clip"), tokenizer))
    judge = Judge({"thing": ["cat", "fox"]}).eval().requires_grad_(False)
    networks = styledit.Networks(clip, make_vit(clip.model, clip.prepare), judge)
    leaf = torch.ones(3, requires_grad=True)
    load_inversion, load_values = styledit.Inversion.load, styledit.ValueInputs.load
    write_files(picture, inversion, values)
    return NAMES | locals()


def write_files(picture: Image.Image, inversion: styledit.Inversion, values: styledit.ValueInputs) -> None:
    """Good files and damaged ones."""
    picture.save("picture.png")
    inversion.save("inversion.safetensors")
    values.save("values.safetensors")
    Path("folder").mkdir()
    Path("empty").touch()
    for name in ("text.png", "text.safetensors"):
        Path(name).write_text("neither a picture nor tensors")
    for name in ("picture.png", "inversion.safetensors", "values.safetensors"):
        whole = Path(name).read_bytes()
        Path(f"short_{name}").write_bytes(whole[: len(whole) // 2])
    save_file({"scale": torch.ones(3)}, "other.safetensors")
    endless = {"scale": torch.full((2, 12, 16), math.nan), "shift": torch.zeros(2, 12, 16)}
    told = {"guidance": "7.5", "evaluations": "3", "fingerprint": "x"}
    save_file(endless | {"losses": torch.zeros(2)}, "nan.safetensors", told)


def preset_schedule(**arguments: Any) -> list[Any]:
    """A preset and what it makes of two steps, where its functions are called."""
    return Preset(**arguments).schedule(2)


def controlled_call(unet: Any, record: Any, values: Any) -> dict[str, torch.Tensor]:
    """One network call in a `with` block."""
    with torch.no_grad(), styledit.attention_control(unet, record) as control:
        control.values = values
        unet(torch.zeros(1, 3, 16, 16), 5, encoder_hidden_states=torch.zeros(1, 12, 16))
        return control.maps


NAMES: World = {
    "styledit": styledit, "np": np, "torch": torch, "itertools": itertools, "nan": math.nan, "inf": math.inf,
    "Decimal": Decimal, "Fraction": Fraction, "Image": Image, "Path": Path, "Odd": Odd, "Layers": Layers,
    "Record": Record, "Preset": Preset, "Regularisation": Regularisation, "WeightedSum": WeightedSum,
    "Settings": Settings, "Weights": Weights, "preset_schedule": preset_schedule,
    "controlled_call": controlled_call,
}  # fmt: skip


# --- what an argument is ----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Kind:
    """Expressions that must be taken, the first one being the plainest, and ones that must be refused."""

    good: tuple[str, ...]
    bad: tuple[str, ...] = ()

    def __or__(self, other: Kind) -> Kind:
        """An argument that may be of either kind; what either takes is not bad."""
        return Kind(
            self.good + other.good, tuple(e for e in self.bad + other.bad if e not in self.good + other.good)
        )


NO_NUMBER = ("None", "'3'", "True", "nan", "inf", "10**400", "1j", "[1]", "Odd()", "torch.tensor(nan)")
NO_TEXT = ("None", "3", "b'a car'", "'a \\udcff'", "Odd()")
NOTHING_OF_OURS = ("None", "3", "'x'", "Odd()", "picture")


def number(*good: str, bad: tuple[str, ...] = ()) -> Kind:
    return Kind(good, NO_NUMBER + bad)


def whole(*good: str, bad: tuple[str, ...] = ()) -> Kind:
    return Kind(good, (*NO_NUMBER, "0.5", "Fraction(1, 2)", *bad))


NONE = Kind(("None",))
FLAG = Kind(("False", "np.False_"), ("None", "0", "'yes'"))
FRACTION = number("0.5", "0", "1", "np.float32(0.25)", "Fraction(1, 3)", bad=("-0.5", "1.5"))
GUIDANCE = number("2.0", "1", "7.5", "0", "np.float32(2)", "np.int64(3)", "Fraction(5, 2)") | NONE
WEIGHT = number("0.0", "1", "Fraction(1, 2)", "np.float32(2)", bad=("-1",))
SEED = whole("0", "7", "np.int64(3)", "2**63 - 1", bad=("-1", "2**63"))
STEPS = whole("2", "1", "np.int64(2)", "np.uint8(3)", bad=("0", "-3", "1001", "10**30"))
PIPE = Kind(("pipe",), (*NOTHING_OF_OURS, "pipe.unet"))
DDIM_PIPE = Kind(("pipe",), (*PIPE.bad, "pndm_pipe"))
TEXT = Kind((f"{PROMPT!r}", "'a blue cat in the snow'", "'the fox'"), NO_TEXT)
WORD = Kind(("'car'", "'red car'", "'snow'"), (*NO_TEXT, "'dog'", "''"))
TARGET = Kind(("'a blue cat in the snow'", "'a fox'"), NO_TEXT)
TARGETS = TARGET | Kind(("['a fox']", "('a cat', 'a blue car')"), ("[]", "['a cat', 3]"))
NO_PICTURE = (
    "None", "3", "'text.png'", "'short_picture.png'", "'nowhere.png'", "'folder'", "np.zeros((0, 3))",
    "np.full((8, 8, 3), nan)", "np.array(['a'])", "np.zeros((8, 8, 3), complex)", "Image.new('RGB', (0, 5))",
)  # fmt: skip
PICTURE = Kind(("picture", "array", "'picture.png'", "Path('picture.png')"), NO_PICTURE)
MASK = NONE | Kind(("mask", "torch.from_numpy(mask)"), ("3", "'x'", "np.full((32, 32), nan)", "np.zeros(5)"))
INVERSION = Kind(("inversion",), (*NOTHING_OF_OURS, "foreign_inversion", "values", "inversion.latents"))
INVERSIONS = INVERSION | Kind(
    ("[inversion]", "(inversion, other_inversion)"), ("[]", "[inversion, None]", "[foreign_inversion]")
)
VALUES = NONE | Kind(("values",), ("3", "'x'", "other_values", "nulls", "inversion"))
RECORD = NONE | Kind(
    ("Layers()", "Layers(scales=2)", "Record((Layers(), Layers(kind='self')), steps=[np.int64(0)])"),
    ("3", "'cross'", "Record(steps=(5,))", "Record(limit=10)", "Layers(scales=64)"),
)
SEVERAL_LAYERS = Kind(("Layers()", "(Layers(), Layers(kind='self'))"), ("3", "'x'", "[Layers(), 'x']"))
CALLBACK = NONE | Kind(("lambda state: None",), ("3", "'x'", "Odd()"))
FOLLOWED = {"progress": FLAG, "callback": CALLBACK}
BY_WORD = Kind(
    ("{}", "{'cat': 0.5}", "{'snow': Fraction(1, 2)}"), ("3", "{'dog': 0.5}", "{'cat': nan}", "{3: 0.5}")
)
BLEND = Kind(("()", "'cat'", "('car', 'cat')", "['snow']"), ("3", "'dog'", "['cat', 3]"))
OBJECTIVE = Kind(
    ("Regularisation()", "Regularisation(l2=1.0)", "WeightedSum(((1.0, Regularisation(sparsity=1.0)),))"),
    ("None", "3", "'x'", "Regularisation"),
)
PRESET = Kind(
    (
        "Preset(1, 0.02)", "Preset(0, 0)", "Preset(1, 0.01, inf, regularisation=Regularisation(l2=1.0))",
        "Preset(1, 0.1, warm=True)", "Preset(2, 0.1, parameterisation='mapping')",
    ),
    ("None", "3", "'best'", "Preset(lambda i: -1, 0.02)", "Preset(1, lambda i: nan)"),
)  # fmt: skip
LEVEL = Kind(
    ("torch.tensor(0.5)", "torch.tensor(0.7, dtype=torch.float64)", "0.3", "Fraction(1, 3)"),
    ("None", "'x'", "nan", "-0.5", "1.5", "torch.tensor(nan)", "torch.ones(3)"),
)
LATENTS = Kind(
    ("inversion.z_T", "inversion.z_0"),
    (
        "None", "picture", "torch.zeros(3)", "torch.zeros(1, 4, 16, 16)", "torch.zeros(1, 3, 0, 16)",
        "torch.full((1, 3, 16, 16), nan)", "torch.zeros(1, 3, 16, 16, dtype=torch.int64)",
        "torch.zeros(1, 3, 16, 16, device='meta')", "torch.zeros(1, 3, 16, 16, dtype=torch.complex64)",
    ),
)  # fmt: skip
FORMULA = Kind(("inversion.z_T", "inversion.z_0"), ("None", "picture", "3"))
INDICES = Kind(("0", "[0, 1]", "np.int64(1)", "range(2)"), ("0.5", "'x'", "7", "[0, 7]"))
SIZE = NONE | Kind(("8", "(9, 7)", "[np.int64(5), 6]"), ("0", "(3, -1)", "0.5", "'x'", "(1, 2, 3)", "2**63"))
DEVICE = NONE | Kind(("'cpu'", "torch.device('cpu')"), ("3", "'nope'", "'cpu:x'", "Odd()"))
NO_FILE = (
    "None",
    "3",
    "'nowhere'",
    "'folder'",
    "'empty'",
    "'a\\0b'",
    "'text.safetensors'",
    "'other.safetensors'",
)
SETTINGS = {
    "guidance": GUIDANCE, "tau_v": FRACTION, "tau_v_changed": FRACTION | NONE, "tau_c": FRACTION,
    "tau_s": FRACTION, "tau_u": FRACTION, "guide_from_source": FLAG,
    "keep_details": FLAG, "blend_threshold": FRACTION,
    "mask": MASK, "regularisation": OBJECTIVE, "regularisation_rate": number("1.0", "0", "Fraction(1, 2)"),
}  # fmt: skip
BY_WORDS = {"tau_c_words": BY_WORD, "reweight": BY_WORD, "blend": BLEND}
EDITED = {"pipe": DDIM_PIPE, "inversion": INVERSION, "target_prompt": TARGET, **FOLLOWED}

CALLS: dict[str, dict[str, Kind]] = {
    "styledit.load": {
        "model": Kind(("'model'", "Path('model')"), ("3", "'nowhere'", "'folder'", "'picture.png'")),
        "device": DEVICE,
        "dtype": NONE | Kind(("torch.float32", "torch.float64"), ("'x'", "3", "torch.int64")),
        "prediction_type": NONE | Kind(("'epsilon'", "'sample'"), ("'x'", "3")),
    },
    "styledit.read_image": {
        "pipe": PIPE, "source": PICTURE, "size": SIZE, "fit": Kind(("'crop'", "'pad'"), ("None", "'x'")),
    },
    "styledit.decode_latents": {"pipe": PIPE, "z": LATENTS},
    "styledit.preview": {"pipe": PIPE, "x0": LATENTS},
    "styledit.encode_prompt": {"pipe": PIPE, "prompt": TEXT},
    "styledit.word_tokens": {"pipe": PIPE, "prompt": Kind((f"{PROMPT!r}",), NO_TEXT), "word": WORD},
    "styledit.ddim_step": {
        "output": FORMULA, "z": FORMULA, "abar": LEVEL, "abar_prev": LEVEL,
        "prediction_type": Kind(("'epsilon'", "'v_prediction'", "'sample'"), ("None", "'x'")),
    },
    "Layers": {
        "places": Kind(("'up'", "('down', 'mid')"), ("None", "3", "[3]")),
        "scales": NONE | Kind(("4", "(1, np.int64(2))"), ("'x'", "0.5", "(1, 'x')")),
        "kind": Kind(("'cross'", "'self'"), ("None", "'x'")),
    },
    "controlled_call": {
        "unet": Kind(("pipe.unet",), ("None", "3", "pipe.vae", "torch.nn.Identity()")),
        "record": NONE | SEVERAL_LAYERS,
        "values": NONE | Kind(("inversion.null",), ("3", "'x'", "torch.zeros(2, 5, 7)")),
    },
    "Record": {
        "layers": SEVERAL_LAYERS,
        "steps": NONE | Kind(("0", "[0, 1]", "np.int64(1)", "range(2)"), ("0.5", "'x'")),
        "branch": Kind(("'cond'", "'uncond'"), ("None", "'x'")),
        "limit": Kind(("10", "2**33", "np.int64(9)"), ("None", "nan", "0.5", "-1")),
    },
    "maps.word": {"word": WORD, "steps": INDICES | NONE},
    "maps.pixel": {
        "x": number("0", "3.5", "31", "np.float32(2)", bad=("-3", "40")), "y": number("0", "31", bad=("32",)),
    },
    "styledit.invert": {
        "pipe": DDIM_PIPE, "image": PICTURE, "prompt": TEXT, "steps": STEPS, "record": RECORD, **FOLLOWED,
        "renoise": whole("0", "1", "np.int64(2)", bad=("-1", "10**30")),
    },
    "load_inversion": {
        "path": Kind(("'inversion.safetensors'", "Path('inversion.safetensors')"),
                     (*NO_FILE, "'short_inversion.safetensors'", "'values.safetensors'")),
        "device": DEVICE,
    },
    "styledit.drift": {
        "inversion": Kind(("inversion", "other_inversion"), NOTHING_OF_OURS),
        "run": Kind(("run", "run.latents"), ("None", "3", "picture", "torch.zeros(2, 1, 3, 16, 16)")),
    },
    "styledit.generate": {
        "pipe": DDIM_PIPE, "prompt": TEXT, "z_T": NONE | LATENTS, "seed": SEED, "steps": STEPS,
        "guidance": GUIDANCE, "record": RECORD, **FOLLOWED,
    },
    "styledit.reconstruct": {
        "pipe": DDIM_PIPE, "inversion": INVERSION, "values": VALUES, "guidance": GUIDANCE, "record": RECORD,
        **FOLLOWED,
    },
    "preset_schedule": {
        "iterations": Kind(("1", "0", "np.int64(2)", "lambda i: 1"),
                           ("None", "'x'", "-1", "0.5", "10**30", "lambda i: -1", "lambda i: 'x'")),
        "learning_rate": Kind(("0.02", "lambda i: 0.1", "Fraction(1, 3)"),
                              ("None", "'x'", "nan", "-1", "lambda i: nan")),
        "tolerance": Kind(("0.0", "1e-5", "inf"), ("None", "'x'", "nan", "lambda i: 'x'")),
        "betas": Kind(("(0.9, 0.999)", "[0, Fraction(1, 2)]"),
                      ("None", "0.9", "(0.9,)", "(0.9, 1.5)", "(nan, 0)")),
        "regularisation": OBJECTIVE,
        "parameterisation": Kind(("'free'",), ("None", "'x'")),
        "warm": FLAG,
    },
    "Regularisation": {
        "l2": WEIGHT, "l1": WEIGHT, "sparsity": WEIGHT, "localisation": WEIGHT,
        "words": Kind(("()", "'car'", "('car', 'red')"), ("3", "['car', 3]")),
        "layers": Kind(("Layers()", "Layers(scales=4)"), ("None", "3", "'up'")),
    },
    "styledit.fit_values": {
        "pipe": DDIM_PIPE, "inversion": INVERSIONS, "guidance": GUIDANCE, "preset": PRESET,
        "checkpoint": NONE | Kind((), ("3", "'text.safetensors'", "'inversion.safetensors'", "'folder'")),
        "image_encoder": Kind(("clip",), ("3", "'x'", "judge")), "low_memory": FLAG, "seed": SEED, **FOLLOWED,
    },
    "load_values": {
        "path": Kind(("'values.safetensors'",),
                     (*NO_FILE, "'short_values.safetensors'", "'nan.safetensors'")),
        "device": DEVICE,
    },
    "Settings.of": SETTINGS,
    "styledit.edit": EDITED | BY_WORDS | {"target_prompt": Kind(("'a blue cat in the snow'",), NO_TEXT),
                                          "values": VALUES, "record": RECORD},
    "editor.edit": {"target_prompt": TARGETS, "record": RECORD, **SETTINGS},
    "styledit.guide": EDITED | {
        "weights": Kind(("Weights(l2=1.0, style=1)",), ("None", "3", "'x'")),
        "clip": Kind(("clip",), ("3", "'x'")),
        "schedule": Kind(("'step'", "'run'"), ("None", "'x'")),
        "iterations": whole("0", "1", "np.int64(2)", bad=("-1", "10**30")) | NONE,
        "rate": number("0.01", "0", "Fraction(1, 50)", bad=("-1", "1e308")) | NONE,
        "seed": SEED,
    },
    "styledit.classify_style": {
        "pipe": PIPE, "prompt": TARGET, "style_image": PICTURE, "clip": Kind(("clip",), ("3", "'x'")),
        "style_phrases": Kind(("'a plain sticker of'", "('a fox of', 'a sketch of')"), ("3", "['a', 3]")),
    },
    "styledit.ssim": {"a": PICTURE, "b": PICTURE, "mask": MASK},
    "styledit.edit_metrics": {
        "source": PICTURE, "edited": PICTURE, "target_prompt": TEXT, "mask": MASK, "truth": PICTURE | NONE,
        "networks": Kind(("networks",), ("3", "'x'", "clip")),
    },
    "styledit.baselines.fit_nulls": {
        "pipe": DDIM_PIPE, "inversion": INVERSIONS, "guidance": number("2.0", "7.5"), **FOLLOWED,
        "iterations": Kind(("1", "np.int64(2)", "lambda i: 1", "0"),
                           ("None", "'x'", "-1", "10**30", "lambda i: nan")),
    },
    "styledit.baselines.null_text": EDITED | {
        "guidance": GUIDANCE, "nulls": Kind(("nulls",), ("3", "'x'", "values", "inversion.null")),
    },
    "styledit.baselines.masactrl": EDITED | {
        "guidance": GUIDANCE,
        "start": number("0.08", "1", "Fraction(1, 2)", bad=("-0.5", "1.5")),
        "first_layer": number("0.625", "0", bad=("-0.5", "1.5")),
    },
    "styledit.baselines.plug_and_play": EDITED | {
        "guidance": GUIDANCE,
        "tau_f": number("0.8", "0", "Fraction(1, 2)", bad=("-0.5", "1.5")),
        "tau_a": number("0.5", "1", bad=("-0.5", "1.5")),
    },
    "styledit.baselines.sdedit": EDITED | {
        "strength": number("0.6", "1", "Fraction(1, 2)", bad=("-0.5", "1.5")),
        "guidance": number("2.0", "np.int64(3)"), "seed": SEED,
    },
    "styledit.objectives.gradient": {
        "loss": Kind(("(leaf * leaf).sum()",), ("None", "3", "torch.ones(3)", "torch.tensor(0.5)")),
        "unknowns": Kind(("[leaf]", "(leaf,)"), ("None", "3", "[3]", "[torch.ones(3)]")),
        "dtype": Kind(("torch.float16",), ("None", "'x'", "torch.int64")),
    },
}  # fmt: skip
# Wrong almost everywhere, right somewhere.
HOSTILE = (
    "None", "True", "''", "' '", "'abc'", "'car'", "'cuda:7'", "'x' * 5000", "'\\ud800'", "b'bytes'", "2**63",
    "-(10**400)", "10**30", "5e-324", "-inf", "np.float64('nan')", "np.int64(-2)", "Decimal('0.5')",
    "Fraction(10**400)", "1j", "[]", "{}", "set()", "[None]", "(0, 5)", "['a red car']", "{'car': nan}",
    "Odd()", "int", "lambda *given: nan", "lambda *given: 'x'", "iter([1])", "range(10**12)",
    "itertools.repeat('car')", "torch.tensor(0.5)", "torch.zeros(0)", "torch.zeros(2, 3, 16, 16)",
    "torch.zeros(2, 12, 16, device='meta')", "torch.full((2, 12, 16), inf)", "torch.eye(3).to_sparse()",
    "torch.zeros(1, 3, 16, 16, dtype=torch.float16)", "torch.float32", "torch.device('meta')",
    "np.array(None)", "np.zeros((8, 8), '>u2')", "np.full((8, 8, 3), 300)", "Image.new('F', (32, 32), nan)",
    "Image.new('RGBA', (33, 31))", "Path('.')", "'~'", "'folder/x/y'", "pipe", "foreign_pipe", "pipe.unet",
    "pipe.tokenizer", "foreign_inversion", "other_inversion", "[inversion, None]", "values", "other_values",
    "nulls", "run", "maps", "clip", "networks", "torch.nn.Linear(2, 2)", "styledit", "Layers(scales=64)",
    "Record(steps=())", "Record(branch='uncond')", "Preset(lambda i: None, 0.1)",
    "Regularisation(l1=1.0, words='dog')", "WeightedSum(())", "Settings", "Settings()",
)  # fmt: skip
# Functions that are called raise what they like, and what is called as often as asked takes as long as asked.
CALLED = ("callback", "iterations", "learning_rate", "tolerance")

# Calls that once went wrong: (a call, its arguments that are not the plainest, what is expected).
KEPT: list[Case] = [
    ("styledit.load", {"model": "'owner/name/x'"}, "refused"),
    ("styledit.ddim_step", {"abar": "1e-320"}, "either"),
    ("preset_schedule", {"regularisation": "Regularisation"}, "refused"),
    ("styledit.guide", {"clip": "'x'"}, "refused"),
    ("styledit.guide", {"rate": "1e38"}, "refused"),
    ("styledit.guide", {"inversion": "picture"}, "refused"),
    ("styledit.fit_values", {"guidance": "1e300"}, "refused"),
    ("editor.edit", {"regularisation": "Regularisation"}, "refused"),
    ("styledit.read_image", {"source": "np.zeros((8, 8, 3), '>u2')"}, "either"),
    ("styledit.objectives.gradient", {"loss": "torch.eye(3).to_sparse()"}, "refused"),
    ("Layers", {"places": "torch.eye(3).to_sparse()"}, "either"),
]


# --- the verdict ------------------------------------------------------------------------------------


class TooSlow(BaseException):
    """A call computed for longer than it may."""


def fault(world: World, case: Case) -> str | None:
    """What is wrong with the answer to a call; None where nothing is."""
    name, written, expected = case
    function = eval(name, world)
    arguments = {key: eval(expression, world) for key, expression in written.items()}
    before = footprint(world["pipe"])
    try:
        result = in_time(lambda: function(**arguments))
    except TooSlow:
        return f"computes for more than {CPU_SECONDS} seconds"
    except Exception as error:
        return fault_of(error) or (f"refuses what is right: {error}" if expected == "taken" else None)
    finally:
        same_pipe = footprint(world["pipe"]) == before
    if not same_pipe:
        return "changes the pipeline"
    if expected == "refused":
        return f"takes what is wrong and gives {type(result)}"
    if expected == "taken":
        simple = {key: plain(value) for key, value in arguments.items()}
        if any(simple[key] is not arguments[key] for key in simple) and not same(result, function(**simple)):
            return "gives something else for a Python number of the same value"
    given_endless = not all(map(sound, arguments.values()))  # of a formula: NaN in, NaN out
    return None if given_endless or sound(result) else "gives NaN or infinite values"


def in_time(function: Callable[[], Any]) -> Any:
    """What a function gives; TooSlow where it takes the processor for too long."""

    def ring(number: int, frame: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        return function()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def footprint(pipe: StableDiffusionPipeline) -> list[Any]:
    """What a call must leave as it is: every weight, processor and hook, and whether gradients are on."""
    networks = (pipe.unet, pipe.vae, pipe.text_encoder)
    weights = [(p._version, p.requires_grad, p.grad is None) for net in networks for p in net.parameters()]
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for net in networks for m in net.modules()]
    modes = [net.training for net in networks]
    return [weights, hooks, modes, dict(pipe.unet.attn_processors), pipe.scheduler, torch.is_grad_enabled()]


def fault_of(error: Exception) -> str | None:
    """What is wrong with an error."""
    told = f"{type(error).__name__}: {str(error)[:300]}"
    if not isinstance(error, (ValueError, TypeError, FileNotFoundError)):
        return f"raises {told}"
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    if not last.tb_frame.f_code.co_filename.startswith(OURS) or not raises(last):
        return f"raises from {Path(last.tb_frame.f_code.co_filename).name}:{last.tb_lineno} {told}"
    if len(str(error).split()) < 4 or "\n" in str(error):
        return f"raises no sentence: {told}"
    return None


def raises(trace: TracebackType) -> bool:
    """Whether a frame left by a `raise` of its own, rather than by what it called."""
    instructions = dis.get_instructions(trace.tb_frame.f_code)
    return next(one for one in instructions if one.offset == trace.tb_lasti).opname == "RAISE_VARARGS"


def parts(value: object) -> list[object]:
    """What a result is made of; nothing for what is a whole."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return []


def sound(value: object) -> bool:
    """Whether all tensors are finite, and no number is NaN; a PSNR may be infinite."""
    if isinstance(value, torch.Tensor):
        return value.is_meta or bool(torch.isfinite(value.detach()).all())
    if isinstance(value, (float, np.floating)):
        return not math.isnan(value)
    return all(map(sound, parts(value)))


def plain(value: object) -> object:
    """A number as Python's own int or float, anything else as it is."""
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (np.floating, Fraction)):
        return float(value)
    return value


def same(a: object, b: object) -> bool:
    """Whether the tensors and numbers of two results are equal to the bit; counts may differ."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, (float, str)):
        return a == b
    inside = parts(a), parts(b)
    return len(inside[0]) == len(inside[1]) and all(map(same, *inside))


# --- drawing calls ----------------------------------------------------------------------------------

ANYTHING = st.one_of(
    st.sampled_from(HOSTILE),
    st.sampled_from([e for kinds in CALLS.values() for kind in kinds.values() for e in kind.good + kind.bad]),
    st.one_of(
        st.floats(), st.integers(-3, 9), st.text("a redcarfoxsn", max_size=30), st.text(max_size=12),
        st.binary(max_size=4), st.fractions(), st.lists(st.integers(-2, 5), max_size=3),
        st.dictionaries(st.sampled_from(["car", "cat", "fox", ""]), st.floats(), max_size=2),
    ).map(repr),
)  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A call with right arguments, with one that must be refused, or with anything in the place of some."""
    name = draw(st.sampled_from(list(CALLS)))
    kinds = CALLS[name]
    expected = draw(st.sampled_from(["taken", "refused", "either", "either"]))
    written = {key: draw(st.sampled_from(kind.good)) for key, kind in kinds.items()}
    if expected == "refused":
        key = draw(st.sampled_from([key for key, kind in kinds.items() if kind.bad]))
        written[key] = draw(st.sampled_from(kinds[key].bad))
    elif expected == "either":
        names = [key for key in kinds if key not in CALLED]
        for key in draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)):
            written[key] = draw(ANYTHING)
    return name, written, expected


def check(world: World, case: Case) -> None:
    """Fail where an answer is wrong, and print the call as a line of KEPT."""
    found = fault(world, case)
    name, written, expected = case
    special = {key: e for key, e in written.items() if e != CALLS[name][key].good[0]}
    assert found is None, (
        f"{name} {found}\nTo keep this call as a test, add to KEPT:\n    {(name, special, expected)!r},"
    )


def make_calls(world: World, count: int, fresh: bool) -> None:
    """So many calls: the same ones each time, or fresh ones."""

    @settings(
        max_examples=count,
        derandomize=not fresh,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def answers(case: Case) -> None:
        check(world, case)

    answers()


@pytest.mark.parametrize("name", CALLS)
def test_the_plainest_call_is_taken(world, name):
    check(world, (name, {key: kind.good[0] for key, kind in CALLS[name].items()}, "taken"))


@pytest.mark.parametrize(("name", "special", "expected"), KEPT)
def test_a_call_that_once_went_wrong(world, name, special, expected):
    check(world, (name, {key: kind.good[0] for key, kind in CALLS[name].items()} | special, expected))


@pytest.mark.filterwarnings("ignore")
def test_a_hundred_calls(world):
    make_calls(world, 100, fresh=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_thousands_of_calls(world):
    make_calls(world, FRESH_CALLS or 2000, fresh=FRESH_CALLS > 0)
