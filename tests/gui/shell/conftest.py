"""The window's shell with settings, logs and data of the person in a temporary place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PIL import Image as Picture
from PySide6.QtCore import QCoreApplication, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from annotator.gui import theme
from annotator.gui.main_window import MainWindow
from annotator.gui.session import Session
from annotator.project.project import Project


@pytest.fixture(autouse=True)
def own_settings(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """No test sees or changes what the person who runs it has chosen."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "person" / name.lower()))
    QCoreApplication.setOrganizationName("annotator")
    QCoreApplication.setApplicationName("annotator-tests")
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings")
    )
    log = logging.getLogger("annotator")
    yield
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    theme.set_mode("system")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three photos and a broken one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        Picture.new("RGB", (48, 32), (80 * i, 120, 200)).save(folder / f"{i}.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture at all")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "empty"
    folder.mkdir()
    with Project.create(tmp_path / "test.annot", folder) as made:
        yield made


@pytest.fixture
def session(qtbot: QtBot, project: Project) -> Iterator[Session]:
    made = Session(project)
    yield made
    made.close()


@pytest.fixture
def press() -> Callable[..., None]:
    """Presses a key where the keyboard is, else on the widget that is given."""

    def press(
        widget: QWidget,
        key: Qt.Key,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        QTest.keyClick(QApplication.focusWidget() or widget, key, modifiers)

    return press


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow()
    made.resize(1440, 900)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    yield made
    shut(qtbot, made)
    # Not qtbot.addWidget: it would delete the window while its decisions are being written.
    made.deleteLater()
    qtbot.waitUntil(lambda: not shiboken6.isValid(made))


def shut(qtbot: QtBot, window: MainWindow) -> None:
    """Close it as a person would, and wait until its last decision is on disk."""
    gone: list[bool] = []
    window.closed.connect(lambda: gone.append(True))
    if window.close():
        return
    qtbot.waitUntil(lambda: bool(gone), timeout=20_000)


@pytest.fixture
def opened(qtbot: QtBot, window: MainWindow) -> Callable[[Path], Session]:
    """Open a path in the window and wait until it is scanned and shown."""

    def open_(path: Path) -> Session:
        with qtbot.waitSignal(window.project_opened, timeout=20_000):
            window.open_path(path)
        session = window.session
        assert session is not None
        qtbot.waitUntil(lambda: session.idle and has_counts(window), timeout=20_000)
        return session

    def has_counts(window: MainWindow) -> bool:
        return window.top.counts.text() != ""

    return open_
