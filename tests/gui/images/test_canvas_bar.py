from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from annotator.gui import theme
from annotator.gui.canvas.shapes import heat_picture
from annotator.gui.elided_label import ElidedLabel
from annotator.gui.panels.canvas_bar import CanvasBar

LONG = "a photograph with a very long name that goes on and on 2024-01-01 at 12.30.55.jpg"


def _parts(bar: CanvasBar) -> list[QWidget]:
    parts = bar.findChildren(QWidget)
    return [part for part in parts if part.parent() is bar and not part.isHidden()]


@pytest.mark.parametrize("clicks", [False, True])
@pytest.mark.parametrize("keeping", [False, True])
@pytest.mark.parametrize("width", [428, 640, 900])
def test_nothing_overlaps_and_nothing_is_squeezed(
    qtbot: QtBot, width: int, keeping: bool, clicks: bool
) -> None:
    bar = CanvasBar()
    qtbot.addWidget(bar)
    bar.set_image(LONG, 4000, 3000)
    bar.set_zoom(0.123)
    values = np.linspace(-0.05, 0.95, 16, dtype=np.float32).reshape(4, 4)
    bar.set_heat(heat_picture(values, theme.heat_lut()), 0.5)
    bar.set_clicks(clicks)
    if keeping:
        bar.set_preview("great white shark & friends", 1_048_692)
    bar.setFixedWidth(width)  # as its column does, which has a least width of its own
    bar.show()
    bar.layout().activate()
    for part in _parts(bar):
        assert bar.rect().contains(part.geometry())
        assert part.width() >= part.minimumSizeHint().width()
    for one, other in combinations(_parts(bar), 2):
        assert not one.geometry().intersects(other.geometry())
    if keeping:
        assert "1,048,692 px" in bar._mask.text()
        assert bar._mask.width() >= bar._mask.sizeHint().width()


def test_size_and_end_of_a_long_name_stay_in_sight(qtbot: QtBot) -> None:
    bar = CanvasBar()
    qtbot.addWidget(bar)
    bar.set_image(LONG, 900, 300)
    assert "900 × 300 px" in bar.below
    assert "12.30.55.jpg" in bar.below


def test_what_is_left_out_of_a_line_is_in_its_tool_tip(qtbot: QtBot) -> None:
    label = ElidedLabel(LONG)
    qtbot.addWidget(label)
    label.resize(100, 20)
    label.show()
    assert label.shown.endswith("…")
    assert label.toolTip() == label.text() == LONG
    label.resize(2000, 20)
    assert label.shown == LONG
    assert label.toolTip() == ""
