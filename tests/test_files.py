"""Safetensors files: whole or not there, and exactly what their schema says."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest
import torch
from safetensors.torch import load_file, save_file

from styledit.storage import files
from styledit.storage.files import Schema, read_result, read_tensors, write_tensors

SCHEMA = Schema(
    what="value inputs",
    source="ValueInputs.save()",
    cure="fit again",
    tensors={"scale": "float", "losses": "float", "image": "byte", "maps/*": "float"},
    about=("guidance", "timesteps"),
)
ABOUT = {"guidance": "7.5", "timesteps": "[3, 2, 1, 0]"}


def good():
    """Tensors that the schema takes."""
    return {
        "scale": torch.ones(3, 5, 4),
        "losses": torch.ones(3, dtype=torch.float64),
        "image": torch.ones(2, 2, 3, dtype=torch.uint8),
        "maps/up": torch.ones(2, dtype=torch.bfloat16),
        "maps/down": torch.ones(0, 3),
        "something else": torch.ones(1, dtype=torch.int64),
    }


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.safetensors"


def test_a_file_is_read_as_it_was_written(path):
    write_tensors(path, good(), ABOUT | {"more": "x"})
    tensors, about = read_tensors(str(path), SCHEMA, "cpu")
    assert about == ABOUT
    assert tensors.keys() == good().keys() - {"something else"}
    assert all(torch.equal(tensors[name], good()[name]) for name in tensors)
    assert files.group(tensors, "maps/").keys() == {"up", "down"}


def test_any_bit_that_flips_is_found(path):
    """Wherever it lies: the header, the metadata, a number, also of a tensor that nobody reads."""
    write_tensors(path, good(), ABOUT)
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged|no safetensors file|holds no |no checksum"):
            read_tensors(path, SCHEMA)


@pytest.mark.parametrize(
    "change,message",
    [
        (
            {"scale": None},
            r"holds no value inputs \(its scale is missing\); give a file written by",
        ),
        ({"scale": torch.ones(3, dtype=torch.int64)}, "whose scale is of torch.int64; fit again"),
        ({"scale": torch.ones(3, dtype=torch.uint8)}, "whose scale is of torch.uint8; fit again"),
        ({"scale": torch.ones(3, dtype=torch.complex64)}, "whose scale is of torch.complex64; fit again"),
        ({"image": torch.ones(2, 2, 3)}, "whose image is of torch.float32; fit again"),
    ],
)
def test_tensors_that_cannot_be(path, change, message):
    write_tensors(
        path, {name: tensor for name, tensor in (good() | change).items() if tensor is not None}, ABOUT
    )
    with pytest.raises(ValueError, match=message):
        read_tensors(path, SCHEMA)


@pytest.mark.parametrize("about", [{}, {"other": "1"}, {"timesteps": "[]"}])
def test_metadata_that_are_not_there(path, about):
    write_tensors(path, good(), about)
    with pytest.raises(ValueError, match=r"holds no value inputs \(its guidance is missing\); give"):
        read_tensors(path, SCHEMA)


def test_what_its_reader_refuses_is_said_of_the_file(path):
    write_tensors(path, good(), {"guidance": "much", "timesteps": "[" * 100000})
    for refuse in (
        lambda tensors, about: float(about["guidance"]),
        lambda tensors, about: json.loads(about["timesteps"]),
        lambda tensors, about: tensors["shift"],
    ):
        with pytest.raises(ValueError, match=r"' holds value inputs that cannot be .*fit again"):
            read_result(path, SCHEMA, refuse)
    assert read_result(path, SCHEMA, lambda tensors, about: about["guidance"]) == "much"


def test_what_is_no_such_file(path, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file '.*fit.safetensors'"):
        read_tensors(path, SCHEMA)
    with pytest.raises(ValueError, match="path is the folder"):
        read_tensors(tmp_path, SCHEMA)
    write_tensors(path, good(), ABOUT)
    whole = path.read_bytes()
    for content in (b"", b"a text", whole[:100], whole[:-1], whole + b"x", b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is no safetensors file, or was cut short"):
            read_tensors(path, SCHEMA)
    save_file({"weight": torch.ones(1)}, path)
    with pytest.raises(ValueError, match="holds no value inputs .*; give"):
        read_tensors(path, SCHEMA)
    save_file(good(), path, metadata=ABOUT)
    with pytest.raises(ValueError, match=r"has no checksum, by which damage is found.*; fit again"):
        read_tensors(path, SCHEMA)


def test_a_device_that_is_not_there_is_said_so(path):
    write_tensors(path, good(), ABOUT)
    for device in ("cuda:99", "abacus"):
        with pytest.raises(ValueError, match=f"The device '{device}' is not available here"):
            read_tensors(path, SCHEMA, device)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_mode_follows_the_umask(path, umask):
    before = os.umask(umask)
    try:
        write_tensors(path, good(), ABOUT)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_tensors_that_share_memory_or_are_views_are_written(path):
    base = torch.arange(12.0).reshape(3, 4).requires_grad_()
    tensors = {"all": base, "again": base, "row": base[1], "turned": base.T, "none": torch.zeros(0, 3)}
    write_tensors(path, tensors, {})
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in load_file(path).items())


def fail_half_way(error):
    """A `save_file` that writes a part and raises."""

    def save(tensors, place, metadata):
        place.write_bytes(b"half")
        raise error

    return save


def test_a_failure_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    write_tensors(path, good(), ABOUT)
    old = path.read_bytes()

    for error, raised in ((OSError("No space left"), ValueError), (KeyboardInterrupt(), KeyboardInterrupt)):
        monkeypatch.setattr(files, "save_file", fail_half_way(error))
        with pytest.raises(raised):
            write_tensors(path, good(), ABOUT)
        assert path.read_bytes() == old and list(path.parent.iterdir()) == [path]
    with pytest.raises(ValueError, match=r"There is no folder for .*; create it first"):
        write_tensors(path / "below", good(), ABOUT)
    with pytest.raises(ValueError, match="path is the folder"):
        write_tensors(path.parent, good(), ABOUT)


def test_a_full_disk_leaves_the_old_file(path):
    write_tensors(path, good(), ABOUT)
    old = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # no file may grow beyond this
    try:
        with pytest.raises(ValueError, match=r"could not be written .* What was there is as it was."):
            write_tensors(path, {"x": torch.ones(10**6)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == old and list(path.parent.iterdir()) == [path]


def test_many_writers_of_one_path_do_not_clash(path):
    failures = []

    def write(k):
        try:
            for _ in range(30):
                write_tensors(path, {"x": torch.full((1000,), float(k))}, {"guidance": str(k)})
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    schema = Schema("numbers", "a test", "write again", {"x": "float"}, ("guidance",))
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            tensors, about = read_tensors(path, schema)
            assert (tensors["x"] == float(about["guidance"])).all()
    assert not failures and list(path.parent.iterdir()) == [path]


def test_a_kill_at_any_moment_leaves_a_whole_file(path):
    """And what else it leaves, one that writes there a day later removes; a draft being written stays."""
    code = (
        "import sys, torch\n"
        "from styledit.storage.files import write_tensors\n"
        "k = 0\n"
        "while True:\n"
        " k += 1\n"
        " write_tensors(sys.argv[1], {'x': torch.full((300_000,), float(k))}, {'guidance': str(k)})\n"
        " print(k, flush=True)\n"
    )
    schema = Schema("numbers", "a test", "write again", {"x": "float"}, ("guidance",))
    process = subprocess.Popen(
        [sys.executable, "-c", code, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    for _ in range(5):
        process.stdout.readline()
    time.sleep(0.0037)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    tensors, about = read_tensors(path, schema)
    assert float(about["guidance"]) >= 5 and (tensors["x"] == float(about["guidance"])).all()
    abandoned, fresh = (path.with_name(f".styledit-{name}.draft") for name in ("00", "01"))
    for draft in (abandoned, fresh):
        draft.mkdir()
        (draft / "file").write_bytes(b"half")
    long_ago = time.time() - files.ABANDONED - 60
    for draft in set(path.parent.glob("*.draft")) - {fresh}:
        os.utime(draft, (long_ago, long_ago))
    write_tensors(path, {"x": torch.ones(1)}, {"guidance": "1"})
    assert set(path.parent.iterdir()) == {path, fresh}
