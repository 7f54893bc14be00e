"""Refiners without weights: GrabCut, PAMR, and one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from annotator.backends.pamr import spread
from annotator.backends.protocols import Bools, Floats, MaskCandidate, Pixels
from annotator.core.errors import AnnotatorError

if TYPE_CHECKING:
    from annotator.backends.registry import Pack, RoleSpec

Point = tuple[float, float, bool]
Box = tuple[float, float, float, float]

#: Longest side at which masks are cut, in pixels; the result is scaled back to the image.
WORKING_EDGE = 384
#: Soft values from which a pixel is surely inside, and below which it is surely outside.
SURE_INSIDE, SURE_OUTSIDE = 0.8, 0.1
ITERATIONS = 4
#: A part smaller than this share of the largest one is dropped; so is a hole smaller than this
#: share of the mask, all larger ones are real.
ISLAND, HOLE = 0.1, 0.01
#: How far a colour may be from the one clicked, per channel of 0 to 255, to go with it.
CLICK_COLOURS = 24
_SEED = 1


@dataclass(frozen=True, slots=True)
class Encoding:
    """An image at working size (uint8[h, w, 3] RGB) and its full size in pixels."""

    small: Pixels
    height: int
    width: int

    @property
    def scale(self) -> float:
        return float(self.small.shape[1]) / self.width


class GrabCutRefiner:
    """Graph cut with colour models (Rother, Kolmogorov & Blake 2004), started from the prompts.

    Soft mask values from 0.8 are surely inside, below 0.1 surely outside, the others start on
    their side of 0.5 and may move. A box makes its outside sure; a point makes a small disc sure,
    and likely what hangs together with it in like colours.

    One candidate; its score is the mean soft value inside the mask (1 without a soft mask)."""

    def __init__(self, model_id: str = "grabcut", pamr: bool = False) -> None:
        self._id = model_id
        self._pamr = pamr

    @property
    def id(self) -> str:
        return self._id

    def encode(self, image: Pixels) -> Encoding:
        return encode(image)

    def refine(
        self,
        encoding: Encoding,
        points: Sequence[Point] = (),
        box: Box | None = None,
        mask: Floats | None = None,
    ) -> list[MaskCandidate]:
        """See the protocol. Raises AnnotatorError when there is no prompt at all."""
        soft = soft_prompt(encoding, points, box, mask)
        if self._pamr:
            soft = spread(encoding.small, soft)
        labels = _labels(soft)
        _draw(labels, encoding, points, box)
        found = clean(_cut(encoding.small, labels))
        for point in points:
            found[disc(encoding, point)] = point[2]
        return [candidate(encoding, found, soft)]


class PAMRRefiner:
    """Pixel-adaptive mask refinement (Araslanov & Roth 2020, section 3.3) and a cut at 0.5.
    One candidate; its score is the mean soft value inside the mask."""

    def __init__(self, model_id: str = "pamr") -> None:
        self._id = model_id

    @property
    def id(self) -> str:
        return self._id

    def encode(self, image: Pixels) -> Encoding:
        return encode(image)

    def refine(
        self,
        encoding: Encoding,
        points: Sequence[Point] = (),
        box: Box | None = None,
        mask: Floats | None = None,
    ) -> list[MaskCandidate]:
        """See the protocol. Raises AnnotatorError when there is no prompt at all."""
        soft = spread(encoding.small, soft_prompt(encoding, points, box, mask))
        return [candidate(encoding, clean(soft >= 0.5), soft)]


def encode(image: Pixels, edge: int = WORKING_EDGE) -> Encoding:
    """The image at working size, its longest side at most ``edge`` pixels."""
    height, width = image.shape[:2]
    scale = min(1.0, edge / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    return Encoding(np.ascontiguousarray(small, dtype=np.uint8), height, width)


def soft_prompt(
    encoding: Encoding, points: Sequence[Point], box: Box | None, mask: Floats | None
) -> Floats:
    """float32[h, w] in [0, 1] at working size: the prompts as one soft mask."""
    h, w = encoding.small.shape[:2]
    inside = [point for point in points if point[2]]
    if mask is not None:
        if mask.shape != (encoding.height, encoding.width):
            raise ValueError(f"a mask of {mask.shape} for {encoding.height}x{encoding.width}")
        soft = cv2.resize(mask.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA)
    elif box is not None:
        soft = np.zeros((h, w), np.float32)
        left, top, right, bottom = corners(encoding, box)
        soft[top:bottom, left:right] = 0.7
    elif inside:
        soft = np.full((h, w), 0.3, np.float32)
        for point in inside:
            cv2.circle(soft, place(encoding, point), max(h, w) // 8, 0.7, -1)
    else:
        raise AnnotatorError("There is nothing to refine: give a mask, a box or a point inside.")
    return np.clip(soft, 0.0, 1.0).astype(np.float32)


def clean(mask: Bools, island: float = ISLAND) -> Bools:
    """Without pinholes, and islands smaller than ``island`` of the largest part."""
    kept = _large(mask, island)
    holes = ~kept
    total = int(kept.sum())
    parts, areas = _parts(holes)
    for part in np.flatnonzero(areas < HOLE * total):
        kept[parts == part + 1] = True
    return kept


def candidate(encoding: Encoding, small: Bools, soft: Floats) -> MaskCandidate:
    """The mask at the image's size, its edge smooth, and the mean soft value inside."""
    size = encoding.width, encoding.height
    smooth = cv2.resize(small.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    score = float(soft[small].mean()) if small.any() else 0.0
    return MaskCandidate(np.asarray(smooth >= 0.5, dtype=np.bool_), min(max(score, 0.0), 1.0))


def _labels(soft: Floats) -> NDArray[np.uint8]:
    labels = np.where(soft >= 0.5, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[soft >= SURE_INSIDE] = cv2.GC_FGD
    labels[soft < SURE_OUTSIDE] = cv2.GC_BGD
    return labels


def _draw(
    labels: NDArray[np.uint8], encoding: Encoding, points: Sequence[Point], box: Box | None
) -> None:
    """Writes what a person is sure of: outside the box, and the points."""
    if box is not None:
        left, top, right, bottom = corners(encoding, box)
        outside = np.ones(labels.shape, np.bool_)
        outside[top:bottom, left:right] = False
        labels[outside] = cv2.GC_BGD
    for point in points:
        like, sure = _like(encoding.small, place(encoding, point)), disc(encoding, point)
        free = like & ((labels == cv2.GC_PR_FGD) | (labels == cv2.GC_PR_BGD))
        labels[free] = cv2.GC_PR_FGD if point[2] else cv2.GC_PR_BGD
        labels[sure] = cv2.GC_FGD if point[2] else cv2.GC_BGD


def place(encoding: Encoding, point: Point) -> tuple[int, int]:
    """(column, row) at working size, inside the image."""
    h, w = encoding.small.shape[:2]
    x, y = int(point[0] * encoding.scale), int(point[1] * encoding.scale)
    return min(max(x, 0), w - 1), min(max(y, 0), h - 1)


def disc(encoding: Encoding, point: Point) -> Bools:
    """What a click is sure of: a disc of 1 % of the longer side."""
    found = np.zeros(encoding.small.shape[:2], np.uint8)
    cv2.circle(found, place(encoding, point), max(2, max(found.shape) // 100), 1, -1)
    return found > 0


def _like(image: Pixels, place: tuple[int, int]) -> Bools:
    """What a click means beyond its disc: all of like colour that hangs together with it."""
    smooth = cv2.GaussianBlur(image, (0, 0), 2.0)
    found = np.zeros((image.shape[0] + 2, image.shape[1] + 2), np.uint8)
    near = (CLICK_COLOURS,) * 3
    how = 8 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    cv2.floodFill(smooth, found, place, (0, 0, 0), near, near, how)
    return np.asarray(found[1:-1, 1:-1] > 0, dtype=np.bool_)


def corners(encoding: Encoding, box: Box) -> tuple[int, int, int, int]:
    """Left, top, right, bottom at working size, at least one pixel wide and high."""
    h, w = encoding.small.shape[:2]
    left, top, right, bottom = (round(side * encoding.scale) for side in box)
    left, top = min(max(left, 0), w - 1), min(max(top, 0), h - 1)
    return left, top, max(min(right, w), left + 1), max(min(bottom, h), top + 1)


def settle(image: Pixels, mask: Bools, width: int) -> Bools:
    """Where the edge of a mask lies within ``width`` pixels on either side, by GrabCut: what is
    farther inside or outside is sure. ``image`` uint8[h, w, 3], ``mask`` bool[h, w]."""
    round_ = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    whole = mask.astype(np.uint8)
    labels = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode(whole, round_) > 0] = cv2.GC_FGD
    labels[cv2.dilate(whole, round_) == 0] = cv2.GC_BGD
    return _cut(image, labels)


def _cut(image: Pixels, labels: NDArray[np.uint8]) -> Bools:
    inside = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    if inside.all() or not inside.any():
        return np.asarray(inside)  # a colour model of nothing cannot be made
    # The colour models start from k-means, which draws from OpenCV's generator of this thread.
    cv2.setRNGSeed(_SEED)
    bgr = np.ascontiguousarray(image[:, :, ::-1])
    inner, outer = np.zeros((1, 65)), np.zeros((1, 65))
    nowhere = (0, 0, 1, 1)  # the rectangle, which a start from labels ignores
    cv2.grabCut(bgr, labels, nowhere, outer, inner, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), dtype=np.bool_)


def _large(mask: Bools, share: float) -> Bools:
    parts, areas = _parts(mask)
    if not len(areas):
        return mask.copy()
    keep = np.concatenate([[False], areas >= share * areas.max()])
    return np.asarray(keep[parts], dtype=np.bool_)


def _parts(mask: Bools) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The connected parts: numbers int32[h, w] from 1, 0 where there is none, and their areas."""
    _, found = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    parts = np.asarray(found, dtype=np.int32)
    return parts, np.bincount(parts.ravel())[1:].astype(np.int64)


def grabcut(spec: RoleSpec, pack: Pack) -> GrabCutRefiner:  # noqa: ARG001 - a factory's signature
    return GrabCutRefiner(spec.id)


def pamr(spec: RoleSpec, pack: Pack) -> PAMRRefiner:  # noqa: ARG001 - a factory's signature
    return PAMRRefiner(spec.id)


def pamr_grabcut(spec: RoleSpec, pack: Pack) -> GrabCutRefiner:  # noqa: ARG001 - as above
    return GrabCutRefiner(spec.id, pamr=True)
