"""Makes the edits of one source: by the kit, a baseline, a function of the user's, or guided.

Everything that computes is a generator with a yield after each network call, but for a function of the
user's, which takes its time at once. Nothing here knows of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from styledit.baselines.sdedit import sdediting
from styledit.denoising import State, resolve_guidance
from styledit.editing import Edit, Editor, Settings
from styledit.editing.details import restore_details
from styledit.editing.editor import Preview
from styledit.lab.edit import methods, png_recipe
from styledit.lab.edit.guided import Guide, Guiding
from styledit.lab.edit.methods import OWN, SDEDIT, MethodFunction
from styledit.lab.edit.requests import EditRequest, ShownEdit
from styledit.lab.edit.session import Prepared, Progress, with_progress
from styledit.pictures import decode_latents
from styledit.previews import preview_change
from styledit.prompts import split_words
from styledit.values import ValueInputs


@dataclass(frozen=True)
class Made:
    """An edit that was asked for; its guide says where it was stopped, `problem` what went wrong, `follows`
    whether it followed the inversion while there were no value inputs yet.
    """

    edit: Edit
    guide: Guide | None = None
    problem: str = ""
    follows: bool = False


class EditMaker:
    """Edits of one source, which `prepared` is as far as it is ready.

    Args:
        own: the user's own methods.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        prepared: Prepared,
        own: Mapping[str, MethodFunction],
        guiding: Guiding,
    ) -> None:
        self.pipe = pipe
        self.prepared = prepared
        self.own = own
        self.guiding = guiding
        self._editors: dict[str, tuple[Mapping[str, float], Editor]] = {}  # by method, with its parameters
        self._nulls: dict[int, torch.Tensor] = {}  # null-text's fits by their iterations

    def suggested(self, prompt: str, given: Mapping[str, Any] | None = None) -> Settings:
        """The suggested settings for a target prompt, beside those that are given; the guidance, where none
        is said, is that of the fit.
        """
        settings = self.prepared.editor.suggest(prompt, **(given or {}))
        if settings.guidance is not None:
            return settings
        return replace(settings, guidance=self.prepared.guidance)

    def settings(self, request: EditRequest) -> Settings:
        """What the settings of a request come to.

        Raises:
            TypeError, ValueError: a prompt, settings or parameters that cannot be used.
        """
        methods.parameters_of(request.method, request.parameters)
        split_words(self.pipe, request.prompt)
        if request.settings is not None:
            return self.suggested(request.prompt, png_recipe.from_dict(request.settings))
        of_style = self.guiding.settings_of(self.prepared, request.prompt, request.guide)
        return self.suggested(request.prompt, of_style)

    def preview(
        self, request: EditRequest, settings: Settings, shown: ShownEdit
    ) -> Generator[Any, None, Image.Image]:
        """Roughly what is coming of an edit of the kit's own, from the edit that is shown."""
        run = self.prepared.editor.previewing(request.prompt, **png_recipe.keywords(settings))
        preview = yield from run
        if preview.change is None or not _begins_at(shown.edit, preview):
            picture = self._detailed(decode_latents(self.pipe, preview.z)[0], settings)
        else:
            picture = preview_change(self.pipe, self._unpasted(shown), preview.change)
        inversion = self.prepared.inversion
        size = inversion.z_T.shape[-2:]
        return picture if settings.mask is None else settings.mask.paste(picture, inversion.image, size)

    def _detailed(self, picture: Image.Image, settings: Settings) -> Image.Image:
        """A preview with the details that its finished edit will have, once its source is known."""
        source = self.prepared.editor.source
        if not settings.keep_details or source is None or source.inversion.steps not in source.latents:
            return picture
        return restore_details(picture, source.reconstruction(), source.inversion.image)

    def _unpasted(self, shown: ShownEdit) -> Image.Image:
        """The shown edit with nothing of the source pasted back: another mask may show what lies under it."""
        mask, z = shown.edit.settings.mask, shown.edit.latents[-1]
        if mask is None or not mask.is_finer((z.shape[-2], z.shape[-1])):
            return shown.edit.image
        return decode_latents(self.pipe, z)[0]

    def make(
        self,
        request: EditRequest,
        settings: Settings,
        stop: Callable[[], bool] = lambda: False,
        show: Callable[[Image.Image], None] = lambda _: None,
    ) -> Generator[Progress, None, Made]:
        """The edit that is asked for.

        Args:
            stop: whether a guided edit is to stop now, and keep its best.
            show: takes what a guided edit looks like on its way.

        Raises:
            ValueError: no such method, or one that failed.
        """
        if request.guide is not None:
            given = png_recipe.keywords(settings)
            guided = yield from self.guiding.running(
                request.id, self.prepared, request.prompt, given, request.guide, stop, show
            )
            return Made(*guided)
        if request.method in self.own:
            yield Progress("editing", 0, 1)
            function = self.own[request.method]
            return Made(methods.run_function(function, self.pipe, self.prepared, request.prompt, settings))
        steps = self.prepared.inversion.steps
        own = methods.parameters_of(request.method, request.parameters)
        if request.method == SDEDIT:
            whole = sdediting(
                self.pipe,
                self.prepared.inversion,
                request.prompt,
                guidance=resolve_guidance(settings.guidance),
                strength=own[methods.STRENGTH.name],
                seed=int(own[methods.SEED.name]),
            )
            return Made((yield from with_progress(whole, "editing", steps)))
        editor = yield from self.editor(request.method, own)
        run: Generator[State, None, Any] = editor.editing(
            request.prompt, **methods.keywords_of(request.method, settings)
        )
        edit = yield from with_progress(run, "editing", steps)
        return Made(edit, follows=request.method == OWN and self.prepared.follows)

    def take_values(self, values: ValueInputs) -> None:
        """The value inputs are there: the kit's own edits are made by them from now on."""
        self.prepared = self.prepared.fitted(values)

    def editor(self, name: str, parameters: Mapping[str, float]) -> Generator[Progress, None, Editor]:
        """The editor of a method. The kit's own and the last other one are kept: they hold much.

        Args:
            parameters: the method's own, all of them.

        Raises:
            ValueError: no such method.
        """
        if name == OWN:
            return self.prepared.editor
        if name not in self._editors or self._editors[name][0] != parameters:
            run = methods.making_editor(name, self.pipe, self.prepared, parameters, self._nulls)
            editor = yield from with_progress(run, "fitting", self.prepared.inversion.steps)
            if editor is None:
                known = ", ".join(methods.names(self.own))
                raise ValueError(f"There is no method {name!r}; choose from {known}.")
            self._editors = {name: (parameters, editor)}
        return self._editors[name][1]

    def has_editor(self, name: str) -> bool:
        """Whether a method is one of the editor's, so that variants go on from each other."""
        return name not in self.own and name != SDEDIT


def _begins_at(edit: Edit, preview: Preview) -> bool:
    """Whether a preview's change is one from this edit: after a contact sheet it may be one from a tile."""
    assert preview.change is not None
    return torch.allclose(preview.z - preview.change, edit.latents[-1].to(preview.z), atol=1e-4)
