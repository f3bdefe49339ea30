"""Imported before anything of PTB's is used: what it and httpx would say on their own."""

from __future__ import annotations

import logging
import os

# Without it PTB warns of a deprecation whenever a RetryAfter is made or a duration is read.
os.environ.setdefault("PTB_TIMEDELTA", "1")

# httpx names URLs, and so the token.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)
# PTB logs whole answers and updates it cannot read, and so people's words: it says nothing.
# Whoever raises its level again still hears nothing.
logging.getLogger("telegram").setLevel(logging.CRITICAL + 1)
logging.getLogger("telegram").addHandler(logging.NullHandler())
logging.getLogger("telegram").propagate = False
