"""Below the canvas: heatmap, threshold, opacity, keep or drop; and what is under the pointer."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from annotator.gui.canvas.shapes import Heat
from annotator.gui.elided_label import ElidedLabel
from annotator.gui.item_models.tags import area_words, number_words
from annotator.gui.key_button import KeyButton
from annotator.gui.panels.canvas_bar_heat import HeatSlider
from annotator.gui.words import plain_tip

#: Most pixels for the name of the tag whose mask is shown, and for the image's path.
_NAME, _FILE = 160, 280
#: Pixels that everything else in the lower row needs; the button that takes a click back.
_BESIDE_NAME, _BACK = 330, 104
#: Widths from which there is room for opacity, for the word beside it and for smoothing, while a
#: mask waits.
_NARROW, _WIDE, _WIDEST = 520, 580, 680


class CanvasBar(QFrame):
    """Says and asks; the view decides."""

    heat_toggled = Signal(bool)
    smooth_toggled = Signal(bool)
    threshold_changed = Signal(float)
    opacity_changed = Signal(float)
    keep_clicked = Signal()
    drop_clicked = Signal()
    back_clicked = Signal()
    fit_clicked = Signal()
    actual_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvasBar")
        self._heat: Heat | None = None
        self._size = (0, 0)
        self._name = ""
        self._pointer: QPointF | None = None
        self._note = ""
        self._kept: tuple[str, int] | None = None  # name and pixels of the mask that waits
        self._clicked = False

        self.heat = KeyButton("Heat", "H", checkable=True)
        self.heat.setToolTip("Show how similar each pixel is to the selected tag")
        self.heat.clicked.connect(self.heat_toggled)
        self.smooth = KeyButton("Smooth", "S", checkable=True)
        self.smooth.setToolTip("Draw the heatmap along the edges of the image (PAMR)")
        self.smooth.clicked.connect(self.smooth_toggled)
        self.threshold = HeatSlider()
        self.threshold.setToolTip("Cut the heatmap at this similarity ([ and ] move it)")
        self.threshold.moved.connect(self._threshold_moved)
        self._value = _label("number", 40)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.opacity.setFixedWidth(96)
        self.opacity.setAccessibleName("Opacity of the heatmap and the masks")
        self.opacity.setToolTip("Opacity of the heatmap and the masks")
        self.opacity.valueChanged.connect(lambda v: self.opacity_changed.emit(v / 100))
        self._mask = QLabel()
        self.keep = KeyButton("Keep", "Enter")
        self.keep.setToolTip("Keep this mask as an accepted region")
        self.keep.clicked.connect(self.keep_clicked)
        self.drop = KeyButton("Drop", "Esc")
        self.drop.setToolTip("Drop this mask")
        self.drop.clicked.connect(self.drop_clicked)
        self.back = KeyButton("Undo click", "⌫", small=True)
        self.back.setToolTip("Take the last click back (Backspace or Ctrl+Z)")
        self.back.clicked.connect(self.back_clicked)
        self.back.hide()

        self._opacity_word = _muted("Opacity")
        upper = QHBoxLayout()
        upper.setSpacing(8)
        upper.addWidget(self.heat)
        upper.addWidget(self.smooth)
        upper.addWidget(self.threshold, 1)
        upper.addWidget(self._value)
        upper.addWidget(self._opacity_word)
        upper.addWidget(self.opacity)
        upper.addWidget(self.keep)
        upper.addWidget(self.drop)

        self._below = ElidedLabel()
        self._below.setObjectName("muted")
        self._below.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._zoom = _muted("")
        self.fit = KeyButton("Fit", "F", small=True)
        self.fit.clicked.connect(self.fit_clicked)
        self.actual = KeyButton("100 %", "1:1", small=True)
        self.actual.setToolTip("One image pixel on one pixel of the screen (double-click)")
        self.actual.clicked.connect(self.actual_clicked)
        lower = QHBoxLayout()
        lower.setSpacing(8)
        lower.addWidget(self._mask)
        lower.addWidget(self.back)
        lower.addWidget(self._below, 1)
        lower.addWidget(self._zoom)
        lower.addWidget(self.fit)
        lower.addWidget(self.actual)

        rows = QVBoxLayout(self)
        rows.setContentsMargins(12, 6, 12, 6)
        rows.setSpacing(2)
        rows.addLayout(upper)
        rows.addLayout(lower)
        self.set_preview("", None)
        self.set_heat(None, 0.0)
        self.set_image("", 0, 0)

    def sizeHint(self) -> QSize:
        return QSize(720, super().sizeHint().height())

    def set_heat_on(self, on: bool) -> None:
        self.heat.setChecked(on)

    def set_smooth(self, on: bool) -> None:
        self.smooth.setChecked(on)

    def set_clicks(self, there: bool) -> None:
        """Whether there is a click that can be taken back."""
        self._clicked = there
        self.back.setVisible(there)
        self._fit_words()

    def set_opacity(self, opacity: float) -> None:
        self.opacity.setValue(round(opacity * 100))

    def set_heat(self, heat: Heat | None, threshold: float) -> None:
        """The map that is shown, or none."""
        self._heat = heat
        if heat is None:
            self.threshold.set_nothing()
            self._value.setText("")
        else:
            self.threshold.set_map(heat.low, heat.high, threshold)
            self._value.setText(number_words(threshold, 3))
        self._tell()

    def set_preview(self, name: str, area: int | None) -> None:
        """The mask that Enter would keep: the tag's name and pixels; None while there is none."""
        self._kept = None if area is None else (name, area)
        for part in (self._mask, self.keep, self.drop):
            part.setVisible(area is not None)
        self._fit_words()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_words()

    def _fit_words(self) -> None:
        """Where not everything fits, keeping a mask comes before how it is shown."""
        keeping = self._kept is not None
        self._opacity_word.setVisible(self.width() >= (_WIDE if keeping else _NARROW))
        self.opacity.setVisible(not keeping or self.width() >= _NARROW)
        self.smooth.setVisible(self.width() >= (_WIDEST if keeping else _NARROW))
        if self._kept is not None:
            name, area = self._kept
            beside = _BESIDE_NAME + (_BACK if self._clicked else 0)
            room = min(_NAME, max(0, self.width() - beside))
            short = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, room)
            bold = f"<b>{escape(short)}</b>&nbsp; " if short.strip("…") else ""
            self._mask.setText(bold + area_words(area))
            self._mask.setToolTip(plain_tip(name))

    def set_note(self, note: str) -> None:
        """What is going on, e.g. that a model is being loaded; empty when nothing is."""
        self._note = note
        self._tell()

    @property
    def note(self) -> str:
        return self._note

    def set_image(self, name: str, width: int, height: int) -> None:
        """Path and pixels of the image that is shown; 0 pixels where there is none."""
        self._name, self._size = name, (width, height)
        for part in (self.heat, self.smooth, self.fit, self.actual, self.opacity):
            part.setEnabled(bool(width))
        self._zoom.setVisible(bool(width))
        self._tell()

    def set_pointer(self, at: QPointF | None) -> None:
        """Where the pointer is, in image pixels."""
        self._pointer = at
        self._tell()

    def set_zoom(self, scale: float) -> None:
        self._zoom.setText(f"{scale * 100:.0f} %" if scale >= 0.1 else f"{scale * 100:.1f} %")

    @property
    def below(self) -> str:
        """The line of facts, as shown."""
        return self._below.text()

    def _threshold_moved(self, value: float) -> None:
        self._value.setText(number_words(value, 3))
        self.threshold_changed.emit(value)

    def _tell(self) -> None:
        width, height = self._size
        facts = [self._note] if self._note else []
        if width and self._pointer is not None:
            x, y = int(self._pointer.x()), int(self._pointer.y())
            facts.append(f"x {x}, y {y}")
            if self._heat is not None:
                value = self._heat.at(self._pointer.x() / width, self._pointer.y() / height)
                facts.append(f"similarity {number_words(value, 3)}")
        elif width:
            # The end of a name tells apart what a camera named: it stays.
            mode = Qt.TextElideMode.ElideMiddle
            facts.append(self.fontMetrics().elidedText(self._name, mode, _FILE))
            if not self._note:
                facts.append(f"{width} × {height} px")
            if self._heat is not None:
                facts.append(
                    "similarity {} to {}".format(
                        *map(number_words, (self._heat.low, self._heat.high))
                    )
                )
        self._below.setText("   ·   ".join(facts))


def _label(name: str, width: int) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setFixedWidth(width)
    return label


def _muted(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("muted")
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
