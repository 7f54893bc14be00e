"""A line that floats over the middle and says what happened; never a dialog."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

#: A note goes by itself, later when something can be done next; an error stays until it is closed
#: or replaced.
_NOTE_MS, _OFFER_MS = 6000, 20_000
#: Most pixels in width, and the gap around it.
_WIDTH, _EDGE = 760, 10
#: Everything beside text, sign and buttons.
_MARGINS = 56


class MessageBar(QWidget):
    """``show_message("error", "…")``; hidden while there is nothing to say.

    It lies over what is below, so that nothing moves under the pointer when it comes and goes.
    ``area``: where it may be, in ``parent``; all of that by default.
    """

    def __init__(self, parent: QWidget, area: Callable[[], QRect] | None = None) -> None:
        super().__init__(parent)
        self._area = area or parent.rect
        self.setObjectName("message")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.sign = QLabel(self)
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._close = close = QPushButton("Close", self)
        close.setObjectName("inline")
        close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        close.clicked.connect(self.hide)
        self.offers: list[QPushButton] = []
        row = QHBoxLayout()
        row.addWidget(self.sign)
        row.addWidget(self.text, 1)
        row.addWidget(close)
        self._below = QHBoxLayout()
        self._below.addStretch(1)
        self._lines = lines = QVBoxLayout(self)
        lines.setContentsMargins(16, 6, 12, 6)
        lines.setSpacing(2)
        lines.addLayout(row)
        lines.addLayout(self._below)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def show_message(
        self, level: str, text: str, offers: Sequence[tuple[str, Callable[[], object]]] = ()
    ) -> None:
        """``level`` is "info" for what was done, "step" for what was undone or done again, "note"
        for what is worth knowing, or "error".
        ``offers``: words and deed of buttons below it; one that was pressed closes it."""
        self._offer(offers)
        error = level == "error"
        self.setProperty("level", level)
        for part in (self, self.sign, self.text):
            part.style().unpolish(part)
            part.style().polish(part)
        self.sign.setText({"error": "!", "note": "·"}.get(level, "✓"))
        self.text.setText(text)
        self.setAccessibleName(text)
        self.place()
        self.show()
        self.raise_()
        if error:
            self._timer.stop()
        else:
            self._timer.start(_OFFER_MS if offers else _NOTE_MS)

    def outdate(self) -> None:
        """Something new was decided: what was undone before is no news any more."""
        if self.property("level") == "step":
            self.hide()

    def try_again(self) -> None:
        """A step was started: what went wrong before is being tried again, or is past."""
        if self.property("level") == "error":
            self.hide()

    def _offer(self, offers: Sequence[tuple[str, Callable[[], object]]]) -> None:
        for old in self.offers:
            self._below.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.offers = []
        for words, run in offers:
            button = QPushButton(words, self)
            button.setObjectName("inline")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, run=run: self._take(run))
            self._below.addWidget(button)
            button.show()
            self.offers.append(button)

    def _take(self, run: Callable[[], object]) -> None:
        self.hide()
        run()

    def place(self) -> None:
        """At the top of its area, in the middle; again whenever that changes."""
        area = self._area()
        self._lines.activate()
        words = self.text.fontMetrics().horizontalAdvance(self.text.text())
        beside = self.sign.sizeHint().width() + self._close.sizeHint().width()
        most = min(_WIDTH, area.width() - 2 * _EDGE)
        wanted = max(words + beside + _MARGINS, self._lines.minimumSize().width())
        width = min(most, wanted)
        left = area.left() + (area.width() - width) // 2
        self.setGeometry(left, area.top() + _EDGE, width, self._lines.totalHeightForWidth(width))
