"""What the step from labels to synsets asks: labels, who owns a word, what was said beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from annotator.project.sqlite import sqlite3


class LabelState(NamedTuple):
    """A raw string and what it is taken for so far. ``wordnet_id``: the synset that the machine
    itself named."""

    id: int
    text: str
    wordnet_id: str | None
    synset_id: int | None
    reason: str
    attributes: str


class SynsetKey(NamedTuple):
    """How a stored synset is found: by ``wordnet_id``, without one by ``key``. ``decided``: a
    person decided something about it, or about a tag of it."""

    id: int
    key: str
    wordnet_id: str | None
    source: str
    decided: bool


def has_free_text(db: sqlite3.Connection) -> bool:
    """Whether a machine said anything that does not name a WordNet synset."""
    return bool(
        db.execute("SELECT EXISTS (SELECT 1 FROM labels WHERE wordnet_id = '')").fetchone()[0]
    )


def label_states(db: sqlite3.Connection) -> list[LabelState]:
    """All raw strings, by text."""
    rows = db.execute(
        "SELECT id, text, nullif(wordnet_id, ''), synset_id, reason, attributes FROM labels "
        "ORDER BY text, wordnet_id"
    )
    return list(map(LabelState._make, rows))


def synset_keys(db: sqlite3.Connection) -> list[SynsetKey]:
    """All synsets, the oldest first."""
    rows = db.execute(
        "SELECT s.id, s.key, s.wordnet_id, s.source, d.synset_id IS NOT NULL "
        "OR EXISTS (SELECT 1 FROM tag_decisions t WHERE t.synset_id = s.id) "
        "OR EXISTS (SELECT 1 FROM synset_decisions t WHERE t.parent = s.id OR t.root = s.id) "
        "FROM synsets s LEFT JOIN synset_decisions d ON d.synset_id = s.id ORDER BY s.id"
    )
    return [SynsetKey(id, key, wnid, source, bool(by)) for id, key, wnid, source, by in rows]


def persons_words(db: sqlite3.Connection) -> list[tuple[str, int]]:
    """(word, synset) of every name and lemma that a person gave, the oldest synset first."""
    rows = db.execute(
        "SELECT lemma, synset_id FROM lemmas WHERE source = 'person' UNION "
        "SELECT name, id FROM synsets WHERE source = 'person' UNION "
        "SELECT name, synset_id FROM synset_decisions WHERE name IS NOT NULL ORDER BY 2, 1"
    )
    return [(str(word), int(synset_id)) for word, synset_id in rows]


def count_images(db: sqlite3.Connection, groups: Sequence[Iterable[int]]) -> list[int]:
    """Of each group of labels on how many images any of them was ever said."""
    pairs = [(number, label) for number, labels in enumerate(groups) for label in labels]
    found = dict(
        db.execute(
            "SELECT json_extract(j.value, '$[0]') AS n, count(DISTINCT p.image_id) "
            "FROM json_each(?) j CROSS JOIN proposals p "
            "ON p.label_id = json_extract(j.value, '$[1]') GROUP BY n",
            (json.dumps(pairs),),
        ).fetchall()
    )
    return [int(found.get(number, 0)) for number in range(len(groups))]


def said_beside(db: sqlite3.Connection, label_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(image, label) of everything that was ever said of the images of these labels, image after
    image, each pair once."""
    return iter(
        db.execute(
            "WITH wanted AS MATERIALIZED (SELECT DISTINCT p.image_id FROM json_each(?) j "
            "CROSS JOIN proposals p ON p.label_id = j.value) "
            "SELECT DISTINCT p.image_id, p.label_id FROM wanted w "
            "CROSS JOIN proposals p ON p.image_id = w.image_id ORDER BY p.image_id, p.label_id",
            (json.dumps(list(label_ids)),),
        )
    )


def images_of_labels(db: sqlite3.Connection, label_ids: Iterable[int]) -> set[int]:
    """Images of which any of these labels was said."""
    rows = db.execute(
        "SELECT DISTINCT p.image_id FROM json_each(?) j "
        "CROSS JOIN proposals p ON p.label_id = j.value",
        (json.dumps(list(label_ids)),),
    )
    return {row[0] for row in rows}


def senses(db: sqlite3.Connection) -> tuple[str | None, dict[int, dict[str, float]]]:
    """Id of the model that chose between meanings, None when none did; and label -> WordNet id ->
    weight of the labels that have several."""
    row = db.execute("SELECT value FROM meta WHERE key = 'senses'").fetchone()
    found: dict[int, dict[str, float]] = {}
    for label, wordnet_id, weight in db.execute(
        "SELECT label_id, wordnet_id, weight FROM senses ORDER BY label_id, wordnet_id"
    ):
        found.setdefault(label, {})[wordnet_id] = weight
    return (str(row[0]) if row else None), found


def label_senses(
    db: sqlite3.Connection, image_ids: Sequence[int] | None = None
) -> dict[tuple[int, int], int]:
    """(label, image) -> synset, where a label means another one than it mostly does: on these
    images, or on all (None)."""
    wanted = None if image_ids is None else json.dumps(list(image_ids))
    rows = db.execute(
        "SELECT label_id, image_id, synset_id FROM label_senses "
        "WHERE ?1 IS NULL OR image_id IN (SELECT value FROM json_each(?1))",
        (wanted,),
    )
    return {(label, image): synset for label, image, synset in rows}
