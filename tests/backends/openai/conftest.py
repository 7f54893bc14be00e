"""A small HTTP server that answers as it is told, and packs that ask it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.backends.registry import Pack, load_pack


@dataclass
class Asked:
    """A request as it came in, names of headers in small letters; ``number`` counts the ones
    before it of the same path."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    number: int

    @property
    def text(self) -> str:
        """The prompt of a chat."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else content[1]["text"]

    @property
    def image(self) -> str:
        return self.body["messages"][-1]["content"][0]["image_url"]["url"]


@dataclass
class Answer:
    """What goes back: ``body`` as bytes, or something to be made JSON. ``cut``: only the first
    half of it is sent before the connection is closed."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


def chat(text: Any, *, finish: str = "stop", logprobs: Any = None, **message: Any) -> Answer:
    """An answer of /chat/completions. ``logprobs``: (token, logprob) pairs."""
    rows = None
    if logprobs is not None:
        rows = {"content": [{"token": one, "logprob": value} for one, value in logprobs]}
    said = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish, "logprobs": rows}
    return Answer({"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 20}})


def error(status: int, message: str, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer({"error": {"message": message, "type": "x", "code": None}}, status, names)


class FakeServer:
    """``chat``, ``text`` and ``models`` answer the three paths; ``asked`` has what came in."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self.chat: Callable[[Asked], Answer] = lambda asked: chat("dog, cat")
        self.text: Callable[[Asked], Answer] = lambda asked: error(404, "Not Found")
        self.models: Callable[[Asked], Answer] = lambda asked: Answer(
            {"object": "list", "data": [{"id": "first"}, {"id": "second"}]}
        )
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                fake._handle(self)

            def do_GET(self) -> None:
                fake._handle(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that gave up closes its end: nothing to report."""

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    @property
    def chats(self) -> list[Asked]:
        return [one for one in self.asked if one.path.endswith("/chat/completions")]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handle(self, http: BaseHTTPRequestHandler) -> None:
        size = int(http.headers.get("Content-Length") or 0)
        data = http.rfile.read(size)
        if len(data) < size:
            return  # the client stopped in the middle of it
        with self._lock:
            number = sum(one.path == http.path for one in self.asked)
            headers = {name.lower(): value for name, value in http.headers.items()}
            asked = Asked(http.path, headers, json.loads(data) if data else {}, number)
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            kind = {"/v1/chat/completions": self.chat, "/v1/completions": self.text}
            answer = kind.get(http.path, self.models)(asked)
        finally:
            with self._lock:
                self._at_once -= 1
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        http.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            http.send_header(name, value)
        http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        http.wfile.write(body[: len(body) // 2] if answer.cut else body)
        http.close_connection = answer.cut


@dataclass(frozen=True)
class Said:
    """The helpers above, for tests: modules of tests cannot import each other."""

    chat: Callable[..., Answer] = chat
    error: Callable[..., Answer] = error
    Answer: type[Answer] = Answer


@pytest.fixture
def say() -> Said:
    return Said()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    made = FakeServer()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' server is on this machine; a proxy of the environment would not reach it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def make_pack(tmp_path: Path) -> Callable[..., Pack]:
    """make_pack(url, **options): a pack whose tagger and language model are at ``url``. Waits
    between retries are 0, timeouts short enough for a test that runs into one."""

    def make(url: str, **options: Any) -> Pack:
        given = {
            "base_url": url,
            "model": "eyes",
            "wait": 0,
            "retries": 2,
            "timeout": 20,
            **options,
        }
        lines = ['name = "server"']
        for role, kind in (
            ("tagger", "openai-tagger"),
            ("language_model", "openai-language-model"),
        ):
            lines += [f"[roles.{role}]", f'kind = "{kind}"', 'model = "server"', 'licence = "-"']
            lines += ["size_bytes = 0", "memory_mb = 0", f"[roles.{role}.options]"]
            lines += [f"{name} = {json.dumps(value)}" for name, value in given.items()]
            if role == "tagger":
                lines += ["[[roles.tagger.prompts]]", 'name = "list"', 'text = "What is there?"']
                lines += ['correction = "Not {labels}?"']
        path = tmp_path / "server.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        return load_pack(path)

    return make


@pytest.fixture
def photo() -> Callable[..., Any]:
    """photo(seed, height, width): uint8[height, width, 3], another for each seed."""

    def make(seed: int = 0, height: int = 24, width: int = 32) -> Any:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)

    return make
