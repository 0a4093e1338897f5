"""The exercises' checks accept the right answer, refuse plausible wrong ones with a hint, and remember."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import styledit
from styledit import Layers, Record
from styledit.editing import Edit, Settings
from styledit.lab.edit.samples import Challenge, challenges, judged
from styledit.lessons import exercises, lesson_picture
from styledit.lessons.exercises.lesson_07_which_method import follow
from styledit.lessons.exercises.predictions import judge_prediction
from styledit.lessons.progress import progress_file
from styledit.maps import AttentionMaps
from styledit.objectives import gram
from styledit.prompts import Word

CAR = Path(__file__).resolve().parent.parent / "data" / "images" / "01_car.png"


@pytest.fixture(autouse=True)
def own_record(tmp_path, monkeypatch):
    """No test writes to the record of whoever runs it."""
    monkeypatch.setenv("STYLEDIT_PROGRESS", str(tmp_path / "deep" / "progress.jsonl"))


# --- answers, by lesson -----------------------------------------------------------------------------

RIGHT: dict[str, Any] = {}  # {check: a right answer}
WRONG: list[tuple[str, Any, str]] = []  # a check, a wrong answer, a part of its hint


class Made:
    """An answer that is made when it is needed, from what it is graded with."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make


# 00

RIGHT |= {"check_target": "A plain sticker of a red car in the forest."}
WRONG += [
    ("check_target", "a plain sticker of a red car on the moon", "does not know 'moon'"),
    ("check_target", "a plain sticker of a red car on the beach", "nothing would change"),
    ("check_target", "a plain sticker of a blue car in the snow", "word for word"),
    ("check_target", "a plain sticker of a red car", "ends too early"),
    ("check_target", "a plain sticker of a red car in the beach", "still the same"),
    ("check_target", ["in the snow"], "not a list"),
]

# 01


def walk(network, z_0, abar, t):
    z = z_0
    for i in range(len(t) - 1, 0, -1):
        z = moved(z, network(z, t[i]), abar[i], abar[i - 1])
    return z


def moved(z, eps, abar, abar_next):
    x0 = (z - (1 - abar) ** 0.5 * eps) / abar**0.5
    return abar_next**0.5 * x0 + (1 - abar_next) ** 0.5 * eps


def walk_told_where_it_arrives(network, z_0, abar, t):
    z = z_0
    for i in range(len(t) - 1, 0, -1):
        z = moved(z, network(z, t[i - 1]), abar[i], abar[i - 1])
    return z


def walk_that_asks_the_beginning(network, z_0, abar, t):
    return walk(lambda z, told: network(z_0, told), z_0, abar, t)


def walk_that_stops_early(network, z_0, abar, t):
    z = z_0
    for i in range(len(t) - 1, 1, -1):
        z = moved(z, network(z, t[i]), abar[i], abar[i - 1])
    return z


def mean_colour(pixels):
    return pixels.mean((2, 3), keepdim=True).expand_as(pixels)


def rows_alone(pixels):
    """Each row in its mean colour: sky, sea and sand."""
    return pixels.mean(3, keepdim=True).expand_as(pixels)


RIGHT |= {
    "check_estimate": lambda z, eps, abar: (z - (1 - abar).sqrt() * eps) / abar.sqrt(),
    "check_walk": walk,
    "check_guidance": lambda uncond, cond, w: (1 - w) * uncond + w * cond,
    "check_no_car": rows_alone,
}
WRONG += [
    ("check_estimate", lambda z, eps, abar: z - (1 - abar).sqrt() * eps, "gives that picture back"),
    ("check_estimate", lambda z, eps, abar: eps, "the picture already"),
    ("check_walk", walk_told_where_it_arrives, "which level and timestep"),
    ("check_walk", walk_that_stops_early, "not the walk yet"),
    ("check_walk", lambda network, z_0, abar, t: z_0, "not the walk yet"),
    ("check_walk", lambda network, z_0, abar, t: network(z_0, 0)[:, :1], "shape"),
    ("check_guidance", lambda uncond, cond, w: cond + w * (cond - uncond), "w = 1"),
    ("check_guidance", lambda uncond, cond, w: cond[:, :1], "shape"),
    ("check_no_car", lambda pixels: pixels, "the car can still be seen"),
    ("check_no_car", mean_colour, "are asked for"),
    ("check_no_car", lambda pixels: pixels[:, :1], "shape"),
]


