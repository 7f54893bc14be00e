"""The next images are encoded while the person looks at this one."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from annotator.gui.status_line import StatusLine

Key = Qt.Key
#: Shades of the photos, by which the fake model tells them apart.
A, B, C, D = 20, 50, 80, 110


@pytest.fixture
def storing(bench, storing_models):
    """The view with a Refiner whose encodings can be kept."""
    bench.models = bench.session.models = storing_models
    yield bench
    storing_models.answer.set()
    storing_models.encode_on.set()


def near(shades: list[int]) -> list[int]:
    """JPEG may shift a shade by one or two."""
    return [min((A, B, C, D), key=lambda known: abs(known - shade)) for shade in shades]


def test_the_next_images_are_encoded_after_this_one(storing) -> None:
    storing.press(Key.Key_M)
    assert near(storing.models.encoded) == [A, B, C, D]
    storing.press(Key.Key_D)
    storing.click(20, 20)
    assert len(storing.models.encoded) == 4  # from the disk
    assert storing.view.desk.preview is not None


def test_nothing_is_encoded_before_a_mask_is_wanted(storing) -> None:
    storing.press(Key.Key_D)
    storing.press(Key.Key_A)
    assert storing.models.encoded == []


def test_a_refiner_that_keeps_nothing_encodes_nothing_ahead(bench) -> None:
    bench.press(Key.Key_M)
    assert near(bench.models.encoded) == [A]


def test_a_click_does_not_wait_for_what_is_encoded_ahead(storing) -> None:
    models = storing.models
    models.slow = B
    left: list[int] = []
    storing.view.desk.encodings.ahead_changed.connect(left.append)
    storing.press(Key.Key_M, wait=False)
    storing.qtbot.waitUntil(models.encoding.is_set)
    storing.click(20, 20, wait=False)
    storing.qtbot.waitUntil(lambda: storing.view.desk.preview is not None)
    assert not models.encode_on.is_set()  # the next image is still at work
    storing.qtbot.waitUntil(lambda: left == [3])
    models.encode_on.set()
    storing.settle()
    assert left == [3, 2, 1, 0]


def test_moving_on_ends_what_was_encoded_ahead(storing) -> None:
    models = storing.models
    models.slow = B
    storing.press(Key.Key_M, wait=False)
    storing.qtbot.waitUntil(models.encoding.is_set)
    storing.session.select_image(storing.ids["d.jpg"])
    storing.qtbot.waitUntil(lambda: storing.view.bar.note == "Getting the image ready…")
    models.encode_on.set()
    storing.settle()
    assert near(models.encoded) == [A, B, D]  # b.jpg was at hand; c.png is not wanted any more


def test_the_line_at_the_bottom_says_so_quietly(qtbot) -> None:
    line = StatusLine()
    qtbot.addWidget(line)
    assert line.note.text() == ""
    line.show_note("Getting the next 2 images ready")
    assert line.note.text() == "Getting the next 2 images ready"
