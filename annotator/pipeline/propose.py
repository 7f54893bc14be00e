"""Asks a Tagger what is on the images, and keeps every answer: what a model that talks replied
word for word, and the labels that were read out of it.

Threads decode, crop and shrink the images ahead of the network; crops of several images share a
batch. What is finished is written a few times a second, each time in one transaction together
with the fact that these images are done: after a stop of any kind the next call goes on there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from annotator.backends.protocols import Metered, Pixels, PreparingTagger, Tagger, TextEmbedder
from annotator.core import images, scoring
from annotator.core.errors import AnnotatorError
from annotator.core.paths import there
from annotator.core.records import Crop, Failure, Image, Progress, Proposed, Run, Usage
from annotator.pipeline import runs, vocabulary
from annotator.pipeline.ahead import ahead
from annotator.pipeline.asking import Asking, HasPrompts, seed, settle
from annotator.pipeline.files import failure, image_path, require_folder
from annotator.pipeline.options import ProposeOptions, vocabulary_options
from annotator.pipeline.pages import Pace, readable_images
from annotator.project import queries, store
from annotator.project.project import Project

#: Images between two writes at most; fewer when they take long.
WRITE_BATCH = 64


class HasTagger(HasPrompts, Protocol):
    """What is asked of a pack here."""

    def has(self, role: str) -> bool: ...

    def model_id(self, role: str) -> str: ...

    def tagger(self) -> Tagger: ...

    def embedder(self) -> TextEmbedder: ...


@dataclass(slots=True)
class _Job:
    """An image on its way: its crops wait for the network, its answers for the last of them."""

    image: Image
    crops: tuple[tuple[str, Pixels], ...] = ()
    failed: Failure | None = None
    gone: bool = False
    #: The model did not answer for it: nothing is recorded, so that the next run asks again.
    unanswered: bool = False
    content: str = ""
    said: list[store.Said] = field(default_factory=list)
    replies: list[store.ReplyRow] = field(default_factory=list)
    open: int = 0


@dataclass(slots=True)
class _Told:
    """What was written of the answers of models that talk."""

    replies: int = 0
    unreadable: int = 0
    usage: Usage = field(default_factory=Usage)


class _Meter:
    """What a model's answers took since the last time it was read."""

    def __init__(self, tagger: Tagger) -> None:
        self._model = tagger if isinstance(tagger, Metered) else None
        self._before = self._model.usage() if self._model else Usage()

    def read(self) -> Usage:
        if self._model is None:
            return Usage()
        now, before = self._model.usage(), self._before
        self._before = now
        return now - before


def propose(
    project: Project, pack: HasTagger, options: ProposeOptions | None = None
) -> Iterator[Progress]:
    """Proposals for the images that have none from this model and these options yet.

    Yields "propose", then "vocabulary": tags and synsets follow from what was proposed; what a
    model said in its own words is told apart by the pack's embedder, where it has one. Called
    again it goes on where it stopped, and looks at files that are new or whose content changed;
    everything else counts as ``skipped``. A file that does not decode is a Failure, and is listed
    as unreadable from then on; one that is not there is only a Failure, and so is one that the
    model did not answer for: it is asked about again the next time. Closing the generator
    cancels: what is written stays. Another pack, or other options, on the same project keep apart:
    what each said stays, and the tags are made of what was asked for last, also when it had said
    it all before (``runs.chosen``).

    The last Progress has ``done``, ``failed``, ``seconds``, ``run``, ``skipped``,
    ``images_per_second``, ``synsets``, ``tags``, and of models that talk what this call wrote:
    ``replies``, ``unreadable_replies`` of them (all of them, when the model says nothing usable:
    the run ends well, the replies can be read) and ``usage`` as a dict. Raises AnnotatorError when
    the folder is gone, there is nothing to look at, the pack cannot be asked like that, or the
    model cannot answer.
    """
    start = time.monotonic()
    asking = settle(pack, options or ProposeOptions())
    options = asking.options
    require_folder(project)
    # Before anything is asked: without it the words at the end cannot be told apart.
    embedder = pack.embedder() if pack.talks and pack.has("embedder") else None
    plan = runs.Plan(
        "propose",
        pack.name,
        {"tagger": pack.model_id("tagger")},
        asking.identity,
        asking.params,
        options.seed,
    )
    ids = runs.readable_ids(project, options.limit)
    with project.read() as db:
        last = queries.last_run(db, "propose")
    began = runs.begin(project, plan, ids, repeat=False)
    to_tag = _to_tag(project, last, plan, began.skipped)
    pace = Pace("propose", len(ids))
    pace.step(count=began.skipped)
    told = _Told()
    if began.pending:
        yield from _run(project, began, pack, asking, pace, told)
    seconds = time.monotonic() - start
    looked = pace.done - began.skipped
    made: dict[str, Any] = {}
    for progress in vocabulary.build(project, options.vocabulary, to_tag, embedder=embedder):
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
        replies=told.replies,
        unreadable_replies=told.unreadable,
        usage=asdict(told.usage),
    )


def _to_tag(project: Project, last: Run | None, plan: runs.Plan, skipped: int) -> list[int] | None:
    """Images whose tags are to be made anew at the end: all (None), unless the run before ended
    well with the same filters, and asked the same if something was ``skipped``. The images of this
    run get theirs while it goes on, so what is left is those that became unreadable: they lose
    theirs when their content changed."""
    if last is not None and (
        last.status != "done"
        or vocabulary_options(last.params) != vocabulary_options(plan.params)
        or (skipped and not runs.is_equal(last, plan))
    ):
        return None
    with project.read() as db:
        return queries.image_ids(db, status="unreadable")


