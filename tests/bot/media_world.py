"""Attachments that are downloaded: a real folder and database, a platform that gives bytes."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.adapters.base import Refused, Sent, TooLarge
from bot.fetching import Fetching
from bot.shelf import Shelf, free_space
from storage.models import Inbound, Keeping, Media
from tests.bot.outbox_world import T0, Platform, World

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\x01" * 3000
PNG = b"\x89PNG\r\n\x1a\n" + b"\x01" * 300
OGG = b"OggS\x00\x02" + b"\x00" * 22 + b"OpusHead" + b"\x00" * 300
PAGE = b"<!doctype html><script>alert(1)</script>"


def office(*names: str) -> bytes:
    """A zip with these files in it."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as parts:
        for name in names:
            parts.writestr(name, "<x/>")
    return held.getvalue()


DOCX = office("[Content_Types].xml", "word/document.xml")


class Giver(Platform):
    """A platform that gives what `files` has under an event's file_id, or raises it."""

    def __init__(self, name: str, time: Any) -> None:
        super().__init__(name, time)
        self.files: dict[str, bytes | BaseException | Callable[[], bytes]] = {}
        self.asked: list[str] = []
        self.honest = True  # stops at the limit, as the contract wants

    async def fetch(self, extra: Mapping[str, Any], most: int) -> AsyncIterator[bytes]:
        ident = str(extra["file_id"])
        self.asked.append(ident)
        found = self.files[ident]
        if callable(found):
            found = found()
        if isinstance(found, BaseException):
            raise found
        if self.honest and len(found) > most:
            raise TooLarge
        for start in range(0, len(found), 1024):
            yield found[start : start + 1024]

    async def follow(self, ident: str) -> Sent | None:
        return Sent(ids=[ident])


def refused(**sent: Any) -> Refused:
    return Refused(Sent(**sent))


class MediaWorld(World):
    """`free` is how much room the disk says it has."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.data = folder
        self.free: Callable[[Path], int] = free_space
        self.giver = Giver("a", self.time)
        self.other = Giver("b", self.time)
        self._numbers = itertools.count(1)

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.data, self._room)

    def _room(self, folder: Path) -> int:
        return self.free(folder)

    def fetching(self) -> Fetching:
        return Fetching(
            self.lane,
            self.database,
            {"a": self.giver, "b": self.other},
            self.shelf,
            self.time.clock,
            self.time.sleep,
            lambda: f"{next(self._numbers) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}",
        )

    def send(
        self,
        content: bytes | BaseException | Callable[[], bytes],
        kind: str = "photo",
        channel: str = "a",
        **extra: Any,
    ) -> int:
        """Something to fetch is sent; the id of its row."""
        with self.database.write() as session:
            number = session.query(Inbound).count() + 1
            ident = f"f{number}"
            row = Inbound(
                community_id=1,
                channel_id=channel,
                external_id=f"m{number}",
                chat_key="c1",
                user_key="u",
                kind=kind,
                text="",
                extra={"file_id": ident, **extra},
                received_at=T0,
            )
            session.add(row)
            session.flush()
            found = Media(
                community_id=1,
                channel_id=channel,
                inbound_id=row.id,
                resident_id=1,
                reference=f"inbound:{row.id}:{kind}",
                kind=kind,
                state=Keeping.WAITING,
                tries=0,
                due_at=T0,
                created_at=T0,
            )
            session.add(found)
            session.flush()
            (self.giver if channel == "a" else self.other).files[ident] = content
            return found.id

    def media(self, ident: int) -> Media:
        with self.database.read() as session:
            found = session.get_one(Media, ident)
            session.expunge(found)
            return found

    def files(self) -> list[Path]:
        """Every file in the folder, drafts too."""
        return sorted(path for path in self.shelf.folder.rglob("*") if path.is_file())

    def later(self, **span: float) -> None:
        self.time.now += timedelta(**span)

    def close(self) -> None:
        self.lane.close()
        self.database.close()
