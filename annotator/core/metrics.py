"""How good a ranked vocabulary, a set of scores or a mask is, against the truth."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The last K of AUC(PR@K) in LLM2Labels, section 4, Metrics.
LAST_K = 5000


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
    area = recall = 0.0
    before: float | None = None
    hit = places = classes_hit = 0
    for found in _judged(ranked[:last], classes):
        if found is None:
            continue
        places += 1
        hit += found > 0
        classes_hit += found
        precision, reached = hit / places, classes_hit / len(classes)
        area += (reached - recall) * ((precision if before is None else before) + precision) / 2
        before, recall = precision, reached
    return area


def average_precision(truth: NDArray[Any], scores: NDArray[Any]) -> float:
    """Average precision in [0, 1] of scores[n] against truth bool[n]: the sum over thresholds of
    the step in recall times the precision there; equal scores share one threshold.

    The same as scikit-learn's average_precision_score. Raises ValueError when nothing is true,
    or the lengths differ.
    """
    import numpy as np

    true = np.asarray(truth, dtype=bool)
    values = np.asarray(scores, dtype=np.float64)
    if true.ndim != 1 or true.shape != values.shape:
        raise ValueError("average precision needs one score for each truth")
    if not true.any():
        raise ValueError("average precision is undefined where nothing is true")
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(true[order])
    last_of_equal = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
    precision = hits[last_of_equal] / (last_of_equal + 1)
    steps = np.diff(hits[last_of_equal], prepend=0) / hits[-1]
    return float(np.sum(steps * precision))


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
