"""Takes bodies and fields from clients: bounded, typed, and refused by the field's name."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from urllib.parse import parse_qs

from starlette.requests import Request

from bot.web.problem import Problem
from bot.web.site import Door, site_of

BODY_MAX = 1 << 20  # bytes; contract.md section 2
DRAIN_MAX = 16 << 20  # bytes read and thrown away so that the client hears its 413
TEXT_MAX = 20_000  # characters
NAME_MAX = 40
ID_MAX = 200
WAIT_MAX = 60.0  # seconds

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


async def body(request: Request) -> bytes:
    """The whole body. Raises Problem 413 past BODY_MAX, declared or not."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= BODY_MAX:
            chunks.append(chunk)
        elif size > DRAIN_MAX:
            break
    if size > BODY_MAX:
        raise Problem(413, "error.too_large", headers={"Connection": "close"})
    return b"".join(chunks)


async def json_object(request: Request) -> dict[str, object]:
    raw = await body(request)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise Problem(400, "error.json") from None
    if not isinstance(found, dict):
        raise Problem(400, "error.json_object")
    return found


async def form(request: Request) -> dict[str, str]:
    """The fields of a form, the last of each name."""
    raw = await body(request)
    try:
        fields = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise Problem(400, "error.form") from None
    return {name: values[-1] for name, values in fields.items()}


def text(value: object) -> str:
    """What somebody writes, without control characters; new lines stay."""
    if not isinstance(value, str):
        raise Problem(400, "error.text_type")
    if len(value) > TEXT_MAX:
        raise Problem(400, "error.text_long", most=TEXT_MAX)
    cleaned = _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if not any(_visible(sign) for sign in cleaned):
        raise Problem(400, "error.text_empty")
    return cleaned


def _visible(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cf", "Zs", "Zl", "Zp", "Cc", "Mn")


def client_id(value: object) -> str:
    """The client's own id of a message: what makes a repeat a repeat."""
    if not isinstance(value, str) or not 1 <= len(value) <= ID_MAX or _CONTROL.search(value):
        raise Problem(400, "error.id", most=ID_MAX)
    return value


def name(value: object) -> str:
    """A claimed name on one line; nobody is called like the bot or wears brackets like a role."""
    if not isinstance(value, str):
        raise Problem(400, "error.name_type")
    plain = unicodedata.normalize("NFKC", value[: 10 * NAME_MAX])
    plain = "".join(c for c in plain if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    plain = " ".join(re.sub(r"[()\[\]【】]", " ", plain).split())
    if not any(_visible(sign) for sign in plain):
        raise Problem(400, "error.name_empty")
    if len(plain) > NAME_MAX or len(value) > 10 * NAME_MAX:
        raise Problem(400, "error.name_long", most=NAME_MAX)
    if plain.casefold() in ("bot", "回音", "机器人", "回音机器人"):
        raise Problem(400, "error.name_taken")
    return plain


def group_name(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Problem(400, "error.group_type")
    if len(value) > 200 or _CONTROL.search(value):
        raise Problem(404, "error.group")
    return value


def after(request: Request) -> int:
    """The last `seq` the reader has; 0 by default."""
    raw = request.query_params.get("after", "0") or "0"
    if not re.fullmatch(r"[0-9]{1,18}", raw):
        raise Problem(400, "error.after")
    return int(raw)


def wait(request: Request) -> float:
    """Seconds to hold the answer back while there is none; at most WAIT_MAX."""
    raw = request.query_params.get("wait", "0") or "0"
    try:
        seconds = float(raw)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise Problem(400, "error.wait")
    return min(seconds, WAIT_MAX)


async def door(request: Request, platform: str = "web") -> Door:
    """The channel in the address, if it is on this platform. Raises Problem 404."""
    ident = str(request.path_params["channel"])
    found = None
    if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", ident):
        found = await site_of(request).door(ident)
    if found is None or found.platform != platform:
        raise Problem(404, "error.channel")
    return found
