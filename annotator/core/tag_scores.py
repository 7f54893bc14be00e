"""How much an image, a pixel of it or a text resembles a tag, and which tags that is enough for.

TTD (Jo et al. 2024), section 3.1 and appendix B.1. ``cells``: float[h, w, c], the vectors of an
image's pixels; ``vectors``: float[n, c], those of n tags; all of unit length, so a dot product is a
cosine. Of no tags every function gives an empty array.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

#: Ways to select tags: above the largest gap, a fixed threshold, the best few.
Selection = Literal["gap", "fixed", "top"]
SELECTIONS: tuple[str, ...] = get_args(Selection)


def pixel_scores(cells: NDArray[Any], vectors: NDArray[Any]) -> Floats:
    """Equation 2: float32[n] in [-1, 1], the cosine of each tag with the pixel most like it.

    A matrix product for all tags. Raises ValueError for an image without pixels, or vectors of
    another length than the pixels'.
    """
    parts = [found.max(axis=0) for found in _blocks(cells, vectors)]
    return np.concatenate(parts)


def peaks(cells: NDArray[Any], vectors: NDArray[Any]) -> tuple[Floats, Floats, Floats]:
    """(scores of equation 2, x, y), float32[n] each: the middle of the best cell of each tag, in
    fractions of the image's width and height, 0 < x, y < 1. Of several equal cells the first in
    reading order. Raises ValueError as ``pixel_scores`` does."""
    h, w, _ = cells.shape
    places = []
    scores = []
    for found in _blocks(cells, vectors):
        best = found.argmax(axis=0)
        places.append(best)
        scores.append(found[best, np.arange(found.shape[1])])
    rows, columns = np.divmod(np.concatenate(places), w)
    x = ((columns + 0.5) / w).astype(np.float32)
    y = ((rows + 0.5) / h).astype(np.float32)
    return np.concatenate(scores), x, y


def image_scores(cells: NDArray[Any], vectors: NDArray[Any]) -> Floats:
    """Equation 1: float32[n] in [-1, 1], the cosine of each tag with the mean of all pixels. Pixels
    that cancel out resemble nothing: 0. Raises ValueError as ``pixel_scores`` does."""
    flat = _flat(cells, vectors)
    mean = flat.mean(axis=0)
    length = float(np.linalg.norm(mean))
    return text_scores(mean / length if length > 0 else mean, vectors)


def text_scores(text: NDArray[Any], vectors: NDArray[Any]) -> Floats:
    """Equation 7: float32[n] in [-1, 1], the cosine of each tag with the whole text, float[c] of
    unit length."""
    products = np.asarray(vectors, np.float32) @ np.asarray(text, np.float32)
    found: Floats = np.clip(products, -1.0, 1.0).astype(np.float32, copy=False)
    return found


def segment_scores(cells: NDArray[Any], vectors: NDArray[Any]) -> Floats:
    """s_seg of appendix B.1: float32[n] in [0, 1], the share of the pixels that resemble this tag
    more than any other; they add up to 1. A pixel that resembles several equally counts for the
    first of them. Raises ValueError as ``pixel_scores`` does."""
    found = _similarities(cells, vectors)
    pixels, tags = found.shape
    if not tags:
        return np.zeros(0, np.float32)
    counted = np.bincount(found.argmax(axis=1), minlength=tags)
    shares: Floats = (counted / pixels).astype(np.float32)
    return shares


def softmax(scores: NDArray[Any], scale: float = 100.0) -> NDArray[np.float64]:
    """float64[n] in [0, 1] that add up to 1: what a CLIP model makes of cosines with several texts,
    ``scale`` being its logit scale. In 64 bits, so that what is far behind keeps its order."""
    values = np.asarray(scores, np.float64)
    if not values.size:
        return values
    raised: NDArray[np.float64] = np.exp(scale * (values - values.max()))
    shares: NDArray[np.float64] = raised / raised.sum()
    return shares


def min_max(scores: NDArray[Any]) -> Floats:
    """norm() of equation 4: any array to [0, 1], the lowest 0 and the highest 1; 0 everywhere where
    all are equal. Same shape."""
    values = np.asarray(scores, np.float32)
    if not values.size:
        return values
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def select(
    scores: NDArray[Any], how: Selection = "gap", threshold: float = 0.5, top: int = 3
) -> Bools:
    """bool[n]: the tags that are taken for true.

    "gap": those above the largest gap between consecutive sorted scores (section 3.1); of equal
    gaps the one among the higher scores. All tags where nothing parts them: a single one, or all
    scores equal. Equal scores are never parted. "fixed": those whose score is at least
    ``threshold``. "top": the ``top`` best; of equal ones the earlier. Raises ValueError for a score
    that is no number, or another way.
    """
    values = np.asarray(scores)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("tags are selected by one finite score each")
    if how == "fixed":
        reached: Bools = values >= threshold
        return reached
    if how == "top":
        chosen = np.zeros(len(values), bool)
        chosen[np.argsort(-values, kind="stable")[: max(top, 0)]] = True
        return chosen
    if how != "gap":
        raise ValueError(f"{how!r} is not one of {', '.join(SELECTIONS)}")
    above: Bools = values >= gap_edge(values)
    return above


def gap_edge(scores: NDArray[Any]) -> float:
    """The lowest score above the largest gap, see ``select``; minus infinity for no scores."""
    if not len(scores):
        return -float("inf")
    ranked = -np.sort(-np.asarray(scores))
    gaps = ranked[:-1] - ranked[1:]
    if not (gaps > 0).any():
        return float(ranked[-1])
    return float(ranked[int(gaps.argmax())])


#: Similarities in memory at once: 32 MB, for thousands of words on a fine grid.
_MOST = 1 << 23


def _blocks(cells: NDArray[Any], vectors: NDArray[Any]) -> Iterator[Floats]:
    """Similarities float32[h * w, m] of m tags after m tags; at least one block."""
    size = max(1, _MOST // max(1, cells.shape[0] * cells.shape[1]))
    for start in range(0, max(1, len(vectors)), size):
        yield _similarities(cells, vectors[start : start + size])


def _similarities(cells: NDArray[Any], vectors: NDArray[Any]) -> Floats:
    """float32[h * w, n]."""
    products = _flat(cells, vectors) @ np.asarray(vectors, np.float32).T
    found: Floats = np.clip(products, -1.0, 1.0).astype(np.float32, copy=False)
    return found


def _flat(cells: NDArray[Any], vectors: NDArray[Any]) -> Floats:
    """The pixels in reading order, float32[h * w, c]."""
    if cells.ndim != 3 or not cells.size:
        raise ValueError(
            f"pixels of the shape {cells.shape}: h, w and c are needed, none of them 0"
        )
    if vectors.ndim != 2 or vectors.shape[1] != cells.shape[2]:
        raise ValueError(f"tags of the shape {vectors.shape} for pixels of {cells.shape}")
    flat: Floats = np.asarray(cells, np.float32).reshape(-1, cells.shape[2])
    return flat
