"""平安点名: asks everybody of a place, repeats to the silent, ends at the doors."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime, timedelta

from handlers.turn import Choice, Desk, Turn, about
from storage.models import (
    CheckIn,
    CheckInStage,
    Place,
    Priority,
    Question,
    Resident,
    Role,
    RollCall,
)

CHUNK = 200  # residents to a commit
ASK_AGAIN = timedelta(minutes=10)
TO_THE_DOORS = timedelta(minutes=30)
CLOSES = timedelta(hours=24)
PLAIN_ANSWER = 5  # characters: 我需要帮助
MORE_THAN_SAFE = 10  # characters; a longer answer says something besides
NOT_SAFE = re.compile(r"不(太|怎么)?(平安|安全)|没有?平安|\bnot (safe|ok|okay|fine)\b", re.I)
# Besides "we are safe": somebody else who is not.
SOMEBODY_HURT = re.compile(r"摔|晕|昏|伤|流血|喘不|叫不(醒|应)|起不来|没(人|有)应|没反应|不见了|被困|失联|联系不上")


def start(turn: Turn) -> None:
    """点名 3栋 燃气泄漏."""
    words = str(turn.opening.get("rest", "")).strip()
    if "place" in turn.opening:
        place, reason = turn.store.people.place(int(turn.opening["place"])), words
    else:
        place, reason = _place_and_reason(turn, words)
    if place is None:
        said = turn.ask(
            "rollcall.which_place" if not words else "rollcall.no_such_place", key="place",
            takes="text", place=words.split()[0] if words else "", places="、".join(p.name for p in turn.store.people.places[:20]),
        )  # fmt: skip
        place, more = _place_and_reason(turn, said)
        reason = reason or more
        if place is None:
            turn.say("rollcall.no_place")
            return
    if not reason:
        reason = turn.ask("rollcall.why", key="reason", takes="text", place=place.name)
    drill = "演练" in reason or "drill" in reason.lower()
    roll = turn.store.add(
        RollCall(
            community_id=turn.store.community_id,
            place_id=place.id,
            reason=reason,
            started_by_id=turn.person.id,
            drill=drill,
            started_at=turn.now,
            due_at=turn.now,
            planned_up_to=0,
        )  # fmt: skip
    )
    turn.wake("plan_rollcall", turn.now)
    turn.say("rollcall.started", about=about(roll), place=place.name, reason=reason,
             count=turn.store.people.count(place=place))  # fmt: skip
    turn.can_undo("rollcall", about(roll))


def _place_and_reason(turn: Turn, words: str) -> tuple[Place | None, str]:
    """The place a call names first, and the rest as its reason."""
    people = turn.store.people
    first, _, rest = words.partition(" ")
    if first in ("全社区", "全部", "所有人", "all"):
        return people.root, rest.strip()
    for known in sorted(people.places, key=lambda p: len(p.name), reverse=True):
        if words.startswith(known.name):
            return known, words[len(known.name) :].strip(" ，,：:")
    return turn.place_in(first), rest.strip()


def plan_rollcall(desk: Desk) -> datetime | None:
    """Makes CheckIns and Questions, a chunk at a time."""
    for roll in desk.store.rollcalls.open():
        if roll.planned_at is None:
            _plan(desk, roll)
    waiting = [r for r in desk.store.rollcalls.open() if r.planned_at is None]
    return desk.now if waiting else None


def _plan(desk: Desk, roll: RollCall) -> None:
    place = desk.store.people.place(roll.place_id) or desk.store.people.root
    if place.parent_id is None:
        people = desk.store.people.everyone(after=roll.planned_up_to, limit=CHUNK)
    else:
        people = desk.store.people.living_in(place, after=roll.planned_up_to, limit=CHUNK)
    for person in people:
        check = desk.store.add(
            CheckIn(rollcall_id=roll.id, resident_id=person.id, stage=CheckInStage.WAITING)
        )
        check.reached = ask(desk, roll, person, "rollcall.ask")
        if not check.reached:
            check.stage = CheckInStage.UNREACHABLE
    if len(people) < CHUNK:
        roll.planned_at, roll.due_at = desk.now, roll.started_at + ASK_AGAIN
        desk.wake("chase_silent", roll.due_at)
    else:
        roll.planned_up_to = people[-1].id


def ask(desk: Desk, roll: RollCall, person: Resident, phrase: str) -> bool:
    """Puts "平安吗？" to one person; False where there is no chat to ask in."""
    words = desk.words(person)
    place = desk.store.people.place(roll.place_id)
    asked = desk.put(
        "rollcall.checkin", person, about(roll), phrase,
        [Choice("safe", words.say("rollcall.safe"), ("平安", "没事", "安全", "都好", "safe",
          r"/(我们?|一家|家里|全家|都|大家)*(很|挺)?(平安|没事|安全|都好|好着呢)[的了呢啊]*$", "是", "是的")),
         Choice("needs_help", words.say("rollcall.needs_help"), ("需要帮助", "要帮助", "救命", "不好",
          "/不(太|怎么)?(平安|安全|好)|没有?平安|有事|(i am |i.m )?not (safe|ok)"))],
        inline=True, until=roll.started_at + CLOSES, place=place.name if place else "",
        reason=roll.reason, drill=words.say("rollcall.drill") if roll.drill else "",
        priority=Priority.ROLLCALL if phrase == "rollcall.ask" else Priority.CHASE,
    )  # fmt: skip
    return asked is not None


def answered(turn: Turn, question: Question, value: str) -> None:
    """One person's answer; the echo names what was answered."""
    roll = turn.store.rollcalls.get(int(question.about.partition(":")[2]))
    check = turn.store.rollcalls.check_in(roll, turn.person) if roll else None
    if roll is None or check is None or roll.closed_at is not None:
        turn.say("rollcall.over")
        return
    if value == CheckInStage.SAFE and SOMEBODY_HURT.search(turn.text):
        value = CheckInStage.NEEDS_HELP
    _record(turn, roll, check, value)
    if value == CheckInStage.SAFE:
        _pass_on(turn, roll)


