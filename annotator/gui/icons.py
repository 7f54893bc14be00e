"""Icons drawn when they are needed, so that they are sharp at every size and follow the theme."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QImageReader, QPainter, QPen, QPixmap

from annotator.core.paths import shipped

_SIZES = (16, 24, 32, 48, 64, 128, 256)


def application() -> QIcon:
    """The program's own icon: a tag whose hole is an eye."""
    icon = QIcon()
    for size in _SIZES:
        icon.addPixmap(logo(size))
    return icon


def logo(size: int) -> QPixmap:
    """The logo, ``size`` x ``size`` pixels, transparent around it; drawn from its file."""
    reader = QImageReader(str(shipped("resources", "icons", "annotator.svg")))
    reader.setScaledSize(QSize(size, size))
    return QPixmap.fromImageReader(reader)


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
