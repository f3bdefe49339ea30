"""What residents send and cannot be kept: said to whoever sees to it, noted on the case, erased."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from handlers.media import KEEP
from nlp import Ear
from storage import Store
from storage.models import Appeal, AppealStep, Keeping, Media, Stage
from storage.store import media
from storage.store.media import Mark
from tests.town import Town


@pytest.fixture
def town(one_ear: Ear) -> Town:
    return Town(one_ear)


def photo(
    town: Town, who: str = "王阿姨", text: str = "", kind: str = "photo", **extra: Any
) -> int:
    """Sent, and waiting to be downloaded; its id."""
    town.say("a", who, text, kind=kind, extra={"file_id": "x", **extra})
    with town.database.read() as session:
        return max(session.scalars(select(Media.id)))


def fate(town: Town, ident: int, state: Keeping, why: str | None = None, **more: Any) -> None:
    """What the downloader writes down; then what follows."""
    with town.database.write() as session:
        assert media.mark(session, Mark(ident, state, 1, why=why, **more), town.now)
    town.rehearsal.settle()


def row(town: Town, ident: int) -> Media:
    with town.database.read() as session:
        return session.get_one(Media, ident)


def steps(town: Town) -> list[tuple[str, str]]:
    with town.database.read() as session:
        found = session.scalars(select(AppealStep).order_by(AppealStep.id))
        return [(step.verb, step.text) for step in found if step.verb.startswith("media")]


def told(town: Town, who: str, after: int) -> list[str]:
    return [one.text for one in town.heard("a", who, after)]


def report(town: Town) -> None:
    town.say("a", "王阿姨", "3栋2单元楼道灯坏了")
    town.say("a", "王阿姨", "1")


@pytest.mark.parametrize(
    ("state", "why", "words"),
    [
        (Keeping.REFUSED, "large", "太大了"),
        (Keeping.REFUSED, "kind", "这种打不开"),
        (Keeping.FAILED, "gone", "那边已经没有了"),
        (Keeping.FAILED, "network", "一直下载不了"),
    ],
)
def test_a_photo_that_did_not_arrive_is_told_once_and_noted(
    town: Town, state: Keeping, why: str, words: str
) -> None:
    report(town)
    ident = photo(town)
    last = town.last_said()
    fate(town, ident, state, why)
    said = f"1号的照片没下载下来：{words}。\n请王阿姨再发一次，或上门看看。"
    assert told(town, "小李", last) == [said]
    assert told(town, "王阿姨", last) == []
    assert steps(town) == [("media", ""), ("media_lost", f"照片（{words}，没留下）")]
    assert row(town, ident).due_at is None
    last = town.last_said()
    town.move(days=2)
    assert not any("没下载下来" in text for text in told(town, "小李", last))
    assert len(steps(town)) == 2
    assert town.errors() == []


def test_a_photo_of_a_report_that_is_not_told_to_its_end_waits_for_it(town: Town) -> None:
    town.say("a", "王阿姨", "3栋2单元楼道灯坏了")
    ident = photo(town)
    last = town.last_said()
    fate(town, ident, Keeping.FAILED, "gone")
    town.move(minutes=25)
    assert told(town, "小李", last) == []
    town.say("a", "王阿姨", "1")
    town.move(minutes=15)
    assert any("1号的照片没下载下来" in text for text in told(town, "小李", last))


def test_a_report_that_was_dropped_needs_no_photo(town: Town) -> None:
    town.say("a", "王阿姨", "3栋2单元楼道灯坏了")
    ident = photo(town)
    fate(town, ident, Keeping.FAILED, "gone")
    town.say("a", "王阿姨", "取消")
    town.move(minutes=15)
    assert row(town, ident).due_at is None
    assert steps(town) == []
    assert town.errors() == []


def test_a_photo_that_came_as_a_question(town: Town) -> None:
    ident = photo(town, "吴婶")
    last = town.last_said()
    fate(town, ident, Keeping.REFUSED, "kind")
    with town.database.read() as session:
        (clock,) = Store(session, town.ids["a"]).channels.running()
        handler = Store(session, town.ids["a"]).people.resident(clock.handler_id)
    assert handler is not None
    assert told(town, handler.name, last) == [
        "吴婶发来的照片没下载下来：这种打不开。\n请对方再发一次，或去问一声。"
    ]


def test_a_photo_of_a_danger(town: Town) -> None:
    town.say("a", "孙老师", "厨房着火了")
    ident = photo(town, "孙老师")
    last = town.last_said()
    fate(town, ident, Keeping.FAILED, "network")
    heard = [who for who in ("小李", "小陈", "张主任") if told(town, who, last)]
    assert heard
    for who in heard:
        assert "孙老师发来的照片没下载下来" in told(town, who, last)[0]


def test_a_closed_case_gets_its_note_and_nobody_is_bothered(town: Town) -> None:
    report(town)
    ident = photo(town)
    with town.database.write() as session:
        case = session.scalars(select(Appeal)).one()
        case.stage, case.closed_at = Stage.CONFIRMED, town.now
    last = town.last_said()
    fate(town, ident, Keeping.FAILED, "gone")
    assert told(town, "小李", last) == []
    assert [verb for verb, _ in steps(town)] == ["media", "media_lost"]


@pytest.mark.parametrize(
    ("kind", "extra", "answer"),
    [
        ("video", {"size": 21 * 2**20}, "视频太大，我收不下。发张普通照片就行。"),
        ("photo", {"size": 11 * 2**20}, "照片太大，我收不下。发张普通照片就行。"),
        ("file", {"file_name": "a.exe"}, "这种文件我打不开。发张照片就行。"),
    ],
)
def test_what_is_claimed_too_large_or_strange_is_refused_at_once(
    town: Town, kind: str, extra: dict[str, Any], answer: str
) -> None:
    report(town)
    last = town.last_said()
    ident = photo(town, kind=kind, text="看这里", **extra)
    assert told(town, "王阿姨", last) == [answer]
    (heard,) = told(town, "小李", last)
    assert "没留下" in heard
    assert "看这里" in heard
    assert "控制台" not in heard
    assert (row(town, ident).state, row(town, ident).due_at) == (Keeping.REFUSED, None)
    assert steps(town) == [("media", "看这里")]
    town.move(hours=1)
    assert len(steps(town)) == 1


@pytest.mark.parametrize("kind", ["location", "contact", "sticker"])
def test_what_has_no_bytes_has_no_row(town: Town, kind: str) -> None:
    town.say("a", "王阿姨", kind=kind, extra={"file_id": "x"})
    town.say("a", "王阿姨", kind="photo", extra={"mime": "image/jpeg"})
    with town.database.read() as session:
        assert session.scalars(select(Media)).all() == []


def test_who_deletes_their_data_deletes_what_they_sent(town: Town) -> None:
    report(town)
    mine, waiting, other = photo(town), photo(town), photo(town, "吴婶")
    fate(town, mine, Keeping.KEPT, name="a" * 32, mime="image/jpeg", size=1)
    fate(town, other, Keeping.KEPT, name="b" * 32, mime="image/jpeg", size=1)
    town.say("a", "王阿姨", "我的资料")
    for word in ("全部删掉", "1"):
        town.say("a", "王阿姨", word)
    assert row(town, mine).state is Keeping.ERASED
    assert row(town, waiting).state is Keeping.ERASED
    assert row(town, other).state is Keeping.KEPT
    with town.database.read() as session:
        assert media.erased(session) == {mine: "a" * 32}
        assert media.due(session, ["web-a"], town.now + timedelta(days=9), ()) is None


def test_half_a_year_after_its_case_was_closed_a_photo_goes(town: Town) -> None:
    report(town)
    closed = photo(town)
    town.say("a", "吴婶", "4栋门口的垃圾桶满了没人收")
    town.say("a", "吴婶", "1")
    open_still, asked = photo(town, "吴婶"), photo(town, "郑大哥")
    for number, ident in enumerate((closed, open_still, asked)):
        fate(town, ident, Keeping.KEPT, name=f"{number:032x}", mime="image/jpeg", size=1)
    with town.database.write() as session:
        case = session.scalars(select(Appeal).where(Appeal.number == 1)).one()
        case.stage, case.due_at = Stage.CONFIRMED, None
        case.closed_at = town.now + timedelta(days=3)
    town.rehearsal.now += KEEP + timedelta(days=2)
    tend(town)
    assert row(town, closed).state is Keeping.KEPT, "its case was closed less than that ago"
    assert row(town, asked).state is Keeping.ERASED
    town.rehearsal.now += timedelta(days=2)
    tend(town)
    assert row(town, closed).state is Keeping.ERASED
    assert row(town, open_still).state is Keeping.KEPT


def tend(town: Town) -> None:
    with town.database.write() as session:
        desk = town.dispatcher.desk(Store(session, town.ids["a"]), town.now)
        again = town.dispatcher.contents.duties["erase_old_media"](desk)
        assert again == town.now + timedelta(days=1)
