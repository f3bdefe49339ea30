"""What is done once, when the program starts: files, database, listener; each in one clear word."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from bot.platforms import PLATFORMS
from bot.settings import Settings
from storage import Database, Unavailable, community_file
from storage.community_file import BadCommunity, CommunityFile
from storage.migrations import upgrade
from storage.store.loading import load_community


class CannotStart(Exception):
    """One clear sentence to whoever starts the program."""


def open_database(settings: Settings) -> Database:
    """The database, brought up to today's schema. Raises CannotStart."""
    try:
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = Database(settings.database)
        upgrade(database)
    except OSError as error:
        raise CannotStart(f"数据放不进 {settings.folder}：{error.strerror}") from error
    except Unavailable as error:
        raise CannotStart(f"数据库打不开：{error}") from error
    return database


def read_files(settings: Settings) -> list[CommunityFile]:
    """The community files of the settings. Raises CannotStart with every fault."""
    files, faults = [], []
    for name in settings.communities:
        try:
            files.append(community_file.read(Path(name), PLATFORMS))
        except BadCommunity as error:
            faults += error.faults
    if faults:
        raise CannotStart("\n".join(faults))
    return files


def load_files(database: Database, files: Iterable[CommunityFile], now: datetime) -> None:
    """Brings the database up to the files. Raises CannotStart."""
    with database.write() as session:
        try:
            for file in files:
                load_community(session, file, now)
        except BadCommunity as error:
            raise CannotStart("\n".join(error.faults)) from None


def installation_secret(folder: Path) -> bytes:
    """Signs form tokens and demo links; made once, readable by the owner only."""
    path = folder / "secret.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="ascii")
    return path.read_text(encoding="ascii").strip().encode()


def bind(host: str, port: int) -> socket.socket:
    """The listening socket, taken before anything is said. Raises CannotStart."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno != errno.EADDRINUSE:
            raise CannotStart(f"{host}:{port} 用不了：{error.strerror}") from None
        raise CannotStart(
            f"{host}:{port} 用不了，多半是另一个程序占着。换一个端口：make run PORT={port + 1}"
        ) from None
    listener.listen(512)
    return listener
