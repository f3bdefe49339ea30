"""What can go wrong for a client, said in one plain sentence. Never a trace, never a value."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.web.site import site_of
from storage import Unavailable

RETRY_DATABASE = 2  # seconds


class Problem(Exception):
    """Ends a request with a status and a sentence from words.toml."""

    def __init__(
        self,
        status: int,
        phrase: str,
        *,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(phrase)
        self.status, self.phrase, self.values = status, phrase, values
        self.headers = dict(headers or {})


def too_fast(seconds: float) -> Problem:
    wait = max(1, round(seconds))
    return Problem(429, "error.too_fast", headers={"Retry-After": str(wait)}, seconds=wait)


async def on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _said(request, error)


async def on_http(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: no such page, wrong method."""
    assert isinstance(error, HTTPException)
    phrase = {404: "error.not_found", 405: "error.method"}.get(error.status_code, "error.bad")
    return _said(request, Problem(error.status_code, phrase, headers=error.headers))


async def on_unavailable(request: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)
    return _said(request, Problem(503, "error.busy", headers={"Retry-After": str(RETRY_DATABASE)}))


def _said(request: Request, problem: Problem) -> Response:
    site = site_of(request)
    words = site.words(english_first(request.headers.get("accept-language", "")))
    sentence = words.say(problem.phrase, **problem.values)
    if "text/html" in request.headers.get("accept", ""):
        return site.page(
            "error.html",
            {"w": words, "sentence": sentence, "back": _back(request)},
            status=problem.status,
            headers=problem.headers,
        )
    return JSONResponse(
        {"error": sentence},
        status_code=problem.status,
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def _back(request: Request) -> str:
    channel = request.path_params.get("channel")
    if request.url.path.startswith("/console"):
        return "/console/"
    return f"/chat/{channel}" if channel and request.url.path.startswith("/chat/") else "/"


def english_first(accept: str) -> str:
    """The language of ours a browser would rather read."""
    for part in accept.lower().split(","):
        tag = part.partition(";")[0].strip()
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            return "en"
    return "zh-CN"
