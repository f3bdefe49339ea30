"""Answers to a roll call that staff hand in for others, from a pasted text."""

from __future__ import annotations

from handlers.rollcall.chase import door_list
from handlers.turn import Turn, about
from storage.models import CheckIn, CheckInStage, Resident

LISTED = 12  # lines of one sort that are told


def reported(turn: Turn) -> None:
    """Marks who is safe and who needs help; their own answers, before or after, count for more."""
    roll = turn.store.rollcalls.get(int(turn.opening["rollcall"]))
    if roll is None or roll.closed_at is not None:
        turn.say("rollcall.over")
        return
    was: list[str] = []
    own: list[str] = []
    strangers = list(turn.opening["strangers"])
    needy: list[dict[str, object]] = []
    counts = dict.fromkeys((CheckInStage.SAFE, CheckInStage.NEEDS_HELP), 0)
    for row in turn.opening["rows"]:
        person = turn.store.people.resident(row["resident"])
        check = turn.store.rollcalls.check_in(roll, person) if person else None
        stage = CheckInStage(row["stage"])
        if person is None or check is None:
            strangers.append(row["label"])
        elif _answered_themselves(check):
            if check.stage is not stage:
                own.append(_differs(turn, person, check, row["label"]))
        else:
            was.append(f"{check.id}={check.stage}")
            check.stage, check.answered_at, check.by_id = stage, turn.now, turn.person.id
            counts[stage] += 1
            if stage is CheckInStage.NEEDS_HELP:
                needy.append(row)
    place = turn.store.people.place(roll.place_id)
    notes = [
        *_note(turn, "rollcall.reported_strangers", strangers),
        *_note(turn, "rollcall.reported_unclear", turn.opening["unclear"]),
        *_note(turn, "rollcall.reported_renamed", turn.opening["renamed"]),
        *_note(turn, "rollcall.reported_own", own),
    ]
    missing = door_list(turn, roll)
    turn.say(
        "rollcall.reported" if missing else "rollcall.reported_all",
        about=about(roll),
        place=place.name if place else "",
        reason=roll.reason,
        safe=counts[CheckInStage.SAFE],
        help=counts[CheckInStage.NEEDS_HELP],
        notes="".join(f"{note}\n" for note in notes),
        lines="\n".join(missing),
    )
    if was:
        turn.can_undo("reported_checkins", f"rollcall:{roll.id};{','.join(was)}")
    if needy and not roll.drill:
        turn.start("incident_reported", rows=needy, rollcall=roll.id)


def _answered_themselves(check: CheckIn) -> bool:
    given = check.stage in (CheckInStage.SAFE, CheckInStage.NEEDS_HELP)
    return given and check.by_id is None


def _differs(turn: Turn, person: Resident, check: CheckIn, label: str) -> str:
    """What they said themselves, beside what the paste says."""
    return turn.speech.say(
        "rollcall.reported_differs",
        who=person.name,
        said=turn.speech.say(f"rollcall.{check.stage}"),
        label=label,
    )


def _note(turn: Turn, phrase: str, rows: list[str]) -> list[str]:
    if not rows:
        return []
    more = len(rows) - LISTED
    shown = "；".join(rows[:LISTED])
    if more > 0:
        shown = turn.speech.say("pasted.and_more", shown=shown, n=more)
    return [turn.speech.say(phrase, rows=shown)]


def undo_reported(turn: Turn, ident: str) -> None:
    """错了: all as it was before, but for whom an answer of their own has come since."""
    of, _, was = ident.partition(";")
    roll = turn.store.rollcalls.get(int(of))
    if roll is None or roll.closed_at is not None:
        turn.say("talk.nothing_to_undo")
        return
    before = dict(pair.split("=") for pair in was.split(","))
    raised: list[list[object]] = []
    count = 0
    for check, person in turn.store.rollcalls.people(roll):
        stage = before.get(str(check.id))
        if stage is None or check.by_id != turn.person.id:
            continue
        if check.stage is CheckInStage.NEEDS_HELP and not roll.drill and check.answered_at:
            raised.append([person.id, check.answered_at.isoformat()])
        silent = CheckInStage.UNREACHABLE if roll.listed_at else CheckInStage.WAITING
        check.stage = CheckInStage(stage)
        if check.stage in (CheckInStage.WAITING, CheckInStage.UNREACHABLE):
            check.answered_at, check.by_id = None, None
            check.stage = silent if check.reached else CheckInStage.UNREACHABLE
        count += 1
    turn.say("rollcall.reported_undone" if count else "talk.nothing_to_undo", count=count)
    if raised:
        turn.start("incident_taken_back", raised=raised)
