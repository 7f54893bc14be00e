"""Small toggles with counts that narrow the grid; they wrap into as many lines as they need."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

STATUSES = ("unreviewed", "doubtful", "unsupported", "reviewed", "no tags", "unreadable")
_GAP = 6


class Chips(QWidget):
    """At most one is on. One that would show nothing is hidden, unless it is on."""

    chosen = Signal(object)  # status | None

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.current: str | None = None
        self._chips: dict[str, QPushButton] = {}
        for status in STATUSES:
            chip = QPushButton(status, self)
            chip.setCheckable(True)
            chip.setObjectName("chip")
            chip.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            chip.setCursor(Qt.CursorShape.PointingHandCursor)
            chip.clicked.connect(lambda _=False, s=status: self._clicked(s))
            chip.hide()
            self._chips[status] = chip
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setSizePolicy(policy)
        self.setFixedHeight(0)

    def chip(self, status: str) -> QPushButton:
        return self._chips[status]

    def set_counts(self, counts: Mapping[str, int]) -> None:
        for status, chip in self._chips.items():
            count = counts.get(status, 0)
            chip.setText(f"{status} {count:,}")
            chip.setHidden(count == 0 and status != self.current)
        self._arrange()

    def choose(self, status: str | None) -> None:
        """Turn one on, or all off; says nothing to listeners."""
        self.current = status
        for name, chip in self._chips.items():
            chip.setChecked(name == status)

    def _clicked(self, status: str) -> None:
        self.choose(None if self.current == status else status)
        self.chosen.emit(self.current)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._arrange()

    def _arrange(self) -> None:
        at, line = QPoint(0, 0), 0
        for chip in self._chips.values():
            if chip.isHidden():
                continue
            size: QSize = chip.sizeHint()
            if at.x() and at.x() + size.width() > self.width():
                at = QPoint(0, at.y() + line + _GAP)
            chip.setGeometry(at.x(), at.y(), size.width(), size.height())
            line = size.height()
            at.setX(at.x() + size.width() + _GAP)
        self.setFixedHeight(at.y() + line)
