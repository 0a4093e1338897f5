"""Where a word looks, for a mask that is drawn by it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import torch

from styledit.attention import Layers, attention_layers
from styledit.editing.run import EditRun
from styledit.editing.source import SourceBranch
from styledit.lab.edit import png_recipe
from styledit.lab.edit.maker import EditMaker
from styledit.lab.edit.requests import ShownEdit
from styledit.maps import map_size, resize
from styledit.prompts import find_word, positions_of, split_words


def looking(maker: EditMaker, shown: ShownEdit, word: str) -> Generator[Any, None, torch.Tensor]:
    """The mean map of a word, (h, w) as the latents: the source's, for a word that its prompt has, else the
    that of the kit's own edit with the shown settings, which is run once for that, whatever method made the
    shown one. A yield after each network call.

    Raises:
        ValueError: a word that neither prompt has.
    """
    pipe, editor = maker.pipe, maker.prepared.editor
    keywords = png_recipe.keywords(shown.settings)
    positions = positions_of(split_words(pipe, maker.prepared.inversion.prompt), word)
    if positions:
        run = editor.make_run(EditRun, (shown.request.prompt,), shown.settings)
        return (yield from _looking_in_source(run.source, positions))
    find_word(split_words(pipe, shown.request.prompt), word)
    edit: Any = yield from editor.editing(shown.request.prompt, record=Layers(), **keywords)
    height, width = maker.prepared.inversion.z_T.shape[-2:]
    return edit.maps.word(word, size=(height, width))


def _looking_in_source(source: SourceBranch, positions: list[int]) -> Generator[Any, None, torch.Tensor]:
    """The mean over steps, layers and heads, summed over tokens, as `AttentionMaps.word` has it."""
    height, width = source.inversion.z_T.shape[-2:]
    layers = attention_layers(source.pipe.unet)
    total = torch.zeros(height, width)
    for i in range(source.inversion.steps):
        yield from source.reach(i)
        attention = yield from source.step(i)
        for layer, scale in layers.items():
            flat = attention.cross[layer][..., positions].float().sum(-1).mean(0)  # (HW,)
            total += resize(flat.view(map_size((height, width), scale)).cpu(), (height, width))
    return total / (len(layers) * source.inversion.steps)


def word_map_dict(number: int, word: str, values: torch.Tensor) -> dict[str, Any]:
    """A word's map for the page, from its lowest to its highest value."""
    span = float(values.max() - values.min()) or 1.0
    scaled = np.rint((values - values.min()).numpy() / span * 255).astype(np.uint8)
    height, width = scaled.shape
    return {"id": number, "word": word, "width": width, "height": height, "values": scaled.tobytes()}
