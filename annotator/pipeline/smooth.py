"""A coarse heatmap drawn along the edges of its image."""

from __future__ import annotations

import cv2
import numpy as np

from annotator.backends.protocols import Floats, Pixels
from annotator.pipeline.ground import upsample

#: Longest side that is worked at, in pixels: enough for a screen, and quick without a GPU.
EDGE = 256


def smooth(image: Pixels, heat: Floats) -> Floats:
    """Raw cosines float32[h, w], spread to neighbours of similar colour (PAMR, see
    backends.pamr): float32[H', W'], the longer side at most 256 pixels, within the range of
    ``heat``. ``image`` uint8[H, W, 3]."""
    from annotator.backends import pamr

    height, width = image.shape[:2]
    scale = min(1.0, EDGE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    low, high = float(heat.min()), float(heat.max())
    large = upsample(heat, size[1], size[0])
    if high <= low:
        return large
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    spread = pamr.spread(
        small.reshape(size[1], size[0], 3), np.asarray((large - low) / (high - low), np.float32)
    )
    return np.asarray(low + spread * (high - low), np.float32)
