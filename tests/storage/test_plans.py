"""No statement that runs often goes through a table that grows: each is caught on its way to the
database, while a small town lives, and its plan is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from bot.pacing import Pace, pick
from nlp import Ear
from storage import Store
from storage.models import Notice, NoticeStage, Role, Sending
from storage.store import sending
from storage.store.receipts import Received, receive
from tests.bot.test_outbox_pacing import CAPS
from tests.town import Town, rich

GROWS = {
    "appeal",
    "chat",
    "check_in",
    "clock",
    "conversation",
    "credential",
    "grant",
    "identity",
    "inbound",
    "media",
    "outbound",
    "question",
    "receipt",
    "resident",
    "sample",
}
ASKED = ("SELECT", "UPDATE", "DELETE", "INSERT")
MAY = (  # go through everybody, or stop at the first
    r"replace\(\?, (resident|identity)\.name",  # names in a text: once a kept sample
    r"^SELECT count\(resident\.id\)",  # how many a roll call asks: once a call
    r"resident\.notices = 1 AND \(NOT \(EXISTS",  # whom a notice missed: once a notice
    r"FROM (outbound|question) ORDER BY \w*\.?id DESC LIMIT",
)


LITTLE = re.compile("INDEX ix_inbound_(waiting|oldest)")  # only what nobody has handled


class Caught:
    """The plans of what ran, by statement."""

    def __init__(self) -> None:
        self.plans: dict[str, list[str]] = {}

    def scans(self) -> dict[str, list[str]]:
        """Statements that read all of a table that grows, with the steps that do."""
        found = {}
        for statement, steps in self.plans.items():
            bad = [step for step in steps if self._bad(step)]
            words = " ".join(statement.split())
            if bad and not any(re.search(part, words) for part in MAY):
                found[words] = bad
        return found

    def _bad(self, step: str) -> bool:
        """To look up all of a community is to read all of the table."""
        read = re.match(r"SCAN (\w+)|SEARCH (\w+) USING .*\(community_id=\?\)$", step)
        if read is None or LITTLE.search(step):
            return False
        return re.sub(r"_\d+$", "", read[1] or read[2]) in GROWS


@contextmanager
def catching(town: Town) -> Iterator[Caught]:
    caught = Caught()

    def look(connection: Any, _c: Any, statement: str, values: Any, _x: Any, many: bool) -> None:
        if not statement.startswith(ASKED) or statement in caught.plans:
            return
        if re.match(r"INSERT INTO \S+ (\([^)]*\) )?VALUES", statement):
            return
        raw = connection.connection.dbapi_connection
        rows = raw.execute(f"EXPLAIN QUERY PLAN {statement}", values[0] if many else values)
        steps = [row[3] for row in rows]
        if statement.startswith("INSERT"):
            # What references the new rows is looked up only where a foreign key was broken.
            steps = [step for step in steps if step not in ("SCAN receipt", "SCAN question")]
        caught.plans[statement] = steps

    engines = {town.database.writer, town.database.reader}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", look)
    try:
        yield caught
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", look)


@pytest.fixture(scope="module")
def town(one_ear: Ear) -> Town:
    made = Town(one_ear)
    rich(made, "a")
    return made


def test_a_scan_would_be_seen(town: Town) -> None:
    with catching(town) as caught, town.database.read() as session:
        session.connection().exec_driver_sql("SELECT text FROM inbound WHERE text = 'x'")
    assert list(caught.scans().values()) == [["SCAN inbound"]]


def test_receipts_and_turns(town: Town) -> None:
    with catching(town) as caught:
        for n, text in enumerate(
            ("你好", "3栋2单元楼道灯坏了", "1", "3栋2单元501", "物业电话多少", "平安", "转人工",
             "我家着火了", "收到", "错了", "我要帮忙", "+", "家里没人照看老人，想请人帮忙")
        ):  # fmt: skip
            town.say("a", f"新居民{n % 4}", text)
    assert len(caught.plans) > 30
    assert caught.scans() == {}


def test_a_receipt_with_many_rows(town: Town) -> None:
    rows = [
        Received("web-a", f"x:{n}", f"新居民{n % 4}", f"新居民{n % 4}", text="在吗")
        for n in range(60)
    ]
    with catching(town) as caught:
        with town.database.write() as session:
            receive(session, rows, town.now)
        town.rehearsal.settle()
    assert caught.scans() == {}


def test_duties(town: Town) -> None:
    with catching(town) as caught:
        town.say("a", "张主任", "点名 全社区 演练：燃气")
        with town.database.write() as session:
            store = Store(session, town.ids["a"])
            notice = Notice(
                community_id=store.community_id,
                author_id=store.people.with_role(Role.CHIEF)[0].id,
                text="停水",
                audience="everyone",
                stage=NoticeStage.SCHEDULED,
                written_at=town.now,
                publish_at=town.now,
                due_at=town.now,
                planned_up_to=0,
            )
            store.add(notice)
            store.duties.wake("publish_due", town.now)
        town.rehearsal.settle()
        for _ in range(50):
            town.rehearsal.move(timedelta(seconds=40))
    assert len(caught.plans) > 20
    assert caught.scans() == {}


@pytest.mark.parametrize("leave", [False, True])
def test_a_round_of_the_outbox(town: Town, leave: bool) -> None:
    with catching(town) as caught, town.database.write() as session:
        row = session.connection().exec_driver_sql(
            "SELECT id, chat_id FROM outbound ORDER BY id DESC LIMIT 1"
        )
        ident, chat = row.one()
        session.connection().exec_driver_sql(
            "UPDATE outbound SET status = 'queued' WHERE id = ?", (ident,)
        )
        line = sending.in_line(session, "web-a", town.now, {chat + 1}, leave=leave)
        picked = pick(Pace(CAPS, town.now), line, town.now, {}, set())
        assert [one.id for one in picked.rows] == ([] if leave else [ident])
        sending.begin(session, [ident])
        sending.mark(
            session, [sending.Mark(ident, chat, Sending.SENT, "7", sent_at=town.now)], town.now
        )
        sending.next_due(session, "web-a", town.now)
        sending.strand(session, "web-a", town.now)
        sending.drop(session, [ident])
    assert caught.scans() == {}
