"""Where the image lies in the canvas: scale and offset, without any widget."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSizeF
from PySide6.QtGui import QTransform

#: Screen pixels of one image pixel at the closest zoom.
MAX_SCALE = 32.0
#: Free space around a fitted image, in screen pixels.
MARGIN = 16.0


class Viewport:
    """Maps image pixels to widget pixels: ``screen = image * scale + offset``.

    ``fitted`` says that the image follows the size of the widget until a person zooms or pans.
    """

    def __init__(self) -> None:
        self.widget = QSizeF(0, 0)
        self.image = QSizeF(0, 0)
        self.scale = 1.0
        self.offset = QPointF(0, 0)
        self.fitted = True

    def set_widget(self, width: float, height: float) -> None:
        """The widget has a new size: a fitted image fits again, another keeps its centre."""
        moved = QPointF((width - self.widget.width()) / 2, (height - self.widget.height()) / 2)
        self.widget = QSizeF(width, height)
        if self.fitted:
            self.fit()
        else:
            self.offset += moved
            self._clamp()

    def set_image(self, width: float, height: float) -> None:
        """Another image of ``width`` x ``height`` pixels: it is shown whole."""
        self.image = QSizeF(width, height)
        self.fit()

    @property
    def fit_scale(self) -> float:
        """The scale at which the whole image is seen; a small image is not blown up past 4."""
        if self.image.isEmpty() or self.widget.isEmpty():
            return 1.0
        room_x = max(1.0, self.widget.width() - 2 * MARGIN)
        room_y = max(1.0, self.widget.height() - 2 * MARGIN)
        return min(room_x / self.image.width(), room_y / self.image.height(), 4.0)

    @property
    def min_scale(self) -> float:
        return min(self.fit_scale / 2, 1.0)

    def fit(self) -> None:
        """Show the whole image, centred."""
        self.scale = self.fit_scale
        self.offset = QPointF(
            (self.widget.width() - self.image.width() * self.scale) / 2,
            (self.widget.height() - self.image.height() * self.scale) / 2,
        )
        self.fitted = True

    def zoom_at(self, point: QPointF, factor: float) -> None:
        """Zoom by ``factor``; the image pixel under ``point`` stays there, unless an edge of the
        image would leave the middle of the widget."""
        self.zoom_to(point, self.scale * factor)

    def zoom_to(self, point: QPointF, scale: float) -> None:
        """Zoom to ``scale`` screen pixels an image pixel, around ``point`` of the widget."""
        if self.image.isEmpty():
            return
        scale = min(MAX_SCALE, max(self.min_scale, scale))
        under = self.to_image(point)
        self.scale = scale
        self.offset = point - under * scale
        self.fitted = False
        self._clamp()

    def pan(self, dx: float, dy: float) -> None:
        """Move the image by ``dx``, ``dy`` screen pixels."""
        if self.image.isEmpty():
            return
        self.offset += QPointF(dx, dy)
        self.fitted = False
        self._clamp()

    def to_image(self, point: QPointF) -> QPointF:
        """Image coordinates under a point of the widget (may lie outside the image)."""
        return (point - self.offset) / self.scale

    def to_screen(self, point: QPointF) -> QPointF:
        """Where an image coordinate is in the widget."""
        return point * self.scale + self.offset

    def transform(self) -> QTransform:
        """The same mapping for a painter."""
        return QTransform(self.scale, 0, 0, self.scale, self.offset.x(), self.offset.y())

    def image_rect(self) -> QRectF:
        """The image's rectangle in the widget."""
        return QRectF(self.offset, self.image * self.scale)

    def visible(self) -> QRectF:
        """The part of the image that is seen, in image pixels."""
        seen = self.image_rect().intersected(QRectF(QPointF(0, 0), self.widget))
        return QRectF(self.to_image(seen.topLeft()), seen.size() / self.scale)

    def _clamp(self) -> None:
        """Keep the middle of the widget over the image, so that it can never be lost."""
        middle_x, middle_y = self.widget.width() / 2, self.widget.height() / 2
        width, height = self.image.width() * self.scale, self.image.height() * self.scale
        self.offset = QPointF(
            min(middle_x, max(middle_x - width, self.offset.x())),
            min(middle_y, max(middle_y - height, self.offset.y())),
        )
