"""Cursors drawn by code: a cross with a sign that says what a click does."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QCursor, QFont, QPainter, QPainterPath, QPen, QPixmap

_SIDE, _HOT = 32, 11


def cross(sign: str) -> QCursor:
    """A cross, white with a dark rim so that it is seen on any picture, and ``sign`` beside it."""
    picture = QPixmap(_SIDE, _SIDE)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    at = QPointF(_HOT + 0.5, _HOT + 0.5)
    arms = [
        QLineF(at + QPointF(dx * 3, dy * 3), at + QPointF(dx * 10, dy * 10))
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    for color, width in ((QColor(0, 0, 0, 200), 3.5), (QColor("white"), 1.5)):
        painter.setPen(QPen(color, width))
        painter.drawLines(arms)
    font = QFont()
    font.setPixelSize(13)
    font.setBold(True)
    letters = QPainterPath()
    letters.addText(0, 0, font, sign)
    room = QRectF(18, 18, 13, 13)
    letters.translate(room.center() - letters.boundingRect().center())
    painter.strokePath(letters, QPen(QColor(0, 0, 0, 200), 3))
    painter.fillPath(letters, QColor("white"))
    painter.end()
    return QCursor(picture, _HOT, _HOT)
