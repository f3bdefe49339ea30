"""Recorded payloads (written here, in Telegram's form) and what they mean to us."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telegram import Update

from bot.adapters.base import Event
from bot.adapters.telegram.events import Me, translate

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)
ME = Me(123456, "huiyin_bot")
WANG = {"id": 701, "is_bot": False, "first_name": "秀英", "last_name": "王", "language_code": "zh"}
BOT = {"id": 123456, "is_bot": True, "first_name": "回音", "username": "huiyin_bot"}
PRIVATE = {"id": 701, "type": "private", "first_name": "秀英"}
GROUP = {"id": -5001, "type": "group", "title": "3栋群"}
SUPER = {"id": -1005001, "type": "supergroup", "title": "3栋群"}
FILE = {"file_id": "F1", "file_unique_id": "u1", "file_size": 900}


def message(chat: dict[str, Any] = PRIVATE, user: Any = WANG, **fields: Any) -> dict[str, Any]:
    return {"message_id": 42, "date": 1795395600, "chat": chat, "from": user, **fields}


def heard(update: dict[str, Any], me: Me = ME) -> Event | None:
    read = Update.de_json({"update_id": 9000, **update}, None)
    return translate(read, me, NOW)


def mention(text: str, offset: int, length: int, kind: str = "mention", **more: Any) -> Any:
    return {"text": text, "entities": [{"type": kind, "offset": offset, "length": length, **more}]}


TEXTS = [
    (PRIVATE, {"text": "楼道灯坏了"}, "楼道灯坏了", True),
    (PRIVATE, {"text": "/start"}, "菜单", True),
    (PRIVATE, {"text": "/start 你好"}, "你好", True),
    (GROUP, {"text": "/start@huiyin_bot HY-3K9A-BCDE"}, "HY-3K9A-BCDE", True),
    (GROUP, {"text": "/bind HY-3K9A-BCDE"}, "绑群 HY-3K9A-BCDE", True),
    (PRIVATE, {"text": "/mine"}, "我的诉求", True),
    (PRIVATE, {"text": "/HUMAN 有人吗"}, "人工 有人吗", True),
    (PRIVATE, {"text": "/菜单"}, "菜单", True),
    (PRIVATE, {"text": "1/2 的楼层没水"}, "1/2 的楼层没水", True),
    (GROUP, {"text": "物业电话多少？"}, "物业电话多少？", False),
    (GROUP, mention("@huiyin_bot 物业电话多少？", 0, 11), "物业电话多少？", True),
    (GROUP, mention("请问 @Huiyin_Bot 物业电话", 3, 11), "请问 物业电话", True),
    (GROUP, mention("😀@huiyin_bot，停水了", 2, 11), "😀，停水了", True),
    (GROUP, mention("@huiyin_bot，停水了", 0, 11), "停水了", True),
    (GROUP, mention("@lisi 在吗", 0, 5), "@lisi 在吗", False),
    (GROUP, mention("回音 几点开门", 0, 2, "text_mention", user=BOT), "几点开门", True),
    (GROUP, {"text": "/menu"}, "菜单", True),
    (GROUP, {"text": "/menu@huiyin_bot"}, "菜单", True),
    (GROUP, {"text": "/menu@other_bot"}, "/menu@other_bot", False),
    (GROUP, {"text": "/weather 北京"}, "weather 北京", False),
    (SUPER, {"text": "谢谢", "reply_to_message": message(SUPER, BOT, text="?")}, "谢谢", True),
    (SUPER, {"text": "谢谢", "reply_to_message": message(SUPER, WANG, text="?")}, "谢谢", False),
    (PRIVATE, {"text": "坏\ud83d字"}, "坏\ud83d字", True),
]


@pytest.mark.parametrize(("chat", "fields", "text", "addressed"), TEXTS)
def test_words_and_who_is_spoken_to(
    chat: dict[str, Any], fields: dict[str, Any], text: str, addressed: bool
) -> None:
    event = heard({"message": message(chat, **fields)})
    assert event is not None
    assert (event.kind, event.text, event.addressed) == ("text", text, addressed)
    assert (event.key, event.user, event.user_name) == ("9000", "701", "秀英 王")
    assert (event.chat, event.group) == (str(chat["id"]), chat is not PRIVATE)
    assert event.reply_to == ("42" if "reply_to_message" in fields else None)
    assert event.extra["message_id"] == "42"


PLACE = {"latitude": 31.2, "longitude": 121.5}
OWN = {"phone_number": "+8613800000000", "first_name": "秀英", "user_id": 701}
KINDS = [
    (
        {
            "photo": [
                {**FILE, "file_id": "small", "width": 9, "height": 9},
                {**FILE, "width": 90, "height": 90},
            ],
            "caption": "灯坏了",
        },
        "photo",
        "灯坏了",
        {"file_id": "F1", "size": 900, "mime": "image/jpeg"},
    ),
    (
        {"voice": {**FILE, "duration": 7, "mime_type": "audio/ogg"}},
        "voice",
        "",
        {"file_id": "F1", "duration": 7, "mime": "audio/ogg"},
    ),
    (
        {"audio": {**FILE, "duration": 9, "file_name": "录音.mp3"}},
        "voice",
        "",
        {"file_id": "F1", "duration": 9, "file_name": "录音.mp3"},
    ),
    ({"video": {**FILE, "duration": 5, "width": 1, "height": 1}}, "video", "", {"duration": 5}),
    ({"document": {**FILE, "file_name": "名单.xlsx"}}, "file", "", {"file_name": "名单.xlsx"}),
    (
        {
            "sticker": {
                **FILE,
                "width": 1,
                "height": 1,
                "is_animated": False,
                "is_video": False,
                "type": "regular",
            }
        },
        "sticker",
        "",
        {"file_id": "F1"},
    ),
    ({"location": PLACE}, "location", "", {"lat": 31.2, "lon": 121.5}),
    (
        {"venue": {"location": PLACE, "title": "幸福里", "address": "1号"}, "location": PLACE},
        "location",
        "幸福里 1号",
        {"lat": 31.2},
    ),
    ({"contact": OWN}, "contact", "", {"phone": "+8613800000000"}),
    ({"dice": {"emoji": "🎲", "value": 3}}, "other", "", {}),
]


@pytest.mark.parametrize(("fields", "kind", "text", "extra"), KINDS)
def test_attachments_are_references(
    fields: dict[str, Any], kind: str, text: str, extra: dict[str, Any]
) -> None:
    event = heard({"message": message(**fields)})
    assert event is not None
    assert (event.kind, event.text) == (kind, text)
    assert extra.items() <= event.extra.items()


def test_somebody_elses_number_is_not_kept() -> None:
    event = heard({"message": message(contact={**OWN, "user_id": 702})})
    assert event is not None
    assert event.kind == "contact"
    assert "138" not in str(event)


NOTHING = [
    {"message": message(GROUP, {**BOT, "id": 55}, text="广告")},
    {"message": message(GROUP, sender_chat={**SUPER, "type": "channel"}, text="频道转发")},
    {"message": message(GROUP, pinned_message=message(GROUP, text="置顶"))},
    {"message": message(GROUP, new_chat_members=[WANG])},
    {"channel_post": {**message({**SUPER, "type": "channel"}), "text": "公告"}},
    {"edited_message": message(location=PLACE, edit_date=1795395700)},
    {
        "poll_answer": {
            "poll_id": "1",
            "user": WANG,
            "option_ids": [0],
            "option_persistent_ids": ["a"],
        }
    },
    {},
]


@pytest.mark.parametrize("update", NOTHING)
def test_what_is_no_matter_of_ours(update: dict[str, Any]) -> None:
    assert heard(update) is None


def test_an_edit_is_a_message_of_its_own() -> None:
    event = heard({"edited_message": message(text="3栋灯坏了", edit_date=1795395700)})
    assert event is not None
    assert (event.key, event.kind, event.extra["edited"]) == ("edit:9000", "edit", "42")
    assert event.at.timestamp() == 1795395700


@pytest.mark.parametrize("data", ["v1:q12=1", "q12=1"])
def test_a_button(data: str) -> None:
    query = {"id": "77", "from": WANG, "chat_instance": "c", "data": data}
    event = heard({"callback_query": {**query, "message": message(GROUP, BOT, text="1 对")}})
    assert event is not None
    assert (event.kind, event.choice, event.user, event.chat) == ("choice", "q12=1", "701", "-5001")
    assert (event.reply_to, event.addressed, event.at) == ("42", True, NOW)


def test_a_button_of_a_message_too_old_to_be_shown() -> None:
    old = {"message_id": 3, "date": 0, "chat": PRIVATE}
    query = {"id": "77", "from": WANG, "chat_instance": "c", "data": "v1:q1=2", "message": old}
    event = heard({"callback_query": query})
    assert event is not None
    assert (event.choice, event.reply_to) == ("q1=2", "3")


def change(chat: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    def member(status: str) -> dict[str, Any]:
        flags = dict.fromkeys(
            (
                "can_be_edited",
                "is_anonymous",
                "can_manage_chat",
                "can_delete_messages",
                "can_manage_video_chats",
                "can_restrict_members",
                "can_promote_members",
                "can_change_info",
                "can_invite_users",
                "can_post_stories",
                "can_edit_stories",
                "can_delete_stories",
            ),
            False,
        )
        more = {"until_date": 0} if status == "kicked" else {}
        return {"status": status, "user": BOT, **(flags if status == "administrator" else more)}

    return {
        "my_chat_member": {
            "chat": chat,
            "from": WANG,
            "date": 1795395600,
            "old_chat_member": member(old),
            "new_chat_member": member(new),
        }
    }


MEMBERSHIPS = [
    (PRIVATE, "member", "kicked", "left", {}),
    (PRIVATE, "kicked", "member", "joined", {}),
    (GROUP, "left", "member", "joined", {"name": "3栋群", "heard": False}),
    (SUPER, "left", "administrator", "joined", {"name": "3栋群", "heard": True}),
    (SUPER, "member", "administrator", "group", {"name": "3栋群", "heard": True}),
    (SUPER, "administrator", "member", "group", {"name": "3栋群", "heard": False}),
    (GROUP, "member", "left", "left", {"name": "3栋群"}),
    (GROUP, "member", "kicked", "left", {"name": "3栋群"}),
]


@pytest.mark.parametrize(("chat", "old", "new", "kind", "extra"), MEMBERSHIPS)
def test_in_and_out(chat: dict[str, Any], old: str, new: str, kind: str, extra: Any) -> None:
    event = heard(change(chat, old, new))
    assert event is not None
    assert (event.kind, event.extra) == (kind, extra)
    assert event.group is (chat is not PRIVATE)


def test_a_group_is_heard_without_privacy_mode() -> None:
    event = heard(change(GROUP, "left", "member"), Me(123456, "huiyin_bot", hears_all=True))
    assert event is not None
    assert event.extra["heard"] is True


def test_a_group_that_moves_and_one_that_is_renamed() -> None:
    moved = heard({"message": message(GROUP, migrate_to_chat_id=-1005001)})
    named = heard({"message": message(GROUP, new_chat_title="3栋邻里群")})
    assert moved is not None
    assert named is not None
    assert (moved.kind, moved.chat, moved.extra) == ("moved", "-5001", {"to": "-1005001"})
    assert (named.kind, named.extra) == ("group", {"name": "3栋邻里群"})
