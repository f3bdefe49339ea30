"""A resident's side: from free text to a number, who has it, and until when."""

from __future__ import annotations

import re

from handlers.appeal.case import after, drop, ladder, note, offer, schedule
from handlers.turn import Choice, Turn, about, brief
from nlp import Intent, Urgency, Where
from nlp.places import find_place
from storage.models import Appeal, Chat, Place, Resident, Stage

AT_HOME = re.compile(
    r"我家|我们家|俺家|家里|屋里|我屋|我这里|我这儿|my (?:flat|home|apartment|kitchen)"
)
VAGUE = re.compile(
    r"(我要|我想|想)?(报修|投诉|反映(个?问题|情况)?|提(个)?建议|诉求|report|complain)[。.!！]*"
)
ROUNDS = 6  # changes of mind before we file what we have


def appeal(turn: Turn) -> None:
    """files a case: what, where, shown for confirmation, then a number."""
    what, category = _what(turn)
    words, place = _where(turn, what)
    handler = _handler(turn, what, place, category)
    if _told_before(turn, what, category, words):
        return
    for n in range(ROUNDS):
        answer = turn.ask(
            "appeal.confirm",
            Choice("yes", turn.speech.say("appeal.yes"), ("+", "对的", "没错", "确认")),
            Choice("what", turn.speech.say("appeal.change_what")),
            Choice("where", turn.speech.say("appeal.change_where")),
            Choice("no", turn.speech.say("appeal.drop"), ("-", "算了", "不用了", "不报了")),
            key=f"confirm.{n}",
            takes="amend",
            what=what,
            where=words,
            why=_why(turn),
            category=turn.speech.category(category),
            who=handler.name if handler else turn.file.name,
        )
        if answer == "yes":
            break
        if answer == "no":
            turn.say("appeal.dropped")
            return
        if answer == "what":
            what = turn.ask("appeal.what_again", key=f"what.{n}", takes="text")
            category = _category(turn, f"what.{n}", category)
        elif answer == "where":
            words, place = _place(
                turn,
                turn.ask("appeal.where", key=f"where.{n}", takes="place", what=brief(what, 20)),
            )
        else:
            text = re.sub(
                r"^(不对|不是|是|改成|改|说错了|错了|应该是|应该)[，,、 ]*", "", answer[5:]
            )
            found = find_place(text, turn.names)
            if found:
                words, place = _place(turn, text)
            if len(text) > len(turn.where_words(found)) + 3:
                what = f"{what}（{text}）"
                category = _category(turn, f"confirm.{n}", category)
        handler = _handler(turn, what, place, category)
    _file(turn, what, category, words, place, handler)


def _handler(turn: Turn, what: str, place: Place | None, category: str) -> Resident | None:
    """Who it goes to; a complaint about one of us goes past them, to the chief."""
    handler = turn.handler(place, category)
    if handler is not None and handler.name in what:
        others = [c for c in turn.store.people.chiefs() if c.name not in what]
        return others[0] if others else handler
    return handler


def _category(turn: Turn, key: str, before: str) -> str:
    """What new words are about, where they say so."""
    heard = turn.heard_at(key)
    return (heard.category if heard else None) or before


def _told_before(turn: Turn, what: str, category: str, words: str) -> bool:
    """The same person, kind and place again while a case is open: one case, if they say so."""
    open_case = turn.store.appeals.open_case_of(turn.person)
    if open_case is None or (open_case.category, open_case.where) != (category, words):
        return False
    answer = turn.ask(
        "appeal.told_before",
        Choice("same", turn.speech.say("appeal.same"), ("+", "是同一件")),
        Choice("new", turn.speech.say("appeal.another"), ("-", "不是", "另一件")),
        key="same",
        n=open_case.number,
        what=brief(open_case.text),
    )
    if answer == "same":
        turn.start("case_words", appeal=open_case.id, text=what)
    return answer == "same"


def _why(turn: Turn) -> str:
    """Why we take it for a report, where we were the ones to say so."""
    asked_for = turn.opening.get("what") or turn.opening.get("command")
    if turn.guess.intent is not Intent.APPEAL or asked_for:
        return ""
    chinese = turn.speech.language.startswith("zh")  # the ear gives its reasons in Chinese
    return f"{turn.guess.why}。\n" if turn.guess.why and chinese else ""


def _what(turn: Turn) -> tuple[str, str]:
    """The matter in the resident's own words, and its category."""
    if turn.opening.get("what"):
        return str(turn.opening["what"]), str(turn.opening.get("category") or "other")
    if turn.opening.get("command") or VAGUE.fullmatch(turn.guess.text.strip()):
        what = turn.ask("appeal.what", key="what", takes="text")
        heard = turn.heard_at("what")
        category = turn.opening.get("category") or (heard.category if heard else None)
        return what, str(category or "other")
    return turn.guess.text.strip(" \n，,。.；;"), turn.guess.category or "other"


