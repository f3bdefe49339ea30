"""What a community file may say: each key, and every fault by its key."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from storage.hours import Hours, days, duration, has_calendar, period, times

ROLES = ("chief", "worker", "volunteer", "resident")
LANGUAGES = ("zh-CN", "en")
TOP = {
    "name",
    "slug",
    "language",
    "timezone",
    "demo",
    "hours",
    "service_levels",
    "places",
    "people",
    "duty",
    "channels",
    "phrases",
    "routes",
}
HOURS = {"weekdays", "saturday", "sunday", "holidays", "closed"}
LEVEL = {"first_response", "resolution", "clock", "remind_before", "escalate_after"}
PERSON = {"name", "role", "place", "unit", "room", "phone", "elder", "willing", "language"}
GROUP = {"name", "place"}
TYPES: dict[str, tuple[type, ...]] = {  # of keys that are taken as they stand
    "demo": (bool,),
    "elder": (bool,),
    "willing": (bool,),
    "verified": (bool,),
    "unit": (str,),
    "room": (str,),
    "phone": (str,),
    "token": (str,),
    "secret": (str,),
    "api_base": (str,),
    "app_id": (str,),
    "app_secret": (str,),
    "aes_key": (str,),
    "template_text": (str,),
    "template_time": (str,),
    "corp_id": (str,),
    "agent_id": (int, str),
}
WORDS: dict[str, tuple[str, ...]] = {  # keys with few values
    "role": ROLES,
    "language": LANGUAGES,
    "receive": ("polling", "webhook"),
    "account": ("service", "subscription"),
}
SHIFT = {"person", "place", "days", "hours"}
DEFAULT_LEVELS: dict[str, dict[str, Any]] = {
    "default": {
        "first_response": "2h",
        "resolution": "7d",
        "clock": "open",
        "remind_before": "30m",
        "escalate_after": ["0m", "30m"],
    },
    "urgent": {"first_response": "10m", "resolution": "24h", "clock": "wall"},
}


Row = dict[str, Any]


@dataclass(frozen=True)
class Keys:
    """What a channel of one platform may say beside `id` and `platform`.

    `faults` looks closer: (key, what is wrong) for a row whose keys are in order.
    """

    needed: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()
    faults: Callable[[Row], Iterable[tuple[str, str]]] = lambda _row: ()


OURS = {  # platforms that are no platform but us
    "web": Keys(allowed=frozenset({"groups"})),
    "terminal": Keys(),
}


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


def plain(value: Any) -> Any:
    """TOML's own dates and times as words, so that the file can be kept as JSON."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date | time) else value


def check_values(row: dict[str, Any], where: str, faults: list[str]) -> None:
    """Notes what a table's plain keys cannot be."""
    for key, value in row.items():
        name, kinds, allowed = f"{where}{'.' if where else ''}{key}", TYPES.get(key), WORDS.get(key)
        if kinds and not isinstance(value, kinds):
            wanted = " true 或 false" if bool in kinds else "一段文字"
            faults.append(f"{name}: 应是{wanted}，不是 {value!r}")
        if allowed and value not in allowed:
            faults.append(f"{name}: 应是 {' | '.join(allowed)}，不是 {value!r}")


def among(value: object, known: Collection[str]) -> bool:
    return isinstance(value, str) and value in known


def note_unknown(table: object, known: set[str], where: str, faults: list[str]) -> bool:
    """Notes keys nobody reads; False when it is no table at all."""
    if not isinstance(table, dict):
        faults.append(f"{where or '文件'}: 应是一个表")
        return False
    faults += [
        f"{where}{'.' if where else ''}{key}: 不认识这个键" for key in table if key not in known
    ]
    return True


def table_in(raw: dict[str, Any], key: str, faults: list[str], where: str = "") -> dict[str, Any]:
    table = raw.get(key, {})
    if isinstance(table, dict):
        return table
    faults.append(f"{where}{key}: 应是一个表")
    return {}


