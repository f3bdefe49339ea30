"""No zombie channels: questions go to a person, clocks run till one answers, silence is told."""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers.turn import Choice, Desk, Turn, about, read_correction
from nlp import Intent
from storage.models import Chat, Clock, Question, Resident, Stopped
from storage.store.health import Health

# 国办秘函〔2019〕19号: two weeks without a post fails an inspection; so we warn before.
WARN_AT = (7, 10, 14)
LOOK_AT_HOUR = 9


def question(turn: Turn) -> None:
    """An answer in words is enough: a person gives it, here."""
    _pass_on(turn, "question", "channel.question_for_you", "channel.question_passed")


def rumour(turn: Turn) -> None:
    """听说…是真的吗: not spread, not judged by us; a person finds out."""
    _pass_on(turn, "question", "channel.rumour_for_you", "channel.rumour_passed")


def human(turn: Turn) -> None:
    """人工: a person, without having to say why."""
    _pass_on(turn, "human", "channel.human_for_you", "channel.human_called")


def forwarded(turn: Turn) -> None:
    """Others' words that a resident pasted: the worker gets them whole, and is asked to answer."""
    handler = turn.handler(turn.store.people.place(turn.person.home_id))
    if handler is not None:
        words = str(turn.opening["words"])
        turn.tell(handler, "channel.forwarded_words", who=turn.card(turn.person), text=words)
    _pass_on(turn, "human", "channel.forwarded_for_you", "channel.human_called")


def _pass_on(turn: Turn, intent: str, phrase: str, answer: str) -> None:
    text = str(turn.opening.get("text") or turn.guess.text).strip()
    place = turn.store.people.building(turn.guess.place.building)
    place = place or turn.store.people.place(turn.person.home_id)
    handler = turn.handler(place, turn.guess.category)
    level = turn.file.level("default")
    clock = turn.open_clock(
        turn.chat,
        turn.person,
        intent,
        text,
        inbound_id=turn.inbound.id,
        handler=handler,
        due_at=turn.file.hours.add(turn.now, level.first_response),
    )
    clock.about = about(clock)
    reached = ask_staff(turn, clock, handler, phrase)
    name = handler.name if handler else turn.file.name
    if not reached:
        turn.say("channel.nobody_reached", about=about(clock))
    elif turn.file.hours.is_open(turn.now) or turn.on_duty_all:
        turn.say(
            answer,
            about=about(clock),
            who=name,
            by=turn.speech.moment(clock.due_at or turn.now, turn.now),
        )
    else:
        opens = turn.file.hours.next_opening(turn.now)
        turn.say(
            f"{answer}_closed",
            about=about(clock),
            who=name,
            opens=turn.speech.moment(opens, turn.now) if opens else "",
        )
    turn.can_undo("clock", about(clock))


def ask_staff(desk: Desk, clock: Clock, person: Resident | None, phrase: str) -> bool:
    """Shows an unanswered question to staff; a reply to it, or a digit, answers."""
    asker = desk.store.people.resident(clock.resident_id)
    chat = desk.store.messages.chat(clock.chat_id)
    if person is None or asker is None:
        return False
    words = desk.words(person)
    group = (chat.name or "") if chat is not None and chat.group else ""
    clock.about = about(clock)
    asked = desk.put(
        "channel.unanswered",
        person,
        about(clock),
        phrase,
        [
            Choice("reply", words.say("channel.do_reply")),
            Choice("settled", words.say("channel.do_settled")),
        ],
        who=asker.name if chat is not None and chat.group else desk.card(asker),
        text=clock.text,
        where=group,
        within=f"（{group}）" if group else "",
        since=words.span(desk.now - clock.opened_at),
    )
    return asked is not None


def answer_unanswered(turn: Turn, asked: Question, value: str) -> None:
    """A digit under somebody's question: reply, or say that it is settled."""
    clock = turn.store.channels.clock(asked.about_id)
    if clock is None or clock.stopped_at is not None:
        turn.say("channel.already_answered")
    elif value == "settled":
        turn.stop_clock(clock, Stopped.PERSON, turn.person)
        turn.say("channel.settled")
    else:
        turn.start("answer_clock", clock=clock.id)


