"""A player for an inversion: scrub along the way to noise and back, and turn guidance up while you watch.

All pictures of a run travel to the browser once, so that playing and scrubbing never ask Python. Another
guidance is asked for by a message; the worker then walks back again, shows a first look after each network
call (`styledit.preview`) and at the end the decoder's pictures, and keeps the run for the next time.

One index counts everything, that of `styledit.ddim`'s table: latent 0 is the noisiest, latent T the clean
one. At index i stand the latent z, what the network takes the clean picture to be where it is given this
latent (x0), and where the words look then. Latent T has no denoising step, hence no maps, and at the end of a
denoising run x0 is the latent itself.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import traitlets
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.attention import AttentionCall
from styledit.ddim import predict_x0_eps
from styledit.denoising import check_finite, guided_step, predict, resolve_guidance
from styledit.generation import LearnedValues, check_values
from styledit.inversion import Inversion, check_inversion
from styledit.lab.frames import encode
from styledit.lab.player.trajectory import Run, WordMaps, distance, pack, strip, two_words
from styledit.lab.widget import STATIC, LabWidget
from styledit.pictures import decode_latents
from styledit.previews import preview

KEPT = 64 * 2**20  # bytes of runs that are kept
MOST_GUIDANCE = 12.0  # where the slider ends, unless a greater one was given
CURVES = 6  # runs whose drift is drawn
DIRECTIONS = ("inversion", "denoising")
IDLE = {"stage": "", "done": 0, "total": 0}

Work = Generator[None, None, None]


def inversion_player(
    pipe: StableDiffusionPipeline,
    inversion: Inversion,
    values: LearnedValues | None = None,
    *,
    guidance: float | None = None,
    words: Sequence[str] | None = None,
) -> InversionPlayer:
    """Play an inversion and the way back from it: latents, estimates of the clean picture, two words' maps,
    noise levels and drift, on one timeline; guidance is a slider.

    Args:
        values: learned value inputs, which can be switched on and off.
        guidance: of the first run; None takes the guidance the values were fitted at, and without values 1.
        words: the two words of the prompt whose maps are shown first.

    Raises:
        TypeError: an argument of another type.
        ValueError: an inversion or value inputs that do not belong here, a guidance that is not finite, or a
            word that is not in the prompt.
    """
    return InversionPlayer(pipe, inversion, values, guidance=guidance, words=words)


@dataclass(frozen=True)
class RunRequest:
    """A run that was asked for, and the number of the request."""

    id: int
    guidance: float
    values: bool

    @property
    def key(self) -> tuple[float, bool]:
        """What makes it another run."""
        return self.guidance, self.values


class InversionPlayer(LabWidget):
    """See `inversion_player`.

    Traits, all set by the worker: `world` (never changes), `inverted` (the inversion's own run), `run` (the
    denoising run that is shown, with the `id` of the request that it answers), `fresh` (the newest step of a
    run on its way), `curves` (drift of the runs that are kept), `progress`, and `view` (where the browser
    stands, for a page that is loaded again).
    """

    _esm = STATIC / "player.js"
    _css = STATIC / "player.css"

    world = traitlets.Dict().tag(sync=True)
    inverted = traitlets.Dict().tag(sync=True)
    run = traitlets.Dict().tag(sync=True)
    fresh = traitlets.Dict().tag(sync=True)
    curves = traitlets.List().tag(sync=True)
    progress = traitlets.Dict(IDLE).tag(sync=True)
    view = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        inversion: Inversion,
        values: LearnedValues | None = None,
        *,
        guidance: float | None = None,
        words: Sequence[str] | None = None,
    ) -> None:
        check_inversion(pipe, inversion)
        check_values(values, inversion)
        guidance = resolve_guidance(guidance, None if values is None else values.guidance, otherwise=1.0)
        chosen = two_words(pipe, inversion.prompt, words)
        self.inversion = inversion
        self.values = values
        self._maps = WordMaps(pipe, inversion, chosen)
        self._inverted = Run()
        self._runs: OrderedDict[tuple[float, bool], Run] = OrderedDict()
        self._wishing = threading.Lock()
        self._wanted = RunRequest(0, guidance, values is not None)
        self._answered: RunRequest | None = None
        self._stopped = False
        self._seen: dict[str, Any] = {}
        self._pictured: tuple[Run, bool] | None = None
        view = {"index": inversion.steps, "direction": "inversion", "words": chosen}
        super().__init__(pipe, world=self._about(guidance), view=view)
        self.wake()

    def _about(self, guidance: float) -> dict[str, Any]:
        """What the browser knows from the start."""
        inversion = self.inversion
        return {
            "size": list(inversion.image.size),
            "prompt": inversion.prompt,
            "picture": encode(inversion.image),
            "timesteps": list(inversion.timesteps),
            "levels": inversion.levels.tolist(),
            "words": list(self._maps.words),
            "mapSize": list(self._maps.size[::-1]),
            "hasValues": self.values is not None,
            "fittedAt": None if self.values is None else self.values.guidance,
            "guidance": guidance,
            "least": min(0.0, math.floor(guidance)),
            "most": max(MOST_GUIDANCE, math.ceil(guidance)),
        }

    # What the browser asks for.

    def received(self, message: dict[str, Any], buffers: list[memoryview]) -> None:
        """Take a wish: "guide" (another run), "stop", or "view" (where the browser stands)."""
        kind = message.get("type")
        if kind == "guide":
            values = check.flag("values", message["values"]) and self.values is not None
            guidance = round(check.number("guidance", message["guidance"]), 4)
            with self._wishing:
                self._wanted = RunRequest(check.whole("id", message["id"]), guidance, values)
                self._stopped = False
        elif kind == "stop":
            self._stopped = True
        elif kind == "view":
            self._seen = {
                "index": check.whole("index", message["index"], least=0, most=self.inversion.steps),
                "direction": check.choice("direction", message["direction"], DIRECTIONS),
                "words": [check.choice("A word", word, self._maps.words) for word in message["words"]],
            }
        self.wake()

    def failed(self, error: BaseException) -> None:
        """Show an error as a sentence; the last run stays."""
        self._answered = self._wanted
        super().failed(error)
        self.progress = IDLE

    def snapshot(self) -> Image.Image | None:
        """The denoising run as a strip, from noise to the picture."""
        run = self._runs.get((self.run["guidance"], self.run["values"])) if self.run else None
        if run is None:
            return None
        values = ", value inputs" if self.run["values"] else ""
        title = f"“{self.inversion.prompt}”, denoised at guidance {self.run['guidance']:g}{values}"
        return strip(run, self.inversion.timesteps, title)

    # What the worker does.

    def work(self) -> Work:
        """The inversion, then what is wished for: first looks, then the decoder's pictures."""
        self._keep_view()
        yield from self._look_at_the_inversion()
        while not self._stopped:
            wanted = self._wanted
            if wanted is not self._answered:
                yield from self._answer(wanted)
            elif (rough := self._rough(wanted)) is not None:
                yield from self._decode(rough, wanted)
            else:
                break
        self._rest()

    def _rest(self) -> None:
        """Nothing is under way; a run that was stopped gives way to the one that is shown."""
        with self._wishing:
            stopped = self._stopped and self._wanted is not self._answered
            if stopped and self.run:
                self._wanted = RunRequest(self._wanted.id, self.run["guidance"], self.run["values"])
                self._answered = self._wanted
        if stopped and self.run:
            self.run = {**self.run, "id": self._wanted.id}
        self.progress = IDLE
        run = self._runs.get(self._wanted.key)
        if run is not None and self._pictured != (run, run.exact):
            self._pictured = (run, run.exact)
            self.show_snapshot()

    def _keep_view(self) -> None:
        if self._seen:
            self.view = self._seen

    def _overtaken(self, wanted: RunRequest) -> bool:
        """Whether there is a newer wish, or a stop."""
        self._keep_view()
        return self._stopped or self._wanted is not wanted

    def _tell(self, stage: str, done: int, total: int) -> None:
        self.progress = {"stage": stage, "done": done, "total": total}

    @torch.no_grad()
    def _look_at_the_inversion(self) -> Work:
        """First looks at the inversion's own run: its calls once more, for their maps and x0."""
        inversion, steps = self.inversion, self.inversion.steps
        if self.inverted:
            return
        told = (*inversion.timesteps, 0)
        levels = [*inversion.levels[:-1], self.pipe.scheduler.alphas_cumprod[0].to(inversion.levels)]
        prediction_type = self.pipe.scheduler.config.prediction_type
        run = Run(z_latents=list(inversion.latents), drift=[0.0] * (steps + 1))
        for i, z in enumerate(run.z_latents):
            self._tell("looking", i, steps + 1)
            call = AttentionCall(record=self._maps.recorder.layers_at(i))
            prediction = predict(self.pipe, z, told[i], inversion.c, call)
            run.x0_latents.append(predict_x0_eps(prediction.output, z, levels[i], prediction_type)[0])
            taken = self._maps.recorder.take(i, prediction)
            if taken is not None:
                self._add_maps(run, taken)
            yield
            if self._stopped:
                return
        run.z = self._first_looks(run.z_latents)
        run.x0 = self._first_looks(run.x0_latents)
        self._inverted = run
        self.inverted = run.told()

    def _answer(self, wanted: RunRequest) -> Work:
        """Show the run that is wished for: at once where it is kept, else step by step."""
        self.problem = ""
        run = self._runs.get(wanted.key)
        if run is None:
            run = yield from self._walk_back(wanted)
        if run is None:
            return
        self._runs[wanted.key] = run
        self._runs.move_to_end(wanted.key)
        while len(self._runs) > 1 and sum(kept.bytes for kept in self._runs.values()) > KEPT:
            self._runs.popitem(last=False)
        self._show(wanted, run)
        self._answered = wanted
        yield

    def _show(self, wanted: RunRequest, run: Run) -> None:
        self.run = {"id": wanted.id, "guidance": wanted.guidance, "values": wanted.values, **run.told()}
        kept = list(self._runs.items())[-CURVES:]
        self.curves = [{"guidance": w, "values": values, "drift": run.drift} for (w, values), run in kept]

    @torch.no_grad()
    def _walk_back(self, wanted: RunRequest) -> Generator[None, None, Run | None]:
        """The run, with a first look after each network call; None where it was overtaken.

        The steps are those of `reconstruct`, whose maps would all be kept until its end.
        """
        inversion, steps = self.inversion, self.inversion.steps
        recorder = self._maps.recorder
        begun = time.perf_counter()
        z = inversion.z_T
        run = Run(z_latents=[z], z=self._first_looks([z]), drift=[0.0])
        for i, timestep in enumerate(inversion.timesteps):
            self._tell("denoising", i, steps)
            v = self.values.v(i, inversion.c) if wanted.values and self.values is not None else None
            step = guided_step(
                self.pipe,
                z,
                timestep,
                inversion.levels[i : i + 2],
                inversion.null,
                inversion.c,
                wanted.guidance,
                values=v,
                record=recorder.layers_at(i),
            )
            z = step.z
            check_finite(z, i)
            if self._overtaken(wanted):
                return None
            run.z_latents.append(z)
            run.x0_latents.append(step.x0)
            run.z += self._first_looks([z])
            run.x0 += self._first_looks([step.x0])
            run.drift.append(distance(z, inversion.latents[i + 1]))
            self._add_maps(run, recorder.take(i, step.prediction, step.rows) or {})
            self.fresh = {
                "id": wanted.id,
                "guidance": wanted.guidance,
                "values": wanted.values,
                "index": i,
                "z": run.z[-2:],
                "x0": run.x0[-1],
                "maps": run.maps[-1],
                "scales": run.scales[-1],
                "drift": run.drift[-2:],
            }
            yield
            if self._overtaken(wanted):
                return None
        run.x0_latents.append(z)
        run.x0.append(run.z[-1])
        run.z[-1] = run.x0[-1] = encode(decode_latents(self.pipe, z)[0])
        run.decoded = 1
        run.seconds = time.perf_counter() - begun
        return run

    def _rough(self, wanted: RunRequest) -> Run | None:
        """A run that is shown and has not all of the decoder's pictures."""
        for run in (self._runs.get(wanted.key), self._inverted):
            if run is not None and not run.exact:
                return run
        return None

    def _decode(self, run: Run, wanted: RunRequest) -> Work:
        """Put the decoder's pictures in the place of first looks, one latent at a time from the clean one."""
        total = len(run.z)
        while not run.exact:
            i = total - 1 - run.decoded
            self._tell("decoding", run.decoded, total)
            for pictures, latents in ((run.z, run.z_latents), (run.x0, run.x0_latents)):
                pictures[i] = encode(decode_latents(self.pipe, latents[i])[0], moving=True)
                yield
                if self._overtaken(wanted):
                    return
            run.decoded += 1
        run.z_latents.clear()
        run.x0_latents.clear()
        if run is self._inverted:
            self.inverted = run.told()
        else:
            self._show(wanted, run)

    def _first_looks(self, latents: list[torch.Tensor]) -> list[bytes]:
        return [encode(picture, moving=True) for picture in preview(self.pipe, torch.cat(latents))]

    def _add_maps(self, run: Run, taken: dict[str, torch.Tensor]) -> None:
        packed, scales = pack(self._maps.of(taken))
        run.maps.append(packed)
        run.scales.append(scales)
