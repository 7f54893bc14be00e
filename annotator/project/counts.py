"""On which images each synset is: counted as sets of bits, so that 500,000 tags take one grouped
query and a subtree is a bitwise or."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from annotator.project.sqlite import sqlite3
from annotator.project.words import Words


@dataclass(frozen=True, slots=True)
class Count:
    """Of one synset, merges resolved. ``support``: images where it passed the filters and was
    not rejected, or was accepted. ``subtree``: the same for it and all below it. ``tags``:
    images with a tag that passed the filters or was decided. ``known``: the synset or one below
    it has any tag that passed the filters or was decided."""

    support: int
    subtree: int
    tags: int
    accepted: int
    known: bool


class _Sets:
    """Image ids per synset, kept as the text that SQLite made until they are needed."""

    def __init__(self, db: sqlite3.Connection, ids: Sequence[int] | None) -> None:
        some = "" if ids is None else "AND synset_id IN (SELECT value FROM json_each(?))"
        values = () if ids is None else (json.dumps(list(ids)),)
        self._kept: dict[int, str] = dict(
            db.execute(
                "SELECT synset_id, json_group_array(image_id) FROM tags INDEXED BY tags_synset "
                f"WHERE kept = 1 {some} GROUP BY synset_id",
                values,
            ).fetchall()
        )
        self._decided: dict[tuple[int, str], str] = {
            (row[0], row[1]): row[2]
            for row in db.execute(
                "SELECT synset_id, verdict, json_group_array(image_id) FROM tag_decisions "
                f"WHERE 1 {some} GROUP BY synset_id, verdict",
                values,
            )
        }
        gone = db.execute("SELECT json_group_array(id) FROM images WHERE missing = 1").fetchone()
        self._there = ~bits(gone[0])

    def of(self, members: Sequence[int]) -> tuple[int, int, int]:
        """(kept, accepted, rejected) as bits, each where any member is; what is accepted counts,
        whatever else was rejected there."""
        kept = accepted = rejected = 0
        for id in members:
            kept |= bits(self._kept.get(id))
            accepted |= bits(self._decided.get((id, "accepted")))
            rejected |= bits(self._decided.get((id, "rejected")))
        there = self._there
        return kept & there, accepted & there, rejected & there


def bits(ids: str | None) -> int:
    """A JSON list of ids as a number with those bits set; 0 for none."""
    if not ids or ids == "[]":
        return 0
    numbers: list[int] = json.loads(ids)
    if len(numbers) == 1:
        return 1 << numbers[0]
    field = bytearray(max(numbers) // 8 + 1)
    for number in numbers:
        field[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(field, "little")


def count(db: sqlite3.Connection, words: Words, top: int | None = None) -> dict[int, Count]:
    """Counts of all synsets, or of ``top`` and what is below it, by root."""
    roots = words.members if top is None else list(words.subtree(top))
    sets = _Sets(db, None if top is None else words.ids(roots))
    counts: dict[int, Count] = {}
    below: dict[int, int] = {}
    known: dict[int, bool] = {}
    for root in _bottom_up(words, roots):
        kept, accepted, rejected = sets.of(words.members[root])
        own = (kept & ~rejected) | accepted
        under = own
        seen = bool(kept or accepted or rejected)
        for child in words.children.get(root, ()):
            under |= below.pop(child)  # not needed again: keeps only one path's bits alive
            seen = seen or known[child]
        below[root], known[root] = under, seen
        counts[root] = Count(
            own.bit_count(),
            under.bit_count(),
            (kept | accepted | rejected).bit_count(),
            accepted.bit_count(),
            seen,
        )
    return counts


def supports(db: sqlite3.Connection, words: Words, roots: Iterable[int]) -> dict[int, int]:
    """``Count.support`` of these roots alone."""
    wanted = set(roots)
    if not wanted:
        return {}
    sets = _Sets(db, words.ids(wanted))
    found = {}
    for root in wanted:
        kept, accepted, rejected = sets.of(words.members[root])
        found[root] = ((kept & ~rejected) | accepted).bit_count()
    return found


def _bottom_up(words: Words, roots: Sequence[int] | dict[int, list[int]]) -> list[int]:
    wanted = set(roots)
    tops = [r for r in roots if words.parents[r] not in wanted]
    order = [id for top in tops for id in words.subtree(top)]
    order.reverse()
    return order


def shown(db: sqlite3.Connection, words: Words, roots: Sequence[int]) -> int:
    """Images where one of the roots is tagged and not rejected, as bits."""
    if not roots:
        return 0
    sets = _Sets(db, words.ids(roots))
    images = 0
    for root in roots:
        kept, accepted, rejected = sets.of(words.members[root])
        images |= (kept & ~rejected) | accepted
    return images


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Images as bits. ``tagged``: a tag passed the filters or was accepted. ``undecided``: one
    that passed was not decided; ``doubtful``: such a one has a score in the given range;
    ``unsupported``: no pixel supports such a one, though its pixels were looked at."""

    tagged: int
    undecided: int
    doubtful: int
    unsupported: int


def reviewed(
    db: sqlite3.Connection,
    words: Words,
    doubt: tuple[float, float] | None,
    *,
    pixels: bool = False,
) -> Reviewed:
    """How far each image is reviewed; tags of rejected words do not count. ``doubt``: scores
    that are doubtful, both ends included; None where nobody asks, as False for ``pixels``."""
    sets = _Sets(db, None)
    between: dict[int, str] = {}
    if doubt is not None:
        rows = db.execute(
            "SELECT synset_id, json_group_array(image_id) FROM tags INDEXED BY tags_synset "
            "WHERE kept = 1 AND score BETWEEN ? AND ? GROUP BY synset_id",
            doubt,
        )
        between = dict(rows.fetchall())
    seen = _pixels(db, words) if pixels else {}
    tagged = undecided = doubtful = unsupported = 0
    for root, members in words.members.items():
        if words.entries[root].verdict == "rejected":
            continue
        kept, accepted, rejected = sets.of(members)
        tagged |= kept | accepted
        decided = accepted | rejected
        undecided |= kept & ~decided
        not_seen = supported = 0
        for id in members:
            doubtful |= bits(between.get(id)) & ~decided
            not_seen |= bits(seen.get((id, 0)))
            supported |= bits(seen.get((id, 1)))
        unsupported |= not_seen & ~supported & kept & ~decided
    return Reviewed(tagged, undecided, doubtful & undecided, unsupported)


def _pixels(db: sqlite3.Connection, words: Words) -> dict[tuple[int, int], str]:
    """(synset, 0) -> images where no pixel supports it; (synset, 1), those where one does, of the
    merged synsets alone: there one member may speak for another."""
    merged = [id for members in words.members.values() if len(members) > 1 for id in members]
    rows = db.execute(
        "SELECT synset_id, supported, json_group_array(image_id) FROM tag_pixels "
        "WHERE supported = 0 OR synset_id IN (SELECT value FROM json_each(?)) "
        "GROUP BY synset_id, supported",
        (json.dumps(merged),),
    )
    return {(row[0], row[1]): row[2] for row in rows}


def ids(images: int) -> list[int]:
    """The ids whose bits are set, ascending."""
    field = images.to_bytes((images.bit_length() + 7) // 8, "little")
    return [
        at * 8 + bit for at, byte in enumerate(field) if byte for bit in range(8) if byte >> bit & 1
    ]


def only(order: Sequence[int], images: int) -> list[int]:
    """Those of ``order`` whose bits are set, in that order."""
    size = max(order, default=0) // 8 + 1
    field = (images & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return [id for id in order if field[id >> 3] >> (id & 7) & 1]
