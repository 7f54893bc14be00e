"""How to propose: which pack, what it is asked, what is dropped; and where images go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QPushButton, QWidget

from annotator.core.records import Filter, Grid
from annotator.gui import theme
from annotator.gui.form import Form, hint, say
from annotator.gui.models_popover import lack, show_get
from annotator.gui.pack_facts import PackFacts
from annotator.gui.propose_more import MoreFields
from annotator.gui.propose_talk import TalkFields
from annotator.gui.words import plain_tip

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
THRESHOLD_WORDS: dict[Filter, str] = {
    "percentile": "The share of each image's words, from the lowest up, that is dropped",
    "fixed": "Words with a lower probability than this are dropped",
    "both": "The share of each image's words that is dropped, and the least probability of a word",
    "none": "Nothing is dropped",
}


class ProposePopover(Form):
    """Emits ``chosen`` with the pack and the options as keyword arguments of ProposeOptions.
    Fields keep what was chosen for as long as the project is open."""

    chosen = Signal(str, object)
    server_wanted = Signal()
    get_wanted = Signal(str)  # a pack that is not there
    add_wanted = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(
            "Propose tags and vocabulary",
            "Every image that was not looked at yet. What you accepted or rejected stays.",
            "Propose",
            window,
            width=440,
        )
        self._facts: dict[str, PackFacts] = {}
        self._picked = ""
        self.pack = QComboBox(self)
        self.notice = hint("", self, "doubt")
        self.get = QPushButton(self)
        self.talk = TalkFields(self, self._refresh)
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
        self.more = QPushButton(self)
        self.more.setObjectName("inline")
        self.more.setCheckable(True)
        self.fields = MoreFields(self)
        self.server = QPushButton("Model server…", self)
        self.server.setObjectName("inline")
        self.add = QPushButton("Add from disk…", self)
        self.add.setObjectName("inline")
        self.row("Pack", self.pack)
        self.form.addRow(self.notice)
        self.form.addRow("", self.get)
        self.row("Ask", self.talk.choice)
        self.form.addRow(self.talk.text)
        self.talk.text.setAccessibleName("What the model is asked")
        self.row("Read as", self.talk.strategy)
        self.row("Look at", self.grid)
        self.row("Drop", self.filter)
        self.row("Threshold", self.threshold)
        self.column.insertWidget(self.column.count() - 1, self.more, 0, Qt.AlignmentFlag.AlignLeft)
        self.column.insertWidget(self.column.count() - 1, self.fields)
        self.buttons.insertWidget(0, self.server)
        self.buttons.insertWidget(1, self.add)
        self.pack.currentIndexChanged.connect(self._choose_pack)
        self.grid.currentIndexChanged.connect(self._refresh)
        self.filter.currentIndexChanged.connect(self._refresh)
        self.more.toggled.connect(self._refresh)
        self.server.clicked.connect(self.server_wanted)
        self.get.clicked.connect(lambda: self.get_wanted.emit(self.facts.name))
        self.add.clicked.connect(self.add_wanted)
        self.go.clicked.connect(self._go)
        self._refresh()

    def set_packs(self, packs: Sequence[PackFacts], current: str) -> None:
        """The packs as they are now. What was chosen stays, while it is there; ``current`` is
        chosen the first time."""
        picked = self._picked or current
        self._facts = {one.name: one for one in packs}
        self.pack.blockSignals(True)
        self.pack.clear()
        muted = QColor(theme.tokens().muted)
        titles = Counter(one.title for one in packs)
        # Stable: the shipped ones first as before, but never what is not there before what is.
        for one in sorted(packs, key=lambda one: bool(one.missing)):
            words = one.title if titles[one.title] == 1 else f"{one.title} · {one.name}"
            # Of a server nothing is known before it is asked: not that it is there either.
            served = " · server" if one.image_server and "server" not in words.lower() else ""
            self.pack.addItem(words + (" · not here" if one.missing else served), one.name)
            row = self.pack.count() - 1
            self.pack.setItemData(row, plain_tip(one.description), Qt.ItemDataRole.ToolTipRole)
            if one.missing:
                self.pack.setItemData(row, muted, Qt.ItemDataRole.ForegroundRole)
        row = self.pack.findData(picked)
        self.pack.setCurrentIndex(max(row if row >= 0 else self.pack.findData(current), 0))
        self.pack.blockSignals(False)
        self._show_pack()

    def choose_pack(self, name: str) -> None:
        """Choose it the next time the packs are shown."""
        self._picked = name

    @property
    def facts(self) -> PackFacts:
        """The chosen pack."""
        return self._facts.get(self.pack.currentData() or "", PackFacts(""))

    def _choose_pack(self) -> None:
        self._picked = self.pack.currentData() or ""
        self._show_pack()

    def _show_pack(self) -> None:
        facts = self.facts
        if facts.talks:
            self.talk.show_pack(facts.name, facts.prompts)
        self._refresh()

    def _refresh(self, _: object = None) -> None:
        facts = self.facts
        self.pack.setToolTip(plain_tip(facts.description))
        server, missing = facts.image_server, facts.missing
        sent = f"Images of this folder are sent to {server}"
        sent += ", and nothing hides them on the way there" if facts.open_way else ""
        say(self.notice, *(lack(missing, facts.download) if missing else (sent, "doubt")))
        self.form.setRowVisible(self.notice, bool(missing or server))
        show_get(self.get, facts.download)
        self.form.setRowVisible(self.get, bool(facts.download))
        talks = facts.talks and not missing
        for field in (self.talk.choice, self.talk.text, self.talk.strategy):
            self.form.setRowVisible(field, talks)
        self.threshold.setEnabled(self.filter.currentData() != "none")
        self.threshold.setToolTip(THRESHOLD_WORDS[self.filter.currentData()])
        opened = self.more.isChecked()
        self.more.setText("▾  More" if opened else "▸  More")
        self.fields.setVisible(opened)
        self.fields.show_for(talks, self.grid.currentData(), self.talk.has_correction)
        self.go.setText("Send and propose" if server and not missing else "Propose")
        self.go.setEnabled(bool(facts.name) and not missing and (not talks or self.talk.asked))
        if self.isVisible():
            self.place()

    def _go(self) -> None:
        self.close_it()
        talks = self.facts.talks
        options: dict[str, Any] = {
            "grid": self.grid.currentData(),
            "filter": self.filter.currentData(),
            "threshold": round(self.threshold.value(), 2),
        }
        options |= self.fields.options(talks)
        if talks:
            options |= self.talk.options()
        self.chosen.emit(self.facts.name, options)
