"""The vocabulary tree: selection by synset id, renaming in place, dragging onto another synset."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import shiboken6
from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QMouseEvent,
    QPainter,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractItemDelegate, QAbstractItemView, QTreeView, QWidget

from annotator.gui.item_models.vocabulary import Index, VocabularyModel, ids_of
from annotator.gui.item_models.vocabulary_forest import Chip, Forest
from annotator.gui.panels import synset_tree_rows as rows
from annotator.gui.panels.synset_tree_rename import RenameEditor, SynsetDelegate, TakenOffer

#: A vocabulary of up to this many synsets opens unfolded, a larger one shows its top level.
UNFOLD_AT_FIRST = 400


class SynsetTree(QTreeView):
    """Shows a VocabularyModel and keeps selection, folding and scroll position by synset id."""

    selected = Signal(object)  # list[int]: current synset first, empty when there is none
    dropped = Signal(object, int, bool)  # dragged ids, id dropped on, whether to move it below
    rename_asked = Signal(int, str)
    merge_asked = Signal(int, int)  # a rename met a name that is taken: source, target

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("synsetTree")
        self.setAccessibleName("Vocabulary")
        self._open_by_default: bool | None = None
        self._turned: set[int] = set()  # folded or unfolded by the person, against the default
        self._folded_matches: set[int] = set()  # folded by the person while a filter is on
        self._drop_target: int | None = None
        self._hover: int | None = None
        self._editor: RenameEditor | None = None
        self._renamed: int | None = None
        self._quiet = False
        self.vocabulary = VocabularyModel(self)
        self.setModel(self.vocabulary)
        delegate = SynsetDelegate(self)
        delegate.opened.connect(self._editor_opened)
        self.setItemDelegate(delegate)
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setRootIsDecorated(False)
        self.setIndentation(rows.INDENT)
        self.setFrameShape(QTreeView.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDropIndicatorShown(False)
        self.setAutoExpandDelay(700)
        self.setAnimated(False)
        self.offer = TakenOffer(self.viewport())
        self.offer.accepted.connect(self._take_offer)
        self.expanded.connect(lambda index: self._folding(index, True))
        self.collapsed.connect(lambda index: self._folding(index, False))

    # --- content

    def load(self, forest: Forest) -> None:
        """Show a newly read vocabulary."""
        self._keeping(lambda: self.vocabulary.load(forest))

    def set_filter(self, text: str, chip: Chip) -> None:
        """Narrow the tree; while a search is on, everything that matches is unfolded."""
        self._folded_matches.clear()
        self._keeping(lambda: self.vocabulary.set_filter(text, chip))

    def _keeping(self, change: Callable[[], None]) -> None:
        """Run a change of the model and put selection, folding and scroll position back."""
        chosen, current = self.selected_ids(), self.current_id()
        at = self.indexAt(QPoint(1, 1))
        top, offset = (at.internalId(), self.visualRect(at).top()) if at.isValid() else (None, 0)
        successor = self._successor(current) if current is not None else []
        self._quiet = True
        try:
            change()
            self._end_lost_rename()
            self._apply_folding()
            gone = current is not None and current not in self.vocabulary.shown.rows
            if gone:
                current = next((i for i in successor if i in self.vocabulary.shown.rows), None)
                chosen = [current] if current is not None else []
            self._choose(chosen, current)
        finally:
            self._quiet = False
        where = self.vocabulary.index_of(top)
        if where.isValid():
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + self.visualRect(where).top() - offset)
        self._tell()
        self.viewport().update()

    def _successor(self, synset_id: int) -> list[int]:
        """Who is selected when a row goes: the ones below it on screen, then the ones above."""
        below: list[int] = []
        above: list[int] = []
        index = self.vocabulary.index_of(synset_id)
        while (index := self.indexBelow(index)).isValid() and len(below) < 50:
            below.append(index.internalId())
        index = self.vocabulary.index_of(synset_id)
        while (index := self.indexAbove(index)).isValid() and len(above) < 50:
            above.append(index.internalId())
        inner = self.vocabulary.forest.synsets
        return sorted([*below, *above], key=lambda i: inner[i].inner)

    # --- folding

    def _folding(self, index: Index, unfolded: bool) -> None:
        if not self._quiet:
            self._remember_folding(index.internalId(), unfolded)

    def _remember_folding(self, synset_id: int, unfolded: bool) -> None:
        if self.vocabulary.filtered:
            (self._folded_matches.discard if unfolded else self._folded_matches.add)(synset_id)
        elif unfolded == self._open_by_default:
            self._turned.discard(synset_id)
        else:
            self._turned.add(synset_id)

    def _unfolded(self, synset_id: int) -> bool:
        if self.vocabulary.filtered:
            return synset_id not in self._folded_matches
        return bool(self._open_by_default) != (synset_id in self._turned)

    def _apply_folding(self) -> None:
        shown = self.vocabulary.shown
        if self._open_by_default is None and shown.rows:
            self._open_by_default = len(self.vocabulary.forest.synsets) <= UNFOLD_AT_FIRST
        for synset_id in shown.children:
            if synset_id is not None:
                index = self.vocabulary.index_of(synset_id)
                wanted = self._unfolded(synset_id)
                if self.isExpanded(index) != wanted:
                    self.setExpanded(index, wanted)

    # --- selection

    def current_id(self) -> int | None:
        """The synset with the keyboard focus."""
        index = self.currentIndex()
        return index.internalId() if index.isValid() else None

    def selected_ids(self) -> list[int]:
        """The selected synsets, the current one first."""
        current = self.current_id()
        ids = [i.internalId() for i in self.selectionModel().selectedIndexes()]
        return sorted(ids, key=lambda i: i != current)

    def select(self, synset_id: int | None) -> None:
        """Select one synset and bring it into view; a folded parent is unfolded."""
        if synset_id == self.current_id() and (synset_id is None or self.selected_ids()):
            return
        self._quiet = True
        try:
            for above in reversed(self.vocabulary.forest.above(synset_id or 0)):
                self.setExpanded(self.vocabulary.index_of(above), True)
                self._remember_folding(above, True)
            self._choose([] if synset_id is None else [synset_id], synset_id)
        finally:
            self._quiet = False
        index = self.currentIndex()
        if index.isValid() and not self.viewport().rect().contains(self.visualRect(index)):
            self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        self._tell()

    def _choose(self, ids: Collection[int], current: int | None) -> None:
        selection = QItemSelection()
        for index in map(self.vocabulary.index_of, ids):
            if index.isValid():
                selection.select(index, index)
        model = self.selectionModel()
        flag = QItemSelectionModel.SelectionFlag
        model.setCurrentIndex(self.vocabulary.index_of(current), flag.NoUpdate)
        model.select(selection, flag.ClearAndSelect)

    def selectAll(self) -> None:
        """Select what matches; rows that only lead to a match are left alone."""
        visible = [i for i in self.vocabulary.shown.order() if i in self.vocabulary.shown.matches]
        self._choose(visible, self.current_id())

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        if not self._quiet:
            self._tell()

    def _tell(self) -> None:
        self.selected.emit(self.selected_ids())

    # --- renaming in place

    def begin_rename(self) -> None:
        """Edit the current synset's name in its row."""
        self._end_lost_rename()
        index = self.currentIndex()
        if index.isValid() and self._editor is None:
            self.scrollTo(index)
            self._renamed = index.internalId()
            self.edit(index)

    def _editor_opened(self, editor: RenameEditor) -> None:
        self._editor = editor
        editor.asked.connect(self._ask_rename)
        editor.given_up.connect(self.end_rename)
        editor.textEdited.connect(lambda _text: self._offer_off())

    def _end_lost_rename(self) -> None:
        """The editor went, or its row did: else the tree would let no other be edited."""
        editor = self._editor
        if editor is None:
            return
        lost = not shiboken6.isValid(editor) or editor.isHidden()
        if lost or self._renamed not in self.vocabulary.shown.rows:
            self.end_rename()

    def _ask_rename(self, text: str) -> None:
        if self._renamed is None or self._editor is None:
            return
        if self.offer.isVisible() and self.offer.target is not None:
            self._take_offer(self.offer.target)
        else:
            self.rename_asked.emit(self._renamed, text)

    def end_rename(self) -> None:
        """Close the line edit; the tree has the keyboard again."""
        editor, self._editor, self._renamed = self._editor, None, None
        self._offer_off()
        if editor is None:
            return
        if shiboken6.isValid(editor):
            editor.waiting = True  # closing takes its focus, which is no new question
            editor.hide()  # shown and without a row it would not be closed
            self.closeEditor(editor, QAbstractItemDelegate.EndEditHint.NoHint)
        else:
            self.setState(QAbstractItemView.State.NoState)
        self.setFocus()

    def refuse_rename(self, taken_by: int | None, reason: str) -> bool:
        """The name cannot be had: keep the line edit, say why, offer the merge if it is taken.
        False when there is no line edit any more, and nothing was said."""
        self._end_lost_rename()
        if self._editor is None or self._renamed is None:
            return False
        other = self.vocabulary.forest.synsets.get(taken_by) if taken_by is not None else None
        self._editor.refused()
        row = self.visualRect(self.vocabulary.index_of(self._renamed))
        if other is not None:
            self.offer.offer(other.id, other.name, row)
        else:
            self.offer.refuse(reason, row)
        return True

    def _offer_off(self) -> None:
        self.offer.hide()

    def _take_offer(self, target: int) -> None:
        source = self._renamed
        self.end_rename()
        if source is not None:
            self.merge_asked.emit(source, target)

    # --- dragging

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if ids_of(event.mimeData()):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        # Qt's own part scrolls at the edges and unfolds what the pointer rests on.
        super().dragMoveEvent(event)
        target = self._target_of(event)
        if target != self._drop_target:
            self._drop_target = target
            self.viewport().update()
        if target is None:
            event.ignore()
        else:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        super().dragLeaveEvent(event)
        self._drop_target = None
        self.viewport().update()

    def dropEvent(self, event: QDropEvent) -> None:
        target, ids = self._target_of(event), ids_of(event.mimeData())
        self._drop_target = None
        self.stopAutoScroll()
        self.setState(QAbstractItemView.State.NoState)
        self.viewport().update()
        if target is None:
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        below = Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier
        self.dropped.emit(ids, target, bool(event.modifiers() & below))

    def _target_of(self, event: QDropEvent) -> int | None:
        index = self.indexAt(event.position().toPoint())
        ids = ids_of(event.mimeData())
        if not index.isValid() or not ids or index.internalId() in ids:
            return None
        return int(index.internalId())

    # --- painting and the mouse

    def drawRow(self, painter: QPainter, options: object, index: Index) -> None:
        synset = self.vocabulary.synset(index)
        if synset is None:
            return
        box = self.visualRect(index)
        row = QRect(0, box.top(), self.viewport().width(), box.height())
        state = rows.RowState(
            indent=box.left(),
            selected=self.selectionModel().isSelected(index),
            focused=self.hasFocus() and index == self.currentIndex(),
            hovered=index.internalId() == self._hover,
            target=index.internalId() == self._drop_target,
            has_children=self.vocabulary.hasChildren(index),
            expanded=self.isExpanded(index),
            faded=not self.vocabulary.is_match(index),
            bar=self.vocabulary.bar(synset),
        )
        rows.paint_row(painter, row, synset, state, self.font())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and self.vocabulary.hasChildren(index):
            box = self.visualRect(index)
            row = QRect(0, box.top(), self.viewport().width(), box.height())
            if rows.arrow_rect(row, box.left()).contains(event.position().toPoint()):
                self.setExpanded(index, not self.isExpanded(index))
                return
        super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and not self.vocabulary.hasChildren(index):
            self.begin_rename()
            return
        super().mouseDoubleClickEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        index = self.indexAt(event.position().toPoint())
        self._set_hover(index.internalId() if index.isValid() else None)

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._set_hover(None)
        return super().viewportEvent(event)

    def _set_hover(self, synset_id: int | None) -> None:
        if synset_id != self._hover:
            self._hover = synset_id
            self.viewport().update()

    def updateGeometries(self) -> None:
        super().updateGeometries()
        self._place_offer()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_offer()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        self._place_offer()

    def _place_offer(self) -> None:
        offer = getattr(self, "offer", None)  # Qt lays out before __init__ is through
        if offer is not None and offer.isVisible() and self._renamed is not None:
            offer.place(self.visualRect(self.vocabulary.index_of(self._renamed)))

    def keyboardSearch(self, search: str) -> None:
        """Letters are commands here; the search box is one key away."""

    def ids_in_order(self) -> Iterable[int]:
        """Shown ids from top to bottom."""
        return self.vocabulary.shown.order()
