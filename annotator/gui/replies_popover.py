"""Replies of models that no label could be read out of: where, why, and word for word."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any

import shiboken6
from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListView,
    QPlainTextEdit,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from annotator.core.records import Reply
from annotator.gui import theme
from annotator.gui.form import hint
from annotator.gui.key_button import KeyButton
from annotator.gui.overlay import Overlay
from annotator.gui.panels.row_delegates import Index, RowDelegate, draw_text, sized
from annotator.gui.session import Session
from annotator.gui.words import one_line, plain_tip, word_for_word
from annotator.project.sqlite import sqlite3

#: Replies that are read at a time; each has up to 64,000 characters.
PAGE = 50
_SIZE = (760, 480)
_REPLY = Qt.ItemDataRole.UserRole
_NONE = "Every reply could be read. Models that are not asked in words give none."


class RepliesModel(QAbstractListModel):
    """The replies that were read so far; more are asked for when the end of the list is seen."""

    wanted = Signal(int)  # from this one on

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Reply] = []
        self.total = 0
        self._asked = False

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not 0 <= index.row() < len(self.rows):
            return None
        one = self.rows[index.row()]
        if role == _REPLY:
            return one
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{one.image}, {place(one)}: {one_line(one.failure or '')}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(f"{one.image}\n{place(one)}\n{one_line(one.failure or '')}")
        return None

    def canFetchMore(self, parent: Index) -> bool:
        return not self._asked and len(self.rows) < self.total

    def fetchMore(self, parent: Index) -> None:
        self._asked = True
        self.wanted.emit(len(self.rows))

    def start(self, total: int) -> None:
        """Nothing is read yet of so many."""
        self.beginResetModel()
        self.rows, self.total, self._asked = [], total, False
        self.endResetModel()

    def extend(self, rows: list[Reply]) -> None:
        """The next page has come."""
        self._asked = False
        if not rows:
            self.total = len(self.rows)
            return
        self.beginInsertRows(QModelIndex(), len(self.rows), len(self.rows) + len(rows) - 1)
        self.rows += rows
        self.endInsertRows()


class RepliesPopover(Overlay):
    """Up and Down choose, Enter shows the image, Esc closes. What a model said is plain text."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._runs: tuple[int, ...] = ()  # with replies that could not be read, the newest first
        self.setFixedSize(*_SIZE)
        self.model = RepliesModel(self)
        self.title = QLabel("Unreadable replies", self)
        self.title.setObjectName("title")
        self.nothing = hint(_NONE, self)
        self.list = QListView(self)
        self.list.setObjectName("replies")
        self.list.setAccessibleName("Replies that could not be read")
        self.list.setModel(self.model)
        self.list.setItemDelegate(_ReplyDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self.list.setFixedWidth(300)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.reason = hint("", self, "doubt")
        self.text = QPlainTextEdit(self)
        self.text.setReadOnly(True)
        self.text.setAccessibleName("The reply, word for word")
        self.open_button = KeyButton("Show image", "Enter", primary=True, parent=self)
        self.close_button = KeyButton("Close", "Esc", parent=self)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(self.reason)
        right.addWidget(self.text, 1)
        middle = QHBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(self.list)
        middle.addLayout(right, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        buttons.addStretch(1)
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        column.setSpacing(12)
        column.addWidget(self.title)
        column.addWidget(self.nothing)
        column.addLayout(middle, 1)
        column.addStretch(0)
        column.addLayout(buttons)
        self.open_button.clicked.connect(self._open_image)
        self.close_button.clicked.connect(self.close_it)
        self.list.doubleClicked.connect(self._open_image)
        self.list.selectionModel().currentChanged.connect(self._choose)
        self.model.wanted.connect(self._read)

    def ask(self, under: QWidget | None = None) -> None:
        """Count them, then open with the first page."""

        def count(db: sqlite3.Connection) -> dict[int, int]:
            from annotator.project import queries

            found = {run.id: queries.reply_counts(db, run.id)[1] for run in queries.runs(db)}
            return {run: count for run, count in found.items() if count}

        def show(runs: dict[int, int]) -> None:
            if not shiboken6.isValid(self):
                return
            self._runs, total = tuple(runs), sum(runs.values())
            self.model.start(total)
            self.title.setText(_title(runs))
            self.nothing.setVisible(not total)
            for part in (self.list, self.reason, self.text, self.open_button):
                part.setVisible(total > 0)
            self.text.clear()
            self.open_at(under)
            (self.list if total else self.close_button).setFocus()
            if total:
                self._read(0)

        self._session.read(count, show, key="replies.count")

    def _read(self, first: int) -> None:
        runs = self._runs

        def read(db: sqlite3.Connection) -> list[Reply]:
            from annotator.project import queries

            parts = (queries.replies(db, run, failed=True) for run in runs)
            return list(islice(chain.from_iterable(parts), first, first + PAGE))

        def show(rows: list[Reply]) -> None:
            if shiboken6.isValid(self) and first == len(self.model.rows):
                self.model.extend(rows)
                if first == 0 and rows:
                    self.list.setCurrentIndex(self.model.index(0))

        self._session.read(read, show, key="replies.page")

    def _chosen(self) -> Reply | None:
        found = self.model.data(self.list.currentIndex(), _REPLY)
        return found if isinstance(found, Reply) else None

    def _choose(self) -> None:
        one = self._chosen()
        self.open_button.setEnabled(one is not None)
        self.reason.setText("" if one is None else one_line(one.failure or ""))
        self.text.setPlainText("" if one is None else word_for_word(one.text) or "(nothing)")

    def _open_image(self) -> None:
        one = self._chosen()
        if one is not None:
            self.close_it()
            self._session.select_image(one.image_id)
            self._session.select_view("images")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if self.close_button.hasFocus():
                self.close_it()
            else:
                self._open_image()
        else:
            super().keyPressEvent(event)


def _title(runs: dict[int, int]) -> str:
    """How many, and where the last run's are when there are others."""
    total = sum(runs.values())
    if not total:
        return "Unreadable replies"
    words = "1 reply" if total == 1 else f"{total:,} replies"
    last = next(iter(runs.values()))
    first = f" · {last:,} of the last run, these first" if len(runs) > 1 else ""
    return f"{words} could not be read{first}"


def place(reply: Reply) -> str:
    """Which part of the image, which sample, which run."""
    part = "whole image" if reply.crop == "whole" else reply.crop
    return f"{part} · sample {reply.sample + 1} · run {reply.run_id}"


class _ReplyDelegate(RowDelegate):
    """Image and part; below, the reason."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        one = index.data(_REPLY)
        if not isinstance(one, Reply):
            return
        tokens = theme.tokens()
        painter.save()
        rect = self.begin(painter, option)
        upper = QRectF(rect.left(), rect.top() + 4, rect.width(), 20)
        draw_text(painter, upper, one.image, sized(painter, 13), tokens.text)
        lower = QRectF(rect.left(), rect.top() + 23, rect.width(), 17)
        words = f"{place(one)} · {one_line(one.failure or '')}"
        draw_text(painter, lower, words, sized(painter, 11), tokens.muted)
        painter.restore()
