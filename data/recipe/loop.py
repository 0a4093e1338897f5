"""What every training stage shares: a loop that can be killed at any moment and goes on where it was.

A stage's state (weights, their moving average, Adam's moments, the step) lies in one safetensors file that
is replaced atomically; everything random at a step is drawn from (seed, step), so a resumed run sees what an
unbroken one would have seen. The loss curve is appended to a CSV file beside it.
"""

from __future__ import annotations

import csv
import math
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from recipe import folders
from recipe.muon import Muon, takes
from styledit.objectives import critic

try:
    import fcntl
except ImportError:  # Windows has no such locks: nothing is known of other processes there
    fcntl = None  # type: ignore[assignment]

MOMENTS = ("exp_avg", "exp_avg_sq", "momentum")  # what an optimiser keeps of a parameter


def device() -> torch.device:
    """Where the stages are trained."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def bf16_pays() -> bool:
    """Whether the device multiplies bfloat16 matrices natively (on a processor: AVX-512 BF16)."""
    return device().type == "cuda" or torch.cpu._is_avx512_bf16_supported()


def autocast() -> torch.autocast:
    """A block of bfloat16 matrix products where they pay."""
    return torch.autocast(device().type, torch.bfloat16, enabled=bf16_pays())


def faster_layout() -> torch.memory_format:
    """The memory layout that convolutions and group norms are trained faster in."""
    return torch.channels_last if device().type == "cuda" else torch.contiguous_format


def learning_rate(
    step: int,
    steps: int,
    peak: float,
    start: int = 0,
    warmup: int = 300,
    decay: float = 0.3,
    settled: float = math.inf,
) -> float:
    """Warm-up from ``start``, plateau, and a linear descent over the last ``decay`` of the steps.

    The plateau makes it possible to train longer later: resume with a larger ``steps``. After the step
    ``settled`` it sinks with the inverse square root of the step, which asks for no end.
    """
    peak *= min(1.0, (settled / (step + 1)) ** 0.5)
    return peak * min(1.0, (step - start + 1) / warmup, max(0.02, (steps - step) / (decay * steps)))


def train(
    name: str,
    modules: dict[str, torch.nn.Module],
    loss_of: Callable[[np.random.Generator, int], torch.Tensor],
    *,
    steps: int,
    lr: float,
    muon: float = 0.0,
    critics: Mapping[str, torch.nn.Module] = MappingProxyType({}),
    start: int = 0,
    decay: float = 0.3,
    settled: float = math.inf,
    ema: float = 0.999,
    weight_decay: float = 0.01,
    seed: int = 0,
    save_every: float = 180.0,
    report: Callable[[int], None] | None = None,
    report_every: int = 500,
) -> None:
    """Minimise ``loss_of(rng, step)`` over the parameters of ``modules``; leave the averaged weights in them.

    ``muon`` is Muon's learning rate for the matrices among the weights, ``lr`` AdamW's for the others; with
    0, AdamW trains everything. Both follow ``learning_rate`` with ``decay`` and ``settled``. ``critics`` are
    modules that learn by the same loss, with the optimiser of ``styledit.objectives.critic``.

    Resumes from ``CACHE/<name>.safetensors`` where it exists; saves there every ``save_every`` seconds, and
    at once when asked to stop (Ctrl-C, SIGTERM). Without a checkpoint the steps are counted from ``start``.
    ``report(step)`` is called every ``report_every`` steps while the averaged weights are in the modules.
    """
    torch.manual_seed(seed)
    parameters = {name: p for name, p in _named(modules).items() if p.requires_grad}
    optimisers = _optimisers(parameters, lr, muon, weight_decay)
    clipped = list(parameters.values())
    if critics:
        own = _named(critics)
        optimisers.append(torch.optim.Adam(own.values(), lr=critic.RATE, betas=critic.BETAS))
        parameters |= own
    for group in (group for optimiser in optimisers for group in optimiser.param_groups):
        group["peak"] = group["lr"]
    average = {k: p.detach().clone() for k, p in parameters.items()}
    file = _checkpoint(name)
    curve_file = _curve(name)
    step = start
    if has_checkpoint(name):
        step, start = _resume(file, parameters, average, optimisers)
    elif start:
        _take_curve(name)
    _cut(curve_file, step)
    curve = []
    since = time.time()
    saved = time.time()
    with announced(), stop_requests() as asked:
        while step < steps:
            rng = np.random.default_rng([seed, step])
            torch.manual_seed(int(rng.integers(2**31)))
            for optimiser in optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = learning_rate(
                        step, steps, group["peak"], start, decay=decay, settled=settled
                    )
            loss = loss_of(rng, step)
            if not torch.isfinite(loss):
                raise RuntimeError(
                    f"{name}: the loss is {loss.item()} at step {step}; lower the learning rate and resume."
                )
            for optimiser in optimisers:
                optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(clipped, 1.0)
            for optimiser in optimisers:
                optimiser.step()
            step += 1
            keep = min(ema, (1 + step - start) / (10 + step - start))
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(average.values()), [p.detach() for p in parameters.values()], 1 - keep
                )
            curve.append(loss.item())
            if len(curve) == 50 or step == steps:
                _log(curve_file, step, float(np.mean(curve)), (time.time() - since) / len(curve))
                curve = []
                since = time.time()
            if report is not None and (step % report_every == 0 or step == steps):
                with _averaged(parameters, average):
                    report(step)
            if asked or time.time() - saved > save_every or step == steps:
                _save(file, parameters, average, optimisers, step, start)
                saved = time.time()
            if asked:
                raise SystemExit(
                    f"{name}: stopped and saved at step {step}; the same command goes on from there."
                )
    _put(parameters, average)


def _optimisers(parameters: dict, lr: float, muon: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """AdamW, and Muon where it is asked for."""
    matrices = [p for name, p in parameters.items() if muon and takes(name, p)]
    others = [p for name, p in parameters.items() if not (muon and takes(name, p))]
    adam = torch.optim.AdamW(others, lr=lr, weight_decay=weight_decay, betas=(0.9, 0.99), fused=True)
    optimisers = [adam]
    if matrices:
        products = torch.bfloat16 if bf16_pays() else torch.float32
        optimisers.append(Muon(matrices, muon, weight_decay=weight_decay, products=products))
    return optimisers


@contextmanager
def announced() -> Iterator[None]:
    """A block during which ``training_runs()`` is true for every process that has the same cache folder."""
    folders.CACHE.mkdir(parents=True, exist_ok=True)
    with (folders.CACHE / "training.lock").open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_SH)  # several stages may be trained at once
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield  # closing the file gives the lock back, as does the end of the process


def training_runs() -> bool:
    """Whether some process trains a stage now: nothing that is timed meanwhile is worth reporting."""
    lock = folders.CACHE / "training.lock"
    if fcntl is None or not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list that fills when someone asks the process to stop (Ctrl-C, SIGTERM) inside the block."""
    asked: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda n, _: asked.append(n)) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _named(modules: Mapping[str, torch.nn.Module]) -> dict[str, torch.nn.Parameter]:
    """All parameters, named as in the checkpoint."""
    return {f"{m}.{k}": p for m, module in modules.items() for k, p in module.named_parameters()}


