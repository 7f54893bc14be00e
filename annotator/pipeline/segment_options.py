"""What a person can choose of drawing masks, checked where it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from annotator.core.errors import AnnotatorError

#: What happens to pixels that masks of two tags claim (core.overlaps).
Overlapping = Literal["resolve", "keep"]
OVERLAPPING: tuple[str, ...] = get_args(Overlapping)


@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """Which tags get a mask, and how it is cut.

    ``top``: at most so many undecided tags of an image, best first, and none whose score is below
    ``min_score``; accepted tags always. ``supported_only``: no undecided tag that no pixel
    supports (pipeline.support). ``threshold``: raw similarity at which every heatmap is cut; None
    finds one for each (pipeline.ground.automatic_cut). ``smooth``: draw the heatmap along the edges
    of the image before it is cut (PAMR). ``instances``: a mask for each thing, not one for all
    that is above the threshold. ``refine``: let the Refiner move the edges; ``points``: point a
    network to peaks and valleys too, beside map and box. ``overlap``: pixels that two tags claim
    go to the one that fits better, or stay with both. ``limit``: only the first images in path
    order.
    """

    top: int = 3
    min_score: float = 0.2
    threshold: float | None = None
    refine: bool = True
    limit: int | None = None
    instances: bool = True
    points: bool = True
    smooth: bool = False
    overlap: Overlapping = "resolve"
    supported_only: bool = False

    def __post_init__(self) -> None:
        if self.top < 1:
            raise AnnotatorError(
                f"The number of tags an image is {self.top}: it must be at least 1."
            )
        if self.limit is not None and self.limit < 1:
            raise AnnotatorError(f"The limit is {self.limit}: it must be 1 or more.")
        if not 0.0 <= self.min_score <= 1.0:
            raise AnnotatorError(f"The least score {self.min_score} is not between 0 and 1.")
        if self.threshold is not None and not -1.0 <= self.threshold <= 1.0:
            raise AnnotatorError(
                f"The threshold {self.threshold} is not between -1 and 1, where similarities are."
            )
        if self.overlap not in OVERLAPPING:
            raise AnnotatorError(
                f"What happens to overlaps is {self.overlap!r}: it must be one of "
                f"{', '.join(OVERLAPPING)}."
            )

    @property
    def params(self) -> dict[str, Any]:
        """What is stored with a run. Runs that were made before an option was there lack it, and
        did what it does when off: one mask a tag, no points, overlaps kept."""
        return {
            "top": self.top,
            "min_score": self.min_score,
            "threshold": self.threshold,
            "refine": self.refine,
            "instances": self.instances,
            "points": self.points,
            "smooth": self.smooth,
            "overlap": self.overlap,
            "supported_only": self.supported_only,
        }
