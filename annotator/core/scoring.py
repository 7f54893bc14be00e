"""From what a machine said to scores: per image, then for the dataset. LLM2Labels, section 3.3.

Equation 3 is applied level by level, each time over the results of the level below: the tokens of
a label; the looks at an image (its crops and samples), where a concept that one look names twice
is combined first; the images of the dataset. ("The process is repeated on the sample level and,
finally, the dataset level", section 3.3.1: the average of averages is not that of all numbers.)

A concept's key is opaque: a raw string, a synset id, whatever the caller groups by.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from annotator.core.records import COMBINES, FILTERS, RANKINGS, Combine, Filter, Ranking

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

K = TypeVar("K", bound=Hashable)

#: The paper's value for both filters (section 4.2).
THRESHOLD = 0.68


class Said(NamedTuple, Generic[K]):
    """One label of one crop in one sample; ``probability`` None where the model gives none."""

    key: K
    crop: str
    sample: int
    probability: float | None


@dataclass(frozen=True, slots=True)
class Scored(Generic[K]):
    """A concept on one image.

    ``probability`` in [0, 1], None where the model gave none; ``occurrence`` of the ``looks``
    (crops x samples) said it; ``score`` in [0, 1], by default occurrence / looks x probability.
    ``seen``: names of the crops, in the order they were first given. ``reason``: which filter
    dropped it, in words; None when ``kept``.
    """

    key: K
    score: float
    probability: float | None
    occurrence: int
    looks: int
    seen: tuple[str, ...]
    kept: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Ranked(Generic[K]):
    """A concept of the dataset: ``score`` >= 0 to rank by, ``support`` images it was kept on.

    A product over many images can be too small for a float; the score is 0 then, but the place in
    the ranking is right.
    """

    key: K
    score: float
    support: int


def combine(probabilities: Sequence[float], how: Combine) -> float:
    """One probability out of several: average, product, minimum or maximum.

    LLM2Labels, eq. 3; used for the tokens of a label, then for the looks at an image, then for
    the images. Values in [0, 1] give a value in [0, 1]. Raises ValueError for none, or an unknown
    way.
    """
    if not probabilities:
        raise ValueError("no probabilities to combine")
    if how == "avg":
        return min(1.0, math.fsum(probabilities) / len(probabilities))
    if how == "product":
        return math.prod(probabilities)
    if how == "min":
        return min(probabilities)
    if how == "max":
        return max(probabilities)
    raise ValueError(f"{how!r} is not one of {', '.join(COMBINES)}")


def image_scores(
    said: Iterable[Said[K]],
    looks: int,
    *,
    how: Combine = "avg",
    filter: Filter = "none",
    threshold: float = THRESHOLD,
    percentile: float = THRESHOLD,
    by: Ranking = "product",
) -> list[Scored[K]]:
    """What one image shows, best first, equal ones in the order they were said.

    ``looks``: how many times the image was looked at, crops x samples, >= 1. ``by``: the score is
    the occurrence, normalised by the looks; the probability; or their product (section 4,
    Methods). Without probabilities it is always the normalised occurrence. A crop that names a
    concept twice in one sample (two synonyms) is one occurrence, its probability the two
    combined; the probability on the image is that of its looks, combined the same way.

    Filters (section 4.2), each drops per image: "percentile" the ``percentile`` of labels ranked
    lowest, rounded down, so that one always stays, and so does whatever scores the same as one
    that stays; "fixed" those whose probability is below ``threshold`` (a label without one
    stays); "both" what either drops. Dropped ones are in the result, with the reason.
    """
    if filter not in FILTERS:
        raise ValueError(f"{filter!r} is not one of {', '.join(FILTERS)}")
    _known(by)
    if looks < 1:
        raise ValueError("an image was looked at at least once")
    groups: dict[K, list[Said[K]]] = {}
    for one in said:
        groups.setdefault(one.key, []).append(one)
    found = [_gather(key, group, looks, how, by) for key, group in groups.items()]
    found.sort(key=lambda scored: -scored.score)
    by_rank = filter in ("percentile", "both")
    by_value = filter in ("fixed", "both")
    stay = len(found) - math.floor(percentile * len(found) + 1e-9) if by_rank else len(found)
    lowest = found[max(stay, 1) - 1].score if found else 0.0
    return [
        _judged(
            scored,
            f"ranked {rank} of {len(found)} on this image, and the lowest {percentile:.0%} are "
            "dropped"
            if scored.score < lowest
            else _below(scored.probability, threshold)
            if by_value
            else None,
        )
        for rank, scored in enumerate(found, start=1)
    ]


def rank(
    images: Iterable[Iterable[Scored[K]]], by: Ranking = "product", how: Combine = "avg"
) -> list[Ranked[K]]:
    """The concepts of a dataset, best first, from what was kept on each image.

    "occurrence": the sum over the images of occurrence / looks, so that every image weighs the
    same however often it was looked at. "probability": eq. 3 with ``how`` over the probabilities
    on the images; "avg" weighs them by their occurrence, which makes it the average over all that
    was said. "product": the two multiplied (section 4, Methods: "we represent each label as a
    product of occurrence and extracted probabilities"; section 3.3.1: eq. 3 again on the dataset
    level); with "avg" that is the sum of the images' scores. A concept that has no probability on
    any image ranks by its occurrence.

    A product over images is ranked by the sum of its logarithms, so that it never underflows; a
    probability of 0 is minus infinity there, behind all others. Of equal scores the concept with
    more images comes first, then the one met first: the same images in the same order give the
    same ranking.
    """
    _known(by)
    found: dict[K, _Sums] = {}
    for image in images:
        for scored in image:
            if scored.kept:
                sums = found.setdefault(scored.key, _Sums([], [], []))
                sums.occurrences.append(scored.occurrence / scored.looks)
                if scored.probability is not None:
                    sums.weights.append(scored.occurrence / scored.looks)
                    sums.probabilities.append(scored.probability)
    in_logs = how == "product" and by != "occurrence"
    placed = [
        (_log_weight(sums, by) if in_logs else _weight(sums, by, how), len(sums.occurrences), key)
        for key, sums in found.items()
    ]
    placed.sort(key=lambda one: (-one[0], -one[1]))
    return [
        Ranked(key, math.exp(weight) if in_logs else weight, support)
        for weight, support, key in placed
    ]


@dataclass(frozen=True, slots=True)
class _Sums:
    """What a concept has on the images that kept it; ``weights``: the occurrences on those images
    that have a probability."""

    occurrences: list[float]
    weights: list[float]
    probabilities: list[float]


def _weight(sums: _Sums, by: Ranking, how: Combine) -> float:
    occurrence = math.fsum(sums.occurrences)
    if by == "occurrence" or not sums.probabilities:
        return occurrence
    if how == "avg":
        pairs = zip(sums.weights, sums.probabilities, strict=True)
        total, weight = math.fsum(w * p for w, p in pairs), math.fsum(sums.weights)
        if by == "probability":
            return total / weight
        # In this order it is exactly the sum of the images' scores where all have probabilities.
        return total * (occurrence / weight)
    probability = combine(sums.probabilities, how)
    return probability if by == "probability" else occurrence * probability


def _log_weight(sums: _Sums, by: Ranking) -> float:
    """The logarithm of ``_weight`` for how = "product", minus infinity for 0."""
    occurrence = math.log(math.fsum(sums.occurrences))
    if not sums.probabilities:
        return occurrence
    if min(sums.probabilities) <= 0.0:
        return -math.inf
    probability = math.fsum(map(math.log, sums.probabilities))
    return probability if by == "probability" else occurrence + probability


def heat_threshold(similarity: NDArray[np.floating], filled: float | None = None) -> float:
    """The raw similarity that best parts a heatmap (any shape) in two; above it is the thing.

    Otsu, A threshold selection method from gray-level histograms, 1979, eq. 18 and 19, on the
    values themselves instead of a histogram: the cut with the largest variance between the two
    sides, half way between the values around it. A constant map gives its value, so that nothing
    is above. Values that are not finite are left out; ValueError when none is finite.

    ``filled`` in (0, 1), only for similarities that are near 0 where nothing speaks for the thing:
    where half of the map is at least this share of its peak, the thing fills the picture, and
    Otsu's cut, which parts a thing from its background, would part the thing itself; the cut is
    no higher than this share of the peak then.
    """
    import numpy as np

    values = np.sort(similarity[np.isfinite(similarity)].astype(np.float64))
    if values.size == 0:
        raise ValueError("a heatmap without a finite value")
    steps = np.flatnonzero(np.diff(values) > 0)
    if steps.size == 0:
        return float(values[0])
    below = steps + 1
    total = np.cumsum(values - values[0])
    mean_below = total[steps] / below
    mean_above = (total[-1] - total[steps]) / (values.size - below)
    between = below * (values.size - below) * (mean_above - mean_below) ** 2
    at = steps[int(np.argmax(between))]
    cut = float((values[at] + values[at + 1]) / 2)
    if filled is None or values[-1] <= 0 or np.median(values) < filled * values[-1]:
        return cut
    return min(cut, float(filled * values[-1]))


def _gather(key: K, group: Sequence[Said[K]], looks: int, how: Combine, by: Ranking) -> Scored[K]:
    of_look: dict[tuple[str, int], list[float]] = {}
    for one in group:
        given = of_look.setdefault((one.crop, one.sample), [])
        if one.probability is not None:
            given.append(one.probability)
    occurrence = len(of_look)
    if occurrence > looks:
        raise ValueError(f"{key!r} was said by {occurrence} of {looks} looks")
    of_looks = [combine(given, how) for given in of_look.values() if given]
    probability = combine(of_looks, how) if of_looks else None
    score = occurrence / looks
    if probability is not None and by != "occurrence":
        score = probability if by == "probability" else score * probability
    seen = tuple(dict.fromkeys(one.crop for one in group))
    return Scored(key, score, probability, occurrence, looks, seen, True, None)


def _known(by: str) -> None:
    if by not in RANKINGS:
        raise ValueError(f"{by!r} is not one of {', '.join(RANKINGS)}")


def _below(probability: float | None, threshold: float) -> str | None:
    if probability is None or probability >= threshold:
        return None
    return f"probability {probability:.2f} is below {threshold:g}"


def _judged(scored: Scored[K], reason: str | None) -> Scored[K]:
    if reason is None:
        return scored
    return Scored(
        scored.key,
        scored.score,
        scored.probability,
        scored.occurrence,
        scored.looks,
        scored.seen,
        False,
        reason,
    )
