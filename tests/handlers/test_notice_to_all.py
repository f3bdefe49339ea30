"""Posts to all followers of a 公众号: how many are left is said, and none is promised in vain."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from nlp import Ear
from storage import Store
from storage.models import Channel, Chat, Notice, NoticeStage, Outbound, Sending
from storage.store.health import measure
from tests.town import Said, Town


def row(**more: Any) -> dict[str, Any]:
    return {
        "id": "gzh",
        "platform": "wechat",
        "app_id": "wx1",
        "token": "t",
        "verified": True,
        **more,
    }


def town(ear: Ear, **more: Any) -> Town:
    web = {"id": "web-a", "platform": "web", "groups": [{"name": "3栋群"}]}
    return Town(ear, change={"channels": [web, row(**more)]})


def everybody(town: Town) -> Chat:
    with town.database.read() as session:
        found = session.scalars(select(Chat).where(Chat.post_only)).one()
        session.expunge(found)
        return found


def texts(said: Iterable[Said]) -> str:
    return "\n".join(one.text for one in said)


def labels(said: list[Said]) -> list[str]:
    return [choice[1] for choice in said[-1].choices]


def to_all(town: Town, text: str, *, after: str = "1") -> list[Said]:
    """A notice to all followers, as far as it is let; `after` answers the last thing asked."""
    for words in ("发通知", text, "4", "2", "1"):
        said = town.say("a", "小李", words)
    return town.say("a", "小李", after) if after else said


@pytest.mark.parametrize(
    ("account", "quota", "left"),
    [
        ("service", "4/month", "公众号全体（本月还剩 4 次）"),
        ("subscription", "1/day", "公众号全体（今天还能发 1 次）"),
    ],
)
def test_what_is_left_stands_beside_the_name(
    one_ear: Ear, account: str, quota: str, left: str
) -> None:
    made = town(one_ear, account=account)
    chat = everybody(made)
    assert (chat.external_id, chat.group, chat.heard, chat.quota) == ("@all", True, True, quota)
    for words in ("发通知", "明天停水", "4"):
        said = made.say("a", "小李", words)
    assert labels(said) == ["3栋群", left]


def test_a_month_takes_four_and_then_says_so(one_ear: Ear) -> None:
    made = town(one_ear, account="service")
    for number in range(4):
        said = to_all(made, f"第{number}次停水")
        assert "30秒后发到公众号全体" in texts(said)
        made.move(hours=1)
    said = to_all(made, "第五次停水", after="")
    assert "公众号全体能发的次数用完了（一个月 4 次）" in texts(said)
    assert labels(said) == ["改对象", "改内容", "不发了"]
    assert "好的，不发了" in texts(made.say("a", "小李", "3"))
    made.move(days=8)  # December
    for words in ("发通知", "停水", "4"):
        said = made.say("a", "小李", words)
    assert labels(said)[-1] == "公众号全体（本月还剩 4 次）"


def test_one_that_waits_to_leave_is_counted(one_ear: Ear) -> None:
    made = town(one_ear, account="subscription")
    to_all(made, "明天停水")
    for words in ("发通知", "停电", "4"):
        said = made.say("a", "小李", words)
    assert labels(said)[-1] == "公众号全体（现在没有次数了）"
    made.say("a", "小李", "1")  # to the group, which takes any number
    assert "发到：3栋群" in texts(made.say("a", "小李", "1"))


def test_the_day_ends_where_they_live(one_ear: Ear) -> None:
    made = town(one_ear, account="subscription")
    to_all(made, "明天停水")
    made.move(hours=14)  # 23:00 in Shanghai
    assert "用完了" in texts(to_all(made, "停电", after=""))
    made.say("a", "小李", "3")
    made.move(hours=2)
    assert "30秒后" in texts(to_all(made, "停电"))


def test_one_taken_back_or_failed_is_not_counted(one_ear: Ear) -> None:
    made = town(one_ear, account="subscription")
    to_all(made, "明天停水")
    made.say("a", "小李", "1")  # 撤回
    to_all(made, "后天停水")
    made.move(hours=1)
    with made.database.write() as session:
        post = session.scalars(select(Outbound).where(Outbound.chat_id == everybody(made).id)).one()
        post.status = Sending.FAILED
    assert "30秒后" in texts(to_all(made, "停电"))


def test_a_text_that_would_be_two_posts_is_shortened_first(one_ear: Ear) -> None:
    made = town(one_ear, account="service")
    said = to_all(made, "停水" * 301, after="")
    assert "最多 600 字，这条有 602 字" in texts(said)
    made.say("a", "小李", "2")
    assert "请看一遍：\n明天停水" in texts(made.say("a", "小李", "明天停水"))


def test_a_repeated_notice_that_finds_none_left_tells_its_author(one_ear: Ear) -> None:
    made = town(one_ear, account="service")
    for words in ("发通知", "记得关水", "4", "2", "3", "明天上午9点", "1"):
        made.say("a", "小李", words)
    with made.database.read() as session:
        assert session.scalars(select(Notice)).one().repeat == "daily"
    for _ in range(5):
        made.move(days=1)
    with made.database.read() as session:
        posts = session.scalars(select(Outbound).where(Outbound.chat_id == everybody(made).id))
        stages = [n.stage for n in session.scalars(select(Notice).order_by(Notice.id))]
        told = session.scalars(select(Outbound.text).where(Outbound.text.contains("没有发出去")))
        assert len(posts.all()) == 4
        assert len(told.all()) == 1
    assert stages == [NoticeStage.DONE] * 4 + [NoticeStage.STOPPED, NoticeStage.SCHEDULED]


def test_it_is_no_group_of_its_own_in_the_health_of_channels(one_ear: Ear) -> None:
    made = town(one_ear, account="service")

    def health() -> dict[str, datetime | None]:
        with made.database.read() as session:
            found = measure(session, made.ids["a"], made.rehearsal.now)
            return {one.name: one.last_post for one in found}

    assert set(health()) == {"gzh", "web-a", "3栋群"}
    to_all(made, "明天停水")
    made.move(hours=1)
    after = health()
    assert after["gzh"] is not None, "a post to all is the account's own post"
    assert after["3栋群"] is None


def test_an_account_that_is_verified_no_more_has_no_such_group(one_ear: Ear) -> None:
    from storage.community_file import parse
    from storage.store.loading import load_community

    made = town(one_ear, account="service")
    raw = made.raw("a")
    for verified, there in ((False, False), (True, True)):
        raw["channels"][-1]["verified"] = verified
        with made.database.write() as session:
            load_community(session, parse(raw), datetime(2026, 11, 24, tzinfo=UTC))
        with made.database.read() as session:
            groups = Store(session, made.ids["a"]).messages.groups()
            assert any(chat.post_only for chat in groups) == there
            assert session.scalars(select(Channel).where(Channel.id == "gzh")).one()
