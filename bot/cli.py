"""The command line. Heavy parts are imported by the commands that need them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bot.settings import BadSettings, Settings, load


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; every mistake of the caller is one clear sentence and exit code 2."""
    parser = _parser()
    options = parser.parse_args(argv)
    if not hasattr(options, "work"):
        parser.print_help()
        return 2
    try:
        code: int = options.work(options)
        return code
    except BadSettings as error:
        return _fail("设置有误：\n" + str(error))
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # what these are of, only some commands need
        from bot.opening import CannotStart
        from storage import Unavailable

        if isinstance(error, CannotStart):
            return _fail(str(error))
        if isinstance(error, Unavailable):
            return _fail(f"数据库现在用不了：{error}")
        raise


def _fail(words: str) -> int:
    print(words, file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="huiyin",
        description="Huiyin 回音：邻里写一句，一定有人回。The answer that comes back.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(metavar="command")

    def add(name: str, words: str, work: object, *, config: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=words, description=words)
        sub.set_defaults(work=work)
        if config:
            sub.add_argument("--config", type=Path, help="settings file (default: huiyin.toml)")
        return sub

    run = add("run", "everything in one process / 启动", _run)
    run.add_argument("--only", default="", help="a subset: web,turns,outbox,duties")
    chat = add("chat", "talk to the bot in the terminal / 在终端里聊", _chat)
    chat.add_argument("--as", dest="name", default="王阿姨", help="whom to be (default 王阿姨)")
    play = add("play", "play .chat transcripts / 演对话", _play)
    play.add_argument("files", nargs="+", type=Path, metavar="FILE")
    classify = add("classify", "what a text means / 听一句话", _classify)
    classify.add_argument("text", nargs="?", help="one text")
    classify.add_argument("--jsonl", action="store_true", help='{"text":…} a line in, a line out')
    train = add("train", "train a classifier of texts / 训练", _train)
    train.add_argument("--community", metavar="SLUG", help="with --ear: its kept samples too")
    train.add_argument("--ear", action="store_true", help="the bot's own ear, from its samples")
    train.add_argument("--samples", type=Path, action="append", default=[], metavar="F.tsv")
    evaluate = add("evaluate", "score a trained classifier / 打分", _evaluate, config=False)
    evaluate.add_argument("--model", type=Path, required=True)
    for sub, needed in ((train, False), (evaluate, True)):
        sub.add_argument("--data", type=Path, action="append", metavar="F.jsonl", required=needed)
        sub.add_argument("--label", metavar="FIELD", required=needed)
        sub.add_argument("--text", action="append", default=[], metavar="FIELD")
    train.add_argument("--out", type=Path, required=True, metavar="MODEL")
    add("migrate", "bring the database up to today's schema / 升级数据库", _migrate)
    doctor = add("doctor", "check database, channels, clock, ear / 自检", _doctor)
    doctor.add_argument("--json", action="store_true", help="for scripts")
    backup = add("backup", "a consistent copy while running / 备份", _backup)
    backup.add_argument("file", type=Path)
    demo = add("demo", "the demo community's sample records / 演示记录", _demo)
    demo.add_argument("what", choices=["remove"], help="remove: deletes them, keeps the settings")
    demo.add_argument("--yes", action="store_true", help="even where people have written here")
    community = commands.add_parser("community", help="community files / 社区文件")
    which = community.add_subparsers(metavar="add|check|invite", required=True)
    for name, words, work in (
        ("add", "load a community file; deletes nothing", _community_add),
        ("check", "name every fault of a community file", _community_check),
        ("invite", "print a one-time code for a person of the file", _community_invite),
    ):
        sub = which.add_parser(name, help=words, description=words)
        sub.add_argument("--config", type=Path, help="settings file (default: huiyin.toml)")
        sub.add_argument("name" if name == "invite" else "file")
        sub.set_defaults(work=work)
        if name == "invite":
            sub.add_argument("--community", help="slug, where there are several")
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("huiyin")
    except PackageNotFoundError:
        return "unknown"


def _settings(options: argparse.Namespace) -> Settings:
    return load(options.config, os.environ)


def _run(options: argparse.Namespace) -> int:
    settings = _settings(options)  # faults are said before anything heavy is imported
    from bot.running import run

    return run(settings, options.only)


def _chat(options: argparse.Namespace) -> int:
    from bot.terminal import chat

    return chat(_settings(options), str(options.name))


def _play(options: argparse.Namespace) -> int:
    from bot.ears import open_ear
    from bot.play import Failed, Unreadable, play

    ear = open_ear(_settings(options), _cache())
    code = 0
    for file in options.files:
        try:
            play(file, ear)
        except Failed as error:
            print(error, file=sys.stderr)
            code = max(code, 1)
        except Unreadable as error:
            print(error, file=sys.stderr)
            code = 2
    if code == 0:
        print(f"{len(options.files)} 段对话都对。")
    return code


def _train(options: argparse.Namespace) -> int:
    return _learning("train", options)


def _evaluate(options: argparse.Namespace) -> int:
    return _learning("score", options)


def _learning(what: str, options: argparse.Namespace) -> int:
    from bot import learning

    try:
        getattr(learning, what)(options, _cache())
    except learning.CannotLearn as error:
        return _fail(str(error))
    return 0


def _cache() -> Path:
    folder = Path(os.environ.get("HUIYIN_DATA", "data"))
    return folder if folder.is_dir() else Path(os.environ.get("TMPDIR", "/tmp"))


def _classify(options: argparse.Namespace) -> int:
    from datetime import datetime

    from bot.ears import open_ear

    if options.text is None and not options.jsonl:
        return _fail("要听哪句话？用法：huiyin classify 文字，或 huiyin classify --jsonl < 文件")
    ear = open_ear(_settings(options), _cache())
    now = datetime.now().astimezone()
    if not options.jsonl:
        print(json.dumps(ear.hear(options.text, now=now).as_dict(), ensure_ascii=False))
        return 0
    for line in sys.stdin.buffer:
        print(_classified(line, ear, now), flush=False)
    return 0


def _classified(line: bytes, ear: object, now: object) -> str:
    """One line in, one line out, whatever the line is."""
    try:
        row = json.loads(line.decode("utf-8"))
        text = row["text"]
        if not isinstance(text, str):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        return json.dumps({"error": '每行要是 {"text": "…"}'}, ensure_ascii=False)
    heard = ear.hear(text, now=now)  # type: ignore[attr-defined]
    answer = json.dumps(heard.as_dict(), ensure_ascii=False)
    return answer.encode("utf-8", "replace").decode("utf-8")


def _migrate(options: argparse.Namespace) -> int:
    from storage import Database
    from storage.migrations import upgrade

    settings = _settings(options)
    changed = upgrade(Database(settings.database))
    print("数据库已升级。" if changed else "数据库已经是最新的。")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from bot.doctor import examine

    return examine(_settings(options), as_json=options.json)


def _backup(options: argparse.Namespace) -> int:
    from storage import Database

    settings = _settings(options)
    if options.file.exists():
        return _fail(f"{options.file} 已经有了，换一个名字。")
    database = Database(settings.database)
    if database.sqlite and not Path(str(database.url.database)).exists():
        return _fail("还没有数据库可备份。")
    try:
        database.backup(options.file)
    except ValueError as error:
        return _fail(str(error))
    print(f"备份好了：{options.file}")
    return 0


def _demo(options: argparse.Namespace) -> int:
    from bot.demo import real_messages, remove
    from bot.opening import open_database

    database = open_database(_settings(options))
    written = real_messages(database)
    if written and not options.yes:
        return _fail(f"这里还有 {written} 条不是样例的消息，会一起删掉。确定的话加 --yes。")
    count = remove(database)
    print(f"演示记录删掉了（{count} 条）。" if count else "没有演示记录。")
    return 0


def _community_add(options: argparse.Namespace) -> int:
    from bot.app import clock
    from bot.opening import load_files, open_database
    from bot.platforms import PLATFORMS
    from storage.community_file import BadCommunity, read

    try:
        file = read(Path(options.file), PLATFORMS)
    except BadCommunity as error:
        return _fail(str(error))
    load_files(open_database(_settings(options)), [file], clock())
    counts = f"{len(file.places)} 个地方，{len(file.people)} 人，{len(file.channels)} 个渠道"
    print(f"{file.name}：{counts}。")
    return 0


def _community_check(options: argparse.Namespace) -> int:
    from bot.platforms import PLATFORMS
    from storage.community_file import BadCommunity, read

    try:
        file = read(Path(options.file), PLATFORMS)
    except BadCommunity as error:
        print(str(error), file=sys.stderr)
        return 1
    print(f"{file.name}：没有问题。")
    return 0


def _community_invite(options: argparse.Namespace) -> int:
    from bot.app import clock
    from bot.invites import NobodyFound, invite
    from bot.opening import open_database

    settings = _settings(options)
    try:
        code = invite(open_database(settings), options.name, options.community, clock())
    except NobodyFound as error:
        return _fail(str(error))
    print(f"{options.name} 的绑定码：{code}\n7天内有效，只能用一次。请本人在聊天里发给机器人。")
    return 0
