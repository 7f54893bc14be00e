"""Reads: images, their marks and the filters over them. Re-exported by ``queries``.

Status of an image: "unreadable"; "no tags" (no tag passed the filters and none was accepted);
"unreviewed" (some tag that passed the filters is undecided); among those "doubtful" (an
undecided tag with a score in ``DOUBTFUL``) and "unsupported" (an undecided tag that no pixel
supports, where the pixels were looked at); "reviewed" (everything is decided). Tags of a rejected
synset do not count, and a missing image is nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotator.core.errors import AnnotatorError
from annotator.core.records import Image
from annotator.project import counts
from annotator.project.sqlite import sqlite3
from annotator.project.words import Words

#: Scores of an undecided tag that make its image doubtful, both ends included.
DOUBTFUL = (0.2, 0.6)
STATUSES = ("unreviewed", "doubtful", "unsupported", "reviewed", "no tags", "unreadable")
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


def listed(db: sqlite3.Connection) -> list[int]:
    """Ids of all images that are there, in path order."""
    rows = db.execute(
        "SELECT id FROM images INDEXED BY images_listed WHERE missing = 0 ORDER BY path"
    )
    return [row[0] for row in rows.fetchall()]


def _by_status(db: sqlite3.Connection, words: Words, only: str | None = None) -> dict[str, int]:
    """Status -> images as bits; missing ones may be among them. With ``only`` the others may be
    empty."""
    doubt = DOUBTFUL if only in (None, "doubtful") else None
    found = counts.reviewed(db, words, doubt, pixels=only in (None, "unsupported"))
    unreadable = _select(db, "error IS NOT NULL", ())
    return {
        "unreadable": unreadable,
        "unreviewed": found.undecided & ~unreadable,
        "doubtful": found.doubtful & ~unreadable,
        "unsupported": found.unsupported & ~unreadable,
        "reviewed": found.tagged & ~found.undecided & ~unreadable,
        "no tags": _select(db, "error IS NULL", ()) & ~found.tagged,
    }


def _select(db: sqlite3.Connection, where: str, values: tuple[str, ...]) -> int:
    row = db.execute(f"SELECT json_group_array(id) FROM images WHERE {where}", values).fetchone()
    return counts.bits(row[0])


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
    order = listed(db)
    terms = text.split()
    if not (terms or status or synset is not None):
        return order
    words = Words(db)
    fits = -1
    if status == "unreadable":
        fits &= _select(db, "error IS NOT NULL", ())
    elif status:
        fits &= _by_status(db, words, status)[status]
    if synset is not None:
        fits &= counts.shown(db, words, list(words.subtree(words.root(synset))))
    for term in terms:
        escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        in_path = _select(db, "missing = 0 AND path LIKE ? ESCAPE '\\'", (f"%{escaped}%",))
        fits &= in_path | counts.shown(db, words, words.matching(term))
    return counts.only(order, fits)


def status_counts(db: sqlite3.Connection) -> dict[str, int]:
    """How many images have each status, and "all". Doubtful ones, and those with a tag that no
    pixel supports, are unreviewed ones too."""
    there = _select(db, "missing = 0", ())
    found = _by_status(db, Words(db))
    numbers = {status: (found[status] & there).bit_count() for status in STATUSES}
    return {**numbers, "all": there.bit_count()}
