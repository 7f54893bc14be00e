"""From what a machine said to scores: per image, then for the dataset. LLM2Labels, section 3.3.

A concept's key is opaque: a raw string, a synset id, whatever the caller groups by.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from annotator.core.records import COMBINES, FILTERS, Combine, Filter

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
    (crops x samples) said it; ``score`` = occurrence / looks x probability, in [0, 1].
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
    """A concept of the dataset: ``score`` >= 0 to rank by, ``support`` images it was kept on."""

    key: K
    score: float
    support: int


def combine(probabilities: Sequence[float], how: Combine) -> float:
    """One probability out of several: average, product, minimum or maximum.

    LLM2Labels, eq. 3; used for the tokens of a label, then for its samples and crops. Values in
    [0, 1] give a value in [0, 1]. Raises ValueError for none, or an unknown way.
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
) -> list[Scored[K]]:
    """What one image shows, best first, equal ones in the order they were said.

    ``looks``: how many times the image was looked at, crops x samples, >= 1. score = occurrence
    x probability, the occurrence normalised by the looks (section 4, Methods). A crop that names
    a concept twice in one sample (two synonyms) counts as one occurrence; both probabilities go
    into ``combine``. Without probabilities the score is the normalised occurrence.

    Filters (section 4.2), each drops per image: "percentile" the ``percentile`` of labels ranked
    lowest, rounded down, so that one always stays, and so does whatever scores the same as one
    that stays; "fixed" those whose probability is below ``threshold`` (a label without one
    stays); "both" what either drops. Dropped ones are in the result, with the reason.
    """
    if filter not in FILTERS:
        raise ValueError(f"{filter!r} is not one of {', '.join(FILTERS)}")
    if looks < 1:
        raise ValueError("an image was looked at at least once")
    groups: dict[K, list[Said[K]]] = {}
    for one in said:
        groups.setdefault(one.key, []).append(one)
    found = [_gather(key, group, looks, how) for key, group in groups.items()]
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


def rank(images: Iterable[Iterable[Scored[K]]]) -> list[Ranked[K]]:
    """The concepts of a dataset, best first: the sum of the kept scores over its images.

    Occurrences are normalised per image already (section 4, Methods), so every image weighs the
    same however often it was looked at. Of equal scores the one with more images comes first,
    then the one met first: the same images in the same order give the same ranking.
    """
    sums: dict[K, list[float]] = {}
    for image in images:
        for scored in image:
            if scored.kept:
                sums.setdefault(scored.key, []).append(scored.score)
    ranked = [Ranked(key, math.fsum(scores), len(scores)) for key, scores in sums.items()]
    ranked.sort(key=lambda one: (-one.score, -one.support))
    return ranked


def heat_threshold(similarity: NDArray[np.floating]) -> float:
    """The raw similarity that best parts a heatmap (any shape) in two; above it is the thing.

    Otsu, A threshold selection method from gray-level histograms, 1979, eq. 18 and 19, on the
    values themselves instead of a histogram: the cut with the largest variance between the two
    sides, half way between the values around it. A constant map gives its value, so that nothing
    is above. Values that are not finite are left out; ValueError when none is finite.
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
    cut = steps[int(np.argmax(between))]
    return float((values[cut] + values[cut + 1]) / 2)


def _gather(key: K, group: Sequence[Said[K]], looks: int, how: Combine) -> Scored[K]:
    occurrence = len({(one.crop, one.sample) for one in group})
    if occurrence > looks:
        raise ValueError(f"{key!r} was said by {occurrence} of {looks} looks")
    given = [one.probability for one in group if one.probability is not None]
    probability = combine(given, how) if given else None
    score = occurrence / looks * (1.0 if probability is None else probability)
    seen = tuple(dict.fromkeys(one.crop for one in group))
    return Scored(key, score, probability, occurrence, looks, seen, True, None)


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
