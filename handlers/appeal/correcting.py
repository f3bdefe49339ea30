"""A case turns out to be something else: another category, or rather a neighbour's help."""

from __future__ import annotations

from handlers.appeal.case import drop, note, offer, tell_resident
from handlers.turn import Choice, Turn, about, brief
from storage.models import Appeal, Question, Resident, Stage


def recategorise(turn: Turn) -> None:
    """12 改成 停车. A case nobody has taken goes to whoever the new category is routed to."""
    case = turn.store.appeals.get(int(turn.opening["appeal"]))
    if case is None:
        turn.say("appeal.gone")
        return
    before, case.category = case.category, str(turn.opening["category"])
    named = turn.words().category(case.category)
    note(turn, case, "recategorised", turn.person, named)
    moved = _move(turn, case, before)
    turn.say(
        "appeal.recategorised_moved" if moved else "appeal.recategorised",
        about=about(case),
        n=case.number,
        category=turn.speech.category(case.category),
        who=moved.name if moved else "",
    )


def _move(turn: Turn, case: Appeal, before: str) -> Resident | None:
    """To whom it went. Only where the route had put it and nobody answered: else it stays."""
    place = turn.store.people.place(case.place_id)
    old, new = turn.handler(place, before), turn.handler(place, case.category)
    if case.stage is not Stage.OPEN or old is None or new is None or new.id == old.id:
        return None
    if new.name in case.text:  # a complaint about one of us does not go to them
        return None
    if case.handler_id != old.id or not offer(turn, case, new, "appeal.new"):
        return None
    case.handler_id = new.id
    for clock in turn.store.channels.running_about(about(case)):
        clock.handler_id = new.id
    turn.withdraw(about(case), to=old)
    if old.id != turn.person.id:
        turn.tell(old, "appeal.taken_over", about=about(case), n=case.number, who=new.name)
    tell_resident(turn, case, "appeal.moved", who=turn.title(new))
    return new


def rather_help(turn: Turn) -> None:
    """12 这是求助. Neighbours see its words only after a yes, so the resident is asked first."""
    case = turn.store.appeals.get(int(turn.opening["appeal"]))
    person = turn.store.people.resident(case.resident_id) if case else None
    if case is None or person is None:
        turn.say("appeal.gone")
        return
    words = turn.words(person)
    turn.withdraw(about(case), to=person, name="appeal.rather_help")
    asked = turn.put(
        "appeal.rather_help",
        person,
        about(case),
        "appeal.rather_help",
        [
            Choice("yes", words.say("help.ask_them"), ("+", "问吧", "可以")),
            Choice("no", words.say("appeal.keep_it"), ("-", "不用了")),
        ],
        who=turn.person.name,
        text=case.text,
    )
    turn.say(
        "appeal.asked_rather_help" if asked else "appeal.not_reached",
        about=about(case),
        n=case.number,
        who=person.name,
    )


def rather_help_answered(turn: Turn, question: Question, value: str) -> None:
    """The resident's word: ask the neighbours, or leave it with us."""
    case = turn.store.appeals.get(question.about_id)
    if case is None or not case.is_live:
        turn.say("appeal.gone")
        return
    if value == "yes":
        turn.start("help_ask", text=case.text, place=case.place_id, instead_of=case.id)
        return
    handler = turn.store.people.resident(case.handler_id)
    turn.say(
        "appeal.stays",
        about=about(case),
        n=case.number,
        who=handler.name if handler else turn.file.name,
    )
    if handler is not None:
        turn.tell(
            handler, "appeal.stays_staff", about=about(case), n=case.number, who=turn.person.name
        )


def became_help(turn: Turn) -> None:
    """The neighbours have been asked: now, and not before, the case goes."""
    case = turn.store.appeals.get(int(turn.opening["appeal"]))
    if case is None or not case.is_live:
        return
    handler = drop(turn, case)
    if handler is not None:
        turn.tell(
            handler,
            "appeal.became_help",
            about=about(case),
            n=case.number,
            who=turn.person.name,
            what=brief(case.text),
        )
