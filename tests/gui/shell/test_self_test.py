"""The window that is photographed: what is no picture of an image counts as none."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from annotator.gui import self_test
from annotator.gui.main_window import MainWindow
from annotator.gui.self_test import COLOURS, Photographer, colours
from annotator.pipeline.scan import scan
from annotator.project.project import Project


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A project of one photo, closed."""
    noise = np.random.default_rng(0).integers(0, 255, (60, 90, 3)).astype(np.uint8)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    with Project.create(tmp_path / "my é.annot", tmp_path / "photos") as project:
        for _ in scan(project):
            pass
    return tmp_path / "my é.annot"


@pytest.fixture
def window(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    made = MainWindow()
    qtbot.addWidget(made)
    # The test's own application goes on when the window closes.
    monkeypatch.setattr("annotator.gui.main_window.QApplication.quit", lambda: None)
    return made


def closed(window: MainWindow, qtbot: QtBot, path: Path | None) -> None:
    with qtbot.waitSignal(window.closed, timeout=60_000):
        window.show()
        if path is not None:
            window.open_path(path)


def test_the_first_image_is_photographed(
    window: MainWindow, path: Path, qtbot: QtBot, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = path.with_name("window é.png")
    photographer = Photographer(window, picture)
    closed(window, qtbot, path)
    assert photographer.status == 0
    facts = json.loads(capsys.readouterr().out)
    shown = QImage(str(picture))
    assert (shown.width(), shown.height()) == (facts["width"], facts["height"])
    assert facts["painted"] > 0
    assert colours(shown) >= COLOURS


def test_a_picture_that_cannot_be_written_is_said(
    window: MainWindow, path: Path, qtbot: QtBot, capsys: pytest.CaptureFixture[str]
) -> None:
    photographer = Photographer(window, path.parent / "no" / "window.png")
    closed(window, qtbot, path)
    assert photographer.status == 1
    assert "cannot be written: name another file" in capsys.readouterr().err


def test_a_window_that_stays_empty_is_said(
    window: MainWindow,
    path: Path,
    qtbot: QtBot,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blank = QImage(400, 300, QImage.Format.Format_RGB32)
    blank.fill(QColor("#123456"))
    assert colours(blank) == 1
    monkeypatch.setattr(self_test, "grab", lambda _: blank)
    photographer = Photographer(window, path.with_name("window.png"))
    closed(window, qtbot, path)
    assert photographer.status == 1
    assert "The window stays empty" in capsys.readouterr().err
    assert not path.with_name("window.png").exists()


def test_without_an_image_it_gives_up(
    window: MainWindow,
    tmp_path: Path,
    qtbot: QtBot,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(self_test, "PATIENCE", 0.2)
    photographer = Photographer(window, tmp_path / "window.png")
    closed(window, qtbot, None)
    assert photographer.status == 1
    assert "did not show an image" in capsys.readouterr().err
