"""Where the words of one image stand in the vocabulary, and evidence of the selected one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from annotator.core.records import Image, Synset, Tag
from annotator.gui import theme
from annotator.gui.panels.thumbnail_delegate import paint_thumb
from annotator.gui.panels.thumbnail_store import ThumbnailStore
from annotator.gui.words import plain_tip
from annotator.project import queries
from annotator.project.sqlite import sqlite3

_ROW = 26
_INDENT = 18
_PAD = 12


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of the small tree. ``tagged``: it is a tag of the image, not only above one."""

    depth: int
    synset: Synset
    tagged: bool


def branches(db: sqlite3.Connection, tags: Sequence[Tag]) -> list[Branch]:
    """The tags that were not rejected, under their ancestors, with counts over the folder."""
    known: dict[int, Synset] = {}
    shown = [t for t in tags if t.verdict != "rejected" and (t.kept or t.verdict == "accepted")]
    tagged = set()
    for tag in shown:
        at: int | None = tag.synset_id
        while at is not None and at not in known:
            synset = queries.synset(db, at)
            known[at] = synset
            at = synset.parent
        tagged.add(tag.synset_id)
    children: dict[int | None, list[Synset]] = {}
    for synset in known.values():
        children.setdefault(synset.parent, []).append(synset)
    lines: list[Branch] = []

    def walk(parent: int | None, depth: int) -> None:
        for synset in sorted(children.get(parent, ()), key=lambda s: (-s.subtree_support, s.name)):
            below = children.get(synset.id, ())
            # A level with one line below it says nothing here; the top one says what it is.
            if depth and len(below) == 1 and synset.id not in tagged:
                walk(synset.id, depth)
                continue
            lines.append(Branch(depth, synset, synset.id in tagged))
            walk(synset.id, depth + 1)

    walk(None, 0)
    return lines


class VocabularyTree(QWidget):
    """As high as its lines. A click selects a tag; a double click opens the word's page."""

    clicked = Signal(int)  # synset id
    opened = Signal(int)  # synset id

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: list[Branch] = []
        self._selected: int | None = None
        self._hovered = -1
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Vocabulary of this image")

    @property
    def lines(self) -> Sequence[Branch]:
        return self._lines

    def set_lines(self, lines: list[Branch]) -> None:
        self._lines, self._hovered = lines, -1
        self.updateGeometry()
        self.update()

    def set_selected(self, synset_id: int | None) -> None:
        self._selected = synset_id
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, _ROW * len(self._lines))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.sizeHint().height())

    def _line_at(self, event: QMouseEvent) -> Branch | None:
        row = int(event.position().y()) // _ROW
        return self._lines[row] if 0 <= row < len(self._lines) else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        line = self._line_at(event)
        if line is not None and line.tagged and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(line.synset.id)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        line = self._line_at(event)
        if line is not None:
            self.opened.emit(line.synset.id)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        line = self._line_at(event)
        self._hovered = -1 if line is None else int(event.position().y()) // _ROW
        if line is not None:
            count = line.synset.subtree_support
            images = "1 image" if count == 1 else f"{count:,} images"
            lemmas = ", ".join(line.synset.lemmas)
            self.setToolTip(
                plain_tip(f"{lemmas}\n{images}\nDouble-click: show it in the vocabulary")
            )
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        self._hovered = -1
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.tokens()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        small = QFont(self.font())
        small.setPixelSize(12)
        for i, line in enumerate(self._lines):
            row = QRectF(0, i * _ROW, self.width(), _ROW)
            if i == self._hovered:
                painter.fillRect(row, QColor(tokens.raised))
            x = _PAD + line.depth * _INDENT
            self._paint_triangle(painter, i, x, row.center().y())
            color = QColor(theme.synset_colour(line.synset.id))
            if line.synset.inner:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(color, 2))
                painter.drawRoundedRect(QRectF(x + 15, row.center().y() - 4, 8, 8), 2, 2)
            else:
                painter.setBrush(color)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.drawRoundedRect(QRectF(x + 14, row.center().y() - 5, 10, 10), 3, 3)
            font = QFont(self.font())
            font.setPixelSize(13)
            if line.synset.id == self._selected:
                font.setWeight(QFont.Weight.Bold)
            painter.setFont(font)
            painter.setPen(QColor(tokens.text if line.tagged else tokens.muted))
            count = f"{line.synset.subtree_support:,}"
            end = self.width() - _PAD - QFontMetricsF(small).horizontalAdvance(count) - 10
            room = QRectF(x + 31, row.top(), max(0.0, end - x - 31), _ROW)
            metrics = QFontMetricsF(font)
            name = metrics.elidedText(line.synset.name, Qt.TextElideMode.ElideRight, room.width())
            flags = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(room, flags, name)
            painter.setPen(QColor(tokens.muted))
            painter.setFont(small)
            others = len(line.synset.lemmas) - 1
            if others > 0 and line.synset.id == self._selected:
                more = f"+ {others} lemma{'' if others == 1 else 's'}"
                past = room.adjusted(metrics.horizontalAdvance(name) + 12, 0, 0, 0)
                if past.width() > QFontMetricsF(small).horizontalAdvance(more):
                    painter.drawText(past, flags, more)
            painter.drawText(
                row.adjusted(0, 0, -_PAD, 0), flags | Qt.AlignmentFlag.AlignRight, count
            )

    def _paint_triangle(self, painter: QPainter, i: int, x: float, middle: float) -> None:
        if i + 1 >= len(self._lines) or self._lines[i + 1].depth <= self._lines[i].depth:
            return
        pen = QPen(QColor(theme.tokens().muted), 1.4)
        painter.setPen(pen)
        painter.drawPolyline(
            [
                QRectF(x, middle - 2, 0, 0).topLeft(),
                QRectF(x + 4, middle + 2, 0, 0).topLeft(),
                QRectF(x + 8, middle - 2, 0, 0).topLeft(),
            ]
        )


