from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.backends.pamr import spread
from annotator.backends.protocols import Refiner
from annotator.backends.refiners import GrabCutRefiner, PAMRRefiner, clean, encode, settle
from annotator.backends.registry import Pack
from annotator.core.errors import AnnotatorError

Photo = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

PLAIN = [GrabCutRefiner(), PAMRRefiner(), GrabCutRefiner("pamr-grabcut", pamr=True)]


@pytest.fixture(params=["starter", *PLAIN], ids=lambda r: getattr(r, "id", r))
def refiner(request: pytest.FixtureRequest, starter: Pack) -> Refiner:
    found: Refiner = starter.refiner() if request.param == "starter" else request.param
    return found


def iou(a: Bools, b: Bools) -> float:
    return float((a & b).sum() / (a | b).sum())


def scene(height: int = 240, width: int = 320) -> tuple[Photo, Bools]:
    """A noisy green field with an orange ring on it, and the ring's true mask: it has a hole."""
    noise = np.random.default_rng(3).normal(0, 8, (height, width, 3))
    truth = np.zeros((height, width), np.uint8)
    centre, unit = (width // 2, height // 2), min(height, width)
    cv2.circle(truth, centre, round(unit * 0.35), 1, -1)
    cv2.circle(truth, centre, round(unit * 0.15), 0, -1)
    colours = np.where(truth[..., None] > 0, (220, 120, 40), (40, 110, 60))
    return np.clip(colours + noise, 0, 255).astype(np.uint8), truth > 0


def rough(truth: Bools, blur: float = 0.06) -> Floats:
    """The truth as a coarse grounder would see it."""
    return cv2.GaussianBlur(truth.astype(np.float32), (0, 0), blur * min(truth.shape))


def test_a_mask_has_the_size_of_the_image_and_keeps_its_hole(refiner: Refiner) -> None:
    image, truth = scene(600, 800)  # larger than the working size
    [found] = refiner.refine(refiner.encode(image), mask=rough(truth))
    assert found.mask.shape == (600, 800)
    assert found.mask.dtype == np.bool_
    assert 0.5 <= found.score <= 1.0
    assert not found.mask[300, 400]
    assert iou(found.mask, truth) > 0.9


def test_asking_again_gives_the_same(refiner: Refiner, coffee: Photo) -> None:
    soft = np.zeros(coffee.shape[:2], np.float32)
    soft[30:200, 170:420] = 0.8
    first = refiner.refine(refiner.encode(coffee), mask=soft)
    cv2.setRNGSeed(99)  # what others drew before does not matter
    again = refiner.refine(refiner.encode(coffee), mask=soft)
    np.testing.assert_array_equal(first[0].mask, again[0].mask)
    assert first[0].score == again[0].score


def test_a_rough_mask_gets_nearer_to_the_truth(refiner: Refiner) -> None:
    image, truth = scene()
    soft = rough(truth, 0.1)
    shifted = np.roll(soft, 12, axis=1)
    before = iou(shifted >= 0.5, truth)
    [found] = refiner.refine(refiner.encode(image), mask=shifted)
    assert iou(found.mask, truth) > before + 0.05


def test_nothing_likely_gives_an_empty_mask(refiner: Refiner) -> None:
    image, truth = scene()
    [found] = refiner.refine(refiner.encode(image), mask=np.zeros(truth.shape, np.float32))
    assert not found.mask.any()
    assert found.score == 0.0


def test_everything_sure_gives_everything(refiner: Refiner) -> None:
    image, truth = scene()
    [found] = refiner.refine(refiner.encode(image), mask=np.ones(truth.shape, np.float32))
    assert found.mask.all()


def test_no_prompt_is_refused(refiner: Refiner) -> None:
    with pytest.raises(AnnotatorError, match="give a mask, a box or a point"):
        refiner.refine(refiner.encode(scene()[0]), points=[(1.0, 1.0, False)])


def test_a_mask_of_another_size_is_refused(refiner: Refiner) -> None:
    with pytest.raises(ValueError, match="240x320"):
        refiner.refine(refiner.encode(scene()[0]), mask=np.zeros((10, 10), np.float32))


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (2, 2)])
def test_tiny_images_are_no_error(refiner: Refiner, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    soft = np.linspace(0, 1, image[..., 0].size, dtype=np.float32).reshape(size)
    [found] = refiner.refine(refiner.encode(image), mask=soft)
    assert found.mask.shape == size


def test_a_box_finds_the_cup(coffee: Photo) -> None:
    refiner = GrabCutRefiner()
    encoding = refiner.encode(coffee)
    [found] = refiner.refine(encoding, box=(160.0, 5.0, 440.0, 250.0))
    outside = np.ones(found.mask.shape, np.bool_)
    outside[3:252, 158:442] = False
    assert not found.mask[outside].any()
    assert found.mask[60:90, 280:310].all()  # the coffee itself


def test_points_decide_what_is_in() -> None:
    image, truth = scene()
    refiner = GrabCutRefiner()
    encoding = refiner.encode(image)
    ring, hole, field = (80.0 + 20, 120.0, True), (160.0, 120.0, False), (5.0, 5.0, False)
    [found] = refiner.refine(encoding, points=[ring, hole, field])
    assert iou(found.mask, truth) > 0.85
    assert not found.mask[120, 160]


def test_a_click_takes_a_part_out_of_a_mask() -> None:
    image, truth = scene()
    both = truth.copy()
    both[:60, :60] = True
    image[:60, :60] = (200, 30, 30)
    refiner = GrabCutRefiner()
    encoding = refiner.encode(image)
    soft = np.where(both, 0.75, 0.2).astype(np.float32)
    assert refiner.refine(encoding, mask=soft)[0].mask[20, 20]
    [found] = refiner.refine(encoding, points=[(20.0, 20.0, False)], mask=soft)
    assert not found.mask[20, 20]


def test_islands_and_pinholes_go_and_real_holes_stay() -> None:
    mask = np.zeros((100, 100), np.bool_)
    mask[10:80, 10:80] = True
    mask[30:50, 30:50] = False  # a hole
    mask[60, 60] = False  # a pinhole
    mask[90:93, 90:93] = True  # a crumb
    found = clean(mask)
    assert found[60, 60]
    assert not found[30:50, 30:50].any()
    assert not found[90:93, 90:93].any()
    assert found.sum() == 70 * 70 - 20 * 20


def test_two_of_a_kind_both_stay() -> None:
    mask = np.zeros((50, 100), np.bool_)
    mask[10:40, 10:40] = True
    mask[15:35, 60:80] = True
    np.testing.assert_array_equal(clean(mask), mask)


def test_encoding_is_at_working_size_and_a_small_image_stays() -> None:
    image, _ = scene(1000, 500)
    encoding = encode(image)
    assert max(encoding.small.shape) == 384
    assert (encoding.height, encoding.width) == (1000, 500)
    small, _ = scene(50, 60)
    np.testing.assert_array_equal(encode(small).small, small)


def test_spreading_stays_in_range_and_stops_at_an_edge() -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, 40:] = 255
    soft = np.zeros((60, 80), np.float32)
    soft[20:40, 30:60] = 1.0  # 10 columns too far into the dark half
    found = spread(image, soft)
    assert found.shape == soft.shape
    assert found.min() >= 0.0
    assert found.max() <= 1.0
    assert found[30, 70] > 0.1  # it spread over the bright half
    one_side = spread(image, np.where(np.arange(80) < 40, 0.0, soft).astype(np.float32))
    assert one_side[:, :39].max() < 0.05  # and nothing crossed the edge


