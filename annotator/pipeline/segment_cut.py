"""From heatmaps to the masks of one image: instances, prompts, candidates, overlaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import cv2
import numpy as np

from annotator.backends.protocols import (
    Bools,
    Floats,
    Grounder,
    MaskCandidate,
    Pixels,
    Refiner,
    StoringRefiner,
)
from annotator.core import masks, overlaps
from annotator.core.prompts import CRUMB, Instance, instances, soft_mask
from annotator.core.records import Image, Region, Tag
from annotator.core.scoring import heat_threshold
from annotator.pipeline import encodings
from annotator.pipeline.ground import (
    automatic_cut,
    cached_pixels,
    cosines,
    has_room,
    tag_text,
    upsample,
)
from annotator.pipeline.interactive import agreement, choose
from annotator.pipeline.segment_options import SegmentOptions
from annotator.project import queries, store
from annotator.project.project import Project
from annotator.project.words import Words

#: A mask that agrees less than this with the heatmap it was made from is of something else.
ASTRAY = 0.3


def mask_from_heatmap(
    image: Pixels,
    heat: Floats,
    threshold: float | None = None,
    refiner: Refiner | None = None,
    encoding: Any = None,
) -> tuple[Bools, float]:
    """(mask bool[H, W] of all that is above the threshold, the raw similarity it was cut at).

    ``image`` uint8[H, W, 3]; ``heat`` float32[h, w], raw cosines over the whole image, any grid.
    Without a ``threshold`` one is found. ``refiner`` moves the edges; ``encoding`` is what it
    made of the image before, so that many cuts cost one look; where it goes astray, the edges stay.
    Islands below 1 % of the mask are dropped; holes stay. The mask is empty where nothing is above
    the threshold.
    """
    height, width = image.shape[:2]
    if threshold is None:
        threshold = heat_threshold(heat)
    found = instances(upsample(heat, height, width), threshold, split=False)
    if not found:
        return np.zeros((height, width), np.bool_), threshold
    mask = found[0].mask
    if refiner is not None and not mask.all():
        if encoding is None:
            encoding = refiner.encode(image)
        chosen = refined(refiner, encoding, found[0], points=False)
        mask = mask if chosen is None else chosen.mask
    return without_crumbs(mask), threshold


def refined(
    refiner: Refiner, encoding: Any, instance: Instance, *, points: bool
) -> MaskCandidate | None:
    """The Refiner's mask of one thing: asked with the soft mask and its box (TTD, appendix B.5)
    and, with ``points``, once more with its peaks and valleys; of all candidates the one with the
    best predicted IoU and agreement with the heatmap. None where all of them are of something
    else. A Refiner that is no network (one whose encodings are not stored) gets no points: it
    takes them for certain, as a person's are."""
    candidates = list(refiner.refine(encoding, box=instance.box, mask=instance.soft))
    if points and isinstance(refiner, StoringRefiner):
        candidates += refiner.refine(
            encoding, points=instance.points, box=instance.box, mask=instance.soft
        )
    chosen = choose(candidates, soft=instance.soft)
    if chosen is None or agreement(chosen.mask, instance.soft) < ASTRAY:
        return None
    return chosen


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


@dataclass(slots=True)
class _Drawn:
    """A mask on its way to a region. ``strength``: see core.overlaps.Claim."""

    tag: Tag
    mask: Bools
    strength: Floats
    score: float
    threshold: float
    prompt: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cut:
    """The regions of one image, and what was settled between two tags: rows of ``image``,
    ``kept`` and ``lost`` (names), ``pixels``."""

    rows: list[store.RegionRow] = field(default_factory=list)
    overlaps: list[dict[str, Any]] = field(default_factory=list)


#: A Refiner with its encoding of the image at hand.
_Encoded = tuple[Refiner, Any] | None


