"""The canvas: shows one image with its layers, zooms, pans and hands clicks to a tool."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFont,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from annotator.gui import theme
from annotator.gui.canvas.frame import Frame
from annotator.gui.canvas.layers import HeatLayer, PreviewLayer, RegionsLayer
from annotator.gui.canvas.pan_tool import PanTool
from annotator.gui.canvas.prompts_layer import PromptsLayer
from annotator.gui.canvas.select_tool import SelectTool
from annotator.gui.canvas.tool import Tool
from annotator.gui.canvas.viewport import Viewport

#: "Loading" is said only when it takes longer than this, in milliseconds.
LOADING_AFTER = 150
#: One notch of a wheel (120 units of angle) zooms by this factor.
_NOTCH = 1.25


class CanvasView(QWidget):
    """Draws what it is given; it decides nothing and knows no project."""

    zoomed = Signal(float)  # screen pixels an image pixel
    pointer_moved = Signal(object)  # QPointF in image pixels, or None outside of the image
    region_clicked = Signal(object)  # region id | None
    region_hovered = Signal(object)  # region id | None
    cut_at = Signal(QPointF)  # image pixels
    point_added = Signal(QPointF, bool)  # image pixels, whether it is inside the thing
    box_drawn = Signal(QRectF)  # image pixels
    image_painted = Signal()  # once for each image, after it was really drawn
    tool_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewport = Viewport()
        self.frame: Frame | None = None
        self.heat = HeatLayer()
        self.regions = RegionsLayer()
        self.preview = PreviewLayer()
        self.prompts = PromptsLayer()
        self.background = QColor("#111317")
        self._title, self._detail, self._is_error = "", "", False
        self._painted = False
        self._select: Tool = SelectTool()
        self._tool: Tool = self._select
        self._pan = PanTool()
        self._active: Tool | None = None
        self._button = Qt.MouseButton.NoButton  # the one that the active tool follows
        self._space = False
        self._loading = QTimer(self)
        self._loading.setSingleShot(True)
        self._loading.setInterval(LOADING_AFTER)
        self._loading.timeout.connect(self._say_loading)
        self._loading_name = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Image")

    def sizeHint(self) -> QSize:
        return QSize(800, 700)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, 200)

    # ---- what is shown -------------------------------------------------------------------

    def show_loading(self, name: str) -> None:
        """Another image is on its way: the old one stays for a moment, then a word says so."""
        self._loading_name = name
        self._clear_layers()
        self._loading.start()
        self.update()

    def show_frame(self, frame: Frame) -> None:
        """Show a picture, whole; a picture of the same size keeps the zoom."""
        self._loading.stop()
        same = self.frame is not None and (self.frame.width, self.frame.height) == (
            frame.width,
            frame.height,
        )
        self.frame, self._painted = frame, False
        self._title = self._detail = ""
        if not same or self.viewport.fitted:
            self.viewport.set_image(frame.width, frame.height)
        self.zoomed.emit(self.viewport.scale)
        self.update()

    def show_message(self, title: str, detail: str = "", *, error: bool = False) -> None:
        """No picture: say what is missing and what to do."""
        self._loading.stop()
        self.frame = None
        self._clear_layers()
        self._title, self._detail, self._is_error = title, detail, error
        self.pointer_moved.emit(None)
        self.update()

    @property
    def message(self) -> str:
        """What is said in place of a picture, on one line."""
        return " ".join(part for part in (self._title, self._detail) if part)

    def _say_loading(self) -> None:
        self.show_message("Loading…", self._loading_name)

    def _clear_layers(self) -> None:
        self.heat.image = None
        self.preview.outline = None
        self.prompts.points, self.prompts.box = (), None
        self.prompts.drawn = self.prompts.peak = None
        self.regions.shapes = ()
        self.regions.hovered = self.regions.selected = None

    # ---- zoom and pan --------------------------------------------------------------------

    def pan(self, dx: float, dy: float) -> None:
        self.viewport.pan(dx, dy)
        self.update()

    def fit(self) -> None:
        self.viewport.fit()
        self._zoom_changed()

    def zoom_at(self, point: QPointF, factor: float) -> None:
        self.viewport.zoom_at(point, factor)
        self._zoom_changed()

    def zoom_by(self, factor: float) -> None:
        """Zoom around the middle of the canvas."""
        self.zoom_at(QPointF(self.width() / 2, self.height() / 2), factor)

    def actual_size(self, point: QPointF | None = None) -> None:
        """100 %: one image pixel on one pixel of the display."""
        middle = QPointF(self.width() / 2, self.height() / 2)
        self.viewport.zoom_to(point or middle, 1.0 / self.devicePixelRatioF())
        self._zoom_changed()

    def _zoom_changed(self) -> None:
        self.zoomed.emit(self.viewport.scale)
        self.update()

    # ---- tools ---------------------------------------------------------------------------

    def set_tool(self, tool: Tool | None) -> None:
        """Another tool for the left button; None is the select tool."""
        self._tool.leave(self)
        self._tool = tool or self._select
        self._show_cursor()
        self.tool_changed.emit(self._tool.name)

    @property
    def tool(self) -> Tool:
        return self._tool

    def hold_to_pan(self, held: bool) -> None:
        """While held (the Space bar), the left button moves the image."""
        self._space = held
        self._show_cursor()

    def _show_cursor(self) -> None:
        if isinstance(self._active, PanTool):
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        else:
            self.setCursor(self._pan.cursor if self._space else self._tool.cursor)

    # ---- events --------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.frame is None:
            return
        button = event.button()
        if button == Qt.MouseButton.RightButton:
            self._tool.press_other(self, event.position())
        if self._active is not None or button not in (
            Qt.MouseButton.LeftButton,
            Qt.MouseButton.MiddleButton,
        ):
            return
        moving = button == Qt.MouseButton.MiddleButton or self._space
        self._active = self._pan if moving else self._tool
        self._button = button
        self._active.press(self, event.position())
        self._show_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.frame is None:
            return
        self._tell_pointer(event.position())
        if self._active is not None:
            self._active.drag(self, event.position())
        else:
            self._tool.hover(self, event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._active is not None and event.button() == self._button:
            self._active.release(self, event.position())
            self._active = None
            self._show_cursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self.frame is None:
            self.mousePressEvent(event)
            return
        if self._tool.rapid or self._space:
            self.mousePressEvent(event)
            return
        if self.viewport.fitted:
            self.actual_size(event.position())
        else:
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta, fine = event.angleDelta(), event.pixelDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_at(event.position(), _NOTCH ** (delta.y() / 120))
        elif not fine.isNull():
            self.pan(fine.x(), fine.y())
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.pan((delta.y() or delta.x()) / 2, 0)
        else:
            self.pan(delta.x() / 2, delta.y() / 2)
        event.accept()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and (
            event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture
        ):
            self.zoom_at(event.position(), 1.0 + event.value())
            return True
        return super().event(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        event.ignore()

    def enterEvent(self, event: QEnterEvent) -> None:
        self._show_cursor()

    def leaveEvent(self, event: QEvent) -> None:
        self.pointer_moved.emit(None)
        if self.regions.hovered is not None:
            self.region_hovered.emit(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.viewport.set_widget(self.width(), self.height())
        self.zoomed.emit(self.viewport.scale)

    def _tell_pointer(self, at: QPointF) -> None:
        point = self.viewport.to_image(at)
        inside = QRectF(QPointF(0, 0), self.viewport.image).contains(point)
        self.pointer_moved.emit(point if inside else None)

    # ---- painting ------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), self.background)
        if self.frame is None:
            self._paint_message(painter)
            return
        self.frame.paint(painter, self.viewport, self.devicePixelRatioF())
        for layer in (self.heat, self.regions, self.preview, self.prompts):
            layer.paint(painter, self.viewport)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self, self.image_painted.emit)

    def _paint_message(self, painter: QPainter) -> None:
        room = QRectF(self.rect()).adjusted(32, 0, -32, 0)
        middle = room.center().y()
        font = QFont(self.font())
        font.setPixelSize(15)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        palette = self.palette()
        title = (
            QColor(theme.tokens().no) if self._is_error else palette.color(QPalette.ColorRole.Text)
        )
        painter.setPen(title)
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom
        upper = QRectF(room.x(), middle - 60, room.width(), 56)
        painter.drawText(upper, flags | Qt.TextFlag.TextWordWrap, self._title)
        font.setPixelSize(13)
        font.setWeight(QFont.Weight.Normal)
        painter.setFont(font)
        painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        lower = QRectF(room.x(), middle + 4, room.width(), 160)
        painter.drawText(lower, flags | Qt.TextFlag.TextWordWrap, self._detail)
