"""Open a folder in the window, wait for the first image and the end of the scan, print facts.

Run by ``bench_first_image.py`` as a process of its own: ``python first_image.py FOLDER``. Prints
one JSON line: when the first image was painted (seconds since the epoch), the longest gap between
two beats of a 5 ms timer on the UI thread from the first image to the end of the scan, and memory.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QSettings, Qt, QTimer

from annotator.gui.app import make_application
from annotator.gui.main_window import MainWindow


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("the system does not tell the peak of memory")


def main(folder: Path) -> None:
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, tempfile.mkdtemp())
    application = make_application()
    window = MainWindow()
    window.resize(1440, 900)
    facts: dict[str, float] = {}
    gaps: list[float] = []
    last = [time.perf_counter()]

    def beat() -> None:
        now = time.perf_counter()
        gaps.append(now - last[0])
        last[0] = now

    watchdog = QTimer()
    watchdog.setTimerType(Qt.TimerType.PreciseTimer)
    watchdog.setInterval(5)
    watchdog.timeout.connect(beat)

    def painted() -> None:
        facts["painted"] = time.time()
        last[0] = time.perf_counter()
        watchdog.start()

    def scanned() -> None:
        facts["scanned"] = time.time()
        facts["longest_stall_ms"] = max(gaps) * 1000
        facts["stalls_over_50_ms"] = sum(gap > 0.05 for gap in gaps)
        facts["memory_mb"] = resident_mb()
        facts["peak_mb"] = peak_mb()
        print(json.dumps(facts), flush=True)
        window.close()

    window.first_image_painted.connect(painted)
    window.project_opened.connect(
        lambda session: session.jobs.ended.connect(
            # What the last commit of the scan makes the views do belongs to it.
            lambda _: QTimer.singleShot(1500, scanned)
        )
    )
    window.show()
    window.open_path(folder)
    application.exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
