"""The demo, started from the start page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from annotator.core.records import Progress
from annotator.gui import steps
from annotator.gui.main_window import MainWindow
from annotator.project.project import Project


def test_the_demo_opens_its_project(
    qtbot: QtBot,
    window: MainWindow,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    def demo(folder: Path) -> Iterator[Progress]:
        folder.mkdir()
        Project.create(folder / "demo.annot", photos).close()
        yield Progress("demo", 1, 1, result={})

    monkeypatch.setattr(steps, "demo", demo)
    with qtbot.waitSignal(window.project_opened, timeout=20_000):
        window.start.demo.click()
        assert window.status.isVisible()
    assert window.session is not None
    assert window.session.project.path == tmp_path / "annotator-demo" / "demo.annot"


def test_a_demo_that_fails_is_said(
    qtbot: QtBot, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def demo(folder: Path) -> Iterator[Progress]:
        raise OSError("no space left on device")
        yield

    monkeypatch.setattr(steps, "demo", demo)
    window.run_demo()
    qtbot.waitUntil(window.messages.isVisible)
    assert "no space left" in window.messages.text.text()
    assert window.stack.currentWidget() is window.start
    assert not window.status.isVisible()
