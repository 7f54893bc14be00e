"""What ttd_toy.py measures of one model on held-out scenes: tables 2b, 3 and the mIoU of 5a.

Everything a model says comes through the product: ``clip_dense.Dense``, ``core.tag_scores``,
``core.text_words`` and the scores of ``pipeline.evaluate_selection``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import torch
import ttd_toy_scenes
from numpy.typing import NDArray
from ttd_toy_scenes import SIZE, Scene

from annotator.backends.clip_dense import Dense
from annotator.core import metrics, tag_scores
from annotator.core.text_words import words
from annotator.pipeline.evaluate_selection import caption_scores

Floats = NDArray[np.float32]
Row = dict[str, float]
#: Thresholds tried on the validation scenes.
STEPS = tuple(round(0.05 * i, 2) for i in range(1, 20))
#: Rows of the first table, and the name that the score has in the product.
PAPER_ROWS = ("s_image", "s_text", "s_image + s_text", "s_seg", "s_pixel")


@dataclass(frozen=True)
class Said:
    """What a model says of some scenes. ``cells`` float32[s, h, w, c]; ``texts`` float32[s, c] of
    the captions; ``words``: float32[c] by word; ``scale``: the model's logit scale."""

    scenes: Sequence[Scene]
    cells: Floats
    texts: Floats
    words: dict[str, Floats]
    scale: float


def ask(dense: Dense, scenes: Sequence[Scene]) -> Said:
    """Cells, captions and single words; batches of 100."""
    with torch.no_grad():
        cells, texts = [], []
        for at in range(0, len(scenes), 100):
            some = scenes[at : at + 100]
            batch = torch.stack([dense.prepare(one.image, SIZE, SIZE) for one in some])
            cells.append(dense.pixels(batch).float().cpu().numpy())
            texts.append(dense.texts([one.caption for one in some]).float().cpu().numpy())
        single = dense.texts(list(ttd_toy_scenes.VOCABULARY)).float().cpu().numpy()
        scale = float(dense.model.logit_scale.exp())
    named = dict(zip(ttd_toy_scenes.VOCABULARY, single, strict=True))
    return Said(scenes, np.concatenate(cells), np.concatenate(texts), named, scale)


def scores_of(said: Said, even: str) -> dict[str, list[Floats]]:
    """The scores of the words of every caption by name. ``even``: "softmax" with the model's own
    logit scale, "min-max" over the caption, or "none"."""
    ways: dict[str, Callable[[Floats], Floats]] = {
        "softmax": partial(tag_scores.softmax, scale=said.scale),
        "min-max": tag_scores.min_max,
        "none": lambda scores: scores,
    }
    found: dict[str, list[Floats]] = {}
    for scene, cells, text in zip(said.scenes, said.cells, said.texts, strict=True):
        vectors = np.stack([text, *(said.words[word] for word in words(scene.caption))])
        for name, scores in caption_scores(cells, vectors, ways[even]).items():
            found.setdefault(name, []).append(scores)
    return found


def truths(scenes: Sequence[Scene]) -> list[NDArray[np.bool_]]:
    return [np.array([word in one.true for word in words(one.caption)]) for one in scenes]


def measured(
    scenes: Sequence[Scene], scores: Sequence[Floats], how: tag_scores.Selection, cut: float = 0.5
) -> Row:
    """P, R, F1, Acc over all words in one, and the sample-wise mAP; percent."""
    wanted = truths(scenes)
    chosen = [tag_scores.select(one, how, cut) for one in scores]
    row = metrics.tag_selection(zip(wanted, chosen, strict=True))
    groups = [(w, s, int(w.sum())) for w, s in zip(wanted, scores, strict=True)]
    return {
        "P": 100 * row.precision,
        "R": 100 * row.recall,
        "F1": 100 * row.f1,
        "Acc": 100 * row.accuracy,
        "mAP": 100 * metrics.mean_average_precision(groups),
    }


