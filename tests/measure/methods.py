"""The methods that are compared, and how somebody's own joins them.

An own method is a function ``(pipe, inversion, target_prompt, settings) -> styledit.Edit``, named as
"module:function". ``settings`` are keywords of `styledit.edit`: those in settings.json under the method's
name and the kind of edit, or, where it has none there, the ones of `BY_KIND`. It may read or ignore them.
``example.py`` holds such a function.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import styledit
from styledit import baselines

SETTINGS = Path(__file__).with_name("settings.json")
OURS = "styledit, plain call"
VALUE_INPUTS = "styledit, value inputs"
BY_TABLE = (OURS, VALUE_INPUTS)  # they choose their settings by the model's table, data/model/editing.json
BY_KIND = "styledit, settings by kind"
PAPER = "StyleDiffusion, paper preset"
EVERYTHING = 2**30  # bytes that an editor may keep of its source's run


class MethodError(ValueError):
    """What is wrong with an own method, in one sentence."""


@dataclass(frozen=True)
class FittedMethod:
    """A method, fitted to one picture.

    ``edit(target_prompt, settings)`` gives the edit; ``evaluations``: what its fit cost, None where unknown.
    """

    edit: Callable[[str, dict], styledit.Edit]
    evaluations: int | None = 0


@dataclass(frozen=True)
class Method:
    """One row of the table.

    ``fit(pipe, inversions, guidance)`` fits what there is to fit, at the guidance of the edits.
    ``seconds`` is roughly what one case takes on one core; only the time left is computed from it.
    The method runs on every ``stride``-th case. ``code``: a hash of an own method's file.
    """

    fit: Callable[[object, Sequence[styledit.Inversion], float | None], list[FittedMethod]]
    seconds: float
    stride: int = 1
    code: str = ""


def _editing(pipe, inversion: styledit.Inversion, evaluations: int = 0, **options: object) -> FittedMethod:
    """Prompt-to-Prompt's switches, around what the options keep the source with."""
    editor = styledit.Editor(pipe, inversion, limit=EVERYTHING, **{"automatic": False, **options})
    return FittedMethod(lambda target, settings: editor.edit(target, progress=False, **settings), evaluations)


def _value_inputs(preset: str) -> Callable:
    def fit(pipe, inversions, guidance: float) -> list[FittedMethod]:
        fits = styledit.fit_values(pipe, inversions, guidance=guidance, preset=preset, progress=False)
        pairs = zip(inversions, fits, strict=True)
        return [_editing(pipe, v, values.evaluations, values=values) for v, values in pairs]

    return fit


def _plain_call(pipe, inversions, guidance: None) -> list[FittedMethod]:
    """The model's own rule, by which edits follow their source; every setting follows from the prompts."""
    return [_editing(pipe, v, automatic=True) for v in inversions]


def _value_inputs_by_table(pipe, inversions, guidance: None) -> list[FittedMethod]:
    """One fit a picture, before any target is known; every setting follows from the prompts."""
    fits = styledit.fit_values(pipe, inversions, progress=False)
    pairs = zip(inversions, fits, strict=True)
    return [_editing(pipe, v, fit.evaluations, values=fit, automatic=True) for v, fit in pairs]


def _ddim_p2p(pipe, inversions, guidance: float) -> list[FittedMethod]:
    return [_editing(pipe, v) for v in inversions]


def _null_text(pipe, inversions, guidance: float) -> list[FittedMethod]:
    fits = baselines.fit_nulls(pipe, inversions, guidance=guidance, progress=False)
    pairs = zip(inversions, fits, strict=True)
    return [
        _editing(pipe, v, fit.evaluations, null_embeddings=fit.embeddings, guidance=fit.guidance)
        for v, fit in pairs
    ]


def _negative_prompt(pipe, inversions, guidance: float) -> list[FittedMethod]:
    return [_editing(pipe, v, null_embeddings=v.c) for v in inversions]


def _direct_inversion(pipe, inversions, guidance: float) -> list[FittedMethod]:
    return [_editing(pipe, v, follow_inversion=True) for v in inversions]


def _following(editor_of: Callable, *own: str) -> Callable:
    """A method whose target follows its source. ``own``: which of its settings make another editor."""

    def fitted(pipe, v: styledit.Inversion) -> FittedMethod:
        @lru_cache(maxsize=2)
        def editor(choices: tuple[tuple[str, object], ...]) -> styledit.Editor:
            return editor_of(pipe, v, limit=EVERYTHING, automatic=False, **dict(choices))

        def edit(target: str, settings: dict) -> styledit.Edit:
            choices = tuple((name, settings[name]) for name in own if name in settings)
            rest = {name: value for name, value in settings.items() if name not in own}
            return editor(choices).edit(target, progress=False, **rest)

        return FittedMethod(edit)

    return lambda pipe, inversions, guidance: [fitted(pipe, v) for v in inversions]


