"""The roles a model can play. Adapters implement them; pipelines know nothing else.

Images are uint8[H, W, 3] RGB arrays, as decoded by ``annotator.core.images``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from annotator.core.records import Answer, Strategy, Usage

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a Tagger answers. ``top``: labels per crop of a classifier, which is deterministic and
    ignores the rest.

    For models that generate text, with the defaults of LLM2Labels, appendix D: ``samples`` drawn
    for each crop at ``temperature`` from the ``nucleus`` (the smallest set of tokens whose
    probabilities add up to it, eq. 2), tokens that the reply has already made less likely by
    ``repetition_penalty``, at most ``max_tokens`` new ones, no length penalty. ``seeds``: one for
    each image of the call; sample i of an image depends on (seed, i) and not on the batch it is
    in. ``strategy``: how labels are read out of a reply. ``correction``: a second prompt, asked
    with the labels of the first answer put in for "{labels}" (self-correction, section 3.3.1);
    "" asks once.
    """

    top: int = 10
    samples: int = 1
    temperature: float = 0.3
    nucleus: float = 0.9
    repetition_penalty: float = 2.0
    max_tokens: int = 100
    seeds: tuple[int, ...] = ()
    strategy: Strategy = "list"
    correction: str = ""


@dataclass(frozen=True, slots=True)
class TagText:
    """A tag to ground: its name, its other lemmas and, if known, its WordNet id. ``sentence``: the
    name is a whole sentence (a caption, a criterion, a referring expression): it goes into no
    prompt template and has no other lemmas."""

    name: str
    lemmas: tuple[str, ...] = ()
    wordnet_id: str | None = None
    sentence: bool = False


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
    ) -> list[list[Answer]]:
        """Answers as [image][sample]. A classifier gives one sample, its labels most probable
        first, and ignores ``prompt``. A reply that cannot be read is an Answer with a failure;
        AnnotatorError is for a model that cannot answer at all."""
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
    ) -> list[list[Answer]]:
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
class FromZero(Protocol):
    """A Grounder whose similarity is near 0 where nothing speaks for a tag, whatever the tag."""

    @property
    def filled(self) -> float:
        """In (0, 1): see core.scoring.heat_threshold."""
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
class StoringRefiner(Refiner, Protocol):
    """A Refiner whose encodings take long and can be kept on disk."""

    def pack(self, encoding: Any) -> bytes:
        """The encoding as bytes, in half precision."""
        ...

    def unpack(self, data: bytes) -> Any:
        """The encoding again. Raises ValueError for bytes that are none of this model's."""
        ...


@runtime_checkable
class Substituting(Protocol):
    """A model that may have to do with less than it was told to use."""

    @property
    def fallback(self) -> str:
        """What was done instead, in one sentence ("... runs on the CPU"); "" for nothing."""
        ...


@runtime_checkable
class LanguageModel(Protocol):
    """Answers in text, and scores given answers."""

    @property
    def id(self) -> str: ...

    @property
    def context(self) -> int:
        """Tokens that question and answer may have together."""
        ...

    def count(self, text: str) -> int:
        """Tokens of a text, exactly or rather too many."""
        ...

    def complete(
        self,
        messages: Sequence[Mapping[str, str]],
        schema: Mapping[str, Any] | None = None,
        *,
        max_tokens: int = 1024,
    ) -> str:
        """The reply to a conversation of {"role": "system" | "user" | "assistant", "content"},
        the most probable one: asked again it is the same. ``schema``: a JSON schema that the
        reply should follow, where the model can be held to one; the caller checks. Raises
        AnnotatorError when the model cannot answer."""
        ...

    def score(self, prompt: str, options: Sequence[str]) -> Floats:
        """float32[n]: log-probability of each option after the prompt, summed over its tokens.
        Raises AnnotatorError when the model cannot tell."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A model that knows what its answers took so far, since it was built."""

    def usage(self) -> Usage: ...
