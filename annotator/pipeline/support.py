"""Which tags the pixels show: TTD's tag selection (section 3.1) over every image's own tags.

What stands above the gap depends on what it is sorted with. Measured with the starter pack, words
of a classifier (ten a crop, a quarter of those that the percentile filter keeps being true):

    200 photographs of one thing each    P of the kept 24.5 %, of the supported     R of the true
      gap, tags                                        59.0                              94.9
      gap, vocabulary                                  67.8                              92.3
      top 3, tags                                      40.0                              96.4
    50 collages of four of them                        27.1
      gap, tags (and gap, vocabulary)                  78.3                              51.3
      top 8, tags                                      51.3                              90.4
    the collages' true words and one wrong one
      gap, tags                                       100                                89.5
      gap, vocabulary                                 100                                50.5

The gap of a whole vocabulary lies right below the one or two words that fit best, so the gap over
an image's own tags is what is asked for when nothing is said; a threshold that all models share
does not exist (here true words peak at 0.17 to 0.46, others at 0.05 to 0.42). On crowded images
about half of the true words are not supported: marks are there to be looked at. A lone tag is
always supported where tags are compared with each other: nothing parts it from another.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

import numpy as np

from annotator.backends.protocols import Floats, Grounder, TagText
from annotator.core import images, tag_scores
from annotator.core.errors import AnnotatorError
from annotator.core.paths import there
from annotator.core.records import Failure, Image, Progress
from annotator.pipeline import runs, vocabulary
from annotator.pipeline.ahead import ahead, decode_threads
from annotator.pipeline.files import failure, image_path, require_folder
from annotator.pipeline.ground import cached_pixels, has_room, text_vectors
from annotator.pipeline.options import vocabulary_options
from annotator.pipeline.pages import PAGE, Pace, readable_images
from annotator.project import queries, queries_pixels, store
from annotator.project.project import Project

#: What a tag has to stand out from: the other tags of its image, or all words of the vocabulary.
Candidates = Literal["tags", "vocabulary"]
CANDIDATES: tuple[str, ...] = get_args(Candidates)


@dataclass(frozen=True, slots=True)
class SupportOptions:
    """When the pixels support a tag.

    ``how``: its pixel score (eq. 2) is above the largest gap of the sorted scores of its image
    ("gap"), is at least ``threshold`` ("fixed"), or is among the ``top`` best ("top").
    ``candidates``: whose scores are sorted. ``limit``: only the first images in path order. Raises
    AnnotatorError for a value that is not offered.
    """

    how: tag_scores.Selection = "gap"
    threshold: float = 0.5
    top: int = 3
    candidates: Candidates = "tags"
    limit: int | None = None

    def __post_init__(self) -> None:
        for what, value, offered in (
            ("way to select", self.how, tag_scores.SELECTIONS),
            ("set of candidates", self.candidates, CANDIDATES),
        ):
            if value not in offered:
                raise AnnotatorError(
                    f"There is no {what} {value}: choose one of {', '.join(offered)}."
                )
        if not -1.0 <= self.threshold <= 1.0:
            raise AnnotatorError(
                f"The threshold {self.threshold} is not between -1 and 1, where similarities are."
            )
        for name, number in (("tags", self.top), ("images", self.limit)):
            if number is not None and number < 1:
                raise AnnotatorError(f"The number of {name} is {number}: it must be 1 or more.")

    @property
    def params(self) -> dict[str, Any]:
        found: dict[str, Any] = {"how": self.how, "candidates": self.candidates}
        if self.how == "fixed":
            found["threshold"] = self.threshold
        if self.how == "top":
            found["top"] = self.top
        return found


class HasGrounder(Protocol):
    """What is asked of a pack here."""

    @property
    def name(self) -> str: ...

    def model_id(self, role: str) -> str: ...

    def grounder(self) -> Grounder: ...


@dataclass(frozen=True, slots=True)
class _Job:
    image: Image
    synsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Looked:
    image: Image
    rows: tuple[store.PixelsRow, ...] = ()
    failed: Failure | None = None
    gone: bool = False


def support(
    project: Project, pack: HasGrounder, options: SupportOptions | None = None
) -> Iterator[Progress]:
    """Marks every tag of every image as shown by its pixels or not, and where it peaks.

    One encoding and one matrix product an image, whatever the number of tags; those that a filter
    dropped and those that a person decided are looked at as well. What is found is evidence
    (Tag.peak, peak_at, supported): no decision and no filter is touched, but where the vocabulary
    was asked for with ``pixels="drop"`` it is made anew at the end. A run that was stopped goes on;
    a finished one is repeated. Yields "support"; the last Progress has ``done``, ``failed``,
    ``seconds``, ``run``, ``tags`` that were looked at, how many of them are ``unsupported``, and
    ``skipped`` (images done before). Raises AnnotatorError when the folder is gone, or there are no
    images, or no tags.
    """
    start = time.monotonic()
    options = options or SupportOptions()
    require_folder(project)
    ids = runs.readable_ids(project, options.limit)
    with project.read() as db:
        words = queries_pixels.named(db)
        if not any(queries_pixels.proposed(db, ids).values()):
            raise AnnotatorError(
                f"{project.path.name} has no tags to look for: propose tags first."
            )
    models = {"grounder": pack.model_id("grounder")}
    plan = runs.Plan("support", pack.name, models, options.params, options.params)
    began = runs.begin(project, plan, ids, repeat=True)
    pace = Pace("support", len(ids))
    pace.step(count=began.skipped)
    tags = unsupported = 0
    if began.pending:
        tags, unsupported = yield from _run(project, began, pack, words, options, pace)
    # All of them: the run may have been stopped before, after some were looked at.
    yield from _drop(project, ids)
    yield pace.last(
        done=pace.done - began.skipped - len(pace.failures),
        seconds=time.monotonic() - start,
        run=began.run,
        tags=tags,
        unsupported=unsupported,
        skipped=began.skipped,
    )


def _run(
    project: Project,
    began: runs.Began,
    pack: HasGrounder,
    words: Mapping[int, queries_pixels.Named],
    options: SupportOptions,
    pace: Pace,
) -> Generator[Progress, None, tuple[int, int]]:
    tags = unsupported = 0
    batch: list[_Looked] = []
    with runs.finishing(project, began.run):
        yield pace.progress()
        looker = _Looker(project, pack.grounder(), words, options)
        for looked in ahead(looker.look, _jobs(project, began.pending), depth=2 * decode_threads()):
            if looked.gone:
                require_folder(project)
            batch.append(looked)
            tags += len(looked.rows)
            unsupported += sum(not row.supported for row in looked.rows)
            pace.step(looked.failed)
            if pace.due():
                _write(project, began.run, batch)
                batch = []
                yield pace.progress(looked.image.path)
        _write(project, began.run, batch)
    yield pace.progress()
    return tags, unsupported


def _jobs(project: Project, ids: Sequence[int]) -> Iterator[_Job]:
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        with project.read() as db:
            proposed = queries_pixels.proposed(db, page)
        for image in readable_images(project, page):
            yield _Job(image, tuple(proposed[image.id]))


class _Looker:
    """Decodes images and compares them with their tags; many threads at once."""

    def __init__(
        self,
        project: Project,
        grounder: Grounder,
        words: Mapping[int, queries_pixels.Named],
        options: SupportOptions,
    ) -> None:
        self._project, self._grounder, self._options = project, grounder, options
        self._place = {synset: place for place, synset in enumerate(words)}
        # All texts at once, before the first image: the threads only read them.
        self._vectors = text_vectors(grounder, [TagText(*word) for word in words.values()])

    def look(self, job: _Job) -> _Looked:
        # A word that came since the run began is left to the next one.
        synsets = [synset for synset in job.synsets if synset in self._place]
        if not synsets:
            return _Looked(job.image)
        try:
            keep = has_room(self._project)
            cells = cached_pixels(self._project, job.image, self._grounder, keep=keep)
        except images.ImageUnreadable as error:
            gone = not there(image_path(self._project, job.image))
            return _Looked(job.image, failed=failure(job.image, error), gone=gone)
        return _Looked(job.image, tuple(self._rows(job.image, synsets, cells)))

    def _rows(
        self, image: Image, synsets: Sequence[int], cells: Floats
    ) -> Iterator[store.PixelsRow]:
        places = np.array([self._place[synset] for synset in synsets])
        all_words = self._options.candidates == "vocabulary"
        scores, x, y = tag_scores.peaks(
            cells, self._vectors if all_words else self._vectors[places]
        )
        chosen = tag_scores.select(
            scores, self._options.how, self._options.threshold, self._options.top
        )
        rows = places if all_words else range(len(places))
        for synset, row in zip(synsets, rows, strict=True):
            yield store.PixelsRow(
                image.id,
                synset,
                float(scores[row]),
                float(x[row]),
                float(y[row]),
                bool(chosen[row]),
            )


def _write(project: Project, run: int, batch: Sequence[_Looked]) -> None:
    """One transaction: what was found, and that these images are done."""
    if not batch:
        return
    with project.write("images", "runs", "tags") as db:
        known = queries.known_synsets(db, (row.synset_id for one in batch for row in one.rows))
        for looked in batch:
            if looked.gone:
                continue  # left to the next scan: its disk may only be disconnected
            image = looked.image
            if looked.failed is not None:
                store.set_image_error(db, image.id, looked.failed.reason, hash=image.hash)
                store.add_run_images(db, run, [(image.id, looked.failed.reason, [])])
                continue
            rows = [row for row in looked.rows if row.synset_id in known]
            store.set_tag_pixels(db, rows, run_id=run, images=[image.id])
            store.add_run_images(db, run, [(image.id, None, [])])


def _drop(project: Project, ids: Sequence[int]) -> Iterator[Progress]:
    """Makes the tags anew where those that no pixel supports are to be dropped."""
    with project.read() as db:
        last = queries.last_run(db, "propose")
        options = vocabulary_options(last.params if last else {})
    if options.pixels == "drop":
        for progress in vocabulary.build(project, options, ids):
            if progress.result is None:
                yield progress
