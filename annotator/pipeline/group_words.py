"""The words of a project as grouping needs them: ranked, with their senses and vectors."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from annotator.backends.protocols import Floats, TextEmbedder
from annotator.core.grouping import Link, Word
from annotator.core.grouping_parents import Place
from annotator.core.records import Progress, SuggestionKind, Synset
from annotator.core.wordnet import wordnet
from annotator.pipeline.vectors import of_texts
from annotator.project import queries, queries_meanings, queries_pipeline
from annotator.project.project import Project
from annotator.project.queries_suggestions import Decided
from annotator.project.store import SuggestionRow
from annotator.project.words import Words, word_key

#: Names of a word that are compared with others, the ones that were said first.
_NAMES = 12


@dataclass
class Vocabulary:
    """The words that can be grouped, as a person sees them now, best first, ties by text.

    ``words``: those to find synonyms of, without what was rejected and what only groups others;
    ``synsets`` begins with them and goes on with everything else that was not rejected, which can
    be a parent. ``spoken``: what each synset is compared as, which is a text that was said for it
    rather than its name in WordNet ("trash bin", not "ashcan"). ``fixed``: ids that a person put
    where they are.
    """

    words: list[Word] = field(default_factory=list)
    synsets: list[Synset] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    fixed: frozenset[int] = frozenset()
    _above: dict[int, int | None] = field(default_factory=dict)
    _rejected: frozenset[tuple[str, int, int]] = frozenset()

    def is_below(self, low: int, high: int) -> bool:
        """Whether one word is somewhere below another in the tree, by place in ``synsets``."""
        target = self.synsets[high].id
        at = self._above.get(self.synsets[low].id)
        while at is not None:
            if at == target:
                return True
            at = self._above.get(at)
        return False

    def apart(self, a: int, b: int) -> bool:
        """Whether two words cannot be merged: one is below the other, or a person said no."""
        ids = sorted((self.synsets[a].id, self.synsets[b].id))
        return (
            ("merge", ids[0], ids[1]) in self._rejected
            or self.is_below(a, b)
            or self.is_below(b, a)
        )

    def movable(self, child: int, parent: int) -> bool:
        """Whether a parent can be suggested: for a word to group that no person put where it is,
        that is neither above nor below the parent, and not where a person said no."""
        one, other = self.synsets[child].id, self.synsets[parent].id
        return (
            child < len(self.words)
            and child != parent
            and one not in self.fixed
            and ("parent", one, other) not in self._rejected
            and not self.is_below(child, parent)
            and not self.is_below(parent, child)
        )

    def row(self, kind: SuggestionKind, link: Link) -> SuggestionRow:
        """The suggestion of a link between places of ``synsets``."""
        source, target = self.synsets[link.source].id, self.synsets[link.target].id
        return SuggestionRow(kind, source, target, link.confidence, link.reason)

    def places(self) -> list[Place]:
        """Every synset with its place in the tree."""
        at = {synset.id: i for i, synset in enumerate(self.synsets)}
        return [
            Place(
                one.name,
                one.lemmas,
                one.wordnet_id,
                None if one.parent is None else at.get(one.parent),
            )
            for one in self.synsets
        ]


@dataclass
class Found:
    """What a method found: ``rows`` to suggest, and of a language model how many labels it made
    up (``dropped``), left alone (``singletons``), how often it was asked again (``repairs``) and
    how many labels were grouped without it (``fallbacks``)."""

    rows: list[SuggestionRow] = field(default_factory=list)
    dropped: int = 0
    singletons: int = 0
    repairs: int = 0
    fallbacks: int = 0


def read(project: Project, limit: int | None = None) -> Vocabulary:
    """The vocabulary of a project; of the words to group only the first ``limit``."""
    with project.read() as db:
        listed = queries.vocabulary(db)
        words = Words(db)
        labels = queries_pipeline.label_rows(db)
        _, weights = queries_meanings.senses(db)
        decided = Decided(db, words)
    usable = [one for one in listed if one.verdict != "rejected"]
    # Not by id: that depends on which image brought a word first.
    usable.sort(key=lambda one: (one.inner, -one.score, -one.support, one.name, one.id))
    chosen = [one for one in usable if not one.inner][:limit]
    taken = {one.id for one in chosen}
    texts: dict[int, dict[str, Mapping[str, float]]] = {}
    named: set[int] = set()
    for label in labels:
        if label.synset_id is None or label.synset_id not in words.entries:
            continue
        root = words.root(label.synset_id)
        if label.wordnet_id is not None:
            named.add(root)
        else:
            texts.setdefault(root, {})[label.text] = weights.get(label.id, {})
    rejected = [key for key in decided.rows if decided.of(*key) == "rejected"]
    ranked = chosen + [one for one in usable if one.id not in taken]
    # The shortest first: it says the thing and nothing about it.
    said = [
        dict(sorted(texts.get(one.id, {}).items(), key=lambda item: (len(item[0]), item[0])))
        for one in ranked
    ]
    return Vocabulary(
        [_word(one, said[i], one.id in named) for i, one in enumerate(chosen)],
        ranked,
        [_spoken(one, said[i]) for i, one in enumerate(ranked)],
        frozenset(root for root in words.members if words.entries[root].parent_by_person),
        words.parents,
        frozenset(_resolved(words, *key) for key in rejected),
    )


def _spoken(synset: Synset, texts: Collection[str]) -> str:
    keys = [word_key(text) for text in texts]
    return next(iter(texts)) if keys and word_key(synset.name) not in keys else synset.name


def _resolved(words: Words, kind: str, source: int, target: int) -> tuple[str, int, int]:
    one, other = words.root(source), words.root(target)
    return (kind, min(one, other), max(one, other)) if kind == "merge" else (kind, one, other)


def _word(synset: Synset, texts: Mapping[str, Mapping[str, float]], named: bool) -> Word:
    """``texts``: what was said for it, each with the senses that the images give it and their
    weights. ``named``: a model named the synset itself. Then it means that; so it does when a
    person chose it. What a machine took a text for may be wrong: its other senses stay open."""
    net = wordnet()
    first = [synset.wordnet_id] if synset.wordnet_id in net and synset.wordnet_id else []
    certain = bool(first) and (named or synset.source == "person" or not texts)
    senses = list(first)
    if not certain:
        for text, weights in (texts or {synset.name: {}}).items():
            likely = sorted(weights, key=lambda sense: (-weights[sense], sense))
            senses += [one for one in (*likely, *net.synsets(text)) if one not in senses]
    return Word(
        synset.name,
        tuple(senses),
        # What is on more images is stronger; the score, which is smaller, decides between equals.
        synset.support + 1.0 - 1.0 / (1.0 + max(synset.score, 0.0)),
        certain,
        synset.verdict == "accepted",
        tuple(dict.fromkeys([*texts, *synset.lemmas]))[:_NAMES],
    )


def vectors(
    project: Project, embedder: TextEmbedder | None, texts: Sequence[str]
) -> Generator[Progress, None, Floats]:
    """Returns the vectors of the texts, float32[n, d] of unit norm, kept in the project's cache;
    yields how far it is. Without a model all are 0, alike nothing."""
    if embedder is None or not texts:
        return np.zeros((len(texts), 1), dtype=np.float32)
    reading = of_texts(project.cache, embedder, texts)
    while True:
        try:
            yield replace(next(reading), step="group")
        except StopIteration as ended:
            made: Floats = ended.value
            return made
