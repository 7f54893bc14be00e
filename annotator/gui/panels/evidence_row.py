"""A captioned row of evidence: as many images as fit, sized to fill the width."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from annotator.core.records import Tag
from annotator.gui.panels.evidence_tile import EvidenceTile, Thumbs

GAP = 8
#: Width of a tile that is aimed at, and its height as a part of the width.
AIM = 104
SHAPE = 1.08
#: Few images are shown larger: as if there were this many columns.
FEWEST = 3
#: How many tags a row can show at most; the panel asks the project for that many.
MOST = 12


def most_columns(width: int) -> int:
    """How many tiles of about the aimed-at width fill ``width`` pixels."""
    return max(1, round((width + GAP) / (AIM + GAP)))


def line_height(width: int, columns: int) -> int:
    """Height of a line of tiles in pixels, without the gap below it."""
    return max(round((width - GAP * (columns - 1)) / columns * SHAPE), 48)


class TileStrip(QWidget):
    """Tiles in columns that fill the width, in lines of one height."""

    opened = Signal(int)
    judged = Signal(str, int, int)
    left_by = Signal(int, int)  # -1 for up, 1 for down, and the column

    def __init__(self, thumbs: Thumbs, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbs = thumbs
        self._name = name
        self._captions: tuple[str, ...] = ()
        self._columns, self._lines = FEWEST, 1
        self.tags: tuple[Tag, ...] = ()
        self.tiles: list[EvidenceTile] = []

    def show_tags(self, tags: Sequence[Tag], captions: Sequence[str] = ()) -> None:
        """Show ``tags``, as many as ``set_grid`` leaves room for."""
        self.tags = tuple(tags[:MOST])
        self._captions = tuple(captions[:MOST])
        self._arrange()

    def set_grid(self, columns: int, lines: int) -> None:
        """How many tiles stand side by side, and in how many lines."""
        self._columns, self._lines = columns, lines
        self._arrange()

    def shown(self) -> list[EvidenceTile]:
        """The tiles that are in use, from left to right."""
        return [tile for tile in self.tiles if not tile.isHidden()]

    def _arrange(self) -> None:
        columns, lines = self._columns, self._lines
        width = (self.width() - GAP * (columns - 1)) / columns
        height = (self.height() - GAP * (lines - 1)) // lines
        count = min(columns * lines, len(self.tags))
        for place in range(max(count, len(self.tiles))):
            if place >= len(self.tiles):
                self.tiles.append(self._new_tile())
            tile = self.tiles[place]
            if place >= count:
                tile.hide()
                continue
            line, column = divmod(place, columns)
            left, top = round(column * (width + GAP)), line * (height + GAP)
            tile.setGeometry(QRect(left, top, round(width), height))
            caption = self._captions[place] if place < len(self._captions) else ""
            tag = self.tags[place]
            if tile.show_tag(tag, caption) or not tile.loaded:
                key = f"evidence-{self._name}-{place}"
                self._thumbs.get(tag.image_id, tile.show_picture, key)
            tile.show()

    def _new_tile(self) -> EvidenceTile:
        tile = EvidenceTile(self)
        tile.opened.connect(self.opened)
        tile.judged.connect(self.judged)
        return tile

    def focus(self, column: int) -> bool:
        """Give the tile of a column, or the last one, the keyboard."""
        tiles = self.shown()
        if not tiles:
            return False
        tiles[min(column, len(tiles) - 1)].setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        tiles = self.shown()
        at = next((i for i, tile in enumerate(tiles) if tile.hasFocus()), None)
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        jump = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if at is not None and step is not None:
            tiles[min(max(at + step, 0), len(tiles) - 1)].setFocus()
        elif at is not None and jump is not None:
            columns = self._columns
            if 0 <= at + jump * columns < len(tiles):
                tiles[at + jump * columns].setFocus()
            else:
                self.left_by.emit(jump, at % columns)
        else:
            super().keyPressEvent(event)


class EvidenceRow(QWidget):
    """Caption, strip of tiles, and a line that says why there are none."""

    def __init__(self, caption: str, thumbs: Thumbs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.caption = QLabel(caption.upper(), self)
        self.caption.setObjectName("heading")
        self.strip = TileStrip(thumbs, caption, self)
        self.nothing = QLabel(self)
        self.nothing.setObjectName("hint")
        self.nothing.setWordWrap(True)
        self.nothing.setTextFormat(Qt.TextFormat.PlainText)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(GAP)
        for part in (self.caption, self.strip, self.nothing):
            box.addWidget(part)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_tags(
        self, tags: Sequence[Tag], nothing: str = "", captions: Sequence[str] = ()
    ) -> None:
        """Show tags, or ``nothing`` in words where there are none."""
        self.nothing.setText(nothing)
        self.nothing.setVisible(not tags and bool(nothing))
        self.strip.setVisible(bool(tags))
        self.strip.show_tags(tags, captions)

    def set_grid(self, width: int, columns: int, lines: int) -> None:
        """Fix the strip's height for so many columns and lines of a panel of that width."""
        self.strip.setFixedHeight(lines * (line_height(width, columns) + GAP) - GAP)
        self.strip.set_grid(columns, lines)

    def height_of_words(self, width: int) -> int:
        """Height of the row without its images."""
        under = 0 if self.strip.tags else self.nothing.heightForWidth(width)
        return self.caption.sizeHint().height() + GAP + under
