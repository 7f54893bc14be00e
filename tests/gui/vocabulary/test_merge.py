"""Merging and moving by key and by drop: the preview, the refusals, the history."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from annotator.gui.item_models.vocabulary import mime_of
from annotator.operations import synsets

TREE = ["sofa", "animal", "  dog", "    beagle", "    bluetick", "  tabby", "couch", "car"]


def drop(
    bench: Any,
    sources: list[str],
    target: str,
    keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    """Drag synsets over a row and let go."""
    tree = bench.view.tree
    where = tree.visualRect(tree.vocabulary.index_of(bench.ids[target])).center()
    mime = mime_of([bench.ids[name] for name in sources])
    copy, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    events: list[QEvent] = [
        QDragEnterEvent(where, copy, mime, button, keys),
        QDragMoveEvent(where, copy, mime, button, keys),
        QDropEvent(QPointF(where), copy, mime, button, keys),
    ]
    for event in events:
        QApplication.sendEvent(tree.viewport(), event)
    bench.settle()


def merge_by_key(bench: Any, source: str, target: str) -> None:
    bench.select(source)
    bench.press(Qt.Key.Key_M)
    bench.type(target)
    bench.press(Qt.Key.Key_Return)


def test_hint_until_something_is_prepared(bench: Any) -> None:
    pane = bench.view.merge
    assert pane.hint.isVisible()
    assert pane.plan is None


def test_merge_by_key_shows_what_it_touches_and_then_does_it(bench: Any) -> None:
    merge_by_key(bench, "couch", "sofa")
    card = bench.view.merge.card
    assert card.isVisible()
    assert card.counts.text() == "touches 2 tags in 2 images, 1 image has both"
    assert [t.tag.image for t in card.from_strip.shown()] == ["photo2.jpg", "photo3.jpg"]
    assert [t.tag.image for t in card.into_strip.shown()] == ["photo0.jpg", "photo1.jpg"]
    assert bench.labels() == []
    bench.press(Qt.Key.Key_Return)
    assert bench.labels() == ["Merge couch into sofa"]
    assert "couch" not in bench.shown()
    assert bench.synset("sofa").lemmas == ("sofa", "couch")
    assert bench.session.synset == bench.ids["sofa"]
    assert bench.view.merge.hint.isVisible()
    assert QApplication.focusWidget() is bench.view.tree
    assert bench.view.history.next_undo.text() == "Undo takes back: Merge couch into sofa"


def test_undo_brings_the_tree_back_and_redo_merges_again(bench: Any) -> None:
    merge_by_key(bench, "couch", "sofa")
    bench.press(Qt.Key.Key_Return)
    bench.view.history.undo_button.click()
    bench.settle()
    assert bench.shown() == TREE
    assert bench.labels() == ["(Merge couch into sofa)"]
    assert not bench.view.history.undo_button.isEnabled()
    bench.view.history.redo_button.click()
    bench.settle()
    assert "couch" not in bench.shown()


def test_swap_and_cancel(bench: Any) -> None:
    merge_by_key(bench, "couch", "sofa")
    bench.press(Qt.Key.Key_S)
    plan = bench.view.merge.plan
    assert (plan.sources[0].name, plan.target.name) == ("sofa", "couch")
    assert bench.view.merge.card.counts.text().startswith("touches 3 tags in 3 images")
    bench.press(Qt.Key.Key_Escape)
    assert bench.view.merge.hint.isVisible()
    assert bench.labels() == []
    assert QApplication.focusWidget() is bench.view.tree


def test_drop_prepares_a_merge(bench: Any) -> None:
    drop(bench, ["couch", "car"], "sofa")
    plan = bench.view.merge.plan
    assert plan.mode == "merge"
    assert [s.name for s in plan.sources] == ["couch", "car"]
    assert bench.view.merge.card.swap_button.isHidden()
    bench.view.merge.card.merge_button.click()
    bench.settle()
    assert bench.labels() == ["Merge couch, car into sofa"]


@pytest.mark.parametrize(
    "key", [Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier]
)
def test_drop_with_shift_or_alt_moves_below(bench: Any, key: Qt.KeyboardModifier) -> None:
    drop(bench, ["car"], "sofa", key)
    assert bench.view.merge.plan.mode == "move"
    bench.press(Qt.Key.Key_Return)
    assert bench.labels() == ["Move car below sofa"]
    assert bench.shown()[:2] == ["sofa", "  car"]
    assert bench.session.synset == bench.ids["car"]


def test_the_other_button_moves_instead(bench: Any) -> None:
    drop(bench, ["car"], "sofa")
    bench.press(Qt.Key.Key_P)
    assert bench.labels() == ["Move car below sofa"]


def test_drop_on_itself_does_nothing(bench: Any) -> None:
    drop(bench, ["sofa"], "sofa")
    assert bench.view.merge.plan is None


def test_merging_with_what_is_below_is_refused_in_the_pane(bench: Any) -> None:
    said: list[str] = []
    bench.session.message.connect(lambda level, text: said.append(text))
    drop(bench, ["animal"], "beagle")
    card = bench.view.merge.card
    assert card.error.isVisible()
    assert "below animal" in card.error.text()
    bench.press(Qt.Key.Key_Return)
    assert card.isVisible()
    assert "below animal" in card.error.text()
    assert bench.labels() == []
    assert said == []


def test_moving_below_what_is_below_is_refused_in_the_pane(bench: Any) -> None:
    drop(bench, ["animal"], "beagle", Qt.KeyboardModifier.ShiftModifier)
    bench.press(Qt.Key.Key_Return)
    assert "which is below it" in bench.view.merge.card.error.text()
    assert bench.labels() == []


def test_move_by_key_to_a_parent_and_to_the_top(bench: Any) -> None:
    bench.select("beagle")
    bench.press(Qt.Key.Key_P)
    chooser = bench.view.merge.chooser
    assert chooser.list.item(0).text() == "Top level"
    bench.press(Qt.Key.Key_Return)
    assert bench.view.merge.plan.target is None
    bench.press(Qt.Key.Key_Return)
    assert bench.synset("beagle").parent is None
    bench.press(Qt.Key.Key_P)
    bench.type("tab")
    bench.press(Qt.Key.Key_Return)
    bench.press(Qt.Key.Key_Return)
    assert bench.synset("beagle").parent == bench.ids["tabby"]
    assert bench.labels() == ["Move beagle below tabby", "Move beagle to the top"]


def test_several_move_together(bench: Any) -> None:
    drop(bench, ["car", "couch"], "sofa", Qt.KeyboardModifier.ShiftModifier)
    bench.press(Qt.Key.Key_Return)
    assert bench.synset("car").parent == bench.synset("couch").parent == bench.ids["sofa"]


def test_type_ahead_offers_siblings_first_and_never_the_impossible(bench: Any) -> None:
    bench.select("dog")
    bench.press(Qt.Key.Key_M)
    rows = bench.view.merge.chooser.list
    assert [rows.item(i).text() for i in range(rows.count())] == ["tabby"]
    bench.type("a")
    assert {rows.item(i).text() for i in range(rows.count())} == {"tabby", "car", "sofa"}
    bench.type("qq")
    assert bench.view.merge.chooser.nothing.isVisible()
    bench.press(Qt.Key.Key_Escape)
    assert bench.view.merge.hint.isVisible()


def test_down_chooses_the_next_target(bench: Any) -> None:
    bench.select("sofa")
    bench.press(Qt.Key.Key_M)
    rows = bench.view.merge.chooser.list
    bench.press(Qt.Key.Key_Down)
    wanted = rows.item(1).text()
    bench.press(Qt.Key.Key_Return)
    assert bench.view.merge.plan.target.name == wanted


def test_a_plan_whose_synset_goes_is_dropped(bench: Any) -> None:
    merge_by_key(bench, "couch", "sofa")
    synsets.merge(bench.session.project, [bench.ids["couch"]], bench.ids["car"])
    bench.qtbot.waitUntil(lambda: bench.view.merge.plan is None)
    bench.settle()


def test_history_greys_what_is_undone(bench: Any) -> None:
    bench.press(Qt.Key.Key_Y)
    bench.press(Qt.Key.Key_X)
    bench.session.undo()
    bench.settle()
    assert bench.labels() == ["(Reject sofa)", "Accept sofa"]
    assert bench.view.history.next_undo.text() == "Undo takes back: Accept sofa"
