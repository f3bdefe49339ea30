"""One person on several channels: linked by a code or by staff, parted at once on request."""

from __future__ import annotations

from datetime import timedelta

from handlers.turn import Choice, Desk, Turn, about, brief, make_code
from storage.models import LIVE, Chat, Credential, Identity, Priority, Question, Resident, Sending

LIFE = timedelta(hours=24)
WRONG, WITHIN = 5, timedelta(hours=1)  # so many wrong codes from one chat, then none is looked at
WRONG_CODE = "wrong_code"  # the kind of the answer to a wrong code, by which they are counted


def link(turn: Turn) -> None:
    """关联: a code to be said in another messenger."""
    turn.say("linking.code", code=_new_code(turn, turn.person))


def _new_code(desk: Desk, person: Resident) -> str:
    """A fresh code; an older one of the same person ends."""
    code = make_code(desk.code())
    desk.store.people.forget_credentials(person, "link")
    desk.store.people.give_credential("link", code.replace("-", ""), person, desk.now + LIFE)
    return code


def bind(turn: Turn) -> None:
    """A one-time code makes this chat a person's: of the community file, or of another channel.

    A name never does. Whatever is wrong with a code, the answer is the same.
    """
    if turn.store.messages.said_since(turn.chat, WRONG_CODE, turn.now - WITHIN) >= WRONG:
        turn.say("linking.slow_down")
        return
    people, code = turn.store.people, str(turn.opening["code"])
    invite = people.credential("invite", code, turn.now)
    credential = invite or people.credential("link", code, turn.now)
    person = people.resident(credential.resident_id) if credential is not None else None
    identity = people.identity(turn.inbound.channel_id, turn.inbound.user_key)
    if credential is None or person is None or identity is None or person.deleted_at is not None:
        for_group = people.credential("group", code, turn.now)
        turn.say("binding.write_in_group" if for_group else "register.bad_code").kind = WRONG_CODE
    elif invite is not None:
        _take_invite(turn, invite, identity, person)
    elif person.id == turn.person.id:
        turn.say("linking.yourself")
    elif turn.person.is_staff or (turn.person.in_file and person.in_file):
        turn.say("linking.not_from_here", name=turn.person.name)
    else:
        _join(turn, credential, person)


def _take_invite(turn: Turn, invite: Credential, identity: Identity, person: Resident) -> None:
    """This chat is a person of the community file from now on."""
    invite.used_at = turn.now
    stranger = turn.person
    open_cases = _open_cases(turn, stranger)
    if not turn.store.people.merge(stranger, person, turn.now) and stranger.id != person.id:
        open_cases = ""
        _hand_over(turn, identity, person, besides=turn.conversation_id)
    turn.wake("chase_help", turn.now)
    _sits_here(turn, person)
    turn.say("register.bound", name=person.name, role=turn.role(person))
    if person.is_staff:
        turn.say("register.staff_words")
        if open_cases and stranger.id != person.id:
            turn.say("linking.your_cases", lines=open_cases)


def _sits_here(turn: Turn, person: Resident) -> None:
    turn.person, turn.chat.resident_id = person, person.id
    turn.chat.greeted, turn.chat.undo = True, None


def _open_cases(turn: Turn, person: Resident) -> str:
    """What somebody reported and is not settled, a line each; "" for nothing."""
    return "\n".join(
        turn.speech.say("appeal.which_line", n=case.number, what=brief(case.text))
        for case in turn.store.appeals.of(person, limit=20)
        if case.stage in LIVE
    )


