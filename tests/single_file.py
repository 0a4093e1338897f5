"""A pipeline written the way the first releases of Stable Diffusion were: one file, with other names."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
_VAE = [
    (r"down_blocks\.(\d+)\.resnets", r"down.\1.block"),
    (r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample"),
    (r"up_blocks\.(\d+)\.resnets", r"up.\1.block"),
    (r"up_blocks\.(\d+)\.upsamplers\.0", r"up.\1.upsample"),
    (r"mid_block\.resnets\.0", "mid.block_1"),
    (r"mid_block\.resnets\.1", "mid.block_2"),
    (r"mid_block\.attentions\.0", "mid.attn_1"),
    ("group_norm", "norm"),
    (r"to_([qkv])\.", r"\1."),
    (r"to_out\.0", "proj_out"),
    ("conv_shortcut", "nin_shortcut"),
    ("conv_norm_out", "norm_out"),
]
_OPEN_CLIP = [
    ("embeddings.token_embedding.weight", "token_embedding.weight"),
    ("embeddings.position_embedding.weight", "positional_embedding"),
    ("final_layer_norm", "ln_final"),
    ("encoder.layers.", "transformer.resblocks."),
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
    ("self_attn.", "attn."),
]


def single_file(pipe: StableDiffusionPipeline, open_clip: bool = False) -> dict[str, torch.Tensor]:
    """{name: tensor} of a pipeline of Stable Diffusion's topology; `open_clip`: with the second release's
    text encoder.
    """
    tensors = {
        f"model.diffusion_model.{_unet(name, pipe)}": weight
        for name, weight in pipe.unet.state_dict().items()
    }
    levels = len(pipe.vae.config.up_block_types)
    for name, weight in pipe.vae.state_dict().items():
        short = _vae(name, levels)
        tensors[f"first_stage_model.{short}"] = (
            weight[:, :, None, None] if ".attn_1." in short and weight.ndim == 2 else weight
        )
    text = getattr(pipe.text_encoder, "text_model", pipe.text_encoder).state_dict()
    if not open_clip:
        return tensors | {
            f"cond_stage_model.transformer.text_model.{name}": weight for name, weight in text.items()
        }
    return tensors | {f"cond_stage_model.model.{name}": weight for name, weight in _open_clip(text).items()}


def write(path: Path, tensors: dict[str, torch.Tensor], **about: str) -> Path:
    """The file."""
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path, metadata=about)
    return path


def _unet(name: str, pipe: StableDiffusionPipeline) -> str:
    """The first release's name of a UNet's weight."""
    layers = pipe.unet.config.layers_per_block + 1
    for new, old in _UNET.items():
        if name.startswith(new + "."):
            name = old + name.removeprefix(new)
    match = re.match(
        r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)(.*)", name
    )
    if match:
        way, block, part, layer, rest = match[1], int(match[2]), match[3], int(match[4]), match[5]
        if part == "downsamplers":
            name = f"input_blocks.{(block + 1) * layers}.0.op" + rest.removeprefix(".conv")
        elif part == "upsamplers":
            attends = "CrossAttn" in pipe.unet.config.up_block_types[block]
            name = f"output_blocks.{block * layers + layers - 1}.{2 if attends else 1}{rest}"
        else:
            start = "input_blocks" if way == "down" else "output_blocks"
            number = block * layers + layer + (way == "down")
            name = f"{start}.{number}.{0 if part == 'resnets' else 1}{rest}"
    for new, old in _RESNET.items():
        name = name.replace(f".{new}.", f".{old}.") if "transformer_blocks" not in name else name
    return name


def _vae(name: str, levels: int) -> str:
    """The first release's name of an autoencoder's weight."""
    for new, old in _VAE:
        name = re.sub(new, old, name)
    return re.sub(r"\bup\.(\d+)", lambda match: f"up.{levels - 1 - int(match[1])}", name)


def _open_clip(text: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """OpenCLIP's names of a text encoder's weights, queries, keys and values in one."""
    tensors: dict[str, torch.Tensor] = {}
    for name, weight in text.items():
        for new, old in _OPEN_CLIP:
            name = name.replace(new, old)
        if ".q_proj." in name:
            start, kind = name.split("q_proj.")
            others = [text[_transformers_name(start, part, kind)] for part in ("q", "k", "v")]
            tensors[f"{start}in_proj_{kind}"] = torch.cat(others)
        elif ".k_proj." not in name and ".v_proj." not in name:
            tensors[name] = weight
    return tensors


def _transformers_name(start: str, part: str, kind: str) -> str:
    """The name that transformers gives a projection whose block begins with `start` in OpenCLIP."""
    block = start.split(".")[2]
    return f"encoder.layers.{block}.self_attn.{part}_proj.{kind}"
