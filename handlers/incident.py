"""突发事件: a danger is passed on at once, and passed further every two minutes until a person goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from handlers.turn import Choice, Desk, Turn, about
from nlp import Intent
from storage.models import (
    Incident,
    IncidentStage,
    Place,
    Priority,
    Question,
    Resident,
    Role,
    Stopped,
)

NEXT_AFTER = timedelta(minutes=2)  # unacknowledged: the next person and the chief
AGAIN_AFTER = timedelta(minutes=5)  # everybody has been told: told again
KEEP_TRYING = timedelta(hours=1)
SAME = timedelta(minutes=30)  # further words of the same person belong to the same danger
KINDS = (
    "fire", "gas", "shock", "trapped", "collapsed", "missing", "violence", "self_harm", "flood",
    "falling", "rescue",
)  # fmt: skip


def emergency(turn: Turn) -> None:
    """Alarms first; asks afterwards. Also how a roll call's "需要帮助" becomes somebody's task."""
    running = turn.store.incidents.running_of(turn.person, turn.now - SAME)
    from_rollcall = "rollcall" in turn.opening
    if running is not None and not from_rollcall:
        _more(turn, running)
        return
    text = str(turn.opening.get("text") or turn.inbound.text or turn.text)
    place, words = _where(turn)
    danger = turn.heard.danger if turn.heard.danger in KINDS else "other"
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
        )  # fmt: skip
    )
    turn.open_clock(
        turn.chat, turn.person, "needs_help" if from_rollcall else "emergency", text,
        about=about(case), inbound_id=turn.inbound.id,
    )  # fmt: skip
    first = _alarm_next(turn, case)
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
        "incident.confirm", turn.person, about(case), phrase,
        [Choice("help", turn.speech.say("incident.i_need_help"), ("需要帮助", "要帮助", "快来")),
         Choice("mistake", turn.speech.say(mistake), ("误会", "弄错了", "看错了"))],
        also=[Choice("over", "/(现在)?(已经)?没事(了|儿)?$|好了$|不疼了|平安")],
        chat=turn.private(), inline=True, priority=Priority.DANGER, told=told,
    )  # fmt: skip


def _more(turn: Turn, case: Incident) -> None:
    """Further words about a danger that is being seen to."""
    if "help" in turn.opening:
        case.needs_help = True
    for ident in case.alarmed:
        person = turn.store.people.resident(ident)
        if person is not None:
            turn.tell(person, "incident.more_staff", about=about(case), priority=Priority.DANGER,
                      who=turn.person.name, text=turn.text)  # fmt: skip
    taker = turn.store.people.resident(case.taken_by_id)
    another = turn.heard.intent is Intent.EMERGENCY and turn.heard.danger not in (None, case.danger)
    if another and turn.heard.danger in KINDS and turn.private() is not None:
        names = "、".join(
            p.name for p in turn.store.people.residents(case.alarmed).values()
        )
        case.danger = str(turn.heard.danger)
        _ask(turn, case, f"incident.now_{case.danger}", names)
    elif not turn.chat.group:
        turn.say("incident.more_taken" if taker else "incident.more", about=about(case),
                 who=taker.name if taker else "")  # fmt: skip


def _line(desk: Desk, case: Incident) -> list[Resident]:
    place = desk.store.people.place(case.place_id)
    return [p for p in desk.on_duty(place) if p.id != case.resident_id]


def _alarm_next(desk: Desk, case: Incident) -> list[Resident]:
    """Alarms the next of the line who can be reached (all of one level together)."""
    told: list[Resident] = []
    level: int | None = None
    for person in _line(desk, case):
        if person.id in case.alarmed:
            continue
        if told and (person.role is not told[0].role or person.role_place_id != level):
            break
        if _alarm(desk, case, person, "incident.alarm"):
            told.append(person)
            level = person.role_place_id
        case.alarmed = [*case.alarmed, person.id]
    return told


def _alarm(desk: Desk, case: Incident, person: Resident, phrase: str) -> bool:
    words = desk.words(person)
    who = desk.store.people.resident(case.resident_id)
    desk.withdraw(about(case), to=person)
    asked = desk.put(
        "incident.take", person, about(case), phrase,
        [Choice("take", words.say("incident.i_go"), ("我去", "马上到", "马上去")),
         Choice("mistake", words.say("incident.mistake"))],
        priority=Priority.DANGER, kind_words=words.say(f"incident.kind_{case.danger}"),
        text=case.text, where=case.where, who=desk.caller(who) if who else "",
        since=words.span(desk.now - case.raised_at),
    )  # fmt: skip
    return asked is not None


def climb_incidents(desk: Desk) -> datetime | None:
    """Nobody said "我去" for two minutes: the next person and the chief; then everybody again."""
    for case in desk.store.incidents.due(desk.now):
        if case.stage is not IncidentStage.ALARMED:
            case.due_at = None
            continue
        told = _alarm_next(desk, case)
        for chief in desk.store.people.with_role(Role.CHIEF):
            if chief.id not in case.alarmed and _alarm(desk, case, chief, "incident.alarm"):
                case.alarmed = [*case.alarmed, chief.id]
                told.append(chief)
        phrase = "incident.also_told"
        if not told:
            phrase = "incident.told_again"
            told = [p for p in desk.store.people.residents(case.alarmed).values()
                    if _alarm(desk, case, p, "incident.alarm_again")]  # fmt: skip
        person = desk.store.people.resident(case.resident_id)
        names = "、".join(p.name for p in told)
        first_time = desk.now - case.raised_at <= NEXT_AFTER
        if person is not None and (names or first_time):
            desk.tell(person, phrase if names else "incident.still_nobody", about=about(case),
                      priority=Priority.DANGER, who=names)  # fmt: skip
        rest = [p for p in _line(desk, case) if p.id not in case.alarmed]
        wait = NEXT_AFTER if rest else AGAIN_AFTER
        over = desk.now - case.raised_at > KEEP_TRYING
        case.due_at = None if over else desk.now + wait
    return desk.store.incidents.next_due()


def confirm(turn: Turn, question: Question, value: str) -> None:
    """回1 我需要帮助, 回2 是误会."""
    case = turn.store.incidents.get(int(question.about.partition(":")[2]))
    if case is None:
        return
    if value == "mistake":
        stand_down(turn, case)
        return
    if value == "over":
        seems_over(turn)
        return
    case.needs_help = True
    taker = turn.store.people.resident(case.taken_by_id)
    for ident in case.alarmed:
        person = turn.store.people.resident(ident)
        if person is not None:
            turn.tell(person, "incident.confirmed_staff", about=about(case),
                      priority=Priority.DANGER, who=turn.person.name)  # fmt: skip
    turn.say("incident.help_comes" if taker else "incident.help_asked", about=about(case),
             who=taker.name if taker else "")  # fmt: skip


def stand_down(turn: Turn, case: Incident) -> None:
    """是误会: everybody who was alarmed hears that it is over."""
    if case.stage in (IncidentStage.FALSE_ALARM, IncidentStage.CLOSED):
        turn.say("incident.already_over")
        return
    case.stage, case.closed_at, case.due_at = IncidentStage.FALSE_ALARM, turn.now, None
    turn.withdraw(about(case))
    turn.stop_clocks(about(case), Stopped.ASKER)
    for ident in case.alarmed:
        person = turn.store.people.resident(ident)
        if person is not None:
            turn.tell(person, "incident.false_alarm_staff", about=about(case), who=turn.person.name,
                      priority=Priority.DANGER)  # fmt: skip
    turn.say("incident.false_alarm", about=about(case))


def seems_over(turn: Turn) -> None:
    """没事了 while an alarm runs: those alarmed hear it, and one question makes sure."""
    case = turn.store.incidents.running_of(turn.person, turn.now - SAME)
    if case is None:
        turn.start("chat")
        return
    for ident in case.alarmed:
        person = turn.store.people.resident(ident)
        if person is not None:
            turn.tell(person, "incident.more_staff", about=about(case), priority=Priority.DANGER,
                      who=turn.person.name, text=turn.text)  # fmt: skip
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


def taking(turn: Turn, question: Question, value: str) -> None:
    """A staff member's digit under an alarm."""
    case = turn.store.incidents.get(int(question.about.partition(":")[2]))
    if case is None or case.stage is not IncidentStage.ALARMED:
        turn.say("incident.already_over")
    elif value == "take":
        take(turn, case)
    else:
        _judged_mistaken(turn, case)


