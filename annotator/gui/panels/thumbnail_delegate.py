"""Draws one cell of the thumbnail grid: picture, status dot, number of tags, selection."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QPainter,
    QPen,
    QPixmap,
    QTransform,
)
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from annotator.gui import theme
from annotator.gui.item_models.images import ImageRole, MarkRole
from annotator.gui.panels.thumbnail_store import Thumb, ThumbnailStore, Unreadable
from annotator.project.queries import ImageMark

Index = QModelIndex | QPersistentModelIndex
_RADIUS = 5.0
#: Drawn cells kept: a few screens. Room around a cell for the frame of a selected one.
_CELLS, _AROUND = 300, QPoint(4, 4)


class ThumbnailDelegate(QStyledItemDelegate):
    """Paints what the store has; asks for nothing."""

    def __init__(self, store: ThumbnailStore) -> None:
        super().__init__(store)
        self._store = store
        self._cells: dict[object, QPixmap] = {}

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        image, mark = index.data(ImageRole), index.data(MarkRole)
        thumb = None if image is None else self._store.get(image)
        picture = thumb.cacheKey() if isinstance(thumb, QImage) else thumb
        ratio = painter.device().devicePixelRatioF()
        state = option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver)
        key = (picture, mark, state, option.rect.size().toTuple(), ratio, theme.tokens())
        cell = self._cells.get(key)
        if cell is None:
            cell = self._drawn(option, thumb, mark, ratio)
            self._cells[key] = cell
            while len(self._cells) > _CELLS:
                self._cells.pop(next(iter(self._cells)))
        painter.drawPixmap(option.rect.topLeft() - _AROUND, cell)

    def _drawn(
        self,
        option: QStyleOptionViewItem,
        thumb: Thumb | None,
        mark: ImageMark | None,
        ratio: float,
    ) -> QPixmap:
        """The cell as one picture: while a scan keeps the interpreter busy, each call of Qt from
        Python waits for its turn, and a screen of cells takes hundreds of them."""
        tokens = theme.tokens()
        whole = option.rect.size() + QSize(2 * _AROUND.x(), 2 * _AROUND.y())
        cell = QPixmap(whole * ratio)
        cell.setDevicePixelRatio(ratio)
        cell.fill(Qt.GlobalColor.transparent)
        rect = QRectF(QPointF(_AROUND), option.rect.size())
        painter = QPainter(cell)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        paint_thumb(painter, rect, thumb)
        if mark is not None:
            status = "unreadable" if isinstance(thumb, Unreadable) else mark.status
            self._paint_dot(painter, rect, status)
            if mark.tags:
                self._paint_badge(painter, rect, str(mark.tags))
        if option.state & QStyle.StateFlag.State_Selected:
            # A ring of background keeps the frame visible on a picture of the accent's colour.
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for inset, width, color in ((-2.0, 2.5, tokens.accent), (0.0, 1.5, tokens.panel)):
                painter.setPen(QPen(QColor(color), width))
                frame = rect.adjusted(inset, inset, -inset, -inset)
                painter.drawRoundedRect(frame, _RADIUS - inset, _RADIUS - inset)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.muted), 1.5))
            painter.drawRoundedRect(rect, _RADIUS, _RADIUS)
        painter.end()
        return cell

    def _paint_dot(self, painter: QPainter, rect: QRectF, status: str) -> None:
        painter.setPen(QPen(QColor(0, 0, 0, 170), 1.2))
        color = QColor(status_color(status))
        at = QPointF(rect.left() + 10, rect.top() + 10)
        # New is a ring, the others are full: told apart without colour.
        painter.setBrush(QColor(0, 0, 0, 120) if status == "new" else color)
        painter.drawEllipse(at, 4.5, 4.5)
        if status == "new":
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color, 1.6))
            painter.drawEllipse(at, 3.4, 3.4)

    def _paint_badge(self, painter: QPainter, rect: QRectF, text: str) -> None:
        font = QFont(painter.font())
        font.setPixelSize(11)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        width = max(18.0, QFontMetricsF(font).horizontalAdvance(text) + 9)
        box = QRectF(rect.right() - width - 4, rect.bottom() - 16 - 4, width, 16)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(16, 18, 22, 205))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor("#ffffff"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return option.rect.size()


def paint_thumb(painter: QPainter, rect: QRectF, thumb: Thumb | None) -> None:
    """A picture cut to fill ``rect`` with round corners, or the tile that stands for it."""
    tokens = theme.tokens()
    painter.setPen(Qt.PenStyle.NoPen)
    if isinstance(thumb, QImage):
        painter.setBrush(_cover(thumb, rect))
        painter.drawRoundedRect(rect, _RADIUS, _RADIUS)
        return
    painter.setBrush(QColor(tokens.raised))
    painter.drawRoundedRect(rect, _RADIUS, _RADIUS)
    if thumb is None:
        return
    font = QFont(painter.font())
    font.setPixelSize(11)
    painter.setFont(font)
    pen = QPen(QColor(tokens.no), 2.0)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    middle = QPointF(rect.center().x(), rect.center().y() - 7)
    for dx, dy in ((1, 1), (1, -1)):
        way = QPointF(6 * dx, 6 * dy)
        painter.drawLine(middle - way, middle + way)
    if rect.height() > 48:
        painter.setPen(QColor(tokens.muted))
        below = rect.adjusted(4, rect.height() / 2 + 4, -4, 0)
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(below, flags, "unreadable")


def _cover(image: QImage, rect: QRectF) -> QBrush:
    scale = max(rect.width() / image.width(), rect.height() / image.height())
    x = rect.center().x() - image.width() * scale / 2
    y = rect.center().y() - image.height() * scale / 2
    brush = QBrush(image)
    brush.setTransform(QTransform(scale, 0, 0, scale, x, y))
    return brush


def status_color(status: str) -> str:
    """The colour of a status word; each also has its word in the tooltip."""
    tokens = theme.DARK  # the dots lie on photographs, whatever the theme
    return {
        "reviewed": tokens.yes,
        "doubtful": tokens.doubt,
        "unreadable": tokens.no,
        "unreviewed": tokens.accent,
    }.get(status, tokens.muted)
