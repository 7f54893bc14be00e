"""Where on an image a text is, and where each of its words: TTD, sections 3.1 and 3.2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from annotator.backends.protocols import Bools, Floats, Grounder, Pixels, TagText
from annotator.core import tag_scores
from annotator.core.errors import AnnotatorError
from annotator.core.records import Image
from annotator.core.text_words import words
from annotator.pipeline.ground import cached_pixels, cosines, text_vectors
from annotator.project.project import Project


@dataclass(frozen=True, slots=True)
class Word:
    """A candidate tag of a text. ``score``: its best pixel (eq. 2); ``selected``: above the
    largest gap of the text's words; ``heat`` float32[h, w], raw cosines."""

    text: str
    score: float
    selected: bool
    heat: Floats


@dataclass(frozen=True, slots=True)
class TextMap:
    """Where a text is on an image, on the grounder's grid over the whole image.

    ``heat`` float32[h, w]: raw cosines with the whole text (sim(T), eq. 3). ``words`` in the order
    of the text; a text of a single word has that one. ``union`` float32[h, w] in [0, 1]: the
    pixelwise maximum of the min-max normalised maps of the selected words, which is what eq. 4
    wants ``heat`` to be.
    """

    text: str
    heat: Floats
    words: tuple[Word, ...]
    union: Floats


def text_map(
    project: Project, image: Image, text: str, grounder: Grounder, pixels: Pixels | None = None
) -> TextMap:
    """The maps of any text on an image; one image encoding, which is cached.

    ``pixels`` is the decoded image where the caller has it. Raises AnnotatorError for a text
    without a word or an emoji, ImageUnreadable for an image that cannot be decoded.
    """
    said = " ".join(text.split())
    candidates = words(said)
    if not candidates:
        what = f"{said!r} has no words" if said else "The text is empty"
        raise AnnotatorError(f"{what}: type what to look for on the image.")
    cells = cached_pixels(project, image, grounder, pixels)
    return text_map_of(cells, said, candidates, vectors_of(said, candidates, grounder))


def vectors_of(text: str, candidates: tuple[str, ...], grounder: Grounder) -> Floats:
    """float32[1 + n, c]: the whole text as a sentence, then each of its words as a tag."""
    return text_vectors(grounder, [TagText(text, sentence=True), *map(TagText, candidates)])


def text_map_of(cells: Floats, text: str, candidates: tuple[str, ...], vectors: Floats) -> TextMap:
    """The maps, from the vectors of the image float32[h, w, c] and ``vectors_of``."""
    maps = np.moveaxis(cosines(cells, vectors.T), -1, 0)
    tag_maps = maps[1:]
    scores = tag_maps.max(axis=(1, 2))
    selected = tag_scores.select(scores)
    return TextMap(
        text,
        maps[0],
        tuple(
            Word(word, float(score), bool(chosen), heat)
            for word, score, chosen, heat in zip(
                candidates, scores, selected, tag_maps, strict=True
            )
        ),
        union(tag_maps, selected),
    )


def union(tag_maps: Floats, selected: Bools) -> Floats:
    """Right side of eq. 4: float32[h, w] in [0, 1], the maximum of the normalised maps of the
    selected tags, float32[n, h, w]; 0 everywhere where none is selected. A constant map is 0."""
    best = np.zeros(tag_maps.shape[1:], np.float32)
    for heat in tag_maps[selected]:
        np.maximum(best, tag_scores.min_max(heat), out=best)
    return best
