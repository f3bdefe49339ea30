"""A community file: one tenant as TOML. Read, checked whole, every fault named by its key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from storage.community_checks import (
    TOP,
    Keys,
    ServiceLevel,
    Shift,
    among,
    check_channels,
    check_values,
    note_unknown,
    plain,
    read_hours,
    read_levels,
    read_people,
    read_places,
    read_shifts,
    table_in,
)
from storage.hours import Hours


class BadCommunity(ValueError):
    """What is wrong with a community file, every fault in its own line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


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
    def shown_name(self) -> str:
        """The name as pages show it: a demo never looks like the real thing."""
        mark = "（演示）" if self.language.startswith("zh") else " (demo)"
        return self.name + mark if self.demo else self.name

    @property
    def people(self) -> list[dict[str, Any]]:
        return list(self.raw.get("people", []))

    @property
    def channels(self) -> list[dict[str, Any]]:
        return list(self.raw.get("channels", []))

    def level(self, name: str) -> ServiceLevel:
        return self.levels.get(name) or self.levels["default"]


def read(path: Path, platforms: Mapping[str, Keys] | None = None) -> CommunityFile:
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
        return parse(raw, platforms)
    except BadCommunity as error:
        raise BadCommunity([f"{path}: {fault}" for fault in error.faults]) from None


def parse(raw: dict[str, Any], platforms: Mapping[str, Keys] | None = None) -> CommunityFile:
    """A checked community from its TOML tables. Raises BadCommunity with every fault.

    `platforms` are those channels may be on, beside our own; without it the keys of channels are
    not looked at.
    """
    faults: list[str] = []
    try:
        raw = plain(raw)
    except RecursionError:
        raise BadCommunity(["文件套得太深，读不了"]) from None
    note_unknown(raw, TOP, "", faults)
    check_values(raw, "", faults)
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
    hours = read_hours(raw.get("hours", {}), zone, faults)
    levels = read_levels(raw.get("service_levels", {}), faults)
    places = read_places(raw.get("places", []), faults)
    names = {name for path in places for name in (path[-1], "›".join(path))}
    people = read_people(raw.get("people", []), names, faults)
    shifts = read_shifts(raw.get("duty", []), names, people, faults)
    check_channels(raw.get("channels", []), names, platforms, faults)
    routes = table_in(raw, "routes", faults)
    faults += [
        f"routes.{category}: 名单里没有 {person!r}"
        for category, person in routes.items()
        if not among(person, people)
    ]
    phrases = table_in(raw, "phrases", faults)
    for matter in phrases:
        faults += [
            f"phrases.{matter}.{key}: 应是一段文字，不是 {words!r}"
            for key, words in table_in(phrases, matter, faults, "phrases.").items()
            if not isinstance(words, str)
        ]
    if faults:
        raise BadCommunity(faults)
    return CommunityFile(
        raw,
        raw["name"],
        slug,
        language,
        zone,
        bool(raw.get("demo", False)),
        hours,
        levels,
        places,
        shifts,
        routes,
        phrases,
    )
