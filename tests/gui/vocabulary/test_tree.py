"""The tree in the view: search, chips, folding, verdicts, renaming in place."""

from __future__ import annotations

import threading
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from annotator.operations import synsets
from annotator.project import store

TREE = ["sofa", "animal", "  dog", "    beagle", "    bluetick", "  tabby", "couch", "car"]


def test_shows_the_tree_best_first_and_selects_what_is_to_be_decided(bench: Any) -> None:
    assert bench.shown() == TREE
    assert bench.session.synset == bench.ids["sofa"]
    assert QApplication.focusWidget() is bench.view.tree


def test_keys_walk_and_fold(bench: Any) -> None:
    bench.press(Qt.Key.Key_Down)
    assert bench.session.synset == bench.ids["animal"]
    bench.press(Qt.Key.Key_Left)
    assert bench.shown() == ["sofa", "animal", "couch", "car"]
    bench.press(Qt.Key.Key_Right)
    assert bench.shown() == TREE


def test_verdict_keys(bench: Any) -> None:
    bench.press(Qt.Key.Key_Y)
    assert bench.synset("sofa").verdict == "accepted"
    assert bench.labels() == ["Accept sofa"]
    bench.press(Qt.Key.Key_X)
    assert bench.synset("sofa").verdict == "rejected"
    bench.press(Qt.Key.Key_U)
    assert bench.synset("sofa").verdict == "unknown"
    assert len(bench.labels()) == 3


def test_verdict_on_several(bench: Any) -> None:
    bench.select("beagle")
    tree = bench.view.tree
    tree.setCurrentIndex(tree.vocabulary.index_of(bench.ids["beagle"]))
    tree._choose([bench.ids["beagle"], bench.ids["tabby"]], bench.ids["beagle"])
    bench.press(Qt.Key.Key_Y)
    assert bench.synset("beagle").verdict == bench.synset("tabby").verdict == "accepted"
    assert len(bench.labels()) == 1
    assert sorted(tree.selected_ids()) == sorted([bench.ids["beagle"], bench.ids["tabby"]])


def test_folding_selection_and_scroll_survive_a_reload(bench: Any) -> None:
    bench.select("car")
    tree = bench.view.tree
    tree.collapse(tree.vocabulary.index_of(bench.ids["dog"]))
    bench.window.resize(1440, 300)
    bench.settle()
    bar = tree.verticalScrollBar()
    bar.setValue(40)
    top = tree.indexAt(tree.viewport().rect().topLeft()).data()
    synsets.reject(bench.session.project, bench.ids["tabby"])
    bench.qtbot.waitUntil(
        lambda: tree.vocabulary.forest.synsets[bench.ids["tabby"]].verdict == "rejected"
    )
    bench.settle()
    assert bench.shown() == ["sofa", "animal", "  dog", "  tabby", "couch", "car"]
    assert tree.current_id() == bench.ids["car"]
    assert tree.indexAt(tree.viewport().rect().topLeft()).data() == top


def test_chips_narrow_and_count(bench: Any) -> None:
    chips = bench.view.left.chip_buttons
    assert chips["to decide"].text() == "to decide 6"
    assert chips["rare"].text() == "rare 3"
    bench.press(Qt.Key.Key_Y)
    assert chips["to decide"].text() == "to decide 5"
    chips["accepted"].click()
    bench.settle()
    assert bench.shown() == ["sofa"]
    chips["rare"].click()
    bench.settle()
    assert bench.shown() == ["animal", "  dog", "    bluetick", "  tabby", "couch"]


def test_what_leaves_the_list_hands_the_selection_on(bench: Any) -> None:
    bench.view.left.chip_buttons["to decide"].click()
    bench.settle()
    bench.select("beagle")
    bench.press(Qt.Key.Key_Y)
    assert "    beagle" not in bench.shown()
    assert bench.session.synset == bench.ids["bluetick"]


def test_search_finds_raw_words_and_clears(bench: Any) -> None:
    bench.press(Qt.Key.Key_Slash)
    bench.type("settee")
    assert bench.shown() == ["sofa"]
    assert bench.view.left.chip_buttons["all"].text() == "all 1"
    bench.press(Qt.Key.Key_Return)
    assert QApplication.focusWidget() is bench.view.tree
    bench.view.focus_search()
    bench.type("xyz")
    assert not bench.view.tree.isVisible()
    assert "xyz" in bench.view.left.nothing.text()
    bench.press(Qt.Key.Key_Escape)
    assert bench.shown() == TREE


def test_select_all_leaves_out_what_only_leads_to_a_match(bench: Any) -> None:
    bench.view.left.search.setText("b")
    assert bench.shown() == ["animal", "  dog", "    beagle", "    bluetick", "  tabby"]
    bench.view.tree.selectAll()
    bench.view.tree.setFocus()
    bench.press(Qt.Key.Key_X)
    assert bench.synset("tabby").verdict == bench.synset("beagle").verdict == "rejected"
    assert bench.synset("animal").verdict == bench.synset("dog").verdict == "unknown"


def test_folding_is_as_before_after_a_search(bench: Any) -> None:
    tree = bench.view.tree
    tree.collapse(tree.vocabulary.index_of(bench.ids["animal"]))
    bench.view.left.search.setText("beagle")
    assert bench.shown() == ["animal", "  dog", "    beagle"]
    bench.view.left.clear_filter()
    assert bench.shown() == ["sofa", "animal", "couch", "car"]


