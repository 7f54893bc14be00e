"""What a mouse button does on the canvas. One tool a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QCursor

if TYPE_CHECKING:
    from annotator.gui.canvas.view import CanvasView


class Tool:
    """A tool gets the positions of the pointer in widget pixels, from press to release of the left
    button. ``rapid``: a second quick click is a click like the first, and does not zoom."""

    name = ""
    cursor: Qt.CursorShape | QCursor = Qt.CursorShape.ArrowCursor
    rapid = False

    def press(self, view: CanvasView, at: QPointF) -> None:
        """The button went down."""

    def drag(self, view: CanvasView, at: QPointF) -> None:
        """The pointer moved with the button down."""

    def release(self, view: CanvasView, at: QPointF) -> None:
        """The button came up."""

    def press_other(self, view: CanvasView, at: QPointF) -> None:
        """The right button went down."""

    def hover(self, view: CanvasView, at: QPointF) -> None:
        """The pointer moved with no button down."""

    def leave(self, view: CanvasView) -> None:
        """Another tool takes its place, maybe in the middle of a drag."""
