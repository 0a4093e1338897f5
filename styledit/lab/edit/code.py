"""Copy as code: calls that make an edit of the lab again, bit for bit on the same machine."""

from __future__ import annotations

from diffusers import StableDiffusionPipeline

from styledit.lab.edit import methods
from styledit.lab.edit.guided import saved_code
from styledit.lab.edit.methods import SDEDIT, VALUES, editor_code
from styledit.lab.edit.png_recipe import PLAIN, runs_of
from styledit.lab.edit.requests import ShownEdit
from styledit.lab.edit.session import Prepared, Source
from styledit.prompts import prompt_slots

# How all attention maps of the edit are explored: a cell that shows the picture ends before that.
EXPLORER = (
    "# Where every word looks, step by step; run these two lines in a cell of their own.",
    "# recorded = editor.edit(edit.target_prompt, record=styledit.Layers(), **vars(edit.settings))",
    "# styledit.lab.attention_explorer(pipe, recorded)",
)


def as_code(pipe: StableDiffusionPipeline, prepared: Prepared, shown: ShownEdit, file: str) -> str:
    """The calls that make the edit that is shown.

    Args:
        file: the name under which the edit is saved; a picture of the user's is read from there.
    """
    target, method, guide = shown.request.prompt, shown.request.method, shown.request.guide
    settings = shown.settings
    source = prepared.source
    read = methods.named(method).reads
    own = methods.parameters_of(method, shown.request.parameters)
    plain = {name: getattr(settings, name) for name in PLAIN if read(name)} | dict(
        methods.named(method).fixed
    )
    keywords = [f"    {name}={value!r}," for name, value in plain.items()]
    lines = ["import styledit", "import styledit.lab", ""]
    masked = settings.mask is not None and read("mask")
    if masked:
        lines.insert(0, "import numpy as np\n")
    lines += [f"pipe = {_pipe_code(pipe)}", f"picture = {_picture_code(source, file)}"]
    lines.append(f"inversion = styledit.invert(pipe, picture, {source.prompt!r}, steps={source.steps})")
    if settings.mask is not None and masked:
        mask = settings.mask
        lines.append(f"runs = {runs_of(mask)!r}  # of the mask's cells: kept, painted, and so on in turn")
        lines.append(f"mask = np.repeat(np.arange(len(runs)) % 2, runs).reshape({mask.height}, {mask.width})")
        keywords.append("    mask=mask,")
    known = editor_code(method, prepared, own)
    if guide is not None or method == VALUES:
        lines.append(_values_code(prepared))
    if guide is not None:
        lines += guide.code(target, keywords, file)
    elif method == SDEDIT:
        keywords += [f"    {name}={value!r}," for name, value in own.items()]
        lines += ["edit = styledit.baselines.sdedit(", "    pipe,", "    inversion,", f"    {target!r},"]
        lines += [*keywords, ")"]
    elif known is None:
        lines += ["settings = dict(", *keywords, ")"]
        lines.append(f"edit = my_method(pipe, inversion, {target!r}, settings)  # your own {method!r}")
    else:
        lines += [*known, "edit = editor.edit(", f"    {target!r},", *keywords, ")"]
    if guide is None and known is not None:
        return "\n".join([*lines, "edit.image", *EXPLORER, ""])
    return "\n".join([*lines, "edit.image", ""])


def _pipe_code(pipe: StableDiffusionPipeline) -> str:
    if prompt_slots(pipe):
        return "styledit.load()"
    name = str(getattr(pipe, "name_or_path", "") or "")
    return f"styledit.load({name!r})" if name else "...  # your pipeline"


def _picture_code(source: Source, file: str) -> str:
    if source.kind in ("sample", "challenge"):
        return f"styledit.lab.picture(pipe, {source.name!r})"
    if source.kind == "seed":
        return f"styledit.generate(pipe, {source.prompt!r}, seed={source.seed}).image"
    return saved_code(file, "picture")


def _values_code(prepared: Prepared) -> str:
    if prepared.given:
        return "values = ...  # the value inputs that the lab was opened with"
    return "values = styledit.fit_values(pipe, inversion)"
