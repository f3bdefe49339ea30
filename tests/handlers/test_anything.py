"""Anything at all may be written: it is kept, answered in private, and never an error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from nlp import Ear
from storage import Database
from storage.models import Inbound, Outbound, Priority
from storage.store.receipts import Received, receive
from tests.postgres import Postgres
from tests.town import MONDAY, Town, rich, rows_of

PEOPLE = ("王阿姨", "李大爷", "孙老师", "小李", "张主任", "陌生人")
OPENINGS = (  # what puts somebody into the middle of something
    "我要报修",
    "3栋2单元楼道灯坏了",
    "求助",
    "我的资料",
    "菜单",
    "发通知",
    "点名",
    "受理",
    "转交 1",
    "回复 1",
    "点名 3栋 燃气泄漏",
    "#接龙\n3栋平安\n1. 王阿姨 501 平安\n3、李大爷 101 走不动 4 小马1103平安",
    "群聊的聊天记录\n张三: 家里没水\n李四: 3栋404着火了\n王阿姨: 谁能帮我买药",
    "厨房着火了",
    "居委会几点上班",
    "错了",
    "人工",
    "1",
    "2",
    "5",
)
NASTY = (
    "",
    " ",
    "\n\n",
    "\x00",
    "\x00\x01\x02\x1f",
    "\ud800",
    "a\udfffb",
    "🔥",
    "👩‍👦" * 50,
    "\\",
    "/",
    "\u202e平安\u202c",
    "\ufeff菜单",
    "{text}",
    "{0}",
    "{",
    "}{",
    "%s%n",
    "<b>x</b>",
    "'; DROP TABLE appeal; --",
    "1" * 400,
    "９" * 40,
    "受理 " + "9" * 300,
    "受理 ٣",
    "受理 １",
    "回复 -1 x",
    "办结 0",
    "转交 1 1 1",
    "q1=1",
    "c1.0=1",
    "HY-2222-2222",
    "点名 " + "栋" * 500,
    "发通知 " + "停水" * 3000,
    "水" * 10_000,
    "\u3000\u200b\u200d",
    "⁰¹²³",
    "一百二十三亿四千万",
    "第" * 200,
    "a" * 10_000,
    "，。！？" * 2000,
)

anything = st.one_of(
    st.sampled_from(NASTY),
    st.sampled_from(OPENINGS),
    st.text(max_size=40),
    st.text(st.characters(codec=None, categories=["Cs", "Cc", "Cf", "So", "Lo", "Nd"]), max_size=9),
    st.builds("{} {}".format, st.sampled_from(["受理", "回复 1", "点名"]), st.text(max_size=9)),
)
steps = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        anything,
        st.sampled_from(["private"] * 4 + ["group", "@group"]),
        st.sampled_from(
            ["text"] * 6
            + [
                "voice",
                "photo",
                "sticker",
                "location",
                "file",
                "edit",
                "contact",
                "video",
                "nothing known",
            ]
        ),
    ),
    min_size=4,
    max_size=10,
)


@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_anything_is_answered_and_nothing_fails(one_ear: Ear, steps: list[Any]) -> None:
    town = Town(one_ear)
    for who, text, where, kind in steps:
        group = None if where == "private" else "3栋群"
        before = town.last_said()
        said = town.say("a", who, text, group=group, kind=kind, addressed=where != "group")
        assert town.errors() == [], (who, text, where, kind)
        if group is None:
            assert said, f"{who} wrote {text!r} ({kind}) and heard nothing"
            assert all(one.text.strip() for one in said)
        elif where == "group" and said:
            with town.database.read() as session:
                rows = session.scalars(select(Outbound).where(Outbound.id > before)).all()
            assert any(row.priority == Priority.DANGER for row in rows), (text, said)
    town.move(hours=3)
    assert town.errors() == []


@settings(max_examples=100, deadline=None)
@given(
    choice=st.one_of(
        st.text(max_size=12),
        st.sampled_from(NASTY),
        st.builds(
            "{}{}{}={}".format,
            st.sampled_from("qcxQ"),
            st.integers(0, 10**25),
            st.sampled_from(["", ".0", ".1", ".", ".-1"]),
            st.integers(-1, 10**6),
        ),
    )
)
def test_any_button_is_answered_once(asked: Town, choice: str) -> None:
    """Spent, made up or broken: one message, no error, nothing done."""
    said = asked.say("a", "陌生人", kind="choice", choice=choice)
    assert len(said) == 1
    assert asked.errors() == []


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def asked(one_ear: Ear, request: pytest.FixtureRequest) -> Iterator[Town]:
    if request.param == "sqlite":
        town = Town(one_ear)
        rich(town, "a")
        yield town
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create()
    town = Town(one_ear, database=Database(url))
    rich(town, "a")
    yield town
    town.database.close()
    server.drop(url)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.text(max_size=9), st.sampled_from(NASTY)), min_size=4, max_size=4)
)
def test_any_event_can_be_received(asked: Town, values: list[str]) -> None:
    """What a platform hands over is stored, or at least never breaks the batch it came in."""
    text, name, choice, reply = values
    asked.sent += 1
    row = Received(
        channel_id="web-a",
        external_id=f"any:{asked.sent}",
        chat_key="王阿姨",
        user_key="王阿姨",
        user_name=name,
        choice=choice,
        reply_to=reply,
        text=text,
        extra={"name": name},
    )
    with asked.database.write() as session:
        new = replace(
            row, chat_key=name or "x", user_key=reply or "x", external_id=f"{choice}{asked.sent}"
        )
        assert receive(session, [new], MONDAY) == [True]
        assert receive(session, [row], MONDAY) == [True]
        assert receive(session, [row], MONDAY) == [False]
        kept = session.scalars(select(Inbound).order_by(Inbound.id.desc()).limit(1)).one()
        assert "\x00" not in kept.text
    asked.rehearsal.settle()
    assert asked.errors() == []


def test_a_phrase_of_a_community_that_cannot_be_filled_in_is_not_used(one_ear: Ear) -> None:
    """A community may override any phrase; a slip in one must not silence the bot."""
    town = Town(
        one_ear,
        change={
            "phrases": {
                "appeal": {"confirm": "这样报吗？{wat}", "filed": "收到 {n"},
                "talk": {"thanks": "不谢{}"},
                "menu": {"main": "您要什么？"},
            }
        },
    )
    assert [one.text for one in town.say("a", "王阿姨", "菜单")] == ["您要什么？"]
    for text in ("3栋2单元楼道灯坏了", "1", "谢谢"):
        said = town.say("a", "王阿姨", text)
        assert said
        assert town.errors() == []
    assert any("编号 1" in row.text for row in town.heard("a", "王阿姨"))


# Asking has no side effects

CONVERSATION = {"conversation", "outbound", "inbound", "chat"}
ASKING = (
    ("王阿姨", ["楼道灯坏了", "3栋"]),
    ("王阿姨", ["我要报修", "灯坏了", "3栋", "2", "垃圾没人收"]),
    ("王阿姨", ["求助", "1"]),
    ("王阿姨", ["谁能帮我买点菜"]),
    ("王阿姨", ["我的资料", "2", "1"]),
    ("王阿姨", ["我的资料", "5"]),
    ("王阿姨", ["菜单", "1"]),
    ("王阿姨", ["菜单", "3"]),
    ("王阿姨", ["嗯那个东西怎么弄来着呢"]),
    ("李大爷", ["菜单", "1", "8"]),
    ("小李", ["发通知", "明天停水", "1", "2", "明天上午9点"]),
    ("小李", ["点名", "3栋"]),
    ("小李", ["发通知 明天停水", "2", "3栋", "1", "2"]),
    ("小李", ["受理"]),
    ("小李", ["转交 1"]),
    ("小李", ["回复 1"]),
    ("小李", ["明天去修"]),
    ("张主任", ["菜单"]),
)


@pytest.mark.parametrize(("who", "texts"), ASKING, ids=lambda v: v if isinstance(v, str) else v[0])
def test_asking_leaves_nothing_behind(one_ear: Ear, who: str, texts: list[str]) -> None:
    """Replayed from the start at every answer, a conversation stores nothing until it ends."""
    town = Town(one_ear)
    for text in ("3栋2单元楼道灯坏了", "1"):
        town.say("a", "孙老师", text)

    def rest() -> dict[str, Any]:
        with town.database.read() as session:
            rows = rows_of(session, town.ids["a"])
        return {name: found for name, found in rows.items() if name not in CONVERSATION}

    before = rest()
    for text in texts:
        assert town.say("a", who, text)
        assert rest() == before, text
        with town.database.read() as session:
            assert rows_of(session, town.ids["a"])["conversation"], f"{text} ended it"
    assert town.errors() == []
