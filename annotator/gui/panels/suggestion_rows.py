"""The list of suggestions: two lines a row, drawn only where they are seen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import QListView, QStyleOptionViewItem, QWidget

from annotator.core.records import Suggestion
from annotator.gui import theme
from annotator.gui.item_models.suggestions import (
    SIGNS,
    SuggestionRole,
    SuggestionsModel,
    title,
    why,
)
from annotator.gui.panels.row_delegates import (
    ROW,
    Index,
    RowDelegate,
    draw_bar,
    draw_text,
    sized,
)

_BAR, _NUMBER, _SIGN, _GAP = 40.0, 32.0, 20.0, 8.0


class SuggestionList(QListView):
    """Several rows can be chosen, with Shift and Ctrl. Letters are keys of the view, no search."""

    def __init__(self, model: SuggestionsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = model
        self.setObjectName("suggestions")
        self.setAccessibleName("Suggested merges and parents")
        self.setModel(model)
        self.setItemDelegate(SuggestionDelegate(self))
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(ROW)

    def chosen(self) -> list[Suggestion]:
        """What is selected, from top to bottom."""
        selection = self.selectionModel().selection()
        parts = [selection.at(i) for i in range(selection.count())]
        rows = sorted(row for part in parts for row in range(part.top(), part.bottom() + 1))
        return [one for one in map(self._rows.at, rows) if one is not None]

    def current(self) -> Suggestion | None:
        """The row with the keyboard's mark, if it is selected."""
        index = self.currentIndex()
        return self._rows.at(index.row()) if self.selectionModel().isSelected(index) else None

    def choose(self, rows: Sequence[int], current: int) -> None:
        """Select these rows; ``current`` is in view and has the keyboard's mark."""
        model, flag = self.selectionModel(), QItemSelectionModel.SelectionFlag
        chosen, wanted = QItemSelection(), sorted({*rows, current})
        first = wanted[0]
        for row, after in zip(wanted, [*wanted[1:], -1], strict=True):
            if after != row + 1:  # one range for rows that follow each other
                chosen.select(self._rows.index(first), self._rows.index(row))
                first = after
        model.setCurrentIndex(self._rows.index(current), flag.NoUpdate)
        model.select(chosen, flag.ClearAndSelect)
        self.scrollTo(self._rows.index(current))

    def keyboardSearch(self, search: str) -> None:
        """Letters are the view's."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and not event.modifiers():
            event.ignore()  # would only unselect the row
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        # The preview below takes room from the list; the row it belongs to stays in view.
        super().resizeEvent(event)
        if self.current() is not None:
            self.scrollTo(self.currentIndex())

    def sizeHint(self) -> QSize:
        return QSize(200, 4 * ROW)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, ROW)


class SuggestionDelegate(RowDelegate):
    """sign · what becomes what · bar and number; below: images and reason."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        one = index.data(SuggestionRole)
        if not isinstance(one, Suggestion):
            return
        tokens = theme.tokens()
        painter.save()
        rect = self.begin(painter, option).adjusted(-4, 0, 4, 0)
        self.key_box(painter, rect, SIGNS[one.kind])
        number = QRectF(rect.right() - _NUMBER, rect.top() + 4, _NUMBER, 20)
        bar = QRectF(number.left() - _GAP - _BAR, number.center().y() - 2, _BAR, 5)
        left = rect.left() + _SIGN + _GAP
        upper = QRectF(left, rect.top() + 4, bar.left() - _GAP - left, 20)
        name = sized(painter, 13)
        name.setWeight(QFont.Weight.Medium)
        draw_text(painter, upper, title(one), name, tokens.text)
        draw_bar(painter, bar, one.confidence, faint=False)
        draw_text(
            painter, number, f"{one.confidence:.2f}", sized(painter, 12), tokens.muted, right=True
        )
        lower = QRectF(left, rect.top() + 23, rect.right() - left, 17)
        draw_text(painter, lower, why(one), sized(painter, 11), tokens.muted)
        painter.restore()
