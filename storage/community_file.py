"""A community file: one tenant as TOML. Read, checked whole, every fault named by its key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from storage.hours import Hours, days, duration, has_calendar, period, times

ROLES = ("chief", "worker", "volunteer", "resident")
LANGUAGES = ("zh-CN", "en")
TOP = {
    "name", "slug", "language", "timezone", "demo", "hours", "service_levels", "places", "people",
    "duty", "channels", "phrases", "routes",
}  # fmt: skip
HOURS = {"weekdays", "saturday", "sunday", "holidays", "closed"}
LEVEL = {"first_response", "resolution", "clock", "remind_before", "escalate_after"}
PERSON = {"name", "role", "place", "unit", "room", "phone", "elder", "willing", "language"}
GROUP = {"name", "place"}
TYPES: dict[str, tuple[type, ...]] = {  # of keys that are taken as they stand
    "demo": (bool,), "elder": (bool,), "willing": (bool,), "verified": (bool,),
    "unit": (str,), "room": (str,), "phone": (str,), "token": (str,), "secret": (str,),
    "api_base": (str,), "app_id": (str,), "app_secret": (str,), "aes_key": (str,),
    "corp_id": (str,), "agent_id": (int, str),
}  # fmt: skip
WORDS: dict[str, tuple[str, ...]] = {  # keys with few values
    "role": ROLES, "language": LANGUAGES, "receive": ("polling", "webhook"),
    "account": ("service", "subscription"),
}  # fmt: skip
SHIFT = {"person", "place", "days", "hours"}
CHANNEL: dict[str, tuple[set[str], set[str]]] = {  # platform: (needed, allowed besides)
    "web": (set(), {"groups"}),
    "terminal": (set(), set()),
    "telegram": ({"token"}, {"api_base", "receive", "secret", "groups"}),
    "wechat": (
        {"app_id", "token"},
        {"account", "verified", "app_secret", "aes_key", "api_base"},
    ),
    "wecom": (
        {"corp_id", "agent_id", "secret", "token", "aes_key"},
        {"api_base"},
    ),
}
DEFAULT_LEVELS: dict[str, dict[str, Any]] = {
    "default": {
        "first_response": "2h", "resolution": "7d", "clock": "open", "remind_before": "30m",
        "escalate_after": ["0m", "30m"],
    },
    "urgent": {"first_response": "10m", "resolution": "24h", "clock": "wall"},
}  # fmt: skip


class BadCommunity(ValueError):
    """What is wrong with a community file, every fault in its own line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class ServiceLevel:
    """What is promised for a kind of appeal, and who hears when it is not kept."""

    first_response: timedelta
    resolution: timedelta
    wall: bool  # runs always, not only in opening hours
    remind_before: timedelta
    escalate_after: tuple[timedelta, ...]


@dataclass(frozen=True)
class Shift:
    """One line of the duty roster."""

    person: str
    place: str | None
    days: frozenset[int]
    start: time
    end: time

    def covers(self, local: datetime) -> bool:
        """Whether the shift runs at a local time; one that ends before it starts runs overnight."""
        now, today = local.time(), local.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= now < self.end
        return (today in self.days and now >= self.start) or (
            (today - 1) % 7 in self.days and now < self.end
        )


@dataclass(frozen=True)
class CommunityFile:
    """A checked file. `raw` is what stands in the database."""

    raw: dict[str, Any]
    name: str
    slug: str
    language: str
    zone: ZoneInfo
    demo: bool
    hours: Hours
    levels: dict[str, ServiceLevel]
    places: list[tuple[str, ...]]  # paths, depth first
    shifts: list[Shift]
    routes: dict[str, str]
    phrases: dict[str, Any] = field(default_factory=dict)

    @property
    def people(self) -> list[dict[str, Any]]:
        return list(self.raw.get("people", []))

    @property
    def channels(self) -> list[dict[str, Any]]:
        return list(self.raw.get("channels", []))

    def level(self, name: str) -> ServiceLevel:
        return self.levels.get(name) or self.levels["default"]


