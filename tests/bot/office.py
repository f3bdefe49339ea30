"""An office for web tests: real database, lane, inbox and hub; a parrot in the handlers' place."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bot.dispatcher import Dispatcher
from bot.holding import Holding
from bot.hub import Hub
from bot.inbox import Inbox
from bot.lane import Lane, Rank
from bot.office import Office
from bot.settings import Http, Limits, Settings
from handlers import CONTENTS
from handlers.desk import Choice, Desk
from nlp import Ear
from storage import Database, Session, Store, community_file
from storage.models import Chat, Entity, Outbound, Priority, Question, Sending
from storage.store.loading import load_community
from storage.store.receipts import waiting

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "communities" / "example.toml"
MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
SECRET = b"a secret for tests"


@dataclass
class Time:
    """The office's clock; it moves a little each time it is read, as clocks do."""

    now: datetime = MONDAY

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@dataclass
class Parrot:
    """Repeats what it hears. "选" brings choices, "火" danger, "@群" is relayed in groups."""

    database: Database
    file: community_file.CommunityFile
    hub: Hub
    clock: Callable[[], datetime]
    ear: Any = field(default_factory=lambda: SimpleNamespace(hear=hear, fault=None))
    deaf: bool = False

    def desk(self, store: Store, now: datetime) -> Desk:
        return Desk(
            store=store,
            file=self.file,
            now=now,
            contents=None,
            code=lambda: "x",  # type: ignore[arg-type]
        )

    def turns(self, session: Session) -> list[int]:
        changed: list[int] = []
        for row in waiting(session, 200):
            store = Store(session, row.community_id)
            chat, identity, _ = store.messages.front(row.channel_id, row.chat_key, row.user_key)
            assert chat is not None
            desk = self.desk(store, self.clock())
            if chat.group:
                name = identity.name if identity else "?"
                desk.write(chat, row.text, sender=name, kind="relay", about=f"inbound:{row.id}")
            else:
                self.answer(desk, chat, row.text, row.choice)
            row.handled_at = desk.now
            changed.append(chat.id)
        return changed

    def answer(self, desk: Desk, chat: Chat, text: str, choice: str | None) -> None:
        if choice:
            desk.write(chat, f"您选了 {choice}")
        elif "选" in text:
            who = desk.store.people.resident(chat.resident_id)
            assert who is not None
            labels = [Choice("yes", "对，就是这里"), Choice("no", "不对，我再说一次")]
            question = desk.store.add(
                Question(
                    community_id=chat.community_id,
                    chat_id=chat.id,
                    resident_id=who.id,
                    name="t",
                    about="x:1",
                    choices=[c.as_list() for c in labels],
                    asked_at=desk.now,
                )
            )
            desk.write(
                chat, "您说的是 3栋2单元501 吗？", choices=labels, callback=f"q{question.id}"
            )
        elif "火" in text:
            desk.write(
                chat, "马上离开，打 119。\n受伤打 120，有人闹事打 110。", priority=Priority.DANGER
            )
        else:
            desk.write(chat, f"您说：{text[:200]}")


def hear(text: str, alone: bool = False) -> Any:
    return SimpleNamespace(intent="emergency" if "着火" in text else "chat")


@dataclass
class Made:
    """What a test holds of an office."""

    office: Any
    time: Time
    parrot: Parrot

    def write(self, work: Callable[[Session], Any]) -> Any:
        return self.office.lane.submit(Rank.TURN, work).result(10)

    def read(self, look: Callable[[Session], Any]) -> Any:
        with self.office.database.read() as session:
            found = look(session)
            session.expunge_all()  # so that its rows may be looked at afterwards
            return found

    def say(self, chat_id: int, text: str, **extra: Any) -> None:
        """Puts a message into a chat and wakes its readers."""

        def work(session: Session) -> None:
            chat = session.get_one(Chat, chat_id)
            session.add(
                Outbound(
                    community_id=chat.community_id,
                    channel_id=chat.channel_id,
                    chat_id=chat.id,
                    text=text,
                    created_at=self.time(),
                    status=Sending.SENT,
                    **extra,
                )
            )

        self.write(work)
        self.office.hub.notify([chat_id])


def make_office(
    folder: Path,
    *,
    clock: Any = None,
    messages_per_minute: int = 30,
    sessions_per_minute: int = 60,
    adapters: Any = None,
    more_channels: Any = (),
    public_url: str = "",
    real: bool = False,
) -> Made:
    """A new office on a database of its own with the example community.

    `real`: the program's own dispatcher, ear and handlers answer, not the parrot.
    """
    time = clock or Time()
    database = Database(f"sqlite:///{folder / 'huiyin.db'}")
    Entity.metadata.create_all(database.writer)
    file = community_file.read(EXAMPLE)
    file.raw["channels"] = [*file.raw["channels"], *more_channels]
    with database.write() as session:
        load_community(session, file, MONDAY)
    hub, lane = Hub(), Lane(database)
    parrot = Parrot(database, file, hub, time)
    running: set[asyncio.Task[None]] = set()

    codes = itertools.count(1)

    def code() -> str:
        return f"code{next(codes):06d}"

    dispatcher = Dispatcher(ear(), CONTENTS, code, messages_per_minute) if real else None

    holding = Holding(lane, time, dispatcher.more if dispatcher else lambda *_: "（还有）")

    async def work_off() -> None:
        if dispatcher is None:
            hub.notify(await lane.write(Rank.TURN, parrot.turns))
            return
        while guesses := await asyncio.to_thread(dispatcher.listen, database, time()):
            done = await lane.write(
                Rank.TURN, lambda session, g=guesses: dispatcher.turns(session, g, time())
            )
            hub.notify(done.chats)
            holding.tell(done.held)

    def wake() -> None:
        if not parrot.deaf:
            task = asyncio.get_running_loop().create_task(work_off())
            running.add(task)
            task.add_done_callback(running.discard)

    limits = Limits(messages_per_minute, sessions_per_minute)
    office = Office(
        settings=Settings(limits=limits, http=Http(public_url=public_url)),
        database=database,
        lane=lane,
        hub=hub,
        holding=holding,
        adapters=adapters or {},
        dispatcher=dispatcher or parrot,  # type: ignore[arg-type]
        inbox=Inbox(lane, time, wake),
        clock=time,
        code=code,
        secret=SECRET,
    )
    return Made(office, time, parrot)


@lru_cache(maxsize=1)
def ear() -> Ear:
    """Loaded once: it takes a while."""
    return Ear()


def close_office(made: Made) -> None:
    made.office.lane.close()
    made.office.database.close()
