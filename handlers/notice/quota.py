"""How often everybody may be written to at once: a platform's count, kept by us so as to say it."""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers.turn import Desk, about
from storage.models import Chat, NoticeStage

TEXT_MAX = 600  # characters of one post to all followers; a longer one would be two


def chat_of(desk: Desk, audience: str) -> Chat | None:
    """The group of an audience "chat:4"."""
    kind, _, rest = audience.partition(":")
    return desk.store.messages.chat(int(rest)) if kind == "chat" else None


def left(desk: Desk, chat: Chat, at: datetime, *, planned: bool = True) -> int | None:
    """How many posts a group still takes in the day or month of `at`; None where any number.

    `planned`: less those that are written and have yet to leave.
    """
    if chat.quota is None:
        return None
    most, _, period = chat.quota.partition("/")
    start, end = _period(desk, period, at)
    used = desk.store.messages.posts(chat, start, end)
    if planned:
        used += sum(
            notice.stage is NoticeStage.SCHEDULED
            and notice.audience == about(chat)
            and start <= notice.publish_at < end
            for notice in desk.store.notices.running()
        )
    return max(0, int(most) - used)


def _period(desk: Desk, period: str, at: datetime) -> tuple[datetime, datetime]:
    """The day or month of a moment, as the community's calendar has it."""
    local = at.astimezone(desk.file.zone)
    start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "month":
        start = start.replace(day=1)
        return start, (start + timedelta(days=32)).replace(day=1)
    return start, start + timedelta(days=1)


def group_words(desk: Desk, chat: Chat) -> str:
    """3栋群; 公众号全体（本月还剩 3 次）."""
    name, words = chat.name or chat.external_id, desk.words()
    number = left(desk, chat, desk.now)
    if number is None:
        return name
    period = str(chat.quota).partition("/")[2]
    if not number:
        return words.say("notice.none_left", name=name)
    phrase = "notice.left_this_month" if period == "month" else "notice.left_today"
    return words.say(phrase, name=name, n=number)


def quota_words(desk: Desk, chat: Chat) -> str:
    """一个月 4 次."""
    most, _, period = str(chat.quota).partition("/")
    phrase = "notice.a_month" if period == "month" else "notice.a_day"
    return desk.words().say(phrase, n=most)


def trouble(desk: Desk, audience: str, text: str, at: datetime) -> str:
    """Why a text cannot go to all of a platform's followers then; "" where it can."""
    chat = chat_of(desk, audience)
    if chat is None or chat.quota is None:
        return ""
    name, words = chat.name or chat.external_id, desk.words()
    if left(desk, chat, at) == 0:
        return words.say("notice.used_up", name=name, quota=quota_words(desk, chat))
    if len(text) > TEXT_MAX:
        return words.say("notice.too_long_for_all", name=name, most=TEXT_MAX, n=len(text))
    return ""
