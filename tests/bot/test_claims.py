"""One process at a time works for a community; who comes too late goes to another."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from bot.dispatcher import Dispatcher
from handlers import CONTENTS
from nlp import Ear
from storage import Database, Store, community_file
from storage.models import Duty, Inbound, Outbound
from storage.store import receipts
from storage.store.claims import claim, claim_due, claim_of
from storage.store.loading import load_community
from storage.store.receipts import Received
from tests.bot.program import EXAMPLE
from tests.town import MONDAY

SLUGS = ("a", "b", "c")


class Cities:
    """Communities on a real PostgreSQL; everybody may open connections of their own."""

    def __init__(self, database: Database, ear: Ear) -> None:
        self.database, self.ids = database, {}
        self.dispatcher = Dispatcher(ear=ear, contents=CONTENTS, code=lambda: "x")
        raw = community_file.read(EXAMPLE).raw
        with database.write() as session:
            for slug in SLUGS:
                channels = [{"id": f"web-{slug}", "platform": "web"}]
                changed = raw | {"slug": slug, "demo": False, "channels": channels}
                loaded = load_community(session, community_file.parse(changed), MONDAY)
                self.ids[slug] = loaded.id

    def hear(self, slug: str, who: str, *texts: str) -> None:
        rows = [
            Received(f"web-{slug}", f"{who}:{n}:{text}", who, who, who, text=text)
            for n, text in enumerate(texts)
        ]
        with self.database.write() as session:
            receipts.receive(session, rows, MONDAY)

    def work(self) -> int:
        """A batch of turns, as a process runs it."""
        guesses = self.dispatcher.listen(self.database, MONDAY)
        with self.database.write() as session:
            return self.dispatcher.turns(session, guesses, MONDAY).handled if guesses else 0

    def handled(self) -> int:
        with self.database.read() as session:
            query = select(Inbound.id).where(Inbound.handled_at.is_not(None))
            return len(session.scalars(query).all())


@pytest.fixture
def cities(on_postgres: Database, one_ear: Ear) -> Iterator[Cities]:
    return Cities(on_postgres, one_ear)  # type: ignore[return-value]


def test_two_connections_never_have_one_community(cities: Cities) -> None:
    cities.hear("a", "王", "你好")
    with cities.database.read() as session:
        (ident,) = session.scalars(select(Inbound.id))
    with cities.database.write() as first, cities.database.write() as second:
        assert claim_of(first, ident)
        assert not claim_of(second, ident)
        assert receipts.unhandled(second, [ident]) == []
        assert len(receipts.unhandled(first, [ident])) == 1
    assert cities.work() == 1


def test_receipts_wait_for_nobody(cities: Cities) -> None:
    """Rows that point to a community may be added while somebody works for it."""
    with cities.database.write() as worker:
        claim(worker, cities.ids["a"])
        Store(worker, cities.ids["a"]).people.places[0].name = "改过"
        worker.flush()
        with cities.database.write() as session:
            session.execute(text("SET LOCAL lock_timeout = 100"))
            row = Received("web-a", "m1", "c", "u", text="你好")
            assert receipts.receive(session, [row], MONDAY) == [True]


def test_what_a_person_waits_for_waits(cities: Cities) -> None:
    inside, order = threading.Event(), []

    def console() -> None:
        assert inside.wait(10)
        with cities.database.write() as session:
            claim(session, cities.ids["a"])
            order.append("console")

    thread = threading.Thread(target=console)
    thread.start()
    with cities.database.write() as worker:
        claim(worker, cities.ids["a"])
        inside.set()
        worker.execute(text("SELECT pg_sleep(0.1)"))
        order.append("turns")
    thread.join(20)
    assert order == ["turns", "console"]


def test_duties_go_to_a_community_that_nobody_has(cities: Cities) -> None:
    with cities.database.write() as session:
        cities.dispatcher.start_duties(session, MONDAY)
    with cities.database.write() as first, cities.database.write() as second:
        one, two = claim_due(first, MONDAY), claim_due(second, MONDAY)
        assert {one, two} < set(cities.ids.values())
        assert one != two
        with cities.database.write() as third, cities.database.write() as fourth:
            assert claim_due(third, MONDAY) == (set(cities.ids.values()) - {one, two}).pop()
            assert cities.dispatcher.duties(fourth, MONDAY).handled == 0


def test_a_duty_runs_once_however_many_want_it(cities: Cities, one_ear: Ear) -> None:
    ran: list[int] = []
    lock = threading.Lock()

    def duty(desk: Any) -> Any:
        with lock:
            ran.append(desk.store.community_id)
        return desk.now + timedelta(hours=1)

    cities.dispatcher.contents = CONTENTS.__class__(
        **{**CONTENTS.__dict__, "duties": {"tick": duty}}
    )
    with cities.database.write() as session:
        cities.dispatcher.start_duties(session, MONDAY)
    start = threading.Barrier(4, timeout=20)

    def process() -> None:
        start.wait()
        for _ in range(6):
            with cities.database.write() as session:
                cities.dispatcher.duties(session, MONDAY)

    run_all([process] * 4)
    assert sorted(ran) == sorted(cities.ids.values())
    with cities.database.read() as session:
        assert {row.next_at for row in session.scalars(select(Duty))} == {
            MONDAY + timedelta(hours=1)
        }


def run_all(works: Any) -> None:
    errors: list[BaseException] = []

    def run(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert errors == []


def test_many_processes_answer_each_once_and_in_order(cities: Cities, one_ear: Ear) -> None:
    """Three of them over three communities; what a reader counts by rises as it is committed."""
    texts = [f"第{n}句话" for n in range(6)]
    for slug in SLUGS:
        for who in ("王", "李"):
            cities.hear(slug, who, *texts)
    total = len(SLUGS) * 2 * len(texts)
    seen: dict[int, list[int]] = {ident: [] for ident in cities.ids.values()}
    done = threading.Event()

    def process() -> None:
        mine = random.Random(7)
        dispatcher = Dispatcher(
            ear=one_ear, contents=CONTENTS, code=lambda: "x", choose=mine.choice
        )
        while cities.handled() < total:
            guesses = dispatcher.listen(cities.database, MONDAY)
            for ident in sorted(guesses)[:3]:  # small batches, so that they meet more often
                with cities.database.write() as session:
                    dispatcher.turns(session, {ident: guesses[ident]}, MONDAY)

    def reader() -> None:
        while not done.is_set():
            for community, idents in seen.items():
                with cities.database.read() as session:
                    query = select(Outbound.id).where(
                        Outbound.community_id == community,
                        Outbound.id > (idents[-1] if idents else 0),
                    )
                    idents.extend(session.scalars(query.order_by(Outbound.id)))

    reading = threading.Thread(target=reader)
    reading.start()
    run_all([process] * 3)
    done.set()
    reading.join(20)
    with cities.database.read() as session:
        rows = session.scalars(select(Inbound).order_by(Inbound.id)).all()
        assert [row.error for row in rows if row.error] == []
        assert len(rows) == cities.handled() == total
        for community, idents in seen.items():
            query = select(Outbound.id).where(Outbound.community_id == community)
            assert sorted(session.scalars(query)) == idents, "none came in behind a reader's back"


def test_no_community_is_passed_over(cities: Cities) -> None:
    """A crowd in one does not keep the others waiting: each process takes any of the longest."""
    cities.hear("a", "王", *[f"第{n}句" for n in range(80)])
    cities.hear("b", "李", "你好")
    chosen: list[list[int]] = []

    def choose(longest: Any) -> int:
        chosen.append(list(longest))
        return int(longest[-1])

    with cities.database.read() as session:
        community, texts = receipts.unheard(session, 50, choose)
    assert chosen == [[cities.ids["a"], cities.ids["b"]]]
    assert (community, list(texts.values())) == (cities.ids["b"], ["你好"])
    with cities.database.read() as session:
        community, texts = receipts.unheard(session, 50)
    assert (community, len(texts)) == (cities.ids["a"], 50)


def test_nothing_waits_for_nobody(cities: Cities, tmp_path: Path) -> None:
    with cities.database.read() as session:
        assert receipts.unheard(session, 50, lambda longest: longest[0]) == (0, {})
    with cities.database.write() as session:
        assert claim_due(session, MONDAY) is None
        assert receipts.unhandled(session, []) == []