def test_a_loop_as_it_was_given_is_no_answer_yet() -> None:
    verdict = exercises.check_walk.grade(walk_that_asks_the_beginning)
    assert verdict.passed is None and "as it was given" in verdict.text
    verdict = exercises.check_heads.grade(interleaved)
    assert verdict.passed is None and "as it was given" in verdict.text


# 02


def attention(Q, K):
    return torch.softmax(Q @ K.mT * Q.shape[-1] ** -0.5, -1)


def heads_apart(x, heads):
    return torch.stack(x.chunk(heads, -1), 1)


def interleaved(x, heads):
    return x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2)


def best_choice(maps, mask):
    """The layer, head and step whose map of the word is read on the mask the most."""

    def on(choice):
        layer, head, step = choice
        heat = maps.select(layers=layer, heads=head).word("beach", steps=step)
        return float(heat[torch.from_numpy(mask)].sum() / heat.sum())

    layers = maps.layers.items()
    choices = [(layer, head, 0) for layer, of in layers for head in range(of.shape[1])]
    return max(choices, key=on)


RIGHT |= {
    "check_attention": attention,
    "check_heads": heads_apart,
    "check_choice": Made(best_choice),
}
WRONG += [
    ("check_attention", lambda Q, K: torch.softmax(Q @ K.mT, -1), "too sharp or too flat"),
    ("check_attention", lambda Q, K: torch.softmax(Q @ K.mT / 2, -2), "over which axis"),
    ("check_attention", lambda Q, K: Q @ K.mT / 2, "add up to 1"),
    ("check_heads", lambda x, heads: x.unflatten(-1, (heads, -1)), "shape"),
    ("check_heads", lambda x, heads: heads_apart(x, heads).flip(1), "the first head"),
    ("check_choice", "up_blocks.2", "not a str"),
    ("check_choice", ("up_blocks.2.attentions.0.transformer_blocks.0.attn2", 99, 0), "no such map"),
    ("check_choice", Made(lambda maps, mask: (next(iter(maps.layers)), 0, 0)), "as it covers"),
]

# 03


def by_word(c, s, b, new):
    return torch.where(new[:, None], c, c * s + b)


RIGHT |= {
    "check_value_input": lambda c, s, b: s * c + b,
    "check_guess": lambda c, null, w: (w - 1) / w * (null - c),
    "check_cost": lambda iterations: 3 * sum(iterations) + 2 * len(iterations),
    "check_by_word": by_word,
}
WRONG += [
    ("check_value_input", lambda c, s, b: (c + b) * s, "is the shift stretched"),
    ("check_value_input", lambda c, s, b: s, "s = 1"),
    ("check_guess", lambda c, null, w: null - c, "w = 1"),
    ("check_guess", lambda c, null, w: (1 - 1 / w) * (c - null), "c should come out"),
    ("check_cost", lambda iterations: 3 * sum(iterations), "still walks"),
    ("check_cost", lambda iterations: sum(iterations) + 2 * len(iterations), "the way back"),
    ("check_cost", lambda iterations: 3 * sum(iterations) + len(iterations), "both prices"),
    ("check_cost", lambda iterations: len(iterations) * (3 * iterations[0] + 2), "both prices"),
    ("check_cost", lambda iterations: 3 * (iterations[0] > 0) + 2 * len(iterations), "is each counted"),
    ("check_cost", lambda iterations: (8, 3), "not a tuple"),
    ("check_by_word", lambda c, s, b, new: c * s + b, "a new word is the prompt's own"),
    ("check_by_word", lambda c, s, b, new: c, "every row is a value input"),
    ("check_by_word", lambda c, s, b, new: c if new.any() else c * s + b, "which rows"),
    ("check_by_word", lambda c, s, b, new: by_word(c, s, b, ~new), "without any new word"),
]

