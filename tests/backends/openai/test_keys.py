"""Where a key comes from, and where it never goes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked

from annotator.backends import keys
from annotator.backends.protocols import Sampling
from annotator.backends.registry import Pack
from annotator.core.errors import AnnotatorError
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.propose import propose
from annotator.pipeline.scan import scan
from annotator.project import queries
from annotator.project.project import Project

KEY = "sk-3f9a1c77-annotator-test"
MakePack = Callable[..., Pack]


class InMemory(KeyringBackend):
    """A keyring that forgets."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


class Locked(KeyringBackend):
    priority = 1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("the person said no")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("org.freedesktop.DBus.Error.NoReply")


@pytest.fixture
def ring() -> Iterator[Callable[[KeyringBackend], KeyringBackend]]:
    """ring(backend): makes it the keyring of this test."""
    before = keyring.get_keyring()

    def use(backend: KeyringBackend) -> KeyringBackend:
        keyring.set_keyring(backend)
        return backend

    yield use
    keyring.set_keyring(before)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SERVER_KEY", f" {KEY}\n")
    monkeypatch.delenv("NOT_SET", raising=False)


def test_no_name_is_no_key() -> None:
    assert keys.key("") is None


def test_a_key_of_the_environment() -> None:
    assert keys.key("env:TEST_SERVER_KEY") == KEY


def test_a_key_of_the_keyring(ring: Any) -> None:
    kept = ring(InMemory()).kept
    keys.store("keyring:lab", KEY)
    assert kept == {("annotator", "lab"): KEY}
    assert keys.key("keyring:lab") == KEY
    keys.store("lab", "another")
    assert keys.key("keyring:lab") == "another"


