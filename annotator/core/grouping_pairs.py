"""Are two words names of one thing? What speaks for it, and how likely that makes it.

Evidence of four kinds is weighed: the synsets that WordNet lists both words in, how alike their
vectors are, how they are spelled, and what WordNet says against it (it knows both words and tells
them apart). The weights are those of a logistic regression, see ``WEIGHTS``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from annotator.core.grouping_spelling import Spelled, compare, squashed, stems
from annotator.core.wordnet import WordNet

Floats = NDArray[np.float32]

#: Nearest neighbours of each word, by vector, that are looked at.
NEIGHBOURS = 10
#: Rows of the similarity matrix that are in memory at once.
_BLOCK = 512
#: Cosine from which two neighbours are looked at at all.
_LOOKED_AT = 0.45
#: Letters of a definition that a reason quotes.
_QUOTED = 60

#: Log-odds of each piece of evidence (see ``Evidence``), fitted on the names of ImageNet-1k's
#: synsets and of LVIS's categories with their synonyms, each list shuffled into single words; a
#: true pair counts twice, since a synonym that nobody shows a person costs more than one they
#: turn down. ``tests/benchmarks/bench_grouping.py --fit`` makes them; it tests on another list.
WEIGHTS: Mapping[str, float] = {
    "bias": -6.34,
    "shared": 2.18,
    "rank": 3.89,
    "coverage": 4.67,
    "margin": 0.35,
    "shared_head": -1.52,
    "unknown": 2.37,
    "cosine": 2.40,
    "nearness": 2.29,
    "mutual": 1.34,
    "forms": 0.42,
    "aligned": 2.15,
    "begins": -0.58,
    "related": -1.54,
}
#: Two spellings of one string are one word, whatever else speaks against it.
_SAME = 0.97
#: Synsets that WordNet tells apart and gives one name (missile, the rocket, and missile, the
#: projectile) may be one on photographs when they are this much alike, by WordNet's tree and by
#: vectors; of ImageNet's about half of these are, so that is how sure it is.
_KIN, _NEAR_NAMESAKES, NAMESAKES = 0.66, 0.6, 0.5


@dataclass(frozen=True, slots=True)
class Word:
    """A word to group. ``senses``: WordNet synsets that it can mean, the likeliest first, none
    where WordNet does not know it; ``certain``: it means the first one and no other. ``names``:
    what else it is called. ``weight``: how strong it is in the dataset (images, or any score), for
    the choice of a group's head; ``accepted``: a person accepted it, so it heads its group."""

    text: str
    senses: tuple[str, ...] = ()
    weight: float = 1.0
    certain: bool = False
    accepted: bool = False
    names: tuple[str, ...] = ()

    @property
    def meant(self) -> tuple[str, ...]:
        return self.senses[:1] if self.certain else self.senses


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of two words. All but the log-odds ``margin`` are in [0, 1], ``nearness`` and
    ``cosine`` in [-1, 1].

    ``shared``: WordNet lists both in a synset; ``rank``: 1 / (place of that sense among the
    word's senses), for both words multiplied; ``coverage``: share of that synset's names that are
    in the list; ``margin``: how much better the list supports that synset than another sense of
    the word that has least for it; ``shared_head``: one ends with the other ("mirror ball",
    "ball") though they share a synset. Of words that share none: ``unknown``: WordNet does not
    know one of them; ``cosine`` of their vectors; ``related``: WordNet's similarity of what they
    mean. Of all: ``nearness``: their cosine above what is usual among the neighbours of both
    (as in cross-domain similarity local scaling, Conneau et al. 2018, eq. 7); ``mutual``: nearest
    to each other; ``forms``: the same words in other forms or another order; ``aligned``: word by
    word the same or synonyms ("trash can", "garbage can"); ``begins``: one begins with the other.
    """

    shared: float = 0.0
    rank: float = 0.0
    coverage: float = 0.0
    margin: float = 0.0
    shared_head: float = 0.0
    unknown: float = 0.0
    cosine: float = 0.0
    related: float = 0.0
    nearness: float = 0.0
    mutual: float = 0.0
    forms: float = 0.0
    aligned: float = 0.0
    begins: float = 0.0
    #: Not weighed: what reasons are made of.
    same: bool = False
    synset: str = ""
    likeness: float = 0.0
    swapped: tuple[tuple[str, str], ...] = ()

    @property
    def confidence(self) -> float:
        """How likely the two are one, in [0, 1]."""
        odds = WEIGHTS["bias"] + sum(
            weight * float(getattr(self, name))
            for name, weight in WEIGHTS.items()
            if name != "bias"
        )
        sure = 1.0 / (1.0 + math.exp(-odds))
        return max(sure, _SAME) if self.same else sure

    def reason(self, known: WordNet) -> str:
        """Why, for a person."""
        parts = []
        if self.same:
            parts.append("the same word, written differently")
        elif self.forms:
            parts.append("the same words in another form or order")
        if self.synset:
            gloss = known.gloss(self.synset)
            short = gloss if len(gloss) <= _QUOTED else gloss[:_QUOTED].rsplit(" ", 1)[0] + " ..."
            parts.append(f"both are names of WordNet's {known.name(self.synset)} ({short})")
        if self.swapped and not self.forms:
            parts.append(" and ".join(f"{a} is a synonym of {b}" for a, b in self.swapped))
        if not parts or self.likeness >= 0.6:
            nearest = ", nearest to each other" if self.mutual else ""
            parts.append(f"used alike ({self.likeness:.2f}{nearest})")
        return "; ".join(parts)


@dataclass
class Pairs:
    """All that is worth weighing of a list of words; ``vectors`` float32[n, d] of unit norm, in
    their order. Depends on the words and not on their order, but for words with one text."""

    words: Sequence[Word]
    vectors: Floats
    known: WordNet
    #: synset -> word -> place of the synset among the word's senses
    _by_sense: dict[str, dict[int, int]] = field(default_factory=dict)
    _support: dict[str, float] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for i, word in enumerate(self.words):
            for place, synset in enumerate(word.meant):
                self._by_sense.setdefault(synset, {})[i] = place
        for synset, found in self._by_sense.items():
            self._support[synset] = sum(1.0 / (1 + place) for place in found.values())
        self._neighbours()

    def _neighbours(self) -> None:
        """The nearest words of each, in blocks, so that 10,000 words need no big matrix."""
        count = len(self.words)
        near = min(NEIGHBOURS, count - 1)
        self._near: list[list[tuple[int, float]]] = [[] for _ in range(count)]
        self._usual = np.zeros(count, dtype=np.float64)
        if near < 1:
            return
        for start in range(0, count, _BLOCK):
            block = self.vectors[start : start + _BLOCK] @ self.vectors.T
            block[np.arange(len(block)), np.arange(start, start + len(block))] = -2.0
            best = np.argpartition(-block, near - 1, axis=1)[:, :near]
            values = np.take_along_axis(block, best, axis=1)
            self._usual[start : start + len(block)] = values.mean(axis=1)
            for row, (ids, cosines) in enumerate(zip(best.tolist(), values.tolist(), strict=True)):
                # Ties by text, so that the order of the list does not show.
                found = sorted(
                    zip(ids, cosines, strict=True),
                    key=lambda one: (-one[1], self.words[one[0]].text),
                )
                self._near[start + row] = found

    def candidates(self) -> list[tuple[int, int]]:
        """Pairs (a < b) that anything speaks for, in order: a shared synset, near vectors, or the
        same letters."""
        found: set[tuple[int, int]] = set()
        for members in self._by_sense.values():
            found.update(_within(sorted(members)))
        for i, near in enumerate(self._near):
            found.update((min(i, j), max(i, j)) for j, cosine in near if cosine >= _LOOKED_AT)
        by_form: dict[str, list[int]] = {}
        for i, word in enumerate(self.words):
            texts = (word.text, *word.names)
            forms = {form for t in texts for form in (squashed(t), " ".join(stems(t)))}
            for form in forms - {""}:
                by_form.setdefault(form, []).append(i)
        for members_of in by_form.values():
            found.update(_within(members_of))
        return sorted(found)

    def evidence(self, a: int, b: int) -> Evidence | None:
        """What is known of two words; None when WordNet rules out that they are one: it is
        certain that they mean different synsets, or one is a kind of the other (a wooden bench
        too is a kind of bench)."""
        one, other = self.words[a], self.words[b]
        if one.certain and other.certain and one.meant != other.meant:
            return None
        synset = self._shared(a, b)
        if not synset and self._kinds(one, other):
            return None
        cosine = float(self.vectors[a] @ self.vectors[b])
        spelled = self._compared(one, other)
        if spelled.described:
            return None
        return Evidence(
            **(self._of_synset(a, b, synset) if synset else self._of_strangers(one, other, cosine)),
            shared_head=float(bool(synset) and spelled.ends),
            nearness=cosine - float(self._usual[a] + self._usual[b]) / 2,
            mutual=float(self._nearest(a) == b and self._nearest(b) == a),
            forms=float(spelled.same or spelled.turned),
            aligned=float(spelled.swapped is not None),
            begins=float(spelled.begins),
            same=spelled.same,
            synset=synset,
            likeness=cosine,
            swapped=spelled.swapped or (),
        )

    def namesakes(self, a: int, b: int) -> str | None:
        """The name that two words share though they surely mean different synsets, which are
        much alike; None for all others."""
        one, other = self.words[a], self.words[b]
        if not (one.certain and other.certain and one.meant and other.meant):
            return None
        if one.meant == other.meant or self._kinds(one, other):
            return None
        if float(self.vectors[a] @ self.vectors[b]) < _NEAR_NAMESAKES:
            return None
        if _related(self.known, *sorted((one.meant[0], other.meant[0]))) < _KIN:
            return None
        mine = {squashed(name): name for name in (one.text, *one.names)}
        theirs = {squashed(name) for name in (other.text, *other.names)}
        return next((name for key, name in mine.items() if key in theirs), None)

    def _compared(self, one: Word, other: Word) -> Spelled:
        """How the two are spelled. Of a word that WordNet does not know, with all names of the
        other; what it does know can share a name and yet be another thing (crane)."""
        if one.senses and other.senses:
            return compare(one.text, other.text)
        pairs = [compare(a, b) for a in (one.text, *one.names) for b in (other.text, *other.names)]
        return max(pairs, key=lambda found: found.closeness)

    def _nearest(self, i: int) -> int:
        near = self._near[i]
        return near[0][0] if near and near[0][1] >= _LOOKED_AT else -1

    def _shared(self, a: int, b: int) -> str:
        """The synset that both words are most likely meant in, "" for none."""
        common = set(self.words[a].meant) & set(self.words[b].meant)
        return max(common, key=lambda s: (self._rank(a, b, s) + self._covered(s), s), default="")

    def _rank(self, a: int, b: int, synset: str) -> float:
        places = self._by_sense[synset]
        return 1.0 / (1 + places[a]) / (1 + places[b])

    def _covered(self, synset: str) -> float:
        if synset not in self._names:
            self._names[synset] = len({squashed(one) for one in self.known.lemmas(synset)})
        return min(1.0, len(self._by_sense[synset]) / self._names[synset])

    def _of_synset(self, a: int, b: int, synset: str) -> dict[str, float]:
        margin = min(self._margin(a, synset), self._margin(b, synset))
        return {
            "shared": 1.0,
            "rank": self._rank(a, b, synset),
            "coverage": self._covered(synset),
            "margin": margin,
        }

    def _margin(self, i: int, synset: str) -> float:
        """Support of the synset by the other words of the list, over that of the word's best
        other sense."""

        def support(sense: str) -> float:
            return self._support[sense] - 1.0 / (1 + self._by_sense[sense][i])

        others = (support(sense) for sense in self.words[i].meant if sense != synset)
        return support(synset) - max(others, default=0.0)

    def _of_strangers(self, one: Word, other: Word, cosine: float) -> dict[str, float]:
        pair = [next(filter(self.known.picturable, w.meant), None) for w in (one, other)]
        if pair[0] is None or pair[1] is None:
            return {"unknown": 1.0, "cosine": cosine}
        return {"cosine": cosine, "related": _related(self.known, *sorted((pair[0], pair[1])))}

    def _kinds(self, one: Word, other: Word) -> bool:
        """Whether WordNet says that one is a kind of the other, in the likeliest senses."""
        if not one.meant or not other.meant:
            return False
        a, b = one.meant[0], other.meant[0]
        return b in _above(self.known, a) or a in _above(self.known, b)


def _within(members: Sequence[int]) -> Iterator[tuple[int, int]]:
    """All pairs of ascending numbers."""
    for i, a in enumerate(members):
        for b in members[i + 1 :]:
            yield a, b


@lru_cache(maxsize=65536)
def _above(known: WordNet, synset: str) -> frozenset[str]:
    return frozenset(known.ancestors(synset))


@lru_cache(maxsize=65536)
def _related(known: WordNet, a: str, b: str) -> float:
    return known.similarity(a, b)
