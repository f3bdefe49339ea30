"""What README and docs claim: links lead somewhere, commands and settings are the program's own."""

from __future__ import annotations

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from bot import cli
from bot.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
SCREENSHOTS = {"docs/images/resident.png", "docs/images/console.png"}  # taken before a release
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fenced(page: Path) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a page: language and text."""
    yield from FENCE.findall(page.read_text(encoding="utf-8"))


def code(page: Path) -> str:
    """Everything on a page that is set as code."""
    text = page.read_text(encoding="utf-8")
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    return "\n".join([*spans, *(block for _, block in fenced(page))])


def commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The sub-commands of a parser by name; none for a parser without."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def settings_keys(kind: type = Settings, where: str = "") -> Iterator[str]:
    for field in fields(kind):
        default = getattr(kind(), field.name)
        if is_dataclass(default):
            yield from settings_keys(type(default), f"{field.name}.")
        else:
            yield f"{where}{field.name}"


def test_there_are_pages() -> None:
    assert len(PAGES) >= 15


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:|#", target) or target in SCREENSHOTS:
            continue
        if not (page.parent / target.partition("#")[0]).exists():
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_that_are_mentioned_exist(page: Path) -> None:
    top = commands(cli._parser())
    unknown = []
    for line in re.findall(r"(?:^|[\s/])huiyin ((?:[a-z]+(?: |$|\b))*)", code(page)):
        words = line.split()
        known = top
        for word in words:
            if word not in known and known:
                unknown.append(line)
            if not known:
                break
            known = commands(known[word]) if word in known else {}
    assert not unknown


@pytest.mark.parametrize("page", READMES, ids=named)
def test_readme_names_every_command(page: Path) -> None:
    said = code(page)
    for name, parser in commands(cli._parser()).items():
        for whole in [f"{name} {below}" for below in commands(parser)] or [name]:
            assert f"huiyin {whole}" in said


@pytest.mark.parametrize("page", READMES, ids=named)
def test_the_readme_quotes_a_transcript_that_plays(page: Path) -> None:
    """Its lines stand in the file it names, in that order; tests/test_chats.py plays the file."""
    (quoted,) = [text.splitlines() for language, text in fenced(page) if language == "chat"]
    played = iter((ROOT / "tests/chats/appeal_straight.chat").read_text("utf-8").splitlines())
    assert quoted
    for line in quoted:
        assert line in played, line


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_files_that_are_mentioned_exist(page: Path) -> None:
    gone = [
        path
        for path in re.findall(
            r"(?<![\w/.])(?:tests|bot|handlers|storage|nlp)/[\w/]+\.\w+", code(page)
        )
        if not (ROOT / path).exists() and path not in NEW
    ]
    assert not gone


def test_each_cell_about_a_platform_is_tested_or_says_why_not() -> None:
    text = (ROOT / "docs/channels.md").read_text(encoding="utf-8")
    shown = {
        number: re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", rest)
        for number, rest in re.findall(r"^\[(\d+)\] ((?:`[^`]+`[,\s]*)+)", text, re.MULTILINE)
    }
    rows = [
        row.strip("|").split("|")
        for row in text.partition("\n[1] ")[0].splitlines()
        if row.startswith("| ")
    ]
    assert len(rows) >= 8
    used = set()
    for name, *cells in rows[1:]:
        assert len(cells) == len(rows[0]) - 1
        for cell in cells:
            marks = re.findall(r"\[(\d+)\]", cell)
            assert marks or re.match(r" — \w+", cell), f"{name}: {cell}"
            used |= set(marks)
    assert used == set(shown)
    for tests in shown.values():
        assert tests
        for file, test in tests:
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


NEW = {"tests/chats/lost_found.chat", "handlers/lost.py"}  # made in docs/adding-a-matter.md


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_code_in_pages_can_be_read(page: Path) -> None:
    for language, text in fenced(page):
        if language == "python":
            ast.parse(text)
        elif language == "toml":
            tomllib.loads(text)


def test_operations_documents_every_setting_with_its_default() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]+) \|", text, re.MULTILINE))
    assert set(settings_keys()) == set(rows)
    for key, shown in rows.items():
        value: object = Settings()
        for part in key.split("."):
            value = getattr(value, part)
        if value and isinstance(value, str | int):
            assert shown.strip() == f"`{value}`", key


def test_variables_that_are_mentioned_are_settings() -> None:
    known = {f"HUIYIN_{key.upper().replace('.', '__')}" for key in settings_keys()}
    known |= {"HUIYIN_CONFIG", "HUIYIN_SECTION__KEY"}
    for page in [*PAGES, ROOT / ".env.example"]:
        said = set(re.findall(r"HUIYIN_[A-Z_]+", page.read_text(encoding="utf-8")))
        assert said <= known, page.name
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert known - {"HUIYIN_CONFIG"} <= set(re.findall(r"HUIYIN_[A-Z_]+", example))


def test_every_duty_stands_in_the_architecture() -> None:
    from handlers import DUTIES

    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)) >= set(DUTIES)


@pytest.mark.parametrize("page", READMES, ids=named)
def test_every_matter_with_a_word_of_its_own_stands_in_the_readme(page: Path) -> None:
    from handlers import COMMANDS, STAFF_COMMANDS

    text = page.read_text(encoding="utf-8")
    words: dict[str, list[str]] = {}
    for word, matter in [*COMMANDS.items(), *STAFF_COMMANDS.items()]:
        words.setdefault(matter, []).append(word)
    unsaid = {m: w for m, w in words.items() if not any(o.replace(",", "，") in text for o in w)}
    assert not unsaid
