"""Staff say what a message really was: kept for the ear, and acted on as far as we can."""

from __future__ import annotations

from handlers.turn import Choice, Turn, brief
from nlp import Intent
from storage.models import Appeal, HelpRequest, Incident, IncidentStage, Source

Case = Appeal | HelpRequest | Incident

WAS = {  # what each kind of row was heard as
    "appeal": Intent.APPEAL,
    "help_request": Intent.HELP_ASK,
    "incident": Intent.EMERGENCY,
}
MAY_BE = {  # intent: how staff are asked about it
    Intent.APPEAL: "talk.as_appeal",
    Intent.HELP_ASK: "talk.as_help_ask",
    Intent.QUESTION: "talk.as_question",
    Intent.CHAT: "talk.as_nothing",
}


def correct(turn: Turn) -> None:
    """12 这是求助, or the like in reply to a case; what it is not alone teaches nothing: we ask."""
    case = _case(turn)
    if case is None:
        turn.say("appeal.no_such_number", n=turn.opening["number"])
        return
    intent = Intent(turn.opening["intent"] or _asked(turn, case))
    category = str(turn.opening["category"])
    same = not category or (isinstance(case, Appeal) and case.category == category)
    if intent is WAS[case.__tablename__] and same:
        turn.say("correct.already")
        return
    _keep(turn, case, intent, category)
    if isinstance(case, Appeal):
        _appeal(turn, case, intent, category)
    elif isinstance(case, HelpRequest):
        running = case.closed_at is None
        turn.say("correct.kept_help" if running else "correct.kept", who=_who(turn, case))
    elif case.stage is IncidentStage.ALARMED:
        turn.say("correct.kept_incident", who=_who(turn, case))
        turn.start("incident_mistaken", incident=case.id)
    else:
        turn.say("correct.kept")


def _case(turn: Turn) -> Case | None:
    """What the words speak of: a number is an appeal's."""
    if turn.opening["number"]:
        return turn.store.appeals.numbered(int(turn.opening["number"]))
    kind, _, ident = str(turn.opening["about"]).partition(":")
    if kind == "help_request":
        return turn.store.help.get(int(ident))
    if kind == "incident":
        return turn.store.incidents.get(int(ident))
    return turn.store.appeals.get(int(ident))


def _asked(turn: Turn, case: Case) -> str:
    besides = turn.opening["besides"]
    return turn.ask(
        "correct.what_then",
        *[Choice(i, turn.speech.say(label)) for i, label in MAY_BE.items() if i != besides],
        key="is",
        weak=True,
        text=brief(case.text),
    )


def _keep(turn: Turn, case: Case, intent: Intent, category: str) -> None:
    person = turn.store.people.resident(case.resident_id)
    if case.text != turn.words(person).say("register.erased"):
        turn.keep_sample(case.text, intent, Source.CORRECTED, about=category)


def _appeal(turn: Turn, case: Appeal, intent: Intent, category: str) -> None:
    if intent is Intent.APPEAL:
        turn.start("recategorise", appeal=case.id, category=category)
    elif not case.is_live:
        turn.say("correct.kept")
    elif intent is Intent.HELP_ASK:
        turn.start("rather_help", appeal=case.id)
    else:
        turn.say("correct.kept_appeal", n=case.number)


def _who(turn: Turn, case: Case) -> str:
    person = turn.store.people.resident(case.resident_id)
    return person.name if person else ""
