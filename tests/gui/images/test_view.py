"""The Images view as a person uses it: keys, verdicts, words, moving on."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from annotator.core.errors import AnnotatorError
from annotator.core.records import Proposed
from annotator.gui import images_actions
from annotator.gui.canvas import image_facts
from annotator.operations import synsets
from annotator.project import queries, store
from annotator.project.project import Project

Key = Qt.Key


def test_it_opens_on_the_first_image_with_its_first_open_question(bench) -> None:
    assert bench.image == "a.jpg"
    assert bench.view.canvas.frame is not None
    assert bench.word == "dog"
    assert list(bench.verdicts()) == ["dog", "cat", "sofa"]  # kite was dropped
    assert bench.view.tabs.count(0) == 3
    assert QApplication.focusWidget() is bench.view.canvas


def test_the_first_image_is_announced_once(qtbot, opened, ids) -> None:
    bench = opened(ids)
    painted: list[int] = []
    bench.view.first_image_painted.connect(lambda: painted.append(1))
    bench.press(Key.Key_D)
    bench.press(Key.Key_D)
    assert painted == []  # it was announced before, for the first one


def test_y_is_on_disk_when_it_is_shown(bench) -> None:
    bench.press(Key.Key_Y)
    assert bench.verdicts()["dog"] == "accepted"
    assert bench.on_disk("a.jpg")["dog"] == "accepted"
    assert bench.word == "cat"


def test_keys_pressed_in_a_row_each_decide_the_next_tag(bench) -> None:
    bench.press(Key.Key_Y, Key.Key_X, Key.Key_Y, wait=False)
    bench.settle()
    assert bench.verdicts() == {"dog": "accepted", "cat": "rejected", "sofa": "accepted"}
    assert bench.on_disk("a.jpg")["cat"] == "rejected"
    with bench.session.project.read() as db:
        said = [step.label for step in queries.history(db)]
    assert said == ["Accept sofa on a.jpg", "Reject cat on a.jpg", "Accept dog on a.jpg"]


def test_the_last_decision_stays_selected_and_can_be_cleared(bench) -> None:
    bench.press(Key.Key_Y, Key.Key_Y, Key.Key_Y)
    assert bench.word == "sofa"
    bench.press(Key.Key_U)
    assert bench.verdicts()["sofa"] == "unknown"
    assert bench.word == "sofa"


def test_undo_is_seen(bench) -> None:
    bench.press(Key.Key_X)
    assert bench.verdicts()["dog"] == "rejected"
    bench.session.undo()
    bench.settle()
    assert bench.verdicts()["dog"] == "unknown"


def test_a_refused_decision_is_no_decision(bench, monkeypatch) -> None:
    def refuse(project: Project, image_id: int, synset_id: int) -> None:
        raise AnnotatorError("The disk is full.")

    monkeypatch.setitem(images_actions._TAG_VERBS, "accepted", refuse)
    bench.press(Key.Key_Y)
    assert bench.messages == [("error", "The disk is full.")]
    assert bench.verdicts()["dog"] == "unknown"
    assert bench.view.decided == {}


def test_digits_and_arrows_select(bench) -> None:
    bench.press(Key.Key_3)
    assert bench.word == "sofa"
    bench.press(Key.Key_Up)
    assert bench.word == "cat"
    bench.press(Key.Key_9)
    assert bench.word == "cat"
    assert bench.session.synset == bench.ids["cat"]


def test_moving_through_the_folder(bench) -> None:
    seen = [bench.image]
    for key in (Key.Key_D, Key.Key_PageDown, Key.Key_A, Key.Key_End, Key.Key_D, Key.Key_Home):
        bench.press(key)
        seen.append(bench.image)
    assert seen == ["a.jpg", "b.jpg", "c.png", "b.jpg", "e_broken.jpg", "e_broken.jpg", "a.jpg"]


def test_n_goes_to_the_next_image_with_an_open_question(bench) -> None:
    bench.press(Key.Key_N)
    assert bench.image == "b.jpg"
    bench.press(Key.Key_Y)
    bench.press(Key.Key_N)
    assert bench.image == "c.png"
    bench.press(Key.Key_X)
    bench.press(Key.Key_N)
    assert bench.image == "a.jpg"
    bench.press(Key.Key_Y, Key.Key_Y, Key.Key_Y)
    bench.press(Key.Key_N)
    assert bench.image == "a.jpg"
    assert bench.messages[-1][0] == "info"


def test_a_tag_stays_selected_on_the_next_image_that_has_it(bench) -> None:
    bench.press(Key.Key_3)
    bench.press(Key.Key_D)
    assert (bench.image, bench.word) == ("b.jpg", "dog")
    bench.press(Key.Key_D)
    assert (bench.image, bench.word) == ("c.png", "sofa")


def test_letters_in_a_text_field_decide_nothing(bench) -> None:
    bench.press(Key.Key_Slash)
    assert QApplication.focusWidget() is bench.view.left.filter
    bench.press(Key.Key_X, Key.Key_Y, Key.Key_D)
    assert bench.view.left.filter.text() == "xyd"
    assert bench.image == "a.jpg"
    assert bench.verdicts()["dog"] == "unknown"
    bench.press(Key.Key_Escape)
    assert bench.view.left.filter.text() == ""
    bench.press(Key.Key_Escape)
    assert QApplication.focusWidget() is bench.view.left.grid
    bench.press(Key.Key_Y)
    assert bench.verdicts()["dog"] == "accepted"


def test_a_word_is_added_with_type_ahead(bench) -> None:
    bench.press(Key.Key_D)
    bench.press(Key.Key_Plus)
    entry = bench.view.tags.word
    assert QApplication.focusWidget() is entry.box
    QTest.keyClicks(entry.box, "so")
    bench.settle()
    words = entry.words.stringList()
    assert words[0] == "sofa"
    assert len(words) > 1  # and nouns of WordNet
    QTest.keyClicks(entry.box, "fa")
    bench.press(Key.Key_Return)
    assert bench.verdicts()["sofa"] == "accepted"
    assert bench.word == "sofa"
    assert bench.on_disk("b.jpg")["sofa"] == "accepted"
    assert entry.box.text() == ""


def test_a_new_word_becomes_a_synset(bench) -> None:
    bench.view.tags.word.entered.emit("left shoe")
    bench.settle()
    assert bench.verdicts()["left shoe"] == "accepted"
    assert bench.view.tags.shown[0].source == "person"


def test_plus_again_is_no_part_of_the_next_word(bench) -> None:
    bench.press(Key.Key_D)
    bench.press(Key.Key_Plus)
    box = bench.view.tags.word.box
    QTest.keyClicks(box, "+left+right")
    assert box.text() == "left+right"


def test_an_image_that_no_model_saw_asks_for_a_proposal(bench) -> None:
    seen = bench.ids["a.jpg"]
    other = bench.ids["d.jpg"]
    with bench.session.project.read() as db:
        assert image_facts.read_facts(db, other).proposed is False
    project = bench.session.project
    with project.write("proposals", "runs") as db:
        said = store.Said(Proposed("dog", (0.9,)), "whole", 0, 0.9)
        run = store.start_run(db, "propose", pack="fake")
        store.add_run_images(db, run, [(seen, None, [said])])
    with project.read() as db:
        assert image_facts.read_facts(db, seen).proposed is True
        assert image_facts.read_facts(db, other).proposed is False


def test_dropped_words_are_shown_on_demand_and_can_be_accepted(bench) -> None:
    assert "1 word" in bench.view.tags.dropped.text()
    bench.view.tags.toggle_dropped()
    assert list(bench.verdicts()) == ["dog", "cat", "sofa", "kite"]
    bench.press(Key.Key_4)
    bench.press(Key.Key_Y)
    bench.view.tags.toggle_dropped()
    assert bench.verdicts()["kite"] == "accepted"


def test_an_unreadable_image_says_why(bench) -> None:
    bench.open("e_broken.jpg")
    assert "e_broken.jpg" in bench.view.canvas.message
    assert bench.tags("e_broken.jpg") == []
    with bench.session.project.read() as db:
        error = queries.image(db, bench.ids["e_broken.jpg"]).error
    assert error is not None
    assert error[1:] in bench.view.canvas.message  # a sentence begins with a capital
    assert "F5" in bench.view.canvas.message
    index = bench.view.left.model.index(4)
    assert error in index.data(Qt.ItemDataRole.ToolTipRole)


def test_a_file_that_went_away_after_the_scan(bench) -> None:
    (bench.session.project.folder / "d.jpg").unlink()
    bench.open("d.jpg")
    assert bench.view.canvas.frame is None
    assert "not there" in bench.view.canvas.message
    bench.open("a.jpg")
    assert bench.view.canvas.frame is not None


def test_vocabulary_and_evidence_of_the_image(bench) -> None:
    bench.session.act(synsets.move, bench.ids["dog"], bench.ids["sofa"])
    bench.settle()
    lines = [(line.depth, line.synset.name) for line in bench.view.tags.tree.lines]
    assert lines == [(0, "sofa"), (1, "dog"), (0, "cat")]
    assert bench.view.tags.evidence.image_ids == [bench.ids["a.jpg"], bench.ids["b.jpg"]]
    bench.view.tags.evidence.clicked.emit(bench.ids["b.jpg"])
    bench.settle()
    assert bench.image == "b.jpg"


def test_an_empty_folder_says_what_to_do(opened: Callable) -> None:
    bench = opened({})
    assert "has no readable images" in bench.view.left.empty_words()
    assert "scan it again" in bench.view.canvas.message
    assert bench.view.left._pages.currentWidget() is not bench.view.left.grid
    bench.view.left.set_scanning(True)
    assert bench.view.left.empty_words() == "Scanning the folder…"


def test_arrows_in_the_grid_move_through_the_grid(bench) -> None:
    bench.view.left.grid.setFocus()
    columns = bench.view.left.grid.columns
    assert columns == 2
    bench.press(Key.Key_Down)
    assert bench.image == list(bench.shown_images())[columns]
    assert bench.word == "sofa"
    bench.press(Key.Key_Left)
    assert bench.image == list(bench.shown_images())[columns - 1]


def test_space_and_drag_move_the_image_from_anywhere_in_the_view(bench) -> None:
    bench.view.left.grid.setFocus()
    QTest.keyPress(bench.view.left.grid, Key.Key_Space)
    assert bench.view.canvas.cursor().shape() == Qt.CursorShape.OpenHandCursor
    QTest.keyRelease(bench.view.left.grid, Key.Key_Space)
    assert bench.view.canvas.cursor().shape() == Qt.CursorShape.ArrowCursor
    assert bench.image == "a.jpg"
