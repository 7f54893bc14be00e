"""The images of the folder as a Qt model: only ids, so that 100,000 cost nothing up front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from annotator.core.records import Image
from annotator.gui.words import plain_tip
from annotator.project.queries import ImageMark

Index = QModelIndex | QPersistentModelIndex

IdRole = Qt.ItemDataRole.UserRole
ImageRole = Qt.ItemDataRole.UserRole + 1
MarkRole = Qt.ItemDataRole.UserRole + 2

#: What is known of at most so many images at a time; the rest is read again when it is seen.
_KEPT = 4000

_WORDS = {
    "new": "new: not looked at by a model yet",
    "unreviewed": "unreviewed",
    "doubtful": "doubtful: the models are not sure",
    "unsupported": "unsupported: no pixel shows one of its tags",
    "reviewed": "reviewed",
    "unreadable": "unreadable",
}


class ImagesModel(QAbstractListModel):
    """Rows are image ids in path order; what is on screen gets its facts from ``set_facts``."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: list[int] = []
        self._rows: dict[int, int] | None = None
        self._facts: dict[int, tuple[Image, ImageMark]] = {}
        self._stale: set[int] = set()

    @property
    def ids(self) -> Sequence[int]:
        return self._ids

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._ids)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or not 0 <= index.row() < len(self._ids):
            return None
        image_id = self._ids[index.row()]
        if role == IdRole:
            return image_id
        image, mark = self._facts.get(image_id, (None, None))
        if role == ImageRole:
            return image
        if role == MarkRole:
            return mark
        if image is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return image.path
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(_tooltip(image, mark))
        return None

    def set_ids(self, ids: list[int]) -> bool:
        """Show other images. Returns whether the rows that were there kept their places."""
        old = len(self._ids)
        if ids == self._ids:
            return True
        self._rows = None
        if old and len(ids) > old and ids[:old] == self._ids:
            self.beginInsertRows(QModelIndex(), old, len(ids) - 1)
            self._ids = ids
            self.endInsertRows()
            return True
        self.beginResetModel()
        self._ids = ids
        self.endResetModel()
        return False

    def id_at(self, row: int) -> int | None:
        return self._ids[row] if 0 <= row < len(self._ids) else None

    def row_of(self, image_id: int | None) -> int:
        """Row of an image, -1 when it is not shown."""
        if image_id is None:
            return -1
        if self._rows is None:
            self._rows = {shown: row for row, shown in enumerate(self._ids)}
        return self._rows.get(image_id, -1)

    def image(self, image_id: int) -> Image | None:
        """What is known of an image, if it was on screen lately."""
        return self._facts.get(image_id, (None, None))[0]

    def unknown(self, ids: Sequence[int]) -> list[int]:
        """Those whose facts have to be read."""
        return [i for i in ids if i not in self._facts or i in self._stale]

    def set_facts(self, facts: Mapping[int, tuple[Image, ImageMark]]) -> None:
        """Facts of some images, as read from the project."""
        for image_id, fact in facts.items():
            self._facts.pop(image_id, None)
            self._facts[image_id] = fact
        self._stale.difference_update(facts)
        while len(self._facts) > _KEPT:
            self._facts.pop(next(iter(self._facts)))
        rows = [row for row in map(self.row_of, facts) if row >= 0]
        if rows:
            self.dataChanged.emit(self.index(min(rows)), self.index(max(rows)))

    def doubt_facts(self) -> None:
        """Facts may have changed: they are shown until they are read again."""
        self._stale = set(self._facts)


def _tooltip(image: Image, mark: ImageMark | None) -> str:
    lines = [image.path]
    if image.error:
        lines.append(f"unreadable: {image.error}")
    elif mark is not None:
        lines.append(_WORDS.get(mark.status, mark.status))
        lines.append(f"{mark.tags} tag{'' if mark.tags == 1 else 's'}, {mark.accepted} accepted")
    if image.width and image.height:
        lines.append(f"{image.width} × {image.height}")
    return "\n".join(lines)
