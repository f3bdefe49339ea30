"""Never lost, never twice: the promise of design.md section 5 against a small model.

Residents write, platforms deliver again, turns are taken, messages leave with every outcome there
is, the process dies between any two commits or in the middle of one, the clock is moved. The real
database, receipt, dispatcher, outbox rounds and outcomes work; only the ear, the platform and the
clock are made up. At the end of each example everything is left to come to rest, and then:

- every accepted message was answered exactly once and had its effect exactly once;
- nothing was sent again but what had an outcome that asks for it, or was danger or roll call and
  under way when the process died; what else was under way is `unknown` and was not sent again;
- what stands as sent has arrived; within a chat answers were sent in order;
- nothing waits any more an hour after the last fault.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select

from bot.adapters.base import Caps, Fail, Sent
from bot.dispatcher import Dispatcher
from bot.outbox import _Sender
from bot.outcome import next_out, outcome, pieces
from bot.pacing import AT_ONCE, Pace
from handlers import CONTENTS
from handlers.turn import Turn
from nlp import Guess, Intent
from storage import Database, Session, community_file
from storage.models import Community, Entity, Inbound, Outbound, Priority, Sending
from storage.store.leases import Held
from storage.store.loading import load_community
from storage.store.receipts import Received, receive
from storage.store.sending import CERTAIN, Waiting, recover
from tests.bot.office import EXAMPLE, MONDAY

CHANNEL = "tg"
CAPS = Caps(text_max=40)
KINDS = ("plain", "plain", "danger", "rollcall", "notice", "later", "long", "two", "breaks")
PRIORITY = {"danger": Priority.DANGER, "rollcall": Priority.ROLLCALL, "notice": Priority.NOTICE}
SETTLED = (Sending.SENT, Sending.UNKNOWN, Sending.FAILED, Sending.DROPPED)
AGAIN = (Fail.RETRY, Fail.THROTTLED, Fail.CONFIG)  # outcomes after which a message is sent again
REST = timedelta(hours=1)


class Died(Exception):
    """The process ends before its commit."""


class EveryWordIsAnAppeal:
    """An ear that costs nothing."""

    def hear(self, text: str, **_: Any) -> Guess:
        return Guess(text=text, intent=Intent.APPEAL, score=0.99)


def echo(turn: Turn) -> None:
    """A matter with an effect that is counted, and words that tell which message they answer."""
    number, kind = turn.text.split()
    turn.store.appeals.next_number()
    said = f"答{number}。" + "很长。" * 30 * (kind == "long")
    row = turn.write(turn.chat, said, priority=PRIORITY.get(kind, Priority.ANSWER))
    if kind == "two":
        turn.write(turn.chat, f"又答{number}。")
    if kind == "later":
        row.not_before = turn.now + timedelta(minutes=10)
    if kind == "notice":
        row.expires_at = turn.now + timedelta(minutes=20)
    if kind == "breaks":
        turn.store.session.flush()
        raise LookupError


def dispatcher() -> Dispatcher:
    contents = replace(CONTENTS, matters={**CONTENTS.matters, "appeal": echo})
    ear: Any = EveryWordIsAnAppeal()
    return Dispatcher(ear, contents, code=lambda: "x", messages_per_minute=10_000)


@cache
def blank() -> bytes:
    """A community with a messenger and a web channel, to be copied."""
    database = Database("sqlite://")
    Entity.metadata.create_all(database.writer)
    file = community_file.read(EXAMPLE)
    file.raw["channels"] = [
        {"id": "web", "platform": "web"},
        {"id": CHANNEL, "platform": "telegram", "token": "1:x"},
    ]
    with database.write() as session:
        load_community(session, file, MONDAY)
    raw: Any = database.writer.raw_connection().dbapi_connection
    image: bytes = raw.serialize()
    database.close()
    return image


@dataclass
class Row:
    """What the platform and we know of one Outbound."""

    sends: int = 0
    may_go: bool = True  # (again): nothing stands against sending it now
    arrived: set[int] = field(default_factory=set)  # its pieces, by number
    pieces: int = 0
    unsure: bool = False  # was under way when the process died


dies = st.sampled_from([False, False, False, False, True])
# Leave to speak, and chats that move, have tests of their own: test_delivery.py, test_outbox.py.
OUTCOMES = (Fail.RETRY, Fail.THROTTLED, Fail.CONFIG, Fail.REJECTED, Fail.GONE)
outcomes = st.tuples(st.sampled_from([None, None, *OUTCOMES]), st.booleans())
messages = st.lists(
    st.tuples(st.sampled_from(["u1", "u2", "web"]), st.sampled_from(KINDS)), min_size=1, max_size=6
)


class Promise(RuleBasedStateMachine):
    @initialize(new=messages)
    def begin(self, new: list[tuple[str, str]]) -> None:
        self.database = Database("sqlite://")
        raw: Any = self.database.writer.raw_connection().dbapi_connection
        raw.deserialize(blank())
        self.now = MONDAY
        self.written: list[tuple[str, str]] = []  # who and what kind; its index is its key
        self.pending: list[int] = []  # what platforms have not heard a 200 for
        self.accepted: set[int] = set()
        self.rows: dict[int, Row] = {}
        self.order: dict[int, list[int]] = {}  # answers by chat, as they were sent
        self.epoch = 0
        self.start()
        self.hear(new, [], False, True)
        self.turns(False, False)

    # The process

    def start(self) -> None:
        """A new process on the same database. What is in memory, is here."""
        self.dispatcher = dispatcher()
        adapter: Any = type("Adapter", (), {"caps": CAPS})()
        nothing: Any = None
        self.epoch += 1
        self.held = Held(CHANNEL, "", self.epoch)
        self.sender = _Sender(
            nothing, CHANNEL, adapter, nothing, lambda: self.now, nothing, lambda: 0.5, self
        )
        self.pace = Pace(CAPS, self.now)
        self.flying: dict[int, Waiting] = {}
        self.landed: list[Any] = []
        with self.database.write() as session:
            recover(session, [CHANNEL], self.now)

    def still(self, session: Session, held: Held) -> bool:
        """Leases, as the sender asks for them: each process of ours has an epoch of its own."""
        return held.epoch == self.epoch

    def die(self) -> None:
        """kill -9. What was under way may have arrived or not; nobody here will ever hear."""
        left = {row.id for row in self.flying.values()} | {mark.id for mark in self.landed}
        with self.database.read() as session:
            under_way = session.scalars(
                select(Outbound).where(Outbound.status == Sending.SENDING)
            ).all()
        assert {row.id for row in under_way} == left, "exactly what is under way stands as sending"
        assert len(under_way) <= 2 * AT_ONCE  # in flight, and landed but not yet written down
        for row in under_way:
            self.rows[row.id].unsure = True
            self.rows[row.id].may_go = row.priority in CERTAIN
        self.start()

    def commit(self, work: Any, dies: bool) -> Any:
        """A transaction; with `dies` the process ends just before it is committed."""
        try:
            with self.database.write() as session:
                found = work(session)
                if dies:
                    session.flush()
                    raise Died
        except Died:
            self.die()
            return None
        return found

    # Residents and platforms

    def received(self, key: int) -> Received:
        who, kind = self.written[key]
        channel = "web" if who == "web" else CHANNEL
        return Received(channel, f"m{key}", who, who, who, text=f"{key} {kind}")

    @rule(new=messages, old=st.lists(st.integers(0, 999), max_size=3), dies=dies, ok=st.booleans())
    def hear(self, new: list[tuple[str, str]], old: list[int], dies: bool, ok: bool) -> None:
        """What is new, what was not confirmed, and something that was is delivered again."""
        self.pending += range(len(self.written), len(self.written) + len(new))
        self.written += new
        known = sorted(self.accepted)
        keys = self.pending + [known[number % len(known)] for number in old if known]
        fresh = self.commit(
            lambda session: receive(session, [self.received(key) for key in keys], self.now), dies
        )
        if fresh is None:
            return
        assert fresh == [key not in self.accepted for key in keys], "new once, known ever after"
        self.accepted.update(keys)
        if ok:  # else the platform never heard so, and delivers again what is kept
            self.pending = []

    # Turns

    @rule(dies=dies, slow=st.booleans())
    def turns(self, dies: bool, slow: bool) -> None:
        """A batch; when it is slow, one message of it."""
        guesses = self.dispatcher.listen(self.database, self.now)
        if not guesses:
            return
        moments = (self.now + timedelta(seconds=n) for n in range(1000))
        clock = (lambda: next(moments)) if slow else None
        self.commit(
            lambda session: self.dispatcher.turns(session, guesses, self.now, clock=clock), dies
        )

    # The outbox

    @rule(dies=dies)
    def outbox_round(self, dies: bool) -> None:
        """How the last sends went is written down, the next ones are marked and leave."""
        self.sender._flying = self.flying  # type: ignore[assignment]
        self.sender._marks = self.landed
        picked = self.commit(self.sender._round(self.pace, False, self.held), dies)
        if picked is None:
            return
        self.landed = []
        for waiting in picked.rows:
            row = self.rows.setdefault(waiting.id, Row())
            assert row.may_go, f"outbound {waiting.id} was sent again"
            row.sends, row.may_go = row.sends + 1, False
            row.pieces = len(pieces(waiting, CAPS))
            assert waiting.chat_id not in {one.chat_id for one in self.flying.values()}
            self.flying[waiting.id] = waiting
            if waiting.priority == Priority.ANSWER and not waiting.not_before:
                self.order.setdefault(waiting.chat_id, []).append(waiting.id)

    @precondition(lambda self: self.flying)
    @rule(found=st.lists(outcomes, min_size=1, max_size=4))
    def land(self, found: list[tuple[Fail | None, bool]]) -> None:
        """Some that are under way get their outcomes; a retry may have arrived all the same."""
        for (ident, waiting), (fail, late) in zip(sorted(self.flying.items()), found, strict=False):
            del self.flying[ident]
            _, last = next_out(waiting, CAPS)
            row = self.rows[ident]
            if fail is None or (fail is Fail.RETRY and late):
                row.arrived.add(len(waiting.parts.split()))
            row.may_go = fail in AGAIN or (fail is None and not last)
            sent = Sent(ids=["p1"]) if fail is None else Sent(fail=fail, retry_after=7.0)
            self.pace.note(waiting, sent, self.now)
            self.landed.append(outcome(waiting, sent, last, self.now, 0.5))

    @precondition(lambda self: self.flying)
    @rule(arrives=st.booleans())
    def crash(self, arrives: bool) -> None:
        if arrives:
            for ident, waiting in self.flying.items():
                self.rows[ident].arrived.add(len(waiting.parts.split()))
        self.die()

    @precondition(lambda self: self.flying)
    @rule(found=st.lists(outcomes, min_size=1, max_size=4))
    def frozen(self, found: list[tuple[Fail | None, bool]]) -> None:
        """Another process takes the channel over; then this one wakes with outcomes in hand."""
        old, held, pace, flying = self.sender, self.held, self.pace, dict(self.flying)
        self.die()
        stood = self.standing()
        for (_, waiting), (fail, _) in zip(flying.items(), found, strict=False):
            sent = Sent(ids=["p1"]) if fail is None else Sent(fail=fail, retry_after=7.0)
            old._marks.append(outcome(waiting, sent, True, self.now, 0.5))
            if fail is None:
                self.rows[waiting.id].arrived.add(len(waiting.parts.split()))
        with self.database.write() as session:
            assert old._round(pace, False, held)(session) is None
        assert self.standing() == stood, "a late result changed what the next one found"

    def standing(self) -> list[tuple[int, Sending, int]]:
        with self.database.read() as session:
            rows = session.scalars(select(Outbound).order_by(Outbound.id))
            return [(row.id, row.status, row.attempts) for row in rows]

    # The clock

    @rule(minutes=st.sampled_from([0.02, 0.1, 5, 15, 240, -5, -240]))
    def move(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)

    # What must hold

    @invariant()
    def nothing_is_accepted_twice_or_lost(self) -> None:
        if not hasattr(self, "database"):
            return
        with self.database.read() as session:
            kept = list(session.scalars(select(Inbound.external_id)))
        assert Counter(kept) == Counter(f"m{key}" for key in self.accepted)

    def rest(self) -> None:
        """No more faults: the platform takes everything, and within REST nothing waits any more."""
        end = self.now + REST
        while self.pending:
            keys, self.pending = self.pending, []
            rows = [self.received(key) for key in keys]
            self.commit(lambda session, rows=rows: receive(session, rows, self.now), False)
            self.accepted.update(keys)
        while self.dispatcher.listen(self.database, self.now):
            self.turns(False, False)
        while self.now <= end:
            self.outbox_round(False)
            while self.flying:
                self.land([(None, False)] * AT_ONCE)
            if not self.landed:
                with self.database.read() as session:
                    left = session.scalars(
                        select(Outbound).where(Outbound.status.not_in(SETTLED))
                    ).all()
                if not left:
                    return
                if all(row.not_before and not row.attempts for row in left):
                    # Nothing but what was never tried and has its hour: let that come.
                    self.now = max(self.now, *(row.not_before or self.now for row in left))
                    end = max(end, self.now + REST)
                self.now += timedelta(seconds=20)
            self.now += timedelta(seconds=1)
        raise AssertionError(f"stuck: {[(row.id, row.status, row.not_before) for row in left]}")

    def teardown(self) -> None:
        if not hasattr(self, "database"):
            return
        self.rest()
        with self.database.read() as session:
            inbound = session.scalars(select(Inbound)).all()
            said = session.scalars(select(Outbound).order_by(Outbound.id)).all()
            filed = session.scalars(select(Community.appeals_filed)).one()
        assert all(row.handled_at for row in inbound)
        broken = {key for key in self.accepted if self.written[key][1] == "breaks"}
        assert {row.external_id for row in inbound if row.error} == {f"m{key}" for key in broken}
        assert filed == len(self.accepted - broken), "every effect once"
        answers = Counter(row.text.partition("。")[0] for row in said if "答" in row.text[:2])
        owed = Counter(f"答{key}" for key in self.accepted - broken)
        owed += Counter(f"又答{key}" for key in self.accepted if self.written[key][1] == "two")
        assert answers == owed, "every message answered once"
        for row in said:
            self.look_at(row)
        for sent in self.order.values():
            assert sent == sorted(sent), "order in a chat"
        self.database.close()

    def look_at(self, row: Outbound) -> None:
        """What is written down about a row is what happened to it."""
        known = self.rows.get(row.id, Row())
        if row.channel_id == "web":
            assert (row.status, known.sends) == (Sending.SENT, 0)
        elif row.status is Sending.SENT:
            whole = set(range(known.pieces))
            assert known.arrived == whole != set(), "said to be sent, and not all arrived"
        elif row.status is Sending.UNKNOWN:
            assert known.unsure and row.priority not in CERTAIN
        elif row.status is Sending.DROPPED:
            assert row.expires_at is not None
        if row.priority in CERTAIN and known.unsure:
            assert row.perhaps or row.status is not Sending.SENT


Promise.TestCase.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, derandomize=True
)
TestPromise = Promise.TestCase
