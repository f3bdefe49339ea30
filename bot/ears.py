"""The ear as the settings want it: its model, and whom it asks for a second opinion.

One place for `run`, `chat`, `play`, `classify` and `doctor`; apart from app.py, whose imports would
double the time `classify` takes to start.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from bot.settings import BadSettings, Hearing, Settings
from nlp import Ear, Intent
from nlp.ear import SHIPPED
from nlp.second import SecondEar

log = logging.getLogger("huiyin.ear")


def open_ear(settings: Settings, cache: Path | None) -> Ear:
    """The ear; what is wrong with its model is logged, once. Raises BadSettings."""
    ear = make_ear(settings, cache)
    if ear.fault is not None:
        log.error("听力模型用不了，现在只按词表听，容易听漏：%s", ear.fault)
    return ear


def make_ear(settings: Settings, cache: Path | None) -> Ear:
    """The same without a word. `cache` keeps the dictionary between starts. Raises BadSettings."""
    chosen = settings.ear
    model = Path(chosen.model) if chosen.model else SHIPPED
    return Ear(cache, model=model, second=make_second(chosen))


class OneAtATime:
    """A second ear that keeps its scratch space in itself, asked by one thread at a time."""

    def __init__(self, inner: SecondEar) -> None:
        self.name = inner.name
        self._inner = inner
        self._lock = threading.Lock()

    def chances(self, text: str) -> dict[Intent, float] | None:
        with self._lock:
            return self._inner.chances(text)


def make_second(chosen: Hearing) -> SecondEar | None:
    """Whom the ear asks where it doubts; nobody by default. Raises BadSettings."""
    if chosen.second == "openai":
        from bot.local_model import LocalModel

        return LocalModel(chosen.base_url, chosen.name, chosen.key)
    if chosen.second == "e5":
        from nlp.semantic import NoSemantics, Semantic

        try:
            return OneAtATime(Semantic())
        except NoSemantics as error:
            raise BadSettings([f"ear.second: {error}"]) from error
    return None
