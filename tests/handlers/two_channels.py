"""A community with a page, a 公众号 and Telegram, and who is who on them; for tests."""

from __future__ import annotations

import re
from typing import Any

from nlp import Ear
from storage import Session, Store
from storage.models import Chat, Outbound, Resident
from tests.town import Town

CHANNELS = [
    {"id": "web-a", "platform": "web", "groups": [{"name": "3栋群", "place": "3栋"}]},
    {"id": "gzh", "platform": "wechat"},
    {"id": "tg", "platform": "telegram"},
]
CODE = re.compile(r"HY-\w{4}-\w{4}")


def make_town(ear: Ear) -> Town:
    return Town(ear, change={"channels": CHANNELS})


def code_for(town: Town, who: str, channel: str = "") -> str:
    """What 关联 gives."""
    (said,) = [one.text for one in town.say("a", who, "关联", channel=channel) if "HY-" in one.text]
    found = CODE.search(said)
    assert found
    return found[0]


def link(town: Town, who: str, key: str, channel: str) -> str:
    """Somebody's code, said as a user of another channel; gives the answer there."""
    said = town.say("a", key, code_for(town, who), channel=channel)
    return said[-1].text


def holder(session: Session, town: Town, channel: str, key: str) -> Resident:
    store = Store(session, town.ids["a"])
    identity = store.people.identity(channel, key)
    assert identity is not None
    person = store.people.resident(identity.resident_id)
    assert person is not None
    return person


def who(town: Town, channel: str, key: str) -> int:
    with town.database.read() as session:
        return holder(session, town, channel, key).id


def chat(session: Session, town: Town, channel: str, key: str) -> Chat:
    found = Store(session, town.ids["a"]).messages.chat_at(channel, key)
    assert found is not None
    return found


def texts(town: Town, channel: str, key: str, after: int = 0) -> list[str]:
    """Everything written to a chat, sent or not."""
    return [row.text for row in town.heard("a", key, after, channel)]


def rows(town: Town, *which: Any) -> list[Outbound]:
    with town.database.read() as session:
        return list(session.query(Outbound).filter(*which).order_by(Outbound.id))
