"""A click cuts the heatmap at the similarity under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt

from annotator.gui.canvas.tool import Tool

if TYPE_CHECKING:
    from annotator.gui.canvas.view import CanvasView


class CutTool(Tool):
    """Sets the threshold by pointing at the edge of the thing, also while dragging."""

    name = "cut"
    cursor = Qt.CursorShape.CrossCursor

    def press(self, view: CanvasView, at: QPointF) -> None:
        view.cut_at.emit(view.viewport.to_image(at))

    def drag(self, view: CanvasView, at: QPointF) -> None:
        view.cut_at.emit(view.viewport.to_image(at))