# 04


def pull(z, i, rate, maps_of, A_hat, *, held_by=lambda i: i):
    z = z.detach().requires_grad_()
    A, kept = maps_of(z, i), A_hat(held_by(i))
    (slope,) = torch.autograd.grad(sum((A[layer] - kept[layer]).abs().mean() for layer in A), z)
    return (z - rate * slope).detach()


def pull_by_l2(z, i, rate, maps_of, A_hat):
    z = z.detach().requires_grad_()
    A, kept = maps_of(z, i), A_hat(i)
    (slope,) = torch.autograd.grad(sum((A[layer] - kept[layer]).square().mean() for layer in A), z)
    return (z - rate * slope).detach()


def entropy(heat):
    p = (heat / heat.sum()).flatten()
    return -torch.special.xlogy(p, p).sum() / torch.log(torch.tensor(float(len(p))))


def entropy_without_xlogy(heat):
    p = (heat / heat.sum()).flatten()
    return -(p * p.log()).sum() / math.log(len(p))


FOX = "a plain sticker of a fox in the snow"


def with_map(cells: int, picture: Image.Image, prompt: str = FOX) -> Edit:
    """An edit in which the fox looks at so many of 16 cells, alike."""
    row = torch.zeros(1, 1, 16, 3)  # (step, head, pixel, token)
    row[:, :, :cells, 1] = 1 / cells
    maps = AttentionMaps({"one": row}, {"one": (4, 4)}, (Word("fox", (1,)),), (128, 128))
    return replace(edit_of(picture, prompt), maps=maps)


RIGHT |= {
    "check_pull": pull,
    "check_entropy": entropy,
    "check_broken": Made(lambda: with_map(2, car())),
}
WRONG += [
    ("check_pull", lambda *given: pull(*given, held_by=lambda i: 0), "at the first step and at no other"),
    ("check_pull", lambda z, i, rate, *given: pull(z, i, -rate, *given), "farther apart"),
    ("check_pull", lambda z, *given: z, "nothing moved"),
    ("check_pull", pull_by_l2, "not down the slope of L1"),
    ("check_pull", lambda z, i, rate, *given: pull(z, i, 100.0, *given), "at rate 0"),
    ("check_entropy", lambda heat: -(heat * heat.log()).sum(), "not yet"),
    ("check_entropy", lambda heat: entropy(heat) * torch.tensor(16.0).log(), "Make 1 the most"),
    ("check_entropy", lambda heat: 1 - entropy(heat), "should have 1"),
    ("check_entropy", entropy_without_xlogy, "zeros"),
    ("check_broken", 3000, "an edit is asked for"),
    ("check_broken", Made(lambda: edit_of(car(), FOX)), "not recorded"),
    ("check_broken", Made(lambda: with_map(2, car(), "a plain sticker of a car")), "the word is to stay"),
    ("check_broken", Made(lambda: with_map(12, car())), "sparser is lower"),
    ("check_broken", Made(lambda: with_map(2, fox())), "still sees a fox"),
]

# 05


def mapper(*pairs):
    made = torch.zeros(4, 5)
    for row, column in pairs:
        made[row, column] = 1
    return made


def blend(z, z_source, heat, threshold):
    return torch.where(heat >= threshold * heat.max(), z, z_source)


def blend_the_wrong_way(z, z_source, heat, threshold):
    return blend(z, z_source, heat, 0) if threshold == 0 else blend(z_source, z, heat, threshold)


def car() -> Image.Image:
    return Image.open(CAR).convert("RGB")


def fox() -> Image.Image:
    return Image.open(CAR.with_name("00_fox.png")).convert("RGB")


def edit_of(image, prompt="a plain sticker of a red car in the snow") -> Edit:
    """An edit that shows a picture."""
    latents = torch.zeros(2, 1, 20, 16, 16)
    source = "a plain sticker of a red car on the beach"
    return Edit(image, image, source, prompt, latents, latents, None, Settings())


