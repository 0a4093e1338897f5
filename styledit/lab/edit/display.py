"""What a page shows of a lab: progress, the source, the settings in use, rough and exact pictures.

All traits but `world`, `problem` and those of `Archive` are set here, and only by the worker.
"""

from __future__ import annotations

from typing import Any

from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.editing import Settings
from styledit.lab.edit import png_recipe, serialising
from styledit.lab.edit.code import as_code
from styledit.lab.edit.maker import EditMaker
from styledit.lab.edit.methods import OWN
from styledit.lab.edit.queue import RequestQueue
from styledit.lab.edit.requests import EditRequest, ShownEdit
from styledit.lab.edit.scores import Scores
from styledit.lab.edit.session import Prepared, Progress, Source
from styledit.lab.edit.sheet import Sheet
from styledit.lab.edit.traits import EditTraits
from styledit.lab.frames import encode, encode_mask, sized, tiled

UNCONFIRMED = 2  # frames on their way to the page
TILE = 144  # pixels of a picture's longer side in a snapshot
FOREIGN = "# This edit was opened, not made here. Change something, and the calls that make it stand here."
IDLE = Progress("", 0, 0)
BLANK: dict[str, Any] = {
    "method": "",
    "mask": None,
    "seconds": 0.0,
    "first_step": 0,
    "step_states": [],
    "before": None,
    "score": None,
}


class Display:
    """The page of one lab.

    Args:
        page: its traits.
        queue: knows which frames it has painted.
    """

    def __init__(self, pipe: StableDiffusionPipeline, page: EditTraits, queue: RequestQueue) -> None:
        self.pipe = pipe
        self.page = page
        self.queue = queue
        self.scores = Scores()
        self.source_id = 0
        self._serial = 0
        self._stood: tuple[dict[str, Any], dict[str, Any]] | None = (
            None  # source and frame, while one is coming
        )
        self._followed = False  # whether the reconstruction is that of an edit that followed the inversion

    def announce(self, number: int, source: Source, picture: Image.Image) -> None:
        """The picture of another source, which is being inverted; `begin` or `withdraw` comes next."""
        if self._stood is None:
            self._stood = self.page.source, self.page.frame
        self.page.source = serialising.source_dict(self.pipe, number, source, picture, "inverting")
        self._publish_frame(source.steps, {"id": number, "exact": False, "picture": None})

    def withdraw(self) -> None:
        """The source that was announced will not come: back to the one that stands."""
        if self._stood is None:
            return
        self.page.source, frame = self._stood
        self._stood = None
        self._serial += 1
        self.page.frame = frame and frame | {"serial": self._serial}

    def begin(self, number: int, prepared: Prepared, state: str) -> None:
        """Another source, whose request has this number: nothing but its picture is on the page yet."""
        self.source_id = number
        self._stood = None
        self._followed = False
        self.scores.begin()
        source = prepared.source
        self.page.source = serialising.source_dict(self.pipe, number, source, prepared.picture, state)
        self._publish_frame(source.steps, {"id": number, "exact": False, "picture": None})
        self.queue.confirm(self._serial)  # nothing of it is painted
        self.page.sheet = {}
        self.page.code = ""
        self.publish_guided({})

    def publish_problem(self, problem: str) -> None:
        self.page.problem = problem

    def publish_progress(self, progress: Progress = IDLE) -> None:
        self.page.progress = {"stage": progress.stage, "done": progress.done, "total": progress.total}

    def publish_source(self, **about: Any) -> None:
        """Some fields of the source that stands."""
        if any(self.page.source.get(name) != value for name, value in about.items()):
            self.page.source = self.page.source | about

    def publish_target(self, maker: EditMaker, request: EditRequest, settings: Settings) -> None:
        """The target prompt and the settings in use."""
        source = maker.prepared.source
        target = serialising.words_dict(self.pipe, source.prompt, request.prompt) | {
            "id": request.id,
            "settings": png_recipe.as_dict(settings),
            "suggested": png_recipe.as_dict(maker.suggested(request.prompt)),
            "auto": request.settings is None,
        }
        target |= request.for_page()
        if target != self.page.target:
            self.page.target = target

    def publish_preview(self, prepared: Prepared, request: EditRequest, picture: Image.Image) -> None:
        """A picture on the way to the exact one, where the page keeps up."""
        if self._serial - self.queue.painted < UNCONFIRMED:
            picture_bytes = encode(picture, moving=True)
            about = {"id": request.id, "exact": False, "picture": picture_bytes}
            self._publish_frame(prepared.inversion.steps, about)

    def publish_exact(
        self, prepared: Prepared, shown: ShownEdit, before: ShownEdit | None, seconds: float
    ) -> None:
        """The exact edit that stands now, and the one that it replaced."""
        edit = shown.edit
        replaced = None if before is None else encode(before.edit.image)
        if before is not None and (before.edit is edit or shown.refines(before)):
            replaced = self.page.frame.get("before")
        self._publish_frame(
            prepared.inversion.steps,
            {
                "id": shown.request.id,
                "exact": True,
                "picture": encode(edit.image),
                "method": shown.method,
                "mask": None if edit.mask is None else encode_mask(edit.mask),
                "seconds": seconds,
                "first_step": edit.first_step,
                "step_states": serialising.step_states(edit, shown.settings, prepared.inversion.steps),
                "before": replaced,
                "score": self.scores.of(prepared.source, shown),
            },
        )
        if not self.page.source.get("reconstruction") or (self._followed and shown.method == OWN):
            self._followed = shown.follows
            self.publish_source(reconstruction=encode(edit.reconstruction))
        self.page.code = FOREIGN if shown.foreign else as_code(self.pipe, prepared, shown)

    def publish_sheet(self, number: int, sheet: Sheet) -> None:
        self.page.sheet = serialising.sheet_dict(number, sheet)

    def publish_guided(self, about: dict[str, Any]) -> None:
        self.page.guided = about

    def _publish_frame(self, steps: int, about: dict[str, Any]) -> None:
        self._serial += 1
        self.page.frame = BLANK | {"steps": steps, "serial": self._serial} | about


def snapshot(prepared: Prepared, shown: ShownEdit) -> Image.Image:
    """Picture, reconstruction and edit side by side, below both prompts and the settings."""
    edit, settings = shown.edit, shown.settings
    guidance = "" if settings.guidance is None else f"w = {settings.guidance:g}, "
    taus = ", ".join(f"{name} = {getattr(settings, name):g}" for name in ("tau_v", "tau_c", "tau_s", "tau_u"))
    pictures = {
        "the picture": prepared.picture,
        "its reconstruction": edit.reconstruction,
        "the edit": edit.image,
    }
    tiles = [(name, sized(picture, TILE)) for name, picture in pictures.items()]
    lines = [f"from: {edit.source_prompt}", f"to: {edit.target_prompt}", guidance + taus]
    return tiled(tiles, lines, columns=len(tiles))
