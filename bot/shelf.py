"""The folder of kept attachments: beside the database, outside whatever the web serves as files.

A file's name is random and ours alone; nothing anybody claims goes into a path.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import BinaryIO

NAME = re.compile(r"[0-9a-f]{32}")
DRAFT = ".part"  # while it is being written
TROUBLES = ("full", "unwritable")
ENOUGH = 200 * 2**20  # bytes the disk must keep free: the database comes first


def free_space(folder: Path) -> int:
    """Bytes free where a folder is or will be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


class Shelf:
    """`data` is the folder of the database; the attachments stand in `data`/media/ab/abcd…"""

    def __init__(self, data: Path, free: Callable[[Path], int] = free_space) -> None:
        self.folder = data / "media"
        self._free = free

    def path(self, name: str) -> Path:
        """Where a file of this name stands. Raises ValueError for anything but a name of ours."""
        if not NAME.fullmatch(name):
            raise ValueError("not the name of a kept file")
        return self.folder / name[:2] / name

    def trouble(self) -> str:
        """Why nothing can be kept just now: "full", "unwritable", or "" when all is well."""
        try:
            if self._free(self.folder) < ENOUGH:
                return "full"
            there = self.folder if self.folder.exists() else self.folder.parent
            ok = not there.exists() or (there.is_dir() and os.access(there, os.W_OK | os.X_OK))
        except OSError:
            ok = False
        return "" if ok else "unwritable"

    @contextlib.contextmanager
    def draft(self, name: str) -> Iterator[BinaryIO]:
        """A file to be written, then kept under `name`; gone where it was not. Raises OSError."""
        path = self.path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)  # its parents' mode is the umask's
        draft = path.with_suffix(DRAFT)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
        finally:
            draft.unlink(missing_ok=True)

    def draft_path(self, name: str) -> Path:
        return self.path(name).with_suffix(DRAFT)

    def keep(self, name: str, file: BinaryIO) -> None:
        """Puts a draft where it belongs; it is on the disk when this returns. Raises OSError."""
        file.flush()
        os.fsync(file.fileno())
        path = self.path(name)
        path.with_suffix(DRAFT).rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self, name: str) -> None:
        """Raises OSError; not where it is gone already."""
        self.path(name).unlink(missing_ok=True)

    def sweep(self, named: Collection[str]) -> int:
        """Removes drafts and files that nobody names; says how many. Others' files stay."""
        count = 0
        for path in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            name = path.name.removesuffix(DRAFT)
            if NAME.fullmatch(name) and path.name not in named and path.is_file():
                path.unlink(missing_ok=True)
                count += 1
        return count
