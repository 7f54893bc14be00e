"""Filters, marks and counts agree with each other and with the plain reading of the rules."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotator.core.errors import AnnotatorError
from annotator.operations import synsets, tags
from annotator.project import queries, store
from annotator.project.project import Project

IMAGES, SYNSETS = 5, 4
MACHINE = st.dictionaries(
    st.tuples(st.integers(0, IMAGES - 1), st.integers(0, SYNSETS - 1)),
    st.tuples(st.sampled_from([0.1, 0.2, 0.4, 0.6, 0.7]), st.booleans()),
    max_size=14,
)
DECIDED = st.dictionaries(
    st.tuples(st.integers(0, IMAGES - 1), st.integers(0, SYNSETS - 1)),
    st.sampled_from(["accepted", "rejected"]),
    max_size=10,
)
PIXELS = st.dictionaries(
    st.tuples(st.integers(0, IMAGES - 1), st.integers(0, SYNSETS - 1)),
    st.tuples(st.sampled_from([-0.2, 0.1, 0.3]), st.booleans()),
    max_size=14,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    machine=MACHINE,
    decided=DECIDED,
    pixels=PIXELS,
    merges=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=2),
    rejected=st.sets(st.integers(0, SYNSETS - 1), max_size=1),
    unreadable=st.sets(st.integers(0, IMAGES - 1), max_size=1),
    missing=st.sets(st.integers(0, IMAGES - 1), max_size=1),
)
def test_all_reads_follow_the_rules(
    machine: dict[tuple[int, int], tuple[float, bool]],
    decided: dict[tuple[int, int], str],
    pixels: dict[tuple[int, int], tuple[float, bool]],
    merges: list[tuple[int, int]],
    rejected: set[int],
    unreadable: set[int],
    missing: set[int],
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        Project.create(Path(folder) / "p.annot", Path(folder)) as project,
    ):
        with project.write("tags") as db:
            files = [store.FileSeen(f"{9 - i}.jpg", 1, 1) for i in range(IMAGES)]
            images = store.upsert_images(db, files)
            words = [store.ensure_synset(db, name) for name in ("ant", "bee", "cow", "dog")]
            for i, id in enumerate(images):
                store.set_image_read(db, id, hash=f"{i}", width=4, height=4, format="PNG")
                if i in unreadable:
                    store.set_image_error(db, id, "torn")
            store.mark_missing(db, [images[i] for i in missing])
            store.set_tags(
                db,
                [
                    store.TagRow(images[i], words[s], score, score, 1, 1, ("whole",), kept)
                    for (i, s), (score, kept) in machine.items()
                ],
            )
            store.set_tag_pixels(
                db,
                [
                    store.PixelsRow(images[i], words[s], score, s / 4, 0.5, supported)
                    for (i, s), (score, supported) in pixels.items()
                ],
            )
        for (i, s), verdict in decided.items():
            (tags.accept if verdict == "accepted" else tags.reject)(project, images[i], words[s])
        root = {s: s for s in range(SYNSETS)}
        for source, target in merges:
            if root[source] != root[target]:
                synsets.merge(project, words[source], words[target])
                old, new = root[source], root[target]
                root = {s: new if r == old else r for s, r in root.items()}
        for s in rejected:
            synsets.reject(project, words[s])
        hidden = {root[s] for s in rejected}

        shown: dict[int, dict[int, str]] = {i: {} for i in range(IMAGES)}
        status: dict[int, str] = {}
        unsupported: set[int] = set()
        looks: dict[tuple[int, int], tuple[float | None, bool | None]] = {}
        support = dict.fromkeys(root.values(), 0)
        for i in range(IMAGES):
            any_tag = undecided = doubtful = False
            for r in set(root.values()):
                members = [s for s in root if root[s] == r]
                verdicts = {decided[i, s] for s in members if (i, s) in decided}
                scores = [machine[i, s][0] for s in members if machine.get((i, s), (0, 0))[1]]
                looked = [pixels[i, s] for s in members if (i, s) in pixels]
                peak = max((score for score, _ in looked), default=None)
                seen = any(supported for _, supported in looked) if looked else None
                looks[i, r] = (peak, seen)
                verdict = "unknown"
                if verdicts:
                    verdict = "accepted" if "accepted" in verdicts else "rejected"
                on = verdict == "accepted" or (bool(scores) and verdict == "unknown")
                if i not in missing:
                    support[r] += on
                if r in hidden:
                    continue
                if scores or verdicts:
                    shown[i][words[r]] = verdict
                any_tag |= bool(scores) or verdict == "accepted"
                if scores and verdict == "unknown":
                    undecided = True
                    if seen is False and i not in unreadable:
                        unsupported.add(i)
                    doubtful |= any(0.2 <= score <= 0.6 for score in scores)
            status[i] = (
                "unreadable" if i in unreadable
                else "no tags" if not any_tag
                else "reviewed" if not undecided
                else "doubtful" if doubtful
                else "unreviewed"
            )  # fmt: skip

        here = [i for i in reversed(range(IMAGES)) if i not in missing]  # in path order
        with project.read() as db:
            marks = queries.image_marks(db, images)
            counts = queries.status_counts(db)
            for name in queries.STATUSES:
                these = {name, "doubtful"} if name == "unreviewed" else {name}
                wanted = [images[i] for i in here if status[i] in these]
                if name == "unsupported":
                    wanted = [images[i] for i in here if i in unsupported]
                assert queries.image_ids(db, status=name) == wanted
                assert counts[name] == len(wanted)
            assert counts["all"] == len(here) == len(queries.image_ids(db))
            every = {image: [] for image in images}
            for tag in queries.all_tags(db):
                every[tag.image_id].append(tag)
            for i, id in enumerate(images):
                found = queries.tags(db, id)
                assert {tag.synset_id: tag.verdict for tag in found} == shown[i]
                assert every[id] == ([] if i in missing else found)
                for tag in found:
                    peak, seen = looks[i, root[words.index(tag.synset_id)]]
                    assert (tag.peak, tag.supported) == (peak, seen)
                    assert (tag.peak_at is None) == (peak is None)
                assert marks[id].status == status[i]
                assert marks[id].accepted == list(shown[i].values()).count("accepted")
            for r in set(root.values()):
                one = queries.synset(db, words[r])
                assert one.support == one.subtree_support == support[r]
                assert len(queries.tagged_images(db, words[r])) == support[r]
                assert queries.tagged_images(db, words[r]) == queries.image_ids(db, synset=words[r])
            visible = {found.id: found for found in queries.vocabulary(db)}
            for id, found in visible.items():
                assert found == queries.synset(db, id)


def ids(made, **filters) -> list[int]:
    with made.project.read() as db:
        return queries.image_ids(db, **filters)


def test_text_is_sought_in_paths_names_and_lemmas(made) -> None:
    one, two, three, four = made.images
    assert ids(made) == [four, one, three, two]  # path order
    assert ids(made, text="LOUNGE") == [one, two]
    assert ids(made, text="couch") == [one, three, two]
    assert ids(made, text="ouch") == []  # words are matched from their beginning
    assert ids(made, text="dog") == []  # dropped by the filters
    assert ids(made, text="wo.j") == [two]
    assert ids(made, text="sofa thr") == []
    assert ids(made, text="couch thr") == [three]
    assert ids(made, text="%") == ids(made, text="_") == ids(made, text="\\") == []
    tags.reject(made.project, one, made.couch)
    synsets.rename(made.project, made.couch, "settee")
    assert ids(made, text="sett") == ids(made, text="couch") == [three, two]
    assert ids(made, text="set", status="doubtful") == [two]
    with pytest.raises(AnnotatorError, match="no synset 77"):
        ids(made, synset=77)
    with pytest.raises(ValueError, match="no status"):
        ids(made, status="great")


def test_an_image_is_found_by_what_a_person_types(made) -> None:
    with made.project.write("images") as db:
        store.upsert_images(db, [store.FileSeen(f"{d}/same.jpg", 1, 1) for d in "bc"])
        store.upsert_images(db, [store.FileSeen("7", 1, 1), store.FileSeen("d%/x_y.jpg", 1, 1)])
    with made.project.read() as db:
        one = made.images[0]
        for text in (str(one), "a/one.jpg", "one.jpg", "a\\one.jpg", "./a/one.jpg"):
            assert queries.find_image(db, text).id == one
        assert queries.find_image(db, "7").path == "7"  # a path goes before an id
        assert queries.find_image(db, "b/same.jpg").path == "b/same.jpg"
        assert queries.find_image(db, "x_y.jpg").path == "d%/x_y.jpg"
        for text in ("ne.jpg", "%", "99999999999999999999", "", "xxy.jpg", "²"):
            with pytest.raises(AnnotatorError, match="no image"):
                queries.find_image(db, text)
        with pytest.raises(AnnotatorError, match=r"Several .* b/same.jpg and c/same.jpg"):
            queries.find_image(db, "same.jpg")
        with pytest.raises(AnnotatorError, match="no image 99"):
            queries.image(db, 99)
        assert [image.id for image in queries.images(db, [3, 99, 1])] == [3, 1]


def test_tags_of_a_merged_word_are_one(made) -> None:
    with made.project.write("tags") as db:
        row = store.TagRow(made.images[0], made.couch, 0.97, 0.6, 2, 5, ("top left", "whole"), True)
        store.set_tags(db, [row])
    synsets.merge(made.project, made.couch, made.sofa)
    with made.project.read() as db:
        (tag,) = queries.tags(db, made.images[0])
        assert (tag.synset, tag.score, tag.probability) == ("sofa", 0.97, 0.6)
        assert (tag.seen, tag.occurrence, tag.crops) == (("top left", "whole"), 2, 5)
        assert len(queries.tags(db, made.images[3])) == 0
        (dropped,) = queries.tags(db, made.images[3], dropped=True)
        assert (dropped.kept, dropped.reason) == (False, "below 0.68")
        with pytest.raises(AnnotatorError, match="no image 99"):
            queries.tags(db, 99)


def test_a_persons_word_comes_first(made) -> None:
    tags.accept(made.project, made.images[0], made.dog)
    with made.project.read() as db:
        found = queries.tags(db, made.images[0])
    assert [(tag.synset, tag.score, tag.source) for tag in found] == [
        ("dog", None, "person"),
        ("sofa", 0.9, "machine"),
        ("couch", 0.7, "machine"),
    ]
