"""On which image an ambiguous word means what, by what else was said of that image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np

from annotator.backends.protocols import Floats
from annotator.core import senses
from annotator.core.wordnet import wordnet

#: Images whose contexts are in memory at once.
_PAGE = 4096


@dataclass(slots=True)
class Choice:
    """What a word means. ``first``: on most of its images; ``others``: image id -> sense where it
    is another one; ``weights``: sense -> share, adding up to 1; ``reason``: why, "" when nothing
    beside it was said anywhere or WordNet's order stands."""

    first: str
    weights: dict[str, float]
    others: dict[int, str] = field(default_factory=dict)
    reason: str = ""


def choose(
    words: Mapping[str, Sequence[int]],
    said: Iterable[tuple[int, int]],
    texts: Mapping[int, str],
    named: frozenset[str],
    vector_of: Mapping[str, Floats],
) -> dict[str, Choice]:
    """The meaning of each word, by image. ``words``: word -> its labels; ``said``: (image, label),
    image after image; ``texts``: label -> its word as context; ``named``: WordNet ids that a model
    named somewhere in this folder, which are as likely as the first sense. ``vector_of``: vectors
    (float32[d], unit norm) of the context words and of ``senses.text_of`` the senses."""
    if not texts:
        return {word: without_context(word, named) for word in words}
    gaps = {word: options(word, named) for word in words}
    found = {word: _Word(list(of), list(of.values())) for word, of in gaps.items()}
    word_of = {label: word for word, labels in words.items() for label in labels}
    # In the order of the texts and not of the ids, so that sums are the same to the last digit.
    order = {text: i for i, text in enumerate(sorted(set(texts.values())))}
    place = {label: order[text] for label, text in texts.items()}
    table: Floats = np.stack([vector_of[text] for text in order])
    vectors = {
        word: np.stack([vector_of[senses.text_of(one)] for one in of]) for word, of in gaps.items()
    }
    for page in _pages(pair for pair in said if pair[1] in place):
        _add(page, found, word_of, place, table, vectors)
    return {word: one.choice(word) for word, one in found.items()}


def without_context(word: str, named: frozenset[str]) -> Choice:
    """What a word means by WordNet's order alone."""
    gaps = options(word, named)
    return _by_order(list(gaps), list(gaps.values()))


def _by_order(ids: Sequence[str], gaps: Sequence[float]) -> Choice:
    shares = senses.weights(np.zeros((0, len(gaps)), np.float32), gaps)
    return Choice(ids[0], dict(zip(ids, shares, strict=True)))


def options(word: str, named: frozenset[str]) -> dict[str, float]:
    """The senses of a word, the likeliest first, each with how far it is behind: those that a
    model named in this folder before the others of ``senses.meanings``."""
    first = {one: 0.0 for one in wordnet().synsets(word) if one in named}
    return first | {one: gap for one, gap in senses.meanings(word).items() if one not in first}


@dataclass(slots=True)
class _Word:
    """A word while its images are gone through."""

    ids: list[str]
    gaps: list[float]
    images: list[int] = field(default_factory=list)
    scores: list[Floats] = field(default_factory=list)

    def choice(self, word: str) -> Choice:
        if not self.images:
            return _by_order(self.ids, self.gaps)
        scores = np.concatenate(self.scores)
        chosen = senses.choose(scores, self.gaps)
        votes = np.bincount(chosen, minlength=len(self.ids))
        first = int(np.argmax(votes))  # of equal ones the likelier
        shares = senses.weights(scores, self.gaps)
        others = {
            image: self.ids[sense]
            for image, sense in zip(self.images, chosen.tolist(), strict=True)
            if sense != first
        }
        means = scores[chosen == first].mean(axis=0)
        second = max((i for i in range(len(self.ids)) if i != first), key=lambda i: float(means[i]))
        reason = ""
        if means[first] > means[second]:
            reason = senses.chosen_reason(
                word, self.ids[first], self.ids[second], float(means[first]), float(means[second])
            )
        return Choice(self.ids[first], dict(zip(self.ids, shares, strict=True)), others, reason)


def _pages(said: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, list[int]]]]:
    page: list[tuple[int, list[int]]] = []
    for image, pairs in groupby(said, key=lambda pair: pair[0]):
        page.append((image, [label for _, label in pairs]))
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


def _add(
    page: Sequence[tuple[int, list[int]]],
    found: Mapping[str, _Word],
    word_of: Mapping[int, str],
    place: Mapping[int, int],
    table: Floats,
    vectors: Mapping[str, Floats],
) -> None:
    """The evidence of these images for each of the words that is on them."""
    rows: dict[str, list[int]] = {}
    own: dict[str, list[tuple[int, int]]] = {}
    places: list[int] = []
    starts: list[int] = []
    for row, (_, labels) in enumerate(page):
        starts.append(len(places))
        places += sorted({place[label] for label in labels})
        for word, label in sorted({(word_of[x], place[x]) for x in labels if x in word_of}):
            at = rows.setdefault(word, [])
            if not at or at[-1] != row:
                at.append(row)
            own.setdefault(word, []).append((len(at) - 1, label))
    sums = np.add.reduceat(table[places], starts, axis=0)
    for word, at in rows.items():
        context = sums[at]
        mine = np.array(own[word])
        if len(mine) == len(at):
            context -= table[mine[:, 1]]
        else:
            np.subtract.at(context, mine[:, 0], table[mine[:, 1]])
        # What is left of sums that cancel is noise.
        beside = np.linalg.norm(context, axis=1) > 1e-3
        found[word].images += [page[at[i]][0] for i in np.flatnonzero(beside).tolist()]
        found[word].scores.append(senses.evidence(vectors[word], context[beside]))
