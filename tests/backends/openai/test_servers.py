"""Packs of model servers: written, looked at, and refused."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotator.backends import manifest, registry
from annotator.backends.openai_settings import check_url, is_local
from annotator.backends.registry import Pack, load_pack
from annotator.backends.servers import probe, write_pack
from annotator.core.errors import AnnotatorError
from annotator.core.paths import shipped
from annotator.core.records import Usage

LOCAL = "http://127.0.0.1:8000/v1"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's own folder of models, empty."""
    folder = tmp_path / "models"
    monkeypatch.setattr(registry, "user_models", lambda: folder)
    return folder


def test_a_written_pack_is_there_and_has_the_starters_other_roles(models: Path) -> None:
    path = write_pack("lab", LOCAL + "/", "qwen", "env:LAB_KEY")
    assert path == models / "lab.toml"
    assert "lab" in registry.list_packs()
    pack = load_pack("lab")
    assert pack.talks
    assert pack.servers == (LOCAL,)
    assert pack.roles == load_pack("server").roles
    assert pack.model_id("tagger") == pack.model_id("language_model") == f"qwen@{LOCAL}"
    assert pack.model_id("refiner") == load_pack("starter").model_id("refiner")
    assert pack.prompts == load_pack("server").prompts
    for role in ("tagger", "language_model"):
        assert pack.specs[role].options["key"] == "env:LAB_KEY"
    pack.tagger()
    pack.language_model()


def test_words_may_go_to_another_model(models: Path) -> None:
    write_pack("lab", LOCAL, "qwen-vl", language_model="llama")
    pack = load_pack("lab")
    assert pack.model_id("tagger") == f"qwen-vl@{LOCAL}"
    assert pack.model_id("language_model") == f"llama@{LOCAL}"


def test_any_name_of_a_model_comes_through(models: Path) -> None:
    name = 'Qwen/"7B"\\v2: naïve 犬 😀 = [x] #1'
    assert load_pack(write_pack("lab", LOCAL, name)).specs["tagger"].options["model"] == name


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    path = write_pack("lab", LOCAL, "", folder=tmp_path / "new" / "folder")
    assert manifest.read(path, {"starter": shipped("models", "starter.toml")}).name == "lab"


@pytest.mark.parametrize("role", ["tagger", "language_model"])
def test_the_shipped_pack_can_be_built(role: str) -> None:
    pack = load_pack("server")
    assert getattr(pack, role)().usage() == Usage()


@pytest.mark.parametrize("role", ["tagger", "language_model"])
def test_a_server_says_which_model_a_run_is_of(server: Any, make_pack: Any, role: str) -> None:
    pack = make_pack(server.url, model="")
    assert pack.model_id(role) == f"first@{server.url}"
    assert getattr(pack, role)().id == f"first@{server.url}"
    assert [one.path for one in server.asked] == ["/v1/models"]
    server.asked.clear()
    assert make_pack(server.url).model_id(role) == f"eyes@{server.url}"
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host/v1", "no address of a server"),
        ("127.0.0.1:8000", "no address of a server"),
        ("", "no address of a server"),
        ("http://", "no address of a server"),
        ("http://host/v1/chat/completions", "of one question: use http://host/v1$"),
        ("http://host/v1/models/", "of one question: use http://host/v1$"),
        ("http:///v1", "no address of a server"),
        ("http://host:99999/v1", "no address of a server"),
        ("http://host:0/v1", "no address of a server"),
        ("http://[::1/v1", "no address of a server"),
        ("http://ho st/v1", "no address of a server"),
        ("http://host/v1\n", "no address of a server"),
        ("http://host/‮1v", "no address of a server"),
        ("file:///etc/passwd", "no address of a server"),
        ("https://me:secret@host/v1", "must not carry a name or password"),
        ("https://secret@host/v1", "must not carry a name or password"),
        ("https://host/v1?key=secret", "must not have a query"),
        ("https://host/v1#secret", "must not have a query"),
    ],
)
def test_addresses_that_are_refused_are_not_repeated_with_secrets(
    models: Path, url: str, words: str
) -> None:
    with pytest.raises(AnnotatorError, match=words) as caught:
        write_pack("lab", url, "qwen")
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not models.exists()
    with pytest.raises(AnnotatorError, match=words):
        probe(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:1234", True),
        ("http://127.0.0.2/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://192.168.1.5:8000/v1", False),
        ("http://localhost.example.org/v1", False),
        ("https://api.example.org/v1", False),
    ],
)
def test_this_machine_is_known_from_others(url: str, expected: bool) -> None:
    assert is_local(check_url(url)) is expected


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("http://lab.example.org/v1", "env:K", "Images, words and the key go unencrypted"),
        ("http://lab.example.org/v1", "", "Images and words go unencrypted to lab.example.org"),
        ("https://lab.example.org/v1", "env:K", "Images and words go to an OpenAI-compatible"),
        (LOCAL, "", "Images and words go to an OpenAI-compatible server at 127.0.0.1:8000"),
    ],
)
def test_what_leaves_the_machine_is_described(models: Path, url: str, key: str, words: str) -> None:
    write_pack("lab", url, "qwen", key)
    assert words in load_pack("lab").description


