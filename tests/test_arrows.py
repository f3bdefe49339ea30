"""The rule of arrows (design.md section 3), held by reading every import, lazy ones too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers import CONTENTS
from handlers.desk import Desk
from handlers.turn import Turn

ROOT = Path(__file__).parents[1]
ROOMS = ("bot", "handlers", "nlp", "storage")
MAY_IMPORT = {
    "bot": {"bot", "handlers", "nlp", "storage"},
    "handlers": {"handlers", "nlp", "storage"},
    "nlp": {"nlp"},
    "storage": {"storage"},
}
MACHINERY = {
    "turn",
    "desk",
    "words",
    "codes",
    "conversing",
    "corrections",
    "crowds",
    "edits",
    "front",
    "groups",
    "menus",
    "routing",
    "standing",
}
LIBRARIES = {  # library: where alone it may be imported
    "telegram": r"bot/adapters/telegram/\w+\.py",
    "wechatpy": r"bot/adapters/(wechat|wecom|tencent)(/\w+)?\.py",
    "apscheduler": r"bot/duties\.py",
    "jieba": r"nlp/.*",
    "sklearn": r"nlp/.*",
    "sqlalchemy": r"storage/.*",
    "alembic": r"storage/migrations/.*",
    "starlette": r"bot/web/.*",
    "uvicorn": r"bot/app\.py",
    "jinja2": r"bot/web/.*",
    "holidays": r"storage/hours\.py",
}
# Besides app.py, these two look at the clock on the wall: a self-check of that very clock, and
# `classify`, which has no community and so no other "now" to read "今晚八点" by.
CLOCKS = {"bot/app.py", "bot/doctor.py", "bot/cli.py"}
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=name(path))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module a file imports, wherever in the file; `from a import b` counts as a.b too."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno}: relative imports hide the arrow"
            yield str(node.module), node.lineno
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("__import__", "import_module")
        ):
            yield f"?{ast.unparse(node)}", node.lineno


def is_module(dotted: str) -> bool:
    path = ROOT / dotted.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def test_the_rooms_are_where_we_think() -> None:
    assert len(FILES) > 80
    assert {name(path).partition("/")[0] for path in FILES} == set(ROOMS)


def test_rooms_import_only_downwards() -> None:
    wrong = [
        f"{name(path)}:{line} {module}"
        for path in FILES
        for module, line in imports(path)
        if module.partition(".")[0] in (*ROOMS, "tests")
        and module.partition(".")[0] not in MAY_IMPORT[name(path).partition("/")[0]]
    ]
    assert wrong == []


def test_no_import_hides_in_a_string() -> None:
    """But for platforms, which are found by their file's name: docs/adding-a-channel.md."""
    hidden = {(name(f), module) for f in FILES for module, _ in imports(f) if module[0] == "?"}
    assert hidden == {("bot/platforms.py", "?importlib.import_module(f'bot.adapters.{name}')")}


def test_matters_know_the_turn_and_never_each_other() -> None:
    """appeal may not import help; inside a folder its own siblings are allowed."""
    wrong = []
    for path in FILES:
        inside = name(path).removeprefix("handlers/").removesuffix(".py").split("/")
        if not name(path).startswith("handlers/") or inside[0] in {*MACHINERY, "__init__"}:
            continue
        for module, line in imports(path):
            room, _, rest = module.partition(".")
            other = rest.partition(".")[0]
            if room != "handlers" or not is_module(module):
                continue
            if other != "turn" and other != inside[0]:
                wrong.append(f"{name(path)}:{line} {module}")
    assert wrong == []


def test_machinery_knows_no_matter() -> None:
    """Routing and the like start matters by name only, through the table of contents."""
    wrong = [
        f"{name(path)}:{line} {module}"
        for path in FILES
        if name(path).removeprefix("handlers/").removesuffix(".py") in MACHINERY
        for module, line in imports(path)
        if module.startswith("handlers.")
        and is_module(module)
        and module.split(".")[1] not in MACHINERY
    ]
    assert wrong == []


def test_nobody_knows_a_platform() -> None:
    """They are found by name, in bot/platforms.py."""
    wrong = [
        f"{name(path)}:{line} {module}"
        for path in FILES
        if not name(path).startswith("bot/adapters/")
        for module, line in imports(path)
        if re.match(r"bot\.adapters\.(?!base\b)", module) and is_module(module)
    ]
    assert wrong == []


def test_an_adapter_knows_only_its_own_platform() -> None:
    """Beside the contract, what 公众号 and 企业微信 share, and what every adapter is made with."""
    shared = {"bot.adapters", "bot.adapters.base", "bot.adapters.tencent", "bot.platforms"}
    wrong = []
    for path in FILES:
        if not name(path).startswith("bot/adapters/"):
            continue
        own = "bot.adapters." + name(path).removesuffix(".py").split("/")[2]
        for module, line in imports(path):
            ours = module.startswith("bot.") and is_module(module) and module not in shared
            if ours and module != own and not module.startswith(f"{own}."):
                wrong.append(f"{name(path)}:{line} {module}")
    assert wrong == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_one_library_one_room(library: str) -> None:
    wrong = [
        f"{name(path)}:{line}"
        for path in FILES
        for module, line in imports(path)
        if module.partition(".")[0] == library and not re.fullmatch(LIBRARIES[library], name(path))
    ]
    assert wrong == []