def answer_clock(turn: Turn) -> None:
    """The words of an answer to a question."""
    clock = turn.store.channels.clock(int(turn.opening["clock"]))
    if clock is None:
        turn.say("channel.already_answered")
        return
    text = str(turn.opening.get("text") or "") or turn.ask(
        "channel.your_words", key="text", takes="text", text=clock.text
    )
    reply_to(turn, str(clock.id), text)


def settle_clock(turn: Turn) -> None:
    """已经当面说了, from the console."""
    clock = turn.store.channels.clock(int(turn.opening["clock"]))
    if clock is None or clock.stopped_at is not None:
        turn.say("channel.already_answered")
        return
    turn.withdraw(about(clock))
    turn.stop_clock(clock, Stopped.PERSON, turn.person)
    turn.say("channel.settled")


def reply_to(turn: Turn, ident: str, text: str) -> bool:
    """Staff words answer a question where it was asked: in the group, or in private."""
    clock = turn.store.channels.clock(int(ident))
    chat = turn.store.messages.chat(clock.chat_id) if clock else None
    asker = turn.store.people.resident(clock.resident_id) if clock else None
    if asker is not None and chat is not None and chat.resident_id not in (None, asker.id):
        chat = turn.chat_with(asker)  # they have parted from where they asked
    if clock is None or chat is None or asker is None:
        return False
    turn.withdraw(about(clock))
    if clock.stopped_at is None:
        turn.stop_clock(clock, Stopped.PERSON, turn.person)
    words = turn.words(asker)
    said = words.say("channel.reply_in_group", name=asker.name, text=text, what=clock.text[:20])
    turn.write(
        chat, said if chat.group else text, sender=turn.title(turn.person), about=about(clock)
    )
    turn.say("talk.passed_on", who=chat.name if chat.group else asker.name)
    return True


def group_question(turn: Turn) -> None:
    """A question to the bot before everybody: passed to a person, answered there."""
    heard = turn.guess
    place = turn.store.people.place(turn.chat.place_id or turn.person.home_id)
    handler = turn.handler(place, heard.category)
    level = turn.file.level("default")
    clock = turn.open_clock(
        turn.chat,
        turn.person,
        str(Intent.QUESTION),
        heard.text,
        inbound_id=turn.inbound.id,
        handler=handler,
        due_at=turn.file.hours.add(turn.now, level.first_response),
    )
    reached = ask_staff(turn, clock, handler, "channel.group_question_for_you")
    phrase = "channel.group_question_passed" if reached else "channel.nobody_reached"
    turn.say(phrase, who=handler.name if handler else turn.file.name, about=about(clock))


def undo_clock(turn: Turn, ident: str) -> None:
    """错了 after a question was passed on: taken back, and we ask what was meant."""
    clock = turn.store.channels.clock(int(ident))
    if clock is None or clock.stopped_at is not None:
        turn.say("talk.nothing_to_undo")
        return
    turn.stop_clock(clock, Stopped.ASKER)
    turn.withdraw(about(clock))
    turn.say("channel.taken_back")
    turn.start("clarify", text=clock.text, besides=clock.intent)


def unanswered(turn: Turn) -> None:
    """未回应: each question no person has answered, the oldest first; then the channels' health."""
    clocks = turn.store.channels.running()
    groups = {chat.id: chat for chat in turn.store.messages.groups()}
    people = turn.store.people.residents(clock.resident_id for clock in clocks)
    lines = [
        turn.speech.say(
            "channel.unanswered_line",
            who=people[clock.resident_id].name,
            where=groups[clock.chat_id].name
            if clock.chat_id in groups
            else turn.speech.say("channel.private"),
            text=clock.text[:24],
            span=turn.speech.span(turn.now - clock.opened_at),
        )
        for clock in clocks[:10]
        if clock.resident_id in people
    ]
    health = [health_line(turn, one) for one in turn.store.channels.health(turn.now)]
    turn.say(
        "channel.unanswered" if lines else "channel.all_answered",
        count=len(clocks),
        lines="\n".join(lines),
        health="\n".join(health),
    )


def place_name(desk: Desk, one: Health) -> str:
    """网页, Telegram, 3栋群: what a channel or group is called."""
    if one.chat_id is not None:
        return one.name
    return desk.words().platform(desk.store.messages.platform(one.channel_id))


