"""Things in heat maps: how many, where, and what a Refiner is asked."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annotator.core.prompts import Instance, instances, soft_mask

H, W = 120, 200
ROWS, COLUMNS = np.mgrid[:H, :W].astype(np.float32)


def hill(x: float, y: float, height: float, width: float) -> Any:
    away = (COLUMNS - x) ** 2 + (ROWS - y) ** 2
    return (height * np.exp(-away / 2 / width**2)).astype(np.float32)


def check(found: tuple[Instance, ...], heat: Any, threshold: float) -> None:
    """What is true of all instances."""
    claimed = np.zeros(heat.shape, int)
    for one in found:
        assert one.soft.shape == heat.shape
        assert one.soft.dtype == np.float32
        assert 0.0 <= one.soft.min() <= one.soft.max() <= 1.0
        assert one.mask.any()
        assert (heat[one.mask] > threshold).all()
        claimed += one.mask
        rows, columns = np.nonzero(one.mask)
        left, top, right, bottom = one.box
        assert (left, top) == (columns.min(), rows.min())
        assert (right, bottom) == (columns.max() + 1, rows.max() + 1)
        assert one.points[0][2]
        assert one.peak == pytest.approx(heat[one.mask].max())
        for x, y, inside in one.points:
            assert one.mask[int(y), int(x)] == inside
    assert claimed.max(initial=0) <= 1
    assert [one.peak for one in found] == sorted((one.peak for one in found), reverse=True)


def test_two_hills_apart_are_two_things() -> None:
    heat = hill(50, 60, 0.6, 12) + hill(150, 60, 0.4, 12)
    found = instances(heat, 0.2)
    check(found, heat, 0.2)
    assert len(found) == 2
    first, second = found
    assert first.peak == pytest.approx(0.6)
    assert second.peak == pytest.approx(0.4)
    assert first.points[0][:2] == pytest.approx((50, 60), abs=2)
    assert second.points[0][:2] == pytest.approx((150, 60), abs=2)
    # Each is sure of its own peak, and that the other's is not its own.
    assert first.soft[60, 50] == pytest.approx(1.0, abs=0.01)
    assert second.soft[60, 150] == pytest.approx(1.0, abs=0.01)
    assert first.soft[60, 150] <= 0.25
    assert second.soft[60, 50] <= 0.01
    # Together they are all that is above the threshold.
    assert np.array_equal(first.mask | second.mask, heat > 0.2)
    # Pointed out as no part of it: the peak of the other.
    assert (*second.points[0][:2], False) in first.points


@pytest.mark.parametrize(("valley", "things"), [(0.10, 2), (0.28, 2), (0.32, 1), (0.55, 1)])
def test_a_valley_separates_by_its_depth(valley: float, things: int) -> None:
    """Two peaks of 1 above a ground of 0, with a saddle at ``valley``: 0.7 of the way down and
    more separates, whether it is above the threshold of 0.2 or below it."""
    heat = np.zeros((60, 200), np.float32)
    heat[20:40, 20:80] = heat[20:40, 120:180] = 1.0
    heat[20:40, 80:120] = valley
    found = instances(heat, 0.2)
    check(found, heat, 0.2)
    assert len(found) == things


def test_what_parts_only_at_the_threshold_is_one_thing() -> None:
    """The dark windows of a bus are a little below the threshold: still one bus."""
    heat = hill(60, 60, 1.0, 25) + hill(140, 60, 1.0, 25)
    saddle = float(heat[60, 100])
    assert saddle < 0.6
    found = instances(heat, 0.6)
    assert len(found) == 1
    check(found, heat, 0.6)
    assert len([point for point in found[0].points if point[2]]) == 2
    assert found[0].box[0] < 60 < 140 < found[0].box[2]
    assert len(instances(heat, 0.6, prominence=0.3)) == 2


def test_stuff_is_not_split() -> None:
    rng = np.random.default_rng(0)
    heat = np.where(ROWS < 50, 0.5, 0.0) + 0.2 * hill(20, 20, 1, 15) + 0.2 * hill(180, 20, 1, 15)
    heat = (heat + rng.normal(0, 0.03, (H, W))).astype(np.float32)
    found = instances(heat, 0.25)
    assert len(found) == 1
    assert found[0].box[2] - found[0].box[0] == W


def test_small_and_faint_things_go() -> None:
    heat = hill(60, 60, 1.0, 20)
    small = heat + hill(160, 30, 0.9, 1.2)
    faint = heat + hill(160, 60, 0.26, 20)
    assert len(instances(small, 0.2)) == 1
    assert len(instances(small, 0.2, smallest=0.0001)) == 2
    found = instances(faint, 0.2)
    assert len(found) == 1
    # What is dropped is no part of what stays.
    assert not found[0].mask[60, 160]
    assert found[0].soft[60, 160] <= 0.5


def test_all_in_one_where_nothing_is_to_be_split() -> None:
    heat = hill(50, 60, 0.6, 12) + hill(150, 60, 0.4, 12)
    (one,) = instances(heat, 0.2, split=False)
    check((one,), heat, 0.2)
    assert np.array_equal(one.mask, heat > 0.2)
    assert one.peak == pytest.approx(0.6)
    speck = heat.copy()
    speck[5:7, 5:7] = 0.5
    (one,) = instances(speck, 0.2, split=False)
    assert not one.mask[5, 5]


def test_the_soft_mask_is_calibrated_to_threshold_and_peak() -> None:
    heat = np.array([[-0.2, 0.05, 0.3, 0.35, 0.4]], np.float32)
    assert soft_mask(heat, 0.3) == pytest.approx(np.array([[0.0, 0.25, 0.5, 0.75, 1.0]]))
    assert soft_mask(heat, 0.3, 0.35) == pytest.approx(np.array([[0.0, 0.25, 0.5, 1.0, 1.0]]))
    assert soft_mask(heat, 0.9).tolist() == [[0.0] * 5]
    assert soft_mask(heat, -0.9).tolist() == [[1.0] * 5]
    assert soft_mask(np.full((2, 2), 0.3, np.float32), 0.3).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_points_outside_lie_in_valleys_near_the_box() -> None:
    ring = np.hypot(ROWS - 60, COLUMNS - 100)
    heat = np.where((ring < 50) & (ring > 25), 0.8, 0.1).astype(np.float32)
    (one,) = instances(heat, 0.4)
    check((one,), heat, 0.4)
    outside = [(x, y) for x, y, inside in one.points if not inside]
    assert any(np.hypot(x - 100, y - 60) < 25 for x, y in outside)  # the hole
    left, top, right, bottom = one.box
    for x, y in outside:
        assert left - 14 <= x <= right + 14
        assert top - 14 <= y <= bottom + 14


def test_the_middle_of_a_plateau_is_pointed_at() -> None:
    heat = np.where((COLUMNS > 40) & (COLUMNS < 160) & (ROWS > 20) & (ROWS < 100), 0.5, 0.0)
    (one,) = instances(heat.astype(np.float32), 0.25)
    x, y, _ = one.points[0]
    assert 70 < x < 130
    assert 50 < y < 70


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (2, 2), (300, 20_000)])
def test_any_size(shape: tuple[int, int]) -> None:
    heat = np.zeros(shape, np.float32)
    heat[shape[0] // 2, shape[1] // 2] = 1.0
    found = instances(heat, 0.5)
    assert len(found) == 1
    check(found, heat, 0.5)
    assert found[0].points[0] == (shape[1] // 2, shape[0] // 2, True)


def test_nothing_above_and_everything_above() -> None:
    flat = np.full((40, 60), 0.3, np.float32)
    assert instances(flat, 0.3) == ()
    assert instances(flat, 0.5) == ()
    (one,) = instances(flat, 0.1)
    check((one,), flat, 0.1)
    assert one.box == (0, 0, 60, 40)
    assert one.mask.all()
    with pytest.raises(ValueError, match="prominence"):
        instances(flat, 0.1, prominence=0.0)


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        elements=st.floats(-1, 1, width=16),
    ),
    st.floats(-1, 1, width=16),
    st.booleans(),
)
def test_whatever_the_map(heat: Any, threshold: float, split: bool) -> None:
    found = instances(heat, threshold, split=split, smallest=0.0)
    assert bool(found) == bool((heat > threshold).any())
    check(found, heat, threshold)
