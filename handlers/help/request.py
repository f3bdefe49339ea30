"""邻里互助: an ask reaches the neighbours; contacts are shown only after both agree."""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers.turn import Choice, Desk, Turn, about
from nlp.places import find_place
from storage.models import (
    HelpRequest,
    HelpStage,
    Match,
    Place,
    Priority,
    Question,
    Resident,
    Stopped,
)

NOBODY_AFTER = timedelta(minutes=30)
ASK_IF_DONE = timedelta(hours=4)
I_COME = (
    "我来",
    "/((好|好的|行|可以|嗯|没问题)[，, ]*)?我(这就|马上)?(来|去|可以|能|有空|行|帮)",
    "/((好|好的|行|嗯)[，, ]*)?(可以|能去?$|来吧?$|去吧?$)",
)
NOT_NOW = ("/(这次|今天)?(不|没空|没时间|去不了|来不了|抱歉)",)
KINDS = ("shopping", "doctor", "carry", "repair", "company", "other")


def help_ask(turn: Turn) -> None:
    """Somebody needs a neighbour's hand."""
    text = str(turn.opening.get("text") or turn.guess.text).strip(" \n，,。.；;")
    if turn.opening.get("command"):
        kind = turn.ask(
            "help.what_kind",
            *[Choice(k, turn.speech.say(f"help.kind_{k}")) for k in KINDS],
            key="kind",
            takes="text",
        )
        text = turn.speech.say(f"help.kind_{kind}") if kind in KINDS else kind
        if kind == "other":
            text = turn.ask("help.what", key="what", takes="text")
    place = _place(turn)
    instead_of = turn.opening.get("instead_of")  # an appeal; the resident has said yes to it
    answer = "yes" if instead_of else _agreed(turn, text, place)
    if answer == "no":
        turn.say("help.dropped")
        return
    if answer == "change":
        text = turn.ask("help.what", key="what.again", takes="text")
    request = turn.store.add(
        HelpRequest(
            community_id=turn.store.community_id,
            resident_id=turn.person.id,
            text=text,
            place_id=place.id if place else None,
            asked_at=turn.now,
            stage=HelpStage.OPEN,
            due_at=turn.now + NOBODY_AFTER,
        )
    )
    turn.open_clock(
        turn.chat, turn.person, "help_ask", text, about=about(request), inbound_id=turn.inbound.id
    )
    turn.wake("chase_help", request.due_at)
    asked = ask_neighbours(turn, request)
    if asked:
        turn.say("help.asked", about=about(request), count=asked)
    else:
        names = tell_workers(turn, request, "help.nobody_near")
        request.due_at = None
        _say_told(turn, request, "help.asked_worker", names)
    turn.can_undo("help", about(request))
    if instead_of and (asked or request.worker_told_at):
        turn.start("became_help", appeal=instead_of)


def _agreed(turn: Turn, text: str, place: Place | None) -> str:
    return turn.ask(
        "help.confirm",
        Choice("yes", turn.speech.say("help.ask_them"), ("+", "问吧")),
        Choice("change", turn.speech.say("help.change")),
        Choice("no", turn.speech.say("help.drop"), ("-", "算了", "不用了")),
        key="confirm",
        text=text,
        place=place.name if place else turn.file.name,
    )


def _place(turn: Turn) -> Place | None:
    """Where the hand is needed: as said, else at home, else asked for."""
    known = turn.store.people.place(turn.opening.get("place"))
    found = known or turn.store.people.building(turn.guess.place.building)
    home = turn.store.people.place(turn.person.home_id)
    if found or home:
        return found or home
    said = turn.ask("help.where", key="where", takes="place")
    return turn.store.people.building(find_place(said, turn.names).building)


def ask_neighbours(desk: Desk, request: HelpRequest) -> int:
    """Puts the ask to volunteers and willing neighbours; no name, no room. Says to how many."""
    place = desk.store.people.place(request.place_id)
    declined = desk.store.help.declined(request)
    count = 0
    for helper in desk.store.people.helpers_near(place, besides=request.resident_id):
        if helper.id in declined:
            continue
        words = desk.words(helper)
        desk.withdraw(about(request), to=helper)
        asked = desk.put(
            "help.take",
            helper,
            about(request),
            "help.can_you",
            [
                Choice("yes", words.say("help.i_come"), ("+", *I_COME)),
                Choice("no", words.say("help.not_now"), ("-", *NOT_NOW)),
            ],
            text=request.text,
            place=place.name if place else desk.file.name,
        )
        count += asked is not None
    return count


