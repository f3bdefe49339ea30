"""Chats come and go: groups that move, people who block and come back, cards, places, stickers."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from nlp import Ear
from storage import Database
from storage.models import AppealStep, Chat
from tests.handlers.messenger import Messenger, texts

GROUP, SUPER = "-100", "-100200"


@pytest.fixture
def tg(one_ear: Ear, on_both: Database) -> Messenger:
    made = Messenger(one_ear, on_both)
    made.code("invite", "小李")
    made.write("worker", "HY-AAAA-BBBB")
    made.write("u1", "你好")
    made.write("u1", "跳过")
    return made


def bind(tg: Messenger, place: str) -> None:
    code = texts(tg.write("worker", f"绑群 {place}"), "worker").splitlines()[1]
    tg.write("u1", code, group=GROUP, addressed=True)


def test_a_group_that_moves_stays_the_same(tg: Messenger) -> None:
    bind(tg, "3栋")
    tg.write("u1", group=GROUP, kind="moved", extra={"to": SUPER})
    tg.write("u1", "物业几点下班？", group=SUPER)
    assert tg.chat(SUPER).place_id == tg.place("3栋")
    assert "1 个" in texts(tg.write("worker", "未回应"), "worker")
    with tg.town.database.read() as session:
        keys = session.scalars(select(Chat.external_id).where(Chat.group))
        assert list(keys) == [SUPER]


def test_words_under_the_new_id_may_come_first(tg: Messenger) -> None:
    bind(tg, "3栋")
    tg.write("u1", "大家好", group=SUPER)
    tg.write("u1", group=GROUP, kind="moved", extra={"to": SUPER})
    assert tg.chat(SUPER).place_id == tg.place("3栋")
    assert tg.chat(GROUP).gone


def test_who_blocks_us_is_gone_until_they_come_back(tg: Messenger) -> None:
    assert tg.write("u1", kind="left") == []
    assert tg.chat("u1").gone
    assert tg.write("u1", kind="joined") == [], "they know us"
    assert not tg.chat("u1").gone


def test_thrown_out_of_a_group(tg: Messenger) -> None:
    tg.write("u1", kind="joined", group=GROUP, extra={"heard": False, "name": "3栋群"})
    assert not tg.chat(GROUP).heard
    assert tg.write("u1", kind="left", group=GROUP, extra={"name": "3栋群"}) == []
    assert tg.chat(GROUP).gone
    heard = tg.write("u1", kind="joined", group=GROUP, extra={"heard": True})
    assert "大家好" in texts(heard, GROUP)
    assert (tg.chat(GROUP).gone, tg.chat(GROUP).heard) == (False, True)


def test_a_sticker_is_seen(tg: Messenger) -> None:
    assert "看到" in texts(tg.write("u1", kind="sticker"), "u1")


# Contacts


CARD = {"phone": "+8613800000000"}


def card(tg: Messenger, **more: Any) -> str:
    return texts(tg.write("u1", kind="contact", extra=CARD, **more), "u1")


def test_a_number_is_kept_only_if_they_say_so(tg: Messenger) -> None:
    assert "要记下您的电话吗？13800000000" in card(tg)
    assert tg.person("u1").phone is None
    assert "不记" in texts(tg.write("u1", "2"), "u1")
    assert tg.person("u1").phone is None
    card(tg)
    assert "记下了" in texts(tg.write("u1", "1"), "u1")
    assert tg.person("u1").phone == "13800000000"


def test_whoever_has_the_case_hears_the_number(tg: Messenger) -> None:
    tg.write("u1", "3栋2单元楼道灯坏了")
    tg.write("u1", "1")
    assert "13800000000" not in texts(tg.write("u1", kind="contact", extra=CARD), "worker")
    assert "1号" in texts(tg.write("u1", "记下"), "worker")


def test_a_known_number_is_not_asked_for(tg: Messenger) -> None:
    card(tg)
    tg.write("u1", "1")
    assert "要记下" not in card(tg)


def test_a_card_of_somebody_else_is_passed_on(tg: Messenger) -> None:
    heard = tg.write("u1", kind="contact")
    assert "名片已转给" in texts(heard, "u1")


# Places


SPOT = {"lat": 31.2, "lon": 121.5}


def test_a_location_says_where(tg: Messenger) -> None:
    heard = tg.write("u1", kind="location", extra=SPOT)
    assert "31.20000,121.50000" in "".join(one.text for one in heard)


def test_a_location_for_where_is_kept_and_the_question_stays(tg: Messenger) -> None:
    assert "在哪里" in texts(tg.write("u1", "路灯坏了"), "u1")
    heard = texts(tg.write("u1", kind="location", extra=SPOT), "u1")
    assert "位置收到" in heard
    assert "在哪里" in heard
    assert "我这样报" in texts(tg.write("u1", "3栋东门口"), "u1")
    assert "编号 1" in texts(tg.write("u1", "1"), "u1")
    with tg.town.database.read() as session:
        [step] = session.scalars(select(AppealStep).where(AppealStep.verb == "media"))
        assert step.text == "31.20000,121.50000"


def test_two_locations_and_the_question_still_stays(tg: Messenger) -> None:
    tg.write("u1", "路灯坏了")
    for _ in range(2):
        heard = texts(tg.write("u1", kind="location", extra=SPOT), "u1")
        assert "在哪里" in heard
