"""What 公众号 and 企业微信 share: sealed callbacks, and an API behind a short-lived token.

wechatpy seals and opens; HTTP is ours (its client has no timeout on the token, fetches one per
caller, and asks for ever when a token stays refused: platforms.md section 2).
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Container, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import xmltodict
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import WeChatSigner

from bot.adapters.base import Fail, Forbidden, Malformed, Refused, Sent, TooLarge

TIMEOUT = 15.0  # seconds
EARLY = timedelta(minutes=5)  # a token is renewed this long before it ends
STALE = {40001, 40014, 42001, 42007}  # the token is not taken (any more)
BUSY = {-1, 45011}  # try again
ERROR_MAX = 64 * 1024  # bytes of an answer in a file's place that are looked at


class Errcode(Refused):
    """The platform answered, and with an errcode."""

    def __init__(self, code: int, sent: Sent) -> None:
        super().__init__(sent)
        self.code = code


def signature(*parts: str) -> str:
    """The platform's: SHA-1 of the sorted parts, in hex."""
    signer = WeChatSigner()
    signer.add_data(*(part.encode(errors="replace") for part in parts))
    return str(signer.signature)


def signed(given: str, *parts: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), signature(*parts).encode())


def cdata(text: str) -> str:
    """Any words as the inside of one CDATA section: no end of it, no sign that XML forbids."""
    allowed = "".join(sign for sign in text if _in_xml(sign))
    return allowed.replace("]]>", "]]]]><![CDATA[>")


def _in_xml(sign: str) -> bool:
    code = ord(sign)
    return sign in "\t\n\r" or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF


class Seal:
    """Opens and makes sealed messages (AES-256-CBC, 43-character key). Raises ValueError."""

    def __init__(self, token: str, aes_key: str, owner: str) -> None:
        """`owner` is the app id or corp id that a message must carry."""
        self._token, self._owner = token, owner
        try:
            self._crypto = WeChatCrypto(token, aes_key, owner)
        except Exception:
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
        except Exception:
            # Whatever wechatpy stumbles over (seven kinds were counted): it is no seal of ours.
            raise Forbidden("seal") from None

    def close(self, text: str, nonce: str, timestamp: str) -> str:
        """A reply, sealed and signed, as XML."""
        return str(self._crypto.encrypt_message(text, nonce, timestamp))


def read_xml(body: bytes) -> dict[str, Any]:
    """The fields of a callback. Raises Malformed."""
    try:
        found = xmltodict.parse(body)["xml"]
    except Exception:
        # Entities, unknown encodings, no root of that name: the parser has an error for each.
        raise Malformed("this is not a callback's XML") from None
    if not isinstance(found, dict):
        raise Malformed("this is not a callback's XML")
    return found


def field(fields: Mapping[str, Any], name: str) -> str:
    """A field's words; "" where it is missing or holds fields of its own."""
    found = fields.get(name)
    return found if isinstance(found, str) else ""


def code_of(answer: Mapping[str, Any]) -> int:
    """The errcode of an answer: 0 where there is none, -1 (busy) for one that is no number."""
    found = answer.get("errcode") or 0
    return found if isinstance(found, int) else -1


