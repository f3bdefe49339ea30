"""通知: composing with a preview, publishing at the channel's pace, and who answered 收到."""

from handlers.notice.compose import compose, reached, schedule, scheduled, undo_notice
from handlers.notice.publish import audience_words, publish_due
from handlers.notice.quota import group_words, trouble
from handlers.notice.receipts import held, receipt, received, situation, stopped

__all__ = [
    "audience_words",
    "compose",
    "group_words",
    "held",
    "publish_due",
    "reached",
    "receipt",
    "received",
    "schedule",
    "scheduled",
    "situation",
    "stopped",
    "trouble",
    "undo_notice",
]
