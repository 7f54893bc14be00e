"""Masks by clicks and boxes; a fake Refiner behind the role answers when the test says so."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from annotator.core import masks
from annotator.core.errors import AnnotatorError
from annotator.gui import theme
from annotator.project import queries

Key = Qt.Key
Right = Qt.MouseButton.RightButton
Control = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def clicking(bench):
    """The view with the click tool and "dog" selected."""
    bench.press(Key.Key_M)
    return bench


def shown(bench) -> np.ndarray:
    return masks.decode(bench.view.desk.preview.rle)


def hold(bench) -> None:
    """The model takes its time from now on."""
    bench.models.answer.clear()
    bench.models.refining.clear()


def at_work(bench) -> None:
    """Until the model is at work on a click."""
    bench.qtbot.waitUntil(bench.models.refining.is_set)


def test_the_tool_is_in_the_palette_and_gets_the_image_ready(bench) -> None:
    assert bench.models.encoded == []
    bench.press(Key.Key_M)
    assert bench.view.tools.current == "click"
    assert len(bench.models.encoded) == 1
    assert "Click on the dog" in bench.view.bar.note
    assert "right button takes away" in bench.view.bar.note
    bench.click(20, 20)
    assert len(bench.models.encoded) == 1  # encoded once, asked often
    bench.press(Key.Key_V)
    assert bench.view.tools.current == "select"


def test_left_adds_and_right_takes_away(clicking) -> None:
    clicking.click(20, 20)
    assert shown(clicking)[16:25, 16:25].all()
    assert clicking.view.desk.preview.area == 81
    clicking.click(26, 20, Right)
    mask = shown(clicking)
    assert mask[20, 17]
    assert not mask[20, 22]
    points = clicking.models.refined[-1][0]
    assert [inside for _, _, inside in points] == [True, False]
    assert points[1][:2] == pytest.approx((26.5, 20.5), abs=0.3)
    assert clicking.models.refined[0][2] is False
    assert clicking.models.refined[-1][2] is True  # the mask so far is a prompt
    assert "2 clicks" in clicking.view.bar.note


def test_the_dot_is_drawn_before_the_answer(clicking) -> None:
    hold(clicking)
    clicking.click(20, 20, wait=False)
    clicking.click(40, 20, Right, wait=False)
    at_work(clicking)
    prompts = clicking.view.canvas.prompts
    assert [inside for _, _, inside in prompts.points] == [True, False]
    assert clicking.view.desk.preview is None
    assert "working" in clicking.view.bar.note
    picture = clicking.view.canvas.grab().toImage()
    viewport = clicking.view.canvas.viewport
    for (x, y, _), name in zip(prompts.points, (theme.LIGHT.yes, theme.LIGHT.no), strict=True):
        middle = (viewport.transform().map(x, y)[0], viewport.transform().map(x, y)[1])
        sign = picture.pixelColor(round(middle[0]) - 2, round(middle[1]))
        disk = picture.pixelColor(round(middle[0]) + 3, round(middle[1]) + 3)
        assert sign.lightness() > 200  # both signs have a bar across
        assert disk == QColor(name)


def test_an_answer_to_an_old_click_is_never_shown(clicking) -> None:
    seen: list[int] = []
    clicking.view.desk.clicks.preview_changed.connect(
        lambda preview: preview and seen.append(len(preview.prompt["points"]))
    )
    hold(clicking)
    clicking.click(10, 10, wait=False)
    at_work(clicking)
    clicking.click(30, 10, wait=False)
    clicking.click(50, 10, wait=False)
    clicking.models.answer.set()
    clicking.settle()
    assert [len(points) for points, _, _ in clicking.models.refined] == [1, 3]
    assert seen == [3]
    assert shown(clicking)[10, [10, 30, 50]].all()


def test_enter_right_after_a_click_keeps_the_mask_on_screen(clicking) -> None:
    clicking.click(20, 20)
    hold(clicking)
    clicking.click(40, 20, wait=False)
    at_work(clicking)
    clicking.press(Key.Key_Return, wait=False)
    clicking.models.answer.set()
    clicking.settle()
    kept = clicking.regions("a.jpg")
    assert len(kept) == 1
    mask = masks.decode(kept[0].rle)
    assert mask[20, 20]
    assert not mask[20, 40]
    assert (kept[0].synset, kept[0].verdict, kept[0].source) == ("dog", "accepted", "person")
    assert len(kept[0].prompt["points"]) == 1
    assert kept[0].prompt["refiner"] == "fake"
    assert clicking.view.desk.preview is None
    assert clicking.view.canvas.prompts.points == ()


def test_enter_before_the_first_answer_keeps_nothing(clicking) -> None:
    hold(clicking)
    clicking.click(20, 20, wait=False)
    at_work(clicking)
    clicking.press(Key.Key_Return, wait=False)
    clicking.models.answer.set()
    clicking.settle()
    assert clicking.regions("a.jpg") == []
    assert clicking.view.desk.preview is not None


@pytest.mark.parametrize("back", ["key", "undo", "button"])
def test_a_click_is_taken_back_without_asking_again(clicking, back: str) -> None:
    clicking.click(20, 20)
    before = clicking.view.desk.preview
    clicking.click(40, 20)
    asked = len(clicking.models.refined)
    if back == "key":
        clicking.press(Key.Key_Backspace)
    elif back == "undo":
        clicking.press(Key.Key_Z, modifier=Control)
    else:
        assert clicking.view.bar.back.isVisible()
        clicking.view.bar.back.click()
        clicking.settle()
    assert clicking.view.desk.preview is before
    assert len(clicking.view.canvas.prompts.points) == 1
    assert len(clicking.models.refined) == asked
    clicking.press(Key.Key_Backspace)
    assert clicking.view.desk.preview is None
    assert not clicking.view.bar.back.isVisible()


def test_a_click_taken_back_while_the_model_works_is_not_answered(clicking) -> None:
    hold(clicking)
    clicking.click(20, 20, wait=False)
    at_work(clicking)
    clicking.press(Key.Key_Backspace, wait=False)
    clicking.models.answer.set()
    clicking.settle()
    assert clicking.view.desk.preview is None
    assert clicking.view.canvas.preview.outline is None


def test_esc_drops_the_clicks_and_then_leaves_the_tool(clicking) -> None:
    clicking.click(20, 20)
    clicking.press(Key.Key_Escape)
    assert clicking.view.desk.preview is None
    assert clicking.view.canvas.prompts.points == ()
    assert clicking.view.tools.current == "click"
    clicking.press(Key.Key_Escape)
    assert clicking.view.tools.current == "select"
    assert clicking.regions("a.jpg") == []


def test_a_box_is_a_prompt_and_a_right_click_corrects_it(bench) -> None:
    bench.press(Key.Key_B)
    assert "Drag a box around the dog" in bench.view.bar.note
    bench.drag((10, 8), (30, 28))
    points, box, mask = bench.models.refined[-1]
    assert (points, mask) == ((), False)
    assert box == pytest.approx((10, 8, 30, 28), abs=0.5)
    assert bench.view.canvas.prompts.drawn is None
    assert bench.view.canvas.prompts.box is not None
    area = bench.view.desk.preview.area
    bench.click(12, 10, Right)
    assert bench.view.desk.preview.area < area
    bench.press(Key.Key_Return)
    prompt = bench.regions("a.jpg")[0].prompt
    assert prompt["box"] == pytest.approx([10, 8, 30, 28], abs=0.5)
    assert [inside for _, _, inside in prompt["points"]] == [False]


def test_a_slip_of_the_hand_is_no_box(bench) -> None:
    bench.press(Key.Key_B)
    bench.drag((10, 8), (10.2, 8.2))
    assert bench.models.refined == []


def test_clicks_go_on_from_the_heatmap_s_mask(bench) -> None:
    bench.press(Key.Key_H)
    from_heat = bench.view.desk.preview
    asked = len(bench.models.refined)
    bench.press(Key.Key_M)
    bench.click(5, 40)
    assert bench.models.refined[asked][2] is True
    mask = shown(bench)
    assert mask[40, 5]
    assert mask[20, 62]  # what the heatmap gave stays
    bench.press(Key.Key_Return)
    kept = bench.regions("a.jpg")[0]
    assert kept.threshold == pytest.approx(from_heat.threshold)
    assert kept.prompt["kind"] == "clicks"
    assert kept.prompt["grounder"] == "fake"


def test_the_threshold_moves_below_the_clicks(bench) -> None:
    bench.press(Key.Key_H)
    bench.press(Key.Key_M)
    bench.click(5, 40)
    before = bench.view.desk.preview.area
    bench.view.bar.threshold.set_value(0.95)
    bench.settle()
    assert bench.view.desk.preview.area < before / 2
    assert shown(bench)[40, 5]


def test_a_correction_takes_the_place_of_a_region_and_can_be_undone(opened, ids, masked) -> None:
    bench = opened(ids)
    bench.press(Key.Key_T)  # selects the mask of "dog"
    bench.press(Key.Key_M)
    assert "correct the dog mask" in bench.view.bar.note
    bench.click(6, 10, Right)
    assert bench.models.refined[-1][2] is True  # its mask is the prompt
    assert masked["dog"] not in {s.id for s in bench.view.canvas.regions.drawn()}
    bench.press(Key.Key_Return)
    by_id = {r.id: r for r in bench.regions("a.jpg")}
    assert by_id[masked["dog"]].verdict == "rejected"
    new = next(r for r in by_id.values() if r.source == "person")
    assert new.prompt["replaces"] == masked["dog"]
    assert not masks.decode(new.rle)[10, 6]
    assert masks.decode(new.rle)[30, 20]
    listed = [r.id for r in bench.view.regions.model.records]
    assert listed == [masked["sofa"], new.id]
    assert bench.view.regions.region.id == new.id  # the next click corrects it further
    bench.session.undo()
    bench.settle()
    assert {r.id: r.verdict for r in bench.regions("a.jpg")} == {
        masked["dog"]: "unknown",
        masked["sofa"]: "unknown",
    }


def test_another_tag_or_image_drops_the_clicks(clicking) -> None:
    clicking.click(20, 20)
    clicking.press(Key.Key_2)
    assert clicking.view.desk.preview is None
    assert clicking.view.canvas.prompts.points == ()
    clicking.click(20, 20)
    clicking.press(Key.Key_D)
    assert clicking.view.desk.preview is None
    assert clicking.view.canvas.prompts.points == ()


def test_a_late_answer_of_another_image_is_dropped(clicking) -> None:
    hold(clicking)
    clicking.click(20, 20, wait=False)
    at_work(clicking)
    clicking.press(Key.Key_D, wait=False)
    clicking.models.answer.set()
    clicking.settle()
    assert clicking.image == "b.jpg"
    assert clicking.view.desk.preview is None


def test_without_a_tag_one_hint(bench) -> None:
    bench.open("d.jpg")
    bench.session.select_synset(None)
    bench.press(Key.Key_M)
    bench.click(20, 20)
    assert bench.models.refined == []
    assert len(bench.messages) == 1
    assert "Select a tag" in bench.messages[0][1]


def test_a_click_beside_the_image_is_none(clicking) -> None:
    QTest.mouseClick(clicking.view.canvas, Qt.MouseButton.LeftButton, pos=QPoint(60, 3))
    clicking.settle()
    assert clicking.models.refined == []


def test_space_and_the_middle_button_still_move_the_image(clicking) -> None:
    canvas = clicking.view.canvas
    before = canvas.viewport.offset
    canvas.hold_to_pan(True)
    clicking.drag((20, 20), (30, 20))
    canvas.hold_to_pan(False)
    assert canvas.viewport.offset.x() > before.x()
    QTest.mousePress(canvas, Qt.MouseButton.MiddleButton, pos=QPoint(200, 200))
    QTest.mouseMove(canvas, QPoint(180, 200))
    QTest.mouseRelease(canvas, Qt.MouseButton.MiddleButton, pos=QPoint(180, 200))
    assert clicking.models.refined == []


def test_a_quick_second_click_is_a_click_and_no_zoom(clicking) -> None:
    canvas = clicking.view.canvas
    scale = canvas.viewport.scale
    at = canvas.viewport.transform().map(QPoint(20, 20))
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    clicking.settle()
    assert canvas.viewport.scale == scale
    assert len(canvas.prompts.points) == 2


def test_a_model_that_fails_ends_in_a_sentence_and_the_next_click_works(clicking) -> None:
    clicking.models.broken = AnnotatorError("The refiner ran out of memory.")
    clicking.click(20, 20)
    assert "The refiner ran out of memory." in clicking.view.bar.note
    clicking.models.broken = None
    clicking.click(30, 20)
    assert clicking.view.desk.preview is not None


def test_an_empty_answer_is_said(clicking) -> None:
    clicking.click(20, 20, Right)
    assert "No mask there" in clicking.view.bar.note
    assert clicking.view.desk.preview is None


def test_what_a_model_does_instead_is_said_once(clicking) -> None:
    clicking.models.excuses = ["HQ-SAM runs on the CPU: the GPU has no room."]
    clicking.click(20, 20)
    clicking.click(25, 20)
    assert clicking.messages == [("note", "HQ-SAM runs on the CPU: the GPU has no room.")]


def test_a_mask_is_on_disk_when_the_next_key_is_taken(clicking) -> None:
    clicking.click(20, 20)
    clicking.press(Key.Key_Return)
    with clicking.session.project.read() as db:
        assert queries.undo_label(db) == "Keep mask of dog on a.jpg"
    clicking.press(Key.Key_Z, modifier=Control)  # no click is open: the window's own undo
    assert len(clicking.regions("a.jpg")) == 1  # which this bare window does not have
