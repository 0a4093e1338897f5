"""The baselines against a few lines that do the same, and what each promises of the source."""

from __future__ import annotations

import pytest
import torch

import styledit
from styledit import baselines

TARGET = "a blue cat in the snow"
W = 4.0
OFF = {"tau_v": 0.0, "tau_c": 0.0, "tau_s": 0.0, "tau_u": 0.0}
TAUS = {"tau_c": 0.6, "tau_s": 0.4}


def scheduler_step(pipe, inversion, output, i, z):
    pipe.scheduler.set_timesteps(inversion.steps)
    return pipe.scheduler.step(output, inversion.timesteps[i], z).prev_sample


def test_every_baseline_gives_an_edit(pipe, inversion):
    for method in (
        baselines.ddim_p2p,
        baselines.null_text,
        baselines.negative_prompt,
        baselines.direct_inversion,
        baselines.sdedit,
    ):
        edit = method(pipe, inversion, TARGET, guidance=W, progress=False)
        assert (
            isinstance(edit, styledit.Edit) and edit.image.size == (32, 32) and edit.target_prompt == TARGET
        )
        assert edit.latents.shape == edit.source_latents.shape and torch.isfinite(edit.latents).all()


def test_ddim_p2p_is_an_edit_without_value_inputs(pipe, inversion):
    edit = baselines.ddim_p2p(pipe, inversion, TARGET, guidance=W, progress=False, **TAUS)
    plain = styledit.reconstruct(pipe, inversion, guidance=W, progress=False)
    assert torch.allclose(edit.source_latents, plain.latents, atol=1e-4)


def test_negative_prompt_inversion_guides_nothing_in_the_source(pipe64, inversion64):
    """Its source is denoised as at guidance 1; the target goes w times from the source's
    prediction to its own.
    """
    edit = baselines.negative_prompt(pipe64, inversion64, TARGET, guidance=W, progress=False, **OFF)
    plain = styledit.reconstruct(pipe64, inversion64, guidance=1.0, progress=False)
    assert torch.allclose(edit.source_latents, plain.latents, atol=1e-9)
    z, c_tgt = inversion64.z_T, styledit.encode_prompt(pipe64, TARGET)
    with torch.no_grad():
        for i, t in enumerate(inversion64.timesteps):
            source, target = (
                pipe64.unet(z, t, encoder_hidden_states=c).sample for c in (inversion64.c, c_tgt)
            )
            z = scheduler_step(pipe64, inversion64, source + W * (target - source), i, z)
    assert torch.allclose(edit.latents[-1], z, atol=1e-6)  # the stock scheduler takes square roots in float32


def test_direct_inversion_keeps_the_source(pipe, inversion):
    edit = baselines.direct_inversion(pipe, inversion, TARGET, guidance=W, progress=False, **TAUS)
    assert torch.equal(edit.source_latents, inversion.latents)
    assert styledit.psnr(edit.reconstruction, styledit.decode_latents(pipe, inversion.z_0)[0]) == float("inf")


def test_null_text_written_out(pipe, inversion):
    """Two iterations of Adam on the null embedding at each of the first two steps."""
    fitted = baselines.fit_nulls(
        pipe, inversion, guidance=W, iterations=2, tolerance=lambda i: 0.0, progress=False
    )
    null, z = inversion.null.clone().requires_grad_(), inversion.z_T
    for i in range(2):
        adam = torch.optim.Adam([null], lr=0.01 * (1 - i / 100))

        def reach():
            uncond, cond = (
                pipe.unet(z, inversion.timesteps[i], encoder_hidden_states=c).sample
                for c in (null, inversion.c)
            )
            return scheduler_step(pipe, inversion, uncond + W * (cond - uncond), i, z)

        for _ in range(2):
            adam.zero_grad()
            (reach() - inversion.latents[i + 1]).square().mean().backward()
            adam.step()
        with torch.no_grad():
            z = reach()
        assert torch.allclose(fitted.embeddings[i], null[0], atol=1e-4)
    assert fitted.evaluations == inversion.steps * (2 * 3 + 2) and len(fitted.losses) == inversion.steps


def test_null_text_cures_the_drift(pipe, inversion):
    settings = {"guidance": W, "progress": False} | TAUS
    nulls = baselines.fit_nulls(pipe, inversion, guidance=W, progress=False)
    edit, plain = (
        method(pipe, inversion, TARGET, **more, **settings)
        for method, more in ((baselines.null_text, {"nulls": nulls}), (baselines.ddim_p2p, {}))
    )
    ends = [float(styledit.drift(inversion, run.source_latents)[-1]) for run in (edit, plain)]
    assert ends[0] < 0.9 * ends[1]
    assert float(styledit.drift(inversion, edit.source_latents)[-1] ** 2) == pytest.approx(
        nulls.losses[-1], rel=1e-2
    )