def read(path: Path) -> CommunityFile:
    """The file at `path`. Raises BadCommunity with every fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadCommunity([f"{path}: 读不了这个文件（{type(error).__name__}）"]) from None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadCommunity([f"{path}: {error}"]) from None
    try:
        return parse(raw)
    except BadCommunity as error:
        raise BadCommunity([f"{path}: {fault}" for fault in error.faults]) from None


def parse(raw: dict[str, Any]) -> CommunityFile:
    """A checked community from its TOML tables. Raises BadCommunity with every fault."""
    faults: list[str] = []
    raw = _plain(raw)
    _unknown(raw, TOP, "", faults)
    _values(raw, "", faults)
    for key in ("name", "slug"):
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            faults.append(f"{key}: 必须写，是一段文字")
    slug = str(raw.get("slug", ""))
    if slug and not re.fullmatch(r"[a-z0-9-]{1,40}", slug):
        faults.append(f"slug: 只能用小写字母、数字和横线，不是 {slug!r}")
    language = raw.get("language", "zh-CN")
    zone = ZoneInfo("Asia/Shanghai")
    try:
        zone = ZoneInfo(str(raw.get("timezone", "Asia/Shanghai")))
    except (KeyError, ValueError, OSError):
        faults.append(f"timezone: 没有这个时区 {raw.get('timezone')!r}")
    hours = _hours(raw.get("hours", {}), zone, faults)
    levels = _levels(raw.get("service_levels", {}), faults)
    places = _places(raw.get("places", []), faults)
    names = {name for path in places for name in (path[-1], "›".join(path))}
    people = _people(raw.get("people", []), names, faults)
    shifts = _shifts(raw.get("duty", []), names, people, faults)
    _channels(raw.get("channels", []), names, faults)
    routes = _table(raw, "routes", faults)
    faults += [
        f"routes.{category}: 名单里没有 {person!r}"
        for category, person in routes.items()
        if not _among(person, people)
    ]
    phrases = _table(raw, "phrases", faults)
    for matter in phrases:
        faults += [
            f"phrases.{matter}.{key}: 应是一段文字，不是 {words!r}"
            for key, words in _table(phrases, matter, faults, "phrases.").items()
            if not isinstance(words, str)
        ]
    if faults:
        raise BadCommunity(faults)
    return CommunityFile(
        raw, raw["name"], slug, language, zone, bool(raw.get("demo", False)), hours, levels, places,
        shifts, routes, phrases,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """TOML's own dates and times as words, so that the file can be kept as JSON."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date | time) else value


def _values(row: dict[str, Any], where: str, faults: list[str]) -> None:
    """Notes what a table's plain keys cannot be."""
    for key, value in row.items():
        name, kinds, allowed = f"{where}{'.' if where else ''}{key}", TYPES.get(key), WORDS.get(key)
        if kinds and not isinstance(value, kinds):
            wanted = " true 或 false" if bool in kinds else "一段文字"
            faults.append(f"{name}: 应是{wanted}，不是 {value!r}")
        if allowed and value not in allowed:
            faults.append(f"{name}: 应是 {' | '.join(allowed)}，不是 {value!r}")


def _among(value: object, known: Collection[str]) -> bool:
    return isinstance(value, str) and value in known


def _unknown(table: object, known: set[str], where: str, faults: list[str]) -> bool:
    """Notes keys nobody reads; False when it is no table at all."""
    if not isinstance(table, dict):
        faults.append(f"{where or '文件'}: 应是一个表")
        return False
    faults += [
        f"{where}{'.' if where else ''}{key}: 不认识这个键" for key in table if key not in known
    ]
    return True


def _table(raw: dict[str, Any], key: str, faults: list[str], where: str = "") -> dict[str, Any]:
    table = raw.get(key, {})
    if isinstance(table, dict):
        return table
    faults.append(f"{where}{key}: 应是一个表")
    return {}


