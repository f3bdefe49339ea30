"""The contract between a platform and us: events in, words out, outcomes from a closed list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

from storage.community_checks import Keys
from storage.store.grants import Leave

__all__ = ["Keys", "Leave"]  # beside what stands below


class Forbidden(Exception):
    """A request that is not signed as it must be: 403, and nothing is stored."""


class Malformed(Exception):
    """A signed request that cannot be read: 400 with this sentence."""


class TooLarge(Exception):
    """An attachment that is larger than we take; nothing of it, or no more than that, was read."""


class Refused(Exception):
    """What a platform said to `poll`, `setup` or `fetch` instead of an answer. Carries a Sent."""

    def __init__(self, sent: Sent) -> None:
        super().__init__(sent.detail)
        self.sent = sent


class Fail(StrEnum):
    """Why a send did not happen. Each has one consequence in the outbox."""

    RETRY = "retry"  # again later, with backoff
    THROTTLED = "throttled"  # this bucket waits `retry_after`
    WINDOW = "window"  # no leave to write to this chat now
    GONE = "gone"  # blocked or left: the chat is marked
    MOVED = "moved"  # the chat has a new id
    REJECTED = "rejected"  # this message can never be sent
    CONFIG = "config"  # our credentials are wrong: the channel stops and doctor says so


@dataclass(frozen=True)
class Event:
    """One thing that happened on a platform. `key` is unique in the channel and makes it once."""

    key: str
    chat: str  # the platform's id of the chat
    user: str  # the platform's id of whoever wrote
    at: datetime
    # text edit voice photo video file location sticker contact choice; start: came by a link or
    # a scanned code, extra["scene"] says which; joined left moved group: of a chat; receipt: how
    # one of our messages fared, see "receipt" in docs/adding-a-channel.md
    kind: str = "text"
    text: str = ""
    user_name: str | None = None
    group: bool = False
    addressed: bool = True  # to the bot: private, @mention, reply to the bot, command
    choice: str | None = None  # what a button carried
    reply_to: str | None = None  # the platform's id of the message replied to
    extra: Mapping[str, Any] = field(default_factory=dict)  # attachment, coordinates, group name
    leaves: Sequence[Leave] = ()  # to write to this chat, where a platform gives it by the message


@dataclass(frozen=True)
class Request:
    """An HTTP request as a platform sent it."""

    method: str
    headers: Mapping[str, str]  # lower-case names
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Hold:
    """The platform waits in this very request for what its one event is answered with.

    `reply` makes the body of an answer; where nothing is said in time, `Opened.body` goes.
    """

    seconds: float
    reply: Callable[[str], str]
    content_type: str = "application/xml"


@dataclass(frozen=True)
class Opened:
    """What a request held, and how to answer it once the events are committed."""

    events: Sequence[Event] = ()
    status: int = 200
    body: str = ""
    content_type: str = "text/plain"
    hold: Hold | None = None


@dataclass(frozen=True)
class Out:
    """One message to send. `choices` are (digit, label, callback); `inline`: the text has them."""

    chat: str
    text: str
    choices: Sequence[tuple[str, str, str]] = ()
    inline: bool = False
    sender: str = "bot"
    group: bool = False
    media: str | None = None
    key: str = ""  # ours, the same on each try: for platforms that know repeats by it
    token: str = ""  # of the leave that is spent by this send
    nth: int = 0  # how many sends that leave has had, this one included
    template: bool = False  # that leave is for a message by template only

    def plain(self) -> str:
        """The words with choices as numbered lines, for whoever cannot see buttons."""
        return with_lines(self.text, [] if self.inline else self.choices)


@dataclass(frozen=True)
class Sent:
    """The outcome of a send: the platform's ids, or one Fail."""

    ids: Sequence[str] = ()
    handed: bool = False  # to a person of ours who must let it go; `follow` says when
    fail: Fail | None = None
    retry_after: float = 0.0  # seconds
    moved_to: str | None = None
    detail: str = ""  # for the operator; never a text or token
    everywhere: bool = False  # a throttle that is known to be of the whole channel, not of the chat


@dataclass(frozen=True)
class Caps:
    """What a platform can do, as data. Rates are messages per second."""

    text_max: int = 4096
    text_unit: str = "chars"  # or "bytes"
    buttons: bool = True
    # free: may write at any time; grant: while an event's leave lasts; never: only while a
    # request is held open
    initiate: Literal["free", "grant", "never"] = "free"
    rate: float = 30.0
    rate_chat: float = 1.0
    rate_group: float = 20 / 60
    burst_group: int = 20  # what a group takes at once before its rate holds
    polling: bool = False  # hears through `poll`; otherwise the platform calls `open`


class Adapter(Protocol):
    """A channel. Platform errors become Sent.fail, never exceptions.

    An adapter says `class Feishu(Adapter)` and leaves out what its platform has not.
    """

    channel_id: str
    caps: Caps

    async def open(self, request: Request) -> Opened:
        """Verifies and translates a webhook call. Raises Forbidden or Malformed."""
        raise Forbidden("this channel takes no calls")

    async def send(self, out: Out) -> Sent: ...

    async def poll(self, cursor: str | None) -> tuple[Sequence[Event], str | None]:
        """Waits for events after `cursor`; the new cursor is stored with them, then acknowledged.

        The next call's cursor acknowledges. Raises Refused. Asked only where `caps.polling`.
        """
        raise Refused(Sent(fail=Fail.CONFIG, detail="this channel is not asked"))

    async def setup(self) -> None:
        """Tells the platform about us: webhook, menu, commands. May be repeated. Raises Refused."""

    def fetch(self, extra: Mapping[str, Any], most: int) -> AsyncIterator[bytes]:
        """The bytes of an event's attachment, of which `extra` tells.

        Raises TooLarge over `most` bytes, before any is read where the size is told; Refused.
        """
        raise Refused(Sent(fail=Fail.REJECTED, detail="this channel has no attachments"))

    async def follow(self, ident: str) -> Sent | None:
        """How a message stands that was `handed` to a person; None while it waits for them."""
        return Sent(ids=[ident])

    async def scene(self, name: str) -> str | None:
        """A link that leads to us and brings `name` along (extra["scene"]), for a printed code.

        At most 60 letters, digits, - and _. None where the platform has none. Raises Refused.
        """
        return None

    async def close(self) -> None: ...


def with_lines(text: str, choices: Sequence[Sequence[str]]) -> str:
    """A text with "1. 对" lines beneath."""
    return "\n".join([text, *(f"{choice[0]}. {choice[1]}" for choice in choices)])


def split(text: str, limit: int, unit: str = "chars") -> list[str]:
    """Pieces of at most `limit` characters or UTF-8 bytes, cut at sentence ends where possible."""

    def size(piece: str) -> int:
        return len(piece.encode()) if unit == "bytes" else len(piece)

    pieces: list[str] = []
    while size(text) > limit:
        cut = len(text.encode()[:limit].decode(errors="ignore")) if unit == "bytes" else limit
        best = max(text.rfind(mark, 0, cut) for mark in "\n。！？；.!?;")
        cut = best + 1 if best >= cut // 2 else cut
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text] if text or not pieces else pieces
