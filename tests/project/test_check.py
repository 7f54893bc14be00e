from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from annotator.core import masks
from annotator.project import store
from annotator.project.check import check, missing_images
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """One image with three synsets and a mask."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"12345")
    with Project.create(tmp_path / "my.annot", folder) as project:
        with project.write("images") as db:
            (image,) = store.upsert_images(db, [store.FileSeen("a.jpg", 5, 1)])
            store.set_image_read(db, image, hash="0" * 32, width=6, height=4, format="JPEG")
            synset, *_ = (store.ensure_synset(db, word) for word in ("cat", "dog", "cow"))
            rle = masks.encode(np.eye(4, 6))
            row = store.RegionRow(image, synset, rle, masks.bbox(rle), masks.area(rle), 0.1, 0.1)
            store.add_regions(db, [row])
        yield project


def damage(project: Project, *statements: str) -> None:
    """Change the file behind the program's back, without its guards."""
    with sqlite3.connect(project.path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def test_a_sound_project_has_no_problems(project: Project) -> None:
    assert check(project) == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE regions SET synset_id = 99", "regions refers to a row of synsets"),
        ("UPDATE open_step SET step_id = 1", "never closed"),
        ("UPDATE regions SET counts = '11'", "Mask 1 of a.jpg is damaged"),
        ("UPDATE regions SET area = 3", "has 4 pixels, not 3"),
        ("UPDATE images SET width = 7", "drawn on 6 x 4 pixels; the image now has 7 x 4"),
        ("UPDATE images SET bytes = 6", "a.jpg changed since the last scan"),
        ("UPDATE images SET path = 'b.jpg'", "b.jpg cannot be found"),
        ("UPDATE synsets SET parent = id WHERE id = 1", "Synset 1 is below itself"),
        (
            "INSERT INTO suggestions VALUES (1, 'merge', 1, 77, 0.5, '', NULL)",
            "suggestions refers to a row of synsets",
        ),
        (
            "INSERT INTO suggestion_decisions VALUES ('merge', 1, 77, 'rejected', '')",
            "suggestion_decisions refers to a row of synsets",
        ),
        (
            "INSERT INTO suggestion_decisions VALUES ('merge', 1, 2, 'accepted', '')",
            "Merging synset 1 into 2 counts as taken, but they are two words",
        ),
        (
            "INSERT INTO runs VALUES (1, 'propose', '', '{}', '{}', 0, '', '', 'done', 1, 'x')",
            "What run 1 took cannot be read",
        ),
        (
            "INSERT INTO synset_decisions (synset_id, merged_into, root) VALUES (1, 2, 3)",
            "Synset 1 is merged into 2, but read as 3",
        ),
        (
            "INSERT INTO synset_decisions (synset_id, merged_into, root) VALUES (1, 1, 1)",
            "Synset 1 is merged into itself",
        ),
    ],
)
def test_damage_is_named(project: Project, statement: str, words: str) -> None:
    damage(project, statement)
    (problem,) = check(project)
    assert words in problem


def test_a_journal_that_cannot_be_read_is_named(project: Project) -> None:
    with project.transact("Accept cat") as db:
        db.execute("INSERT INTO synset_decisions (synset_id, verdict) VALUES (1, 'accepted')")
    assert check(project) == []
    damage(project, "UPDATE journal SET new = 'no json'")
    assert "undo stops there" in check(project)[0]


def test_replies_without_their_image_are_named(project: Project) -> None:
    with project.write("runs") as db:
        run = store.start_run(db, "propose")
        store.add_run_images(db, run, [(1, None, ())], {1: [store.ReplyRow("whole", 0, "cat")]})
    assert check(project) == []
    damage(project, "DELETE FROM run_images")
    assert check(project) == ["Run 1 has replies for image 1, which it has not done."]


def test_pixels_without_their_image_are_named(project: Project) -> None:
    with project.write("tags") as db:
        run = store.start_run(db, "support")
        store.add_run_images(db, run, [(1, None, ())])
        store.set_tag_pixels(db, [store.PixelsRow(1, 1, 0.3, 0.5, 0.5, True)], run_id=run)
    assert check(project) == []
    damage(project, "DELETE FROM run_images")
    said = "Run 1 has looked at the pixels of image 1, which it has not done."
    assert check(project) == [said]
    damage(project, "UPDATE tag_pixels SET run_id = NULL, synset_id = 99")
    assert "tag_pixels refers to a row of synsets" in check(project)[0]


def test_undone_steps_come_last(project: Project) -> None:
    for verdict in ("accepted", "rejected"):
        with project.transact(verdict) as db:
            db.execute(
                "INSERT OR REPLACE INTO synset_decisions (synset_id, verdict) VALUES (1, ?)",
                (verdict,),
            )
    damage(project, "UPDATE steps SET undone = 1 WHERE label = 'accepted'")
    assert "undone step before" in check(project)[0]


def test_many_problems_of_a_kind_are_counted(project: Project) -> None:
    rows = [store.FileSeen(f"{n:03}.jpg", 5, 1) for n in range(100)]
    with project.write("images") as db:
        store.upsert_images(db, rows)
    problems = check(project)
    assert len(problems) == 6
    assert problems[0].startswith("000.jpg cannot be found")
    assert problems[-1] == "... and 95 more of this kind"


def test_a_folder_that_is_gone_is_one_problem(project: Project) -> None:
    project.folder.rename(project.folder.with_name("moved"))
    (problem,) = check(project)
    assert str(project.folder) in problem


def test_missing_images_count_when_something_was_accepted(project: Project) -> None:
    with project.write("images") as db:
        store.mark_missing(db, [1])
    with project.read() as db:
        assert missing_images(db) == []
    with project.transact("Accept") as db:
        db.execute("INSERT INTO tag_decisions VALUES (1, 1, 'accepted', '')")
    with project.read() as db:
        assert [image.path for image in missing_images(db)] == ["a.jpg"]
