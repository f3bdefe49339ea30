"""What an adapter costs a message, beside the bare library that it stands on, in the same run.

In: the bytes of a request to Events, against the library reading the same bytes. Out: an Out to the
HTTP body that leaves, against the library's own call; both end in a stub where the network begins.
Both sides take turns, round by round, and the processor's time is counted, not the clock's.

    python benchmarks/adapters.py
    python benchmarks/adapters.py --only telegram --rounds 60
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import httpx  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from requests import Response, Session  # noqa: E402
from requests.adapters import HTTPAdapter  # noqa: E402
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update  # noqa: E402
from wechatpy import WeChatClient, create_reply, parse_message  # noqa: E402
from wechatpy.crypto import WeChatCrypto  # noqa: E402
from wechatpy.enterprise import WeChatClient as Company  # noqa: E402
from wechatpy.enterprise import parse_message as parse_member  # noqa: E402

from bot.adapters.base import Adapter, Out, Request  # noqa: E402
from bot.adapters.qq import QQ  # noqa: E402
from bot.adapters.telegram import Telegram  # noqa: E402
from bot.platforms import Tools  # noqa: E402
from tests.bot import qq_double, test_qq  # noqa: E402
from tests.bot import test_telegram_events as updates  # noqa: E402
from tests.bot.doors import DOORS  # noqa: E402
from tests.bot.office import MONDAY  # noqa: E402

BAR = 1.3
TOOLS = Tools(lambda: MONDAY, str)
TEXT = "已经记下了：3栋2单元的楼道灯坏了。小李会去看，一般两小时内回您。"
CHOICES = (("1", "对", "q12=1"), ("2", "不对，我再说一次", "q12=2"))
Work = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Pair:
    """The same thing done both ways. Each way handles `messages` messages."""

    platform: str
    way: str  # in | out
    ours: Work
    bare: Work
    messages: int
    against: str


# Telegram


def telegram() -> list[Pair]:
    adapter = DOORS["telegram"].adapter(DOORS["telegram"].row, TOOLS)
    assert isinstance(adapter, Telegram)
    adapter.me = replace(adapter.me, hears_all=True)  # so that it asks nobody about a group
    stub = httpx.MockTransport(
        lambda _request: httpx.Response(200, json={"ok": True, "result": updates.message(text="x")})
    )
    for request in adapter.bot._request:
        request._client = httpx.AsyncClient(transport=stub)  # type: ignore[attr-defined]
    heard = [updates.message(chat, **fields) for chat, fields, *_ in updates.TEXTS]
    heard += [updates.message(**fields) for fields, *_ in updates.KINDS]
    bodies = [
        json.dumps({"update_id": n, "message": message}).encode() for n, message in enumerate(heard)
    ]
    requests = [DOORS["telegram"].sign(body, Random(1)) for body in bodies]

    async def bare_in() -> None:
        for body in bodies:
            Update.de_json(json.loads(body), adapter.bot)

    async def bare_out() -> None:
        await adapter.bot.send_message(701, TEXT)
        rows = [
            [InlineKeyboardButton(f"{digit} {label}", callback_data=callback)]
            for digit, label, callback in CHOICES
        ]
        await adapter.bot.send_message(701, TEXT, reply_markup=InlineKeyboardMarkup(rows))

    return [
        Pair("telegram", "in", opening(adapter, requests), bare_in, len(bodies), "Update.de_json"),
        Pair("telegram", "out", saying(adapter, "701"), bare_out, 2, "Bot.send_message"),
    ]


# QQ


def qq() -> list[Pair]:
    adapter = QQ(test_qq.row(), TOOLS)
    stub = httpx.MockTransport(
        lambda _request: httpx.Response(
            200, json={"id": "m1", "access_token": "t", "expires_in": 7200}
        )
    )
    api = test_qq.row()["api_base"]
    adapter._api._client = httpx.AsyncClient(transport=stub, base_url=api)
    client = httpx.AsyncClient(transport=stub, base_url=api)
    bodies = [json.dumps(call).encode() for call, _ in test_qq.PAYLOADS]
    requests = [DOORS["qq"].sign(body, Random(1)) for body in bodies]
    seed = (qq_double.SECRET * 2).encode()[:32]
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()

    async def bare_in() -> None:
        for request in requests:
            proof = bytes.fromhex(request.headers["x-signature-ed25519"])
            key.verify(proof, request.headers["x-signature-timestamp"].encode() + request.body)
            json.loads(request.body)

    async def bare_out() -> None:
        headers = {"Authorization": "QQBot t"}
        for text in (TEXT, "\n".join([TEXT, *(f"{c[0]}. {c[1]}" for c in CHOICES)])):
            body = {"content": text, "msg_type": 0, "msg_id": "m", "msg_seq": 1}
            answer = await client.post("/v2/users/U1/messages", json=body, headers=headers)
            answer.json()

    against = "cryptography, json.loads"
    return [
        Pair("qq", "in", opening(adapter, requests), bare_in, len(bodies), against),
        Pair("qq", "out", saying(adapter, "u:U1"), bare_out, 2, "httpx.post"),
    ]


# 公众号 and 企业微信


def sealed(name: str) -> tuple[Adapter, list[Request], Pair]:
    """An adapter with its Api on a stub, sealed callbacks, and reading them by wechatpy alone."""
    door = DOORS[name]
    adapter = door.adapter(door.row, TOOLS)
    answer = {"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 7200, "msgid": "m"}
    stub = httpx.MockTransport(lambda _request: httpx.Response(200, json=answer))
    adapter._api._client = httpx.AsyncClient(  # type: ignore[attr-defined]
        transport=stub, base_url=door.row["api_base"]
    )
    requests = [door.sign(body, Random(1)) for body in door.payloads]
    owner = door.row.get("corp_id") or door.row["app_id"]
    crypto = WeChatCrypto(door.row["token"], door.row["aes_key"], owner)
    parse = parse_member if name == "wecom" else parse_message

    async def bare_in() -> None:
        for request in requests:
            asked = request.query
            parse(
                crypto.decrypt_message(
                    request.body, asked["msg_signature"], asked["timestamp"], asked["nonce"]
                )
            )

    ours = opening(adapter, requests)
    against = "decrypt_message, parse_message"
    return adapter, requests, Pair(name, "in", ours, bare_in, len(requests), against)


class Stub(HTTPAdapter):
    """Where the network begins for requests, which wechatpy's own client speaks by."""

    def send(self, request: Any, *_args: Any, **_more: Any) -> Any:
        found = Response()
        found.status_code, found.request, found.url = 200, request, request.url
        found.raw = io.BytesIO(b'{"errcode": 0, "errmsg": "ok", "msgid": "m"}')
        return found


