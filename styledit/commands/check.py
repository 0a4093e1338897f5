"""`styledit check`: whether the kit works on this machine, and how fast; one table, to paste into an issue.

The embedded model runs on the device in the precisions that it may be used in, and is held against the same
on the CPU. On a GPU a network of Stable Diffusion's size follows, with random weights: what it draws says
nothing, what it takes does.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

import styledit
from styledit import validation
from styledit.denoising import follow
from styledit.pictures import decode_latents
from styledit.pipeline import prepare
from styledit.storage.checkpoints import CONFIGS, clip_tokenizer
from styledit.storage.data import DATA_FOLDER

PICTURE = DATA_FOLDER / "images" / "00_fox.png"
PROMPT = "a plain sticker of a fox in the meadow"
TARGET = "a plain sticker of a fox in the snow"
STEPS = 15
LARGE_PROMPT, LARGE_TARGET = "a photograph of a cat on a sofa", "a photograph of a dog on a sofa"
LARGE_STEPS = 20
PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "numpy", "pillow", "jupyterlab", "ipywidgets")
# dB to the same on the CPU in float32. A fit amplifies the last bit, so that its bar is lower.
BARS = {
    torch.float32: {"invert": 45.0, "fit": 30.0, "edit": 30.0},
    torch.float16: {"invert": 30.0, "fit": 22.0, "edit": 22.0},
}
SAME = 99.0  # dB, "the same" where every pixel is
LARGE_MEMORY = 8.0  # GB that Stable Diffusion 1.5 at 512 pixels in float16 may take


@dataclass
class Table:
    """The rows so far; each is printed as it comes, so that an interrupted check leaves what it has."""

    missed: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """The table's head."""
        print("| what | measured | bar | |\n|---|---|---|---|", flush=True)

    def row(self, what: str, measured: str, bar: str = "", ok: bool | None = None) -> None:
        """One row; one that is not ok makes the whole check fail."""
        if ok is False:
            self.missed.append(what)
        print(
            f"| {what} | {measured} | {bar} | {'' if ok is None else 'ok' if ok else 'MISSED'} |", flush=True
        )

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """A part of the check; its error becomes a row, and the next part follows."""
        print(f"  {what} ...", file=sys.stderr, flush=True)
        try:
            yield
        except Exception as error:
            self.row(
                what, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", ok=False
            )


def check(device: str | None, model: str | None, out: Path) -> int:
    """Print the table; 1 where something is missed, 130 where it was interrupted.

    Args:
        device: None takes CUDA, else MPS, else the CPU.
        model: a checkpoint to try as well; its pictures go to `out`.
    """
    place = torch.device(validation.device(device) or _fastest())
    table = Table()
    table.begin()
    try:
        _versions(table, place)
        with table.part("the embedded model on the CPU"):
            reference = _embedded(torch.device("cpu"), torch.float32)
            _exactness(table, reference)
            if place.type == "cpu":
                again = _embedded(place, torch.float32)
                _against(table, again, reference, "again", dict.fromkeys(BARS[torch.float32], SAME))
            else:
                for dtype, bars in BARS.items():
                    name = str(dtype).removeprefix("torch.")
                    with table.part(f"the embedded model on {place.type} in {name}"):
                        _against(table, _embedded(place, dtype), reference, f"{place.type}, {name}", bars)
        _large(table, place)
        if model is not None:
            _checkpoint(table, place, model, out)
    except KeyboardInterrupt:
        print("\nInterrupted; the rows above are what was measured.")
        return 130
    print(f"\nMissed: {'; '.join(table.missed)}." if table.missed else "\nEverything is as it should be.")
    return 1 if table.missed else 0


def _fastest() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


# --- what this machine is ------------------------------------------------------------------------------


def _versions(table: Table, device: torch.device) -> None:
    table.row("styledit", f"{styledit.__version__}, {Path(styledit.__file__).parent}")
    table.row("Python", f"{platform.python_version()} on {platform.platform()}")
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"no {name}")
    table.row("packages", ", ".join(versions))
    memory = psutil.virtual_memory().total / 2**30
    table.row("CPU", f"{psutil.cpu_count()} cores, {memory:.0f} GB, {torch.get_num_threads()} threads")
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        table.row("device", f"{about.name}, {about.total_memory / 2**30:.0f} GB, CUDA {torch.version.cuda}")
    else:
        table.row("device", device.type)


# --- the embedded model --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One picture's path on a device: the pipeline, what came of it, and the seconds of each stage."""

    pipe: StableDiffusionPipeline
    inversion: styledit.Inversion
    pictures: dict[str, Image.Image]
    seconds: dict[str, float]
    editor: styledit.Editor


