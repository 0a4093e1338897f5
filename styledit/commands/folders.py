"""A folder that a command writes into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Say of an error in the block that the folder cannot be written, and what to do.

    Raises:
        OSError: the block raised one.
    """
    try:
        yield
    except OSError as error:
        raise OSError(f"{folder} cannot be written ({error.strerror}); name another folder.") from error
