"""群发 that wait until a person of ours lets them go, in their own messenger."""

from __future__ import annotations

from dataclasses import dataclass

from bot.web.console.frame import View
from storage.models import DRAFT


@dataclass(frozen=True)
class Draft:
    """One that waits. `name` is the person's, as the community file has it among the senders."""

    name: str
    about: str


def drafts(view: View) -> list[Draft]:
    """All that wait, the oldest first."""
    waiting = view.store.messages.handed()
    if not waiting:
        return []
    names = {
        (row["id"], DRAFT + sender["userid"]): str(sender["name"])
        for row in view.desk.file.channels
        for sender in row.get("senders", [])
    }
    return [
        Draft(names.get((chat.channel_id, chat.external_id), chat.name or ""), outbound.about or "")
        for outbound, chat in waiting
    ]
