"""通知: each with its delivery and who has not answered; stopped or taken back while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.web.charts import Legend, Mark, share
from bot.web.console.acting import act
from bot.web.console.drafts import Draft, drafts
from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, ident_of, look, show, there
from bot.web.site import Site, site_of
from handlers.notice import audience_words, reached, unreached
from handlers.turn import about
from storage.models import Notice, NoticeStage, Resident, Sending

RUNNING = (NoticeStage.SCHEDULED, NoticeStage.SENDING)
RATE = 20.0  # messages per second where a channel's own pace is not known


def delivery(
    view: View, site: Site, notice: Notice, handed: Sequence[Draft] = ()
) -> dict[str, Any]:
    """How far a notice is: sent to, delivered, failed, read, left, and how long that takes."""
    store = view.store
    stage = view.say(f"notices.stage_{notice.stage}")
    waits = [draft.name for draft in handed if draft.about == about(notice)]
    if waits and notice.stage is NoticeStage.DONE:  # as far as we can bring it
        stage = view.say("notices.waits", names=view.say("console.and").join(waits))
    counts = store.messages.progress(f"notice:{notice.id}", kind="notice")
    to, read = store.notices.counts(notice)
    if notice.audience.startswith("chat:"):
        to = sum(counts.values())
    if notice.stage in RUNNING:
        to = max(to, reached(view.desk, notice.audience))
    delivered = counts.get(Sending.SENT, 0) + counts.get(Sending.UNKNOWN, 0)
    queued = counts.get(Sending.QUEUED, 0) + counts.get(Sending.SENDING, 0)
    return {
        "id": notice.id,
        "text": notice.text,
        "audience": audience_words(view.desk, notice.audience),
        "stage": stage,
        "running": notice.stage in RUNNING,
        "early": notice.stage is NoticeStage.SCHEDULED,
        "to": to,
        "delivered": delivered,
        "failed": counts.get(Sending.FAILED, 0),
        "dropped": counts.get(Sending.DROPPED, 0),
        "read": read,
        "author": view.name(notice.author_id),
        "sign": "soon" if waits else _sign(notice),
        "publish": view.moment(notice.publish_at),
        "group": notice.audience.startswith("chat:"),
        "repeat": view.say(f"notices.repeat_{notice.repeat}"),
        "queued": queued,
        "left": _left(view, site, queued),
    }


def _sign(notice: Notice) -> str:
    if notice.stage in RUNNING:
        return "soon"
    return "over" if notice.stage is NoticeStage.DONE else "calm"


def _left(view: View, site: Site, queued: int) -> str:
    """About how long the rest takes at the slowest channel's pace."""
    if not queued:
        return ""
    caps = [adapter.caps.rate for adapter in site.office.adapters.values()]
    return view.say("notices.left", span=view.span(queued / min(caps, default=RATE)))


async def _listed(request: Request, staff: Staff) -> Response:
    site = site_of(request)

    def see(view: View) -> Mapping[str, Any]:
        handed = drafts(view)
        found = [delivery(view, site, notice, handed) for notice in view.store.notices.listed()]
        return {"notices": found}

    return await show(request, staff, "notices.html", see, here="notices")


listed = page(_listed)


async def _one(request: Request, staff: Staff) -> Response:
    ident, site = ident_of(request), site_of(request)

    def see(view: View) -> Mapping[str, Any]:
        notice: Notice = there(view.store.notices.get(ident))
        facts = delivery(view, site, notice, drafts(view))
        missed = [] if facts["early"] else _by_house(view, unreached(view.desk, notice))
        return {
            "notice": facts,
            "chart": _chart(view, facts),
            "houses": _by_house(view, view.store.notices.unread(notice)),
            "missed": missed,
        }

    return await show(request, staff, "notice.html", see, here="notices")


one = page(_one)


def _chart(view: View, facts: Mapping[str, Any]) -> Any:
    if facts["group"] or not facts["to"]:
        return ""
    unread = max(0, facts["delivered"] - facts["read"])
    marks = [
        (view.say("notices.read"), Mark(facts["read"], kind="good")),
        (view.say("notices.unread"), Mark(unread, href="#unread", kind="calm")),
        (view.say("notices.failed"), Mark(facts["failed"], kind="bad")),
    ]
    title = view.say("notices.title", read=facts["read"], delivered=facts["delivered"])
    legend = Legend(
        view.say("notices.state"), [(view.say("rolls.people"), "good")], view.say("figures.table")
    )
    return share(title, marks, legend)


def _by_house(view: View, people: Iterable[Resident]) -> list[tuple[str, list[str]]]:
    """People with their doors, by building."""
    houses: dict[str, list[str]] = {}
    for person in people:
        place = view.store.people.place(person.home_id)
        name = place.name if place else view.say("roster.no_home")
        door = view.desk.home(person).removeprefix(name)
        houses.setdefault(name, []).append(f"{door} {person.name}".strip())
    return list(houses.items())


async def _stop(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    ident = ident_of(request)
    words = await look(
        request,
        staff,
        lambda view: there(view.store.notices.get(ident)) and view.say("notices.stop"),
    )
    back = f"/console/notices/{ident}"
    return await act(request, staff, fields, "notice_stop", {"notice": ident}, words, back)


stop = action(_stop)
