"""Models in the window, against a server on this machine: nothing before the person says so, then
fetched, stopped, gone on with, refused, carried here, and used without a new start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from annotator.gui.files_popover import FilesPopover
from annotator.gui.forms import MODELS
from annotator.gui.get_popover import GetPopover
from annotator.gui.main_window import MainWindow
from annotator.gui.models_popover import ModelsPopover
from annotator.gui.propose_popover import ProposePopover
from annotator.gui.session import Session

sys.path.insert(0, str(Path(__file__).parents[2] / "backends"))
import tiny_clip
from file_server import FileServer, Stall, Status, sha256

NAME = "tiny-clip"
MANIFEST = """
name = "tiny"
title = "Tiny CLIP"
description = "A random CLIP."
extends = "starter"

[roles.grounder]
kind = "clip-grounder"
model = "tiny-clip"
folder = "tiny-clip"
licence = "MIT"
size_bytes = 400000
memory_mb = 300

[[roles.grounder.downloads]]
repository = "someone/tiny-clip"
{files}

[roles.grounder.options]
size = 32

[roles.tagger]
kind = "transformers-tagger"
model = "big"
folder = "big"
licence = "research only"
size_bytes = 31000000000
memory_mb = 1

[[roles.tagger.downloads]]
repository = "someone/big"
files = ["model.safetensors"]

[[roles.tagger.prompts]]
name = "list"
text = "What is here?"
"""
Opened = Callable[[Path], Session]
W = TypeVar("W", bound=QWidget)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("clip")
    tiny_clip.clip(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def server(clip: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A model hub with the tiny CLIP."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    made = FileServer()
    made.put_repository("someone/tiny-clip", clip)
    monkeypatch.setenv("HF_ENDPOINT", made.url)
    with made.running():
        yield made


@pytest.fixture
def models(tmp_path: Path, clip: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models, with a manifest in it and no weights."""
    folder = tmp_path / "Modelle – für Fotos"
    folder.mkdir()
    files = f"files = {sorted(clip)!r}".replace("'", '"')
    (folder / "tiny.toml").write_text(MANIFEST.format(files=files), encoding="utf-8")
    monkeypatch.setenv("ANNOTATOR_MODELS", str(folder))
    return folder


@pytest.fixture
def ask(
    qtbot: QtBot, window: MainWindow, photos: Path, opened: Opened, models: Path
) -> Callable[[], GetPopover]:
    """Open the form that says what would be fetched, as a person does."""
    opened(photos)

    def ask() -> GetPopover:
        window.commands.run("models")
        form = shown(qtbot, window, ModelsPopover)
        form.packs.setCurrentIndex(form.packs.findData("tiny"))
        assert not form.go.isEnabled()
        form.get.click()
        return shown(qtbot, window, GetPopover)

    return ask


def shown(qtbot: QtBot, window: MainWindow, kind: type[W]) -> W:
    def found() -> list[W]:
        return [form for form in window.findChildren(kind) if form.isVisible()]

    qtbot.waitUntil(lambda: bool(found()), timeout=20_000)
    return found()[0]


def large(clip: dict[str, bytes]) -> str:
    """Where the server has the weights."""
    return f"/storage/{sha256(clip['model.safetensors'])}"


def test_everything_is_said_first_and_nothing_is_sent(
    window: MainWindow, server: FileServer, models: Path, ask: Callable[[], GetPopover]
) -> None:
    form = ask()
    assert form.heading.text() == "Get Tiny CLIP"
    heat, tags = form.checks if "Heat" in form.checks[0].text() else form.checks[::-1]
    assert heat.text() == "Heatmaps: tiny-clip, about 400 KB"
    assert heat.isChecked()
    assert not tags.isChecked()  # heatmaps were wanted
    assert form.go.text() == "Download about 400 KB"
    details = {part.role: part.details for part in form._plan.parts}
    host = server.url.removeprefix("http://")
    assert f"4 files from {host}/someone/tiny-clip. Licence: MIT." in details["grounder"]
    assert "research only" in details["tagger"]
    assert form.place_.text() == f"To {models}"
    tags.setChecked(True)
    assert form.go.text() == "Download about 31.0 GB"
    heat.setChecked(False)
    tags.setChecked(False)
    assert not form.go.isEnabled()
    form.cancel.click()
    assert server.log == []
    assert not window.own_jobs.running