def _checkpoint(name: str) -> Path:
    return folders.CACHE / f"{name}.safetensors"


def _curve(name: str) -> Path:
    return folders.CACHE / f"{name}.csv"


@torch.no_grad()
def _put(parameters: dict, values: dict) -> None:
    for k, p in parameters.items():
        p.copy_(values[k])


@contextmanager
def _averaged(parameters: dict, average: dict) -> Iterator[None]:
    """A block in which the parameters have their averages."""
    live = {k: p.detach().clone() for k, p in parameters.items()}
    _put(parameters, average)
    try:
        yield
    finally:
        _put(parameters, live)


def has_checkpoint(name: str) -> bool:
    """Whether a stage has been trained here."""
    return _checkpoint(name).exists()


def load_weights(name: str, modules: dict[str, torch.nn.Module], which: str = "average") -> int:
    """Put a stage's averaged (or ``"live"``) weights into ``modules``; the step they are from.

    Parameters that the stage did not train stay as they are.
    """
    if not has_checkpoint(name):
        raise SystemExit(f"Stage {name} has no checkpoint in {folders.CACHE}: train it first.")
    parameters = _named(modules)
    with safe_open(_checkpoint(name), "pt") as f:
        stored = set(f.keys())
        trained = {k: f.get_tensor(f"{which}/{k}") for k in parameters if f"{which}/{k}" in stored}
        if not trained:
            raise SystemExit(f"The checkpoint of stage {name} holds no weights of {', '.join(modules)}.")
        _put({k: parameters[k] for k in trained}, trained)
        return int(f.metadata()["step"])


