"""A WeChat on loopback that speaks HTTP, and the callbacks it sends, sealed by its own code."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.adapters import base
from tests.bot.loopback import on_loopback

APP_ID, SECRET, TOKEN = "wx0123456789abcdef", "an-app-secret", "a-token-for-tests"
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
FOLLOWER, ACCOUNT = "oAAAA-wang-aunty", "gh_0123456789ab"
TEXT_MAX = 2048  # bytes


class WeChatDouble:
    """What a test looks at: `calls` by path; `refuse` queues an errcode for a path."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[tuple[str, Any, bytes]] = []
        self.counts: Counter[str] = Counter()
        self.refusals: dict[str, deque[int]] = {}
        self.raw: dict[str, deque[Response]] = {}
        self.tokens = 0
        self.valid: set[str] = set()
        self.stubborn = False  # gives tokens that are never taken
        self.files: dict[str, Response] = {}
        self.repeats: dict[str, int] = {}

    def refuse(self, path: str, code: int, times: int = 1) -> None:
        self.refusals.setdefault(path, deque()).extend([code] * times)

    def said(self, path: str) -> list[Any]:
        return [body for where, body, _ in self.calls if where == path]

    def texts(self, who: str = FOLLOWER) -> list[str]:
        """What a follower reads, as an old phone would show it."""
        return [shown(b) for b in self.said("message/custom/send") if b["touser"] == who]

    async def answer(self, request: Request) -> Response:
        path = request.path_params["path"]
        raw = await request.body()
        body = json.loads(raw) if raw else dict(request.query_params)
        self.calls.append((path, body, raw))
        self.counts[path] += 1
        if self.raw.get(path):
            return self.raw[path].popleft()
        if self.refusals.get(path):
            return _error(self.refusals[path].popleft())
        if path == "stable_token":
            return self._token(body)
        if request.query_params.get("access_token") not in self.valid:
            return _error(40001)
        return self._do(path, body)

    def _token(self, body: dict[str, Any]) -> Response:
        assert body["grant_type"] == "client_credential" and not body.get("force_refresh")
        if body["appid"] != APP_ID or body["secret"] != SECRET:
            return _error(40125 if body["appid"] == APP_ID else 40013)
        self.tokens += 1
        token = f"token-{self.tokens}"
        if not self.stubborn:
            self.valid = {token}
        return JSONResponse({"access_token": token, "expires_in": 7200})

    def _do(self, path: str, body: dict[str, Any]) -> Response:
        if path == "message/custom/send":
            return _error(45002 if len(shown(body).encode()) > TEXT_MAX else 0)
        if path == "message/subscribe/bizsend":
            values = {name: one["value"] for name, one in body["data"].items()}
            return _error(47003 if any(len(v) > 20 for v in values.values()) else 0)
        if path == "message/mass/sendall":
            ident = body.get("clientmsgid", "")
            code = 45065 if ident in self.repeats else 0
            number = self.repeats.setdefault(ident, 1000 + len(self.repeats))
            return JSONResponse({"errcode": code, "errmsg": "…", "msg_id": number})
        if path == "menu/create":
            return _error(_menu_fault(body["button"]))
        if path == "qrcode/create":
            scene = body["action_info"]["scene"]["scene_str"]
            assert body["action_name"] == "QR_LIMIT_STR_SCENE" and 0 < len(scene) <= 64
            return JSONResponse(
                {"ticket": "gQ+/ticket==", "url": f"http://weixin.qq.com/q/{scene}"}
            )
        if path == "media/get":
            return self.files.get(body["media_id"]) or _error(40007)
        return _error(40066)


def shown(body: Mapping[str, Any]) -> str:
    """A 客服消息 as words."""
    if body["msgtype"] == "text":
        return str(body["text"]["content"])
    menu = body["msgmenu"]
    lines = [menu["head_content"], *(one["content"] for one in menu["list"]), menu["tail_content"]]
    return "\n".join(line for line in lines if line)