RIGHT |= {
    "check_take_over": lambda s, t, m, has: s @ m * has + t * (1 - has),
    "check_new_word": mapper((0, 0), (1, 1), (2, 3), (3, 4)),
    "check_blend": blend,
    "check_cure": Made(lambda: edit_of(car(), "a plain sticker of a red car on the beach.")),
}
WRONG += [
    ("check_take_over", lambda s, t, m, has: s, "keeps its own maps"),
    ("check_take_over", lambda s, t, m, has: t, "only the source's maps"),
    ("check_take_over", lambda s, t, m, has: s @ m + t * (1 - m.sum(0).max()), "keeps its own map, and"),
    ("check_new_word", [[1, 0]], "not a list"),
    ("check_new_word", torch.eye(5), "one row a source token"),
    ("check_new_word", torch.eye(4, 5), "whose map"),
    ("check_new_word", mapper((0, 0), (1, 1), (2, 3)), "the target's 'end'"),
    ("check_blend", lambda z, s, heat, t: blend(s, z, heat, t), "with a threshold of 0"),
    ("check_blend", lambda z, s, heat, t: torch.where(heat >= t, z, s), "a fraction, of what"),
    ("check_blend", blend_the_wrong_way, "the wrong way"),
    ("check_blend", lambda z, s, heat, t: torch.where(heat >= t * 0.02, z, s), "half as bright"),
    ("check_cure", Made(car), "an edit is asked for"),
    ("check_cure", Made(lambda: edit_of(car())), "the place for 'beach'. Which switch"),
    ("check_cure", Made(lambda: edit_of(car(), "a plain sticker of a heart on the beach")), "for 'car'"),
]

# 06


def follow_inversion(pipe, inversion, target, settings) -> Edit:
    editor = styledit.Editor(pipe, inversion, follow_inversion=True)
    return editor.edit(target, guidance=settings["guidance"], progress=False)


def edit_the_source(pipe, inversion, target, settings) -> Edit:
    return follow_inversion(pipe, inversion, inversion.prompt, settings)


def give_back(pipe, inversion, target, settings) -> Edit:
    edit = follow_inversion(pipe, inversion, target, settings)
    return replace(edit, image=edit.reconstruction)


def first_step_at_15(before, after, T):
    return math.ceil(min(before, after) * T) if T < 50 else min(before, after) * T


def blind() -> Challenge:
    """The challenge that doing nothing wins, by its number of dB."""
    return challenges()[1]


RIGHT |= {
    "check_first_step": lambda before, after, T: math.ceil(round(min(before, after) * T, 6)),
    "check_fooled_score": Made(lambda: blind().picture),
    "check_lab_method": follow_inversion,
}
WRONG += [
    ("check_first_step", lambda before, after, T: before * T, "same steps"),
    ("check_first_step", lambda before, after, T: max(before, after) * T, "Where do they part"),
    ("check_first_step", lambda before, after, T: round(min(before, after) * 15), "know T"),
    ("check_first_step", lambda before, after, T: round(min(before, after) * T), "on or off"),
    ("check_first_step", first_step_at_15, "a whole number"),
    ("check_fooled_score", 3, "a picture is asked for"),
    ("check_fooled_score", Made(lambda: blind().picture.resize((64, 64))), "(64, 64)"),
    ("check_fooled_score", Made(lambda: Image.new("RGB", (128, 128))), "source and truth agree"),
    ("check_fooled_score", Made(lambda: blind().truth), "a better edit"),
    ("check_lab_method", 3, "without brackets"),
    ("check_lab_method", lambda: 1, "stopped with TypeError"),
    ("check_lab_method", lambda *_: "edit", "returned a str"),
    ("check_lab_method", edit_the_source, "target passed on"),
    ("check_lab_method", give_back, "comes back as it was"),
]

# 07


def strict_front(table):
    return {name for name, (a, b) in table.items() if not any(c > a and d > b for c, d in table.values())}


