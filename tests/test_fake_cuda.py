"""The whole path on a pretended GPU: a forgotten `.to(device)` fails on any machine.

`PretendedGpu` is a mode in which `device="cuda"` tensors are CPU tensors of a class of their own. They hold
numbers, so that every branch is taken as on a GPU; a call that mixes them with tensors of the CPU raises as
CUDA does, and so does turning them into an array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

import styledit
from conftest import make_pipeline
from styledit import Layers, Preset, Record, Regularisation
from styledit.commands import check
from styledit.objectives import ObjectiveState, WeightedSum
from styledit.pipeline import prepare
from test_perception import save_clip

STEPS = 2
GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
PROMPT, TARGET = "a red car in the snow", "a blue cat in the snow"

# What CUDA tensors and CPU tensors may meet in: copies, indices on the CPU, the shape or dtype of another.
MEETINGS = {
    "copy_", "__getitem__", "__setitem__", "to", "type_as", "expand_as", "view_as", "reshape_as", "__set__",
    "_has_compatible_shallow_copy_type", "result_type", "promote_types", "can_cast",
}  # fmt: skip
JOINS = {"cat", "stack", "concat", "hstack", "vstack"}  # which take no scalar of the CPU either
MOVES = {"to", "cpu", "cuda", "type_as"}
TO_ARRAYS = {"numpy", "__array__"}


class OnGpu(torch.Tensor):
    """A tensor that pretends to be on the GPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl


class PretendedGpu(TorchFunctionMode):
    """Inside it, this machine has a GPU."""

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        of = getattr(getattr(func, "__self__", None), "__name__", "")  # of a property's __get__
        first = args[0] if args else None
        if name == "__get__" and of in ("device", "is_cuda", "is_cpu") and isinstance(first, OnGpu):
            return {"device": GPU, "is_cuda": True, "is_cpu": False}[of]
        tensors = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, torch.Tensor)]
        if name == "pin_memory":
            return _refuse("only CPU tensors can be pinned") if isinstance(first, OnGpu) else first
        if name in TO_ARRAYS and isinstance(first, OnGpu):
            raise TypeError("can't convert a tensor of the pretended GPU to numpy; use Tensor.cpu() first.")
        _check_devices(name, tensors)
        target, args, kwargs = _target(name, args, kwargs, tensors)
        leaf = kwargs.pop("requires_grad", False) if not tensors else False
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **kwargs)
        if name in MOVES:
            return _placed(
                result.clone() if result is first and _device_of(first) != target else result, target
            )
        given = {id(x) for x in tensors}
        result = tree_map(lambda x: x if id(x) in given else _placed(x, target), result)
        return result.requires_grad_() if leaf else result


def _refuse(why: str) -> None:
    raise RuntimeError(why)


def _check_devices(name: str, tensors: list[torch.Tensor]) -> None:
    """Raise as CUDA does where tensors of two devices meet."""
    ours = [x for x in tensors if isinstance(x, OnGpu)]
    others = [x for x in tensors if not isinstance(x, OnGpu) and (x.dim() > 0 or name in JOINS)]
    if not ours or not others:
        return
    if name == "__getitem__" and not isinstance(tensors[0], OnGpu):
        raise RuntimeError("indices should be on the same device as the indexed tensor (cpu)")
    if name not in MEETINGS:
        raise RuntimeError(f"Expected all tensors to be on the same device, but {name} found cuda:0 and cpu.")


def _target(
    name: str, args: tuple, kwargs: dict[str, Any], tensors: list[torch.Tensor]
) -> tuple[torch.device, tuple, dict[str, Any]]:
    """Where the result is, and the arguments for a call that stays on the CPU."""
    target = GPU if any(isinstance(x, OnGpu) for x in tensors) else CPU
    if name in ("cpu", "cuda"):
        return (GPU if name == "cuda" else CPU), args, {}
    if name in ("to", "type_as"):
        target = _device_of(next((x for x in args[1:] if isinstance(x, torch.Tensor)), args[0]))
    named = [x for x in (*args[1:], kwargs.get("device")) if _is_device(x)]
    if named:
        target = torch.device(named[0])
        args = tuple(CPU if _is_device(x) else x for x in args)
        if "device" in kwargs:
            kwargs["device"] = CPU
    return (GPU if target.type == "cuda" else CPU), args, kwargs


def _is_device(x: object) -> bool:
    return isinstance(x, (str, torch.device)) and str(x).partition(":")[0] in ("cuda", "cpu")


def _device_of(x: torch.Tensor) -> torch.device:
    return GPU if isinstance(x, OnGpu) else CPU


def _placed(x: Any, target: torch.device) -> Any:
    """A result on its device."""
    if not isinstance(x, torch.Tensor) or _device_of(x) == target:
        return x
    return x.as_subclass(OnGpu if target is GPU else torch.Tensor)


