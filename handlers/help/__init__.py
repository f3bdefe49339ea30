"""邻里互助: asking the neighbours, bringing two together; asks that staff hand in for others."""

from handlers.help.offer import help_offer, undo_offer
from handlers.help.reported import reported, undo_reported
from handlers.help.request import (
    KINDS,
    agree,
    chase_help,
    done,
    help_ask,
    reply_to,
    take,
    undo_ask,
    withdraw,
    words_between,
    worker_takes,
)

__all__ = [
    "KINDS",
    "agree",
    "chase_help",
    "done",
    "help_ask",
    "help_offer",
    "reply_to",
    "reported",
    "take",
    "undo_ask",
    "undo_offer",
    "undo_reported",
    "withdraw",
    "words_between",
    "worker_takes",
]
