"""The web channel with the program's own ear and handlers, over real HTTP on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bot.web import personal_link
from storage.models import Resident
from tests.bot.office import SECRET, Made, close_office, make_office
from tests.bot.serving import Served, served

API = "/api/chat/web"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    made = make_office(tmp_path, real=True)
    yield made
    close_office(made)


@pytest.fixture
def server(made: Made) -> Iterator[Served]:
    with served(made) as running:
        yield running


def join(web: httpx.Client, name: str = "王阿姨") -> None:
    answer = web.post(f"{API}/sessions", json={"name": name})
    web.headers["Authorization"] = f"Bearer {answer.json()['token']}"


def test_a_matter_is_filed(server: Served) -> None:
    with httpx.Client(base_url=server.url, timeout=20) as web:
        join(web)
        seq, heard = 0, ""
        for number, text in enumerate(["楼道灯坏了", "3栋2单元501", "1"]):
            body = {"id": str(number), "text": text, "group": None}
            assert web.post(f"{API}/messages", json=body).status_code == 202
            found = web.get(f"{API}/messages", params={"after": seq, "wait": 15}).json()["messages"]
            assert found, text
            seq, heard = found[-1]["seq"], heard + "".join(one["text"] for one in found)
        assert "编号" in heard


def test_a_group_hears_everybody_and_the_bot_only_when_called(server: Served) -> None:
    with (
        httpx.Client(base_url=server.url, timeout=20) as wang,
        httpx.Client(base_url=server.url, timeout=20) as li,
    ):
        join(wang, "王阿姨")
        join(li, "李大爷")
        body = {"id": "1", "text": "今天天气真好", "group": "3栋群"}
        wang.post(f"{API}/messages", json=body)
        params = {"wait": 15, "group": "3栋群"}
        [message] = li.get(f"{API}/messages", params=params).json()["messages"]
        assert (message["from"], message["text"]) == ("王阿姨", "今天天气真好")


def test_a_button_on_the_page_answers_its_question(server: Served, made: Made) -> None:
    ident = made.read(lambda s: s.query(Resident).filter_by(name="王阿姨").one().id)
    with httpx.Client(base_url=server.url, timeout=20, follow_redirects=True) as web:
        web.headers["Accept"] = "text/html"
        page = web.get(personal_link(SECRET, "web", ident))
        form = dict(_hidden(page.text))
        page = web.post("/chat/web/send", data={**form, "text": "菜单"})
        assert page.status_code == 200
        value = page.text.partition('name="choice" value="')[2].partition('"')[0]
        assert value.startswith("c")
        form = dict(_hidden(page.text))
        page = web.post("/chat/web/send", data={**form, "choice": value})
        assert f'value="{value}"' not in page.text  # answered: no longer a button


def _hidden(html: str) -> list[tuple[str, str]]:
    import re

    form = html.partition('id="write"')[2].partition("</form>")[0]
    return re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)


def test_a_body_without_a_length_is_measured_too(server: Served) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(48):
            yield b"x" * 65_536

    with httpx.Client(base_url=server.url, timeout=20) as web:
        answer = web.post(f"{API}/sessions", content=chunks())
        assert answer.status_code == 413
        assert answer.json()["error"]


def test_a_stream_brings_what_is_new_and_resumes(server: Served) -> None:
    with httpx.Client(base_url=server.url, timeout=20) as web:
        join(web)
        web.post(f"{API}/messages", json={"id": "1", "text": "楼道灯坏了"})
        with web.stream("GET", f"{API}/stream") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = (line for line in stream.iter_lines() if line.startswith(("id:", "data:")))
            first = next(lines).removeprefix("id: ")
            assert '"from": "bot"' in next(lines)
        with web.stream("GET", f"{API}/stream", headers={"Last-Event-ID": first}) as stream:
            web.post(f"{API}/messages", json={"id": "2", "text": "菜单"})
            lines = (line for line in stream.iter_lines() if line.startswith("id:"))
            assert int(next(lines).removeprefix("id: ")) > int(first)


def test_open_streams_do_not_hold_up_the_end(server: Served, made: Made) -> None:
    """Ctrl-C with open streams, long polls and idle connections ends within three seconds."""
    ready = threading.Barrier(7, timeout=10)
    ended: list[str] = []

    def stream() -> None:
        with httpx.Client(base_url=server.url, timeout=30) as web:
            join(web)
            with web.stream("GET", f"{API}/stream") as opened:
                chunks = opened.iter_raw()
                next(chunks)
                ready.wait()
                for _ in chunks:
                    pass
                ended.append("stream")

    def poll() -> None:
        with httpx.Client(base_url=server.url, timeout=30) as web:
            join(web)
            ready.wait()
            answer = web.get(f"{API}/messages", params={"wait": 60})
            ended.append(f"poll {answer.status_code}")

    readers = [threading.Thread(target=stream) for _ in range(3)]
    readers += [threading.Thread(target=poll) for _ in range(3)]
    for reader in readers:
        reader.start()
    ready.wait()
    listening = made.office.hub._waiting
    while len(listening) < 6:
        assert server.thread.is_alive()
    server.end()
    server.thread.join(3)
    assert not server.thread.is_alive()
    for reader in readers:
        reader.join(3)
    assert sorted(ended) == ["poll 200"] * 3 + ["stream"] * 3
