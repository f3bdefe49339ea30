"""huiyin.toml and HUIYIN_SECTION__KEY: the installation's settings, checked before the start."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

SECONDS = ("", "e5", "openai")


class BadSettings(ValueError):
    """What is wrong with the settings, every fault in its own line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Http:
    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = ""  # for webhooks and links; empty: http://host:port


@dataclass(frozen=True)
class Limits:
    messages_per_minute: int = 30  # one resident
    sessions_per_minute: int = 60  # new web sessions, one address


@dataclass(frozen=True)
class Hearing:
    """The ear's model, and whom it asks for a second opinion; base_url, name, key are openai's."""

    model: str = ""  # a file made by huiyin train --ear; empty: the shipped one
    second: str = ""  # one of SECONDS; empty: nobody is asked
    base_url: str = ""
    name: str = ""
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Settings:
    database_url: str = ""  # empty: sqlite:///<data>/huiyin.db
    communities: tuple[str, ...] = ("communities/example.toml",)
    data: str = "data"
    http: Http = field(default_factory=Http)
    limits: Limits = field(default_factory=Limits)
    ear: Hearing = field(default_factory=Hearing)

    @property
    def folder(self) -> Path:
        return Path(self.data)

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.folder / 'huiyin.db'}"

    @property
    def public_url(self) -> str:
        return (self.http.public_url or f"http://{self.http.host}:{self.http.port}").rstrip("/")


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings from a file (default huiyin.toml, if it is there) and the environment over it.

    Raises BadSettings with every unknown key and bad value.
    """
    chosen = path or (Path(environ["HUIYIN_CONFIG"]) if "HUIYIN_CONFIG" in environ else None)
    raw: dict[str, Any] = {}
    if chosen is not None or Path("huiyin.toml").exists():
        file = chosen or Path("huiyin.toml")
        try:
            raw = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError:
            raise BadSettings([f"{file}: 找不到或读不了这个文件"]) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadSettings([f"{file}: {error}"]) from None
    for name, value in environ.items():
        if name.startswith("HUIYIN_") and name not in ("HUIYIN_CONFIG", "HUIYIN_TEST_DATABASE_URL"):
            keys = name.removeprefix("HUIYIN_").lower().split("__")
            table = raw
            for key in keys[:-1]:
                inner = table.setdefault(key, {})
                table = inner if isinstance(inner, dict) else {}
            table[keys[-1]] = value
    faults: list[str] = []
    settings: Settings = _filled(Settings(), raw, "", faults)
    if not 0 <= settings.http.port <= 65535:
        faults.append(f"http.port: 应在 1 到 65535 之间，不是 {settings.http.port}")
    for key in ("messages_per_minute", "sessions_per_minute"):
        if getattr(settings.limits, key) < 1:
            faults.append(f"limits.{key}: 应是正整数")
    url = settings.database_url
    if url and not url.startswith(("sqlite:", "postgresql:")):
        faults.append("database_url: 应以 sqlite: 或 postgresql: 开头")
    faults += _ear_faults(settings.ear)
    if faults:
        raise BadSettings(faults)
    return settings


def _ear_faults(ear: Hearing) -> list[str]:
    """What is wrong with [ear]. That the model's file can be read is not asked here: with a broken
    one the bot still opens, hears by its rules and says so (Ear.fault)."""
    faults = []
    if ear.second not in SECONDS:
        faults.append(f'ear.second: 应是 ""、"e5" 或 "openai"，不是 {ear.second!r}')
    asked = ear.second == "openai"
    if (asked or ear.base_url) and not _is_address(ear.base_url):
        faults.append(
            "ear.base_url: 应是 http:// 或 https:// 开头的地址，如 http://127.0.0.1:8000/v1"
        )
    if asked and not ear.name.strip():
        faults.append("ear.name: 应是那个模型的名字，second 是 openai 时要写")
    if not all("!" <= sign <= "~" for sign in ear.key):
        faults.append("ear.key: 应是一串英文字母、数字和符号，没有空白")
    return faults


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, brackets that do not close
        return False


def _filled(default: Any, raw: Mapping[str, Any], where: str, faults: list[str]) -> Any:
    """A dataclass with the values of a table; notes what it cannot take."""
    hints = get_type_hints(type(default))
    known = {f.name for f in fields(default)}
    values: dict[str, Any] = {}
    for key, value in raw.items():
        name = f"{where}{key}"
        if key not in known:
            faults.append(f"{name}: 不认识这个键，可用的是 {'、'.join(sorted(known))}")
        elif is_dataclass(hints[key]):
            if isinstance(value, Mapping):
                values[key] = _filled(getattr(default, key), value, f"{name}.", faults)
            else:
                faults.append(f"{name}: 应是一个表")
        else:
            try:
                values[key] = _value(hints[key], value)
            except ValueError as error:
                faults.append(f"{name}: {error}")
    return replace(default, **values)


def _value(kind: Any, value: Any) -> Any:
    if kind is int:
        if isinstance(value, bool) or not str(value).strip().lstrip("-").isdigit():
            raise ValueError(f"应是整数，不是 {value!r}")
        return int(value)
    if kind is str:
        if not isinstance(value, str):
            raise ValueError(f"应是一段文字，不是 {value!r}")
        return secret(value)
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f'应是列表，如 ["communities/example.toml"]，不是 {value!r}')
    return tuple(value)


def secret(value: str, environ: Mapping[str, str] | None = None) -> str:
    """The value behind env:NAME or file:PATH; any other value is itself. Raises ValueError."""
    if value.startswith("env:"):
        name = value.removeprefix("env:")
        found = (os.environ if environ is None else environ).get(name)
        if not found:
            raise ValueError(f"环境变量 {name} 没有设置")
        return found
    if value.startswith("file:"):
        path = Path(value.removeprefix("file:"))
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError:
            raise ValueError(f"读不了文件 {path}") from None
    return value
