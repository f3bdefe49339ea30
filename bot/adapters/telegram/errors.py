"""What Telegram's errors mean: each becomes one Fail."""

from __future__ import annotations

from datetime import timedelta

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

import bot.adapters.telegram.quiet  # noqa: F401
from bot.adapters.base import Fail, Sent

NOBODY_THERE = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "user is deactivated",
    "message thread not found",  # a topic that was deleted; or closed, until somebody writes there
    "topic_deleted",
    "topic_closed",
)


def sent_of(error: TelegramError, token: str = "") -> Sent:
    """An error as the outcome of a send. Its detail holds no token and no text."""
    said = error.message.replace(token, "…")[:120] if token else error.message[:120]
    match error:
        case RetryAfter():
            seconds = error.retry_after
            if isinstance(seconds, timedelta):
                seconds = seconds.total_seconds()  # type: ignore[assignment]
            return Sent(fail=Fail.THROTTLED, retry_after=float(seconds), detail="429")  # type: ignore[arg-type]
        case ChatMigrated():
            return Sent(fail=Fail.MOVED, moved_to=str(error.new_chat_id), detail="migrated")
        case Forbidden():
            return Sent(fail=Fail.GONE, detail=said)
        case InvalidToken():
            return Sent(fail=Fail.CONFIG, detail="the token is not valid")
        case Conflict():
            return Sent(fail=Fail.RETRY, detail="409: another process polls, or a webhook is set")
        case TimedOut():
            return Sent(fail=Fail.RETRY, detail="timed out; it may have been sent")
        case BadRequest():  # a NetworkError to PTB: asked about first, or it is retried for ever
            gone = any(sign in said.lower() for sign in NOBODY_THERE)
            return Sent(fail=Fail.GONE if gone else Fail.REJECTED, detail=said)
        case NetworkError():
            # Its words may hold a URL or whatever a proxy answered.
            cause = type(error.__cause__).__name__ if error.__cause__ else "HTTP error"
            return Sent(fail=Fail.RETRY, detail=f"network: {cause}")
        case _:
            return Sent(fail=Fail.RETRY, detail=type(error).__name__)
