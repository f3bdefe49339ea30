"""微信公众号, by its HTTP interface: callbacks answered in their own request, 客服消息, 群发."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bot.adapters.base import (
    Adapter,
    Caps,
    Fail,
    Forbidden,
    Hold,
    Keys,
    Malformed,
    Opened,
    Out,
    Refused,
    Request,
    Sent,
)
from bot.adapters.tencent import Api, Errcode, Seal, code_of, field, read_xml, signed
from bot.adapters.wechat import sending
from bot.adapters.wechat.errors import KNOCKED, NOT_ALLOWED, REPEATED, fail_of
from bot.adapters.wechat.events import translate, waited_for

if TYPE_CHECKING:
    from bot.platforms import Tools

log = logging.getLogger("huiyin.wechat")

CAPS = Caps(text_max=2000, text_unit="bytes", initiate="grant", rate=20.0, rate_chat=3.0)
PATIENCE = 4.0  # seconds of the five that the platform waits
DONE = "success"  # the answer that says: nothing more within this request
KEY_LENGTH = 43  # characters of an aes_key
PICTURE = "https://mp.weixin.qq.com/cgi-bin/showqrcode?ticket="
MENU: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (  # phrases, and keys in events.WORDS
    (
        "menu.tab_matters",
        (("menu.report", "report"), ("menu.help", "help"), ("menu.human", "human")),
    ),
    ("menu.tab_mine", (("menu.mine", "mine"), ("menu.data", "data"))),
    ("menu.tab_all", ()),
)


class WeChat(Adapter):
    """One account. Unless it is `verified` it only answers, in the request that asked."""

    def __init__(
        self,
        channel_id: str,
        *,
        app_id: str,
        token: str,
        clock: Callable[[], datetime],
        app_secret: str = "",
        aes_key: str = "",
        verified: bool = False,
        api_base: str = "https://api.weixin.qq.com",
        template: tuple[str, str] = ("thing1", "time2"),
        words: Callable[[str], str] = str,
        http: dict[str, Any] | None = None,
    ) -> None:
        """`template` names its fields for the words and the time. Raises ValueError."""
        self.channel_id = channel_id
        self.caps = CAPS if verified else replace(CAPS, initiate="never")
        self._app_id, self._token, self._secret = app_id, token, app_secret
        self._clock, self._words = clock, words
        self._verified, self._template = verified, template
        self._seal = Seal(token, aes_key, app_id) if aes_key else None
        self._api = Api(api_base, clock, self._get_token, fail_of, http=http)

    async def _get_token(self, api: Api) -> tuple[str, float]:
        """One that several processes may ask for without spoiling each other's."""
        body = {"grant_type": "client_credential", "appid": self._app_id, "secret": self._secret}
        answer = await api.ask("POST", "/cgi-bin/stable_token", json=body)
        if code_of(answer):
            raise api.errcode(code_of(answer))
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(seconds, int | float):
            raise Refused(Sent(fail=Fail.RETRY, detail="the answer holds no token"))
        return token, float(seconds)

    # In

    async def open(self, request: Request) -> Opened:
        if request.method != "POST":
            self._check(request)
            return Opened(body=request.query.get("echostr", ""))
        fields = self._read(request)
        events = translate(fields, self._clock(), grants=self._verified)
        held = len(events) == 1 and waited_for(events[0])
        return Opened(events, body=DONE, hold=self._hold(request, fields) if held else None)

    def _check(self, request: Request) -> None:
        query = request.query
        parts = query.get("timestamp", ""), query.get("nonce", "")
        if not signed(query.get("signature", ""), self._token, *parts):
            raise Forbidden("signature")

    def _read(self, request: Request) -> Mapping[str, Any]:
        """The fields of a callback that is signed and, where we have the key, sealed."""
        if self._seal is None:
            self._check(request)
            return read_xml(request.body)
        try:
            sealed = field(read_xml(request.body), "Encrypt")
        except Malformed:
            sealed = ""
        if not sealed:
            raise Forbidden("not sealed")
        return read_xml(self._seal.open(sealed, request.query).encode())

    def _hold(self, request: Request, fields: Mapping[str, Any]) -> Hold:
        ends = {name: field(fields, name) for name in ("FromUserName", "ToUserName")}

        def reply(text: str) -> str:
            now = self._clock()
            answer = sending.passive(ends, text, now)
            if self._seal is None:
                return answer
            stamp = str(int(now.timestamp()))
            return self._seal.close(answer, request.query.get("nonce", ""), stamp)

        return Hold(PATIENCE, reply)

    # Out

    async def send(self, out: Out) -> Sent:
        if not self._verified:
            return Sent(fail=Fail.WINDOW, detail="this account only answers")
        try:
            if sending.to_all(out.chat):
                body = sending.mass(out, self.channel_id)
                return Sent(sending.ids(await self._api.call(sending.MASS, body, fine={REPEATED})))
            if out.template:
                return await self._knock(out)
            return Sent(sending.ids(await self._api.call(sending.CUSTOM, sending.custom(out))))
        except Refused as error:
            return error.sent

    async def _knock(self, out: Out) -> Sent:
        """By template. What it cannot carry waits for their next message, and is not lost."""
        body, whole = sending.knock(out, self._template, self._clock())
        try:
            answer = await self._api.call(sending.TEMPLATE, body)
        except Errcode as error:
            if error.sent.fail is Fail.REJECTED or error.code == NOT_ALLOWED:
                return replace(error.sent, fail=Fail.WINDOW)
            raise
        return Sent(sending.ids(answer)) if whole else Sent(fail=Fail.WINDOW, detail=KNOCKED)

    # Setting up

    async def setup(self) -> None:
        if not self._verified:
            return
        try:
            await self._api.call("/cgi-bin/menu/create", {"button": self._menu()})
        except Errcode as error:
            if error.code != NOT_ALLOWED:
                raise
            log.warning("channel=%s may not set a menu: %s", self.channel_id, error.sent.detail)

    def _menu(self) -> list[dict[str, Any]]:
        def button(phrase: str, key: str) -> dict[str, Any]:
            return {"type": "click", "name": self._words(phrase), "key": key}

        return [
            {"name": self._words(tab), "sub_button": [button(*one) for one in beneath]}
            if beneath
            else button(tab, "menu")
            for tab, beneath in MENU
        ]

    async def scene(self, name: str) -> str | None:
        """What a code for good holds; an account has 100,000 of them. WeChat's camera reads it."""
        if not self._verified:
            return None
        scene = {"scene_str": name}
        body = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": scene}}
        answer = await self._api.call("/cgi-bin/qrcode/create", body)
        return field(answer, "url") or PICTURE + quote(field(answer, "ticket"), safe="")

    async def fetch(self, extra: Mapping[str, Any], most: int) -> AsyncIterator[bytes]:
        media = str(extra.get("media_id") or "")
        if not media or not self._verified:
            raise Refused(Sent(fail=Fail.REJECTED, detail="this cannot be had from the platform"))
        async for chunk in self._api.stream("/cgi-bin/media/get", {"media_id": media}, most):
            yield chunk

    async def close(self) -> None:
        await self._api.close()


def _elsewhere(value: object) -> bool:
    """Whether a secret is not in the file but named there."""
    return str(value).startswith(("env:", "file:"))


def _faults(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if row.get("verified") and not row.get("app_secret"):
        yield "app_secret", "verified = true 必须写"
    key = row.get("aes_key", "")
    if key and not _elsewhere(key) and len(key) != KEY_LENGTH:
        yield "aes_key", f"应是 {KEY_LENGTH} 个字母和数字"


KEYS = Keys(
    frozenset({"app_id", "token"}),
    frozenset(
        {
            "account",
            "verified",
            "app_secret",
            "aes_key",
            "api_base",
            "template_text",
            "template_time",
        }
    ),
    _faults,
)


def make(row: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter of a channel's row. Raises ValueError."""
    return WeChat(
        row["id"],
        app_id=row["app_id"],
        token=tools.secret(row["token"]),
        clock=tools.clock,
        app_secret=tools.secret(row.get("app_secret", "")),
        aes_key=tools.secret(row.get("aes_key", "")),
        verified=bool(row.get("verified")),
        api_base=row.get("api_base", "https://api.weixin.qq.com"),
        template=(row.get("template_text", "thing1"), row.get("template_time", "time2")),
        words=tools.words,
    )
