"""A click selects the mask under the pointer; a drag moves the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

from annotator.gui.canvas.pan_tool import PanTool
from annotator.gui.canvas.tool import Tool

if TYPE_CHECKING:
    from annotator.gui.canvas.view import CanvasView


class SelectTool(Tool):
    """The tool of the hand at rest."""

    name = "select"

    def __init__(self) -> None:
        self._from: QPointF | None = None
        self._pan = PanTool()
        self._dragging = False

    def press(self, view: CanvasView, at: QPointF) -> None:
        self._from, self._dragging = at, False
        self._pan.press(view, at)

    def drag(self, view: CanvasView, at: QPointF) -> None:
        if self._from is None:
            return
        way = (at - self._from).manhattanLength()
        self._dragging = self._dragging or way >= QApplication.startDragDistance()
        if self._dragging:
            self._pan.drag(view, at)

    def release(self, view: CanvasView, at: QPointF) -> None:
        if self._from is not None and not self._dragging:
            shape = view.regions.at(view.viewport.to_image(at))
            view.region_clicked.emit(None if shape is None else shape.id)
        self._from = None
        self._pan.release(view, at)

    def hover(self, view: CanvasView, at: QPointF) -> None:
        shape = view.regions.at(view.viewport.to_image(at))
        view.region_hovered.emit(None if shape is None else shape.id)
