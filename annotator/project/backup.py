"""A copy of a project that is whole even while the project is being worked on."""

from __future__ import annotations

import os
import secrets
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from annotator.core.errors import AnnotatorError
from annotator.core.paths import is_folder
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3


def backup(project: Project, out: Path | None = None) -> Path:
    """Copy the project to ``out``; returns its path. Nothing is ever overwritten.

    Without ``out``: beside the project, with the date and time in its name. The cache is not
    copied. Raises AnnotatorError, and leaves nothing half-written.
    """
    out = out if out is not None else _dated(project.path)
    if is_folder(out):
        out = out / _dated(project.path).name
    if os.path.lexists(out):
        raise AnnotatorError(f"{out} exists already; choose another name for the copy.")
    if not is_folder(out.parent):
        raise AnnotatorError(f"{out.parent} is not a folder; make it first or choose another.")
    temporary = out.parent / f".annotator-{secrets.token_hex(6)}.part"
    try:
        with project.read() as db:
            # Inside: outside, the project itself would be blamed.
            _copy(db, temporary, out)
    finally:
        for ending in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                temporary.with_name(temporary.name + ending).unlink()
    return out


def _copy(db: sqlite3.Connection, temporary: Path, out: Path) -> None:
    try:
        with closing(sqlite3.connect(temporary)) as copy:
            db.backup(copy)
            # The original is in WAL mode; a copy has to be one file.
            copy.execute("PRAGMA journal_mode = DELETE")
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.rename(out)
    except (sqlite3.Error, OSError) as error:
        raise AnnotatorError(
            f"The copy {out} could not be written ({error}); free some space or choose another "
            "place. Nothing was left behind."
        ) from error


def _dated(path: Path) -> Path:
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    return path.with_name(f"{path.stem}-{stamp}{path.suffix}")
