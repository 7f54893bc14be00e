"""Icons drawn by code, so that they are sharp at every size and follow the theme."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap

_SIZES = (16, 24, 32, 48, 64, 128, 256)


def application() -> QIcon:
    """The program's own icon: a tag whose hole is an eye."""
    icon = QIcon()
    for size in _SIZES:
        icon.addPixmap(logo(size))
    return icon


def logo(size: int) -> QPixmap:
    """The logo, ``size`` x ``size`` pixels, transparent around it."""
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 64, size / 64)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor("#1668d6"))
    painter.drawRoundedRect(QRectF(2, 2, 60, 60), 14, 14)
    tag = QPainterPath(QPointF(14, 32))
    tag.lineTo(28, 16)
    tag.lineTo(46, 16)
    tag.quadTo(50, 16, 50, 20)
    tag.lineTo(50, 44)
    tag.quadTo(50, 48, 46, 48)
    tag.lineTo(28, 48)
    tag.closeSubpath()
    painter.setBrush(QColor("#ffffff"))
    painter.drawPath(tag)
    painter.setBrush(QColor("#e0a33e"))
    painter.drawEllipse(QPointF(34, 32), 8, 8)
    painter.setBrush(QColor("#16181d"))
    painter.drawEllipse(QPointF(34, 32), 3.5, 3.5)
    painter.end()
    return pixmap


def theme_icon(colour: str) -> QIcon:
    """A half-dark disc in ``colour``, for the theme switch."""
    pixmap = QPixmap(32, 32)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(colour), 2.5))
    painter.drawEllipse(QRectF(5, 5, 22, 22))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawPie(QRectF(5, 5, 22, 22), 90 * 16, 180 * 16)
    painter.end()
    return QIcon(pixmap)
