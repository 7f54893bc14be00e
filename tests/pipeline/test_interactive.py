"""What is asked of a Refiner, and which of its answers is taken."""

from typing import Any

import numpy as np
import pytest

from annotator.backends.protocols import MaskCandidate
from annotator.backends.refiners import GrabCutRefiner
from annotator.core.errors import AnnotatorError
from annotator.core.prompts import soft_mask
from annotator.pipeline.interactive import agreement, answer, choose

SIZE = (40, 60)


def box(left: int, top: int, right: int, bottom: int) -> Any:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


class Answering:
    """A Refiner with given answers, the same whatever it is asked; notes what that was."""

    id = "answering"

    def __init__(self, *candidates: MaskCandidate, alone: tuple[MaskCandidate, ...] = ()) -> None:
        self.candidates = list(candidates)
        #: What it says when it is not given a mask.
        self.alone = list(alone or candidates)
        self.asked: list[dict[str, Any]] = []

    def encode(self, image: Any) -> Any:
        return None

    def refine(
        self, encoding: Any, points: Any = (), box: Any = None, mask: Any = None
    ) -> list[MaskCandidate]:
        self.asked.append({"points": tuple(points), "box": box, "mask": mask})
        return list(self.alone if mask is None else self.candidates)


SMALL, LARGE, APART = box(10, 10, 20, 20), box(5, 5, 30, 30), box(40, 10, 55, 30)


def test_the_surest_candidate_is_taken() -> None:
    refiner = Answering(MaskCandidate(SMALL, 0.5), MaskCandidate(LARGE, 0.9))
    found = answer(refiner, None, points=[(15, 15, True)])
    assert found is not None
    assert np.array_equal(found.mask, LARGE)
    assert refiner.asked == [{"points": ((15, 15, True),), "box": None, "mask": None}]


def test_clicks_are_respected_before_all() -> None:
    refiner = Answering(
        MaskCandidate(LARGE, 0.99), MaskCandidate(SMALL, 0.1), MaskCandidate(APART, 0.9)
    )
    found = answer(refiner, None, points=[(15, 15, True), (25, 25, False)])
    assert found is not None
    assert np.array_equal(found.mask, SMALL)
    # Where none has all, the one that misses the fewest.
    found = answer(refiner, None, points=[(15, 15, True), (25, 25, False), (58, 38, True)])
    assert found is not None
    assert np.array_equal(found.mask, SMALL)
    found = answer(refiner, None, points=[(-3, 99, False), (50, 20, True)])  # beyond the border
    assert found is not None
    assert np.array_equal(found.mask, APART)


def test_the_heatmap_decides_between_alike() -> None:
    heat = np.where(SMALL, 0.5, 0.1).astype(np.float32)
    refiner = Answering(MaskCandidate(LARGE, 0.85), MaskCandidate(SMALL, 0.8))
    found = answer(refiner, None, points=[(15, 15, True)], heat=heat, threshold=0.3)
    assert found is not None
    assert np.array_equal(found.mask, SMALL)
    with pytest.raises(ValueError, match="threshold"):
        answer(refiner, None, points=[(15, 15, True)], heat=heat)


def test_a_heatmap_alone_is_the_prompt() -> None:
    heat = np.where(SMALL, 0.5, 0.1).astype(np.float32)
    refiner = Answering(MaskCandidate(SMALL, 0.8))
    answer(refiner, None, heat=heat, threshold=0.3)
    (asked,) = refiner.asked
    assert asked["box"] == (10, 10, 20, 20)
    assert np.array_equal(asked["mask"] > 0.5, SMALL)
    assert answer(refiner, None, heat=heat, threshold=0.6) is None


def test_the_mask_before_is_a_prompt_and_breaks_ties() -> None:
    refiner = Answering(MaskCandidate(LARGE, 0.8), MaskCandidate(SMALL, 0.8))
    found = answer(refiner, None, mask=SMALL, points=[(15, 15, True)])
    assert found is not None
    assert np.array_equal(found.mask, SMALL)
    asked = refiner.asked[0]["mask"]
    assert asked.dtype == np.float32
    assert np.array_equal(asked, SMALL)


def test_a_mask_that_stands_in_the_way_of_a_click_is_left_out() -> None:
    refiner = Answering(MaskCandidate(LARGE, 0.9), alone=(MaskCandidate(APART, 0.4),))
    found = answer(refiner, None, mask=LARGE, points=[(50, 20, True), (15, 15, False)])
    assert found is not None
    assert np.array_equal(found.mask, APART)
    assert [asked["mask"] is None for asked in refiner.asked] == [False, True]


def test_nothing_is_none() -> None:
    assert answer(Answering(), None, points=[(1, 1, True)]) is None
    empty = MaskCandidate(np.zeros(SIZE, bool), 1.0)
    assert answer(Answering(empty), None, points=[(1, 1, True)]) is None
    assert choose([]) is None


def test_agreement_counts_what_is_sure() -> None:
    soft = np.array([[1.0, 0.75, 0.5, 0.25, 0.0]], np.float32)  # weights 1, 0.5, 0, 0.5, 1
    assert agreement(np.array([[1, 1, 0, 0, 0]], bool), soft) == pytest.approx(1.0)
    assert agreement(np.array([[1, 1, 1, 0, 0]], bool), soft) == pytest.approx(1.0)
    assert agreement(np.array([[1, 0, 0, 0, 0]], bool), soft) == pytest.approx(1 / 1.5)
    assert agreement(np.array([[1, 1, 1, 1, 1]], bool), soft) == pytest.approx(1.5 / 3)
    assert agreement(np.array([[0, 0, 0, 0, 1]], bool), soft) == 0.0
    assert agreement(np.zeros((1, 5), bool), np.zeros((1, 5), np.float32)) == 0.0


def test_with_the_starter_refiner() -> None:
    """A red square on blue: a click on it, one beside it, a box, a heat map."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[..., 2] = 160
    image[12:36, 16:48] = (230, 20, 20)
    truth = np.zeros((48, 64), bool)
    truth[12:36, 16:48] = True
    refiner = GrabCutRefiner()
    encoding = refiner.encode(image)
    heat = np.zeros((48, 64), np.float32)
    heat[14:34, 20:44] = 0.5

    def overlap(found: MaskCandidate | None) -> float:
        assert found is not None
        return float((found.mask & truth).sum() / (found.mask | truth).sum())

    assert overlap(answer(refiner, encoding, box=(10, 8, 54, 40))) > 0.9
    assert overlap(answer(refiner, encoding, points=[(32, 24, True)], box=(10, 8, 54, 40))) > 0.9
    assert overlap(answer(refiner, encoding, heat=heat, threshold=0.25)) > 0.6
    clicked = answer(refiner, encoding, mask=truth, points=[(32, 24, True), (20, 16, False)])
    assert clicked is not None
    assert clicked.mask[24, 32]
    assert not clicked.mask[16, 20]
    with pytest.raises(AnnotatorError):
        answer(refiner, encoding)


def test_soft_masks_are_those_of_the_prompts() -> None:
    heat = np.linspace(-0.2, 0.6, 5, dtype=np.float32)[None]
    assert soft_mask(heat, 0.2).tolist()[0] == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
