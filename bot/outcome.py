"""What a row says on its platform, in pieces that fit, and what the outcome of a send means."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bot.adapters.base import Caps, Fail, Out, Sent, answers, split, with_lines
from bot.pacing import CONFIG_PAUSE, throttle
from storage.models import Sending
from storage.store.sending import Mark, Waiting

TRIES = 30  # about two hours at these waits; longer when the whole channel is in trouble
LONGEST_WAIT = 300.0  # seconds between two tries of one message
KNOCKED = "knocked"  # a template said that there is more: the whole waits for their next message


def backoff(tried: int, jitter: float) -> timedelta:
    """2, 4, 8 … 300 seconds, a quarter more or less; `jitter` is in [0, 1)."""
    return timedelta(seconds=min(LONGEST_WAIT, 2.0**tried) * (0.75 + jitter / 2))


def size(text: str, caps: Caps) -> int:
    """How long a text is to a platform."""
    return len(text.encode()) if caps.text_unit == "bytes" else len(text)


def pieces(row: Waiting, caps: Caps) -> list[str]:
    """A text in pieces that still fit with the speaker's name before and numbered lines after."""

    around = 0 if row.sender == "bot" else size(f"{row.sender}（）：\n", caps)
    around += size(with_lines("", row.choices), caps) if row.choices else 0
    limit = max(caps.text_max // 4, caps.text_max - around)
    return [piece for piece in split(row.text, limit, caps.text_unit) if piece] or [row.text]


def next_out(row: Waiting, caps: Caps) -> tuple[Out, bool]:
    """The piece of a row that leaves now, and whether it is the last."""
    parts = pieces(row, caps)
    number = min(len(row.parts.split()), len(parts) - 1)
    last = number == len(parts) - 1
    first = number == 0
    choices = row.choices if caps.links else tuple(answers(row.choices))
    return Out(
        chat=row.chat,
        text=parts[number],
        choices=choices if last else (),
        inline=row.inline,
        sender=row.sender if first else "bot",
        group=row.group,
        media=row.media if first else None,
        key=f"{int(row.created_at.timestamp())}-{row.id}-{number}" if row.created_at else "",
        token=row.spent.token if row.spent else "",
        nth=row.spent.nth if row.spent else 0,
        template=row.spent.template if row.spent else False,
    ), last


def outcome(row: Waiting, sent: Sent, last: bool, now: datetime, jitter: float) -> Mark:
    """Where a row stands after a send. Each Fail has one consequence."""
    tried, why = row.attempts + 1, (sent.detail or str(sent.fail or ""))[:200]
    # A throttle or a wrong token is no fault of the message: it keeps its place, uncounted.
    held = max(1, row.attempts)
    parts = row.parts or None
    back = row.spent.name if row.spent else ""  # it was certainly not said: its leave is not spent

    def queued(wait: timedelta | None, attempts: int, **more: Any) -> Mark:
        at = now + wait if wait else None
        return Mark(row.id, row.chat_id, Sending.QUEUED, parts, why, attempts, at, **more)

    def refused(status: Sending, *, gone: bool = False, void: bool = False) -> Mark:
        elsewhere = why != KNOCKED
        return Mark(
            row.id, row.chat_id, status, parts, why, tried, gone=gone, refused=elsewhere, void=void
        )

    match sent.fail:
        case None if last:
            # A reply is known by one id: that of the last piece, which carries the choices.
            ident = sent.ids[-1] if sent.ids else parts
            if sent.handed:
                return Mark(row.id, row.chat_id, Sending.HANDED, ident, None, tried, row.not_before)
            return Mark(
                row.id, row.chat_id, Sending.SENT, ident, None, tried, row.not_before, sent_at=now
            )
        case None:
            ids = " ".join([*row.parts.split(), ",".join(sent.ids) or "-"])
            return Mark(row.id, row.chat_id, Sending.QUEUED, ids)
        case Fail.THROTTLED:
            return queued(throttle(sent), held, back=back)
        case Fail.CONFIG:
            return queued(CONFIG_PAUSE, held, back=back)
        case Fail.MOVED if sent.moved_to and tried < TRIES:
            return Mark(
                row.id, row.chat_id, Sending.QUEUED, parts, why, tried, moved_to=sent.moved_to
            )
        case Fail.RETRY if tried < TRIES:
            return queued(backoff(tried, jitter), tried, perhaps=True)
        case Fail.WINDOW:
            return refused(Sending.WAITING, void=True)
        case Fail.GONE:
            return refused(Sending.FAILED, gone=True)
        case Fail.REJECTED:
            return refused(Sending.FAILED)
        case _:  # tried too often; one of the tries may have arrived
            return Mark(row.id, row.chat_id, Sending.FAILED, parts, why, tried)


def unsent(row: Waiting) -> Mark:
    """Back to where it stood: it was taken, and then not sent."""
    back = row.spent.name if row.spent else ""
    return Mark(
        row.id, row.chat_id, Sending.QUEUED, row.parts or None, None, row.attempts, back=back
    )
