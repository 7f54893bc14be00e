"""Undo and redo of rows: exact, and never of what a machine wrote."""

from __future__ import annotations

import pytest

from annotator.core.records import Rle
from annotator.operations import history, regions, synsets, tags
from annotator.project import decisions, queries, store
from annotator.project.project import Project


def labels(project: Project) -> list[tuple[str, bool]]:
    with project.read() as db:
        return [(step.label, step.undone) for step in queries.history(db)]


def test_history_survives_a_restart(made, digest) -> None:
    start = digest(made.project)
    synsets.rename(made.project, made.dog, "hound")
    synsets.reject(made.project, made.dog)
    end = digest(made.project)
    made.project.undo()
    made.project.close()
    with Project.open(made.project.path) as project:
        assert labels(project) == [("Reject hound", True), ("Rename dog to hound", False)]
        with project.read() as db:
            assert queries.undo_label(db) == "Rename dog to hound"
            assert queries.redo_label(db) == "Reject hound"
        assert history.undo(project).undone
        assert history.undo(project) is None
        assert digest(project) == start
        assert not history.redo(project).undone
        history.redo(project)
        assert history.redo(project) is None
        assert digest(project) == end


def test_a_new_step_ends_what_could_be_redone(made) -> None:
    synsets.accept(made.project, made.dog)
    synsets.accept(made.project, made.sofa)
    made.project.undo()
    made.project.undo()
    synsets.reject(made.project, made.couch)
    assert labels(made.project) == [("Reject couch", False)]
    assert made.project.redo() is None


def test_a_step_that_changes_nothing_is_no_step(made) -> None:
    synsets.accept(made.project, made.dog)
    made.project.undo()
    synsets.clear(made.project, made.dog)
    synsets.rename(made.project, made.dog, "dog")
    synsets.move(made.project, made.dog, None)
    tags.clear(made.project, made.images[0], made.dog)
    assert labels(made.project) == [("Accept dog", True)]


def test_undo_keeps_what_a_machine_wrote_later(made) -> None:
    """Changed columns only: the machine's new score of a person's synset stays."""
    lamp = synsets.add(made.project, "lamp")
    with made.project.transact("Set the WordNet id") as db:
        db.execute("UPDATE synsets SET wordnet_id = 'n03636649' WHERE id = ?", (lamp,))
    with made.project.write("synsets") as db:
        store.set_scores(db, [(lamp, 0.75, False)])
    made.project.undo()
    with made.project.read() as db:
        assert queries.synset(db, lamp).wordnet_id is None
        assert queries.synset(db, lamp).score == 0.75


@pytest.mark.parametrize(
    "value", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 1e-7, 123456.7]
)
def test_numbers_come_back_bit_by_bit(made, digest, value: float) -> None:
    with made.project.transact("Keep") as db:
        rle = Rle(6, 8, "0`1")
        box = (0, 0, 8, 6)
        decisions.add_region(db, made.images[0], made.sofa, rle, box, 48, value, {"k": [value]})
    end = digest(made.project)
    made.project.undo()
    made.project.redo()
    assert digest(made.project) == end
    with made.project.read() as db:
        assert queries.regions(db, made.images[0])[0].threshold == value


def test_text_comes_back_as_typed(made, digest) -> None:
    start = digest(made.project)
    for name in ('a "quoted" word', "Ökologie 🐕", "back\\slash", "it's", "line\u2028sep"):
        made_id = synsets.add(made.project, name)
        end = digest(made.project)
        made.project.undo()
        assert digest(made.project) == start
        made.project.redo()
        assert digest(made.project) == end
        with made.project.read() as db:
            assert queries.synset(db, made_id).name == " ".join(name.split())
        made.project.undo()


def test_replace_does_not_escape_the_journal(made, digest) -> None:
    tags.accept(made.project, made.images[0], made.sofa)
    start = digest(made.project)
    with made.project.transact("Replace") as db:
        db.execute(
            "REPLACE INTO tag_decisions VALUES (?, ?, 'rejected', 'now')",
            (made.images[0], made.sofa),
        )
    assert digest(made.project) != start
    made.project.undo()
    assert digest(made.project) == start


def test_undoing_a_word_that_a_machine_uses_hands_it_over(made) -> None:
    lamp = tags.add_word(made.project, made.images[0], "lamp")
    with made.project.write("tags") as db:
        assert store.ensure_synset(db, "lamp") == lamp
        store.set_tags(db, [store.TagRow(made.images[1], lamp, 0.5, 0.5, 1, 1, ("whole",), True)])
    made.project.undo()
    with made.project.read() as db:
        found = queries.synset(db, lamp)
        assert (found.source, found.verdict, found.support) == ("machine", "unknown", 1)
        assert lamp not in [tag.synset_id for tag in queries.tags(db, made.images[0])]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    made.project.redo()
    with made.project.read() as db:
        found = queries.synset(db, lamp)
        assert (found.source, found.verdict, found.support) == ("person", "accepted", 2)
    made.project.undo()
    made.project.redo()
    with made.project.read() as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_word_that_a_label_means_on_an_image_is_handed_over_too(made) -> None:
    crane = synsets.add(made.project, "crane")
    with made.project.write("synsets") as db:
        label = store.ensure_label(db, "crane")
        db.execute("INSERT INTO label_senses VALUES (?, ?, ?)", (label, made.images[0], crane))
    made.project.undo()
    with made.project.read() as db:
        assert db.execute("SELECT synset_id FROM label_senses").fetchall() == [(crane,)]
        assert queries.synset(db, crane).source == "machine"


def test_an_id_that_undo_freed_is_not_given_again(made) -> None:
    lamp = synsets.add(made.project, "lamp")
    made.project.undo()
    with made.project.write("synsets") as db:
        assert store.ensure_synset(db, "vase") != lamp
    made.project.redo()
    with made.project.read() as db:
        assert queries.synset(db, lamp).name == "lamp"


def test_a_mask_with_a_past_is_not_dropped(made) -> None:
    row = store.RegionRow(made.images[0], made.sofa, Rle(6, 8, "0`1"), (0, 0, 8, 6), 48, 0.4, 0.3)
    with made.project.write("regions") as db:
        touched, free, decided = store.add_regions(db, [row, row, row])
    regions.accept(made.project, decided)
    regions.accept(made.project, touched)
    made.project.undo()
    with made.project.write("regions") as db:
        assert store.drop_regions(db, made.images[0]) == 1
    made.project.redo()
    with made.project.read() as db:
        found = {region.id: region.verdict for region in queries.regions(db, made.images[0])}
    assert found == {touched: "accepted", decided: "accepted"}
    assert free not in found


def test_machine_writes_leave_no_step(made) -> None:
    with made.project.write("synsets") as db:
        db.execute("UPDATE synsets SET source = 'person' WHERE id = ?", (made.dog,))
    assert labels(made.project) == []