def front(table):
    def dominated(a, b):
        return any(c >= a and d >= b and (c, d) != (a, b) for c, d in table.values())

    return [name for name, numbers in table.items() if not dominated(*numbers)]


def without_ties(table):
    """No method of which another is at least as good in both numbers."""
    return [
        name
        for name, (a, b) in table.items()
        if not any(other != name and c >= a and d >= b for other, (c, d) in table.items())
    ]


def follow_wrongly(z, levels, noise, w_src, w_hat, w, at="the target", root=True):
    """Lesson 07's suspicious loop, or one that forgets the root of abar."""
    sigma = ((1 - levels) / levels).sqrt()
    delta = torch.zeros_like(z[0])
    for i in range(len(z) - 1):
        x = z[i] + (levels[i].sqrt() if root else 1) * delta
        n, s, _ = noise(x if at == "the target" else z[i], i)
        e_src = n + w_src * (s - n)
        n, s, t = noise(x, i)
        e_tgt = n + w_src * (s - n) + w * (t - n) - w_hat * (s - n)
        delta = delta - (sigma[i] - sigma[i + 1]) * (e_tgt - e_src)
    return z[-1] + levels[-1].sqrt() * delta


def ignore_the_sentence(pipe, inversion, target_prompt, settings) -> Edit:
    return edit_of(edit_the_source(pipe, inversion, target_prompt, settings).image, target_prompt)


RIGHT |= {
    "check_follow": follow,
    "check_front": front,
    "check_method": follow_inversion,
}
WRONG += [
    ("check_follow", follow_wrongly, "At which latent"),
    ("check_follow", partial(follow_wrongly, at="the source", root=False), "At which latent"),
    (
        "check_follow",
        lambda z, levels, noise, w_src, w_hat, w: follow(z, levels, noise, w_src, 1, w),
        "z[-1]",
    ),
    ("check_front", lambda table: list(table), "beats A in both"),
    ("check_front", lambda table: [max(table, key=table.get)], "better in one number"),
    ("check_front", lambda table: 2, "the names"),
    ("check_front", lambda table: [name for name in front(table) if len(table) > 1], "that is alone"),
    ("check_front", without_ties, "two equal methods"),
    ("check_method", lambda pipe, inversion, target: None, "four arguments"),
    ("check_method", lambda pipe, inversion, target, settings: inversion.image, "of type Image"),
    ("check_method", edit_the_source, "not of the target"),
    ("check_method", ignore_the_sentence, "the same picture"),
    ("check_method", lambda p, v, t, s: 1 / 0, "ZeroDivisionError"),
    ("check_method", 3, "without brackets"),
]

# 08

RIGHT |= {
    "check_map_bytes": lambda heads, h, w, keys: 2 * heads * h * w * keys,
    "check_record": Record(Layers(kind="self", scales=(4, 8)), steps=range(0, 50, 5)),
}
WRONG += [
    ("check_map_bytes", lambda heads, h, w, keys: heads * h * w * keys, "how many bytes"),
    ("check_map_bytes", lambda heads, h, w, keys: 2 * h * w * keys, "each head"),
    ("check_map_bytes", lambda heads, h, w, keys: 2 * heads * h * h * keys, "16 × 8"),
    ("check_record", Record(Layers(kind="self")), "66.7 GiB"),
    ("check_record", Record(Layers()), "no self-attention"),
    ("check_record", "self", "not a str"),
]

# 09


def gram_loss(F, other):
    return sum((gram(a) - gram(b)).square().sum() for a, b in zip(F, other, strict=True))


def loss_of(statistic):
    return lambda F, other: sum(
        (statistic(a) - statistic(b)).square().sum() for a, b in zip(F, other, strict=True)
    )


def watercolour() -> Image.Image:
    return Image.open(CAR.with_name("02_cat.png")).convert("RGB")


def true_cosine(picture: Image.Image) -> float:
    """A stand-in for CLIP, which takes every drawing but the fox for what was asked."""
    return 0.5 if picture.tobytes() == fox().tobytes() else 0.95


