"""Durable receipt: many messages in one statement, each once per channel and external id."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from storage.engines import races
from storage.models import Channel, Inbound
from storage.store.claims import claim_of
from storage.store.grants import Leave, give
from storage.store.waiting import may_speak_again

CARRIED = "carried"  # in an inbound's extra: its words were taken along into the private chat
CARRY = timedelta(days=7)  # how long a button that takes them along works
AMONG = 8  # communities of which each process takes one, so that they rarely meet
LOOK_BACK = 200  # messages of one person in one chat among which an edited one is looked for


@dataclass(frozen=True)
class Received:
    """An event as it is to be kept. Without `external_id` only the cursor moves."""

    channel_id: str
    external_id: str = ""
    chat_key: str = ""
    user_key: str = ""
    user_name: str | None = None
    group: bool = False
    kind: str = "text"
    text: str = ""
    choice: str | None = None
    reply_to: str | None = None
    addressed: bool = True
    extra: dict[str, Any] | None = None
    leaves: Sequence[Leave] = ()
    held_until: datetime | None = None  # the platform waits for the answer in its own request
    cursor: str | None = None


def clean(text: str) -> str:
    """Text as any database takes it: no NUL, no lone surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


_OWNERS = select(Channel.id, Channel.community_id).where(
    Channel.id.in_(bindparam("channels", expanding=True))
)
_KNOWN = select(Inbound.channel_id, Inbound.external_id).where(
    Inbound.channel_id.in_(bindparam("channels", expanding=True)),
    Inbound.external_id.in_(bindparam("keys", expanding=True)),
)


def _clean_all(extra: dict[str, Any] | None) -> dict[str, Any] | None:
    if extra is None:
        return None
    return {key: clean(v) if isinstance(v, str) else v for key, v in extra.items()}


def _clean_leave(leave: Leave) -> Leave:
    return replace(leave, name=clean(leave.name), token=clean(leave.token))


def receive(session: Session, rows: Sequence[Received], now: datetime) -> list[bool]:
    """Keeps what is new and says of each row whether it was. Raises KeyError: unknown channel.

    Raises Again where another process kept one of them at the same moment.
    """
    with races():
        return _receive(session, rows, now)


def _receive(session: Session, rows: Sequence[Received], now: datetime) -> list[bool]:
    channels = {row.channel_id for row in rows}
    owner: dict[str, int] = {
        ident: community
        for ident, community in session.execute(_OWNERS, {"channels": list(channels)})
    }
    messages = [row for row in rows if row.external_id]
    known: set[tuple[str, str]] = set()
    if messages:
        keys = {"channels": list(channels), "keys": [clean(row.external_id) for row in messages]}
        known = {(row[0], row[1]) for row in session.execute(_KNOWN, keys)}
    fresh: list[bool] = []
    new: list[dict[str, Any]] = []
    for row in rows:
        key = (row.channel_id, clean(row.external_id))
        is_new = bool(row.external_id) and key not in known
        fresh.append(is_new)
        if not is_new:
            continue
        known.add(key)
        new.append(
            {
                "community_id": owner[row.channel_id],
                "channel_id": row.channel_id,
                "external_id": key[1],
                "chat_key": clean(row.chat_key),
                "user_key": clean(row.user_key),
                "group": row.group,
                "kind": row.kind,
                "user_name": clean(row.user_name) if row.user_name else None,
                "text": clean(row.text),
                "choice": clean(row.choice) if row.choice else None,
                "reply_to": clean(row.reply_to) if row.reply_to else None,
                "addressed": row.addressed,
                "extra": _clean_all(row.extra),
                "received_at": now,
                "held_until": row.held_until,
            }
        )
        if row.leaves:
            give(session, row.channel_id, clean(row.chat_key), map(_clean_leave, row.leaves))
            may_speak_again(session, row.channel_id, clean(row.chat_key), now)
    if new:
        session.execute(insert(Inbound), new)
    for channel, cursor in {row.channel_id: row.cursor for row in rows if row.cursor}.items():
        session.execute(update(Channel).where(Channel.id == channel).values(cursor=cursor))
    return fresh


