from __future__ import annotations

import numpy as np

from annotator.backends.guided import guided_filter


def test_it_equals_the_paper_s_equations_pixel_by_pixel() -> None:
    """Eq. 14 to 16, window by window."""
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (9, 11, 3), dtype=np.uint8)
    values = random.random((9, 11)).astype(np.float32)
    radius, epsilon = 2, 0.01
    found = guided_filter(image, values, radius, epsilon)
    wide = 2 * radius
    guide = np.pad(image / 255.0, ((wide, wide), (wide, wide), (0, 0)), mode="symmetric")
    flat = np.pad(values.astype(np.float64), wide, mode="symmetric")
    h, w = flat.shape
    slopes, offsets = np.zeros((h, w, 3)), np.zeros((h, w))
    for y in range(radius, h - radius):
        for x in range(radius, w - radius):
            window = slice(y - radius, y + radius + 1), slice(x - radius, x + radius + 1)
            colours, p = guide[window].reshape(-1, 3), flat[window].ravel()
            mean = colours.mean(axis=0)
            covariance = (colours - mean).T @ (colours - mean) / len(p)
            right = colours.T @ p / len(p) - mean * p.mean()
            slopes[y, x] = np.linalg.solve(covariance + epsilon * np.eye(3), right)
            offsets[y, x] = p.mean() - slopes[y, x] @ mean
    # Far enough from the border its mirror does not matter.
    for y in range(wide, 9 - wide):
        for x in range(wide, 11 - wide):
            row, column = y + wide, x + wide
            window = (
                slice(row - radius, row + radius + 1),
                slice(column - radius, column + radius + 1),
            )
            a, b = slopes[window].reshape(-1, 3).mean(axis=0), offsets[window].mean()
            assert abs(found[y, x] - (a @ guide[row, column] + b)) < 1e-4


def test_edges_of_the_image_become_edges_of_the_map() -> None:
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, 20:] = (200, 100, 50)
    values = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (20, 1))
    found = guided_filter(image, values, 6, 1e-4)
    assert found[10, 20] - found[10, 19] > 3 * (values[10, 20] - values[10, 19])


def test_a_flat_image_leaves_a_mean_of_means_and_a_constant_stays() -> None:
    image = np.full((12, 12, 3), 77, np.uint8)
    values = np.zeros((12, 12), np.float32)
    values[6, 6] = 1.0
    found = guided_filter(image, values, 1, 1e-3)
    assert abs(found[6, 6] - 1 / 9) < 1e-5  # 9 windows of mean 1/9, each counted a ninth
    np.testing.assert_allclose(guided_filter(image, values * 0 + 0.3, 1, 1e-3), 0.3, atol=1e-5)


def test_one_pixel_and_one_row() -> None:
    for shape in ((1, 1), (1, 50), (2, 3)):
        image = np.zeros((*shape, 3), np.uint8)
        found = guided_filter(image, np.full(shape, 0.6, np.float32), 5, 1e-3)
        np.testing.assert_allclose(found, 0.6, atol=1e-5)
