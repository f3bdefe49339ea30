"""An edited message: its last wording counts until it is filed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from bot.dispatcher import Dispatcher
from nlp import Ear
from storage.models import Appeal, AppealStep, Clock, Conversation, Inbound, Incident
from storage.store.receipts import Received, receive
from tests.handlers.messenger import CHANNEL, Heard, Messenger, texts

GROUP = "-100"


@pytest.fixture
def tg(one_ear: Ear) -> Messenger:
    made = Messenger(one_ear)
    made.code("invite", "小李")
    made.write("worker", "HY-AAAA-BBBB")
    made.write("u1", "你好")
    made.write("u1", "跳过")
    return made


def say(tg: Messenger, words: str, **more: Any) -> tuple[str, str]:
    """What u1 hears, and the platform's id of what they wrote."""
    heard = tg.write("u1", words, **more)
    return texts(heard, "u1"), tg.ident


def edit(tg: Messenger, ident: str, words: str) -> str:
    return texts(tg.write("u1", words, edits=ident), "u1")


def rows(tg: Messenger, kind: Any) -> list[Any]:
    with tg.town.database.read() as session:
        return list(session.scalars(select(kind)))


def test_new_words_begin_the_matter_anew(tg: Messenger) -> None:
    _, ident = say(tg, "3栋2单元楼道灯坏了")
    heard = edit(tg, ident, "3栋2单元楼道灯坏了三天，没人管")
    assert "按您改过的算" in heard
    assert "三天" in heard
    assert len(rows(tg, Conversation)) == 1
    assert "编号 1" in say(tg, "1")[0]
    assert [a.text for a in rows(tg, Appeal)] == ["3栋2单元楼道灯坏了三天，没人管"]


def test_answers_that_still_fit_stay(tg: Messenger) -> None:
    heard, ident = say(tg, "楼道灯坏了")
    assert "在哪里" in heard
    assert "我这样报" in say(tg, "3栋2单元")[0]
    heard = edit(tg, ident, "楼道灯坏了好几天")
    assert "在哪里" not in heard
    assert "好几天" in heard
    assert "3栋2单元" in heard
    assert "编号 1" in say(tg, "1")[0]


def test_a_place_in_the_new_words_counts(tg: Messenger) -> None:
    _, ident = say(tg, "楼道灯坏了")
    say(tg, "3栋2单元")
    heard = edit(tg, ident, "1栋楼道灯坏了")
    assert "1栋" in heard
    assert "3栋" not in heard


def test_a_change_of_the_old_words_goes_with_them(tg: Messenger) -> None:
    _, ident = say(tg, "3栋楼道灯坏了")
    say(tg, "2")
    assert "门禁" in say(tg, "单元门禁坏了")[0]
    heard = edit(tg, ident, "3栋楼道灯不亮了")
    assert "不亮" in heard
    assert "门禁" not in heard


def test_another_matter_takes_its_place(tg: Messenger) -> None:
    _, ident = say(tg, "3栋2单元楼道灯坏了")
    heard = edit(tg, ident, "谁能帮我搬一下柜子？腿脚不方便")
    assert "我去问" in heard or "在哪一栋" in heard
    assert {c.matter for c in rows(tg, Conversation)} == {"help_ask"}


def test_the_words_of_an_answer_are_changed_too(tg: Messenger) -> None:
    say(tg, "楼道灯坏了")
    _, ident = say(tg, "3栋2单元")
    heard = edit(tg, ident, "1栋2单元")
    assert "地点：1栋2单元" in heard
    assert "编号 1" in say(tg, "1")[0]
    assert len(rows(tg, Appeal)) == 1


def test_a_bare_report_gets_its_words(tg: Messenger) -> None:
    heard, ident = say(tg, "报修")
    assert "什么事" in heard
    heard = edit(tg, ident, "3栋2单元楼道灯坏了")
    assert "我这样报" in heard


def test_what_was_clarified_is_not_asked_again(tg: Messenger) -> None:
    """The report began with those words, although a digit came in between."""
    heard, ident = say(tg, "那个东西又那样了你看看怎么弄一下")
    assert "您是想" in heard
    assert "在哪里" in say(tg, "请社区来处理")[0]
    heard = edit(tg, ident, "那个东西又那样了你看看")
    assert "在哪里" in heard
    assert "您是想" not in heard
    assert "弄一下" not in heard
    assert len(rows(tg, Conversation)) == 1


def test_a_command_in_an_edit_is_a_command(tg: Messenger) -> None:
    _, ident = say(tg, "3栋2单元楼道灯坏了")
    assert "我的" not in edit(tg, ident, "取消")
    assert rows(tg, Conversation) == []


def test_a_no_in_an_edit_is_a_no(tg: Messenger) -> None:
    _, ident = say(tg, "3栋2单元楼道灯坏了")
    assert "不报了" in edit(tg, ident, "算了")
    assert rows(tg, Appeal) == []


