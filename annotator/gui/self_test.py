"""The window on a project until its first image is there, for the self-test: a picture of it, and
how long it took."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, QTimer
from PySide6.QtGui import QGuiApplication, QImage

from annotator.gui import app
from annotator.gui.main_window import MainWindow

#: Seconds for the window and its first image.
PATIENCE = 120.0
#: Milliseconds between two looks whether all that was asked for is painted.
_LOOK_MS = 100
#: A window that shows an image has more colours, one that stays empty fewer.
COLOURS = 64


def run(project: Path, picture: Path) -> int:
    """Open the window on ``project``, save what is on the screen as ``picture`` once the first
    image is painted, print platform, size and seconds as JSON, close. Returns the exit status."""
    # The registry and the property lists of a person do not hear of it.
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    photographers: list[Photographer] = []
    status = app.run(project, lambda window: photographers.append(Photographer(window, picture)))
    return status or photographers[0].status


class Photographer(QObject):
    """Waits for the first image of ``window``, takes the picture and closes it. ``status``: 0 when
    there is a picture of an image, else 1, and a sentence on stderr."""

    def __init__(self, window: MainWindow, picture: Path) -> None:
        super().__init__(window)
        self.status = 1
        self._window, self._picture = window, picture
        self._began = time.monotonic()
        self._painted = 0.0
        self._look = QTimer(self)
        self._look.setInterval(_LOOK_MS)
        self._look.timeout.connect(self._take)
        window.first_image_painted.connect(self._paint)
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.timeout.connect(self._give_up)
        self._late.start(round(PATIENCE * 1000))

    def _paint(self) -> None:
        self._painted = time.monotonic() - self._began
        self._look.start()

    def _take(self) -> None:
        session = self._window.session
        if session is None or not session.idle:
            return
        self._look.stop()
        self._late.stop()
        shown = grab(self._window)
        if colours(shown) < COLOURS:
            self._say("The window stays empty: look at the driver of the display.")
        elif not shown.save(str(self._picture)):
            self._say(f"{self._picture} cannot be written: name another file, ending in .png.")
        else:
            facts = {
                "platform": QGuiApplication.platformName(),
                "width": shown.width(),
                "height": shown.height(),
                "painted": round(self._painted, 3),
            }
            print(json.dumps(facts), flush=True)  # noqa: T201 - the answer
            self.status = 0
        self._window.close()

    def _give_up(self) -> None:
        self._look.stop()
        self._say(f"The window did not show an image in {PATIENCE:.0f} s: look at the display.")
        self._window.close()

    def _say(self, sentence: str) -> None:
        print(f"annotator: error: {sentence}", file=sys.stderr, flush=True)  # noqa: T201


def grab(window: MainWindow) -> QImage:
    """What is on the screen where the window is; where the system lets no program look at the
    screen (Wayland), what the window paints."""
    seen = window.screen().grabWindow(window.winId())
    return (window.grab() if seen.isNull() else seen).toImage()


def colours(image: QImage) -> int:
    """How many different colours there are in a small copy of the image."""
    small = image.scaled(160, 100)
    return len({small.pixel(x, y) for x in range(small.width()) for y in range(small.height())})