def test_null_text_in_a_batch(pipe, picture):
    both = [
        styledit.invert(pipe, picture, prompt, 3, record=None, progress=False)
        for prompt in ("a red car", TARGET)
    ]
    for inversion, fitted in zip(
        both, baselines.fit_nulls(pipe, both, guidance=W, progress=False), strict=True
    ):
        alone = baselines.fit_nulls(pipe, inversion, guidance=W, progress=False)
        assert (
            torch.allclose(fitted.embeddings, alone.embeddings, atol=1e-3)
            and fitted.evaluations == alone.evaluations
        )


def test_sdedit_starts_from_noise_of_its_strength(pipe, inversion):
    edit = baselines.sdedit(pipe, inversion, TARGET, strength=0.5, guidance=W, seed=3, progress=False)
    eps = torch.randn(inversion.z_0.shape, generator=torch.Generator().manual_seed(3))
    abar = pipe.scheduler.alphas_cumprod[inversion.timesteps[3]]
    assert torch.allclose(edit.latents[3], abar.sqrt() * inversion.z_0 + (1 - abar).sqrt() * eps, atol=1e-6)
    assert len(edit.latents) == len(edit.source_latents) == 7 and edit.first_step == 3
    whole = styledit.generate(
        pipe, TARGET, z_T=edit.latents[3], steps=inversion.steps, guidance=W, progress=False
    )
    assert not torch.allclose(whole.latents[-1], edit.latents[-1])  # from half the noise, not from all of it
    again = baselines.sdedit(pipe, inversion, TARGET, strength=0.5, guidance=W, seed=3, progress=False)
    assert torch.equal(edit.latents, again.latents)
    assert not torch.equal(
        edit.latents,
        baselines.sdedit(pipe, inversion, TARGET, strength=0.5, guidance=W, progress=False).latents,
    )


@pytest.mark.parametrize("strength", [0.0, 1.2, 0.1])
def test_sdedit_errors(pipe, inversion, strength):
    with pytest.raises(ValueError, match=r"strength must lie in \(0, 1\] and leave a step of 6"):
        baselines.sdedit(pipe, inversion, TARGET, strength=strength)


def test_null_text_needs_guidance(pipe, inversion):
    with pytest.raises(ValueError, match="At guidance 1 the null embedding is not used"):
        baselines.fit_nulls(pipe, inversion, guidance=1.0)


def test_nulls_of_another_inversion_are_refused(pipe, inversion, picture):
    other = styledit.invert(pipe, picture, "a blue car", 2, progress=False)
    nulls = baselines.fit_nulls(pipe, other, iterations=1, progress=False)
    with pytest.raises(ValueError, match="fitted to another inversion"):
        baselines.null_text(pipe, inversion, "a cat", nulls=nulls)
    with pytest.raises(TypeError, match="nulls must be a NullEmbeddings from"):
        baselines.null_text(pipe, inversion, "a cat", nulls=nulls.embeddings)


def test_nulls_put_together_by_hand_are_refused(pipe, inversion):
    """Without embeddings they would be the empty prompt's, which is no fit at all."""
    own = inversion.null.expand(inversion.steps, -1, -1)
    for given, error in (
        (None, TypeError), (own.long(), TypeError), (own.to(torch.complex64), TypeError),
        (own > 0, TypeError), (own[1:], ValueError), (own * float("nan"), ValueError),
        (own.to_sparse(), ValueError),
    ):  # fmt: skip
        nulls = baselines.NullEmbeddings(given, W, (), 0, inversion.fingerprint)
        with pytest.raises(error, match="NullEmbeddings.embeddings"):
            baselines.null_text(pipe, inversion, TARGET, nulls=nulls, progress=False)
        if given is not None:
            with pytest.raises(error, match="null_embeddings"):
                styledit.Editor(pipe, inversion, null_embeddings=given)


@pytest.mark.parametrize(
    ("given", "error", "what"),
    [
        ({"tau_x": 1}, TypeError, "no setting"),
        ({"blend": ("horse",)}, ValueError, "in neither prompt"),
        ({"tau_c": float("nan")}, ValueError, "tau_c"),
        ({"callback": 3}, TypeError, "callback"),
    ],
)
def test_null_text_says_what_is_wrong_before_it_fits(pipe, inversion, given, error, what):
    calls = []
    handle = pipe.unet.register_forward_pre_hook(lambda module, args: calls.append(1))
    with pytest.raises(error, match=what):
        baselines.null_text(pipe, inversion, TARGET, guidance=W, progress=False, **given)
    handle.remove()
    assert not calls
