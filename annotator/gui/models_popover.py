"""Which pack makes heatmaps and cuts masks; and the ways to get more of them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QPushButton, QWidget

from annotator.gui.form import Form, hint, say
from annotator.gui.pack_facts import MaskPack
from annotator.gui.words import one_line, size_words

NOT_HERE = "It is not on this computer yet."


class ModelsPopover(Form):
    """Emits ``chosen`` with the name of a pack, or ``get_wanted`` with one that is not there."""

    chosen = Signal(str)
    get_wanted = Signal(str)
    add_wanted = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(
            "Models for heatmaps and masks",
            "They are loaded when they are first needed, and used until you choose others.",
            "Use these",
            window,
            420,
        )
        self.packs = QComboBox(self)
        self.row("Pack", self.packs)
        self.says = hint("", self)
        self.why = hint("", self, "error")
        for label in (self.says, self.why):
            self.column.insertWidget(self.column.count() - 1, label)
        self.get = QPushButton(self)
        self.column.insertWidget(self.column.count() - 1, self.get, 0, Qt.AlignmentFlag.AlignLeft)
        self.add = QPushButton("Add a model from disk…", self)
        self.add.setObjectName("inline")
        self.buttons.insertWidget(0, self.add)
        self.get.clicked.connect(lambda: self.get_wanted.emit(self.packs.currentData()))
        self.add.clicked.connect(self.add_wanted)
        self._facts: list[MaskPack] = []
        self.packs.currentIndexChanged.connect(self._tell)
        self.go.clicked.connect(self._go)

    def set_packs(self, facts: Sequence[MaskPack], current: str) -> None:
        """What there is, ``current`` marked; one that cannot be used says why."""
        self._facts = list(facts)
        self.packs.blockSignals(True)
        self.packs.clear()
        for one in facts:
            lacks = " (not there yet)" if one.missing else ""
            self.packs.addItem(one_line(f"{one.title or one.name}{lacks}"), one.name)
        self.packs.setCurrentIndex(max(0, self.packs.findData(current)))
        self.packs.blockSignals(False)
        self._tell()

    def _tell(self) -> None:
        row = self.packs.currentIndex()
        one = self._facts[row] if 0 <= row < len(self._facts) else None
        self.says.setText(one.description if one is not None else "")
        say(self.why, *lack(one.missing, one.download) if one is not None else ("",))
        show_get(self.get, one.download if one is not None else 0)
        self.go.setEnabled(one is not None and not one.missing)
        if self.isVisible():
            self.place()

    def _go(self) -> None:
        self.close_it()
        self.chosen.emit(self.packs.currentData())


def lack(missing: str, size: int) -> tuple[str, str]:
    """Why a pack cannot be used, and the kind of words that is: nothing is wrong with one that
    only has to be fetched."""
    return (NOT_HERE, "doubt") if missing and size else (missing, "error")


def show_get(button: QPushButton, size: int) -> None:
    """The way to what can be fetched, of so many bytes; hidden where nothing can."""
    button.setVisible(bool(size))
    button.setText(f"Download… (about {size_words(size)})")
