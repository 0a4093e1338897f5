"""One thread for each pipeline, which does what its widgets ask for.

Callbacks only say that there is something to do (`Worker.wake`). What is done is a generator that yields
after each network call, so that the newest request is looked at after one call at the latest, and several
widgets take turns on one network: the one that was woken last goes first, the others go on afterwards.
"""

from __future__ import annotations

import atexit
import contextlib
import inspect
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import Protocol
from weakref import WeakKeyDictionary

from diffusers import StableDiffusionPipeline

from styledit.lab.memory import give_back_memory

IDLE = 2.0  # seconds without work, after which memory is given back
PATIENCE = 5.0  # seconds that closing a widget waits for the call that runs
_workers: WeakKeyDictionary[StableDiffusionPipeline, Worker] = WeakKeyDictionary()
_making = threading.Lock()


def clients() -> list[Client]:
    """Everyone who has joined a worker and not left it."""
    return [client for _, client in _joined()]


def _joined() -> list[tuple[Worker, Client]]:
    """The same, each with its worker."""
    with _making:
        return [(worker, client) for worker in _workers.values() for client in worker._clients]


@atexit.register
def _end() -> None:
    """Let every worker end its call: a thread that dies in the middle of one takes the process with it."""
    deadline = time.monotonic() + PATIENCE  # for all of them together
    for worker, client in _joined():
        worker.leave(client, max(0.0, deadline - time.monotonic()))


class Client(Protocol):
    """Who has work for a `Worker`."""

    def work(self) -> Generator[None, None, None]:
        """Everything that is to be done now; a yield after each network call."""

    def failed(self, error: BaseException) -> None:
        """The work ended in an error; called by the worker."""

    def left(self) -> None:
        """It has left its worker: nothing of it runs any more. Called under the worker's lock."""


class Worker:
    """The thread that computes for the widgets of one pipeline; it sleeps where there is nothing to do, and
    ends with its last client.

    Args:
        synchronous: whether `wake` does the work at once, in the caller's thread. Colab shows nothing that
            another thread sends.
    """

    def __init__(self, synchronous: bool = False) -> None:
        self.synchronous = synchronous
        self._changed = threading.Condition()
        self._clients: list[Client] = []
        self._runs: dict[Client, Generator[None, None, None] | None] = {}  # the one woken last stands last
        self._again: set[Client] = set()
        self._calls: deque[tuple[Client, Callable[[], None]]] = deque()
        self._leaving: set[Client] = set()
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, pipe: StableDiffusionPipeline) -> Worker:
        """The one worker of a pipeline."""
        with _making:
            return _workers.setdefault(pipe, cls(synchronous="google.colab" in sys.modules))

    @property
    def thread(self) -> threading.Thread | None:
        """The thread, while there is one."""
        return self._thread

    def join(self, client: Client) -> None:
        """A client may wake the worker from now on."""
        with self._changed:
            if client not in self._clients:
                self._clients.append(client)

    def has(self, client: Client) -> bool:
        """Whether it has joined and not left."""
        with self._changed:
            return client in self._clients

    def wake(self, client: Client) -> None:
        """There is work: its run starts, or starts again when it ends. Returns at once (in Colab, when
        the work is done).
        """
        with self._changed:
            if client not in self._clients or client in self._leaving:
                return
            self._again.add(client)
            self._runs[client] = self._runs.pop(client, None)
            if self.synchronous:
                running = self._thread
            elif self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._loop, name="styledit-lab", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        if self.synchronous and running is None:
            self._thread = threading.current_thread()
            try:
                while self._turn():
                    pass
            finally:
                self._thread = None

    def call(self, client: Client, function: Callable[[], None]) -> None:
        """Something short that the worker's thread does before a client's work goes on. Returns as `wake`."""
        with self._changed:
            self._calls.append((client, function))
        self.wake(client)

    def leave(self, client: Client, patience: float = PATIENCE) -> None:
        """End a client's run within one network call; the thread ends with the last of them.

        A call that takes longer than `patience` seconds, such as a method of the user's, or that waits for
        the pipeline which the caller holds, is not waited for: the client is left when it returns.
        """
        with self._changed:
            if client not in self._clients:
                return
            self._leaving.add(client)
            self._changed.notify_all()
            thread = self._thread
            if thread is None or thread is threading.current_thread() or not thread.is_alive():
                self._forget_the_leaving()
                return
            ended = self._changed.wait_for(lambda: client not in self._clients, patience)
            last = ended and not self._clients
        if last:
            thread.join(patience)

    def _loop(self) -> None:
        tidy = True  # nothing was done since memory was given back
        while True:
            with self._changed:
                self._forget_the_leaving()
                while self._clients and not self._runs:
                    if not self._changed.wait(None if tidy else IDLE):
                        break
                    self._forget_the_leaving()
                if not self._clients:
                    self._thread = None
                    return
                tidy = not self._runs
            if tidy:
                give_back_memory()
            else:
                self._turn()

    def _turn(self) -> bool:
        """One network call of the client that was woken last; False where no one has work."""
        with self._changed:
            self._forget_the_leaving()
            if not self._runs:
                return False
            client = next(reversed(self._runs))
            run = self._runs[client]
            if run is None:
                self._again.discard(client)
                run = self._runs[client] = client.work()
            calls = [function for caller, function in self._calls if caller in self._clients]
            self._calls.clear()
        for function in calls:
            with contextlib.suppress(Exception):
                function()
        try:
            next(run)
            return True
        except StopIteration:
            pass
        except BaseException as error:  # whatever a method of the user's does, the thread lives on
            with contextlib.suppress(Exception):
                client.failed(error)
        with self._changed:
            if client in self._again:
                self._runs[client] = None
            else:
                self._runs.pop(client, None)
        return True

    def _forget_the_leaving(self) -> None:
        """Close the runs of those who leave; called by the thread that runs them."""
        for client in self._leaving:
            run = self._runs.pop(client, None)
            running = run is not None and inspect.getgeneratorstate(run) == inspect.GEN_RUNNING
            if run is not None and not running:
                with contextlib.suppress(Exception):
                    run.close()
            self._again.discard(client)
            self._clients.remove(client)
            self._calls = deque(call for call in self._calls if call[0] is not client)
            if not running:  # it closed itself in the midst of its work
                with contextlib.suppress(Exception):
                    client.left()
        if self._leaving:
            self._leaving.clear()
            self._changed.notify_all()
