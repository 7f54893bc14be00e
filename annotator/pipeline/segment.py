"""Masks of the tags: a heatmap, cut at a threshold, with its edges refined on the image."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np

from annotator.backends.protocols import Bools, Floats, Grounder, Pixels, Refiner
from annotator.core import images, masks
from annotator.core.errors import AnnotatorError
from annotator.core.paths import there
from annotator.core.records import Failure, Image, Progress, Tag
from annotator.core.scoring import heat_threshold
from annotator.pipeline import runs
from annotator.pipeline.ahead import ahead, decode_threads
from annotator.pipeline.files import failure, image_path, require_folder
from annotator.pipeline.ground import cached_pixels, cosines, has_room, tag_text, upsample
from annotator.pipeline.pages import Pace, readable_images
from annotator.project import queries, store
from annotator.project.project import Project

#: Parts smaller than this share of the mask are crumbs of the threshold, not the thing.
CRUMB = 0.01


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """Which tags get a mask, and how it is cut.

    ``top``: at most so many undecided tags of an image, best first, and none whose score is below
    ``min_score``; accepted tags always. ``threshold``: raw similarity at which every heatmap is
    cut; None finds one for each (core.scoring.heat_threshold). ``refine``: let the Refiner move
    the edges. ``limit``: only the first images in path order.
    """

    top: int = 3
    min_score: float = 0.2
    threshold: float | None = None
    refine: bool = True
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.top < 1:
            raise AnnotatorError(
                f"The number of tags an image is {self.top}: it must be at least 1."
            )
        if self.limit is not None and self.limit < 1:
            raise AnnotatorError(f"The limit is {self.limit}: it must be 1 or more.")
        if self.threshold is not None and not -1.0 <= self.threshold <= 1.0:
            raise AnnotatorError(
                f"The threshold {self.threshold} is not between -1 and 1, where similarities are."
            )

    @property
    def params(self) -> dict[str, Any]:
        return {
            "top": self.top,
            "min_score": self.min_score,
            "threshold": self.threshold,
            "refine": self.refine,
        }


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


def mask_from_heatmap(
    image: Pixels,
    heat: Floats,
    threshold: float | None = None,
    refiner: Refiner | None = None,
    encoding: Any = None,
) -> tuple[Bools, float]:
    """(mask bool[H, W], the raw similarity it was cut at).

    ``image`` uint8[H, W, 3]; ``heat`` float32[h, w], raw cosines over the whole image, any grid.
    Without a ``threshold`` one is found. ``refiner`` moves the edges; ``encoding`` is what it
    made of the image before, so that many cuts cost one look. Islands below 1 % of the mask are
    dropped; holes stay. The mask is empty where nothing is above the threshold.
    """
    height, width = image.shape[:2]
    if threshold is None:
        threshold = heat_threshold(heat)
    large = upsample(heat, height, width)
    mask: Bools = large > threshold
    if refiner is not None and mask.any() and not mask.all():
        if encoding is None:
            encoding = refiner.encode(image)
        candidates = refiner.refine(encoding, mask=soft_mask(large, threshold))
        mask = candidates[0].mask if candidates else np.zeros_like(mask)
    return without_crumbs(mask), threshold


def soft_mask(heat: Floats, threshold: float) -> Floats:
    """How likely each pixel is, for a Refiner: 0 at the lowest similarity, 0.5 at the threshold,
    1 at the highest, straight between. float32[H, W] in [0, 1]."""
    low, high = float(heat.min()), float(heat.max())
    points = [low, threshold, high]
    if not low < threshold < high:
        return (heat > threshold).astype(np.float32)
    return np.interp(heat, points, [0.0, 0.5, 1.0]).astype(np.float32)


def without_crumbs(mask: Bools, share: float = CRUMB) -> Bools:
    """The mask without its 8-connected parts smaller than ``share`` of it."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count <= 2:  # the background and one part
        return mask
    areas = stats[:, cv2.CC_STAT_AREA]
    keep = areas >= share * areas[1:].sum()
    keep[0] = False
    kept: Bools = keep[labels]
    return kept


