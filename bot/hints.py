"""Tells the other processes what was committed here, and hears what was committed there.

Only to be quicker: whatever a hint says, everybody also looks for themselves once a second.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from storage import Database, Unavailable, hints

log = logging.getLogger("huiyin.hints")

LOOK = 1.0  # seconds between two looks whether we are to end
AGAIN = 2.0  # seconds until a lost connection is made anew
CHATS, HELD = 400, 40  # in one hint, so that it fits


@dataclass(frozen=True)
class Hint:
    """`receipts`: messages wait for turns. `chats` have something new; `held` were answered."""

    receipts: bool = False
    leases: bool = False  # somebody gave theirs back
    chats: frozenset[int] = frozenset()
    held: frozenset[tuple[str, str]] = field(default=frozenset())

    def __or__(self, other: Hint) -> Hint:
        return Hint(
            self.receipts or other.receipts,
            self.leases or other.leases,
            self.chats | other.chats,
            self.held | other.held,
        )

    def lines(self, sender: str) -> list[str]:
        """As it is sent, in pieces that fit."""
        chats, held = (
            list(_pieces(sorted(self.chats), CHATS)),
            list(_pieces(sorted(self.held), HELD)),
        )
        count = max(1, len(chats), len(held))
        found = []
        for n in range(count):
            said: dict[str, Any] = {"from": sender}
            said |= {"receipts": 1} if self.receipts else {}
            said |= {"leases": 1} if self.leases else {}
            said |= {"chats": chats[n]} if n < len(chats) else {}
            said |= {"held": held[n]} if n < len(held) else {}
            line = json.dumps(said, separators=(",", ":"))
            if len(line) < hints.MOST:  # keys of a platform may be long; it is only a hint
                found.append(line)
        return found


def _pieces(values: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (values[at : at + size] for at in range(0, len(values), size))


def read(line: str, me: str) -> Hint | None:
    """What another process said; None for our own words and for nonsense."""
    try:
        said = json.loads(line)
        if said["from"] == me:
            return None
        return Hint(
            bool(said.get("receipts")),
            bool(said.get("leases")),
            frozenset(int(one) for one in said.get("chats", ())),
            frozenset((str(one[0]), str(one[1])) for one in said.get("held", ())),
        )
    except (ValueError, KeyError, TypeError, IndexError):
        return None


class Hints:
    """Two threads, from `start` to `close`: one says, one hears. Without a database they wait."""

    def __init__(self, database: Database, me: str, heard: Callable[[Hint], None]) -> None:
        """`heard` is called in a thread of ours."""
        self._database, self._me, self._heard = database, me, heard
        self._to_say: queue.SimpleQueue[Hint | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep_on, args=(work,), name="hints", daemon=True)
            for work in (self._say, self._hear)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def tell(self, hint: Hint) -> None:
        """Says it soon, together with what else waits. Returns at once; any thread may call."""
        self._to_say.put(hint)

    def close(self) -> None:
        """Says what waits, and ends."""
        self._closing.set()
        self._to_say.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(2 * LOOK)

    def _keep_on(self, work: Callable[[], None]) -> None:
        while not self._closing.is_set():
            try:
                work()
            except Unavailable as error:
                log.debug("no hints: %s", error)
                self._closing.wait(AGAIN)

    def _say(self) -> None:
        with hints.wire(self._database) as connection:
            while True:
                hint = self._to_say.get()
                while hint is not None and not self._to_say.empty():
                    more = self._to_say.get()
                    if more is None:
                        self._to_say.put(None)
                        break
                    hint |= more
                if hint is None:
                    return
                for line in hint.lines(self._me):
                    hints.send(connection, line)

    def _hear(self) -> None:
        with hints.wire(self._database) as connection:
            while not self._closing.is_set():
                for line in hints.hear(connection, LOOK):
                    hint = read(line, self._me)
                    if hint is not None:
                        self._heard(hint)