def test_a_flat_image_spreads_evenly_and_a_constant_stays() -> None:
    image = np.full((30, 40, 3), 128, np.uint8)
    constant = np.full((30, 40), 0.3, np.float32)
    np.testing.assert_allclose(spread(image, constant), constant, atol=1e-5)
    soft = np.zeros((31, 41), np.float32)
    soft[15, 20] = 1.0
    found = spread(np.full((31, 41, 3), 128, np.uint8), soft)
    np.testing.assert_allclose(found, found[:, ::-1], atol=1e-6)


def disc() -> tuple[Photo, Bools]:
    image, ring = scene()
    truth = np.zeros(ring.shape, np.uint8)
    cv2.circle(truth, (160, 120), 84, 1, -1)
    return np.where(truth[..., None] > 0, image[120, 90], image).astype(np.uint8), truth > 0


def test_an_edge_is_settled_by_colour_and_only_near_where_it_was() -> None:
    image, truth = disc()
    near = np.roll(truth, 6, axis=1)
    assert iou(settle(image, near, 10), truth) > 0.97 > iou(near, truth)
    far = np.roll(truth, 40, axis=1)
    kept = settle(image, far, 4)
    assert iou(kept, far) > 0.9


def test_a_map_that_fades_out_slowly_ends_at_the_colours(starter: Pack) -> None:
    image, truth = disc()
    slow = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 30.0)
    soft = np.clip(slow / slow.max(), 0, 1).astype(np.float32)
    refiner = starter.refiner()
    [found] = refiner.refine(refiner.encode(image), mask=soft)
    assert iou(found.mask, truth) > 0.95 > iou(soft >= 0.5, truth)
