"""The vocabulary as a tree a person can search: pure Python, built once per read, Qt-free."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from annotator.core.records import Synset

Chip = Literal["all", "to decide", "accepted", "rejected", "rare"]
CHIPS: tuple[Chip, ...] = ("all", "to decide", "accepted", "rejected", "rare")
#: A synset on this many images or fewer is rare.
RARE = 2


def in_chip(synset: Synset, chip: Chip) -> bool:
    """Whether a chip shows the synset. Inner synsets only group others, so nobody has to decide
    on them and they are never rare; once decided they count like any other."""
    if chip == "all":
        return True
    if chip == "to decide":
        return synset.verdict == "unknown" and not synset.inner
    if chip == "rare":
        return synset.support <= RARE and not synset.inner
    return synset.verdict == chip


@dataclass(frozen=True, slots=True)
class Shown:
    """What is left of a forest after a filter: the matches and the synsets above them.

    ``children`` has None for the top level; ``rows`` is each synset's place among its siblings.
    """

    children: Mapping[int | None, tuple[int, ...]]
    parents: Mapping[int, int | None]
    rows: Mapping[int, int]
    matches: frozenset[int]

    def order(self) -> Iterator[int]:
        """All shown ids from top to bottom, as if everything was expanded."""
        stack = list(reversed(self.children.get(None, ())))
        while stack:
            synset_id = stack.pop()
            yield synset_id
            stack.extend(reversed(self.children.get(synset_id, ())))


EMPTY = Shown({}, {}, {}, frozenset())


@dataclass(frozen=True, slots=True)
class Forest:
    """All synsets with their place in the tree. ``best`` is the highest score in a subtree;
    ``top`` the highest of all, for bars; ``texts`` what a search looks through, in lower case;
    ``whole`` and ``numbers`` what ``shown`` and ``counts`` give where nothing is searched."""

    synsets: Mapping[int, Synset] = field(default_factory=dict)
    parents: Mapping[int, int | None] = field(default_factory=dict)
    children: Mapping[int | None, tuple[int, ...]] = field(default_factory=dict)
    best: Mapping[int, float] = field(default_factory=dict)
    top: float = 0.0
    texts: Mapping[int, str] = field(default_factory=dict)
    whole: Shown | None = None
    numbers: Mapping[Chip, int] | None = None

    def shown(self, text: str = "", chip: Chip = "all") -> Shown:
        """The synsets that hold every word of ``text`` and belong to ``chip``, with all above."""
        words = text.casefold().split()
        if self.whole is not None and not words and chip == "all":
            return self.whole
        matches = frozenset(
            i
            for i, s in self.synsets.items()
            if in_chip(s, chip) and all(w in self.texts[i] for w in words)
        )
        keep = set(matches)
        for synset_id in matches:
            keep.update(self.above(synset_id))
        children: dict[int | None, tuple[int, ...]] = {}
        for parent, ids in self.children.items():
            if kept := tuple(i for i in ids if i in keep):
                children[parent] = kept
        rows = {i: row for ids in children.values() for row, i in enumerate(ids)}
        return Shown(children, {i: self.parents[i] for i in keep}, rows, matches)

    def counts(self, text: str = "") -> dict[Chip, int]:
        """How many synsets each chip shows; "all" counts an inner one when a person decided it."""
        words = text.casefold().split()
        if self.numbers is not None and not words:
            return dict(self.numbers)
        found = [s for i, s in self.synsets.items() if all(w in self.texts[i] for w in words)]
        counts = {chip: sum(in_chip(s, chip) for s in found) for chip in CHIPS}
        counts["all"] = sum(not s.inner or s.verdict != "unknown" for s in found)
        return counts

    def above(self, synset_id: int) -> list[int]:
        """Ids above a synset, nearest first."""
        path: list[int] = []
        parent = self.parents.get(synset_id)
        while parent is not None:
            path.append(parent)
            parent = self.parents.get(parent)
        return path

    def below(self, synset_id: int) -> Iterator[int]:
        """Ids of everything below a synset."""
        stack = list(self.children.get(synset_id, ()))
        while stack:
            found = stack.pop()
            yield found
            stack.extend(self.children.get(found, ()))

    def path(self, synset_id: int) -> list[Synset]:
        """The synsets from the top of the tree down to this one, itself last."""
        return [self.synsets[i] for i in (*reversed(self.above(synset_id)), synset_id)]

    def targets(self, text: str, exclude: Collection[int], near: int, n: int = 8) -> list[Synset]:
        """Synsets to merge into or move under, best guess first, for type-ahead.

        With no text: the siblings of ``near``, then its parent. With text: names that start with
        it, then lemmas, then names and lemmas with a word that starts with it, then the rest.
        """
        text = text.casefold().strip()
        if not text:
            parent = self.parents.get(near)
            ids = [i for i in self.children.get(parent, ()) if i not in exclude]
            if parent is not None and parent not in exclude:
                ids.append(parent)
            return [self.synsets[i] for i in ids[:n]]
        ranked: list[tuple[int, float, str, Synset]] = []
        for synset_id, synset in self.synsets.items():
            if synset_id in exclude:
                continue
            rank = _rank(text, synset)
            if rank is not None:
                ranked.append((rank, -self.best[synset_id], synset.name, synset))
        ranked.sort(key=lambda r: r[:3])
        return [r[3] for r in ranked[:n]]


def _rank(text: str, synset: Synset) -> int | None:
    """How well a synset answers a type-ahead: 0 is an exact name, None is no match."""
    name = synset.name.casefold()
    lemmas = [lemma.casefold() for lemma in synset.lemmas]
    if text == name:
        return 0
    if text in lemmas:
        return 1
    if name.startswith(text):
        return 2
    if any(lemma.startswith(text) for lemma in lemmas):
        return 3
    if any(f" {text}" in f" {word}" for word in (name, *lemmas)):
        return 4
    return 5 if any(text in word for word in (name, *lemmas)) else None


def grow(synsets: Sequence[Synset], words: Mapping[int, Iterable[str]] | None = None) -> Forest:
    """The forest of a vocabulary. ``words``: raw words by synset id, for the search.

    Siblings are sorted best first by the best score below them, so that a group stands where its
    strongest member would. A parent that is not in the vocabulary, or a ring of parents, counts
    as no parent: everything stays reachable.
    """
    words = words or {}
    by_id = {s.id: s for s in synsets}
    parents: dict[int, int | None] = {}
    for synset in synsets:
        parents[synset.id] = synset.parent if synset.parent in by_id else None
    _break_rings(parents)
    best = {i: s.score for i, s in by_id.items()}
    for synset_id in by_id:
        score = by_id[synset_id].score
        parent = parents[synset_id]
        while parent is not None and best[parent] < score:
            best[parent] = score
            parent = parents[parent]
    groups: dict[int | None, list[int]] = {}
    for synset_id, parent in parents.items():
        groups.setdefault(parent, []).append(synset_id)
    for ids in groups.values():
        ids.sort(key=lambda i: (-best[i], -by_id[i].subtree_support, by_id[i].name, i))
    texts = {
        i: "\n".join((s.name, *s.lemmas, s.wordnet_id or "", *words.get(i, ()))).casefold()
        for i, s in by_id.items()
    }
    top = max((s.score for s in synsets), default=0.0)
    children = {parent: tuple(ids) for parent, ids in groups.items()}
    forest = Forest(by_id, parents, children, best, top, texts)
    # Here and not when it is asked for: this runs on a worker.
    return replace(forest, whole=forest.shown(), numbers=forest.counts())


def _break_rings(parents: dict[int, int | None]) -> None:
    """Cut every ring of parents at one place, in time linear in the number of synsets."""
    safe: set[int] = set()
    for start in parents:
        trail: dict[int, None] = {}
        at: int | None = start
        while at is not None and at not in safe:
            if at in trail:
                parents[at] = None
                break
            trail[at] = None
            at = parents[at]
        safe.update(trail)
