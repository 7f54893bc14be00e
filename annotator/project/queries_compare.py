"""What a comparison of packs asks: to which word a label belongs, on an image and in general."""

from __future__ import annotations

from annotator.project.sqlite import sqlite3
from annotator.project.words import Words


class WordOf:
    """The words that labels belong to, merges resolved."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._words = Words(db)
        self._mostly: dict[int, int] = dict(
            db.execute("SELECT id, synset_id FROM labels WHERE synset_id IS NOT NULL").fetchall()
        )
        self._here: dict[tuple[int, int], int] = {
            (label_id, image_id): synset_id
            for label_id, image_id, synset_id in db.execute(
                "SELECT label_id, image_id, synset_id FROM label_senses"
            )
        }

    def of(self, label_id: int, image_id: int) -> int | None:
        """The word that the label means on that image; None when it belongs to none."""
        found = self._here.get((label_id, image_id), self._mostly.get(label_id))
        return None if found is None else self._words.root(found)

    def name(self, root: int) -> str:
        """The name that a person sees."""
        return self._words.name(root)