class Cutter:
    """Cuts the masks of an image's tags; many threads at once."""

    def __init__(
        self, project: Project, grounder: Grounder, refiner: Refiner | None, options: SegmentOptions
    ) -> None:
        self._project, self._grounder, self._refiner = project, grounder, refiner
        self._options = options
        self._vectors: dict[int, Floats] = {}
        with project.read() as db:
            words = Words(db)
        self._related = _related(words)

    def cut(self, image: Image, tags: Sequence[Tag], pixels: Pixels) -> Cut:
        """``pixels`` uint8[H, W, 3], the decoded image."""
        with self._project.read() as db:
            regions = queries.regions(db, image.id)
        # Their masks stay as they are, so none of these must take pixels from another tag.
        decided = {r.synset_id for r in regions if r.verdict != "unknown" or r.source == "person"}
        keep = has_room(self._project)
        cells = cached_pixels(self._project, image, self._grounder, pixels, keep=keep)

        @cache
        def refiner() -> _Encoded:
            """With its encoding: one look for all tags, and none where nothing stands out."""
            one = self._refiner
            if one is None:
                return None
            return one, encodings.encoding(self._project, image, one, pixels, walk=True)

        drawn = [
            one
            for tag in tags
            if tag.synset_id not in decided
            for one in self._draw(tag, cells, pixels, refiner)
        ]
        size = pixels.shape[:2]
        accepted = [
            region
            for region in regions
            if region.verdict == "accepted" and (region.rle.height, region.rle.width) == size
        ]
        return self._settled(image, drawn, accepted)

    def _draw(
        self, tag: Tag, cells: Floats, pixels: Pixels, refiner: Callable[[], _Encoded]
    ) -> list[_Drawn]:
        """The things of one tag, the most similar first."""
        options, (height, width) = self._options, pixels.shape[:2]
        raw = heat = cosines(cells, self._vector(tag.synset_id))
        if options.smooth:
            from annotator.pipeline.smooth import smooth

            heat = smooth(pixels, raw)
        threshold = options.threshold
        if threshold is None:
            threshold = automatic_cut(heat, self._grounder)
        large = upsample(heat, height, width)
        found = instances(large, threshold, split=options.instances)
        if not found:
            return []  # nothing stands out: no region is better than a whole image
        made = [self._mask(one, refiner) for one in found]
        chosen = overlaps.distinct([mask for mask, _ in made])
        strength = soft_mask(large, threshold)
        rough = upsample(raw, height, width) if options.smooth else large
        peaks = [float(rough[one.mask].max()) for one in found]
        drawn = []
        for at in chosen:
            mask, said = made[at]
            # The coarse map's own peak, which no pixel between its cells need have.
            score = float(raw.max()) if peaks[at] == max(peaks) else peaks[at]
            prompt = self._prompt(found[at]) | said
            if len(chosen) > 1:
                prompt["instance"] = [chosen.index(at) + 1, len(chosen)]
            # What is another thing's of the same tag is none of this one's.
            own = np.minimum(strength, found[at].soft)
            drawn.append(_Drawn(tag, mask, own, score, threshold, prompt))
        return drawn

    def _mask(
        self, instance: Instance, refiner: Callable[[], _Encoded]
    ) -> tuple[Bools, dict[str, Any]]:
        """Its mask, and what is told of how sure the Refiner is of it."""
        mask = instance.mask
        encoded = None if mask.all() else refiner()
        if encoded is None:
            return without_crumbs(mask), {}
        candidate = refined(*encoded, instance, points=self._options.points)
        if candidate is None:
            return without_crumbs(mask), {"refined": False}
        sure = {
            "predicted_iou": round(candidate.score, 4),
            "agreement": round(agreement(candidate.mask, instance.soft), 4),
        }
        return without_crumbs(candidate.mask), sure

    def _prompt(self, instance: Instance) -> dict[str, Any]:
        """What is stored of how a mask was made."""
        refiner = self._refiner
        told: dict[str, Any] = {
            "kind": "heatmap",
            "grounder": self._grounder.id,
            "refiner": refiner.id if refiner else None,
        }
        if self._options.smooth:
            told["smooth"] = True
        if refiner is not None:
            told["box"] = list(instance.box)
            if self._options.points and isinstance(refiner, StoringRefiner):
                told["points"] = [list(point) for point in instance.points]
        return told

    def _settled(self, image: Image, drawn: Sequence[_Drawn], accepted: Sequence[Region]) -> Cut:
        """The regions, after what two masks claim is settled."""
        found = Cut()
        masks_now = [one.mask for one in drawn]
        if self._options.overlap == "resolve":
            claims = [
                overlaps.Claim(region.synset_id, masks.decode(region.rle), None)
                for region in accepted
            ] + [overlaps.Claim(one.tag.synset_id, one.mask, one.strength) for one in drawn]
            names = [region.synset for region in accepted] + [one.tag.synset for one in drawn]
            lost_to: Counter[tuple[str, str]] = Counter()
            resolved = overlaps.resolve(claims, self._related)[len(accepted) :]
            for at, (one, after) in enumerate(zip(drawn, resolved, strict=True)):
                gave = any(told.given == "lost" for told in after.settled)
                masks_now[at] = without_crumbs(after.mask) if gave else after.mask
                if after.settled:
                    one.prompt["overlap"] = [
                        {
                            "synset": claims[told.other].synset,
                            "name": names[told.other],
                            "pixels": told.pixels,
                            "given": told.given,
                        }
                        for told in after.settled
                    ]
                for told in after.settled:
                    if told.given == "lost" and claims[told.other].synset != one.tag.synset_id:
                        lost_to[(names[told.other], one.tag.synset)] += told.pixels
            found.overlaps.extend(
                {"image": image.path, "kept": kept, "lost": lost, "pixels": pixels}
                for (kept, lost), pixels in lost_to.items()
            )
        for one, mask in zip(drawn, masks_now, strict=True):
            if not mask.any():
                continue
            rle = masks.encode(mask)
            found.rows.append(
                store.RegionRow(
                    image.id,
                    one.tag.synset_id,
                    rle,
                    masks.bbox(rle),
                    masks.area(rle),
                    one.score,
                    one.threshold,
                    one.prompt,
                )
            )
        return found

    def _vector(self, synset_id: int) -> Floats:
        if synset_id not in self._vectors:
            with self._project.read() as db:
                text = tag_text(queries.synset(db, synset_id))
            self._vectors[synset_id] = self._grounder.texts([text])[0]
        return self._vectors[synset_id]


def _related(words: Words) -> Callable[[int, int], bool]:
    """Whether one of two synsets is above the other, in the tree as it stands."""

    def related(a: int, b: int) -> bool:
        there = a in words.parents and b in words.parents
        return there and (words.is_below(a, b) or words.is_below(b, a))

    return related
