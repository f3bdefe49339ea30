"""How often somebody may do something: a sliding minute per key, in memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
KEYS = 20_000  # remembered at most; the longest idle is forgotten first


class Rate:
    """At most `limit` times a minute for each key."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._times: OrderedDict[str, deque[datetime]] = OrderedDict()

    def spend(self, key: str, now: datetime) -> float:
        """Counts one more if there is room and gives 0; else the seconds until there is."""
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        # A clock set back must not lock anybody out.
        while times and not now - MINUTE < times[0] <= now:
            times.popleft()
        if len(times) >= self.limit:
            return max(0.001, (times[0] + MINUTE - now).total_seconds())
        times.append(now)
        while len(self._times) > KEYS:
            self._times.popitem(last=False)
        return 0.0
