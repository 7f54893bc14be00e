"""A direction in the classifier's feature space for any tag, also one it has no class for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from annotator.backends.protocols import Floats, TagText, TextEmbedder
from annotator.core.wordnet import WordNet, imagenet_classes, wordnet

#: How many classes a tag outside the 1,000 is built from, at most.
NEIGHBOURS = 5
#: Part of WordNet in the similarity of a tag to a class; the rest is MiniLM's.
WORDNET_PART = 0.5
#: How fast the weight falls with the similarity (in units of similarity).
TEMPERATURE = 0.05
#: How much longer the contrast of all classes is than the mean of the nearest, and the power of a
#: class's similarity in it.
CONTRAST, POWER = 2.0, 2.0


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """``index`` in the classifier's output, WordNet id ("n02123045"), name and lemmas."""

    index: int
    wordnet_id: str
    name: str
    lemmas: tuple[str, ...]


@lru_cache(maxsize=1)
def classes() -> tuple[ImageNetClass, ...]:
    """The 1,000 ImageNet classes in the order of the classifier's output."""
    net = wordnet()
    return tuple(
        ImageNetClass(i, wnid, net.name(wnid), net.lemmas(wnid))
        for i, wnid in enumerate(imagenet_classes())
    )


class ClassRows:
    """Rows of the classifier for tags.

    The mean row is taken from all rows before they are brought to unit length: what all classes
    share says nothing about where one of them is.

    - A tag whose WordNet id is one of the 1,000 classes: that class's row.
    - A synset above classes (dog): the mean of the rows of the classes below it, equal weights.
    - Any other tag: the 5 most similar classes, weighted by exp((s - s_best) / 0.05), at unit
      length, and twice the contrast of all classes, at unit length: each class weighted by
      sign(d) * d^2, d = s - mean of s, so that what is unlike the tag speaks against a pixel. It
      is what finds a sky or a pavement, of which no class is a neighbour.
      s = 0.5 * WordNet similarity + 0.5 * MiniLM cosine. WordNet: information content of the most
      specific synset above both, 1 - log(classes below it) / log(all classes) (Resnik 1995,
      eq. 1, counted over the classes, so that the few people count more than the many living
      things); the best over the tag's synset, or over the first senses of its name and lemmas
      when it has no WordNet id, a later sense counting less. MiniLM: the best cosine between a
      name of the tag and a name of the class. Without an embedder, or for a word that WordNet
      does not know, the other part counts alone.
    """

    def __init__(self, rows: Floats, embedder: Callable[[], TextEmbedder] | None) -> None:
        centred = rows - rows.mean(axis=0, keepdims=True)
        self._rows = _unit(centred)
        self._embedder = embedder
        self._classes = classes()
        self._index = {c.wordnet_id: c.index for c in self._classes}
        self._below = _classes_below(self._classes)
        self._names: tuple[Floats, np.ndarray[tuple[int], np.dtype[np.intp]]] | None = None
        self._found: dict[TagText, list[tuple[int, float]]] = {}
        self._contrasts: dict[TagText, Floats] = {}

    def rows(self, tags: Sequence[TagText]) -> Floats:
        """float32[n, c], unit norm."""
        found = np.zeros((len(tags), self._rows.shape[1]), dtype=np.float32)
        for i, tag in enumerate(tags):
            for index, weight in self.weights(tag):
                found[i] += weight * self._rows[index]
            if tag in self._contrasts:
                found[i] = _unit(found[i]) + CONTRAST * self._contrasts[tag]
        return _unit(found)

    def explain(self, tag: TagText) -> list[tuple[str, float]]:
        """(class name, weight) of the nearest classes, heaviest first; the weights sum to 1."""
        return [(self._classes[i].name, weight) for i, weight in self.weights(tag)]

    def weights(self, tag: TagText) -> list[tuple[int, float]]:
        """(class index, weight) of the nearest classes, heaviest first; the weights sum to 1."""
        if tag not in self._found:
            self._found[tag] = self._weigh(tag)
        return self._found[tag]

    def _weigh(self, tag: TagText) -> list[tuple[int, float]]:
        net = wordnet()
        senses = _senses(net, tag)
        # The first sense that classes can show decides: a "dog" is the animal, a "mouse" (of
        # which no class is the animal) the one beside a computer.
        for sense, _ in senses:
            if sense in self._index:
                return [(self._index[sense], 1.0)]
            if below := self._below.get(sense):
                return [(i, 1.0 / len(below)) for i in below]
        score = self._similarity(net, tag, senses)
        unlike = score - score.mean()
        self._contrasts[tag] = _unit((np.sign(unlike) * np.abs(unlike) ** POWER) @ self._rows)
        order = np.argsort(-score, kind="stable")[:NEIGHBOURS]
        weights = np.exp((score[order] - score[order[0]]) / TEMPERATURE)
        weights /= weights.sum()
        return [(int(i), float(w)) for i, w in zip(order, weights, strict=True)]

    def _similarity(self, net: WordNet, tag: TagText, senses: list[tuple[str, float]]) -> Floats:
        """float32[classes]."""
        by_synset = np.zeros(len(self._classes), dtype=np.float32)
        for sense, share in senses:
            for above in net.ancestors(sense):
                if below := self._below.get(above):
                    specific = 1.0 - np.log(len(below)) / np.log(len(self._classes))
                    by_synset[below] = np.maximum(by_synset[below], share * specific)
        if self._embedder is None:
            return by_synset
        by_text = self._text_similarity(self._embedder(), tag)
        if not senses:
            return by_text
        return WORDNET_PART * by_synset + (1 - WORDNET_PART) * by_text

    def _text_similarity(self, embedder: TextEmbedder, tag: TagText) -> Floats:
        if self._names is None:
            pairs = [(name, c.index) for c in self._classes for name in (c.name, *c.lemmas)]
            pairs = list(dict.fromkeys(pairs))
            vectors = embedder.embed([name for name, _ in pairs])
            self._names = vectors, np.asarray([index for _, index in pairs], dtype=np.intp)
        vectors, owners = self._names
        wanted = embedder.embed(list(dict.fromkeys((tag.name, *tag.lemmas))))
        nearest = (vectors @ wanted.T).max(axis=1)
        best = np.full(len(self._classes), -1.0, dtype=np.float32)
        np.maximum.at(best, owners, nearest)
        return best


def _senses(net: WordNet, tag: TagText) -> list[tuple[str, float]]:
    """(WordNet id, share) of what a tag can mean, likeliest first: 1, 0.9, 0.8 by sense."""
    if tag.wordnet_id is not None and tag.wordnet_id in net:
        return [(tag.wordnet_id, 1.0)]
    senses: dict[str, float] = {}
    for word in (tag.name, *tag.lemmas):
        for rank, sense in enumerate(net.synsets(word)[:3]):
            senses[sense] = max(senses.get(sense, 0.0), 1.0 - 0.1 * rank)
    return sorted(senses.items(), key=lambda item: -item[1])


def _classes_below(known: Sequence[ImageNetClass]) -> dict[str, list[int]]:
    """Every synset above a class -> indices of the classes below it."""
    net = wordnet()
    below: dict[str, list[int]] = {}
    for c in known:
        for synset in net.ancestors(c.wordnet_id):
            below.setdefault(synset, []).append(c.index)
    return below


def _unit(vectors: Floats) -> Floats:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
