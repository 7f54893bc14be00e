"""Viewport, outlines and heat pictures: the sums behind the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPointF

from annotator.core.records import Tag
from annotator.gui import theme
from annotator.gui.canvas.shapes import heat_picture, outline
from annotator.gui.canvas.viewport import MAX_SCALE, Viewport
from annotator.gui.item_models.tags import next_undecided, number_words, seen_words

sizes = st.integers(1, 9000)
screens = st.integers(60, 3000)


def viewport(width: float, height: float, screen_x: float, screen_y: float) -> Viewport:
    made = Viewport()
    made.set_widget(screen_x, screen_y)
    made.set_image(width, height)
    return made


@given(sizes, sizes, screens, screens, st.floats(0, 1), st.floats(0, 1), st.floats(1, 50))
def test_zooming_in_keeps_the_pixel_under_the_pointer(w, h, sx, sy, fx, fy, factor) -> None:
    port = viewport(w, h, sx, sy)
    at = port.to_screen(QPointF(fx * w, fy * h))
    port.zoom_at(at, factor)
    assert port.scale <= MAX_SCALE
    found = port.to_screen(QPointF(fx * w, fy * h))
    assert (found - at).manhattanLength() < 1e-6 * max(w, h) * port.scale + 1e-6


@given(sizes, sizes, screens, screens)
def test_a_fitted_image_is_whole_and_in_the_middle(w, h, sx, sy) -> None:
    port = viewport(w, h, sx, sy)
    rect = port.image_rect()
    assert rect.width() <= sx
    assert rect.height() <= sy
    assert rect.center().x() == pytest.approx(sx / 2)
    assert rect.center().y() == pytest.approx(sy / 2)


@given(
    sizes, sizes, st.lists(st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)), max_size=8)
)
def test_the_image_can_never_be_lost(w, h, moves) -> None:
    port = viewport(w, h, 800, 600)
    port.zoom_at(QPointF(100, 100), 3)
    for dx, dy in moves:
        port.pan(dx, dy)
        assert port.image_rect().adjusted(-0.01, -0.01, 0.01, 0.01).contains(QPointF(400, 300))


def test_a_resized_widget_keeps_the_centre_or_fits_again() -> None:
    port = viewport(1000, 800, 800, 600)
    port.set_widget(400, 600)
    assert port.fitted
    assert port.image_rect().width() <= 400
    port.zoom_to(QPointF(200, 300), 2.0)
    before = port.to_image(QPointF(200, 300))
    port.set_widget(600, 500)
    assert (port.to_image(QPointF(300, 250)) - before).manhattanLength() < 1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_an_outline_encloses_the_pixels_of_its_mask(height, width, seed) -> None:
    """Blocks of 4 x 4 pixels: their middles are inside exactly where the mask is."""
    blocks = np.random.default_rng(seed).random((height, width)) < 0.5
    mask = np.kron(blocks, np.ones((4, 4), bool))
    path = outline(mask).path
    for row in range(0, height, 3):
        for column in range(0, width, 3):
            middle = QPointF(4 * column + 2, 4 * row + 2)
            assert path.contains(middle) == blocks[row, column]


def test_outlines_follow_pixel_edges_up_to_the_border() -> None:
    mask = np.ones((20, 30), bool)
    rect = outline(mask).path.boundingRect()
    assert rect.left() == pytest.approx(0, abs=0.2)
    assert rect.right() == pytest.approx(30, abs=0.2)
    assert rect.bottom() == pytest.approx(20, abs=0.2)
    thin = np.zeros((20, 30), bool)
    thin[:, 7] = True
    assert outline(thin).path.contains(QPointF(7.5, 10))
    assert outline(np.zeros((5, 5), bool)).path.isEmpty()


def test_far_away_a_coarser_outline_is_drawn() -> None:
    yy, xx = np.mgrid[:600, :600]
    made = outline((yy - 300) ** 2 + (xx - 300) ** 2 < 250**2)
    near, far = made.seen_at(2.0), made.seen_at(0.05)
    assert near is made.path
    assert far.elementCount() < near.elementCount() / 2
    assert far.contains(QPointF(300, 300))


def test_a_heat_picture_has_the_colours_of_the_scale_at_its_ends() -> None:
    values = np.linspace(-0.1, 0.4, 12, dtype=np.float32).reshape(3, 4)
    heat = heat_picture(values, theme.heat_lut())
    assert (heat.low, heat.high) == pytest.approx((-0.1, 0.4))
    size = heat.picture.size()
    assert heat.picture.pixel(0, 0) == theme.heat_lut()[0]
    assert heat.picture.pixel(size.width() - 1, size.height() - 1) == theme.heat_lut()[255]


def test_similarity_at_a_place_is_read_between_the_cells() -> None:
    values = np.array([[0.0, 1.0], [0.0, 1.0]], np.float32)
    heat = heat_picture(values, theme.heat_lut())
    assert heat.at(0.25, 0.5) == pytest.approx(0.0)
    assert heat.at(0.5, 0.1) == pytest.approx(0.5)
    assert heat.at(1.0, 1.0) == pytest.approx(1.0)
    flat = heat_picture(np.zeros((2, 2), np.float32), theme.heat_lut())
    assert flat.low < flat.high


def tag(synset: int, verdict: str = "unknown", **more: object) -> Tag:
    facts: dict[str, object] = {
        "image_id": 1, "image": "a.jpg", "synset_id": synset, "synset": f"s{synset}",
        "score": 0.5, "probability": 0.5, "occurrence": 2, "crops": 5,
        "seen": ("whole", "top left"), "kept": True, "reason": None, "verdict": verdict,
        "source": "machine",
    }  # fmt: skip
    return Tag(**(facts | more))


def test_the_next_open_question_goes_round() -> None:
    tags = [tag(1), tag(2, "accepted"), tag(3), tag(4, kept=False, reason="low")]
    assert next_undecided(tags, 0) == 2
    assert next_undecided(tags, 2) == 0
    assert next_undecided(tags, 2, {1}) == 2
    assert next_undecided(tags, -1, {1, 3}) is None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (tag(1), "seen in 2 of 5 crops · whole, top left"),
        (tag(1, crops=1, seen=("whole",)), "seen on the whole image"),
        (tag(1, score=None, seen=(), crops=0), "added by you"),
        (tag(1, kept=False, reason="below 0.68"), "dropped: below 0.68"),
    ],
)
def test_where_a_tag_comes_from(made: Tag, said: str) -> None:
    assert seen_words(made) == said


def test_a_zero_has_no_minus() -> None:
    assert number_words(-0.001) == "0.00"
    assert number_words(-0.0156, 2) == "-0.02"
