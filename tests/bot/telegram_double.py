"""A Telegram on loopback that speaks HTTP: offsets that confirm, refusals on demand."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.bot.loopback import on_loopback

TOKEN = "123456:TEST-token"
BOT = {
    "id": 123456,
    "is_bot": True,
    "first_name": "回音",
    "username": "huiyin_bot",
    "can_read_all_group_messages": False,
}


class TelegramDouble:
    """What a test looks at: `calls` by method; `refuse` queues an answer for a method."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.updates: list[dict[str, Any]] = []
        self.refusals: dict[str, deque[tuple[int, Any]]] = {}
        self.me = dict(BOT)
        self.status = "member"  # of the bot in groups
        self.webhook = ""
        self.files: dict[str, bytes] = {}  # by file_id; asked for again by their path
        self.told: dict[str, int] = {}  # sizes that are told, where they are not the true ones
        self.fetched: list[str] = []
        self.takes = 0.0  # seconds a send takes
        self._message = 1000

    def reset(self) -> None:
        url = self.url
        self.__init__()  # type: ignore[misc]
        self.url = url

    def refuse(self, method: str, code: int, body: Any = None, times: int = 1) -> None:
        self.refusals.setdefault(method, deque()).extend([(code, body)] * times)

    def said(self, method: str) -> list[dict[str, Any]]:
        return [body for name, body in self.calls if name == method]

    async def answer(self, request: Request) -> Response:
        method = request.path_params["method"]
        form = {k: _value(v) for k, v in (await request.form()).items()}
        self.calls.append((method, form))
        if request.path_params["token"] != TOKEN:
            return _error(401, "Unauthorized")
        if self.refusals.get(method):
            code, body = self.refusals[method].popleft()
            if isinstance(body, bytes):
                return Response(body, status_code=code, media_type="text/html")
            return _error(code, **(body or {}))
        if method == "getUpdates":
            return await self._updates(form)
        if method == "sendMessage":
            await asyncio.sleep(self.takes)
            return self._send(form)
        if method == "getFile":
            return self._file(str(form["file_id"]))
        results: dict[str, Any] = {
            "getMe": self.me,
            "getChatMember": {"status": self.status, "user": self.me, **ADMIN},
        }
        if method in ("setWebhook", "deleteWebhook"):
            self.webhook = form.get("url", "")
        return JSONResponse({"ok": True, "result": results.get(method, True)})

    async def _updates(self, form: dict[str, Any]) -> Response:
        if self.webhook:
            return _error(409, "Conflict: can't use getUpdates method while webhook is active")
        offset = int(form.get("offset", 0))
        self.updates = [u for u in self.updates if u["update_id"] >= offset]  # confirmed: gone
        if not self.updates and int(form.get("timeout", 0)):
            await asyncio.sleep(0.01)  # a long poll, for a test's idea of long
        return JSONResponse({"ok": True, "result": self.updates[:100]})

    def _file(self, ident: str) -> Response:
        if ident not in self.files:
            return _error(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        size = self.told.get(ident, len(self.files[ident]))
        found = {"file_id": ident, "file_unique_id": f"u{ident}", "file_path": f"photos/{ident}"}
        return JSONResponse({"ok": True, "result": {**found, "file_size": size}})

    async def download(self, request: Request) -> Response:
        ident = request.path_params["path"].removeprefix("photos/")
        self.fetched.append(ident)
        self.calls.append(("download", dict(request.path_params)))
        if request.path_params["token"] != TOKEN or not self.files.get(ident):
            return _error(404, "Not Found")
        return Response(self.files[ident], media_type="application/octet-stream")

    def _send(self, form: dict[str, Any]) -> Response:
        if len(str(form["text"])) > 4096:
            return _error(400, "Bad Request: message is too long")
        self._message += 1
        chat = {"id": int(form["chat_id"]), "type": "private", "first_name": "王"}
        result = {"message_id": self._message, "date": 1, "chat": chat, "text": str(form["text"])}
        return JSONResponse({"ok": True, "result": result})


ADMIN = dict.fromkeys(
    (
        "can_be_edited",
        "is_anonymous",
        "can_manage_chat",
        "can_delete_messages",
        "can_manage_video_chats",
        "can_restrict_members",
        "can_promote_members",
        "can_change_info",
        "can_invite_users",
        "can_post_stories",
        "can_edit_stories",
        "can_delete_stories",
    ),
    False,
)


def _value(raw: Any) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def _error(error_code: int, description: str = "Refused", **parameters: Any) -> Response:
    body: dict[str, Any] = {"ok": False, "error_code": error_code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return JSONResponse(body, status_code=error_code)


@contextmanager
def serving() -> Iterator[TelegramDouble]:
    """The double on a free port, in a thread of its own."""
    double = TelegramDouble()
    routes = [
        Route("/bot{token}/{method}", double.answer, methods=["POST"]),
        Route("/file/bot{token}/{path:path}", double.download),
    ]
    with on_loopback(routes) as double.url:
        yield double
