"""huiyin.toml and HUIYIN_SECTION__KEY: every key works both ways, every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.settings import BadSettings, Hearing, Settings, load, secret

ALL = """
database_url = "sqlite:///elsewhere/huiyin.db"
communities = ["a.toml", "b.toml"]
data = "elsewhere"
[http]
host = "0.0.0.0"
port = 9000
public_url = "https://huiyin.example.org/"
[limits]
messages_per_minute = 5
sessions_per_minute = 6
[ear]
model = "my.model"
second = "openai"
base_url = "http://127.0.0.1:8000/v1"
name = "small"
key = "hunter2"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "huiyin.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(text: str, folder: Path, **environ: str) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        load(write(folder, text), environ)
    return caught.value.faults


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No huiyin.toml of the developer's own is near."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def test_without_a_file_there_are_defaults() -> None:
    found = load(None, {})
    assert found == Settings()
    assert (found.http.host, found.http.port) == ("127.0.0.1", 8080)
    assert found.database == "sqlite:///data/huiyin.db"
    assert found.public_url == "http://127.0.0.1:8080"


def test_every_key_of_the_file(tmp_path: Path) -> None:
    found = load(write(tmp_path, ALL), {})
    assert found.database == "sqlite:///elsewhere/huiyin.db"
    assert found.communities == ("a.toml", "b.toml")
    assert (found.http.host, found.http.port) == ("0.0.0.0", 9000)
    assert found.public_url == "https://huiyin.example.org"
    assert (found.limits.messages_per_minute, found.limits.sessions_per_minute) == (5, 6)
    address = "http://127.0.0.1:8000/v1"
    assert found.ear == Hearing("my.model", "openai", address, "small", "hunter2")


def test_every_key_from_the_environment_over_the_file(tmp_path: Path) -> None:
    found = load(
        write(tmp_path, ALL),
        {
            "HUIYIN_DATABASE_URL": "sqlite:///x.db",
            "HUIYIN_COMMUNITIES": "c.toml, d.toml",
            "HUIYIN_DATA": "there",
            "HUIYIN_HTTP__HOST": "::1",
            "HUIYIN_HTTP__PORT": "1234",
            "HUIYIN_HTTP__PUBLIC_URL": "https://x",
            "HUIYIN_LIMITS__MESSAGES_PER_MINUTE": "7",
            "HUIYIN_LIMITS__SESSIONS_PER_MINUTE": "8",
            "HUIYIN_EAR__MODEL": "other.model",
            "HUIYIN_EAR__SECOND": "e5",
            "HUIYIN_EAR__BASE_URL": "https://x/v1",
            "HUIYIN_EAR__NAME": "large",
            "HUIYIN_EAR__KEY": "other",
            "PATH": "/bin",
            "HUIYI": "no business of ours",
        },
    )
    assert found.database == "sqlite:///x.db"
    assert found.communities == ("c.toml", "d.toml")
    assert found.data == "there"
    assert (found.http.host, found.http.port, found.public_url) == ("::1", 1234, "https://x")
    assert (found.limits.messages_per_minute, found.limits.sessions_per_minute) == (7, 8)
    assert found.ear == Hearing("other.model", "e5", "https://x/v1", "large", "other")


