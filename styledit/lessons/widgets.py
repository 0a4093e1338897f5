"""Waiting for a widget: a lesson that is stored shows a picture of it, and has to have one."""

from __future__ import annotations

import time

from styledit.lab.widget import LabWidget

LONGEST = 600.0  # seconds


def wait_for(widget: LabWidget, seconds: float = LONGEST) -> LabWidget:
    """The widget, once it has something to show.

    Raises:
        RuntimeError: the widget reports a problem, or has nothing to show in time.
    """
    end = time.monotonic() + seconds
    while widget.snapshot() is None:
        if widget.problem:
            raise RuntimeError(f"The {type(widget).__name__} says: {widget.problem}")
        if time.monotonic() > end:
            raise RuntimeError(f"The {type(widget).__name__} had nothing to show after {seconds:g} s.")
        time.sleep(0.05)
    return widget
