"""The suggestions that wait for a decision as a Qt model, and what is said of them in words."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QStringListModel, Qt

from annotator.core.records import Suggestion
from annotator.gui.words import one_line, plain_tip, plural

Index = QModelIndex | QPersistentModelIndex
SuggestionRole = Qt.ItemDataRole.UserRole

_FLAGS = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
#: One word takes the place of another, or goes below it.
SIGNS = {"merge": "=", "parent": "↳"}


def title(suggestion: Suggestion) -> str:
    """couch → sofa, or: beagle below dog."""
    link = "→" if suggestion.kind == "merge" else "below"
    return one_line(f"{suggestion.source_name} {link} {suggestion.target_name}")


def why(suggestion: Suggestion) -> str:
    """How many images, and the reason."""
    parts = (plural(suggestion.images, "image"), one_line(suggestion.reason))
    return " · ".join(part for part in parts if part)


class SuggestionsModel(QStringListModel):
    """Suggestions in the order they are given, the surest first.

    Its strings are empty, one a row: a view that lays out thousands of rows asks for their number
    at each, and Qt's own answer is many times faster than one from Python.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Suggestion] = []

    @property
    def rows(self) -> Sequence[Suggestion]:
        return self._rows

    def flags(self, index: Index) -> Qt.ItemFlag:
        return _FLAGS if index.isValid() else Qt.ItemFlag.NoItemFlags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        one = self.at(index.row())
        if one is None:
            return None
        if role == SuggestionRole:
            return one
        if role == Qt.ItemDataRole.DisplayRole:
            return title(one)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            kind = "merge" if one.kind == "merge" else "move"
            return f"{kind} {title(one)}, confidence {one.confidence:.2f}, {why(one)}"
        return plain_tip(_tooltip(one)) if role == Qt.ItemDataRole.ToolTipRole else None

    def at(self, row: int) -> Suggestion | None:
        """The suggestion of a row, None outside the list."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def load(self, rows: Sequence[Suggestion]) -> bool:
        """Show these; whether anything changed. Nothing is told when they are there already."""
        new = list(rows)
        if new == self._rows:
            return False
        self._rows = new
        self.setStringList([""] * len(new))  # tells the views
        return True

    def rows_of(self, ids: Collection[int]) -> list[int]:
        """The rows where these are now."""
        return [row for row, one in enumerate(self._rows) if one.id in ids]

    def above(self, confidence: float) -> list[int]:
        """Ids of those that are at least so sure."""
        count = bisect_right(self._rows, -confidence, key=lambda one: -one.confidence)
        return [one.id for one in self._rows[:count]]


def _tooltip(one: Suggestion) -> str:
    what = (
        "The same thing: the first becomes another name of the second."
        if one.kind == "merge"
        else "A kind of it: the first goes below the second in the tree."
    )
    lines = [title(one), what, plural(one.images, "image"), one_line(one.reason)]
    lines.append(f"confidence {one.confidence:.3f}, a machine's number")
    return "\n".join(line for line in lines if line)
