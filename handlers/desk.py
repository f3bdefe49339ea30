"""A Desk: a community's service desk at one moment. It reads, changes, and says; never sends.

What is said becomes Outbound rows in the transaction of whatever it reports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from handlers.words import Words
from nlp import Intent
from nlp.masking import mask
from storage import Store
from storage.community_file import CommunityFile
from storage.models import (
    LONGEST,
    Chat,
    Clock,
    Outbound,
    Place,
    Priority,
    Question,
    Resident,
    Role,
    Sending,
    Source,
    Stopped,
)

if TYPE_CHECKING:
    from handlers.turn import Contents

KEEP_QUESTION = timedelta(days=7)  # design.md section 4
NAME = 40  # characters; handlers/front.py takes no longer one
INSTANT = ("web", "terminal")  # platforms where a committed row is a delivered message


@dataclass(frozen=True)
class Choice:
    """One numbered answer: what it stands for, what is shown, other words that mean it."""

    value: str
    label: str
    words: tuple[str, ...] = ()

    def as_list(self) -> list[str]:
        return [self.value, self.label, *self.words]


def about(row: Any) -> str:
    """How a row is named in questions, clocks and outbound: "appeal:17"."""
    return f"{row.__tablename__}:{row.id}"


@dataclass
class Desk:
    """All that a duty may touch. `code()` gives a fresh secret; `on_duty_all` is for rehearsals."""

    store: Store
    file: CommunityFile
    now: datetime
    contents: Contents
    code: Callable[[], str]
    on_duty_all: bool = False
    public_url: str = ""
    careful: bool = True  # every matter in a savepoint; without, one that needs it says so
    said: list[Outbound] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)  # chats a whole crowd was written to in
    _words: dict[str, Words] = field(default_factory=dict)

    # Words

    def words(self, person: Resident | None = None) -> Words:
        return self.words_in((person.language if person else None) or self.file.language)

    def words_in(self, language: str) -> Words:
        if language not in self._words:
            self._words[language] = Words(language, self.file.zone, self.file.phrases)
        return self._words[language]

    def home(self, person: Resident) -> str:
        """3栋2单元501, as far as it is known; "" for nobody-knows."""
        place = self.store.people.place(person.home_id)
        if place is None:
            return ""
        words = self.words()
        unit = words.say("place.unit", n=person.unit) if person.unit else ""
        return words.address([place.name, unit, person.room or ""])

    def title(self, person: Resident) -> str:
        """小李（社区工作者）: who speaks to a resident."""
        return self.words().say("people.title", name=person.name, role=self.role(person))

    def role(self, person: Resident) -> str:
        return self.words().say(f"people.{person.role}")

    def card(self, person: Resident) -> str:
        """王阿姨（3栋2单元501，13800000000）: for staff only."""
        parts = [part for part in (self.home(person), person.phone or "") if part]
        if not person.confirmed:
            parts.append(self.words().say("people.unconfirmed"))
        return f"{person.name}（{'，'.join(parts)}）" if parts else person.name

    def caller(self, person: Resident) -> str:
        """王阿姨（13800000000）: for staff, where the place stands beside it."""
        claimed = "" if person.confirmed else self.words().say("people.unconfirmed")
        parts = [part for part in (person.phone, claimed) if part]
        return f"{person.name}（{'，'.join(parts)}）" if parts else person.name

    def channels(self, person: Resident) -> list[str]:
        """网页, 微信公众号: where somebody speaks to us, each once."""
        words, platform = self.words(person), self.store.messages.platform
        own = self.store.people.identities_of(person)
        return list(dict.fromkeys(words.platform(platform(one.channel_id)) for one in own))

    def untold(self, staff: Resident) -> list[tuple[Resident, list[Outbound]]]:
        """Whom this worker must tell something in person, and what; the chief's are all."""
        place = self.store.people.place(staff.role_place_id)
        everywhere = staff.role is Role.CHIEF or place is None
        places = None if everywhere or place is None else self.store.people.within(place)
        return self.store.untold.waiting(self.now, places)

    # Saying

    def write(
        self,
        chat: Chat,
        text: str,
        *,
        choices: Sequence[Choice] = (),
        callback: str = "",
        inline: bool = False,
        sender: str = "bot",
        kind: str = "answer",
        media: str | None = None,
        about: str | None = None,
        priority: Priority = Priority.ANSWER,
        expires_at: datetime | None = None,
    ) -> Outbound:
        """Puts words into a chat. `callback` names what its buttons answer."""
        instant = self.store.messages.platform(chat.channel_id) in INSTANT
        row = Outbound(
            community_id=self.store.community_id,
            channel_id=chat.channel_id,
            chat_id=chat.id,
            text=text,
            inline=inline,
            sender=sender,
            kind=kind,
            media=media,
            about=about,
            choices=[[str(n), c.label, f"{callback}={n}"] for n, c in enumerate(choices, 1)],
            priority=priority,
            created_at=self.now,
            expires_at=expires_at,
            status=Sending.SENT if instant else Sending.QUEUED,
            sent_at=self.now if instant else None,
        )
        self.store.session.add(row)
        self.said.append(row)
        return row

    def redirect(self, row: Outbound, chat: Chat) -> None:
        """Sends what has not left yet to another chat."""
        row.chat_id, row.channel_id = chat.id, chat.channel_id
        row.held_for = row.not_before = row.error = None
        row.status = Sending.QUEUED
        if self.store.messages.platform(chat.channel_id) in INSTANT:
            row.status, row.sent_at = Sending.SENT, self.now

    def chat_with(self, person: Resident) -> Chat | None:
        """Where to reach somebody: the private chat they used last that may be written to now."""
        return next(iter(self.store.messages.chats_of(person, self.now)), None)

    def tell(
        self,
        person: Resident,
        phrase: str,
        *,
        about: str | None = None,
        sender: str = "bot",
        priority: Priority = Priority.ANSWER,
        media: str | None = None,
        **values: Any,
    ) -> Outbound | None:
        """Says a phrase to somebody in private; None when there is no chat to say it in."""
        chat = self.chat_with(person)
        text = self.words(person).say(phrase, **values)
        if chat is None:
            self._keep_untold(person, text, about, sender, "answer")
            return None
        return self.write(chat, text, about=about, sender=sender, priority=priority, media=media)

    def _keep_untold(
        self, person: Resident, text: str, about: str | None, sender: str, kind: str
    ) -> None:
        """Words for a resident who has left every chat: they have to be told in person."""
        chat = next(iter(self.store.messages.all_chats_of(person)), None)
        if chat is None or person.is_staff or person.deleted_at is not None:
            return
        row = self.write(chat, text, about=about, sender=sender, kind=kind)
        row.status, row.sent_at, row.error = Sending.FAILED, None, "gone"
        self.said.remove(row)  # nobody hears it

    def put(
        self,
        name: str,
        to: Resident,
        about: str,
        phrase: str,
        choices: Sequence[Choice],
        *,
        also: Sequence[Choice] = (),
        chat: Chat | None = None,
        inline: bool = False,
        until: datetime | None = None,
        priority: Priority = Priority.ANSWER,
        kind: str = "answer",
        sender: str = "bot",
        **values: Any,
    ) -> Question | None:
        """Leaves a Question standing with somebody; None when there is no chat to ask in.

        `also` are answers in words that are understood but not shown.
        """
        chat = chat or self.chat_with(to)
        text = self.words(to).say(phrase, **values)
        if chat is None:
            if kind == "notice" or about.startswith("appeal:"):
                self._keep_untold(to, text, about, sender, kind)
            return None
        question = self.store.messages.stand(
            Question(
                community_id=self.store.community_id,
                chat_id=chat.id,
                resident_id=to.id,
                name=name,
                about=about,
                choices=[c.as_list() for c in (*choices, *also)],
                asked_at=self.now,
                until=until or self.now + KEEP_QUESTION,
                after=chat.turns,
            )
        )
        row = self.write(
            chat,
            text,
            choices=choices,
            callback=f"q{question.id}",
            inline=inline,
            about=about,
            priority=priority,
            kind=kind,
            sender=sender,
        )
        question.outbound_id, question.delivered_at = row.id, row.sent_at
        return question

    def withdraw(self, about: str, *, to: Resident | None = None, name: str | None = None) -> None:
        """Closes the questions about a thing, unanswered."""
        for question in self.store.messages.questions_about(about, to=to):
            if name is None or question.name == name:
                question.closed_at = self.now

    def wake(self, duty: str, at: datetime | None) -> None:
        """Sees to it that a duty looks again at `at`."""
        if at is not None:
            self.store.duties.wake(duty, at)

    # What the ear may learn from

    def keep_sample(self, text: str, intent: Intent, source: Source, *, about: str = "") -> None:
        """Keeps what a person says a message meant, without the details that lead to anybody."""
        begun = text[: LONGEST + NAME]  # a long text costs the database a look a character
        nobody = self.words().say("people.stranger")  # how who gives no name is called: 邻居
        names = [name for name in self.store.people.names_in(begun) if name != nobody]
        masked = mask(begun, names)
        if len(begun) < len(text):
            masked = masked[:-NAME]  # the cut may have gone through a name
        self.store.samples.keep(
            text=masked, intent=intent.value, about=about, source=source, at=self.now
        )

    # Who hears

    def on_duty(self, place: Place | None) -> list[Resident]:
        """Who is to hear of a danger at a place, the first to be told first.

        The roster's people on duty there, lowest level first; then the place's workers, then the
        chief: there is always somebody.
        """
        line = self.store.people.workers_for(place)
        if self.on_duty_all:
            return line
        local = self.now.astimezone(self.file.zone)
        chain = [level.id for level in self.store.people.above(place) or [self.store.people.root]]
        found: list[tuple[int, Resident]] = []
        for shift in self.file.shifts:
            where = self.store.people.place_named(shift.place) if shift.place else None
            level = where.id if where else self.store.people.root.id
            person = self.store.people.in_file(shift.person)
            if person and level in chain and shift.covers(local):
                found.append((chain.index(level), person))
        ordered = [person for _, person in sorted(found, key=lambda pair: pair[0])]
        return list(dict.fromkeys([*ordered, *line]))

    def handler(self, place: Place | None, category: str | None = None) -> Resident | None:
        """Who a matter at a place goes to: the community's route, else the lowest worker."""
        routed = self.file.routes.get(category or "")
        person = self.store.people.in_file(routed) if routed else None
        return person or next(iter(self.store.people.workers_for(place)), None)

    def superior(self, person: Resident | None, place: Place | None) -> Resident | None:
        """The worker one level above, or None where only the chief is left."""
        if person is not None and person.role is Role.CHIEF:
            return None
        line = self.store.people.workers_for(place)
        workers = [p for p in line if p.role is Role.WORKER]
        later = workers[workers.index(person) + 1 :] if person in workers else workers
        levels = [p for p in later if person is None or p.role_place_id != person.role_place_id]
        return levels[0] if levels else None

    # Clocks: from a resident's question until a person answers

    def open_clock(
        self,
        chat: Chat,
        person: Resident,
        intent: str,
        text: str,
        *,
        about: str | None = None,
        inbound_id: int | None = None,
        handler: Resident | None = None,
        due_at: datetime | None = None,
    ) -> Clock:
        clock = self.store.add(
            Clock(
                community_id=self.store.community_id,
                channel_id=chat.channel_id,
                chat_id=chat.id,
                resident_id=person.id,
                inbound_id=inbound_id,
                intent=intent,
                about=about,
                text=text[:200],
                opened_at=self.now,
                due_at=due_at,
                nudged=0,
                handler_id=handler.id if handler else None,
            )
        )
        self.wake("chase_silent_questions", due_at)
        return clock

    def stop_clock(self, clock: Clock, how: Stopped, by: Resident | None = None) -> None:
        clock.stopped_at, clock.stopped, clock.due_at = self.now, how, None
        clock.stopped_by_id = by.id if by else None
        clock.open_seconds = self.file.hours.between(clock.opened_at, self.now).total_seconds()

    def stop_clocks(self, about: str, how: Stopped, by: Resident | None = None) -> None:
        for clock in self.store.channels.running_about(about):
            self.stop_clock(clock, how, by)
