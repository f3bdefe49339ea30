"""THE EAR: text → Guess. Pure: no I/O after loading; imports nothing else of ours."""

from nlp.answers import is_ack, yes_no
from nlp.ear import Ear
from nlp.intents import CATEGORIES, DANGERS, Guess, Intent, Urgency, Where
from nlp.numerals import choice

__all__ = [
    "CATEGORIES",
    "DANGERS",
    "Ear",
    "Guess",
    "Intent",
    "Urgency",
    "Where",
    "choice",
    "is_ack",
    "yes_no",
]
