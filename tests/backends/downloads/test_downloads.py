"""What a pack needs, asked of the hub, fetched whole and put where it is looked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from file_server import COMMIT, FileServer, sha256
from tiny_packs import HEAD, LISTED, OPEN, REPOSITORY, WEIGHTS, fetched

from annotator.backends import downloads, registry
from annotator.backends.downloads import Settings
from annotator.core.errors import AnnotatorError


def test_a_plan_sends_nothing_and_says_where_each_file_goes(
    server: FileServer, settings: Settings, manifest: Callable[[str], Path], home: Path
) -> None:
    items = downloads.plan(manifest(LISTED), None, settings)
    assert [item.name for item in items] == ["tiny/model.safetensors", "tiny/config.json"]
    assert items[0].path == home / "tiny" / "model.safetensors"
    assert items[0].url == f"{server.url}/somebody/tiny/resolve/main/model.safetensors"
    assert (items[0].size, items[0].sha256, items[0].there) == (None, "", False)
    assert downloads.known_size(items) == 3000000
    assert server.log == []


def test_without_a_mirror_the_addresses_are_the_hubs(
    manifest: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import hf_hub_url

    pack = manifest(LISTED)
    assert downloads.plan(pack)[1].url == hf_hub_url("somebody/tiny", "config.json")
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/hub/")
    there = "https://mirror.example/hub/somebody/tiny/resolve/main/config.json"
    assert downloads.plan(pack)[1].url == there
    for wrong in ("nonsense", "ftp://me:secret@mirror.example"):
        monkeypatch.setenv("HF_ENDPOINT", wrong)
        with pytest.raises(AnnotatorError, match=r"HF_ENDPOINT names .*no address") as error:
            downloads.plan(pack)
        assert "secret" not in str(error.value)


def test_a_listed_repository_is_fetched_compared_and_verified(
    server: FileServer, settings: Settings, manifest: Callable[[str], Path], home: Path
) -> None:
    server.put_repository("somebody/tiny", REPOSITORY)
    pack = manifest(LISTED)
    result = fetched(pack, settings)
    assert (home / "tiny" / "model.safetensors").read_bytes() == WEIGHTS
    assert [row["compared"] for row in result["files"]] == ["server", None]
    assert (result["downloaded"], result["bytes"]) == (2, len(WEIGHTS) + 22)
    assert sorted(path.name for path in (home / "tiny").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    # The commit that was there when it began, even if somebody pushes meanwhile.
    assert server.asked(f"/somebody/tiny/resolve/{COMMIT}/config.json")
    assert [ok for _, _, ok, _ in registry.verify(pack)] == [True]
    before = len(server.log)
    again = fetched(pack, settings)
    assert (again["downloaded"], again["bytes"], len(server.log)) == (0, 0, before)


def test_an_open_list_is_asked_of_the_hub(
    server: FileServer, settings: Settings, manifest: Callable[[str], Path], home: Path
) -> None:
    server.put_repository("somebody/tiny", {**REPOSITORY, "../evil.json": b"{}"})
    pack = manifest(OPEN)
    (item,) = downloads.plan(pack, None, settings)
    assert (item.patterns, item.path, item.there) == (
        ("*.json", "*.safetensors", "words/*"),
        home / "tiny",
        False,
    )
    assert server.log == []
    asked = downloads.ask((item,), settings)
    assert [one.name for one in asked] == [
        "tiny/model.safetensors",
        "tiny/words/list.txt",
        "tiny/config.json",
    ]
    assert (asked[0].size, asked[0].sha256, asked[0].pinned) == (
        len(WEIGHTS),
        sha256(WEIGHTS),
        False,
    )
    assert downloads.known_size(asked) == len(WEIGHTS) + 7 + 22
    fetched(pack, settings)
    assert (home / "tiny" / "words" / "list.txt").read_bytes() == b"cat dog"
    assert not (home / "evil.json").exists()
    assert downloads.plan(pack, None, settings)[0].there
    # Who lists it for another machine gets the files, also where all of them are here.
    assert len(downloads.ask(downloads.plan(pack, None, settings), settings)) == 3


def test_a_mirror_without_lists_still_has_the_named_files(
    server: FileServer, settings: Settings, manifest: Callable[[str], Path], home: Path
) -> None:
    server.put_repository("somebody/tiny", REPOSITORY, listed=False)
    result = fetched(manifest(LISTED), settings)
    # The hub's own hash comes with the answer.
    assert [row["compared"] for row in result["files"]] == ["server", None]
    assert (home / "tiny" / "model.safetensors").read_bytes() == WEIGHTS
    (home / "tiny" / "config.json").unlink()
    with pytest.raises(AnnotatorError, match="is not there"):
        fetched(manifest(OPEN), settings)


def test_files_of_roles_are_planned_once(manifest: Callable[[str], Path]) -> None:
    two = LISTED + LISTED.replace("grounder", "refiner").replace('"clip-refiner"', '"grabcut"')
    items = downloads.plan(manifest(two))
    assert [item.role for item in items] == ["grounder", "grounder"]
    assert [item.role for item in downloads.plan(manifest(two), ["refiner"])] == ["refiner"] * 2
    with pytest.raises(AnnotatorError, match="mine has no tagger: it has grounder, refiner"):
        downloads.plan(manifest(two), ["tagger"])


def test_models_go_where_they_are_or_where_the_person_says(
    manifest: Callable[[str], Path],
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pack = manifest(LISTED)
    monkeypatch.setenv("ANNOTATOR_MODELS", str(tmp_path / "large disk"))
    assert downloads.plan(pack)[0].path == tmp_path / "large disk" / "tiny" / "model.safetensors"
    # What was begun in the person's folder goes on there.
    (home / "tiny").mkdir(parents=True)
    assert downloads.plan(pack)[0].path == home / "tiny" / "model.safetensors"
    beside = tmp_path / "tiny"
    beside.mkdir()
    (beside / "config.json").write_text("{}")
    assert downloads.plan(pack)[0].path == beside / "model.safetensors"


def test_roles_that_are_not_downloaded_say_why(manifest: Callable[[str], Path]) -> None:
    assert downloads.plan("starter") == ()
    assert any("came with" in one for one in downloads.not_downloaded("starter"))
    assert "runs on a server" in downloads.not_downloaded("server", ["tagger"])[0]
    bare = downloads.not_downloaded(manifest(HEAD))
    assert bare == [
        "Its manifest does not say where the grounder is downloaded: Hugging Face somebody/tiny."
    ]
    text = HEAD.replace('folder = "tiny"', 'file = "a.pth"\npackage = "no_such"\nsha256 = "00"')
    assert "pip install no-such" in downloads.not_downloaded(manifest(text))[0]
