"""Small widgets of the vocabulary's panels: a flowing row, chips, and the path in the tree."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QLabel,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from annotator.core.records import Synset
from annotator.gui import theme
from annotator.gui.panels import synset_tree_rows as rows


class Flow(QWidget):
    """Lays widgets out like words: from left to right, then on the next line."""

    def __init__(self, parent: QWidget | None = None, gap: int = 6) -> None:
        super().__init__(parent)
        self._parts: list[QWidget] = []
        self._gap = gap
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, widget: QWidget) -> None:
        """Put a widget at the end."""
        widget.setParent(self)
        widget.show()
        self._parts.append(widget)
        self._changed()

    def fill(self, widgets: Sequence[QWidget]) -> None:
        """Show these and nothing else; hidden while there are none."""
        for old in self._parts:
            old.hide()
            old.deleteLater()
        self._parts = []
        for widget in widgets:
            self.add(widget)
        self.setVisible(bool(widgets))
        self._changed()

    def refresh(self) -> None:
        """A part was shown, hidden, or changed its size."""
        self._changed()

    def _changed(self) -> None:
        self.updateGeometry()
        self._place(self.width(), dry=False)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(width, dry=True)

    def sizeHint(self) -> QSize:
        width = max(self.width(), self.minimumSizeHint().width())
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        parts = [part.sizeHint() for part in self._parts if not part.isHidden()]
        height = max((size.height() for size in parts), default=0)
        return QSize(40, height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(event.size().width(), dry=False)

    def _place(self, width: int, *, dry: bool) -> int:
        x, y = 0, 0
        line: list[tuple[QWidget, int, QSize]] = []
        for part in self._parts:
            if part.isHidden():
                continue
            size = part.sizeHint()
            size.setWidth(min(size.width(), max(width, 1)))
            if line and x + size.width() > width:
                y += _set_line(line, y, dry) + self._gap
                x, line = 0, []
            line.append((part, x, size))
            x += size.width() + self._gap
        return y + _set_line(line, y, dry)


def _set_line(line: list[tuple[QWidget, int, QSize]], y: int, dry: bool) -> int:
    """Put one line of widgets in place, centred vertically; its height."""
    height = max((size.height() for _, _, size in line), default=0)
    if not dry:
        for part, x, size in line:
            part.setGeometry(QRect(QPoint(x, y + (height - size.height()) // 2), size))
    return height


def chip(text: str, kind: str = "pill", tip: str = "") -> QLabel:
    """A word in a pill. ``kind`` is its name in the style sheet: "pill", "lemmaPill" ..."""
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
            link.setObjectName("pathLink")
            link.setFlat(True)
            link.setCursor(Qt.CursorShape.PointingHandCursor)
            link.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            link.setToolTip(f"Show {above.name}")
            link.clicked.connect(lambda _on=False, i=above.id: self.wanted.emit(i))
            parts += [link, chip("›", "hint")]
        if path:
            parts.append(chip(path[-1].name, "pathEnd"))
        self.fill(parts if len(path) > 1 else [])


_PADDING = 9


class KeyButton(QPushButton):
    """A button with its key in small letters after the word."""

    def __init__(
        self, text: str, key: str = "", *, primary: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._word, self._key, self._primary = "", "", primary
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.set_text(text, key)

    @property
    def key(self) -> str:
        """The key as it is shown."""
        return self._key

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
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._text_width() + 2 * _PADDING, 30)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _text_width(self) -> int:
        width = self.fontMetrics().horizontalAdvance(self._word)
        if self._key:
            width += QFontMetrics(rows.small(self.font())).horizontalAdvance(self._key) + 6
        return width

    def paintEvent(self, event: QPaintEvent) -> None:
        t = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not self.isEnabled():
            painter.setOpacity(0.5)
        hot = self.isEnabled() and (self.underMouse() or self.isDown())
        fill, edge = QColor(t.panel), QColor(t.line)
        if self._primary:
            fill = edge = QColor(t.accent).darker(112 if self.isDown() else 106 if hot else 100)
        elif hot:
            fill = QColor(t.line if self.isDown() else t.raised)
        painter.setPen(QPen(QColor(t.accent) if self.hasFocus() else edge, 1))
        painter.setBrush(fill)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        left = (self.width() - self._text_width()) // 2
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(t.on_accent if self._primary else t.text))
        painter.drawText(self.rect().adjusted(left, 0, 0, -1), middle, self._word)
        if self._key:
            left += self.fontMetrics().horizontalAdvance(self._word) + 6
            painter.setFont(rows.small(self.font()))
            painter.setPen(QColor(t.on_accent if self._primary else t.muted))
            painter.drawText(self.rect().adjusted(left, 0, 0, -1), middle, self._key)
