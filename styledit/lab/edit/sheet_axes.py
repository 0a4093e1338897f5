"""What a contact sheet can vary: a setting, one of a word, the method, a parameter of its own, the prompt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from styledit.lab.edit.methods import DDIM, DIRECT, FOLLOW, SETTINGS, TABLE, VALUES
from styledit.lab.edit.requests import EditRequest

Value = float | bool | str | tuple[str, ...]
Kind = Literal["number", "switch", "words", "method", "prompt"]
FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
GUIDANCES = (1.0, 2.0, 3.0, 5.0, 7.5)
METHOD, PROMPT = "method", "prompt"
FIRST_METHODS = (FOLLOW, VALUES, DIRECT, DDIM)
NONE = "none"  # how an empty list of words is typed
SWITCH = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}


@dataclass(frozen=True)
class AxisKind:
    """One thing that a sheet can vary, by its name.

    `label`: in a choice; `short`: before a value in a row's or column's label; `values`: what to begin with,
    beside the present one; `least`, `most`: the range of a number, None where there is no end; `by_word`:
    whether it is of one word; `whole`: whether its numbers are.
    """

    name: str
    label: str
    short: str
    kind: Kind = "number"
    values: tuple[float | str, ...] = FRACTIONS
    least: float | None = 0.0
    most: float | None = 1.0
    by_word: bool = False
    whole: bool = False


def _axes() -> list[AxisKind]:
    """All of them, in the order of the page's choice."""
    parameters = {
        parameter.name: (method, parameter) for method in TABLE.values() for parameter in method.parameters
    }
    return [
        AxisKind("tau_c", "Keep where things are τc", "tau_c"),
        AxisKind("tau_s", "Keep shapes τs", "tau_s"),
        AxisKind("tau_u", "Keep shapes, unprompted τu", "tau_u"),
        AxisKind("tau_v", "Stay near the picture τv", "tau_v"),
        AxisKind("guidance", "Guidance", "guidance", values=GUIDANCES, least=None, most=None),
        AxisKind(METHOD, "Method", "", "method", FIRST_METHODS),
        AxisKind(PROMPT, "Target prompt", "", "prompt", ()),
        *(
            AxisKind(
                name,
                f"{parameter.label} of {method.name}",
                name,
                values=parameter.values,
                least=parameter.least,
                most=parameter.most,
                whole=parameter.step == int(parameter.step),
            )
            for name, (method, parameter) in parameters.items()
        ),
        AxisKind("guide_from_source", "Guide from the source", "guide from the source", "switch", ()),
        AxisKind("keep_details", "Keep details", "details", "switch", ()),
        AxisKind("blend", "Blend words", "blend", "words", ()),
        AxisKind("blend_threshold", "Threshold of the blend words", "threshold"),
        AxisKind("tau_c_words", "Keep where things are τc, of one word", "tau_c", by_word=True),
        AxisKind("tau_v_words", "Stay near the picture τv, of one word", "tau_v", by_word=True),
        AxisKind(
            "reweight", "Strength × of one word", "factor", values=(-1.0, 0.0, 1.0, 2.0, 4.0),
            least=None, most=None, by_word=True,
        ),
        AxisKind("tau_v_changed", "Stay near the picture τv, of new words", "tau_v of new words"),
        AxisKind("tau_v_padding", "Stay near the picture τv, of end and padding", "tau_v of padding"),
    ]  # fmt: skip


AXES = {kind.name: kind for kind in _axes()}


@dataclass(frozen=True)
class Axis:
    """A kind with the values that a sheet has of it; `word`: whose setting it is, where it is of one word."""

    kind: AxisKind
    values: tuple[Value, ...]
    word: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any] | None, methods: Sequence[str]) -> Axis | None:
        """What the page asks for; None for no axis.

        Args:
            given: {"name", "values": what was typed, one text or number each, "word"}.
            methods: the names of all.

        Raises:
            ValueError: no such axis, no values, or one that cannot be read.
        """
        if not given:
            return None
        name = str(given.get("name"))
        if name not in AXES:
            raise ValueError(f"A grid of settings cannot vary {name!r}; choose from {', '.join(AXES)}.")
        kind = AXES[name]
        word = str(given.get("word") or "").strip()
        if kind.by_word and not word:
            raise ValueError(f"Choose the word whose {kind.short} is to vary.")
        texts = [str(value).strip() for value in given.get("values") or ()]
        values = tuple(dict.fromkeys(_read(kind, text, methods) for text in texts if text))
        if not values:
            raise ValueError(f"Give values for {kind.label}, {_example(kind)}.")
        return cls(kind, values, word if kind.by_word else "")

    @property
    def title(self) -> str:
        """What it varies."""
        return f"{self.kind.short or self.kind.label.lower()}{f' of {self.word}' if self.word else ''}"

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each value."""
        if not self.kind.short:
            return tuple(map(str, self.values))
        return tuple(f"{self.title} {_shown(value)}" for value in self.values)

    def before_settings(self, request: EditRequest, value: Value) -> EditRequest:
        """The request with another prompt, method or parameter; the same where a setting varies."""
        name = self.kind.name
        if name == PROMPT:
            return replace(request, prompt=str(value))
        if name == METHOD:
            return replace(request, method=str(value))
        if name not in SETTINGS:
            return replace(request, parameters={**request.parameters, name: value})
        return request

    def changed(self, settings: Mapping[str, Any], value: Value) -> dict[str, Any]:
        """The settings with this value, where it is one of them."""
        name = self.kind.name
        if name not in settings:
            return dict(settings)
        if self.kind.by_word:
            return {**settings, name: {**settings[name], self.word: value}}
        return {**settings, name: list(value) if isinstance(value, tuple) else value}


def _read(kind: AxisKind, text: str, methods: Sequence[str]) -> Value:
    """A value as it was typed."""
    readers: dict[Kind, Callable[[], Value]] = {
        "number": lambda: _number(kind, text),
        "switch": lambda: _chosen(kind, text.lower(), SWITCH),
        "method": lambda: _chosen(kind, text, {name: name for name in methods}),
        "words": lambda: () if text == NONE else tuple(filter(None, map(str.strip, text.split("+")))),
        "prompt": lambda: text,
    }
    return readers[kind.kind]()


def _number(kind: AxisKind, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number; give {kind.label} values {_example(kind)}.") from None
    low = -float("inf") if kind.least is None else kind.least
    high = float("inf") if kind.most is None else kind.most
    if not (low <= number <= high and abs(number) < float("inf")):
        bounds = "be finite" if kind.least is None else f"lie between {kind.least:g} and {kind.most:g}"
        raise ValueError(f"{kind.label} must {bounds}, not {text}; write values {_example(kind)}.")
    if kind.whole and number != int(number):
        raise ValueError(f"{kind.label} takes whole numbers, not {text}.")
    return int(number) if kind.whole else number


def _chosen(kind: AxisKind, text: str, known: Mapping[str, Any]) -> Any:
    if text not in known:
        raise ValueError(f"{kind.label} cannot be {text!r}; choose from {', '.join(known)}.")
    return known[text]


def _example(kind: AxisKind) -> str:
    if kind.kind == "number":
        return f"such as {', '.join(f'{value:g}' for value in kind.values[:3])}"
    return {"switch": "yes, no", "prompt": "one prompt a line", "words": "such as none, car, car + snow"}.get(
        kind.kind, "one at least"
    )


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " + ".join(value) or NONE
    return value if isinstance(value, str) else f"{value:g}"
