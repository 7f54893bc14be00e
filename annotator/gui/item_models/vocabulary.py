"""The Qt model of the vocabulary tree."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import (
    QAbstractItemModel,
    QByteArray,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

from annotator.core.records import Synset
from annotator.gui.item_models.vocabulary_forest import EMPTY, Chip, Forest, Shown
from annotator.gui.words import plain_tip

#: Synset ids that are being dragged, as decimal numbers with a space between.
MIME = "application/x-annotator-synsets"
Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
#: Made once: a view asks for the flags of every row when it lays out.
_FLAGS = (
    Qt.ItemFlag.ItemIsEnabled
    | Qt.ItemFlag.ItemIsSelectable
    | Qt.ItemFlag.ItemIsEditable
    | Qt.ItemFlag.ItemIsDragEnabled
    | Qt.ItemFlag.ItemIsDropEnabled
)


class VocabularyModel(QAbstractItemModel):
    """Synsets as a tree of one column; the internal id of an index is the synset's id.

    A reload is announced as a layout change with every persistent index carried over by synset
    id, so that a view keeps its expansion, selection and open editor. Rows that are gone become
    invalid indexes.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.forest = Forest()
        self.shown: Shown = EMPTY
        self.text = ""
        self.chip: Chip = "all"

    @property
    def filtered(self) -> bool:
        """Whether a search or a chip hides a part of the vocabulary."""
        return bool(self.text.strip()) or self.chip != "all"

    def load(self, forest: Forest) -> None:
        """Show a newly read vocabulary under the filter that is set."""
        self._replace(forest, forest.shown(self.text, self.chip))

    def set_filter(self, text: str, chip: Chip) -> None:
        """Show what holds every word of ``text`` and belongs to ``chip``."""
        if (text, chip) == (self.text, self.chip):
            return
        self.text, self.chip = text, chip
        self._replace(self.forest, self.forest.shown(text, chip))

    def _replace(self, forest: Forest, shown: Shown) -> None:
        if shown.children == self.shown.children:
            # A verdict, a name or a number: no row moves, so the view need not lay out anew.
            self.forest, self.shown = forest, shown
            rows = self.rowCount()
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(rows - 1, 0))
            return
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        self.forest, self.shown = forest, shown
        self.changePersistentIndexList(old, [self.index_of(i.internalId()) for i in old])
        self.layoutChanged.emit()

    def synset(self, index: Index) -> Synset | None:
        """The synset of a row, None for an index that is not one."""
        return self.forest.synsets.get(index.internalId()) if index.isValid() else None

    def index_of(self, synset_id: int | None) -> QModelIndex:
        """Where a synset is shown; an invalid index when it is not."""
        row = None if synset_id is None else self.shown.rows.get(synset_id)
        return QModelIndex() if row is None else self.createIndex(row, 0, synset_id)

    def is_match(self, index: Index) -> bool:
        """False for a row that is there only because something below it matches."""
        return index.internalId() in self.shown.matches

    def bar(self, synset: Synset) -> float:
        """Length of the score bar in [0, 1], relative to the best score of all. For display only:
        the raw score is in the record."""
        return synset.score / self.forest.top if self.forest.top > 0 else 0.0

    # --- QAbstractItemModel

    def index(self, row: int, column: int, parent: Index = _ROOT) -> QModelIndex:
        ids = self._children(parent)
        if column != 0 or not 0 <= row < len(ids):
            return QModelIndex()
        return self.createIndex(row, 0, ids[row])

    def parent(self, index: Index = _ROOT) -> QModelIndex:  # type: ignore[override]
        if not index.isValid():
            return QModelIndex()
        return self.index_of(self.shown.parents.get(index.internalId()))

    def rowCount(self, parent: Index = _ROOT) -> int:
        return len(self._children(parent))

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.column() > 0 else 1

    def hasChildren(self, parent: Index = _ROOT) -> bool:
        return bool(self._children(parent))

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        synset = self.synset(index)
        if synset is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return synset.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(tooltip(synset))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            images = synset.subtree_support if synset.inner else synset.support
            return f"{synset.name}, {images} images, {verdict_word(synset)}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return _FLAGS

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        return mime_of([i.internalId() for i in indexes])

    def supportedDropActions(self) -> Qt.DropAction:
        # The view turns a drop into a preview; the model itself never moves rows.
        return Qt.DropAction.CopyAction

    def _children(self, parent: Index) -> tuple[int, ...]:
        if parent.column() > 0:
            return ()
        key = parent.internalId() if parent.isValid() else None
        return self.shown.children.get(key, ())


def mime_of(ids: Collection[int]) -> QMimeData:
    """Synset ids as something to drag."""
    mime = QMimeData()
    mime.setData(MIME, QByteArray(" ".join(map(str, ids)).encode()))
    return mime


def ids_of(mime: QMimeData) -> list[int]:
    """The dragged synset ids; empty for anything that is not ours."""
    if not mime.hasFormat(MIME):
        return []
    return [int(part) for part in bytes(mime.data(MIME).data()).split()]


def verdict_word(synset: Synset) -> str:
    """The verdict as a person reads it."""
    return "to decide" if synset.verdict == "unknown" else synset.verdict


def tooltip(synset: Synset) -> str:
    """What the row has no room for."""
    lines = [synset.name]
    others = [lemma for lemma in synset.lemmas if lemma != synset.name]
    if others:
        lines.append("also: " + ", ".join(others))
    if synset.inner:
        lines.append(f"groups {synset.subtree_support} images of the synsets below it")
    else:
        lines.append(f"in {synset.support} images, score {synset.score:.3g}")
    return "\n".join(lines)
