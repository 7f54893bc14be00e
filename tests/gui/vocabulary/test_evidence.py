"""The evidence column: heading, words, path, rows of images, and what its keys do."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from annotator.core.records import RawWord
from annotator.gui.panels.evidence import word_chips
from annotator.project import queries, store


def texts(parent: Any, kind: type = QLabel) -> list[str]:
    return [w.text() for w in parent.findChildren(kind) if not w.isHidden()]


def scores(row: Any) -> list[float]:
    return [tile.tag.score for tile in row.strip.shown()]


def test_heading_words_and_path(bench: Any) -> None:
    panel = bench.view.evidence
    assert panel.heading.text() == "SOFA · NO WORDNET ID · IN 3 IMAGES"
    assert texts(panel.words) == ["said", "sofa 3", "dropped by filter: settee 1"]
    assert panel.path.isHidden()
    bench.select("beagle")
    assert texts(panel.path, QPushButton) == ["animal", "dog"]
    panel.path.findChildren(QPushButton)[0].click()
    bench.settle()
    assert bench.session.synset == bench.ids["animal"]


def test_words_dropped_and_kept_are_told_apart() -> None:
    words = [RawWord("sofa", 61, 0, "a"), RawWord("settee", 5, 2, "b"), RawWord("divan", 1, 1, "")]
    assert word_chips(words) == (["sofa 61", "settee 3"], ["settee 2", "divan 1"])


def test_rows_are_strongest_doubtful_weakest(bench: Any) -> None:
    panel = bench.view.evidence
    assert (scores(panel.strongest), scores(panel.doubtful), scores(panel.weakest)) == (
        [0.9],
        [0.8],
        [0.55],
    )
    assert all(tile.loaded for tile in panel.tiles())


def test_a_group_shows_the_strongest_below_it(bench: Any) -> None:
    bench.select("dog")
    panel = bench.view.evidence
    assert "GROUPS 2 SYNSETS" in panel.heading.text()
    assert [tile.tag.synset for tile in panel.tiles()] == ["beagle", "bluetick"]


def test_a_rejected_synset_says_where_its_images_are(bench: Any) -> None:
    bench.press(Qt.Key.Key_X)
    assert bench.view.evidence.tiles() == []
    assert "hidden" in bench.view.evidence.strongest.nothing.text()


def test_keys_on_an_image_judge_the_tag_there(bench: Any) -> None:
    tile = bench.view.evidence.tiles()[0]
    image = tile.tag.image_id
    tile.setFocus()
    bench.press(Qt.Key.Key_Y)
    with bench.session.project.read() as db:
        verdicts = {t.synset: t.verdict for t in queries.tags(db, image)}
    assert verdicts["sofa"] == "accepted"
    assert bench.synset("sofa").verdict == "unknown"
    assert tile.tag.verdict == "accepted"
    bench.press(Qt.Key.Key_X)
    with bench.session.project.read() as db:
        verdicts = {t.synset: t.verdict for t in queries.tags(db, image)}
    assert verdicts["sofa"] == "rejected"


def test_arrows_walk_over_the_images(bench: Any) -> None:
    panel = bench.view.evidence
    panel.strongest.strip.shown()[0].setFocus()
    bench.press(Qt.Key.Key_Down)
    assert QApplication.focusWidget() is panel.doubtful.strip.shown()[0]
    bench.press(Qt.Key.Key_Down)
    bench.press(Qt.Key.Key_Up)
    assert QApplication.focusWidget() is panel.doubtful.strip.shown()[0]


def test_click_and_enter_open_the_image(bench: Any) -> None:
    tile = bench.view.evidence.tiles()[1]
    tile.click()
    assert bench.session.image == tile.tag.image_id
    assert bench.session.view == "images"
    bench.session.select_view("vocabulary")
    other = bench.view.evidence.tiles()[0]
    other.setFocus()
    bench.press(Qt.Key.Key_Return)
    assert bench.session.image == other.tag.image_id


def test_buttons_do_what_their_keys_do(bench: Any) -> None:
    buttons = bench.view.evidence.buttons
    buttons["accept"].click()
    bench.settle()
    assert bench.synset("sofa").verdict == "accepted"
    buttons["merge"].click()
    assert bench.view.merge.chooser.isVisible()
    buttons["rename"].click()
    focus = QApplication.focusWidget()
    assert focus is not None
    assert focus.objectName() == "renameEditor"


def test_an_unreadable_image_says_so_on_its_tile(bench: Any) -> None:
    project = bench.session.project
    (project.folder / "photo8.jpg").write_bytes(b"no picture")
    project.cache.clear()
    bench.select("car")
    tile = bench.view.evidence.tiles()[0]
    assert tile.loaded
    assert "photo8.jpg" in tile.toolTip()


def tag_all(bench: Any, name: str, images: int) -> None:
    with bench.session.project.write("tags") as db:
        rows = [
            store.TagRow(i + 1, bench.ids[name], 0.1 * i, 0.1 * i, 1, 1, ("whole",), True)
            for i in range(images)
        ]
        store.set_tags(db, rows)
    bench.settle()
    bench.select(name)


@pytest.mark.parametrize("images", [1, 3, 5, 7, 10])
@pytest.mark.parametrize("height", [620, 820, 1000])
def test_images_and_buttons_fit_the_panel(bench: Any, images: int, height: int) -> None:
    panel = bench.view.evidence
    bench.window.resize(1440, height)
    tag_all(bench, "couch", images)
    bench.settle()
    assert panel.tiles()
    widths = {tile.width() for tile in panel.tiles()}
    assert max(widths) - min(widths) <= 1
    assert panel.action_row.geometry().bottom() <= panel.viewport().height()
    for row in panel.rows():
        for tile in row.strip.shown():
            assert row.strip.rect().contains(tile.geometry())


def test_more_room_shows_more_images(bench: Any) -> None:
    tag_all(bench, "couch", 10)
    panel = bench.view.evidence
    many = len(panel.tiles())
    bench.window.resize(1100, 480)
    bench.settle()
    assert 3 <= len(panel.tiles()) < many
