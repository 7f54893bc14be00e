"""A sentence in the image: its map, its words, and the masks that are cut from them."""

from __future__ import annotations

from importlib import import_module

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from annotator.core import masks
from annotator.gui.canvas.grounding import TEXT, UNION

Key = Qt.Key


@pytest.fixture
def finding(bench):
    """ "sky" is like nothing in the picture; every other word is like its right side."""
    bench.models.vectors["sky"] = (-1.0, 0.0)
    return bench


def find(bench, text: str) -> None:
    bench.press(Key.Key_I)
    QTest.keyClicks(QApplication.focusWidget(), text)
    bench.press(Key.Key_Return)


def test_a_sentence_has_a_map_and_its_words(finding) -> None:
    finding.press(Key.Key_2)
    find(finding, "a dog, sky")
    view = finding.view
    assert view.canvas.heat.image is not None
    assert QApplication.focusWidget() is view.canvas
    words = {which: chip.text() for which, chip in view.finder.chips.items()}
    assert words == {
        TEXT: "The text",
        UNION: "✓ words together (2)",
        "a": "✓ a 1.00",
        "dog": "✓ dog 1.00",
        "sky": "sky 0.00",
    }
    assert view.finder.chips[TEXT].isChecked()
    assert not view.desk.grounding.on  # the tag's heatmap is still off
    preview = view.desk.preview
    assert preview.synset_id == finding.ids["cat"]  # the mask is the selected tag's
    finding.press(Key.Key_Return)
    kept = finding.regions("a.jpg")[0]
    assert kept.synset == "cat"
    assert kept.threshold is not None
    assert (kept.prompt["kind"], kept.prompt["text"]) == ("text", "a dog, sky")
    assert kept.prompt["map"] == "text"


def test_the_maps_are_switched(finding) -> None:
    find(finding, "dog sky")
    grounding, finder = finding.view.desk.grounding, finding.view.finder
    own = grounding.heat.values
    finder.chips["sky"].click()
    finding.settle()
    assert grounding.heat.values == pytest.approx(-own)
    finder.chips[UNION].click()
    finding.settle()
    assert (grounding.heat.low, grounding.heat.high) == (0.0, 1.0)
    assert finder.chips[UNION].isChecked()
    assert not finder.chips[TEXT].isChecked()
    assert len(finding.models.asked) == 3  # one look for all the maps
    finding.press(Key.Key_Return)
    kept = finding.regions("a.jpg")[0]
    assert kept.threshold is None  # normalised maps have no similarity
    assert kept.prompt["map"] == "union"
    assert masks.decode(kept.rle)[:, -1].all()


def test_esc_goes_back_to_the_tag(finding) -> None:
    finding.press(Key.Key_H)
    find(finding, "dog sky")
    view = finding.view
    finding.press(Key.Key_Escape)
    assert view.desk.preview is None
    assert view.desk.grounding.text == "dog sky"
    finding.press(Key.Key_Escape)
    assert view.desk.grounding.text == ""
    assert view.finder.box.text() == ""
    assert view.finder.chips == {}
    assert view.canvas.heat.image is not None  # the tag's, as before
    assert finding.models.asked[-1] == "dog"
    finding.press(Key.Key_I)
    QTest.keyClicks(QApplication.focusWidget(), "some")
    finding.press(Key.Key_Escape)
    assert QApplication.focusWidget() is view.canvas
    assert view.finder.box.text() == ""


def test_letters_typed_in_the_field_are_no_commands(finding) -> None:
    finding.press(Key.Key_I)
    QTest.keyClicks(QApplication.focusWidget(), "my box")
    assert finding.view.finder.box.text() == "my box"
    assert finding.view.tools.current == "select"
    assert finding.verdicts()["dog"] == "unknown"


def test_the_sentence_is_looked_for_on_the_next_image_too(finding) -> None:
    find(finding, "dog sky")
    finding.press(Key.Key_D)
    assert finding.view.desk.grounding.text == "dog sky"
    assert finding.view.desk.preview.image_id == finding.ids["b.jpg"]
    assert set(finding.view.finder.chips) == {TEXT, UNION, "dog", "sky"}


def test_another_tag_has_the_same_map_and_its_own_mask(finding) -> None:
    find(finding, "dog sky")
    asked = len(finding.models.asked)
    finding.press(Key.Key_3)
    assert finding.view.desk.preview.synset_id == finding.ids["sofa"]
    assert len(finding.models.asked) == asked


def test_three_hundred_words_and_emoji_keep_the_layout(finding) -> None:
    view = finding.view
    width, height = view.canvas.width(), view.canvas.height()
    words = [f"supercalifragilisticexpialidocious{i}" for i in range(299)]
    view.finder.box.setText(" ".join(["🐱", *words]))
    view.finder.box.returnPressed.emit()
    finding.settle()
    assert view.canvas.width() == width
    assert height - view.canvas.height() < 100
    more = [chip for chip in view.finder._maps._chips if chip.text().endswith("more…")]
    assert [chip.text() for chip in more] == ["276 more…"]
    more[0].click()
    assert len(view.finder.chips) == 302
    assert height - view.canvas.height() < 100
    for chip in view.finder.chips.values():
        assert chip.geometry().right() < view.finder._maps.width()
        assert len(chip.text()) < 60


def test_words_are_shown_letter_by_letter(finding) -> None:
    view = finding.view
    view.finder.box.setText("<b>bold</b> black&white")
    view.finder.box.returnPressed.emit()
    finding.settle()
    tips = [chip.toolTip() for chip in view.finder.chips.values()]
    assert all("<b>" not in tip for tip in tips)
    assert view.desk.preview is not None


def test_a_text_without_words_is_said_and_shows_no_map(finding) -> None:
    find(finding, "dog")
    find(finding, "...")
    assert "has no words" in finding.view.bar.note
    assert finding.view.finder.chips == {}
    assert finding.view.canvas.heat.image is None


def test_an_old_sentence_is_never_shown(finding) -> None:
    finding.models.go_on.clear()
    find_now = finding.view.finder
    find_now.box.setText("dog")
    find_now.box.returnPressed.emit()
    finding.qtbot.waitUntil(finding.models.looking.is_set)
    find_now.box.setText("sky")
    find_now.box.returnPressed.emit()
    finding.models.go_on.set()
    finding.settle()
    assert set(find_now.chips) == {TEXT, UNION, "sky"}


def test_smoothing_draws_the_map_along_the_edges(bench) -> None:
    import_module("torch")  # a busy machine takes long, which is not what is tested here
    bench.press(Key.Key_H)
    coarse = bench.view.desk.grounding.heat.values
    bench.press(Key.Key_S)
    fine = bench.view.desk.grounding.heat.values
    assert bench.view.bar.smooth.isChecked()
    assert fine.shape == (48, 64)
    assert coarse.shape == (6, 8)
    assert coarse.min() <= fine.min()
    assert fine.max() <= coarse.max()
    # The left half of the photo is dark and the right half bright: the step is sharper there.
    step = fine[24, 34] - fine[24, 29]
    assert step > 2 * (fine[24, 24] - fine[24, 19])
    bench.press(Key.Key_S)
    assert bench.view.desk.grounding.heat.values.shape == (6, 8)