def take(turn: Turn, question: Question, value: str) -> None:
    """Whoever says yes first has it; the asker decides whether contacts are shown."""
    request = turn.store.help.get(question.about_id)
    if request is None or request.stage in (HelpStage.DONE, HelpStage.WITHDRAWN):
        turn.say("help.no_longer_needed")
        return
    if value == "no":
        turn.say("help.fine_next_time")
        return
    if request.stage is not HelpStage.OPEN:
        turn.say("help.somebody_else_has_it")
        return
    request.stage, request.due_at = HelpStage.TAKEN, turn.now + NOBODY_AFTER
    turn.wake("chase_help", request.due_at)
    turn.store.add(Match(request_id=request.id, helper_id=turn.person.id, taken_at=turn.now))
    turn.stop_clocks(about(request), Stopped.PERSON, turn.person)
    # The others may still answer: they hear that somebody has it.
    turn.withdraw(about(request), to=turn.person)
    turn.withdraw(about(request), name="help.worker")
    asker = turn.store.people.resident(request.resident_id)
    turn.say("help.you_have_it", about=about(request))
    if asker is not None:
        words = turn.words(asker)
        turn.put(
            "help.agree",
            asker,
            about(request),
            "help.somebody_comes",
            [
                Choice("yes", words.say("help.agree"), ("+", "同意")),
                Choice("no", words.say("help.somebody_else"), ("-", "换一个", "换个人")),
            ],
            helper=turn.person.name,
            role=turn.role(turn.person),
            what=request.text,
            contacts=words.say("help.home_and_phone" if asker.phone else "help.home"),
        )


def agree(turn: Turn, question: Question, value: str) -> None:
    """Both have said yes: now, and only now, each sees how to reach the other."""
    request = turn.store.help.get(question.about_id)
    match = turn.store.help.match(request) if request else None
    helper = turn.store.people.resident(match.helper_id) if match else None
    if request is None or match is None or helper is None:
        turn.say("help.no_longer_needed")
        return
    if value == "no":
        match.ended_at, request.stage = turn.now, HelpStage.OPEN
        request.due_at = turn.now + NOBODY_AFTER
        turn.wake("chase_help", request.due_at)
        turn.tell(helper, "help.not_this_time", about=about(request))
        if ask_neighbours(turn, request):
            turn.say("help.asking_others", about=about(request))
        else:
            request.due_at = None
            names = tell_workers(turn, request, "help.nobody_near")
            _say_told(turn, request, "help.asked_worker", names)
        return
    match.agreed_at, request.stage = turn.now, HelpStage.AGREED
    request.due_at = turn.now + ASK_IF_DONE
    turn.wake("chase_help", request.due_at)
    turn.tell(
        helper,
        "help.contact_for_helper",
        about=about(request),
        who=turn.person.name,
        home=turn.home(turn.person) or turn.words().say("place.unknown"),
        phone=f"，{turn.person.phone}" if turn.person.phone else "",
        what=request.text,
    )
    turn.put(
        "help.done",
        turn.person,
        about(request),
        "help.contact_for_asker",
        [
            Choice("done", turn.speech.say("help.is_done"), ("+", "帮好了", "好了")),
            Choice("not", turn.speech.say("help.not_come"), ("-", "没来")),
        ],
        helper=helper.name,
        phone=f"（{helper.phone}）" if helper.phone else "",
    )


def done(turn: Turn, question: Question, value: str) -> None:
    request = turn.store.help.get(question.about_id)
    match = turn.store.help.match(request) if request else None
    helper = turn.store.people.resident(match.helper_id) if match else None
    if request is None or match is None or helper is None:
        turn.say("talk.thanks")
        return
    match.ended_at = turn.now
    if value == "done":
        request.stage, request.closed_at, request.due_at = HelpStage.DONE, turn.now, None
        turn.say("help.thanked", about=about(request), helper=helper.name)
        turn.tell(helper, "help.thanks_from", about=about(request), who=turn.person.name)
        return
    request.stage, request.due_at = HelpStage.OPEN, None
    names = tell_workers(turn, request, "help.did_not_come")
    _say_told(turn, request, "help.worker_sees_to_it", names)


def chase_help(desk: Desk) -> datetime | None:
    """Nobody after 30 minutes: the worker hears; later, asks whether it was done."""
    for request in desk.store.help.due(desk.now):
        request.due_at = None
        asker = desk.store.people.resident(request.resident_id)
        if asker is None:
            continue
        if request.stage is HelpStage.OPEN:
            names = tell_workers(desk, request, "help.nobody_came")
            phrase = "help.worker_told" if names else "help.nobody_told"
            desk.tell(asker, phrase, about=about(request), who=names)
        elif request.stage is HelpStage.TAKEN:
            names = tell_workers(desk, request, "help.not_agreed")
            desk.tell(asker, "help.please_agree", about=about(request))
        elif request.stage is HelpStage.AGREED:
            words = desk.words(asker)
            desk.withdraw(about(request), to=asker)
            desk.put(
                "help.done",
                asker,
                about(request),
                "help.was_it_done",
                [
                    Choice("done", words.say("help.is_done"), ("+",)),
                    Choice("not", words.say("help.not_come"), ("-",)),
                ],
                what=request.text,
                priority=Priority.CHASE,
            )
    return desk.store.help.next_due()


