"""The resident's side: the alarm goes out first, one question follows; no nod answers it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from handlers.incident.alarm import NEXT_AFTER, alarm_next, tell_alarmed
from handlers.turn import Choice, Turn, about
from nlp import DANGERS, Intent
from storage.models import (
    CheckInStage,
    Incident,
    IncidentStage,
    Place,
    Priority,
    Question,
    Resident,
    Stopped,
)

SAME = timedelta(minutes=30)  # further words of the same person belong to the same danger


def emergency(turn: Turn) -> None:
    """Alarms first; asks afterwards. Also how a roll call's "需要帮助" becomes somebody's task."""
    running = turn.store.incidents.running_of(turn.person, turn.now - SAME)
    from_rollcall = "rollcall" in turn.opening
    if running is not None and not from_rollcall:
        _more(turn, running)
        return
    text = str(turn.opening.get("text") or turn.inbound.text or turn.text)
    place, words = _where(turn)
    danger = turn.heard.danger if turn.heard.danger in DANGERS else "other"
    case = turn.store.add(
        Incident(
            community_id=turn.store.community_id,
            resident_id=turn.person.id,
            chat_id=turn.chat.id,
            text=text,
            danger="needs_help" if from_rollcall else danger,
            place_id=place.id if place else None,
            where=words,
            raised_at=turn.now,
            stage=IncidentStage.ALARMED,
            needs_help=from_rollcall,
            alarmed=[],
        )
    )
    turn.open_clock(
        turn.chat,
        turn.person,
        "needs_help" if from_rollcall else "emergency",
        text,
        about=about(case),
        inbound_id=turn.inbound.id,
    )
    for _, check in turn.store.rollcalls.open_check_ins(turn.person):
        check.stage, check.answered_at = CheckInStage.NEEDS_HELP, turn.now
        check.by_id = None
    first = alarm_next(turn, case)
    case.due_at = turn.now + NEXT_AFTER
    turn.wake("climb_incidents", case.due_at)
    _answer(turn, case, first, from_rollcall)
    if not from_rollcall:  # there 错了 takes the answer back, and this with it
        turn.can_undo("incident", about(case))


def _where(turn: Turn) -> tuple[Place | None, str]:
    found = turn.heard.place
    place = turn.store.people.building(found.building) or turn.store.people.place_named(
        found.spot or ""
    )
    home = turn.store.people.place(turn.person.home_id)
    if turn.chat.group and place is None:
        home = turn.store.people.place(turn.chat.place_id) or home
    words = turn.where_words(found)
    lives = turn.home(turn.person)
    if not found.building and lives:
        phrase = "incident.lives_at" if words else "incident.at_home"
        words = turn.speech.say(phrase, home=lives, where=words)
    return place or home, words or turn.speech.say("place.unknown")


def _answer(turn: Turn, case: Incident, first: list[Resident], from_rollcall: bool) -> None:
    """Shortest words first, numbers first."""
    names = "、".join(p.name for p in first)
    if from_rollcall:
        phrase = "incident.needs_help_passed" if names else "incident.still_nobody"
        turn.say(phrase, about=about(case), who=names)
        return
    private = turn.private()
    if turn.chat.group:
        turn.say("incident.in_group", about=about(case))
        turn.said[-1].priority = Priority.DANGER
    if private is None:
        return
    _ask(turn, case, f"incident.now_{case.danger}", names)


def _ask(turn: Turn, case: Incident, phrase: str, names: str) -> None:
    """The one question of an alarm. No nod answers it: 好的 may only mean "I have read it"."""
    told = turn.speech.say("incident.told" if names else "incident.told_nobody", who=names)
    mistake = "incident.over" if phrase == "incident.really_over" else "incident.mistake"
    turn.withdraw(about(case), to=turn.person, name="incident.confirm")
    turn.put(
        "incident.confirm",
        turn.person,
        about(case),
        phrase,
        [
            Choice("help", turn.speech.say("incident.i_need_help"), ("需要帮助", "要帮助", "快来")),
            Choice("mistake", turn.speech.say(mistake), ("误会", "弄错了", "看错了")),
        ],
        also=[Choice("over", "/(现在)?(已经)?没事(了|儿)?$|好了$|不疼了|平安")],
        chat=turn.private(),
        inline=True,
        priority=Priority.DANGER,
        told=told,
    )


def _more(turn: Turn, case: Incident) -> None:
    """Further words about a danger that is being seen to."""
    tell_alarmed(turn, case, "incident.more_staff", who=turn.person.name, text=turn.text)
    taker = turn.store.people.resident(case.taken_by_id)
    another = turn.heard.intent is Intent.EMERGENCY and turn.heard.danger not in (None, case.danger)
    if another and turn.heard.danger in DANGERS and turn.private() is not None:
        names = "、".join(p.name for p in turn.store.people.residents(case.alarmed).values())
        case.danger = str(turn.heard.danger)
        _ask(turn, case, f"incident.now_{case.danger}", names)
    elif not turn.chat.group:
        turn.say(
            "incident.more_taken" if taker else "incident.more",
            about=about(case),
            who=taker.name if taker else "",
        )


def confirm(turn: Turn, question: Question, value: str) -> None:
    """回1 我需要帮助, 回2 是误会."""
    case = turn.store.incidents.get(question.about_id)
    if case is None:
        return
    if value == "mistake":
        stand_down(turn, case)
        return
    if value == "over":
        _make_sure(turn, case)
        return
    case.needs_help = True
    taker = turn.store.people.resident(case.taken_by_id)
    tell_alarmed(turn, case, "incident.confirmed_staff", who=turn.person.name)
    turn.say(
        "incident.help_comes" if taker else "incident.help_asked",
        about=about(case),
        who=taker.name if taker else "",
    )


def stand_down(turn: Turn, case: Incident) -> None:
    """是误会: everybody who was alarmed hears that it is over."""
    if case.stage in (IncidentStage.FALSE_ALARM, IncidentStage.CLOSED):
        turn.say("incident.already_over")
        return
    case.stage, case.closed_at, case.due_at = IncidentStage.FALSE_ALARM, turn.now, None
    turn.withdraw(about(case))
    turn.stop_clocks(about(case), Stopped.ASKER)
    tell_alarmed(turn, case, "incident.false_alarm_staff", who=turn.person.name)
    turn.say("incident.false_alarm", about=about(case))


def seems_over(turn: Turn) -> None:
    """没事了 while an alarm runs: those alarmed hear it, and one question makes sure."""
    case = turn.store.incidents.running_of(turn.person, turn.now - SAME)
    if case is None:
        turn.start("chat")
    else:
        _make_sure(turn, case)


def _make_sure(turn: Turn, case: Incident) -> None:
    tell_alarmed(turn, case, "incident.more_staff", who=turn.person.name, text=turn.text)
    _ask(turn, case, "incident.really_over", "")


def stand_down_mine(turn: Turn) -> None:
    """The danger this person reported is none after all."""
    case = turn.store.incidents.running_of(turn.person, turn.now - SAME)
    if case is not None:
        stand_down(turn, case)


def undo_incident(turn: Turn, ident: str) -> None:
    case = turn.store.incidents.get(int(ident))
    if case is not None:
        stand_down(turn, case)


def ask_danger(turn: Turn) -> None:
    """有危险 from the menu: one digit says what, and the alarm goes out."""
    kind = turn.ask(
        "incident.what_danger",
        *[
            Choice(k, turn.speech.say(f"incident.kind_{k}"))
            for k in ("fire", "gas", "collapsed", "trapped", "flood", "violence", "other")
        ],
    )
    text = turn.speech.say(f"incident.kind_{kind}")
    turn.start("emergency_kind", kind=kind, text=text)


def emergency_kind(turn: Turn) -> None:
    """The alarm for a danger chosen by digit."""
    turn.heard = replace(turn.heard, danger=str(turn.opening["kind"]))
    emergency(turn)