def test_keys_that_are_not_there(ring: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ring(InMemory())
    with pytest.raises(AnnotatorError, match=r"variable NOT_SET.* is not set"):
        keys.key("env:NOT_SET")
    monkeypatch.setenv("NOT_SET", "  ")
    with pytest.raises(AnnotatorError, match=r"variable NOT_SET.* is not set"):
        keys.key("env:NOT_SET")
    with pytest.raises(AnnotatorError, match="no key named lab"):
        keys.key("keyring:lab")


def test_no_keyring_is_one_clear_sentence(ring: Any) -> None:
    ring(NoKeyring())
    for ask in (lambda: keys.key("keyring:lab"), lambda: keys.store("keyring:lab", KEY)):
        with pytest.raises(AnnotatorError, match=r"no keyring .* env:VARIABLE") as caught:
            ask()
        assert KEY not in str(caught.value)


def test_a_keyring_that_does_not_answer(ring: Any) -> None:
    ring(Locked())
    with pytest.raises(AnnotatorError, match="keyring is locked"):
        keys.key("keyring:lab")
    with pytest.raises(AnnotatorError, match=r"does not answer \(RuntimeError\)"):
        keys.store("keyring:lab", KEY)


@pytest.mark.parametrize("secret", ["", " ", "a\nb", "clé", "a\x00b"])
def test_what_is_no_key_is_not_stored(ring: Any, secret: str) -> None:
    kept = ring(InMemory()).kept
    with pytest.raises(AnnotatorError, match="copy it again"):
        keys.store("keyring:lab", secret)
    assert kept == {}


@pytest.mark.parametrize("name", ["env:LAB", "", "keyring:", "a b", "x" * 65])
def test_places_where_nothing_can_be_stored(ring: Any, name: str) -> None:
    ring(InMemory())
    with pytest.raises(AnnotatorError):
        keys.store(name, KEY)


def test_a_key_that_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SERVER_KEY", "sk-abc\ndef")
    with pytest.raises(AnnotatorError, match="env:TEST_SERVER_KEY has characters") as caught:
        keys.key("env:TEST_SERVER_KEY")
    assert "sk-abc" not in str(caught.value)


def ask(pack: Pack, photo: Any) -> Any:
    return pack.tagger().propose([photo()], "What is there?", Sampling(seeds=(0,)))


def test_the_key_is_sent_as_bearer_and_read_late(
    server: Any, make_pack: MakePack, photo: Any, ring: Any
) -> None:
    kept = ring(InMemory()).kept
    pack = make_pack(server.url, key="keyring:lab")
    tagger = pack.tagger()
    kept["annotator", "lab"] = KEY
    assert tagger.id == pack.model_id("tagger")
    ask(pack, photo)
    assert server.chats[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_key_that_was_refused_is_looked_for_again(
    server: Any, make_pack: MakePack, photo: Any, ring: Any, say: Any
) -> None:
    kept = ring(InMemory()).kept
    kept["annotator", "lab"] = "wrong"
    server.chat = lambda asked: (
        say.chat("dog")
        if asked.headers["authorization"] == f"Bearer {KEY}"
        else say.error(401, "Invalid key")
    )
    pack = make_pack(server.url, key="keyring:lab")
    with pytest.raises(AnnotatorError, match="put the right one into keyring:lab"):
        ask(pack, photo)
    kept["annotator", "lab"] = KEY
    assert ask(pack, photo)[0][0].labels[0].text == "dog"


def test_nothing_of_the_environment_is_sent_by_itself(
    server: Any, make_pack: MakePack, photo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Mine: secret\nauthorization: Bearer secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://nowhere.invalid/v1")
    ask(make_pack(server.url), photo)
    (asked,) = server.asked
    sent = asked.headers
    assert "authorization" not in sent
    assert not any("secret" in value or KEY in value for value in sent.values())
    # Nothing is told of this machine and its programs either.
    assert sent["user-agent"] == "annotator"
    assert [name for name in sent if name.startswith("x-")] in ([], ["x-stainless-raw-response"])


def test_the_key_is_in_no_error_even_when_the_server_repeats_it(
    server: Any, make_pack: MakePack, photo: Any, say: Any
) -> None:
    server.chat = lambda asked: say.error(401, f"Incorrect key provided: {KEY}.")
    pack = make_pack(server.url, key="env:TEST_SERVER_KEY")
    with pytest.raises(AnnotatorError, match="Incorrect key provided: …") as caught:
        ask(pack, photo)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_key_is_nowhere_in_a_project_nor_in_a_log(
    server: Any,
    make_pack: MakePack,
    photo: Any,
    say: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        assert cv2.imwrite(str(folder / f"{number}.png"), photo(number))
    server.chat = lambda asked: (
        say.error(400, f"No, {KEY}") if asked.number == 3 else say.chat("dog, cat")
    )
    pack = make_pack(
        server.url,
        key="env:TEST_SERVER_KEY",
        concurrency=1,
        price_prompt=1.0,
        price_completion=2.0,
        send_logprobs=False,
        send_seed=False,
    )
    with Project.create(tmp_path / "my.annot", folder) as project:
        list(scan(project))
        *_, last = propose(project, pack, ProposeOptions(samples=2))
        with project.read() as db:
            run = queries.last_run(db, "propose")
    assert last.result is not None
    assert (last.result["replies"], last.result["unreadable_replies"]) == (10, 0)
    (failed,) = last.result["failed"]
    assert failed["reason"].startswith("the server did not answer for this image: ")
    assert run is not None
    assert (run.usage.requests, run.usage.prompt_tokens) == (12, 1100)
    assert run.usage.cost == pytest.approx(11 * (100 * 1 + 20 * 2) / 1e6)
    assert all(one.headers["authorization"] == f"Bearer {KEY}" for one in server.asked)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / "my.annot" in files
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in caplog.text
    assert KEY not in str(last)


def test_a_key_of_the_environment_does_not_come_before_the_packs(
    server: Any, make_pack: MakePack, photo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "authorization: Bearer secret")
    ask(make_pack(server.url, key="env:TEST_SERVER_KEY"), photo)
    assert server.chats[0].headers["authorization"] == f"Bearer {KEY}"
