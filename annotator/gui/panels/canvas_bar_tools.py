"""The tools of the canvas, floating on its corner: a drawn sign and a key each."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QVBoxLayout, QWidget

from annotator.gui import theme

_SIDE = 36
#: Name, key and what it does, in the order shown.
TOOLS = (
    ("select", "V", "Select masks, move the image (V)"),
    ("cut", "C", "Cut the heatmap at the similarity where I click (C)"),
    ("click", "M", "Mask by clicks: left button adds, right button takes away (M)"),
    ("box", "B", "Mask by a box: drag it around the thing; right button takes away (B)"),
)


class ToolPalette(QWidget):
    """At most one tool is on; ``chosen`` gives its name."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons = {name: _ToolButton(name, key, tip) for name, key, tip in TOOLS}
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(4)
        for name, button in self._buttons.items():
            button.clicked.connect(lambda _=False, n=name: self.chosen.emit(n))
            column.addWidget(button)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self.set_current("select")
        self.adjustSize()

    @property
    def current(self) -> str:
        return next(name for name, button in self._buttons.items() if button.isChecked())

    def set_current(self, name: str) -> None:
        for other, button in self._buttons.items():
            button.setChecked(other == name)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.line), 1))
        painter.setBrush(QColor(tokens.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)


class _ToolButton(QAbstractButton):
    def __init__(self, name: str, key: str, tip: str) -> None:
        super().__init__()
        self._name, self._key = name, key
        self.setCheckable(True)
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedSize(QSize(_SIDE, _SIDE))
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def nextCheckState(self) -> None:
        """The canvas says which tool is on, not the click."""

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        painter.setPen(Qt.PenStyle.NoPen)
        if on or self.underMouse():
            painter.setBrush(QColor(tokens.accent if on else tokens.raised))
            painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.text), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        color = QColor(tokens.on_accent if on else tokens.text)
        pen = QPen(color, 1.6)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        _paint_sign(painter, self._name, color)
        font = QFont(self.font())
        font.setPixelSize(9)
        painter.setFont(font)
        painter.setPen(QColor(tokens.on_accent if on else tokens.muted))
        room = QRectF(self.rect()).adjusted(0, 0, -4, -2)
        painter.drawText(
            room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, self._key
        )


def _paint_sign(painter: QPainter, name: str, color: QColor) -> None:
    middle = QPointF(16, 16)
    if name == "select":
        painter.drawPath(_arrow())
    elif name == "cut":
        painter.drawEllipse(middle, 6.5, 6.5)
        painter.setBrush(color)
        painter.drawEllipse(middle, 1.6, 1.6)
    elif name == "click":
        # Plus and minus: what the two buttons of the mouse say.
        for line in ((8, 12, 16, 12), (12, 8, 12, 16), (16, 21, 24, 21)):
            painter.drawLine(*line)
        painter.drawLine(QPointF(9, 24), QPointF(22, 9))
    else:
        dashed = QPen(painter.pen())
        dashed.setDashPattern([2.4, 1.8])
        painter.setPen(dashed)
        painter.drawRect(QRectF(9, 10, 14, 12))


def _arrow() -> QPainterPath:
    path = QPainterPath(QPointF(11, 8))
    for x, y in ((11, 23), (14.5, 19.5), (17, 25), (19.3, 24), (17, 18.6), (22, 18.6)):
        path.lineTo(x, y)
    path.closeSubpath()
    return path
