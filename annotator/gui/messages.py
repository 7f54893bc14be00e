"""A line that floats over the middle and says what happened; never a dialog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import shiboken6
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

#: A note goes by itself, later when something can be done next; an error stays until it is closed
#: or replaced.
_NOTE_MS, _OFFER_MS = 6000, 20_000
#: Most pixels in width, and the gap around it.
_WIDTH, _EDGE = 760, 10
#: Everything beside text, sign and buttons.
_MARGINS = 56
#: Of what it lies over it takes at most this part of the height, or so many lines; the rest of its
#: words scrolls, so that it never reaches the buttons below.
_PART, _LINES = 1 / 3, 4


class Over(NamedTuple):
    """What a message may lie over: all of ``widget`` but ``left`` pixels at its left edge."""

    widget: QWidget
    left: int = 0


class MessageBar(QWidget):
    """``show_message("error", "…")``; hidden while there is nothing to say.

    It lies over what is below, so that nothing moves under the pointer when it comes and goes.
    ``over``: where it may be, below ``parent``, asked again at each message; all of ``parent`` by
    default. It follows that widget when it moves.
    """

    def __init__(self, parent: QWidget, over: Callable[[], Over] | None = None) -> None:
        super().__init__(parent)
        self._parent = parent
        self._over = over or (lambda: Over(parent))
        self._under: list[QWidget] = []
        self.setObjectName("message")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.sign = QLabel(self)
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.view = QScrollArea(self)
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setWidgetResizable(True)
        self.view.setWidget(self.text)
        for plain in (self.view.viewport(), self.text):
            plain.setAutoFillBackground(False)
        self._close = close = QPushButton("Close", self)
        close.setObjectName("inline")
        close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        close.clicked.connect(self.hide)
        self.offers: list[QPushButton] = []
        row = QHBoxLayout()
        top = Qt.AlignmentFlag.AlignTop
        row.addWidget(self.sign, 0, top)
        row.addWidget(self.view, 1, top)
        row.addWidget(close, 0, top)
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
        self.show()
        self.place()
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

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """What it lies over became larger or smaller, went elsewhere, or gave way to another."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self.place()
        elif event.type() == QEvent.Type.Hide:
            QTimer.singleShot(0, self, self.place)  # the other one is shown after it
        return False

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.place()

    def place(self) -> None:
        """At the top of its area, in the middle; again whenever that changes."""
        if not self.isVisible():
            return  # its parts take their sizes when it is shown
        over = self._over()
        self._follow(over.widget)
        corner = over.widget.mapTo(self._parent, QPoint())
        area = QRect(corner, over.widget.size()).adjusted(over.left, 0, 0, 0)
        metrics = self.text.fontMetrics()
        # The first line of words stands at the height of the button beside it.
        above = max(0, self._close.sizeHint().height() - metrics.lineSpacing()) // 2
        for part in (self.sign, self.text):
            part.setContentsMargins(0, above, 0, above)
        self._lines.activate()
        words = metrics.horizontalAdvance(self.text.text())
        beside = self.sign.sizeHint().width() + self._close.sizeHint().width()
        most = min(_WIDTH, area.width() - 2 * _EDGE)
        wanted = max(words + beside + _MARGINS, self._lines.minimumSize().width())
        width = min(most, wanted)
        left = area.left() + (area.width() - width) // 2
        self.setGeometry(left, area.top() + _EDGE, width, self.height())
        self._lines.activate()
        whole = self.text.heightForWidth(max(1, self.view.width()))
        tallest = max(round(area.height() * _PART), _LINES * metrics.lineSpacing())
        self.view.setFixedHeight(min(whole, tallest))
        # Without anything to scroll it would be one more stop of the Tab key.
        tab, no = Qt.FocusPolicy.TabFocus, Qt.FocusPolicy.NoFocus
        self.view.setFocusPolicy(tab if whole > tallest else no)
        self._lines.activate()
        self.resize(width, self._lines.sizeHint().height())

    def _follow(self, widget: QWidget) -> None:
        """Of it, and of all that it lies in: what holds it may move without changing its size."""
        if self._under and self._under[0] is widget:
            return
        for old in self._under:
            if shiboken6.isValid(old):
                old.removeEventFilter(self)
        self._under = []
        at: QWidget | None = widget
        while at is not None and at is not self._parent:
            self._under.append(at)
            at.installEventFilter(self)
            at = at.parentWidget()
