"""A decoded picture, ready to be drawn at any zoom. Made in a worker thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter

from annotator.gui.canvas.viewport import Viewport

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Levels get no smaller than this edge: below it drawing is cheap anyway.
_SMALLEST_EDGE = 512
#: From this many screen pixels an image pixel on, pixels are shown as squares.
_SQUARES_FROM = 3.0
#: Pictures up to this many pixels are kept in the format that draws fastest (4 bytes a pixel).
_FAST_PIXELS = 12_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture and its halvings. ``levels[k]`` is 2**k times smaller than ``levels[0]``.

    ``data``: H x W x 3 bytes, RGB; ``levels[0]`` of a big picture borrows its memory.
    """

    levels: tuple[QImage, ...]
    data: bytearray

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """uint8[H, W, 3], RGB, what models are given; a view of ``data``. numpy takes 0.1 s to
        import, which the first image on screen does not wait for."""
        import numpy as np

        return np.frombuffer(self.data, np.uint8).reshape(self.height, self.width, 3)

    @property
    def width(self) -> int:
        return self.levels[0].width()

    @property
    def height(self) -> int:
        return self.levels[0].height()

    @property
    def cost(self) -> int:
        """Bytes in memory, at most."""
        return sum(level.sizeInBytes() for level in self.levels) + len(self.data)

    def level_for(self, scale: float) -> int:
        """The smallest level that still has a pixel for each screen pixel at ``scale``."""
        level = 0
        while level + 1 < len(self.levels) and scale * 2 ** (level + 1) <= 1.0:
            level += 1
        return level

    def paint(self, painter: QPainter, viewport: Viewport, device_ratio: float = 1.0) -> None:
        """Draw the part that is seen, from the level that fits the zoom."""
        seen = viewport.visible()
        if seen.isEmpty():
            return
        scale = viewport.scale * device_ratio
        image = self.levels[self.level_for(scale)]
        # Whole pixels at the borders, or the image would swim under its masks while panning.
        left, top = max(0, int(seen.left()) - 1), max(0, int(seen.top()) - 1)
        right = min(self.width, int(seen.right()) + 2)
        bottom = min(self.height, int(seen.bottom()) + 2)
        source = QRectF(left, top, right - left, bottom - top)
        target = viewport.transform().mapRect(source)
        ratio_x, ratio_y = image.width() / self.width, image.height() / self.height
        part = QRectF(
            source.x() * ratio_x,
            source.y() * ratio_y,
            source.width() * ratio_x,
            source.height() * ratio_y,
        )
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < _SQUARES_FROM)
        painter.drawImage(target, image, part)


def frame_of(width: int, height: int, data: bytearray) -> Frame:
    """Frame of a decoded picture: RGB bytes, row after row."""
    borrowed = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888)
    if width * height <= _FAST_PIXELS:
        return Frame(_halvings(borrowed.convertToFormat(QImage.Format.Format_RGB32)), data)
    return Frame(_halvings(borrowed), data)


def _halvings(image: QImage) -> tuple[QImage, ...]:
    levels = [image]
    while max(levels[-1].width(), levels[-1].height()) > 2 * _SMALLEST_EDGE:
        last = levels[-1]
        half = QSize(max(1, last.width() // 2), max(1, last.height() // 2))
        levels.append(
            last.scaled(
                half,
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            ).convertToFormat(QImage.Format.Format_RGB32)
        )
    return tuple(levels)
