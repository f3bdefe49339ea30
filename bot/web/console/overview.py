"""The first page: what needs this person now, in sentences; then what the last days looked like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.web.console import figures
from bot.web.console.acting import act
from bot.web.console.attachments import Shown, shown
from bot.web.console.channels import questions
from bot.web.console.drafts import drafts
from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, brief, ident_of, look, show, there
from bot.web.console.sieve import Sieve
from bot.web.problem import Problem
from bot.web.site import site_of
from storage.models import CheckInStage, Incident, IncidentStage, Media, NoticeStage, Resident

SIGNS = ("late", "soon", "calm")  # in order of how pressing they are


@dataclass(frozen=True)
class Need:
    """One sentence, and where it leads."""

    kind: str  # late soon calm: a class of the style sheet
    text: str
    href: str


@dataclass(frozen=True)
class Alarm:
    """A running danger."""

    id: int
    what: str
    where: str
    who: str
    text: str
    state: str
    taken: bool
    mine: bool
    attached: list[Shown]


async def _overview(request: Request, staff: Staff) -> Response:
    deaf = site_of(request).office.dispatcher.ear.fault is not None

    def see(view: View) -> Mapping[str, Any]:
        return {**_see(view), "deaf": deaf}

    return await show(request, staff, "overview.html", see, here="overview")


overview = page(_overview)


def _see(view: View) -> Mapping[str, Any]:
    return {"alarms": alarms(view), "needs": needs(view), "charts": figures.all_of(view)}


def alarms(view: View) -> list[Alarm]:
    """Running dangers, those nobody has taken first."""
    found = [_alarm(view, incident) for incident in view.store.incidents.running()]
    return sorted(found, key=lambda alarm: alarm.taken)


def _alarm(view: View, incident: Incident) -> Alarm:
    taken = incident.stage is IncidentStage.TAKEN
    since = view.span(view.now - incident.raised_at)
    state = view.say("overview.taken", name=view.name(incident.taken_by_id), span=since)
    if not taken:
        state = view.say("overview.nobody_goes", span=since)
    person = view.store.people.resident(incident.resident_id)
    return Alarm(
        incident.id,
        view.desk.words(view.person).say(f"incident.kind_{incident.danger}"),
        incident.where,
        view.desk.card(person) if person else "",
        brief(incident.text, 40),
        state,
        taken,
        incident.taken_by_id == view.person.id,
        [shown(view, row) for row in _sent(view, person, incident)],
    )


def _sent(view: View, person: Resident | None, incident: Incident) -> list[Media]:
    """What whoever raised the alarm has sent since: it is of the danger."""
    return view.store.media.sent_since(person, incident.raised_at) if person is not None else []


def needs(view: View) -> list[Need]:
    """What waits for this person, the most pressing first; the chief's is everybody's."""
    found = [*_late(view), *_soon(view), *_rollcalls(view), *_questions(view)]
    found += [*_drafts(view), *_notices(view)]
    untold = len(view.desk.untold(view.person))
    if untold:
        found.append(Need("soon", view.say("overview.untold", n=untold), "/console/untold"))
    claims = view.store.people.listed(claims=True, limit=100)
    if claims:
        found.append(
            Need("calm", view.say("overview.claims", n=len(claims)), "/console/roster?claims=1")
        )
    if view.staff.chief:
        failed = len(view.store.messages.not_answered()) + len(view.store.messages.not_sent())
        if failed:
            found.append(Need("late", view.say("overview.failed", n=failed), "/console/troubles"))
    return sorted(found, key=lambda need: SIGNS.index(need.kind))


def _late(view: View) -> list[Need]:
    late = [case for case in view.store.appeals.live() if case.deadline <= view.now]
    mine = [case for case in late if view.staff.chief or case.handler_id == view.person.id]
    found = []
    if mine:
        worst = mine[0]
        found.append(
            Need(
                "late",
                view.say(
                    "overview.late",
                    n=len(mine),
                    span=view.span(view.now - worst.deadline),
                    number=worst.number,
                    what=brief(worst.text),
                ),
                f"/console/appeals/{worst.number}"
                if len(mine) == 1
                else Sieve(late="1", mine="" if view.staff.chief else "1").url(),
            )
        )
    if len(late) > len(mine):
        found.append(
            Need(
                "calm",
                view.say("overview.others_late", n=len(late) - len(mine)),
                Sieve(late="1").url(),
            )
        )
    return found


def _soon(view: View) -> list[Need]:
    mine = [
        case
        for case in view.store.appeals.live(None if view.staff.chief else view.person)
        if case.deadline > view.now
    ]
    if not mine:
        return []
    first = mine[0]
    kind, _ = view.due(first)
    text = view.say(
        "overview.waiting",
        n=len(mine),
        span=view.span(first.deadline - view.now),
        number=first.number,
        what=brief(first.text),
    )
    href = f"/console/appeals/{first.number}" if len(mine) == 1 else Sieve().url()
    if len(mine) > 1 and not view.staff.chief:
        href = Sieve(mine="1").url()
    return [Need(kind, text, href)]


def _rollcalls(view: View) -> list[Need]:
    found = []
    for roll in view.store.rollcalls.open():
        counts = view.store.rollcalls.counts(roll)
        place = view.store.people.place(roll.place_id)
        silent = counts.get(CheckInStage.WAITING, 0) + counts.get(CheckInStage.UNREACHABLE, 0)
        helped = counts.get(CheckInStage.NEEDS_HELP, 0)
        text = view.say(
            "overview.rollcall",
            place=place.name if place else "",
            help=helped,
            safe=counts.get(CheckInStage.SAFE, 0),
            silent=silent,
        )
        found.append(Need("late" if helped else "soon", text, f"/console/rollcalls/{roll.id}"))
    return found


def _questions(view: View) -> list[Need]:
    clocks = questions(view)
    if not clocks:
        return []
    span = view.now - clocks[0].opened_at
    kind = "late" if span > timedelta(days=1) else "soon"
    text = view.say(
        "overview.unanswered", n=len(clocks), span=view.span(span), what=brief(clocks[0].text)
    )
    return [Need(kind, text, "/console/channels#unanswered")]


def _drafts(view: View) -> list[Need]:
    """What goes out in this person's name once they let it go."""
    mine = [draft for draft in drafts(view) if draft.name == view.person.name]
    if not mine:
        return []
    href = "/console/notices"
    if len({draft.about for draft in mine}) == 1 and mine[0].about.startswith("notice:"):
        href = f"{href}/{mine[0].about.removeprefix('notice:')}"
    return [Need("soon", view.say("overview.drafts", n=len(mine)), href)]


def _notices(view: View) -> list[Need]:
    found = []
    for notice in view.store.notices.running():
        phrase = "overview.sending"
        if notice.stage is NoticeStage.SCHEDULED:
            phrase = "overview.scheduled"
        text = view.say(phrase, at=view.moment(notice.publish_at), what=brief(notice.text))
        found.append(Need("calm", text, f"/console/notices/{notice.id}"))
    return found


async def _incident(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    """收到，我去 and 处理好了."""
    ident, verb = ident_of(request), request.path_params["verb"]
    matter = {"take": "i_go", "close": "all_well"}.get(str(verb))
    if matter is None:
        raise Problem(404, "error.not_found")

    def see(view: View) -> str:
        there(view.store.incidents.get(ident))
        return view.say(f"overview.do_{verb}")

    words = str(await look(request, staff, see))
    return await act(request, staff, fields, matter, {"incident": ident}, words, "/console/")


incident = action(_incident)
