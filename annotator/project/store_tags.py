"""What machines make of proposals: labels, synsets, tags, regions. Re-exported by ``store``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotator.core.records import Rle
from annotator.project.sqlite import sqlite3
from annotator.project.words import word_key


@dataclass(frozen=True, slots=True)
class TagRow:
    """A machine's tag. ``score`` and ``probability`` in [0, 1]; ``seen``: names of the crops;
    ``reason``: the filter that dropped it, where ``kept`` is False."""

    image_id: int
    synset_id: int
    score: float
    probability: float | None
    occurrence: int
    crops: int
    seen: tuple[str, ...]
    kept: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PixelsRow:
    """What the pixels say of a tag. ``score``: a cosine, -1 to 1; ``x`` and ``y`` of its peak in
    fractions of the image's width and height."""

    image_id: int
    synset_id: int
    score: float
    x: float
    y: float
    supported: bool


@dataclass(frozen=True, slots=True)
class RegionRow:
    """A machine's mask. ``bbox``: x, y, width, height in pixels. ``score`` and ``threshold`` are
    raw similarities of the Grounder. ``prompt``: how the refiner was asked, as JSON."""

    image_id: int
    synset_id: int
    rle: Rle
    bbox: tuple[int, int, int, int]
    area: int
    score: float | None = None
    threshold: float | None = None
    prompt: Mapping[str, Any] = field(default_factory=dict)


def ensure_label(db: sqlite3.Connection, text: str, wordnet_id: str | None = None) -> int:
    """Id of the raw string, added if it is new."""
    key = (text, wordnet_id or "")
    row = db.execute("SELECT id FROM labels WHERE text = ? AND wordnet_id = ?", key).fetchone()
    if row is None:
        row = db.execute(
            "INSERT INTO labels (text, wordnet_id) VALUES (?, ?) RETURNING id", key
        ).fetchone()
    return int(row[0])


def set_label(
    db: sqlite3.Connection,
    label_id: int,
    synset_id: int | None,
    reason: str,
    attributes: str = "",
) -> None:
    """The raw string belongs to that synset (None: to none), for ``reason``. ``attributes``: what
    it says of the synset beside, "wooden" of a "wooden bench" that belongs to bench."""
    db.execute(
        "UPDATE labels SET synset_id = ?, reason = ?, attributes = ? WHERE id = ?",
        (synset_id, reason, attributes, label_id),
    )


def set_senses(
    db: sqlite3.Connection, senses: Mapping[int, Mapping[str, float]], chosen_by: str | None
) -> None:
    """What ambiguous labels can mean, of all labels: label id -> WordNet id -> weight, the weights
    of a label adding up to 1. ``chosen_by``: id of the model that weighed them; None leaves what
    is noted of it."""
    db.execute("DELETE FROM senses")
    db.executemany(
        "INSERT INTO senses (label_id, wordnet_id, weight) VALUES (?, ?, ?)",
        [(label, one, weight) for label, of in senses.items() for one, weight in of.items()],
    )
    if chosen_by is not None:
        db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('senses', ?)", (chosen_by,))


def set_label_senses(
    db: sqlite3.Connection,
    gone: Iterable[tuple[int, int]],
    there: Iterable[tuple[int, int, int]],
) -> None:
    """Images on which a label means another synset than it mostly does: ``gone`` are (label,
    image) where that is over, ``there`` (label, image, synset) where it begins or changes."""
    db.executemany("DELETE FROM label_senses WHERE label_id = ? AND image_id = ?", gone)
    db.executemany(
        "INSERT OR REPLACE INTO label_senses (label_id, image_id, synset_id) VALUES (?, ?, ?)",
        there,
    )


def ensure_synset(
    db: sqlite3.Connection,
    name: str,
    *,
    wordnet_id: str | None = None,
    lemmas: Sequence[str] = (),
    inner: bool = False,
    score: float = 0.0,
    key: str | None = None,
) -> int:
    """Id of the synset, added if it is new; what is there gets ``inner`` and ``score``.

    Known by its WordNet id, or without one by ``key``, by default its name as it was made. A name
    that a person gave later does not matter, so a run finds its synsets again after a rename. A
    synset that a person made is used, but its row is not touched.
    """
    if wordnet_id:
        rows = db.execute(
            "SELECT id, source FROM synsets WHERE wordnet_id = ? ORDER BY id", (wordnet_id,)
        ).fetchall()
    else:
        rows = db.execute(
            "SELECT id, source FROM synsets WHERE key = ? AND wordnet_id IS NULL ORDER BY id",
            (key or word_key(name),),
        ).fetchall()
    if rows:
        synset_id, source = rows[0]
        if source == "person":
            return int(synset_id)
        db.execute(
            "UPDATE synsets SET inner = ?, score = ? WHERE id = ?", (inner, score, synset_id)
        )
    else:
        synset_id = db.execute(
            "INSERT INTO synsets (name, key, wordnet_id, source, inner, score) "
            "VALUES (?, ?, ?, 'machine', ?, ?)",
            (name, key or word_key(name), wordnet_id, inner, score),
        ).lastrowid
    _add_lemmas(db, synset_id, (name, *lemmas))
    return int(synset_id or 0)


