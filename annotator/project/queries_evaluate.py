"""What an evaluation asks of the stored proposals: which runs said what, token by token."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from annotator.project.sqlite import sqlite3


class TokensOf(NamedTuple):
    """A stored proposal with its tokens; of an image on which nothing was said one row without a
    label. ``tokens``: the probabilities as a JSON list, to be read only where they are needed."""

    image_id: int
    run_id: int
    label_id: int | None
    crop: str
    sample: int
    probability: float | None
    tokens: str


def image_tokens(
    db: sqlite3.Connection,
    image_ids: Sequence[int],
    run_ids: Sequence[int],
    crops: Sequence[str],
) -> Iterator[TokensOf]:
    """What these runs said of these crops of these images, in order of image and as it was said:
    of each image only what the newest of the runs that has done it said."""
    rows = db.execute(
        "WITH newest AS (SELECT r.image_id, max(r.run_id) AS run_id FROM run_images r "
        "JOIN images i ON i.id = r.image_id "
        "WHERE r.image_id IN (SELECT value FROM json_each(?1)) "
        "AND r.run_id IN (SELECT value FROM json_each(?2)) AND r.error IS NULL "
        # Of content that has changed since, nothing is known.
        "AND (r.hash IS NULL OR i.hash IS NULL OR r.hash = i.hash) GROUP BY r.image_id) "
        "SELECT n.image_id, n.run_id, p.label_id, coalesce(p.crop, ''), coalesce(p.sample, 0), "
        "p.probability, coalesce(p.tokens, '[]') FROM newest n LEFT JOIN proposals p "
        "ON p.image_id = n.image_id AND p.run_id = n.run_id "
        "AND p.crop IN (SELECT value FROM json_each(?3)) ORDER BY n.image_id, p.id",
        (json.dumps(list(image_ids)), json.dumps(list(run_ids)), json.dumps(list(crops))),
    )
    return map(TokensOf._make, rows)


def count_images(db: sqlite3.Connection, run_ids: Sequence[int]) -> int:
    """How many images these runs have looked at, together."""
    row = db.execute(
        "SELECT count(DISTINCT image_id) FROM run_images "
        "WHERE run_id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(run_ids)),),
    ).fetchone()
    return int(row[0])
