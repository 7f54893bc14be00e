"""A grid of equal cells over a list model. Only what is on screen is ever asked for."""

from __future__ import annotations

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QAbstractItemView,
    QStyle,
    QStyleOptionViewItem,
    QWidget,
)

Index = QModelIndex | QPersistentModelIndex

GAP = 8
MARGIN = 10
_TOP = 4  # room for the frame of a selected cell
#: Smallest width of a cell; the columns share the width evenly.
_CELL = 100
_SHAPE = 0.74  # height of a cell : its width
_EXTRA_ROWS = 2  # rows above and below the screen that are prepared too


class ThumbnailGrid(QAbstractItemView):
    """QListView lays every item out on its own; here a cell's place is arithmetic, so a model of
    any length opens at once."""

    visible_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tell = QTimer(self)
        self._tell.setSingleShot(True)
        self._tell.setInterval(0)
        self._tell.timeout.connect(self.visible_changed)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setFrameShape(QAbstractItemView.Shape.NoFrame)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.viewport().setMouseTracking(True)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    # ---- geometry ------------------------------------------------------------------------

    @property
    def columns(self) -> int:
        return max(1, (self._room() + GAP) // (_CELL + GAP))

    @property
    def cell(self) -> QSize:
        width = max(24, (self._room() - (self.columns - 1) * GAP) // self.columns)
        return QSize(width, round(width * _SHAPE))

    def _room(self) -> int:
        # As if the scroll bar were always there: it must not change what fits.
        return self.width() - self.verticalScrollBar().sizeHint().width() - 2 * MARGIN

    def _rows(self) -> int:
        model = self.model()
        count = model.rowCount() if model is not None else 0
        return -(-count // self.columns)

    def _pitch(self) -> int:
        return self.cell.height() + GAP

    def visualRect(self, index: Index) -> QRect:
        if not index.isValid():
            return QRect()
        row, column = divmod(index.row(), self.columns)
        cell = self.cell
        x = MARGIN + column * (cell.width() + GAP)
        y = _TOP + row * (cell.height() + GAP) - self.verticalOffset()
        return QRect(QPoint(x, y), cell)

    def indexAt(self, point: QPoint) -> QModelIndex:
        cell = self.cell
        column, dx = divmod(point.x() - MARGIN, cell.width() + GAP)
        row, dy = divmod(point.y() - _TOP + self.verticalOffset(), cell.height() + GAP)
        if row < 0 or not 0 <= column < self.columns or dx >= cell.width() or dy >= cell.height():
            return QModelIndex()
        return self._index(row * self.columns + column)

    def _index(self, row: int) -> QModelIndex:
        model = self.model()
        if model is None or not 0 <= row < model.rowCount():
            return QModelIndex()
        return model.index(row, 0)

    def rows_on_screen(self, extra: int = _EXTRA_ROWS) -> range:
        """Model rows on screen, and ``extra`` lines above and below."""
        model = self.model()
        count = model.rowCount() if model is not None else 0
        first = max(0, self.verticalOffset() // self._pitch() - extra)
        last = (self.verticalOffset() + self.viewport().height()) // self._pitch() + 1 + extra
        return range(min(count, first * self.columns), min(count, last * self.columns))

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self.verticalScrollBar().value()

    def isIndexHidden(self, index: Index) -> bool:
        return False

    def scrollTo(
        self,
        index: Index,
        hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible,
    ) -> None:
        rect = self.visualRect(index)
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if hint == QAbstractItemView.ScrollHint.PositionAtTop:
            bar.setValue(bar.value() + rect.top() - _TOP)
        elif hint == QAbstractItemView.ScrollHint.PositionAtCenter:
            bar.setValue(bar.value() + rect.center().y() - height // 2)
        elif rect.top() < _TOP:
            bar.setValue(bar.value() + rect.top() - _TOP)
        elif rect.bottom() > height:
            bar.setValue(bar.value() + rect.bottom() - height + GAP)

    def updateGeometries(self) -> None:
        total = _TOP + self._rows() * self._pitch()
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setPageStep(height)
        bar.setSingleStep(self._pitch() // 2)
        bar.setRange(0, max(0, total - height))
        super().updateGeometries()
        self._tell.start()

    # ---- keeping the place ---------------------------------------------------------------

    def anchor(self) -> tuple[int, int]:
        """(model row at the top left, pixels that it is scrolled up)."""
        row, up = divmod(self.verticalOffset(), self._pitch())
        return row * self.columns, up

    def restore_anchor(self, row: int, up: int) -> None:
        """Scroll so that the model row is at the top again."""
        self.updateGeometries()
        self.verticalScrollBar().setValue(row // self.columns * self._pitch() + up)

    # ---- selection and keys --------------------------------------------------------------

    def setSelection(self, rect: QRect, command: QItemSelectionModel.SelectionFlag) -> None:
        index = self.indexAt(rect.center())
        if index.isValid():
            self.selectionModel().select(QItemSelection(index, index), command)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:
        region = QRegion()
        for index in selection.indexes():
            region += self.visualRect(index)
        return region

    def moveCursor(
        self,
        action: QAbstractItemView.CursorAction,
        modifiers: Qt.KeyboardModifier,
    ) -> QModelIndex:
        model = self.model()
        count = model.rowCount() if model is not None else 0
        if not count:
            return QModelIndex()
        Move = QAbstractItemView.CursorAction
        page = max(1, self.viewport().height() // self._pitch()) * self.columns
        steps = {
            Move.MoveLeft: -1,
            Move.MovePrevious: -1,
            Move.MoveRight: 1,
            Move.MoveNext: 1,
            Move.MoveUp: -self.columns,
            Move.MoveDown: self.columns,
            Move.MovePageUp: -page,
            Move.MovePageDown: page,
            Move.MoveHome: -count,
            Move.MoveEnd: count,
        }
        row = max(0, self.currentIndex().row()) + steps.get(action, 0)
        return self._index(min(count - 1, max(0, row)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Letters and Space are keys of the view, not a search in the list.
        if event.key() == Qt.Key.Key_Space or (event.text().isprintable() and event.text()):
            event.ignore()
            return
        super().keyPressEvent(event)

    # ---- painting ------------------------------------------------------------------------

    def _scrolled(self) -> None:
        self.viewport().update()
        self._tell.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        row, _ = self.anchor()
        super().resizeEvent(event)
        self.restore_anchor(row, 0) if row else self.updateGeometries()

    def rowsInserted(self, parent: Index, start: int, end: int) -> None:
        super().rowsInserted(parent, start, end)
        self.updateGeometries()
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        delegate: QAbstractItemDelegate = self.itemDelegate()
        current = self.currentIndex()
        pointed = self.indexAt(self.viewport().mapFromGlobal(self.cursor().pos()))
        # Arithmetic once, not once a cell: see the delegate for why calls of Qt are spared.
        columns, cell, offset = self.columns, self.cell, self.verticalOffset()
        across, down = cell.width() + GAP, cell.height() + GAP
        for row in self.rows_on_screen(extra=0):
            y, x = divmod(row, columns)
            rect = QRect(QPoint(MARGIN + x * across, _TOP + y * down - offset), cell)
            if not rect.intersects(event.rect()):
                continue
            index = self._index(row)
            option = QStyleOptionViewItem()
            self.initViewItemOption(option)
            option.rect = rect
            if index == current:
                option.state |= QStyle.StateFlag.State_Selected
            if index == pointed and self.viewport().underMouse():
                option.state |= QStyle.StateFlag.State_MouseOver
            delegate.paint(painter, option, index)
