"""Many random acts on the lab's page, see `measure/soak.py`."""

from __future__ import annotations

from typing import Any

import pytest

from measure.soak import REST, SETUP, SHOW, report, soak

ACTS = 150


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
def test_random_acts_in_jupyterlab(open_notebook: Any, seed: int) -> None:
    _soaked(open_notebook(SETUP, SHOW), seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_random_acts_in_notebook_7(open_notebook7: Any, seed: int) -> None:
    _soaked(open_notebook7(SETUP, SHOW), seed)


def _soaked(page: Any, seed: int) -> None:
    page.run()
    page.until("rests()", REST)
    seen = soak(page, ACTS, seed)
    print(report(seen))
    assert not seen.missed
    assert seen.compared
