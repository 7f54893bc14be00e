"""What the loops over images ask: what is done, and what was said of an image."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from annotator.project.words import word_key

# A run has done an image while the content is what it was then; before a scan has read it (or
# read it again) that is not known, and it counts as the same.
_SAME = "(r.hash IS NULL OR i.hash IS NULL OR r.hash = i.hash)"


class SaidOf(NamedTuple):
    """A stored proposal as scoring needs it."""

    image_id: int
    run_id: int
    label_id: int
    crop: str
    sample: int
    probability: float | None


class LabelRow(NamedTuple):
    """A raw string that machines said, and the synset it belongs to, if that is known yet."""

    id: int
    text: str
    wordnet_id: str | None
    synset_id: int | None


class SynsetSum(NamedTuple):
    """A synset with the number of images where its tag is kept."""

    id: int
    wordnet_id: str | None
    support: int


def done_images(db: sqlite3.Connection, run_ids: Sequence[int]) -> set[int]:
    """Images that any of these runs has done and that have not changed since."""
    rows = db.execute(
        "SELECT r.image_id FROM run_images r JOIN images i ON i.id = r.image_id "
        f"WHERE r.run_id IN (SELECT value FROM json_each(?)) AND r.error IS NULL AND {_SAME}",
        (json.dumps(list(run_ids)),),
    )
    return {row[0] for row in rows}


def stale_images(db: sqlite3.Connection, run_id: int) -> int:
    """How many images this run has done, or failed on, that are other or readable now."""
    row = db.execute(
        "SELECT count(*) FROM run_images r JOIN images i ON i.id = r.image_id WHERE r.run_id = ? "
        f"AND i.missing = 0 AND i.error IS NULL AND (r.error IS NOT NULL OR NOT {_SAME})",
        (run_id,),
    ).fetchone()
    return int(row[0])


def image_proposals(
    db: sqlite3.Connection,
    image_ids: Sequence[int],
    run_ids: Iterable[int] | None = None,
    *,
    order: Sequence[int] | None = None,
) -> Iterator[SaidOf]:
    """What was said of these images, in order of image and as it was said: of each image only
    by the newest propose run (of ``run_ids``) that has done it, or by the last one of ``order``
    that has."""
    if order is None and run_ids is None:
        run_ids = [row[0] for row in db.execute("SELECT id FROM runs WHERE kind = 'propose'")]
    if order is None:
        order = sorted(run_ids or ())
    rows = db.execute(
        "WITH ordered AS MATERIALIZED (SELECT key AS place, value AS id FROM json_each(?2)), "
        # SQLite takes the other columns from the row that has the maximum.
        "best AS (SELECT r.image_id, r.run_id, max(o.place) FROM run_images r "
        "JOIN ordered o ON o.id = r.run_id JOIN images i ON i.id = r.image_id "
        "WHERE r.image_id IN (SELECT value FROM json_each(?1)) "
        f"AND r.error IS NULL AND {_SAME} GROUP BY r.image_id) "
        "SELECT p.image_id, p.run_id, p.label_id, p.crop, p.sample, p.probability "
        "FROM best n JOIN proposals p ON p.image_id = n.image_id AND p.run_id = n.run_id "
        "ORDER BY p.image_id, p.id",
        (json.dumps(list(image_ids)), json.dumps(list(order))),
    )
    return map(SaidOf._make, rows)


def label_rows(db: sqlite3.Connection) -> list[LabelRow]:
    """All raw strings, those that name a WordNet synset first, then by text."""
    rows = db.execute(
        "SELECT id, text, nullif(wordnet_id, ''), synset_id FROM labels "
        "ORDER BY wordnet_id = '', wordnet_id, text"
    )
    return list(map(LabelRow._make, rows))


def lemma_owners(db: sqlite3.Connection) -> dict[str, int]:
    """Word (see ``word_key``) -> the oldest synset that has it as a lemma or a name, also one that
    a person gave."""
    owners: dict[str, int] = {}
    for word, synset_id in db.execute(
        "SELECT lemma, synset_id FROM lemmas UNION "
        "SELECT name, synset_id FROM synset_decisions WHERE name IS NOT NULL ORDER BY 2, 1"
    ):
        owners.setdefault(word_key(word), synset_id)
    return owners


def score_synsets(db: sqlite3.Connection) -> list[SynsetSum]:
    """Gives every synset of the machine its ranking score, the sum of its kept tags' scores
    (LLM2Labels, section 4), and returns all of them by id. Needs a connection of ``write``."""
    # Rounded, so that the order in which floats are added does not show.
    db.execute(
        "UPDATE synsets SET score = coalesce((SELECT round(sum(t.score), 9) FROM tags t "
        "WHERE t.synset_id = synsets.id AND t.kept = 1), 0.0)"
    )
    rows = db.execute(
        "SELECT s.id, s.wordnet_id, (SELECT count(*) FROM tags t WHERE t.synset_id = s.id "
        "AND t.kept = 1) FROM synsets s ORDER BY s.id"
    )
    return list(map(SynsetSum._make, rows))


def set_names(db: sqlite3.Connection, names: Mapping[int, str]) -> None:
    """Machine names of synsets (id -> name). A name that a person gave is elsewhere and stays."""
    db.executemany(
        "UPDATE synsets SET name = ?1 WHERE id = ?2 AND source = 'machine' AND name != ?1",
        [(name, synset_id) for synset_id, name in names.items()],
    )