RIGHT |= {
    "check_style_loss": gram_loss,
    "check_fooled_clip": Made(car),
}
WRONG += [
    ("check_style_loss", loss_of(lambda F: F), "moved along"),
    ("check_style_loss", lambda F, other: F[0].sum() * 0, "should cost something"),
    ("check_style_loss", lambda F, other: gram_loss(F, other) + 1, "held against itself"),
    ("check_style_loss", loss_of(lambda F: F.mean((2, 3))), "look at products"),
    ("check_style_loss", loss_of(lambda F: F.square().mean()[None]), "which feature is which"),
    ("check_fooled_clip", 0.95, "a picture is asked for"),
    ("check_fooled_clip", Made(fox), "no true drawing has more"),
    ("check_fooled_clip", Made(watercolour), "an honest picture"),
]

# A1


def rate(step, steps, peak):
    return peak * min(1, (step + 1) / 300, (steps - step) / (0.3 * steps))


RIGHT |= {
    "check_belief": lambda z, v, abar: abar.sqrt() * z - (1 - abar).sqrt() * v,
    "check_rate": rate,
}
WRONG += [
    ("check_belief", lambda z, v, abar: abar.sqrt() * z + (1 - abar).sqrt() * v, "which sign"),
    ("check_belief", lambda z, v, abar: v, "ᾱ = 1"),
    ("check_belief", lambda z, v, abar: abar * z - (1 - abar) * v, "ᾱ = 0.9"),
    ("check_rate", lambda step, steps, peak: 1.0, "should be `peak`"),
    ("check_rate", lambda step, steps, peak: peak, "first 300 steps"),
    ("check_rate", lambda step, steps, peak: peak * min(1, (step + 1) / 300), "last 30 %"),
    ("check_rate", lambda step, steps, peak: rate(step, 10_000, peak), "how many there are"),
]

NO_FUNCTION = (  # what they grade
    "check_target",
    "check_choice",
    "check_new_word",
    "check_cure",
    "check_record",
    "check_broken",
    "check_fooled_score",
    "check_fooled_clip",
)
RETURN_NUMBER = (
    "check_cost",
    "check_first_step",
    "check_map_bytes",
    "check_rate",
)
RETURN_OTHER = ("check_lab_method", "check_front", "check_method")
RETURN_TENSOR = sorted(RIGHT.keys() - {*NO_FUNCTION, *RETURN_NUMBER, *RETURN_OTHER})


@pytest.fixture(scope="module")
def short_inversion(embedded) -> tuple:
    """A pipeline, a short inversion and a target, for the check that runs a method on them."""
    image, prompt, _ = lesson_picture(embedded, "car")
    inversion = styledit.invert(embedded, image, prompt, steps=4, progress=False)
    return embedded, inversion, prompt.replace("beach", "snow")


@pytest.fixture
def graded(request, short_inversion) -> Callable:
    """A function (check, answer) -> Verdict."""

    def grade(name: str, answer: Any) -> Any:
        pipe, inversion, _ = short_inversion
        others = {
            "check_lab_method": lambda: short_inversion,
            "check_choice": lambda: (inversion.maps, lesson_picture(pipe, "car").mask),
            "check_broken": lambda: (with_map(8, fox()), "fox"),
            "check_fooled_score": lambda: (blind(), fox()),
            "check_fooled_clip": lambda: (true_cosine, 0.9, "watercolor"),
        }.get(name, tuple)()
        if isinstance(answer, Made):
            answer = answer.make(*(others if name == "check_choice" else ()))
        return getattr(exercises, name).grade(answer, *others)

    return grade


# --- what every check does --------------------------------------------------------------------------


def test_every_check_is_tried_here() -> None:
    checks = {name for name in exercises.__all__ if name.startswith("check_")}
    assert RIGHT.keys() == checks == {name for name, _, _ in WRONG}
    assert {getattr(exercises, name).name for name in checks} == exercises.EXERCISES.keys()
    for name in checks:
        lesson = re.fullmatch(r"lesson_(\w\d)_\w+", getattr(exercises, name).check.__module__.split(".")[-1])
        assert getattr(exercises, name).name.startswith(f"{lesson[1].upper()} ")


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass(name, graded) -> None:
    verdict = graded(name, RIGHT[name])
    assert verdict.passed, verdict


