"""Masks and heatmaps turned into what the canvas draws. Called in worker threads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF
from PySide6.QtGui import QImage, QPainterPath, QPolygonF

from annotator.gui.canvas.layers import Outline

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Bools = NDArray[np.bool_]

#: Masks are traced on a grid of at most so many cells; a larger one is traced coarser.
_TRACED_CELLS = 6_000_000
#: Outlines are kept this precisely, in image pixels: the finest, and coarser ones for when the
#: image is seen from afar, where they are many times faster to draw and look the same.
_DETAILS = (0.5, 2.0, 8.0)
#: An enlarged heatmap has at most this many pixels on its longer side.
_HEAT_EDGE = 512


def outline(mask: Bools) -> Outline:
    """The outline of a mask bool[H, W] along the edges of its pixels, holes included, in image
    pixels. Steps below half a pixel are smoothed away."""
    import cv2
    import numpy as np

    solid = np.ascontiguousarray(mask, dtype=np.uint8)
    left, top, width, height = cv2.boundingRect(solid)
    if width == 0 or height == 0:
        return Outline(((0.0, QPainterPath()),))
    solid = solid[top : top + height, left : left + width]
    # Thrice as fine a grid: OpenCV runs through cell centres, a sixth of a pixel off instead of
    # a half, and parts one pixel thin enclose something.
    finer = 3.0 if 9 * width * height <= _TRACED_CELLS else 1.0
    while finer * finer * width * height > _TRACED_CELLS:
        finer /= 2
    size = (max(1, round(width * finer)), max(1, round(height * finer)))
    grid = cv2.resize(solid, size, interpolation=cv2.INTER_NEAREST)
    # A border of nothing: else an outline at the image's edge would stop half a cell inside.
    grid = cv2.copyMakeBorder(grid, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    rings, _ = cv2.findContours(grid, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    step_x, step_y = width / size[0], height / size[1]
    details = []
    for coarse in _DETAILS:
        path = QPainterPath()
        for ring in rings:
            points = cv2.approxPolyDP(ring, max(0.5, coarse * finer), True).reshape(-1, 2)
            if len(points) < 3:
                continue
            corners = [
                QPointF((x - 0.5) * step_x + left, (y - 0.5) * step_y + top)
                for x, y in points.tolist()
            ]
            path.addPolygon(QPolygonF([*corners, corners[0]]))
        details.append((coarse, path))
    return Outline(tuple(details))


def value_range(heat: Floats) -> tuple[float, float]:
    """Smallest and largest similarity of a map, never equal, so that a slider has room."""
    low, high = float(heat.min()), float(heat.max())
    return (low, high) if high > low else (low, low + 1e-6)


@dataclass(frozen=True, slots=True)
class Heat:
    """A heatmap as shown: raw similarities float32[h, w] and their picture."""

    values: Floats
    low: float
    high: float
    picture: QImage

    def at(self, x: float, y: float) -> float:
        """Similarity at a place given as fractions of the image, between cells linearly."""
        rows, columns = self.values.shape
        fy = min(max(y * rows - 0.5, 0.0), rows - 1.0)
        fx = min(max(x * columns - 0.5, 0.0), columns - 1.0)
        top, left = min(int(fy), rows - 1), min(int(fx), columns - 1)
        low, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
        wy, wx = fy - top, fx - left
        upper = self.values[top, left] * (1 - wx) + self.values[top, right] * wx
        lower = self.values[low, left] * (1 - wx) + self.values[low, right] * wx
        return float(upper * (1 - wy) + lower * wy)


def heat_picture(values: Floats, colors: Sequence[int]) -> Heat:
    """Colour raw similarities float32[h, w], from the map's own smallest to its largest value.

    ``colors``: 256 values 0xAARRGGBB, coldest first. The map is enlarged before it is coloured:
    a mixture of two colours of the scale need not be on the scale.
    """
    import cv2
    import numpy as np

    low, high = value_range(values)
    rows, columns = values.shape
    factor = max(1.0, _HEAT_EDGE / max(rows, columns))
    size = (round(columns * factor), round(rows * factor))
    large = cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)
    steps = np.clip((large - low) / (high - low) * 255.0, 0, 255).astype(np.uint8)
    table = np.asarray(colors, dtype=np.uint32)
    pixels = np.ascontiguousarray(table[steps])
    picture = QImage(
        pixels.data, size[0], size[1], 4 * size[0], QImage.Format.Format_ARGB32
    ).convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
    return Heat(values, low, high, picture)
