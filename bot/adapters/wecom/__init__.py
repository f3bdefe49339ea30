"""企业微信, by its HTTP interface: one app that serves four kinds of chats.

| chat key | is | leave to write |
|---|---|---|
| a member's UserId | staff, in private | for good, once they wrote |
| `kf:…` | a resident by 微信客服 | 5 within 48 hours of each message |
| `robot:…` | a group of staff with a robot of ours, which hears nothing | any time |
| `draft:…` | the customer groups of a member, who lets each message go | any time |
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.adapters import tencent
from bot.adapters.base import (
    Adapter,
    Caps,
    Event,
    Fail,
    Forbidden,
    Keys,
    Malformed,
    Opened,
    Out,
    Refused,
    Request,
    Sent,
    with_lines,
)
from bot.adapters.tencent import Seal, code_of, read_xml
from bot.adapters.wecom.customers import Customers, draft, drafted
from bot.adapters.wecom.errors import Api, fail_of
from bot.adapters.wecom.events import KF, from_member

if TYPE_CHECKING:
    from bot.platforms import Tools

API_BASE = "https://qyapi.weixin.qq.com"
ROBOT, DRAFT = "robot:", "draft:"
LASTS = 7200.0  # seconds, of a token that does not say
TEXT_MAX = 2048  # bytes of a text, in all four kinds of chats
# 30 a minute and 1,000 an hour for a member: what is over that is dropped without a word.
PER_MEMBER = 0.5
PER_ROBOT = 20 / 60
AES_KEY = re.compile(r"[A-Za-z0-9]{43}")
ELSEWHERE = ("env:", "file:")  # how a secret begins that does not stand in the file itself


@dataclass(frozen=True)
class App:
    """An app of one company. `robots` are webhook keys by name."""

    corp_id: str
    agent_id: str
    secret: str
    token: str
    aes_key: str
    open_kfid: str = ""
    robots: Mapping[str, str] = field(default_factory=dict)
    drafts: bool = False
    api_base: str = API_BASE


class WeCom(Adapter):
    """One app. `http` are further arguments of httpx (a proxy, timeouts)."""

    def __init__(
        self,
        channel_id: str,
        app: App,
        clock: Callable[[], datetime],
        *,
        http: dict[str, Any] | None = None,
    ) -> None:
        self.channel_id, self.app = channel_id, app
        self.caps = Caps(
            text_max=TEXT_MAX,
            text_unit="bytes",
            buttons=False,
            initiate="grant",
            rate=20.0,
            rate_chat=PER_MEMBER,
            rate_group=PER_ROBOT,
            burst_group=20,
            polling=bool(app.open_kfid),
            drafts=app.drafts,
        )
        self._seal = Seal(app.token, app.aes_key, app.corp_id)
        self._api = Api(app.api_base, clock, self._get_token, fail_of, http=http)
        self._customers = Customers(self._api, app.open_kfid, clock)

    async def _get_token(self, api: tencent.Api) -> tuple[str, float]:
        query = {"corpid": self.app.corp_id, "corpsecret": self.app.secret}
        answer = await api.ask("GET", "/cgi-bin/gettoken", params=query)
        if code_of(answer):
            raise api.errcode(code_of(answer))
        lasts = answer.get("expires_in")
        known = isinstance(lasts, int) and lasts > 0
        return tencent.field(answer, "access_token"), float(lasts or 0) if known else LASTS

    # In

    async def open(self, request: Request) -> Opened:
        if request.method == "GET":
            return Opened(body=self._seal.open(request.query.get("echostr", ""), request.query))
        try:
            sealed = tencent.field(read_xml(request.body), "Encrypt")
        except Malformed:
            raise Forbidden("nothing is sealed") from None
        fields = read_xml(self._seal.open(sealed, request.query).encode(errors="replace"))
        if tencent.field(fields, "Event").lower() == "kf_msg_or_event":
            self._customers.told(fields)
            return Opened()
        event = from_member(fields)
        return Opened([event] if event is not None else [])

    async def poll(self, cursor: str | None) -> tuple[Sequence[Event], str | None]:
        return await self._customers.poll(cursor)

    # Out

    async def send(self, out: Out) -> Sent:
        text = out.text if out.sender == "bot" else f"{out.sender}：\n{out.text}"
        try:
            if out.chat.startswith(KF):
                return await self._customers.send(out, text)
            if out.chat.startswith(DRAFT):  # it goes out in that member's own name
                lines = with_lines(out.text, [] if out.inline else out.choices)
                return await draft(self._api, lines, out.chat.removeprefix(DRAFT))
            text = with_lines(text, [] if out.inline else out.choices)
            if out.chat.startswith(ROBOT):
                return await self._post(out.chat.removeprefix(ROBOT), text)
            return await self._tell(out.chat, text)
        except Refused as error:
            return error.sent

    async def _tell(self, userid: str, text: str) -> Sent:
        body = {
            "touser": userid,
            "msgtype": "text",
            "agentid": self.app.agent_id,
            "text": {"content": text},
        }
        answer = await self._api.call("/cgi-bin/message/send", body)
        if userid in tencent.field(answer, "invaliduser").split("|"):
            return Sent(fail=Fail.GONE, detail="invaliduser")
        ident = tencent.field(answer, "msgid")
        return Sent(ids=[ident] if ident else [])

    async def _post(self, name: str, text: str) -> Sent:
        key = self.app.robots.get(name)
        if key is None:
            return Sent(fail=Fail.GONE, detail="no robot of that name any more")
        answer = await self._api.ask(
            "POST",
            "/cgi-bin/webhook/send",
            params={"key": key},
            json={"msgtype": "text", "text": {"content": text}},
        )
        if code_of(answer):
            raise self._api.errcode(code_of(answer))
        return Sent()

    async def follow(self, ident: str) -> Sent | None:
        return await drafted(self._api, ident)

    # The rest

    async def setup(self) -> None:
        """Whether the credentials are right and the app is theirs."""
        await self._api.call("/cgi-bin/agent/get", query={"agentid": self.app.agent_id})

    async def scene(self, name: str) -> str | None:
        return await self._customers.link(name) if self.app.open_kfid else None

    async def fetch(self, extra: Mapping[str, Any], most: int) -> AsyncIterator[bytes]:
        query = {"media_id": str(extra.get("media_id", ""))}
        async for chunk in self._api.stream("/cgi-bin/media/get", query, most):
            yield chunk

    async def close(self) -> None:
        await self._api.close()


def _faults(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not row["aes_key"].startswith(ELSEWHERE) and not AES_KEY.fullmatch(row["aes_key"]):
        yield "aes_key", "应是 43 个字母和数字"
    for key, needed in (("robots", "key"), ("senders", "userid")):
        rows = row.get(key, [])
        seen: set[str] = set()
        for number, one in enumerate(rows if isinstance(rows, list) else []):
            if not isinstance(one, dict):
                continue
            if not isinstance(one.get(needed), str) or not one[needed].strip():
                yield f"{key}[{number}].{needed}", "必须写"
            name = str(one.get("name"))
            if name in seen:
                yield f"{key}[{number}].name", f"“{name}”写了两次"
            seen.add(name)


KEYS = Keys(
    frozenset({"corp_id", "agent_id", "secret", "token", "aes_key"}),
    frozenset({"api_base", "open_kfid", "robots", "senders"}),
    _faults,
)


def make(row: Mapping[str, Any], tools: Tools) -> WeCom:
    """The adapter of a channel's row. Raises ValueError."""
    app = App(
        corp_id=row["corp_id"],
        agent_id=str(row["agent_id"]),
        secret=tools.secret(row["secret"]),
        token=tools.secret(row["token"]),
        aes_key=tools.secret(row["aes_key"]),
        open_kfid=row.get("open_kfid", ""),
        robots={one["name"]: tools.secret(one["key"]) for one in row.get("robots", [])},
        drafts=bool(row.get("senders")),
        api_base=row.get("api_base", API_BASE),
    )
    return WeCom(row["id"], app, tools.clock)
