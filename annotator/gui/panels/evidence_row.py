"""A captioned row of evidence: as many images as fit, sized to fill the width."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from annotator.core.records import Tag
from annotator.gui.panels.evidence_tile import EvidenceTile, Thumbs

GAP = 8
SMALLEST = 96
LARGEST = 190
#: How many tags a row can show at most; the panel asks the project for that many.
MOST = 12


class TileStrip(QWidget):
    """Tiles side by side. Their width fills the strip, their height is the strip's."""

    opened = Signal(int)
    judged = Signal(str, int, int)
    left_by = Signal(int, int)  # -1 for up, 1 for down, and the column

    def __init__(self, thumbs: Thumbs, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbs = thumbs
        self._name = name
        self._tags: tuple[Tag, ...] = ()
        self._captions: tuple[str, ...] = ()
        self.tiles: list[EvidenceTile] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(300, 112)

    def minimumSizeHint(self) -> QSize:
        return QSize(SMALLEST, SMALLEST - 16)

    def show_tags(self, tags: Sequence[Tag], captions: Sequence[str] = ()) -> None:
        """Show the first of ``tags``, as many as fit."""
        self._tags = tuple(tags[:MOST])
        self._captions = tuple(captions[:MOST])
        self._arrange()

    def columns(self) -> int:
        """How many tiles fit side by side at about the strip's height."""
        side = min(max(self.height(), SMALLEST), LARGEST)
        return max(1, round((self.width() + GAP) / (side + GAP)))

    def shown(self) -> list[EvidenceTile]:
        """The tiles that are in use, from left to right."""
        return [tile for tile in self.tiles if not tile.isHidden()]

    def _arrange(self) -> None:
        columns = self.columns()
        width = (self.width() - GAP * (columns - 1)) / columns
        height = min(self.height(), int(width * 1.15))
        for column in range(max(min(columns, len(self._tags)), len(self.tiles))):
            if column >= len(self.tiles):
                self.tiles.append(self._new_tile())
            tile = self.tiles[column]
            if column >= min(columns, len(self._tags)):
                tile.hide()
                continue
            left = round(column * (width + GAP))
            tile.setGeometry(QRect(left, 0, round(width), height))
            caption = self._captions[column] if column < len(self._captions) else ""
            tag = self._tags[column]
            if tile.show_tag(tag, caption) or not tile.loaded:
                key = f"evidence-{self._name}-{column}"
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
            self.left_by.emit(jump, at)
        else:
            super().keyPressEvent(event)


class EvidenceRow(QWidget):
    """Caption, strip of tiles, and a line that says why there are none."""

    def __init__(self, caption: str, thumbs: Thumbs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.caption = QLabel(caption.upper(), self)
        self.caption.setObjectName("caption")
        self.strip = TileStrip(thumbs, caption, self)
        self.nothing = QLabel(self)
        self.nothing.setObjectName("hint")
        self.nothing.setWordWrap(True)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addWidget(self.caption)
        box.addWidget(self.strip, 1)
        box.addWidget(self.nothing)

    def show_tags(
        self, tags: Sequence[Tag], nothing: str = "", captions: Sequence[str] = ()
    ) -> None:
        """Show tags, or ``nothing`` in words where there are none."""
        self.nothing.setText(nothing)
        self.nothing.setVisible(not tags and bool(nothing))
        self.strip.setVisible(bool(tags))
        policy = QSizePolicy.Policy.Expanding if tags else QSizePolicy.Policy.Maximum
        self.setSizePolicy(QSizePolicy.Policy.Expanding, policy)
        self.strip.show_tags(tags, captions)
