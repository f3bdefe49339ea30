"""Pasted texts where a transcript would be too long: many rows, two in one home, two calls."""

from __future__ import annotations

from typing import TypeVar

import pytest
from sqlalchemy import select

from nlp import Ear
from storage.models import (
    Appeal,
    CheckIn,
    CheckInStage,
    Conversation,
    Entity,
    HelpRequest,
    Incident,
    Outbound,
    Stage,
)
from tests.town import Town

WORKER = "小李"
Row = TypeVar("Row", bound=Entity)


@pytest.fixture
def town(one_ear: Ear) -> Town:
    return Town(one_ear, ("a",))


def all_of(town: Town, kind: type[Row]) -> list[Row]:
    with town.database.read() as session:
        return list(session.scalars(select(kind)))


def say(town: Town, text: str, who: str = WORKER) -> str:
    """What the writer is told, all of it."""
    said = town.say("a", who, text)
    assert town.errors() == []
    return "\n---\n".join(one.text for one in said)


def listed(*rows: str) -> str:
    return "#接龙\n" + "\n".join(f"{n}. {row}" for n, row in enumerate(rows, start=1))


def test_many_rows_are_shown_in_part_and_filed_thirty_at_a_time(town: Town) -> None:
    said = say(
        town,
        listed(
            *(f"{501 + n} 家里漏水" for n in range(20)), *(f"{601 + n} 家里停电" for n in range(15))
        ),
    )
    assert "35 行" in said
    assert "…还有 23 行" in said
    assert said.count("漏水") == 12
    said = say(town, "1")
    assert "一次最多登记 30 件，剩下 5 件" in said
    assert len(all_of(town, Appeal)) == 30
    assert "还剩 5 行" in said
    say(town, "1")
    assert len(all_of(town, Appeal)) == 35
    assert "5 件都撤回了" in say(town, "错了")
    stages = [case.stage for case in all_of(town, Appeal)]
    assert (stages.count(Stage.OPEN), stages.count(Stage.WITHDRAWN)) == (30, 5)


def test_of_two_rows_of_one_home_the_need_counts(town: Town) -> None:
    say(town, "点名 3栋 燃气")
    town.move(minutes=1)
    say(town, listed("王阿姨 501 需要帮助", "王小明 501 平安"))
    say(town, "1")
    stages = {check.stage for check in all_of(town, CheckIn) if check.by_id}
    assert stages == {CheckInStage.NEEDS_HELP}
    assert len(all_of(town, Incident)) == 1


def test_no_alarm_is_raised_for_staff_until_they_say_so(town: Town) -> None:
    said = say(town, "3栋着火了，大家报平安\n" + listed("王阿姨 501 平安", "张三 909 平安"))
    assert "要报警情吗" in said
    assert all_of(town, Incident) == []
    assert "没看到要办的事" in say(town, "2")
    assert all_of(town, Incident) == []


def test_a_title_of_danger_becomes_an_alarm_on_yes_and_is_taken_back(town: Town) -> None:
    say(town, "3栋着火了，大家报平安\n" + listed("王阿姨 501 平安", "张三 909 平安"))
    assert "警情报出去了" in say(town, "1")
    (case,) = all_of(town, Incident)
    assert case.danger == "fire"
    assert "不用去了" in say(town, "错了")
    assert all_of(town, Incident)[0].closed_at is not None


def test_pasted_again_the_older_preview_is_forgotten(town: Town) -> None:
    say(town, listed("501 漏水", "502 漏水"))
    say(town, listed("501 漏水", "502 漏水", "503 漏水"))
    say(town, "1")
    assert len(all_of(town, Appeal)) == 3
    assert all_of(town, Conversation) == []


def test_a_stranger_to_the_roster_keeps_the_name_in_the_text(town: Town) -> None:
    said = say(town, "张三: 家里没水\n赵六: 谁能帮我买菜")
    assert "像诉求 1" in said
    say(town, "1")
    (case,) = all_of(town, Appeal)
    assert case.text == "张三：家里没水"
    say(town, "2")
    (request,) = all_of(town, HelpRequest)
    assert request.text == "赵六：谁能帮我买菜"
    heard = [row.text for row in all_of(town, Outbound) if "赵六" in row.text]
    assert not [text for text in heard if "有位邻居需要帮忙" in text]  # no name for neighbours


def test_only_chat_is_not_asked_about(town: Town) -> None:
    assert "没看到要办的事" in say(town, "张三: 早上好\n李四: 哈哈")
    assert all_of(town, Conversation) == []


def test_a_list_pasted_while_the_workers_own_alarm_runs_is_a_list(town: Town) -> None:
    say(town, "张三: 9栋404着火了\n李四: 快打119")
    say(town, "1")
    assert "接龙，2 行" in say(town, listed("王阿姨 501 平安", "张三 909 平安"))


def test_a_building_we_have_not_is_nobodys(town: Town) -> None:
    say(town, "点名 3栋 燃气")
    town.move(minutes=1)
    said = say(town, listed("99栋501 王阿姨 平安", "3栋101 李大爷 平安"))
    assert "2 行" in said
    said = say(town, "1")
    assert "对不上名册：99栋501 王阿姨：平安" in said
    answered = [check for check in all_of(town, CheckIn) if check.by_id]
    assert [check.stage for check in answered] == [CheckInStage.SAFE]
