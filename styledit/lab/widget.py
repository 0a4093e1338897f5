"""What the widgets share: their front end, their life in a notebook, and their way to the worker.

The front end is plain ES modules in `front/`. A widget's code travels as one text, so `npm run build` joins
them into the files of `static/`, which are committed: nobody needs node to use a widget.

Two rules keep a widget live. The browser sends custom messages, and Python answers by traits: a trait comes
back after a reload of the page, a message does not. And once a widget is made only the worker's thread sets
traits; what a message asks for is stored, newest wins, and the worker is woken.
"""

from __future__ import annotations

import io
import os
import threading
import traceback
from collections.abc import Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import torch
import traitlets
from diffusers import StableDiffusionPipeline
from IPython import get_ipython
from IPython.display import display
from PIL import Image

from styledit import validation as check
from styledit.lab.worker import Worker
from styledit.storage.data import package_folder

Work = Generator[None, None, None]  # a yield after each network call
STATIC = package_folder("styledit.lab", "static")
_open: dict[tuple[str, str], list[tuple[str, LabWidget]]] = {}  # by cell and kind: (execution, widget)
_opening = threading.Lock()


def built(name: str) -> str | Path:
    """A built file of the front end as anywidget takes it: its text; its path, which is watched, where
    ANYWIDGET_HMR=1 asks for that. Who watches a file holds every widget that was made of it.
    """
    place = STATIC / name
    return place if os.environ.get("ANYWIDGET_HMR") == "1" else place.read_text(encoding="utf-8")


class LabWidget(anywidget.AnyWidget):
    """A widget of one pipeline, whose work is done by the pipeline's `Worker`.

    A subclass says what there is to do in `work`, takes messages in `received`, and draws what a notebook
    that is only read shows in `snapshot`. `messages`: the fields that each message must have; `problem`: one
    sentence, empty where all is well; `led`: whether another widget leads this one (see `styledit.lab.link`),
    and a number that grows whenever it did.
    """

    messages: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    problem = traitlets.Unicode("").tag(sync=True)
    led = traitlets.Dict({"id": 0, "linked": False}).tag(sync=True)

    _closed = True  # until it is made: one whose arguments were refused has nothing to close

    def __init__(self, pipe: StableDiffusionPipeline, **traits: Any) -> None:
        check.pipeline(pipe)
        before = set(vars(self))
        super().__init__(**traits)
        # What makes it a widget, and stays when it is closed.
        self._of_widget = {*vars(traitlets.HasTraits()), *(set(vars(self)) - before), "_closed", "_of_widget"}
        self.pipe = pipe
        self._output: Any = None
        self._closed = False
        _answer_in_subshells(self)
        _close_the_earlier(self)
        self.worker = Worker.of(pipe)
        self.worker.join(self)
        self.on_msg(self._receive)

    def work(self) -> Work:
        """Everything that is to be done now, by the worker."""
        yield from ()

    def received(self, message: dict[str, Any], buffers: list[memoryview]) -> None:
        """Store what the browser asks for; called in a thread of the kernel, so compute nothing here."""

    def snapshot(self) -> Image.Image | None:
        """The picture for a notebook that is only read; None where there is none yet."""
        return None

    def wake(self) -> None:
        """There is work."""
        self.worker.wake(self)

    def failed(self, error: BaseException) -> None:
        """Show an error as a sentence; what was shown last stays."""
        if not self._closed:
            self.problem = sentence(error)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def was_led(self) -> None:
        """The page is to go where its traits say; called by the worker."""
        self.led = {"id": self.led["id"] + 1, "linked": True}

    def unlinked(self) -> None:
        """Nobody leads it any more; called by the worker."""
        self.led = {**self.led, "linked": False}

    def close(self) -> None:
        """End the work within one network call, and the widget; nothing of it stays behind. The closed widget
        itself is small, for a notebook remembers what its cells showed.
        """
        if self._closed:
            return
        self._closed = True
        worker = self.worker
        worker.leave(self)
        with _opening:
            for widgets in _open.values():
                widgets[:] = [entry for entry in widgets if entry[1] is not self]
        super().close()
        if not worker.has(self):
            self._drop_states()

    def left(self) -> None:
        if self.comm is None:  # a long call outlived the widget
            self._drop_states()

    def __getattr__(self, name: str) -> Any:
        if vars(self).get("_closed"):
            raise AttributeError(f"This {type(self).__name__} is closed; run its cell again.")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _drop_states(self) -> None:
        """Forget everything but what makes it a widget."""
        with _opening:
            for name in set(vars(self)) - self._of_widget:
                self.__dict__.pop(name, None)
        self.unobserve_all()
        for name in set(self.trait_names()) - set(anywidget.AnyWidget.class_trait_names()):
            if not name.startswith("_"):
                self.set_trait(name, self.traits()[name].default(self))

    def show_snapshot(self) -> None:
        """Renew the picture beside the widget, which a notebook shows where the widget is not alive."""
        picture = None if self._output is None or self._closed else self.snapshot()
        if picture is not None:
            self._output.update(_png(picture), raw=True)

    def _ipython_display_(self) -> None:
        # The style sheet hides the second output while the first one is alive.
        if self._closed:
            text = f"{type(self).__name__} (closed; run its cell again)"
            display({"text/plain": text}, raw=True)
            return
        bundle = self._repr_mimebundle_()
        data, about = bundle if isinstance(bundle, tuple) else (bundle, {})
        if not data:
            return
        data["text/plain"] = f"{type(self).__name__} (alive in a running notebook; below is a picture of it)"
        display(data, metadata=about, raw=True)
        picture = self.snapshot() or Image.new("RGB", (1, 1), "white")
        self._output = display(_png(picture), raw=True, display_id=True)

    def _receive(self, _: Any, message: Any, buffers: list[memoryview]) -> None:
        if self._closed or not isinstance(message, dict):
            return
        try:
            check_fields(message, self.messages)
            self.received(message, buffers)
        except Exception as error:  # a message of another version of the page
            self.worker.call(self, partial(self._refuse, error))

    def _refuse(self, error: Exception) -> None:
        """A message that cannot be used; what is under way goes on."""
        self.problem = sentence(error)


