"""What a person can choose of proposing and filtering, checked where it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from annotator.backends.protocols import Sampling
from annotator.core.errors import AnnotatorError
from annotator.core.records import COMBINES, CROPS_OF, FILTERS, GRIDS, Combine, Crop, Filter, Grid


@dataclass(frozen=True, slots=True)
class VocabularyOptions:
    """How proposals become tags. ``threshold`` is a share for the percentile filter (0.68: the
    lowest 68 % of an image's labels are dropped) and a probability for the fixed one, as in
    LLM2Labels, section 4. Raises AnnotatorError for a value that is not offered."""

    filter: Filter = "percentile"
    threshold: float = 0.68
    combine: Combine = "avg"

    def __post_init__(self) -> None:
        _choice("filter", self.filter, FILTERS)
        _choice("way to combine", self.combine, COMBINES)
        if not 0.0 <= self.threshold <= 1.0:
            raise AnnotatorError(f"The threshold {self.threshold} is not between 0 and 1.")


#: Answers for one crop; each is a pass of a model, and far fewer settle what it says.
MOST_SAMPLES = 1000


@dataclass(frozen=True, slots=True)
class ProposeOptions:
    """How images are shown to a Tagger, and how its labels are filtered afterwards.

    ``grid``: which crops (LLM2Labels, section 4.2); ``samples`` and ``seed`` matter to models
    that generate text; ``top``: labels per crop of a classifier; ``limit``: only the first images
    in path order, to try something out. Raises AnnotatorError for a value that is not offered.
    """

    grid: Grid = "none"
    samples: int = 1
    filter: Filter = "percentile"
    threshold: float = 0.68
    combine: Combine = "avg"
    seed: int = 0
    limit: int | None = None
    top: int = 10
    prompt: str = ""

    def __post_init__(self) -> None:
        _choice("grid", self.grid, GRIDS)
        for name, value in (
            ("samples", self.samples),
            ("labels", self.top),
            ("images", self.limit),
        ):
            if value is not None and value < 1:
                raise AnnotatorError(f"The number of {name} is {value}: it must be 1 or more.")
        if self.samples > MOST_SAMPLES:
            raise AnnotatorError(
                f"The number of samples is {self.samples}: it must be {MOST_SAMPLES} or less."
            )
        _ = self.vocabulary  # checks the rest

    @property
    def vocabulary(self) -> VocabularyOptions:
        return VocabularyOptions(self.filter, self.threshold, self.combine)

    @property
    def crops(self) -> tuple[Crop, ...]:
        return CROPS_OF[self.grid]

    @property
    def sampling(self) -> Sampling:
        seeds = tuple(self.seed + i for i in range(self.samples))
        return Sampling(top=self.top, samples=self.samples, seeds=seeds)

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the proposals themselves: runs that agree in it continue each other.
        Filters do not belong to it, they are applied to what is stored."""
        return {
            "grid": self.grid,
            "samples": self.samples,
            "combine": self.combine,
            "top": self.top,
            "prompt": self.prompt,
        }

    @property
    def params(self) -> dict[str, Any]:
        """What a run records of itself."""
        return self.identity | {"filter": self.filter, "threshold": self.threshold}


def vocabulary_options(params: Mapping[str, Any]) -> VocabularyOptions:
    """The filters that a run recorded; defaults for what it did not."""
    default = VocabularyOptions()
    return VocabularyOptions(
        cast(Filter, params.get("filter", default.filter)),
        float(params.get("threshold", default.threshold)),
        cast(Combine, params.get("combine", default.combine)),
    )


def _choice(what: str, value: str, offered: tuple[str, ...]) -> None:
    if value not in offered:
        raise AnnotatorError(f"There is no {what} {value}: choose one of {', '.join(offered)}.")
