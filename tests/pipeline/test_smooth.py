"""Heatmaps drawn along the edges of their image."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.pipeline.ground import upsample
from annotator.pipeline.smooth import EDGE, smooth


def halves(height: int, width: int) -> np.ndarray:
    """Dark on the left, bright on the right."""
    pixels = np.full((height, width, 3), 30, np.uint8)
    pixels[:, width // 2 :] = 220
    return pixels


def test_a_blurred_step_follows_the_edge_of_the_image() -> None:
    image = halves(64, 64)
    heat = np.tile(np.linspace(-0.2, 0.6, 8, dtype=np.float32), (8, 1))
    found = smooth(image, heat)
    assert found.dtype == np.float32
    assert found.shape == (64, 64)
    before = upsample(heat, 64, 64)
    assert found[32, 34] - found[32, 29] > 2 * (before[32, 34] - before[32, 29])
    assert heat.min() - 1e-6 <= found.min()
    assert found.max() <= heat.max() + 1e-6


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(1, 1, (1, 1)), (30, 2000, (4, EDGE)), (600, 300, (EDGE, 128))],
)
def test_any_size_is_worked_at_screen_size(height: int, width: int, expected: tuple) -> None:
    heat = np.array([[0.1, 0.3], [0.2, 0.4]], np.float32)
    found = smooth(halves(height, width), heat)
    assert found.shape == expected
    assert np.isfinite(found).all()


def test_an_even_map_and_an_even_image_stay_even() -> None:
    even = np.full((4, 4), 0.25, np.float32)
    assert smooth(halves(32, 32), even) == pytest.approx(0.25)
    flat = np.full((32, 32, 3), 90, np.uint8)
    heat = np.array([[0.0, 1.0]], np.float32)
    found = smooth(flat, heat)
    assert (np.diff(found[16]) >= -1e-5).all()  # nothing to follow: it only spreads
