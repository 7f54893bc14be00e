"""What the loops over images ask: what is done, and what was said of an image."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from annotator.core import scoring
from annotator.core.records import Combine, Ranking
from annotator.project.sqlite import sqlite3

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
    """A synset with the number of images where its tag is kept. ``used``: it has a tag, if only
    one that a filter dropped, or a person decided something about it. ``mine``: a machine made
    it."""

    id: int
    wordnet_id: str | None
    support: int
    used: bool
    mine: bool


class _Sums(NamedTuple):
    """What the kept tags of a synset add up to; None where no tag has a probability. ``weight``:
    the occurrences that have one, ``probability``: those times it."""

    support: int
    occurrence: float
    weight: float | None
    probability: float | None
    logarithm: float | None
    least: float | None
    most: float | None


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
    how: Combine | None = None,
) -> Iterator[SaidOf]:
    """What was said of these images, in order of image and as it was said: of each image only
    by the newest propose run (of ``run_ids``) that has done it, or by the last one of ``order``
    that has. ``how``: tokens are combined this way (LLM2Labels, eq. 3), and not as when they were
    said."""
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
        "SELECT p.image_id, p.run_id, p.label_id, p.crop, p.sample, p.probability, "
        # One token is what it is, whatever combines it.
        "CASE WHEN instr(p.tokens, ',') THEN p.tokens END "
        "FROM best n JOIN proposals p ON p.image_id = n.image_id AND p.run_id = n.run_id "
        "ORDER BY p.image_id, p.id",
        (json.dumps(list(image_ids)), json.dumps(list(order))),
    )
    for *said, tokens in rows:
        one = SaidOf._make(said)
        if how is not None and tokens is not None:
            one = one._replace(probability=scoring.combine(json.loads(tokens), how))
        yield one


def label_rows(db: sqlite3.Connection) -> list[LabelRow]:
    """All raw strings, those that name a WordNet synset first, then by text."""
    rows = db.execute(
        "SELECT id, text, nullif(wordnet_id, ''), synset_id FROM labels "
        "ORDER BY wordnet_id = '', wordnet_id, text"
    )
    return list(map(LabelRow._make, rows))


def score_synsets(
    db: sqlite3.Connection, by: Ranking = "product", how: Combine = "avg"
) -> list[SynsetSum]:
    """Gives every synset its ranking score and returns all of them by id. Needs a connection of
    ``write``.

    The order is that of ``scoring.rank`` and so is the score, but for a product of probabilities:
    of that it is the n-th root, n being the number of images with a kept tag. That is the same
    order and never underflows.
    """
    db.create_function("log_of", 1, _logarithm, deterministic=True)
    logarithms = "sum(log_of(probability))" if how == "product" else "NULL"
    sums = {
        row[0]: _Sums(*row[1:])
        for row in db.execute(
            "SELECT synset_id, count(*), sum(often), sum(iif(probability IS NULL, NULL, often)), "
            f"sum(often * probability), {logarithms}, min(probability), max(probability) FROM "
            "(SELECT synset_id, CAST(occurrence AS REAL) / crops AS often, probability FROM tags "
            "WHERE kept = 1) GROUP BY synset_id"
        )
    }
    tagged = {row[0] for row in db.execute("SELECT DISTINCT synset_id FROM tags")}
    images, digits = 1, 9
    if how == "product" and by != "occurrence":
        digits = 12  # roots of many are close to 1
        row = db.execute("SELECT count(DISTINCT image_id) FROM tags WHERE kept = 1").fetchone()
        images = max(1, int(row[0]))
    found, scores = [], []
    for id, wordnet_id, source, score, decided in db.execute(
        "SELECT s.id, s.wordnet_id, s.source, s.score, d.synset_id IS NOT NULL FROM synsets s "
        "LEFT JOIN synset_decisions d ON d.synset_id = s.id ORDER BY s.id"
    ):
        of = sums.get(id)
        # Rounded, so that the order in which floats are added does not show.
        new = round(_weight(of, by, how, images), digits) if of else 0.0
        if new != score:
            scores.append((new, id))
        used = id in tagged or bool(decided)
        support = of.support if of else 0
        found.append(SynsetSum(id, wordnet_id, support, used, source == "machine"))
    db.executemany("UPDATE synsets SET score = ? WHERE id = ?", scores)
    return found


def _weight(of: _Sums, by: Ranking, how: Combine, images: int) -> float:
    """As ``scoring.rank`` weighs, from sums."""
    times = 1.0 if by == "probability" else of.occurrence
    if by == "occurrence" or not of.weight or of.least is None or of.most is None:
        weight = of.occurrence
        return weight ** (1 / images) if how == "product" and by != "occurrence" else weight
    if how == "avg":
        return (of.probability or 0.0) * (times / of.weight)
    if how == "product":
        if of.least <= 0.0 or of.logarithm is None:
            return 0.0
        return math.exp((math.log(times) + of.logarithm) / images)
    return times * (of.least if how == "min" else of.most)


def _logarithm(value: float | None) -> float | None:
    return math.log(value) if value else None


def set_names(db: sqlite3.Connection, names: Mapping[int, str]) -> None:
    """Machine names of synsets (id -> name). A name that a person gave is elsewhere and stays."""
    db.executemany(
        "UPDATE synsets SET name = ?1 WHERE id = ?2 AND source = 'machine' AND name != ?1",
        [(name, synset_id) for synset_id, name in names.items()],
    )


def set_inner(db: sqlite3.Connection, inner: Collection[int]) -> None:
    """Which of a machine's synsets only group others: these and no more."""
    wanted = json.dumps(sorted(inner))
    db.execute(
        "UPDATE synsets SET inner = (id IN (SELECT value FROM json_each(?1))) "
        "WHERE source = 'machine' AND inner != (id IN (SELECT value FROM json_each(?1)))",
        (wanted,),
    )


def own_labels(db: sqlite3.Connection) -> list[tuple[int, str]]:
    """(synset, text) of the labels that belong to a machine's synset that WordNet does not have,
    by text."""
    rows = db.execute(
        "SELECT l.synset_id, l.text FROM labels l JOIN synsets s ON s.id = l.synset_id "
        "WHERE s.wordnet_id IS NULL AND s.source = 'machine' ORDER BY l.text, l.id"
    )
    return [(int(synset_id), str(text)) for synset_id, text in rows]
