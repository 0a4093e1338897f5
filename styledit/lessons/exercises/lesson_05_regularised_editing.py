"""Lesson 05, regularised editing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from styledit.editing import Edit
from styledit.lab.edit.samples import judged
from styledit.lessons.exercises.checking import NotYet, answer, exercise, noise, same


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
    words = set(edit.target_prompt.lower().removesuffix(".").split())
    seen = judged(edit.image)
    wrong = {factor: name for factor, name in seen.items() if factor != "colour" and name not in words}
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