def _embedded(device: torch.device, dtype: torch.dtype) -> Run:
    pipe = styledit.load(device=str(device), dtype=dtype)
    return _path(pipe, styledit.read_image(pipe, PICTURE), PROMPT, TARGET, STEPS)


def _path(pipe: StableDiffusionPipeline, picture: Image.Image, prompt: str, target: str, steps: int) -> Run:
    """Invert, fit, reconstruct and edit, each timed; a first call warms up."""
    styledit.invert(pipe, picture, prompt, 2, progress=False)
    seconds = {}
    inversion, seconds["invert"] = _timed(
        pipe, partial(styledit.invert, pipe, picture, prompt, steps, progress=False)
    )
    values, seconds["fit"] = _timed(pipe, partial(styledit.fit_values, pipe, inversion, progress=False))
    editor = styledit.Editor(pipe, inversion, values=values)
    edit, seconds["edit"] = _timed(pipe, partial(editor.edit, target, progress=False))
    pictures = {
        "invert": styledit.reconstruct(pipe, inversion, guidance=1.0, progress=False).image,
        "fit": styledit.reconstruct(pipe, inversion, values=values, progress=False).image,
        "edit": edit.image,
    }
    return Run(pipe, inversion, pictures, seconds, editor)


def _timed(pipe: StableDiffusionPipeline, run: Callable[[], object]) -> tuple:
    """What a call gives, and its seconds."""
    _wait(pipe.device)
    start = time.perf_counter()
    result = run()
    _wait(pipe.device)
    return result, time.perf_counter() - start


def _wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _against(table: Table, run: Run, reference: Run, where: str, bars: dict[str, float]) -> None:
    """A run's pictures against those of the reference, in dB, with the seconds of each stage."""
    for stage, bar in bars.items():
        what, seconds = f"{stage} ({where}) against the CPU", f", {run.seconds[stage]:.2f} s"
        _near(table, what, run.pictures[stage], reference.pictures[stage], seconds, bar)


def _exactness(table: Table, run: Run) -> None:
    """Control, recording and replay against the stock pipeline: the same picture, and how much longer."""
    pipe, inversion = run.pipe, run.inversion

    def stock() -> Image.Image:
        return pipe(
            prompt_embeds=inversion.c,
            negative_prompt_embeds=inversion.null,
            latents=inversion.z_T,
            num_inference_steps=STEPS,
            guidance_scale=7.5,
        ).images[0]

    def own(record: styledit.Layers | None = None) -> Image.Image:
        return styledit.generate(
            pipe, PROMPT, z_T=inversion.z_T, steps=STEPS, guidance=7.5, record=record, progress=False
        ).image

    pairs = [
        (_timed(pipe, stock), _timed(pipe, own), _timed(pipe, partial(own, styledit.Layers())))
        for _ in range(4)
    ]
    plain, controlled, recorded = zip(*pairs[1:], strict=True)  # the first ones warm up
    for what, found in (("control", controlled), ("recording maps", recorded)):
        ratio = statistics.median(a[1] / b[1] for a, b in zip(found, plain, strict=True))
        _near(
            table, f"{what} against the stock pipeline", found[0][0], plain[0][0], f", {ratio:.2f} × its time"
        )
    forgetful = styledit.Editor(pipe, inversion, values=run.editor.values, limit=0, history=0)
    edit = partial(forgetful.edit, TARGET, guidance=2.0, progress=False)
    alongside, slow = _timed(pipe, edit)
    # The editor keeps the source's run of its first edit.
    replayed, fast = _timed(pipe, partial(run.editor.edit, TARGET, guidance=2.0, progress=False))
    more = f", {fast / slow:.2f} × its time"
    _near(table, "an edit by replay against both runs side by side", replayed.image, alongside.image, more)


def _near(
    table: Table, what: str, picture: Image.Image, other: Image.Image, more: str, bar: float = SAME
) -> None:
    """A row on how near a picture is to another one, in dB; `more` follows the number."""
    near = min(styledit.psnr(picture, other), SAME)
    said = "the same" if near >= SAME else f"{near:.1f} dB"
    table.row(what, said + more, "the same" if bar >= SAME else f"≥ {bar:g} dB", near >= bar)


# --- a network of Stable Diffusion's size --------------------------------------------------------------


