"""Reads: tags and regions, merges and decisions resolved. Re-exported by ``queries``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from annotator.core.errors import AnnotatorError
from annotator.core.records import Region, Rle, Source, Tag, Verdict
from annotator.project import counts
from annotator.project.queries_images import DOUBTFUL, ImageMark, image, listed
from annotator.project.sqlite import sqlite3
from annotator.project.words import Words

REJECTED_WORD = "the word was rejected"
_CHUNK = 500


@dataclass(slots=True)
class _Both:
    """What machines and the person said of one synset on one image."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)
    #: (score, x, y, supported) of each member whose pixels were looked at
    pixels: list[tuple[float, float, float, int]] = field(default_factory=list)

    def verdict(self) -> Verdict:
        """Accepted where any member is, rejected where all that was decided says so."""
        if "accepted" in self.verdicts:
            return "accepted"
        return "rejected" if self.verdicts else "unknown"


def _both(db: sqlite3.Connection, ids: Sequence[int]) -> dict[int, dict[int, _Both]]:
    """image id -> root -> what was said."""
    found: dict[int, dict[int, _Both]] = {id: {} for id in ids}
    asked = (json.dumps(list(ids)),)
    for row in db.execute(
        "SELECT t.image_id, coalesce(d.root, t.synset_id), t.score, t.probability, t.occurrence, "
        "t.crops, t.seen, t.kept, t.reason FROM json_each(?) j "
        "CROSS JOIN tags t ON t.image_id = j.value "
        "LEFT JOIN synset_decisions d ON d.synset_id = t.synset_id ORDER BY t.score DESC",
        asked,
    ):
        found[row[0]].setdefault(row[1], _Both()).rows.append(row[2:])
    for image_id, root, verdict in db.execute(
        "SELECT t.image_id, coalesce(d.root, t.synset_id), t.verdict FROM json_each(?) j "
        "CROSS JOIN tag_decisions t ON t.image_id = j.value "
        "LEFT JOIN synset_decisions d ON d.synset_id = t.synset_id",
        asked,
    ):
        found[image_id].setdefault(root, _Both()).verdicts.append(verdict)
    return found


def _look(db: sqlite3.Connection, found: dict[int, dict[int, _Both]]) -> None:
    """Adds what the pixels say of these tags."""
    for image_id, root, *pixels in db.execute(
        "SELECT p.image_id, coalesce(d.root, p.synset_id), p.score, p.x, p.y, p.supported "
        "FROM json_each(?) j CROSS JOIN tag_pixels p ON p.image_id = j.value "
        "LEFT JOIN synset_decisions d ON d.synset_id = p.synset_id",
        (json.dumps(list(found)),),
    ):
        both = found[image_id].get(root)
        if both is not None:  # else the machine does not say it any more
            both.pixels.append((pixels[0], pixels[1], pixels[2], pixels[3]))


def _names(db: sqlite3.Connection, roots: Iterable[int]) -> dict[int, tuple[str, bool]]:
    """root -> (name, whether the word was rejected)."""
    rows = db.execute(
        "SELECT s.id, coalesce(d.name, s.name), coalesce(d.verdict = 'rejected', 0) "
        "FROM json_each(?) j CROSS JOIN synsets s ON s.id = j.value "
        "LEFT JOIN synset_decisions d ON d.synset_id = s.id",
        (json.dumps(list(roots)),),
    )
    return {row[0]: (row[1], bool(row[2])) for row in rows}


def tags_of(
    db: sqlite3.Connection, ids: Sequence[int], *, dropped: bool = False
) -> dict[int, list[Tag]]:
    """Image id -> its tags as ``tags`` gives them, for many images at once."""
    found = _both(db, ids)
    _look(db, found)
    names = _names(db, {root for roots in found.values() for root in roots})
    paths = dict(
        db.execute(
            "SELECT i.id, i.path FROM json_each(?) j CROSS JOIN images i ON i.id = j.value",
            (json.dumps(list(ids)),),
        ).fetchall()
    )
    result: dict[int, list[Tag]] = {}
    for image_id, roots in found.items():
        tags = []
        for root, both in roots.items():
            name, hidden = names[root]
            tag = _tag(image_id, paths.get(image_id, ""), root, name, both, hidden)
            if dropped or (not hidden and (tag.kept or tag.verdict != "unknown")):
                tags.append(tag)
        tags.sort(key=lambda t: (t.score is not None, -(t.score or 0.0), t.synset, t.synset_id))
        result[image_id] = tags
    return result


@lru_cache(maxsize=1024)
def _crops(seen: str) -> tuple[str, ...]:
    return tuple(json.loads(seen))


def _tag(image_id: int, path: str, root: int, name: str, both: _Both, hidden: bool) -> Tag:
    # Rows that passed the filters speak for the tag; where none did, all of them.
    rows = [row for row in both.rows if row[5]] or both.rows
    score = probability = reason = None
    occurrence = crops = 0
    seen: tuple[str, ...] = ()
    kept, source = True, "person"
    if rows:
        score, probability, occurrence, crops, seen_in, passed, reason = rows[0]
        seen = _crops(seen_in)
        kept, source = bool(passed), "machine"
        if len(rows) > 1:
            seen = tuple(dict.fromkeys(c for row in rows for c in _crops(row[4])))
            occurrence = max(len(seen), *(row[2] for row in rows))
            crops = max(row[3] for row in rows)
    if hidden:
        kept, reason = False, REJECTED_WORD
    made: Source = "person" if source == "person" else "machine"
    peak = max(both.pixels, default=None)
    return Tag(
        image_id,
        path,
        root,
        name,
        score,
        probability,
        occurrence,
        crops,
        seen,
        kept,
        reason,
        both.verdict(),
        made,
        None if peak is None else peak[0],
        None if peak is None else (peak[1], peak[2]),
        None if peak is None else any(one[3] for one in both.pixels),
    )