def health_line(desk: Desk, one: Health) -> str:
    """渠道 web：没回 2，最久 3 小时，一般 12 分钟回，安静 0 天."""
    words = desk.words()
    if not one.heard:
        return words.say("channel.not_heard", name=place_name(desk, one))

    def span(seconds: float | None) -> str:
        return words.span(timedelta(seconds=seconds)) if seconds is not None else "-"

    return words.say(
        "channel.health" if one.p50 is not None else "channel.health_unmeasured",
        name=place_name(desk, one),
        unanswered=one.unanswered,
        oldest=words.span(desk.now - one.oldest) if one.oldest else "-",
        p50=span(one.p50),
        p90=span(one.p90),
        by_bot=one.by_bot,
        days=one.silent_days(desk.now),
    )


def chase_silent_questions(desk: Desk) -> datetime | None:
    """A question past its time is shown to the worker again; past twice, to the chief."""
    for clock in desk.store.channels.due(desk.now):
        chat = desk.store.messages.chat(clock.chat_id)
        place = desk.store.people.place(chat.place_id) if chat else None
        handler = desk.store.people.resident(clock.handler_id) or desk.handler(place)
        chiefs = desk.store.people.chiefs()
        phrase = "channel.still_unanswered"
        ask_staff(desk, clock, handler, phrase)
        level = desk.file.level("default")
        clock.nudged += 1
        late = clock.nudged > 1
        for chief in chiefs if late else []:
            if handler is None or chief.id != handler.id:
                ask_staff(desk, clock, chief, phrase)
        clock.due_at = None if late else desk.file.hours.add(desk.now, level.first_response)
    return desk.store.channels.next_due()


def watch_channels(desk: Desk) -> datetime:
    """Each morning: a channel or group silent for 7, 10 or 14 days is told to the chief, once."""
    for one in desk.store.channels.health(desk.now):
        row: Chat | None = desk.store.messages.chat(one.chat_id) if one.chat_id else None
        channel = desk.store.messages.channel(one.channel_id)
        holder = row or channel
        if holder is None:
            continue
        days = one.silent_days(desk.now)
        reached = max((mark for mark in WARN_AT if days >= mark), default=0)
        if reached > holder.warned:
            for chief in desk.store.people.chiefs():
                desk.tell(
                    chief,
                    "channel.red" if reached >= WARN_AT[-1] else "channel.quiet",
                    name=place_name(desk, one),
                    days=days,
                )
        holder.warned = reached
    local = desk.now.astimezone(desk.file.zone)
    today = local.replace(hour=LOOK_AT_HOUR, minute=0, second=0, microsecond=0)
    return today if today > local else today + timedelta(days=1)


def choose_case(turn: Turn) -> None:
    """Staff words without a case: which one are they for? Nothing is passed on by guessing."""
    choices: list[Choice] = []
    mine = turn.store.appeals.recent(turn.person)
    choices += [
        Choice(f"appeal:{c.id}", turn.speech.say("appeal.which_line", n=c.number, what=c.text[:16]))
        for c in mine[:5]
    ]
    people = turn.store.people
    for clock in turn.store.channels.running():
        if clock.about == about(clock) and clock.handler_id in (turn.person.id, None):
            asker = people.resident(clock.resident_id)
            name = asker.name if asker else ""
            choices.append(Choice(f"clock:{clock.id}", f"{name}：{clock.text[:16]}"))
    choices += [
        Choice(f"help_request:{r.id}", r.text[:16]) for r in turn.store.help.in_hand(turn.person)
    ]
    for case in turn.store.incidents.running():
        if turn.person.id in case.alarmed:
            choices.append(Choice(f"incident:{case.id}", case.text[:16]))
    if not choices:
        turn.start(_own_matter(turn))
        return
    none = Choice("none", turn.speech.say("channel.none_of_these"))
    text = turn.guess.text
    chosen = turn.ask("channel.which_case", *choices[:7], none, key="case", text=text[:30])
    if chosen == "none":
        turn.start(_own_matter(turn))
        return
    kind, _, ident = chosen.partition(":")
    correction = read_correction(text, turn.speech)
    if correction is not None and correction.fits(chosen):
        turn.start("correct", about=chosen, **correction.opening())
        return
    turn.contents.replies[kind](turn, ident, text)


def _own_matter(turn: Turn) -> str:
    """Staff live here too: what their words mean when they are for no case."""
    return str(turn.guess.intent) if turn.guess.score >= 0.6 else "clarify"