def test_the_file_may_be_named_three_ways(tmp_path: Path) -> None:
    named = write(tmp_path, "[http]\nport = 1111\n")
    assert load(named, {"HUIYIN_CONFIG": "none.toml"}).http.port == 1111
    assert load(None, {"HUIYIN_CONFIG": str(named)}).http.port == 1111
    Path("huiyin.toml").write_text("[http]\nport = 2222\n", encoding="utf-8")
    assert load(None, {}).http.port == 2222


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "prot: 不认识这个键"),
        ("[http]\nprot = 1", "http.prot: 不认识这个键"),
        ("[http]\nport = 'x'", "http.port: 应是整数"),
        ("[http]\nport = 80.5", "http.port: 应是整数"),
        ("[http]\nport = true", "http.port: 应是整数"),
        ("[http]\nport = 70000", "http.port: 应在 1 到 65535 之间"),
        ("[http]\nhost = 5", "http.host: 应是一段文字"),
        ("http = 5", "http: 应是一个表"),
        ("limits = []", "limits: 应是一个表"),
        ("[limits]\nmessages_per_minute = 0", "limits.messages_per_minute: 应是正整数"),
        ("[limits]\nsessions_per_minute = -1", "limits.sessions_per_minute: 应是正整数"),
        ("communities = 5", "communities: 应是列表"),
        ("communities = [1]", "communities: 应是列表"),
        ("database_url = 'mysql://x'", "database_url: 应以"),
        (
            "database_url = 'env:NOT_SET_ANYWHERE'",
            "database_url: 环境变量 NOT_SET_ANYWHERE 没有设置",
        ),
        ("database_url = 'file:/no/such/file'", "database_url: 读不了文件"),
        ("data = 1979-05-27", "data: 应是一段文字"),
        ("[http\nport = 1", "line 1"),
        ("ear = 'e5'", "ear: 应是一个表"),
        ("[ear]\nears = 2", "ear.ears: 不认识这个键"),
        ("[ear]\nmodel = 5", "ear.model: 应是一段文字"),
        ("[ear]\nsecond = 'gpt'", 'ear.second: 应是 ""、"e5" 或 "openai"，不是 \'gpt\''),
        ("[ear]\nsecond = true", "ear.second: 应是一段文字"),
        ("[ear]\nsecond = 'openai'\nname = 'x'", "ear.base_url: 应是 http"),
        ("[ear]\nsecond = 'openai'\nbase_url = 'http://x'", "ear.name: 应是那个模型的名字"),
        ("[ear]\nbase_url = '127.0.0.1:8000'", "ear.base_url: 应是 http"),
        ("[ear]\nbase_url = 'http://'", "ear.base_url: 应是 http"),
        ("[ear]\nbase_url = 'http://x:port'", "ear.base_url: 应是 http"),
        ("[ear]\nbase_url = 'http://['", "ear.base_url: 应是 http"),
        ("[ear]\nkey = 'env:NOT_SET_ANYWHERE'", "ear.key: 环境变量 NOT_SET_ANYWHERE 没有设置"),
        ("[ear]\nkey = 'two words'", "ear.key: 应是一串"),
        ("[ear]\nkey = '钥匙'", "ear.key: 应是一串"),
    ],
)
def test_a_mistake_is_named_by_its_key(text: str, said: str, tmp_path: Path) -> None:
    assert any(said in fault for fault in faults(text, tmp_path))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HUIYIN_HTTP__PORT", "abc", "http.port: 应是整数，不是 'abc'"),
        ("HUIYIN_HTTP__PORT", "", "http.port: 应是整数"),
        ("HUIYIN_HTTP__PORT", "²", "http.port:"),
        ("HUIYIN_HTTP__PORT", "--5", "http.port:"),
        ("HUIYIN_HTTP__PROT", "1", "http.prot: 不认识这个键"),
        ("HUIYIN_HTTP", "1", "http: 应是一个表"),
        ("HUIYIN_COLOUR", "red", "colour: 不认识这个键"),
        ("HUIYIN_HTTP__PORT__X", "1", "http.port:"),
        ("HUIYIN_", "1", ": 不认识这个键"),
    ],
)
def test_a_mistake_in_the_environment_is_named_too(name: str, value: str, said: str) -> None:
    with pytest.raises(BadSettings) as caught:
        load(None, {name: value})
    assert any(said in fault for fault in caught.value.faults), caught.value.faults


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    found = faults(
        "[http]\nport = 'x'\nprot = 1\n[limits]\nmessages_per_minute = true",
        tmp_path,
        HUIYIN_COLOUR="red",
    )
    assert len(found) == 4


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(BadSettings, match="找不到或读不了"):
            load(path, {})
    (tmp_path / "x.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(BadSettings, match=r"x\.toml"):
        load(tmp_path / "x.toml", {})


def test_secrets_may_stand_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("  123:abc\n", encoding="utf-8")
    assert secret(f"file:{tmp_path / 'token'}") == "123:abc"
    assert secret("env:TOKEN", {"TOKEN": "123:abc"}) == "123:abc"
    assert secret("123:abc") == "123:abc"
    for wrong in ("env:TOKEN", f"file:{tmp_path / 'none'}", f"file:{tmp_path}", "env:"):
        with pytest.raises(ValueError, match=r"没有设置|读不了"):
            secret(wrong, {})


def test_a_fault_never_shows_a_password(tmp_path: Path) -> None:
    found = faults(
        "database_url = 'mysql://me:hunter2@host/db'\n"
        "[ear]\nbase_url = 'ftp://me:hunter2@host'\nkey = 'hunter2 '",
        tmp_path,
    )
    assert len(found) == 3
    assert "hunter2" not in "".join(found)


def test_the_ears_key_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2\n", encoding="utf-8")
    found = load(write(tmp_path, f"[ear]\nkey = 'file:{tmp_path / 'key'}'"), {})
    assert found.ear.key == "hunter2"
    assert "hunter2" not in repr(found)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "HTTP",
                "HTTP__PORT",
                "HTTP__HOST",
                "DATA",
                "COMMUNITIES",
                "LIMITS",
                "LIMITS__MESSAGES_PER_MINUTE",
                "EAR",
                "EAR__SECOND",
                "EAR__BASE_URL",
                "EAR__KEY",
                "DATABASE_URL",
                "X",
                "HTTP__PORT__X",
            ]
        ),
        st.text(max_size=8),
        max_size=4,
    )
)
def test_any_environment_is_taken_or_refused(environ: dict[str, str]) -> None:
    try:
        found = load(None, {f"HUIYIN_{key}": value for key, value in environ.items()})
    except BadSettings as error:
        assert error.faults
    else:
        assert 0 <= found.http.port <= 65535
