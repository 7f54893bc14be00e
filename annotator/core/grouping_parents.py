"""What belongs below what, for words that WordNet does not place: "dining room table" below
table, by the noun it ends with; else by what its nearest words are kinds of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from annotator.core.attributes import reason, split
from annotator.core.grouping import Link
from annotator.core.grouping_pairs import Floats
from annotator.core.vocabulary import normalise
from annotator.core.wordnet import WordNet, wordnet

#: How sure a parent is that is the word without what describes it: "wooden bench", bench.
_DESCRIBED = 0.9
#: Share of WordNet's own compounds of artifacts whose last noun has a sense above them (0.73)
#: and whose last noun's likeliest sense is above them (0.50); in a vocabulary the word that is
#: there is mostly meant as it is in the compound.
_HEAD_THERE = 0.73
_HEAD_IN_WORDNET = 0.5
#: Neighbours that are asked what they are kinds of, and what they must agree on.
_NEIGHBOURS = 5
_NEAR = 0.5
_AGREE = 0.6


@dataclass(frozen=True, slots=True)
class Place:
    """A word in its tree. ``above``: place in the list of its parent, None at the top. ``names``:
    all it is called. ``wordnet_id``: where WordNet places it, None where it does not."""

    text: str
    names: tuple[str, ...] = ()
    wordnet_id: str | None = None
    above: int | None = None


def parents(
    places: Sequence[Place], vectors: Floats, *, minimum: float = 0.5, known: WordNet | None = None
) -> list[Link]:
    """A parent for each word at the top that WordNet does not place, where one is found that is
    at least ``minimum`` sure. ``vectors`` float32[n, d] of unit norm, in their order. No link
    closes a circle. Raises ValueError when there is not one vector for each word."""
    if len(places) != len(vectors):
        raise ValueError(f"{len(vectors)} vectors for {len(places)} words")
    return list(_Placing(places, vectors, known or wordnet()).links(minimum))


@dataclass
class _Placing:
    places: Sequence[Place]
    vectors: Floats
    known: WordNet
    _named: dict[str, int] = field(default_factory=dict)
    _placed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._above = [place.above for place in self.places]
        # The name a person sees counts before other names, the first of the list before the rest.
        for which in (lambda p: (p.text,), lambda p: p.names):
            for i, place in enumerate(self.places):
                for name in which(place):
                    self._named.setdefault(normalise(name), i)
        for i, place in enumerate(self.places):
            if place.wordnet_id is not None:
                self._placed.setdefault(place.wordnet_id, i)

    def links(self, minimum: float) -> Iterator[Link]:
        lost = [
            i
            for i, place in enumerate(self.places)
            if place.wordnet_id is None and place.above is None
        ]
        near = self._near(lost)
        for i in lost:
            found = self._by_head(i) or self._by_neighbours(i, near[i])
            if found is not None and found.confidence >= minimum:
                self._above[i] = found.target
                yield found

    def _by_head(self, i: int) -> Link | None:
        """The thing described, else the longest end of the phrase that means something."""
        text = self.places[i].text
        head, described = split(text)
        if described:
            found = self._there(i, head)
            if found is not None:
                return Link(i, found, _DESCRIBED, reason(text, head, described))
        words = head.split(" ")
        for start in range(0 if described else 1, len(words)):
            end = " ".join(words[start:])
            found = self._there(i, end)
            if found is not None:
                return Link(i, found, _HEAD_THERE, f"the noun that {text} ends with")
            senses = self.known.synsets(end)
            if senses:
                return self._of_sense(i, end, senses[0])
        return None

    def _there(self, i: int, name: str) -> int | None:
        """The word of that name, unless it is the word itself or below it."""
        found = self._named.get(name)
        return found if found is not None and not self._closes(i, found) else None

    def _of_sense(self, i: int, end: str, sense: str) -> Link | None:
        """Below the nearest word of the vocabulary that is what the end of the phrase means."""
        for above in (sense, *self.known.ancestors(sense)):
            found = self._placed.get(above)
            if found is not None and not self._closes(i, found):
                kind = self.places[found].text
                why = f"{self.places[i].text} ends with {end}, to WordNet a kind of {kind}"
                return Link(i, found, _HEAD_IN_WORDNET, why)
        return None

    def _by_neighbours(self, i: int, near: Sequence[tuple[int, float]]) -> Link | None:
        """What most of its nearest words are below, the nearest such thing."""
        near = [(j, cosine) for j, cosine in near if self._above[j] is not None]
        if len(near) < 2:
            return None
        total = sum(cosine for _, cosine in near)
        votes: dict[int, float] = {}
        steps: dict[int, int] = {}
        for j, cosine in near:
            for step, above in enumerate(self._line(j)):
                votes[above] = votes.get(above, 0.0) + cosine
                steps[above] = max(steps.get(above, 0), step)
        agreed = [a for a in votes if votes[a] >= _AGREE * total and not self._closes(i, a)]
        if not agreed:
            return None
        best = min(agreed, key=lambda a: (steps[a], -votes[a], self.places[a].text))
        voters = [j for j, _ in near if best in self._line(j)]
        if len(voters) < 2:
            return None
        names = [self.places[j].text for j in voters[:3]]
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        sure = votes[best] / len(near)
        why = f"used like {listed}, which are below {self.places[best].text}"
        return Link(i, best, round(min(sure, 1.0), 6), why)

    def _near(self, lost: Sequence[int]) -> dict[int, list[tuple[int, float]]]:
        """The nearest words of each of these, by vector."""
        found: dict[int, list[tuple[int, float]]] = {}
        for start in range(0, len(lost), 512):
            rows = list(lost[start : start + 512])
            cosines = self.vectors[rows] @ self.vectors.T
            cosines[np.arange(len(rows)), rows] = -2.0
            take = min(_NEIGHBOURS, len(self.places))
            best = np.argpartition(-cosines, take - 1, axis=1)[:, :take]
            for i, row, ids in zip(rows, cosines, best.tolist(), strict=True):
                close = [(j, float(row[j])) for j in ids if row[j] >= _NEAR]
                found[i] = sorted(close, key=lambda one: (-one[1], self.places[one[0]].text))
        return found

    def _line(self, i: int) -> list[int]:
        """Everything above a word, nearest first."""
        line: list[int] = []
        at = self._above[i]
        while at is not None and at not in line:
            line.append(at)
            at = self._above[at]
        return line

    def _closes(self, i: int, target: int) -> bool:
        return target == i or i in self._line(target)
