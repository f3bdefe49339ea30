"""One-time codes that bind a person of the community file to a chat."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from handlers.words import code_from
from storage import Database, Store
from storage.store.loading import communities

LIFE = timedelta(days=7)


class NobodyFound(Exception):
    """Nobody of this name, or it is not clear in which community."""


def fresh() -> str:
    """A code as it is printed: HY-XXXX-XXXX."""
    return code_from(secrets.token_hex(32))


def invite(database: Database, name: str, slug: str | None, now: datetime) -> str:
    """A new code for a person. Raises NobodyFound."""
    with database.write() as session:
        found = []
        for community in communities(session):
            if slug in (None, community.slug):
                store = Store(session, community.id)
                person = store.people.in_file(name)
                if person is not None:
                    found.append((store, person))
        if not found:
            raise NobodyFound(f"名册里没有“{name}”。请先写进社区文件，再 huiyin community add。")
        if len(found) > 1:
            raise NobodyFound(f"有几个社区都有“{name}”，请加 --community 名。")
        store, person = found[0]
        code = fresh()
        store.people.give_credential("invite", code.replace("-", ""), person, now + LIFE)
        return code
