"""What a manifest says of downloads, and the files of the manifests that are shipped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.backends import registry
from annotator.backends.downloads_source import Source, is_safe, read
from annotator.backends.registry import load_pack
from annotator.core.errors import AnnotatorError
from annotator.core.paths import shipped

SHIPPED = sorted(path.stem for path in shipped("models").glob("*.toml"))
HUB = {"repository": "somebody/model", "files": ["config.json"]}


@pytest.mark.parametrize(
    ("facts", "file", "folder", "expected"),
    [
        (HUB, "", "model", ("model", "")),
        (HUB, "net.pth", "", ("", "")),
        (HUB, "sub/net.pth", "", ("sub", "")),
        ({"url": "https://host/a/net%201.pth?x=1"}, "", "model", ("", "net 1.pth")),
        ({"url": "https://host/a/v1.pth"}, "weights/net.pth", "", ("weights", "net.pth")),
        ({"url": "https://host/a.bin", "into": "there"}, "net.pth", "", ("there", "a.bin")),
    ],
)
def test_where_files_go_follows_from_the_weights(
    facts: dict[str, Any], file: str, folder: str, expected: tuple[str, str]
) -> None:
    found = read(facts, file, folder)
    assert (found.into, found.name) == expected


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ("text", "is a table"),
        ({}, "a repository or a url"),
        ({**HUB, "url": "https://host/a.bin"}, "a repository or a url"),
        ({**HUB, "colour": "red"}, "colour of a download is not known"),
        ({**HUB, "files": "config.json"}, "files of a download"),
        ({**HUB, "include": ["*"]}, "either files or include"),
        ({"repository": "somebody/model"}, "either files or include"),
        ({**HUB, "repository": "model"}, "no repository"),
        ({**HUB, "repository": "../model"}, "no repository"),
        ({**HUB, "repository": "a/b?c=d"}, "no repository"),
        ({**HUB, "revision": "../x"}, "no revision"),
        ({**HUB, "files": ["../config.json"]}, "cannot be the name"),
        ({**HUB, "files": ["/etc/passwd"]}, "cannot be the name"),
        ({**HUB, "files": [3]}, "lists of texts"),
        ({**HUB, "into": "../x"}, "not a folder below"),
        ({**HUB, "sizes": {"config.json": "3"}}, "sizes"),
        ({"url": "http://host/a.bin"}, "must begin with https"),
        ({"url": "ftp://127.0.0.1/a.bin"}, "must begin with https"),
        ({"url": "https://host/"}, "names no file"),
        ({"url": "https://host/%2e%2e"}, "names no file"),
        ({"url": "https://host/a.bin", "revision": "main"}, "belong to a repository"),
    ],
)
def test_what_is_wrong_is_said(facts: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read(facts, "", "model")


def test_downloads_never_go_to_an_absolute_place() -> None:
    with pytest.raises(ValueError, match="goes below the models folder, not to /data/net"):
        read(HUB, "", "/data/net")


@pytest.mark.parametrize("name", ["a", "a.b", "sub/a.json", ".gitattributes", "ä (1).bin", "a..b"])
def test_safe_names(name: str) -> None:
    assert is_safe(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "a/../b", "/a", "a//b", "a/", "C:x", "C:/x", "a\\b", "..\\a", "a\n"),
        *("a. ", "...", "~/a", "a\x00", "a\u202eb", "//host/share", "a:b", "sub/ /x"),
    ],
)
def test_names_that_could_leave_a_folder_are_not_safe(name: str) -> None:
    assert not is_safe(name)


@given(st.text(alphabet="ab./\\: ~", max_size=12))
def test_a_safe_name_stays_in_its_folder(name: str) -> None:
    if is_safe(name):
        inside = Path("/models").joinpath(name)
        assert Path("/models") in inside.parents
        assert ".." not in inside.parts


def test_patterns_reach_into_no_folder_that_they_do_not_name() -> None:
    source = Source(repository="a/b", include=("*.json", "tokenizer/*"))
    assert source.matches("config.json")
    assert source.matches("tokenizer/vocab.txt")
    assert not source.matches("onnx/config.json")
    assert not source.matches("tokenizer/deep/config.json")
    assert not source.matches("model.bin")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_model_of_a_shipped_pack_has_a_download_or_a_reason(name: str) -> None:
    for spec in load_pack(name).specs.values():
        package = spec.file is not None and spec.file.package is not None
        assert bool(spec.downloads) == bool(spec.weights and not package)
        for source in spec.downloads:
            if source.repository:
                # The words that a person reads and the address that is asked are the same place.
                assert source.repository in spec.source
                assert source.revision == "main" or re.fullmatch("[0-9a-f]{40}", source.revision)
            assert set(source.sizes) <= {*source.files, source.name}


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_downloaded_is_what_the_adapter_looks_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lists of the manifests, put on the disk, are found where the roles look for them."""
    from annotator.backends import downloads

    monkeypatch.setattr(registry, "user_models", lambda: tmp_path)
    pack = load_pack(name)
    for item in downloads.plan(pack):
        if item.patterns:
            item.path.mkdir(parents=True, exist_ok=True)
            (item.path / "config.json").write_bytes(b"{}")
        else:
            item.path.parent.mkdir(parents=True, exist_ok=True)
            item.path.write_bytes(b"{}")
    for spec in pack.specs.values():
        for one in spec.weights if spec.downloads else ():
            assert tmp_path in one.locate().parents
            listed = any(source.include for source in spec.downloads)
            if one is spec.folder and not listed:
                names = [path.name for path in one.locate().iterdir()]
                assert any(name.endswith((".safetensors", ".bin")) for name in names)
                assert set(spec.folder.hashes) <= set(names)


def test_a_manifest_says_where_its_fault_is(tmp_path: Path) -> None:
    text = shipped("models", "clip.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace('"merges.txt"', '"../merges.txt"'), encoding="utf-8")
    with pytest.raises(AnnotatorError, match=r"roles\.grounder.*'\.\./merges\.txt' cannot be"):
        load_pack(path)
    starter = shipped("models", "starter.toml").read_text(encoding="utf-8")
    more = '\n[[roles.embedder.downloads]]\nurl = "https://host/a.bin"\n'
    path.write_text(starter[: starter.index("[roles.refiner]")] + more, encoding="utf-8")
    with pytest.raises(AnnotatorError, match="downloads are of a file or folder that no package"):
        load_pack(path)
