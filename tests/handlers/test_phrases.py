"""The phrase books: complete in both languages, used, plain, and short enough to be read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import handlers
import nlp
from handlers import CONTENTS, help, media, menu, talk
from handlers.words import LANGUAGES, Words, book
from nlp.intents import CATEGORIES
from storage.models import Role, Stage

ROOM = Path(handlers.__file__).parent
ZH, EN = book("zh-CN"), book("en")
BOOKS = {"zh-CN": ZH, "en": EN}
MATTERS = {name.partition(".")[0] for name in ZH}
SPEAKING = {"say", "tell", "tell_resident", "offer", "ask_solved"}  # a phrase among their arguments

# Phrases whose names are put together: what stands in the code, and what it can become.
DANGERS = (*nlp.DANGERS, "other")
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "appeal.mine_{}": tuple(Stage),
    "appeal.already_{}": ("acted", "confirmed", "unconfirmed", "withdrawn"),
    "channel.platform_{}": ("web", "telegram", "wechat", "wecom", "qq", "terminal"),
    "appeal.do_{}": ("accept", "reply", "done", "hand_on"),
    "incident.now_{}": DANGERS,
    "incident.kind_{}": (*DANGERS, "needs_help"),
    "commands.{}": menu.COMMANDS,
    "menu.{}": (*menu.MAIN, *menu.STAFF),
    "menu.repair_{}": tuple(name for name, _ in menu.REPAIRS),
    "help.kind_{}": help.KINDS,
    "media.{}": media.KNOWN,
    "media.why_{}": ("large", "kind", "gone", "network"),
    "media.refused_{}": ("large", "kind"),
    "notice.{}": ("once", "daily", "weekly"),
    "people.{}": tuple(Role),
    "talk.as_{}": (*talk.FROM_CLARIFYING, "nothing"),
    "rollcall.{}": ("safe", "needs_help"),
    "time.{}": ("day", "hour", "minute"),
}
# Families whose first part is not a literal; found by name in the code below.
BY_HAND = {
    *(f"category.{name}" for name in CATEGORIES),  # handlers/words.py: _CATEGORY
    *(f"menu.tab_{name}" for name in ("matters", "mine", "all")),  # bot/adapters/wechat
    *(f"channel.{name}_closed" for name in ("question_passed", "rumour_passed", "human_called")),
}
# Keys under which a conversation keeps an answer: no phrases.
KEYS = {"where.again", "what.again", "phone.again"}

# Only staff hear these, so a line may be longer.
STAFF = re.compile(
    r"register\.staff_words|binding\.(which|no_such)|telling\.|linking\.(code_for|not_this|parted_for|both_in|merged$)"
    r"|menu\.(staff|todo|notice|console)|notice\.(?!to_resident|received|receipt)"
    r"|console\.|rollcall\.(which|no_|why|started|doors|situation|you_called|ended|none_open|late_answer|help_text|also|ended_by|also|ended_by)"
    r"|help\.(worker$|worker_has|did_not|nobody|not_agreed)"
    r"|incident\.(alarm|you_go|taken_by|more_staff|false_alarm_staff|confirmed_staff|i_go|all_well)"
    r"|channel\.(.*_for_you|still|unanswered|all_answered|health|not_heard|quiet|red|your|which|do_)"
    r"|appeal\.(new|withdrawn|to_do|nothing|no_such_num|already|you_|taken_over|reply_what|replied"
    r"|not_reached|next|confirmed_staff|reopened_|hand|no_such_person|cannot|came|remind|late_h"
    r"|late_above|refused|resident_says)|media\.(for_|lost)"
    r"|(appeal|incident|rollcall|help)\.reported(?!_for_you|_taken)|help\.from_paste|channel\.forwarded"
)
NAME = re.compile(r"[a-z_]+\.[a-z_]+")
FAMILY = re.compile(r"[a-z_]+\.[a-z_]*\{\}")
LINE = 60  # characters, look.md
SAMPLE = {
    "n": "12",
    "name": "王阿姨",
    "who": "小李",
    "by": "明早8:30",
    "home": "3栋2单元501",
    "community": "幸福里社区",
    "what": "楼道灯坏了好几天",
    "where": "3栋2单元",
    "place": "3栋",
    "category": "房屋楼道",
    "text": "楼道灯坏了好几天",
    "why": "“坏了”像是诉求。\n",
    "times": "2",
    "ladder": "●已收到 → ○受理 → ○处理 → ○您确认",
    "lines": "12号 灯坏了：小李在办",
    "reason": "燃气泄漏",
    "role": "志愿者",
    "phone": "13800000000",
    "helper": "刘姐",
    "count": "41",
    "kind": "照片",
    "link": "http://h/x",
}

BANNED = {
    "zh-CN": re.compile(
        r"系统|工单|提交成功|[！!]{2}|错误码|异常|非法|无效|失败|\b(?:4\d\d|5\d\d)\b|Error"
    ),
    "en": re.compile(
        r"[！!]{2}|\b(?:system|tickets?|submit\w*|success\w*|invalid|errors?|failed|exception|"
        r"please note|kindly|40\d|50[0-4])\b",
        re.IGNORECASE,
    ),
}


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(ROOM.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def keys_of(tree: ast.Module) -> set[int]:
    """Nodes that name an answer or a question, not a phrase."""
    return {
        id(word.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg in ("key", "name")
    }


def literals() -> dict[str, str]:
    """Every "matter.name" in the code, except keys of answers; with where it stands."""
    found: dict[str, str] = {}
    for path, tree in trees():
        keys = keys_of(tree)
        parts = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in node.values
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or id(node) in keys | parts:
                continue
            if isinstance(node.value, str) and NAME.fullmatch(node.value):
                found.setdefault(node.value, f"{path.name}:{node.lineno}")
    return found


def families() -> dict[str, str]:
    """Every f"matter.name_{…}" in the code, written "matter.name_{}"; with where it stands."""
    found: dict[str, str] = {}
    for path, tree in trees():
        keys = keys_of(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.JoinedStr):
                continue
            shape = "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
            if id(node) in keys or shape.partition(".")[0] not in MATTERS:
                continue
            if FAMILY.fullmatch(shape):
                found.setdefault(shape, f"{path.name}:{node.lineno}")
    return found


def enumerated() -> set[str]:
    return BY_HAND | {
        shape.replace("{}", str(member))
        for shape, members in FAMILIES.items()
        for member in members
    }


def spoken() -> Iterator[tuple[str, str]]:
    """The literal phrases that are said: an argument, or either side of a choice between two."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            if called not in SPEAKING:
                continue
            for argument in node.args:
                for part in (
                    (argument.body, argument.orelse)
                    if isinstance(argument, ast.IfExp)
                    else (argument,)
                ):
                    if (
                        isinstance(part, ast.Constant)
                        and isinstance(part.value, str)
                        and "." in part.value
                    ):
                        yield part.value, f"{path.name}:{part.lineno}"


