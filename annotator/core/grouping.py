"""Which words of a vocabulary are synonyms, by WordNet, vectors and spelling.

Pure functions over words and unit vectors; what they find are suggestions. See ``grouping_pairs``
for how two words are weighed and ``grouping_parents`` for what belongs below what.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from annotator.core.grouping_pairs import NAMESAKES, Floats, Pairs, Word
from annotator.core.wordnet import WordNet, wordnet

__all__ = ["Link", "Word", "groups", "head_first", "links", "merges", "word"]

#: Confidence from which two words are shown as one. On the lists that the weights were fitted on
#: groups are best here, by pairwise F1, and as good from 0.4 to 0.6.
CONFIDENT = 0.5
#: Below this a link says nothing, also not about the group it would be in.
_FAINT = 0.01


@dataclass(frozen=True, slots=True)
class Link:
    """Two words, by their places in the list. Undirected from ``links`` (source < target);
    from ``merges`` and ``parents`` the source is to be merged into, or put below, the target.
    ``confidence`` in [0, 1], ``reason`` for a person."""

    source: int
    target: int
    confidence: float
    reason: str


def word(text: str, weight: float = 1.0, *, accepted: bool = False) -> Word:
    """A word of which nothing but its text is known: WordNet's senses of it, best first."""
    return Word(text, wordnet().synsets(text), weight, accepted=accepted)


def links(
    words: Sequence[Word],
    vectors: Floats,
    *,
    apart: Callable[[int, int], bool] | None = None,
    known: WordNet | None = None,
) -> list[Link]:
    """Pairs of words that may be synonyms, by place in the list. ``vectors`` float32[n, d], unit
    norm. ``apart(a, b)``: they must not be one, whatever speaks for it. Raises ValueError when
    there is not one vector for each word."""
    if len(words) != len(vectors):
        raise ValueError(f"{len(vectors)} vectors for {len(words)} words")
    known = known or wordnet()
    pairs = Pairs(words, vectors, known)
    found = []
    for a, b in pairs.candidates():
        if apart is not None and apart(a, b):
            continue
        evidence = pairs.evidence(a, b)
        if evidence is None and (name := pairs.namesakes(a, b)) is not None:
            reason = f"both are called {name} and are much alike, though WordNet tells them apart"
            found.append(Link(a, b, NAMESAKES, reason))
        if evidence is None or evidence.confidence < _FAINT:
            continue
        reason = evidence.reason(known) if evidence.confidence >= 0.1 else ""
        found.append(Link(a, b, evidence.confidence, reason))
    return found


def groups(
    words: Sequence[Word],
    found: Sequence[Link],
    *,
    minimum: float = CONFIDENT,
    apart: Callable[[int, int], bool] | None = None,
) -> list[list[int]]:
    """Groups of two words or more, each with its head first, in order of their heads.

    The surest link joins first, and goes on while the mean confidence between all words of two
    groups is at least ``minimum`` (average linkage), so a group stays tight: "ball", "globe" and
    "earth" do not become one because each is a synonym of the next. Words for which ``apart``
    says so never meet in a group. The result depends on the words and not on their order.
    """
    order = sorted(range(len(words)), key=lambda i: (words[i].text, words[i].senses, i))
    place = {i: at for at, i in enumerate(order)}
    linkage = _Linkage(len(words))
    for link in found:
        linkage.add(place[link.source], place[link.target], link.confidence)

    def kept_apart(one: Sequence[int], other: Sequence[int]) -> bool:
        return apart is not None and any(apart(order[a], order[b]) for a in one for b in other)

    made = linkage.joined(minimum, kept_apart)
    result = [head_first(words, [order[at] for at in members]) for members in made]
    return sorted(result, key=lambda group: _strength(words, group[0]))


def head_first(words: Sequence[Word], members: Sequence[int]) -> list[int]:
    """The members, best head first: what a person accepted, then the strongest, then by text."""
    return sorted(members, key=lambda i: _strength(words, i))


def _strength(words: Sequence[Word], i: int) -> tuple[bool, float, int, str, int]:
    one = words[i]
    return not one.accepted, -one.weight, len(one.text.split()), one.text, i


def merges(
    words: Sequence[Word], found: Sequence[Link], made: Sequence[Sequence[int]]
) -> list[Link]:
    """A merge of every member of a group into the group's head. Its confidence is that of the
    two words, or that of the word with the whole group where it is larger."""
    between = {(link.source, link.target): link for link in found}

    def link(a: int, b: int) -> Link:
        return between.get((min(a, b), max(a, b)), Link(a, b, 0.0, ""))

    result = []
    for group in made:
        for member in group[1:]:
            others = [link(member, other) for other in group if other != member]
            direct = others[0]
            mean = sum(one.confidence for one in others) / len(others)
            if direct.confidence >= mean and direct.reason:
                result.append(Link(member, group[0], direct.confidence, direct.reason))
                continue
            best = max(others, key=lambda one: one.confidence)
            via = words[best.target if best.source == member else best.source].text
            why = (
                f"in one group through {via}: {best.reason}" if via != words[group[0]].text else ""
            )
            result.append(Link(member, group[0], mean, why or best.reason))
    return result


class _Linkage:
    """Average linkage over few links: those that are not there count as 0."""

    def __init__(self, count: int) -> None:
        self._members = [[i] for i in range(count)]
        #: Sum of the confidences between two groups, both ways.
        self._sums: list[dict[int, float]] = [{} for _ in range(count)]

    def add(self, a: int, b: int, confidence: float) -> None:
        self._sums[a][b] = self._sums[b][a] = confidence

    def joined(
        self, minimum: float, apart: Callable[[Sequence[int], Sequence[int]], bool]
    ) -> list[list[int]]:
        """Groups of two or more."""
        queue = [self._entry(a, b) for a, sums in enumerate(self._sums) for b in sums if a < b]
        queue = [entry for entry in queue if -entry[0] >= minimum]
        heapq.heapify(queue)
        while queue:
            _, a, b, size_a, size_b = heapq.heappop(queue)
            if (len(self._members[a]), len(self._members[b])) != (size_a, size_b):
                continue
            if apart(self._members[a], self._members[b]):
                del self._sums[a][b], self._sums[b][a]
                continue
            self._join(a, b)
            for c in self._sums[a]:
                entry = self._entry(min(a, c), max(a, c))
                if -entry[0] >= minimum:
                    heapq.heappush(queue, entry)
        return [members for members in self._members if len(members) > 1]

    def _entry(self, a: int, b: int) -> tuple[float, int, int, int, int]:
        sizes = len(self._members[a]), len(self._members[b])
        # Rounded, so that the order in which floats were added does not show.
        return -round(self._sums[a][b] / (sizes[0] * sizes[1]), 9), a, b, *sizes

    def _join(self, a: int, b: int) -> None:
        """b's members go to a; an empty group is gone."""
        self._members[a] += self._members[b]
        self._members[b] = []
        for c, confidence in self._sums[b].items():
            del self._sums[c][b]
            if c != a:
                self._sums[a][c] = self._sums[c][a] = self._sums[a].get(c, 0.0) + confidence
        self._sums[b] = {}