def _join(turn: Turn, credential: Credential, person: Resident) -> None:
    """The holder of the code and who writes it are one; whoever is in the file stays."""
    stranger = turn.person
    known = stranger.home_id is not None or stranger.in_file
    if known or len(turn.store.people.identities_of(stranger)) > 1:
        sure = turn.ask(
            "linking.sure",
            Choice("yes", turn.speech.say("linking.same"), ("+",)),
            Choice("no", turn.speech.say("linking.not_same"), ("-",)),
            key="sure",
            name=person.name,
        )
        if sure == "no":
            turn.say("linking.kept_apart")
            return
    into, other = (stranger, person) if stranger.in_file else (person, stranger)
    cases = _open_cases(turn, stranger) if person.is_staff else ""
    elsewhere = next((c for c in turn.store.messages.chats_of(person)), None)
    credential.used_at = turn.now
    _merge(turn, other, into)
    _sits_here(turn, into)
    turn.say("linking.joined", name=into.name, channels="、".join(turn.channels(into)))
    if cases:
        turn.say("linking.your_cases", lines=cases)
    if elsewhere is not None and elsewhere.id != turn.chat.id:
        here = turn.speech.platform(turn.store.messages.platform(turn.chat.channel_id))
        turn.say("linking.joined_there", chat=elsewhere, channel=here)


def _merge(desk: Desk, stranger: Resident, into: Resident) -> bool:
    if into.name == desk.words().say("people.stranger") and stranger.name:
        into.name = stranger.name
    desk.wake("chase_help", desk.now)  # somebody may have been about to help themselves
    return desk.store.people.merge(stranger, into, desk.now)


# Parting


def unlink(turn: Turn) -> None:
    """解除关联: one channel becomes a person of its own at once."""
    own = turn.store.people.identities_of(turn.person)
    if len(own) < 2:
        turn.say("linking.only_here")
        return
    chosen = turn.ask(
        "linking.which",
        *[Choice(str(one.id), _label(turn, one, own)) for one in own[:8]],
        Choice("none", turn.speech.say("linking.none"), ("-",)),
        key="which",
    )
    identity = next((one for one in own if str(one.id) == chosen), None)
    if identity is None:
        turn.say("linking.left_as_it_is")
        return
    name = turn.speech.platform(turn.store.messages.platform(identity.channel_id))
    fresh = _part(turn, turn.person, identity, besides=turn.conversation_id)
    if _is_here(turn, identity):
        turn.person = fresh
        turn.say("linking.parted_here")
    else:
        turn.say("linking.parted", channel=name)


def _is_here(turn: Turn, identity: Identity) -> bool:
    return (identity.channel_id, identity.external_id) == (
        turn.inbound.channel_id,
        turn.inbound.user_key,
    )


def _label(turn: Turn, identity: Identity, own: list[Identity]) -> str:
    """微信公众号; 网页（就是这里）; with the day it came where two would read alike."""
    name = turn.speech.platform(turn.store.messages.platform(identity.channel_id))
    if _is_here(turn, identity):
        return turn.speech.say("linking.this_one", channel=name)
    if sum(one.channel_id == identity.channel_id for one in own) > 1:
        since = turn.speech.moment(identity.created_at, turn.now)
        return turn.speech.say("linking.since", channel=name, since=since)
    return name


def _part(desk: Desk, person: Resident, identity: Identity, *, besides: int | None) -> Resident:
    """Makes an identity a resident of its own, of whom nothing is known."""
    fresh = desk.store.add(
        Resident(
            community_id=desk.store.community_id,
            name=identity.name or desk.words().say("people.stranger"),
            created_at=desk.now,
            elder=False,
            notices=True,
            willing=False,
            confirmed=False,
        )
    )
    _hand_over(desk, identity, fresh, besides=besides)
    desk.store.people.forget_credentials(person, "link")
    return fresh


