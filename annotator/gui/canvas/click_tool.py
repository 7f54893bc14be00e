"""A left click says what belongs to the thing, a right click what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF

from annotator.gui.canvas.cursors import cross
from annotator.gui.canvas.tool import Tool

if TYPE_CHECKING:
    from annotator.gui.canvas.view import CanvasView


class ClickTool(Tool):
    """Points for the Refiner; each counts when the button goes down."""

    name = "click"
    rapid = True

    def __init__(self) -> None:
        self.cursor = cross("±")

    def press(self, view: CanvasView, at: QPointF) -> None:
        _tell(view, at, True)

    def press_other(self, view: CanvasView, at: QPointF) -> None:
        _tell(view, at, False)


def _tell(view: CanvasView, at: QPointF, inside: bool) -> None:
    point = view.viewport.to_image(at)
    if QRectF(QPointF(0, 0), view.viewport.image).contains(point):
        view.point_added.emit(point, inside)
