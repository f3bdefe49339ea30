"""A worker writes, chooses audience and time, sees a preview, has 30 seconds to take it back."""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers.notice.publish import audience_words, stop
from handlers.notice.quota import chat_of, group_words, trouble
from handlers.turn import Choice, Desk, Turn, about
from storage.models import Chat, Notice, NoticeStage, Resident, Role

HOLD = timedelta(seconds=30)
WRONG_PLACES = 20  # then the notice is dropped; a typing error must not reach everybody


def compose(turn: Turn) -> None:
    """发通知."""
    text = str(turn.opening.get("rest", "")).strip() or turn.ask(
        "notice.what", key="text", takes="text"
    )
    for n in range(5):
        audience = _audience(turn, n)
        if not audience:
            turn.say("notice.dropped")
            return
        repeat, at = _time(turn, n)
        why = trouble(turn, audience, text, at)
        if why:
            answer = turn.ask(
                "notice.cannot_post",
                Choice("who", turn.speech.say("notice.change_audience")),
                Choice("text", turn.speech.say("notice.change_text")),
                Choice("no", turn.speech.say("notice.drop"), ("-", "不发了", "算了")),
                key=f"trouble.{n}",
                why=why,
            )
            if answer == "no":
                turn.say("notice.dropped")
                return
            if answer == "text":
                text = turn.ask("notice.what", key=f"text.{n}", takes="text")
            continue
        answer = turn.ask(
            "notice.preview_group" if chat_of(turn, audience) else "notice.preview",
            Choice("yes", turn.speech.say("notice.send"), ("+", "发", "发送")),
            Choice("text", turn.speech.say("notice.change_text")),
            Choice("who", turn.speech.say("notice.change_audience")),
            Choice("no", turn.speech.say("notice.drop"), ("-", "不发了", "算了")),
            key=f"preview.{n}",
            text=text,
            count=reached(turn, audience),
            audience=audience_words(turn, audience),
            when=turn.speech.say(f"notice.{repeat}", at=turn.speech.moment(at, turn.now))
            if at > turn.now
            else turn.speech.say("notice.now"),
        )
        if answer == "yes":
            break
        if answer == "no":
            turn.say("notice.dropped")
            return
        if answer == "text":
            text = turn.ask("notice.what", key=f"text.{n}", takes="text")
    notice = schedule(turn, turn.person, text, audience, repeat, at, chat=turn.private())
    turn.can_undo("notice", about(notice))


def schedule(
    desk: Desk,
    author: Resident,
    text: str,
    audience: str,
    repeat: str,
    at: datetime,
    *,
    chat: Chat | None = None,
) -> Notice:
    """A notice that leaves at `at`, at the earliest in 30 seconds; its author may take it back."""
    at = max(at, desk.now + HOLD)
    notice = desk.store.add(
        Notice(
            community_id=desk.store.community_id,
            author_id=author.id,
            text=text,
            audience=audience,
            repeat=repeat,
            stage=NoticeStage.SCHEDULED,
            written_at=desk.now,
            publish_at=at,
            due_at=at,
            planned_up_to=0,
        )
    )
    desk.wake("publish_due", at)
    words = desk.words(author)
    later, group = at - desk.now > HOLD, chat_of(desk, audience) is not None
    desk.put(
        "notice.held",
        author,
        about(notice),
        ("notice.scheduled_group" if later else "notice.leaving_group")
        if group
        else ("notice.scheduled" if later else "notice.leaving"),
        [Choice("stop", words.say("notice.take_back"), ("撤回", "停", "停止"))],
        chat=chat,
        count=reached(desk, audience),
        audience=audience_words(desk, audience),
        at=words.moment(at, desk.now),
    )
    return notice


