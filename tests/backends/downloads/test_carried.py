"""Keys, proxies, and folders for another machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from file_server import FileServer, sha256
from tiny_packs import LISTED, REPOSITORY, WEIGHTS, fetched

from annotator.backends import downloads, registry
from annotator.backends.downloads import Settings
from annotator.backends.registry import load_pack
from annotator.core.errors import AnnotatorError


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
