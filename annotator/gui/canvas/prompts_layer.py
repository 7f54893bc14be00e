"""What a Refiner is asked with, drawn on the image: points, a box; and where a tag was seen."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from annotator.gui import theme
from annotator.gui.canvas.viewport import Viewport

_DARK = QColor(0, 0, 0, 210)
_WHITE = QColor("white")
#: Radius of a point's disk and of the ring around a peak, in pixels of the screen.
_DISK, _RING = 7.0, 11.0


class PromptsLayer:
    """Points carry a sign and a colour: + in green is inside, - in red is outside. All sizes are
    in pixels of the screen, so that a point is as easy to see at every zoom."""

    def __init__(self) -> None:
        self.points: tuple[tuple[float, float, bool], ...] = ()
        self.box: QRectF | None = None
        self.drawn: QRectF | None = None  # a box that is being drawn
        self.peak: QPointF | None = None
        self.peak_words = ""
        self.peak_shown = True

    def paint(self, painter: QPainter, viewport: Viewport) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if self.peak is not None and self.peak_shown:
            _paint_peak(painter, viewport, self.peak, self.peak_words)
        box = self.drawn or self.box
        if box is not None:
            _paint_box(painter, viewport.transform().mapRect(box))
        for x, y, inside in self.points:
            _paint_point(painter, viewport.to_screen(QPointF(x, y)), inside)
        painter.restore()


def _paint_point(painter: QPainter, at: QPointF, inside: bool) -> None:
    # The light theme's verdict colours: the white sign reads at more than 4.5:1 on both.
    color = QColor(theme.LIGHT.yes if inside else theme.LIGHT.no)
    painter.setPen(QPen(_DARK, 4.0))
    painter.drawEllipse(at, _DISK, _DISK)
    painter.setPen(QPen(_WHITE, 1.5))
    painter.setBrush(color)
    painter.drawEllipse(at, _DISK, _DISK)
    painter.setPen(QPen(_WHITE, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
    arm = 4.0
    painter.drawLine(QLineF(at.x() - arm, at.y(), at.x() + arm, at.y()))
    if inside:
        painter.drawLine(QLineF(at.x(), at.y() - arm, at.x(), at.y() + arm))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_box(painter: QPainter, box: QRectF) -> None:
    for pen in (QPen(_DARK, 3.5), QPen(_WHITE, 1.5, Qt.PenStyle.DashLine)):
        painter.setPen(pen)
        painter.drawRect(box)


def _paint_peak(painter: QPainter, viewport: Viewport, peak: QPointF, words: str) -> None:
    at = viewport.to_screen(peak)
    for pen in (QPen(_DARK, 4.5), QPen(_WHITE, 2.0)):
        painter.setPen(pen)
        painter.drawEllipse(at, _RING, _RING)
    font = QFont(painter.font())
    font.setPixelSize(11)
    metrics = QFontMetricsF(font)
    room = QRectF(0, 0, metrics.horizontalAdvance(words) + 12, 18)
    room.moveCenter(QPointF(at.x() + _RING + 6 + room.width() / 2, at.y()))
    edge = viewport.widget.width() - 4
    if room.right() > edge:
        room.moveRight(at.x() - _RING - 6)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_DARK)
    painter.drawRoundedRect(room, 4, 4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setFont(font)
    painter.setPen(_WHITE)
    painter.drawText(room, Qt.AlignmentFlag.AlignCenter, words)
