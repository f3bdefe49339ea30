"""What people answer: safe, in need, or safe with somebody else who is not."""

from __future__ import annotations

import re

from handlers.rollcall.call import ASK_AGAIN, ask
from handlers.turn import Turn, about
from storage.models import CheckIn, CheckInStage, Question, RollCall

PLAIN_ANSWER = 5  # characters: 我需要帮助
MORE_THAN_SAFE = 10  # characters; a longer answer says something besides
NOT_SAFE = re.compile(r"不(太|怎么)?(平安|安全)|没有?平安|\bnot (safe|ok|okay|fine)\b", re.I)
# Besides "we are safe": somebody else who is not.
SOMEBODY_HURT = re.compile(
    r"摔|晕|昏|伤|流血|喘不|叫不(醒|应)|起不来|没(人|有)应|没反应|没(跑|走|逃)?(出来|下来|出门)|锁在?家|不见了|被困|失联|联系不上"
)


def answered(turn: Turn, question: Question, value: str) -> None:
    """One person's answer; the echo names what was answered."""
    roll = turn.store.rollcalls.get(question.about_id)
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
    check.stage, check.answered_at, check.by_id = CheckInStage(value), turn.now, None
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
        turn.tell(
            starter,
            "rollcall.also_said",
            about=about(roll),
            who=turn.card(turn.person),
            text=turn.text,
        )
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