def segment(
    project: Project,
    pack: HasMaskModels,
    synset: int | None = None,
    options: SegmentOptions | None = None,
) -> Iterator[Progress]:
    """One region for each tag that deserves one (see SegmentOptions), or for one ``synset`` only.

    Rejected tags and synsets get none. Regions of a machine that no person has judged are made
    anew; where a person accepted, rejected or drew a region of that tag, everything stays. A run
    that was stopped goes on; a finished one is repeated. The last Progress has ``done``,
    ``failed``, ``seconds``, ``run``, ``regions`` and ``skipped`` (images done before). Raises
    AnnotatorError when the folder is gone, or there are no images or no such synset.
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
    regions = 0
    if began.pending:
        regions = yield from _run(project, began, pack, synset, options, pace)
    yield pace.last(
        done=pace.done - began.skipped - len(pace.failures),
        seconds=time.monotonic() - start,
        run=began.run,
        regions=regions,
        skipped=began.skipped,
    )


def _run(
    project: Project,
    began: runs.Began,
    pack: HasMaskModels,
    synset: int | None,
    options: SegmentOptions,
    pace: Pace,
) -> Generator[Progress, None, int]:
    regions = 0
    batch: list[tuple[_Job, list[store.RegionRow]]] = []
    with runs.finishing(project, began.run):
        yield pace.progress()
        refiner = pack.refiner() if options.refine else None
        cutter = _Cutter(project, pack.grounder(), refiner, options)
        jobs = _jobs(project, began.pending, synset, options)
        # Cutting is the slow part, and its libraries let other threads run meanwhile.
        for job, rows in ahead(cutter.work, jobs, depth=2 * decode_threads()):
            if job.gone:
                require_folder(project)
            batch.append((job, rows))
            pace.step(job.failed)
            if pace.due():
                regions += _write(project, began.run, batch, synset)
                batch = []
                yield pace.progress(job.image.path)
        regions += _write(project, began.run, batch, synset)
    yield pace.progress()
    return regions


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
        if synset is None:
            undecided = [t for t in undecided if (t.score or 0.0) >= options.min_score]
            chosen = accepted + undecided[: options.top]
        else:
            chosen = [tag for tag in accepted + undecided if tag.synset_id == synset]
        yield _Job(image, tuple(chosen))


class _Cutter:
    """Decodes images and cuts the masks of their tags; many threads at once."""

    def __init__(
        self, project: Project, grounder: Grounder, refiner: Refiner | None, options: SegmentOptions
    ) -> None:
        self._project, self._grounder, self._refiner = project, grounder, refiner
        self._options = options
        self._vectors: dict[int, Floats] = {}
        self._prompt = {"grounder": grounder.id, "refiner": refiner.id if refiner else None}

    def work(self, job: _Job) -> tuple[_Job, list[store.RegionRow]]:
        if not job.tags:
            return job, []
        try:
            pixels = images.load(image_path(self._project, job.image))
        except images.ImageUnreadable as error:
            gone = not there(error.path)
            return replace(job, failed=failure(job.image, error), gone=gone), []
        return job, self._cut(job, pixels)

    def _cut(self, job: _Job, pixels: Pixels) -> list[store.RegionRow]:
        keep = has_room(self._project)
        cells = cached_pixels(self._project, job.image, self._grounder, pixels, keep=keep)
        encoding = self._refiner.encode(pixels) if self._refiner else None
        rows = []
        for tag in job.tags:
            heat = cosines(cells, self._vector(tag.synset_id))
            mask, threshold = mask_from_heatmap(
                pixels, heat, self._options.threshold, self._refiner, encoding
            )
            if not mask.any():
                continue  # nothing stands out: no region is better than a whole image
            rle = masks.encode(mask)
            rows.append(
                store.RegionRow(
                    job.image.id,
                    tag.synset_id,
                    rle,
                    masks.bbox(rle),
                    masks.area(rle),
                    float(heat.max()),
                    threshold,
                    self._prompt,
                )
            )
        return rows

    def _vector(self, synset_id: int) -> Floats:
        if synset_id not in self._vectors:
            with self._project.read() as db:
                text = tag_text(queries.synset(db, synset_id))
            self._vectors[synset_id] = self._grounder.texts([text])[0]
        return self._vectors[synset_id]


def _write(
    project: Project,
    run: int,
    batch: Sequence[tuple[_Job, list[store.RegionRow]]],
    synset: int | None,
) -> int:
    """One transaction; looks again at what a person decided while the masks were made."""
    if not batch:
        return 0
    written = 0
    with project.write("images", "runs", "regions") as db:
        for job, rows in batch:
            if job.gone:
                continue  # left to the next scan: its disk may only be disconnected
            if job.failed is not None:
                store.set_image_error(db, job.image.id, job.failed.reason, hash=job.image.hash)
                store.add_run_images(db, run, [(job.image.id, job.failed.reason, [])])
                continue
            store.drop_regions(db, job.image.id, synset)
            decided = {region.synset_id for region in queries.regions(db, job.image.id)}
            new = [row for row in rows if row.synset_id not in decided]
            written += len(store.add_regions(db, new, run_id=run))
            store.add_run_images(db, run, [(job.image.id, None, [])])
    return written
