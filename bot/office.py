"""The running parts, as the pages and loops of the shell see them. Built in app.py only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.adapters.base import Adapter
from bot.dispatcher import Dispatcher
from bot.holding import Holding
from bot.hub import Hub
from bot.inbox import Inbox
from bot.lane import Lane
from bot.settings import Settings
from storage import Database


@dataclass
class Office:
    settings: Settings
    database: Database
    lane: Lane
    inbox: Inbox
    hub: Hub
    holding: Holding
    dispatcher: Dispatcher
    adapters: Mapping[str, Adapter]  # by channel id; web channels have none
    clock: Callable[[], datetime]
    code: Callable[[], str]  # a fresh secret, URL-safe
    secret: bytes  # of this installation: signs form tokens and demo links
