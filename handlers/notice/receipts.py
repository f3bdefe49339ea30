"""收到: who has read a notice, who has not, and stopping one by digit."""

from __future__ import annotations

from handlers.notice.publish import audience_words, stop
from handlers.turn import Turn, about
from storage.models import Notice, NoticeStage, Question


def receipt(turn: Turn, question: Question, value: str) -> None:
    """A digit or 收到 under a notice."""
    notice = turn.store.notices.get(question.about_id)
    if notice is not None:
        _mark(turn, notice)


def _mark(turn: Turn, notice: Notice) -> None:
    found = turn.store.notices.receipt(notice, turn.person)
    if found is not None and found.read_at is None:
        found.read_at = turn.now
    turn.withdraw(about(notice), to=turn.person)
    turn.say("notice.receipt_noted")


def received(turn: Turn) -> None:
    """The word 收到: for the last notice that still stands, else it is simply thanked for."""
    for question in turn.store.messages.standing(turn.chat, turn.now):
        if question.name == "notice.receipt":
            question.answer, question.closed_at = "read", turn.now
            receipt(turn, question, "read")
            return
    turn.start("chat")


def held(turn: Turn, question: Question, value: str) -> None:
    """撤回 or 停止 under one's own notice."""
    _hold(turn, turn.store.notices.get(question.about_id))


def stopped(turn: Turn) -> None:
    """撤回 or 停止, from the console."""
    _hold(turn, turn.store.notices.get(int(turn.opening["notice"])))


def _hold(turn: Turn, notice: Notice | None) -> None:
    if notice is None or notice.stage not in (NoticeStage.SCHEDULED, NoticeStage.SENDING):
        turn.say("notice.too_late")
        return
    early = notice.stage is NoticeStage.SCHEDULED
    kept = stop(turn, notice)
    turn.say("notice.taken_back" if early else "notice.stopped", kept=kept)


def situation(turn: Turn) -> None:
    """通知情况: of the last notices, how many were reached, who has not answered."""
    notices = [
        n for n in turn.store.notices.listed(limit=3) if n.stage is not NoticeStage.WITHDRAWN
    ]
    if not notices:
        turn.say("notice.none")
        return
    for notice in notices[:1]:
        sent, read = turn.store.notices.counts(notice)
        unread = turn.store.notices.unread(notice, limit=30)
        turn.say(
            "notice.situation",
            about=about(notice),
            sent=sent,
            read=read,
            audience=audience_words(turn, notice.audience),
            text=notice.text[:30],
            unread="、".join(f"{turn.home(p)}{p.name}" for p in unread) or "-",
        )
