"""huiyin chat: the bot in the terminal, on the installation's own database."""

from __future__ import annotations

import sys

from bot import app
from bot.adapters.base import with_lines
from bot.dispatcher import Dispatcher
from bot.ears import open_ear
from bot.opening import CannotStart, load_files, open_database, read_files
from bot.rehearsal import Rehearsal
from bot.settings import Settings
from handlers import CONTENTS
from storage import Database, Session, Store
from storage.models import Channel, Resident
from storage.store.loading import communities, settle_in
from storage.store.receipts import Received

BANNER = "您是{name}。直接写，回车发出；空行看新消息；Ctrl-D 结束。"


def chat(settings: Settings, name: str) -> int:
    """Talks as a person of the community file. Raises CannotStart when there is nobody so named."""
    database = open_database(settings)
    load_files(database, read_files(settings), app.clock())
    channel, seen = _sit_down(database, name)
    dispatcher = Dispatcher(
        ear=open_ear(settings, settings.folder),
        contents=CONTENTS,
        code=app.code,
        public_url=settings.public_url,
        messages_per_minute=settings.limits.messages_per_minute,
    )
    rehearsal = Rehearsal(database, dispatcher, app.clock())
    print(BANNER.format(name=name))
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]  # a pipe may hold anything
    while True:
        try:
            text = input("> " if sys.stdin.isatty() else "")
        except EOFError:
            return 0
        rehearsal.now = app.clock()
        if text.strip():
            rehearsal.deliver(
                Received(
                    channel_id=channel,
                    external_id=app.code(),
                    chat_key=name,
                    user_key=name,
                    user_name=name,
                    text=text,
                )
            )
        else:
            rehearsal.settle()
        seen = _show(database, channel, name, seen)


def _sit_down(database: Database, name: str) -> tuple[str, int]:
    """The terminal's channel and chat of a person; whoever runs this owns the machine."""
    with database.write() as session:
        for community in communities(session):
            store = Store(session, community.id)
            person = store.people.in_file(name)
            if person is None:
                continue
            channel = f"terminal-{community.slug}"
            if store.messages.channel(channel) is None:
                store.add(
                    Channel(
                        id=channel,
                        community_id=community.id,
                        platform="terminal",
                        created_at=app.clock(),
                    )
                )
            if store.people.identity(channel, name) is None:
                settle_in(store, person, channel, name, app.clock())
            return channel, _last(session, store, channel, person)
        names = [
            p.name for c in communities(session) for p in Store(session, c.id).people.everyone()
        ]
    raise CannotStart(f"名册里没有“{name}”。有：{'、'.join(names[:30])}")


def _last(session: Session, store: Store, channel: str, person: Resident) -> int:
    found = store.messages.chat_at(channel, person.name)
    rows = store.messages.heard_since(found, 0, limit=100_000) if found else []
    return rows[-1].id if rows else 0


def _show(database: Database, channel: str, name: str, seen: int) -> int:
    """Prints what was said since; gives the new position."""
    with database.read() as session:
        for community in communities(session):
            store = Store(session, community.id)
            found = store.messages.chat_at(channel, name)
            for row in store.messages.heard_since(found, seen) if found else []:
                seen = row.id
                who = "" if row.sender == "bot" else f"{row.sender}："
                print(who + with_lines(row.text, [] if row.inline else row.choices) + "\n")
    return seen
