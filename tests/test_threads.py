"""Threads that share a pipeline run side by side, and each gets what it would get alone."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch

import styledit
from conftest import make_pipeline
from styledit.baselines import fit_nulls
from styledit.control import running_controls
from styledit.generation import reconstructing
from styledit.perception.clip import load_clip
from styledit.prompts import encode_prompt
from styledit.values import ValueFit

TARGET = "a blue cat in the snow"
LONGER = "a plain red car in the snow"
STEPS = 4
WAIT = 60  # seconds until a thread counts as stuck


def together(*jobs: Callable[[], Any]) -> list[Any]:
    """The results of jobs that run at the same time, each in a thread of its own; an error is raised here."""
    results: list[Any] = [None] * len(jobs)
    start = threading.Barrier(len(jobs))

    def work(k: int) -> None:
        start.wait(WAIT)
        try:
            results[k] = jobs[k]()
        except BaseException as error:
            results[k] = error

    threads = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive(), "a thread is stuck"
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


@pytest.fixture(scope="module")
def pipe(tokenizer):
    """One tiny pipeline for all threads."""
    return make_pipeline(tokenizer)


@pytest.fixture(scope="module")
def inversion(pipe, picture):
    return styledit.invert(pipe, picture, "a red car in the snow", STEPS, progress=False)


@pytest.fixture(autouse=True)
def nothing_is_left_afterwards(pipe):
    yield
    assert not running_controls()
    assert not pipe.unet.is_gradient_checkpointing


@pytest.fixture(scope="module")
def jobs(pipe, inversion, picture):
    """{name: a call that gives a tensor}."""
    preset = styledit.Preset(2, 0.01)

    def stock() -> torch.Tensor:
        """The pipeline's own picture, which knows nothing of control."""
        return pipe(
            prompt_embeds=inversion.c,
            negative_prompt_embeds=inversion.null,
            latents=inversion.z_T,
            num_inference_steps=2 * STEPS,
            output_type="latent",
        ).images

    def fit() -> torch.Tensor:
        return styledit.fit_values(pipe, inversion, preset=preset, low_memory=True, progress=False).scale

    def fit_with_maps() -> torch.Tensor:
        pulled = styledit.Preset(1, 0.01, regularisation=styledit.Regularisation(l2=1.0))
        return styledit.fit_values(pipe, inversion, preset=pulled, progress=False).scale

    def edit() -> torch.Tensor:
        return styledit.edit(
            pipe, inversion, TARGET, guidance=4.0, blend="snow", record=styledit.Layers(), progress=False
        ).latents

    return {
        "invert": lambda: styledit.invert(pipe, picture, "a red car", STEPS, progress=False).latents,
        "generate": lambda: styledit.generate(pipe, TARGET, steps=STEPS, progress=False).latents,
        "reconstruct": lambda: styledit.reconstruct(pipe, inversion, guidance=4.0, progress=False).latents,
        "edit": edit,
        "fit": fit,
        "fit with maps": fit_with_maps,
        "nulls": lambda: fit_nulls(pipe, inversion, iterations=1, progress=False).embeddings,
        "stock": stock,
    }


@pytest.mark.parametrize(
    "names",
    [
        ("reconstruct", "invert"),
        ("generate", "edit"),
        ("fit", "edit"),
        ("fit", "fit"),
        ("stock", "edit"),
        ("stock", "fit"),
        ("nulls", "fit with maps"),
        ("edit", "edit", "reconstruct"),
        ("invert", "generate", "stock"),
    ],
    ids=" and ".join,
)
def test_each_thread_gets_what_it_gets_alone(jobs, names):
    alone = [jobs[name]() for name in names]
    for _ in range(3):
        for found, expected in zip(together(*(jobs[name] for name in names)), alone, strict=True):
            assert torch.equal(found, expected)


def test_threads_share_an_editor(pipe, inversion):
    """Settings, prompts and guidances differ; the last asks for another source branch."""
    wanted = [
        (TARGET, {"tau_c": 0.2, "guidance": 4.0}),
        (LONGER, {"tau_s": 0.5, "guidance": 4.0, "record": styledit.Layers()}),
        (TARGET, {"tau_c": 0.8, "guidance": 2.0}),
    ]
    expected = [
        styledit.edit(pipe, inversion, target, progress=False, **settings) for target, settings in wanted
    ]
    for _ in range(3):
        editor = styledit.Editor(pipe, inversion)
        jobs = [
            lambda target=target, settings=settings, editor=editor: editor.edit(
                target, progress=False, **settings
            )
            for target, settings in wanted
        ]
        for found, alone in zip(together(*jobs), expected, strict=True):
            assert torch.equal(found.latents, alone.latents)
            assert torch.equal(found.source_latents, alone.source_latents)
            assert found.image.tobytes() == alone.image.tobytes()
        again = editor.edit(TARGET, progress=False, tau_c=0.2, guidance=4.0)
        assert torch.equal(again.latents, expected[0].latents)


