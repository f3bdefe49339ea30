"""Plays .chat transcripts: the real core; only the clock and the platform are made up.

The format is contract.md section 6. Beyond it a message may be `[语音]`, `[照片]`,
`[位置]`, `[表情]`, `[视频 30 MB]`; `[1]` presses that button under the last question;
`[回复 新诉求] 好的` replies to the last message that contains 新诉求; a line `again` delivers
the last message a second time.
"""

from __future__ import annotations

import re
import tomllib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.adapters.base import with_lines
from bot.dispatcher import Dispatcher
from bot.rehearsal import Rehearsal
from handlers import CONTENTS
from nlp import Ear
from nlp.places import find_place
from storage import Database, Session, Store, community_file
from storage.community_file import BadCommunity
from storage.models import Entity, Outbound, Resident
from storage.store.loading import load_community, settle_in
from storage.store.receipts import Received

EXAMPLE = Path(__file__).parent.parent / "communities" / "example.toml"
CHANNEL = "web"
ROLES = ("chief", "worker", "volunteer", "resident", "stranger")
MEDIA = {
    "语音": "voice",
    "照片": "photo",
    "视频": "video",
    "位置": "location",
    "表情": "sticker",
    "文件": "file",
    "名片": "contact",
}
STEP = re.compile(
    r"(?P<who>[^\s@<>]+)(?:@(?P<group>[^\s<>]+))?(?P<sign>><?|<<|<!|<|>) ?(?P<text>.*)"
)


class Unreadable(Exception):
    """A transcript that is not one: exit code 2."""


class Failed(Exception):
    """A transcript that does not hold: exit code 1."""


@dataclass
class Line:
    number: int
    text: str


