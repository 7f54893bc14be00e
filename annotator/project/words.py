"""The vocabulary as it stands: decisions applied, merges resolved, the tree made sound.

The stored tree can have circles, because a machine may put A below B after a person put B below
A. Here they are cut, always at the same place: a machine's edge before a person's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from annotator.core.errors import AnnotatorError
from annotator.core.records import Source, Verdict
from annotator.project.sqlite import sqlite3


def word_key(text: str) -> str:
    """A word as it is compared: case, underscores, hyphens and extra spaces do not count."""
    return " ".join(text.replace("_", " ").replace("-", " ").casefold().split())


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of synsets with its decision. ``root`` is where its chain of merges ends.
    ``parent_by_person``, ``inner`` and ``decided`` are 0 or 1, as SQLite gives them."""

    id: int
    root: int
    name: str
    made_name: str
    wordnet_id: str | None
    parent: int | None
    parent_by_person: int
    verdict: Verdict
    source: Source
    inner: int
    score: float
    decided: int


class Words:
    """All synsets of a project at one moment; reads them in one query."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.entries: dict[int, Entry] = {}
        #: root -> ids of the synsets merged into it, itself first
        self.members: dict[int, list[int]] = {}
        for row in db.execute(
            "SELECT s.id, coalesce(d.root, s.id), coalesce(d.name, s.name), s.name, s.wordnet_id, "
            "CASE WHEN d.parent_set THEN d.parent ELSE s.parent END, coalesce(d.parent_set, 0), "
            "coalesce(d.verdict, 'unknown'), s.source, s.inner, s.score, d.synset_id IS NOT NULL "
            "FROM synsets s LEFT JOIN synset_decisions d ON d.synset_id = s.id ORDER BY s.id"
        ):
            entry = Entry(*row)
            self.entries[entry.id] = entry
            group = self.members.setdefault(entry.root, [])
            if entry.id == entry.root:
                group.insert(0, entry.id)
            else:
                group.append(entry.id)

    @cached_property
    def parents(self) -> dict[int, int | None]:
        """Root -> root of its parent; free of circles."""
        parents: dict[int, int | None] = {}
        for root in self.members:
            parent = self.entries[root].parent
            up = None if parent is None else self.entries[parent].root
            parents[root] = None if up == root else up
        settled: set[int] = set()
        for start in parents:
            path: list[int] = []
            at: int | None = start
            while at is not None and at not in settled:
                if at in path:
                    circle = path[path.index(at) :]
                    cut = min(circle, key=lambda id: (self.entries[id].parent_by_person, id))
                    parents[cut] = None
                    break
                path.append(at)
                at = parents[at]
            settled.update(path)
        return parents

    @cached_property
    def children(self) -> dict[int, list[int]]:
        """Root -> the roots right below it, by id; roots without any are left out."""
        children: dict[int, list[int]] = {}
        for root in sorted(self.parents):
            parent = self.parents[root]
            if parent is not None:
                children.setdefault(parent, []).append(root)
        return children

    @cached_property
    def _stored_lemmas(self) -> dict[int, list[str]]:
        lemmas: dict[int, list[str]] = {}
        for synset_id, lemma in self._db.execute(
            "SELECT synset_id, lemma FROM lemmas ORDER BY synset_id, position, lemma"
        ):
            lemmas.setdefault(synset_id, []).append(lemma)
        return lemmas

    def root(self, id: int) -> int:
        """The synset that ``id`` is part of now; AnnotatorError when there is no such id."""
        try:
            return self.entries[id].root
        except KeyError:
            raise AnnotatorError(
                f"There is no synset {id}; see the ids with: annotator vocabulary PROJECT --json"
            ) from None

    def name(self, root: int) -> str:
        """The name that a person sees."""
        return self.entries[root].name

    def wordnet_id(self, root: int) -> str | None:
        """Its own WordNet id, else the first one among the synsets merged into it."""
        ids = (self.entries[id].wordnet_id for id in self.members[root])
        return next((id for id in ids if id), None)

    def lemmas(self, root: int) -> tuple[str, ...]:
        """The name first, then every lemma and every name of the synsets merged into it."""
        seen: dict[str, str] = {}
        for id in self.members[root]:
            entry = self.entries[id]
            for lemma in (entry.name, *self._stored_lemmas.get(id, ()), entry.made_name):
                seen.setdefault(word_key(lemma), lemma)
        return tuple(seen.values())

    def subtree(self, root: int) -> Iterator[int]:
        """``root`` and all roots below it, each once, from the top down."""
        waiting = [root]
        while waiting:
            at = waiting.pop()
            yield at
            waiting.extend(self.children.get(at, ()))

    def is_below(self, root: int, above: int) -> bool:
        """Whether ``root`` is somewhere below ``above``."""
        at = self.parents[root]
        while at is not None:
            if at == above:
                return True
            at = self.parents[at]
        return False

    def moved(self, root: int, parent: int | None) -> None:
        """Follow a move that was written since, without reading all again."""
        self.parents[root] = parent
        self.__dict__.pop("children", None)

    def named(self, text: str) -> list[int]:
        """Roots with that name, by id; else roots with that lemma."""
        key = word_key(text)
        named = [root for root in self.members if word_key(self.name(root)) == key]
        if named:
            return named
        return [r for r in self.members if any(word_key(lemma) == key for lemma in self.lemmas(r))]

    def matching(self, term: str) -> list[int]:
        """Roots with a lemma of which a word starts with ``term``; none if it says nothing."""
        start = word_key(term)
        if not start:
            return []
        return [
            root
            for root in self.members
            if any(f" {start}" in f" {word_key(lemma)}" for lemma in self.lemmas(root))
        ]

    def ids(self, roots: Iterable[int]) -> list[int]:
        """All synset ids behind the roots."""
        return [id for root in roots for id in self.members[root]]

    def rejected(self) -> list[int]:
        """All synset ids behind the words that a person rejected."""
        return self.ids(r for r in self.members if self.entries[r].verdict == "rejected")
