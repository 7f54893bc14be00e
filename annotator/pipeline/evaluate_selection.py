"""Which words of a caption are true of its image: TTD, tables 2b and 9, and figure 8."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from annotator.backends.protocols import Floats
from annotator.core import metrics, tag_scores
from annotator.core.errors import AnnotatorError
from annotator.pipeline.evaluate_captions import Tell, cells_of, read_captions
from annotator.pipeline.support import HasGrounder
from annotator.pipeline.text_maps import vectors_of
from annotator.project.project import Project

#: How cosines become numbers between 0 and 1, which a threshold of 0.5 is for.
Normalise = Literal["softmax", "min-max", "none"]
NORMALISES: tuple[str, ...] = get_args(Normalise)
#: The thresholds of figure 8.
SWEEP = tuple(round(0.2 + 0.05 * step, 2) for step in range(13))

_Truth = NDArray[np.bool_]
_Scores = NDArray[Any]


def selection_table(
    project: Project,
    packs: Sequence[HasGrounder],
    truth: Path,
    *,
    threshold: float = 0.5,
    normalise: Normalise = "softmax",
    scale: float = 100.0,
    sweep: bool = False,
    tell: Tell | None = None,
) -> list[dict[str, Any]]:
    """Rows s_image, s_text, s_image + s_text, s_seg and s_pixel for every pack (a tuned one beside
    its base). "Pack", "Scoring", "Select", then "P", "R", "F1", "Acc" over the words of all
    captions in one (micro) and "mAP", the mean over the captions that have a true word, all in
    percent; "Texts" and "Words".

    ``truth``: see ``evaluate_captions.read_captions``; the candidates are all words of a caption.
    s_pixel selects by the largest gap, the others what reaches ``threshold``, as in the paper. That
    says "the resulting scores ranged from 0 to 1" and not how. Its P, R and accuracy of s_image
    come out at less than one selected word a caption, and s_image + s_text at more than one: as a
    ``softmax`` over the words of a caption does (``scale``: CLIP's logit scale), the two then
    added, and "min-max", of which the best word is always 1, does not. s_seg is a share already.
    The mAP of a single score depends on none of this. ``sweep``: beside each threshold the one of
    figure 8 with the best F1, in the same captions.

    Raises AnnotatorError when the truth cannot be read or no word is true.
    """
    if normalise not in NORMALISES:
        raise AnnotatorError(
            f"There is no way to normalise {normalise}: choose one of {', '.join(NORMALISES)}."
        )
    if not math.isfinite(threshold):
        raise AnnotatorError(f"The threshold {threshold} is no number to compare with.")
    if not packs:
        raise AnnotatorError("Name at least one pack to compare.")
    captions = read_captions(project, truth, "tags")
    if not any(caption.tags for caption in captions):
        raise AnnotatorError(f"{truth} has no tags: there is no truth to compare with.")
    wanted = [np.array([word in c.tags for word in c.words]) for c in captions]

    def even(scores: Floats) -> _Scores:
        if normalise == "none":
            return scores
        if normalise == "min-max":
            return tag_scores.min_max(scores)
        return tag_scores.softmax(scores, scale)

    rows = []
    for pack in packs:
        grounder = pack.grounder()
        found: dict[str, list[_Scores]] = {}
        for caption, cells in cells_of(project, captions, grounder, tell, f"tags of {pack.name}"):
            vectors = vectors_of(caption.text, caption.words, grounder)
            for name, scores in caption_scores(cells, vectors, even).items():
                found.setdefault(name, []).append(scores)
        for name, scored in found.items():
            head = {"Pack": pack.name, "Scoring": name}
            rows += [head | row for row in _measured(name, wanted, scored, threshold, sweep)]
    return rows


def caption_scores(
    cells: Floats, vectors: Floats, even: Callable[[Floats], _Scores]
) -> Mapping[str, _Scores]:
    """float[n] by the name of the score, of one image and the n words of its caption.

    ``cells`` float32[h, w, c]; ``vectors`` float32[1 + n, c], the whole text first. ``even`` makes
    cosines comparable with a threshold: s_image and s_text, which are then added; s_seg is what it
    is, and so is s_pixel, which needs no threshold.
    """
    text, tags = vectors[0], vectors[1:]
    of_image = even(tag_scores.image_scores(cells, tags))
    of_text = even(tag_scores.text_scores(text, tags))
    return {
        "s_image": of_image,
        "s_text": of_text,
        "s_image + s_text": of_image + of_text,
        "s_seg": tag_scores.segment_scores(cells, tags),
        "s_pixel": tag_scores.pixel_scores(cells, tags),
    }


def _measured(
    name: str,
    wanted: Sequence[_Truth],
    scored: Sequence[_Scores],
    threshold: float,
    sweep: bool,
) -> list[dict[str, Any]]:
    groups = [(true, scores, int(true.sum())) for true, scores in zip(wanted, scored, strict=True)]
    ranked = 100 * metrics.mean_average_precision(groups)

    def row(how: str, selected: Sequence[_Truth]) -> dict[str, Any]:
        one = metrics.tag_selection(zip(wanted, selected, strict=True))
        return {
            "Select": how,
            "P": 100 * one.precision,
            "R": 100 * one.recall,
            "F1": 100 * one.f1,
            "Acc": 100 * one.accuracy,
            "mAP": ranked,
            "Texts": len(wanted),
            "Words": sum(map(len, wanted)),
        }

    def reached(least: float) -> list[_Truth]:
        return [tag_scores.select(scores, "fixed", least) for scores in scored]

    if name == "s_pixel":
        return [row("gap", [tag_scores.select(scores) for scores in scored])]
    rows = [row(f"{threshold:g}", reached(threshold))]
    if sweep:
        best = max((row(f"best {least:g}", reached(least)) for least in SWEEP), key=_f1)
        rows.append(best)
    return rows


def _f1(row: Mapping[str, Any]) -> float:
    return float(row["F1"])