def _run(
    project: Project,
    began: runs.Began,
    pack: HasTagger,
    asking: Asking,
    pace: Pace,
    told: _Told,
) -> Iterator[Progress]:
    grouper = vocabulary.Grouper(asking.options.vocabulary)
    batch: list[_Job] = []
    with vocabulary.ranking(project), runs.finishing(project, began.run):
        yield pace.progress()
        tagger = pack.tagger()
        meter = _Meter(tagger)
        try:
            for job in _answered(project, tagger, began.pending, asking):
                if job.gone:
                    require_folder(project)
                batch.append(job)
                pace.step(job.failed)
                if len(batch) >= WRITE_BATCH or pace.due():
                    # Not again if it cannot be: synsets that it made would be gone by then.
                    finished, batch = batch, []
                    _write(project, began.run, finished, grouper, meter, told)
                    yield pace.progress(job.image.path)
        finally:
            # Also when a later image could not be asked: what was answered may have been paid.
            _write(project, began.run, batch, grouper, meter, told)
    yield pace.progress()


def _write(
    project: Project,
    run: int,
    batch: Sequence[_Job],
    grouper: vocabulary.Grouper,
    meter: _Meter,
    told: _Told,
) -> None:
    """One transaction: replies, proposals, that their images are done, what they took, and the
    tags that follow.

    A file that is not there is left to the next scan: its disk may only be disconnected. An image
    that the model did not answer for is left to the next run.
    """
    batch = [job for job in batch if not job.gone and not job.unanswered]
    took = meter.read()
    if not batch and took == Usage():
        return
    with project.write("images", "runs", "proposals", "synsets", "tags") as db:
        for job in batch:
            if job.failed is not None:
                store.set_image_error(db, job.image.id, job.failed.reason, hash=job.image.hash)
        store.add_run_images(
            db,
            run,
            [(job.image.id, job.failed.reason if job.failed else None, job.said) for job in batch],
            {job.image.id: job.replies for job in batch},
        )
        if took != Usage():
            store.add_usage(db, run, took)
        grouper.tag(db, [job.image.id for job in batch if job.failed is None])
    replies = [reply for job in batch for reply in job.replies]
    told.replies += len(replies)
    told.unreadable += sum(reply.failure is not None for reply in replies)
    told.usage += took


def _answered(
    project: Project, tagger: Tagger, pending: Sequence[int], asking: Asking
) -> Iterator[_Job]:
    """The images with what was said of them, each when its last crop was answered."""
    preparing = tagger if isinstance(tagger, PreparingTagger) else None
    size = max(1, tagger.batch)
    crops = asking.options.crops

    def decode(image: Image) -> _Job:
        path = image_path(project, image)
        try:
            pixels = images.load(path)
            # A scan knows it; of a file that was not scanned since it changed, nobody does.
            content = image.hash or (images.content_hash(path) if asking.talks else "")
        except images.ImageUnreadable as error:
            gone = not there(error.path)
            return _Job(image, failed=failure(image, error), gone=gone)
        parts = []
        for crop in crops:
            part = _cut(pixels, crop)
            # A small copy: the whole image must not stay in memory while it waits.
            parts.append((crop.name, preparing.prepare(part) if preparing else part))
        return _Job(image, tuple(parts), content=content)

    # Prepared crops are small, so two batches of them may wait; whole images are not.
    depth = max(8, 2 * size // len(crops)) if preparing else 4
    waiting: deque[tuple[_Job, str, Pixels]] = deque()
    for job in ahead(decode, readable_images(project, pending), depth):
        if job.failed is not None:
            yield job
            continue
        job.open = len(job.crops)
        waiting.extend((job, name, pixels) for name, pixels in job.crops)
        job.crops = ()
        while len(waiting) >= size:
            yield from _ask(tagger, preparing, [waiting.popleft() for _ in range(size)], asking)
    while waiting:
        some = [waiting.popleft() for _ in range(min(size, len(waiting)))]
        yield from _ask(tagger, preparing, some, asking)


def _ask(
    tagger: Tagger,
    preparing: PreparingTagger | None,
    crops: Sequence[tuple[_Job, str, Pixels]],
    asking: Asking,
) -> Iterator[_Job]:
    options = asking.options
    seeds = [seed(options.seed, job.content, crop) for job, crop, _ in crops]
    ask = preparing.answer if preparing else tagger.propose
    answers = ask([pixels for _, _, pixels in crops], options.prompt, asking.sampling(seeds))
    if len(answers) != len(crops):
        raise AnnotatorError(
            f"The model {tagger.id} answered {len(answers)} of {len(crops)} images: its adapter "
            "is at fault."
        )
    for (job, crop, _), samples in zip(crops, answers, strict=True):
        for number, sample in enumerate(samples):
            if sample.unanswered:
                job.failed, job.unanswered = Failure(job.image.path, str(sample.failure)), True
            job.said.extend(_said(one, crop, number, options) for one in _once(sample.labels))
            if asking.talks:
                text = store.storable(sample.text)
                job.replies.append(store.ReplyRow(crop, number, text, sample.failure))
        job.open -= 1
        if job.open == 0:
            yield job


def _once(labels: Sequence[Proposed]) -> list[Proposed]:
    """Labels of one sample, a repetition left out."""
    return list({(one.text, one.wordnet_id): one for one in reversed(labels)}.values())[::-1]


def _said(proposed: Proposed, crop: str, sample: int, options: ProposeOptions) -> store.Said:
    tokens = proposed.token_probabilities
    probability = scoring.combine(tokens, options.combine) if tokens else None
    return store.Said(proposed, crop, sample, probability)


def _cut(pixels: Pixels, crop: Crop) -> Pixels:
    left, top, right, bottom = crop.pixels(pixels.shape[1], pixels.shape[0])
    return pixels[top:bottom, left:right]
