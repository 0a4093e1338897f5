"""The UNet drawn from the network itself: its blocks by resolution, and the layers in each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import matplotlib.pyplot as plt
from diffusers import UNet2DConditionModel
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from styledit.attention import KINDS, block_scales
from styledit.lessons.plots import COLOURS

GREY = "#555555"
LAYER = {"ResNet": "#bbbbbb", "self-attention": COLOURS[2], "cross-attention": COLOURS[0]}
MARKED = COLOURS[1]
HEIGHT, WIDTH = 0.26, 1.2  # of a layer's box
COLUMN, LEVEL = 1.75, 2.15  # from a block to the next, from a resolution to the next


class UnetBlock(NamedTuple):
    """A block of a UNet: `name` in the network; `scale`, the side of the latent over the side of its grid;
    `channels`; `layers`, (name, kind) in the order in which they are computed, kinds as in `LAYER`.
    """

    name: str
    scale: int
    channels: int
    layers: tuple[tuple[str, str], ...]


def unet_blocks(unet: UNet2DConditionModel) -> list[UnetBlock]:
    """The blocks of a UNet from its input to its output, as they are in the network."""
    return [_block(unet, prefix, scale) for prefix, scale in block_scales(unet).items()]


def plot_unet(
    unet: UNet2DConditionModel, size: tuple[int, int], marked: Sequence[str] = (), ax: Axes | None = None
) -> Axes:
    """A UNet with every layer that it has; the prompt's arrow leads to the blocks that read it.

    Args:
        size: (h, w) of the latents that go in.
        marked: names of layers that are drawn in another colour.

    Raises:
        ValueError: there is no layer of a name.
    """
    blocks = unet_blocks(unet)
    known = {name for block in blocks for name, _ in block.layers}
    for name in marked:
        if name not in known:
            raise ValueError(
                f"This network has no layer {name!r}; `attention_layers` lists those of attention."
            )
    ax = ax or plt.subplots(figsize=(12, 6))[1]
    levels = sorted({block.scale for block in blocks})
    tops = {scale: -LEVEL * k for k, scale in enumerate(levels)}
    prompt_y = min(tops[block.scale] - HEIGHT * len(block.layers) for block in blocks) - 0.75
    for k, block in enumerate(blocks):
        _draw_block(ax, block, k * COLUMN, tops[block.scale], size, marked)
        if any(kind == "cross-attention" for _, kind in block.layers):
            bottom = tops[block.scale] - HEIGHT * len(block.layers) - 0.05
            x = k * COLUMN + WIDTH / 2
            ax.annotate(
                "",
                (x, bottom),
                (x, prompt_y),
                arrowprops={"arrowstyle": "-|>", "color": LAYER["cross-attention"]},
            )
    _draw_ways(ax, blocks, tops)
    end = (len(blocks) - 1) * COLUMN + WIDTH
    ax.plot((0, end), (prompt_y, prompt_y), color=LAYER["cross-attention"], linewidth=2)
    ax.text(
        end / 2,
        prompt_y - 0.12,
        "the prompt's embedding c, read by every cross-attention layer",
        ha="center",
        va="top",
        fontsize=13,
    )
    _draw_key(ax, bool(marked), end)
    ax.set_xlim(-1.3, end + 1.3)
    ax.set_ylim(prompt_y - 0.6, 1.0)
    ax.set_axis_off()
    return ax


def _block(unet: UNet2DConditionModel, prefix: str, scale: int) -> UnetBlock:
    """A block by what its modules' names begin with, "up_blocks.2."."""
    block = unet.get_submodule(prefix.removesuffix("."))
    resnets = [[(f"{prefix}resnets.{j}", "ResNet")] for j in range(len(block.resnets))]
    attentions = [
        _attention(f"{prefix}attentions.{j}", module)
        for j, module in enumerate(getattr(block, "attentions", ()))
    ]
    if prefix == "mid_block.":  # a ResNet block first, then an attention and a ResNet block in turn
        pairs = [resnets[0], *(a + r for a, r in zip(attentions, resnets[1:], strict=True))]
    else:
        attentions += [[]] * (len(resnets) - len(attentions))
        pairs = [r + a for r, a in zip(resnets, attentions, strict=True)]
    layers = tuple(layer for pair in pairs for layer in pair)
    return UnetBlock(prefix.removesuffix("."), scale, block.resnets[-1].out_channels, layers)


def _attention(name: str, module) -> list[tuple[str, str]]:
    """The attention layers of a transformer, in order."""
    return [
        (f"{name}.transformer_blocks.{k}.{KINDS[kind]}", f"{kind}-attention")
        for k in range(len(module.transformer_blocks))
        for kind in ("self", "cross")
    ]


def _draw_block(
    ax: Axes, block: UnetBlock, x: float, top: float, size: tuple[int, int], marked: Sequence[str]
) -> None:
    """Its name, its grid, and its layers from top to bottom."""
    h, w = (side // block.scale for side in size)
    ax.text(x + WIDTH / 2, top + 0.34, block.name, ha="center", va="bottom", fontsize=12, fontweight="bold")
    ax.text(
        x + WIDTH / 2,
        top + 0.06,
        f"{h} × {w}, {block.channels} ch.",
        ha="center",
        va="bottom",
        fontsize=11,
        color=GREY,
    )
    for j, (name, kind) in enumerate(block.layers):
        y = top - HEIGHT * (j + 1)
        colour = MARKED if name in marked else LAYER[kind]
        ax.add_patch(
            Rectangle((x, y), WIDTH, HEIGHT, facecolor=colour, alpha=0.55, edgecolor="white", gid=name)
        )


def _draw_ways(ax: Axes, blocks: Sequence[UnetBlock], tops: dict[int, float]) -> None:
    """From each block to the next, and across from the way down to the way up."""
    arrow = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1.5}
    middle = [
        (k * COLUMN, tops[block.scale] - HEIGHT * len(block.layers) / 2) for k, block in enumerate(blocks)
    ]
    for (x, y), (to_x, to_y) in pairwise(middle):
        ax.annotate("", (to_x, to_y), (x + WIDTH, y), arrowprops=arrow)
    (first_x, first_y), (last_x, last_y) = middle[0], middle[-1]
    ax.annotate("", (first_x, first_y), (first_x - 0.5, first_y), arrowprops=arrow)
    ax.text(first_x - 0.55, first_y, "z, t", ha="right", va="center", fontsize=13)
    ax.annotate("", (last_x + WIDTH + 0.5, last_y), (last_x + WIDTH, last_y), arrowprops=arrow)
    ax.text(last_x + WIDTH + 0.55, last_y, "output", va="center", fontsize=13)
    down = len(blocks) // 2
    for k in range(down):
        y = tops[blocks[k].scale] - HEIGHT / 2
        start, stop = k * COLUMN + WIDTH, (len(blocks) - 1 - k) * COLUMN
        ax.annotate("", (stop, y), (start, y), arrowprops=arrow | {"linestyle": "--"})


def _draw_key(ax: Axes, marked: bool, end: float) -> None:
    """What the colours are."""
    names = {**LAYER, **({"shown below": MARKED} if marked else {})}
    for k, (name, colour) in enumerate(names.items()):
        x, y = end / 2 - 1.0, -0.75 - 0.32 * k
        ax.add_patch(Rectangle((x, y - 0.1), 0.4, 0.2, facecolor=colour, alpha=0.55))
        ax.text(x + 0.5, y, name, va="center", fontsize=12)
