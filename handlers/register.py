"""Who is who: first contact, one's own data, notices on and off."""

from __future__ import annotations

from handlers.turn import Choice, Turn
from nlp.places import find_place
from storage.models import HelpStage, Place, Stage


def welcome(turn: Turn) -> None:
    """First contact without a matter: what this is, what is kept, and which building."""
    home = turn.home(turn.person)
    if home or turn.person.is_staff:
        turn.say("welcome.known", name=turn.person.name, community=turn.file.name)
        return
    place, words = ask_home(turn, "welcome.hello", "welcome")
    if place is None:
        turn.say("welcome.skipped")
        return
    settle(turn, place, words)
    turn.say("welcome.settled", home=turn.home(turn.person))


def ask_home(turn: Turn, phrase: str, key: str) -> tuple[Place | None, str]:
    """Which building, by digits: from the top down where there are many; "跳过" always works."""
    people = turn.store.people
    options = people.buildings()
    skip = Choice("skip", turn.speech.say("welcome.skip"), ("-", "跳过", "不说", "不告诉你"))
    level: list[Place] = options
    if len(options) > 9:
        root = people.root.id
        level = [p for p in people.places if p.parent_id == root]
    for depth in range(5):
        asked = phrase if depth == 0 else "welcome.which_building"
        said = turn.ask(
            asked,
            *[Choice(f"place:{p.id}", p.name) for p in level],
            skip,
            key=f"{key}.{depth}",
            takes="place",
            weak=key == "welcome",
            community=turn.file.name,
            name=turn.person.name,
        )
        if said == "skip":
            return None, ""
        if said.startswith("place:"):
            place = people.place(int(said.partition(":")[2]))
            beneath = [p for p in people.places if place and p.parent_id == place.id]
            if not beneath:
                return place, ""
            level = (
                beneath
                if len(beneath) > 1
                else [p for p in people.places if p.parent_id == beneath[0].id] or beneath
            )
            continue
        place = people.building(find_place(said, turn.names).building) or people.place_named(said)
        if place is not None:
            return place, said
        level = options[:12]
    return None, ""


def settle(turn: Turn, place: Place, words: str) -> None:
    """A claim of an address: staff confirm it."""
    where = find_place(words, turn.names)
    turn.person.home_id = place.id
    turn.person.unit = where.unit or turn.person.unit
    turn.person.room = where.room or turn.person.room
    turn.person.confirmed = False


def at_home(turn: Turn) -> None:
    """Nothing but an address, from somebody whose home we do not know."""
    place = turn.store.people.building(turn.guess.place.building)
    if place is None:
        turn.start("clarify")
        return
    settle(turn, place, turn.guess.text)
    turn.say("welcome.settled", home=turn.home(turn.person))


def vouch(turn: Turn) -> None:
    """核对: staff vouch for a name and address, from the console."""
    person = turn.store.people.resident(int(turn.opening["resident"]))
    if person is None or person.deleted_at is not None:
        turn.say("talk.nothing_to_undo")
        return
    person.confirmed = True
    turn.say("register.vouched", name=person.name, home=turn.home(person))


def my_data(turn: Turn) -> None:
    """我的资料: shows, changes, deletes."""
    say = turn.speech.say
    person = turn.person
    linked = len(turn.store.people.identities_of(person)) > 1
    chosen = turn.ask(
        "register.my_data",
        Choice("name", say("register.change_name")),
        Choice("home", say("register.change_home")),
        Choice("phone", say("register.change_phone")),
        Choice("elder", say("register.elder_off" if person.elder else "register.elder_on")),
        Choice("delete", say("register.delete")),
        Choice("link", say("register.link")),
        *([Choice("unlink", say("register.unlink"))] if linked else []),
        Choice("back", say("register.fine"), ("+", "好")),
        key="what",
        name=person.name,
        home=turn.home(person) or say("register.unknown"),
        phone=person.phone or say("register.unknown"),
        channels="、".join(turn.channels(person)),
        notices=say("register.notices_on" if person.notices else "register.notices_off"),
        claims=say("register.confirmed" if person.confirmed else "register.claims"),
    )
    if chosen == "back":
        turn.say("register.unchanged")
    elif chosen == "delete":
        _delete(turn)
    elif chosen in ("link", "unlink"):
        turn.start(chosen)
    elif chosen == "elder":
        person.elder = not person.elder
        turn.say("register.changed")
    else:
        _change(turn, chosen)


def _change(turn: Turn, what: str) -> None:
    if what == "home":
        place, words = ask_home(turn, "welcome.which_building", "home")
        if place is None:
            turn.say("register.unchanged")
            return
        if not find_place(words, turn.names).room:
            said = turn.ask(
                "register.which_room",
                Choice("skip", turn.speech.say("welcome.skip")),
                key="room",
                takes="text",
                place=place.name,
            )
            words = "" if said == "skip" else f"{place.name}{said}"
        turn.person.unit = turn.person.room = None
        settle(turn, place, words)
    elif what == "name":
        turn.person.name = turn.ask("register.new_name", key="name", takes="text").strip()[:20]
        turn.person.confirmed = False
    else:
        said = turn.ask("register.new_phone", key="phone", takes="text")
        heard = turn.heard_at("phone")
        if heard is None or not heard.phone:
            said = turn.ask("register.bad_phone", key="phone.again", takes="text")
            heard = turn.heard_at("phone.again")
        turn.person.phone = (heard.phone if heard else None) or turn.person.phone
    turn.say("register.changed")


def _delete(turn: Turn) -> None:
    """Deletes what we hold of somebody. Open cases stay with their number, without a name."""
    sure = turn.ask(
        "register.delete_sure",
        Choice("yes", turn.speech.say("register.yes_delete")),
        Choice("no", turn.speech.say("register.no_delete"), ("-",)),
        key="sure",
    )
    if sure == "no":
        turn.say("register.unchanged")
        return
    erase(turn)
    turn.say("register.deleted")


def erase(turn: Turn) -> None:
    """Name, address, phone, words: gone. What must stay countable stays without them."""
    person, store = turn.person, turn.store
    gone = turn.speech.say("register.erased")
    for case in store.appeals.of(person, limit=1000, withdrawn=True):
        if not case.is_live and case.stage is not Stage.ACTED:
            case.text, case.where = gone, ""
            for step in store.appeals.steps(case):
                step.text = ""
    for request in store.help.running_of(person):
        request.stage, request.closed_at, request.due_at = HelpStage.WITHDRAWN, turn.now, None
        turn.withdraw(f"{request.__tablename__}:{request.id}")
    store.people.forget_words(person, gone, besides=turn.conversation_id)
    for offer in store.help.offers_of(person):
        offer.closed_at, offer.text = turn.now, gone
    for chat in store.messages.all_chats_of(person):
        store.messages.forget(chat, keep=turn.inbound.id)
        chat.greeted, chat.undo = False, None
    for identity in store.people.identities_of(person):
        identity.name = identity.name if person.in_file else gone
    store.media.erase_of(person)
    store.people.forget_credentials(person)
    if not person.in_file:
        person.name = gone
    person.home_id = person.unit = person.room = person.phone = None
    person.willing = person.notices = person.confirmed = False


def stop_notices(turn: Turn) -> None:
    """退订: notices stop; dangers and roll calls still come, and it says so."""
    turn.person.notices = False
    turn.say("register.notices_stopped")


def resume_notices(turn: Turn) -> None:
    turn.person.notices = True
    turn.say("register.notices_resumed")