@torch.no_grad()
def measure_statistics(network: torch.nn.Module, batches: Iterable[torch.Tensor]) -> None:
    """Measure the batch norms' statistics anew, for averaged weights: a plain mean over the batches."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    for batch in batches:
        network(batch)


def _save(
    file: Path,
    parameters: dict,
    average: dict,
    optimisers: list[torch.optim.Optimizer],
    step: int,
    start: int,
) -> None:
    tensors = {f"live/{k}": p.detach().contiguous() for k, p in parameters.items()}
    tensors |= {f"average/{k}": p.contiguous() for k, p in average.items()}
    for k, p in parameters.items():
        for optimiser in optimisers:
            kept = optimiser.state.get(p, {})
            tensors |= {f"{m}/{k}": kept[m].contiguous() for m in MOMENTS if m in kept}
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file.with_suffix(".tmp"), metadata={"step": str(step), "start": str(start)})
    os.replace(file.with_suffix(".tmp"), file)


def _resume(
    file: Path, parameters: dict, average: dict, optimisers: list[torch.optim.Optimizer]
) -> tuple[int, int]:
    """Put the saved state in place; the step it is from, and the step that training started at."""
    with safe_open(file, "pt") as f:
        step, start = (int(f.metadata().get(name, 0)) for name in ("step", "start"))
        _put(parameters, {k: f.get_tensor(f"live/{k}") for k in parameters})
        _put(average, {k: f.get_tensor(f"average/{k}") for k in parameters})
        stored = set(f.keys())
        names = {id(p): k for k, p in parameters.items()}
        for optimiser in optimisers:
            wanted = "momentum" if isinstance(optimiser, Muon) else "exp_avg"
            for p in (p for group in optimiser.param_groups for p in group["params"]):
                # empty_like keeps the parameter's memory layout
                moments = {
                    m: torch.empty_like(p).copy_(f.get_tensor(f"{m}/{names[id(p)]}"))
                    for m in MOMENTS
                    if f"{m}/{names[id(p)]}" in stored
                }
                if not moments:  # no gradient yet, as the text tower's where it does not learn
                    continue
                if wanted not in moments:
                    raise SystemExit(
                        f"{file} was trained with another optimiser: remove it, or name another folder."
                    )
                if wanted == "exp_avg":
                    moments["step"] = torch.tensor(float(step - start), device=p.device)
                optimiser.state[p] = moments
    return step, start


def last_step(name: str) -> int:
    """The step that a stage's loss curve ends at: the one in the cache, or else the committed one."""
    file = _curve(name) if _curve(name).exists() else folders.CURVES / f"{name}.csv"
    return int(file.read_text(encoding="utf-8").split()[-1].split(",")[0])


def commit_curve(name: str) -> None:
    """Copy a stage's loss curve from the cache, where there is one, to those that are committed."""
    if _curve(name).exists():
        folders.CURVES.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_curve(name), folders.CURVES / f"{name}.csv")


def _take_curve(name: str) -> None:
    """Go on with a stage's committed loss curve, where there is one and none in the cache."""
    committed = folders.CURVES / f"{name}.csv"
    if not _curve(name).exists() and committed.exists():
        _curve(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(committed, _curve(name))


def _cut(file: Path, step: int) -> None:
    """Drop what the curve says of steps after ``step``: they will be done again."""
    if file.exists():
        header, *rows = file.read_text(encoding="utf-8").splitlines()
        kept = [row for row in rows if int(row.split(",")[0]) <= step]
        file.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")


def _log(file: Path, step: int, loss: float, seconds: float) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new = not file.exists()
    with file.open("a", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        if new:
            writer.writerow(["step", "loss", "seconds_per_step"])
        writer.writerow([step, f"{loss:.5f}", f"{seconds:.3f}"])
    print(f"{file.stem} step {step}: loss {loss:.4f}, {seconds:.2f} s a step", flush=True)
