"""THE CONSOLE: the staff's pages. What a person does here is a Turn like any other."""

from __future__ import annotations

from starlette.routing import Route

from bot.web.console import (
    appeals,
    attachments,
    case,
    channels,
    codes,
    entry,
    notices,
    overview,
    person,
    rollcalls,
    roster,
    troubles,
    untold,
    writing,
)

GET, POST = ["GET"], ["POST"]

routes = [
    Route("/console", entry.home, methods=GET),
    Route("/console/", overview.overview, methods=GET),
    Route("/console/login/{code}", entry.door, methods=GET),
    Route("/console/login/{code}", entry.login, methods=POST),
    Route("/console/logout", entry.logout, methods=POST),
    Route("/console/incidents/{ident}/{verb}", overview.incident, methods=POST),
    Route("/console/appeals", appeals.listed, methods=GET),
    Route("/console/appeals/{ident}", case.case, methods=GET),
    Route("/console/appeals/{ident}/{verb}", case.act, methods=POST),
    Route("/console/media/{ident}", attachments.one, methods=GET),
    Route("/console/rollcalls", rollcalls.listed, methods=GET),
    Route("/console/rollcalls", rollcalls.start, methods=POST),
    Route("/console/rollcalls/{ident}", rollcalls.board, methods=GET),
    Route("/console/rollcalls/{ident}/doors", rollcalls.doors, methods=GET),
    Route("/console/rollcalls/{ident}/end", rollcalls.end, methods=POST),
    Route("/console/notices", notices.listed, methods=GET),
    Route("/console/notices/new", writing.form, methods=GET),
    Route("/console/notices/new", writing.preview, methods=POST),
    Route("/console/notices/send", writing.send, methods=POST),
    Route("/console/notices/{ident}", notices.one, methods=GET),
    Route("/console/notices/{ident}/stop", notices.stop, methods=POST),
    Route("/console/channels", channels.listed, methods=GET),
    Route("/console/codes", codes.listed, methods=GET),
    Route("/console/questions/{ident}/{verb}", channels.answer, methods=POST),
    Route("/console/roster", roster.listed, methods=GET),
    Route("/console/roster/{ident}", person.one, methods=GET),
    Route("/console/roster/{ident}/vouch", roster.vouch, methods=POST),
    Route("/console/roster/{ident}/same/{other}", person.sure, methods=GET),
    Route("/console/roster/{ident}/{verb}", person.do, methods=POST),
    Route("/console/untold", untold.listed, methods=GET),
    Route("/console/untold/{ident}/told", untold.told, methods=POST),
    Route("/console/troubles", troubles.listed, methods=GET),
    Route("/console/troubles/in/{ident}/{verb}", troubles.heard, methods=POST),
    Route("/console/troubles/out/{ident}", troubles.again, methods=POST),
]
