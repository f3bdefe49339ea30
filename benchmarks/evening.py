"""What residents write on a busy evening: real messages read where they lie, or a few of our own.

The real rows (../../shared/data, see its README) are never copied, printed or kept.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MIX = {"personal": 0.70, "complaint": 0.25, "flood": 0.05}
SOURCES = {
    "personal": ("personal_sms.jsonl", "text"),
    "complaint": ("complaints.jsonl", "title"),
    "flood": ("flood_help.jsonl", "text"),
}
MADE_UP: Mapping[str, Sequence[str]] = {
    "personal": ("晚上吃什么", "你到哪儿了", "好的谢谢", "明天几点见", "哈哈哈", "帮我收一下快递"),
    "complaint": (
        "3栋2单元楼道灯坏了",
        "楼下烧烤店油烟太大",
        "电梯又停了，老人下不了楼",
        "小区门口乱停车",
        "5栋垃圾三天没人清",
        "物业电话多少？",
    ),
    "flood": ("一楼进水了，需要人帮忙搬东西", "我有车，可以帮忙送人", "听说水库要放水是真的吗？"),
}
ADDRESS = re.compile(r"在哪|哪里|哪一栋|哪栋|几栋|位置|地址")

FOLLOWS = 0.55  # of those the bot put a question to, how many answer it next
FIRST_CHOICE = 0.7  # of their digits, how many are a 1


@dataclass(frozen=True)
class Saying:
    text: str
    source: str  # personal | complaint | flood | reply


def sources(folder: Path | None) -> dict[str, list[str]]:
    """Texts by source: of the data folder, or the made-up ones without a folder."""
    if folder is None:
        return {name: list(texts) for name, texts in MADE_UP.items()}
    found: dict[str, list[str]] = {}
    for name, (file, key) in SOURCES.items():
        with (folder / file).open(encoding="utf-8") as lines:
            texts = [str(json.loads(line).get(key) or "").strip() for line in lines]
        found[name] = [text for text in texts if text]
    return found


class Evening:
    """Decides who says what next; the same seed gives both servers the same evening."""

    def __init__(self, texts: Mapping[str, Sequence[str]], seed: int) -> None:
        self._random = random.Random(seed)
        self._texts = {name: list(found) for name, found in texts.items()}
        for found in self._texts.values():
            self._random.shuffle(found)
        self._next = dict.fromkeys(self._texts, 0)

    def say(self, asked: str, choices: int) -> Saying:
        """What a resident writes after the bot's last words (""), with so many choices."""
        if (choices or ADDRESS.search(asked)) and self._random.random() < FOLLOWS:
            return Saying(self._reply(asked, choices), "reply")
        name = self._random.choices(list(MIX), weights=list(MIX.values()))[0]
        texts = self._texts[name]
        self._next[name] += 1
        return Saying(texts[self._next[name] % len(texts)], name)

    def _reply(self, asked: str, choices: int) -> str:
        where = ADDRESS.search(asked) is not None
        if where and (not choices or self._random.random() < 0.5):
            n = self._random.randint
            return f"{n(1, 12)}栋{n(1, 3)}单元{n(1, 11)}0{n(1, 4)}"
        if self._random.random() < FIRST_CHOICE:
            return "1"
        return str(self._random.randint(1, choices))

    def chance(self, share: float) -> bool:
        return self._random.random() < share
