"""Pictures whose pixels are numbers of classes, and masks: read as they are, no colours made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annotator.core.images import ImageUnreadable, opened

_WRONG = "it is in colour: a map of classes is a PNG in grey or with a palette"


def load_labels(path: Path) -> NDArray[np.int32]:
    """int32[H, W]: the class of each pixel, its grey value or its place in the palette. A picture
    in colours that are all grey is read as well. Raises ImageUnreadable."""
    samples = _samples(path)
    if samples.ndim == 3:
        colours = samples[..., :3] if samples.shape[2] >= 3 else samples[..., :1]
        if (colours != colours[..., :1]).any():
            raise ImageUnreadable(path, _WRONG)
        samples = colours[..., 0]
    if not np.issubdtype(samples.dtype, np.integer) and samples.dtype != bool:
        raise ImageUnreadable(path, "its pixels are fractions: a map of classes has whole numbers")
    return samples.astype(np.int32)


def load_mask(path: Path) -> NDArray[np.bool_]:
    """bool[H, W]: what is not black (in a palette: not its first colour); transparency does not
    count. Raises ImageUnreadable."""
    samples = _samples(path)
    if samples.ndim == 3:
        samples = samples[..., :3] if samples.shape[2] >= 3 else samples[..., :1]
        return np.asarray((samples != 0).any(axis=2), dtype=bool)
    return np.asarray(samples != 0, dtype=bool)


def _samples(path: Path) -> NDArray[np.generic]:
    with opened(path) as image:
        image.load()
        return np.array(image)
