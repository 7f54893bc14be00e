"""What is asked before a step starts: which masks, where to export, whether words may leave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.form import Form, hint


class SegmentPopover(Form):
    """Emits ``chosen`` with the synset id to draw masks for, or None for every kept tag, and
    keyword arguments of SegmentOptions."""

    chosen = Signal(object, object)

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
        self.each = QCheckBox("A mask for each thing of a tag", self)
        self.each.setChecked(True)
        self.supported = QCheckBox("Only tags that the pixels show", self)
        self.supported.setToolTip("Leaves out undecided tags that Check tags (Ctrl+L) doubts")
        self.smooth = QCheckBox("Smooth the heatmaps (slower)", self)
        self.smooth.setToolTip("Draws them along the edges of the image before they are cut")
        checks = QVBoxLayout()
        checks.setSpacing(6)
        for check in (self.each, self.supported, self.smooth):
            checks.addWidget(check)
        self.form.addRow("", checks)
        self.go.clicked.connect(self._go)

    def set_synset(self, synset_id: int | None, name: str) -> None:
        self.what.clear()
        self.what.addItem("the strongest tags of every image", None)
        if synset_id is not None:
            self.what.addItem(f"only {name}", synset_id)

    def _go(self) -> None:
        self.close_it()
        options = {
            "instances": self.each.isChecked(),
            "supported_only": self.supported.isChecked(),
            "smooth": self.smooth.isChecked(),
        }
        self.chosen.emit(self.what.currentData(), options)


@dataclass(frozen=True, slots=True)
class Export:
    """``format``: "coco" or "ade20k"; ``include``: "accepted" or "proposed"."""

    format: str
    include: str
    out: Path


class ExportPopover(Form):
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


class GroupPopover(Form):
    """Asked only when words of the vocabulary leave this computer. Emits ``chosen``."""

    chosen = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(
            "Suggest groups",
            "The language model of the chosen pack looks for words that mean the same thing, and "
            "for parents. It only suggests.",
            "Send and suggest",
            window,
            width=440,
        )
        self.notice = hint("", self, "doubt")
        self.form.addRow(self.notice)
        self.go.clicked.connect(self._go)

    def set_server(self, address: str, open_way: bool) -> None:
        """Where the words go, and whether they can be read on their way there."""
        hidden = ", and nothing hides them on the way there" if open_way else ""
        self.notice.setText(f"The words of this vocabulary are sent to {address}{hidden}")

    def _go(self) -> None:
        self.close_it()
        self.chosen.emit()
