"""Downloads from real servers on this machine: whole, gone on with, asked of the hub, through a
proxy, into a folder for another machine."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from file_server import COMMIT, Cut, FileServer, Other, Stall, Whole, sha256

from annotator.backends import downloads, registry
from annotator.backends.downloads import Settings
from annotator.backends.registry import load_pack
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress

WEIGHTS = random.Random(1).randbytes(3 * 2**20)
HEAD = """
[roles.grounder]
kind = "clip-grounder"
model = "tiny"
licence = "MIT"
size_bytes = 3000000
memory_mb = 1
source = "Hugging Face somebody/tiny"
folder = "tiny"
"""
HUB = '[[roles.grounder.downloads]]\nrepository = "somebody/tiny"\n'
LISTED = HEAD + HUB + 'files = ["config.json", "model.safetensors"]\n'
OPEN = HEAD + HUB + 'include = ["*.json", "*.safetensors", "words/*"]\n'
REPOSITORY = {
    "config.json": b'{"model_type": "clip"}',
    "model.safetensors": WEIGHTS,
    "words/list.txt": b"cat dog",
    "README.md": b"# Tiny",
    "onnx/config.json": b"{}",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder of its own, and nothing of this machine's network settings."""
    from huggingface_hub import constants

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "ANNOTATOR_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(registry, "user_models", lambda: tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer().running() as made:
        yield made


@pytest.fixture
def waits() -> list[float]:
    """How long it would have waited."""
    return []


@pytest.fixture
def settings(server: FileServer, waits: list[float]) -> Settings:
    return Settings(mirror=server.url, wait=waits.append)


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def by_url(server: FileServer, manifest: Callable[[str], Path]) -> Callable[..., Path]:
    """by_url(...): the manifest of one file that the server has at /net.bin."""

    def write(sha: str = "", size: int = 0, **headers: str) -> Path:
        address = server.put("/net.bin", WEIGHTS, **headers)
        text = HEAD.replace('folder = "tiny"', 'file = "nets/net.bin"').replace(
            "clip-grounder", "tcl-grounder"
        )
        text += f'sha256 = "{sha}"\n' if sha else ""
        text += f'[[roles.grounder.downloads]]\nurl = "{address}"\n'
        text += f'[roles.grounder.downloads.sizes]\n"net.bin" = {size}\n' if size else ""
        return manifest(text)

    return write


def fetched(pack: Path, settings: Settings) -> dict[str, Any]:
    last = list(downloads.download(downloads.plan(pack, None, settings), settings))[-1]
    assert last.result is not None
    return dict(last.result)


def stop_after(steps: Iterator[Progress], done: int) -> None:
    """Read until so many bytes are there, and close."""
    for step in steps:
        if step.done >= done:
            break
    steps.close()  # type: ignore[attr-defined]


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


def test_the_key_goes_to_the_hub_and_not_to_where_it_sends(
    server: FileServer,
    manifest: Callable[[str], Path],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FileServer().running() as storage:
        server.put_repository("somebody/tiny", REPOSITORY)
        kept = f"/storage/{sha256(WEIGHTS)}"
        storage.put(kept, WEIGHTS)
        for path, file in server.files.items():
            if "Location" in file.headers:
                file.headers["Location"] = storage.url.replace("127.0.0.1", "localhost") + kept
                assert "/resolve/" in path
        server.token = "hf_secret"
        with pytest.raises(AnnotatorError, match=r"401.*accept the model's terms.*HF_TOKEN"):
            fetched(manifest(LISTED), settings)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        fetched(manifest(LISTED), settings)
        assert len(storage.log) == 1
        assert "authorization" not in storage.log[0].headers


def test_the_key_is_not_sent_over_an_open_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from annotator.backends import downloads_hub

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert downloads_hub.headers("https://mirror.example/x") == {
        "Authorization": "Bearer hf_secret"
    }
    assert downloads_hub.headers("http://mirror.example/x") == {}


def test_a_proxy_is_used_and_the_option_wins(
    server: FileServer,
    manifest: Callable[[str], Path],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    waits: list[float],
) -> None:
    server.put_repository("somebody/tiny", REPOSITORY)
    server.password = "Basic bmFtZTpwYXNz"  # name:pass
    for file in server.files.values():
        if "Location" in file.headers:
            file.headers["Location"] = file.headers["Location"].replace(
                server.url, "http://storage.example"
            )
    monkeypatch.setenv("HTTP_PROXY", server.url.replace("://", "://name:pass@"))
    mirror = "http://hub.example"
    fetched(manifest(LISTED), Settings(mirror=mirror, wait=waits.append))
    assert {one.path.split("/")[2] for one in server.log} == {"hub.example", "storage.example"}
    assert (home / "tiny" / "model.safetensors").read_bytes() == WEIGHTS
    (home / "tiny" / "config.json").unlink()
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with pytest.raises(AnnotatorError, match=r"hub\.example.*proxy http://127\.0\.0\.1:1"):
        fetched(manifest(LISTED), Settings(mirror=mirror))
    with pytest.raises(AnnotatorError, match=r"wants a name and password \(407\)") as caught:
        fetched(manifest(LISTED), Settings(mirror=mirror, proxy=server.url.replace("//", "//a:b@")))
    assert "a:b" not in str(caught.value)
    given = server.url.replace("://", "://name:pass@")
    fetched(manifest(LISTED), Settings(mirror=mirror, proxy=given))
    assert (home / "tiny" / "config.json").is_file()


def test_no_proxy_is_heeded(
    server: FileServer,
    settings: Settings,
    manifest: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.put_repository("somebody/tiny", REPOSITORY)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert fetched(manifest(LISTED), settings)["downloaded"] == 2


def test_a_folder_is_filled_for_another_machine(
    server: FileServer,
    settings: Settings,
    manifest: Callable[[str], Path],
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.put_repository("somebody/tiny", REPOSITORY)
    pack, stick = manifest(LISTED), tmp_path / "a stick ä"
    result = fetched(pack, Settings(mirror=server.url, into=stick))
    assert result["folder"] == str(stick)
    assert not home.exists()
    lines = (stick / "FILES.txt").read_text(encoding="utf-8").splitlines()
    assert f"{sha256(WEIGHTS)}  tiny/model.safetensors" in lines
    assert f"# {len(WEIGHTS)} bytes" in lines
    assert downloads.carry_manifest(stick, load_pack(pack))
    # Copied as it is, it is the models folder of the other machine.
    monkeypatch.setattr(registry, "user_models", lambda: stick)
    assert [row[2] for row in registry.verify("mine")] == [True]
    assert downloads.carry_manifest(stick, load_pack("clip")) == []


def test_what_is_here_is_copied_to_the_stick_and_older_lines_are_kept(
    server: FileServer,
    settings: Settings,
    manifest: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    server.put_repository("somebody/tiny", REPOSITORY)
    pack, stick = manifest(LISTED), tmp_path / "stick"
    fetched(pack, settings)
    server.log.clear()
    stick.mkdir()
    (stick / "old.pth").write_bytes(b"old")
    gone = f"{'0' * 64}  gone.pth"
    (stick / "FILES.txt").write_text(f"{sha256(b'old')}  old.pth\n{gone}\nwords\n")
    fetched(pack, Settings(mirror=server.url, into=stick))
    assert (stick / "tiny" / "model.safetensors").read_bytes() == WEIGHTS
    assert server.asked(f"/storage/{sha256(WEIGHTS)}") == []
    text = (stick / "FILES.txt").read_text(encoding="utf-8")
    assert f"{sha256(b'old')}  old.pth" in text
    assert "gone.pth" not in text


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
