"""Telegram updates as Events: pure translation, nothing is asked or answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from telegram import CallbackQuery, Chat, ChatMemberUpdated, Message, MessageEntity, Update, User

import bot.adapters.telegram.quiet  # noqa: F401
from bot.adapters.base import Event

UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]
PREFIX = "v1:"  # of callback data, so that older buttons are known if its form ever changes
WORDS = {  # Latin command names, as Telegram wants them, and the word each stands for
    "menu": "菜单",
    "mine": "我的诉求",
    "human": "人工",
    "help": "求助",
    "cancel": "取消",
    "stop": "退订",
    "data": "我的资料",
    "bind": "绑群",
}
BARE = "菜单"  # what /start without a payload asks for
TOPIC = "/"  # between the ids of a group and of a topic in it: a topic is a chat by itself
_COMMAND = re.compile(r"/([a-zA-Z0-9_]{1,32})(?:@(\w+))?(?:\s+|$)")
_SCENE = re.compile(r"/start(?:@\w+)?\s+([A-Za-z0-9_-]{1,64})\s*")  # of t.me/…?start=
_CHINESE_COMMAND = re.compile(r"/(?=[㐀-鿿])")
_MENTIONS = (MessageEntity.MENTION, MessageEntity.TEXT_MENTION)
_IN = ("member", "administrator", "creator", "owner", "restricted")
_ADMIN = ("administrator", "creator", "owner")


@dataclass(frozen=True)
class Me:
    """The bot as Telegram knows it. `hears_all` is privacy mode switched off."""

    id: int
    username: str = ""
    hears_all: bool = False


def group_of(update: Update) -> Chat | None:
    """The group an update comes from, if it is one we would speak in."""
    chat = update.effective_chat
    return chat if chat is not None and chat.type in ("group", "supergroup") else None


def chat_key(message: Message) -> str:
    """How a chat is named: "<chat id>", in a forum's topic "<chat id>/<thread id>"."""
    if message.chat.type != "private" and message.is_topic_message:
        return f"{message.chat.id}{TOPIC}{message.message_thread_id}"
    return str(message.chat.id)


def place_of(key: str) -> tuple[int | str, int | None]:
    """A chat's key as Telegram takes it: the chat, and the thread in it."""
    chat, _, thread = key.partition(TOPIC)
    ident = int(chat) if chat.removeprefix("-").isdecimal() else chat
    return ident, int(thread) if thread.isdecimal() else None


def translate(update: Update, me: Me, now: datetime) -> Event | None:
    """What an update means to us; None for what is no matter of ours."""
    if update.callback_query is not None:
        return _choice(update.update_id, update.callback_query, now)
    if update.my_chat_member is not None:
        return _membership(update.update_id, update.my_chat_member, me)
    message = update.message or update.edited_message
    if message is None or message.from_user is None:
        return None
    # Channel posts, anonymous admins, other bots: nobody who could be answered.
    if message.from_user.is_bot or message.sender_chat is not None:
        return None
    if message.chat.type not in ("private", "group", "supergroup"):
        return None
    return _message(update, message, message.from_user, me)


def sound(update: Update, event: Event | None) -> Event | None:
    """The event. PTB takes whatever JSON holds: an id that is no number raises TypeError here."""
    if event is None:
        return None
    chat, user = update.effective_chat, update.effective_user
    if chat is None or user is None or type(chat.id) is not int or type(user.id) is not int:
        raise TypeError("id")
    if not isinstance(event.user_name, str | None) or not isinstance(event.at, datetime):
        raise TypeError("name or date")
    for value in event.extra.values():
        if not (isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))):
            raise TypeError("extra")
    return event


