"""Adding a model server: what is asked of it, where its key goes, and what is written."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keyring
import keyring.backends.fail
import pytest
from keyring.backend import KeyringBackend
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from annotator.backends import registry
from annotator.gui.main_window import MainWindow
from annotator.gui.propose_popover import ProposePopover
from annotator.gui.replies_popover import RepliesPopover
from annotator.gui.server_popover import ServerPopover
from annotator.gui.session import Session

SECRET = "sk-very-secret-1234"


class Memory(KeyringBackend):
    """A keyring that forgets everything at the end of the test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def memory() -> Iterator[Memory]:
    before, made = keyring.get_keyring(), Memory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


class Served(ThreadingHTTPServer):
    """A server that names two models, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[tuple[str, str]] = []


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Served)
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        models = [{"id": name, "object": "model"} for name in ("<i>small</i>", "large")]
        self._send({"object": "list", "data": models})

    def do_POST(self) -> None:
        """A list of labels and a refusal, in turn."""
        assert isinstance(self.server, Served)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, ""))
        count = sum(path.endswith("completions") for path, _ in self.server.asked)
        text = '["couch", "cat"]' if count % 2 else "..."
        message = {"role": "assistant", "content": text}
        self._send(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": "large",
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
            }
        )

    def _send(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def form(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Callable[[Path], Session]
) -> ServerPopover:
    opened(photos)
    window.commands.run("server")
    qtbot.waitUntil(lambda: window.findChild(ServerPopover) is not None)
    return window.findChild(ServerPopover)


def address(served: Served) -> str:
    return f"http://127.0.0.1:{served.server_port}/v1"


def test_look_names_the_models_and_saving_sends_nothing(
    qtbot: QtBot, window: MainWindow, form: ServerPopover, served: Served
) -> None:
    form.name.setText("lab")
    form.address.setText(address(served))
    assert served.asked == []
    form.look.click()
    qtbot.waitUntil(lambda: form.model.count() == 2, timeout=20_000)
    assert form.model.currentText() == "<i>small</i>"
    assert form.words.currentText() == ""
    assert [path for path, _ in served.asked] == ["/v1/models"]
    form.model.setCurrentText("large")
    form.go.click()
    qtbot.waitUntil(lambda: not form.isVisible(), timeout=20_000)
    assert len(served.asked) == 1
    pack = registry.load_pack("lab")
    assert pack.servers == (address(served),)
    assert pack.specs["tagger"].options["model"] == "large"
    propose = window.findChild(ProposePopover)
    qtbot.waitUntil(lambda: propose.isVisible(), timeout=20_000)
    assert propose.pack.currentData() == "lab"
    assert propose.go.text() == "Send and propose"


def test_a_key_goes_into_the_keyring_and_nowhere_else(
    qtbot: QtBot, form: ServerPopover, served: Served, memory: Memory
) -> None:
    form.name.setText("lab")
    form.address.setText(address(served))
    form.key.setCurrentIndex(form.key.findData("keyring"))
    assert form.secret.echoMode() == QLineEdit.EchoMode.Password
    form.secret.setText(SECRET)
    assert SECRET not in repr(form.server)
    form.look.click()
    qtbot.waitUntil(lambda: form.model.count() == 2, timeout=20_000)
    assert served.asked[0][1] == f"Bearer {SECRET}"
    form.go.click()
    qtbot.waitUntil(lambda: not form.isVisible(), timeout=20_000)
    assert form.secret.text() == ""
    assert list(memory.kept.values()) == [SECRET]
    text = (registry.user_models() / "lab.toml").read_text(encoding="utf-8")
    assert SECRET not in text
    assert "keyring:lab" in text


def test_a_key_in_a_variable_is_named(qtbot: QtBot, form: ServerPopover) -> None:
    form.name.setText("lab")
    form.key.setCurrentIndex(form.key.findData("env"))
    assert form.variable.isVisible()
    form.variable.setText("LAB_KEY")
    form.go.click()
    qtbot.waitUntil(lambda: not form.isVisible(), timeout=20_000)
    assert registry.load_pack("lab").specs["tagger"].options["key"] == "env:LAB_KEY"


@pytest.mark.parametrize(
    ("name", "url", "said"),
    [
        ("server", "http://127.0.0.1:8000/v1", "choose another name"),
        ("Two Words", "http://127.0.0.1:8000/v1", "no name of a pack"),
        ("lab", "ftp://somewhere", "somewhere"),
    ],
)
def test_what_cannot_be_saved_is_said_in_the_form(
    qtbot: QtBot, form: ServerPopover, name: str, url: str, said: str
) -> None:
    form.name.setText(name)
    form.address.setText(url)
    form.go.click()
    qtbot.waitUntil(lambda: said in form.says.text(), timeout=20_000)
    assert form.isVisible()
    assert form.says.textFormat() == Qt.TextFormat.PlainText
    assert form.go.isEnabled()


def test_nobody_there_is_one_sentence_and_esc_forgets_the_secret(
    qtbot: QtBot, form: ServerPopover, press: Callable[..., None]
) -> None:
    form.address.setText("http://127.0.0.1:1/v1")
    form.look.click()
    qtbot.waitUntil(lambda: "127.0.0.1:1" in form.says.text() and form.look.isEnabled())
    form.key.setCurrentIndex(form.key.findData("keyring"))
    form.secret.setText(SECRET)
    form.secret.setFocus()
    press(form, Qt.Key.Key_Escape)
    assert not form.isVisible()
    assert form.secret.text() == ""


@pytest.mark.models
def test_without_a_keyring_no_pack_is_written(qtbot: QtBot, form: ServerPopover) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    try:
        form.name.setText("lab")
        form.key.setCurrentIndex(form.key.findData("keyring"))
        form.secret.setText("sk-1")
        form.go.setFocus()
        form.go.click()
        qtbot.waitUntil(lambda: "no keyring" in form.says.text(), timeout=20_000)
    finally:
        keyring.set_keyring(before)
    assert not list(registry.user_models().glob("*.toml"))
    assert form.go.hasFocus()  # Enter tries again, and does not cancel
    form.key.setCurrentIndex(form.key.findData(""))
    form.go.click()
    form.go.click()  # while it is being written
    qtbot.waitUntil(lambda: not form.isVisible(), timeout=20_000)
    assert [path.stem for path in registry.user_models().glob("*.toml")] == ["lab"]


def test_images_are_sent_when_the_button_was_pressed_and_not_before(
    qtbot: QtBot, window: MainWindow, form: ServerPopover, served: Served
) -> None:
    session = window.session
    assert session is not None
    form.name.setText("lab")
    form.address.setText(address(served))
    form.model.setCurrentText("large")
    form.go.click()
    qtbot.waitUntil(lambda: window.findChild(ProposePopover) is not None, timeout=20_000)
    propose = window.findChild(ProposePopover)
    assert propose is not None
    qtbot.waitUntil(propose.isVisible, timeout=20_000)
    assert served.asked == []
    propose.more.click()
    propose.fields.samples.setValue(2)
    propose.go.click()
    qtbot.waitUntil(lambda: bool(window.messages.offers), timeout=60_000)
    posted = [path for path, _ in served.asked if path == "/v1/chat/completions"]
    assert len(posted) >= 6  # three photos, two samples
    words = window.messages.text.text()
    assert "of 6 replies could not be read." in words
    assert "tokens read" in words
    qtbot.waitUntil(lambda: session.idle, timeout=20_000)
    window.messages.offers[0].click()
    qtbot.waitUntil(lambda: window.findChild(RepliesPopover) is not None)
    replies = window.findChild(RepliesPopover)
    assert replies is not None
    qtbot.waitUntil(lambda: replies.text.toPlainText() == "...", timeout=20_000)
