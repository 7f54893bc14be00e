"""Reads: runs, proposals, labels. Re-exported by ``queries``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from annotator.core.errors import AnnotatorError
from annotator.core.records import Failure, Image, Proposal, Reply, Run, Usage
from annotator.project.queries_images import IMAGE_COLUMNS, to_image
from annotator.project.sqlite import sqlite3

RUNS = (
    "SELECT r.id, r.kind, r.pack, r.models, r.params, r.seed, r.started, r.ended, r.status, "
    "(SELECT count(*) FROM run_images i WHERE i.run_id = r.id), r.total, r.usage FROM runs r"
)


@dataclass(frozen=True, slots=True)
class Label:
    """A raw string that machines said, ``count`` times; the synset it belongs to, and why."""

    id: int
    text: str
    wordnet_id: str | None
    synset_id: int | None
    reason: str
    count: int


def to_run(row: tuple[Any, ...]) -> Run:
    """A row of ``RUNS`` as a record."""
    usage = Usage(**json.loads(row[11]))
    values = [*row[:3], json.loads(row[3]), json.loads(row[4]), *row[5:11], usage]
    return Run(*values)


def runs(db: sqlite3.Connection) -> list[Run]:
    """All runs, newest first."""
    return [to_run(row) for row in db.execute(f"{RUNS} ORDER BY r.id DESC")]


def run(db: sqlite3.Connection, id: int) -> Run:
    """The run; AnnotatorError when there is none of that id."""
    row = db.execute(f"{RUNS} WHERE r.id = ?", (id,)).fetchone()
    if row is None:
        raise AnnotatorError(f"There is no run {id}; see the runs with: annotator status PROJECT")
    return to_run(row)


def last_run(db: sqlite3.Connection, kind: str) -> Run | None:
    """The newest run of that kind."""
    row = db.execute(f"{RUNS} WHERE r.kind = ? ORDER BY r.id DESC LIMIT 1", (kind,)).fetchone()
    return None if row is None else to_run(row)


def run_failures(db: sqlite3.Connection, run_id: int) -> list[Failure]:
    """Images that the run could not do, in path order."""
    rows = db.execute(
        "SELECT i.path, r.error FROM run_images r JOIN images i ON i.id = r.image_id "
        "WHERE r.run_id = ? AND r.error IS NOT NULL ORDER BY i.path",
        (run_id,),
    )
    return [Failure(path, error) for path, error in rows]


def pending_images(db: sqlite3.Connection, run_id: int, limit: int | None = None) -> list[Image]:
    """Images that the run has still to do: readable, there, not done; in path order."""
    rows = db.execute(
        f"SELECT {IMAGE_COLUMNS} FROM images i WHERE i.missing = 0 AND i.error IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM run_images r WHERE r.run_id = ? AND r.image_id = i.id) "
        "ORDER BY i.path LIMIT ?",
        (run_id, -1 if limit is None else limit),
    )
    return [to_image(row) for row in rows]


def proposals(
    db: sqlite3.Connection, run_id: int | None = None, image_id: int | None = None
) -> Iterator[Proposal]:
    """What machines said, of one run or image or of all; the rows of an image come together."""
    rows = db.execute(
        "SELECT p.image_id, l.text, p.crop, p.sample, p.run_id, p.probability, p.tokens, "
        "l.wordnet_id FROM proposals p JOIN labels l ON l.id = p.label_id "
        "WHERE (?1 IS NULL OR p.run_id = ?1) AND (?2 IS NULL OR p.image_id = ?2) "
        "ORDER BY p.image_id, p.id"
        if image_id is None
        # Written apart, as SQLite plans "?2 IS NULL OR" without the index on image_id.
        else "SELECT p.image_id, l.text, p.crop, p.sample, p.run_id, p.probability, p.tokens, "
        "l.wordnet_id FROM proposals p JOIN labels l ON l.id = p.label_id "
        "WHERE (?1 IS NULL OR p.run_id = ?1) AND p.image_id = ?2 ORDER BY p.id",
        (run_id, image_id),
    )
    for row in rows:
        values = [*row[:6], tuple(json.loads(row[6])), row[7] or None]
        yield Proposal(*values)


def replies(
    db: sqlite3.Connection,
    run_id: int | None = None,
    image_id: int | None = None,
    failed: bool = False,
) -> Iterator[Reply]:
    """What models that talk replied, of one run or image or of all, oldest first; with
    ``failed`` only what no label could be read out of."""
    wanted, values = [], []
    for column, value in (("r.run_id", run_id), ("r.image_id", image_id)):
        if value is not None:
            wanted.append(f"{column} = ?")
            values.append(value)
    if failed:
        wanted.append("r.failure IS NOT NULL")
    where = f"WHERE {' AND '.join(wanted)} " if wanted else ""
    for row in db.execute(
        "SELECT r.image_id, i.path, r.crop, r.sample, r.run_id, r.text, r.failure FROM replies r "
        f"JOIN images i ON i.id = r.image_id {where}ORDER BY r.id",
        values,
    ):
        yield Reply(*row)


def reply_counts(db: sqlite3.Connection, run_id: int) -> tuple[int, int]:
    """(replies of the run, those of them that no label could be read out of)."""
    row = db.execute("SELECT count(*), count(failure) FROM replies WHERE run_id = ?", (run_id,))
    every, failed = row.fetchone()
    return int(every), int(failed)


def labels(db: sqlite3.Connection) -> list[Label]:
    """All raw strings, the most frequent first."""
    rows = db.execute(
        "SELECT l.id, l.text, l.wordnet_id, l.synset_id, l.reason, "
        "(SELECT count(*) FROM proposals p WHERE p.label_id = l.id) AS n "
        "FROM labels l ORDER BY n DESC, l.text, l.wordnet_id"
    )
    return [Label(r[0], r[1], r[2] or None, *r[3:]) for r in rows]
