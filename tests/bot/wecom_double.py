"""An 企业微信 on loopback that speaks HTTP, and callbacks sealed as it seals them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import escape

from starlette.requests import Request as Asked
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.adapters.base import Request
from bot.adapters.tencent import Seal, read_xml, signature
from tests.bot.loopback import on_loopback

CORP, AGENT, SECRET = "wwc0ffee", 1000002, "app-secret"
TOKEN, AES_KEY = "callbacktoken", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
KFID, ROBOT_KEY = "wkAJ2GCAAAZSfhHCt7IFSvLKtMPxyJTw", "robot-key"
NONCE, STAMP = "1372623149", "1409659813"


class WeComDouble:
    """What a test looks at: `calls` by path; `refuse` queues errcodes for a path."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.errcodes: dict[str, deque[tuple[int, str]]] = {}
        self.broken: dict[str, deque[Response]] = {}
        self.tokens = 0  # given out; only the last is taken
        self.invalid: set[str] = set()  # members that are none
        self.customers: list[dict[str, Any]] = []  # what kf/sync_msg has
        self.page = 2  # of them at once
        self.msgids: set[str] = set()
        self.drafts: dict[str, int] = {}  # status by msgid
        self.file = b"file"
        self._count = 0

    def refuse(self, path: str, code: int, message: str = "", times: int = 1) -> None:
        self.errcodes.setdefault(path, deque()).extend([(code, message)] * times)

    def said(self, path: str) -> list[dict[str, Any]]:
        return [body for where, body in self.calls if where == path]

    async def answer(self, request: Asked) -> Response:
        path = request.path_params["path"]
        given = await request.json() if request.method == "POST" else {}
        query = dict(request.query_params)
        self.calls.append((path, {**given, "?": query} if query else given))
        if self.broken.get(path):
            return self.broken[path].popleft()
        if self.errcodes.get(path):
            code, message = self.errcodes[path].popleft()
            return _error(code, message)
        if path == "gettoken":
            return self._token(query)
        if path == "webhook/send":
            return _fine() if query.get("key") == ROBOT_KEY else _error(93000)
        if query.get("access_token") != f"T{self.tokens}":
            return _error(40014)
        if path == "media/get":
            return Response(self.file, media_type="image/jpeg")
        return self._call(path, given, query)

    def _token(self, query: Mapping[str, str]) -> Response:
        if (query["corpid"], query["corpsecret"]) != (CORP, SECRET):
            return _error(40001)
        self.tokens += 1
        return _fine(access_token=f"T{self.tokens}", expires_in=7200)

    def _call(self, path: str, given: dict[str, Any], query: Mapping[str, str]) -> Response:
        self._count += 1
        match path:
            case "agent/get":
                known = query.get("agentid") == str(AGENT)
                return _fine(agentid=AGENT) if known else _error(301002)
            case "message/send":
                return self._tell(given)
            case "kf/sync_msg":
                return self._sync(given)
            case "kf/send_msg" | "kf/send_msg_on_event":
                ident = given.get("msgid") or f"k{self._count}"
                if ident in self.msgids:
                    return _error(95999, f"msgid {ident} existed, hint: [1]")
                self.msgids.add(ident)
                return _fine(msgid=ident)
            case "kf/add_contact_way":
                return _fine(url=f"{self.url}/kf/kfc0ffee?enc_scene=ENC")
            case "externalcontact/add_msg_template":
                ident = f"msgG{self._count}"
                self.drafts[ident] = 0
                return _fine(fail_list=[], msgid=ident)
            case "externalcontact/get_groupmsg_task":
                status = self.drafts.get(given["msgid"])
                if status is None:
                    return _error(40058)
                return _fine(task_list=[{"userid": "xiaoli", "status": status}])
        return _error(40066)

    def _tell(self, given: dict[str, Any]) -> Response:
        if len(given["text"]["content"].encode()) > 2048:
            return _error(45002)
        if given["touser"] in self.invalid:
            return _fine(invaliduser=given["touser"], msgid="")
        return _fine(invaliduser="", msgid=f"m{self._count}")

    def _sync(self, given: dict[str, Any]) -> Response:
        start = int(given.get("cursor") or 0)
        rows = self.customers[start : start + self.page]
        end = start + len(rows)
        more = int(end < len(self.customers))
        return _fine(next_cursor=str(end), has_more=more, msg_list=rows)


def _fine(**more: Any) -> Response:
    return JSONResponse({"errcode": 0, "errmsg": "ok", **more})


def _error(code: int, message: str = "refused") -> Response:
    return JSONResponse({"errcode": code, "errmsg": message})


@contextmanager
def serving() -> Iterator[WeComDouble]:
    """The double on a free port, in a thread of its own."""
    double = WeComDouble()
    route = Route("/cgi-bin/{path:path}", double.answer, methods=["GET", "POST"])
    with on_loopback([route]) as double.url:
        yield double


# Callbacks


def xml(**fields: object) -> str:
    """A callback's inside."""
    found = {"ToUserName": CORP, "AgentID": AGENT, **fields}
    inside = (f"<{name}>{escape(str(value))}</{name}>" for name, value in found.items())
    return f"<xml>{''.join(inside)}</xml>"


def seal(owner: str = CORP) -> Seal:
    return Seal(TOKEN, AES_KEY, owner)


def sealed(inside: str, *, owner: str = CORP, **change: str) -> Request:
    """A signed POST; `change` overwrites what stands in the query."""
    closed = read_xml(seal(owner).close(inside, NONCE, STAMP).encode())
    query = {
        "msg_signature": str(closed["MsgSignature"]),
        "timestamp": STAMP,
        "nonce": NONCE,
        **change,
    }
    body = f"<xml><ToUserName>{CORP}</ToUserName><Encrypt>{closed['Encrypt']}</Encrypt></xml>"
    return Request("POST", {}, query, body.encode())


def handshake(echo: str = "4931283749", **change: str) -> Request:
    """The GET that 企业微信 makes when the address is saved."""
    closed = read_xml(seal().close(echo, NONCE, STAMP).encode())
    query = {
        "msg_signature": str(closed["MsgSignature"]),
        "timestamp": STAMP,
        "nonce": NONCE,
        "echostr": str(closed["Encrypt"]),
        **change,
    }
    return Request("GET", {}, query, b"")


def signed_garbage(sealed_text: str) -> Request:
    """Signed by somebody who knows the token, and no seal at all."""
    query = {
        "msg_signature": signature(TOKEN, STAMP, NONCE, sealed_text),
        "timestamp": STAMP,
        "nonce": NONCE,
    }
    return Request("POST", {}, query, f"<xml><Encrypt>{sealed_text}</Encrypt></xml>".encode())
