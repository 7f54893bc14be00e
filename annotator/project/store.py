"""What machines write: images, runs, proposals, labels. See ``store_tags`` for what is made of
them. Every function takes the connection of ``project.write(...)``; nothing here is journaled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotator.core.records import Image, Proposed, Run
from annotator.project.journal import now
from annotator.project.queries_images import IMAGE_COLUMNS, to_image
from annotator.project.queries_runs import RUNS, to_run
from annotator.project.sqlite import sqlite3
from annotator.project.store_suggestions import (
    ReplyRow,
    SuggestionRow,
    add_replies,
    add_usage,
    set_suggestions,
    storable,
)
from annotator.project.store_tags import (
    PixelsRow,
    RegionRow,
    TagRow,
    add_regions,
    clear_tags,
    drop_regions,
    ensure_label,
    ensure_synset,
    set_label,
    set_label_senses,
    set_lemmas,
    set_parents,
    set_scores,
    set_senses,
    set_tag_pixels,
    set_tags,
)

__all__ = [
    "FileSeen",
    "KnownFile",
    "PixelsRow",
    "RegionRow",
    "ReplyRow",
    "Said",
    "SuggestionRow",
    "TagRow",
    "add_regions",
    "add_run_images",
    "add_usage",
    "clear_tags",
    "drop_regions",
    "ensure_label",
    "ensure_synset",
    "find_resumable",
    "finish_run",
    "known_files",
    "mark_missing",
    "missing_by_hash",
    "move_image",
    "resume_run",
    "set_image_error",
    "set_image_read",
    "set_label",
    "set_label_senses",
    "set_lemmas",
    "set_parents",
    "set_scores",
    "set_senses",
    "set_suggestions",
    "set_tag_pixels",
    "set_tags",
    "start_run",
    "storable",
    "unread_images",
    "upsert_images",
]

#: Columns of images that are known only by decoding the file.
_OF_CONTENT = ("hash", "width", "height", "format", "error")


@dataclass(frozen=True, slots=True)
class FileSeen:
    """A file that a scan found. ``path`` relative to the folder, with forward slashes."""

    path: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class KnownFile:
    """What the project knows of a file. ``read``: it was decoded, or failed to be, as it is."""

    id: int
    bytes: int
    mtime_ns: int
    hash: str | None
    read: bool
    missing: bool


@dataclass(frozen=True, slots=True)
class Said:
    """A label with where it was said. ``probability`` combines its tokens (LLM2Labels, eq. 3)."""

    proposed: Proposed
    crop: str
    sample: int
    probability: float | None


def known_files(db: sqlite3.Connection) -> dict[str, KnownFile]:
    """All files the project has seen, by path, the missing ones too."""
    rows = db.execute(
        "SELECT path, id, bytes, mtime_ns, hash, width IS NOT NULL OR error IS NOT NULL, missing "
        "FROM images"
    )
    return {r[0]: KnownFile(r[1], r[2], r[3], r[4], bool(r[5]), bool(r[6])) for r in rows}


def upsert_images(db: sqlite3.Connection, files: Iterable[FileSeen]) -> list[int]:
    """Add new files and refresh known ones; ids in the order of ``files``.

    A file whose size or time changed is to be read again: its hash, size in pixels and error
    are forgotten, its tags and decisions stay.
    """
    same = "bytes = excluded.bytes AND mtime_ns = excluded.mtime_ns"
    kept = ", ".join(f"{c} = iif({same}, {c}, NULL)" for c in _OF_CONTENT)
    statement = (
        "INSERT INTO images (path, bytes, mtime_ns) VALUES (?, ?, ?) "
        f"ON CONFLICT (path) DO UPDATE SET missing = 0, {kept}, "
        "bytes = excluded.bytes, mtime_ns = excluded.mtime_ns RETURNING id"
    )
    return [
        int(db.execute(statement, (file.path, file.bytes, file.mtime_ns)).fetchone()[0])
        for file in files
    ]


def set_image_read(
    db: sqlite3.Connection, image_id: int, *, hash: str, width: int, height: int, format: str
) -> None:
    """The image was decoded: ``width`` and ``height`` in pixels after EXIF orientation."""
    db.execute(
        "UPDATE images SET hash = ?, width = ?, height = ?, format = ?, error = NULL WHERE id = ?",
        (hash, width, height, format, image_id),
    )


def set_image_error(
    db: sqlite3.Connection, image_id: int, reason: str, *, hash: str | None = None
) -> None:
    """The image cannot be decoded, for ``reason`` in words for a person."""
    db.execute(
        "UPDATE images SET hash = ?, width = NULL, height = NULL, format = NULL, error = ? "
        "WHERE id = ?",
        (hash, reason, image_id),
    )


def unread_images(db: sqlite3.Connection) -> list[Image]:
    """Images that were neither decoded nor found unreadable yet, in path order."""
    rows = db.execute(
        f"SELECT {IMAGE_COLUMNS} FROM images i WHERE width IS NULL AND error IS NULL "
        "AND missing = 0 ORDER BY path"
    )
    return [to_image(row) for row in rows]


def mark_missing(db: sqlite3.Connection, image_ids: Iterable[int]) -> None:
    """The files are not there any more; their tags and decisions stay for when they return."""
    db.executemany("UPDATE images SET missing = 1 WHERE id = ?", ((id,) for id in image_ids))


def missing_by_hash(db: sqlite3.Connection, hash: str) -> list[Image]:
    """Missing images with that content, oldest first."""
    rows = db.execute(
        f"SELECT {IMAGE_COLUMNS} FROM images i WHERE hash = ? AND missing = 1 ORDER BY id", (hash,)
    )
    return [to_image(row) for row in rows]


def move_image(db: sqlite3.Connection, image_id: int, file: FileSeen) -> bool:
    """The image was found again as ``file``. A row that a scan made for that path meanwhile is
    dropped. False, and nothing done, when that row has proposals, tags or decisions already."""
    row = db.execute("SELECT id FROM images WHERE path = ?", (file.path,)).fetchone()
    if row is not None and row[0] != image_id:
        if _in_use(db, row[0]):
            return False
        db.execute("DELETE FROM images WHERE id = ?", (row[0],))
    db.execute(
        "UPDATE images SET path = ?, bytes = ?, mtime_ns = ?, missing = 0 WHERE id = ?",
        (file.path, file.bytes, file.mtime_ns, image_id),
    )
    return True


def _in_use(db: sqlite3.Connection, image_id: int) -> bool:
    tables = ("proposals", "replies", "tags", "regions", "tag_decisions", "run_images")
    tests = [f"EXISTS (SELECT 1 FROM {table} WHERE image_id = :id)" for table in tables]
    # An undone decision can come back by redo and must find its image.
    tests.append("EXISTS (SELECT 1 FROM journal WHERE json_extract(key, '$.image_id') = :id)")
    tests.append("EXISTS (SELECT 1 FROM journal WHERE json_extract(new, '$.image_id') = :id)")
    return bool(db.execute(f"SELECT {' OR '.join(tests)}", {"id": image_id}).fetchone()[0])


def start_run(
    db: sqlite3.Connection,
    kind: str,
    *,
    pack: str = "",
    models: Mapping[str, str] | None = None,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    total: int = 0,
) -> int:
    """Note that a step starts; its id. ``params`` must be what makes it repeatable, as JSON."""
    row = db.execute(
        "INSERT INTO runs (kind, pack, models, params, seed, started, status, total) "
        "VALUES (?, ?, ?, ?, ?, ?, 'running', ?)",
        (kind, pack, _json(models), _json(params), seed, now(), total),
    )
    return int(row.lastrowid or 0)


def resume_run(db: sqlite3.Connection, run_id: int, total: int) -> None:
    """Go on with a run that was cancelled, failed or interrupted."""
    db.execute(
        "UPDATE runs SET status = 'running', ended = NULL, total = ? WHERE id = ?", (total, run_id)
    )


def finish_run(db: sqlite3.Connection, run_id: int, status: str) -> None:
    """Close a run as "done", "cancelled" or "failed"."""
    if status not in ("done", "cancelled", "failed"):
        raise ValueError(f"a run ends as done, cancelled or failed, not {status}")
    db.execute("UPDATE runs SET status = ?, ended = ? WHERE id = ?", (status, now(), run_id))


def find_resumable(
    db: sqlite3.Connection,
    kind: str,
    *,
    pack: str,
    models: Mapping[str, str],
    params: Mapping[str, Any],
    seed: int,
) -> Run | None:
    """The newest run that was made of the same inputs and is not going on now, done or not."""
    row = db.execute(
        f"{RUNS} WHERE kind = ? AND pack = ? AND models = ? AND params = ? AND seed = ? "
        "AND status != 'running' ORDER BY r.id DESC LIMIT 1",
        (kind, pack, _json(models), _json(params), seed),
    ).fetchone()
    return None if row is None else to_run(row)


def _json(values: Mapping[str, Any] | None) -> str:
    return json.dumps(dict(values or {}), sort_keys=True, separators=(",", ":"))


def add_run_images(
    db: sqlite3.Connection,
    run_id: int,
    rows: Iterable[tuple[int, str | None, Sequence[Said]]],
    replies: Mapping[int, Sequence[ReplyRow]] | None = None,
) -> None:
    """Images that a run has done: (image id, error or None, what was said of it), and the
    ``replies`` by image id that this was read out of.

    One call in one ``write()`` is one resume point. An image that this run did already is left
    as it is, so that doing a batch twice changes nothing.
    """
    labels: dict[tuple[str, str | None], int] = {}
    for image_id, error, said in rows:
        fresh = db.execute(
            "INSERT INTO run_images (run_id, image_id, error, hash) "
            "VALUES (?1, ?2, ?3, (SELECT hash FROM images WHERE id = ?2)) ON CONFLICT DO NOTHING",
            (run_id, image_id, error),
        ).rowcount
        if not fresh:
            continue
        add_replies(db, run_id, image_id, (replies or {}).get(image_id, ()))
        values = []
        for one in said:
            key = (storable(one.proposed.text), one.proposed.wordnet_id)
            label = labels.get(key)
            if label is None:
                label = labels[key] = ensure_label(db, *key)
            tokens = json.dumps(one.proposed.token_probabilities)
            values.append((run_id, image_id, label, one.crop, one.sample, one.probability, tokens))
        db.executemany(
            "INSERT INTO proposals (run_id, image_id, label_id, crop, sample, probability, tokens) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            values,
        )