def test_the_front_may_be_that_of_methods_beaten_twice(graded) -> None:
    assert graded("check_front", strict_front).passed


@pytest.mark.parametrize("name, answer, hint", WRONG, ids=[f"{name}-{hint}" for name, _, hint in WRONG])
def test_wrong_answers_get_a_hint_that_does_not_give_the_line_away(name, answer, hint, graded) -> None:
    verdict = graded(name, answer)
    assert verdict.passed is False and hint in verdict.text, verdict
    lines = ("sqrt(", "softmax", "uncond +", "log()", "square()", "torch.where", "3 *")
    assert not [line for line in lines if line in verdict.text]


@pytest.mark.parametrize("name", RIGHT)
def test_empty_answers_are_asked_for(name, graded) -> None:
    for empty in (None, ...):
        verdict = graded(name, empty)
        assert verdict.passed is None and "no answer yet" in verdict.text
    if name not in NO_FUNCTION:
        returns_nothing = (lambda *_: None, lambda *_: ...)
        if name == "check_method":  # it counts its arguments
            returns_nothing = (lambda p, v, t, s: None, lambda p, v, t, s: ...)
        for function in returns_nothing:
            verdict = graded(name, function)
            assert verdict.passed is None and "Nothing came back" in verdict.text


@pytest.mark.parametrize("name", RETURN_TENSOR)
@pytest.mark.parametrize(
    "function, sentence",
    [
        (lambda *_: (torch.zeros(1), 0), "a tuple of 2"),
        (lambda *_: [torch.zeros(1)], "a list of 1"),
        (lambda *_: 3.0, "returned a float"),
        (lambda *_: torch.tensor(float("nan")), "NaN"),
        (lambda *_: undefined, "stopped with NameError: name 'undefined'"),  # noqa: F821
        (lambda: torch.zeros(1), "stopped with TypeError"),
        (torch.zeros(3), "the function's name without brackets"),
    ],
)
def test_odd_answers_get_the_right_sentence(name, function, sentence, graded) -> None:
    verdict = graded(name, function)
    assert verdict.passed is False and sentence in verdict.text


@pytest.mark.parametrize("name", [*RETURN_NUMBER, *RETURN_TENSOR])
@pytest.mark.parametrize("odd", [torch.zeros(3), 7, lambda: 1, lambda *_: "much", lambda *_: 1 / 0])
def test_odd_answers_get_a_sentence(name, odd, graded) -> None:
    assert graded(name, odd).passed is False


def test_an_answer_cannot_change_what_it_is_graded_with() -> None:
    def guided(uncond, cond, w):
        return uncond.add_(w * (cond - uncond))

    assert exercises.check_guidance.grade(guided).passed


def test_the_judge_sees_the_lesson_picture() -> None:
    assert judged(car()) == {"object": "car", "colour": "red", "place": "beach", "style": "sticker"}


def test_a_check_shows_its_verdict_and_goes_on(capsys) -> None:
    exercises.check_guidance(RIGHT["check_guidance"])
    assert capsys.readouterr().out.startswith("✓ 01 Guidance: right")
    exercises.check_attention(lambda Q, K: Q @ K.mT)
    assert capsys.readouterr().out.startswith("✗ 02 Attention: not yet")
    exercises.check_estimate(...)
    assert capsys.readouterr().out.startswith("○ 01 The clean estimate: no answer yet")
    assert exercises.progress().passed == 1


# --- predictions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("guess", [..., None, "", []])
def test_no_guess_is_asked_for_and_not_remembered(guess, capsys) -> None:
    exercises.predict("01 Cost", guess, 20.8, unit="dB", because="The steps add up.")
    shown = capsys.readouterr().out
    assert shown.startswith("○") and "20.8" not in shown and "add up" not in shown
    assert not progress_file().exists()


