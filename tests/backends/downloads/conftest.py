"""A models folder of its own, a server, and packs that are downloaded from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from file_server import FileServer
from tiny_packs import HEAD, WEIGHTS

from annotator.backends import registry
from annotator.backends.downloads import Settings


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
