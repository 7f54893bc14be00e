"""When the window was there: what ``tests/benchmarks/bench_start.py`` asks of the program, by
naming a file in ANNOTATOR_REPORT_START."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer

from annotator.gui.main_window import MainWindow


class StartReport(QObject):
    """Writes when ``window`` was painted first, closes it, and so ends the program.

    With a project (``image``) that is its first image. JSON: painted (seconds since the epoch),
    modules (the packages that were imported by then, without what is inside them).
    """

    def __init__(self, window: MainWindow, file: Path, image: bool) -> None:
        super().__init__(window)
        self._window, self._file = window, file
        if image:
            window.first_image_painted.connect(self._write)
        else:
            window.start.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            # When this paint event is done and what it painted is handed over.
            QTimer.singleShot(0, self._write)
        return False

    def _write(self) -> None:
        painted = time.time()
        modules = sorted({name.partition(".")[0] for name in list(sys.modules)})
        self._file.write_text(json.dumps({"painted": painted, "modules": modules}))
        self._window.close()
