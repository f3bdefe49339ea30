"""Several communities in one database, talked to through the real core; for tests."""

from __future__ import annotations

import copy
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, false, select
from sqlalchemy.orm import Session

from bot.dispatcher import Dispatcher
from bot.rehearsal import Rehearsal
from handlers import CONTENTS
from nlp import Ear
from storage import Database, Store
from storage.community_file import parse
from storage.models import Entity, Inbound, Outbound
from storage.store.loading import load_community, settle_in
from storage.store.receipts import Received

EXAMPLE = Path(__file__).parents[1] / "communities" / "example.toml"
MONDAY = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai


BUILT: dict[tuple[str, ...], tuple[dict[str, int], bytes]] = {}  # a new town is a copy


@dataclass
class Said:
    """What somebody heard because of one message."""

    text: str
    choices: list[Any] = field(default_factory=list)


@dataclass
class Town:
    """Communities by slug; the web channel of "a" is "web-a"."""

    ear: Ear
    slugs: tuple[str, ...] = ("a",)
    database: Database = field(default_factory=lambda: Database("sqlite://"))
    change: dict[str, Any] = field(default_factory=dict)
    codes: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(
            ear=self.ear,
            contents=CONTENTS,
            code=self._code,
            messages_per_minute=10_000,
            public_url="http://127.0.0.1:8080",
            on_duty_all=True,
        )
        self.ids: dict[str, int] = {}
        self.rehearsal = Rehearsal(self.database, self.dispatcher, MONDAY)
        fresh = self.database.in_memory and not self.change
        if fresh and self.slugs in BUILT:
            self.ids, image = BUILT[self.slugs]
            self._raw().deserialize(image)
            return
        self._build()
        if fresh:
            BUILT[self.slugs] = self.ids, self._raw().serialize()

    def _raw(self) -> Any:
        return self.database.writer.raw_connection().dbapi_connection

    def _build(self) -> None:
        Entity.metadata.create_all(self.database.writer)
        with self.database.write() as session:
            for slug in self.slugs:
                file = parse(self.raw(slug))
                community = load_community(session, file, MONDAY)
                self.ids[slug] = community.id
                store = Store(session, community.id)
                for person in store.people.everyone():
                    settle_in(store, person, f"web-{slug}", person.name, MONDAY)
            self.dispatcher.start_duties(session, MONDAY)
        self.rehearsal.settle()

    def raw(self, slug: str) -> dict[str, Any]:
        raw: dict[str, Any] = copy.deepcopy(tomllib.loads(EXAMPLE.read_text(encoding="utf-8")))
        groups = [{"name": "3栋群", "place": "3栋"}]
        raw |= {"slug": slug, "name": f"{slug}社区", "demo": False, "duty": []}
        raw |= {"channels": [{"id": f"web-{slug}", "platform": "web", "groups": groups}]}
        return raw | self.change

    def _code(self) -> str:
        self.codes += 1
        return f"code{self.codes:08d}"

    @property
    def now(self) -> datetime:
        return self.rehearsal.now

    def say(
        self,
        slug: str,
        who: str,
        text: str = "",
        *,
        group: str | None = None,
        channel: str = "",
        **more: Any,
    ) -> list[Said]:
        """Somebody writes; gives what the bot then said in that very chat."""
        self.sent += 1
        channel = channel or f"web-{slug}"
        chat = f"group:{group}" if group else who
        last = self.last_said()
        more.setdefault("addressed", not group or text.lower().startswith("@bot"))
        self.rehearsal.deliver(
            Received(
                channel_id=channel,
                external_id=f"{who}:{self.sent}",
                chat_key=chat,
                user_key=who,
                user_name=who,
                group=bool(group),
                text=text,
                **more,
            )
        )
        return [Said(row.text, row.choices) for row in self.heard(slug, chat, last, channel)]

    def last_said(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(Outbound.id).order_by(Outbound.id.desc()).limit(1)) or 0

    def heard(self, slug: str, chat_key: str, after: int = 0, channel: str = "") -> list[Outbound]:
        """What the bot said in a chat after an outbound id, sent or not; no relayed words."""
        with self.database.read() as session:
            store = Store(session, self.ids[slug])
            chat = store.messages.chat_at(channel or f"web-{slug}", chat_key)
            query = select(Outbound).where(Outbound.id > after, Outbound.kind != "relay")
            found = query.where(Outbound.chat_id == (chat.id if chat else 0))
            return list(session.scalars(found.order_by(Outbound.id)))

    def move(self, **span: float) -> None:
        self.rehearsal.move(timedelta(**span))

    def errors(self) -> list[str]:
        with self.database.read() as session:
            return [str(e) for e in session.scalars(select(Inbound.error)) if e]


PARENTS = {  # tables without a community of their own: column → the table that has it
    "appeal_step": ("appeal_id", "appeal"),
    "check_in": ("rollcall_id", "rollcall"),
    "receipt": ("notice_id", "notice"),
    "match": ("request_id", "help_request"),
    "grant": ("channel_id", "channel"),
}


def belonging(table: Table, community_id: int) -> Any:
    """Which rows of a table are a community's."""
    if table.name == "community":
        return table.c.id == community_id
    if "community_id" in table.c:
        return table.c.community_id == community_id
    if table.name == "lease":  # of the processes, not of a community
        return false()
    column, parent = PARENTS[table.name]
    above = Entity.metadata.tables[parent]
    return table.c[column].in_(select(above.c.id).where(above.c.community_id == community_id))


def rows_of(session: Session, community_id: int) -> dict[str, list[Any]]:
    """Everything that is a community's, table by table, as plain values."""
    session.flush()
    return {
        table.name: [
            tuple(row)
            for row in session.execute(
                select(table)
                .where(belonging(table, community_id))
                .order_by(*table.primary_key.columns)
            )
        ]
        for table in Entity.metadata.sorted_tables
    }


def rich(town: Town, slug: str) -> None:
    """A day on which something of every kind happens."""
    for who, text in (
        ("王阿姨", "3栋2单元楼道灯坏了"),
        ("王阿姨", "1"),
        ("小李", "受理 1"),
        ("王阿姨", "谁能帮我买点菜"),
        ("王阿姨", "1"),
        ("赵叔", "1"),
        ("小马", "我会修电器，可以帮邻居修"),
        ("孙老师", "厨房着火了"),
        ("张主任", "点名 3栋 燃气泄漏"),
        ("李大爷", "1"),
        ("小李", "发通知 明天停水"),
        ("小李", "1"),
        ("小李", "1"),
        ("小李", "1"),
        ("张主任", "控制台"),
        ("吴婶", "居委会几点上班"),
        ("郑大哥", "我要报修"),
        ("陈奶奶", "那个东西又那样了你看看怎么弄一下"),
        ("陈奶奶", "没什么事"),
    ):
        town.say(slug, who, text)
    town.say(slug, "王阿姨", "就是这盏", kind="photo", extra={"file_id": f"{slug}-1", "size": 1000})
    town.say(slug, "吴婶", kind="video", extra={"file_id": f"{slug}-2", "size": 99_000_000})
    town.say(slug, "李大爷", "物业电话多少？", group="3栋群")
    town.move(minutes=2)
