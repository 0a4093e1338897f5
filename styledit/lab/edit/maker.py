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
from styledit.lab.edit.cache import FitCache
from styledit.lab.edit.guided import Guide, Guiding
from styledit.lab.edit.methods import FOLLOW, SDEDIT, VALUES, MethodFunction
from styledit.lab.edit.requests import EditRequest, ShownEdit
from styledit.lab.edit.session import Prepared, Progress, fitting, is_over, lab_editor, with_progress
from styledit.pictures import decode_latents
from styledit.previews import preview_change
from styledit.prompts import split_words
from styledit.values import ValueInputs

PREVIEWED = (FOLLOW, VALUES)  # methods whose edits are looked at beforehand, while a slider moves


@dataclass(frozen=True)
class Made:
    """An edit that was asked for; its guide says where it was stopped, `problem` what went wrong."""

    edit: Edit
    guide: Guide | None = None
    problem: str = ""


class EditMaker:
    """Edits of one source, which `prepared` is as far as it is ready.

    Args:
        own: the user's own methods.
        cache: keeps a fit of value inputs on disk.
    """

    def __init__(
        self,
        pipe: StableDiffusionPipeline,
        prepared: Prepared,
        own: Mapping[str, MethodFunction],
        guiding: Guiding,
        cache: FitCache,
    ) -> None:
        self.pipe = pipe
        self.prepared = prepared
        self.own = own
        self.guiding = guiding
        self.cache = cache
        self._suggesting = lab_editor(pipe, prepared.inversion, rule=None)  # for methods other than `FOLLOW`
        self._fit: Generator[Progress, None, ValueInputs] | None = None  # one that was begun
        self._editors: dict[str, tuple[Mapping[str, float], Editor]] = {}  # by method, with its parameters
        self._nulls: dict[int, torch.Tensor] = {}  # null-text's fits by their iterations

    def suggested(self, method: str, prompt: str, given: Mapping[str, Any] | None = None) -> Settings:
        """A method's suggested settings for a target prompt, beside those that are given; the guidance, where
        none is said, is that of the fit.
        """
        editor = self.prepared.editor if method == FOLLOW else self._suggesting
        settings = editor.suggest(prompt, **(given or {}))
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
            return self.suggested(request.method, request.prompt, png_recipe.from_dict(request.settings))
        of_style = self.guiding.settings_of(self.prepared, request.prompt, request.guide)
        return self.suggested(request.method, request.prompt, of_style)

    def preview(
        self, request: EditRequest, settings: Settings, shown: ShownEdit
    ) -> Generator[Any, None, Image.Image | None]:
        """Roughly what is coming of an edit by one of `PREVIEWED`, from the edit that is shown. None where
        only a coarse run from the start could tell, though the prompt is the same: what is shown is nearer.
        """
        editor = yield from self.editor(request.method, {})
        preview = yield from editor.previewing(request.prompt, **png_recipe.keywords(settings))
        if preview.change is None and request.prompt == shown.request.prompt:
            return None
        same_details = shown.settings.keep_details == settings.keep_details
        if preview.change is None or not same_details or not _begins_at(shown.edit, preview):
            picture = _detailed(decode_latents(self.pipe, preview.z)[0], settings, editor)
        else:
            picture = preview_change(self.pipe, self._unpasted(shown, editor), preview.change)
        inversion = self.prepared.inversion
        size = inversion.z_T.shape[-2:]
        return picture if settings.mask is None else settings.mask.paste(picture, inversion.image, size)

    def warming_up(self, method: str) -> Generator[Any, None, None]:
        """Make the next preview from the last edit by one of `PREVIEWED` ready."""
        editor = yield from self.editor(method, {})
        yield from editor.warming_up()

    def _unpasted(self, shown: ShownEdit, editor: Editor) -> Image.Image:
        """The shown edit with nothing of the source pasted back: another mask may show what lies under it."""
        mask, z = shown.edit.settings.mask, shown.edit.latents[-1]
        if mask is None or not mask.is_finer((z.shape[-2], z.shape[-1])):
            return shown.edit.image
        return _detailed(decode_latents(self.pipe, z)[0], shown.settings, editor)

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
        return Made((yield from with_progress(run, "editing", steps)))

    def fitting(self) -> Generator[Progress, None, None]:
        """The value inputs of the source, where they are not there yet. A fit whose run was closed goes on
        from there the next time.
        """
        while self.prepared.values is None:  # whoever else fits meanwhile
            if self._fit is None or is_over(self._fit):
                self._fit = fitting(self.pipe, self.prepared)
            try:
                progress = next(self._fit)
            except StopIteration as end:
                self._fit = None
                self.prepared = replace(self.prepared, values=end.value)
                if not self.prepared.found:
                    self.cache.keep(self.pipe, self.prepared.inversion, end.value)
            else:
                yield progress

    def editor(self, name: str, parameters: Mapping[str, float]) -> Generator[Progress, None, Editor]:
        """The editor of a method. The first and the last other one are kept: they hold much.

        Args:
            parameters: the method's own, all of them.

        Raises:
            ValueError: no such method.
        """
        if name == FOLLOW:
            return self.prepared.editor
        if name == VALUES:
            yield from self.fitting()
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


def _detailed(picture: Image.Image, settings: Settings, editor: Editor) -> Image.Image:
    """A preview with the details that its finished edit will have, once its source is known."""
    source = editor.source
    if not settings.keep_details or source is None or source.inversion.steps not in source.latents:
        return picture
    return restore_details(picture, source.reconstruction(), source.inversion.image)


def _begins_at(edit: Edit, preview: Preview) -> bool:
    """Whether a preview's change is one from this edit: after a contact sheet it may be one from a tile."""
    assert preview.change is not None
    return torch.allclose(preview.z - preview.change, edit.latents[-1].to(preview.z), atol=1e-4)
