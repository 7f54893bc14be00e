"""Accept, reject and clear, each with its key; always at the same place."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from annotator.core.records import Verdict
from annotator.gui.key_button import KeyButton


class VerdictBar(QWidget):
    """Speaks of whatever is selected in the list below it."""

    decided = Signal(str)  # "accepted" | "rejected" | "unknown"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("verdictBar")
        self.accept = KeyButton("✓ Accept", "Y", tone="yes")
        self.reject = KeyButton("✕ Reject", "X", tone="no")
        self.clear = KeyButton("Clear", "U")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 12, 8)
        row.setSpacing(8)
        buttons = ((self.accept, "accepted"), (self.reject, "rejected"), (self.clear, "unknown"))
        for button, verdict in buttons:
            button.clicked.connect(lambda _=False, v=verdict: self.decided.emit(v))
            row.addWidget(button)
        row.addStretch(1)
        self.set_verdict(None)

    def set_verdict(self, verdict: Verdict | None) -> None:
        """The verdict of what is selected; None when nothing is."""
        self.accept.setEnabled(verdict is not None and verdict != "accepted")
        self.reject.setEnabled(verdict is not None and verdict != "rejected")
        self.clear.setEnabled(verdict in ("accepted", "rejected"))
