"""Small widgets of the vocabulary's panels: a flowing row, chips, and the path in the tree."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QLabel,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from annotator.core.records import Synset
from annotator.gui.words import on_button, plain_tip


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
    label.setToolTip(plain_tip(tip))
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label


class PathLine(Flow):
    """animal › dog › beagle: every part but the last is a link to that synset."""

    wanted = Signal(int)

    def show_path(self, path: Sequence[Synset]) -> None:
        """The synsets from the top of the tree down to the shown one."""
        parts: list[QWidget] = []
        for above in path[:-1]:
            link = QPushButton(on_button(above.name))
            link.setObjectName("pathLink")
            link.setFlat(True)
            link.setCursor(Qt.CursorShape.PointingHandCursor)
            link.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            link.setToolTip(plain_tip(f"Show {above.name}"))
            link.clicked.connect(lambda _on=False, i=above.id: self.wanted.emit(i))
            parts += [link, chip("›", "hint")]
        if path:
            parts.append(chip(path[-1].name, "pathEnd"))
        self.fill(parts if len(path) > 1 else [])
