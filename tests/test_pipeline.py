"""Loading: folders, damaged files, and what a loaded pipeline is like."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, PNDMScheduler, UNet2DConditionModel
from diffusers.utils import logging
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

import styledit
from conftest import make_pipeline
from single_file import single_file, write
from styledit import pipeline
from styledit.pipeline import model_fingerprint
from styledit.storage import checkpoints
from styledit.storage import loading as loading_module


@pytest.fixture
def folder(tokenizer, tmp_path):
    """A saved model with hashes, as the embedded one."""
    pipe = make_pipeline(tokenizer)
    pipe.scheduler = PNDMScheduler.from_config(pipe.scheduler.config)
    pipe.save_pretrained(tmp_path / "model")
    root = tmp_path / "model"
    files = [file for file in root.rglob("*") if file.is_file()]
    hashes = {str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    (root / "hashes.json").write_text(json.dumps(hashes))
    return root


def test_a_folder(folder):
    pipe = styledit.load(folder)
    assert type(pipe.scheduler) is DDIMScheduler and not pipe.scheduler.config.clip_sample
    for network in (pipe.unet, pipe.vae, pipe.text_encoder):
        assert not network.training and not any(weight.requires_grad for weight in network.parameters())
    assert styledit.picture_size(pipe) == (32, 32)
    assert styledit.load(str(folder), dtype=torch.float64).unet.dtype == torch.float64


def test_the_embedded_model_is_checked(folder, monkeypatch):
    monkeypatch.setattr(pipeline, "EMBEDDED_FOLDER", folder)
    styledit.load()
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"damaged: .*unet.*git checkout"):
        styledit.load()
    weights.unlink()
    with pytest.raises(ValueError, match=r"incomplete: .*unet.*is missing.*git checkout"):
        styledit.load()
    (folder / "hashes.json").write_text("[")
    with pytest.raises(ValueError, match=r"damaged: .*hashes.json"):
        styledit.load()
    (folder / "hashes.json").unlink()
    with pytest.raises(ValueError, match=r"embedded model is missing.*git checkout"):
        styledit.load()


@pytest.mark.parametrize("name", ["./nowhere", "nowhere", "/a/b/c"])
def test_no_such_folder(name):
    with pytest.raises(ValueError, match="There is no folder"):
        styledit.load(name)


def test_a_folder_that_is_no_pipeline(tmp_path):
    with pytest.raises(ValueError, match="could not be loaded as a Stable Diffusion pipeline"):
        styledit.load(tmp_path)


@pytest.mark.parametrize(
    "settings,error,message",
    [
        ({"model": 3}, TypeError, "a folder, a hub id or None, not int"),
        ({"device": "abacus"}, ValueError, "The device 'abacus' is not available"),
        ({"device": "cuda:99"}, ValueError, "The device 'cuda:99' is not available"),
        ({"dtype": "float32"}, TypeError, "must be a floating-point dtype"),
        ({"dtype": torch.int8}, TypeError, "must be a floating-point dtype"),
    ],
)
def test_arguments_that_cannot_be_used(settings, error, message):
    with pytest.raises(error, match=message):
        styledit.load(**settings)


def test_progress_bars_stay_as_the_user_had_them(tmp_path):
    try:
        for bars in (True, False):
            (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
            with pytest.raises(ValueError):
                styledit.load(tmp_path)
            assert logging.is_progress_bar_enabled() is bars
    finally:
        logging.enable_progress_bar()


# --- checkpoints as people have them -----------------------------------------------------------------


def rename_weights(folder, insert):
    """Give every weight file of a saved pipeline a variant in its name."""
    for file in [*folder.glob("*/*.safetensors")]:
        file.rename(file.with_name(f"{file.stem}.{insert}.safetensors"))


def change_json(file, **changes):
    """Change entries of a JSON file; None removes one."""
    content = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def test_float16_is_the_default_on_cuda(folder, monkeypatch):
    seen = {}
    monkeypatch.setattr(pipeline.validation, "device", lambda value: torch.device(value))
    monkeypatch.setattr(pipeline, "prepare", lambda pipe, *rest: seen.update(dtype=pipe.unet.dtype))
    for settings, expected in (
        ({"device": "cuda"}, torch.float16),
        ({"device": "cuda:1", "dtype": torch.bfloat16}, torch.bfloat16),
        ({"device": "cpu"}, torch.float32),
    ):
        styledit.load(folder, **settings)
        assert seen["dtype"] == expected


def test_a_folder_of_one_variant_only(folder):
    before = model_fingerprint(styledit.load(folder))
    rename_weights(folder, "fp16")
    assert model_fingerprint(styledit.load(folder)) == before
    unet = folder / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    unet.rename(unet.with_name("diffusion_pytorch_model.safetensors"))  # one network plain, two not
    assert model_fingerprint(styledit.load(folder)) == before


def test_a_plain_folder_beside_its_variant_is_read_plain(folder):
    unet = folder / "unet"
    (unet / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"not read")
    assert styledit.load(folder).unet.dtype == torch.float32


def test_what_is_not_used_need_not_be_there(folder):
    named = {
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
        "requires_safety_checker": True,
    }
    change_json(folder / "model_index.json", **named)
    assert styledit.load(folder).safety_checker is None


def test_pickles_are_told_the_way(folder, tmp_path):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ValueError, match=r"model.bin' is a pickle.*use_safetensors=False.*save_pretrained"):
        styledit.load(folder)
    for name in ("model.ckpt", "model.pt", "model.bin"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(ValueError, match=f"{name}' is .* a pickle.*convert_original.* --to_safetensors"):
            styledit.load(tmp_path / name)


@pytest.mark.parametrize(
    "name,kind",
    [
        ("StableDiffusionXLPipeline", "an SDXL model"),
        ("StableDiffusionXLInpaintPipeline", "an SDXL inpainting model"),
        ("StableDiffusion3Pipeline", "a Stable Diffusion 3 model"),
        ("StableDiffusionInpaintPipeline", "an inpainting model"),
        ("StableUnCLIPImg2ImgPipeline", "an unCLIP model"),
        ("FluxPipeline", "a Flux model"),
    ],
)
def test_other_families_are_named(folder, name, kind):
    change_json(folder / "model_index.json", _class_name=name)
    with pytest.raises(
        ValueError, match=f"model' is {kind}; use a text-to-image model of Stable Diffusion 1 or 2."
    ):
        styledit.load(folder)


@pytest.mark.parametrize("index", ["[]", '{"unet": 3, "vae": [], "text_encoder": null}', "3"])
def test_a_pipeline_without_an_index(folder, index):
    (folder / "model_index.json").write_text(index)
    with pytest.raises(ValueError, match=r"model_index.json|other networks|could not be loaded"):
        styledit.load(folder)


def test_a_hub_that_cannot_be_reached_is_asked_once(monkeypatch):
    asked = []

    def refuse(*args, **options):
        asked.append(args)
        raise OSError("no network")

    monkeypatch.setattr(loading_module, "get_session", lambda: SimpleNamespace(head=refuse))
    with pytest.raises(ValueError, match="'owner/name' could not be loaded .*: the hub cannot be reached"):
        styledit.load("owner/name")
    assert len(asked) == 1


def test_a_pipeline_of_other_networks(folder):
    change_json(
        folder / "model_index.json", _class_name="PixArt", unet=["diffusers", "PixArtTransformer2DModel"]
    )
    with pytest.raises(ValueError, match="is a PixArt with other networks than Stable Diffusion's"):
        styledit.load(folder)


@pytest.mark.parametrize(
    "file,changes,message",
    [
        (
            "scheduler/scheduler_config.json",
            "empty",
            "scheduler_config.json lacks beta_schedule, beta_start, beta_end",
        ),
        ("scheduler/scheduler_config.json", {"beta_end": None}, "scheduler_config.json lacks beta_end"),
        ("scheduler/scheduler_config.json", {"beta_end": float("nan")}, "The noise schedule has NaN"),
        (
            "scheduler/scheduler_config.json",
            {"prediction_type": "score"},
            "prediction_type must be one of 'epsilon'",
        ),
        ("scheduler/scheduler_config.json", {"trained_betas": [0.1]}, "has 1 levels for 1000 timesteps"),
        (
            "scheduler/scheduler_config.json",
            {"timestep_spacing": "random"},
            "timestep_spacing must be one of 'leading'",
        ),
        ("vae/config.json", {"scaling_factor": 0}, "scaling_factor is 0"),
        ("vae/config.json", {"scaling_factor": float("inf")}, "scaling_factor must be finite"),
        ("vae/config.json", {"shift_factor": float("nan")}, "shift_factor must be finite"),
        (
            "tokenizer/tokenizer_config.json",
            "gone",
            "does not say that prompts end at 12 tokens.*tokenizer_config.json",
        ),
        ("tokenizer/tokenizer.json", "gone", "tokenizer"),
    ],
)
def test_configs_that_lack_or_hold_what_cannot_be(folder, file, changes, message):
    if changes == "empty":
        (folder / file).write_text("{}")
    elif changes == "gone":
        (folder / file).unlink()
    else:
        change_json(folder / file, **changes)
    with pytest.raises(ValueError, match=message):
        styledit.load(folder)


@pytest.mark.parametrize("network", ["unet", "vae", "text_encoder"])
def test_weights_that_are_missing(folder, network):
    file = next((folder / network).glob("*.safetensors"))
    weights = load_file(file)
    del weights[sorted(weights)[3]]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=f"lacks weights of its {network} .* for one.; get the whole model"):
        styledit.load(folder)


@pytest.fixture(scope="module")
def small(tokenizer):
    """A tiny pipeline whose topology Stable Diffusion's first release had, with CLIP's own vocabulary."""
    pipe = make_pipeline(tokenizer)
    pipe.tokenizer = checkpoints.clip_tokenizer("!")
    text = dict(
        pipe.text_encoder.config.to_dict(), vocab_size=len(pipe.tokenizer), max_position_embeddings=77
    )
    pipe.text_encoder = CLIPTextModel(CLIPTextConfig(**text)).eval()
    return pipe


@pytest.fixture
def configs(small, tmp_path, monkeypatch):
    """The kit's configs, in small."""
    place = tmp_path / "configs"
    for family in ("sd1", "sd2-base", "sd2-v"):
        small.save_config(place / family)
        for name in ("unet", "vae", "text_encoder", "scheduler"):
            part = getattr(small, name)
            (part.config if name == "text_encoder" else part).save_pretrained(place / family / name)
        for weights in (place / family).glob("*/*.safetensors"):
            weights.unlink()
    (place / "merges.txt").symlink_to(checkpoints.CONFIGS / "merges.txt")
    monkeypatch.setattr(checkpoints, "CONFIGS", place)


