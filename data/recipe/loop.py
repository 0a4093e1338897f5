"""What every training stage shares: a loop that can be killed at any moment and goes on where it was.

A stage's state (weights, their moving average, Adam's moments, the step) lies in one safetensors file that
is replaced atomically; everything random at a step is drawn from (seed, step), so a resumed run sees what an
unbroken one would have seen. The loss curve is appended to a CSV file.
"""

from __future__ import annotations

import csv
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from recipe import folders


def bf16_pays() -> bool:
    """Whether this processor multiplies bfloat16 matrices natively (AVX-512 BF16)."""
    return torch.cpu._is_avx512_bf16_supported()


def autocast() -> torch.autocast:
    """A block of bfloat16 matrix products where they pay."""
    return torch.autocast("cpu", torch.bfloat16, enabled=bf16_pays())


def learning_rate(
    step: int, steps: int, peak: float, start: int = 0, warmup: int = 300, decay: float = 0.3
) -> float:
    """Warm-up from ``start``, plateau, and a linear descent over the last ``decay`` of the steps.

    The plateau makes it possible to train longer later: resume with a larger ``steps``.
    """
    return peak * min(1.0, (step - start + 1) / warmup, max(0.02, (steps - step) / (decay * steps)))


def train(
    name: str,
    modules: dict[str, torch.nn.Module],
    loss_of: Callable[[np.random.Generator, int], torch.Tensor],
    *,
    steps: int,
    lr: float,
    start: int = 0,
    ema: float = 0.999,
    weight_decay: float = 0.01,
    seed: int = 0,
    save_every: float = 180.0,
) -> None:
    """Minimise ``loss_of(rng, step)`` over the parameters of ``modules``; leave the averaged weights in them.

    Resumes from ``CACHE/<name>.safetensors`` where it exists; saves there every ``save_every`` seconds, and
    at once when asked to stop (Ctrl-C, SIGTERM). Without a checkpoint the steps are counted from ``start``.
    """
    torch.manual_seed(seed)
    parameters = {name: p for name, p in _named(modules).items() if p.requires_grad}
    average = {k: p.detach().clone() for k, p in parameters.items()}
    optimiser = torch.optim.AdamW(
        parameters.values(), lr=lr, weight_decay=weight_decay, betas=(0.9, 0.99), fused=True
    )
    file = _checkpoint(name)
    curve_file = _curve(name)
    step = start
    if has_checkpoint(name):
        step, start = _resume(file, parameters, average, optimiser)
    _cut(curve_file, step)
    curve = []
    since = time.time()
    saved = time.time()
    with stop_requests() as asked:
        while step < steps:
            rng = np.random.default_rng([seed, step])
            torch.manual_seed(int(rng.integers(2**31)))
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(step, steps, lr, start)
            loss = loss_of(rng, step)
            if not torch.isfinite(loss):
                raise RuntimeError(
                    f"{name}: the loss is {loss.item()} at step {step}; lower the learning rate and resume."
                )
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
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
            if asked or time.time() - saved > save_every or step == steps:
                _save(file, parameters, average, optimiser, step, start)
                saved = time.time()
            if asked:
                raise SystemExit(
                    f"{name}: stopped and saved at step {step}; the same command goes on from there."
                )
    _put(parameters, average)


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


def _named(modules: dict[str, torch.nn.Module]) -> dict[str, torch.nn.Parameter]:
    """All parameters, named as in the checkpoint."""
    return {f"{m}.{k}": p for m, module in modules.items() for k, p in module.named_parameters()}


def _checkpoint(name: str) -> Path:
    return folders.CACHE / f"{name}.safetensors"


def _curve(name: str) -> Path:
    return folders.CURVES / f"{name}.csv"


@torch.no_grad()
def _put(parameters: dict, values: dict) -> None:
    for k, p in parameters.items():
        p.copy_(values[k])


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


def _save(
    file: Path, parameters: dict, average: dict, optimiser: torch.optim.Optimizer, step: int, start: int
) -> None:
    tensors = {f"live/{k}": p.detach().contiguous() for k, p in parameters.items()}
    tensors |= {f"average/{k}": p.contiguous() for k, p in average.items()}
    for k, p in parameters.items():
        if p in optimiser.state:
            tensors |= {f"{m}/{k}": optimiser.state[p][m].contiguous() for m in ("exp_avg", "exp_avg_sq")}
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file.with_suffix(".tmp"), metadata={"step": str(step), "start": str(start)})
    os.replace(file.with_suffix(".tmp"), file)


def _resume(file: Path, parameters: dict, average: dict, optimiser: torch.optim.Optimizer) -> tuple[int, int]:
    """Put the saved state in place; the step it is from, and the step that training started at."""
    with safe_open(file, "pt") as f:
        step, start = (int(f.metadata().get(name, 0)) for name in ("step", "start"))
        _put(parameters, {k: f.get_tensor(f"live/{k}") for k in parameters})
        _put(average, {k: f.get_tensor(f"average/{k}") for k in parameters})
        stored = set(f.keys())
        for k, p in parameters.items():
            if f"exp_avg/{k}" not in stored:  # no gradient yet, as the text tower's after TEXT_STEPS
                continue
            # empty_like keeps the parameter's memory layout
            moments = {
                m: torch.empty_like(p).copy_(f.get_tensor(f"{m}/{k}")) for m in ("exp_avg", "exp_avg_sq")
            }
            optimiser.state[p] = {"step": torch.tensor(float(step - start)), **moments}
    return step, start


def last_step(name: str) -> int:
    """The step that a stage's loss curve ends at."""
    return int(_curve(name).read_text(encoding="utf-8").split()[-1].split(",")[0])


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
