"""What a person does with the merges and parents that machines suggest. Each call is one step of
the history, however many suggestions it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from annotator.core.errors import AnnotatorError
from annotator.core.records import Verdict
from annotator.operations.synsets import merge_in, move_in, several
from annotator.project import decisions
from annotator.project.decisions import Row, Words
from annotator.project.project import Project
from annotator.project.sqlite import Connection


def take(project: Project, ids: Sequence[int] | int) -> None:
    """Do what is suggested: merge the words, put them below their parents.

    Suggestions that touch each other are taken together: all words that merges connect become
    one, by the name that the surest of them leads to; then, of several parents of a word, it gets
    the surest. Raises AnnotatorError when one of them is not there, or cannot be done any more;
    then nothing is done.
    """
    with _step(project, "Take", ids) as (db, words, rows):
        for row in rows:
            wrong = decisions.fault(words, row)
            if wrong is not None:
                raise AnnotatorError(wrong)
        for sources, target in _together(words, [row for row in rows if row.kind == "merge"]):
            merge_in(db, words, sources, target)
        now = Words(db)
        placed: set[int] = set()
        for row in rows:
            source, target = now.root(row.source), now.root(row.target)
            if row.kind == "parent" and source != target and source not in placed:
                placed.add(source)
                move_in(db, now, source, target)
        decisions.decide_suggestions(db, words, rows, "accepted")


def reject(project: Project, ids: Sequence[int] | int) -> None:
    """Turn suggestions down: they never come back, whatever their words are merged with later;
    a merge does not come back the other way round either. Raises AnnotatorError when one is not
    there, or was taken."""
    _decide(project, "Reject", ids, "rejected")


def clear(project: Project, ids: Sequence[int] | int) -> None:
    """Take back that suggestions were turned down: they are open again. Raises AnnotatorError
    when one is not there, or was taken: undo brings back what it changed."""
    _decide(project, "Clear", ids, "unknown")


def _decide(project: Project, verb: str, ids: Sequence[int] | int, verdict: Verdict) -> None:
    with _step(project, verb, ids) as (db, words, rows):
        verdicts = decisions.suggestion_verdicts(db, words, rows)
        for row in rows:
            if verdicts[row.id] == "accepted":
                raise AnnotatorError(
                    f"The suggestion to {_said(words, row)} was taken; undo that instead."
                )
        decisions.decide_suggestions(db, words, rows, verdict)


@contextmanager
def _step(
    project: Project, verb: str, ids: Sequence[int] | int
) -> Iterator[tuple[Connection, Words, list[Row]]]:
    """One step about these suggestions, named after them; the surest first."""
    wanted = several(ids)
    if not wanted:
        raise AnnotatorError(f"Choose the suggestions to {verb.lower()} first.")
    with project.read() as db:
        rows = decisions.rows_of(db, wanted)
        what = _said(Words(db), rows[0]) if len(rows) == 1 else f"{len(rows)} suggestions"
    with project.transact(f"{verb}: {what}" if len(rows) == 1 else f"{verb} {what}") as db:
        yield db, Words(db), decisions.rows_of(db, wanted)


def _said(words: Words, row: Row) -> str:
    """Like "merge couch into sofa", as a step's label says it."""
    roots = words.root(row.source), words.root(row.target)
    # One word by now: then as they were suggested.
    ids = roots if roots[0] != roots[1] else (row.source, row.target)
    source, target = (words.name(id) for id in ids)
    if row.kind == "merge":
        return f"merge {source} into {target}"
    return f"put {source} below {target}"


def _together(words: Words, rows: Sequence[Row]) -> list[tuple[list[int], int]]:
    """(sources, target) of each group of words that merges connect. ``rows``: the surest first.

    The target is where the surest merge into a word that itself is merged into nothing leads;
    where they go in a circle, the target of the surest.
    """
    pairs = [(words.root(row.source), words.root(row.target)) for row in rows]
    group = {root: root for pair in pairs for root in pair}

    def head(root: int) -> int:
        while group[root] != root:
            group[root] = root = group[group[root]]
        return root

    for source, target in pairs:
        group[head(source)] = head(target)
    ends = group.keys() - {source for source, _ in pairs}
    chosen: dict[int, int] = {}
    for only_ends in (True, False):
        for _, target in pairs:
            if target in ends or not only_ends:
                chosen.setdefault(head(target), target)
    members: dict[int, list[int]] = {}
    for root in group:
        if root != chosen[head(root)]:
            members.setdefault(chosen[head(root)], []).append(root)
    return [(sources, target) for target, sources in members.items()]