def test_both_books_hold_the_same_phrases() -> None:
    assert set(LANGUAGES) == set(BOOKS)
    assert set(EN) == set(ZH)


@pytest.mark.parametrize("name", sorted(ZH))
def test_a_phrase_has_the_same_placeholders_in_both_books(name: str) -> None:
    assert placeholders(EN[name]) == placeholders(ZH[name])


def test_every_phrase_that_is_said_is_in_the_book() -> None:
    missing = {name: where for name, where in spoken() if name not in ZH}
    assert not missing
    questions = set(CONTENTS.answers)
    strange = {n: w for n, w in literals().items() if n not in ZH and n not in questions | KEYS}
    assert not strange, "neither a phrase nor a question's name"


def test_every_family_of_phrases_is_enumerated_and_in_the_book() -> None:
    found = families()
    assert set(found) == set(FAMILIES), found
    assert enumerated() <= set(ZH)


def test_no_phrase_is_unused() -> None:
    unused = set(ZH) - set(literals()) - enumerated()
    assert not unused


# What a speaking function fills in by itself, besides what it is given.
FILLS = {
    "tell_resident": {"n", "what"},
    "offer": {"n", "text", "where", "what", "who", "category", "by", "late"},
    "ask_solved": {"n", "what", "who", "ladder"},
}
SAYS_IT_ALL = {"say", "ask", "tell", "put", *FILLS}


def test_whoever_says_a_phrase_fills_it_in() -> None:
    """A missing value would be said as “{what}”, or fail the turn."""
    lacking = []
    for path, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            own = getattr(node.func, "id", "")  # a function of the file, not of the desk
            called = node.func.attr if isinstance(node.func, ast.Attribute) else own
            given = {word.arg for word in node.keywords}
            if (
                called not in SAYS_IT_ALL or own in ("ask", "put") or None in given
            ):  # **values: whatever the caller has
                continue
            names = [name for argument in node.args for name in literal(argument) if name in ZH]
            if called == "put":
                names = [name for argument in node.args[3:4] for name in literal(argument)]
            for name in names:
                needs = placeholders(ZH.get(name, "")) - given - FILLS.get(called, set())
                if needs:
                    lacking.append(f"{path.name}:{node.lineno} {name} {sorted(needs)}")
    assert not lacking


def literal(argument: ast.expr) -> list[str]:
    """The strings an argument may be: itself, or either side of a choice between two."""
    sides = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
    return [s.value for s in sides if isinstance(s, ast.Constant) and isinstance(s.value, str)]


@pytest.mark.parametrize("language", BOOKS)
def test_no_word_that_only_offices_use(language: str) -> None:
    bad = {
        name: found[0]
        for name, text in BOOKS[language].items()
        if (found := BANNED[language].search(text))
    }
    assert not bad


@pytest.mark.parametrize("language", BOOKS)
def test_every_phrase_fills_in(language: str) -> None:
    words = Words(language, ZoneInfo("Asia/Shanghai"), {})
    for name, text in BOOKS[language].items():
        filled = words.say(name, **{key: SAMPLE.get(key, "12") for key in placeholders(text)})
        assert not re.search(r"[{}]", filled), name
        assert filled or text == "", name


@pytest.mark.parametrize("language", BOOKS)
def test_a_line_to_a_resident_is_short(language: str) -> None:
    """Words of others that are passed on (“{text}”) are not ours to shorten."""
    long: dict[str, str] = {}
    for name, text in BOOKS[language].items():
        if STAFF.match(name):
            continue
        filled = text.format_map({key: SAMPLE.get(key, "12") for key in placeholders(text)})
        for line in filled.splitlines():
            if len(line) > LINE:
                long[name] = line
    assert not long


def test_the_digits_of_one_line_questions_stand_in_their_order() -> None:
    """Where no buttons are listed, the words themselves say what 1 and 2 are."""
    for name in ZH:
        if re.search(r"回1 .*回2 ", ZH[name]):
            assert re.search(r"[Rr]eply 1 .*reply 2 ", EN[name]), name


def test_english_lengths_of_time_are_sayable() -> None:
    words = Words("en", ZoneInfo("Asia/Shanghai"), {})
    spans = [words.span(timedelta(minutes=n)) for n in (0, 1, 40, 60, 119, 150, 60 * 24 * 3)]
    assert spans == ["less than a minute", "1 min", "40 min", "1 hr", "119 min", "2 hr", "3 days"]
