"""The commands about packs of models and model servers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from annotator.backends import registry

URL = "http://192.0.2.7:8000/v1"


@pytest.fixture(autouse=True)
def _own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path / "models")


class Memory(KeyringBackend):
    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Any:
    """chosen(backend): the keyring of this test."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def test_a_server_becomes_a_pack_that_says_where_images_go(run: Any, tmp_path: Path) -> None:
    made = run("models", "server", "lab", URL, "--model", "eyes", "--key", "env:LAB_KEY", "--json")
    assert made.status == 0
    assert Path(made.json["path"]).parent == tmp_path / "models"
    assert made.json["models"] == []
    shown = run("models", "show", "lab", "--json").json
    assert shown["roles"]["tagger"]["server"] == URL
    assert shown["roles"]["tagger"]["id"] == f"eyes@{URL}"
    assert URL in run("models", "show", "lab").out
    assert "lab" in run("models", "list").out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("lab", "ftp://host"), "no address of a server"),
        (("starter", URL), "comes with Annotator"),
        (("lab", URL, "--key", "sk-verysecret"), "never the key itself"),
    ],
)
def test_what_makes_no_pack_is_one_sentence(run: Any, words: tuple[str, ...], says: str) -> None:
    ran = run("models", "server", *words)
    assert (ran.status, ran.out) == (1, "")
    assert says in ran.err
    assert "verysecret" not in ran.err


def test_a_key_goes_into_the_keyring_and_nowhere_else(
    run: Any, chosen: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    memory = Memory()
    chosen(memory)
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-verysecret\n"))
    ran = run("models", "key", "lab")
    assert ran.status == 0
    assert "keyring:lab" in ran.out
    assert memory.kept == {("annotator", "lab"): "sk-verysecret"}
    assert "verysecret" not in ran.out + ran.err
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert "No key was given" in run("models", "key", "lab").err


def test_without_a_keyring_no_secret_is_asked_for(
    run: Any, chosen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen(NoKeyring())
    asked = io.StringIO("sk-verysecret\n")
    monkeypatch.setattr("sys.stdin", asked)
    ran = run("models", "key", "lab")
    assert (ran.status, ran.out) == (1, "")
    assert "has no keyring" in ran.err
    assert asked.tell() == 0


def test_curves_are_pictures(run: Any, project: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text("file,name\ncat.jpg,cat\n")
    ran = run(
        "evaluate", "vocabulary", project, "--truth", truth, "--curves", tmp_path / "curves.jpg"
    )
    assert (ran.status, ran.out) == (1, "")
    assert "drawn as a PNG" in ran.err
