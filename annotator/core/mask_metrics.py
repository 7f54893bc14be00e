"""How good masks are: of a text (TTD, table 3), and of the classes of a dataset (table 4)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of two masks: intersection, what was found and is not true, and what is true and was not
    found, each a share of the union. They add up to 1, as the rows of TTD's table 3 do."""

    iou: float
    fpr: float
    fnr: float


def overlap(truth: NDArray[Any], found: NDArray[Any]) -> Overlap:
    """IoU, false positive rate FP / (TP + FP + FN) and false negative rate FN / (TP + FP + FN) of
    bool[H, W] against bool[H, W]. Two empty masks agree: 1, 0, 0. Raises ValueError when their
    sizes differ."""
    true, said = np.asarray(truth, dtype=bool), np.asarray(found, dtype=bool)
    if true.shape != said.shape:
        raise ValueError(f"masks of {true.shape} and {said.shape} cannot be compared")
    union = int(np.count_nonzero(true | said))
    if not union:
        return Overlap(1.0, 0.0, 0.0)
    false = int(np.count_nonzero(said & ~true))
    missed = int(np.count_nonzero(true & ~said))
    return Overlap((union - false - missed) / union, false / union, missed / union)


def mean_overlap(overlaps: Iterable[Overlap]) -> Overlap:
    """CaptionIoU, mFPR and mFNR: the means over the texts, each of which counts the same. Raises
    ValueError for none."""
    every = list(overlaps)
    if not every:
        raise ValueError("no masks to take the mean of")
    return Overlap(
        math.fsum(one.iou for one in every) / len(every),
        math.fsum(one.fpr for one in every) / len(every),
        math.fsum(one.fnr for one in every) / len(every),
    )


class Confusion:
    """Pixels of a whole dataset by true and found class, as the PASCAL VOC challenge counts them:
    the IoU of a class is that of all its pixels of all images in one."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        #: int64[truth, found]
        self.pixels = np.zeros((classes, classes), np.int64)

    def add(self, truth: NDArray[Any], found: NDArray[Any], ignore: Collection[int] = ()) -> None:
        """Counts an image: class of every pixel, integer[H, W] each, 0 <= class < ``classes``.
        Pixels whose truth is one of ``ignore`` (or no class at all) are not counted. Raises
        ValueError when the sizes differ or a found class is none."""
        true, said = np.asarray(truth), np.asarray(found)
        if true.shape != said.shape:
            raise ValueError(f"label maps of {true.shape} and {said.shape} cannot be compared")
        counted = (true >= 0) & (true < self.classes)
        if ignore:
            counted &= ~np.isin(true, list(ignore))
        chosen = said[counted].astype(np.int64)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= self.classes):
            raise ValueError(f"found a class that is none of the {self.classes}")
        pairs = true[counted].astype(np.int64) * self.classes + chosen
        counts = np.bincount(pairs, minlength=self.classes**2)
        self.pixels += counts.reshape(self.classes, self.classes)

    def of(self, index: int) -> Overlap | None:
        """IoU, FPR and FNR (shares of the union) of a class; None for one that was neither there
        nor found."""
        hit = int(self.pixels[index, index])
        missed = int(self.pixels[index].sum()) - hit
        false = int(self.pixels[:, index].sum()) - hit
        union = hit + missed + false
        return Overlap(hit / union, false / union, missed / union) if union else None

    def mean(self, classes: Iterable[int]) -> Overlap:
        """mIoU, mFPR and mFNR: means over those of ``classes`` that are there or were found.
        Raises ValueError where none is."""
        return mean_overlap(one for one in map(self.of, classes) if one is not None)

    def accuracy(self) -> float:
        """The share of the pixels that have their class; 0 for none."""
        total = int(self.pixels.sum())
        return int(np.trace(self.pixels)) / total if total else 0.0