def test_no_file_has_outgrown_itself() -> None:
    long = {
        name(path): count
        for path in FILES
        if not name(path).startswith("storage/migrations/versions/")  # generated
        and (count := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


CLOCK = re.compile(
    r"(datetime|date)\.(now|utcnow|today)|time\.(time|sleep|monotonic)|asyncio\.sleep"
)


def test_time_is_passed_in() -> None:
    wrong = [
        f"{name(path)}:{node.lineno} {ast.unparse(node.func)}"
        for path in FILES
        if name(path) not in CLOCKS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and CLOCK.fullmatch(ast.unparse(node.func))
    ]
    assert wrong == []


def test_the_core_is_synchronous_and_never_sends() -> None:
    """Async at the edge: handlers, nlp and storage wait for no network."""
    forbidden = {"asyncio", "httpx", "requests", "socket", "urllib.request", "aiohttp", "threading"}
    wrong = [
        f"{name(path)}:{line} {module}"
        for path in FILES
        if not name(path).startswith("bot/")
        for module, line in imports(path)
        if module in forbidden
    ]
    assert wrong == []


# The table of contents: whatever is named somewhere is in it, and whatever is in it is named.


def spoken(method: str) -> set[str]:
    """The literal names handlers give first to `desk.method("…")`; f"staff_{x}" as "staff_*"."""
    found: set[str] = set()
    for path in sorted((ROOT / "handlers").rglob("*.py")):
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Call)
                and node.args
                and ast.unparse(node.func).endswith(f".{method}")
            ):
                found |= {literal(piece) for piece in either(node.args[0])}
    return found - {""}


def either(node: ast.expr) -> list[ast.expr]:
    """Both sides of `a if x else b`."""
    return [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]


def literal(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "*" for v in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_matter_started_is_in_the_contents() -> None:
    names = spoken("start")
    assert {"clarify", "case_words", "staff_*"} <= names
    menu = tree(ROOT / "handlers" / "menu.py")
    names |= {
        literal(value)
        for node in ast.walk(menu)
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "start"
        and isinstance(node.value, ast.Dict)
        for value in node.value.values
    }
    assert "to_do" in names
    assert names - {"staff_*"} - set(CONTENTS.matters) == set()
    for verb in ("accept", "reply", "hand_on", "done"):  # what a case's digits stand for
        assert f"staff_{verb}" in CONTENTS.matters


def test_every_matter_routed_to_is_in_the_contents() -> None:
    """converse(turn, "x", …) in the machinery, and what commands lead to."""
    for path in ("routing", "standing", "groups", "conversing", "menus"):
        for node in ast.walk(tree(ROOT / "handlers" / f"{path}.py")):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "converse"
                and isinstance(node.args[1], ast.Constant)
            ):
                assert node.args[1].value in CONTENTS.matters
    led_to = {*CONTENTS.commands.values(), *CONTENTS.staff_commands.values()}
    assert led_to - set(CONTENTS.matters) == {"cancel"}  # routing itself does this one


def test_every_question_put_has_an_answer_and_every_answer_a_question() -> None:
    source = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "handlers").rglob("*.py"))
    put = {name for name in spoken("put") if "." in name}
    assert {"appeal.handed", "rollcall.checkin", "notice.held"} <= put
    assert put - set(CONTENTS.answers) == set()
    for answer in CONTENTS.answers:
        asked = source.count(f'"{answer}"')
        assert asked >= 2, f"{answer} is answered but nobody asks it"


def test_everything_that_can_be_undone_is_undone_somewhere() -> None:
    assert spoken("can_undo") == set(CONTENTS.undos)


def test_every_duty_that_is_woken_exists_and_every_duty_is_woken_or_daily() -> None:
    woken = spoken("wake")
    assert {"escalate_overdue", "chase_help"} <= woken
    assert woken - set(CONTENTS.duties) == set()
    woken.add("tell_lost_media")  # by whoever downloads: storage/store/media.py
    # these give their own next day and are never brought forward
    daily = {"watch_channels", "forget_unanswered", "erase_old_media"}
    assert set(CONTENTS.duties) - woken <= daily


def test_handlers_have_no_other_doors_than_the_desk() -> None:
    """A Turn carries no connection and no adapter: nothing to send or commit with."""
    doors = {field for kind in (Desk, Turn) for field in kind.__dataclass_fields__}
    assert not doors & {"database", "adapter", "adapters", "outbox", "client", "lane"}
    commits = [
        f"{name(path)}:{node.lineno}"
        for path in (ROOT / "handlers").rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith(("session.commit", "session.rollback"))
    ]
    assert commits == []
