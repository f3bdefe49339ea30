"""Readers waiting for something new in a chat: woken after the commit, never by sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Hub:
    """Wakes the readers of chats. `notify` may be called from any thread."""

    def __init__(self) -> None:
        self._waiting: dict[int, set[asyncio.Event]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closing = False

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()

    def notify(self, chats: Iterable[int]) -> None:
        """Something new was committed in these chats."""
        ids = list(chats)
        if ids and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, ids)

    def _wake(self, chats: list[int]) -> None:
        for chat in chats:
            for event in self._waiting.get(chat, ()):
                event.set()

    def close(self) -> None:
        """Lets every reader go, so that open streams do not hold up the end."""
        self.closing = True
        for events in self._waiting.values():
            for event in events:
                event.set()

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Waits until one of the chats has something new; False when the time is over.

        `event` must be from `listen`, taken before the reader looked.
        """
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return False
        event.clear()
        return not self.closing

    def listen(self, chats: Iterable[int]) -> asyncio.Event:
        """An event set whenever one of the chats has something new; give it back to `leave`."""
        event = asyncio.Event()
        for chat in chats:
            self._waiting.setdefault(chat, set()).add(event)
        if self.closing:
            event.set()
        return event

    def leave(self, chats: Iterable[int], event: asyncio.Event) -> None:
        for chat in chats:
            events = self._waiting.get(chat, set())
            events.discard(event)
            if not events:
                self._waiting.pop(chat, None)
