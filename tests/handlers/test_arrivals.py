"""Who comes by a link or a scanned code, and matters that move from a group into private."""

from __future__ import annotations

import pytest

from nlp import Ear
from storage import Store
from storage.models import START, Credential, Inbound, Incident
from tests.handlers.messenger import Messenger, texts
from tests.town import Town

GROUP = "-100"


@pytest.fixture
def tg(one_ear: Ear) -> Messenger:
    return Messenger(one_ear)


def carry(tg: Messenger, words: str, user: str = "u1") -> str:
    """Says something private in the group; the payload of the button under the answer."""
    heard = tg.write(user, words, group=GROUP, addressed=True)
    [answer] = [one for one in heard if one.chat == GROUP]
    assert "私下" in answer.text
    [[digit, label, callback]] = answer.choices
    assert (digit, label) == ("", "私下接着说")
    assert callback.startswith(START)
    return str(callback).removeprefix(START)


def test_a_building_s_code_tells_where_somebody_lives(tg: Messenger) -> None:
    place = tg.place("3栋")
    heard = tg.start("u1", f"p{place}")
    assert "3栋" in texts(heard, "u1")
    assert "我的资料" in texts(heard, "u1"), "what is kept is said"
    assert (tg.person("u1").home_id, tg.person("u1").confirmed) == (place, False)
    # It is a welcome: the next words are not greeted again, and need no "where".
    heard = tg.write("u1", "家里停水了")
    assert "我这样报" in texts(heard, "u1")
    assert "3栋" in texts(heard, "u1")
    assert "我是" not in texts(heard, "u1")


def test_a_known_home_stays(tg: Messenger) -> None:
    tg.start("u1", f"p{tg.place('3栋')}")
    heard = tg.start("u1", f"p{tg.place('1栋')}")
    assert tg.person("u1").home_id == tg.place("3栋")
    assert "您好" in texts(heard, "u1")


def test_the_code_of_a_wider_place_asks_which_building(tg: Messenger) -> None:
    heard = tg.start("u1", f"p{tg.place('东苑')}")
    assert "哪一栋" in texts(heard, "u1")
    assert tg.person("u1").home_id is None


def test_followed_by_a_scan(tg: Messenger) -> None:
    """WeChat: subscribed by scanning; without a scene it is the welcome."""
    place = tg.place("3栋")
    heard = tg.write("u1", kind="joined", extra={"scene": f"p{place}"})
    assert "3栋" in texts(heard, "u1")
    assert tg.person("u1").home_id == place
    assert "哪一栋" in texts(tg.write("u2", kind="joined"), "u2")
    assert "哪一栋" in texts(tg.write("u3", kind="joined", extra={"scene": "?"}), "u3")


@pytest.mark.parametrize("scene", ["", "hello", "p0", "p999999", "p1x", "m1", "m", "x" * 64])
def test_an_unknown_scene_is_a_plain_start(tg: Messenger, scene: str) -> None:
    assert "您要办什么" in texts(tg.start("u1", scene), "u1")


@pytest.mark.parametrize("scene", ["HYAAAABBBB", "HY-AAAA-BBBB", "hy_aaaa_bbbb"])
def test_a_code_binds(tg: Messenger, scene: str) -> None:
    tg.code("invite", "小李")
    assert "您是小李" in texts(tg.start("u1", scene), "u1")
    assert tg.person("u1").name == "小李"


def test_a_place_of_another_community_is_none_of_ours(one_ear: Ear) -> None:
    town = Town(one_ear, ("a", "b"))
    with town.database.read() as session:
        place = Store(session, town.ids["b"]).people.place_named("3栋")
        assert place is not None
        ident = place.id
    said = town.say("a", "u1", kind="start", extra={"scene": f"p{ident}"})
    assert "您要办什么" in said[-1].text


# From a group


def test_a_matter_goes_on_in_private(tg: Messenger) -> None:
    payload = carry(tg, "我家3栋501漏水了")
    heard = tg.start("u1", payload)
    assert "我这样报" in texts(heard, "u1")
    assert "漏水" in texts(heard, "u1")
    assert texts(heard, GROUP) == ""
    assert "编号 1" in texts(tg.write("u1", "1"), "u1")


def test_the_group_hears_no_matter(tg: Messenger) -> None:
    heard = tg.write("u1", "我家3栋501漏水了", group=GROUP, addressed=True)
    assert "漏水" not in texts(heard, GROUP)
    assert "501" not in texts(heard, GROUP)


