"""What goes wrong with downloads is one sentence that says what to do, and leaves no file that is
not whole under its own name."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from file_server import FileServer, Status

from annotator.backends import downloads
from annotator.backends.downloads import Settings
from annotator.backends.downloads_net import writing
from annotator.core.errors import AnnotatorError

DATA = bytes(range(256)) * 8192
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="files of a POSIX system")


class Fetched(NamedTuple):
    """What happened: the sentence ("" where it worked), and the seconds it would have waited."""

    said: str
    waits: list[float]


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[..., Fetched]:
    """fetch(url, ...): download one file from there."""

    def run(url: str, *, size: int = 0, **settings: Any) -> Fetched:
        path = tmp_path / "mine.toml"
        text = f"""
[roles.refiner]
kind = "hq-sam"
model = "net"
licence = "MIT"
size_bytes = 1
memory_mb = 1
file = "net.bin"
[[roles.refiner.downloads]]
url = "{url}"
"""
        text += f'[roles.refiner.downloads.sizes]\n"net.bin" = {size}\n' if size else ""
        path.write_text(text, encoding="utf-8")
        waits: list[float] = []
        given = Settings(wait=waits.append, **settings)
        try:
            items = downloads.plan(path, None, given)
            for _ in downloads.download(items, given):
                pass
        except AnnotatorError as error:
            return Fetched(str(error), waits)
        return Fetched("", waits)

    return run


def left(home: Path) -> list[str]:
    return sorted(path.name for path in home.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "accept the model's terms"),
        (403, "accept the model's terms"),
        (404, "is not there (404)"),
        (410, "is not there (410)"),
        (407, "wants a name and password (407)"),
        (418, "answers 418"),
    ],
)
def test_a_refusal_is_not_tried_again(
    server: FileServer, fetch: Callable[..., Fetched], home: Path, status: int, says: str
) -> None:
    url = server.put("/net.bin", DATA)
    server.next["/net.bin"] = [Status(status)]
    said, waits = fetch(url)
    assert says in said
    assert "\n" not in said
    assert (len(server.log), waits, left(home)) == (1, [], [])


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_waited_for(
    server: FileServer, fetch: Callable[..., Fetched], home: Path, status: int
) -> None:
    url = server.put("/net.bin", DATA)
    server.next["/net.bin"] = [Status(status), Status(status, {"Retry-After": "7"})]
    said, waits = fetch(url)
    assert (said, sum(waits)) == ("", 1 + 7)
    assert (home / "net.bin").read_bytes() == DATA
    (home / "net.bin").unlink()
    server.next["/net.bin"] = [Status(status, {"Retry-After": "99999"})] * 9
    said, waits = fetch(url)
    assert f"cannot give {url} now ({status})" in said
    assert sum(waits) == 4 * 60


def test_no_such_host(fetch: Callable[..., Fetched]) -> None:
    said, waits = fetch("https://nowhere.invalid/net.bin")
    assert "nowhere.invalid cannot be found: is this computer on the network?" in said
    assert waits == []


def test_nobody_listens(fetch: Callable[..., Fetched]) -> None:
    said, waits = fetch("http://127.0.0.1:1/net.bin")
    assert "127.0.0.1 cannot be reached" in said
    assert waits == []


def test_no_safe_connection(server: FileServer, fetch: Callable[..., Fetched]) -> None:
    said, _ = fetch(server.url.replace("http:", "https:") + "/net.bin")
    assert "The connection to 127.0.0.1 is not safe" in said
    assert "SSL_CERT_FILE" in said


def test_a_proxy_that_wants_a_password_before_it_connects(
    server: FileServer, fetch: Callable[..., Fetched]
) -> None:
    said, _ = fetch("https://files.example/net.bin", proxy=server.url)
    assert f"The proxy {server.url} wants a name and password (407)" in said


def test_a_proxy_that_is_not_there(fetch: Callable[..., Fetched]) -> None:
    said, _ = fetch("https://files.example/net.bin", proxy="http://me:secret@127.0.0.1:1")
    assert "files.example cannot be reached through the proxy http://127.0.0.1:1" in said
    assert "secret" not in said


def test_a_proxy_that_takes_the_question_and_breaks_off(fetch: Callable[..., Fetched]) -> None:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as mute:

        def hang_up() -> None:
            while not done.is_set():
                mute.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        where = f"http://127.0.0.1:{mute.getsockname()[1]}"
        try:
            said, _ = fetch("https://files.example/net.bin", proxy=where, tries=2)
        finally:
            done.set()
            socket.create_connection(mute.getsockname()).close()
            thread.join()
    assert f"files.example broke off through the proxy {where}" in said


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"proxy": "127.0.0.1:8080"}, "no address of a proxy"),
        ({"proxy": "http://me:secret@"}, "no address of a proxy"),
        ({"mirror": "mirror.example"}, "no address of a mirror"),
        ({"mirror": "file:///models"}, "no address of a mirror"),
        ({"mirror": "socks5://host:1"}, "is not http or https"),
    ],
)
def test_addresses_that_are_none(given: dict[str, str], says: str) -> None:
    with pytest.raises(AnnotatorError, match=says) as caught:
        Settings(**given)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


def test_a_proxy_of_the_environment_that_is_none(
    fetch: Callable[..., Fetched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://proxy.example:70")
    said, _ = fetch("https://files.example/net.bin")
    assert "The proxy that HTTPS_PROXY names cannot be used" in said


def test_redirects_leave_encryption_for_nobody(
    server: FileServer, fetch: Callable[..., Fetched], home: Path
) -> None:
    url = server.put("/net.bin", b"", Location="/there.bin")
    server.put("/there.bin", DATA)
    assert fetch(url).said == ""
    (home / "net.bin").unlink()
    server.files["/net.bin"].headers["Location"] = "ftp://files.example/net.bin"
    assert "which is not encrypted: that is not followed" in fetch(url).said
    server.files["/net.bin"].headers["Location"] = "/net.bin"
    assert "from one address to the next without end" in fetch(url).said


def test_https_is_never_left_for_http() -> None:
    import httpx2

    from annotator.backends.downloads_net import _next

    with pytest.raises(AnnotatorError, match="not encrypted"):
        _next("https://a.example/x", httpx2.Request("GET", "http://a.example/x"))
    _next("http://a.example/x", httpx2.Request("GET", "https://b.example/x"))


def test_a_web_page_is_no_model(
    server: FileServer, fetch: Callable[..., Fetched], home: Path
) -> None:
    url = server.put("/net.bin", b"<html>Log in</html>", Content_Type="text/html; charset=utf-8")
    assert "came a web page: log in to the network" in fetch(url).said
    assert left(home) == []


def test_another_size_is_refused_before_a_byte_of_it_is_kept(
    server: FileServer, fetch: Callable[..., Fetched], home: Path
) -> None:
    url = server.put("/net.bin", DATA)
    said = fetch(url, size=len(DATA) + 1).said
    assert f"has {len(DATA)} bytes as net.bin, which should be {len(DATA) + 1}" in said
    assert left(home) == []


def test_the_disk_must_have_room(
    server: FileServer,
    fetch: Callable[..., Fetched],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = server.put("/net.bin", DATA)
    whole = shutil.disk_usage(home.parent)
    free = whole._replace(free=len(DATA) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    assert "GB are to come, and the disk of" in fetch(url, size=len(DATA)).said
    assert (server.log, left(home)) == ([], [])
    # What is there of it already needs no room any more.
    home.mkdir()
    (home / "net.bin.part").write_bytes(b"\0\0")
    assert fetch(url, size=len(DATA)).said == ""


@POSIX
def test_a_disk_that_fills_up(
    server: FileServer, fetch: Callable[..., Fetched], home: Path
) -> None:
    url = server.put("/net.bin", DATA)
    home.mkdir()
    (home / "net.bin.part").symlink_to("/dev/full")
    assert f"The disk of {home} is full: make room and download again" in fetch(url).said
    assert not (home / "net.bin").exists()


def test_a_stick_that_holds_no_large_file(tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match="FAT32"), writing(tmp_path / "net.bin"):
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


def test_a_folder_that_cannot_be_made(
    server: FileServer, fetch: Callable[..., Fetched], home: Path
) -> None:
    url = server.put("/net.bin", DATA)
    home.write_bytes(b"a file where the folder should be")
    assert "choose a folder that may be written to" in fetch(url).said


@POSIX
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(
    server: FileServer, fetch: Callable[..., Fetched], home: Path
) -> None:
    url = server.put("/net.bin", DATA)
    home.mkdir(mode=0o555)
    assert "choose a folder that may be written to" in fetch(url).said


HUB = """
[roles.grounder]
kind = "clip-grounder"
model = "tiny"
licence = "MIT"
size_bytes = 1
memory_mb = 1
folder = "tiny"
[[roles.grounder.downloads]]
repository = "somebody/tiny"
"""


@pytest.mark.parametrize(
    ("asked", "files", "says"),
    [
        ('include = ["*.safetensors"]', {"model.safetensors": b"x"}, "has no config.json"),
        ('include = ["*.json"]', {}, "has no config.json"),
        ('files = ["a.json"]', {"config.json": b"{}"}, "has no a.json at main any more"),
    ],
)
def test_a_repository_that_is_not_as_described(
    server: FileServer, tmp_path: Path, asked: str, files: dict[str, bytes], says: str
) -> None:
    server.put_repository("somebody/tiny", files)
    path = tmp_path / "mine.toml"
    path.write_text(HUB + asked, encoding="utf-8")
    settings = Settings(mirror=server.url)
    with pytest.raises(AnnotatorError, match=says):
        downloads.ask(downloads.plan(path, None, settings), settings)


@pytest.mark.parametrize(
    "answer", [b"<html>", b"[]", b'{"siblings": 3}', b'{"siblings": [{"name": "x"}]}']
)
def test_a_list_that_cannot_be_read(server: FileServer, tmp_path: Path, answer: bytes) -> None:
    server.put("/api/models/somebody/tiny/revision/main", answer)
    path = tmp_path / "mine.toml"
    path.write_text(HUB + 'include = ["*"]', encoding="utf-8")
    settings = Settings(mirror=server.url)
    with pytest.raises(AnnotatorError, match="is it a mirror of the model hub"):
        downloads.ask(downloads.plan(path, None, settings), settings)


def test_a_pin_that_the_hub_contradicts_is_said_before_the_download(
    server: FileServer, tmp_path: Path
) -> None:
    server.put_repository("somebody/tiny", {"config.json": b"{}", "model.safetensors": DATA})
    path = tmp_path / "mine.toml"
    pin = f'[roles.grounder.hashes]\n"model.safetensors" = "{"0" * 64}"\n'
    text = HUB.replace("[[", f"{pin}[[") + 'include = ["*"]'
    path.write_text(text, encoding="utf-8")
    settings = Settings(mirror=server.url)
    with pytest.raises(AnnotatorError, match=r"has another model\.safetensors now"):
        downloads.ask(downloads.plan(path, None, settings), settings)


def test_a_hub_that_is_switched_off_is_not_asked(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    path = tmp_path / "mine.toml"
    path.write_text(HUB + 'files = ["config.json"]', encoding="utf-8")
    settings = Settings(mirror=server.url)
    with pytest.raises(AnnotatorError, match="HF_HUB_OFFLINE is set"):
        list(downloads.download(downloads.plan(path, None, settings), settings))
    assert server.log == []
