"""A town filled fast: residents, their chats and their old messages, by a few statements of SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

from sqlalchemy import make_url

from bars.town import Town, now

TG = '\n[[channels]]\nid = "tg"\nplatform = "telegram"\ntoken = "1:x"\n'
EACH = 5  # messages of a resident, and as many answers
FIRST = 1_000  # the first id given here; what the community file makes has smaller ones

PEOPLE = """
INSERT INTO resident (id, community_id, name, role, home_id, unit, room, phone, elder, willing,
                      notices, language, in_file, confirmed, demo, created_at)
SELECT i, 1, '居民' || i, 'resident', home.id, '' || (1 + i % 4), '' || (101 + i % 1100),
       '139' || (10000000 + i), i % 7 = 0, i % 11 = 0, 1,
       CASE i % 50 WHEN 0 THEN 'en' END, 0, 1, 0, :then
FROM n JOIN home ON home.nth = i % (SELECT count(*) FROM home)
"""
IDENTITIES = """
INSERT INTO identity (id, community_id, channel_id, external_id, resident_id, name, created_at)
SELECT i, 1, :channel, 'u' || i, i, '居民' || i, :then FROM n
"""
CHATS = """
INSERT INTO chat (id, community_id, channel_id, external_id, resident_id, "group", heard, gone,
                  post_only, greeted, turns, warned, seen_at, created_at)
SELECT i, 1, :channel, 'u' || i, i, 0, 1, 0, 0, 1, :each, 0, :then, :then FROM n
"""
INBOUND = """
INSERT INTO inbound (community_id, channel_id, external_id, chat_key, user_key, "group", kind,
                     text, addressed, received_at, handled_at, intent)
SELECT 1, :channel, 'u' || i || ':old' || :nth, 'u' || i, 'u' || i, 0, 'text',
       '楼道的灯昨天又坏了，什么时候有人来修' || i, 1, :then, :then, 'appeal' FROM n
"""
OUTBOUND = """
INSERT INTO outbound (community_id, channel_id, chat_id, text, choices, inline, sender, kind,
                      about, priority, status, attempts, perhaps, external_id, created_at, sent_at)
SELECT 1, :channel, i, '收到，已经记下，编号' || i || '，有进展会告诉您', '[]', 0, 'bot', 'answer',
       CASE WHEN :nth % 3 = 0 THEN 'appeal:' || i END,
       1, 'sent', 1, 0, :nth, :then, :then FROM n
"""
QUESTIONS = """
INSERT INTO question (community_id, chat_id, resident_id, name, about, choices, asked_at, until,
                      after, repeated, answer, closed_at)
SELECT 1, i, i, 'notice.receipt', 'notice:' || (i % 40), '[["read", "收到"]]', :then, :then, 0, 0,
       'read', :then FROM n
"""
CLOCKS = """
INSERT INTO clock (community_id, channel_id, chat_id, resident_id, intent, text, opened_at, nudged,
                   stopped_at, stopped, open_seconds)
SELECT 1, :channel, i, i, 'appeal', '', :then, 0, :then, 'answered', 60 FROM n
"""
N = """
WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last),
home(id, nth) AS (SELECT id, row_number() OVER (ORDER BY position) - 1 FROM place WHERE id NOT IN
                  (SELECT parent_id FROM place WHERE parent_id IS NOT NULL))
"""


def fill(town: Town, residents: int, channel: str = "tg", *, history: bool = False) -> range:
    """Adds residents with a private chat each; gives their ids, which are their chats' too."""
    ids = range(FIRST, FIRST + residents)
    then = (now() - timedelta(days=3)).replace(tzinfo=None).isoformat(" ")
    values = {"first": FIRST, "last": ids[-1], "channel": channel, "then": then, "each": EACH}
    path = str(make_url(town.settings.database).database)
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as raw:
        raw.execute("PRAGMA synchronous=OFF")
        raw.execute("PRAGMA cache_size=-400000")
        _write(raw, [PEOPLE, IDENTITIES, CHATS], values)
        if history:
            for nth in range(EACH):
                _write(raw, [INBOUND, OUTBOUND], {**values, "nth": nth})
            _write(raw, [QUESTIONS, CLOCKS], values)
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return ids


def _write(raw: sqlite3.Connection, statements: list[str], values: dict[str, object]) -> None:
    raw.execute("BEGIN IMMEDIATE")
    for statement in statements:
        raw.execute(N + statement, values)
    raw.execute("COMMIT")
