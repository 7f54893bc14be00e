"""Scores of tags on an image, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from annotator.core import tag_scores

# Two rows of three pixels: three look right, two up, one is between.
CELLS = np.array(
    [[[1, 0], [1, 0], [0, 1]], [[1, 0], [0.6, 0.8], [0, 1]]],
    np.float32,
)
RIGHT, UP, LEFT = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]
TAGS = np.array([RIGHT, UP, LEFT, [0.8, 0.6]], np.float32)


def test_equation_2_is_the_best_pixel() -> None:
    # LEFT: the pixels that look up are least unlike it. [0.8, 0.6] with [0.6, 0.8]: 0.96.
    found = tag_scores.pixel_scores(CELLS, TAGS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [1.0, 1.0, 0.0, 0.96], atol=1e-6)


def test_the_peak_is_the_middle_of_its_cell_in_fractions() -> None:
    scores, x, y = tag_scores.peaks(CELLS, TAGS)
    np.testing.assert_allclose(scores, tag_scores.pixel_scores(CELLS, TAGS))
    # RIGHT and UP are on several cells: the first in reading order.
    np.testing.assert_allclose(x, [1 / 6, 5 / 6, 5 / 6, 3 / 6], atol=1e-6)
    np.testing.assert_allclose(y, [0.25, 0.25, 0.25, 0.75], atol=1e-6)


def test_many_tags_are_taken_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    many = np.concatenate([TAGS] * 5)
    whole = tag_scores.peaks(CELLS, many)
    monkeypatch.setattr(tag_scores, "_MOST", 19)  # three tags on six pixels
    for found, wanted in zip(tag_scores.peaks(CELLS, many), whole, strict=True):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(tag_scores.pixel_scores(CELLS, many), whole[0])


def test_equation_1_is_the_cosine_with_the_mean_pixel() -> None:
    # Sum of pixels (3.6, 2.8), length sqrt(20.8).
    expected = np.array([3.6, 2.8, -3.6, 3.6 * 0.8 + 2.8 * 0.6]) / np.sqrt(20.8)
    np.testing.assert_allclose(tag_scores.image_scores(CELLS, TAGS), expected, atol=1e-6)


def test_pixels_that_cancel_out_resemble_nothing() -> None:
    cells = np.array([[RIGHT, LEFT]], np.float32)
    assert tag_scores.image_scores(cells, TAGS).tolist() == [0.0] * 4


def test_equation_7_is_the_cosine_with_the_text() -> None:
    text = np.array([0.6, 0.8], np.float32)
    np.testing.assert_allclose(
        tag_scores.text_scores(text, TAGS), [0.6, 0.8, -0.6, 0.96], atol=1e-6
    )


def test_the_segment_score_is_a_share_of_the_pixels() -> None:
    # [0.6, 0.8] is most like [0.8, 0.6]; nothing is most like LEFT.
    found = tag_scores.segment_scores(CELLS, TAGS)
    np.testing.assert_allclose(found, [3 / 6, 2 / 6, 0.0, 1 / 6], atol=1e-6)


def test_a_pixel_between_two_equal_tags_is_the_first_ones() -> None:
    twice = np.array([RIGHT, RIGHT], np.float32)
    assert tag_scores.segment_scores(CELLS, twice).tolist() == [1.0, 0.0]


def test_of_no_tags_there_are_no_scores() -> None:
    none = np.zeros((0, 2), np.float32)
    assert tag_scores.pixel_scores(CELLS, none).shape == (0,)
    assert tag_scores.image_scores(CELLS, none).shape == (0,)
    assert tag_scores.segment_scores(CELLS, none).shape == (0,)
    assert [part.shape for part in tag_scores.peaks(CELLS, none)] == [(0,)] * 3
    assert tag_scores.softmax(np.zeros(0)).shape == (0,)
    assert tag_scores.min_max(np.zeros(0)).shape == (0,)
    for how in tag_scores.SELECTIONS:
        assert tag_scores.select(np.zeros(0, np.float32), how).shape == (0,)  # type: ignore[arg-type]


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        tag_scores.pixel_scores(np.zeros((0, 3, 2), np.float32), TAGS)
    with pytest.raises(ValueError, match="shape"):
        tag_scores.pixel_scores(CELLS, np.zeros((4, 3), np.float32))


def test_softmax_and_min_max() -> None:
    # exp(0), exp(-1), exp(-2) over their sum 1.50321.
    found = tag_scores.softmax(np.array([0.32, 0.31, 0.30]), scale=100)
    np.testing.assert_allclose(found, [0.66524, 0.24473, 0.09003], atol=1e-5)
    far = tag_scores.softmax(np.array([1.0, -0.99, -1.0], np.float32), scale=100)
    assert far[0] > far[1] > far[2] > 0.0
    assert tag_scores.min_max(np.array([1.0, 3.0, 2.0])).tolist() == [0.0, 1.0, 0.5]
    assert tag_scores.min_max(np.full((2, 2), 0.3)).tolist() == [[0.0, 0.0]] * 2


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([0.9, 0.2, 0.8, 0.1], [True, False, True, False]),
        ([0.5], [True]),
        ([0.3, 0.3, 0.3], [True, True, True]),
        ([0.3, 0.3, 0.1], [True, True, False]),
        ([0.75, 0.5, 0.25], [True, False, False]),  # two equal gaps: the higher
        ([-0.1, -0.9, -0.2], [True, False, True]),
    ],
)
def test_the_largest_gap(scores, kept) -> None:
    assert tag_scores.select(np.array(scores, np.float32)).tolist() == kept


def test_a_threshold_and_the_best_few() -> None:
    scores = np.array([0.5, 0.7, 0.1, 0.5])
    assert tag_scores.select(scores, "fixed", 0.5).tolist() == [True, True, False, True]
    assert tag_scores.select(scores, "top", top=2).tolist() == [True, True, False, False]
    assert tag_scores.select(scores, "top", top=9).tolist() == [True] * 4
    assert tag_scores.select(scores, "top", top=0).tolist() == [False] * 4


def test_what_cannot_be_selected_from() -> None:
    with pytest.raises(ValueError, match="finite"):
        tag_scores.select(np.array([0.1, np.nan]))
    with pytest.raises(ValueError, match="gap, fixed, top"):
        tag_scores.select(np.array([0.1]), "best")  # type: ignore[arg-type]


@given(arrays(np.float32, st.integers(1, 12), elements=st.floats(-1, 1, width=16)))
def test_the_gap_never_parts_equal_scores_and_keeps_the_best(scores) -> None:
    kept = tag_scores.select(scores)
    assert kept[scores.argmax()]
    if not kept.all():
        low, high = scores[kept].min(), scores[~kept].max()
        gaps = -np.diff(-np.sort(-scores))
        assert low - high == gaps.max()
