"""What of a picture goes together: a Gaussian process over place and appearance."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.backends.protocols import Floats

Doubles = NDArray[np.float64]

#: Cells along the longer side at which a soft mask is believed; finer detail is the picture's.
CELLS = 28
#: How far a grounder's cell sees its neighbours: standard deviation in cells.
BLUR = 1.0
#: Parts of the kernel: appearance alone (linear), appearance and place, place alone.
LINEAR, JOINT, PLACE = 0.5, 1.0, 0.1
#: Length scales: appearance (whose mean squared length is 1), place beside it and place alone,
#: in longer sides.
LIKE, FAR, NEAR = 1.0, 0.5, 0.06
#: Random features of the joint kernel and of place alone.
JOINT_FEATURES, PLACE_FEATURES = 384, 128
#: Variance of the noise in the process for a variance of 1 in the cells, and the least there is.
#: More than 1, as the true mask is rougher than the process expects.
NOISE, LEAST = 20.0, 0.03
#: The kernel of a click: length scales of appearance and place.
CLICK_LIKE, CLICK_FAR = 1.0, 0.2


class Likeness:
    """Values over a picture as a Gaussian process whose kernel is the likeness of two pixels
    (Rasmussen & Williams 2006, eq. 2.23 and 2.25), for pixels on a coarse grid.

    k = 0.5 * a.b + exp(-|a - b|^2 / 2 - |s - t|^2 / (2 * 0.5^2)) + 0.1 * exp(-|s - t|^2 /
    (2 * 0.06^2)) of appearances a, b and places s, t. The two exponentials are products of random
    features (Rahimi & Recht 2007, eq. 1), so that the mean over a cell is exact: a cell that is
    half road is compared with the picture as a cell that is half road.

    ``appearance`` float32[h, w, c], any scale.
    """

    def __init__(self, appearance: Floats) -> None:
        h, w, channels = appearance.shape
        longest = max(h, w)
        self.shape = h, w
        flat = appearance.reshape(h * w, channels)
        length = float(np.sqrt(np.square(flat).sum(axis=1).mean()))
        self._looks: Floats = flat / max(length, 1e-6)
        rows, columns = np.mgrid[0:h, 0:w]
        self._places: Floats = (
            np.stack([columns.ravel(), rows.ravel()], axis=1) / np.float32(longest)
        ).astype(np.float32)
        self._features = self._embed()
        size = [max(1, round(side * CELLS / longest)) for side in (h, w)]
        self.cells = size[0], size[1]
        self._down, self._across = averaging(size[0], h), averaging(size[1], w)
        features = self._features.reshape(h, w, -1)
        rows_done = np.tensordot(self._down, features, axes=(1, 0))
        cells = np.matmul(self._across[None], rows_done)
        self._of_cells: Floats = cells.reshape(size[0] * size[1], -1)
        gram = self._of_cells.astype(np.float64)
        values, self._vectors = np.linalg.eigh(gram @ gram.T)
        self._values: Doubles = np.maximum(values, 0.0)

    def smooth(self, soft: Floats) -> Floats:
        """float32[h, w], about 0 to 1, the thing above 0.5: what most likely lies behind a noisy,
        coarse map. ``soft`` float32[H, W] in [0, 1], of any size.

        The noise is measured in the map (Immerkaer 1996), so a clean map is followed closely and
        a noisy one as far as the picture supports it.
        """
        seen = self.seen(soft)
        noise = max(LEAST, NOISE * noise_variance(seen))
        mean = np.float32(seen.mean())
        return np.asarray(mean + self._regress(seen - mean, noise), dtype=np.float32)

    def seen(self, soft: Floats) -> Floats:
        """A soft mask float32[H, W] as cells, float32[h, w]."""
        rows, columns = self.cells
        small = cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.float32).reshape(rows, columns)

    def agree(self, values: Floats, clicks: Sequence[tuple[int, int, bool]]) -> Floats:
        """``values`` float32[h, w], changed so that each click (column, row, inside) is at 0.75 or
        more, or at 0.25 or less, and with it, the nearer and the more alike, the pixels around."""
        if not clicks:
            return values
        at = np.array([row * self.shape[1] + column for column, row, _ in clicks])
        now = values.reshape(-1)[at].astype(np.float64)
        inside = np.array([click[2] for click in clicks])
        change = np.where(inside, np.maximum(0.75 - now, 0.0), np.minimum(0.25 - now, 0.0))
        kernel = self._click_kernel(at)
        weights = np.linalg.solve(kernel[at] + 0.01 * np.eye(len(at)), change)
        return values + (kernel @ weights).reshape(self.shape).astype(np.float32)

    def _regress(self, cells: Floats, noise: float) -> Floats:
        """The process's mean for what its cells show."""
        along = self._vectors.T @ cells.reshape(-1).astype(np.float64)
        weights = self._vectors @ (along / (self._values + noise))
        found = self._features @ (self._of_cells.T @ weights.astype(np.float32))
        return np.asarray(found.reshape(self.shape), dtype=np.float32)

    def _embed(self) -> Floats:
        """float32[h * w, features], whose products are the kernel."""
        random = np.random.default_rng(0)
        channels = self._looks.shape[1]
        looks = random.normal(size=(channels, JOINT_FEATURES)) / LIKE
        far = random.normal(size=(2, JOINT_FEATURES)) / FAR
        near = random.normal(size=(2, PLACE_FEATURES)) / NEAR
        turn = random.uniform(0, 2 * np.pi, JOINT_FEATURES + PLACE_FEATURES)
        angles = np.concatenate(
            [
                self._looks @ looks.astype(np.float32) + self._places @ far.astype(np.float32),
                self._places @ near.astype(np.float32),
            ],
            axis=1,
        )
        waves = np.cos(angles + turn.astype(np.float32))
        waves[:, :JOINT_FEATURES] *= np.sqrt(2 * JOINT / JOINT_FEATURES)
        waves[:, JOINT_FEATURES:] *= np.sqrt(2 * PLACE / PLACE_FEATURES)
        linear = self._looks * np.float32(np.sqrt(LINEAR))
        return np.concatenate([linear, waves], axis=1).astype(np.float32)

    def _click_kernel(self, at: NDArray[np.intp]) -> Doubles:
        """float64[h * w, clicks]."""
        looks = _squared(self._looks, self._looks[at]) / CLICK_LIKE**2
        places = _squared(self._places, self._places[at]) / CLICK_FAR**2
        return np.asarray(np.exp(-0.5 * (looks + places)), dtype=np.float64)


