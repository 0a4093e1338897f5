"""The exercises of lesson 05, regularised editing, and of lesson 07, which method.

from styledit.lessons.editing_exercises import check_blend
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image
from torch import Tensor

from styledit.editing import Edit
from styledit.inversion import Inversion, invert
from styledit.lab.edit.samples import judged
from styledit.lessons.exercises.checking import NotYet, answer, call, exercise, noise, number, same
from styledit.lessons.pictures import lesson_picture
from styledit.pipeline import load

# --- lesson 05 --------------------------------------------------------------------------------------


@exercise("05 Taking over", right="old words look where they looked, a new word looks for itself")
def check_take_over(take_over: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> None:
    """Check `take_over(A_src, A_tgt, mapper, has_source)`: the maps that the target uses.

    A_src (heads, HW, N_src), A_tgt (heads, HW, N_tgt), mapper (N_src, N_tgt), has_source (N_tgt,).
    """
    A_src, A_tgt = noise(1, 2, 9, 4)[0].softmax(-1), noise(2, 2, 9, 4)[1].softmax(-1)
    same_place, nobody = torch.eye(4), torch.zeros(4)
    got = answer(take_over, A_src, A_tgt, same_place, nobody + 1)
    same(got, A_src, "where every word has a source, and at its own place, only the source's maps are left.")
    got = answer(take_over, A_src, A_tgt, torch.zeros(4, 4), nobody)
    same(got, A_tgt, "where no word has a source, the target keeps its own maps.")
    longer = noise(2, 2, 9, 5)[1].softmax(-1)
    mapper = torch.zeros(4, 5)
    mapper[[0, 1, 2, 3], [0, 1, 3, 4]] = 1
    got = answer(take_over, A_src, longer, mapper, mapper.sum(0))
    wanted = A_src[..., [0, 1, 1, 2, 3]].clone()
    wanted[..., 2] = longer[..., 2]
    same(got, wanted, "a new word in the middle keeps its own map, and those behind it move up by one.")


@exercise(
    "05 A new word", right="the new word's column is empty, and the words behind it stand one column further"
)
def check_new_word(mapper: Any) -> None:
    """Check a mapper (4, 5) from the tokens "start a car end" to "start a red car end"."""
    if not isinstance(mapper, Tensor):
        raise NotYet(f"a tensor is asked for, not a {type(mapper).__name__}.")
    mapper = mapper.detach().float()
    if mapper.shape != (4, 5):
        raise NotYet(f"one row a source token and one column a target token, not {tuple(mapper.shape)}.")
    if mapper[:, 2].any():
        raise NotYet("whose map could 'red' take over? The source does not say 'red'.")
    for token, row, column in (("start", 0, 0), ("a", 1, 1), ("car", 2, 3), ("end", 3, 4)):
        wanted = torch.zeros(4)
        wanted[row] = 1
        same(mapper[:, column], wanted, f"which token of the source is the target's {token!r}?")


@exercise("05 Local blend", right="outside of where the word looks, the source's latent stays")
def check_blend(blend: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> None:
    """Check `blend(z, z_source, heat, threshold)`: latents (1, C, h, w), a word's map (h, w)."""
    z, z_source = noise(2)
    heat = torch.zeros(6, 6)
    heat[2:4, 1:5] = 0.02
    heat[2, 2] = 0.05
    same(answer(blend, z, z_source, heat, 0.0), z, "with a threshold of 0 every place may change.")
    got = answer(blend, z, z_source, heat, 0.3)
    inside = heat > 0
    if torch.equal(got, torch.where(inside, z_source, z)):
        raise NotYet("the two latents are the wrong way round: where does the word look?")
    if torch.equal(got, z_source):
        raise NotYet("nothing changes by your mask; the threshold is a fraction, of what?")
    same(got, torch.where(inside, z, z_source), "inside the mask the edit, outside it the source.")
    same(
        answer(blend, z, z_source, heat, 0.5),
        torch.where(heat == heat.max(), z, z_source),
        "a map that is half as bright everywhere should give the same mask; what is the brightest place?",
    )


@exercise("05 A cure", right="the judge sees what the sentence says, all of it")
def check_cure(edit: Any) -> None:
    """Check an `Edit` of a picture: the judge names the thing, the place and the style of its prompt."""
    if not isinstance(edit, Edit):
        raise NotYet(f"an edit is asked for, what `editor.edit(...)` returns, not a {type(edit).__name__}.")
    said = set(edit.target_prompt.lower().removesuffix(".").split())
    seen = seen_in(edit.image)
    wrong = {factor: name for factor, name in seen.items() if factor != "colour" and name not in said}
    if wrong:
        factor, name = next(iter(wrong.items()))
        raise NotYet(
            f"the judge takes the {factor} for {name!r}. Which switch holds on to it, or which word?"
            if name in edit.source_prompt
            else f"the judge takes the {factor} for {name!r}, which nobody said: {_too_much_or_little(edit)}."
        )


def _too_much_or_little(edit: Edit) -> str:
    held = [name for name in ("tau_c", "tau_s", "tau_u", "tau_v") if getattr(edit.settings, name)]
    if held:
        return f"too much of the source may still be held, by {' and '.join(held)}"
    return "too little leads to the new words; what of `guidance`?"


