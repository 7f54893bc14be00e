"""Draws the rows of the tag list and of the region list."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from annotator.core.records import Region, Tag, Verdict
from annotator.gui import theme
from annotator.gui.item_models.tags import (
    NameRole,
    RecordRole,
    area_words,
    origin_words,
    overlap_words,
    pixel_words,
    seen_words,
    verdict_words,
)

Index = QModelIndex | QPersistentModelIndex

ROW = 44
_PAD = 12.0
_KEY = 20.0
_BAR = 64.0
_RIGHT = 76.0


class RowDelegate(QStyledItemDelegate):
    """Background, separator, key box, two lines of text and a right column."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, ROW)

    def begin(self, painter: QPainter, option: QStyleOptionViewItem) -> QRectF:
        """Draw what is behind a row; what is left for the rest."""
        tokens = theme.tokens()
        rect = QRectF(option.rect)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, QColor(tokens.selected))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, QColor(tokens.raised))
        painter.fillRect(
            QRectF(rect.left(), rect.bottom() - 1, rect.width(), 1), QColor(tokens.line)
        )
        return rect.adjusted(_PAD, 0, -_PAD, -1)

    def key_box(self, painter: QPainter, rect: QRectF, text: str) -> None:
        """A sign or a key in a small box at the left of ``rect``."""
        tokens = theme.tokens()
        box = QRectF(rect.left(), rect.center().y() - _KEY / 2, _KEY, _KEY)
        painter.setPen(QPen(QColor(tokens.line), 1.0))
        painter.setBrush(QColor(tokens.panel))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setPen(QColor(tokens.muted))
        painter.setFont(sized(painter, 11))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _dot(self, painter: QPainter, rect: QRectF, color: QColor) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        painter.drawRoundedRect(QRectF(rect.left() + 4, rect.center().y() - 6, 12, 12), 3, 3)

    def _lines(
        self,
        painter: QPainter,
        room: QRectF,
        upper: str,
        lower: str,
        faint: bool,
        struck: bool,
        color: str = "",
    ) -> None:
        tokens = theme.tokens()
        font = sized(painter, 13)
        font.setStrikeOut(struck)
        draw_text(
            painter,
            room.adjusted(0, 4, 0, -20),
            upper,
            font,
            tokens.muted if faint else tokens.text,
        )
        font = sized(painter, 11)
        # Which crops it was is in the tooltip too: half a name of a crop says nothing.
        while " · " in lower and QFontMetricsF(font).horizontalAdvance(lower) > room.width():
            lower = lower.rsplit(" · ", 1)[0]
        draw_text(painter, room.adjusted(0, 23, 0, -4), lower, font, color or tokens.muted)

    def _verdict(self, painter: QPainter, room: QRectF, verdict: Verdict) -> None:
        tokens = theme.tokens()
        font = sized(painter, 12)
        font.setWeight(QFont.Weight.DemiBold)
        color = tokens.yes if verdict == "accepted" else tokens.no
        draw_text(painter, room, verdict_words(verdict), font, color, right=True)

    def _number(self, painter: QPainter, room: QRectF, text: str) -> None:
        draw_text(painter, room, text, sized(painter, 12), theme.tokens().muted, right=True)


class TagDelegate(RowDelegate):
    """key · name, where seen · probability bar · number or verdict."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tag = index.data(RecordRole)
        if not isinstance(tag, Tag):
            return
        painter.save()
        rect = self.begin(painter, option)
        if index.row() < 9:
            self.key_box(painter, rect, str(index.row() + 1))
        right = QRectF(rect.right() - _RIGHT, rect.top(), _RIGHT, rect.height())
        bar = QRectF(right.left() - 8 - _BAR, rect.center().y() - 2.5, _BAR, 5)
        decided = tag.verdict != "unknown"
        # A dropped word has no bar: its reason takes the room.
        if tag.score is not None and (tag.kept or decided):
            draw_bar(painter, bar, tag.score, faint=decided)
            text_end = bar.left() - 8
        else:
            text_end = right.left() - 8
        left = rect.left() + _KEY + 8
        room = QRectF(left, rect.top(), text_end - left, rect.height())
        faint = not tag.kept and not decided
        struck = tag.verdict == "rejected"
        if tag.supported is False and tag.verdict == "unknown" and tag.kept:
            doubt = theme.tokens().doubt
            self._lines(painter, room, tag.synset, pixel_words(tag), faint, struck, doubt)
        else:
            lower = " · ".join(words for words in (pixel_words(tag), seen_words(tag)) if words)
            self._lines(painter, room, tag.synset, lower, faint, struck)
        if decided:
            self._verdict(painter, right, tag.verdict)
        elif tag.score is not None:
            self._number(painter, right, f"{tag.score:.2f}")
        painter.restore()


class RegionDelegate(RowDelegate):
    """colour · name, area · similarity or verdict."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        region = index.data(RecordRole)
        if not isinstance(region, Region):
            return
        painter.save()
        rect = self.begin(painter, option)
        self._dot(painter, rect, QColor(theme.synset_colour(region.synset_id)))
        right = QRectF(rect.right() - _RIGHT, rect.top(), _RIGHT, rect.height())
        left = rect.left() + _KEY + 8
        room = QRectF(left, rect.top(), right.left() - 8 - left, rect.height())
        lower = f"{area_words(region.area)} · {overlap_words(region) or origin_words(region)}"
        name = index.data(NameRole) or region.synset
        self._lines(painter, room, name, lower, False, region.verdict == "rejected")
        if region.verdict != "unknown":
            self._verdict(painter, right, region.verdict)
        elif region.score is not None:
            self._number(painter, right, f"{region.score:.2f}")
        painter.restore()


def draw_bar(painter: QPainter, rect: QRectF, value: float, *, faint: bool) -> None:
    """A machine's number in [0, 1] as a bar."""
    tokens = theme.tokens()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(tokens.line))
    painter.drawRoundedRect(rect, 2.5, 2.5)
    width = rect.width() * min(1.0, max(0.0, value))
    if width < 1:
        return
    painter.setBrush(QColor(tokens.muted if faint else tokens.accent))
    painter.drawRoundedRect(QRectF(rect.left(), rect.top(), max(5.0, width), 5), 2.5, 2.5)


def sized(painter: QPainter, pixels: int) -> QFont:
    """The painter's font, plain, of that height."""
    font = QFont(painter.font())
    font.setPixelSize(pixels)
    font.setWeight(QFont.Weight.Normal)
    font.setStrikeOut(False)
    return font


def draw_text(
    painter: QPainter, room: QRectF, text: str, font: QFont, color: str, *, right: bool = False
) -> None:
    """One line of text, cut with "…" where there is no room for it; never read as rich text."""
    painter.setFont(font)
    painter.setPen(QColor(color))
    shown = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, room.width())
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    painter.drawText(room, side | Qt.AlignmentFlag.AlignVCenter, shown)