class Api:
    """Calls with a token that is fetched once however many wait, and renewed once when refused.

    `get_token` asks the platform for one: (token, seconds it lasts). `fail_of` reads an errcode:
    its Fail, or a Sent where there is more to say than that.
    """

    def __init__(
        self,
        base: str,
        clock: Callable[[], datetime],
        get_token: Callable[[Api], Awaitable[tuple[str, float]]],
        fail_of: Callable[[int], Fail | Sent],
        *,
        http: dict[str, Any] | None = None,
    ) -> None:
        self._clock, self._get_token, self._fail_of = clock, get_token, fail_of
        base = base.rstrip("/")
        near = urlsplit(base).hostname in ("127.0.0.1", "::1", "localhost")
        options = {"timeout": TIMEOUT, "trust_env": not near, **(http or {})}
        self._client = httpx.AsyncClient(base_url=base, **options)
        self._token, self._ends, self._nth = "", clock(), 0
        self._fetching = asyncio.Lock()

    async def ask(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        """One request without a token. Raises Refused: the network, or no JSON object.

        A `json` body goes as it reads: Tencent shows a sign that is escaped as its escape.
        """
        if "json" in what:
            body = json.dumps(what.pop("json"), ensure_ascii=False).encode(errors="replace")
            what |= {"content": body, "headers": {"content-type": "application/json"}}
        try:
            answer = await self._client.request(method, path, **what)
            found = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            sent = Sent(fail=Fail.RETRY, detail=f"network: {type(error).__name__}")
            raise Refused(sent) from None
        except ValueError:
            sent = Sent(fail=Fail.RETRY, detail=f"HTTP {answer.status_code}, not JSON")
            raise Refused(sent) from None
        if not isinstance(found, dict):
            raise Refused(Sent(fail=Fail.RETRY, detail="the answer is no JSON object"))
        return found

    async def call(
        self, path: str, body: Mapping[str, Any] | None = None, *, fine: Container[int] = ()
    ) -> dict[str, Any]:
        """A call with the token; its answer. Raises Errcode but for those that are `fine`."""
        for attempt in (1, 2):
            token, nth = await self._fresh()
            query = {"access_token": token}
            if body is None:
                answer = await self.ask("GET", path, params=query)
            else:
                answer = await self.ask("POST", path, params=query, json=dict(body))
            code = code_of(answer)
            if code in STALE and attempt == 1:
                self._drop(nth)
                continue
            if code and code not in fine:
                raise self.errcode(code)
            return answer
        raise AssertionError("unreachable")

    def errcode(self, code: int) -> Errcode:
        """What an errcode means. Its errmsg may repeat words, so it is not kept."""
        found = self._fail_of(code)
        sent = found if isinstance(found, Sent) else Sent(fail=found)
        return Errcode(code, replace(sent, detail=f"errcode {code}"))

    def refusal(self, code: int) -> Sent:
        """What an errcode means, as an outcome."""
        return self.errcode(code).sent

    async def _fresh(self) -> tuple[str, int]:
        """The token, and which in number it is."""
        if self._token and self._clock() < self._ends:
            return self._token, self._nth
        async with self._fetching:  # whoever waited finds it done
            if not self._token or self._clock() >= self._ends:
                self._token, seconds = await self._get_token(self)
                self._nth += 1
                life = timedelta(seconds=seconds)
                self._ends = self._clock() + max(life - EARLY, life / 2)
            return self._token, self._nth

    def _drop(self, nth: int) -> None:
        """Only the token that was refused: another caller may have renewed it meanwhile."""
        if self._nth == nth:
            self._token = ""

    async def stream(self, path: str, query: Mapping[str, str], most: int) -> AsyncIterator[bytes]:
        """An attachment's bytes. Raises TooLarge (before reading, if the size is told), Refused.

        What comes as an address ({"video_url": …}) is read from there.
        """
        for attempt in (1, 2):
            token, nth = await self._fresh()
            try:
                reading = self._read(path, {"access_token": token, **query}, most)
                async with aclosing(reading):
                    async for chunk in reading:
                        yield chunk
                return
            except Errcode as error:  # said before the first byte, so nothing is given twice
                if error.code not in STALE or attempt == 2:
                    raise
                self._drop(nth)

    async def _read(
        self, path: str, params: Mapping[str, str] | None, most: int
    ) -> AsyncGenerator[bytes, None]:
        elsewhere = ""
        try:
            async with self._client.stream("GET", path, params=params) as answer:
                declared = answer.headers.get("content-length", "0")
                if declared.isdigit() and int(declared) > most:
                    raise TooLarge
                if answer.status_code != 200:
                    raise Refused(Sent(fail=Fail.RETRY, detail=f"HTTP {answer.status_code}"))
                kind = answer.headers.get("content-type", "")
                chunks = answer.aiter_bytes()
                read = b""
                if params is not None and ("json" in kind or "text/plain" in kind):
                    async for chunk in chunks:  # an error or an address, not a file, perhaps
                        read += chunk
                        if len(read) > min(most, ERROR_MAX):
                            break
                    elsewhere = self._address(read)
                if not elsewhere:
                    size = 0
                    async for chunk in _chain(read, chunks):
                        size += len(chunk)
                        if size > most:
                            raise TooLarge
                        yield chunk
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Refused(Sent(fail=Fail.RETRY, detail=type(error).__name__)) from None
        if elsewhere:
            async with aclosing(self._read(elsewhere, None, most)) as reading:
                async for chunk in reading:
                    yield chunk

    def _address(self, body: bytes) -> str:
        """Where a file is instead, "" where `body` is the file. Raises Errcode."""
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            return ""
        if not isinstance(found, dict):
            return ""
        if code_of(found):
            raise self.errcode(code_of(found))
        address = found.get("video_url")
        http = isinstance(address, str) and address.startswith(("http://", "https://"))
        return str(address) if http else ""

    async def close(self) -> None:
        await self._client.aclose()


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for chunk in rest:
        yield chunk