def test_guesses_of_numbers(capsys) -> None:
    exercises.predict("01 Cost", 3, 20.83, unit="dB", because="The steps add up.")
    shown = capsys.readouterr().out
    assert (
        shown.startswith("✗") and "you said 3 dB, it is 20.8 dB. Off by 17.8 dB. The steps add up." in shown
    )
    assert judge_prediction("01 Cost", 19, 20.8).passed
    assert judge_prediction("01 Cost", torch.tensor(19.0), 20.8, within=2.0).passed
    assert not judge_prediction("01 Cost", 19, 20.8, within=1.0).passed


@pytest.mark.parametrize(
    "guess, computed, sentence",
    [
        ((3, 4), 3.5, "one number is asked for, not a tuple"),
        ([3], 3.5, "one number is asked for, not a list"),
        (True, 3.5, "a number is asked for, not a bool"),
        ("much", 3.5, "a number is asked for, not a str"),
        (float("nan"), 3.5, "a finite number"),
        (torch.zeros(2), 3.5, "shape (2,)"),
        (np.zeros(2), 3.5, "a number is asked for, not a ndarray"),
        (3, "sky", "a word in quotes is asked for, not an int"),
        ("moon", "sky", "they are 'sky', 'car'"),
        ("sky", ["sky", "car"], "a list of words"),
        (["sky"], ["sky", "car"], "each once"),
    ],
)
def test_guesses_of_another_kind(guess, computed, sentence) -> None:
    verdict = judge_prediction("01 Where", guess, computed, options=("sky", "car"))
    assert verdict.passed is None and sentence in verdict.text


def test_guesses_of_words_and_orders() -> None:
    assert judge_prediction("02 Where", "Sky ", "sky", options=("sky", "car")).passed
    assert "it is 'sky'" in judge_prediction("02 Where", "car", "sky", options=("sky", "car")).text
    assert judge_prediction("02 Order", ["a", "b", "c"], ["a", "b", "c"]).passed
    assert "1 of 3 in their place" in judge_prediction("02 Order", ["a", "c", "b"], ["a", "b", "c"]).text


# --- the record -------------------------------------------------------------------------------------


def test_the_record_counts_tries_and_keeps_a_pass() -> None:
    name = "01 Guidance"
    for function in (lambda u, c, w: c, lambda *_: None, RIGHT["check_guidance"], lambda u, c, w: u):
        exercises.check_guidance(function)
    exercises.predict("01 Cost", 3, 20.8)
    progress = exercises.progress()
    entry = next(entry for entry in progress.exercises if entry.name == name)
    assert entry.passed and entry.tries == 2 and progress.passed == 1
    assert f"✓ {name} (after 2 tries)" in repr(progress) and "✗ 01 Cost" in repr(progress)
    assert f"1 of {len(exercises.EXERCISES)} exercises passed" in progress._repr_html_()


@pytest.mark.parametrize("broken", [b"\xff\xfe{", b'{"name": "01 Gui', b"[]\n\n7\n{}", b'{"name": 1}\n' * 3])
def test_a_broken_file_loses_nothing(broken) -> None:
    exercises.check_guidance(RIGHT["check_guidance"])
    before = progress_file().read_bytes()
    progress_file().write_bytes(before + broken)
    exercises.check_estimate(RIGHT["check_estimate"])
    assert exercises.progress().passed == 2
    assert progress_file().read_bytes().startswith(before + broken)


def test_a_record_that_cannot_be_written_stops_nothing(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STYLEDIT_PROGRESS", str(tmp_path / "file" / "progress.jsonl"))
    exercises.check_guidance(RIGHT["check_guidance"])
    assert capsys.readouterr().out.startswith("✓") and exercises.progress().passed == 0


def test_the_record_is_lines_of_json() -> None:
    exercises.check_guidance(RIGHT["check_guidance"])
    (line,) = progress_file().read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {"name": "01 Guidance", "passed": True, "prediction": False}
