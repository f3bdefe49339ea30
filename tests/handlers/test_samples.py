"""What people say they meant is kept for the ear: the right label, and nobody to be found in it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from nlp import Ear, Intent
from storage import Store
from storage.models import Chat, Resident, Sample, Source
from tests.town import MONDAY, Town

UNCLEAR = "那个东西又那样了你看看怎么弄一下"
LAMP = "3栋2单元楼道灯坏了"
PARCEL = "有没有邻居能帮我取个快递，我走不开"


@pytest.fixture
def town(one_ear: Ear) -> Town:
    return Town(one_ear)


def kept(town: Town) -> list[tuple[str, str, str, str]]:
    with town.database.read() as session:
        rows: list[Sample] = Store(session, town.ids["a"]).samples.all()
        return [(row.text, row.intent, row.about, str(row.source)) for row in rows]


def say(town: Town, who: str, *texts: str) -> None:
    for text in texts:
        assert town.say("a", who, text), text
    assert town.errors() == []


@pytest.mark.parametrize(
    ("answer", "intent"),
    [
        ("请社区来处理", "appeal"),
        ("找工作人员", "human"),
        ("现在有危险", "emergency"),
        ("没什么事", "chat"),
        ("没事", "chat"),
    ],
)
def test_the_answer_to_a_clarifying_question_is_kept(town: Town, answer: str, intent: str) -> None:
    say(town, "王阿姨", UNCLEAR)
    assert kept(town) == []
    say(town, "王阿姨", answer)
    assert kept(town) == [(UNCLEAR, intent, "", "clarified")]


@pytest.mark.parametrize("answer", ["算了", "不是", "取消", "菜单"])
def test_letting_it_go_says_nothing_about_what_was_meant(town: Town, answer: str) -> None:
    say(town, "王阿姨", UNCLEAR, answer)
    assert kept(town) == []


def test_words_about_a_running_case_are_no_kind_of_message(town: Town) -> None:
    say(town, "王阿姨", LAMP, "1", UNCLEAR)
    choices = town.heard("a", "王阿姨")[-1].choices
    about = next(c for c in choices if "关于1号" in c[1])
    say(town, "王阿姨", about[0])
    assert kept(town) == []


@pytest.mark.parametrize(
    ("begun", "answer", "sample"),
    [
        (LAMP, "请邻居帮忙", ("0栋0单元楼道灯坏了", "help_ask", "", "clarified")),
        (PARCEL, "请社区来处理", (PARCEL, "appeal", "", "clarified")),
    ],
)
def test_what_is_taken_back_is_kept_as_what_it_was(
    town: Town, begun: str, answer: str, sample: tuple[str, ...]
) -> None:
    say(town, "王阿姨", begun, "1", "错了")
    assert kept(town) == []
    say(town, "王阿姨", answer)
    assert kept(town) == [sample]


@pytest.mark.parametrize("begun", [LAMP, PARCEL])
def test_taken_back_and_let_go_is_nothing(town: Town, begun: str) -> None:
    """The lamp may just have come on again."""
    say(town, "王阿姨", begun, "1", "错了", "没什么事")
    assert kept(town) == []


def test_names_numbers_and_rooms_are_not_kept(town: Town) -> None:
    text = "李大爷和小李那个东西又那样了在东苑3栋2单元501电话13800000000你看看"
    say(town, "王阿姨", text)
    said = town.heard("a", "王阿姨")[-1].text
    assert "您是想" in said
    say(town, "王阿姨", "没什么事")
    assert [row[0] for row in kept(town)] == [
        "某人和某人那个东西又那样了在东苑0栋0单元000电话00000000000你看看"
    ]


@pytest.mark.parametrize("before", range(290, 345))
def test_a_name_at_the_cut_is_not_kept_in_half(town: Town, before: int) -> None:
    """Links shrink, so that what stood beyond the limit comes within it."""
    name = "阿依古丽买买提"
    link = "https://huiyin.example.org/" + "a" * 60 + " "
    text = link + "水" * (before - len(link)) + name + "水" * 200
    with town.database.write() as session:
        store = Store(session, town.ids["a"])
        store.add(Resident(community_id=store.community_id, name=name, created_at=MONDAY))
        town.dispatcher.desk(store, MONDAY).keep_sample(text, Intent.CHAT, Source.CLARIFIED)
    ((masked, *_),) = kept(town)
    assert set(masked) <= set("某网址水人 ")
    assert len(masked) <= 300


def test_a_stranger_without_a_name_does_not_make_neighbours_vanish(town: Town) -> None:
    with town.database.write() as session:
        Store(session, town.ids["a"]).add(
            Resident(community_id=town.ids["a"], name="邻居", created_at=MONDAY)
        )
    say(town, "王阿姨", PARCEL, "1", "错了", "请社区来处理")
    assert kept(town)[0][0] == PARCEL


@pytest.mark.parametrize(
    ("words", "sample"),
    [
        ("1 是咨询", ("question", "")),
        ("1 这是求助不是诉求", ("help_ask", "")),
        ("1 改成 停车", ("appeal", "parking")),
        ("1 类别 绿化", ("appeal", "greening")),
        ("1 这是诉求", None),
        ("1 改成 用电", None),
        ("1 不是诉求", None),
        ("7 是咨询", None),
        ("0 是咨询", None),
    ],
)
def test_staff_correct(town: Town, words: str, sample: tuple[str, str] | None) -> None:
    say(town, "王阿姨", LAMP, "1")
    say(town, "小李", words)
    text = "0栋0单元楼道灯坏了"
    assert kept(town) == ([(text, *sample, "corrected")] if sample else [])


def test_the_chief_corrects_too_and_nobody_else(town: Town) -> None:
    say(town, "王阿姨", LAMP, "1")
    say(town, "刘姐", "1 是咨询")
    say(town, "王阿姨", "1 是咨询")
    assert kept(town) == []
    say(town, "张主任", "1 是咨询")
    assert len(kept(town)) == 1


def test_what_it_is_not_is_asked_on(town: Town) -> None:
    say(town, "王阿姨", LAMP, "1")
    say(town, "小李", "1 不是诉求", "问个事")
    assert [row[1] for row in kept(town)] == ["question"]


def test_a_corrected_complaint_does_not_go_to_whom_it_is_about(one_ear: Ear) -> None:
    town = Town(one_ear, change={"routes": {"lift": "小陈"}})
    say(town, "王阿姨", "3栋2单元楼道垃圾没人收，小陈骂人", "1")
    last = town.last_said()
    say(town, "小李", "1 改成 电梯")
    assert kept(town)[-1][2:] == ("lift", "corrected")
    assert not any("小陈骂人" in row.text for row in town.heard("a", "小陈", last))


def test_nobody_reached_for_help_leaves_the_case(one_ear: Ear) -> None:
    """Only what somebody else has now may be taken from who had it."""
    town = Town(one_ear)
    say(town, "王阿姨", LAMP, "1")
    say(town, "小李", "1 这是求助")
    with town.database.write() as session:
        for chat in session.scalars(select(Chat).where(Chat.external_id != "王阿姨")):
            chat.gone = True
    say(town, "王阿姨", "1")
    with town.database.read() as session:
        case = Store(session, town.ids["a"]).appeals.numbered(1)
        assert case is not None
        assert case.is_live


def test_deleted_words_teach_nothing(town: Town) -> None:
    say(town, "王阿姨", LAMP, "1", "错了", "没什么事", "我的资料", "全部删掉", "删掉")
    say(town, "小李", "1 是咨询")
    assert kept(town) == []