@dataclass
class World:
    """An in-memory community at a made-up moment."""

    ear: Ear
    database: Database
    now: datetime = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    lenient: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    people: list[tuple[str, list[str]]] = field(default_factory=list)
    groups: list[tuple[str, str]] = field(default_factory=list)
    queues: dict[str, deque[str]] = field(default_factory=dict)
    codes: int = 0

    def open(self) -> None:
        """Builds the database from the headers. Raises Unreadable."""
        raw = dict(self.settings)
        raw["demo"] = False
        raw["people"] = [_person(words) for words in self.people if words[0] != "stranger"]
        if not any(p["role"] == "chief" for p in raw["people"]):
            raw["people"].append({"name": "主任", "role": "chief"})
        rostered = raw.pop("duty_set", False)
        raw["duty"] = raw.get("duty", []) if rostered else []
        raw["channels"] = [
            {
                "id": CHANNEL,
                "platform": "web",
                "groups": [
                    {"name": name, "place": place} if place else {"name": name}
                    for name, place in self.groups
                ],
            }
        ]
        try:
            file = community_file.parse(raw)
        except BadCommunity as error:
            raise Unreadable("; ".join(error.faults)) from None
        Entity.metadata.create_all(self.database.writer)
        dispatcher = Dispatcher(
            ear=self.ear,
            contents=CONTENTS,
            code=self._code,
            messages_per_minute=30,
            public_url="http://127.0.0.1:8080",
            on_duty_all=not rostered,
        )
        with self.database.write() as session:
            community = load_community(session, file, self.now)
            self.community_id = community.id
            self._greet(session)
            dispatcher.start_duties(session, self.now)
        self.rehearsal = Rehearsal(self.database, dispatcher, self.now)
        self.zone = file.zone
        self.seen = 0
        self.sent = 0
        self.last: Received | None = None
        self.chats: dict[int, str] = {}
        self._hear()

    def _code(self) -> str:
        self.codes += 1
        return f"code{self.codes:08d}"

    def _greet(self, session: Session) -> None:
        """Everybody of the headers has a private chat already; a stranger has nothing."""
        store = Store(session, self.community_id)
        for name, words in ((w[1][0], w) for w in self.people):
            self.queues[name] = deque()
            if words[0] == "stranger":
                continue
            person = store.people.in_file(name)
            assert person is not None
            _home(store, person, words[1][1:])
            settle_in(store, person, CHANNEL, name, self.now)
        for name, _ in self.groups:
            self.queues[name] = deque()

    # Steps

    def write(self, who: str, group: str | None, text: str) -> None:
        self.sent += 1
        chat = who
        if group is not None:
            with self.database.read() as session:
                found = Store(session, self.community_id).messages.group_named(CHANNEL, group)
                chat = found.external_id if found else group
        kind, reply_to, pressed = "text", None, None
        special = re.match(r"\[([^\]]+)\] ?(.*)", text, re.DOTALL)
        sized = re.match(r"\[(\w+) (\d+) MB\] ?(.*)", text, re.DOTALL)
        extra = None
        if sized and sized[1] in MEDIA:
            kind, text = MEDIA[sized[1]], sized[3]
            extra = {"file_id": f"{who}:{self.sent}", "size": int(sized[2]) * 2**20}
        elif special and special[1] in MEDIA:
            kind, text = MEDIA[special[1]], special[2]
        elif special and special[1].isdigit():
            kind, text, pressed = "choice", "", self._button(who, int(special[1]))
        elif special and special[1].startswith("回复 "):
            reply_to, text = self._message(who, special[1][3:]), special[2]
        addressed = group is None or text.lower().startswith("@bot")
        row = Received(
            channel_id=CHANNEL,
            external_id=f"{who}:{self.sent}",
            chat_key=chat,
            user_key=who,
            user_name=who,
            group=group is not None,
            kind=kind,
            reply_to=reply_to,
            choice=pressed,
            text=re.sub(r"^@bot\s*", "", text, flags=re.IGNORECASE),
            addressed=addressed,
            extra=extra,
        )
        self.deliver(row)

    def deliver(self, row: Received) -> None:
        self.last = row
        self.rehearsal.deliver(row)
        self._hear()

    def _rows(self, who: str) -> list[Outbound]:
        with self.database.read() as session:
            store = Store(session, self.community_id)
            chat = store.messages.chat_at(CHANNEL, who)
            return store.messages.heard_since(chat, 0, limit=10_000) if chat else []

    def _button(self, who: str, digit: int) -> str:
        for row in reversed(self._rows(who)):
            if row.choices:
                if digit > len(row.choices):
                    raise Failed(f"没有第 {digit} 个按钮")
                return str(row.choices[digit - 1][2])
        raise Failed("没有按钮可按")

    def _message(self, who: str, part: str) -> str | None:
        found = [row for row in self._rows(who) if part in row.text]
        if not found:
            raise Failed(f"没有含“{part}”的消息可回复")
        return found[-1].external_id

    def settle(self) -> None:
        """Turns and duties until nothing is due now."""
        self.rehearsal.settle()
        self._hear()

    def _hear(self) -> None:
        """Moves what was said since into the queues of those who read it."""
        with self.database.write() as session:
            store = Store(session, self.community_id)
            for row in store.messages.said_after(self.seen):
                self.seen = row.id
                row.external_id = f"m{row.id}"
                if row.kind == "relay":
                    continue
                if row.chat_id not in self.chats:
                    chat = store.messages.chat(row.chat_id)
                    assert chat is not None
                    self.chats[row.chat_id] = (
                        chat.name if chat.group and chat.name else chat.external_id
                    )
                text = row.text if row.sender == "bot" else f"{row.sender}：{row.text}"
                text = with_lines(text, [] if row.inline else row.choices)
                self.queues.setdefault(self.chats[row.chat_id], deque()).append(text)

    def move(self, span: timedelta) -> None:
        """From due moment to due moment, in order, never in one leap."""
        self.rehearsal.move(span)
        self.now = self.rehearsal.now
        self._hear()


def _person(header: tuple[str, list[str]]) -> dict[str, Any]:
    role, words = header
    row: dict[str, Any] = {"name": words[0], "role": role}
    if role == "worker" and len(words) > 1:
        row["place"] = words[1]
    if "elder" in words[1:]:
        row["elder"] = True
    if "willing" in words[1:]:
        row["willing"] = True
    if "english" in words[1:]:
        row["language"] = "en"
    return row


def _home(store: Store, person: Resident, words: list[str]) -> None:
    where = find_place(words[0]) if words else find_place("")
    place = store.people.building(where.building)
    if person.is_staff:
        return
    if words and place is None and store.people.place_named(words[0]) is not None:
        place = store.people.place_named(words[0])
    if place is None and words and words[0] not in ("elder", "willing", "english"):
        raise Unreadable(f"没有“{words[0]}”这个地方")
    if place is not None:
        person.home_id, person.unit, person.room = place.id, where.unit, where.room
        if person.role == "volunteer":
            person.role_place_id = place.id