def _error(code: int) -> Response:
    return JSONResponse({"errcode": code, "errmsg": "ok" if not code else "hint: [words]"})


def _menu_fault(tabs: list[dict[str, Any]]) -> int:
    if not 1 <= len(tabs) <= 3 or any(len(t.get("sub_button", [])) > 5 for t in tabs):
        return 40017
    for tab in tabs:
        if len(tab["name"].encode()) > 16:
            return 40018
        for one in tab.get("sub_button") or [tab]:
            if len(one["name"].encode()) > 60 or len(one["key"].encode()) > 128:
                return 40019
    return 0


@contextmanager
def serving() -> Iterator[WeChatDouble]:
    """The double on a free port, in a thread of its own."""
    double = WeChatDouble()
    route = Route("/cgi-bin/{path:path}", double.answer, methods=["GET", "POST"])
    with on_loopback([route]) as double.url:
        yield double


# Callbacks


def sha1(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def xml(**fields: Any) -> str:
    """A callback's body: words as CDATA, dicts and lists as fields of their own."""
    return f"<xml>{_inside(fields)}</xml>"


def _inside(fields: Mapping[str, Any]) -> str:
    found = ""
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                found += f"<{name}>{_inside(one)}</{name}>"
            else:
                found += f"<{name}><![CDATA[{one}]]></{name}>"
    return found


def post(
    body: str | bytes, *, sealed: bool = False, token: str = TOKEN, **query: str
) -> base.Request:
    """A signed callback, as WeChat posts it; with `sealed` as in safe mode."""
    raw = body.encode() if isinstance(body, str) else body
    asked = {"timestamp": "1795000000", "nonce": "1372623149"} | query
    asked.setdefault("signature", sha1(token, asked["timestamp"], asked["nonce"]))
    if sealed:
        inside = seal(raw)
        raw = xml(ToUserName=ACCOUNT, Encrypt=inside).encode()
        signature = sha1(token, asked["timestamp"], asked["nonce"], inside)
        asked = {"encrypt_type": "aes", "msg_signature": signature, **asked}
    return base.Request("POST", {"content-type": "text/xml"}, asked, raw)


def message(number: int, **fields: Any) -> str:
    """A message's body: `message(1, Content="灯坏了")`; an event's with MsgType="event"."""
    plain = {"ToUserName": ACCOUNT, "FromUserName": FOLLOWER, "CreateTime": 1795000000 + number}
    kind = fields.pop("MsgType", "text")
    ident = {} if kind == "event" else {"MsgId": 23000000000000000 + number}
    return xml(**{**plain, "MsgType": kind, **fields, **ident})


def seal(plain: bytes, app_id: str = APP_ID, key: str = AES_KEY) -> str:
    raw = base64.b64decode(key + "=")
    text = os.urandom(16) + struct.pack("!I", len(plain)) + plain + app_id.encode()
    pad = 32 - len(text) % 32
    encryptor = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
    return base64.b64encode(encryptor.update(text + bytes([pad]) * pad)).decode()


def unseal(body: str) -> str:
    """What our sealed answer says, its signature checked as WeChat checks it."""
    found = {one.tag: one.text or "" for one in ElementTree.fromstring(body)}
    signed = sha1(TOKEN, found["TimeStamp"], found["Nonce"], found["Encrypt"])
    assert found["MsgSignature"] == signed
    raw = base64.b64decode(AES_KEY + "=")
    decryptor = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).decryptor()
    text = decryptor.update(base64.b64decode(found["Encrypt"]))
    text = text[16 : -text[-1]]
    (length,) = struct.unpack("!I", text[:4])
    assert text[4 + length :].decode() == APP_ID
    return text[4 : 4 + length].decode()


def read(body: str) -> dict[str, str]:
    """A passive reply's fields. Fails where a field stands twice."""
    rows = [(one.tag, one.text or "") for one in ElementTree.fromstring(body)]
    assert len(dict(rows)) == len(rows)
    return dict(rows)
