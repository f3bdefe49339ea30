"""How fast, and whose turn: token buckets and the choice of what is sent next. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.adapters.base import Caps, Fail, Sent
from storage.models import Priority
from storage.store.sending import Waiting

AT_ONCE = 8  # sends in flight on a channel; more only costs more CPU each (platforms.md section 1)
KEPT = 5  # one token, and about one place in flight, in this many is kept for the urgent
TICK = timedelta(seconds=0.1)  # what is not urgent is looked for no more often: fewer commits
MARGIN = timedelta(seconds=0.005)  # how unevenly a network may take two sends' ways to it
SLACK = 1e-3  # of a token: datetimes end at microseconds
OUTAGE = 5  # sends in a row that failed for no fault of theirs: the channel itself is in trouble
CONFIG_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = 60.0  # seconds, between tries of a channel in trouble
MANY = 2000  # chats whose buckets are kept before idle ones are forgotten


def urgent(priority: int) -> bool:
    return priority <= Priority.ANSWER


class Pausing:
    """May be closed until a moment; a clock that is set back makes no pause longer."""

    def __init__(self, now: datetime) -> None:
        self.at = now
        self.closed_until: datetime | None = None

    def close(self, until: datetime) -> None:
        if self.closed_until is None or until > self.closed_until:
            self.closed_until = until

    def opens(self, now: datetime) -> datetime:
        """`now`, or when the pause is over."""
        if now < self.at and self.closed_until is not None:
            self.closed_until -= self.at - now
        self.at = now
        return max(now, self.closed_until) if self.closed_until else now


class Bucket(Pausing):
    """Holds up to `size` tokens, refilled at `rate` a second."""

    def __init__(self, rate: float, size: float, now: datetime) -> None:
        super().__init__(now)
        self.rate, self.size, self.tokens = rate, size, size

    def ready(self, now: datetime, keep: float = 0.0) -> datetime:
        """When a token may be taken that leaves `keep` of them: `now`, or later."""
        opens = self._fill(now)
        lack = 1 + keep - self.tokens
        at = now if lack <= SLACK else now + timedelta(seconds=lack / self.rate)
        return max(at, opens)

    def take(self, now: datetime) -> None:
        self._fill(now)
        self.tokens -= 1

    def _fill(self, now: datetime) -> datetime:
        # A clock that was set back refills nothing, and does not stop the refill either.
        passed = max(0.0, (now - self.at).total_seconds())
        self.tokens = min(self.size, self.tokens + passed * self.rate)
        return self.opens(now)


class Window(Pausing):
    """At most `most` in any span of so many seconds, as a platform counts them."""

    def __init__(self, most: int, seconds: float, now: datetime) -> None:
        super().__init__(now)
        self.span = timedelta(seconds=seconds) + MARGIN
        self._times: deque[datetime] = deque(maxlen=most)

    def ready(self, now: datetime) -> datetime:
        """When one more may be taken: `now`, or later."""
        while self._times and self._times[0] > now:  # the clock was set back
            self._times.popleft()
        full = len(self._times) == self._times.maxlen
        return max(self.opens(now), self._times[0] + self.span if full else now)

    def take(self, now: datetime) -> None:
        self._times.append(now)

    def late(self, now: datetime) -> None:
        """The last one that was taken left only now."""
        if self._times:
            self._times[-1] = max(now, self._times[-1])

    def idle(self, now: datetime) -> bool:
        """As good as new: it may be forgotten."""
        over = not self._times or self._times[-1] + self.span <= now
        return over and self.opens(now) <= now


class Pace:
    """A channel's buckets, and what its platform has said about our speed."""

    def __init__(self, caps: Caps, now: datetime) -> None:
        self.caps = caps
        # Half a second's worth may leave at once, but always one token beside the kept share.
        size = max(KEPT / (KEPT - 1), caps.rate / 2)
        self.keep = size / KEPT
        self.channel = Bucket(caps.rate, size, now)
        # The bucket says who goes next; that no second sees too many, the gate, at the very start.
        most = max(1, int(caps.rate))
        self._gate = Window(most, most / caps.rate, now)
        self.places = min(AT_ONCE, max(1, int(caps.rate)))  # never more than a second's worth
        self.trouble = ""  # what keeps the channel from sending at all, for the operator
        self._chats: dict[int, list[Window]] = {}
        self._throttled: dict[int, datetime] = {}
        self._failing = 0

    def room(self, priority: int) -> int:
        """How many sends may be in flight when one more of this priority starts."""
        return self.places if urgent(priority) else max(1, self.places - self.places // 4)

    def channel_ready(self, priority: int, now: datetime) -> datetime:
        return self.channel.ready(now, 0.0 if urgent(priority) else self.keep)

    def chat_ready(self, row: Waiting, now: datetime) -> datetime:
        return max(window.ready(now) for window in self._of(row, now))

    def take(self, row: Waiting, now: datetime) -> None:
        self.channel.take(now)
        for window in self._of(row, now):
            window.take(now)

    def start(self, row: Waiting, now: datetime) -> datetime | None:
        """Counts a send that leaves now; or gives when it may, as the platform counts."""
        at = self._gate.ready(now)
        if at > now:
            return at
        self._gate.take(now)
        for window in self._of(row, now):
            window.late(now)
        return None

    def note(self, row: Waiting, sent: Sent, now: datetime) -> None:
        """Learns from an outcome. A throttle stops its chat only; the channel when repeated."""
        if sent.fail is Fail.RETRY:
            self._failing += 1
            if self._failing >= OUTAGE:
                pause = min(LONGEST_PAUSE, 2.0 ** (self._failing - OUTAGE))
                self.channel.close(now + timedelta(seconds=pause))
                self.trouble = sent.detail or "retry"
            return
        self._failing = 0
        if sent.fail is Fail.CONFIG:
            self.channel.close(now + CONFIG_PAUSE)
            self.trouble = sent.detail or "config"
            return
        self.trouble = ""
        if sent.fail is Fail.THROTTLED:
            until = now + throttle(sent)
            self._throttled = {c: t for c, t in self._throttled.items() if t > now}
            self._throttled[row.chat_id] = until
            for window in self._of(row, now):
                window.close(until)
            if sent.everywhere or len(self._throttled) > 1:
                self.channel.close(until)

    def _of(self, row: Waiting, now: datetime) -> list[Window]:
        found = self._chats.get(row.chat_id)
        if found is None:
            if len(self._chats) >= MANY:
                self._chats = {
                    chat: windows
                    for chat, windows in self._chats.items()
                    if not all(window.idle(now) for window in windows)
                }
            found = [Window(1, 1 / self.caps.rate_chat, now)]
            if row.group:
                burst = max(1, int(self.caps.burst_group))
                found.append(Window(burst, burst / self.caps.rate_group, now))
            self._chats[row.chat_id] = found
        return found


def throttle(sent: Sent) -> timedelta:
    """How long a throttle lasts; at least a second, whatever the platform says."""
    return timedelta(seconds=max(1.0, sent.retry_after))


@dataclass
class Picked:
    """What goes now, what is too late, and when to look again for what cannot go yet."""

    rows: list[Waiting] = field(default_factory=list)
    expired: list[int] = field(default_factory=list)
    again: datetime | None = None

    def later(self, at: datetime) -> None:
        self.again = at if self.again is None else min(self.again, at)


def pick(
    pace: Pace, rows: Iterable[Waiting], now: datetime, flying: Mapping[int, int], skip: set[int]
) -> Picked:
    """Chooses from rows in line, the urgent first; takes their tokens.

    `flying` are the chats being sent to. Of each chat only the first in line may go, so order in
    a chat holds; a chat that is decided is put into `skip`, which `rows` may watch.
    """
    picked = Picked()
    skip.update(flying)
    for row in rows:
        if row.chat_id in skip:
            continue
        if row.expires_at is not None and row.expires_at <= now:
            picked.expired.append(row.id)
            continue
        # Whatever comes later in line is no more urgent: where this one finds no room, none does.
        if len(flying) + len(picked.rows) >= pace.room(row.priority):
            break
        at = pace.channel_ready(row.priority, now)
        if at > now:
            picked.later(at if urgent(row.priority) else max(at, now + TICK))
            break
        skip.add(row.chat_id)
        if row.not_before is not None and row.not_before > now:
            picked.later(row.not_before)
            continue
        at = pace.chat_ready(row, now)
        if at > now:
            picked.later(at)
            continue
        pace.take(row, now)
        picked.rows.append(row)
    return picked
