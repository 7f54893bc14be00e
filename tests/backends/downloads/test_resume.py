"""Downloads that stop, break, change or lie: gone on with, begun again, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from file_server import Cut, FileServer, Other, Stall, Whole, sha256
from tiny_packs import LISTED, OPEN, REPOSITORY, WEIGHTS, fetched, stop_after

from annotator.backends import downloads
from annotator.backends.downloads import Settings
from annotator.backends.registry import load_pack
from annotator.core.errors import AnnotatorError


def test_half_a_folder_is_no_model(
    server: FileServer, settings: Settings, manifest: Callable[[str], Path], home: Path
) -> None:
    server.put_repository("somebody/tiny", REPOSITORY)
    pack = manifest(LISTED)
    items = downloads.plan(pack, None, settings)
    stop_after(downloads.download(items, settings), len(WEIGHTS))
    assert not (home / "tiny" / "config.json").exists()
    with pytest.raises(AnnotatorError, match="is not there"):
        load_pack(pack).specs["grounder"].folder.locate()  # type: ignore[union-attr]
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    folder = home / "tiny"
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-1.safetensors").write_bytes(b"x")
    (item,) = downloads.plan(manifest(OPEN), None, settings)
    assert not item.there
    (folder / "model-2.safetensors").write_bytes(b"x")
    assert downloads.plan(manifest(OPEN), None, settings)[0].there


def test_progress_counts_bytes_and_names_the_file(
    server: FileServer, settings: Settings, manifest: Callable[[str], Path]
) -> None:
    server.put_repository("somebody/tiny", REPOSITORY)
    steps = list(downloads.download(downloads.plan(manifest(LISTED), None, settings), settings))
    told = [step for step in steps if step.message == "tiny/model.safetensors"]
    assert len(told) >= 3
    assert {step.total for step in told} == {len(WEIGHTS) + 22}
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert (steps[-1].done, steps[-1].total) == (len(WEIGHTS) + 22, len(WEIGHTS) + 22)


def test_stopped_it_goes_on_where_it_was(
    server: FileServer, settings: Settings, by_url: Callable[..., Path], home: Path
) -> None:
    pack = by_url()
    stop_after(downloads.download(downloads.plan(pack, None, settings), settings), 2**20)
    part = home / "nets" / "net.bin.part"
    size = part.stat().st_size
    assert 2**20 <= size < len(WEIGHTS)
    assert not (home / "nets" / "net.bin").exists()
    fetched(pack, settings)
    assert server.ranges("/net.bin") == ["", f"bytes={size}-"]
    assert server.asked("/net.bin")[1].headers["if-range"].startswith('"')
    assert (home / "nets" / "net.bin").read_bytes() == WEIGHTS
    assert [path.name for path in (home / "nets").iterdir()] == ["net.bin"]


def test_a_broken_connection_is_gone_on_with_after_a_while(
    server: FileServer,
    settings: Settings,
    by_url: Callable[..., Path],
    home: Path,
    waits: list[float],
) -> None:
    pack = by_url()
    server.next["/net.bin"] = [Cut(2**20), Cut(0), Cut(0), Cut(2**20)]
    fetched(pack, settings)
    assert (home / "nets" / "net.bin").read_bytes() == WEIGHTS
    assert server.ranges("/net.bin") == [
        "",
        *["bytes=1048576-"] * 3,
        "bytes=2097152-",
    ]
    # 1 s, then 2 and 4 without a new byte, then 1 again.
    assert sum(waits) == 1 + 2 + 4 + 1
    assert max(waits) <= 0.5


def test_it_is_given_up_after_some_failures_without_a_byte(
    server: FileServer, settings: Settings, by_url: Callable[..., Path], home: Path
) -> None:
    pack = by_url()
    server.next["/net.bin"] = [Cut(2**20), *[Cut(0)] * 20]
    with pytest.raises(AnnotatorError, match=r"broke off.*download again to go on"):
        fetched(pack, settings)
    assert len(server.asked("/net.bin")) == 5
    assert (home / "nets" / "net.bin.part").stat().st_size == 2**20


def test_a_server_without_ranges_starts_again(
    server: FileServer, settings: Settings, by_url: Callable[..., Path], home: Path
) -> None:
    pack = by_url()
    server.next["/net.bin"] = [Cut(2**20), Whole()]
    fetched(pack, settings)
    assert server.ranges("/net.bin") == ["", "bytes=1048576-"]
    assert (home / "nets" / "net.bin").read_bytes() == WEIGHTS


def test_a_file_that_changed_meanwhile_starts_again(
    server: FileServer, settings: Settings, by_url: Callable[..., Path], home: Path
) -> None:
    pack = by_url()
    stop_after(downloads.download(downloads.plan(pack, None, settings), settings), 2**20)
    newer = WEIGHTS[::-1]
    server.put("/net.bin", newer)
    fetched(pack, settings)
    assert (home / "nets" / "net.bin").read_bytes() == newer


def test_a_server_that_mixes_two_files_is_seen_through(
    server: FileServer, settings: Settings, by_url: Callable[..., Path], home: Path
) -> None:
    pack = by_url()
    server.next["/net.bin"] = [Cut(2**20), Other(WEIGHTS[::-1])]
    fetched(pack, settings)
    assert server.ranges("/net.bin") == ["", "bytes=1048576-", ""]
    assert (home / "nets" / "net.bin").read_bytes() == WEIGHTS


def test_bytes_that_nothing_can_tell_apart_are_not_joined(
    server: FileServer, settings: Settings, by_url: Callable[..., Path], home: Path
) -> None:
    pack = by_url()
    del server.files["/net.bin"].headers["ETag"]
    server.next["/net.bin"] = [Cut(2**20)]
    fetched(pack, settings)
    assert server.ranges("/net.bin") == ["", ""]
    assert (home / "nets" / "net.bin").read_bytes() == WEIGHTS


def test_with_a_pinned_hash_they_are(
    server: FileServer, settings: Settings, by_url: Callable[..., Path], home: Path
) -> None:
    pack = by_url(sha=sha256(WEIGHTS))
    del server.files["/net.bin"].headers["ETag"]
    server.next["/net.bin"] = [Cut(2**20)]
    result = fetched(pack, settings)
    assert server.ranges("/net.bin") == ["", "bytes=1048576-"]
    assert result["files"][0]["compared"] == "manifest"


@pytest.mark.parametrize("side", [b"", b"not JSON", b"[]", b'{"etag": 1}'])
def test_a_side_file_that_is_damaged_costs_the_part_only(
    server: FileServer, settings: Settings, by_url: Callable[..., Path], home: Path, side: bytes
) -> None:
    pack = by_url()
    stop_after(downloads.download(downloads.plan(pack, None, settings), settings), 2**20)
    (home / "nets" / "net.bin.part.json").write_bytes(side)
    fetched(pack, settings)
    assert (home / "nets" / "net.bin").read_bytes() == WEIGHTS


def test_a_part_that_is_whole_needs_no_byte_more(
    server: FileServer, settings: Settings, by_url: Callable[..., Path], home: Path
) -> None:
    """Killed between the last byte and the file's own name."""
    pack = by_url(sha=sha256(WEIGHTS))
    stop_after(downloads.download(downloads.plan(pack, None, settings), settings), 2**20)
    (home / "nets" / "net.bin.part").write_bytes(WEIGHTS)
    fetched(pack, settings)
    assert (home / "nets" / "net.bin").read_bytes() == WEIGHTS
    (home / "nets" / "net.bin").rename(home / "nets" / "net.bin.part")
    with (home / "nets" / "net.bin.part").open("ab") as file:
        file.write(b"more")
    fetched(pack, settings)
    assert (home / "nets" / "net.bin").read_bytes() == WEIGHTS