def tell_workers(desk: Desk, request: HelpRequest, phrase: str) -> str:
    """The worker of the place takes over from the neighbours. Gives the names told."""
    place = desk.store.people.place(request.place_id)
    asker = desk.store.people.resident(request.resident_id)
    for person in desk.store.people.workers_for(place):
        words = desk.words(person)
        asked = desk.put(
            "help.worker",
            person,
            about(request),
            phrase,
            [Choice("take", words.say("help.worker_takes"), ("+",))],
            text=request.text,
            who=desk.card(asker) if asker else "",
            place=place.name if place else desk.file.name,
        )
        if asked is not None:
            request.worker_told_at = desk.now
            return person.name
    return ""


def _say_told(turn: Turn, request: HelpRequest, phrase: str, names: str) -> None:
    """Who of the staff has it now; or that nobody could be reached."""
    turn.say(phrase if names else "help.nobody_told", about=about(request), who=names)


def worker_takes(turn: Turn, question: Question, value: str) -> None:
    request = turn.store.help.get(question.about_id)
    asker = turn.store.people.resident(request.resident_id) if request else None
    if request is None or asker is None or request.stage in (HelpStage.DONE, HelpStage.WITHDRAWN):
        turn.say("help.no_longer_needed")
        return
    request.stage, request.due_at = HelpStage.AGREED, turn.now + ASK_IF_DONE
    turn.wake("chase_help", request.due_at)
    turn.store.add(
        Match(
            request_id=request.id, helper_id=turn.person.id, taken_at=turn.now, agreed_at=turn.now
        )
    )
    turn.stop_clocks(about(request), Stopped.PERSON, turn.person)
    turn.say("help.worker_has_it", about=about(request), who=turn.card(asker))
    turn.tell(asker, "help.worker_comes", about=about(request), who=turn.title(turn.person))


def reply_to(turn: Turn, ident: str, text: str) -> bool:
    """A worker's words about a request reach whoever asked."""
    request = turn.store.help.get(int(ident))
    asker = turn.store.people.resident(request.resident_id) if request else None
    if request is None or asker is None:
        return False
    turn.stop_clocks(about(request), Stopped.PERSON, turn.person)
    turn.tell(asker, "help.words", about=about(request), sender=turn.title(turn.person), text=text)
    turn.say("talk.passed_on", who=asker.name)
    return True


def words_between(turn: Turn) -> None:
    """Words of one of two who agreed reach the other; nobody else."""
    request = turn.store.help.get(int(turn.opening["request"]))
    match = turn.store.help.match(request) if request else None
    if request is None or match is None or match.agreed_at is None:
        turn.say("help.no_longer_needed")
        return
    mine = match.helper_id == turn.person.id
    other = turn.store.people.resident(request.resident_id if mine else match.helper_id)
    if other is not None:
        turn.tell(
            other,
            "help.words",
            about=about(request),
            sender=turn.person.name,
            text=str(turn.opening["text"]),
        )
        turn.say("talk.passed_on", who=other.name)


def undo_ask(turn: Turn, ident: str) -> None:
    """错了 or 取消: the ask is withdrawn, and a helper who had it hears."""
    request = turn.store.help.get(int(ident))
    if request is None or request.stage in (HelpStage.DONE, HelpStage.WITHDRAWN):
        turn.say("talk.nothing_to_undo")
        return
    withdraw(turn, request)
    turn.say("help.withdrawn")
    ready_made = [turn.speech.say(f"help.kind_{kind}") for kind in KINDS]
    if "command" in turn.opening and request.text not in ready_made:  # 错了, not 取消
        turn.start("clarify", text=request.text, besides="help_ask")


def withdraw(turn: Turn, request: HelpRequest) -> None:
    """Nobody is needed any more; a helper who had it hears."""
    match = turn.store.help.match(request)
    helper: Resident | None = turn.store.people.resident(match.helper_id) if match else None
    request.stage, request.closed_at, request.due_at = HelpStage.WITHDRAWN, turn.now, None
    turn.withdraw(about(request))
    turn.stop_clocks(about(request), Stopped.ASKER)
    if helper is not None:
        turn.tell(helper, "help.no_longer_needed", about=about(request))
