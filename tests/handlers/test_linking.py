"""One resident on many channels: codes, history that moves along, parting, what staff may do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from nlp import Ear
from storage import Store
from storage.models import (
    Appeal,
    Clock,
    Credential,
    Identity,
    Inbound,
    Outbound,
    Question,
    Resident,
    Sending,
)
from tests.handlers.two_channels import (
    CODE,
    chat,
    code_for,
    holder,
    link,
    make_town,
    rows,
    texts,
    who,
)
from tests.town import Town

WRONG = "这个码不对"


@pytest.fixture
def town(one_ear: Ear) -> Town:
    return make_town(one_ear)


def say(town: Town, key: str, *words: str, channel: str = "") -> str:
    """Writes one after the other; gives all that was answered to the last."""
    said: list[Any] = []
    for text in words:
        said = town.say("a", key, text, channel=channel)
    return "\n".join(one.text for one in said)


def file(town: Town, key: str, channel: str = "") -> Appeal:
    say(town, key, "3栋2单元楼道灯坏了", "1", channel=channel)
    with town.database.read() as session:
        found = session.scalars(select(Appeal).order_by(Appeal.id.desc())).first()
    assert found is not None
    return found


def test_a_stranger_s_history_moves_along(town: Town) -> None:
    case = file(town, "wx1", "gzh")
    assert "连好了，王阿姨。您在这些地方都是同一个人：网页、微信公众号。" in link(
        town, "王阿姨", "wx1", "gzh"
    )
    assert who(town, "gzh", "wx1") == who(town, "web-a", "王阿姨")
    assert f"{case.number}号" in say(town, "王阿姨", "我的诉求")
    assert "您在微信公众号也连上了" in texts(town, "web-a", "王阿姨")[-2]
    say(town, "王阿姨", "错了")  # nothing of hers is in danger of being undone there
    with town.database.read() as session:
        assert session.get_one(Resident, case.resident_id).deleted_at is not None


def test_the_answer_goes_where_they_write_now(town: Town) -> None:
    case = file(town, "wx1", "gzh")
    link(town, "王阿姨", "wx1", "gzh")
    town.move(minutes=1)
    say(town, "王阿姨", "谢谢")
    before = town.last_said()
    say(town, "小李", f"回复 {case.number} 明天来修")
    assert any("明天来修" in text for text in texts(town, "web-a", "王阿姨", before))
    assert not texts(town, "gzh", "wx1", before), "the same thing is not said on two channels"


@pytest.mark.parametrize("wrong", ["HY-AAAA-BBBB", "HY-0000-1111", "used", "late", "deleted"])
def test_every_wrong_code_sounds_the_same(town: Town, wrong: str) -> None:
    code = wrong if wrong.startswith("HY") else code_for(town, "王阿姨")
    if wrong == "used":
        say(town, "wx1", code, channel="gzh")
    if wrong == "late":
        town.move(hours=24)
    if wrong == "deleted":
        with town.database.write() as session:
            holder(session, town, "web-a", "王阿姨").deleted_at = town.now
    heard = say(town, "wx2", "你好", "跳过", code, channel="gzh")
    assert heard == "这个码不对，或者已经用过、过期了。请再要一个。"


def test_an_older_code_ends_with_the_next(town: Town) -> None:
    first, second = code_for(town, "王阿姨"), code_for(town, "王阿姨")
    assert WRONG in say(town, "wx1", first, channel="gzh")
    assert "连好了" in say(town, "wx1", second, channel="gzh")


def test_five_wrong_codes_then_the_right_one_is_not_looked_at(town: Town) -> None:
    code = code_for(town, "王阿姨")
    for n in range(5):
        assert WRONG in say(town, "wx1", f"HY-AAAA-AAA{n + 2}", channel="gzh")
    assert "慢一点" in say(town, "wx1", code, channel="gzh")
    assert who(town, "gzh", "wx1") != who(town, "web-a", "王阿姨")
    town.move(minutes=61)
    assert "连好了" in say(town, "wx1", code, channel="gzh")


def test_somebody_known_is_asked_first(town: Town) -> None:
    """Whoever talks a neighbour into saying a code must not get at their things by a slip."""
    say(town, "wx1", "我住5栋", channel="gzh")
    with town.database.write() as session:
        holder(session, town, "gzh", "wx1").home_id = 1
    code = code_for(town, "王阿姨")
    assert "和王阿姨是同一个人吗" in say(town, "wx1", code, channel="gzh")
    assert "没有连" in say(town, "wx1", "2", channel="gzh")
    assert who(town, "gzh", "wx1") != who(town, "web-a", "王阿姨")
    assert "连好了" in say(town, "wx1", code, "1", channel="gzh")
    assert who(town, "gzh", "wx1") == who(town, "web-a", "王阿姨")


def test_the_code_may_be_asked_for_on_either_side(town: Town) -> None:
    """Whoever stands in the community file stays, wherever the code was given."""
    case = file(town, "wx1", "gzh")
    code = code_for(town, "wx1", "gzh")
    assert "连好了，王阿姨" in say(town, "王阿姨", code, "1")
    assert who(town, "gzh", "wx1") == who(town, "web-a", "王阿姨")
    with town.database.read() as session:
        moved = session.get_one(Appeal, case.id)
        assert moved.resident_id == holder(session, town, "web-a", "王阿姨").id


@pytest.mark.parametrize("staff", ["小李", "张主任"])
def test_staff_never_become_somebody_else(town: Town, staff: str) -> None:
    """Nor does a code said by staff make anybody staff."""
    code = code_for(town, "王阿姨")
    before = who(town, "web-a", staff)
    assert f"这里已经是{staff}了" in say(town, staff, code)
    code = code_for(town, "wx1", "gzh")
    assert f"这里已经是{staff}了" in say(town, staff, code)
    assert who(town, "web-a", staff) == before != who(town, "gzh", "wx1")


def test_two_of_the_file_stay_two(town: Town) -> None:
    code = code_for(town, "王阿姨")
    assert "这里已经是李大爷了" in say(town, "李大爷", code)


def test_staff_by_code_hear_what_becomes_theirs(town: Town) -> None:
    case = file(town, "wx1", "gzh")
    code = code_for(town, "小李")
    before = town.last_said()
    assert f"{case.number}号" in say(town, "wx1", code, channel="gzh")
    assert any("记在您名下" in text for text in texts(town, "gzh", "wx1", before))


def test_an_invite_takes_the_history_along_too(town: Town) -> None:
    case = file(town, "wx1", "gzh")
    with town.database.write() as session:
        store = Store(session, town.ids["a"])
        worker = store.people.in_file("小李")
        assert worker is not None
        store.people.give_credential("invite", "HYAAAABBBB", worker, town.now + timedelta(days=7))
    heard = say(town, "wx1", "HY-AAAA-BBBB", channel="gzh")
    assert "绑好了：您是小李（社区工作者）" in heard
    assert "记在您名下" in heard
    with town.database.read() as session:
        assert session.get_one(Appeal, case.id).resident_id == worker.id
    assert "待办" in say(town, "wx1", "待办", channel="gzh")


def test_an_invite_moves_a_chat_but_nobody_s_history_in_the_file(town: Town) -> None:
    """Two people of one phone: 李大爷's phone becomes 小李's; what he reported stays his."""
    case = file(town, "李大爷")
    with town.database.write() as session:
        store = Store(session, town.ids["a"])
        worker = store.people.in_file("小李")
        assert worker is not None
        store.people.give_credential("invite", "HYAAAABBBB", worker, town.now + timedelta(days=7))
    assert "您是小李" in say(town, "李大爷", "HY-AAAA-BBBB")
    with town.database.read() as session:
        person = Store(session, town.ids["a"]).people.in_file("李大爷")
        assert person is not None
        assert person.deleted_at is None
        assert session.get_one(Appeal, case.id).resident_id == person.id


# Parting


def linked(town: Town) -> None:
    link(town, "王阿姨", "wx1", "gzh")


def part_wechat(town: Town) -> str:
    say(town, "王阿姨", "解除关联")
    return say(town, "王阿姨", "2")


def test_parted_at_once_and_asked_elsewhere(town: Town) -> None:
    linked(town)
    town.move(minutes=1)
    case = file(town, "wx1", "gzh")  # the chat used last
    say(town, "小李", f"办结 {case.number} 换好了")
    assert any("解决了吗" in text for text in texts(town, "gzh", "wx1"))
    with town.database.write() as session:
        session.query(Outbound).filter_by(channel_id="gzh").update({"status": Sending.SENT})
    before = town.last_said()
    assert "微信公众号那边跟您分开了" in part_wechat(town)
    assert any("解决了吗" in text for text in texts(town, "web-a", "王阿姨", before))
    assert not texts(town, "gzh", "wx1", before)
    assert who(town, "gzh", "wx1") != who(town, "web-a", "王阿姨")
    with town.database.read() as session:
        there = chat(session, town, "gzh", "wx1")
        assert there.undo is None
        asked = session.query(Question).filter_by(chat_id=there.id, closed_at=None).count()
        assert asked == 0
    assert "还没有报过事" in say(town, "wx1", "我的诉求", channel="gzh")
    assert f"{case.number}号完成了" in say(town, "王阿姨", "1")


def test_what_has_not_left_goes_to_the_other_chat(town: Town) -> None:
    linked(town)
    town.move(minutes=1)
    case = file(town, "wx1", "gzh")
    say(town, "小李", f"办结 {case.number} 换好了")
    part_wechat(town)
    waiting = rows(town, Outbound.channel_id == "gzh", Outbound.status == Sending.QUEUED)
    assert not waiting
    asked = [one for one in texts(town, "web-a", "王阿姨") if "解决了吗" in one]
    assert len(asked) == 1, "moved, not doubled"
    assert f"{case.number}号完成了" in say(town, "王阿姨", "1")


def test_what_is_to_be_told_in_person_stays_with_whom_it_was_meant_for(town: Town) -> None:
    case = file(town, "王阿姨")
    link(town, "王阿姨", "wx1", "gzh")
    with town.database.write() as session:
        there = chat(session, town, "gzh", "wx1")
        session.add(
            Outbound(
                community_id=there.community_id,
                channel_id="gzh",
                chat_id=there.id,
                text="您的申请没通过",
                about=f"appeal:{case.id}",
                created_at=town.now,
                status=Sending.FAILED,
            )
        )

    def listed() -> list[tuple[int, str]]:
        with town.database.read() as session:
            waiting = Store(session, town.ids["a"]).untold.waiting(town.now)
            return [(person.id, row.text) for person, found in waiting for row in found]

    wang = who(town, "web-a", "王阿姨")
    assert listed() == [(wang, "您的申请没通过")]
    say(town, "王阿姨", "解除关联", "2")
    assert who(town, "gzh", "wx1") != wang
    assert listed() == [(wang, "您的申请没通过")]


def test_an_answer_follows_whoever_asked(town: Town) -> None:
    linked(town)
    town.move(minutes=1)
    say(town, "wx1", "居委会周六上班吗？", channel="gzh")
    part_wechat(town)
    with town.database.read() as session:
        clock = session.query(Clock).filter_by(stopped_at=None).one()
        assert clock.chat_id == chat(session, town, "web-a", "王阿姨").id
        told = session.query(Outbound).filter_by(about=f"clock:{clock.id}").all()
    before = town.last_said()
    with town.database.write() as session:
        for row in told:
            session.get_one(Outbound, row.id).external_id = f"m{row.id}"
    mine = {row.id: row for row in town.heard("a", "小李")}
    asked = next(row for row in told if row.id in mine)
    town.say("a", "小李", "周六不上班", reply_to=f"m{asked.id}")
    assert "周六不上班" in texts(town, "web-a", "王阿姨", before)
    assert not texts(town, "gzh", "wx1", before)


def test_in_the_middle_of_something(town: Town) -> None:
    """A conversation open in the parted chat ends; one in the other goes on."""
    linked(town)
    say(town, "wx1", "我要报修", channel="gzh")
    say(town, "王阿姨", "我要报修")
    part_wechat(town)
    assert "我来报" in say(town, "王阿姨", "楼道灯坏了")
    assert "我来报" not in say(town, "wx1", "你好", channel="gzh")
    assert town.errors() == []


def test_erasing_covers_every_channel(town: Town) -> None:
    linked(town)
    case = file(town, "wx1", "gzh")
    code_for(town, "wx1", "gzh")
    with town.database.write() as session:
        chat(session, town, "gzh", "wx1").gone = True  # blocked: the words are here all the same
    assert "在用：网页、微信公众号" in say(town, "王阿姨", "我的资料")
    say(town, "王阿姨", "5", "1")
    with town.database.read() as session:
        person = holder(session, town, "web-a", "王阿姨")
        assert session.query(Credential).filter_by(resident_id=person.id).count() == 0
        keys = {"gzh": "wx1", "web-a": "王阿姨"}
        for channel, key in keys.items():
            heard = session.query(Inbound).filter_by(channel_id=channel, chat_key=key)
            assert [row.text for row in heard if row.text] == (["1"] if channel == "web-a" else [])
        there = chat(session, town, "gzh", "wx1")
        assert not any(row.text for row in session.query(Outbound).filter_by(chat_id=there.id))
        left = session.query(Outbound).filter_by(chat_id=there.id, status=Sending.QUEUED)
        assert left.count() == 0, "nothing empty is sent"
        assert session.get_one(Appeal, case.id).resident_id == person.id


# What staff do on the console


def console(town: Town, matter: str, **opening: object) -> str:
    said = town.say(
        "a", "小李", matter, kind="console", extra={"matter": matter, "opening": opening}
    )
    return "\n".join(one.text for one in said)


def test_a_worker_reads_out_a_code(town: Town) -> None:
    heard = console(town, "link_for", resident=who(town, "web-a", "王阿姨"))
    code = CODE.search(heard)
    assert code
    assert "连好了，王阿姨" in say(town, "wx1", code[0], channel="gzh")


@pytest.mark.parametrize("whom", ["小李", "张主任"])
def test_no_worker_gets_a_code_for_staff(town: Town, whom: str) -> None:
    ident = who(town, "web-a", whom)
    assert "不能这样改" in console(town, "link_for", resident=ident)
    say(town, "wx1", "你好", channel="gzh")
    stranger = who(town, "gzh", "wx1")
    assert "不能这样改" in console(town, "same_person", resident=ident, other=stranger)
    assert "不能这样改" in console(town, "same_person", resident=stranger, other=ident)
    with town.database.read() as session:
        assert session.query(Credential).filter_by(kind="link").count() == 0
        assert session.get_one(Resident, stranger).deleted_at is None


def test_the_same_person_by_a_worker(town: Town) -> None:
    case = file(town, "wx1", "gzh")
    stranger, person = who(town, "gzh", "wx1"), who(town, "web-a", "王阿姨")
    assert "连成一个人了" in console(town, "same_person", resident=stranger, other=person)
    assert who(town, "gzh", "wx1") == person, "whoever is in the file stays"
    heard = [*texts(town, "web-a", "王阿姨"), *texts(town, "gzh", "wx1")]
    assert sum("连成一份了" in text for text in heard) == 1
    assert f"{case.number}号" in say(town, "王阿姨", "我的诉求")
    with town.database.read() as session:
        ident = session.query(Identity).filter_by(channel_id="gzh").one().id
    assert "解除关联了" in console(town, "unlink_for", resident=person, identity=ident)
    assert who(town, "gzh", "wx1") not in (person, stranger)
    assert "不能这样改" in console(town, "unlink_for", resident=person, identity=ident)


def test_residents_reach_none_of_it(town: Town) -> None:
    extra = {"matter": "link_for", "opening": {"resident": who(town, "web-a", "李大爷")}}
    said = town.say("a", "王阿姨", "x", kind="console", extra=extra)
    assert not any("HY-" in one.text for one in said)


def test_who_looks_alike(town: Town) -> None:
    with town.database.write() as session:
        store = Store(session, town.ids["a"])
        wang = store.people.in_file("王阿姨")
        assert wang is not None
        wang.phone = "13800000001"
        base = {"community_id": store.community_id, "created_at": town.now}
        named = store.add(Resident(name="王阿姨", **base))
        phoned = store.add(Resident(name="邻居", phone="13800000001", **base))
        housed = store.add(
            Resident(name="邻居", home_id=wang.home_id, unit=wang.unit, room=wang.room, **base)
        )
        other = store.add(Resident(name="邻居", **base))
        assert store.people.alike(wang, "邻居") == [named, phoned, housed]
        assert store.people.alike(other, "邻居") == []
