"""A batch of inbound in, a committed batch of turns out. One at a time per chat, in order."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from handlers.desk import Desk
from handlers.front import expect, note_receipt
from handlers.routing import Front, answer, apologise, meet, more_to_come
from handlers.turn import Contents, NeedsSavepoint
from nlp import Ear, Guess, Intent
from storage import Database, Session, Store
from storage.community_file import CommunityFile
from storage.models import Community, Inbound, Outbound, Sending
from storage.store import receipts
from storage.store.claims import claim
from storage.store.duties import due
from storage.store.fixed import Fixed
from storage.store.loading import communities, settings_of

log = logging.getLogger("huiyin.turns")

BATCH = 50  # turns to a commit
HOLD = timedelta(milliseconds=20)  # how long a batch may keep the writer


@dataclass
class Done:
    """What a committed batch did: chats that have something new to read, and what is left."""

    handled: int = 0
    turns: set[int] = field(default_factory=set)  # messages that were answered, by id
    chats: set[int] = field(default_factory=set)
    held: list[tuple[str, str]] = field(default_factory=list)  # (channel, key), handled now
    more: bool = False  # of duties: something is due again at once

    def note(self, said: Sequence[Outbound]) -> None:
        self.chats |= {row.chat_id for row in said}


@dataclass
class Dispatcher:
    """Turns inbound into answers. Holds settings only; what it learns is in the database."""

    ear: Ear
    contents: Contents
    code: Callable[[], str]
    messages_per_minute: int = 30
    public_url: str = ""
    on_duty_all: bool = False
    choose: Callable[[Sequence[int]], int] | None = None  # of communities, for a listener
    _files: dict[int, CommunityFile] = field(default_factory=dict)
    _fixed: dict[int, Fixed] = field(default_factory=dict)
    _size: int = BATCH  # turns that lately fitted into HOLD

    # The ear is asked before BEGIN, from a reader.

    def listen(
        self, database: Database, now: datetime, known: Mapping[int, Guess] | None = None
    ) -> dict[int, Guess]:
        """What the waiting messages mean, by inbound id; empty when nothing waits.

        `known` are guesses of an earlier call: what a batch left over is not heard twice.
        """
        known = known or {}
        with database.read() as session:
            community_id, texts = receipts.unheard(session, BATCH, self.choose)
            if not texts:
                return {}
            if community_id not in self._fixed:
                self._fixed[community_id] = Fixed(session, community_id).read()
            zone = self._file(Store(session, community_id)).zone
        names = self._fixed[community_id].names
        local = now.astimezone(zone)  # "今晚八点" is said where they live
        return {
            ident: known.get(ident) or self._hear(ident, text, local, names)
            for ident, text in texts.items()
        }

    def _hear(self, ident: int, text: str, now: datetime, names: tuple[str, ...]) -> Guess:
        """What a text means; where the ear itself fails nothing is known, and the bot asks."""
        try:
            return self.ear.hear(text, now=now, names=names)
        except Exception as error:
            log.error("ear failed: inbound=%s error=%s", ident, without_words(error))
            return Guess(text=text, intent=Intent.CHAT, score=0.0)

    def _store(self, session: Session, community_id: int) -> Store:
        return Store(session, community_id, self._fixed.get(community_id))

    def turns(
        self,
        session: Session,
        guesses: dict[int, Guess],
        now: datetime,
        *,
        clock: Callable[[], datetime] | None = None,
    ) -> Done:
        """Answers what was listened to, in one transaction; with a clock, for HOLD at most."""
        rows = receipts.unhandled(session, sorted(guesses)[: self._size])
        if not rows:
            return Done()
        begun = clock() if clock is not None else now

        def passed() -> timedelta:
            return clock() - begun if clock is not None else timedelta(0)

        done = Done()
        if not self._together(session, rows, guesses, now, passed, done):
            # What came before the one that spoiled it is done again; that one then runs alone.
            sound, spoilt = rows[: done.handled], rows[done.handled]
            done = Done()
            if self._together(session, sound, guesses, now, lambda: timedelta(0), done):
                sound = []
            else:
                done = Done()
            store = self._store(session, spoilt.community_id)
            for row in (*sound, spoilt):
                done.note(self._turn(store, row, guesses[row.id], now))
                done.handled += 1
        done.held = _held(rows[: done.handled])
        done.turns = {row.id for row in rows[: done.handled]}
        if clock is not None:
            fits = done.handled * HOLD / max(passed(), HOLD / BATCH)
            self._size = max(1, min(BATCH, round((self._size + fits) / 2)))
        return done

    def _together(
        self,
        session: Session,
        rows: Sequence[Inbound],
        guesses: dict[int, Guess],
        now: datetime,
        passed: Callable[[], timedelta],
        done: Done,
    ) -> bool:
        """Many turns in one savepoint, at a fraction of the cost, for HOLD at most.

        False when one of them spoils it for the others: all are undone, and `done.handled` says
        how many came before it.
        """
        if not rows:
            return True
        nested = session.begin_nested()
        store = self._store(session, rows[0].community_id)
        try:
            names = store.fixed.names
            expect(store, rows)
            for row in rows:
                desk = self.desk(store, now)
                desk.careful = False
                done.note(self._answer(desk, row, guesses[row.id], names))
                done.handled += 1
                if passed() > HOLD:
                    break
            for row in rows[: done.handled]:
                row.handled_at, row.intent = now, str(guesses[row.id].intent)
            nested.commit()
        except (Exception, NeedsSavepoint):
            nested.rollback()
            done.handled = min(done.handled, len(rows) - 1)
            return False
        return True

    def _turn(self, store: Store, row: Inbound, heard: Guess, now: datetime) -> list[Outbound]:
        """One turn in a savepoint of its own: a handler that fails is undone alone."""
        session = store.session
        nested = session.begin_nested()
        desk = self.desk(store, now)
        try:
            said = self._answer(desk, row, heard, store.fixed.names)
            row.handled_at, row.intent = now, str(heard.intent)
            session.flush()
            nested.commit()
        except Exception as error:
            nested.rollback()
            log.error("turn failed: inbound=%s error=%s", row.id, type(error).__name__)
            said = self._failed(store, row, now, error)
        return said

    def _answer(
        self, desk: Desk, row: Inbound, heard: Guess, names: tuple[str, ...]
    ) -> list[Outbound]:
        """What one message is answered with; a receipt is nobody's message."""
        if row.kind == "receipt":
            note_receipt(desk, row)
            return []
        front = meet(desk, row, self.messages_per_minute)
        return reserved(front, answer(front, heard, names))

    def _failed(
        self, store: Store, row: Inbound, now: datetime, error: Exception
    ) -> list[Outbound]:
        """Keeps the place of the fault, not the words that led there, and apologises."""
        row.handled_at, row.error = now, without_words(error)
        if row.kind == "receipt":
            return []
        nested = store.session.begin_nested()
        try:
            desk = self.desk(store, now)
            front: Front = meet(desk, row, self.messages_per_minute)
            said = reserved(front, apologise(front))
            store.session.flush()
            nested.commit()
        except Exception:
            nested.rollback()
            return []
        return said

    def desk(self, store: Store, now: datetime) -> Desk:
        return Desk(
            store=store,
            file=self._file(store),
            now=now,
            contents=self.contents,
            code=self.code,
            on_duty_all=self.on_duty_all,
            public_url=self.public_url,
        )

    def _file(self, store: Store) -> CommunityFile:
        if store.community_id not in self._files:
            found = store.session.get_one(Community, store.community_id)
            self._files[store.community_id] = settings_of(found)
        return self._files[store.community_id]

    def more(self, session: Session, community_id: int, now: datetime) -> str:
        """A community's words for "there is more"."""
        return more_to_come(self.desk(Store(session, community_id), now))

    # Duties

    def duties(
        self, session: Session, now: datetime, *, clock: Callable[[], datetime] | None = None
    ) -> Done:
        """Runs what the timetable says is due, each in a savepoint of its own; with a clock, for
        HOLD at most. `more`: a duty has done a piece of its work and goes on at once."""
        done = Done()
        begun = clock() if clock is not None else now
        for duty in due(session, now):
            work = self.contents.duties.get(duty.name)
            if work is None:
                session.delete(duty)
                continue
            store = self._store(session, duty.community_id)
            desk = self.desk(store, now)
            nested = session.begin_nested()
            try:
                again = work(desk)
                store.duties.put(duty.name, again or now + timedelta(days=1))
                session.flush()
                nested.commit()
                done.note(desk.said)
                done.chats |= desk.reached
                done.more |= again is not None and again <= now
                done.handled += 1
            except Exception as error:
                nested.rollback()
                log.error("duty failed: %s error=%s", duty.name, without_words(error))
                store.duties.put(duty.name, now + timedelta(minutes=1))
            if clock is not None and clock() - begun > HOLD / 4:  # the next may be a whole piece
                done.more = True
                break
        return done

    def start_duties(self, session: Session, now: datetime, only: int | None = None) -> None:
        """Every duty of every community, or of one, looks once; what a crash left undone is
        found so."""
        for ident in [only] if only is not None else [one.id for one in communities(session)]:
            claim(session, ident)
            for name in self.contents.duties:
                Store(session, ident).duties.wake(name, now)


def reserved(front: Front, said: list[Outbound]) -> list[Outbound]:
    """Keeps the answer for the request its platform holds open: until then only that takes it."""
    until = front.row.held_until
    if until is not None and until > front.desk.now:
        for one in said:
            if one.chat_id == front.chat.id and one.status is Sending.QUEUED:
                one.held_for, one.not_before = front.row.id, until
    return said


def _held(rows: Sequence[Inbound]) -> list[tuple[str, str]]:
    return [(row.channel_id, row.external_id) for row in rows if row.held_until is not None]


def without_words(error: BaseException) -> str:
    """A traceback of places only: no values, so no resident's words."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames]
    return " < ".join([type(error).__name__, *reversed(lines[-12:])])
