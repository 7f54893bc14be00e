"""What a word means: nouns of WordNet inferred from it, retrieved for it, and reranked by what
else is on the image (infer, retrieve, rerank). Pure functions; vectors come from the caller.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from annotator.core.attributes import split
from annotator.core.vocabulary import normalise
from annotator.core.wordnet import imagenet_classes, wordnet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

#: How far a sense may be behind the first one (``WordNet.gaps``) for an image to choose it.
NEAR = 2.5
#: Senses of a word among which images choose.
MOST = 4
# Senses that are this much alike (``WordNet.similarity``) are one thing on a photograph.
_ALIKE = 0.8
# What a step of ``WordNet.gaps`` counts against, and how clear the rest must be, in cosines.
# Measured on all-MiniLM-L6-v2 with words such as crane, mouse, pitcher, table and wheel.
_PRIOR = 0.03
_CLEAR = 0.1
#: Cosine from which a word that WordNet does not have is the noun nearest to it.
SAME = 0.9
# Names of a synset that stand for it when it is searched.
_NAMES = 3


class Scorer(Protocol):
    """The part of a language model that is asked here."""

    def score(self, prompt: str, options: Sequence[str]) -> Floats: ...


def candidates(text: str) -> tuple[str, ...]:
    """Noun synsets that a label may mean, the likeliest first: those that have it as a lemma, in
    the order of ``WordNet.synsets``; of a label that WordNet does not have, those of its head
    ("wooden bench", "church bench": bench). Empty when WordNet has neither."""
    return wordnet().synsets(normalise(text)) or wordnet().synsets(head(text))


@lru_cache(maxsize=65536)
def head(text: str) -> str:
    """The noun that says what a label is, as ``normalise`` writes it: what attributes leave, or
    else the longest end that WordNet has as something to see; "" where there is none, or where
    nothing else is left of it."""
    key, attributes = split(text)
    if attributes:
        return key
    words = key.split(" ")
    ends = (normalise(" ".join(words[at:])) for at in range(1, len(words)))
    return next((end for end in ends if wordnet().gaps(end)), "")


@lru_cache(maxsize=65536)
def meanings(key: str) -> Mapping[str, float]:
    """The senses of a word among which an image may choose, the first one first, each with how
    far it is behind (>= 0); fewer than two when the word is clear. Rare senses are left out, and
    those that are on a photograph the same as an earlier one."""
    net = wordnet()
    found: dict[str, float] = {}
    for synset, gap in net.gaps(key).items():
        if gap <= NEAR and not any(net.similarity(synset, one) >= _ALIKE for one in found):
            found[synset] = gap
    return dict(list(found.items())[:MOST])


def text_of(synset: str) -> str:
    """What a sense is compared by: its name, what it is a kind of, and its definition."""
    net = wordnet()
    return f"{net.name(synset)}, {kind(synset)}: {net.gloss(synset)}"


def kind(synset: str) -> str:
    """What a synset is a kind of, in words: "wading bird" for the crane that flies."""
    net = wordnet()
    above = net.hypernyms(synset)
    return net.name(above[0]) if above else net.name(synset)


def evidence(senses: Floats, contexts: Floats) -> Floats:
    """float32[images, senses]: cosine of each sense (``text_of``, [senses, d]) with what else is
    on each image, as the sum of its labels' vectors ([images, d], any length); 0 for an image
    with nothing else on it."""
    import numpy as np

    length = np.linalg.norm(contexts, axis=1, keepdims=True)
    unit = np.divide(contexts, length, out=np.zeros_like(contexts), where=length > 0)
    found: Floats = (unit @ senses.T).astype(np.float32)
    return found


def choose(scores: Floats, gaps: Sequence[float]) -> NDArray[np.intp]:
    """intp[images]: which sense each image shows, from ``evidence``. The first one (the smallest
    gap), unless another one fits clearly better even with what is held against rarer ones."""
    import numpy as np

    prior = np.asarray(gaps, dtype=np.float32) * _PRIOR
    first = int(np.argmin(prior))
    held = scores - prior
    best = np.argmax(held, axis=1)
    rows = np.arange(len(scores))
    clear = held[rows, best] - held[rows, first] >= _CLEAR
    return np.where(clear, best, first)


def weights(scores: Floats, gaps: Sequence[float]) -> list[float]:
    """How much of a label each sense has over all images, adding up to 1: the softmax of what
    ``choose`` compares, in units of what is clear. ``scores`` may have no rows: then WordNet's
    order alone decides."""
    import numpy as np

    prior = np.asarray(gaps, dtype=np.float64) * _PRIOR
    held = (scores if len(scores) else np.zeros((1, len(gaps)))) - prior
    power = np.exp((held - held.max(axis=1, keepdims=True)) / _CLEAR)
    shares = (power / power.sum(axis=1, keepdims=True)).mean(axis=0)
    return [round(float(share), 4) for share in shares]


def chosen_reason(word: str, synset: str, other: str, here: float, there: float) -> str:
    """Why a word means one sense on its images: "crane: lifting device rather than wading bird,
    by what else is on its images (0.71 against 0.40)"; the numbers are cosines."""
    return (
        f"{word}: {kind(synset)} rather than {kind(other)}, by what else is on its images "
        f"({here:.2f} against {there:.2f})"
    )


