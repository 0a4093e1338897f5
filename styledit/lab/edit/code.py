"""Copy as code: calls that make an edit of the lab again, bit for bit on the same machine."""

from __future__ import annotations

from diffusers import StableDiffusionPipeline

from styledit.lab.edit.methods import OWN, SDEDIT, editor_code
from styledit.lab.edit.png_recipe import PLAIN, mask_as_dict
from styledit.lab.edit.requests import ShownEdit
from styledit.lab.edit.session import Prepared, Source
from styledit.prompts import prompt_slots

SAVED = 'styledit.lab.open_png("edit.png").picture  # save the edit as this file first'


def as_code(pipe: StableDiffusionPipeline, prepared: Prepared, shown: ShownEdit) -> str:
    """The calls that make the edit that is shown."""
    target, method, guide = shown.request.prompt, shown.method, shown.request.guide
    settings = shown.settings
    source = prepared.source
    guidance = prepared.guidance
    keywords = [f"    {name}={getattr(settings, name)!r}," for name in PLAIN]
    lines = ["import styledit", "import styledit.lab", ""]
    lines += [f"pipe = {_pipe_code(pipe)}", f"picture = {_picture_code(source)}"]
    lines.append(f"inversion = styledit.invert(pipe, picture, {source.prompt!r}, steps={source.steps})")
    if settings.mask is not None:
        lines.append(f"rows = {mask_as_dict(settings.mask)['rows']!r}")
        keywords.append('    mask=[[cell == "1" for cell in row] for row in rows],')
    known = editor_code(method, guidance)
    if guide is not None or method == OWN:
        lines.append(_values_code(prepared))
    if guide is not None:
        lines += guide.code(target, keywords)
    elif method == SDEDIT:
        lines.append(
            f"edit = styledit.baselines.sdedit(pipe, inversion, {target!r}, guidance={settings.guidance!r})"
        )
    elif known is None:
        lines += ["settings = dict(", *keywords, ")"]
        lines.append(f"edit = my_method(pipe, inversion, {target!r}, settings)  # your own {method!r}")
    else:
        lines += [*known, "edit = editor.edit(", f"    {target!r},", *keywords, ")"]
    return "\n".join([*lines, "edit.image", ""])


def _pipe_code(pipe: StableDiffusionPipeline) -> str:
    if prompt_slots(pipe):
        return "styledit.load()"
    name = str(getattr(pipe, "name_or_path", "") or "")
    return f"styledit.load({name!r})" if name else "...  # your pipeline"


def _picture_code(source: Source) -> str:
    if source.kind in ("sample", "challenge"):
        return f"styledit.lab.picture(pipe, {source.name!r})"
    if source.kind == "seed":
        return f"styledit.generate(pipe, {source.prompt!r}, seed={source.seed}).image"
    return SAVED


def _values_code(prepared: Prepared) -> str:
    if prepared.given:
        return "values = ...  # the value inputs that the lab was opened with"
    return "values = styledit.fit_values(pipe, inversion)"
