"""Answers a request that its platform holds open, with what the turn said: once, and the same again
when the platform repeats the request. Until then the outbox leaves those rows alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.adapters.base import Caps
from bot.lane import Lane, Rank
from bot.outcome import next_out, size
from storage import Session
from storage.models import Priority
from storage.store import held
from storage.store.sending import Waiting

LOOK = 0.5  # seconds: another process may have handled it without telling us
BETWEEN = "\n\n"  # messages in one reply


@dataclass
class Reply:
    """Many messages as one: those said whole, and one that is only begun, by its new parts."""

    text: str = ""
    said: list[int] = field(default_factory=list)
    begun: dict[int, str] = field(default_factory=dict)


def join(answer: Sequence[Waiting], before: Sequence[Waiting], caps: Caps, more: str = "") -> Reply:
    """One reply of at most `caps.text_max`: what waited `before`, then the answer, which has the
    first claim on the room. Nothing waits beside a danger. `more` ends a reply that leaves
    something unsaid; without it nothing does."""
    reply = _join(answer, before, caps)
    begun = reply.begun or any(row.parts for row in (*answer, *before))
    whole = len(reply.said) == len(answer) + len(before) and not begun
    if whole or not more:
        return reply
    # What is said in pieces is always cut for the same room, or words between two cuts are lost.
    room = replace(caps, text_max=caps.text_max - size(BETWEEN + more, caps))
    reply = _join(answer, before, room)
    if len(reply.said) < len(answer) + len(before):
        reply.text = BETWEEN.join(part for part in (reply.text, more) if part)
    return reply


def _join(answer: Sequence[Waiting], before: Sequence[Waiting], caps: Caps) -> Reply:
    now, rest = _fitting(answer, caps.text_max, caps)
    reply = Reply()
    if not now and rest:  # too long for one reply: begun here
        out, last = next_out(rest[0], caps)
        words = _shown(out.sender, out.plain())
        if size(words, caps) <= caps.text_max:
            if last:
                return Reply(words, [rest[0].id])
            return Reply(words, [], {rest[0].id: f"{rest[0].parts} -".strip()})
    elder: list[tuple[Waiting, str]] = []
    if not rest and not any(row.priority == Priority.DANGER for row in answer):
        used = size(BETWEEN.join(words for _, words in now), caps)
        room = caps.text_max - used - (size(BETWEEN, caps) if now else 0)
        elder, _ = _fitting(before, room, caps)
        if not elder and not now and before:
            return _join(before[:1], (), caps)
    reply.text = BETWEEN.join(words for _, words in [*elder, *now])
    reply.said = [row.id for row, _ in [*elder, *now]]
    return reply


def _fitting(
    rows: Sequence[Waiting], room: int, caps: Caps
) -> tuple[list[tuple[Waiting, str]], list[Waiting]]:
    """The first of these messages that fit whole, with their words; and the others."""
    found: list[tuple[Waiting, str]] = []
    for number, row in enumerate(rows):
        out, last = next_out(row, caps)
        words = _shown(out.sender, out.plain())
        cost = size(words, caps) + (size(BETWEEN, caps) if found else 0)
        if not last or cost > room:
            return found, list(rows[number:])
        room -= cost
        found.append((row, words))
    return found, []


def _shown(sender: str, words: str) -> str:
    return words if sender == "bot" else f"{sender}：\n{words}"


class Holding:
    """`answer` waits for a turn; `tell` says which turns were taken."""

    def __init__(
        self,
        lane: Lane,
        clock: Callable[[], datetime],
        more: Callable[[Session, int, datetime], str],
    ) -> None:
        """`more` are a community's words for "there is more"."""
        self._lane, self._clock, self._more = lane, clock, more
        self._waiting: dict[tuple[str, str], asyncio.Event] = {}
        self._holders: Counter[tuple[str, str]] = Counter()
        self.closing = asyncio.Event()

    def tell(self, handled: Iterable[tuple[str, str]]) -> None:
        """These messages, by channel and key, have been answered and committed."""
        for key in handled:
            if key in self._waiting:
                self._waiting[key].set()

    def close(self) -> None:
        """Lets every request go; what was not said leaves by the outbox."""
        for event in self._waiting.values():
            event.set()
        self.closing.set()

    async def answer(self, channel_id: str, key: str, caps: Caps, until: datetime) -> str:
        """What a message is answered with, "" when nothing was said until then.

        Raises storage.Unavailable.
        """
        held_by = (channel_id, key)
        event = self._waiting.setdefault(held_by, asyncio.Event())
        self._holders[held_by] += 1
        try:
            while True:
                reply = await self._lane.write(
                    Rank.TURN, lambda session: self._take(session, channel_id, key, caps)
                )
                left = (until - self._clock()).total_seconds()
                if reply is not None or left <= 0 or self.closing.is_set():
                    return reply or ""
                event.clear()
                try:
                    await asyncio.wait_for(event.wait(), min(left, LOOK))
                except TimeoutError:
                    continue
        finally:
            self._holders[held_by] -= 1
            if not self._holders[held_by]:
                del self._holders[held_by], self._waiting[held_by]

    def _take(self, session: Session, channel_id: str, key: str, caps: Caps) -> str | None:
        """A transaction: the reply, marked as said; None while the turn is not taken."""
        message = held.find(session, channel_id, key)
        if message is None or message.reply is not None:
            return message.reply if message else ""
        if not message.handled:
            return None
        now, only_here = self._clock(), caps.initiate == "never"
        answer, before = held.sayable(session, message.id, now, only_here=only_here)
        more = self._more(session, message.community_id, now) if only_here else ""
        reply = join(answer, before, caps, more)
        held.replied(session, message.id, reply.text, reply.said, reply.begun, now)
        return reply.text
