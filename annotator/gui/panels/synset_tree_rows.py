"""How a row of the vocabulary tree looks: swatch, name, support, score bar, verdict."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPolygonF

from annotator.core.records import Synset, Verdict
from annotator.gui import theme

ROW_HEIGHT = 30
INDENT = 14
MARGIN = 12
SWATCH = 10
#: Left edge of the expand arrow and of the name, after the row's own indentation.
ARROW = 30
NAME = 44
VERDICT_WIDTH = 80
BAR_WIDTH = 54
BAR_HEIGHT = 6
NUMBER_WIDTH = 42


@dataclass(frozen=True, slots=True)
class RowState:
    """What of a row is not in its synset. ``indent``: pixels; ``faded``: it is there only because
    something below it matches the search."""

    indent: int = 0
    selected: bool = False
    focused: bool = False
    hovered: bool = False
    target: bool = False
    has_children: bool = False
    expanded: bool = False
    faded: bool = False
    bar: float = 0.0


def arrow_rect(row: QRect, indent: int) -> QRect:
    """Where a click folds or unfolds the row."""
    return QRect(row.left() + indent + ARROW - 6, row.top(), 20, row.height())


def name_rect(row: QRect, indent: int) -> QRect:
    """Where the name is, and where it is edited."""
    left = row.left() + indent + NAME
    right = row.right() - MARGIN - VERDICT_WIDTH - BAR_WIDTH - NUMBER_WIDTH - 4
    return QRect(left, row.top(), max(right - left, 24), row.height())


def small(font: QFont) -> QFont:
    """The font of hints and verdicts, two pixels smaller."""
    smaller = QFont(font)
    if font.pixelSize() > 0:
        smaller.setPixelSize(max(font.pixelSize() - 2, 9))
    else:
        smaller.setPointSizeF(font.pointSizeF() * 0.86)
    return smaller


def paint_row(painter: QPainter, row: QRect, synset: Synset, state: RowState, font: QFont) -> None:
    """Paint one row over the whole width of the tree."""
    t = theme.tokens()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    if state.selected:
        painter.fillRect(row, QColor(t.selected))
    elif state.hovered:
        painter.fillRect(row, QColor(t.raised))
    painter.setPen(QPen(QColor(t.line), 1))
    painter.drawLine(QLineF(row.left(), row.bottom() + 0.5, row.right() + 1, row.bottom() + 0.5))
    if state.target or (state.focused and state.selected):
        width = 2 if state.target else 1
        painter.setPen(QPen(QColor(t.accent), width))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(row).adjusted(1.5, 1.5, -1.5, -2.0), 4, 4)
    dim = state.faded or synset.verdict == "rejected"
    _paint_swatch(painter, row, synset, dim)
    if state.has_children:
        paint_arrow(painter, arrow_rect(row, state.indent), state.expanded, QColor(t.muted))
    _paint_name(painter, name_rect(row, state.indent), synset, font, dim)
    _paint_numbers(painter, row, synset, state, font, dim)
    painter.restore()


def _paint_swatch(painter: QPainter, row: QRect, synset: Synset, dim: bool) -> None:
    colour = QColor(theme.synset_colour(synset.id))
    box = QRectF(row.left() + MARGIN, row.center().y() - SWATCH / 2 + 0.5, SWATCH, SWATCH)
    if dim:
        colour.setAlphaF(0.45)
    if synset.inner:
        # A group is an outline: it stands for what is below it, not for itself.
        painter.setPen(QPen(colour, 1.6))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        box.adjust(0.8, 0.8, -0.8, -0.8)
    else:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
    painter.drawRoundedRect(box, 2.5, 2.5)


def paint_arrow(painter: QPainter, box: QRect, expanded: bool, colour: QColor) -> None:
    """A small triangle: down when expanded, right when folded."""
    x, y = box.left() + 10.0, box.center().y() + 0.5
    points = (
        [QPointF(x - 4, y - 2), QPointF(x + 4, y - 2), QPointF(x, y + 3)]
        if expanded
        else [QPointF(x - 2, y - 4), QPointF(x + 3, y), QPointF(x - 2, y + 4)]
    )
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPolygon(QPolygonF(points))


def _paint_name(painter: QPainter, box: QRect, synset: Synset, font: QFont, dim: bool) -> None:
    t = theme.tokens()
    painter.setFont(font)
    painter.setPen(QColor(t.muted if dim or synset.inner else t.text))
    metrics = QFontMetrics(font)
    flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    name = metrics.elidedText(synset.name, Qt.TextElideMode.ElideRight, box.width())
    painter.drawText(box, flags, name)
    others = len(set(synset.lemmas) - {synset.name})
    if not others or synset.inner:
        return
    hint = f"{len(set(synset.lemmas) | {synset.name})} lemmas"
    hint_font = small(font)
    left = metrics.horizontalAdvance(name) + 8
    if left + QFontMetrics(hint_font).horizontalAdvance(hint) > box.width():
        return
    painter.setFont(hint_font)
    painter.setPen(QColor(t.muted))
    painter.drawText(box.adjusted(left, 1, 0, 0), flags, hint)


def _paint_numbers(
    painter: QPainter, row: QRect, synset: Synset, state: RowState, font: QFont, dim: bool
) -> None:
    t = theme.tokens()
    right = row.right() - MARGIN
    flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
    verdict = QRect(right - VERDICT_WIDTH, row.top(), VERDICT_WIDTH, row.height())
    bar_left = verdict.left() - BAR_WIDTH
    number = QRect(bar_left - NUMBER_WIDTH - 8, row.top(), NUMBER_WIDTH, row.height())
    painter.setFont(font)
    painter.setPen(QColor(t.muted if dim or synset.inner else t.text))
    images = synset.subtree_support if synset.inner else synset.support
    painter.drawText(number, flags, f"{images:,}")

    if not synset.inner:
        _paint_bar(
            painter, QRectF(bar_left, row.center().y() - 2.5, BAR_WIDTH, BAR_HEIGHT), state, dim
        )
    painter.setFont(small(font))
    if synset.verdict != "unknown":
        paint_verdict(painter, verdict, synset.verdict)
    elif not synset.inner:
        painter.setPen(QColor(t.muted))
        painter.drawText(verdict, flags, score_text(synset.score))


def _paint_bar(painter: QPainter, box: QRectF, state: RowState, dim: bool) -> None:
    t = theme.tokens()
    radius = BAR_HEIGHT / 2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(t.line if state.selected or state.hovered else t.raised))
    painter.drawRoundedRect(box, radius, radius)
    if state.bar > 0:
        colour = QColor(t.muted if dim else t.accent)
        colour.setAlphaF(0.5 if dim else 1.0)
        painter.setBrush(colour)
        box.setWidth(max(BAR_HEIGHT, state.bar * BAR_WIDTH))
        painter.drawRoundedRect(box, radius, radius)


def paint_verdict(painter: QPainter, box: QRect, verdict: Verdict) -> None:
    """Sign and word in the verdict's colour, at the right end of ``box``."""
    t = theme.tokens()
    colour = QColor(t.yes if verdict == "accepted" else t.no)
    painter.setPen(colour)
    flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
    painter.drawText(box, flags, verdict)
    left = box.right() - painter.fontMetrics().horizontalAdvance(verdict) - 14
    paint_sign(painter, QPointF(left, box.center().y() + 1.0), verdict, colour)


def paint_sign(painter: QPainter, centre: QPointF, verdict: Verdict, colour: QColor) -> None:
    """A tick or a cross of 8 px around ``centre``, drawn as lines: no font has to have it."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    pen = QPen(colour, 1.6)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    x, y = centre.x(), centre.y()
    if verdict == "accepted":
        tick = [QPointF(x - 4, y), QPointF(x - 1.5, y + 3), QPointF(x + 4, y - 4)]
        painter.drawPolyline(QPolygonF(tick))
    else:
        painter.drawLine(QLineF(x - 3, y - 3.5, x + 3, y + 3))
        painter.drawLine(QLineF(x + 3, y - 3.5, x - 3, y + 3))
    painter.restore()


def score_text(score: float) -> str:
    """A machine's score in as many digits as it deserves."""
    return f"{score:.2f}" if score < 10 else f"{score:,.0f}"
