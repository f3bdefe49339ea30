"""The adapter against a Telegram on loopback."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.error import Forbidden as Blocked

from bot.adapters.base import Fail, Forbidden, Malformed, Out, Refused, Request
from bot.adapters.telegram import Telegram, shown
from bot.adapters.telegram.errors import sent_of
from tests.bot.telegram_double import TOKEN, TelegramDouble, serving
from tests.bot.test_telegram_events import BOT, GROUP, PRIVATE, WANG, message

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
SECRET = "s3cret-of-the-hook"


@pytest.fixture(scope="module")
def server() -> Iterator[TelegramDouble]:
    with serving() as double:
        yield double


@pytest.fixture
def double(server: TelegramDouble) -> TelegramDouble:
    server.reset()
    return server


@pytest_asyncio.fixture
async def bot(double: TelegramDouble) -> AsyncIterator[Telegram]:
    adapter = make(double)
    yield adapter
    await adapter.close()


def make(double: TelegramDouble, **options: Any) -> Telegram:
    return Telegram("tg", TOKEN, clock=lambda: NOW, api_base=double.url, **options)


def hook(body: Any, secret: str | None = SECRET) -> Request:
    headers = {} if secret is None else {"x-telegram-bot-api-secret-token": secret}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", headers, {}, raw)


# Out


async def test_says_with_buttons(bot: Telegram, double: TelegramDouble) -> None:
    choices = [("1", "对", "q12=1"), ("2", "不对", "q12=2")]
    sent = await bot.send(Out("701", "楼道灯坏了，对吗？", choices))
    assert sent.fail is None
    assert sent.ids == ["1001"]
    [body] = double.said("sendMessage")
    assert (body["chat_id"], body["text"]) == (701, "楼道灯坏了，对吗？")
    assert body["reply_markup"] == {
        "inline_keyboard": [
            [{"text": "1 对", "callback_data": "v1:q12=1"}],
            [{"text": "2 不对", "callback_data": "v1:q12=2"}],
        ]
    }
    assert body["link_preview_options"] == {"is_disabled": True}


def test_long_labels_are_lines_as_well() -> None:
    long = "东苑1片区3栋2单元501室王阿姨家楼下的花坛旁边"
    text, markup = shown(Out("1", "哪里？", [("1", long, "q1=1"), ("2", "都不是", "q1=2")]))
    assert text == f"哪里？\n1. {long}\n2. 都不是"
    assert markup is not None
    assert [len(row) for row in markup.inline_keyboard] == [1, 1]
    assert markup.inline_keyboard[0][0].text == f"1 {long[:19]}…"


def test_a_text_that_names_its_digits_keeps_them_to_itself() -> None:
    text, markup = shown(Out("1", "您平安吗？回1平安 回2要帮忙", [("1", "平" * 30, "q1=1")], True))
    assert text == "您平安吗？回1平安 回2要帮忙"
    assert markup is not None


def test_what_no_button_can_carry_is_lines() -> None:
    text, markup = shown(Out("1", "?", [("1", "对", "中" * 21)]))
    assert (text, markup) == ("?\n1. 对", None)
    assert shown(Out("1", "?", [("1", "对", "a" * 61)]))[1] is not None  # 64 bytes with its prefix


def test_a_persons_words_are_signed() -> None:
    assert (
        shown(Out("1", "明天修", sender="小李（社区工作者）"))[0] == "小李（社区工作者）：\n明天修"
    )


REFUSALS = [
    (400, {"description": "Bad Request: message text is empty"}, Fail.REJECTED),
    (400, {"description": "Bad Request: chat not found"}, Fail.GONE),
    (400, {"migrate_to_chat_id": -1005001}, Fail.MOVED),
    (401, {"description": "Unauthorized"}, Fail.CONFIG),
    (403, {"description": "Forbidden: bot was blocked by the user"}, Fail.GONE),
    (429, {"retry_after": 7}, Fail.THROTTLED),
    (500, {"description": "Internal Server Error"}, Fail.RETRY),
    (502, b"<html>Bad Gateway 701</html>", Fail.RETRY),
    (200, b"<html>a captive portal</html>", Fail.RETRY),
]


@pytest.mark.parametrize(("code", "body", "fail"), REFUSALS)
async def test_refusals(
    bot: Telegram, double: TelegramDouble, code: int, body: Any, fail: Fail
) -> None:
    double.refuse("sendMessage", code, body)
    sent = await bot.send(Out("701", "您好"))
    assert sent.fail is fail
    assert not sent.ids
    assert sent.retry_after == (7.0 if fail is Fail.THROTTLED else 0.0)
    assert sent.moved_to == ("-1005001" if fail is Fail.MOVED else None)
    assert "html" not in sent.detail


ERRORS: list[tuple[TelegramError, Fail]] = [
    (RetryAfter(5), Fail.THROTTLED),
    (ChatMigrated(-100), Fail.MOVED),
    (Blocked("Forbidden: user is deactivated"), Fail.GONE),
    (InvalidToken(f"the token {TOKEN} was rejected"), Fail.CONFIG),
    (Conflict("terminated by other getUpdates request"), Fail.RETRY),
    (TimedOut(), Fail.RETRY),
    (BadRequest("Message is too long"), Fail.REJECTED),
    (BadRequest("PEER_ID_INVALID"), Fail.GONE),
    (NetworkError(f"httpx.ConnectError: http://x/bot{TOKEN}/sendMessage"), Fail.RETRY),
    (TelegramError(f"{TOKEN}"), Fail.RETRY),
    (BadRequest(f"{TOKEN} what"), Fail.REJECTED),
]


@pytest.mark.parametrize(("error", "fail"), ERRORS, ids=lambda e: type(e).__name__)
def test_every_error_is_one_fail_and_tells_no_secret(error: TelegramError, fail: Fail) -> None:
    sent = sent_of(error, TOKEN)
    assert sent.fail is fail
    assert TOKEN not in repr(sent)
    assert sent.detail


def test_a_timeout_says_that_it_may_have_been_sent() -> None:
    assert "may have been sent" in sent_of(TimedOut()).detail


async def test_nobody_there_at_all() -> None:
    adapter = Telegram("tg", TOKEN, clock=lambda: NOW, api_base="http://127.0.0.1:1")
    sent = await adapter.send(Out("701", "您好"))
    await adapter.close()
    assert sent.fail is Fail.RETRY
    assert TOKEN not in sent.detail


async def test_logs_hold_no_token_and_no_words(
    bot: Telegram, double: TelegramDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="huiyin")
    double.refuse("sendMessage", 502, "张三的电话 13800000000".encode())
    await bot.send(Out("701", "秘密的话"))
    await bot.send(Out("701", "秘密的话"))
    double.updates = [{"update_id": 1, "message": {"text": "秘密的话"}}]
    assert (await bot.poll(None)) == ([], "2")
    with pytest.raises(Malformed):
        await make(double, receive="webhook", secret=SECRET).open(hook({"message": "秘密的话"}))
    words = "\n".join(r.getMessage() + str(r.exc_info) for r in caplog.records)
    assert "秘密" not in words
    assert "1380" not in words
    assert TOKEN not in words


# In: webhook


async def test_the_secret_is_asked_for(double: TelegramDouble) -> None:
    adapter = make(double, receive="webhook", secret=SECRET)
    update = {"update_id": 5, "message": message(text="你好")}
    for wrong in (None, "", "s3cret", SECRET + "x", "密码\udc80"):
        with pytest.raises(Forbidden):
            await adapter.open(hook(update, wrong and wrong.encode("utf-8", "replace").decode()))
    opened = await adapter.open(hook(update))
    assert [(e.key, e.text) for e in opened.events] == [("5", "你好")]
    assert opened.status == 200
    await adapter.close()


async def test_without_a_secret_nobody_is_let_in(double: TelegramDouble) -> None:
    adapter = make(double, receive="webhook")
    for given in (None, "", "x"):
        with pytest.raises(Forbidden):
            await adapter.open(hook({"update_id": 5}, given))
    with pytest.raises(Refused) as refused:
        await adapter.setup()
    assert refused.value.sent.fail is Fail.CONFIG
    await adapter.close()


GARBAGE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"1",
    b'"x"',
    b"\xff\xfe",
    b"{}",
    b'{"update_id": "x"}',
    b'{"update_id": 1, "message": {}}',
    b'{"update_id": 1, "message": 7}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", GARBAGE, ids=lambda body: repr(body[:30]))
async def test_garbage_is_malformed(double: TelegramDouble, body: bytes) -> None:
    adapter = make(double, receive="webhook", secret=SECRET)
    with pytest.raises(Malformed):
        await adapter.open(hook(body))
    await adapter.close()


async def test_a_press_is_acknowledged_and_that_may_fail(
    bot: Telegram, double: TelegramDouble
) -> None:
    double.refuse("answerCallbackQuery", 400, {"description": "Bad Request: query is too old"})
    query = {"id": "77", "from": WANG, "chat_instance": "c", "data": "v1:q12=1"}
    pressed = {"callback_query": {**query, "message": message(PRIVATE, BOT, text="?")}}
    double.updates = [{"update_id": 1, **pressed}, {"update_id": 2, **pressed}]
    events, _ = await bot.poll(None)
    assert [e.choice for e in events] == ["q12=1", "q12=1"]
    await asyncio.gather(*bot._answering)
    assert [b["callback_query_id"] for b in double.said("answerCallbackQuery")] == [77, 77]


# In: polling


async def test_the_offset_acknowledges(bot: Telegram, double: TelegramDouble) -> None:
    double.updates = [{"update_id": n, "message": message(text=str(n))} for n in (7, 8)]
    events, cursor = await bot.poll(None)
    assert [e.text for e in events] == ["7", "8"]
    assert cursor == "9"
    assert len((await bot.poll("7"))[0]) == 2  # not acknowledged: they come again
    assert await bot.poll(cursor) == ([], None)
    assert double.updates == []
    last = double.said("getUpdates")[-1]
    assert (last["offset"], last["timeout"]) == (9, 25)
    assert "my_chat_member" in last["allowed_updates"]


async def test_an_update_nobody_can_read_holds_up_nobody(
    bot: Telegram, double: TelegramDouble
) -> None:
    double.updates = [
        {"update_id": 1, "message": message(text="前")},
        {"update_id": 2, "message": {"from": "not a user"}},
        {"update_id": 3, "message": message(text="后")},
        {"update_id": 4, "poll": {"id": "?"}},
    ]
    events, cursor = await bot.poll(None)
    assert [e.text for e in events] == ["前", "后"]
    assert cursor == "5"


@pytest.mark.parametrize(("code", "fail"), [(409, Fail.RETRY), (401, Fail.CONFIG)])
async def test_a_poll_refused(bot: Telegram, double: TelegramDouble, code: int, fail: Fail) -> None:
    double.refuse("getUpdates", code)
    with pytest.raises(Refused) as refused:
        await bot.poll("1")
    assert refused.value.sent.fail is fail


# Setting up


async def test_setup_for_polling(bot: Telegram, double: TelegramDouble) -> None:
    await bot.setup()
    assert bot.caps.polling
    assert bot.me.username == "huiyin_bot"
    assert double.said("deleteWebhook") == [{"drop_pending_updates": False}]
    assert double.said("setMyCommands") == []  # without words there is nothing to list


async def test_setup_for_a_webhook(double: TelegramDouble) -> None:
    adapter = make(
        double, receive="webhook", secret=SECRET, public_url="https://huiyin.example.org/"
    )
    await adapter.setup()
    [body] = double.said("setWebhook")
    assert body["url"] == "https://huiyin.example.org/telegram/tg"
    assert body["secret_token"] == SECRET
    assert not adapter.caps.polling
    await adapter.close()


@pytest.mark.parametrize(
    ("hears_all", "status", "heard"),
    [(True, "member", True), (False, "administrator", True), (False, "member", False)],
)
async def test_a_group_met_for_the_first_time(
    bot: Telegram, double: TelegramDouble, hears_all: bool, status: str, heard: bool
) -> None:
    double.me["can_read_all_group_messages"] = hears_all
    double.status = status
    double.updates = [{"update_id": n, "message": message(GROUP, text="/menu")} for n in (1, 2)]
    events, _ = await bot.poll(None)
    assert [(e.kind, e.key) for e in events] == [("group", "group:1"), ("text", "1"), ("text", "2")]
    assert events[0].extra == {"heard": heard, "name": "3栋群"}
    assert events[0].group
    assert len(double.said("getChatMember")) == (0 if hears_all else 1)


async def test_a_group_that_turns_out_to_be_heard(bot: Telegram, double: TelegramDouble) -> None:
    double.updates = [
        {"update_id": 1, "message": message(GROUP, text="/menu")},
        {"update_id": 2, "message": message(GROUP, text="随便说说")},
    ]
    events, _ = await bot.poll(None)
    found = [(e.kind, e.extra.get("heard")) for e in events]
    assert found == [("group", False), ("text", None), ("group", True), ("text", None)]


async def test_an_unanswered_question_about_a_group_is_asked_again(
    bot: Telegram, double: TelegramDouble
) -> None:
    double.refuse("getChatMember", 502)
    double.updates = [{"update_id": n, "message": message(GROUP, text="/menu")} for n in (1, 2)]
    events, _ = await bot.poll(None)
    assert [e.kind for e in events] == ["text", "group", "text"]
