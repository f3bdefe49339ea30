"""A full disk in the middle of a batch: no message is lost, none is marked as answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from nlp import Ear
from storage import Database, Unavailable
from storage.models import Inbound, Outbound
from storage.store.receipts import Received, receive
from tests.town import Town


def test_a_batch_that_meets_a_full_disk_is_answered_later(one_ear: Ear, tmp_path: Path) -> None:
    town = Town(one_ear, database=Database(f"sqlite:///{tmp_path / 'huiyin.db'}"))
    database, dispatcher = town.database, town.dispatcher
    rows = [
        Received(
            channel_id="web-a",
            external_id=f"m{n}",
            chat_key="王阿姨",
            user_key="王阿姨",
            text=f"{n}号楼道的灯坏了，{'黑' * 3000}",
        )
        for n in range(1, 9)
    ]
    with database.write() as session:
        receive(session, rows, town.now)
    guesses = dispatcher.listen(database, town.now)
    with database.writer.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 8}")
    with pytest.raises(Unavailable), database.write() as session:
        dispatcher.turns(session, guesses, town.now)
    with database.read() as session:
        waiting = session.scalars(select(Inbound).where(Inbound.handled_at.is_(None))).all()
        assert len(waiting) == len(rows)
        assert session.scalars(select(Outbound)).all() == []
    with database.writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    town.rehearsal.settle()
    with database.read() as session:
        assert all(row.handled_at and not row.error for row in session.scalars(select(Inbound)))
    assert len(town.heard("a", "王阿姨")) >= len(rows)
    database.close()
