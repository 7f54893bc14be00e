"""Edge-aware filtering of a map by its image, in a few box filters."""

from __future__ import annotations

import cv2
import numpy as np

from annotator.backends.protocols import Floats, Pixels


def guided_filter(image: Pixels, values: Floats, radius: int, epsilon: float) -> Floats:
    """In every window the map is a linear function of the colours: its edges become the image's
    (He, Sun & Tang, Guided Image Filtering, 2010, eq. 14 to 16, windows of 2 * radius + 1).

    ``image`` uint8[h, w, 3], the guide, whose channels count from 0 to 1; ``values``
    float32[h, w]; ``epsilon`` keeps the slopes small, in units of squared colour. Returns
    float32[h, w], which may leave the range of ``values`` a little.
    """
    guide = image.astype(np.float32) / 255.0
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(x: Floats) -> Floats:
        found = cv2.boxFilter(x, cv2.CV_32F, size, borderType=cv2.BORDER_REFLECT)
        return np.asarray(found, dtype=np.float32).reshape(x.shape)

    middle, level = mean(guide), mean(values)
    covariance = mean(guide * values[..., None]) - middle * level[..., None]
    upper = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    xx, xy, xz, yy, yz, zz = (
        mean(guide[..., i] * guide[..., j]) - middle[..., i] * middle[..., j] + epsilon * (i == j)
        for i, j in upper
    )
    # The inverse of a symmetric 3 x 3 matrix by its cofactors: LAPACK is slow on many small ones.
    first = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    rest = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    determinant = xx * first[0] + xy * first[1] + xz * first[2]
    rows = (first, (first[1], rest[0], rest[1]), (first[2], rest[1], rest[2]))
    slope = np.stack(
        [sum(row[i] * covariance[..., i] for i in range(3)) / determinant for row in rows], axis=-1
    )
    offset = level - (slope * middle).sum(axis=-1)
    found = (mean(slope.astype(np.float32)) * guide).sum(axis=-1) + mean(offset)
    return np.asarray(found, dtype=np.float32)
