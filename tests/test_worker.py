"""The lab's worker: turns, newest requests, and its end."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys
import threading
import time
import weakref

import pytest

from styledit.lab import worker as worker_module
from styledit.lab.memory import give_back_memory
from styledit.lab.worker import Worker


class Steps:
    """A client whose work is `todo` steps of a few milliseconds; `done` says who stepped, in order."""

    def __init__(self, name: str, todo: int, done: list[str], worker: Worker) -> None:
        self.name = name
        self.todo = todo
        self.done = done
        self.worker = worker
        self.errors: list[Exception] = []
        self.closed = 0
        self.breaks = False
        worker.join(self)

    def work(self):
        try:
            while self.todo:
                self.todo -= 1
                time.sleep(0.005)
                if self.breaks:
                    raise ValueError("broken")
                self.done.append(self.name)
                yield
        finally:
            self.closed += 1

    def failed(self, error: Exception) -> None:
        self.errors.append(error)

    def left(self) -> None:
        self.has_left = True


@pytest.fixture
def worker():
    made = Worker()
    yield made
    for client in list(made._clients):
        made.leave(client)
    assert made.thread is None


def wait(condition, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.002)


def test_it_sleeps_works_and_ends(worker) -> None:
    done: list[str] = []
    client = Steps("a", 3, done, worker)
    assert worker.thread is None  # nothing to do yet
    worker.wake(client)
    wait(lambda: done == ["a"] * 3 and client.closed == 1)
    thread = worker.thread
    client.todo = 2
    worker.wake(client)
    wait(lambda: len(done) == 5)
    assert worker.thread is thread
    worker.leave(client)
    assert not thread.is_alive()
    worker.wake(client)  # who has left is not heard
    assert worker.thread is None


def test_an_idle_worker_costs_nothing(worker) -> None:
    client = Steps("a", 1, [], worker)
    worker.wake(client)
    wait(lambda: client.closed == 1)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.05


def test_the_one_woken_last_goes_first_and_the_other_goes_on(worker) -> None:
    done: list[str] = []
    first = Steps("a", 40, done, worker)
    second = Steps("b", 5, done, worker)
    worker.wake(first)
    wait(lambda: len(done) >= 3)
    worker.wake(second)
    at = len(done)
    wait(lambda: first.closed == second.closed == 1)
    assert done[at + 1 : at + 5] == ["b"] * 4  # one step of the other may have been running
    assert done.count("a") == 40 and done.count("b") == 5


def test_leaving_ends_the_run_within_a_step(worker) -> None:
    done: list[str] = []
    client = Steps("a", 1000, done, worker)
    other = Steps("b", 0, done, worker)
    worker.wake(client)
    wait(lambda: len(done) >= 3)
    worker.leave(client)
    at = len(done)
    time.sleep(0.05)
    assert len(done) == at and client.closed == 1
    assert worker.thread is not None and worker.thread.is_alive()  # the other is still there
    worker.leave(other)


def test_an_error_is_the_clients_and_the_worker_goes_on(worker) -> None:
    done: list[str] = []
    client = Steps("a", 3, done, worker)
    client.breaks = True
    worker.wake(client)
    wait(lambda: len(client.errors) == 1)
    client.breaks = False
    client.todo = 2
    worker.wake(client)
    wait(lambda: done == ["a", "a"])


def test_a_call_is_made_by_the_workers_thread(worker) -> None:
    done: list[str] = []
    client = Steps("a", 1, done, worker)
    callers: list[threading.Thread] = []
    worker.call(client, lambda: callers.append(threading.current_thread()))
    wait(lambda: done == ["a"] and len(callers) == 1)
    assert callers == [worker.thread]
    worker.call(client, lambda: 1 / 0)  # whatever it does, the worker lives on
    worker.call(client, lambda: callers.append(threading.current_thread()))
    wait(lambda: len(callers) == 2)
    gone = Steps("b", 0, done, worker)
    worker.leave(gone)
    worker.call(gone, lambda: callers.append(threading.current_thread()))
    client.todo = 1
    worker.wake(client)
    wait(lambda: done == ["a"] * 2)
    assert len(callers) == 2


def test_waking_while_the_run_ends_is_not_lost(worker) -> None:
    done: list[str] = []
    client = Steps("a", 1, done, worker)
    for k in range(200):
        client.todo = 1
        worker.wake(client)
        if k % 3 == 0:
            time.sleep(0.001)
    wait(lambda: client.todo == 0 and not worker._runs)
    assert 1 <= len(done) <= 200


def test_a_client_may_leave_from_its_own_work() -> None:
    worker = Worker()

    class Leaver(Steps):
        def work(self):
            yield
            self.worker.leave(self)
            yield

    client = Leaver("a", 1, [], worker)
    worker.wake(client)
    wait(lambda: worker.thread is None)


def test_the_synchronous_mode_works_in_the_callers_thread() -> None:
    worker = Worker(synchronous=True)
    done: list[str] = []
    client = Steps("a", 3, done, worker)
    worker.wake(client)
    assert done == ["a"] * 3 and worker.thread is None
    worker.leave(client)


def test_a_pipeline_has_one_worker_and_can_go(pipe) -> None:
    class Pipe:
        pass

    made = Pipe()
    assert Worker.of(made) is Worker.of(made)
    assert Worker.of(made) is not Worker.of(pipe)
    gone = weakref.ref(made)
    del made
    gc.collect()
    assert gone() is None


def test_no_thread_stays() -> None:
    assert not [thread for thread in threading.enumerate() if thread.name == "styledit-lab"]


@pytest.mark.slow
def test_a_script_that_ends_in_the_middle_of_the_work_ends_well():
    script = "import styledit; from styledit.lab import edit_lab; lab = edit_lab(styledit.load())"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stderr


def test_it_gives_memory_back_once_after_each_rest(worker, monkeypatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(worker_module, "IDLE", 0.05)
    monkeypatch.setattr(worker_module, "give_back_memory", lambda: given.append(len(done)))
    done: list[str] = []
    client = Steps("a", 2, done, worker)
    worker.wake(client)
    wait(lambda: given == [2])
    time.sleep(0.2)
    assert given == [2]  # nothing was done since
    client.todo = 3
    worker.wake(client)
    wait(lambda: given == [2, 5])
    assert client.closed == 2


GIVES_BACK = """
import gc, psutil, torch
from styledit.lab.memory import give_back_memory
process = psutil.Process()
tensors = [torch.ones(12_000) for _ in range(4000)]  # 48 kB each: none is mapped alone
pins = tensors[::400]
del tensors
gc.collect()
before = process.memory_info().rss
give_back_memory()
print((before - process.memory_info().rss) / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc keeps it, and has a way to give it back"
)
def test_memory_between_what_is_held_is_given_back() -> None:
    answer = subprocess.run([sys.executable, "-c", GIVES_BACK], capture_output=True, text=True, check=True)
    assert float(answer.stdout) > 100, answer.stdout  # of 183 MB


def test_where_there_is_no_glibc_nothing_is_done(monkeypatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    give_back_memory()