def i_go(turn: Turn) -> None:
    """收到，我去: takes the newest danger this person was alarmed about, or the one named."""
    named = turn.opening.get("incident")
    mine = [
        case for case in turn.store.incidents.running()
        if case.stage is IncidentStage.ALARMED
        and (case.id == named if named else turn.person.id in case.alarmed)
    ]  # fmt: skip
    if mine:
        take(turn, mine[0])
    else:
        turn.say("incident.nothing_to_take")


def take(turn: Turn, case: Incident) -> None:
    """A person goes; the resident hears who."""
    case.stage, case.taken_by_id, case.taken_at = IncidentStage.TAKEN, turn.person.id, turn.now
    case.due_at = None
    turn.withdraw(about(case), name="incident.take")
    turn.stop_clocks(about(case), Stopped.PERSON, turn.person)
    person = turn.store.people.resident(case.resident_id)
    if person is not None:
        turn.tell(person, "incident.coming", about=about(case), priority=Priority.DANGER,
                  who=turn.title(turn.person), phone=turn.person.phone or "")  # fmt: skip
    for ident in case.alarmed:
        other = turn.store.people.resident(ident)
        if other is not None and other.id != turn.person.id:
            turn.tell(other, "incident.taken_by", about=about(case), priority=Priority.DANGER,
                      who=turn.person.name, where=case.where)  # fmt: skip
    turn.put(
        "incident.close", turn.person, about(case), "incident.you_go",
        [Choice("closed", turn.speech.say("incident.all_well"), ("+",))],
        chat=turn.private(), who=turn.caller(person) if person else "", where=case.where,
    )  # fmt: skip