def _large(table: Table, device: torch.device) -> None:
    """Stable Diffusion 1.5 with random weights: seconds and memory; on a CPU only what it would take."""
    what = "Stable Diffusion 1.5, 512 pixels, random weights"
    if device.type == "cpu":
        table.row(what, "not run on a CPU: some 20 s a step to invert, a minute a step to edit, 6.4 GB")
        return
    with table.part(what):
        pipe = random_pipeline(device, torch.float16)
        picture = Image.open(PICTURE).convert("RGB").resize(styledit.picture_size(pipe))
        with _peak(device) as peak:
            run = _path(pipe, picture, LARGE_PROMPT, LARGE_TARGET, LARGE_STEPS)
            live = _live(run, LARGE_TARGET)
        _stages(table, f"{what}, float16, {LARGE_STEPS} steps", run, live)
        if peak:
            table.row(
                f"{what}, peak memory", f"{peak[0]:.1f} GB", f"≤ {LARGE_MEMORY:g} GB", peak[0] <= LARGE_MEMORY
            )


def _stages(table: Table, what: str, run: Run, live: dict[str, float]) -> None:
    found = run.seconds | live
    table.row(what, ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in found.items()))


def _live(run: Run, target: str) -> dict[str, float]:
    """Seconds of a first look while a slider moves, and of the exact edit at rest."""
    settings: dict[str, Any] = {"tau_s": 0.5, "tau_c": 0.5}
    run.editor.edit(target, progress=False, **settings)
    moved = settings | {"tau_s": 0.6}
    preview = run.editor.previewing(target, **moved)
    _, look = _timed(run.pipe, partial(follow, preview, "previewing", 1, progress=False))
    _, rest = _timed(run.pipe, partial(run.editor.edit, target, progress=False, **moved))
    return {"first look": look, "after a drag": rest}


@contextmanager
def _peak(device: torch.device) -> Iterator[list[float]]:
    """A list that has the GB which the block took at most, where the device tells."""
    found: list[float] = []
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    yield found
    if device.type == "cuda":
        found.append(torch.cuda.max_memory_allocated(device) / 2**30)


def random_pipeline(device: torch.device, dtype: torch.dtype, seed: int = 0) -> StableDiffusionPipeline:
    """Stable Diffusion 1.5 as its configs have it, with random weights."""
    configs = CONFIGS / "sd1"
    torch.manual_seed(seed)
    with torch.device(device):
        unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(configs / "unet")).to(dtype)
        vae = AutoencoderKL.from_config(AutoencoderKL.load_config(configs / "vae")).to(dtype)
        text = CLIPTextModel(CLIPTextConfig.from_pretrained(str(configs / "text_encoder"))).to(dtype)
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=clip_tokenizer("<|endoftext|>"),
        unet=unet,
        scheduler=DDIMScheduler.from_config(DDIMScheduler.load_config(configs / "scheduler")),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    return prepare(pipe, device, dtype)


# --- the user's checkpoint -----------------------------------------------------------------------------


def _checkpoint(table: Table, device: torch.device, model: str, out: Path) -> None:
    """A checkpoint on the device: a picture of its own, inverted, reconstructed and edited."""
    with table.part(f"loading {model}"):
        pipe = styledit.load(model, device=str(device))
    if table.missed and table.missed[-1] == f"loading {model}":
        return
    with table.part(model):
        width, height = styledit.picture_size(pipe)
        if device.type == "cpu":
            print(
                "  on a CPU this takes some 20 s a step to invert and a minute a step to edit",
                file=sys.stderr,
            )
        drawn = styledit.generate(pipe, LARGE_PROMPT, seed=0, steps=LARGE_STEPS, progress=False).image
        with _peak(device) as peak:
            run = _path(pipe, drawn, LARGE_PROMPT, LARGE_TARGET, LARGE_STEPS)
            live = _live(run, LARGE_TARGET)
        _stages(table, f"{model}, {width} × {height}, {LARGE_STEPS} steps", run, live)
        own = decode_latents(pipe, run.inversion.z_0)[0]
        table.row(
            "its reconstruction to the decoded latent", f"{styledit.psnr(run.pictures['fit'], own):.1f} dB"
        )
        if peak:
            table.row("its peak memory", f"{peak[0]:.1f} GB")
        strip = [drawn, run.pictures["invert"], run.pictures["fit"], run.pictures["edit"]]
        _save_strip(strip, out)
        table.row(
            "its pictures", f"{out}: the picture, its reconstruction without and with value inputs, the edit"
        )


def _save_strip(pictures: list[Image.Image], out: Path) -> None:
    width, height = pictures[0].size
    strip = Image.new("RGB", (width * len(pictures), height))
    for k, picture in enumerate(pictures):
        strip.paste(picture, (k * width, 0))
    out.parent.mkdir(parents=True, exist_ok=True)
    strip.save(out)
