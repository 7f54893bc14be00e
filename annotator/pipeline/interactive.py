"""Asking a Refiner once and choosing among its answers: for a click, a box, or a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annotator.backends.protocols import Bools, Floats, MaskCandidate, Refiner
from annotator.core.prompts import instances, soft_mask

Point = tuple[float, float, bool]
Box = tuple[float, float, float, float]

#: How much the mask before counts beside what the Refiner says of its own candidates: little, as
#: a click is made to change it.
CONTINUITY = 0.25


def answer(
    refiner: Refiner,
    encoding: Any,
    *,
    points: Sequence[Point] = (),
    box: Box | None = None,
    mask: Floats | None = None,
    heat: Floats | None = None,
    threshold: float | None = None,
) -> MaskCandidate | None:
    """The Refiner's best candidate for what is asked, None where it has none.

    ``points``: (x, y, inside) in image pixels. ``box``: left, top, right, bottom in pixels.
    ``mask``: float32[H, W] in [0, 1] or bool, the mask so far; a prompt, and the choice prefers
    what is near it. ``heat`` float32[H, W], raw cosines at the image's size, cut at ``threshold``
    (both or none): the choice prefers what agrees with it; without any other prompt it is the
    prompt. A candidate that has all inside points and no outside point is always preferred; where
    none has, the Refiner is asked again without the mask so far. Raises AnnotatorError when there
    is nothing to ask.
    """
    if (heat is None) != (threshold is None):
        raise ValueError("a heat map comes with its threshold")
    soft = None
    if heat is not None and threshold is not None:
        soft = soft_mask(heat, threshold)
        if not points and box is None and mask is None:
            found = instances(heat, threshold, split=False)
            if not found:
                return None
            box, mask = found[0].box, found[0].soft
    before = None if mask is None else np.asarray(mask, dtype=np.float32)
    candidates = refiner.refine(encoding, points=points, box=box, mask=before)
    chosen = choose(candidates, points=points, soft=soft, before=before)
    if chosen is None or before is None or not any(point[2] for point in points):
        return chosen
    if _missed(chosen.mask, points):
        again = refiner.refine(encoding, points=points, box=box)
        chosen = choose([chosen, *again], points=points, soft=soft, before=before)
    return chosen


def choose(
    candidates: Sequence[MaskCandidate],
    *,
    points: Sequence[Point] = (),
    soft: Floats | None = None,
    before: Floats | None = None,
) -> MaskCandidate | None:
    """The candidate that misses the fewest points; among equals the one with the best sum of the
    Refiner's own score (a predicted IoU), its agreement with ``soft`` and a little of its
    agreement with the mask ``before``. Empty ones are none. None where there is none."""

    def value(candidate: MaskCandidate) -> tuple[int, float]:
        total = candidate.score
        if soft is not None:
            total += agreement(candidate.mask, soft)
        if before is not None:
            total += CONTINUITY * agreement(candidate.mask, before)
        return -_missed(candidate.mask, points), total

    there = [candidate for candidate in candidates if candidate.mask.any()]
    return max(there, key=value, default=None)


def agreement(mask: Bools, soft: Floats) -> float:
    """IoU of a mask bool[H, W] with what is more likely than not in ``soft`` float32[H, W] in
    [0, 1], each pixel weighted by how sure that is, |2 * soft - 1|: in [0, 1], 0 where both are
    empty. A border that nobody is sure of costs nothing."""
    likely = soft > 0.5
    sure = np.abs(2.0 * soft - 1.0)
    either = float(sure[mask | likely].sum())
    return float(sure[mask & likely].sum()) / either if either > 0.0 else 0.0


def _missed(mask: Bools, points: Sequence[Point]) -> int:
    """How many points are on the wrong side of the mask."""
    height, width = mask.shape
    missed = 0
    for x, y, inside in points:
        row, column = min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)
        missed += bool(mask[row, column]) != inside
    return missed
