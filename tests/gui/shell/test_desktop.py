"""Files that the desktop hands over, and folders that are shown in it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QFileOpenEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from annotator.core import program
from annotator.gui import desktop, opening
from annotator.gui.main_window import MainWindow
from annotator.gui.session import Session
from annotator.operations import synsets
from annotator.project.project import Project

Opened = Callable[[Path], Session]


@pytest.fixture
def double_click(qapp: QApplication, window: MainWindow) -> Callable[[Path], None]:
    """As macOS hands a file to a program that runs."""
    filter = desktop.FileOpener(window)
    qapp.installEventFilter(filter)

    def hand(path: Path) -> None:
        QApplication.sendEvent(qapp, QFileOpenEvent(QUrl.fromLocalFile(str(path))))

    return hand


def make(path: Path, photos: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    Project.create(path, photos).close()
    return path


def path_of(window: MainWindow) -> Path | None:
    return None if window.session is None else window.session.project.path


def test_a_double_click_opens_the_project(
    qtbot: QtBot,
    window: MainWindow,
    photos: Path,
    tmp_path: Path,
    double_click: Callable[[Path], None],
) -> None:
    place = make(tmp_path / "meine Fotos – Übung 写真" / "a b.annot", photos)
    with qtbot.waitSignal(window.project_opened, timeout=20_000):
        double_click(place)
    assert path_of(window) == place


def test_another_one_takes_its_place_and_nothing_is_lost(
    qtbot: QtBot,
    window: MainWindow,
    photos: Path,
    tmp_path: Path,
    opened: Opened,
    double_click: Callable[[Path], None],
) -> None:
    first = opened(photos)
    first.act(synsets.add, "sofa")
    other = make(tmp_path / "other.annot", photos)
    with qtbot.waitSignal(window.project_opened, timeout=20_000):
        double_click(other)
    assert path_of(window) == other
    with Project.open(photos.parent / "photos.annot") as project, project.read() as db:
        assert db.execute("SELECT name FROM synsets").fetchall() == [("sofa",)]


def test_the_one_that_is_open_stays_as_it_is(
    window: MainWindow, photos: Path, opened: Opened, double_click: Callable[[Path], None]
) -> None:
    session = opened(photos)
    double_click(photos.parent / "photos.annot")
    assert window.session is session
    assert window.stack.currentWidget() is window.workspace


@pytest.mark.parametrize("again", [False, True])
def test_a_click_while_another_one_is_being_opened_is_not_lost(
    qtbot: QtBot,
    window: MainWindow,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    double_click: Callable[[Path], None],
    again: bool,
) -> None:
    """The last one counts; of two clicks on the same file the second does nothing."""
    first, second = make(tmp_path / "1.annot", photos), make(tmp_path / "2.annot", photos)
    go_on, really = threading.Event(), opening.open_or_create

    def slow(path: Path) -> tuple[Project, bool]:
        go_on.wait()
        return really(path)

    monkeypatch.setattr(opening, "open_or_create", slow)
    seen: list[Path] = []
    window.project_opened.connect(lambda session: seen.append(session.project.path))
    double_click(first)
    double_click(second)
    if again:
        double_click(first)
    go_on.set()
    expected = [first] if again else [first, second]
    qtbot.waitUntil(lambda: len(seen) == len(expected), timeout=20_000)
    assert seen == expected
    assert path_of(window) == expected[-1]


def test_one_that_is_asked_for_after_one_that_cannot_be_opened(
    qtbot: QtBot,
    window: MainWindow,
    photos: Path,
    tmp_path: Path,
    double_click: Callable[[Path], None],
) -> None:
    place = make(tmp_path / "there.annot", photos)
    with qtbot.waitSignal(window.project_opened, timeout=20_000):
        double_click(tmp_path / "gone.annot")
        double_click(place)
    assert path_of(window) == place


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such variable")
@pytest.mark.parametrize("before", [None, "/opt/own/lib"])
def test_packaged_it_hands_no_library_of_its_own_to_other_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    seen: list[tuple[str | None, str]] = []

    def note(url: QUrl) -> bool:
        seen.append((os.environ.get("LD_LIBRARY_PATH"), url.toLocalFile()))
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", note)
    monkeypatch.setattr(program, "frozen", lambda: True)
    monkeypatch.setattr(desktop.sys, "platform", "linux")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/bundle/_internal")
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    if before is not None:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)
    assert desktop.show(tmp_path)
    assert seen == [(before, str(tmp_path))]
    assert os.environ["LD_LIBRARY_PATH"] == "/bundle/_internal"
