"""What 公众号 and 企业微信 share: sealed callbacks, and an API behind a short-lived token.

wechatpy seals and opens; HTTP is ours (its client has no timeout on the token, fetches one per
caller, and asks for ever when a token stays refused: platforms.md section 2).
"""

from __future__ import annotations

import asyncio
import binascii
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

import httpx
import xmltodict
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import WeChatException
from wechatpy.utils import WeChatSigner

from bot.adapters.base import Fail, Forbidden, Malformed, Refused, Sent, TooLarge

TIMEOUT = 15.0  # seconds
EARLY = timedelta(minutes=5)  # a token is renewed this long before it ends
STALE = {40001, 40014, 42001, 42007}  # the token is not taken (any more)
BUSY = {-1, 45011}  # try again
UNREADABLE = (WeChatException, KeyError, ExpatError, ValueError, TypeError, binascii.Error)


def signature(*parts: str) -> str:
    """The platform's: SHA-1 of the sorted parts, in hex."""
    signer = WeChatSigner()
    signer.add_data(*parts)
    return str(signer.signature)


def signed(given: str, *parts: str) -> bool:
    return hmac.compare_digest(given.encode(), signature(*parts).encode())


class Seal:
    """Opens and makes sealed messages (AES-256-CBC, 43-character key). Raises ValueError."""

    def __init__(self, token: str, aes_key: str, owner: str) -> None:
        """`owner` is the app id or corp id that a message must carry."""
        self._token, self._owner = token, owner
        try:
            self._crypto = WeChatCrypto(token, aes_key, owner)
        except UNREADABLE:
            raise ValueError("aes_key 应是 43 个字母和数字") from None

    def open(self, sealed: str, query: Mapping[str, str]) -> str:
        """What was sealed, its signature checked first. Raises Forbidden."""
        given = query.get("msg_signature", "")
        if not signed(
            given, self._token, query.get("timestamp", ""), query.get("nonce", ""), sealed
        ):
            raise Forbidden("signature")
        try:
            return str(
                self._crypto.decrypt_message(
                    {"Encrypt": sealed}, given, query["timestamp"], query["nonce"]
                )
            )
        except UNREADABLE:
            raise Forbidden("seal") from None

    def close(self, text: str, nonce: str, timestamp: str) -> str:
        """A reply, sealed and signed, as XML."""
        return str(self._crypto.encrypt_message(text, nonce, timestamp))


def read_xml(body: bytes) -> dict[str, Any]:
    """The fields of a callback. Raises Malformed."""
    try:
        found = xmltodict.parse(body)["xml"]
    except (*UNREADABLE, RecursionError, UnicodeError):
        raise Malformed("this is not a callback's XML") from None
    if not isinstance(found, dict):
        raise Malformed("this is not a callback's XML")
    return found


class Api:
    """Calls with a token that is fetched once however many wait, and renewed once when refused.

    `get_token` asks the platform for one: (token, seconds it lasts). `fail_of` reads an errcode.
    """

    def __init__(
        self,
        base: str,
        clock: Callable[[], datetime],
        get_token: Callable[[Api], Awaitable[tuple[str, float]]],
        fail_of: Callable[[int], Fail],
        *,
        http: dict[str, Any] | None = None,
    ) -> None:
        self._clock, self._get_token, self._fail_of = clock, get_token, fail_of
        base = base.rstrip("/")
        near = urlsplit(base).hostname in ("127.0.0.1", "::1", "localhost")
        options = {"timeout": TIMEOUT, "trust_env": not near, **(http or {})}
        self._client = httpx.AsyncClient(base_url=base, **options)
        self._token, self._ends = "", clock()
        self._fetching = asyncio.Lock()

    async def ask(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        """One request without a token. Raises Refused: the network, or no JSON object."""
        try:
            answer = await self._client.request(method, path, **what)
            found = answer.json()
        except httpx.HTTPError as error:
            sent = Sent(fail=Fail.RETRY, detail=f"network: {type(error).__name__}")
            raise Refused(sent) from None
        except ValueError:
            sent = Sent(fail=Fail.RETRY, detail=f"HTTP {answer.status_code}, not JSON")
            raise Refused(sent) from None
        if not isinstance(found, dict):
            raise Refused(Sent(fail=Fail.RETRY, detail="the answer is no JSON object"))
        return found

    async def call(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A call with the token; its answer. Raises Refused with what the errcode means."""
        for attempt in (1, 2):
            token = await self._fresh()
            query = {"access_token": token}
            if body is None:
                answer = await self.ask("GET", path, params=query)
            else:
                answer = await self.ask("POST", path, params=query, json=dict(body))
            code = answer.get("errcode") or 0
            if code in STALE and attempt == 1:
                self._drop(token)
                continue
            if code:
                raise Refused(self.refusal(code))
            return answer
        raise AssertionError("unreachable")

    def refusal(self, code: object) -> Sent:
        """What an errcode means. Its errmsg may repeat words, so it is not kept."""
        number = code if isinstance(code, int) else 0
        return Sent(fail=self._fail_of(number), detail=f"errcode {number}")

    async def _fresh(self) -> str:
        if self._token and self._clock() < self._ends:
            return self._token
        async with self._fetching:  # whoever waited finds it done
            if not self._token or self._clock() >= self._ends:
                token, seconds = await self._get_token(self)
                self._token = token
                life = timedelta(seconds=seconds)
                self._ends = self._clock() + max(life - EARLY, life / 2)
        return self._token

    def _drop(self, token: str) -> None:
        """Only the token that was refused: another caller may have renewed it meanwhile."""
        if self._token == token:
            self._token = ""

    async def stream(self, path: str, query: Mapping[str, str], most: int) -> AsyncIterator[bytes]:
        """An attachment's bytes. Raises TooLarge (before reading, if the size is told), Refused."""
        params = {"access_token": await self._fresh(), **query}
        read = 0
        try:
            async with self._client.stream("GET", path, params=params) as answer:
                declared = answer.headers.get("content-length", "0")
                if declared.isdigit() and int(declared) > most:
                    raise TooLarge
                if answer.status_code != 200:
                    raise Refused(Sent(fail=Fail.RETRY, detail=f"HTTP {answer.status_code}"))
                if "json" in answer.headers.get("content-type", ""):  # an error, not a file
                    await answer.aread()
                    code = answer.json().get("errcode", 0)
                    raise Refused(self.refusal(code))
                async for chunk in answer.aiter_bytes():
                    read += len(chunk)
                    if read > most:
                        raise TooLarge
                    yield chunk
        except httpx.HTTPError as error:
            raise Refused(Sent(fail=Fail.RETRY, detail=type(error).__name__)) from None

    async def close(self) -> None:
        await self._client.aclose()
