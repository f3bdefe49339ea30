"""A crowd that is asked at once is asked as one after another: on towns of any kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from handlers import crowds
from handlers.desk import Choice, Desk
from handlers.rollcall.call import ask, plan_rollcall
from handlers.words import Words
from nlp import Ear
from storage import Session, Store
from storage.models import (
    Channel,
    Chat,
    CheckIn,
    Grant,
    Notice,
    NoticeStage,
    Outbound,
    Priority,
    Question,
    Receipt,
    Resident,
    Role,
    RollCall,
)
from tests.town import MONDAY, Town

UNDERSTOOD = ("+", "收到", "知道了", "好的")


@dataclass(frozen=True)
class Where:
    """A chat of somebody: on a platform, used so many days ago, with leave or without."""

    channel: str
    days: int
    gone: bool
    leave: bool
    group: bool


@dataclass(frozen=True)
class Person:
    chats: tuple[Where, ...]
    role: Role
    notices: bool
    deleted: bool
    language: str | None
    home: int
    has_it: bool  # was sent the notice already


def a_crowd(seed: int, size: int = 50) -> list[Person]:
    """People of every kind."""
    of = random.Random(seed)

    def where() -> Where:
        channel = of.choice(["web-a", "tg", "gzh"])
        return Where(
            channel, of.randint(0, 3), of.random() < 0.3, of.random() < 0.4, of.random() < 0.2
        )

    return [
        Person(
            tuple(where() for _ in range(of.randint(0, 4))),
            of.choice([Role.RESIDENT, Role.RESIDENT, Role.VOLUNTEER, Role.WORKER]),
            of.random() < 0.8,
            of.random() < 0.1,
            of.choice([None, None, "en", "zh-CN", "fr"]),
            of.randint(0, 4),
            of.random() < 0.2,
        )
        for _ in range(size)
    ]


@pytest.fixture(scope="module")
def town(one_ear: Ear) -> Town:
    """Telegram may be written to at any time, the 公众号 only with leave."""
    made = Town(one_ear)
    with made.database.write() as session:
        for ident, initiate in (("tg", "free"), ("gzh", "grant")):
            platform = {"tg": "telegram", "gzh": "wechat"}[ident]
            session.add(
                Channel(
                    id=ident,
                    community_id=made.ids["a"],
                    platform=platform,
                    initiate=initiate,
                    created_at=MONDAY,
                )
            )
    return made


def settle(store: Store, crowd: list[Person], notice: Notice) -> None:
    session, homes = store.session, [p.id for p in store.people.buildings()][:4]
    for n, one in enumerate(crowd):
        person = store.add(
            Resident(
                community_id=store.community_id,
                name=f"居民{n}",
                role=one.role,
                notices=one.notices,
                language=one.language,
                home_id=homes[one.home] if one.home < 4 else None,
                deleted_at=MONDAY if one.deleted else None,
                created_at=MONDAY,
            )
        )
        for k, where in enumerate(one.chats):
            key = f"c{n}-{k}"
            session.add(
                Chat(
                    community_id=store.community_id,
                    channel_id=where.channel,
                    external_id=key,
                    resident_id=person.id,
                    group=where.group,
                    gone=where.gone,
                    turns=k + 3,
                    seen_at=MONDAY - timedelta(days=where.days),
                    created_at=MONDAY,
                )
            )
            if where.leave:
                session.add(Grant(channel_id=where.channel, chat_key=key, name="message"))
        if one.has_it:
            session.add(Receipt(notice_id=notice.id, resident_id=person.id))
    session.flush()


def written(session: Session) -> list[Any]:
    """Everything a plan writes, but for ids."""
    outbound = {
        row.id: (
            row.channel_id,
            row.chat_id,
            row.text,
            [choice[:2] for choice in row.choices],
            [str(choice[2]).partition("=")[2] for choice in row.choices],
            (row.inline, row.sender, row.kind, row.about, row.media, int(row.priority)),
            (row.status, row.error, row.attempts, row.perhaps),
            (row.created_at, row.sent_at, row.expires_at, row.not_before),
        )
        for row in session.scalars(select(Outbound))
    }
    questions = []
    for q in session.scalars(select(Question).order_by(Question.resident_id)):
        row = session.get_one(Outbound, q.outbound_id)
        assert all(c[2] == f"q{q.id}={n}" for n, c in enumerate(row.choices, 1))
        facts = (q.chat_id, q.resident_id, q.name, q.about, q.choices, q.asked_at)
        questions.append((*facts, q.delivered_at, q.until, q.after, outbound[row.id]))
    receipts = [
        (r.notice_id, r.resident_id, outbound.get(r.outbound_id or 0))
        for r in session.scalars(select(Receipt).order_by(Receipt.resident_id))
    ]
    checks = [
        (c.rollcall_id, c.resident_id, c.stage, c.reached, c.by_id)
        for c in session.scalars(select(CheckIn).order_by(CheckIn.resident_id))
    ]
    return [sorted(outbound.values(), key=repr), questions, receipts, checks]


class Undone(Exception):
    pass


def outcome(town: Town, crowd: list[Person], plan: Callable[[Desk, Notice], set[int]]) -> list[Any]:
    """What a plan writes in this town; nothing of it stays."""
    found: list[Any] = []
    with pytest.raises(Undone), town.database.write() as session:
        store = Store(session, town.ids["a"])
        for kind in (Receipt, CheckIn, Question, Outbound):
            session.execute(delete(kind))
        author = store.people.with_role(Role.CHIEF)[0]
        notice = store.add(
            Notice(
                community_id=store.community_id,
                author_id=author.id,
                text="停水，请存水",
                audience="everyone",
                stage=NoticeStage.SENDING,
                written_at=MONDAY,
                publish_at=MONDAY,
            )
        )
        settle(store, crowd, notice)
        desk = town.dispatcher.desk(store, MONDAY)
        told = plan(desk, notice)
        session.flush()
        session.expire_all()
        found = [told, *written(session)]
        raise Undone
    return found


def notice_at_once(desk: Desk, notice: Notice) -> set[int]:
    crowd = crowds.Crowd(desk.store.community_id, staff=False, notice=notice.id)
    last = False
    while not last:
        part, last = crowds.next_part(desk, crowd)

        def worded(words: Words) -> tuple[str, list[Choice]]:
            text = words.say("notice.to_resident", text=notice.text)
            return text, [Choice("read", words.say("notice.received"), UNDERSTOOD)]

        crowds.put_to(
            desk,
            part,
            "notice.receipt",
            f"notice:{notice.id}",
            worded,
            priority=Priority.NOTICE,
            kind="notice",
        )
        crowd = crowds.Crowd(
            crowd.community_id, staff=False, notice=notice.id, after=part.up_to or 0
        )
    return instant(desk, desk.reached)


def notice_one_by_one(desk: Desk, notice: Notice) -> set[int]:
    """As it was planned before crowds were: the measure of what is right."""
    for person in desk.store.people.everyone():
        has_it = desk.store.notices.receipt(notice, person) is not None
        if person.is_staff or not person.notices or has_it:
            continue
        words = desk.words(person)
        question = desk.put(
            "notice.receipt",
            person,
            f"notice:{notice.id}",
            "notice.to_resident",
            [Choice("read", words.say("notice.received"), UNDERSTOOD)],
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
    return instant(desk, {row.chat_id for row in desk.said})


def instant(desk: Desk, chats: set[int]) -> set[int]:
    return {c for c in chats if desk.store.messages.chat(c).channel_id == "web-a"}  # type: ignore[union-attr]


def call(desk: Desk) -> RollCall:
    return desk.store.add(
        RollCall(
            community_id=desk.store.community_id,
            place_id=desk.store.people.root.id,
            reason="演练：燃气",
            drill=True,
            started_by_id=desk.store.people.with_role(Role.CHIEF)[0].id,
            started_at=MONDAY,
            due_at=MONDAY,
            planned_up_to=0,
        )
    )


def call_at_once(desk: Desk, notice: Notice) -> set[int]:
    roll = call(desk)
    while roll.planned_at is None:
        plan_rollcall(desk)
    return instant(desk, desk.reached)


def call_one_by_one(desk: Desk, notice: Notice) -> set[int]:
    roll = call(desk)
    for person in desk.store.people.everyone():
        check = desk.store.add(CheckIn(rollcall_id=roll.id, resident_id=person.id))
        check.reached = ask(desk, roll, person, "rollcall.ask")
        if not check.reached:
            check.stage = type(check.stage)("unreachable")
    return instant(desk, {row.chat_id for row in desk.said})


@pytest.mark.parametrize(
    ("at_once", "one_by_one"),
    [(notice_at_once, notice_one_by_one), (call_at_once, call_one_by_one)],
    ids=["notice", "rollcall"],
)
@pytest.mark.parametrize(("seed", "size"), [(1, 7), (2, 1000), (3, 1000), (4, 1)])
def test_at_once_is_as_one_by_one(
    town: Town, at_once: Any, one_by_one: Any, seed: int, size: int
) -> None:
    crowd = a_crowd(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crowds, "CHUNK", size)
        mine = outcome(town, crowd, at_once)
    assert mine == outcome(town, crowd, one_by_one)
    assert len(mine[1]) > 10
