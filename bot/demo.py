"""The demo community's sample records: a few days played through the real core, with a past clock.

Only a community whose file says `demo = true` is ever filled, once; `remove` deletes what was said
and done there and keeps the file's settings and people.
"""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from pathlib import Path

from bot.dispatcher import Dispatcher
from bot.rehearsal import Rehearsal
from bot.web import personal_link
from handlers import CONTENTS
from nlp import Ear
from storage import Database, Session, Store
from storage.models import Community, Resident
from storage.store.erasing import erase_records, written_besides
from storage.store.loading import communities, settings_of, settle_in
from storage.store.receipts import Received

STORY = Path(__file__).parent / "demo_story.txt"
SHOWN = ("王阿姨", "李大爷", "小李", "张主任")  # whose personal links are printed


def fill(database: Database, ear: Ear, now: datetime) -> None:
    """Plays the story into each demo community that has not had it."""
    with database.read() as session:
        empty = [c.id for c in communities(session) if c.demo and not c.demo_filled]
    for community_id in empty:
        with database.write() as session:
            community = session.get_one(Community, community_id)
            community.demo_filled = True
            channel = _enter(session, community, now - timedelta(days=5))
        if channel is not None:
            _tell(database, ear, community_id, channel, now)


def key(person: Resident) -> str:
    """The web identity that a demo person's link leads to."""
    return f"demo-{person.id}"


def _enter(session: Session, community: Community, at: datetime) -> str | None:
    """Gives everybody of the file a web chat; says on which channel."""
    file = settings_of(community)
    channel = next((c["id"] for c in file.channels if c["platform"] == "web"), None)
    if channel is None:
        return None
    store = Store(session, community.id)
    found = store.messages.channel(channel)
    if found is not None:
        found.created_at = at
    for group in store.messages.groups():
        group.created_at = at
    for person in store.people.everyone():
        settle_in(store, person, channel, key(person), at)
    return str(channel)


def _tell(database: Database, ear: Ear, community_id: int, channel: str, now: datetime) -> None:
    with database.read() as session:
        store = Store(session, community_id)
        keys = {p.name: key(p) for p in store.people.everyone()}
        groups = {g.name: g.external_id for g in store.messages.groups()}
        zone = settings_of(session.get_one(Community, community_id)).zone
    numbers = itertools.count(1)
    dispatcher = Dispatcher(
        ear=ear,
        contents=CONTENTS,
        code=lambda: f"demo{next(numbers)}",
        messages_per_minute=1000,
        on_duty_all=True,
    )
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    rehearsal = Rehearsal(database, dispatcher, midnight - timedelta(days=5))
    with database.write() as session:
        dispatcher.start_duties(session, rehearsal.now)
    for line in STORY.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        when, who, text = line.split(maxsplit=2)
        days, _, clock = when.partition("d")
        hour, minute = clock.split(":")
        at = midnight - timedelta(days=int(days)) + timedelta(hours=int(hour), minutes=int(minute))
        if at > now - timedelta(minutes=1):
            break
        rehearsal.move(at - rehearsal.now)
        name, _, group = who.partition("@")
        number = next(numbers)
        rehearsal.deliver(
            Received(
                channel_id=channel,
                external_id=f"demo:{number}",
                user_key=keys[name],
                chat_key=groups[group] if group else keys[name],
                user_name=name,
                group=bool(group),
                text=text.removeprefix("@bot ").replace("\\n", "\n"),
                addressed=not group or text.startswith("@bot"),
            )
        )
    rehearsal.move(now - rehearsal.now)


def remove(database: Database) -> int:
    """Deletes the records of every demo community; says how many rows that were."""
    count = 0
    with database.write() as session:
        for community in communities(session):
            if community.demo:
                count += erase_records(session, community)
    return count


def real_messages(database: Database) -> int:
    """Messages in demo communities that the story did not write: somebody has been using it."""
    with database.read() as session:
        return sum(
            written_besides(session, community, "demo:")
            for community in communities(session)
            if community.demo
        )


def links(session: Session, secret: bytes, url: str) -> list[tuple[str, str]]:
    """Personal links of the demo's main people, stable over restarts."""
    found = []
    for community in communities(session):
        if not community.demo:
            continue
        store = Store(session, community.id)
        channel = next((c.id for c in store.messages.channels() if c.platform == "web"), None)
        for name in SHOWN if channel else ():
            person = store.people.in_file(name)
            if person is not None and channel is not None:
                found.append((name, url + personal_link(secret, channel, person.id)))
    return found
