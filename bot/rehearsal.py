"""The core without its shell: messages in, turns and duties run, time moved by hand.

Transcripts, the demo's history and the terminal all run through here, so they show what is real.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.dispatcher import Dispatcher
from storage import Database
from storage.store.duties import next_at
from storage.store.receipts import Received, receive

STEPS = 100_000  # more due moments than this in one move mean that something never rests


@dataclass
class Rehearsal:
    database: Database
    dispatcher: Dispatcher
    now: datetime

    def deliver(self, row: Received) -> None:
        """A message is received and everything that follows at once is done."""
        with self.database.write() as session:
            receive(session, [row], self.now)
        self.settle()

    def settle(self) -> None:
        """Turns and duties until nothing is due now."""
        for _ in range(STEPS):
            guesses = self.dispatcher.listen(self.database, self.now)
            if guesses:
                with self.database.write() as session:
                    self.dispatcher.turns(session, guesses, self.now)
                continue
            with self.database.read() as session:
                due = next_at(session)
            if due is None or due > self.now:
                return
            with self.database.write() as session:
                self.dispatcher.duties(session, self.now)
        raise RuntimeError("the timetable never rests")

    def move(self, span: timedelta) -> None:
        """From due moment to due moment, in order, never in one leap."""
        target = self.now + span
        for _ in range(STEPS):
            with self.database.read() as session:
                due = next_at(session)
            if due is None or due > target:
                break
            self.now = max(self.now, due)
            self.settle()
        self.now = target
        self.settle()
