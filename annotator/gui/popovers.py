"""What is asked before a long step starts: how to propose, which masks, where to export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from annotator.core.records import Filter, Grid
from annotator.gui.overlay import Overlay

#: Height of a field in pixels, as the style sheet makes it.
_FIELD = 30
GRID_WORDS: dict[Grid, str] = {
    "none": "whole image",
    "sg": "2 × 2 parts",
    "sgc": "whole image and 2 × 2 parts",
}
FILTER_WORDS: dict[Filter, str] = {
    "percentile": "lowest of each image",
    "fixed": "improbable ones",
    "both": "lowest and improbable ones",
    "none": "nothing",
}


class _Ask(Overlay):
    """A titled form with a primary button; Enter anywhere in it presses the button."""

    def __init__(self, title: str, explains: str, button: str, window: QWidget) -> None:
        super().__init__(window)
        self.setFixedWidth(380)
        heading = QLabel(title, self)
        heading.setObjectName("title")
        says = QLabel(explains, self)
        says.setObjectName("hint")
        says.setWordWrap(True)
        self.form = QFormLayout()
        self.form.setVerticalSpacing(8)
        self.form.setHorizontalSpacing(16)
        self.form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.go = QPushButton(button, self)
        self.go.setObjectName("primary")
        self.go.setDefault(True)
        cancel = QPushButton("Cancel", self)
        cancel.clicked.connect(self.close_it)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(12)
        column.addWidget(heading)
        column.addWidget(says)
        column.addLayout(self.form)
        column.addLayout(buttons)

    def row(self, text: str, field: QWidget | QLayout) -> None:
        """A line of the form; its words stand in the middle of the field's height."""
        label = QLabel(text, self)
        label.setMinimumHeight(_FIELD)
        if isinstance(field, QWidget):
            label.setBuddy(field)
            field.setAccessibleName(text)
            self.form.addRow(label, field)
        else:
            self.form.addRow(label, field)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.go.click()
        else:
            super().keyPressEvent(event)


class ProposePopover(_Ask):
    """Emits ``chosen`` with the options as keyword arguments of ProposeOptions and the pack."""

    chosen = Signal(str, object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(
            "Propose tags and vocabulary",
            "Every image that was not looked at yet. What you accepted or rejected stays.",
            "Propose",
            window,
        )
        self.pack = QComboBox(self)
        self.grid = QComboBox(self)
        for grid, words in GRID_WORDS.items():
            self.grid.addItem(words, grid)
        self.filter = QComboBox(self)
        for filter, words in FILTER_WORDS.items():
            self.filter.addItem(words, filter)
        self.threshold = QDoubleSpinBox(self)
        self.threshold.setRange(0.0, 1.0)
        self.threshold.setSingleStep(0.01)
        self.threshold.setValue(0.68)
        self.threshold.lineEdit().setTextMargins(6, 0, 6, 0)  # no padding from the style sheet
        self.filter.currentIndexChanged.connect(
            lambda: self.threshold.setEnabled(self.filter.currentData() != "none")
        )
        self.row("Pack", self.pack)
        self.row("Look at", self.grid)
        self.row("Drop", self.filter)
        self.row("Threshold", self.threshold)
        self.go.clicked.connect(self._go)

    def set_packs(self, packs: list[str], current: str) -> None:
        self.pack.clear()
        self.pack.addItems(packs)
        self.pack.setCurrentText(current)

    def _go(self) -> None:
        self.close_it()
        options = {
            "grid": self.grid.currentData(),
            "filter": self.filter.currentData(),
            "threshold": self.threshold.value(),
        }
        self.chosen.emit(self.pack.currentText(), options)


class SegmentPopover(_Ask):
    """Emits ``chosen`` with the synset id to draw masks for, or None for every kept tag."""

    chosen = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(
            "Draw masks",
            "A mask for the strongest tags of each image, from their heatmaps. Masks that you "
            "accepted, rejected or drew stay.",
            "Draw masks",
            window,
        )
        self.what = QComboBox(self)
        self.row("For", self.what)
        self.go.clicked.connect(self._go)

    def set_synset(self, synset_id: int | None, name: str) -> None:
        self.what.clear()
        self.what.addItem("the strongest tags of every image", None)
        if synset_id is not None:
            self.what.addItem(f"only {name}", synset_id)

    def _go(self) -> None:
        self.close_it()
        self.chosen.emit(self.what.currentData())


@dataclass(frozen=True, slots=True)
class Export:
    """``format``: "coco" or "ade20k"; ``include``: "accepted" or "proposed"."""

    format: str
    include: str
    out: Path


class ExportPopover(_Ask):
    """Emits ``chosen`` with an Export."""

    chosen = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(
            "Export",
            "Masks and tags as files for other tools. What you rejected never leaves.",
            "Export",
            window,
        )
        self._project = Path("project")
        self.format = QComboBox(self)
        self.format.addItem("COCO instances (one JSON file)", "coco")
        self.format.addItem("ADE20K scene parsing (a folder)", "ade20k")
        self.include = QComboBox(self)
        self.include.addItem("what I accepted", "accepted")
        self.include.addItem("also what nobody decided yet", "proposed")
        self.out = QLineEdit(self)
        browse = QPushButton("…", self)
        browse.setFixedWidth(36)
        browse.setAccessibleName("Choose where")
        browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.setSpacing(6)
        place.addWidget(self.out, 1)
        place.addWidget(browse)
        self.row("Format", self.format)
        self.row("Include", self.include)
        self.row("To", place)
        self.format.currentIndexChanged.connect(self._suggest)
        self.out.textChanged.connect(lambda text: self.go.setEnabled(bool(text.strip())))
        self.go.clicked.connect(self._go)

    def set_project(self, path: Path) -> None:
        if path != self._project:
            self._project = path
            self._suggest()

    def _suggest(self) -> None:
        ending = "-coco.json" if self.format.currentData() == "coco" else "-ade20k"
        self.out.setText(str(self._project.with_name(self._project.stem + ending)))

    def _browse(self) -> None:
        now = self.out.text()
        if self.format.currentData() == "coco":
            chosen, _ = QFileDialog.getSaveFileName(self, "Export to", now, "COCO (*.json)")
        else:
            chosen, _ = QFileDialog.getSaveFileName(self, "Export to a new folder", now)
        if chosen:
            self.out.setText(chosen)

    def _go(self) -> None:
        self.close_it()
        self.chosen.emit(
            Export(
                self.format.currentData(),
                self.include.currentData(),
                Path(self.out.text().strip()).expanduser(),
            )
        )
