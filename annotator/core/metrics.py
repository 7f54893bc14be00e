"""How good a ranked vocabulary, a set of scores or a mask is, against the truth."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The last K of AUC(PR@K) in LLM2Labels, section 4, Metrics.
LAST_K = 5000


@dataclass(frozen=True, slots=True)
class Curve:
    """A precision-recall curve: the points of ``curve_at_k`` for K = 1, 2, ..., and the ``area``
    under them, all in [0, 1]."""

    name: str
    recall: tuple[float, ...]
    precision: tuple[float, ...]
    area: float


@dataclass(frozen=True, slots=True)
class Selected:
    """How well a yes or no for every tag is: all in [0, 1]."""

    precision: float
    recall: float
    f1: float
    accuracy: float


def precision_recall_at_k(
    ranked: Sequence[Hashable],
    classes: Sequence[Collection[Hashable]],
    k: int,
    *,
    over: Literal["k", "labels"] = "k",
) -> tuple[float, float]:
    """(precision, recall) in [0, 1] of the first ``k`` labels of a ranked vocabulary.

    ``classes``: the names of each true class, synonyms and all; labels are compared as they are,
    so normalise both sides alike. A class is hit at its first matching rank. "Synonyms ... we
    only counted them once for a single class score" (LLM2Labels, section 4): a further name of a
    class that was hit is neither a hit nor a miss, and takes no place in the denominator; nor
    does the same label twice. A label that is a name of several classes hits them all, as one
    place of the list.

    Recall is hit classes / all classes. Precision is the share of places that hit something. With
    fewer than ``k`` labels, ``over="k"`` is the convention of information retrieval (trec_eval):
    the places that are missing are misses, so that saying little does not pay. ``over="labels"``
    divides by the places there are, as the numbers of the paper's table 2 do (#L 321 at K = 1000).

    Raises ValueError for k < 1 or no classes.
    """
    if k < 1:
        raise ValueError("K is at least 1")
    hit = places = classes_hit = seen = 0
    for found in _judged(ranked[:k], classes):
        seen += 1
        if found is None:
            continue
        places += 1
        hit += found > 0
        classes_hit += found
    if over == "k":
        places += k - seen
    return (hit / places if places else 0.0), classes_hit / len(classes)


def curve_at_k(
    ranked: Sequence[Hashable],
    classes: Sequence[Collection[Hashable]],
    last: int = LAST_K,
) -> tuple[list[float], list[float]]:
    """(recall, precision) at each place of the ranked vocabulary that counts, up to K = ``last``.

    LLM2Labels, section 4, Metrics and figure 2. Labels count as in ``precision_recall_at_k``, the
    precision over the places there are: a curve ends where the labels do. Raises ValueError for
    no classes.
    """
    recall: list[float] = []
    precision: list[float] = []
    hit = classes_hit = 0
    for found in _judged(ranked[:last], classes):
        if found is None:
            continue
        hit += found > 0
        classes_hit += found
        recall.append(classes_hit / len(classes))
        precision.append(hit / (len(precision) + 1))
    return recall, precision


def auc_pr_at_k(
    ranked: Sequence[Hashable],
    classes: Sequence[Collection[Hashable]],
    last: int = LAST_K,
) -> float:
    """AUC(PR@K) in [0, 1]: the area under the points (recall at K, precision at K) for K from 1
    to ``last``, joined by straight lines, from recall 0 at the precision of K = 1.

    LLM2Labels, section 4, Metrics. What is never recalled adds nothing. Labels count as in
    ``precision_recall_at_k``. Raises ValueError for no classes.
    """
    recall, precision = curve_at_k(ranked, classes, last)
    return _area([0.0, *recall], [*precision[:1], *precision])


def false_positives(
    ranked: Sequence[Hashable],
    classes: Sequence[Collection[Hashable]],
    k: int = LAST_K,
) -> int:
    """How many of the first ``k`` labels of a ranked vocabulary name no class (LLM2Labels, table
    4, at K = 5000); the same label twice counts once. Raises ValueError for k < 1, no classes."""
    if k < 1:
        raise ValueError("K is at least 1")
    return sum(found == 0 for found in _judged(ranked[:k], classes))


def average_precision(
    truth: NDArray[Any], scores: NDArray[Any], positives: int | None = None
) -> float:
    """Average precision in [0, 1] of scores[n] against truth bool[n]: the sum over thresholds of
    the step in recall times the precision there; equal scores share one threshold.

    The same as scikit-learn's average_precision_score. ``positives``: how many there are in all,
    where some have no score; those are never recalled and add nothing. Raises ValueError when
    nothing is true, the lengths differ, or there are fewer positives than true ones.
    """
    import numpy as np

    recall, precision = precision_recall_curve(truth, scores, positives)
    return float(np.sum(np.diff(recall) * precision[1:]))


def auc_pr(truth: NDArray[Any], scores: NDArray[Any], positives: int | None = None) -> float:
    """The area in [0, 1] under ``precision_recall_curve``, its points joined by straight lines;
    what is never recalled adds nothing. Raises ValueError as that does.

    Of all pairs of images and labels in one (micro) it is the AUC "under Precision-Recall curve
    across all thresholds" of LLM2Labels, table 3. The same as scikit-learn's auc of its
    precision_recall_curve.
    """
    recall, precision = precision_recall_curve(truth, scores, positives)
    return _area(recall.tolist(), precision.tolist())


def precision_recall_curve(
    truth: NDArray[Any], scores: NDArray[Any], positives: int | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """(recall[m + 1], precision[m + 1]) in [0, 1] of scores[n] against truth bool[n] at each of
    the m different scores as a threshold, the highest first; before them recall 0 at precision 1.

    ``positives``: how many there are in all, where some have no score. Raises ValueError when
    nothing is to be found, the lengths differ, or there are fewer positives than true ones.
    """
    import numpy as np

    true = np.asarray(truth, dtype=bool)
    values = np.asarray(scores, dtype=np.float64)
    if true.ndim != 1 or true.shape != values.shape:
        raise ValueError("precision and recall need one score for each truth")
    found = int(np.count_nonzero(true))
    total = found if positives is None else positives
    if total < max(found, 1):
        raise ValueError(
            f"{found} of {total} can be recalled: precision and recall are undefined"
            if total
            else "precision and recall are undefined where nothing is true"
        )
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(true[order])
    last_of_equal = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
    last_of_equal = last_of_equal[: len(order)]
    precision = hits[last_of_equal] / (last_of_equal + 1)
    recall = hits[last_of_equal] / total
    return np.append(0.0, recall), np.append(1.0, precision)


def mean_average_precision(
    groups: Iterable[tuple[NDArray[Any], NDArray[Any], int]],
) -> float:
    """mAP in [0, 1]: the mean of the average precisions of groups of (truth, scores, positives),
    over those that have positives.

    A group is an image with its labels (sample-wise), or a class with the images it was proposed
    on (macro); what was not proposed, or was dropped by a filter, is not in it and is never
    recalled. Raises ValueError when no group has positives, or as ``average_precision`` does.
    """
    parts = [
        average_precision(truth, scores, positives)
        for truth, scores, positives in groups
        if positives
    ]
    if not parts:
        raise ValueError("mean average precision is undefined where nothing is true")
    return math.fsum(parts) / len(parts)


def tag_selection(groups: Iterable[tuple[NDArray[Any], NDArray[Any]]]) -> Selected:
    """Precision, recall, F1 and accuracy of TTD, table 2, of groups of (truth, selected), bool[n]
    each: a group is a text with its words.

    Micro: the tags of all texts are one heap, as the paper words it, "the fraction of accurately
    identified positive tags among all predicted as positive". The precision of selecting nothing
    is 0. Raises ValueError when no tag is true, or lengths differ.
    """
    import numpy as np

    hit = chosen = true = right = every = 0
    for truth, selected in groups:
        wanted, found = np.asarray(truth, dtype=bool), np.asarray(selected, dtype=bool)
        if wanted.shape != found.shape or wanted.ndim != 1:
            raise ValueError("a selection needs one answer for each tag")
        hit += int(np.count_nonzero(wanted & found))
        chosen += int(np.count_nonzero(found))
        true += int(np.count_nonzero(wanted))
        right += int(np.count_nonzero(wanted == found))
        every += len(wanted)
    if not true:
        raise ValueError("precision and recall are undefined where nothing is true")
    precision = hit / chosen if chosen else 0.0
    return Selected(precision, hit / true, 2 * hit / (chosen + true), right / every)


def iou(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Intersection over union in [0, 1] of two masks bool[H, W]; 0 when both are empty. Raises
    ValueError when their sizes differ."""
    import numpy as np

    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.shape != second.shape:
        raise ValueError(f"masks of {first.shape} and {second.shape} cannot be compared")
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 0.0


def _judged(
    labels: Sequence[Hashable], classes: Sequence[Collection[Hashable]]
) -> Iterator[int | None]:
    """For each label how many classes it hits first; 0 for a miss; None for a repetition."""
    if not classes:
        raise ValueError("no true classes to compare with")
    of_name: dict[Hashable, list[int]] = {}
    for index, names in enumerate(classes):
        for name in names:
            of_name.setdefault(name, []).append(index)
    hit: set[int] = set()
    said: set[Hashable] = set()
    for label in labels:
        matching = set(of_name.get(label, ()))
        if label in said or (matching and matching <= hit):
            yield None
        else:
            yield len(matching - hit)
        said.add(label)
        hit |= matching


def _area(x: Sequence[float], y: Sequence[float]) -> float:
    """The area under points joined by straight lines, x not falling."""
    return math.fsum(
        (right - left) * (low + high) / 2
        for left, right, low, high in zip(x, x[1:], y, y[1:], strict=False)
    )
