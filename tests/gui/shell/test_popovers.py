"""What is asked before a long step, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot

from annotator.gui.pack_facts import PackFacts
from annotator.gui.popovers import Export, ExportPopover, SegmentPopover
from annotator.gui.propose_popover import ProposePopover
from annotator.pipeline.options import ProposeOptions
from annotator.pipeline.segment import SegmentOptions

Press = Callable[..., None]
STARTER = PackFacts("starter", "Starter")


@pytest.fixture
def frame(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    made.resize(1000, 700)
    qtbot.addWidget(made)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    return made


def test_proposing_gives_options_that_the_pipeline_takes(frame: QMainWindow) -> None:
    popover = ProposePopover(frame)
    popover.set_packs([PackFacts("other", "Other"), STARTER], "starter")
    asked: list[tuple[str, Any]] = []
    popover.chosen.connect(lambda pack, options: asked.append((pack, options)))
    popover.open_at()
    popover.grid.setCurrentIndex(popover.grid.findData("sgc"))
    popover.filter.setCurrentIndex(popover.filter.findData("both"))
    popover.threshold.setValue(0.5)
    popover.go.click()
    assert asked == [
        (
            "starter",
            {
                "grid": "sgc",
                "filter": "both",
                "threshold": 0.5,
                "combine": "avg",
                "rank": "product",
            },
        )
    ]
    assert ProposeOptions(**asked[0][1]).grid == "sgc"
    assert not popover.isVisible()


def test_no_filter_needs_no_threshold(frame: QMainWindow) -> None:
    popover = ProposePopover(frame)
    popover.filter.setCurrentIndex(popover.filter.findData("none"))
    assert not popover.threshold.isEnabled()
    popover.filter.setCurrentIndex(popover.filter.findData("fixed"))
    assert popover.threshold.isEnabled()


def test_enter_starts_it_and_esc_does_not(frame: QMainWindow, press: Press) -> None:
    popover = ProposePopover(frame)
    popover.set_packs([STARTER], "starter")
    asked: list[str] = []
    popover.chosen.connect(lambda pack, _: asked.append(pack))
    popover.open_at()
    popover.threshold.setFocus()
    press(frame, Qt.Key.Key_Escape)
    assert not popover.isVisible()
    assert asked == []
    popover.open_at()
    popover.threshold.setFocus()
    press(frame, Qt.Key.Key_Return)
    assert asked == ["starter"]
    assert not popover.isVisible()


def test_masks_for_all_or_for_the_selected_synset(frame: QMainWindow) -> None:
    popover = SegmentPopover(frame)
    asked: list[tuple[int | None, dict[str, bool]]] = []
    popover.chosen.connect(lambda synset, options: asked.append((synset, options)))
    popover.set_synset(None, "")
    assert popover.what.count() == 1
    popover.go.click()
    popover.set_synset(7, "sofa")
    popover.what.setCurrentIndex(popover.what.findText("only sofa"))
    popover.supported.setChecked(True)
    popover.go.click()
    assert [synset for synset, _ in asked] == [None, 7]
    assert [SegmentOptions(**options).supported_only for _, options in asked] == [False, True]
    assert SegmentOptions(**asked[0][1]) == SegmentOptions()  # what is not chosen is as always


def test_exporting_suggests_a_place_for_each_format(frame: QMainWindow, tmp_path: Path) -> None:
    popover = ExportPopover(frame)
    popover.set_project(tmp_path / "my.annot")
    assert popover.out.text() == str(tmp_path / "my-coco.json")
    popover.format.setCurrentIndex(popover.format.findData("ade20k"))
    assert popover.out.text() == str(tmp_path / "my-ade20k")


def test_exporting_to_the_place_that_was_typed(frame: QMainWindow, tmp_path: Path) -> None:
    popover = ExportPopover(frame)
    popover.set_project(tmp_path / "my.annot")
    asked: list[Export] = []
    popover.chosen.connect(asked.append)
    popover.open_at()
    popover.out.setFocus()
    popover.out.clear()
    assert not popover.go.isEnabled()
    QTest.keyClicks(popover.out, f" {tmp_path}/out.json ")
    popover.include.setCurrentIndex(popover.include.findData("proposed"))
    popover.go.click()
    assert asked == [Export("coco", "proposed", tmp_path / "out.json")]


def test_a_place_that_was_typed_stays_when_it_is_opened_again(
    frame: QMainWindow, tmp_path: Path
) -> None:
    popover = ExportPopover(frame)
    popover.set_project(tmp_path / "my.annot")
    popover.out.setText("/elsewhere.json")
    popover.set_project(tmp_path / "my.annot")
    assert popover.out.text() == "/elsewhere.json"
    popover.set_project(tmp_path / "other.annot")
    assert popover.out.text() == str(tmp_path / "other-coco.json")


@pytest.mark.parametrize("kind", [ProposePopover, SegmentPopover, ExportPopover])
def test_it_stays_inside_the_window(frame: QMainWindow, kind: type[ProposePopover]) -> None:
    popover = kind(frame)
    popover.open_at(frame)  # under something at the very edge
    assert popover.x() >= 8
    assert popover.geometry().right() <= frame.width()
