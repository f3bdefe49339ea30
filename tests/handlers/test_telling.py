"""当面说: what nobody could be told is listed for those near, and never sent once it was told."""

from __future__ import annotations

import pytest

from nlp import Ear
from storage import Store
from storage.models import AppealStep, Notice, Outbound, Receipt, Sending
from tests.handlers.two_channels import chat, holder, make_town, rows
from tests.town import Town


@pytest.fixture
def town(one_ear: Ear) -> Town:
    """王阿姨 (3栋) writes by 公众号 only; she has a case, and her platform lets us say nothing."""
    made = make_town(one_ear)
    with made.database.write() as session:
        wang = holder(session, made, "web-a", "王阿姨")
        there = chat(session, made, "web-a", "王阿姨")
        there.channel_id = "gzh"
        store = Store(session, made.ids["a"])
        store.people.identities_of(wang)[0].channel_id = "gzh"
    for text in ("3栋2单元楼道灯坏了", "1"):
        made.say("a", "王阿姨", text, channel="gzh")
    send(made, Sending.SENT)
    made.say("a", "小李", "回复 1 明天上午来修")
    send(made, Sending.WAITING)
    return made


def send(town: Town, status: Sending) -> None:
    """How it went with all that waits to be sent."""
    with town.database.write() as session:
        waiting = session.query(Outbound).filter_by(status=Sending.QUEUED)
        waiting.update({"status": status})


def say(town: Town, key: str, *words: str) -> str:
    said = []
    for text in words:
        said = town.say("a", key, text)
    return "\n".join(one.text for one in said)


def status(town: Town) -> list[Sending]:
    found = rows(town, Outbound.channel_id == "gzh", Outbound.text.contains("明天上午来修"))
    return [row.status for row in found]


def test_told_by_digit_and_taken_back(town: Town) -> None:
    assert "有 1 位居民有话没说到" in "".join(one.text for one in town.say("a", "小李", "待办"))
    (asked,) = town.say("a", "小李", "当面说")
    assert asked.choices[0][1] == "王阿姨（3栋2单元501）：1号「3栋2单元楼道灯坏了」：明天上午来修"
    assert "您当面跟王阿姨说了" in say(town, "小李", "1")
    assert status(town) == [Sending.TOLD]
    with town.database.read() as session:
        step = session.query(AppealStep).filter_by(verb="told").one()
        assert step.who_id == holder(session, town, "web-a", "小李").id
        assert step.at == town.now
    assert "没有要当面说的" in say(town, "小李", "当面说")
    assert "还算没说到" in say(town, "小李", "错了")
    assert status(town) == [Sending.WAITING]
    with town.database.read() as session:
        assert session.query(AppealStep).filter_by(verb="told").count() == 0


def test_what_was_told_is_not_sent_when_they_write(town: Town) -> None:
    say(town, "小李", "当面说", "1")
    town.say("a", "王阿姨", "你好", channel="gzh")
    assert status(town) == [Sending.TOLD]


@pytest.mark.parametrize(
    ("name", "sees"), [("小李", True), ("张主任", True), ("小陈", False), ("周姐", False)]
)
def test_workers_see_their_own_places(town: Town, name: str, sees: bool) -> None:
    heard = say(town, name, "当面说")
    assert ("这 1 位说不到" in heard) is sees


def test_what_came_meanwhile_is_not_marked(town: Town) -> None:
    say(town, "小李", "当面说")
    town.say("a", "张主任", "回复 1 改到后天")
    send(town, Sending.FAILED)
    say(town, "小李", "1")
    later = rows(town, Outbound.channel_id == "gzh", Outbound.text.contains("改到后天"))
    assert [row.status for row in later] == [Sending.FAILED]
    assert status(town) == [Sending.TOLD]


def untold(town: Town) -> list[str]:
    with town.database.read() as session:
        found = Store(session, town.ids["a"]).untold.waiting(town.now)
        return [row.text for _, some in found for row in some]


def test_mere_chatter_and_old_news_are_not_told(town: Town) -> None:
    town.say("a", "王阿姨", "谢谢", channel="gzh")
    send(town, Sending.FAILED)
    assert len(untold(town)) == 1
    town.move(days=31)
    assert not any("明天上午来修" in text for text in untold(town))


def test_what_is_settled_is_not_told(town: Town) -> None:
    """ "Is it solved?" was not heard there, but asked again and answered in a new chat."""
    say(town, "小李", "办结 1 换好了")
    send(town, Sending.FAILED)
    assert any("解决了吗" in text for text in untold(town))
    with town.database.write() as session:
        Store(session, town.ids["a"]).messages.questions_about("appeal:1")[0].closed_at = town.now
    assert not any("解决了吗" in text for text in untold(town))


def test_who_has_left_every_chat_is_told_in_person(town: Town) -> None:
    with town.database.write() as session:
        chat(session, town, "gzh", "王阿姨").gone = True
    assert "请当面告诉一声" in say(town, "小李", "回复 1 后天也行")
    assert any("后天也行" in text for text in untold(town))


def test_a_notice_says_whom_it_does_not_reach(town: Town) -> None:
    with town.database.write() as session:
        for key in ("李大爷", "刘姐"):
            chat(session, town, "web-a", key).gone = True
    say(town, "小李", "发通知 3栋明天停水", "2", "3栋", "1", "1")
    town.move(minutes=1)
    (told,) = [row.text for row in town.heard("a", "小李") if "通知发完了" in row.text]
    # 公众号 is free to write to until its adapter has said otherwise
    assert "另有 2 位现在说不到" in told
    with town.database.read() as session:
        store = Store(session, town.ids["a"])
        notice = session.query(Notice).one()
        building = store.people.building("3")
        assert building is not None
        three = store.people.within(building)
        found = store.untold.by_notice(notice, town.now, places=three)
        assert sorted(person.name for person in found) == ["刘姐", "李大爷"]
        assert session.query(Receipt).count() == store.notices.counts(notice)[0]
    with town.database.write() as session:
        store = Store(session, town.ids["a"])
        channel = store.messages.channel("gzh")
        assert channel is not None
        channel.initiate = "grant"
        assert len(store.untold.by_notice(notice, town.now, places=three)) == 3, (
            "no leave to write to her now"
        )
