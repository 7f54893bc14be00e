"""The base of what is asked before a long step: a titled form over the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from annotator.gui import desktop
from annotator.gui.overlay import Overlay

#: Height of a field in pixels, as the style sheet makes it.
FIELD = 30
_ADJUST = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon


class Form(Overlay):
    """A titled form with a primary button; Enter anywhere in it presses the button,
    on another button that one."""

    def __init__(
        self, title: str, explains: str, button: str, window: QWidget, width: int = 380
    ) -> None:
        super().__init__(window)
        self.setFixedWidth(width)
        self.heading = QLabel(title, self)
        self.heading.setObjectName("title")
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.explains = hint(explains, self)
        self.form = QFormLayout()
        self.form.setVerticalSpacing(8)
        self.form.setHorizontalSpacing(16)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.cancel = QPushButton("Cancel", self)
        self.go = QPushButton(button, self)
        self.go.setObjectName("primary")
        self.go.setDefault(True)
        self.cancel.clicked.connect(self.close_it)
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.cancel)
        self.buttons.addWidget(self.go)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(16, 14, 16, 14)
        self.column.setSpacing(12)
        self.column.addWidget(self.heading)
        self.column.addWidget(self.explains)
        self.column.addLayout(self.form)
        self.column.addLayout(self.buttons)

    def row(self, text: str, field: QWidget | QLayout) -> QLabel:
        """A line of the form; its words stand in the middle of the field's height."""
        label = QLabel(text, self)
        label.setMinimumHeight(FIELD)
        # A field that wants more than there is takes it from itself, not from the label.
        label.setMinimumWidth(label.sizeHint().width())
        if isinstance(field, QComboBox):
            field.setMinimumContentsLength(8)
            field.setSizeAdjustPolicy(_ADJUST)
        if isinstance(field, QWidget):
            label.setBuddy(field)
            field.setAccessibleName(text)
            self.form.addRow(label, field)
        else:
            self.form.addRow(label, field)
        return label

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            focus = self.focusWidget()
            pressed = focus if isinstance(focus, QAbstractButton) else self.go
            pressed.click()
        else:
            super().keyPressEvent(event)


def say(label: QLabel, text: str, kind: str = "hint") -> None:
    """Put words into such a label, as a "hint", a "doubt" or an "error"; "" hides it."""
    label.setText(text)
    label.setVisible(bool(text))
    if label.objectName() != kind:
        label.setObjectName(kind)
        label.style().unpolish(label)
        label.style().polish(label)


def hint(text: str, parent: QWidget, kind: str = "hint") -> QLabel:
    """Words that explain, as plain text over as many lines as they need."""
    label = QLabel(text, parent)
    label.setObjectName(kind)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


def show_place(path: Path, says: QLabel) -> None:
    """Open a folder or a file in what shows it here, and say in ``says`` where it is, in words that
    can be selected. Always: a desktop also claims to have opened what it has no program for."""
    says.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if desktop.show(path):
        say(says, f"This computer was asked to open {path}.")
    else:
        say(says, f"No program here opens it: copy this path and look there: {path}", "error")
