"""Lesson 04, holding and shaping maps."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from styledit.editing import Edit
from styledit.lab.edit.samples import judged
from styledit.lessons.exercises.checking import NotYet, answer, call, exercise, kind_of, noise, same
from styledit.objectives import sparsity
from styledit.prompts import find_word


@exercise("04 A pull", right="each step is held by the maps of its own moment, and down the slope is nearer")
def check_pull(pull: Callable[..., Tensor]) -> None:
    """Check `pull(z, i, rate, maps_of, A_hat)`: z minus rate times the gradient of L1 between the maps of z,
    `maps_of(z, i)`, and those of the inversion at the same step, `A_hat(i)`.
    """
    z, *others = noise(4)
    kept = [maps.flatten(2).mT.softmax(-1) for maps in others]  # (heads, HW, N), one head

    def maps_of(z: Tensor, i: int) -> dict[str, Tensor]:
        return {"layer": (z.flatten(2).mT * (i + 1)).softmax(-1)}

    def A_hat(i: int) -> dict[str, Tensor]:
        return {"layer": kept[i]}

    def moved(i: int, by: float, held: int) -> Tensor:
        at = z.clone().requires_grad_()
        (slope,) = torch.autograd.grad((maps_of(at, i)["layer"] - kept[held]).abs().mean(), at)
        return z - by * slope

    for i in range(3):
        got = answer(pull, z, i, 100.0, maps_of, A_hat)
        if i and torch.allclose(got, moved(i, 100.0, 0), atol=1e-4):
            raise NotYet(
                "right at the first step and at no other. Which moment of the inversion is step i held by?"
            )
        if torch.allclose(got, moved(i, -100.0, i), atol=1e-4):
            raise NotYet("after your pull the maps are farther apart than before it.")
        if torch.allclose(got, z, atol=1e-6):
            raise NotYet("nothing moved; a rate of 100 should move the latent.")
        same(got, moved(i, 100.0, i), f"at step {i} the latent moves, but not down the slope of L1.", 1e-4)
    same(answer(pull, z, 1, 0.0, maps_of, A_hat), z, "at rate 0 the latent should stay what it is.")


@exercise("04 Sparsity", right="0 for a single pixel, 1 where all are alike, whatever the map's size")
def check_entropy(entropy: Callable[[Tensor], Tensor]) -> None:
    """Check `entropy(heat)`: the entropy of a map (h, w), as a fraction of the largest it could have."""
    even = answer(entropy, torch.full((4, 4), 0.3))
    if torch.allclose(even.double(), torch.tensor(math.log(16)).double(), atol=1e-3):
        raise NotYet("that is the entropy itself; a larger map could have more of it. Make 1 the most.")
    same(even, torch.tensor(1.0), "a map that is the same everywhere should have 1.", 1e-3)
    half = torch.zeros(4, 4)
    half[:2] = 3.0
    same(
        answer(entropy, half + 1e-9),
        torch.tensor(0.75),
        "a map is no distribution yet: first its pixels must add up to 1.",
        1e-3,
    )
    one = torch.zeros(4, 4)
    one[1, 2] = 1.0
    same(answer(entropy, one + 1e-9), torch.tensor(0.0), "one pixel alone should have 0.", 1e-3)
    if torch.as_tensor(call(entropy, one)).isnan().any():
        raise NotYet("right but for a map with zeros: 0 ln 0 counts as 0, and a computer says nan.")


@exercise("04 A good number", right="what is pulled at says nothing of the picture any more")
def check_broken(edit: Edit, unpulled: Edit, word: str) -> None:
    """Check an edit whose word is sparser than in the edit that was not pulled, and whose picture the judge
    no longer names so.
    """
    if not isinstance(edit, Edit):
        raise NotYet(f"an edit is asked for, as `pulled` makes it, not {kind_of(edit)}.")
    if edit.maps is None or unpulled.maps is None:
        raise NotYet("its maps were not recorded; `pulled` with `loose` records them.")
    if edit.target_prompt != unpulled.target_prompt:
        raise NotYet(f"its prompt should be {unpulled.target_prompt!r}: the word is to stay in it.")
    number, before = _sparsity(edit, word), _sparsity(unpulled, word)
    if number >= before:
        raise NotYet(f"its sparsity is {number:.3f}, without a pull it is {before:.3f}; sparser is lower.")
    if judged(edit.image)["object"] == word:
        raise NotYet(
            f"the number is better ({number:.3f}), and the judge still sees a {word}. How far can you pull?"
        )


def _sparsity(edit: Edit, word: str) -> float:
    """The sparsity of a word's maps, the mean over steps and recorded layers."""
    assert edit.maps is not None
    tokens = find_word(edit.maps.words, word)
    count = len(next(iter(edit.maps.layers.values())))
    steps = range(count) if edit.maps.steps is None else edit.maps.steps
    return float(sum(sparsity(edit.maps.step(i), tokens) for i in steps) / count)