_OLDEST = (
    select(Inbound.community_id).where(Inbound.handled_at.is_(None)).order_by(Inbound.id).limit(1)
)
_WAITING = (
    select(Inbound.id, Inbound.text, Inbound.kind)
    .where(Inbound.community_id == bindparam("community"), Inbound.handled_at.is_(None))
    .order_by(Inbound.id)
    .limit(bindparam("most"))
)
_LONGEST = (
    select(Inbound.community_id)
    .where(Inbound.handled_at.is_(None))
    .group_by(Inbound.community_id)
    .order_by(func.min(Inbound.id))
    .limit(AMONG)
)
_UNHANDLED = (
    select(Inbound)
    .where(Inbound.id.in_(bindparam("idents", expanding=True)), Inbound.handled_at.is_(None))
    .order_by(Inbound.id)
)


def unheard(
    session: Session, limit: int, choose: Callable[[Sequence[int]], int] | None = None
) -> tuple[int, dict[int, str]]:
    """Messages nobody has handled, oldest first: their community (all of one), texts by id.

    `choose` takes one of the communities that have waited longest; without it, the first. The text
    of a start that carries a matter along is that matter's.
    """
    longest = session.scalars(_OLDEST if choose is None else _LONGEST).all()
    if not longest:
        return 0, {}
    community = longest[0] if choose is None else choose(longest)
    rows = session.execute(_WAITING, {"community": community, "most": limit}).all()
    texts = {row[0]: row[1] for row in rows}
    for ident in [row[0] for row in rows if row[2] == "start"]:
        original = carried(session, session.get_one(Inbound, ident))
        if original is not None:
            texts[ident] = original.text
    return community, texts


def carried(session: Session, start: Inbound) -> Inbound | None:
    """What somebody wrote in a group and takes along into the private chat: "m<id>" as the scene.

    Only their own words, on the same channel, lately, and once.
    """
    found = re.fullmatch(r"m([1-9]\d{0,17})", str((start.extra or {}).get("scene", "")))
    original = session.get(Inbound, int(found[1])) if found else None
    if original is None or not original.group or (original.extra or {}).get(CARRIED):
        return None
    if (original.channel_id, original.user_key) != (start.channel_id, start.user_key):
        return None
    return original if start.received_at - original.received_at < CARRY else None


def wordings(session: Session, edit: Inbound) -> list[Inbound]:
    """How an edited message was worded before, oldest first; empty when we do not have it."""
    ident = (edit.extra or {}).get("edited")
    rows = session.scalars(
        select(Inbound)
        .where(
            Inbound.channel_id == edit.channel_id,
            Inbound.chat_key == edit.chat_key,
            Inbound.user_key == edit.user_key,
            Inbound.id < edit.id,
        )
        .order_by(Inbound.id.desc())
        .limit(LOOK_BACK)
    )
    return [row for row in rows if ident and (row.extra or {}).get("message_id") == ident][::-1]


def unhandled(session: Session, idents: Iterable[int]) -> list[Inbound]:
    """Those of these messages, all of one community, that nobody has handled yet, oldest first.

    None while another process works for that community.
    """
    idents = list(idents)
    if not idents or not claim_of(session, idents[0]):
        return []
    return list(session.scalars(_UNHANDLED, {"idents": idents}))


def waiting(session: Session, limit: int) -> list[Inbound]:
    """Messages nobody has handled, oldest first, all of one community."""
    _, texts = unheard(session, limit)
    return unhandled(session, texts)


def troubles(session: Session) -> tuple[int, list[tuple[int, str]]]:
    """How many messages wait, and the last that failed with the place of the fault."""
    waiting = session.scalar(select(func.count(Inbound.id)).where(Inbound.handled_at.is_(None)))
    query = (
        select(Inbound.id, Inbound.error)
        .where(Inbound.error.is_not(None))
        .order_by(Inbound.id.desc())
        .limit(5)
    )
    return waiting or 0, [(row[0], row[1] or "") for row in session.execute(query)]
