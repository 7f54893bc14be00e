"""Taking and turning down what machines suggest; each undone exactly."""

from __future__ import annotations

import pytest

from annotator.core.errors import AnnotatorError
from annotator.operations import history, suggestions, synsets
from annotator.project import queries, store
from annotator.project.store import SuggestionRow


@pytest.fixture
def words(made) -> dict[str, int]:
    with made.project.write("synsets") as db:
        return {name: store.ensure_synset(db, name) for name in "abcdef"}


@pytest.fixture
def suggest(made, words):
    """suggest("a > b", "c < d"): merges a into b, c below d, each less sure; their ids."""

    def make(*said: str) -> list[int]:
        rows = []
        for at, one in enumerate(said):
            source, sign, target = one.split()
            kind = "merge" if sign == ">" else "parent"
            confidence = 0.9 - at / 10
            rows.append(SuggestionRow(kind, words[source], words[target], confidence, "x"))
        with made.project.write("suggestions") as db:
            store.set_suggestions(db, rows)
            return [
                db.execute(
                    "SELECT id FROM suggestions WHERE (kind, source, target) = (?, ?, ?)",
                    (row.kind, row.source, row.target),
                ).fetchone()[0]
                for row in rows
            ]

    return make


def tree(made) -> dict[str, str | None]:
    """Name -> name of its parent, of the words a to f that are words of their own."""
    with made.project.read() as db:
        found = queries.Words(db)
        return {
            found.name(root): parent and found.name(parent)
            for root, parent in found.parents.items()
            if len(found.name(root)) == 1
        }


def open_ones(made, verdict="unknown") -> int:
    with made.project.read() as db:
        return len(queries.suggestions(db, verdict))


def label(made) -> str | None:
    with made.project.read() as db:
        return queries.undo_label(db)


def test_take_a_merge(made, suggest, digest) -> None:
    ids = suggest("a > b")
    start = digest(made.project)
    suggestions.take(made.project, ids)
    assert "a" not in tree(made)
    assert label(made) == "Take: merge a into b"
    assert (open_ones(made), open_ones(made, "accepted")) == (0, 1)
    end = digest(made.project)
    assert history.undo(made.project).label == "Take: merge a into b"
    assert digest(made.project) == start
    assert (open_ones(made), open_ones(made, "accepted")) == (1, 0)
    history.redo(made.project)
    assert digest(made.project) == end
    assert open_ones(made) == 0


def test_take_is_what_a_person_would_do_by_hand(made, suggest, words, digest) -> None:
    ids = suggest("a > b", "c < d")
    start = digest(made.project)
    synsets.merge(made.project, words["a"], words["b"])
    synsets.move(made.project, words["c"], words["d"])
    by_hand = rows(made)
    history.undo(made.project)
    history.undo(made.project)
    assert digest(made.project) == start
    suggestions.take(made.project, ids)
    assert rows(made) == by_hand
    assert label(made) == "Take 2 suggestions"


