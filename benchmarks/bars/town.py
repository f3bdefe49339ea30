"""A town in this process: the real core on a real database, without HTTP."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from ground import ROOT
from sqlalchemy import select

from bot import app, opening
from bot.settings import Limits, Settings
from nlp import Ear
from storage import Database
from storage.models import Channel
from storage.store import web

CHANNEL = "web"
NO_LIMIT = Limits(messages_per_minute=10**6, sessions_per_minute=10**6)


def now() -> datetime:
    return datetime.now(UTC)


class Town:
    """A community that is no demo, with residents who have a private web chat each."""

    def __init__(self, folder: Path, residents: int = 0, url: str = "", extra: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        text = (ROOT / "communities" / "example.toml").read_text(encoding="utf-8")
        path = folder / "community.toml"
        path.write_text(re.sub(r"(?m)^demo\s*=.*$", "", text) + extra, encoding="utf-8")
        self.settings = Settings(
            database_url=url, data=str(folder), communities=(str(path),), limits=NO_LIMIT
        )
        self.database: Database = opening.open_database(self.settings)
        opening.load_files(self.database, opening.read_files(self.settings), now())
        self.people: list[web.Visitor] = []
        self.tokens: list[str] = []
        with self.database.write() as session:
            channel = session.scalars(select(Channel).where(Channel.id == CHANNEL)).one()
            for n in range(residents):
                self.tokens.append(secrets.token_urlsafe(24))
                user = secrets.token_urlsafe(12)
                self.people.append(
                    web.welcome(session, channel, f"居民{n}", user, self.tokens[-1], now())
                )

    def app(self, ear: Ear) -> app.App:
        return app.App(self.settings, self.database, ear, ("turns",))
