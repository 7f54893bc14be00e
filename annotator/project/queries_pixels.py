"""Reads: which tags the pixels are asked about, and what they said. Nothing is merged here: what is
said of each synset stays its own, so that undoing a merge finds it again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from annotator.project.sqlite import sqlite3
from annotator.project.words import Words, word_key


class Named(NamedTuple):
    """A synset as it is put to a model: its name, its own lemmas, its WordNet id."""

    name: str
    lemmas: tuple[str, ...]
    wordnet_id: str | None


def named(db: sqlite3.Connection) -> dict[int, Named]:
    """All synsets that are more than a group of others, by id, in the order of their ids."""
    words = Words(db)
    tagged = {row[0] for row in db.execute("SELECT DISTINCT synset_id FROM tags")}
    tagged |= {row[0] for row in db.execute("SELECT DISTINCT synset_id FROM tag_decisions")}
    lemmas: dict[int, list[str]] = {}
    for id, lemma in db.execute(
        "SELECT synset_id, lemma FROM lemmas ORDER BY synset_id, position, lemma"
    ):
        lemmas.setdefault(id, []).append(lemma)
    return {
        id: Named(one.name, _once((one.name, *lemmas.get(id, ()), one.made_name)), one.wordnet_id)
        for id, one in sorted(words.entries.items())
        if id in tagged or not one.inner
    }


def _once(lemmas: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, str] = {}
    for lemma in lemmas:
        seen.setdefault(word_key(lemma), lemma)
    return tuple(seen.values())


def proposed(db: sqlite3.Connection, image_ids: Sequence[int]) -> dict[int, list[int]]:
    """Image id -> the synsets of all its tags by id: what passed the filters, what they dropped,
    and what a person decided."""
    found: dict[int, set[int]] = {id: set() for id in image_ids}
    asked = (json.dumps(list(image_ids)),)
    for table in ("tags", "tag_decisions"):
        for image_id, synset_id in db.execute(
            f"SELECT t.image_id, t.synset_id FROM json_each(?) j "
            f"CROSS JOIN {table} t ON t.image_id = j.value",
            asked,
        ):
            found[image_id].add(synset_id)
    return {id: sorted(synsets) for id, synsets in found.items()}


def unsupported(db: sqlite3.Connection, image_ids: Sequence[int]) -> dict[tuple[int, int], float]:
    """(image, synset) -> the score of the best pixel, where that was not enough."""
    rows = db.execute(
        "SELECT p.image_id, p.synset_id, p.score FROM json_each(?) j "
        "CROSS JOIN tag_pixels p ON p.image_id = j.value WHERE p.supported = 0",
        (json.dumps(list(image_ids)),),
    )
    return {(image_id, synset_id): score for image_id, synset_id, score in rows}
