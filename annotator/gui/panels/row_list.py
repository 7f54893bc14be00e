"""A list whose rows are all shown: it is as high as its rows, the panel around it scrolls."""

from __future__ import annotations

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QListView, QSizePolicy, QStyledItemDelegate, QWidget

from annotator.gui.panels.row_delegates import ROW


class RowList(QListView):
    """Rows are chosen by a click or by the view's keys; letters are never a search here."""

    row_clicked = Signal(int)
    row_hovered = Signal(int)  # -1 when the pointer left

    def __init__(
        self,
        model: QAbstractItemModel,
        delegate: QStyledItemDelegate,
        name: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        delegate.setParent(self)
        self.setItemDelegate(delegate)
        self.setModel(model)
        self.setAccessibleName(name)
        self.setObjectName("rowList")
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.clicked.connect(lambda index: self.row_clicked.emit(index.row()))
        self.entered.connect(lambda index: self.row_hovered.emit(index.row()))
        model.modelReset.connect(self.updateGeometry)

    @property
    def row(self) -> int:
        """The selected row, -1 when there is none."""
        return self.currentIndex().row()

    def select_row(self, row: int) -> None:
        """Select a row, or none; nobody is told."""
        selection = self.selectionModel()
        model = self.model()
        if 0 <= row < model.rowCount():
            index: QModelIndex = model.index(row, 0)
            selection.setCurrentIndex(index, selection.SelectionFlag.ClearAndSelect)
        else:
            selection.clear()
        self.viewport().update()

    def sizeHint(self) -> QSize:
        model = self.model()
        return QSize(200, ROW * model.rowCount() if model is not None else 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def leaveEvent(self, event: object) -> None:
        super().leaveEvent(event)  # type: ignore[arg-type]
        self.row_hovered.emit(-1)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if not self.indexAt(event.position().toPoint()).isValid():
            self.row_hovered.emit(-1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            row = self.row + (1 if event.key() == Qt.Key.Key_Down else -1)
            if 0 <= row < self.model().rowCount():
                self.row_clicked.emit(row)
            return
        event.ignore()
