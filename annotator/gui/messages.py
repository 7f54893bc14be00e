"""One line under the top bar that says what happened; never a dialog."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

#: A note goes by itself; an error stays until it is closed or replaced.
_NOTE_MS = 6000


class MessageBar(QWidget):
    """``show_message("error", "…")``; hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.sign = QLabel(self)
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = QPushButton("Close", self)
        close.setObjectName("inline")
        close.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        close.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 6, 12, 6)
        row.addWidget(self.sign)
        row.addWidget(self.text, 1)
        row.addWidget(close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_NOTE_MS)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def show_message(self, level: str, text: str) -> None:
        """``level`` is "info" or "error"."""
        error = level == "error"
        self.setProperty("level", level)
        for part in (self, self.sign, self.text):
            part.style().unpolish(part)
            part.style().polish(part)
        self.sign.setText("!" if error else "✓")
        self.text.setText(text)
        self.setAccessibleName(text)
        self.show()
        if error:
            self._timer.stop()
        else:
            self._timer.start()
