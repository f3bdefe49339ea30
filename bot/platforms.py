"""The platforms there are: each is a module of `bot.adapters`, named as a channel's `platform`.

Such a module has `KEYS`, what its channels may say in the community file, and `make`. Nothing
else is to be told of it: a new platform is one file. Imported only where a community uses it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

from bot import adapters
from bot.adapters.base import Adapter, Keys

NOT_PLATFORMS = ("base", "tencent")  # modules of that folder that are no platform


@dataclass(frozen=True)
class Tools:
    """What an adapter is made with beside its row.

    `secret` reads env:NAME and file:PATH; `words` gives the text of a phrase ("menu.report").
    """

    clock: Callable[[], datetime]
    secret: Callable[[str], str]
    public_url: str = ""
    words: Callable[[str], str] = str


class Platform(Protocol):
    """A module of `bot.adapters`."""

    KEYS: Keys

    def make(self, row: Mapping[str, Any], tools: Tools) -> Adapter:
        """An adapter for a channel's row. Raises ValueError with what is wrong."""


class Platforms(Mapping[str, Keys]):
    """The keys of every platform, by name. Looking for a name imports nothing."""

    def __init__(self) -> None:
        found = (module.name for module in pkgutil.iter_modules(adapters.__path__))
        self._names = dict.fromkeys(name for name in found if name not in NOT_PLATFORMS)

    def __getitem__(self, name: str) -> Keys:
        if name not in self._names:
            raise KeyError(name)
        return platform(name).KEYS

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


PLATFORMS = Platforms()


def platform(name: str) -> Platform:
    """The module of a platform in PLATFORMS."""
    return cast(Platform, importlib.import_module(f"bot.adapters.{name}"))


def make(row: Mapping[str, Any], tools: Tools) -> Adapter | None:
    """An adapter for a channel; None where we are the platform. Raises ValueError."""
    if row["platform"] not in PLATFORMS:
        return None
    return platform(row["platform"]).make(row, tools)
