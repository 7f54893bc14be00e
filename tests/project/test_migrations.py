"""Older files are copied before they change, and change wholly or not at all."""

from __future__ import annotations

import sqlite3

import pytest

from annotator.core.errors import AnnotatorError
from annotator.operations import synsets
from annotator.project import migrations, queries
from annotator.project.project import Project

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
