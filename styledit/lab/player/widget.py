"""A player for an inversion: scrub along the way to noise and back, and turn guidance up while you watch.

All pictures of a run travel to the browser once, so that playing and scrubbing never ask Python. Another
guidance is asked for by a message; the worker then walks back again, shows a preview after each network
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
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import traitlets
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit import validation as check
from styledit.attention import Layers
from styledit.denoising import State, resolve_guidance
from styledit.generation import LearnedValues, check_values, reconstructing
from styledit.inversion import Inversion, check_inversion, revisiting
from styledit.lab.frames import encode
from styledit.lab.place import Place
from styledit.lab.player.trajectory import Trajectory, WordMaps, distance, draw_trajectory, pack, two_words
from styledit.lab.widget import LabWidget, Work, built
from styledit.pictures import decode_latents
from styledit.previews import preview
from styledit.recording import Record

CACHED = 64 * 2**20  # bytes of runs that are kept
MOST_GUIDANCE = 12.0  # where the slider ends, unless a greater one was given
CURVES = 6  # runs whose drift is drawn
DIRECTIONS = ("inversion", "denoising")
RECORD = Record(Layers(), keep=False)  # the maps of one step at a time
IDLE = {"stage": "", "done": 0, "total": 0}


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

    Traits, set by the worker once it is made: `world` (never changes), `inverted` (the inversion's own
    run), `run` (the denoising run that is shown, with the `id` of the request that it answers), `fresh` (the
    newest step of a run on its way), `curves` (drift of the runs that are kept), `progress`, and `view`
    (where the browser stands, for a page that is loaded again).

    The page's thread writes `_asked`, `_stopped` and `_seen`, which the worker takes, under `_lock`; all else
    is the worker's.
    """

    messages: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "guidance": ("id", "guidance", "values"),
        "stop": (),
        "view": ("index", "direction", "words"),
    }

    _esm = built("player.js")
    _css = built("player.css")

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
        self._inverted = Trajectory()
        self._runs: OrderedDict[tuple[float, bool], Trajectory] = OrderedDict()
        self._lock = threading.Lock()
        self._asked = RunRequest(0, guidance, values is not None)
        self._answered: RunRequest | None = None
        self._stopped = False
        self._seen: dict[str, Any] = {}
        self._word: str | None = chosen[0]
        self._pictured: tuple[Trajectory, bool] | None = None
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
        """Store what is asked for: "guidance" (another run), "stop", or "view" (where the browser stands)."""
        kind = message.get("type")
        if kind == "guidance":
            values = check.flag("values", message["values"]) and self.values is not None
            guidance = round(check.number("guidance", message["guidance"]), 4)
            request = RunRequest(check.whole("id", message["id"]), guidance, values)
            with self._lock:
                self._asked = request
                self._stopped = False
        elif kind == "stop":
            with self._lock:
                self._stopped = True
        elif kind == "view":
            view = {
                "index": check.whole("index", message["index"], least=0, most=self.inversion.steps),
                "direction": check.choice("direction", message["direction"], DIRECTIONS),
                "words": [check.choice("A word", word, self._maps.words) for word in message["words"]],
            }
            with self._lock:
                self._seen = view
        self.wake()

    def failed(self, error: BaseException) -> None:
        """Show an error as a sentence; the last run stays."""
        self._answered = self._asked
        super().failed(error)
        self.progress = IDLE

    def snapshot(self) -> Image.Image | None:
        """The denoising run as a strip, from noise to the picture."""
        run = self._runs.get((self.run["guidance"], self.run["values"])) if self.run else None
        if run is None:
            return None
        values = ", value inputs" if self.run["values"] else ""
        title = f"“{self.inversion.prompt}”, denoised at guidance {self.run['guidance']:g}{values}"
        return draw_trajectory(run, self.inversion.timesteps, title)

    # What the worker does.

    def work(self) -> Work:
        """The inversion, then the run that is asked for: previews, then the decoder's pictures."""
        self._keep_view()
        yield from self._look_at_the_inversion()
        while not self._stopped:
            request = self._asked
            if request is not self._answered:
                yield from self._answer(request)
            elif (rough := self._rough(request)) is not None:
                yield from self._decode(rough, request)
            else:
                break
        self._rest()

    def _rest(self) -> None:
        """Nothing is under way; a run that was stopped gives way to the one that is shown."""
        with self._lock:
            stopped = self._stopped and self._asked is not self._answered
            if stopped and self.run:
                self._asked = RunRequest(self._asked.id, self.run["guidance"], self.run["values"])
                self._answered = self._asked
        if stopped and self.run:
            self.run = {**self.run, "id": self._asked.id}
        self.progress = IDLE
        run = self._runs.get(self._asked.key)
        if run is not None and self._pictured != (run, run.exact):
            self._pictured = (run, run.exact)
            self.show_snapshot()

    def _keep_view(self) -> None:
        with self._lock:
            seen, self._seen = self._seen, {}
        if seen:
            new = [word for word in seen["words"] if word not in self.view["words"]]
            self._word = new[0] if new else self._word
            self.view = seen

    # What a link asks: see `styledit.lab.linking`.

    place_trait: ClassVar[str] = "view"

    def run_shown(self) -> tuple[str, int]:
        """The prompt, and T."""
        return self.inversion.prompt, self.inversion.steps

    def place_shown(self) -> Place:
        """The step at the index of the page, and the word that was chosen last; at the picture is no step."""
        index = self.view["index"]
        return Place(index if index < self.inversion.steps else None, self._word)

    def lead(self, place: Place) -> None:
        """Go to a step, and show a word in the place of the first one; called by the worker."""
        view = dict(self.view)
        if place.step is not None:
            view["index"] = place.step
        if place.word in self._maps.words and place.word is not None:
            self._word = place.word
            if place.word not in view["words"]:
                view["words"] = [place.word, view["words"][1]]
        self.view = view
        self.was_led()

    def _overtaken(self, request: RunRequest) -> bool:
        """Whether there is a newer request, or a stop."""
        self._keep_view()
        return self._stopped or self._asked is not request

    def _publish_progress(self, stage: str, done: int, total: int) -> None:
        self.progress = {"stage": stage, "done": done, "total": total}

    @torch.no_grad()
    def _look_at_the_inversion(self) -> Work:
        """Previews of the inversion's own run: its calls once more, for their maps and x0."""
        if self.inverted:
            return
        run = Trajectory()
        for state in revisiting(self.pipe, self.inversion, record=RECORD):
            self._publish_progress("recording", state.step, self.inversion.steps + 1)
            run.z_latents.append(state.z)
            run.x0_latents.append(state.x0)
            run.drift.append(0.0)
            if state.maps is not None:
                self._add_maps(run, state.maps)
            yield
            if self._stopped:
                return
        run.z = self._previews(run.z_latents)
        run.x0 = self._previews(run.x0_latents)
        self._inverted = run
        self.inverted = run.as_dict()

    def _answer(self, request: RunRequest) -> Work:
        """Show the run that is asked for: at once where it is kept, else step by step."""
        self.problem = ""
        run = self._runs.get(request.key)
        if run is None:
            run = yield from self._walk_back(request)
        if run is None:
            return
        self._runs[request.key] = run
        self._runs.move_to_end(request.key)
        while len(self._runs) > 1 and sum(kept.bytes for kept in self._runs.values()) > CACHED:
            self._runs.popitem(last=False)
        self._show(request, run)
        self._answered = request
        yield

    def _show(self, request: RunRequest, run: Trajectory) -> None:
        self.run = {"id": request.id, "guidance": request.guidance, "values": request.values, **run.as_dict()}
        kept = list(self._runs.items())[-CURVES:]
        self.curves = [{"guidance": w, "values": values, "drift": run.drift} for (w, values), run in kept]

    @torch.no_grad()
    def _walk_back(self, request: RunRequest) -> Generator[None, None, Trajectory | None]:
        """The run, with a preview after each network call; None where it was overtaken."""
        start = time.perf_counter()
        z = self.inversion.z_T
        run = Trajectory(z_latents=[z], z=self._previews([z]), drift=[0.0])
        values = self.values if request.values else None
        states = reconstructing(
            self.pipe, self.inversion, values=values, guidance=request.guidance, record=RECORD
        )
        while True:
            try:
                state = next(states)
            except StopIteration as end:
                picture = end.value.image
                break
            if self._overtaken(request):
                return None
            self._publish_progress("denoising", state.step, self.inversion.steps)
            self._add_state(run, state)
            self._publish_step(request, run, state.step)
            yield
            if self._overtaken(request):
                return None
        run.x0_latents.append(run.z_latents[-1])
        run.x0.append(run.z[-1])
        run.z[-1] = run.x0[-1] = encode(picture)
        run.decoded = 1
        run.seconds = time.perf_counter() - start
        return run

    def _add_state(self, run: Trajectory, state: State) -> None:
        """Take in a step of the way back, as a preview."""
        run.z_latents.append(state.z)
        run.x0_latents.append(state.x0)
        run.z += self._previews([state.z])
        run.x0 += self._previews([state.x0])
        run.drift.append(distance(state.z, self.inversion.latents[state.step + 1]))
        self._add_maps(run, state.maps or {})

    def _publish_step(self, request: RunRequest, run: Trajectory, step: int) -> None:
        """The newest step of a run on its way."""
        self.fresh = {
            "id": request.id,
            "guidance": request.guidance,
            "values": request.values,
            "index": step,
            "z": run.z[-2:],
            "x0": run.x0[-1],
            "maps": run.maps[-1],
            "scales": run.scales[-1],
            "drift": run.drift[-2:],
        }

    def _rough(self, request: RunRequest) -> Trajectory | None:
        """A run that is shown and has not all of the decoder's pictures."""
        for run in (self._runs.get(request.key), self._inverted):
            if run is not None and not run.exact:
                return run
        return None

    def _decode(self, run: Trajectory, request: RunRequest) -> Work:
        """Put the decoder's pictures in the place of previews, one latent at a time from the clean one."""
        total = len(run.z)
        while not run.exact:
            i = total - 1 - run.decoded
            self._publish_progress("decoding", run.decoded, total)
            for pictures, latents in ((run.z, run.z_latents), (run.x0, run.x0_latents)):
                pictures[i] = encode(decode_latents(self.pipe, latents[i])[0], moving=True)
                yield
                if self._overtaken(request):
                    return
            run.decoded += 1
        run.z_latents.clear()
        run.x0_latents.clear()
        if run is self._inverted:
            self.inverted = run.as_dict()
        else:
            self._show(request, run)

    def _previews(self, latents: list[torch.Tensor]) -> list[bytes]:
        return [encode(picture, moving=True) for picture in preview(self.pipe, torch.cat(latents))]

    def _add_maps(self, run: Trajectory, taken: dict[str, torch.Tensor]) -> None:
        packed, scales = pack(self._maps.of(taken))
        run.maps.append(packed)
        run.scales.append(scales)
