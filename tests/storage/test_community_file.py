"""A community file: every fault is named by its key, all at once, whatever stands in the file."""

from __future__ import annotations

import copy
import json
import tomllib
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.platforms import PLATFORMS
from storage.community_file import BadCommunity, parse, read

EXAMPLE = Path(__file__).parents[2] / "communities" / "example.toml"
RAW = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))


def faults(change: dict[str, Any] | str, value: Any = None) -> list[str]:
    """What is said of the example with one key changed: "people.0.role" = value."""
    raw = copy.deepcopy(RAW)
    changes = change if isinstance(change, dict) else {change: value}
    for dotted, new in changes.items():
        table: Any = raw
        *above, last = dotted.split(".")
        for step in above:
            table = table[int(step)] if isinstance(table, list) else table.setdefault(step, {})
        if isinstance(table, list):
            table[int(last)] = new
        elif new is ...:
            del table[last]
        else:
            table[last] = new
    try:
        parse(raw, PLATFORMS)
    except BadCommunity as error:
        return error.faults
    return []


def test_the_example_is_without_fault() -> None:
    file = read(EXAMPLE)
    assert (file.name, file.slug, file.demo) == ("幸福里社区", "xingfuli", True)
    assert ("东苑", "1片区", "3栋") in file.places
    assert file.level("default").first_response == timedelta(hours=2)
    assert file.level("urgent").wall
    assert file.level("no such level") == file.level("default")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        # keys nobody reads, at every level
        ("colour", "red", "colour: 不认识这个键"),
        ("hours.mondays", [], "hours.mondays: 不认识这个键"),
        ("service_levels.default.speed", "2h", "service_levels.default.speed: 不认识这个键"),
        ("service_levels.vip.firstresponse", "2h", "service_levels.vip.firstresponse: 不认识"),
        ("places.0.colour", "red", "places[0].colour: 不认识这个键"),
        ("places.0.children.0.size", 3, "places[0].children[0].size: 不认识这个键"),
        ("people.0.age", 3, "people[0].age: 不认识这个键"),
        ("duty.0.room", "1", "duty[0].room: 不认识这个键"),
        ("channels.0.token", "x", "channels[0].token: 不认识这个键"),
        # what must be there
        ("name", ..., "name: 必须写"),
        ("name", "  ", "name: 必须写"),
        ("slug", ..., "slug: 必须写"),
        ("people.0.name", ..., "people[0].name: 必须写"),
        ("people.0.name", "", "people[0].name: 必须写"),
        ("people.0.name", 7, "people[0].name: 必须写"),
        ("places.0.name", ..., "places[0].name: 必须写"),
        ("channels.0.id", ..., "channels[0].id:"),
        ("channels.0.platform", ..., "channels[0].platform: 应是"),
        # values
        ("slug", "Xing Fu", "slug: 只能用"),
        ("language", "fr", "language: 应是"),
        ("language", ["zh-CN"], "language: 应是"),
        ("timezone", "Mars/Olympus", "timezone: 没有这个时区"),
        ("timezone", "", "timezone: 没有这个时区"),
        ("timezone", "Asia", "timezone: 没有这个时区"),
        ("timezone", "../etc/passwd", "timezone: 没有这个时区"),
        ("timezone", 8, "timezone: 没有这个时区"),
        ("demo", "yes", "demo: 应是 true 或 false"),
        ("hours", 5, "hours: 应是一个表"),
        ("hours.weekdays", [["12:00", "08:30"]], "hours.weekdays: 开始要早于结束"),
        ("hours.weekdays", ["08:30", "12:00"], "hours.weekdays: 应写成"),
        ("hours.weekdays", 5, "hours.weekdays:"),
        ("hours.saturday", [["8点", "12点"]], "hours.saturday: 时间应写成"),
        ("hours.holidays", "China", "hours.holidays: 应是国家代码"),
        ("hours.holidays", "XX", "hours.holidays:"),
        ("hours.holidays", True, "hours.holidays: 应是国家代码"),
        ("hours.closed", ["2026-13-01"], "hours.closed: 日期应写成"),
        ("hours.closed", 5, "hours.closed:"),
        ("hours.closed", "2026-10-01", "hours.closed:"),
        ("service_levels", [], "service_levels: 应是一个表"),
        ("service_levels.urgent", 5, "service_levels.urgent: 应是一个表"),
        ("service_levels.default.first_response", "2小时", "service_levels.default.first_resp"),
        ("service_levels.default.resolution", 7, "service_levels.default.resolution:"),
        ("service_levels.urgent.remind_before", "soon", "service_levels.urgent.remind_before:"),
        (
            "service_levels.default.escalate_after",
            ["0m", "later"],
            "service_levels.default.escalate_after:",
        ),
        ("service_levels.default.escalate_after", "30m", "service_levels.default.escalate_after:"),
        ("service_levels.default.escalate_after", 5, "service_levels.default.escalate_after:"),
        ("service_levels.default.clock", "sun", 'service_levels.default.clock: 应是 "open"'),
        ("places", "东苑", "places: 应是一个列表"),
        ("places.0", 5, "places[0]: 应是一个表"),
        ("places.0.children", "1栋", "places[0].children: 应是一个列表"),
        ("places.1.name", "东苑", "places[1]: “东苑”写了两次"),
        ("places.0.name", "东›苑", "places[0].name:"),
        ("people", {}, "people: 应是 [[people]] 的列表"),
        ("people.0", "张主任", "people[0]: 应是一个表"),
        ("people.1.role", "boss", "people[1].role: 应是"),
        ("people.1.role", ["worker"], "people[1].role: 应是"),
        ("people.1.place", "99片区", "people[1].place: places 里没有“99片区”"),
        ("people.1.place", ["1片区"], "people[1].place:"),
        ("people.1.name", "张主任", "people[1].name: “张主任”写了两次"),
        ("people.8.elder", "yes", "people[8].elder: 应是 true 或 false"),
        ("people.8.willing", 1, "people[8].willing: 应是 true 或 false"),
        ("people.8.unit", 1, "people[8].unit: 应是一段文字"),
        ("people.8.room", 101, "people[8].room: 应是一段文字"),
        ("people.8.phone", 13800000000, "people[8].phone: 应是一段文字"),
        ("people.8.language", "fr", "people[8].language: 应是"),
        ("duty.0.person", "没有这个人", "duty[0].person: 名单里没有"),
        ("duty.0.person", ..., "duty[0].person: 名单里没有"),
        ("duty.0.person", ["小李"], "duty[0].person: 名单里没有"),
        ("duty.0.place", "99片区", "duty[0].place: places 里没有“99片区”"),
        ("duty.0.days", "monday", "duty[0].days:"),
        ("duty.0.hours", ["08:30"], "duty[0].hours:"),
        ("duty.0.hours", ["8点", "5点"], "duty[0].hours:"),
        ("duty.0.hours", 5, "duty[0].hours:"),
        ("duty", "小李", "duty: 应是 [[duty]] 的列表"),
        ("channels.0.platform", "icq", "channels[0].platform: 应是"),
        ("channels.0.platform", ["web"], "channels[0].platform: 应是"),
        ("channels.0.id", "我们", "channels[0].id: 只能用"),
        ("channels.0.groups", [{"name": "群", "place": "99栋"}], "channels[0].groups[0].place:"),
        ("channels.0.groups", [{"place": "3栋"}], "channels[0].groups[0].name: 必须写"),
        ("channels.0.groups", [{"name": "群", "size": 3}], "channels[0].groups[0].size: 不认识"),
        ("channels.0.groups", ["3栋群"], "channels[0].groups[0]: 应是一个表"),
        ("routes", {"lift": "没有这个人"}, "routes.lift: 名单里没有"),
        ("routes", {"lift": ["小李"]}, "routes.lift: 名单里没有"),
        ("routes", ["小李"], "routes: 应是一个表"),
        ("phrases", "x", "phrases: 应是一个表"),
        ("phrases", {"talk": "x"}, "phrases.talk: 应是一个表"),
        ("phrases", {"talk": {"thanks": 5}}, "phrases.talk.thanks: 应是一段文字"),
    ],
)
def test_a_fault_is_named_by_its_key(key: str, value: Any, said: str) -> None:
    found = faults(key, value)
    assert any(fault.startswith(said) for fault in found), found


