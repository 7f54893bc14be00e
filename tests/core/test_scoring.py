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
    Scored,
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


def test_a_look_that_names_a_concept_twice_is_combined_before_the_looks_are():
    said = [
        Said("sofa", "whole", 0, 0.6),
        Said("sofa", "whole", 0, 0.2),
        Said("sofa", "whole", 1, 0.8),
    ]

    def probability(how: str) -> float | None:
        return image_scores(said, 2, how=how)[0].probability

    assert probability("avg") == pytest.approx(((0.6 + 0.2) / 2 + 0.8) / 2)  # 0.6, not 1.6 / 3
    assert probability("product") == pytest.approx(0.6 * 0.2 * 0.8)
    assert (probability("min"), probability("max")) == (0.2, 0.8)


def test_an_image_is_scored_by_what_is_asked():
    said = [Said("a", "whole", s, 0.3) for s in range(3)] + [Said("b", "whole", 0, 0.8)]

    def scores(by: str, **more: object) -> list[tuple[str, object]]:
        return [(s.key, pytest.approx(s.score)) for s in image_scores(said, 4, by=by, **more)]

    assert scores("occurrence") == [("a", 0.75), ("b", 0.25)]
    assert scores("probability") == [("b", 0.8), ("a", 0.3)]
    assert scores("product") == [("a", 0.75 * 0.3), ("b", 0.25 * 0.8)]
    # The percentile filter drops by that order, the fixed one by the probability whatever it is.
    lowest = image_scores(said, 4, by="probability", filter="percentile")
    assert [(s.key, s.kept) for s in lowest] == [("b", True), ("a", False)]
    improbable = image_scores(said, 4, by="occurrence", filter="fixed")
    assert [(s.key, s.kept) for s in improbable] == [("a", False), ("b", True)]
    with pytest.raises(ValueError, match="product, occurrence, probability"):
        image_scores(said, 4, by="luck")


def three_images() -> list[list[Scored[str]]]:
    """a: 2 of 2 looks at 0.9 and 0.5, then 1 of 2 at 0.2. b: 1 of 2 at 0.8. c: no numbers."""
    return [
        image_scores([Said("a", "whole", 0, 0.9), Said("a", "whole", 1, 0.5)], 2),
        image_scores([Said("a", "whole", 0, 0.2), Said("b", "whole", 1, 0.8)], 2),
        image_scores([Said("c", "whole", 0, None)], 2),
    ]


@pytest.mark.parametrize(
    ("by", "how", "expected"),
    [
        # a is on 1 + 1/2 images, its probabilities there 0.7 and 0.2; b on 1/2, 0.8; c on 1/2.
        ("occurrence", "avg", {"a": 1.5, "b": 0.5, "c": 0.5}),
        ("occurrence", "product", {"a": 1.5, "b": 0.5, "c": 0.5}),
        ("probability", "avg", {"b": 0.8, "a": (1 * 0.7 + 0.5 * 0.2) / 1.5, "c": 0.5}),
        ("probability", "product", {"b": 0.8, "c": 0.5, "a": 0.7 * 0.2}),
        ("probability", "min", {"b": 0.8, "c": 0.5, "a": 0.2}),
        ("probability", "max", {"b": 0.8, "a": 0.7, "c": 0.5}),
        ("product", "avg", {"a": 1 * 0.7 + 0.5 * 0.2, "c": 0.5, "b": 0.5 * 0.8}),
        ("product", "product", {"c": 0.5, "b": 0.5 * 0.8, "a": 1.5 * 0.14}),
        ("product", "min", {"c": 0.5, "b": 0.5 * 0.8, "a": 1.5 * 0.2}),
        ("product", "max", {"a": 1.5 * 0.7, "c": 0.5, "b": 0.5 * 0.8}),
    ],
)
def test_rank_by_occurrence_probability_and_product(by, how, expected):
    ranked = rank(three_images(), by, how)
    assert [one.key for one in ranked] == list(expected)
    assert [one.score for one in ranked] == [pytest.approx(v) for v in expected.values()]
    assert {one.key: one.support for one in ranked} == {"a": 2, "b": 1, "c": 1}


def test_rank_refuses_an_unknown_way():
    with pytest.raises(ValueError, match="product, occurrence, probability"):
        rank([], "luck")


def test_a_product_over_10000_images_keeps_its_order():
    # 0.3^10000 and 0.4^10000 are both 0 as floats; so is what has a 0 in it, which comes last.
    def image(number: int) -> list[Scored[str]]:
        said = [Said("low", "whole", 0, 0.3), Said("high", "whole", 0, 0.4)]
        if number < 2:
            said += [Said("never", "whole", 0, 0.0), Said("twice", "whole", 0, 0.5)]
        return image_scores(said, 1)

    for by in ("product", "probability"):
        ranked = rank((image(number) for number in range(10_000)), by, "product")
        assert [one.key for one in ranked] == ["twice", "high", "low", "never"]
        assert [one.score for one in ranked[1:]] == [0.0, 0.0, 0.0]
    assert ranked[0].score == pytest.approx(0.25)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.floats(0, 1)), max_size=6))
def test_one_look_an_image_ranks_by_the_sum_of_its_probabilities(images):
    found = [image_scores([Said(k, "whole", 0, p) for k, p in i.items()], 1) for i in images]
    sums = {k: math.fsum(i[k] for i in images if k in i) for i in images for k in i}
    assert {one.key: one.score for one in rank(found)} == sums


def test_rank_counts_only_what_the_filters_kept():
    first = image_scores([Said("a", "whole", 0, 0.9), Said("b", "whole", 0, 0.3)], 1)
    second = image_scores(
        [Said("b", "whole", 0, 0.7), Said("c", "whole", 0, 0.1)], 1, filter="percentile"
    )
    assert rank([first, second]) == [Ranked("b", 1.0, 2), Ranked("a", 0.9, 1)]


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


def test_a_thing_that_fills_the_picture_is_not_parted_in_itself():
    # Two eyes stand out of a face that is everywhere but in one corner.
    face = np.full((10, 10), 0.12, np.float32)
    face[:3, :3] = 0.02
    face[4:6, 2:8] = 0.34
    assert heat_threshold(face) > 0.12
    assert heat_threshold(face, filled=0.3) == pytest.approx(0.3 * 0.34)
    assert (face > heat_threshold(face, filled=0.3)).sum() == 91


def test_a_thing_before_a_background_is_cut_as_ever():
    heat = np.full((10, 10), 0.05, np.float32)
    heat[2:6, 2:6] = 0.34
    heat[7:9, 7:9] = 0.12
    assert heat_threshold(heat, filled=0.3) == heat_threshold(heat) > 0.12
    # Nor is a cut raised: Otsu's is the lower one here.
    heat = np.full((10, 10), 0.34, np.float32)
    heat[:3] = 0.0
    heat[3:5] = 0.02
    assert heat_threshold(heat, filled=0.9) == heat_threshold(heat) == pytest.approx(0.18)


def test_a_map_with_nothing_for_the_thing_is_cut_as_ever():
    against = np.array([[-0.3, -0.1, -0.1], [-0.3, -0.1, 0.0]], np.float32)
    assert heat_threshold(against, filled=0.3) == heat_threshold(against) == pytest.approx(-0.2)
    flat = np.full((3, 3), 0.25, np.float32)
    assert heat_threshold(flat, filled=0.3) == 0.25
