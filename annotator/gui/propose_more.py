"""The rare fields of the propose form: how answers are drawn, and how their numbers are used."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QSpinBox,
    QWidget,
)

from annotator.core.records import Combine, Grid, Ranking
from annotator.gui.form import FIELD

COMBINE_WORDS: dict[Combine, str] = {
    "avg": "average",
    "product": "product",
    "min": "lowest",
    "max": "highest",
}
RANK_WORDS: dict[Ranking, str] = {
    "product": "both",
    "occurrence": "how often",
    "probability": "how probable",
}
#: Largest seed that every server takes.
_SEEDS = 2**31 - 1


class MoreFields(QWidget):
    """Two columns of small fields. Those of models that talk are hidden for a classifier."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.samples = QSpinBox(self)
        self.samples.setRange(0, 1000)
        self.seed = QSpinBox(self)
        self.seed.setRange(0, _SEEDS)
        self.temperature = _number(self, 0.05, 10.0, 0.3)
        self.nucleus = _number(self, 0.05, 1.0, 0.9)
        self.combine = QComboBox(self)
        for combine, words in COMBINE_WORDS.items():
            self.combine.addItem(words, combine)
        self.rank = QComboBox(self)
        for rank, words in RANK_WORDS.items():
            self.rank.addItem(words, rank)
        self.correct = QCheckBox("Ask again, with the first answer to correct", self)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1)
        self._of_talk: list[QWidget] = [self.correct]
        self._pair(0, "Samples", self.samples, "Seed", self.seed, talk=True)
        self._pair(1, "Temperature", self.temperature, "Nucleus", self.nucleus, talk=True)
        self._pair(2, "Probabilities", self.combine, "Rank by", self.rank)
        self._grid.addWidget(self.correct, 3, 0, 1, 4)
        self.samples.setToolTip("Answers drawn for each part of an image")
        self.seed.setToolTip("The same seed gives the same answers again, as far as the model can")
        self.temperature.setToolTip("Low: the likeliest words; high: more varied ones")
        self.nucleus.setToolTip("Words are drawn from the likeliest ones that add up to this")
        self.combine.setToolTip("How the probabilities of tokens and samples become one number")
        self.rank.setToolTip("What words are ranked by: how often they were said, how probably")

    def show_for(self, talks: bool, grid: Grid, has_correction: bool) -> None:
        """``grid`` decides how many samples the paper draws."""
        from annotator.pipeline.options import PAPER_SAMPLES

        for part in self._of_talk:
            part.setVisible(talks)
        self.samples.setSpecialValueText(f"{PAPER_SAMPLES[grid]} (the paper)")
        self.correct.setEnabled(has_correction)
        self.correct.setToolTip("" if has_correction else "This prompt of the pack has none")

    def options(self, talks: bool) -> dict[str, Any]:
        """As keyword arguments of ProposeOptions; those of talking only where they count."""
        found: dict[str, Any] = {
            "combine": self.combine.currentData(),
            "rank": self.rank.currentData(),
        }
        if talks:
            found |= {
                "samples": self.samples.value() or None,
                "seed": self.seed.value(),
                "temperature": round(self.temperature.value(), 2),
                "nucleus": round(self.nucleus.value(), 2),
                "correct": self.correct.isEnabled() and self.correct.isChecked(),
            }
        return found

    def _pair(
        self, row: int, one: str, left: QWidget, other: str, right: QWidget, *, talk: bool = False
    ) -> None:
        for column, text, field in ((0, one, left), (2, other, right)):
            label = QLabel(text, self)
            label.setMinimumHeight(FIELD)
            label.setBuddy(field)
            field.setAccessibleName(text)
            if isinstance(field, QAbstractSpinBox):
                field.lineEdit().setTextMargins(6, 0, 6, 0)
            self._grid.addWidget(label, row, column)
            self._grid.addWidget(field, row, column + 1)
            if talk:
                self._of_talk += [label, field]


def _number(parent: QWidget, least: float, most: float, value: float) -> QDoubleSpinBox:
    field = QDoubleSpinBox(parent)
    field.setRange(least, most)
    field.setSingleStep(0.05)
    field.setDecimals(2)
    field.setValue(value)
    field.setAlignment(Qt.AlignmentFlag.AlignLeft)
    return field
