"""What measures an edited picture, once a process; and the processes that the work is spread over."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from multiprocessing import get_context

import torch
from PIL import Image

import styledit
from measure.cases import Case
from measure.methods import FittedMethod
from styledit.metrics import edit_metrics, load_networks
from styledit.perception.judge import half, load_judge
from styledit.pictures import as_pixels
from styledit.storage.data import EMBEDDED_FOLDER

STEPS = 15  # T


class Bench:
    """The embedded model, its judge, and the networks of the metrics."""

    def __init__(self) -> None:
        self.pipe = styledit.load()
        self.judge = load_judge(EMBEDDED_FOLDER / "judge")
        self.networks = load_networks()

    def invert(self, cases: Iterable[Case]) -> list[styledit.Inversion]:
        """The cases' source pictures, inverted in STEPS steps."""
        return [styledit.invert(self.pipe, c.source, c.source_prompt, STEPS, progress=False) for c in cases]

    def success(self, picture: Image.Image, case: Case) -> float:
        """The success of an edit in per cent: 100 where the judge names every changed factor as the
        target's, else 0.
        """
        (named,) = self.judge.name(half(as_pixels(picture), case.half))
        return 100.0 * all(named[factor] == value for factor, value in case.changed.items())

    def row(self, picture: Image.Image, case: Case) -> dict[str, float]:
        """Every number of one edited picture."""
        success = {"success": self.success(picture, case)}
        return success | edit_metrics(
            case.source, picture, case.target_prompt, self.networks, case.mask, case.truth
        )


def edited(method: FittedMethod, case: Case, settings: dict) -> Image.Image:
    """The picture of a case; "blend": True in the settings stands for the names of the two objects."""
    keywords = dict(settings)
    if keywords.pop("blend", False):
        keywords["blend"] = (case.object, case.target_object)
    return method.edit(case.target_prompt, keywords).image


@cache
def this_bench() -> Bench:
    """This process's bench, loaded once."""
    return Bench()


def in_processes(function: Callable, jobs: list, workers: int) -> Iterator:
    """The results of the jobs as they come, from so many processes of one thread each; 1 is this process."""
    if workers == 1:
        yield from map(function, jobs)
        return
    with get_context("spawn").Pool(workers, _start_worker) as pool:
        yield from pool.imap_unordered(function, jobs)
        pool.close()  # to its end the work ends in peace; left early, the pool ends its processes
        pool.join()


def _start_worker() -> None:
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # when it is ended early, its locks are freed
