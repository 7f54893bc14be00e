"""The canvas by mouse and wheel; painting is checked on the pixels that come out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from annotator.gui.canvas.frame import Frame, frame_of
from annotator.gui.canvas.layers import Shape
from annotator.gui.canvas.shapes import outline
from annotator.gui.canvas.view import CanvasView

Left, Middle = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton
Control = Qt.KeyboardModifier.ControlModifier


def picture(height: int, width: int) -> np.ndarray:
    """Red grows to the right, green downwards: a pixel's colour says where it is."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)[None, :]
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    return pixels


def framed(pixels: np.ndarray) -> Frame:
    return frame_of(pixels.shape[1], pixels.shape[0], bytearray(pixels.tobytes()))


@pytest.fixture
def canvas(qtbot: QtBot) -> CanvasView:
    view = CanvasView()
    qtbot.addWidget(view)
    view.resize(600, 500)
    view.show()
    view.show_frame(framed(picture(300, 400)))
    return view


def at_screen(canvas: CanvasView, x: float, y: float) -> QPoint:
    return canvas.viewport.to_screen(QPointF(x, y)).toPoint()


def test_ctrl_wheel_keeps_the_point_under_the_pointer(canvas, turn: Callable) -> None:
    at = QPointF(410, 130)
    before = canvas.viewport.to_image(at)
    for notches in (1, 2, 3, -1):
        scale = canvas.viewport.scale
        turn(canvas, at, notches, Control)
        assert (canvas.viewport.scale > scale) == (notches > 0)
        after = canvas.viewport.to_image(at)
        assert (after - before).manhattanLength() < 1e-6


def test_the_plain_wheel_scrolls(canvas, turn: Callable) -> None:
    canvas.zoom_by(4)
    top, scale = canvas.viewport.offset.y(), canvas.viewport.scale
    turn(canvas, QPointF(300, 250), -1)
    assert canvas.viewport.offset.y() < top
    assert canvas.viewport.scale == scale
    left = canvas.viewport.offset.x()
    turn(canvas, QPointF(300, 250), -1, Qt.KeyboardModifier.ShiftModifier)
    assert canvas.viewport.offset.x() < left


