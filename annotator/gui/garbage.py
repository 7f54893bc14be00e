"""Garbage is collected on the UI thread alone, and only between two events.

By itself Python looks for objects that only hold each other whenever enough new ones were made, on
whichever thread made the last one. Found on a worker, a form or a job that is no longer used would
be taken apart there, and a QObject may be deleted on its own thread only. Found while another
QObject is being deleted, it can stop the program for good: Qt holds one of a few locks then, PySide
makes an object while it looks for an override of ``disconnectNotify``, and the collection that
begins there wants the same lock. So nobody else in this process may call ``gc.collect`` either.
"""

from __future__ import annotations

import gc
import threading
import time

from PySide6.QtCore import QObject, QTimer

#: Set once there is more aside than the program as it started.
_aside = threading.Event()
#: How often to look, and how many new objects (first number) or collections of the generation
#: below (the others) make it worth while.
_TICK_MS = 100
_WORTH = (5_000, 10, 10)
#: Looking through everything takes no more than this share of the time.
_SHARE = 0.01


def set_aside() -> None:
    """What there is now is looked through no more, until ``Garbage.soon``; on any thread."""
    gc.freeze()
    _aside.set()


class Garbage(QObject):
    """From ``start`` to the end of the process nobody else collects. UI thread only."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._not_before = 0.0
        self._wanted = False
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.look)

    def start(self) -> None:
        gc.disable()
        self._timer.start()

    def soon(self) -> None:
        """Collect everything at the next look, also what was set aside: much has just gone."""
        self._wanted = True

    def look(self) -> None:
        """Collect what is worth while."""
        counts = gc.get_count()
        began = time.monotonic()
        if self._wanted or (counts[2] > _WORTH[2] and began >= self._not_before):
            self._everything()
            ended = time.monotonic()
            self._not_before = ended + (ended - began) / _SHARE
        elif counts[1] > _WORTH[1]:
            gc.collect(1)
        elif counts[0] > _WORTH[0]:
            gc.collect(0)

    def _everything(self) -> None:
        again = self._wanted and _aside.is_set()
        self._wanted = False
        if again:
            # Of what was in use when a model came and is not now, nothing would go otherwise.
            gc.unfreeze()
        gc.collect()
        if again:
            gc.freeze()