@pytest.mark.parametrize("pinned", [True, False])
def test_what_is_not_the_file_is_deleted_and_named(
    server: FileServer,
    settings: Settings,
    by_url: Callable[..., Path],
    manifest: Callable[[str], Path],
    home: Path,
    pinned: bool,
) -> None:
    wrong = WEIGHTS[:-1] + b"!"
    if pinned:
        pack = by_url(sha=sha256(WEIGHTS))
        server.put("/net.bin", wrong)
    else:
        server.put_repository("somebody/tiny", REPOSITORY)
        server.put(f"/storage/{sha256(WEIGHTS)}", wrong)
        pack = manifest(LISTED)
    with pytest.raises(AnnotatorError, match=rf"not that file.*{sha256(wrong)[:12]}.*deleted"):
        fetched(pack, settings)
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_wrong_file_that_is_there_is_fetched_again(
    server: FileServer, settings: Settings, by_url: Callable[..., Path], home: Path
) -> None:
    pack = by_url(sha=sha256(WEIGHTS))
    target = home / "nets" / "net.bin"
    target.parent.mkdir(parents=True)
    target.write_bytes(WEIGHTS[::-1])
    assert fetched(pack, settings)["downloaded"] == 1
    assert target.read_bytes() == WEIGHTS


def test_a_file_of_the_wrong_size_is_missing(
    server: FileServer, by_url: Callable[..., Path], home: Path
) -> None:
    pack = by_url(size=len(WEIGHTS))
    target = home / "nets" / "net.bin"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"half")
    (item,) = downloads.plan(pack)
    assert (item.there, downloads.known_size([item])) == (False, len(WEIGHTS))
    target.write_bytes(WEIGHTS)
    (item,) = downloads.plan(pack)
    assert (item.there, downloads.known_size([item])) == (True, 0)


def test_two_at_once_do_not_write_the_same_file(
    server: FileServer, settings: Settings, by_url: Callable[..., Path]
) -> None:
    pack = by_url()
    server.next["/net.bin"] = [Stall(2**20)]
    first = downloads.download(downloads.plan(pack, None, settings), settings)
    for step in first:
        if step.done:
            break
    with pytest.raises(AnnotatorError, match=r"net\.bin is being downloaded by another"):
        fetched(pack, settings)
    first.close()  # type: ignore[attr-defined]
    assert fetched(pack, settings)["downloaded"] == 1
