"""What a resident may do with a pasted text: others' rows are not theirs to answer."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.pasted.rows import SURE, Line
from handlers.pasted.showing import headline, show
from handlers.turn import Choice, Turn
from nlp.pasted import Pasted


def by_resident(turn: Turn, found: Pasted, lines: Sequence[Line]) -> None:
    """Others' rows are not a resident's to answer: the words go to the worker, if they want."""
    handler = turn.handler(turn.store.people.place(turn.person.home_id))
    answer = turn.ask(
        "pasted.pass_on",
        Choice(
            "pass",
            turn.speech.say("pasted.to", who=handler.name if handler else turn.file.name),
            ("+", "转"),
        ),
        Choice("no", turn.speech.say("pasted.not_now"), ("-", "不用", "算了")),
        Choice("mine", turn.speech.say("pasted.my_words")),
        key="pass_on",
        preview=show(turn, found, lines),
    )
    if answer == "no":
        turn.say("talk.fine")
    elif answer == "mine":
        turn.start(str(turn.guess.intent) if turn.guess.score >= SURE else "clarify")
    else:
        name = headline(turn, found, len(lines))
        turn.start("forwarded", text=name, words=turn.guess.text)