def test_a_lessons_block_rules_in_its_own_thread(pipe, inversion, jobs):
    """Others go on meanwhile, and the block is still in force when they have ended."""
    expected = {name: jobs[name]() for name in ("edit", "fit", "stock")}
    v = inversion.c + 0.5
    entered, ended = threading.Event(), threading.Barrier(len(expected) + 1)

    def call() -> torch.Tensor:
        return pipe.unet(inversion.z_T, 501, encoder_hidden_states=inversion.c).sample

    with torch.no_grad(), styledit.attention_control(pipe.unet) as control:
        control.values = v
        with_values = call()

    def block() -> list[torch.Tensor]:
        with torch.no_grad(), styledit.attention_control(pipe.unet, styledit.Layers()) as control:
            control.values = v
            entered.set()
            found = [call() for _ in range(20)]
            ended.wait(WAIT)
            return [*found, call()]

    def beside(name: str) -> torch.Tensor:
        assert entered.wait(WAIT)
        found = jobs[name]()
        ended.wait(WAIT)
        return found

    in_block, *others = together(block, *(lambda name=name: beside(name) for name in expected))
    assert all(torch.equal(found, with_values) for found in in_block)
    for found, alone in zip(others, expected.values(), strict=True):
        assert torch.equal(found, alone)


def test_a_thread_that_copies_the_context_is_not_in_the_block(pipe, inversion):
    """As asyncio.to_thread does."""

    def call() -> torch.Tensor:
        with torch.no_grad():
            return pipe.unet(inversion.z_T, 501, encoder_hidden_states=inversion.c).sample

    plain = call()
    with styledit.attention_control(pipe.unet) as control:
        control.values = inversion.c + 0.5
        context = contextvars.copy_context()
        assert torch.equal(together(lambda: context.run(call))[0], plain)
        assert not torch.equal(call(), plain)


def test_a_run_may_go_on_in_another_thread(pipe, inversion, jobs):
    """Nothing is held between two states, so any thread may take the next one."""
    run = reconstructing(pipe, inversion, guidance=4.0)
    for _ in range(STEPS):
        found = together(lambda: next(run))[0]
    assert torch.equal(found.z, jobs["reconstruct"]()[-1])


def test_a_thread_that_fails_leaves_the_others_alone(pipe, inversion, jobs):
    alone = jobs["edit"]()

    def fail() -> None:
        def callback(state):
            raise RuntimeError("the screen is gone")

        with pytest.raises(RuntimeError, match="the screen is gone"):
            styledit.reconstruct(pipe, inversion, guidance=4.0, progress=False, callback=callback)

    for _ in range(3):
        assert torch.equal(together(fail, jobs["edit"], fail)[1], alone)


def test_prompts_are_encoded_in_many_threads(pipe):
    prompts = (TARGET, LONGER, "a fox")
    alone = [encode_prompt(pipe, prompt) for prompt in prompts]

    def encode(prompt: str) -> list[torch.Tensor]:
        return [encode_prompt(pipe, prompt) for _ in range(20)]

    found = together(*(lambda prompt=prompt: encode(prompt) for prompt in prompts))
    for several, expected in zip(found, alone, strict=True):
        assert all(torch.equal(each, expected) for each in several)


def test_a_seed_draws_the_same_network_in_every_thread(pipe, inversion):
    """The first weights of a mapping network come from torch's generator, which all threads share."""
    encoder = load_clip()
    preset = styledit.Preset(1, 0.01, parameterisation="mapping")

    def draw(seed: int) -> torch.Tensor:
        fit = ValueFit(pipe, inversion, preset=preset, image_encoder=encoder, seed=seed)
        return torch.cat([parameter.detach().flatten() for parameter in fit.unknowns.parameters[0]])

    alone = [draw(seed) for seed in range(3)]
    before = torch.get_rng_state()
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        found = together(*(lambda seed=seed: [draw(seed) for _ in range(15)] for seed in range(3)))
    finally:
        sys.setswitchinterval(switching)
    for several, expected in zip(found, alone, strict=True):
        assert all(torch.equal(each, expected) for each in several)
    assert torch.equal(torch.get_rng_state(), before)
