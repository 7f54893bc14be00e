"""Renaming a synset in its row, and the offer to merge when the name is taken."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtCore import Signal as QtSignal
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from annotator.gui.key_button import KeyButton
from annotator.gui.panels import synset_tree_rows as rows

Index = QModelIndex | QPersistentModelIndex


class RenameEditor(QLineEdit):
    """The line edit in the row. Enter or a click elsewhere asks for the name, Esc gives up."""

    asked = QtSignal(str)
    given_up = QtSignal()

    def __init__(self, parent: QWidget, name: str) -> None:
        super().__init__(name, parent)
        self.setObjectName("renameEditor")
        self.setAccessibleName(f"New name of {name}")
        self.name = name
        self.waiting = False
        self.selectAll()

    def ask(self) -> None:
        """Ask once for the name that is typed; unchanged or empty means giving up."""
        if self.waiting:
            return
        text = " ".join(self.text().split())
        if not text or text == self.name:
            self.given_up.emit()
            return
        self.waiting = True
        self.asked.emit(text)

    def refused(self) -> None:
        """The name cannot be had: go on typing."""
        self.waiting = False
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.ask()
        elif event.key() == Qt.Key.Key_Escape:
            self.given_up.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        kept = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)
        if event.reason() not in kept and not self.waiting:
            self.ask()


class TakenOffer(QFrame):
    """The strip under the row: the name is taken, merge instead?"""

    accepted = QtSignal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("takenOffer")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)
        self.target: int | None = None
        self.label = QLabel(self)
        self.label.setWordWrap(True)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.button = KeyButton("Merge…", "Enter", primary=True, parent=self)
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.clicked.connect(self._accept)
        box = QHBoxLayout(self)
        box.setContentsMargins(10, 6, 6, 6)
        box.setSpacing(8)
        box.addWidget(self.label, 1)
        box.addWidget(self.button)
        self.hide()

    def offer(self, target: int, name: str, under: QRect) -> None:
        """Show the offer under a row, or above it where there is no room below."""
        self.target = target
        self.label.setText(f"‘{name}’ exists: merge into it?")
        self._show(under, can_merge=True)

    def refuse(self, reason: str, under: QRect) -> None:
        """Show why the name cannot be had; there is nothing to merge with."""
        self.target = None
        self.label.setText(reason)
        self._show(under, can_merge=False)

    def _show(self, under: QRect, *, can_merge: bool) -> None:
        self.button.setVisible(can_merge)
        self.place(under)
        self.show()
        self.raise_()

    def _accept(self) -> None:
        if self.target is not None:
            self.accepted.emit(self.target)

    def place(self, under: QRect) -> None:
        """Follow the row."""
        parent = self.parentWidget()
        if parent is None:
            return
        width = parent.width() - 2 * rows.MARGIN
        height = max(self.sizeHint().height(), 40)
        y = under.bottom() + 2
        if y + height > parent.height():
            y = under.top() - height - 2
        self.setGeometry(QRect(rows.MARGIN, y, width, height))


class SynsetDelegate(QStyledItemDelegate):
    """Makes the editor; the tree paints its rows itself."""

    opened = QtSignal(object)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(120, rows.ROW_HEIGHT)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = RenameEditor(parent, str(index.data()))
        self.opened.emit(editor)
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """A reload must not overwrite what is being typed."""

    def setModelData(self, editor: QWidget, model: QObject, index: Index) -> None:
        """Nothing is written here: an operation renames, and the reload shows it."""

    def updateEditorGeometry(
        self, editor: QWidget, option: QStyleOptionViewItem, index: Index
    ) -> None:
        row = option.rect
        editor.setGeometry(rows.name_rect(row, 0).adjusted(-6, 2, 20, -3))

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:
        # The editor knows itself when it is done; Qt's own rules would close it on Enter.
        return False
