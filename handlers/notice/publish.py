"""Publishing: residents by chunks, once each; a group as one post. Stopped at any moment."""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers.notice.quota import chat_of, left, quota_words
from handlers.turn import Choice, Desk, about
from storage.models import Chat, Notice, NoticeStage, Priority, Receipt, Resident, Role

CHUNK = 200
EVERY = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}


def publish_due(desk: Desk) -> datetime | None:
    """Plans one chunk of each notice that is due."""
    for notice in desk.store.notices.due(desk.now):
        if notice.stage is NoticeStage.SCHEDULED:
            notice.stage = NoticeStage.SENDING
            _schedule_next(desk, notice)
        if notice.stage is NoticeStage.SENDING:
            _plan(desk, notice)
        else:
            notice.due_at = None
    return desk.store.notices.next_due()


def _schedule_next(desk: Desk, notice: Notice) -> None:
    """A repeating notice is a row each time, so that each has its own receipts."""
    every = EVERY.get(notice.repeat)
    if every is None:
        return
    at = notice.publish_at + every
    while at <= desk.now:
        at += every
    desk.store.add(
        Notice(
            community_id=notice.community_id,
            author_id=notice.author_id,
            text=notice.text,
            audience=notice.audience,
            repeat=notice.repeat,
            stage=NoticeStage.SCHEDULED,
            written_at=desk.now,
            publish_at=at,
            due_at=at,
            planned_up_to=0,
        )
    )
    notice.repeat = "once"


def _plan(desk: Desk, notice: Notice) -> None:
    kind, _, rest = notice.audience.partition(":")
    if kind == "chat":
        chat = desk.store.messages.chat(int(rest))
        if chat is not None and left(desk, chat, desk.now, planned=False) == 0:
            _not_posted(desk, notice, chat)
            return
        if chat is not None and not chat.gone:
            author = desk.store.people.resident(notice.author_id)
            desk.write(
                chat,
                notice.text,
                kind="notice",
                about=about(notice),
                priority=Priority.NOTICE,
                sender=desk.title(author) if author else "bot",
            )
        people: list[Resident] = []
    else:
        people = list(_people(desk, kind, rest, notice.planned_up_to))
    for person in people:
        notice.planned_up_to = person.id
        staff = person.is_staff and kind != "role"  # they write notices; they need no copy
        if staff or not person.notices or desk.store.notices.receipt(notice, person) is not None:
            continue
        words = desk.words(person)
        question = desk.put(
            "notice.receipt",
            person,
            about(notice),
            "notice.to_resident",
            [Choice("read", words.say("notice.received"), ("+", "收到", "知道了", "好的"))],
            priority=Priority.NOTICE,
            kind="notice",
            text=notice.text,
        )
        if question is not None:
            desk.store.add(
                Receipt(
                    notice_id=notice.id, resident_id=person.id, outbound_id=question.outbound_id
                )
            )
    if len(people) < CHUNK:
        notice.stage, notice.due_at = NoticeStage.DONE, None
        _tell_author(desk, notice)
    else:
        notice.due_at = desk.now


def _not_posted(desk: Desk, notice: Notice, chat: Chat) -> None:
    """The platform takes no more posts to all until the next month or day."""
    author = desk.store.people.resident(notice.author_id)
    notice.stage, notice.due_at = NoticeStage.STOPPED, None
    desk.withdraw(about(notice), to=author, name="notice.held")
    if author is not None:
        desk.tell(
            author,
            "notice.not_posted",
            about=about(notice),
            name=chat.name or chat.external_id,
            quota=quota_words(desk, chat),
            text=notice.text[:30],
        )


def _people(desk: Desk, kind: str, rest: str, after: int) -> list[Resident]:
    people = desk.store.people
    if kind == "place":
        place = people.place(int(rest))
        if place is None:
            return []
        if place.parent_id is not None:
            return list(people.living_in(place, after=after, limit=CHUNK))
    if kind == "role":
        return [p for p in people.with_role(Role(rest)) if p.id > after][:CHUNK]
    return list(people.everyone(after=after, limit=CHUNK))


def _tell_author(desk: Desk, notice: Notice) -> None:
    author = desk.store.people.resident(notice.author_id)
    sent, _ = desk.store.notices.counts(notice)
    desk.withdraw(about(notice), to=author, name="notice.held")
    if author is not None:
        desk.tell(
            author,
            "notice.done_group" if chat_of(desk, notice.audience) else "notice.done",
            about=about(notice),
            count=sent,
            audience=audience_words(desk, notice.audience),
        )


def audience_words(desk: Desk, audience: str) -> str:
    """全社区, 3栋, 志愿者, 3栋群."""
    kind, _, rest = audience.partition(":")
    words = desk.words()
    if kind == "place":
        place = desk.store.people.place(int(rest))
        return place.name if place else ""
    if kind == "role":
        return words.say(f"people.{rest}")
    if kind == "chat":
        chat = desk.store.messages.chat(int(rest))
        return (chat.name or chat.external_id) if chat else ""
    return words.say("notice.to_everyone")


def stop(desk: Desk, notice: Notice) -> int:
    """Takes back what has not left; says how many messages that were."""
    early = notice.stage is NoticeStage.SCHEDULED
    notice.stage = NoticeStage.WITHDRAWN if early else NoticeStage.STOPPED
    notice.due_at = None
    desk.withdraw(about(notice), name="notice.held")
    return desk.store.messages.take_back(about(notice))