def check_fields(message: Mapping[str, Any], needed: Mapping[str, tuple[str, ...]]) -> None:
    """Check that a message has the fields that its type needs.

    Raises:
        ValueError: one is missing.
    """
    kind = message.get("type")
    missing = [name for name in needed.get(str(kind), ()) if name not in message]
    if missing:
        fields = ", ".join(repr(name) for name in missing)
        raise ValueError(f"The page's message {kind!r} has no {fields}; reload the page and try again.")


def sentence(error: BaseException) -> str:
    """What to say of an error: the library's own sentences as they are, memory with its cure, the rest with
    its kind; its traceback goes to the log.
    """
    if isinstance(error, torch.cuda.OutOfMemoryError):
        traceback.clear_frames(error.__traceback__)  # they hold what filled the memory
        torch.cuda.empty_cache()
        return (
            "The GPU has no memory left for this; take fewer steps, a smaller picture or fewer tiles. "
            "What is shown is the last good picture."
        )
    if isinstance(error, (ValueError, TypeError, FileNotFoundError)):
        return str(error)
    traceback.print_exception(error)
    return f"Something unexpected went wrong ({type(error).__name__}: {error}); try another setting."


def _png(picture: Image.Image) -> dict[str, Any]:
    """A picture as an output of a notebook."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return {"image/png": buffer.getvalue(), "text/plain": "a picture of the widget above"}


def _answer_in_subshells(widget: anywidget.AnyWidget) -> None:
    """Let messages be handled while a cell runs.

    ipykernel 7.4 sends a front end's messages to the thread that the widget last published from, which is the
    main thread for a widget made in a cell, and waits there for the cell to end.
    """
    comm: Any = getattr(widget, "comm", None)
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default


def _close_the_earlier(widget: LabWidget) -> None:
    """Close the widgets of the same kind that an earlier run of the same cell made: Jupyter does not."""
    cell, execution = _running_cell()
    with _opening:
        # traitlets give each widget a class of its own, of the same name
        known = _open.setdefault((cell, type(widget).__name__), []) if cell else []
        earlier = [entry[1] for entry in known if entry[0] != execution]
        known[:] = [entry for entry in known if entry[0] == execution] + [(execution, widget)]
    for other in earlier:
        other.close()


def _running_cell() -> tuple[str, str]:
    """The running cell's identity and that of its execution; empty outside a notebook."""
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return "", ""
    parent = kernel.get_parent()
    return str(parent.get("metadata", {}).get("cellId", "")), str(parent.get("header", {}).get("msg_id", ""))