def wechat() -> list[Pair]:
    adapter, requests, read = sealed("wechat")
    row = DOORS["wechat"].row
    crypto = WeChatCrypto(row["token"], row["aes_key"], row["app_id"])
    heard = parse_message(DOORS["wechat"].payloads[0])
    client = WeChatClient(row["app_id"], row["app_secret"], access_token="t")
    client._http = requests_session()

    hold = asyncio.get_running_loop().create_task(adapter.open(requests[0]))

    async def ours_reply() -> None:
        found = (await hold).hold
        assert found is not None
        found.reply(TEXT)

    async def bare_reply() -> None:
        crypto.encrypt_message(create_reply(TEXT, heard).render(), "n", "1795395600")

    async def bare_out() -> None:
        client.message.send_text("oAAAA", TEXT)
        client.message.send_text("oAAAA", "\n".join([TEXT, *(f"{c[0]}. {c[1]}" for c in CHOICES)]))

    return [
        read,
        Pair("wechat", "reply", ours_reply, bare_reply, 1, "create_reply, encrypt_message"),
        Pair("wechat", "out", saying(adapter, "oAAAA"), bare_out, 2, "client.message.send_text"),
    ]


def wecom() -> list[Pair]:
    adapter, _, read = sealed("wecom")
    row = DOORS["wecom"].row
    client = Company(row["corp_id"], row["secret"], access_token="t")
    client._http = requests_session()

    async def bare_out() -> None:
        client.message.send_text(row["agent_id"], "xiaoli", content=TEXT)
        text = "\n".join([TEXT, *(f"{c[0]}. {c[1]}" for c in CHOICES)])
        client.message.send_text(row["agent_id"], "xiaoli", content=text)

    out = saying(adapter, "xiaoli")
    return [read, Pair("wecom", "out", out, bare_out, 2, "client.message.send_text")]


def requests_session() -> Session:
    session = Session()
    session.mount("https://", Stub())
    return session


PLATFORMS: dict[str, Callable[[], list[Pair]]] = {
    "telegram": telegram,
    "qq": qq,
    "wechat": wechat,
    "wecom": wecom,
}


def opening(adapter: Adapter, requests: Sequence[Request]) -> Work:
    async def work() -> None:
        for request in requests:
            await adapter.open(request)

    return work


def saying(adapter: Adapter, chat: str) -> Work:
    """One message without choices and one with."""

    async def work() -> None:
        for choices in ((), CHOICES):
            sent = await adapter.send(Out(chat, TEXT, choices, token="m", nth=1))
            assert sent.fail is None, sent

    return work


# Measuring


async def spent(work: Work, times: int) -> float:
    """Seconds of the processor's time."""
    started = time.process_time()
    for _ in range(times):
        await work()
    return time.process_time() - started


async def measure(pair: Pair, rounds: int) -> tuple[list[float], list[float]]:
    """Microseconds a message of both sides, round by round; each goes first every other round."""
    times = max(1, round(0.05 / await _once(pair)))
    ours: list[float] = []
    bare: list[float] = []
    gc.collect()
    gc.freeze()  # what stands already is not looked through again
    for number in range(rounds):
        sides = [(pair.ours, ours), (pair.bare, bare)]
        for work, found in sides if number % 2 else sides[::-1]:
            gc.collect()
            found.append(1e6 * await spent(work, times) / times / pair.messages)
    return ours, bare


async def _once(pair: Pair) -> float:
    """Seconds of one go, warm."""
    await spent(pair.ours, 5)
    await spent(pair.bare, 5)
    return max(1e-6, await spent(pair.ours, 20) / 20)


async def run(names: Sequence[str], rounds: int) -> bool:
    print(f"{rounds} rounds a line; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':22}{'ours, µs':>10}{'bare, µs':>10}{'ours ÷ bare':>22}  against")
    held = True
    for name in names:
        for pair in PLATFORMS[name]():
            ours, bare = await measure(pair, rounds)
            ratios = sorted(a / b for a, b in zip(ours, bare, strict=True))
            middle = statistics.median(ratios)
            low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
            print(
                f"{pair.platform:12}{pair.way:10}{statistics.median(ours):>10.1f}"
                f"{statistics.median(bare):>10.1f}{middle:>9.2f}× [{low:.2f}–{high:.2f}]"
                f"  {pair.against}",
                flush=True,
            )
            held = held and middle <= BAR
    print(f"\nbar: within {BAR}× of the bare library: {'held' if held else 'NOT HELD'}")
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description="Adapter cost beside the bare library.")
    parser.add_argument("--only", choices=list(PLATFORMS), help="one platform only")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    names = [options.only] if options.only else list(PLATFORMS)
    return 0 if asyncio.run(run(names, options.rounds)) else 1


if __name__ == "__main__":
    sys.exit(main())
