"""The vocabulary as a person sees it: counts, tree, words, evidence."""

from __future__ import annotations

import random

import pytest

from annotator.core.errors import AnnotatorError
from annotator.core.records import Proposed
from annotator.operations import synsets, tags
from annotator.project import queries, store
from annotator.project.words import Words


def find(made, text: str):
    with made.project.read() as db:
        return queries.find_synset(db, text)


def names(made) -> list[str]:
    with made.project.read() as db:
        return [found.name for found in queries.vocabulary(db)]


def test_support_counts_images_once_and_heeds_the_person(made) -> None:
    assert (find(made, "sofa").support, find(made, "couch").support) == (2, 3)
    tags.reject(made.project, made.images[0], made.sofa)
    tags.accept(made.project, made.images[3], made.sofa)
    tags.accept(made.project, made.images[1], made.sofa)
    assert find(made, "sofa").support == 2
    synsets.merge(made.project, made.couch, made.sofa)
    # one: sofa rejected, couch undecided, so rejected; two, three and four remain
    assert find(made, "sofa").support == 3
    with made.project.write("images") as db:
        store.mark_missing(db, made.images[1:2])
    assert find(made, "sofa").support == 2


def test_the_vocabulary_is_ranked_and_hides_what_the_filters_dropped(made) -> None:
    assert names(made) == ["sofa", "couch"]
    with made.project.write("synsets") as db:
        seat = store.ensure_synset(db, "seat", inner=True, score=100)
        unused = store.ensure_synset(db, "unused group", inner=True)
        store.set_parents(db, {made.sofa: seat, made.couch: seat, made.dog: unused})
    assert names(made) == ["sofa", "couch", "seat"]
    tags.accept(made.project, made.images[3], made.dog)
    assert names(made) == ["sofa", "couch", "dog", "seat", "unused group"]
    synsets.reject(made.project, made.sofa)
    lamp = synsets.add(made.project, "lamp")
    assert names(made) == ["sofa", "couch", "dog", "lamp", "seat", "unused group"]
    tags.accept(made.project, made.images[0], seat)  # now it is a word itself
    assert names(made)[0] == "seat"
    with made.project.read() as db:
        assert queries.synset(db, lamp).source == "person"
        status = queries.status(db)
    assert status["synsets"] == 4
    assert status["accepted"] == {"synsets": 1, "tags": 2, "regions": 0}


def test_a_group_counts_each_image_once(made) -> None:
    with made.project.write("synsets") as db:
        seat = store.ensure_synset(db, "seat", inner=True)
        store.set_parents(db, {made.sofa: seat, made.couch: made.sofa})
    found = find(made, "seat")
    assert (found.support, found.subtree_support, found.inner) == (0, 3, True)
    assert (find(made, "sofa").support, find(made, "sofa").subtree_support) == (2, 3)
    with made.project.read() as db:
        assert len(queries.image_ids(db, synset=seat)) == 3
        assert len(queries.image_ids(db, synset=made.sofa)) == 3
        assert len(queries.tagged_images(db, made.sofa)) == 2
        assert [image.path for image in queries.images(db, queries.tagged_images(db, seat))] == []


def test_below_a_merged_word_is_below_its_target(made) -> None:
    with made.project.write("synsets") as db:
        bed = store.ensure_synset(db, "sofa bed")
        store.set_parents(db, {bed: made.couch, made.couch: made.dog})
    synsets.merge(made.project, made.couch, made.sofa)
    assert find(made, "sofa bed").parent == made.sofa
    assert find(made, "couch").parent is None  # the target's place counts
    synsets.move(made.project, made.sofa, made.dog)
    assert find(made, "couch").parent == made.dog
    made.project.undo()
    made.project.undo()
    assert find(made, "sofa bed").parent == made.couch
    assert find(made, "couch").parent == made.dog


def test_a_circle_between_machine_and_person_is_cut_at_the_machine(made) -> None:
    synsets.move(made.project, made.sofa, made.couch)
    with made.project.write("synsets") as db:
        store.set_parents(db, {made.couch: made.dog, made.dog: made.sofa})
    with made.project.read() as db:
        words = Words(db)
        assert words.parents[made.sofa] == made.couch
        assert list(words.parents.values()).count(None) == 1
        tops = [root for root in words.parents if words.parents[root] is None]
        below = [id for top in tops for id in words.subtree(top)]
        assert sorted(below) == [made.sofa, made.couch, made.dog]
        assert {found.id for found in queries.vocabulary(db)} >= {made.sofa, made.couch}


def test_a_synset_is_found_by_what_a_person_types(made) -> None:
    synsets.rename(made.project, made.dog, "Great Dane")
    for text, id in (
        ("sofa", made.sofa),
        ("LOUNGE", made.sofa),
        ("n04256520", made.sofa),
        (str(made.couch), made.couch),
        ("great_dane", made.dog),
        ("great-dane", made.dog),
        ("dog", made.dog),
    ):
        assert find(made, text).id == id
    for text in ("", "cat", "999", "n00000000", "²"):
        with pytest.raises(AnnotatorError, match=f"no synset {text}"):
            find(made, text)
    with made.project.write("synsets") as db:
        store.ensure_synset(db, "sofa", wordnet_id="n12345678")
    with pytest.raises(AnnotatorError, match=r"Several synsets are called sofa.*n12345678"):
        find(made, "sofa")
    with made.project.read() as db, pytest.raises(AnnotatorError, match="no synset 999"):
        queries.synset(db, 999)


