"""The heads of the right column: a word and a count each, the open one underlined."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from annotator.gui import theme

_HEIGHT = 40
_PAD = 12.0


class CountTabs(QWidget):
    """Tabs with counts; ``changed`` gives the place of the one that was clicked."""

    changed = Signal(int)

    def __init__(self, names: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = names
        self._counts = [0] * len(names)
        self.current = 0
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._describe()

    def sizeHint(self) -> QSize:
        return QSize(240, _HEIGHT)

    def count(self, place: int) -> int:
        return self._counts[place]

    def set_count(self, place: int, count: int) -> None:
        self._counts[place] = count
        self._describe()
        self.update()

    def set_current(self, place: int) -> None:
        """Open a tab and tell listeners, if it is another one."""
        if place != self.current:
            self.current = place
            self.update()
            self.changed.emit(place)

    def _describe(self) -> None:
        words = (f"{n} {c}" for n, c in zip(self._names, self._counts, strict=True))
        self.setAccessibleName(", ".join(words))

    def _boxes(self) -> list[QRectF]:
        label, pill = self._fonts()
        boxes, x = [], 2.0
        for name, count in zip(self._names, self._counts, strict=True):
            width = QFontMetricsF(label).horizontalAdvance(name) + 2 * _PAD
            width += QFontMetricsF(pill).horizontalAdvance(str(count)) + 12 + 8
            boxes.append(QRectF(x, 0, width, _HEIGHT))
            x += width
        return boxes

    def _fonts(self) -> tuple[QFont, QFont]:
        label, pill = QFont(self.font()), QFont(self.font())
        label.setPixelSize(13)
        pill.setPixelSize(11)
        return label, pill

    def mousePressEvent(self, event: QMouseEvent) -> None:
        for place, box in enumerate(self._boxes()):
            if box.contains(event.position()):
                self.set_current(place)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(0, _HEIGHT - 1, self.width(), 1, QColor(tokens.line))
        label, pill = self._fonts()
        for place, box in enumerate(self._boxes()):
            open_ = place == self.current
            painter.setFont(label)
            painter.setPen(QColor(tokens.text if open_ else tokens.muted))
            middle = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(box.adjusted(_PAD, 0, 0, 0), middle, self._names[place])
            count = str(self._counts[place])
            width = QFontMetricsF(pill).horizontalAdvance(count) + 12
            round_ = QRectF(box.right() - _PAD - width, _HEIGHT / 2 - 9, width, 18)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.raised))
            painter.drawRoundedRect(round_, 9, 9)
            painter.setFont(pill)
            painter.setPen(QColor(tokens.text if open_ else tokens.muted))
            painter.drawText(round_, Qt.AlignmentFlag.AlignCenter, count)
            if open_:
                line = QRectF(box.left() + 2, _HEIGHT - 2.5, box.width() - 4, 2.5)
                painter.fillRect(line, QColor(tokens.accent))
