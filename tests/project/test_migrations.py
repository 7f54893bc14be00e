"""Older files are copied before they change, and change wholly or not at all."""

from __future__ import annotations

import pytest

from annotator.core.errors import AnnotatorError
from annotator.core.records import Usage
from annotator.operations import suggestions, synsets
from annotator.project import journal, migrations, queries, store
from annotator.project.check import check
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3

FORMAT = migrations.latest()


def add_column(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE images ADD COLUMN note TEXT")


def fail_late(db: sqlite3.Connection) -> None:
    db.execute("DROP TABLE tags")
    raise ZeroDivisionError


def version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def test_an_old_project_is_copied_and_brought_up_to_date(made, monkeypatch) -> None:
    synsets.accept(made.project, made.dog)
    made.project.close()
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_column))
    path = made.project.path
    with Project.open(path) as project, project.read() as db:
        assert version(db) == FORMAT + 1
        assert db.execute("SELECT note FROM images").fetchone() == (None,)
        assert queries.synset(db, made.dog).verdict == "accepted"
    monkeypatch.undo()
    says = rf"newer Annotator \(format {FORMAT + 1}, this one knows {FORMAT}\)"
    with pytest.raises(AnnotatorError, match=says):
        Project.open(path)
    with Project.open(path.with_name(f"my.annot.backup-{FORMAT}")) as copy, copy.read() as db:
        assert version(db) == FORMAT
        assert queries.synset(db, made.dog).verdict == "accepted"


def test_a_failed_migration_changes_nothing(made, digest, monkeypatch) -> None:
    before = digest(made.project)
    made.project.close()
    broken = (*migrations.MIGRATIONS, add_column, fail_late)
    monkeypatch.setattr(migrations, "MIGRATIONS", broken)
    with pytest.raises(ZeroDivisionError):
        Project.open(made.project.path)
    monkeypatch.undo()
    with Project.open(made.project.path) as project:
        assert digest(project) == before
        with project.read() as db:
            assert version(db) == FORMAT


def test_a_copy_never_replaces_an_older_one(made, monkeypatch) -> None:
    made.project.close()
    path = made.project.path
    kept = path.with_name(f"my.annot.backup-{FORMAT}")
    kept.write_text("mine")
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_column))
    Project.open(path).close()
    assert kept.read_text() == "mine"
    assert path.with_name(f"my.annot.backup-{FORMAT}-2").exists()


#: Rows of a project of format 1, as that format had them.
FIRST_ROWS = """
    INSERT INTO images VALUES (1, 'a.jpg', 5, 1, 'h1', 8, 6, 'JPEG', NULL, 0);
    INSERT INTO runs VALUES (1, 'propose', 'starter', '{"tagger":"net@1"}',
        '{"combine":"avg","filter":"percentile","grid":"none","prompt":"","samples":1,
          "threshold":0.68,"top":10}', 0, '2025-01-01', '2025-01-01', 'done', 1);
    INSERT INTO run_images VALUES (1, 1, NULL, 'h1');
    INSERT INTO synsets VALUES (1, 'sofa', 'sofa', 'n04256520', NULL, 'machine', 0, 2.0);
    INSERT INTO synsets VALUES (2, 'couch', 'couch', NULL, NULL, 'machine', 0, 1.0);
    INSERT INTO lemmas VALUES (1, 'sofa', 0, 'machine');
    INSERT INTO labels VALUES (1, 'sofa', 'n04256520', 1, 'named');
    INSERT INTO proposals VALUES (1, 1, 1, 1, 'whole', 0, 0.5, '[0.5]');
    INSERT INTO tags VALUES (1, 1, 0.5, 0.5, 1, 1, '["whole"]', 1, NULL, 1);
    INSERT INTO regions VALUES (1, 1, 1, '0`1', 6, 8, 0, 0, 8, 6, 48, 0.3, 0.1, 'machine', 1, '{}');
"""


def first_format(path, folder) -> None:
    """A project as the first format made it, with two decisions, the later one undone."""
    db = sqlite3.connect(path, isolation_level=None)
    migrations.m001_first(db)
    db.execute(f"PRAGMA application_id = {migrations.APPLICATION_ID}")
    db.execute("PRAGMA user_version = 1")
    db.execute("INSERT INTO meta VALUES ('folder', ?)", (str(folder),))
    db.executescript(FIRST_ROWS)
    for label, statement in (
        ("Merge couch into sofa", "(synset_id, merged_into, root) VALUES (2, 1, 1)"),
        ("Accept sofa", "(synset_id, verdict) VALUES (1, 'accepted')"),
    ):
        step = journal.begin(db, label)
        db.execute(f"INSERT INTO synset_decisions {statement}")
        journal.end(db, step)
    journal.undo(db)
    there = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    assert not there & {"replies", "suggestions", "journal_suggestion_decisions_insert"}
    db.close()


