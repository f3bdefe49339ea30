"""QQ's side of official bots on loopback: it gives tokens, takes messages, and signs its calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.adapters import base
from tests.bot.loopback import on_loopback

SECRET = "naOC0ocQE3shWLAfffVLB1rhYPG7"
APP = "102000001"


def sign(body: bytes, secret: str = SECRET, stamp: str = "1795395600") -> dict[str, str]:
    """The headers of a call of QQ's."""
    key = Ed25519PrivateKey.from_private_bytes((secret.encode() * 32)[:32])
    proof = key.sign(stamp.encode() + body).hex()
    return {"x-signature-ed25519": proof, "x-signature-timestamp": stamp, "x-bot-appid": APP}


def hook(call: Any, **how: Any) -> base.Request:
    """A call as it reaches us, signed."""
    body = call if isinstance(call, bytes) else json.dumps(call).encode()
    return base.Request("POST", sign(body, **how), {}, body)


class QQDouble:
    """What a test looks at: `sent` messages and `tokens` given; `refusals` are answered first."""

    def __init__(self) -> None:
        self.url = ""
        self.reset()

    def reset(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.tokens: list[str] = []
        self.refusals: list[tuple[int, Any]] = []
        self.token_answer: Any = None
        self.good = True  # whether the newest token is taken

    async def token(self, request: Request) -> Response:
        asked = await request.json()
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        if self.token_answer is not None:
            return JSONResponse(self.token_answer)
        if asked != {"appId": APP, "clientSecret": SECRET}:
            return JSONResponse({"code": 100016, "message": "invalid appid or secret"})
        return JSONResponse({"access_token": self.tokens[-1], "expires_in": "7200"})

    async def message(self, request: Request) -> Response:
        given = request.headers.get("authorization")
        if not self.good or not self.tokens or given != f"QQBot {self.tokens[-1]}":
            return JSONResponse({"code": 11244, "message": "token not exist or expire"}, 401)
        if self.refusals:
            status, body = self.refusals.pop(0)
            if isinstance(body, bytes):
                return Response(body, status)
            return JSONResponse(body, status)
        self.sent.append((request.url.path, await request.json()))
        number = len(self.sent)
        return JSONResponse({"id": f"ROBOT1.0_{number}", "timestamp": "2026-11-23T09:00:00+08:00"})

    async def file(self, request: Request) -> Response:
        return Response(b"x" * int(request.path_params["size"]), media_type="image/jpeg")


@contextmanager
def serving() -> Iterator[QQDouble]:
    """The double on a free port, in a thread of its own."""
    double = QQDouble()
    routes = [
        Route("/app/getAppAccessToken", double.token, methods=["POST"]),
        Route("/v2/{kind}/{openid:path}/messages", double.message, methods=["POST"]),
        Route("/files/{size:int}", double.file),
    ]
    with on_loopback(routes) as double.url:
        yield double
