"""The queue of suggestions: seeing, choosing, taking, rejecting, and taking it all back."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from annotator.core.records import Progress
from annotator.gui.item_models.suggestions import SuggestionsModel, title, why
from annotator.gui.panels.suggestion_rows import SuggestionDelegate
from annotator.project import store

Row = tuple[str, str, str, float, str]
ROWS: tuple[Row, ...] = (
    ("merge", "couch", "sofa", 0.95, "the same synset of WordNet"),
    ("parent", "tabby", "dog", 0.91, "a kind of it"),
    ("merge", "bluetick", "beagle", 0.7, "words alike"),
    ("parent", "car", "sofa", 0.55, "<b>because</b> & so on"),
)


def suggest(bench: Any, rows: Sequence[Row] = ROWS, *, run: bool = True) -> None:
    """Put suggestions into the project, as a run of group does."""
    with bench.session.project.write("suggestions", "runs") as db:
        made = store.start_run(db, "group", pack="test", total=1) if run else None
        store.set_suggestions(
            db,
            [
                store.SuggestionRow(kind, bench.ids[a], bench.ids[b], confidence, reason)
                for kind, a, b, confidence, reason in rows
            ],
            made,
        )
        if made is not None:
            store.finish_run(db, made, "done")
    bench.qtbot.waitUntil(lambda: len(queue(bench).model.rows) == len(rows))
    bench.settle()


def queue(bench: Any) -> Any:
    return bench.view.suggestions


def titles(bench: Any) -> list[str]:
    return [title(one) for one in queue(bench).model.rows]


def test_nothing_suggested_says_what_to_do(bench: Any) -> None:
    panel = queue(bench)
    assert panel.caption.text() == "SUGGESTIONS"
    assert panel.note.isVisible()
    assert panel.group_button.isVisible()
    assert panel.group_button.key == "Ctrl+G"
    assert not panel.list.isVisible()
    asked: list[bool] = []
    panel.group_wanted.disconnect()
    panel.group_wanted.connect(lambda: asked.append(True))
    panel.group_button.click()
    assert asked == [True]


def test_the_surest_first_with_reason_and_images(bench: Any) -> None:
    suggest(bench)
    assert queue(bench).caption.text() == "SUGGESTIONS · 4"
    assert titles(bench) == [
        "couch → sofa",
        "tabby below dog",
        "bluetick → beagle",
        "car below sofa",
    ]
    assert why(queue(bench).model.rows[0]) == "2 images · the same synset of WordNet"
    assert not queue(bench).note.isVisible()


def test_choosing_a_row_shows_what_it_would_do_and_the_synset(bench: Any) -> None:
    suggest(bench)
    bench.press(Qt.Key.Key_G)
    assert QApplication.focusWidget() is queue(bench).list
    card = bench.view.merge.card
    assert bench.view.merge.plan.mode == "merge"
    assert card.counts.text() == "touches 2 tags in 2 images, 1 image has both"
    assert not card.buttons.isVisible()
    assert bench.session.synset == bench.ids["couch"]
    bench.press(Qt.Key.Key_Down)
    assert bench.view.merge.plan.mode == "move"
    assert bench.session.synset == bench.ids["tabby"]
    assert QApplication.focusWidget() is queue(bench).list
    bench.press(Qt.Key.Key_Escape)
    assert bench.view.merge.hint.isVisible()
    assert QApplication.focusWidget() is bench.view.tree
    assert bench.labels() == []


@pytest.mark.parametrize("key", [Qt.Key.Key_Y, Qt.Key.Key_Return])
def test_take_merges_and_goes_to_the_next(bench: Any, key: Qt.Key) -> None:
    suggest(bench)
    bench.press(Qt.Key.Key_G)
    bench.press(key)
    assert bench.synset("sofa").lemmas == ("sofa", "couch")
    assert titles(bench) == ["tabby below dog", "bluetick → beagle", "car below sofa"]
    assert queue(bench).list.current().source_name == "tabby"
    assert bench.session.synset == bench.ids["tabby"]
    assert QApplication.focusWidget() is queue(bench).list
    assert len(bench.labels()) == 1


def test_reject_leaves_for_good_and_undo_brings_it_back(bench: Any) -> None:
    suggest(bench)
    bench.press(Qt.Key.Key_G)
    bench.press(Qt.Key.Key_X)
    assert "couch → sofa" not in titles(bench)
    suggest_again = [row for row in ROWS if row[1] != "couch"]
    with bench.session.project.write("suggestions") as db:
        store.set_suggestions(
            db,
            [store.SuggestionRow(k, bench.ids[a], bench.ids[b], c, r) for k, a, b, c, r in ROWS],
        )
    bench.settle()
    assert len(titles(bench)) == len(suggest_again)
    assert "couch" in bench.shown()
    bench.session.undo()
    bench.settle()
    assert titles(bench)[0] == "couch → sofa"


def test_undo_of_take_brings_back_word_and_suggestion(bench: Any) -> None:
    suggest(bench)
    bench.press(Qt.Key.Key_G)
    bench.press(Qt.Key.Key_Y)
    assert "couch" not in bench.shown()
    bench.session.undo()
    bench.settle()
    assert "couch" in bench.shown()
    assert titles(bench)[0] == "couch → sofa"


def test_several_are_one_step(bench: Any) -> None:
    suggest(bench)
    bench.press(Qt.Key.Key_G)
    QTest.keyClick(queue(bench).list, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    bench.settle()
    assert queue(bench).take_button.accessibleName() == "Take 2 selected (Y)"
    queue(bench).take_button.click()
    bench.settle()
    assert len(bench.labels()) == 1
    assert bench.synset("tabby").parent == bench.ids["dog"]
    assert titles(bench) == ["bluetick → beagle", "car below sofa"]


def test_all_above_a_confidence_only_when_asked_and_with_the_count(bench: Any) -> None:
    suggest(bench)
    bench.press(Qt.Key.Key_G)
    bench.press(Qt.Key.Key_A)
    many = queue(bench).many
    assert many.go.accessibleName() == "Take 2 suggestions (Enter)"
    assert bench.labels() == []
    many.least.setValue(0.7)
    assert many.go.accessibleName() == "Take 3 suggestions (Enter)"
    bench.press(Qt.Key.Key_Escape)
    assert not many.isVisible()
    assert bench.labels() == []
    assert QApplication.focusWidget() is queue(bench).list
    bench.press(Qt.Key.Key_A)
    bench.press(Qt.Key.Key_Return)
    assert titles(bench) == ["car below sofa"]
    assert len(bench.labels()) == 1


def test_swap_prepares_the_merge_the_other_way(bench: Any) -> None:
    suggest(bench)
    bench.press(Qt.Key.Key_G)
    bench.press(Qt.Key.Key_S)
    plan = bench.view.merge.plan
    assert (plan.sources[0].name, plan.target.name) == ("sofa", "couch")
    assert bench.view.merge.card.buttons.isVisible()
    bench.press(Qt.Key.Key_Return)
    assert bench.labels() == ["Merge sofa into couch"]
    assert titles(bench) == ["tabby below dog", "bluetick → beagle", "car below couch"]


def test_letters_of_the_tree_mean_the_tree_again(bench: Any) -> None:
    suggest(bench)
    bench.press(Qt.Key.Key_G)
    bench.press(Qt.Key.Key_Escape)
    bench.select("car")
    bench.press(Qt.Key.Key_X)
    assert bench.labels() == ["Reject car"]
    assert "car below sofa" not in titles(bench)  # it makes no sense any more


def test_of_two_buttons_with_one_key_the_one_it_presses_stands_out(bench: Any) -> None:
    suggest(bench)
    accept, take = bench.view.evidence.accept_button, queue(bench).take_button
    bench.select("beagle")
    bench.view.tree.setFocus()
    assert (accept.primary, take.primary) == (True, False)
    bench.press(Qt.Key.Key_G)
    assert (accept.primary, take.primary) == (False, True)
    bench.press(Qt.Key.Key_Down)  # the evidence of another synset is shown
    assert (accept.primary, take.primary) == (False, True)
    bench.press(Qt.Key.Key_Escape)
    assert (accept.primary, take.primary) == (True, False)
    bench.view.focus_search()
    assert (accept.primary, take.primary) == (False, False)
    bench.view.tree.setFocus()
    bench.press(Qt.Key.Key_M)
    assert not accept.primary


def test_looking_for_more_is_said_where_there_is_room(bench: Any) -> None:
    suggest(bench)
    bench.window.resize(1100, 700)
    waits = threading.Event()

    def looks() -> Iterator[Progress]:
        waits.wait(30)
        yield Progress("group", 1, 1)

    bench.session.jobs.start("group", looks, "Looking")
    panel = queue(bench)
    assert panel.caption.text() == "SUGGESTIONS · 4 · LOOKING…"
    panel.layout().activate()
    assert panel.caption.shown == panel.caption.text()
    waits.set()
    bench.settle()
    assert panel.caption.text() == "SUGGESTIONS · 4"


def test_the_last_one_gives_the_keyboard_back(bench: Any) -> None:
    suggest(bench, ROWS[:1])
    bench.press(Qt.Key.Key_G)
    bench.press(Qt.Key.Key_Y)
    panel = queue(bench)
    assert not panel.list.isVisible()
    assert "left" in panel.note.text()
    assert QApplication.focusWidget() is bench.view.tree
    assert bench.view.merge.hint.isVisible()


def test_what_cannot_be_taken_stays_and_says_why(bench: Any) -> None:
    said: list[tuple[str, str]] = []
    bench.session.message.connect(lambda level, text: said.append((level, text)))
    suggest(bench)
    panel = queue(bench)
    panel.begin()
    bench.settle()
    panel._decide("take", [10_000])
    bench.settle()
    assert said[0][0] == "error"
    assert len(titles(bench)) == 4


def test_words_of_a_model_are_never_markup(bench: Any) -> None:
    suggest(bench)
    model: SuggestionsModel = queue(bench).model
    tool_tip = model.data(model.index(3), Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;because&lt;/b&gt; &amp; so on" in tool_tip


@pytest.mark.parametrize("size", [(1440, 820), (1100, 628)])
def test_queue_merge_and_history_share_the_column(bench: Any, size: tuple[int, int]) -> None:
    suggest(bench)
    bench.window.resize(*size)
    bench.press(Qt.Key.Key_G)
    bench.press(Qt.Key.Key_S)  # a merge under way, with its buttons
    panel, pane, history = queue(bench), bench.view.merge, bench.view.history
    bench.qtbot.waitUntil(lambda: pane.card.pictures_loaded())
    # What the card asks for is laid out when the loop comes round again.
    bench.qtbot.waitUntil(lambda: pane.card.height() >= pane.card.layout().minimumSize().height())
    parts = [part for part in (panel, pane, history) if part.isVisible()]
    for above, below in pairwise(parts):
        assert above.geometry().bottom() < below.y()
    assert parts[-1].geometry().bottom() <= panel.parentWidget().height()
    assert panel.list.height() >= 2 * 44
    assert pane.card.buttons.geometry().bottom() < pane.card.height()
    assert bench.window.size().toTuple() == size


def test_what_is_read_again_and_is_the_same_stays_the_same_object(bench: Any) -> None:
    suggest(bench)
    before = list(queue(bench).model.rows)
    with bench.session.project.write("suggestions") as db:
        rows = [
            store.SuggestionRow(k, bench.ids[a], bench.ids[b], c, r if a != "tabby" else "new")
            for k, a, b, c, r in ROWS
        ]
        store.set_suggestions(db, rows)
    bench.qtbot.waitUntil(lambda: queue(bench).model.rows[1].reason == "new")
    bench.settle()
    queue(bench).reload()
    bench.settle()
    after = queue(bench).model.rows
    assert [one.source_name for one in after] == [one.source_name for one in before]
    again = list(after)
    queue(bench).reload()
    bench.settle()
    assert all(a is b for a, b in zip(again, queue(bench).model.rows, strict=True))


def test_five_thousand_draw_a_screenful(bench: Any) -> None:
    names = [name for name in bench.ids if name not in ("animal", "dog")]
    with bench.session.project.write("synsets", "suggestions") as db:
        rows = []
        for i in range(5000):
            made = store.ensure_synset(db, f"word {i}", lemmas=(f"word {i}",), score=0.1)
            target = bench.ids[names[i % len(names)]]
            rows.append(store.SuggestionRow("merge", made, target, 1 - i / 5000, f"reason {i}"))
        store.set_suggestions(db, rows)
    bench.qtbot.waitUntil(lambda: len(queue(bench).model.rows) == 5000, timeout=20_000)
    bench.settle()
    listed = queue(bench).list
    drawn: set[int] = set()

    class Counting(SuggestionDelegate):
        def paint(self, painter: Any, option: Any, index: Any) -> None:
            drawn.add(index.row())
            super().paint(painter, option, index)

    listed.setItemDelegate(Counting(listed))
    listed.verticalScrollBar().setValue(listed.verticalScrollBar().maximum() // 2)
    listed.grab()
    assert 0 < len(drawn) < 40
    bench.press(Qt.Key.Key_G)
    QTest.keyClick(listed, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert queue(bench).take_button.accessibleName() == "Take 5,000 selected (Y)"