@pytest.mark.parametrize("name", ["", "Lab", "../lab", "a b", "lab.toml", "-x", "x" * 65, "lab\n"])
def test_names_that_are_none(models: Path, name: str) -> None:
    with pytest.raises(AnnotatorError, match="no name of a pack"):
        write_pack(name, LOCAL, "qwen")
    assert not models.exists()


@pytest.mark.parametrize("name", ["starter", "server", "qwen-vl"])
def test_shipped_names_are_taken(models: Path, name: str) -> None:
    with pytest.raises(AnnotatorError, match=f"{name} comes with Annotator"):
        write_pack(name, LOCAL, "qwen")


def test_a_pack_written_here_is_replaced_and_one_of_a_person_is_not(models: Path) -> None:
    write_pack("lab", LOCAL, "old")
    write_pack("lab", LOCAL, "new")
    assert load_pack("lab").model_id("tagger") == f"new@{LOCAL}"
    own = models / "own.toml"
    own.write_text("# mine\n")
    with pytest.raises(AnnotatorError, match=r"own\.toml that was not written here"):
        write_pack("own", LOCAL, "qwen")
    assert own.read_text() == "# mine\n"
    assert sorted(path.name for path in models.iterdir()) == ["lab.toml", "own.toml"]


def test_a_key_is_refused_and_not_repeated(models: Path) -> None:
    for key in ("sk-abc123", "env:sk-abc123", "keyring:", "keyring:a b", "ENV:A", "abc123"):
        with pytest.raises(AnnotatorError, match="never the key itself") as caught:
            write_pack("lab", LOCAL, "qwen", key)
        assert "abc123" not in str(caught.value)
    assert not models.exists()


@pytest.mark.parametrize("model", ["a\nb", "a\x00", "x" * 501, "\ud83d"])
def test_models_that_are_no_names(models: Path, model: str) -> None:
    with pytest.raises(AnnotatorError, match="name of a model"):
        write_pack("lab", LOCAL, model)


@pytest.mark.skipif(
    sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="root, or Windows, may write anywhere",
)
def test_a_folder_that_cannot_be_written(models: Path) -> None:
    models.mkdir()
    models.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(AnnotatorError, match="could not be written"):
        write_pack("lab", LOCAL, "qwen")


def test_a_file_in_the_place_of_the_folder(models: Path) -> None:
    models.write_text("a file")
    with pytest.raises(AnnotatorError, match="could not be written"):
        write_pack("lab", LOCAL, "qwen")


def test_probe_names_the_models_and_sends_nothing_else(server: Any) -> None:
    assert probe(server.url) == ["first", "second"]
    (asked,) = server.asked
    assert asked.path == "/v1/models"
    assert asked.body == {}
    assert "authorization" not in asked.headers


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"hello", "does not list its models"),
        (200, b"{}", "list of models cannot be read"),
        (401, b'{"error": {"message": "No key"}}', "asks for a key"),
        (404, b"<html>nothing</html>", "does not answer like an OpenAI-compatible one"),
        (500, b"", "does not list its models"),
        (503, b"", "does not answer"),
    ],
)
def test_probe_says_in_a_sentence_what_is_wrong(
    server: Any, say: Any, status: int, body: bytes, words: str
) -> None:
    server.models = lambda asked: say.Answer(body, status)
    with pytest.raises(AnnotatorError, match=words) as caught:
        probe(server.url)
    assert server.url in str(caught.value)
    assert len(server.asked) == 1


def test_probe_of_nobody(server: Any) -> None:
    server.close()
    with pytest.raises(AnnotatorError, match="cannot be reached"):
        probe(server.url)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "nowhere"}, "nowhere is no address"),
        ({"key": "sk-1234"}, "never the key itself"),
        ({"concurrency": 0}, "concurrency .* whole number from 1 to 1024"),
        ({"concurrency": 2.5}, "concurrency .* whole number"),
        ({"concurrency": True}, "concurrency .* whole number"),
        ({"timeout": 0}, "timeout .* number from"),
        ({"retries": -1}, "retries .* whole number from 0"),
        ({"model": 7}, "model .* must be a text"),
        ({"send_seed": 1}, "send_seed .* true or false"),
        ({"price_prompt": -1}, "price_prompt"),
        ({"repetition_penalty": "penalty"}, "repetition_penalty or repeat_penalty"),
        ({"max_sides": 5}, "max_sides .* is not known"),
    ],
)
def test_options_of_a_manifest_that_are_wrong(
    make_pack: Callable[..., Pack], options: dict[str, Any], words: str
) -> None:
    pack = make_pack(LOCAL, **options)
    with pytest.raises(AnnotatorError, match=words) as caught:
        pack.tagger()
    assert "1234" not in str(caught.value)


def test_an_address_is_needed(make_pack: Callable[..., Pack], tmp_path: Path) -> None:
    path = make_pack(LOCAL).path
    path.write_text(path.read_text().replace(f'base_url = "{LOCAL}"', ""))
    with pytest.raises(AnnotatorError, match=r"base_url in .*server\.toml.* is missing"):
        load_pack(path).tagger()
