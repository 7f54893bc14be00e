"""Suggestions, replies and usage as rows: what is stored, what is read, what never returns."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest

from annotator.core.records import Suggestion, Usage
from annotator.operations import history, suggestions, synsets
from annotator.project import queries, store
from annotator.project.check import check
from annotator.project.store import ReplyRow, SuggestionRow
from annotator.project.store_suggestions import LONGEST_REPLY


def suggest(made, *rows, run=None) -> int:
    with made.project.write("suggestions") as db:
        return store.set_suggestions(db, [SuggestionRow(*row) for row in rows], run)


def shown(made, verdict="unknown") -> list[Suggestion]:
    with made.project.read() as db:
        return queries.suggestions(db, verdict)


def pairs(made, verdict="unknown") -> list[tuple[str, str, str]]:
    return [(one.kind, one.source_name, one.target_name) for one in shown(made, verdict)]


def word(made, name: str) -> int:
    with made.project.write("synsets") as db:
        return store.ensure_synset(db, name)


def test_the_surest_comes_first_with_its_support(made) -> None:
    suggest(
        made,
        ("parent", made.dog, made.sofa, 0.3, "a guess"),
        ("merge", made.couch, made.sofa, 0.9, "same synset in WordNet"),
    )
    first, second = shown(made)
    assert first == Suggestion(
        first.id, "merge", made.couch, "couch", made.sofa, "sofa", 0.9, "same synset in WordNet",
        "unknown", 3,
    )  # fmt: skip
    assert (second.kind, second.source_name, second.images) == ("parent", "dog", 0)
    with made.project.read() as db:
        assert queries.status(db)["suggestions"] == 2


def test_a_new_set_replaces_what_is_open_and_keeps_ids(made) -> None:
    suggest(
        made,
        ("merge", made.couch, made.sofa, 0.9, "old"),
        ("parent", made.dog, made.sofa, 0.3, "old"),
    )
    before = shown(made)[0].id
    assert suggest(made, ("merge", made.couch, made.sofa, 0.4, "new")) == 1
    (only,) = shown(made)
    assert (only.id, only.confidence, only.reason) == (before, 0.4, "new")


def test_equal_rows_count_once_with_the_surest(made) -> None:
    a, b = made.couch, made.sofa
    rows = [("merge", a, b, 0.5, "x"), ("merge", a, b, 0.7, "y"), ("merge", a, a, 1.0, "itself")]
    assert suggest(made, *rows, ("merge", b, a, 0.6, "the other way")) == 2
    assert [(one.reason, one.confidence) for one in shown(made)] == [("y", 0.7)]


def test_a_word_that_was_taken_back_meanwhile_is_left_out(made) -> None:
    kite = synsets.add(made.project, "kite")
    assert history.undo(made.project) is not None
    rows = [("merge", kite, made.sofa, 0.9, "x"), ("parent", made.dog, kite, 0.9, "x")]
    assert suggest(made, *rows, ("merge", made.couch, made.sofa, 0.5, "y")) == 1
    assert pairs(made) == [("merge", "couch", "sofa")]


@pytest.mark.parametrize("way", ["same", "other way", "merged source", "merged target", "again"])
def test_what_was_rejected_never_returns(made, way) -> None:
    suggest(made, ("merge", made.couch, made.sofa, 0.9, "x"))
    suggestions.reject(made.project, shown(made)[0].id)
    assert shown(made) == []
    settee = word(made, "settee")
    row = {
        "same": ("merge", made.couch, made.sofa, 1.0, "y"),
        "other way": ("merge", made.sofa, made.couch, 1.0, "y"),
        "merged source": ("merge", settee, made.sofa, 1.0, "y"),
        "merged target": ("merge", settee, made.couch, 1.0, "y"),
        "again": ("merge", made.couch, made.sofa, 1.0, "y"),
    }[way]
    if way == "merged source":
        synsets.merge(made.project, made.couch, settee)
    if way == "merged target":
        synsets.merge(made.project, made.sofa, settee)
    if way == "again":
        suggest(made)
    assert suggest(made, row) == 0
    assert shown(made) == []
    (rejected,) = shown(made, "rejected")
    assert (rejected.reason, rejected.verdict) == ("x", "rejected")


def test_a_rejection_follows_a_merge_that_comes_later(made) -> None:
    settee = word(made, "settee")
    suggest(
        made, ("merge", made.couch, made.sofa, 0.9, "x"), ("merge", settee, made.sofa, 0.8, "y")
    )
    suggestions.reject(made.project, shown(made)[0].id)
    assert pairs(made) == [("merge", "settee", "sofa")]
    synsets.merge(made.project, made.couch, settee)
    assert pairs(made) == []
    history.undo(made.project)
    assert pairs(made) == [("merge", "settee", "sofa")]
    history.undo(made.project)
    assert len(pairs(made)) == 2


def test_a_rejected_parent_may_be_suggested_the_other_way_round(made) -> None:
    suggest(made, ("parent", made.couch, made.sofa, 0.9, "x"))
    suggestions.reject(made.project, shown(made)[0].id)
    suggest(
        made, ("parent", made.sofa, made.couch, 0.9, "x"), ("parent", made.couch, made.sofa, 1, "")
    )
    assert pairs(made) == [("parent", "sofa", "couch")]


def test_what_makes_no_sense_is_not_shown(made) -> None:
    chair = word(made, "chair")
    rows = [("merge", made.couch, made.sofa, 0.9, ""), ("parent", made.dog, chair, 0.8, "")]
    suggest(made, *rows)
    synsets.move(made.project, made.dog, chair)
    assert pairs(made) == [("merge", "couch", "sofa")]
    synsets.move(made.project, made.dog, None)
    synsets.move(made.project, chair, made.dog)
    assert len(pairs(made)) == 1, "a parent that is below the word makes a circle"
    synsets.move(made.project, made.couch, made.sofa)
    assert pairs(made) == []
    synsets.move(made.project, made.couch, None)
    synsets.reject(made.project, made.sofa)
    assert pairs(made) == []
    synsets.clear(made.project, made.sofa)
    synsets.merge(made.project, made.couch, made.sofa)
    assert pairs(made) == []
    with made.project.read() as db:
        assert queries.status(db)["suggestions"] == 0


def test_merged_words_are_shown_by_their_root(made) -> None:
    suggest(
        made, ("parent", made.couch, made.dog, 0.9, "x"), ("parent", made.sofa, made.dog, 0.8, "y")
    )
    synsets.merge(made.project, made.couch, made.sofa)
    (only,) = shown(made)
    assert (only.source, only.source_name, only.images, only.reason) == (made.sofa, "sofa", 3, "x")


def test_five_thousand_take_as_many_queries_as_five(made) -> None:
    """Counted, not timed: no query for each row."""
    chance = random.Random(3)
    with made.project.write("synsets") as db:
        ids = [store.ensure_synset(db, f"word {i}") for i in range(400)]
    every = [(a, b) for a in ids for b in ids if a < b]
    many = [("merge", *pair, chance.random(), "") for pair in chance.sample(every, 5000)]
    counts = []
    for rows in (many[:5], many):
        suggest(made, *rows)
        queried: list[str] = []
        with made.project.read() as db:
            db.set_trace_callback(queried.append)
            start = time.perf_counter()
            found = queries.suggestions(db)
            print(f"{len(found)} suggestions in {time.perf_counter() - start:.3f} s")
            db.set_trace_callback(None)
        assert len(found) == len(rows)
        assert all(a.confidence >= b.confidence for a, b in pairwise(found))
        counts.append(len(queried))
    assert counts[0] == counts[1]


def test_a_word_that_is_gone_takes_its_suggestions_along(made) -> None:
    added = synsets.add(made.project, "settee")
    suggest(made, ("merge", added, made.sofa, 0.9, "x"))
    history.undo(made.project)
    assert shown(made) == []
    assert not [said for said in check(made.project) if "suggestion" in said]


def test_replies_are_kept_word_for_word(made) -> None:
    nasty = "[\u202e'cat', \x00\x07 \ud83d \U0001f600"
    with made.project.write("runs") as db:
        run = store.start_run(db, "propose", pack="talks")
        rows = [ReplyRow("whole", 0, "['cat']"), ReplyRow("whole", 1, nasty, "it is no list")]
        one, two = made.images[:2]
        for _ in range(2):  # the second time changes nothing
            store.add_run_images(db, run, [(one, None, ()), (two, None, ())], {one: rows})
    with made.project.read() as db:
        first, second = queries.replies(db)
        assert (first.image, first.crop, first.sample, first.run_id) == (
            "a/one.jpg",
            "whole",
            0,
            run,
        )
        assert (first.text, first.failure) == ("['cat']", None)
        assert second.text == nasty.replace("\ud83d", "?")
        assert [one.sample for one in queries.replies(db, run, one, failed=True)] == [1]
        assert list(queries.replies(db, image_id=two)) == []
        assert list(queries.replies(db, run_id=run + 1)) == []
        assert queries.reply_counts(db, run) == (2, 1)
        assert queries.reply_counts(db, run + 1) == (0, 0)
        assert queries.status(db)["replies"] == 2


def test_a_huge_reply_is_cut_and_says_so(made) -> None:
    with made.project.write("runs") as db:
        run = store.start_run(db, "propose")
        reply = ReplyRow("whole", 0, "ab" * 5_000_000)
        store.add_run_images(db, run, [(made.images[0], None, ())], {made.images[0]: [reply]})
    with made.project.read() as db:
        (kept,) = queries.replies(db)
    assert len(kept.text) == LONGEST_REPLY
    assert kept.text.startswith("ab" * 30_000)
    assert kept.text.endswith("\n[cut here: the reply has 10000000 characters]")


def test_an_image_with_replies_is_in_use(made) -> None:
    with made.project.write("runs") as db:
        (new,) = store.upsert_images(db, [store.FileSeen("new.jpg", 5, 1)])
        run = store.start_run(db, "propose")
        store.add_run_images(db, run, [(new, None, ())], {new: [ReplyRow("whole", 0, "x")]})
        db.execute("DELETE FROM run_images")  # so that the reply alone holds it
        assert not store.move_image(db, made.images[0], store.FileSeen("new.jpg", 5, 1))


def test_usage_adds_up(made) -> None:
    with made.project.write("runs") as db:
        run = store.start_run(db, "propose")
        store.add_usage(db, run, Usage(2, 1, 100, 20))
        store.add_usage(db, run, Usage(1, 0, 50, 10, 0.25))
    with made.project.read() as db:
        assert queries.run(db, run).usage == Usage(3, 1, 150, 30, 0.25)
