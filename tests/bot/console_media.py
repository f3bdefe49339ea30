"""Attachments for tests of the console: sent, and arrived in the folder."""

from __future__ import annotations

from typing import Any

from bot.shelf import Shelf
from storage import Session
from storage.models import Keeping, Media
from tests.bot.console_client import tell
from tests.bot.office import Made


def send(made: Made, kind: str = "photo", text: str = "", **more: Any) -> int:
    """王阿姨 sends something to fetch; gives the id of its row."""
    extra = {"file_id": "x", **more.pop("extra", {})}
    tell(made, more.pop("who", "王阿姨"), text, kind=kind, extra=extra, **more)
    return int(made.read(lambda session: max(row.id for row in session.query(Media))))


def arrive(made: Made, ident: int, mime: str, content: bytes) -> None:
    """What the downloader does in the end."""
    name = f"{ident:032x}"
    shelf = Shelf(made.office.settings.folder)
    with shelf.draft(name) as file:
        file.write(content)
        shelf.keep(name, file)
    change(made, ident, state=Keeping.KEPT, name=name, mime=mime, size=len(content), due_at=None)


def change(made: Made, ident: int, **values: Any) -> None:
    def work(session: Session) -> None:
        row = session.get_one(Media, ident)
        for key, value in values.items():
            setattr(row, key, value)

    made.write(work)