def _move(module: torch.nn.Module, *args: Any, **kwargs: Any) -> torch.nn.Module:
    """`Module.to`, whose own code looks at the tensors' true device."""
    places = [x for x in (*args, *kwargs.values()) if isinstance(x, torch.Tensor) or _is_device(x)]
    for one in module.modules():
        for name, parameter in one._parameters.items():
            if parameter is not None:
                moved = parameter.detach().to(*args, **kwargs)
                one._parameters[name] = torch.nn.Parameter(moved, parameter.requires_grad)
        for name, buffer in one._buffers.items():
            if buffer is not None and buffer.is_floating_point():
                one._buffers[name] = buffer.to(*args, **kwargs)
            elif buffer is not None and places:
                place = places[0].device if isinstance(places[0], torch.Tensor) else places[0]
                one._buffers[name] = buffer.to(place)
    return module


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with a pretended GPU, for one test."""
    monkeypatch.setattr(torch.nn.Module, "to", _move)
    with PretendedGpu():
        yield


@pytest.fixture
def pipe(tokenizer, gpu: None) -> StableDiffusionPipeline:
    """A tiny pipeline on it."""
    pipe = make_pipeline(tokenizer)
    for network in (pipe.unet, pipe.vae, pipe.text_encoder):
        network.to("cuda")
    pipe.scheduler.alphas_cumprod = pipe.scheduler.alphas_cumprod.to("cuda")  # as `add_noise` leaves it
    assert pipe.unet.device == pipe.vae.device == pipe.text_encoder.device == GPU
    return pipe


@pytest.fixture
def networks(tokenizer, gpu: None, tmp_path) -> styledit.Networks:
    """Tiny networks of the metrics on it."""
    return styledit.load_networks(save_clip(tmp_path, tokenizer), device="cuda")


def test_the_pretence(gpu):
    """It tells the devices apart, and raises where they meet."""
    here, there = torch.ones(2, 3), torch.ones(2, 3, device="cuda")
    assert here.device == CPU
    assert (
        there.device
        == (there * 2).sum().device
        == here.to(there).device
        == torch.zeros_like(there).device
        == GPU
    )
    assert there.cpu().device == CPU
    assert (there * torch.tensor(2.0)).device == GPU
    for mixed in (
        lambda: here + there,
        lambda: torch.cat([here, there]),
        lambda: here[torch.zeros(1, dtype=torch.int64, device="cuda")],
        lambda: torch.nn.Linear(3, 1)(there),
    ):
        with pytest.raises(RuntimeError, match="same device"):
            mixed()
    with pytest.raises(TypeError, match="numpy"):
        np.asarray(there)
    leaf = torch.ones(3, device="cuda", requires_grad=True)
    (gradient,) = torch.autograd.grad((leaf * leaf).sum(), [leaf])
    assert gradient.device == GPU and gradient.tolist() == [2, 2, 2]


def test_the_whole_path(pipe, picture, tmp_path):
    """There, fitted, back, edited and saved, every tensor where it belongs."""
    quiet = {"progress": False}
    everything = Record((Layers(), Layers(kind="self")))
    inversion = styledit.invert(pipe, picture, PROMPT, STEPS, record=everything, **quiet)
    assert inversion.latents.device == inversion.c.device == inversion.null.device == GPU
    assert {maps.device for maps in inversion.maps.layers.values()} == {CPU}
    preset = Preset(1, 0.02, regularisation=Regularisation(l2=1.0))
    values = styledit.fit_values(pipe, inversion, preset=preset, **quiet)
    assert values.scale.device == values.shift.device == GPU
    run = styledit.reconstruct(pipe, inversion, values=values, record=Layers(), **quiet)
    assert run.latents.device == styledit.drift(inversion, run.latents.cpu()).device == GPU
    theirs = {layer: maps[0] for layer, maps in run.maps.layers.items()}
    ours = {layer: maps.to("cuda") for layer, maps in theirs.items()}
    assert styledit.objectives.attention_l2(ours, theirs).device == GPU
    edit = styledit.edit(
        pipe,
        inversion,
        TARGET,
        values=values,
        blend="car",
        tau_s=0.5,
        reweight={"cat": 2.0},
        regularisation=Regularisation(sparsity=1.0, localisation=1.0),
        record=Layers(),
        **quiet,
    )
    assert edit.latents.device == GPU and edit.image.size == picture.size
    inversion.save(tmp_path / "inversion.safetensors")
    values.save(tmp_path / "values.safetensors")
    loaded = styledit.Inversion.load(tmp_path / "inversion.safetensors", "cuda")
    again = styledit.ValueInputs.load(tmp_path / "values.safetensors", "cuda")
    assert loaded.latents.device == again.scale.device == GPU
    assert torch.equal(styledit.reconstruct(pipe, loaded, values=again, **quiet).latents, run.latents)
    with pytest.raises(ValueError, match="The inversion is on cpu and the pipeline on cuda:0"):
        styledit.reconstruct(pipe, styledit.Inversion.load(tmp_path / "inversion.safetensors"), **quiet)


def test_other_fits_and_runs(pipe, picture, networks, tmp_path):
    """Several pictures, the mapping network, a fit that goes on, the baselines, other ways to edit."""
    quiet = {"progress": False}
    inversion, other = (styledit.invert(pipe, picture, p, STEPS, **quiet) for p in (PROMPT, TARGET))
    both = styledit.fit_values(pipe, [inversion, other], preset=Preset(1, 0.02, warm=True), **quiet)
    assert {fit.shift.device for fit in both} == {GPU}
    mapping = Preset(1, 0.02, parameterisation="mapping")
    fit = {"preset": mapping, "image_encoder": networks.clip, "low_memory": True}
    fit["checkpoint"] = tmp_path / "fit.safetensors"
    values = styledit.fit_values(pipe, inversion, **fit, **quiet)
    again = styledit.fit_values(pipe, inversion, **fit, **quiet)
    assert values.shift.device == again.shift.device == GPU and torch.equal(values.shift, again.shift)
    editor = styledit.Editor(pipe, inversion, values=values.load(fit["checkpoint"]))
    for k, targets in enumerate((TARGET, ["a fox", "a car in the snow"])):
        edit = editor.edit(targets, tau_u=0.5 * k, tau_v_words={"snow": 1.0}, **quiet)
        assert (edit if k == 0 else edit[0]).latents.device == GPU
    pulled = WeightedSum(((1.0, Brightness()),))
    assert editor.edit(TARGET, regularisation=pulled, **quiet).latents.device == GPU
    nulls = styledit.baselines.fit_nulls(pipe, inversion, iterations=1, **quiet)
    edits = [styledit.baselines.null_text(pipe, inversion, TARGET, nulls=nulls, **quiet)]
    for name in ("ddim_p2p", "direct_inversion", "masactrl", "negative_prompt", "plug_and_play", "sdedit"):
        edits.append(getattr(styledit.baselines, name)(pipe, inversion, TARGET, **quiet))
    assert {edit.latents.device for edit in edits} == {GPU}
    assert styledit.generate(pipe, PROMPT, steps=STEPS, **quiet).latents.device == GPU
    start = inversion.z_T.cpu()
    assert styledit.generate(pipe, PROMPT, z_T=start, steps=STEPS, **quiet).latents.device == GPU


def test_looks_and_metrics(pipe, picture, networks):
    """Previews, pixels, and networks that judge."""
    z = styledit.encode_image(pipe, picture)
    assert z.device == styledit.decode_tensor(pipe, z).device == GPU
    assert [look.size for look in styledit.preview(pipe, z)] == [picture.size]
    mask = np.zeros((32, 32), bool)
    mask[:16] = True
    edited = styledit.decode_latents(pipe, z)[0]
    told = styledit.edit_metrics(picture, edited, TARGET, networks, mask=mask, truth=picture)
    assert all(isinstance(value, float) for value in told.values())
    on_gpu = torch.from_numpy(mask).to("cuda")
    assert styledit.psnr(picture, edited, on_gpu) == styledit.psnr(picture, edited, mask)


@pytest.mark.slow
def test_the_check_of_a_machine(gpu, tokenizer, monkeypatch, tmp_path, capsys):
    """`styledit check` on CUDA, with few steps, and tiny networks where it would make large ones."""

    @contextmanager
    def peak(_: torch.device) -> Iterator[list[float]]:
        yield [7.9]

    def tiny(device: torch.device, dtype: torch.dtype) -> StableDiffusionPipeline:
        return prepare(make_pipeline(tokenizer), device, dtype)

    monkeypatch.setattr(check, "STEPS", STEPS)
    monkeypatch.setattr(check, "LARGE_STEPS", STEPS)
    monkeypatch.setattr(check, "LARGE_PROMPT", PROMPT)
    monkeypatch.setattr(check, "LARGE_TARGET", TARGET)
    monkeypatch.setattr(check, "BARS", {torch.float32: check.BARS[torch.float32]})  # half is slow on a CPU
    monkeypatch.setattr(check, "_peak", peak)
    monkeypatch.setattr(check, "random_pipeline", tiny)
    about = SimpleNamespace(name="a pretended GPU", total_memory=8 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: about)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda _: None)
    tiny(CPU, torch.float32).save_pretrained(tmp_path / "model")
    check.check(None, str(tmp_path / "model"), tmp_path / "strip.png")
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines()]
    rows = {line[0].strip("| "): line[1:] for line in lines}
    assert rows["device"][0].startswith("a pretended GPU, 8 GB")
    for stage in ("invert", "fit", "edit"):
        assert rows[f"{stage} (cuda, float32) against the CPU"][-1].startswith("ok")
    large = "Stable Diffusion 1.5, 512 pixels, random weights"
    assert "after a drag" in rows[f"{large}, float16, {STEPS} steps"][0]
    assert rows[f"{large}, peak memory"][0] == "7.9 GB"
    assert (tmp_path / "strip.png").is_file()


@dataclass(frozen=True)
class Brightness:
    """An objective that looks at pixels."""

    layers: tuple[Layers, ...] = ()
    words: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset({"pixels"})
    needs_targets: bool = False

    def __call__(self, state: ObjectiveState) -> torch.Tensor:
        return state.pixels.mean()

    def __bool__(self) -> bool:
        return True

    def for_prompt(self, prompt_words: object) -> Brightness:
        return self