def _record(turn: Turn, roll: RollCall, check: CheckIn, value: str) -> None:
    was = check.stage
    turn.withdraw(about(roll), to=turn.person)
    check.stage, check.answered_at = CheckInStage(value), turn.now
    turn.can_undo("checkin", about(roll))
    place = turn.store.people.place(roll.place_id)
    name = place.name if place else ""
    if value == CheckInStage.SAFE:
        turn.say("rollcall.you_are_safe", about=about(roll), place=name, reason=roll.reason)
        if was is CheckInStage.UNREACHABLE and roll.listed_at is not None:
            starter = turn.store.people.resident(roll.started_by_id)
            if starter is not None:
                turn.tell(
                    starter, "rollcall.late_answer", about=about(roll), who=turn.card(turn.person)
                )
        return
    if roll.drill:
        turn.say("rollcall.drill_help", about=about(roll))
        return
    text = turn.words().say("rollcall.help_text", place=name, reason=roll.reason)
    if len(turn.text.strip()) > PLAIN_ANSWER:
        text = f"{turn.text.strip()}（{text}）"
    turn.start("emergency", rollcall=roll.id, text=text)


def safe(turn: Turn) -> None:
    """平安, or words that mean it: answers the newest open roll call."""
    waiting = turn.store.rollcalls.open_check_ins(turn.person)
    if not waiting and turn.store.incidents.running_of(turn.person, turn.now - ASK_AGAIN * 3):
        turn.start("seems_over")
        return
    if NOT_SAFE.search(turn.text) or (waiting and SOMEBODY_HURT.search(turn.text)):
        _not_safe(turn, waiting)
        return
    open_ones = [pair for pair in waiting if pair[1].stage is not CheckInStage.SAFE]
    if open_ones:
        _record(turn, *open_ones[0], "safe")
        _pass_on(turn, open_ones[0][0])
        if len(open_ones) > 1:
            roll = open_ones[1][0]
            place = turn.store.people.place(roll.place_id)
            turn.say("rollcall.another_open", place=place.name if place else "", reason=roll.reason)
            ask(turn, roll, turn.person, "rollcall.again")
    elif waiting:
        turn.say("rollcall.already_safe")
        _pass_on(turn, waiting[0][0])
    else:
        turn.say("rollcall.nobody_asked")


def _not_safe(turn: Turn, waiting: list[tuple[RollCall, CheckIn]]) -> None:
    """不平安: needs help in a roll call; without one, a person is asked what is meant."""
    if waiting:
        _record(turn, *waiting[0], "needs_help")
    else:
        turn.start("clarify")


def _pass_on(turn: Turn, roll: RollCall) -> None:
    """我们平安，可隔壁张奶奶没人应: the second half must reach somebody."""
    starter = turn.store.people.resident(roll.started_by_id)
    if len(turn.text.strip()) > MORE_THAN_SAFE and starter is not None:
        turn.tell(starter, "rollcall.also_said", about=about(roll), who=turn.card(turn.person),
                  text=turn.text)  # fmt: skip
        turn.say("talk.passed_on", who=starter.name)


def undo_answer(turn: Turn, ident: str) -> None:
    """错了 after an answer: it is taken back and asked again."""
    roll = turn.store.rollcalls.get(int(ident))
    check = turn.store.rollcalls.check_in(roll, turn.person) if roll else None
    if roll is None or check is None or roll.closed_at is not None:
        turn.say("talk.nothing_to_undo")
        return
    if check.stage is CheckInStage.NEEDS_HELP and not roll.drill:
        turn.start("stand_down")
    check.stage, check.answered_at = CheckInStage.WAITING, None
    turn.start("rollcall_again", rollcall=roll.id)


def again(turn: Turn) -> None:
    """Asks the person in front once more, after an answer was taken back."""
    roll = turn.store.rollcalls.get(int(turn.opening["rollcall"]))
    if roll is not None:
        ask(turn, roll, turn.person, "rollcall.undone")


def undo_start(turn: Turn, ident: str) -> None:
    """错了 after starting: the call is closed, and who was asked hears it."""
    roll = turn.store.rollcalls.get(int(ident))
    if roll is None or roll.closed_at is not None:
        turn.say("talk.nothing_to_undo")
        return
    turn.store.messages.take_back(about(roll))
    close(turn, roll, "rollcall.called_off")
    turn.say("rollcall.you_called_off")


