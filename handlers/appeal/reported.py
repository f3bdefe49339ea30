"""Cases that staff file for others, row by row of a pasted text."""

from __future__ import annotations

from handlers.appeal.case import drop, offer
from handlers.appeal.filing import open_case
from handlers.turn import Turn, about, brief


def reported(turn: Turn) -> None:
    """One case a row, each with its number; whom it is for hears it, and may take it back."""
    lines, idents = [], []
    for row in turn.opening["rows"]:
        known = turn.store.people.resident(row["resident"])
        person = known or turn.person
        place = turn.store.people.place(row["place"])
        handler = turn.handler(place, row["category"])
        case = open_case(
            turn,
            person,
            turn.chat_with(person) or turn.chat,
            what=row["text"],
            category=row["category"],
            level="urgent" if row["urgent"] else "default",
            words=row["where"],
            place=place,
            handler=handler,
        )
        idents.append(str(case.id))
        if handler is not None and handler.id != turn.person.id:
            offer(turn, case, handler, "appeal.new")
        lines.append(
            turn.speech.say(
                "appeal.reported_line",
                n=case.number,
                who=row["label"],
                what=brief(case.text, 24),
                to=handler.name if handler else turn.file.name,
            )
        )
        if known is not None and known.id != turn.person.id:
            told = turn.tell(
                known,
                "appeal.reported_for_you",
                about=about(case),
                n=case.number,
                who=turn.person.name,
                what=brief(case.text, 24),
            )
            chat = turn.chat_with(known)
            if told is not None and chat is not None:
                chat.undo = {"what": "appeal", "about": about(case)}
    turn.say("appeal.reported", count=len(lines), lines="\n".join(lines))
    turn.can_undo("reported_appeals", f"appeal:{','.join(idents)}")


def undo_reported(turn: Turn, idents: str) -> None:
    """错了 by whoever pasted: every case of it that is still open."""
    count = 0
    for ident in idents.split(","):
        case = turn.store.appeals.get(int(ident))
        if case is None or not case.is_live:
            continue
        count += 1
        handler = drop(turn, case)
        person = turn.store.people.resident(case.resident_id)
        for one in (handler, person):
            if one is not None and one.id != turn.person.id:
                turn.tell(
                    one,
                    "appeal.withdrawn",
                    about=about(case),
                    n=case.number,
                    who=turn.person.name,
                    what=brief(case.text),
                )
    turn.say("appeal.reported_undone" if count else "talk.nothing_to_undo", count=count)