def _message(update: Update, message: Message, user: User, me: Me) -> Event | None:
    group = message.chat.type != "private"
    edited = update.message is None
    if message.migrate_to_chat_id is not None:
        kind, extra = "moved", {"to": str(message.migrate_to_chat_id)}
        return _event(update.update_id, message, user, kind=kind, extra=extra)
    if group and message.new_chat_title:
        extra = {"name": message.new_chat_title}
        return _event(update.update_id, message, user, kind="group", extra=extra)
    named = message.forum_topic_created or message.forum_topic_edited
    if named is not None and message.is_topic_message and named.name:
        extra = {"name": _topic_name(message, named.name), "parent": str(message.chat.id)}
        return _event(update.update_id, message, user, kind="group", extra=extra)
    found = _content(message, user)
    if found is None or (edited and found[0] == "location"):  # a live location moves all the time
        return None
    kind, extra = found[0], {"message_id": str(message.message_id), **found[1]}
    text, addressed = _words(message, me)
    if kind == "text" and not (group or edited) and (scene := _SCENE.fullmatch(message.text or "")):
        kind, text = "start", ""
        extra["scene"] = scene[1]
    if kind == "location" and message.venue is not None:
        text = f"{message.venue.title} {message.venue.address}".strip()
    if group and message.chat.title:
        extra["name"] = _topic_name(message)
    if TOPIC in chat_key(message):
        extra["parent"] = str(message.chat.id)
    if message.media_group_id:
        extra["album"] = message.media_group_id
    reply = _reply(message)
    if reply is not None and reply.from_user is not None and reply.from_user.id == me.id:
        addressed = True
    if edited:
        extra["edited"] = str(message.message_id)
        kind = "edit" if text else kind  # a caption's wording counts as a text's does
    return _event(
        update.update_id,
        message,
        user,
        kind=kind,
        text=text,
        extra=extra,
        edited=edited,
        addressed=addressed or not group,
        reply_to=str(reply.message_id) if reply else None,
    )


def _event(
    number: int,
    message: Message,
    user: User,
    *,
    kind: str,
    text: str = "",
    extra: Mapping[str, Any],
    edited: bool = False,
    addressed: bool = True,
    reply_to: str | None = None,
) -> Event:
    return Event(
        key=f"edit:{number}" if edited else str(number),
        chat=chat_key(message),
        user=str(user.id),
        at=(message.edit_date if edited else None) or message.date,
        kind=kind,
        text=text,
        user_name=user.full_name,
        group=message.chat.type != "private",
        addressed=addressed,
        reply_to=reply_to,
        extra=extra,
    )


def _topic_name(message: Message, topic: str | None = None) -> str:
    """3栋群 › 停水, where the topic's name is known: by the message that opened it."""
    opening = message.reply_to_message
    if topic is None and message.is_topic_message and opening is not None:
        topic = opening.forum_topic_created.name if opening.forum_topic_created else None
    return " › ".join(part for part in (message.chat.title, topic) if part)


def _reply(message: Message) -> Message | None:
    """What was replied to. In a topic everything else "replies" to the message that opened it."""
    reply = message.reply_to_message
    if reply is None or reply.forum_topic_created is not None:
        return None
    if message.is_topic_message and reply.message_id == message.message_thread_id:
        return None
    return reply


def _content(message: Message, user: User) -> tuple[str, dict[str, Any]] | None:
    """The kind of a message and what is kept of its attachment; None for service messages."""
    if message.text is not None:
        return "text", {}
    if message.venue is not None or message.location is not None:
        where = message.venue.location if message.venue else message.location
        return "location", {"lat": where.latitude, "lon": where.longitude} if where else {}
    if message.contact is not None:
        # Somebody else's number is not theirs to give us.
        own = message.contact.user_id == user.id
        return "contact", {"phone": message.contact.phone_number} if own else {}
    if message.photo:
        return "photo", {**_file(message.photo[-1]), "mime": "image/jpeg"}
    for kind, one in (
        ("voice", message.voice),
        ("voice", message.audio),
        ("video", message.animation),
        ("video", message.video),
        ("video", message.video_note),
        ("file", message.document),
        ("sticker", message.sticker),
    ):
        if one is not None:
            return kind, _file(one)
    return ("other", {}) if message.effective_attachment is not None else None


