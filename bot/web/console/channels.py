"""渠道: how every channel and group is being answered, and the questions nobody has answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.web import intake
from bot.web.console import figures
from bot.web.console.acting import act
from bot.web.console.case import WORDS_MAX
from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, ident_of, look, show, there
from bot.web.problem import Problem
from storage.models import Clock
from storage.store.health import Health

# 国办秘函〔2019〕19号: two weeks without a post fails an inspection.
MARKS = ((14, "red", "late"), (10, "ten", "late"), (7, "seven", "soon"))
SHOWN = 100


@dataclass(frozen=True)
class Line:
    """A channel's or group's health."""

    name: str
    group: bool
    state: str
    sign: str
    facts: list[str]


@dataclass(frozen=True)
class Open:
    """A question no person has answered."""

    id: int
    who: str
    where: str
    text: str
    since: str
    sign: str


async def _listed(request: Request, staff: Staff) -> Response:
    return await show(request, staff, "channels.html", _see, here="channels")


listed = page(_listed)


def _see(view: View) -> Mapping[str, Any]:
    today = view.midnight(view.day(view.now))
    clocks = view.store.channels.opened_since(today - timedelta(days=figures.WEEK - 1))
    running = questions(view)
    cases = {
        c.about for c in view.store.channels.running() if (c.about or "").startswith("appeal:")
    }
    return {
        "lines": [_line(view, one) for one in view.store.channels.health(view.now)],
        "open": [_open(view, clock) for clock in running[:SHOWN]],
        "count": len(running),
        "cases": len(cases),
        "chart": figures.questions(view, clocks),
    }


def questions(view: View) -> list[Clock]:
    """What is answered here; a case, a danger or a neighbour's request is seen to in its place."""
    return [
        clock
        for clock in view.store.channels.running()
        if (clock.about or "clock:").startswith("clock:")
    ]


def state(one: Health, view: View) -> tuple[str, str]:
    """正常, 7天提醒, 10天, 红, or 听不到: the words and the sign."""
    if not one.heard:
        return view.say("lines.deaf"), "late"
    days = one.silent_days(view.now)
    for least, name, sign in MARKS:
        if days >= least:
            return view.say(f"lines.{name}", days=days), sign
    return view.say("lines.fine"), "over"


def _line(view: View, one: Health) -> Line:
    words, sign = state(one, view)
    channel = view.store.messages.channel(one.channel_id)
    name = one.name if one.chat_id is not None or channel is None else view.channel(channel)
    return Line(name, one.chat_id is not None, words, sign, list(_facts(view, one)))


def _facts(view: View, one: Health) -> Iterator[str]:
    """Only what there is to say."""
    if one.oldest is not None:
        yield view.say("lines.counts", n=one.unanswered, oldest=view.span(view.now - one.oldest))
    else:
        yield view.say("lines.none_waiting")
    if one.p50 is not None:
        yield view.say("lines.speed", p50=view.span(one.p50), p90=view.span(one.p90))
    if one.by_bot:
        yield view.say("lines.by_bot", n=one.by_bot)
    if one.last_post is not None:
        yield view.say("lines.last_post", span=view.span(view.now - one.last_post))
    if one.last_human is not None:
        yield view.say("lines.last_human", span=view.span(view.now - one.last_human))
    if one.last_post is None and one.last_human is None:
        yield view.say("lines.silent")


def _open(view: View, clock: Clock) -> Open:
    chat = view.store.messages.chat(clock.chat_id)
    asker = view.store.people.resident(clock.resident_id)
    span = view.now - clock.opened_at
    group = chat is not None and chat.group
    who = asker.name if asker is not None else view.say("cases.gone")
    where = (chat.name or "") if chat is not None and group else view.say("lines.private")
    sign = "late" if span > timedelta(days=1) else "soon"
    return Open(clock.id, who, where, clock.text, view.span(span), sign)


async def _answer(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    """回复: passed on where it was asked. 已解决: it was answered elsewhere."""
    ident, verb = ident_of(request), str(request.path_params["verb"])
    if verb not in ("reply", "settled"):
        raise Problem(404, "error.not_found")
    opening: dict[str, Any] = {"clock": ident}
    if verb == "reply":
        opening["text"] = intake.text(fields.get("text"))[:WORDS_MAX]

    def see(view: View) -> str:
        clock: Clock = there(view.store.channels.clock(ident))
        return f"{view.say(f'lines.do_{verb}')}「{clock.text[:20]}」{opening.get('text', '')}"

    words = await look(request, staff, see)
    matter = "answer_clock" if verb == "reply" else "settle_clock"
    back = "/console/channels"
    return await act(request, staff, fields, matter, opening, words, back)


answer = action(_answer)
