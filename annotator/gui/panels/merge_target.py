"""Choosing what to merge into or to move under, by typing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from annotator.core.records import Synset
from annotator.gui import theme
from annotator.gui.panels import synset_tree_rows as rows

#: A row of the list: the synset and the names above it, or None for the top level.
Target = tuple[Synset, tuple[str, ...]] | None
_ID = Qt.ItemDataRole.UserRole
_TARGET = Qt.ItemDataRole.UserRole + 1


class TargetChooser(QWidget):
    """A line edit over a list of synsets: Up and Down choose, Enter takes, Esc gives up."""

    chosen = QtSignal(object)  # synset id, or None for the top level
    cancelled = QtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._find: Callable[[str], Sequence[Target]] = lambda _text: ()
        self.heading = QLabel(self)
        self.heading.setWordWrap(True)
        self.edit = QLineEdit(self)
        self.edit.setObjectName("mergeTarget")
        self.edit.setAccessibleName("Name of the other synset")
        self.edit.textChanged.connect(self._search)
        self.edit.installEventFilter(self)
        self.list = QListWidget(self)
        self.list.setObjectName("targets")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setMouseTracking(True)
        self.list.setItemDelegate(_TargetDelegate(self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.itemClicked.connect(self._take)
        self.nothing = QLabel("Nothing of that name. Another spelling, or Esc.", self)
        self.nothing.setObjectName("hint")
        self.nothing.setWordWrap(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        for part in (self.heading, self.edit, self.list, self.nothing):
            box.addWidget(part)

    def ask(self, heading: str, placeholder: str, find: Callable[[str], Sequence[Target]]) -> None:
        """Start anew: ``find`` gives the rows for what was typed."""
        self._find = find
        self.heading.setText(heading)
        self.edit.setPlaceholderText(placeholder)
        self.edit.blockSignals(True)
        self.edit.clear()
        self.edit.blockSignals(False)
        self._search("")
        self.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def _search(self, text: str) -> None:
        self.list.clear()
        for target in self._find(text):
            item = QListWidgetItem(self.list)
            item.setText("Top level" if target is None else target[0].name)
            item.setData(_ID, None if target is None else target[0].id)
            item.setData(_TARGET, target)
        count = self.list.count()
        self.list.setFixedHeight(count * rows.ROW_HEIGHT + 2)
        self.list.setVisible(count > 0)
        self.nothing.setVisible(count == 0 and bool(text.strip()))
        self.list.setCurrentRow(0)

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(_ID))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.edit and event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            key = event.key()
            if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
                step = 1 if key == Qt.Key.Key_Down else -1
                last = self.list.count() - 1
                self.list.setCurrentRow(min(max(self.list.currentRow() + step, 0), last))
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take(self.list.currentItem())
                return True
            if key == Qt.Key.Key_Escape:
                self.cancelled.emit()
                return True
        return super().eventFilter(watched, event)


class _TargetDelegate(QStyledItemDelegate):
    """Swatch, name, what is above it, number of images."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(100, rows.ROW_HEIGHT)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        t = theme.tokens()
        target: Target = index.data(_TARGET)
        box = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setBrush(QColor(t.selected))
            painter.drawRoundedRect(QRectF(box).adjusted(1, 1, -1, -1), 4, 4)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(QColor(t.raised))
            painter.drawRoundedRect(QRectF(box).adjusted(1, 1, -1, -1), 4, 4)
        middle = Qt.AlignmentFlag.AlignVCenter
        metrics = QFontMetrics(option.font)
        painter.setFont(option.font)
        left = box.left() + 30
        if target is None:
            painter.setPen(QColor(t.text))
            painter.drawText(box.adjusted(30, 0, 0, 0), middle, "Top level, no parent")
            painter.restore()
            return
        synset, above = target
        painter.setBrush(QColor(theme.synset_colour(synset.id)))
        painter.drawRoundedRect(QRectF(box.left() + 10, box.center().y() - 4.5, 10, 10), 2.5, 2.5)
        painter.setPen(QColor(t.text))
        room = box.width() - 30 - 70
        name = metrics.elidedText(synset.name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(box.adjusted(30, 0, -70, 0), middle, name)
        left += metrics.horizontalAdvance(name) + 10
        painter.setPen(QColor(t.muted))
        painter.setFont(rows.small(option.font))
        shorter = _path(above, QFontMetrics(painter.font()), box.right() - 60 - left)
        painter.drawText(box.adjusted(left - box.left(), 1, -60, 0), middle, shorter)
        images = synset.subtree_support if synset.inner else synset.support
        right = Qt.AlignmentFlag.AlignRight | middle
        painter.drawText(box.adjusted(0, 0, -10, 0), right, f"{images:,}")
        painter.restore()


def _path(above: Sequence[str], metrics: QFontMetrics, room: int) -> str:
    """The names above a synset as far as they fit, the nearest kept."""
    text = " › ".join(above)
    for first in range(1, len(above)):
        if metrics.horizontalAdvance(text) <= room:
            return text
        text = "… › " + " › ".join(above[first:])
    return text if metrics.horizontalAdvance(text) <= room else ""
