"""诉求: filing it, the staff's side of it, and chasing what is late."""

from handlers.appeal.chase import escalate_overdue
from handlers.appeal.correcting import became_help, rather_help, rather_help_answered, recategorise
from handlers.appeal.filing import appeal, my_appeals, undo_filing
from handlers.appeal.reported import reported, undo_reported
from handlers.appeal.staff import (
    accept,
    done,
    hand_on,
    handed,
    next_step,
    reply,
    reply_to,
    resident_says,
    solved,
    to_do,
    undo_solved,
)

__all__ = [
    "accept",
    "appeal",
    "became_help",
    "done",
    "escalate_overdue",
    "hand_on",
    "handed",
    "my_appeals",
    "next_step",
    "rather_help",
    "rather_help_answered",
    "recategorise",
    "reply",
    "reply_to",
    "reported",
    "resident_says",
    "solved",
    "to_do",
    "undo_filing",
    "undo_reported",
    "undo_solved",
]
