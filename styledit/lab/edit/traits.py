"""What a page is given: the EditLab's traits, whose fields `PROTOCOL.md` lists."""

from __future__ import annotations

import traitlets

from styledit.lab.widget import LabWidget, built


class EditTraits(LabWidget):
    """The traits, and the page's own code; once it is made, only the worker sets one (see `Display`)."""

    world = traitlets.Dict().tag(sync=True)
    source = traitlets.Dict().tag(sync=True)
    target = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)
    progress = traitlets.Dict({"stage": "", "done": 0, "total": 0}).tag(sync=True)
    history = traitlets.List().tag(sync=True)
    present = traitlets.Dict().tag(sync=True)
    compared = traitlets.Dict().tag(sync=True)
    sheet = traitlets.Dict().tag(sync=True)
    sheets = traitlets.List().tag(sync=True)
    tile = traitlets.Dict().tag(sync=True)
    exported = traitlets.Dict().tag(sync=True)
    steps_shown = traitlets.Dict().tag(sync=True)
    guided = traitlets.Dict().tag(sync=True)
    code = traitlets.Unicode("").tag(sync=True)
    saved = traitlets.Dict().tag(sync=True)
    word_map = traitlets.Dict().tag(sync=True)
    looks = traitlets.Dict().tag(sync=True)
    place = traitlets.Dict({"step": None, "word": None}).tag(sync=True)

    _esm = built("edit.js")
    _css = built("edit.css")
