"""平安点名: asks everybody of a place, repeats to the silent, ends at the doors."""

from handlers.rollcall.answers import again, answered, safe, undo_answer
from handlers.rollcall.call import end, plan_rollcall, start, undo_start
from handlers.rollcall.chase import chase_silent, door_list, situation
from handlers.rollcall.reported import reported, undo_reported

__all__ = [
    "again",
    "answered",
    "chase_silent",
    "door_list",
    "end",
    "plan_rollcall",
    "reported",
    "safe",
    "situation",
    "start",
    "undo_answer",
    "undo_reported",
    "undo_start",
]
