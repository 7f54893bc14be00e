"""Masks of the tags: a heatmap, cut at a threshold, with its edges refined on the image."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from annotator.backends.protocols import Grounder, Refiner, Substituting
from annotator.core import images
from annotator.core.paths import there
from annotator.core.prompts import soft_mask
from annotator.core.records import Failure, Image, Progress, Tag
from annotator.pipeline import runs
from annotator.pipeline.ahead import ahead, decode_threads
from annotator.pipeline.files import failure, image_path, require_folder
from annotator.pipeline.pages import Pace, readable_images
from annotator.pipeline.segment_cut import Cut, Cutter, mask_from_heatmap, without_crumbs
from annotator.pipeline.segment_options import SegmentOptions
from annotator.project import queries, store
from annotator.project.project import Project

__all__ = [
    "HasMaskModels",
    "SegmentOptions",
    "mask_from_heatmap",
    "segment",
    "soft_mask",
    "without_crumbs",
]


class HasMaskModels(Protocol):
    """What is asked of a pack here."""

    @property
    def name(self) -> str: ...

    def has(self, role: str) -> bool: ...

    def model_id(self, role: str) -> str: ...

    def grounder(self) -> Grounder: ...

    def refiner(self) -> Refiner: ...


@dataclass(frozen=True, slots=True)
class _Job:
    image: Image
    tags: tuple[Tag, ...] = ()
    failed: Failure | None = None
    gone: bool = False


@dataclass(slots=True)
class _Told:
    """What the last Progress says beside the counts of images."""

    regions: int = 0
    overlaps: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def new_notes(self, *models: object) -> list[str]:
        """What models have to do with less than they were told to use, each sentence once."""
        said = [model.fallback for model in models if isinstance(model, Substituting)]
        new = [note for note in dict.fromkeys(said) if note and note not in self.notes]
        self.notes += new
        return new


def segment(
    project: Project,
    pack: HasMaskModels,
    synset: int | None = None,
    options: SegmentOptions | None = None,
) -> Iterator[Progress]:
    """Regions of each tag that deserves some (see SegmentOptions), or of one ``synset`` only.

    Rejected tags and synsets get none. Regions of a machine that no person has judged are made
    anew; where a person accepted, rejected or drew a region of that tag, everything stays. What
    new masks of different tags share is settled (core.overlaps), also with what a person
    accepted, which never changes; with ``synset`` the undecided masks of other tags are left
    alone. A run that was stopped goes on; a finished one is repeated. The last Progress has
    ``done``, ``failed``, ``seconds``, ``run``, ``regions``, ``skipped`` (images done before),
    ``overlaps`` (rows of ``image``, ``kept``, ``lost`` and ``pixels``, of this call) and ``notes``
    (what a model did with less than it was told to use). Raises AnnotatorError when the folder is
    gone, or there are no images or no such synset.
    """
    start = time.monotonic()
    options = options or SegmentOptions()
    require_folder(project)
    ids = runs.readable_ids(project, options.limit if synset is None else None)
    if synset is not None:
        with project.read() as db:
            synset = queries.synset(db, synset).id
            wanted = set(queries.tagged_images(db, synset))
        ids = [image_id for image_id in ids if image_id in wanted][: options.limit]
    # Not those of the other roles: their weights may be elsewhere.
    models = {role: pack.model_id(role) for role in ("grounder", "refiner") if pack.has(role)}
    params = options.params | {"synset": synset}
    plan = runs.Plan("segment", pack.name, models, params, params)
    began = runs.begin(project, plan, ids, repeat=True)
    pace = Pace("segment", len(ids))
    pace.step(count=began.skipped)
    told = _Told()
    if began.pending:
        yield from _run(project, began, pack, synset, options, pace, told)
    yield pace.last(
        done=pace.done - began.skipped - len(pace.failures),
        seconds=time.monotonic() - start,
        run=began.run,
        regions=told.regions,
        skipped=began.skipped,
        overlaps=told.overlaps,
        notes=told.notes,
    )


def _run(
    project: Project,
    began: runs.Began,
    pack: HasMaskModels,
    synset: int | None,
    options: SegmentOptions,
    pace: Pace,
    told: _Told,
) -> Iterator[Progress]:
    batch: list[tuple[_Job, Cut]] = []
    with runs.finishing(project, began.run):
        yield pace.progress()
        refiner = pack.refiner() if options.refine else None
        grounder = pack.grounder()
        cutter = Cutter(project, grounder, refiner, options)

        def work(job: _Job) -> tuple[_Job, Cut]:
            if not job.tags:
                return job, Cut()
            try:
                pixels = images.load(image_path(project, job.image))
            except images.ImageUnreadable as error:
                gone = not there(error.path)
                return replace(job, failed=failure(job.image, error), gone=gone), Cut()
            return job, cutter.cut(job.image, job.tags, pixels)

        jobs = _jobs(project, began.pending, synset, options)
        # Cutting is the slow part, and its libraries let other threads run meanwhile.
        for job, cut in ahead(work, jobs, depth=2 * decode_threads()):
            if job.gone:
                require_folder(project)
            batch.append((job, cut))
            told.overlaps += cut.overlaps
            pace.step(job.failed)
            for note in told.new_notes(grounder, refiner):
                yield pace.progress(note)
            if pace.due():
                told.regions += _write(project, began.run, batch, synset)
                batch = []
                yield pace.progress(_message(job, cut))
        told.regions += _write(project, began.run, batch, synset)
    yield pace.progress()


def _message(job: _Job, cut: Cut) -> str:
    """The image at hand, and what was settled on it."""
    if not cut.overlaps:
        return job.image.path
    most = max(cut.overlaps, key=lambda row: int(row["pixels"]))
    more = f" and {len(cut.overlaps) - 1} more" if len(cut.overlaps) > 1 else ""
    return (
        f"{job.image.path}: {most['pixels']} pixels of {most['lost']} went to {most['kept']}{more}"
    )


def _jobs(
    project: Project, ids: Sequence[int], synset: int | None, options: SegmentOptions
) -> Iterator[_Job]:
    """The images with their tags that deserve a mask."""
    for image in readable_images(project, ids):
        with project.read() as db:
            tags = queries.tags(db, image.id)
        accepted = [tag for tag in tags if tag.verdict == "accepted"]
        undecided = [
            tag for tag in tags if tag.verdict == "unknown" and tag.score is not None and tag.kept
        ]
        if options.supported_only:
            undecided = [tag for tag in undecided if tag.supported is not False]
        if synset is None:
            undecided = [t for t in undecided if (t.score or 0.0) >= options.min_score]
            chosen = accepted + undecided[: options.top]
        else:
            chosen = [tag for tag in accepted + undecided if tag.synset_id == synset]
        yield _Job(image, tuple(chosen))


def _write(
    project: Project,
    run: int,
    batch: Sequence[tuple[_Job, Cut]],
    synset: int | None,
) -> int:
    """One transaction; looks again at what a person decided while the masks were made."""
    if not batch:
        return 0
    written = 0
    with project.write("images", "runs", "regions") as db:
        known = queries.known_synsets(db, (row.synset_id for _, cut in batch for row in cut.rows))
        for job, cut in batch:
            if job.gone:
                continue  # left to the next scan: its disk may only be disconnected
            if job.failed is not None:
                store.set_image_error(db, job.image.id, job.failed.reason, hash=job.image.hash)
                store.add_run_images(db, run, [(job.image.id, job.failed.reason, [])])
                continue
            store.drop_regions(db, job.image.id, synset)
            decided = {region.synset_id for region in queries.regions(db, job.image.id)}
            new = [row for row in cut.rows if row.synset_id in known - decided]
            written += len(store.add_regions(db, new, run_id=run))
            store.add_run_images(db, run, [(job.image.id, None, [])])
    return written
