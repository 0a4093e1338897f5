"""P2Plus editing (StyleDiffusion, 2303.15649, section 3.3): the source's structure under the target's words.

Both prompts are denoised in one batch from the inversion's zhat_T. Four switches say for which fraction of
the steps the target follows the source; a step i is on while i < tau * T.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.attention import AttentionEdit, Control, Layers, Rows, attention_control, cross_layers
from styledit.ddim import check_number, ddim_step, guide
from styledit.images import decode_latents
from styledit.inversion import Callback, Inversion, check_finite, notify, predict, track
from styledit.maps import grid, resize
from styledit.prompts import Alignment, align, encode_prompt, find_word, split_words
from styledit.values import ValueInputs

BLEND_START = 0.2  # fraction of the steps before the blend mask is trusted, as in Prompt-to-Prompt's code


@dataclass(frozen=True)
class Settings:
    """The settings of an edit; `edit` documents each."""

    guidance: float = 7.5
    tau_v: float = 0.5
    tau_c: float = 0.6
    tau_s: float = 0.6
    tau_u: float = 0.0
    reweight: Mapping[str, float] = field(default_factory=dict)
    blend: tuple[str, ...] = ()
    blend_threshold: float = 0.3

    def __post_init__(self) -> None:
        check_number("guidance", self.guidance)
        for word, factor in self.reweight.items():
            check_number(f"The factor of {word!r}", factor)
        for name in ("tau_v", "tau_c", "tau_s", "tau_u", "blend_threshold"):
            check_number(name, getattr(self, name))
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}.")


@dataclass(frozen=True)
class Edit:
    """An edit and what it came from.

    `image`: the edited picture; `reconstruction`: the source branch's; `latents`, `source_latents`
    (T + 1, 1, C, h, w): both branches from the noisiest; `mask` (h, w), bool, or None: the last blend mask.
    """

    image: Image.Image
    reconstruction: Image.Image
    source_prompt: str
    target_prompt: str
    latents: torch.Tensor
    source_latents: torch.Tensor
    mask: torch.Tensor | None
    settings: Settings


def edit(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    target_prompt: str,
    values: ValueInputs | None = None,
    *,
    guidance: float | None = None,
    tau_v: float = 0.5,
    tau_c: float = 0.6,
    tau_s: float = 0.6,
    tau_u: float = 0.0,
    reweight: Mapping[str, float] | None = None,
    blend: Sequence[str] | str | None = None,
    blend_threshold: float = 0.3,
    progress: bool = True,
    callback: Callback | None = None,
) -> Edit:
    """Edit a picture by changing its prompt (method section 4).

    Args:
        target_prompt: the new prompt. The same number of words as the source's: word by word ("replace");
            otherwise new words are found by alignment ("refine").
        values: learned value inputs. The source branch always reads them, the target while i < tau_v T; steps
            that were not fitted read the plain embedding.
        guidance: w; None takes the one the values were fitted at, and 7.5 without values.
        tau_v: fraction of the steps at which the target reads c_tgt * s_t + b_t.
        tau_c: ... at which the source's cross-attention maps replace the target's.
        tau_s: ... at which the source's self-attention maps replace the target's in the conditional branch.
        tau_u: ... the same in the unconditional branch.
        reweight: {word of the target prompt: factor on its map}, while i < tau_c T, as in Prompt-to-Prompt.
        blend: words of either prompt. Outside the union of their maps, thresholded at `blend_threshold` of
            their maximum, the target stays at the source's latent (Prompt-to-Prompt's local blend).
        callback: called after each step with a dict of `i`, `timestep`, `z` (the target's latent),
            `z_source`, `mask`.

    Raises:
        TypeError: a setting that is no number.
        ValueError: a prompt that cannot be used, a setting that is not finite, a fraction outside [0, 1], a word that is in neither
            prompt, or value inputs of another inversion.
    """
    if guidance is None:
        guidance = values.guidance if values is not None else 7.5
    words = (blend,) if isinstance(blend, str) else tuple(blend or ())
    settings = Settings(guidance, tau_v, tau_c, tau_s, tau_u, dict(reweight or {}), words, blend_threshold)
    if values is not None:
        values.check(inversion)
    c_tgt = encode_prompt(pipe, target_prompt)
    plan = _Plan(settings, inversion.steps, _edited_maps(pipe, inversion, target_prompt, settings))
    mask = _BlendMask(pipe, inversion, target_prompt, settings) if words else None
    latents = _denoise_both(pipe, inversion, c_tgt, values, plan, mask, progress, callback)  # (T + 1, 2, C, h, w)
    reconstruction, image = decode_latents(pipe, latents[-1])
    return Edit(
        image, reconstruction, inversion.prompt, target_prompt, latents[:, 1:], latents[:, :1],
        mask.mask if mask else None, settings,
    )


@dataclass(frozen=True)
class _Plan:
    """Which switches are on at which step."""

    settings: Settings
    steps: int
    maps: AttentionEdit

    def on(self, switch: str, i: int) -> bool:
        return i < getattr(self.settings, switch) * self.steps

    def attention(self, i: int) -> AttentionEdit:
        cross = self.maps if self.on("tau_c", i) else AttentionEdit()
        return AttentionEdit(cross.mapper, cross.mask, cross.scale, self.on("tau_s", i), self.on("tau_u", i))


def _denoise_both(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    c_tgt: torch.Tensor,
    values: ValueInputs | None,
    plan: _Plan,
    blend: _BlendMask | None,
    progress: bool,
    callback: Callback | None,
) -> torch.Tensor:
    """Source and target from zhat_T in one batch; latents (T + 1, 2, C, h, w), source first."""
    guidance, kind = plan.settings.guidance, pipe.scheduler.config.prediction_type
    c, null, levels = inversion.c, inversion.null, inversion.levels
    guided = guidance != 1
    prompts = torch.cat([c, c_tgt])  # (2, N, d)
    nulls = torch.cat([null, null] if guided else [null[:0]])
    z = inversion.z_T.expand(2, -1, -1, -1)
    latents = [z]
    with attention_control(pipe.unet, blend.layers if blend else None) as control, torch.no_grad():
        control.rows = Rows(0, 1, 2, 3) if guided else Rows(cond_source=0, cond_target=1)
        for i in track(range(inversion.steps), "editing", progress):
            control.edit = plan.attention(i)
            if values is not None:
                v_tgt = values.v(i, c_tgt) if plan.on("tau_v", i) else c_tgt
                control.values = torch.cat([nulls, values.v(i, c), v_tgt])
            batch = z.repeat(2 if guided else 1, 1, 1, 1)
            output = predict(pipe, batch, inversion.timesteps[i], torch.cat([nulls, prompts]))
            if guided:
                output = guide(*output.chunk(2), guidance)
            z = ddim_step(output, z, levels[i], levels[i + 1], kind)
            if blend:
                z = blend.apply(z, control, i)
            check_finite(z, i)
            latents.append(z)
            mask = blend.mask if blend else None
            notify(callback, i=i, timestep=inversion.timesteps[i], z=z[1:], z_source=z[:1], mask=mask)
    return torch.stack(latents)


class _BlendMask:
    """Local blend: where the named words look, averaged over the steps so far."""

    layers = Layers()

    def __init__(self, pipe: StableDiffusionPipeline, inversion: Inversion, target: str, settings: Settings) -> None:
        self.start, self.threshold = BLEND_START * inversion.steps, settings.blend_threshold
        self.size = inversion.z_T.shape[-2:]
        self.scales = cross_layers(pipe.unet)
        self.tokens = _blend_tokens(pipe, inversion.prompt, target, settings.blend)
        self.sums = [torch.zeros(self.size, device=inversion.z_T.device) for _ in self.tokens]
        self.mask: torch.Tensor | None = None

    def apply(self, z: torch.Tensor, control: Control, i: int) -> torch.Tensor:
        """Add this step's maps, and past the start set the target to the source outside the mask."""
        rows = (control.rows.cond_source, control.rows.cond_target)
        for total, row, tokens in zip(self.sums, rows, self.tokens):
            for layer, maps in control.maps.items():
                if tokens:
                    flat = maps[row][..., tokens].float().sum(-1).mean(0)  # (HW,)
                    total += resize(flat.view(grid(self.size, self.scales[layer])), self.size)
        if i < self.start:
            return z
        self.mask = torch.stack([self._threshold(total) for total, tokens in zip(self.sums, self.tokens) if tokens]).any(0)  # (h, w)
        source, target = z
        return torch.stack([source, torch.where(self.mask, target, source)])

    def _threshold(self, total: torch.Tensor) -> torch.Tensor:
        """A word map's region, grown by one cell as in Prompt-to-Prompt."""
        grown = F.max_pool2d(total[None], 3, stride=1, padding=1)[0]
        return grown >= self.threshold * grown.max()


def _blend_tokens(pipe: StableDiffusionPipeline, source: str, target: str, words: Sequence[str]) -> list[list[int]]:
    """Token positions of the blend words in the source and in the target prompt."""
    split = [split_words(pipe, prompt) for prompt in (source, target)]
    tokens: list[list[int]] = [[], []]
    for word in words:
        failures = []
        for positions, prompt_words in zip(tokens, split):
            try:
                positions += find_word(prompt_words, word)
            except ValueError as error:
                failures.append(error)
        if len(failures) == 2:
            there = dict.fromkeys(entry.text for prompt_words in split for entry in prompt_words)
            raise ValueError(f"The blend word {word!r} is in neither prompt; their words are: {', '.join(there)}.")
    return tokens


def _edited_maps(pipe: StableDiffusionPipeline, inversion: Inversion, target: str, settings: Settings) -> AttentionEdit:
    """The edit of the cross maps: alignment of the prompts and factors of words."""
    alignment: Alignment = align(pipe, inversion.prompt, target)
    scale = None
    if settings.reweight:
        scale = torch.ones_like(alignment.mask)
        words = split_words(pipe, target)
        for word, factor in settings.reweight.items():
            scale[find_word(words, word)] *= factor
    tensors = (None if t is None else t.to(inversion.c) for t in (alignment.mapper, alignment.mask, scale))
    return AttentionEdit(*tensors)
