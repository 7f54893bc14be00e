"""The threshold slider: a colour bar with numbers, from a map's smallest to largest value."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QKeyEvent,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from annotator.gui import theme
from annotator.gui.item_models.tags import number_words

_EDGE = 8.0
_STEPS = 100


class HeatSlider(QWidget):
    """Raw similarities, not per cents: what is left of the handle is cut away."""

    moved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._low, self._high, self._value = 0.0, 1.0, 0.5
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Threshold of the heatmap")
        self.setEnabled(False)

    def sizeHint(self) -> QSize:
        return QSize(180, 34)

    def minimumSizeHint(self) -> QSize:
        return QSize(100, 34)

    @property
    def value(self) -> float:
        return self._value

    @property
    def span(self) -> tuple[float, float]:
        """Smallest and largest similarity of the map."""
        return self._low, self._high

    def set_map(self, low: float, high: float, value: float) -> None:
        """Another map; says nothing to listeners."""
        self._low, self._high = low, max(high, low + 1e-6)
        self._value = min(self._high, max(self._low, value))
        self.setEnabled(True)
        self.update()

    def set_nothing(self) -> None:
        self.setEnabled(False)
        self.update()

    def set_value(self, value: float) -> None:
        """Move the handle and tell listeners."""
        value = min(self._high, max(self._low, value))
        if value != self._value:
            self._value = value
            self.moved.emit(value)
            self.update()

    def step(self, steps: int) -> None:
        """Move by hundredths of the map's range."""
        if self.isEnabled():
            self.set_value(self._value + steps * (self._high - self._low) / _STEPS)

    def _groove(self) -> QRectF:
        return QRectF(_EDGE, 8, self.width() - 2 * _EDGE, 5)

    def _point(self, event: QMouseEvent) -> None:
        groove = self._groove()
        part = (event.position().x() - groove.left()) / max(1.0, groove.width())
        self.set_value(self._low + min(1.0, max(0.0, part)) * (self._high - self._low))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._point(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._point(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.step(1 if event.angleDelta().y() > 0 else -1)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Down: -10,
            Qt.Key.Key_Up: 10,
        }.get(Qt.Key(event.key()))
        if steps is None:
            event.ignore()
        else:
            self.step(steps)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove = self._groove()
        painter.setPen(Qt.PenStyle.NoPen)
        if not self.isEnabled():
            painter.setBrush(QColor(tokens.line))
            painter.drawRoundedRect(groove, 2.5, 2.5)
            return
        colors = theme.heat_lut()
        gradient = QLinearGradient(groove.topLeft(), groove.topRight())
        for i in range(17):
            gradient.setColorAt(i / 16, QColor.fromRgb(colors[min(255, i * 16)]))
        painter.setBrush(gradient)
        painter.drawRoundedRect(groove, 2.5, 2.5)
        part = (self._value - self._low) / (self._high - self._low)
        handle = QPointF(groove.left() + part * groove.width(), groove.center().y())
        painter.setBrush(QColor(tokens.accent))
        painter.setPen(QPen(QColor(tokens.panel), 2))
        painter.drawEllipse(handle, 7.5, 7.5)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.accent), 1))
            painter.drawEllipse(handle, 9.5, 9.5)
        font = QFont(self.font())
        font.setPixelSize(10)
        painter.setFont(font)
        painter.setPen(QColor(tokens.muted))
        below = QRectF(groove.left(), 19, groove.width(), 14)
        top = Qt.AlignmentFlag.AlignTop
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft | top, number_words(self._low))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight | top, number_words(self._high))
