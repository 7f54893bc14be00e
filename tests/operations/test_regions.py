"""Masks."""

from __future__ import annotations

import numpy as np
import pytest

from annotator.core import masks
from annotator.core.errors import AnnotatorError
from annotator.operations import history, regions, synsets, tags
from annotator.project import queries, store


@pytest.fixture
def machine(made) -> list[int]:
    """Masks of a machine: sofa and couch on the first image."""
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:7] = True
    rle = masks.encode(mask)
    with made.project.write("regions") as db:
        return store.add_regions(
            db,
            [
                store.RegionRow(made.images[0], synset, rle, (2, 1, 5, 3), 15, 0.31, 0.2, {"k": 1})
                for synset in (made.sofa, made.couch)
            ],
        )


def verdicts(made, synset: int | None = None) -> list[tuple[str, str]]:
    with made.project.read() as db:
        return [(r.synset, r.verdict) for r in queries.regions(db, made.images[0], synset)]


def test_verdicts(made, machine, digest) -> None:
    start = digest(made.project)
    regions.accept(made.project, machine)
    assert verdicts(made) == [("sofa", "accepted"), ("couch", "accepted")]
    regions.reject(made.project, machine[0])
    assert verdicts(made, made.sofa) == [("sofa", "rejected")]
    regions.clear(made.project, machine)
    assert digest(made.project) == start
    labels = [history.undo(made.project).label for _ in range(3)]
    assert labels == ["Clear 2 masks", "Reject mask of sofa on one.jpg", "Accept 2 masks"]
    assert digest(made.project) == start


def test_keep(made, digest) -> None:
    start = digest(made.project)
    mask = np.zeros((6, 8), bool)
    mask[1:5, 2:7] = True
    mask[2, 3] = False
    kept = regions.keep(
        made.project, made.images[0], made.sofa, masks.encode(mask), 0.125, {"point": [3, 2]}
    )
    with made.project.read() as db:
        found = queries.region(db, kept)
    assert (found.area, found.bbox, found.verdict, found.source) == (
        19,
        (2, 1, 5, 4),
        "accepted",
        "person",
    )
    assert (found.score, found.threshold) == (None, 0.125)
    assert np.array_equal(masks.decode(found.rle), mask)
    with made.project.write("regions") as db:
        assert store.drop_regions(db, made.images[0]) == 0  # a machine never drops it
    assert history.undo(made.project).label == "Keep mask of sofa on one.jpg"
    assert digest(made.project) == start


def test_masks_that_cannot_be(made, digest) -> None:
    before = digest(made.project)
    empty, small = masks.encode(np.zeros((6, 8), bool)), masks.encode(np.ones((8, 6), bool))
    for image, synset, rle, words in (
        (made.images[0], made.sofa, empty, "is empty; lower the threshold"),
        (made.images[0], made.sofa, small, "6x8 pixels and one.jpg is 8x6"),
        (99, made.sofa, small, "no image 99"),
        (made.images[0], 99, empty, "no synset 99"),
    ):
        with pytest.raises(AnnotatorError, match=words):
            regions.keep(made.project, image, synset, rle)
    for ids, words in ((99, "no region 99"), ([], "Choose the masks")):
        for call in (regions.accept, regions.reject, regions.clear):
            with pytest.raises(AnnotatorError, match=words):
                call(made.project, ids)
    assert digest(made.project) == before


def test_masks_follow_the_word_and_the_tag(made, machine) -> None:
    synsets.merge(made.project, made.couch, made.sofa)
    assert verdicts(made, made.couch) == [("sofa", "unknown"), ("sofa", "unknown")]
    tags.reject(made.project, made.images[0], made.sofa)
    assert verdicts(made) == [("sofa", "rejected"), ("sofa", "rejected")]
    regions.accept(made.project, machine[0])  # the person's word on the mask itself goes first
    assert verdicts(made) == [("sofa", "accepted"), ("sofa", "rejected")]
    synsets.reject(made.project, made.sofa)
    assert verdicts(made) == []
    with made.project.read() as db:
        assert list(queries.all_regions(db)) == []
        status = queries.status(db)
    assert (status["regions"], status["accepted"]["regions"]) == (0, 0)
    history.undo(made.project)
    with made.project.read() as db:
        assert [region.id for region in queries.all_regions(db)] == machine


def test_a_correction_takes_the_place_of_a_mask(made, machine, digest) -> None:
    before = digest(made.project)
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:5] = True
    new = regions.replace(
        made.project, machine[0], masks.encode(mask), {"points": [[3.0, 2.0, False]]}
    )
    with made.project.read() as db:
        old, found = queries.region(db, machine[0]), queries.region(db, new)
    assert (old.verdict, old.area, old.source) == ("rejected", 15, "machine")
    assert (found.synset, found.verdict, found.source) == ("sofa", "accepted", "person")
    assert (found.area, found.bbox, found.threshold) == (9, (2, 1, 3, 3), 0.2)
    assert found.prompt == {"points": [[3.0, 2.0, False]], "replaces": machine[0]}
    assert history.undo(made.project).label == "Correct mask of sofa on one.jpg"
    assert digest(made.project) == before
    history.redo(made.project)
    assert verdicts(made, made.sofa) == [("sofa", "rejected"), ("sofa", "accepted")]


def test_an_empty_correction_is_refused_and_changes_nothing(made, machine, digest) -> None:
    before = digest(made.project)
    with pytest.raises(AnnotatorError, match=r"The mask of sofa on one\.jpg is empty"):
        regions.replace(made.project, machine[0], masks.encode(np.zeros((6, 8), bool)))
    with pytest.raises(AnnotatorError, match=r"4x4 pixels and one\.jpg is 8x6"):
        regions.replace(made.project, machine[0], masks.encode(np.ones((4, 4), bool)))
    assert digest(made.project) == before
