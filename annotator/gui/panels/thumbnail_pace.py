"""Something that is asked for often and done at a pace that its cost allows."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

#: A read takes at most this share of the time.
_SHARE = 0.1
#: An answer that has not come after so many seconds never will: its read failed, and was reported.
_LOST = 10.0


class Pace(QObject):
    """``ask`` as often as you like: ``run`` is called after a rest, never while it has not
    answered (``answered``), and less often the longer its answers take."""

    def __init__(self, rest: int, run: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._run, self._least = run, rest
        self._began: float | None = None
        self._again = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(rest)
        self._timer.timeout.connect(self._due)

    @property
    def waiting(self) -> bool:
        """Something was asked for and has not begun."""
        return self._again or self._timer.isActive()

    def ask(self, *, at_once: bool = False) -> None:
        if self._began is not None and time.monotonic() - self._began < _LOST:
            self._again = True
        elif at_once:
            self._due()
        elif not self._timer.isActive():
            self._timer.start()

    def answered(self) -> None:
        """What ``run`` asked for is there."""
        if self._began is None:
            return
        took = (time.monotonic() - self._began) * 1000
        self._began = None
        self._timer.setInterval(max(self._least, round(took / _SHARE)))
        if self._again:
            self._again = False
            self._timer.start()

    def _due(self) -> None:
        self._timer.stop()
        self._began = time.monotonic()
        self._run()
