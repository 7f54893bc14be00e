"""The program with a window."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QSettings
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from annotator.gui import icons, theme
from annotator.gui.main_window import MainWindow


def run(path: Path | None) -> int:
    """Open the window on a project, a folder of photos, or the start page; block until it closes.

    Returns the exit status. The window is on screen before the project is opened.
    """
    application = make_application()
    window = MainWindow()
    window.show()
    if path is not None:
        window.open_path(path)
    return application.exec()


def make_application() -> QApplication:
    """The one QApplication, with name, style and the theme that the person chose."""
    QCoreApplication.setOrganizationName("annotator")
    QCoreApplication.setApplicationName("Annotator")
    QGuiApplication.setDesktopFileName("annotator")
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        application = QApplication(sys.argv[:1])
    application.setStyle("Fusion")
    chosen = str(QSettings().value("theme", "system"))
    theme.set_mode(next((mode for mode in theme.MODES if mode == chosen), "system"))
    theme.apply(application)
    application.setWindowIcon(icons.application())
    return application
