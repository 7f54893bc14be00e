"""What a person can choose of proposing and filtering, checked where it is made."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast, get_args

from annotator.core import scoring
from annotator.core.errors import AnnotatorError
from annotator.core.records import (
    COMBINES,
    CROPS_OF,
    FILTERS,
    GRIDS,
    RANKINGS,
    STRATEGIES,
    Combine,
    Crop,
    Filter,
    Grid,
    Ranking,
    Strategy,
)

K = TypeVar("K", bound=Hashable)
#: What happens to a tag that no pixel supports (pipeline.support).
PixelFilter = Literal["mark", "drop"]
PIXEL_FILTERS: tuple[str, ...] = get_args(PixelFilter)


@dataclass(frozen=True, slots=True)
class VocabularyOptions:
    """How proposals become tags. ``threshold`` is a share for the percentile filter (0.68: the
    lowest 68 % of an image's labels are dropped) and a probability for the fixed one, as in
    LLM2Labels, section 4. ``rank``: what the words of the dataset are ranked by. ``pixels``: a tag
    that no pixel supports is only marked so, or dropped (TTD, section 3.1); where nobody looked at
    the pixels it stays. Raises AnnotatorError for a value that is not offered."""

    filter: Filter = "percentile"
    threshold: float = 0.68
    combine: Combine = "avg"
    rank: Ranking = "product"
    pixels: PixelFilter = "mark"

    def __post_init__(self) -> None:
        _choice("filter", self.filter, FILTERS)
        _choice("way to combine", self.combine, COMBINES)
        _choice("ranking", self.rank, RANKINGS)
        _choice("filter of the pixels", self.pixels, PIXEL_FILTERS)
        if not 0.0 <= self.threshold <= 1.0:
            raise AnnotatorError(f"The threshold {self.threshold} is not between 0 and 1.")

    def scores(self, said: Iterable[scoring.Said[K]], looks: int) -> list[scoring.Scored[K]]:
        """What one image shows by these options, see ``scoring.image_scores``."""
        return scoring.image_scores(
            said,
            looks,
            how=self.combine,
            filter=self.filter,
            threshold=self.threshold,
            percentile=self.threshold,
            by=self.rank,
        )


#: Answers for one crop; each is a pass of a model, and far fewer settle what it says.
MOST_SAMPLES = 1000


#: How often a model that draws its answers is asked, by grid: the whole image eight times, each
#: cell twice, the whole and each cell once (LLM2Labels, section 4.2).
PAPER_SAMPLES: Mapping[str, int] = {"none": 8, "sg": 2, "sgc": 1}


@dataclass(frozen=True, slots=True)
class ProposeOptions:
    """How images are shown to a Tagger, and how its labels are filtered afterwards.

    ``grid``: which crops (LLM2Labels, section 4.2); ``top``: labels per crop of a classifier;
    ``limit``: only the first images in path order, to try something out. For models that talk:
    ``samples`` for each crop (None: what the paper asks over this grid), ``seed``, ``prompt`` (a
    text, or the name of one of the pack's prompts; "" for its first one), ``strategy`` (None: the
    prompt's own), ``correct``: ask again with the first answer as a prior, ``temperature`` and
    ``nucleus``. Raises AnnotatorError for a value that is not offered.
    """

    grid: Grid = "none"
    samples: int | None = None
    filter: Filter = "percentile"
    threshold: float = 0.68
    combine: Combine = "avg"
    rank: Ranking = "product"
    seed: int = 0
    limit: int | None = None
    top: int = 10
    prompt: str = ""
    strategy: Strategy | None = None
    correct: bool = False
    temperature: float = 0.3
    nucleus: float = 0.9
    pixels: PixelFilter = "mark"

    def __post_init__(self) -> None:
        _choice("grid", self.grid, GRIDS)
        for name, value in (
            ("samples", self.samples),
            ("labels", self.top),
            ("images", self.limit),
        ):
            if value is not None and value < 1:
                raise AnnotatorError(f"The number of {name} is {value}: it must be 1 or more.")
        if self.samples is not None and self.samples > MOST_SAMPLES:
            raise AnnotatorError(
                f"The number of samples is {self.samples}: it must be {MOST_SAMPLES} or less."
            )
        if self.strategy is not None:
            _choice("strategy", self.strategy, STRATEGIES)
        if not 0.0 < self.temperature <= 10.0:
            raise AnnotatorError(f"The temperature {self.temperature} is not above 0, up to 10.")
        if not 0.0 < self.nucleus <= 1.0:
            raise AnnotatorError(f"The nucleus {self.nucleus} is not above 0, up to 1.")
        _ = self.vocabulary  # checks the rest

    @property
    def vocabulary(self) -> VocabularyOptions:
        return VocabularyOptions(self.filter, self.threshold, self.combine, self.rank, self.pixels)

    @property
    def crops(self) -> tuple[Crop, ...]:
        return CROPS_OF[self.grid]

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the proposals themselves: runs that agree in it continue each other.
        Filters and ways to combine do not belong to it, they are applied to what is stored.
        ``samples``, ``prompt`` and ``strategy`` are those that were settled with the pack, see
        ``pipeline.asking``."""
        found = {
            "grid": self.grid,
            "samples": self.samples or 1,
            "top": self.top,
            "prompt": self.prompt,
        }
        default = ProposeOptions()
        # Left out at their defaults, so that runs of older files keep what they are equal to.
        for name in ("strategy", "correct", "temperature", "nucleus"):
            if getattr(self, name) != getattr(default, name):
                found[name] = getattr(self, name)
        return found

    @property
    def params(self) -> dict[str, Any]:
        """What a run records of itself."""
        found = self.identity | {
            "filter": self.filter,
            "threshold": self.threshold,
            "combine": self.combine,
        }
        # Left out at their defaults, so that runs of older files keep what they are equal to.
        default = ProposeOptions()
        for name in ("rank", "pixels"):
            if getattr(self, name) != getattr(default, name):
                found[name] = getattr(self, name)
        return found


def vocabulary_options(params: Mapping[str, Any]) -> VocabularyOptions:
    """The filters that a run recorded; defaults for what it did not."""
    default = VocabularyOptions()
    return VocabularyOptions(
        cast(Filter, params.get("filter", default.filter)),
        float(params.get("threshold", default.threshold)),
        cast(Combine, params.get("combine", default.combine)),
        cast(Ranking, params.get("rank", default.rank)),
        cast(PixelFilter, params.get("pixels", default.pixels)),
    )


def _choice(what: str, value: str, offered: tuple[str, ...]) -> None:
    if value not in offered:
        raise AnnotatorError(f"There is no {what} {value}: choose one of {', '.join(offered)}.")
