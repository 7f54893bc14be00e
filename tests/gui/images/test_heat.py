"""Heatmap, threshold, mask preview and masks in the Images view; a fake model behind the roles."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from annotator.core import masks
from annotator.core.errors import AnnotatorError
from annotator.operations import regions

Key = Qt.Key


def test_no_model_is_loaded_before_a_heatmap_is_wanted(bench) -> None:
    bench.press(Key.Key_D)
    bench.press(Key.Key_A)
    assert bench.models.asked == []


def test_h_shows_the_heatmap_and_a_mask(bench) -> None:
    bench.press(Key.Key_H)
    view = bench.view
    assert bench.models.asked == ["dog"]
    assert view.canvas.heat.image is not None
    assert view.bar.threshold.span == pytest.approx((0.0, 1.0), abs=0.01)
    preview = view.desk.grounding.preview
    assert preview is not None
    mask = masks.decode(preview.rle)
    assert mask[:, -1].all()  # the similarity rises to the right
    assert not mask[:, 0].any()
    assert preview.area == mask.sum()
    assert f"{preview.area:,} px" in view.bar._mask.text()
    bench.press(Key.Key_H)
    assert view.canvas.heat.image is None
    assert view.canvas.preview.outline is None


def test_the_mask_follows_the_threshold(bench) -> None:
    bench.press(Key.Key_H)
    before = bench.view.desk.grounding.preview
    bench.view.bar.threshold.set_value(0.9)
    bench.settle()
    after = bench.view.desk.grounding.preview
    assert after.threshold == pytest.approx(0.9)
    assert after.area < before.area / 2
    bench.press(Key.Key_BracketLeft)
    assert bench.view.desk.grounding.preview.threshold == pytest.approx(0.88, abs=0.001)


def test_nothing_above_the_threshold_is_said(bench) -> None:
    bench.press(Key.Key_H)
    bench.view.bar.threshold.set_value(2.0)
    bench.settle()
    assert bench.view.desk.grounding.preview is None
    assert "lower the threshold" in bench.view.bar.note


def test_enter_keeps_the_mask_as_a_person_s_region(bench) -> None:
    bench.press(Key.Key_H)
    preview = bench.view.desk.grounding.preview
    bench.press(Key.Key_Return)
    kept = bench.regions("a.jpg")
    assert [(r.synset, r.source, r.verdict) for r in kept] == [("dog", "person", "accepted")]
    assert kept[0].rle == preview.rle
    assert kept[0].threshold == pytest.approx(preview.threshold)
    assert bench.view.desk.grounding.preview is None
    assert bench.view.tabs.count(1) == 1
    assert [shape.verdict for shape in bench.view.canvas.regions.shapes] == ["accepted"]
    bench.press(Key.Key_Return)
    assert len(bench.regions("a.jpg")) == 1  # nothing is kept twice


def test_esc_drops_the_mask_then_the_heatmap(bench) -> None:
    bench.press(Key.Key_H)
    bench.press(Key.Key_Escape)
    assert bench.view.desk.grounding.preview is None
    assert bench.view.canvas.heat.image is not None
    bench.press(Key.Key_Escape)
    assert bench.view.canvas.heat.image is None
    assert bench.regions("a.jpg") == []


def test_an_answer_to_an_old_question_is_dropped(bench) -> None:
    """The model is still looking for "dog" when "sofa" is selected."""
    bench.models.go_on.clear()
    bench.press(Key.Key_H, wait=False)
    bench.qtbot.waitUntil(bench.models.looking.is_set)
    shown: list[object] = []
    bench.view.desk.grounding.heat_changed.connect(lambda heat, _: shown.append(heat))
    bench.press(Key.Key_3, wait=False)
    bench.models.go_on.set()
    bench.settle()
    assert bench.models.asked == ["dog", "sofa"]
    assert sum(heat is not None for heat in shown) == 1
    assert bench.view.desk.grounding.preview.synset_id == bench.ids["sofa"]


def test_a_heatmap_of_another_image_is_dropped(bench) -> None:
    bench.models.go_on.clear()
    bench.press(Key.Key_H, wait=False)
    bench.qtbot.waitUntil(bench.models.looking.is_set)
    bench.press(Key.Key_D, wait=False)
    bench.models.go_on.set()
    bench.settle()
    assert bench.view.desk.grounding.preview.image_id == bench.ids["b.jpg"]


def test_a_missing_model_is_said_in_the_bar(bench) -> None:
    bench.models.error = AnnotatorError("The pack test has no grounder.")
    bench.press(Key.Key_H)
    assert bench.view.bar.note == "The pack test has no grounder."
    assert bench.view.canvas.heat.image is None


def test_a_defect_of_a_model_ends_in_a_sentence(bench) -> None:
    bench.models.error = RuntimeError("out of memory")
    bench.press(Key.Key_H)
    assert bench.view.bar.note.startswith("No heatmap: out of memory")


def test_a_tag_without_a_class_of_its_own_says_what_stands_for_it(bench) -> None:
    bench.press(Key.Key_3)
    bench.press(Key.Key_H)
    assert bench.view.bar.note == "sofa is built from couch 0.7, armchair 0.3"
    bench.press(Key.Key_1)
    assert bench.view.bar.note == ""


def test_loading_is_said_while_the_model_loads(bench) -> None:
    bench.models.go_on.clear()
    bench.press(Key.Key_H, wait=False)
    assert bench.view.bar.note == "Loading the test pack…"
    bench.models.go_on.set()
    bench.settle()
    assert bench.view.bar.note == ""


def test_the_bar_tells_pixel_and_similarity_under_the_pointer(bench) -> None:
    bench.press(Key.Key_H)
    canvas = bench.view.canvas
    at = canvas.viewport.to_screen(QPointF(63.5, 10.5)).toPoint()
    QTest.mouseMove(canvas, at)
    bench.qtbot.waitUntil(lambda: "x 63" in bench.view.bar.below)
    value = float(bench.view.bar.below.rsplit(" ", 1)[1])
    assert "y 10" in bench.view.bar.below
    assert value > 0.9


def test_the_cut_tool_sets_the_threshold_where_it_clicks(bench) -> None:
    bench.press(Key.Key_C)  # brings the heatmap with it
    canvas = bench.view.canvas
    assert canvas.heat.image is not None
    at = canvas.viewport.to_screen(QPointF(48, 24)).toPoint()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    bench.settle()
    expected = bench.view.desk.grounding.heat.at(48 / 64, 0.5)
    assert bench.view.bar.threshold.value == pytest.approx(expected, abs=0.02)
    bench.press(Key.Key_V)
    assert bench.view.tools.current == "select"


def test_masks_are_drawn_listed_and_clicked(opened, ids, masked) -> None:
    bench = opened(ids)
    view = bench.view
    assert {shape.id for shape in view.canvas.regions.shapes} == set(masked.values())
    assert view.tabs.count(1) == 2
    at = view.canvas.viewport.to_screen(QPointF(48, 24)).toPoint()
    QTest.mouseMove(view.canvas, at)
    bench.qtbot.waitUntil(lambda: view.canvas.regions.hovered == masked["sofa"])
    QTest.mouseClick(view.canvas, Qt.MouseButton.LeftButton, pos=at)
    assert view.regions.region.id == masked["sofa"]
    assert view.tabs.current == 1


def test_y_and_x_decide_the_selected_region_when_its_tab_is_open(opened, ids, masked) -> None:
    bench = opened(ids)
    bench.press(Key.Key_T)  # selects the first
    first = bench.view.regions.region.id
    bench.press(Key.Key_Y)
    assert bench.view.regions.region.id != first
    bench.press(Key.Key_X)
    said = {r.id: r.verdict for r in bench.regions("a.jpg")}
    second = next(i for i in said if i != first)
    assert said == {first: "accepted", second: "rejected"}
    assert bench.verdicts()["dog"] == "unknown" or bench.verdicts()["sofa"] == "unknown"
    shown = {shape.id for shape in bench.view.canvas.regions.drawn()}
    assert shown == {first, second}  # the rejected one while it is selected
    bench.press(Key.Key_Escape)
    assert {shape.id for shape in bench.view.canvas.regions.drawn()} == {first}


def test_a_key_right_after_the_next_image_decides_no_mask_of_the_one_before(
    opened, ids, masked
) -> None:
    bench = opened(ids)
    bench.press(Key.Key_T)  # selects the first
    bench.press(Key.Key_D, Key.Key_Y, wait=False)
    bench.settle()
    assert bench.image == "b.jpg"
    assert {region.verdict for region in bench.regions("a.jpg")} == {"unknown"}


def test_a_verdict_does_not_trace_the_outline_again(opened, ids, masked) -> None:
    bench = opened(ids)
    before = {shape.id: shape.outline for shape in bench.view.canvas.regions.shapes}
    bench.session.act(regions.accept, [masked["dog"]])
    bench.settle()
    after = {shape.id: shape for shape in bench.view.canvas.regions.shapes}
    assert after[masked["dog"]].verdict == "accepted"
    assert after[masked["dog"]].outline is before[masked["dog"]]


def test_the_heatmap_shows_only_the_masks_of_its_tag(opened, ids, masked) -> None:
    bench = opened(ids)
    bench.press(Key.Key_H)
    assert [s.name for s in bench.view.canvas.regions.drawn()] == ["dog"]
    bench.press(Key.Key_H)
    assert len(bench.view.canvas.regions.drawn()) == 2


def test_the_fake_model_obeys_the_protocol(bench) -> None:
    from annotator.backends.protocols import Grounder, Refiner

    assert isinstance(bench.models, Grounder)
    assert isinstance(bench.models, Refiner)
    found: list[np.ndarray] = []
    picture = np.zeros((4, 4, 3), np.uint8)
    bench.session.work(lambda: bench.models.pixels(picture), found.append)
    bench.settle()
    norms = np.linalg.norm(found[0], axis=-1)
    assert norms == pytest.approx(1.0, abs=1e-5)