def _add_lemmas(db: sqlite3.Connection, synset_id: int | None, lemmas: Sequence[str]) -> None:
    """Those that are new to the synset, whatever their case."""
    rows = db.execute("SELECT lemma FROM lemmas WHERE synset_id = ?", (synset_id,))
    known = {word_key(row[0]) for row in rows}
    fresh: dict[str, str] = {}
    for lemma in lemmas:
        fresh.setdefault(word_key(lemma), lemma)
    db.executemany(
        "INSERT INTO lemmas (synset_id, lemma, position, source) VALUES (?, ?, ?, 'machine')",
        [
            (synset_id, lemma, len(known) + i)
            for i, lemma in enumerate(fresh.values())
            if word_key(lemma) not in known
        ],
    )


def set_lemmas(db: sqlite3.Connection, lemmas: Mapping[int, Sequence[str]]) -> None:
    """The words of synsets that a machine made of free text: exactly these, its own ones."""
    for synset_id, of in lemmas.items():
        rows = db.execute(
            "SELECT lemma FROM lemmas WHERE synset_id = ? AND source = 'machine' ORDER BY position",
            (synset_id,),
        ).fetchall()
        if [row[0] for row in rows] != list(of):
            db.execute(
                "DELETE FROM lemmas WHERE synset_id = ? AND source = 'machine'", (synset_id,)
            )
            _add_lemmas(db, synset_id, of)


def set_parents(db: sqlite3.Connection, parents: Mapping[int, int | None]) -> None:
    """The machine's tree: synset id -> parent id. Where a person moved a synset, that counts."""
    db.executemany(
        "UPDATE synsets SET parent = ? WHERE id = ?", ((up, id) for id, up in parents.items())
    )


def set_scores(db: sqlite3.Connection, rows: Iterable[tuple[int, float, bool]]) -> None:
    """(synset id, ranking score >= 0, whether it only groups others)."""
    db.executemany(
        "UPDATE synsets SET score = ?, inner = ? WHERE id = ?",
        ((score, inner, id) for id, score, inner in rows),
    )


def set_tags(
    db: sqlite3.Connection,
    rows: Iterable[TagRow],
    *,
    run_id: int | None = None,
    images: Iterable[int] = (),
) -> None:
    """Drop all machine tags of ``images``, then write ``rows``. Decisions are elsewhere, and
    so are untouched."""
    clear_tags(db, images)
    db.executemany(
        "INSERT OR REPLACE INTO tags (image_id, synset_id, score, probability, occurrence, crops, "
        "seen, kept, reason, run_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                row.image_id,
                row.synset_id,
                row.score,
                row.probability,
                row.occurrence,
                row.crops,
                json.dumps(row.seen),
                row.kept,
                row.reason,
                run_id,
            )
            for row in rows
        ),
    )


def clear_tags(db: sqlite3.Connection, image_ids: Iterable[int] | None = None) -> None:
    """Drop the machine tags of these images, or all (None)."""
    if image_ids is None:
        db.execute("DELETE FROM tags")
    else:
        db.executemany("DELETE FROM tags WHERE image_id = ?", ((id,) for id in image_ids))


def set_tag_pixels(
    db: sqlite3.Connection,
    rows: Iterable[PixelsRow],
    *,
    run_id: int | None = None,
    images: Iterable[int] = (),
) -> None:
    """Drop what the pixels of ``images`` said before, then write ``rows``. No tag is touched."""
    db.executemany("DELETE FROM tag_pixels WHERE image_id = ?", ((id,) for id in images))
    db.executemany(
        "INSERT OR REPLACE INTO tag_pixels (image_id, synset_id, score, x, y, supported, run_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (row.image_id, row.synset_id, row.score, row.x, row.y, row.supported, run_id)
            for row in rows
        ),
    )


def add_regions(
    db: sqlite3.Connection, rows: Iterable[RegionRow], *, run_id: int | None = None
) -> list[int]:
    """Store a machine's masks; their ids in the same order."""
    return [insert_region(db, row, source="machine", run_id=run_id) for row in rows]


def insert_region(
    db: sqlite3.Connection, row: RegionRow, *, source: str, run_id: int | None = None
) -> int:
    """One row of regions; its id."""
    cursor = db.execute(
        "INSERT INTO regions (image_id, synset_id, counts, height, width, x, y, w, h, area, "
        "score, threshold, source, run_id, prompt) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.image_id,
            row.synset_id,
            row.rle.counts,
            row.rle.height,
            row.rle.width,
            *row.bbox,
            row.area,
            row.score,
            row.threshold,
            source,
            run_id,
            json.dumps(dict(row.prompt), sort_keys=True),
        ),
    )
    return int(cursor.lastrowid or 0)


def drop_regions(db: sqlite3.Connection, image_id: int, synset_id: int | None = None) -> int:
    """Delete the machine's masks of an image (of one synset) that a newer run replaces.

    What a person ever decided on stays, even if that was undone, since redo must find it.
    Returns how many went.
    """
    return db.execute(
        "DELETE FROM regions WHERE image_id = ?1 AND source = 'machine' "
        "AND (?2 IS NULL OR synset_id IN "
        "(SELECT s.id FROM synsets s LEFT JOIN synset_decisions d ON d.synset_id = s.id "
        "WHERE coalesce(d.root, s.id) = coalesce("
        "(SELECT root FROM synset_decisions WHERE synset_id = ?2), ?2))) "
        "AND NOT EXISTS (SELECT 1 FROM region_decisions d WHERE d.region_id = regions.id) "
        "AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.tbl = 'region_decisions' "
        "AND j.key = json_object('region_id', regions.id))",
        (image_id, synset_id),
    ).rowcount
