"""Machine writes: repeatable, resumable, and without power over decisions."""

from __future__ import annotations

import pytest

from annotator.core.records import Proposed, Rle
from annotator.operations import synsets, tags
from annotator.project import queries, store
from annotator.project.sqlite import sqlite3


def said(text: str, probability: float = 0.5, wordnet_id: str | None = None) -> store.Said:
    return store.Said(Proposed(text, (probability,), wordnet_id), "whole", 0, probability)


def test_a_changed_file_is_read_again_and_keeps_its_tags(made) -> None:
    tags.accept(made.project, made.images[0], made.sofa)
    with made.project.write("images") as db:
        same = store.FileSeen("a/one.jpg", 10, 1)
        assert store.upsert_images(db, [same]) == [made.images[0]]
        assert queries.image(db, made.images[0]).hash == "h1"
        changed = store.FileSeen("a/one.jpg", 10, 2)
        assert store.upsert_images(db, [changed]) == [made.images[0]]
        image = queries.image(db, made.images[0])
        assert (image.hash, image.width, image.error) == (None, None, None)
        assert [one.id for one in store.unread_images(db)] == [made.images[0]]
        assert queries.tags(db, made.images[0])[0].verdict == "accepted"
        assert not store.known_files(db)["a/one.jpg"].read
        assert store.known_files(db)["a/two.jpg"].read


def test_a_file_that_returns_elsewhere_is_the_same_image(made) -> None:
    with made.project.write("images") as db:
        store.mark_missing(db, made.images[:1])
        assert queries.image_ids(db) == [made.images[3], made.images[2], made.images[1]]
        found = store.missing_by_hash(db, "h1")
        new = store.FileSeen("b/uno.jpg", 10, 5)
        store.upsert_images(db, [new])
        assert store.move_image(db, found[0].id, new)
        moved = queries.image_by_path(db, "b/uno.jpg")
        assert moved is not None
        assert (moved.id, moved.missing, moved.hash) == (made.images[0], False, "h1")
        assert len(queries.image_ids(db)) == 4


def test_a_move_never_drops_an_image_with_a_past(made) -> None:
    tags.accept(made.project, made.images[3], made.dog)
    made.project.undo()
    with made.project.write("images") as db:
        store.clear_tags(db)
        store.mark_missing(db, made.images[:1])
        assert not store.move_image(db, made.images[0], store.FileSeen("a/four.jpg", 10, 1))
        assert queries.image(db, made.images[3]).path == "a/four.jpg"
    assert made.project.redo() is not None


def test_proposals_are_append_only(made) -> None:
    with made.project.write("proposals") as db:
        run = store.start_run(db, "propose")
        store.add_run_images(db, run, [(made.images[0], None, [said("dog")])])
    for statement in ("UPDATE proposals SET crop = 'x'", "DELETE FROM proposals"):
        with (
            pytest.raises(sqlite3.IntegrityError, match="append-only"),
            made.project.write("proposals") as db,
        ):
            db.execute(statement)


def test_a_run_goes_on_where_it_was(made) -> None:
    inputs = {"pack": "starter", "models": {"tagger": "a"}, "params": {"grid": "sg"}, "seed": 1}
    with made.project.write("runs") as db:
        run = store.start_run(db, "propose", total=4, **inputs)
        assert store.find_resumable(db, "propose", **inputs) is None  # it is going on
        store.add_run_images(
            db,
            run,
            [(made.images[1], None, [said("dog"), said("cat")]), (made.images[0], "torn", [])],
        )
        store.finish_run(db, run, "cancelled")
    with made.project.read() as db:
        assert [image.path for image in queries.pending_images(db, run)] == [
            "a/four.jpg",
            "a/three.jpg",
        ]
        assert len(queries.pending_images(db, run, limit=1)) == 1
        found = store.find_resumable(db, "propose", **inputs)
        assert found is not None
        assert (found.id, found.done, found.total, found.status) == (run, 2, 4, "cancelled")
        assert store.find_resumable(db, "propose", **{**inputs, "seed": 2}) is None
        assert [(f.image, f.reason) for f in queries.run_failures(db, run)] == [
            ("a/one.jpg", "torn")
        ]
    with made.project.write("runs") as db:
        store.resume_run(db, run, 4)
        store.add_run_images(db, run, [(made.images[1], None, [said("dog")])])  # done already
        assert [p.text for p in queries.proposals(db, run_id=run)] == ["dog", "cat"]
        assert queries.run(db, run).status == "running"
        with pytest.raises(ValueError, match="not finished"):
            store.finish_run(db, run, "finished")


