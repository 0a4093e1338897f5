"""Where words look: each on the pictures, and one for a mask that is drawn by it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from styledit.attention import Layers, attention_layers
from styledit.editing import Edit
from styledit.editing.run import EditRun
from styledit.editing.source import SourceBranch
from styledit.lab.edit import methods, png_recipe
from styledit.lab.edit.maker import EditMaker
from styledit.lab.edit.methods import FOLLOW
from styledit.lab.edit.requests import ShownEdit
from styledit.maps import map_size, resize
from styledit.prompts import find_word, positions_of, split_words

Maps = dict[str, torch.Tensor]  # (h, w) by word


@dataclass(frozen=True)
class WordLooks:
    """Where the words of an edit look: `edit`, all of the target prompt, in the run of a `method`; `source`,
    those of the source prompt that went; each (h, w) as the latents.
    """

    method: str
    edit: Maps
    source: Maps


def looking(maker: EditMaker, shown: ShownEdit, word: str) -> Generator[Any, None, torch.Tensor]:
    """The mean map of a word, (h, w) as the latents: the source's, for a word that its prompt has, else that
    of the edit that follows the source with the shown settings, which is run once for that, whatever method
    made the shown one. A yield after each network call.

    Raises:
        ValueError: a word that neither prompt has.
    """
    pipe, editor = maker.pipe, maker.prepared.editor
    keywords = png_recipe.keywords(shown.settings)
    if positions_of(split_words(pipe, maker.prepared.inversion.prompt), word):
        run = editor.make_run(EditRun, (shown.request.prompt,), shown.settings)
        return (yield from _looking_in_source(run.source, [word]))[word]
    find_word(split_words(pipe, shown.request.prompt), word)
    edit: Any = yield from editor.editing(shown.request.prompt, record=Layers(), **keywords)
    height, width = maker.prepared.inversion.z_T.shape[-2:]
    return edit.maps.word(word, size=(height, width))


def looking_around(maker: EditMaker, shown: ShownEdit) -> Generator[Any, None, WordLooks]:
    """Where all words of an edit look, the mean over steps, layers and heads; a yield after each network
    call.
    """
    pipe, inversion = maker.pipe, maker.prepared.inversion
    method, edit = yield from recording(maker, shown)
    assert edit.maps is not None
    size = (inversion.z_T.shape[-2], inversion.z_T.shape[-1])
    there = dict.fromkeys(word.text for word in edit.maps.words)
    maps = {word: edit.maps.word(word, size=size) for word in there}
    gone = [word.text for word in split_words(pipe, inversion.prompt) if word.text not in there]
    source: Maps = {}
    if gone:
        run = maker.prepared.editor.make_run(EditRun, (shown.request.prompt,), shown.settings)
        source = yield from _looking_in_source(run.source, gone)
    return WordLooks(method, maps, source)


def recording(maker: EditMaker, shown: ShownEdit) -> Generator[Any, None, tuple[str, Edit]]:
    """An edit with its maps, and the method that made it: the shown one again where that is one of the
    editor's, else following the source with the same prompt and settings. A yield after each network call.
    """
    if shown.edit.maps is not None and shown.edit.maps.layers:
        return shown.request.method, shown.edit
    asked = shown.request
    name = asked.method if records(maker, shown) else FOLLOW
    editor = yield from maker.editor(name, methods.parameters_of(name, asked.parameters))
    keywords = methods.keywords_of(name, shown.settings)
    edit: Any = yield from editor.editing(asked.prompt, record=Layers(), **keywords)
    return name, edit


def records(maker: EditMaker, shown: ShownEdit) -> bool:
    """Whether the method that made an edit can make it again with its maps."""
    asked = shown.request
    return not shown.foreign and asked.guide is None and maker.has_editor(asked.method)


def _looking_in_source(source: SourceBranch, words: Iterable[str]) -> Generator[Any, None, Maps]:
    """The mean over steps, layers and heads, summed over tokens, as `AttentionMaps.word` has it."""
    height, width = source.inversion.z_T.shape[-2:]
    layers = attention_layers(source.pipe.unet)
    split = split_words(source.pipe, source.inversion.prompt)
    tokens = {word: positions_of(split, word) for word in words}
    totals = {word: torch.zeros(height, width) for word in tokens}
    for i in range(source.inversion.steps):
        yield from source.reach(i)
        attention = yield from source.step(i)
        for layer, scale in layers.items():
            for word, positions in tokens.items():
                flat = attention.cross[layer][..., positions].float().sum(-1).mean(0)  # (HW,)
                plane = flat.view(map_size((height, width), scale)).cpu()
                totals[word] += resize(plane, (height, width))
    return {word: total / (len(layers) * source.inversion.steps) for word, total in totals.items()}


def word_map_dict(number: int, word: str, values: torch.Tensor) -> dict[str, Any]:
    """A word's map for the page, from its lowest to its highest value."""
    height, width = values.shape
    return {"id": number, "word": word, "width": width, "height": height, "values": _bytes(values)}


def looks_dict(number: int, looks: WordLooks) -> dict[str, Any]:
    """All words' maps for the page, each from its lowest to its highest value."""
    height, width = next(iter(looks.edit.values())).shape
    maps = {of: {w: _bytes(m) for w, m in getattr(looks, of).items()} for of in ("edit", "source")}
    return {"id": number, "method": looks.method, "width": width, "height": height} | maps


def _bytes(values: torch.Tensor) -> bytes:
    """A map (h, w) as bytes, row by row: 0 where it is lowest, 255 where it is highest."""
    span = float(values.max() - values.min()) or 1.0
    return np.rint((values - values.min()).numpy() / span * 255).astype(np.uint8).tobytes()
