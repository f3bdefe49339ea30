"""A chat as the resident's page shows it: whose words, when, what may still be pressed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from markupsafe import Markup, escape

from bot.web.words import PageWords
from handlers.conversing import callback
from handlers.desk import Desk
from storage import Store
from storage.models import Appeal, Inbound, Outbound, Priority, Resident, Stage
from storage.store import web
from storage.store.web import Visitor

SHOWN = 60  # messages of each side on a page
SHOWN_MORE = 500  # after "看更早的消息"
EMERGENCY = ("119", "120", "110")
_CALLABLE = re.compile(r"(?<![\d.:：-])(?:119|120|110|12345|1[3-9]\d{9})(?![\d:：-]|\.\d)")


@dataclass(frozen=True)
class Choice:
    digit: str
    label: str
    callback: str
    of: str  # the question it answers, as in `Shown.open`


@dataclass(frozen=True)
class Line:
    """One message on the page."""

    side: str  # mine bot person
    who: str
    at: datetime
    when: str
    text: Markup
    danger: bool = False
    inline: bool = False
    choices: Sequence[Choice] = ()
    about: str = ""
    ladder: Sequence[tuple[str, str]] = ()  # (words, "done" | "now" | "then")


@dataclass
class Shown:
    """What is new on a page, and up to where it reaches."""

    inbound: int = 0  # the last Inbound.id that was looked at
    outbound: int = 0
    lines: list[Line] = field(default_factory=list)
    open: set[str] = field(default_factory=set)  # questions whose buttons may still be pressed
    more: bool = False  # there is something earlier

    @property
    def cursor(self) -> str:
        return f"{self.inbound}.{self.outbound}"


def read_cursor(raw: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,18})\.(\d{1,18})", raw)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@dataclass(frozen=True)
class View:
    """One visitor's view of one chat, private or group."""

    desk: Desk
    words: PageWords
    visitor: Visitor
    person: Resident
    chat_id: int
    chat_key: str
    group: bool

    @property
    def store(self) -> Store:
        return self.desk.store

    def whole(self, limit: int = SHOWN) -> Shown:
        """The last messages of the chat."""
        return self._shown(0, 0, limit, newest=True)

    def after(self, inbound: int, outbound: int) -> Shown:
        """What came after a cursor."""
        return self._shown(inbound, outbound, SHOWN, newest=False)

    def _shown(self, inbound: int, outbound: int, limit: int, *, newest: bool) -> Shown:
        session = self.store.session
        said = web.said_after(
            session, self.visitor, self.chat_id, outbound, limit=limit, newest=newest
        )
        since = 0 if self.group else inbound
        wrote = web.written_after(session, self.visitor, self.chat_key, since, limit=limit)
        shown = Shown(
            wrote[-1].id if wrote else inbound,
            said[-1].id if said else outbound,
            more=newest and limit in (len(said), len(wrote)),
        )
        if self.group:
            # A group is read from what was relayed to it, one's own words too.
            own = {f"inbound:{row.id}" for row in wrote}
            shown.lines = [self._said(row, mine=row.about in own) for row in said]
            return shown
        shown.open = self._open()
        labels = self._labels(said, wrote)
        steps = {row.about: row.id for row in said if row.about}
        rows: list[tuple[datetime, int, int, Line]] = [
            (row.received_at, 0, row.id, self._wrote(row, labels)) for row in wrote
        ]
        for row in said:
            newest_of_matter = steps.get(row.about or "") == row.id
            rows.append((row.created_at, 1, row.id, self._said(row, ladder=newest_of_matter)))
        shown.lines = [row[3] for row in sorted(rows, key=lambda row: row[:3])]
        return shown

    def _open(self) -> set[str]:
        """What still waits for an answer here: standing questions and the newest conversation."""
        chat = self.store.messages.chat(self.chat_id)
        if chat is None:
            return set()
        found = {f"q{one.id}" for one in self.store.messages.standing(chat, self.desk.now)}
        conversations = self.store.messages.conversations(chat)
        if conversations:
            found.add(callback(conversations[0]))
        return found

    def _labels(self, said: Sequence[Outbound], wrote: Sequence[Inbound]) -> dict[str, str]:
        """What each button said, to show a press in words."""
        rows = list(said)
        if any(row.choice for row in wrote):
            rows += web.said_after(
                self.store.session, self.visitor, self.chat_id, 0, limit=SHOWN, newest=True
            )
        return {choice[2]: choice[1] for row in rows for choice in row.choices}

    def _wrote(self, row: Inbound, labels: dict[str, str]) -> Line:
        text = row.text
        if row.choice and row.choice in labels:
            text = f"{text} {labels[row.choice]}".strip()
        return Line(
            "mine",
            self.words.say("page.me"),
            row.received_at,
            self._when(row.received_at),
            escape(text),
        )

    def _said(self, row: Outbound, *, mine: bool = False, ladder: bool = False) -> Line:
        danger = row.priority == Priority.DANGER
        bot = row.sender == "bot"
        steps = self._ladder(row.about) if ladder else []
        text = without_ladder(row.text) if steps else row.text
        return Line(
            side="mine" if mine else "bot" if bot else "person",
            who=self.words.say("page.bot") if bot else row.sender,
            at=row.created_at,
            when=self._when(row.created_at),
            text=callable_numbers(text) if danger else own_links(text, self.desk.public_url),
            danger=danger,
            inline=row.inline,
            choices=[Choice(c[0], c[1], c[2], c[2].partition("=")[0]) for c in row.choices],
            about=row.about or "",
            ladder=steps,
        )

    def _when(self, at: datetime) -> str:
        return self.desk.words(self.person).moment(at, self.desk.now)

    def _ladder(self, about: str | None) -> list[tuple[str, str]]:
        """How far the visitor's own case is: done, now, then."""
        kind, _, ident = (about or "").partition(":")
        appeal = (
            self.store.appeals.get(int(ident)) if kind == "appeal" and ident.isdigit() else None
        )
        if appeal is None or appeal.resident_id != self.person.id:
            return []
        return ladder(appeal, self.store.people.resident(appeal.handler_id), self.words)


