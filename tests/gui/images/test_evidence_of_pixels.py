"""What the pixels say of a tag, and what was settled between masks: in lists and on the canvas."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt

from annotator.core.records import Region, Rle
from annotator.gui.item_models.overlaps import overlaps
from annotator.gui.item_models.tags import (
    NameRole,
    not_replaced,
    numbered,
    origin_words,
    overlap_words,
    peak_words,
    pixel_words,
)
from annotator.project import store

Key = Qt.Key


@pytest.fixture
def looked_at(opened, project, ids):
    """A model looked at the pixels of a.jpg: they show the dog, and no cat."""
    image = ids["a.jpg"]
    rows = [
        store.PixelsRow(image, ids["dog"], 0.31, 0.75, 0.5, True),
        store.PixelsRow(image, ids["cat"], 0.12, 0.25, 0.5, False),
    ]
    with project.write("tags") as db:
        store.set_tag_pixels(db, rows, images=[image])
    return opened(ids)


def test_a_tag_says_what_the_pixels_show(looked_at) -> None:
    dog, cat, sofa = looked_at.view.tags.shown
    assert (peak_words(dog), pixel_words(dog)) == ("seen at 0.31", "peak 0.31")
    assert (peak_words(cat), pixel_words(cat)) == (
        "no pixel shows it, 0.12",
        "△ no pixel shows it, 0.12",
    )
    assert (peak_words(sofa), pixel_words(sofa)) == ("", "")
    model = looked_at.view.tags.model
    assert "no pixel shows it, 0.12" in model.index(1).data(Qt.ItemDataRole.AccessibleTextRole)
    assert "no pixel shows it well enough" in model.index(1).data(Qt.ItemDataRole.ToolTipRole)


def test_the_rows_look_different(looked_at) -> None:
    rows = looked_at.view.tags.rows
    before = rows.grab().toImage()
    project, ids = looked_at.session.project, looked_at.ids
    with project.write("tags") as db:
        row = store.PixelsRow(ids["a.jpg"], ids["cat"], 0.12, 0.25, 0.5, True)
        store.set_tag_pixels(db, [row], images=[ids["a.jpg"]])
    looked_at.qtbot.waitUntil(lambda: looked_at.view.tags.shown[1].supported is True)
    assert rows.grab().toImage() != before


def test_the_peak_of_the_selected_tag_is_marked(looked_at) -> None:
    prompts = looked_at.view.canvas.prompts
    assert prompts.peak == QPointF(48, 24)
    assert prompts.peak_words == "seen at 0.31"
    marked = looked_at.view.canvas.grab().toImage()
    looked_at.press(Key.Key_2)
    assert prompts.peak == QPointF(16, 24)
    assert looked_at.view.canvas.grab().toImage() != marked
    looked_at.press(Key.Key_3)
    assert prompts.peak is None  # nobody looked for it
    looked_at.press(Key.Key_1)
    looked_at.press(Key.Key_M)
    looked_at.click(20, 20)
    assert prompts.peak is None  # there is something else to look at
    looked_at.press(Key.Key_Escape)
    assert prompts.peak == QPointF(48, 24)


def test_unsupported_images_can_be_listed(looked_at) -> None:
    chip = looked_at.view.left.chips.chip("unsupported")
    assert chip.text() == "unsupported 1"
    looked_at.view.actions_.show_unsupported()
    looked_at.settle()
    assert looked_at.shown_images() == ["a.jpg"]
    assert chip.isChecked()


def region(id: int, synset: int, verdict: str = "unknown", **prompt: object) -> Region:
    name = {1: "person", 2: "sofa"}[synset]
    box = (0, 0, 2, 2)
    source = "person" if "replaces" in prompt else "machine"
    rle = Rle(4, 4, "04")
    return Region(*(id, 7, "a.jpg", synset, name, rle, box, 4, 0.5, 0.2, verdict, source, prompt))


def test_several_masks_of_a_tag_are_numbered() -> None:
    names = numbered([region(10, 1), region(11, 2), region(12, 1)])
    assert names == {10: "person 1", 11: "sofa", 12: "person 2"}


def test_a_replaced_mask_makes_way_until_its_correction_is_rejected() -> None:
    old, new = region(10, 1, "rejected"), region(11, 1, "accepted", replaces=10)
    assert [r.id for r in not_replaced([old, new])] == [11]
    assert origin_words(new) == "corrected by you"
    rejected = region(11, 1, "rejected", replaces=10)
    assert [r.id for r in not_replaced([old, rejected])] == [10, 11]
    undecided = region(10, 1, "unknown")  # as after an undo of something else
    assert [r.id for r in not_replaced([undecided, new])] == [10, 11]


def test_the_region_list_shows_numbers(opened, project, ids, masked) -> None:
    from annotator.core import masks
    from annotator.operations import regions
    from annotator.project import queries

    with project.read() as db:
        rle = queries.region(db, masked["dog"]).rle
    regions.keep(project, ids["a.jpg"], ids["dog"], rle, None, {})
    assert masks.area(rle)
    bench = opened(ids)
    model = bench.view.regions.model
    names = [model.index(row).data(NameRole) for row in range(3)]
    assert names == ["dog 1", "sofa", "dog 2"]


def test_what_was_settled_is_in_words() -> None:
    settled = [
        {"synset": 2, "name": "rug", "pixels": 310, "given": "kept"},
        {"synset": 3, "name": "sofa", "pixels": 6, "given": "lost"},
        {"synset": 3, "name": "sofa", "pixels": 6, "given": "lost"},  # another mask of it
        {"synset": 4, "name": "person", "pixels": 88, "given": "nested"},
        {"synset": 5, "name": "hat", "pixels": 22, "given": "nested"},
    ]
    words = ["gave 12 % to sofa", "part of person", "shares 25 % with hat", "took 310 px from rug"]
    assert overlaps(settled, 88) == words
    assert overlaps(settled[1:2], 100_000) == ["gave under 1 % to sofa"]


@pytest.mark.parametrize("nonsense", [None, 3, {"a": 1}, [None, 4], "", [{}], [[]]])
def test_nonsense_about_overlaps_is_left_out(nonsense: object) -> None:
    assert overlaps(nonsense, 100) == []
    assert overlap_words(region(1, 1, overlap=nonsense)) == ""
