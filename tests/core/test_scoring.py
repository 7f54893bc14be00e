"""Combining, filters, ranking and the heatmap cut, by hand-computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.scoring import (
    Ranked,
    Said,
    combine,
    heat_threshold,
    image_scores,
    rank,
)

PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=9)


def test_combine_is_equation_3():
    tokens = [0.9, 0.5, 0.4]
    assert combine(tokens, "avg") == pytest.approx(0.6)
    assert combine(tokens, "product") == pytest.approx(0.18)
    assert combine(tokens, "min") == 0.4
    assert combine(tokens, "max") == 0.9


@given(PROBABILITIES)
def test_combined_probabilities_stay_in_order_and_in_range(values):
    product, low, mean, high = (combine(values, how) for how in ("product", "min", "avg", "max"))
    assert 0 <= product <= low <= high <= 1
    assert low - 1e-12 <= mean <= high + 1e-12


def test_combine_refuses_nothing_and_unknown_ways():
    with pytest.raises(ValueError, match="no probabilities"):
        combine([], "avg")
    with pytest.raises(ValueError, match="avg, product, min, max"):
        combine([0.5], "median")


def test_score_is_normalised_occurrence_times_probability():
    said = [
        Said("cat", "top left", 0, 0.8),
        Said("dog", "top left", 0, 0.1),
        Said("cat", "bottom left", 0, 0.4),
        Said("cat", "bottom left", 1, 0.6),
    ]
    cat, dog = image_scores(said, 8)
    assert (cat.key, cat.occurrence, cat.looks) == ("cat", 3, 8)
    assert cat.probability == pytest.approx(0.6)
    assert cat.score == pytest.approx(3 / 8 * 0.6)
    assert cat.seen == ("top left", "bottom left")
    assert dog.score == pytest.approx(1 / 8 * 0.1)
    assert image_scores(said, 8, how="max")[0].score == pytest.approx(3 / 8 * 0.8)
    assert image_scores(said, 8, how="product")[0].score == pytest.approx(3 / 8 * 0.192)
    assert image_scores(said, 8, how="min")[0].score == pytest.approx(3 / 8 * 0.4)


def test_two_synonyms_in_one_look_are_one_occurrence():
    said = [Said("sofa", "whole", 0, 0.6), Said("sofa", "whole", 0, 0.2)]
    (sofa,) = image_scores(said, 1)
    assert sofa.occurrence == 1
    assert sofa.score == pytest.approx(0.4)


def test_without_probabilities_the_occurrence_counts():
    said = [Said("a", "whole", s, None) for s in range(3)] + [Said("b", "whole", 0, None)]
    a, b = image_scores(said, 4, filter="fixed")
    assert (a.score, a.probability, a.kept) == (0.75, None, True)
    assert (b.score, b.kept) == (0.25, True)


def ten() -> list[Said[int]]:
    return [Said(i, "whole", 0, (10 - i) / 10) for i in range(10)]


def test_percentile_drops_the_lowest_68_percent_of_an_image():
    scored = image_scores(ten(), 1, filter="percentile")
    assert [s.kept for s in scored] == [True] * 4 + [False] * 6
    assert scored[4].reason == ("ranked 5 of 10 on this image, and the lowest 68% are dropped")
    assert all((s.reason is None) == s.kept for s in scored)
    # floor(0.68 n) go: 0 of 1, 1 of 2, 2 of 3, 68 of 100.
    for n, kept in ((1, 1), (2, 1), (3, 1), (100, 32)):
        said = [Said(i, "whole", 0, (n - i) / (n + 1)) for i in range(n)]
        assert sum(s.kept for s in image_scores(said, 1, filter="percentile")) == kept
    assert sum(s.kept for s in image_scores(ten(), 1, filter="percentile", percentile=1.0)) == 1
    assert sum(s.kept for s in image_scores(ten(), 1, filter="percentile", percentile=0.0)) == 10


def test_what_scores_the_same_as_a_kept_label_is_kept():
    said = [Said(i, "whole", 0, None) for i in range(10)]
    assert all(s.kept for s in image_scores(said, 1, filter="percentile"))


def test_fixed_drops_what_is_improbable_even_if_nothing_stays():
    scored = image_scores(ten(), 1, filter="fixed")
    assert [s.key for s in scored if s.kept] == [0, 1, 2, 3]
    assert scored[-1].reason == "probability 0.10 is below 0.68"
    assert not any(s.kept for s in image_scores(ten()[5:], 1, filter="fixed"))
    # The threshold is on the probability, not on the score.
    assert image_scores([Said("a", "whole", 0, 0.7)], 5, filter="fixed")[0].kept


def test_both_drops_what_either_drops():
    assert [s.key for s in image_scores(ten(), 1, filter="both", threshold=0.85) if s.kept] == [
        0,
        1,
    ]
    assert [s.key for s in image_scores(ten(), 1, filter="both", threshold=0.2) if s.kept] == [
        0,
        1,
        2,
        3,
    ]


def test_equal_scores_stay_in_the_order_they_were_said():
    said = [Said(name, "whole", 0, 0.5) for name in "zab"]
    assert [s.key for s in image_scores(said, 1)] == ["z", "a", "b"]


def test_scores_refuse_nonsense():
    with pytest.raises(ValueError, match="looked at"):
        image_scores([], 0)
    with pytest.raises(ValueError, match="not one of"):
        image_scores([], 1, filter="most")
    with pytest.raises(ValueError, match="said by 2 of 1"):
        image_scores([Said("a", "whole", 0, 0.5), Said("a", "whole", 1, 0.5)], 1)
    assert image_scores([], 1, filter="percentile") == []


def test_rank_sums_the_kept_scores_of_the_images():
    first = image_scores([Said("a", "whole", 0, 0.9), Said("b", "whole", 0, 0.3)], 1)
    second = image_scores(
        [Said("b", "whole", 0, 0.7), Said("c", "whole", 0, 0.1)], 1, filter="percentile"
    )
    a_half = image_scores([Said("b", "whole", 0, 0.2)], 2)
    assert rank([first, second, a_half]) == [
        Ranked("b", pytest.approx(0.3 + 0.7 + 0.1), 3),
        Ranked("a", pytest.approx(0.9), 1),
    ]


def test_rank_breaks_ties_by_support_then_by_first_meeting():
    def one(**scores: float) -> list:
        return image_scores([Said(k, "whole", 0, v) for k, v in scores.items()], 1)

    ranked = rank([one(x=0.5, z=0.25), one(z=0.25), one(y=0.5)])
    assert [(r.key, r.support) for r in ranked] == [("z", 2), ("x", 1), ("y", 1)]
    assert rank([]) == []


@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=40))
def test_the_cut_has_the_largest_variance_between_its_sides(values):
    heat = np.array(values, np.float32)
    cut = heat_threshold(heat)

    def between(threshold: float) -> float:
        low, high = heat[heat <= threshold], heat[heat > threshold]
        if not (low.size and high.size):
            return 0.0
        gap = high.mean(dtype=np.float64) - low.mean(dtype=np.float64)
        return low.size * high.size * gap**2

    best = max(between(v) for v in values)
    assert between(cut) == pytest.approx(best, rel=1e-6, abs=1e-12)
    assert heat.min() <= cut <= heat.max()


def test_the_cut_of_two_plain_groups_is_between_them():
    heat = np.array([[0.1, 0.1, 0.12], [0.6, 0.62, 0.1]], np.float32)
    assert heat_threshold(heat) == pytest.approx(0.36)
    # It moves with the values: raw scores need no scaling before.
    assert heat_threshold(heat * 0.1 - 0.3) == pytest.approx(-0.264)


def test_the_cut_of_odd_maps():
    flat = np.full((3, 3), 0.25, np.float32)
    assert heat_threshold(flat) == 0.25
    assert not (flat > heat_threshold(flat)).any()
    assert heat_threshold(np.array([0.0, math.nan, 1.0, math.inf])) == 0.5
    with pytest.raises(ValueError, match="finite"):
        heat_threshold(np.array([math.nan]))
