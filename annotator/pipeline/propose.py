"""Asks a Tagger what is on the images, and keeps every answer.

Threads decode, crop and shrink the images ahead of the network; crops of several images share a
batch. What is finished is written a few times a second, each time in one transaction together
with the fact that these images are done: after a stop of any kind the next call goes on there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from annotator.backends.protocols import Pixels, PreparingTagger, Sampling, Tagger
from annotator.core import images, scoring
from annotator.core.errors import AnnotatorError
from annotator.core.paths import there
from annotator.core.records import Crop, Failure, Image, Progress, Proposed
from annotator.pipeline import runs, vocabulary
from annotator.pipeline.ahead import ahead
from annotator.pipeline.files import failure, image_path, require_folder
from annotator.pipeline.options import ProposeOptions, vocabulary_options
from annotator.pipeline.pages import Pace, readable_images
from annotator.project import queries, store
from annotator.project.project import Project

#: Images between two writes at most; fewer when they take long.
WRITE_BATCH = 64


class HasTagger(Protocol):
    """What is asked of a pack here."""

    @property
    def name(self) -> str: ...

    def models(self) -> dict[str, str]: ...

    def tagger(self) -> Tagger: ...


@dataclass(slots=True)
class _Job:
    """An image on its way: its crops wait for the network, its answers for the last of them."""

    image: Image
    crops: tuple[tuple[str, Pixels], ...] = ()
    failed: Failure | None = None
    gone: bool = False
    said: list[store.Said] = field(default_factory=list)
    open: int = 0


def propose(
    project: Project, pack: HasTagger, options: ProposeOptions | None = None
) -> Iterator[Progress]:
    """Proposals for the images that have none from this model and these options yet.

    Yields "propose", then "vocabulary": tags and synsets follow from what was proposed. Called
    again it goes on where it stopped, and looks at files that are new or whose content changed;
    everything else counts as ``skipped``. A file that does not decode is a Failure, and is listed
    as unreadable from then on; one that is not there is only a Failure. Closing the generator
    cancels: what is written stays. The last Progress has ``done``, ``failed``, ``seconds``,
    ``run``, ``skipped``, ``images_per_second``, ``synsets``, ``tags``. Raises AnnotatorError when
    the folder is gone, there is nothing to look at, or the model cannot answer.
    """
    start = time.monotonic()
    options = options or ProposeOptions()
    require_folder(project)
    plan = runs.Plan(
        "propose",
        pack.name,
        {"tagger": pack.models()["tagger"]},
        options.identity,
        options.params,
        options.seed,
    )
    ids = runs.readable_ids(project, options.limit)
    to_tag = _to_tag(project, options)
    began = runs.begin(project, plan, ids, repeat=False)
    pace = Pace("propose", len(ids))
    pace.step(count=began.skipped)
    if began.pending:
        yield from _run(project, began, pack, options, pace)
    seconds = time.monotonic() - start
    looked = pace.done - began.skipped
    made: dict[str, Any] = {}
    for progress in vocabulary.build(project, options.vocabulary, to_tag):
        made.update(progress.result or {})
        if progress.result is None:
            yield progress
    yield pace.last(
        done=looked - len(pace.failures),
        seconds=time.monotonic() - start,
        run=began.run,
        skipped=began.skipped,
        images_per_second=looked / seconds if seconds > 0 else 0.0,
        synsets=made["synsets"],
        tags=made["tags"],
    )


def _to_tag(project: Project, options: ProposeOptions) -> list[int] | None:
    """Images whose tags are to be made anew at the end: all (None), unless the last run ended well
    with the same filters. The images of this run get theirs while it goes on, so what is left is
    those that became unreadable: they lose theirs when their content changed."""
    with project.read() as db:
        last = queries.last_run(db, "propose")
        if last is not None and (
            last.status != "done" or vocabulary_options(last.params) != options.vocabulary
        ):
            return None
        return queries.image_ids(db, status="unreadable")


def _run(
    project: Project,
    began: runs.Began,
    pack: HasTagger,
    options: ProposeOptions,
    pace: Pace,
) -> Iterator[Progress]:
    grouper = vocabulary.Grouper(options.vocabulary)
    batch: list[_Job] = []
    with vocabulary.ranking(project), runs.finishing(project, began.run):
        yield pace.progress()
        for job in _answered(project, pack.tagger(), began.pending, options):
            if job.gone:
                require_folder(project)
            batch.append(job)
            pace.step(job.failed)
            if len(batch) >= WRITE_BATCH or pace.due():
                _write(project, began.run, batch, grouper)
                batch = []
                yield pace.progress(job.image.path)
        if batch:
            _write(project, began.run, batch, grouper)
    yield pace.progress()


def _write(project: Project, run: int, batch: Sequence[_Job], grouper: vocabulary.Grouper) -> None:
    """One transaction: proposals, that their images are done, and the tags that follow.

    A file that is not there is left to the next scan: its disk may only be disconnected.
    """
    batch = [job for job in batch if not job.gone]
    with project.write("images", "runs", "proposals", "synsets", "tags") as db:
        for job in batch:
            if job.failed is not None:
                store.set_image_error(db, job.image.id, job.failed.reason, hash=job.image.hash)
        store.add_run_images(
            db,
            run,
            [(job.image.id, job.failed.reason if job.failed else None, job.said) for job in batch],
        )
        grouper.tag(db, [job.image.id for job in batch if job.failed is None])


def _answered(
    project: Project, tagger: Tagger, pending: Sequence[int], options: ProposeOptions
) -> Iterator[_Job]:
    """The images with what was said of them, each when its last crop was answered."""
    preparing = tagger if isinstance(tagger, PreparingTagger) else None
    size = max(1, tagger.batch)

    def decode(image: Image) -> _Job:
        try:
            pixels = images.load(image_path(project, image))
        except images.ImageUnreadable as error:
            gone = not there(error.path)
            return _Job(image, failed=failure(image, error), gone=gone)
        parts = []
        for crop in options.crops:
            part = _cut(pixels, crop)
            # A small copy: the whole image must not stay in memory while it waits.
            parts.append((crop.name, preparing.prepare(part) if preparing else part))
        return _Job(image, tuple(parts))

    # Prepared crops are small, so two batches of them may wait; whole images are not.
    depth = max(8, 2 * size // len(options.crops)) if preparing else 4
    waiting: deque[tuple[_Job, str, Pixels]] = deque()
    for job in ahead(decode, readable_images(project, pending), depth):
        if job.failed is not None:
            yield job
            continue
        job.open = len(job.crops)
        waiting.extend((job, name, pixels) for name, pixels in job.crops)
        job.crops = ()
        while len(waiting) >= size:
            yield from _ask(tagger, preparing, [waiting.popleft() for _ in range(size)], options)
    while waiting:
        some = [waiting.popleft() for _ in range(min(size, len(waiting)))]
        yield from _ask(tagger, preparing, some, options)


def _ask(
    tagger: Tagger,
    preparing: PreparingTagger | None,
    crops: Sequence[tuple[_Job, str, Pixels]],
    options: ProposeOptions,
) -> Iterator[_Job]:
    ask = preparing.answer if preparing else tagger.propose
    answers = ask([pixels for _, _, pixels in crops], options.prompt, Sampling(top=options.top))
    if len(answers) != len(crops):
        raise AnnotatorError(
            f"The model {tagger.id} answered {len(answers)} of {len(crops)} images: its adapter "
            "is at fault."
        )
    for (job, crop, _), samples in zip(crops, answers, strict=True):
        for number, sample in enumerate(samples):
            job.said.extend(_said(one, crop, number, options) for one in sample.labels)
        job.open -= 1
        if job.open == 0:
            yield job


def _said(proposed: Proposed, crop: str, sample: int, options: ProposeOptions) -> store.Said:
    tokens = proposed.token_probabilities
    probability = scoring.combine(tokens, options.combine) if tokens else None
    return store.Said(proposed, crop, sample, probability)


def _cut(pixels: Pixels, crop: Crop) -> Pixels:
    left, top, right, bottom = crop.pixels(pixels.shape[1], pixels.shape[0])
    return pixels[top:bottom, left:right]