def test_it_is_fetched_and_used_without_a_new_start(
    qtbot: QtBot,
    window: MainWindow,
    server: FileServer,
    models: Path,
    clip: dict[str, bytes],
    ask: Callable[[], GetPopover],
) -> None:
    form = ask()
    form.go.click()
    qtbot.waitUntil(lambda: form.go.text() == "Use it", timeout=20_000)
    assert {p.name: p.read_bytes() for p in (models / NAME).iterdir()} == clip
    assert "CLIP" not in window.messages.text.text()  # it is said in the form
    form.go.click()
    session = window.session
    assert session is not None
    assert session.models.name == "tiny"
    assert QSettings().value(MODELS) == "tiny"
    ready: list[str] = []
    session.work(lambda: session.models.grounder().id, ready.append)
    qtbot.waitUntil(lambda: bool(ready), timeout=30_000)
    assert ready[0].startswith("tiny-clip@")


def test_it_can_be_stopped_and_gone_on_with(
    qtbot: QtBot,
    window: MainWindow,
    server: FileServer,
    models: Path,
    clip: dict[str, bytes],
    ask: Callable[[], GetPopover],
) -> None:
    size = len(clip["model.safetensors"])
    server.next[large(clip)] = [Stall(size // 2)]
    form = ask()
    form.go.click()
    qtbot.waitUntil(server.stalled.is_set, timeout=20_000)
    part = models / NAME / "model.safetensors.part"
    qtbot.waitUntil(lambda: part.is_file() and part.stat().st_size > 0, timeout=20_000)
    assert form.go.text() == "Stop"
    form._tick()
    lines = form.numbers
    assert lines.height() >= lines.heightForWidth(lines.width())  # nothing is cut off
    assert window.status.title.text() == "Downloading Tiny CLIP"
    form.go.click()
    assert form.go.text() == "Stopping…"
    server.over.set()
    qtbot.waitUntil(lambda: form.go.text() == "Go on", timeout=20_000)
    assert "Stopped" in form.says.text()
    here = part.stat().st_size
    assert 0 < here < size
    server.over.clear()
    form.go.click()
    qtbot.waitUntil(lambda: form.go.text() == "Use it", timeout=20_000)
    assert server.ranges(large(clip)) == ["", f"bytes={here}-"]
    assert (models / NAME / "model.safetensors").read_bytes() == clip["model.safetensors"]


def test_what_went_wrong_is_one_sentence_in_the_form(
    qtbot: QtBot,
    window: MainWindow,
    server: FileServer,
    clip: dict[str, bytes],
    ask: Callable[[], GetPopover],
) -> None:
    server.next[large(clip)] = [Status(403)]
    form = ask()
    form.go.click()
    qtbot.waitUntil(lambda: form.go.text() == "Try again", timeout=20_000)
    assert "403" in form.says.text()
    assert form.says.objectName() == "error"
    assert "403" not in window.messages.text.text()
    form.go.click()
    qtbot.waitUntil(lambda: form.go.text() == "Use it", timeout=20_000)


def test_what_is_not_the_file_is_not_kept(
    qtbot: QtBot,
    window: MainWindow,
    server: FileServer,
    models: Path,
    clip: dict[str, bytes],
    ask: Callable[[], GetPopover],
) -> None:
    wrong = bytes(len(clip["model.safetensors"]))
    server.files[large(clip)].data = wrong
    form = ask()
    form.go.click()
    qtbot.waitUntil(lambda: form.go.text() == "Try again", timeout=20_000)
    assert "is not that file" in form.says.text()
    assert not list((models / NAME).glob("model.safetensors*"))


def test_it_outlives_the_project_and_the_window_says_when_it_is_there(
    qtbot: QtBot,
    window: MainWindow,
    server: FileServer,
    photos: Path,
    clip: dict[str, bytes],
    opened: Opened,
    ask: Callable[[], GetPopover],
) -> None:
    server.next[large(clip)] = [Stall(10)]
    form = ask()
    form.go.click()
    qtbot.waitUntil(server.stalled.is_set, timeout=20_000)
    form.close_it()
    with qtbot.waitSignal(window.project_closed, timeout=20_000):
        window.close_project()
    assert window.status.isVisible()
    assert window.status.title.text() == "Downloading Tiny CLIP"
    server.over.set()  # the line breaks, and it goes on by itself
    qtbot.waitUntil(lambda: not window.own_jobs.running, timeout=20_000)
    qtbot.waitUntil(window.messages.isVisible)
    assert window.messages.text.text() == "Tiny CLIP is downloaded and can be used."
    opened(photos)
    window.commands.run("models")
    chooser = shown(qtbot, window, ModelsPopover)
    assert chooser.packs.currentData() == "tiny"
    assert chooser.go.isEnabled()


def test_a_form_that_is_opened_again_shows_how_far_it_is(
    qtbot: QtBot,
    window: MainWindow,
    server: FileServer,
    clip: dict[str, bytes],
    ask: Callable[[], GetPopover],
) -> None:
    server.next[large(clip)] = [Stall(10)]
    form = ask()
    form.go.click()
    qtbot.waitUntil(server.stalled.is_set, timeout=20_000)
    form.close_it()
    assert ask() is form
    assert form.go.text() == "Stop"
    server.over.set()
    qtbot.waitUntil(lambda: form.go.text() == "Use it", timeout=20_000)


def test_how_one_download_ends_is_not_said_in_the_form_of_another_pack(
    qtbot: QtBot,
    window: MainWindow,
    server: FileServer,
    models: Path,
    clip: dict[str, bytes],
    ask: Callable[[], GetPopover],
) -> None:
    other = (models / "tiny.toml").read_text(encoding="utf-8").replace('"tiny"', '"other"')
    other = other.replace("Tiny CLIP", "Other CLIP").replace('"tiny-clip"', '"other-clip"')
    (models / "other.toml").write_text(other, encoding="utf-8")
    server.next[large(clip)] = [Stall(10), Status(403)]
    form = ask()
    form.go.click()
    qtbot.waitUntil(server.stalled.is_set, timeout=20_000)
    form.close_it()
    form.ask("other", ("grounder",))
    qtbot.waitUntil(lambda: form.heading.text() == "Get Other CLIP", timeout=20_000)
    server.over.set()
    qtbot.waitUntil(lambda: not window.own_jobs.running, timeout=20_000)
    qtbot.waitUntil(window.messages.isVisible)
    assert "403" in window.messages.text.text()
    assert window.session is not None
    qtbot.waitUntil(lambda: window.session.idle)
    assert "403" not in form.says.text()
    assert form.go.text().startswith("Download ")


def test_the_propose_form_leads_there_too(
    qtbot: QtBot, window: MainWindow, photos: Path, models: Path, opened: Opened
) -> None:
    opened(photos)
    window.commands.run("propose")
    form = shown(qtbot, window, ProposePopover)
    form.pack.setCurrentIndex(form.pack.findData("tiny"))
    assert form.get.text() == "Download… (about 31.0 GB)"
    form.get.click()
    get = shown(qtbot, window, GetPopover)
    assert [check.isChecked() for check in get.checks] == [True, False]  # the tags were wanted
    get.chosen.emit("clip")  # as when it is there
    qtbot.waitUntil(form.isVisible, timeout=20_000)
    assert form.pack.currentData() == "clip"


def test_what_to_carry_here_is_a_text_with_every_address_hash_and_place(
    qtbot: QtBot,
    window: MainWindow,
    server: FileServer,
    models: Path,
    clip: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[], GetPopover],
) -> None:
    (models / "tiny.toml").write_text(
        MANIFEST.format(files='include = ["*.json", "*.safetensors"]').partition("[roles.tagger]")[
            0
        ]
    )
    folders: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: folders.append(url.toLocalFile()))
    ask().carry.click()
    form = shown(qtbot, window, FilesPopover)
    assert f"{server.url}/someone/tiny-clip/tree/main" in form.text.toPlainText()
    assert "the files *.json, *.safetensors" in form.text.toPlainText()
    assert server.log == []
    form.look.click()
    qtbot.waitUntil(lambda: not form.look.isVisible(), timeout=20_000)
    QTest.keyClick(form.text, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QGuiApplication.clipboard().text()
    weights = clip["model.safetensors"]
    assert f"{len(weights):,} bytes, SHA-256 {sha256(weights)}" in copied
    assert all(f"to {models / NAME / name}" in copied for name in clip)
    form.folder.click()
    qtbot.waitUntil(lambda: folders == [str(models)])
    # This desktop has no program for it: the place is said, and can be copied from there.
    qtbot.waitUntil(lambda: form.says.text().endswith(f"look there: {models}"))
    assert form.says.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse
    form.check.click()
    qtbot.waitUntil(lambda: "not here yet" in form.says.text())
    (models / NAME).mkdir()
    for name, data in clip.items():
        (models / NAME / name).write_bytes(data)
    form.check.click()
    qtbot.waitUntil(lambda: "is here and right" in form.says.text(), timeout=20_000)
