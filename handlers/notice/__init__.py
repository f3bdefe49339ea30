"""通知: composing one with a preview, publishing it at the channel's pace, and who answered 收到."""

from handlers.notice.compose import compose, undo_notice
from handlers.notice.publish import publish_due
from handlers.notice.receipts import held, receipt, received, situation

__all__ = [
    "compose", "held", "publish_due", "receipt", "received", "situation", "undo_notice",
]  # fmt: skip
