"""菜单: everything by digits."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from handlers.turn import LANGUAGES, Ask, Choice, Turn, Words
from storage.community_file import CommunityFile

MAIN = ("report", "help", "danger", "human", "mine", "data")
REPAIRS: tuple[tuple[str, str | None], ...] = (
    ("no_water", "water"),
    ("no_power", "power"),
    ("leak", "water"),
    ("lift", "lift"),
    ("gas_heat", "gas_heat"),
    ("rubbish", "sanitation"),
    ("noise", "noise"),
    ("other", None),
)
COMMANDS = ("menu", "mine", "human", "help", "data", "cancel", "stop", "bind", "start")
STAFF = ("todo", "rollcall", "rollcall_now", "notice", "unanswered", "console")


def main_ask(words: Words) -> Ask:
    """The menu as a question: anything else displaces it without a word."""
    choices = [[key, words.say(f"menu.{key}")] for key in MAIN]
    return Ask("menu.main", words.say("menu.main"), choices, "choice", False, True)


def menu(turn: Turn) -> None:
    """菜单, 返回; and a digit that came out of nowhere."""
    if turn.person.is_staff:
        _staff(turn)
        return
    chosen = _in_their_language(turn) if turn.opening.get("lang") else _main(turn)
    start = {
        "help": "help_ask",
        "danger": "ask_danger",
        "human": "human",
        "mine": "my_appeals",
        "data": "my_data",
    }
    if chosen == "report":
        _repairs(turn)
    elif chosen == "help":
        turn.start("help_ask", command="求助")
    elif chosen == "human":
        turn.start("human", text=turn.speech.say("menu.human_text"))
    else:
        turn.start(start[chosen])


def _main(turn: Turn) -> str:
    return turn.ask(
        "menu.surprised" if turn.opening.get("surprised") else "menu.main",
        *[Choice(key, turn.speech.say(f"menu.{key}")) for key in MAIN],
        key="menu.main",
        weak=True,
    )


def _in_their_language(turn: Turn) -> str:
    """For words we cannot read: the menu in their language where we have it, and in English."""
    english = turn.words_in("en")
    theirs = other_languages().get(str(turn.opening["lang"]), {})

    def both(key: str) -> str:
        own = theirs.get(key)
        return f"{own} / {english.say(f'menu.{key}')}" if own else english.say(f"menu.{key}")

    return turn.ask(
        "menu.in_other_language",
        *[Choice(key, both(key)) for key in MAIN],
        key="menu.main",
        weak=True,
        theirs=f"{theirs['main']}\n" if theirs else "",
        english=english.say("menu.only_two"),
    )


def command_menus(file: CommunityFile) -> dict[str, list[tuple[str, str]]]:
    """The commands a platform may list, (name, words), by language; "" is the community's own.

    In languages we do not speak the words that we have, and English for the rest.
    """

    def listed(language: str, known: Mapping[str, str]) -> list[tuple[str, str]]:
        words = Words(language, file.zone, file.phrases)
        return [(name, known.get(name) or words.say(f"commands.{name}")) for name in COMMANDS]

    menus = {"": listed(file.language, {})}
    menus |= {language[:2]: listed(language, {}) for language in LANGUAGES}
    menus |= {language: listed("en", known) for language, known in other_languages().items()}
    menus.pop(file.language[:2], None)
    return menus


@cache
def other_languages() -> dict[str, dict[str, str]]:
    """The menu's words by language and key."""
    path = Path(__file__).with_name("phrases").joinpath("other_languages").with_suffix(".toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _repairs(turn: Turn) -> None:
    names = {key: category for key, category in REPAIRS}
    say = turn.speech.say
    chosen = turn.ask(
        "menu.what_repair",
        *[Choice(key, say(f"menu.repair_{key}")) for key, _ in REPAIRS],
        Choice("back", say("menu.back"), ("返回", "back")),
        takes="text",
        key="repair",
    )
    if chosen == "back":
        turn.start("menu")
    elif chosen == "other":
        turn.start("appeal", command="报修")
    elif chosen in names:
        turn.start("appeal", what=say(f"menu.repair_{chosen}"), category=names[chosen])
    else:
        heard = turn.heard_at("repair")
        turn.start("appeal", what=chosen, category=(heard.category if heard else None) or "other")


def _staff(turn: Turn) -> None:
    chosen = turn.ask(
        "menu.staff",
        *[Choice(key, turn.speech.say(f"menu.{key}")) for key in STAFF],
        key="menu.staff",
        weak=True,
    )
    start = {
        "todo": "to_do",
        "rollcall": "rollcall_start",
        "rollcall_now": "rollcall_situation",
        "notice": "notice_compose",
        "unanswered": "unanswered",
        "console": "console_link",
    }
    turn.start(start[chosen])