def test_somebody_must_be_chief() -> None:
    found = faults("people.0.role", "worker")
    assert any("chief" in fault and fault.startswith("people:") for fault in found)


@pytest.mark.parametrize(
    ("channel", "missing"),
    [
        ({"id": "tg", "platform": "telegram"}, ["token"]),
        ({"id": "gzh", "platform": "wechat"}, ["app_id", "token"]),
        (
            {"id": "wecom", "platform": "wecom"},
            ["aes_key", "agent_id", "corp_id", "secret", "token"],
        ),
    ],
)
def test_a_channel_needs_its_credentials(channel: dict[str, Any], missing: list[str]) -> None:
    found = faults("channels", [*RAW["channels"], channel])
    assert found == [f"channels[1].{key}: {channel['platform']} 必须写" for key in missing]


def test_a_webhook_needs_a_secret() -> None:
    channel = {"id": "tg", "platform": "telegram", "token": "1:x", "receive": "webhook"}
    found = faults("channels", [*RAW["channels"], channel])
    assert found == ['channels[1].secret: receive = "webhook" 必须写']
    assert faults("channels", [*RAW["channels"], {**channel, "secret": "s"}]) == []
    found = faults("channels", [*RAW["channels"], {**channel, "receive": "pigeon"}])
    assert found == ["channels[1].receive: 应是 polling | webhook，不是 'pigeon'"]


