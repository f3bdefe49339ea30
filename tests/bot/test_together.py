"""Many turns in one savepoint: what one of them spoils is taken back, and no other suffers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.dispatcher import Dispatcher
from handlers import CONTENTS
from handlers.turn import Turn
from handlers.words import book
from nlp import Ear
from storage import Database, community_file
from storage.models import Chat, Community, Conversation, Inbound, Outbound, Resident
from storage.store import receipts
from storage.store.loading import load_community
from storage.store.receipts import Received

EXAMPLE = Path(__file__).parents[2] / "communities" / "example.toml"
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
TEXTS = ("楼道灯坏了", "今天天气不错啊大家", "物业电话多少？")

Play = Callable[..., Database]


@pytest.fixture
def play(tmp_path: Path, on_both: Database) -> Play:
    """Residents write, each in turn; the appeal's matter is the one given. Gives the database."""

    def run(
        matter: Callable[[Turn], None], texts: Sequence[str] = TEXTS, writers: int = 3
    ) -> Database:
        database = on_both
        contents = replace(CONTENTS, matters={**CONTENTS.matters, "appeal": matter})
        dispatcher = Dispatcher(ear=Ear(tmp_path), contents=contents, code=lambda: "x")
        with database.write() as session:
            load_community(session, community_file.read(EXAMPLE), NOW)
            rows = [
                Received("web", f"m{n}", f"c{who}", f"u{who}", f"居民{who}", text=text)
                for n, text in enumerate(texts)
                for who in (n % writers,)
            ]
            receipts.receive(session, rows, NOW)
        guesses = dispatcher.listen(database, NOW)
        assert len(guesses) == len(texts)
        handled = 0
        while guesses:
            with database.write() as session:
                handled += dispatcher.turns(session, guesses, NOW).handled
            guesses = dispatcher.listen(database, NOW)
        assert handled == len(texts)
        return database

    return run


def test_a_failing_turn_is_undone_alone(play: Play) -> None:
    def fails(turn: Turn) -> None:
        turn.person.name = "不该留下"
        turn.say("talk.fine")
        turn.store.session.flush()
        raise LookupError

    database = play(fails)
    with database.read() as session:
        rows = session.query(Inbound).order_by(Inbound.id).all()
        assert [row.error is None for row in rows] == [False, True, True]
        assert all(row.handled_at for row in rows)
        said = [(row.chat_id, row.text) for row in session.query(Outbound)]
        assert session.query(Resident).filter_by(name="不该留下").count() == 0
    assert len(said) == len(set(said)) >= 3  # each is answered, nobody twice


def test_one_of_many_that_fails_leaves_the_others_as_they_were_and_in_order(play: Play) -> None:
    texts = [f"{n}层楼道灯坏了" for n in range(10, 50)]
    broken = {texts[20], texts[23]}

    def echoes(turn: Turn) -> None:
        turn.person.phone = (turn.person.phone or "") + turn.text[:2]
        turn.write(turn.chat, turn.text)
        if turn.text in broken:
            raise LookupError

    database = play(echoes, texts, writers=4)
    sorry = book("zh-CN")["talk.failed"]
    with database.read() as session:
        assert {r.text for r in session.query(Inbound).filter(Inbound.error.is_not(None))} == broken
        for who in range(4):
            chat = session.query(Chat).filter_by(external_id=f"c{who}").one()
            said = session.query(Outbound).filter_by(chat_id=chat.id).order_by(Outbound.id)
            expected = [sorry if text in broken else text for text in texts[who::4]]
            heard = [row.text for row in said if row.text in (sorry, *texts)]
            assert heard == expected
            kept = [text[:2] for text in texts[who::4] if text not in broken]
            assert session.get_one(Resident, chat.resident_id).phone == "".join(kept)


def test_what_was_changed_before_asking_is_undone(play: Play) -> None:
    def hasty(turn: Turn) -> None:
        turn.person.phone = "13800000000"
        turn.say("talk.fine")
        turn.ask("appeal.where", key="where", takes="place", what="灯", home="", place="")

    database = play(hasty)
    with database.read() as session:
        assert session.query(Resident).filter_by(phone="13800000000").count() == 0
        rows = session.query(Inbound).all()
        assert all(row.handled_at and not row.error for row in rows)
        assert session.query(Conversation).filter_by(matter="appeal").count() == 1
        chat = session.query(Conversation).filter_by(matter="appeal").one().chat_id
        said = [row.text for row in session.query(Outbound).filter_by(chat_id=chat)]
    assert said and book("zh-CN")["talk.fine"].strip() not in said


def test_a_statement_without_a_flush_counts_as_a_change(play: Play) -> None:
    def counts(turn: Turn) -> None:
        turn.store.appeals.next_number()
        turn.ask("appeal.where", key="where", takes="place", what="灯", home="", place="")

    database = play(counts)
    with database.read() as session:
        assert session.query(Community).one().appeals_filed == 0
