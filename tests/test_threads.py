"""Threads that share a pipeline take turns at its network, and each gets what it would get alone."""

from __future__ import annotations

import threading

import pytest
import torch

import styledit

TARGET = "a blue cat in the snow"
WAIT = 60  # seconds until a thread counts as stuck


def together(*jobs):
    """The results of jobs that run at the same time, each in a thread of its own; an error is raised here."""
    results: list = [None] * len(jobs)
    start = threading.Barrier(len(jobs))

    def work(k: int) -> None:
        start.wait()
        try:
            results[k] = jobs[k]()
        except Exception as error:
            results[k] = error

    threads = [threading.Thread(target=work, args=(k,), daemon=True) for k in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive(), "a thread is stuck"
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


@pytest.fixture(scope="module")
def jobs(pipe, inversion, picture):
    """{name: a call that gives a tensor}."""
    preset = styledit.Preset(1, 0.01)

    def stock() -> torch.Tensor:
        images = pipe(
            prompt_embeds=inversion.c,
            negative_prompt_embeds=inversion.null,
            latents=inversion.z_T,
            num_inference_steps=4,
            output_type="latent",
        )
        return images.images

    def edit() -> torch.Tensor:
        return styledit.edit(pipe, inversion, TARGET, guidance=4.0, progress=False).latents

    return {
        "invert": lambda: styledit.invert(pipe, picture, "a red car", 6, progress=False).latents,
        "generate": lambda: styledit.generate(pipe, TARGET, steps=6, progress=False).latents,
        "reconstruct": lambda: styledit.reconstruct(pipe, inversion, guidance=4.0, progress=False).latents,
        "edit": edit,
        "fit": lambda: styledit.fit_values(pipe, inversion, preset=preset, progress=False).scale,
        "stock": stock,
    }


@pytest.mark.parametrize(
    "names",
    [
        ("reconstruct", "invert"),
        ("generate", "edit"),
        ("fit", "edit"),
        ("stock", "edit"),
        ("edit", "edit", "reconstruct"),
    ],
)
def test_each_thread_gets_what_it_gets_alone(pipe, jobs, names):
    before = dict(pipe.unet.attn_processors)
    alone = [jobs[name]() for name in names]
    for _ in range(3):
        for found, expected in zip(together(*(jobs[name] for name in names)), alone, strict=True):
            assert torch.equal(found, expected)
    assert pipe.unet.attn_processors == before


def test_two_threads_share_an_editor(pipe, inversion):
    taus = (0.2, 0.5, 0.8)
    expected = [
        styledit.edit(pipe, inversion, TARGET, guidance=4.0, tau_c=tau, progress=False).latents
        for tau in taus
    ]
    for _ in range(3):
        editor = styledit.Editor(pipe, inversion, guidance=4.0)
        jobs = [
            lambda tau=tau, editor=editor: (
                editor.edit(TARGET, guidance=4.0, tau_c=tau, progress=False).latents
            )
            for tau in taus
        ]
        for found, wanted in zip(together(*jobs), expected, strict=True):
            assert torch.equal(found, wanted)


def test_a_lessons_block_keeps_others_waiting(pipe, inversion, jobs):
    """Its values rule in its own thread only, and an edit in another goes on when the block has ended."""
    alone = jobs["edit"]()
    entered = threading.Event()
    v = inversion.c + 0.5
    with torch.no_grad(), styledit.attention_control(pipe.unet) as control:
        control.values = v
        expected = pipe.unet(inversion.z_T, 501, encoder_hidden_states=inversion.c).sample

    def block() -> torch.Tensor:
        with torch.no_grad(), styledit.attention_control(pipe.unet) as control:
            entered.set()
            control.values = v
            for _ in range(20):
                found = pipe.unet(inversion.z_T, 501, encoder_hidden_states=inversion.c).sample
            return found

    def edit() -> torch.Tensor:
        entered.wait(WAIT)
        return jobs["edit"]()

    in_block, edited = together(block, edit)
    assert torch.equal(in_block, expected) and torch.equal(edited, alone)
