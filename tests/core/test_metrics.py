"""Metrics by hand-computed values and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from annotator.core.metrics import (
    Selected,
    auc_pr,
    auc_pr_at_k,
    average_precision,
    curve_at_k,
    false_positives,
    iou,
    mean_average_precision,
    precision_recall_at_k,
    precision_recall_curve,
    tag_selection,
)

CLASSES = [("sofa", "couch"), ("cat",), ("car", "auto", "automobile"), ("tree",)]


def test_precision_and_recall_by_hand():
    ranked = ["cat", "wall", "car", "dog", "sofa"]
    assert precision_recall_at_k(ranked, CLASSES, 1) == (1.0, 0.25)
    assert precision_recall_at_k(ranked, CLASSES, 2) == (0.5, 0.25)
    assert precision_recall_at_k(ranked, CLASSES, 5) == (3 / 5, 3 / 4)


def test_a_second_synonym_is_neither_a_hit_nor_a_miss():
    ranked = ["couch", "sofa", "wall", "auto", "car", "automobile"]
    # Places: couch (hit), wall (miss), auto (hit).
    assert precision_recall_at_k(ranked, CLASSES, 2) == (1.0, 1 / 4)
    assert precision_recall_at_k(ranked, CLASSES, 6) == (2 / 3, 2 / 4)
    # The same label twice is no second miss either.
    assert precision_recall_at_k(["cat", "wall", "wall"], CLASSES, 3) == (1 / 2, 1 / 4)


def test_fewer_labels_than_k():
    ranked = ["cat", "couch", "sofa", "wall"]
    # 10 places less the repeated one; 2 hit.
    assert precision_recall_at_k(ranked, CLASSES, 10) == (2 / 9, 2 / 4)
    assert precision_recall_at_k(ranked, CLASSES, 10, over="labels") == (2 / 3, 2 / 4)
    assert precision_recall_at_k([], CLASSES, 10) == (0.0, 0.0)
    assert precision_recall_at_k([], CLASSES, 10, over="labels") == (0.0, 0.0)


def test_a_name_of_two_classes_hits_both():
    classes = [("bat", "racket"), ("bat",), ("dog",)]
    assert precision_recall_at_k(["bat", "racket"], classes, 2) == (1.0, 2 / 3)


def test_k_and_classes_must_make_sense():
    with pytest.raises(ValueError, match="at least 1"):
        precision_recall_at_k(["cat"], CLASSES, 0)
    with pytest.raises(ValueError, match="no true classes"):
        precision_recall_at_k(["cat"], [], 1)
    with pytest.raises(ValueError, match="no true classes"):
        auc_pr_at_k(["cat"], [])


def test_auc_by_hand():
    # (recall, precision): (1/4, 1), (1/4, 1/2), (2/4, 2/3); from (0, 1).
    expected = 1 / 4 * 1 + 1 / 4 * (1 / 2 + 2 / 3) / 2
    assert auc_pr_at_k(["cat", "wall", "car"], CLASSES) == pytest.approx(expected)
    assert auc_pr_at_k(["cat", "tree", "auto", "couch"], CLASSES) == 1.0
    assert auc_pr_at_k(["wall", "dog"], CLASSES) == 0.0
    assert auc_pr_at_k([], CLASSES) == 0.0
    # Starts at the precision of K = 1: a first miss counts as 0 there.
    assert auc_pr_at_k(["wall", "cat"], CLASSES) == pytest.approx(1 / 4 * (0 + 1 / 2) / 2)
    assert auc_pr_at_k(["cat", "wall", "car"], CLASSES, last=1) == 1 / 4


@given(st.lists(st.sampled_from(["cat", "sofa", "couch", "car", "x", "y", "z"]), max_size=12))
def test_auc_is_the_trapezoid_over_the_points(ranked):
    points = [
        precision_recall_at_k(ranked, CLASSES, k, over="labels") for k in range(1, len(ranked) + 1)
    ]
    if not points:
        return
    precision = [points[0][0], *(p for p, _ in points)]
    recall = [0.0, *(r for _, r in points)]
    assert auc_pr_at_k(ranked, CLASSES) == pytest.approx(np.trapezoid(precision, recall))


def test_the_curve_has_a_point_for_each_place_that_counts():
    # couch is sofa again and takes no place: cat (hit), wall (miss), sofa (hit), car (hit).
    recall, precision = curve_at_k(["cat", "wall", "sofa", "couch", "car"], CLASSES)
    assert recall == [1 / 4, 1 / 4, 2 / 4, 3 / 4]
    assert precision == [1 / 1, 1 / 2, 2 / 3, 3 / 4]
    assert curve_at_k(["cat", "wall", "sofa"], CLASSES, last=2) == ([1 / 4, 1 / 4], [1.0, 1 / 2])
    assert curve_at_k([], CLASSES) == ([], [])


def test_false_positives_are_words_that_name_no_class():
    ranked = ["cat", "wall", "couch", "sofa", "dog", "wall"]
    # wall and dog; sofa is a class found before, and the second wall is the first one again.
    assert false_positives(ranked, CLASSES) == 2
    assert false_positives(ranked, CLASSES, k=4) == 1
    assert false_positives([], CLASSES) == 0
    with pytest.raises(ValueError, match="at least 1"):
        false_positives(ranked, CLASSES, k=0)


TRUTH_AND_SCORES = (
    hnp.arrays(bool, st.integers(1, 30))
    .filter(np.any)
    .flatmap(
        lambda truth: st.tuples(
            st.just(truth),
            hnp.arrays(np.float64, len(truth), elements=st.sampled_from([0, 0.2, 0.5, 0.7, 1])),
        )
    )
)


@given(TRUTH_AND_SCORES)
def test_average_precision_and_the_area_are_those_of_scikit_learn(pair):
    import sklearn.metrics as sklearn

    truth, scores = pair
    expected = sklearn.average_precision_score(truth, scores)
    assert average_precision(truth, scores) == pytest.approx(expected)
    precision, recall, _ = sklearn.precision_recall_curve(truth, scores)
    ours = precision_recall_curve(truth, scores)
    # Theirs begins at the lowest threshold, and has a point (0, 1) at its end as ours at its start.
    assert ours[0] == pytest.approx(recall[::-1])
    assert ours[1] == pytest.approx(precision[::-1])
    assert auc_pr(truth, scores) == pytest.approx(sklearn.auc(recall, precision))


@given(
    hnp.arrays(bool, (6, 4)).filter(lambda t: t.any(0).all() and t.any(1).all()),
    hnp.arrays(np.float64, (6, 4), elements=st.sampled_from([0.1, 0.3, 0.5, 0.9])),
)
def test_micro_macro_and_sample_wise_are_those_of_scikit_learn(truth, scores):
    import sklearn.metrics as sklearn

    def expected(average: str) -> float:
        return pytest.approx(sklearn.average_precision_score(truth, scores, average=average))

    def groups(true, values):
        return [(t, v, int(t.sum())) for t, v in zip(true, values, strict=True)]

    assert mean_average_precision(groups(truth, scores)) == expected("samples")
    assert mean_average_precision(groups(truth.T, scores.T)) == expected("macro")
    assert average_precision(truth.ravel(), scores.ravel()) == expected("micro")
    precision, recall, _ = sklearn.precision_recall_curve(truth.ravel(), scores.ravel())
    area = auc_pr(truth.ravel(), scores.ravel())
    assert area == pytest.approx(sklearn.auc(recall, precision))


def test_average_precision_by_hand():
    truth, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])
    assert average_precision(truth, scores) == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)
    # Two more that were never proposed: the steps in recall are 1/4 each.
    assert average_precision(truth, scores, 4) == pytest.approx(1 / 4 * 1 + 1 / 4 * 2 / 3)
    assert average_precision(np.array([], bool), np.array([]), 3) == 0.0
    with pytest.raises(ValueError, match="nothing is true"):
        average_precision(np.zeros(3, bool), np.zeros(3))
    with pytest.raises(ValueError, match="one score for each"):
        average_precision(truth, scores[:3])
    with pytest.raises(ValueError, match="2 of 1"):
        average_precision(truth, scores, 1)


def test_the_area_by_hand():
    truth, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])
    # (recall, precision): (0, 1), (1/2, 1), (1/2, 1/2), (1, 2/3), (1, 2/4).
    assert auc_pr(truth, scores) == pytest.approx(1 / 2 * 1 + 1 / 2 * (1 / 2 + 2 / 3) / 2)
    # Half of them never proposed: the same points at half the recall, and nothing after.
    assert auc_pr(truth, scores, 4) == pytest.approx(1 / 4 * 1 + 1 / 4 * (1 / 2 + 2 / 3) / 2)
    # One threshold for both: a single point (1, 1/2) after (0, 1).
    assert auc_pr(np.array([1, 0]), np.array([0.5, 0.5])) == pytest.approx(1 * (1 + 1 / 2) / 2)
    assert auc_pr(np.array([], bool), np.array([]), 3) == 0.0


def test_mean_average_precision_by_hand():
    perfect = (np.array([True]), np.array([0.4]), 1)
    half = (np.array([False, True]), np.array([0.9, 0.1]), 1)
    nothing_said = (np.array([], bool), np.array([]), 1)
    nothing_true = (np.array([False]), np.array([0.9]), 0)
    found = mean_average_precision([perfect, half, nothing_said, nothing_true])
    assert found == pytest.approx((1 + 1 / 2 + 0) / 3)
    with pytest.raises(ValueError, match="nothing is true"):
        mean_average_precision([nothing_true])


def test_iou_by_hand():
    a, b = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    a[:, :2] = True
    b[:, 1:3] = True
    assert iou(a, b) == pytest.approx(2 / 6)
    assert iou(a, a) == 1
    assert iou(a, ~a) == 0
    assert iou(a & False, b & False) == 0
    with pytest.raises(ValueError, match="cannot be compared"):
        iou(a, b.T)


def test_tag_selection_is_counted_over_the_tags_of_all_texts():
    one = (np.array([True, True, False]), np.array([True, False, False]))
    other = (np.array([True, False, False, False]), np.array([True, True, False, False]))
    # 2 of 3 chosen are right, 2 of 3 true ones were chosen, 5 of 7 answers are right. A mean over
    # the texts would give a precision of 3/4.
    found = tag_selection([one, other])
    assert found == Selected(
        pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(2 / 3), pytest.approx(5 / 7)
    )
    none = tag_selection([(np.array([True]), np.array([False]))])
    assert none == Selected(0.0, 0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="nothing is true"):
        tag_selection([(np.array([False]), np.array([True]))])
    with pytest.raises(ValueError, match="one answer"):
        tag_selection([(np.array([True]), np.array([True, False]))])
