"""Moves the image under the pointer (Space and drag, or the middle button)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt

from annotator.gui.canvas.tool import Tool

if TYPE_CHECKING:
    from annotator.gui.canvas.view import CanvasView


class PanTool(Tool):
    """The image follows the pointer."""

    name = "pan"
    cursor = Qt.CursorShape.OpenHandCursor

    def __init__(self) -> None:
        self._last: QPointF | None = None

    def press(self, view: CanvasView, at: QPointF) -> None:
        self._last = at

    def drag(self, view: CanvasView, at: QPointF) -> None:
        if self._last is not None:
            view.pan(at.x() - self._last.x(), at.y() - self._last.y())
            self._last = at

    def release(self, view: CanvasView, at: QPointF) -> None:
        self._last = None
