"""Locks on files: one process each, and gone with it, however it ends."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nobody is kept out
    fcntl = None  # type: ignore[assignment]

_kept: list[int] = []  # open for as long as the process lives


def take(path: Path) -> bool:
    """Takes the lock for the life of this process; False while another has it. Raises OSError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
    _kept.append(file)
    return True


def first_free(paths: Iterable[Path]) -> Path:
    """The first of these whose lock nobody has, and now we have it."""
    for path in paths:
        if take(path.with_suffix(".lock")):
            return path
    raise OSError("no lock is free")
