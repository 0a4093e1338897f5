"""The networks that look at pictures: how pictures enter them, and what is no such network."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, BertConfig, BertModel, CLIPConfig, CLIPModel, ViTConfig, ViTModel

from conftest import POSITIONS, WIDTH
from styledit.perception.clip import load_clip
from styledit.perception.vit import load_vit
from styledit.storage.data import check_files

SMALL = {"hidden_size": WIDTH, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def save_clip(folder, tokenizer):
    """A CLIP with random weights for 32-px pictures, saved with its tokenizer and how pictures enter it."""
    torch.manual_seed(0)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    text = SMALL | ends | {"vocab_size": len(tokenizer), "max_position_embeddings": POSITIONS}
    vision = SMALL | {"image_size": 32, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    crop = {"do_center_crop": True, "crop_size": 32}
    return _save_preparation(folder, "CLIPImageProcessor", size={"shortest_edge": 36}, **crop)


def save_vit(folder):
    """A ViT with random weights for 24-px pictures, without a pooler, as DINO; saved as old versions did."""
    torch.manual_seed(0)
    ViTModel(ViTConfig(**SMALL, image_size=24, patch_size=8), add_pooling_layer=False).save_pretrained(folder)
    return _save_preparation(folder, "ViTFeatureExtractor", size=24, resample=Image.Resampling.BILINEAR)


def _save_preparation(folder, kind, **settings):
    kind = {"feature_extractor_type" if kind.endswith("Extractor") else "image_processor_type": kind}
    settings = {"do_resize": True, "do_normalize": True, "resample": Image.Resampling.BICUBIC} | settings
    statistics = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.25, 0.3, 0.2]}
    (folder / "preprocessor_config.json").write_text(json.dumps(kind | settings | statistics))
    return folder


def test_pictures_enter_a_network_as_its_own_config_says(tokenizer, tmp_path):
    y, x = np.mgrid[0:50, 0:72] / 71
    picture = Image.fromarray((np.stack([x, y, np.sin(9 * x * y) ** 2], -1) * 255).astype(np.uint8))
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255
    clip, vit = load_clip(save_clip(tmp_path / "clip", tokenizer)), load_vit(save_vit(tmp_path / "vit"))
    for folder, network in (("clip", clip), ("vit", vit)):
        processor = AutoImageProcessor.from_pretrained(tmp_path / folder, backend="pil")
        wanted = processor(picture, return_tensors="pt").pixel_values
        ready = network.prepare(pixels)
        assert ready.shape == wanted.shape
        assert (
            ready - wanted
        ).abs().max() < 1.5 / 255 / 0.2  # theirs are rounded to whole grey levels before
        assert not network.model.training and not any(
            weight.requires_grad for weight in network.model.parameters()
        )
    square = pixels[:, :, :32, :32].clone().requires_grad_()
    clip.prepare(square).sum().backward()
    assert (square.grad != 0).any()


def test_without_a_preprocessor_config_pictures_are_in_minus_one_to_one(tmp_path):
    (save_vit(tmp_path) / "preprocessor_config.json").unlink()
    pixels = torch.rand(2, 3, 24, 24)
    assert torch.allclose(load_vit(tmp_path).prepare(pixels), 2 * pixels - 1, atol=1e-6)


def test_the_embedded_clip():
    clip = load_clip()
    side = clip.model.config.vision_config.image_size
    assert clip.prepare.size == (side, side) and clip.model.dtype == torch.float32
    assert clip.tokenizer.model_max_length == clip.model.config.text_config.max_position_embeddings


def test_the_keys_are_those_of_the_last_layer_of_the_image_side(tokenizer, tmp_path):
    folder = save_clip(tmp_path / "clip", tokenizer)
    vit = load_vit(folder)
    assert vit.keys is vit.model.encoder.layers[-1].self_attn.k_proj and vit.model.config.patch_size == 8
    vit = load_vit(save_vit(tmp_path / "vit"))
    (name,) = (name for name, module in vit.model.named_modules() if module is vit.keys)
    assert name in ("layers.1.attention.k_proj", "encoder.layer.1.attention.attention.key")  # or as it was


@pytest.mark.parametrize(
    "damage,message",
    [
        ("no weights", "could not be loaded as a CLIP: .*model.safetensors"),
        ("only a pickle", "could not be loaded as a CLIP: .*model.safetensors"),
        ("half the weights", "lacks weights .*vision_model"),
        ("no tokenizer", "could not be loaded as a tokenizer: it has no vocabulary"),
        ("a ViT", "is a ViTModel; give a CLIP"),
        ("nothing", "could not be loaded as a CLIP"),
    ],
)
def test_what_is_no_clip(tokenizer, tmp_path, damage, message):
    folder = save_clip(tmp_path / "clip", tokenizer)
    weights = folder / "model.safetensors"
    if damage == "only a pickle":
        torch.save(load_file(weights), folder / "pytorch_model.bin")
    if damage == "half the weights":
        kept = {name: weight for name, weight in load_file(weights).items() if "vision" not in name}
        save_file(kept, weights, metadata={"format": "pt"})
    elif damage == "no tokenizer":
        for file in folder.glob("*token*"):
            file.unlink()
    elif damage == "a ViT":
        folder = save_vit(tmp_path / "vit")
    elif damage == "nothing":
        folder = tmp_path
    else:
        weights.unlink()
    with pytest.raises(ValueError, match=message):
        load_clip(folder)


def test_what_is_no_vision_transformer(tmp_path):
    BertModel(BertConfig(**SMALL, vocab_size=9)).save_pretrained(tmp_path / "bert")
    with pytest.raises(ValueError, match=r"could not be loaded as a vision transformer: .*nor an image_size"):
        load_vit(tmp_path / "bert")
    with pytest.raises(ValueError, match="There is no folder 'nowhere'"):
        load_vit("./nowhere")
    with pytest.raises(TypeError, match="a folder, a hub id or None, not int"):
        load_clip(3)
    with pytest.raises(ValueError, match="The device 'abacus' is not available"):
        load_clip(device="abacus")


def test_code_in_a_model_folder_is_never_run(tmp_path):
    ran = tmp_path / "ran"
    (tmp_path / "model.py").write_text(f"open({str(ran)!r}, 'w')\nclass Model: pass\nclass Config: pass\n")
    own = {"AutoModel": "model.Model", "AutoConfig": "model.Config"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "unheard_of", "auto_map": own}))
    with pytest.raises(ValueError, match="could not be loaded as a vision transformer"):
        load_vit(tmp_path)
    assert not ran.exists()


@pytest.mark.parametrize("listing", ["{}", "[]", "3", '{"../outside": ""}', '{"/outside": ""}'])
def test_a_listing_that_lists_nothing_or_leaves_the_folder(tmp_path, listing):
    (tmp_path / "hashes.json").write_text(listing)
    with pytest.raises(ValueError, match="does not list the folder's files"):
        check_files(tmp_path)
