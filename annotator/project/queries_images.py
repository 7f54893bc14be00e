"""Reads: images, their marks and the filters over them. Re-exported by ``queries``.

Status of an image: "unreadable"; "no tags" (no tag passed the filters and none was accepted);
"unreviewed" (some tag that passed the filters is undecided); among those "doubtful" (an
undecided tag with a score in ``DOUBTFUL``); "reviewed" (everything is decided). Tags of a
rejected synset do not count, and a missing image is nowhere.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotator.core.errors import AnnotatorError
from annotator.core.records import Image
from annotator.project.counts import shown_images
from annotator.project.words import Words

#: Scores of an undecided tag that make its image doubtful, both ends included.
DOUBTFUL = (0.2, 0.6)
STATUSES = ("unreviewed", "doubtful", "reviewed", "no tags", "unreadable")
IMAGE_COLUMNS = "i.id, i.path, i.bytes, i.hash, i.width, i.height, i.error, i.missing"


@dataclass(frozen=True, slots=True)
class ImageMark:
    """What a thumbnail shows: ``status``, "doubtful" before "unreviewed"; how many ``tags`` it
    has that are not rejected, and how many of them a person ``accepted``."""

    status: str
    tags: int
    accepted: int


def to_image(row: tuple[Any, ...]) -> Image:
    """A row of ``IMAGE_COLUMNS`` as a record."""
    values = [*row[:7], bool(row[7])]
    return Image(*values)


def image(db: sqlite3.Connection, id: int) -> Image:
    """The image; AnnotatorError when there is none of that id."""
    found = images(db, [id])
    if not found:
        raise AnnotatorError(f"There is no image {id} in this project.")
    return found[0]


def images(db: sqlite3.Connection, ids: Sequence[int]) -> list[Image]:
    """The images in the order of ``ids``; ids that are not there are left out."""
    rows = db.execute(
        f"SELECT {IMAGE_COLUMNS} FROM json_each(?) j CROSS JOIN images i ON i.id = j.value "
        "ORDER BY j.key",
        (json.dumps(list(ids)),),
    )
    return [to_image(row) for row in rows]


def image_by_path(db: sqlite3.Connection, path: str) -> Image | None:
    """The image at the path, relative to the folder and with forward slashes."""
    row = db.execute(f"SELECT {IMAGE_COLUMNS} FROM images i WHERE i.path = ?", (path,)).fetchone()
    return None if row is None else to_image(row)


def find_image(db: sqlite3.Connection, text: str) -> Image:
    """The image with that relative path, id, or unique file name.

    Raises AnnotatorError when there is none, or when several have the file name.
    """
    exact = image_by_path(db, text)
    if exact is not None:
        return exact
    if text.isascii() and text.isdigit():
        found = images(db, [int(text)]) if len(text) < 19 else []
        if found:
            return found[0]
    name = text.replace("\\", "/").removeprefix("./")
    rows = db.execute(
        f"SELECT {IMAGE_COLUMNS} FROM images i WHERE i.path = ?1 "
        "OR substr(i.path, -length(?1) - 1) = '/' || ?1 ORDER BY i.path LIMIT 3",
        (name,),
    ).fetchall()
    if not rows:
        raise AnnotatorError(
            f"There is no image {text} in this project; name it by its path in the folder."
        )
    if len(rows) > 1:
        raise AnnotatorError(
            f"Several images are called {text}, for example {rows[0][1]} and {rows[1][1]}; "
            "name one by its path in the folder."
        )
    return to_image(rows[0])


def _conditions(words: Words) -> dict[str, str]:
    """Status -> SQL over images i. Conditions stop at the first tag that decides them."""
    rejected = ",".join(map(str, words.rejected()))
    own = f"t.image_id = i.id AND t.kept = 1 AND t.synset_id NOT IN ({rejected})"
    if any(len(group) > 1 for group in words.members.values()):
        # A decision on any member of a merged synset decides the tag.
        decided = (
            "SELECT 1 FROM tag_decisions x LEFT JOIN synset_decisions xd "
            "ON xd.synset_id = x.synset_id WHERE x.image_id = t.image_id "
            "AND coalesce(xd.root, x.synset_id) = coalesce("
            "(SELECT d.root FROM synset_decisions d WHERE d.synset_id = t.synset_id), t.synset_id)"
        )
    else:
        decided = (
            "SELECT 1 FROM tag_decisions x WHERE x.image_id = t.image_id "
            "AND x.synset_id = t.synset_id"
        )
    undecided = f"EXISTS (SELECT 1 FROM tags t WHERE {own} AND NOT EXISTS ({decided}))"
    doubtful = (
        f"EXISTS (SELECT 1 FROM tags t WHERE {own} AND t.score BETWEEN {DOUBTFUL[0]} "
        f"AND {DOUBTFUL[1]} AND NOT EXISTS ({decided}))"
    )
    any_tag = (
        f"(EXISTS (SELECT 1 FROM tags t WHERE {own}) OR EXISTS (SELECT 1 FROM tag_decisions x "
        f"WHERE x.image_id = i.id AND x.verdict = 'accepted' AND x.synset_id NOT IN ({rejected})))"
    )
    readable = "i.error IS NULL"
    return {
        "unreadable": "i.error IS NOT NULL",
        "unreviewed": f"{readable} AND {undecided}",
        "doubtful": f"{readable} AND {doubtful}",
        "reviewed": f"{readable} AND {any_tag} AND NOT {undecided}",
        "no tags": f"{readable} AND NOT {any_tag}",
    }


def image_ids(
    db: sqlite3.Connection, *, text: str = "", status: str | None = None, synset: int | None = None
) -> list[int]:
    """Ids of the images that fit all of the filters, in path order.

    ``text``: each of its words must be in the path or begin a word of a name or lemma of a tag
    that is not rejected. ``status``: one of ``STATUSES``. ``synset``: it, or a synset below it,
    is tagged and not rejected. Raises AnnotatorError on an unknown synset, ValueError on an
    unknown status.
    """
    if status is not None and status not in STATUSES:
        raise ValueError(f"{status} is no status of an image")
    where = ["i.missing = 0"]
    values: list[str] = []
    terms = text.split()
    if terms or status or synset is not None:
        words = Words(db)
        if status:
            where.append(_conditions(words)[status])
        if synset is not None:
            roots = words.subtree(words.root(synset))
            where.append("i.id IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(shown_images(db, words, list(roots))))
        for term in terms:
            where.append("(i.path LIKE ? ESCAPE '\\' OR i.id IN (SELECT value FROM json_each(?)))")
            escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            values.append(f"%{escaped}%")
            values.append(json.dumps(shown_images(db, words, words.matching(term))))
    rows = db.execute(
        f"SELECT i.id FROM images i WHERE {' AND '.join(where)} ORDER BY i.path", values
    )
    return [row[0] for row in rows]


def status_counts(db: sqlite3.Connection) -> dict[str, int]:
    """How many images have each status, and "all". Doubtful ones are unreviewed ones too."""
    conditions = _conditions(Words(db))
    row = db.execute(
        "SELECT count(*), coalesce(sum(unreviewed), 0), coalesce(sum(doubtful), 0), "
        "coalesce(sum(none), 0), coalesce(sum(unreadable), 0) FROM (SELECT "
        f"{conditions['unreadable']} AS unreadable, "
        f"CASE WHEN i.error IS NULL THEN {conditions['unreviewed']} END AS unreviewed, "
        f"CASE WHEN i.error IS NULL THEN {conditions['doubtful']} END AS doubtful, "
        f"CASE WHEN i.error IS NULL THEN {conditions['no tags']} END AS none "
        "FROM images i WHERE i.missing = 0)"
    ).fetchone()
    total, unreviewed, doubtful, none, unreadable = row
    return {
        "unreviewed": unreviewed,
        "doubtful": doubtful,
        "reviewed": total - unreviewed - none - unreadable,
        "no tags": none,
        "unreadable": unreadable,
        "all": total,
    }