# --- retrieval -------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def everyday() -> tuple[str, ...]:
    """Synsets to search for words that WordNet does not have, by id: what photographs show and
    texts or ImageNet use, some 7,000 of WordNet's 82,000."""
    net = wordnet()
    above = {a for synset in imagenet_classes() for a in net.ancestors(synset)}
    wanted = above | set(imagenet_classes())
    return tuple(sorted(s for s in net if net.picturable(s) and (net.uses(s) or s in wanted)))


def search_text(synset: str) -> str:
    """What a synset is searched by: its names. Short, so that all of them are embedded soon."""
    return ", ".join(wordnet().lemmas(synset)[:_NAMES])


def nearest(queries: Floats, index: Floats, n: int = 5) -> list[list[tuple[int, float]]]:
    """Of each query ([q, d], unit norm) the ``n`` rows of the index ([m, d], unit norm) with the
    largest cosine, the best first, as (row, cosine)."""
    import numpy as np

    found = []
    for query in queries:
        cosines = index @ query
        order = np.argsort(-cosines, kind="stable")[:n]
        found.append([(int(row), float(cosines[row])) for row in order])
    return found


def same_noun(text: str, near: Sequence[tuple[str, float]]) -> str | None:
    """The synset that a text means which WordNet does not have, of the nearest ones (id, cosine);
    None where none is near enough, or where the text's head says that it is something else: a
    "horse statue" is no horse."""
    net = wordnet()
    of_head = set(net.gaps(head(text)))
    for synset, cosine in near:
        if cosine < SAME:
            return None
        above = {synset, *net.ancestors(synset)}
        if not of_head or of_head & above or any(synset in net.ancestors(h) for h in of_head):
            return synset
    return None


# --- reranking -------------------------------------------------------------------------------


def rerank(
    senses: Sequence[str], vectors: Floats, context: Floats, gaps: Sequence[float]
) -> list[str]:
    """The senses by how well they fit what else is on an image, the best first. ``vectors``
    [senses, d] of ``text_of``; ``context`` [d], the sum of the other labels' vectors."""
    held = evidence(vectors, context[None])[0] - [gap * _PRIOR for gap in gaps]
    return [senses[i] for i in sorted(range(len(senses)), key=lambda i: -float(held[i]))]


def rerank_with(
    model: Scorer, text: str, senses: Sequence[str], context: Sequence[str]
) -> list[tuple[str, float]]:
    """The senses with their probabilities by a language model, the best first; they add up to 1.

    ``context``: other labels on the image. The model scores each definition as the end of a
    sentence; scores are summed over tokens, so they are set against the length of the definition.
    Raises what the model raises, and ValueError without senses.
    """
    if not senses:
        raise ValueError("no senses to choose from")
    net = wordnet()
    shown = f"A photograph shows {', '.join(context)} and {text}. " if context else ""
    prompt = f"{shown}In this photograph, the word {text} means:"
    endings = [f" {kind(synset)}, {net.gloss(synset)}" for synset in senses]
    scores = [float(one) for one in model.score(prompt, endings)]
    means = [s / max(1, len(e.split())) for s, e in zip(scores, endings, strict=True)]
    most = max(means)
    power = [math.exp(mean - most) for mean in means]
    found = [(synset, one / sum(power)) for synset, one in zip(senses, power, strict=True)]
    return sorted(found, key=lambda one: -one[1])
