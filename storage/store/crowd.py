"""A whole crowd at once: what is said to everybody of a place takes a few statements, not a few
for each. The same rows come of it as when `Desk.put` is called for one after another.

The chat of each is the private one they used last that may be written to now, as in `chats_of`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from storage.models import (
    Channel,
    Chat,
    CheckIn,
    CheckInStage,
    Outbound,
    Priority,
    Question,
    Receipt,
    Resident,
    Role,
    Sending,
)
from storage.store.falling_back import READ_WHEN_THEY_COME, may_be_spoken_to

STAFF = (Role.WORKER, Role.CHIEF)
HERE = "\x00"  # where a question's id goes in a callback; no phrase holds one
AS_JSON = JSON().with_variant(String(), "sqlite")  # whose CAST(… AS JSON) would make a number


@dataclass(frozen=True)
class Crowd:
    """Residents of a community, their ids after `after` and up to `up_to`."""

    community_id: int
    places: frozenset[int] | None = None  # where they live; None: anywhere
    role: Role | None = None
    after: int = 0
    up_to: int | None = None
    notice: int | None = None  # only who takes notices and has not been sent this one
    staff: bool = True  # staff too
    rollcall: int | None = None  # only who could be asked in this roll call
    silent: bool = False  # and has not answered it


@dataclass(frozen=True)
class Wording:
    """One question in one language: its words, the answers it takes, the labels it shows."""

    text: str
    answers: Sequence[Sequence[str]]  # as in Question.choices
    labels: Sequence[str]

    def buttons(self) -> str:
        shown = [[str(n), label, f"q{HERE}={n}"] for n, label in enumerate(self.labels, 1)]
        return json.dumps(shown)


@dataclass(frozen=True)
class Asking:
    """What is put to a crowd. `wordings` by language; "" is that of whoever has named none."""

    name: str
    about: str
    wordings: Mapping[str, Wording]
    priority: Priority
    until: datetime | None = None
    kind: str = "answer"
    inline: bool = False


def part(session: Session, crowd: Crowd, size: int) -> tuple[Crowd, bool]:
    """The next `size` of a crowd, and whether they are the last."""
    query = select(Resident.id).where(*_everybody(crowd)).order_by(Resident.id).limit(size)
    idents = session.scalars(query).all()
    return replace(crowd, up_to=idents[-1] if idents else crowd.after), len(idents) < size


def languages(session: Session, crowd: Crowd) -> list[str]:
    """Those that people of a crowd have named."""
    query = select(Resident.language).where(*_everybody(crowd), Resident.language.is_not(None))
    return [str(found) for found in session.scalars(query.distinct())]


def ask(session: Session, crowd: Crowd, asking: Asking, now: datetime) -> list[int]:
    """Leaves a Question standing with each who has a chat; gives the chats where it is delivered
    by being written."""
    last = _last(session, Question), _last(session, Outbound)
    _questions(session, crowd, asking, now)
    _words(session, crowd, asking, now, last[0])
    session.execute(
        update(Question)
        .where(*_new(crowd, asking, last[0]), Question.outbound_id.is_(None))
        .where(Outbound.chat_id == Question.chat_id, Outbound.id > last[1])
        # Found by the chat; by what it is about would be to go through all of them for each.
        .where(func.coalesce(Outbound.about, "") == asking.about)
        .values(outbound_id=Outbound.id, delivered_at=Outbound.sent_at)
        .execution_options(synchronize_session=False)
    )
    if crowd.notice is not None:
        found = select(literal(crowd.notice), Question.resident_id, Question.outbound_id)
        query = found.where(*_new(crowd, asking, last[0])).order_by(Question.id)
        names = ["notice_id", "resident_id", "outbound_id"]
        session.execute(insert(Receipt).from_select(names, query))
    return list(session.scalars(_delivered(crowd, asking, last[1], Outbound.chat_id)))


def tell(session: Session, crowd: Crowd, asking: Asking, now: datetime) -> list[Outbound]:
    """Says something to each who has a chat; gives what is delivered by being written."""
    last = _last(session, Outbound)
    there = aliased(Chat)
    values = _as_said(crowd, asking, there, now)
    query = (
        select(*values.values())
        .select_from(Resident)
        .join(there, there.id == _chat(crowd, now).scalar_subquery())
        .join(Channel, Channel.id == there.channel_id)
        .where(*_those(crowd))
        .order_by(Resident.id)
    )
    session.execute(insert(Outbound).from_select(list(values), query))
    return list(session.scalars(_delivered(crowd, asking, last, Outbound)))


def _delivered(crowd: Crowd, asking: Asking, last: int, what: Any) -> Select[Any]:
    """Of what was written just now, what needs no sending."""
    return select(what).where(
        Outbound.id > last,
        Outbound.status == Sending.SENT,
        Outbound.community_id == crowd.community_id,
        func.coalesce(Outbound.about, "") == asking.about,
    )


def withdraw(
    session: Session, community_id: int, about: str, now: datetime, crowd: Crowd | None
) -> None:
    """Closes the questions about a thing, unanswered: a crowd's, or everybody's."""
    query = update(Question).where(
        Question.community_id == community_id, Question.about == about, Question.closed_at.is_(None)
    )
    if crowd is not None:
        whose = select(Resident.id).where(*_those(crowd))
        query = query.where(Question.resident_id.in_(whose))
    held = query.execution_options(synchronize_session="fetch")
    session.execute(held.values(closed_at=now))


def keep_untold(session: Session, crowd: Crowd, asking: Asking, now: datetime) -> None:
    """Words for residents who have left every chat: they have to be told in person."""
    there = aliased(Chat)
    left = (
        select(Chat.id)
        .where(
            Chat.community_id == crowd.community_id,
            Chat.resident_id == Resident.id,
            Chat.group.is_(False),
        )
        .order_by(Chat.seen_at.desc(), Chat.id.desc())
        .limit(1)
    )
    values = {
        **_as_said(crowd, asking, there, now),
        "inline": literal(False),
        "priority": literal(Priority.ANSWER.value),
        "status": _fixed(Outbound.status, Sending.FAILED),
        "sent_at": _fixed(Outbound.sent_at, None),
        "error": literal("gone"),
    }
    query = (
        select(*values.values())
        .select_from(Resident)
        .join(there, there.id == left.correlate(Resident).scalar_subquery())
        .join(Channel, Channel.id == there.channel_id)
        .where(*_those(crowd), Resident.role.not_in(STAFF), ~_open_chat(crowd))
        .order_by(Resident.id)
    )
    session.execute(insert(Outbound).from_select(list(values), query))


def check_in(session: Session, crowd: Crowd, rollcall_id: int) -> None:
    """A CheckIn for each; unreachable is who has no chat to be asked in."""
    waits = _fixed(CheckIn.stage, CheckInStage.WAITING)
    lost = _fixed(CheckIn.stage, CheckInStage.UNREACHABLE)
    there = _open_chat(crowd)
    query = select(literal(rollcall_id), Resident.id, case((there, waits), else_=lost), there)
    names = ["rollcall_id", "resident_id", "stage", "reached"]
    ordered = query.where(*_those(crowd)).order_by(Resident.id)
    session.execute(insert(CheckIn).from_select(names, ordered))


def _everybody(crowd: Crowd) -> list[ColumnElement[bool]]:
    """The crowd by where they live and what they are; not by what they have had."""
    # Everybody is read by id, a stretch at a time: by the community it would be all each time.
    few = crowd.places is not None or crowd.role is not None
    community = Resident.community_id if few else Resident.community_id + 0
    found = [
        community == crowd.community_id,
        Resident.deleted_at.is_(None),
        Resident.id > crowd.after,
    ]
    if crowd.up_to is not None:
        found.append(Resident.id <= crowd.up_to)
    if crowd.places is not None:
        found.append(Resident.home_id.in_(crowd.places))
    if crowd.role is not None:
        found.append(Resident.role == crowd.role)
    return found


def _those(crowd: Crowd) -> list[ColumnElement[bool]]:
    found = _everybody(crowd)
    if not crowd.staff:
        found.append(Resident.role.not_in(STAFF))
    if crowd.notice is not None:
        got = exists().where(Receipt.notice_id == crowd.notice, Receipt.resident_id == Resident.id)
        found += [Resident.notices.is_(True), ~got]
    if crowd.rollcall is not None:
        asked = select(CheckIn.resident_id).where(CheckIn.rollcall_id == crowd.rollcall)
        waits = CheckIn.stage == CheckInStage.WAITING if crowd.silent else CheckIn.reached
        found.append(Resident.id.in_(asked.where(waits)))
    return found


def _open_chat(crowd: Crowd) -> ColumnElement[bool]:
    return exists().where(
        Chat.community_id == crowd.community_id,
        Chat.resident_id == Resident.id,
        Chat.group.is_(False),
        Chat.gone.is_(False),
    )


def _chat(crowd: Crowd, now: datetime) -> Select[Any]:
    """The id of the chat somebody is reached in."""
    return (
        select(Chat.id)
        .join(Channel, Channel.id == Chat.channel_id)
        .where(
            Chat.community_id == crowd.community_id,
            Chat.resident_id == Resident.id,
            Chat.group.is_(False),
            Chat.gone.is_(False),
        )
        .order_by(may_be_spoken_to(now).desc(), Chat.seen_at.desc(), Chat.id.desc())
        .limit(1)
        .correlate(Resident)
    )


def _questions(session: Session, crowd: Crowd, asking: Asking, now: datetime) -> None:
    there = aliased(Chat)
    values = {
        "community_id": literal(crowd.community_id),
        "chat_id": there.id,
        "resident_id": Resident.id,
        "name": literal(asking.name),
        "about": literal(asking.about),
        "choices": _by_language(asking, lambda one: list(map(list, one.answers)), JSON()),
        "asked_at": _fixed(Question.asked_at, now),
        "until": _fixed(Question.until, asking.until),
        "after": there.turns,
        "repeated": literal(False),
    }
    query = (
        select(*values.values())
        .select_from(Resident)
        .join(there, there.id == _chat(crowd, now).scalar_subquery())
        .where(*_those(crowd))
        .order_by(Resident.id)
    )
    session.execute(insert(Question).from_select(list(values), query))


def _words(session: Session, crowd: Crowd, asking: Asking, now: datetime, last: int) -> None:
    """An Outbound for each new question, its buttons naming it."""
    buttons = _by_language(asking, Wording.buttons, String())
    mark = json.dumps(HERE).strip('"')
    named = cast(func.replace(buttons, mark, cast(Question.id, String)), AS_JSON)
    values = {**_as_said(crowd, asking, Chat, now), "choices": named}
    query = (
        select(*values.values())
        .select_from(Question)
        .join(Resident, Resident.id == Question.resident_id)
        .join(Chat, Chat.id == Question.chat_id)
        .join(Channel, Channel.id == Chat.channel_id)
        .where(*_new(crowd, asking, last), Question.outbound_id.is_(None))
        .order_by(Question.id)
    )
    session.execute(insert(Outbound).from_select(list(values), query))


def _as_said(crowd: Crowd, asking: Asking, chat: Any, now: datetime) -> dict[str, Any]:
    """An Outbound's columns as `Desk.write` fills them, of a resident, their chat and channel."""
    instant = Channel.platform.in_(READ_WHEN_THEY_COME)
    sent, queued = (_fixed(Outbound.status, s) for s in (Sending.SENT, Sending.QUEUED))
    at = _fixed(Outbound.sent_at, now)
    return {
        "community_id": literal(crowd.community_id),
        "channel_id": chat.channel_id,
        "chat_id": chat.id,
        "choices": literal([], JSON()),
        "text": _by_language(asking, lambda one: one.text, String()),
        "inline": literal(asking.inline),
        "sender": literal("bot"),
        "kind": literal(asking.kind),
        "about": literal(asking.about),
        "priority": literal(asking.priority.value),
        "status": case((instant, sent), else_=queued),
        "created_at": at,
        "sent_at": case((instant, at), else_=_fixed(Outbound.sent_at, None)),
    }


def _by_language(asking: Asking, of: Any, kind: Any) -> ColumnElement[Any]:
    """A value by the language of a resident."""
    others = {
        language: literal(of(one), kind) for language, one in asking.wordings.items() if language
    }
    own = literal(of(asking.wordings[""]), kind)
    return case(others, value=Resident.language, else_=own) if others else own


def _new(crowd: Crowd, asking: Asking, last: int) -> list[ColumnElement[bool]]:
    """The questions this very asking has put: nobody else is asked about it meanwhile."""
    return [
        Question.id > last,
        Question.community_id == crowd.community_id,
        Question.about == asking.about,
        and_(Question.name == asking.name, Question.closed_at.is_(None)),
    ]


def _last(session: Session, kind: type[Question] | type[Outbound]) -> int:
    return session.scalar(select(func.max(kind.id))) or 0


def _fixed(column: InstrumentedAttribute[Any], value: Any) -> ColumnElement[Any]:
    return literal(value, column.type)
