"""Which picture is decoded, when, and how often."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Picture
from pytestqt.qtbot import QtBot

from annotator.core import images
from annotator.core.records import Image
from annotator.gui.canvas import loader as loader_module
from annotator.gui.canvas.loader import FrameLoader
from annotator.gui.session import Session
from annotator.project.project import Project


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are decoded, in that order."""
    names: list[str] = []
    real = images.load_bytes

    def load_bytes(path: Path) -> tuple[int, int, bytearray]:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(loader_module.images, "load_bytes", load_bytes)
    return names


@pytest.fixture
def session(project: Project):
    for i in range(4):
        Picture.new("RGB", (40 + i, 30), (60 * i, 0, 0)).save(project.folder / f"{i}.png")
    made = Session(project)
    yield made
    made.close()


def record(i: int, content: str | None = "h") -> Image:
    return Image(id=i, path=f"{i}.png", bytes=9, hash=content)


def test_a_picture_is_decoded_once_and_kept(qtbot: QtBot, session, decoded) -> None:
    loader = FrameLoader(session)
    with qtbot.waitSignal(loader.loaded) as first:
        loader.show(record(1))
    assert first.args[1].width == 41
    with qtbot.waitSignal(loader.loaded):
        loader.show(record(2))
    with qtbot.waitSignal(loader.loaded) as again:
        loader.show(record(1))
    assert again.args[1] is first.args[1]
    assert decoded == ["1.png", "2.png"]


def test_only_the_image_asked_for_last_is_shown(qtbot: QtBot, session, decoded) -> None:
    loader = FrameLoader(session)
    shown: list[int] = []
    loader.loaded.connect(lambda image, _: shown.append(image.id))
    for i in (0, 1, 2, 3):
        loader.show(record(i))
    qtbot.waitUntil(lambda: session.idle)
    assert shown == [3]


def test_neighbours_are_there_when_they_are_wanted(qtbot: QtBot, session, decoded) -> None:
    loader = FrameLoader(session)
    with qtbot.waitSignal(loader.loaded):
        loader.show(record(1))
    loader.look_ahead([record(2), record(0)])
    qtbot.waitUntil(lambda: session.idle)
    assert sorted(decoded) == ["0.png", "1.png", "2.png"]
    with qtbot.assertNotEmitted(loader.loading), qtbot.waitSignal(loader.loaded):
        loader.show(record(2))


def test_a_changed_file_is_decoded_again_and_a_scanned_one_is_not(
    qtbot: QtBot, session, decoded
) -> None:
    loader = FrameLoader(session)
    with qtbot.waitSignal(loader.loaded):
        loader.show(record(1, None))
    with qtbot.waitSignal(loader.loaded):
        loader.show(record(1, "scanned now"))
    assert decoded == ["1.png"]
    with qtbot.waitSignal(loader.loaded):
        loader.show(replace(record(1, "other"), bytes=10))
    assert decoded == ["1.png", "1.png"]


def test_an_unreadable_file_gives_its_reason(qtbot: QtBot, session) -> None:
    (session.project.folder / "9.png").write_bytes(b"nothing")
    loader = FrameLoader(session)
    with qtbot.waitSignal(loader.failed) as failed:
        loader.show(record(9))
    assert "not an image" in failed.args[1]
    with qtbot.waitSignal(loader.failed) as failed:
        loader.show(replace(record(8), error="the file is empty"))
    assert failed.args[1] == "the file is empty"


def test_kept_pictures_are_bounded(
    qtbot: QtBot, session, decoded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader_module, "_ROOM", 20_000)  # two pictures of some 8,600 bytes
    loader = FrameLoader(session)
    for i in range(4):
        with qtbot.waitSignal(loader.loaded):
            loader.show(record(i))
    assert len(loader._kept) == 2
    with qtbot.waitSignal(loader.loaded):
        loader.show(record(0))
    assert decoded == ["0.png", "1.png", "2.png", "3.png", "0.png"]
