"""Looks for damage in a project: the file, its references, its journal, its masks, its images."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from annotator.core.paths import is_folder
from annotator.core.records import Image, Rle, Usage
from annotator.project.project import Project
from annotator.project.sqlite import sqlite3

# A damaged file can have a problem on every row; a person needs the first few and the number.
_MOST = 5


def check(project: Project) -> list[str]:
    """Problems as sentences for a person; an empty list means that all is well. Changes nothing."""
    problems: list[str] = []
    with project.read() as db:
        for look in _LOOKS:
            problems += _first_of(look(db))
        problems += _first_of(_images(db, project.folder))
    return problems


def missing_images(db: sqlite3.Connection) -> list[Image]:
    """Images that are gone from the folder although a person accepted something on them."""
    rows = db.execute(
        "SELECT id, path, bytes, hash, width, height, error FROM images WHERE missing = 1 AND ("
        "EXISTS (SELECT 1 FROM tag_decisions AS d "
        "WHERE d.image_id = images.id AND d.verdict = 'accepted') "
        "OR EXISTS (SELECT 1 FROM regions AS r JOIN region_decisions AS d ON d.region_id = r.id "
        "WHERE r.image_id = images.id AND d.verdict = 'accepted')) ORDER BY path"
    )
    return [
        Image(key, path, size, digest, width, height, error, missing=True)
        for key, path, size, digest, width, height, error in rows
    ]


def _first_of(found: Iterator[str]) -> list[str]:
    every = list(found)
    more = len(every) - _MOST
    return every if more <= 1 else [*every[:_MOST], f"... and {more} more of this kind"]


def _file(db: sqlite3.Connection) -> Iterator[str]:
    for (said,) in db.execute("PRAGMA integrity_check"):
        if said != "ok":
            yield f"The file is damaged: {said}."


def _references(db: sqlite3.Connection) -> Iterator[str]:
    for table, row, refers, _ in db.execute("PRAGMA foreign_key_check"):
        yield f"Row {row} of {table} refers to a row of {refers} that is not there."


def _journal(db: sqlite3.Connection) -> Iterator[str]:
    if db.execute("SELECT EXISTS (SELECT 1 FROM open_step WHERE step_id IS NOT NULL)").fetchone()[
        0
    ]:
        yield "A step of the history was never closed."
    oldest = db.execute("SELECT min(id) FROM steps WHERE undone = 1").fetchone()[0]
    if oldest is not None:
        later = "SELECT count(*) FROM steps WHERE undone = 0 AND id > ?"
        if db.execute(later, (oldest,)).fetchone()[0]:
            yield "The history has an undone step before one that is not undone."
    for row, step, *parts in db.execute("SELECT id, step_id, key, old, new FROM journal"):
        try:
            for part in parts:
                json.loads(part or "{}")
        except ValueError:
            yield f"Row {row} of the journal, of step {step}, cannot be read: undo stops there."


def _merges(db: sqlite3.Connection) -> Iterator[str]:
    into = dict(
        db.execute(
            "SELECT synset_id, merged_into FROM synset_decisions WHERE merged_into IS NOT NULL"
        )
    )
    roots = dict(db.execute("SELECT synset_id, root FROM synset_decisions WHERE root IS NOT NULL"))
    for synset in sorted(into.keys() | roots.keys()):
        end = _end(synset, into.get)
        if end is None:
            yield f"Synset {synset} is merged into itself."
        elif roots.get(synset) != (end if end != synset else None):
            yield f"Synset {synset} is merged into {end}, but read as {roots.get(synset)}."


def _tree(db: sqlite3.Connection) -> Iterator[str]:
    # A circle that a person's and a machine's parents make together is cut by every read.
    for what in (
        "SELECT id, parent FROM synsets",
        "SELECT synset_id, parent FROM synset_decisions WHERE parent_set = 1",
    ):
        parents = dict(db.execute(what))
        for synset in parents:
            if _end(synset, parents.get) is None:
                yield f"Synset {synset} is below itself in the tree."


def _suggestions(db: sqlite3.Connection) -> Iterator[str]:
    rows = db.execute(
        "SELECT d.source, d.target FROM suggestion_decisions AS d "
        "LEFT JOIN synset_decisions AS s ON s.synset_id = d.source "
        "LEFT JOIN synset_decisions AS t ON t.synset_id = d.target "
        "WHERE d.kind = 'merge' AND d.verdict = 'accepted' "
        "AND coalesce(s.root, d.source) != coalesce(t.root, d.target)"
    )
    for source, target in rows:
        yield f"Merging synset {source} into {target} counts as taken, but they are two words."


def _replies(db: sqlite3.Connection) -> Iterator[str]:
    for run, image in db.execute(
        "SELECT DISTINCT r.run_id, r.image_id FROM replies AS r LEFT JOIN run_images AS i "
        "ON i.run_id = r.run_id AND i.image_id = r.image_id WHERE i.run_id IS NULL"
    ):
        yield f"Run {run} has replies for image {image}, which it has not done."
    for run, usage in db.execute("SELECT id, usage FROM runs"):
        try:
            Usage(**json.loads(usage))
        except (TypeError, ValueError):
            yield f"What run {run} took cannot be read."


def _end(start: int, following: Callable[[int], int | None]) -> int | None:
    """The end of a chain, None when it goes in a circle."""
    seen = {start}
    while (after := following(start)) is not None:
        if after in seen:
            return None
        seen.add(after)
        start = after
    return start


def _pixels(db: sqlite3.Connection) -> Iterator[str]:
    for run, image in db.execute(
        "SELECT DISTINCT p.run_id, p.image_id FROM tag_pixels AS p LEFT JOIN run_images AS i "
        "ON i.run_id = p.run_id AND i.image_id = p.image_id "
        "WHERE i.run_id IS NULL AND p.run_id IS NOT NULL"
    ):
        yield f"Run {run} has looked at the pixels of image {image}, which it has not done."


def _masks(db: sqlite3.Connection) -> Iterator[str]:
    from annotator.core import masks

    rows = db.execute(
        "SELECT r.id, i.path, r.counts, r.height, r.width, r.area, i.height, i.width "
        "FROM regions AS r JOIN images AS i ON i.id = r.image_id"
    )
    for region, path, counts, height, width, area, image_height, image_width in rows:
        what = f"Mask {region} of {path}"
        try:
            rle = Rle(height, width, counts)
            masks.decode(rle)
        except ValueError as error:
            yield f"{what} is damaged: {error}."
            continue
        if masks.area(rle) != area:
            yield f"{what} has {masks.area(rle)} pixels, not {area} as noted."
        if image_width is not None and (height, width) != (image_height, image_width):
            yield (
                f"{what} was drawn on {width} x {height} pixels; the image now has "
                f"{image_width} x {image_height}."
            )


def _images(db: sqlite3.Connection, folder: Path) -> Iterator[str]:
    if not is_folder(folder):
        yield f"The folder {folder} is not there: connect its disk or move it back."
        return
    for path, size in db.execute("SELECT path, bytes FROM images WHERE missing = 0 ORDER BY path"):
        try:
            now = (folder / path).stat().st_size
        except OSError as error:
            yield f"{path} cannot be found ({error.strerror}): scan the project."
            continue
        if now != size:
            yield f"{path} changed since the last scan: scan the project."


_LOOKS: tuple[Callable[[sqlite3.Connection], Iterator[str]], ...] = (
    *(_file, _references, _journal, _merges, _tree),
    *(_suggestions, _replies, _pixels, _masks),
)
