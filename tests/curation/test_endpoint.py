"""A model behind a local server: what is asked, what is refused, what a broken answer says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from locale_tune.api import Machine, Message, StageFailed
from locale_tune_curation.endpoint import Endpoint, local_host
from locale_tune_curation.teacher import (
    Answer,
    Row,
    Sampling,
    TeacherSettings,
    ask,
    draw_seed,
    open_teacher,
    prompt_hash,
)

X = [Row(ask("x"), 0)]
Serve = Callable[..., tuple[str, list[dict[str, Any]]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answer chats on this machine: `serve(reply)` returns the address and what was asked."""
    servers: list[ThreadingHTTPServer] = []

    def start(reply: Any, status: int = 200) -> tuple[str, list[dict[str, Any]]]:
        asked: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked.append({"path": self.path, **body})
                said = reply(body) if callable(reply) else reply
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://192.0.2.1/")
                self.end_headers()
                self.wfile.write(said if isinstance(said, bytes) else json.dumps(said).encode())

            def log_message(self, *_: Any) -> None:
                """Write nothing to the terminal."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/v1", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def said(text: str | None, reason: str = "stop") -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}, "finish_reason": reason}]}


def test_each_answer_is_asked_for_with_a_seed_of_its_own(serve: Serve) -> None:
    url, asked = serve(lambda body: said(f" {body['messages'][0]['content']}! {body['seed']}"))
    teacher = open_teacher(TeacherSettings(model=url, served="m"), None, "base", Machine())
    answers = teacher.generate([ask("Allegra"), ask("Co vai?")], 2, 7, Sampling(0.5, 0.8, 2.0, 99))
    assert teacher.name == "m"
    assert [answer.text.split("!")[0] for answer in answers] == ["Allegra"] * 2 + ["Co vai?"] * 2
    assert len({answer.text for answer in answers}) == 4
    assert answers[0] == Answer(f"Allegra! {draw_seed(7, ask('Allegra'), 0)}", True)
    assert asked[0] == {
        "path": "/v1/chat/completions",
        "messages": [{"role": "user", "content": "Allegra"}],
        "model": "m",
        "temperature": 0.5,
        "top_p": 0.8,
        "presence_penalty": 2.0,
        "max_tokens": 99,
        "seed": draw_seed(7, ask("Allegra"), 0),
    }
    assert teacher.generate([ask("Co vai?")], 2, 7, Sampling()) == answers[2:]
    assert teacher.generate([ask("Co vai?")] * 2, 1, 7, Sampling()) == answers[2:]


def test_an_answer_that_was_cut_says_so(serve: Serve) -> None:
    url, _ = serve(said("Igl era ina giada", "length"))
    assert Endpoint(url, "").answer(X, Sampling()) == [Answer("Igl era ina giada", False)]
    url, _ = serve(said(None))
    assert Endpoint(url, "").answer(X, Sampling()) == [Answer("", True)]


@pytest.mark.parametrize(
    ("reply", "status", "told"),
    [
        (b"<html>", 200, "JSONDecodeError"),
        ({"choices": []}, 200, "IndexError"),
        ({"error": "no"}, 500, "status 500"),
        ({}, 302, "status 302"),
        (["x"], 200, "TypeError"),
    ],
)
def test_what_is_no_answer_stops_with_a_sentence(
    serve: Serve, reply: Any, status: int, told: str
) -> None:
    url, asked = serve(reply, status)
    with pytest.raises(StageFailed, match=told):
        Endpoint(url, "").answer(X, Sampling())
    assert len(asked) == 1


def test_a_server_that_is_not_there_stops_with_a_sentence() -> None:
    with pytest.raises(StageFailed, match="ConnectionRefused"):
        Endpoint("http://127.0.0.1:1/v1", "").answer(X, Sampling())


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8080/v1",
        "http://127.0.0.1",
        "https://10.1.2.3:8000/v1",
        "http://192.168.1.7/v1",
        "http://[::1]:80/v1",
        "http://[fd00::7]/v1",
    ],
)
def test_local_addresses_are_taken(url: str) -> None:
    assert local_host(url) in url


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/v1",
        "https://api.openai.com/v1",
        "http://localhost.example.org/v1",
        "http://127.0.0.1.nip.io/v1",
        "http://169.254.169.254/v1",  # where clouds hand out secrets
        "http://[::ffff:8.8.8.8]/v1",
        "http://0x7f000001/v1",
        "http://me@127.0.0.1/v1",
        "http://127.0.0.1:99999/v1",
        "http://localhost:no/v1",
        "ftp://127.0.0.1/v1",
        "http:///v1",
    ],
)
def test_no_other_address_is_ever_spoken_to(url: str) -> None:
    with pytest.raises(StageFailed, match="not at a local address"):
        local_host(url)


def test_proxies_of_the_environment_are_not_used(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:9")
    monkeypatch.setenv("no_proxy", "")
    url, _ = serve(said("bun"))
    assert Endpoint(url, "").answer(X, Sampling())[0].text == "bun"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = TeacherSettings(model=str(tmp_path / "gone"))
    with pytest.raises(StageFailed, match="gone is not on this machine"):
        open_teacher(settings, tmp_path, "base", Machine())
    with pytest.raises(StageFailed, match="base is not on this machine"):
        open_teacher(TeacherSettings(), None, "base", Machine())


def test_prompts_are_told_apart_by_who_says_what() -> None:
    chats = [
        (Message(role="user", content="a"), Message(role="assistant", content="b")),
        (Message(role="user", content="a\nb"),),
        (Message(role="system", content="a"), Message(role="user", content="b")),
    ]
    assert len({prompt_hash(chat) for chat in chats}) == 3
    seeds = {draw_seed(seed, chat, n) for seed in (0, 1) for chat in chats for n in (0, 1)}
    assert len(seeds) == 12
    assert all(0 <= seed < 1 << 31 for seed in seeds)
