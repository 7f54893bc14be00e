"""The thumbnail grid: lazy, filtered, and steady while a scan adds images."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QAbstractItemModelTester

from annotator.gui.item_models.images import ImagesModel
from annotator.gui.panels.thumbnail_store import Unreadable
from annotator.pipeline.scan import scan
from annotator.project import queries, store
from annotator.project.project import Project

Key = Qt.Key


@pytest.fixture
def many(project: Project) -> dict[str, int]:
    """20,000 listed images; no file is there, so every decode would be noticed as an error."""
    files = [store.FileSeen(f"{i:05d}.jpg", 1, 1) for i in range(20_000)]
    with project.write("images") as db:
        store.upsert_images(db, files)
    with project.read() as db:
        return {"00000.jpg": queries.image_ids(db)[0]}


def test_a_long_folder_costs_only_what_is_on_screen(opened: Callable, many) -> None:
    bench = opened(many)
    left = bench.view.left
    assert left.model.rowCount() == 20_000
    screen = len(left.grid.rows_on_screen())
    assert 0 < screen < 60
    assert bench.view.store.decoded <= screen
    assert len(left.model._facts) <= screen
    before = bench.view.store.decoded
    bar = left.grid.verticalScrollBar()
    bar.setValue(bar.maximum())
    bench.settle()
    assert bench.view.store.decoded - before <= len(left.grid.rows_on_screen())
    last = left.model.index(19_999)
    assert left.grid.visualRect(last).bottom() <= left.grid.viewport().height()


def test_fast_scrolling_leaves_no_queue(opened: Callable, many) -> None:
    bench = opened(many)
    bar = bench.view.left.grid.verticalScrollBar()
    for i in range(200):
        bar.setValue(i * 1000)
    assert len(bench.view.store._wanted["grid"]) <= 60
    assert len(bench.view.store._running) <= 2
    bench.settle()


def test_the_end_key_reaches_the_last_of_many(opened: Callable, many) -> None:
    bench = opened(many)
    bench.press(Key.Key_End)
    left = bench.view.left
    assert bench.session.image == left.model.id_at(19_999)
    assert left.grid.currentIndex().row() == 19_999
    rect = left.grid.visualRect(left.grid.currentIndex())
    assert left.grid.viewport().rect().contains(rect)


def test_pictures_and_reasons(bench) -> None:
    left = bench.view.left
    images = [left.model.image(i) for i in left.model.ids]
    thumbs = [bench.view.store.get(image) for image in images]
    assert [isinstance(t, QImage) for t in thumbs] == [True, True, True, True, False]
    assert isinstance(thumbs[4], Unreadable)
    tips = [left.model.index(row).data(Qt.ItemDataRole.ToolTipRole) for row in range(5)]
    assert "3 tags, 0 accepted" in tips[0]
    assert "unreviewed" in tips[1]
    assert "unreadable: " in tips[4]


def test_marks_follow_decisions(bench) -> None:
    bench.open("b.jpg")
    bench.press(Key.Key_Y)
    tip = bench.view.left.model.index(1).data(Qt.ItemDataRole.ToolTipRole)
    assert "reviewed" in tip.splitlines()
    assert "1 tag, 1 accepted" in tip


def test_text_filters_names_and_tags(bench) -> None:
    filter_box = bench.view.left.filter
    for text, expected in (
        ("sofa", ["a.jpg", "c.png"]),
        ("dog b", ["b.jpg"]),
        (".png", ["c.png"]),
        ("", ["a.jpg", "b.jpg", "c.png", "d.jpg", "e_broken.jpg"]),
    ):
        filter_box.setText(text)
        bench.settle()
        assert bench.shown_images() == expected, text


def test_a_filter_without_a_match_can_be_cleared(bench) -> None:
    left = bench.view.left
    left.filter.setText("zebra")
    bench.settle()
    assert left.empty_words() == "No image matches “zebra”."
    assert left.clear_button.isVisible()
    left.clear_button.click()
    bench.settle()
    assert len(bench.shown_images()) == 5
    assert not left.clear_button.isVisible()


def test_chips_count_and_filter(bench) -> None:
    chips = bench.view.left.chips
    assert chips.chip("unreadable").text() == "unreadable 1"
    assert chips.chip("unreviewed").text() == "unreviewed 3"
    assert chips.chip("reviewed").isHidden()
    chips.chip("doubtful").click()
    bench.settle()
    assert bench.shown_images() == ["a.jpg"]
    chips.chip("doubtful").click()
    bench.settle()
    assert len(bench.shown_images()) == 5
    chips.chip("unreadable").click()
    bench.settle()
    assert bench.shown_images() == ["e_broken.jpg"]


def test_a_decided_image_stays_under_the_hand(bench) -> None:
    bench.view.left.chips.chip("unreviewed").click()
    bench.settle()
    bench.open("b.jpg")
    bench.press(Key.Key_Y)
    assert "b.jpg" in bench.shown_images()
    bench.press(Key.Key_D)
    assert bench.image == "c.png"


def test_new_images_keep_selection_and_place(bench, project: Project) -> None:
    for i in range(60):
        (project.folder / f"m{i:02d}.jpg").write_bytes((project.folder / "a.jpg").read_bytes())
    for _ in scan(project):
        pass
    bench.qtbot.waitUntil(lambda: bench.view.left.model.rowCount() == 65)
    bench.settle()
    left = bench.view.left
    bench.press(Key.Key_End)
    left.grid.verticalScrollBar().setValue(200)
    bench.settle()
    selected = bench.session.image
    at_top = left.model.id_at(left.grid.anchor()[0])
    # They sort before all others, so every row moves.
    for i in range(30):
        (project.folder / f"A{i:02d}.jpg").write_bytes((project.folder / "a.jpg").read_bytes())
    for _ in scan(project):
        pass
    bench.qtbot.waitUntil(lambda: left.model.rowCount() == 95)
    bench.settle()
    assert bench.session.image == selected
    assert left.model.id_at(left.grid.currentIndex().row()) == selected
    assert left.model.id_at(left.grid.anchor()[0]) == at_top


def test_a_click_selects(bench) -> None:
    grid = bench.view.left.grid
    rect = grid.visualRect(bench.view.left.model.index(2))
    bench.qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    bench.settle()
    assert bench.image == "c.png"
    assert not grid.indexAt(rect.bottomRight() + rect.center()).isValid()


def test_the_model_is_a_proper_model(qtbot) -> None:
    model = ImagesModel()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    assert not model.set_ids([3, 1, 2])
    kept = [model.row_of(i) for i in (3, 1, 2, 9)]
    with qtbot.waitSignal(model.rowsInserted):
        assert model.set_ids([3, 1, 2, 9])
    assert kept == [0, 1, 2, -1]
    assert model.row_of(9) == 3
    assert not model.set_ids([1])
    assert model.rowCount() == 1
    assert tester.model() is model
