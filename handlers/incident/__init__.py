"""突发事件: a danger is passed on at once, and passed further until a person goes."""

from handlers.incident.alarm import climb_incidents
from handlers.incident.reported import reported, taken_back, undo_reported
from handlers.incident.resident import (
    ask_danger,
    confirm,
    emergency,
    emergency_kind,
    seems_over,
    stand_down_mine,
    undo_incident,
)
from handlers.incident.staff import all_well, closing, i_go, mistaken, reply_to, taking

__all__ = [
    "all_well",
    "ask_danger",
    "climb_incidents",
    "closing",
    "confirm",
    "emergency",
    "emergency_kind",
    "i_go",
    "mistaken",
    "reply_to",
    "reported",
    "seems_over",
    "stand_down_mine",
    "taken_back",
    "taking",
    "undo_incident",
    "undo_reported",
]