def rows(made) -> list:
    with made.project.read() as db:
        return db.execute("SELECT * FROM synset_decisions ORDER BY synset_id").fetchall()


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("said", "end"),
    [
        (("a > b", "b > c"), {"c": None, "d": None, "e": None, "f": None}),
        (("b > c", "a > b"), {"c": None, "d": None, "e": None, "f": None}),
        (("a > b", "a > c"), {"b": None, "d": None, "e": None, "f": None}),
        (("a > c", "a > b"), {"c": None, "d": None, "e": None, "f": None}),
        (("a > b", "b > a"), {"b": None, "c": None, "d": None, "e": None, "f": None}),
        (("a > b", "b > c", "c > a"), {"b": None, "d": None, "e": None, "f": None}),
        (("a > b", "a < c"), {"b": "c", "c": None, "d": None, "e": None, "f": None}),
        (("a < b", "a > b"), {"b": None, "c": None, "d": None, "e": None, "f": None}),
        (("a < b", "a < c"), {"a": "b", "b": None, "c": None, "d": None, "e": None, "f": None}),
        (("a < b", "b < c"), {"a": "b", "b": "c", "c": None, "d": None, "e": None, "f": None}),
        (("a > b", "c > d", "b > d", "e < a"), {"d": None, "e": "d", "f": None}),
    ],
)
def test_suggestions_that_touch_each_other(made, suggest, said, end, order, digest) -> None:
    ids = suggest(*said)
    start = digest(made.project)
    suggestions.take(made.project, ids[::order])
    assert tree(made) == end
    assert open_ones(made) == 0
    history.undo(made.project)
    assert digest(made.project) == start
    assert open_ones(made) == len({frozenset(one.split()) - {">"} for one in said})


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (lambda p, w: synsets.merge(p, w["a"], w["b"]), "a and b are one synset already"),
        (lambda p, w: synsets.merge(p, [w["a"], w["b"]], w["f"]), "a and b are one synset already"),
        (lambda p, w: synsets.move(p, w["a"], w["b"]), "a is below b in the tree"),
        (lambda p, w: synsets.reject(p, w["b"]), "b was rejected"),
        (lambda p, w: synsets.move(p, w["c"], w["d"]), "c is below d already"),
        (lambda p, w: synsets.move(p, w["d"], w["c"]), "c cannot be put below d"),
    ],
)
def test_one_that_cannot_be_done_stops_all(made, suggest, words, digest, before, says) -> None:
    ids = suggest("a > b", "c < d", "e > f")
    before(made.project, words)
    start = digest(made.project)
    step = label(made)
    with pytest.raises(AnnotatorError, match=says):
        suggestions.take(made.project, ids)
    assert digest(made.project) == start
    assert label(made) == step


def test_parents_in_a_circle_are_refused(made, suggest, digest) -> None:
    ids = suggest("a < b", "b < a")
    start = digest(made.project)
    with pytest.raises(AnnotatorError, match="b cannot be put below a"):
        suggestions.take(made.project, ids)
    assert digest(made.project) == start


@pytest.mark.parametrize("call", [suggestions.take, suggestions.reject, suggestions.clear])
def test_unknown_ids_are_refused(made, suggest, digest, call) -> None:
    ids = suggest("a > b")
    start = digest(made.project)
    with pytest.raises(AnnotatorError, match="no suggestion 999"):
        call(made.project, [*ids, 999])
    with pytest.raises(AnnotatorError, match="Choose the suggestions"):
        call(made.project, [])
    assert digest(made.project) == start


def test_reject_and_clear(made, suggest, digest) -> None:
    ids = suggest("a > b", "c < d", "e > f")
    start = digest(made.project)
    suggestions.reject(made.project, ids[:2])
    assert label(made) == "Reject 2 suggestions"
    suggestions.reject(made.project, ids[2])
    assert label(made) == "Reject: merge e into f"
    suggestions.reject(made.project, ids)  # changes nothing
    assert label(made) == "Reject: merge e into f"
    assert (open_ones(made), open_ones(made, "rejected")) == (0, 3)
    suggestions.clear(made.project, ids[1])
    assert label(made) == "Clear: put c below d"
    assert (open_ones(made), open_ones(made, "rejected")) == (1, 2)
    for _ in range(3):
        history.undo(made.project)
    assert digest(made.project) == start


def test_clear_finds_what_was_rejected_the_other_way_round(made, suggest) -> None:
    one, other = suggest("a > b", "b > a")
    suggestions.reject(made.project, one)
    assert open_ones(made) == 0
    suggestions.clear(made.project, other)
    assert open_ones(made) == 1


def test_a_person_may_take_what_was_rejected(made, suggest) -> None:
    one, other = suggest("a > b", "b > a")
    suggestions.reject(made.project, other)
    suggestions.take(made.project, one)
    assert "a" not in tree(made)
    assert (open_ones(made, "accepted"), open_ones(made, "rejected")) == (1, 0)


@pytest.mark.parametrize("call", [suggestions.reject, suggestions.clear])
def test_what_was_taken_is_undone_and_not_turned_down(made, suggest, call) -> None:
    ids = suggest("a > b")
    suggestions.take(made.project, ids)
    with pytest.raises(AnnotatorError, match="The suggestion to merge a into b was taken; undo"):
        call(made.project, ids)