def _one_call(method: Callable[..., styledit.Edit]) -> Callable:
    """A baseline that fits nothing: each edit is one call."""

    def fit(pipe, inversions, guidance: float) -> list[FittedMethod]:
        def editing(v: styledit.Inversion) -> FittedMethod:
            return FittedMethod(lambda target, settings: method(pipe, v, target, progress=False, **settings))

        return [editing(v) for v in inversions]

    return fit


METHODS = {
    "DDIM + P2P": Method(_ddim_p2p, 1.4),
    "null-text": Method(_null_text, 8.0),
    "negative-prompt": Method(_negative_prompt, 1.4),
    "direct inversion": Method(_direct_inversion, 1.4),
    "MasaCtrl": Method(_one_call(baselines.masactrl), 1.4),
    "Plug-and-Play": Method(_one_call(baselines.plug_and_play), 1.1),
    "negative-prompt, following": Method(
        _following(partial(baselines.negative_prompt_editor, follow=True)), 1.4
    ),
    "proximal guidance": Method(
        _following(baselines.proximal_editor, "quantile", "inversion_guidance", "follow"), 1.4
    ),
    "h-Edit-D": Method(
        _following(partial(baselines.h_edit_editor, random=False), "reference_guidance", "implicit"), 2.4
    ),
    "h-Edit-R": Method(_following(baselines.h_edit_editor, "reference_guidance", "implicit"), 2.4),
    "edit-friendly": Method(_following(baselines.edit_friendly_editor, "source_guidance", "skip"), 1.2),
    "LEDITS++": Method(_following(baselines.ledits_pp_editor, "skip", "quantile", "scale"), 1.3),
    "FlowEdit": Method(_following(baselines.flow_edit_editor, "source_guidance", "skip"), 1.2),
    "DDCM": Method(_following(baselines.ddcm_editor, "source_guidance", "steps"), 1.2),
    "SDEdit": Method(_one_call(baselines.sdedit), 0.8),
    PAPER: Method(_value_inputs("paper"), 35.0, stride=5),  # its fit costs fifteen times ours
    BY_KIND: Method(_value_inputs("default"), 3.7),
    VALUE_INPUTS: Method(_value_inputs_by_table, 3.7),
    OURS: Method(_plain_call, 1.8),
}

# Those that run on the 84 stored cases, which take no longer than twenty minutes; on drawn cases all do.
SHORT = (
    "DDIM + P2P", "null-text", "negative-prompt", "direct inversion", "SDEdit", PAPER, BY_KIND, VALUE_INPUTS,
    OURS,
)  # fmt: skip


def settings_of(name: str, kind: str) -> dict:
    """The settings of a method for a kind of edit; an own method without any gets those of `BY_KIND`."""
    if name in BY_TABLE:
        return {}
    stored = json.loads(SETTINGS.read_text(encoding="utf-8"))
    return stored.get(name, stored[BY_KIND])[kind]


def method_named(name: str) -> Method:
    """One of `METHODS`, or the own method that "module:function" names.

    Raises:
        MethodError: there is no such method, or its function cannot be imported or called.
    """
    return METHODS[name] if name in METHODS else _own(name)


def _own(name: str) -> Method:
    module, colon, function = name.partition(":")
    if not (module and colon and function):
        raise MethodError(
            f"'{name}' is no method: name a function as module:function, or one of {', '.join(METHODS)}."
        )
    try:
        found = getattr(importlib.import_module(module), function, None)
    except Exception as error:
        raise MethodError(
            f"The module '{module}' cannot be imported ({type(error).__name__}: {error}); "
            "it must lie in this folder or be installed."
        ) from error
    if not callable(found):
        raise MethodError(f"The module '{module}' has no function '{function}'.")
    try:
        inspect.signature(found).bind(None, None, "", {})
    except TypeError:
        raise MethodError(
            f"{name} must take four arguments: (pipe, inversion, target_prompt, settings)."
        ) from None

    def fit(pipe, inversions, guidance: float) -> list[FittedMethod]:
        return [FittedMethod(_checked(name, found, pipe, v), None) for v in inversions]

    file = getattr(sys.modules[module], "__file__", None)
    code = "" if file is None else hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
    return Method(fit, seconds=3.0, code=code)


def _checked(name: str, function: Callable, pipe, inversion: styledit.Inversion) -> Callable:
    """The function for one picture; what it raises is printed, and named in one sentence."""

    def edit(target: str, settings: dict) -> styledit.Edit:
        try:
            result = function(pipe, inversion, target, settings)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            raise MethodError(
                f"{name} raised {type(error).__name__} on '{target}'; the lines above say where."
            ) from None
        if not isinstance(result, styledit.Edit):
            raise MethodError(f"{name} must return a styledit.Edit, not {type(result).__name__}.")
        return result

    return edit