def _judged_mistaken(turn: Turn, case: Incident) -> None:
    """Staff think it is none: the alarm stops, but the resident may say otherwise."""
    case.stage, case.closed_at, case.due_at = IncidentStage.FALSE_ALARM, turn.now, None
    turn.withdraw(about(case))
    turn.stop_clocks(about(case), Stopped.PERSON, turn.person)
    person = turn.store.people.resident(case.resident_id)
    if person is not None:
        turn.tell(
            person, "incident.judged_mistaken", about=about(case), who=turn.title(turn.person)
        )
    turn.say("incident.noted_mistake")


def closing(turn: Turn, question: Question, value: str) -> None:
    """处理好了: the resident hears it."""
    case = turn.store.incidents.get(int(question.about.partition(":")[2]))
    if case is not None:
        _close(turn, case)


def all_well(turn: Turn) -> None:
    """处理好了, from the console."""
    case = turn.store.incidents.get(int(turn.opening["incident"]))
    if case is None or case.stage is not IncidentStage.TAKEN:
        turn.say("incident.already_over")
    else:
        _close(turn, case)


def _close(turn: Turn, case: Incident) -> None:
    case.stage, case.closed_at = IncidentStage.CLOSED, turn.now
    person = turn.store.people.resident(case.resident_id)
    turn.withdraw(about(case))
    if person is not None:
        turn.tell(person, "incident.closed", about=about(case), who=turn.person.name)
    turn.say("incident.closed_staff")


def reply_to(turn: Turn, ident: str, text: str) -> bool:
    """Staff words in answer to an alarm reach whoever raised it."""
    case = turn.store.incidents.get(int(ident))
    person = turn.store.people.resident(case.resident_id) if case else None
    if case is None or person is None:
        return False
    turn.stop_clocks(about(case), Stopped.PERSON, turn.person)
    turn.tell(person, "incident.words", about=about(case), sender=turn.title(turn.person),
              priority=Priority.DANGER, text=text)  # fmt: skip
    turn.say("incident.words_passed", who=person.name)
    return True


def ask_danger(turn: Turn) -> None:
    """有危险 from the menu: one digit says what, and the alarm goes out."""
    kind = turn.ask(
        "incident.what_danger",
        *[Choice(k, turn.speech.say(f"incident.kind_{k}")) for k in
          ("fire", "gas", "collapsed", "trapped", "flood", "violence", "other")],
    )  # fmt: skip
    text = turn.speech.say(f"incident.kind_{kind}")
    turn.start("emergency_kind", kind=kind, text=text)


def emergency_kind(turn: Turn) -> None:
    """The alarm for a danger chosen by digit."""
    turn.heard = replace(turn.heard, danger=str(turn.opening["kind"]))
    emergency(turn)