def scheduled(turn: Turn) -> None:
    """A notice written on the console, where its preview was."""
    said = turn.opening
    notice = schedule(
        turn,
        turn.person,
        str(said["text"]),
        str(said["audience"]),
        str(said["repeat"]),
        datetime.fromisoformat(said["at"]) if said["at"] else turn.now,
        chat=turn.private(),
    )
    turn.can_undo("notice", about(notice))


def _audience(turn: Turn, n: int) -> str:
    """everyone | place:7 | role:volunteer | chat:4; asked anew in each round that changes it.

    "" where no place could be understood: the notice is dropped, never sent to everybody.
    """
    before = n - 1
    if n and "who" not in (turn.answers.get(f"{k}.{before}") for k in ("preview", "trouble")):
        return _audience(turn, n - 1)
    say = turn.speech.say
    groups = turn.store.messages.groups()
    choices = [
        Choice("everyone", say("notice.to_everyone")),
        Choice("place", say("notice.to_place")),
        Choice("role", say("notice.to_role")),
    ]
    if groups:
        choices.append(Choice("group", say("notice.to_group")))
    kind = turn.ask("notice.to_whom", *choices, key=f"audience.{n}", takes="text")
    if kind not in ("everyone", "place", "role", "group"):
        place = turn.place_in(kind)
        if place is not None:
            return about(place)
        kind = "place"
    if kind == "place":
        for again in range(WRONG_PLACES):
            said = turn.ask(
                "notice.which_place" if not again else "notice.no_such_place",
                takes="text",
                key=f"place.{n}.{again}",
                places="、".join(p.name for p in turn.store.people.places[1:]),
            )
            place = turn.place_in(said)
            if place is not None:
                return about(place)
        return ""
    if kind == "role":
        roles = (Role.VOLUNTEER, Role.WORKER, Role.RESIDENT)
        return turn.ask(
            "notice.which_role",
            *[Choice(f"role:{role}", say(f"people.{role}")) for role in roles],
            key=f"role.{n}",
        )
    if kind == "group":
        return turn.ask(
            "notice.which_group",
            *[Choice(about(chat), group_words(turn, chat)) for chat in groups[:9]],
            key=f"group.{n}",
        )
    return kind


def _time(turn: Turn, n: int) -> tuple[str, datetime]:
    """once | daily | weekly, and the first moment."""
    if n:
        return _time(turn, 0)
    say = turn.speech.say
    kind = turn.ask(
        "notice.when",
        Choice("now", say("notice.now"), ("马上", "立刻")),
        Choice("once", say("notice.at_a_time")),
        Choice("daily", say("notice.every_day")),
        Choice("weekly", say("notice.every_week")),
        key="when",
    )
    if kind == "now":
        return "once", turn.now
    for again in range(3):
        turn.ask(
            "notice.what_time" if not again else "notice.what_time_again",
            takes="text",
            key=f"time.{again}",
        )
        at = _moment(turn, f"time.{again}")
        if at is not None:
            return kind, at
    return "once", turn.now


def _moment(turn: Turn, key: str) -> datetime | None:
    heard = turn.heard_at(key)
    if heard is None or not heard.when:
        return None
    try:
        at = datetime.fromisoformat(heard.when)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=turn.file.zone)
    return at if at > turn.now else None


def reached(desk: Desk, audience: str) -> int:
    """How many people a notice would reach."""
    kind, _, rest = audience.partition(":")
    people = desk.store.people
    if kind == "everyone":
        return people.count(notices=True, staff=False)
    if kind == "place":
        place = people.place(int(rest))
        return people.count(place=place, notices=True, staff=False) if place else 0
    if kind == "role":
        return sum(person.notices for person in people.with_role(Role(rest)))
    return 1


def undo_notice(turn: Turn, ident: str) -> None:
    """错了 after writing a notice."""
    notice = turn.store.notices.get(int(ident))
    if notice is None or notice.stage not in (NoticeStage.SCHEDULED, NoticeStage.SENDING):
        turn.say("notice.too_late")
        return
    stop(turn, notice)
    turn.say("notice.taken_back")
