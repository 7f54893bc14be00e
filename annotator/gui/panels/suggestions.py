"""Merges and parents that a machine suggests, the surest first. A person takes or rejects them,
one by one or many at once; nothing is taken by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import shiboken6
from PySide6.QtCore import Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from annotator.core.errors import AnnotatorError
from annotator.core.records import Suggestion
from annotator.gui.elided_label import ElidedLabel
from annotator.gui.item_models.suggestions import SuggestionsModel
from annotator.gui.key_button import KeyButton
from annotator.gui.panels.evidence_widgets import Flow
from annotator.gui.panels.suggestion_many import TakeMany
from annotator.gui.panels.suggestion_rows import SuggestionList
from annotator.gui.session import Session
from annotator.project.sqlite import sqlite3

#: The name of the job that makes suggestions.
JOB = "group"
_FIRST = (
    "No suggestions. Annotator can look for words that mean the same thing, and for parents; "
    "nothing changes before you take a suggestion."
)
_NONE_LEFT = "No suggestions left: all are decided, or none was found."
_LOOKING = "Looking for words that belong together…"

_Read = tuple[list[Suggestion], bool]


class SuggestionsPanel(QWidget):
    """The queue with its buttons. It shows what is read, and asks the session to decide."""

    previewed = Signal(object)  # Suggestion | None
    swap_wanted = Signal(object)  # Suggestion
    group_wanted = Signal()
    left = Signal()  # the keyboard goes back to the tree

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._deciding: set[int] = set()
        self._shown: Suggestion | None = None
        self._grouped = False
        self._loading = False
        self.model = SuggestionsModel(self)
        self.caption = ElidedLabel("", self)
        self.caption.setObjectName("heading")
        self.note = QLabel(self)
        self.note.setObjectName("hint")
        self.note.setWordWrap(True)
        self.group_button = KeyButton("Suggest groups", "Ctrl+G", parent=self)
        self.group_button.clicked.connect(self.group_wanted)
        self.list = SuggestionList(self.model, self)
        self.take_button = KeyButton("Take", "Y")
        self.reject_button = KeyButton("Reject", "X")
        self.swap_button = KeyButton("Swap", "S")
        self.next_button = KeyButton("Next", "↓")
        self.above_button = KeyButton("Take all above…", "A", small=True, parent=self)
        self.many = TakeMany(self.model, self)
        self.buttons = Flow(self)
        for button, run in (
            (self.take_button, self.take),
            (self.reject_button, self.reject),
            (self.swap_button, self.swap),
            (self.next_button, self.next),
        ):
            button.clicked.connect(run)
            self.buttons.add(button)
        self.above_button.clicked.connect(self.ask_many)
        self._key = QLabel("G", self)
        self._key.setObjectName("key")
        self._key.setFixedWidth(24)
        self._key.setToolTip("Go to the suggestions (G)")
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.caption)
        head.addWidget(self._key)
        head.addStretch(1)
        head.addWidget(self.above_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(8)
        box.addLayout(head)
        for part in (self.note, self.group_button):
            box.addWidget(part)
        box.addWidget(self.list, 1)
        box.addWidget(self.buttons)
        box.addWidget(self.many)
        self.many.hide()
        self.many.confirmed.connect(self._take_many)
        self.many.cancelled.connect(self._close_many)
        self.list.selectionModel().selectionChanged.connect(self._selected)
        self.list.selectionModel().currentChanged.connect(self._selected)
        session.jobs.started.connect(self._tell)
        session.jobs.ended.connect(self._tell)
        self._tell()

    # --- reading

    def reload(self) -> None:
        """Read the suggestions anew."""
        shown = self.model.rows

        def read(db: sqlite3.Connection) -> _Read:
            from annotator.project import queries

            # Those that are as they were stay the same objects: comparing is quick then.
            old = {one.id: one for one in shown}
            found = queries.suggestions(db)
            rows = [old[one.id] if old.get(one.id) == one else one for one in found]
            return rows, queries.last_run(db, JOB) is not None

        self._session.read(read, self._show, key="suggestions")

    def _show(self, found: _Read) -> None:
        if shiboken6.isValid(self):
            rows, self._grouped = found
            self._load([one for one in rows if one.id not in self._deciding])

    def _load(self, rows: Sequence[Suggestion]) -> None:
        """The chosen rows stay chosen; when they are gone, the next one in their place is."""
        chosen = {one.id for one in self.list.chosen()}
        current, at = self.list.current(), self.list.currentIndex().row()
        top = self.list.verticalScrollBar().value()
        self._loading = True  # Nothing is previewed between the two lists.
        try:
            changed = self.model.load(rows)
            if changed:
                self.list.verticalScrollBar().setValue(top)
            if changed and chosen and self.model.rows:
                kept = self.model.rows_of(chosen)
                same = self.model.rows_of([current.id]) if current is not None else []
                following = min(max(at, 0), len(self.model.rows) - 1)
                self.list.choose(kept, (same or kept or [following])[0])
        finally:
            self._loading = False
        if changed:
            self._selected()
            self.many.refresh()
        self._tell()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._tell()

    def _tell(self, _job: object = None) -> None:
        """What there is, in words."""
        count, looking = len(self.model.rows), self._session.jobs.get(JOB) is not None
        if count == 0 and self.has_keys():
            self.left.emit()
        number = f" · {count:,}" if count else ""
        self.caption.setText(f"SUGGESTIONS{number}" + (" · LOOKING…" if looking and count else ""))
        self.note.setVisible(count == 0)
        self.note.setText(_LOOKING if looking else _NONE_LEFT if self._grouped else _FIRST)
        self.group_button.setVisible(count == 0 and not looking)
        self.list.setVisible(count > 0)
        self.buttons.setVisible(count > 0 and self.many.isHidden())
        if count == 0:
            self.many.hide()
        self.above_button.setVisible(count > 0)
        self._key.setVisible(count > 0)
        self.updateGeometry()

    # --- choosing

    def has_keys(self) -> bool:
        """Letters mean the suggestions while their list has the keyboard."""
        focus = QApplication.focusWidget()
        return focus is not None and self.isAncestorOf(focus)

    def show_keys(self) -> None:
        """The button that Y presses stands out while the keyboard is here."""
        self.take_button.set_primary(self.has_keys())

    def begin(self) -> None:
        """Give the list the keyboard, with a row chosen."""
        if not self.model.rows:
            return
        if self.list.current() is None:
            self.list.choose((), max(0, self.list.currentIndex().row()))
        self.list.setFocus()

    def drop(self) -> None:
        """Nothing is chosen any more; nobody is told."""
        self._loading, self._shown = True, None
        self.list.clearSelection()
        self._loading = False
        self._buttons()

    def _selected(self, *_: object) -> None:
        if self._loading:
            return
        self._buttons()
        current = self.list.current()
        if current != self._shown:
            self._shown = current
            self.previewed.emit(current)

    def _buttons(self) -> None:
        chosen = self.list.chosen()
        several = f" {len(chosen):,} selected" if len(chosen) > 1 else ""
        self.take_button.set_text(f"Take{several}", "Y")
        self.reject_button.set_text(f"Reject{several}", "X")
        for button in (self.take_button, self.reject_button):
            button.setEnabled(bool(chosen))
        self.swap_button.setVisible(len(chosen) == 1 and chosen[0].kind == "merge")
        self.next_button.setVisible(len(chosen) < 2)
        self.buttons.refresh()

    # --- deciding

    def take(self) -> None:
        """Do what the chosen ones suggest, as one step of the history."""
        self._decide("take", [one.id for one in self.list.chosen()])

    def reject(self) -> None:
        """Turn the chosen ones down for good."""
        self._decide("reject", [one.id for one in self.list.chosen()])

    def swap(self) -> None:
        """Prepare the merge the other way round."""
        one = self.list.current()
        if one is not None and one.kind == "merge":
            self.swap_wanted.emit(one)

    def next(self) -> None:
        """Choose the row below, of none the first."""
        row = 0 if self.list.current() is None else self.list.currentIndex().row() + 1
        if row < len(self.model.rows):
            self.list.choose((), row)
        self.list.setFocus()

    def ask_many(self) -> None:
        """Ask how sure they have to be to be taken together."""
        if self.model.rows:
            self.buttons.hide()
            self.many.ask()

    def _close_many(self) -> None:
        self.many.hide()
        self.buttons.setVisible(bool(self.model.rows))
        self.begin()

    def _take_many(self, ids: list[int]) -> None:
        self._close_many()
        self._decide("take", ids)

    def _decide(self, verb: str, ids: list[int]) -> None:
        if not ids:
            return
        # Off the list at once, so that the next key means the next row; read again afterwards.
        self._deciding.update(ids)
        gone = set(ids)
        self._load([one for one in self.model.rows if one.id not in gone])

        def done(_nothing: object) -> None:
            if shiboken6.isValid(self):
                self._deciding.difference_update(gone)
                self.reload()

        def failed(error: AnnotatorError) -> None:
            self._session.message.emit("error", str(error))
            done(None)

        self._session.act(_verb(verb), ids, done=done, failed=failed)


def _verb(name: str) -> Callable[..., Any]:
    from annotator.operations import suggestions

    return {"take": suggestions.take, "reject": suggestions.reject}[name]
