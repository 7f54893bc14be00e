"""The right column of the Vocabulary view: what is suggested, the merge at hand, the history."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from annotator.gui.panels.history import ROW as HISTORY_ROW
from annotator.gui.panels.history import HistoryPanel
from annotator.gui.panels.merge import MergePane
from annotator.gui.panels.row_delegates import ROW
from annotator.gui.panels.suggestions import SuggestionsPanel

_EDGE, _GAP = 12, 20
#: Rows of suggestions that are seen at least, before the history makes way.
_FEWEST = 2.5
#: The history's share of what is left, and the fewest and most steps it then lists.
_SHARE, _STEPS = 0.3, 5


class QueueColumn(QWidget):
    """Gives the merge at hand the height it needs, and the suggestions most of the rest: the
    history lists fewer steps, or none at all in a low window, where the line at the bottom still
    says what undo would do. Without suggestions the history has the rest."""

    def __init__(
        self,
        suggestions: SuggestionsPanel,
        merge: MergePane,
        history: HistoryPanel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("column")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._suggestions, self._merge, self._history = suggestions, merge, history
        for part in (suggestions, merge, history):
            part.setParent(self)

    def minimumSizeHint(self) -> QSize:
        return QSize(300, 200)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._place()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        width = self.width() - 2 * _EDGE
        merge = _height(self._merge, width)
        queue = _height(self._suggestions, width)
        history = _height(self._history, width) - self._history.list.sizeHint().height()
        rest = self.height() - 2 * _EDGE - merge - _GAP
        count = len(self._suggestions.model.rows)
        last = rest - queue - _GAP
        if count:
            around = queue - self._suggestions.list.sizeHint().height()
            wanted = max(history, min(history + _STEPS * HISTORY_ROW, round(_SHARE * rest)))
            least = around + round(min(_FEWEST, count) * ROW)
            queue = min(rest - min(wanted, rest - least - _GAP) - _GAP, around + count * ROW)
            last = rest - queue - _GAP
        if last < history:
            last = -_GAP
            queue = max(rest, 0) if count else queue
        self._history.setVisible(last > 0)
        top = _EDGE
        for part, height in (
            (self._suggestions, queue),
            (self._merge, merge),
            (self._history, last),
        ):
            if height > 0:
                part.setGeometry(_EDGE, top, width, height)
                top += height + _GAP


def _height(part: QWidget, width: int) -> int:
    """What a part asks for, lists with the rows they are usually seen with."""
    layout = part.layout()
    if layout is not None and layout.hasHeightForWidth():
        return layout.totalHeightForWidth(width)
    return part.sizeHint().height()
