"""Keeps receipts in a local file while the database cannot take them, and hands them over after.

A receipt is in the file, and the file on the disk, before the platform hears 200. Handing the
same over twice is harmless: the database knows each message by its channel and external id.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from storage.store.grants import Leave
from storage.store.receipts import Received

log = logging.getLogger("huiyin.spool")

Group = tuple[datetime, list[Received]]  # what was received at a moment, in order
MOST = 200  # groups that are handed over at once


class Spool:
    """Groups of receipts in order. May be used from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read = 0  # bytes that have been handed over
        self._waiting = 0  # groups in the file that have not
        self._tidy()

    def __len__(self) -> int:
        return self._waiting

    def _tidy(self) -> None:
        """A torn last line was never acknowledged: whoever wrote it died before."""
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return
        whole = raw.rfind(b"\n") + 1
        if whole < len(raw):
            os.truncate(self._path, whole)
        self._waiting = raw[:whole].count(b"\n")

    def add(self, at: datetime, rows: Sequence[Received]) -> None:
        """Returns once they are on the disk. Raises OSError, and then nothing is kept."""
        line = json.dumps({"at": at.isoformat(), "rows": [_plain(row) for row in rows]})
        with self._lock:
            new = not self._path.exists()
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                before = os.fstat(file).st_size
                try:
                    _write(file, line.encode("ascii") + b"\n")
                    os.fsync(file)
                except OSError:
                    os.ftruncate(file, before)
                    raise
            finally:
                os.close(file)
            if new:
                _sync_folder(self._path.parent)
            self._waiting += 1

    def first(self) -> list[Group]:
        """The oldest groups; `done` says that they are in the database."""
        with self._lock:
            if not self._waiting:
                return []
            with self._path.open("rb") as file:
                file.seek(self._read)
                lines = [line for line, _ in zip(file, range(MOST), strict=False)]
        return [_group(line) for line in lines]

    def done(self, count: int) -> None:
        """So many of the oldest groups are in the database. The file goes with the last."""
        with self._lock:
            with self._path.open("rb") as file:
                file.seek(self._read)
                self._read += sum(len(file.readline()) for _ in range(count))
            self._waiting -= count
            if not self._waiting:
                self._path.unlink()
                self._read = 0


def _plain(row: Received) -> dict[str, Any]:
    found = asdict(row)
    found["held_until"] = None  # nobody waits for the answer any more
    found["leaves"] = [
        leave | {"until": leave["until"] and leave["until"].isoformat()}
        for leave in found["leaves"]
    ]
    return found


def _group(line: bytes) -> Group:
    raw = json.loads(line)
    return datetime.fromisoformat(raw["at"]), [_received(row) for row in raw["rows"]]


def _received(raw: dict[str, Any]) -> Received:
    leaves = [
        Leave(**leave | {"until": leave["until"] and datetime.fromisoformat(leave["until"])})
        for leave in raw["leaves"]
    ]
    return Received(**raw | {"leaves": tuple(leaves)})


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