def rows_in(rows: object, key: str, faults: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(rows, list):
        faults.append(f"{key}: 应是 [[{key}]] 的列表")
        return
    for number, row in enumerate(rows):
        if isinstance(row, dict):
            yield f"{key}[{number}]", row
        else:
            faults.append(f"{key}[{number}]: 应是一个表")


def read_hours(raw: object, zone: ZoneInfo, faults: list[str]) -> Hours:
    if not note_unknown(raw, HOURS, "hours", faults) or not isinstance(raw, dict):
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


def read_levels(raw: object, faults: list[str]) -> dict[str, ServiceLevel]:
    levels: dict[str, ServiceLevel] = {}
    if not isinstance(raw, dict):
        faults.append("service_levels: 应是一个表")
        raw = {}
    for name in {**DEFAULT_LEVELS, **raw}:
        where = f"service_levels.{name}"
        table = raw.get(name, {})
        if not note_unknown(table, LEVEL, where, faults):
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
            spans["first_response"],
            spans["resolution"],
            merged["clock"] == "wall",
            spans["remind_before"],
            climb,
        )
    return levels


def read_places(raw: object, faults: list[str]) -> list[tuple[str, ...]]:
    paths: list[tuple[str, ...]] = []

    def walk(nodes: object, above: tuple[str, ...], where: str) -> None:
        if not isinstance(nodes, list):
            faults.append(f"{where}: 应是一个列表")
            return
        for number, node in enumerate(nodes):
            here = f"{where}[{number}]"
            table = {"name": node} if isinstance(node, str) else node
            if not note_unknown(table, {"name", "children"}, here, faults):
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


def read_people(raw: object, places: set[str], faults: list[str]) -> dict[str, str]:
    roles: dict[str, str] = {}
    for where, row in rows_in(raw, "people", faults):
        note_unknown(row, PERSON, where, faults)
        name = row.get("name")
        if not isinstance(name, str) or not name.strip():
            faults.append(f"{where}.name: 必须写")
            continue
        if name in roles:
            faults.append(f"{where}.name: “{name}”写了两次，请加以区别")
        check_values(row, where, faults)
        roles[name] = str(row.get("role", "resident"))
        place = row.get("place")
        if place is not None and not among(place, places):
            faults.append(f"{where}.place: places 里没有“{place}”")
    if "chief" not in roles.values():
        faults.append('people: 至少要有一个 role = "chief"，没人值班时由他兜底')
    return roles


def read_shifts(
    raw: object, places: set[str], people: dict[str, str], faults: list[str]
) -> list[Shift]:
    shifts: list[Shift] = []
    for where, row in rows_in(raw, "duty", faults):
        note_unknown(row, SHIFT, where, faults)
        person, place = row.get("person"), row.get("place")
        if not among(person, people):
            faults.append(f"{where}.person: 名单里没有 {person!r}")
        if place is not None and not among(place, places):
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


def check_channels(
    raw: object, places: set[str], platforms: Mapping[str, Keys] | None, faults: list[str]
) -> None:
    """Without `platforms` nobody knows which keys one takes: the rows were checked before."""
    seen: set[str] = set()
    for where, row in rows_in(raw, "channels", faults):
        name = row.get("id")
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_-]{1,40}", name):
            faults.append(f"{where}.id: 只能用小写字母、数字、横线，不是 {name!r}")
        elif name in seen:
            faults.append(f"{where}.id: “{name}”写了两次")
        seen.add(str(name))
        if platforms is not None:
            _check_keys(row, where, platforms, faults)
        for here, group in rows_in(row.get("groups", []), f"{where}.groups", faults):
            note_unknown(group, GROUP, here, faults)
            if not isinstance(group.get("name"), str) or not group["name"].strip():
                faults.append(f"{here}.name: 必须写")
            if "place" in group and not among(group["place"], places):
                faults.append(f"{here}.place: places 里没有“{group['place']}”")


def _check_keys(row: Row, where: str, known: Mapping[str, Keys], faults: list[str]) -> None:
    platform = row.get("platform")
    if not among(platform, [*OURS, *known]):
        names = " | ".join([*OURS, *known])
        faults.append(f"{where}.platform: 应是 {names}，不是 {platform!r}")
        return
    name = str(platform)
    keys, before = OURS[name] if name in OURS else known[name], len(faults)
    note_unknown(row, {"id", "platform"} | keys.needed | keys.allowed, where, faults)
    faults += [f"{where}.{key}: {platform} 必须写" for key in sorted(keys.needed - row.keys())]
    check_values(row, where, faults)
    if len(faults) == before:
        faults += [f"{where}.{key}: {wrong}" for key, wrong in keys.faults(row)]
