"""Run lengths, outlines, overlap and label maps against plain numpy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annotator.core import masks
from annotator.core.records import Rle

MASKS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=24))


def filled(mask: np.ndarray) -> np.ndarray:
    """The mask without its holes: what cannot be reached from outside over the sides."""
    padded = np.pad(mask.astype(np.uint8), 1)
    outside = cv2.floodFill(padded.copy(), None, (0, 0), 2, flags=4)[1] == 2
    return ~outside[1:-1, 1:-1]


@given(MASKS)
def test_decode_gives_back_what_encode_took(mask):
    rle = masks.encode(mask)
    assert (rle.height, rle.width) == mask.shape
    back = masks.decode(rle)
    assert back.dtype == bool
    assert back.flags.c_contiguous
    assert (back == mask).all()


@given(MASKS)
def test_area_and_box_are_those_of_the_pixels(mask):
    rle = masks.encode(mask)
    assert masks.area(rle) == mask.sum()
    ys, xs = np.nonzero(mask)
    expected = (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1) if mask.any() else (0, 0, 0, 0)
    assert masks.bbox(rle) == expected
    assert all(type(v) is int for v in (masks.area(rle), *masks.bbox(rle)))


def test_encoding_is_the_one_of_the_coco_api():
    # Columns first: runs 6 2 2 2 4, from the fourth on as differences to the one before the
    # last: 6 2 2 0 2; one character each, "0" + value. By hand.
    mask = np.zeros((4, 4), bool)
    mask[2:4, 1:3] = True
    assert masks.encode(mask).counts == "62202"
    assert (masks.decode(Rle(4, 4, "62202")) == mask).all()


def test_a_grey_mask_counts_every_value_but_zero():
    assert masks.area(masks.encode(np.array([[0, 1, 255]], np.uint8))) == 2


@given(st.data())
def test_iou_and_union(data):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=16))
    a, b = (data.draw(hnp.arrays(bool, shape)) for _ in range(2))
    rles = [masks.encode(a), masks.encode(b)]
    either = (a | b).sum()
    assert masks.iou(*rles) == pytest.approx((a & b).sum() / either if either else 0.0)
    assert (masks.decode(masks.union(rles)) == (a | b)).all()


def test_masks_of_different_sizes_are_refused():
    a, b = masks.encode(np.ones((2, 3), bool)), masks.encode(np.ones((3, 2), bool))
    with pytest.raises(ValueError, match="different sizes"):
        masks.iou(a, b)
    with pytest.raises(ValueError, match="different sizes"):
        masks.union([a, b])
    with pytest.raises(ValueError, match="no masks"):
        masks.union([])
    with pytest.raises(ValueError, match="two dimensions"):
        masks.encode(np.ones((2, 3, 1), bool))


@pytest.mark.parametrize("counts", ["", "1", "6220262202", "6", "~~~", "622N", " "])
def test_run_lengths_that_do_not_fill_the_image_are_refused(counts):
    with pytest.raises(ValueError, match="run length"):
        masks.decode(Rle(4, 5, counts))


@given(st.text(alphabet=[chr(c) for c in range(40, 115)], max_size=12))
def test_any_text_as_run_lengths_is_decoded_or_refused(counts):
    try:
        mask = masks.decode(Rle(5, 7, counts))
    except ValueError:
        return
    assert mask.shape == (5, 7)


@given(MASKS)
def test_outlines_give_the_mask_back_with_its_holes_filled(mask):
    outlines = masks.to_polygons(mask)
    back = masks.decode(masks.from_polygons(outlines, *mask.shape))
    assert (back == filled(mask)).all()
    assert bool(outlines) == mask.any()


def test_the_largest_outline_comes_first():
    mask = np.zeros((20, 30), bool)
    mask[1:3, 1:3] = True
    mask[5:18, 5:25] = True
    first, second = masks.to_polygons(mask)
    assert max(first) > 20
    assert max(second) < 4


def test_a_polygon_outside_is_cut_off_and_a_bad_one_refused():
    rle = masks.from_polygons([[-50, -50, 50, -50, 50, 50, -50, 50]], 10, 12)
    assert masks.area(rle) == 120
    assert masks.area(masks.from_polygons([], 10, 12)) == 0
    for bad in ([1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7], [0, 0, 1, 1, float("nan"), 2]):
        with pytest.raises(ValueError, match="polygon"):
            masks.from_polygons([bad], 10, 12)


def test_label_map_paints_the_small_on_top_of_the_large():
    large = np.zeros((6, 8), bool)
    large[:, :6] = True
    small = np.zeros((6, 8), bool)
    small[2:4, 2:7] = True
    rles = [masks.encode(small), masks.encode(large)]
    painted = masks.label_map(rles, [300, 65535], 6, 8)
    assert painted.dtype == np.uint16
    assert (painted[small] == 300).all()
    assert (painted[large & ~small] == 65535).all()
    assert (painted[~(large | small)] == 0).all()
    # Equal areas: the earlier one is on top, whatever its label.
    assert masks.label_map([rles[0]] * 2, [5, 9], 6, 8)[2, 2] == 5
    assert masks.label_map([rles[0]] * 2, [9, 5], 6, 8)[2, 2] == 9


def test_label_map_refuses_what_it_cannot_write():
    rle = masks.encode(np.ones((2, 2), bool))
    for labels, words in (([0], "65535"), ([65536], "65535"), ([], "one label")):
        with pytest.raises(ValueError, match=words):
            masks.label_map([rle], labels, 2, 2)
    with pytest.raises(ValueError, match="2 x 2 pixels on an image of 3 x 2"):
        masks.label_map([rle], [1], 2, 3)