class EvidenceStrip(QWidget):
    """A few images where the selected word is surest; a click goes to that image."""

    COUNT = 4
    clicked = Signal(int)  # image id

    def __init__(self, store: ThumbnailStore, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._shown: list[tuple[Image, Tag]] = []
        self._current: int | None = None
        self.setFixedHeight(72)
        self.setMouseTracking(True)
        self.setAccessibleName("Evidence")
        store.ready.connect(lambda _: self.update())

    @property
    def image_ids(self) -> list[int]:
        return [image.id for image, _ in self._shown]

    def set_evidence(self, shown: list[tuple[Image, Tag]], current: int | None) -> None:
        self._shown, self._current = shown[: self.COUNT], current
        self._store.want([image for image, _ in self._shown], "evidence")
        self.update()

    def _boxes(self) -> list[QRectF]:
        room = self.width() - 2 * _PAD + 2
        width = (room - (self.COUNT - 1) * 6) / self.COUNT
        return [QRectF(_PAD - 1 + i * (width + 6), 3, width, 64) for i in range(len(self._shown))]

    def _at(self, event: QMouseEvent) -> tuple[Image, Tag] | None:
        hits = zip(self._boxes(), self._shown, strict=True)
        return next((shown for box, shown in hits if box.contains(event.position())), None)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        found = self._at(event)
        self.setCursor(
            Qt.CursorShape.ArrowCursor if found is None else Qt.CursorShape.PointingHandCursor
        )
        if found is not None:
            image, tag = found
            score = "" if tag.score is None else f"\nscore {tag.score:.2f}"
            self.setToolTip(plain_tip(f"{image.path}{score}\nClick: go to this image"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        found = self._at(event)
        if found is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(found[0].id)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        for box, (image, _) in zip(self._boxes(), self._shown, strict=True):
            paint_thumb(painter, box, self._store.get(image))
            if image.id == self._current:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(theme.tokens().accent), 2))
                painter.drawRoundedRect(box, 5, 5)