@pytest.mark.parametrize(("button", "space"), [(Middle, False), (Left, True), (Left, False)])
def test_dragging_moves_the_image(canvas, button: Qt.MouseButton, space: bool) -> None:
    clicked: list[object] = []
    canvas.region_clicked.connect(clicked.append)
    canvas.hold_to_pan(space)
    grabbed = canvas.viewport.to_image(QPointF(300, 250))
    QTest.mousePress(canvas, button, pos=QPoint(300, 250))
    for x in (310, 330, 360):
        QTest.mouseMove(canvas, QPoint(x, 250 + (x - 300) // 2))
        QApplication.processEvents()
    QTest.mouseRelease(canvas, button, pos=QPoint(360, 280))
    moved = canvas.viewport.to_image(QPointF(360, 280))
    # The first pixels of a plain drag may still become a click.
    slack = 0.5 if space or button == Middle else 12
    assert (moved - grabbed).manhattanLength() * canvas.viewport.scale < slack
    assert clicked == []


def test_double_click_goes_between_whole_and_full_size(canvas) -> None:
    QTest.mouseDClick(canvas, Left, pos=QPoint(200, 200))
    assert canvas.viewport.scale == pytest.approx(1.0)
    assert not canvas.viewport.fitted
    QTest.mouseDClick(canvas, Left, pos=QPoint(200, 200))
    assert canvas.viewport.fitted
    assert canvas.viewport.scale == pytest.approx(canvas.viewport.fit_scale)


@pytest.mark.parametrize("zoom", [0.4, 1.0, 2.5, 9.0])
def test_the_right_pixel_is_painted_at_every_zoom(canvas, zoom: float) -> None:
    canvas.viewport.zoom_to(QPointF(300, 250), zoom)
    shot = canvas.grab().toImage()
    for x, y in ((150, 120), (200, 150), (215, 160)):
        at = at_screen(canvas, x + 0.5, y + 0.5)
        if canvas.rect().contains(at):
            color = shot.pixelColor(at)
            assert abs(color.red() - 255 * x / 399) < 3
            assert abs(color.green() - 255 * y / 299) < 3
            assert color.blue() < 3


def test_a_big_picture_is_drawn_from_a_smaller_level(qtbot: QtBot) -> None:
    frame = framed(picture(3200, 4400))
    assert [level.width() for level in frame.levels] == [4400, 2200, 1100, 550]
    assert frame.level_for(1.0) == 0
    assert frame.level_for(0.3) == 1
    assert frame.level_for(0.125) == 3
    view = CanvasView()
    qtbot.addWidget(view)
    view.resize(600, 500)
    view.show_frame(frame)
    color = view.grab().toImage().pixelColor(at_screen(view, 3300, 800))
    assert abs(color.red() - 255 * 0.75) < 4
    assert abs(color.green() - 255 * 0.25) < 4


def shape(region: int, columns: slice, verdict: str, color: str) -> Shape:
    mask = np.zeros((300, 400), bool)
    mask[50:250, columns] = True
    mask[140:160, columns.start + 40 : columns.start + 60] = False
    return Shape(region, region, "thing", outline(mask), 100 * region, verdict, QColor(color))


def test_masks_have_holes_and_the_smallest_is_clicked(canvas, qtbot: QtBot) -> None:
    small = shape(1, slice(100, 200), "accepted", "#ff00ff")
    large = shape(2, slice(50, 300), "unknown", "#0000ff")
    canvas.regions.shapes = (small, large)
    with qtbot.waitSignal(canvas.region_clicked) as clicked:
        QTest.mouseClick(canvas, Left, pos=at_screen(canvas, 120, 100))
    assert clicked.args == [1]
    with qtbot.waitSignal(canvas.region_clicked) as clicked:  # its hole: the one below
        QTest.mouseClick(canvas, Left, pos=at_screen(canvas, 150, 150))
    assert clicked.args == [2]
    with qtbot.waitSignal(canvas.region_clicked) as clicked:
        QTest.mouseClick(canvas, Left, pos=at_screen(canvas, 20, 20))
    assert clicked.args == [None]


def test_masks_are_painted_but_not_in_their_holes(canvas) -> None:
    bare = canvas.grab().toImage()
    canvas.regions.shapes = (shape(1, slice(100, 200), "accepted", "#0000ff"),)
    shot = canvas.grab().toImage()
    inside, hole = at_screen(canvas, 120, 100), at_screen(canvas, 150, 150)
    assert shot.pixelColor(inside).blue() > bare.pixelColor(inside).blue() + 40
    assert shot.pixelColor(hole) == bare.pixelColor(hole)


def test_a_rejected_mask_is_hidden_until_it_is_selected(canvas) -> None:
    rejected = shape(7, slice(100, 200), "rejected", "#0000ff")
    canvas.regions.shapes = (rejected,)
    assert canvas.regions.drawn() == []
    canvas.regions.selected = 7
    assert canvas.regions.drawn() == [rejected]


def test_loading_is_said_only_when_it_takes_a_moment(canvas, qtbot: QtBot) -> None:
    canvas.show_loading("slow.jpg")
    assert canvas.message == ""
    assert canvas.frame is not None  # the old picture stays so long
    qtbot.waitUntil(lambda: canvas.message == "Loading… slow.jpg")
    canvas.show_frame(framed(picture(30, 40)))
    assert canvas.message == ""


def test_a_fast_image_never_says_loading(canvas, qtbot: QtBot) -> None:
    canvas.show_loading("fast.jpg")
    canvas.show_frame(framed(picture(30, 40)))
    assert not canvas._loading.isActive()


def test_each_image_is_announced_when_it_is_painted(canvas, qtbot: QtBot) -> None:
    canvas.repaint()
    QApplication.processEvents()  # the picture that the fixture showed
    with qtbot.waitSignal(canvas.image_painted):
        canvas.show_frame(framed(picture(30, 40)))
    with qtbot.assertNotEmitted(canvas.image_painted):
        canvas.repaint()
        QApplication.processEvents()


def test_the_pointer_is_told_in_image_pixels(canvas, qtbot: QtBot) -> None:
    with qtbot.waitSignal(canvas.pointer_moved) as moved:
        QTest.mouseMove(canvas, at_screen(canvas, 100.5, 200.5))
    assert (moved.args[0] - QPointF(100.5, 200.5)).manhattanLength() < 1
    with qtbot.waitSignal(canvas.pointer_moved) as moved:
        QTest.mouseMove(canvas, QPoint(1, 1))
    assert moved.args == [None]


def test_a_mask_like_lace_is_painted_with_its_holes(canvas) -> None:
    bare = canvas.grab().toImage()
    rng = np.random.default_rng(0)
    mask = np.kron(rng.random((75, 100)) > 0.5, np.ones((4, 4), bool))
    traced = outline(mask)
    assert traced.path.elementCount() > 1500
    canvas.preview.outline = traced
    canvas.preview.color = QColor("#0000ff")
    shot = canvas.grab().toImage()
    inside = outside = 0
    for row, column in rng.integers(2, 70, (60, 2)).tolist():
        at = at_screen(canvas, 4 * column + 2, 4 * row + 2)
        bluer = shot.pixelColor(at).blue() - bare.pixelColor(at).blue()
        if mask[4 * row, 4 * column]:
            inside += bluer > 40
        else:
            outside += bluer > 40
    assert inside > 25
    assert outside == 0