def test_selection_of_another_view_is_followed_even_when_hidden(bench: Any) -> None:
    tree = bench.view.tree
    tree.collapse(tree.vocabulary.index_of(bench.ids["animal"]))
    bench.view.left.search.setText("car")
    bench.session.select_synset(bench.ids["beagle"])
    bench.settle()
    assert tree.current_id() == bench.ids["beagle"]
    assert "    beagle" in bench.shown()
    assert bench.view.evidence.synset_id == bench.ids["beagle"]


def editor() -> QLineEdit:
    focus = QApplication.focusWidget()
    assert isinstance(focus, QLineEdit)
    return focus


def test_rename_in_place(bench: Any) -> None:
    bench.select("car")
    bench.press(Qt.Key.Key_F2)
    assert editor().text() == "car"
    editor().clear()
    bench.type("automobile")
    bench.press(Qt.Key.Key_Return)
    assert "automobile" in bench.shown()
    assert bench.synset("car").name == "automobile"
    assert QApplication.focusWidget() is bench.view.tree
    bench.session.undo()
    bench.settle()
    assert bench.shown() == TREE
    assert bench.labels() == ["(Rename car to automobile)"]


def test_escape_gives_the_name_back(bench: Any) -> None:
    bench.select("car")
    bench.press(Qt.Key.Key_F2)
    bench.type("xyz")
    bench.press(Qt.Key.Key_Escape)
    assert bench.shown() == TREE
    assert bench.labels() == []


def test_a_reload_does_not_disturb_the_editor(bench: Any) -> None:
    bench.select("car")
    bench.press(Qt.Key.Key_F2)
    editor().clear()
    bench.type("vehi")
    with bench.session.project.write("synsets", "tags") as db:
        store.set_scores(db, [(bench.ids["car"], 9.0, False)])
    bench.qtbot.waitUntil(lambda: bench.shown()[0] == "car")
    bench.settle()
    assert editor().text() == "vehi"
    bench.type("cle")
    bench.press(Qt.Key.Key_Return)
    assert bench.synset("car").name == "vehicle"


def test_a_row_that_goes_takes_its_editor_along(bench: Any) -> None:
    bench.session.act(synsets.add, "tram", done=lambda id: bench.ids.update(tram=id))
    bench.settle()
    bench.select("tram")
    go_on, told = threading.Event(), []
    bench.session.message.connect(lambda level, words: told.append(level))
    bench.session.act(lambda _: go_on.wait(10))
    QTest.keyClick(bench.view.tree, Qt.Key.Key_F2)
    editor().clear()
    QTest.keyClicks(editor(), "lorry")
    QTest.keyClick(editor(), Qt.Key.Key_Return)  # waits for the decision before it
    bench.session.project.undo()
    bench.qtbot.waitUntil(lambda: "tram" not in bench.shown())
    go_on.set()
    bench.settle()
    assert bench.shown() == TREE
    assert told == ["error"]
    bench.select("car")
    bench.press(Qt.Key.Key_F2)
    assert editor().text() == "car"


def test_a_taken_name_offers_the_merge(bench: Any) -> None:
    bench.select("couch")
    bench.press(Qt.Key.Key_F2)
    editor().clear()
    bench.type("Sofa")
    bench.press(Qt.Key.Key_Return)
    offer = bench.view.tree.offer
    assert offer.isVisible()
    assert "sofa" in offer.label.text()
    assert bench.labels() == []
    bench.press(Qt.Key.Key_Return)
    plan = bench.view.merge.plan
    assert plan is not None
    assert (plan.sources[0].name, plan.target.name) == ("couch", "sofa")
    bench.press(Qt.Key.Key_Return)
    assert bench.labels() == ["Merge couch into sofa"]
    assert bench.session.synset == bench.ids["sofa"]


def test_an_offer_goes_when_another_name_is_typed(bench: Any) -> None:
    bench.select("couch")
    bench.press(Qt.Key.Key_F2)
    editor().clear()
    bench.type("sofa")
    bench.press(Qt.Key.Key_Return)
    bench.type(" bed")
    assert not bench.view.tree.offer.isVisible()
    bench.press(Qt.Key.Key_Return)
    assert bench.synset("couch").name == "sofa bed"


def test_no_vocabulary_explains_propose(empty_bench: Any) -> None:
    asked: list[bool] = []
    empty_bench.view._commands.add("propose", "Propose", "", lambda: asked.append(True))
    page = empty_bench.view.empty
    assert page.isVisible()
    button = page.findChild(object, "proposeButton")
    button.click()
    assert asked == [True]


def test_five_thousand_synsets(bench: Any) -> None:
    with bench.session.project.write("synsets", "tags", "proposals") as db:
        made = [store.ensure_synset(db, f"thing {i}", score=i / 5000) for i in range(5000)]
        rows = [store.TagRow(1 + i % 10, s, 0.5, 0.5, 1, 1, ("whole",), True)
                for i, s in enumerate(made)]  # fmt: skip
        store.set_tags(db, rows)
        store.set_parents(db, {s: made[i // 10] for i, s in enumerate(made) if i >= 10})
    tree = bench.view.tree
    bench.qtbot.waitUntil(lambda: len(tree.vocabulary.forest.synsets) == 5008, timeout=20_000)
    bench.settle()
    assert len(bench.shown()) > 5000
    bench.view.left.search.setText("thing 4999")
    assert [name.strip() for name in bench.shown()][-1] == "thing 4999"
    bench.view.left.clear_filter()
    bench.session.select_synset(made[4321])
    bench.settle()
    assert tree.current_id() == made[4321]
    assert tree.viewport().rect().contains(tree.visualRect(tree.currentIndex()).center())
