"""All reads of a project: rows -> records. Each takes the connection of ``project.read()``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from annotator.project.counts import count
from annotator.project.journal import history, redo_label, undo_label
from annotator.project.queries_images import (
    DOUBTFUL,
    STATUSES,
    ImageMark,
    find_image,
    image,
    image_by_path,
    image_ids,
    images,
    status_counts,
)
from annotator.project.queries_runs import (
    Label,
    labels,
    last_run,
    pending_images,
    proposals,
    replies,
    reply_counts,
    run,
    run_failures,
    runs,
)
from annotator.project.queries_suggestions import open_rows, suggestions
from annotator.project.queries_synsets import (
    evidence,
    find_synset,
    known_synsets,
    merge_preview,
    ranked,
    suggest_words,
    synset,
    vocabulary,
)
from annotator.project.queries_tags import (
    all_regions,
    all_tags,
    image_marks,
    region,
    regions,
    tagged_images,
    tags,
    tags_of,
)
from annotator.project.sqlite import sqlite3
from annotator.project.words import Words

__all__ = [
    "DOUBTFUL",
    "STATUSES",
    "ImageMark",
    "Label",
    "all_regions",
    "all_tags",
    "evidence",
    "find_image",
    "find_synset",
    "history",
    "image",
    "image_by_path",
    "image_ids",
    "image_marks",
    "images",
    "known_synsets",
    "labels",
    "last_run",
    "merge_preview",
    "pending_images",
    "proposals",
    "redo_label",
    "region",
    "regions",
    "replies",
    "reply_counts",
    "run",
    "run_failures",
    "runs",
    "status",
    "status_counts",
    "suggest_words",
    "suggestions",
    "synset",
    "tagged_images",
    "tags",
    "tags_of",
    "undo_label",
    "vocabulary",
]


def status(db: sqlite3.Connection) -> dict[str, Any]:
    """What the project holds, ready for JSON.

    ``images`` are those that are there, unreadable ones included. ``synsets`` are the words of
    the vocabulary without those that only group others. ``tags`` passed the filters or were
    decided; merged ones on the same image count once. Rejected words and what hangs on them
    count only as rejected, that is not at all. ``replies`` are those of models that talk,
    ``suggestions`` those that are open.
    """
    words = Words(db)
    counts = count(db, words)
    alive = [r for r in counts if words.entries[r].verdict != "rejected"]
    rejected = ",".join(map(str, words.rejected()))
    images_, unreadable = db.execute(
        "SELECT count(*), coalesce(sum(error IS NOT NULL), 0) FROM images WHERE missing = 0"
    ).fetchone()
    here = "JOIN images i ON i.id = g.image_id WHERE i.missing = 0"
    here += f" AND g.synset_id NOT IN ({rejected})"
    regions_ = db.execute(f"SELECT count(*) FROM regions g {here}").fetchone()[0]
    accepted_regions = db.execute(
        "SELECT count(*) FROM region_decisions v JOIN regions g ON g.id = v.region_id "
        f"{here} AND v.verdict = 'accepted'"
    ).fetchone()[0]
    path = next(row[2] for row in db.execute("PRAGMA database_list") if row[1] == "main")
    folder = db.execute("SELECT value FROM meta WHERE key = 'folder'").fetchone()[0]
    return {
        "project": str(Path(path)),
        "folder": folder,
        "images": images_,
        "unreadable": unreadable,
        # Append-only, so the last number is the count; counting millions of rows is slow.
        "proposals": db.execute("SELECT coalesce(max(id), 0) FROM proposals").fetchone()[0],
        "replies": db.execute("SELECT coalesce(max(id), 0) FROM replies").fetchone()[0],
        "synsets": sum(not s.inner and s.verdict != "rejected" for s in ranked(words, counts)),
        "tags": sum(counts[r].tags for r in alive),
        "regions": regions_,
        "suggestions": len(open_rows(db, words)),
        "accepted": {
            "synsets": sum(words.entries[r].verdict == "accepted" for r in words.members),
            "tags": sum(counts[r].accepted for r in alive),
            "regions": accepted_regions,
        },
        "runs": [
            {
                "id": one.id,
                "kind": one.kind,
                "pack": one.pack,
                "models": dict(one.models),
                "params": dict(one.params),
                "seed": one.seed,
                "started": one.started,
                "ended": one.ended,
                "status": one.status,
                "done": one.done,
                "total": one.total,
                "usage": asdict(one.usage),
            }
            for one in runs(db)
        ],
    }