def _hand_over(desk: Desk, identity: Identity, to: Resident, *, besides: int | None) -> None:
    """What is open in these chats ends there; what is still to be said or asked goes elsewhere."""
    messages = desk.store.messages
    person = desk.store.people.resident(identity.resident_id)
    leaving = desk.store.people.chats_as(identity)
    chats = messages.all_chats_of(person) if person is not None else []
    others = [chat for chat in chats if chat.id not in {one.id for one in leaving}]
    stays = next((chat for chat in others if not chat.gone), next(iter(others), None))
    for chat in leaving:
        for conversation in messages.conversations(chat):
            if conversation.id != besides:
                desk.store.session.delete(conversation)
        waiting = {row.id: row for row in messages.not_left(chat)}
        for row in waiting.values():
            of_a_conversation = any(str(choice[2]).startswith("c") for choice in row.choices)
            if stays is None or of_a_conversation:
                row.status = Sending.DROPPED
            else:
                desk.redirect(row, stays)
        for row in messages.given_up(chat):  # to be told in person, to whom it was meant for
            if stays is None:
                row.status = Sending.DROPPED
            else:
                row.chat_id = stays.id
        for question in messages.standing(chat, desk.now):
            moved = waiting.get(question.outbound_id or 0)
            if moved is not None and stays is not None:
                question.chat_id, question.delivered_at = stays.id, moved.sent_at
            else:
                _ask_elsewhere(desk, question, stays)
    desk.store.session.flush()
    desk.store.people.hand_over(identity, to, stays)


def _ask_elsewhere(desk: Desk, question: Question, stays: Chat | None) -> None:
    """Closes a question in a chat that is somebody else's now; it is put again in another."""
    question.closed_at = desk.now
    row = desk.store.messages.outbound(question.outbound_id)
    if stays is None or row is None:
        return
    again = desk.store.messages.stand(
        Question(
            community_id=question.community_id,
            chat_id=stays.id,
            resident_id=question.resident_id,
            name=question.name,
            about=question.about,
            choices=question.choices,
            asked_at=desk.now,
            until=question.until,
            after=stays.turns,
        )
    )
    said = desk.write(
        stays,
        row.text,
        choices=[Choice(c[0], c[1]) for c in question.choices[: len(row.choices)]],
        callback=f"q{again.id}",
        inline=row.inline,
        sender=row.sender,
        kind=row.kind,
        about=row.about,
        priority=Priority(row.priority),
    )
    desk.store.session.flush()
    again.outbound_id, again.delivered_at = said.id, said.sent_at


# What staff do on the console


def _resident(turn: Turn, key: str) -> Resident | None:
    """Whom a console form names; nobody of the staff, whose rights would go along."""
    person = turn.store.people.resident(int(turn.opening[key]))
    if person is None or person.deleted_at is not None or person.is_staff:
        turn.say("linking.not_this_one")
        return None
    return person


def link_for(turn: Turn) -> None:
    """给关联码: read to a resident, who says it in another messenger."""
    person = _resident(turn, "resident")
    if person is not None:
        code = _new_code(turn, person)
        turn.say("linking.code_for", name=person.name, code=code)


def unlink_for(turn: Turn) -> None:
    """解除, for one channel of a resident."""
    person = _resident(turn, "resident")
    if person is None:
        return
    own = turn.store.people.identities_of(person)
    identity = next((one for one in own if one.id == int(turn.opening["identity"])), None)
    if identity is None or len(own) < 2:
        turn.say("linking.not_this_one")
        return
    name = turn.words(person).platform(turn.store.messages.platform(identity.channel_id))
    _part(turn, person, identity, besides=None)
    turn.say("linking.parted_for", name=person.name, channel=name)
    turn.tell(person, "linking.parted_by_staff", channel=name, about=about(person))


def same_person(turn: Turn) -> None:
    """同一个人: two records become one; whoever is in the community file stays."""
    into, other = _resident(turn, "resident"), _resident(turn, "other")
    if into is None or other is None:
        return
    if other.in_file:
        into, other = other, into
    name = other.name
    if not _merge(turn, other, into):
        turn.say("linking.both_in_file")
        return
    turn.say("linking.merged", name=into.name, other=name)
    turn.tell(
        into, "linking.merged_by_staff", channels="、".join(turn.channels(into)), about=about(into)
    )