def test_a_project_of_the_first_format_is_all_there(tmp_path, folder) -> None:
    path = tmp_path / "old.annot"
    first_format(path, folder)
    before = dump(path)
    with Project.open(path) as project:
        with project.read() as db:
            assert version(db) == FORMAT
            (run,) = queries.runs(db)
            assert (run.status, run.done, run.usage) == ("done", 1, Usage())
            (said,) = queries.proposals(db)
            assert (said.text, said.probability, said.token_probabilities) == ("sofa", 0.5, (0.5,))
            (only,) = queries.tags(db, 1)
            assert (only.synset, only.score) == ("sofa", 0.5)
            (mask,) = queries.regions(db, 1)
            assert mask.area == 48
            assert queries.synset(db, 2).name == "sofa"
            found = queries.status(db)
            assert (found["replies"], found["suggestions"]) == (0, 0)
        # What was undone before can be done again, and an old step undone.
        assert project.redo().label == "Accept sofa"
        assert [project.undo().label, project.undo().label] == [
            "Accept sofa",
            "Merge couch into sofa",
        ]
        with project.read() as db:
            assert queries.synset(db, 2).name == "couch"
        # And what is new works in it, with its journal.
        with project.write("suggestions") as db:
            store.set_suggestions(db, [store.SuggestionRow("merge", 2, 1, 0.9, "x")])
        suggestions.reject(project, 1)
        assert project.undo().label == "Reject: merge couch into sofa"
        with project.read() as db:
            assert [one.source_name for one in queries.suggestions(db)] == ["couch"]
        assert [said for said in check(project) if "a.jpg" not in said] == []
    assert dump(path.with_name("old.annot.backup-1")) == before


def test_a_project_of_the_second_format_is_all_there(tmp_path, folder) -> None:
    path = tmp_path / "old.annot"
    first_format(path, folder)
    db = sqlite3.connect(path, isolation_level=None)
    migrations.m002_talking(db)
    db.execute("PRAGMA user_version = 2")
    db.executescript(
        """
        INSERT INTO replies VALUES (1, 1, 1, 'whole', 0, 'a sofa', NULL);
        INSERT INTO suggestions VALUES (1, 'merge', 2, 1, 0.9, 'alike', NULL);
        UPDATE runs SET usage = '{"requests": 3}';
        """
    )
    there = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    assert "tag_pixels" not in there
    db.close()
    before = dump(path)
    with Project.open(path) as project:
        with project.read() as db:
            assert version(db) == FORMAT
            (run,) = queries.runs(db)
            assert run.usage == Usage(requests=3)
            assert [reply.text for reply in queries.replies(db, 1)] == ["a sofa"]
            (tag,) = queries.tags(db, 1)
            assert (tag.score, tag.peak, tag.peak_at, tag.supported) == (0.5, None, None, None)
            assert queries.status_counts(db)["unsupported"] == 0
        # What is new works in it: a look at the pixels, and a merge of what was looked at.
        with project.write("tags") as db:
            rows = [
                store.PixelsRow(1, 1, 0.25, 0.5, 0.75, False),
                store.PixelsRow(1, 2, 0.5, 0.25, 0.125, True),
            ]
            store.set_tag_pixels(db, rows)
        with project.read() as db:
            (tag,) = queries.tags(db, 1)
            assert (tag.peak, tag.peak_at, tag.supported) == (0.5, (0.25, 0.125), True)
            assert queries.status_counts(db)["unsupported"] == 0
        assert project.undo().label == "Merge couch into sofa"
        with project.read() as db:
            (tag,) = queries.tags(db, 1)
            assert (tag.peak, tag.peak_at, tag.supported) == (0.25, (0.5, 0.75), False)
            assert queries.image_ids(db, status="unsupported") == [1]
            assert queries.status_counts(db)["unsupported"] == 1
        assert [said for said in check(project) if "a.jpg" not in said] == []
    assert dump(path.with_name("old.annot.backup-2")) == before


def dump(path) -> dict[str, tuple[str, list[tuple]]]:
    """Table -> how it was made, and its rows."""
    db = sqlite3.connect(path)
    try:
        tables = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: (sql, db.execute(f"SELECT * FROM [{name}] ORDER BY 1, 2").fetchall())
            for name, sql in tables
        }
    finally:
        db.close()
