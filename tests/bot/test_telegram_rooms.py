"""Topics, links into the private chat, commands by language, attachments: over the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from bot.adapters.base import START, Caps, Event, Fail, Out, Refused, TooLarge
from bot.adapters.telegram import Telegram, shown
from bot.adapters.telegram.events import UPDATES
from bot.outcome import next_out, pieces
from handlers.menu import command_menus
from storage import community_file
from storage.store.sending import Waiting
from tests.bot.office import EXAMPLE
from tests.bot.telegram_double import TelegramDouble, serving
from tests.bot.test_telegram import make
from tests.bot.test_telegram_events import BOT, GROUP, PLACE, PRIVATE, SUPER, WANG, heard, message

OPENING = message(SUPER, BOT, forum_topic_created={"name": "停水", "icon_color": 1})
TOPIC = {"is_topic_message": True, "message_thread_id": 42}
IN_TOPIC = {**TOPIC, "reply_to_message": OPENING}  # so Telegram says it of any message there
KEY = "-1005001/42"


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


def event(**fields: Any) -> Event:
    found = heard({"message": message(SUPER, text="水几点来？", **fields)})
    assert found is not None
    return found


# Topics


def test_a_topic_is_a_chat_by_itself() -> None:
    found = event(**IN_TOPIC)
    assert (found.chat, found.extra["parent"]) == (KEY, "-1005001")
    assert found.extra["name"] == "3栋群 › 停水"
    assert (found.reply_to, found.addressed) == (None, False), "it replies to nobody"


def test_a_topic_whose_name_is_not_told() -> None:
    found = event(**TOPIC, reply_to_message=message(SUPER, WANG, text="?", **TOPIC))
    assert found.extra["name"] == "3栋群"
    # Message 42 is what opened the topic, even where it is not shown as that.
    assert (found.chat, found.reply_to) == (KEY, None)


def test_a_reply_in_a_topic() -> None:
    asked = {**message(SUPER, BOT, text="?", **TOPIC), "message_id": 99}
    found = event(**TOPIC, reply_to_message=asked)
    assert (found.reply_to, found.addressed) == ("99", True)


def test_a_thread_that_is_no_topic_stays_in_its_group() -> None:
    """In a group without topics replies have a thread too."""
    found = event(message_thread_id=42, reply_to_message=message(SUPER, WANG, text="?"))
    assert (found.chat, "parent" in found.extra, found.reply_to) == ("-1005001", False, "42")


@pytest.mark.parametrize(
    "fields",
    [
        {"forum_topic_created": {"name": "停水", "icon_color": 1}},
        {"forum_topic_edited": {"name": "停水"}},
    ],
)
def test_a_topic_is_named(fields: dict[str, Any]) -> None:
    found = heard({"message": message(SUPER, **fields, **TOPIC)})
    assert found is not None
    assert (found.kind, found.chat) == ("group", KEY)
    assert found.extra == {"name": "3栋群 › 停水", "parent": "-1005001"}


def test_a_topic_s_icon_is_no_matter_of_ours() -> None:
    fields = {"forum_topic_edited": {"icon_custom_emoji_id": "5"}, **TOPIC}
    assert heard({"message": message(SUPER, **fields)}) is None


def test_a_button_in_a_topic() -> None:
    query = {"id": "77", "from": WANG, "chat_instance": "c", "data": "v1:q12=1"}
    pressed = message(SUPER, BOT, text="1 对", **IN_TOPIC)
    found = heard({"callback_query": {**query, "message": pressed}})
    assert found is not None
    assert (found.chat, found.extra["parent"]) == (KEY, "-1005001")


async def test_a_topic_is_answered_there(bot: Telegram, double: TelegramDouble) -> None:
    await bot.send(Out(KEY, "今晚六点", group=True))
    await bot.send(Out("-1005001", "大家好", group=True))
    first, second = double.said("sendMessage")
    assert (first["chat_id"], first["message_thread_id"]) == (-1005001, 42)
    assert (second["chat_id"], "message_thread_id" in second) == (-1005001, False)


GONE = ["Bad Request: message thread not found", "Bad Request: TOPIC_CLOSED"]


@pytest.mark.parametrize("said", GONE)
async def test_a_topic_that_is_no_more(bot: Telegram, double: TelegramDouble, said: str) -> None:
    double.refuse("sendMessage", 400, {"description": said})
    assert (await bot.send(Out(KEY, "您好", group=True))).fail is Fail.GONE


async def test_a_topic_moves_with_its_group(bot: Telegram, double: TelegramDouble) -> None:
    double.refuse("sendMessage", 400, {"migrate_to_chat_id": -1009})
    sent = await bot.send(Out(KEY, "您好", group=True))
    assert (sent.fail, sent.moved_to) == (Fail.MOVED, "-1009/42")


async def test_a_group_is_known_before_its_topic(bot: Telegram, double: TelegramDouble) -> None:
    double.updates = [{"update_id": 1, "message": message(SUPER, text="/menu", **IN_TOPIC)}]
    first, second = (await bot.poll(None))[0]
    assert (first.kind, first.chat, first.extra["heard"]) == ("group", "-1005001", False)
    assert (second.chat, second.extra["parent"]) == (KEY, "-1005001")


# Links


def test_a_link_brings_its_scene() -> None:
    found = heard({"message": message(text="/start HY-3K9A-BCDE")})
    assert found is not None
    assert (found.kind, found.text, found.extra["scene"]) == ("start", "", "HY-3K9A-BCDE")


CARRY = ("", "私下接着说", f"{START}m7")
LINK = "https://t.me/huiyin_bot?start=m7"


def test_a_choice_that_opens_the_private_chat_is_a_link() -> None:
    text, markup = shown(Out("-1", "请私下写给我", [CARRY], group=True), "huiyin_bot")
    assert text == "请私下写给我"
    assert markup is not None
    [[button]] = markup.inline_keyboard
    assert (button.text, button.callback_data) == ("私下接着说", None)
    assert button.url == LINK


def test_beside_answers_it_has_no_digit() -> None:
    choices = [("1", "对" * 30, "q1=1"), CARRY]
    text, markup = shown(Out("-1", "?", choices, group=True), "huiyin_bot")
    assert text == f"?\n1. {'对' * 30}"
    assert markup is not None
    assert [row[0].url for row in markup.inline_keyboard] == [None, LINK]


def test_before_we_know_our_name_there_is_no_link() -> None:
    assert shown(Out("-1", "请私下写给我", [CARRY]))[1] is None


def test_elsewhere_no_dead_digit_is_shown() -> None:
    row = Waiting(1, 1, "c", True, 1, "请私下写给我", (CARRY,))
    assert next_out(row, Caps())[0].choices == ()
    assert next_out(row, Caps(links=True))[0].choices == (CARRY,)
    assert Out("c", "请私下写给我", [CARRY]).plain() == "请私下写给我"


# What is listed


async def test_commands_in_each_language(double: TelegramDouble) -> None:
    file = community_file.read(EXAMPLE)
    bot = make(double, menus=command_menus(file))
    await bot.setup()
    await asyncio.gather(*bot._answering)
    listed = {
        (body.get("language_code", ""), body["scope"]["type"]): {
            c["command"]: c["description"] for c in body["commands"]
        }
        for body in double.said("setMyCommands")
    }
    languages = {"", "en", "ru", "ja", "ko", "ar", "th", "hi"}
    scopes = {"all_private_chats", "all_group_chats"}
    assert set(listed) == {(language, scope) for language in languages for scope in scopes}
    private, group = listed["", "all_private_chats"], listed["", "all_group_chats"]
    assert private["human"] == "找工作人员"
    assert set(group) == {"menu", "human", "bind"}
    assert "bind" not in private
    assert listed["en", "all_private_chats"]["human"] == "Talk to a person"
    # Where we have no word of a language, English stands in.
    assert listed["ja", "all_private_chats"]["human"] == "人と話したい"
    assert listed["ja", "all_private_chats"]["cancel"] == "Cancel"
    assert double.said("setChatMenuButton") == [{"menu_button": {"type": "commands"}}]
    await bot.close()


async def test_every_command_that_is_listed_is_understood(double: TelegramDouble) -> None:
    from handlers import CONTENTS

    for name, _ in command_menus(community_file.read(EXAMPLE))[""]:
        found = heard({"message": message(text=f"/{name}")})
        assert found is not None
        assert found.text in {**CONTENTS.commands, **CONTENTS.staff_commands}, name


async def test_a_community_s_own_words_are_listed() -> None:
    file = community_file.read(EXAMPLE)
    file.raw["phrases"] = {"commands": {"human": "找网格员"}}
    own = community_file.parse(file.raw)
    assert ("human", "找网格员") in command_menus(own)[""]


async def test_commands_that_are_refused_hold_up_nothing(double: TelegramDouble) -> None:
    bot = make(double, menus=command_menus(community_file.read(EXAMPLE)))
    double.refuse("setMyCommands", 429, {"retry_after": 30})
    await bot.setup()
    await asyncio.gather(*bot._answering)
    assert len(double.said("setMyCommands")) == 1, "one refusal is enough"
    await bot.close()


# Attachments


async def read(bot: Telegram, extra: dict[str, Any], most: int = 1000) -> bytes:
    return b"".join([chunk async for chunk in bot.fetch(extra, most)])


async def test_a_file_is_fetched(bot: Telegram, double: TelegramDouble) -> None:
    double.files["F1"] = b"\xff\xd8" + bytes(900)
    assert await read(bot, {"file_id": "F1"}) == double.files["F1"]


async def test_too_large_is_known_before_it_is_read(bot: Telegram, double: TelegramDouble) -> None:
    double.files["F1"] = bytes(5000)
    with pytest.raises(TooLarge):
        await read(bot, {"file_id": "F1", "size": 5000})
    assert double.said("getFile") == []
    with pytest.raises(TooLarge):
        await read(bot, {"file_id": "F1"})
    assert double.fetched == []


async def test_a_size_that_was_not_true(bot: Telegram, double: TelegramDouble) -> None:
    double.files["F1"], double.told["F1"] = bytes(5000), 10
    with pytest.raises(TooLarge):
        await read(bot, {"file_id": "F1"})


async def test_a_file_that_is_not_there(bot: Telegram, double: TelegramDouble) -> None:
    double.files["F1"] = b""
    with pytest.raises(Refused) as refused:
        await read(bot, {"file_id": "F1"})
    assert refused.value.sent.fail is Fail.RETRY
    assert "404" in refused.value.sent.detail
    with pytest.raises(Refused) as refused:
        await read(bot, {"file_id": "F2"})
    assert refused.value.sent.fail is Fail.REJECTED


# Long texts


async def test_long_texts_leave_in_sentences(bot: Telegram, double: TelegramDouble) -> None:
    sentence = "今天下午三点在三栋楼下发米，请带好购物袋。"
    row = Waiting(1, 1, "701", False, 1, sentence * 450)
    parts = pieces(row, bot.caps)
    assert len(parts) == 3
    for part in parts:
        assert (await bot.send(Out("701", part))).fail is None
    said = [body["text"] for body in double.said("sendMessage")]
    assert "".join(said) == sentence * 450
    assert all(text.endswith("。") and len(text) <= 4096 for text in said)


# Edits


def test_an_edited_caption_is_an_edit() -> None:
    photo = [{"file_id": "F", "file_unique_id": "u", "width": 9, "height": 9}]
    update = {"edited_message": message(photo=photo, caption="就是这盏", edit_date=1795395700)}
    found = heard(update)
    assert found is not None
    assert (found.kind, found.text, found.extra["edited"]) == ("edit", "就是这盏", "42")


@pytest.mark.parametrize("chat", [PRIVATE, GROUP])
def test_a_live_location_moves_unheard(chat: dict[str, Any]) -> None:
    live = {"location": {**PLACE, "live_period": 900}}
    assert heard({"message": message(chat, **live)}) is not None
    assert heard({"edited_message": message(chat, **live, edit_date=1795395700)}) is None


def test_we_ask_for_what_we_translate() -> None:
    assert set(UPDATES) == {"message", "edited_message", "callback_query", "my_chat_member"}
