"""One case on one page: what was said, the clocks, the history, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bot.web import intake
from bot.web.console.acting import act as do
from bot.web.console.attachments import Shown, by_reference
from bot.web.console.entry import Staff, action, page
from bot.web.console.frame import View, brief, ident_of, look, show, there
from bot.web.problem import Problem
from storage.models import Appeal, AppealStep, Stage

MATTERS = {
    "accept": "staff_accept",
    "reply": "staff_reply",
    "handon": "staff_hand_on",
    "done": "staff_done",
}
SPEECH = ("filed", "said", "media")  # steps whose words are somebody's own
WORDS_MAX = 2_000  # characters of a reply


@dataclass(frozen=True)
class Moment:
    """One line of a case's way: words somebody said, or something that happened."""

    who: str
    when: str
    at: str
    verb: str
    text: str
    side: str  # resident | person | bot: whose words; "" for a mere step
    attached: Shown | None = None


@dataclass(frozen=True)
class Promise:
    """One of the two clocks."""

    name: str
    state: str
    detail: str
    sign: str


async def _case(request: Request, staff: Staff) -> Response:
    ident = ident_of(request)

    def see(view: View) -> Mapping[str, Any]:
        return _see(view, there(view.store.appeals.numbered(ident)))

    return await show(request, staff, "case.html", see, here="appeals")


case = page(_case)


def _see(view: View, row: Appeal) -> Mapping[str, Any]:
    person = view.store.people.resident(row.resident_id)
    sign, due = view.due(row)
    others = [p for p in view.store.people.staff() if p.id not in (view.person.id, row.handler_id)]
    handler = view.store.people.resident(row.handler_id)
    reached = person is not None and view.desk.chat_with(person) is not None
    return {
        "row": row,
        "brief": brief(row.text),
        "due": due,
        "sign": sign,
        "category": view.category(row.category),
        "who": view.desk.card(person) if person else view.say("cases.gone"),
        "phone": person.phone if person else None,
        "reached": reached,
        "handler": handler.name if handler else "",
        "mine": row.handler_id == view.person.id and row.stage is Stage.ACCEPTED,
        "live": row.is_live,
        "filed": view.moment(row.filed_at),
        "by": view.moment(row.deadline) if row.is_live else "",
        "level": view.say("cases.urgent") if row.level == "urgent" else "",
        "moments": _moments(view, row),
        "promises": _promises(view, row),
        "others": [(p.name, view.desk.role(p)) for p in others],
        "stage": view.say(f"cases.stage_{row.stage}"),
    }


def _moments(view: View, row: Appeal) -> list[Moment]:
    steps = view.store.appeals.steps(row)
    people = view.store.people.residents(s.who_id for s in steps if s.who_id is not None)
    shown = by_reference(view, (s.media for s in steps if s.verb == "media"))
    found = []
    for step in steps:
        person = people.get(step.who_id or 0)
        side = ""
        words = step.verb in SPEECH or (step.verb == "acted" and step.text)
        if words:
            side = "person" if person is not None and person.is_staff else "resident"
        who = person.name if person is not None else view.say("page.bot")
        attached = shown.get(step.media or "")
        found.append(
            Moment(
                who,
                view.moment(step.at),
                step.at.isoformat(),
                _verb(view, step),
                step.text if attached is not None else _text(view, step),
                side,
                attached,
            )
        )
    return found


def _verb(view: View, step: AppealStep) -> str:
    alone = "_alone" if step.verb == "late" and not step.text else ""
    try:
        return view.say(f"steps.{step.verb}{alone}", text=step.text)
    except KeyError:
        return step.verb


def _text(view: View, step: AppealStep) -> str:
    if step.verb == "media" and step.media:
        kind = step.media.rpartition(":")[2]
        return f"[{view.desk.words(view.person).say(f'media.{kind}')}] {step.text}".strip()
    return step.text


def _promises(view: View, row: Appeal) -> list[Promise]:
    """The two clocks: until a person answers, until it is done; wall and opening hours."""
    if row.stage is Stage.WITHDRAWN:
        return []
    hours = view.desk.file.hours
    # Opened again, both promises run anew.
    again = [s.at for s in view.store.appeals.steps(row) if s.verb == "reopened"]
    begun = max([row.filed_at, *again])

    def clock(name: str, done: Any, by: Any, running: bool) -> Promise:
        if done is not None:
            kept = done <= by
            took = view.span(done - begun)
            opened = view.span(hours.between(begun, done))
            return Promise(
                view.say(f"cases.clock_{name}"),
                view.say("cases.took", span=took),
                view.say("cases.kept" if kept else "cases.missed", by=view.moment(by), open=opened),
                "over" if kept else "late",
            )
        left = by - view.now
        late = left.total_seconds() <= 0
        words = view.say("cases.late" if late else "cases.left", span=view.span(abs(left)))
        if not running:
            words = view.say("cases.not_yet")
        return Promise(
            view.say(f"cases.clock_{name}"),
            words,
            view.say("cases.by", by=view.moment(by)),
            "late" if late else "calm",
        )

    return [
        clock("first", row.answered_at, row.respond_by, True),
        clock("done", row.acted_at, row.resolve_by, row.answered_at is not None),
    ]


async def _act(request: Request, staff: Staff, fields: dict[str, str]) -> Response:
    """受理 回复 转交 办结: the same words as in the chat."""
    ident, verb = ident_of(request), str(request.path_params["verb"])
    if verb not in MATTERS:
        raise Problem(404, "error.not_found")
    text = ""
    if verb == "reply":
        text = intake.text(fields.get("text"))[:WORDS_MAX]
    elif verb == "done" and fields.get("text", "").strip():
        text = intake.text(fields["text"])[:WORDS_MAX]

    def see(view: View) -> str:
        there(view.store.appeals.numbered(ident))
        if verb == "handon":
            names = {person.name for person in view.store.people.staff()}
            if fields.get("to") not in names:
                raise Problem(400, "console.to_whom")
        return view.say(f"cases.do_{verb}")

    word = await look(request, staff, see)
    rest = f"{ident} {fields['to'] if verb == 'handon' else text}".strip()
    opening = {"command": word, "rest": rest}
    back = f"/console/appeals/{ident}"
    return await do(request, staff, fields, MATTERS[verb], opening, f"{word} {rest}", back)


act = action(_act)
