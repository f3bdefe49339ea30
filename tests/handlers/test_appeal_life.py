"""An appeal's life, lived at random: whatever people do and however long they wait, some things
hold always. The real ear, dispatcher, handlers and SQL; only the clock is made up."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import select

from nlp import Ear
from storage.models import Appeal, AppealStep, Chat, Community, Outbound, Resident, Stage
from tests.town import Town

RESIDENTS = ("王阿姨", "李大爷", "孙老师")
STAFF = ("小李", "小陈", "张主任")
REPORTS = (
    "3栋2单元楼道灯坏了",
    "楼下垃圾没人收",
    "我要报修",
    "5栋电梯又坏了，另外路灯也不亮",
    "太吵了，1栋",
)
WORDS = (
    "好了",
    "没解决",
    "谢谢",
    "错了",
    "取消",
    "菜单",
    "我的诉求",
    "在3栋",
    "对",
    "不对，是2栋",
    "？",
    "还没人来",
    "人工",
)
CLIMB = 2  # steps of escalate_after in the example community
ANSWERED = {"accepted", "said", "reopened", "acted"}  # after these another promise runs

EARS: list[Ear] = []


@pytest.fixture(autouse=True)
def _ear(one_ear: Ear) -> None:
    EARS[:] = [one_ear]


class AppealLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.town = Town(EARS[0])
        self.stages: dict[int, Stage] = {}
        self.steps: dict[int, int] = {}
        self.numbers: dict[int, int] = {}
        self.seen = 0
        self.writer = ""
        self.wrote = ""

    # What people do

    @rule(who=st.sampled_from(RESIDENTS), text=st.sampled_from(REPORTS))
    def report(self, who: str, text: str) -> None:
        self.say(who, text)

    @rule(who=st.sampled_from(RESIDENTS))
    def report_and_confirm(self, who: str) -> None:
        self.say(who, "取消")
        self.look()
        self.say(who, "3栋2单元楼道灯坏了")
        self.look()
        self.say(who, "1")

    @rule(who=st.sampled_from(RESIDENTS + STAFF), digit=st.integers(1, 5))
    def answer(self, who: str, digit: int) -> None:
        self.say(who, str(digit))

    @rule(who=st.sampled_from(RESIDENTS), text=st.sampled_from(WORDS))
    def speak(self, who: str, text: str) -> None:
        self.say(who, text)

    @precondition(lambda self: self.numbers)
    @rule(
        who=st.sampled_from(STAFF),
        verb=st.sampled_from(["受理", "回复", "办结", "转交"]),
        which=st.integers(0, 20),
        tail=st.sampled_from(["", "明天上午来", "小陈", "张主任"]),
    )
    def work(self, who: str, verb: str, which: int, tail: str) -> None:
        known = sorted(self.numbers.values())
        self.say(who, f"{verb} {known[which % len(known)]} {tail}".strip())

    @rule(
        who=st.sampled_from(STAFF),
        text=st.sampled_from(["待办", "好的", "明天去看", "错了", "取消"]),
    )
    def staff_words(self, who: str, text: str) -> None:
        self.say(who, text)

    @rule(who=st.sampled_from(RESIDENTS + STAFF), back=st.integers(0, 6), digit=st.integers(0, 3))
    def press(self, who: str, back: int, digit: int) -> None:
        """A button under some message of the last ones, however old."""
        rows = [row for row in self.town.heard("a", who) if row.choices]
        if rows:
            row = rows[-1 - back % len(rows)]
            choice = row.choices[digit % len(row.choices)][2]
            self.say(who, "", kind="choice", choice=choice)

    @rule(who=st.sampled_from(RESIDENTS))
    def photo(self, who: str) -> None:
        self.say(who, "", kind="photo")

    @rule(minutes=st.sampled_from([1, 31, 121, 24 * 60, 4 * 24 * 60, 9 * 24 * 60]))
    def wait(self, minutes: int) -> None:
        self.writer = self.wrote = ""
        self.town.move(minutes=minutes)

    def say(self, who: str, text: str, **more: Any) -> None:
        self.writer, self.wrote = who, text
        heard = self.town.say("a", who, text, **more)
        assert heard, f"{who} wrote {text!r} {more} and heard nothing"
        assert all(one.text.strip() for one in heard)

    # What holds always

    @invariant()
    def look(self) -> None:
        assert self.town.errors() == []
        with self.town.database.read() as session:
            said = list(
                session.scalars(
                    select(Outbound).where(Outbound.id > self.seen).order_by(Outbound.id)
                )
            )
            chats = {c.id: c.resident_id for c in session.scalars(select(Chat))}
            names = {r.id: r.name for r in session.scalars(select(Resident))}
            cases = list(session.scalars(select(Appeal)))
            given = session.scalars(select(Community.appeals_filed)).one()
            history = {
                case.id: list(
                    session.scalars(
                        select(AppealStep)
                        .order_by(AppealStep.id)
                        .where(AppealStep.appeal_id == case.id)
                    )
                )
                for case in cases
            }
        self.seen = said[-1].id if said else self.seen
        self.numbers_are_never_given_twice(cases, given)
        for case in cases:
            steps = history[case.id]
            heard = [row.text for row in said if chats[row.chat_id] == case.resident_id]
            before = self.stages.get(case.id)
            if before is not case.stage:
                self.a_change_is_written_down_and_heard(case, before, steps, heard)
            self.nobody_is_late_more_often_than_the_ladder_has_steps(steps)
            if before is Stage.WITHDRAWN:
                others = [
                    row
                    for row in said
                    if row.about == f"appeal:{case.id}"
                    and names.get(chats[row.chat_id] or 0) != self.writer
                ]
                assert not others or self.writer in STAFF, f"after withdrawal: {others[0].text}"
            self.stages[case.id], self.steps[case.id] = case.stage, len(steps)

    def numbers_are_never_given_twice(self, cases: list[Appeal], given: int) -> None:
        for case in cases:
            assert self.numbers.setdefault(case.id, case.number) == case.number
        assert len(set(self.numbers.values())) == len(self.numbers)
        assert set(self.numbers) == {case.id for case in cases}  # no case disappears
        assert given == max(self.numbers.values(), default=0)

    def a_change_is_written_down_and_heard(
        self, case: Appeal, before: Stage | None, steps: list[AppealStep], heard: list[str]
    ) -> None:
        assert len(steps) > self.steps.get(case.id, 0), f"{before} → {case.stage} without a step"
        if case.stage is Stage.UNCONFIRMED:  # after two questions nobody answered: said no more
            return
        signs = (f"{case.number}号", f"编号 {case.number}")
        assert any(sign in text for text in heard for sign in signs), (before, case.stage, heard)

    def nobody_is_late_more_often_than_the_ladder_has_steps(self, steps: list[AppealStep]) -> None:
        promises = itertools.groupby(
            (step.verb for step in steps if step.verb == "late" or step.verb in ANSWERED),
            key=lambda verb: verb == "late",
        )
        for is_late, run in promises:
            assert not is_late or len(list(run)) <= CLIMB


AppealLife.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAppealLife = AppealLife.TestCase
