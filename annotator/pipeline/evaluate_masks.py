"""How good masks of classes are: TTD, tables 4 and 12. Of whole texts see ``evaluate_texts``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np

from annotator.backends.protocols import Bools, Floats, Grounder, Pixels, Refiner
from annotator.core import images
from annotator.core.errors import AnnotatorError
from annotator.core.mask_metrics import Confusion
from annotator.core.prompts import soft_mask
from annotator.core.records import Image
from annotator.core.scoring import heat_threshold
from annotator.pipeline import encodings
from annotator.pipeline.evaluate_captions import Tell
from annotator.pipeline.evaluate_masks_truth import (
    IGNORED,
    AcceptedRegions,
    LabelMaps,
    Labels,
    MaskTruth,
)
from annotator.pipeline.evaluate_texts import text_masks_table
from annotator.pipeline.files import image_path, require_folder
from annotator.pipeline.ground import cached_pixels, cosines, has_room, text_vectors, upsample
from annotator.pipeline.pages import Pace
from annotator.pipeline.smooth import smooth
from annotator.project.project import Project

__all__ = ["MaskOptions", "masks_table", "text_masks_table"]

#: Which classes a Grounder is given for an image: all, or those that its truth has.
Mode = Literal["all", "present"]
MODES: tuple[str, ...] = get_args(Mode)
#: What stands for the regions of the project as the truth.
ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True)
class MaskOptions:
    """``mode``: "all" classes compete for every pixel, as in open-vocabulary segmentation, or only
    those that the image's truth has ("present"). ``background``: raw similarity below which a
    pixel is of no class; None finds one for each image (core.scoring.heat_threshold of the best
    similarities) where the truth has a background, and has none elsewhere. ``pamr`` and
    ``refine`` add a row each. ``limit``: only the first images. Raises AnnotatorError."""

    mode: Mode = "all"
    background: float | None = None
    pamr: bool = False
    refine: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise AnnotatorError(f"There is no mode {self.mode}: choose all or present.")
        if self.background is not None and not -1.0 <= self.background <= 1.0:
            raise AnnotatorError(
                f"The background {self.background} is not between -1 and 1, where similarities are."
            )
        if self.limit is not None and self.limit < 1:
            raise AnnotatorError(f"The number of images is {self.limit}: it must be 1 or more.")


class HasMaskModels(Protocol):
    """What is asked of a pack here."""

    @property
    def name(self) -> str: ...

    def grounder(self) -> Grounder: ...

    def refiner(self) -> Refiner: ...


def masks_table(
    project: Project,
    packs: Sequence[HasMaskModels],
    truth: Path | str,
    options: MaskOptions | None = None,
    *,
    classes: bool = False,
    tell: Tell | None = None,
) -> list[dict[str, Any]]:
    """A row for each pack and "Method": the best class of every pixel of the upsampled heatmaps
    ("heatmap"), of those drawn along the edges of the image ("+ PAMR"), and with each class then
    refined from its mask and box ("+ refiner", appendix B.5). "mIoU", "mFPR" and "mFNR": means over
    the classes of the IoU of all their pixels, as the PASCAL VOC challenge counts it, and of false
    positives and negatives as shares of the same union; "Acc", the share of the pixels that have
    their class; all in percent. "Classes" that are there or were found, and "Images". With
    ``classes`` a row for each class instead, "Class", with "IoU", "FPR" and "FNR".

    ``truth``: a folder, see ``LabelMaps``, or "accepted", see ``AcceptedRegions``. Raises
    AnnotatorError when there is none, sizes differ, or an image cannot be decoded.
    """
    options = options or MaskOptions()
    if not packs:
        raise AnnotatorError("Name at least one pack to compare.")
    found: MaskTruth
    found = AcceptedRegions(project) if truth == ACCEPTED else LabelMaps(Path(truth))
    require_folder(project)
    rows: list[dict[str, Any]] = []
    for pack in packs:
        counts, number = _count(project, pack, found, options, tell)
        for method, confusion in counts.items():
            head = {"Pack": pack.name, "Method": method, "Mode": options.mode}
            shown = range(len(found.names))
            if classes:
                rows += [
                    head | {"Class": found.names[index]} | _class_row(confusion, index)
                    for index in shown
                    if confusion.of(index) is not None
                ]
                continue
            mean = confusion.mean(shown)
            rows.append(
                head
                | {
                    "mIoU": 100 * mean.iou,
                    "mFPR": 100 * mean.fpr,
                    "mFNR": 100 * mean.fnr,
                    "Acc": 100 * confusion.accuracy(),
                    "Classes": sum(confusion.of(index) is not None for index in shown),
                    "Images": number,
                }
            )
    return rows


def _class_row(confusion: Confusion, index: int) -> dict[str, float | None]:
    one = confusion.of(index)
    names = ("IoU", "FPR", "FNR")
    values = (None,) * 3 if one is None else (100 * one.iou, 100 * one.fpr, 100 * one.fnr)
    return dict(zip(names, values, strict=True))


def _count(
    project: Project,
    pack: HasMaskModels,
    truth: MaskTruth,
    options: MaskOptions,
    tell: Tell | None,
) -> tuple[dict[str, Confusion], int]:
    """The pixels of all images by method; how many images."""
    grounder = pack.grounder()
    refiner = pack.refiner() if options.refine else None
    vectors = text_vectors(grounder, truth.tags)
    counts: dict[str, Confusion] = {}
    every = truth.images(project)[: options.limit]
    pace = Pace(f"masks of {pack.name}", len(every))
    for image in every:
        if tell is not None and pace.due():
            tell(pace.progress(image.path))
        pixels = images.load(image_path(project, image))
        labels = truth.labels(image, *pixels.shape[:2])
        cells = cached_pixels(project, image, grounder, pixels, keep=has_room(project))
        maps = np.moveaxis(cosines(cells, vectors.T), -1, 0)
        given = _given(labels, len(truth.tags), options.mode)
        for method, said in _segmented(
            project, image, pixels, maps, given, truth, refiner, options
        ):
            counts.setdefault(method, Confusion(len(truth.tags) + 1)).add(labels, said)
        pace.step()
    if tell is not None:
        tell(pace.progress())
    return counts, len(every)


def _given(labels: Labels, classes: int, mode: Mode) -> list[int]:
    if mode == "all":
        return list(range(classes))
    return [int(one) for one in np.unique(labels) if one != IGNORED and one < classes]


def _segmented(
    project: Project,
    image: Image,
    pixels: Pixels,
    maps: Floats,
    given: Sequence[int],
    truth: MaskTruth,
    refiner: Refiner | None,
    options: MaskOptions,
) -> Iterator[tuple[str, Labels]]:
    """The class of every pixel by each method; ``maps`` float32[n, h, w] of all classes."""
    height, width = pixels.shape[:2]
    if not given:  # nothing is there and nothing competes
        for name in _methods(options):
            yield name, np.full((height, width), len(maps), np.int32)
        return
    background = options.background
    if background is None and truth.has_background:
        background = heat_threshold(maps[list(given)].max(axis=0))
    coarse = {index: maps[index] for index in given}
    found = _Labelled(height, width, coarse, len(maps), background)
    yield "heatmap", found.labels
    if options.pamr:
        drawn = {index: smooth(pixels, heat) for index, heat in coarse.items()}
        found = _Labelled(height, width, drawn, len(maps), background)
        yield "+ PAMR", found.labels
    if refiner is not None:
        encoding = encodings.encoding(project, image, refiner, pixels, walk=True)
        yield "+ refiner", found.refined(refiner, encoding)


def _methods(options: MaskOptions) -> list[str]:
    return ["heatmap", *["+ PAMR"] * options.pamr, *["+ refiner"] * options.refine]


class _Labelled:
    """The best class of every pixel, and how far it is ahead of the next; one class at a time is
    at image size, so that 150 of them fit into memory.

    ``maps``: coarse float32[h, w] by class. Without a ``background`` (a raw similarity) every pixel
    has a class; with one, those below it are ``none``.
    """

    def __init__(
        self,
        height: int,
        width: int,
        maps: Mapping[int, Floats],
        none: int,
        background: float | None,
    ) -> None:
        self._maps, self._none, self._size = maps, none, (height, width)
        self._open = background is not None
        least = -np.inf if background is None else background
        self._best = np.full((height, width), least, np.float32)
        self._second = np.full((height, width), -np.inf, np.float32)
        self.labels: Labels = np.full((height, width), none, np.int32)
        for index in maps:
            heat = self._heat(index)
            ahead = heat > self._best
            self._second = np.where(ahead, self._best, np.maximum(self._second, heat))
            self._best = np.where(ahead, heat, self._best)
            self.labels[ahead] = index

    def _heat(self, index: int) -> Floats:
        return upsample(self._maps[index], *self._size)

    def refined(self, refiner: Refiner, encoding: Any) -> Labels:
        """Each class that has pixels is refined from its mask and the box around it. A pixel that
        several then claim is the one's that resembles it most; one that none claims stays what it
        was without a background, and is background with one."""
        claimed = np.full(self._size, -np.inf, np.float32)
        result = np.full_like(self.labels, self._none) if self._open else self.labels.copy()
        for index in self._maps:
            inside = self.labels == index
            if not inside.any():
                continue
            heat = self._heat(index)
            mask = self._asked(refiner, encoding, heat, inside)
            wins = mask & (heat > claimed)
            result[wins] = index
            claimed[wins] = heat[wins]
        return result

    def _asked(self, refiner: Refiner, encoding: Any, heat: Floats, inside: Bools) -> Bools:
        if inside.all():
            return inside
        # How far it is ahead of the others, or behind: 0 where the argmax changes.
        other = np.where(inside, self._second, self._best)
        margin = heat - np.where(np.isfinite(other), other, heat.min())
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
        candidates = refiner.refine(encoding, box=box, mask=soft_mask(margin, 0.0))
        return candidates[0].mask if candidates else inside
