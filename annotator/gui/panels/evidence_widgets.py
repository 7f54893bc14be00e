"""Small widgets of the vocabulary's panels: a flowing row, chips, and the path in the tree."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPaintEvent
from PySide6.QtWidgets import (
    QLabel,
    QLayout,
    QLayoutItem,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QWidget,
)

from annotator.core.records import Synset
from annotator.gui import theme
from annotator.gui.panels import synset_tree_rows as rows


class FlowLayout(QLayout):
    """Lays widgets out like words: from left to right, then on the next line."""

    def __init__(self, parent: QWidget | None = None, gap: int = 6) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap = gap
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), dry=True)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, dry=False)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize(0, 0)
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _place(self, rect: QRect, *, dry: bool) -> int:
        x, y, line = rect.left(), rect.top(), 0
        for item in self._items:
            widget = item.widget()
            if widget is not None and widget.isHidden():
                continue
            size = item.sizeHint()
            size.setWidth(min(size.width(), rect.width()))
            if x > rect.left() and x + size.width() > rect.right() + 1:
                x, y, line = rect.left(), y + line + self._gap, 0
            if not dry:
                item.setGeometry(QRect(QPoint(x, y), size))
            x += size.width() + self._gap
            line = max(line, size.height())
        return y + line - rect.top()


class Flow(QWidget):
    """A widget whose children flow. ``fill`` replaces them all."""

    def __init__(self, parent: QWidget | None = None, gap: int = 6) -> None:
        super().__init__(parent)
        self._flow = FlowLayout(self, gap)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, widget: QWidget) -> None:
        """Put a widget at the end."""
        self._flow.addWidget(widget)

    def clear(self) -> None:
        """Take all out."""
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def fill(self, widgets: Sequence[QWidget]) -> None:
        """Show these and nothing else."""
        self.clear()
        for widget in widgets:
            self.add(widget)
            widget.show()
        self.setVisible(bool(widgets))
        self.updateGeometry()


def chip(text: str, kind: str = "chip", tip: str = "") -> QLabel:
    """A word in a pill. ``kind`` is its name in the style sheet: "chip", "lemmaChip" ..."""
    label = QLabel(text)
    label.setObjectName(kind)
    label.setToolTip(tip)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


class PathLine(Flow):
    """animal › dog › beagle: every part but the last is a link to that synset."""

    wanted = Signal(int)

    def show_path(self, path: Sequence[Synset]) -> None:
        """The synsets from the top of the tree down to the shown one."""
        parts: list[QWidget] = []
        for above in path[:-1]:
            link = QPushButton(above.name)
            link.setObjectName("link")
            link.setFlat(True)
            link.setCursor(Qt.CursorShape.PointingHandCursor)
            link.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            link.setToolTip(f"Show {above.name}")
            link.clicked.connect(lambda _on=False, i=above.id: self.wanted.emit(i))
            parts += [link, chip("›", "hint")]
        if path:
            parts.append(chip(path[-1].name, "pathEnd"))
        self.fill(parts if len(path) > 1 else [])


class KeyButton(QPushButton):
    """A button with its key in small letters after the word."""

    def __init__(
        self, text: str, key: str = "", *, primary: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._word, self._key, self._primary = "", "", primary
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.set_text(text, key)
        self.set_primary(primary)

    def set_text(self, text: str, key: str) -> None:
        """Change word and key."""
        self._word, self._key = text, key
        self.setAccessibleName(text)
        self.setToolTip(f"{text} ({key})" if key else text)
        self.updateGeometry()
        self.update()

    def set_primary(self, primary: bool) -> None:
        """Whether it is the one thing to do here: filled with the accent."""
        self._primary = primary
        self.setProperty("primary", primary)
        self.style().unpolish(self)
        self.style().polish(self)
        self.update()

    def sizeHint(self) -> QSize:
        word = self.fontMetrics().horizontalAdvance(self._word)
        key = QFontMetrics(rows.small(self.font())).horizontalAdvance(self._key)
        return QSize(word + (key + 7 if self._key else 0) + 22, 30)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter = QStylePainter(self)
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        t = theme.tokens()
        colour = QColor(t.on_accent if self._primary else t.text)
        faint = QColor(t.on_accent if self._primary else t.muted)
        if not self.isEnabled():
            colour = faint = QColor(t.muted)
            painter.setOpacity(0.6)
        width = self.sizeHint().width() - 22
        left = (self.width() - width) // 2
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(colour)
        painter.drawText(self.rect().adjusted(left, 0, 0, -1), middle, self._word)
        if self._key:
            left += self.fontMetrics().horizontalAdvance(self._word) + 7
            painter.setFont(rows.small(self.font()))
            painter.setPen(faint)
            painter.drawText(self.rect().adjusted(left, 0, 0, -1), middle, self._key)