def test_merged_words_answer_to_all_their_names(made) -> None:
    synsets.rename(made.project, made.couch, "settee")
    synsets.merge(made.project, [made.couch, made.dog], made.sofa)
    found = find(made, "sofa")
    assert found.lemmas == ("sofa", "lounge", "settee", "couch", "dog")
    assert found.score == 3
    for text in ("settee", "couch", "dog", "n03100346", str(made.dog)):
        assert find(made, text).id == made.sofa


def test_a_word_without_wordnet_id_gets_that_of_what_is_merged_into_it(made) -> None:
    synsets.merge(made.project, made.couch, made.dog)
    assert find(made, "dog").wordnet_id == "n03100346"


def test_typing_ahead(made) -> None:
    synsets.add(made.project, "dining table", lemmas=["board"])
    synsets.add(made.project, "table lamp")
    with made.project.read() as db:
        assert queries.suggest_words(db, "TA") == ["table lamp", "dining table"]
        assert queries.suggest_words(db, "boa") == ["board"]
        assert queries.suggest_words(db, "") == []
        assert queries.suggest_words(db, "%") == []
        assert queries.suggest_words(db, "ta", n=1) == ["table lamp"]
    synsets.reject(made.project, made.sofa)
    with made.project.read() as db:
        assert queries.suggest_words(db, "so") == []


def test_the_preview_tells_what_the_merge_does(made) -> None:
    with made.project.read() as db:
        preview = queries.merge_preview(db, [made.couch, made.dog], made.sofa)
    assert (preview.target, preview.sources) == ("sofa", ("couch", "dog"))
    assert (preview.tags, preview.images, preview.both, preview.regions) == (3, 3, 2, 0)
    synsets.merge(made.project, [made.couch, made.dog], made.sofa)
    assert find(made, "sofa").lemmas == preview.lemmas


def test_evidence_names_the_words_and_shows_no_image_twice(project) -> None:
    rng = random.Random(1)
    with project.write("tags") as db:
        files = [store.FileSeen(f"{i:03}.jpg", 1, 1) for i in range(60)]
        images = store.upsert_images(db, files)
        cat = store.ensure_synset(db, "cat")
        tabby = store.ensure_synset(db, "tabby")
        run = store.start_run(db, "propose")
        scores = {id: round(rng.uniform(0.3, 0.99), 3) for id in images}
        store.add_run_images(
            db,
            run,
            [
                (id, None, [store.Said(Proposed("cat"), "whole", 0, 0.5),
                            store.Said(Proposed("tabby"), "whole", 0, 0.5)][: 1 + i % 2])
                for i, id in enumerate(images)
            ],
        )  # fmt: skip
        for label in queries.labels(db):
            store.set_label(db, label.id, cat if label.text == "cat" else tabby, "same word")
        rows = [
            store.TagRow(id, cat, scores[id], 0.5, 1, 1, ("whole",), scores[id] > 0.4, "below 0.4")
            for id in images
        ]
        store.set_tags(db, rows)
    synsets.merge(project, tabby, cat)
    kept = sorted((s for s in scores.values() if s > 0.4), reverse=True)
    best = max(images, key=lambda id: scores[id])
    tags.reject(project, best, cat)
    with project.read() as db:
        found = queries.evidence(db, tabby, n=5)
    words = {word.text: word for word in found.words}
    assert (words["cat"].count, words["tabby"].count) == (60, 30)
    assert words["cat"].dropped == 60 - len(kept)
    assert words["cat"].reason == "same word; dropped: below 0.4"
    assert words["tabby"].reason == "same word; merged from tabby"
    assert [tag.score for tag in found.strongest] == kept[1:6]
    assert [tag.score for tag in found.weakest] == kept[-5:]
    near = sorted(kept[6:-5], key=lambda score: abs(score - 0.5))[:5]
    assert [tag.score for tag in found.doubtful] == sorted(near, reverse=True)
    shown = [tag.image_id for tag in (*found.strongest, *found.doubtful, *found.weakest)]
    assert len(set(shown)) == 15


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7])
def test_evidence_of_a_rare_word_shows_all_of_it_once(project, count: int) -> None:
    with project.write("tags") as db:
        images = store.upsert_images(db, [store.FileSeen(f"{i}", 1, 1) for i in range(count)])
        cat = store.ensure_synset(db, "cat")
        store.set_tags(
            db, [store.TagRow(id, cat, id / 10, 0.5, 1, 1, ("whole",), True) for id in images]
        )
        found = queries.evidence(db, cat)
    shown = [tag.image_id for tag in (*found.strongest, *found.doubtful, *found.weakest)]
    assert sorted(shown) == images