WECOM = {
    "id": "qw",
    "platform": "wecom",
    "corp_id": "ww1",
    "agent_id": 1000002,
    "secret": "env:S",
    "token": "t",
    "aes_key": "a" * 43,
}
ROBOT = {"name": "工作群", "key": "env:R", "place": "1片区"}
SENDER = {"name": "小李", "userid": "xiaoli"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"aes_key": "file:/run/key", "agent_id": "1000002"}, []),
        ({"robots": [ROBOT], "senders": [SENDER], "open_kfid": "wk1"}, []),
        ({"aes_key": "short"}, ["aes_key: 应是 43 个字母和数字"]),
        ({"aes_key": 5}, ["aes_key: 应是一段文字，不是 5"]),
        ({"open_kfid": ["wk1"]}, ["open_kfid: 应是一段文字，不是 ['wk1']"]),
        ({"robots": {}}, ["robots: 应是 [[channels[1].robots]] 的列表"]),
        ({"robots": ["工作群"]}, ["robots[0]: 应是一个表"]),
        ({"robots": [ROBOT, ROBOT]}, ["robots[1].name: “工作群”写了两次"]),
        ({"robots": [{"name": "工作群"}]}, ["robots[0].key: 必须写"]),
        ({"robots": [{"key": "k"}]}, ["robots[0].name: 必须写"]),
        ({"robots": [{**ROBOT, "place": "99片区"}]}, ["robots[0].place: places 里没有“99片区”"]),
        ({"robots": [{**ROBOT, "url": "x"}]}, ["robots[0].url: 不认识这个键"]),
        ({"senders": [SENDER, {**SENDER, "userid": "b"}]}, ["senders[1].name: “小李”写了两次"]),
        ({"senders": [{"name": "小李", "userid": 5}]}, ["senders[0].userid: 必须写"]),
    ],
)
def test_what_a_wecom_channel_may_say(change: dict[str, Any], said: list[str]) -> None:
    found = faults("channels", [*RAW["channels"], {**WECOM, **change}])
    assert [one.removeprefix("channels[1].") for one in found] == said


def test_two_channels_of_one_name() -> None:
    found = faults("channels", [*RAW["channels"], {"id": "web", "platform": "terminal"}])
    assert found == ["channels[1].id: “web”写了两次"]


def test_all_faults_are_said_at_once() -> None:
    found = faults({"slug": "X Y", "people.1.place": "99片区", "duty.0.days": "monday"})
    assert len(found) == 3


# Whole files


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text('name = "x"\nslug = "x"\n[hours\n', encoding="utf-8")
    with pytest.raises(BadCommunity, match="line 3") as caught:
        read(path)
    assert caught.value.faults[0].startswith(str(path))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", "name = '社区'".encode("gbk")])
def test_a_file_in_another_encoding(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(BadCommunity, match=r"x\.toml"):
        read(tmp_path / "x.toml")


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(BadCommunity, match="读不了"):
            read(path)


def test_dates_and_times_may_be_written_as_toml_has_them() -> None:
    """hours.closed = [2026-10-01] is a date to TOML; it is stored as JSON all the same."""
    raw = copy.deepcopy(RAW)
    raw["hours"]["closed"] = [date(2026, 10, 1), "2026-10-02"]
    raw["hours"]["weekdays"] = [[time(8, 30), time(12)]]
    file = parse(raw)
    assert file.hours.closed == {date(2026, 10, 1), date(2026, 10, 2)}
    again = parse(json.loads(json.dumps(file.raw)))
    assert again.hours == file.hours


# Whatever stands in the file

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=True),
    st.text(max_size=4),
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just([{}]),
    st.just({"name": "东苑"}),
    st.lists(st.text(max_size=2), max_size=2),
    st.just(date(2026, 1, 1)),
    st.just(time(8, 0)),
    st.just("\x00"),
)


def spots(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of the example where a value stands."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    found: list[tuple[Any, ...]] = []
    for key, value in pairs:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += spots(value, (*path, key))
    return found


RICH = {**RAW, "routes": {"lift": "小李"}, "phrases": {"talk": {"thanks": "谢谢"}}}
RICH["channels"] = [
    *RAW["channels"],
    {
        "id": "tg",
        "platform": "telegram",
        "token": "t",
        "api_base": "http://x",
        "receive": "polling",
    },
]
SPOTS = spots(RICH)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SPOTS), VALUES), min_size=1, max_size=3))
def test_any_file_is_either_accepted_or_refused_with_faults(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    raw = copy.deepcopy(RICH)
    for path, value in changes:
        node: Any = raw
        try:
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change removed the place
    try:
        file = parse(raw, PLATFORMS)
    except BadCommunity as error:
        assert error.faults
        deep = ["文件套得太深，读不了"]  # two changes may have put a table into itself
        assert error.faults == deep or all(":" in fault for fault in error.faults)
    else:
        json.dumps(file.raw, allow_nan=False)  # as the database keeps it
