"""A rectangle around the thing; a right click says what does not belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF

from annotator.gui.canvas.cursors import cross
from annotator.gui.canvas.tool import Tool

if TYPE_CHECKING:
    from annotator.gui.canvas.view import CanvasView

#: Pixels of the screen a box has at least in both directions: less is a slip of the hand.
_LEAST = 4.0


class BoxTool(Tool):
    """The box follows the pointer and counts when the button comes up."""

    name = "box"
    rapid = True

    def __init__(self) -> None:
        self.cursor = cross("□")
        self._from: QPointF | None = None

    def press(self, view: CanvasView, at: QPointF) -> None:
        self._from = view.viewport.to_image(at)

    def drag(self, view: CanvasView, at: QPointF) -> None:
        if self._from is not None:
            view.prompts.drawn = self._box(view, at)
            view.update()

    def release(self, view: CanvasView, at: QPointF) -> None:
        if self._from is None:
            return
        box = self._box(view, at)
        self.leave(view)
        scale = view.viewport.scale
        if min(box.width(), box.height()) * scale >= _LEAST:
            view.box_drawn.emit(box)

    def press_other(self, view: CanvasView, at: QPointF) -> None:
        point = view.viewport.to_image(at)
        if QRectF(QPointF(0, 0), view.viewport.image).contains(point):
            view.point_added.emit(point, False)

    def leave(self, view: CanvasView) -> None:
        self._from = None
        view.prompts.drawn = None
        view.update()

    def _box(self, view: CanvasView, at: QPointF) -> QRectF:
        """From the press to the pointer, inside the image, in image pixels."""
        assert self._from is not None
        box = QRectF(self._from, view.viewport.to_image(at)).normalized()
        return box.intersected(QRectF(QPointF(0, 0), view.viewport.image))
