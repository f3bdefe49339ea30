"""Telegram by way of python-telegram-bot's `Bot` and `Update` alone: what is due, what was heard
and how far, is kept in our database, so its Application, Updater and rate limiter are not used.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import httpx
from telegram import (
    Bot,
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Update,
)
from telegram.error import TelegramError
from telegram.request import HTTPXRequest

import bot.adapters.telegram.quiet  # noqa: F401
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
    Sent,
    TooLarge,
)
from bot.adapters.base import Request as Asked
from bot.adapters.telegram.errors import sent_of
from bot.adapters.telegram.events import PREFIX, UPDATES, Me, group_of, translate

if TYPE_CHECKING:
    from bot.platforms import Tools

log = logging.getLogger("huiyin.telegram")

CAPS = Caps(text_max=4096, rate=30.0, rate_chat=1.0, rate_group=20 / 60, burst_group=20)
CALLBACK_MAX = 64  # bytes
BUTTON_MAX = 20  # characters a phone shows of a button
POLL = 25  # seconds a poll may wait for something to happen
COMMANDS = {
    "": (
        ("menu", "菜单"),
        ("mine", "我的诉求"),
        ("human", "人工，找工作人员"),
        ("help", "求助"),
        ("cancel", "取消"),
        ("stop", "退订通知"),
        ("start", "开始"),
    ),
    "en": (
        ("menu", "What I can do"),
        ("mine", "My requests"),
        ("human", "Talk to a person"),
        ("help", "Ask neighbours for help"),
        ("cancel", "Cancel"),
        ("stop", "Stop notices"),
        ("start", "Start"),
    ),
}

T = TypeVar("T")


class _Updates(HTTPXRequest):
    """Reads getUpdates so that one update nobody can read does not hold up all that follow."""

    bot: Bot | None = None

    def parse_json_payload(self, payload: bytes) -> Any:  # type: ignore[override]
        try:
            found = json.loads(payload.decode(errors="replace"))
        except ValueError:
            raise TelegramError("the answer is not JSON") from None
        if isinstance(found, dict) and isinstance(found.get("result"), list):
            found["result"] = [self._readable(raw) for raw in found["result"]]
        return found

    def _readable(self, raw: Any) -> Any:
        try:
            Update.de_json(raw, self.bot)
        except Exception as error:
            number = raw.get("update_id") if isinstance(raw, dict) else None
            log.error("update=%s cannot be read: %s", number, type(error).__name__)
            return {"update_id": number}
        return raw


class Telegram(Adapter):
    """One bot. `http` are further arguments of PTB's HTTPXRequest (a proxy, timeouts)."""

    def __init__(
        self,
        channel_id: str,
        token: str,
        *,
        clock: Callable[[], datetime],
        api_base: str = "https://api.telegram.org",
        receive: str = "polling",
        secret: str = "",
        public_url: str = "",
        http: dict[str, Any] | None = None,
    ) -> None:
        self.channel_id = channel_id
        self.caps = replace(CAPS, polling=receive == "polling")
        self._token, self._secret, self._public_url = token, secret, public_url.rstrip("/")
        self._clock = clock
        base = api_base.rstrip("/")
        near = urlsplit(base).hostname in ("127.0.0.1", "::1", "localhost")
        options: dict[str, Any] = {
            "connect_timeout": 5.0,
            "read_timeout": 15.0,
            "write_timeout": 10.0,
            "pool_timeout": 10.0,
            **({"httpx_kwargs": {"trust_env": False}} if near else {}),
            **(http or {}),
        }
        updates = _Updates(**{"connection_pool_size": 1, **options})
        self.bot = updates.bot = Bot(
            token,
            base_url=f"{base}/bot",
            base_file_url=f"{base}/file/bot",
            request=HTTPXRequest(**{"connection_pool_size": 8, **options}),
            get_updates_request=updates,
        )
        self._files = httpx.AsyncClient(timeout=30, trust_env=not near)
        ident = token.partition(":")[0]
        self.me = Me(int(ident) if ident.isdigit() else 0)
        self._groups: dict[int, bool] = {}  # groups met since the start, and whether we hear them
        self._answering: set[asyncio.Task[None]] = set()

    # In

    async def open(self, request: Asked) -> Opened:
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not self._secret or not hmac.compare_digest(given.encode(), self._secret.encode()):
            raise Forbidden("secret")
        try:
            update = Update.de_json(json.loads(request.body), self.bot)
            number = update.update_id
        except Exception:
            # Whatever PTB stumbles over in a body: it is not an update.
            raise Malformed("this is not a Telegram update") from None
        if not isinstance(number, int):
            raise Malformed("update_id is missing")
        if not self.me.username:
            await self._know_me()
        return Opened(await self._events(update))

    async def poll(self, cursor: str | None) -> tuple[Sequence[Event], str | None]:
        if not self.me.username:
            await self._asked(self._get_me())
        updates = await self._asked(
            self.bot.get_updates(
                offset=int(cursor) if cursor else None, timeout=POLL, allowed_updates=UPDATES
            )
        )
        events: list[Event] = []
        for update in updates:
            events += await self._events(update)
        return events, str(updates[-1].update_id + 1) if updates else None

    async def _events(self, update: Update) -> list[Event]:
        try:
            event = translate(update, self.me, self._clock())
        except Exception as error:
            log.error("update=%d not understood: %s", update.update_id, type(error).__name__)
            return []
        if update.callback_query is not None:
            self._stop_spinner(update.callback_query.id)
        if event is None:
            return []
        if not event.group or event.kind in ("left", "moved"):
            return [event]
        return [*await self._group(update, event), event]

    async def _group(self, update: Update, event: Event) -> list[Event]:
        """A "group" event when a group is met for the first time or turns out to be heard."""
        chat = group_of(update)
        if chat is None:
            return []
        if "heard" in event.extra:
            self._groups[chat.id] = bool(event.extra["heard"])
            return []
        known = self._groups.get(chat.id)
        if known is None or (not known and not event.addressed):
            heard = await self._hears(chat.id, event)
            if heard is not None and heard != known:
                self._groups[chat.id] = heard
                extra = {"heard": heard, "name": chat.title or ""}
                return [
                    replace(
                        event,
                        key=f"group:{event.key}",
                        kind="group",
                        text="",
                        choice=None,
                        reply_to=None,
                        addressed=False,
                        extra=extra,
                    )
                ]
        return []

    async def _hears(self, chat_id: int, event: Event) -> bool | None:
        """Whether what is said in a group reaches us; None when Telegram does not say now."""
        if self.me.hears_all or not event.addressed:
            return True
        try:
            member = await self.bot.get_chat_member(chat_id, self.me.id)
        except TelegramError:
            return None
        return str(member.status) in ("administrator", "creator", "owner")

    def _stop_spinner(self, query_id: str) -> None:
        async def answer() -> None:
            try:
                await self.bot.answer_callback_query(query_id)
            except TelegramError:
                log.debug("a button press was not acknowledged")

        task = asyncio.create_task(answer())
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    # Out

    async def send(self, out: Out) -> Sent:
        text, markup = shown(out)
        try:
            message = await self.bot.send_message(
                int(out.chat) if out.chat.lstrip("-").isdigit() else out.chat,
                text,
                reply_markup=markup,
                # Whoever previews a link opens it, and some of ours open once.
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        except TelegramError as error:
            return sent_of(error, self._token)
        return Sent(ids=[str(message.message_id)])

    # Setting up

    async def setup(self) -> None:
        await self._asked(self._get_me())
        if self.caps.polling:
            await self._asked(self.bot.delete_webhook(drop_pending_updates=False))
        else:
            if not self._secret:
                raise Refused(Sent(fail=Fail.CONFIG, detail="a webhook needs a secret"))
            await self._asked(
                self.bot.set_webhook(
                    f"{self._public_url}/telegram/{self.channel_id}",
                    secret_token=self._secret,
                    allowed_updates=UPDATES,
                    drop_pending_updates=False,
                )
            )
        for language, commands in COMMANDS.items():
            listed = [BotCommand(name, words) for name, words in commands]
            await self._asked(self.bot.set_my_commands(listed, language_code=language or None))

    async def _get_me(self) -> None:
        user = await self.bot.get_me()
        self.me = Me(user.id, user.username or "", bool(user.can_read_all_group_messages))

    async def _know_me(self) -> None:
        try:
            await self._get_me()
        except TelegramError as error:
            log.warning("getMe: %s", sent_of(error, self._token).detail)

    async def _asked(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except TelegramError as error:
            raise Refused(sent_of(error, self._token)) from None

    async def fetch(self, extra: Mapping[str, Any], most: int) -> AsyncIterator[bytes]:
        if int(extra.get("size") or 0) > most:
            raise TooLarge
        file = await self._asked(self.bot.get_file(str(extra["file_id"])))
        if (file.file_size or 0) > most:
            raise TooLarge
        read = 0
        try:
            async with self._files.stream("GET", str(file.file_path)) as answer:
                if answer.status_code != 200:
                    raise Refused(Sent(fail=Fail.RETRY, detail=f"HTTP {answer.status_code}"))
                async for chunk in answer.aiter_bytes():
                    read += len(chunk)
                    if read > most:
                        raise TooLarge
                    yield chunk
        except httpx.HTTPError as error:
            raise Refused(Sent(fail=Fail.RETRY, detail=type(error).__name__)) from None

    async def scene(self, name: str) -> str | None:
        if not self.me.username:
            await self._asked(self._get_me())
        return f"https://t.me/{self.me.username}?start={name}"

    async def close(self) -> None:
        await self._files.aclose()
        for task in list(self._answering):
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        for request in self.bot._request:
            await request.shutdown()


def _faults(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if row.get("receive") == "webhook" and not row.get("secret"):
        yield "secret", 'receive = "webhook" 必须写'


KEYS = Keys(frozenset({"token"}), frozenset({"api_base", "receive", "secret"}), _faults)


def make(row: Mapping[str, Any], tools: Tools) -> Telegram:
    """The adapter of a channel's row. Raises ValueError."""
    return Telegram(
        row["id"],
        tools.secret(row["token"]),
        clock=tools.clock,
        public_url=tools.public_url,
        api_base=row.get("api_base", "https://api.telegram.org"),
        receive=row.get("receive", "polling"),
        secret=tools.secret(row.get("secret", "")),
    )


def shown(out: Out) -> tuple[str, InlineKeyboardMarkup | None]:
    """The text and buttons of a message. A digit answers as well as a button does."""
    text, choices = out.text, out.choices
    fit = all(len((PREFIX + c[2]).encode()) <= CALLBACK_MAX for c in choices)
    if not fit or any(len(c[1]) > BUTTON_MAX for c in choices):
        text = out.plain()
    if out.sender != "bot":
        text = f"{out.sender}：\n{text}"
    if not choices or not fit:
        return text, None
    rows = [
        [InlineKeyboardButton(f"{digit} {_short(label)}", callback_data=PREFIX + callback)]
        for digit, label, callback in choices
    ]
    return text, InlineKeyboardMarkup(rows)


def _short(label: str) -> str:
    return label if len(label) <= BUTTON_MAX else label[: BUTTON_MAX - 1] + "…"