def ladder(appeal: Appeal, handler: Resident | None, words: PageWords) -> list[tuple[str, str]]:
    """已收到 → 小李受理 → 办理 → 您确认, as far as the case is."""
    done = {
        Stage.OPEN: 1,
        Stage.ACCEPTED: 2,
        Stage.ACTED: 3,
        Stage.UNCONFIRMED: 3,
        Stage.CONFIRMED: 4,
    }.get(appeal.stage, 0)
    if not done:
        return []
    accepted = (
        words.say("ladder.accepted", name=handler.name)
        if handler is not None
        else words.say("ladder.accepted_by_nobody")
    )
    steps = [
        words.say("ladder.filed"),
        accepted if done >= 2 else words.say("ladder.accept"),
        words.say("ladder.acted" if done >= 3 else "ladder.act"),
        words.say("ladder.confirmed" if done >= 4 else "ladder.confirm"),
    ]
    place = ["done" if n < done else "now" if n == done else "then" for n in range(len(steps))]
    return list(zip(steps, place, strict=True))


def without_ladder(text: str) -> str:
    """A text without its line of steps, where the page draws them itself."""
    return "\n".join(line for line in text.split("\n") if not line.startswith(("●", "○")))


def own_links(text: str, url: str) -> Markup:
    """A text in which addresses of our own can be touched; nobody else's ever are."""
    parts = re.split(rf"({re.escape(url)}/[\w/.~-]+)", text) if url else [text]
    return Markup("").join(
        Markup('<a href="{0}">{0}</a>').format(part) if n % 2 else escape(part)
        for n, part in enumerate(parts)
    )


def callable_numbers(text: str) -> Markup:
    """A text whose emergency and mobile numbers can be called by a touch."""
    parts: list[Markup] = []
    end = 0
    for found in _CALLABLE.finditer(text):
        parts.append(escape(text[end : found.start()]))
        parts.append(Markup('<a class="call" href="tel:{0}">{0}</a>').format(found[0]))
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def duty_line(desk: Desk, words: PageWords, person: Resident | None) -> Markup:
    """Who is there for this resident now: promises only what roster and service level say."""
    file, now = desk.file, desk.now
    place = desk.store.people.place(person.home_id) if person else None
    local = now.astimezone(file.zone)
    there = {shift.person for shift in file.shifts if shift.covers(local)}
    names = [one.name for one in desk.on_duty(place)]
    name = next((one for one in names if one in there or desk.on_duty_all), None)
    if file.hours.is_open(now):
        span = words.span(file.level("default").first_response)
        if name is not None:
            return escape(words.say("duty.here", name=name, span=span))
        return escape(words.say("duty.open", span=span))
    opening = file.hours.next_opening(now)
    opens = desk.words(person).moment(opening, now) if opening else None
    if name is not None:
        if opens is None:
            return escape(words.say("duty.guard_only", name=name))
        return escape(words.say("duty.guard", name=name, opens=opens))
    if opens is None:
        return _with_calls(words.say("duty.nobody_only"))
    return _with_calls(words.say("duty.nobody", opens=opens))


def _with_calls(words: str) -> Markup:
    links = Markup("/").join(Markup('<a href="tel:{0}">{0}</a>').format(n) for n in EMERGENCY)
    return escape(words) + Markup(" ") + links
