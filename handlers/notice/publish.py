"""Publishing: residents by chunks, once each; a group as one post. Stopped at any moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from handlers.notice.quota import chat_of, left, quota_words
from handlers.turn import Choice, Desk, Words, about, crowd_of, next_part, put_to
from storage.models import Chat, Notice, NoticeStage, Priority, Resident, Role

EVERY = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}


def publish_due(desk: Desk) -> datetime | None:
    """Plans the next few of each notice that is due; is due again while there are more."""
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
            _post(desk, notice, chat)
        last = True
    else:
        last = _put_to_next(desk, notice, kind, rest)
    if last:
        notice.stage, notice.due_at = NoticeStage.DONE, None
        _tell_author(desk, notice)
    else:
        notice.due_at = desk.now


def _post(desk: Desk, notice: Notice, chat: Chat) -> None:
    author = desk.store.people.resident(notice.author_id)
    desk.write(
        chat,
        notice.text,
        kind="notice",
        about=about(notice),
        priority=Priority.NOTICE,
        sender=desk.title(author) if author else "bot",
    )


def _put_to_next(desk: Desk, notice: Notice, kind: str, rest: str) -> bool:
    """Puts the notice to the next of its residents; whether these were the last."""
    place = desk.store.people.place(int(rest)) if kind == "place" else None
    if kind == "place" and place is None:
        return True
    # Staff write notices; they need no copy but of what is for their role.
    everybody = replace(
        crowd_of(desk, place),
        role=Role(rest) if kind == "role" else None,
        staff=kind == "role",
        notice=notice.id,
        after=notice.planned_up_to,
    )
    people, last = next_part(desk, everybody)
    notice.planned_up_to = people.up_to or notice.planned_up_to

    def worded(words: Words) -> tuple[str, list[Choice]]:
        understood = ("+", "收到", "知道了", "好的")
        read = Choice("read", words.say("notice.received"), understood)
        return words.say("notice.to_resident", text=notice.text), [read]

    put_to(
        desk,
        people,
        "notice.receipt",
        about(notice),
        worded,
        priority=Priority.NOTICE,
        kind="notice",
    )
    return last


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


def _tell_author(desk: Desk, notice: Notice) -> None:
    author = desk.store.people.resident(notice.author_id)
    sent, _ = desk.store.notices.counts(notice)
    missed = len(unreached(desk, notice))
    desk.withdraw(about(notice), to=author, name="notice.held")
    chat = chat_of(desk, notice.audience)
    phrase = "notice.done_but" if missed else "notice.done"
    if chat is not None:
        phrase = "notice.handed" if chat.by_hand else "notice.done_group"
    if author is not None:
        desk.tell(
            author,
            phrase,
            about=about(notice),
            count=sent,
            missed=missed,
            audience=audience_words(desk, notice.audience),
        )


def unreached(desk: Desk, notice: Notice) -> list[Resident]:
    """Whom of its audience a notice does not reach as things stand: to be told in person."""
    kind, _, rest = notice.audience.partition(":")
    if kind == "chat":
        return []
    place = desk.store.people.place(int(rest)) if kind == "place" else None
    inner = place is not None and place.parent_id is not None
    return desk.store.untold.by_notice(
        notice,
        desk.now,
        places=desk.store.people.within(place) if place is not None and inner else None,
        role=Role(rest) if kind == "role" else None,
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