def test_proposals_come_back_as_said(made) -> None:
    with made.project.write("proposals") as db:
        run = store.start_run(db, "propose")
        one = store.Said(Proposed("beagle", (0.25, 0.5), "n02088364"), "top left", 3, 0.375)
        two = store.Said(Proposed("beagle"), "whole", 0, None)
        store.add_run_images(db, run, [(made.images[0], None, [one, two])])
        first, second = queries.proposals(db, image_id=made.images[0])
        assert (first.text, first.wordnet_id, first.crop, first.sample) == (
            "beagle",
            "n02088364",
            "top left",
            3,
        )
        assert (first.probability, first.token_probabilities) == (0.375, (0.25, 0.5))
        assert (second.wordnet_id, second.probability, second.token_probabilities) == (
            None,
            None,
            (),
        )
        assert len(queries.labels(db)) == 2
        assert list(queries.proposals(db, run_id=run + 1, image_id=made.images[0])) == []


def test_a_synset_is_found_again_after_a_rename(made) -> None:
    synsets.rename(made.project, made.dog, "hound")
    synsets.rename(made.project, made.sofa, "settee")
    with made.project.write("synsets") as db:
        assert store.ensure_synset(db, "Dog", score=9, lemmas=["domestic dog"]) == made.dog
        assert store.ensure_synset(db, "sofa", wordnet_id="n04256520") == made.sofa
        assert store.ensure_synset(db, "sofa", wordnet_id="n99999999") != made.sofa
    with made.project.read() as db:
        found = queries.synset(db, made.dog)
        assert (found.name, found.score) == ("hound", 9.0)
        assert found.lemmas == ("hound", "dog", "domestic dog")


def test_a_run_again_never_overrules_a_person(made) -> None:
    tags.reject(made.project, made.images[0], made.sofa)
    tags.accept(made.project, made.images[3], made.dog)
    synsets.reject(made.project, made.couch)
    synsets.rename(made.project, made.sofa, "settee")

    def again(db: sqlite3.Connection) -> None:
        for id, name, wordnet_id in (
            (made.sofa, "sofa", "n04256520"),
            (made.couch, "couch", "n03100346"),
            (made.dog, "dog", None),
        ):
            assert store.ensure_synset(db, name, wordnet_id=wordnet_id, score=99) == id
        rows = [
            store.TagRow(image, synset, 0.99, 0.99, 5, 5, ("whole",), kept=synset != made.dog)
            for image in made.images
            for synset in (made.sofa, made.couch, made.dog)
        ]
        store.set_tags(db, rows, images=made.images)

    with made.project.write("tags") as db:
        again(db)
    with made.project.read() as db:
        first = {tag.synset: tag.verdict for tag in queries.tags(db, made.images[0])}
        assert first == {"settee": "rejected"}
        last = {tag.synset: tag.verdict for tag in queries.tags(db, made.images[3])}
        assert last == {"settee": "unknown", "dog": "accepted"}
        assert queries.synset(db, made.couch).verdict == "rejected"
    with made.project.write("tags") as db:
        store.clear_tags(db)
    with made.project.read() as db:
        assert [tag.verdict for tag in queries.tags(db, made.images[3])] == ["accepted"]


def test_old_masks_of_merged_words_go_too(made) -> None:
    synsets.merge(made.project, [made.couch], made.sofa)
    rle, box = Rle(6, 8, "0`1"), (0, 0, 8, 6)
    with made.project.write("regions") as db:
        store.add_regions(
            db,
            [
                store.RegionRow(made.images[0], synset, rle, box, 48)
                for synset in (made.couch, made.sofa, made.dog)
            ],
        )
        assert store.drop_regions(db, made.images[0], made.sofa) == 2
        assert [region.synset for region in queries.regions(db, made.images[0])] == ["dog"]