def _where(turn: Turn, what: str) -> tuple[str, Place | None]:
    heard = turn.heard_at("what")
    found = (heard.place if heard else turn.guess.place) or Where()
    home = turn.home(turn.person)
    if not found.building and (found.unit or found.room) and home:
        building = turn.store.people.place(turn.person.home_id)
        found = Where(
            _digits(building.name) if building else None, found.unit, found.room, found.spot
        )
    if found:
        words, place = turn.where_words(found), _known(turn, found)
        if place or not found.building:
            return words, place or _near_home(turn)
    if not found and home and AT_HOME.search(what):
        return home, turn.store.people.place(turn.person.home_id)
    phrase, choices = "appeal.where", []
    if home:
        phrase, choices = (
            "appeal.where_home",
            [Choice("home", home, ("我家", "家里", "就是我家", "+"))],
        )
    if found:
        phrase = "appeal.no_such_place"
    said = turn.ask(
        phrase,
        *choices,
        key="where",
        takes="place",
        inline=True,
        home=home,
        what=brief(what, 20),
        place=turn.where_words(found),
    )
    if said == "home":
        return home, turn.store.people.place(turn.person.home_id)
    words, place = _place(turn, said)
    if place is None and find_place(said, turn.names).building:
        said = turn.ask(
            "appeal.no_such_place",
            key="where.again",
            takes="place",
            place=words,
            home=home,
            what=brief(what, 20),
        )
        return _place(turn, said)
    return words, place or _near_home(turn)


def _place(turn: Turn, said: str) -> tuple[str, Place | None]:
    """Spoken words as a place we know, as far as we do."""
    where = find_place(said, turn.names)
    if not where:
        return said.strip(), turn.store.people.place_named(said) or _near_home(turn)
    return turn.where_words(where), _known(turn, where)


def _known(turn: Turn, where: Where) -> Place | None:
    if where.building:
        return turn.store.people.building(where.building)
    return turn.store.people.place_named(where.spot or "")


def _near_home(turn: Turn) -> Place | None:
    """Somewhere in the compound: the resident's own grid looks after it."""
    return turn.store.people.place(turn.person.home_id)


def _digits(name: str) -> str | None:
    found = re.search(r"\d+", name)
    return found[0] if found else None


def _file(
    turn: Turn, what: str, category: str, words: str, place: Place | None, handler: Resident | None
) -> None:
    level = "default" if turn.guess.urgency is Urgency.NORMAL else "urgent"
    case = open_case(
        turn,
        turn.person,
        turn.chat,
        what=what,
        category=category,
        level=level,
        words=words,
        place=place,
        handler=handler,
    )
    for media in turn.opening.get("media", []):
        caption = str(turn.opening.get("captions", {}).get(media, ""))  # of a location, the spot
        note(turn, case, "media", turn.person, caption, media=str(media))
    _remember(turn, case)
    reached = handler is not None and offer(turn, case, handler, "appeal.new")
    turn.say(
        "appeal.filed" if reached else "appeal.filed_unreached",
        about=about(case),
        n=case.number,
        who=handler.name if handler else turn.file.name,
        ladder=ladder(turn.speech, case, handler),
        by=turn.speech.moment(case.respond_by, turn.now),
    )
    turn.can_undo("appeal", about(case))


def _remember(turn: Turn, case: Appeal) -> None:
    """Of a message that may still be edited: which case it became."""
    if "message_id" not in (turn.inbound.extra or {}):
        return  # messages of this channel cannot be edited
    message = turn.store.messages.inbound(int(turn.opening.get("inbound") or 0))
    if message is not None and "message_id" in (message.extra or {}):
        message.extra = {**(message.extra or {}), "appeal": case.id}


def open_case(
    turn: Turn,
    person: Resident,
    chat: Chat,
    *,
    what: str,
    category: str,
    level: str,
    words: str,
    place: Place | None,
    handler: Resident | None,
) -> Appeal:
    """A case with its number and its clocks; whoever it goes to has yet to be told."""
    promise = turn.file.level(level)
    case = turn.store.add(
        Appeal(
            community_id=turn.store.community_id,
            number=turn.store.appeals.next_number(),
            resident_id=person.id,
            chat_id=chat.id,
            text=what,
            category=category,
            level=level,
            place_id=place.id if place else None,
            where=words,
            handler_id=handler.id if handler else None,
            filed_at=turn.now,
            stage=Stage.OPEN,
            respond_by=after(turn, promise, turn.now, promise.first_response),
            resolve_by=after(turn, promise, turn.now, promise.resolution),
            reopened=0,
            climbed=0,
        )
    )
    note(turn, case, "filed", turn.person, what)
    schedule(turn, case)
    turn.open_clock(
        chat, person, "appeal", what, about=about(case), inbound_id=turn.inbound.id, handler=handler
    )
    return case


def undo_filing(turn: Turn, ident: str) -> None:
    """错了 after a filing: the case is withdrawn, and we ask what was meant."""
    case = turn.store.appeals.get(int(ident))
    if case is None or not case.is_live:
        turn.say("talk.nothing_to_undo")
        return
    handler = drop(turn, case)
    if handler is not None:
        turn.tell(
            handler,
            "appeal.withdrawn",
            about=about(case),
            n=case.number,
            who=turn.person.name,
            what=brief(case.text),
        )
    turn.say("appeal.undone", n=case.number)
    turn.start("clarify", text=case.text, besides=str(Intent.APPEAL))


def my_appeals(turn: Turn) -> None:
    """我的诉求: each with who has it and until when."""
    mine = turn.store.appeals.of(turn.person)
    if not mine:
        turn.say("appeal.none_yet")
        return
    lines = []
    for case in mine:
        handler = turn.store.people.resident(case.handler_id)
        lines.append(
            turn.speech.say(
                f"appeal.mine_{case.stage}",
                n=case.number,
                what=brief(case.text),
                who=handler.name if handler else turn.file.name,
                by=turn.speech.moment(case.deadline, turn.now),
            )
        )
    turn.say("appeal.mine", lines="\n".join(lines))
