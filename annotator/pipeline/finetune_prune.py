"""Leaves out pairs whose text hardly fits their image: TTD (Jo et al. 2024), appendix A.1."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing

import numpy as np

from annotator.backends.ttd_protocol import Distiller
from annotator.core.errors import AnnotatorError
from annotator.core.records import Progress
from annotator.pipeline import finetune_looks
from annotator.pipeline.finetune_data import Pair
from annotator.pipeline.finetune_options import FinetuneOptions
from annotator.pipeline.finetune_state import State
from annotator.pipeline.pages import Pace
from annotator.project.project import Project

#: Seconds between two writes of what was found so far.
_KEEP_EVERY = 60.0


def prune(
    project: Project,
    trainer: Distiller,
    pairs: Sequence[Pair],
    options: FinetuneOptions,
    state: State,
) -> Generator[Progress, None, tuple[list[Pair], dict[str, str]]]:
    """(the pairs whose similarity is above the mean of all plus one deviation, path -> reason of
    images that do not decode). Goes on where it was stopped. Raises AnnotatorError when no pair
    is left."""
    found = state.similarities(len(pairs))
    failed = _failed(pairs, found)
    pace = Pace("prune", len(pairs))
    pace.step(count=len(found))
    yield pace.progress()
    kept_at = time.monotonic()
    try:
        with closing(finetune_looks.whole(project, pairs[len(found) :], options)) as batches:
            for batch in batches:
                numbers = iter(trainer.similarities(batch.pixels, batch.texts))
                for one in batch.seen:
                    new = None
                    if one.failed is None:
                        found.append(float(next(numbers)))
                    else:
                        found.append(one.failed.reason)
                        new = None if one.failed.image in failed else one.failed
                        failed[one.failed.image] = one.failed.reason
                    pace.step(new)
                if time.monotonic() - kept_at > _KEEP_EVERY:
                    state.keep_similarities(found)
                    kept_at = time.monotonic()
                yield pace.progress(trainer.fallback)
    finally:
        state.keep_similarities(found)
    return _best(pairs, found), failed


def _best(pairs: Sequence[Pair], found: Sequence[float | str]) -> list[Pair]:
    there = np.array([one for one in found if not isinstance(one, str)], np.float64)
    if not len(there):
        raise AnnotatorError("None of the images can be decoded: nothing can be learnt from them.")
    bound = there.mean() + there.std()
    rows = zip(pairs, found, strict=True)
    kept = [pair for pair, value in rows if not isinstance(value, str) and value > bound]
    if not kept:
        raise AnnotatorError(
            f"Pruning keeps none of the {len(pairs)} pairs, because none fits much better than "
            "the others: train without pruning (--no-prune)."
        )
    return kept


def _failed(pairs: Sequence[Pair], found: Sequence[float | str]) -> dict[str, str]:
    rows = zip(pairs, found, strict=False)
    return {pair.image.path: value for pair, value in rows if isinstance(value, str)}
