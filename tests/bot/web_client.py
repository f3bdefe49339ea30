"""A client of the web channel's API, for tests."""

from __future__ import annotations

from typing import Any

import httpx

from bot.web import make_app
from tests.bot.office import Made

API = "/api/chat/web"


def client(made: Made, **extra: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(make_app(made.office), raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="http://test", **extra)


async def joined(web: httpx.AsyncClient, name: str = "王阿姨") -> dict[str, str]:
    """Opens a session; gives its headers."""
    answer = await web.post(f"{API}/sessions", json={"name": name})
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def said(
    web: httpx.AsyncClient, who: dict[str, str], text: str, ident: str = "1", **extra: Any
) -> httpx.Response:
    return await web.post(f"{API}/messages", json={"id": ident, "text": text, **extra}, headers=who)


async def heard(
    web: httpx.AsyncClient, who: dict[str, str], after: int = 0, wait: float = 5, group: str = ""
) -> list[dict[str, Any]]:
    params = {"after": after, "wait": wait, "group": group}
    answer = await web.get(f"{API}/messages", params=params, headers=who)
    assert answer.status_code == 200, answer.text
    return answer.json()["messages"]