def same_weights(pipe, other):
    for name in ("unet", "vae", "text_encoder"):
        first, second = getattr(pipe, name).state_dict(), getattr(other, name).state_dict()
        assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_a_checkpoint_in_one_file(small, configs, tmp_path):
    tensors = single_file(small)
    pipe = styledit.load(write(tmp_path / "sd1.safetensors", tensors))
    same_weights(pipe, small)
    assert pipe.scheduler.config.prediction_type == "epsilon" and pipe.unet.dtype == torch.float32
    assert pipe.tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert pipe.tokenizer.pad_token_id == 49407
    early = {name.replace(".text_model.", "."): tensor for name, tensor in tensors.items()}
    ids = {"cond_stage_model.transformer.embeddings.position_ids": torch.arange(77)[None]}
    ema = {f"model_ema.diffusion_modelx{k}": torch.zeros(1) for k in range(120)}
    same_weights(styledit.load(write(tmp_path / "early.safetensors", early | ids | ema)), small)
    half = styledit.load(
        str(tmp_path / "sd1.safetensors"), dtype=torch.float16, prediction_type="v_prediction"
    )
    assert half.unet.dtype == half.text_encoder.dtype == torch.float16
    assert half.scheduler.config.prediction_type == "v_prediction"


def test_a_second_release_in_one_file_says_what_it_predicts(small, configs, tmp_path):
    tensors = single_file(small, open_clip=True)
    file = write(tmp_path / "sd2.safetensors", tensors)
    with pytest.raises(
        ValueError, match=r"Stable Diffusion 2 model that does not say .*prediction_type='v_prediction'"
    ):
        styledit.load(file)
    pipe = styledit.load(file, prediction_type="v_prediction")
    same_weights(pipe, small)
    assert pipe.scheduler.config.prediction_type == "v_prediction" and pipe.tokenizer.pad_token_id == 0
    told = write(tmp_path / "told.safetensors", tensors, **{"modelspec.prediction_type": "v"})
    assert styledit.load(told).scheduler.config.prediction_type == "v_prediction"