def test_what_is_filed_gets_the_new_words(tg: Messenger) -> None:
    _, ident = say(tg, "3栋2单元楼道灯坏了")
    say(tg, "1")
    heard = tg.write("u1", "3栋2单元楼道灯坏了，老人摔过", edits=ident)
    assert "放进1号" in texts(heard, "u1")
    assert "老人摔过" in texts(heard, "worker")
    assert len(rows(tg, Appeal)) == 1
    verbs = [(s.verb, s.text) for s in rows(tg, AppealStep)]
    assert verbs[-1] == ("asked", "3栋2单元楼道灯坏了，老人摔过")
    # An edit of the edit too.
    assert "放进1号" in edit(tg, ident, "3栋2单元楼道灯坏了，老人摔过两次")


def test_what_was_taken_back_is_a_new_message(tg: Messenger) -> None:
    _, ident = say(tg, "3栋2单元楼道灯坏了")
    say(tg, "1")
    say(tg, "错了")
    say(tg, "取消")
    assert "我这样报" in edit(tg, ident, "3栋2单元水管坏了")


@pytest.mark.parametrize("filed", [False, True])
def test_the_same_words_are_no_edit(tg: Messenger, filed: bool) -> None:
    _, ident = say(tg, "3栋2单元楼道灯坏了")
    if filed:
        say(tg, "1")
    assert edit(tg, ident, "3栋2单元楼道灯坏了") == ""
    assert len(rows(tg, Appeal)) == filed


def test_an_edit_of_what_we_never_had_is_a_message(tg: Messenger) -> None:
    assert "我这样报" in edit(tg, "7", "3栋2单元楼道灯坏了")


def test_nobody_edits_the_words_of_another(tg: Messenger) -> None:
    _, ident = say(tg, "3栋2单元楼道灯坏了")
    say(tg, "1")
    tg.write("u2", "你好")
    heard = tg.write("u2", "3栋2单元楼道灯坏了，真的", edits=ident)
    assert "放进" not in texts(heard, "u2")


def test_nobody_rewords_a_question_of_another(tg: Messenger) -> None:
    tg.write("u1", "物业几点下班？", group=GROUP)
    ident = tg.ident
    tg.write("u2", "快递几点来？", group=GROUP, edits=ident)
    assert [c.text for c in rows(tg, Clock)] == ["物业几点下班？"]


def test_danger_in_an_edit_alarms(tg: Messenger) -> None:
    _, ident = say(tg, "3栋2单元楼道灯坏了")
    heard = tg.write("u1", "3栋2单元着火了，快来人！", edits=ident)
    assert "119" in texts(heard, "u1")
    assert "紧急" in texts(heard, "worker")
    assert rows(tg, Conversation) == [], "the old words are no report any more"
    assert edit(tg, ident, "3栋2单元着火了，快来人！") == "", "a preview is no second alarm"
    assert len(rows(tg, Incident)) == 1


def test_an_edit_in_the_same_batch_is_the_same_case(tg: Messenger) -> None:
    """Both were received before either was answered."""
    town = tg.town
    received = [
        Received(CHANNEL, f"k{n}", "u1", "u1", "u1", kind=kind, text=text, extra=extra)
        for n, kind, text, extra in (
            (1, "text", "3栋楼道灯坏了", {"message_id": "9"}),
            (2, "edit", "3栋楼道灯坏了三天", {"message_id": "9", "edited": "9"}),
        )
    ]
    with town.database.write() as session:
        receive(session, received, town.now)
    last = town.last_said()
    town.rehearsal.settle()
    heard: list[Heard] = tg.said_after(last)
    assert "三天" in heard[-1].text
    say(tg, "1")
    assert [a.text for a in rows(tg, Appeal)] == ["3栋楼道灯坏了三天"]
    assert isinstance(town.dispatcher, Dispatcher)


# In groups


def test_a_question_in_a_group_is_shown_in_its_last_wording(tg: Messenger) -> None:
    tg.write("u1", "物业几点下班？", group=GROUP)
    ident = tg.ident
    assert tg.write("u1", "物业周末几点下班？", group=GROUP, edits=ident) == []
    assert [c.text for c in rows(tg, Clock)] == ["物业周末几点下班？"]


def test_an_edit_in_a_group_stops_no_clock_and_gets_no_answer(tg: Messenger) -> None:
    tg.write("u1", "物业几点下班？", group=GROUP)
    tg.write("u1", "路过", group=GROUP)
    ident = tg.ident
    assert tg.write("u1", "好了", group=GROUP, edits=ident, addressed=True) == []
    assert [c.stopped_at for c in rows(tg, Clock)] == [None]


def test_danger_in_an_edit_in_a_group_alarms(tg: Messenger) -> None:
    tg.write("u1", "今天好冷", group=GROUP)
    ident = tg.ident
    heard = tg.write("u1", "3栋501着火了，快来人！", group=GROUP, edits=ident)
    assert "119" in texts(heard, GROUP)
    assert "501" not in texts(heard, GROUP)
    assert tg.write("u1", "3栋501着火了，快来人！", group=GROUP, edits=ident) == []


def test_only_who_may_be_edited_is_remembered(tg: Messenger) -> None:
    """Where a platform has no edits nothing is written down for them."""
    tg.town.say("a", "王阿姨", "3栋2单元楼道灯坏了")
    tg.town.say("a", "王阿姨", "1")
    with tg.town.database.read() as session:
        extras = session.scalars(select(Inbound.extra).where(Inbound.channel_id == "web-a"))
        assert [extra for extra in extras if extra] == []