def averaging(cells: int, pixels: int, blur: float = BLUR) -> Floats:
    """float32[cells, pixels], each row sums to 1: the mean over each of ``cells`` equal parts of a
    line of pixels, and over its neighbours by a Gaussian of ``blur`` cells; beyond the end, the
    last cell goes on."""
    edges = np.linspace(0, pixels, cells + 1)
    pixel = np.arange(pixels)
    shared = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    mean = np.clip(shared, 0.0, None) * (cells / pixels)
    if blur <= 0:
        return np.asarray(mean, dtype=np.float32)
    reach = int(np.ceil(4 * blur))
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / blur) ** 2)
    mixed = np.zeros((cells, cells))
    for offset, weight in zip(offsets, weights / weights.sum(), strict=True):
        other = np.clip(np.arange(cells) + offset, 0, cells - 1)
        np.add.at(mixed, (np.arange(cells), other), weight)
    return np.asarray(mixed @ mean, dtype=np.float32)


def edge_slope(cells: Floats) -> float:
    """How much a map changes from cell to cell along the edge of what is above 0.5, the median;
    infinity where there is no edge. ``cells`` float32[h, w] in [0, 1]."""
    inside = (cells >= 0.5).astype(np.uint8)
    near = np.ones((3, 3), np.uint8)
    edge = (cv2.dilate(inside, near) != cv2.erode(inside, near)) & (cells.min() < cells.max())
    if not edge.any():
        return float("inf")
    # Sobel's weights sum to 8 for a step of 1 a cell.
    across, down = (
        cv2.Sobel(cells, cv2.CV_32F, *by, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
        for by in ((1, 0), (0, 1))
    )
    return float(np.median(np.hypot(across, down)[edge]))


def noise_variance(cells: Floats) -> float:
    """The variance of independent noise in a map of cells (Immerkaer, Fast Noise Variance
    Estimation, 1996, section 2, with the median for the mean: most cells lie on no edge)."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    ripple = cv2.filter2D(cells, cv2.CV_32F, mask, borderType=cv2.BORDER_REFLECT)
    # 0.6745: the median of |x| for a standard deviation of 1; 6: the mask's length.
    return float((np.median(np.abs(ripple)) / (0.6745 * 6.0)) ** 2)


def _squared(a: Floats, b: Floats) -> Floats:
    """Squared distances float32[len(a), len(b)]."""
    products = a @ b.T
    lengths = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None]
    return np.asarray(np.maximum(lengths - 2 * products, 0.0), dtype=np.float32)