def lines(text: str) -> Iterator[Line]:
    """Steps with their continuation lines joined, comments and blanks left out."""
    held: Line | None = None
    for number, raw in enumerate(text.splitlines(), start=1):
        line = re.sub(r"(^|\s{2,})#.*$", "", raw).rstrip()
        if not line.strip():
            continue
        more = re.match(r"\s+\| ?(.*)", line)
        if more:
            if held is None:
                raise Unreadable(f"{number}: 续行前面没有消息")
            held.text += f"\n{more[1]}"
            continue
        if held is not None:
            yield held
        held = Line(number, line.strip())
    if held is not None:
        yield held


def play(path: Path, ear: Ear, database: Database | None = None) -> None:
    """Plays one transcript, in memory or on an empty database.

    Raises Failed or Unreadable, with the line in the message."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Unreadable(f"{path}: 读不了这个文件") from None
    settings = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    world = World(ear, database or Database("sqlite://"), settings=settings)
    started = False
    number = 0
    try:
        for line in lines(text):
            number = line.number
            if not started and _header(world, line.text):
                continue
            if not started:
                world.open()
                started = True
            _step(world, line.text)
        if not started:
            raise Unreadable("没有对话")
        if not world.lenient:
            _nothing_left(world)
    except (Unreadable, Failed) as error:
        raise type(error)(f"{path}:{number}: {error}") from None


def _header(world: World, line: str) -> bool:
    word, _, rest = line.partition(" ")
    words = rest.split()
    if word == "lenient":
        world.lenient = True
    elif word == "at" and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", rest.strip()):
        zone = community_file.parse(world.settings).zone
        world.now = datetime.fromisoformat(rest.strip()).replace(tzinfo=zone).astimezone(UTC)
    elif word == "set" and len(words) >= 2:
        _set(world.settings, words[0], rest.strip()[len(words[0]) :].strip())
    elif word in ROLES and words:
        world.people.append((word, words))
    elif word == "group" and words:
        world.groups.append((words[0], words[1] if len(words) > 1 else ""))
    else:
        return False
    return True


def _set(settings: dict[str, Any], key: str, value: str) -> None:
    try:
        parsed: Any = tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        parsed = value
    table = settings
    *above, last = key.split(".")
    for name in above:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise Unreadable(f"不能设置 {key}")
    table[last] = parsed
    if key == "duty":
        settings["duty_set"] = True


def _step(world: World, line: str) -> None:
    moved = re.fullmatch(r"\+((?:\d+[smhd])+)", line)
    if moved:
        units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
        found = re.findall(r"(\d+)([smhd])", moved[1])
        world.move(timedelta(seconds=sum(int(n) * units[u] for n, u in found)))
        return
    if line == "again":
        if world.last is not None:
            world.deliver(world.last)
        return
    step = STEP.fullmatch(line) or re.fullmatch(STEP.pattern, line, re.DOTALL)
    if step is None:
        raise Unreadable(f"看不懂这一行：{line}")
    who, group, sign, text = step["who"], step["group"], step["sign"], step["text"]
    if who not in world.queues or (group is not None and group not in world.queues):
        raise Unreadable(f"没有介绍过“{group if who in world.queues else who}”")
    if sign == ">":
        world.write(who, group, text)
    else:
        _expect(world.queues[who], who, sign, text)


def _pattern(text: str) -> str:
    return ".*".join(re.escape(part) for part in text.strip().split("…"))


def _expect(queue: deque[str], who: str, sign: str, text: str) -> None:
    pattern = _pattern(text)
    waiting = list(queue)
    if sign == "<!":
        for message in waiting:
            if re.search(pattern, message, re.DOTALL):
                raise Failed(f"{who} 不该听到“{text}”，却听到：{message}")
    elif sign == "<<":
        while queue:
            if re.search(pattern, queue.popleft(), re.DOTALL):
                return
        heard = "；".join(waiting) or "什么也没有"
        raise Failed(f"{who} 应听到含“{text}”的消息，听到的是：{heard}")
    elif text.strip() == "-":
        if queue:
            raise Failed(f"{who} 不该有消息，却听到：{queue[0]}")
    else:
        message = queue.popleft() if queue else "什么也没有"
        if not re.fullmatch(pattern, message, re.DOTALL):
            raise Failed(f"{who} 应听到“{text}”，听到的是：{message}")


def _nothing_left(world: World) -> None:
    for who, queue in world.queues.items():
        if queue:
            raise Failed(f"到最后 {who} 还有没人等的消息：{queue[0]}")