def test_a_danger_that_is_carried_alarms(tg: Messenger) -> None:
    tg.write("u1", "大家好", group=GROUP)
    payload = carry(tg, "我家3栋501漏水了")
    with tg.town.database.write() as session:
        session.get_one(Inbound, int(payload[1:])).text = "3栋501着火了，快来人！"
    tg.start("u1", payload)
    with tg.town.database.read() as session:
        assert [i.text for i in session.query(Incident)] == ["3栋501着火了，快来人！"]


def test_nobody_takes_up_the_words_of_another(tg: Messenger) -> None:
    payload = carry(tg, "我家3栋501漏水了")
    heard = tg.start("u2", payload)
    assert "漏水" not in texts(heard, "u2")
    assert "您要办什么" in texts(heard, "u2")


def test_a_matter_is_taken_along_once(tg: Messenger) -> None:
    payload = carry(tg, "我家3栋501漏水了")
    tg.start("u1", payload)
    tg.write("u1", "1")
    assert "您要办什么" in texts(tg.start("u1", payload), "u1")


def test_a_matter_is_not_taken_along_after_a_week(tg: Messenger) -> None:
    payload = carry(tg, "我家3栋501漏水了")
    tg.town.move(days=8)
    assert "漏水" not in texts(tg.start("u1", payload), "u1")


def test_private_words_are_not_carried(tg: Messenger) -> None:
    tg.write("u1", "我家3栋501漏水了")
    tg.write("u1", "取消")
    assert "您要办什么" in texts(tg.start("u1", "m1"), "u1")


def test_words_from_another_channel_are_not_carried(tg: Messenger) -> None:
    """The same name there may be somebody else."""
    tg.town.say("a", "u1", "我家3栋501漏水了", group="3栋群", addressed=True)
    with tg.town.database.read() as session:
        ident = session.query(Inbound).filter(Inbound.group).one().id
    assert "漏水" not in texts(tg.start("u1", f"m{ident}"), "u1")


def test_whoever_has_a_private_chat_needs_no_button(tg: Messenger) -> None:
    tg.write("u1", "你好")
    heard = tg.write("u1", "我家3栋501漏水了", group=GROUP, addressed=True)
    assert [one.choices for one in heard if one.chat == GROUP] == [[]]
    assert "我这样报" in texts(heard, "u1")


# Codes in groups


def test_a_group_is_bound_by_its_code_never_by_its_name(tg: Messenger) -> None:
    tg.code("invite", "小李")
    tg.write("worker", "HY-AAAA-BBBB")
    tg.write("u1", "大家好", group=GROUP, extra={"name": "3栋群"})
    assert tg.chat(GROUP).place_id is None
    given = texts(tg.write("worker", "绑群 3栋"), "worker")
    code = given.splitlines()[1]
    assert "3栋" in given
    heard = tg.write("u1", f"绑群 {code}", group=GROUP, addressed=True)
    assert tg.chat(GROUP).place_id == tg.place("3栋")
    assert "3栋" in texts(heard, GROUP)
    assert "听得到" not in texts(heard, GROUP)
    assert "「3栋群」绑到3栋了" in texts(heard, "worker")
    # Once only.
    heard = tg.write("u1", code, group="-200", addressed=True)
    assert "用过" in texts(heard, "-200")
    assert tg.chat("-200").place_id is None


def test_a_bound_group_is_bound_anew_and_says_what_it_hears(tg: Messenger) -> None:
    tg.code("invite", "小李")
    tg.write("worker", "HY-AAAA-BBBB")
    for place in ("3栋", "1栋"):
        code = texts(tg.write("worker", f"绑群 {place}"), "worker").splitlines()[1]
        tg.write("u1", group=GROUP, kind="group", extra={"heard": False})
        heard = tg.write("u1", code.lower().replace("-", ""), group=GROUP, addressed=True)
        assert tg.chat(GROUP).place_id == tg.place(place)
        assert "只听得到 @ 我" in texts(heard, GROUP)


def test_a_group_code_is_asked_for_a_place(tg: Messenger) -> None:
    tg.code("invite", "小李")
    tg.write("worker", "HY-AAAA-BBBB")
    assert "哪里的" in texts(tg.write("worker", "绑群"), "worker")
    assert "HY-" in texts(tg.write("worker", "3号楼"), "worker")
    assert "没有「99栋」" in texts(tg.write("worker", "绑群 99栋"), "worker")
    assert "没找到" in texts(tg.write("worker", "98栋"), "worker")


