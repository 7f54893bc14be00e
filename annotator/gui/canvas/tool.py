"""What a mouse button does on the canvas. One tool a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt

if TYPE_CHECKING:
    from annotator.gui.canvas.view import CanvasView


class Tool:
    """A tool gets the positions of the pointer in widget pixels, from press to release."""

    name = ""
    cursor = Qt.CursorShape.ArrowCursor

    def press(self, view: CanvasView, at: QPointF) -> None:
        """The button went down."""

    def drag(self, view: CanvasView, at: QPointF) -> None:
        """The pointer moved with the button down."""

    def release(self, view: CanvasView, at: QPointF) -> None:
        """The button came up."""

    def hover(self, view: CanvasView, at: QPointF) -> None:
        """The pointer moved with no button down."""