def _rows(rows: object, key: str, faults: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(rows, list):
        faults.append(f"{key}: 应是 [[{key}]] 的列表")
        return
    for number, row in enumerate(rows):
        if isinstance(row, dict):
            yield f"{key}[{number}]", row
        else:
            faults.append(f"{key}[{number}]: 应是一个表")


def _hours(raw: object, zone: ZoneInfo, faults: list[str]) -> Hours:
    if not _unknown(raw, HOURS, "hours", faults) or not isinstance(raw, dict):
        raw = {}
    spans: dict[str, tuple[tuple[time, time], ...]] = {}
    for key in ("weekdays", "saturday", "sunday"):
        try:
            spans[key] = tuple(period(pair) for pair in raw.get(key, []))
        except (ValueError, TypeError) as error:
            faults.append(f"hours.{key}: {error}")
            spans[key] = ()
    if "weekdays" not in raw:
        spans["weekdays"] = ((time(8, 30), time(12)), (time(14), time(17, 30)))
    country = raw.get("holidays")
    known = isinstance(country, str) and re.fullmatch("[A-Z]{2}", country) and has_calendar(country)
    if country is not None and not known:
        faults.append(f'hours.holidays: 应是国家代码，如 "CN"，不是 {country!r}')
        country = None
    closed: set[date] = set()
    listed = raw.get("closed", [])
    for day in listed if isinstance(listed, list) else [None]:
        try:
            closed.add(date.fromisoformat(str(day)))
        except ValueError:
            faults.append(f'hours.closed: 日期应写成 ["2026-10-01"]，不是 {day or listed!r}')
    weekly = (spans["weekdays"],) * 5 + (spans["saturday"], spans["sunday"])
    return Hours(zone, weekly, country, frozenset(closed))


def _levels(raw: object, faults: list[str]) -> dict[str, ServiceLevel]:
    levels: dict[str, ServiceLevel] = {}
    if not isinstance(raw, dict):
        faults.append("service_levels: 应是一个表")
        raw = {}
    for name in {**DEFAULT_LEVELS, **raw}:
        where = f"service_levels.{name}"
        table = raw.get(name, {})
        if not _unknown(table, LEVEL, where, faults):
            continue
        merged = {**DEFAULT_LEVELS["default"], **DEFAULT_LEVELS.get(name, {}), **table}
        spans: dict[str, timedelta] = {}
        for key in ("first_response", "resolution", "remind_before"):
            try:
                spans[key] = duration(merged[key])
            except ValueError as error:
                faults.append(f"{where}.{key}: {error}")
                spans[key] = timedelta(hours=1)
        try:
            steps = merged["escalate_after"]
            if not isinstance(steps, list):
                raise ValueError(f'应写成 ["0m", "30m"]，不是 {steps!r}')
            climb = tuple(duration(one) for one in steps)
        except ValueError as error:
            faults.append(f"{where}.escalate_after: {error}")
            climb = ()
        if merged["clock"] not in ("open", "wall"):
            faults.append(f'{where}.clock: 应是 "open" 或 "wall"，不是 {merged["clock"]!r}')
        levels[name] = ServiceLevel(
            spans["first_response"], spans["resolution"], merged["clock"] == "wall",
            spans["remind_before"], climb,
        )  # fmt: skip
    return levels


def _places(raw: object, faults: list[str]) -> list[tuple[str, ...]]:
    paths: list[tuple[str, ...]] = []

    def walk(nodes: object, above: tuple[str, ...], where: str) -> None:
        if not isinstance(nodes, list):
            faults.append(f"{where}: 应是一个列表")
            return
        for number, node in enumerate(nodes):
            here = f"{where}[{number}]"
            table = {"name": node} if isinstance(node, str) else node
            if not _unknown(table, {"name", "children"}, here, faults):
                continue
            name = table.get("name")
            if not isinstance(name, str) or not name.strip() or "›" in name:
                faults.append(f"{here}.name: 必须写，是一个地名")
                continue
            path = (*above, name.strip())
            if path in paths:
                faults.append(f"{here}: “{'›'.join(path)}”写了两次")
            paths.append(path)
            walk(table.get("children", []), path, f"{here}.children")

    walk(raw, (), "places")
    return paths


def _people(raw: object, places: set[str], faults: list[str]) -> dict[str, str]:
    roles: dict[str, str] = {}
    for where, row in _rows(raw, "people", faults):
        _unknown(row, PERSON, where, faults)
        name = row.get("name")
        if not isinstance(name, str) or not name.strip():
            faults.append(f"{where}.name: 必须写")
            continue
        if name in roles:
            faults.append(f"{where}.name: “{name}”写了两次，请加以区别")
        _values(row, where, faults)
        roles[name] = str(row.get("role", "resident"))
        place = row.get("place")
        if place is not None and not _among(place, places):
            faults.append(f"{where}.place: places 里没有“{place}”")
    if "chief" not in roles.values():
        faults.append('people: 至少要有一个 role = "chief"，没人值班时由他兜底')
    return roles


def _shifts(
    raw: object, places: set[str], people: dict[str, str], faults: list[str]
) -> list[Shift]:
    shifts: list[Shift] = []
    for where, row in _rows(raw, "duty", faults):
        _unknown(row, SHIFT, where, faults)
        person, place = row.get("person"), row.get("place")
        if not _among(person, people):
            faults.append(f"{where}.person: 名单里没有 {person!r}")
        if place is not None and not _among(place, places):
            faults.append(f"{where}.place: places 里没有“{place}”")
        key = "hours"
        try:
            start, end = times(row.get("hours", ["00:00", "23:59"]))
            key = "days"
            on = days(str(row.get("days", "daily")))
            shifts.append(Shift(str(person), place, on, start, end))
        except ValueError as error:
            faults.append(f"{where}.{key}: {error}")
    return shifts


def _channels(raw: object, places: set[str], faults: list[str]) -> None:
    seen: set[str] = set()
    for where, row in _rows(raw, "channels", faults):
        name, platform = row.get("id"), row.get("platform")
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_-]{1,40}", name):
            faults.append(f"{where}.id: 只能用小写字母、数字、横线，不是 {name!r}")
        elif name in seen:
            faults.append(f"{where}.id: “{name}”写了两次")
        seen.add(str(name))
        if not _among(platform, CHANNEL):
            faults.append(f"{where}.platform: 应是 {' | '.join(CHANNEL)}，不是 {platform!r}")
            continue
        needed, allowed = CHANNEL[str(platform)]
        _unknown(row, {"id", "platform"} | needed | allowed, where, faults)
        faults += [f"{where}.{key}: {platform} 必须写" for key in sorted(needed - row.keys())]
        _values(row, where, faults)
        if row.get("receive") == "webhook" and not row.get("secret"):
            faults.append(f'{where}.secret: receive = "webhook" 必须写')
        for here, group in _rows(row.get("groups", []), f"{where}.groups", faults):
            _unknown(group, GROUP, here, faults)
            if not isinstance(group.get("name"), str) or not group["name"].strip():
                faults.append(f"{here}.name: 必须写")
            if "place" in group and not _among(group["place"], places):
                faults.append(f"{here}.place: places 里没有“{group['place']}”")
