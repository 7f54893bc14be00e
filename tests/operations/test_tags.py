"""Words on an image."""

from __future__ import annotations

import pytest

from annotator.core.errors import AnnotatorError
from annotator.operations import history, synsets, tags
from annotator.project import queries


def verdicts(made, image: int) -> dict[str, str]:
    with made.project.read() as db:
        return {tag.synset: tag.verdict for tag in queries.tags(db, image)}


def rows(made) -> list[tuple[int, int, str]]:
    with made.project.read() as db:
        return db.execute("SELECT image_id, synset_id, verdict FROM tag_decisions").fetchall()


def test_verdicts(made, digest) -> None:
    one = made.images[0]
    start = digest(made.project)
    tags.accept(made.project, one, made.sofa)
    assert verdicts(made, one) == {"sofa": "accepted", "couch": "unknown"}
    tags.reject(made.project, one, made.sofa)
    assert verdicts(made, one)["sofa"] == "rejected"
    tags.clear(made.project, one, made.sofa)
    assert verdicts(made, one)["sofa"] == "unknown"
    assert digest(made.project) == start
    labels = [history.undo(made.project).label for _ in range(3)]
    assert labels == ["Clear sofa on one.jpg", "Reject sofa on one.jpg", "Accept sofa on one.jpg"]
    assert digest(made.project) == start


def test_an_image_that_had_both_words(made) -> None:
    one, two, three, _ = made.images
    tags.accept(made.project, one, made.couch)
    tags.reject(made.project, one, made.sofa)
    tags.reject(made.project, two, made.sofa)
    tags.reject(made.project, two, made.couch)
    tags.reject(made.project, three, made.couch)
    synsets.merge(made.project, made.couch, made.sofa)
    found = [verdicts(made, image)["sofa"] for image in (one, two, three)]
    assert found == ["accepted", "rejected", "rejected"]


def test_a_decision_on_a_merged_word_replaces_the_older_ones(made, digest) -> None:
    one = made.images[0]
    tags.accept(made.project, one, made.couch)
    tags.reject(made.project, one, made.sofa)
    synsets.merge(made.project, made.couch, made.sofa)
    before = digest(made.project)
    tags.reject(made.project, one, made.couch)  # asked by its old id
    assert rows(made) == [(one, made.sofa, "rejected")]
    assert verdicts(made, one) == {"sofa": "rejected"}
    history.undo(made.project)
    assert digest(made.project) == before
    tags.clear(made.project, one, made.sofa)
    assert rows(made) == []
    assert verdicts(made, one) == {"sofa": "unknown"}
    history.undo(made.project)
    history.undo(made.project)
    assert verdicts(made, one) == {"sofa": "rejected", "couch": "accepted"}


def test_add_word(made, digest) -> None:
    four = made.images[3]
    start = digest(made.project)
    assert tags.add_word(made.project, four, "Lounge") == made.sofa
    assert tags.add_word(made.project, four, "couches") == made.couch
    lamp = tags.add_word(made.project, four, " table   lamp ")
    assert tags.add_word(made.project, made.images[0], "Table Lamp") == lamp
    assert verdicts(made, four) == {
        "sofa": "accepted",
        "couch": "accepted",
        "table lamp": "accepted",
    }
    with made.project.read() as db:
        assert queries.synset(db, lamp).source == "person"
        assert queries.synset(db, lamp).support == 2
    with pytest.raises(AnnotatorError, match="needs a name"):
        tags.add_word(made.project, four, "  ")
    assert history.undo(made.project).label == "Add Table Lamp on one.jpg"
    for _ in range(3):
        history.undo(made.project)
    assert digest(made.project) == start


def test_typing_a_rejected_word_takes_it_back_in(made) -> None:
    synsets.reject(made.project, made.dog)
    tags.add_word(made.project, made.images[0], "dog")
    assert verdicts(made, made.images[0])["dog"] == "accepted"
    history.undo(made.project)
    assert "dog" not in verdicts(made, made.images[0])
    with made.project.read() as db:
        assert queries.synset(db, made.dog).verdict == "rejected"


@pytest.mark.parametrize("call", [tags.accept, tags.reject, tags.clear])
def test_unknown_things_are_refused(made, digest, call) -> None:
    before = digest(made.project)
    with pytest.raises(AnnotatorError, match="no image 99"):
        call(made.project, 99, made.sofa)
    with pytest.raises(AnnotatorError, match="no synset 99"):
        call(made.project, made.images[0], 99)
    with pytest.raises(AnnotatorError, match="no image 99"):
        tags.add_word(made.project, 99, "dog")
    assert digest(made.project) == before
