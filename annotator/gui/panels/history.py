"""What was decided, newest first, and what undo and redo would do."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from annotator.core.records import Step
from annotator.gui import theme
from annotator.gui.key_button import KeyButton
from annotator.gui.panels import synset_tree_rows as rows
from annotator.gui.session import Session
from annotator.project.sqlite import sqlite3

#: How many steps are listed.
SHOWN = 100
#: Height of a row in pixels.
ROW = 28
Index = QModelIndex | QPersistentModelIndex
_STEP = Qt.ItemDataRole.UserRole
_ROOT = QModelIndex()


class HistoryModel(QAbstractListModel):
    """Steps as rows, newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.steps: tuple[Step, ...] = ()

    def load(self, steps: Sequence[Step]) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self.steps = tuple(steps)
        self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.steps)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        step = self.steps[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return step.label
        if role == _STEP:
            return step
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{step.label}\n{step.at}" + ("\nundone: redo brings it back" * step.undone)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{step.label}, undone" if step.undone else step.label
        return None


class HistoryPanel(QWidget):
    """The list with its two buttons. The session undoes; this only shows."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.model = HistoryModel(self)
        caption = QLabel("HISTORY", self)
        caption.setObjectName("heading")
        self.next_undo = QLabel(self)
        self.next_undo.setObjectName("hint")
        self.next_undo.setWordWrap(True)
        self.next_undo.setTextFormat(Qt.TextFormat.PlainText)
        self.undo_button = KeyButton("Undo", "Ctrl Z", parent=self)
        self.redo_button = KeyButton("Redo", "Ctrl Shift Z", parent=self)
        self.undo_button.clicked.connect(session.undo)
        self.redo_button.clicked.connect(session.redo)
        self.list = QListView(self)
        self.list.setObjectName("history")
        self.list.setAccessibleName("History of decisions")
        self.list.setModel(self.model)
        self.list.setItemDelegate(_StepDelegate(self.list))
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self.list.setUniformItemSizes(True)
        self.list.setSelectionMode(QListView.SelectionMode.NoSelection)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        buttons = QHBoxLayout()
        buttons.setSpacing(6)
        buttons.addWidget(self.undo_button)
        buttons.addWidget(self.redo_button)
        buttons.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addWidget(caption)
        box.addWidget(self.next_undo)
        box.addLayout(buttons)
        box.addWidget(self.list, 1)
        self.show_steps(())

    def reload(self) -> None:
        """Read the history anew."""

        def read(db: sqlite3.Connection) -> list[Step]:
            from annotator.project import queries

            return queries.history(db, SHOWN)

        self._session.read(read, self.show_steps, key="history")

    def show_steps(self, steps: Sequence[Step]) -> None:
        """Show steps, newest first."""
        self.model.load(steps)
        undo = next((s for s in steps if not s.undone), None)
        redo = next((s for s in reversed(steps) if s.undone), None)
        self.undo_button.setEnabled(undo is not None)
        self.redo_button.setEnabled(redo is not None)
        if undo is not None:
            self.next_undo.setText(f"Undo takes back: {undo.label}")
        elif redo is not None:
            self.next_undo.setText("Everything is undone; redo brings it back step by step.")
        else:
            self.next_undo.setText("Nothing decided yet. Every decision is listed here.")


class _StepDelegate(QStyledItemDelegate):
    """A dot, the label, the time; what is undone is grey and struck through."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(100, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        step = index.data(_STEP)
        if not isinstance(step, Step):
            return
        t = theme.tokens()
        box: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.line if step.undone else t.accent))
        painter.drawEllipse(box.left() + 3, box.center().y() - 2, 6, 6)
        middle = Qt.AlignmentFlag.AlignVCenter
        time = clock(step.at)
        hint = rows.small(option.font)
        room = QFontMetrics(hint).horizontalAdvance(time) + 10
        font = QFont(option.font)
        font.setStrikeOut(step.undone)
        painter.setFont(font)
        painter.setPen(QColor(t.muted if step.undone else t.text))
        place = box.adjusted(18, 0, -room, 0)
        label = QFontMetrics(font).elidedText(
            step.label, Qt.TextElideMode.ElideRight, place.width()
        )
        painter.drawText(place, middle, label)
        painter.setFont(hint)
        painter.setPen(QColor(t.muted))
        painter.drawText(box.adjusted(0, 0, -2, 0), middle | Qt.AlignmentFlag.AlignRight, time)
        painter.restore()


def clock(at: str) -> str:
    """The time of a step as hours and minutes of this place; the text itself if it is no time."""
    from datetime import datetime

    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return at
    return moment.astimezone().strftime("%H:%M")
