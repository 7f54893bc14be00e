"""What a person decides, row by row. Every function takes the connection of
``project.transact(...)``, whose triggers note the rows for undo."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from annotator.core.records import Rle, Verdict
from annotator.project.journal import now
from annotator.project.queries_suggestions import Decided, Row, fault, rows_of
from annotator.project.queries_synsets import check_merge, find_root
from annotator.project.sqlite import sqlite3
from annotator.project.store_tags import RegionRow, insert_region
from annotator.project.words import Words, word_key

__all__ = [
    "Row",
    "Words",
    "add_region",
    "add_synset",
    "check_merge",
    "decide_region",
    "decide_suggestions",
    "decide_synset",
    "decide_tag",
    "fault",
    "find_root",
    "merge",
    "move",
    "rename",
    "rows_of",
    "suggestion_verdicts",
    "word_key",
]

_NOTHING = "name IS NULL AND parent_set = 0 AND verdict IS NULL AND merged_into IS NULL"


def decide_synset(db: sqlite3.Connection, root: int, verdict: Verdict) -> None:
    """The verdict on a word; "unknown" takes it back."""
    _set(db, root, verdict=None if verdict == "unknown" else verdict)


def rename(db: sqlite3.Connection, root: int, name: str) -> None:
    """The name that a person sees. The name it was made with stays among its lemmas."""
    _set(db, root, name=name)


def move(db: sqlite3.Connection, root: int, parent: int | None) -> None:
    """Put the synset below ``parent``, or at the top (None)."""
    _set(db, root, parent=parent, parent_set=1)


def merge(db: sqlite3.Connection, words: Words, sources: Sequence[int], target: int) -> None:
    """Point the roots ``sources`` at the root ``target``; nothing else moves.

    The merged word is accepted if any of them was, rejected if all of them were.
    """
    verdicts = {words.entries[root].verdict for root in (*sources, target)}
    for source in sources:
        _set(db, source, merged_into=target)
        for member in words.members[source]:
            _set(db, member, root=target)
    if "accepted" in verdicts:
        decide_synset(db, target, "accepted")
    elif verdicts != {"rejected"}:
        decide_synset(db, target, "unknown")


def _set(db: sqlite3.Connection, synset_id: int, **values: str | int | None) -> None:
    there = db.execute("SELECT 1 FROM synset_decisions WHERE synset_id = ?", (synset_id,))
    if there.fetchone() is None:
        if not any(values.values()):
            return
        db.execute("INSERT INTO synset_decisions (synset_id) VALUES (?)", (synset_id,))
    sets = ", ".join(f"{name} = ?" for name in values)
    changed = " OR ".join(f"{name} IS NOT ?" for name in values)
    db.execute(
        f"UPDATE synset_decisions SET {sets} WHERE synset_id = ? AND ({changed})",
        (*values.values(), synset_id, *values.values()),
    )
    # No row says "undecided": a row that says nothing would count as a decision.
    db.execute(f"DELETE FROM synset_decisions WHERE synset_id = ? AND {_NOTHING}", (synset_id,))


def add_synset(
    db: sqlite3.Connection, name: str, wordnet_id: str | None = None, lemmas: Sequence[str] = ()
) -> int:
    """A word that a person adds, accepted at once; its id."""
    row = db.execute(
        "INSERT INTO synsets (name, key, wordnet_id, source) VALUES (?, ?, ?, 'person')",
        (name, word_key(name), wordnet_id),
    )
    synset_id = int(row.lastrowid or 0)
    db.executemany(
        "INSERT INTO lemmas (synset_id, lemma, position, source) VALUES (?, ?, ?, 'person')",
        [(synset_id, lemma, i) for i, lemma in enumerate(dict.fromkeys((name, *lemmas)))],
    )
    decide_synset(db, synset_id, "accepted")
    return synset_id


def decide_tag(
    db: sqlite3.Connection, words: Words, image_id: int, root: int, verdict: Verdict
) -> None:
    """The verdict on a word on an image; "unknown" takes it back. It replaces what was decided
    there on the synsets that were merged into the word."""
    others = [id for id in words.members[root] if id != root or verdict == "unknown"]
    db.execute(
        "DELETE FROM tag_decisions WHERE image_id = ? "
        "AND synset_id IN (SELECT value FROM json_each(?))",
        (image_id, json.dumps(others)),
    )
    if verdict != "unknown":
        db.execute(
            "INSERT INTO tag_decisions (image_id, synset_id, verdict, at) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET verdict = excluded.verdict, at = excluded.at "
            "WHERE verdict != excluded.verdict",
            (image_id, root, verdict, now()),
        )


def decide_region(db: sqlite3.Connection, region_id: int, verdict: Verdict) -> None:
    """The verdict on a mask; "unknown" takes it back."""
    if verdict == "unknown":
        db.execute("DELETE FROM region_decisions WHERE region_id = ?", (region_id,))
    else:
        db.execute(
            "INSERT INTO region_decisions (region_id, verdict, at) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET verdict = excluded.verdict, at = excluded.at "
            "WHERE verdict != excluded.verdict",
            (region_id, verdict, now()),
        )


def suggestion_verdicts(
    db: sqlite3.Connection, words: Words, rows: Sequence[Row]
) -> dict[int, Verdict]:
    """Suggestion id -> what was decided on it, or on its two words."""
    decided = Decided(db, words)
    return {row.id: decided.of(row.kind, row.source, row.target) for row in rows}


def decide_suggestions(
    db: sqlite3.Connection, words: Words, rows: Sequence[Row], verdict: Verdict
) -> None:
    """The verdict on suggestions; "unknown" takes it back. It replaces what was decided on the
    same two words before, in the other direction of a merge too."""
    decided = Decided(db, words)
    for row in rows:
        key = (row.kind, row.source, row.target)
        if verdict != "unknown" and decided.of(*key) == verdict:
            continue
        for other in decided.alike(*key):
            if other != key or verdict == "unknown":
                db.execute(
                    "DELETE FROM suggestion_decisions WHERE kind = ? AND source = ? AND target = ?",
                    other,
                )
        if verdict != "unknown":
            db.execute(
                "INSERT INTO suggestion_decisions (kind, source, target, verdict, at) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET verdict = excluded.verdict, "
                "at = excluded.at",
                (*key, verdict, now()),
            )


def add_region(
    db: sqlite3.Connection,
    image_id: int,
    synset_id: int,
    rle: Rle,
    bbox: tuple[int, int, int, int],
    area: int,
    threshold: float | None,
    prompt: Mapping[str, Any],
) -> int:
    """A mask that a person keeps, accepted at once; its id."""
    row = RegionRow(image_id, synset_id, rle, bbox, area, None, threshold, prompt)
    region_id = insert_region(db, row, source="person")
    decide_region(db, region_id, "accepted")
    return region_id