def tags(db: sqlite3.Connection, image_id: int, *, dropped: bool = False) -> list[Tag]:
    """Tags of an image: those only a person gave first, then by score.

    Those that passed the filters or were decided; with ``dropped`` also the others and those
    of rejected words. Raises AnnotatorError on an unknown image.
    """
    image(db, image_id)
    return tags_of(db, [image_id], dropped=dropped)[image_id]


def all_tags(db: sqlite3.Connection, kept: bool = True) -> Iterator[Tag]:
    """Tags of all images that are there, image after image in path order. ``kept`` False: also
    what the filters dropped and rejected words."""
    for ids in _chunks(db):
        for found in tags_of(db, ids, dropped=not kept).values():
            yield from found


def _chunks(db: sqlite3.Connection) -> Iterator[list[int]]:
    order = listed(db)
    for at in range(0, len(order), _CHUNK):
        yield order[at : at + _CHUNK]


def tagged_images(db: sqlite3.Connection, synset_id: int) -> list[int]:
    """Ids of images with the tag itself (not one below it): passed the filters or accepted, and
    not rejected; in path order. Raises AnnotatorError on an unknown synset."""
    words = Words(db)
    return counts.only(listed(db), counts.shown(db, words, [words.root(synset_id)]))


def image_marks(db: sqlite3.Connection, ids: Sequence[int]) -> dict[int, ImageMark]:
    """What the thumbnails show, by image id; ids that are not there are left out."""
    errors = dict(
        db.execute(
            "SELECT i.id, i.error FROM json_each(?) j CROSS JOIN images i ON i.id = j.value",
            (json.dumps(list(ids)),),
        ).fetchall()
    )
    found = _both(db, list(errors))
    names = _names(db, {root for roots in found.values() for root in roots})
    return {
        id: _mark(errors[id], [both for root, both in roots.items() if not names[root][1]])
        for id, roots in found.items()
    }


def _mark(error: str | None, said: list[_Both]) -> ImageMark:
    count = accepted = 0
    any_tag = undecided = doubtful = False
    for both in said:
        verdict = both.verdict()
        passed = [row for row in both.rows if row[5]]
        any_tag = any_tag or bool(passed) or verdict == "accepted"
        if passed and verdict == "unknown":
            undecided = True
            doubtful = doubtful or any(DOUBTFUL[0] <= row[0] <= DOUBTFUL[1] for row in passed)
        count += verdict == "accepted" or (bool(passed) and verdict == "unknown")
        accepted += verdict == "accepted"
    if error is not None:
        status = "unreadable"
    elif not any_tag:
        status = "no tags"
    elif not undecided:
        status = "reviewed"
    else:
        status = "doubtful" if doubtful else "unreviewed"
    return ImageMark(status, count, accepted)


_REGIONS = (
    "SELECT g.id, g.image_id, i.path, s.id, coalesce(r.name, s.name), g.height, g.width, "
    "g.counts, g.x, g.y, g.w, g.h, g.area, g.score, g.threshold, g.source, v.verdict, "
    "(SELECT group_concat(t.verdict) FROM tag_decisions t "
    "LEFT JOIN synset_decisions td ON td.synset_id = t.synset_id "
    "WHERE t.image_id = g.image_id AND coalesce(td.root, t.synset_id) = s.id), g.prompt "
    "FROM regions g JOIN images i ON i.id = g.image_id "
    "LEFT JOIN synset_decisions d ON d.synset_id = g.synset_id "
    "JOIN synsets s ON s.id = coalesce(d.root, g.synset_id) "
    "LEFT JOIN synset_decisions r ON r.synset_id = s.id "
    "LEFT JOIN region_decisions v ON v.region_id = g.id"
)


def _region(row: tuple[Any, ...]) -> Region:
    verdict: Verdict = row[16] or "unknown"
    # A mask of something that is not there is rejected, unless the person said otherwise.
    if row[16] is None and row[17] is not None and "accepted" not in row[17]:
        verdict = "rejected"
    rle, box = Rle(row[5], row[6], row[7]), (row[8], row[9], row[10], row[11])
    prompt = json.loads(row[18]) if row[18] != "{}" else {}
    values = [*row[:5], rle, box, *row[12:15], verdict, row[15], prompt]
    return Region(*values)


def region(db: sqlite3.Connection, id: int) -> Region:
    """The region; AnnotatorError when there is none of that id."""
    row = db.execute(f"{_REGIONS} WHERE g.id = ?", (id,)).fetchone()
    if row is None:
        raise AnnotatorError(f"There is no region {id}; it may have been replaced by a newer run.")
    return _region(row)


def regions(db: sqlite3.Connection, image_id: int, synset_id: int | None = None) -> list[Region]:
    """Masks of an image, of one synset or of all words that are not rejected; oldest first.

    A mask that was not decided reads as rejected where its tag on the image was rejected.
    """
    if synset_id is None:
        rows = db.execute(
            f"{_REGIONS} WHERE g.image_id = ? AND r.verdict IS NOT 'rejected' ORDER BY g.id",
            (image_id,),
        )
    else:
        rows = db.execute(
            f"{_REGIONS} WHERE g.image_id = ? AND s.id = ? ORDER BY g.id",
            (image_id, Words(db).root(synset_id)),
        )
    return [_region(row) for row in rows]


def all_regions(db: sqlite3.Connection) -> Iterator[Region]:
    """Masks of all images that are there and all words that are not rejected, in path order."""
    for row in db.execute(
        f"{_REGIONS} WHERE i.missing = 0 AND r.verdict IS NOT 'rejected' ORDER BY i.path, g.id"
    ):
        yield _region(row)
