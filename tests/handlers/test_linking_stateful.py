"""Linking, parting and merging in any order: whose each identity is, and whose each case.

The model knows only that people have identities and cases. History is never lost, never doubled,
and nobody sees another's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select

from nlp import Ear
from storage import Store
from storage.models import Appeal, Conversation, Identity, Resident
from storage.store.merging import references
from tests.handlers.two_channels import CODE, chat, holder, make_town
from tests.town import Town

WHERE = [("gzh", "wx1"), ("gzh", "wx2"), ("tg", "t1"), ("web-a", "王阿姨"), ("web-a", "新来的")]
where = st.sampled_from(WHERE)


@cache
def ear() -> Ear:
    return Ear()


@cache
def blank() -> tuple[dict[str, int], bytes]:
    made = make_town(ear())
    return made.ids, made._raw().serialize()


def fresh() -> Town:
    """Every example begins in the same community, copied."""
    ids, image = blank()
    made = make_town(ear())
    made._raw().deserialize(image)
    made.ids = ids
    return made


@dataclass
class Person:
    in_file: bool = False
    cases: set[int] = field(default_factory=set)


class Linking(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.town = fresh()
        self.whose = {spot: Person(in_file=spot[1] == "王阿姨") for spot in WHERE}
        for channel, key in WHERE:
            self.say((channel, key), "你好", "跳过")

    def say(self, spot: tuple[str, str], *words: str) -> str:
        said = []
        for text in words:
            self.town.move(seconds=40)
            said = self.town.say("a", spot[1], text, channel=spot[0])
        return "\n".join(one.text for one in said)

    def of(self, person: Person) -> list[tuple[str, str]]:
        return [spot for spot in WHERE if self.whose[spot] is person]

    def join(self, gone: Person, into: Person) -> None:
        into.cases |= gone.cases
        for spot in self.of(gone):
            self.whose[spot] = into

    @rule(spot=where)
    def report(self, spot: tuple[str, str]) -> None:
        """Filed by the entity, so that every one is a case of its own."""
        now = self.town.now
        with self.town.database.write() as session:
            store = Store(session, self.town.ids["a"])
            case = store.add(
                Appeal(
                    community_id=store.community_id,
                    number=store.appeals.next_number(),
                    resident_id=holder(session, self.town, *spot).id,
                    chat_id=chat(session, self.town, *spot).id,
                    text="灯坏了",
                    category="power",
                    level="default",
                    where="3栋",
                    filed_at=now,
                    respond_by=now + timedelta(days=9),
                    resolve_by=now + timedelta(days=9),
                )
            )
        self.whose[spot].cases.add(case.number)

    @rule(spot=where)
    def begin_to_report(self, spot: tuple[str, str]) -> None:
        """Leaves a conversation open, which is to end where its chat changes hands."""
        self.say(spot, "我要报修")

    @rule(giver=where, taker=where)
    def link(self, giver: tuple[str, str], taker: tuple[str, str]) -> None:
        code = CODE.search(self.say(giver, "关联"))
        assert code
        heard = self.say(taker, code[0])
        holder_, writer = self.whose[giver], self.whose[taker]
        if holder_ is writer:
            assert "您自己的" in heard
            return
        if "同一个人吗" in heard:
            heard = self.say(taker, "1")
        assert "连好了" in heard, heard
        if writer.in_file:
            holder_, writer = writer, holder_
        self.join(writer, holder_)
        assert "码不对" in self.say(taker, code[0]), "once"

    @rule(spot=where, which=where)
    def part(self, spot: tuple[str, str], which: tuple[str, str]) -> None:
        person = self.whose[spot]
        heard = self.say(spot, "解除关联")
        if len(self.of(person)) == 1:
            assert "只在这一个地方" in heard
            return
        if self.whose[which] is not person:
            self.say(spot, "都不解除")
            return
        with self.town.database.read() as session:
            store = Store(session, self.town.ids["a"])
            own = store.people.identities_of(holder(session, self.town, *spot))
            digit = [(one.channel_id, one.external_id) for one in own].index(which) + 1
        assert "分开了" in self.say(spot, str(digit))
        self.whose[which] = Person()

    @precondition(lambda self: len({id(p) for p in self.whose.values()}) > 1)
    @rule(first=where, second=where)
    def merged_by_staff(self, first: tuple[str, str], second: tuple[str, str]) -> None:
        if self.whose[first] is self.whose[second]:
            return
        with self.town.database.read() as session:
            into = holder(session, self.town, *first).id
            other = holder(session, self.town, *second).id
        extra = {"matter": "same_person", "opening": {"resident": into, "other": other}}
        said = self.town.say("a", "小李", "同一个人", kind="console", extra=extra)
        assert "连成一个人" in said[0].text
        stays, goes = self.whose[first], self.whose[second]
        if goes.in_file:
            stays, goes = goes, stays
        self.join(goes, stays)

    @invariant()
    def history_is_where_it_belongs(self) -> None:
        if not hasattr(self, "town"):
            return
        assert self.town.errors() == []
        with self.town.database.read() as session:
            ids = {spot: holder(session, self.town, *spot).id for spot in WHERE}
            for one in WHERE:
                for other in WHERE:
                    same = self.whose[one] is self.whose[other]
                    assert (ids[one] == ids[other]) is same, (one, other)
            owned: dict[int, set[int]] = {}
            for number, owner in session.execute(select(Appeal.number, Appeal.resident_id)):
                owned.setdefault(owner, set()).add(number)
            for spot in WHERE:
                assert owned.get(ids[spot], set()) == self.whose[spot].cases, spot
            assert session.scalar(select(func.count(Identity.id))) == self.identities(session)
            gone = select(Resident.id).where(Resident.deleted_at.is_not(None))
            for kind, name in references():
                column = getattr(kind, name)
                left = session.scalar(select(func.count()).where(column.in_(gone)))
                assert not left, f"{kind.__name__}.{name} names somebody who is gone"
            open_ = session.execute(select(Conversation.resident_id, Conversation.chat_id)).all()
            chats = {
                chat.id: chat.resident_id
                for spot in WHERE
                if (chat := Store(session, self.town.ids["a"]).messages.chat_at(*spot))
            }
            assert all(chats.get(chat, who) == who for who, chat in open_)

    def identities(self, session: object) -> int:
        """As many as there were: those of the file, and of the strangers here."""
        self.counted = getattr(self, "counted", None) or self._count(session)
        return self.counted

    def _count(self, session: object) -> int:
        return int(session.scalar(select(func.count(Identity.id))))  # type: ignore[attr-defined]

    def teardown(self) -> None:
        """Everybody hears of their own cases, and of no other's."""
        if not hasattr(self, "town"):
            return
        for spot in WHERE:
            heard = {int(n) for n in re.findall(r"(\d+)号 ", self.say(spot, "我的诉求"))}
            mine = self.whose[spot].cases
            assert heard <= mine, (spot, heard, mine)
            assert len(heard) == min(5, len(mine)), (spot, heard, mine)
        self.town.database.close()


Linking.TestCase.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
TestLinking = Linking.TestCase