def _file(one: Any) -> dict[str, Any]:
    duration = getattr(one, "duration", None)
    if isinstance(duration, timedelta):
        duration = int(duration.total_seconds())
    found = {
        "file_id": one.file_id,
        "size": one.file_size,
        "duration": duration,
        "mime": getattr(one, "mime_type", None),
        "file_name": getattr(one, "file_name", None),
    }
    return {key: value for key, value in found.items() if value is not None}


def _words(message: Message, me: Me) -> tuple[str, bool]:
    """The text (or caption) as words, and whether it speaks to the bot by name or command."""
    text = message.text if message.text is not None else message.caption or ""
    command = _COMMAND.match(text)
    if command is not None:
        name, at, rest = command[1].lower(), command[2], text[command.end() :].strip()
        if at and at.lower() != me.username.lower():
            return text, False
        if name == "start":
            return rest or BARE, True
        # In a group a command that is none of ours is some other bot's, unless it names us.
        return f"{WORDS.get(name, name)} {rest}".strip(), name in WORDS or bool(at)
    if _CHINESE_COMMAND.match(text):
        return text[1:].strip(), True
    named = False
    entities = message.entities if message.text is not None else message.caption_entities
    units = text.encode("utf-16-le", "surrogatepass")  # Telegram counts in these
    for entity in sorted(entities, key=lambda e: -e.offset):
        start, end = 2 * entity.offset, 2 * (entity.offset + entity.length)
        if entity.type in _MENTIONS and _is_me(entity, units[start:end], me):
            units, named = units[:start] + units[end:], True
    words = units.decode("utf-16-le", "surrogatepass") if named else text
    if named:
        words = re.sub(r"^[\s,，:：]+|(?<=\s)[ \t]+", "", words)
    return words.strip(), named


def _is_me(entity: MessageEntity, units: bytes, me: Me) -> bool:
    if entity.user is not None:
        return entity.user.id == me.id
    name = units.decode("utf-16-le", "surrogatepass").removeprefix("@")
    return bool(me.username) and name.lower() == me.username.lower()


def _choice(number: int, query: CallbackQuery, now: datetime) -> Event | None:
    message = query.message
    if message is None or query.data is None or query.from_user.is_bot:
        return None
    extra: dict[str, Any] = {"message_id": str(message.message_id)}
    chat = str(message.chat.id)
    if message.chat.title:
        extra["name"] = message.chat.title
    if isinstance(message, Message) and TOPIC in chat_key(message):
        extra |= {"name": _topic_name(message), "parent": chat}
        chat = chat_key(message)
    return Event(
        key=str(number),
        chat=chat,
        user=str(query.from_user.id),
        at=now,
        kind="choice",
        user_name=query.from_user.full_name,
        group=message.chat.type != "private",
        choice=query.data.removeprefix(PREFIX),
        reply_to=str(message.message_id),
        extra=extra,
    )


def _membership(number: int, change: ChatMemberUpdated, me: Me) -> Event | None:
    """The bot was let in, made an admin, thrown out, blocked, unblocked."""
    before, after = str(change.old_chat_member.status), str(change.new_chat_member.status)
    if change.chat.type not in ("private", "group", "supergroup"):
        return None
    if after not in _IN or getattr(change.new_chat_member, "is_member", True) is False:
        kind = "left"
    elif before not in _IN:
        kind = "joined"
    else:
        kind = "group"
    group = change.chat.type != "private"
    if not group and kind == "group":
        return None
    extra: dict[str, Any] = {}
    if group:
        extra = {"name": change.chat.title or "", "heard": me.hears_all or after in _ADMIN}
    if kind == "left":
        extra.pop("heard", None)
    return Event(
        key=str(number),
        chat=str(change.chat.id),
        user=str(change.from_user.id),
        at=change.date.astimezone(UTC),
        kind=kind,
        user_name=change.from_user.full_name,
        group=group,
        extra=extra,
    )
