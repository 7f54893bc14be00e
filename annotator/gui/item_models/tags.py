"""The tags and the regions of one image as Qt models, and what is said of them in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from typing import Any, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from annotator.core.records import Region, Tag, Verdict
from annotator.gui.item_models.overlaps import overlaps
from annotator.gui.words import plain_tip, plural

Index = QModelIndex | QPersistentModelIndex
RecordRole = Qt.ItemDataRole.UserRole
#: A region's name with its number, where a tag has several masks.
NameRole = Qt.ItemDataRole.UserRole + 1
Record = TypeVar("Record", Tag, Region)

SIGNS: dict[Verdict, str] = {"accepted": "✓", "rejected": "✕", "unknown": ""}


def verdict_words(verdict: Verdict) -> str:
    """A sign and a word, never a colour alone; nothing while nobody decided."""
    return "" if verdict == "unknown" else f"{SIGNS[verdict]} {verdict}"


def seen_words(tag: Tag) -> str:
    """Where a tag comes from, in a few words."""
    if not tag.kept and tag.reason:
        return f"dropped: {tag.reason}"
    if tag.score is None:
        return "added by you"
    if tag.crops <= 1:
        return "seen on the whole image"
    count = f"seen in {len(tag.seen)} of {tag.crops} crops"
    return f"{count} · {', '.join(tag.seen)}" if 0 < len(tag.seen) <= 2 else count


def peak_words(tag: Tag) -> str:
    """What the pixels say of a tag, "" where nobody looked at them."""
    if tag.peak is None or tag.supported is None:
        return ""
    number = number_words(tag.peak)
    return f"seen at {number}" if tag.supported else f"no pixel shows it, {number}"


def pixel_words(tag: Tag) -> str:
    """The same for a list, with a sign where it casts doubt; nothing of what a filter dropped."""
    if tag.peak is None or tag.supported is None or (not tag.kept and tag.verdict == "unknown"):
        return ""
    return f"peak {number_words(tag.peak)}" if tag.supported else f"△ {peak_words(tag)}"


def origin_words(region: Region) -> str:
    """Where a mask comes from."""
    if region.source != "person":
        return "proposed"
    return "corrected by you" if "replaces" in region.prompt else "kept by you"


def overlap_words(region: Region) -> str:
    """What was settled with the masks of other tags: "gave 12 % to sofa", "part of person"."""
    return " · ".join(overlaps(region.prompt.get("overlap"), region.area))


def numbered(regions: Sequence[Region]) -> dict[int, str]:
    """Region id -> name, with a number where a tag has several masks: "person 2"."""
    totals = Counter(region.synset_id for region in regions)
    so_far: Counter[int] = Counter()
    names = {}
    for region in regions:
        so_far[region.synset_id] += 1
        many = totals[region.synset_id] > 1
        names[region.id] = f"{region.synset} {so_far[region.synset_id]}" if many else region.synset
    return names


def not_replaced(regions: Sequence[Region]) -> list[Region]:
    """Without masks in whose place a correction is, unless that was rejected itself."""
    gone = {r.prompt.get("replaces") for r in regions if r.verdict != "rejected"}
    return [r for r in regions if r.verdict != "rejected" or r.id not in gone]


def number_words(value: float, digits: int = 2) -> str:
    """A number with a fixed count of digits, and no minus before a zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def area_words(pixels: int) -> str:
    return f"{pixels:,} px"


def next_undecided(tags: Sequence[Tag], after: int, decided: Container[int] = ()) -> int | None:
    """Row of the first undecided tag below row ``after``, then from the top; dropped ones are
    no question to anybody. ``decided``: synsets whose decision is on its way to the file."""
    order = [*range(after + 1, len(tags)), *range(after + 1)]
    return next((i for i in order if _waits(tags[i]) and tags[i].synset_id not in decided), None)


def _waits(tag: Tag) -> bool:
    return tag.kept and tag.verdict == "unknown"


class _RecordsModel(QAbstractListModel, Generic[Record]):
    """A short list of records; a row keeps its selection while its record stays."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._records: list[Record] = []

    @property
    def records(self) -> Sequence[Record]:
        return self._records

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._records)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._records):
            return None
        record = self._records[index.row()]
        if role == RecordRole:
            return record
        if role == NameRole:
            return self.name(record)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._words(record)
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(self._tooltip(record))
        return None

    def set_records(self, records: Sequence[Record]) -> None:
        new = list(records)
        if [self._key(r) for r in self._records] == [self._key(r) for r in new]:
            self._records = new
            if new:
                self.dataChanged.emit(self.index(0), self.index(len(new) - 1))
            return
        self.beginResetModel()
        self._records = new
        self.endResetModel()

    def record(self, row: int) -> Record | None:
        return self._records[row] if 0 <= row < len(self._records) else None

    def row_of(self, key: int | None) -> int:
        return next((i for i, r in enumerate(self._records) if self._key(r) == key), -1)

    def name(self, record: Record) -> str:
        return record.synset

    def _key(self, record: Record) -> int:
        raise TypeError(type(record))

    def _words(self, record: Record) -> str:
        raise TypeError(type(record))

    def _tooltip(self, record: Record) -> str:
        raise TypeError(type(record))


class TagsModel(_RecordsModel[Tag]):
    """Tags of an image, known by their synset."""

    def _key(self, record: Tag) -> int:
        return record.synset_id

    def _words(self, record: Tag) -> str:
        score = "" if record.score is None else f"{record.score:.2f}"
        said = (record.synset, score, peak_words(record), verdict_words(record.verdict))
        return " ".join(words for words in said if words)

    def _tooltip(self, record: Tag) -> str:
        lines = [record.synset, seen_words(record)]
        if record.seen:
            lines.append("crops: " + ", ".join(record.seen))
        if record.score is not None:
            lines.append(f"score {record.score:.3f}, a machine's number")
        if record.supported is not None and record.peak is not None:
            what = "the pixels show it" if record.supported else "no pixel shows it well enough"
            lines.append(f"{what}: highest similarity {record.peak:.3f}")
        if record.verdict != "unknown":
            lines.append(f"{verdict_words(record.verdict)}, decided by a person")
        return "\n".join(lines)


class RegionsModel(_RecordsModel[Region]):
    """Masks of an image, known by their id; several of a tag are numbered."""

    def set_records(self, records: Sequence[Region]) -> None:
        self._names = numbered(records)
        super().set_records(records)

    def name(self, record: Region) -> str:
        return self._names.get(record.id, record.synset)

    def _key(self, record: Region) -> int:
        return record.id

    def _words(self, record: Region) -> str:
        words = (self.name(record), area_words(record.area), verdict_words(record.verdict))
        return " ".join(w for w in words if w)

    def _tooltip(self, record: Region) -> str:
        x, y, w, h = record.bbox
        lines = [self.name(record), f"{area_words(record.area)}, {w} × {h} at {x}, {y}"]
        if record.score is not None:
            lines.append(f"mean similarity {record.score:.3f}")
        if record.threshold is not None:
            lines.append(f"cut at similarity {record.threshold:.3f}")
        lines += overlaps(record.prompt.get("overlap"), record.area)
        if record.prompt.get("points"):
            lines.append(f"asked with {plural(len(record.prompt['points']), 'click')}")
        if record.prompt.get("text"):
            lines.append(f"found by “{record.prompt['text'][:200]}”")
        return "\n".join(lines)
