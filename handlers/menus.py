"""The digit menu that stands under every answer an elder gets."""

from __future__ import annotations

from handlers.conversing import callback
from handlers.desk import Desk
from handlers.turn import Ask, Choice
from storage.models import Chat, Conversation, Resident


def stand_menu(desk: Desk) -> None:
    """Puts the main menu under the last thing each elder was told, where nothing else is asked."""
    last = {row.chat_id: row for row in desk.said if row.kind == "answer"}
    for chat_id, row in last.items():
        chat = desk.store.messages.chat(chat_id)
        person = _elder(desk, chat)
        if chat is None or person is None or row.choices:
            continue
        if desk.store.messages.standing(chat, desk.now):
            continue
        open_ones = desk.store.messages.conversations(chat)
        if any(not one.asking.get("weak") for one in open_ones):
            continue
        for one in open_ones:
            desk.store.session.delete(one)
        ask: Ask = desk.contents.menu(desk.words(person))
        menu = desk.store.messages.open(
            Conversation(
                community_id=desk.store.community_id,
                chat_id=chat.id,
                resident_id=person.id,
                matter="menu",
                opening={},
                answers={},
                asking=ask.as_dict(),
                waiting=[],
                step=0,
                asked_at=desk.now,
                opened_at=desk.now,
                after=chat.turns,
            )
        )
        choices = [Choice(c[0], c[1]) for c in ask.choices]
        row.choices = [[str(n), c.label, f"{callback(menu)}={n}"] for n, c in enumerate(choices, 1)]


def _elder(desk: Desk, chat: Chat | None) -> Resident | None:
    if chat is None or chat.group:
        return None
    person = desk.store.people.resident(chat.resident_id)
    return person if person is not None and person.elder and not person.is_staff else None
