"""Small talk and doubt: nothing is left without an answer, nothing is guessed aloud."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from handlers.turn import KEEP_QUESTION, Choice, Desk, Turn, brief
from nlp import Intent, is_ack, yes_no
from storage.models import Question, Source

GREETING = re.compile(
    r"(你好|您好|在吗|在不在|有人吗|早|早上好|晚上好|下午好|hi|hello|hey|哈喽|嗨)[呀啊哈呢哦]*[^a-z一-鿿]*",
    re.I,
)
WORTH_REPEATING = (
    "rollcall.checkin",
    "incident.confirm",
    "appeal.solved",
    "help.agree",
    "help.done",
)
FROM_CLARIFYING = ("appeal", "help_ask", "question", "human", "emergency")


def chat(turn: Turn) -> None:
    """Greetings, thanks, and what the ear could make nothing of."""
    text = turn.guess.text.strip()
    if turn.chat.group is False and _ask_again(turn):
        return
    if not re.search(r"\w", text):
        turn.say("talk.signs_only")
    elif GREETING.fullmatch(text):
        turn.say("talk.hello", name=turn.person.name)
    elif is_ack(text):
        turn.say("talk.thanks")
    elif len(text) <= 2:
        turn.say("talk.too_short")
    else:
        turn.start("clarify")


def _ask_again(turn: Turn) -> bool:
    """ "嗯，收到" is no answer to "您平安吗": the question that stands is asked once more."""
    for question in turn.store.messages.standing(turn.chat, turn.now):
        row = turn.store.messages.outbound(question.outbound_id)
        if row is None or question.repeated or question.name not in WORTH_REPEATING:
            continue
        choices = [Choice(c[0], c[1]) for c in question.choices]
        again = turn.write(
            turn.chat,
            row.text,
            choices=choices,
            callback=f"q{question.id}",
            inline=row.inline,
            about=question.about,
        )
        question.outbound_id, question.repeated = again.id, True
        question.delivered_at, question.after = again.sent_at, turn.chat.turns
        _pass_on(turn, question)
        return True
    return False


def _pass_on(turn: Turn, question: Question) -> None:
    """我在外地 to a roll call is no answer we can count, but whoever asked should hear it."""
    kind, _, ident = question.about.partition(":")
    roll = turn.store.rollcalls.get(int(ident)) if kind == "rollcall" else None
    starter = turn.store.people.resident(roll.started_by_id) if roll else None
    if starter is not None and not is_ack(turn.text) and len(turn.text.strip()) > 2:
        turn.tell(
            starter,
            "rollcall.said_instead",
            about=question.about,
            who=turn.card(turn.person),
            text=turn.text,
        )


def clarify(turn: Turn) -> None:
    """One numbered question with the likeliest readings."""
    text = str(turn.opening.get("text") or turn.guess.text)
    besides = turn.opening.get("besides")
    if besides is None and not turn.chat.group and _ask_again(turn):
        return
    partner = _partner(turn)
    case = None if turn.person.is_staff else turn.store.appeals.open_case_of(turn.person)
    best = [str(i) for i, _ in turn.guess.readings if i not in (Intent.CHAT, Intent.CHECK_IN)]
    order = [*best, *FROM_CLARIFYING]
    options = [i for i in dict.fromkeys(order) if i in FROM_CLARIFYING and i != besides][:2]
    options += [i for i in ("human", "emergency") if i not in options and i != besides]
    say = turn.speech.say
    chosen = turn.ask(
        "talk.what_did_you_mean",
        *([Choice("partner", say("talk.as_partner", who=partner[1]))] if partner else []),
        *(
            [Choice("case", say("talk.as_case", n=case.number, what=brief(case.text, 10)))]
            if case
            else []
        ),
        *[Choice(i, say(f"talk.as_{i}")) for i in options],
        Choice("nothing", say("talk.as_nothing"), ("-", "没事", "没什么", "算了", "不用了")),
        key="clarify",
        weak=True,
        text=text[:30],
    )
    _keep_sample(turn, text, chosen, undone=besides is not None)
    if chosen == "nothing":
        turn.say("talk.fine")
    elif chosen == "partner" and partner:
        turn.start("help_words", request=partner[0], text=text)
    elif chosen == "case" and case is not None:
        turn.start("case_words", appeal=case.id, text=text)
    elif chosen == "emergency":
        turn.start("emergency", text=text)
    elif chosen == "appeal":
        turn.start("appeal", what=text, category=turn.guess.category or "other")
    else:
        turn.start(chosen, text=text)


def _keep_sample(turn: Turn, text: str, chosen: str, *, undone: bool) -> None:
    """What somebody says they meant, the ear may learn. 算了 does not say that, nor does
    没什么事 to something just taken back: it may have been what we heard, and be over.
    """
    if chosen in ("partner", "case"):
        return
    if chosen == "nothing":
        if not undone and yes_no(turn.text) is not False:
            turn.keep_sample(text, Intent.CHAT, Source.CLARIFIED)
    else:
        turn.keep_sample(text, Intent(chosen), Source.CLARIFIED)


def _partner(turn: Turn) -> tuple[int, str] | None:
    """Whom a help request has brought this person together with: its id and their name."""
    running = [*turn.store.help.in_hand(turn.person), *turn.store.help.running_of(turn.person)]
    for request in running:
        match = turn.store.help.match(request)
        if match is None or match.agreed_at is None:
            continue
        mine = match.helper_id == turn.person.id
        other = turn.store.people.resident(request.resident_id if mine else match.helper_id)
        if other is not None:
            return request.id, other.name
    return None


def go_on(turn: Turn) -> None:
    """继续: whatever waited leaves with this message; only where nothing did is there an answer."""
    if not turn.store.messages.has_unsaid(turn.chat):
        turn.say("talk.no_more")


def which(turn: Turn) -> None:
    """Two questions came close together: which one is a digit for?"""
    digit = int(turn.opening["digit"])
    options: list[Choice] = []
    standing = turn.store.messages.standing(turn.chat, turn.now)
    for question in sorted(standing, key=lambda q: not q.name.startswith("incident."))[:4]:
        if digit <= len(question.choices):
            options.append(Choice(f"q{question.id}", _named(turn, question, digit)))
    for conversation in turn.store.messages.conversations(turn.chat)[:4]:
        asking = conversation.asking
        own = conversation.id == turn.conversation_id or conversation.matter == "which"
        if own or asking.get("weak") or digit > len(asking["choices"]):
            continue
        label = asking["choices"][digit - 1][1]
        options.append(Choice(f"c{conversation.id}", f"{label}（{brief(asking['text'], 12)}）"))
    chosen = turn.ask("talk.which_question", *options, key="which", weak=True)
    kind, ident = chosen[0], int(chosen[1:])
    turn.start("answer_chosen", kind=kind, ident=ident, digit=digit)


def _named(turn: Turn, question: Question, digit: int) -> str:
    row = turn.store.messages.outbound(question.outbound_id)
    text = brief(row.text, 12) if row else ""
    return f"{question.choices[digit - 1][1]}（{text}）"


def undo(turn: Turn) -> None:
    """错了: takes back the last thing that was done in this chat."""
    last = turn.chat.undo
    if not last:
        turn.say("talk.nothing_to_undo")
        return
    turn.chat.undo = None
    work = turn.contents.undos.get(str(last["what"]))
    if work is None:
        turn.say("talk.nothing_to_undo")
        return
    work(turn, str(last["about"]).partition(":")[2])


def not_staff(turn: Turn) -> None:
    """A resident using staff words."""
    turn.say("talk.not_staff", word=str(turn.opening["command"]))


def forget_unanswered(desk: Desk) -> datetime:
    """A question of ours that nobody answered keeps its answers for seven days, then rests."""
    for conversation in desk.store.messages.unanswered_since(desk.now - KEEP_QUESTION):
        desk.store.session.delete(conversation)
    return desk.now + timedelta(days=1)
