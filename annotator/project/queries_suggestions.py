"""Reads: merges and parents that machines suggest. Re-exported by ``queries``.

What a person decided is stored by what was suggested, and read by what those synsets are merged
into now: a pair of words that was turned down stays so, whatever they were merged with since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from annotator.core.errors import AnnotatorError
from annotator.core.records import Suggestion, SuggestionKind, Verdict
from annotator.project.counts import supports
from annotator.project.sqlite import sqlite3
from annotator.project.words import Words

#: Kind, source, target.
Pair = tuple[SuggestionKind, int, int]


class Row(NamedTuple):
    """A row of suggestions: ``source`` and ``target`` as a machine named them."""

    id: int
    kind: SuggestionKind
    source: int
    target: int
    confidence: float
    reason: str


def pair_of(words: Words, kind: SuggestionKind, source: int, target: int) -> Pair | None:
    """What a suggestion is about: its kind and two words, merges resolved, for a merge in either
    direction the same. None when its two synsets are one word by now."""
    one, other = words.root(source), words.root(target)
    if one == other:
        return None
    if kind == "merge":
        return kind, min(one, other), max(one, other)
    return kind, one, other


class Decided:
    """What a person decided on suggestions, as the words are now."""

    def __init__(self, db: sqlite3.Connection, words: Words) -> None:
        self._words = words
        #: (kind, source, target) as it was suggested -> verdict
        self.rows: dict[Pair, Verdict] = {}
        self._alike: dict[Pair, list[Pair]] = {}
        for kind, source, target, verdict in db.execute(
            "SELECT kind, source, target, verdict FROM suggestion_decisions"
        ):
            self.rows[kind, source, target] = verdict
            pair = pair_of(words, kind, source, target)
            if pair is not None:
                self._alike.setdefault(pair, []).append((kind, source, target))

    def of(self, kind: SuggestionKind, source: int, target: int) -> Verdict:
        """The verdict on a suggestion: its own, else that on its pair of words."""
        own = self.rows.get((kind, source, target))
        if own is not None:
            return own
        found = {self.rows[one] for one in self.alike(kind, source, target)}
        if len(found) > 1:
            return "rejected"
        return found.pop() if found else "unknown"

    def alike(self, kind: SuggestionKind, source: int, target: int) -> list[Pair]:
        """What was decided on the same pair of words; of a pair that is one word by now, on the
        suggestion itself. Each as it was suggested."""
        key = (kind, source, target)
        pair = pair_of(self._words, *key)
        if pair is None:
            return [key] if key in self.rows else []
        return self._alike.get(pair, [])


def suggestions(db: sqlite3.Connection, verdict: Verdict = "unknown") -> list[Suggestion]:
    """What machines suggest, the surest first, merges resolved.

    The open ones ("unknown") are those that make sense now: of two words that both were not
    rejected; a merge of words of which none is below the other; a parent that the word is not
    below already, nor above. Of several about the same pair of words the surest is there. Those
    that were decided have the synsets as they were suggested.
    """
    words = Words(db)
    found = open_rows(db, words) if verdict == "unknown" else _decided_rows(db, words, verdict)
    if verdict == "unknown":
        found = [
            row._replace(source=words.root(row.source), target=words.root(row.target))
            for row in found
        ]
    images = supports(db, words, [words.root(row.source) for row in found])
    made = [
        Suggestion(
            row.id,
            row.kind,
            row.source,
            words.name(row.source),
            row.target,
            words.name(row.target),
            row.confidence,
            row.reason,
            verdict,
            images[words.root(row.source)],
        )
        for row in found
    ]
    made.sort(key=lambda one: (-one.confidence, -one.images, one.source_name, one.id))
    return made


def open_rows(db: sqlite3.Connection, words: Words) -> list[Row]:
    """The rows that a person can decide on, the surest of each pair of words."""
    decided = Decided(db, words)
    best: dict[Pair, Row] = {}
    for row in _rows(db):
        pair = pair_of(words, row.kind, row.source, row.target)
        if (
            pair is not None
            and pair not in best
            and decided.of(row.kind, row.source, row.target) == "unknown"
            and fault(words, row) is None
        ):
            best[pair] = row
    return list(best.values())


def rows_of(db: sqlite3.Connection, ids: Sequence[int]) -> list[Row]:
    """The suggestions of these ids, each once, the surest first. Raises AnnotatorError when one
    is not there: a newer run of the machine may have replaced it."""
    found = {row.id: row for row in _rows(db)}
    for id in ids:
        if id not in found:
            raise AnnotatorError(f"There is no suggestion {id} any more; look at the list again.")
    wanted = set(ids)
    return [row for row in found.values() if row.id in wanted]


def fault(words: Words, row: Row) -> str | None:
    """Why the suggestion makes no sense now, as a sentence for a person; None when it does."""
    source, target = words.root(row.source), words.root(row.target)
    name, other = words.name(source), words.name(target)
    if source == target:
        said = (words.name(row.source), words.name(row.target))
        return f"{said[0]} and {said[1]} are one synset already; nothing was changed."
    for root in (source, target):
        if words.entries[root].verdict == "rejected":
            return f"{words.name(root)} was rejected; take that back first, or leave it out."
    if row.kind == "merge":
        for low, high in ((target, source), (source, target)):
            if words.is_below(low, high):
                return (
                    f"{words.name(low)} is below {words.name(high)} in the tree; move it out "
                    "first, or leave it out."
                )
    elif words.is_below(source, target):
        return f"{name} is below {other} already; nothing was changed."
    elif words.is_below(target, source):
        return f"{name} cannot be put below {other}, which is below it; leave it out."
    return None


def _decided_rows(db: sqlite3.Connection, words: Words, verdict: Verdict) -> list[Row]:
    decided = Decided(db, words)
    return [row for row in _rows(db) if decided.of(row.kind, row.source, row.target) == verdict]


def _rows(db: sqlite3.Connection) -> list[Row]:
    found = db.execute(
        "SELECT id, kind, source, target, confidence, reason FROM suggestions "
        "ORDER BY confidence DESC, id"
    )
    return list(map(Row._make, found))