def selection(said: Said, tuned_on: Said) -> dict[str, Row]:
    """Table 2b, with what the paper leaves open measured in the other ways too.

    The first five rows are the paper's: threshold 0.5 after a softmax over the words of the
    caption (s_seg is a share already), the largest gap for s_pixel. Then every score after min-max
    over the caption at 0.5, at the threshold with the best F1 on ``tuned_on``, and with the
    largest gap.
    """
    scenes = said.scenes
    soft, flat = scores_of(said, "softmax"), scores_of(said, "min-max")
    flat["s_pixel"] = [tag_scores.min_max(one) for one in flat["s_pixel"]]
    valid = scores_of(tuned_on, "min-max")
    valid["s_pixel"] = [tag_scores.min_max(one) for one in valid["s_pixel"]]
    table: dict[str, Row] = {}
    for name in PAPER_ROWS:
        gap = name == "s_pixel"
        table[name] = measured(scenes, soft[name], "gap" if gap else "fixed")
    for name in PAPER_ROWS[:3]:
        table[f"{name}, min-max"] = measured(scenes, flat[name], "fixed")
    for name in PAPER_ROWS:
        best = max(
            STEPS, key=lambda cut: measured(tuned_on.scenes, valid[name], "fixed", cut)["F1"]
        )
        table[f"{name}, tuned"] = measured(scenes, flat[name], "fixed", best)
    for name in PAPER_ROWS[:4]:
        table[f"{name}, gap"] = measured(scenes, flat[name], "gap")
    return table


def enlarged(grid: Floats) -> Floats:
    """float32[h, w] -> float32[64, 64]; bilinear."""
    return np.asarray(cv2.resize(grid, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR), np.float32)


def text_maps(said: Said) -> list[Floats]:
    """The map of each caption at image size, min-max normalised."""
    return [
        tag_scores.min_max(enlarged(cells @ text))
        for cells, text in zip(said.cells, said.texts, strict=True)
    ]


def text_level(said: Said, cut: float) -> Row:
    """CaptionIoU, mFPR and mFNR, means over captions in percent: false positives and negatives as
    shares of the union, so that the three add up to 100 as the paper's do."""
    rows = []
    for scene, found in zip(said.scenes, text_maps(said), strict=True):
        true, got = scene.text_mask(), found >= cut
        both = max(1, int((true | got).sum()))
        rows.append(
            ((true & got).sum() / both, (got & ~true).sum() / both, (true & ~got).sum() / both)
        )
    iou, fpr, fnr = 100 * np.mean(rows, axis=0)
    return {"CaptionIoU": float(iou), "mFPR": float(fpr), "mFNR": float(fnr)}


def everything(scenes: Sequence[Scene]) -> Row:
    """What ``text_level`` says of a map that marks all pixels: the floor to be above."""
    iou = 100 * float(np.mean([one.text_mask().mean() for one in scenes]))
    return {"CaptionIoU": iou, "mFPR": 100 - iou, "mFNR": 0.0}


def best_cut(said: Said) -> float:
    """The threshold with the best CaptionIoU, on validation scenes."""
    return max(STEPS, key=lambda cut: text_level(said, cut)["CaptionIoU"])


def tag_level(said: Said) -> float:
    """mIoU over all 56 words in percent: each pixel gets the word that it resembles most among all
    (every pixel of these scenes is of some word), pixels of all scenes counted together."""
    vectors = np.stack([said.words[word] for word in ttd_toy_scenes.WORDS])
    counts = np.zeros((len(vectors), len(vectors)), np.int64)
    for scene, cells in zip(said.scenes, said.cells, strict=True):
        maps = cv2.resize(cells @ vectors.T, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
        pairs = scene.shows.astype(np.int64) * len(vectors) + maps.argmax(axis=2)
        counts += np.bincount(pairs.ravel(), minlength=counts.size).reshape(counts.shape)
    hit = np.diag(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - hit
    return float(100 * np.mean(hit[union > 0] / union[union > 0]))


def bias(said: Said) -> Row:
    """How biased the model is: the share of a caption's true words that the caption's text vector
    resembles at least half as much (between its least and its most similar word) as its most
    similar one, of the rest after the first ("named"); how often the most similar true word is
    the largest object ("largest"); percent."""
    near, largest = [], []
    for scene, text in zip(said.scenes, said.texts, strict=True):
        every = words(scene.caption)
        scores = tag_scores.min_max(np.array([text @ said.words[word] for word in every]))
        true = {word: float(scores[every.index(word)]) for word in scene.true}
        top = max(true, key=lambda word: true[word])
        near += [score >= 0.5 for word, score in true.items() if word != top]
        largest.append(top == max(true, key=lambda word: int(scene.mask(word).sum())))
    return {"others": 100 * float(np.mean(near)), "largest": 100 * float(np.mean(largest))}
