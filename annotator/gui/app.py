"""The program with a window."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import shiboken6
from PySide6.QtCore import QCoreApplication, QSettings, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from annotator.gui import icons, theme
from annotator.gui.desktop import FileOpener
from annotator.gui.garbage import Garbage
from annotator.gui.main_window import MainWindow

#: How soon a Ctrl-C in the terminal is noticed.
_SIGNAL_MS = 400


def run(path: Path | None, made: Callable[[MainWindow], object] | None = None) -> int:
    """Open the window on a project, a folder of photos, or the start page; block until it closes.

    Returns the exit status. The window is on screen before the project is opened. ``made`` is told
    of the window before it is shown.
    """
    application = make_application()
    window = MainWindow()
    garbage = application.findChild(Garbage)
    assert garbage is not None
    window.project_closed.connect(garbage.soon)
    _catch(window)
    if sys.platform == "darwin":  # nobody else sends it files; each event would pass through it
        application.installEventFilter(FileOpener(window))
    if made is not None:
        made(window)
    if "ANNOTATOR_REPORT_START" in os.environ:
        from annotator.gui.start_report import StartReport

        StartReport(window, Path(os.environ["ANNOTATOR_REPORT_START"]), image=path is not None)
    window.show()
    if path is not None:
        window.open_path(path)
    status = application.exec()
    if window.left_working:
        # Decisions are on disk and the project is closed: only what a model was computing is
        # dropped. Python would wait for it, and tear down what it works with.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _catch(window: MainWindow) -> None:
    """Show what nobody expected in the window, and close in order on Ctrl-C and SIGTERM."""

    def unexpected(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        sys.__excepthook__(kind, error, trace)
        if shiboken6.isValid(window):
            window.report(error)

    sys.excepthook = unexpected
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: window.close())
    # Python hears of a signal only when some of its code runs.
    tick = QTimer(window)
    tick.timeout.connect(lambda: None)
    tick.start(_SIGNAL_MS)


def make_application() -> QApplication:
    """The one QApplication, with name, style and the theme that the person chose."""
    QCoreApplication.setOrganizationName("annotator")
    QCoreApplication.setApplicationName("Annotator")
    QGuiApplication.setDesktopFileName("annotator")
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        application = QApplication(sys.argv[:1])
    # The UI thread asks for the interpreter far more often than workers finish with it: they
    # hand it over after half a millisecond. Collections look at what is new, not at the program.
    sys.setswitchinterval(0.0005)
    gc.freeze()
    Garbage(application).start()
    application.setStyle("Fusion")
    chosen = str(QSettings().value("theme", "system"))
    theme.set_mode(next((mode for mode in theme.MODES if mode == chosen), "system"))
    theme.apply(application)
    application.setWindowIcon(icons.application())
    return application
