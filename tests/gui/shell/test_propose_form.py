"""The propose form for models that talk, for packs that are not here, and for model servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow, QPushButton
from pytestqt.qtbot import QtBot

from annotator.backends.manifest import Prompt
from annotator.core.records import COMBINES, RANKINGS, STRATEGIES
from annotator.gui.main_window import MainWindow
from annotator.gui.pack_facts import PackFacts, read_packs
from annotator.gui.popovers import GroupPopover
from annotator.gui.propose_more import COMBINE_WORDS, RANK_WORDS
from annotator.gui.propose_popover import ProposePopover
from annotator.gui.propose_talk import OWN, STRATEGY_WORDS
from annotator.gui.session import Session
from annotator.pipeline.options import ProposeOptions

Press = Callable[..., None]
PROMPTS = (
    Prompt("labels", "Name all things as a Python list.", "list", "Correct these: {labels}."),
    Prompt("caption", "Describe the image.", "caption"),
)
STARTER = PackFacts("starter", "Starter")
TALKS = PackFacts("talks", "A model that talks", talks=True, prompts=PROMPTS)
SERVED = PackFacts(
    "far", "Far away", talks=True, prompts=PROMPTS, image_server="http://far/v1", open_way=True
)
MISSING = PackFacts(
    "gone", "Not there", talks=True, prompts=PROMPTS, missing="The model folder X is not there."
)


@pytest.fixture
def frame(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    made.resize(1100, 700)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


@pytest.fixture
def form(frame: QMainWindow) -> ProposePopover:
    made = ProposePopover(frame)
    made.set_packs([STARTER, TALKS, SERVED, MISSING], "starter")
    made.open_at()
    return made


@pytest.fixture
def asked(form: ProposePopover) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    form.chosen.connect(lambda pack, options: found.append((pack, options)))
    return found


def pick(form: ProposePopover, pack: str) -> None:
    form.pack.setCurrentIndex(form.pack.findData(pack))


def test_every_value_has_words() -> None:
    assert set(STRATEGY_WORDS) == set(STRATEGIES)
    assert set(COMBINE_WORDS) == set(COMBINES)
    assert set(RANK_WORDS) == set(RANKINGS)


def test_a_classifier_is_asked_nothing(form: ProposePopover) -> None:
    assert not form.talk.text.isVisible()
    assert not form.notice.isVisible()
    small = form.height()
    form.more.click()
    assert form.fields.combine.isVisible()
    assert not form.fields.samples.isVisible()
    assert form.height() > small


def test_a_prompt_of_the_pack_and_all_options(
    form: ProposePopover, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    pick(form, "talks")
    assert form.talk.text.isVisible()
    assert form.talk.text.toPlainText() == PROMPTS[0].text
    form.more.click()
    form.grid.setCurrentIndex(form.grid.findData("sg"))
    assert form.fields.samples.text() == "2 (the paper)"
    form.fields.seed.setValue(7)
    form.fields.temperature.setValue(0.7)
    form.fields.correct.click()
    form.fields.rank.setCurrentIndex(form.fields.rank.findData("occurrence"))
    form.go.click()
    pack, options = asked[0]
    assert pack == "talks"
    assert options == {
        "grid": "sg",
        "filter": "percentile",
        "threshold": 0.68,
        "combine": "avg",
        "rank": "occurrence",
        "samples": None,
        "seed": 7,
        "temperature": 0.7,
        "nucleus": 0.9,
        "correct": True,
        "prompt": "labels",
        "strategy": "list",
    }
    ProposeOptions(**options)


def test_editing_makes_it_an_own_text_and_reset_brings_the_packs_back(
    form: ProposePopover, asked: list[tuple[str, dict[str, Any]]], press: Press
) -> None:
    pick(form, "talks")
    form.talk.prompt.setCurrentIndex(1)
    form.talk.prompt.activated.emit(1)
    assert form.talk.strategy.currentData() == "caption"
    form.talk.text.setFocus()
    form.talk.text.selectAll()
    QTest.keyClicks(form.talk.text, "What is there? <b>All</b>")
    assert form.talk.prompt.currentText() == OWN
    press(form, Qt.Key.Key_Return)  # a line break, not a start
    assert form.isVisible()
    form.talk.reset.click()
    assert form.talk.text.toPlainText() == PROMPTS[1].text
    assert form.talk.prompt.currentText() == "caption"
    assert not form.talk.reset.isEnabled()
    form.talk.text.setPlainText("Only chairs.")
    form.talk.text.setFocus()
    press(form, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert asked[0][1]["prompt"] == "Only chairs."
    assert asked[0][1]["strategy"] == "caption"


def test_nothing_to_ask_cannot_be_started(form: ProposePopover) -> None:
    pick(form, "talks")
    form.talk.text.setPlainText("  ")
    assert not form.go.isEnabled()
    form.talk.reset.click()
    assert form.go.isEnabled()


def test_a_prompt_without_correction_offers_none(form: ProposePopover) -> None:
    pick(form, "talks")
    form.fields.correct.setChecked(True)
    form.talk.prompt.setCurrentIndex(1)
    form.talk.prompt.activated.emit(1)
    assert not form.fields.correct.isEnabled()
    assert form.fields.options(True)["correct"] is False


def test_fields_keep_what_was_chosen_for_each_pack(form: ProposePopover) -> None:
    pick(form, "talks")
    form.talk.text.setPlainText("Only chairs.")
    pick(form, "far")
    assert form.talk.text.toPlainText() == PROMPTS[0].text
    pick(form, "talks")
    assert form.talk.text.toPlainText() == "Only chairs."
    form.threshold.setValue(0.4)
    form.close_it()
    form.set_packs([STARTER, TALKS], "starter")
    form.open_at()
    assert form.pack.currentData() == "talks"
    assert form.talk.text.toPlainText() == "Only chairs."
    assert form.threshold.value() == 0.4


def test_where_images_go_is_said_before_the_button(form: ProposePopover) -> None:
    pick(form, "far")
    assert form.notice.isVisible()
    assert form.notice.text() == (
        "Images of this folder are sent to http://far/v1, and nothing hides them on the way there"
    )
    assert form.go.text() == "Send and propose"
    pick(form, "talks")
    assert not form.notice.isVisible()
    assert form.go.text() == "Propose"


def test_a_pack_that_is_not_here_says_where_to_put_it(
    form: ProposePopover, asked: list[tuple[str, dict[str, Any]]], press: Press
) -> None:
    pick(form, "gone")
    assert form.pack.currentText() == "Not there · not here"
    assert form.notice.text() == MISSING.missing
    assert not form.go.isEnabled()
    form.grid.setFocus()
    press(form, Qt.Key.Key_Return)
    assert asked == []


def test_enter_on_another_button_presses_that_one(
    form: ProposePopover, asked: list[tuple[str, dict[str, Any]]], press: Press
) -> None:
    pick(form, "far")
    wanted: list[bool] = []
    form.server_wanted.connect(lambda: wanted.append(True))
    form.server.setFocus()
    press(form, Qt.Key.Key_Return)
    assert wanted == [True]
    assert asked == []


def test_what_is_not_here_comes_last_and_every_pack_says_what_it_is(form: ProposePopover) -> None:
    described = PackFacts("starter", "Starter", "Finds <1,000 things.")
    form.set_packs([MISSING, SERVED, described], "starter")
    assert [form.pack.itemData(row) for row in range(3)] == ["far", "starter", "gone"]
    shown = [form.pack.itemText(row) for row in range(3)]
    assert shown == ["Far away · server", "Starter", "Not there · not here"]
    assert form.pack.currentData() == "starter"
    assert "Finds &lt;1,000 things." in form.pack.toolTip()
    form.set_packs([MISSING], "starter")
    assert form.pack.currentData() == "gone"
    words = set()
    for row in range(form.filter.count()):
        form.filter.setCurrentIndex(row)
        words.add(form.threshold.toolTip())
    assert len(words) == form.filter.count()


@pytest.mark.parametrize("forward", [True, False])
def test_tab_goes_round_in_the_form(
    form: ProposePopover, frame: QMainWindow, press: Press, forward: bool
) -> None:
    behind = QPushButton("Behind", frame)
    behind.show()
    pick(form, "talks")
    form.more.click()
    form.pack.setFocus()
    met = []
    for _ in range(40):
        press(frame, Qt.Key.Key_Tab if forward else Qt.Key.Key_Backtab)
        met.append(QApplication.focusWidget())
        if met[-1] is form.pack:
            break
    assert met[-1] is form.pack
    assert len(set(met)) == len(met)
    wanted = {form.talk.text, form.grid, form.more, form.fields.seed, form.server, form.go}
    assert wanted < set(met)
    assert behind not in met


def test_the_whole_form_fits_into_a_small_window(form: ProposePopover, frame: QMainWindow) -> None:
    pick(form, "far")
    form.more.click()
    assert frame.rect().contains(form.geometry())
    assert form.fields.correct.geometry().bottom() <= form.fields.height()
    for label in form.findChildren(QLabel):
        if label.isVisible():
            assert label.textFormat() != Qt.TextFormat.RichText


def test_the_shipped_packs_are_described_without_a_model(own_settings: None) -> None:
    found = {one.name: one for one in read_packs()}
    assert not found["starter"].missing
    assert not found["starter"].talks
    assert "instructblip-vicuna-7b" in found["instructblip"].missing
    assert found["instructblip"].prompts
    assert found["server"].image_server == found["server"].word_server
    assert not found["server"].open_way


def test_words_leave_only_after_being_asked(
    qtbot: QtBot,
    window: MainWindow,
    photos: Path,
    opened: Callable[[Path], Session],
    press: Press,
) -> None:
    session = opened(photos)
    session.models.use("server")
    press(window, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.findChild(GroupPopover) is not None)
    form = window.findChild(GroupPopover)
    assert form.isVisible()
    assert "http://127.0.0.1:8000/v1" in form.notice.text()
    assert session.jobs.get("group") is None
    press(window, Qt.Key.Key_Escape)
    assert not form.isVisible()
    assert session.jobs.get("group") is None
    assert QApplication.focusWidget() is not None
