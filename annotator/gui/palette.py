"""Ctrl+K: find any action by its words and do it."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from annotator.gui import theme
from annotator.gui.commands import Command, Commands, shown
from annotator.gui.overlay import Overlay

_ID, _KEYS = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
_HIDDEN = frozenset({"palette"})
#: Height of a row in pixels, and how many are shown before the list scrolls.
_ROW = 32
_MOST = 12


def matches(commands: Iterable[Command], text: str) -> list[Command]:
    """Those whose title or group holds every word of ``text``, or its letters in order; the
    closer ones first, equal ones in the order they were registered."""
    words = text.casefold().split()
    ranked: list[tuple[int, Command]] = []
    for command in commands:
        title = command.title.casefold()
        whole = f"{title} {command.group.casefold()}"
        if all(word in whole for word in words):
            starts = sum(not title.startswith(word) for word in words)
            ranked.append((starts, command))
        elif len(words) == 1 and _in_order(words[0], title):
            ranked.append((9, command))
    ranked.sort(key=lambda pair: pair[0])
    return [command for _, command in ranked]


def _in_order(letters: str, text: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)


class Palette(Overlay):
    """A field and a list. Up and Down choose, Enter does it, Esc closes."""

    def __init__(self, commands: Commands, window: QWidget) -> None:
        super().__init__(window)
        self._commands = commands
        self.setFixedWidth(560)
        self.field = QLineEdit(self)
        self.field.setPlaceholderText("What do you want to do?")
        self.field.textChanged.connect(self._filter)
        self.field.installEventFilter(self)
        self._model = QStandardItemModel(self)
        self.list = QListView(self)
        self.list.setModel(self._model)
        self.list.setItemDelegate(_Row(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self.list.clicked.connect(self._run)
        self.nothing = QLabel("No action has these words.", self)
        self.nothing.setObjectName("hint")
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.addWidget(self.field)
        column.addWidget(self.nothing)
        column.addWidget(self.list)

    def open(self) -> None:
        self.field.clear()
        self._filter("")
        self.open_at()
        self.field.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if (
            watched is self.field
            and event.type() == QEvent.Type.KeyPress
            and isinstance(event, QKeyEvent)
        ):
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                step = 1 if event.key() == Qt.Key.Key_Down else -1
                self._choose(self.list.currentIndex().row() + step)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run(self.list.currentIndex())
                return True
        return super().eventFilter(watched, event)

    def titles(self) -> list[str]:
        """What is listed, top to bottom."""
        return [self._model.item(row).text() for row in range(self._model.rowCount())]

    def _filter(self, text: str) -> None:
        self._model.clear()
        able = (c for c in self._commands if c.available and c.id not in _HIDDEN)
        for command in matches(able, text):
            item = QStandardItem(command.title)
            # Not the command: it would keep its view, and so its project, until the next opening.
            item.setData(command.id, _ID)
            keys = "  ".join(shown(key) for key in command.keys[:2])
            item.setData(keys or command.group, _KEYS)
            item.setEditable(False)
            self._model.appendRow(item)
        self.nothing.setVisible(self._model.rowCount() == 0)
        self.list.setVisible(self._model.rowCount() > 0)
        self.list.setFixedHeight(_ROW * min(_MOST, max(1, self._model.rowCount())))
        self.adjustSize()
        self._choose(0)

    def _choose(self, row: int) -> None:
        count = self._model.rowCount()
        if count:
            self.list.setCurrentIndex(self._model.index(row % count, 0))

    def _run(self, index: QModelIndex | QPersistentModelIndex) -> None:
        command = index.data(_ID)
        if isinstance(command, str):
            self.close_it()
            self._commands.run(command)


class _Row(QStyledItemDelegate):
    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return QSize(0, _ROW)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        t = theme.tokens()
        rect: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.selected))
            painter.drawRoundedRect(rect, 6, 6)
        inside = rect.adjusted(10, 0, -10, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(t.text))
        painter.drawText(inside, middle | Qt.AlignmentFlag.AlignLeft, str(index.data()))
        painter.setPen(QColor(t.muted))
        painter.drawText(inside, middle | Qt.AlignmentFlag.AlignRight, str(index.data(_KEYS)))
        painter.restore()
