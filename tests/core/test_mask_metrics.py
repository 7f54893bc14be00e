"""Masks and label maps of a few pixels, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.core.mask_metrics import Confusion, Overlap, mean_overlap, overlap


def mask(*rows: str) -> np.ndarray:
    return np.array([[sign == "x" for sign in row] for row in rows])


def labels(*rows: str) -> np.ndarray:
    return np.array([[int(sign) for sign in row] for row in rows], np.uint8)


def test_overlap_is_shares_of_the_union() -> None:
    # 2 in both, 1 found too much, 3 missed: union 6.
    found = overlap(mask("xxxx.", "x...."), mask("xx...", "..x.."))
    assert found == Overlap(2 / 6, 1 / 6, 3 / 6)


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ("..", "..", Overlap(1.0, 0.0, 0.0)),
        ("..", "x.", Overlap(0.0, 1.0, 0.0)),
        ("x.", "..", Overlap(0.0, 0.0, 1.0)),
        ("x.", "x.", Overlap(1.0, 0.0, 0.0)),
    ],
)
def test_overlap_of_empty_masks(truth, found, expected) -> None:
    assert overlap(mask(truth), mask(found)) == expected


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        overlap(mask("x."), mask("x"))


def test_means_are_over_texts() -> None:
    every = [Overlap(1.0, 0.0, 0.0), Overlap(0.5, 0.25, 0.25)]
    assert mean_overlap(every) == Overlap(0.75, 0.125, 0.125)
    with pytest.raises(ValueError, match="no masks"):
        mean_overlap([])


def test_classes_are_counted_over_all_images() -> None:
    counts = Confusion(4)
    counts.add(labels("0011"), labels("0111"))
    counts.add(labels("0000"), labels("0001"))
    # class 0: 6 true, 4 of them found, nothing else found as 0. class 1: 2 true, both found, 2
    # found too much. Mean over images of class 0 would be (1/2 + 3/4) / 2, not 4/6.
    assert counts.of(0) == Overlap(4 / 6, 0.0, 2 / 6)
    assert counts.of(1) == Overlap(2 / 4, 2 / 4, 0.0)
    assert counts.of(2) is None
    mean = counts.mean(range(4))
    assert mean.iou == pytest.approx((4 / 6 + 2 / 4) / 2)
    assert mean.fpr == pytest.approx(1 / 4)
    assert counts.accuracy() == pytest.approx(6 / 8)


def test_what_is_ignored_is_not_counted() -> None:
    counts = Confusion(3)
    counts.add(labels("0129"), labels("0002"), ignore=[2])
    # The last pixel is of no class; the third is ignored.
    assert counts.pixels.tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_nothing_counted() -> None:
    counts = Confusion(2)
    assert counts.accuracy() == 0.0
    with pytest.raises(ValueError, match="no masks"):
        counts.mean([0, 1])
    with pytest.raises(ValueError, match="cannot be compared"):
        counts.add(labels("01"), labels("0"))
    with pytest.raises(ValueError, match="none of the 2"):
        counts.add(labels("01"), labels("02"))