# --- lesson 07 --------------------------------------------------------------------------------------


@exercise("07 Case by case", right="a share of cases says what a mean hides")
def check_wins(wins: Callable[[list[float], list[float]], Any]) -> None:
    """Check `wins(mine, theirs)`: on which share of the cases mine is higher, from 0 to 1."""
    if number(call(wins, [3.0, 4.0, 5.0, 6.0], [1.0, 1.0, 1.0, 1.0])) != 1:
        raise NotYet("mine is higher in every case of four here; as a share, from 0 to 1.")
    if number(call(wins, [20.0, 20.0], [21.0, 10.0])) != 0.5:
        raise NotYet("one case each: it does not matter by how much.")
    if number(call(wins, [20.0, 18.0, 17.0, 16.0], [20.0, 19.0, 16.0, 17.0])) != 0.25:
        raise NotYet("a tie is no win, and each case is held against the same case.")


@exercise("07 The front", right="what another method beats twice need not be looked at again")
def check_front(front: Callable[[dict[str, tuple[float, float]]], Any]) -> None:
    """Check `front({name: (a, b)})`: the names that no other beats in both numbers, higher being better."""
    for table, wanted, hint in (
        ({"A": (1.0, 1.0)}, {"A"}, "a method that is alone is beaten by nobody."),
        ({"A": (1.0, 9.0), "B": (9.0, 1.0)}, {"A", "B"}, "each of these two is better in one number."),
        ({"A": (1.0, 1.0), "B": (2.0, 2.0)}, {"B"}, "B beats A in both numbers."),
        (
            {"A": (5.0, 5.0), "B": (4.0, 6.0), "C": (3.0, 4.0), "D": (9.0, 1.0)},
            {"A", "B", "D"},
            "of these four, only C is beaten twice by one and the same other.",
        ),
        ({"A": (5.0, 5.0), "B": (5.0, 4.0)}, {"A", "B"}, "a tie in one number is not beaten in both."),
    ):
        found = call(front, table)
        if not isinstance(found, (list, tuple, set, frozenset)) or not set(found) <= set(table):
            raise NotYet("return the names, in a list.")
        if set(found) != wanted:
            raise NotYet(hint)


@exercise("07 A method of your own", right="it takes any picture and any sentence, and returns an edit")
def check_method(method: Callable[..., Any]) -> None:
    """Check `method(pipe, inversion, target_prompt, settings)`, which returns an `Edit`."""
    if not callable(method):
        raise NotYet("a function is graded here; give its name without brackets.")
    try:
        inspect.signature(method).bind(None, None, "", {})
    except TypeError:
        raise NotYet("it is called with four arguments: pipe, inversion, target_prompt, settings.") from None
    pipe, inversion = _small()
    words = inversion.prompt.split()
    made = []
    for place in ("snow", "forest"):
        target = " ".join([*words[:-1], place])
        made.append(call(method, pipe, inversion, target, {"guidance": 3.0}))
        if not isinstance(made[-1], Edit):
            kind = type(made[-1]).__name__
            raise NotYet(f"the table measures a `styledit.Edit`, and what came back is of type {kind}.")
        if made[-1].target_prompt != target:
            raise NotYet("the edit is not of the target prompt that it was given.")
    snow, forest = (np.asarray(edit.image) for edit in made)
    if np.array_equal(snow, forest):
        raise NotYet("two sentences give the same picture; does anything read `target_prompt`?")


@cache
def _small() -> tuple[StableDiffusionPipeline, Inversion]:
    """The embedded model and a picture of it, inverted in two steps: enough to see whether a method runs."""
    pipe = load()
    picture = lesson_picture(pipe, "car")
    return pipe, invert(pipe, picture.image, picture.prompt, 2, progress=False)


# --- what both lessons look with --------------------------------------------------------------------


def seen_in(picture: Image.Image, side: str | None = None) -> dict[str, str]:
    """What the kit's judge, a small network that names things, sees: object, colour, place and style; of two
    things, those of one `side` of the picture, "left" or "right".
    """
    return judged(picture, side)


def table_html(
    rows: Mapping[str, Sequence[str]], head: Sequence[str], best: Sequence[Sequence[str]] = ()
) -> str:
    """A table of a lesson as HTML, in letters that are read from the last row.

    Args:
        rows: {name: cells}.
        head: the names of the columns, that of the first one included.
        best: for each column of cells, the names of the rows whose cell is set in bold.
    """
    left = "text-align:left;padding:3px 14px 3px 0"
    right = "text-align:right;padding:3px 14px"
    lines = ["".join(f'<th style="{right if k else left}">{name}</th>' for k, name in enumerate(head))]
    for name, cells in rows.items():
        marked = [
            f"<b>{cell}</b>" if k < len(best) and name in best[k] else cell for k, cell in enumerate(cells)
        ]
        line = f'<td style="{left}">{name}</td>'
        lines.append(line + "".join(f'<td style="{right}">{cell}</td>' for cell in marked))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="font-size:16px;margin:0.4em 0">{body}</table>'
