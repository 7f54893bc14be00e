"""The commands about packs of models and model servers."""

from __future__ import annotations

import io
import socket
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


def test_the_list_does_not_call_a_server_ready_that_it_did_not_ask(run: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        run("models", "server", "lab", url)
        listed = run("models", "list").out.splitlines()
        row = next(line for line in listed if line.startswith("lab "))
        assert f"({url}, not asked)" in row
        assert "  server  " in row
        found = {one["name"]: one for one in run("models", "list", "--json").json}
        assert (found["lab"]["ready"], found["lab"]["servers"]) == ("server", [url])
        assert (found["starter"]["ready"], found["starter"]["servers"]) == ("yes", [])
        assert "not asked" not in next(line for line in listed if line.startswith("starter "))
        roles = [line.split() for line in run("models", "show", "lab").out.splitlines()]
        tagger = next(words for words in roles if words[:1] == ["tagger"])
        assert "server" in tagger
        assert "yes" not in tagger
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()  # nobody called


def test_a_server_goes_again_and_its_key_stays(
    run: Any, chosen: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    memory = Memory()
    chosen(memory)
    monkeypatch.setattr("sys.stdin", io.StringIO("sk-verysecret\n"))
    run("models", "key", "shared")
    for name in ("lab", "other"):
        run("models", "server", name, URL, "--key", "keyring:shared")
    run("models", "server", "bare", URL, "--key", "env:LAB_KEY")
    gone = run("models", "remove", "lab")
    assert gone.status == 0
    assert "The key shared stays in the keyring" in gone.out
    assert not (tmp_path / "models" / "lab.toml").exists()
    assert not any(line.startswith("lab ") for line in run("models", "list").out.splitlines())
    assert memory.kept == {("annotator", "shared"): "sk-verysecret"}
    path = str(tmp_path / "models" / "bare.toml")
    assert run("models", "remove", "bare", "--json").json == {
        "pack": "bare",
        "removed": [path],
        "keys_kept": [],
    }
    again = run("models", "remove", "lab")
    assert (again.status, again.out) == (1, "")
    assert "There is no pack lab" in again.err


def test_a_server_that_is_somebody_elses_stays(run: Any, tmp_path: Path) -> None:
    assert "comes with Annotator" in run("models", "remove", "server").err
    run("models", "server", "lab", URL)
    path = tmp_path / "models" / "lab.toml"
    more = path.with_name("more.toml")
    more.write_text('name = "more"\nextends = "lab"\n')
    assert f"The pack more extends lab: delete {more} first" in run("models", "remove", "lab").err
    more.unlink()
    path.write_text(path.read_text().partition("\n")[2])  # without the line that says it is ours
    assert "was not made by Annotator" in run("models", "remove", "lab").err
    assert path.exists()


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
