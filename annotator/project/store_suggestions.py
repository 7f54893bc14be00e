"""What machines suggest, and what models that talk replied. Re-exported by ``store``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from annotator.core.records import SuggestionKind, Usage
from annotator.project.queries_suggestions import Decided, pair_of
from annotator.project.sqlite import sqlite3
from annotator.project.words import Words

#: Characters of a reply that are kept: a list of labels is far shorter, a model that cannot stop
#: must not fill the disk.
LONGEST_REPLY = 64_000


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """What a model said of one crop, once. ``failure``: why no label could be read out of it."""

    crop: str
    sample: int
    text: str
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class SuggestionRow:
    """A merge or a parent to suggest: synset ids, ``confidence`` in [0, 1], ``reason`` in words
    for a person."""

    kind: SuggestionKind
    source: int
    target: int
    confidence: float
    reason: str


def add_replies(
    db: sqlite3.Connection, run_id: int, image_id: int, rows: Iterable[ReplyRow]
) -> None:
    """Keep replies word for word; of one that is longer than ``LONGEST_REPLY`` the beginning, and
    a last line that says so."""
    db.executemany(
        "INSERT INTO replies (run_id, image_id, crop, sample, text, failure) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        ((run_id, image_id, row.crop, row.sample, storable(row.text), row.failure) for row in rows),
    )


def storable(text: str) -> str:
    """The text as it is kept: doing it twice changes nothing."""
    # Half a surrogate pair, which a model's bytes can decode to, is no text for SQLite.
    text = text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= LONGEST_REPLY:
        return text
    note = f"\n[cut here: the reply has {len(text)} characters]"
    return text[: LONGEST_REPLY - len(note)] + note


def add_usage(db: sqlite3.Connection, run_id: int, usage: Usage) -> None:
    """Add to what the run's answers took."""
    (before,) = db.execute("SELECT usage FROM runs WHERE id = ?", (run_id,)).fetchone()
    total = Usage(**json.loads(before)) + usage
    db.execute("UPDATE runs SET usage = ? WHERE id = ?", (json.dumps(asdict(total)), run_id))


def set_suggestions(
    db: sqlite3.Connection, rows: Sequence[SuggestionRow], run_id: int | None = None
) -> int:
    """Replace the suggestions that nobody decided on; how many there are of ``rows`` now.

    What a person decided does not come back, also not for what its words were merged into since,
    nor, for a merge, the other way round. One that is there already keeps its id. Of equal rows
    the surest counts; one of a synset with itself, or with one that was taken back meanwhile, is
    left out.
    """
    words = Words(db)
    decided = Decided(db, words)
    wanted: dict[tuple[SuggestionKind, int, int], SuggestionRow] = {}
    for row in rows:
        if not {row.source, row.target} <= words.entries.keys():
            continue
        key = (row.kind, row.source, row.target)
        pair = pair_of(words, *key)
        if pair is None or decided.of(*key) != "unknown":
            continue
        if key not in wanted or row.confidence > wanted[key].confidence:
            wanted[key] = row
    old = [
        (id,)
        for id, *key in db.execute("SELECT id, kind, source, target FROM suggestions").fetchall()
        if tuple(key) not in wanted and tuple(key) not in decided.rows
    ]
    db.executemany("DELETE FROM suggestions WHERE id = ?", old)
    db.executemany(
        "INSERT INTO suggestions (kind, source, target, confidence, reason, run_id) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, source, target) DO UPDATE SET "
        "confidence = excluded.confidence, reason = excluded.reason, run_id = excluded.run_id",
        (
            (row.kind, row.source, row.target, row.confidence, row.reason, run_id)
            for row in wanted.values()
        ),
    )
    return len(wanted)
