from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.backends import likeness
from annotator.backends.likeness import Likeness, averaging, edge_slope, noise_variance

Floats = NDArray[np.float32]


def halves(h: int = 48, w: int = 64) -> Floats:
    """A picture whose right half looks otherwise."""
    looks = np.zeros((h, w, 2), np.float32)
    looks[:, : w // 2, 0] = 1.0
    looks[:, w // 2 :, 1] = 1.0
    return looks


def test_averaging_by_hand() -> None:
    np.testing.assert_allclose(averaging(2, 4, 0.0), [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    thirds = averaging(2, 3, 0.0)  # the middle pixel belongs to both
    np.testing.assert_allclose(thirds, [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], atol=1e-6)
    blurred = averaging(5, 5, 0.5)
    side = np.exp(-2.0)  # exp(-1 / (2 * 0.5^2))
    far = np.exp(-8.0)
    total = 1 + 2 * side + 2 * far
    assert blurred[2] == pytest.approx(np.array([far, side, 1, side, far]) / total, abs=1e-5)
    np.testing.assert_allclose(averaging(7, 30).sum(axis=1), 1.0, atol=1e-6)


def test_noise_is_measured() -> None:
    random = np.random.default_rng(0)
    ramp = np.tile(np.linspace(0, 1, 60, dtype=np.float32), (60, 1))
    assert noise_variance(ramp) < 1e-9
    noisy = ramp + random.normal(0, 0.2, ramp.shape).astype(np.float32)
    assert noise_variance(noisy) == pytest.approx(0.04, rel=0.15)


def test_features_multiply_to_the_kernel_that_is_written_down() -> None:
    looks = np.random.default_rng(1).normal(size=(12, 16, 3)).astype(np.float32)
    one = Likeness(looks)
    flat = looks.reshape(-1, 3)
    flat = flat / np.sqrt(np.square(flat).sum(axis=1).mean())
    places = np.stack(np.divmod(np.arange(192), 16), axis=1) / 16.0
    apart = np.square(places[:, None] - places[None]).sum(axis=-1)
    unlike = np.square(flat[:, None] - flat[None]).sum(axis=-1)
    kernel = (
        0.5 * flat @ flat.T
        + np.exp(-unlike / 2 - apart / (2 * 0.5**2))
        + 0.1 * np.exp(-apart / (2 * 0.06**2))
    )
    difference = one._features @ one._features.T - kernel
    assert np.abs(difference).mean() < 0.05  # random features: 1 / sqrt(384)
    assert abs(difference.mean()) < 0.01


def test_smoothing_equals_the_textbook_s_equation() -> None:
    """Rasmussen & Williams, eq. 2.25, with the cells' means as what was observed."""
    looks = np.random.default_rng(2).normal(size=(24, 32, 3)).astype(np.float32)
    one = Likeness(looks)
    soft = np.random.default_rng(3).random(one.cells).astype(np.float32)
    noise = max(likeness.LEAST, likeness.NOISE * noise_variance(soft))
    down, across = averaging(one.cells[0], 24), averaging(one.cells[1], 32)
    mean = np.kron(down, across).astype(np.float64)  # cells x pixels
    kernel = one._features.astype(np.float64) @ one._features.T.astype(np.float64)
    seen = soft.reshape(-1) - soft.mean()
    inner = mean @ kernel @ mean.T + noise * np.eye(len(seen))
    expected = soft.mean() + kernel @ mean.T @ np.linalg.solve(inner, seen)
    np.testing.assert_allclose(one.smooth(soft).reshape(-1), expected, atol=2e-3)


def test_a_coarse_map_gets_the_edges_of_the_picture() -> None:
    one = Likeness(halves())
    soft = np.clip(np.linspace(-0.5, 1.5, 28, dtype=np.float32), 0, 1)[None].repeat(21, axis=0)
    found = one.smooth(soft)
    assert found[:, :30].max() < 0.5 < found[:, 34:].min()
    noisy = soft + np.random.default_rng(0).normal(0, 0.3, soft.shape).astype(np.float32)
    calm = one.smooth(np.clip(noisy, 0, 1)) > 0.5
    assert (calm == (np.arange(64) >= 32)).mean() > 0.95
    assert ((noisy > 0.5) == (np.arange(28) >= 14)).mean() < 0.93


def test_clicks_are_obeyed_and_take_their_like_along() -> None:
    one = Likeness(halves())
    start = np.full(one.shape, 0.25, np.float32)
    found = one.agree(start, [(48, 24, True)])
    assert found[24, 48] > 0.7
    assert found[24, 52] > 0.6  # near and alike
    assert found[24, 28] < 0.45  # another half
    again = one.agree(found, [(48, 24, True), (56, 24, False)])
    assert again[24, 48] > 0.7
    assert again[24, 56] < 0.3
    np.testing.assert_array_equal(one.agree(found, []), found)
    sure = np.where(np.arange(64) >= 32, 0.9, 0.1)[None].repeat(48, axis=0).astype(np.float32)
    # Clicks that only say what is known change nothing.
    np.testing.assert_array_equal(one.agree(sure, [(48, 24, True), (5, 5, False)]), sure)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2)])
def test_tiny_and_plain_pictures(shape: tuple[int, int]) -> None:
    one = Likeness(np.zeros((*shape, 4), np.float32))
    found = one.smooth(np.full((5, 5), 0.3, np.float32))
    np.testing.assert_allclose(found, 0.3, atol=1e-5)
    assert np.isfinite(one.agree(found, [(0, 0, True)])).all()


def test_the_slope_of_an_edge_is_the_step_from_cell_to_cell() -> None:
    ramp = np.tile(np.linspace(0, 1, 11, dtype=np.float32), (8, 1))
    assert edge_slope(ramp) == pytest.approx(0.1, abs=1e-6)
    assert edge_slope(ramp.T.copy()) == pytest.approx(0.1, abs=1e-6)
    step = (ramp > 0.45).astype(np.float32)
    assert edge_slope(step) == pytest.approx(0.5)  # Sobel looks at two cells
    assert edge_slope(np.full((5, 5), 0.7, np.float32)) == float("inf")
