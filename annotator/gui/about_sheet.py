"""About Annotator: versions for a report of a fault, places, licences."""

from __future__ import annotations

import threading

import shiboken6
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from annotator.gui import about
from annotator.gui.form import hint, say, show_place
from annotator.gui.overlay import Overlay

_WIDTH = 560
_LICENCE = (
    "Free software under the Apache License 2.0. It stands on the work of others, whose licences "
    "come with it. Photos, words and masks stay on this computer."
)


class AboutSheet(Overlay):
    """Read anew at each opening, on a thread: what is installed may have changed."""

    _read = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setFixedWidth(_WIDTH)
        self._facts: about.About | None = None
        self.title = QLabel("Annotator", self)
        self.title.setObjectName("title")
        self.form = QFormLayout()
        self.form.setHorizontalSpacing(16)
        self.form.setVerticalSpacing(6)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.says = hint("", self)
        self.says.hide()
        self.notices = QPushButton("Open licences", self)
        self.notices.clicked.connect(self._open_notices)
        self.copy = QPushButton("Copy versions", self)
        self.copy.setToolTip("For a report of a fault")
        self.copy.clicked.connect(self._copy)
        close = QPushButton("Close", self)
        close.clicked.connect(self.close_it)
        buttons = QHBoxLayout()
        buttons.addWidget(self.notices)
        buttons.addStretch(1)
        buttons.addWidget(self.copy)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addWidget(self.title)
        column.addWidget(hint(_LICENCE, self))
        column.addLayout(self.form)
        column.addWidget(self.says)
        column.addLayout(buttons)
        self._read.connect(self._show)

    def open(self) -> None:
        say(self.says, "")
        threading.Thread(target=self._work, name="about", daemon=True).start()

    def _work(self) -> None:
        facts = about.read()
        if shiboken6.isValid(self):
            self._read.emit(facts)

    def _show(self, facts: about.About) -> None:
        self._facts = facts
        self.title.setText(f"Annotator {facts.version}")
        while self.form.rowCount():
            self.form.removeRow(0)
        for name, value in (*facts.versions[1:], *facts.places):
            self._row(name, str(value))
        self.notices.setVisible(facts.notices is not None)
        self.open_at()
        self.copy.setFocus()

    def _row(self, name: str, value: str) -> None:
        label = QLabel(name, self)
        label.setObjectName("muted")
        text = hint(value, self, "value")
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.form.addRow(label, text)

    def _copy(self) -> None:
        if self._facts is not None:
            QGuiApplication.clipboard().setText(self._facts.text)
            say(self.says, "Copied.")
            self.place()

    def _open_notices(self) -> None:
        place = self._facts.notices if self._facts is not None else None
        if place is not None:
            show_place(place, self.says)
            self.place()