@pytest.mark.parametrize(
    "part",
    [
        "token_embedding",
        "positional_embedding",
        "1.attn.in_proj_weight",
        "0.attn.out_proj.bias",
        "1.mlp.c_fc.weight",
        "0.ln_2.bias",
        "ln_final.weight",
    ],
)
def test_a_second_release_without_a_weight_of_its_text_encoder(small, configs, tmp_path, part):
    """What the libraries leave without numbers, they would encode prompts with."""
    tensors = single_file(small, open_clip=True)
    (name,) = [name for name in tensors if name.startswith("cond_stage") and part in name]
    tensors.pop(name)
    with pytest.raises(ValueError, match=r"lacks weights of its text_encoder|Weights .* to be missing"):
        styledit.load(write(tmp_path / "sd2.safetensors", tensors), prediction_type="epsilon")


def test_one_file_loads_without_a_word(small, configs, tmp_path, capfd):
    file = write(tmp_path / "sd1.safetensors", single_file(small))
    capfd.readouterr()
    styledit.load(file, dtype=torch.float16)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "change,message",
    [
        (
            lambda t: {k: v for k, v in t.items() if "first_stage" not in k},
            "lacks its autoencoder; get the whole",
        ),
        (lambda t: {k: v for k, v in t.items() if "cond_stage" not in k}, "lacks its text encoder"),
        (
            lambda t: {k: v for k, v in t.items() if "diffusion_model" not in k},
            "holds no Stable Diffusion checkpoint",
        ),
        (lambda t: t | {"conditioner.embedders.0.x": torch.ones(1)}, "is an SDXL model"),
        (lambda t: t | {"model.diffusion_model.label_emb.0.0.weight": torch.ones(1)}, "is an unCLIP model"),
        (
            lambda t: t | {"model.diffusion_model.input_blocks.0.0.weight": torch.ones(8, 9, 3, 3)},
            "is an inpainting",
        ),
        (lambda t: {"lora_unet_down.weight": torch.ones(1)}, "is a LoRA, which is loaded into"),
        (
            lambda t: {k: v for k, v in t.items() if "final_layer_norm" not in k},
            "Missing key.s. in state_dict: .final_layer_norm",
        ),
        (
            lambda t: {k: v for k, v in t.items() if "out.2.bias" not in k},
            "lacks weights of its UNet or autoencoder; get the whole file.",
        ),
        (lambda t: t | {"model.diffusion_model.input_blocks.0.0.weight": torch.ones(3)}, "holds no Stable"),
        (
            lambda t: t | {"first_stage_model.encoder.conv_in.weight": torch.ones(3)},
            r"encoder.conv_in.weight expected shape torch.Size\(\[8, 3, 3, 3\]\), but got .*\[3\]\).$",
        ),
    ],
)
def test_what_one_file_may_hold_instead(small, configs, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        styledit.load(write(tmp_path / "model.safetensors", change(single_file(small))))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file 'owner/name.safetensors'"):
        styledit.load("owner/name.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(b"cut")
    with pytest.raises(ValueError, match="is no safetensors file, or was cut short; get it again"):
        styledit.load(tmp_path / "cut.safetensors")


def test_the_configs_that_come_with_the_kit():
    """Their UNets have the number of weights that the published models have."""
    published = {"sd1": 859_520_964, "sd2-base": 865_910_724, "sd2-v": 865_910_724}
    text = {"sd1": 123_060_480, "sd2-base": 340_387_840, "sd2-v": 340_387_840}
    for family in published:
        place = checkpoints.CONFIGS / family
        with torch.device("meta"):
            unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(place / "unet"))
            vae = AutoencoderKL.from_config(AutoencoderKL.load_config(place / "vae"))
            encoder = CLIPTextModel(CLIPTextConfig.from_pretrained(place / "text_encoder"))
        assert unet.num_parameters() == published[family] and vae.num_parameters() == 83_653_863
        assert encoder.num_parameters() == text[family]


# --- the fingerprint --------------------------------------------------------------------------------


def test_the_fingerprint_sees_weights_and_settings(tokenizer):
    pipe = make_pipeline(tokenizer)
    seen = {model_fingerprint(pipe)}
    for network in (pipe.unet, pipe.vae, pipe.text_encoder):
        for weight in [*network.parameters()][::7]:
            weight.data *= 1.01
            weight.data += 0.01
            fingerprint = model_fingerprint(pipe)
            assert fingerprint not in seen
            seen.add(fingerprint)
    for owner, name, value in (
        (pipe.scheduler, "prediction_type", "v_prediction"),
        (pipe.scheduler, "beta_end", 0.02),
        (pipe.vae, "scaling_factor", 0.5),
        (pipe.vae, "shift_factor", 0.2),
        (pipe.unet, "center_input_sample", True),
    ):
        owner.register_to_config(**{name: value})
        fingerprint = model_fingerprint(pipe)
        assert fingerprint not in seen
        seen.add(fingerprint)


def test_the_fingerprint_sees_precision_and_nothing_of_the_machine(tokenizer):
    pipe = make_pipeline(tokenizer)
    before, threads = model_fingerprint(pipe), torch.get_num_threads()
    torch.set_num_threads(2)
    pipe.unet.to(memory_format=torch.channels_last)
    try:
        assert model_fingerprint(pipe) == before
    finally:
        torch.set_num_threads(threads)
    pipe.unet.to(memory_format=torch.contiguous_format)
    assert model_fingerprint(make_pipeline(tokenizer)) == before
    pipe.vae.to(torch.float16)
    assert model_fingerprint(pipe) != before


LOAD = "import styledit; styledit.load()"


@pytest.mark.parametrize(
    ("code", "environment", "threads"),
    [
        (LOAD, {}, 1),
        pytest.param(f"torch.set_num_threads(5); {LOAD}", {}, 5, marks=pytest.mark.slow),
        pytest.param(f"{LOAD}; torch.set_num_threads(6); styledit.load()", {}, 6, marks=pytest.mark.slow),
        (LOAD, {"OMP_NUM_THREADS": "2"}, min(2, os.cpu_count() or 1)),
    ],
    ids=["embedded", "set before", "set after", "by the environment"],
)
def test_the_embedded_model_takes_one_thread_unless_the_user_chose(code, environment, threads):
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    }
    done = subprocess.run(
        [sys.executable, "-c", f"import torch; {code}; print(torch.get_num_threads())"],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(threads)