def close(desk: Desk, roll: RollCall, phrase: str) -> None:
    """Ends a call; those who were asked and those who wait hear it once."""
    roll.closed_at, roll.due_at = desk.now, None
    desk.withdraw(about(roll))
    place = desk.store.people.place(roll.place_id)
    for check, person in desk.store.rollcalls.people(roll):
        if check.reached:
            desk.tell(person, phrase, about=about(roll), priority=Priority.CHASE,
                      place=place.name if place else "", reason=roll.reason)  # fmt: skip


def end(turn: Turn) -> None:
    """结束点名: the all-clear for the newest, or for the one named."""
    named = turn.opening.get("rollcall")
    running = [r for r in turn.store.rollcalls.open() if named is None or r.id == named]
    if not running:
        turn.say("rollcall.none_open")
        return
    close(turn, running[0], "rollcall.all_clear")
    turn.say("rollcall.ended")


def chase_silent(desk: Desk) -> datetime | None:
    """The silent are asked again after 10 minutes; after 30 they stand on the door list."""
    for roll in desk.store.rollcalls.due(desk.now):
        if roll.closed_at is not None or roll.planned_at is None:
            roll.due_at = None if roll.closed_at else desk.now + timedelta(seconds=5)
        elif roll.asked_again_at is None:
            roll.asked_again_at, roll.due_at = desk.now, roll.started_at + TO_THE_DOORS
            for _, person in desk.store.rollcalls.people(roll, CheckInStage.WAITING):
                desk.withdraw(about(roll), to=person)
                ask(desk, roll, person, "rollcall.again")
        elif roll.listed_at is None:
            roll.listed_at, roll.due_at = desk.now, roll.started_at + CLOSES
            for check, _ in desk.store.rollcalls.people(roll, CheckInStage.WAITING):
                check.stage = CheckInStage.UNREACHABLE
            _hand_out_door_list(desk, roll)
        else:
            roll.closed_at, roll.due_at = desk.now, None
            desk.withdraw(about(roll))
            starter = desk.store.people.resident(roll.started_by_id)
            if starter is not None:
                desk.tell(starter, "rollcall.ended_by_itself", about=about(roll), reason=roll.reason)
    return desk.store.rollcalls.next_due()


def _hand_out_door_list(desk: Desk, roll: RollCall) -> None:
    place = desk.store.people.place(roll.place_id)
    starter = desk.store.people.resident(roll.started_by_id)
    hear = [starter] if starter else []
    hear += [p for p in desk.store.people.workers_for(place)
             if p.role is Role.WORKER and p not in hear]  # fmt: skip
    lines = door_list(desk, roll)
    for person in hear:
        desk.tell(
            person, "rollcall.doors" if lines else "rollcall.doors_empty", about=about(roll),
            priority=Priority.ROLLCALL, place=place.name if place else "", reason=roll.reason,
            lines="\n".join(lines),
        )  # fmt: skip


def door_list(desk: Desk, roll: RollCall) -> list[str]:
    """Who must be visited, a line a building in walking order, elders first in each."""
    silent = desk.store.rollcalls.people(roll, CheckInStage.WAITING, CheckInStage.UNREACHABLE)
    by_home: dict[int | None, list[Resident]] = defaultdict(list)
    for _, person in silent:
        by_home[person.home_id].append(person)
    lines = []
    for place in [*desk.store.people.places, None]:
        people = by_home.get(place.id if place else None, [])
        if people:
            people.sort(key=lambda p: (not p.elder, p.unit or "", p.room or ""))
            names = "、".join(_door(desk, person) for person in people)
            lines.append(f"{place.name if place else desk.words().say('place.unknown')}：{names}")
    return lines


def _door(desk: Desk, person: Resident) -> str:
    words = desk.words()
    unit = words.say("place.unit", n=person.unit) if person.unit else ""
    door = words.address([unit, person.room or ""])
    elder = words.say("people.elder_mark") if person.elder else ""
    return f"{door}{person.name}{elder}"


def situation(turn: Turn) -> None:
    """点名情况: safe, in need, silent; by name where somebody must go."""
    running = turn.store.rollcalls.open()[:3]
    if not running:
        turn.say("rollcall.none_open")
        return
    for roll in running:
        counts = turn.store.rollcalls.counts(roll)
        place = turn.store.people.place(roll.place_id)
        needy = turn.store.rollcalls.people(roll, CheckInStage.NEEDS_HELP)
        lines = door_list(turn, roll)
        silent = counts.get(CheckInStage.WAITING, 0) + counts.get(CheckInStage.UNREACHABLE, 0)
        turn.say(
            "rollcall.situation", about=about(roll), place=place.name if place else "",
            reason=roll.reason, safe=counts.get(CheckInStage.SAFE, 0), help=len(needy),
            silent=silent, needy="、".join(turn.card(p) for _, p in needy) or "-",
            lines="\n".join(lines) or "-",
        )  # fmt: skip
