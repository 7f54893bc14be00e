"""How well each image is tagged: LLM2Labels, appendix A and table 3; and TTD, table 2b, see
``evaluate_selection``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from annotator.core import metrics
from annotator.core.scoring import Scored
from annotator.pipeline.evaluate_selection import selection_table
from annotator.pipeline.evaluate_truth import Key, Truth

__all__ = ["selection_table", "tags_of_images"]

_Group = tuple[np.ndarray, np.ndarray, int]


class _Pairs:
    """Pairs of a label and whether it is true, to rank by score; ``positives`` in all."""

    def __init__(self) -> None:
        self.positives = 0
        self.truth: list[bool] = []
        self.scores: list[float] = []

    def add(self, true: bool, score: float) -> None:
        self.truth.append(true)
        self.scores.append(score)

    def group(self, positives: int) -> _Group:
        return np.array(self.truth, bool), np.array(self.scores, np.float64), positives


def tags_of_images(
    facts: Truth, images: Iterable[tuple[str, list[Scored[Key]]]], threshold: float
) -> dict[str, float] | None:
    """What is right on the images (path, labels best first) that the truth names; None when it
    names none of them. All but "Images" in percent.

    "Images". "Top-1", "Top-5": a true class is the first, or among the first five. "mAP": the
    mean over the images of the average precision of the scores of all labels, nothing filtered; a
    label that names no class is a miss.

    The others are the readings of table 3. "mAP@<threshold>": the same of the labels that the
    filter keeps. "AUC": the area under the precision-recall curve of all pairs of images and
    labels in one, across all thresholds, nothing filtered. Both come "mapped", without the labels
    that name no class ("close-set evaluation, excluding any label not mapped", appendix A), and
    "unmapped", where those are misses. "class mAP@<threshold>" is the mean over the classes that
    the images show, the usual mAP of multi-label classification; a label that names no class is
    in none.

    A class that was not proposed is never recalled and adds nothing. A further name of a class
    that is named on the image is neither a hit nor a miss.
    """
    first = among = count = positives = 0
    every: list[_Group] = []
    kept: dict[bool, list[_Group]] = {True: [], False: []}
    pairs = {True: _Pairs(), False: _Pairs()}
    of_class: dict[int, _Pairs] = {}
    for path, found in images:
        wanted = facts.shown_on(path)
        if not wanted:
            continue
        count += 1
        positives += len(wanted)
        hits = [facts.named_by(one.key) for one in found]
        first += bool(hits[:1] and hits[0] & wanted)
        among += any(hit & wanted for hit in hits[:5])
        for index in wanted:
            of_class.setdefault(index, _Pairs()).positives += 1
        said, kept_mapped, kept_all = _Pairs(), _Pairs(), _Pairs()
        for name, one in _once(found, hits, wanted):
            true = name in wanted
            for group in (said, pairs[False], *([] if name is None else [pairs[True]])):
                group.add(true, one.score)
            if not one.kept:
                continue
            kept_all.add(true, one.score)
            if name is not None:
                kept_mapped.add(true, one.score)
                of_class.setdefault(name, _Pairs()).add(true, one.score)
        every.append(said.group(len(wanted)))
        kept[True].append(kept_mapped.group(len(wanted)))
        kept[False].append(kept_all.group(len(wanted)))
    if not count:
        return None
    at = f"mAP@{threshold:g}"
    result: dict[str, float] = {
        "Images": count,
        "Top-1": 100 * first / count,
        "Top-5": 100 * among / count,
        "mAP": 100 * metrics.mean_average_precision(every),
    }
    for mapped, ending in ((True, "mapped"), (False, "unmapped")):
        result[f"{at} {ending}"] = 100 * metrics.mean_average_precision(kept[mapped])
        result[f"AUC {ending}"] = 100 * metrics.auc_pr(*pairs[mapped].group(positives))
    classes = [one.group(one.positives) for one in of_class.values()]
    result[f"class {at}"] = 100 * metrics.mean_average_precision(classes)
    return result


def _once(
    found: Sequence[Scored[Key]], hits: Sequence[frozenset[int]], wanted: frozenset[int]
) -> Iterator[tuple[int | None, Scored[Key]]]:
    """(class, label) for each class that the labels of an image name, at its best label, and
    (None, label) for each label that names none, best first. A word with several meanings stands
    for those that are true, if any is."""
    met: set[int] = set()
    for one, hit in zip(found, hits, strict=True):
        if not hit:
            yield None, one
        new = (hit & wanted or hit) - met
        for index in sorted(new):
            yield index, one
        met |= new
