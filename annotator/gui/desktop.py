"""The window and the desktop around it: files that are dragged onto it or double-clicked, and
folders that are shown to the person."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QUrl
from PySide6.QtGui import QDesktopServices, QDropEvent, QFileOpenEvent

from annotator.gui.opening import SUFFIX

if TYPE_CHECKING:
    from annotator.gui.main_window import MainWindow


def dropped(event: QDropEvent) -> Path | None:
    """The folder or project that is dragged, if it is one."""
    urls = event.mimeData().urls()
    if len(urls) != 1 or not urls[0].isLocalFile():
        return None
    path = Path(urls[0].toLocalFile())
    return path if path.suffix == SUFFIX or path.is_dir() else None


def show(path: Path) -> bool:
    """Open a folder in the file manager, or a file in what reads it; it must be there. False where
    nothing could be asked to; who was asked may still have no program for it, see
    ``form.show_place``."""
    with _as_outside():
        return QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


@contextmanager
def _as_outside() -> Iterator[None]:
    """The environment that this program was started with. Packaged, it looks for libraries in its
    own folder, and programs of the system must not."""
    from annotator.core import program  # looks into what is installed: not before the first image

    name = "LD_LIBRARY_PATH"
    ours, before = os.environ.get(name), os.environ.get(f"{name}_ORIG")
    if not program.frozen() or not sys.platform.startswith("linux") or ours is None:
        yield
        return
    if before is None:
        del os.environ[name]
    else:
        os.environ[name] = before
    try:
        yield
    finally:
        os.environ[name] = ours


class FileOpener(QObject):
    """Opens in the window what macOS hands over; there a double click starts no second program."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FileOpen and isinstance(event, QFileOpenEvent):
            if event.file():
                self._window.open_path(Path(event.file()))
                self._window.come_forward()
            return True
        return False
