"""Taking every suggestion of some confidence: asked in place, with the count on the button."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from annotator.gui.item_models.suggestions import SuggestionsModel
from annotator.gui.key_button import KeyButton
from annotator.gui.words import plural

#: How sure they have to be, to begin with.
SURE = 0.9


class TakeMany(QWidget):
    """A number and a button that says how many have it. Enter takes them, Esc gives up."""

    confirmed = Signal(list)  # suggestion ids
    cancelled = Signal()

    def __init__(self, model: SuggestionsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        says = QLabel("Take all with a confidence of at least", self)
        self.least = QDoubleSpinBox(self)
        self.least.setRange(0.0, 1.0)
        self.least.setSingleStep(0.05)
        self.least.setDecimals(2)
        self.least.setValue(SURE)
        self.least.setFixedWidth(56)
        self.least.setAccessibleName("Least confidence")
        self.least.lineEdit().setTextMargins(6, 0, 6, 0)
        self.go = KeyButton("", "Enter", primary=True, parent=self)
        self.cancel = KeyButton("Cancel", "Esc", parent=self)
        hint = QLabel("One undo takes all of them back.", self)
        hint.setObjectName("hint")
        hint.setWordWrap(True)
        first = QHBoxLayout()
        first.addWidget(says)
        first.addWidget(self.least)
        first.addStretch(1)
        second = QHBoxLayout()
        second.setSpacing(6)
        second.addWidget(self.go)
        second.addWidget(self.cancel)
        second.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addLayout(first)
        box.addWidget(hint)
        box.addLayout(second)
        self.least.valueChanged.connect(self.refresh)
        self.go.clicked.connect(self._go)
        self.cancel.clicked.connect(self.cancelled)
        self.refresh()

    def ask(self) -> None:
        """Show it, with the keyboard in the number."""
        self.refresh()
        self.show()
        self.least.setFocus()
        self.least.selectAll()

    def refresh(self) -> None:
        """Count again."""
        count = len(self._model.above(self._value))
        self.go.set_text(f"Take {plural(count, 'suggestion')}", "Enter")
        self.go.setEnabled(count > 0)

    @property
    def _value(self) -> float:
        # What is shown is 0.90, and what has it exactly is in.
        return round(self.least.value(), 2)

    def _go(self) -> None:
        ids = self._model.above(self._value)
        if ids:
            self.confirmed.emit(ids)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._go()
        elif event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
        else:
            super().keyPressEvent(event)