@pytest.mark.parametrize("words", ["绑群", "绑群 3栋", "bind"])
def test_in_a_group_it_says_how_to_bind_it(tg: Messenger, words: str) -> None:
    assert "社区工作者" in texts(tg.write("u1", words, group=GROUP, addressed=True), GROUP)
    assert tg.chat(GROUP).place_id is None


def test_residents_give_no_codes(tg: Messenger) -> None:
    assert "工作人员用的" in texts(tg.write("u1", "绑群"), "u1")


def test_a_group_code_ends(tg: Messenger) -> None:
    tg.code("invite", "小李")
    tg.write("worker", "HY-AAAA-BBBB")
    code = texts(tg.write("worker", "绑群 3栋"), "worker").splitlines()[1]
    assert "发给群" not in code
    assert "给群用的" in texts(tg.write("u1", code), "u1")
    tg.town.move(days=8)
    assert "过期" in texts(tg.write("u1", code, group=GROUP, addressed=True), GROUP)


@pytest.mark.parametrize("kind", ["invite", "link"])
@pytest.mark.parametrize("words", ["HY-AAAA-BBBB", "我的码是 HY-AAAA-BBBB，帮我绑一下"])
@pytest.mark.parametrize("addressed", [True, False])
def test_a_person_s_own_code_in_a_group_is_void(
    tg: Messenger, kind: str, words: str, addressed: bool
) -> None:
    tg.code(kind, "张主任")
    heard = tg.write("u1", words, group=GROUP, addressed=addressed)
    assert "私下" in texts(heard, GROUP)
    assert "AAAA" not in texts(heard, GROUP)
    assert "张主任" not in texts(heard, GROUP)
    with tg.town.database.read() as session:
        assert [c.used_at is not None for c in session.query(Credential)] == [True]
    assert "张主任" not in texts(tg.write("u2", "HY-AAAA-BBBB"), "u2")


def test_what_only_looks_like_a_code_is_listened_to(tg: Messenger) -> None:
    assert tg.write("u1", "HY-AAAA-BBBB 这是什么型号？", group=GROUP) == []


# Topics


def test_a_topic_knows_what_its_group_knows(tg: Messenger) -> None:
    tg.code("invite", "小李")
    tg.write("worker", "HY-AAAA-BBBB")
    code = texts(tg.write("worker", "绑群 3栋"), "worker").splitlines()[1]
    tg.write("u1", group=GROUP, kind="group", extra={"heard": False, "name": "3栋群"})
    tg.write("u1", code, group=GROUP, addressed=True)
    extra = {"parent": GROUP, "name": "3栋群 › 停水"}
    heard = tg.write("u1", "水几点来？", group=f"{GROUP}/7", addressed=True, extra=extra)
    assert {one.chat for one in heard} >= {f"{GROUP}/7"}
    topic = tg.chat(f"{GROUP}/7")
    assert (topic.place_id, topic.name, topic.heard) == (tg.place("3栋"), "3栋群 › 停水", False)
    tg.write("u1", "在吗", group=f"{GROUP}/8", addressed=True, extra={"parent": GROUP})
    assert tg.chat(f"{GROUP}/8").name == "3栋群"


def test_what_happens_to_a_group_happens_to_its_topics(tg: Messenger) -> None:
    tg.code("invite", "小李")
    tg.write("worker", "HY-AAAA-BBBB")
    tg.write("u1", "大家好", group=GROUP)
    tg.write("u1", "大家好", group="-1001")
    for topic in (f"{GROUP}/7", f"{GROUP}/8", "-1001/7"):
        tg.write("u1", "大家好", group=topic, extra={"parent": topic.partition("/")[0]})
    first, second = (
        texts(tg.write("worker", f"绑群 {p}"), "worker").splitlines()[1] for p in ("1栋", "3栋")
    )
    tg.write("u1", first, group=f"{GROUP}/8", addressed=True)
    tg.write("u1", second, group=GROUP, addressed=True)
    places = [tg.chat(f"{GROUP}{topic}").place_id for topic in ("", "/7", "/8")]
    assert places == [tg.place("3栋"), tg.place("3栋"), tg.place("1栋")]
    tg.write("u1", group=GROUP, kind="group", extra={"heard": False})
    tg.write("u1", group=GROUP, kind="left")
    for topic, there in ((f"{GROUP}/7", False), ("-1001/7", True)):
        assert (tg.chat(topic).heard, not tg.chat(topic).gone) == (there, there)
