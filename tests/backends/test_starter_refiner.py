from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from annotator.backends.protocols import Refiner
from annotator.backends.registry import Pack
from annotator.core import images

Photo = NDArray[np.uint8]
Bools = NDArray[np.bool_]
CAMVID = Path(os.environ.get("ANNOTATOR_DATA", "../shared/data")) / "camvid"


@pytest.fixture(scope="module")
def refiner(starter: Pack) -> Refiner:
    return starter.refiner()


def iou(a: Bools, b: Bools) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_its_id_names_the_algorithm_and_the_weights(refiner: Refiner) -> None:
    assert refiner.id == "starter-refiner@9656183eaeaf"


@pytest.mark.parametrize("size", [(1, 1), (300, 20000), (40, 1)])
@pytest.mark.parametrize("plain", [True, False])
def test_odd_images_are_answered(refiner: Refiner, size: tuple[int, int], plain: bool) -> None:
    image = np.full((*size, 3), 130, np.uint8)
    if not plain:
        image = np.random.default_rng(0).integers(0, 256, image.shape, dtype=np.uint8)
    encoding = refiner.encode(image)
    h, w = size
    soft = np.zeros(size, np.float32)
    soft[h // 4 : h // 4 + max(1, h // 2), w // 4 : w // 4 + max(1, w // 2)] = 0.9
    asked: list[dict[str, object]] = [
        {"mask": soft},
        {"mask": soft, "box": (w / 4, h / 4, w * 0.75, h * 0.75)},
        {"points": [(w / 2, h / 2, True)]},
        {"points": [(w / 2, h / 2, True), (0.0, 0.0, False)], "mask": soft},
        {"box": (0.0, 0.0, w / 2, h / 2)},
    ]
    for prompts in asked:
        [found] = refiner.refine(encoding, **prompts)  # type: ignore[arg-type]
        assert found.mask.shape == size
        assert 0.0 <= found.score <= 1.0


def test_a_plain_image_keeps_the_map(refiner: Refiner) -> None:
    image = np.full((200, 300, 3), 130, np.uint8)
    disc = np.zeros((200, 300), np.float32)
    cv2.circle(disc, (150, 100), 60, 1.0, -1)
    [found] = refiner.refine(refiner.encode(image), mask=cv2.GaussianBlur(disc, (0, 0), 8))
    assert iou(found.mask, disc > 0) > 0.9


def test_clicks_win_over_everything(refiner: Refiner, coffee: Photo) -> None:
    soft = np.full(coffee.shape[:2], 0.05, np.float32)
    soft[60:180, 200:400] = 0.95
    points = [(300.5, 120.5, False), (40.5, 350.5, True), (220.5, 100.5, True)]
    [found] = refiner.refine(refiner.encode(coffee), points=points, mask=soft)
    for x, y, inside in points:
        assert found.mask[int(y), int(x)] == inside


def test_a_mask_that_was_cut_changes_only_by_the_clicks(refiner: Refiner, coffee: Photo) -> None:
    large = cv2.resize(coffee, (1800, 1200))
    mask = np.zeros(large.shape[:2], np.float32)
    mask[400:402, 100:1700] = 1.0  # thinner than a pixel at working size
    mask[100:500, 700:1100] = 1.0
    encoding = refiner.encode(large)
    [same] = refiner.refine(encoding, points=[(900.0, 300.0, True)], mask=mask)
    np.testing.assert_array_equal(same.mask, mask >= 0.5)
    [less] = refiner.refine(encoding, points=[(900.0, 300.0, False)], mask=mask)
    assert not less.mask[300, 900]
    assert less.mask[400:402, 100:600].all()


def test_a_box_around_a_soft_mask_leaves_its_edge_free(refiner: Refiner) -> None:
    image = np.full((280, 280, 3), (40, 110, 60), np.uint8)
    image[90:190, 90:190] = (220, 120, 40)
    soft = cv2.GaussianBlur((image[..., 0] > 100).astype(np.float32), (0, 0), 10)
    encoding = refiner.encode(image)
    [found] = refiner.refine(encoding, box=(96.0, 96.0, 184.0, 184.0), mask=soft)
    assert found.mask[92:188, 92:188].all()
    assert not found.mask[:80].any()


def test_a_sure_box_is_not_left(refiner: Refiner, coffee: Photo) -> None:
    [found] = refiner.refine(refiner.encode(coffee), box=(160.0, 5.0, 440.0, 250.0))
    outside = np.ones(found.mask.shape, np.bool_)
    outside[2:253, 157:443] = False
    assert not found.mask[outside].any()
    assert found.mask[60:90, 280:310].all()  # the coffee itself


@pytest.mark.skipif(not CAMVID.is_dir(), reason="the folder ANNOTATOR_DATA/camvid is not there")
def test_noisy_heatmaps_of_streets_gain_five_points(refiner: Refiner) -> None:
    """The middle level of tests/benchmarks/bench_masks.py, on three of its pictures."""
    before, after = [], []
    for number, path in enumerate(sorted((CAMVID / "images").glob("*.jpg"))[1::14]):
        image = images.load(path)
        classes = cv2.imread(str(CAMVID / f"masks/{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        assert classes is not None
        encoding = refiner.encode(image)
        for label in range(11):
            truth = np.asarray(classes == label)
            if truth.mean() < 0.005:
                continue
            cells = cv2.resize(truth.astype(np.float32), (28, 28), interpolation=cv2.INTER_AREA)
            cells = cv2.GaussianBlur(cells, (0, 0), 0.7)
            cells += np.random.default_rng(number * 11 + label).normal(0, 0.2, cells.shape)
            size = truth.shape[1], truth.shape[0]
            soft = np.clip(cv2.resize(cells, size, interpolation=cv2.INTER_CUBIC), 0, 1)
            soft = soft.astype(np.float32)
            known = np.asarray(classes != 11)
            before.append(iou((soft > 0.5) & known, truth))
            after.append(iou(refiner.refine(encoding, mask=soft)[0].mask & known, truth))
    assert len(before) > 15
    assert np.mean(after) > np.mean(before) + 0.05
