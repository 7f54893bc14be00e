"""The roles a model can play. Adapters implement them; pipelines know nothing else.

Images are uint8[H, W, 3] RGB arrays, as decoded by ``annotator.core.images``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from annotator.core.records import Proposed

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a Tagger answers. ``top``: labels per crop of a classifier; the other fields are for
    models that generate text, and a classifier, which is deterministic, ignores them."""

    top: int = 10
    samples: int = 1
    temperature: float = 0.3
    nucleus: float = 0.9
    seeds: tuple[int, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TagText:
    """A tag to ground: its name, its other lemmas and, if known, its WordNet id."""

    name: str
    lemmas: tuple[str, ...] = ()
    wordnet_id: str | None = None


@dataclass(frozen=True, slots=True)
class MaskCandidate:
    """``mask`` bool[H, W] in image pixels; ``score`` in [0, 1], the refiner's own confidence."""

    mask: Bools
    score: float


@runtime_checkable
class Tagger(Protocol):
    """Says what is on an image."""

    @property
    def id(self) -> str:
        """Name and SHA-256 prefix of the model; part of a run and of cache keys."""
        ...

    @property
    def batch(self) -> int:
        """How many crops one call should be given."""
        ...

    def propose(
        self, images: Sequence[Pixels], prompt: str, sampling: Sampling
    ) -> list[list[list[Proposed]]]:
        """Labels as [image][sample][label], most probable first. ``prompt`` is ignored by
        classifiers. Raises AnnotatorError when the model cannot answer."""
        ...


@runtime_checkable
class PreparingTagger(Tagger, Protocol):
    """A Tagger whose cheap part (resizing) can run in the threads that decode the images.

    ``propose(images, ...)`` is ``answer([prepare(i) for i in images], ...)``.
    """

    def prepare(self, image: Pixels) -> Pixels:
        """What the model sees of an image, small; callable from many threads at once."""
        ...

    def answer(
        self, prepared: Sequence[Pixels], prompt: str, sampling: Sampling
    ) -> list[list[list[Proposed]]]:
        """As ``propose``, for prepared images."""
        ...


@runtime_checkable
class TextEmbedder(Protocol):
    """Turns words into vectors."""

    @property
    def id(self) -> str: ...

    def embed(self, texts: Sequence[str]) -> Floats:
        """float32[n, d], unit norm."""
        ...


@runtime_checkable
class Grounder(Protocol):
    """Compares every pixel with a tag. Similarity is the dot product of the two (TTD, eq. 2)."""

    @property
    def id(self) -> str: ...

    def pixels(self, image: Pixels) -> Floats:
        """float32[h, w, c], unit norm along c; a coarse grid over the whole image."""
        ...

    def texts(self, tags: Sequence[TagText]) -> Floats:
        """float32[n, c], unit norm."""
        ...


@runtime_checkable
class Refiner(Protocol):
    """Turns a rough mask, a box or points into a mask with clean edges."""

    @property
    def id(self) -> str: ...

    def encode(self, image: Pixels) -> Any:
        """What the refiner needs to know of an image, computed once, prompted often."""
        ...

    def refine(
        self,
        encoding: Any,
        points: Sequence[tuple[float, float, bool]] = (),
        box: tuple[float, float, float, float] | None = None,
        mask: Floats | None = None,
    ) -> list[MaskCandidate]:
        """Candidates, best first. ``points``: (x, y, inside) in image pixels. ``box``: left, top,
        right, bottom in pixels. ``mask``: float32[H, W] in [0, 1], how likely each pixel is."""
        ...


@runtime_checkable
class LanguageModel(Protocol):
    """Answers in text, and scores given answers."""

    @property
    def id(self) -> str: ...

    def complete(self, messages: Sequence[Mapping[str, str]], schema: Any = None) -> str: ...

    def score(self, prompt: str, options: Sequence[str]) -> Floats:
        """float32[n]: log-probability of each option after the prompt."""
        ...
